"""Optimizers alone, derivatives of whole functions, gradients for each example."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from . import workload
from .common import fill, integers, layers, normal, uniform


def _stepping(torch: Any, shapes: list[tuple[int, ...]], name: str, **settings: Any) -> Any:
    """A step of an optimizer over parameters whose gradients are there already."""
    params = [normal(torch, *s, seed=i).requires_grad_() for i, s in enumerate(shapes)]
    for i, p in enumerate(params):
        p.grad = normal(torch, *shapes[i], seed=1000 + i)
    optimizer = getattr(torch.optim, name)(params, lr=1e-3, **settings)

    def step() -> float:
        optimizer.step()
        return float(params[0].detach().reshape(-1)[:64].sum())

    return step


@workload(20, 5)
def adam_200_small(torch: Any) -> Any:
    """A step of Adam over 200 parameters of 300 elements, whose gradients are there already."""
    return _stepping(torch, [(300,)] * 200, "Adam")


@workload(20, 5)
def sgd_200_small(torch: Any) -> Any:
    """A step of SGD with momentum over 200 parameters of 300 elements, whose gradients are there already."""
    return _stepping(torch, [(300,)] * 200, "SGD", momentum=0.9)


@workload(1, 2, small={"n": 200_000})
def adam_10m(torch: Any, n: int = 10_000_000) -> Any:
    """A step of Adam over one parameter of ten million elements."""
    return _stepping(torch, [(n,)], "Adam")


@workload(1, 2, small={"n": 200_000})
def sgd_10m(torch: Any, n: int = 10_000_000) -> Any:
    """A step of SGD with momentum over one parameter of ten million elements."""
    return _stepping(torch, [(n,)], "SGD", momentum=0.9)


@workload(5, 2, 1e-3)
def clipped_gradients(torch: Any) -> Any:
    """clip_grad_norm_ over 60 parameters of 4,096 elements."""
    params = [normal(torch, 64, 64, seed=i).requires_grad_() for i in range(60)]
    for i, p in enumerate(params):
        p.grad = normal(torch, 64, 64, seed=100 + i)
    return lambda: float(torch.nn.utils.clip_grad_norm_(params, 1.0))


@workload(1, 1, 1e-2)
def lbfgs_logistic(torch: Any) -> Any:
    """Ten iterations of L-BFGS with strong Wolfe conditions on a logistic regression of 2,000 x 50, from the start."""
    x, y = normal(torch, 2000, 50), integers(torch, 2, 2000).float()
    w = torch.zeros(50, requires_grad=True)
    loss = torch.nn.functional.binary_cross_entropy_with_logits

    def step() -> float:
        with torch.no_grad():
            w.zero_()
        optimizer = torch.optim.LBFGS([w], max_iter=10, line_search_fn="strong_wolfe")

        def closure() -> Any:
            optimizer.zero_grad()
            value = loss(x @ w, y) + 0.01 * w.square().sum()
            value.backward()
            return value

        optimizer.step(closure)
        return float(closure().detach())

    return step


# ---- derivatives of whole functions ------------------------------------------------------------------------------------------


def function(torch: Any, n: int = 64) -> tuple[Callable[[Any], Any], Any]:
    """A function from n numbers to n (two layers with tanh, a quotient, a softmax), and where to differentiate it."""
    rng = np.random.default_rng(0)
    w, v = (torch.tensor((rng.normal(size=(n, n)) / np.sqrt(n)).astype("f4")) for _ in range(2))
    b = torch.tensor(rng.normal(size=n).astype("f4"))

    def f(x: Any) -> Any:
        h = torch.tanh(w @ x + b)
        y = v @ (h * torch.exp(-h * h)) + x / (1.0 + x * x)
        return y * torch.softmax(y, 0) + torch.sin(y)

    return f, torch.tensor(rng.normal(size=n).astype("f4"))


@workload(10)
def jacfwd_64(torch: Any) -> Any:
    """The Jacobian of a function from 64 numbers to 64 (two layers with tanh, a quotient, a softmax) by forward mode."""
    f, x = function(torch)
    jacobian = torch.func.jacfwd(f)
    return lambda: float(abs(jacobian(x)).sum())


@workload(10)
def jacrev_64(torch: Any) -> Any:
    """The Jacobian of the function of `jacfwd_64` by reverse mode."""
    f, x = function(torch)
    jacobian = torch.func.jacrev(f)
    return lambda: float(abs(jacobian(x)).sum())


@workload(5)
def hessian_64(torch: Any) -> Any:
    """The Hessian of a scalar function of 64 numbers, the sum of squares of that of `jacfwd_64`: forward over reverse."""
    f, x = function(torch)
    hessian = torch.func.hessian(lambda x: f(x).square().sum())
    return lambda: float(abs(hessian(x)).sum())


@workload(2, 1, 1e-3)
def vmap_hessian(torch: Any) -> Any:
    """100 Hessians of a function of 8 numbers by vmap."""
    f, _ = function(torch, 8)
    hessians = torch.func.vmap(torch.func.hessian(lambda x: f(x).square().sum()))
    x = normal(torch, 100, 8)
    return lambda: float(abs(hessians(x)).sum())


@workload(2, 1, 1e-3)
def hvp_mlp(torch: Any) -> Any:
    """The product of the Hessian of an MLP's loss with a vector, by a gradient of a gradient."""
    model, x, y = fill(torch, layers(torch, 64, 128, 10)), normal(torch, 128, 64), integers(torch, 10, 128)
    params = list(model.parameters())
    directions = [normal(torch, *p.shape, seed=i) for i, p in enumerate(params)]

    def step() -> float:
        loss = torch.nn.functional.cross_entropy(model(x), y)
        first = torch.autograd.grad(loss, params, create_graph=True)
        found = torch.autograd.grad(sum((g * d).sum() for g, d in zip(first, directions, strict=True)), params)
        return float(sum(abs(h).sum() for h in found))

    return step


# ---- gradients for each example ----------------------------------------------------------------------------------------------


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


@workload(2, 1, 1e-3)
def per_sample_mlp(torch: Any) -> Any:
    """Gradients for each of 256 examples of an MLP 128-256-128-10 with ReLU and cross-entropy: vmap of grad."""
    return per_sample(torch, layers(torch, 128, 256, 128, 10), normal(torch, 256, 128), integers(torch, 10, 256))


@workload(1, 1, 1e-3)
def per_sample_cnn(torch: Any) -> Any:
    """Gradients for each of 256 examples of a CNN on images 1x16x16, two convolutions with pooling and a linear layer: vmap of grad."""
    nn = torch.nn
    model = nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(512, 10),
    )  # fmt: skip
    return per_sample(torch, model, normal(torch, 256, 1, 16, 16), integers(torch, 10, 256))


# ---- what a derivative costs in evaluations of its function ------------------------------------------------------------------


def _elementwise(torch: Any, n: int = 200_000) -> tuple[Callable[..., Any], tuple[Any, ...]]:
    """Products, quotients and transcendental functions of two vectors, and the vectors."""

    def f(x: Any, y: Any) -> Any:
        z = torch.sin(x) * torch.exp(-y) + x / (1.0 + y * y)
        return (torch.tanh(z) * torch.log(1.0 + x * x) + torch.sqrt(y)).mean()

    return f, tuple(uniform(torch, n, low=0.5, high=1.5, seed=s) for s in (0, 1))


def _matmul(torch: Any, n: int = 384) -> tuple[Callable[..., Any], tuple[Any, ...]]:
    """Four products of n x n matrices with tanh in between, and the arguments."""
    arguments = tuple(normal(torch, n, n, seed=s, scale=n**-0.5) for s in range(5))

    def f(x: Any, *weights: Any) -> Any:
        for w in weights:
            x = torch.tanh(x @ w)
        return (x * x).mean()

    return f, arguments


def _base(function: Callable[..., Any]) -> Callable[..., Any]:
    def make(torch: Any) -> Callable[[], float]:
        f, arguments = function(torch)
        return lambda: float(f(*arguments))

    return make


@workload(2, 1, 1e-3, base=_base(_elementwise), limit=5.0)
def cheap_elementwise(torch: Any) -> Any:
    """The gradient of an element-wise function of 200,000 numbers against the function itself: theory says at most 5."""
    f, arguments = _elementwise(torch)
    found = torch.func.grad(f, argnums=(0, 1))
    return lambda: float(sum(abs(g[:100]).sum() for g in found(*arguments)) * 200_000)


@workload(1, 1, 1e-3, base=_base(_matmul), limit=3.3)
def cheap_matmul(torch: Any) -> Any:
    """The gradient of a function made of matrix products, by all its arguments, against the function itself: theory says at most 4."""
    f, arguments = _matmul(torch)
    found = torch.func.grad(f, argnums=tuple(range(len(arguments))))
    return lambda: float(sum(abs(g[0]).sum() for g in found(*arguments)))


@workload(1, 1, 1e-3, base=_base(_matmul), limit=10.0)
def cheap_hvp(torch: Any) -> Any:
    """The product of the Hessian of `cheap_matmul`'s function with a vector, forward over reverse, against the function: at most 10."""
    f, arguments = _matmul(torch)
    found = torch.func.grad(f, argnums=tuple(range(len(arguments))))
    directions = arguments[1:] + arguments[:1]
    return lambda: float(sum(abs(h[0]).sum() for h in torch.func.jvp(found, arguments, directions)[1]))
