"""Attention and the Transformer's layers against PyTorch's: every option with every other, masks, gradients, state, initial values.

Not here: the function behind them (``tests/samples/attention.py``), wrong settings (``test_wrong_settings.py``).
"""

from __future__ import annotations

import importlib.util
import itertools
import warnings
from pathlib import Path

import numpy as np
import pytest

import tensorflowlite_clone as tl
from tensorflowlite_clone import func, nn

D, HEADS, N, L, S = 8, 2, 3, 4, 5
RTOL = 1e-9


def randn(*shape, seed=0):
    return np.random.default_rng([seed, *shape]).normal(size=shape)


def moved(ours, theirs):
    """Both with the same parameters, away from their initial values; each loads the other's state."""
    torch = pytest.importorskip("torch")
    ours, theirs = ours.double(), theirs.double()
    state = {k: randn(*v.shape, seed=i) * 0.3 for i, (k, v) in enumerate(ours.state_dict().items())}
    assert list(state) == list(theirs.state_dict())
    ours.load_state_dict(state)
    theirs.load_state_dict({k: torch.tensor(v) for k, v in state.items()})
    ours.load_state_dict({k: v.numpy() for k, v in theirs.state_dict().items()})
    assert repr(ours) == repr(theirs)
    assert [n for n, _ in ours.named_parameters()] == [n for n, _ in theirs.named_parameters()]
    return ours, theirs


def close(a, b, what=""):
    if b is None:
        assert a is None, what
        return
    x, y = a.numpy(force=True), b.detach().numpy()
    assert x.shape == y.shape and x.dtype == y.dtype, what
    np.testing.assert_allclose(x, y, rtol=RTOL, atol=1e-11, err_msg=what)


def compare(ours, theirs, inputs, **how):
    """Results and all gradients, in training (without dropout) and in evaluation; gives the number of figures that were compared."""
    torch = pytest.importorskip("torch")
    masks = {k: v for k, v in how.items() if isinstance(v, np.ndarray)}
    rest = {k: v for k, v in how.items() if k not in masks}
    for mode in (True, False):
        leaves, others = {}, {}
        mine = [leaves.setdefault(id(x), tl.tensor(x, requires_grad=True)) for x in inputs]
        other = [others.setdefault(id(x), torch.tensor(x, requires_grad=True)) for x in inputs]
        ours.train(mode), theirs.train(mode)
        ours.zero_grad(), theirs.zero_grad()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            a = ours(*mine, **{k: tl.tensor(v) for k, v in masks.items()}, **rest)
            b = theirs(*other, **{k: torch.tensor(v) for k, v in masks.items()}, **rest)
        pairs = list(zip(a, b, strict=True)) if isinstance(b, tuple) else [(a, b)]
        one, two = 0, 0
        for y, z in pairs:
            close(y, z, f"training {mode}")
            if z is not None:
                w = np.cos(np.arange(z.numel())).reshape(z.shape)
                one, two = one + (y * tl.tensor(w)).sum(), two + (z * torch.tensor(w)).sum()
        one.backward(), two.backward()
        for x, y in zip(mine, other, strict=True):
            close(x.grad, y.grad, "input")
        for (name, p), q in zip(ours.named_parameters(), theirs.parameters(), strict=True):
            close(p.grad, q.grad, name)


BOOL = np.triu(np.ones((L, S), bool), 2)
FLOAT = randn(L, S)
PAD = np.arange(S) >= np.array([[5], [3], [4]])
MASKS = {
    "none": {},
    "bool": {"attn_mask": BOOL},
    "float": {"attn_mask": FLOAT},
    "bool heads": {"attn_mask": np.broadcast_to(BOOL, (N * HEADS, L, S)).copy()},
    "float heads": {"attn_mask": randn(N * HEADS, L, S)},
    "padding": {"key_padding_mask": PAD},
    "float padding": {"key_padding_mask": np.where(PAD, -np.inf, 0.5)},
    "both": {"attn_mask": BOOL, "key_padding_mask": PAD},
    "both, mixed": {"attn_mask": FLOAT, "key_padding_mask": PAD},
    "heads and padding": {"attn_mask": randn(N * HEADS, L, S), "key_padding_mask": np.where(PAD, -np.inf, 0.0)},
}
BUILDS = [
    {}, {"bias": False}, {"add_bias_kv": True}, {"add_zero_attn": True}, {"kdim": 6, "vdim": 7}, {"kdim": 6},
    {"bias": False, "add_bias_kv": True, "add_zero_attn": True, "vdim": 3}, {"batch_first": True, "add_bias_kv": True},
]  # fmt: skip


@pytest.mark.parametrize("mask", MASKS)
@pytest.mark.parametrize("build", BUILDS, ids=str)
def test_attention_equals_torch(build, mask):
    torch = pytest.importorskip("torch")
    ours, theirs = moved(nn.MultiheadAttention(D, HEADS, **build), torch.nn.MultiheadAttention(D, HEADS, **build))
    inputs = [randn(L, N, D), randn(S, N, build.get("kdim", D)), randn(S, N, build.get("vdim", D), seed=1)]
    if build.get("batch_first"):
        inputs = [x.swapaxes(0, 1) for x in inputs]
    for how in ({}, {"need_weights": False}, {"average_attn_weights": False}):
        compare(ours, theirs, inputs, **MASKS[mask], **how)


@pytest.mark.parametrize("batch_first", [False, True])
@pytest.mark.parametrize("weights", [True, False])
def test_attention_of_one_input_to_itself(weights, batch_first):
    torch = pytest.importorskip("torch")
    build = {"batch_first": batch_first}
    ours, theirs = moved(nn.MultiheadAttention(D, HEADS, **build), torch.nn.MultiheadAttention(D, HEADS, **build))
    x, one, triangle = randn(N, L, D), randn(L, D), np.triu(np.full((L, L), -np.inf), 1)
    compare(ours, theirs, [x, x, x], need_weights=weights)
    compare(ours, theirs, [one, one, one], need_weights=weights)
    compare(ours, theirs, [one, one, one], need_weights=weights, attn_mask=triangle, is_causal=True)
    compare(ours, theirs, [one, one, one], need_weights=weights, key_padding_mask=PAD[1, :L], average_attn_weights=False)
    compare(ours, theirs, [one, randn(S, D), randn(S, D, seed=2)], need_weights=weights, attn_mask=randn(HEADS, L, S))


LAYERS = [
    dict(zip(("norm_first", "bias", "batch_first", "activation"), row, strict=True))
    for row in itertools.product((False, True), (True, False), (False, True), ("relu", "gelu"))
]  # fmt: skip
TRIANGLE = np.triu(np.full((L, L), -np.inf), 1)
PADDED = np.arange(L) >= np.array([[4], [3], [2]])


def activation(namespace, name):
    return {"silu": namespace.nn.functional.silu, "prelu": namespace.nn.PReLU() if name == "prelu" else None}.get(name, name)


@pytest.mark.parametrize("build", [*LAYERS, {"activation": "silu"}, {"activation": "prelu", "layer_norm_eps": 1e-2}], ids=str)
def test_layers_equal_torch(build):
    torch = pytest.importorskip("torch")
    rest = {k: v for k, v in build.items() if k != "activation"}

    def pair(name):
        made = [getattr(space.nn, name)(D, HEADS, 12, 0.0, activation(space, build["activation"]), **rest) for space in (tl, torch)]
        return moved(*made)

    x, memory = randn(L, N, D), randn(S, N, D)
    if build.get("batch_first"):
        x, memory = x.swapaxes(0, 1), memory.swapaxes(0, 1)
    ours, theirs = pair("TransformerEncoderLayer")
    compare(ours, theirs, [x])
    compare(ours, theirs, [x], src_mask=TRIANGLE, is_causal=True)
    compare(ours, theirs, [x], src_mask=TRIANGLE, src_key_padding_mask=np.where(PADDED, -np.inf, 0.0))
    ours, theirs = pair("TransformerDecoderLayer")
    compare(ours, theirs, [x, memory])
    compare(ours, theirs, [x, memory], tgt_mask=TRIANGLE, tgt_is_causal=True, memory_mask=BOOL, memory_key_padding_mask=PAD)
    compare(ours, theirs, [x, memory], tgt_mask=TRIANGLE > -1, memory_mask=FLOAT, tgt_key_padding_mask=PADDED & False)


@pytest.mark.filterwarnings("ignore:enable_nested_tensor:UserWarning")
@pytest.mark.parametrize("norm", [False, True])
def test_stacks_equal_torch(norm):
    torch = pytest.importorskip("torch")
    made = []
    for space in (tl, torch):
        layer, other = space.nn.TransformerEncoderLayer(D, HEADS, 12, 0.0), space.nn.TransformerDecoderLayer(D, HEADS, 12, 0.0)
        norms = [space.nn.LayerNorm(D) if norm else None for _ in range(2)]
        made += [space.nn.TransformerEncoder(layer, 3, norms[0], False, mask_check=False), space.nn.TransformerDecoder(other, 2, norms[1])]
    x, memory = randn(L, N, D), randn(S, N, D)
    ours, theirs = moved(made[0], made[2])
    for how in ({}, {"mask": TRIANGLE}, {"mask": TRIANGLE, "is_causal": True}, {"src_key_padding_mask": PADDED}):
        compare(ours, theirs, [x], **how)
    ours, theirs = moved(made[1], made[3])
    for how in ({}, {"tgt_mask": TRIANGLE}, {"memory_mask": BOOL, "memory_key_padding_mask": PAD}):
        compare(ours, theirs, [x, memory], **how)


@pytest.mark.filterwarnings("ignore:enable_nested_tensor:UserWarning")
@pytest.mark.parametrize("build", [{}, {"norm_first": True, "batch_first": True}, {"activation": "gelu", "bias": False}], ids=str)
def test_the_whole_equals_torch(build):
    torch = pytest.importorskip("torch")
    ours, theirs = moved(*(space.nn.Transformer(D, HEADS, 2, 1, 12, 0.0, **build) for space in (tl, torch)))
    x, y = randn(S, N, D), randn(L, N, D)
    if build.get("batch_first"):
        x, y = x.swapaxes(0, 1), y.swapaxes(0, 1)
    compare(ours, theirs, [x, y])
    compare(ours, theirs, [x, y], tgt_mask=TRIANGLE, src_key_padding_mask=PAD, memory_key_padding_mask=PAD)
    compare(ours, theirs, [x, y], src_mask=np.triu(np.ones((S, S), bool), 1), tgt_mask=TRIANGLE, tgt_is_causal=True)
    compare(ours, theirs, [randn(S, D), randn(L, D)], tgt_mask=TRIANGLE)


def test_custom_parts_are_taken_and_drawn_again():
    encoder = nn.TransformerEncoder(nn.TransformerEncoderLayer(D, HEADS, 12, 0.0), 1)
    before = encoder.layers[0].linear1.weight.tolist()
    model = nn.Transformer(D, HEADS, 1, 1, 12, 0.0, custom_encoder=encoder)
    assert model.encoder is encoder and encoder.layers[0].linear1.weight.tolist() != before
    assert model(tl.zeros(S, N, D), tl.zeros(L, N, D)).shape == (L, N, D)


def test_the_triangle():
    torch = pytest.importorskip("torch")
    for size, how in ((3, {}), (0, {}), (2, {"dtype": "float64"})):
        theirs = torch.nn.Transformer.generate_square_subsequent_mask(size, **{k: getattr(torch, v, v) for k, v in how.items()})
        ours = nn.Transformer.generate_square_subsequent_mask(size, **{k: getattr(tl, v, v) for k, v in how.items()})
        close(ours, theirs)


def test_layers_of_a_stack_start_alike_and_are_their_own():
    stack = nn.TransformerEncoder(nn.TransformerEncoderLayer(D, HEADS, 12), 2)
    a, b = stack.layers
    assert a.linear1.weight.tolist() == b.linear1.weight.tolist() and a.linear1.weight is not b.linear1.weight
    assert len(list(stack.parameters())) == 24


#: What is drawn at random, under both packages.
MADE = {
    "attention": lambda s: s.nn.MultiheadAttention(8, 2),
    "attention, all": lambda s: s.nn.MultiheadAttention(8, 2, kdim=4, vdim=5, add_bias_kv=True),
    "attention, no bias": lambda s: s.nn.MultiheadAttention(8, 2, bias=False, add_bias_kv=True),
    "encoder layer": lambda s: s.nn.TransformerEncoderLayer(8, 2, 12),
    "decoder layer": lambda s: s.nn.TransformerDecoderLayer(8, 2, 12),
    "encoder": lambda s: s.nn.TransformerEncoder(s.nn.TransformerEncoderLayer(8, 2, 12), 2, s.nn.LayerNorm(8)),
    "whole": lambda s: s.nn.Transformer(8, 2, 1, 2, 12),
    "adaptive": lambda s: s.nn.AdaptiveLogSoftmaxWithLoss(8, 20, [4, 10], 2.0, head_bias=True),
    "linear loss": lambda s: s.nn.LinearCrossEntropyLoss(6, 4, out_features=(3,), bias=True),
}


def drawn(monkeypatch, owner, names, make):
    """The names of the parameters in the order in which they were drawn, as far as they are still the module's."""
    written = []
    for name in names:
        original = getattr(owner, name)

        def spy(tensor, *args, _original=original, **kwargs):
            written.append(id(tensor))
            return _original(tensor, *args, **kwargs)

        monkeypatch.setattr(owner, name, spy)
    module = make()
    monkeypatch.undo()
    own = {id(p): n for n, p in module.named_parameters()}
    return [own[i] for i in written if i in own]


@pytest.mark.filterwarnings("ignore:enable_nested_tensor:UserWarning")
@pytest.mark.parametrize("name", MADE)
def test_parameters_are_drawn_in_the_same_order_from_the_same_distributions(name, monkeypatch):
    torch = pytest.importorskip("torch")
    theirs = drawn(monkeypatch, torch.Tensor, ["uniform_", "normal_"], lambda: MADE[name](torch))
    ours = drawn(monkeypatch, nn.init, ["_uniform", "_normal"], lambda: MADE[name](tl))
    assert ours == theirs
    tl.manual_seed(0), torch.manual_seed(0)
    many = [[MADE[name](space) for _ in range(100)] for space in (tl, torch)]
    for parameters in zip(*(zip(*(list(m.named_parameters()) for m in made), strict=True) for made in many), strict=True):
        a, b = (np.stack([p.detach().numpy() for _, p in group]) for group in parameters)
        scale = np.abs(b).max() or 1.0
        assert abs(a.mean() - b.mean()) < 6 * scale / np.sqrt(a.size), parameters[0][0][0]
        assert abs(a.std() - b.std()) < 6 * scale / np.sqrt(a.size)
        if len(np.unique(b)) > 1 and b.std() > 0.5 * scale:  # uniform: the bounds are sharp
            np.testing.assert_allclose([a.min(), a.max()], [b.min(), b.max()], atol=0.05 * scale)


def per_sample(space, model, params, *inputs):
    def loss(params, *one):
        out = space.func.functional_call(model, params, tuple(x[None] for x in one))
        return (out**2).sum()

    return space.func.vmap(space.func.grad(loss), in_dims=(None, *(0 for _ in inputs)))(params, *inputs)


@pytest.mark.filterwarnings("ignore:enable_nested_tensor:UserWarning", "ignore:There is a performance drop:UserWarning")
@pytest.mark.parametrize("name", ["TransformerEncoderLayer", "TransformerDecoderLayer", "Transformer"])
def test_gradients_for_each_example_equal_torch(name):
    torch = pytest.importorskip("torch")
    build = {"nhead": HEADS, "dim_feedforward": 12, "dropout": 0.0, "batch_first": True}
    build |= {"num_encoder_layers": 1, "num_decoder_layers": 1} if name == "Transformer" else {}
    ours, theirs = moved(getattr(nn, name)(D, **build), getattr(torch.nn, name)(D, **build))
    inputs = [randn(N, L, D)] + [randn(N, S, D)] * (name != "TransformerEncoderLayer")
    a = per_sample(tl, ours, {k: p.detach() for k, p in ours.named_parameters()}, *map(tl.tensor, inputs))
    b = per_sample(torch, theirs, {k: p.detach() for k, p in theirs.named_parameters()}, *map(torch.tensor, inputs))
    assert list(a) == list(b)
    for k in a:
        close(a[k], b[k], k)


def test_forward_mode_and_second_derivatives_of_a_layer():
    layer = nn.TransformerEncoderLayer(4, 2, 6, 0.0, "gelu").double()
    x, v = tl.tensor(randn(3, 2, 4)), tl.tensor(randn(3, 2, 4, seed=1))

    def f(x):
        return (layer(x) ** 2).sum()

    _, along = func.jvp(func.grad(f), (x,), (v,))
    step = 1e-5
    numeric = (func.grad(f)(x + step * v) - func.grad(f)(x - step * v)) / (2 * step)
    np.testing.assert_allclose(along.numpy(force=True), numeric.numpy(force=True), rtol=1e-6, atol=1e-7)


def test_dropout_is_used_in_training_alone():
    layer = nn.TransformerEncoderLayer(D, HEADS, 12, 0.5)
    x = tl.tensor(randn(L, N, D), dtype=tl.float32)
    assert layer(x).tolist() != layer(x).tolist()
    assert layer.eval()(x).tolist() == layer(x).tolist()
    attention = nn.MultiheadAttention(D, HEADS, dropout=1.0, bias=False)
    assert not attention(x, x, x)[0].any() and attention.eval()(x, x, x)[0].any()


X = tl.zeros(3, 2, 4)
WRONG = {
    "heads": (lambda s: s.nn.MultiheadAttention(7, 2), "num_heads must divide"),
    "query": (lambda s: s.nn.MultiheadAttention(4, 2)(s.zeros(3, 2, 5), s.zeros(3, 2, 4), s.zeros(3, 2, 4)), "(3, 2, 5)"),
    "dimensions": (lambda s: s.nn.MultiheadAttention(4, 2)(s.zeros(3, 2, 4), s.zeros(3, 4), s.zeros(3, 2, 4)), "(3, 4)"),
    "keys and values": (lambda s: s.nn.MultiheadAttention(4, 2)(s.zeros(3, 2, 4), s.zeros(5, 2, 4), s.zeros(4, 2, 4)), "(5, 2, 4)"),
    "batches": (lambda s: s.nn.MultiheadAttention(4, 2)(s.zeros(3, 2, 4), s.zeros(3, 3, 4), s.zeros(3, 3, 4)), "(3, 3, 4)"),
    "four": (lambda s: s.nn.MultiheadAttention(4, 2, batch_first=True)(*[s.zeros(1, 3, 2, 4)] * 3), "(1, 3, 2, 4)"),
    "mask dtype": (lambda s: s.nn.MultiheadAttention(4, 2)(*[s.zeros(3, 2, 4)] * 3, attn_mask=s.zeros(3, 3, dtype=s.int64)), "attn_mask"),
    "mask shape": (lambda s: s.nn.MultiheadAttention(4, 2)(*[s.zeros(3, 2, 4)] * 3, attn_mask=s.zeros(3, 2)), "attn_mask"),
    "padding": (lambda s: s.nn.MultiheadAttention(4, 2)(*[s.zeros(3, 2, 4)] * 3, s.zeros(3, 2)), "key_padding_mask"),
    "hint": (lambda s: s.nn.MultiheadAttention(4, 2)(*[s.zeros(3, 2, 4)] * 3, is_causal=True), "is_causal"),
    "layer hint": (lambda s: s.nn.TransformerEncoderLayer(4, 2, 8)(s.zeros(3, 2, 4), is_causal=True), "is_causal"),
    "activation": (lambda s: s.nn.TransformerEncoderLayer(4, 2, 8, activation="tanh"), "activation"),
    "layer heads": (lambda s: s.nn.TransformerDecoderLayer(4, 3, 8), "num_heads"),
    "no layer": (lambda s: s.nn.TransformerEncoder("a", 2), "'a'"),
    "batch": (lambda s: s.nn.Transformer(4, 2, 1, 1, 8)(s.zeros(3, 2, 4), s.zeros(3, 3, 4)), "batches"),
    "width": (lambda s: s.nn.Transformer(4, 2, 1, 1, 8)(s.zeros(3, 2, 5), s.zeros(3, 2, 5)), "4 wide"),
    "ranks": (lambda s: s.nn.Transformer(4, 2, 1, 1, 8)(s.zeros(3, 2, 4), s.zeros(3, 4)), "batches"),
    "size": (lambda s: s.nn.Transformer.generate_square_subsequent_mask(-1), "sz"),
}


@pytest.mark.filterwarnings("ignore:enable_nested_tensor:UserWarning")
@pytest.mark.parametrize("name", WRONG)
def test_wrong_arguments_are_refused_as_in_torch(name):
    call, fact = WRONG[name]
    with pytest.raises((RuntimeError, TypeError)) as ours:
        call(tl)
    assert fact in str(ours.value)
    torch = pytest.importorskip("torch")
    with pytest.raises(Exception) as theirs:
        call(torch)
    assert isinstance(ours.value, type(theirs.value)) or isinstance(theirs.value, AssertionError)


def test_a_small_transformer_learns_to_sort():
    """The program ``examples/sort_digits.py``, cut short: the places alone would give 38 % of the digits."""
    spec = importlib.util.spec_from_file_location("sort_digits", Path(__file__).parents[2] / "examples" / "sort_digits.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    found = module.train(steps=130, batch=32, report=0)
    assert found["digits"] > 0.6, found


def test_masks_of_two_kinds_warn():
    layer = nn.TransformerEncoderLayer(4, 2, 8)
    with pytest.warns(UserWarning, match="key_padding_mask is bool, attn_mask is float32"):
        layer(X, tl.zeros(3, 3), tl.zeros(2, 3, dtype=tl.bool))


def test_masks_are_merged_as_in_torch():
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(0)
    flags, padding, apart = rng.random((4, 4)) > 0.6, rng.random((3, 4)) > 0.6, rng.random((6, 4, 4)) > 0.6
    masks = [None, flags, apart, np.where(flags, -1.0, 0.0), np.where(apart, -1.0, 0.0)]
    for mask in masks:
        for pad in (None, padding, np.where(padding, -1.0, 0.0)):
            if mask is not None and pad is not None and mask.dtype != pad.dtype:
                continue  # PyTorch adds True as 1
            found = []
            for T in (tl, torch):
                given = [None if m is None else T.tensor(m) for m in (mask, pad)]
                merged, kind = T.nn.MultiheadAttention(6, 2).merge_masks(*given, T.zeros(3, 4, 6))
                found.append((kind, None if merged is None else merged.numpy()))
            assert found[0][0] == found[1][0]
            np.testing.assert_array_equal(found[0][1], found[1][1])
    attention = tl.nn.MultiheadAttention(6, 2)
    with pytest.warns(UserWarning, match="deprecates different types"):
        both, kind = attention.merge_masks(tl.tensor(np.where(flags, -1.0, 0.0)), tl.tensor(padding), tl.zeros(3, 4, 6))
    assert kind == 2 and both.dtype == tl.float64
    np.testing.assert_array_equal(both.numpy()[:, 0], np.where(padding[:, None], -np.inf, np.where(flags, -1.0, 0.0)))
    with pytest.raises(RuntimeError, match="attn_mask does not fit"):
        attention.merge_masks(tl.zeros(3, 3), None, tl.zeros(3, 4, 6))
    with pytest.raises(RuntimeError, match="unsqueeze one example"):
        attention.merge_masks(tl.zeros(4, 4), None, tl.zeros(4, 6))
