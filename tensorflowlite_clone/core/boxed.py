"""The base of the three boxes: NumPy's dispatch protocols and the attributes every box has.

A box holds something array-like (an ndarray or another box) and a *level*: the height of the transform that made it. An
operation is handled by the highest box among its operands; what that box holds goes one level down. The methods of the
operations (``x.tanh()``, ``x + y``) are installed on `Boxed` by the registry; their types stand in ``methods.pyi``.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from functools import partial
from math import prod
from typing import Any, ClassVar, Never

import numpy as np

from .._errors import DTypeError, OperandError, ShapeError, TransformError
from .._lazy import late_method
from .._state import state
from .._typing import Array, OperationLike
from .advice import instead, name_of, of_scipy
from .device import CPU
from .dtype_names import dtype
from .dtypes import CATEGORY
from .methods import Methods
from .registry import REFUSED, UFUNCS, answer_to, answer_to_method, answer_to_ufunc
from .size import Size

#: What the parts of the package ask of a box, and users have no use for.
INTERNAL = frozenset({
    "around", "become", "changed", "constant", "elementwise", "followed", "length", "level", "memory_cell", "node", "parts", "primal",
    "process", "rank", "shared_cell", "show", "story", "symbol", "tangent", "twin", "untraceable", "value", "version",
    "views", "wrap",
})  # fmt: skip


SEQUENCES = frozenset({list, tuple})


def asked_by_product(frame: Any) -> bool:
    """Whether it is SciPy's product with a sparse matrix that wants an array, which leaves what is none to the other operand."""
    return frame.f_code.co_name == "_matmul_dispatch" and str(frame.f_globals.get("__name__")).startswith("scipy.sparse")


def uninterpretable(x: Any) -> Any:
    """``x`` as NumPy shows what it does not understand."""
    out = np.empty((), dtype=object)
    out[()] = x
    return out


class Boxed(Methods):
    """Anything that stands in for an ndarray and adds something to it."""

    __slots__ = ("level",)
    #: Who else looks at the same elements (``core/views.py``); None if nobody does.
    views: Any
    __array_priority__ = 1000
    #: At equal level the box of the higher rank handles the operation.
    rank: ClassVar[int] = 0
    #: Whether it stands for several values at once.
    _batched: ClassVar[bool] = False
    #: Whether a derivative is being taken of it (not of what it holds).
    _differentiated: bool = False
    level: int
    shape: Size
    dtype: dtype
    _repr_html_ = late_method("utils.notebook", "tensor_html", "The numbers as a table and a picture, in notebooks.")

    def detach(self) -> Any:
        """The values as a constant."""
        raise TypeError(f"{type(self).__name__} is an abstract box")

    def constant(self, array: Any) -> Any:
        """A constant that is a value of the same transforms, so that it can take such values in place."""
        inner = self.parts()[0]
        return self.around(array, inner.constant if isinstance(inner, Boxed) else lambda values: values)

    def around(self, array: Any, lower: Callable[[Any], Any]) -> Any:
        """The constant ``array`` as a value of this transform; ``lower`` makes constants values of those below."""
        raise TypeError(f"{type(self).__name__} is an abstract box")

    def twin(self) -> Any:
        """Another box that holds the same."""
        raise TypeError(f"{type(self).__name__} is an abstract box")

    def become(self, result: Array, by: str = "", before: Any = None) -> None:
        """Hold what ``result``, a box of the same transform or a constant to it, holds, by the in-place operation ``by``.

        ``before`` is what this box was until now, where those who saved it shall find that.
        """
        raise TypeError(f"{type(self).__name__} is an abstract box")

    def parts(self) -> tuple[Array, ...]:
        """What the box holds."""
        raise TypeError(f"{type(self).__name__} is an abstract box")

    def process(self, op: OperationLike, args: tuple[Array, ...], params: dict[str, Any]) -> Any:
        """Carry out ``op`` on ``args``, among which this is the highest box."""
        raise TypeError(f"{type(self).__name__} is an abstract box")

    def elementwise(self, kernel: Callable[..., Any], args: tuple[Any, ...]) -> Any:
        """``kernel``, which treats each element alike, on what the boxes among ``args`` hold; None where only operations may do it."""
        return None

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *args: Any, **kwargs: Any) -> Any:
        handler = UFUNCS.get(ufunc) or answer_to_ufunc(ufunc)
        if handler is not None and method == "__call__" and not kwargs and SEQUENCES.isdisjoint(map(type, args)):
            return handler(*args)
        if kwargs.get("out") is not None:
            if method == "__call__" and kwargs.get("where", True) is not True and len(kwargs["out"]) == 1:  # elsewhere it stays as it is
                mask, (before,) = kwargs.pop("where"), kwargs["out"]
                return self._into(kwargs, f"np.{ufunc.__name__}", lambda rest: np.where(mask, ufunc(*args, **rest), before))
            return self._into(kwargs, f"np.{ufunc.__name__}", lambda rest: getattr(ufunc, method)(*args, **rest))
        general = answer_to_method(method)
        if handler is None or general is None:
            raise unsupported(ufunc, name_of(ufunc) + ("" if method == "__call__" else f".{method}"))
        return general(ufunc, *args, **kwargs)

    def __array_function__(self, func: Callable[..., Any], types: Any, args: Any, kwargs: Any) -> Any:
        if kwargs.get("out") is not None:
            return self._into(kwargs, f"np.{func.__name__}", lambda rest: func(*args, **rest))
        handler = answer_to(func)
        if handler is None:
            raise unsupported(func, f"{func.__module__.replace('numpy', 'np', 1)}.{func.__name__}")
        return handler(*args, **kwargs)

    @staticmethod
    def _into(kwargs: dict[str, Any], name: str, call: Callable[[dict[str, Any]], Any]) -> Any:
        """The result of ``call`` without ``out=``, written into it in place."""
        rest = {key: value for key, value in kwargs.items() if key != "out"}
        return write_out(kwargs["out"], call(rest), name)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        if asked_by_product(sys._getframe(1)):
            return uninterpretable(self)
        raise self.untraceable("array")

    def __dir__(self) -> list[str]:
        return [name for name in super().__dir__() if name not in INTERNAL]

    def followed(self) -> bool:
        """Whether a function transform takes the derivative with respect to this value, or holds it for several examples."""
        return True

    def _leave(self, what: str) -> None:
        """Raise where ``what`` would be a number, or numbers, without the derivative."""
        if state.leaving is not None:
            state.leaving.check(what, self.followed())
        elif self.level > 0 and self.followed() and (state.grad_enabled or not self.rank):  # nothing is recorded that would be lost
            raise self.untraceable(what)

    def _read(self, by: str) -> None:
        """Take note that ``by`` goes on with the values as constants."""

    def untraceable(self, what: str) -> TransformError:
        """The error for making a plain array or number of a value that a function transform follows."""
        return TransformError(
            f"{what}: a value inside a function transform ({type(self).__name__} of shape {self.shape}) cannot become a plain array or "
            f"number, which would lose its derivative; {instead(what)}; x.detach() is the value as a constant"
        )

    @property
    def ndim(self) -> int:
        """The number of dimensions."""
        return len(self.shape)

    def __len__(self) -> int:
        if not self.shape:
            raise TypeError("len(): a 0-d tensor has no length; use .item() for its value or .numel() for its size")
        return self.shape[0]

    def __iter__(self) -> Iterator[Any]:
        if not self.shape:
            raise TypeError("iteration over a 0-d tensor: it has no first dimension to go along; use .item() for its value")
        box: Any = self
        return (box[i] for i in range(self.shape[0]))

    def __format__(self, spec: str) -> str:
        """One number as ``spec`` says, inside vmap those of all examples; several as `str` does, and without ``spec`` a vector of one."""
        if prod(self.shape) != 1 or (self.shape and not spec):
            if spec:
                raise TypeError(
                    f"format: a tensor of several numbers has no {spec!r:.40}: its shape is {self.shape}; format x.tolist(), or str(x)"
                )
            return str(self)
        value: Any = self
        while isinstance(value, Boxed):
            value = value.parts()[0]
        return format(value.item(), spec) if value.size == 1 else f"[{', '.join(format(v, spec) for v in value.ravel().tolist())}]"

    def __contains__(self, element: Any) -> bool:
        found = self == element
        if not isinstance(found, Boxed):  # nothing to compare with
            kind = type(element).__name__
            raise OperandError(f"in: only tensors, arrays and numbers can be in a tensor: got {kind} {element!r:.60}; ask x.tolist()")
        return bool(found.any())


def write_out(out: Any, result: Any, name: str) -> Any:
    """Write ``result`` into the tensor ``out``, in place and on the tape, as NumPy's ``out=`` asks; returns ``out``."""
    if isinstance(out, tuple) and len(out) == 1:
        (out,) = out
    if not isinstance(out, Boxed):
        raise OperandError(
            f"{name}: out= must be a tensor: got {type(out).__name__}, which would lose the derivative; assign the returned tensor "
            f"instead (y = y + x, not y += x, where y is a plain array)"
        )
    if result.shape != out.shape:
        raise ShapeError(f"{name}: out= has another shape than the result: {out.shape} and {result.shape}; give a tensor of that shape")
    if CATEGORY[result.dtype.char] > CATEGORY[out.dtype.char]:
        raise DTypeError(f"{name}: the result is {result.dtype} and does not fit out= of {out.dtype}; give a tensor of that dtype")
    return out.copy_(result)


def unsupported(np_function: Callable[..., Any], name: str) -> TypeError:
    """The error for a NumPy function that no operation answers: it must never silently detach."""
    advice = REFUSED.get(np_function)
    if advice is not None:
        return TypeError(f"{name}: not answered for tensors, and never silently detached: {advice}")
    if name.startswith("scipy.") and name.count(".") == 2:
        return TypeError(f"{name}: not differentiable here, and never silently detached: {of_scipy(name)}")
    return TypeError(
        f"{name}: not differentiable here, and never silently detached: no operation is registered for it; "
        f"use the tensor's own methods, or call it on x.detach().numpy() if no gradient is wanted"
    )


class Inside(Boxed):
    """A value that a function transform follows without a tape: what tensors tell of theirs has an answer, or an error with the way out.

    The answers are given where no attribute is found, so that a subclass may give its own in their place.
    """

    __slots__ = ()

    @property
    def device(self) -> Any:
        """Always the CPU."""
        return CPU

    @property
    def requires_grad(self) -> bool:
        """False: the tape, if there is one, is that of what this box holds."""
        return False

    def __hash__(self) -> int:
        return id(self)

    def __getattr__(self, name: str) -> Any:
        answer = ANSWERS.get(name)
        if answer is not None:
            return answer(self)
        if name in ON_TAPE:
            return partial(self._no_tape, name)
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    def _no_tape(self, name: str, *args: Any, **kwargs: Any) -> Never:
        raise TransformError(
            f"{name}: a value inside a function transform (shape {self.shape}) is on no tape and has no gradient of its own; "
            f"{ON_TAPE[name]}"
        )

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *ANSWERS, *ON_TAPE})


#: What is True of a value on no tape, by the attribute of tensors that asks for it.
ANSWERS: dict[str, Callable[[Any], Any]] = {
    "is_leaf": lambda x: True,
    "retains_grad": lambda x: False,
    "grad": lambda x: None,
    "grad_fn": lambda x: None,
    "output_nr": lambda x: 0,
    "data": lambda x: x.detach(),
}
_BY_TRANSFORM = "func.grad and func.vjp give gradients inside transforms"
#: What needs a tape, and what to do instead.
ON_TAPE = {
    "requires_grad_": f"{_BY_TRANSFORM}, y.requires_grad_() belongs outside",
    "retain_grad": _BY_TRANSFORM,
    "register_hook": f"{_BY_TRANSFORM}; to change them, write an autograd.Function",
    "register_post_accumulate_grad_hook": _BY_TRANSFORM,
    "detach_": "use y = y.detach()",
}
