"""The tests that follow from an operation's class and its samples alone: every rule, in every mode.

Nothing here names an operation. Forward values are compared with NumPy and PyTorch elsewhere; here every mode is compared with
the forward computation (central differences) or with another mode.
"""

from __future__ import annotations

import numpy as np
import pytest
from samples import Sample, collect

import tensorflowlite_clone as tl
from tensorflowlite_clone.core.registry import OPS
from tensorflowlite_clone.core.tensor import Tensor
from tensorflowlite_clone.func.batched import Batched
from tensorflowlite_clone.func.transforms import jvp, vjp, vmap

SAMPLES, _ = collect()
CASES = [pytest.param(OPS[name], s, id=f"{name}-{s!r}") for name, entries in SAMPLES.items() if name in OPS for s in entries]
every_sample = pytest.mark.parametrize(("op", "s"), CASES)


def is_float(a: object) -> bool:
    return isinstance(a, np.ndarray) and a.dtype.kind in "fc"


def differentiable(op: type, s: Sample) -> list[int]:
    """The numbers of the operands with a derivative."""
    return [i for i, a in enumerate(s.args) if is_float(a) and op.differentiable_mask >> i & 1]


def as_function(op: type, s: Sample, places: list[int]):
    """The operation as a function of the operands at ``places``, with its differentiable outputs as a tuple."""

    def f(*xs):
        args = list(s.args)
        for i, x in zip(places, xs, strict=True):
            args[i] = x
        out = op.of(*args, **s.params)
        if op.outputs is None:
            return (out,)
        return tuple(o for o, name in zip(out, op.outputs, strict=True) if name not in op.constant_outputs)

    return f


def direction(x: np.ndarray, seed: int) -> np.ndarray:
    return np.random.default_rng([seed, *x.shape]).normal(size=x.shape).astype(x.dtype)


def central_difference(f, xs, ts, step=1e-5):
    """The derivative of ``f`` at ``xs`` along ``ts``, to fourth order in the step."""

    def at(k):
        return f(*[x + k * step * t for x, t in zip(xs, ts, strict=True)])

    return [(8 * (p - m) - (pp - mm)) / (12 * step) for p, m, pp, mm in zip(at(1), at(-1), at(2), at(-2), strict=True)]


def close(actual, expected, tolerance=1e-6):
    expected = np.asarray(expected)
    scale = max(1.0, float(np.max(np.abs(expected[np.isfinite(expected)]), initial=0.0)))
    np.testing.assert_allclose(np.asarray(actual), expected, rtol=0, atol=tolerance * scale)


def test_every_operation_has_samples():
    missing = sorted(set(OPS) - set(SAMPLES))
    assert not missing, f"operations without samples in tests/samples/: {missing}"


def test_every_sample_belongs_to_an_operation():
    assert not sorted(set(SAMPLES) - set(OPS))


@every_sample
def test_jvp_equals_central_difference(op, s):
    places = differentiable(op, s)
    if not places or not s.smooth:
        return
    f, xs = as_function(op, s, places), [s.args[i] for i in places]
    ts = [direction(x, k) for k, x in enumerate(xs)]
    _, slopes = jvp(f, tuple(xs), tuple(ts))
    for slope, expected in zip(slopes, central_difference(f, xs, ts), strict=True):
        close(slope, expected)


@every_sample
def test_adjoint_identity(op, s):
    """<u, J v> = <J' u, v>: forward and reverse mode are transposes of each other."""
    places = differentiable(op, s)
    if not places:
        return
    f, xs = as_function(op, s, places), [s.args[i] for i in places]
    ts = [direction(x, k) for k, x in enumerate(xs)]
    outs, slopes = jvp(f, tuple(xs), tuple(ts))
    us = [direction(np.asarray(o), 10 + k) for k, o in enumerate(outs)]
    _, pull = vjp(f, *xs)
    grads = pull(tuple(us))
    left = sum(np.sum(u * t).real for u, t in zip(us, slopes, strict=True))
    right = sum(np.sum(g * t).real for g, t in zip(grads, ts, strict=True))
    close(left, right, 1e-10)
    for g, x in zip(grads, xs, strict=True):
        assert g.shape == x.shape
        assert g.dtype == x.dtype


@every_sample
def test_single_operand_gradients_equal_joint_ones(op, s):
    """The save plan of every subset of operands gives what the plan of all gives."""
    places = differentiable(op, s)
    if len(places) < 2:
        return
    f, xs = as_function(op, s, places), [s.args[i] for i in places]
    outs, pull = vjp(f, *xs)
    us = tuple(direction(np.asarray(o), k) for k, o in enumerate(outs))
    joint = pull(us)
    for k, i in enumerate(places):
        _, pull_one = vjp(as_function(op, s, [i]), s.args[i])
        close(pull_one(us)[0], joint[k], 1e-12)


@every_sample
def test_second_order_equals_central_difference_of_first(op, s):
    places = differentiable(op, s)
    if not places or not s.smooth:
        return
    f, xs = as_function(op, s, places), [s.args[i] for i in places]
    ts = [direction(x, k) for k, x in enumerate(xs)]
    us = tuple(direction(np.asarray(o), 20 + k) for k, o in enumerate(f(*xs)))

    def gradient(*xs):
        return vjp(f, *xs)[1](us)

    expected = central_difference(gradient, xs, ts, 1e-4)
    _, forward_over_reverse = jvp(gradient, tuple(xs), tuple(ts))
    for a, b in zip(forward_over_reverse, expected, strict=True):
        close(a, b, 1e-5)
    # Reverse over reverse, PyTorch's way: <d(J'u)/dx t, t>.
    tensors = [Tensor(x.copy(), requires_grad=True) for x in xs]
    outs = f(*tensors)
    roots = [(o, u) for o, u in zip(outs, us, strict=True) if o.requires_grad]
    grads = tl.autograd.grad([o for o, _ in roots], tensors, [u for _, u in roots], create_graph=True, materialize_grads=True)
    inner = sum((g * t).sum() for g, t in zip(grads, ts, strict=True))
    if inner.requires_grad:
        second = tl.autograd.grad(inner, tensors, materialize_grads=True)
        close(
            sum(np.sum(h.numpy() * t) for h, t in zip(second, ts, strict=True)),
            sum(np.sum(b * t) for b, t in zip(expected, ts, strict=True)),
            1e-5,
        )
    else:
        close(sum(np.sum(np.abs(b)) for b in expected), 0.0, 1e-5)


@every_sample
def test_vmap_equals_loop(op, s):
    """Each array operand mapped alone, and all together."""
    arrays = [i for i, a in enumerate(s.args) if isinstance(a, np.ndarray)]
    for mapped in [[i] for i in arrays] + [arrays]:
        batches = {i: _batch(s.args[i]) for i in mapped}

        def f(*xs, mapped=mapped):
            args = list(s.args)
            for i, x in zip(mapped, xs, strict=True):
                args[i] = x
            return op.of(*args, **s.params)

        results = vmap(f)(*[batches[i] for i in mapped])
        loop = [f(*[batches[i][k] for i in mapped]) for k in range(3)]
        if op.outputs is None:
            results, loop = (results,), [(one,) for one in loop]
        for n, r in enumerate(results):
            expected = np.stack([one[n] for one in loop])
            assert np.asarray(r).dtype == expected.dtype
            close(r, expected, 1e-10)


def _batch(a: np.ndarray) -> np.ndarray:
    """Three variants of an operand; integers are permuted so that indices stay in range."""
    if a.dtype.kind in "fc":
        return np.stack([a, a * 0.9, a * 1.1])
    return np.stack([a, np.roll(a, 1), a[..., ::-1] if a.ndim else a])


@every_sample
def test_vmap_of_gradient_equals_loop(op, s):
    places = differentiable(op, s)
    if not places:
        return
    f, xs = as_function(op, s, places), [s.args[i] for i in places]
    us = tuple(direction(np.asarray(o), k) for k, o in enumerate(f(*xs)))

    def gradient(*xs):
        return vjp(f, *xs)[1](us)

    batches = [_batch(x) for x in xs]
    for k, r in enumerate(vmap(gradient)(*batches)):
        close(r, np.stack([gradient(*[b[i] for b in batches])[k] for i in range(3)]), 1e-9)


@every_sample
def test_float32_is_kept(op, s):
    """Nothing is widened on the way: results and gradients of float32 operands are what float64 gives, in float32."""
    places = differentiable(op, s)
    if not places or not s.float32:
        return
    single = Sample(tuple(a.astype(np.float32) if is_float(a) and a.dtype == np.float64 else a for a in s.args), s.params)
    f, xs = as_function(op, single, places), [single.args[i] for i in places]
    double = as_function(op, s, places)
    outs, pull = vjp(f, *xs)
    if all(is_float(a) for a in s.args if isinstance(a, np.ndarray)) and "dtype" not in s.params:
        assert all(np.asarray(o).dtype == np.float32 for o in outs)
    us = tuple(direction(np.asarray(o), k) for k, o in enumerate(outs))
    grads = pull(us)
    wide_outs, wide_pull = vjp(double, *[s.args[i] for i in places])
    wide = wide_pull(tuple(u.astype(np.asarray(o).dtype) for u, o in zip(us, wide_outs, strict=True)))
    for g, w in zip(grads, wide, strict=True):
        assert g.dtype == np.float32
        close(g, w, 2e-4)


@every_sample
def test_non_contiguous_and_frozen_operands(op, s):
    """Strides do not matter, and no operand is written to."""
    places = differentiable(op, s)
    args = []
    for a in s.args:
        if isinstance(a, np.ndarray) and a.ndim:
            wide = np.empty((*a.shape[:-1], 2 * a.shape[-1]), a.dtype)
            a_view = wide[..., ::2]
            a_view[...] = a
            a_view.flags.writeable = False
            args.append(a_view)
        else:
            args.append(a)
    strided = Sample(tuple(args), s.params)
    f, g = as_function(op, s, places), as_function(op, strided, places)
    xs, ys = [s.args[i] for i in places], [strided.args[i] for i in places]
    for a, b in zip(g(*ys), f(*xs), strict=True):
        close(a, b, 1e-12)
    if places:
        outs, pull = vjp(f, *xs)
        us = [direction(np.asarray(o), k) for k, o in enumerate(outs)]
        for u in us:
            u.flags.writeable = False
        for a, b in zip(vjp(g, *ys)[1](tuple(us)), pull(tuple(us)), strict=True):
            close(a, b, 1e-12)


@every_sample
def test_fused_kernels_equal_their_formulas(op, s):
    """A rule's kernel is checked against the rule's body, which every other mode uses."""
    places = differentiable(op, s)
    if not any(hasattr(rule, "kernel") for rule in op.rules.values()):
        return
    tensors = [Tensor(s.args[i].copy(), requires_grad=True) for i in places]
    outs = as_function(op, s, places)(*tensors)
    us = [direction(o.numpy(force=True), k) for k, o in enumerate(outs)]
    fast = tl.autograd.grad(list(outs), tensors, us, retain_graph=True, materialize_grads=True)
    formula = tl.autograd.grad(list(outs), tensors, us, create_graph=True, materialize_grads=True)
    for a, b in zip(fast, formula, strict=True):
        close(a.detach().numpy(), b.detach().numpy(), 1e-10)


@every_sample
def test_result_is_the_same_in_every_box(op, s):
    """Plain arrays, recorded tensors and batched boxes of size one compute the same values."""
    plain = op.of(*s.args, **s.params)
    recorded = op.of(*[Tensor(a.copy(), requires_grad=is_float(a)) if isinstance(a, np.ndarray) else a for a in s.args], **s.params)
    plains, recordeds = (plain, recorded) if op.outputs is not None else ((plain,), (recorded,))
    for p, r in zip(plains, recordeds, strict=True):
        assert not isinstance(p, Tensor | Batched)
        np.testing.assert_array_equal(r.numpy(force=True), p)
        assert r.dtype == p.dtype
