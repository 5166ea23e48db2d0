"""`device`: there is only the CPU; this lets PyTorch programs name it."""

from __future__ import annotations

from typing import Any

from .._errors import ArgumentError


class device:  # noqa: N801  (PyTorch's name)
    """The place where tensors live: always the CPU.

    >>> device("cpu")
    device(type='cpu')
    """

    __slots__ = ("index", "type")
    type: str
    index: int | None

    def __init__(self, type: Any = "cpu", index: int | None = None) -> None:
        name = type.type if isinstance(type, device) else str(type)
        if name.split(":")[0] != "cpu":
            raise ArgumentError(f"device: there is only the CPU: got {name!r}; use 'cpu' or leave device out")
        self.type, self.index = "cpu", index

    def __repr__(self) -> str:
        return "device(type='cpu')"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, device) or other == "cpu"

    def __hash__(self) -> int:
        return hash("cpu")


CPU = device()
