"""The contract of `Module`: registration, walking, modes, state, hooks, copies, printing, errors that say where."""

from __future__ import annotations

import copy
import pickle
import re

import numpy as np
import pytest

import tensorflowlite_clone as tl
from tensorflowlite_clone import nn


class Block(nn.Module):
    def __init__(self, width=2):
        super().__init__()
        self.linear = nn.Linear(width, width)
        self.scale = nn.Parameter(tl.ones(width))
        self.register_buffer("count", tl.zeros(1))
        self.register_buffer("scratch", tl.zeros(1), persistent=False)

    def forward(self, x, shift=0.0):
        return self.linear(x) * self.scale + shift


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = Block()
        self.blocks = nn.Sequential(Block(), nn.ReLU())
        self.tied = self.first.linear

    def forward(self, x):
        return self.blocks(self.first(x))


def torch_twin():
    """`Net` once more, written for PyTorch by changing the import."""
    torch = pytest.importorskip("torch")
    tnn = torch.nn

    class Block(tnn.Module):
        def __init__(self, width=2):
            super().__init__()
            self.linear = tnn.Linear(width, width)
            self.scale = tnn.Parameter(torch.ones(width))
            self.register_buffer("count", torch.zeros(1))
            self.register_buffer("scratch", torch.zeros(1), persistent=False)

    class Net(tnn.Module):
        def __init__(self):
            super().__init__()
            self.first = Block()
            self.blocks = tnn.Sequential(Block(), tnn.ReLU())
            self.tied = self.first.linear

    return Net()


NAMES = {
    "named_parameters": lambda m: [n for n, _ in m.named_parameters()],
    "named_parameters with prefix": lambda m: [n for n, _ in m.named_parameters(prefix="net")],
    "named_parameters of the module itself": lambda m: [n for n, _ in m.first.named_parameters(recurse=False)],
    "named_parameters, shared ones twice": lambda m: [n for n, _ in m.named_parameters(remove_duplicate=False)],
    "named_buffers": lambda m: [n for n, _ in m.named_buffers()],
    "named_children": lambda m: [n for n, _ in m.named_children()],
    "named_modules": lambda m: [n for n, _ in m.named_modules()],
    "named_modules, shared ones twice": lambda m: [n for n, _ in m.named_modules(remove_duplicate=False)],
    "state_dict": lambda m: list(m.state_dict()),
    "state_dict with prefix": lambda m: list(m.state_dict(prefix="net.")),
    "counts": lambda m: [len(list(f())) for f in (m.parameters, m.buffers, m.children, m.modules)],
    "dir": lambda m: [n for n in ("first", "blocks", "tied") if n in dir(m)],
    "repr": repr,
}


@pytest.mark.parametrize("what", NAMES)
def test_names_and_order_are_those_of_torch(what):
    assert NAMES[what](Net()) == NAMES[what](torch_twin())


def test_attributes_are_registered_and_can_change_kind():
    m = nn.Module()
    m.w = None  # a plain attribute first
    m.w = nn.Parameter(tl.ones(2))
    assert [n for n, _ in m.named_parameters()] == ["w"] and "w" not in vars(m)
    m.w = None
    assert m.w is None and list(m.parameters()) == []
    m.w = nn.Parameter(tl.ones(3))
    with pytest.raises(TypeError, match=r"w: is a parameter .* got Linear"):
        m.w = nn.Linear(1, 1)
    del m.w
    m.w = nn.Linear(1, 1)
    assert [n for n, _ in m.named_children()] == ["w"] and "w" not in m._parameters
    m.register_parameter("v", None)
    assert m.v is None and "v" not in m.state_dict()
    del m.w
    assert not hasattr(m, "w")
    m.b = tl.ones(1)  # tensors are not registered
    assert list(m.state_dict()) == []
    m.register_buffer("c", tl.ones(1))
    m.c = tl.zeros(1)
    assert m.c.tolist() == [0.0] and list(m.state_dict()) == ["c"]
    del m.c
    assert list(m.buffers()) == []


@pytest.mark.parametrize(
    ("act", "error", "message"),
    [
        (lambda m: setattr(m, "scale", tl.ones(2)), TypeError, r"Block.scale: is a parameter .* got Tensor; wrap it with nn.Parameter"),
        (lambda m: setattr(m, "linear", 3), TypeError, "Block.linear: is a module .* got int"),
        (lambda m: setattr(m, "count", 3), TypeError, "Block.count: is a buffer .* got int"),
        (lambda m: m.register_parameter("a.b", None), ValueError, "without dots: got 'a.b'"),
        (lambda m: m.register_buffer("", None), ValueError, "non-empty string"),
        (lambda m: m.register_buffer("forward", tl.ones(1)), ValueError, "Block already has an attribute 'forward'"),
        (lambda m: m.register_parameter("p", tl.ones(1)), TypeError, "'p' must be a Parameter or None: got Tensor"),
        (lambda m: m.register_buffer("p", np.ones(1)), TypeError, "'p' must be a tensor or None: got ndarray"),
        (lambda m: m.add_module("p", 3), TypeError, "'p' must be a Module or None: got int"),
        (lambda m: m.nothing, AttributeError, "'Block' object has no attribute 'nothing'"),
        (lambda m: m.get_submodule("linear.inner"), AttributeError, "Linear has no submodule 'inner'"),
        (lambda m: m.get_parameter("linear.gain"), AttributeError, "no parameter 'linear.gain'"),
        (lambda m: m.get_buffer("scale"), AttributeError, "no buffer 'scale'"),
        (lambda m: nn.Module()(1), NotImplementedError, "Module: has no forward method"),
        (lambda m: m.to(tl.int64), ValueError, "only be converted to floating dtypes: got int64"),
    ],
)
def test_mistakes_are_explained(act, error, message):
    with pytest.raises(error, match=message):
        act(Block())


@pytest.mark.parametrize("value", [nn.Parameter(np.ones(1)), nn.ReLU()])
def test_forgotten_super_init_is_explained(value):
    class Forgetful(nn.Module):
        def __init__(self):
            self.part = value

    with pytest.raises(AttributeError, match=r"Forgetful.part: assigned before .* call super\(\).__init__\(\) first"):
        Forgetful()


def test_get_by_path():
    net = Net()
    assert net.get_submodule("") is net and net.get_submodule("blocks.0.linear") is net.blocks[0].linear
    assert net.get_parameter("blocks.0.scale") is net.blocks[0].scale
    assert net.get_buffer("first.count") is net.first.count


def test_apply_visits_children_first():
    seen = []
    net = Net()
    assert net.apply(lambda m: seen.append(type(m).__name__)) is net
    expected = []
    torch_twin().apply(lambda m: expected.append(type(m).__name__))
    assert seen == expected


def test_train_and_eval_reach_every_module_by_its_own_method():
    class Frozen(nn.BatchNorm1d):
        def train(self, mode=True):
            return super().train(False)

    net = nn.Sequential(nn.Linear(2, 2), Frozen(2))
    assert net.eval() is net and not any(m.training for m in net.modules())
    net.train()
    assert [m.training for m in net.modules()] == [True, True, False]


def test_requires_grad_and_zero_grad():
    net = Block()
    net(tl.ones(1, 2)).sum().backward()
    assert all(p.grad is not None for p in net.parameters())
    net.zero_grad(set_to_none=False)
    assert all(np.all(p.grad.numpy() == 0) for p in net.parameters())
    net.zero_grad()
    assert all(p.grad is None for p in net.parameters())
    net.requires_grad_(False)
    assert not net(tl.ones(1, 2)).requires_grad


def test_conversion_keeps_the_parameters():
    net = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3))
    before = list(net.parameters())
    net(tl.ones(2, 2)).sum().backward()
    assert net.to(tl.float64) is net
    assert all(a is b for a, b in zip(net.parameters(), before, strict=True))
    assert {p.dtype for p in net.parameters()} == {p.grad.dtype for p in net.parameters()} == {np.dtype(np.float64)}
    assert net[1].running_mean.dtype == np.float64 and net[1].num_batches_tracked.dtype == np.int64
    assert net.half()[0].weight.dtype == np.float16 and net.float()[0].weight.dtype == np.float32
    assert net.double().to("cpu").to(tl.ones(1))[0].weight.dtype == np.float32
    assert net.to(device="cpu", dtype=tl.float64).cpu()[0].weight.dtype == np.float64


# ---- state ------------------------------------------------------------------------------------------------------------------
def test_state_dict_shares_memory_and_is_off_the_tape():
    net = Block()
    state = net.state_dict()
    assert not any(t.requires_grad for t in state.values())
    assert state["scale"].numpy() is net.scale.array
    assert net.state_dict(keep_vars=True)["scale"] is net.scale
    assert "scratch" not in state and "count" in state


def test_load_state_dict_copies_into_the_same_memory():
    net, other = Net(), Net()
    memory = [p.array for p in net.parameters()]
    result = net.load_state_dict(other.state_dict())
    assert result == ([], []) and result.missing_keys == []
    for p, q, m in zip(net.parameters(), other.parameters(), memory, strict=True):
        assert p.array is m and p.array is not q.array
        np.testing.assert_array_equal(p.array, q.array)


def test_load_state_dict_converts_arrays_and_dtypes():
    layer = nn.Linear(2, 1)
    layer.load_state_dict({"weight": np.array([[1, 2]]), "bias": np.array([0.5])})
    assert layer.weight.dtype == np.float32 and layer.weight.tolist() == [[1.0, 2.0]] and layer.bias.tolist() == [0.5]


def test_load_state_dict_with_assign_takes_the_tensors():
    layer, given = nn.Linear(2, 1, bias=False), tl.Tensor(np.ones((1, 2)))
    weight = layer.weight
    layer.load_state_dict({"weight": given}, assign=True)
    assert layer.weight is weight and weight.array is given.array and weight.dtype == np.float64
    with pytest.raises(RuntimeError, match="dtype of weight: int64 in the state, float64 in the module"):
        layer.load_state_dict({"weight": np.ones((1, 2), np.int64)}, assign=True)


def test_load_state_dict_reports_everything_at_once_and_changes_nothing():
    net = Net()
    state = {k: tl.Tensor(v.numpy() + 1) for k, v in net.state_dict().items()}
    del state["first.scale"], state["blocks.0.count"]
    state["first.linear.weight"] = tl.zeros(3, 2)
    state["head.weight"] = tl.zeros(1)
    before = {k: v.numpy().copy() for k, v in net.state_dict().items()}
    with pytest.raises(KeyError) as caught:
        net.load_state_dict(state)
    message = str(caught.value)
    for part in (
        "does not fit Net", "missing: first.scale, blocks.0.count", "unexpected: head.weight",
        "size mismatch for first.linear.weight: (3, 2) in the state, (2, 2) in the module", "strict=False",
    ):  # fmt: skip
        assert part in message
    for k, v in net.state_dict().items():
        np.testing.assert_array_equal(v.numpy(), before[k])


def test_load_state_dict_not_strict():
    net = Block()
    missing, unexpected = net.load_state_dict({"scale": tl.zeros(2), "more": tl.zeros(1)}, strict=False)
    assert missing == ["count", "linear.weight", "linear.bias"] and unexpected == ["more"]
    assert net.scale.tolist() == [0.0, 0.0]
    with pytest.raises(RuntimeError, match="size mismatch for scale"):
        net.load_state_dict({"scale": tl.zeros(3)}, strict=False)


def test_loading_between_forward_and_backward_is_noticed():
    layer = nn.Linear(2, 1)
    loss = layer(tl.ones(1, 2, requires_grad=True)).sum()
    layer.load_state_dict(nn.Linear(2, 1).state_dict())
    with pytest.raises(RuntimeError, match="changed in place"):
        loss.backward()


# ---- copies -----------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("make", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))], ids=["deepcopy", "pickle"])
def test_copies_have_memory_of_their_own(make):
    net = Net()
    net(tl.ones(1, 2)).sum().backward()
    twin = make(net)
    assert twin.tied is twin.first.linear and twin.tied is not net.tied
    assert all(type(p) is nn.Parameter and p.requires_grad for p in twin.parameters())
    x = tl.randn(3, 2)
    np.testing.assert_allclose(twin(x).numpy(force=True), net(x).numpy(force=True), rtol=1e-5, atol=1e-6)
    with tl.no_grad():
        net.first.scale.fill_(7.0)
    assert twin.first.scale.tolist() == [1.0, 1.0]
    assert all(p.grad is None for p in twin.parameters())  # as in PyTorch


def test_a_parameter_takes_notes_of_the_user():
    weight = nn.Linear(2, 3).weight
    weight.shared = True
    again = pickle.loads(pickle.dumps(weight))
    assert (again.shared, again.tolist(), again.requires_grad) == (True, weight.tolist(), True)
    assert not hasattr(copy.deepcopy(weight), "shared")  # as with PyTorch
    assert not hasattr(nn.Linear(2, 3).weight, "shared")


def test_parameter_is_a_leaf_and_what_is_computed_from_it_is_a_tensor():
    p = nn.Parameter(tl.ones(2))
    assert p.requires_grad and p.is_leaf and type(p * 2) is tl.Tensor and type(p.detach()) is tl.Tensor
    assert repr(p) == "Parameter containing:\ntensor([1., 1.], requires_grad=True)"
    assert not nn.Parameter(tl.ones(2), requires_grad=False).requires_grad
    data = tl.ones(2)
    assert nn.Parameter(data).array is data.array


# ---- hooks ------------------------------------------------------------------------------------------------------------------
def test_hooks_see_and_replace_in_the_order_of_torch():
    torch = pytest.importorskip("torch")

    def run(nn, x):
        layer, log = nn.Identity(), []
        layer.register_forward_pre_hook(lambda m, a: log.append("pre 1"))
        layer.register_forward_pre_hook(lambda m, a: (log.append("pre 2"), a[0] + 1)[1])
        layer.register_forward_pre_hook(lambda m, a: log.append("pre 0"), prepend=True)
        layer.register_forward_hook(lambda m, a, out: log.append(f"post 1 {a[0].item()} {out.item()}"))
        layer.register_forward_hook(lambda m, a, out: (log.append("post 2"), out * 10)[1])
        layer.register_forward_hook(lambda m, a, out: log.append("post 0"), prepend=True)
        layer.register_forward_hook(lambda m, a, k, out: log.append(f"post 3 {out.item()} {k}"), with_kwargs=True)
        return layer(x).item(), log

    assert run(nn, tl.tensor(1.0)) == run(torch.nn, torch.tensor(1.0))


def test_hooks_with_keyword_arguments():
    block = Block()
    handle = block.register_forward_pre_hook(lambda m, args, kwargs: (args, {"shift": 100.0}), with_kwargs=True)
    x = tl.zeros(1, 2)
    moved = block(x, shift=1.0)
    handle.remove()
    handle.remove()
    np.testing.assert_allclose((moved - block(x, shift=1.0)).numpy(force=True), 99.0, rtol=1e-5)


def test_hook_handle_is_a_context_manager():
    layer, seen = nn.Identity(), []
    with layer.register_forward_hook(lambda m, a, out: seen.append(1)):
        layer(1)
    layer(1)
    assert seen == [1]


def test_hook_that_is_always_called_runs_when_forward_fails():
    layer, seen = nn.Linear(2, 1), []
    layer.register_forward_hook(lambda m, a, out: seen.append(out), always_call=True)
    layer.register_forward_hook(lambda m, a, out: seen.append("not reached"))
    with pytest.raises(RuntimeError):
        layer(tl.ones(1, 3))
    assert seen == [None]


# ---- errors say where -------------------------------------------------------------------------------------------------------
def test_error_in_forward_names_the_module_once():
    net = Net()
    net.blocks[0].linear = nn.Linear(5, 2)
    with pytest.raises(RuntimeError, match="linear") as caught:
        net(tl.ones(1, 2))
    assert caught.value.__notes__ == ["in Net.blocks[0].linear (Linear(in_features=5, out_features=2, bias=True))"]


def test_error_keeps_other_notes_and_its_type():
    class Failing(nn.Module):
        def forward(self):
            error = ZeroDivisionError("no")
            error.add_note("mine")
            raise error

        def extra_repr(self):
            raise ValueError("half made")

    with pytest.raises(ZeroDivisionError) as caught:
        nn.Sequential(nn.Sequential()).append(Failing()).get_submodule("1")()
    assert caught.value.__notes__ == ["mine", "in Failing (Failing(...))"]


def test_reprs_of_nested_and_multi_line_modules():
    class Wide(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = nn.Sequential(nn.ReLU())

        def extra_repr(self):
            return "a=1\nb=2"

    assert repr(Wide()) == "Wide(\n  a=1\n  b=2\n  (inner): Sequential(\n    (0): ReLU()\n  )\n)"
    assert repr(nn.Module()) == "Module()"
    assert re.fullmatch(r"Block\(\n  \(linear\): Linear\(.*\)\n\)", repr(Block()))


class Counting(nn.Module):
    """Has state that is no tensor."""

    def __init__(self):
        super().__init__()
        self.seen = {"steps": 0}
        self.inner = nn.Linear(1, 1)

    def get_extra_state(self):
        return dict(self.seen)

    def set_extra_state(self, state):
        self.seen = dict(state)


def test_extra_state_is_part_of_the_state():
    net, other = nn.Sequential(nn.ReLU(), Counting()), nn.Sequential(nn.ReLU(), Counting())
    net[1].seen["steps"] = 7
    state = net.state_dict()
    assert list(state) == ["1._extra_state", "1.inner.weight", "1.inner.bias"]
    assert repr(other.load_state_dict(state)) == "<All keys matched successfully>"
    assert other[1].seen == {"steps": 7}
    del state["1._extra_state"]
    with pytest.raises(RuntimeError, match=r"missing: 1\._extra_state"):
        other.load_state_dict(state)
    assert other.load_state_dict(state, strict=False).missing_keys == ["1._extra_state"]
    assert other[1].seen == {"steps": 7}
    with pytest.raises(RuntimeError, match="unexpected: _extra_state"):
        nn.Linear(1, 1).load_state_dict({**nn.Linear(1, 1).state_dict(), "_extra_state": 3})


def test_extra_state_is_not_taken_where_a_value_does_not_fit():
    net = Counting()
    with pytest.raises(RuntimeError, match=r"size mismatch for inner\.bias"):
        net.load_state_dict({**net.state_dict(), "_extra_state": {"steps": 9}, "inner.bias": tl.ones(2)})
    assert net.seen == {"steps": 0}


def test_extra_state_goes_through_a_file(tmp_path):
    net = Counting()
    net.seen["steps"] = 5
    tl.save(net.state_dict(), tmp_path / "net.npz")
    other = Counting()
    other.load_state_dict(tl.load(tmp_path / "net.npz"))
    assert other.seen == {"steps": 5}


def test_extra_state_that_a_class_does_not_define():
    with pytest.raises(TypeError, match="Linear: get_extra_state: the class does not define it"):
        nn.Linear(1, 1).get_extra_state()
    with pytest.raises(TypeError, match="Linear: set_extra_state: the class does not define it"):
        nn.Linear(1, 1).set_extra_state(1)


def test_an_attribute_error_inside_of_a_property_is_told():
    class Net(nn.Module):
        @property
        def device(self):
            return self.weigth.device

    with pytest.raises(AttributeError, match="no attribute 'weigth'"):
        _ = Net().device


def graph_layer(T):
    """A layer whose buffer is a sparse matrix, as graph networks have."""

    class Layer(T.nn.Module):
        def __init__(self):
            super().__init__()
            self.linear = T.nn.Linear(2, 2)
            self.register_buffer("adjacency", T.sparse_coo_tensor(T.tensor([[0, 1, 2], [1, 2, 0]]), T.tensor([1.0, 2.0, 3.0]), (3, 3)))

        def forward(self, x):
            return self.adjacency @ self.linear(x)

    return Layer()


def test_buffers_may_be_sparse():
    layer = graph_layer(tl)
    x = tl.tensor(np.arange(6.0).reshape(3, 2).astype("f4"))
    y = layer(x)
    again = copy.deepcopy(layer)
    assert again.adjacency is not layer.adjacency
    np.testing.assert_array_equal(again(x).detach().numpy(), y.detach().numpy())
    assert [*layer.state_dict()] == ["adjacency", "linear.weight", "linear.bias"] and layer.state_dict()["adjacency"].is_sparse
    again.adjacency = 2 * again.adjacency
    np.testing.assert_allclose(again(x).detach().numpy(), 2 * y.detach().numpy(), rtol=1e-6)
    again.load_state_dict(layer.state_dict())
    again.adjacency.mul_(5)  # in memory of its own
    np.testing.assert_allclose(again(x).detach().numpy(), 5 * y.detach().numpy(), rtol=1e-6)
    np.testing.assert_allclose(layer(x).detach().numpy(), y.detach().numpy())
    layer.double()
    assert layer.adjacency.dtype == tl.float64 and layer(x.double()).dtype == tl.float64
    sparse = layer.adjacency
    values = tl.func.functional_call(layer, {"adjacency": sparse * 3}, (x.double(),))
    np.testing.assert_allclose(values.detach().numpy(), 3 * layer(x.double()).detach().numpy())
    layer.zero_grad(set_to_none=False)
    layer.eval()(x.double()).sum().backward()
    for wrong in (tl.zeros(3, 3), sparse[:2], np.zeros((3, 3))):
        with pytest.raises(RuntimeError, match=r"size mismatch for adjacency: (dense|sparse) \(\d, 3\) in the state, sparse \(3, 3\)"):
            layer.load_state_dict({**layer.state_dict(), "adjacency": wrong})
    with pytest.raises(RuntimeError, match="size mismatch for weight: sparse"):
        tl.nn.Linear(3, 3, bias=False).load_state_dict({"weight": sparse})


@pytest.mark.parametrize("library", ["tl", "torch"])
def test_zeros_are_put_into_the_gradients_there_are(library):
    """Programs that keep all gradients in one vector look at it through these."""
    T = tl if library == "tl" else pytest.importorskip("torch")
    layer = T.nn.Linear(2, 3)
    together = T.zeros(9)
    layer.weight.grad, layer.bias.grad = together[:6].view(3, 2), together[6:]
    for clear in (layer, T.optim.SGD(layer.parameters(), lr=0.1)):
        layer(T.ones(4, 2)).sum().backward()
        assert together.tolist() == [4.0] * 9
        clear.zero_grad(set_to_none=False)
        assert together.tolist() == [0.0] * 9
        layer(T.ones(4, 2)).sum().backward()
        assert together.tolist() == [4.0] * 9
        clear.zero_grad(set_to_none=False)


@pytest.mark.parametrize("library", ["tl", "torch"])
def test_parameters_that_are_assigned_are_shared(library):
    T = tl if library == "tl" else pytest.importorskip("torch")
    giver, taker = T.nn.Linear(2, 2), T.nn.Linear(2, 2)
    taker.bias.requires_grad_(False)
    taker.load_state_dict(giver.state_dict(keep_vars=True), assign=True)
    assert taker.weight is giver.weight and taker.bias is giver.bias and not giver.bias.requires_grad
    other = T.nn.Linear(2, 2)
    other.load_state_dict(giver.state_dict(), assign=True)
    assert other.weight is not giver.weight
    with T.no_grad():
        giver.weight.fill_(7.0)
    assert other.weight.tolist() == [[7.0, 7.0], [7.0, 7.0]] and other.weight.requires_grad
    with pytest.raises(RuntimeError):
        taker.load_state_dict({"weight": T.nn.Parameter(T.zeros(2, 2)), "bias": T.nn.Parameter(T.zeros(3))}, assign=True)
    assert taker.bias is giver.bias


def test_parameters_of_layers_are_read_where_they_stand():
    """The classes of layers have something under the names of their parameters, which nobody sees."""
    layer = nn.Linear(2, 3)
    assert not hasattr(nn.Linear, "weight") and layer.weight is layer._parameters["weight"]
    layer._parameters["weight"] = other = nn.Parameter(tl.ones(3, 2))
    assert layer.weight is other
    del layer.weight
    with pytest.raises(AttributeError, match="'Linear' object has no attribute 'weight'"):
        layer.weight  # noqa: B018
    layer.weight = tl.zeros(3, 2)  # no parameter any more
    assert layer.weight is vars(layer)["weight"]


def test_parameters_are_asked_of_a_class_that_finds_attributes_its_own_way():
    class Doubled(nn.Linear):
        def __getattr__(self, name):
            found = super().__getattr__(name)
            return found * 2 if name == "weight" else found

    layer = Doubled(2, 1, bias=False)
    torch_like = layer._parameters["weight"].detach().numpy()
    np.testing.assert_array_equal(layer(tl.eye(2)).detach().numpy().T, 2 * torch_like)
    del layer._parameters["bias"]
    with pytest.raises(AttributeError, match="'Doubled' object has no attribute 'bias'"):
        layer(tl.eye(2))
