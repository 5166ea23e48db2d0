"""The names of PyTorch's public index, by space, as a table that needs no PyTorch to be read: what ``docs/coverage.md`` speaks of.

    python tests/torch_names.py            write tests/torch_names.json from the installed PyTorch

A space is a module, or a class whose members are listed. Its names are those that it publishes itself (``__all__``), and where it does
not say so, what is defined in it or in the modules that it gathers. No test is here.
"""

from __future__ import annotations

import functools
import importlib
import json
import pkgutil
import re
import sys
from pathlib import Path
from typing import Any, TypeVar

TABLE = Path(__file__).with_suffix(".json")
#: Every space in the order of the page; those in CLASSES are classes.
SPACES = [
    "", "Tensor", "linalg", "fft", "special", "signal.windows", "masked", "autograd", "autograd.forward_ad", "autograd.functional",
    "autograd.graph", "func", "nn", "nn.Module", "nn.functional", "nn.init", "nn.parameter", "nn.utils", "nn.utils.parametrize",
    "nn.utils.parametrizations", "nn.utils.prune", "nn.utils.rnn", "nn.utils.stateless", "optim", "optim.Optimizer", "optim.lr_scheduler",
    "optim.swa_utils", "utils.data", "utils.checkpoint", "distributions",
]  # fmt: skip
CLASSES = {"Tensor", "nn.Module", "optim.Optimizer"}
#: Those whose modules are listed too.
PACKAGES = {"", "nn"}
#: Where PyTorch's modules import helpers from.
HELPERS = ("torch._jit", "torch.overrides", "torch._torch_docs", "torch.nn.common_types")
#: Names of such helpers that do not say where they are from.
FOREIGN = re.compile(r"has_torch_function\w*|handle_torch_function|assert_int_or_pair|factory_kwargs")


@functools.cache
def table() -> dict[str, list[str]]:
    """The names, by space; under ``version`` that of PyTorch."""
    found: dict[str, list[str]] = json.loads(TABLE.read_text())
    return found


def names() -> dict[str, list[str]]:
    """The names, by space."""
    return {space: table()[space] for space in SPACES}


def _is_own(module: Any, name: str) -> bool:
    """Whether a module that does not say what it publishes means this name: a function or a class that is not from elsewhere."""
    value = getattr(module, name)
    home = str(getattr(value, "__module__", None) or module.__name__)
    return callable(value) and f"{home}.".startswith("torch.") and not home.startswith(HELPERS) and not FOREIGN.fullmatch(name)


def _modules_of(package: Any) -> list[str]:
    """The public modules of a package, whether they are loaded or not."""
    return [m.name for m in pkgutil.iter_modules(package.__path__) if not m.name.startswith("_")]


def make(torch: Any) -> dict[str, Any]:
    """The whole table, from the installed PyTorch."""
    found: dict[str, Any] = {"version": ".".join(torch.__version__.split(".")[:2])}
    for space in SPACES:
        if space in CLASSES:
            target = functools.reduce(getattr, space.split("."), torch)
            listed = dir(target)
        else:
            target = importlib.import_module(f"torch.{space}".rstrip("."))
            listed = list(getattr(target, "__all__", ()))
            if not listed or space == "nn":
                listed += [name for name in dir(target) if _is_own(target, name)]
        listed = [name for name in listed if hasattr(target, name) and not isinstance(getattr(target, name), TypeVar)]
        listed += _modules_of(target) if space in PACKAGES else []
        found[space] = sorted({name for name in listed if re.match(r"[A-Za-z]", name) and not (name == "Tensor" and space)})
    return found


def main() -> None:
    """Write the file."""
    whole = make(importlib.import_module("torch"))
    TABLE.write_text("{\n" + ",\n".join(f" {json.dumps(space)}: {json.dumps(value)}" for space, value in whole.items()) + "\n}\n")


if __name__ == "__main__":
    sys.exit(main())
