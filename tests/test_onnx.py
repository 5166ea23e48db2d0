"""Exported models in onnxruntime, against what they compute here; and what can be said of the files without it."""

from __future__ import annotations

import inspect
import io
import warnings

import module_cases
import numpy as np
import onnx_cases as cases
import pytest

import tensorflowlite_clone as tl
from tensorflowlite_clone import nn
from tensorflowlite_clone._errors import ArgumentError, GraphError, MissingExtraError, OperandError
from tensorflowlite_clone.core.registry import OPS
from tensorflowlite_clone.func.tracing import trace
from tensorflowlite_clone.func.tree import flatten
from tensorflowlite_clone.onnx import exporter
from tensorflowlite_clone.onnx import graph as form
from tensorflowlite_clone.onnx.graph import DTYPES, IR_VERSIONS
from tensorflowlite_clone.onnx.rules import RULES

export = tl.onnx.export


def compare(program, model, *inputs):
    """Run a program on several tuples of arguments beside its model."""
    runtime = pytest.importorskip("onnxruntime")
    session = runtime.InferenceSession(program.model_bytes, providers=["CPUExecutionProvider"])
    there = {i.name for i in session.get_inputs()}
    for args in inputs:
        arrays = [x.numpy() for x in flatten(args)[0]]
        found = session.run(None, {n: a for n, a in zip(program.input_names, arrays, strict=True) if n in there})
        with tl.no_grad():
            expected = [x.numpy() for x in flatten(model(*args))[0]]
        for a, b in zip(found, expected, strict=True):
            assert a.shape == b.shape and a.dtype == b.dtype
            np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)


def check(program):
    """Let onnx's checker and shape inference look at it, where that is installed."""
    try:
        program.check()
    except MissingExtraError:
        pytest.skip("onnx is not installed")


MODULES = cases.modules()


@pytest.mark.parametrize("model, args", MODULES, ids=[f"{i}-{type(m).__name__}" for i, (m, _) in enumerate(MODULES)])
def test_modules(model, args):
    model.eval()
    program = export(model, args)
    compare(program, model, args)
    check(program)


#: Cases of the table of layers that have no form in ONNX, and what says so.
NO_FORM = {
    "FractionalMaxPool": "the operation FractionalMaxPoolPlaces has no form in ONNX",
    "AdaptiveMaxPool": "the output 'output_1' has no form in ONNX",
    "EmbeddingBag": "the operation BagMaximum has no form in ONNX",
    "Embedding": "max_norm changes the table in place",
}


@pytest.mark.filterwarnings("ignore:onnx.export. the model asks for values:UserWarning")  # where bags begin
@pytest.mark.parametrize("layer", sorted({case[0] for case in module_cases.CASES}))
def test_every_layer(layer):
    """With all options of the table that the other tests of layers have."""
    outcomes = []
    for case in [c for c in module_cases.CASES if c[0] == layer]:
        model = module_cases.made(tl, case).float().eval()
        inputs = [module_cases.of(tl, x) for x in case[2]]
        inputs = tuple(x.float() if isinstance(x, tl.Tensor) and x.dtype == tl.float64 else x for x in inputs)
        try:
            program = export(model, inputs)
        except OperandError as error:
            expected = [text for name, text in NO_FORM.items() if layer.startswith(name)]
            assert any(text in str(error) for text in expected), (module_cases.name_of(case), error)
            continue
        compare(program, model, inputs)
        outcomes.append(program)
    assert outcomes or layer.startswith("FractionalMaxPool")


@pytest.mark.parametrize("name", cases.FUNCTIONS)
def test_functions(name):
    tl.manual_seed(1)
    model, x = cases.Function(cases.FUNCTIONS[name]), tl.randn(2, 4, 8, 8)
    compare(export(model, x), model, (x,))


VARYING = cases.varying()


@pytest.mark.parametrize("name, model, args, axes, others", VARYING, ids=[v[0] for v in VARYING])
def test_models_whose_sizes_vary(name, model, args, axes, others):
    model.eval()
    compare(export(model, args), model, args)
    program = export(model, args, dynamic_axes=axes)
    compare(program, model, args, *others)
    check(program)


@pytest.mark.parametrize("opset", IR_VERSIONS)
def test_versions(opset):
    model, x = cases.CNN().eval(), tl.ones(2, 1, 8, 8)
    program = export(model, x, opset_version=opset)
    assert program.input_names == ["x"] and program.output_names == ["output"]
    if opset <= 22:
        compare(program, model, (x,))


# ---- what stands in the file --------------------------------------------------------------------------------------------------
def strings(data):
    return data.decode("latin1")


def test_the_file(tmp_path, capsys):
    model = nn.Sequential(nn.Linear(3, 4), nn.Dropout(), nn.ReLU())
    path = tmp_path / "m.onnx"
    program = export(model, tl.ones(2, 3), path, input_names=["features"], output_names=["scores"], verbose=True)
    assert path.read_bytes() == program.model_bytes and "Gemm(features, 0.weight, 0.bias)" in capsys.readouterr().out
    text = strings(program.model_bytes)
    assert all(word in text for word in ("tensorflowlite_clone", "features", "scores", "0.weight", "Gemm", "Relu", "Linear[0]/Gemm"))
    assert model.training and "features -> scores" in repr(program)
    file = io.BytesIO()
    export(model, tl.ones(2, 3), file)
    assert b"Gemm" in file.getvalue()


def test_names_of_sizes():
    model = cases.Function(lambda x, y: (x + y, x.flatten()))
    dynamic = {"a": {0: "rows", 1: "columns"}, "b": {0: "rows", 1: "columns"}}
    text = strings(export(model, (tl.ones(4, 5), tl.ones(4, 5)), input_names=["a", "b"], dynamic_axes=dynamic).model_bytes)
    assert "rows" in text and "columns" in text and "output_1_0" in text
    for shapes in (({0: "n"}, {0: "n"}), {"input_0": {0: "n"}, "input_1": {0: "n"}}, (("n", 5), ("n", None))):
        compare(export(model, (tl.ones(4, 5), tl.ones(4, 5)), dynamic_shapes=shapes), model, (tl.ones(7, 5), tl.ones(7, 5)))


def test_shared_and_nested_arguments():
    model = cases.Function(lambda d, k: (d["a"] + d["b"][0], k))
    args = ({"a": tl.ones(2), "b": [tl.zeros(2)]}, tl.ones(3))
    program = export(model, args, input_names=["one"])
    assert len(program.input_names) == 3 and program.input_names[0] == "one"
    compare(program, model, args)

    class Named(nn.Module):
        def forward(self, x, *, y):
            return x - y

    program = export(Named(), (tl.ones(2),), kwargs={"y": tl.ones(2)})
    assert program.input_names == ["x", "y"]


def test_large_models_have_their_weights_apart(tmp_path, monkeypatch):
    monkeypatch.setattr(exporter, "MOST", 1000)
    model, x = nn.Linear(30, 20), tl.ones(2, 30)
    program = export(model, x, tmp_path / "m.onnx")
    assert (tmp_path / "m.onnx.data").stat().st_size == 2400 and len(program.model_bytes) < 1000
    with pytest.raises(ArgumentError, match="holds at most 2 GB"):
        export(model, x)
    runtime = pytest.importorskip("onnxruntime")
    (found,) = runtime.InferenceSession(str(tmp_path / "m.onnx")).run(None, {program.input_names[0]: x.numpy()})
    np.testing.assert_allclose(found, model(x).detach().numpy(), rtol=1e-5)


def test_a_rule_of_ones_own():
    model = cases.Function(lambda x: tl.special.entr(x))
    with pytest.raises(OperandError, match=r"the operation Entr has no form in ONNX \(in Function\); compute without it"):
        export(model, tl.ones(2))
    rules = {"Entr": lambda call: -(call[0] * call[0].op("Log"))}
    compare(export(model, tl.ones(2), custom_translation_table=rules), model, (tl.tensor([0.5, 2.0]),))


def test_verification():
    pytest.importorskip("onnxruntime")
    model = nn.Linear(3, 2)
    export(model, tl.ones(1, 3), verify=True)
    wrong = {"AffineMap": lambda call: call[0].op("MatMul", call[1].permute([1, 0]))}
    with pytest.raises(ArgumentError, match="onnxruntime computes another 'output'"):
        export(model, tl.ones(1, 3), verify=True, custom_translation_table=wrong)


def test_tables_are_those_of_onnx():
    onnx = pytest.importorskip("onnx")

    def compare_fields(table, descriptor):
        for name, (number, kind) in table.items():
            assert descriptor.fields_by_name[name].number == number, name
            if isinstance(kind, dict):
                compare_fields(kind, descriptor.fields_by_name[name].message_type)

    compare_fields(form.MODEL, onnx.ModelProto.DESCRIPTOR)
    for name, number in DTYPES.items():
        assert onnx.TensorProto.DataType.Name(number).lower() == {"float32": "float", "float64": "double"}.get(name, name)


def test_rules_are_of_operations():
    assert set(RULES) <= set(OPS), sorted(set(RULES) - set(OPS))


def test_models_know_that_they_are_exported():
    seen = []
    model = cases.Function(lambda x: seen.append(tl.onnx.is_in_onnx_export()) or x)
    export(model, tl.ones(1), training=tl.onnx.TrainingMode.EVAL)
    model(tl.ones(1))
    assert seen == [True, False]


# ---- what cannot be ---------------------------------------------------------------------------------------------------------
def test_values_that_are_asked_for():
    model = cases.Function(lambda x: x * 2 if bool((x > 0).all()) else x)
    with pytest.warns(UserWarning, match=r"onnx.export: the model asks for values that another run may not have \(bool\)"):
        export(model, tl.ones(2))
    tl.manual_seed(3)
    with pytest.warns(UserWarning, match=r"asks for values .* \(random numbers\)"):
        export(cases.Function(lambda x: x + tl.randn_like(x)), tl.ones(2))
    after = tl.rand(3)
    tl.manual_seed(3)
    assert (tl.rand(3) == after).all()
    with pytest.warns(UserWarning, match="asks for values"):
        export(cases.Function(lambda x: x[x > 0]), tl.ones(2))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        export(cases.Function(lambda x: x * x.size(0)), tl.ones(2))


def test_sizes_that_cannot_vary():
    def steps(x):
        for i in range(x.size(0)):
            x = x + x[i]
        return x

    wrong = [
        (steps, "does something else at other sizes"),
        (lambda x: x * float(x.size(0) ** 2), "a setting is 16.0 at one size"),
        (lambda x: x + tl.arange(x.size(0) * 2)[::2] ** 2, "depends on the dynamic axes in a way that is not understood"),
    ]
    for f, text in wrong:
        with pytest.raises(GraphError, match=text):
            export(cases.Function(f), tl.ones(4), dynamic_axes={"input_0": {0: "n"}})
    with pytest.raises(OperandError, match="has no form in ONNX where its sizes vary"):
        export(nn.AdaptiveAvgPool1d(3), tl.ones(1, 2, 9), dynamic_axes={"input": {2: "n"}})
    with pytest.raises(ArgumentError, match="does not run at other sizes of the dynamic axes n"):
        export(nn.Linear(3, 2), tl.ones(1, 3), dynamic_axes={"input": {1: "n"}})


@pytest.mark.parametrize(
    "call, error, text",
    [
        (lambda m, x: export(abs, x), OperandError, "onnx.export: needs a module"),
        (lambda m, x: export(m, x, opset_version=9), ArgumentError, "opset_version must be from 17 to"),
        (lambda m, x: export(m, x, opset_version="17"), OperandError, "opset_version must be an integer"),
        (lambda m, x: export(m, x, input_names=["a", "b"]), ArgumentError, "input_names must be at most 1 different names"),
        (lambda m, x: export(m, x, output_names="ab"), ArgumentError, "output_names must be at most 1 different names"),
        (lambda m, x: export(m, x, dynamic_axes=[0]), OperandError, "dynamic_axes must be a dict"),
        (lambda m, x: export(m, x, dynamic_shapes=({}, {})), ArgumentError, "dynamic_shapes must have an entry for each"),
        (lambda m, x: export(m, tl.ones(3, 3), dynamic_axes={"input": {0: "n", 1: "n"}}), ArgumentError, "does not run at other sizes"),
        (lambda m, x: export(m, x, dynamic_axes={"input": {0: "n", 1: "n"}}), ArgumentError, "axes of one name have one size"),
        (lambda m, x: export(cases.Function(lambda x: 3), x), OperandError, "the results must be tensors"),
        (lambda m, x: export(cases.Function(lambda x: x * 1j), x), TypeError, "do not compute in complex64"),
        (lambda m, x: export(m, x, training=tl.onnx.TrainingMode.TRAINING), ArgumentError, "training: graphs have their parameters"),
        (lambda m, x: export(m, x, export_params=False), ArgumentError, "export_params: graphs have their parameters"),
        (lambda m, x: export(nn.LSTM(3, 4, proj_size=2), tl.ones(2, 1, 3)), OperandError, "an LSTM with proj_size has no form"),
    ],
)
def test_wrong_calls(call, error, text):
    with pytest.raises(error, match=text):
        call(nn.Linear(3, 2), tl.ones(2, 3))


def test_signature_is_pytorchs():
    torch = pytest.importorskip("torch")
    own, theirs = (inspect.signature(f).parameters for f in (export, torch.onnx.export))
    assert list(own) == list(theirs) and [p.kind for p in own.values()] == [p.kind for p in theirs.values()]


# ---- the transform behind it ------------------------------------------------------------------------------------------------
def test_traces():
    def f(x, n):
        y = x * n
        y += 1
        y[0] = 0
        return {"a": y.sum(), "b": [x.detach()]}

    found = trace(f, (tl.ones(3), 2))
    assert found.steps[0].op is OPS["Multiply"] and len(found.inputs) == 1 and len(found.outputs) == 2
    assert float(found.arrays[found.outputs[0]]) == 6 and not found.asked
    inside = []
    trace(
        lambda x: inside.extend([x.shape, x.dtype, repr(x)[:7], bool(x[0]), int(x[0]), float(x[0]), x.tolist(), x.requires_grad]) or x,
        [tl.ones(2)],
    )
    assert inside == [(2,), tl.float32, "Traced(", True, 1, 1.0, [1.0, 1.0], False]
    (inner,) = trace(lambda x: tl.func.grad(lambda y: (y * y).sum())(x), [tl.tensor([3.0])]).outputs
    assert isinstance(inner, int)


class _Swish(tl.autograd.Function):
    @staticmethod
    def forward(ctx, x, scale):
        ctx.save_for_backward(x)
        return x * tl.sigmoid(scale * x), x.relu()

    @staticmethod
    def backward(ctx, g, h):
        raise AssertionError


class _Split(tl.autograd.Function):
    @staticmethod
    def forward(x):
        return x.exp() + 1

    @staticmethod
    def setup_context(ctx, inputs, output):
        ctx.save_for_backward(*inputs)


def test_functions_of_the_user_are_written_down_as_what_they_do():
    class Model(nn.Module):
        def forward(self, x):
            a, b = _Swish.apply(x, 1.5)
            return _Split.apply(a) - b

    model, x = Model(), tl.linspace(-2, 2, 6)
    assert [s.op.__name__ for s in trace(model, [x]).steps] == ["Multiply", "Sigmoid", "Multiply", "ReLU", "Exp", "Add", "Subtract"]
    compare(export(model, (x,)), model, (x,))


@pytest.mark.parametrize("name", ["svd", "eigh", "eig", "qr", "inv", "cholesky", "lu", "solve", "lstsq", "pinv", "matrix_exp", "det"])
def test_what_has_no_form_in_onnx_is_said_by_name(name):
    def decompose(x):
        out = getattr(tl.linalg, name)(*[x] * (2 if name in ("solve", "lstsq") else 1))
        return out[0] if isinstance(out, tuple) else out

    with pytest.raises(TypeError, match=r"onnx\.export: the operation \w+ has no form in ONNX"):
        export(cases.Function(decompose), (tl.eye(3) + 0.1,))
