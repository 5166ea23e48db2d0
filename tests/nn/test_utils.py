"""Gradient clipping, parameters as vectors, fused layers, modules without initial values: against PyTorch."""

from __future__ import annotations

import importlib
import inspect
import math

import numpy as np
import pytest

import tensorflowlite_clone as tl
from tensorflowlite_clone import nn
from tensorflowlite_clone.nn import utils

SHAPES = [(3, 2), (), (4,), (0,)]


def gradients(scale=1.0):
    rng = np.random.default_rng(2)
    return [np.array(scale * rng.normal(size=s)) for s in SHAPES]


def pairs(grads):
    torch = pytest.importorskip("torch")
    mine, other = [], []
    for g in grads:
        p, q = tl.Tensor(np.zeros(g.shape), requires_grad=True), torch.zeros(g.shape, dtype=torch.float64, requires_grad=True)
        p.grad, q.grad = tl.Tensor(g.copy()), torch.tensor(g)
        mine.append(p)
        other.append(q)
    return [*mine, tl.ones(2, requires_grad=True)], [*other, torch.ones(2, requires_grad=True)], torch


def compare(mine, other):
    for p, q in zip(mine, other, strict=True):
        assert (p.grad is None) == (q.grad is None)
        if p.grad is not None:
            np.testing.assert_allclose(p.grad.numpy(), q.grad.numpy(), rtol=1e-12)


@pytest.mark.parametrize("norm_type", [2.0, 1.0, 3.0, 0.5, math.inf])
@pytest.mark.parametrize("max_norm", [0.5, 1.0, 100.0, math.inf])
def test_clip_grad_norm_equals_torch(norm_type, max_norm):
    mine, other, torch = pairs(gradients()[: 3 if norm_type == math.inf else 4])
    a = utils.clip_grad_norm_(mine, max_norm, norm_type)
    b = torch.nn.utils.clip_grad_norm_(other, max_norm, norm_type)
    assert a.item() == pytest.approx(b.item(), rel=1e-12) and a.dtype == np.float64
    compare(mine, other)


@pytest.mark.parametrize("value", [math.nan, math.inf, 1e200])
def test_clip_grad_norm_of_what_is_not_finite(value):
    grads = gradients()
    grads[0][0, 0] = value
    mine, other, torch = pairs(grads)
    a, b = utils.clip_grad_norm_(mine, 1.0), torch.nn.utils.clip_grad_norm_(other, 1.0)
    np.testing.assert_equal(a.item(), b.item())  # the squares of 1e200 overflow in both
    compare(mine, other)
    grads[0][0, 0] = math.nan
    mine, _, _ = pairs(grads)
    with pytest.raises(RuntimeError, match="clip_grad_norm_: the norm of the gradients is nan"):
        utils.clip_grad_norm_(mine, 1.0, error_if_nonfinite=True)
    assert not np.isnan(mine[1].grad.numpy())  # unchanged


def test_clip_grad_norm_of_one_tensor_and_of_none():
    p = tl.zeros(2, requires_grad=True)
    assert utils.clip_grad_norm_(p, 1.0).item() == 0.0 and utils.clip_grad_norm_([], 1.0).item() == 0.0
    (p * 3).sum().backward()
    utils.clip_grad_norm_(p, 1.0)
    np.testing.assert_allclose(p.grad.numpy(), 1 / math.sqrt(2), rtol=1e-5)
    assert p.grad.dtype == np.float32


def test_clip_grad_value_equals_torch():
    mine, other, torch = pairs(gradients(3.0))
    utils.clip_grad_value_(mine, 1.0)
    torch.nn.utils.clip_grad_value_(other, 1.0)
    compare(mine, other)


@pytest.mark.parametrize("norm_type", [2.0, 1, "inf", math.inf])
def test_clipping_in_two_steps_equals_torch(norm_type):
    mine, other, torch = pairs(gradients()[:3])
    a = utils.get_total_norm([p.grad for p in mine if p.grad is not None], norm_type)
    b = torch.nn.utils.get_total_norm([p.grad for p in other if p.grad is not None], norm_type)
    assert a.item() == pytest.approx(b.item(), rel=1e-12) and a.dtype == np.float64 and not a.requires_grad
    for max_norm in (100.0, "0.5", 0.5):
        utils.clip_grads_with_norm_(mine, max_norm, a)
        torch.nn.utils.clip_grads_with_norm_(other, max_norm, b)
        compare(mine, other)
    assert utils.get_total_norm([]).item() == 0.0
    with pytest.raises(RuntimeError, match="get_total_norm: the norm of the gradients is inf"):
        utils.get_total_norm(tl.tensor([math.inf]), error_if_nonfinite=True)


def test_the_older_name_and_an_empty_generator_warn():
    mine, other, torch = pairs(gradients())
    with pytest.warns(FutureWarning, match="clip_grad_norm: is an older name; use clip_grad_norm_") as seen:
        a = utils.clip_grad_norm(mine, 0.5)
    assert seen[0].filename == __file__
    with pytest.warns(FutureWarning):
        b = torch.nn.utils.clip_grad_norm(other, 0.5)
    assert a.item() == pytest.approx(b.item())
    compare(mine, other)
    model = nn.Linear(2, 2)
    parameters = model.parameters()
    list(parameters)
    with pytest.warns(UserWarning, match="the generator of parameters gave none"):
        utils.clip_grad_norm_(parameters, 1.0)


MODULES = [
    "",
    ".parametrize",
    ".parametrizations",
    ".prune",
    ".stateless",
    ".clip_grad",
    ".convert_parameters",
    ".fusion",
    ".memory_format",
]


@pytest.mark.parametrize("where", MODULES)
def test_names_and_signatures_are_those_of_torch(where):
    pytest.importorskip("torch")
    ours, theirs = (importlib.import_module(f"{package}.nn.utils{where}") for package in ("tensorflowlite_clone", "torch"))
    compared = 0
    for name in ours.__all__:
        if inspect.ismodule(getattr(ours, name)) or name in ("cached", "clip_grads_with_norm_", "get_total_norm"):
            continue  # PyTorch has the last two in another file under other names
        f, g = getattr(ours, name), getattr(theirs, name)
        kinds = [inspect.signature(inspect.unwrap(h)).parameters.values() for h in (f, g)]
        a, b = ([(p.name, p.default, p.kind) for p in ps] for ps in kinds)
        assert a == b, name
        compared += 1
    assert compared
    assert {*getattr(theirs, "__all__", ())} <= {*dir(ours), "rnn", "T_module", *(n for n in dir(theirs) if n.startswith("_"))}


def test_modules_are_imported_as_in_torch():
    from tensorflowlite_clone.nn.utils import clip_grad, fusion, memory_format, parametrizations, parametrize, prune, stateless  # noqa: F401
    from tensorflowlite_clone.nn.utils.fusion import fuse_conv_bn_eval
    from tensorflowlite_clone.nn.utils.parametrizations import orthogonal  # noqa: F401
    from tensorflowlite_clone.nn.utils.spectral_norm import SpectralNorm, spectral_norm  # noqa: F401
    from tensorflowlite_clone.nn.utils.weight_norm import WeightNorm, weight_norm

    assert nn.utils.weight_norm is weight_norm and WeightNorm is not None  # the function, though the file has its name
    assert nn.utils.fuse_conv_bn_eval is fuse_conv_bn_eval and nn.utils.parametrizations.orthogonal is parametrizations.orthogonal


# ---- fused layers ---------------------------------------------------------------------------------------------------------------
FUSED = [
    (lambda n, b: n.Conv1d(2, 3, 2, bias=b), lambda n: n.BatchNorm1d(3), False, (2, 2, 5)),
    (lambda n, b: n.Conv2d(2, 4, 3, groups=2, bias=b, padding=1), lambda n: n.BatchNorm2d(4, eps=1e-2), False, (2, 2, 5, 5)),
    (lambda n, b: n.Conv3d(1, 2, 2, bias=b), lambda n: n.BatchNorm3d(2, affine=False), False, (1, 1, 3, 3, 3)),
    (lambda n, b: n.ConvTranspose1d(2, 3, 2, bias=b), lambda n: n.BatchNorm1d(3), True, (2, 2, 5)),
    (lambda n, b: n.ConvTranspose2d(2, 3, 2, bias=b), lambda n: n.BatchNorm2d(3), True, (2, 2, 5, 5)),
    (lambda n, b: n.Linear(3, 4, bias=b), lambda n: n.BatchNorm1d(4), None, (5, 3)),
    (lambda n, b: n.Linear(3, 1, bias=b), lambda n: n.BatchNorm1d(1), None, (5, 3)),
]


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("case", FUSED, ids=["conv1d", "conv2d", "conv3d", "convT1d", "convT2d", "linear", "one"])
def test_fused_layers_equal_both_and_torch(case, bias):
    torch = pytest.importorskip("torch")
    make, norm, transpose, shape = case
    rng = np.random.default_rng(6)
    results = []
    ours, theirs = make(nn, bias).double(), make(torch.nn, bias).double()
    bn, other = norm(nn).double(), norm(torch.nn).double()
    for m in (theirs, other):
        with torch.no_grad():
            for t in m.state_dict().values():
                t.copy_(torch.tensor(rng.random(tuple(t.shape)) + 0.5) if t.is_floating_point() else t)
    ours.load_state_dict({k: v.numpy() for k, v in theirs.state_dict().items()})
    bn.load_state_dict({k: v.numpy() for k, v in other.state_dict().items()})
    x = rng.normal(size=shape)
    for T, m, b in ((tl, ours, bn), (torch, theirs, other)):
        m.eval(), b.eval()
        m.weight.requires_grad_(False)
        fuse = T.nn.utils.fuse_linear_bn_eval if transpose is None else T.nn.utils.fuse_conv_bn_eval
        fused = fuse(m, b) if not transpose else fuse(m, b, transpose=True)
        assert fused is not m and type(fused) is type(m) and not fused.weight.requires_grad and fused.bias.requires_grad == bias
        np.testing.assert_allclose(fused(T.tensor(x)).detach().numpy(), b(m(T.tensor(x))).detach().numpy(), atol=1e-12)
        results.append({k: v.numpy() for k, v in fused.state_dict().items()})
    assert [*results[0]] == [*results[1]]
    for key, value in results[0].items():
        np.testing.assert_allclose(value, results[1][key], atol=1e-12)
        assert value.dtype == results[1][key].dtype


def test_fusing_is_for_evaluation():
    with pytest.raises(ValueError, match="fuse_conv_bn_eval: both layers must be in evaluation mode: Conv2d is in training"):
        utils.fuse_conv_bn_eval(nn.Conv2d(1, 1, 1), nn.BatchNorm2d(1).eval())
    with pytest.raises(ValueError, match="BatchNorm1d has no running statistics"):
        utils.fuse_linear_bn_eval(nn.Linear(1, 1).eval(), nn.BatchNorm1d(1, track_running_stats=False).eval())
    with pytest.raises(ValueError, match="must have a feature for each of the 3 output channels"):
        utils.fuse_linear_bn_eval(nn.Linear(1, 3).eval(), nn.BatchNorm1d(2).eval())


# ---- the rest ---------------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("make", [nn.Linear, nn.Bilinear, nn.Conv2d, nn.Embedding, nn.BatchNorm2d], ids=lambda c: c.__name__)
def test_skip_init_draws_nothing(make):
    args = (3, 4, 2)[: {"Bilinear": 3, "Conv2d": 3, "BatchNorm2d": 1}.get(make.__name__, 2)]
    state = tl.get_rng_state().tolist()
    module = utils.skip_init(make, *args, dtype=tl.float64)
    assert tl.get_rng_state().tolist() == state
    made = make(*args, dtype=tl.float64)
    assert type(module) is make and repr(module) == repr(made)
    assert {k: v.shape for k, v in module.state_dict().items()} == {k: v.shape for k, v in made.state_dict().items()}
    made.load_state_dict(module.state_dict())
    assert make is nn.BatchNorm2d or tl.get_rng_state().tolist() != state  # everybody else is initialised as ever


def test_memory_formats_are_accepted():
    net = nn.Sequential(nn.Conv2d(2, 3, 2), nn.ConvTranspose3d(2, 3, 1))
    weight = net[0].weight
    weight.data = weight.detach().permute(0, 2, 3, 1).contiguous().permute(0, 3, 1, 2)
    assert not weight.is_contiguous()
    assert utils.convert_conv3d_weight_memory_format(net, tl.contiguous_format) is net and not weight.is_contiguous()
    assert utils.convert_conv2d_weight_memory_format(net, tl.contiguous_format) is net and weight.is_contiguous()
    assert net[0].weight is weight


def test_the_older_functional_call_warns():
    layer = nn.Linear(2, 1)
    values = {"weight": tl.ones(1, 2), "bias": tl.zeros(1)}
    with pytest.warns(FutureWarning, match=r"use func\.functional_call"):
        out = utils.stateless.functional_call(layer, values, tl.ones(2))
    assert out.item() == 2.0


def test_parameters_as_one_vector_and_back():
    net = nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 1))
    vector = utils.parameters_to_vector(net.parameters())
    assert vector.shape == (13,)
    np.testing.assert_array_equal(vector.numpy(force=True)[:6], net[0].weight.numpy(force=True).ravel())
    (vector * vector).sum().backward()
    np.testing.assert_allclose(net[1].bias.grad.numpy(), 2 * net[1].bias.numpy(force=True))
    vector = tl.arange(13.0)
    utils.vector_to_parameters(vector, net.parameters())
    assert np.shares_memory(net[0].weight.array, vector.array) and net[1].bias.tolist() == [12.0] and net[0].weight.requires_grad
    with pytest.raises(RuntimeError, match="vector_to_parameters: the vector has 12 elements, the parameters 13"):
        utils.vector_to_parameters(tl.arange(12.0), net.parameters())
    with pytest.raises(ValueError, match="parameters_to_vector: got no parameters"):
        utils.parameters_to_vector([])


def test_the_norm_of_gradients_of_several_precisions_is_the_widest():
    single, double = nn.Parameter(tl.ones(2)), nn.Parameter(tl.ones(2, dtype=tl.float64))
    for order in ([single, double], [double, single]):
        single.grad, double.grad = tl.ones(2), tl.ones(2, dtype=tl.float64)
        total = utils.clip_grad_norm_(order, 1.0)
        assert total.dtype == tl.float64
        assert total.item() == 2.0
        assert (single.grad.dtype, double.grad.dtype) == (tl.float32, tl.float64)
