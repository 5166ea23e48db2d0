"""Every public function against PyTorch: the same call under both packages; values and derivatives of every mode in float64.

Each call of ``tests/samples/`` is compared in value, vector-Jacobian products, Jacobian-vector products and second derivatives, to
1e-9. Where we differ, or where PyTorch has nothing to compare with, ``DEVIATIONS`` says in what and why. The operations that a call
leads to get their cell in the column "PyTorch" of ``docs/derivatives.md``.
"""

from __future__ import annotations

import inspect

import numpy as np
import pytest
from calls import Computed, is_public, lacking, reached
from samples import Call, collect
from torch_modes import COMPARED, Results, compare, evaluate

import tensorflowlite_clone as tl
from tensorflowlite_clone.core.observe import observing
from tensorflowlite_clone.core.registry import FUNCTIONS, METHODS, NN_FUNCTIONS, OPS, SPACES

torch = pytest.importorskip("torch", reason="PyTorch is not installed; pip install -e '.[bench]' to compare with it")

_, CALLS = collect()
#: The accuracy that is asked; a call with a larger tolerance needs an entry below.
ACCURACY = 1e-9

SINGLE = "part of the call is in single precision"
IN_PLACE = "the call asserts that its operand itself changes; inside a function transform an in-place operator makes a new value"
PADDING = (
    "the gradient of a padding row, and of rows weighed by frequency, is not that of the value, in both packages; our forward mode is the "
    "transpose of that gradient, PyTorch's differentiates the value"
)
CONSTANT = "PyTorch's kernel holds this constant in single precision: it is off by up to 3e-8, relatively"

#: name of a call: (the quantities that are not compared, or "tolerance"; why). See docs/kinks.md for the kinks among them.
DEVIATIONS: dict[str, tuple[str, str]] = {
    # PyTorch is wrong: its forward mode is not the transpose of its reverse mode, or NaN where a derivative exists
    "atan2 at 0": ("jvp second", "NaN in PyTorch's forward mode and second order; its own gradient, and ours in every mode, is 0"),
    "pow of 0": ("second", "PyTorch multiplies 0 by log(0) = -inf and gives NaN; ours are the limits"),
    "norm at 0": ("second", "PyTorch's second derivative of the norm at 0 is NaN; ours is 0, that of the constant gradient 0"),
    "logcumsumexp far apart": (
        "jvp",
        "PyTorch's forward formula takes exp(x) and underflows to 0; the tangent of the first element is that of x[0], as ours",
    ),
    "clamp tensors at ties": (
        "jvp",
        "at a tie PyTorch's reverse mode follows the input, its forward mode the bound; both of ours the input",
    ),
    "gaussian below eps": ("jvp", "a variance below eps: PyTorch's reverse mode passes the gradient on, its forward mode stops it"),
    "cholesky_inverse": ("jvp", "PyTorch's tangent is not the derivative of its own value, by central differences; its gradient is"),
    **dict.fromkeys(
        ["triangular_solve", "triangular_solve method"],
        ("jvp", "PyTorch's tangent is not the derivative of its own value, by central differences; its gradient is"),
    ),
    **dict.fromkeys(
        ["scatter_reduce prod", "scatter_reduce prod of zeros", "scatter_reduce along 0", "scatter_reduce 0-d", "scatter_reduce_ and kin"],
        ("jvp", "PyTorch has no forward mode of this product, and twice its reverse mode is no way around: it gives zeros, or fails"),
    ),
    "as_strided_scatter": (
        "vjp jvp second",
        "PyTorch's gradient is wrong (its gradcheck says so): 0 where it should be that of the result",
    ),
    "layer_norm bias only": ("second", "PyTorch fails with an internal error where the weight is None"),
    **dict.fromkeys(
        ["pow complex with real", "pow of real to complex number"],
        ("jvp", "PyTorch's forward mode of a real base with a complex exponent drops the imaginary part of the tangent"),
    ),
    # on purpose
    **dict.fromkeys(["+=", "-=", "*=", "/=", "**=", "%=", "x[index] = value", "buffer", "masked", "assign complex"], ("jvp", IN_PLACE)),
    **dict.fromkeys(
        ["embedding padding", "embedding padding from the end", "embedding by frequency", "embedding by frequency, padding"],
        ("jvp", PADDING),
    ),
    # accuracy
    **dict.fromkeys(["hardsigmoid", "activations at kinks", "selu and celu methods", "cosine_embedding at 0"], ("tolerance", CONSTANT)),
    "bce at 0 and 1": ("tolerance second", CONSTANT + "; the second derivative, of the order of 1e24, is cut differently"),
    **dict.fromkeys(
        ["to float32", "cat of dtypes", "sum dtype", "softmax dtype", "cross_entropy float32", "cfloat cdouble"], ("tolerance", SINGLE)
    ),
}


@pytest.mark.parametrize("c", CALLS, ids=[c.name for c in CALLS])
def test_call_equals_torch(c: Call, cell):
    torch.set_default_dtype(torch.float32)
    left_out = DEVIATIONS.get(c.name, ("", ""))[0].split()
    left_out += ["second"] if c.why and not c.second else []
    quantities = [what for what in COMPARED if what not in left_out]
    theirs: Results = evaluate(torch, c, quantities)
    compare(evaluate(tl, c, quantities), theirs, c.tolerance, quantities)
    seen = Computed()
    with observing(seen):  # the compiled calls stand aside: what they stand for is compared as well
        compare(evaluate(tl, c, quantities), theirs, c.tolerance, quantities)
    for name in seen.names:
        cell.covers(name, "PyTorch")


def test_deviations_are_needed_and_complete():
    """Every entry names a call and gives a reason; every wider tolerance has one."""
    calls = {c.name: c for c in CALLS}
    assert not sorted(set(DEVIATIONS) - set(calls))
    assert all(set(what.split()) <= {*COMPARED, "tolerance"} and reason for what, reason in DEVIATIONS.values())
    for c in CALLS:
        what = DEVIATIONS.get(c.name, ("", ""))[0].split()
        double = any(isinstance(x, np.ndarray) and x.dtype in (np.float64, np.complex128) for x in c.inputs)
        reasoned = "tolerance" in what or c.why or not double or not c.differentiable
        assert c.tolerance <= ACCURACY or reasoned, f"{c.name}: a tolerance of {c.tolerance}; say why= or enter it in DEVIATIONS"


@pytest.mark.covers("PyTorch")
@pytest.mark.parametrize("op", OPS.values(), ids=OPS)
def test_only_internal_operations_lack_a_call(op, cell):
    """The calls are evidence for what they reach; an operation that none reaches is internal, or lacks a row in ``CALLS``."""
    assert lacking(op, *reached()) is None
    cell.says("see samples" if is_public(op) else "internal")


#: Names that PyTorch has elsewhere or NumPy alone has.
OTHERS = {
    "functions": {"expit", "i0e", "i1", "i1e", "power", "view"},
    "methods": {"argpartition", "astype", "choose", "compress", "copy", "i0e", "i1", "i1e", "power", "rsub", "searchsorted"},
    "nn.functional": set(),
    "sparse": {"from_scipy", "hspmm", "to_scipy"},
}


def test_public_names_are_those_of_torch():
    tables = {"functions": (FUNCTIONS, torch), "methods": (METHODS, torch.Tensor), "nn.functional": (NN_FUNCTIONS, torch.nn.functional)}
    tables |= {space: (functions, getattr(torch, space)) for space, functions in SPACES.items()}
    for where, (ours, theirs) in tables.items():
        assert set(ours) - set(dir(theirs)) == OTHERS.get(where, set()), where
    assert not {name for name in FUNCTIONS if hasattr(torch.Tensor, name) and not hasattr(tl.Tensor, name)}


#: Parameters whose defaults differ: why.
OTHER_DEFAULTS = {"cdist compute_mode": "ours computes one way", "meshgrid indexing": "PyTorch's None is 'ij', with a warning"}


def defaults(f: object) -> dict[str, object]:
    """The parameters of a function or class that have a default; none where Python does not know them."""
    try:
        parameters = inspect.signature(inspect.unwrap(f)).parameters.values()
    except (ValueError, TypeError):
        return {}
    return {p.name: p.default for p in parameters if p.default is not p.empty}


def test_defaults_are_those_of_torch():
    tables = [(FUNCTIONS, torch), (NN_FUNCTIONS, torch.nn.functional)]
    tables += [(functions, getattr(torch, space)) for space, functions in SPACES.items()]
    tables += [(vars(m), n) for m, n in ((tl.nn, torch.nn), (tl.optim, torch.optim), (tl.optim.lr_scheduler, torch.optim.lr_scheduler))]
    compared = 0
    for ours, namespace in tables:
        for name, f in ours.items():
            mine, theirs = defaults(f), defaults(getattr(namespace, name, None))
            for parameter in mine.keys() & theirs.keys():
                a, b = (getattr(d[parameter], "__name__", d[parameter]) for d in (mine, theirs))  # functions by name
                assert a == b or f"{name} {parameter}" in OTHER_DEFAULTS, f"{name}: {parameter}"
                compared += 1
    assert compared > 300
