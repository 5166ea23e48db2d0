"""`WholeOptimizer`: what optimizers share that see all parameters as one vector and evaluate a closure several times in a step.

Not here: the algorithms (``lbfgs.py``, ``gauss_newton.py``).
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from .._errors import ArgumentError, OperandError
from .._typing import NDArray
from ..autograd import enable_grad
from ..core.tensor import Tensor
from ..core.where import here
from .optimizer import Optimizer
from .settings import Group
from .state import ANY, LIST, NUMBER, Shapes
from .stepping import State, as_parts


class WholeOptimizer(Optimizer):
    """One group, whose parameters are one vector of real numbers; what is remembered is kept with the first parameter."""

    #: What is remembered, by name: how many numbers it is ("vector": one for each of the parameters; "vectors": a list of such).
    memory: ClassVar[dict[str, str]] = {}

    def add_param_group(self, param_group: Group) -> None:
        """The one group; raises `ArgumentError` for a second."""
        if self.param_groups:
            raise ArgumentError(f"{self._name()}: takes one group, all parameters have the same settings: got a second; add its parameters")
        super().add_param_group(param_group)

    @property
    def whole(self) -> tuple[list[Tensor], State, Group]:
        """The parameters, what is remembered, and the settings."""
        group = self.param_groups[0]
        return group["params"], self.state[group["params"][0]], group

    def state_shapes(self, p: Tensor, group: Group) -> Shapes:
        """The vectors are as long as all parameters together; a complex number is two."""
        params = self.param_groups[0]["params"]
        n = sum(q.numel() * (2 if q.dtype.kind == "c" else 1) for q in params)
        kinds: dict[str, Any] = {"count": None, "number": NUMBER, "numbers": LIST, "vector": (n,), "vectors": [(n,)], "anything": ANY}
        return {k: kinds[kind] for k, kind in self.memory.items()} if p is params[0] else {}

    def evaluated(self, closure: Any) -> Any:
        """What a closure computes, recorded whatever the mode."""
        with enable_grad():
            return closure()

    def check_closure(self, closure: Any) -> None:
        """Raise for what cannot be called."""
        if not callable(closure):
            raise OperandError(
                f"{self._name()}.step: closure must be a function, it is evaluated several times: got {type(closure).__name__}"
            )

    def position(self) -> NDArray:
        """All parameters, in a vector of its own."""
        return flat([p.array for p in self.whole[0]])

    def slope(self) -> NDArray:
        """The gradients of all parameters; zeros where there is none."""
        return flat([np.zeros(p.shape, p.array.dtype) if p.grad is None else p.grad.to_dense().array for p in self.whole[0]])

    def move_to(self, x: NDArray) -> None:
        """Put a vector into the parameters, in place."""
        place, i = here(), 0
        for p in self.whole[0]:
            own = as_parts(p.array) if p.dtype.kind == "c" else p.array
            own[...] = x[i : i + own.size].reshape(own.shape)
            i += own.size
            p.changed(f"{self._name()}.step", place)


def flat(arrays: list[NDArray]) -> NDArray:
    """Arrays behind one another as one real vector."""
    parts = [as_parts(a) if a.dtype.kind == "c" else a for a in arrays]
    return np.concatenate([np.ravel(a) for a in parts])
