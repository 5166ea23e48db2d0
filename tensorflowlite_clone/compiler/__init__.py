"""`compile` and ``torch.compiler``: Python runs programs as they are, so decorators give back the function, and settings are remembered.

Here too: what programs ask of ``torch._dynamo``. Not here: TorchScript (``jit.py``).
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

from .._errors import AbsentError, OperandError
from .._lazy import public as _public
from . import config

__all__ = [
    "allow_in_graph", "assume_constant_result", "compile", "config", "cudagraph_mark_step_begin", "disable", "get_default_backend",
    "is_compiling", "is_dynamo_compiling", "is_exporting", "list_backends", "load_cache_artifacts", "nested_compile_region", "reset",
    "save_cache_artifacts", "set_default_backend", "set_stance", "substitute_in_graph", "wrap_numpy",
]  # fmt: skip
__dir__ = _public(globals())
_backend: list[Any] = ["eager"]


def compile(
    model: Any = None, *, fullgraph: bool = False, dynamic: bool | None = None, backend: Any = None, mode: str | None = None,
    options: dict[str, Any] | None = None, disable: bool = False, **others: Any,
) -> Any:  # fmt: skip
    """``model`` itself, a function or a module; without one, a decorator that gives back what it is put on.

    Python runs it, with the values that PyTorch's compiler is to keep; there is no ``_orig_mod`` around a module.
    Raises `OperandError` for what cannot be called.

    >>> compile(len, mode="max-autotune") is len
    True
    >>> @compile(fullgraph=True)
    ... def twice(x):
    ...     return 2 * x
    >>> twice(3)
    6
    """
    if model is None:
        return compile
    if not callable(model):
        raise OperandError(f"compile: model must be a function or a module: got {type(model).__name__} {model!r:.40}")
    return model


def _given_back(fn: Any = None, *args: Any, **kwargs: Any) -> Any:
    return fn if callable(fn) else lambda f: f


def disable(fn: Any = None, recursive: bool = True, *, reason: str | None = None) -> Any:
    """``fn`` itself; also as ``@disable()``."""
    return _given_back(fn)


def allow_in_graph(fn: Any) -> Any:
    """``fn`` itself."""
    return fn


def assume_constant_result(fn: Any) -> Any:
    """``fn`` itself, which is called each time."""
    return fn


def nested_compile_region(fn: Any = None, *args: Any, **kwargs: Any) -> Any:
    """``fn`` itself."""
    return _given_back(fn)


def substitute_in_graph(original_fn: Any, *, can_constant_fold_through: bool = False, skip_signature_check: bool = False) -> Any:
    """A decorator that changes nothing."""
    return lambda fn: fn


def wrap_numpy(fn: Any) -> Any:
    """``fn`` with arrays for tensors, each of which it turns into the other."""
    raise AbsentError("compiler.wrap_numpy: NumPy's functions take tensors as they are: np.sin(x); call the function with them")


def reset() -> None:
    """Nothing: nothing was compiled."""


def list_backends(exclude_tags: Any = ("debug", "experimental")) -> list[str]:
    """The compilers that there are: none."""
    return []


def set_default_backend(backend: Any) -> None:
    """What `get_default_backend` shall say."""
    _backend[0] = backend


def get_default_backend() -> Any:
    """What `set_default_backend` was told last; "eager" at first."""
    return _backend[0]


class set_stance(contextlib.ContextDecorator):  # noqa: N801  (PyTorch's name)
    """A request to the compiler, a context manager and a decorator too; it changes nothing."""

    def __init__(self, stance: str = "default", **options: Any) -> None:
        self.stance = stance

    def __enter__(self) -> None:
        return None

    def __exit__(self, *exc: object) -> None:
        """Nothing was changed."""


def cudagraph_mark_step_begin() -> None:
    """Nothing."""


def is_compiling() -> bool:
    """Whether this is compiled: never."""
    return False


def is_dynamo_compiling() -> bool:
    """Whether this is compiled: never."""
    return False


def is_exporting() -> bool:
    """Whether this is exported: never."""
    return False


def save_cache_artifacts() -> None:
    """Nothing was compiled: None."""


def load_cache_artifacts(serialized_artifacts: bytes) -> None:
    """Nothing is read."""


# ---- names of torch._dynamo ----------------------------------------------------------------------------------------------------
def optimize(*args: Any, **kwargs: Any) -> Callable[[Any], Any]:
    """A decorator that changes nothing."""
    return lambda fn: fn


run = disallow_in_graph = forbid_in_graph = skip = _given_back


def graph_break(msg: str = "") -> None:
    """Nothing."""


def mark_dynamic(t: Any, index: Any, *args: Any, **kwargs: Any) -> None:
    """Nothing: every size is known when it is used."""


mark_static = maybe_mark_dynamic = mark_static_address = mark_dynamic


@contextlib.contextmanager
def error_on_graph_break(error: bool = True) -> Iterator[None]:
    """A context manager that changes nothing."""
    yield
