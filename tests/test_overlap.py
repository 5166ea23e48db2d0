"""In-place changes whose operands share memory with what is changed: the operands are what they were before, in values and derivatives.

The oracle is the same change with clones in the place of the operands.
"""

from __future__ import annotations

import numpy as np
import pytest

import tensorflowlite_clone as tl
from tensorflowlite_clone import func
from tensorflowlite_clone._errors import OperandError
from tensorflowlite_clone.core.registry import INPLACE, METHODS
from tensorflowlite_clone.ops.inplace.twins import AUGMENTED

N = 12
#: Of a vector of twelve: what is changed, and what it is changed with; of one shape, or broadcasting.
PAIRS = {
    "forward": (lambda x: x[1:5], lambda x: x[0:4]),
    "backward": (lambda x: x[0:4], lambda x: x[1:5]),
    "wider steps": (lambda x: x[1:5], lambda x: x[0:7:2]),
    "narrower steps": (lambda x: x[0:7:2], lambda x: x[1:5]),
    "steps of two and three": (lambda x: x[0:7:2], lambda x: x[1:11:3]),
    "steps of three and two": (lambda x: x[1:11:3], lambda x: x[2:10:2]),
    "turned": (lambda x: x[2:6], lambda x: x.flip(0)[4:8]),
    "turned columns": (lambda x: x.view(3, 4)[:, :2], lambda x: x.view(3, 4)[:, 1:3].flip(1)),
    "transposed": (lambda x: x[:9].view(3, 3), lambda x: x[:9].view(3, 3).t()),
    "shifted rows": (lambda x: x.view(4, 3)[1:], lambda x: x.view(4, 3)[:3]),
    "shifted columns": (lambda x: x.view(3, 4)[:, 1:], lambda x: x.view(3, 4)[:, :3]),
    "an element": (lambda x: x[:6], lambda x: x[2:3]),
    "a row": (lambda x: x.view(3, 4), lambda x: x[1:5]),
    "a column": (lambda x: x.view(3, 4), lambda x: x.view(3, 4)[:, 1:2]),
    "itself": (lambda x: x[2:7], lambda x: x[2:7]),
    "the diagonal": (lambda x: x[:9].view(3, 3)[1], lambda x: x[:9].view(3, 3).diagonal()),
    "windows": (lambda x: x[2:5], lambda x: x.unfold(0, 3, 1)[1]),
    "strided": (lambda x: x.as_strided((2, 2), (3, 1), 1), lambda x: x.as_strided((2, 2), (1, 2), 2)),
}
INTEGERS = {"bitwise_and_", "bitwise_left_shift_", "bitwise_or_", "bitwise_right_shift_", "bitwise_xor_", "gcd_", "lcm_"}
BOUNDED = {"bitwise_left_shift_", "bitwise_right_shift_"}
BINARY = sorted({
    *INTEGERS, "add_", "arctan2_", "atan2_", "copysign_", "div_", "divide_", "eq_", "float_power_", "floor_divide_", "fmod_", "ge_",
    "greater_", "greater_equal_", "gt_", "heaviside_", "hypot_", "ldexp_", "le_", "less_", "less_equal_", "logical_and_", "logical_or_",
    "logical_xor_", "lt_", "mul_", "multiply_", "ne_", "nextafter_", "not_equal_", "pow_", "remainder_", "sub_", "subtract_",
    "true_divide_", "xlogy_", "copy_", "clamp_min_", "clamp_max_", "igamma_", "igammac_",
})  # fmt: skip
#: Changes of ``a`` with ``b``, which shares its memory and broadcasts to it.
CHANGES = {name: (lambda a, b, name=name: getattr(a, name)(b)) for name in BINARY}
CHANGES |= {f"a {symbol} b": (lambda a, b, o=operator: getattr(a, f"__i{o}__")(b)) for operator, (symbol, _) in AUGMENTED.items()}
CHANGES |= {
    "a[...] = b": lambda a, b: a.__setitem__(..., b),
    "a[:] = b": lambda a, b: a.__setitem__(slice(None), b),
    "a[mask] = b": lambda a, b: a.__setitem__(a > 0, b.expand(a.shape)[a > 0]),
    "a[index] = b": lambda a, b: a.__setitem__(tl.arange(a.shape[0]).flip(0), b),
    "a[b] = 0": lambda a, b: a.__setitem__(b.long() % a.shape[0], 0.0),
    "a[b] = b": lambda a, b: a.__setitem__(b.long() % a.shape[0], b.reshape(-1)[-1]),
    "add_ alpha": lambda a, b: a.add_(b, alpha=2.0),
    "addcmul_": lambda a, b: a.addcmul_(b, b, value=0.5),
    "addcdiv_": lambda a, b: a.addcdiv_(b, b, value=0.5),
    "lerp_": lambda a, b: a.lerp_(b, 0.25),
    "lerp_ by b": lambda a, b: a.lerp_(b * 2.0, b),
    "clamp_": lambda a, b: a.clamp_(min=b),
    "masked_fill_": lambda a, b: a.masked_fill_(b > 3, 0.0),
    "masked_scatter_": lambda a, b: a.masked_scatter_(a > 3, b.expand(a.shape)),
    "index_put_": lambda a, b: a.index_put_((tl.arange(a.shape[0]).flip(0),), b),
    "index_put_ adding": lambda a, b: a.index_put_((tl.arange(a.shape[0]).flip(0),), b, accumulate=True),
    "index_copy_": lambda a, b: a.index_copy_(0, tl.arange(a.shape[0]).flip(0), b.expand(a.shape)),
    "index_add_": lambda a, b: a.index_add_(0, tl.arange(a.shape[0]).flip(0), b.expand(a.shape)),
    "scatter_": lambda a, b: a.scatter_(0, tl.arange(a.shape[0]).flip(0).view(-1, *[1] * (a.ndim - 1)).expand(a.shape), b.expand(a.shape)),
    "scatter_add_": lambda a, b: a.scatter_add_(0, tl.zeros(a.shape, dtype=tl.int64), b.expand(a.shape)),
    "fill_": lambda a, b: a.fill_(b.reshape(-1)[-1]),
    "data": lambda a, b: a.data.copy_(b),
    "np.copyto": lambda a, b: np.copyto(a, b),
    "np.add out": lambda a, b: np.add(a, b, out=a),
    "tl.add out": lambda a, b: tl.add(a, b, out=a),
    "tl.mul out": lambda a, b: tl.mul(b, b.expand(a.shape), out=a),
    "cumsum_": lambda a, b: a.copy_(b).cumsum_(0),
}  # fmt: skip
#: Changes whose results have no derivative in b, or in anything, or that are refused where one is asked for (``test_out.py``).
CONSTANT = {"data", "a[b] = 0", "masked_fill_", "a[b] = b", "tl.add out", "tl.mul out"}


def test_every_binary_method_is_swept():
    """A new method with an underscore that takes another tensor belongs in the list."""
    one, several = tl.ones(3), set()
    for name in (n for n in METHODS if n.endswith("_") and not n.endswith("__")):
        try:
            getattr(one.clone() if name not in INTEGERS else one.long(), name)(one.clone() if name not in INTEGERS else one.long())
            several.add(name)
        except Exception:
            continue
    unary_with_options = {"logit_", "round_", "nan_to_num_", "clamp_", "clip_", "bernoulli_", "random_", "uniform_", "normal_"}
    assert {n for n in several if n not in unary_with_options and n.removesuffix("_") in INPLACE} <= set(BINARY)


def base(change):
    integers = change in INTEGERS or change.split()[-2:-1] in (["&="], ["|="], ["^="], ["<<="], [">>="])
    return tl.arange(1, N + 1) % 5 + 1 if integers else tl.arange(1.0, N + 1.0, dtype=tl.float64) / 2


@pytest.mark.parametrize("change", CHANGES)
def test_values(change):
    for pair, (target, operand) in PAIRS.items():
        x, y = base(change), base(change)
        CHANGES[change](target(x), operand(x))
        CHANGES[change](target(y), operand(y).clone())
        np.testing.assert_array_equal(x.numpy(), y.numpy(), err_msg=pair)


def gradient(change, pair, leaf, copied):
    """The gradient of what is computed after the change of a part with another, or with a copy of that."""
    target, operand = PAIRS[pair]
    x = leaf * 1.0
    b = operand(x)
    CHANGES[change](target(x), b.clone() if copied else b)
    return tl.autograd.grad((x * x * tl.linspace(-1.0, 2.0, N, dtype=tl.float64)).sum(), leaf, allow_unused=True)[0]


@pytest.mark.parametrize("change", [c for c in CHANGES if base(c).dtype.kind == "f" and c not in CONSTANT])
def test_gradients(change):
    """The right gradient, whatever was overwritten."""
    leaf = base(change).requires_grad_()
    for pair in PAIRS:
        expected = gradient(change, pair, leaf, True)
        found = gradient(change, pair, leaf, False)
        if expected is None or found is None:
            assert found is expected
        else:
            np.testing.assert_allclose(found.numpy(), expected.numpy(), rtol=1e-12, atol=1e-12, err_msg=pair)


@pytest.mark.parametrize("change", ["copy_", "mul_", "a[...] = b", "a += b", "lerp_", "index_put_"])
def test_inside_transforms(change):
    def f(pair, copied):
        def g(v):
            x = v * 1.0
            b = PAIRS[pair][1](x)
            CHANGES[change](PAIRS[pair][0](x), b.clone() if copied else b)
            return (x * x).sum()

        return g

    v = base(change)
    for pair in PAIRS:
        shared, apart = f(pair, False), f(pair, True)
        expected = func.grad(apart)(v).numpy()
        np.testing.assert_allclose(func.grad(shared)(v).numpy(), expected, rtol=1e-12, err_msg=pair)
        slope = func.jvp(shared, (v,), (tl.ones_like(v),))[1]
        np.testing.assert_allclose(slope.item(), expected.sum(), rtol=1e-12, err_msg=pair)
        values = func.vmap(shared)(tl.stack([v, v * 2.0]))
        np.testing.assert_allclose(values.numpy(), [apart(v).item(), apart(v * 2.0).item()], rtol=1e-12, err_msg=pair)


def test_the_row_itself():
    x = tl.arange(7.0)
    x[1:5] = x[0:7:2]
    assert x.tolist() == [0.0, 0.0, 2.0, 4.0, 6.0, 5.0, 6.0]
    x = tl.arange(7.0)
    x[1:5].copy_(x[0:7:2])
    assert x.tolist() == [0.0, 0.0, 2.0, 4.0, 6.0, 5.0, 6.0]


@pytest.mark.parametrize("change", ["copy_", "add_", "mul_", "a[...] = b"])
def test_windows_that_overlap_themselves_are_not_written_to(change):
    x = tl.arange(5.0)
    before = x.tolist()
    for windows in (x.unfold(0, 3, 1), x.as_strided((3, 2), (1, 1)), x[:1].expand(5)):
        with pytest.raises(OperandError, match="clone"):
            CHANGES[change](windows, tl.ones(windows.shape))
    assert x.tolist() == before


def test_ndarrays_and_foreign_views_of_the_same_memory():
    """Memory that NumPy shares is not known as a view, but it is the same memory."""
    array = np.arange(7.0)
    x, source = tl.from_numpy(array), tl.from_numpy(array[::2])
    x[1:5] = source
    assert array.tolist() == [0.0, 0.0, 2.0, 4.0, 6.0, 5.0, 6.0]
    array = np.arange(7.0)
    tl.from_numpy(array)[1:5] = array[::2]
    assert array.tolist() == [0.0, 0.0, 2.0, 4.0, 6.0, 5.0, 6.0]
    array = np.arange(7.0)
    np.copyto(tl.from_numpy(array)[1:5], array[::2])
    assert array.tolist() == [0.0, 0.0, 2.0, 4.0, 6.0, 5.0, 6.0]


@pytest.mark.parametrize("change", [c for c in CHANGES if not c.startswith(("np.", "tl.", "a[", "index_put_", "clamp_m", "data"))])
def test_against_torch(change):
    """PyTorch's values, with copies where it would refuse the overlap."""
    torch = pytest.importorskip("torch")
    if not hasattr(torch.Tensor, change.split()[0]) and not change.startswith("a "):
        pytest.skip("PyTorch has no such method")
    for pair, (target, operand) in PAIRS.items():
        if "turned" in pair or "scatter" in change or "index" in change:
            continue  # torch's flip copies, and it takes no index of ours
        x = base(change)
        y = torch.from_numpy(x.numpy().copy())
        CHANGES[change](target(x), operand(x))
        CHANGES[change](target(y), operand(y).clone())
        np.testing.assert_allclose(x.numpy(), y.numpy(), rtol=1e-12, err_msg=pair)
