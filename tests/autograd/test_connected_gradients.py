"""Gradients that are constant, or constant by pieces, under ``create_graph``: connected wherever PyTorch connects them, with zeros behind.

The sweep asks of every call of ``tests/samples/``, for each result and each operand, whether the gradient requires grad, and compares
with PyTorch. Not here: the values of second derivatives (``test_against_torch.py``).
"""

from __future__ import annotations

import numpy as np
import pytest
from samples import Call, collect

import tensorflowlite_clone as tl
from tensorflowlite_clone.autograd import grad
from tensorflowlite_clone.core.registry import OPS
from tensorflowlite_clone.core.tape import Still

F = tl.nn.functional

PIECEWISE = {
    "relu": tl.relu,
    "relu_": lambda x: x.clone().relu_(),
    "relu6": F.relu6,
    "abs": tl.abs,
    "leaky_relu": F.leaky_relu,
    "prelu": lambda x: F.prelu(x, tl.tensor([0.3], dtype=tl.float64)),
    "hardtanh": F.hardtanh,
    "hardsigmoid": F.hardsigmoid,
    "hardshrink": F.hardshrink,
    "softshrink": F.softshrink,
    "threshold": lambda x: F.threshold(x, 0.1, -1.0),
    "copysign": lambda x: tl.copysign(x, -1.0),
    "sign": lambda x: x * tl.sign(x),
    "norm 1": lambda x: x.norm(1),
    "norm inf": lambda x: x.norm(float("inf")),
    "l1_loss": lambda x: F.l1_loss(x, tl.zeros_like(x)),
    "nll_loss": lambda x: F.nll_loss(x, tl.tensor([1])),
    "multi_margin_loss": lambda x: F.multi_margin_loss(x, tl.tensor([1])),
    "max_pool1d": lambda x: F.max_pool1d(x, 2),
    "max_pool1d indices": lambda x: F.max_pool1d(x, 2, return_indices=True)[0],
    "adaptive_max_pool1d": lambda x: F.adaptive_max_pool1d(x, 2),
    "avg_pool1d": lambda x: F.avg_pool1d(x, 2),
    "adaptive_avg_pool1d": lambda x: F.adaptive_avg_pool1d(x, 2),
    "max_pool2d": lambda x: F.max_pool2d(x.reshape(1, 1, 2, 3), 2),
    "pad reflect": lambda x: F.pad(x, (1, 1), mode="reflect"),
    "pad replicate": lambda x: F.pad(x, (1, 1), mode="replicate"),
}


@pytest.mark.parametrize("f", PIECEWISE.values(), ids=PIECEWISE)
def test_a_piecewise_linear_function_has_a_second_derivative_of_zeros(f):
    x = tl.tensor([[-1.5, 0.7, 0.2, 2.5, -0.1, 3.5]], dtype=tl.float64, requires_grad=True)
    g = grad(f(x).sum(), x, create_graph=True)[0]
    assert g.requires_grad
    np.testing.assert_array_equal(g.detach().numpy(), grad(f(x).sum(), x)[0].numpy())
    (g * g).sum().backward()
    assert x.grad.tolist() == [[0.0] * 6]
    several = grad(f(x).sum(), x, tl.ones(2), create_graph=True, is_grads_batched=True)[0]  # through a box around the tape
    assert several.requires_grad
    assert grad(several.sum(), x)[0].tolist() == [[0.0] * 6]


def test_the_sign_of_a_negative_zero_survives_being_connected():
    x = tl.tensor([1.0, -1.0], requires_grad=True)
    g = grad(tl.relu(x), x, tl.tensor([-0.0, -0.0]), create_graph=True)[0]
    assert np.signbit(g.detach().numpy())[0]


@pytest.mark.parametrize("layer", [tl.nn.ReLU(), tl.nn.LeakyReLU(), tl.nn.Hardtanh()], ids=repr)
def test_the_laplacian_of_a_piecewise_linear_network_is_zero_and_trains(layer):
    net = tl.nn.Sequential(tl.nn.Linear(3, 8), layer, tl.nn.Linear(8, 1))
    x = tl.randn(5, 3).requires_grad_()
    (g,) = grad(net(x).sum(), x, create_graph=True)
    rows = [grad(g[:, i].sum(), x, create_graph=True)[0][:, i] for i in range(3)]
    laplacian = rows[0] + rows[1] + rows[2]
    assert laplacian.tolist() == [0.0] * 5
    (laplacian.square().sum() + net(x).sum()).backward()
    assert all(p.grad is not None for p in net.parameters())


def test_operations_that_call_their_gradients_flat_name_arrays_with_a_rule():
    assert {op.__name__ for op in OPS.values() if op.flat} >= {"ReLU", "MaxPool", "Connected"}
    from tensorflowlite_clone.core.families import Elementwise

    with pytest.raises(TypeError, match=r"flat = \('y',\) must be a tuple of arrays with a rule: x"):

        class Wrong(Elementwise):
            flat = ("y",)

            def forward(x):
                return x

            def grad_x(g):
                return g

    assert Still(tl.ones(1, requires_grad=True).node).title() == "a piecewise constant gradient"


# ---- every call against PyTorch -----------------------------------------------------------------------------------------------
_, CALLS = collect()
CALLS = [c for c in CALLS if c.differentiable]

#: Calls of which some gradient requires grad under one package only: why.
DIFFERENT = {
    **dict.fromkeys(
        ["group_norm", "norms outside", "batch_norm of no examples"],
        "the bias is connected by the affine map of all normalisations, as in batch_norm",
    ),
    "slogdet": "PyTorch's sign of a real matrix has no derivative, ours has one of zeros",
    "conv_tbc": "the bias is connected by the one rule of all convolutions, as PyTorch's others are",
    "div floor": "towards 0: the zeros of the rounding go on through the rule of the quotient",
    "pdist 0.0": "how many elements differ is constant by pieces: zeros that nothing connects, as for the norm of order 0",
    **dict.fromkeys(
        [
            *(f"{f} derivative" for f in ("bessel_j0", "bessel_y0", "modified_bessel_k0", "scaled_modified_bessel_k0")),
            *("spherical_bessel_j0 derivative", "airy_ai derivative"),
        ],
        "PyTorch has no derivative of it: the sample gives it a constant slope there",
    ),
    "vander": "with one column: a gradient of zeros, ours by the rule of products",
    "adaptive means": "PyTorch takes a mean where the result has one element, whose gradient is not connected; ours is, by one rule",
    "instance_norm evaluation": "connecting the gradient of the input would cost a copy in every evaluation, for zeros",
}


def requiring(T, c: Call) -> list[list[bool | None]]:
    """For each result that is on the tape, for each operand: whether its gradient requires grad; None for no gradient or zeros."""
    xs = [T.tensor(x, requires_grad=x.dtype.kind in "fc") if isinstance(x, np.ndarray) else x for x in c.inputs]
    leaves = [x for x in xs if getattr(x, "requires_grad", False)]
    out = c.f(T, *xs)
    rows = []
    for o in out if isinstance(out, tuple | list) else (out,):
        if not getattr(o, "requires_grad", False):
            rows.append([None] * len(leaves))
            continue
        gs = T.autograd.grad(o, leaves, T.ones_like(o), create_graph=True, allow_unused=True)
        rows.append([None if g is None else bool(g.requires_grad) for g in gs])
    return rows


@pytest.mark.parametrize("c", CALLS, ids=[c.name for c in CALLS])
def test_a_gradient_requires_grad_where_that_of_torch_does(c):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    mine, theirs = requiring(tl, c), requiring(torch, c)
    same = [[a or False for a in row] for row in mine] == [[a or False for a in row] for row in theirs]
    assert same or c.name in DIFFERENT, f"ours {mine}, PyTorch's {theirs}"
    assert not (same and c.name in DIFFERENT), "no longer different: remove it from DIFFERENT"
