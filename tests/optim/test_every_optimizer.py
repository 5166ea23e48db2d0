"""One sweep over every optimizer that there is: trajectories, states both ways, complex parameters, recorded steps, beside PyTorch.

What the sweep tries is in ``optimizer_table.py``. Not here: the contract of the base class (``test_optimizers.py``), wrong settings and
states (``test_wrong_calls.py``), optimizers that need a closure (``test_lbfgs.py``, ``test_least_squares.py``).
"""

from __future__ import annotations

import copy
import inspect
import math

import numpy as np
import pytest
from optimizer_table import CASES, CLASSES, CLOSURES, FULL, OPTIONS, give_gradients, label, parameters, run, shapes, values

import tensorflowlite_clone as tl
from tensorflowlite_clone import optim

#: Those that PyTorch does not have.
OWN = {"Lion", "LAMB", "GaussNewton", "LevenbergMarquardt"}
BESIDE = [name for name in OPTIONS if name not in OWN]


@pytest.fixture
def torch(monkeypatch):
    """PyTorch in float64: numbers that it remembers as tensors, and the iteration of Muon."""
    torch = pytest.importorskip("torch")
    monkeypatch.setattr(torch.Tensor, "bfloat16", lambda self: self.clone())
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    yield torch
    torch.set_default_dtype(before)


def groups(ps, name):
    """Two groups, the second with a rate of its own."""
    return [{"params": ps[:2]}, {"params": ps[2:], "lr": 0.03}]


def made(library, name, settings, kind="f8"):
    ps = parameters(library, name, kind)
    return ps, getattr(library.optim, name)(groups(ps, name), **settings)


def same(mine, other, tolerance=1e-9):
    for a, b in zip(mine, other, strict=True):
        np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance)


def to_arrays(state, torch):
    return {i: {k: v.numpy().copy() if isinstance(v, torch.Tensor) else v for k, v in s.items() if v is not None} for i, s in state.items()}


def to_torch(state, torch):
    return {
        "state": {
            i: {k: torch.tensor(v.numpy()) if isinstance(v, tl.Tensor) else v for k, v in s.items()} for i, s in state["state"].items()
        },
        "param_groups": state["param_groups"],
    }


def test_every_optimizer_has_a_row():
    assert set(CLASSES) == {*OPTIONS, *CLOSURES} and set(optim.__all__) >= set(CLASSES)
    for name, options in OPTIONS.items():
        other = {"foreach", "fused", "capturable", "differentiable", "self", "params"}
        assert set(options) == set(inspect.signature(CLASSES[name].__init__).parameters) - other, name


@pytest.mark.parametrize("case", [c for c in CASES if c[0] not in OWN], ids=label)
def test_a_hundred_steps_equal_torch(case, torch):
    name, settings = case
    (mine, ours), (other, theirs) = made(tl, name, settings), made(torch, name, settings)
    for step in range(100):
        run(tl, ours, mine, [step])
        run(torch, theirs, other, [step])
        if step % 9 == 0 or step == 99:
            same(values(mine), values(other))
    a, b = ours.state_dict(), theirs.state_dict()
    assert set(a["state"]) == set(b["state"])
    for i, s in a["state"].items():
        expected = {k: v for k, v in b["state"][i].items() if v is not None}
        assert set(s) == set(expected)
        for key, value in s.items():
            assert np.shape(value) == tuple(expected[key].shape)
            np.testing.assert_allclose(np.asarray(value), expected[key].numpy(), rtol=1e-9, atol=1e-9)
    for g, h in zip(a["param_groups"], b["param_groups"], strict=True):
        assert g == h


def lion(p, g, s, *, lr, betas, weight_decay):
    m = s.get("m", np.zeros_like(p))
    c = betas[0] * m + (1 - betas[0]) * g
    s["m"] = betas[1] * m + (1 - betas[1]) * g
    return p - lr * (np.where(c > 0, 1.0, np.where(c < 0, -1.0, 0.0)) + weight_decay * p)


def lamb(p, g, s, *, lr, betas, eps, weight_decay, trust):
    s["t"] = s.get("t", 0) + 1
    s["m"] = betas[0] * s.get("m", 0) + (1 - betas[0]) * g
    s["v"] = betas[1] * s.get("v", 0) + (1 - betas[1]) * g**2
    r = s["m"] / (1 - betas[0] ** s["t"]) / ((s["v"] / (1 - betas[1] ** s["t"])) ** 0.5 + eps) + weight_decay * p
    return p - lr * min(max(np.linalg.norm(p.ravel()), trust[0]), trust[1]) / np.linalg.norm(r.ravel()) * r


@pytest.mark.parametrize("case", [c for c in CASES if c[0] in OWN], ids=label)
def test_a_hundred_steps_equal_the_paper(case):
    """Of those that PyTorch does not have, written as their papers have it."""
    name, settings = case
    ps, optimizer = made(tl, name, settings)
    expected, memory = values(ps), [{} for _ in ps]
    group = {k: v for k, v in optimizer.param_groups[0].items() if k in inspect.signature(globals()[name.lower()]).parameters}
    for step in range(100):
        give_gradients(tl, ps, step)
        for i, p in enumerate(ps):
            if p.grad is not None:
                g = p.grad.numpy() * (-1 if settings.get("maximize") else 1)
                expected[i] = globals()[name.lower()](expected[i], g, memory[i], **{**group, "lr": group["lr"] if i < 2 else 0.03})
        optimizer.step()
        same(values(ps), expected)


@pytest.mark.parametrize("kind", ["f8", "c16"])
@pytest.mark.parametrize("name", OPTIONS)
def test_saved_and_loaded_at_every_step(name, kind, tmp_path):
    """Bit for bit, through a file; the whole of the state is in it."""
    if kind == "c16" and name in ("Adafactor", "Muon"):
        pytest.skip("real parameters only")
    settings = FULL[name]
    whole, optimizer = made(tl, name, settings, kind)
    run(tl, optimizer, whole, range(8))
    for start in range(8):
        ps, optimizer = made(tl, name, settings, kind)
        run(tl, optimizer, ps, range(start))
        tl.save({"values": [p.detach() for p in ps], "state": optimizer.state_dict()}, tmp_path / "state")
        saved = tl.load(tmp_path / "state")
        again, optimizer = made(tl, name, {}, kind)
        for p, v in zip(again, saved["values"], strict=True):
            p.data.copy_(v)
        optimizer.load_state_dict(saved["state"])
        run(tl, optimizer, again, range(start, 8))
        for p, q in zip(whole, again, strict=True):
            np.testing.assert_array_equal(p.numpy(force=True), q.numpy(force=True))


@pytest.mark.parametrize("kind", ["f8", "c16"])
@pytest.mark.parametrize("name", BESIDE)
def test_states_go_to_torch_and_come_from_there_at_every_step(name, kind, torch):
    if kind == "c16" and name in ("Adafactor", "Muon"):
        pytest.skip("real parameters only")
    settings = FULL[name]
    whole, optimizer = made(torch, name, settings, kind)
    run(torch, optimizer, whole, range(8))
    for start in range(8):
        for first, second in ((tl, torch), (torch, tl)):
            ps, before = made(first, name, settings, kind)
            run(first, before, ps, range(start))
            again, after = made(second, name, {}, kind)
            for p, v in zip(again, values(ps), strict=True):
                p.data.copy_(second.tensor(v))
            state = before.state_dict()
            if first is torch:
                state = {"state": to_arrays(state["state"], torch), "param_groups": state["param_groups"]}
            after.load_state_dict(to_torch(state, torch) if second is torch else state)
            run(second, after, again, range(start, 8))
            same(values(again), values(whole))


@pytest.mark.parametrize("name", BESIDE)
def test_complex_parameters(name, torch):
    """Equal PyTorch's where it has them, refused where it does not; what is remembered is complex too."""
    try:
        other, theirs = made(torch, name, FULL[name], "c16")
        run(torch, theirs, other, [0])
    except RuntimeError:
        with pytest.raises(TypeError, match=f"{name}: parameters must be real"):
            made(tl, name, FULL[name], "c16")
        return
    mine, ours = made(tl, name, FULL[name], "c16")
    run(tl, ours, mine, range(30))
    run(torch, theirs, other, range(1, 30))
    same(values(mine), values(other))
    for p, q in zip(mine, other, strict=True):
        for key, value in theirs.state[q].items():
            if isinstance(value, torch.Tensor):
                np.testing.assert_allclose(np.asarray(ours.state[p][key]), value.numpy(), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("name", OPTIONS)
def test_float32_stays_float32_in_its_memory(name):
    ps, optimizer = made(tl, name, FULL[name], "f4")
    memory = [p.array for p in ps]
    run(tl, optimizer, ps, range(3))
    for p, array in zip(ps, memory, strict=True):
        assert p.array is array and array.dtype == np.float32 and np.isfinite(array).all()
        assert all(v.dtype == tl.float32 for v in optimizer.state[p].values() if isinstance(v, tl.Tensor))


@pytest.mark.parametrize("name", [n for n, c in CLASSES.items() if c.elementwise])
def test_pieces_of_large_parameters_are_steps_of_the_whole(name):
    """Bit for bit: large parameters are stepped in pieces, on threads; a strided one is not."""
    rng = np.random.default_rng(0)
    start, gradients = rng.normal(size=70_000), rng.normal(size=(3, 70_000))
    found = []
    for sizes in ((70_000,), (9_000,) * 7 + (7_000,)):
        ps = [tl.tensor(a, requires_grad=True) for a in np.split(start, np.cumsum(sizes)[:-1])]
        optimizer = CLASSES[name](ps, **FULL[name])
        for g in gradients:
            for p, part in zip(ps, np.split(g, np.cumsum(sizes)[:-1]), strict=True):
                p.grad = tl.tensor(part)
            optimizer.step()
        found.append(np.concatenate(values(ps)))
    np.testing.assert_array_equal(*found)


#: Those whose steps can be recorded.
RECORDED = [name for name in OPTIONS if "differentiable" in inspect.signature(CLASSES[name].__init__).parameters]


def recorded(library, name, kind, settings):
    """A recorded step after three others: the gradients of a function of the parameter to what it was, to its grad, and to the state."""
    rng = np.random.default_rng(3)
    start, *gs = rng.normal(size=(5, 2, 3)) + (1j * rng.normal(size=(5, 2, 3)) if kind == "c16" else 0)
    q = library.tensor(start, requires_grad=True)
    before = getattr(library.optim, name)([q], **settings)
    for g in gs[:3]:
        q.grad = library.tensor(g)
        before.step()
    leaf, g = q.detach().clone().requires_grad_(), library.tensor(gs[3], requires_grad=True)
    memory = {k: v.detach().clone() if hasattr(v, "detach") else v for k, v in before.state[q].items()}
    leaves = [leaf, g, *(v.requires_grad_() for k, v in sorted(memory.items()) if np.ndim(v))]
    p = leaf.clone()
    optimizer = getattr(library.optim, name)([p], differentiable=True, **settings)
    optimizer.state[p].update({k: v.clone() if hasattr(v, "clone") else v for k, v in memory.items()})
    p.grad = g.clone()
    optimizer.step()
    outputs = [p, *(v for k, v in sorted(optimizer.state[p].items()) if np.ndim(v.detach() if hasattr(v, "detach") else v))]
    loss = sum((((v if kind == "f8" else (v.conj() * v).real) * (i + 1)) ** 2).sum() for i, v in enumerate(outputs))
    loss.backward()
    found = [*(v.detach().numpy() for v in outputs), *(np.zeros(v.shape) if v.grad is None else v.grad.numpy() for v in leaves)]
    return [np.asarray(v) for v in found]


@pytest.mark.parametrize("kind", ["f8", "c16"])
@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("name", [name for name in RECORDED if name not in OWN])
def test_a_recorded_step_has_the_gradients_of_torch(name, full, kind, torch):
    found, expected = (recorded(library, name, kind, FULL[name] if full else {}) for library in (tl, torch))
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("name", RECORDED)
def test_gradients_flow_through_several_steps(name):
    """To the rate, the weights at the beginning and each gradient: those of central differences."""
    rng = np.random.default_rng(4)
    settings = {**{k: v for k, v in FULL[name].items() if k != "lr"}}
    start, *gs = rng.normal(size=(4, 3))

    def outcome(rate, start, *gs):
        p = start.clone()
        optimizer = CLASSES[name]([p], lr=rate, differentiable=True, **settings)
        total = 0.0
        for g in gs:
            p.grad = g.clone()
            optimizer.step()
            total = total + (p * p).sum()
        return total

    inputs = [tl.tensor(x, dtype=tl.float64, requires_grad=True) for x in (np.array(0.05), start, *gs)]
    found = tl.autograd.grad(outcome(*inputs), inputs, materialize_grads=True)
    for k, x in enumerate(inputs):
        for i in range(x.numel()):
            sides = []
            for step in (1e-6, -1e-6):
                moved = [y.detach().clone() for y in inputs]
                moved[k].view(-1)[i] += step
                sides.append(outcome(*moved).item())
            assert (sides[0] - sides[1]) / 2e-6 == pytest.approx(found[k].reshape(-1)[i].item(), rel=1e-5, abs=1e-7), (k, i)


@pytest.mark.parametrize("name", OPTIONS)
def test_recorded_steps_equal_steps(name):
    if "differentiable" not in inspect.signature(CLASSES[name].__init__).parameters:
        pytest.skip("not an argument of it")
    found = []
    for differentiable in (False, True):
        ps = [p if not differentiable else p.clone() for p in parameters(tl, name)]
        optimizer = CLASSES[name](ps, differentiable=differentiable, **FULL[name])
        run(tl, optimizer, ps, range(7))
        found.append((values(ps), optimizer.state_dict()["state"]))
    same(found[0][0], found[1][0], 1e-12)
    for i, s in found[0][1].items():
        assert set(s) == set(found[1][1][i])
        for key, value in s.items():
            np.testing.assert_allclose(np.asarray(value), np.asarray(found[1][1][i][key].detach() if np.ndim(value) else value), rtol=1e-9)


def test_a_recorded_step_of_a_leaf_is_refused():
    p = tl.ones(2, requires_grad=True)
    optimizer = optim.SGD([p], differentiable=True)
    p.grad = tl.ones(2)
    with pytest.raises(RuntimeError, match="leaf"):
        optimizer.step()
    assert p.tolist() == [1, 1]


def test_gradients_flow_from_the_loss_after_training():
    """The gradient of the last loss to the weights at the beginning, through gradients that were recorded themselves."""
    data = tl.tensor([[1.0, 2.0], [0.5, -1.0]], dtype=tl.float64)

    def last_loss(start):
        w = start.clone()
        optimizer = optim.Adam([w], lr=0.1, differentiable=True)
        for _ in range(5):
            (w.grad,) = tl.autograd.grad(((data @ w - 1) ** 4).sum(), w, create_graph=True)
            optimizer.step()
        return ((data @ w - 1) ** 4).sum()

    start = tl.tensor([0.3, -0.4], dtype=tl.float64, requires_grad=True)
    (found,) = tl.autograd.grad(last_loss(start), start)
    for i in range(2):
        sides = [last_loss((start.detach() + step * tl.eye(2)[i]).requires_grad_()).item() for step in (1e-6, -1e-6)]
        assert (sides[0] - sides[1]) / 2e-6 == pytest.approx(found[i].item(), rel=1e-5)


def test_betas_may_be_tensors(torch):
    found = []
    for library in (tl, torch):
        ps = parameters(library, "Adam")
        betas = tuple(library.tensor(b, dtype=library.float64) for b in (0.8, 0.95))
        optimizer = library.optim.Adam(ps, betas=betas, **({"foreach": False} if library is torch else {}))
        run(library, optimizer, ps, range(5))
        found.append(values(ps))
    same(*found)


@pytest.mark.parametrize("name", [n for n in CLASSES if n not in OWN])
def test_it_prints_as_in_torch(name, torch):
    """Also the numbers of settings: 0 is not 0.0."""
    texts = [repr(getattr(T.optim, name)([T.nn.Parameter(T.zeros(2, 2))])) for T in (tl, torch)]
    assert texts[0] == texts[1]


@pytest.mark.parametrize("name", [n for n in CLASSES if n not in OWN])
def test_signature_is_that_of_torch(name, torch):
    ours, theirs = (inspect.signature(getattr(m, name)).parameters for m in (optim, torch.optim))
    positional = [p for p in theirs if theirs[p].kind is not inspect.Parameter.KEYWORD_ONLY]
    assert list(ours)[: len(positional)] == positional
    for parameter in theirs.values():
        assert ours[parameter.name].default == parameter.default


@pytest.mark.parametrize("name", BESIDE)
def test_what_torch_refuses_is_refused(name, torch):
    """Values of each setting, those of other kinds as well: whatever PyTorch does not take."""
    pool = [-1.0, -0.5, 1.0, 1.5, -1, math.nan, (0.5, 1.0), (1.0, 0.5), (-0.1, 0.9), (0.9, -0.1), (2.0, 0.5), (0.9,), "x", None, [1, 2]]
    for key in OPTIONS[name]:
        for value in pool:
            try:
                getattr(torch.optim, name)(parameters(torch, name), **{key: copy.copy(value)})
            except (ValueError, TypeError, RuntimeError, IndexError):
                with pytest.raises((ValueError, TypeError, RuntimeError), match=f"^{name}: "):
                    CLASSES[name](parameters(tl, name), **{key: value})


@pytest.mark.parametrize("name", OPTIONS)
def test_flags_of_implementations_are_taken_and_kept(name):
    ps, known = parameters(tl, name), inspect.signature(CLASSES[name].__init__).parameters
    for flag in {"foreach", "fused", "capturable"} & set(known):
        optimizer = CLASSES[name](ps, **{flag: True})
        run(tl, optimizer, ps, [0])
        assert optimizer.state_dict()["param_groups"][0][flag] is True
    if "fused" in known:
        with pytest.raises(RuntimeError, match=f"{name}: fused and differentiable cannot both be True"):
            CLASSES[name](ps, fused=True, differentiable=True)
        with pytest.raises(RuntimeError, match=f"{name}: fused and foreach cannot both be True"):
            CLASSES[name](ps, fused=True, foreach=True)


@pytest.mark.parametrize("name", OPTIONS)
def test_state_shapes_are_those_of_the_state(name):
    ps, optimizer = made(tl, name, FULL[name])
    run(tl, optimizer, ps, range(2))
    for p in ps:
        declared = optimizer.state_shapes(p, optimizer.param_groups[0])
        for key, value in optimizer.state[p].items():
            shape = declared.get(key, declared.get(f"{key}?", "unknown"))
            assert (value.shape == shape) if isinstance(value, tl.Tensor) else (shape is None and value >= 0), (key, shape)
        assert {k for k in declared if not k.endswith("?")} <= set(optimizer.state[p])


def test_matrices_alone_are_orthogonalised():
    for shape in ((3,), (), (2, 2, 2)):
        with pytest.raises(ValueError, match="Muon: parameters must be matrices: one has shape"):
            optim.Muon([tl.ones(2, 2, requires_grad=True), tl.ones(*shape, requires_grad=True)])
    assert shapes("Muon")
