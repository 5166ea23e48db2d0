"""How operands lie in memory changes no result: every operation on every sample, in reverse and forward mode.

Column-major, running backwards, with gaps, unaligned; all read-only, cotangents and tangents too, so that nobody writes into an
operand. Nothing here names an operation.
"""

from __future__ import annotations

import numpy as np
import pytest
from modes import differentiable, direction
from samples import collect

from tensorflowlite_clone.core.registry import OPS
from tensorflowlite_clone.func import jvp, vjp

SAMPLES, _ = collect()


def column_major(a):
    return np.array(a, order="F")


def backwards(a):
    turn = (slice(None, None, -1),) * a.ndim
    return np.array(a[turn], order="C")[turn]


def with_gaps(a):
    wide = np.ones(tuple(2 * n + 1 for n in a.shape), a.dtype)
    places = (slice(1, None, 2),) * a.ndim
    wide[places] = a
    return wide[places]


def unaligned(a):
    out = np.zeros(a.nbytes + 1, np.uint8)[1:].view(a.dtype).reshape(a.shape)
    out[...] = a
    return out


LAYOUTS = (column_major, backwards, with_gaps, unaligned)


def laid_out(value, layout):
    """``value``, if it is an array, in another layout and read-only."""
    if not isinstance(value, np.ndarray):
        return value
    out = layout(value) if value.ndim else value.copy()
    out.flags.writeable = False
    return out


def outcome(op, s, layout):
    """Values, gradients and tangents, of operands in ``layout`` (None: as they are)."""

    def arranged(value):
        return value if layout is None else laid_out(value, layout)

    args, places = [arranged(a) for a in s.args], differentiable(op, s)
    if not places:
        out = op.of(*args, **s.params)
        return [np.asarray(o) for o in (out if isinstance(out, tuple) else (out,))]

    def f(*xs):
        full = list(args)
        for i, x in zip(places, xs, strict=True):
            full[i] = x
        out = op.of(*full, **s.params)
        outs = (out,) if op.outputs is None else out
        names = (None,) if op.outputs is None else op.outputs
        return tuple(o for o, name in zip(outs, names, strict=True) if name not in op.constant_outputs)

    xs = tuple(args[i] for i in places)
    outs, pull = vjp(f, *xs)
    us = tuple(arranged(direction(np.asarray(o), k)) for k, o in enumerate(outs))
    ts = tuple(arranged(direction(x, 9 + k)) for k, x in enumerate(xs))
    return [np.asarray(r) for r in (*outs, *pull(us), *jvp(f, xs, ts)[1])]


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda f: f.__name__)
@pytest.mark.parametrize("name", [n for n in SAMPLES if n in OPS])
def test_memory_layout_changes_no_result(name, layout):
    for s in SAMPLES[name]:
        for found, expected in zip(outcome(OPS[name], s, layout), outcome(OPS[name], s, None), strict=True):
            assert found.dtype == expected.dtype
            assert found.shape == expected.shape
            if found.dtype.kind not in "fc":
                np.testing.assert_array_equal(found, expected)
                continue
            scale = np.max(np.abs(expected[np.isfinite(expected)]), initial=1.0)
            np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-10 * scale)
