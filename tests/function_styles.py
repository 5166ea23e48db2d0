"""One function, written in every way that `autograd.Function` allows: for the tests in ``tests/autograd``."""

from __future__ import annotations

import numpy as np

import tensorflowlite_clone as tl
from tensorflowlite_clone.autograd import Function


class OldStyle(Function):
    """x ** n with everything in forward."""

    @staticmethod
    def forward(ctx, x, n):
        y = x**n
        ctx.save_for_backward(x, y)
        ctx.n = n
        return y

    @staticmethod
    def backward(ctx, g):
        x, y = ctx.saved_tensors
        return g * ctx.n * y / x, None


class NewStyle(Function):
    @staticmethod
    def forward(x, n):
        return x**n

    @staticmethod
    def setup_context(ctx, inputs, output):
        x, ctx.n = inputs
        ctx.save_for_backward(x, output)

    @staticmethod
    def backward(ctx, g):
        x, y = ctx.saved_tensors
        return g * ctx.n * y / x, None


class WithJvp(NewStyle):
    @staticmethod
    def jvp(ctx, t, _):
        x, y = ctx.saved_tensors
        return t * ctx.n * y / x


class OldWithJvp(OldStyle):
    @staticmethod
    def jvp(ctx, t, _):
        x, y = ctx.saved_tensors
        return t * ctx.n * y / x


class JvpAlone(Function):
    """No backward: it is derived from jvp."""

    @staticmethod
    def forward(x, n):
        return x**n

    @staticmethod
    def setup_context(ctx, inputs, output):
        x, ctx.n = inputs
        ctx.save_for_forward(x, output)

    @staticmethod
    def jvp(ctx, t, _):
        x, y = ctx.saved_tensors
        return t * ctx.n * y / x


class Generated(NewStyle):
    generate_vmap_rule = True


class GeneratedWithJvp(WithJvp):
    generate_vmap_rule = True


class WithVmap(NewStyle):
    @staticmethod
    def vmap(info, in_dims, x, n):
        assert in_dims == (0, None)
        assert x.shape[0] == info.batch_size
        return WithVmap.apply(x, n), 0


class ComputedInSetup(Function):
    """Keeps an intermediate that depends on the input: outer transforms must see that."""

    @staticmethod
    def forward(x, n):
        return x**n

    @staticmethod
    def setup_context(ctx, inputs, output):
        x, n = inputs
        ctx.save_for_backward(n * x ** (n - 1))

    @staticmethod
    def backward(ctx, g):
        return g * ctx.saved_tensors[0], None


class Scaled(Function):
    """Two results of two tensors; the second argument may be shared by all examples."""

    @staticmethod
    def forward(x, w):
        return x * w, (x * x).sum()

    @staticmethod
    def setup_context(ctx, inputs, output):
        ctx.save_for_backward(*inputs)
        ctx.save_for_forward(*inputs)

    @staticmethod
    def backward(ctx, g, h):
        x, w = ctx.saved_tensors
        return g * w + h * 2 * x, g * x

    @staticmethod
    def jvp(ctx, s, t):
        x, w = ctx.saved_tensors
        return s * w + x * t, (2 * x * s).sum()


STYLES = [OldStyle, NewStyle, WithJvp, OldWithJvp, JvpAlone, Generated, GeneratedWithJvp, WithVmap]
X = np.array([1.0, 2.0, -1.5])
ROWS = np.random.default_rng(0).uniform(0.5, 1.5, (4, 3))


def cube(style):
    """x ** 3 by ``style``, for arrays as well."""
    return lambda x: style.apply(tl.asarray(x) if isinstance(x, np.ndarray) else x, 3)
