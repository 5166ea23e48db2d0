"""Numerical programs of released packages, which know only NumPy, differentiated: unchanged but for the NumPy that they see.

``np`` of their modules, and what they imported from it by name, is `tensorflowlite_clone.numpy` meanwhile. Those that are not installed are
skipped: ``pip install filterpy lmfit scikit-learn pyhf numpy-financial pymap3d``. Not here: PyTorch's libraries (``test_libraries.py``).
"""

import importlib

import numpy as np
import pytest

import tensorflowlite_clone.numpy as tnp
from tensorflowlite_clone import func

RNG = np.random.default_rng(0)
STEPS = np.cumsum(RNG.normal(size=12))
X, Y = RNG.normal(size=(3, 3)), RNG.normal(size=(4, 3))


def use(monkeypatch, *modules):
    """The modules, whose NumPy is this package's until the test ends."""
    found = [pytest.importorskip(name) for name in modules[:1]] + [importlib.import_module(name) for name in modules[1:]]
    for module in found:
        for name, value in list(vars(module).items()):
            if value is np:
                monkeypatch.setattr(module, name, tnp)
            if getattr(value, "__name__", "") == "scipy.linalg":  # of which they use what NumPy's has as well
                monkeypatch.setattr(module, name, tnp.linalg)
            for space, own in ((np, tnp), (np.linalg, tnp.linalg)):
                known = getattr(space, name, None)
                if known is value and callable(value) and not isinstance(value, type | np.ufunc):
                    monkeypatch.setattr(module, name, getattr(own, name))
    return found


def kalman(use):
    """The log-likelihood of a random walk with drift, in its noises."""
    (module, *_) = use("filterpy.kalman.kalman_filter", "filterpy.stats.stats", "filterpy.common.helpers")

    def f(p):
        k = module.KalmanFilter(dim_x=2, dim_z=1)
        k.x, k.F, k.H = np.array([0.0, 1.0]), np.array([[1.0, 1.0], [0.0, 1.0]]), np.array([[1.0, 0.0]])
        k.P, k.R, k.Q = k.P * 10.0, k.R * p[0], np.eye(2) * p[1]
        total = 0.0
        for z in STEPS:
            k.predict()
            k.update(z)
            total = total - 0.5 * (np.log(k.S[0, 0]) + k.y[0] ** 2 / k.S[0, 0])
        return total

    return f, np.array([1.3, 0.2])


def unscented(use):
    (module,) = use("filterpy.kalman.unscented_transform")
    weights = np.array([0.3, 0.3, 0.4])

    def f(p):
        mean, covariance = module.unscented_transform(np.stack([p, p * 2 + 0.1, p - 0.3]), weights, weights)
        return np.concatenate([mean, covariance.ravel()])

    return f, np.array([0.4, 1.1])


def extended(use):
    (module,) = use("filterpy.kalman.EKF")

    def f(p):
        k = module.ExtendedKalmanFilter(2, 1)
        k.x, k.R, k.F = tnp.array([[p[0]], [1.0]]), k.R * p[1], np.array([[1.0, 0.1], [0.0, 1.0]])
        for z in (1.0, 1.2, 1.5):
            k.predict()
            k.update(
                np.array([[z]]), lambda x: tnp.array([[x[0, 0] / np.sqrt(x[0, 0] ** 2 + 1), 0.0]]), lambda x: np.sqrt(x[0:1, :] ** 2 + 1)
            )
        return k.x.ravel()

    return f, np.array([0.8, 0.5])


def g_h(use):
    (module,) = use("filterpy.gh.gh_filter")

    def f(p):
        k = module.GHFilter(x=0.0, dx=0.0, dt=1.0, g=p[0], h=p[1])
        return np.stack([k.update(z)[0] for z in (1.0, 2.2, 2.9, 4.1)])

    return f, np.array([0.6, 0.2])


def line(name, x):
    def program(use):
        (module,) = use("lmfit.lineshapes")
        return (lambda p: getattr(module, name)(x, *p)), np.array([1.2, 0.4, 0.9])

    return program


def kernel(name):
    def program(use):
        (module, *_) = use(
            "sklearn.metrics.pairwise", "sklearn.utils.extmath", "sklearn.utils._array_api", "sklearn.utils.validation",
            "sklearn.externals.array_api_compat.numpy._aliases",
        )  # fmt: skip
        return (lambda x: getattr(module, name)(x, Y).ravel()), X

    return program


def dot_product(use):
    (module,) = use("sklearn.gaussian_process.kernels")
    return (lambda x: module.DotProduct(1.0)(x).ravel()), X


def histograms(use):
    modules = use("pyhf", "pyhf.tensor.numpy_backend", "pyhf.probability", "pyhf.pdf")
    model = modules[0].simplemodels.uncorrelated_background([5.0, 10.0], [50.0, 60.0], [5.0, 12.0])
    return model.expected_data, np.array([1.2, 0.95, 1.05])


def finance(name, given):
    def program(use):
        (module,) = use("numpy_financial._financial")
        return (lambda p: given(getattr(module, name), p)), np.array([0.05, 60.0])

    return program


def map_of(name, x, *rest):
    def program(use):
        (module, *_) = use(f"pymap3d.{name[0]}", "pymap3d.ecef", "pymap3d.enu", "pymap3d.mathfun", "pymap3d.aer")
        return (lambda p: np.stack(getattr(module, name[1])(p[0], p[1], p[2], *rest))), np.array(x)

    return program


AT = np.linspace(-3.0, 3.0, 11) + 0.013
HOME = (42.0, -82.0, 200.0)
PROGRAMS = {
    "filterpy: Kalman filter": kalman, "filterpy: unscented transform": unscented, "filterpy: extended Kalman filter": extended,
    "filterpy: g-h filter": g_h,
    **{f"lmfit: {n}": line(n, AT) for n in ("gaussian", "lorentzian", "pvoigt", "moffat", "doniach", "damped_oscillator", "dho", "step")},
    "lmfit: lognormal": line("lognormal", np.abs(AT)), "lmfit: pearson4": line("pearson4", AT),
    **{f"scikit-learn: {n}": kernel(n) for n in ("rbf_kernel", "polynomial_kernel", "sigmoid_kernel", "linear_kernel")},
    "scikit-learn: DotProduct": dot_product, "pyhf: expected data": histograms,
    "numpy-financial: pmt": finance("pmt", lambda f, p: f(p[0], 24, p[1])),
    "numpy-financial: fv": finance("fv", lambda f, p: f(p[0], 10, -p[1], -100.0)),
    "numpy-financial: npv": finance("npv", lambda f, p: f(p[0], tnp.array([-100.0, p[1], 40.0]))),
    "pymap3d: geodetic2ecef": map_of(("ecef", "geodetic2ecef"), [42.0, -82.0, 200.0]),
    "pymap3d: geodetic2enu": map_of(("enu", "geodetic2enu"), [42.1, -82.2, 300.0], *HOME),
    "pymap3d: geodetic2aer": map_of(("aer", "geodetic2aer"), [42.1, -82.2, 300.0], *HOME),
}  # fmt: skip


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # theirs
@pytest.mark.parametrize("mode", ["jacrev", "jacfwd"])
@pytest.mark.parametrize("name", PROGRAMS)
def test_a_program_differentiates(name, mode, monkeypatch):
    f, x = PROGRAMS[name](lambda *modules: use(monkeypatch, *modules))
    found = getattr(func, mode)(f)(x)
    expected = np.stack(
        [(np.asarray(f(x + 1e-5 * d)) - np.asarray(f(x - 1e-5 * d))) / 2e-5 for d in np.eye(x.size).reshape(-1, *x.shape)], -1
    )
    np.testing.assert_allclose(found, expected.reshape(found.shape), rtol=0, atol=1e-6 * max(1.0, np.abs(expected).max()))
