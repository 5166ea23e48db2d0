"""Letting a constant that was made inside a transform take the transform's values: ``out = tl.zeros(2); out[0] = x``.

Until such a value is written into it, it is a plain constant, which ``if`` and ``int`` can read; then it, and all views of it, become
values of every transform under way. Memory that was made outside of the transform stays closed to it. Not here: what a change means
(``mutation.py``).
"""

from __future__ import annotations

import weakref
from typing import Any

from numpy import ndarray

from ..._state import state
from ...core.boxed import Boxed
from ...core.levels import is_plain
from ...core.tensor import Taped, Tensor
from ...core.views import Views
from ..strided import AsStrided, order_of, row_major, window_of


def admits(t: Any, *values: Any) -> bool:
    """Whether one of ``values`` is followed by a transform in which ``t`` was made, and t has become a value of it, to be written into."""
    if not state.open or not isinstance(t, Taped) or t.version is None or t.level == t.version.inside or not is_plain(t):
        return False
    inside = t.version.inside
    level = max((v.level for v in values if isinstance(v, Boxed) and not is_plain(v)), default=0)
    boxes = tuple(b for b in state.open if b.level <= inside)
    if not 0 < level <= inside or not boxes or boxes[-1].level != inside:
        return False
    views = t.views
    if isinstance(views, Views):
        memory, members = views.array, views.alive()
        root = views.root()
    else:
        memory, members, root = t.array, [t], t
    if any(m.array.dtype != memory.dtype for m in members):
        return False
    whole = _of_all(boxes, memory)
    if isinstance(whole, Taped) and isinstance(whole.array, ndarray):  # reverse mode alone: its values share memory as before
        for m in members:
            m.level = inside
            _show(m, whole)
        return True
    if root is None:
        root = Tensor.wrap(memory, 0)
    root.array = whole.array if isinstance(whole, Taped) else whole
    root.level, root.views = inside, None
    _show(root, whole)
    for m in members:
        if m is not root:
            _look(m, root, memory)
    return True


def _of_all(boxes: tuple[Any, ...], array: Any) -> Any:
    """The ndarray ``array`` as a value of the transforms of ``boxes``, outermost first."""
    return boxes[-1].around(array, lambda a: _of_all(boxes[:-1], a)) if boxes else array


def _show(m: Any, whole: Any) -> None:
    """Give ``m`` the methods that the transform's tensors have."""
    if isinstance(whole, Taped):
        m.__class__ = type(whole)


def _look(m: Any, root: Any, memory: ndarray[Any, Any]) -> None:
    """Make ``m``, a window onto ``memory``, the same window onto ``root``, which has come in its place."""
    size, stride, offset = window_of(memory, m.array)
    seen: Any = AsStrided.of(row_major(root, order_of(memory)), size=size, stride=stride, offset=offset)
    m.array, m.level, m.views = seen.array, root.level, seen.views
    seen.views.base.views.viewers.append(weakref.ref(m))
    m.__class__ = type(seen)
