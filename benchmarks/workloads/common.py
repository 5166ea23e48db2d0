"""What workloads share: initial values and inputs from NumPy, a training step. Not here: workloads."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import pairwise
from typing import Any

import numpy as np


def fill(torch: Any, model: Any) -> Any:
    """Initial values from NumPy, the same under all packages; the model."""
    rng = np.random.default_rng(0)
    with torch.no_grad():
        for p in model.parameters():
            fan_in = int(np.prod(p.shape[1:])) or 1
            p.copy_(torch.tensor((rng.normal(size=tuple(p.shape)) / np.sqrt(fan_in)).astype("f4")))
    return model


def normal(torch: Any, *shape: int, seed: int = 1, scale: float = 1.0) -> Any:
    """Normally distributed float32."""
    return torch.tensor((np.random.default_rng(seed).normal(size=shape) * scale).astype("f4"))


def uniform(torch: Any, *shape: int, low: float = 0.0, high: float = 1.0, seed: int = 1) -> Any:
    """Evenly distributed float32."""
    return torch.tensor(np.random.default_rng(seed).uniform(low, high, shape).astype("f4"))


def integers(torch: Any, high: int, *shape: int, seed: int = 2) -> Any:
    """Integers from 0 to ``high - 1``, int64."""
    return torch.tensor(np.random.default_rng(seed).integers(0, high, shape))


def training(torch: Any, parameters: Iterable[Any], loss: Callable[[], Any], name: str = "Adam", **settings: Any) -> Callable[[], float]:
    """A training step: the loss, its gradients, an optimizer's step."""
    optimizer = getattr(torch.optim, name)(list(parameters), **{"lr": 1e-3, **settings})

    def step() -> float:
        optimizer.zero_grad()
        value = loss()
        value.backward()
        optimizer.step()
        return float(value.detach())

    return step


def classifier(torch: Any, model: Any, x: Any, y: Any, name: str = "Adam", **settings: Any) -> Callable[[], float]:
    """A training step of a classifier, with cross-entropy; the model gets its initial values."""
    fill(torch, model)
    return training(torch, model.parameters(), lambda: torch.nn.functional.cross_entropy(model(x), y), name, **settings)


def gradient(torch: Any, f: Callable[..., Any], *inputs: Any) -> Callable[[], float]:
    """A step that computes a scalar function and its gradients; its loss is made of both."""
    leaves = [x.requires_grad_() for x in inputs]

    def step() -> float:
        for x in leaves:
            x.grad = None
        value = f(*leaves)
        value.backward()
        return float(value.detach()) + sum(float(x.grad.reshape(-1)[:: max(1, x.numel() // 64)].sum()) for x in leaves)

    return step


def layers(torch: Any, *widths: int) -> Any:
    """Linear layers of these widths with ReLU in between."""
    nn = torch.nn
    found: list[Any] = []
    for a, b in pairwise(widths):
        found += [nn.Linear(a, b), nn.ReLU()]
    return nn.Sequential(*found[:-1])
