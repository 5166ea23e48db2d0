"""Optimizers written PyTorch's way, by a `step` of their own: the same text runs on both libraries and takes the same steps."""

from __future__ import annotations

import copy
import math
import pickle

import numpy as np
import pytest

import tensorflowlite_clone as tl
from tensorflowlite_clone.optim.optimizer import Optimizer, required


def classes(T):
    """Well-known algorithms as people write them for PyTorch; ``T`` is the library."""
    base = T.optim.Optimizer

    class Plain(base):
        def __init__(self, params, lr=0.1, weight_decay=0.0):
            if lr < 0.0:
                raise ValueError(f"Invalid learning rate: {lr}")
            super().__init__(params, {"lr": lr, "weight_decay": weight_decay})

        def step(self, closure=None):
            loss = None
            if closure is not None:
                loss = closure()
            for group in self.param_groups:
                for p in group["params"]:
                    if p.grad is None:
                        continue
                    d_p = p.grad.data
                    if group["weight_decay"] != 0:
                        d_p = d_p.add(p.data, alpha=group["weight_decay"])
                    p.data.add_(d_p, alpha=-group["lr"])
            return loss

    class Momentum(base):
        def __init__(self, params, lr=0.1, momentum=0.9):
            super().__init__(params, {"lr": lr, "momentum": momentum})

        @T.no_grad()
        def step(self, closure=None):
            loss = None
            if closure is not None:
                with T.enable_grad():
                    loss = closure()
            for group in self.param_groups:
                for p in group["params"]:
                    if p.grad is None:
                        continue
                    state = self.state[p]
                    if "momentum_buffer" not in state:
                        buf = state["momentum_buffer"] = T.clone(p.grad).detach()
                    else:
                        buf = state["momentum_buffer"]
                        buf.mul_(group["momentum"]).add_(p.grad)
                    p.add_(buf, alpha=-group["lr"])
            return loss

    class Adam(base):
        def __init__(self, params, lr=1e-2, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.1, amsgrad=True):
            super().__init__(params, {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay, "amsgrad": amsgrad})

        def __setstate__(self, state):
            super().__setstate__(state)
            for group in self.param_groups:
                group.setdefault("amsgrad", False)

        @T.no_grad()
        def step(self, closure=None):
            for group in self.param_groups:
                beta1, beta2 = group["betas"]
                for p in group["params"]:
                    if p.grad is None:
                        continue
                    grad = p.grad
                    state = self.state[p]
                    if len(state) == 0:
                        state["step"] = 0
                        state["exp_avg"] = T.zeros_like(p, memory_format=T.preserve_format)
                        state["exp_avg_sq"] = T.zeros_like(p, memory_format=T.preserve_format)
                        state["max_exp_avg_sq"] = T.zeros_like(p, memory_format=T.preserve_format)
                    exp_avg, exp_avg_sq = state["exp_avg"], state["exp_avg_sq"]
                    state["step"] += 1
                    grad = grad.add(p, alpha=group["weight_decay"])
                    exp_avg.mul_(beta1).add_(grad, alpha=1 - beta1)
                    exp_avg_sq.mul_(beta2).addcmul_(grad, grad, value=1 - beta2)
                    T.maximum(state["max_exp_avg_sq"], exp_avg_sq, out=state["max_exp_avg_sq"])
                    denom = (state["max_exp_avg_sq"].sqrt() / math.sqrt(1 - beta2 ** state["step"])).add_(group["eps"])
                    p.addcdiv_(exp_avg, denom, value=-group["lr"] / (1 - beta1 ** state["step"]))

    class RMSprop(base):
        def __init__(self, params, lr=1e-2, alpha=0.9, eps=1e-8, momentum=0.5):
            super().__init__(params, {"lr": lr, "alpha": alpha, "eps": eps, "momentum": momentum})

        @T.no_grad()
        def step(self):
            for group in self.param_groups:
                for p in group["params"]:
                    if p.grad is None:
                        continue
                    state = self.state[p]
                    if not state:
                        state.update(
                            step=T.zeros(()), square_avg=T.zeros_like(p), grad_avg=T.zeros_like(p), momentum_buffer=T.zeros_like(p)
                        )
                    state["step"] += 1
                    state["square_avg"].mul_(group["alpha"]).addcmul_(p.grad, p.grad, value=1 - group["alpha"])
                    state["grad_avg"].lerp_(p.grad, 1 - group["alpha"])
                    avg = state["square_avg"].addcmul(state["grad_avg"], state["grad_avg"], value=-1).sqrt_().add_(group["eps"])
                    state["momentum_buffer"].mul_(group["momentum"]).addcdiv_(p.grad, avg)
                    p.add_(state["momentum_buffer"], alpha=-group["lr"])

    class Adagrad(base):
        def __init__(self, params, lr=0.1, eps=1e-10):
            super().__init__(params, {"lr": lr, "eps": eps})
            for group in self.param_groups:
                for p in group["params"]:
                    self.state[p]["sum"] = T.full_like(p, 0.1)

        @T.no_grad()
        def step(self):
            for group in self.param_groups:
                for p in group["params"]:
                    if p.grad is not None:
                        self.state[p]["sum"].addcmul_(p.grad, p.grad, value=1)
                        p.addcdiv_(p.grad, self.state[p]["sum"].sqrt().add_(group["eps"]), value=-group["lr"])

    class Lion(base):
        def __init__(self, params, lr=1e-2, betas=(0.9, 0.99), weight_decay=0.1):
            super().__init__(params, {"lr": lr, "betas": betas, "weight_decay": weight_decay})

        @T.no_grad()
        def step(self):
            for group in self.param_groups:
                for p in filter(lambda p: p.grad is not None, group["params"]):
                    state, (b1, b2) = self.state[p], group["betas"]
                    if len(state) == 0:
                        state["exp_avg"] = T.zeros_like(p)
                    p.data.mul_(1 - group["lr"] * group["weight_decay"])
                    update = state["exp_avg"].clone().mul_(b1).add(p.grad, alpha=1 - b1).sign_()
                    p.add_(update, alpha=-group["lr"])
                    state["exp_avg"].mul_(b2).add_(p.grad, alpha=1 - b2)

    class Factored(base):
        """The second moments of matrices by rows and columns, as in Adafactor: states of other shapes than the parameter's."""

        def __init__(self, params, lr=None, eps=1e-30):
            super().__init__(params, {"lr": lr, "eps": eps})

        @T.no_grad()
        def step(self):
            for group in self.param_groups:
                for p in group["params"]:
                    if p.grad is None:
                        continue
                    state, grad = self.state[p], p.grad
                    state["step"] = state.get("step", 0) + 1
                    lr = 1.0 / math.sqrt(state["step"]) if group["lr"] is None else group["lr"]
                    square = grad**2 + group["eps"]
                    if p.dim() >= 2:
                        if "row" not in state:
                            state["row"], state["col"] = (
                                T.zeros(p.shape[:-1], dtype=p.dtype),
                                T.zeros(p.shape[:-2] + p.shape[-1:], dtype=p.dtype),
                            )
                        state["row"].mul_(0.5).add_(square.mean(dim=-1), alpha=0.5)
                        state["col"].mul_(0.5).add_(square.mean(dim=-2), alpha=0.5)
                        r = (state["row"] / state["row"].mean(dim=-1, keepdim=True)).rsqrt_().unsqueeze(-1)
                        update = r * state["col"].rsqrt().unsqueeze(-2) * grad
                    else:
                        state.setdefault("square", T.zeros_like(grad)).mul_(0.5).add_(square, alpha=0.5)
                        update = state["square"].rsqrt().mul_(grad)
                    p.add_(update.div_(max(1.0, (update.norm(2) / update.numel() ** 0.5).item())), alpha=-lr)

    class Rprop(base):
        def __init__(self, params, lr=1e-2, etas=(0.5, 1.2), step_sizes=(1e-6, 50)):
            super().__init__(params, {"lr": lr, "etas": etas, "step_sizes": step_sizes})

        @T.no_grad()
        def step(self):
            for group in self.param_groups:
                for p in group["params"]:
                    if p.grad is None:
                        continue
                    grad, state = p.grad.clone(), self.state[p]
                    if len(state) == 0:
                        state["prev"] = T.zeros_like(p)
                        state["step_size"] = T.full_like(grad, group["lr"])
                    sign = grad.mul(state["prev"]).sign()
                    sign[sign.gt(0)] = group["etas"][1]
                    sign[sign.lt(0)] = group["etas"][0]
                    sign[sign.eq(0)] = 1
                    state["step_size"].mul_(sign).clamp_(*group["step_sizes"])
                    grad[sign.eq(group["etas"][0])] = 0
                    p.addcmul_(grad.sign(), state["step_size"], value=-1)
                    state["prev"].copy_(grad)

    class Lookahead(base):
        """Wraps another optimizer, whose groups it shares, and keeps a state for the whole as well."""

        def __init__(self, inner, k=2, alpha=0.5):
            self.inner, self.k, self.alpha = inner, k, alpha
            super().__init__(inner.param_groups, {"lr": 0.1})
            self.param_groups = inner.param_groups
            self.state["lookahead"]["steps"] = 0

        def step(self, closure=None):
            loss = self.inner.step(closure)
            self.state["lookahead"]["steps"] += 1
            if self.state["lookahead"]["steps"] % self.k == 0:
                for group in self.param_groups:
                    for p in group["params"]:
                        slow = self.state[p].setdefault("slow", p.detach().clone())
                        slow.add_(p.data - slow, alpha=self.alpha)
                        p.data.copy_(slow)
            return loss

    def lookahead(params):
        return Lookahead(T.optim.Adam(params, lr=0.1))

    return {c.__name__: c for c in (Plain, Momentum, Adam, RMSprop, Adagrad, Lion, Factored, Rprop)} | {"Lookahead": lookahead}


NAMES = sorted(classes(tl))
SHAPES = [(3, 2), (4,), (), (2, 3, 2)]


def parameters(T):
    rng = np.random.default_rng(0)
    return [T.tensor(rng.normal(size=s), requires_grad=True) for s in SHAPES]


def give_gradients(T, ps, step):
    rng = np.random.default_rng(step + 1)
    for i, p in enumerate(ps):
        g = T.tensor(rng.normal(size=SHAPES[i]))
        p.grad = None if (i + step) % 4 == 0 else g


@pytest.mark.parametrize("name", NAMES)
def test_steps_equal_torch(name):
    torch = pytest.importorskip("torch")
    found = []
    for T in (tl, torch):
        ps = parameters(T)
        optimizer = classes(T)[name](ps)
        for step in range(6):
            give_gradients(T, ps, step)
            optimizer.step()
        found.append([p.detach().numpy() for p in ps])
    for mine, other in zip(*found, strict=True):
        np.testing.assert_allclose(mine, other, rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize("name", NAMES)
def test_resumed_steps_are_the_same(name, tmp_path):
    """Through a file, and pickled."""

    def steps(ps, optimizer, numbers):
        for step in numbers:
            give_gradients(tl, ps, step)
            optimizer.step()

    ps = parameters(tl)
    optimizer = classes(tl)[name](ps)
    steps(ps, optimizer, range(3))
    tl.save({"values": ps_values(ps), "state": optimizer.state_dict()}, tmp_path / "state")
    saved = tl.load(tmp_path / "state")
    again = parameters(tl)
    for p, v in zip(again, saved["values"], strict=True):
        p.data.copy_(v)
    resumed = classes(tl)[name](again)
    inner = getattr(optimizer, "inner", None)
    if inner is not None:
        resumed.inner.load_state_dict(copy.deepcopy(inner.state_dict()))
    resumed.load_state_dict(saved["state"])
    if inner is not None:
        resumed.inner.param_groups = resumed.param_groups
    steps(ps, optimizer, range(3, 7))
    steps(again, resumed, range(3, 7))
    for p, q in zip(ps, again, strict=True):
        np.testing.assert_array_equal(p.numpy(force=True), q.numpy(force=True))


def ps_values(ps):
    return [p.detach().clone() for p in ps]


class Counter(Optimizer):
    """At the top of a file, so that it can be pickled."""

    def __init__(self, params, lr=required):
        super().__init__(params, {"lr": lr})

    def step(self, closure=None):
        for group in self.param_groups:
            for p in group["params"]:
                self.state[p]["calls"] = self.state[p].get("calls", 0) + 1


def test_state_of_a_parameter_without_state_is_an_empty_dict_that_is_kept():
    p = tl.ones(2, requires_grad=True)
    optimizer = tl.optim.SGD([p], lr=0.1)
    state = optimizer.state[p]
    assert state == {} and optimizer.state[p] is state
    state["seen"] = 3
    assert optimizer.state[p]["seen"] == 3
    assert optimizer.state_dict()["state"] == {0: {"seen": 3}}


def test_a_setting_without_default_is_asked_for():
    p = tl.ones(2, requires_grad=True)
    with pytest.raises(ValueError, match="Counter: lr has no default, and a group does not have it; pass lr="):
        Counter([p])
    assert repr(required) == "<required parameter>" and Counter([{"params": [p], "lr": 0.5}]).param_groups[0]["lr"] == 0.5


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda o: pickle.loads(pickle.dumps(o))])
def test_copies_have_parameters_and_state_of_their_own(copied):
    p = tl.ones(2, requires_grad=True)
    optimizer = Counter([p], lr=0.1)
    optimizer.step()
    other = copied(optimizer)
    other.step()
    (q,) = other.param_groups[0]["params"]
    assert q is not p and other.state[q] == {"calls": 2} and optimizer.state[p] == {"calls": 1}
    assert other.state[tl.ones(1)] == {}


@pytest.mark.parametrize(("name", "settings"), [("SGD", {"momentum": 0.9, "nesterov": True}), ("Adam", {}), ("AdamW", {"amsgrad": True})])
@pytest.mark.parametrize("shape", [(), (1,)])
def test_rates_that_are_tensors(name, settings, shape):
    """The value they have when the step is taken, in every group."""
    values = []
    for make in (float, lambda lr: tl.full(shape, lr, dtype=tl.float64)):
        ps = parameters(tl)
        rate = make(0.25)
        optimizer = getattr(tl.optim, name)([{"params": ps[:1]}, {"params": ps[1:], "lr": make(0.125)}], lr=rate, **settings)
        for step in range(4):
            give_gradients(tl, ps, step)
            if step == 2 and isinstance(rate, tl.Tensor):
                rate.mul_(0.5)
            elif step == 2:
                optimizer.param_groups[0]["lr"] *= 0.5
            optimizer.step()
        values.append(ps_values(ps))
    for a, b in zip(*values, strict=True):
        np.testing.assert_array_equal(a.numpy(), b.numpy())
    saved = optimizer.state_dict()
    optimizer.load_state_dict(saved)
    assert optimizer.param_groups[0]["lr"] is not saved["param_groups"][0]["lr"]
    assert optimizer.param_groups[0]["lr"].item() == 0.125


def test_rate_that_is_a_tensor_of_one_tenth():
    p = tl.ones(1, requires_grad=True)
    p.grad = tl.ones(1)
    tl.optim.SGD([p], lr=tl.tensor(0.1)).step()
    assert p.item() == pytest.approx(0.9)
