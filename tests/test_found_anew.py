"""What a second look found, each with the sweep that would have found it: every public function of the kind, compared with PyTorch."""

from __future__ import annotations

import inspect
import warnings

import numpy as np
import pytest

import tensorflowlite_clone as tl

V = np.array([[0.31, 0.52, 0.83], [0.44, 0.25, 0.66], [0.72, 0.93, 0.14]])
#: Ways to call a function of one tensor, whose other arguments are not known.
CALLS = [
    lambda f, z: f(z), lambda f, z: f(z, 0), lambda f, z: f(z, 1), lambda f, z: f(z, 0.5), lambda f, z: f(z, (0, 1)),
    lambda f, z: f(z, 2, 0), lambda f, z: f(z, 0, 1), lambda f, z: f(z, tl.tensor(V + 0.05)), lambda f, z: f(tl.tensor(V + 0.05), z),
    lambda f, z: f([z, z]),
    lambda f, z: f(z, 0, tl.tensor([0, 2])), lambda f, z: f(z, tl.tensor([0, 2])), lambda f, z: f(z, tl.tensor(V > 0.5)),
    lambda f, z: f(z, dim=0), lambda f, z: f(z[0]), lambda f, z: f(z, (1, 1)),
]  # fmt: skip
#: What changes files or states, says of itself that it is a constant, or draws: `normal` is a constant in PyTorch too.
LEFT_OUT = {"detach", "detach_", "save", "load", "compile", "seed", "wrap", "twin", "become", "constant",
            "empty_like", "new_empty", "normal"}  # fmt: skip


def functions():
    """Every public function and method, by name."""
    for owner, where in ((tl, "tl"), (tl.linalg, "linalg"), (tl.fft, "fft"), (tl.nn.functional, "F"), (tl.Tensor, "Tensor")):
        for name in sorted(set(dir(owner))):
            f = getattr(owner, name)
            if not name.startswith("_") and callable(f) and not inspect.isclass(f) and not name.startswith("set_") and name not in LEFT_OUT:
                yield pytest.param(f, id=f"{where}.{name}")


def numbers(out):
    """The floating numbers of a result, in one number that no symmetry cancels."""
    parts = out if isinstance(out, tuple | list) else [out]
    parts = [p for p in parts if isinstance(p, tl.Tensor) and p.dtype.kind in "f"]
    return sum(((p.reshape(-1) * tl.arange(1.0, p.numel() + 1, dtype=p.dtype)).sum() for p in parts), tl.zeros((), dtype=tl.float64))


@pytest.mark.parametrize("f", list(functions()))
def test_no_function_of_the_values_is_silently_a_constant(f):
    """Where a small change of the input changes the result smoothly, the derivative is not 0, or the function refuses."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for call in CALLS:
            try:
                tl.manual_seed(0)
                a = float(numbers(call(f, tl.tensor(V))))
                tl.manual_seed(0)
                b = float(numbers(call(f, tl.tensor(V + 1e-6))))
            except Exception:
                continue
            slope = (b - a) / 1e-6
            if not 1e-3 < abs(slope) < 1e3:
                continue
            try:
                tl.manual_seed(0)
                gradient = tl.func.grad(lambda z, call=call: numbers(call(f, z * 1.0)))(tl.tensor(V))
            except Exception:
                continue
            assert float(gradient.sum()) == pytest.approx(slope, rel=0.1), call


@pytest.mark.parametrize("f", [tl.unique, tl.Tensor.unique, tl.unique_consecutive, tl.Tensor.unique_consecutive, tl.asarray])
def test_distinct_values_have_derivatives(f):
    assert tl.func.grad(lambda z: f(z).sum())(tl.tensor([3.0, 1.0, 2.0])).tolist() == [1.0, 1.0, 1.0]
    x = tl.tensor([3.0, 1.0, 2.0], requires_grad=True)
    f(x).sum().backward()
    assert x.grad.tolist() == [1.0, 1.0, 1.0]


def test_the_first_of_equal_elements_has_the_gradient_of_their_value():
    x = tl.tensor([[2.0, 1.0], [2.0, 1.0], [0.0, 1.0]], requires_grad=True)
    weights = tl.tensor([[1.0, 10.0], [100.0, 1000.0]])
    for f, rows in (
        (tl.unique, [[100.0, 1000.0], [0.0, 0.0], [1.0, 10.0]]),
        (tl.unique_consecutive, [[1.0, 10.0], [0.0, 0.0], [100.0, 1000.0]]),
    ):
        (gradient,) = tl.autograd.grad((f(x, dim=0) * weights).sum(), [x])
        assert gradient.tolist() == rows
    assert tl.unique(x).tolist() == [0.0, 1.0, 2.0]
    values, inverse, counts = tl.unique(x, return_inverse=True, return_counts=True)
    assert values.requires_grad and inverse.tolist() == [[2, 1], [2, 1], [0, 1]] and counts.tolist() == [1, 3, 2]


@pytest.mark.parametrize("options", [{}, {"copy": True}, {"dtype": "float64"}, {"requires_grad": True}, {"requires_grad": False}])
@pytest.mark.parametrize("leaf", [True, False])
@pytest.mark.filterwarnings("ignore:torch.asarray")
def test_asarray_keeps_what_pytorch_keeps(options, leaf):
    torch = pytest.importorskip("torch")
    asked = []
    for m in (tl, torch):
        x = m.tensor([1.0, 2.0], requires_grad=True)
        given = {**options, "dtype": getattr(m, options["dtype"])} if "dtype" in options else options
        z = x if leaf else x * 1
        out = m.asarray(z, **given)
        asked.append((out.requires_grad, out.is_leaf, options.get("requires_grad", True) and out is z))
    assert asked[0] == asked[1]
