"""Wrong calls of functions: what they are told (a table), and that nothing raw comes out of any of thousands (a sweep).

The table is in ``bad_function_calls.py``, the sweep is made in ``wrong_calls.py``. Layers, optimizers and data are in ``test_errors.py``.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path

import numpy as np
import pytest
import source
from bad_function_calls import BAD_FUNCTION_CALLS, OTHER_KIND
from wrong_calls import Attempt, attempt, right_calls, wrong_calls

import tensorflowlite_clone as tl
from tensorflowlite_clone._errors import LONGEST, Bounded, DimensionError, OperandError
from tensorflowlite_clone.core.plain import plain_array

#: Longer than any message, with what stands around it.
SHORT = LONGEST + 100


def names(T, make):
    """What the rows of the table are written with."""
    return {
        "T": T,
        "F": T.nn.functional,
        "t": lambda *shape: make(np.ones(shape, np.float32)),
        "i": lambda *shape: make(np.arange(int(np.prod(shape))).reshape(shape)),
        "b": lambda *shape: make(np.ones(shape, np.bool_)),
    }


def told(call, scope):
    try:
        eval(call, scope)
    except Exception as error:
        return error
    return None


# ---- the table ------------------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("call", BAD_FUNCTION_CALLS)
def test_a_wrong_call_is_told_function_fact_and_fix(call):
    error = told(call, names(tl, tl.tensor))
    assert isinstance(error, Bounded), f"{error!r}"
    message, name = str(error), re.match(r"[TF]\.(\w+)", call)[1]
    assert re.match(r"(linalg\.)?[\w.]+: ", message) and name in message, message
    assert re.search(BAD_FUNCTION_CALLS[call], message), message
    assert "NumPy says" not in message and len(message) < SHORT
    assert re.search(r";|must|needs|only|cannot|not ", message), f"no fix: {message}"


def test_the_table_is_long_and_every_row_is_refused_by_torch_too():
    torch = pytest.importorskip("torch", reason="compares with PyTorch")
    assert len(BAD_FUNCTION_CALLS) >= 250 and OTHER_KIND.keys() <= BAD_FUNCTION_CALLS.keys()
    ours, theirs = names(tl, tl.tensor), names(torch, torch.tensor)
    for call in BAD_FUNCTION_CALLS:
        error = told(call, theirs)
        assert error is not None, f"PyTorch computes {call}"
        kinds = [k for k in (TypeError, RuntimeError, IndexError) if isinstance(error, k) and not isinstance(error, NotImplementedError)]
        if kinds and call not in OTHER_KIND:
            assert any(isinstance(told(call, ours), k) for k in kinds), f"{call}: {told(call, ours)!r}, PyTorch: {error!r}"


IN_PLACE = {
    "x.add_(None)", "x.add_('a')", "x.mul_([1.0])", "x.sub_(t(4))", "x.div_(t(2, 2))", "x.copy_(None)", "x.copy_(t(4))", "x.copy_('a')",
    "x.fill_(None)", "x.fill_('a')", "x.fill_(t(3))", "x.masked_fill_(None, 0.0)", "x.masked_fill_(b(2), 0.0)", "x.clamp_('a', 1)",
    "x.pow_('a')", "x.scatter_(0, i(4), 1.0)", "x.scatter_(0, i(3), None)", "x.index_fill_(0, i(4), 1.0)", "x.index_add_(0, i(3), t(2))",
    "x.__setitem__(0, None)", "x.__setitem__(0, 'a')", "x.__setitem__(0, [1.0, None])", "x.__setitem__(0, {})", "x.__setitem__(5, 1.0)",
    "x.__setitem__(slice(0, 2), t(3))", "x.__setitem__(t(3), 1.0)", "x.__setitem__('a', 1.0)", "x.__setitem__(b(2), 1.0)",
    "x.lerp_(t(3), 'a')",
    "x.addcmul_(t(3), None)", "x.normal_(0.0, -1.0)", "x.uniform_(1.0, 0.0)", "x.bernoulli_(2.0)", "x.exponential_(-1.0)", "x.t_(3)",
    "x.squeeze_('a')", "x.__imul__(t(4))", "x.softmax_(0)", "x.zero_(1)",
}  # fmt: skip


@pytest.mark.parametrize("call", sorted(IN_PLACE))
@pytest.mark.parametrize("grad", [False, True])
def test_a_wrong_call_in_place_changes_nothing(call, grad):
    leaf = tl.tensor([1.0, 2.0, 3.0], requires_grad=grad)
    x = leaf * 1.0
    version, node = x._version, x.node
    assert told(call, {**names(tl, tl.tensor), "x": x}) is not None
    assert x.tolist() == [1.0, 2.0, 3.0] and x._version == version and x.node is node and x.shape == (3,)


# ---- the sweep ------------------------------------------------------------------------------------------------------------------------
SWEPT = right_calls(1)
#: Results that a number of theirs makes large: they take long, and are right.
LARGE = {"combinations"}


@pytest.mark.parametrize("call", SWEPT, ids=[f"{a.space}{a.name}" for a in SWEPT])
def test_whatever_stands_for_an_argument_nothing_raw_comes_out(call: Attempt):
    with np.errstate(all="ignore"):
        for wrong in wrong_calls([call]):
            if wrong.name in LARGE and wrong.wrong in ("far", "huge"):
                continue
            error = attempt(tl, tl.from_numpy, wrong)
            assert error is None or isinstance(error, Bounded), f"{wrong} ({wrong.wrong}): {error!r}"
            assert error is None or (": " in str(error) and len(str(error)) < SHORT), f"{wrong} ({wrong.wrong}): {error!r}"


# ---- messages -------------------------------------------------------------------------------------------------------------------------
MILLION = 10**6


def test_what_a_message_quotes_is_short_in_every_argument_of_every_function():
    for call in SWEPT:
        for i in range(len(call.args)):
            for long in ("x" * 10**5, dict.fromkeys(range(10**4), "x")):
                wrong = Attempt(call.space, call.name, (*call.args[:i], long, *call.args[i + 1 :]), call.kwargs)
                error = attempt(tl, tl.from_numpy, wrong)
                assert error is None or len(str(error)) < SHORT, f"{call.name}: {len(str(error))} characters"


def test_every_error_class_of_the_package_shortens_its_message():
    for cls in (c for c in vars(tl._errors).values() if isinstance(c, type) and issubclass(c, Bounded)):
        text = str(cls("op: rule: " + "x" * MILLION + "; the fix"))
        assert text.startswith("op: rule: xxx") and text.endswith("xxx; the fix") and len(text) < SHORT and "characters left out" in text
        assert str(cls("short")) == "short"


def test_the_package_raises_nothing_of_python_s_own_with_a_value_in_it_that_could_be_long():
    """Python's own errors do not shorten what they quote: where one quotes with ``!r``, the format says how much of it."""
    root, found = Path(tl.__file__).parent, []
    for path, tree in source.read(root).items():
        for node in ast.walk(tree):
            if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call) and isinstance(node.exc.func, ast.Name):
                cls = getattr(tl._errors, node.exc.func.id, None)
                if not isinstance(cls, type) or not issubclass(cls, Bounded):
                    quoted = [v for v in ast.walk(node.exc) if isinstance(v, ast.FormattedValue) and v.conversion == 114]
                    found += [f"{path}:{node.lineno}: {ast.unparse(v.value)}" for v in quoted if v.format_spec is None]
    assert {f.rsplit(": ", 1)[1] for f in found} <= {
        "name", "key", "fact", "__name__", "self.__name__", "target", "package", "outputs", "constant", "array", "type(self).__name__",
        "name[2:]", "cls.flat", "self.name", "owner.__name__",
    }, "\n".join(found)  # names of attributes, fields and modules  # fmt: skip


# ---- how it is done -------------------------------------------------------------------------------------------------------------------
def test_an_error_of_the_user_s_own_code_comes_out_as_it_is():
    def hook(t):
        raise KeyError("mine")

    x = tl.ones(3, requires_grad=True)
    with tl.autograd.graph.saved_tensors_hooks(hook, lambda t: t), pytest.raises(KeyError, match=r"^'mine'$"):
        tl.nn.functional.normalize(x, dim=0)


def test_settings_that_stand_for_others_are_taken():
    x = tl.arange(6.0).reshape(2, 3)
    assert x.sum(np.int64(1)).tolist() == x.sum(tl.tensor(1)).tolist() == x.sum(dim=[1]).tolist() == x.sum(axis=np.array([1])).tolist()
    assert x.sum(1, keepdim=True).shape == x.sum(1, keepdims=1).shape == (2, 1)
    assert tl.nn.functional.leaky_relu(-x, np.float32(0.5)).tolist() == tl.nn.functional.leaky_relu(-x, 0.5).tolist()
    assert tl.zeros(2, dtype=float).dtype == tl.zeros(2, dtype="float64").dtype == np.float64


def test_errors_name_the_function_that_was_called_and_what_it_is_made_of():
    with pytest.raises(DimensionError, match=r"^softmin: softmax: dimension out of range"):
        tl.nn.functional.softmin(tl.ones(3), 1)


def test_plain_array_refuses_what_holds_no_numbers():
    for x in (
        None,
        "a",
        {},
        [object()],
        np.array(["a"]),
        np.array([None]),
        np.zeros(1, "M8[s]"),
        np.zeros(1, [("a", "f4")]),
        np.longdouble(1),
    ):
        with pytest.raises(OperandError, match="op: cannot make a tensor of"):
            plain_array(x, "op")
