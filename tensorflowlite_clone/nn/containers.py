"""Containers: modules that hold other modules in order or by name. Not here: those of parameters (``parameter_containers.py``)."""

from __future__ import annotations

import operator
import warnings
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Self, overload

from .._checks import integer
from .._errors import DimensionError, OperandError, RegistrationError
from ..core.tensor import Taped
from ..core.where import stacklevel
from .module import Layer, Module


def place(index: Any, length: int, container: str) -> int:
    """An index counted from the front."""
    try:
        i = operator.index(index)
    except TypeError:
        raise OperandError(f"{container}: an index must be an integer or a slice: got {type(index).__name__} {index!r:.40}") from None
    if not -length <= i < length:
        raise DimensionError(f"{container}: index {i} is out of range: it has {length} entries")
    return i % length


def entry(entries: Mapping[Any, Any], key: Any, container: str) -> Any:
    """What stands under a key."""
    if key not in entries:
        raise RegistrationError(f"{container}: there is no {key!r:.40}: it has {', '.join(list(entries)[:10]) or 'nothing'}")
    return entries[key]


def listed(given: Any, container: str, what: str) -> list[Any]:
    """The items of an iterable, which is none by accident: no text, and no single module or tensor."""
    if not isinstance(given, Iterable) or isinstance(given, str | bytes | Taped):
        raise OperandError(f"{container}: {what} must come in a list: got {type(given).__name__} {given!r:.40}; pass [{what}]")
    return list(given)


def _modules_of(given: Any, container: str) -> list[Any]:
    """Several modules that are to be added: all of them, or none if one is no module."""
    modules = listed(given, container, "modules")
    for i, module in enumerate(modules):
        _module(module, container, i)
    return modules


def _module(module: Any, container: str, place: Any) -> None:
    if module is not None and not isinstance(module, Module):
        raise OperandError(f"{container}: item {place!r} must be a module: got {type(module).__name__} {module!r:.40}; pass a module")


def pairs_of(given: Any, container: str, what: str) -> list[tuple[Any, Any]]:
    """Names and what they stand for, from a mapping or from pairs."""
    pairs = list(given.items()) if isinstance(given, Mapping | Module) and hasattr(given, "items") else listed(given, container, what)
    for pair in pairs:
        if not isinstance(pair, tuple | list) or len(pair) != 2:
            raise OperandError(
                f"{container}: {what} must come by name, in a dict or as (name, item): got {type(pair).__name__} {pair!r:.40}"
            )
    return [(name, item) for name, item in pairs]


class Container(Module):
    """Modules by name, given by keyword: the class from which PyTorch's oldest programs derive. `ModuleDict` does the same and more."""

    def __init__(self, **kwargs: Module) -> None:
        super().__init__()
        text = "Container: deprecated, as in PyTorch: derive from Module, or use ModuleDict"
        warnings.warn(text, FutureWarning, stacklevel=stacklevel())
        for name, module in kwargs.items():
            self.add_module(name, module)


class DataParallel(Module):
    """``module`` itself, as PyTorch's on a machine without GPUs: there is one device. The keys of its state begin with "module."."""

    def __init__(self, module: Module, device_ids: Any = None, output_device: Any = None, dim: int = 0) -> None:
        super().__init__()
        if not isinstance(module, Module):
            raise OperandError(f"DataParallel: module must be a module: got {type(module).__name__} {module!r:.40}")
        integer("DataParallel", "dim", dim, -(2**63))
        self.module = module
        self.device_ids: list[Any] = []  # of GPUs

    def forward(self, *inputs: Any, **kwargs: Any) -> Any:
        """What the module computes."""
        return self.module(*inputs, **kwargs)


class Sequential(Layer):
    """Modules applied one after the other: ``y = m_n(... m_1(x))``.

    >>> import tensorflowlite_clone as tl
    >>> model = tl.nn.Sequential(tl.nn.Linear(4, 3), tl.nn.ReLU())
    >>> model(tl.zeros(2, 4)).shape
    (2, 3)
    """

    def __init__(self, *args: Any) -> None:
        super().__init__()
        named = args[0].items() if len(args) == 1 and isinstance(args[0], OrderedDict | dict) else ((str(i), m) for i, m in enumerate(args))
        for name, module in named:
            self.add_module(name, module)

    def forward(self, input: Any) -> Any:
        """Each module on the result of the one before."""
        for module in self._modules.values():
            input = module(input)  # type: ignore[misc]
        return input

    def __len__(self) -> int:
        return len(self._modules)

    def __iter__(self) -> Iterator[Module]:
        return iter(self._modules.values())  # type: ignore[arg-type]

    @overload
    def __getitem__(self, index: int) -> Module: ...
    @overload
    def __getitem__(self, index: slice) -> Sequential: ...
    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return type(self)(OrderedDict(list(self._modules.items())[index]))
        return list(self._modules.values())[place(index, len(self), "Sequential")]

    def __setitem__(self, index: int, module: Module) -> None:
        self.register_module(list(self._modules)[place(index, len(self), "Sequential")], module)

    def __delitem__(self, index: int | slice) -> None:
        names = list(self._modules)
        for name in names[index] if isinstance(index, slice) else [names[place(index, len(self), "Sequential")]]:
            del self._modules[name]
        self._renumber(list(self))

    def _renumber(self, modules: list[Module]) -> None:
        self._modules.clear()
        for i, module in enumerate(modules):
            self.add_module(str(i), module)

    def append(self, module: Module) -> Self:
        """Add a module at the end."""
        self.add_module(str(len(self)), module)
        return self

    def insert(self, index: int, module: Module) -> Self:
        """Add a module in front of the one at ``index``, or at the end; raises `DimensionError`, an `IndexError`, beyond."""
        _module(module, "Sequential", index)
        modules, place = list(self), _integer(index, "Sequential")
        if not -len(modules) <= place <= len(modules):
            raise DimensionError(f"Sequential: index {place} is out of range: it has {len(modules)} modules")
        modules.insert(place, module)
        self._renumber(modules)
        return self

    def extend(self, modules: Iterable[Module]) -> Self:
        """Add modules at the end."""
        for module in _modules_of(modules, "Sequential"):
            self.append(module)
        return self

    def pop(self, index: int) -> Module:
        """Remove the module at ``index`` and return it."""
        module: Module = self[index]
        del self[index]
        return module

    def __add__(self, other: Sequential) -> Sequential:
        return Sequential(*self, *_modules_of(other, "Sequential"))

    def __iadd__(self, other: Iterable[Module]) -> Self:
        return self.extend(other)

    def __mul__(self, times: int) -> Sequential:
        return Sequential(*list(self) * integer("Sequential", "the number of times", times, 1))

    def __rmul__(self, times: int) -> Sequential:
        return self * times

    def __imul__(self, times: int) -> Self:
        return self.extend(list(self) * (integer("Sequential", "the number of times", times, 1) - 1))


class ModuleList(Module):
    """A list of modules that are registered; it computes nothing itself.

    >>> import tensorflowlite_clone as tl
    >>> ModuleList(tl.nn.Linear(2, 2) for _ in range(3))
    ModuleList(
      (0-2): 3 x Linear(in_features=2, out_features=2, bias=True)
    )
    """

    def __init__(self, modules: Iterable[Module] | None = None) -> None:
        super().__init__()
        if modules is not None:
            self.extend(modules)

    def __len__(self) -> int:
        return len(self._modules)

    def __iter__(self) -> Iterator[Module]:
        return iter(self._modules.values())  # type: ignore[arg-type]

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return type(self)(list(self)[index])
        return self._modules[str(place(index, len(self), "ModuleList"))]

    def __setitem__(self, index: int, module: Module) -> None:
        self.register_module(str(place(index, len(self), "ModuleList")), module)

    def __delitem__(self, index: int | slice) -> None:
        modules = list(self)
        del modules[index if isinstance(index, slice) else place(index, len(self), "ModuleList")]
        self._modules.clear()
        self.extend(modules)

    def append(self, module: Module) -> Self:
        """Add a module at the end."""
        self.add_module(str(len(self)), module)
        return self

    def insert(self, index: int, module: Module) -> None:
        """Add a module in front of the one at ``index``."""
        _module(module, "ModuleList", index)
        modules = list(self)
        modules.insert(_integer(index, "ModuleList"), module)
        self._modules.clear()
        self.extend(modules)

    def extend(self, modules: Iterable[Module]) -> Self:
        """Add modules at the end."""
        for module in _modules_of(modules, "ModuleList"):
            self.append(module)
        return self

    def pop(self, index: int | slice) -> Any:
        """Remove the module at ``index`` and return it."""
        module = self[index]
        del self[index]
        return module

    def __add__(self, other: Iterable[Module]) -> ModuleList:
        return ModuleList([*self, *_modules_of(other, "ModuleList")])

    def __iadd__(self, other: Iterable[Module]) -> Self:
        return self.extend(other)

    def __repr__(self) -> str:
        runs: list[tuple[int, int, str]] = []  # first, last and text of modules that print the same
        for i, text in enumerate(map(repr, self)):
            if runs and runs[-1][2] == text:
                runs[-1] = (runs[-1][0], i, text)
            else:
                runs.append((i, i, text))
        if not runs:
            return f"{type(self).__name__}()"
        lines = [f"({a}): {text}" if a == b else f"({a}-{b}): {b - a + 1} x {text}" for a, b, text in runs]
        return f"{type(self).__name__}(\n  " + "\n".join(lines).replace("\n", "\n  ") + "\n)"


class ModuleDict(Module):
    """A dict of modules that are registered; it computes nothing itself.

    >>> import tensorflowlite_clone as tl
    >>> blocks = ModuleDict({"first": tl.nn.Linear(2, 3), "act": tl.nn.ReLU()})
    >>> blocks["first"].out_features, list(blocks)
    (3, ['first', 'act'])
    """

    def __init__(self, modules: Mapping[str, Module] | Iterable[tuple[str, Module]] | None = None) -> None:
        super().__init__()
        if modules is not None:
            self.update(modules)

    def __len__(self) -> int:
        return len(self._modules)

    def __iter__(self) -> Iterator[str]:
        return iter(self._modules)

    def __contains__(self, key: str) -> bool:
        return key in self._modules

    def __getitem__(self, key: str) -> Any:
        return entry(self._modules, key, "ModuleDict")

    def __setitem__(self, key: str, module: Module) -> None:
        self.add_module(key, module)

    def __delitem__(self, key: str) -> None:
        entry(self._modules, key, "ModuleDict")
        del self._modules[key]

    def keys(self) -> Any:
        """The names."""
        return self._modules.keys()

    def values(self) -> Any:
        """The modules."""
        return self._modules.values()

    def items(self) -> Any:
        """Names and modules."""
        return self._modules.items()

    def clear(self) -> None:
        """Remove all modules."""
        self._modules.clear()

    def pop(self, key: str) -> Any:
        """Remove and return one module."""
        entry(self._modules, key, "ModuleDict")
        return self._modules.pop(key)

    def update(self, modules: Mapping[str, Module] | Iterable[tuple[str, Module]]) -> None:
        """Add modules by name."""
        pairs = pairs_of(modules, "ModuleDict", "modules")
        for name, module in pairs:
            _module(module, "ModuleDict", name)
            self._check_name(name, "module")
        for name, module in pairs:
            self.add_module(name, module)


def _integer(index: Any, container: str) -> int:
    return integer(container, "an index", index, -(2**63))
