"""Agreement with PyTorch on drawn shapes, broadcasts, axes and options: value, vjp, jvp and second derivatives, to 1e-9 in float64.

Here: whole families of functions, whose arguments hypothesis draws. Single calls, and what differs on purpose: ``test_against_torch.py``.
Values are drawn by a seed inside each function's domain, away from kinks (those are in ``test_kinks.py``).
"""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from samples import Call
from torch_modes import compare, evaluate

import tensorflowlite_clone as tl

torch = pytest.importorskip("torch", reason="PyTorch is not installed; pip install -e '.[bench]' to compare with it")

drawn = settings(deadline=None, max_examples=40)
SIDE = st.integers(1, 3)
SEED = st.integers(0, 2**32 - 1)


def agree(name, f, *inputs, tolerance=1e-9):
    c = Call(name, f, inputs, tolerance=tolerance)
    torch.set_default_dtype(torch.float32)
    compare(evaluate(tl, c), evaluate(torch, c), tolerance)


def values(data, shape, low=-2.0, high=2.0):
    """Uniform values in an interval, of a drawn seed; never the same twice in one example, so that nothing ties."""
    data.turn = getattr(data, "turn", 0) + 1
    return np.random.default_rng([data.draw(SEED), data.turn]).uniform(low, high, shape)


def indices(data, shape, n):
    return np.random.default_rng(data.draw(SEED)).integers(0, n, shape)


def shape(data, low=0, high=3, side=SIDE):
    return tuple(data.draw(side) for _ in range(data.draw(st.integers(low, high))))


def axis_of(data, ndim):
    return data.draw(st.integers(-max(ndim, 1), max(ndim, 1) - 1))


def axes_of(data, ndim):
    """None, one axis, or several."""
    if not ndim:
        return None
    return data.draw(st.none() | st.integers(-ndim, ndim - 1) | st.sets(st.integers(0, ndim - 1), min_size=1).map(tuple))


def broadcast_shapes(data, n):
    """``n`` shapes that broadcast together: a common one with axes set to 1 or left off in front."""
    common = shape(data, 0, 3)
    shapes = []
    for _ in range(n):
        kept = tuple(1 if data.draw(st.integers(0, 3)) == 0 else s for s in common)
        shapes.append(kept[data.draw(st.integers(0, len(kept))) :] if data.draw(st.booleans()) else kept)
    return shapes


def named(T, name):
    return getattr(T, name) if hasattr(T, name) else getattr(T.nn.functional, name)


#: name: the interval of its arguments.
ANY = (-2.0, 2.0)
UNARY = {
    **dict.fromkeys(
        [
            "abs", "asinh", "atan", "ceil", "cos", "cosh", "deg2rad", "erf", "erfc", "exp",
            "exp2", "expm1", "floor", "frac", "neg", "rad2deg", "reciprocal", "relu", "round", "sgn",
            "sigmoid", "sign", "sin", "sinc", "sinh", "square", "tanh", "trunc", "selu", "celu",
            "elu", "gelu", "silu", "mish", "softplus", "softsign", "leaky_relu", "hardtanh", "relu6", "hardswish",
            "hardsigmoid", "hardshrink", "softshrink", "tanhshrink", "logsigmoid", "nan_to_num", "positive",
        ],
        ANY,
    ),
    **dict.fromkeys(["acos", "asin", "atanh", "erfinv"], (-0.9, 0.9)),
    **dict.fromkeys(["log", "log2", "log10", "sqrt", "rsqrt", "digamma", "lgamma"], (0.2, 5.0)),
    "acosh": (1.1, 4.0),
    "log1p": (-0.8, 3.0),
    "logit": (0.05, 0.95),
    "tan": (-1.3, 1.3),
}  # fmt: skip


@pytest.mark.parametrize("name", UNARY)
@settings(deadline=None, max_examples=5)
@given(data=st.data())
def test_unary(name, data):
    x = values(data, shape(data, side=st.integers(0, 3)), *UNARY[name])
    # PyTorch's hardsigmoid holds 1/6 in single precision, its second derivative is missing.
    agree(name, lambda T, x: named(T, name)(x), x, tolerance=1e-7 if name == "hardsigmoid" else 1e-9)


BINARY = {
    **dict.fromkeys(
        [
            "add",
            "sub",
            "mul",
            "maximum",
            "minimum",
            "fmax",
            "fmin",
            "atan2",
            "hypot",
            "logaddexp",
            "logaddexp2",
            "true_divide",
            "div",
            "fmod",
            "remainder",
            "copysign",
        ],
        (ANY, ANY),
    ),
    **dict.fromkeys(["pow", "xlogy", "float_power"], ((0.3, 2.0), (0.3, 2.0))),
}


@pytest.mark.parametrize("name", BINARY)
@settings(deadline=None, max_examples=10)
@given(data=st.data())
def test_binary_on_broadcasts(name, data):
    a, b = broadcast_shapes(data, 2)
    x, y = values(data, a, *BINARY[name][0]), values(data, b, *BINARY[name][1])
    agree(name, lambda T, x, y: named(T, name)(x, y), x, y)


TERNARY = {
    "where": lambda T, x, y, z: T.where(z.detach() > 0, x, y),
    "addcmul": lambda T, x, y, z: T.addcmul(x, y, z, value=0.7),
    "addcdiv": lambda T, x, y, z: T.addcdiv(x, y, z * z + 1, value=-0.7),
    "lerp": lambda T, x, y, z: T.lerp(x, y, z),
    "clamp": lambda T, x, y, z: T.clamp(x, y, y.detach() + z * z),
    "clamp below": lambda T, x, y, z: T.clamp(x, min=y) * z,
    "clamp above": lambda T, x, y, z: T.clamp(x, max=y) + z,
    "masked_fill": lambda T, x, y, z: (x + y).masked_fill(z.detach() > 0, 0.5) * z,
}


@drawn
@given(data=st.data(), name=st.sampled_from(sorted(TERNARY)))
def test_ternary_on_broadcasts(data, name):
    agree(name, TERNARY[name], *[values(data, s) for s in broadcast_shapes(data, 3)])


REDUCTIONS = {
    "sum": {}, "mean": {}, "amax": {}, "amin": {}, "nansum": {}, "var": {"correction": 0}, "std": {"correction": 0}, "logsumexp": {},
    "prod": {}, "median": {}, "max": {}, "min": {}, "norm": {"p": 3}, "nanmean": {}, "cumsum": {}, "cumprod": {}, "logcumsumexp": {},
    "cummax": {}, "cummin": {}, "argmax": {}, "count_nonzero": {}, "aminmax": {}, "quantile": {"q": 0.3}, "unbiased var": {},
}  # fmt: skip
ONE_AXIS = {"prod", "median", "max", "min", "cumsum", "cumprod", "logcumsumexp", "cummax", "cummin", "argmax", "aminmax", "quantile"}
NO_KEEPDIM = {"cumsum", "cumprod", "logcumsumexp", "cummax", "cummin", "count_nonzero"}


@settings(deadline=None, max_examples=150)
@given(data=st.data(), name=st.sampled_from(sorted(REDUCTIONS)))
def test_reductions_and_scans_on_axes(data, name):
    n = data.draw(st.integers(1, 3))
    sides = tuple(data.draw(SIDE) for _ in range(n))
    options = dict(REDUCTIONS[name])
    axes = axis_of(data, n) if name in ONE_AXIS else axes_of(data, n)
    if axes is not None or name == "logsumexp":
        options["dim"] = tuple(range(n)) if axes is None else axes
    if name not in NO_KEEPDIM:
        options["keepdim"] = data.draw(st.booleans())
    if name == "unbiased var":
        sides = tuple(s + 1 for s in sides)
        options["correction"] = 1
    if name == "std":
        sides = tuple(s + 1 for s in sides)
    if "keepdim" in options and "dim" not in options and name not in ("amax", "amin"):
        options["dim"] = tuple(range(n))
    x = values(data, sides)

    def f(T, x):
        result = getattr(T, name.split()[-1])(x, **options)
        return result if isinstance(result, T.Tensor) or not hasattr(result, "_fields") else tuple(result)

    if name == "quantile":
        q = options.pop("q")

        def f(T, x):
            return T.quantile(x, q, **options)

    agree(f"{name} {options}", f, x)


PRODUCTS = {
    "matmul": None,
    "mm": ((2, 3), (3, 2)),
    "mv": ((2, 3), (3,)),
    "bmm": ((2, 1, 3), (2, 3, 2)),
    "dot": ((3,), (3,)),
    "outer": ((3,), (2,)),
    "inner": ((2, 3), (1, 3)),
    "kron": ((2, 1), (2, 3)),
    "vdot": ((3,), (3,)),
}


@drawn
@given(data=st.data(), name=st.sampled_from(sorted(PRODUCTS)))
def test_products(data, name):
    shapes = PRODUCTS[name]
    if shapes is None:
        k, batch = data.draw(SIDE), broadcast_shapes(data, 2)
        left = (*batch[0], data.draw(SIDE), k) if data.draw(st.integers(0, 4)) else (k,)
        right = (*batch[1], k, data.draw(SIDE)) if data.draw(st.integers(0, 4)) else (k,)
        shapes = (left, right)
    x, y = (values(data, s) for s in shapes)
    agree(f"{name} {shapes}", lambda T, x, y: getattr(T, name)(x, y), x, y)


CONTRACTIONS = {
    "ij,jk": 2, "bij,bjk->bik": 2, "ii->i": 1, "ij->ji": 1, "i,j,k->kij": 3, "bi,ij,bj->b": 3, "...i,ij->...j": 2, "ijk->j": 1, "ij,ij": 2,
}  # fmt: skip


@drawn
@given(data=st.data(), equation=st.sampled_from(sorted(CONTRACTIONS)))
def test_einsum(data, equation):
    sizes = {letter: data.draw(SIDE) for letter in "bijk"}
    extra = shape(data, 0, 2)
    operands = []
    for part in equation.split("->")[0].split(","):
        dots = extra if "..." in part else ()
        operands.append(values(data, (*dots, *[sizes[c] for c in part.replace("...", "")])))
    agree(equation, lambda T, *xs: T.einsum(equation, *xs), *operands)


#: name: the call, of ``x`` and drawn axes ``a``, ``b``, a shift ``k`` and one number per axis ``n``.
SHAPES = {
    "permute": lambda T, x, a, b, k, n: x.permute(*np.argsort(n, kind="stable").tolist()),
    "transpose": lambda T, x, a, b, k, n: T.transpose(x, a, b),
    "movedim": lambda T, x, a, b, k, n: T.movedim(x, a, b),
    "flip": lambda T, x, a, b, k, n: T.flip(x, (a,)),
    "roll": lambda T, x, a, b, k, n: (T.roll(x, k, a), T.roll(x, k)),
    "reshape": lambda T, x, a, b, k, n: x.reshape(-1, x.shape[a]),
    "unsqueeze squeeze": lambda T, x, a, b, k, n: (x.unsqueeze(a), x.unsqueeze(0).squeeze(0)),
    "flatten": lambda T, x, a, b, k, n: (T.flatten(x), T.ravel(x) * 2),
    "expand": lambda T, x, a, b, k, n: x.expand(n[0], *x.shape),
    "repeat": lambda T, x, a, b, k, n: x.repeat(2, *n),
    "tile": lambda T, x, a, b, k, n: T.tile(x, tuple(n)),
    "repeat_interleave": lambda T, x, a, b, k, n: T.repeat_interleave(x, n[0], dim=a),
    "cat": lambda T, x, a, b, k, n: T.cat([x, x * 2, x], dim=a),
    "stack": lambda T, x, a, b, k, n: T.stack([x, x * x], dim=a),
    "split": lambda T, x, a, b, k, n: tuple(T.split(x, 2, dim=a)),
    "chunk": lambda T, x, a, b, k, n: tuple(T.chunk(x, 2, dim=a)),
    "unbind": lambda T, x, a, b, k, n: tuple(T.unbind(x, dim=a)),
    "narrow": lambda T, x, a, b, k, n: T.narrow(x, a, x.shape[a] // 2, x.shape[a] - x.shape[a] // 2),
    "select": lambda T, x, a, b, k, n: T.select(x, a, -1),
    "tril triu": lambda T, x, a, b, k, n: (T.tril(x[None, None], k), T.triu(x[None, None], k)),
    "diag_embed": lambda T, x, a, b, k, n: T.diag_embed(x, k),
    "diagonal": lambda T, x, a, b, k, n: T.diagonal(x[None].expand(2, *x.shape), k % 3 - 1, 0, 1),
    "unfold": lambda T, x, a, b, k, n: x.unfold(a, min(2, x.shape[a]), 1),
    "pad": lambda T, x, a, b, k, n: T.nn.functional.pad(x, (n[0] - 1, n[-1]), value=0.5),
    "rot90": lambda T, x, a, b, k, n: T.rot90(x[None], k, (0, 1)),
}


@settings(deadline=None, max_examples=120)
@given(data=st.data(), name=st.sampled_from(sorted(SHAPES)), k=st.integers(-4, 4))
def test_shape_operations(data, name, k):
    s = tuple(data.draw(SIDE) for _ in range(data.draw(st.integers(1, 3))))
    a, b, n = axis_of(data, len(s)), axis_of(data, len(s)), [data.draw(SIDE) for _ in s]
    # The cube, so that there is a second derivative to compare.
    agree(f"{name} {s} {a} {b} {k} {n}", lambda T, x: SHAPES[name](T, x * x * x, a, b, k, n), values(data, s))


PICKS = {
    "gather": lambda T, x, src, i, d: T.gather(x, d, i),
    "scatter_add": lambda T, x, src, i, d: T.scatter_add(x, d, i, src * src),
    "scatter": lambda T, x, src, i, d: T.scatter(x, d, i.argsort(d), src * src),
    "index_select": lambda T, x, src, i, d: T.index_select(x, d, i.reshape(-1)),
    "index_add": lambda T, x, src, i, d: T.index_add(x, d, T.arange(x.shape[d]), src * x),
    "index_fill": lambda T, x, src, i, d: T.index_fill(x * x, d, i.reshape(-1), 0.5),
    "take": lambda T, x, src, i, d: T.take(x * x, i),
    "take_along_dim": lambda T, x, src, i, d: T.take_along_dim(x * x, i, d),
    "advanced": lambda T, x, src, i, d: (x * x)[i],
    "mixed": lambda T, x, src, i, d: (x * x)[None, ..., i.reshape(-1)],
    "masked": lambda T, x, src, i, d: (x * x)[i > 0],
    "masked_select": lambda T, x, src, i, d: T.masked_select(x * src, i > 0),
    "sort": lambda T, x, src, i, d: tuple(T.sort(x * x, dim=d, descending=True)),
    "topk": lambda T, x, src, i, d: tuple(T.topk(x * x, 1, dim=d)),
    "kthvalue": lambda T, x, src, i, d: tuple(T.kthvalue(x * x, 1, dim=d)),
    "masked_scatter": lambda T, x, src, i, d: T.masked_scatter(x, i > 0, src * src),
    "index_put": lambda T, x, src, i, d: T.index_put(x * x, (i.reshape(-1)[:1],), src.sum() ** 2, accumulate=True),
}


@settings(deadline=None, max_examples=100)
@given(data=st.data(), name=st.sampled_from(sorted(PICKS)))
def test_indexing_gather_scatter(data, name):
    s = tuple(data.draw(SIDE) for _ in range(data.draw(st.integers(1, 3))))
    d = axis_of(data, len(s))
    limit = min(s) if name in ("advanced", "mixed", "index_put") else s[d]
    i = indices(data, s, limit if name != "scatter" else 100)
    agree(f"{name} {s} {d}", lambda T, x, src, i: PICKS[name](T, x, src, i, d), values(data, s), values(data, s), i)


@drawn
@given(data=st.data(), name=st.sampled_from(["softmax", "log_softmax", "softmin", "logsumexp", "normalize", "glu"]))
def test_softmax_family(data, name):
    s = tuple(data.draw(SIDE) * (2 if name == "glu" else 1) for _ in range(data.draw(st.integers(1, 3))))
    d = axis_of(data, len(s))
    agree(f"{name} {s} {d}", lambda T, x: named(T, name)(x, dim=d), values(data, s, -5, 5))


LOSSES = {
    "mse_loss": {}, "l1_loss": {}, "smooth_l1_loss": {"beta": 0.7}, "huber_loss": {"delta": 0.6}, "soft_margin_loss": {},
    "poisson_nll_loss": {"log_input": True}, "kl_div": {"log_target": True}, "binary_cross_entropy_with_logits": {},
    "hinge_embedding_loss": {"margin": 0.5}, "multilabel_soft_margin_loss": {},
}  # fmt: skip
REDUCTION = st.sampled_from(["mean", "sum", "none"])


@settings(deadline=None, max_examples=60)
@given(data=st.data(), name=st.sampled_from(sorted(LOSSES)), reduction=REDUCTION)
def test_losses(data, name, reduction):
    s = (data.draw(SIDE), data.draw(SIDE)) if name == "multilabel_soft_margin_loss" else shape(data, 1, 3)
    x, y = values(data, s), values(data, s)
    if name == "kl_div" and reduction == "mean":
        reduction = "batchmean"
    options = {**LOSSES[name], "reduction": reduction}
    if name in ("soft_margin_loss", "hinge_embedding_loss"):
        y = np.sign(y)
    if name == "multilabel_soft_margin_loss":
        y = (y > 0) * 1.0
    fixed = name not in ("mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss", "kl_div", "poisson_nll_loss")
    agree(f"{name} {options}", lambda T, x, y: getattr(T.nn.functional, name)(x, y.detach() if fixed else y, **options), x, y)


@drawn
@given(data=st.data(), reduction=REDUCTION)
def test_binary_cross_entropy(data, reduction):
    s = shape(data, 1, 2)
    x, y, w = values(data, s, 0.1, 0.9), values(data, s, 0.0, 1.0), values(data, s, 0.5, 2.0)
    weighted = data.draw(st.booleans())

    def f(T, x, y, w):
        w = w.detach() if weighted else None
        F = T.nn.functional
        return F.binary_cross_entropy(x, y, weight=w, reduction=reduction), F.binary_cross_entropy_with_logits(
            x, y, weight=w, pos_weight=None if w is None else w * 2, reduction=reduction
        )

    agree("bce", f, x, y, w)


@settings(deadline=None, max_examples=60)
@given(data=st.data(), reduction=REDUCTION, smoothing=st.sampled_from([0.0, 0.2]), weighted=st.booleans(), probabilities=st.booleans())
def test_cross_entropy(data, reduction, smoothing, weighted, probabilities):
    n, k, rest = data.draw(SIDE), data.draw(st.integers(1, 4)), shape(data, 0, 2)
    x, w = values(data, (n, k, *rest), -4, 4), values(data, (k,), 0.5, 2.0)
    ignored = -100 if probabilities or n < 2 else 0
    y = values(data, x.shape, 0.0, 1.0) if probabilities else indices(data, (n, *rest), k)
    if not probabilities:
        y[0] = k - 1  # at least one label counts
    if ignored == 0 and k == 1:
        ignored = -100

    def f(T, x, y, w):
        return T.nn.functional.cross_entropy(
            x, y, weight=w.detach() if weighted else None, reduction=reduction, label_smoothing=smoothing, ignore_index=ignored
        )

    agree("cross_entropy", f, x, y, w)
    if not probabilities:
        agree("nll_loss", lambda T, x, y: T.nn.functional.nll_loss(x, y, reduction=reduction, ignore_index=ignored), x, y)


@drawn
@given(data=st.data(), reduction=REDUCTION, name=st.sampled_from(["triplet", "margin_ranking", "cosine_embedding", "gaussian"]))
def test_losses_of_three(data, reduction, name):
    n, k = data.draw(SIDE), data.draw(st.integers(2, 3))
    x, y, z = (values(data, (n, k)) for _ in range(3))
    calls = {
        "triplet": lambda T, x, y, z: T.nn.functional.triplet_margin_loss(x, y, z, margin=0.7, reduction=reduction),
        "margin_ranking": lambda T, x, y, z: T.nn.functional.margin_ranking_loss(x, y, z.detach().sign(), 0.3, reduction=reduction),
        "cosine_embedding": lambda T, x, y, z: T.nn.functional.cosine_embedding_loss(
            x, y, z.detach()[:, 0].sign(), 0.1, reduction=reduction
        ),
        "gaussian": lambda T, x, y, z: T.nn.functional.gaussian_nll_loss(x, y, z * z + 0.1, full=True, reduction=reduction),
    }
    agree(name, calls[name], x, y, z)


@settings(deadline=None, max_examples=40)
@given(data=st.data(), rank=st.integers(1, 3), transposed=st.booleans(), biased=st.booleans())
def test_convolutions(data, rank, transposed, biased):
    groups, stride, dilation = data.draw(st.integers(1, 2)), data.draw(st.integers(1, 2)), data.draw(st.integers(1, 2))
    padding, kernel = data.draw(st.integers(0, 2)), data.draw(st.integers(1, 2))
    n, cin, cout = data.draw(st.integers(1, 2)), groups * data.draw(st.integers(1, 2)), groups * data.draw(st.integers(1, 2))
    side = data.draw(st.integers(3, 4)) if rank < 3 else 3
    x = values(data, (n, cin, *[side] * rank))
    w = values(data, (cin, cout // groups, *[kernel] * rank) if transposed else (cout, cin // groups, *[kernel] * rank))
    b = values(data, (cout,))
    options = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    if transposed:
        options["padding"] = min(padding, dilation * (kernel - 1))
        options["output_padding"] = data.draw(st.integers(0, max(stride, dilation) - 1))
    name = f"conv_transpose{rank}d" if transposed else f"conv{rank}d"
    agree(f"{name} {options}", lambda T, x, w, b: getattr(T.nn.functional, name)(x, w, b if biased else None, **options), x, w, b)


POOLS = ["max_pool", "avg_pool", "adaptive_avg_pool", "adaptive_max_pool", "lp_pool"]


@settings(deadline=None, max_examples=50)
@given(data=st.data(), rank=st.integers(1, 3), name=st.sampled_from(POOLS))
def test_pooling(data, rank, name):
    kernel = data.draw(st.integers(1, 3))
    sides = [data.draw(st.integers(3, 4)) for _ in range(rank)]
    x = values(data, (*shape(data, 1, 1), 2, *sides), 0.1 if name == "lp_pool" else -2.0)
    options = {"kernel_size": kernel, "stride": data.draw(st.integers(1, 2)), "ceil_mode": data.draw(st.booleans())}
    if name in ("max_pool", "avg_pool"):
        options["padding"] = data.draw(st.integers(0, kernel // 2))
    if name == "max_pool":
        options["dilation"] = data.draw(st.integers(1, 2)) if kernel < 3 else 1
    if name == "avg_pool":
        options["count_include_pad"] = data.draw(st.booleans())
    if name == "lp_pool":
        options["norm_type"] = 2.0
    if name.startswith("adaptive"):
        options = {"output_size": data.draw(st.integers(1, 3))}
    agree(f"{name}{rank}d {options}", lambda T, x: getattr(T.nn.functional, f"{name}{rank}d")(x, **options), x)


@drawn
@given(data=st.data(), name=st.sampled_from(["layer_norm", "batch_norm", "group_norm", "instance_norm", "rms_norm", "local_response_norm"]))
def test_normalizations(data, name):
    n, c, rest = data.draw(st.integers(2, 3)), 2 * data.draw(st.integers(1, 2)), (data.draw(st.integers(2, 3)),)
    x, affine = values(data, (n, c, *rest)), data.draw(st.booleans())
    over = rest if data.draw(st.booleans()) else (c, *rest)
    w, b = (values(data, over if name in ("layer_norm", "rms_norm") else (c,)) for _ in range(2))

    def f(T, x, w, b):
        F = T.nn.functional
        p = (w, b) if affine else (None, None)
        return {
            "layer_norm": lambda: F.layer_norm(x, over, *p, eps=1e-2),
            "batch_norm": lambda: F.batch_norm(x, None, None, *p, training=True, eps=1e-2),
            "group_norm": lambda: F.group_norm(x, 2, *p, eps=1e-2),
            "instance_norm": lambda: F.instance_norm(x, None, None, *p, eps=1e-2),
            "rms_norm": lambda: F.rms_norm(x, over, p[0], eps=1e-2),
            "local_response_norm": lambda: F.local_response_norm(x, 2, alpha=0.3),
        }[name]()

    agree(f"{name} {affine}", f, x, w, b)
