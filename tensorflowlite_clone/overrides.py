"""``__torch_function__``: classes that answer PyTorch's functions themselves, and `Subclass`, which subclasses of `Tensor` derive from.

A class that derives from `Tensor` outside of the package gets `Subclass` in between (``core/tensor.py`` asks for it): its methods and
operators ask ``__torch_function__``, whose default gives results the class of the operands. Functions ask it under ``as_torch``, where
what ``torch`` shows of them is wrapped (`asking`); the package's own functions and layers do not ask, so that nothing else pays for it.

The protocol: https://docs.pytorch.org/docs/stable/notes/extending.html, "Extending torch Python API". Not here: NumPy's protocols, which
tensors answer (``core/boxed.py``).
"""

from __future__ import annotations

import contextlib
import functools
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from types import FunctionType
from typing import Any, Self

from ._errors import OperandError
from ._lazy import LateAttribute, everything, load
from ._lazy import public as _public
from ._state import freed_by_fork
from .core.boxed import Boxed
from .core.methods import Methods
from .core.registry import FUNCTIONS, METHODS, NN_FUNCTIONS
from .core.tensor import Taped, Tensor

PACKAGE = __name__.partition(".")[0]

__all__ = [
    "Subclass", "TorchFunctionMode", "asking", "get_ignored_functions", "get_overridable_functions", "get_testing_overrides",
    "handle_torch_function", "has_torch_function", "has_torch_function_unary", "has_torch_function_variadic", "is_tensor_like",
    "is_tensor_method_or_property", "resolve_name", "wrap_torch_function",
]  # fmt: skip
__dir__ = _public(globals())

#: Methods that say what a tensor is, or take it out of the package: they ask nobody, and their results are no tensors of the class.
PLAIN = frozenset(
    """__array__ __array_function__ __array_ufunc__ __class__ __copy__ __deepcopy__ __delattr__ __dir__ __doc__ __format__
    __getattribute__ __getstate__ __hash__ __init__ __init_subclass__ __new__ __reduce__ __reduce_ex__ __repr__ __setattr__
    __setstate__ __sizeof__ __str__ __subclasshook__ __iter__ __len__ __bool__ __index__ __int__ __float__ __complex__ as_subclass
    register_hook become changed constant elementwise followed memory_cell parts process shared_cell show twin untraceable wrap
    requires_grad_ backward tolist item numpy numel dim size stride is_contiguous data_ptr storage_offset element_size nelement
    ndimension untyped_storage storage get_device is_complex is_floating_point is_signed is_same_size is_shared is_pinned
    is_inference is_conj is_neg retain_grad is_set_to""".split()  # noqa: SIM905
)
#: Functions that ask nobody, whatever their arguments are.
SILENT = frozenset([
    "as_tensor", "asarray", "broadcast_shapes", "compile", "from_numpy", "frombuffer", "is_storage", "is_tensor", "load",
    "save", "tensor", "typename", "vmap",
])  # fmt: skip
#: Attributes that are tensors.
VALUED = ("T", "mT", "H", "mH", "real", "imag", "data")
#: Operators that ``__torch_function__`` is told of by the name of the method; those not here by their own.
OPERATORS = {
    "add": "add", "sub": "sub", "mul": "mul", "truediv": "div", "mod": "remainder", "pow": "pow", "matmul": "matmul", "neg": "neg",
    "pos": "positive", "abs": "abs", "gt": "gt", "ge": "ge", "lt": "lt", "le": "le", "ne": "ne",
}  # fmt: skip
#: In-place operators, in the same way.
INPLACE = {"add": "add_", "sub": "sub_", "mul": "mul_", "truediv": "div_", "floordiv": "floor_divide_", "pow": "pow_", "mod": "remainder_"}
#: Reflected operators that are told by the same name, whatever stands before them.
COMMUTING = {"add", "mul"}


#: Functions that ask nobody: they make tensors,
MAKERS = frozenset(
    """arange as_tensor asarray empty empty_permuted empty_strided eye from_file from_numpy frombuffer full hamming_window hann_window
    bartlett_window blackman_window kaiser_window linspace logspace ones rand randint randn randperm range scalar_tensor
    sparse_coo_tensor tensor tril_indices triu_indices zeros""".split()  # noqa: SIM905
)
#: or ask and set things: those are not shown to modes either.
SETTINGS = frozenset(
    """are_deterministic_algorithms_enabled can_cast compile finfo get_default_device get_default_dtype get_deterministic_debug_mode
    get_float32_matmul_precision get_num_interop_threads get_num_threads get_rng_state iinfo initial_seed is_anomaly_check_nan_enabled
    is_anomaly_enabled is_deterministic_algorithms_warn_only_enabled is_grad_enabled is_inference_mode_enabled is_storage is_tensor
    is_warn_always_enabled load manual_seed promote_types save seed set_default_device set_default_dtype set_default_tensor_type
    set_deterministic_debug_mode set_float32_matmul_precision set_flush_denormal set_num_interop_threads set_num_threads
    set_printoptions set_rng_state set_warn_always typename use_deterministic_algorithms vmap""".split()  # noqa: SIM905
)
IGNORED = MAKERS | SETTINGS


class _State(threading.local):
    disabled = False
    modes: tuple[Any, ...] = ()


_state = _State()


@contextlib.contextmanager
def DisableTorchFunctionSubclass() -> Iterator[None]:  # noqa: N802  (PyTorch's name)
    """``with DisableTorchFunctionSubclass():`` no ``__torch_function__`` is asked."""
    before, _state.disabled = _state.disabled, True
    try:
        yield
    finally:
        _state.disabled = before


DisableTorchFunction = DisableTorchFunctionSubclass


def _disabled_torch_function_impl(*args: Any, **kwargs: Any) -> Any:
    return NotImplemented


# ---- who is asked -----------------------------------------------------------------------------------------------------------------
#: Types that are known to have no ``__torch_function__`` of their own.
_silent: set[type] = {Tensor, int, float, bool, complex, str, bytes, type(None)}


def _asks(kind: type) -> bool:
    if kind in _silent:
        return False
    own = getattr(kind, "__torch_function__", None)
    if own is None or own is _disabled_torch_function_impl or (issubclass(kind, Boxed) and not issubclass(kind, Subclass)):
        if kind is not list and kind is not tuple:
            _silent.add(kind)
        return False
    return True


def _overloaded(relevant: Iterable[Any]) -> list[Any]:
    """The arguments to ask, one of each type, subclasses before their bases and otherwise from left to right."""
    found: list[Any] = []
    for arg in relevant:
        if not _asks(type(arg)) or any(type(arg) is type(f) for f in found):
            continue
        place = next((i for i, f in enumerate(found) if issubclass(type(arg), type(f))), len(found))
        found.insert(place, arg)
    return found


_get_overloaded_args = _overloaded


def _relevant(args: Any, kwargs: dict[str, Any]) -> Iterator[Any]:
    for arg in (*args, *kwargs.values()):
        if isinstance(arg, list | tuple):
            yield from arg
        else:
            yield arg


def has_torch_function(relevant_args: Iterable[Any]) -> bool:
    """Whether one of the arguments has a ``__torch_function__`` to ask.

    >>> import tensorflowlite_clone as tl
    >>> class Asked:
    ...     def __torch_function__(self, func, types, args=(), kwargs=None): ...
    >>> has_torch_function((1, tl.ones(2))), has_torch_function((Asked(),))
    (False, True)
    """
    return not _state.disabled and any(_asks(type(a)) for a in relevant_args)


def has_torch_function_unary(arg: Any) -> bool:
    """As ``has_torch_function((arg,))``."""
    return not _state.disabled and _asks(type(arg))


def has_torch_function_variadic(*args: Any) -> bool:
    """As ``has_torch_function(args)``."""
    return has_torch_function(args)


def handle_torch_function(public_api: Callable[..., Any], relevant_args: Iterable[Any], *args: Any, **kwargs: Any) -> Any:
    """What the first ``__torch_function__`` that knows it says of ``public_api(*args, **kwargs)``.

    Raises `OperandError` where none does.
    """
    asked = _overloaded(relevant_args)
    types = tuple(map(type, asked))
    for arg in asked:
        answer = arg.__torch_function__(public_api, types, args, kwargs)
        if answer is not NotImplemented:
            return answer
    named = getattr(public_api, "__name__", repr(public_api))
    raise OperandError(f"{named}: no implementation found on types that implement __torch_function__: {list(types)}")


def asking(function: Callable[..., Any], name: str = "", module: str = "torch") -> Callable[..., Any]:
    """``function`` as ``torch`` shows it: before it is called, its arguments are asked for a ``__torch_function__``."""
    if name in SILENT:
        return function

    @functools.wraps(function)
    def public(*args: Any, **kwargs: Any) -> Any:
        if (
            not (_silent.issuperset(map(type, args)) and (not kwargs or _silent.issuperset(map(type, kwargs.values()))))
            and not _state.disabled
            and any(_asks(type(a)) for a in _relevant(args, kwargs))
        ):
            return handle_torch_function(public, tuple(_relevant(args, kwargs)), *args, **kwargs)
        return function(*args, **kwargs)

    if name:
        public.__module__, public.__name__, public.__qualname__ = module, name, name
    return public


def wrap_torch_function(dispatcher: Callable[..., Iterable[Any]]) -> Callable[[Any], Any]:
    """A decorator for functions of one's own: ``dispatcher(*args, **kwargs)`` gives the arguments to ask."""

    def inner(func: Any) -> Any:
        @functools.wraps(func)
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            relevant = tuple(dispatcher(*args, **kwargs))
            if has_torch_function(relevant):
                return handle_torch_function(wrapped, relevant, *args, **kwargs)
            return func(*args, **kwargs)

        return wrapped

    return inner


# ---- subclasses of Tensor ---------------------------------------------------------------------------------------------------------
def _converted(result: Any, cls: type) -> Any:
    if isinstance(result, Taped):
        return result if isinstance(result, cls) else result.as_subclass(cls)
    if isinstance(result, tuple | list):
        parts = [_converted(r, cls) for r in result]
        return type(result)(*parts) if hasattr(result, "_fields") else type(result)(parts)
    return result


class Subclass(Tensor):
    """What stands between `Tensor` and a class of a user that derives from it; users derive from `Tensor`.

    ``__new__`` makes the tensor, so that ``__init__`` is the class's own. Results of methods, operators and, under ``as_torch``,
    functions are of the class, which ``__torch_function__`` decides.
    """

    def __new__(cls, *data: Any, requires_grad: bool = False, device: Any = None, **others: Any) -> Any:
        """The tensor that ``Tensor(*data)`` is."""
        made = object.__new__(cls)
        Tensor.__init__(made, *(data if data or cls.__init__ is Subclass.__init__ else ()), requires_grad=requires_grad, device=device)
        return made

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Nothing: it is made."""

    @property
    def _printed(self) -> str:
        return f"{type(self).__name__}("

    @classmethod
    def __torch_function__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Call ``func`` and make tensors in its result instances of ``cls``; NotImplemented beside a class that is none of its bases."""
        if not all(issubclass(cls, t) for t in types):
            return NotImplemented
        with DisableTorchFunctionSubclass():
            result = func(*args, **(kwargs or {}))
        return result if func in _NOT_CONVERTED else _converted(result, cls)

    @staticmethod
    def _make_subclass(cls: type, data: Any, require_grad: bool = False, **options: Any) -> Any:
        return data.detach().as_subclass(cls).requires_grad_(require_grad)

    @staticmethod
    def _make_wrapper_subclass(cls: type, size: Any, *args: Any, **kwargs: Any) -> Any:
        raise OperandError("_make_wrapper_subclass: a tensor without memory, for PyTorch's dispatcher: there is none; use as_subclass")

    def __reduce_ex__(self, protocol: Any) -> Any:
        return _restored, (type(self), super().__reduce_ex__(protocol)[:2], vars(self))


_NOT_CONVERTED: set[Any] = set()


def _restored(cls: type, parts: Any, attributes: dict[str, Any]) -> Any:
    make, args = parts
    made = make(*args).as_subclass(cls)
    vars(made).update(attributes)
    return made


def _told(name: str, args: tuple[Any, ...]) -> tuple[str, tuple[Any, ...]]:
    """The name of the method that stands for an operator, and its arguments: ``x + 1`` is ``x.add(1)``."""
    short = name.strip("_")
    if short in OPERATORS:
        return OPERATORS[short], args
    if short[:1] == "i" and short[1:] in INPLACE:
        return INPLACE[short[1:]], args
    if short[:1] == "r" and short[1:] in OPERATORS and (short[1:] in COMMUTING or isinstance(args[-1], Boxed)):
        return OPERATORS[short[1:]], args if short[1:] in COMMUTING else args[::-1]
    return name, args


def _method(name: str) -> Callable[..., Any]:
    operator = name.startswith("__")

    def method(self: Any, *args: Any, **kwargs: Any) -> Any:
        own = getattr(Tensor, name)
        if _state.disabled or type(self).__torch_function__ is _disabled_torch_function_impl:
            return own(self, *args, **kwargs)
        whole = (self, *args)
        if operator:
            named, whole = _told(name, whole)
            own = getattr(Tensor, named)
        return handle_torch_function(own, tuple(_relevant(whole, kwargs)), *whole, **kwargs)

    method.__name__ = method.__qualname__ = name
    return method


def _attribute(name: str) -> property:
    def look(self: Any) -> Any:
        descriptor: Any = next(vars(kind)[name] for kind in Tensor.__mro__ if name in vars(kind))
        if _state.disabled:
            return descriptor.__get__(self, type(self))
        return handle_torch_function(descriptor.__get__, (self,), self)

    def write(self: Any, value: Any) -> None:
        descriptor: Any = next(vars(kind)[name] for kind in Tensor.__mro__ if name in vars(kind))
        descriptor.__set__(self, value)

    return property(look, write)


def _install() -> None:
    """Give `Subclass` methods and attributes that ask."""
    for name in {*METHODS, *(n for n in vars(Methods) if not n.startswith("_")), "detach", "detach_"} - PLAIN:
        if isinstance(next((vars(k)[name] for k in Tensor.__mro__ if name in vars(k)), None), property | LateAttribute):
            continue
        setattr(Subclass, name, _method(name))
    for name in VALUED:
        setattr(Subclass, name, _attribute(name))
    Tensor.__torch_function__ = classmethod(Subclass.__torch_function__.__func__)  # type: ignore[attr-defined]
    Tensor._make_subclass = Subclass._make_subclass  # type: ignore[attr-defined]


_install()


# ---- modes ------------------------------------------------------------------------------------------------------------------------
#: The modules whose functions are shown to modes, below the package and below ``torch``.
SHOWN = ("", "nn.functional", "linalg", "fft", "special")
#: While there is a mode: where wrapped functions and methods stand, their names, and what stood there.
_replaced: list[tuple[Any, str, Any]] = []
_entered = 0
_lock = freed_by_fork(threading.Lock())


def _shown(function: Callable[..., Any], operator: str = "") -> Callable[..., Any]:
    """``function``, which the thread's innermost mode is shown first; that is off meanwhile, so it may call what it likes."""

    @functools.wraps(function)
    def shown(*args: Any, **kwargs: Any) -> Any:
        modes = _state.modes
        if not modes:
            return function(*args, **kwargs)
        func: Any = shown
        if operator:
            name, args = _told(operator, args)
            func = getattr(Tensor, name)
        types = tuple(dict.fromkeys(type(a) for a in _relevant(args, kwargs) if _asks(type(a))))
        _state.modes = modes[:-1]
        try:
            answer = modes[-1].__torch_function__(func, types, args, kwargs)
        finally:
            _state.modes = modes
        if answer is NotImplemented:
            raise OperandError(f"{func.__name__}: {type(modes[-1]).__name__}.__torch_function__ gave NotImplemented; call func there")
        return answer

    return shown


def _show() -> None:
    """Put wrapped functions and methods in place, for the first mode."""
    everything()
    for space in SHOWN:
        load(space or "nn.functional")
        for module in filter(None, (sys.modules.get(f"{root}.{space}".strip(".")) for root in (PACKAGE, "torch"))):
            for name, value in [*vars(module).items()]:
                if isinstance(value, FunctionType) and name[0] != "_" and name not in SETTINGS and PACKAGE in (value.__module__ or PACKAGE):
                    _replaced.append((module, name, value))
                    setattr(module, name, _shown(value))
    for name, value in METHODS.items():
        if name not in PLAIN and isinstance(value, FunctionType):
            _replaced.append((Tensor, name, vars(Tensor).get(name)))
            setattr(Tensor, name, _shown(_inherited(name), name if name[:2] == "__" else ""))


def _inherited(name: str) -> Callable[..., Any]:
    """The method of tensors, whichever it is when it is called: compiled calls take one another's place."""
    own = vars(Tensor).get(name)
    before = getattr(Tensor, name)

    @functools.wraps(before)
    def call(*args: Any, **kwargs: Any) -> Any:
        return (own or getattr(super(Tensor, Tensor), name))(*args, **kwargs)

    return call


def _hide() -> None:
    """Put back what stood there."""
    while _replaced:
        owner, name, value = _replaced.pop()
        if value is None:
            delattr(owner, name)
        else:
            setattr(owner, name, value)


class TorchFunctionMode:
    """``with mode:`` shows calls of functions, methods and operators to ``mode.__torch_function__(func, types, args, kwargs)``.

    What that returns is the result; it calls ``func(*args, **kwargs)`` for the usual one. Inside of it the mode is off. Of nested modes the
    inner one is shown calls first. Shown is what is looked up in its module when it is called (``tl.sin``, ``F.relu``, which layers
    call, ``x + 1`` as ``Tensor.add``); attributes, and functions taken out of their module before, are not.

    >>> import tensorflowlite_clone as tl
    >>> class Names(TorchFunctionMode):
    ...     def __torch_function__(self, func, types, args=(), kwargs=None):
    ...         print(func.__name__)
    ...         return func(*args, **(kwargs or {}))
    >>> with Names():
    ...     y = tl.nn.functional.relu(tl.ones(2)) * 3
    ones
    relu
    mul
    """

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Call ``func``; classes say what else."""
        return func(*args, **(kwargs or {}))

    def __enter__(self) -> Self:
        global _entered
        with _lock:
            if not _entered:
                _show()
            _entered += 1
        _state.modes = (*_state.modes, self)
        return self

    def __exit__(self, *exc: object) -> None:
        global _entered
        _state.modes = _state.modes[:-1]
        with _lock:
            _entered -= 1
            if not _entered:
                _hide()


BaseTorchFunctionMode = TorchFunctionMode


# ---- questions --------------------------------------------------------------------------------------------------------------------
def is_tensor_like(inp: Any) -> bool:
    """Whether it is a tensor, or has a ``__torch_function__``."""
    return isinstance(inp, Boxed) or hasattr(type(inp), "__torch_function__")


def is_tensor_method_or_property(func: Any) -> bool:
    """Whether ``func``, as ``__torch_function__`` is given it, belongs to `Tensor`."""
    name = getattr(func, "__name__", "")
    return name == "__get__" or getattr(Tensor, name, None) is func


def get_overridable_functions() -> dict[Any, list[Any]]:
    """The functions that ask, by the place where they are."""
    everything()
    return {
        "torch": list(FUNCTIONS.values()), "torch.nn.functional": list(NN_FUNCTIONS.values()), "torch.Tensor": list(METHODS.values()),
    }  # fmt: skip


def get_ignored_functions() -> set[Any]:
    """The functions that ask nobody, because they take no tensors."""
    everything()
    return {FUNCTIONS[n] for n in IGNORED if n in FUNCTIONS}


def get_testing_overrides() -> dict[Any, Any]:
    """Every function that asks, with one of the same parameters that returns -1."""
    return {f: lambda *args, **kwargs: -1 for fs in get_overridable_functions().values() for f in fs}


def resolve_name(f: Any) -> str | None:
    """The path of a function: ``torch.add``, ``torch.Tensor.add``; None where it is unknown."""
    for place, functions in get_overridable_functions().items():
        if any(f is g for g in functions):
            return f"{place}.{f.__name__}"
    return f"{f.__module__}.{f.__qualname__}" if getattr(f, "__module__", "").startswith("torch") else None
