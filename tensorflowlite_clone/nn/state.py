"""What is asked of the values in a state before a module takes them over. Not here: how they are taken (`Module.load_state_dict`)."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ..core.tensor import Taped, Tensor


class IncompatibleKeys(NamedTuple):
    """What `Module.load_state_dict` found missing and unexpected."""

    missing_keys: list[str]
    unexpected_keys: list[str]


def keys_that_do_not_fit(missing: list[str], unexpected: list[str]) -> list[str]:
    """What is wrong with the keys of a state, in words."""
    return [f"{what}: {', '.join(map(str, keys))}" for what, keys in (("missing", missing), ("unexpected", unexpected)) if keys]


def value_for(t: Tensor, given: Any, assign: bool) -> tuple[Any, str | None]:
    """The array that shall be written into ``t`` (or take its place: ``assign``); or what is wrong with it, ``{}`` for its name."""
    try:
        array = given.numpy(force=True) if isinstance(given, Taped) else np.asarray(given)
    except ValueError:  # rows of several lengths
        return None, f"values of {{}}: {type(given).__name__} that is no array in the state, {t.shape} in the module"
    if array.dtype.kind not in "biufcV":
        return None, f"dtype of {{}}: {type(given).__name__} of {array.dtype} in the state, {t.dtype} in the module"
    if array.shape != t.shape:
        return None, f"size of {{}}: {array.shape} in the state, {t.shape} in the module"
    if (assign and t.requires_grad and array.dtype.kind not in "fc") or (array.dtype.kind == "c" and t.dtype.kind != "c"):
        return None, f"dtype of {{}}: {array.dtype} in the state, {t.dtype} in the module"
    return array, None
