"""What the modules of SciPy's namespace share: plain arrays go to SciPy itself, and what has no derivative here refuses followed values.

Not here: functions that have derivatives.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from .._errors import TransformError
from .._lazy import optional
from ..core.boxed import Boxed
from ..core.levels import is_plain
from ..func.tree import flatten


def boxes(*given: Any) -> list[Boxed]:
    """The tensors and followed values in nested arguments."""
    return [x for x in flatten(given)[0] if isinstance(x, Boxed)]


def follows(*given: Any) -> bool:
    """Whether some transform or tape follows one of them."""
    return not all(map(is_plain, boxes(*given)))


def published(namespace: dict[str, Any], module: str, names: str) -> None:
    """Let the functions ``names`` of a module be SciPy's own, with all their options, where they are given plain arrays."""
    scipy = optional(f"scipy.{module}", "scipy", f"tl.scipy.{module}")
    for name in names.split():
        namespace[name] = either(getattr(scipy, name), namespace[name])


def either(plain: Callable[..., Any], followed: Callable[..., Any]) -> Callable[..., Any]:
    """``followed`` where there is a tensor or a followed value among the arguments, else ``plain``."""

    @functools.wraps(plain, updated=())
    def function(*args: Any, **kwargs: Any) -> Any:
        return (followed if boxes(args, kwargs) else plain)(*args, **kwargs)

    return function


def refusing(function: Callable[..., Any], name: str, advice: str) -> Callable[..., Any]:
    """A function of SciPy's, whose derivative is not here, that refuses followed values by its name."""

    @functools.wraps(function, updated=())
    def called(*args: Any, **kwargs: Any) -> Any:
        if follows(args, kwargs):
            raise TransformError(f"scipy.{name}: it has no derivative here; {advice}, or give it one with tl.func.primitive")
        return function(*args, **kwargs)

    return called


def others(module: str, advice: str) -> Callable[[str], Any]:
    """``__getattr__`` of the module: SciPy's own, whose functions refuse followed values by name, with ``advice``."""
    scipy = optional(f"scipy.{module}", "scipy", f"tl.scipy.{module}")

    def __getattr__(name: str) -> Any:  # noqa: N807
        if name.startswith("__"):
            raise AttributeError(name)
        found = getattr(scipy, name)
        if not callable(found) or isinstance(found, type):
            return found
        return refusing(found, f"{module}.{name}", advice)

    return __getattr__
