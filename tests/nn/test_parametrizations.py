"""Orthogonal matrices, weight and spectral norm, as parametrizations and by hooks: beside PyTorch in values, gradients and states."""

from __future__ import annotations

import copy
import warnings

import numpy as np
import pytest

import tensorflowlite_clone as tl
from tensorflowlite_clone import nn
from tensorflowlite_clone.nn import utils
from tensorflowlite_clone.nn.utils import parametrizations as Z
from tensorflowlite_clone.nn.utils import parametrize as P
from tensorflowlite_clone.nn.utils.spectral_norm import SpectralNorm

MAPS = ("matrix_exp", "cayley", "householder")


def quietly(f, *args, **kwargs):
    """The older forms warn."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        return f(*args, **kwargs)


def with_weight(T, w):
    """A module with this weight alone."""
    m = T.nn.Module()
    m.register_parameter("weight", T.nn.Parameter(T.tensor(w)))
    return m


def load(ours, theirs):
    ours.load_state_dict({k: v.numpy() for k, v in theirs.state_dict().items()})


def compare(ours, theirs, torch, value=None):
    """State, weight and the gradients of a function of it."""
    a, b = ours.state_dict(), theirs.state_dict()
    assert [*a] == [*b]
    for key in a:
        np.testing.assert_allclose(a[key].numpy(), b[key].numpy(), atol=1e-10, err_msg=key)
    results = [m.weight if value is None else value(T, m) for T, m in ((tl, ours), (torch, theirs))]
    np.testing.assert_allclose(results[0].numpy(force=True), results[1].detach().numpy(), atol=1e-10)
    for T, m, w in ((tl, ours, results[0]), (torch, theirs, results[1])):
        m.zero_grad()
        factors = T.tensor(np.cos(np.arange(w.numel())).reshape(w.shape))
        total = (factors * w).sum() + (w**3).sum()
        (total.real if w.dtype.is_complex else total).backward()
    for (name, p), (_, q) in zip(ours.named_parameters(), theirs.named_parameters(), strict=True):
        np.testing.assert_allclose(p.grad.numpy(), q.grad.numpy(), atol=1e-9, err_msg=name)


# ---- orthogonal -----------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("trivial", [True, False])
@pytest.mark.parametrize("shape", [(4, 4), (5, 3), (3, 5), (2, 4, 3), (2, 3, 3), (1, 1)])
@pytest.mark.parametrize("name", MAPS)
@pytest.mark.parametrize("dtype", ["f8", "c16"])
def test_orthogonal_equals_torch(name, shape, trivial, dtype):
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(1)
    w = rng.normal(size=shape).astype(dtype)
    w = w + 1j * rng.normal(size=shape) if dtype == "c16" else w
    ours, theirs = with_weight(tl, w), with_weight(torch, w)
    if dtype == "c16" and name == "householder":
        with pytest.raises(ValueError, match="orthogonal: householder is for real matrices"):
            Z.orthogonal(ours, orthogonal_map=name)
        return
    Z.orthogonal(ours, orthogonal_map=name, use_trivialization=trivial)
    torch.nn.utils.parametrizations.orthogonal(theirs, orthogonal_map=name, use_trivialization=trivial)
    q = ours.weight.numpy(force=True)
    tall = q if shape[-2] >= shape[-1] else np.swapaxes(q, -1, -2)
    gram = np.conj(np.swapaxes(tall, -1, -2)) @ tall
    np.testing.assert_allclose(gram, np.broadcast_to(np.eye(tall.shape[-1]), gram.shape), atol=1e-12)
    if shape[-2] == shape[-1] or not trivial:
        compare(ours, theirs, torch)
    start = rng.normal(size=shape) if name != "householder" else theirs.parametrizations.weight.original.detach().numpy() + np.tril(
        rng.normal(size=shape), -1) + np.triu(rng.normal(size=shape), 1)  # fmt: skip
    with torch.no_grad():
        theirs.parametrizations.weight.original.copy_(torch.tensor(start))
    load(ours, theirs)  # the base too, which is completed at random
    compare(ours, theirs, torch)


@pytest.mark.parametrize("name", MAPS)
def test_an_orthogonal_value_can_be_assigned(name):
    torch = pytest.importorskip("torch")
    q = np.linalg.qr(np.random.default_rng(2).normal(size=(3, 3)))[0]
    ours, theirs = with_weight(tl, np.eye(3)), with_weight(torch, np.eye(3))
    for T, m in ((tl, ours), (torch, theirs)):
        T.nn.utils.parametrizations.orthogonal(m, orthogonal_map=name)
        m.weight = T.tensor(q)
    np.testing.assert_allclose(ours.weight.numpy(force=True), q, atol=1e-12)
    compare(ours, theirs, torch)


def test_orthogonal_by_default():
    assert Z.orthogonal(nn.Linear(3, 3)).parametrizations.weight[0].orthogonal_map == "matrix_exp"
    assert Z.orthogonal(nn.Linear(3, 4)).parametrizations.weight[0].orthogonal_map == "householder"


@pytest.mark.parametrize(
    ("act", "error", "message"),
    [
        (lambda m: Z.orthogonal(m, "bias"), ValueError, r"needs a matrix or a stack of matrices: 'bias' is \(3,\)"),
        (lambda m: Z.orthogonal(m, "nothing"), ValueError, "Linear has no parameter and no buffer 'nothing'"),
        (lambda m: Z.orthogonal(m, orthogonal_map="expm"), ValueError, "orthogonal_map must be one of 'matrix_exp', 'cayley'"),
        (lambda m: setattr(Z.orthogonal(m), "weight", tl.ones(2, 2)), ValueError, r"must have the shape \(3, 2\): it has \(2, 2\)"),
        (lambda m: setattr(Z.orthogonal(m, orthogonal_map="cayley", use_trivialization=False), "weight", tl.ones(3, 2)),
         NotImplementedError, "cayley has no inverse without trivialization"),
        (lambda m: Z.spectral_norm(m, n_power_iterations=0), ValueError, "n_power_iterations must be at least 1"),
        (lambda m: Z.spectral_norm(m, dim=2), IndexError, "dim must be from -2 to 1: got 2"),
        (lambda m: Z.spectral_norm(m, "nothing"), ValueError, "no parameter and no buffer 'nothing'"),
        (lambda m: Z.weight_norm(m, "nothing"), ValueError, "no parameter and no buffer 'nothing'"),
        (lambda m: Z.weight_norm(m, dim=5), IndexError, "dim must be from -2 to 1: got 5"),
        (lambda m: Z.weight_norm(m, dim=1.5), TypeError, "dim must be an integer: got float 1.5"),
        (lambda m: utils.spectral_norm(m, n_power_iterations=0), ValueError, "n_power_iterations must be at least 1"),
        (lambda m: utils.spectral_norm(utils.spectral_norm(m)), RuntimeError, r"Linear\.weight has a spectral norm already"),
        (lambda m: utils.remove_spectral_norm(m), ValueError, r"Linear\.weight has no spectral norm"),
        (lambda m: quietly(utils.weight_norm, quietly(utils.weight_norm, m)), RuntimeError, r"Linear\.weight has a weight norm already"),
        (lambda m: utils.remove_weight_norm(m), ValueError, r"Linear\.weight has no weight norm"),
        (lambda m: utils.spectral_norm(m, "nothing"), AttributeError, "no attribute 'nothing'"),
        (lambda m: utils.spectral_norm(m, "training"), ValueError, "must be a parameter: it is bool"),
    ],
)  # fmt: skip
def test_mistakes_are_explained(act, error, message):
    with pytest.raises(error, match=message):
        act(nn.Linear(2, 3))


# ---- weight norm ----------------------------------------------------------------------------------------------------------------
SHAPES = [((3, 4), 0), ((3, 4), 1), ((3, 4), -2), ((3, 4), -1), ((3, 4), None), ((2, 3, 4), 0), ((2, 3, 4), 1),
          ((2, 3, 4), 2), ((4,), 0), ((2, 3, 2, 2), None)]  # fmt: skip


@pytest.mark.parametrize(("shape", "dim"), SHAPES)
def test_weight_norm_equals_torch(shape, dim):
    torch = pytest.importorskip("torch")
    w = np.random.default_rng(4).normal(size=shape)
    ours, theirs = with_weight(tl, w), with_weight(torch, w)
    Z.weight_norm(ours, dim=dim)
    torch.nn.utils.parametrizations.weight_norm(theirs, dim=dim)
    compare(ours, theirs, torch)
    ours.weight, theirs.weight = tl.tensor(w + 1), torch.tensor(w + 1)
    compare(ours, theirs, torch)
    P.remove_parametrizations(ours, "weight")
    torch.nn.utils.parametrize.remove_parametrizations(theirs, "weight")
    compare(ours, theirs, torch)


@pytest.mark.parametrize(("shape", "dim"), SHAPES)
def test_older_weight_norm_equals_torch(shape, dim):
    torch = pytest.importorskip("torch")
    w = np.random.default_rng(5).normal(size=shape)
    ours, theirs = with_weight(tl, w), with_weight(torch, w)
    for m in (ours, theirs):
        m.forward = lambda *args: 0
    with pytest.warns(FutureWarning, match=r"use nn\.utils\.parametrizations\.weight_norm") as seen:
        utils.weight_norm(ours, dim=dim)
    assert seen[0].filename == __file__
    quietly(torch.nn.utils.weight_norm, theirs, dim=dim)
    compare(ours, theirs, torch)
    with torch.no_grad():
        theirs.weight_g.mul_(2.0)
    load(ours, theirs)
    ours(), theirs()  # the hooks compute the weight
    compare(ours, theirs, torch)
    new = Z.weight_norm(with_weight(tl, w), dim=dim)
    load(new, theirs)  # the newer form loads states of the older
    np.testing.assert_allclose(new.weight.numpy(force=True), ours.weight.numpy(force=True), atol=1e-12)
    utils.remove_weight_norm(ours)
    torch.nn.utils.remove_weight_norm(theirs)
    compare(ours, theirs, torch)
    assert not ours._hooks.before


# ---- spectral norm --------------------------------------------------------------------------------------------------------------
LAYERS = [
    lambda T: T.nn.Linear(4, 3, dtype=T.float64), lambda T: T.nn.Conv2d(2, 3, 2, dtype=T.float64),
    lambda T: T.nn.Conv1d(2, 4, 3, dtype=T.float64),
    lambda T: T.nn.ConvTranspose2d(2, 3, 2, dtype=T.float64), lambda T: T.nn.ConvTranspose1d(2, 3, 2, dtype=T.float64),
]  # fmt: skip
FORMS = {"parametrization": lambda T: T.nn.utils.parametrizations.spectral_norm, "hook": lambda T: T.nn.utils.spectral_norm}


def inputs(T, layer):
    shape = {"Linear": (2, 4), "Conv1d": (2, 2, 5), "Conv2d": (1, 2, 4, 4), "ConvTranspose1d": (2, 2, 3), "ConvTranspose2d": (1, 2, 3, 3)}
    kind = type(layer).__name__.removeprefix("Parametrized")
    return T.tensor(np.random.default_rng(7).normal(size=shape[kind]))


@pytest.mark.parametrize("options", [{}, {"n_power_iterations": 3}, {"eps": 1e-3}, {"dim": 1}, {"dim": 0}], ids=str)
@pytest.mark.parametrize("make", LAYERS, ids=["linear", "conv2d", "conv1d", "convT2d", "convT1d"])
@pytest.mark.parametrize("form", FORMS)
def test_spectral_norm_equals_torch(form, make, options):
    torch = pytest.importorskip("torch")
    ours, theirs = (FORMS[form](T)(make(T), **options) for T in (tl, torch))
    load(ours, theirs)
    out = lambda T, m: m(inputs(T, m))  # noqa: E731
    compare(ours, theirs, torch, out)  # each call in training goes a step further
    compare(ours, theirs, torch, out)
    for T, m in ((tl, ours), (torch, theirs)):  # two calls, one gradient
        m.zero_grad()
        (out(T, m).sum() - (out(T, m) ** 2).sum()).backward()
    for (name, p), (_, q) in zip(ours.named_parameters(), theirs.named_parameters(), strict=True):
        np.testing.assert_allclose(p.grad.numpy(), q.grad.numpy(), atol=1e-9, err_msg=name)
    ours.eval(), theirs.eval()
    compare(ours, theirs, torch, out)
    theirs.load_state_dict({k: torch.tensor(v.numpy()) for k, v in ours.state_dict().items()})
    remove = {
        "hook": lambda T, m: T.nn.utils.remove_spectral_norm(m),
        "parametrization": lambda T, m: T.nn.utils.parametrize.remove_parametrizations(m, "weight"),
    }[form]
    remove(tl, ours), remove(torch, theirs)
    compare(ours, theirs, torch, out)


@pytest.mark.parametrize("form", FORMS)
def test_spectral_norm_starts_at_random_unit_vectors_and_converges(form):
    tl.manual_seed(0)
    layer = FORMS[form](tl)(nn.Linear(6, 5))
    u, v = (b for _, b in layer.named_buffers())
    assert u.shape == (5,) and v.shape == (6,)
    np.testing.assert_allclose([u.norm().item(), v.norm().item()], 1.0, rtol=1e-5)
    for _ in range(200):
        layer(tl.zeros(6))
    assert np.linalg.norm(layer.weight.numpy(force=True), 2) == pytest.approx(1.0, rel=1e-4)
    with tl.no_grad():  # what a hook has computed on the tape cannot be copied, as in PyTorch
        layer(tl.zeros(6))
    other = copy.deepcopy(layer)
    other(tl.ones(6))
    assert all(b is not c for (_, b), (_, c) in zip(layer.named_buffers(), other.named_buffers(), strict=True))


def test_a_vector_is_normalised():
    torch = pytest.importorskip("torch")
    w = np.array([3.0, 4.0])
    ours, theirs = with_weight(tl, w), with_weight(torch, w)
    Z.spectral_norm(ours)
    torch.nn.utils.parametrizations.spectral_norm(theirs)
    compare(ours, theirs, torch)
    assert ours.weight.tolist() == [0.6, 0.8]


def test_a_state_of_before_version_1_is_loaded():
    torch = pytest.importorskip("torch")
    ours, theirs = (T.nn.utils.spectral_norm(T.nn.Linear(4, 3, dtype=T.float64)) for T in (tl, torch))
    for _ in range(50):
        theirs(torch.ones(4, dtype=torch.float64))
    theirs.eval()(torch.ones(4, dtype=torch.float64))
    old = {k: v.clone() for k, v in theirs.state_dict().items()}
    old["weight"] = theirs.weight.detach().clone()
    del old["weight_v"]
    ours.load_state_dict({k: v.numpy() for k, v in old.items()})
    theirs.load_state_dict(old)
    ours.eval(), theirs.eval()
    x = np.linspace(0, 1, 4)
    np.testing.assert_allclose(ours(tl.tensor(x)).numpy(force=True), theirs(torch.tensor(x)).detach().numpy(), atol=1e-10)
    with pytest.raises(RuntimeError, match="missing: weight_v"):
        ours.load_state_dict({k: v.numpy() for k, v in old.items() if k != "weight"})


def test_the_parameter_of_the_optimizer_is_kept_by_the_hook():
    layer = nn.Linear(3, 2)
    weight = layer.weight
    utils.spectral_norm(layer)
    assert layer.weight_orig is weight and isinstance(next(iter(layer._hooks.before.values())).function, SpectralNorm)
    utils.remove_spectral_norm(layer)
    assert isinstance(layer.weight, nn.Parameter) and not layer._hooks.before and not layer._hooks.load_before
    assert [*layer.state_dict()] == ["bias", "weight"]


@pytest.mark.parametrize("make", [Z.orthogonal, Z.weight_norm, Z.spectral_norm])
def test_transforms(make):
    """An ensemble by `vmap`, and gradients by `func.grad`, equal what the modules give one by one."""
    tl.manual_seed(1)
    models = [make(nn.Linear(3, 3, dtype=tl.float64)).eval() for _ in range(3)]
    params, buffers = tl.func.stack_module_state(models)
    x = tl.randn(2, 3, dtype=tl.float64)

    def loss(p, b):
        return tl.func.functional_call(models[0], (p, b), x).sin().sum()

    grads = tl.func.vmap(tl.func.grad(loss))(params, buffers)
    for i, m in enumerate(models):
        m(x).sin().sum().backward()
        for name, p in m.named_parameters():
            np.testing.assert_allclose(grads[name].numpy(force=True)[i], p.grad.numpy(), atol=1e-12)
    if make is Z.spectral_norm:  # in training the vectors of the power method move, in the dict that was given
        models[0].train()
        p, b = ({k: v.detach()[0] for k, v in table.items()} for table in (params, buffers))
        moved = {k: v.clone() for k, v in b.items()}

        def step(p):
            return tl.func.functional_call(models[0], (p, moved), x).sum()

        tl.func.vjp(step, p)
        models[0](x)
        np.testing.assert_allclose(moved["parametrizations.weight.0._u"].numpy(), models[0].parametrizations.weight[0]._u.numpy())


def test_the_old_spectral_norm_says_the_version_of_its_state():
    torch = pytest.importorskip("torch")
    found = []
    for T in (tl, torch):
        layer = T.nn.Sequential(T.nn.utils.spectral_norm(T.nn.Linear(3, 2)))
        found.append(dict(layer.state_dict(prefix="a.")._metadata))
        T.nn.utils.remove_spectral_norm(layer[0])
        found[-1]["after"] = dict(layer.state_dict()._metadata)
    assert found[0] == found[1]
