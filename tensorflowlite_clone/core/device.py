"""`device`, `memory_format` and `layout`: there is only the CPU, and dense row-major memory; these let PyTorch programs name them."""

from __future__ import annotations

from typing import Any

from .._errors import ArgumentError


class device:  # noqa: N801  (PyTorch's name)
    """The place where tensors live: always the CPU.

    Raises `ArgumentError` for other places.

    >>> device("cpu"), str(device("cpu", 0))
    (device(type='cpu'), 'cpu:0')
    """

    __slots__ = ("index", "type")
    type: str
    index: int | None

    def __init__(self, type: Any = "cpu", index: int | None = None) -> None:
        if isinstance(type, device):
            type, index = type.type, type.index
        name, colon, number = str(type).partition(":")
        if name != "cpu" or (colon and (index is not None or not number.isdecimal())):
            raise ArgumentError(f"device: there is only the CPU: got {str(type)!r:.40}; use 'cpu' or leave device out")
        if index is not None and (not isinstance(index, int) or index < 0):
            raise ArgumentError(f"device: an index must be a number from 0 up: got {index!r:.40}; leave it out")
        self.type, self.index = "cpu", int(number) if colon else index

    def __repr__(self) -> str:
        return f"device(type='cpu'{'' if self.index is None else f', index={self.index}'})"

    def __str__(self) -> str:
        return "cpu" if self.index is None else f"cpu:{self.index}"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, device) or other == "cpu"

    def __hash__(self) -> int:
        return hash("cpu")

    def __reduce__(self) -> Any:
        return device, (str(self),)


CPU = device()


class memory_format:  # noqa: N801  (PyTorch's name)
    """The order of elements in memory. Results are row-major here; what PyTorch calls ``channels_last`` there is not."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return self.name


contiguous_format, preserve_format = memory_format("contiguous_format"), memory_format("preserve_format")


class layout:  # noqa: N801  (PyTorch's name)
    """How elements lie in memory: `strided`, at a distance for each dimension, or `sparse_coo`, some of them with their indices."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return self.name


strided = layout("strided")
sparse_coo = layout("sparse_coo")
