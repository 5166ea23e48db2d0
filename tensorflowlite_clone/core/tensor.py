"""`Tensor`: an array, the tape node that made it, and the attributes PyTorch's users expect.

Here: what concerns the box itself (array, dtype, graph, conversion to Python and NumPy, printing). Not here: operations; those
enter from ``ops/`` through the registry and are methods of every box, those that change it in place from ``ops/inplace/``.
"""

from __future__ import annotations

import copy
import sys
import weakref
from collections.abc import Callable
from math import prod
from operator import attrgetter
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy import ndarray

from .._errors import ArgumentError, DTypeError, GraphError, OperandError, ShapeError
from .._lazy import load
from .._state import state
from .._typing import Array, OperationLike
from .boxed import Boxed, asked_by_product, uninterpretable
from .device import CPU
from .dtype_names import DTYPES, dtype
from .plain import constructed, plain_array
from .printing import form, text
from .sharing import Window, deep_copied, shown, window_of
from .size import SIZES, Size
from .tape import Leaf
from .versions import Cell
from .views import Views, lineage_of
from .watchers import WATCHED, RemovableHandle, watch
from .where import Place, caller, storing
from .windows import unsealed


class TensorType(type):
    """Makes every value inside a transform an instance of `Tensor`, for users. The engine tells the boxes apart: it asks for `Taped`."""

    def __new__(cls, name: str, bases: tuple[type, ...], namespace: dict[str, Any]) -> Any:
        """The class; one of a user has `overrides.Subclass` in the place of `Tensor`."""
        if not namespace.get("__module__", "").startswith("tensorflowlite_clone.") and Tensor in bases:
            bases = tuple(load("overrides").Subclass if base is Tensor else base for base in bases)
        return super().__new__(cls, name, bases, namespace)

    def __instancecheck__(cls, instance: Any) -> bool:
        return isinstance(instance, Boxed) if cls is Tensor else super().__instancecheck__(instance)

    def __subclasscheck__(cls, subclass: type) -> bool:
        return issubclass(subclass, Boxed) if cls is Tensor else super().__subclasscheck__(subclass)


class _Taped(Boxed):
    """The box of reverse mode, and no other: what `Tensor` and its subclasses are instances of for the engine."""

    __slots__ = ()


class Tensor(_Taped, metaclass=TensorType):
    """An n-dimensional array that remembers how it was computed.

    ``Tensor(array)`` shares the array's memory, with its dtype; `tl.tensor` copies. As PyTorch's old constructor, ``Tensor(2, 3)`` is a
    tensor of these sizes (of zeros), ``Tensor([1, 2])`` one of these numbers in the default dtype, ``Tensor()`` is empty.
    ``requires_grad=True`` (floating dtypes only) makes it a leaf whose ``grad`` is filled by `backward`.

    >>> x = Tensor(np.array([1.0, 2.0]), requires_grad=True)
    >>> (x * x).sum().backward()
    >>> x.grad
    tensor([2., 4.], dtype=float64)
    >>> Tensor(2, 3).shape, Tensor([1, 2]).dtype
    ((2, 3), tl.float32)
    """

    __slots__ = ("__dict__", "__weakref__", "_grad", "array", "node", "version", "views")
    _printed: Any = "tensor("  # how its text begins
    _results: ClassVar[type[Tensor]]  # what operations inside its transform give
    rank: ClassVar[int] = 1  # at equal level the tape is the inner transform

    #: The array itself, not a copy: an ndarray, or the box of an outer transform.
    array: Array
    _grad: Any  # what `grad` is
    #: The tape node that made this tensor (a `Leaf` if the user did); None if it does not require grad.
    node: Any
    #: The operation that computed this tensor, as a `graph.Node` of the tape; None for leaves. ``grad_fn.py`` gives it.
    grad_fn: Any
    #: In-place changes, counted in a cell that all tensors on the same memory share; None until needed.
    version: Cell | None
    #: The tensors that are windows onto the same memory (a `Lineage` inside transforms); None if there are no others.
    views: Any

    def __init__(self, *data: Any, requires_grad: bool = False, device: Any = None) -> None:
        source: Any = data[0] if len(data) == 1 else None
        if isinstance(source, Taped) and source.level == state.height:
            source = source.array
        boxed = isinstance(source, Boxed)
        self.array = source if boxed else plain_array(source, "Tensor") if isinstance(source, ndarray) else constructed(data)
        self.level = state.height if requires_grad or boxed else 0
        self._grad = self.node = self.version = self.views = None
        if requires_grad:
            self.requires_grad_()

    @staticmethod  # this is called for every result, so nothing is bound, or looked up, for it
    def wrap(array: Array, level: int, _new: Any = object.__new__) -> Tensor:
        """A tensor around ``array`` as it is, not on the tape."""
        t: Tensor = _new(Tensor)
        t.array, t.level = array, level
        t._grad = t.node = t.version = t.views = None
        return t

    def around(self, array: Any, lower: Callable[[Any], Any]) -> Tensor:
        """``array`` as a tensor of the same level, off the tape."""
        return Tensor.wrap(lower(array), self.level)

    def twin(self) -> Tensor:
        """Another tensor with the same array and node."""
        out = Tensor.wrap(self.array, self.level)
        out.node = self.node
        return out

    def become(self, result: Array, by: str = "", before: Tensor | None = None) -> None:
        """Take over array and node of ``result``; a constant takes this tensor off the tape."""
        mine = isinstance(result, Taped) and result.level == self.level
        array, self.node = (result.array, result.node) if mine else (result, None)
        if isinstance(self.array, Boxed) and not isinstance(array, Boxed):  # it stays a box: its views are followed as a box's are
            inner = self.array.twin()
            inner.become(array, by)
            array = inner
        self.array = array
        self.changed(by, before=before)

    @property
    def _differentiated(self) -> bool:  # type: ignore[override]
        """Whether it is on a tape."""
        return self.node is not None

    def parts(self) -> tuple[Array, ...]:
        """The array."""
        return (self.array,)

    def process(self, op: OperationLike, args: tuple[Array, ...], params: dict[str, Any]) -> Any:
        """Carry out ``op`` one level down and record it."""
        return op.record(args, params, self.level)

    # ---- shape and dtype --------------------------------------------------------------------------------------------------
    @property
    def shape(self) -> Size:  # type: ignore[override]
        """The size of each dimension."""
        return SIZES[self.array.shape]

    @property
    def dtype(self) -> dtype:  # type: ignore[override]
        """The kind of its numbers, `tl.float32` for example; NumPy takes it for its own dtype."""
        return DTYPES[self.array.dtype]

    @property
    def device(self) -> Any:
        """Always the CPU."""
        return CPU

    def numel(self) -> int:
        """The number of elements."""
        return prod(self.array.shape)

    # ---- the graph --------------------------------------------------------------------------------------------------------
    @property
    def requires_grad(self) -> bool:
        """Whether gradients flow to this tensor."""
        return self.node is not None

    @requires_grad.setter
    def requires_grad(self, value: bool) -> None:
        self.requires_grad_(value)

    def requires_grad_(self, requires_grad: bool = True) -> Tensor:
        """Make this tensor a leaf that collects its gradient, or stop it from doing so; returns the tensor itself.

        Floating and complex tensors have gradients; that of a complex tensor z = x + iy is dL/dx + i dL/dy, as in PyTorch.
        Raises `DTypeError` for dtypes that have no derivative and `GraphError` for turning gradients off on a computed tensor.
        """
        if requires_grad:
            if self.dtype.kind not in "fc":
                raise DTypeError(
                    f"requires_grad: only floating and complex tensors have gradients: this one is {self.dtype} {self.shape}; "
                    f"convert it first, x.float()"
                )
            if self.node is None:
                self.node = Leaf(self)
                if isinstance(self.views, Views):
                    self.views.leaves = True
        elif not self.is_leaf:
            raise GraphError(f"requires_grad: a computed tensor ({self.node.title()}) cannot stop requiring grad; use x.detach()")
        else:
            self.node = None
        return self

    @property
    def is_leaf(self) -> bool:
        """Whether the user made this tensor (no recorded operation did)."""
        return self.node is None or type(self.node) is Leaf

    @property
    def output_nr(self) -> int:
        """Which of the results of `grad_fn` this tensor is; 0 for leaves."""
        return getattr(self.node, "index", 0)

    @property
    def _version(self) -> int:
        """How often the memory was changed in place."""
        return 0 if self.version is None else self.version.count

    def _is_view(self) -> bool:
        """Whether this tensor is a window onto the memory of another one."""
        return isinstance(self.views, Views) and self is not self.views.root()

    @property
    def _base(self) -> Tensor | None:
        """The tensor whose memory this view shows; None if it is no view, and when that tensor is gone."""
        return self.views.root() if self._is_view() else None

    def detach(self) -> Tensor:
        """The same memory, off the tape (a constant to every transform); in-place changes to either are seen by both."""
        if state.leaving is not None and self.followed():
            state.leaving.detached = True
        out = Tensor.wrap(self.array.detach() if isinstance(self.array, Boxed) else unsealed(self.array), self.level)
        if isinstance(self.array, Boxed):
            lineage_of(self).detached = True
        else:
            out.version = self.shared_cell()
        return out

    def detach_(self) -> Tensor:
        """Take this tensor itself off the tape.

        Raises `GraphError` for a view of a tensor on the tape: their memory has one history.
        """
        if self.node is not None and isinstance(self.views, Views) and self is not self.views.root():
            raise GraphError(
                f"detach_: a view (shape {self.shape}) cannot leave the tape of the tensor whose memory it shows; use detach()"
            )
        self.node = None
        return self

    @property
    def data(self) -> Tensor:
        """The same memory, off the tape (as `detach`); assigning replaces the memory."""
        return self.detach()

    @data.setter
    def data(self, value: Any) -> None:
        new = value.array if isinstance(value, Taped) else plain_array(value, "data")
        if self.node is not None and new.dtype.kind not in "fcV":
            raise DTypeError(
                f"data: a tensor that requires grad must stay floating or complex: got {new.dtype}; convert the new data first"
            )
        # A cell of its own: the new memory is not shared with what shared the old, which is as it was for those who saved it.
        self.array, self.version, self.views = new, Cell.at(self.memory_cell().count), None
        self.changed("data")

    def _set_grad(self, value: Any) -> None:
        if value is not None:
            self._check_grad(value)
        self._grad = value

    def _check_grad(self, value: Any) -> None:
        """Raise for what cannot be the gradient of this tensor."""
        if not isinstance(value, Boxed):
            raise OperandError(f"grad: a gradient must be a tensor or None: got {type(value).__name__} {value!r:.40}; pass tl.tensor(...)")
        if value is self:
            raise ArgumentError(f"grad: a tensor (shape {self.shape}) cannot be its own gradient; pass x.detach().clone()")
        if value.shape != self.shape:
            raise ShapeError(f"grad: a gradient has the shape of its tensor: got {value.shape} for {self.shape}; reshape or reduce it")
        if value.dtype != self.dtype:
            raise DTypeError(f"grad: a gradient has the dtype of its tensor: got {value.dtype} for {self.dtype}; pass g.to(x.dtype)")

    def _drop_grad(self) -> None:
        self._grad = None

    #: The accumulated gradient, or None: a tensor of the same shape and dtype. Read without a Python call: optimizers ask often.
    grad: Any = property(attrgetter("_grad"), _set_grad, _drop_grad)

    def retain_grad(self) -> None:
        """Keep the gradient of a computed tensor in its ``grad`` as well, at every later backward.

        Raises `GraphError` for a tensor that does not require grad.
        """
        if self.node is None:
            raise GraphError(f"retain_grad: the tensor does not require grad (shape {self.shape}); compute it from one that does")
        if not self.is_leaf:
            WATCHED.add(self.node).kept_by = weakref.ref(self)

    @property
    def retains_grad(self) -> bool:
        """Whether this computed tensor keeps its gradient (see `retain_grad`); False for leaves."""
        watchers = None if self.is_leaf else WATCHED.get(self.node)
        return watchers is not None and watchers.kept_by is not None and watchers.kept_by() is self

    def register_hook(self, hook: Callable[[Tensor], Any]) -> RemovableHandle:
        """Call ``hook(grad)`` whenever the gradient of this tensor is complete; what it returns, unless None, takes its place.

        Hooks run in the order they were registered, before the gradient is accumulated or goes on. They see the gradient of the
        value the tensor has now: if it is changed in place later, of the old value. With ``create_graph`` what they do is recorded.

        Raises `GraphError` for a tensor that does not require grad.

        >>> x = Tensor(np.ones(2), requires_grad=True)
        >>> handle = x.register_hook(lambda g: g * 10)
        >>> (x * 2).sum().backward(); x.grad.tolist()
        [20.0, 20.0]
        >>> handle.remove()
        """
        if self.node is None:
            raise GraphError(f"register_hook: the tensor does not require grad (shape {self.shape}); compute it from one that does")
        return watch(self.node, hook)

    def register_post_accumulate_grad_hook(self, hook: Callable[[Tensor], None]) -> RemovableHandle:
        """Call ``hook(tensor)`` after a backward pass has added to this leaf's ``grad``.

        The place to step an optimizer per parameter and drop the gradient at once.

        Raises `GraphError` for a tensor that is no leaf or does not require grad.

        >>> x = Tensor(np.ones(2), requires_grad=True)
        >>> handle = x.register_post_accumulate_grad_hook(lambda p: print(p.grad.tolist()))
        >>> (x * 3).sum().backward()
        [3.0, 3.0]
        """
        if self.node is None or not self.is_leaf:
            what = "does not require grad" if self.node is None else f"was computed by {self.node.title()}"
            raise GraphError(f"register_post_accumulate_grad_hook: only leaves accumulate: this tensor {what}; use register_hook")
        return watch(self.node, hook, "after")

    # ---- shared memory ------------------------------------------------------------------------------------------------------
    def memory_cell(self) -> Cell:
        """The version cell of this memory alone, made on first need."""
        if self.version is None or self.version.common is not None:
            self.version = Cell() if self.version is None else self.version.parted()
        return self.version

    def shared_cell(self) -> Cell:
        """The version cell, marked as that of memory which others share."""
        cell = self.memory_cell()
        if cell.shared is None:
            cell.shared = False
        return cell

    def show(self, view: Tensor) -> None:
        """Make ``view``, a window onto this tensor's memory, known as such: it shares versions and history.

        A copy, which some operations have to make instead, is none.
        """
        array, base = self.array, view.array.base
        if base is not array and (base is None or base is not array.base) and not np.may_share_memory(array, view.array):
            return
        view.version = cell = self.memory_cell()
        cell.shared = True
        views = self.views
        if views is None:
            views = self.views = Views(self)
        view.views = views
        members = views.members
        members.append(weakref.ref(view))
        if len(members) > views.limit:
            views.prune()

    def changed(self, by: str, place: Place | None = None, part: Array | None = None, before: Tensor | None = None) -> None:
        """Count one in-place change of the memory, made by the operation ``by`` (at ``place``, if the caller knows it).

        ``part`` is what of the array was written to, if not all of it; ``before`` what this tensor was until now, where those who
        saved it shall find that.
        """
        cell = self.memory_cell()
        place = caller(sys._getframe(2)) if place is None else place
        told = cell.shared and type(self.array) is ndarray
        written = self.array if part is None else part
        cell.note(by, place, written if told else None, None if before is None else (id(self), before))

    # ---- to Python and NumPy ----------------------------------------------------------------------------------------------
    def item(self) -> float:
        """The value of a one-element tensor as a Python number: of its kind, whatever type checkers are told."""
        self._leave("item")
        return self._item()  # type: ignore[no-any-return]

    def _item(self) -> Any:
        if self.numel() != 1:
            raise ArgumentError(f"item: only one-element tensors have a single value: this one is {self.shape}; use tolist()")
        return self.array.item()

    def tolist(self) -> Any:
        """The values as nested lists of Python numbers."""
        self._leave("tolist")
        return self.array.tolist()

    def numpy(self, *, force: bool = False) -> ndarray[Any, Any]:
        """The values as an ndarray that shares this tensor's memory.

        Raises `GraphError` for a tensor that requires grad, since the array would not be on the tape; ``force=True`` detaches.
        """
        if state.leaving is not None:
            state.leaving.check("numpy", self.followed())
        if self.node is not None and not force:
            raise GraphError("numpy: the tensor requires grad, and NumPy would silently lose it; use x.detach().numpy()")
        if not isinstance(self.array, ndarray):
            raise GraphError("numpy: the tensor belongs to a function transform and has no single array; return it from the function")
        if self.node is not None:
            self.shared_cell()
        return self.array

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> ndarray[Any, Any]:
        if (self.node is not None or self.level) and asked_by_product(sys._getframe(1)):
            return uninterpretable(self)  # type: ignore[no-any-return]
        if self.followed():
            raise self.untraceable("array")
        return np.array(self.array if self.node is None and isinstance(self.array, Boxed) else self.numpy(), dtype=dtype, copy=copy)

    def followed(self) -> bool:
        """Whether a function transform takes the derivative with respect to this tensor, or holds it for several examples."""
        return self.level > 0 and (self.node is not None or (isinstance(self.array, Boxed) and self.array.followed()))

    def __float__(self) -> float:
        self._may_become_a_number("float", sys._getframe(1))
        return float(self._item())

    def __int__(self) -> int:
        return int(self.array if isinstance(self.array, Boxed) else self._item())  # type: ignore[arg-type]

    def __complex__(self) -> complex:
        self._may_become_a_number("complex", sys._getframe(1))
        return complex(self._item())

    def _may_become_a_number(self, what: str, frame: Any) -> None:
        """Raise where the number would lose a derivative that somebody counts on: in a transform, and as an element of an array."""
        if self.followed():
            raise self.untraceable(what)
        if self.node is not None and state.grad_enabled and storing(frame):
            raise GraphError("out[i] = x: x requires grad, a plain array would lose it; use np.zeros_like(x, shape=...), or x.detach()")

    def __index__(self) -> int:
        if self.dtype.kind not in "biu":
            raise OperandError(f"index: only integer tensors can be used as an index: this one is {self.dtype}; convert it, x.long()")
        return int(self)

    def __bool__(self) -> bool:
        if self.numel() != 1:
            why = f"bool: the truth value of a tensor with {self.numel()} elements (shape {self.shape}) is ambiguous"
            raise ArgumentError(f"{why}; use .any() or .all()")
        return bool(self.array)

    def __hash__(self) -> int:
        return id(self)

    def __reduce_ex__(self, protocol: Any) -> Any:
        array, window = window_of(self.numpy(force=True))
        return _rebuild, (array, self.requires_grad, window), self.__dict__ or None

    def __copy__(self) -> Tensor:
        copied = np.copy(self) if self.followed() else self.detach().requires_grad_(self.requires_grad)
        copied.__dict__.update(self.__dict__)
        return copied  # type: ignore[return-value]

    def __deepcopy__(self, memo: dict[int, Any]) -> Tensor:
        if self.followed():
            return memo.setdefault(id(self), np.copy(self))  # type: ignore[no-any-return]
        if not self.is_leaf:
            raise GraphError("deepcopy: only leaf tensors can be deep-copied, this one was computed; use x.detach().clone()")
        copied = type(self).__new__(type(self))
        copied.array = deep_copied(self.array, memo) if type(self.array) is ndarray else np.array(self.array)
        copied.level = self.level
        copied.node = copied.version = copied.views = None
        copied._grad = None if self.grad is None else self.grad.__deepcopy__(memo)
        if self.requires_grad:
            copied.requires_grad_()
        memo[id(self)] = copied
        copied.__dict__.update(copy.deepcopy(self.__dict__, memo))
        return copied

    def __repr__(self) -> str:
        if not isinstance(self.array, ndarray):
            return f"Tensor(level={self.level}, {self.array!r})"
        notes = form(self.array)
        if not self.is_leaf:
            notes.append(f"grad_fn=<{self.grad_fn.name()}>")
        elif self.requires_grad:
            notes.append("requires_grad=True")
        return text(self.array, self._printed, notes)

    __str__ = __repr__


Tensor._results = Tensor

if TYPE_CHECKING:
    Taped = Tensor
else:
    Taped = _Taped


def _rebuild(array: ndarray[Any, Any], requires_grad: bool, window: Window = None) -> Tensor:
    return Tensor(shown(array, window), requires_grad=requires_grad)
