"""`trace`: run a function once and write down the operations that its arguments go through.

Here: the box that writes (`Traced`), what is written (`Step`), in which module it happened, and doing it again. Not here: what else is made
of it: models of ONNX (``onnx/``), graphs for TensorBoard (``utils/tensorboard/graph.py``).

It is a transform like the others: a value inside holds the array, every operation is carried out as usual, and its result is again such a
value. So changes in place, views and nested calls mean what they mean everywhere, and what does not depend on the arguments is a constant.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy import ndarray

from .._errors import OperandError
from .._typing import Array, OperationLike
from ..core.boxed import Boxed, Inside
from ..core.dtype_names import DTYPES, dtype
from ..core.levels import constant_value, untaped
from ..core.plain import plain_array
from ..core.size import SIZES, Size
from ..core.tensor import Tensor
from ..core.views import lineage_of, look
from .arguments import Kind, begin, raised_height
from .faces import FACES, Faced
from .tree import flatten, unflatten


class Step(NamedTuple):
    """An operation that was carried out."""

    op: Any
    #: Its operands: numbers of values, or constants (arrays and numbers, None).
    args: tuple[Any, ...]
    params: dict[str, Any]
    #: The numbers of its results.
    results: tuple[int, ...]
    #: The names of the modules around it, from the outermost on.
    path: tuple[str, ...]


class Symbol(int):
    """The number of a value, among the operands of a step."""


class Trace:
    """All that was written down: ``arrays[i]`` is the value of number i, of which the first are the arguments."""

    def __init__(self, level: int) -> None:
        self.level = level
        self.arrays: list[Any] = []
        self.steps: list[Step] = []
        self.path: list[str] = []
        self.inputs: list[Symbol] = []
        #: The results, in the order of `flatten`: numbers of values, or constants.
        self.outputs: list[Any] = []
        #: What was asked of values (``bool``, ``item``...): the answer is fixed in what was written down.
        self.asked: list[str] = []

    def box(self, array: Any, kind: Any = None) -> Traced:
        """A new value."""
        self.arrays.append(array)
        out: Traced = (kind or Traced)(array, Symbol(len(self.arrays) - 1), self)
        return out

    def symbol_of(self, x: Any) -> Any:
        """The number of a value, or a constant."""
        if isinstance(x, Traced) and x.level == self.level:
            return x.symbol
        return untaped(x)


class Traced(Inside):
    """An array of which is written down where it goes."""

    __slots__ = ("__weakref__", "story", "symbol", "value", "views")
    value: Any

    def __init__(self, value: Any, symbol: Symbol, story: Trace) -> None:
        self.value, self.symbol, self.story, self.level, self.views = value, symbol, story, story.level, None

    @property
    def shape(self) -> Size:  # type: ignore[override]
        """The shape of the array."""
        return SIZES[self.value.shape]

    @property
    def dtype(self) -> dtype:  # type: ignore[override]
        """The dtype of the array."""
        return DTYPES[self.value.dtype]

    def constant(self, array: Any) -> Traced:
        """``array`` as a value; it is written down as the result of no operation."""
        out = self.story.box(array, type(self))
        self.story.steps.append(Step(None, (array,), {}, (out.symbol,), tuple(self.story.path)))
        return out

    def twin(self) -> Traced:
        """Another box of the same value."""
        return type(self)(self.value, self.symbol, self.story)

    def become(self, result: Array, by: str = "", before: Any = None) -> None:
        """Take over the value."""
        if not (isinstance(result, Traced) and result.level == self.level):
            result = self.constant(constant_value(result))
        self.value, self.symbol = result.value, result.symbol

    def parts(self) -> tuple[Array, ...]:
        """The array."""
        return (self.value,)

    def process(self, op: OperationLike, args: tuple[Array, ...], params: dict[str, Any]) -> Any:
        """Carry out the operation, and write it down."""
        kind: Any = op
        if kind.follow is not None:
            return kind.follow(args)
        story = self.story
        values = [a.value if isinstance(a, Traced) and a.level == self.level else story.symbol_of(a) for a in args]
        ans = kind.of(*values, **params)
        several = isinstance(ans, tuple)
        outs = tuple(story.box(a, type(self)) for a in (ans if several else (ans,)))
        symbols = tuple(story.symbol_of(a) for a in args)
        story.steps.append(Step(op, symbols, params, tuple(o.symbol for o in outs), tuple(story.path)))
        if op.is_view and not several:
            look(self, outs[0], op, params)
        return outs if several else outs[0]

    def detach(self) -> Array:
        """The same value."""
        lineage_of(self).detached = True
        return self.twin()

    def _read(self, by: str) -> None:
        """It is fixed in what is written down."""
        self.story.asked.append(by)

    def _constant(self, asked: str) -> Any:
        self.story.asked.append(asked)
        return Tensor.wrap(self.value, 0)

    def __bool__(self) -> bool:
        return bool(self._constant("bool"))

    def __float__(self) -> float:
        return float(self._constant("float"))

    def __complex__(self) -> complex:
        return complex(self._constant("complex"))

    def __int__(self) -> int:
        return int(self._constant("int"))

    def __index__(self) -> int:
        return int(self._constant("index").__index__())

    def item(self) -> Any:
        """The value as a Python number, which is fixed in what is written down."""
        return self._constant("item").item()

    def tolist(self) -> Any:
        """The values as nested lists of numbers, which are fixed in what is written down."""
        return self._constant("tolist").tolist()

    def numpy(self, *, force: bool = False) -> Any:
        """The array, which is fixed in what is written down, if ``force`` says that this may be."""
        if not force:
            raise self.untraceable("numpy")
        return self._constant("numpy").numpy(force=True).copy()

    def __repr__(self) -> str:
        return f"Traced({int(self.symbol)}, {self.value!r})"


class ArrayTraced(Faced, Traced):
    """A traced value with the methods of ndarrays."""

    __slots__ = ()


FACES[Traced] = ArrayTraced


def trace(function: Callable[..., Any], args: Sequence[Any], kwargs: dict[str, Any] | None = None) -> Trace:
    """What ``function(*args, **kwargs)`` does, where the tensors and arrays in ``args`` (which may be nested) are followed.

    Raises `OperandError` for a result that is no tensor.

    >>> import numpy as np
    >>> [s.op.__name__ for s in trace(lambda x: (x * 2).tanh(), [np.ones(3)]).steps]
    ['Multiply', 'Tanh']
    """
    leaves, tree = flatten((tuple(args), dict(kwargs or {})))
    with raised_height(record=False) as level:
        found = Trace(level)
        boxes = []
        for leaf in leaves:
            if isinstance(leaf, Boxed | ndarray):
                box = found.box(plain_array(leaf.detach().numpy() if isinstance(leaf, Boxed) else leaf, "trace"))
                found.inputs.append(box.symbol)
                boxes.append(box)
            else:
                boxes.append(leaf)
        own, named = unflatten(tree, boxes)
        outs = function(*own, **named)
    for out in flatten(outs)[0]:
        if not isinstance(out, Boxed | ndarray):
            raise OperandError(
                f"trace: the results must be tensors: got {type(out).__name__} {out!r:.60}; return tensors, or tuples of them"
            )
        found.outputs.append(found.symbol_of(out))
    return found


def replay(function: Callable[..., Any], arrays: Sequence[Array]) -> Callable[..., Array] | None:
    """What ``function``, of ndarrays and with one result, did with ``arrays``, as a function of others of their shapes, without its boxes.

    None where it cannot be done again: because it asked for values (``if x > 0``), or left what can be followed.

    >>> again = replay(lambda x: x * np.sin(x), [np.array(0.0)]); float(again(np.array(2.0)).round(6))
    1.818595
    """
    with raised_height(record=False, kind=Kind(arrays)) as level:
        story = Trace(level)
        try:
            out = function(*begin([story.box(a) for a in arrays], True))
        except Exception:  # whatever a user's function does not do with values that are followed
            return None
    target = story.symbol_of(out)
    if story.asked or not isinstance(target, Symbol | ndarray):
        return None
    if not isinstance(target, Symbol):
        return lambda *arrays: target
    needed, lines = {target}, []
    known = list(story.arrays)
    for s in reversed(story.steps):
        if s.op is not None and needed.intersection(s.results):
            needed.update(a for a in s.args if isinstance(a, Symbol))
            lines.append((getattr(s.op, "forward", s.op.of), s.args, s.params, s.results))

    def again(*arrays: Array) -> Array:
        values = known.copy()
        values[: len(arrays)] = arrays
        with np.errstate(all="ignore"):
            for forward, args, params, results in reversed(lines):
                out = forward(*[values[a] if type(a) is Symbol else a for a in args], **params)
                for r, o in zip(results, out if type(out) is tuple else (out,), strict=True):
                    values[r] = o if type(o) is ndarray else np.asarray(o)
        found: Array = values[target]
        return found

    return again
