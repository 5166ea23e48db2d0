"""The functions that copy where another one gives a view, ``<name>_copy``, and those that promise not to look back, ``unsafe_<name>``.

Each is made of the function whose name it has: its results, as tensors of their own. Not here: the views themselves.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from .._typing import Array
from ..core.broadcast import shape_of
from ..core.publish import public, to_operand
from .cast import Contiguous
from .complex import _view_as_complex, _view_as_real
from .diagonal import _diagonal
from .index import Slice
from .join import _chunk, _split, _split_with_sizes
from .repeat import _unfold
from .shape import _expand, _narrow, _permute, _select, _squeeze, _t, _transpose, _unbind, _unsqueeze, _view
from .strided import _as_strided
from .view_scatter import slice_spec


def _slice(input: Array, dim: int = 0, start: int | None = None, end: int | None = None, step: int = 1) -> Array:
    """Every ``step``-th element from ``start`` to ``end`` along ``dim``."""
    return Slice.of(input, spec=slice_spec(shape_of(input), dim, start, end, step, "slice_copy"))


def _split_equally(input: Array, split_size: Any, dim: int = 0) -> tuple[Array, ...]:
    """Slices along ``dim`` of a size, or of the given sizes; what is left over is the last one."""
    return _split(input, split_size, dim)


def _publish_copy(name: str, f: Callable[..., Any], method: bool = False) -> None:
    """``<name>_copy``: what ``f`` gives, in memory of its own."""
    own = f"{name}_copy"
    several = name in ("split", "split_with_sizes", "unbind")

    def copied(input: Any, *args: Any, **kwargs: Any) -> Any:
        result = f(to_operand(input, own), *args, **kwargs)
        return tuple([Contiguous.of(part) for part in result]) if several else Contiguous.of(result)

    copied.__signature__ = inspect.signature(f)  # type: ignore[attr-defined]
    copied.__doc__ = f"As `{name}`, but {'copies' if several else 'a copy'}, not {'views' if several else 'a view'} of the memory."
    public(own, method=method, out=True)(copied)


def _publish_unsafe(name: str, f: Callable[..., Any]) -> None:
    """``unsafe_<name>``: in PyTorch the parts are no views for the tape; here they are as safe as others."""

    def parts(input: Any, *args: Any, **kwargs: Any) -> Any:
        return f(input, *args, **kwargs)

    parts.__signature__ = inspect.signature(f)  # type: ignore[attr-defined]
    parts.__doc__ = f"As `{name}`; changes of the parts in place are followed all the same."
    public(f"unsafe_{name}")(parts)


def _detach(input: Array) -> Array:
    """The same memory, off the tape (see the method)."""
    return to_operand(input, "detach").detach()


def _detach_(input: Array) -> Array:
    """Take the tensor itself off the tape (see the method)."""
    return to_operand(input, "detach_").detach_()


public("detach", method=False)(_detach)
public("detach_", method=False)(_detach_)
#: The functions that give views, by the names of their copies.
VIEWS: dict[str, Callable[..., Any]] = {
    "alias": lambda input: input, "as_strided": _as_strided, "detach": _detach, "diagonal": _diagonal, "expand": _expand,
    "narrow": _narrow, "permute": _permute, "select": _select, "slice": _slice, "split": _split_equally,
    "split_with_sizes": _split_with_sizes, "squeeze": _squeeze, "t": _t, "transpose": _transpose, "unbind": _unbind,
    "unfold": _unfold, "unsqueeze": _unsqueeze, "view": _view, "view_as_complex": _view_as_complex, "view_as_real": _view_as_real,
}  # fmt: skip

for _name, _function in VIEWS.items():
    _publish_copy(_name, _function, method=_name == "narrow")
for _name, _function in (("chunk", _chunk), ("split", _split_equally), ("split_with_sizes", _split_with_sizes)):
    _publish_unsafe(_name, _function)
