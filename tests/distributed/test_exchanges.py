"""Exchanges of tensors and objects on 1, 2 and 4 ranks against what they mean, with NumPy, and their derivatives in every mode."""

from __future__ import annotations

import pytest

EXCHANGES = r"""
def value(rank, shape=(2, 3), dtype=np.float64):
    return np.random.default_rng(rank).integers(-4, 5, shape).astype(dtype)

everyone = range(size)
O = dist.ReduceOp
sums = {O.SUM: np.sum, O.AVG: np.mean, O.PRODUCT: np.prod, O.MIN: np.min, O.MAX: np.max}
for kind in "f4 f8 f2 i1 i2 i4 i8 u1 u2 c8 c16 bfloat16".split():
    for op, f in sums.items():
        if (op is O.AVG and kind[0] in "iu") or (op in (O.MIN, O.MAX) and kind[0] == "c"):
            x = tl.tensor(value(rank)).to(getattr(tl, {"i": "int32", "u": "uint8", "c": "complex64"}[kind[0]]))
            try:
                dist.all_reduce(x, op)
            except TypeError as error:
                assert f"no {op.name} of" in str(error)
            else:
                raise AssertionError(kind)
            continue
        if kind == "bfloat16":
            try:
                import ml_dtypes
            except ImportError:
                continue
            given = [tl.tensor(value(r)).bfloat16() for r in everyone]
        else:
            given = [tl.tensor((abs if kind[0] == "u" else lambda v: v)(value(r)).astype(kind)) for r in everyone]
        for asynchronous in (False, True):
            x = given[rank].clone()
            work = dist.all_reduce(x, op, async_op=asynchronous)
            assert (work is None) != asynchronous and (work is None or (work.wait() and work.is_completed()))
            wide = f(np.stack([g.to(tl.float64).numpy() if kind[0] not in "c" else g.numpy() for g in given]), axis=0)
            tl.testing.assert_close(x, tl.tensor(wide).to(x.dtype), msg=f"{kind} {op}")
truth = tl.tensor([rank == 0, True, False])
dist.all_reduce(truth)
assert truth.tolist() == [True, True, False]
truth = tl.tensor([rank == 0, True, False])
dist.all_reduce(truth, O.MIN)
assert truth.tolist() == [size == 1, True, False]
bits = tl.tensor([1 << rank])
dist.all_reduce(bits, O.BOR)
assert bits.item() == 2**size - 1

# again and again, the short way of ``all_reduce``, beside arrays that it does not take
for k in range(100):
    op, turned, wide = O.AVG if k % 3 else O.SUM, value(rank, (3, 2)).T, value(rank).astype(">f8")
    for x, of in ((value(rank), value), (tl.tensor(value(rank)), value), (wide, value), (turned, lambda r: value(r, (3, 2)).T)):
        dist.all_reduce(x, op)
        np.testing.assert_allclose(np.asarray(x), sum(map(of, everyone)) / (size if k % 3 else 1))
half = tl.tensor(float(rank), dtype=tl.float16)
dist.broadcast(half, size - 1)
assert half.item() == size - 1

# memory that does not lie in one piece, arrays, empty and 0-d tensors, what others look at
for shape in ((2, 3), (3, 2)):
    base = tl.tensor(value(rank, (4, 6)))
    view = base[::2, ::2] if shape == (2, 3) else base[::2, ::2].T
    before = base.clone()
    dist.all_reduce(view)
    total = sum(value(r, (4, 6)) for r in everyone)
    assert np.array_equal(base[::2, ::2].numpy(), total[::2, ::2]) and np.array_equal(base[1::2].numpy(), before[1::2].numpy())
array = value(rank)
dist.all_reduce(array)
assert np.array_equal(array, sum(value(r) for r in everyone))
for x in (tl.zeros(0), tl.tensor(1.0)):
    dist.all_reduce(x)
    assert x.tolist() == ([] if x.ndim else size)
if size > 1:
    w = tl.ones(2, requires_grad=True)
    scale = tl.full((2,), float(rank))
    y = (w * scale).sum()
    dist.all_reduce(scale)
    try:
        y.backward()
    except RuntimeError as error:
        assert "all_reduce" in str(error) and "program" in str(error), error
    else:
        raise AssertionError("a change of what was saved was not noticed")

last = size - 1
for make in (lambda v: tl.tensor(v), lambda v: tl.tensor(v).T.contiguous().T):
    x = make(value(rank))
    dist.broadcast(x, last)
    assert np.array_equal(x.numpy(), value(last))
    x = make(value(rank))
    dist.reduce(x, last)
    assert np.array_equal(x.numpy(), sum(value(r) for r in everyone) if rank == last else value(rank))
    outs = [make(np.zeros((2, 3))) for _ in everyone]
    dist.all_gather(outs, make(value(rank)))
    assert all(np.array_equal(o.numpy(), value(r)) for r, o in enumerate(outs))
    out = tl.zeros(2 * size, 3, dtype=tl.float64)
    dist.all_gather_into_tensor(out, make(value(rank)))
    assert np.array_equal(out.numpy(), np.concatenate([value(r) for r in everyone]))
    parts = lambda r: [value(10 * r + i) for i in everyone]
    want = sum(value(10 * r + rank) for r in everyone)
    out = make(np.zeros((2, 3)))
    dist.reduce_scatter(out, [make(p) for p in parts(rank)])
    assert np.array_equal(out.numpy(), want)
    out = make(np.zeros((2, 3)))
    dist.reduce_scatter_tensor(out, tl.tensor(np.concatenate(parts(rank))), O.AVG)
    np.testing.assert_allclose(out.numpy(), want / size)
    outs = [make(np.zeros((2, 3))) for _ in everyone]
    dist.all_to_all(outs, [make(p) for p in parts(rank)])
    assert all(np.array_equal(o.numpy(), value(10 * r + rank)) for r, o in enumerate(outs))
    got = [make(np.zeros((2, 3))) for _ in everyone] if rank == last else None
    dist.gather(make(value(rank)), got, last)
    assert got is None or all(np.array_equal(o.numpy(), value(r)) for r, o in enumerate(got))
    out = make(np.zeros((2, 3)))
    dist.scatter(out, [make(value(r)) for r in everyone] if rank == last else None, last)
    assert np.array_equal(out.numpy(), value(rank))
uneven = [tl.full((r + 1, 2), -1) for r in everyone]
dist.all_to_all(uneven, [tl.full((rank + 1, 2), 10 * rank + r) for r in everyone])
assert [u.tolist() for u in uneven] == [[[10 * r + rank] * 2] * (r + 1) for r in everyone]
sizes = [r + 1 for r in everyone]
out = tl.zeros((rank + 1) * size, dtype=tl.int64)
dist.all_to_all_single(out, tl.arange(sum(sizes)) + 100 * rank, [rank + 1] * size, sizes)
starts = np.cumsum([0, *sizes])
assert out.tolist() == [100 * r + starts[rank] + i for r in everyone for i in range(rank + 1)]

objects = [None] * size
dist.all_gather_object(objects, {"rank": rank, "text": "x" * rank})
assert objects == [{"rank": r, "text": "x" * r} for r in everyone]
three = [rank, None, None] if rank != last else ["a", {1: 2}, (3,)]
dist.broadcast_object_list(three, last)
assert three == ["a", {1: 2}, (3,)]
got = [None] * size if rank == last else None
dist.gather_object(rank, got, last)
assert got is None or got == list(everyone)
one = [None]
dist.scatter_object_list(one, [f"for {r}" for r in everyone] if rank == last else None, last)
assert one == [f"for {rank}"]

if size > 1:
    right, left = (rank + 1) % size, (rank - 1) % size
    sent, found = tl.tensor(value(rank)), tl.zeros(2, 3, dtype=tl.float64)
    works = [dist.isend(sent, right, tag=3), dist.irecv(found, left, tag=3)]
    assert all(w.wait() and w.is_completed() for w in works) and np.array_equal(found.numpy(), value(left))
    work = dist.irecv(found, left)
    dist.send(sent, right)
    while not work.is_completed():
        time.sleep(0.001)
    assert work.wait() and np.array_equal(found.numpy(), value(left))
    dist.barrier()
    if rank == 0:
        who = {dist.recv(found) for _ in range(size - 1)}
        assert who == set(range(1, size))
    else:
        dist.send(sent, 0)
    pairs = [dist.new_group([a, b]) for a in everyone for b in everyone if a < b]
    mine = [g for g in pairs if g is not dist.GroupMember.NON_GROUP_MEMBER]
    assert len(mine) == size - 1 and [dist.get_rank(g) for g in pairs].count(-1) == len(pairs) - len(mine)
    for g in mine:
        x = tl.tensor(value(rank))
        dist.all_reduce(x, group=g)
        assert np.array_equal(x.numpy(), sum(value(r) for r in g.ranks)) and dist.get_group_rank(g, rank) == g.rank()
dist.barrier()
dist.destroy_process_group()
assert not dist.is_initialized()
dist.init_process_group("gloo", world_size=size, rank=rank)
dist.barrier()
print("whole")
"""

DERIVATIVES = r"""
from tensorflowlite_clone.distributed.nn import functional as D
tl.set_default_dtype(tl.float64)
O, last = dist.ReduceOp, size - 1
def random(*shape, seed=0):
    return tl.tensor(np.random.default_rng(100 * seed + rank).normal(size=shape))
def total(x):
    y = np.array(x.detach().numpy() if hasattr(x, "detach") else x)
    dist.all_reduce(y)
    return y
FUNCTIONS = {
    "all_reduce": lambda x: D.all_reduce(x * x),
    "mean": lambda x: D.all_reduce(x * x, O.AVG),
    "max": lambda x: D.all_reduce(x * x, O.MAX),
    "product": lambda x: D.all_reduce(x, O.PRODUCT),
    "broadcast": lambda x: D.broadcast(x * x, last),
    "reduce": lambda x: D.reduce(x * x, last),
    "all_gather": lambda x: sum((i + 1) * g for i, g in enumerate(D.all_gather(x * x))),
    "gather": lambda x: sum((i + 1) * g for i, g in enumerate(D.gather(x * x, last))),
    "scatter": lambda x: D.scatter([(i + 1) * x * x for i in range(size)], last),
    "reduce_scatter": lambda x: D.reduce_scatter(None, [(i + 1) * x * x for i in range(size)]),
    "all_to_all": lambda x: sum((i + 1) * g for i, g in enumerate(D.all_to_all(None, [(i + 1) * x * x for i in range(size)]))),
    "all_to_all_single": lambda x: D.all_to_all_single(None, np.concatenate([(i + 1) * x * x for i in range(size)])).sum() * x,
}
for name, f in FUNCTIONS.items():
    x, t, c = random(3), random(3, seed=1), random(3, seed=2)
    # what is differentiated is the sum over all processes: moving every process's x along its t
    h = 1e-6
    difference = total(((f(x + h * t) - f(x - h * t)) * c).sum()) / (2 * h)
    x.requires_grad_()
    (g,) = tl.autograd.grad((f(x) * c).sum(), x, create_graph=True)
    np.testing.assert_allclose(total((g * t).sum()), difference, rtol=1e-6, atol=1e-8, err_msg=name)
    # forward mode, and the adjoint identity
    y, dy = tl.func.jvp(f, (x.detach(),), (t,))
    np.testing.assert_allclose(total((dy * c).sum()), total((g * t).sum()), rtol=1e-10, err_msg=name)
    # second order
    f2 = lambda x: tl.func.jvp(f, (x,), (t,))[1]
    second = total(((f2(x.detach() + h * t) - f2(x.detach() - h * t)) * c).sum()) / (2 * h)
    (gg,) = tl.autograd.grad((g * t).sum(), x, allow_unused=True)
    np.testing.assert_allclose(total((gg * t).sum()), second, rtol=1e-5, atol=1e-7, err_msg=name)
    # vmap against a loop, of values and gradients
    xs = random(4, 3, seed=3)
    tl.testing.assert_close(tl.vmap(f)(xs), tl.stack([f(row) for row in xs]), msg=name)
    one = lambda row: tl.func.grad(lambda r: (f(r) * c).sum())(row)
    tl.testing.assert_close(tl.vmap(one)(xs), tl.stack([one(row) for row in xs]), msg=name)
print("whole")
"""


@pytest.mark.parametrize("n", [1, 2, 3, 4])
def test_exchanges(ranks, n):
    assert ranks.passes(n, EXCHANGES + DERIVATIVES * (n in (1, 3))).count("whole") == n * (1 + (n in (1, 3)))


def test_exchanges_without_a_launcher(ranks):
    assert ranks.passes(1, EXCHANGES, plain=True) == "whole\n"


def test_exchanges_that_wait_with_the_processor_in_hand(ranks):
    assert ranks.passes(2, EXCHANGES, wait="spin").count("whole") == 2


def test_groups_that_end_give_back_what_mpi_keeps_for_them(ranks):
    """MPICH has some 2,000 communicators, of which a group takes four."""
    program = """
    for k in range(800):
        group = dist.new_group([0, 1] if k % 2 else None)
        x, y = tl.ones(2), tl.ones(3)
        dist.all_reduce(x, group=group)
        work = dist.all_reduce(y, group=group, async_op=True)
        dist.destroy_process_group(group)  # which waits for what goes on
        assert work.is_completed() and x.tolist() + y.tolist() == [2.0] * 5
        alone = dist.new_group([0])
        if rank == 0:
            dist.all_reduce(y, group=alone)
            dist.destroy_process_group(alone)
    for use in (lambda: dist.all_reduce(x, group=group), lambda: dist.barrier(group), lambda: dist.all_gather_object([0, 0], 1, group)):
        try:
            use()
        except ValueError as error:
            assert "was destroyed" in str(error)
        else:
            raise AssertionError
    for k in range(200):
        dist.destroy_process_group()
        dist.init_process_group("mpi", timeout=300)
        x = tl.ones(2)
        for _ in range(3):  # the short way too
            dist.all_reduce(x, dist.ReduceOp.MAX)
        pairs = [dist.isend(x, 1 - rank), dist.irecv(y[:2], 1 - rank)]
        assert all(work.wait() for work in pairs) and y[:2].tolist() == x.tolist()
    try:
        for k in range(4000):
            dist.new_group()
    except RuntimeError as error:
        assert "destroy_process_group" in str(error)
    else:
        raise AssertionError
    print("whole")
    """
    assert ranks.passes(2, program).count("whole") == 2


def test_arrays_that_were_changed_since_they_were_reduced(ranks):
    """The short way of `all_reduce` looks at the array again."""
    program = r"""
    def again(x, want, *args, **kwargs):
        for k in range(3):
            x[...] = rank + 1
            dist.all_reduce(x, *args, **kwargs)
            assert np.asarray(x).tolist() == want, (k, np.asarray(x), want)

    O = dist.ReduceOp
    for make in (np.zeros, tl.zeros):
        x = make(2)
        again(x, [3, 3])
        again(x, [2, 2], O.MAX)
        again(x, [1.5, 1.5], O.AVG)
        again(x, [3, 3], O.SUM, dist.new_group())
        again(x, [rank + 1] * 2, O.SUM, [dist.new_group([0]), dist.new_group([1])][rank])
        again(x, [3, 3])
    a = np.zeros(2, np.float32)
    again(a, [3, 3])
    a.dtype = np.int32
    again(a, [3, 3])
    a.shape = (2, 1)
    again(a, [[3], [3]])
    a.flags.writeable = False
    before = a.tolist()
    try:
        dist.all_reduce(a)
    except ValueError as error:
        assert "read" in str(error), error
    else:
        raise AssertionError
    assert a.tolist() == before
    # a small array is let go of with the next, and with its group
    import gc, weakref
    b = np.zeros(2)
    again(b, [3, 3])
    seen = weakref.ref(b)
    del b
    again(np.zeros(2), [3, 3])
    c = tl.zeros(2)
    again(c, [3, 3])
    last = weakref.ref(c.array)
    del c
    dist.destroy_process_group()
    gc.collect()
    assert seen() is None and last() is None
    print("whole")
    """
    assert ranks.passes(2, program).count("whole") == 2
