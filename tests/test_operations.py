"""The tests that follow from an operation's class and its samples alone: every rule, in every mode.

Nothing here names an operation. Forward values are compared with NumPy and PyTorch elsewhere; here every mode is compared with
the forward computation (central differences) or with another mode. ``covers`` says for which column of the matrix
(``docs/derivatives.md``) a test is evidence. Complex operands, single precision and kinks: ``test_operation_domains.py``.
"""

from __future__ import annotations

import re
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from calls import NUMPY_ALONE, lacking, reached
from modes import as_function, central_difference, close, differentiable, direction, is_float, pairing
from samples import Sample, collect

import tensorflowlite_clone as tl
from tensorflowlite_clone.core.registry import OPS
from tensorflowlite_clone.core.tensor import Tensor
from tensorflowlite_clone.func import jvp, vjp, vmap
from tensorflowlite_clone.func.batched import Batched

SAMPLES, _ = collect()
CASES = [pytest.param(OPS[name], s, id=f"{name}-{s!r}") for name, entries in SAMPLES.items() if name in OPS for s in entries]
every_sample = pytest.mark.parametrize(("op", "s"), CASES)
covers = pytest.mark.covers


def test_every_operation_has_samples():
    missing = sorted(set(OPS) - set(SAMPLES))
    assert not missing, f"operations without samples in tests/samples/: {missing}"


def test_every_sample_belongs_to_an_operation():
    assert not sorted(set(SAMPLES) - set(OPS))


def test_every_operation_has_a_row_of_the_page():
    """``docs/matrix.py`` asks more, after a run of everything; this says early that a new operation's row is missing."""
    rows = set(re.findall(r"^\| `(\w+)` \|", (Path(__file__).parents[1] / "docs" / "derivatives.md").read_text(), re.MULTILINE))
    assert set(OPS) == rows, "the page is stale: make matrix"


def test_every_operation_has_a_call_to_compare_with_pytorch():
    """Whether PyTorch is here or not; ``test_against_torch.py`` compares."""
    lacks = [lacking(op, *reached()) for op in OPS.values()]
    assert not any(lacks), "\n".join(filter(None, lacks))
    assert set(NUMPY_ALONE) <= set(OPS)


def test_an_operation_without_a_call_is_noticed():
    everything = set(OPS)
    assert "no row in CALLS calls Exp, which is public" in lacking(OPS["Exp"], everything - {"Exp"}, everything)  # in derivatives only
    assert "no row in CALLS leads to SlicePut" in lacking(OPS["SlicePut"], set(), everything - {"SlicePut"})
    assert "remove it from NUMPY_ALONE" in lacking(OPS["Cbrt"], everything, everything)
    assert lacking(OPS["SlicePut"], set(), everything) is lacking(OPS["Cbrt"], set(), set()) is None


@covers("vjp", "jvp", "second order")
@pytest.mark.parametrize("op", OPS.values(), ids=OPS)
def test_operations_without_a_derivative_say_so(op, cell):
    """An operation without rules gives constants: results of recorded tensors require no gradient, and have no tangent."""
    if op.rules:
        return cell.says("see samples")
    for s in SAMPLES.get(op.__name__, []):
        leaves = [Tensor(a.copy(), requires_grad=is_float(a)) if isinstance(a, np.ndarray) else a for a in s.args]
        outs = op.of(*leaves, **s.params)
        assert not any(o.requires_grad for o in (outs if op.outputs is not None else (outs,)) if isinstance(o, Tensor))
        floats = [i for i, a in enumerate(s.args) if is_float(a)]
        if floats:
            xs = tuple(s.args[i] for i in floats)
            _, slopes = jvp(as_function(op, s, floats), xs, tuple(direction(x, k) for k, x in enumerate(xs)))
            assert not any(np.any(t) for t in slopes)
    return cell.says("no derivative")


@covers("jvp")
@every_sample
def test_jvp_equals_central_difference(op, s, cell):
    places = differentiable(op, s)
    if not places or not s.smooth:
        return cell.says("see samples")
    f, xs = as_function(op, s, places), [s.args[i] for i in places]
    ts = [direction(x, k) for k, x in enumerate(xs)]
    _, slopes = jvp(f, tuple(xs), tuple(ts))
    for slope, expected in zip(slopes, central_difference(f, xs, ts), strict=True):
        close(slope, expected)
    return None


@covers("vjp", "jvp")
@every_sample
def test_adjoint_identity(op, s, cell):
    """<u, J v> = <J' u, v>: forward and reverse mode are transposes of each other."""
    places = differentiable(op, s)
    if not places or (s.kink is not None and not all(np.all(np.isfinite(g)) for g in s.kink)):
        return cell.says("see samples")
    f, xs = as_function(op, s, places), [s.args[i] for i in places]
    ts = [direction(x, k) for k, x in enumerate(xs)]
    outs, slopes = jvp(f, tuple(xs), tuple(ts))
    us = [direction(np.asarray(o), 10 + k) for k, o in enumerate(outs)]
    _, pull = vjp(f, *xs)
    grads = pull(tuple(us))
    close(pairing(us, slopes), pairing(grads, ts), 1e-10)
    for g, x in zip(grads, xs, strict=True):
        assert g.shape == x.shape
        assert g.dtype == x.dtype
    return None


@covers("vjp")
@every_sample
def test_single_operand_gradients_equal_joint_ones(op, s, cell):
    """The save plan of every subset of operands gives what the plan of all gives."""
    places = differentiable(op, s)
    if len(places) < 2:
        return cell.says("see samples")
    f, xs = as_function(op, s, places), [s.args[i] for i in places]
    outs, pull = vjp(f, *xs)
    us = tuple(direction(np.asarray(o), k) for k, o in enumerate(outs))
    joint = pull(us)
    for k, i in enumerate(places):
        _, pull_one = vjp(as_function(op, s, [i]), s.args[i])
        close(pull_one(us)[0], joint[k], 1e-12)
    return None


@covers("second order")
@every_sample
def test_second_order_equals_central_difference_of_first(op, s, cell):
    """Forward over reverse, reverse over forward and reverse over reverse."""
    places = differentiable(op, s)
    if not places or not s.smooth:
        return cell.says("see samples")
    f, xs = as_function(op, s, places), [s.args[i] for i in places]
    ts = [direction(x, k) for k, x in enumerate(xs)]
    us = tuple(direction(np.asarray(o), 20 + k) for k, o in enumerate(f(*xs)))

    def gradient(*xs):
        return vjp(f, *xs)[1](us)

    expected = central_difference(gradient, xs, ts, 1e-4)
    _, forward_over_reverse = jvp(gradient, tuple(xs), tuple(ts))
    for a, b in zip(forward_over_reverse, expected, strict=True):
        close(a, b, 1e-5)
    # Reverse over forward: the gradient of <u, J t>, whose pairing with t is <u, J' t t> as well.
    forward, pull = vjp(lambda *xs: jvp(f, xs, tuple(ts))[1], *xs)
    twice = pull(tuple(u.astype(slope.dtype) for u, slope in zip(us, forward, strict=True)))
    close(pairing(twice, ts), pairing(expected, ts), 1e-5)
    # Reverse over reverse, PyTorch's way: <d<J'u, t>/dx, t>.
    tensors = [Tensor(x.copy(), requires_grad=True) for x in xs]
    outs = f(*tensors)
    roots = [(o, u) for o, u in zip(outs, us, strict=True) if o.requires_grad]
    grads = tl.autograd.grad([o for o, _ in roots], tensors, [u for _, u in roots], create_graph=True, materialize_grads=True)
    recorded = [(g, t) for g, t in zip(grads, ts, strict=True) if g.requires_grad]
    if recorded:
        second = tl.autograd.grad([g for g, _ in recorded], tensors, [t for _, t in recorded], materialize_grads=True)
        close(pairing([h.numpy() for h in second], ts), pairing(expected, ts), 1e-5)
    else:
        close(sum(np.sum(np.abs(b)) for b in expected), 0.0, 1e-5)
    return None


@covers("vmap")
@every_sample
def test_vmap_equals_loop(op, s, cell):
    """Each array operand mapped alone, and all together."""
    arrays = [i for i, a in enumerate(s.args) if isinstance(a, np.ndarray)]
    if not arrays:
        return cell.says("see samples")
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
    return None


def _batch(a: np.ndarray) -> np.ndarray:
    """Three variants of an operand; integers are permuted so that indices stay in range."""
    if a.dtype.kind in "fc":
        return np.stack([a, a * 0.9, a * 1.1])
    return np.stack([a, np.roll(a, 1), a[..., ::-1] if a.ndim else a])


@covers("vmap")
@every_sample
def test_vmap_of_gradient_equals_loop(op, s, cell):
    places = differentiable(op, s)
    if not places:
        return cell.says("see samples")
    f, xs = as_function(op, s, places), [s.args[i] for i in places]
    us = tuple(direction(np.asarray(o), k) for k, o in enumerate(f(*xs)))

    def gradient(*xs):
        return vjp(f, *xs)[1](us)

    batches = [_batch(x) for x in xs]
    for k, r in enumerate(vmap(gradient)(*batches)):
        close(r, np.stack([gradient(*[b[i] for b in batches])[k] for i in range(3)]), 1e-9)
    return None


def mapped_alone(op, s):
    """The numbers of the floating operands beside which another has a derivative."""
    return [i for i, a in enumerate(s.args) if is_float(a) and set(differentiable(op, s)) - {i}]


@pytest.mark.parametrize(("op", "s"), [c for c in CASES if mapped_alone(*c.values)])
def test_gradients_of_operands_that_vmap_leaves_whole(op, s):
    """One operand is mapped; the gradients of the others are sums over the examples, and have their shapes."""
    for i in mapped_alone(op, s):
        others = [j for j in differentiable(op, s) if j != i]
        f, xs = as_function(op, s, [*others, i]), [s.args[j] for j in others]
        examples = np.stack([s.args[i], s.args[i] * 0.9])
        out, pull = vjp(lambda *xs, f=f, examples=examples: vmap(partial(f, *xs))(examples), *xs)
        us = tuple(direction(np.asarray(o), k) for k, o in enumerate(out))
        each = [vjp(lambda *xs, f=f, y=y: f(*xs, y), *xs)[1](tuple(u[k] for u in us)) for k, y in enumerate(examples)]
        for found, parts in zip(pull(us), zip(*each, strict=True), strict=True):
            assert found.shape == parts[0].shape
            close(found, sum(parts), 1e-9)


@covers("forward")
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


@covers("vjp")
@every_sample
def test_fused_kernels_equal_their_formulas(op, s, cell):
    """A rule's kernel is checked against the rule's body, which every other mode uses."""
    places = differentiable(op, s)
    if not places or not (op.gradients or any(hasattr(rule, "kernel") for rule in op.rules.values())):
        return cell.says("see samples")
    tensors = [Tensor(s.args[i].copy(), requires_grad=True) for i in places]
    outs = as_function(op, s, places)(*tensors)
    us = [direction(o.numpy(force=True), k) for k, o in enumerate(outs)]
    fast = tl.autograd.grad(list(outs), tensors, us, retain_graph=True, materialize_grads=True)
    formula = tl.autograd.grad(list(outs), tensors, us, create_graph=True, materialize_grads=True)
    for a, b in zip(fast, formula, strict=True):
        close(a.to_dense().detach().numpy(), b.detach().numpy(), 1e-10)
    for k in range(len(tensors) if op.gradients else 0):  # one kernel gives any of them
        for some in filter(None, ([k], [i for i in range(len(tensors)) if i != k])):
            found = tl.autograd.grad(list(outs), [tensors[i] for i in some], us, retain_graph=True, materialize_grads=True)
            for a, i in zip(found, some, strict=True):
                close(a.numpy(), fast[i].numpy(), 1e-12)
    return None


@covers("forward")
@every_sample
def test_result_is_the_same_in_every_box(op, s):
    """Plain arrays, recorded tensors and batched boxes of size one compute the same values."""
    plain = op.of(*s.args, **s.params)
    recorded = op.of(*[Tensor(a.copy(), requires_grad=is_float(a)) if isinstance(a, np.ndarray) else a for a in s.args], **s.params)
    plains, recordeds = (plain, recorded) if op.outputs is not None else ((plain,), (recorded,))
    for p, r in zip(plains, recordeds, strict=True):
        assert not isinstance(p, Tensor | Batched)
        close(r.numpy(force=True), p, 1e-13)  # not the same bits: copies of operands have another layout
        assert r.dtype == p.dtype
