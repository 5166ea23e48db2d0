"""Least squares: `GaussNewton` and `LevenbergMarquardt` see the vector of residuals and its Jacobian, not the sum of their squares alone.

Not here: what other optimizers share that evaluate a closure several times (``whole.py``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, ClassVar, NamedTuple

import numpy as np

from .._checks import integer
from .._errors import ArgumentError, OperandError
from .._typing import NDArray
from ..autograd import enable_grad, grad
from ..core.tensor import Taped, Tensor
from ..kernels.linalg import least_squares
from .settings import Group, Ranges, arguments
from .stepping import State
from .whole import WholeOptimizer


class Model(NamedTuple):
    """The residuals somewhere, their Jacobian (m, n), half the sum of their squares, and its gradient."""

    residuals: NDArray
    jacobian: NDArray
    loss: float
    slope: NDArray

    def flat(self, least: float) -> bool:
        """Whether no column of the Jacobian has a larger cosine with the residuals than ``least``, or there is nothing left."""
        lengths = np.linalg.norm(self.jacobian, axis=0) * np.linalg.norm(self.residuals)
        return bool((np.abs(self.slope) <= least * lengths).all())


class LeastSquares(WholeOptimizer):
    """What the two share: a step evaluates residuals and Jacobian, and goes on as long as that is worth while.

    Raises `OperandError` for residuals that are no real tensor, and `ArgumentError` where they do not depend on a parameter, or are not
    finite at the beginning; parameters and state are then as they were.
    """

    memory: ClassVar[dict[str, str]] = {"func_evals": "count", "n_iter": "count"}

    def check_parameter(self, p: Tensor) -> None:
        """Real, and with a gradient."""
        if p.dtype.kind != "f" or not p.requires_grad:
            raise OperandError(f"{self._name()}: parameters must be real and require grad: one (shape {p.shape}, {p.dtype}) is not so")

    def check_group(self, group: Group) -> None:
        """A number of iterations."""
        integer(self._name(), "max_iter", group["max_iter"])

    def step(self, closure: Callable[[], Any]) -> Any:  # type: ignore[override]
        """Iterate; ``closure`` returns the residuals, a tensor of any shape, and calls no ``backward``.

        Half the sum of their squares at the beginning is returned.
        """
        self.check_closure(closure)
        with np.errstate(all="ignore"), enable_grad():
            residuals = self._residuals(closure)
            here = self._model(residuals)
            if not np.isfinite(here.loss):
                raise ArgumentError(
                    f"{self._name()}.step: residuals must be finite at the beginning: the loss is {here.loss}; start elsewhere"
                )
            _, state, group = self.whole
            state["func_evals"] = state.get("func_evals", 0) + 1
            state.setdefault("n_iter", 0)
            first = here.loss
            for _ in range(group["max_iter"]):
                if here.flat(group["tolerance_grad"]):
                    break
                state["n_iter"] += 1
                found = self.move(here, closure, state, group)
                if found is None:
                    break
                here = found
        return Tensor.wrap(np.asarray(first, residuals.array.dtype), 0)

    def move(self, here: Model, closure: Callable[[], Any], state: State, group: Group) -> Model | None:
        """One iteration: the model where it leads, or None where it does not pay to go on."""
        raise NotImplementedError

    def _residuals(self, closure: Callable[[], Any]) -> Tensor:
        found = self.evaluated(closure)
        if not isinstance(found, Taped) or found.dtype.kind != "f":
            what = f"a tensor of {found.dtype}" if isinstance(found, Taped) else type(found).__name__
            raise OperandError(f"{self._name()}.step: closure must return the residuals, a real tensor: got {what}; return model(x) - y")
        if not found.requires_grad:
            raise ArgumentError(f"{self._name()}.step: the residuals must depend on the parameters: they were computed without any of them")
        return found.reshape(-1)

    def attempt(self, x: NDArray, closure: Callable[[], Any], state: State) -> tuple[Tensor, float]:
        """Go to ``x``: the residuals there, and half the sum of their squares (infinite where it is no number)."""
        self.move_to(x)
        residuals = self._residuals(closure)
        state["func_evals"] += 1
        array = residuals.array.astype(np.float64)
        loss = float(array @ array) / 2
        return residuals, loss if np.isfinite(loss) else np.inf

    def _model(self, residuals: Tensor) -> Model:
        """The Jacobian by as few passes as residuals or parameters: those are mapped over, backwards, or twice backwards."""
        params, _, _ = self.whole
        m, n = residuals.numel(), sum(p.numel() for p in params)
        kind = residuals.array.dtype
        if m <= n:
            rows = grad(residuals, params, Tensor.wrap(np.eye(m, dtype=kind), 0), is_grads_batched=True, materialize_grads=True)
            jacobian = np.concatenate([g.array.reshape(m, -1) for g in rows], axis=1)
        else:  # the map from weights of the residuals to the gradient is linear: its own derivative, transposed
            weights = Tensor(np.zeros(m, kind), requires_grad=True)
            parts = grad(residuals, params, weights, create_graph=True, materialize_grads=True)
            joined: Any = np.concatenate([g.reshape(-1) for g in parts])
            (columns,) = grad(joined, [weights], Tensor.wrap(np.eye(n, dtype=kind), 0), is_grads_batched=True, materialize_grads=True)
            jacobian = columns.array.T
        r, jacobian = residuals.array.astype(np.float64), jacobian.astype(np.float64)
        return Model(r, jacobian, float(r @ r) / 2, jacobian.T @ r)


class GaussNewton(LeastSquares):
    """Goes to the minimum of the linearised problem, ``h = argmin |r + J h|``: ``x = x + t h``.

    t is ``lr``, or the first of lr, lr/2, lr/4 ... that brings the loss down (``line_search_fn="backtracking"``). ``step(closure)``
    takes up to ``max_iter`` iterations; it ends where no cosine between the residuals and a column of J is above ``tolerance_grad``, or
    where x moves by less than ``tolerance_change`` of its length. Where J has linearly dependent columns the shortest h is taken.

    ``closure`` returns the residuals and calls no ``backward``. Their squares are half summed. J. Nocedal, S. Wright, "Numerical
    optimization" (2006), section 10.3.

    >>> import tensorflowlite_clone as tl
    >>> t, y = tl.tensor([0.0, 1.0, 2.0]).double(), tl.tensor([2.0, 1.0, 0.5]).double()
    >>> p = tl.tensor([1.0, -0.5], dtype=tl.float64, requires_grad=True)
    >>> optimizer = GaussNewton([p])
    >>> loss = optimizer.step(lambda: p[0] * tl.exp(p[1] * t) - y); [round(x, 6) for x in p.tolist()]
    [2.0, -0.693147]
    """

    ranges: ClassVar[Ranges] = {"lr": "(0, inf)", "tolerance_grad": "[0, inf)", "tolerance_change": "[0, inf)"}

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1.0,
        max_iter: int = 20,
        tolerance_grad: float = 1e-10,
        tolerance_change: float = 1e-12,
        line_search_fn: str | None = "backtracking",
    ) -> None:
        super().__init__(params, arguments(locals()))

    def check_group(self, group: Group) -> None:
        """A number of iterations, and a line search that there is."""
        super().check_group(group)
        if group["line_search_fn"] not in (None, "backtracking"):
            raise ArgumentError(f"{self._name()}: line_search_fn must be None or 'backtracking': got {group['line_search_fn']!r:.60}")

    def move(self, here: Model, closure: Callable[[], Any], state: State, group: Group) -> Model | None:
        """One iteration."""
        x = self.position()
        h = least_squares(here.jacobian, -here.residuals)
        t, slope = float(group["lr"]), float(here.slope @ h)
        residuals, loss = self.attempt(x + t * h, closure, state)
        while group["line_search_fn"] and not loss <= here.loss + 1e-4 * t * slope:
            t /= 2
            if t * np.linalg.norm(h) <= group["tolerance_change"] * np.linalg.norm(x) or t < 1e-15:
                self.move_to(x)
                return None
            residuals, loss = self.attempt(x + t * h, closure, state)
        small = t * np.linalg.norm(h) <= group["tolerance_change"] * np.linalg.norm(x)
        return None if small or not np.isfinite(loss) else self._model(residuals)


class LevenbergMarquardt(LeastSquares):
    """`GaussNewton` with damping: ``h = argmin |r + J h|^2 + mu |D h|^2``, taken where it brings the loss down.

    mu is ``damping`` at first; it grows by factors 2, 4, 8 ... while attempts fail, and shrinks where the linearised problem says well
    how much was won (rule of H. Nielsen; K. Madsen, H. Nielsen, O. Tingleff, "Methods for non-linear least squares problems" (2004),
    algorithm 3.16). D is 1, and the first mu ``damping`` times the largest squared length of a column of J. With ``scaling`` D is the
    largest length so far of each column, so that units of parameters do not matter (J. Moré, "The Levenberg-Marquardt algorithm:
    implementation and theory" (1978), section 6): try it where parameters are of very different sizes.

    ``step(closure)`` takes up to ``max_iter`` iterations, attempts that fail among them, and ends as `GaussNewton` does; ``closure``
    returns the residuals and calls no ``backward``. mu and D are part of the state, so steps go on where the last ended.

    >>> import tensorflowlite_clone as tl
    >>> t = tl.linspace(0, 1, 9, dtype=tl.float64)
    >>> p = tl.tensor([5.0, 5.0], dtype=tl.float64, requires_grad=True)
    >>> optimizer = LevenbergMarquardt([p], max_iter=50)
    >>> loss = optimizer.step(lambda: p[0] * tl.exp(p[1] * t) - 2 * tl.exp(-t)); [round(x, 6) for x in p.tolist()]
    [2.0, -1.0]
    """

    ranges: ClassVar[Ranges] = {"damping": "(0, inf)", "tolerance_grad": "[0, inf)", "tolerance_change": "[0, inf)"}
    memory: ClassVar[dict[str, str]] = {**LeastSquares.memory, "mu?": "number", "nu?": "number", "scale?": "vector"}

    def __init__(
        self,
        params: Iterable[Any],
        damping: float = 1e-3,
        max_iter: int = 20,
        tolerance_grad: float = 1e-10,
        tolerance_change: float = 1e-12,
        scaling: bool = False,
    ) -> None:
        super().__init__(params, arguments(locals()))

    def move(self, here: Model, closure: Callable[[], Any], state: State, group: Group) -> Model | None:
        """One attempt."""
        x, n = self.position(), here.jacobian.shape[1]
        lengths = np.linalg.norm(here.jacobian, axis=0)
        scale = np.ones(n)
        if group["scaling"]:
            before = state["scale"].array if "scale" in state else 0.0
            scale = np.maximum(lengths, before)
        if "mu" not in state:
            most = 1.0 if group["scaling"] else float(lengths.max(initial=0.0)) ** 2
            state.update(mu=float(group["damping"]) * (most or 1.0), nu=2.0)
        state["scale"] = Tensor.wrap(scale.astype(x.dtype), 0)
        scale = np.where(scale > 0, scale, 1.0)
        rows = np.concatenate([here.jacobian, np.diag(np.sqrt(state["mu"]) * scale)])
        h = least_squares(rows, -np.concatenate([here.residuals, np.zeros(n)]))
        if np.linalg.norm(scale * h) <= group["tolerance_change"] * np.linalg.norm(scale * x):
            return None
        residuals, loss = self.attempt(x + h, closure, state)
        gain = (here.loss - loss) / (0.5 * float(h @ (state["mu"] * scale**2 * h - here.slope)))
        if not gain > 0:
            self.move_to(x)
            state.update(mu=state["mu"] * state["nu"], nu=2 * state["nu"])
            return here if np.isfinite(state["mu"]) else None
        state.update(mu=state["mu"] * max(1 / 3, 1 - (2 * gain - 1) ** 3), nu=2.0)
        return self._model(residuals)
