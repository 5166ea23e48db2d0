"""``inplace=True`` of every function and every module that has it, found by their signatures, and the twins with an underscore.

Not here: which results may be changed in place later (``test_results_as_torch.py``), the in-place methods (``test_inplace.py``).
"""

from __future__ import annotations

import inspect

import numpy as np
import pytest

import tensorflowlite_clone as tl
from tensorflowlite_clone import nn
from tensorflowlite_clone._errors import GraphError, OperandError
from tensorflowlite_clone.core.registry import NN_FUNCTIONS
from tensorflowlite_clone.func import grad, jvp, vmap

F = nn.functional
FUNCTIONS = sorted(n for n, f in NN_FUNCTIONS.items() if "inplace" in inspect.signature(f).parameters)
MODULES = sorted(
    n for n in dir(nn) if inspect.isclass(c := getattr(nn, n)) and issubclass(c, nn.Module) and "inplace" in inspect.signature(c).parameters
)
ARGUMENTS = {"threshold": (0.1, 7.0), "Threshold": (0.1, 7.0)}
X = np.random.default_rng(0).normal(size=(2, 3, 4, 5, 6))
SHAPES = {"dropout1d": X[:, :, :, 0, 0], "dropout2d": X[..., 0], "Dropout1d": X[:, :, :, 0, 0], "Dropout2d": X[..., 0]}


def seeded(f):
    tl.manual_seed(0)
    return f()


def options(name):
    return {"training": True} if "dropout" in name else {}


def test_the_functions_and_modules_with_the_option_are_those_of_pytorch():
    assert len(FUNCTIONS) == 19, FUNCTIONS
    assert len(MODULES) == 19, MODULES
    torch = pytest.importorskip("torch")
    for name in FUNCTIONS:
        assert "inplace" in inspect.signature(getattr(torch.nn.functional, name)).parameters, name
    for name in MODULES:
        assert "inplace" in inspect.signature(getattr(torch.nn, name)).parameters, name
    assert {n for n in NN_FUNCTIONS if n.endswith("_")} <= set(dir(torch.nn.functional))


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_change_their_input(name):
    f, args, values = getattr(F, name), ARGUMENTS.get(name, ()), SHAPES.get(name, X)

    def out_of_place(x):
        return seeded(lambda: f(x, *args, **options(name)))

    def in_place(x):
        y = x * 1.0
        assert seeded(lambda: f(y, *args, inplace=True, **options(name))) is y
        return y

    # plain
    x = tl.tensor(values)
    memory, expected = x.array, out_of_place(x)
    assert seeded(lambda: f(x, *args, inplace=True, **options(name))) is x
    assert x.array is memory
    np.testing.assert_array_equal(x.numpy(), expected.numpy())
    # by position, and not
    y = tl.tensor(values)
    bound = inspect.signature(f).bind(y, *args, inplace=True, **options(name))
    bound.apply_defaults()
    assert seeded(lambda: f(*bound.args)) is y
    np.testing.assert_array_equal(y.numpy(), expected.numpy())
    z = tl.tensor(values)
    assert f(z, *args, inplace=False, **options(name)) is not z
    np.testing.assert_array_equal(z.numpy(), values)
    # recorded
    a, b = (tl.tensor(values, requires_grad=True) for _ in "ab")
    weight = tl.tensor(np.cos(np.arange(values.size)).reshape(values.shape))
    (in_place(a) * weight).sum().backward()
    (out_of_place(b) * weight).sum().backward()
    np.testing.assert_allclose(a.grad.numpy(), b.grad.numpy(), rtol=1e-12)
    # inside transforms
    for transform in (lambda g: grad(lambda x: (g(x) * weight).sum()), lambda g: lambda x: jvp(g, (x,), (weight,))[1]):
        np.testing.assert_allclose(
            transform(in_place)(tl.tensor(values)).numpy(), transform(out_of_place)(tl.tensor(values)).numpy(), rtol=1e-12
        )
    if "dropout" not in name:
        np.testing.assert_allclose(vmap(in_place)(tl.tensor(values)).numpy(), expected.numpy(), rtol=1e-12)
    # refused, and nothing is changed
    leaf = tl.tensor(values, requires_grad=True)
    with pytest.raises(GraphError, match=rf"{name}\(inplace=True\): a leaf tensor that requires grad"):
        f(leaf, *args, inplace=True, **options(name))
    if "dropout" not in name:
        with pytest.raises(OperandError, match=rf"{name}\(inplace=True\): cannot change a ndarray"):
            f(values, *args, inplace=True)
    np.testing.assert_array_equal(leaf.detach().numpy(), values)


@pytest.mark.parametrize("name", sorted(n for n in NN_FUNCTIONS if n.endswith("_")))
def test_twins_change_their_input(name):
    f, args = getattr(F, name), ARGUMENTS.get(name[:-1], ())
    x = tl.tensor(X)
    assert f(x, *args) is x
    np.testing.assert_array_equal(x.numpy(), getattr(F, name[:-1])(tl.tensor(X), *args).numpy())
    assert "inplace" not in inspect.signature(f).parameters
    with pytest.raises(TypeError):
        f(x, *args, inplace=False)


@pytest.mark.parametrize("name", MODULES)
def test_modules_change_their_input(name):
    make, args, values = getattr(nn, name), ARGUMENTS.get(name, ()), SHAPES.get(name, X)
    x = tl.tensor(values)
    expected = seeded(lambda: make(*args)(x))
    np.testing.assert_array_equal(x.numpy(), values)
    assert seeded(lambda: make(*args, inplace=True)(x)) is x
    np.testing.assert_array_equal(x.numpy(), expected.numpy())
    assert ("inplace=True" in repr(make(*args, inplace=True))) == (name not in ("Hardsigmoid", "Hardswish"))  # as in PyTorch


@pytest.mark.parametrize(
    "first", ["Conv2d(3, 3, 1)", "BatchNorm2d(3)", "MaxPool2d(2)", "AvgPool2d(2)", "AdaptiveMaxPool2d(2)", "Dropout(0.5)"]
)
def test_layers_train_with_relu_in_place_behind_them(first):
    def network(inplace):
        tl.manual_seed(1)
        layers = [nn.Conv2d(3, 3, 3), eval(f"nn.{first}"), nn.ReLU(inplace=inplace), nn.Flatten()]
        return nn.Sequential(*layers).double()

    x, grads = tl.tensor(X[..., :5].reshape(2, 3, 4, 25)), []
    for inplace in (False, True):
        net = network(inplace)
        tl.manual_seed(2)
        (net(x) ** 2).sum().backward()
        grads.append([p.grad.numpy() for p in net.parameters()])
    for a, b in zip(*grads, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12)
