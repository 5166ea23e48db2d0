"""`device`, `memory_format` and `layout`: there is only the CPU, and dense row-major memory; these let PyTorch programs name them."""

from __future__ import annotations

from typing import Any

from .._errors import ArgumentError, DeviceError
from .._state import shown as named

#: The kinds of devices that PyTorch knows; there is the first.
KINDS = (
    "cpu", "cuda", "ipu", "xpu", "mkldnn", "opengl", "opencl", "ideep", "hip", "ve", "fpga", "maia", "xla", "lazy", "vulkan", "mps", "meta",
    "hpu", "mtia", "privateuseone",
)  # fmt: skip


class device:  # noqa: N801  (PyTorch's name)
    """A place where tensors could live. There is the CPU; others can be named, and what is asked to use them is an error.

    As a context manager and as a decorator it is the device of tensors made inside. Raises `ArgumentError` for what PyTorch has no name for
    and, where it is used, for all but the CPU.

    >>> device("cpu"), str(device("cuda", 0)), device("cuda:1").index
    (device(type='cpu'), 'cuda:0', 1)
    """

    __slots__ = ("index", "type")
    type: str
    index: int | None

    def __init__(self, type: Any = "cpu", index: int | None = None) -> None:
        if isinstance(type, device):
            type, index = type.type, type.index
        name, colon, number = str(type).partition(":")
        if name not in KINDS or (colon and (index is not None or not number.isdecimal())):
            raise ArgumentError(f"device: there is only the CPU: got {str(type)!r:.40}; use 'cpu' or leave device out")
        if index is not None and (not isinstance(index, int) or index < 0):
            raise ArgumentError(f"device: an index must be a number from 0 up: got {index!r:.40}; leave it out")
        self.type, self.index = name, int(number) if colon else index

    def __repr__(self) -> str:
        return f"device(type={self.type!r}{'' if self.index is None else f', index={self.index}'})"

    def __str__(self) -> str:
        return self.type if self.index is None else f"{self.type}:{self.index}"

    def __eq__(self, other: object) -> bool:
        if self.type == "cpu":  # which there is one of
            return other.type == "cpu" if isinstance(other, device) else other == "cpu"
        return isinstance(other, device) and (self.type, self.index) == (other.type, other.index)

    def __hash__(self) -> int:
        return hash(self.type) if self.type == "cpu" else hash((self.type, self.index))

    def __reduce__(self) -> Any:
        return device, (str(self),)

    def __enter__(self) -> device:
        return placed(self)

    def __exit__(self, *exc: object) -> None:
        """Nothing was changed."""

    def __call__(self, func: Any) -> Any:
        """``func`` itself, where this is the CPU."""
        placed(self)
        return func


def on_cpu(place: Any) -> device:
    """``place`` as a device. Raises `DeviceError` unless it is the CPU.

    >>> on_cpu("cpu")
    device(type='cpu')
    """
    found = place if isinstance(place, device) else device(place)
    if found.type != "cpu":
        raise DeviceError(f"device: there is only the CPU: got {str(found)!r:.40}; use 'cpu' or leave device out")
    return found


def placed(place: Any) -> device:
    """As `on_cpu`, for what is made or goes there; "meta", where tensors have no values in PyTorch, is the CPU: here they have some.

    >>> placed("meta")
    device(type='cpu')
    """
    found = place if isinstance(place, device) else device(place)
    return device("cpu") if found.type == "meta" else on_cpu(found)


CPU = device()


class memory_format:  # noqa: N801  (PyTorch's name)
    """The order of elements in memory. Results are row-major here; what PyTorch calls ``channels_last`` there is not."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return self.name if named.package == "tl" else f"torch.{self.name}"


contiguous_format, preserve_format = memory_format("contiguous_format"), memory_format("preserve_format")
#: Orders that are asked for and not given: the elements are the same.
channels_last, channels_last_3d = memory_format("channels_last"), memory_format("channels_last_3d")


class layout:  # noqa: N801  (PyTorch's name)
    """How elements lie in memory: `strided`, at a distance for each dimension, or `sparse_coo`, some of them with their indices."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return self.name if named.package == "tl" else f"torch.{self.name}"


strided = layout("strided")
sparse_coo = layout("sparse_coo")
