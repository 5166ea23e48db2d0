"""The taste of the API that the README gives, as a program: python examples/taste.py"""

import numpy as np

import tensorflowlite_clone as tl
from tensorflowlite_clone import nn, optim
from tensorflowlite_clone.func import grad, hessian, jvp, vmap

# Tensors record what NumPy does to them.
x = tl.linspace(-1, 1, 64, requires_grad=True)
np.sum(np.sin(3 * x) * x).backward()
print(x.grad.shape)  # d/dx of each of the 64 terms

# PyTorch's way to train: forward, backward, step.
model = nn.Sequential(nn.Linear(1, 32), nn.Tanh(), nn.Linear(32, 1))
optimizer = optim.Adam(model.parameters(), lr=0.02)
inputs = x.detach().unsqueeze(1)
for _ in range(200):
    loss = nn.functional.mse_loss(model(inputs), tl.sin(3 * inputs))
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
print(f"loss {loss.item():.4f}")


# Functions of arrays, written in plain NumPy; transforms nest in any order.
def energy(w):
    return np.sum(np.tanh(w) ** 2)


w = np.array([0.1, 0.2, 0.3])
print(grad(energy)(w))  # reverse mode
print(jvp(grad(energy), (w,), (np.ones(3),))[1])  # forward over reverse: a Hessian-vector product
print(hessian(energy)(w) @ np.ones(3))  # the same
print(vmap(grad(energy))(np.stack([w, 2 * w])))  # one gradient per example
