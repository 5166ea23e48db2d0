"""`functional_call` and `stack_module_state`: replacing, restoring, tied weights, names, threads, ensembles."""

from __future__ import annotations

import importlib
import threading

import numpy as np
import pytest

import tensorflowlite_clone as tl
from tensorflowlite_clone._errors import ArgumentError, OperandError, ShapeError, StateDictError
from tensorflowlite_clone.func import functional_call, grad, hvp, jacfwd, jacrev, jvp, linearize, stack_module_state, vjp, vmap

nn = tl.nn


class Tied(nn.Module):
    """Two layers that share one weight, and a buffer that the call replaces."""

    def __init__(self):
        super().__init__()
        self.first = nn.Linear(3, 3, bias=False)
        self.second = nn.Linear(3, 3)
        self.second.weight = self.first.weight
        self.register_buffer("calls", tl.zeros(()))

    def forward(self, x, fail=False):
        self.calls = self.calls + 1.0
        if fail:
            raise ZeroDivisionError
        return self.second(self.first(x))


@pytest.fixture
def model():
    tl.manual_seed(0)
    return Tied()


X = tl.tensor(np.random.default_rng(0).normal(size=(4, 3)).astype("f4"))
ONES = tl.ones(3, 3)


def entries(module):
    return [id(v) for v in (*module.parameters(), *module.buffers())]


def near(a, b, tolerance=1e-5):
    np.testing.assert_allclose(np.asarray(a), np.asarray(b), rtol=tolerance, atol=tolerance)


def test_values_are_replaced_for_the_call_only(model):
    before = entries(model)
    out = functional_call(model, {"first.weight": ONES, "second.bias": tl.zeros(3)}, (X,))
    near(out, X.numpy() @ np.ones((3, 3)) @ np.ones((3, 3)))
    assert entries(model)[:2] == before[:2]
    assert isinstance(model.first.weight, nn.Parameter)
    assert model.second.weight is model.first.weight


def test_what_is_not_named_keeps_its_value(model):
    near(functional_call(model, {}, X).detach(), model(X).detach())


def test_everything_is_restored_when_the_call_fails(model):
    before = entries(model)
    with pytest.raises(ZeroDivisionError):
        functional_call(model, {"first.weight": ONES, "calls": tl.ones(())}, (X,), {"fail": True})
    assert entries(model) == before
    assert model.calls.item() == 0.0


def test_a_replaced_buffer_is_handed_back_in_the_dict(model):
    buffers = {"calls": tl.tensor(5.0)}
    functional_call(model, ({"first.weight": ONES}, buffers), X)
    assert buffers["calls"].item() == 6.0
    assert model.calls.item() == 0.0


def test_arguments_as_a_tuple_alone_or_by_name(model):
    values = {"first.weight": ONES}
    expected = functional_call(model, values, (X,)).detach()
    near(functional_call(model, values, X).detach(), expected)
    near(functional_call(model, values, None, {"x": X}).detach(), expected)
    near(functional_call(nn.Identity(), {}, (X,)), X)


def test_tied_weights(model):
    both = functional_call(model, {"second.weight": ONES, "second.bias": tl.zeros(3)}, X)
    near(both, X.numpy() @ np.ones((3, 3)) @ np.ones((3, 3)))
    one = functional_call(model, {"second.weight": ONES, "second.bias": tl.zeros(3)}, X, tie_weights=False).detach()
    near(one, (X.numpy() @ model.first.weight.detach().numpy().T) @ np.ones((3, 3)))
    near(functional_call(model, {"first.weight": ONES, "second.weight": ONES, "second.bias": tl.zeros(3)}, X), both)
    with pytest.raises(ArgumentError, match=r"'second\.weight' and 'first\.weight' are one tensor in the module but got different"):
        functional_call(model, {"first.weight": ONES, "second.weight": 2 * ONES}, X)
    g = grad(lambda p: functional_call(model, p, X).sum())({"first.weight": ONES})
    w = tl.ones(3, 3, requires_grad=True)
    (X @ w.T @ w.T).sum().backward()
    near(g["first.weight"], w.grad)


def test_names_under_strict(model):
    full = {"first.weight": ONES, "second.bias": tl.zeros(3), "calls": tl.zeros(())}
    functional_call(model, full, X, strict=True)
    functional_call(model, full | {"second.weight": ONES}, X, strict=True)
    functional_call(model, full | {"unknown": ONES}, X)
    with pytest.raises(
        StateDictError, match=r"names do not fit Tied: missing: \['second.bias'\]; unknown: \['third.weight'\]; with strict=True"
    ):
        functional_call(model, {"first.weight": ONES, "calls": tl.zeros(()), "third.weight": ONES}, X, strict=True)
    with pytest.raises(StateDictError, match=r"missing: \['second.weight'\]"):
        functional_call(model, full, X, strict=True, tie_weights=False)


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        ([("first.weight", ONES)], ArgumentError, "parameters and buffers must be a dict or a tuple of dicts: got list; pass dict"),
        (3, ArgumentError, "must be a dict or a tuple of dicts: got int"),
        (
            ({"calls": tl.zeros(())}, {"calls": tl.zeros(())}),
            ArgumentError,
            r"\['calls'\] stand\(s\) in several dicts; give each name once",
        ),
        ({"first.weight": [1.0]}, OperandError, "'first.weight' must be a tensor or an array: got list; make it one with tl.tensor"),
        ({"first.weight": tl.ones(2, 3)}, ShapeError, r"'first.weight' has the wrong shape: it is \(2, 3\), the module's is \(3, 3\)"),
    ],
)
def test_errors_teach(model, given, error, message):
    before = entries(model)
    with pytest.raises(error, match=f"functional_call: .*{message}" if not message.startswith("'") else message):
        functional_call(model, given, X)
    assert entries(model) == before


def test_gradients_flow_to_the_values_given(model):
    w = tl.ones(3, 3, requires_grad=True)
    functional_call(model, {"first.weight": w}, X).sum().backward()
    assert w.grad is not None
    assert model.first.weight.grad is None


def test_gradients_of_all_parameters_equal_those_of_backward():
    tl.manual_seed(1)
    model = nn.Sequential(nn.Linear(3, 5), nn.Tanh(), nn.Linear(5, 2))
    params = {n: p.detach() for n, p in model.named_parameters()}
    g = grad(lambda p: functional_call(model, p, X).pow(2).sum())(params)
    model(X).pow(2).sum().backward()
    for name, p in model.named_parameters():
        near(g[name], p.grad)


def test_threads_do_not_see_each_others_values():
    layer = nn.Linear(1, 1, bias=False)
    wrong = []

    def work(value):
        w = tl.full((1, 1), float(value))
        for _ in range(200):
            found = functional_call(layer, {"weight": w}, tl.ones(1, 1)).item()
            wrong.extend([value] if found != value else [])

    threads = [threading.Thread(target=work, args=(k,)) for k in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not wrong
    assert isinstance(layer.weight, nn.Parameter)


def test_calls_of_one_module_nest():
    class Outer(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = nn.Linear(1, 1, bias=False)

        def forward(self, x, again=False):
            first = functional_call(self, {"inner.weight": tl.full((1, 1), 2.0)}, (x,)) if again else 0.0
            return first + 10.0 * self.inner(x)

    out = functional_call(Outer(), {"inner.weight": tl.full((1, 1), 3.0)}, (tl.ones(1, 1), True))
    assert out.item() == 10.0 * 2.0 + 10.0 * 3.0


# ---- ensembles ------------------------------------------------------------------------------------------------------------------------
def network():
    return nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.ReLU(), nn.Flatten(), nn.Linear(18, 3))


def test_an_ensemble_runs_as_one():
    tl.manual_seed(2)
    models = [network().eval() for _ in range(4)]
    params, buffers = stack_module_state(models)
    assert params["0.weight"].shape == (4, 2, 1, 3, 3)
    assert params["0.weight"].requires_grad
    assert params["0.weight"].is_leaf
    assert buffers["1.running_mean"].shape == (4, 2)
    assert not buffers["1.running_mean"].requires_grad
    x = tl.tensor(np.random.default_rng(1).normal(size=(5, 1, 5, 5)).astype("f4"))
    out = vmap(lambda p, b, x: functional_call(models[0], (p, b), (x,)), in_dims=(0, 0, None))(params, buffers, x)
    for k, m in enumerate(models):
        near(out[k].detach(), m(x).detach())
    out.pow(2).sum().backward()
    for k, m in enumerate(models):
        m(x).pow(2).sum().backward()
        for name, p in m.named_parameters():
            near(params[name].grad[k], p.grad, 1e-4)


def test_computed_parameters_stay_on_the_tape():
    class Computed(nn.Module):
        def __init__(self, w):
            super().__init__()
            self.register_buffer("w", w * 2.0)

    ws = [tl.ones(2, requires_grad=True) for _ in range(3)]
    _, buffers = stack_module_state([Computed(w) for w in ws])
    buffers["w"].sum().backward()
    assert ws[1].grad.tolist() == [2.0, 2.0]


def test_models_that_cannot_be_stacked():
    with pytest.raises(ArgumentError, match="stack_module_state: there are no models: got an empty list"):
        stack_module_state([])
    with pytest.raises(ArgumentError, match=r"must be of one class: got \['Linear', 'ReLU'\]"):
        stack_module_state([nn.Linear(1, 1), nn.ReLU()])
    with pytest.raises(ArgumentError, match="some models are in training mode and some are not"):
        stack_module_state([nn.Linear(1, 1), nn.Linear(1, 1).eval()])
    with pytest.raises(ShapeError, match=r"'weight' has different shapes: \[\(1, 1\), \(1, 2\)\]"):
        stack_module_state([nn.Linear(1, 1), nn.Linear(2, 1)])
    with pytest.raises(ArgumentError, match=r"not every model has the parameter\(s\) \['bias'\]"):
        stack_module_state([nn.Linear(1, 1), nn.Linear(1, 1, bias=False)])
    frozen = nn.Linear(1, 1)
    frozen.weight.requires_grad_(False)
    with pytest.raises(ArgumentError, match="'weight' requires grad in some models only"):
        stack_module_state([nn.Linear(1, 1), frozen])


# ---- batch norm in training ---------------------------------------------------------------------------------------------------------
def batch_normed():
    """A network with batch norm in float64, its parameters, fresh buffers, and inputs (6, 3)."""
    tl.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Tanh(), nn.Linear(4, 1)).double()
    inputs = tl.randn(6, 3, dtype=tl.float64)
    return model, dict(model.named_parameters()), {k: b.clone() for k, b in model.named_buffers()}, inputs


def moved_buffers(model, inputs):
    """What the buffers of ``model`` are after one pass in training."""
    model(inputs)
    return dict(model.named_buffers())


@pytest.mark.parametrize("mode", ["vjp", "jvp", "jacrev", "jacfwd", "hvp", "linearize"])
def test_running_statistics_move_under_derivatives(mode):
    model, params, buffers, x = batch_normed()

    def f(p):
        return functional_call(model, (p, buffers), (x,)).pow(2).sum()

    run = {
        "vjp": lambda: vjp(f, params),
        "jvp": lambda: jvp(f, (params,), (params,)),
        "jacrev": lambda: jacrev(f)(params),
        "jacfwd": lambda: jacfwd(f)(params),
        "hvp": lambda: hvp(f, (params,), (params,)),
        "linearize": lambda: linearize(f, params),
    }
    run[mode]()
    for name, b in moved_buffers(model, x).items():
        near(buffers[name], b)
        assert type(buffers[name]) is tl.Tensor
        assert not buffers[name].requires_grad


def test_running_statistics_of_an_ensemble_move_each_by_themselves():
    models = []
    for seed in range(3):
        tl.manual_seed(seed)
        models.append(nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 1)).double())
    x = tl.randn(6, 3, dtype=tl.float64)
    params, buffers = stack_module_state(models)

    def loss(p, b, x):
        return functional_call(models[0], (p, b), (x,)).pow(2).sum(), b

    grads, moved = vmap(grad(loss, has_aux=True), in_dims=(0, 0, None))(params, buffers, x)
    for k, m in enumerate(models):
        m(x).pow(2).sum().backward()
        for name, b in m.named_buffers():
            near(moved[name][k], b)
            assert not moved[name].requires_grad
        for name, p in m.named_parameters():
            near(grads[name][k].detach(), p.grad)
    twice = vmap(lambda p, b: (functional_call(models[0], (p, b), (x,)), functional_call(models[0], (p, b), (x,)), b)[2])(params, buffers)
    assert twice["1.num_batches_tracked"].tolist() == [2, 2, 2]


def test_running_statistics_of_instance_norm_move_each_by_themselves():
    model = nn.InstanceNorm1d(2, track_running_stats=True).double()
    x = tl.tensor(np.random.default_rng(0).normal(size=(3, 4, 2, 5)))
    _, buffers = stack_module_state([model] * 3)
    moved = vmap(lambda b, x: (functional_call(model, b, (x,)), b)[1])(buffers, x)
    for k in range(3):
        model.reset_running_stats()
        for name, b in moved_buffers(model, x[k]).items():
            near(moved[name][k], b)


def test_running_statistics_that_all_examples_share_are_refused_and_stay():
    model, params, buffers, x = batch_normed()
    with pytest.raises(RuntimeError, match=r"batch_norm: running statistics cannot be updated.*or map over the buffers as well"):
        vmap(lambda x: functional_call(model, (params, buffers), (x,)))(tl.stack([x, x]))
    assert buffers["1.running_mean"].tolist() == [0.0] * 4


def test_tensors_in_plain_attributes_are_replaced_as_in_torch():
    torch = pytest.importorskip("torch")
    results = []
    for T, call, take in ((tl, functional_call, grad), (torch, torch.func.functional_call, torch.func.grad)):

        class Scaled(T.nn.Module):
            def __init__(self, T=T):
                super().__init__()
                self.scale, self.w = T.tensor(2.0), T.nn.Parameter(T.tensor(3.0))

            def forward(self, x):
                return x * self.scale * self.w

        module = T.nn.Sequential(Scaled())
        scale = module[0].scale
        results.append([
            call(module, {"0.scale": T.tensor(5.0), "0.unknown": T.tensor(1.0)}, T.tensor(2.0)).item(),
            take(lambda s, call=call, module=module, T=T: call(module, {"0.scale": s}, T.tensor(2.0)))(T.tensor(5.0)).item(),
        ])  # fmt: skip
        assert module[0].scale is scale and not hasattr(module[0], "unknown")
        with pytest.raises(RuntimeError, match=r"0\.scale"):
            call(module, {"0.scale": T.tensor(5.0), "0.w": T.tensor(1.0)}, T.tensor(2.0), strict=True)
    assert results[0] == results[1] == [30.0, 6.0]


#: What is done to the linear layer, and whether the names of its parameters are others then.
CHANGED = {
    "plain": lambda T, m: m,
    "parametrized": lambda T, m: T.nn.utils.parametrizations.weight_norm(m),
    "parametrized twice": lambda T, m: T.nn.utils.parametrizations.spectral_norm(T.nn.utils.parametrizations.weight_norm(m)),
    "weight norm": lambda T, m: T.nn.utils.weight_norm(m),
    "pruned": lambda T, m: importlib.import_module(f"{T.__name__}.nn.utils.prune").l1_unstructured(m, "weight", 3),
}


@pytest.mark.filterwarnings("ignore::FutureWarning")
@pytest.mark.parametrize("tie", [True, False])
@pytest.mark.parametrize("several", [True, False])
@pytest.mark.parametrize("how", CHANGED)
def test_changed_modules_equal_torch(how, several, tie):
    torch = pytest.importorskip("torch")
    results, w = [], np.random.default_rng(1).normal(size=(3, 3))
    for T, F in ((tl, tl.func), (torch, torch.func)):
        inner = T.nn.Linear(3, 3, dtype=T.float64)
        inner.weight = T.nn.Parameter(T.tensor(w))
        module = T.nn.Sequential(inner, T.nn.Tanh(), T.nn.Linear(3, 3, dtype=T.float64))
        CHANGED[how](T, inner)
        if how == "plain":
            module[2].weight = inner.weight  # tied
        module.eval()
        tables = dict(module.named_parameters()), dict(module.named_buffers())
        values = [
            {k: T.tensor(np.cos(np.arange(v.numel()) + i).reshape(tuple(v.shape))) for i, (k, v) in enumerate(sorted(t.items()))}
            for t in tables
        ]
        x = T.tensor(np.linspace(-1, 1, 6).reshape(2, 3))

        def loss(p, F=F, module=module, values=values, x=x):
            given = (p, values[1]) if several else {**p, **values[1]}
            return F.functional_call(module, given, x, tie_weights=tie, strict=tie).sum()

        results.append({k: v.detach().numpy() for k, v in F.grad(loss)(values[0]).items()} | {"": loss(values[0]).detach().numpy()})
        if how.startswith("parametrized"):
            with pytest.raises((ValueError, RuntimeError)):
                F.grad(lambda s, F=F, module=module, x=x: F.functional_call(module, {"0.weight": s}, x).sum())(T.tensor(w))
    assert results[0].keys() == results[1].keys()
    for key, value in results[0].items():
        if tie or how != "plain":
            np.testing.assert_allclose(value, results[1][key], atol=1e-10, err_msg=key)


def test_batch_norm_without_running_statistics_can_be_mapped_in_training():
    torch = pytest.importorskip("torch")
    x = np.random.default_rng(0).normal(size=(2, 4, 3))
    found = []
    for T in (tl, torch):
        model = T.nn.Sequential(T.nn.BatchNorm1d(3), T.nn.Sequential(T.nn.InstanceNorm1d(3, track_running_stats=True))).double()
        assert T.func.replace_all_batch_norm_modules_(model) is model
        found.append([[*model.state_dict()], T.func.vmap(model[0])(T.tensor(x)).detach().numpy()])
        model.eval()
        found[-1].append(T.func.vmap(model[0])(T.tensor(x)).detach().numpy())
    (names, *ours), (expected, *theirs) = found
    assert names == expected
    np.testing.assert_allclose(ours, theirs, rtol=1e-9)
    with pytest.raises(TypeError, match="root must be a module"):
        tl.func.replace_all_batch_norm_modules_(3)
