"""torchdiffeq: a spiral solved by adaptive and fixed steps, a network as its right-hand side learned by the adjoint method, an event."""

import numpy as np
import torch
from torch import nn
from torchdiffeq import odeint, odeint_adjoint, odeint_event

torch.set_default_dtype(torch.float64)
rng = np.random.RandomState(1)
report = {}

A = torch.tensor([[-0.1, 2.0], [-2.0, -0.1]], requires_grad=True)
t = torch.linspace(0.0, 2.0, 9)
start = torch.tensor([2.0, 0.0], requires_grad=True)
for method in ("dopri5", "dopri8", "bosh3", "adaptive_heun", "rk4", "midpoint", "euler", "explicit_adams", "implicit_adams"):
    A.grad = start.grad = None
    path = odeint(lambda t, y: y**3 @ A, start, t, method=method)
    path.pow(2).mean().backward()
    report[method] = [path[-1].tolist()]
    if method != "dopri8":  # whose steps depend on differences of nearly equal numbers
        report[method] += [A.grad.flatten().tolist(), start.grad.tolist()]


class Field(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(2, 16), nn.Tanh(), nn.Linear(16, 2))

    def forward(self, t, y):
        return self.net(y**3)


with torch.no_grad():
    truth = odeint(lambda t, y: y**3 @ A, start, t)
field = Field()
with torch.no_grad():
    for p in field.parameters():
        p.copy_(torch.tensor(rng.randn(*p.shape) * 0.1))
optimizer = torch.optim.RMSprop(field.parameters(), lr=1e-3)
report["adjoint"] = []
for _ in range(4):
    optimizer.zero_grad()
    loss = (odeint_adjoint(field, truth[0], t, rtol=1e-7, atol=1e-9) - truth).abs().mean()
    loss.backward()
    optimizer.step()
    report["adjoint"].append(loss.item())

when, state = odeint_event(
    lambda t, y: (y[1], torch.full_like(y[1], -9.8)), (torch.tensor([1.0]), torch.tensor([0.0])), torch.tensor(0.0),
    event_fn=lambda t, y: y[0], odeint_interface=odeint,
)  # fmt: skip
report["event"] = [when.item(), state[1][-1].item()]
