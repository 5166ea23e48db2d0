"""`assert_close`: an error that says where and by how much two values differ. Not here: tensors to compare (``creation.py``)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from .._errors import ArgumentError, OperandError
from ..core.boxed import Boxed
from ..core.tensor import Tensor

__all__ = ["TOLERANCES", "assert_allclose", "assert_close"]

#: (relative, absolute) by the dtype; others are compared exactly. The values are those that PyTorch documents for the function.
TOLERANCES = {
    "float16": (1e-3, 1e-5), "bfloat16": (1.6e-2, 1e-5), "float32": (1.3e-6, 1e-5), "float64": (1e-7, 1e-7), "complex64": (1.3e-6, 1e-5),
    "complex128": (1e-7, 1e-7),
}  # fmt: skip


class _Options:
    def __init__(self, rtol: Any, atol: Any, **flags: Any) -> None:
        if (rtol is None) != (atol is None):
            raise ArgumentError(f"assert_close: rtol and atol go together: got rtol={rtol} and atol={atol}; give both or none")
        self.rtol, self.atol, self.flags = rtol, atol, flags

    def tolerances(self, *dtypes: str) -> tuple[float, float]:
        """Those given, or the widest of the dtypes'."""
        if self.rtol is not None:
            return self.rtol, self.atol
        found = [TOLERANCES.get(d, (0.0, 0.0)) for d in dtypes]
        return max(r for r, _ in found), max(a for _, a in found)


def assert_close(
    actual: Any, expected: Any, *, allow_subclasses: bool = True, rtol: float | None = None, atol: float | None = None,
    equal_nan: bool = False, check_device: bool = True, check_dtype: bool = True, check_layout: bool = True, check_stride: bool = False,
    msg: str | Callable[[str], str] | None = None,
) -> None:  # fmt: skip
    """Raise `AssertionError` unless ``|actual - expected| <= atol + rtol * |expected|`` everywhere, and shapes and dtypes are equal.

    Sequences and mappings are compared element by element, numbers as tensors without dimensions. Without tolerances they follow from the
    dtype: 1.3e-6 and 1e-5 for float32, 1e-7 for float64. Raises `ArgumentError` for one tolerance alone, `OperandError` for other values.

    >>> import tensorflowlite_clone as tl
    >>> assert_close(tl.ones(2), tl.ones(2) + 1e-7)
    >>> assert_close([1, tl.zeros(2)], [1, tl.tensor([0.0, 1.0])])
    Traceback (most recent call last):
        ...
    AssertionError: Tensor-likes are not close!
    <BLANKLINE>
    Mismatched elements: 1 / 2 (50.0%)
    Greatest absolute difference: 1.0 at index (1,) (up to 1e-05 allowed)
    Greatest relative difference: 1.0 at index (1,) (up to 1.3e-06 allowed)
    <BLANKLINE>
    The failure occurred for item [1]
    """
    options = _Options(rtol, atol, subclasses=allow_subclasses, nan=equal_nan, dtype=check_dtype, layout=check_layout, stride=check_stride)
    found = _difference(actual, expected, options, "")
    if found is None:
        return
    text, where = found
    said = text + (f"\n\nThe failure occurred for item {where}" if where else "")
    raise AssertionError(said if msg is None else msg(said) if callable(msg) else msg)


def assert_allclose(actual: Any, expected: Any, rtol: Any = None, atol: Any = None, equal_nan: bool = True, msg: str = "") -> None:
    """As `assert_close` of tensors made of both, without a look at dtypes; PyTorch's older name."""
    assert_close(
        _tensor(actual),
        _tensor(expected),
        rtol=rtol,
        atol=atol,
        equal_nan=equal_nan,
        check_dtype=False,
        check_device=False,
        msg=msg or None,
    )


def _tensor(value: Any) -> Any:
    return Tensor.wrap(np.asarray(value), 0) if not isinstance(value, Boxed) else value


def _difference(actual: Any, expected: Any, options: _Options, where: str) -> tuple[str, str] | None:
    """What differs, and where in a collection; None if nothing does."""
    if isinstance(actual, Mapping) and isinstance(expected, Mapping):
        if actual.keys() != expected.keys():
            lacking, extra = sorted(map(str, expected.keys() - actual.keys())), sorted(map(str, actual.keys() - expected.keys()))
            return f"The keys of the mappings do not match:\nMissing keys: {lacking}\nAdditional keys: {extra}", where
        return _first(((k, actual[k], expected[k]) for k in actual), options, where)
    if _is_sequence(actual) and _is_sequence(expected):
        if len(actual) != len(expected):
            return f"The length of the sequences mismatch: {len(actual)} != {len(expected)}", where
        return _first(((i, a, e) for i, (a, e) in enumerate(zip(actual, expected, strict=True))), options, where)
    if actual is None or expected is None:
        return None if actual is expected else (f"None mismatch: {actual} is not {expected}", where)
    said = _leaves(actual, expected, options)
    return None if said is None else (said, where)


def _first(items: Any, options: _Options, where: str) -> tuple[str, str] | None:
    return next((d for key, a, e in items if (d := _difference(a, e, options, f"{where}[{key!r}]")) is not None), None)


def _is_sequence(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str | bytes)


def _leaves(actual: Any, expected: Any, options: _Options) -> str | None:
    numbers = all(isinstance(v, int | float | complex | bool | np.number) for v in (actual, expected))
    tensors = any(all(isinstance(v, kind) for v in (actual, expected)) for kind in (Boxed, np.ndarray))
    if not (numbers or tensors) or (not options.flags["subclasses"] and type(actual) is not type(expected)):
        kinds = f"{type(actual).__name__} and {type(expected).__name__}"
        raise OperandError(f"assert_close: compares tensors with tensors and numbers with numbers: got {kinds}; convert one of them")
    if numbers and isinstance(actual, bool) != isinstance(expected, bool):
        return f"Booleans mismatch: {actual} is not {expected}"
    if numbers and options.flags["dtype"] and type(actual) is not type(expected):
        return f"The (d)types do not match: {type(actual)} != {type(expected)}."
    kind = "Scalars" if numbers else "Tensor-likes"
    for name, a, e in _attributes(actual, expected, options) if tensors else ():
        if a != e:
            return f"The values for attribute '{name}' do not match: {a} != {e}."
    a, e = (_array(v) for v in (actual, expected))
    rtol, atol = options.tolerances(a.dtype.name, e.dtype.name)
    return _unequal(kind, a, e, rtol, atol, options.flags["nan"])


def _attributes(actual: Any, expected: Any, options: _Options) -> Any:
    yield "shape", tuple(actual.shape), tuple(expected.shape)
    if options.flags["layout"]:
        yield "layout", str(getattr(actual, "layout", "strided")), str(getattr(expected, "layout", "strided"))
    if options.flags["dtype"]:
        yield "dtype", str(actual.dtype), str(expected.dtype)
    if options.flags["stride"]:
        yield "stride()", actual.stride(), expected.stride()


def _array(value: Any) -> Any:
    if not isinstance(value, Boxed):
        return np.asarray(value)
    dense: Any = value.detach()
    return (dense.to_dense() if dense.is_sparse else dense).numpy(force=True)


def _unequal(kind: str, a: Any, e: Any, rtol: float, atol: float, equal_nan: bool) -> str | None:
    wide = np.result_type(a.dtype if a.dtype.kind in "biufc" else np.float32, e.dtype if e.dtype.kind in "biufc" else np.float32)
    exact = rtol == atol == 0
    if not (exact and wide.kind in "biu"):
        wide = np.result_type(wide, np.float64)
    a, e = a.astype(wide), e.astype(wide)
    with np.errstate(all="ignore"):
        equal = a == e
        if exact:
            close = equal | (np.isnan(a) & np.isnan(e) if equal_nan and wide.kind in "fc" else False)
        else:
            close = equal | (np.isfinite(a) & np.isfinite(e) & (np.abs(a - e) <= atol + rtol * np.abs(e)))
            close |= np.isnan(a) & np.isnan(e) if equal_nan else False
        if np.all(close):
            return None
        absolute = np.abs(a.astype(np.float64 if wide.kind != "c" else wide) - e)
        relative = absolute / np.abs(e)
    allowed = ("", "") if exact else (f" (up to {atol} allowed)", f" (up to {rtol} allowed)")
    if kind == "Scalars" or a.ndim == 0:
        return (
            f"Scalars are not {'equal' if exact else 'close'}!\n\nExpected {e.item()} but got {a.item()}.\n"
            f"Absolute difference: {absolute.item()}{allowed[0]}\nRelative difference: {relative.item()}{allowed[1]}"
        )
    count = int(np.sum(~close))
    lines = [f"{kind} are not {'equal' if exact else 'close'}!\n", f"Mismatched elements: {count} / {a.size} ({100 * count / a.size:.1f}%)"]
    for name, values, limit in (("absolute", absolute, allowed[0]), ("relative", relative, allowed[1])):
        values = np.where(close, 0, values)
        place = np.unravel_index(int(np.argmax(values)), values.shape)
        lines.append(f"Greatest {name} difference: {values[place].item()} at index {tuple(map(int, place))}{limit}")
    return "\n".join(lines)
