"""Samples for ``ops/inplace/``; the indexed write itself has its samples in ``index.py``."""

import numpy as np

from tensorflowlite_clone.ops.index import SLOTS

from . import call, integers, normal, positive, sample

X, Y = normal(3, 4), normal(3, 4, seed=1)
FULL = slice(None)
Z = normal(3, 4, 2)

SAMPLES = {
    "IndexPut": [
        sample(Z, normal(2, 1, seed=6), np.array([2, 0]), spec=(SLOTS[0], 1, FULL)),  # (2, 1) broadcasts to (2, 2)
        sample(Z, normal(2, 4, seed=7), np.array([2, 0]), np.array([1, 0]), spec=(SLOTS[0], FULL, SLOTS[1])),  # index axes first
        sample(Z, normal(2, 2, seed=8), np.array([2, 0]), np.array([1, 3]), spec=(SLOTS[0], SLOTS[1], FULL)),
        sample(Z, normal(2, 1, seed=9), np.array([1, 0]), spec=(0, FULL, SLOTS[0])),
        sample(normal(), normal(seed=3), spec=()),
        sample(normal(0, 3), normal(3), spec=(FULL,)),
    ],
}


def on_a_result(name, *args, **kwargs):
    """``(x * 1).name_(*args)``: the change of a tensor that is on the tape, and what depends on it afterwards."""

    def f(T, x, *others):
        y = x * 1.0
        z = getattr(y, name)(*others, *args, **kwargs)
        assert z is y
        return y, y * y

    return f


UNARY = ["abs", "acos", "asin", "atan", "ceil", "cos", "cosh", "deg2rad", "digamma", "erf", "erfc", "erfinv", "exp", "exp2",
         "expm1", "floor", "frac", "i0", "lgamma", "log", "log10", "log1p", "log2", "logit", "nan_to_num", "neg", "negative", "rad2deg", "reciprocal", "relu", "round",
         "rsqrt", "sgn", "sigmoid", "sign", "sin", "sinc", "sinh", "sqrt", "square", "tan", "tanh", "trunc"]  # fmt: skip
BINARY = ["add", "atan2", "copysign", "div", "float_power", "fmod", "hypot", "mul", "pow", "remainder", "sub", "xlogy"]

AUGMENTED = {
    "+=": lambda y, z: y.__iadd__(z), "-=": lambda y, z: y.__isub__(z), "*=": lambda y, z: y.__imul__(z),
    "/=": lambda y, z: y.__itruediv__(z), "**=": lambda y, z: y.__ipow__(z), "%=": lambda y, z: y.__imod__(z),
}  # fmt: skip


def augmented(f):
    def g(T, x, z):
        y = x * 1.0
        assert f(y, z) is y
        return y * 2.0

    return g


def twice(T, x, w):
    """Both operands of a product are needed for the gradient: the old value must have been kept."""
    y = x * 1.0
    y *= w
    y *= w
    y += y
    return y


def buffer(T, x, w):
    """A tensor that is on no tape joins it when it is written to."""
    out = T.zeros(3, 4, dtype=T.float64)
    out[0] = x[0] * 2.0
    out[1, 1:3] = w[1, 1:3]
    out[:, 3] = 7.0
    out += w
    out[[0, 2], [1, 1]] = x[[0, 2], 0]
    return out


def filled(T, x, w):
    y, z = x * 1.0, x * 2.0
    y.fill_(w[0, 0])
    z.zero_()
    return y, z


def copied(T, x, w):
    y, z = x * 1.0, x * 1.0
    y.copy_(w)
    z.copy_(w[:, :1])
    y *= x
    return y, z


def reshaped(T, x):
    y = x * 1.0
    y.unsqueeze_(0).transpose_(1, 2)
    y.mul_(2.0)
    return y, (x * 1.0).t_(), (x * 1.0).unsqueeze_(1).squeeze_(1)


def diagonal(T, x):
    y, z = x * 1.0, T.zeros(7, 3, dtype=T.float64)
    y.fill_diagonal_(3.0)
    z.fill_diagonal_(1.0, wrap=True)
    return y, z


def put(T, x, w):
    i, j = T.tensor([0, 2]), T.tensor([1, 3])
    mask = T.tensor([True, False, True])
    y, z = x * 1.0, x * 1.0
    y.index_put_((i, j), w[0, :2])
    z.index_put_((i, i), w[0, :2], accumulate=True)
    return (y, z, x.index_put((i,), w[:2]), x.index_put((T.tensor([1, 1]),), w[:2], accumulate=True), x.index_put((mask, j), w[0, :2]))


def masked(T, x, w):
    y, z = x * 1.0, x * 1.0
    y[y > 0] = 0.5
    z.masked_fill_(z > 0, 0.25)
    return y * w, z


def scattered(T, x, i, s):
    """The twins of what writes along an axis."""
    y = [x * 1.0 for _ in range(5)]
    return (
        y[0].scatter_reduce_(1, i, s, "prod", include_self=False), y[1].scatter_(1, i, s.detach(), reduce="add").detach(),
        y[2].index_reduce_(1, i[0], s, "mean"), y[3].put_(i, s, accumulate=True), y[4].renorm_(2, 0, 0.5),
    )  # fmt: skip


def at_top_level(T, x, y):
    """In-place functions that PyTorch has at the top level."""
    z = [x * 1.0 for _ in range(9)]
    T.as_strided_(z[8], (2, 2), (4, 1), 1)
    return (
        T.abs_(z[0]), T.clamp_(z[1], 0.3), T.exp_(z[2]), T.xlogy_(z[3], y), T.zero_(z[4]), T.fill_(z[5], y[0, 0]), T.relu_(z[6]),
        T.index_put_(z[7], (T.tensor([0, 2]),), y[:2]), z[8], T.fill(x, y[1, 1]), T.fill(x, 2), T.conj_physical_(x * 1j),
    )  # fmt: skip


def by_functions(T, x, y):
    x, y = x.detach(), y.detach()
    return (
        x.clone().apply_(lambda v: v * 2 + 1), x.clone().t().apply_(abs), x.clone().map_(y, lambda v, w: v * w),
        x.clone().map2_(y, y[0], lambda v, w, u: v * w + u), (x * 9).long().apply_(lambda v: v * 2.6), (x > 0).apply_(lambda v: not v),
    )  # fmt: skip


def resized(T, x):
    x, y = x.detach(), T.arange(6)
    part = x.clone()[1:]
    return (
        x.clone().resize_(2, 3), x.clone().resize_((12,)), part.resize_(2), x.clone().resize_(5, 4)[:3], T.resize_as_(x.clone(), y),
        x.clone().t().resize_(4, 3), x.clone().resize_as_(x[0, 0]), x.clone().resize_(0, 3), y.resize_(3, 4)[:1],
    )  # fmt: skip


INTEGERS = integers(3, low=1, high=9)

CALLS = [
    # PyTorch cannot differentiate these in place
    call("acosh_", lambda T, x: ((x.detach() + 1.0).acosh_(), x.detach().clone().asinh_(), (x.detach() * 0.4).atanh_()), positive(3), differentiable=False),
    *[call(f"{n}_", on_a_result(f"{n}_"), positive(3) * 0.4) for n in UNARY],
    *[call(f"{n}_", on_a_result(f"{n}_"), positive(3), positive(3, seed=4)) for n in BINARY],
    *[call(f"{n}_ number", on_a_result(f"{n}_", 1.7), positive(3)) for n in ("add", "div", "fmod", "mul", "pow", "remainder", "sub")],
    *[call(n, augmented(f), positive(3), positive(3, seed=4)) for n, f in AUGMENTED.items()],
    call("add_ alpha", on_a_result("add_", alpha=-0.3), X, Y),
    call("sub_ alpha", on_a_result("sub_", alpha=0.3), X, normal(4)),
    call("div_ rounding", lambda T, x: ((x * 1.0).div_(0.3, rounding_mode="floor"), (x * 1.0).div_(0.3, rounding_mode="trunc")), X, second=False),
    call("clamp_", lambda T, x: ((x * 1.0).clamp_(-0.3, 0.4), (x * 1.0).clamp_(min=0.1), (x * 1.0).clamp_min_(0.0), (x * 1.0).clamp_max_(0.0), (x * 1.0).clip_(max=0.2)), X),
    call("lerp_", on_a_result("lerp_", 0.3), X, Y),
    call("addcmul_", on_a_result("addcmul_", value=0.5), X, Y, normal(3, 4, seed=2)),
    call("addcdiv_", on_a_result("addcdiv_", value=0.5), X, Y, positive(3, 4)),
    call("cumsum_", on_a_result("cumsum_", 1), X),
    call("cumprod_", on_a_result("cumprod_", 0), X),
    call("tril_", lambda T, x: ((x * 1.0).tril_(), (x * 1.0).triu_(1)), X),
    call("addmm_", on_a_result("addmm_", beta=0.5, alpha=2.0), X, normal(3, 2), normal(2, 4)),
    call("scatter_", lambda T, x, i, w: ((x * 1.0).scatter_(1, i, w), (x * 1.0).scatter_add_(1, i, w), (x * 1.0).scatter_(0, i, 2.0)), X, np.array([[0, 2], [1, 3], [2, 0]]) % 3, normal(3, 2)),
    call("index_add_", lambda T, x, w: ((x * 1.0).index_add_(0, T.tensor([2, 0]), w), (x * 1.0).index_copy_(0, T.tensor([2, 0]), w), (x * 1.0).index_fill_(1, T.tensor([1]), 3.0)), X, normal(2, 4)),
    call("product twice", twice, X, Y),
    call("scatter_reduce_ and kin", scattered, X, np.array([[1, 1, 3], [0, 0, 2], [3, 3, 3]]), positive(3, 3), second=False, why="PyTorch has none of put_"),
    call("in-place at top level", at_top_level, positive(3, 4), positive(3, 4, seed=4)),
    call("addbmm_ and addr_", lambda T, x, y, z: ((x * 1.0).addbmm_(y, z, beta=0.5), (x * 1.0).addr_(y[0, :, 0], z[0, 0], alpha=2.0)), X, normal(2, 3, 2), normal(2, 2, 4)),
    call("apply_ and map_", by_functions, X, Y, differentiable=False),
    call("resize_", resized, X, differentiable=False),
    call("buffer", buffer, X, Y),
    call("fill_ and zero_", filled, X, Y),
    call("copy_", copied, X, Y),
    call("shapes", reshaped, X),
    call("fill_diagonal_", diagonal, X),
    call("index_put", put, X, Y),
    call("masked", masked, X, Y),
    call("integers", lambda T, i: (i.clone().add_(2), i.clone().mul_(i), i.clone().bitwise_and_(3), i.clone().floor_divide_(2), i.clone().neg_(), i.clone().fill_(7), i.clone().eq_(3)), INTEGERS),
    call("integer operators", lambda T, i: (i.clone().__iand__(3), i.clone().__ior__(3), i.clone().__ixor__(3), i.clone().__ilshift__(1), i.clone().__irshift__(1), i.clone().__ifloordiv__(2)), INTEGERS),
    call("comparisons", lambda T, x: (x.detach().clone().gt_(0.0), x.detach().clone().logical_not_()), X, differentiable=False),
    call("dtypes", lambda T, x: (x.detach().to(T.float32).add_(x.detach()), T.zeros(3, 4, dtype=T.float32).copy_(x.detach()), T.arange(12).reshape(3, 4).copy_(x.detach() * 9)), X, differentiable=False),
    call("value into integers", lambda T, i: (i.clone().fill_(2.7), i.clone().index_fill_(0, T.tensor([0]), 3)), INTEGERS),
]  # fmt: skip
