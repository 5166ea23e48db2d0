"""What is loaded when it is first used, so that ``import tensorflowlite_clone`` stays fast: the one place that imports late on purpose.

Here too: what modules show of themselves (``dir``). Not here: which operation is in which file (``_rooms.py``, which is generated), and
anything that another part of the package needs in order to run; that is imported at the top of its file.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib import import_module
from typing import Any

from . import _rooms
from ._errors import missing_extra

PACKAGE = "tensorflowlite_clone"

#: For each package ("" is the outermost) its modules that are loaded late.
LATER = {
    "": (
        "accelerator", "amp", "as_torch", "backends", "compiler", "cpu", "cuda", "datasets", "distributed", "distributions",
        "fast", "fft", "func", "futures", "hub", "integrate", "io", "jit", "library", "linalg", "masked", "mps", "mtia",
        "multiprocessing", "nn", "numpy", "onnx", "optim", "overrides", "profiler", "random", "scipy", "serialization", "signal",
        "sparse", "special", "testing", "torch_version", "transforms", "types", "utils", "version", "xpu",
    ),
    "autograd": ("anomaly_mode", "forward_ad", "function", "functional", "graph", "profiler"),
    "cpu": ("amp",),
    "cuda": ("amp",),
    "distributed": ("checkpoint", "fsdp", "launch", "nn", "optim"),
    "func": (),
    "optim": (),
    "io": (
        "allowed", "choose", "exchange", "npz", "opcodes", "opened", "pickled", "pytorch", "safetensors", "shards", "structure",
        "tensors",
    ),
    "scipy": ("fft", "integrate", "interpolate", "linalg", "ndimage", "optimize", "signal", "special", "stats"),
    "utils": ("benchmark", "dlpack", "flop_counter", "offload", "tensorboard"),
}  # fmt: skip

#: Other top-level names, and the modules that have them.
NAMES = {
    "amp": "GradScaler autocast",
    "amp.autocast_mode": """autocast_decrement_nesting autocast_increment_nesting clear_autocast_cache get_autocast_cpu_dtype
        get_autocast_dtype get_autocast_gpu_dtype is_autocast_cache_enabled is_autocast_cpu_enabled is_autocast_enabled
        set_autocast_cache_enabled
        set_autocast_cpu_dtype set_autocast_cpu_enabled set_autocast_dtype set_autocast_enabled set_autocast_gpu_dtype""",
    "_devices": "AcceleratorError OutOfMemoryError",
    "accelerator": "get_device_module",
    "autograd.anomaly_mode": "is_anomaly_check_nan_enabled is_anomaly_enabled",
    "compiler": "compile",
    "func": "vmap",
    "io": "from_torch load save to_torch",
    "ops.random": "Generator default_generator",
    "ops.removed": "eig lstsq matrix_rank solve symeig",
    "ops.typed": """BFloat16Tensor BoolTensor ByteTensor CharTensor DoubleTensor FloatTensor HalfTensor IntTensor LongTensor
        ShortTensor""",
    "utils.dlpack": "to_dlpack",
}
#: The same for packages, by package.
PARTS = {
    "autograd": {
        "autograd.anomaly_mode": "AnomalyError detect_anomaly is_anomaly_check_nan_enabled is_anomaly_enabled set_detect_anomaly",
        "autograd.function": "Function",
        "autograd.variable": "Variable",
    },
    "func": {"func.colouring": "hessian_sparse jacobian_sparse", "func.implicitly": "implicit", "func.primitives": "primitive"},
    "optim": {
        "optim.solvers.equations": "fixed_point root",
        "optim.solvers.fitting": "curve_fit least_squares",
        "optim.solvers.minimum": "minimize",
    },
}
#: Other modules that bring operations, and no such names.
NAMELESS = ("distributions", "ops.numpy.ufunc_methods", "special")


def by_name(rooms: dict[str, str]) -> dict[str, str]:
    """The module of each name in a table of ``_rooms.py``."""
    return {name: module for module, names in rooms.items() for name in names.split()}


#: The modules that bring functions of the top level, methods, answers to NumPy's functions, and attributes, by name.
HOMES, METHODS, ANSWERS = by_name(_rooms.FUNCTIONS), by_name(_rooms.METHODS), by_name(_rooms.NUMPY)
ATTRIBUTES = by_name(_rooms.ATTRIBUTES)
#: Where those of NumPy's functions are answered that stand in modules of NumPy's.
SPACES = {"numpy.fft": "fft", "numpy.linalg": "linalg"}

#: Parts of the package that are no part of its contract, though its attributes.
INTERNAL = {"core", "io", "kernels", "ops"}

_HALF = "NumPy has no complex numbers of half precision; use complex64"
_QUANTIZED = "there are no quantized tensors; use int8 or uint8, and scale"
#: What PyTorch has and this package cannot have, and what to use instead.
ABSENT = {"complex32": _HALF, "chalf": _HALF, "qint8": _QUANTIZED, "quint8": _QUANTIZED, "qint32": _QUANTIZED}


def later(namespace: dict[str, Any]) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """The functions ``__getattr__`` and ``__dir__`` of the package that has these globals: they know the modules not loaded yet."""
    package = namespace["__name__"]
    outermost = "." not in package
    names = LATER[package.partition(".")[2]]
    homes = HOMES if outermost else {}
    tables = NAMES if outermost else PARTS.get(package.partition(".")[2], {})
    elsewhere = {name: module for module, found in tables.items() for name in found.split()}

    def __getattr__(name: str) -> Any:  # noqa: N807
        if name in names:
            return import_module(f".{name}", package)  # which also makes it an attribute
        if name in homes:
            load(homes[name])
            namespace[name] = function = namespace["_FUNCTIONS"][name]
            return function
        if name in elsewhere:
            namespace[name] = value = getattr(load(elsewhere[name]), name)
            return value
        why = ABSENT.get(name) if outermost else None
        raise AttributeError(f"module {package!r} has no attribute {name!r}" if why is None else f"{name}: {why}")

    def __dir__() -> list[str]:  # noqa: N807
        return sorted({*namespace, *names, *homes, *elsewhere} - INTERNAL)

    return __getattr__, __dir__


def load(module: str) -> Any:
    """Import a module of the package, with the operations that it brings."""
    return import_module(f".{module}", PACKAGE)


def everything() -> None:
    """Load every operation and show all functions, for who walks over them: documentation, tests, modes (``overrides.py``)."""
    for module in sorted({*HOMES.values(), *METHODS.values(), *ATTRIBUTES.values(), *ANSWERS.values(), *NAMELESS}):
        load(module)
    shown = vars(sys.modules[PACKAGE])
    for name in HOMES:
        shown.setdefault(name, shown["_FUNCTIONS"][name])


def late_method(module: str, name: str, doc: str) -> Callable[[Any], Any]:
    """A method without arguments that is the function ``name`` of a module, which is loaded when the method is called."""

    def method(self: Any) -> Any:
        return getattr(load(module), name)(self)

    method.__doc__ = doc
    return method


class LateMethod:
    """Stands in a class for a method until it is asked for; then its module is loaded, which puts the method itself in this place."""

    def __init__(self, place: type, name: str, module: str) -> None:
        self.place, self.name, self.module = place, name, module

    def loaded(self) -> Any:
        """What is in this place now. (A subclass may have another method of the name, which asks for this one by `super`.)"""
        load(self.module)
        return vars(self.place)[self.name]

    def __get__(self, box: Any, owner: type) -> Any:
        return self.loaded().__get__(box, owner)


class LateAttribute(LateMethod):
    """The same for a property, which answers assignments, too."""

    def __set__(self, box: Any, value: Any) -> None:
        self.loaded().__set__(box, value)


def optional(package: str, extra: str, purpose: str) -> Any:
    """The module ``package``, which only the ``extra`` brings, for ``purpose``; raises `MissingExtraError` where it is not installed."""
    try:
        return import_module(package)
    except ImportError:
        missing = missing_extra(package, extra, purpose)
    raise missing


def public(namespace: dict[str, Any]) -> Callable[[], list[str]]:
    """The function ``__dir__`` of the module that has these globals: what it publishes (``__all__``), and Python's own names."""

    def __dir__() -> list[str]:  # noqa: N807
        return sorted({*namespace["__all__"], *(name for name in namespace if name.startswith("__"))})

    return __dir__
