"""Bad calls about gradients, graphs, in-place changes, hooks and function transforms, and what they are told (see ``bad_calls.py``)."""

from __future__ import annotations

import re

import numpy as np
import pytest
from bad_calls import check, t

import tensorflowlite_clone as tl
from tensorflowlite_clone import autograd, func, nn
from tensorflowlite_clone.autograd import forward_ad
from tensorflowlite_clone.func import grad, jvp, vmap


def second_backward():
    x = t(2, grad=True)
    y = (x * x).sum()
    y.backward()
    y.backward()


def backward_through_a_freed_part():
    x = t(2, grad=True)
    y = x.exp()
    y.sum().backward()
    (y * 2).sum().backward()


def saved_value_changed():
    x = t(2, grad=True)
    y = x * 2
    z = (y * y).sum()
    y.add_(1.0)
    z.backward()


def saved_result_changed():
    y = t(2, grad=True).exp()
    y.mul_(2.0)
    y.sum().backward()


def parameter_changed_between_forward_and_backward():
    layer = nn.Linear(2, 1)
    x = t(3, 2, grad=True)
    loss = layer(x).sum()
    with tl.no_grad():
        layer.weight.add_(1.0)
    loss.backward()


def leaf_changed_through_a_view():
    x = t(2, grad=True)
    x[:1].add_(1.0)


def hooked(hook):
    x = t(2, grad=True)
    x.register_hook(hook)
    x.sum().backward()


def unpacked_to_a_number():
    with autograd.graph.saved_tensors_hooks(lambda x: x, lambda x: 3):
        y = t(2, grad=True).exp()
    y.sum().backward()


def tangent_of_another_shape():
    with forward_ad.dual_level():
        forward_ad.make_dual(t(2), t(3))


class TwoGradients(autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x * 2

    @staticmethod
    def backward(ctx, g):
        return g, g


class WrongShape(autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x * 2

    @staticmethod
    def backward(ctx, g):
        return g[:1]


class SavesANumber(autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(3)
        return x * 2

    @staticmethod
    def backward(ctx, g):
        return g


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Flatten(), nn.Linear(5, 2))

    def forward(self, x):
        return self.body(x)


def write_into_an_array(x):
    out = np.zeros(3)
    out[0] = x[0]
    return out.sum()


BAD_CALLS = {
    # ---- backward and grad
    "backward of a vector": (lambda: (t(3, grad=True) * 2).backward(), RuntimeError, "backward: gradient", r"\(3,\)", r"loss\.mean\(\)"),
    "backward without graph": (
        lambda: t().backward(), RuntimeError, "backward: the tensor does not require grad", r"\(\)", "requires_grad=True",
    ),
    "backward of a complex number": (lambda: (t(grad=True) * 1j).backward(), RuntimeError, "backward", "complex64", r"loss\.abs\(\)"),
    "second backward": (
        second_backward, RuntimeError, "backward: the graph was already used", r"reached \w+ \(node \d+", "retain_graph=True",
    ),
    "backward through a freed part": (
        backward_through_a_freed_part, RuntimeError, "already used", r"reached exp.*test_errors_autograd\.py", "retain_graph",
    ),
    "shape of the gradient": (
        lambda: (t(3, grad=True) * 2).backward(t(2)), RuntimeError, "backward: gradient", r"\(2,\).*\(3,\)", "must be equal",
    ),
    "number of gradients": (
        lambda: autograd.backward([t(grad=True) * 1], [t(), t()]), ValueError, "backward", "1 tensors but 2", "one gradient per",
    ),
    "unused input": (
        lambda: autograd.grad(t(2, grad=True).sum(), t(2, grad=True)), RuntimeError, r"grad: inputs\[0\]", r"\(2,\).*not used",
        "allow_unused=True",
    ),
    "input without gradient": (
        lambda: autograd.grad(t(2, grad=True).sum(), t(2)), RuntimeError, r"grad: inputs\[0\] does not require", r"\(2,\)",
        r"requires_grad_\(\)",
    ),
    "grad of a number": (
        lambda: autograd.grad([1.0], t(2, grad=True)), TypeError, "grad: expected tensors", "item 0 is a float", "pass a tensor",
    ),
    "grad of nothing": (
        lambda: autograd.grad([], t(2, grad=True)), (ValueError, RuntimeError), "grad: got an empty sequence", "", "at least one",
    ),
    # ---- requires_grad, leaves, conversions
    "integer requires grad": (
        lambda: tl.tensor([1, 2], requires_grad=True), RuntimeError, "requires_grad: only floating", "int64", r"x\.float\(\)",
    ),
    "computed tensor stops": (lambda: (t(2, grad=True) * 2).requires_grad_(False), RuntimeError, "requires_grad", "mul", r"x\.detach\(\)"),
    "copy of a computed tensor": (
        lambda: __import__("copy").deepcopy(t(2, grad=True) * 2), RuntimeError, "deepcopy: only leaf", "computed",
        r"x\.detach\(\)\.clone\(\)",
    ),
    "numpy of recorded": (
        lambda: t(2, grad=True).numpy(), RuntimeError, "numpy: the tensor requires grad", "", r"x\.detach\(\)\.numpy\(\)",
    ),
    "asarray of recorded": (
        lambda: np.asarray(t(2, grad=True)), RuntimeError, "numpy: the tensor requires grad", "", r"x\.detach\(\)\.numpy\(\)",
    ),
    "numpy function": (lambda: np.busday_count(t(2), t(2)), TypeError, r"np\.busday_count", "never silently detached", "ndarrays"),
    "numpy out": (lambda: np.add(t(3), t(3), out=np.ones(3)), TypeError, r"np\.add: out=", "", "assign the returned tensor"),
    # ---- changes in place
    "leaf changed": (lambda: t(2, grad=True).add_(1.0), RuntimeError, "add_: a leaf tensor", r"\(2,\)", r"no_grad\(\)"),
    "leaf assigned to": (
        lambda: t(2, grad=True).__setitem__(0, 1.0), RuntimeError, r"x\[index\] = value: a leaf", r"\(2,\)", r"no_grad\(\)",
    ),
    "leaf changed through a view": (leaf_changed_through_a_view, RuntimeError, "add_", r"\(1,\).*a leaf.*\(2,\)", r"clone\(\)"),
    "saved value changed": (saved_value_changed, RuntimeError, "mul: a value needed", r"\(2,\).*version", "out-of-place"),
    "saved result changed": (
        saved_result_changed, RuntimeError, "exp: a value needed", "its result.*changed by mul_ at.*py", "out-of-place",
    ),
    "parameter changed": (parameter_changed_between_forward_and_backward, RuntimeError, "linear", "version", "out-of-place"),
    # ---- hooks
    "hook without gradient": (
        lambda: t(2).register_hook(abs), RuntimeError, "register_hook: the tensor does not require grad", r"\(2,\)", "compute it from",
    ),
    "hook of another shape": (lambda: hooked(lambda g: g[:1]), RuntimeError, "hook .*lambda", r"\(1,\) for \(2,\)", "must be equal"),
    "hook that returns a number": (lambda: hooked(lambda g: 3), TypeError, "hook .*lambda", "returned a int", "or None"),
    "accumulation hook": (
        lambda: (t(2, grad=True) * 2).register_post_accumulate_grad_hook(abs), RuntimeError, "register_post_accumulate", "by mul",
        "register_hook",
    ),
    "retain_grad": (
        lambda: t(2).retain_grad(), RuntimeError, "retain_grad: the tensor does not require grad", r"\(2,\)", "compute it from",
    ),
    "unpacked to a number": (unpacked_to_a_number, TypeError, "saved_tensors_hooks: unpack_hook", "int .*exp", "must return a tensor"),
    # ---- users' own functions
    "too many gradients": (
        lambda: TwoGradients.apply(t(2, grad=True)).sum().backward(), RuntimeError, "TwoGradients: backward", "2, but forward takes 1",
        "one entry per",
    ),
    "gradient of another shape": (
        lambda: WrongShape.apply(t(2, grad=True)).sum().backward(), RuntimeError, "WrongShape: backward", r"\(1,\).*\(2,\)",
        "must be equal",
    ),
    "a number saved": (
        lambda: SavesANumber.apply(t(2, grad=True)), TypeError, "SavesANumber: ctx.save_for_backward", "int 3", "set an attribute",
    ),
    "an instance": (lambda: TwoGradients()(t(2)), (TypeError, RuntimeError), "TwoGradients", "not made", r"TwoGradients\.apply"),
    # ---- where it happened
    "layer in a network": (
        lambda: Net()(t(1, 3, 4, 4)), RuntimeError, "linear: features differ", r"\(1, 16\).*\(2, 5\)",
        r"in Net\.body\[2\] \(Linear\(in_features=5",
    ),
    "first layer of a network": (
        lambda: Net()(t(1, 2, 8, 8)), RuntimeError, "conv2d: channels", r"\(1, 2, 8, 8\).*\(4, 3, 3, 3\)",
        r"in Net\.body\[0\] \(Conv2d\(3, 4",
    ),
    # ---- transforms
    "grad of a vector": (
        lambda: grad(lambda x: x * 2)(np.ones(3)), RuntimeError, "grad: the function must return one scalar", r"\(3,\)", "jacrev",
    ),
    "grad of a complex function": (
        lambda: grad(lambda x: x * 1j)(np.ones(())), RuntimeError, "grad: the function must return a real", "complex128", "real part",
    ),
    "grad of integers": (lambda: grad(lambda x: x)(np.ones((), int)), RuntimeError, "grad: only floating", "int64", r"write 3\.0 for 3"),
    "grad of a string": (
        lambda: grad(lambda x: "a")(np.ones(3)), RuntimeError, "grad: the function must return tensors", "str 'a'", "has_aux=True",
    ),
    "argnums": (lambda: grad(lambda x: x.sum(), argnums=2)(np.ones(3)), ValueError, "grad: argnums 2", "1 positional", "by position"),
    "argument changed in place": (
        lambda: grad(lambda x: x.add_(1.0).sum())(np.ones(3)), RuntimeError, "add_: an argument of a function transform", r"\(3,\)",
        r"clone\(\) it first",
    ),
    "another tensor changed in place": (
        lambda: grad(lambda x: t(3).add_(x).sum())(np.ones(3)), TypeError, "add_: the other operand belongs to a function transform",
        r"\(3,\)", "out-of-place",
    ),
    "written into an array": (
        lambda: grad(write_into_an_array)(np.ones(3)), RuntimeError, "a value inside a function transform", "Tensor", r"np\.stack",
    ),
    "jvp tangent": (lambda: jvp(np.sin, (np.ones(2),), (np.ones(3),)), RuntimeError, "jvp: a tangent", r"\(3,\).*\(2,\)", "must be equal"),
    "jvp structure": (
        lambda: jvp(np.add, (np.ones(2), np.ones(2)), (np.ones(2),)), (ValueError, RuntimeError), "jvp: tangents and primals",
        "tuple of 1.*tuple of 2", "alike",
    ),
    "jvp without a tuple": (
        lambda: jvp(np.sin, np.ones(2), np.ones(2)), (ValueError, RuntimeError), "jvp: primals must be a tuple", "ndarray", r"\(x,\)",
    ),
    "vjp cotangent": (
        lambda: func.vjp(lambda x: x * 2, np.ones(2))[1](np.ones(3)), RuntimeError, "vjp: a cotangent", r"\(3,\).*\(2,\)",
        "must be equal",
    ),
    "dual level": (lambda: forward_ad.make_dual(t(2), t(2)), RuntimeError, "make_dual: no dual level", "", "with dual_level"),
    "dual tangent": (tangent_of_another_shape, RuntimeError, "make_dual: the tangent", r"\(3,\).*\(2,\)", "must be equal"),
    "vmap sizes": (lambda: vmap(np.add)(np.ones(2), np.ones(3)), RuntimeError, "vmap: the mapped axes", "2.*3", "must agree"),
    "vmap over nothing": (
        lambda: vmap(abs, in_dims=None)(np.ones(3)), ValueError, "vmap: no argument is mapped", "None everywhere", "at least one",
    ),
    "vmap axis": (lambda: vmap(abs, in_dims=3)(np.ones(3)), RuntimeError, "vmap: in_dims 3", r"\(3,\)", "one of its axes"),
    "vmap of a number": (lambda: vmap(abs)(3.0), ValueError, "vmap: only tensors and arrays", "float", "give None"),
    "vmap out_dims": (lambda: vmap(abs, out_dims=(0, 1))(np.ones(3)), ValueError, "vmap: out_dims", r"\(0, 1\)", "nest out_dims"),
    "branch inside vmap": (
        lambda: vmap(lambda x: x if x > 0 else -x)(np.ones(3)), RuntimeError, "bool: inside vmap", "3 values", r"where\(\)",
    ),
    "float inside vmap": (lambda: vmap(lambda x: float(x))(np.ones(3)), RuntimeError, "float: inside vmap", "3 values", "np.zeros_like"),
    "item inside vmap": (lambda: vmap(lambda x: x.item())(np.ones(3)), RuntimeError, "item: inside vmap", "3 values", "return values"),
    "tolist inside vmap": (
        lambda: vmap(lambda x: x.tolist())(np.ones((3, 2))), RuntimeError, "tolist: inside vmap", r"\(2,\) each", "return values",
    ),
    "numpy inside vmap": (
        lambda: vmap(lambda x: x.numpy())(np.ones((3, 2))), RuntimeError, "numpy: inside vmap", r"\(2,\) each", "return values",
    ),
    "backward inside vmap": (
        lambda: vmap(lambda x: x.sum().backward())(np.ones((3, 2))), RuntimeError, "backward: inside vmap", "3 values",
        r"vmap\(func\.grad",
    ),
    "mask inside vmap": (
        lambda: vmap(lambda x: x[x > 0])(np.ones((2, 3))), RuntimeError, "indexing: inside vmap", "differ from example to example",
        "where",
    ),
    "nonzero inside vmap": (
        lambda: vmap(lambda x: x.nonzero())(np.ones((2, 3))), RuntimeError, "nonzero: inside vmap", "from example to example", "where",
    ),
    "random numbers inside vmap": (
        lambda: vmap(lambda x: x + tl.rand(1))(np.ones(2)), RuntimeError, "rand: random numbers inside vmap", "'error'", "'different'",
    ),
    "models of other sizes": (
        lambda: func.stack_module_state([nn.Linear(1, 1), nn.Linear(2, 1)]), RuntimeError, "stack_module_state: 'weight'",
        r"\(1, 1\), \(1, 2\)", "values only",
    ),
    "jacobian of a number": (
        lambda: autograd.functional.jacobian(lambda x: 3, t(2)), TypeError, "jacobian: the result", "int 3", "convert it",
    ),
    "check without inputs": (
        lambda: autograd.gradcheck(abs, t(2)), ValueError, "gradcheck: no input requires grad", "", "requires_grad=True",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD_CALLS)
def test_message_names_operation_facts_and_fix(name, tmp_path):
    check(BAD_CALLS[name], tmp_path)


def test_there_are_at_least_eighty_bad_calls():
    from test_errors import BAD_CALLS as others

    assert len(BAD_CALLS) + len(others) >= 160
    assert not BAD_CALLS.keys() & others.keys()


def test_lines_of_the_users_program_are_named():
    """A version error names the line that saved and the line that changed the value; a freed graph the line that recorded it."""
    with pytest.raises(RuntimeError) as caught:
        saved_result_changed()
    assert len(re.findall(r"test_errors_autograd\.py:\d+", str(caught.value))) == 2
    with pytest.raises(RuntimeError) as caught:
        backward_through_a_freed_part()
    assert len(re.findall(r"test_errors_autograd\.py:\d+", str(caught.value))) == 1
