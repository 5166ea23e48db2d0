"""One call evaluated under either package in every mode: value, vjp, jvp, second derivatives.

Helpers of the tests that compare with PyTorch: ``test_against_torch.py``, ``test_agreement.py``. No test is here.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

import tensorflowlite_clone as tl

#: What is compared, in this order.
COMPARED = ("value", "vjp", "jvp", "second")


@dataclass
class Results:
    """Flat lists of arrays, in which None stands for a derivative that is known to be zero; None for a mode that was refused."""

    value: list[Any] = field(default_factory=list)
    vjp: list[Any] = field(default_factory=list)
    jvp: list[Any] | None = field(default_factory=list)
    second: list[Any] | None = field(default_factory=list)


def cotangent(T: Any, like: Any, seed: int) -> Any:
    """A tensor of package ``T`` with the shape and dtype of ``like`` and the same values under both packages."""
    rng = np.random.default_rng([seed, *like.shape])
    values = rng.normal(size=tuple(like.shape))
    if "complex" in str(like.dtype):
        values = values + 1j * rng.normal(size=tuple(like.shape))
    return T.tensor(values, dtype=like.dtype)


def array_of(x: Any) -> Any:
    if hasattr(x, "detach"):
        x = x.detach()
        x = x.resolve_conj().resolve_neg() if hasattr(x, "resolve_conj") else x
        return x.numpy(force=True)
    return np.asarray(x)


def is_floating(x: Any) -> bool:
    return hasattr(x, "dtype") and ("float" in str(x.dtype) or "complex" in str(x.dtype))


def evaluate(T: Any, c: Any, quantities: Any = COMPARED) -> Results:
    """The call ``c`` under package ``T``; of the derivatives, those named by ``quantities``."""
    twice = "second" in quantities

    def leaf(x: Any, grad: bool = True) -> Any:
        return T.tensor(x, requires_grad=grad and x.dtype.kind in "fc") if isinstance(x, np.ndarray) else x

    inputs = [leaf(x) for x in c.inputs]
    leaves = [x for x in inputs if getattr(x, "requires_grad", False)]
    out = c.f(T, *inputs)
    outs = list(out) if isinstance(out, tuple | list) else [out]
    assert T is not tl or all(getattr(o, "level", 0) == 0 for o in outs), "a result of a transform, where there is none"
    results = Results([array_of(o) for o in outs])
    roots = [o for o in outs if getattr(o, "requires_grad", False)]
    if not c.differentiable or not leaves:
        return results
    us = [cotangent(T, o, k) for k, o in enumerate(roots)]
    grads = T.autograd.grad(roots, leaves, us, create_graph=twice, allow_unused=True) if roots else [None] * len(leaves)
    results.vjp = [None if g is None else array_of(g) for g in grads]
    chained = [g for g in grads if g is not None and g.requires_grad]
    if twice and chained:
        vs = [cotangent(T, g, 7 + k) for k, g in enumerate(chained)]
        try:
            results.second = [None if h is None else array_of(h) for h in T.autograd.grad(chained, leaves, vs, allow_unused=True)]
        except (NotImplementedError, RuntimeError) as error:
            if T is tl or "not implemented" not in str(error):
                raise
            results.second = None
    if "jvp" not in quantities:
        return results
    places = [i for i, x in enumerate(inputs) if getattr(x, "requires_grad", False)]

    def of_floats(*xs: Any) -> Any:
        full = [leaf(x, grad=False) for x in c.inputs]
        for i, x in zip(places, xs, strict=True):
            full[i] = x
        out = c.f(T, *full)
        return tuple(o for o in (out if isinstance(out, tuple | list) else (out,)) if is_floating(o))

    if not any(is_floating(o) for o in outs):
        return results
    primals = tuple(leaf(c.inputs[i], grad=False) for i in places)
    tangents = tuple(cotangent(T, x, 30 + k) for k, x in enumerate(primals))
    slopes = forward(T, of_floats, primals, tangents)
    results.jvp = None if slopes is None else [array_of(t) for t in slopes]
    return results


def forward(T: Any, f: Any, primals: tuple[Any, ...], tangents: tuple[Any, ...]) -> list[Any] | None:
    """Jacobian-vector products; where PyTorch has no forward formula, the transpose of the transpose; None where neither can."""
    if T is tl:
        try:
            return list(tl.func.jvp(f, primals, tangents)[1])
        except TypeError as error:
            if "inside a function transform in place" not in str(error):
                raise
            return None  # a function transform refuses in-place operations, and says so
    try:
        return list(T.func.jvp(f, primals, tangents)[1])
    except (NotImplementedError, RuntimeError) as error:
        if not any(word in str(error) for word in ("forward AD", "forward-mode", "in-place", "inplace", "storage")):
            raise
    try:
        return twice_transposed(T, f, primals, tangents)
    except (NotImplementedError, RuntimeError) as error:
        if "not implemented" not in str(error):
            raise
        return None  # it has no second derivative of this either


def twice_transposed(T: Any, f: Any, primals: tuple[Any, ...], tangents: tuple[Any, ...]) -> list[Any]:
    """J t as the gradient of <J'u, t> with respect to u."""
    leaves = [p.clone().requires_grad_() for p in primals]
    outs = f(*leaves)
    us = [T.zeros_like(o).requires_grad_() for o in outs]
    pairs = [(o, u) for o, u in zip(outs, us, strict=True) if o.requires_grad]
    grads = T.autograd.grad([o for o, _ in pairs], leaves, [u for _, u in pairs], create_graph=True, allow_unused=True)
    used = [(g, t) for g, t in zip(grads, tangents, strict=True) if g is not None and g.requires_grad]
    if not used:
        return [T.zeros_like(o) for o in outs]
    found = T.autograd.grad([g for g, _ in used], us, [t for _, t in used], allow_unused=True)
    return [T.zeros_like(o) if h is None else h for o, h in zip(outs, found, strict=True)]


def compare(mine: Results, theirs: Results, tolerance: float, quantities: Any = COMPARED) -> None:
    """Equal to ``tolerance``, relative or absolute, with equal shapes and dtypes."""
    for what in quantities:
        a, b = getattr(mine, what), getattr(theirs, what)
        if a is None or b is None:
            continue
        if what in ("value", "jvp"):
            assert len(a) == len(b), f"{what}: {len(a)} against {len(b)} results"
        for i in range(max(len(a), len(b))):
            x, y = a[i] if i < len(a) else None, b[i] if i < len(b) else None
            if x is None or y is None:  # one of the two knows that the derivative is zero
                assert all(z is None or np.all(np.abs(z) <= tolerance) for z in (x, y)), f"{what} {i}: {x} against {y}"
                continue
            assert x.shape == y.shape, f"{what} {i}"
            assert x.dtype == y.dtype, f"{what} {i}"
            np.testing.assert_allclose(x, y, rtol=tolerance, atol=tolerance, err_msg=f"{what} {i}")
