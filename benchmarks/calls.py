"""What the table of operations times: one call of every function, written once for both packages, at any number of elements.

Not here: how a call is timed and shown (``operations.py``).

`CALLS` is ``names: expression``. In the expression ``T`` is the package, ``F`` its ``nn.functional``, ``name`` stands for each of
the names, and what `Inputs` defines are operands of about ``n`` elements in all; floating ones are differentiated. Without an expression
the call is ``T.name(x)``. Decompositions take stacks of 16 by 16 matrices.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

CALLS = {
    "elementwise, one operand": """
abs ceil cos cosh deg2rad erf erfc exp exp2 expm1 floor frac isfinite isinf isnan isneginf isposinf isreal neg positive
nan_to_num rad2deg round sgn sigmoid sign signbit sin sinc sinh square tan tanh trunc asinh atan frexp
acos asin atanh erfinv: T.name(u)
acosh: T.name(p + 1)
lgamma digamma log log10 log1p log2 reciprocal rsqrt sqrt: T.name(p)
logit: T.logit(q)
bitwise_not: T.bitwise_not(i)
logical_not: T.logical_not(b)
clamp: T.clamp(x, -0.5, 0.5)
fill: T.fill(x, 1.5)
polygamma: T.polygamma(2, p)
mvlgamma: T.mvlgamma(p + 3, 2)
""",
    "elementwise, two operands": """
add atan2 copysign div fmax fmin hypot maximum minimum mul nextafter sub true_divide logaddexp logaddexp2 rsub: T.name(x, y)
eq ge gt le lt ne isclose: T.name(x, y)
fmod remainder: T.name(x, p)
floor_divide heaviside: T.name(x.detach(), p.detach())
pow float_power: T.name(p, y)
xlogy: T.xlogy(x, p)
addcdiv addcmul: T.name(x, y, p)
lerp: T.lerp(x, y, 0.3)
clamp_max clamp_min: T.name(x, 0.1)
ldexp: T.ldexp(x, k)
bitwise_and bitwise_or bitwise_xor gcd lcm: T.name(i, j)
bitwise_left_shift bitwise_right_shift: T.name(i, k)
logical_and logical_or logical_xor: T.name(b, c)
igamma igammac: T.name(p.detach(), q)
where: T.where(b, x, y)
add row: m + r
mul column: m * s
""",
    "reductions": """
all any: T.name(b)
amax amin argmax argmin cummax cummin cumsum logcumsumexp logsumexp prod softmax log_softmax: T.name(m, 1)
cumprod: T.cumprod(m, 1)
aminmax: T.aminmax(m, dim=1)
max min median mode std_mean var_mean: T.name(m, 1)
mean std sum var nansum nanmean norm: T.name(x)
mean rows: m.mean(1)
sum columns: m.sum(0)
sum rows: m.sum(1)
var columns: m.var(0)
softmax columns: m.softmax(0)
count_nonzero: T.count_nonzero(x)
allclose equal: T.name(x, y)
dist: T.dist(x, y)
renorm: T.renorm(m, 2, 0, 1.0)
trapezoid cumulative_trapezoid: T.name(m)
sum_to_size: m.sum_to_size(r.shape)
""",
    "shapes and views": """
atleast_1d atleast_2d atleast_3d clone: T.name(x)
ravel flatten: T.name(m)
broadcast_to: T.broadcast_to(r, m.shape)
cat hstack vstack dstack column_stack stack: T.name([x, y])
chunk split: T.name(x, 4)
contiguous: m.t().contiguous()
diag_embed: T.diag_embed(s.flatten()[:30])
diagonal: T.diagonal(m)
expand: r.expand(m.shape)
flip: T.flip(m, [0, 1])
fliplr flipud rot90: T.name(m)
movedim: T.movedim(m, 0, 1).contiguous()
permute: T.permute(h, (0, 2, 3, 1)).contiguous()
repeat: r.repeat(m.shape[0], 1)
repeat_interleave: T.repeat_interleave(r, 4)
reshape: m.reshape(-1)
roll: T.roll(x, 7)
tile: T.tile(r, (m.shape[0], 1))
tril triu: T.name(m)
unbind: T.unbind(m[:8])
unfold: x.unfold(0, 5, 2)
meshgrid: T.meshgrid(r[0], s.flatten()[:100], indexing="ij")
slice: m[:, 2:40:3]
""",
    "indexing and scatter": """
gather: T.gather(m, 1, w)
take_along_dim: T.take_along_dim(m, w, 1)
index_select: T.index_select(m, 0, v)
index rows: m[v]
index pairs: m[v, 3]
mask: m[b2]
masked_fill: T.masked_fill(m, b2, 2.0)
masked_select: T.masked_select(m, b2)
masked_scatter: T.masked_scatter(m, b2, x)
index_add index_copy: T.name(m, 0, v, m2)
index_fill: T.index_fill(m, 0, v, 1.0)
index_put: T.index_put(m, (v,), m2)
index_reduce: T.index_reduce(m, 0, v, m2, "amax")
scatter scatter_add: T.name(m, 1, w, m2)
scatter_reduce sum: T.scatter_reduce(m, 1, w, m2, "sum")
scatter_reduce amax: T.scatter_reduce(m, 1, w, m2, "amax")
take: T.take(x, l)
put: T.put(x, l, y)
nonzero argwhere: T.name(b2)
narrow: T.narrow(m, 1, 2, 30).contiguous()
select_scatter: T.select_scatter(m, r[0], 0, 1)
slice_scatter: T.slice_scatter(m, m2[:1], 0, 0, 1)
diagonal_scatter: T.diagonal_scatter(m, T.diagonal(m2).clone())
embedding: F.embedding(v, m)
""",
    "sorting and searching": """
argsort msort sort: T.name(x)
unique: T.unique(x.detach())
bucketize: T.bucketize(x, edges)
searchsorted: T.searchsorted(edges, x)
isin: T.isin(i, i[:20])
kthvalue topk: T.name(m, 5, 1)
quantile nanquantile: T.name(m, 0.3, 1)
median whole: T.median(x)
nanmedian: T.nanmedian(x)
sort rows: T.sort(m, 1)
unique_consecutive: T.unique_consecutive(i)
histc: T.histc(x, 20, -3, 3)
histogram: T.histogram(x.detach(), 20)[0]
bincount: T.bincount(k)
""",
    "products": """
addbmm: T.addbmm(a3[0], a3, c3)
baddbmm: T.baddbmm(a3, a3, c3)
addmm: T.addmm(sq, sq, sq2)
addmv: T.addmv(s.flatten(), m, r[0])
addr: T.addr(m, s.flatten(), r[0])
bmm: T.bmm(a3, c3)
matmul mm: T.name(sq, sq2)
mv: T.mv(m, r[0])
dot inner vdot: T.name(x, y)
outer: T.outer(s.flatten(), r[0])
einsum: T.einsum("bij,bjk->bik", a3, c3)
kron: T.kron(s.flatten()[:50], r[0])
tensordot: T.tensordot(m, m2, 2)
linear: F.linear(m, r.expand(20, 50).contiguous())
cdist: T.cdist(points, points2)
cross: T.cross(t3, t3b, dim=1)
vecdot: T.linalg.vecdot(m, m2)
block_diag: T.block_diag(sq[:30, :30], sq2[:30, :30])
trace: T.trace(sq)
""",
    "linear algebra": """
cholesky: T.linalg.cholesky(spd)
det inv slogdet svdvals matrix_exp: T.linalg.name(a3)
eigh eigvalsh: T.linalg.name(spd)
eigvals: T.linalg.eigvals(a3)
eig: T.linalg.eig(a3.detach())
lu_factor lu qr: T.linalg.name(a3)
svd: T.linalg.svd(a3)[1]
pinv: T.linalg.pinv(a3)
solve: T.linalg.solve(a3, c3)
solve_triangular: T.linalg.solve_triangular(a3, c3, upper=True)
cholesky_solve: T.cholesky_solve(c3, spd)
lstsq: T.linalg.lstsq(a3, c3)[0]
matrix_power: T.linalg.matrix_power(a3, 3)
matrix_norm vector_norm: T.linalg.name(a3)
cond: T.linalg.cond(a3)
ldl_factor: T.linalg.ldl_factor(spd.detach())
householder_product: T.linalg.householder_product(a3, c3[..., 0, :])
""",
    "activations": """
relu relu6 elu celu selu gelu silu mish hardshrink: F.name(x)
hardsigmoid hardswish hardtanh leaky_relu logsigmoid softplus softshrink softsign tanhshrink: F.name(x)
prelu: F.prelu(m, r[0])
threshold: F.threshold(x, 0.1, 0.0)
glu: F.glu(m)
softmax log_softmax softmin: F.name(m, dim=1)
softmax of 10: F.softmax(ten, dim=1)
dropout alpha_dropout: F.name(x, 0.3)
dropout2d feature_alpha_dropout: F.name(h, 0.3)
rrelu: F.rrelu(x, training=True)
gumbel_softmax: F.gumbel_softmax(m)
normalize: F.normalize(m)
""",
    "normalisation": """
batch_norm: F.batch_norm(h, None, None, h[0, :, 0, 0].detach(), h[0, :, 0, 0].detach(), training=True)
group_norm: F.group_norm(h, 4)
instance_norm: F.instance_norm(h)
layer_norm: F.layer_norm(m, (50,), r[0], r[0])
rms_norm: F.rms_norm(m, (50,), r[0])
local_response_norm: F.local_response_norm(h, 3)
""",
    "convolution and pooling": """
conv1d: F.conv1d(h.flatten(2), k1, padding=1)
conv2d: F.conv2d(h, k2, padding=1)
conv3d: F.conv3d(h5, k3, padding=1)
conv_transpose1d: F.conv_transpose1d(h.flatten(2), k1)
conv_transpose2d: F.conv_transpose2d(h, k2)
conv_transpose3d: F.conv_transpose3d(h5, k3)
depthwise: F.conv2d(h, kd, padding=1, groups=8)
avg_pool1d max_pool1d: F.name(h.flatten(2), 2)
avg_pool2d max_pool2d: F.name(h, 2)
avg_pool3d max_pool3d: F.name(h5, 2)
max_pool2d overlapping: F.max_pool2d(h, 3, 2, 1)
adaptive_avg_pool1d adaptive_max_pool1d: F.name(h.flatten(2), 5)
adaptive_avg_pool2d adaptive_max_pool2d: F.name(h, 5)
adaptive_avg_pool3d adaptive_max_pool3d: F.name(h5, 2)
lp_pool2d: F.lp_pool2d(h.abs() + 0.1, 2, 2)
fractional_max_pool2d: F.fractional_max_pool2d(h, 2, output_ratio=(0.6, 0.6))
max_unpool2d: F.max_unpool2d(h[:, :, ::2, ::2], window, 2)
F.unfold: F.unfold(h, 3)
F.fold: F.fold(F.unfold(h, 3), (16, 16), 3)
pad: F.pad(h, (1, 1, 1, 1))
pad reflect: F.pad(h, (1, 1, 1, 1), mode="reflect")
pad replicate: F.pad(h, (1, 1, 1, 1), mode="replicate")
pad circular: F.pad(h, (1, 1, 1, 1), mode="circular")
pixel_shuffle: F.pixel_shuffle(h, 2)
pixel_unshuffle: F.pixel_unshuffle(h, 2)
channel_shuffle: F.channel_shuffle(h, 2)
interpolate nearest: F.interpolate(h, scale_factor=2)
interpolate bilinear: F.interpolate(h, scale_factor=2, mode="bilinear")
interpolate bicubic: F.interpolate(h, scale_factor=2, mode="bicubic")
interpolate area: F.interpolate(h, size=5, mode="area")
grid_sample: F.grid_sample(h, grid, align_corners=False)
affine_grid: F.affine_grid(theta, h.shape, align_corners=False)
""",
    "losses and attention": """
mse_loss l1_loss smooth_l1_loss huber_loss: F.name(x, y)
soft_margin_loss: F.soft_margin_loss(x, signs1.detach())
binary_cross_entropy_with_logits: F.name(x, q)
binary_cross_entropy: F.name(q, q2)
cross_entropy: F.cross_entropy(ten, classes)
nll_loss multi_margin_loss: F.name(ten, classes)
kl_div: F.kl_div(m, m2)
poisson_nll_loss: F.name(x, p)
gaussian_nll_loss: F.gaussian_nll_loss(x, y, p)
cosine_embedding_loss: F.cosine_embedding_loss(m, m2, signs)
cosine_similarity pairwise_distance: F.name(m, m2)
hinge_embedding_loss: F.hinge_embedding_loss(x, signs1)
margin_ranking_loss: F.margin_ranking_loss(x, y, signs1)
triplet_margin_loss: F.triplet_margin_loss(m, m2, m + 1)
multilabel_margin_loss: F.multilabel_margin_loss(ten, labels)
multilabel_soft_margin_loss: F.multilabel_soft_margin_loss(ten, ten01)
pdist: F.pdist(points)
one_hot: F.one_hot(classes, 10)
embedding_bag: F.embedding_bag(bags, m)
ctc_loss: F.ctc_loss(logp, targets, lengths, target_lengths)
bilinear: F.bilinear(ten, ten, cube)
scaled_dot_product_attention: F.scaled_dot_product_attention(heads, heads, heads)
""",
    "Fourier transforms": """
fft.fft fft.ifft fft.rfft fft.ihfft: T.name(x)
fft.fft2 fft.rfft2: T.name(h)
fft.irfft fft.hfft: T.name(z)
fft.fftshift fft.ifftshift: T.name(x)
stft: T.stft(x, 64, window=window64, return_complex=True)
""",
    "special functions": """
special.entr special.erfcx special.i0 special.i0e special.i1 special.i1e special.log_ndtr: T.name(x)
special.ndtr special.bessel_j0 special.bessel_j1: T.name(x)
special.modified_bessel_i0 special.modified_bessel_i1 special.spherical_bessel_j0 special.airy_ai: T.name(x)
special.ndtri: T.name(q)
special.xlog1py: T.name(x, p)
special.zeta: T.special.zeta(p.detach() + 1.5, p)
special.bessel_y0 special.bessel_y1 special.modified_bessel_k0: T.name(p)
special.modified_bessel_k1 special.scaled_modified_bessel_k0 special.scaled_modified_bessel_k1: T.name(p)
special.chebyshev_polynomial_t special.chebyshev_polynomial_u special.hermite_polynomial_h: T.name(u, 5)
special.hermite_polynomial_he special.laguerre_polynomial_l special.legendre_polynomial_p: T.name(u, 5)
""",
    "creation and random numbers": """
zeros ones empty rand randn: T.name(n)
arange: T.arange(n)
full: T.full((n,), 2.0)
linspace logspace: T.name(0, 1, n)
eye: T.eye(int(n**0.5))
randint: T.randint(0, 9, (n,))
randperm: T.randperm(n)
zeros_like ones_like rand_like randn_like: T.name(x)
bernoulli: T.bernoulli(q)
normal: T.normal(x, p)
poisson: T.poisson(p)
multinomial: T.multinomial(q, 50, True)
exponential_: x.detach().clone().exponential_()
uniform_ normal_: x.detach().clone().name()
tril_indices: T.tril_indices(int((2 * n) ** 0.5), int((2 * n) ** 0.5))
""",
    "complex": """
angle conj_physical real imag abs exp sqrt: T.name(z)
polar: T.polar(p, x)
complex: T.complex(x, y)
view_as_real: T.view_as_real(z) * 2.0
mul: z * z
""",
    "other": """
cov corrcoef: T.name(points.t())
diff: T.diff(x)
gradient: T.gradient(x)
cartesian_prod: T.cartesian_prod(r[0], s.flatten()[:40])
combinations: T.combinations(r[0])
float: i.float()
double: x.double()
int: x.int()
addition in place: x.detach().clone().add_(y)
""",
}


def operands(n: int) -> dict[str, Callable[[np.random.Generator], Any]]:
    """What expressions may name, and how its numbers are drawn: about ``n`` elements each."""
    rows, images, stack = max(n // 50, 2), max(n // 2048, 1), max(n // 256, 1)
    side, cells, tens, batch = int(n**0.5), max(n // 4096, 1), max(n // 10, 2), max(n // 1000, 1)
    return {
        "n": lambda dice: n,
        "x": lambda dice: dice.standard_normal(n),
        "y": lambda dice: dice.standard_normal(n),
        "z": lambda dice: (dice.standard_normal(n) + 1j * dice.standard_normal(n)).astype(np.complex64),
        "p": lambda dice: dice.uniform(0.1, 3.0, n),
        "q": lambda dice: dice.uniform(0.05, 0.95, n),
        "q2": lambda dice: dice.uniform(0.05, 0.95, n),
        "u": lambda dice: dice.uniform(-0.95, 0.95, n),
        "i": lambda dice: dice.integers(1, 1000, n),
        "j": lambda dice: dice.integers(1, 1000, n),
        "k": lambda dice: dice.integers(0, 9, n),
        "l": lambda dice: dice.permutation(n),
        "b": lambda dice: dice.random(n) < 0.5,
        "c": lambda dice: dice.random(n) < 0.5,
        "m": lambda dice: dice.standard_normal((rows, 50)),
        "m2": lambda dice: dice.standard_normal((rows, 50)),
        "b2": lambda dice: dice.random((rows, 50)) < 0.5,
        "r": lambda dice: dice.standard_normal((1, 50)),
        "s": lambda dice: dice.standard_normal((rows, 1)),
        "v": lambda dice: dice.permutation(rows),
        "w": lambda dice: dice.permuted(np.tile(np.arange(50), (rows, 1)), axis=1),
        "ten": lambda dice: dice.standard_normal((tens, 10)),
        "ten01": lambda dice: dice.integers(0, 2, (tens, 10)).astype(np.float32),
        "labels": lambda dice: np.where(np.arange(10) < 3, dice.integers(0, 10, (tens, 1)), -1),
        "classes": lambda dice: dice.integers(0, 10, tens),
        "signs": lambda dice: np.sign(dice.standard_normal(rows)),
        "signs1": lambda dice: np.sign(dice.standard_normal(n)),
        "edges": lambda dice: np.linspace(-3, 3, 100),
        "points": lambda dice: dice.standard_normal((min(side, 1000), 8)),
        "points2": lambda dice: dice.standard_normal((min(side, 1000), 8)),
        "t3": lambda dice: dice.standard_normal((max(n // 3, 1), 3)),
        "t3b": lambda dice: dice.standard_normal((max(n // 3, 1), 3)),
        "sq": lambda dice: dice.standard_normal((side, side)),
        "sq2": lambda dice: dice.standard_normal((side, side)),
        "a3": lambda dice: dice.standard_normal((stack, 16, 16)) / 4 + np.eye(16),
        "c3": lambda dice: dice.standard_normal((stack, 16, 16)) / 4,
        "spd": lambda dice: np.broadcast_to(np.eye(16) * 2 + 0.05, (stack, 16, 16)) + np.diag(dice.uniform(0, 1, 16)),
        "h": lambda dice: dice.standard_normal((images, 8, 16, 16)),
        "h5": lambda dice: dice.standard_normal((cells, 8, 8, 8, 8)),
        "k1": lambda dice: dice.standard_normal((8, 8, 3)) / 5,
        "k2": lambda dice: dice.standard_normal((8, 8, 3, 3)) / 8,
        "kd": lambda dice: dice.standard_normal((8, 1, 3, 3)) / 3,
        "k3": lambda dice: dice.standard_normal((8, 8, 3, 3, 3)) / 15,
        "window": lambda dice: np.broadcast_to(np.arange(0, 256, 2).reshape(8, 16)[:, ::2], (images, 8, 8, 8)).copy(),
        "grid": lambda dice: dice.uniform(-1, 1, (images, 16, 16, 2)),
        "theta": lambda dice: dice.standard_normal((images, 2, 3)),
        "bags": lambda dice: dice.integers(0, rows, (max(rows // 4, 1), 4)),
        "cube": lambda dice: dice.standard_normal((5, 10, 10)),
        "logp": lambda dice: np.log(np.full((50, batch, 20), 0.05)),
        "targets": lambda dice: dice.integers(1, 20, (batch, 10)),
        "lengths": lambda dice: np.full(batch, 50),
        "target_lengths": lambda dice: np.full(batch, 10),
        "heads": lambda dice: dice.standard_normal((max(n // 8192, 1), 4, 64, 32)),
        "window64": lambda dice: np.hanning(64),
    }


class Inputs:
    """The operands of calls with about ``n`` elements, by name, as tensors of the package ``T``; floating ones require gradients."""

    def __init__(self, T: Any, n: int) -> None:
        self.T, self.known = T, operands(n)

    def __contains__(self, name: str) -> bool:
        return name in self.known

    def __getitem__(self, name: str) -> Any:
        value = self.known[name](np.random.default_rng(sum(map(ord, name))))
        if not isinstance(value, np.ndarray):
            return value
        tensor = self.T.tensor(value.astype(np.float32) if value.dtype == np.float64 else value)
        return tensor.requires_grad_() if tensor.is_floating_point() or tensor.is_complex() else tensor


def calls() -> list[tuple[str, str, str]]:
    """Every call: its group, its name and its expression."""
    found = []
    for group, lines in CALLS.items():
        for line in lines.strip().splitlines():
            names, _, expression = line.partition(": ")
            labels = names.split() if "name" in expression or not expression else [names]
            found += [(group, label, (expression or "T.name(x)").replace("name", label)) for label in labels]
    return found
