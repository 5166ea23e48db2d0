"""Bad calls and what they are told: every message names the operation, the facts and the fix.

One row per mistake: the call, the exception (PyTorch's kind), and three patterns that the message must contain: the operation,
a fact (shapes, dtypes, names, values), and the fix.
"""

from __future__ import annotations

import re

import numpy as np
import pytest

import tensorflowlite_clone as tl
from tensorflowlite_clone import nn, optim
from tensorflowlite_clone.func import grad, jvp, vmap
from tensorflowlite_clone.nn import functional as F


def t(*shape, grad=False, dtype=np.float32):
    return tl.Tensor(np.ones(shape, dtype), requires_grad=grad)


def second_backward():
    x = t(2, grad=True)
    y = (x * x).sum()
    y.backward()
    y.backward()


def saved_value_changed():
    x = t(2, grad=True)
    y = x * 2
    z = (y * y).sum()
    y.add_(1.0)
    z.backward()


def parameter_changed_between_forward_and_backward():
    layer = nn.Linear(2, 1)
    x = t(3, 2, grad=True)
    loss = layer(x).sum()
    with tl.no_grad():
        layer.weight.add_(1.0)
    loss.backward()


def leaf_changed_in_place():
    x = t(2, grad=True)
    x.add_(1.0)


def missing_keys():
    nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 1)).load_state_dict({"0.weight": t(3, 2), "0.bias": t(3), "2.weight": t(1, 3)})


def wrong_size_in_state_dict():
    nn.Linear(2, 3).load_state_dict({"weight": t(3, 5), "bias": t(3)})


def corrupt_checkpoint(tmp_path):
    path = tmp_path / "model.safetensors"
    tl.save({"w": t(4)}, path)
    path.write_bytes(path.read_bytes()[:-3])
    tl.load(path)


def truncated_data_file(tmp_path):
    from tensorflowlite_clone.datasets.idx import read_idx, write_idx

    path = tmp_path / "images-idx3-ubyte"
    write_idx(path, np.zeros((4, 3, 3), np.uint8))
    path.write_bytes(path.read_bytes()[:-5])
    read_idx(path)


def missing_data_set(tmp_path):
    from tensorflowlite_clone.datasets import MNIST

    MNIST(tmp_path)


def layer_shape_error_names_the_module():
    model = nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(5, 2))
    model(t(1, 4))


def module_without_super_init():
    class Net(nn.Module):
        def __init__(self):
            self.layer = nn.Linear(1, 1)

    Net()


BAD_CALLS = {
    "shapes do not broadcast": (lambda: t(3) + t(4), RuntimeError, "add", r"\(3,\).*\(4,\)", "must be equal or one of them 1"),
    "matmul inner": (lambda: t(3, 4) @ t(5, 2), RuntimeError, "matmul: inner dimensions", r"\(3, 4\).*\(5, 2\)", "must equal"),
    "matmul of numbers": (lambda: t() @ t(2), RuntimeError, "matmul", r"\(\) and \(2,\)", r"use \*"),
    "linear features": (lambda: F.linear(t(2, 3), t(5, 4)), RuntimeError, "linear", r"\(2, 3\).*\(5, 4\)", "must"),
    "reshape size": (lambda: t(6).reshape(4, 2), RuntimeError, "reshape: 6 elements", r"\(6,\).*\(4, 2\)", "same number"),
    "reshape -1": (lambda: t(6).reshape(4, -1), RuntimeError, "reshape", r"\(6,\).*\(4, -1\)", "give every size"),
    "sum dim": (lambda: t(2, 3).sum(dim=2), IndexError, "sum: dimension out of range", "dim is 2", r"\[-2, 1\]"),
    "index range": (lambda: t(3)[5], IndexError, "indexing: index 5 is out of range", r"\(3,\).*size 3", "from -3 to 2"),
    "too many indices": (lambda: t(3)[0, 0], IndexError, "indexing: too many indices", r"\(3,\)", "leave some out"),
    "float index": (lambda: t(3)[t(2)], TypeError, "indexing: index arrays must be integers", "float32", r"x\.long\(\)"),
    "cat shapes": (lambda: tl.cat([t(2, 3), t(2, 4)]), RuntimeError, "cat: shapes differ", r"\(2, 3\).*\(2, 4\)", "must be equal"),
    "list operand": (lambda: tl.exp([1.0, 2.0]), TypeError, "exp: input must be a tensor", "list", r"tl\.tensor"),
    "ragged list": (lambda: tl.tensor([[1, 2], [3]]), ValueError, "tensor", "2.*1", ""),
    "conv channels": (lambda: F.conv2d(t(1, 3, 8, 8), t(4, 2, 3, 3)), RuntimeError, "conv2d", r"\(1, 3, 8, 8\).*\(4, 2, 3, 3\)", "must"),
    "conv kernel too large": (lambda: F.conv2d(t(1, 1, 2, 2), t(1, 1, 5, 5)), RuntimeError, "conv2d", "5.*2|2.*5", "padding"),
    "loss broadcasting": (lambda: F.mse_loss(t(4, 1), t(4)), RuntimeError, "mse_loss", r"\(4, 1\).*\(4,\)", "squeeze|reshape|same shape"),
    "float labels": (lambda: F.cross_entropy(t(4, 3), t(4)), RuntimeError, "cross_entropy", "float32", "long|int"),
    "label range": (
        lambda: F.cross_entropy(t(2, 3), tl.tensor([0, 3])), (IndexError, ValueError), "cross_entropy: label out of range", "3 classes", r"\[0, 2\]",
    ),
    "batch sizes of loss": (lambda: F.cross_entropy(t(4, 3), tl.tensor([0, 1])), ValueError, "cross_entropy", "4.*2", ""),
    "embedding range": (lambda: F.embedding(tl.tensor([7]), t(5, 2)), IndexError, "embedding", "7.*5", ""),
    "dropout probability": (lambda: F.dropout(t(2), p=1.5), ValueError, "dropout", "1.5", "between 0 and 1|in \\[0, 1\\]"),
    "backward of a vector": (lambda: (t(3, grad=True) * 2).backward(), RuntimeError, "backward: gradient", r"\(3,\)", r"loss\.mean\(\)"),
    "backward without graph": (lambda: t().backward(), RuntimeError, "backward: the tensor does not require grad", r"\(\)", "requires_grad=True"),
    "second backward": (second_backward, RuntimeError, "backward: the graph was already used", "node", "retain_graph=True"),
    "saved value changed": (saved_value_changed, RuntimeError, "mul: a value needed", r"\(2,\).*version", "out-of-place"),
    "parameter changed": (parameter_changed_between_forward_and_backward, RuntimeError, "linear", "version", "out-of-place"),
    "leaf changed": (leaf_changed_in_place, RuntimeError, "add_", r"\(2,\)|leaf", "no_grad"),
    "integer requires grad": (
        lambda: tl.tensor([1, 2], requires_grad=True), RuntimeError, "requires_grad: only floating", "int64", r"x\.float\(\)",
    ),
    "numpy of recorded": (lambda: t(2, grad=True).numpy(), RuntimeError, "numpy: the tensor requires grad", "", r"x\.detach\(\)\.numpy\(\)"),
    "numpy function": (lambda: np.unwrap(t(2)), TypeError, r"np\.unwrap", "never silently detached", r"x\.detach\(\)\.numpy\(\)"),
    "item of a vector": (lambda: t(2).item(), (ValueError, RuntimeError), "item", r"\(2,\)", r"tolist\(\)"),
    "truth of a vector": (lambda: bool(t(2)), (ValueError, RuntimeError), "bool", r"2 elements", r"\.any\(\)"),
    "state dict keys": (missing_keys, RuntimeError, "load_state_dict", r"1\.weight.*1\.bias[\s\S]*2\.weight", ""),
    "state dict size": (wrong_size_in_state_dict, RuntimeError, "load_state_dict", r"weight.*\(3, 5\).*\(3, 2\)", ""),
    "module path": (layer_shape_error_names_the_module, RuntimeError, "linear", r"\(1, 3\).*\(2, 5\)", ""),
    "super().__init__": (module_without_super_init, AttributeError, "Net|Module", "layer", r"super\(\).__init__\(\)"),
    "optimizer without parameters": (lambda: optim.SGD([], lr=0.1), ValueError, "SGD|optimizer", "empty", ""),
    "optimizer of computed tensor": (
        lambda: optim.Adam([t(2, grad=True) * 2]), ValueError, "Adam|optimizer", "leaf", "",
    ),
    "corrupt checkpoint": (corrupt_checkpoint, ValueError, "load", "model.safetensors", ""),
    "truncated data": (truncated_data_file, ValueError, "images-idx3-ubyte", r"47 bytes.*36", ""),
    "missing data set": (missing_data_set, (RuntimeError, FileNotFoundError), "MNIST", "train-images-idx3-ubyte", "download=True"),
    "grad of a vector": (lambda: grad(lambda x: x * 2)(np.ones(3)), RuntimeError, "grad: the function must return one scalar", r"\(3,\)", "jacrev"),
    "grad of integers": (lambda: grad(lambda x: x)(np.ones((), int)), RuntimeError, "grad: only floating", "int64", r"x\.float\(\)"),
    "jvp tangent": (lambda: jvp(np.sin, (np.ones(2),), (np.ones(3),)), RuntimeError, "jvp: a tangent", r"\(3,\).*\(2,\)", "must be equal"),
    "vmap sizes": (lambda: vmap(np.add)(np.ones(2), np.ones(3)), RuntimeError, "vmap: the mapped axes", "2.*3", "must agree"),
    "branch inside vmap": (
        lambda: vmap(lambda x: x if x > 0 else -x)(np.ones(3)), RuntimeError, "bool: inside vmap", "3 values", r"where\(\)",
    ),
    "mask inside vmap": (lambda: vmap(lambda x: x[x > 0])(np.ones((2, 3))), RuntimeError, "indexing: inside vmap", "differ from example to example", "where"),
    "device": (lambda: tl.zeros(2, device="cuda"), (ValueError, RuntimeError), "device", "cuda", "cpu"),
    "operator with a string": (lambda: t(2) + "a", TypeError, "", "str", ""),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD_CALLS)
def test_message_names_operation_facts_and_fix(name, tmp_path):
    call, kind, *patterns = BAD_CALLS[name]
    with pytest.raises(kind) as caught:
        call(tmp_path) if call.__code__.co_argcount else call()
    message = "\n".join([str(caught.value), *getattr(caught.value, "__notes__", [])])
    for pattern in patterns:
        assert re.search(pattern, message), f"{pattern!r} is not in the message:\n{message}"


def test_there_are_at_least_thirty_bad_calls():
    assert len(BAD_CALLS) >= 30


def test_layer_errors_carry_the_module_path():
    with pytest.raises(RuntimeError) as caught:
        layer_shape_error_names_the_module()
    assert any("2" in note and "Linear" in note for note in caught.value.__notes__)


def test_a_failed_load_changes_nothing():
    layer = nn.Linear(2, 3)
    before = {k: v.numpy().copy() for k, v in layer.state_dict().items()}
    with pytest.raises(RuntimeError):
        layer.load_state_dict({"bias": t(3), "weight": t(3, 5)})
    for k, v in layer.state_dict().items():
        np.testing.assert_array_equal(v.numpy(), before[k])
