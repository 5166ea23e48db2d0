"""Gradients for each of 256 examples of an MLP 128-256-128-10 with ReLU and cross-entropy: vmap of grad."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .mlp_step import fill

REPEAT = 2
CHECKED = 1
TOLERANCE = 1e-3


def per_sample(torch: Any, model: Any, x: Any, y: Any) -> Callable[[], float]:
    """A step that computes the gradients of the loss of each example with respect to all parameters of ``model``."""
    fill(torch, model)
    params = {name: p.detach() for name, p in model.named_parameters()}

    def loss(params: Any, x: Any, y: Any) -> Any:
        scores = torch.func.functional_call(model, params, (x[None],))
        return torch.nn.functional.cross_entropy(scores, y[None])

    gradients = torch.func.vmap(torch.func.grad(loss), in_dims=(None, 0, 0))

    def step() -> float:
        found = gradients(params, x, y)
        return float(sum(abs(g[::16]).sum() for g in found.values()))  # part of them: the sum shall not be what is timed

    return step


def make(torch: Any, batch: int = 256) -> Any:
    nn = torch.nn
    model = nn.Sequential(nn.Linear(128, 256), nn.ReLU(), nn.Linear(256, 128), nn.ReLU(), nn.Linear(128, 10))
    rng = np.random.default_rng(1)
    x = torch.tensor(rng.normal(size=(batch, 128)).astype("f4"))
    return per_sample(torch, model, x, torch.tensor(rng.integers(0, 10, batch)))
