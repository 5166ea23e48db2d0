"""A branch that ``where`` did not take has no influence, even where its slope is infinite or undefined: in every mode and order.

PyTorch and JAX give NaN here (0 times infinity) and ask their users to mask twice.
"""

from __future__ import annotations

import numpy as np
import pytest

import tensorflowlite_clone as tl
from tensorflowlite_clone.core.registry import OPS
from tensorflowlite_clone.func import grad, hessian, jvp, vmap

#: Per steep operation: the function, a point where its slope is not finite, and one where all is well.
STEEP = {
    "Divide": (lambda x: 2.0 / x + np.sin(x) / x, 0.0, 0.7),
    "Reciprocal": (np.reciprocal, 0.0, 0.7),
    "Power": (lambda x: x**x, 0.0, 0.7),
    "PowerOfNumber": (lambda x: x**0.5 + x**-1.5, 0.0, 0.7),
    "Exp": (np.exp, 1e4, 0.7),
    "Exp2": (np.exp2, 1e5, 0.7),
    "Expm1": (np.expm1, 1e4, 0.7),
    "Log": (np.log, 0.0, 0.7),
    "Log2": (np.log2, 0.0, 0.7),
    "Log10": (np.log10, 0.0, 0.7),
    "Log1p": (np.log1p, -1.0, 0.7),
    "Sqrt": (np.sqrt, 0.0, 0.7),
    "RSqrt": (lambda x: x.rsqrt(), 0.0, 0.7),
    "Cbrt": (np.cbrt, 0.0, 0.7),
    "LogAddExp": (lambda x: np.logaddexp(x, 1.0), -np.inf, 0.7),
    "LogAddExp2": (lambda x: np.logaddexp2(x, 1.0), -np.inf, 0.7),
    "XLogY": (lambda x: OPS["XLogY"].of(2.0 + x, x), 0.0, 0.7),
    "ArcSin": (np.arcsin, 1.0, 0.7),
    "ArcCos": (np.arccos, -1.0, 0.7),
    "Sinh": (np.sinh, 1e4, 0.7),
    "Cosh": (np.cosh, -1e4, 0.7),
    "ArcCosh": (np.arccosh, 1.0, 1.7),
    "ArcTanh": (np.arctanh, 1.0, 0.7),
    "ErfInv": (lambda x: x.erfinv(), 1.0, 0.7),
    "LogGamma": (lambda x: x.lgamma(), 0.0, 0.7),
    "Digamma": (lambda x: x.digamma(), 0.0, 0.7),
    "Polygamma": (lambda x: tl.polygamma(1, x), 0.0, 0.7),
    "Logit": (lambda x: x.logit(), 0.0, 0.7),
    "GammaDensity": (lambda x: OPS["GammaDensity"].of(0.5, x, order=0), 0.0, 0.7),
    "GammaP": (lambda x: OPS["GammaP"].of(0.5, x, order=0), 0.0, 0.7),
    "GammaQ": (lambda x: OPS["GammaQ"].of(0.5, x, order=0), 0.0, 0.7),
    "BesselY": (tl.special.bessel_y0, 0.0, 0.7),
    "BesselK": (tl.special.modified_bessel_k0, 0.0, 0.7),
    "BesselKScaled": (tl.special.scaled_modified_bessel_k1, 0.0, 0.7),
    "ScaledErfc": (tl.special.erfcx, -1e3, 0.7),
    "LogNormalArea": (tl.special.log_ndtr, -np.inf, 0.7),
    "Mills": (lambda x: OPS["Mills"].of(x), -np.inf, 0.7),
    "NormalQuantile": (tl.special.ndtri, 1.0, 0.7),
    "Entr": (tl.special.entr, 0.0, 0.7),
    "XLog1PY": (lambda x: tl.special.xlog1py(2.0 - x, x), -1.0, 0.7),
    "Zeta": (lambda x: tl.special.zeta(1.7, x), 0.0, 0.7),
    "GammaLogDensity": (lambda x: OPS["GammaLogDensity"].of(x, 0.3), 0.0, 0.7),
    "GammaRatio": (lambda x: OPS["GammaRatio"].of(x, 0.3, order=1), 0.0, 0.7),
    "GammaLogArea": (lambda x: OPS["GammaLogArea"].of(x, 0.3, upper=False), 0.0, 0.7),
    "GammaVariate": (lambda x: OPS["GammaVariate"].of(0.4, x, None), 0.0, 0.7),
    "LogBeta": (lambda x: OPS["LogBeta"].of(x, 1.3), 0.0, 0.7),
    "BetaLogDensity": (lambda x: OPS["BetaLogDensity"].of(x, 1.3, 0.4), 0.0, 0.7),
    "BetaRatio": (lambda x: OPS["BetaRatio"].of(x, 1.3, 0.4, i=1, j=0), 0.0, 0.7),
    "BetaLogArea": (lambda x: OPS["BetaLogArea"].of(x, 1.3, 0.4, upper=False), 0.0, 0.7),
    "BetaVariate": (lambda x: OPS["BetaVariate"].of(0.4, x, 1.3, None), 0.0, 0.7),
    "CosineCumulant": (lambda x: OPS["CosineCumulant"].of(x, order=1), np.inf, 0.7),
    "CircleRatio": (lambda x: OPS["CircleRatio"].of(x, 0.3, order=0), -1.0, 0.7),
    "CircleLogArea": (lambda x: OPS["CircleLogArea"].of(x, 0.3, upper=False), -1.0, 0.7),
    "CircleVariate": (lambda x: OPS["CircleVariate"].of(0.4, x, None), -1.0, 0.7),
    "IntervalCumulant": (lambda x: OPS["IntervalCumulant"].of(x, order=1), np.inf, 0.7),
    "IntervalVariate": (lambda x: OPS["IntervalVariate"].of(0.4, x), np.inf, 0.7),
}


#: Whose derivatives are products of such, so that this holds for the first one alone.
FIRST = {"GammaRatio", "GammaLogArea", "BetaRatio", "BetaLogArea", "IntervalCumulant", "IntervalVariate"}


def test_every_steep_operation_is_here():
    assert {n for n, op in OPS.items() if getattr(op, "steep", False)} == set(STEEP)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("name", STEEP)
def test_the_branch_not_taken_has_no_influence(name, dtype):
    f, bad, good = STEEP[name]
    x = np.array([bad, good], dtype)

    def masked(x):
        return np.sum(np.where(np.array([False, True]), f(x), 3.0))

    def alone(x):
        return f(x)[()]

    point = tl.Tensor(np.array(good, dtype))
    first, second = grad(alone)(point).item(), grad(grad(alone))(point).item()
    tolerance = 1e-4 if dtype == np.float32 else 1e-10
    t = tl.Tensor(x, requires_grad=True)
    masked(t).backward()
    np.testing.assert_allclose(t.grad.numpy(), [0.0, first], rtol=tolerance)
    if name in FIRST:
        return
    (g,) = tl.autograd.grad(masked(t), t, create_graph=True)
    np.testing.assert_allclose(tl.autograd.grad(g.sum(), t)[0].numpy(), [0.0, second], rtol=tolerance)
    box = tl.Tensor(x)
    np.testing.assert_allclose(jvp(masked, (box,), (tl.ones(2),))[1].item(), first, rtol=tolerance)
    np.testing.assert_allclose(jvp(grad(masked), (box,), (tl.ones(2),))[1].numpy(), [0.0, second], rtol=tolerance)
    np.testing.assert_allclose(hessian(masked)(box).numpy(), [[0.0, 0.0], [0.0, second]], rtol=tolerance)
    np.testing.assert_allclose(vmap(grad(masked))(tl.stack([box, box])).numpy(), [[0.0, first]] * 2, rtol=tolerance)


def test_one_masked_element_does_not_spoil_the_others():
    """Beside a masked NaN, an element whose cotangent happens to be 0 keeps its second derivative."""

    def f(x):
        return np.sum(np.where(np.array([False, True, True]), np.sqrt(x) * np.array([1.0, 0.0, 1.0]) * x, 0.0))

    x = np.array([0.0, 4.0, 9.0])
    h = 1e-4
    expected = np.stack([(grad(f)(x + h * e) - grad(f)(x - h * e)) / (2 * h) for e in np.eye(3)[1:]])
    np.testing.assert_allclose(hessian(f)(x)[1:, 1:], expected[:, 1:], rtol=1e-6, atol=1e-9)

    def g(x, c):
        return np.sum(np.where(np.array([False, True]), np.sqrt(x) * c, 0.0))

    mixed = jvp(lambda c: grad(lambda x: g(x, c))(np.array([0.0, 4.0])), (np.zeros(2),), (np.ones(2),))[1]
    np.testing.assert_allclose(mixed, [0.0, 0.25])


def test_slopes_that_count_stay_as_they_are():
    x = tl.tensor([0.0, 4.0], requires_grad=True)
    x.sqrt().sum().backward()
    assert x.grad.tolist() == [float("inf"), 0.25]
    y = tl.tensor([float("nan"), 0.0], requires_grad=True)
    y.log().backward(tl.tensor([1.0, 0.0]))
    assert np.isnan(y.grad.numpy()[0])
    assert y.grad.numpy()[1] == 0.0
