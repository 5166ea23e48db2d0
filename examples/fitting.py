"""A fit of NIST's Thurber data (electron mobility in silicon): certified parameters, a band of confidence, what each observation weighs.

    python examples/fitting.py                  prints the fit beside the certified values
    python examples/fitting.py fitting.png      and draws it (needs matplotlib, the extra ``viz``)

Needs SciPy (the extra ``scipy``). The model is plain NumPy; the Jacobian, the derivative of the fitted curve in the parameters and that of
the parameters in the data come from it. Data and certified values: NIST/ITL StRD, Thurber.dat (R. Thurber, 1979), public domain.
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

from tensorflowlite_clone import optim
from tensorflowlite_clone.func import jacfwd, jacrev

X = np.array([
    -3.067, -2.981, -2.921, -2.912, -2.840, -2.797, -2.702, -2.699, -2.633, -2.481, -2.363, -2.322, -1.501, -1.460, -1.274, -1.212,
    -1.100, -1.046, -0.915, -0.714, -0.566, -0.545, -0.400, -0.309, -0.109, -0.103, 0.010, 0.119, 0.377, 0.790, 0.963, 1.006, 1.115,
    1.572, 1.841, 2.047, 2.200,
])  # fmt: skip
Y = np.array([
    80.574, 84.248, 87.264, 87.195, 89.076, 89.608, 89.868, 90.101, 92.405, 95.854, 100.696, 101.060, 401.672, 390.724, 567.534,
    635.316, 733.054, 759.087, 894.206, 990.785, 1090.109, 1080.914, 1122.643, 1178.351, 1260.531, 1273.514, 1288.339, 1327.543,
    1353.863, 1414.509, 1425.208, 1421.384, 1442.962, 1464.350, 1468.705, 1447.894, 1457.628,
])  # fmt: skip
START = np.array([1000, 1000, 400, 40, 0.7, 0.3, 0.03])  # NIST's first one, far away
CERTIFIED = [1.2881396800e03, 1.4910792535e03, 5.8323836877e02, 7.5416644291e01, 9.6629502864e-01, 3.9797285797e-01, 4.9727297349e-02]
DEVIATIONS = [4.6647963344e00, 3.9571156086e01, 2.8698696102e01, 5.5675370270e00, 3.1333340687e-02, 1.4984928198e-02, 6.5842344623e-03]
SQUARES = 5.6427082397e03


def mobility(x: Any, b: Any) -> Any:
    """Electron mobility over the logarithm of the density: a quotient of two cubic polynomials."""
    return (b[0] + x * (b[1] + x * (b[2] + x * b[3]))) / (1 + x * (b[4] + x * (b[5] + x * b[6])))


def fit(y: Any) -> Any:
    """The parameters of least squares for observations ``y``, a differentiable function of these."""
    return optim.least_squares(lambda b, y: mobility(X, b) - y, START, args=y, ftol=1e-15, xtol=1e-15, gtol=1e-15)


def digits(found: Any, certified: Any) -> float:
    """How many digits of the worst value are right."""
    return float(np.min(-np.log10(np.maximum(np.abs(np.asarray(found) / np.asarray(certified) - 1), 1e-11))))


def main(picture: str | None = None) -> None:
    """Fit, compare, and ask the derivative."""
    result = fit(Y)
    print("parameter          certified   deviation   certified")
    for k in range(7):
        print(f"{result.x[k]:14.8g} {CERTIFIED[k]:14.8g} {result.stderr[k]:11.6g} {DEVIATIONS[k]:11.6g}")
    print(f"digits: {digits(result.x, CERTIFIED):.1f} of the parameters, {digits(result.stderr, DEVIATIONS):.1f} of their deviations")

    grid = np.linspace(-3.2, 2.4, 300)
    slopes = jacfwd(lambda b: mobility(grid, b))(result.x)  # (300, 7)
    band = 2 * np.sqrt(np.einsum("ij,jk,ik->i", slopes, result.covariance, slopes))
    weights = np.diag(jacrev(lambda y: mobility(X, fit(y).x))(Y))  # d fitted value / d observed value: the leverage of each
    print(f"the leverages add up to {weights.sum():.4f} (7 in a linear model); that of the last observation is {weights[-1]:.3f}")
    print(f"sum of squares {2 * result.cost:.10e}, certified {SQUARES:.10e}")
    if picture:
        draw(picture, grid, mobility(grid, result.x), band, weights)


def draw(path: str, grid: Any, curve: Any, band: Any, weights: Any) -> None:
    """The data, dots as large as their leverage; the curve; two standard deviations of it, ten times enlarged."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    figure, (above, below) = plt.subplots(2, 1, figsize=(7, 6), sharex=True, height_ratios=(3, 1), constrained_layout=True)
    above.fill_between(grid, curve - 10 * band, curve + 10 * band, color="#cfe3ea", label="10 x two standard deviations of the curve")
    above.plot(grid, curve, color="#1f6f8b", label="fit")
    above.scatter(X, Y, s=10 + 150 * weights, color="#d9662b", alpha=0.7, label="observations, by leverage")
    above.set(ylabel="electron mobility", title="NIST StRD Thurber: 7 parameters, sum of squares 5642.7082397")
    above.legend(frameon=False)
    below.stem(X, Y - np.interp(X, grid, curve), linefmt="#1f6f8b", markerfmt=" ", basefmt="#888888")
    below.set(xlabel="logarithm of the density", ylabel="residual")
    figure.savefig(path, dpi=110)


if __name__ == "__main__":
    main(*sys.argv[1:2])
