"""What an in-place change means: `mutate`, the one place that decides it.

On plain memory it writes and counts the version up; on a tensor that is on the tape the tensor becomes the result of the operation,
and whoever saved the old value is told at backward. Inside function transforms, where programs written for NumPy are differentiated,
the old value of a whole tensor is kept for them. A recorded change through a view is a write into a window of the memory it
looks at: `settle` tells that memory and its other views. A value inside a function transform comes to hold the result.

Not here: the methods that change tensors (the other files of this folder), windows (``ops/strided.py``).
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy import ndarray

from ..._errors import DTypeError, GraphError, OperandError, ShapeError, TransformError
from ..._state import state
from ..._typing import Array
from ...core.boxed import Boxed
from ...core.broadcast import shape_of
from ...core.dtypes import CATEGORY
from ...core.levels import constant_value, off_tape
from ...core.plain import fitting, plain_array
from ...core.tape import Leaf
from ...core.tensor import Taped, Tensor
from ...core.views import Lineage, mirror
from ...core.watchers import hand_over
from ...core.windows import apart, opened, overlap, repeats
from ..cast import Clone, cast
from ..compare import Where
from ..complex import FromParts
from ..strided import order_of, read, write
from .admission import admits


def mutate(t: Any, name: str, compute: Callable[[Tensor], Any], fresh: bool = False) -> Any:
    """Let ``t`` become ``compute(t)`` in place; ``compute`` gives the result out of place, in t's shape and a castable dtype.

    ``fresh`` says that the result always has memory that nothing else holds. Raises `GraphError` for a leaf that requires grad and
    for views of one, `ShapeError` and `DTypeError` for results that do not fit, `OperandError` for tensors without memory
    of their own. Returns ``t``, or NotImplemented if ``compute`` does.
    """
    if not has_memory(t):
        return rebind(t, name, compute)
    check_writable(t, name)
    source = Tensor.wrap(t.array, t.level)
    if not (on_tape(t) and state.grad_enabled):
        result = compute(source)
        if state.open and admits(t, result):
            return mutate(t, name, compute, fresh)
        if getattr(result, "node", None) is None:
            return result if result is NotImplemented else _write(t, name, result)
    # From here on the change is recorded. What it saves of the old value must not be overwritten: either the old memory stays with
    # `source` and the tensor moves to memory of its own, or, where others share the memory, `source` gets a copy.
    shared = t.node is None or (t.version is not None and t.version.shared is not None)
    if shared:
        check_views(t, name)
        source = Tensor.wrap(np.array(t.array), t.level)
    source.node = history_of(t)
    result = compute(source)
    if result is NotImplemented:
        return result
    if getattr(result, "node", None) is None:  # a constant: the tensor stays on the tape, with gradient 0 for its old value
        constant = off_tape(result)
        if isinstance(constant, Boxed):
            raise foreign(t, name)
        check_fit(t, name, constant)
        result, fresh = Where.of(np.ones((), np.bool_), constant, source), True
    if not isinstance(result, Taped) or result.level != t.level or not isinstance(result.array, ndarray):
        raise foreign(t, name)
    check_fit(t, name, result)
    if result.dtype != t.dtype:
        result, fresh = cast(result, t.dtype), True
    hand_over(t.node, result.node)
    if shared:
        np.copyto(t.array, apart(result.array, t.array))
        t.shared_cell()
        settle(t, result.node)
    else:
        t.array = result.array if fresh and result.version is None and result.array.base is None else np.array(result.array)
        t.node = result.node
    whole = t.views is None or t is t.views.root()
    t.changed(name, before=source if t.level and whole else None)
    return t


def before(t: Any, source: Any, a: Any) -> Any:
    """The operand ``a`` of a change of ``t`` as the change finds it; ``source`` is t's old value, also where a is t itself.

    A tensor that shares t's memory is copied where the change is recorded: it overwrites what the derivative may need.
    """
    if a is t:
        return source
    if not (state.grad_enabled and isinstance(a, Taped) and has_memory(a) and has_memory(t) and (on_tape(t) or a.node is not None)):
        return a
    return Clone.of(a) if np.may_share_memory(a.array, t.array) else a


def on_tape(t: Tensor) -> bool:
    """Whether ``t``, or the memory it looks at, has a history."""
    return t.node is not None or (t.views is not None and t.views.root_node() is not None)


def history_of(t: Tensor) -> Any:
    """The node of ``t``; for a view that was made while nothing was recorded, that of its window onto the memory it looks at."""
    if t.node is not None or t.views is None:
        return t.node
    root = Tensor.wrap(t.views.array, t.level)
    root.node = t.views.root_node()
    return None if root.node is None else read(root, t.array).node


def settle(t: Tensor, node: Any, part: ndarray[Any, Any] | None = None) -> None:
    """``t``, whose memory has been written already, is now the result of ``node``: tell the memory it looks at, and its other views.

    ``part`` is what of the memory was written to, if not all that t shows.
    """
    views, part = t.views, t.array if part is None else part
    if views is None:
        t.node = node
        return
    value = Tensor.wrap(t.array, t.level)
    value.node = node
    root = Tensor.wrap(views.array, t.level)
    if t is views.root():
        root.node = t.node = node
    else:
        root.node = views.root_node()
        if root.node is None:  # nobody holds the whole any more: what is left of it is what the living views show
            for m in views.alive():
                if m is not t and m.node is not None:
                    root.node = write(root, m.array, m).node
        root.node = write(root, t.array, value).node
        t.node = None if root.node is None else read(root, t.array).node
    views.node = None if root.node is None else weakref.ref(root.node)
    whole = views.root()
    if whole is not None and whole is not t:
        hand_over(whole.node, root.node)
        whole.node = root.node
    for m in views.near(part):
        if m is not t and m is not whole and overlap(m.array, part):
            fresh = read(root, m.array).node
            hand_over(m.node, fresh)
            m.node = fresh


def check_writable(t: Any, name: str, writing: bool = True) -> None:
    """Raise unless ``t`` is a tensor that may be changed now, and (``writing``) its memory as well."""
    if not isinstance(t, Taped):
        raise OperandError(f"{name}: cannot change a {type(t).__name__}, which is no tensor, in place; make it one with tl.tensor(...)")
    if writing and not t.array.flags.writeable:
        _open_up(t, name)
    if t.node is not None and state.grad_enabled and t.is_leaf:
        if t.level > 0:
            raise _argument(t, name)
        raise GraphError(
            f"{name}: a leaf tensor that requires grad (shape {t.shape}) cannot be changed in place while operations are recorded; "
            f"do it under no_grad(), or use the out-of-place form"
        )


def _open_up(t: Tensor, name: str) -> None:
    """Let ``t`` be written to if it is a part that repeats nothing of an expanded tensor; else raise."""
    if repeats(t.shape, t.array.strides):
        raise _repeated(t, name)
    memory = None if t.views is None else t.views.array
    if memory is None or not memory.flags.writeable:
        raise OperandError(
            f"{name}: the memory of this tensor (shape {t.shape}) is read-only, that of a frozen array, or of an argument that a "
            f"Function gave back as its result; clone() it first"
        )
    t.array = opened(t.array, memory)


def _repeated(t: Boxed, name: str) -> OperandError:
    return OperandError(
        f"{name}: several places of this tensor (shape {t.shape}) show the same element, as those of an expanded one do; clone() it first"
    )


def expanded(t: Any) -> bool:
    """Whether several places of the tensor or box ``t`` show the same element."""
    layout = mirror(t)
    return layout is not None and not layout.flags.writeable and repeats(layout.shape, layout.strides)


def has_memory(t: Any) -> bool:
    """Whether ``t`` has memory to write to (or is no tensor at all), and is not a value of a function transform."""
    return not isinstance(t, Boxed) or isinstance(getattr(t, "array", None), ndarray)


def rebind(box: Any, name: str, compute: Callable[[Any], Any], part: Any = (), same_shape: bool = True) -> Any:
    """`mutate` for a value inside a function transform: the box comes to hold the result, and nobody's memory is written to.

    What the box looks at gets the result in its place, and whoever looks at the same elements sees it. ``part`` is a basic index: the
    part that changes.
    """
    _check_lineage(box, name, same_shape)
    result = compute(box.twin())
    if result is NotImplemented:
        return result
    result = result if isinstance(result, Boxed) else np.asarray(result)
    if same_shape:
        check_fit(box, name, result)
    if result.dtype != box.dtype:
        result = cast(result, box.dtype)
    if isinstance(result, Boxed) and result.level > box.level:
        raise foreign(box, name)
    lineage = box.views
    whole = lineage is None and part == ()
    box.become(constant_value(result), name, box.twin() if whole else None)
    if lineage is not None:
        written, root = lineage.window[(*part, ...)], box  # a view also where it is one element
        while lineage.base is not None:
            root, whole = _put_back(root)
            lineage = root.views
            root.become(constant_value(whole), name)
        _refresh(root, written, name)
    return box


def _check_lineage(box: Any, name: str, same_shape: bool) -> None:
    """Raise, before anything changes, where the change could not reach all who look at the same elements."""
    if expanded(box):
        raise _repeated(box, name)
    while True:
        if isinstance(box, Taped) and box.is_leaf and box.node is not None and state.grad_enabled:
            raise _argument(box, name)
        lineage = box.views
        if lineage is None:
            return
        base = lineage.base
        if not same_shape and base is None and not lineage.alive():
            box.views = None  # nobody looks any more
            return
        if lineage.detached or not same_shape:
            raise TransformError(
                f"{name}: inside a function transform this value (shape {box.shape}) has a twin made by detach(), or is a view that "
                f"the change cannot be followed through; clone() it first, or use the out-of-place form, y = x + 1"
            )
        if base is None:
            return
        box = base


def _put_back(view: Any) -> tuple[Any, Any]:
    """The first base of ``view`` that is not expanded, and what it becomes when view has changed: view's elements where that looks."""
    base, value, steps = view, view, []
    while base is view or expanded(base):
        lineage: Lineage = base.views
        base, op = lineage.base, lineage.op
        assert op is not None
        value = _embedded(op, value, base, lineage.params)
        steps.append((op, lineage.params))
    seen = np.zeros(base.shape, base.dtype)
    part = seen
    for op, params in reversed(steps):
        part = op.forward(part, **params)
    opened(part, seen)[...] = 1 + 1j if part.dtype.kind == "c" else 1
    if seen.dtype.kind != "c" or np.array_equal(seen.real, seen.imag):
        return base, Where.of(seen != 0, value, base)
    real, imag = (Where.of(part(seen) != 0, part(value), part(base)) for part in (np.real, np.imag))
    return base, FromParts.of(real, imag)


def _embedded(op: Any, value: Any, base: Any, params: Any) -> Any:
    """An array like ``base`` with ``value`` where the view ``op`` of it looks: the adjoint of looking, of numbers as pairs of real ones."""
    if base.dtype == value.dtype:
        return op.run_rule(0, (value,), [base], None, params)
    return np.conjugate(op.run_rule(0, (np.conjugate(value),), [base], None, params))  # rules pair without a conjugate


def _refresh(box: Any, written: ndarray[Any, Any], name: str) -> None:
    """Let those who look at what was written see it."""
    for viewer in box.views.alive():
        lineage = viewer.views
        if overlap(lineage.window, written):
            viewer.become(constant_value(lineage.op.of(box.twin(), **lineage.params)), name)
            _refresh(viewer, written, name)


def _argument(t: Tensor, name: str) -> GraphError:
    return GraphError(
        f"{name}: an argument of a function transform (shape {t.shape}) cannot be changed in place, it is what the derivative is "
        f"taken with respect to; use the out-of-place form, y = x + 1, or clone() it first"
    )


def check_views(t: Tensor, name: str) -> None:
    """Raise, before anything is written, where the change could not be told to all who look at the memory.

    That is where it belongs to a leaf that requires grad (its value is given, not computed), or where it has no row-major order.
    """
    if t.views is None:
        return
    leaf = t.views.leaf()
    if leaf is not None:
        tensor = leaf.tensor() if isinstance(leaf, Leaf) else leaf
        raise GraphError(
            f"{name}: this tensor (shape {t.shape}) shares the memory of a leaf that requires grad"
            f"{'' if tensor is None else f' (shape {tensor.shape})'}, which cannot be changed in place while operations are recorded; "
            f"do it under no_grad(), or clone() the leaf first"
        )
    if t.views.several():
        order_of(t.views.array)


def foreign(t: Boxed, name: str) -> OperandError:
    """The error for an operand whose transform the changed value has no part in."""
    return OperandError(
        f"{name}: the other operand belongs to a function transform, this tensor (shape {t.shape}) does not; "
        f"make it of a value of the transform, y = tl.zeros_like(x) or np.zeros_like(x, shape=(3, 4)), use the out-of-place form, "
        f"y = x + 1, or stack([...]) to build a tensor from parts"
    )


def check_fit(t: Boxed, name: str, result: Any) -> None:
    """Raise unless ``result`` has t's shape, and a dtype that may be cast to t's."""
    shape = shape_of(result)
    if shape != t.shape:
        raise ShapeError(f"{name}: the result has another shape: the tensor is {t.shape}, the result {shape}; use the out-of-place form")
    if CATEGORY[result.dtype.char] > CATEGORY[t.dtype.char]:
        raise DTypeError(
            f"{name}: the result is {result.dtype} and does not fit this tensor of {t.dtype}; convert it or use the out-of-place form"
        )


def _write(t: Tensor, name: str, result: Any) -> Tensor:
    """Write a result that is on no tape into t's memory."""
    array = off_tape(result)
    if isinstance(array, Boxed):
        raise foreign(t, name)
    array = np.asarray(array)
    check_fit(t, name, array)
    with np.errstate(all="ignore"):  # NaN to integers: some number, as in PyTorch
        np.copyto(t.array, apart(array, t.array), casting="unsafe")
    t.changed(name)
    return t


def write_directly(t: Any, name: str, ufunc: Callable[..., Any], *others: Any) -> bool:
    """Run ``ufunc`` on t's memory itself, if nothing is to be recorded and dtypes and shapes agree; else leave it to `mutate`."""
    if not isinstance(t, Taped) or state.observers:
        return False
    array = t.array
    if type(array) is not ndarray or array.dtype.char not in "fd" or not array.flags.writeable:  # float16: see ``core/short.py``
        return False
    if state.grad_enabled and on_tape(t):
        return False
    data: list[Any] = []
    for other in others:
        if isinstance(other, Taped):
            if (state.grad_enabled and other.node is not None) or type(other.array) is not ndarray or other.array.dtype != array.dtype:
                return False
            data.append(other.array)
        elif type(other) in (int, float):
            data.append(float(other))
        else:
            return False
    try:
        with np.errstate(all="ignore"):
            ufunc(array, *data, out=array)
    except (ValueError, TypeError):
        return False  # shapes or dtypes that do not fit: nothing was written, and `mutate` explains
    t.changed(name)
    return True


def in_dtype_of(value: Any, t: Array) -> Any:
    """``value`` in t's dtype, differentiably."""
    if type(value) in (float, complex, int):
        value = fitting(value, t.dtype, "in-place write")
    value = value if isinstance(value, Boxed) else plain_array(value, "in-place write")
    if value.dtype.kind == "c" and t.dtype.kind != "c":
        raise DTypeError(f"in-place write: a complex value does not fit a tensor of {t.dtype}; take its real part first")
    return cast(value, t.dtype)
