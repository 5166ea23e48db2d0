"""The problems of ``docs/science`` here and in JAX with its libraries, or PyTorch with torchdiffeq: same numbers, first and tenth run.

    python -m benchmarks.science_field                     print the table, and write docs/science/field.md with --write
    python -m benchmarks.science_field --python PATH       run the others with another interpreter, which has their packages

Each runs in a process of its own, ten times; a time is that of the processor, without imports. The first run of JAX compiles.
A problem is written once, for NumPy's namespace ``np`` or JAX's; what differs is the library that solves it. Not here: workloads against
PyTorch's own API (``workloads/``).
"""

from __future__ import annotations

import argparse
import importlib
import json
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy

from benchmarks.harness import ROOT, child_environment

Run = Callable[[], Any]
#: By name: what is asked, how far the numbers may differ, and by side what makes a run.
PROBLEMS: dict[str, tuple[str, float, dict[str, Callable[[], Run]]]] = {}


def problem(name: str, text: str, tolerance: float, **sides: Callable[[], Run]) -> None:
    """Enter a problem."""
    PROBLEMS[name] = (text, tolerance, sides)


def jax() -> tuple[Any, Any]:
    """JAX in float64, and its NumPy."""
    j: Any = importlib.import_module("jax")
    j.config.update("jax_enable_x64", True)
    return j, j.numpy


def flat(*parts: Any) -> list[float]:
    """All numbers of a result."""
    return [float(x) for p in parts for x in numpy.ravel(numpy.asarray(p))]


# ---- fitting: Misra1a, its parameters, and the slope of the first one in every observation --------------------------------------------
PRESSURE = numpy.array([77.6, 114.9, 141.1, 190.8, 239.9, 289.0, 332.8, 378.4, 434.8, 477.3, 536.8, 593.1, 689.1, 760.0])
VOLUME = numpy.array([10.07, 14.73, 17.94, 23.93, 29.61, 35.18, 40.02, 44.82, 50.76, 55.05, 61.01, 66.40, 75.47, 81.78])


def misra(np: Any, q: Any, data: Any) -> Any:
    return q[0] * (1 - np.exp(-q[1] / 1000 * PRESSURE)) - data


def fit_ours() -> Run:
    from tensorflowlite_clone import func, optim

    def fit(data: Any) -> Any:
        tight = {"ftol": 1e-14, "xtol": 1e-14, "gtol": 1e-14}
        return optim.least_squares(lambda q, d: misra(numpy, q, d), numpy.array([250.0, 0.5]), args=data, **tight).x

    return lambda: flat(fit(VOLUME), func.jacrev(fit)(VOLUME)[0])


def fit_jax() -> Run:
    j, np = jax()
    optimistix: Any = importlib.import_module("optimistix")

    def fit(data: Any) -> Any:
        solver = optimistix.LevenbergMarquardt(rtol=1e-12, atol=1e-12)
        return optimistix.least_squares(lambda q, d: misra(np, q, d), solver, np.array([250.0, 0.5]), args=data, max_steps=2000).value

    both = j.jit(lambda d: (fit(d), j.jacrev(fit)(d)[0]))
    return lambda: flat(*both(np.array(VOLUME)))


problem("fit", "Misra1a: two parameters, and the slope of one in each observation", 1e-6, ours=fit_ours, JAX=fit_jax)


# ---- differential equations --------------------------------------------------------------------------------------------------------------
RATES, ATOL = numpy.array([0.04, 1e4, 3e7]), numpy.array([1e-10, 1e-14, 1e-10])


def reactions(np: Any, t: Any, y: Any, k: Any) -> Any:
    first, third, second = k[0] * y[0], k[1] * y[1] * y[2], k[2] * y[1] ** 2
    return np.stack([third - first, first - third - second, second])


def robertson_ours() -> Run:
    from tensorflowlite_clone import func, integrate

    def at_40(k: Any) -> Any:
        times = numpy.array([0.0, 40.0])
        return integrate.odeint(partial(reactions, numpy), numpy.eye(3)[0], times, k, method="BDF", rtol=1e-8, atol=ATOL)[-1]

    return lambda: flat(at_40(RATES), func.jacrev(at_40)(RATES)[:, 0])


def solved_jax(rhs: Any, y0: Any, ts: Any, args: Any, solver: str, rtol: float, atol: Any, **more: Any) -> Any:
    d: Any = importlib.import_module("diffrax")

    control = d.PIDController(rtol=rtol, atol=atol)
    return d.diffeqsolve(
        d.ODETerm(rhs), getattr(d, solver)(), ts[0], ts[-1], None, y0, args, saveat=d.SaveAt(ts=ts), stepsize_controller=control,
        max_steps=8192, **more,
    ).ys  # fmt: skip


def robertson_jax() -> Run:
    j, np = jax()

    def at_40(k: Any) -> Any:
        return solved_jax(partial(reactions, np), np.eye(3)[0], np.array([0.0, 40.0]), k, "Kvaerno5", 1e-8, np.array(ATOL))[-1]

    both = j.jit(lambda k: (at_40(k), j.jacrev(at_40)(k)[:, 0]))
    return lambda: flat(*both(np.array(RATES)))


problem(
    "Robertson", "stiff reactions at t = 40 (BDF; Kvaerno5), and slopes in the first rate", 1e-4, ours=robertson_ours, JAX=robertson_jax
)
PREY, SIX = numpy.array([1.0, 0.1, 1.5, 0.075]), numpy.linspace(0, 10, 6)


def predators(np: Any, t: Any, y: Any, p: Any) -> Any:
    return np.stack([(p[0] - p[1] * y[1]) * y[0], (p[3] * y[0] - p[2]) * y[1]])


def prey_ours() -> Run:
    from tensorflowlite_clone import func, integrate

    def squares(p: Any) -> Any:
        return numpy.sum(integrate.odeint(partial(predators, numpy), numpy.array([10.0, 5.0]), SIX, p, rtol=1e-8, atol=1e-10) ** 2)

    return lambda: flat(*func.value_and_grad(squares)(PREY))


def prey_jax() -> Run:
    j, np = jax()

    def squares(p: Any) -> Any:
        return np.sum(solved_jax(partial(predators, np), np.array([10.0, 5.0]), np.array(SIX), p, "Dopri8", 1e-8, 1e-10) ** 2)

    both = j.jit(j.value_and_grad(squares))
    return lambda: flat(*both(np.array(PREY)))


def prey_torch() -> Run:
    torch: Any = importlib.import_module("torch")
    odeint: Any = importlib.import_module("torchdiffeq").odeint

    torch.set_num_threads(1)
    start, times = torch.tensor([10.0, 5.0], dtype=torch.float64), torch.tensor(SIX)

    def run() -> Any:
        p = torch.tensor(PREY, requires_grad=True)
        value = odeint(lambda t, y: predators(torch, t, y, p), start, times, method="dopri8", rtol=1e-8, atol=1e-10).square().sum()
        value.backward()
        return flat(value.detach(), p.grad)

    return run


problem(
    "Lotka-Volterra", "squares at six times (8th order), and their gradient in four parameters", 1e-5,
    ours=prey_ours, JAX=prey_jax, PyTorch=prey_torch,
)  # fmt: skip


# ---- fields ------------------------------------------------------------------------------------------------------------------------------
def laplacian(n: int) -> Any:
    sp: Any = importlib.import_module("scipy.sparse")

    line = sp.diags_array([numpy.ones(n - 1), numpy.full(n, -2.0), numpy.ones(n - 1)], offsets=[-1, 0, 1]) * (n + 1) ** 2
    return (-(sp.kron(line, sp.eye_array(n)) + sp.kron(sp.eye_array(n), line))).tocsr()


def torsion_ours() -> Run:
    import tensorflowlite_clone as tl

    n, A = 63, laplacian(63)
    places = numpy.stack(A.tocoo().coords)

    def torsion(k: Any) -> Any:
        matrix = tl.sparse_coo_tensor(places, k * A.data, A.shape)
        return 2 * numpy.sum(tl.sparse.solve(matrix, numpy.full(n * n, 2.0))) / (n + 1) ** 2

    def run() -> Any:
        value, slope = tl.func.value_and_grad(torsion)(numpy.ones(A.nnz))
        return flat(value, slope[::97])

    return run


def torsion_jax() -> Run:
    j, np = jax()
    spsolve: Any = importlib.import_module("jax.experimental.sparse.linalg").spsolve

    n, A = 63, laplacian(63)
    data, indices, starts = np.array(A.data), np.array(A.indices), np.array(A.indptr)

    def torsion(k: Any) -> Any:
        return 2 * np.sum(spsolve(k * data, indices, starts, np.full(n * n, 2.0))) / (n + 1) ** 2

    both = j.jit(j.value_and_grad(torsion))

    def run() -> Any:
        value, slope = both(np.ones(A.nnz))
        return flat(value, slope[::97])

    return run


problem(
    "torsion", "Poisson's equation, 3,969 unknowns, and the slope in 19,593 numbers of the matrix", 1e-8, ours=torsion_ours, JAX=torsion_jax
)


def chain(np: Any, x: Any) -> Any:
    return np.sum((x[1:] - x[:-1]) ** 4) / 4 + np.sum(np.cos(x))


PLACES = numpy.linspace(0, 9, 4000) ** 2 / 9


def chain_ours() -> Run:
    sp: Any = importlib.import_module("scipy.sparse")

    from tensorflowlite_clone.func import hessian_sparse

    ones = numpy.ones(4000)
    second = hessian_sparse(lambda x: chain(numpy, x), sparsity=sp.diags_array([ones[1:], ones, ones[1:]], offsets=[-1, 0, 1]))
    return lambda: flat(second(PLACES).diagonal()[::97])


def chain_jax() -> Run:
    j, np = jax()
    seeds = np.array((numpy.arange(4000) % 3 == numpy.arange(3)[:, None]).astype(float))  # the colours, by hand
    own = np.arange(4000)

    def diagonal(x: Any) -> Any:
        slope = j.grad(lambda x: chain(np, x))
        return j.vmap(lambda s: j.jvp(slope, (x,), (s,))[1])(seeds)[own % 3, own]

    both = j.jit(diagonal)
    return lambda: flat(both(np.array(PLACES))[::97])


problem("chain", "the Hessian of 4,000 unknowns by three products (JAX: colours by hand)", 1e-9, ours=chain_ours, JAX=chain_jax)


# ---- mechanics ---------------------------------------------------------------------------------------------------------------------------
def lagrangian(np: Any, q: Any, v: Any) -> Any:
    return v[0] ** 2 + v[1] ** 2 / 2 + v[0] * v[1] * np.cos(q[0] - q[1]) + 9.81 * (2 * np.cos(q[0]) + np.cos(q[1]))


def motion(np: Any, func: Any, y: Any) -> Any:
    own = partial(lagrangian, np)
    q, v = y[:2], y[2:]
    mixed = func.jacfwd(func.grad(own, 1), 0)(q, v)
    return np.concatenate([v, np.linalg.solve(func.hessian(own, 1)(q, v), func.grad(own, 0)(q, v) - mixed @ v)])


SWING = numpy.array([2.0, 2.5, 0.0, 0.0])


def pendulum_ours() -> Run:
    from tensorflowlite_clone import func, integrate

    def end(y: Any) -> Any:
        return integrate.odeint(lambda t, y: motion(numpy, func, y), y, numpy.array([0.0, 1.0]), rtol=1e-8, atol=1e-8)[-1]

    return lambda: flat(end(SWING), func.jacfwd(end)(SWING))


def pendulum_jax() -> Run:
    j, np = jax()
    diffrax: Any = importlib.import_module("diffrax")

    def end(y: Any) -> Any:
        how = {"adjoint": diffrax.DirectAdjoint()}
        return solved_jax(lambda t, y, _: motion(np, j, y), y, np.array([0.0, 1.0]), None, "Dopri8", 1e-8, 1e-8, **how)[-1]

    both = j.jit(lambda y: (end(y), j.jacfwd(end)(y)))
    return lambda: flat(*both(np.array(SWING)))


def pendulum_torch() -> Run:
    torch: Any = importlib.import_module("torch")
    odeint: Any = importlib.import_module("torchdiffeq").odeint
    torch.set_num_threads(1)
    times = torch.tensor([0.0, 1.0], dtype=torch.float64)

    def end(y: Any) -> Any:
        return odeint(lambda t, y: motion(torch, torch.func, y), y, times, method="dopri8", rtol=1e-8, atol=1e-8)[-1]

    start = torch.tensor(SWING)
    return lambda: flat(end(start), torch.autograd.functional.jacobian(end, start))


problem(
    "pendulum",
    "a double pendulum from its Lagrangian after a second, and its slope in the start",
    1e-4,
    ours=pendulum_ours,
    JAX=pendulum_jax,
    PyTorch=pendulum_torch,
)


def cluster(np: Any, x: Any) -> Any:
    i, j = numpy.triu_indices(7, 1)
    x = np.reshape(x, (7, 3))
    sixth = np.sum((x[i] - x[j]) ** 2, axis=1) ** -3
    return 4 * np.sum(sixth**2 - sixth)


def ring() -> Any:
    """Near the lowest minimum: a pentagon between two atoms."""
    s = 2 * numpy.pi * numpy.arange(5) / 5
    rows = numpy.stack([0.95 * numpy.cos(s), 0.95 * numpy.sin(s), 0 * s], 1)
    near = numpy.concatenate([rows, [[0, 0, 0.6], [0, 0, -0.6]]])
    return (near + 0.03 * numpy.random.default_rng(0).normal(size=near.shape)).ravel()


def cluster_ours() -> Run:
    from tensorflowlite_clone import func, optim

    def run() -> Any:
        found = optim.minimize(lambda x: cluster(numpy, x), ring(), tol=1e-7)
        return flat(found.fun, numpy.linalg.eigvalsh(func.hessian(lambda x: cluster(numpy, x))(found.x))[6:])

    return run


def cluster_jax() -> Run:
    j, np = jax()
    minimize: Any = importlib.import_module("jax.scipy.optimize").minimize

    def least(x: Any) -> Any:
        found = minimize(lambda x: cluster(np, x), x, method="BFGS", tol=1e-7)
        return found.fun, np.linalg.eigvalsh(j.hessian(lambda x: cluster(np, x))(found.x))[6:]

    both = j.jit(least)
    return lambda: flat(*both(np.array(ring())))


problem("cluster", "seven atoms to rest (BFGS), and how they vibrate", 1e-4, ours=cluster_ours, JAX=cluster_jax)


# ---- inference ---------------------------------------------------------------------------------------------------------------------------
EFFECTS, ERRORS = numpy.array([28.0, 8, -3, 7, -1, 1, 18, 12]), numpy.array([15.0, 10, 16, 11, 9, 11, 10, 18])


def schools(np: Any, q: Any) -> Any:
    mu, tau, z = q[0], np.exp(q[1]), q[2:]
    prior = -((mu / 5) ** 2) / 2 - np.log(1 + (tau / 5) ** 2) + q[1] - np.sum(z * z) / 2
    return prior - np.sum(((EFFECTS - mu - tau * z) / ERRORS) ** 2) / 2


PUSH = numpy.random.default_rng(0).normal(size=10)


def schools_ours() -> Run:
    from tensorflowlite_clone.func import grad

    slope = grad(lambda q: schools(numpy, q))

    def run() -> Any:
        q, p = numpy.zeros(10), PUSH
        for _ in range(100):
            p = p + 0.05 * slope(q)
            q = q + 0.1 * p
            p = p + 0.05 * slope(q)
        return flat(q, p)

    return run


def schools_jax() -> Run:
    j, np = jax()
    slope = j.grad(lambda q: schools(np, q))

    def step(state: Any, _: Any) -> Any:
        q, p = state
        p = p + 0.05 * slope(q)
        q = q + 0.1 * p
        return (q, p + 0.05 * slope(q)), None

    both = j.jit(lambda q, p: j.lax.scan(step, (q, p), None, 100)[0])
    return lambda: flat(*both(np.zeros(10), np.array(PUSH)))


problem("eight schools", "100 leapfrog steps under the posterior", 1e-6, ours=schools_ours, JAX=schools_jax)
GRID = numpy.linspace(0, 10, 1000)
SIX_PLACES = GRID[numpy.random.RandomState(1).choice(numpy.arange(1000), size=6, replace=False)]
HEIGHTS = SIX_PLACES * numpy.sin(SIX_PLACES)


def surprise(np: Any, p: Any) -> Any:
    k = np.exp(2 * p[0]) * np.exp(-(((SIX_PLACES[:, None] - SIX_PLACES) / np.exp(p[1])) ** 2) / 2) + 1e-10 * numpy.eye(6)
    factor = np.linalg.cholesky(k)
    white = np.linalg.solve(factor, np.array(HEIGHTS))
    return np.sum(white * white) / 2 + np.sum(np.log(np.diagonal(factor)))


def process_ours() -> Run:
    from tensorflowlite_clone import optim

    return lambda: flat(optim.minimize(lambda p: surprise(numpy, p), numpy.zeros(2)).x)


def process_jax() -> Run:
    j, np = jax()
    minimize: Any = importlib.import_module("jax.scipy.optimize").minimize

    both = j.jit(lambda p: minimize(lambda p: surprise(np, p), p, method="BFGS").x)
    return lambda: flat(both(np.zeros(2)))


problem("Gaussian process", "two parameters of a kernel by the marginal likelihood (BFGS)", 1e-3, ours=process_ours, JAX=process_jax)


# ---- running them ------------------------------------------------------------------------------------------------------------------------
def ten(name: str, side: str) -> dict[str, Any]:
    """Ten runs in this process."""
    run, times = PROBLEMS[name][2][side](), []
    for _ in range(10):
        start = time.process_time()
        numbers = run()
        times.append(time.process_time() - start)
    return {"first": times[0], "tenth": times[9], "numbers": numbers}


def measured(name: str, side: str, python: str) -> dict[str, Any] | str:
    """The same in a process of its own; why not, where it fails."""
    env = child_environment(1) | {"XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1", "PYTHONPATH": str(ROOT)}
    command = [python if side != "ours" else sys.executable, "-m", "benchmarks.science_field", "--one", name, side]
    result = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=env, check=False)
    if result.returncode:
        return (result.stderr.strip().splitlines() or ["failed"])[-1][:80]
    figures: dict[str, Any] = json.loads(result.stdout.splitlines()[-1])
    return figures


def table(python: str) -> str:
    """All problems on all sides."""
    lines = ["| problem | what is computed | by | first run, ms | tenth, ms | numbers |", "| --- | --- | --- | --- | --- | --- |"]
    for asked, (text, tolerance, sides) in PROBLEMS.items():
        name = asked
        own: Any = None
        for side in sides:
            found = measured(asked, side, python)
            print(
                asked, side, found if isinstance(found, str) else f"{found['first']:.3f} {found['tenth']:.4f}", file=sys.stderr, flush=True
            )
            label = "this package" if side == "ours" else side
            if isinstance(found, str) and "ModuleNotFoundError" in found:
                continue
            if isinstance(found, str):
                lines.append(f"| {name} | {text} | {label} | - | - | {found} |")
                continue
            numbers = numpy.array(found["numbers"])
            own = numbers if own is None else own
            off = float(numpy.max(numpy.abs(numbers - own)) / numpy.max(numpy.abs(own))) if numbers.shape == own.shape else numpy.inf
            said = "" if side == "ours" else f"same to {off:.0e}" if off <= tolerance else f"**differ by {off:.0e}**"
            lines.append(f"| {name} | {text} | {label} | {1e3 * found['first']:.0f} | {1e3 * found['tenth']:.1f} | {said} |")
            name, text = "", ""
    return "\n".join(lines) + "\n"


PAGE = """\
# Beside JAX and PyTorch

Made by `python -m benchmarks.science_field --write`. The problems of these pages with SciPy's solvers here, and in JAX with diffrax,
optimistix and `jax.scipy` (compiled, float64), or PyTorch with torchdiffeq where it is installed. Times of one thread's processor, without
imports. JAX's first run traces and compiles; here the first run loads SciPy's solvers. What runs once, or anew for every model that is
tried, is faster here, stiff reactions and sparse systems always; what runs a thousand times in the same shape is 5 to 500 times as fast
compiled, most of all loops over few numbers. The BFGS of `jax.scipy` stops short of the Gaussian process's maximum; ours is right.

"""


def main() -> None:
    """What the command line says."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--python", default=sys.executable, help="the interpreter that has the other packages")
    parser.add_argument("--write", action="store_true", help="write docs/science/field.md")
    parser.add_argument("--one", nargs=2, metavar=("PROBLEM", "SIDE"), help="ten runs, in this process")
    args = parser.parse_args()
    if args.one:
        print(json.dumps(ten(*args.one)))
        return
    found = table(args.python)
    print(found)
    if args.write:
        (ROOT / "docs" / "science" / "field.md").write_text(PAGE + found, encoding="utf-8")


if __name__ == "__main__":
    main()
