"""Every class of ``torch.nn`` beside PyTorch's, over its options: arguments, names, text, states, results, gradients, running statistics.

The cases stand in ``tests/module_cases.py``; a class without one fails. Not here: wrong calls (``test_every_module_refuses.py``), initial
values (``test_initial_values.py``), losses (``test_losses.py``), containers (``test_containers.py``).
"""

from __future__ import annotations

import inspect
import pickle

import module_cases as table
import numpy as np
import pytest
from module_cases import CASES, name_of

import tensorflowlite_clone as tl
from tensorflowlite_clone import nn

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel lengths:UserWarning")
OF_CLASS = {name: [case for case in CASES if case[0] == name] for name, _, _ in CASES}


def each_case(check):
    """``check(case)`` for every case, as one test for each class that names all cases that fail."""

    @pytest.mark.parametrize("name", OF_CLASS)
    def test(name):
        wrong = []
        for case in OF_CLASS[name]:
            try:
                check(case)
            except Exception as error:
                wrong.append(f"{name_of(case)}: {type(error).__name__}: {error}"[:600])
        assert not wrong, f"{len(wrong)} of {len(OF_CLASS[name])} cases:\n" + "\n".join(wrong)

    return test


def classes():
    """Every class of PyTorch that is a module."""
    return sorted(n for n in dir(torch.nn) if isinstance(c := getattr(torch.nn, n), type) and issubclass(c, torch.nn.Module))


def arrays(result):
    """The tensors of a result."""
    return list(result) if isinstance(result, tuple) else [result]


def close(ours, theirs, what="", tolerance=1e-8):
    a, b = ours.numpy(force=True), theirs.detach().numpy()
    assert a.shape == b.shape and a.dtype == b.dtype, what
    np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance * 0.01, err_msg=what)


def test_every_class_has_a_row():
    cased = {case[0] for case in CASES}
    lacking = set(classes()) - cased - table.ELSEWHERE - table.CONTAINERS
    assert not lacking, f"no row in module_cases.py: {', '.join(sorted(lacking))}"
    assert not {n for n in classes() if not hasattr(nn, n)}
    assert len(CASES) > 400


@pytest.mark.parametrize("name", [n for n in classes() if hasattr(nn, n)])
def test_constructor_takes_what_pytorch_takes(name):
    """Names, order, kinds and defaults of all arguments, those of losses too."""

    def shown(kind):
        parameters = list(inspect.signature(kind.__init__).parameters.values())[1:]
        named = [p for p in parameters if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]
        return [(p.name, getattr(p.default, "__name__", p.default), p.kind) for p in named]  # functions by name

    if name in {"RNN", "LSTM", "GRU"}:
        pytest.skip("PyTorch says *args; test_recurrent.py says which")
    assert shown(getattr(nn, name)) == shown(getattr(torch.nn, name))


def shown_attributes(module):
    """The plain settings that programs read."""
    plain = int | float | str | bool | tuple | list | type(None)
    return {k: v for k, v in vars(module).items() if not k.startswith("_") and k != "training" and isinstance(v, plain)}


@each_case
def test_names_text_and_attributes(case):
    for dtype in ({}, {"dtype": "float64", "device": "cpu"} if "dtype" in inspect.signature(getattr(nn, case[0])).parameters else {}):
        ours = table.made(tl, case, **{k: getattr(tl, v) if k == "dtype" else v for k, v in dtype.items()})
        theirs = table.made(torch, case, **{k: getattr(torch, v) if k == "dtype" else v for k, v in dtype.items()})
        assert repr(ours) == repr(theirs) and ours.extra_repr() == theirs.extra_repr()
        assert str(nn.Sequential(ours)) == str(torch.nn.Sequential(theirs))
        assert list(ours.state_dict()) == list(theirs.state_dict())
        assert ours.state_dict()._metadata == theirs.state_dict()._metadata
        for members in ("named_parameters", "named_buffers"):
            mine, other = list(getattr(ours, members)()), list(getattr(theirs, members)())
            assert [n for n, _ in mine] == [n for n, _ in other]
            for (n, p), (_, q) in zip(mine, other, strict=True):
                assert str(p.dtype) == str(q.dtype).removeprefix("torch.") and p.requires_grad == q.requires_grad, n
                assert nn.parameter.is_lazy(p) or tuple(p.shape) == tuple(q.shape), n
        mine, other = shown_attributes(ours), shown_attributes(theirs)
        assert {k: mine.get(k, getattr(ours, k, "none")) for k in other} == other


@each_case
def test_states_go_both_ways(case):
    ours, _ = table.pair(case, torch, tl)
    fresh = table.made(torch, case).double()
    assert (
        str(fresh.load_state_dict({k: torch.tensor(v.numpy()) for k, v in ours.state_dict().items()})) == "<All keys matched successfully>"
    )
    back = table.made(tl, case).double()  # a lazy one has no shapes yet
    assert str(back.load_state_dict({k: v.numpy() for k, v in fresh.state_dict().items()})) == "<All keys matched successfully>"
    again = pickle.loads(pickle.dumps(back))
    for (k, v), w in zip(ours.state_dict().items(), again.state_dict().values(), strict=True):
        np.testing.assert_array_equal(v.numpy(), w.numpy(), err_msg=k)
    x = table.inputs(tl, case)
    for y, z in zip(arrays(ours.eval()(*x)), arrays(again.eval()(*table.inputs(tl, case))), strict=True):
        np.testing.assert_array_equal(y.numpy(force=True), z.numpy(force=True))


def run(T, module, case):
    """Two calls in training, gradients, and one in evaluation: all that can be compared, by name."""
    found = {}
    x = table.inputs(T, case, grad=True)
    given = [v if v is None or not v.is_floating_point() else v + 0.0 for v in x]  # so that it may be changed in place
    for i in range(2):
        results = arrays(module(*given if i == 0 else table.inputs(T, case)))
        found.update({f"result {j} of call {i}": y for j, y in enumerate(results)})
        if results[0].requires_grad:
            weights = np.cos(np.arange(results[0].numel())).reshape(results[0].shape)
            (results[0] * T.tensor(weights)).sum().backward()
    found.update({f"gradient of {n}": p.grad for n, p in module.named_parameters()})
    found.update({f"gradient of input {i}": v.grad for i, v in enumerate(x) if v is not None})
    found.update({f"value of {n}": p for n, p in module.named_parameters()})
    found.update({f"buffer {n}": b + 0 for n, b in module.named_buffers()})
    module.eval()
    found.update({f"result {j} in evaluation": y for j, y in enumerate(arrays(module(*table.inputs(T, case))))})
    return found


@each_case
def test_results_gradients_and_buffers(case):
    ours, theirs = table.pair(case, torch, tl)
    mine, other = run(tl, ours, case), run(torch, theirs, case)
    assert mine.keys() == other.keys()
    for what, value in other.items():
        if value is None:
            assert mine[what] is None, what
        else:
            close(mine[what], value, what, 1e-7 if case[0] == "Hardsigmoid" else 1e-8)  # PyTorch's 1/6 there is a float32


#: Classes that refuse an example alone for some of their arguments: those of one example already, and those that join the examples.
TOGETHER = {"InstanceNorm1d", "InstanceNorm2d", "InstanceNorm3d", "SyncBatchNorm", "LayerNorm", "GLU", "Fold"}


def mapped(case):
    """Whether the examples of the first input can be told apart: there is a batch, and nothing is changed in place."""
    name, kwargs, inputs = case
    unbatched = {"Conv": 2, "Max": 2, "Avg": 2, "Frac": 2, "LPP": 2}
    d = int(name[-2]) if name[-2:] in ("1d", "2d", "3d") else None
    if kwargs.get("inplace") or kwargs.get("max_norm") or name == "EmbeddingBag" or inputs[0].dtype.kind != "f" or len(inputs) > 1:
        return False
    if any(isinstance(v, np.ndarray) for v in kwargs.values()) or (name.startswith("Dropout") and kwargs["p"] == 1):
        return False
    return (
        inputs[0].ndim > 1 and not (d and any(k in name for k in unbatched) and inputs[0].ndim < d + 2) and "return_indices" not in kwargs
    )


@each_case
def test_gradients_of_examples_by_vmap(case):
    """Per-sample gradients in one go are those of one example after the other, in evaluation."""
    if not mapped(case):
        return
    ours, _ = table.pair(case, torch, tl)
    ours.eval()
    parameters, x = {n: p.detach() for n, p in ours.named_parameters()}, table.inputs(tl, case)[0]

    def loss(p, example):
        y = tl.func.functional_call(ours, p, (example.unsqueeze(0),))
        return (y * tl.tensor(np.cos(np.arange(y.numel())).reshape(y.shape))).sum()

    if case[0] in TOGETHER:
        try:
            ours(x[0].unsqueeze(0))
        except ValueError:
            return
    one = [tl.func.grad(loss, (0, 1))(parameters, example) for example in x]
    together = tl.func.vmap(tl.func.grad(loss, (0, 1)), (None, 0))(parameters, x)
    for i, (of_parameters, of_input) in enumerate(one):
        np.testing.assert_allclose(together[1].numpy()[i], of_input.numpy(), rtol=1e-9, atol=1e-11)
        for name, g in of_parameters.items():
            np.testing.assert_allclose(together[0][name].numpy()[i], g.numpy(), rtol=1e-9, atol=1e-11, err_msg=name)
