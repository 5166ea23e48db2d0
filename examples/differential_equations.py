"""Differential equations: sensitivities of Robertson's reactions beside SUNDIALS', Lotka and Volterra's model fitted to lynxes and hares.

    python examples/differential_equations.py                 prints both beside the published values
    python examples/differential_equations.py lynxes.png      and draws the fit (needs matplotlib, the extra ``viz``)

Needs SciPy (the extra ``scipy``). Data: pelts of the Hudson Bay Company, 1900 to 1920 (Howard 2009, after Hewitt 1921), in thousands.
The parameters are those of B. Carpenter, "Predator-prey population dynamics", Stan case studies (2018), fitted by maximum likelihood.
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

from tensorflowlite_clone import optim
from tensorflowlite_clone.func import jacrev
from tensorflowlite_clone.integrate import odeint

#: SUNDIALS, cvsRoberts_FSA_dns: the sensitivities of the three concentrations to the three rates at t = 40.
PUBLISHED = np.array([[-4.2475e00, 4.5913e-05, 4.2475e00], [1.3731e-05, -2.3573e-10, -1.3730e-05], [-2.2883e-09, -1.1380e-13, 2.2884e-09]])
YEARS = np.arange(1900.0, 1921.0)
HARES = [30, 47.2, 70.2, 77.4, 36.3, 20.6, 18.1, 21.4, 22, 25.4, 27.1, 40.3, 57, 76.6, 52.3, 19.5, 11.2, 7.6, 14.6, 16.2, 24.7]
LYNXES = [4, 6.1, 9.8, 35.2, 59.4, 41.7, 19, 13, 8.3, 9.1, 7.4, 8, 12.3, 19.5, 45.7, 51.1, 29.7, 15.8, 9.7, 10.1, 8.6]
PELTS = np.log(np.stack([HARES, LYNXES], axis=1))  # (years, 2)


def reactions(t: Any, y: Any, rates: Any) -> Any:
    """Robertson's: A -> B slowly, B + B -> C + B very fast, B + C -> A + C fast."""
    first, third, second = rates[0] * y[0], rates[1] * y[1] * y[2], rates[2] * y[1] ** 2
    return np.stack([third - first, first - third - second, second])


def sensitivities() -> Any:
    """How the concentrations at t = 40 depend on the rates: one row for each rate."""
    rates, start, ts = np.array([0.04, 1e4, 3e7]), np.array([1.0, 0.0, 0.0]), np.array([0.0, 40.0])
    atol = np.array([1e-10, 1e-14, 1e-10])
    return jacrev(lambda k: odeint(reactions, start, ts, k, method="BDF", rtol=1e-8, atol=atol)[-1])(rates).T


def populations(t: Any, y: Any, p: Any) -> Any:
    """Lotka and Volterra's: hares breed and are eaten, lynxes eat and starve."""
    hares, lynxes = y
    return np.stack([(p["alpha"] - p["beta"] * lynxes) * hares, (p["delta"] * hares - p["gamma"]) * lynxes])


def logarithms(p: Any, years: Any) -> Any:
    """The logarithms of both populations in these years, of parameters that are logarithms themselves."""
    q = {name: np.exp(value) for name, value in p.items()}
    return np.log(odeint(populations, q["start"], years, q, rtol=1e-8, atol=1e-8))


def fit() -> Any:
    """Least squares of the logarithms, which is the maximum likelihood where errors are factors."""
    start = {"alpha": 1.0, "beta": 0.05, "gamma": 1.0, "delta": 0.05, "start": np.exp(PELTS[0])}
    begin = {name: np.log(value) for name, value in start.items()}
    return optim.least_squares(lambda p: logarithms(p, YEARS) - PELTS, begin)


def main(picture: str | None = None) -> None:
    """Both problems, beside what was published."""
    found = sensitivities()
    print("Robertson, sensitivities at t = 40 (SUNDIALS' in brackets)")
    for k in range(3):
        print(f"  rate {k + 1} " + "".join(f"{a:12.4e} ({b:11.4e})" for a, b in zip(found[k], PUBLISHED[k], strict=True)))
    result = fit()
    print(f"lynxes and hares, {result.nfev} solutions (Carpenter's posterior means in brackets)")
    for name, mean in {"alpha": 0.55, "beta": 0.028, "gamma": 0.80, "delta": 0.024}.items():
        value = np.exp(result.x[name])
        print(f"  {name:5} {value:.4f} +- {value * result.stderr[name]:.4f} ({mean})")
    if picture:
        import matplotlib as mpl

        mpl.use("Agg")
        from matplotlib import pyplot as plt

        years = np.linspace(1900, 1920, 400)
        figure, axes = plt.subplots(figsize=(8, 3.5), layout="constrained")
        for k, (name, colour) in enumerate({"hares": "#1f6f8b", "lynxes": "#d9662b"}.items()):
            axes.plot(YEARS, np.exp(PELTS[:, k]), "o", color=colour, markersize=4)
            axes.plot(years, np.exp(logarithms(result.x, years)[:, k]), color=colour, label=name)
        axes.set(xlabel="year", ylabel="thousands of pelts", xticks=range(1900, 1921, 5))
        axes.legend(frameon=False)
        figure.savefig(picture, dpi=110)


if __name__ == "__main__":
    main(*sys.argv[1:2])
