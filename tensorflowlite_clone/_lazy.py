"""What is loaded when it is first used, so that ``import tensorflowlite_clone`` stays fast: the one place that imports late on purpose.

Here too: what modules show of themselves (``dir``). Not here: anything that another part of the package needs in order to run; that is
imported at the top of its file.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

from ._errors import missing_extra

#: For each package ("" is the outermost) its modules that are loaded late.
LATER = {"": ("cuda", "datasets", "masked", "nn", "optim", "signal", "special", "utils"), "autograd": ("forward_ad", "functional")}


#: Parts of the package that are no part of its contract, though importing it loads them.
INTERNAL = {"core", "io", "kernels", "ops"}

_HALF = "NumPy has no complex numbers of half precision; use complex64"
_QUANTIZED = "there are no quantized tensors; use int8 or uint8, and scale"
#: What PyTorch has and this package cannot have, and what to use instead.
ABSENT = {"complex32": _HALF, "chalf": _HALF, "qint8": _QUANTIZED, "quint8": _QUANTIZED, "qint32": _QUANTIZED}


def later(namespace: dict[str, Any]) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """The functions ``__getattr__`` and ``__dir__`` of the package that has these globals: they know the modules not loaded yet."""
    package = namespace["__name__"]
    names = LATER[package.partition(".")[2]]

    def __getattr__(name: str) -> Any:  # noqa: N807
        if name in names:
            return import_module(f".{name}", package)  # which also makes it an attribute
        why = ABSENT.get(name) if package == "tensorflowlite_clone" else None
        raise AttributeError(f"module {package!r} has no attribute {name!r}" if why is None else f"{name}: {why}")

    def __dir__() -> list[str]:  # noqa: N807
        return sorted({*namespace, *names} - INTERNAL)

    return __getattr__, __dir__


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
