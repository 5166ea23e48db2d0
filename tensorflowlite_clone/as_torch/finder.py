"""Catches imports of PyTorch: a finder of modules, and `Stand`, the module that stands for one of PyTorch's.

Not here: where things are (``table.py``), what users call (``__init__.py``).
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Iterator, Sequence
from importlib import import_module
from importlib.machinery import ModuleSpec
from importlib.metadata import Distribution, DistributionFinder
from os.path import dirname
from pkgutil import iter_modules
from types import FrameType, FunctionType, ModuleType
from typing import Any

from .._lazy import load
from .table import AS_THEY_ARE, ASKING, HIDDEN, PLACES, RELEASES, VALUES

__all__ = ["MISSING", "Finder", "Stand", "note", "stood_for"]

PACKAGE = __name__.partition(".")[0]
#: The names that were asked for and are not here, with the file and the line that asked first.
MISSING: dict[str, str] = {}
#: Python's own names that a stand passes on; others (``__path__``, ``__wrapped__``...) are its own, or not there.
PASSED_ON = {"__all__", "__config__", "__version__"}


def targets_of(name: str) -> tuple[str, ...] | None:
    """The modules of the package that a module of PyTorch is here; None where it is at no place."""
    row = PLACES.get(name)
    if row is not None:
        return tuple(f"{PACKAGE}.{path}".rstrip(".") for path in row.split(" ") if path != ".")
    top, *rest = name.split(".")
    if top != "torch" or rest[0] in HIDDEN or any(part.startswith("_") for part in rest):
        return None
    return (".".join([PACKAGE, *rest]),)


def path_of(module: str, name: str) -> str | None:
    """The path in PyTorch of a module of the package that another one shows as ``name``: that name, its own, or None."""
    if name in PLACES or module in (targets_of(name) or ()):
        return name
    own = f"torch{module.removeprefix(PACKAGE)}"
    return own if module in (targets_of(own) or ()) else None


def loaded(names: Sequence[str]) -> list[ModuleType] | None:
    """These modules, as far as they exist; None where none does."""
    found = []
    for name in names:
        try:
            found.append(import_module(name))
        except ModuleNotFoundError as error:
            if not f"{name}.".startswith(f"{error.name}."):  # something else that this module needs
                raise
    return found if found or not names else None


def asked_by(frame: FrameType | None) -> str:
    """The file and line of the program that asks: the first frame that belongs neither to the import system nor to the package."""
    while frame is not None:
        module = frame.f_globals.get("__name__", "")
        if not module.startswith(("importlib.", "_frozen_importlib")) and module.partition(".")[0] != PACKAGE:
            return f"{frame.f_code.co_filename}:{frame.f_lineno}"
        frame = frame.f_back
    return "?"


def note(name: str, frame: FrameType | None = None) -> str:
    """Remember that a name was asked for (by the caller, or from ``frame``) which is not here; returns what an error says of it."""
    MISSING.setdefault(name, asked_by(frame or sys._getframe(1)))
    return f"{name}: {PACKAGE}, which stands for PyTorch here, has no such name; {PACKAGE}.as_torch.missing() lists all asked for"


class Stand(ModuleType):
    """Stands for a module of PyTorch: looks its names up in modules of the package, once, and notes those that are not there."""

    def __init__(self, name: str, targets: Sequence[ModuleType]) -> None:
        super().__init__(name, f"``{name}``, as {PACKAGE} has it.")
        vars(self)["_targets"] = tuple(targets)
        if targets:
            self.__doc__ = targets[0].__doc__ or self.__doc__

    def fill(self) -> None:
        """Show what the modules have loaded, for programs that look into ``vars(torch.optim)``; the rest is found when asked for."""
        for target in reversed(vars(self)["_targets"]):
            names = vars(target).get("__all__") or [n for n in vars(target) if not n.startswith("_")]
            there = {n: vars(target)[n] for n in names if n in vars(target) and n not in HIDDEN and f"{self.__name__}.{n}" not in VALUES}
            vars(self).update((n, stood_for(v, self.__name__, n)) for n, v in there.items() if not isinstance(v, ModuleType))

    def __getattr__(self, name: str) -> Any:
        whole = f"{self.__name__}.{name}"
        if name.startswith("__") and name not in PASSED_ON:
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")
        if whole in VALUES:
            module, _, wanted = VALUES[whole].partition(":")
            value = getattr(import_module(f"{PACKAGE}.{module}"), wanted)
        else:
            value = self._found(name, whole)
        if not isinstance(value, _Lacking):
            vars(self)[name] = value
            return value
        if name.startswith("__"):
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")
        raise AttributeError(value.why or note(whole), name=name, obj=self)

    def __setattr__(self, name: str, value: Any) -> None:
        """Python makes a module that it has imported an attribute of its parent; a function of that name stays: ``autograd.gradcheck``."""
        if not (isinstance(value, Stand) and not isinstance(self._shown(name)[0], ModuleType | _Lacking)):
            super().__setattr__(name, value)

    def _shown(self, name: str) -> tuple[Any, str]:
        """What the modules here have under a name, or why they have not."""
        why = ""
        for target in vars(self)["_targets"]:
            if target.__name__ == PACKAGE and name in HIDDEN:
                continue
            try:
                value = getattr(target, name)
                if not isinstance(value, ModuleType) or self._shows(target, name, value.__name__):
                    return value, ""
            except AttributeError as error:
                why = why or ("" if "has no attribute" in str(error) else str(error))
        return _LACKING, why

    def _shows(self, target: ModuleType, name: str, module: str) -> bool:
        """Whether a module that one of the package has as ``name`` is a module of PyTorch, and not just a part of the package below it."""
        path = path_of(module, f"{self.__name__}.{name}") if module.partition(".")[0] == PACKAGE else name
        return path is not None and ((path.endswith(name) and path.startswith(self.__name__)) or module != f"{target.__name__}.{name}")

    def _found(self, name: str, whole: str) -> Any:
        value, why = self._shown(name)
        if isinstance(value, ModuleType | _Lacking) and whole in PLACES and loaded(targets_of(whole) or ()) is not None:
            return import_module(whole)
        return _Lacking(why and note(whole) and why) if value is _LACKING else stood_for(value, self.__name__, name)

    def __dir__(self) -> list[str]:
        own = {n for n in vars(self) if n.startswith("__")}
        below = {n.rpartition(".")[2] for n in PLACES if n.rpartition(".")[0] == self.__name__}
        shown = set()
        for t in vars(self)["_targets"]:
            modules = {m.name: f"{t.__name__}.{m.name}" for m in iter_modules(getattr(t, "__path__", []))}
            modules = {n: m for n, m in modules.items() if isinstance(vars(t).get(n, t), ModuleType)}  # no function's name
            modules |= {n: v.__name__ for n, v in vars(t).items() if isinstance(v, ModuleType)}
            away = {n for n, m in modules.items() if not self._shows(t, n, m)}
            shown |= {n for n in dir(t) if not n.startswith("__") or n in PASSED_ON} - away
        return sorted(own | (shown - HIDDEN) | {n for n in below if not n.startswith("_")})

    def __reduce__(self) -> Any:
        return import_module, (self.__name__,)


class _Lacking:
    """What a stand has no value for, and why, where that is known."""

    def __init__(self, why: str) -> None:
        self.why = why


_LACKING = _Lacking("")


def stood_for(value: Any, module: str, name: str) -> Any:
    """``value``; a module of the package as the stand for it; a function of tensors as one that asks ``__torch_function__`` first."""
    if isinstance(value, ModuleType) and not isinstance(value, Stand) and value.__name__.partition(".")[0] == PACKAGE:
        return import_module(path_of(value.__name__, f"{module}.{name}") or f"{module}.{name}")
    asks = module in ASKING and isinstance(value, FunctionType) and value.__module__.startswith(PACKAGE)
    if asks and name not in load("overrides").IGNORED:
        return _asking(value, name, module)
    return value


@functools.lru_cache(maxsize=4096)
def _asking(function: FunctionType, name: str, module: str) -> Any:
    return load("overrides").asking(function, name, module)


class _Release(Distribution):
    """What `importlib.metadata` says of PyTorch: a name and a version."""

    def __init__(self, name: str) -> None:
        self._name = name

    def read_text(self, filename: str) -> str | None:
        """The contents of the file METADATA; there are no other files."""
        version = f"{RELEASES[self._name]}+tensorflowlite"
        text = f"Metadata-Version: 2.1\nName: {self._name}\nVersion: {version}\nSummary: {PACKAGE} stands for it\n"
        return text if filename == "METADATA" else None

    def locate_file(self, path: Any) -> Any:
        """The place of a file; there are none."""
        return path


class Finder(DistributionFinder):
    """Finds what PyTorch's modules are here, before Python looks for an installed PyTorch."""

    def find_spec(self, fullname: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        """The spec of a stand. Raises `ModuleNotFoundError` for a module that is not here, unless it is only asked whether it is there."""
        if fullname.partition(".")[0] not in RELEASES:
            return None
        places = targets_of(fullname)
        lacking = places is None or loaded(places) is None
        if (lacking or fullname == "torchvision") and sys._getframe(2).f_globals.get("__name__") == "importlib.util":
            return None
        if lacking:
            raise ModuleNotFoundError(note(fullname))
        return ModuleSpec(fullname, self, origin=dirname(__file__), is_package=True)  # type: ignore[arg-type]

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        """The stand."""
        return Stand(spec.name, loaded(targets_of(spec.name) or ()) or ())

    def exec_module(self, module: ModuleType) -> None:
        """Its other names are looked up when they are asked for. A module of settings is itself, so that they are made there."""
        module.__file__ = __file__
        module.fill()
        if module.__name__.startswith(AS_THEY_ARE):
            sys.modules[module.__name__] = import_module(targets_of(module.__name__)[0])  # type: ignore[index]

    def find_distributions(self, context: Any = DistributionFinder.Context()) -> Iterator[Distribution]:  # noqa: B008
        """The release of PyTorch that the package stands for; of torchvision it has too little."""
        if context.name in (None, "torch"):
            yield _Release("torch")
