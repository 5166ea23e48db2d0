"""Lists and dicts of parameters. Not here: those of modules, and `Sequential` (``containers.py``)."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Iterator, KeysView, Mapping
from typing import Any, Self

from .._errors import OperandError
from ..core.tensor import Taped
from .containers import entry, listed, pairs_of, place
from .module import Module
from .parameter import Parameter


def _kept(value: Any) -> Any:
    """What a container keeps for a value: tensors become parameters, everything else stays what it is."""
    return Parameter(value) if isinstance(value, Taped) and not isinstance(value, Parameter) else value


class _Holder(Module):
    """Values under names, which are attributes: parameters among them are registered."""

    def _put(self, name: str, value: Any) -> None:
        """Let a name stand for a value, whatever it stood for."""
        self._check_name(name, "parameter", replacing=True)
        setattr(self, name, _kept(value))

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """A container of parameters computes nothing: raises `OperandError`."""
        raise OperandError(f"{type(self).__name__}: holds parameters and computes nothing: it cannot be called; take what you need of it")

    def _text(self, entries: Iterable[tuple[Any, Any]]) -> str:
        """The entries by dtype and size; their values would hide the structure."""
        lines = []
        for name, p in entries:
            kind = "Parameter" if isinstance(p, Parameter) else "Tensor"
            size = f"{kind} containing: [{p.dtype} of size {'x'.join(map(str, p.shape))}]" if isinstance(p, Taped) else ""
            lines.append(f"  ({name}): {size or f'Object of type: {type(p).__name__}'}")
        return "\n".join(lines)


class ParameterList(_Holder):
    """A list of parameters that are registered; tensors become parameters, and other objects are kept as they are.

    >>> import tensorflowlite_clone as tl
    >>> weights = ParameterList([tl.ones(2, 3), tl.zeros(3)])
    >>> len(weights), weights[1].requires_grad
    (2, True)
    """

    def __init__(self, values: Iterable[Any] | None = None) -> None:
        super().__init__()
        self._size = 0
        if values is not None:
            self.extend(values)

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__({"_size": len(state["_parameters"]), **state})

    def __len__(self) -> int:
        return self._size

    def __iter__(self) -> Iterator[Any]:
        return iter([getattr(self, str(i)) for i in range(self._size)])

    def __getitem__(self, index: int | slice) -> Any:
        if isinstance(index, slice):
            return type(self)(list(self)[index])
        return getattr(self, str(place(index, len(self), "ParameterList")))

    def __setitem__(self, index: int, value: Any) -> None:
        self._put(str(place(index, len(self), "ParameterList")), value)

    def __iadd__(self, values: Iterable[Any]) -> Self:
        return self.extend(values)

    def append(self, value: Any) -> Self:
        """Add a value at the end."""
        self._put(str(self._size), value)
        self._size += 1
        return self

    def extend(self, values: Iterable[Any]) -> Self:
        """Add values at the end."""
        for value in [_kept(value) for value in listed(values, "ParameterList", "parameters")]:
            self.append(value)
        return self

    def extra_repr(self) -> str:
        """The entries by dtype and size."""
        return self._text(enumerate(self))


class ParameterDict(_Holder):
    """A dict of parameters that are registered; tensors become parameters, and other objects are kept as they are.

    A plain dict is read in the order of its names, as in PyTorch; an `OrderedDict`, pairs and another `ParameterDict` in their own.

    >>> import tensorflowlite_clone as tl
    >>> weights = ParameterDict({"b": tl.ones(2), "a": tl.zeros(3)})
    >>> list(weights), weights["b"].requires_grad
    (['a', 'b'], True)
    """

    def __init__(self, parameters: Any = None) -> None:
        super().__init__()
        self._keys: dict[str, None] = {}
        if parameters is not None:
            self.update(parameters)

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__({"_keys": dict.fromkeys(state["_parameters"]), **state})

    def __len__(self) -> int:
        return len(self._keys)

    def __iter__(self) -> Iterator[str]:
        return iter(self._keys)

    def __reversed__(self) -> Iterator[str]:
        return reversed(self._keys)

    def __contains__(self, key: str) -> bool:
        return key in self._keys

    def __getitem__(self, key: str) -> Any:
        entry(self._keys, key, "ParameterDict")
        return getattr(self, key)

    def __setitem__(self, key: str, value: Any) -> None:
        self._put(key, value)
        self._keys[key] = None

    def __delitem__(self, key: str) -> None:
        entry(self._keys, key, "ParameterDict")
        del self._keys[key]
        delattr(self, key)

    def __or__(self, other: Any) -> ParameterDict:
        joined = self.copy()
        joined.update(other)
        return joined

    def __ror__(self, other: Any) -> ParameterDict:
        joined = ParameterDict(other)
        joined.update(self)
        return joined

    def __ior__(self, other: Any) -> Self:
        self.update(other)
        return self

    def copy(self) -> ParameterDict:
        """Another dict of the same parameters."""
        return ParameterDict(OrderedDict(self.items()))

    def update(self, parameters: Mapping[str, Any] | ParameterDict | Iterable[tuple[str, Any]]) -> None:
        """Add values by name."""
        pairs = pairs_of(parameters, "ParameterDict", "parameters")
        if isinstance(parameters, Mapping) and not isinstance(parameters, OrderedDict):
            pairs = sorted(pairs, key=lambda pair: str(pair[0]))
        for name, value in [(name, _kept(value)) for name, value in pairs]:
            self[name] = value

    def setdefault(self, key: str, default: Any = None) -> Any:
        """The value under a name, which becomes ``default`` if there is none."""
        if key not in self._keys:
            self[key] = default
        return self[key]

    def get(self, key: str, default: Any = None) -> Any:
        """The value under a name, or ``default``."""
        return self[key] if key in self._keys else default

    def pop(self, key: str) -> Any:
        """Remove and return one value."""
        value = self[key]
        del self[key]
        return value

    def popitem(self) -> tuple[str, Any]:
        """Remove and return the name and the value that came last."""
        key = entry(dict(enumerate(self._keys)), len(self._keys) - 1, "ParameterDict")
        return key, self.pop(key)

    def clear(self) -> None:
        """Remove everything."""
        for key in list(self._keys):
            del self[key]

    def fromkeys(self, keys: Iterable[str], default: Any = None) -> ParameterDict:
        """A dict in which all of these names stand for ``default``."""
        return ParameterDict([(key, default) for key in keys])

    def keys(self) -> KeysView[str]:
        """The names."""
        return self._keys.keys()

    def values(self) -> Iterator[Any]:
        """The values."""
        return (self[key] for key in self._keys)

    def items(self) -> Iterator[tuple[str, Any]]:
        """Names and values."""
        return ((key, self[key]) for key in self._keys)

    def extra_repr(self) -> str:
        """The entries by dtype and size."""
        return self._text(self.items())
