"""A user's backward or jvp where transforms follow what it is given: what it computes outside of tensors is refused, or done by example.

Not here: the node that runs backward (``node.py``), the vmap of a call (``mapping.py``).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..._errors import TransformError
from ..._state import during, state
from ..._typing import Array
from ...core.boxed import Boxed
from ...core.levels import all_values, boxed, constant_value, mapped, varies
from ...core.tensor import Tensor
from ...func.batched import Batched


class Watch:
    """Sees to it that no value which a transform follows becomes a plain number or array, by way of detach."""

    __slots__ = ("detached", "method", "owner")

    def __init__(self, owner: str, method: str) -> None:
        self.owner, self.method, self.detached = owner, method, False

    def check(self, what: str, followed: bool) -> None:
        """Raise `TransformError` where followed values leave."""
        if followed or self.detached:
            raise lost(self.owner, self.method, f"takes values out of tensors ({what})")


def lost(owner: str, method: str, what: str) -> TransformError:
    """The error for a derivative that a user's method would lose."""
    return TransformError(
        f"{owner}: {method} {what}, and a transform around it takes the derivative of that, which would be lost: 0, silently; write "
        f"{method} with tensor operations (np.cos(x) of a tensor is one), without detach" + (", or define jvp" if method != "jvp" else "")
    )


def check_followed(watch: Watch, run: Callable[[list[Any]], list[Any]], cotangents: Sequence[Any], grads: Sequence[Any]) -> None:
    """Raise `TransformError` for a gradient that depends on followed cotangents by its numbers, but not for the transform.

    ``run`` gives the gradients for other cotangents: those that are followed become constants that are not 0, the others 0.
    """
    followed = [c is not None and varies(c) for c in cotangents]
    suspect = [k for k, g in enumerate(grads) if g is not None and not varies(g)]
    if not suspect or True not in followed:
        return
    rng = np.random.default_rng(0)
    probes = [
        None if c is None else Tensor.wrap(np.asarray(rng.uniform(0.5, 1.5, c.shape) if f else np.zeros(c.shape)).astype(c.dtype), 0)
        for c, f in zip(cotangents, followed, strict=True)
    ]
    found = run(probes)
    if any(found[k] is not None and np.any(all_values(found[k])) for k in suspect):
        raise lost(watch.owner, watch.method, "returns a gradient that does not depend on its cotangent as a tensor does")


def shared_axis(values: Sequence[Any]) -> Batched | None:
    """The highest of the values that differ from example to example, where that is all that is between them and their examples."""
    tops = [v for v in values if isinstance(v, Batched)]
    top = max(tops, key=lambda v: v.level, default=None)
    if top is None or any(mapped(v, top.level) and not (isinstance(v, Batched) and v.level == top.level) for v in values):
        return None
    return top


def of_example(x: Any, examples: Sequence[tuple[int, int]]) -> Any:
    """``x`` for one example of each of some vmaps, given by their levels and its numbers, innermost first."""
    for level, i in examples:
        if isinstance(x, Batched) and x.level == level:
            x = boxed(x.value[i] if isinstance(x.value, Boxed) else np.asarray(x.value[i]))
    return x


def one_by_one(top: Batched, cotangents: Sequence[Any], run: Callable[[int, list[Any]], list[Any]]) -> list[Any]:
    """The gradients of all examples, by one call of ``run`` for each, which is given its number and cotangents."""
    level, size = top.level, top.length
    with during(maps=tuple(m for m in state.maps if m.level != level)):
        rows = [run(i, [of_example(c, [(level, i)]) for c in cotangents]) for i in range(size)]
    return [_stacked(column, size, level) for column in zip(*rows, strict=True)]


def _stacked(column: Sequence[Any], size: int, level: int) -> Any:
    given = next((g for g in column if g is not None), None)
    if given is None:
        return None
    rows: list[Array] = [np.zeros(given.shape, given.dtype) if g is None else constant_value(g) for g in column]
    return Batched(np.stack(rows), size, level)
