"""`vmap`: a function of one example made into a function of many.

Not here: the box that hides the mapped axis (``batched.py``), the batching rules (the families in ``core/`` and ``ops/``).
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy import ndarray

from .._errors import ArgumentError, ShapeError, TransformError
from .._state import state
from .._typing import Array
from ..core.boxed import Boxed
from ..core.broadcast import shape_of
from ..core.levels import strip
from ..ops.random import current_generator
from .arguments import Kind, begin, raised_height, reasons, require_arrays
from .batched import Batched, Map
from .tree import Structure, flatten, spread, unflatten


def vmap(
    func: Callable[..., Any], in_dims: Any = 0, out_dims: Any = 0, randomness: str = "error", *, chunk_size: int | None = None
) -> Callable[..., Any]:
    """``func`` for one example made into a function of a whole batch, which runs once and never loops.

    Args:
        func: takes and returns arrays, perhaps nested. Keyword arguments are passed to it as they are.
        in_dims: for each argument the axis to map over (negative: from the last; None: the argument is shared), as an int for
            all, or nested like the arguments down to some depth.
        out_dims: where the mapped axis goes in each result, likewise; None for a result that does not depend on the mapped
            arguments and is returned once.
        randomness: what random functions inside do: "error", they raise; "different", each example draws numbers of its own;
            "same", all examples share one draw.
        chunk_size: how many examples to take at a time, to bound the memory; None for all at once.

    Raises `ArgumentError` or `ShapeError` where ``in_dims`` or ``out_dims`` do not fit or the mapped axes differ in length, and
    `TransformError` for what one example may do but a batch cannot, such as an ``if`` on a value.

    >>> vmap(lambda x, w: np.sum(x * w), in_dims=(0, None))(np.ones((2, 3)), np.arange(3.0))
    array([3., 3.])
    >>> vmap(lambda p: p["a"] + p["b"], in_dims=({"a": 1, "b": None},))({"a": np.ones((3, 2)), "b": np.zeros(3)}).shape
    (2, 3)
    """
    if randomness not in ("error", "different", "same"):
        raise ArgumentError(f"vmap: randomness must be 'error', 'different' or 'same': got {randomness!r}")
    if chunk_size is not None and (isinstance(chunk_size, bool) or not isinstance(chunk_size, int | np.integer) or chunk_size < 1):
        raise ArgumentError(f"vmap: chunk_size must be an int above 0, or None: got {chunk_size!r}")

    @functools.wraps(func)
    def mapped(*args: Any, **kwargs: Any) -> Any:
        leaves, tree = flatten(args)
        dims = spread(_listed(in_dims, args), args, "vmap", "in_dims")
        size = _mapped_size(leaves, dims)
        if chunk_size is None or chunk_size >= size:
            return _run(func, tree, leaves, dims, size, kwargs, out_dims, randomness)
        return _run_chunks(func, tree, leaves, dims, size, kwargs, out_dims, randomness, int(chunk_size))

    return mapped


def _listed(in_dims: Any, args: tuple[Any, ...]) -> Any:
    """``in_dims`` for the tuple of all arguments; a container that stands for them must have one entry for each."""
    if isinstance(in_dims, tuple | list) and len(in_dims) != len(args):
        raise ArgumentError(
            f"vmap: in_dims does not fit: it has {len(in_dims)} entries {in_dims!r}, the function got {len(args)} positional argument(s); "
            f"give one entry per argument"
        )
    return in_dims


def _mapped_size(leaves: list[Any], dims: list[int | None]) -> int:
    """The length that all mapped axes have."""
    sizes: dict[int, int] = {}
    for i, (x, d) in enumerate(zip(leaves, dims, strict=True)):
        if d is None:
            continue
        shape = shape_of(x)
        if not isinstance(x, Boxed | ndarray):
            raise ArgumentError(
                f"vmap: only tensors and arrays have axes to map over: value {i} is {type(x).__name__}, its in_dims {d}; give None"
            )
        if not -len(shape) <= d < len(shape):
            raise ShapeError(f"vmap: in_dims {d} is out of range for value {i} of shape {shape}; map over one of its axes, or None")
        sizes[i] = shape[d]
    if not sizes:
        raise ArgumentError("vmap: no argument is mapped: in_dims is None everywhere; map over an axis of at least one argument")
    if len(set(sizes.values())) != 1:
        raise ShapeError(
            f"vmap: the mapped axes have different lengths: {sizes} (value: length); they must agree, give None to what is shared"
        )
    return next(iter(sizes.values()))


def _run(
    func: Callable[..., Any],
    tree: Structure,
    leaves: Sequence[Any],
    dims: Sequence[int | None],
    size: int,
    kwargs: dict[str, Any],
    out_dims: Any,
    randomness: str,
) -> Any:
    """All examples at once."""
    kind = Kind(leaves)
    with raised_height(kind=kind) as level, reasons():
        this = Map(level, size, randomness)
        boxed = [x if d is None else this.box(_to_front(kind.take(x, "vmap"), d)) for x, d in zip(leaves, dims, strict=True)]
        state.maps = (*state.maps, this)
        begin([b for b, d in zip(boxed, dims, strict=True) if d is not None], kind.arrays)
        out = func(*unflatten(tree, boxed), **kwargs)
    outs, out_tree = flatten(out)
    require_arrays(outs, "vmap")
    axes = spread(out_dims, out, "vmap", "out_dims")
    return unflatten(out_tree, [kind.give(_at(o, this, a)) for o, a in zip(outs, axes, strict=True)])


def _to_front(x: Array, axis: int) -> Array:
    return np.moveaxis(x, axis, 0) if axis else x


def _at(o: Any, this: Map, axis: int | None) -> Any:
    """A result with its mapped axis at ``axis``."""
    o = strip(o, this.level)
    own = isinstance(o, Batched) and o.level == this.level
    if axis is None:
        if own:
            raise TransformError("vmap: out_dims is None for a result that depends on the mapped arguments; give it an axis")
        return o
    shape = shape_of(o)
    if not -len(shape) - 1 <= axis <= len(shape):
        raise ShapeError(
            f"vmap: out_dims {axis} is out of range: the result for one example is {shape}; "
            f"the mapped axis can go to {-len(shape) - 1} ... {len(shape)}"
        )
    o = o.value if own else np.broadcast_to(o, (this.size, *shape))
    return np.moveaxis(o, 0, axis) if axis else o


def _run_chunks(
    func: Callable[..., Any],
    tree: Structure,
    leaves: list[Any],
    dims: list[int | None],
    size: int,
    kwargs: dict[str, Any],
    out_dims: Any,
    randomness: str,
    chunk: int,
) -> Any:
    """Some examples at a time; the results joined along their mapped axes. With "same" every chunk draws the same numbers."""
    generator = current_generator()
    start = generator.get_state() if randomness == "same" else None
    parts: list[list[Any]] = []
    for i in range(0, size, chunk):
        if start is not None:
            generator.set_state(start)
        taken = [x if d is None else x[(slice(None),) * (d % x.ndim) + (slice(i, i + chunk),)] for x, d in zip(leaves, dims, strict=True)]
        out = _run(func, tree, taken, dims, min(chunk, size - i), kwargs, out_dims, randomness)
        part, out_tree = flatten(out)
        parts.append(part)
    axes = spread(out_dims, out, "vmap", "out_dims")
    columns = zip(*parts, strict=True)
    return unflatten(out_tree, [c[0] if a is None else np.concatenate(c, axis=a) for c, a in zip(columns, axes, strict=True)])
