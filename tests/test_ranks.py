"""Every NumPy function on operands of other ranks than its samples have: values as NumPy's, derivatives in the shapes of the operands.

Each call of ``captured.py`` is made again with one operand, or all, with axes taken away and added; where NumPy accepts that, so must the
functions here, in every mode. (PyTorch's functions that reduce and broadcast are below, beside PyTorch.)
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from captured import Caught, Constant, caught_calls
from numpy.lib import NumpyVersion
from numpy_checks import as_tuple, close, direction, flat, plain

import tensorflowlite_clone as tl
from tensorflowlite_clone import func
from tensorflowlite_clone._errors import TransformError

pytestmark = pytest.mark.filterwarnings("ignore")

#: Whose values nothing determines: signs of vectors, memory as it is; or that are defined by iterating over kinks.
APART = {"eigh", "eig", "svd", "qr", "empty_like"}
#: What only NumPy makes of such operands, and is refused here by a clear error.
REFUSED = {
    "cross": "needs 3 components",
    "polyadd": "coefficients must be a vector",
    "polysub": "coefficients must be a vector",
    "polydiv": "coefficients must be a vector",
    "polyint": "coefficients must be a vector",
    "polyval": "coefficients must be a vector",
    "polyfit": "the number of points",
    "var": "do not fit",
}
#: Read one triangle, so that differences in all directions say nothing.
TRIANGLES = {"cholesky", "eigvalsh", "pinv"}


def variants(a: np.ndarray) -> Iterator[np.ndarray]:
    """The array with other shapes."""
    yield from (a[None], a[..., None], a[None, None])
    if a.ndim:
        yield from (a[0], a.reshape(-1), a.reshape(-1)[0], a[..., :1])
    if a.ndim > 1:
        yield from (a[:, 0], a.reshape(-1)[None])


class Variant:
    """A call with float64 operands of given shapes, as a function of them."""

    def __init__(self, c: Caught, places: list[Any], xs: list[np.ndarray]) -> None:
        self.c, self.places, self.xs = c, places, xs

    def __call__(self, *xs: Any) -> tuple[Any, ...]:
        given = dict(zip(self.places, xs, strict=True))
        return tuple(flat(self.c.call(lambda p, leaf: given[p] if p in given else leaf.array if isinstance(leaf, Constant) else leaf)))

    def __repr__(self) -> str:
        return f"np.{self.c.name} of {[x.shape for x in self.xs]} {self.c.kwargs}"


def made(name: str) -> Iterator[Variant]:
    seen = set()
    for c in caught_calls():
        if c.space != "np" or c.name != name or any(isinstance(a, str) and a == "empty" for a in c.args):
            continue
        operands = [
            (p, leaf.array) for p, leaf in c.leaves() if isinstance(leaf, Constant) and leaf.array.dtype == np.float64 and leaf.array.size
        ]
        if not 0 < len(operands) <= 3:
            continue
        places, arrays = [p for p, _ in operands], [a for _, a in operands]
        changes = [[*arrays[:i], v, *arrays[i + 1 :]] for i, a in enumerate(arrays) for v in variants(a)]
        changes += [list(vs) for vs in zip(*map(variants, arrays), strict=False)] if len(arrays) > 1 else []
        for xs in changes:
            v = Variant(c, places, [np.array(x) for x in xs])
            if repr(v) not in seen:
                seen.add(repr(v))
                yield v


#: NumPy below 2.2 takes one row for one variable, whatever ``rowvar`` says.
LATER = set() if NumpyVersion(np.__version__) >= NumpyVersion("2.2.0") else {"astype", "corrcoef", "cov", "quantile", "tensorsolve"}
NAMES = sorted({c.name for c in caught_calls() if c.space == "np"} - APART - LATER)


@pytest.mark.parametrize("name", NAMES)
def test_other_ranks(name):
    for f in made(name):
        try:
            expected = f(*f.xs)
        except Exception:  # NumPy refuses
            continue
        try:
            found = f(*map(tl.tensor, f.xs))
        except (TypeError, ValueError, RuntimeError) as error:
            assert name in REFUSED, f"{f}: {error}"
            assert REFUSED[name] in str(error), f"{f}: {error}"
            continue
        assert [np.shape(plain(o)) for o in found] == [np.shape(e) for e in expected], f
        for o, e in zip(found, expected, strict=True):
            np.testing.assert_allclose(plain(o), e, rtol=1e-8, atol=1e-10, err_msg=repr(f))
        smooth = [i for i, e in enumerate(expected) if np.asarray(e).dtype.kind == "f" and np.all(np.isfinite(e))]
        if smooth and all(np.asarray(e).dtype.kind != "c" for e in expected):
            compared(name, as_tuple(lambda *xs, f=f, smooth=smooth: [f(*xs)[i] for i in smooth]), f)


def compared(name: str, g: Any, f: Variant) -> None:
    """Derivatives of every mode with each other and with differences; vmap with a loop."""
    xs, ts = f.xs, [direction(x, k) for k, x in enumerate(f.xs)]
    values, slopes = func.jvp(g, tuple(xs), tuple(ts))
    us = tuple(direction(np.asarray(v), 10 + k) for k, v in enumerate(values))
    grads = func.vjp(g, *xs)[1](us)
    assert [np.shape(s) for s in slopes] == [np.shape(v) for v in values], f
    assert [np.shape(d) for d in grads] == [x.shape for x in xs], f
    close(sum(np.sum(u * s) for u, s in zip(us, slopes, strict=True)), sum(np.sum(d * t) for d, t in zip(grads, ts, strict=True)), 1e-9)
    h = 1e-5
    try:
        near, wide = ([(p - m) / (2 * k) for p, m in zip(g(*moved(xs, ts, k)), g(*moved(xs, ts, -k)), strict=True)] for k in (h, 2 * h))
        same = all(n.shape == np.shape(v) for n, v in zip(near, values, strict=True))
        smooth = same and all(np.allclose(a, b, rtol=1e-3, atol=1e-3) for a, b in zip(near, wide, strict=True))
    except ValueError:  # the shape of the result depends on the values
        smooth = False
    if smooth and name not in TRIANGLES:
        for s, n in zip(slopes, near, strict=True):
            close(s, n, 1e-4)
    everything = tuple(range(len(xs)))
    for a, b in zip(flat(func.jacrev(g, everything)(*xs)), flat(func.jacfwd(g, everything)(*xs)), strict=True):
        assert np.shape(a) == np.shape(b), f
        close(a, b, 1e-7)
    rows = [xs, moved(xs, ts, 0.01)]
    try:
        each = func.vmap(g)(*map(np.stack, zip(*rows, strict=True)))
    except TransformError as error:
        assert "inside vmap the values differ" in str(error), f
        return
    for k, row in enumerate(rows):
        for o, e in zip(each, g(*row), strict=True):
            assert np.shape(o[k]) == np.shape(e), f
            close(o[k], e, 1e-7)


def moved(xs: list[np.ndarray], ts: list[np.ndarray], k: float) -> list[np.ndarray]:
    return [x + k * t for x, t in zip(xs, ts, strict=True)]


def test_a_triangle_of_a_vector():
    """The row of the report: NumPy makes a square matrix of it, whose gradient is a vector again."""
    x = np.array([1.0, 2.0, 3.0])
    np.testing.assert_array_equal(func.grad(lambda a: np.triu(a).sum())(x), [1.0, 2.0, 3.0])
    np.testing.assert_array_equal(func.grad(lambda a: np.tril(a, -1).sum())(x), [2.0, 1.0, 0.0])
    assert func.jacfwd(np.triu)(x).shape == func.jacrev(np.triu)(x).shape == (3, 3, 3)
    assert func.vmap(np.tril)(np.ones((5, 3))).shape == (5, 3, 3)


# ---- functions that reduce and broadcast, beside PyTorch ----------------------------------------------------------------------------
def test_the_length_of_a_vector_that_broadcasts():
    """The row of the report: one number stands for a vector of as many elements as the other has."""
    f = tl.nn.functional.cosine_similarity
    expected = 2 * 6 / (2 * 3**0.5 * 14**0.5)
    assert f(tl.tensor([[2.0]]), tl.tensor([[1.0, 2.0, 3.0]])).item() == pytest.approx(expected, rel=1e-6)
    assert f(tl.tensor(2.0), tl.tensor([[1.0, 2.0, 3.0]])).item() == pytest.approx(expected, rel=1e-6)
    assert f(tl.tensor([[1.0, 2.0, 3.0]]), tl.tensor([2.0]), dim=-1).item() == pytest.approx(expected, rel=1e-6)
    x, y = np.array([[0.7], [2.0]]), np.array([[1.0, 2.0, 3.0]])
    found = func.grad(lambda x: f(x, tl.tensor(y)).sum())(tl.tensor(x))
    wide = func.grad(lambda x: f(x, tl.tensor(y)).sum())(tl.tensor(np.repeat(x, 3, 1)))
    np.testing.assert_allclose(found.numpy(), wide.numpy().sum(1, keepdims=True), atol=1e-12)


def test_inner_products_count_their_axis_in_the_broadcast_operands():
    a, b = np.arange(12.0).reshape(2, 2, 3), np.arange(6.0).reshape(2, 3)
    np.testing.assert_allclose(tl.linalg.vecdot(tl.tensor(a), tl.tensor(b), dim=0).numpy(), (a * b).sum(0))
    np.testing.assert_allclose(tl.linalg.vecdot(tl.tensor(a), tl.tensor([[2.0], [3.0]])).numpy(), (a * [[2.0], [3.0]]).sum(-1))


#: Functions that differ from PyTorch in which results they give, whatever the shapes.
OTHERS = {"lstsq", "normal", "dropout", "alpha_dropout", "bernoulli", "svd_lowrank"}  # drawn, or vectors of either sign
#: Functions that refuse shapes which PyTorch broadcasts, on purpose: what has a bias, and a few more.
STRICT = {
    *("bilinear", "linear", "batch_norm", "nll_loss", "tensordot", "histogram", "gradient", "trapezoid", "cumulative_trapezoid", "cov"),
    "multilabel_soft_margin_loss",  # weights that would make the losses more
    "margin_ranking_loss",  # by both its names what PyTorch has in nn.functional: as many dimensions
    # results without elements, where a kernel is longer than the input or no window is left: refused as in all convolutions and pools
    *("conv_tbc", "fractional_max_pool2d", "fractional_max_pool3d"),
}
SPACES = ("tl", "nn.functional", "linalg", "Tensor")


def shapes(a: np.ndarray) -> Iterator[np.ndarray]:
    """The array with axes of one element, of none, and one more."""
    yield from (np.take(a, [0], i) for i in range(a.ndim) if a.shape[i] > 1)
    yield from (a[0], a[None], a[..., None]) if a.ndim else ()
    yield np.stack([a, a * 1.1])


def of_several(name: str) -> Iterator[tuple[Caught, dict[Any, np.ndarray]]]:
    """Calls with two to four floating operands, with one or two of them in other shapes."""
    for c in [c for c in caught_calls() if c.name == name and c.space in SPACES][:4]:
        operands = [(p, leaf.array) for p, leaf in c.leaves() if isinstance(leaf, Constant) and leaf.array.dtype == np.float64]
        if not 2 <= len(operands) <= 4 or any(not a.size for _, a in operands):
            continue
        yield from ((c, {p: v}) for p, a in operands for v in shapes(a))
        for i, (p, a) in enumerate(operands):
            yield from ((c, {p: v, q: w}) for q, b in operands[:i] for v in list(shapes(a))[:4] for w in list(shapes(b))[:4])


@pytest.mark.parametrize("name", sorted({c.name for c in caught_calls() if c.space in SPACES and not c.name.endswith("_")} - OTHERS))
def test_broadcasting_as_in_torch(name):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed; pip install -e '.[bench]' to compare with it")
    spaces = {"tl": torch, "nn.functional": torch.nn.functional, "linalg": torch.linalg, "Tensor": torch.Tensor}
    for c, changed in of_several(name):
        where = f"{c} of {[v.shape for v in changed.values()]} at {list(changed)}"
        theirs = getattr(spaces[c.space], name, None)
        if theirs is None:
            continue
        try:
            expected = flat(remade(c, changed, torch.tensor, theirs))
        except Exception:  # PyTorch refuses
            continue
        try:
            found = flat(remade(c, changed, tl.tensor, c.function))
        except (TypeError, ValueError, RuntimeError) as error:
            assert type(error).__module__.startswith("tensorflowlite_clone"), f"{where}: {error!r}"
            assert name in STRICT, f"{where}: {error}"
            continue
        for o, e in zip(found, expected, strict=True):
            o, e = np.asarray(plain(o)), e.numpy() if isinstance(e, torch.Tensor) else np.asarray(e)
            assert o.shape == e.shape, where
            np.testing.assert_allclose(o, e, rtol=1e-7, atol=1e-9, err_msg=where)


def remade(c: Caught, changed: dict[Any, np.ndarray], make: Any, function: Any) -> Any:
    return c.call(lambda p, leaf: make(np.array(changed.get(p, leaf.array))) if isinstance(leaf, Constant) else leaf, function)
