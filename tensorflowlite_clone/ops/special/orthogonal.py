"""Chebyshev's, Hermite's, Laguerre's and Legendre's polynomials of degree n at x, differentiated in x.

Not here: the recurrences (``kernels/orthogonal.py``), NumPy's polynomials by coefficients (``ops/polynomials.py``).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..._errors import ArgumentError
from ..._typing import Array
from ...core.families import Inexact
from ...core.publish import public
from ...kernels import orthogonal as kernels
from ..operands import beside

#: Degrees from here on are refused: the recurrences take as many steps, and have lost all digits long before.
MOST = 1 << 20
#: Degrees from which on Hermite's polynomials are NaN, by the size of their dtype, as in PyTorch.
HERMITE_ENDS = {4: 128, 8: 512}


class OrthogonalPolynomial(Inexact, title="special.orthogonal_polynomial"):
    """Derivative number ``order`` of the polynomial of degree n, one of those in `kernels.KINDS`. Shape: broadcast."""

    real_only = True

    def forward(x, n, *, kind, order):
        dtype = np.result_type(x, n)
        x, n = np.broadcast_arrays(np.asarray(x, np.float64), n)
        degree = np.where(n > -1, n, -1).astype(np.int64)  # towards 0; NaN is none
        if degree.size and int(degree.max()) >= MOST:
            raise ArgumentError(f"special.{kind}: n must be less than {MOST}: got {degree.max()}; the recurrence would take as many steps")
        values = kernels.polynomial(x, degree, kind, order)
        if kind.startswith("hermite"):
            values = np.where(degree > HERMITE_ENDS.get(dtype.itemsize, 128), np.nan, values)
        return values.astype(dtype)

    def grad_x(g, x, n, kind, order):
        return g * OrthogonalPolynomial.of(x, n, kind=kind, order=order + 1)


def _at(x: Any, n: Any, name: str, kind: str, shifted: bool) -> Array:
    x, n = beside(x, n, f"special.{name}")
    return OrthogonalPolynomial.of(2.0 * x - 1.0 if shifted else x, n, kind=kind, order=0)


def _published(name: str, said: str, source: str) -> None:
    shifted = name.startswith("shifted_")
    kind = name.removeprefix("shifted_")

    def function(x: Array, n: Array) -> Array:
        return _at(x, n, name, kind, shifted)

    function.__doc__ = f"""{said} of degree ``n`` at ``x``{", shifted to [0, 1]: that at ``2 x - 1``" if shifted else ""}.

    Differentiable in ``x`` to any order, which it is not in PyTorch. Degrees are cut to whole numbers; those below 0 give 0. Either may
    be a number. Shape: broadcast.

    >>> import tensorflowlite_clone as tl
    >>> tl.special.{name}(tl.tensor(0.5), tl.tensor([0, -1])).tolist()
    [1.0, 0.0]

    Source: {source}.
    """
    public(f"special.{name}", out=True)(function)


for _letter, _kind in (("t", "first"), ("u", "second"), ("v", "third"), ("w", "fourth")):
    for _prefix in ("", "shifted_"):
        _published(f"{_prefix}chebyshev_polynomial_{_letter}", f"Chebyshev's polynomial of the {_kind} kind", "DLMF 18.9, recurrence")
_published("hermite_polynomial_h", "Hermite's polynomial (the physicists')", "DLMF 18.9, table 18.9.1")
_published("hermite_polynomial_he", "Hermite's polynomial (the probabilists')", "DLMF 18.9, table 18.9.1")
_published("laguerre_polynomial_l", "Laguerre's polynomial", "DLMF 18.9, table 18.9.1")
_published("legendre_polynomial_p", "Legendre's polynomial", "DLMF 18.9, table 18.9.1")
