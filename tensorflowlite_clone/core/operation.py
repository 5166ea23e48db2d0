"""`Operation`, the base of every operation: named derivative rules, save plans, and the one entry `Operation.of`.

Here: what an operation *is* and how it is carried out. Not here: any particular operation (``ops/``), how it is recorded
(``recording.py``), the derived modes of each family (``families.py``), the fast path (``compile.py``).

An operation is a final class::

    class Tanh(Elementwise, numpy=np.tanh, public="tanh"):
        forward = np.tanh
        def grad_x(g, ans): return g * (1 - ans * ans)

``forward`` takes arrays by position and parameters by keyword. Each ``grad_<array>`` is the vector-Jacobian product for that
array, in plain NumPy; its parameter list is the list of what is saved: ``g`` (the cotangent), ``ans`` (the result), arrays and
parameters by name, ``<array>_shape``, ``<array>_dtype``. With several outputs, ``outputs = ("values", "indices")`` names them,
and the rules use ``g_values`` and ``values``. Any number of arrays may follow the named ones (``def forward(*xs, axis)``); they
share one rule, ``grad_xs``, and their name stands for the tuple of them all. It gives a list, the gradients of those whose numbers
among them are in the tuple ``index``, in time linear in their number.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np
from numpy import ndarray

from .._errors import OperandError
from .._state import QUIET, state
from .._typing import Array
from . import registry
from .boxed import Boxed
from .dtype_names import numpy_dtype
from .dtypes import inexact_type, result_type
from .explain import explain, plain_result, plain_results, refuse_complex
from .plain import plain_array, wrapped
from .plan import ANSWER, DTYPE, INPUT, PARAM, SHAPE, Rule, Source, take
from .publish import publish
from .recording import Recorded
from .short import BFLOAT16, in_bfloat16, in_float32, is_bfloat16, leaves_half
from .signature import code_of

#: Python's and NumPy's numbers.
RAW = (bool, int, float, complex, np.number, np.bool_)

#: What `Operation.promote` gives for bfloat16, and for float16 operands beside a number that is none of float16.
TOO_SHORT: tuple[Any, ...] = (None,)


def fused(kernel: Rule) -> Callable[[Rule], Rule]:
    """Give a rule a fast path: ``kernel`` (same parameters) runs on plain ndarrays, the rule's body everywhere else."""

    def mark(rule: Rule) -> Rule:
        rule.kernel = kernel  # type: ignore[attr-defined]
        return rule

    return mark


class OperationType(type):
    """The metaclass of operations: gives every class empty ``__slots__``, so that nodes stay small."""

    def __new__(mcs, name: str, bases: tuple[type, ...], body: dict[str, Any], **kwargs: Any) -> OperationType:
        body.setdefault("__slots__", ())
        return super().__new__(mcs, name, bases, body, **kwargs)


class Operation(Recorded, metaclass=OperationType):
    """An operation; an instance is a node of the tape."""

    # ---- what a class says of its operation -------------------------------------------------------------------------------
    forward: ClassVar[Callable[..., Any]]
    #: What the public function calls its first arrays.
    called: ClassVar[tuple[str, str]] = ("input", "other")
    #: A kernel that gives several gradients at once, where one pass over memory serves them all: on plain arrays, to first order. Its
    #: parameters are named as those of a rule, and ``index``, the numbers of the arrays whose gradients it returns, in a list.
    gradients: ClassVar[Rule | None] = None
    #: Names of several outputs; None where there is one.
    outputs: ClassVar[tuple[str, ...] | None] = None
    #: The family for several outputs, where this one is for operations with one.
    instead: ClassVar[str | None] = None
    #: Outputs that have no derivative (indices, counts).
    constant_outputs: ClassVar[tuple[str, ...]] = ()
    #: How operands are brought to one dtype first: "same", "inexact" (same, and integers become floats) or None.
    promotion: ClassVar[str | None] = None
    #: The arrays that promotion concerns; None for all.
    promoted: ClassVar[tuple[str, ...] | None] = None
    #: Whether Python's integers that an integer dtype does not hold count modulo its range, as in PyTorch; else NumPy knows what they mean.
    wraps: ClassVar[bool] = True
    #: Whether a Python number may stand for an array.
    numbers_allowed: ClassVar[bool] = False
    #: The arrays that may be None.
    optional: ClassVar[tuple[str, ...]] = ()
    #: Whether operands broadcast, so that gradients must be summed back to their shapes.
    broadcasts: ClassVar[bool] = False
    #: What the compiled call runs in the place of ``forward`` for two operands of different shapes, where that is faster.
    uneven: ClassVar[Callable[..., Any] | None] = None
    #: Whether complex operands are an error, because the operation orders numbers or is not defined for complex ones.
    real_only: ClassVar[bool] = False
    #: Arrays whose gradients are constant between kinks, or everywhere: with ``create_graph`` they are connected to these arrays all the
    #: same, with a derivative of 0, where PyTorch connects them.
    flat: ClassVar[tuple[str, ...]] = ()
    #: Whether the result shares the memory of the first array.
    is_view: ClassVar[bool] = False
    #: Whether bfloat16 stays bfloat16: nothing is computed. All others compute in float32 and round (``core/short.py``); views need not.
    any_dtype: ClassVar[bool] = False
    #: Whether a number beside bfloat16 is not rounded first.
    exact_numbers: ClassVar[bool] = False

    # ---- what is derived when the class is made ---------------------------------------------------------------------------
    names: ClassVar[tuple[str, ...]] = ()
    #: The name of the arrays that follow the named ones, if there may be any.
    rest: ClassVar[str | None] = None
    params: ClassVar[tuple[str, ...]] = ()
    defaults: ClassVar[dict[str, Any]] = {}
    rules: ClassVar[dict[str, Rule]] = {}
    #: What `rule_for` gave, by array.
    lines: ClassVar[dict[int, tuple[Rule, tuple[int, ...], tuple[Source, ...]]]]
    public_names: ClassVar[tuple[str, ...]] = ()
    name: ClassVar[str] = ""

    def __init_subclass__(
        cls,
        *,
        public: str | tuple[str, ...] = (),
        title: str | None = None,
        **facts: Any,
    ) -> None:
        if "forward" not in vars(cls):
            super().__init_subclass__(**facts)
            return
        if any("forward" in vars(base) for base in cls.__mro__[1:-1]):
            raise TypeError(f"{cls.__name__}: operations are final; derive from a family (Elementwise, Linear...), not from an operation")
        _describe(cls, vars(cls)["forward"])
        cls.public_names = names = (public,) if isinstance(public, str) else public
        cls.name = title or (names[0] if names else _snake_case(cls.__name__))
        known = publish.__kwdefaults__ or {}
        for fact in facts.keys() - known.keys():
            raise TypeError(
                f"{cls.__name__}: unknown fact {fact!r}; a class can say {', '.join(['public', 'title', *known])}; out= comes by itself"
            )
        if facts.get("inplace") and cls.outputs is not None:
            raise TypeError(f"{cls.__name__}: inplace=True: several results cannot take the place of one tensor; leave it out")
        registry.OPS[cls.__name__] = cls
        publish(cls, names, **facts)

    # ---- the entry --------------------------------------------------------------------------------------------------------
    @classmethod
    def of(cls, *args: Array, **params: Any) -> Any:
        """Carry out the operation: plain arrays in, plain arrays out; boxes in, the highest box handles it."""
        top, unusual = None, False
        for a in args:
            if isinstance(a, Boxed):
                if top is None or a.level > top.level or (a.level == top.level and a.rank > top.rank):
                    top = a
            elif type(a) is not ndarray and not isinstance(a, RAW):
                unusual = True
        if unusual:
            args = tuple(_operand(cls, i, a) for i, a in enumerate(args))
        if len(params) != len(cls.params):
            params = {**cls.defaults, **params}
        if top is None:
            return cls.compute(args, params)
        if cls.promotion is not None:
            given, args = args, cls.promote(args)
            if args is TOO_SHORT:
                return in_float32(cls.of, *(given if cls.exact_numbers or not is_bfloat16(*given) else in_bfloat16(*given)), **params)
        elif not (cls.is_view or cls.any_dtype) and is_bfloat16(*args):
            return in_float32(cls.of, *args, **params)
        return top.process(cls, args, params)

    @classmethod
    def call(cls, *args: Any, **kwargs: Any) -> Any:
        """The entry for NumPy: arrays and parameters by position or name, in the order of ``forward``."""
        if cls.rest is not None:
            return cls.of(*args, **kwargs)
        k = len(cls.names)
        if len(args) > k:
            kwargs.update(zip(cls.params, args[k:], strict=False))
            args = args[:k]
        return cls.of(*args, **registry.drop_neutral(cls.call, kwargs) if kwargs else kwargs)

    @classmethod
    def compute(cls, args: tuple[Array, ...], params: dict[str, Any]) -> Any:
        """Run ``forward`` on plain arrays, where infinities and NaN are results, not warnings; if it fails, say why."""
        if cls.real_only:
            refuse_complex(cls, args)
        observers = state.observers
        for observer in observers:
            observer.computing(cls, args, params)
        try:
            ans = QUIET.copy().run(cls.forward, *args, **params)
        except (ValueError, TypeError, IndexError, RuntimeError, OverflowError) as error:
            raise explain(cls, args, params, error) from error
        if type(ans) is not ndarray:
            ans = plain_result(cls, ans, params) if cls.outputs is None else plain_results(cls, ans, params)
        for observer in observers:
            observer.computed(cls, args, params, ans)
        return ans

    @classmethod
    def promote(cls, args: tuple[Array, ...]) -> tuple[Array, ...]:
        """Cast the operands to the dtype PyTorch would compute in; `TOO_SHORT` where that is float32, and the result a short float."""
        if cls.promoted is None:  # most often they have it already
            dtype = None
            for a in args:
                own = getattr(a, "dtype", None)
                if own is None:
                    if type(a) is complex:
                        break
                elif dtype is None:
                    dtype = own
                elif own is not dtype and own != dtype:
                    break
            else:
                if dtype is not None and dtype.kind in "fc":
                    return TOO_SHORT if dtype.itemsize == 2 and cls._needs_float32(args) else args
        concerned = args if cls.promoted is None else tuple(a for a, n in zip(args, cls.names, strict=True) if n in cls.promoted)
        dtypes = {numpy_dtype(a.dtype) for a in concerned if hasattr(a, "dtype")}
        if len(dtypes) == 1:
            dtype = next(iter(dtypes))
            if dtype.kind == "c" or (dtype.kind == "f" and not any(type(a) is complex for a in concerned)):
                return TOO_SHORT if dtype.itemsize == 2 and cls._needs_float32(args) else args
        try:
            dtype = result_type(*concerned)
        except KeyError:
            raise OperandError(f"{cls.title()}: operands must be numbers; got dtypes {sorted(map(str, dtypes))}") from None
        if cls.promotion == "inexact":
            dtype = inexact_type(dtype)
        if dtype.itemsize == 2 and dtype.kind in "fV" and cls._needs_float32(args):
            return TOO_SHORT
        wraps = cls.wraps and dtype.kind in "iu"
        return tuple(_to_dtype(a, dtype, wraps) if cls.promoted is None or cls.names[i] in cls.promoted else a for i, a in enumerate(args))

    @classmethod
    def _needs_float32(cls, args: tuple[Array, ...]) -> bool:
        return is_bfloat16(*args) or (cls.numbers_allowed and cls.promoted is None and leaves_half(*args))

    # ---- names and rules --------------------------------------------------------------------------------------------------
    differentiable_mask: ClassVar[int] = 0
    flat_mask: ClassVar[int] = 0

    @classmethod
    def title(cls) -> str:
        """The name that messages use: that of the public function."""
        return cls.name

    @classmethod
    def diagnose(cls, args: tuple[Array, ...], params: dict[str, Any]) -> Exception | None:
        """The operation's own explanation of a failed call, if it has a better one than the general one."""
        return None

    @classmethod
    def rule_for(cls, i: int) -> tuple[Rule, tuple[int, ...], tuple[Source, ...]]:
        """The rule for array ``i``, which cotangents it takes, and where its other values come from."""
        fixed = len(cls.names)
        rule = cls.rules[cls.names[i] if i < fixed else str(cls.rest)]
        return rule, *cls.sources_of(rule, i >= fixed)

    @classmethod
    def sources_of(cls, rule: Rule, several: bool) -> tuple[tuple[int, ...], tuple[Source, ...]]:
        """Which cotangents a rule takes, and where its other values come from; of one for ``several`` arrays `Plan` says the index."""
        cotangents, sources = [], []
        for name in _parameters(rule):
            if name == "index" and several:
                continue
            kind, key = cls.source(name)
            if kind == "cotangent":
                cotangents.append(key)
            else:
                sources.append((kind, key))
        return tuple(cotangents), tuple(sources)

    @classmethod
    def source(cls, name: str) -> Source:
        """Where the value that a rule calls ``name`` comes from."""
        outputs = cls.outputs
        if outputs is None and name in ("g", "ans"):
            return ("cotangent", 0) if name == "g" else (ANSWER, 0)
        if outputs is not None and name in outputs:
            return ANSWER, outputs.index(name)
        if outputs is not None and name.startswith("g_") and name[2:] in outputs:
            return "cotangent", outputs.index(name[2:])
        base, _, suffix = name.rpartition("_")
        if name in cls.names:
            return INPUT, cls.names.index(name)
        if cls.rest is not None and cls.rest in (name, base):
            return (INPUT if name == cls.rest else SHAPE), slice(len(cls.names), None)
        if suffix == "shape" and base in cls.names:
            return SHAPE, cls.names.index(base)
        if suffix == "dtype" and base in cls.names:
            return DTYPE, cls.names.index(base)
        if name in cls.params:
            return PARAM, name
        raise KeyError(name)

    @classmethod
    def run_rule(cls, i: int, gs: tuple[Array, ...], primals: list[Array], ans: Any, params: dict[str, Any]) -> Array:
        """Evaluate the rule of array ``i`` outside the tape (forward mode of diagonal Jacobians)."""
        line = cls.lines.get(i)
        if line is None:
            line = cls.lines[i] = cls.rule_for(i)
        rule, cotangents, sources = line
        return rule(*[gs[k] for k in cotangents], *[take(s, ans, primals, primals, params) for s in sources])

    # ---- derived modes, which the families have -----------------------------------------------------------------------------
    @classmethod
    def jvp(cls, primals: list[Array], tangents: list[Array | None], params: dict[str, Any]) -> tuple[Any, Any]:
        """Result and tangent."""
        raise NotImplementedError(f"{cls.__name__}: derive from a family, such as Elementwise or General")

    @classmethod
    def batch(cls, size: int, values: list[Array], mapped: list[bool], params: dict[str, Any]) -> Any:
        """The operation with a hidden leading axis: ``values[i]`` has it, of length ``size``, in front where ``mapped[i]``."""
        raise NotImplementedError(f"{cls.__name__}: derive from a family, such as Elementwise or General")


def _to_dtype(a: Array, dtype: np.dtype[Any], wraps: bool) -> Array:
    if isinstance(a, Boxed | ndarray):
        return a if numpy_dtype(a.dtype) == dtype else a.astype(dtype)
    if a is None:
        return a
    value = a.item() if isinstance(a, np.generic) else a
    if dtype.kind in "fc" and type(value) in (int, bool):
        return float(value)
    return wrapped(value, dtype) if wraps else value


def _operand(cls: type[Operation], i: int, a: Any) -> Any:
    """Operand ``i`` of a call, a subclass of ndarray as a plain array; raises for what none can be."""
    name = cls.names[i] if i < len(cls.names) else str(cls.rest)
    if isinstance(a, ndarray):
        return plain_array(a, cls.title())
    if isinstance(a, np.generic) and a.dtype.char == BFLOAT16:
        return np.asarray(a)
    if isinstance(a, (Boxed, *RAW)) or (a is None and name in cls.optional):
        return a
    raise OperandError(
        f"{cls.title()}: operands must be tensors, arrays or numbers: {name} is {type(a).__name__} {a!r:.60}; "
        f"convert it with tl.tensor(...)"
    )


def _snake_case(name: str) -> str:
    if name.isupper():
        return name.lower()
    return "".join(f"_{c.lower()}" if c.isupper() and i and not name[i - 1].isupper() else c.lower() for i, c in enumerate(name))


def _parameters(f: Callable[..., Any]) -> tuple[str, ...]:
    code = f.__code__
    names: tuple[str, ...] = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
    return names


def _describe(cls: type[Operation], forward: Any) -> None:
    """Read the names of arrays and parameters off ``forward`` and check the rules against them."""
    if isinstance(forward, np.ufunc):
        cls.names = ("x", "y", "z")[: forward.nin]
    else:
        forward = forward.__func__ if isinstance(forward, staticmethod) else forward
        code = code_of(forward)
        n, k = code.co_argcount, code.co_kwonlyargcount
        cls.names = code.co_varnames[:n]
        cls.params = code.co_varnames[n : n + k]
        cls.defaults = dict(forward.__kwdefaults__ or {})
        if code.co_flags & 0x04:  # *xs
            cls.rest = code.co_varnames[n + k]
    cls.forward = staticmethod(forward)
    cls.rules = {k[5:]: v for k, v in vars(cls).items() if k.startswith("grad_")}
    cls.plans, cls.lines = {}, {}
    if cls.outputs is not None or cls.constant_outputs:
        _check_outputs(cls)
    for array, rule in cls.rules.items():
        if array not in cls.names and array != cls.rest:
            raise TypeError(f"{cls.__name__}.grad_{array}: no such array; forward takes {', '.join(cls.names)}")
        _check_parameters(cls, f"grad_{array}", rule, array == cls.rest)
    if cls.gradients is not None:
        _check_parameters(cls, "gradients", cls.gradients, True)
    cls.differentiable_mask = sum(1 << i for i, n in enumerate(cls.names) if n in cls.rules)
    if cls.rest in cls.rules:
        cls.differentiable_mask |= -1 << len(cls.names)
    if not {*cls.flat} <= cls.rules.keys():
        raise TypeError(f"{cls.__name__}: flat = {cls.flat!r} must be a tuple of arrays with a rule: {', '.join(cls.rules)}")
    cls.flat_mask = sum(1 << cls.names.index(n) for n in cls.flat)


def _check_parameters(cls: type[Operation], title: str, rule: Rule, several: bool) -> None:
    """Refuse a rule, or a kernel for several, that asks for what there is not; ``several``: it is told an ``index``."""
    where, seen_value = f"{cls.__name__}.{title}", False
    for name in _parameters(rule):
        if name == "index" and several:
            continue
        try:
            kind, _ = cls.source(name)
        except KeyError:
            if name in ("g", "ans"):
                raise TypeError(
                    f"{where}: {name!r} belongs to operations with one result; here every output has its own: "
                    f"{', '.join(('g_' if name == 'g' else '') + o for o in cls.outputs or ())}"
                ) from None
            known = ["g", "ans"] if cls.outputs is None else [p + o for o in cls.outputs for p in ("g_", "")]
            known += [n for a in cls.names for n in (a, f"{a}_shape")] + list(cls.params)
            raise TypeError(f"{where}: unknown name {name!r}; a rule can use {', '.join(known)}") from None
        if kind == "cotangent" and name[2:] in cls.constant_outputs:
            raise TypeError(f"{where}: {name!r} is always 0: {name[2:]!r} is one of constant_outputs; leave it out")
        if kind == "cotangent" and seen_value:
            raise TypeError(f"{where}: cotangents (g...) come first in a rule's parameters")
        seen_value = seen_value or kind != "cotangent"


def _check_outputs(cls: type[Operation]) -> None:
    """Refuse names of outputs that cannot be right, and families that have one result."""
    outputs, constant = cls.outputs, cls.constant_outputs
    where = f"{cls.__name__}: outputs = {outputs!r}"
    if cls.instead is not None and outputs is not None:
        family = next(base.__name__ for base in cls.__mro__ if "instead" in vars(base))
        raise TypeError(f"{where}: the operations of {family} have one result; derive from {cls.instead}")
    if outputs == ():
        raise TypeError(f'{cls.__name__}: several results need names: write outputs = ("sin", "cos") in the class, in the order of forward')
    if not isinstance(outputs, tuple) or len(outputs) < 2 or len({*outputs}) < len(outputs):
        raise TypeError(f'{where}: must be the names of two results or more, ("values", "indices"); leave it out where there is one')
    taken = {*outputs} & {"g", "ans", cls.rest, *cls.names, *cls.params}
    if taken:
        raise TypeError(f"{where}: {', '.join(sorted(taken))} already means something else in the rules; rename the output")
    if not isinstance(constant, tuple) or not {*constant} <= {*outputs}:
        raise TypeError(f"{where}: constant_outputs = {constant!r} must be a tuple of some of them")
    if isinstance(cls.forward, np.ufunc) and cls.forward.nout != len(outputs):
        raise TypeError(f"{where}: np.{cls.forward.__name__} has {cls.forward.nout}")
