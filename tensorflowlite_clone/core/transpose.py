"""The two modes that need no family: forward mode by transposing the vector-Jacobian product, and vmap by looping."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .._state import during, state
from .._typing import Array, OperationLike
from .broadcast import shape_of
from .engine import run_backward
from .tensor import Taped, Tensor

#: How often each operation was batched by a Python loop; tests read it. Users' functions may have any number of names: it starts over.
LOOPED: dict[str, int] = {}
MOST_NAMES = 1000


def count_loop(name: str) -> None:
    """One loop more over the examples of what has this name."""
    if len(LOOPED) >= MOST_NAMES:
        LOOPED.clear()
    LOOPED[name] = LOOPED.get(name, 0) + 1


def jvp_by_transposition(op: OperationLike, primals: list[Array], tangents: list[Array | None], params: dict[str, Any]) -> tuple[Any, Any]:
    """Result and tangent of ``op``.

    The vector-Jacobian product ``u -> J^T u`` is linear in ``u``, so differentiating it along the tangent once more, with
    respect to ``u``, gives ``J t`` ("double vjp", J. Townsend 2017).
    """
    if not op.rules:
        ans = op.of(*primals, **params)
        return ans, tuple(None for _ in ans) if isinstance(ans, tuple) else None
    level = state.highest = max(state.height, state.highest) + 1
    with during(height=level, grad_enabled=True):
        xs = [p if t is None else _leaf(p, level) for p, t in zip(primals, tangents, strict=True)]
        ans = op.of(*xs, **params)
        outs = ans if isinstance(ans, tuple) else (ans,)
        us = [None if o.node is None else _leaf(np.zeros(o.shape, o.dtype), level) for o in outs]
        roots = [o for o, u in zip(outs, us, strict=True) if u is not None]
        leaves = [x.node for x, t in zip(xs, tangents, strict=True) if t is not None]
        # A first-order walk: the rules see what the tensors hold and the cotangents u, on which alone they are recorded.
        grads = run_backward(roots, [u for u in us if u is not None], level=level, inputs=leaves, all_reach=True)
        results = iter(transposed(grads, [t for t in tangents if t is not None], [u for u in us if u is not None], level))
        ts = [None if u is None else next(results) for u in us]
        ts = [np.zeros(o.shape, o.dtype) if t is None and u is not None else t for o, u, t in zip(outs, us, ts, strict=True)]
        values = [o.array if isinstance(o, Taped) and o.level == level else o for o in outs]
        return (tuple(values), tuple(ts)) if isinstance(ans, tuple) else (values[0], ts[0])


def transposed(
    results: Sequence[Any], cotangents: Sequence[Array | None], arguments: Sequence[Tensor], level: int, retain_graph: bool = False
) -> list[Array | None]:
    """The transpose of a linear map, recorded on ``arguments``, the only leaves of ``level``: from cotangents to those of the arguments.

    A result that does not depend on them is constant and takes no part.
    """
    pairs = [
        (r, c)
        for r, c in zip(results, cotangents, strict=True)
        if c is not None and isinstance(r, Taped) and r.level == level and r.node is not None
    ]
    targets = [a.node for a in arguments]
    return run_backward(
        [r for r, _ in pairs], [c for _, c in pairs], level=level, retain_graph=retain_graph, inputs=targets, all_reach=True
    )


def _leaf(array: Array, level: int) -> Tensor:
    t = Tensor.wrap(array, level)
    t.requires_grad_()
    return t


def batch_by_loop(op: Any, size: int, values: list[Array], mapped: list[bool], params: dict[str, Any]) -> Any:
    """One call per entry, results stacked. Counted in `LOOPED`, so that tests see which operations still do it."""
    if size:
        count_loop(op.__name__)
    results = [op.of(*[v[i] if m else v for v, m in zip(values, mapped, strict=True)], **params) for i in range(size)]
    if not results:  # an empty batch: shapes from one entry of zeros
        entry = op.of(*[np.zeros(shape_of(v)[1:], v.dtype) if m else v for v, m in zip(values, mapped, strict=True)], **params)
        outs = entry if isinstance(entry, tuple) else (entry,)
        empty = tuple(np.zeros((0, *o.shape), o.dtype) for o in outs)
        return empty if isinstance(entry, tuple) else empty[0]
    if isinstance(results[0], tuple):
        return tuple(np.stack(column) for column in zip(*results, strict=True))
    return np.stack(results)
