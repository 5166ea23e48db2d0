"""The names that a file may ask for, and what stands for each here: tensors, arrays, dtypes and containers, and what the user allowed.

Here too: the list of what the user allowed (`add_safe_globals`). Nothing is ever imported by a name from a file: a name is looked up in
these tables or refused. Not here: how a pickle is read (``opcodes.py``), where the bytes of tensors stand (``pytorch.py``).
"""

from __future__ import annotations

from argparse import Namespace
from collections import Counter, OrderedDict, defaultdict
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

import numpy as np

from .._errors import FileFormatError, OperandError, RefusedError
from .._state import Restoring
from ..core.device import CPU, sparse_coo, strided
from ..core.device import device as Device  # noqa: N812
from ..core.dtype_names import dtype as Kind  # noqa: N812
from ..core.dtype_names import dtype_of
from ..core.registry import NN_FUNCTIONS
from ..core.size import Size
from ..core.tensor import Taped, Tensor
from ..nn import modules as layers
from ..nn.module import Module
from ..nn.parameter import Buffer, Parameter
from .opcodes import Host, Name, check_key
from .tensors import StorageType, coo, rebuilt, with_notes

#: What the user allowed, by the name that stands in files: one dict, which is replaced and never changed.
_USERS: list[dict[str, Any]] = [{}]
#: What everyone may have in a file: the arguments of a program, which are names and values.
_ALWAYS: dict[str, Any] = {"argparse.Namespace": Namespace}

Maker = Callable[..., Any]


# ---- what the user allowed ----------------------------------------------------------------------------------------------------
def full_names(op: str, allowed: Any) -> dict[str, Any]:
    """Classes and functions, or pairs of one and a name, by the names that stand for them in files."""
    if not isinstance(allowed, Iterable) or isinstance(allowed, str):
        raise OperandError(f"{op}: a list of classes or functions is needed: got {type(allowed).__name__} {allowed!r:.40}; pass [Class]")
    found = {}
    for entry in allowed:
        thing, name = entry if isinstance(entry, tuple) and len(entry) == 2 else (entry, None)
        if name is None and callable(thing) and hasattr(thing, "__qualname__"):
            name = f"{thing.__module__}.{thing.__qualname__}"
        if not callable(thing) or not isinstance(name, str):
            raise OperandError(
                f"{op}: neither a class nor a function: got {entry!r:.60}; pass it, or a pair of it and its name in the file"
            )
        found[name] = thing
    return found


def add_safe_globals(safe_globals: list[Any]) -> None:
    """Let files that `load` reads make objects of these classes, and call these functions.

    ``safe_globals`` is a list of them, or of pairs ``(class, "module.name")`` where the file knows it by another name. What is named here
    is called with what a file says, so name what can do no harm. Raises `OperandError` for anything else.

    >>> from fractions import Fraction
    >>> add_safe_globals([Fraction]); get_safe_globals()
    [<class 'fractions.Fraction'>]
    >>> clear_safe_globals(); get_safe_globals()
    []
    """
    _USERS[0] = {**_USERS[0], **full_names("add_safe_globals", safe_globals)}


def clear_safe_globals() -> None:
    """Forget all that `add_safe_globals` allowed."""
    _USERS[0] = {}


def get_safe_globals() -> list[Any]:
    """What `add_safe_globals` allowed: classes and functions, as pairs with their names in files where those are others."""
    return [
        thing if hasattr(thing, "__qualname__") and name in full_names("get_safe_globals", [thing]) else (thing, name)
        for name, thing in _USERS[0].items()
    ]


class safe_globals(Restoring):  # noqa: N801  (PyTorch's name)
    """Allow classes and functions, as `add_safe_globals`, inside a ``with`` block only.

    >>> from fractions import Fraction
    >>> with safe_globals([Fraction]):
    ...     get_safe_globals()
    [<class 'fractions.Fraction'>]
    """

    __slots__ = ("added",)

    def __init__(self, safe_globals: list[Any]) -> None:
        self.added = full_names("safe_globals", safe_globals)

    def __enter__(self) -> None:
        now = {**_USERS[0], **self.added}
        self.close = self.inside(partial(_USERS.__setitem__, 0, _USERS[0]))
        _USERS[0] = now


def users_name(thing: Any) -> str | None:
    """The name under which the user allowed a class; None if he did not."""
    for table in (_USERS[0], _ALWAYS):
        for name, allowed in table.items():
            if allowed is thing:
                return name
    return None


# ---- names that make data -------------------------------------------------------------------------------------------------------
def _paid(make: Maker) -> Maker:
    """``make`` of one container, paid for by its length."""

    def paid(host: Host, *args: Any) -> Any:
        if len(args) > 1 or any(not isinstance(a, list | tuple | dict | set | frozenset) for a in args):
            raise TypeError("no container")
        for a in args:
            host.spend(len(a))
            for part in a:
                check_key(host, part)
        return make(*args)

    return paid


def _ordered(host: Host, pairs: Any = ()) -> Any:
    host.spend(len(pairs))
    return OrderedDict((check_key(host, k), v) for k, v in pairs)


def _with_default(host: Host, factory: Any = None, *rest: Any) -> Any:
    if rest or not (factory is None or (isinstance(factory, Name) and factory.kind in DEFAULTS)):
        raise RefusedError(
            f"refused: a defaultdict with the factory {factory}; only {', '.join(k.__name__ for k in DEFAULTS)} make defaults"
        )
    return defaultdict(None if factory is None else factory.kind)


def _encoded(host: Host, text: str, encoding: str) -> bytes:
    if encoding not in ("latin1", "latin-1", "utf-8", "ascii"):
        raise RefusedError(f"refused: text in the encoding {encoding!r:.40}")
    host.spend(len(text))
    return text.encode(encoding)


def _raw(make: Maker) -> Maker:
    """Bytes of bytes, or of text, as protocol 2 of Python 3 has them."""

    def made(host: Host, *args: Any) -> Any:
        if len(args) == 2:
            args = (_encoded(host, *args),)
        if not all(isinstance(a, bytes) for a in args):
            raise TypeError("no bytes")
        host.spend(sum(map(len, args)))
        return make(*args)

    return made


def _numbers(make: Maker, kinds: Any, most: int) -> Maker:
    def made(host: Host, *args: Any) -> Any:
        if len(args) > most or not all(isinstance(a, kinds) for a in args):
            raise TypeError("no numbers")
        return make(*args)

    return made


def _size(host: Host, sizes: Any = ()) -> Size:
    if not isinstance(sizes, list | tuple) or not all(type(s) is int for s in sizes):
        raise TypeError("no sizes")
    host.spend(len(sizes))
    return Size(sizes)


def _device(host: Host, kind: str, index: int | None = None) -> Device:
    """Where a value was: here that can only have been the CPU, whatever the machine had that wrote the file."""
    return Device("cpu", index) if kind == "cpu" else CPU


def _layout(host: Host, name: str) -> Any:
    if name not in ("torch.strided", "torch.sparse_coo"):
        raise RefusedError(
            f"refused: a tensor of the layout {name!r:.40}, which there is not here; store it with to_dense() or to_sparse()"
        )
    return strided if name == "torch.strided" else sparse_coo


def _parameter(host: Host, data: Any, requires_grad: Any = True, hooks: Any = (), notes: Any = None) -> Parameter:
    if not isinstance(data, Taped) or hooks:
        raise TypeError("no tensor, or with hooks")
    made = Parameter(data, bool(requires_grad))
    return with_notes(made, notes) if notes else made


def _from_type(host: Host, make: Any, kind: Any, args: Any, notes: Any) -> Any:
    """A tensor of a subclass, or with attributes."""
    if not isinstance(make, Name) or make.make is None or not isinstance(kind, Name) or not isinstance(args, tuple):
        raise TypeError("no tensor")
    made = make.make(host, *args)
    if isinstance(notes, dict) and notes.get("_is_buffer") is True:
        return Buffer(made, persistent=bool(notes.get("persistent", True)))
    if kind.kind is not Tensor and kind.kind is not None and users_name(kind.kind):
        made = made.as_subclass(kind.kind)
    return with_notes(made, notes) if notes and hasattr(made, "__dict__") else made


def _moved(host: Host, data: Any, *where: Any) -> Any:
    """A tensor of a device that has no storages, which PyTorch writes by way of the CPU."""
    return data


# ---- NumPy's ----------------------------------------------------------------------------------------------------------------------
def _numpy_dtype(host: Host, name: str, *flags: Any) -> Any:
    found = np.dtype(name) if isinstance(name, str) and len(name) <= 16 and name[:1] not in ("O", "|", "") else None
    if found is None or found.kind not in "biufcSUV" or found.names is not None or found.subdtype or found.hasobject:
        raise RefusedError(f"refused: an array of the dtype {name!r:.40}; only numbers and text are read")
    return np.dtype(name, False, True)  # one of its own, whose byte order may be told


def _empty_array(host: Host, kind: Any, shape: Any, code: Any) -> Any:
    return np.empty(0, np.int8)


def _scalar(host: Host, dtype: Any, raw: Any) -> Any:
    if not isinstance(dtype, np.dtype) or not isinstance(raw, bytes) or len(raw) != dtype.itemsize:
        raise TypeError("no number")
    return np.frombuffer(raw, dtype)[0]


def _from_buffer(host: Host, raw: Any, dtype: Any, shape: Any, order: Any = "C") -> Any:
    if not isinstance(dtype, np.dtype) or not isinstance(raw, bytes | bytearray):
        raise TypeError("no array")
    host.spend(len(raw))
    return np.frombuffer(bytearray(raw), dtype).reshape(shape, order="F" if order == "F" else "C")


def give_state(host: Host, target: Any, state: Any) -> None:
    """What ``BUILD`` does: the attributes of an OrderedDict, the content of an array, the byte order of a dtype, objects of the user's."""
    if type(target) is OrderedDict:
        if not isinstance(state, dict) or not all(isinstance(k, str) and not hasattr(OrderedDict, k) for k in state):
            raise FileFormatError("damaged: the attributes of an OrderedDict are no names")
        target.__dict__.update(state)
    elif type(target) is np.ndarray:
        version, shape, dtype, in_columns, raw = state if len(state) == 5 else (1, *state)
        fits = isinstance(shape, tuple) and all(type(s) is int and 0 <= s < 2**62 for s in shape) and isinstance(dtype, np.dtype)
        if not fits or dtype.hasobject or not isinstance(raw, bytes) or target.size or version != 1:
            raise FileFormatError("damaged: the content of an array does not fit, or it is of objects")
        host.spend(len(raw))
        target.__setstate__((1, shape, dtype, bool(in_columns), raw))  # type: ignore[arg-type]
    elif isinstance(target, np.dtype) and target.isbuiltin != 1:
        if not isinstance(state, tuple) or len(state) < 5 or state[1] not in ("<", ">", "|", "=") or any(s is not None for s in state[2:5]):
            raise RefusedError("refused: a dtype with fields; only numbers and text are read")
        sizes = (target.itemsize, target.alignment) if target.kind in "SUV" else (-1, -1)
        target.__setstate__((3, state[1], None, None, None, *sizes, target.flags))  # type: ignore[attr-defined]  # all but the order as it is
    elif users_name(type(target)) or (host.modules and isinstance(target, Module) and layer_name(type(target))):
        if hasattr(target, "__setstate__"):
            target.__setstate__(state)
        else:
            for part in state if isinstance(state, tuple) and len(state) == 2 else (state,):  # attributes, and those of slots
                for name, value in (part or {}).items():
                    setattr(target, name, value)
    else:
        raise RefusedError(f"refused: it gives a state to a {type(target).__name__}, which is not data")


# ---- the table --------------------------------------------------------------------------------------------------------------------
#: What a defaultdict may make.
DEFAULTS = (list, dict, int, float, str, set, tuple)
TABLE: dict[str, Name] = {}


def _enter(names: str, make: Maker | None = None, kind: type | None = None) -> None:
    for name in names.split():
        TABLE[name] = Name(name, make, kind)


_enter("collections.OrderedDict", _ordered)
_enter("collections.Counter", _paid(Counter))
_enter("collections.defaultdict", _with_default)
_enter("builtins.set", _paid(set), set)
_enter("builtins.frozenset", _paid(frozenset))
_enter("builtins.complex", _numbers(complex, float | int, 2))
_enter("builtins.slice", _numbers(slice, int | None, 3))
_enter("builtins.range builtins.xrange", _numbers(range, int, 3))
_enter("builtins.bytearray", _raw(bytearray))
_enter("builtins.bytes", _raw(bytes))
for _kind in (list, dict, int, float, str, tuple):
    _enter(f"builtins.{_kind.__name__}", None, _kind)
_enter("_codecs.encode", _encoded)
_enter("torch.Size", _size)
_enter("torch.device", _device)
_enter("torch.serialization._get_layout", _layout)
_enter("torch._utils._rebuild_tensor torch._utils._rebuild_tensor_v2 torch._utils._rebuild_tensor_v3", rebuilt)
_enter("torch._utils._rebuild_parameter torch._utils._rebuild_parameter_with_state", _parameter)
_enter("torch.nn.parameter.Parameter", _parameter, Parameter)
_enter("torch.nn.parameter.Buffer torch.Tensor torch._C.TensorBase", None, Tensor)
_enter("torch._utils._rebuild_sparse_tensor", coo)
_enter("torch._tensor._rebuild_from_type_v2", _from_type)
_enter("torch._utils._rebuild_device_tensor_from_cpu_tensor", _moved)
_enter("numpy.dtype", _numpy_dtype)
_enter("numpy.ndarray", None, np.ndarray)
_enter("numpy.core.multiarray._reconstruct numpy._core.multiarray._reconstruct", _empty_array)
_enter("numpy.core.multiarray.scalar numpy._core.multiarray.scalar", _scalar)
_enter("numpy.core.numeric._frombuffer numpy._core.numeric._frombuffer", _from_buffer)

#: The storages of PyTorch by the dtype of their elements.
STORAGES = {
    "Float": "float32", "Double": "float64", "Half": "float16", "BFloat16": "bfloat16", "Long": "int64", "Int": "int32", "Short": "int16",
    "Char": "int8", "Byte": "uint8", "Bool": "bool", "ComplexFloat": "complex64", "ComplexDouble": "complex128", "Untyped": "uint8",
}  # fmt: skip
#: The dtypes whose storages have no name of their own.
UNTYPED = ("uint16", "uint32", "uint64")
#: What PyTorch has and this package cannot hold, and what to store instead.
ABSENT = {
    "torch._utils._rebuild_qtensor": "a quantized tensor; store x.dequantize(), or x.int_repr() with its scale",
    "torch._utils._rebuild_nested_tensor": "a nested tensor; store the list of its tensors, x.unbind()",
    "torch._utils._rebuild_meta_tensor_no_storage": "a tensor of the device meta, which has no values",
    "torch._utils._rebuild_wrapper_subclass": "a tensor subclass without memory of its own; store what it consists of",
}


def find(module: str, name: str, modules: bool = False) -> Any:
    """What a name in a file stands for; with ``modules`` that may be a layer of ``nn``, too.

    Raises `RefusedError`, with the name and what to do, for everything that is neither in the tables nor allowed by the user.
    """
    module = {"__builtin__": "builtins", "copy_reg": "copyreg"}.get(module, module)
    full = f"{module}.{name}"
    thing = _USERS[0].get(full) or _ALWAYS.get(full)
    if thing is not None:
        return Name(full, lambda host, *args: thing(*args), thing if isinstance(thing, type) else None)
    if full in TABLE:
        return TABLE[full]
    kind = name.removesuffix("Storage")
    if module in ("torch", "torch.cuda", "torch.storage") and kind != name and kind in STORAGES:
        return StorageType(full, dtype_of(STORAGES[kind]))
    if module == "torch" and name in Kind._all:
        return dtype_of(name)
    if modules and (kind_of_layer := _layer(module, name)) is not None:
        return Name(full, None, kind_of_layer)
    if modules and module in ("torch.nn.functional", "torch._C._nn") and name in NN_FUNCTIONS:
        return NN_FUNCTIONS[name]  # an activation, which is a value to the file: it cannot call it
    raise RefusedError(f"refused: it names {full}: {_advice(module, name, full)}")


def _advice(module: str, name: str, full: str) -> str:
    if full in ABSENT:
        return ABSENT[full]
    if module == "torch" and (name.endswith("Storage") or (name[:1].islower() and "." not in name and any(c.isdigit() for c in name))):
        return "a dtype that there is not here; convert it before it is saved"
    if module.startswith("torch.nn.modules"):
        return (
            "a whole module, which would be code and not data; where it was saved, save model.state_dict(), make the module here and "
            "load it with load_state_dict, or read it with weights_only=False, its own classes allowed by tl.serialization.add_safe_globals"
        )
    trusted = f", or, if you trust the file, allow the class: with tl.serialization.safe_globals([(Class, {full!r})])"
    harmless = name[:1].isupper() and module.partition(".")[0] not in ("builtins", "ctypes", "os", "subprocess")
    return (
        f"neither a tensor nor a container, and nothing in a file is imported or called; save numbers, and the state_dict() of modules"
        f"{trusted if harmless else ''}"
    )


def _layer(module: str, name: str) -> Any:
    """The class of ``nn`` that PyTorch has in this module; None if there is none."""
    place = module.removeprefix("torch.nn.modules.")
    if module == "torch.nn.modules.module" and name == "Module":
        return Module
    known = place != module and name in layers.PLACES.get(place, "").split()
    return getattr(getattr(layers, place), name, None) if known else None


def layer_name(kind: type) -> str | None:
    """The name that PyTorch has for a class of ``nn``; None for others."""
    places = (p for p, names in layers.PLACES.items() if kind.__name__ in names.split())
    place = next(places, "module" if kind is Module else None)
    known = place is not None and _layer(f"torch.nn.modules.{place}", kind.__name__) is kind
    return f"torch.nn.modules.{place}.{kind.__name__}" if known else None


def new(host: Host, name: Name, args: tuple[Any, ...]) -> Any:
    """An object of a class that the user allowed, or a layer where those may be made, without a call of it."""
    kind = name.kind if host.modules and name.text.startswith("torch.nn.modules.") else _USERS[0].get(name.text) or _ALWAYS.get(name.text)
    if not isinstance(kind, type):
        raise RefusedError(f"refused: it makes an object of {name}, which is not data")
    return kind.__new__(kind, *args)
