"""Nested arguments and results: flattening, rebuilding, matching, prefixes."""

from __future__ import annotations

from collections import OrderedDict, defaultdict, namedtuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tensorflowlite_clone._errors import ArgumentError
from tensorflowlite_clone.func.tree import flatten, flatten_as, map_leaves, spread, unflatten

Point = namedtuple("Point", "x y")
TREES = st.recursive(
    st.integers() | st.none(),
    lambda t: st.lists(t, max_size=3) | st.tuples(t, t) | st.dictionaries(st.text(max_size=2), t, max_size=3) | st.builds(Point, t, t),
    max_leaves=12,
)


@given(TREES)
def test_unflatten_reverses_flatten(tree):
    leaves, structure = flatten(tree)
    rebuilt = unflatten(structure, leaves)
    assert rebuilt == tree
    assert type(rebuilt) is type(tree)
    assert flatten_as(structure, tree, "op", "a", "b") == leaves


@given(TREES)
def test_structures_do_not_depend_on_leaves(tree):
    assert flatten(tree)[1] == flatten(map_leaves(lambda x: x + 1, tree))[1]


def test_kinds_of_dicts_and_tuples_are_kept():
    tree = {"o": OrderedDict(z=1, a=2), "d": defaultdict(list, k=3), "p": Point(4, (5,))}
    leaves, structure = flatten(tree)
    assert leaves == [1, 2, 3, 4, 5]
    rebuilt = unflatten(structure, leaves)
    assert type(rebuilt["o"]) is OrderedDict
    assert list(rebuilt["o"]) == ["z", "a"]
    assert rebuilt["d"]["new"] == []
    assert rebuilt["p"].y == (5,)


def test_dicts_match_whatever_the_order_of_their_keys():
    _, structure = flatten({"a": 0, 1: (0, 0)})
    assert flatten_as(structure, {1: [2, 3], "a": 1}, "op", "x", "y") == [1, 2, 3]


@pytest.mark.parametrize(
    ("tree", "message"),
    [
        ({"a": 1}, r"op: t and p are nested differently: t is a dict with the keys \['a'\], p is a dict with the keys \['a', 'b'\]; nest"),
        ({"a": 1, "b": (1,)}, r"t\['b'\] is a tuple of 1, p\['b'\] is a tuple of 2"),
        ({"a": (1,), "b": (1, 2)}, r"t\['a'\] is a tuple of 1, p\['a'\] is one value"),
        ({"a": None, "b": (1, 2)}, r"t\['a'\] is None, p\['a'\] is one value"),
        ({"a": 1, "b": (1, [2])}, r"t\['b'\]\[1\] is a list of 1, p\['b'\]\[1\] is one value"),
    ],
)
def test_trees_that_do_not_match(tree, message):
    _, structure = flatten({"a": 0, "b": (0, 0)})
    with pytest.raises(ArgumentError, match=message):
        flatten_as(structure, tree, "op", "t", "p")


def test_none_must_meet_none():
    _, structure = flatten((None, 1))
    assert flatten_as(structure, (None, 2), "op", "t", "p") == [2]
    with pytest.raises(ArgumentError, match=r"t\[0\] is one value, p\[0\] is None"):
        flatten_as(structure, (1, 2), "op", "t", "p")


def test_prefixes_stand_for_everything_below_them():
    tree = ({"a": 1, "b": [2, 3]}, 4, None)
    assert spread(0, tree, "op", "dims") == [0] * 4
    assert spread(({"a": 1, "b": None}, 2, None), tree, "op", "dims") == [1, None, None, 2]
    assert spread([0, None, 5], tree, "op", "dims") == [0, 0, 0, None]


@pytest.mark.parametrize(
    ("dims", "message"),
    [
        ((0, 1), r"op: dims does not fit: dims is a tuple of 2 \(\(0, 1\)\), its value is a tuple of 1"),
        (({"b": 0},), r"dims\[0\] is a dict with the keys \['b'\] .*, its value is a dict with the keys \['a'\]"),
        ((1.5,), r"op: dims must hold ints and None: dims\[0\] is 1.5"),
        ((True,), r"must hold ints and None"),
        (("x",), r"must hold ints and None: dims\[0\] is 'x'"),
    ],
)
def test_prefixes_that_do_not_fit(dims, message):
    with pytest.raises(ArgumentError, match=message):
        spread(dims, ({"a": np.ones(2)},), "op", "dims")
