"""`torch.jit`, which compiles programs: here Python runs them, so `script` and `trace` give back what they were given.

What came out of a compiler cannot be written or read: `save` and `load` are errors that say so. Not here: `compile` (``compiler/``).
"""

from __future__ import annotations

import contextlib
import typing
from collections.abc import Callable
from typing import Any, NamedTuple, NoReturn

from ._errors import AbsentError
from ._lazy import public as _public
from .futures import Future
from .nn.module import Module

__all__ = [
    "Attribute", "CompilationUnit", "Error", "Final", "Future", "ScriptFunction", "ScriptModule", "TracerWarning", "annotate",
    "enable_onednn_fusion", "export", "export_opnames", "fork", "freeze", "fuser", "ignore", "interface", "is_scripting", "is_tracing",
    "isinstance", "load", "onednn_fusion_enabled", "optimize_for_inference", "optimized_execution", "run_frozen_optimizations", "save",
    "script", "script_if_tracing", "script_method", "set_fusion_strategy", "strict_fusion", "trace", "trace_module", "unused", "wait",
]  # fmt: skip
__dir__ = _public(globals())

Final = typing.Final
Error = RuntimeError
_isinstance = isinstance


class Attribute(NamedTuple):
    """A value with the type that TorchScript should give it."""

    value: Any
    type: Any


class ScriptModule(Module):
    """A module that TorchScript would compile; a `Module`."""


class ScriptFunction:
    """What `script` gives in PyTorch for functions; nothing is one here."""


class CompilationUnit:
    """Raises `AbsentError`: there is no TorchScript."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        raise _absent("CompilationUnit", "write the functions in Python")


class TracerWarning(Warning):
    """What PyTorch's tracer warns with; nothing is traced here, so it is never given."""


def _absent(name: str, fix: str) -> AbsentError:
    return AbsentError(f"jit.{name}: there is no TorchScript, Python runs the program; {fix}")


def script(obj: Any = None, optimize: Any = None, _frames_up: int = 0, _rcb: Any = None, example_inputs: Any = None, **kwargs: Any) -> Any:
    """``obj`` itself, a function, a class or a module. Python runs it, so the results are the same; there is no graph to see or to save.

    >>> script(len) is len
    True
    """
    return (lambda f: f) if obj is None else obj


def trace(func: Any = None, example_inputs: Any = None, *args: Any, **kwargs: Any) -> Any:
    """``func`` itself, which is not called here. Unlike what PyTorch traces it follows its branches anew for every input."""
    return func


def trace_module(mod: Any, inputs: Any, *args: Any, **kwargs: Any) -> Any:
    """``mod`` itself; see `trace`."""
    return mod


def script_if_tracing(fn: Any) -> Any:
    """``fn`` itself."""
    return fn


def script_method(fn: Any) -> Any:
    """``fn`` itself."""
    return fn


def ignore(drop: Any = False, **kwargs: Any) -> Any:
    """A decorator that changes nothing; also as ``@ignore`` and ``@ignore()``."""
    return drop if callable(drop) else lambda fn: fn


def unused(fn: Any) -> Any:
    """``fn`` itself."""
    return fn


def export(fn: Any) -> Any:
    """``fn`` itself."""
    return fn


def interface(obj: Any) -> Any:
    """``obj`` itself."""
    return obj


def annotate(the_type: Any, the_value: Any) -> Any:
    """``the_value`` itself."""
    return the_value


def isinstance(obj: Any, target_type: Any) -> bool:
    """Python's `isinstance`; of ``List[int]`` and its kin, that of the class."""
    kinds = target_type if _isinstance(target_type, tuple) else (target_type,)
    return _isinstance(obj, tuple(typing.get_origin(kind) or kind for kind in kinds))


def is_scripting() -> bool:
    """Whether TorchScript compiles this: never."""
    return False


def is_tracing() -> bool:
    """Whether this is traced: never."""
    return False


def fork(func: Callable[..., Any], *args: Any, **kwargs: Any) -> Future[Any]:
    """``func(*args, **kwargs)``, called at once, as a `Future`."""
    future: Future[Any] = Future()
    try:
        future.set_result(func(*args, **kwargs))
    except Exception as error:
        future.set_exception(error)
    return future


def wait(future: Future[Any]) -> Any:
    """The result of `fork`."""
    return future.wait()


def freeze(mod: Any, preserved_attrs: Any = None, optimize_numerics: bool = True) -> Any:
    """``mod`` itself."""
    return mod


def optimize_for_inference(mod: Any, other_methods: Any = None) -> Any:
    """``mod`` itself."""
    return mod


def run_frozen_optimizations(mod: Any, optimize_numerics: bool = True, preserved_methods: Any = None) -> None:
    """Nothing."""


def optimized_execution(should_optimize: bool) -> Any:
    """A context manager that changes nothing."""
    return contextlib.nullcontext()


def fuser(name: str) -> Any:
    """A context manager that changes nothing."""
    return contextlib.nullcontext()


class strict_fusion(contextlib.nullcontext[Any]):  # noqa: N801  (PyTorch's name)
    """A context manager that changes nothing."""


def set_fusion_strategy(strategy: Any) -> Any:
    """Nothing; ``strategy`` itself."""
    return strategy


def enable_onednn_fusion(enabled: bool) -> None:
    """Nothing."""


def onednn_fusion_enabled() -> bool:
    """Whether operations are fused so: never."""
    return False


def export_opnames(m: Any) -> list[str]:
    """Raises `AbsentError`: nothing is compiled to operations."""
    raise _absent("export_opnames", "tl.utils.summary shows what a module consists of")


def save(m: Any, f: Any, _extra_files: Any = None) -> NoReturn:
    """Raises `AbsentError`: there is no program to write."""
    raise _absent("save", "save the values, tl.save(model.state_dict(), path), and make the module from its class")


def load(f: Any, map_location: Any = None, _extra_files: Any = None, _restore_shapes: bool = False) -> NoReturn:
    """Raises `AbsentError`: such a file holds a program."""
    raise _absent("load", "save the state_dict in PyTorch, and load that into the module's class")


def _identity_of_overload(fn: Any) -> Any:
    return fn


_overload = _overload_method = _script_if_tracing = _identity_of_overload
