"""Every value inside every transform is a tensor to those who ask: ``isinstance``, ``issubclass``, ``tl.is_tensor``, ``match``."""

from __future__ import annotations

import functools

import numpy as np
import pytest

import tensorflowlite_clone as tl
from tensorflowlite_clone import func, nn
from tensorflowlite_clone.autograd import forward_ad
from tensorflowlite_clone.core.boxed import Boxed, Inside
from tensorflowlite_clone.core.tensor import Taped

X = tl.tensor([1.0, 2.0, 3.0])


def square(x):
    asked(x)
    return (x * x).sum()


TRANSFORMS = {
    "grad": lambda f: func.grad(f),
    "grad_and_value": lambda f: func.grad_and_value(f),
    "vjp": lambda f: lambda x: func.vjp(f, x)[0],
    "jvp": lambda f: lambda x: func.jvp(f, (x,), (tl.ones_like(x),))[1],
    "linearize": lambda f: lambda x: func.linearize(f, x)[0],
    "jacrev": lambda f: func.jacrev(f),
    "jacfwd": lambda f: func.jacfwd(f),
    "hessian": lambda f: func.hessian(f),
    "hvp": lambda f: lambda x: func.hvp(f, (x,), (tl.ones_like(x),)),
    "vmap": lambda f: lambda x: func.vmap(f)(tl.stack([x, x])).sum(),
    "checkpoint": lambda f: lambda x: tl.utils.checkpoint.checkpoint(f, x, use_reentrant=False),
    "functional.jacobian": lambda f: lambda x: tl.autograd.functional.jacobian(f, x.detach()) if type(x) is tl.Tensor else f(x),
}  # fmt: skip

seen: list[type] = []


@functools.singledispatch
def kind(x):
    return "something else"


@kind.register
def _(x: tl.Tensor):
    return "a tensor"


def asked(x):
    """All the ways to ask."""
    seen.append(type(x))
    assert isinstance(x, tl.Tensor)
    assert isinstance(x, (int, tl.Tensor))
    assert isinstance(x, tl.Tensor | int)
    assert isinstance(x, tl.autograd.Variable)
    assert issubclass(type(x), tl.Tensor)
    assert tl.is_tensor(x)
    assert kind(x) == "a tensor"
    match x:
        case tl.Tensor(shape=shape):
            assert shape == x.shape
        case _:
            raise AssertionError("no tensor")
    for part in (x + 1, x.sum(), x[0], x.reshape(-1, 1), x > 0, x.detach(), tl.stack([x, x]), np.sin(x), x.float()):
        assert isinstance(part, tl.Tensor), type(part)
        assert tl.is_tensor(part)


@pytest.mark.parametrize("outer", TRANSFORMS)
@pytest.mark.parametrize("inner", [None, *TRANSFORMS])
def test_inside_transforms(outer, inner):
    f = square if inner is None else lambda x: tl_sum(TRANSFORMS[inner](square)(x))
    seen.clear()
    TRANSFORMS[outer](f)(X)
    assert seen


def tl_sum(result):
    while isinstance(result, tuple | list):
        result = result[0]
    return result.sum()


def test_all_boxes_are_among_them():
    seen.clear()
    for transform in TRANSFORMS.values():
        transform(square)(X)
    with forward_ad.dual_level():
        square(forward_ad.make_dual(X, X))
    assert {t.__name__ for t in seen} == {"Tensor", "Dual", "Batched", "DualTensor"}
    assert {t.__name__ for t in Boxed.__subclasses__()} == {"_Taped", "Inside", "SparseTensor", "Faced"}
    assert {t.__name__ for t in Inside.__subclasses__()} == {"Dual", "Batched", "Traced"}


@pytest.mark.parametrize("transform", ["grad", "jvp", "vmap", "hessian"])
def test_arrays_are_tensors_inside(transform):
    call = {
        "grad": lambda: func.grad(square)(np.ones(3)),
        "jvp": lambda: func.jvp(square, (np.ones(3),), (np.ones(3),)),
        "vmap": lambda: func.vmap(square)(np.ones((2, 3))),
        "hessian": lambda: func.hessian(square)(np.ones(3)),
    }
    call[transform]()


def test_modules_and_functions_inside_transforms():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(3, 1)

        def forward(self, x):
            assert isinstance(x, tl.Tensor)
            assert all(isinstance(p, tl.Tensor) for p in self.parameters())
            return self.layer(x)

    net = Net()
    values = dict(net.named_parameters())
    func.grad(lambda p: func.functional_call(net, p, (X,)).sum())(values)
    func.jvp(lambda p: func.functional_call(net, p, (X,)).sum(), (values,), (values,))
    func.vmap(net)(tl.stack([X, X]))


def test_what_is_no_tensor_is_none():
    for other in (1.0, np.ones(2), np.float64(1.0), None, [X], tl.Tensor, X.dtype):
        assert not isinstance(other, tl.Tensor)
        assert not tl.is_tensor(other)
        assert kind(other) == "something else"


def test_subclasses_are_asked_for_as_ever():
    class Own(tl.Tensor):
        pass

    func.vmap(lambda x: (x, [None for t in (nn.Parameter, Own) if isinstance(x, t)] and 1 / 0)[0])(tl.ones(2, 3))
    assert isinstance(nn.Parameter(X), tl.Tensor)
    assert not isinstance(X, nn.Parameter)
    assert issubclass(Own, tl.Tensor)
    assert not issubclass(tl.Tensor, Own)
    assert type(X) is tl.Tensor
    assert isinstance(X, Taped)


def test_the_engine_tells_them_apart():
    def f(x):
        assert not isinstance(x, Taped)
        return x.sum()

    func.jvp(f, (X,), (X,))
    func.vmap(f)(tl.ones(2, 3))
