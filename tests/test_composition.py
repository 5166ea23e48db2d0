"""Random compositions of operations under random nestings of transforms, to depth four, against JAX and against finite differences.

A program is a drawn list of steps on arrays whose shapes are tracked; a nesting is a drawn list of transforms, each of which makes a
function of ``x`` into another function of ``x``. The same text runs on plain NumPy, on this package and on JAX. Where JAX is not
installed the proof is by induction: each transform is compared with central differences (or a loop) of the function below it.
Examples are the same at every run; ``--hypothesis-profile=search`` draws new ones and prints what reproduces a failure.
"""

from __future__ import annotations

import functools
import math
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tensorflowlite_clone as tl
from tensorflowlite_clone import func

#: Shapes of inputs; few, so that most pairs broadcast or multiply, and JAX compiles little.
SHAPES = [(), (2,), (3,), (2, 3), (3, 2)]
#: Elements that a value may have at most.
LIMIT = 200


def _softmax(xp, x):
    e = xp.exp(x - xp.max(x, axis=-1, keepdims=True))
    return e / xp.sum(e, axis=-1, keepdims=True)


def _layer_norm(xp, x):
    centred = x - xp.mean(x, axis=-1, keepdims=True)
    return centred / xp.sqrt(xp.mean(centred * centred, axis=-1, keepdims=True) + 0.5)


#: Smooth functions with moderate derivatives of every order, written in NumPy's language: name: f(xp, x).
UNARY = {
    "sin": lambda xp, x: xp.sin(x),
    "cos": lambda xp, x: xp.cos(x + 0.3),
    "tanh": lambda xp, x: xp.tanh(x),
    "arctan": lambda xp, x: xp.arctan(x),
    "exp": lambda xp, x: xp.exp(0.3 * xp.tanh(x)),
    "log": lambda xp, x: xp.log(2.0 + x * x),
    "log1p": lambda xp, x: xp.log1p(0.5 * x * x),
    "expm1": lambda xp, x: xp.expm1(0.2 * xp.sin(x)),
    "sqrt": lambda xp, x: xp.sqrt(1.5 + x * x),
    "reciprocal": lambda xp, x: 1.0 / (2.0 + xp.cos(x)),
    "power": lambda xp, x: (1.5 + x * x) ** -0.75,
    "cube": lambda xp, x: 0.2 * x**3,
    "square": lambda xp, x: 0.5 * xp.square(x),
    "sinh": lambda xp, x: 0.3 * xp.sinh(xp.tanh(x)),
    "negative": lambda xp, x: -x,
}
#: Over or along axes, and movements; the operand has at least one dimension.
WHOLE = {
    "sum": lambda xp, x: xp.sum(x, axis=0),
    "sum of all": lambda xp, x: 0.4 * xp.sum(x),
    "mean keepdims": lambda xp, x: xp.mean(x, axis=-1, keepdims=True),
    "var": lambda xp, x: xp.var(x, axis=0),
    "std": lambda xp, x: xp.sqrt(xp.var(x, axis=-1, keepdims=True) + 0.5),
    "prod": lambda xp, x: xp.prod(xp.tanh(x), axis=-1),
    "cumsum": lambda xp, x: 0.5 * xp.cumsum(x, axis=0),
    "softmax": _softmax,
    "layer norm": _layer_norm,
    "logsumexp": lambda xp, x: xp.log(xp.sum(xp.exp(xp.tanh(x)), axis=-1)),
    "transpose": lambda xp, x: xp.transpose(x),
    "flatten": lambda xp, x: xp.reshape(x, (-1,)),
    "flip": lambda xp, x: xp.flip(x, axis=0),
    "roll": lambda xp, x: xp.roll(x, 1, axis=-1),
    "slice": lambda xp, x: x[..., 1:],
    "pick": lambda xp, x: x[np.array([0, -1, 0])],
    "new axis": lambda xp, x: x[:, None],
    "join": lambda xp, x: xp.concatenate([x, 0.5 * x], axis=0),
    "stack": lambda xp, x: xp.stack([x, xp.sin(x)], axis=-1),
    "norm": lambda xp, x: xp.sqrt(xp.sum(x * x) + 1.0),
}
BINARY = {
    "add": lambda xp, x, y: x + y,
    "subtract": lambda xp, x, y: x - 0.7 * y,
    "multiply": lambda xp, x, y: x * y,
    "divide": lambda xp, x, y: x / (1.5 + y * y),
    "arctan2": lambda xp, x, y: xp.arctan2(x, 1.0 + y * y),
    "hypot": lambda xp, x, y: xp.hypot(x, 1.0 + y * y),
    "logaddexp": lambda xp, x, y: xp.logaddexp(x, y),
    "power": lambda xp, x, y: (1.5 + x * x) ** (0.5 * xp.tanh(y)),
    "where": lambda xp, x, y: xp.where(np.array([True, False, True])[: (x + y).shape[-1] if (x + y).ndim else 1][0], x, y) + 0.0 * (x + y),
    "outer": lambda xp, x, y: xp.reshape(x, (-1, 1)) * xp.reshape(y, (1, -1)),
}
PRODUCTS = {
    "matmul": lambda xp, x, y: xp.matmul(x, y),
    "einsum": lambda xp, x, y: xp.einsum("...i,i...->...", x, y) if x.ndim == y.ndim == 1 else xp.einsum("ij,jk->ik", x, y),
}  # fmt: skip


KINDS = {"unary": UNARY, "whole": WHOLE, "binary": BINARY, "product": PRODUCTS}


def run(program: Any, xp: Any, inputs: list[Any]) -> Any:
    """The value of the last step."""
    pool = list(inputs)
    for kind, name, places in program:
        pool.append(KINDS[kind][name](xp, *[pool[p] for p in places]))
    return pool[-1]


@st.composite
def programs(draw: Any) -> Any:
    """``(inputs, steps)``: arrays, and steps of which each takes what the one before gave, and perhaps an earlier value."""
    shapes = draw(st.lists(st.sampled_from(SHAPES), min_size=1, max_size=3))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    pool: list[Any] = [rng.uniform(-1.0, 1.0, s) for s in shapes]
    inputs, steps = list(pool), []
    for depth in range(draw(st.integers(2, 6))):
        last = 0 if depth == 0 else len(pool) - 1
        other = draw(st.integers(0, len(pool) - 1))
        kind = draw(st.sampled_from(sorted(KINDS)))
        name = draw(st.sampled_from(sorted(KINDS[kind])))
        places = (last,) if kind in ("unary", "whole") else (last, other) if draw(st.booleans()) else (other, last)
        try:
            if kind == "whole" and not np.ndim(pool[last]):
                raise ValueError("a number has no axes")
            value = KINDS[kind][name](np, *[pool[p] for p in places])
        except (ValueError, IndexError):  # the shapes do not fit: something that always does
            value = None
        if value is None or not 0 < np.size(value) <= LIMIT:
            kind, name, places, value = "unary", "tanh", (last,), np.tanh(pool[last])
        pool.append(np.asarray(value))
        steps.append((kind, name, places))
    return inputs, steps


def weights(shape: tuple[int, ...]) -> np.ndarray:
    """Fixed weights, so that a sum of a result depends on every element of it differently."""
    return np.cos(1.0 + np.arange(math.prod(shape), dtype=float)).reshape(shape)


#: Transforms of a function of x into another function of x, in the words of a library (``L.grad`` and so on).
TRANSFORMS = {
    "grad": lambda L, f: L.grad(lambda x: L.xp.sum(weights(f(x).shape) * f(x))),
    "vjp": lambda L, f: lambda x: _pull(L, f, x),
    "jvp": lambda L, f: lambda x: L.jvp(f, (x,), (0.5 * x + 0.25,))[1],
    "vmap": lambda L, f: lambda x: L.vmap(f)(L.xp.stack([x, 0.5 * x])),
    "jacrev": lambda L, f: L.jacrev(f),
    "jacfwd": lambda L, f: L.jacfwd(f),
    "hessian": lambda L, f: L.hessian(lambda x: L.xp.sum(weights(f(x).shape) * f(x))),
}
ORDER = {"grad": 1, "vjp": 1, "jvp": 1, "vmap": 0, "jacrev": 1, "jacfwd": 1, "hessian": 2}


def _pull(L: Any, f: Any, x: Any) -> Any:
    value, pull = L.vjp(f, x)
    return pull(value * value + weights(value.shape))[0]


OURS = SimpleNamespace(
    xp=np, grad=func.grad, vjp=func.vjp, jvp=func.jvp, vmap=func.vmap, jacrev=func.jacrev, jacfwd=func.jacfwd, hessian=func.hessian
)


@st.composite
def nestings(draw: Any) -> list[str]:
    """One to four transforms, innermost first; derivatives of the fifth order at most."""
    names: list[str] = []
    depth = draw(st.sampled_from([4, 3, 2, 1]))
    for name in draw(st.lists(st.sampled_from(sorted(TRANSFORMS)), min_size=depth, max_size=depth)):
        if sum(ORDER[n] for n in [*names, name]) <= 5:
            names.append(name)
    return names


def sizes_fit(names: list[str], x: np.ndarray, result: np.ndarray) -> list[str]:
    """The nesting cut off where a result would have more than ``LIMIT`` elements."""
    size, kept = max(result.size, 1), []
    for name in names:
        size = {"vmap": 2 * size, "jvp": size, "jacrev": size * x.size, "jacfwd": size * x.size, "hessian": x.size**2}.get(name, x.size)
        if size > LIMIT:
            break
        kept.append(name)
    return kept


def nested(L: Any, f: Any, names: list[str]) -> Any:
    return functools.reduce(lambda g, name: TRANSFORMS[name](L, g), names, f)


def as_function(program: Any, xp: Any, inputs: list[Any], place: int) -> Any:
    """The program as a function of one input."""
    return lambda x: run(program, xp, [x if i == place else v for i, v in enumerate(inputs)])


def equal(actual: Any, expected: Any, tolerance: float, what: Any) -> None:
    a, e = np.asarray(actual), np.asarray(expected)
    assert a.shape == e.shape, f"{what}: shapes {a.shape} and {e.shape}"
    assert np.all(np.isfinite(a)), f"{what}: not finite"
    scale = max(1.0, float(np.max(np.abs(e), initial=0.0)))
    np.testing.assert_allclose(a, e, rtol=0, atol=tolerance * scale, err_msg=str(what))


def difference(f: Any, x: np.ndarray, t: np.ndarray, h: float = 4e-3) -> np.ndarray:
    """The derivative of ``f`` at ``x`` along ``t``, to sixth order in the step."""
    at = {k: np.asarray(f(x + k * h * t)) for k in (-3, -2, -1, 1, 2, 3)}
    return (45 * (at[1] - at[-1]) - 9 * (at[2] - at[-2]) + (at[3] - at[-3])) / (60 * h)


def check_by_differences(name: str, f: Any, x: np.ndarray, result: np.ndarray, what: Any, tolerance: float) -> None:
    """``result``, the transform ``name`` of ``f`` at ``x``, against values of ``f`` alone."""
    t = np.sin(2.0 + np.arange(x.size, dtype=float)).reshape(x.shape)
    value = np.asarray(f(x))
    if name == "vmap":
        equal(result, np.stack([f(x), f(0.5 * x)]), 1e-10, what)
    elif name == "jvp":
        equal(result, difference(f, x, 0.5 * x + 0.25), tolerance, what)
    elif name == "vjp":
        equal(np.sum(result * t), np.sum((value * value + weights(value.shape)) * difference(f, x, t)), tolerance, what)
    elif name == "grad":
        equal(np.sum(result * t), np.sum(weights(value.shape) * difference(f, x, t)), tolerance, what)
    elif name in ("jacrev", "jacfwd"):
        equal(np.tensordot(result, t, axes=x.ndim), difference(f, x, t), tolerance, what)
    else:
        gradient = func.grad(lambda x: np.sum(weights(f(x).shape) * f(x)))
        equal(np.sum(gradient(x) * t), np.sum(weights(value.shape) * difference(f, x, t)), tolerance, what)
        equal(np.tensordot(result, t, axes=x.ndim), difference(gradient, x, t), tolerance, what)


@settings(deadline=None, max_examples=100)
@given(program=programs(), nesting=nestings(), data=st.data())
def test_each_transform_of_a_nesting_equals_differences_of_what_it_transforms(program, nesting, data):
    inputs, steps = program
    place = data.draw(st.integers(0, len(inputs) - 1))
    x = inputs[place]
    f = as_function(steps, np, inputs, place)
    names = sizes_fit(nesting, x, f(x))
    for k, name in enumerate(names):
        inner, outer = nested(OURS, f, names[:k]), nested(OURS, f, names[: k + 1])
        check_by_differences(name, inner, x, np.asarray(outer(x)), (steps, names[: k + 1]), 1e-7 * 10**k)


@settings(deadline=None, max_examples=40)
@given(program=programs(), data=st.data())
def test_a_program_on_recorded_tensors_equals_the_program_on_arrays(program, data):
    """The same program, PyTorch's way: tensors that require gradients, backward, and the gradient of all inputs together."""
    inputs, steps = program
    leaves = [tl.tensor(v, requires_grad=True) for v in inputs]
    out = run(steps, np, leaves)
    plain = run(steps, np, inputs)
    equal(out.detach().numpy(), plain, 1e-12, steps)
    if out.requires_grad:
        np.sum(out * weights(out.shape)).backward()
    ts = [np.sin(2.0 + i + np.arange(v.size, dtype=float)).reshape(v.shape) for i, v in enumerate(inputs)]
    along = difference(lambda h: run(steps, np, [v + h * t for v, t in zip(inputs, ts, strict=True)]), np.zeros(()), np.ones(()))
    found = sum(np.sum(leaf.grad.numpy() * t) for leaf, t in zip(leaves, ts, strict=True) if leaf.grad is not None)
    equal(found, np.sum(along * weights(plain.shape)), 1e-7, steps)


#: Programs on which a search found a failure once: input, steps, nesting.
FOUND = [
    (np.array(0.27392337), [("binary", "logaddexp", (0, 0)), ("binary", "arctan2", (0, 1))], ["vjp", "grad", "hessian"]),
]


@pytest.mark.parametrize(("x", "steps", "names"), FOUND)
def test_programs_that_failed_once(x, steps, names):
    f = as_function(steps, np, [x], 0)
    for k, name in enumerate(names):
        inner, outer = nested(OURS, f, names[:k]), nested(OURS, f, names[: k + 1])
        check_by_differences(name, inner, x, np.asarray(outer(x)), (steps, names[: k + 1]), 1e-7 * 10**k)


@pytest.fixture(scope="module")
def jax_library() -> Any:
    """JAX in double precision under the names of ``OURS``."""
    jax = pytest.importorskip("jax", reason="JAX is not installed; pip install jax to compare compositions with it")
    jax.config.update("jax_enable_x64", True)
    jax.config.update("jax_platforms", "cpu")
    jax.config.update("jax_disable_most_optimizations", True)  # compiling takes longer than these programs run
    names = {n: getattr(jax, n) for n in ("grad", "vjp", "jvp", "vmap", "jacrev", "jacfwd", "hessian")}
    return SimpleNamespace(xp=jax.numpy, jit=jax.jit, **names)


@settings(deadline=None, max_examples=20)
@given(program=programs(), nesting=nestings(), data=st.data())
def test_nestings_equal_those_of_jax(jax_library, program, nesting, data):
    inputs, steps = program
    place = data.draw(st.integers(0, len(inputs) - 1))
    x = inputs[place]
    f = as_function(steps, np, inputs, place)
    names = sizes_fit(nesting, x, f(x))
    theirs = as_function(steps, jax_library.xp, [jax_library.xp.asarray(v) for v in inputs], place)
    mine = nested(OURS, f, names)(x)
    reference = jax_library.jit(nested(jax_library, theirs, names))(jax_library.xp.asarray(x))
    equal(mine, np.asarray(reference), 1e-9, (steps, names))
