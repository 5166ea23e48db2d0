"""Samples for ``ops/complex.py``, and helpers to draw complex numbers."""

import numpy as np

from . import call, distinct, normal, positive, sample


def complex_normal(*shape: int, seed: int = 0) -> np.ndarray:
    """Complex numbers with normal parts, the same at every run."""
    return np.asarray(normal(*shape, seed=seed) + 1j * normal(*shape, seed=seed + 50))


NAN_AT_0 = "PyTorch's second derivative at 0 is NaN; ours is 0, that of the constant gradient 0"
Z, W = complex_normal(2, 3), complex_normal(2, 3, seed=1)

SAMPLES = {
    "Real": [sample(Z), sample(normal(2)), sample(complex_normal())],
    "Imaginary": [sample(Z), sample(normal(2)), sample(complex_normal())],
    "Conjugate": [sample(normal(2, 3)), sample(normal()), sample(Z), sample(complex_normal())],
    "Magnitude": [sample(Z), sample(complex_normal()), sample(np.array([0j, 2j]), kink=(np.array([0, 1j]),))],
    "Angle": [
        sample(Z),
        sample(distinct(2, 3)),
        sample(complex_normal()),
        sample(np.array([0j, 2j]), kink=(np.array([0, -0.5]),)),
        sample(np.array([0.0, -1.0]), kink=(np.zeros(2),)),
    ],
    "FromParts": [
        sample(normal(2, 3), normal(3), complexify=False),
        sample(normal(), normal(2), complexify=False),
        sample(normal(2, 1), normal(1, 3), complexify=False),
    ],
    "PairsOfParts": [sample(Z), sample(complex_normal()), sample(complex_normal(3, 2).T)],
    "FromPairs": [
        sample(normal(3, 2), complexify=False),
        sample(normal(2), complexify=False),
        sample(normal(2, 3, 2).transpose(1, 0, 2), complexify=False),
    ],
}

CALLS = [
    call("conj", lambda T, x: (T.conj(x), x.conj(), T.conj_physical(x)), normal(3)),
    call("conj complex", lambda T, z: (T.conj(z), z.conj() * z, T.conj_physical(z) + z.resolve_conj()), Z),
    call("real and imag", lambda T, z: (z.real * z.imag, T.real(z) + T.imag(z), z.real**2), Z),
    call("real of real", lambda T, x: (x.real, T.real(x)), normal(3)),
    call("abs complex", lambda T, z: (T.abs(z), abs(z) * z, z.abs() ** 2, z.absolute()), Z),
    call("abs complex at 0", lambda T, z: z.abs(), np.array([0j, 3 + 4j])),
    call("angle", lambda T, z: (T.angle(z), z.angle()), Z),
    call("angle of real", lambda T, x: T.angle(x), distinct(4)),
    call("angle of integers", lambda T, x: T.angle(x), np.array([-2, 0, 3])),
    call("angle at 0", lambda T, z: T.angle(z), np.array([0j, -1j]), second=False, why=NAN_AT_0),
    call("sgn complex", lambda T, z: (T.sgn(z), z.sgn() * z), Z),
    call("sgn complex at 0", lambda T, z: T.sgn(z), np.array([0j, 3 + 4j]), second=False, why=NAN_AT_0),
    call("complex", lambda T, x, y: T.complex(x, y), normal(2, 3), normal(3)),
    call("complex single", lambda T, x, y: T.complex(x, y), normal(3).astype("f4"), normal(3, seed=1).astype("f4")),
    call("polar", lambda T, x, y: T.polar(x, y), positive(2, 3), normal(3)),
    call("view_as_real", lambda T, z: T.view_as_real(z) ** 2, Z),
    call("view_as_complex", lambda T, x: T.view_as_complex(x) ** 2, normal(3, 2)),
    call("isreal", lambda T, z: (T.isreal(z), z.isreal(), T.isreal(z.real)), np.array([1 + 0j, 2j]), differentiable=False),
    call("is_conj", lambda T, z: T.tensor([z.is_conj(), z.is_complex()]), Z, differentiable=False),
    call(
        "cfloat cdouble",
        lambda T, x: (x.cdouble() * 1j, x.cfloat()),
        normal(3),
        tolerance=1e-6,
        why="part of the call is in single precision",
    ),
    call("to complex and back", lambda T, x: x.to(T.complex128).mul(1 + 1j).real, normal(3)),
]
