"""Wrong calls of modules: containers, registration, states, parameters, clipping, initial values, and operands of every layer and loss.

Each is refused by an error that names what was called, and nothing is changed before it. Not here: settings of layers
(``test_wrong_settings.py``), optimizers and schedules (``tests/optim/test_wrong_calls.py``).
"""

from __future__ import annotations

import math
import re

import numpy as np
import pytest

import tensorflowlite_clone as tl
from tensorflowlite_clone import _errors, nn

CLEAR = tuple(e for e in vars(_errors).values() if isinstance(e, type) and issubclass(e, Exception) and e.__module__ == _errors.__name__)
t = tl.ones


def sequential():
    return nn.Sequential(nn.Linear(2, 3), nn.ReLU())


def modules():
    return nn.ModuleList([nn.ReLU(), nn.Tanh()])


def named():
    return nn.ModuleDict({"a": nn.ReLU()})


def parameters():
    return nn.ParameterList([t(2)])


def named_parameters():
    return nn.ParameterDict({"a": t(2)})


def linear():
    return nn.Linear(2, 3)


def put(key, value):
    return lambda m: m.__setitem__(key, value)


def load(**state):
    return lambda m: m.load_state_dict({"weight": t(3, 2), "bias": t(3), **state})


def text(*shape):
    return np.full(shape, "a")


#: What makes the object, and for each wrong call what does it.
CHANGES = {
    sequential: {
        "index": lambda m: m[5], "text as index": lambda m: m["a"], "float as index": lambda m: m[1.5], "None as index": lambda m: m[None],
        "set a number": put(0, 3), "set a class": put(0, nn.ReLU), "set beyond": put(7, nn.ReLU()), "set by name": put("a", nn.ReLU()),
        "del beyond": lambda m: m.__delitem__(9), "del by name": lambda m: m.__delitem__("a"), "append": lambda m: m.append(3),
        "append a function": lambda m: m.append(tl.relu), "insert": lambda m: m.insert(0, 3),
        "insert by name": lambda m: m.insert("a", nn.ReLU()),
        "extend by one bad": lambda m: m.extend([nn.ReLU(), 3]), "extend by a number": lambda m: m.extend(3),
        "extend by text": lambda m: m.extend("ab"), "add": lambda m: m + 3, "iadd": lambda m: m.__iadd__([nn.ReLU(), "x"]),
        "times": lambda m: m * "a", "times -1": lambda m: m * -1, "times half": lambda m: m * 0.5, "pop": lambda m: m.pop(8),
        "pop by name": lambda m: m.pop("a"),
    },
    modules: {
        "index": lambda m: m[4], "text as index": lambda m: m["a"], "float as index": lambda m: m[0.0], "set": put(0, "x"),
        "set beyond": put(5, nn.ReLU()), "append": lambda m: m.append(3), "append a class": lambda m: m.append(nn.ReLU),
        "insert": lambda m: m.insert(0, 3), "insert by name": lambda m: m.insert("a", nn.ReLU()),
        "extend by one bad": lambda m: m.extend([nn.ReLU(), 3]), "extend by a number": lambda m: m.extend(3),
        "extend by a module": lambda m: m.extend(nn.ReLU()), "add": lambda m: m + 3, "iadd": lambda m: m.__iadd__(3),
        "call": lambda m: m(t(2)), "pop": lambda m: m.pop(9), "del": lambda m: m.__delitem__(9),
        "del by name": lambda m: m.__delitem__("a"),
    },
    named: {
        "get": lambda m: m["z"], "get by number": lambda m: m[0], "del": lambda m: m.__delitem__("z"), "pop": lambda m: m.pop("z"),
        "update by one bad": lambda m: m.update({"b": nn.ReLU(), "c": 3}), "update by a number": lambda m: m.update(3),
        "update by triples": lambda m: m.update([(1, 2, 3)]), "update by modules": lambda m: m.update([nn.ReLU()]), "set": put("b", 3),
        "set by number": put(1, nn.ReLU()), "set with dot": put("a.b", nn.ReLU()), "set empty": put("", nn.ReLU()),
        "set a method": put("keys", nn.ReLU()), "call": lambda m: m(t(2)),
    },
    parameters: {
        "index": lambda m: m[4], "text as index": lambda m: m["a"], "set beyond": put(3, t(2)),
        "append integers": lambda m: m.append(tl.arange(2)), "call": lambda m: m(t(2)),
        "extend by integers": lambda m: m.extend([t(2), tl.arange(2)]), "extend by a number": lambda m: m.extend(3),
        "extend by a tensor": lambda m: m.extend(t(2)), "iadd": lambda m: m.__iadd__(3),
    },
    named_parameters: {
        "get": lambda m: m["z"], "pop": lambda m: m.pop("z"), "del": lambda m: m.__delitem__("z"),
        "update by one bad": lambda m: m.update({"b": t(1), "c": tl.arange(2)}), "update by a number": lambda m: m.update(3),
        "call": lambda m: m(t(2)), "popitem of nothing": lambda m: nn.ParameterDict().popitem(),
        "update by tensors": lambda m: m.update([t(1)]), "set with dot": put("a.b", t(1)), "set by number": put(1, t(1)),
        "set a method": put("items", t(1)),
    },
    linear: {
        "to another device": lambda m: m.to("cuda"), "to a number": lambda m: m.to(3), "to an object": lambda m: m.to(object()),
        "to integers": lambda m: m.to(tl.int64), "to bool": lambda m: m.to(tl.bool), "to words": lambda m: m.to("float32"),
        "to an unknown dtype": lambda m: m.to(dtype="wide"), "to a misspelt setting": lambda m: m.to(dtpye=tl.float64),
        "to an integer tensor": lambda m: m.to(tl.int32), "train": lambda m: m.train("x"), "train None": lambda m: m.train(None),
        "train 1": lambda m: m.train(1), "apply": lambda m: m.apply(3), "requires_grad_": lambda m: m.requires_grad_("no"),
        "requires_grad_ None": lambda m: m.requires_grad_(None), "submodule": lambda m: m.get_submodule(3),
        "submodule of nothing": lambda m: m.get_submodule("a.b"), "parameter of nothing": lambda m: m.get_parameter("zz"),
        "parameter by number": lambda m: m.get_parameter(3), "buffer of nothing": lambda m: m.get_buffer("weight"),
        "pre-hook": lambda m: m.register_forward_pre_hook(3), "hook": lambda m: m.register_forward_hook("x"),
        "backward hook": lambda m: m.register_full_backward_hook(None),
        "backward pre-hook": lambda m: m.register_full_backward_pre_hook([]),
        "state hook": lambda m: m.register_state_dict_pre_hook(3), "post hook": lambda m: m.register_state_dict_post_hook(3),
        "load hook": lambda m: m.register_load_state_dict_post_hook(3), "load pre-hook": lambda m: m.register_load_state_dict_pre_hook("x"),
        "weight becomes a tensor": lambda m: setattr(m, "weight", t(3, 2)), "weight becomes text": lambda m: setattr(m, "weight", "w"),
        "weight becomes a module": lambda m: setattr(m, "weight", nn.ReLU()),
        "parameter by number as name": lambda m: m.register_parameter(3, None),
        "parameter of a tensor": lambda m: m.register_parameter("w", t(2)),
        "parameter with dot": lambda m: m.register_parameter("a.b", None),
        "parameter over a method": lambda m: m.register_parameter("forward", nn.Parameter(t(1))),
        "buffer over a parameter": lambda m: m.register_buffer("weight", t(2)), "buffer of a list": lambda m: m.register_buffer("b", [1.0]),
        "buffer of an array": lambda m: m.register_buffer("b", np.ones(2)), "buffer without name": lambda m: m.register_buffer("", t(1)),
        "module over a parameter": lambda m: m.add_module("bias", nn.ReLU()), "module of a class": lambda m: m.add_module("m", nn.ReLU),
        "module over an attribute": lambda m: m.add_module("in_features", nn.ReLU()), "state of a number": lambda m: m.load_state_dict(3),
        "no state": lambda m: m.load_state_dict(None), "state of pairs": lambda m: m.load_state_dict([("weight", t(3, 2))]),
        "state of a module": lambda m: m.load_state_dict(linear()), "state of text": lambda m: m.load_state_dict("weights.safetensors"),
        "objects": load(bias=np.full(3, object())), "object numbers": load(bias=np.array([1.0, 2.0, 3.0], object)),
        "text": load(weight=text(3, 2)),
        "bytes": load(bias=text(3).astype("S")), "words": load(bias=["a", "b", "c"]), "None": load(bias=None), "one word": load(bias="abc"),
        "a dict": load(bias={"a": 1}), "complex": load(bias=t(3) * 1j), "ragged": load(weight=[[1.0, 2.0], [3.0], [4.0, 5.0]]),
        "dates": load(bias=np.zeros(3, "M8[s]")), "records": load(bias=np.zeros(3, [("a", "f4")])), "another shape": load(weight=t(2, 3)),
        "a number": load(bias=1.0), "broadcasting": load(bias=t(1)), "unexpected": load(x=t(1)),
        "number as key": lambda m: m.load_state_dict({0: t(1)}),
        "missing": lambda m: m.load_state_dict({"weight": t(3, 2)}),
        "nested": lambda m: m.load_state_dict({"model": linear().state_dict()}),
        "assign text": lambda m: m.load_state_dict({"weight": text(3, 2), "bias": t(3)}, assign=True),
        "assign integers": lambda m: m.load_state_dict({"weight": np.ones((3, 2), int), "bias": t(3)}, assign=True),
        "misspelt": lambda m: m.wieght,
    },
}  # fmt: skip
ROWS = [(make, name) for make, acts in CHANGES.items() for name in acts]


def look(module):
    """All that a wrong call could have changed."""
    tables = [module._parameters, module._buffers, module._modules]
    values = [None if p is None else (p.dtype, p.requires_grad, p.tolist()) for p in module.parameters()]
    hooks = [] if module._hooks is None else [list(v) for v in vars(module._hooks).values() if isinstance(v, dict) and v]
    return (
        [{k: id(v) for k, v in table.items()} for table in tables],
        values,
        hooks,
        module.training,
        sorted(vars(module).keys() - {"_hooks"}),
    )


@pytest.mark.parametrize(("make", "name"), ROWS, ids=[f"{make.__name__}-{name}" for make, name in ROWS])
def test_wrong_calls_change_nothing(make, name):
    module = make()
    before = look(module)
    with pytest.raises((*CLEAR, AttributeError, TypeError, NotImplementedError)) as caught:
        CHANGES[make][name](module)
    error = caught.value
    assert isinstance(error, CLEAR) or str(error).startswith(
        ("get_", "'Linear'", "ModuleList: has no forward", "ModuleDict: has no forward")
    ), error
    assert 20 < len(str(error)) < 500
    assert look(module) == before


MADE = {
    "sequence of a number": lambda: nn.Sequential(3), "of a list": lambda: nn.Sequential([nn.ReLU()]),
    "of a class": lambda: nn.Sequential(nn.ReLU),
    "of a dict of numbers": lambda: nn.Sequential({"a": 3}), "with dots": lambda: nn.Sequential({"a.b": nn.ReLU()}),
    "named by numbers": lambda: nn.Sequential({1: nn.ReLU()}), "list of a number": lambda: nn.ModuleList(3),
    "list of numbers": lambda: nn.ModuleList([1]),
    "list of a module": lambda: nn.ModuleList(nn.ReLU()), "list of text": lambda: nn.ModuleList("ab"),
    "dict of a list": lambda: nn.ModuleDict([1, 2]),
    "dict of a number": lambda: nn.ModuleDict(3), "dict of numbers": lambda: nn.ModuleDict({"a": 3}),
    "dict named by numbers": lambda: nn.ModuleDict({1: nn.ReLU()}), "dict with dots": lambda: nn.ModuleDict({"a.b": nn.ReLU()}),
    "dict of methods": lambda: nn.ModuleDict({"keys": nn.ReLU()}), "parameters of a number": lambda: nn.ParameterList(3),
    "parameters of one text": lambda: nn.ParameterList("ab"), "parameters of integers": lambda: nn.ParameterList([tl.arange(3)]),
    "named parameters of a number": lambda: nn.ParameterDict(3), "named parameters of pairs": lambda: nn.ParameterDict([("a",)]),
    "parameters named by numbers": lambda: nn.ParameterDict({1: t(2)}), "text": lambda: nn.Parameter("a"),
    "dict": lambda: nn.Parameter({"a": 1}),
    "object": lambda: nn.Parameter(object()), "integers": lambda: nn.Parameter(tl.arange(3)),
    "truth values": lambda: nn.Parameter(t(2) > 0),
    "list of words": lambda: nn.Parameter(["a"]), "requires_grad": lambda: nn.Parameter(t(2), "yes"),
    "ragged": lambda: nn.Parameter([[1.0], [2.0, 3.0]]),
    "array of text": lambda: nn.Parameter(text(2)), "array of objects": lambda: nn.Parameter(np.array([object()])),
    "dates": lambda: nn.Parameter(np.zeros(2, "M8[s]")),
}  # fmt: skip


@pytest.mark.parametrize("name", MADE)
def test_what_cannot_be_made(name):
    with pytest.raises(CLEAR) as caught:
        MADE[name]()
    assert 20 < len(str(caught.value)) < 300


def leaf():
    p = t(2, requires_grad=True)
    p.grad = t(2)
    return p


U, N = nn.utils, nn.init
CONV, LINEAR, NORM, BARE = nn.Conv2d(1, 1, 1), nn.Linear(1, 1), nn.BatchNorm2d(1), nn.BatchNorm2d(1, track_running_stats=False).eval()
CONV_IN_USE = nn.Conv2d(1, 1, 1).eval()
HELPERS = {
    "clip_grad_norm_": [
        lambda p: U.clip_grad_norm_(3, 1.0), lambda p: U.clip_grad_norm_([p], "x"), lambda p: U.clip_grad_norm_([p], -1.0),
        lambda p: U.clip_grad_norm_([p], float("nan")), lambda p: U.clip_grad_norm_([p], 1.0, "two"),
        lambda p: U.clip_grad_norm_([p], 1.0, 0),
        lambda p: U.clip_grad_norm_([p], 1.0, -2), lambda p: U.clip_grad_norm_([p, 3], 1.0), lambda p: U.clip_grad_norm_(None, 1.0),
        lambda p: U.clip_grad_norm_(nn.BatchNorm1d(2), 1.0), lambda p: U.clip_grad_norm_([p], None),
    ],
    "clip_grad_value_": [
        lambda p: U.clip_grad_value_([p], -1.0), lambda p: U.clip_grad_value_([p], "x"), lambda p: U.clip_grad_value_(3, 1.0),
        lambda p: U.clip_grad_value_([p, None], 1.0), lambda p: U.clip_grad_value_([p], float("nan")),
    ],
    "clip_grads_with_norm_": [
        lambda p: U.clip_grads_with_norm_(3, 1.0, t(1)), lambda p: U.clip_grads_with_norm_([p], -1.0, t(1)),
        lambda p: U.clip_grads_with_norm_([p], 1.0, "x"), lambda p: U.clip_grads_with_norm_([p], 1.0, t(2)),
    ],
    "get_total_norm": [
        lambda p: U.get_total_norm(3), lambda p: U.get_total_norm([p, 3]), lambda p: U.get_total_norm([p], 0),
        lambda p: U.get_total_norm([p * math.inf], error_if_nonfinite=True),
    ],
    "skip_init": [
        lambda p: U.skip_init(3), lambda p: U.skip_init(int), lambda p: U.skip_init(nn.ReLU),
    ],
    "convert_conv2d_weight_memory_format": [
        lambda p: U.convert_conv2d_weight_memory_format(3, tl.contiguous_format),
        lambda p: U.convert_conv2d_weight_memory_format(LINEAR, "channels_last"),
    ],
    "fuse_conv_bn_eval": [
        lambda p: U.fuse_conv_bn_eval(CONV, NORM), lambda p: U.fuse_conv_bn_eval(3, NORM),
        lambda p: U.fuse_conv_bn_eval(CONV_IN_USE, BARE), lambda p: U.fuse_conv_bn_eval(CONV_IN_USE, NORM),
    ],
    "fuse_conv_bn_weights": [
        lambda p: U.fuse_conv_bn_weights(t(2, 1, 1), None, t(3), t(3), 1e-5, None, None),
        lambda p: U.fuse_conv_bn_weights(t(2, 1, 1), None, None, t(2), 1e-5, None, None),
        lambda p: U.fuse_conv_bn_weights(3, None, t(3), t(3), 1e-5, None, None),
        lambda p: U.fuse_conv_bn_weights(t(2, 1, 1), None, t(2), t(2), "x", None, None),
    ],
    "fuse_linear_bn_eval": [lambda p: U.fuse_linear_bn_eval(LINEAR, NORM)],
    "fuse_linear_bn_weights": [
        lambda p: U.fuse_linear_bn_weights(t(2, 1), None, t(3), t(3), 1e-5, t(3), t(3)),
    ],
    "parameters_to_vector": [
        lambda p: U.parameters_to_vector(3), lambda p: U.parameters_to_vector([]), lambda p: U.parameters_to_vector(["a"]),
        lambda p: U.parameters_to_vector(nn.BatchNorm1d(2)),
    ],
    "vector_to_parameters": [
        lambda p: U.vector_to_parameters(3, [p]), lambda p: U.vector_to_parameters(t(5), [p]),
        lambda p: U.vector_to_parameters(t(2), ["a"]),
        lambda p: U.vector_to_parameters(t(2), None), lambda p: U.vector_to_parameters([1.0, 2.0], [p]),
    ],
    "uniform_": [
        lambda p: N.uniform_(p, 2.0, 1.0), lambda p: N.uniform_(p, "a"), lambda p: N.uniform_(p, float("nan")),
        lambda p: N.uniform_(p, None),
        lambda p: N.uniform_(p, generator=3),
    ],
    "normal_": [
        lambda p: N.normal_(p, 0.0, -1.0), lambda p: N.normal_(p, "m"), lambda p: N.normal_(p, 0.0, float("nan")),
        lambda p: N.normal_(p, std=None),
        lambda p: N.normal_(p, generator=np.random.default_rng(0)),
    ],
    "trunc_normal_": [
        lambda p: N.trunc_normal_(p, a=1, b=0), lambda p: N.trunc_normal_(p, std=-1.0), lambda p: N.trunc_normal_(p, a="x"),
        lambda p: N.trunc_normal_(p, mean="m"),
    ],
    "constant_": [
        lambda p: N.constant_(p, "x"), lambda p: N.constant_(p, None), lambda p: N.constant_(p, np.ones(2)),
        lambda p: N.constant_(p, [1.0]),
    ],
    "xavier_uniform_": [lambda p: N.xavier_uniform_(p), lambda p: N.xavier_uniform_(p, "x"), lambda p: N.xavier_uniform_(p, -1.0)],
    "xavier_normal_": [lambda p: N.xavier_normal_(p), lambda p: N.xavier_normal_(t(3, 3), None), lambda p: N.xavier_normal_(p, -1.0)],
    "kaiming_uniform_": [
        lambda p: N.kaiming_uniform_(p),
        lambda p: N.kaiming_uniform_(p, mode="x"), lambda p: N.kaiming_uniform_(p, a="x"),
    ],
    "kaiming_normal_": [
        lambda p: N.kaiming_normal_(p),
        lambda p: N.kaiming_normal_(p, a=None), lambda p: N.kaiming_normal_(p, generator=3),
    ],
    "calculate_gain": [
        lambda p: N.calculate_gain("x"), lambda p: N.calculate_gain(3), lambda p: N.calculate_gain("leaky_relu", "x"),
        lambda p: N.calculate_gain([]),
        lambda p: N.kaiming_normal_(t(3, 3), nonlinearity="x"),
    ],
    "orthogonal_": [lambda p: N.orthogonal_(p), lambda p: N.orthogonal_(t(3, 3), "x"), lambda p: N.orthogonal_(p, None)],
    "sparse_": [
        lambda p: N.sparse_(p, 0.5), lambda p: N.sparse_(t(3, 3), 1.5), lambda p: N.sparse_(p, -0.5), lambda p: N.sparse_(p, 0.5, -1.0),
        lambda p: N.sparse_(p, "half"),
    ],
    "dirac_": [
        lambda p: N.dirac_(p), lambda p: N.dirac_(t(3, 3, 3), 0),
        lambda p: N.dirac_(t(3, 3, 3), 2), lambda p: N.dirac_(t(3, 3, 3), "x"),
    ],
    "eye_": [lambda p: N.eye_(p), lambda p: N.eye_(t(2, 2, 2))],
}  # fmt: skip


@pytest.mark.parametrize("name", HELPERS)
def test_wrong_calls_of_helpers_change_nothing(name):
    for call in HELPERS[name]:
        p = leaf()
        state = tl.get_rng_state().tolist()
        with pytest.raises(CLEAR, match=name):
            call(p)
        assert p.tolist() == [1, 1] and p.grad.tolist() == [1, 1]
        assert tl.get_rng_state().tolist() == state


@pytest.mark.parametrize("bad", [None, "x", 3, [1.0], np.ones((3, 3)), object()], ids=lambda b: type(b).__name__)
@pytest.mark.parametrize("name", [n for n in nn.init.__all__ if n.endswith("_")])
def test_initial_values_need_a_tensor(name, bad):
    extra = {"constant_": (1.0,), "sparse_": (0.5,)}.get(name, ())
    with pytest.raises(TypeError, match=f"{name}: needs a tensor to write into: got {type(bad).__name__}"):
        getattr(nn.init, name)(bad, *extra)


LAYERS = {
    "Linear": (2, 3), "Bilinear": (2, 2, 2), "Conv1d": (1, 1, 2), "Conv2d": (1, 1, 2), "ConvTranspose1d": (1, 1, 2),
    "Conv3d": (1, 1, 2), "ConvTranspose2d": (1, 1, 2), "ConvTranspose3d": (1, 1, 2),
    "BatchNorm1d": (2,), "BatchNorm2d": (2,), "BatchNorm3d": (2,), "LayerNorm": (2,), "GroupNorm": (1, 2), "RMSNorm": (2,),
    "InstanceNorm1d": (2,),
    "InstanceNorm2d": (2,), "Embedding": (3, 2), "Dropout": (), "Dropout2d": (), "AlphaDropout": (), "Softmax": (0,), "LogSoftmax": (0,),
    "MaxPool1d": (2,),
    "MaxPool2d": (2,), "AvgPool1d": (2,), "AvgPool2d": (2,), "AdaptiveAvgPool2d": (1,), "AdaptiveMaxPool2d": (1,),
    "Flatten": (),
    "Unflatten": (1, (1, 2)), "PReLU": (), "GLU": (), "Threshold": (0.0, 0.0), "ReLU": (), "GELU": (), "Sigmoid": (), "Softplus": (),
    "Hardtanh": (),
    "CosineSimilarity": (), "PairwiseDistance": (), "Softmax2d": (), "TransformerEncoderLayer": (2, 1, 3),
}  # fmt: skip


@pytest.mark.parametrize("bad", [None, "x", [1.0, 2.0], {}, object()], ids=lambda b: type(b).__name__)
@pytest.mark.parametrize("name", LAYERS)
def test_layers_refuse_what_is_no_tensor(name, bad):
    layer = getattr(nn, name)(*LAYERS[name])
    pairs = name in ("Bilinear", "CosineSimilarity", "PairwiseDistance")
    with pytest.raises(CLEAR) as caught:
        layer(*(bad, t(2)) if pairs else (bad,))
    assert 15 < len(str(caught.value)) < 400


#: Losses of two operands of which the second is the target.
OTHERS = ("GaussianNLL", "Triplet", "Ranking", "Cosine", "CTC")
LOSSES = [n for n in sorted(nn.__all__) if n.endswith("Loss") and not any(other in n for other in OTHERS)]


@pytest.mark.parametrize("bad", [None, "x", [1.0], object(), {}], ids=lambda b: type(b).__name__)
@pytest.mark.parametrize("place", [0, 1])
@pytest.mark.parametrize("name", LOSSES)
def test_losses_refuse_what_is_no_tensor(name, place, bad):
    loss = getattr(nn, name)(*{"LinearCrossEntropyLoss": (2, 2), "AdaptiveLogSoftmaxWithLoss": (2, 4, [2])}.get(name, ()))
    operands = [t(2, 2), t(2, 2)]
    operands[place] = bad
    with pytest.raises(CLEAR):
        loss(*operands)


def test_how_many():
    helpers = sum(len(calls) for calls in HELPERS.values())
    assert len(ROWS) + len(MADE) + helpers > 230


PUBLIC_CLASSES = [
    kind for room in (nn, tl.optim, tl.optim.lr_scheduler) for name in room.__all__ if isinstance(kind := getattr(room, name), type)
]


@pytest.mark.parametrize("kind", PUBLIC_CLASSES, ids=lambda kind: kind.__name__)
def test_messages_name_the_class_that_was_called(kind):
    """Python's own messages name the class that defines a method, which may be a base that nobody knows."""
    private = re.compile(r"(^|\W)_(?!weight|random_samples)[A-Za-z]\w*")  # those are PyTorch's names of arguments
    for args in ((), (1,) * 40):
        try:
            made = kind(*args)
        except Exception as error:
            assert not private.search(str(error)), str(error)
            continue
        if isinstance(made, nn.Module):
            for inputs in ((), (1,) * 40):
                with pytest.raises(Exception) as caught:
                    made(*inputs)
                    raise ValueError("it takes any number of inputs")
                assert not private.search(str(caught.value)), str(caught.value)
