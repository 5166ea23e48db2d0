"""Calls of ``ops/create.py``: values and dtypes equal PyTorch's. There are no operations in that file."""

import numpy as np

from . import call, normal

X = normal(2, 3)


def constant(name, f, *inputs):
    return call(name, f, *inputs, differentiable=False)


CALLS = [
    constant("zeros", lambda T: (T.zeros(2, 3), T.zeros((2, 3)), T.zeros(size=(2,)), T.zeros(()), T.zeros(2, dtype=T.int32), T.zeros(0, 3), T.zeros(2, dtype=T.bool))),
    constant("ones", lambda T: (T.ones(2, 3), T.ones([2]), T.ones(2, dtype=T.float64), T.ones(size=(1, 2)))),
    constant("full", lambda T: (T.full((2,), 3), T.full((2,), 3.5), T.full((2,), True), T.full([], 1.0), T.full((2,), 3, dtype=T.float64), T.full((2,), 1j), T.full((2,), T.tensor(2.0)))),
    constant("eye", lambda T: (T.eye(3), T.eye(2, 3), T.eye(3, dtype=T.int64), T.eye(0))),
    constant("arange", lambda T: (T.arange(5), T.arange(1, 4), T.arange(5, 1, -2), T.arange(0.0, 1.0, 0.25), T.arange(3.0), T.arange(1, 2.5, 0.5), T.arange(0), T.arange(3, dtype=T.float64))),
    constant("arange of tensors", lambda T: T.arange(T.tensor(1), T.tensor(7), T.tensor(2))),
    constant("linspace", lambda T: (T.linspace(0, 1, 5), T.linspace(1, -1, 4, dtype=T.float64), T.linspace(2, 3, 1), T.linspace(0, 1, 0), T.linspace(0, 10, 4, dtype=T.int64))),
    call("logspace", lambda T: (T.logspace(-1, 1, 3), T.logspace(0, 3, 4, base=2.0, dtype=T.float64)), differentiable=False, tolerance=1e-6),
    constant("triangle indices", lambda T: (T.tril_indices(3, 4), T.tril_indices(3, 3, -1), T.triu_indices(3, 4, 1), T.triu_indices(2, 2, dtype=T.int32))),
    constant("like", lambda T, x: (T.zeros_like(x), T.ones_like(x), T.full_like(x, 2), T.zeros_like(x, dtype=T.int64), T.ones_like(x, dtype=T.bool), T.full_like(x, 2.7, dtype=T.int32)), X),
    constant("new", lambda T, x: (x.new_zeros(2), x.new_zeros((2, 3)), x.new_ones(2, dtype=T.int64), x.new_full((2,), 3), x.new_tensor([1, 2]), x.new_zeros(size=(1,))), X),
    constant("shapes of empty ones", lambda T, x: [T.tensor(e.shape) for e in (T.empty(2, 3), T.empty((0,)), T.empty(size=(4,)), T.empty_like(x), x.new_empty(3), x.new_empty((2, 2)))], X),
    constant("dtypes of empty ones", lambda T, x: (T.empty(1).zero_(), T.empty(1, dtype=T.int8).zero_(), T.empty_like(x).zero_(), x.new_empty(1).zero_()), X),
    constant("tensor of numbers", lambda T: [T.tensor(v) for v in (1.5, 2, True, 1j, np.float64(1.5), np.float32(1.5), np.int16(3), np.bool_(True))]),
    constant("tensor of lists", lambda T: [T.tensor(v) for v in ([], [[]], [1, 2], [1.0, 2], [True, 2], [True], [[1, 2], [3.5, 4]], (1, 2), [1j, 2.0], [np.float64(1.5)], [np.int16(3)], [[1], (2,)])]),
    constant("tensor of tensors", lambda T: (T.tensor([T.tensor(1.0), T.tensor(2.0)]), T.tensor([T.tensor(1.0, dtype=T.float64)]), T.tensor([[T.tensor(1), T.tensor(2)]]))),
    constant("tensor with dtype", lambda T: (T.tensor([0.1], dtype=T.float64), T.tensor([1, 2], dtype=T.float32), T.tensor(1.7, dtype=T.int64), T.tensor([0, 2], dtype=T.bool), T.tensor([1e10], dtype=T.float16))),
    constant("as_tensor", lambda T: (T.as_tensor([1.0, 2.0]), T.as_tensor(3, dtype=T.float32), T.as_tensor(np.arange(3, dtype=np.int32)), T.as_tensor(np.arange(3), dtype=T.float64), T.as_tensor(T.tensor([1, 2]), dtype=T.float32))),
    constant("asarray", lambda T: (T.asarray([1.0, 2.0]), T.asarray(np.arange(3), dtype=T.float64), T.asarray([0.1], dtype=T.float64), T.asarray(np.arange(3), copy=True))),
    constant("scalar_tensor", lambda T: (T.scalar_tensor(3), T.scalar_tensor(2.5, dtype=T.float64))),
    constant("from_numpy", lambda T: (T.from_numpy(np.arange(3)), T.from_numpy(np.ones((2, 0), np.float32)), T.from_numpy(np.array(2.0)))),
    constant("kinds", lambda T, x: T.tensor([T.is_tensor(x), T.is_tensor(1), x.is_floating_point(), T.is_floating_point(T.tensor(1)), T.is_complex(T.tensor(1j)), x.is_complex(), x.is_signed(), T.is_signed(T.tensor([True])), T.is_signed(T.zeros(1, dtype=T.uint8))]), X),
    call("requires_grad", lambda T, x: x * T.ones(3, requires_grad=True, dtype=T.float64).detach() + T.zeros(3, dtype=T.float64), X),
]  # fmt: skip
