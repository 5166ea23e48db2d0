"""Bad calls of operations, layers, optimizers, data and files, and what they are told (see ``bad_calls.py``).

Not here: mistakes about gradients, graphs and transforms (``test_errors_autograd.py``).
"""

from __future__ import annotations

import numpy as np
import pytest
from bad_calls import check, t

import tensorflowlite_clone as tl
from tensorflowlite_clone import nn, optim
from tensorflowlite_clone.nn import functional as F
from tensorflowlite_clone.utils.data import DataLoader, TensorDataset


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
    "loss broadcasting": (lambda: F.binary_cross_entropy_with_logits(t(4, 1), t(4)), RuntimeError, "binary_cross", r"\(4, 1\).*\(4,\)", "squeeze|reshape|same shape"),
    "float labels": (lambda: F.cross_entropy(t(4, 3), t(4)), RuntimeError, "cross_entropy", "float32", "long|int"),
    "label range": (
        lambda: F.cross_entropy(t(2, 3), tl.tensor([0, 3])), (IndexError, ValueError), "cross_entropy: label out of range", "3 classes",
        r"\[0, 2\]",
    ),
    "batch sizes of loss": (lambda: F.cross_entropy(t(4, 3), tl.tensor([0, 1])), ValueError, "cross_entropy", "4.*2", ""),
    "embedding range": (lambda: F.embedding(tl.tensor([7]), t(5, 2)), IndexError, "embedding", "7.*5", ""),
    "dropout probability": (lambda: F.dropout(t(2), p=1.5), ValueError, "dropout", "1.5", "between 0 and 1|in \\[0, 1\\]"),
    "item of a vector": (lambda: t(2).item(), (ValueError, RuntimeError), "item", r"\(2,\)", r"tolist\(\)"),
    "truth of a vector": (lambda: bool(t(2)), (ValueError, RuntimeError), "bool", r"2 elements", r"\.any\(\)"),
    "state dict keys": (missing_keys, RuntimeError, "load_state_dict", r"1\.weight.*1\.bias[\s\S]*2\.weight", ""),
    "state dict size": (wrong_size_in_state_dict, RuntimeError, "load_state_dict", r"weight.*\(3, 5\).*\(3, 2\)", ""),
    "module path": (layer_shape_error_names_the_module, RuntimeError, "linear", r"\(1, 3\).*\(2, 5\)", ""),
    "super().__init__": (module_without_super_init, AttributeError, "Net|Module", "layer", r"super\(\).__init__\(\)"),
    "optimizer without parameters": (lambda: optim.SGD([], lr=0.1), ValueError, "SGD|optimizer", "empty", ""),
    "optimizer of computed tensor": (lambda: optim.Adam([t(2, grad=True) * 2]), ValueError, "Adam|optimizer", "leaf", ""),
    "corrupt checkpoint": (corrupt_checkpoint, ValueError, "load", "model.safetensors", ""),
    "truncated data": (truncated_data_file, ValueError, "images-idx3-ubyte", r"47 bytes.*36", ""),
    "missing data set": (missing_data_set, (RuntimeError, FileNotFoundError), "MNIST", "train-images-idx3-ubyte", "download=True"),
    "device": (lambda: tl.zeros(2, device="cuda"), (ValueError, RuntimeError), "device", "cuda", "cpu"),
    "operator with a string": (lambda: t(2) + "a", TypeError, "", "str", ""),
    "cat of a number": (lambda: tl.cat([t(2), 3]), RuntimeError, "cat", "0-d", r"stack|unsqueeze\(0\)"),
    "cat of a string": (lambda: tl.cat([t(2), "a"]), TypeError, "cat", r"tensors\[1\] is a str", r"tl\.tensor"),
    "cat of nothing": (lambda: tl.cat([]), ValueError, "cat: got an empty sequence", "", "at least one"),
    "stack shapes": (
        lambda: tl.stack([t(2), t(3)]), RuntimeError, "stack: shapes differ", r"tensors\[0\] is \(2,\), tensors\[1\] is \(3,\)",
        "must be equal",
    ),
    "matrix times vector": (lambda: t(3, 4) @ t(3), RuntimeError, "matmul: inner", r"\(3, 4\), y is \(3,\)", r"must equal y\.shape\[-1\]"),
    "mm of vectors": (lambda: tl.mm(t(3), t(3)), RuntimeError, "mm: input must have 2", r"\(3,\)", "use matmul"),
    "bmm batches": (lambda: tl.bmm(t(2, 3, 4), t(3, 4, 5)), RuntimeError, "bmm: batch sizes", r"\(2, 3, 4\).*\(3, 4, 5\)", "must be equal"),
    "list beside an operator": (lambda: t(2) * [1, 2], TypeError, "mul: operands must be tensors", r"list \[1, 2\]", r"tl\.tensor"),
    "list before an operator": (lambda: [1, 2] @ t(2), TypeError, "matmul", r"list \[1, 2\]", r"tl\.tensor"),
    "expand size": (lambda: t(3).expand(4, 2), RuntimeError, "expand: the sizes do not fit", r"\(3,\).*\(4, 2\)", "unless it is 1"),
    "squeeze dim": (lambda: t(3, 1).squeeze(5), IndexError, "squeeze: dimension out of range", "dim is 5", r"\[-2, 1\]"),
    "unsqueeze dim": (lambda: t(3).unsqueeze(5), IndexError, "unsqueeze: dimension out of range", "dim is 5", r"\[-2, 1\]"),
    "permute": (lambda: t(3, 4).permute(0, 0), ValueError, "permute", r"\(0, 0\).*2 dimensions", "each dimension once"),
    "split sizes": (lambda: t(5).split([2, 2]), ValueError, "split", r"\[2, 2\] \(sum 4\)", "must sum to 5"),
    "narrow": (lambda: t(3).narrow(0, 2, 2), IndexError, "narrow: elements 2 to 4", r"\(3,\)", "must not exceed"),
    "repeat": (lambda: t(2, 3).repeat(2), RuntimeError, "repeat", r"\(2,\).*\(2, 3\)", r"tile\(\)"),
    "unflatten": (lambda: t(6).unflatten(0, (4, 2)), RuntimeError, "unflatten", r"\(4, 2\).*6", "multiply to"),
    "mask shape": (
        lambda: t(3)[tl.tensor([True, False])], IndexError, "indexing: the mask does not fit", r"\(2,\).*\(3,\)", "must be equal",
    ),
    "index of a string": (lambda: t(3)["a"], TypeError, "indexing", "got str", "ints, slices"),
    "assigned shape": (lambda: t(3).__setitem__(slice(0, 2), t(3)), RuntimeError, r"x\[index\] = value", r"\(2,\).*\(3,\)", "broadcast"),
    "max of nothing": (lambda: t(0).max(), RuntimeError, "amax: the input has no elements", r"\(0,\)", r"numel\(\)"),
    "topk": (lambda: t(3).topk(5), IndexError, "topk: k is out of range", "k is 5.*size 3", "from 0 to 3"),
    "where condition": (lambda: tl.where(t(3), t(3), t(3)), TypeError, "where: the condition must be boolean", "float32", "x > 0"),
    "mask dtype": (lambda: t(3).masked_fill(t(3), 1.0), TypeError, "masked_fill: the mask must be boolean", "float32", "x > 0"),
    "gather shape": (
        lambda: tl.gather(t(2, 3), 1, tl.zeros(3, 1, dtype=tl.int64)), RuntimeError, "gather: index is larger", r"\(3, 1\).*\(2, 3\)", "",
    ),
    "gather index": (
        lambda: tl.gather(t(2, 3), 1, tl.tensor([[5], [0]])), IndexError, "gather: index 5", r"\(2, 3\).*size 3", "from 0 to 2",
    ),
    "gather dtype": (lambda: tl.gather(t(2, 3), 1, t(2, 1)), TypeError, "gather: index must hold integers", "float32", r"index\.long\(\)"),
    "scatter dtype": (
        lambda: t(2, 3).scatter(1, tl.tensor([[0]]), tl.zeros(1, 1, dtype=tl.int64)), TypeError, "scatter: src", "int64 and float32",
        r"src\.to\(",
    ),
    "index_select": (lambda: t(3).index_select(0, tl.tensor([4])), IndexError, "index_select: index 4", r"\(3,\)", "from 0 to 2"),
    "bincount": (lambda: tl.bincount(tl.tensor([-1])), ValueError, "bincount", "the smallest is -1", "not be negative"),
    "one_hot negative": (lambda: F.one_hot(tl.tensor([-1, 2])), ValueError, "one_hot: labels must not be negative", "-1", ""),
    "one_hot classes": (lambda: F.one_hot(tl.tensor([1, 5]), 3), ValueError, "one_hot: label 5", "num_classes is 3", "at least 6"),
    "multinomial": (lambda: tl.multinomial(t(3), 5), ValueError, "multinomial: 5 samples", "3 weights", "replacement=True"),
    "multinomial weights": (lambda: tl.multinomial(-t(3), 1), ValueError, "multinomial: weights", "not negative", "NaN"),
    "normal": (lambda: tl.normal(0.0, -1.0, size=(2,)), ValueError, "normal: standard deviations", "-1.0", "not be negative"),
    "bernoulli": (lambda: tl.bernoulli(t(3) * 2), ValueError, "bernoulli: probabilities", "2.0", r"in \[0\.0, 1\.0\]"),
    "randint": (lambda: tl.randint(5, 5, (2,)), ValueError, "randint: the range is empty", "low is 5, high is 5", "above low"),
    "generator": (lambda: tl.rand(2, generator=3), TypeError, "generator: must be a tl.Generator", "int", r"manual_seed\(0\)"),
    "negative size": (lambda: tl.zeros(-1), ValueError, "zeros: sizes must not be negative", r"\(-1,\)", ""),
    "tensor of an object": (lambda: tl.tensor([object()]), TypeError, "tensor: cannot make a tensor", "object", "pass numbers"),
    "default dtype": (lambda: tl.set_default_dtype(tl.int32), TypeError, "set_default_dtype", "int32", "float32 or float64"),
    "negative power": (lambda: tl.tensor([2]) ** -1, (ValueError, RuntimeError), "pow", "", r"x\.float\(\)"),
    "einsum operands": (lambda: tl.einsum("ij,jk->ik", t(2, 3)), ValueError, "einsum", "names 2 operand.*1 are given", ""),
    "einsum sizes": (lambda: tl.einsum("ij,jk->ik", t(2, 3), t(4, 5)), RuntimeError, "einsum: label 'j'", "3 and 4", "must be equal or 1"),
    "einsum labels": (lambda: tl.einsum("ijk->i", t(2, 3)), RuntimeError, "einsum: labels do not fit", r"\(2, 3\).*'ijk'", r"'\.\.\.'"),
    "einsum result": (
        lambda: tl.einsum("ij->k", t(2, 3)), ValueError, "einsum: the result's labels", "'k' in 'ij->k'", "labels of operands",
    ),
    "pad pairs": (lambda: F.pad(t(2, 3), (1, 1, 1)), ValueError, "pad", r"\(1, 1, 1\)", "pairs"),
    "pad reflect": (
        lambda: F.pad(t(1, 1, 3), (5, 5), mode="reflect"), RuntimeError, "pad: mode 'reflect'", r"\(5, 5\).*size 3", "at most 2",
    ),
    "pad mode": (lambda: F.pad(t(1, 1, 3), (1, 1), mode="wrapp"), ValueError, "pad: mode must be", "'wrapp'", "'circular'"),
    "pool kernel": (lambda: F.max_pool2d(t(1, 1, 2, 2), 5), RuntimeError, "max_pool2d: no window fits", "2x2.*5x5", "smaller kernel"),
    "pool padding": (lambda: F.max_pool2d(t(1, 1, 4, 4), 2, padding=2), ValueError, "max_pool2d: padding", r"\(2, 2\)", "at most half"),
    "conv dimensions": (lambda: F.conv2d(t(3, 8), t(4, 3, 3, 3)), RuntimeError, "conv2d: input must be", r"\(3, 8\)", r"\(N, C, H, W\)"),
    "conv stride": (lambda: F.conv2d(t(1, 1, 8, 8), t(1, 1, 3, 3), stride=0), ValueError, "conv2d: stride", r"\(0, 0\)", "at least 1"),
    "conv bias": (lambda: F.conv2d(t(1, 1, 8, 8), t(2, 1, 3, 3), t(3)), RuntimeError, "conv2d: bias", r"\(3,\)", r"must be \(2,\)"),
    "probabilities": (
        lambda: F.binary_cross_entropy(t(3) * 2, t(3)), (RuntimeError, ValueError), "binary_cross_entropy", "from 2.0 to 2.0", "sigmoid",
    ),
    "class weights": (
        lambda: F.cross_entropy(t(3, 4), tl.tensor([0, 1, 2]), weight=t(5)), RuntimeError, "cross_entropy: weight", r"\(5,\).*4 classes",
        "one entry per",
    ),
    "reduction": (lambda: F.mse_loss(t(3), t(3), reduction="avg"), ValueError, "mse_loss: reduction", "'avg'", "'mean', 'sum' or 'none'"),
    "variances": (lambda: F.gaussian_nll_loss(t(2), t(2), -t(2)), ValueError, "gaussian_nll_loss: variances", "-1.0", "exp or softplus"),
    "dropout layer": (lambda: nn.Dropout(1.5), ValueError, "Dropout: p", "1.5", "between 0 and 1"),
    "batch of one": (lambda: nn.BatchNorm1d(3)(t(1, 3)), ValueError, "batch_norm: training needs more", r"\(1, 3\)", r"eval\(\)"),
    "batch norm channels": (
        lambda: nn.BatchNorm2d(3)(t(2, 4, 2, 2)), RuntimeError, "batch_norm: running_mean", "4 channels", r"must be \(4,\)",
    ),
    "layer norm": (lambda: nn.LayerNorm(4)(t(2, 3)), RuntimeError, "layer_norm", r"\(2, 3\).*\(4,\)", "must end in"),
    "groups": (lambda: nn.GroupNorm(3, 4), ValueError, "GroupNorm", "4 channels, 3 groups", "divisible"),
    "in-place dtype": (lambda: tl.tensor([1, 2]).add_(0.5), RuntimeError, "add_: the result is float32", "int64", "out-of-place"),
    "misspelt attribute": (lambda: nn.Linear(1, 1).wieght, AttributeError, "Linear", "'wieght'", "did you mean weight"),
    "module list": (lambda: nn.Sequential(3), TypeError, "register_module", "'0'.*int", "pass a module"),
    "parameter assigned a tensor": (
        lambda: setattr(nn.Linear(1, 1), "weight", t(1, 1)), TypeError, r"Linear\.weight", "Tensor", r"nn\.Parameter",
    ),
    "parameter name": (
        lambda: nn.Linear(1, 1).register_parameter("a.b", None), (ValueError, KeyError), "register_parameter", "'a.b'", "rename",
    ),
    "no forward": (lambda: nn.Module()(1), NotImplementedError, "Module: has no forward", "", r"define forward\(self"),
    "integer module": (lambda: nn.Linear(1, 1).to(tl.int64), (TypeError, ValueError), "to: modules", "int64", "float32 or float64"),
    "state dict type": (
        lambda: nn.Linear(1, 1).load_state_dict(3), TypeError, "load_state_dict: expected a dict", "int", r"state_dict\(\)",
    ),
    "negative lr": (lambda: optim.Adam([t(2, grad=True)], lr=-1.0), ValueError, "Adam: lr", "-1.0", "from 0 up"),
    "nan lr": (lambda: optim.SGD([t(2, grad=True)], lr=float("nan")), ValueError, "SGD: lr", "nan", "from 0 up"),
    "betas": (lambda: optim.Adam([t(2, grad=True)], betas=(1.5, 0.9)), ValueError, "Adam: betas", r"1\.5", r"\[0, 1\)"),
    "one parameter": (lambda: optim.SGD(t(2, grad=True), lr=0.1), TypeError, "SGD: params", "one tensor", r"\[tensor\]"),
    "optimizer of a module": (lambda: optim.SGD(nn.Linear(1, 1), lr=0.1), TypeError, "SGD: params", "Linear", r"model\.parameters\(\)"),
    "optimizer state": (
        lambda: optim.SGD([t(2, grad=True)], lr=0.1).load_state_dict({"state": {}, "param_groups": []}), RuntimeError, "load_state_dict",
        "0 parameter group", "groups it was saved with",
    ),
    "schedule of a number": (lambda: optim.lr_scheduler.StepLR(3, 1), TypeError, "StepLR: needs an optimizer", "int", r"tl\.optim"),
    "batch size": (lambda: DataLoader([1, 2], batch_size=0), ValueError, "batch_size", "0", "positive integer"),
    "sampler and shuffle": (
        lambda: DataLoader([1, 2], batch_size=2, sampler=[0], shuffle=True), ValueError, "DataLoader", "sampler and shuffle",
        "the sampler says the order",
    ),
    "no data set": (lambda: DataLoader(3), TypeError, "DataLoader: needs a data set", "int", "__getitem__"),
    "data set sizes": (
        lambda: TensorDataset(t(3), t(4)), RuntimeError, "TensorDataset: the lengths differ", r"\(3,\), \(4,\)", "must be equal",
    ),
    "data set index": (lambda: TensorDataset(t(3))[5], IndexError, "index 5 is out of range", r"\(3,\)", "from -3 to 2"),
    "save of an object": (
        lambda tmp_path: tl.save({"a": object()}, tmp_path / "x"), TypeError, "save", r"\['a'\].*object", "store tensors",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD_CALLS)
def test_message_names_operation_facts_and_fix(name, tmp_path):
    check(BAD_CALLS[name], tmp_path)


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
