"""Shapes, broadcasts, axes and values drawn by hypothesis: values against NumPy, derivatives by the adjoint identity."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays, mutually_broadcastable_shapes

import tensorflowlite_clone as tl
from tensorflowlite_clone.func import jvp, vjp, vmap

VALUES = st.floats(-2.0, 2.0, allow_subnormal=False).map(lambda v: round(v, 3))
BINARY = {
    "add": np.add, "subtract": np.subtract, "multiply": np.multiply, "maximum": np.maximum, "minimum": np.minimum,
    "arctan2": np.arctan2, "hypot": np.hypot, "logaddexp": np.logaddexp,
}  # fmt: skip
REDUCTIONS = {"sum": np.sum, "mean": np.mean, "prod": np.prod, "max": np.max, "min": np.min, "var": np.var}


def adjoint(f, xs, seed=0):
    """Check <u, J v> = <J' u, v> and the shapes and dtypes of the gradients."""
    rng = np.random.default_rng(seed)
    ts = tuple(rng.normal(size=x.shape) for x in xs)
    y, slope = jvp(f, tuple(xs), ts)
    u = rng.normal(size=np.shape(y))
    grads = vjp(f, *xs)[1](u)
    left, right = np.sum(u * slope), sum(np.sum(g * t) for g, t in zip(grads, ts, strict=True))
    np.testing.assert_allclose(left, right, rtol=1e-9, atol=1e-9)
    for g, x in zip(grads, xs, strict=True):
        assert g.shape == x.shape
        assert g.dtype == x.dtype


@settings(deadline=None, max_examples=60)
@given(data=st.data(), name=st.sampled_from(sorted(BINARY)))
def test_binary_operations_on_drawn_broadcasts(data, name):
    shapes = data.draw(mutually_broadcastable_shapes(num_shapes=2, max_dims=4, min_side=0, max_side=3))
    x, y = (data.draw(arrays(np.float64, s, elements=VALUES)) for s in shapes.input_shapes)
    f = BINARY[name]
    result = f(tl.Tensor(x, requires_grad=True), y)
    np.testing.assert_allclose(result.detach().numpy(), f(x, y), rtol=1e-12)
    # A shared cotangent on ties and kinks still has to satisfy the adjoint identity.
    if not (name in ("arctan2", "hypot") and (np.any((x == 0) | np.isnan(x)) or np.any(y == 0))):
        adjoint(f, [x, y])


@settings(deadline=None, max_examples=60)
@given(data=st.data(), name=st.sampled_from(sorted(REDUCTIONS)), keepdims=st.booleans())
def test_reductions_on_drawn_axes(data, name, keepdims):
    shape = data.draw(array_shapes(min_dims=1, max_dims=4, min_side=1, max_side=3))
    x = data.draw(arrays(np.float64, shape, elements=VALUES, unique=name in ("max", "min") and np.prod(shape) < 20))
    axes = data.draw(st.none() | st.integers(-len(shape), len(shape) - 1) | st.sets(st.integers(0, len(shape) - 1), min_size=1).map(tuple))
    reduction = REDUCTIONS[name]

    def f(x):
        return reduction(x, axis=axes, keepdims=keepdims)

    np.testing.assert_allclose(f(tl.Tensor(x)).numpy(), f(x), rtol=1e-12, atol=1e-12)
    adjoint(f, [x])
    batch = np.stack([x, x * 0.5])
    np.testing.assert_allclose(vmap(f)(batch), np.stack([f(b) for b in batch]), rtol=1e-12, atol=1e-12)


@settings(deadline=None, max_examples=80)
@given(data=st.data())
def test_indexing_equals_numpy(data):
    """Slices, integers, None, Ellipsis, masks and index arrays in any mixture."""
    from hypothesis.extra.numpy import basic_indices, boolean_dtypes, integer_array_indices

    shape = data.draw(array_shapes(min_dims=1, max_dims=4, min_side=1, max_side=4))
    x = np.arange(float(np.prod(shape))).reshape(shape)
    index = data.draw(
        basic_indices(shape, allow_newaxis=True, allow_ellipsis=True)
        | integer_array_indices(shape, result_shape=array_shapes(max_dims=2, max_side=3))
        | arrays(boolean_dtypes(), shape)
    )
    expected = x[index]
    t = tl.Tensor(x, requires_grad=True)
    picked = t[index]
    np.testing.assert_array_equal(picked.detach().numpy(), expected)
    u = np.random.default_rng(0).normal(size=expected.shape)
    picked.backward(u)
    gradient = np.zeros_like(x)
    np.add.at(gradient, index, u)
    np.testing.assert_allclose(t.grad.numpy(), gradient, rtol=1e-12)


def taken(t, index):
    """What an index takes of a tensor, said so that it takes the same of an array: numbers select first."""
    numbers = tuple(p if isinstance(p, int) else slice(None) for p in index if p is not None)
    return t[numbers][tuple(p for p in index if not isinstance(p, int))]


@settings(deadline=None, max_examples=60)
@given(data=st.data())
def test_mixed_advanced_indexing_in_every_mode(data):
    """Index arrays beside slices and integers, adjacent and separated, alone and under vmap over array, index or both."""
    shape = (3, 4, 2, 3)
    x = np.random.default_rng(1).normal(size=shape)
    depth = data.draw(st.integers(1, 2))
    index_shape = data.draw(array_shapes(min_dims=depth, max_dims=depth, max_side=2))
    parts, arrays_at = [], []
    for n in shape:
        kind = data.draw(st.sampled_from(["slice", "int", "array", "none+slice"]))
        if kind == "array":
            arrays_at.append(len(parts))
            parts.append(data.draw(arrays(np.int64, index_shape, elements=st.integers(-n, n - 1))))
        elif kind == "int":
            parts.append(data.draw(st.integers(-n, n - 1)))
        elif kind == "none+slice":
            parts += [None, slice(None, None, data.draw(st.sampled_from([1, -1, 2])))]
        else:
            parts.append(slice(data.draw(st.integers(0, n - 1)), None))
    index = tuple(parts)
    adjoint(lambda t: taken(t, index), [x])
    batch = np.stack([x, 2 * x, -x])
    np.testing.assert_array_equal(vmap(lambda t: t[index])(batch), np.stack([b[index] for b in batch]))
    pulled = vmap(lambda t: vjp(lambda t: t[index], t)[1](np.ones(x[index].shape))[0])(batch)
    np.testing.assert_allclose(pulled, np.stack([vjp(lambda t: t[index], b)[1](np.ones(x[index].shape))[0] for b in batch]))
    if arrays_at:
        place = arrays_at[0]
        used = [p for p in parts if p is not None]
        n = next(s for s, p in zip(shape, used, strict=True) if p is parts[place])
        many = np.stack([parts[place], (parts[place] + 1) % n, np.zeros_like(parts[place])])

        def read(t, i):
            # An ndarray cannot be asked for a batched index; a tensor can.
            return t[(*index[:place], i, *index[place + 1 :])]

        of_tensor = np.stack([taken(x, (*index[:place], i, *index[place + 1 :])) for i in many])
        np.testing.assert_array_equal(vmap(read, in_dims=(None, 0))(tl.Tensor(x), many).numpy(), of_tensor)
        np.testing.assert_array_equal(vmap(read)(batch, many), np.stack([read(b, i) for b, i in zip(batch, many, strict=True)]))

        def pull(t, i):
            return vjp(lambda t: read(t, i), t)[1](np.ones(x[index].shape))[0]

        np.testing.assert_allclose(vmap(pull)(batch, many), np.stack([pull(b, i) for b, i in zip(batch, many, strict=True)]))
        seed = np.ones(taken(x, index).shape)
        loop = [vjp(lambda t, i=i: taken(t, (*index[:place], i, *index[place + 1 :])), x)[1](seed)[0] for i in many]
        mapped = vmap(lambda t, i: vjp(lambda t: read(t, i), t)[1](tl.tensor(seed))[0], in_dims=(None, 0))(tl.Tensor(x), many)
        np.testing.assert_allclose(mapped.numpy(), np.stack(loop))
