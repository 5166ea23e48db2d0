"""``out=``: PyTorch's for every function that has it, swept over the calls of the samples; NumPy's, which the tape follows."""

from __future__ import annotations

import re
import warnings
from typing import Any

import numpy as np
import pytest
from torch_signatures import resolve, table
from wrong_calls import Attempt, find, right_calls

import tensorflowlite_clone as tl

SPACES = {"": "", "F.": "nn.functional", "linalg.": "linalg", "fft.": "fft", "special.": "special"}


def has_out(a: Attempt) -> bool:
    return any(re.search(r"\bout=", way) for way in table()[SPACES[a.space]].get(a.name, ()))


SWEPT = [a for a in right_calls(2) if has_out(a)]
#: What draws, or leaves the memory as it is: two calls do not give the same.
RANDOM = {"bernoulli", "empty", "multinomial", "normal", "rand", "randn", "randint", "randperm"}
#: PyTorch does not resize what these write into.
EXACT = {"split_copy", "split_with_sizes_copy", "unbind_copy"}
#: Functions of which PyTorch writes only what some of their overloads give, and one whose sample is a singular matrix in float32.
WIDER = {"argsort", "nonzero", "where", "pinv"}
EVERY = [f"{a.space}{a.name}-{i}" for i, a in enumerate(SWEPT)]


def converted(a: Attempt, tensor: Any, package: Any) -> tuple[list[Any], dict[str, Any]]:
    """The arguments of a call as tensors of one of the packages."""

    def convert(x: Any) -> Any:
        if isinstance(x, np.ndarray):
            return tensor(x.copy())
        if isinstance(x, np.dtype | tl.dtype) or (isinstance(x, type) and issubclass(x, np.generic)):
            return getattr(package, np.dtype(x).name)
        return type(x)(map(convert, x)) if type(x) in (list, tuple) else x

    return [*map(convert, a.args)], {k: convert(v) for k, v in a.kwargs.items()}


def listed(result: Any) -> list[Any]:
    return list(result) if isinstance(result, tuple | list) else [result]


def like(results: Any, make: Any) -> Any:
    """Tensors to write results into, one or a tuple as they are."""
    outs = tuple(map(make, listed(results)))
    return outs if isinstance(results, tuple | list) else outs[0]


def same(given: Any, wanted: Any) -> None:
    np.testing.assert_allclose(np.asarray(given), np.asarray(wanted), rtol=1e-4, atol=1e-5)


# ---- every function -------------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("call", SWEPT, ids=EVERY)
def test_results_are_written_into_what_is_given(call: Attempt):
    f = find(tl, call)
    args, kwargs = converted(call, tl.from_numpy, tl)
    with np.errstate(all="ignore"):
        result = f(*args, **kwargs)
        exact = like(result, lambda r: tl.zeros(*r.shape, dtype=r.dtype))
        empty = like(result, lambda r: tl.empty(0, dtype=r.dtype))
        whole = like(result, lambda r: tl.zeros(*r.shape, 3, dtype=r.dtype))
        view = like(whole, lambda w: w[..., 1])
        memories = [o.array for o in listed(exact)]
        written = [f(*args, **kwargs, out=o) for o in (exact, empty, view)]
    for given, back in zip((exact, empty, view), written, strict=True):
        assert back is given or all(a is b for a, b in zip(listed(back), listed(given), strict=True))
        assert getattr(back, "_fields", None) == getattr(result, "_fields", None)
        for o, r in zip(listed(given), listed(result), strict=True):
            assert o.shape == r.shape and o.dtype == r.dtype and o.requires_grad == r.requires_grad
            if call.name not in RANDOM:
                same(o.numpy(force=True), r.numpy(force=True))
    assert all(o.array is m for o, m in zip(listed(exact), memories, strict=True))
    if call.name not in RANDOM:  # a view is written through, and nothing beside it
        for w, r in zip(listed(whole), listed(result), strict=True):
            same(w.numpy()[..., 1], r.numpy(force=True))
            assert not w.numpy()[..., ::2].any()


@pytest.mark.parametrize("call", SWEPT, ids=EVERY)
def test_what_is_wrong_with_it_is_told_and_changes_nothing(call: Attempt):
    f = find(tl, call)
    args, kwargs = converted(call, tl.from_numpy, tl)
    with np.errstate(all="ignore"):
        result = f(*args, **kwargs)
    name = f.__name__
    good = like(result, lambda r: tl.zeros(*r.shape, dtype=r.dtype))
    too_many = (*listed(good), tl.zeros(1))
    for wrong in (None if good is None else np.zeros(2), "text", too_many, (), *([listed(good)[0]] if isinstance(good, tuple) else [])):
        with np.errstate(all="ignore"), pytest.raises(TypeError, match=rf"{name}: out= must be"):
            f(*args, **kwargs, out=wrong)
    if listed(result)[-1].dtype.kind in "fci" and not kwargs.get("dtype"):
        narrow = like(result, lambda r: tl.zeros(*r.shape, dtype=tl.bool))
        if not takes_the_dtype(f):
            with np.errstate(all="ignore"), pytest.raises(RuntimeError, match=rf"{name}: the result is \w+ and does not fit out= of bool"):
                f(*args, **kwargs, out=narrow)
            assert not any(o.numpy().any() for o in listed(narrow))
    if listed(good)[0].dtype.kind in "fc":
        for leaf in (like(result, lambda r: tl.zeros(*r.shape, dtype=r.dtype, requires_grad=r.dtype.kind in "fc")),):
            with np.errstate(all="ignore"), pytest.raises(RuntimeError, match=rf"{name}: out= does not support automatic differentiation"):
                f(*args, **kwargs, out=leaf)
            with np.errstate(all="ignore"), tl.no_grad():
                f(*args, **kwargs, out=leaf)


def takes_the_dtype(f: Any) -> bool:
    """Whether the dtype of ``out`` stands for a dtype that is not given."""
    return getattr(f, "__out__", None) == "dtype"


@pytest.mark.parametrize("call", SWEPT, ids=EVERY)
def test_torch_writes_the_same(call: Attempt):
    torch = pytest.importorskip("torch", reason="compares with PyTorch")
    if call.name in RANDOM:
        pytest.skip("random")
    if find(tl, call).__name__ in WIDER:
        pytest.skip("PyTorch writes some of its results alone: not an argsort of no say about stability, nor a choice between numbers")
    args, kwargs = converted(call, tl.from_numpy, tl)
    t_args, t_kwargs = converted(call, torch.from_numpy, torch)
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        result = find(tl, call)(*args, **kwargs)
        theirs = like(result, lambda r: torch.empty(r.shape if call.name in EXACT else 0, dtype=getattr(torch, str(np.dtype(r.dtype)))))
        find(torch, call)(*t_args, **t_kwargs, out=theirs)
        ours = like(result, lambda r: tl.empty(0, dtype=r.dtype))
        find(tl, call)(*args, **kwargs, out=ours)
    for o, t in zip(listed(ours), listed(theirs), strict=True):
        assert tuple(o.shape) == tuple(t.shape)
        if len(listed(ours)) == 1:  # of several results some may have other signs
            same(o.numpy(force=True), t.resolve_conj().numpy(force=True))


def test_every_function_that_has_it_in_torch_has_it_here():
    lacking = [
        f"{space}.{name}"
        for space, names in table().items()
        for name, ways in names.items()
        if space != "Tensor" and any(re.search(r"\bout=", way) for way in ways)
        if (f := resolve(tl, f"{space}.{name}")) is not None and not (getattr(f, "__out__", False) or hasattr(f, "__op__"))
    ]
    assert not lacking


# ---- shapes, dtypes, memory -------------------------------------------------------------------------------------------------------------
def test_a_tensor_of_another_shape_is_resized_with_a_warning():
    x = tl.arange(6.0).reshape(2, 3)
    out = tl.zeros(5)
    with pytest.warns(UserWarning, match=r"exp: out= of shape \(5,\) is resized to \(2, 3\), the shape of the result"):
        assert tl.exp(x, out=out) is out
    assert out.shape == (2, 3) and out[1, 2] == np.exp(np.float32(5))
    memory = out.array
    with pytest.warns(UserWarning, match=r"sum: out= of shape \(2, 3\) is resized to \(3,\)"):
        tl.sum(x, 0, out=out)
    assert out.tolist() == [3.0, 5.0, 7.0] and np.shares_memory(out.array, memory)
    values, indices = tl.empty(0), tl.empty(0, dtype=tl.int64)
    found = tl.max(x, 1, out=(values, indices))
    assert found.values is values and found.indices is indices and values.tolist() == [2.0, 5.0] and indices.tolist() == [2, 2]
    values, indices = tl.empty(0), tl.empty(0, dtype=tl.int64)
    kept = tl.sort(x, descending=True, out=[values, indices])
    assert kept.values is values and indices.tolist() == [[2, 1, 0]] * 2


@pytest.mark.parametrize("several", [False, True])
def test_where_one_of_several_does_not_fit_none_is_written(several):
    x, values, indices = tl.tensor([3.0, 1.0]), tl.full((2,), 7.0), tl.zeros(2)
    with pytest.raises(RuntimeError, match="sort: the result is float32 and does not fit out= of int64"):
        tl.sort(x, out=(tl.zeros(2, dtype=tl.int64), indices))
    assert indices.tolist() == [0.0, 0.0]
    with pytest.raises(RuntimeError, match="kthvalue: the result is int64 and does not fit out= of bool"):
        tl.kthvalue(x, 1, out=(values, tl.zeros((), dtype=tl.bool)))
    assert values.tolist() == [7.0, 7.0]


def test_memory_that_operands_share_with_it_is_read_first():
    x = tl.arange(5.0)
    tl.add(x[1:], x[:-1], out=x[:-1])
    assert x.tolist() == [1.0, 3.0, 5.0, 7.0, 4.0]
    tl.cumsum(x, 0, out=x)
    assert x.tolist() == [1.0, 4.0, 9.0, 16.0, 20.0]
    m = tl.tensor([[1.0, 2.0], [3.0, 4.0]])
    assert tl.matmul(m, m, out=m).tolist() == [[7.0, 10.0], [15.0, 22.0]]
    assert tl.cat([m[0], m[1]], out=m.view(-1)).tolist() == [7.0, 10.0, 15.0, 22.0]
    with pytest.raises(TypeError, match="exp: several places of out="):
        tl.exp(m, out=tl.zeros(1, 2).expand(2, 2))


def test_the_dtype_of_what_is_written_stands_for_one_that_is_not_given():
    whole = tl.zeros(3, dtype=tl.int32)
    assert tl.arange(3.0, out=whole).dtype == tl.int32 and tl.full((3,), 2, out=tl.empty(0)).tolist() == [2.0] * 3
    assert tl.sum(tl.tensor([[1.7, 2.7, 3.7]]), 0, out=whole).tolist() == [1, 2, 3]
    assert tl.ones(2, out=tl.empty(0, dtype=tl.complex64)).tolist() == [1, 1]
    with pytest.raises(RuntimeError, match="zeros: out= is int32, dtype= is float32"):
        tl.zeros(3, dtype=tl.float32, out=whole)
    assert tl.randn(4, out=tl.empty(0, dtype=tl.float64)).dtype == tl.float64
    tl.manual_seed(0)
    before = tl.rand(1)
    tl.manual_seed(0)
    for wrong in (np.zeros(3), "text"):
        with pytest.raises(TypeError, match="rand: out= must be a tensor"):
            tl.rand(3, out=wrong)
    assert tl.equal(tl.rand(1), before)  # nothing was drawn


def test_methods_and_functions_without_it_do_not_take_it():
    x = tl.ones(2, 2)
    for call in (
        lambda: x.sum(out=x),
        lambda: x.cumsum(0, out=x),
        lambda: tl.reshape(x, (4,), out=x),
        lambda: tl.nn.functional.linear(x, x, out=x),
    ):
        with pytest.raises(TypeError, match="out"):
            call()


# ---- derivatives ------------------------------------------------------------------------------------------------------------------------
def leaf(*values):
    return tl.tensor(values, dtype=tl.float64, requires_grad=True)


def test_what_is_differentiated_is_refused_as_in_torch():
    x, out = leaf(1.0, 2.0), tl.zeros(2, dtype=tl.float64)
    for call in (lambda: tl.exp(x, out=out), lambda: tl.cat([x, x], out=out), lambda: tl.mul(x, 2.0, out=out), lambda: tl.sum(x, out=out)):
        with pytest.raises(
            RuntimeError, match=r"\w+: out= does not support automatic differentiation: a tensor \(shape \(2,\)\) requires grad"
        ):
            call()
    assert out.tolist() == [0.0, 0.0]
    with tl.no_grad():
        assert tl.exp(x, out=out) is out and not out.requires_grad
    for transform in (lambda f: tl.func.grad(f)(x.detach()), lambda f: tl.func.jvp(f, (x.detach(),), (x.detach(),))):
        with pytest.raises(RuntimeError, match="exp: out= does not support automatic differentiation"):
            transform(lambda x: tl.exp(x, out=tl.zeros(2, dtype=tl.float64)).sum())


def test_saved_values_are_guarded():
    x = leaf(1.0, 2.0)
    buffer = x.detach() * 2.0
    z = (buffer * x).sum()
    tl.exp(buffer, out=buffer)
    with pytest.raises(RuntimeError, match=r"changed by copy_ at .*test_out\.py"):
        z.backward()


def test_the_tape_follows_numpys():
    x, w = leaf(1.0, 2.0), leaf(3.0, 4.0)
    buffer = tl.zeros(2, dtype=tl.float64)
    np.multiply(x, w, out=buffer)
    y = buffer.clone()
    np.exp(x, out=buffer)
    (buffer.sum() + y.sum()).backward()
    np.testing.assert_allclose(x.grad.numpy(), [3.0 + np.e, 4.0 + np.e**2])
    assert w.grad.tolist() == [1.0, 2.0]
    out = tl.zeros(2)
    assert np.multiply(tl.ones(2), 3.0, out=out) is out and np.add(np.ones(2), np.ones(2), out=out).tolist() == [2.0, 2.0]
    assert np.sum(tl.ones(3), axis=0, out=tl.zeros(())).item() == 3.0
    for call, error, pattern in (
        (
            lambda: np.exp(x, out=tl.zeros(3, dtype=tl.float64)),
            RuntimeError,
            r"np.exp: out= has another shape than the result: \(3,\) and \(2,\)",
        ),
        (lambda: np.exp(x, out=np.zeros(2)), TypeError, "np.exp: out= must be a tensor: got ndarray, which would lose the derivative"),
        (lambda: np.exp(x, out=x), RuntimeError, "copy_: a leaf tensor that requires grad"),
    ):
        with pytest.raises(error, match=pattern):
            call()
