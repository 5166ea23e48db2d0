"""What takes any number of operands, or gives any number of results, does work in proportion to their number.

Work is counted, not timed: calls of functions, of Python's and of C's, at one number and at twice that.
"""

from __future__ import annotations

import gc
import sys

import numpy as np
import pytest

import tensorflowlite_clone as tl
from tensorflowlite_clone import func, nn, optim

N = 150


def leaves(n, shape=()):
    return [tl.full(shape, 1.0 + i / n * 1e-2, requires_grad=True) for i in range(n)]


def calls(program, *arguments):
    """How many functions ``program`` calls, itself and through others."""
    program(*arguments)  # what is remembered is remembered
    count = 0

    def seen(frame, event, argument):
        nonlocal count
        count += event in ("call", "c_call")

    gc.disable()
    sys.setprofile(seen)
    try:
        program(*arguments)
    finally:
        sys.setprofile(None)
        gc.enable()
    return count


def summed(result):
    """One number out of all results."""
    results = [r for r in (result if isinstance(result, list | tuple) else [result]) if r.requires_grad]
    return results[0].sum() if len(results) == 1 else tl.stack([r.sum() for r in results]).sum()


class Sum(tl.autograd.Function):
    @staticmethod
    def forward(ctx, *xs):
        ctx.n = len(xs)
        return xs[0] + xs[-1]

    @staticmethod
    def backward(ctx, g):
        return (g,) * ctx.n


#: Of tensors, the shape of each and the function.
JOINING = {
    "cat": ((2,), lambda xs: tl.cat(xs)),
    "cat along another dimension": ((2, 1), lambda xs: tl.cat(xs, 1)),
    "stack": ((), lambda xs: tl.stack(xs)),
    "stack last": ((2,), lambda xs: tl.stack(xs, -1)),
    "vstack": ((2,), lambda xs: tl.vstack(xs)),
    "hstack": ((), lambda xs: tl.hstack(xs)),
    "dstack": ((2,), lambda xs: tl.dstack(xs)),
    "column_stack": ((2,), lambda xs: tl.column_stack(xs)),
    "block_diag": ((1, 1), lambda xs: tl.block_diag(*xs)),
    "einsum": ((2,), lambda xs: tl.einsum(",".join("i" * len(xs)) + "->i", *xs)),
    "broadcast_tensors": ((), lambda xs: tl.broadcast_tensors(*xs)),
    "atleast_2d": ((), lambda xs: tl.atleast_2d(*xs)),
    "Function": ((), lambda xs: Sum.apply(*xs)),
    "checkpoint": ((), lambda xs: tl.utils.checkpoint.checkpoint(lambda *xs: tl.stack(xs).sum(), *xs, use_reentrant=False)),
    "sum": ((), lambda xs: sum(xs)),
    "parameters_to_vector": ((2,), lambda xs: nn.utils.parameters_to_vector(xs)),
    "default_collate": ((2,), lambda xs: tl.stack([*tl.utils.data.default_collate([x.detach() for x in xs]), *xs])),
    "np.concatenate": ((2,), lambda xs: np.concatenate(xs)),
    "np.stack": ((), lambda xs: np.stack(xs)),
    "np.block": ((2, 2), lambda xs: np.block([xs])),
    "np.select": ((2,), lambda xs: np.select([x.detach() > 1.005 for x in xs], xs)),
    "np.choose": ((2,), lambda xs: np.choose(np.array([0, 1]), xs[:30])),
    "np.append": ((2,), lambda xs: np.append(xs[0], xs[1:])),
}


@pytest.mark.parametrize("name", JOINING)
def test_joining_is_linear(name):
    shape, function = JOINING[name]

    def forward_and_backward(n):
        xs = leaves(n, shape)
        summed(function(xs)).backward()
        assert xs[0].grad is not None

    def some(n):
        xs = leaves(n, shape)
        tl.autograd.grad(summed(function(xs)), xs[::2], allow_unused=True)

    for program in (forward_and_backward, some):
        once, twice = calls(program, N), calls(program, 2 * N)
        assert twice < 2.3 * once, (program.__name__, once, twice)


def sgd(n):
    ps = leaves(n)
    optimizer = optim.SGD(ps, lr=0.1)
    tl.stack(ps).sum().backward()
    optimizer.step()
    optimizer.load_state_dict(optimizer.state_dict())
    optimizer.zero_grad()


def module(n):
    net = nn.Sequential(*[nn.Linear(1, 1) for _ in range(n)])
    net(tl.ones(1, 1)).sum().backward()
    net.load_state_dict(net.state_dict())
    net.eval().zero_grad()
    func.functional_call(net, dict(net.named_parameters()), (tl.ones(1, 1),))
    nn.utils.clip_grad_norm_(net.parameters(), 1.0)


OTHERS = {
    "backward of many": lambda n: tl.autograd.backward([x * 2 for x in leaves(n)]),
    "grad of many outputs": lambda n: (lambda xs: tl.autograd.grad([x * 2 for x in xs], xs))(leaves(n)),
    "reentrant checkpoint": lambda n: (
        tl.utils.checkpoint.checkpoint(lambda *xs: tl.stack(xs).sum(), *leaves(n), use_reentrant=True).backward()
    ),
    "func.grad": lambda n: func.grad(lambda *xs: np.stack(xs).sum(), argnums=tuple(range(n)))(*[np.ones(())] * n),
    "func.grad of a tree": lambda n: func.grad(lambda xs: np.stack(xs).sum())([np.ones(())] * n),
    "func.jvp": lambda n: func.jvp(lambda *xs: np.stack(xs), (np.ones(()),) * n, (np.ones(()),) * n),
    "func.vjp": lambda n: func.vjp(lambda *xs: np.stack(xs), *(np.ones(()),) * n)[1](np.ones(n)),
    "func.vmap": lambda n: func.vmap(lambda *xs: np.stack(xs))(*(np.ones(2),) * n),
    "func.linearize": lambda n: func.linearize(lambda *xs: np.stack(xs), *(np.ones(()),) * n)[1](*(np.ones(()),) * n),
    "optimizer": sgd,
    "module": module,
    "index by tensors": lambda n: tl.ones(n)[[tl.tensor(i) for i in range(n)]],
    "tl.tensor of tensors": lambda n: tl.tensor([tl.tensor(1.0)] * n),
    "broadcast_shapes": lambda n: tl.broadcast_shapes(*[(1, 2)] * n),
    "multi-output split": lambda n: tl.stack(tl.ones(n, requires_grad=True).split(1)).sum().backward(),
    "unbind": lambda n: tl.stack(tl.ones(n, requires_grad=True).unbind()).sum().backward(),
    "np.broadcast_arrays": lambda n: np.broadcast_arrays(*leaves(n)),
    "np.lexsort": lambda n: np.lexsort([tl.ones(3)] * n),
    "deep chain": lambda n: (lambda x: [x := x * 1.0 for _ in range(n)][-1])(tl.ones(1, requires_grad=True)).sum().backward(),
    "wide sum": lambda n: sum([tl.ones(1, requires_grad=True)] * n).sum().backward(),
    "views changed in place": lambda n: [v.add_(1) for v in (tl.ones(n, requires_grad=True) * 2).unbind()],
}  # fmt: skip


@pytest.mark.parametrize("name", OTHERS)
def test_many_arguments_or_results_are_linear(name):
    once, twice = calls(OTHERS[name], N), calls(OTHERS[name], 2 * N)
    assert twice < 2.3 * once + 50, (once, twice)


def test_stack_of_very_many_scalars():
    xs = leaves(20_000)
    (tl.stack(xs) * tl.arange(20_000.0)).sum().backward()
    assert [xs[i].grad.item() for i in (0, 1, 19_999)] == [0.0, 1.0, 19_999.0]
    some = tl.autograd.grad((tl.stack(xs) * tl.arange(20_000.0)).sum(), xs[::7])
    assert [g.item() for g in some[:3]] == [0.0, 7.0, 14.0]


@pytest.mark.parametrize("n", [*range(1, 12), 40])
def test_einsum_of_many_operands(n):
    rng = np.random.default_rng(n)
    sizes = dict(zip("abcdef", (2, 3, 1, 2, 3, 2), strict=True))
    terms = ["".join(rng.permutation(list(sizes))[: rng.integers(1, 4)]) for _ in range(n)]
    out = "".join(c for c in sizes if c in "".join(terms) and rng.random() < 0.5)
    arrays = [rng.normal(size=[sizes[c] for c in term]) for term in terms]
    expected = np.ones([sizes[c] for c in sizes])
    for t, a in zip(terms, arrays, strict=True):
        ordered = a.transpose(sorted(range(len(t)), key=lambda k: t[k]))
        expected = expected * ordered.reshape([sizes[c] if c in t else 1 for c in sizes])
    absent = tuple(i for i, c in enumerate(sizes) if c not in out)
    unused = np.prod([sizes[c] for c in sizes if c not in "".join(terms)])
    expected = expected.sum(axis=absent) / unused
    np.testing.assert_allclose(tl.einsum(",".join(terms) + "->" + out, *map(tl.tensor, arrays)).numpy(), expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("dim", [0, 1, -1])
def test_an_empty_vector_stays_connected_to_what_it_is_joined_to(dim):
    empty, x = tl.zeros(0, requires_grad=True), tl.ones(2, 3, requires_grad=True)
    out = tl.cat([empty, x, empty], dim)
    assert out.shape == (2, 3)
    (out * 2).sum().backward()
    assert empty.grad.shape == (0,)
    assert x.grad.tolist() == [[2.0] * 3] * 2
    assert tl.cat([empty]).shape == (0,)
