"""Training steps of multi-layer perceptrons."""

from __future__ import annotations

from typing import Any

from . import workload
from .common import classifier, fill, integers, layers, normal, training, uniform


def _digits(torch: Any, batch: int, name: str = "Adam", **settings: Any) -> Any:
    return classifier(torch, layers(torch, 784, 256, 128, 10), normal(torch, batch, 784), integers(torch, 10, batch), name, **settings)


@workload(10, 5, 2e-2)
def mlp_step(torch: Any) -> Any:
    """One training step of an MLP 784-256-128-10 with ReLU, cross-entropy and Adam, batch 128."""
    return _digits(torch, 128)


@workload(10, 5, 2e-2)
def mlp_step_batch32(torch: Any) -> Any:
    """The step of `mlp_step` with batch 32, where overhead weighs more."""
    return _digits(torch, 32)


@workload(10, 5, 2e-2)
def mlp_step_batch512(torch: Any) -> Any:
    """The step of `mlp_step` with batch 512."""
    return _digits(torch, 512)


@workload(10, 5, 1e-3)
def mlp_sgd_batch32(torch: Any) -> Any:
    """The step of `mlp_step` with SGD and batch 32."""
    return _digits(torch, 32, "SGD", lr=1e-2)


@workload(10, 5, 1e-3)
def mlp_sgd_batch512(torch: Any) -> Any:
    """The step of `mlp_step` with SGD with momentum and batch 512."""
    return _digits(torch, 512, "SGD", lr=1e-2, momentum=0.9)


@workload(2, 3, 2e-2)
def mlp_wide(torch: Any) -> Any:
    """An MLP 512-1024-1024-10 on 256 rows, with AdamW: products are what counts."""
    return classifier(torch, layers(torch, 512, 1024, 1024, 10), normal(torch, 256, 512), integers(torch, 10, 256), "AdamW")


@workload(5, 3, 1e-3)
def mlp_deep_narrow(torch: Any, batch: int = 64, depth: int = 20, width: int = 32) -> Any:
    """20 layers of 32 units on 64 rows, with SGD: calls are what counts."""
    model = layers(torch, *[width] * depth, 10)
    return classifier(torch, model, normal(torch, batch, width), integers(torch, 10, batch), "SGD", lr=1e-2)


@workload(5, 3, 1e-3)
def mlp_batch_norm(torch: Any) -> Any:
    """An MLP 128-256-256-10 with batch norm and tanh on 128 rows, with SGD."""
    nn = torch.nn
    model = nn.Sequential(
        nn.Linear(128, 256), nn.BatchNorm1d(256), nn.Tanh(), nn.Linear(256, 256), nn.BatchNorm1d(256), nn.Tanh(), nn.Linear(256, 10)
    )
    return classifier(torch, model, normal(torch, 128, 128), integers(torch, 10, 128), "SGD", lr=1e-3)


@workload(20, 3, 1e-3)
def logistic_regression(torch: Any) -> Any:
    """Logistic regression of 200 features on 1,000 rows, with SGD."""
    model, x, y = fill(torch, torch.nn.Linear(200, 1)), normal(torch, 1000, 200), integers(torch, 2, 1000, 1).float()
    loss = torch.nn.functional.binary_cross_entropy_with_logits
    return training(torch, model.parameters(), lambda: loss(model(x), y), "SGD", lr=1e-2)


@workload(5, 3, 2e-2)
def vae_step(torch: Any) -> Any:
    """A variational autoencoder 784-400-20 on 128 images (D. Kingma, M. Welling 2014), with Adam; the noise is given."""
    nn = torch.nn
    model = nn.ModuleList([nn.Linear(784, 400), nn.Linear(400, 20), nn.Linear(400, 20), nn.Linear(20, 400), nn.Linear(400, 784)])
    fill(torch, model)
    first, mean, spread, back, last = model
    x, noise = uniform(torch, 128, 784), normal(torch, 128, 20, seed=2)

    def loss() -> Any:
        h = torch.relu(first(x))
        m, s = mean(h), spread(h)
        scores = last(torch.relu(back(m + noise * torch.exp(0.5 * s))))
        found = nn.functional.binary_cross_entropy_with_logits(scores, x, reduction="sum")
        return (found - 0.5 * (1 + s - m * m - torch.exp(s)).sum()) / 128

    return training(torch, model.parameters(), loss)
