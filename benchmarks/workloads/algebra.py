"""Products, factors and solutions, Fourier transforms, distances, with their gradients."""

from __future__ import annotations

from typing import Any

from . import workload
from .common import gradient, normal


@workload(2, 1, 1e-3)
def matmul_512(torch: Any) -> Any:
    """The product of two 512x512 matrices."""
    return gradient(torch, lambda a, b: (a @ b).square().mean(), normal(torch, 512, 512), normal(torch, 512, 512, seed=2))


@workload(2, 1, 1e-3)
def batched_products(torch: Any) -> Any:
    """128 products of 64x32 and 32x64 matrices."""
    return gradient(torch, lambda a, b: (a @ b).square().mean(), normal(torch, 128, 64, 32), normal(torch, 128, 32, 64, seed=2))


@workload(2, 1, 1e-3)
def products_3x3(torch: Any) -> Any:
    """20,000 products of 3x3 matrices, as rotations are composed."""
    return gradient(torch, lambda a, b: (a @ b).square().mean(), normal(torch, 20_000, 3, 3), normal(torch, 20_000, 3, 3, seed=2))


@workload(2, 1, 1e-3)
def einsum_contraction(torch: Any) -> Any:
    """einsum of three operands, bij,bjk,ik->b."""
    operands = normal(torch, 32, 64, 48), normal(torch, 32, 48, 40, seed=2), normal(torch, 64, 40, seed=3)
    return gradient(torch, lambda a, b, c: torch.einsum("bij,bjk,ik->b", a, b, c).mean(), *operands)


def _positive(torch: Any, a: Any) -> Any:
    return a @ a.mT + a.shape[-1] * torch.eye(a.shape[-2])


@workload(2, 1, 1e-3)
def solutions_32(torch: Any) -> Any:
    """solve and inv of 64 matrices 32x32."""
    a, b = normal(torch, 64, 32, 32), normal(torch, 64, 32, 4, seed=2)
    return gradient(
        torch, lambda a, b: torch.linalg.solve(_positive(torch, a), b).sum() + torch.linalg.inv(_positive(torch, a)).sum(), a, b
    )  # fmt: skip


@workload(2, 1, 1e-3)
def cholesky_300(torch: Any) -> Any:
    """A Cholesky factor of a 300x300 matrix, its log-determinant and a solution."""
    b = normal(torch, 300, 1, seed=2)

    def f(a: Any) -> Any:
        factor = torch.linalg.cholesky(_positive(torch, a))
        return factor.diagonal().log().sum() + torch.cholesky_solve(b, factor).square().sum()

    return gradient(torch, f, normal(torch, 300, 300))


@workload(1, 1, 1e-2)
def singular_values(torch: Any) -> Any:
    """svd of a 128x96 matrix and eigh of a 96x96 one."""

    def f(a: Any) -> Any:
        return torch.linalg.svd(a, full_matrices=False)[1].sqrt().sum() + torch.linalg.eigh(_positive(torch, a.mT))[0].log().sum()

    return gradient(torch, f, normal(torch, 128, 96))


@workload(2, 1, 1e-3)
def fft_signals(torch: Any) -> Any:
    """Spectra of 64 signals of 4,096, filtered and turned back."""
    weight = torch.exp(-torch.arange(2049.0) / 500.0)
    return gradient(torch, lambda x: torch.fft.irfft(torch.fft.rfft(x) * weight).square().mean(), normal(torch, 64, 4096))


@workload(2, 1, 1e-3)
def fft_images(torch: Any) -> Any:
    """Two-dimensional spectra of 16 images 128x128."""
    return gradient(torch, lambda x: torch.fft.fft2(x).abs().mean(), normal(torch, 16, 128, 128))


@workload(2, 1, 1e-3)
def distances_800(torch: Any) -> Any:
    """cdist of 800 and 800 points of 16 numbers."""
    return gradient(torch, lambda a, b: torch.cdist(a, b).mean(), normal(torch, 800, 16), normal(torch, 800, 16, seed=2))


@workload(2, 1, 1e-3)
def kernel_matrix(torch: Any) -> Any:
    """A Gaussian kernel of 600 points by broadcasting their differences."""

    def f(x: Any) -> Any:
        d = x[:, None] - x[None]
        return torch.exp(-0.5 * (d * d).sum(-1)).mean()

    return gradient(torch, f, normal(torch, 600, 3))
