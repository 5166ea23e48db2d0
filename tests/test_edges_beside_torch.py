"""Public functions at the edges of what they take, beside PyTorch: nothing named, no elements, one number, values that are refused.

Value, dtype and shape, or an error on both sides. Then: whatever takes integers takes every kind of them. Not here: which results share
memory (``test_sharing_beside_torch.py``), and errors with their texts (the tests of each function).
"""

from __future__ import annotations

import numpy as np
import pytest

import tensorflowlite_clone as tl

torch = pytest.importorskip("torch", reason="PyTorch is not installed; pip install -e '.[bench]' to compare with it")

EDGES = {
    # a sequence by name may be empty
    "flip": lambda T: T.flip(T.ones(2, 3), dims=()),
    "flip a list": lambda T: T.ones(2, 3).flip(dims=[]),
    "permute": lambda T: T.permute(T.tensor(1.0), dims=()),
    "permute a vector": lambda T: T.ones(2).permute(dims=()),
    "repeat": lambda T: T.tensor(1.0).repeat(repeats=()),
    "tile": lambda T: T.tile(T.tensor([1.0, 2.0]), dims=()),
    "expand": lambda T: T.tensor(1.0).expand(size=()),
    "view": lambda T: T.tensor([1.0]).view(size=()),
    "reshape": lambda T: T.tensor([1.0]).reshape(shape=()),
    "zeros": lambda T: T.zeros(size=()),
    "new_zeros": lambda T: T.ones(2).new_zeros(size=()),
    "sum_to_size": lambda T: T.tensor([1.0, 2.0]).sum_to_size(size=()),
    "sum_to_size of booleans": lambda T: (T.tensor(True).sum_to_size(()), T.ones(3, dtype=T.bool).sum_to_size(1)),
    "roll": lambda T: T.roll(T.tensor([1, 2]), 1, dims=()),
    "split": lambda T: T.zeros(0).split([]),
    "split in pieces": lambda T: T.zeros(2).split([]),
    "tensor_split": lambda T: T.arange(4).tensor_split(()),
    "tensordot": lambda T: T.tensordot(T.ones(2), T.ones(3), dims=([], [])),
    "sum": lambda T: (T.ones(2, 3).sum(()), T.ones(2, 3).amax(()), T.ones(2, 3).any(())),
    # one number where vectors are meant
    "cosine_similarity": lambda T: [T.cosine_similarity(T.tensor(2.0), T.tensor(-3.0), dim=d) for d in (0, -1)],
    "cosine_similarity dim 1": lambda T: T.cosine_similarity(T.tensor(2.0), T.tensor(-3.0), dim=1),
    "vander": lambda T: T.linalg.vander(T.tensor(2.0), N=3),
    "vander of one column": lambda T: T.linalg.vander(T.tensor(2.0)),
    # nothing there
    "fftfreq": lambda T: T.fft.fftfreq(0),
    "lstsq of no matrices": lambda T: tuple(T.linalg.lstsq(T.zeros(0, 5, 3), T.zeros(0, 5, 2), driver="gelsd")),
    "lstsq of no wide matrices": lambda T: tuple(T.linalg.lstsq(T.zeros(0, 3, 5), T.zeros(0, 3, 2), driver="gelsd")),
    # singular: the factors are numbers all the same
    "ldl of zeros": lambda T: T.linalg.ldl_factor_ex(T.zeros(3, 3)),
    "ldl after a zero": lambda T: T.linalg.ldl_factor_ex(T.tensor([[0.0, 0, 0], [0, 2, 1], [0, 1, 3]])),
    "ldl after two zeros": lambda T: T.linalg.ldl_factor_ex(T.tensor([[0.0, 0, 0], [0, 0, 0], [0, 0, 3]])),
    # complex values for complex tensors
    "constant_pad_nd": lambda T: T.constant_pad_nd(T.ones(1, 2, dtype=T.complex64), (1, 1), 2 + 1j),
    "constant_pad_nd of real numbers": lambda T: T.constant_pad_nd(T.ones(2), (1, 1), 2 + 1j),
    # values that mean something elsewhere
    **{f"{f} of -1": (lambda T, f=f: getattr(T.fft, f)(T.ones(4), -1)) for f in ("fft", "ifft", "rfft", "irfft", "hfft", "ihfft")},
    "fftn of -1": lambda T: T.fft.fftn(T.ones(4, 4), (-1, 2)),
    "fftfreq of -1": lambda T: T.fft.fftfreq(-1),
    "isclose, rtol < 0": lambda T: T.isclose(T.ones(2), T.ones(2), rtol=-1),
    "isclose, atol < 0": lambda T: T.isclose(T.ones(2), T.ones(2), atol=-1),
    "allclose, rtol < 0": lambda T: T.allclose(T.ones(2), T.ones(2), rtol=-1),
    "allclose, atol < 0": lambda T: T.allclose(T.ones(2), T.ones(2), atol=-1),
    **{f"{x!r:.9} in a tensor": (lambda T, x=x: x in T.ones(2)) for x in ("a", None, [1.0], {}, 1, 2.0, True, np.float32(1))},
}  # fmt: skip


def flat(results):
    return [t for r in results for t in flat(r)] if isinstance(results, tuple | list) else [results]


def outcome(T, f):
    try:
        results = flat(f(T))
    except (RuntimeError, TypeError, ValueError, IndexError) as error:
        return error
    return [
        (str(x.dtype).removeprefix("torch."), tuple(x.shape), x.resolve_conj().tolist()) if isinstance(x, T.Tensor) else x for x in results
    ]


@pytest.mark.parametrize("name", EDGES)
def test_edge(name):
    ours, theirs = outcome(tl, EDGES[name]), outcome(torch, EDGES[name])
    if isinstance(theirs, Exception):
        assert isinstance(ours, type(theirs)) and str(ours)
    else:
        assert len(ours) == len(theirs)
        for x, y in zip(ours, theirs, strict=True):
            assert x[:2] == y[:2] if isinstance(y, tuple) else x == y
            if isinstance(y, tuple):
                np.testing.assert_allclose(np.array(x[2]), np.array(y[2]), rtol=1e-6)


#: Functions of a vector of integers 0, 1, 2 and a vector of numbers, which differ in nothing but the kind of the integers.
INTEGERS = {
    "bincount": lambda i, x: tl.bincount(i),
    "bincount with weights": lambda i, x: tl.bincount(i, x),
    "bincount with weights of its kind": lambda i, x: tl.bincount(i, i, minlength=5),
    "one_hot": lambda i, x: tl.nn.functional.one_hot(i, 3),
    "unique": lambda i, x: tl.unique(i, return_counts=True)[1],
    "cumsum": lambda i, x: tl.cumsum(i, 0),
    "sum": lambda i, x: tl.sum(i),
    "argsort": lambda i, x: tl.argsort(i),
    "searchsorted": lambda i, x: tl.searchsorted(i, i),
    "repeat_interleave": lambda i, x: tl.repeat_interleave(x, i),
    "embedding": lambda i, x: tl.nn.functional.embedding(i, x[:, None]),
    "cross_entropy": lambda i, x: tl.nn.functional.cross_entropy(x.expand(3, 3), i),
    "combinations": lambda i, x: tl.combinations(i).long(),
    "take": lambda i, x: tl.take(x, i),
    "take_along_dim": lambda i, x: tl.take_along_dim(x, i, 0),
    "gather": lambda i, x: tl.gather(x, 0, i),
    "scatter": lambda i, x: tl.scatter(x, 0, i, x),
    "scatter_add": lambda i, x: tl.scatter_add(x, 0, i, x),
    "scatter_reduce": lambda i, x: tl.scatter_reduce(x, 0, i, x, "prod"),
    "index_select": lambda i, x: tl.index_select(x, 0, i),
    "index_add": lambda i, x: tl.index_add(x, 0, i, x),
    "index_copy": lambda i, x: tl.index_copy(x, 0, i, x),
    "index_fill": lambda i, x: tl.index_fill(x, 0, i[:2], 5.0),
    "index_reduce": lambda i, x: tl.index_reduce(x, 0, i, x, "amax"),
    "put": lambda i, x: x.put(i, x),
    "embedding_bag": lambda i, x: tl.nn.functional.embedding_bag(i[None], x[:, None]),
    "unravel_index": lambda i, x: tl.unravel_index(i, (1, 3))[1],
    "nll_loss": lambda i, x: tl.nn.functional.nll_loss(x.expand(3, 3), i),
    "multi_margin_loss": lambda i, x: tl.nn.functional.multi_margin_loss(x.expand(3, 3), i),
}


@pytest.mark.parametrize("dtype", ["uint8", "int8", "int16", "int32", "uint16", "uint32", "uint64"])
@pytest.mark.parametrize("name", INTEGERS)
def test_every_kind_of_integers(name, dtype):
    i, x = tl.tensor([0, 2, 1]), tl.tensor([0.5, 2.0, -1.0], dtype=tl.float64)
    try:
        ours = INTEGERS[name](i.to(getattr(tl, dtype)), x)
    except TypeError as error:
        assert "integers" in str(error) or "int64" in str(error)  # refused by its dtype, and it says so
        return
    np.testing.assert_array_equal(ours.double().numpy(), INTEGERS[name](i, x).double().numpy())


@pytest.mark.parametrize(
    "call",
    [
        lambda T, x, none: T.gather(x, 0, none), lambda T, x, none: T.scatter(x, 0, none, 1.0),
        lambda T, x, none: T.scatter_add(x, 0, none, none),
        lambda T, x, none: T.gather(T.stack([x, x]), 1, none),
    ],
)  # fmt: skip
def test_an_index_without_places_may_be_of_any_dtype(call):
    torch = pytest.importorskip("torch")
    mine, theirs = (call(T, T.ones(3, requires_grad=True), T.tensor([])) for T in (tl, torch))
    assert mine.shape == theirs.shape and mine.requires_grad == theirs.requires_grad


@pytest.mark.parametrize("name", ["trapezoid", "cumulative_trapezoid", "trapz"])
def test_places_and_a_distance_contradict_each_other(name):
    with pytest.raises(TypeError, match="pass one of them"):
        getattr(tl, name)(tl.ones(3), tl.ones(3), dx=2.0)
    assert getattr(tl, name)(tl.ones(3), tl.ones(3), dx=1.0) is not None


@pytest.mark.parametrize("index", [1.5, object(), "float tensor", "a"])
def test_what_is_no_index_is_an_index_error_and_a_type_error(index):
    index = tl.tensor([1.5]) if index == "float tensor" else index
    for use in (lambda x: x[index], lambda x: x.__setitem__(index, 1.0)):
        with pytest.raises(IndexError) as caught:
            use(tl.ones(3))
        assert isinstance(caught.value, TypeError)
