"""Calls with complex operands, and with real ones among them, of operations from every file of ``ops/`` but ``complex.py``.

That every operation differentiates complex operands or refuses them is tested by itself (``test_operation_domains.py``); here is
what PyTorch can be compared with, away from branch cuts and on both sides of them.
"""

import numpy as np

from . import call, integers, normal, positive
from .complex import complex_normal

Z, W, X = complex_normal(2, 3), complex_normal(2, 3, seed=1), normal(2, 3)
M, N = complex_normal(3, 4), normal(3, 4)
#: All quadrants, inside and outside the unit circle, near both axes.
PLANE = np.array([0.3 + 0.4j, -0.5 + 0.2j, -2 - 1.5j, 1.5 - 0.7j, 2.5 + 0.1j, -3 + 0.1j, 0.1 + 2.5j, -0.1 - 1.2j])

HOLOMORPHIC = ("exp", "exp2", "expm1", "log", "log2", "log10", "log1p", "sqrt", "rsqrt", "sin", "cos", "tan", "asin", "acos", "atan", "sinh", "cosh",
               "tanh", "asinh", "acosh", "atanh", "square", "reciprocal", "neg", "sigmoid")  # fmt: skip

CALLS = [
    *[call(f"{n} complex", lambda T, z, n=n: getattr(T, n)(z), PLANE) for n in HOLOMORPHIC],
    call("sinc complex", lambda T, z: T.sinc(z), complex_normal(5), second=False, why="PyTorch's sinc has no second derivative"),
    call("complex operators", lambda T, z, w: (z + w) * (z - w) / (w * w + 1) - (-z), Z, W),
    call("complex with real", lambda T, z, x: (z + x, x - z, z * x, x / z, z / (x * x + 1)), Z, X),
    call("complex with real rows", lambda T, z, x: z * x + x / z, Z, normal(3)),
    call("complex numbers", lambda T, x: ((1 + 2j) * x, x + 1j, 1j / x, x - 2j), positive(2, 3)),
    call("complex with numbers", lambda T, z: 2 * z + 1.5 - z / 3 + 1 / z + (2j - z), Z),
    call("add alpha complex", lambda T, z, x: (T.add(z, x, alpha=2j), T.sub(x, z, alpha=1 - 1j)), Z, X),
    call("pow complex", lambda T, z, w: (z**w, T.pow(w, z)), Z, W),
    call("pow complex with real", lambda T, z, x: (z**x, x**z), Z, positive(2, 3)),
    call("pow complex with numbers", lambda T, z: (z**2, z**3, z**2.5, z**-1, z**0.5, z**0, z ** (1 + 2j), 2.0**z, (1 + 1j) ** z), Z),
    call("pow of real to complex number", lambda T, x: x ** (0.5 + 1j), positive(3)),
    call("float_power complex", lambda T, z, x: T.float_power(z, x), Z, X),
    call("lerp complex", lambda T, z, w: T.lerp(z, w, 0.3), Z, W),
    call("addcmul complex", lambda T, x, z, w: (T.addcmul(x, z, w, value=2j), T.addcdiv(x, z, w)), Z, W, complex_normal(2, 3, seed=3)),
    call("sum complex", lambda T, z: (z.sum(), T.sum(z, 0), z.mean(), T.mean(z, 1, keepdim=True)), Z),
    call("prod complex", lambda T, z: (z.prod(), T.prod(z, 1)), Z),
    call("prod complex zeros", lambda T, z: T.prod(z, 0), np.array([0j, 2j, 1 + 1j])),
    call("var complex", lambda T, z: (z.var(), T.var(z, 1, correction=0), T.std(z, 0), z.std(1, keepdim=True), *T.var_mean(z, 1), *T.std_mean(z, 0)), Z),
    call("norm complex", lambda T, z: (T.norm(z), z.norm(2, 1), z.norm(dim=(0, 1), keepdim=True), T.norm(z, 1), T.norm(z, 3, 0), z.norm(0.5)), Z),
    call("norm complex inf", lambda T, z: (T.norm(z, float("inf")), z.norm(float("-inf"), 1)), Z),
    call("norm complex one 0", lambda T, z: T.norm(z), np.array([0j, 1 + 1j]), second=False, why="PyTorch's second derivative where an element is 0 is NaN"),
    call("dist complex", lambda T, z, w: T.dist(z, w), Z, W),
    call("cumsum complex", lambda T, z: (T.cumsum(z, 1), T.cumprod(z, 0), z.cumprod(1)), Z),
    call("logsumexp complex", lambda T, z: (T.logsumexp(z, 1), z.logsumexp(0, keepdim=True), T.logsumexp(z, (0, 1))), 3 * Z),
    call("matmul complex", lambda T, z, m: (z @ m, z[0] @ m, z @ m[:, 0], z[0] @ m[:, 1]), Z, M),
    call("matmul complex batched", lambda T, z, m: z @ m, complex_normal(5, 2, 3), M),
    call("dot complex", lambda T, z: (T.dot(z[0], z[1]), T.vdot(z[0], z[1])), Z),
    call("bmm complex", lambda T, z, w: T.baddbmm(z, w, z.mT @ z, beta=1j), complex_normal(2, 3, 3), complex_normal(2, 3, 3, seed=4)),
    call("addmm complex", lambda T, z, w, m: (T.addmm(z, w, m, beta=2j, alpha=1 - 1j), T.addmv(z[:, 0], w, m[:, 0])), complex_normal(2, 4), W, M),
    call("linear complex", lambda T, z, w, b: (T.nn.functional.linear(z, w, b), T.nn.functional.linear(z, w)), complex_normal(2, 2, 3), complex_normal(4, 3), complex_normal(4)),
    call("einsum complex", lambda T, z, m: (T.einsum("ij,jk->ik", z, m), T.einsum("ij,jk->k", z, m), T.einsum("ij->j", z), T.einsum("ii->i", z[:, :2])), Z, M),
    call("tensordot complex", lambda T, z, w: (T.tensordot(z, w, 2), T.tensordot(z, w, ([0], [0]))), Z, W),
    call("outer complex", lambda T, z, x: (T.outer(z[0], x[0]), T.outer(x[1], z[1]), T.kron(z, x)), Z, X),
    call("inner complex", lambda T, z, w: (T.inner(z, w), T.cross(z, w, dim=1)), Z, W),
    call("conv complex", lambda T, z, k, b: T.nn.functional.conv2d(z, k, b, stride=(1, 2), padding=1), complex_normal(2, 2, 4, 5), complex_normal(3, 2, 2, 3), complex_normal(3)),
    call("conv1d complex", lambda T, z, k: T.nn.functional.conv1d(z, k, dilation=2, groups=2), complex_normal(1, 4, 7), complex_normal(4, 2, 3)),
    call("conv_transpose complex", lambda T, z, k: T.nn.functional.conv_transpose2d(z, k, stride=2), complex_normal(1, 2, 3, 3), complex_normal(2, 3, 2, 2)),
    call("where complex", lambda T, z, x: (T.where(x > 0, z, x * (1 + 0j)), T.where(x > 0, 1j, z), z.masked_fill(x > 0, 2j)), Z, X),
    call("index complex", lambda T, z: (z[0], z[:, 1:], z[z.real > 0], T.gather(z, 1, T.tensor([[0, 2], [1, 1]])), T.take(z, T.tensor([0, 4, 4]))), Z),
    call("scatter complex", lambda T, z, w: (T.scatter_add(z, 1, T.tensor([[0, 2, 0], [1, 1, 1]]), w), T.scatter(z, 0, T.tensor([[1, 0, 1], [0, 1, 0]]), w)), Z, W),
    call("index_add complex", lambda T, z, w: (T.index_add(z, 1, T.tensor([0, 0, 1]), w), T.index_select(z, 1, T.tensor([0, 0]))), Z, W),
    call("assign complex", lambda T, z, w: _assigned(z, w), Z, complex_normal(3)),
    call("shapes complex", lambda T, z: (z.reshape(3, 2), z.mT, z.mH, z.H, z.adjoint(), z.permute(1, 0), z.expand(4, 2, 3), T.flip(z, (0,)), z.ravel()), Z),
    call("joins complex", lambda T, z, w: (T.cat([z, w]), T.stack([z, w], 1), T.hstack((z, w)), *T.split(z, 2, 1), T.block_diag(z, w)), Z, W),
    call("cat complex with real", lambda T, z, x: T.cat([z, x], 1), Z, X),
    call("diagonals complex", lambda T, z: (T.tril(z), T.triu(z, 1), T.diagonal(z), T.diag_embed(z), T.trace(z[:, :2])), Z),
    call("pads complex", lambda T, z: tuple(T.nn.functional.pad(z, (1, 2), mode=m) for m in ("constant", "reflect", "replicate", "circular")), complex_normal(1, 2, 4)),
    call("repeats complex", lambda T, z: (T.tile(z, (2, 1)), z.repeat(1, 2), T.roll(z, 1, 1), T.repeat_interleave(z, 2, 0), z.unfold(1, 2, 1), T.rot90(z)), Z),
    call("diff complex", lambda T, z: T.diff(z), Z),
    call("l1_loss complex", lambda T, z, w: (T.nn.functional.l1_loss(z, w), T.nn.functional.l1_loss(z, w, reduction="none")), Z, W),
    call("normalize complex", lambda T, z: T.nn.functional.normalize(z), Z),
    call("pairwise_distance complex", lambda T, z, w: T.nn.functional.pairwise_distance(z, w), Z, W),
    call("equal complex", lambda T, z: (z == z, z != z.conj(), T.isclose(z, z + 1e-9), T.logical_not(z), T.isfinite(z), T.isnan(z)), Z, differentiable=False),
    call("truth complex", lambda T, z: (T.any(z), T.all(z, 1), T.count_nonzero(z)), np.array([[0j, 1j], [1, 2]]), differentiable=False),
    call("casts complex", lambda T, z, x: (z.to(T.complex64).to(T.complex128) * 0 + z, x.to(T.complex128), x.type_as(z)), Z, X),
    call("gather of integers into complex", lambda T, z, n: z * n + n, Z, integers(2, 3)),
    call("clone complex", lambda T, z: (z.clone() * z.contiguous(), +z, T.positive(z)), Z),
    call("sum of real and complex", lambda T, z, x: (z * x).sum().abs() + (x**2).sum(), Z, X),
]  # fmt: skip


def _assigned(z, w):
    y = z * 1
    y[1] = w
    y[:, 0] = w[0] * 2j
    return y * y
