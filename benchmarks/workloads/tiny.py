"""Tiny and small programs, where the price of a call is what counts."""

from __future__ import annotations

from typing import Any

import numpy as np

from . import CONTROL, workload
from .common import fill, layers, normal, training, uniform


@workload(20, tolerance=0.0, name=CONTROL)
def control(torch: Any) -> Any:
    """Plain NumPy, the same in both processes: its ratio is 1 on a quiet machine, and shows how far the others can be trusted."""
    rng = np.random.default_rng(0)
    a, w = rng.normal(size=(128, 512)).astype("f4"), rng.normal(size=(512, 256)).astype("f4")
    small = np.ones((3, 3), "f4")

    def step() -> float:
        x = small
        for _ in range(100):
            x = x * small
        return float(np.tanh(a @ w).sum() + x[0, 0])

    return step


@workload(10)
def tiny_ops(torch: Any) -> Any:
    """Overhead: 200 operations on 3x3 float32 tensors that require gradients, forward and backward."""
    a, b = (uniform(torch, 3, 3, low=0.5, seed=s).requires_grad_() for s in (0, 1))

    def step() -> float:
        a.grad = b.grad = None
        x = a
        for _ in range(25):  # 8 operations each
            x = x * b
            x = x + a
            x = torch.tanh(x)
            x = x / 2.0
            x = x - b
            x = torch.sin(x)
            x = x * 0.5
            x = torch.exp(x)
        x.sum().backward()
        return float(a.grad.sum())

    return step


@workload(50)
def mlp_inference_1(torch: Any) -> Any:
    """An MLP 784-256-128-10 says what one image is, without gradients."""
    model, x = fill(torch, layers(torch, 784, 256, 128, 10)), normal(torch, 1, 784)

    def step() -> float:
        with torch.no_grad():
            return float(model(x).sum())

    return step


@workload(20)
def cnn_inference_1(torch: Any) -> Any:
    """A small CNN says what one image of 28x28 is, without gradients."""
    nn = torch.nn
    model = nn.Sequential(
        nn.Conv2d(1, 16, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(16, 32, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(800, 10)
    )
    fill(torch, model)
    x = normal(torch, 1, 1, 28, 28)

    def step() -> float:
        with torch.no_grad():
            return float(model(x).sum())

    return step


@workload(5, 3, 1e-3)
def small_regression(torch: Any) -> Any:
    """A training step of an MLP 8-16-16-1 on 32 points, with SGD."""
    model, x, y = fill(torch, layers(torch, 8, 16, 16, 1)), normal(torch, 32, 8), normal(torch, 32, 1, seed=2)
    return training(torch, model.parameters(), lambda: torch.nn.functional.mse_loss(model(x), y), "SGD", lr=1e-2)


@workload(1, 1, 1e-3)
def policy_gradient(torch: Any) -> Any:
    """One episode of 64 steps of a cart with a pole (A. Barto et al. 1983) under a small policy, and its REINFORCE step with Adam."""
    policy = fill(torch, layers(torch, 4, 32, 2))
    optimizer = torch.optim.Adam(policy.parameters(), lr=1e-3)
    draws = np.random.default_rng(3).uniform(size=64)

    def step() -> float:
        state, found = np.array([0.01, 0.0, 0.02, 0.0], "f4"), []
        for draw in draws:
            log_p = torch.log_softmax(policy(torch.from_numpy(state)), 0)
            action = int(draw > float(log_p[0].detach().exp()))
            found.append(log_p[action])
            x, v, angle, w = (float(s) for s in state)
            push = (10.0 if action else -10.0) + 0.05 * w * w * np.sin(angle)
            turn = (9.8 * np.sin(angle) - np.cos(angle) * push / 1.1) / (0.5 * (4 / 3 - 0.1 * np.cos(angle) ** 2 / 1.1))
            move = push / 1.1 - 0.05 * turn * np.cos(angle) / 1.1
            state = np.array([x + 0.02 * v, v + 0.02 * move, angle + 0.02 * w, w + 0.02 * turn], "f4")
            state = np.clip(state, -1.0, 1.0)
        rewards = torch.tensor(np.linspace(1.0, -1.0, len(found)).astype("f4"))
        loss = -(torch.stack(found) * rewards).sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return float(loss.detach())

    return step


@workload(2, 1, 1e-3)
def tree_recursion(torch: Any) -> Any:
    """A graph that depends on data: a binary tree of 63 nodes is folded with a small layer, then back-propagated."""
    w, b = normal(torch, 16, 32, scale=0.2).requires_grad_(), normal(torch, 16, seed=2, scale=0.1).requires_grad_()
    leaves = normal(torch, 64, 16, seed=3)

    def fold(lo: int, hi: int) -> Any:
        if hi - lo == 1:
            return leaves[lo]
        middle = lo + max(1, (hi - lo) * (2 + lo % 3) // 6)
        return torch.tanh(w @ torch.cat((fold(lo, middle), fold(middle, hi))) + b)

    def step() -> float:
        w.grad = b.grad = None
        loss = fold(0, 64).square().sum()
        loss.backward()
        return float(loss.detach()) + float(w.grad.sum())

    return step


@workload(5)
def scalar_loop(torch: Any) -> Any:
    """100 steps of Newton's method for a square root, on 0-d tensors, with the derivative of the result."""
    a = torch.tensor(2.0, requires_grad=True)

    def step() -> float:
        a.grad = None
        x = a
        for _ in range(100):
            x = 0.5 * (x + a / x)
        x.backward()
        return float(a.grad) + float(x.detach())

    return step
