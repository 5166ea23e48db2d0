"""Creation, in what comparisons with PyTorch cannot say: sharing of memory, precision, refusals, transforms."""

from __future__ import annotations

import numpy as np
import pytest

import tensorflowlite_clone as tl
from tensorflowlite_clone.core.boxed import Boxed
from tensorflowlite_clone.func import grad, jvp, vmap


def test_tensor_copies_and_from_numpy_shares():
    a = np.zeros(3)
    copied, shared, alike, third = tl.tensor(a), tl.from_numpy(a), tl.as_tensor(a), tl.asarray(a)
    a[0] = 5.0
    assert copied[0].item() == 0.0
    assert shared[0].item() == alike[0].item() == third[0].item() == 5.0
    shared[1] = 7.0
    assert a[1] == 7.0
    assert tl.asarray(a, copy=True).array is not a


def test_as_tensor_returns_tensors_themselves():
    x = tl.ones(2, requires_grad=True)
    assert tl.as_tensor(x) is x
    assert tl.as_tensor(x, dtype=tl.float64).requires_grad  # converted on the tape
    assert tl.asarray(x) is x and tl.asarray(x, requires_grad=False) is not x
    assert not tl.asarray(x, requires_grad=False).requires_grad
    assert tl.asarray(x, requires_grad=True) is x


def test_tensor_of_a_tensor_leaves_the_tape():
    x = tl.ones(2, requires_grad=True)
    with pytest.warns(UserWarning, match="the copy of a tensor that requires grad"):
        y = tl.tensor(x * 2.0)
    assert not y.requires_grad
    with pytest.warns(UserWarning, match="the copy of a tensor that requires grad"):
        assert tl.tensor([x[0] * 3.0, x[1]]).tolist() == [3.0, 1.0]


def test_numbers_keep_their_precision_on_the_way_to_a_dtype():
    assert tl.tensor(0.1, dtype=tl.float64).item() == 0.1
    assert tl.tensor([[0.1]], dtype=tl.float64).item() == 0.1
    assert tl.as_tensor(0.1, dtype=tl.float64).item() == 0.1
    assert tl.full((1,), 0.1, dtype=tl.float64).item() == 0.1
    assert tl.tensor([2**53 + 1]).item() == 2**53 + 1
    assert tl.arange(0, 1, 0.1, dtype=tl.float64).tolist() == np.arange(0, 1, 0.1).tolist()
    np.testing.assert_allclose(tl.linspace(0, 1, 11, dtype=tl.float64).numpy(), np.linspace(0, 1, 11), rtol=2e-16)


def test_default_dtype_decides_over_python_numbers_only():
    tl.set_default_dtype(tl.float64)
    try:
        made = (tl.tensor(1.5), tl.tensor([1, 2.5]), tl.zeros(2), tl.arange(0.5), tl.full((1,), 2.0), tl.eye(2), tl.rand(1), tl.tensor([]))
        assert all(x.dtype == np.float64 for x in made)
        assert tl.tensor(1j).dtype == np.complex128
        assert tl.tensor(np.float32(1.0)).dtype == np.float32
        assert tl.tensor([1, 2]).dtype == np.int64
    finally:
        tl.set_default_dtype(tl.float32)


def test_foreign_byte_order_is_converted():
    swapped = np.array([1.0, 2.0]).astype(np.dtype(np.float64).newbyteorder())
    for x in (tl.tensor(swapped), tl.as_tensor(swapped)):
        assert x.dtype == np.float64
        assert x.dtype.isnative
        assert x.tolist() == [1.0, 2.0]
    with pytest.raises(TypeError, match="from_numpy: the array has foreign byte order"):
        tl.from_numpy(swapped)


def test_requires_grad_makes_leaves():
    made = (tl.zeros(2, requires_grad=True), tl.tensor(1.0, requires_grad=True), tl.ones_like(tl.zeros(2), requires_grad=True))
    made += (tl.arange(3.0, requires_grad=True), tl.eye(2, requires_grad=True), tl.randn(2, requires_grad=True))
    for x in made:
        assert x.requires_grad
        assert x.is_leaf


def test_strange_devices_are_refused_and_cpu_accepted():
    assert tl.zeros(2, device="cpu").tolist() == [0.0, 0.0]
    for make in (tl.zeros, tl.ones, tl.empty, tl.rand, tl.randn, tl.eye, tl.randperm):
        with pytest.raises(ValueError, match="only the CPU"):
            make(2, device="cuda")


REFUSED = {
    "ragged": (lambda: tl.tensor([[1, 2], [3]]), ValueError, r"tensor: the nested lists have different lengths: at depth 1 they are 2, 1"),
    "ragged with a number": (lambda: tl.tensor([[1], 2]), ValueError, r"at depth 1 they are 1, a number"),
    "ragged deep": (lambda: tl.tensor([[[1, 2], [3, 4]], [[5], [6]]]), ValueError, r"at depth 2 they are 2, 2, 1, 1"),
    "ragged arrays": (lambda: tl.tensor([np.ones(2), np.ones(3)]), ValueError, r"at depth 1 they are 2, 3"),
    "ragged tensors": (lambda: tl.tensor([tl.ones(2), tl.ones(3)]), ValueError, r"at depth 1 they are 2, 3"),
    "text": (lambda: tl.tensor("abc"), TypeError, r"tensor: cannot make a tensor of str 'abc'.*numbers"),
    "text in a list": (lambda: tl.tensor([1, "a"]), TypeError, r"cannot make a tensor of list \[1, 'a'\]"),
    "None": (lambda: tl.tensor([None]), TypeError, "cannot make a tensor of list"),
    "objects": (lambda: tl.as_tensor(np.array([{}])), TypeError, "as_tensor: cannot make a tensor of ndarray"),
    "extended precision": (lambda: tl.tensor(np.ones(1, np.longdouble)), TypeError, "pass numbers"),
    "large integer": (lambda: tl.tensor([2**63]), ValueError, r"an integer does not fit int64: \[9223372036854775808\]"),
    "larger integer": (lambda: tl.tensor(-(2**64)), ValueError, "an integer does not fit int64"),
    "complex into float": (lambda: tl.tensor(1j, dtype=tl.float32), RuntimeError, "complex values do not fit float32"),
    "integers with gradients": (lambda: tl.tensor([1], requires_grad=True), RuntimeError, "only floating"),
    "from_numpy of a list": (lambda: tl.from_numpy([1.0]), TypeError, "from_numpy: needs an ndarray: got list"),
    "asarray without a copy": (lambda: tl.asarray([1.0], copy=False), ValueError, "asarray: list cannot be used without a copy"),
    "asarray in another dtype": (lambda: tl.asarray(np.ones(1), dtype=tl.float32, copy=False), ValueError, "without a copy"),
    "negative size": (lambda: tl.zeros(2, -1), ValueError, r"zeros: sizes must not be negative: got \(2, -1\)"),
    "float size": (lambda: tl.ones(2.0), TypeError, r"ones: sizes must be integers: got \(2.0,\)"),
    "sizes twice": (lambda: tl.zeros(2, size=(3,)), ValueError, r"zeros: got sizes \(2,\) and size=\(3,\)"),
    "fill value": (lambda: tl.full((2,), "x"), TypeError, "full: fill_value must be a number: got str"),
    "arange step": (lambda: tl.arange(0, 3, 0), ValueError, "step must not be 0"),
    "arange sign": (lambda: tl.arange(0, 3, -1), ValueError, "from 0 to 3 in steps of -1 there is no way"),
    "arange infinity": (lambda: tl.arange(0, float("inf")), ValueError, "must be finite"),
    "linspace steps": (lambda: tl.linspace(0, 1, -1), ValueError, "steps must not be negative: got -1"),
    "eye size": (lambda: tl.eye(-1), ValueError, r"eye: sizes must not be negative"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name):
    call, kind, pattern = REFUSED[name]
    with pytest.raises(kind, match=pattern):
        call()


# ---- inside transforms --------------------------------------------------------------------------------------------------------------
def test_like_functions_have_the_visible_shape_inside_transforms():
    def f(x):
        seen.append([g(x) for g in (tl.zeros_like, tl.ones_like, tl.empty_like, lambda x: tl.full_like(x, 2.0), lambda x: x.new_zeros(4))])
        return (x * seen[-1][1] + seen[-1][0]).sum()

    seen: list = []
    np.testing.assert_array_equal(grad(f)(np.ones(3)), [1.0, 1.0, 1.0])
    np.testing.assert_array_equal(vmap(f)(np.ones((2, 3))), [3.0, 3.0])
    jvp(f, (np.ones(3),), (np.ones(3),))
    for made in seen:
        assert all(isinstance(x, Boxed) for x in made)  # values of the transform, so that they can be written into
        assert [x.shape for x in made] == [(3,)] * 4 + [(4,)]
        assert all(x.dtype == np.float64 for x in made)


def test_tensors_made_of_a_transform_s_values_are_followed():
    x = np.array([[1.0, 2.0], [3.0, 4.0]])
    assert vmap(lambda x: tl.tensor([x[0], x[1]]))(x).tolist() == x.tolist()
    assert jvp(lambda x: tl.tensor([x[0], x[1]]), (x[0],), (x[1],))[1].tolist() == x[1].tolist()
    mixed = vmap(lambda t: tl.tensor([1j, t]))(tl.tensor([0.5, 1.5], dtype=tl.float64))
    assert mixed.dtype == tl.complex128 and mixed.tolist() == [[1j, 0.5], [1j, 1.5]]


def test_a_copy_of_a_followed_value_is_followed_and_its_own():
    def f(x):
        y = tl.tensor(x)
        y *= 3.0
        return (y * x).sum() + tl.tensor(x, dtype=tl.float64).sum()

    x = np.array([1.0, 2.0])
    np.testing.assert_array_equal(grad(f)(x), 6 * x + 1)
    np.testing.assert_array_equal(jvp(f, (x,), (np.ones(2),))[1], 6 * x.sum() + 2)
    np.testing.assert_array_equal(vmap(grad(f))(np.stack([x, -x])), np.stack([6 * x + 1, -6 * x + 1]))
    np.testing.assert_array_equal(vmap(tl.tensor)(np.stack([x, -x])), np.stack([x, -x]))
    assert tl.tensor(tl.tensor(x)).requires_grad is False
    with pytest.warns(UserWarning, match="is a constant"):
        assert not tl.tensor(tl.tensor(x, requires_grad=True)).requires_grad


def test_as_tensor_keeps_derivatives_inside_transforms():
    np.testing.assert_array_equal(grad(lambda x: (tl.as_tensor(x) * 2.0).sum())(np.ones(2)), [2.0, 2.0])


def test_numpy_s_like_functions_work_on_tensors():
    x = tl.ones(2, 3)
    for made, value in ((np.zeros_like(x), 0), (np.ones_like(x), 1), (np.full_like(x, 2), 2)):
        np.testing.assert_array_equal(np.asarray(made), np.full((2, 3), value, np.float32))
    assert np.empty_like(x).shape == (2, 3)
    assert np.zeros_like(x, dtype=np.int8).dtype == np.int8
    assert np.zeros_like(x, shape=(5,)).shape == (5,)


def test_the_constructor_is_pytorch_s_old_one():
    """``Tensor(2, 3)`` has sizes, ``Tensor([1, 2])`` numbers in the default dtype; arrays are shared, with their dtype."""
    for made, shape, values in (
        (tl.Tensor(), (0,), []),
        (tl.Tensor(3), (3,), [0.0] * 3),
        (tl.Tensor(2, 3), (2, 3), [[0.0] * 3] * 2),
        (tl.Tensor(np.int64(2), 0), (2, 0), [[], []]),
        (tl.Tensor([1, 2]), (2,), [1.0, 2.0]),
        (tl.Tensor((2, 3)), (2,), [2.0, 3.0]),
        (tl.Tensor([[True], [False]]), (2, 1), [[1.0], [0.0]]),
        (tl.Tensor(range(3)), (3,), [0.0, 1.0, 2.0]),
        (tl.Tensor([]), (0,), []),
        (tl.Tensor([tl.tensor(1.0), 2.0]), (2,), [1.0, 2.0]),
    ):
        assert made.dtype == np.float32 and made.shape == shape and made.tolist() == values and not made.requires_grad
    array = np.arange(3)
    assert tl.Tensor(array).array is array
    x = tl.tensor([1.0, 2.0], requires_grad=True)
    assert tl.Tensor(x).array is x.array and not tl.Tensor(x).requires_grad
    assert tl.Tensor([1.0], requires_grad=True).requires_grad
    tl.set_default_dtype(np.float64)
    try:
        assert tl.Tensor(2).dtype == tl.Tensor([1]).dtype == np.float64
    finally:
        tl.set_default_dtype(np.float32)
    for bad, kind, text in (
        ((2.0,), TypeError, "takes sizes, or a sequence or an array: got 2.0"),
        ((True,), TypeError, "takes sizes, .* got True"),
        (("2",), TypeError, "takes sizes, .* got '2'"),
        ((None,), TypeError, "takes sizes, .* got None"),
        ((2, 3.0), TypeError, "takes sizes, .* got 2, 3.0"),
        ((-1,), ValueError, r"sizes must not be negative: got \(-1,\)"),
        (([1j],), TypeError, "its numbers are real"),
    ):
        with pytest.raises(kind, match=f"Tensor: {text}"):
            tl.Tensor(*bad)


def test_the_constructor_against_pytorch():
    torch = pytest.importorskip("torch")
    for args in ((), (3,), (2, 3), (0,), ([1, 2],), ((2, 3),), ([[1.5], [2.5]],), ([True],), ([],), (range(3),), (np.int64(2), 1)):
        ours, theirs = tl.Tensor(*args), torch.Tensor(*args)
        assert ours.shape == tuple(theirs.shape) and str(ours.dtype) == str(theirs.dtype).removeprefix("torch.")
        if isinstance((*args, None)[0], list | tuple | range):
            assert ours.tolist() == theirs.tolist()
    for bad in ((2.0,), ("2",), (None, 2), (2, 3.0), (-1,)):
        for package in (tl, torch):
            with pytest.raises((TypeError, ValueError, RuntimeError)):
                package.Tensor(*bad)


@pytest.mark.parametrize("name", ["zeros_like", "ones_like", "empty_like", "full_like", "rand_like", "randn_like", "randint_like"])
def test_what_is_like_a_tensor_lies_in_memory_as_that_does(name):
    """As PyTorch's preserve_format has it: where the tensor repeats or leaves out elements, the order of its axes."""
    given = {"full_like": (2.0,), "randint_like": (5,)}.get(name, ())
    f = getattr(tl, name)
    for x, stride in (
        (tl.ones(2, 3), (3, 1)),
        (tl.ones(2, 3).t(), (1, 3)),
        (tl.ones(2, 3, 4).permute(2, 0, 1), (1, 12, 4)),
        (tl.ones(4, 6)[:, ::2], (3, 1)),
        (tl.ones(4, 6)[:, ::2].t(), (1, 3)),
        (tl.ones(2, 1).expand(2, 3), (3, 1)),
        (tl.ones(3).expand(2, 3), (3, 1)),
        (tl.zeros(0, 3), (3, 1)),
        (tl.tensor(1.0), ()),
    ):
        made = f(x, *given)
        assert made.shape == x.shape
        assert made.stride() == stride or 0 in x.shape
        assert f(x, *given, memory_format=tl.contiguous_format).is_contiguous()
    x = tl.ones(2, 3).t()
    assert vmap(lambda row: f(x, *given) * row.sum(), randomness="different")(x).shape == (3, 3, 2)


@pytest.mark.parametrize(
    ("size", "stride"), [((2, 3), (1, 2)), ((2, 0), (1, 2)), ((2, 3), (0, 1)), ((2, 3), (30, 4)), ((), ()), ((3,), (5,))], ids=str
)
def test_empty_with_strides(size, stride):
    for x in (tl.empty_strided(size, stride, dtype=tl.float64), tl.ones(2, dtype=tl.float64).new_empty_strided(size, stride)):
        assert (x.shape, x.stride(), x.dtype) == (size, stride, np.float64)
    x = tl.empty_strided(size, stride)
    if 0 not in stride:
        assert x.fill_(2.0).tolist() == np.full(size, 2.0).tolist()
        assert (x * x).sum().item() == 4.0 * x.numel()


def test_memory_is_laid_out_as_asked():
    assert tl.empty_permuted((2, 3, 4), (0, 2, 1)).stride() == (12, 1, 3)
    assert tl.empty_permuted((2, 3, 4), (2, 0, 1), dtype=tl.float64).stride() == (3, 1, 6)
    x = tl.ones(2, 3, 4).permute(2, 0, 1)
    for like in (tl.zeros_like(x), tl.ones_like(x), tl.empty_like(x), tl.full_like(x, 3.0)):
        assert like.stride() == x.stride() and like.shape == x.shape
    assert tl.zeros_like(x, memory_format=tl.contiguous_format).stride() == (6, 3, 1)
    assert tl.zeros_like(x[:, :, ::2]).stride() == (1, 8, 4)  # the gaps are closed
    assert tl.ones_like(tl.ones(3).expand(2, 3)).stride() == (3, 1)


BAD_ROWS = {
    "linspace": (
        lambda: tl.linspace(tl.ones(1), 2, 3),
        ValueError,
        r"linspace: start must be a number or a 0-d tensor",
    ),
    "linspace steps": (lambda: tl.linspace(0, 1, 2.0), TypeError, "linspace: steps must be an integer: it is float"),
    "linspace bool": (lambda: tl.linspace(0, 1, 2, dtype=tl.bool), TypeError, "there are no steps in bool"),
    "linspace complex": (lambda: tl.linspace(0, 1j, 2, dtype=tl.float32), TypeError, "complex ends do not fit float32"),
    "linspace range": (lambda: tl.linspace(0, 300, 2, dtype=tl.uint8), ValueError, "linspace: the number does not fit a tensor of uint8"),
    "logspace steps": (lambda: tl.logspace(0, 1, -1), ValueError, "logspace: the number of steps must not be negative: got -1"),
    "arange": (lambda: tl.arange(), TypeError, "arange: the end is missing"),
    "arange complex": (lambda: tl.arange(2j), TypeError, "arange: start, end and step must be real"),
    "arange bool": (lambda: tl.arange(0, 2, dtype=tl.bool), TypeError, "arange: there are no steps in bool"),
    "range": (lambda: tl.range(3, 1), ValueError, "range: from 3 to 1 in steps of 1 there is no way"),
    "tril_indices": (lambda: tl.tril_indices(2, 2, dtype=tl.float32), TypeError, "tril_indices: indices are integers: dtype is float32"),
    "empty_strided": (lambda: tl.empty_strided((2, 3), (1,)), ValueError, r"empty_strided: size and stride have different lengths"),
    "empty_strided -": (lambda: tl.empty_strided((2,), (-1,)), ValueError, r"empty_strided: strides must not be negative: got \(-1,\)"),
    "empty_permuted": (lambda: tl.empty_permuted((2, 3), (0, 0)), ValueError, "physical_layout must name each dimension once"),
    "layout": (lambda: tl.zeros(2, layout="sparse"), ValueError, "zeros: layout: tensors are dense here"),
}


@pytest.mark.parametrize("case", BAD_ROWS)
def test_bad_rows_and_layouts(case):
    call, kind, message = BAD_ROWS[case]
    with pytest.raises(kind, match=message):
        call()


def test_linspace_is_differentiable_in_its_ends():
    a, b = tl.tensor(0.5, dtype=tl.float64, requires_grad=True), tl.tensor(2.0, dtype=tl.float64, requires_grad=True)
    tl.linspace(a, b, 4, dtype=tl.float64).sum().backward()
    assert (a.grad.item(), b.grad.item()) == (pytest.approx(2.0), pytest.approx(2.0))
