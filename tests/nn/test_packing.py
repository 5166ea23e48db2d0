"""Sequences of several lengths, padded and packed: against PyTorch, there and back, in every mode, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest

import tensorflowlite_clone as tl
from tensorflowlite_clone.func import jvp, vmap
from tensorflowlite_clone.nn.utils import rnn


def randn(*shape, seed=0):
    return np.random.default_rng([seed, *shape]).normal(size=shape)


LENGTHS = {"falling": [4, 3, 1], "equal": [4, 4, 4], "mixed": [2, 4, 2], "shorter": [3, 1, 3], "one": [1, 1, 1]}


def fields(packed):
    return [None if a is None else a.detach().numpy().tolist() for a in packed]


@pytest.mark.parametrize("lengths", LENGTHS.values(), ids=LENGTHS)
@pytest.mark.parametrize("first", [False, True], ids=["steps first", "batch first"])
@pytest.mark.parametrize("rest", [(), (2,), (2, 3)])
def test_packing_is_pytorchs(lengths, first, rest):
    torch = pytest.importorskip("torch")
    x = randn(*((3, 4) if first else (4, 3)), *rest)
    falling = lengths == sorted(lengths, reverse=True)
    found = []
    for T in (tl, torch):
        r = T.nn.utils.rnn
        leaf = T.tensor(x, requires_grad=True)
        packed = r.pack_padded_sequence(leaf, lengths, first, falling)
        by_tensor = r.pack_padded_sequence(leaf, T.tensor(lengths), batch_first=first, enforce_sorted=falling)
        assert fields(by_tensor) == fields(packed)
        padded, back = r.pad_packed_sequence(packed, not first, -1.5, total_length=6)
        plain, _ = r.pad_packed_sequence(packed)
        assert back.tolist() == lengths
        parts = r.unpack_sequence(packed)
        loss = sum((p * p).sum() for p in parts) + (padded * padded * padded).sum() + (plain * 2.0).sum()
        loss.backward()
        unpadded = r.unpad_sequence(leaf.detach().clone(), T.tensor(lengths), first)  # PyTorch turns its argument in place
        found.append([*fields(packed), padded.detach().numpy(), plain.detach().numpy(), leaf.grad.numpy(), [p.tolist() for p in unpadded]])
        assert [p.tolist() for p in parts] == [p.tolist() for p in unpadded]
    for a, b in zip(*found, strict=True):
        assert np.shape(a) == np.shape(b) if isinstance(a, np.ndarray) else a == b
        if isinstance(a, np.ndarray):
            np.testing.assert_allclose(a, b, rtol=1e-12)


@pytest.mark.parametrize("side", ["right", "left"])
@pytest.mark.parametrize("first", [False, True])
def test_padding_is_pytorchs(first, side):
    torch = pytest.importorskip("torch")
    arrays = [randn(n, 2, seed=n) for n in (2, 5, 1)]
    found = []
    for T in (tl, torch):
        leaves = [T.tensor(a, requires_grad=True) for a in arrays]
        padded = T.nn.utils.rnn.pad_sequence(leaves, first, 0.5, side)
        (padded * padded).sum().backward()
        packed = T.nn.utils.rnn.pack_sequence(leaves, enforce_sorted=False)
        whole = T.nn.utils.rnn.pad_sequence(T.tensor(randn(2, 3)))
        found.append(
            [padded, packed.data, packed.batch_sizes, packed.sorted_indices, packed.unsorted_indices, whole, *(a.grad for a in leaves)]
        )
        assert padded.is_contiguous()
    for a, b in zip(*found, strict=True):
        np.testing.assert_array_equal(a.detach().numpy(), b.detach().numpy())


def test_a_sequence_of_integers_has_the_dtype_of_the_first():
    assert rnn.pad_sequence([tl.tensor([1, 2]), tl.tensor([3])], padding_value=7).tolist() == [[1, 3], [2, 7]]
    assert rnn.pad_sequence([tl.tensor([1]), tl.tensor([2.5])]).dtype == tl.int64


def test_a_packed_sequence_is_a_tuple_with_methods():
    packed = rnn.pack_sequence([tl.tensor([1.0]), tl.tensor([2.0, 3.0])], False)
    data, sizes, order, back = packed
    assert (data is packed.data, sizes.tolist(), order.tolist(), back.tolist()) == (True, [2, 1], [1, 0], [1, 0])
    for name in ("double", "float", "half", "long", "int", "short", "char", "byte"):
        other = getattr(packed, name)()
        assert type(other) is rnn.PackedSequence
        assert other.data.dtype == getattr(packed.data, name)().dtype
        assert other.batch_sizes is packed.batch_sizes
    assert packed.float() is packed
    assert packed.to(tl.float64).data.dtype == tl.float64
    assert packed.to("cpu") is packed
    assert packed.cpu() is packed
    assert not packed.is_cuda
    assert not packed.is_pinned()
    assert rnn.PackedSequence((data, sizes)).batch_sizes is sizes
    assert rnn.PackedSequence(data, sizes, tl.tensor([1, 0])).unsorted_indices.tolist() == [1, 0]
    assert rnn.invert_permutation(None) is None


def test_other_modes():
    x = tl.tensor(randn(5, 4, 3, 2))

    def f(x):
        packed = rnn.pack_padded_sequence(x, [2, 4, 1], enforce_sorted=False)
        padded, _ = rnn.pad_packed_sequence(packed._replace(data=packed.data * packed.data), padding_value=3.0)
        return padded

    mapped = vmap(f)(x)
    np.testing.assert_array_equal(mapped.numpy(), np.stack([f(a).numpy() for a in x]))
    _, moved = jvp(f, (x[0],), (tl.ones(4, 3, 2).double(),))
    kept = np.arange(4)[:, None] < [2, 4, 1]
    np.testing.assert_allclose(moved.numpy(), 2.0 * x[0].numpy() * kept[..., None])


X = tl.zeros(4, 3)
BAD = {
    "rising": (lambda: rnn.pack_padded_sequence(X, [1, 3, 2]), RuntimeError, "enforce_sorted=False"),
    "too long": (lambda: rnn.pack_padded_sequence(X, [5, 3, 2]), RuntimeError, "above 4"),
    "no steps": (lambda: rnn.pack_padded_sequence(X, [4, 3, 0]), RuntimeError, "at least 1"),
    "too few": (lambda: rnn.pack_padded_sequence(X, [4, 3]), RuntimeError, "one length for each of 3"),
    "no lengths": (lambda: rnn.pack_padded_sequence(X, []), RuntimeError, "one length for each of 3"),
    "words": (lambda: rnn.pack_padded_sequence(X, ["a"] * 3), TypeError, "whole numbers"),
    "a vector": (lambda: rnn.pack_padded_sequence(X[0], [1]), RuntimeError, "(3,)"),
    "no sequences": (lambda: rnn.pack_padded_sequence(X[:, :0], []), RuntimeError, "(4, 0)"),
    "no packed sequence": (lambda: rnn.pad_packed_sequence(X), TypeError, "PackedSequence"),
    "total_length": (lambda: rnn.pad_packed_sequence(rnn.pack_padded_sequence(X, [3, 2, 1]), total_length=2), ValueError, "at least"),
    "sizes": (lambda: rnn.pad_packed_sequence(rnn.PackedSequence(X, tl.tensor([1, 3]))), ValueError, "batch_sizes"),
    "nothing to pad": (lambda: rnn.pad_sequence([]), RuntimeError, "no sequences"),
    "a number": (lambda: rnn.pad_sequence(3), RuntimeError, "int"),
    "shapes": (lambda: rnn.pad_sequence([tl.ones(2), tl.ones(2, 3)]), RuntimeError, "(2, 3)"),
    "side": (lambda: rnn.pad_sequence([X], padding_side="top"), RuntimeError, "top"),
    "lengths to unpad": (lambda: rnn.unpad_sequence(X, tl.tensor([1, 2])), RuntimeError, "3 sequences"),
    "unsorted": (lambda: rnn.pack_sequence([tl.ones(1), tl.ones(2)]), RuntimeError, "enforce_sorted=False"),
    "one half": (lambda: rnn.PackedSequence(X), TypeError, "batch_sizes"),
    "permutation": (lambda: rnn.invert_permutation(tl.tensor([0, 0])), ValueError, "once"),
}  # fmt: skip


@pytest.mark.parametrize(("call", "kind", "said"), BAD.values(), ids=BAD)
def test_bad_arguments_are_refused(call, kind, said):
    with pytest.raises(kind) as info:
        call()
    assert said in str(info.value)
