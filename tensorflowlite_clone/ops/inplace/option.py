"""The parameter ``inplace=`` of functions, and their twins in ``nn.functional`` that are named with an underscore.

Not here: the methods of tensors with such names (``twins.py``), what an in-place change means (``mutation.py``).
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

from ..._typing import Array
from ...core.publish import public
from ...core.registry import FUNCTIONS, INPLACE, NN_FUNCTIONS
from .mutation import mutate


def inplace_option(name: str, twin: bool = False, outside: bool = False) -> Callable[[Callable[..., Array]], Callable[..., Array]]:
    """Let ``inplace=True`` of the decorated function change its input, which it returns; the function itself need not look at it.

    ``twin`` publishes ``nn.functional.<name>_`` too, which always does; ``outside`` says that there is one outside of it as well.
    (Where tensors have a method of that name, it is that.)
    """

    def decorate(f: Callable[..., Array]) -> Callable[..., Array]:
        place = list(inspect.signature(f).parameters).index("inplace")

        @functools.wraps(f)
        def function(*args: Any, **kwargs: Any) -> Array:
            if not kwargs and len(args) <= place:
                return f(*args)
            if len(args) > place:
                args, kwargs = args[:place], kwargs | {"inplace": args[place]}
            if not kwargs.pop("inplace", False):
                return f(*args, **kwargs)
            input, *others = args or (kwargs.pop("input"),)
            return mutate(input, f"{name}(inplace=True)", lambda t: f(t, *others, **kwargs))

        if twin and name in INPLACE:
            NN_FUNCTIONS[f"{name}_"] = FUNCTIONS[f"{name}_"]
        elif twin:

            def changed(*args: Any, **kwargs: Any) -> Array:
                return function(*args, **kwargs, inplace=True)

            whole = inspect.signature(f)
            shown = [p for p in whole.parameters.values() if p.name != "inplace"]
            changed.__signature__ = whole.replace(parameters=shown)  # type: ignore[attr-defined]
            changed.__doc__ = f"`{name}`, in place; returns the tensor itself."
            public(f"{name}_", nn=not outside, functional=True, method=False)(changed)
        return function

    return decorate
