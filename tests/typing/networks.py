"""More programs for type checkers: an attention layer, initial values, closures, second derivatives, and the small change of scripts."""

from __future__ import annotations

import math
from collections import OrderedDict
from typing import Any, assert_type

import numpy as np

import tensorflowlite_clone as tl
from tensorflowlite_clone import Tensor, nn, optim
from tensorflowlite_clone.nn import functional as F


class Attention(nn.Module):
    def __init__(self, dim: int, heads: int = 4, dropout: float = 0.1) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(dim, 3 * dim, bias=False)
        self.proj = nn.Linear(dim, dim)
        self.drop = nn.Dropout(dropout)
        self.mask: Tensor
        self.register_buffer("mask", tl.triu(tl.ones(8, 8), diagonal=1).bool())
        self._init_weights()

    def _init_weights(self) -> None:
        for m in self.modules():
            if isinstance(m, nn.Linear):
                nn.init.xavier_uniform_(m.weight)
                if m.bias is not None:
                    nn.init.zeros_(m.bias)
        nn.init.zeros_(self.proj.bias)
        nn.init.normal_(self.proj.weight, std=0.02)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        b, n, d = x.shape
        q, k, v = self.qkv(x).reshape(b, n, 3, self.heads, d // self.heads).permute(2, 0, 3, 1, 4).unbind(0)
        scores = q @ k.transpose(-2, -1) / math.sqrt(d // self.heads)
        scores = scores.masked_fill(self.mask[:n, :n], float("-inf"))
        if mask is not None:
            scores = scores + mask
        w = self.drop(F.softmax(scores, dim=-1))
        out = tl.matmul(w, v).transpose(1, 2).contiguous().view(b, n, d)
        return self.proj(out)


def init(m: nn.Module) -> None:
    if isinstance(m, nn.Conv2d | nn.Linear):
        nn.init.kaiming_normal_(m.weight, nonlinearity="relu")
        m.bias.data.zero_()
    if isinstance(m, nn.BatchNorm2d):
        m.weight.data.fill_(1.0)
        m.running_mean.zero_()


def regularised(model: nn.Module, loss: Tensor, factor: float) -> Tensor:
    return loss + factor * sum(p.pow(2).sum() for p in model.parameters())


def evaluate(model: nn.Module, batches: list[tuple[Tensor, Tensor]]) -> float:
    correct, total = 0, 0
    model.eval()
    with tl.no_grad():
        for x, y in batches:
            _, predicted = tl.max(model(x), 1)
            total += y.size(0)
            correct += int((predicted == y).sum().item())
    return correct / total


def closure_step(model: nn.Module, x: Tensor, y: Tensor) -> float:
    opt = optim.SGD(model.parameters(), lr=0.1, momentum=0.9, nesterov=True)

    def closure() -> Tensor:
        opt.zero_grad()
        loss = F.mse_loss(model(x), y)
        loss.backward()
        return loss

    loss = opt.step(closure)
    for g in opt.param_groups:
        g["lr"] *= 0.5
    sched = tl.optim.lr_scheduler.CosineAnnealingLR(opt, T_max=10)
    sched.step()
    return float(loss)


class Wrapped:
    @tl.no_grad()
    def run(self, x: Tensor) -> Tensor:
        return x * 2


def newton(x0: float) -> float:
    x = tl.tensor(x0, requires_grad=True)
    for _ in range(5):
        y = x**3 - 2
        (g,) = tl.autograd.grad(y, x, create_graph=True)
        with tl.no_grad():
            x.sub_(y / g)
            x.grad = None
    return x.item()


def misc() -> None:
    net = nn.Sequential(OrderedDict([("a", nn.Linear(1, 2)), ("b", nn.ReLU())]))
    out: Tensor = net(tl.ones(1, 1))
    h = net[0].register_forward_hook(lambda m, args, result: None)
    h.remove()
    a: np.ndarray[Any, Any] = out.detach().cpu().numpy()
    m, s = out.mean(), out.std(dim=0, unbiased=False)
    assert m.dim() == 0 and s.ndim == 1 and a.ndim == 2
    idx = tl.randperm(4)[:2]
    x = tl.randn(4, 3, dtype=tl.float64, requires_grad=True)
    x[idx].sum().backward()
    p = nn.Parameter(tl.zeros(3))
    p.data.add_(1.0)
    if p.grad is not None:
        p.grad.zero_()
    d = tl.device("cpu")
    y = tl.zeros(2, device=d).to(d)
    z = tl.cat((y, y)).unsqueeze(0).expand(2, -1)
    q, r = tl.linalg.qr(tl.eye(2))
    t = tl.tensor([[1, 2], [3, 4]]).float().T @ tl.ones(2, 2)
    v = F.one_hot(tl.tensor([0, 1]), num_classes=3).float()
    loss = F.cross_entropy(tl.zeros(2, 3), tl.tensor([0, 1]))
    assert f"{loss:.3f}" == "1.099" and z.shape == (2, 4) and q.shape == r.shape and t.shape == (2, 2)
    assert_type(v.sum().item(), float)
    assert loss.grad_fn is None
    k = tl.func.vmap(tl.func.grad(lambda w: (w**2).sum()))(tl.ones(2, 3))
    assert k is not None
    n: int = sum(p.numel() for p in net.parameters() if p.requires_grad)
    for name, buf in net.named_buffers():
        assert name and buf.dtype and n


if __name__ == "__main__":
    net = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Flatten(), nn.Linear(8, 2)).apply(init)
    images, labels = tl.randn(3, 1, 4, 4), tl.zeros(3, dtype=tl.int64)
    regularised(net, F.cross_entropy(net(images), labels), 1e-3).backward()
    assert 0 <= evaluate(net, [(images, labels)]) <= 1
    assert closure_step(nn.Linear(2, 1), tl.ones(3, 2), tl.ones(3, 1)) >= 0
    assert Attention(8)(tl.ones(2, 4, 8), tl.zeros(4, 4)).shape == (2, 4, 8)
    assert Wrapped().run(tl.ones(1)).item() == 2.0 and abs(newton(1.0) ** 3 - 2) < 1e-5
    misc()
