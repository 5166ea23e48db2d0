"""Every cache of the package is bounded, whatever shapes, masks, names and functions come.

The caches are found, not listed: memoised functions, and containers that belong to a module, to a class or to a plan.
"""

from __future__ import annotations

import collections
import contextlib
import functools
import gc
import importlib
import itertools
import pkgutil
import sys
import tracemalloc
import weakref

import numpy as np
import pytest

import tensorflowlite_clone as tl
from tensorflowlite_clone import func, nn, optim
from tensorflowlite_clone.autograd import leak_warning
from tensorflowlite_clone.core import grad_fn, plan, size, transpose
from tensorflowlite_clone.core.registry import OPS
from tensorflowlite_clone.utils.checkpoint import checkpoint

F = nn.functional
CONTAINERS = (dict, list, set, collections.deque, weakref.WeakKeyDictionary, weakref.WeakValueDictionary, weakref.WeakSet)
MEMOISED = type(functools.lru_cache(lambda: None))


def everything():
    """Every module of the package and every class defined in it, by name."""
    for info in pkgutil.walk_packages(tl.__path__, tl.__name__ + "."):
        with contextlib.suppress(tl._errors.MissingExtraError):
            importlib.import_module(info.name)
    found = {}
    for name, module in list(sys.modules.items()):
        if name == tl.__name__ or name.startswith(tl.__name__ + "."):
            found[name] = module
            found |= {f"{name}.{k}": v for k, v in vars(module).items() if isinstance(v, type) and v.__module__ == name}
    return found


def memoised():
    return {
        f"{name}.{key}": value
        for name, owner in everything().items()
        for key, value in vars(owner).items()
        if isinstance(value, MEMOISED) and value.__module__.startswith(tl.__name__)
    }


def sizes():
    """How much is in each container, and what is in memoised functions."""
    found = {}
    for name, owner in everything().items():
        for key, value in list(vars(owner).items()):
            if isinstance(value, CONTAINERS) and not key.startswith("__"):
                found[f"{name}.{key}"] = len(value)
            elif not isinstance(value, type) and hasattr(value, "__dict__") and type(value).__module__.startswith(tl.__name__):
                found |= {f"{name}.{key}.{k}": len(v) for k, v in vars(value).items() if isinstance(v, CONTAINERS)}
    for name, op in OPS.items():
        found[f"{name}.plans"] = len(op.plans)
        found[f"{name}.narrow"] = max((len(p.narrow) for p in op.plans.values()), default=0)
    for key, value in memoised().items():
        found[key] = value.cache_info().currsize
    return found


def test_memoised_functions_are_found_and_bounded():
    found = memoised()
    assert len(found) >= 8
    for name, function in found.items():
        assert function.cache_info().maxsize is not None, f"{name}: functools.cache grows without end; say maxsize="


# ---- programs, each of which is given other numbers every time ----------------------------------------------------------------------
def some_leaves(rng, n, shape=(2,)):
    return [tl.ones(*shape, requires_grad=bool(rng.integers(2))) for _ in range(n)] + [tl.ones(*shape, requires_grad=True)]


def masks(rng):
    xs = some_leaves(rng, int(rng.integers(2, 40)))
    y = tl.cat(xs)
    wanted = [x for x in xs if x.requires_grad and rng.integers(2)] or [xs[-1]]
    tl.autograd.grad(y.sum(), wanted)
    tl.stack([xs[-1]] * int(rng.integers(1, 200))).sum().backward()


def operands(rng):
    a, b, c = some_leaves(rng, 2)
    for result in (tl.addcmul(a, b, c), tl.where(a > 0, b, c), tl.lerp(a, b, c), F.layer_norm(a, (2,), b, c)):
        if result.requires_grad:
            tl.autograd.grad(result.sum(), [x for x in (a, b, c) if x.requires_grad and rng.integers(2)] or [c], allow_unused=True)


def indices(rng):
    k = int(rng.integers(1, 6))
    x = tl.ones(*(3,) * k, requires_grad=True)
    index = [tl.tensor(rng.integers(3, size=4)) if rng.integers(2) else rng.integers(3, size=4) for _ in range(k)]
    x[tuple(index)].sum().backward()
    y = x * 1.0
    y[tuple(index)] = 2.0
    y.sum().backward()
    x[int(rng.integers(3)) :: int(rng.integers(1, 4))].sum().backward()


def contractions(rng):
    letters = "".join(rng.permutation(list("abcdefghijklmnop"))[:3])
    m, n, k = map(int, rng.integers(1, 9, 3))
    a, b, c = letters
    tl.einsum(f"{a}{b},{b}{c}->{a}{c}", tl.ones(m, k, requires_grad=True), tl.ones(k, n)).sum().backward()


def broadcasts(rng):
    m, n = map(int, rng.integers(1, 99, 2))
    (tl.ones(m, n, requires_grad=True) * tl.ones(1, n, requires_grad=True)).sum().backward()
    (tl.ones(m * 99, n, requires_grad=True) + tl.ones(n, requires_grad=True)).sum().backward()


def windows(rng):
    h, w = map(int, rng.integers(6, 30, 2))
    x = tl.ones(1, 1, h, w, requires_grad=True)
    F.avg_pool2d(x, 3, 2, padding=1, count_include_pad=False).sum().backward()
    F.adaptive_avg_pool2d(x, (int(rng.integers(1, 5)), 2)).sum().backward()
    F.max_pool2d(x, 2).sum().backward()
    F.conv2d(x, tl.ones(1, 1, int(rng.integers(1, 4)), 3, requires_grad=True)).sum().backward()
    F.relu(x).sum().backward()


numbers = itertools.count()


def names(rng):
    kind = type(
        f"Own{next(numbers)}",
        (tl.autograd.Function,),
        {
            "forward": staticmethod(lambda x: x * 2.0),
            "setup_context": staticmethod(lambda ctx, inputs, output: None),
            "backward": staticmethod(lambda ctx, g: g * 2.0),
        },
    )
    y = kind.apply(tl.ones(2, requires_grad=True))
    assert y.grad_fn.name().startswith("Own")
    func.vmap(lambda x: kind.apply(x))(np.ones((3, 2)))


def transforms(rng):
    n = int(rng.integers(1, 50))
    f = lambda x: np.sum(np.sin(x) * n)  # noqa: E731  a new one each time
    func.grad(f)(np.ones(n))
    func.jvp(f, (np.ones(n),), (np.ones(n),))
    func.vmap(f)(np.ones((2, n)))
    func.hessian(f)(np.ones(min(n, 4)))
    func.jacrev(lambda x: np.cumsum(x) * n)(np.ones(3))


def modules(rng):
    net = nn.Sequential(nn.Linear(2, int(rng.integers(1, 9))), nn.Tanh())
    handle = net.register_forward_hook(lambda module, args, output: None)
    optimizer = optim.Adam(net.parameters())
    checkpoint(net, tl.ones(2, 2, requires_grad=True), use_reentrant=False).sum().backward()
    optimizer.step()
    handle.remove()
    func.functional_call(net, dict(net.named_parameters()), (tl.ones(1, 2),))
    x = tl.ones(2, requires_grad=True)
    (x * 2).register_hook(lambda g: g)
    x.register_hook(lambda g: g).remove()


def errors(rng):
    m = int(rng.integers(3, 999))
    with pytest.raises(RuntimeError):
        tl.ones(m) + tl.ones(m + 1)
    with tl.autograd.detect_anomaly(), tl.autograd.graph.saved_tensors_hooks(lambda x: x, lambda x: x):
        (tl.ones(m % 9 + 1, requires_grad=True) * 2).exp().sum().backward()


PROGRAMS = [masks, operands, indices, contractions, broadcasts, windows, names, transforms, modules, errors]


@pytest.fixture
def small(monkeypatch):
    """Limits so low that a short test reaches them."""
    monkeypatch.setattr(plan, "MOST", 12)
    monkeypatch.setattr(grad_fn, "MOST_NAMES", 12)
    monkeypatch.setattr(transpose, "MOST_NAMES", 12)
    monkeypatch.setattr(leak_warning.recent, "window", 12)
    monkeypatch.setattr(type(size.SIZES), "MOST", 12)
    for op in OPS.values():
        op.plans.clear()


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda p: p.__name__)
def test_no_cache_grows_for_ever(program, small):
    rng = np.random.default_rng(0)

    def several():
        for _ in range(25):
            program(rng)
        gc.collect()
        return sizes()

    several()
    rounds = [several() for _ in range(4)]
    limits = {key: f.cache_info().maxsize or 0 for key, f in memoised().items()}
    for key in rounds[-1]:
        grown = [r.get(key, 0) for r in rounds]
        # What fills up is allowed to; what is larger each time, and above every limit there is, is not.
        assert grown[-1] <= max(limits.get(key, 0), 12, grown[0]), (key, grown)


def test_memory_for_random_masks_and_lengths(small):
    """The row itself: plans are kept for every mask, and with each of them a step for every operand."""
    rng = np.random.default_rng(0)
    x, ones = tl.ones(2, requires_grad=True), tl.ones(2)

    def some(count):
        for _ in range(count):
            tl.cat([x if r else ones for r in rng.integers(2, size=64)])
        for n in rng.integers(1, 600, size=count // 5):
            tl.stack([x] * int(n))

    some(40)
    gc.collect()
    tracemalloc.start()
    try:
        some(20)
        gc.collect()
        before = tracemalloc.get_traced_memory()[0]
        some(400)
        gc.collect()  # from Python 3.13 on, more waits for that
        assert tracemalloc.get_traced_memory()[0] - before < 200_000
    finally:
        tracemalloc.stop()
