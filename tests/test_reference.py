"""Every page of the reference says what it is of, shapes and dtypes, errors, an example and its source, and all of it is true.

The pages are gone over without Sphinx (``docs/_ext/reference_pages``). Examples run as they are shown, which is with the imports that stand
above them; what they print is compared, as is every error that is shown. Not here: the examples of pages of prose (``test_pages.py``).
"""

from __future__ import annotations

import copy
import doctest
import fnmatch
import functools
import importlib.util
import inspect
import re
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest

import tensorflowlite_clone as tl
from tensorflowlite_clone.core import families as kinds

pytest.importorskip("scipy", reason="SciPy is not installed")  # some pages are of its functions
sys.path.append(str(Path(__file__).parent.parent / "docs" / "_ext"))
from purposes import PURPOSES
from reference_pages import families, parts, trying
from reference_pages.names import Entry, Reference, operation

SLUGS = [slug for _, slug, *_ in PURPOSES]
#: What examples need that may not be installed.
EXTRAS = {"PIL": r"PIL|[Pp]il", "scipy": r"scipy", "ml_dtypes": r"bfloat16|BFloat16", "matplotlib": r"matplotlib", "numba": r"fast\."}


reference = functools.cache(Reference)


def entries(slug):
    return [e for e in reference().entries.values() if e.purpose == slug]


@functools.cache
def said(entry):
    return parts.Parts(entry)


def is_installed(example):
    if "as_torch.install" in example and any(name.partition(".")[0] == "torch" for name in sys.modules):
        return False  # PyTorch itself, which other tests import
    return all(importlib.util.find_spec(module) for module, pattern in EXTRAS.items() if re.search(pattern, example))


@pytest.mark.parametrize("slug", SLUGS)
def test_every_public_name_has_every_part(slug, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    lacking = {e.name: said(e).lacking() for e in entries(slug) if all(map(is_installed, said(e).examples))}
    assert not {name: which for name, which in lacking.items() if which}


@pytest.mark.parametrize("slug", SLUGS)
def test_examples_run_as_they_are_shown(slug, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE)
    told: list[str] = []
    for entry in entries(slug):
        for example in filter(is_installed, said(entry).examples):
            test = trying.PARSER.get_doctest(example, {"__name__": "example"}, entry.name, None, 0)
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                tl.manual_seed(0)
                runner.run(test, out=told.append)
    assert not runner.failures, "\n".join(told)


@pytest.mark.parametrize("module", tl.scipy.__all__)
def test_what_has_derivatives_of_scipys_names_has_a_page(module):
    ours, scipys = getattr(tl.scipy, module), importlib.import_module(f"scipy.{module}")
    lost = []
    for name in scipys.__all__:
        thing = getattr(ours, name)
        refuses = getattr(getattr(thing, "__code__", None), "co_qualname", "").startswith("refusing.")
        elsewhere = (scipys, np.fft, tl.integrate)  # has its page there
        if not refuses and not inspect.ismodule(thing) and all(thing is not getattr(space, name, None) for space in elsewhere):
            lost += [name] if f"scipy.{module}.{name}" not in reference().pages else []
    assert not lost


def test_an_example_that_prints_something_else_fails():
    runner = doctest.DocTestRunner()
    runner.run(trying.PARSER.get_doctest(">>> 1 + 1\n3\n", {}, "wrong", None, 0), out=lambda text: None)
    assert runner.failures == 1


def test_calls_that_raise_raise_what_is_said(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    wrong = []
    for name, datum in parts.data().items():
        for call, kind in datum.raises:
            scope = trying.scope_after(trying.imported("\n".join(datum.example), reference().pages[name]))
            outcome = trying.attempt(call, scope) if is_installed(call) else (call, kind, "")
            if outcome is None or outcome[1] != kind:
                wrong.append(f"{name}: {call} raises {outcome and outcome[1]}, not {kind}")
    assert not wrong


def test_data_are_of_pages_that_there_are():
    pages = reference().pages
    assert not [name for name in parts.data() if name not in pages]


def test_every_source_is_of_some_page():
    names = [n for e in reference().entries.values() for n in (e.name, *e.names)]
    assert not [p for p, _ in parts.patterns() if not any(fnmatch.fnmatchcase(n, p) for n in names)]


def test_a_name_without_parts_is_listed():
    def bare(x):
        return x

    bare.__module__ = "tensorflowlite_clone"
    entry = Entry("bare", bare)
    entry.purpose = "elementwise"
    assert set(parts.Parts(entry).lacking()) == {"what it is", "shapes and dtypes", "errors", "example", "source"}


# ---- what families promise ---------------------------------------------------------------------------------------------------------------
def of_kind(predicate):
    return [e for e in reference().entries.values() if predicate(e)]


def test_properties_that_cannot_be_assigned_to_say_so():
    for entry in of_kind(lambda e: isinstance(e.thing, property) and e.thing.fset is None):
        with pytest.raises(AttributeError):
            setattr(tl.zeros(2, 2), entry.last, 1)


def test_what_is_said_of_dims_holds():
    """Reductions over one dimension, of the examples that are shown."""
    checked = 0
    for entry in of_kind(lambda e: families.shapes(e) and "keepdim" in families.parameters(e) and e.purpose == "reductions"):
        x = tl.rand(2, 3, 4)
        f = entry.thing
        extra = {"q": 0.5} if "q" in families.parameters(entry) else {"k": 1} if "k" in families.parameters(entry) else {}
        for keep in (False, True):
            for result in trying.flat(f(x, dim=1, keepdim=keep, **extra)):
                assert tuple(result.shape) == ((2, 1, 4) if keep else (2, 4)), entry.name
                checked += 1
    assert checked > 40


def test_optimizers_remember_what_has_the_shape_and_dtype_of_the_parameter():
    checked = 0
    for entry in of_kind(families.is_optimizer):
        step = inspect.signature(entry.thing.step).parameters.get("closure")
        needed = [
            q for q in inspect.signature(entry.thing).parameters.values() if q.default is q.empty and q.kind == q.POSITIONAL_OR_KEYWORD
        ]
        if entry.last in ("SparseAdam", "Adafactor") or len(needed) > 1 or step is None or step.default is step.empty:
            continue
        p = tl.ones(2, 3, dtype=tl.float64, requires_grad=True)
        optimizer = entry.thing([p])
        for _ in range(2):
            optimizer.zero_grad()
            (p * p).sum().backward()
            optimizer.step()
        for value in trying.flat(dict(optimizer.state.get(p, {}))):
            if value.ndim == 2:
                assert (tuple(value.shape), value.dtype) == ((2, 3), tl.float64), entry.name
                checked += 1
    assert checked > 5


def test_distributions_have_the_shapes_that_are_said():
    checked = 0
    for entry in of_kind(lambda e: e.purpose == "distributions" and inspect.isclass(e.thing)):
        if not issubclass(entry.thing, tl.distributions.Distribution):
            continue
        for call in said(entry).calls:
            d = call.result
            if call.kind == "class" and isinstance(d, tl.distributions.Distribution) and type(d) is entry.thing:
                try:
                    value = d.sample((2,))
                except NotImplementedError:
                    continue
                assert tuple(value.shape) == (2, *d.batch_shape, *d.event_shape), entry.name
                assert tuple(d.log_prob(value).shape) == (2, *d.batch_shape), entry.name
                checked += 1
    assert checked > 20


def test_operations_of_elements_have_the_shapes_that_are_said():
    checked = 0
    for entry in of_kind(lambda e: operation(e.thing) is not None and issubclass(operation(e.thing), kinds.Elementwise)):
        op = operation(entry.thing)
        if set(op.params) <= set(op.defaults) and len(op.names) <= 2:
            whole = any("integers" in text for text in (entry.thing.__doc__ or "", entry.first)) or entry.last.startswith("bitwise")
            operands = [tl.ones(2, 1), tl.ones(3)] if len(op.names) == 2 else [tl.ones(2, 3)]
            operands = [x.to(tl.int64) for x in operands] if whole else operands
            assert tuple(trying.flat(entry.thing(*operands))[0].shape) == (2, 3), entry.name
            checked += 1
    assert checked > 50


def test_layers_have_results_of_their_dtype():
    checked = 0
    for entry in of_kind(lambda e: families.is_module(e) and e.purpose == "nn"):
        for call in said(entry).calls:
            floats = [t for t in call.tensors if t.is_floating_point()]
            if call.kind == "instance" and floats and isinstance(call.result, tl.Tensor) and call.result.is_floating_point():
                module = copy.deepcopy(call.function).double()
                with trying.quietly():
                    result = module(*(a.double() if isinstance(a, tl.Tensor) and a.is_floating_point() else a for a in call.args))
                assert result.dtype == tl.float64, entry.name
                checked += 1
    assert checked > 80


def test_names_for_values_refuse_others():
    for entry in of_kind(families.is_enum):
        with pytest.raises(ValueError):
            entry.thing("no such value")


def test_pages_have_one_order():
    pytest.importorskip("sphinx", reason="Sphinx is not installed")
    writer = importlib.import_module("reference")

    order = ["Shapes and dtypes", "Errors", "Example", "Source", "Methods"]
    for name in ("add", "nn.Linear", "optim.Adam", "distributions.Normal", "Tensor.shape", "func.jvp"):
        found = re.findall(r"\.\. rubric:: (.*)", writer.page(reference(), reference().pages[name]))
        assert found == [part for part in order if part in found], name
        assert found[:4] == order[:4]
