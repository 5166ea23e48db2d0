"""`LBFGS`: a quasi-Newton method with limited memory."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, ClassVar

import numpy as np

from .._checks import integer, number
from .._errors import ArgumentError
from .._typing import NDArray
from ..core.tensor import Taped, Tensor
from .line_search import MOST, Point, strong_wolfe
from .settings import Group, Ranges, arguments, setting
from .stepping import State
from .whole import WholeOptimizer


class LBFGS(WholeOptimizer):
    """Goes along ``-H g``; H, an estimate of the inverse Hessian, comes from the last ``history_size`` changes of position and gradient.

    ``step(closure)`` takes up to ``max_iter`` iterations, with up to ``max_eval`` (``max_iter * 5 // 4``) evaluations; ``closure`` clears
    the gradients, computes the loss, calls ``backward`` and returns the loss. It ends earlier where no gradient is larger than
    ``tolerance_grad``, or where neither a parameter nor the loss changes by more than ``tolerance_change``. Each iteration goes
    the length ``lr``, or with ``line_search_fn="strong_wolfe"`` one that is searched for, beginning with ``lr``.

    All parameters are one group. J. Nocedal, S. Wright, "Numerical optimization" (2006), algorithms 7.4 and 7.5. Its state is that of
    PyTorch's, and so is the number of evaluations.

    >>> import tensorflowlite_clone as tl
    >>> x = tl.tensor([-1.2, 1.0], dtype=tl.float64, requires_grad=True)
    >>> optimizer = LBFGS([x], max_iter=60, line_search_fn="strong_wolfe")
    >>> def closure():
    ...     optimizer.zero_grad()
    ...     loss = 100 * (x[1] - x[0] ** 2) ** 2 + (1 - x[0]) ** 2
    ...     loss.backward()
    ...     return loss
    >>> first = optimizer.step(closure); [round(v, 3) for v in x.tolist()]
    [1.0, 1.0]
    """

    ranges: ClassVar[Ranges] = {"lr": "[0, inf)"}
    memory: ClassVar[dict[str, str]] = {
        "func_evals": "count", "n_iter": "count", "d?": "vector", "t?": "number", "old_dirs?": "vectors", "old_stps?": "vectors",
        "ro?": "numbers", "H_diag?": "number", "prev_flat_grad?": "vector", "prev_loss?": "number", "al?": "anything",
    }  # fmt: skip

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1,
        max_iter: int = 20,
        max_eval: int | None = None,
        tolerance_grad: float = 1e-7,
        tolerance_change: float = 1e-9,
        history_size: int = 100,
        line_search_fn: str | None = None,
    ) -> None:
        if max_eval is None:
            max_eval = integer("LBFGS", "max_iter", max_iter) * 5 // 4
        super().__init__(params, arguments(locals()))

    def check_group(self, group: Group) -> None:
        """Counts, tolerances, and a line search that there is."""
        for key, least in (("max_iter", 0), ("max_eval", 0), ("history_size", 1)):
            integer(self._name(), key, group[key], least)
        for key in ("tolerance_grad", "tolerance_change"):
            number(self._name(), key, group[key])
        if group["line_search_fn"] not in (None, "strong_wolfe"):
            raise ArgumentError(f"LBFGS: line_search_fn must be None or 'strong_wolfe': got {group['line_search_fn']!r:.60}")

    def step(self, closure: Callable[[], Any]) -> Any:  # type: ignore[override]
        """Iterate; the loss at the beginning is returned."""
        self.check_closure(closure)
        first = self.evaluated(closure)
        with np.errstate(all="ignore"):
            self._iterate(closure, float(first))
        return first

    def _iterate(self, closure: Callable[[], Any], loss: float) -> None:
        _, state, group = self.whole
        lr, least, little = setting("LBFGS", "lr", group["lr"]), group["tolerance_grad"], group["tolerance_change"]
        history = _History(state)
        g, evaluations, iterations = self.slope(), 1, 0
        state["func_evals"] = state.get("func_evals", 0) + 1
        state.setdefault("n_iter", 0)
        if _largest(g) <= least:
            return
        while iterations < group["max_iter"]:
            iterations += 1
            state["n_iter"] += 1
            d = history.direction(g, group["history_size"])
            history.gradient, history.loss = g, loss
            t = min(1.0, 1.0 / float(np.abs(g).sum())) * lr if state["n_iter"] == 1 else lr
            slope = float(g @ d)
            history.t = t
            if slope > -little:
                break
            start, x = Point(0.0, loss, g, slope), self.position()

            def at(t: float, x: NDArray = x, d: NDArray = d) -> Point:
                self.move_to(x + t * d)
                value = float(self.evaluated(closure))
                g = self.slope()
                return Point(t, value, g, float(g @ d))

            if group["line_search_fn"] == "strong_wolfe":
                found, more = strong_wolfe(at, start, t, _largest(d), 1e-9, max(0, min(MOST, group["max_eval"] - evaluations)))
                self.move_to(x + found.t * d)
                t, loss, g = found.t, found.f, found.g
            elif iterations < group["max_iter"]:
                (_, loss, g, _), more = at(t), 1
            else:
                self.move_to(x + t * d)
                more = 0
            history.t, evaluations = t, evaluations + more
            state["func_evals"] += more
            if evaluations >= group["max_eval"] or _largest(g) <= least or _largest(t * d) <= little:
                break
            if abs(loss - history.loss) < little:
                break
        history.write(state)


class _History:
    """What LBFGS remembers, as arrays."""

    def __init__(self, state: State) -> None:
        self.d, self.gradient = (None if state.get(k) is None else state[k].array for k in ("d", "prev_flat_grad"))
        self.t, self.loss, self.scale = (_number(state.get(k, 1.0)) for k in ("t", "prev_loss", "H_diag"))
        self.changes, self.moves = ([v.array for v in state.get(k, [])] for k in ("old_dirs", "old_stps"))
        self.factors = [_number(v) for v in state.get("ro", [])]

    def direction(self, g: NDArray, most: int) -> NDArray:
        """The next direction: of steepest descent at first, then by the two loops of algorithm 7.4."""
        if self.d is None or self.gradient is None:
            self.d = -g
            return self.d
        change, move = g - self.gradient, self.t * self.d
        product = float(change @ move)
        if product > 1e-10:
            if len(self.changes) >= most:
                del self.changes[0], self.moves[0], self.factors[0]
            self.changes.append(change)
            self.moves.append(move)
            self.factors.append(1.0 / product)
            self.scale = product / float(change @ change)
        d, weights = -g, []
        for change, move, factor in zip(self.changes[::-1], self.moves[::-1], self.factors[::-1], strict=True):
            weights.append(float(move @ d) * factor)
            d = d - weights[-1] * change
        d = self.scale * d
        for change, move, factor, weight in zip(self.changes, self.moves, self.factors, weights[::-1], strict=True):
            d = d + (weight - float(change @ d) * factor) * move
        self.d = d
        return d

    def write(self, state: State) -> None:
        """Put everything into the optimizer's state, if there is anything."""
        if self.d is None:
            return
        state.update(
            d=_tensor(self.d), t=self.t, old_dirs=[*map(_tensor, self.changes)], old_stps=[*map(_tensor, self.moves)], ro=[*self.factors],
            H_diag=self.scale, prev_flat_grad=_tensor(self.gradient), prev_loss=self.loss,
        )  # fmt: skip


def _tensor(array: Any) -> Tensor:
    return Tensor.wrap(array, 0)


def _number(value: Any) -> float:
    return float(value.item() if isinstance(value, Taped) else value)


def _largest(x: NDArray) -> float:
    return float(np.abs(x).max(initial=0.0))
