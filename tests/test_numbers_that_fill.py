"""A number written into places of a tensor: it is converted to the tensor's dtype, or refused where that cannot hold it, as in PyTorch."""

from __future__ import annotations

import math

import pytest

import tensorflowlite_clone as tl
from tensorflowlite_clone._errors import ArgumentError

FILLS = {
    "masked_fill": lambda T, x, v: x.masked_fill(T.tensor([True, False, True]), v),
    "masked_fill_": lambda T, x, v: x.masked_fill_(T.tensor([True, False, True]), v),
    "masked_fill, 0-d": lambda T, x, v: x.masked_fill(T.tensor([True, False, True]), T.tensor(v)),
    "index_fill": lambda T, x, v: x.index_fill(0, T.tensor([0]), v),
    "index_fill_": lambda T, x, v: x.index_fill_(0, T.tensor([0]), v),
    "index_fill, 0-d": lambda T, x, v: x.index_fill(0, T.tensor([0]), T.tensor(v)),
    "scatter": lambda T, x, v: x.scatter(0, T.tensor([0]), v),
    "scatter_": lambda T, x, v: x.scatter_(0, T.tensor([0]), v),
    "fill_": lambda T, x, v: x.fill_(v),
    "fill_diagonal_": lambda T, x, v: T.stack([x, x, x]).fill_diagonal_(v),
    "full": lambda T, x, v: T.full((2,), v, dtype=x.dtype),
    "full_like": lambda T, x, v: T.full_like(x, v),
    "new_full": lambda T, x, v: x.new_full((2,), v),
    "x[0] = v": lambda T, x, v: (x.__setitem__(0, v), x)[1],
    "x[:2] = v": lambda T, x, v: (x.__setitem__(slice(0, 2), v), x)[1],
    "x[x > 5] = v": lambda T, x, v: (x.__setitem__(x > 5, v), x)[1],
    "tensor": lambda T, x, v: T.tensor([v], dtype=x.dtype),
    "threshold": lambda T, x, v: T.nn.functional.threshold(x, 5, v),
}
#: Where these are not of PyTorch: (fill, dtype) or (fill, None).
APART = {("threshold", "bool"): "PyTorch has no threshold of booleans"}
INTEGERS = ["int64", "int32", "int8", "uint8"]
TOO_MUCH = [math.inf, -math.inf, math.nan, 1e30]


@pytest.mark.parametrize("dtype", INTEGERS)
@pytest.mark.parametrize("value", TOO_MUCH)
@pytest.mark.parametrize("fill", FILLS)
def test_no_integer_is_made_of_what_is_none(fill, value, dtype):
    x = tl.tensor([4, 6, 7], dtype=getattr(tl, dtype))
    with pytest.raises(ArgumentError, match=f"does not fit a tensor of {dtype}"):
        FILLS[fill](tl, x, value)
    assert x.tolist() == [4, 6, 7]


@pytest.mark.parametrize("dtype", [*INTEGERS, "bool", "float32", "float64"])
@pytest.mark.parametrize("value", [*TOO_MUCH, 2.7, -2.7, 3, -3, 100, True, 0.0])
@pytest.mark.parametrize("fill", FILLS)
def test_beside_torch(fill, value, dtype):
    torch = pytest.importorskip("torch")
    if (fill, dtype) in APART:
        return
    found = []
    for lib in (torch, tl):
        try:
            y = FILLS[fill](lib, lib.tensor([4, 6, 7], dtype=getattr(lib, dtype)), value)
            found.append((str(y.dtype).rpartition(".")[2], repr(y.tolist())))
        except (RuntimeError, ValueError):
            found.append("refused")
    assert found[0] == found[1]
