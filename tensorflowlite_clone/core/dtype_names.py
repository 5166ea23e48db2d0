"""`dtype`, as users see it: one object for each kind of numbers, with PyTorch's attributes, which NumPy takes for its own dtype.

Here: the class, its objects, and `dtype_of`, which gives them for NumPy's dtypes. Not here: promotion (``dtypes.py``). Inside the
package dtypes are NumPy's; what crosses over to users is one lookup (`DTYPES`) in the ``dtype`` of the boxes and of a few functions.
"""

from __future__ import annotations

from typing import Any, ClassVar, TypeAlias

import numpy as np

from .._errors import DTypeError, OperandError
from .._lazy import optional
from .._state import shown as named
from .._typing import DType

__all__ = ["DTYPES", "bfloat16", "dtype", "dtype_of", "numpy_dtype"]


class dtype:  # noqa: N801  (PyTorch's name)
    """The kind of numbers in a tensor; there is one object for each, so that ``is`` and ``==`` say the same.

    NumPy takes it for its own dtype, and it is equal to that and to its names: ``tl.float32 == np.float32``. Attributes of NumPy's dtypes
    (``kind``, ``name``, ``itemsize``...) are its attributes, too. ``dtype(np.float32)`` and ``dtype("float32")`` look an object up; raises
    `OperandError` where none is meant.

    >>> float32, int16 = dtype("float32"), dtype(np.int16)
    >>> float32, float32.is_floating_point, float32.itemsize, float32.to_complex(), int16.is_signed
    (tl.float32, True, 4, tl.complex64, True)
    >>> float32 == np.float32, np.zeros(2, float32).dtype, str(float32)
    (True, dtype('float32'), 'float32')
    """

    __slots__ = ("char", "dtype", "is_complex", "is_floating_point", "is_signed", "itemsize", "kind", "name")
    #: What NumPy asks for in order to take this for a dtype: its own.
    dtype: DType
    #: As in NumPy: "b", "u", "i", "f" or "c".
    kind: str
    #: NumPy's letter.
    char: str
    name: str
    #: Bytes of one number.
    itemsize: int
    is_floating_point: bool
    is_complex: bool
    is_signed: bool
    _all: ClassVar[dict[str, Kind]] = {}

    def __new__(cls, source: Any) -> Kind:
        """The object that ``source`` means."""
        return dtype_of(source)

    @property
    def __numpy_dtype__(self) -> DType:
        return self.dtype

    def to_complex(self) -> Kind:
        """The complex dtype of the same precision; the short floats, of which there is none, give complex64.

        Raises `DTypeError` for booleans and integers.
        """
        if self.kind not in "fc":
            raise DTypeError(f"to_complex: only floating dtypes have a complex one: this one is {self}; name it, tl.complex64")
        return self if self.is_complex else dtype._all["complex128" if self.name == "float64" else "complex64"]

    def to_real(self) -> Kind:
        """The dtype of the real part of complex numbers; any other dtype itself."""
        return dtype._all["float64" if self.itemsize == 16 else "float32"] if self.is_complex else self

    def __getattr__(self, name: str) -> Any:
        if name == "dtype":  # bfloat16, which is asked for the first time
            numpy = np.dtype(optional("ml_dtypes", "bf16", "bfloat16").bfloat16)
            object.__setattr__(self, "dtype", numpy)
            DTYPES[numpy] = self
            return numpy
        if name.startswith("__"):  # a protocol, which must not load anything
            raise AttributeError(f"'dtype' object has no attribute {name!r}")
        return getattr(self.dtype, name)

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError(f"dtype: a dtype cannot be changed: {name} of {self}")

    def __eq__(self, other: object) -> bool:
        if self is other or type(other) is dtype:
            return self is other
        if self is bfloat16:  # by name, for which nothing has to be loaded
            return "bfloat16" in (other, getattr(other, "name", None), getattr(other, "__name__", None))
        return self.dtype == other

    def __hash__(self) -> int:
        return hash("bfloat16") if self is bfloat16 else hash(self.dtype)

    def __repr__(self) -> str:
        return f"{named.package}.{self.name}"

    def __str__(self) -> str:
        return self.name if named.package == "tl" else repr(self)

    def __reduce__(self) -> Any:
        return dtype, (self.name,)

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *dir(self.dtype)})


#: What type checkers take for the class where it has an attribute of this name.
Kind: TypeAlias = dtype


class _ByDType(dict[Any, dtype]):
    """The dtype of users for each of NumPy's."""

    def __missing__(self, key: DType) -> dtype:
        if key.name == "bfloat16":  # from whoever loaded it
            return DTYPES[bfloat16.dtype]
        native = key.newbyteorder("=")
        if native not in self:  # by another name: NumPy has two letters for some integers
            raise OperandError(f"dtype: tensors hold numbers of at most double precision: got {key}; pass tl.float32, tl.int64 or another")
        return self[native]


#: The dtype of users for each of NumPy's that a tensor may have.
DTYPES = _ByDType()


def _make(name: str, kind: str, char: str, itemsize: int) -> dtype:
    made = dtype._all[name] = object.__new__(dtype)
    values = {
        "kind": kind, "char": char, "name": name, "itemsize": itemsize,
        "is_floating_point": kind == "f", "is_complex": kind == "c", "is_signed": kind in "ifc",
    }  # fmt: skip
    for slot, value in values.items():
        object.__setattr__(made, slot, value)
    return made


for _numpy in map(np.dtype, ("?", "u1", "u2", "u4", "u8", "i1", "i2", "i4", "i8", "f2", "f4", "f8", "c8", "c16")):
    _made = DTYPES[_numpy] = _make(_numpy.name, _numpy.kind, _numpy.char, _numpy.itemsize)
    object.__setattr__(_made, "dtype", _numpy)
#: The upper half of float32. NumPy's dtype of it is that of the package ``ml_dtypes`` (the extra ``bf16``), loaded when it is first used.
bfloat16 = _make("bfloat16", "f", "E", 2)


def numpy_dtype(source: Any) -> DType:
    """NumPy's dtype that ``source``, an argument called ``dtype``, means: as ``np.dtype(source)``, in a third of the time for ours."""
    if type(source) is dtype:
        return source.dtype
    return bfloat16.dtype if isinstance(source, str) and source == "bfloat16" else np.dtype(source)


def dtype_of(source: Any) -> dtype:
    """The dtype that ``source`` (one of ours or of NumPy's, a name, a Python type) means.

    Raises `OperandError` for what no tensor can hold.

    >>> dtype_of(int), dtype_of("f4"), dtype_of(np.dtype(bool))
    (tl.int64, tl.float32, tl.bool)
    """
    if type(source) is dtype:
        return source
    if isinstance(source, str) and source == "bfloat16":
        return bfloat16
    try:
        return DTYPES[np.dtype(source)]
    except TypeError:
        raise OperandError(f"dtype: names no dtype: {source!r:.60}; pass tl.float32, tl.int64 or another") from None
