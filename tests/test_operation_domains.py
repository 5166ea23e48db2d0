"""The generated tests beyond smooth double precision: complex operands, single precision, kinks, ties and the search for them.

Nothing here names an operation (``test_operations.py`` says why); ``covers`` names the column of the matrix.
"""

from __future__ import annotations

import numpy as np
import pytest
from modes import as_function, central_difference, close, differentiable, direction, is_float, pairing
from samples import Sample, collect

import tensorflowlite_clone as tl
from tensorflowlite_clone.core.registry import OPS
from tensorflowlite_clone.core.tensor import Tensor
from tensorflowlite_clone.func import jvp, vjp, vmap

SAMPLES, _ = collect()
CASES = [pytest.param(OPS[name], s, id=f"{name}-{s!r}") for name, entries in SAMPLES.items() if name in OPS for s in entries]
every_sample = pytest.mark.parametrize(("op", "s"), CASES)
every_operation = pytest.mark.parametrize("op", OPS.values(), ids=OPS)
covers = pytest.mark.covers


# ---- complex operands -----------------------------------------------------------------------------------------------------


def complexified(s: Sample, places: list[int]) -> Sample:
    """The sample with an imaginary part added to its floating operands at ``places``."""
    args = list(s.args)
    for i in places:
        if args[i].dtype.kind == "f":
            args[i] = np.asarray(args[i] + 0.3j * direction(args[i], 40 + i))
    return Sample(tuple(args), s.params)


@covers("complex")
@every_sample
def test_complex_operands_are_differentiated_or_refused(op, s, cell):
    """All floating operands complex, and the first alone: every mode is right, or the error says that complex is the matter."""
    floats = [i for i, a in enumerate(s.args) if is_float(a)]
    if not floats:
        return cell.says("see samples" if op.rules else "no floats")
    if any(s.args[i].dtype.kind == "c" for i in floats):
        check_complex(op, s, s.smooth)
        return None
    refusals = 0
    choices = [floats, floats[:1]] if len(floats) > 1 else [floats]
    for chosen in choices:
        z = complexified(s, chosen)
        try:
            op.of(*z.args, **z.params)
        except (RuntimeError, TypeError) as error:
            assert "complex" in str(error), error
            refusals += 1
        else:
            if s.complexify and s.smooth and op.rules:
                check_complex(op, z, True)
    if refusals == len(choices):
        return cell.says("refused")
    if not op.rules:
        return cell.says("no derivative")
    return None if s.complexify and s.smooth else cell.says("see samples")


def check_complex(op, z, smooth):
    """Every mode at complex operands; where the values are not ``smooth``, one mode against the other only."""
    places = differentiable(op, z)
    if not places:
        return
    f, xs = as_function(op, z, places), [z.args[i] for i in places]
    ts = [direction(x, k) for k, x in enumerate(xs)]
    outs, slopes = jvp(f, tuple(xs), tuple(ts))
    assert [slope.dtype for slope in slopes] == [np.asarray(o).dtype for o in outs]
    if smooth:
        for slope, expected in zip(slopes, central_difference(f, xs, ts), strict=True):
            close(slope, expected)
    us = tuple(direction(np.asarray(o), 10 + k) for k, o in enumerate(outs))

    def gradient(*xs):
        return vjp(f, *xs)[1](us)

    grads = gradient(*xs)
    close(pairing(us, slopes), pairing(grads, ts), 1e-10)
    assert [g.dtype for g in grads] == [x.dtype for x in xs]
    if smooth:
        check_complex_second_order(f, gradient, xs, ts, us)
    many = [np.stack([x, 0.9 * x]) for x in xs]
    for k, r in enumerate(vmap(gradient)(*many)):
        close(r, np.stack([gradient(*[b[i] for b in many])[k] for i in range(2)]), 1e-9)
    single = in_single(z)
    narrow = [single.args[i] for i in places]
    if "dtype" not in z.params:
        small, pull = vjp(as_function(op, single, places), *narrow)
        assert all(np.asarray(o).dtype in (np.complex64, np.float32) for o in small)
        for g, h in zip(pull(tuple(u.astype(np.asarray(o).dtype) for u, o in zip(us, small, strict=True))), grads, strict=True):
            assert g.dtype == (np.complex64 if h.dtype.kind == "c" else np.float32)
            close(g, h, 5e-4)


def check_complex_second_order(f, gradient, xs, ts, us):
    expected = central_difference(gradient, xs, ts, 1e-4)
    _, second = jvp(gradient, tuple(xs), tuple(ts))
    for a, b in zip(second, expected, strict=True):
        close(a, b, 1e-5)
    # PyTorch's way: leaves, create_graph, and the gradient of the gradient.
    leaves = [Tensor(x.copy(), requires_grad=True) for x in xs]
    roots = [(o, u) for o, u in zip(f(*leaves), us, strict=True) if o.requires_grad]
    recorded = tl.autograd.grad([o for o, _ in roots], leaves, [u for _, u in roots], create_graph=True, materialize_grads=True)
    for g, h in zip(recorded, gradient(*xs), strict=True):
        close(g.detach().numpy(), h, 1e-10)
    chained = [(g, t) for g, t in zip(recorded, ts, strict=True) if g.requires_grad]
    if chained:
        twice = tl.autograd.grad([g for g, _ in chained], leaves, [t for _, t in chained], materialize_grads=True)
        close(pairing([h.numpy() for h in twice], ts), pairing(expected, ts), 1e-5)


# ---- single precision -----------------------------------------------------------------------------------------------------


NARROW = {np.dtype(np.float64): np.float32, np.dtype(np.complex128): np.complex64}


def in_single(s: Sample) -> Sample:
    return Sample(tuple(a.astype(NARROW.get(a.dtype, a.dtype)) if is_float(a) else a for a in s.args), s.params)


@covers("float32")
@every_sample
def test_float32_is_kept(op, s, cell):
    """Nothing is widened on the way: results, tangents and gradients of float32 operands are what float64 gives, in float32."""
    floats = [i for i, a in enumerate(s.args) if is_float(a)]
    if not floats:
        return cell.says("no floats" if not op.rules else "see samples")
    if op.rules and not s.float32:
        return cell.says("see samples")
    single, places = in_single(s), differentiable(op, s)
    f, wide = as_function(op, single, places), as_function(op, s, places)
    xs, wide_xs = [single.args[i] for i in places], [s.args[i] for i in places]
    if not places:
        compare(f(), wide())
        return None
    ts = [direction(x, k) for k, x in enumerate(xs)]
    outs, slopes = jvp(f, tuple(xs), tuple(ts))
    wide_outs, wide_slopes = jvp(wide, tuple(wide_xs), tuple(t.astype(x.dtype) for t, x in zip(ts, wide_xs, strict=True)))
    if all(is_float(a) for a in s.args if isinstance(a, np.ndarray)) and "dtype" not in s.params:
        assert all(np.asarray(o).dtype in (np.float32, np.complex64) for o in outs)
    compare(outs, wide_outs)
    compare(slopes, wide_slopes)
    us = tuple(direction(np.asarray(o), k) for k, o in enumerate(outs))
    grads = vjp(f, *xs)[1](us)
    wide_grads = vjp(wide, *wide_xs)[1](tuple(u.astype(np.asarray(o).dtype) for u, o in zip(us, wide_outs, strict=True)))
    assert [g.dtype for g in grads] == [x.dtype for x in xs]
    compare(grads, wide_grads)
    return None


def compare(narrow, wide):
    for n, w in zip(narrow, wide, strict=True):
        close(n, w, 2e-4)


# ---- kinks ----------------------------------------------------------------------------------------------------------------


@covers("kinks")
@every_sample
def test_kinks_have_the_documented_derivative(op, s, cell):
    """Reverse mode gives the gradient that the sample states, forward mode and float32 agree, and no mode makes NaN of it."""
    if s.kink is None:
        return cell.says("see samples")
    places = differentiable(op, s)
    for narrow in (False, True):
        t = in_single(s) if narrow else s
        f, xs = as_function(op, t, places), [t.args[i] for i in places]

        def gradient(*xs, f=f):
            outs, pull = vjp(f, *xs)
            return pull(tuple(np.ones(o.shape, o.dtype) for o in outs))

        grads = gradient(*xs)
        tolerance = 1e-6 if narrow else 1e-12  # absolute, too: log(1 - x) - log(x) at 0.5 is zero but for rounding
        for g, x, expected in zip(grads, xs, s.kink, strict=True):
            assert g.dtype == x.dtype
            np.testing.assert_allclose(g, np.broadcast_to(expected, x.shape), rtol=tolerance, atol=tolerance)
        finite = all(np.all(np.isfinite(e)) for e in s.kink)
        ts = [direction(x, k) for k, x in enumerate(xs)]
        _, slopes = jvp(f, tuple(xs), tuple(ts))
        assert not any(np.any(np.isnan(slope)) for slope in slopes)
        if finite:
            close(sum(float(np.real(np.sum(slope))) for slope in slopes), pairing(grads, ts), 1e-5 if narrow else 1e-10)
            _, second = jvp(gradient, tuple(xs), tuple(ts))
            assert not any(np.any(np.isnan(h)) for h in second)
    return None


#: Where operations tend to have kinks: the values that one operand, or all of them, are set to.
PROBES = (0.0, 1.0, -1.0, 0.5, -0.5, 2.0, 3.0, -3.0, 6.0)


def probes(op, s):
    """The sample with one differentiable operand, or all, set to one value throughout: at 0, at bounds, at ties."""
    places = differentiable(op, s)
    for value in PROBES:
        for chosen in [[i] for i in places] + ([places] if len(places) > 1 else []):
            args = list(s.args)
            for i in chosen:
                args[i] = np.full_like(args[i], value)
            yield value, chosen, Sample(tuple(args), s.params)


def one_sided(f, xs, ts, h=1e-7):
    """The slopes of ``f`` at ``xs`` along ``ts`` and against it."""
    at = [f(*[x + k * h * t for x, t in zip(xs, ts, strict=True)]) for k in (0, 1, -1)]
    return [((p - o) / h, (o - m) / h) for o, p, m in zip(*at, strict=True)]


@covers("kinks")
@every_operation
def test_kinks_are_found_and_declared(op, cell):
    """Where the slopes along a direction and against it differ, the operation has a kink, and a sample must say its derivative.

    And wherever a result is finite, its gradient and its tangent are not NaN.
    """
    if not op.rules:
        return cell.says("no derivative")
    found = []
    for s in SAMPLES.get(op.__name__, []):
        for value, chosen, p in probes(op, s) if s.float32 else ():
            places = differentiable(op, p)
            f, xs = as_function(op, p, places), [p.args[i] for i in places]
            if any(x.dtype.kind == "c" for x in xs):
                continue
            with np.errstate(all="ignore"):
                try:
                    outs = f(*xs)
                except (RuntimeError, ValueError, IndexError):
                    continue  # outside the domain
                if not all(np.all(np.isfinite(o)) for o in outs):
                    continue
                ts = [direction(x, k) for k, x in enumerate(xs)]
                slopes_by_side = one_sided(f, xs, ts)
                if not any(np.all(np.isfinite(side)) for pair in slopes_by_side for side in pair):
                    continue  # defined at this point only
                try:
                    grads = vjp(f, *xs)[1](tuple(np.ones(o.shape, o.dtype) for o in outs))
                except np.linalg.LinAlgError:
                    continue  # a decomposition without a derivative here, which says so
                _, slopes = jvp(f, tuple(xs), tuple(ts))
                where = f"{op.__name__}: operand(s) {chosen} at {value} of {s!r}"
                assert not any(np.any(np.isnan(g)) for g in [*grads, *slopes]), f"NaN from finite values: {where}"
                for along, against in slopes_by_side:
                    different = np.abs(along - against) > 1e-2 * np.maximum(1.0, np.abs(along) + np.abs(against))
                    if np.any(different | ~np.isfinite(along - against)):
                        found.append(where)
    if not found:
        return cell.says("smooth")
    assert any(s.kink is not None for s in SAMPLES.get(op.__name__, [])), f"a kink without a sample that has kink=: {found[:3]}"
    return None
