"""Which results of public functions share memory with an operand: those that do in PyTorch, also where nothing has to be computed.

A function that hands its operand back where there is nothing to do (a running sum of one number, no differences, one repetition) lets a
change of its result in place spoil the operand. Every call of ``tests/samples/`` is asked, and those below, in which the settings leave
the operand as it is. Not here: operations by themselves (``test_memory_sharing.py``).
"""

from __future__ import annotations

import numpy as np
import pytest
from samples import collect
from torch_modes import array_of

import tensorflowlite_clone as tl

torch = pytest.importorskip("torch", reason="PyTorch is not installed; pip install -e '.[bench]' to compare with it")

_, CALLS = collect()
#: PyTorch gives the operand itself, or a view of it, where ours is a copy; a change of the result in place is then not seen in the operand.
COPIES = {"conj", "clone complex", "positive of a number", "positive of a vector"}

#: Functions of a number and of a vector of one element, with settings that leave nothing to do.
NOTHING_TO_DO = {
    "abs": lambda T, x: T.abs(x),
    "amax": lambda T, x: T.amax(x, 0),
    "as_tensor": lambda T, x: T.as_tensor(x),
    "atleast_1d": lambda T, x: T.atleast_1d(x),
    "block_diag": lambda T, x: T.block_diag(x),
    "broadcast_to": lambda T, x: T.broadcast_to(x, x.shape),
    "cartesian_prod": lambda T, x: T.cartesian_prod(x.reshape(1)),
    "cat": lambda T, x: T.cat([x.reshape(1)]),
    "clamp": lambda T, x: T.clamp(x, -99, 99),
    "clone": lambda T, x: T.clone(x),
    "column_stack": lambda T, x: T.column_stack([x]),
    "combinations": lambda T, x: T.combinations(x.reshape(1), 1),
    "contiguous": lambda T, x: x.contiguous(),
    "cummax": lambda T, x: T.cummax(x, 0)[0],
    "cummin": lambda T, x: T.cummin(x, 0)[0],
    "cumprod": lambda T, x: T.cumprod(x, 0),
    "cumsum": lambda T, x: T.cumsum(x, 0),
    "diff": lambda T, x: T.diff(x.reshape(1), n=0),
    "dropout": lambda T, x: T.nn.functional.dropout(x, 0.0),
    "expand": lambda T, x: x.expand(x.shape),
    "fftshift": lambda T, x: T.fft.fftshift(x.reshape(1)),
    "flatten": lambda T, x: T.flatten(x),
    "flip": lambda T, x: T.flip(x, dims=()),
    "floor": lambda T, x: T.floor(x),
    "fmod": lambda T, x: T.fmod(x, 99),
    "gather": lambda T, x: T.gather(x, 0, T.zeros(x.shape, dtype=T.int64)),
    "index_add": lambda T, x: T.index_add(x.reshape(1), 0, T.zeros(0, dtype=T.int64), T.zeros(0, dtype=x.dtype)),
    "index_select": lambda T, x: T.index_select(x, 0, T.tensor([0])),
    "interpolate": lambda T, x: T.nn.functional.interpolate(x.reshape(1, 1, 1), size=1),
    "kthvalue": lambda T, x: T.kthvalue(x, 1, 0)[0],
    "logcumsumexp": lambda T, x: T.logcumsumexp(x, 0),
    "masked_fill": lambda T, x: T.masked_fill(x, x != x, 0.0),
    "masked_select": lambda T, x: T.masked_select(x, x == x),
    "max": lambda T, x: T.max(x, 0)[0],
    "mean": lambda T, x: T.mean(x),
    "median": lambda T, x: T.median(x, 0)[0],
    "meshgrid": lambda T, x: T.meshgrid(x.reshape(1), indexing="ij")[0],
    "mode": lambda T, x: T.mode(x, 0)[0],
    "movedim": lambda T, x: T.movedim(x, (), ()),
    "msort": lambda T, x: T.msort(x.reshape(1)),
    "nan_to_num": lambda T, x: T.nan_to_num(x),
    "nanmedian": lambda T, x: T.nanmedian(x, 0)[0],
    "nansum": lambda T, x: T.nansum(x),
    "pad": lambda T, x: T.nn.functional.pad(x.reshape(1, 1, 1), (0, 0)),
    "positive": lambda T, x: T.positive(x),
    "prod": lambda T, x: T.prod(x, 0),
    "ravel": lambda T, x: T.ravel(x),
    "real": lambda T, x: T.real(x),
    "renorm": lambda T, x: T.renorm(x.reshape(1, 1), 2, 0, 99.0),
    "repeat": lambda T, x: x.repeat(1),
    "repeat_interleave": lambda T, x: T.repeat_interleave(x, 1),
    "repeat_interleave along 0": lambda T, x: T.repeat_interleave(x.reshape(1), 1, 0),
    "roll": lambda T, x: T.roll(x.reshape(1), 0, 0),
    "rot90": lambda T, x: T.rot90(x.reshape(1, 1), 0),
    "round": lambda T, x: T.round(x),
    "sort": lambda T, x: T.sort(x, 0)[0],
    "split": lambda T, x: x.reshape(1).split(1)[0],
    "squeeze": lambda T, x: T.squeeze(x),
    "stack": lambda T, x: T.stack([x]),
    "sum": lambda T, x: T.sum(x, 0),
    "sum_to_size": lambda T, x: x.sum_to_size(x.shape),
    "take": lambda T, x: T.take(x, T.tensor([0])),
    "tensor_split": lambda T, x: x.reshape(1).tensor_split(1)[0],
    "tile": lambda T, x: T.tile(x, (1,)),
    "to": lambda T, x: x.to(x.dtype),
    "tril": lambda T, x: T.tril(x.reshape(1, 1)),
    "unique": lambda T, x: T.unique(x),
    "vstack": lambda T, x: T.vstack([x]),
    "where": lambda T, x: T.where(x == x, x, x),
}


def tensors(results):
    """The tensors in what a function gave, however they are nested."""
    if isinstance(results, tuple | list):
        return [t for r in results for t in tensors(r)]
    return [results] if isinstance(results, tl.Tensor | torch.Tensor) else []


def shared(T, f, inputs):
    """For each result of ``f``, whether it shares memory with some operand."""
    operands = [T.from_numpy(x.copy()) if isinstance(x, np.ndarray) else x for x in inputs]
    results = tensors(f(T, *operands))
    memory = [array_of(x) for x in tensors(operands)]
    return [any(bool(np.shares_memory(array_of(r), m)) for m in memory) for r in results]


@pytest.mark.parametrize("c", CALLS, ids=[c.name for c in CALLS])
def test_a_call_shares_memory_as_in_torch(c):
    if c.name not in COPIES:
        assert shared(tl, c.f, c.inputs) == shared(torch, c.f, c.inputs)


@pytest.mark.parametrize("kind", ["number", "vector"])
@pytest.mark.parametrize("name", NOTHING_TO_DO)
def test_a_call_with_nothing_to_do_shares_memory_as_in_torch(name, kind):
    x = np.array(3.0 if kind == "number" else [3.0])
    ours, theirs = (shared(T, NOTHING_TO_DO[name], [x]) for T in (tl, torch))
    assert ours == ([False] if f"{name} of a {kind}" in COPIES else theirs)


def test_no_result_shows_one_place_of_the_operand_several_times_but_views():
    """One element repeated by a function that copies can be written to, place by place."""
    for repeated in (tl.repeat_interleave(tl.ones(1), 3), tl.ones(1).repeat(3), tl.tile(tl.ones(1), (3,)), tl.ones(1)[[0, 0, 0]]):
        repeated[0] = 5.0
        assert repeated.tolist() == [5.0, 1.0, 1.0]
