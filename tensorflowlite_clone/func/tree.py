"""Nested dicts, lists, tuples and named tuples as flat lists of leaves, and back.

A leaf is anything that is not one of these containers; None is a container without leaves. Dicts keep the order of their keys, and
two dicts with the same keys in another order have the same structure. Not here: what the transforms do with the leaves.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

from .._errors import ArgumentError, OperandError, ShapeError
from ..core.broadcast import shape_of


class Node(NamedTuple):
    """The structure of a container: its type, its keys (dicts only), the structures of its children, a defaultdict's factory."""

    kind: type
    keys: tuple[Any, ...] | None
    children: tuple[Structure, ...]
    factory: Any = None


class Leaf:
    """The structure of a leaf; there is one instance, `LEAF`."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "*"


LEAF = Leaf()
Structure = Node | Leaf


def flatten(tree: Any) -> tuple[list[Any], Structure]:
    """The leaves of ``tree`` from left to right, and its structure.

    >>> leaves, structure = flatten({"b": [1, 2], "a": (3, None)}); leaves
    [1, 2, 3]
    """
    leaves: list[Any] = []
    return leaves, _walk(tree, leaves)


def _walk(tree: Any, leaves: list[Any]) -> Structure:
    if isinstance(tree, dict):
        factory = tree.default_factory if isinstance(tree, defaultdict) else None
        return Node(type(tree), tuple(tree), tuple(_walk(v, leaves) for v in tree.values()), factory)
    if isinstance(tree, tuple | list):
        return Node(type(tree), None, tuple(_walk(v, leaves) for v in tree))
    if tree is None:
        return Node(type(None), None, ())
    leaves.append(tree)
    return LEAF


def count_leaves(structure: Structure) -> int:
    """How many leaves a tree of ``structure`` has."""
    return 1 if isinstance(structure, Leaf) else sum(map(count_leaves, structure.children))


def unflatten(structure: Structure, leaves: list[Any]) -> Any:
    """The tree of ``structure`` with ``leaves`` in the order of `flatten`.

    >>> leaves, structure = flatten({"a": (1, 2)}); unflatten(structure, [10, 20])
    {'a': (10, 20)}
    """
    return _build(structure, iter(leaves))


def _build(structure: Structure, leaves: Iterator[Any]) -> Any:
    if isinstance(structure, Leaf):
        return next(leaves)
    kind: Any = structure.kind
    _, keys, children, factory = structure
    if kind is type(None):
        return None
    built = [_build(c, leaves) for c in children]
    if keys is not None:
        items = zip(keys, built, strict=True)
        return kind(factory, items) if issubclass(kind, defaultdict) else kind(items)
    return kind(*built) if hasattr(kind, "_fields") else kind(built)


def flatten_as(structure: Structure, tree: Any, op: str, what: str, model: str) -> list[Any]:
    """The leaves of ``tree``, called ``what``, in the order of ``structure``, that of ``model``.

    Raises `ArgumentError` where the two differ. A list may stand for a tuple; dicts may have their keys in any order.

    >>> _, structure = flatten({"a": 0, "b": (0, 0)}); flatten_as(structure, {"b": [2, 3], "a": 1}, "jvp", "tangents", "primals")
    [1, 2, 3]
    """
    leaves: list[Any] = []
    _match(structure, tree, leaves, (op, what, model), "")
    return leaves


def _match(structure: Structure, tree: Any, leaves: list[Any], names: tuple[str, str, str], path: str) -> None:
    if isinstance(structure, Leaf):
        if not isinstance(tree, dict | tuple | list) and tree is not None:
            leaves.append(tree)
            return
        have = "one value"
    elif structure.keys is not None:
        if isinstance(tree, dict) and tree.keys() == set(structure.keys):
            for key, child in zip(structure.keys, structure.children, strict=True):
                _match(child, tree[key], leaves, names, f"{path}[{key!r}]")
            return
        have = f"a dict with the keys {list(structure.keys)}"
    elif structure.kind is type(None):
        if tree is None:
            return
        have = "None"
    else:
        if isinstance(tree, tuple | list) and len(tree) == len(structure.children):
            for i, (child, sub) in enumerate(zip(structure.children, tree, strict=True)):
                _match(child, sub, leaves, names, f"{path}[{i}]")
            return
        have = f"a {structure.kind.__name__} of {len(structure.children)}"
    op, what, model = names
    raise ArgumentError(
        f"{op}: {what} and {model} are nested differently: {what}{path} is {_kind(tree)}, {model}{path} is {have}; nest them alike"
    )


def _kind(tree: Any) -> str:
    """What ``tree`` is, in a message."""
    if isinstance(tree, dict):
        return f"a dict with the keys {list(tree)}"
    if isinstance(tree, tuple | list):
        return f"a {type(tree).__name__} of {len(tree)}"
    return "None" if tree is None else "one value"


def spread(prefix: Any, tree: Any, op: str, what: str) -> list[int | None]:
    """``prefix`` (an int, None, or nested like ``tree`` down to some depth) as one entry per leaf of ``tree``.

    Raises `ArgumentError` where it is nested otherwise, or has other entries.

    >>> spread((0, None), ([1, 2], 3), "vmap", "in_dims")
    [0, 0, None]
    """
    out: list[int | None] = []
    _spread(prefix, tree, out, (op, what), "")
    return out


def _spread(prefix: Any, tree: Any, out: list[int | None], names: tuple[str, str], path: str) -> None:
    if prefix is None or (isinstance(prefix, int) and not isinstance(prefix, bool)):
        out += [prefix] * len(flatten(tree)[0])
        return
    op, what = names
    if isinstance(prefix, dict) and isinstance(tree, dict) and prefix.keys() == tree.keys():
        for key, sub in tree.items():
            _spread(prefix[key], sub, out, names, f"{path}[{key!r}]")
        return
    if isinstance(prefix, tuple | list) and isinstance(tree, tuple | list) and len(prefix) == len(tree):
        for i, (p, sub) in enumerate(zip(prefix, tree, strict=True)):
            _spread(p, sub, out, names, f"{path}[{i}]")
        return
    if isinstance(prefix, dict | tuple | list):
        raise ArgumentError(
            f"{op}: {what} does not fit: {what}{path} is {_kind(prefix)} ({prefix!r:.60}), its value is {_kind(tree)}; "
            f"nest {what} like the values, or give one int or None for all of them"
        )
    raise ArgumentError(f"{op}: {what} must hold ints and None: {what}{path} is {prefix!r:.60}; name an axis, or None for no axis")


def map_leaves(f: Callable[[Any], Any], tree: Any) -> Any:
    """``tree`` with ``f`` of every leaf in its place.

    >>> map_leaves(str, {"a": (1, None)})
    {'a': ('1', None)}
    """
    leaves, structure = flatten(tree)
    return unflatten(structure, [f(x) for x in leaves])


def ravel(tree: Any) -> Any:
    """All numbers of ``tree`` one after the other: the vector of `ravel_pytree`."""
    if hasattr(tree, "dtype") and tree.dtype.kind in "fc":
        return np.reshape(tree, (-1,))
    return ravel_pytree(tree)[0]


def ravel_pytree(tree: Any) -> tuple[Any, Callable[[Any], Any]]:
    """``(vector, unravel)``: all numbers of ``tree`` one after the other, and the function from such a vector back to such a tree.

    Both are followed by every transform. The vector has the dtype that the leaves have together, float64 where they are integers;
    ``unravel`` gives floating leaves theirs.

    Raises `OperandError` for a leaf that is no number or array, and (``unravel``) `ShapeError` for another length.

    >>> vector, unravel = ravel_pytree({"a": np.ones((2, 2)), "b": 3.0}); vector
    array([1., 1., 1., 1., 3.])
    >>> unravel(2 * vector)["a"].tolist(), float(unravel(vector)["b"])
    ([[2.0, 2.0], [2.0, 2.0]], 3.0)
    """
    leaves, structure = flatten(tree)
    for x in leaves:
        if getattr(x if hasattr(x, "dtype") else np.asarray(x), "dtype", np.dtype("O")).kind not in "biufc":
            raise OperandError(f"ravel_pytree: leaves must be arrays or numbers: one is {type(x).__name__} {x!r:.40}; leave it out")
    arrays = [x if hasattr(x, "dtype") else np.asarray(x) for x in leaves]
    arrays = [x if x.dtype.kind in "fc" else x.astype(np.float64) for x in arrays]
    shapes, dtypes = [shape_of(x) for x in arrays], [x.dtype for x in arrays]
    edges = np.cumsum([0, *[int(np.prod(s, dtype=np.int64)) for s in shapes]]).tolist()
    vector = np.concatenate([np.reshape(x, (-1,)) for x in arrays]) if arrays else np.zeros(0)

    def unravel(v: Any) -> Any:
        if shape_of(v) != (edges[-1],):
            raise ShapeError(f"ravel_pytree: the vector must have shape ({edges[-1]},), as that of the tree: got {shape_of(v)}")
        parts = [np.reshape(v[a:b], s) for a, b, s in zip(edges, edges[1:], shapes, strict=False)]
        return unflatten(structure, [p if p.dtype == d or p.dtype.kind == "c" else p.astype(d) for p, d in zip(parts, dtypes, strict=True)])

    return vector, unravel
