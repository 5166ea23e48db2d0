"""The text of tensors is PyTorch's to the digit: drawn tensors of every dtype, shape and size of numbers, options, notes, formats."""

from __future__ import annotations

import itertools
import math
import re

import numpy as np
import pytest

import tensorflowlite_clone as tl
from tensorflowlite_clone import nn

SHAPES = [(), (1,), (3,), (0,), (0, 3), (2, 0, 3), (1, 1), (2, 3), (4, 25), (2, 3, 4), (1, 2, 1, 3), (2, 1, 2, 2, 2), (40,), (7, 1)]
LARGE = [(1001,), (1000,), (7, 7, 30), (2, 600), (6, 200), (3, 400, 1)]
DTYPES = ["float32", "float64", "float16", "int64", "int32", "int8", "uint8", "bool", "complex64", "complex128"]


def kinds(rng, shape):
    """Numbers of every size: whole, of one size, mixed, huge, tiny, with infinities and NaN."""
    x = rng.normal(size=shape)
    yield "normal", x
    yield "whole", np.round(x * 10)
    yield "zeros", x * 0
    yield "negative zeros", -np.abs(x) * 0
    yield "mixed sizes", x * 10.0 ** rng.integers(-8, 8, size=shape)
    yield "within a thousand", x * 10.0 ** rng.integers(-1, 2, size=shape)
    yield "huge", x * 1e9
    yield "whole and huge", np.round(x * 1e9)
    yield "whole and mixed", np.round(x * 10.0 ** rng.integers(0, 5, size=shape))
    yield "tiny", x * 1e-6
    yield "one tiny", np.where(rng.random(shape) < 0.5, x, 2e-5)
    yield "not finite", np.where(rng.random(shape) < 0.6, x, rng.choice([np.nan, np.inf, -np.inf], size=shape))
    yield "only not finite", rng.choice([np.nan, np.inf, -np.inf], size=shape)
    yield "whole, not finite", np.where(rng.random(shape) < 0.6, np.round(x * 10), rng.choice([np.nan, np.inf, -np.inf], size=shape))
    yield "some zeros", np.where(rng.random(shape) < 0.5, x, 0.0)


def cast(x, dtype, rng):
    kind = np.dtype(dtype).kind
    with np.errstate(all="ignore"):
        if kind == "c":
            return (x + 1j * rng.permutation(np.ravel(x)).reshape(np.shape(x))).astype(dtype)
        if kind in "iu":
            return np.nan_to_num(x * 30, posinf=100, neginf=-3).clip(0 if kind == "u" else -120, 120).astype(dtype)
        return x.astype(dtype) if kind == "f" else np.asarray(x > 0)


def both(array, torch):
    return tl.tensor(np.array(array)), torch.tensor(np.array(array))


NOTE_ON_A_NEW_LINE = re.compile(r",\n +(dtype|grad_fn|requires_grad)=")


def same(mine, other):
    """Dtypes have NumPy's names here, without ``torch.``: notes that would not fit on a line with it may stand there."""
    if "dtype=torch." in other:
        mine, other = NOTE_ON_A_NEW_LINE.sub(r", \1=", mine), NOTE_ON_A_NEW_LINE.sub(r", \1=", other).replace("torch.", "")
    return mine == other


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_drawn_tensors_look_as_in_torch(shape, dtype):
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(math.prod(shape) + len(shape) + DTYPES.index(dtype))
    for name, x in kinds(rng, shape):
        mine, other = both(cast(np.asarray(x), dtype, rng), torch)
        assert same(repr(mine), repr(other)), name
        assert str(mine) == repr(mine)
        if dtype[0] in "fc" and len(shape) < 3:
            assert same(repr(mine.requires_grad_()), repr(other.requires_grad_()))
            assert same(repr(mine.clone()), repr(other.clone()))
            assert same(repr(nn.Parameter(mine)), repr(torch.nn.Parameter(other)))


@pytest.mark.parametrize("dtype", ["float32", "int64", "complex64"])
@pytest.mark.parametrize("shape", LARGE, ids=str)
def test_large_tensors_are_summarised_as_in_torch(shape, dtype):
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(1)
    for name, x in kinds(rng, shape):
        mine, other = both(cast(x, dtype, rng), torch)
        assert same(repr(mine), repr(other)), name
        assert same(repr(mine.t() if mine.ndim == 2 else mine), repr(other.t() if other.ndim == 2 else other))


OPTIONS = [
    {"precision": 0}, {"precision": 8}, {"threshold": 5}, {"threshold": math.inf}, {"edgeitems": 1, "threshold": 10},
    {"edgeitems": 2, "threshold": 2}, {"linewidth": 30}, {"linewidth": 200}, {"linewidth": 1}, {"sci_mode": True}, {"sci_mode": False},
    {"profile": "short"}, {"profile": "full"}, {"profile": "short", "edgeitems": 4, "threshold": 6},
    {"precision": 2, "sci_mode": True, "linewidth": 40},
]  # fmt: skip


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_options_as_in_torch(options):
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(2)
    try:
        tl.set_printoptions(**options)
        torch.set_printoptions(**options)
        for shape, dtype in itertools.product([(), (3, 9), (40, 40)], ["float32", "int64", "complex64"]):
            if options.get("threshold") == math.inf and shape == (40, 40):
                continue
            for name, x in kinds(rng, shape):
                mine, other = both(cast(np.asarray(x), dtype, rng), torch)
                assert same(repr(mine), repr(other)), (name, shape)
    finally:
        tl.set_printoptions(profile="default")
        torch.set_printoptions(profile="default")


def test_the_default_dtype_is_not_named():
    torch = pytest.importorskip("torch")
    tl.set_default_dtype(tl.float64)
    torch.set_default_dtype(torch.float64)
    try:
        for array in (
            np.ones(2),
            np.ones(2, "f4"),
            np.ones(2, "c16"),
            np.ones(2, "c8"),
            np.ones(0, "i8"),
            np.ones((0, 2)),
            np.ones(0, bool),
        ):
            mine, other = both(array, torch)
            assert same(repr(mine), repr(other))
    finally:
        tl.set_default_dtype(tl.float32)
        torch.set_default_dtype(torch.float32)


@pytest.mark.parametrize("spec", ["", ".3f", "8.2e", "+.1f", ">12", "d", "x", "g", "%", "s"])
@pytest.mark.parametrize("value", [0.25, 3, True, 2 - 1j, math.nan, -0.0], ids=str)
def test_formats_of_one_number_as_in_torch(value, spec):
    torch = pytest.importorskip("torch")
    outcomes = []
    for T in (tl, torch):
        try:
            outcomes.append(format(T.tensor(value), spec))
        except (ValueError, TypeError) as error:
            outcomes.append(type(error))
    assert outcomes[0] == outcomes[1]


def test_formats_without_torch():
    loss = tl.tensor(0.25, requires_grad=True)
    assert (f"{loss}", f"{loss:.3f}", f"{loss * 2:.1f}", f"{tl.tensor(0.1)}") == ("0.25", "0.250", "0.5", "0.10000000149011612")
    assert f"{tl.tensor([0.25])}" == "tensor([0.2500])" and f"{tl.tensor([0.25]):.1f}" == "0.2"
    assert f"{nn.Parameter(tl.tensor(1.0))}" == "Parameter containing:\ntensor(1., requires_grad=True)"
    assert f"{nn.Parameter(tl.tensor(1.5)):.2f}" == "1.50"
    with pytest.raises((TypeError, ValueError)):
        f"{tl.ones(2):.3f}"


def test_texts_without_torch():
    """Rows of the kinds above, written down."""
    assert repr(tl.tensor([0.1, 0.25])) == "tensor([0.1000, 0.2500])"
    assert repr(tl.zeros(0, 3)) == "tensor([], size=(0, 3))"
    assert repr(tl.tensor([1e-6, 1.0])) == "tensor([1.0000e-06, 1.0000e+00])"
    assert repr(tl.tensor([math.nan, math.inf, 1.0])) == "tensor([nan, inf, 1.])"
    assert repr(tl.tensor([True, False])) == "tensor([ True, False])"
    assert repr(tl.tensor([1 + 2j, 0.5j])) == "tensor([1.+2.0000j, 0.+0.5000j])"
    assert repr(tl.ones(2, 1, 2)) == "tensor([[[1., 1.]],\n\n        [[1., 1.]]])"
    assert repr(tl.arange(1001)) == "tensor([   0,    1,    2,  ...,  998,  999, 1000])"
    assert repr(tl.ones(2, dtype=tl.float64, requires_grad=True)) == "tensor([1., 1.], dtype=float64, requires_grad=True)"
    assert repr(tl.ones(1, requires_grad=True) * 2) == "tensor([2.], grad_fn=<MulBackward0>)"
    assert repr(nn.Parameter(tl.tensor([0.5]))) == "Parameter containing:\ntensor([0.5000], requires_grad=True)"


def test_devices_as_in_torch():
    torch = pytest.importorskip("torch")
    for arguments in (("cpu",), ("cpu:0",), ("cpu", 1), ("cpu:12",)):
        mine, other = tl.device(*arguments), torch.device(*arguments)
        assert (str(mine), repr(mine), f"{mine}", mine.type, mine.index) == (str(other), repr(other), f"{other}", other.type, other.index)
    assert f"{tl.device('cpu')}" == "cpu" and str(tl.ones(1).device) == "cpu" and tl.device(tl.device("cpu", 1)).index == 1


def test_other_devices_have_names_and_no_place():
    for name, kind, index in (("cuda:0", "cuda", 0), ("cuda", "cuda", None), ("mps", "mps", None)):
        d = tl.device(name)
        assert (d.type, d.index, str(d)) == (kind, index, name) and d == tl.device(kind, index) != tl.device("cpu")
        for use in (lambda d=d: tl.ones(2, device=d), lambda d=d: tl.ones(2).to(d), d.__enter__, lambda d=d: d(len)):
            with pytest.raises(AssertionError, match="device: there is only the CPU"):
                use()
    assert str(tl.device("meta")) == "meta" != str(tl.ones(2, device="meta").to("meta").device)  # it has values
    with tl.device("cpu") as d:
        assert tl.ones(2, device=d).device == d and tl.device("cpu")(len) is len


@pytest.mark.parametrize("bad", ["gpu", "cpu:", "cpu:x", "", "cpu:-1", 0, None])
def test_other_devices_are_refused(bad):
    with pytest.raises((ValueError, RuntimeError), match="device: there is only the CPU"):
        tl.device(bad)


@pytest.mark.parametrize(
    ("options", "kind", "message"),
    [
        ({"precision": -1}, ValueError, "set_printoptions: precision must be at least 0: got -1"),
        ({"precision": "4"}, TypeError, "precision must be an integer: got str '4'"),
        ({"linewidth": 2.5}, TypeError, "linewidth must be an integer"),
        ({"profile": "wide"}, ValueError, "profile must be one of 'default', 'short', 'full': got 'wide'"),
        ({"precision": 2, "threshold": "many"}, TypeError, "threshold must be an integer"),
    ],
)
def test_wrong_options_change_nothing(options, kind, message):
    with pytest.raises(kind, match=message):
        tl.set_printoptions(**options)
    assert repr(tl.tensor([0.125, 1.0])) == "tensor([0.1250, 1.0000])"


@pytest.mark.parametrize("spec", [".2f", "10", "<5", "s"])
@pytest.mark.parametrize("shape", [(3,), (0,), (2, 1)])
def test_several_numbers_have_no_format(spec, shape):
    with pytest.raises(TypeError, match="format: a tensor of several numbers has no"):
        format(tl.ones(shape), spec)
