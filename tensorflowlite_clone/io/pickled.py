"""Writing PyTorch's files: an object as a pickle of protocol 2 that ``torch.load(weights_only=True)`` reads, and its storages beside it.

The opcodes are those of Python's module ``pickletools``, the names those that PyTorch's reader allows; PyTorch is not needed. Tensors whose
memory overlaps get one storage, which holds the bytes that they span together and no others. Not here: reading (``pytorch.py``), zip
files (``archive.py``).
"""

from __future__ import annotations

import struct
from collections import Counter, OrderedDict
from collections.abc import Callable
from typing import Any, BinaryIO, TypeAlias

import numpy as np

from .._errors import GraphError, OperandError
from .._typing import NDArray
from ..core.boxed import Boxed
from ..core.device import device as Device  # noqa: N812
from ..core.device import layout as Layout  # noqa: N812
from ..core.dtype_names import DTYPES
from ..core.dtype_names import dtype as Kind  # noqa: N812
from ..core.sharing import window_of
from ..core.size import Size
from ..core.tensor import Taped, Tensor
from ..nn.module import Module
from ..nn.parameter import Parameter, is_lazy
from ..nn.state import moved_out
from ..ops.sparse.coo import SparseTensor
from . import archive
from .allowed import STORAGES, UNTYPED, layer_name, users_name
from .pytorch import MAGIC, VERSION

#: The names of storages by dtype.
NAMES = {dtype: f"{name}Storage" for name, dtype in STORAGES.items() if name != "Untyped"}
#: The classes of which checkpoints consist, beside text and integers: whatever is written once, and then remembered.
OFTEN = frozenset({dict, list, tuple, OrderedDict, Tensor, Parameter})
#: The place of a value in the object: text, or what `_said` makes text of, a form for a key and the place of the container.
Where: TypeAlias = "str | tuple[str, Any, Where]"


class _Region:
    """The part of some memory that tensors of one dtype span together: it becomes a storage."""

    def __init__(self, root: NDArray, start: int, end: int, step: int) -> None:
        self.root, self.start, self.end, self.step, self.key = root, start, end, step, ""

    def data(self) -> memoryview:
        """Its bytes."""
        flat = self.root.reshape(-1, order="A").view(np.uint8)
        return flat[self.start : self.end].data


class _Place:
    """One tensor in the pickle: an array, and where in which memory it stands (bytes)."""

    def __init__(self, array: NDArray, requires_grad: bool) -> None:
        root, window = window_of(array)
        strides, step = array.strides, array.itemsize
        start = 0 if window is None else window[2]
        plain = root.flags.c_contiguous or root.flags.f_contiguous
        if (
            not plain
            or not array.size
            or min(strides, default=0) < 0
            or any(s % step for s in (start, *strides))
            or not array.dtype.isnative
        ):
            array = root = np.array(array, array.dtype.newbyteorder("="), order="C")
            start, strides = 0, array.strides
        self.shape, self.kind, self.requires_grad = array.shape, DTYPES[array.dtype], requires_grad
        self.strides, self.root, self.start = tuple([s // step for s in strides]), root, start
        self.end = start + (array.size and step * (1 + sum((n - 1) * s for n, s in zip(array.shape, self.strides, strict=True))))
        self.region: Any = None


def writer(obj: Any, zipped: bool, byteorder: bool) -> Callable[[BinaryIO], None]:
    """What writes ``obj`` to a file, once all of it is known to be writable."""
    pickler = _Pickler(zipped)
    try:
        pickler.write(obj, "obj")
    except RecursionError:
        raise OperandError("save: obj is nested too deeply: more levels than Python's recursion limit; flatten it") from None
    regions = pickler.storages()
    text = b"".join([p if isinstance(p, bytes) else pickler.tensor_text(p) for p in pickler.parts]) + b"."
    if zipped:
        return lambda file: _write_zip(file, text, regions, byteorder)
    return lambda file: _write_old(file, text, regions)


def _write_zip(file: BinaryIO, text: bytes, regions: list[_Region], byteorder: bool) -> None:
    facts = [(".format_version", b"1"), (".storage_alignment", str(archive.ALIGNMENT).encode())]
    if byteorder:
        facts.append(("byteorder", b"little" if np.little_endian else b"big"))
    contents = ((f"data/{region.key}", region.data()) for region in regions)
    archive.write(file, [("data.pkl", text), *facts, *contents, ("version", b"3\n")])


def _write_old(file: BinaryIO, text: bytes, regions: list[_Region]) -> None:
    sizes = {"short": 2, "int": 4, "long": 4}
    system = {"protocol_version": VERSION, "little_endian": bool(np.little_endian), "type_sizes": sizes}
    for part in (MAGIC, VERSION, system):
        file.write(_plain(part))
    file.write(b"\x80\x02" + text.removeprefix(b"\x80\x02"))
    file.write(_plain([region.key for region in regions]))
    for region in regions:
        content = region.data()
        file.write(struct.pack("=q", len(content) // region.step))
        file.write(content)


def _plain(value: Any) -> bytes:
    """The pickle of something without tensors."""
    pickler = _Pickler(True)
    pickler.write(value, "obj")
    return b"".join(pickler.parts) + b"."


class _Pickler:
    """Collects the opcodes for an object; tensors stand among them until the storages of all are known."""

    def __init__(self, zipped: bool) -> None:
        self.zipped = zipped
        self.parts: list[Any] = [b"\x80\x02"]
        self.places: list[_Place] = []
        #: What was written, by id, with the number under which the reader remembers it; and the thing itself, so that its id stays its own.
        self.memo: dict[Any, tuple[int, Any]] = {}
        self.open: set[int] = set()
        #: How many objects of the user's classes stand around the place.
        self.inside = 0

    # ---- opcodes ------------------------------------------------------------------------------------------------------------
    def op(self, *parts: bytes) -> None:
        """Add opcodes."""
        self.parts += parts

    def name(self, module: str, name: str) -> None:
        """A global name."""
        self.parts.append(f"c{module}\n{name}\n".encode())

    def text(self, text: str) -> None:
        """A string."""
        key = "text", text
        if not self.remembered(key):
            self.parts.append(_text(text))
            self.remember(key, text)

    def remembered(self, key: Any) -> bool:
        """Whether this was written before; then the reader is told to take that."""
        known = self.memo.get(key)
        if known is None:
            return False
        self.op(b"h" + bytes([known[0]]) if known[0] < 256 else b"j" + struct.pack("<I", known[0]))
        return True

    def remember(self, key: Any, thing: Any) -> None:
        """Let the reader remember what it made last."""
        number = len(self.memo)
        self.memo[key] = number, thing
        self.parts.append(b"q" + bytes([number]) if number < 256 else b"r" + struct.pack("<I", number))

    def call(self, module: str, name: str, *args: Any, where: Where = "obj") -> None:
        """What a function gives for these arguments."""
        self.name(module, name)
        self.write_tuple(args, where)
        self.op(b"R")

    # ---- values ---------------------------------------------------------------------------------------------------------------
    def write(self, obj: Any, where: Where) -> None:
        """Any value; ``where`` is its place, see `_said`."""
        kind = type(obj)
        if kind is str:
            self.text(obj)
        elif kind is int:
            self.parts.append(_integer(obj))
        elif kind in OFTEN:
            if not self.remembered(id(obj)):
                self.new(obj, where)
        elif obj is None or isinstance(obj, bool | np.bool_):
            self.op(b"N" if obj is None else b"\x88" if obj else b"\x89")
        elif isinstance(obj, str):
            self.text(str(obj))
        elif isinstance(obj, int | np.integer):
            self.op(_integer(int(obj)))
        elif isinstance(obj, float | np.float16 | np.float32):
            self.op(b"G" + struct.pack(">d", obj))
        elif isinstance(obj, complex | np.complex64):
            self.call("__builtin__", "complex", float(obj.real), float(obj.imag))
        elif not self.remembered(id(obj)):
            self.new(obj, where)

    def new(self, obj: Any, where: Where) -> None:
        """A value that is one thing wherever it stands."""
        if isinstance(obj, list):
            self.op(b"]")
            self.remember(id(obj), obj)
            self.items(list(enumerate(obj)), b"e", where)
            return
        if isinstance(obj, dict) and users_name(type(obj)) is None:
            self.mapping(obj, where)
            return
        if isinstance(obj, tuple) and type(obj) is not Size and users_name(type(obj)) is None:
            self.write_tuple(obj, where)
        else:
            self.other(obj, where)
        if id(obj) not in self.memo:
            self.remember(id(obj), obj)

    def items(self, items: list[tuple[Any, Any]], op: bytes, where: Where) -> None:
        """What stands in a list, or keys and values of a dict."""
        if items:
            self.op(b"(")
            for key, value in items:
                if op == b"u":
                    self.write(key, ("the key {0!r:.80} of {1}", key, where))
                self.write(value, ("{1}[{0!r:.80}]", key, where))
            self.op(op)

    def mapping(self, obj: dict[Any, Any], where: Where) -> None:
        """A dict, with its attributes if it is an OrderedDict."""
        ordered = isinstance(obj, OrderedDict)
        if ordered:
            self.call("collections", "OrderedDict")
        elif type(obj) is Counter:
            self.call("collections", "Counter", {})
        else:
            self.op(b"}")
        self.remember(id(obj), obj)
        self.items(list(obj.items()), b"u", where)
        if ordered and (notes := getattr(obj, "__dict__", None)):
            self.write(dict(notes), ("vars({1})", None, where))
            self.op(b"b")

    def write_tuple(self, obj: Any, where: Where) -> None:
        """A tuple."""
        if id(obj) in self.open:
            raise OperandError(f"save: contains itself: {_said(where)} is the tuple it stands in; store a tree")
        self.open.add(id(obj))
        if len(obj) > 3:
            self.op(b"(")
        for i, value in enumerate(obj):
            self.write(value, ("{1}[{0}]", i, where))
        self.op((b")", b"\x85", b"\x86", b"\x87")[len(obj)] if len(obj) <= 3 else b"t")
        self.open.discard(id(obj))

    def other(self, obj: Any, where: Where) -> None:
        """Whatever is no plain container."""
        if isinstance(obj, Boxed) or hasattr(obj, "detach"):
            self.tensor(obj, where)
        elif isinstance(obj, np.ndarray):
            self.array(obj, where)
        elif isinstance(obj, bytes):
            self.call("_codecs", "encode", obj.decode("latin1"), "latin1")
        elif isinstance(obj, _Global):
            self.name(obj.module, obj.name)
        elif isinstance(obj, bytearray):
            self.call("__builtin__", "bytearray", bytes(obj))
        elif type(obj) is set:
            self.call("__builtin__", "set", list(obj), where=where)
        elif type(obj) is Size:
            self.call("torch", "Size", tuple(obj))
        elif isinstance(obj, Kind):
            self.name("torch", obj.name)
        elif isinstance(obj, Device):
            self.call("torch", "device", str(obj))
        elif isinstance(obj, Layout):
            self.call("torch.serialization", "_get_layout", f"torch.{obj.name}")
        elif self.class_name(obj) is not None:
            self.users(obj, where)
        else:
            known = "tensors, arrays, numbers, strings, bytes, booleans, None, and dicts, lists, tuples and sets of them"
            if callable(getattr(obj, "state_dict", None)):
                known = "its state_dict(), or allow its class with tl.serialization.add_safe_globals([Class])"
            advice = f"store {known}"
            raise OperandError(f"save: cannot be stored: {_said(where)} is a {type(obj).__name__}; {advice}")

    def class_name(self, obj: Any) -> str | None:
        """The name in the file of the class of an object: of one that the user allowed, and of layers inside of such an object."""
        name = users_name(type(obj))
        return layer_name(type(obj)) if name is None and self.inside and isinstance(obj, Module) else name

    def users(self, obj: Any, where: Where) -> None:
        """An object of a class that the user allowed: the class, and what it says of itself."""
        made = obj.__reduce_ex__(2)
        fits = isinstance(made, tuple) and len(made) > 1 and not any(made[3:])
        plain = fits and getattr(made[0], "__name__", "") == "__newobj__"
        known = self.class_name(obj) if plain else users_name(made[0]) if fits else None
        if known is None:
            raise OperandError(
                f"save: cannot be stored: {_said(where)} is a {type(obj).__name__} with a __reduce__ of its own, which fills in "
                f"items or calls what is not allowed; store its values"
            )
        module, _, name = known.rpartition(".")
        self.name(module, name)
        self.write_tuple(made[1][1:] if plain else made[1], where)
        self.op(b"\x81" if plain else b"R")
        if len(made) > 2 and made[2] is not None:
            self.remember(id(obj), obj)
            self.inside += 1
            self.write(moved_out(made[2]) if isinstance(obj, Module) else made[2], ("vars({1})", None, where))
            self.inside -= 1
            self.op(b"b")

    def array(self, obj: NDArray, where: Where) -> None:
        """An array, as NumPy pickles it."""
        if obj.dtype.hasobject or obj.dtype.names is not None or obj.dtype.char not in "?bhilqpBHILQPefdFDSU":
            raise OperandError(
                f"save: the format has no such dtype: {_said(where)} is {obj.dtype} {obj.shape}; convert it, or store a tensor"
            )
        self.call("numpy.core.multiarray", "_reconstruct", _Global("numpy", "ndarray"), (0,), b"b")
        self.op(b"(")
        self.write(1, where)
        self.write(tuple(obj.shape), where)
        self.call("numpy", "dtype", obj.dtype.str.lstrip("<>|="), False, True)
        text = obj.dtype.kind in "SU"
        width = obj.dtype.itemsize if text else -1
        order = "|" if obj.dtype.itemsize == 1 or obj.dtype.kind == "S" else "<" if obj.dtype.newbyteorder("<") == obj.dtype else ">"
        self.write_tuple((3, order, None, None, None, width, 4 if obj.dtype.kind == "U" else 1 if text else -1, 0), where)
        self.op(b"b")
        self.write(False, where)
        self.write(obj.tobytes(), where)
        self.op(b"t", b"b")

    # ---- tensors ----------------------------------------------------------------------------------------------------------------
    def tensor(self, obj: Any, where: Where) -> None:
        """A tensor; its memory is found when all tensors are known."""
        if isinstance(obj, SparseTensor):
            self.name("torch._utils", "_rebuild_sparse_tensor")
            self.call("torch.serialization", "_get_layout", "torch.sparse_coo")
            self.op(b"(")
            for part in (obj._indices(), obj._values(), Size(obj.shape), obj.is_coalesced()):
                self.write(part, where)
            self.op(b"t", b"\x86", b"R")
            return
        if is_lazy(obj):
            raise OperandError(f"save: has no values: {_said(where)} is a {type(obj).__name__}; call its module on an example first")
        try:
            array = obj.numpy(force=True) if isinstance(obj, Taped) else np.asarray(obj.detach().numpy())
        except (RuntimeError, TypeError, AttributeError, GraphError) as error:
            raise OperandError(
                f"save: has no array: {_said(where)} is a {type(obj).__name__} ({error}); store its values instead"
            ) from error
        requires_grad = bool(getattr(obj, "requires_grad", False))
        parameter = isinstance(obj, Parameter)
        place = _Place(array, requires_grad and not parameter)
        if not self.zipped and place.kind.name in UNTYPED:
            raise OperandError(
                f"save: PyTorch's older format has no such dtype: {_said(where)} is {place.kind} {place.shape}; use the new format"
            )
        self.places.append(place)
        notes = dict(vars(obj)) if parameter and vars(obj) else {}
        if parameter:
            self.name("torch._utils", "_rebuild_parameter_with_state" if notes else "_rebuild_parameter")
            self.op(b"(")
        self.parts.append(place)
        if parameter:
            self.write(requires_grad, where)
            self.call("collections", "OrderedDict")
            if notes:
                self.write(notes, ("vars({1})", None, where))
            self.op(b"t", b"R")

    def storages(self) -> list[_Region]:
        """The storages that the tensors need, in the order in which they stand in the object; each tensor is told its own."""
        memory: dict[tuple[int, Kind], list[_Place]] = {}
        for place in self.places:
            memory.setdefault((id(place.root), place.kind), []).append(place)
        for places in memory.values():
            region: Any = None
            for place in sorted(places, key=lambda p: p.start):
                if region is None or place.start >= region.end or place.start == place.end:
                    region = _Region(place.root, place.start, place.end, place.kind.itemsize)
                region.end = max(region.end, place.end)
                place.region = region
        found: list[_Region] = []
        for place in self.places:
            if not place.region.key:
                place.region.key = str(len(found))
                found.append(place.region)
        return found

    def tensor_text(self, place: _Place) -> bytes:
        """The opcodes for a tensor whose storage is known."""
        region, typed = place.region, place.kind.name not in UNTYPED
        step, size = place.kind.itemsize, region.end - region.start
        return b"".join([
            b"ctorch._utils\n_rebuild_tensor_v2\n((" if typed else b"ctorch._utils\n_rebuild_tensor_v3\n((",
            _STORAGE,
            b"ctorch\n" if typed else b"ctorch.storage\n", NAMES[place.kind.name].encode() if typed else b"UntypedStorage", b"\n",
            _text(region.key), _CPU, _integer(size // step if typed else size), b"" if self.zipped else b"N", b"tQ",
            _integer((place.start - region.start) // step),
            b"(", *map(_integer, place.shape), b"t(", *map(_integer, place.strides), b"t",
            b"\x88" if place.requires_grad else b"\x89",
            b"ccollections\nOrderedDict\n)R",
            b"" if typed else b"ctorch\n" + place.kind.name.encode() + b"\n",
            b"tR",
        ])  # fmt: skip


def _said(where: Where) -> str:
    """The place of a value as Python would write it, which is put together here alone: it takes longer than writing a number."""
    steps = []
    while not isinstance(where, str):
        form, key, where = where
        steps.append((form, key))
    for form, key in reversed(steps):
        where = form.format(key, where)
    return where


class _Global:
    """A global name among the arguments of a call."""

    def __init__(self, module: str, name: str) -> None:
        self.module, self.name = module, name


def _text(text: str) -> bytes:
    """A string that is not remembered."""
    raw = text.encode("utf-8", "surrogatepass")
    return b"X" + struct.pack("<I", len(raw)) + raw


_STORAGE, _CPU = _text("storage"), _text("cpu")


def _integer(n: int) -> bytes:
    """An integer of any size."""
    if 0 <= n < 256:
        return b"K" + bytes([n])
    if -(2**31) <= n < 2**31:
        return b"J" + struct.pack("<i", n)
    raw = n.to_bytes(n.bit_length() // 8 + 1, "little", signed=True)
    return b"\x8a" + bytes([len(raw)]) + raw if len(raw) < 256 else b"\x8b" + struct.pack("<i", len(raw)) + raw
