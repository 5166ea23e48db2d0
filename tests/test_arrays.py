"""What enters as an array: subclasses become plain arrays, masked arrays and what holds no numbers are refused, everywhere.

The sweep puts each kind in the place of every array of every row of ``CALLS``. Not here: state dicts, data loaders.
"""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from samples import collect

import tensorflowlite_clone as tl
from tensorflowlite_clone._errors import Bounded, OperandError
from tensorflowlite_clone.core.where import PACKAGE

#: Of np.matrix.
pytestmark = pytest.mark.filterwarnings("ignore::PendingDeprecationWarning")

_, CALLS = collect()


class Tagged(np.ndarray):
    """A subclass that NumPy's operations keep."""


MAKE = {
    "tagged": lambda a: a.view(Tagged),
    "masked": lambda a: np.ma.array(a, mask=np.zeros(a.shape, bool)),
    "object": lambda a: a.astype(object),
    "text": lambda a: a.astype("U9"),
}


def tensors(result):
    """The tensors in a result."""
    if isinstance(result, list | tuple):
        return [t for r in result for t in tensors(r)]
    return [result] if isinstance(result, tl.Tensor) else []


def run(c, args):
    """The tensors that a call gives, or its error."""
    tl.manual_seed(0)
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        try:
            return tensors(c.f(tl, *args)), None
        except Exception as error:
            return None, error


def from_the_package(error):
    """Whether the package was at work when it was raised, not only NumPy's own operators in the row."""
    step, last = error.__traceback__, ""
    while step is not None:
        last = step.tb_frame.f_code.co_filename if "numpy" not in step.tb_frame.f_code.co_filename else last
        step = step.tb_next
    return last.startswith(PACKAGE)


@pytest.mark.parametrize("kind", MAKE)
def test_every_operand_of_every_function(kind):
    tried = 0
    for c in CALLS:
        given = [tl.tensor(x) if isinstance(x, np.ndarray) else x for x in c.inputs]
        for i, x in enumerate(c.inputs):
            if not isinstance(x, np.ndarray):
                continue
            plain, error = run(c, [*given[:i], x.copy(), *given[i + 1 :]])
            if error is not None or not plain:
                continue  # the row calls methods of tensors, or gives NumPy's own results
            tried += 1
            got, error = run(c, [*given[:i], MAKE[kind](x.copy()), *given[i + 1 :]])
            what = f"{c.name}, operand {i}: {error!r}"
            if kind == "tagged":
                assert error is None and len(got) == len(plain), what
                for a, b in zip(got, plain, strict=True):
                    assert type(a.array) is np.ndarray, what
                    np.testing.assert_array_equal(a.numpy(force=True), b.numpy(force=True), err_msg=what)
            elif error is not None:
                assert isinstance(error, Bounded) or not from_the_package(error), what
            else:
                assert not got or c.name in NOT_GIVEN, what
    assert tried > 1000


#: Rows that ask an operand for its shape or dtype alone, or give only NumPy's results of it (a comparison, one element) to the package.
NOT_GIVEN = {"type_as", "like", "reshape_as", "view_as", "expand_as", "sign of booleans", "truth values", "fill_ and zero_"}

ENTRANCES = {
    "Tensor": tl.Tensor,
    "tensor": tl.tensor,
    "as_tensor": tl.as_tensor,
    "asarray": tl.asarray,
    "from_numpy": tl.from_numpy,
    "Parameter": tl.nn.Parameter,
    "exp": tl.exp,
    "add": lambda a: tl.add(tl.zeros(2, 2), a),
    "+": lambda a: tl.zeros(2, 2) + a,
    "where": lambda a: tl.where(tl.ones(2, 2) > 0, a, tl.zeros(2, 2)),
    "cat": lambda a: tl.cat([tl.zeros(0, 2), a]),
    "stack": lambda a: tl.stack([a, tl.zeros(2, 2)])[0],
    "linear": lambda a: tl.nn.functional.linear(tl.eye(2), a).t(),
    "x[index] = a": lambda a: _assigned(slice(None), a),
    "copy_": lambda a: tl.zeros(2, 2).copy_(a),
    "data": lambda a: _data(a),
    "np.add": lambda a: np.add(tl.zeros(2, 2), a),
    "np.where": lambda a: np.where(tl.ones(2, 2) > 0, a, tl.zeros(2, 2)),
    "np.concatenate": lambda a: np.concatenate([tl.zeros(0, 2), a]),
    "new_tensor": lambda a: tl.zeros(1).new_tensor(a),
    "nested": lambda a: tl.tensor([a])[0],
}


def _assigned(index, value):
    x = tl.zeros(2, 2)
    x[index] = value
    return x


def _data(a):
    x = tl.zeros(2, 2)
    x.data = a
    return x


VALUES = np.array([[1.0, 2.0], [3.0, 4.0]], np.float32)


@pytest.mark.parametrize("name", ENTRANCES)
def test_subclasses_become_plain_arrays(name, tmp_path):
    mapped = np.memmap(tmp_path / "m", np.float32, "w+", shape=(2, 2))
    mapped[:] = VALUES
    for a in (np.matrix(VALUES), VALUES.view(Tagged), mapped):
        x = ENTRANCES[name](a)
        assert isinstance(x, tl.Tensor) and type(x.array) is np.ndarray and x.shape == (2, 2)
        np.testing.assert_array_equal(x.numpy(force=True), np.exp(VALUES) if name == "exp" else VALUES)
        assert x[0].shape == (2,)


@pytest.mark.parametrize("name", ENTRANCES)
def test_masked_arrays_are_refused_whatever_they_mask(name):
    for mask in (False, VALUES > 2):
        with pytest.raises(OperandError, match=r"masked array has elements that do not count: it is float32 \(2, 2\); pass"):
            ENTRANCES[name](np.ma.array(VALUES, mask=mask))


NO_NUMBERS = {
    "object": np.array([[1, 2], [3, None]], object),
    "numbers as objects": VALUES.astype(object), "text": np.array([["a", "b"], ["c", "d"]]),
    "bytes": np.array([[b"a", b"b"]] * 2), "dates": np.zeros((2, 2), "M8[s]"), "fields": np.zeros((2, 2), [("a", "f4")]),
    "extended": VALUES.astype(np.longdouble),
}  # fmt: skip


@pytest.mark.parametrize("kind", NO_NUMBERS)
@pytest.mark.parametrize("name", ENTRANCES)
def test_arrays_without_numbers_are_refused(name, kind):
    with pytest.raises(Bounded) as caught:
        ENTRANCES[name](NO_NUMBERS[kind])
    assert isinstance(caught.value, TypeError)


class Thing:
    """An object that is no number, with the same text in every process."""

    def __repr__(self):
        return "Thing()"


@pytest.mark.parametrize("data", [{"a": 1}, None, "a", b"a", [None], [[1.0], "a"], {1}, Thing(), [np.ma.masked, 1.0]], ids=repr)
def test_objects_make_no_tensor(data):
    for make in (tl.Tensor, tl.tensor, tl.as_tensor, tl.asarray):
        if make is tl.Tensor and isinstance(data, list) and np.ma.masked in data:
            continue
        with pytest.raises(Bounded):
            make(data)


@pytest.mark.parametrize("value", [None, "a", {}, [1.0, None], ["a"], Thing(), np.array(None), np.ma.masked], ids=repr)
@pytest.mark.parametrize("index", [0, slice(0, 2), (0, 1), [0, 1], ...], ids=repr)
@pytest.mark.parametrize("grad", [False, True])
def test_no_object_is_written_into_a_tensor(value, index, grad):
    x = tl.ones(2, 2, requires_grad=grad) * 1.0
    before = x._version
    with pytest.raises(Bounded):
        x[index] = value
    assert x.tolist() == [[1.0, 1.0], [1.0, 1.0]] and x._version == before


def test_indices_too():
    x = tl.arange(3.0)
    assert x[np.array([0, 2]).view(Tagged)].tolist() == [0.0, 2.0]
    assert x[np.matrix([[0, 2]])].shape == (1, 2)
    with pytest.raises(OperandError, match="indexing: a masked array"):
        x[np.ma.array([0, 1])]
    with pytest.raises(OperandError, match="indexing: index arrays must be integers or booleans"):
        x[np.array(["a"])]


def test_memory_is_shared_where_it_was():
    m = np.matrix([[1.0, 2.0]])
    for x in (tl.from_numpy(m), tl.as_tensor(m), tl.Tensor(m)):
        m[0, 0] += 1.0
        assert x[0, 0].item() == m[0, 0]


def test_foreign_byte_order_never_gets_into_a_tensor():
    swapped = VALUES.astype(VALUES.dtype.newbyteorder())
    for name in ENTRANCES.keys() - {"from_numpy"}:
        assert ENTRANCES[name](swapped).array.dtype.isnative, name


def test_none_stands_only_for_operands_that_may_be_missing():
    """Each operation says which; the compiled call and the general one agree."""
    for name, op in tl.core.registry.OPS.items():
        assert set(op.optional) <= {*op.names}, name
    x = tl.ones(2, requires_grad=True)
    for _ in range(2):  # the second time through the compiled call
        for f in (tl.atan2, tl.maximum, tl.hypot, tl.fmod, tl.where):
            with pytest.raises(OperandError):
                f(x > 0, x, None) if f is tl.where else f(x, None)
        assert tl.atan2(x, x).requires_grad and tl.where(x > 0, x, x).requires_grad
