"""The parameter that names dimensions, of every function that has one: several, none, other kinds of numbers, what is no dimension.

Not here: what the functions compute (``test_against_torch.py``, ``test_numpy_language.py``).
"""

from __future__ import annotations

import inspect
import warnings

import numpy as np
import pytest

import tensorflowlite_clone as tl
from tensorflowlite_clone.core.registry import FUNCTIONS, METHODS, NN_FUNCTIONS, SPACES

X = [[1.0, 5.0], [3.0, 2.0]]
#: Parameters that name dimensions.
NAMES = ("dim", "dims", "dim0", "dim1", "dim2", "start_dim", "end_dim")
#: What else a call needs, by parameter.
OTHERS = {
    "index": lambda: tl.tensor([0, 1]),
    "indices": lambda: tl.tensor([[0, 1], [1, 0]]), "tensors": lambda: [tl.tensor(X), tl.tensor(X)], "k": lambda: 1,
    "shifts": lambda: 1, "start": lambda: 0, "length": lambda: 1, "size": lambda: 1, "step": lambda: 1, "value": lambda: 1.0,
    "q": lambda: 0.5, "sizes": lambda: (2, 1), "dim0": lambda: 0, "dim1": lambda: 1, "chunks": lambda: 2, "split_size": lambda: 1,
    "split_sizes": lambda: (1, 1), "split_size_or_sections": lambda: 1, "indices_or_sections": lambda: 1, "sections": lambda: 1,
    "dimension": lambda: 0, "n": lambda: 1, "p": lambda: 2.0, "maxnorm": lambda: 1.0, "repeats": lambda: 2,
    "mask": lambda: tl.tensor(X) > 2.0, "rank": lambda: 1,
}  # fmt: skip
FULL_INDEX = {"gather", "scatter", "scatter_add", "scatter_reduce", "take_along_dim"}
TABLES = {
    "tl": FUNCTIONS, "nn.functional": NN_FUNCTIONS, "Tensor": {n: f for n, f in METHODS.items() if not n.startswith("__")},
    "linalg": {n: getattr(tl.linalg, n) for n in tl.linalg.__all__}, "fft": {n: getattr(tl.fft, n) for n in tl.fft.__all__},
    **SPACES,
}  # fmt: skip
#: What adds a dimension, so that the last one is another.
NEW = ("unsqueeze", "unsqueeze_copy", "stack")
#: Functions with such a parameter whose calls here would say nothing of it.
OTHERWISE = {
    "tile": "how often, not dimensions", "tensordot": "two lists, or how many", "diag_embed": "two new dimensions, which must differ",
    "sparse.softmax": "of sparse tensors", "sparse.log_softmax": "of sparse tensors",
    "tensorsolve": "the sizes of the operands must fit them",
}  # fmt: skip


def parameters(f):
    try:
        return inspect.signature(inspect.unwrap(f)).parameters
    except (ValueError, TypeError):
        return {}


CASES = [
    (where, name, dim)
    for where, table in TABLES.items()
    for name, f in sorted(table.items())
    for dim in NAMES
    if inspect.isfunction(f) and dim in parameters(f) and not {name, f"{where}.{name}"} & OTHERWISE.keys()
]


def call(where, name, dim, value):
    """The function on a matrix, and what else it needs, with a value for the parameter."""
    f = TABLES[where][name]
    given = parameters(f)
    first = next(iter(given))
    empty = inspect.Parameter.empty
    kwargs = {
        k: OTHERS.get(k, lambda: tl.tensor(X))()
        for k, p in given.items()
        if k != first and p.default is empty and p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD) and k not in NAMES[:2]
    }
    start = OTHERS["tensors"]() if first in ("tensors", "arrays") else tl.tensor(X)
    if name.rstrip("_") in FULL_INDEX:
        kwargs |= {k: tl.tensor([[0, 1], [1, 0]]) for k in kwargs if k in ("index", "indices")}
    if name.startswith(("std", "var")):
        kwargs["unbiased"] = True  # else a truth value for dim is that
    if name.startswith("select"):
        kwargs["index"] = 0
    reduce = {"scatter": "add", "index_reduce": "mean"}.get(name.rstrip("_"), "sum")
    src = tl.tensor(X[0] if name == "select_scatter" else X)
    kwargs |= {k: v for k, v in {"reduce": reduce, "repeats": 2, "src": src}.items() if k in given}
    kwargs[dim] = value
    tl.manual_seed(0)  # what is drawn is drawn alike
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return f(start, **kwargs)


def same(a, b):
    flat = [list(r) if isinstance(r, tuple | list) else [r] for r in (a, b)]
    return all(np.array_equal(np.asarray(x), np.asarray(y)) for x, y in zip(*flat, strict=True))


def takes(where, name, dim, value):
    try:
        call(where, name, dim, value)
    except (TypeError, ValueError, RuntimeError, IndexError):
        return False
    return True


def test_there_are_many_of_them():
    assert len(CASES) > 180
    assert sum(takes(*case, 0) or takes(*case, (0,)) or takes(*case, (0, 1)) for case in CASES) > 0.95 * len(CASES)


@pytest.mark.parametrize("case", CASES, ids=[".".join(c) for c in CASES])
def test_what_is_no_dimension_is_refused_by_name(case):
    """Whatever stands where a dimension should: no error but one of ours, which says what must stand there."""
    truths = [] if case[1].startswith(("std", "var")) else [True, False, (True,)]  # theirs may be unbiased=
    for good in (0, 1):
        takes(*case, good)  # what a cache keeps for them is not for 1.0 and True, which are equal
    for bad in (0.5, 1.0, "0", "dim", (0.5,), ("0",), [1.0], object(), {0}, np.float64(1.0), *truths):
        with pytest.raises((TypeError, ValueError, RuntimeError, IndexError)) as found:
            call(*case, bad)
        text = str(found.value)
        assert type(found.value).__module__.startswith("tensorflowlite_clone"), (bad, text)
        assert "dim" in text, (bad, text)
    more = int(case[1].rstrip("_") in NEW)  # dimensions that the result has and the input lacks
    for far in (5 + more, -3 - more, np.int64(7 + more)):
        with pytest.raises((IndexError, ValueError), match="dim"):
            call(*case, far)


@pytest.mark.parametrize("case", CASES, ids=[".".join(c) for c in CASES])
def test_several_dimensions_are_reduced_together_or_refused(case):
    """A tuple and a list alike, in any order; twice the same is refused; other integers than ints are dimensions."""
    name = case[1]
    if takes(*case, 0) and takes(*case, 1):
        assert same(call(*case, 0), call(*case, np.int64(0)))
        assert same(call(*case, 1), call(*case, np.int32(-1))) or name.rstrip("_") in NEW
        assert same(call(*case, 1), call(*case, np.array(1))) or name in ("max", "min")  # which compare with an array
    if not takes(*case, (0, 1)):
        for several in ((0, 1), [0, 1]):
            with pytest.raises((TypeError, ValueError, RuntimeError), match="dim") as found:
                call(*case, several)
            assert type(found.value).__module__.startswith("tensorflowlite_clone"), str(found.value)
        return
    assert same(call(*case, (0, 1)), call(*case, [0, 1]))
    assert same(call(*case, (0, 1)), call(*case, (-2, -1)))
    if name.rstrip("_") not in ("squeeze", "squeeze_copy", "roll"):
        with pytest.raises((ValueError, RuntimeError), match="dim"):
            call(*case, (0, 0))


def test_rows_of_the_report():
    x = tl.tensor(X)
    assert x.max(dim=(0, 1)).item() == x.max(dim=[0, 1]).item() == 5.0
    assert x.min(dim=(0, 1), keepdims=True).tolist() == [[1.0]]
    assert x.max(dim=1, keepdims=True).values.tolist() == [[5.0], [3.0]]
    assert x.max(tl.tensor(2.0)).tolist() == [[2.0, 5.0], [3.0, 2.0]]  # another tensor: maximum
    with pytest.raises(TypeError, match=r"max: dim must be an int: got 1\.0"):
        x.max(1.0)
    with pytest.raises(TypeError, match=r"argmax: dim must be an integer, or None: it is tuple \(0, 1\)"):
        x.argmax(dim=(0, 1))
    with pytest.raises(TypeError, match=r"softmax: dim must be an integer, or None: it is tuple"):
        x.softmax(dim=(0, 1))


def test_dimensions_and_sizes_by_keyword():
    x = tl.arange(6).reshape(2, 3)
    assert tl.flip(x, dims=(0,)).tolist() == tl.flip(x, dims=[0]).tolist() == x.flip(dims=0).tolist() == [[3, 4, 5], [0, 1, 2]]
    assert tl.permute(input=x, dims=(1, 0)).shape == x.permute(dims=(1, 0)).shape == (3, 2)
    assert x.reshape(shape=(3, 2)).shape == x.view(size=(3, 2)).shape == (3, 2)
    assert x.expand(size=(4, 2, 3)).shape == (4, 2, 3)
    assert x.repeat(repeats=(2, 1)).shape == x.tile(dims=(2, 1)).shape == (4, 3)
