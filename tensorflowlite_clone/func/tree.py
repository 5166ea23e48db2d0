"""Nested dicts, lists, tuples and named tuples as flat lists of leaves, and back. Dicts go in the order of sorted keys."""

from __future__ import annotations

from typing import Any

#: The structure of a tree: a leaf is `LEAF`; an inner node is its type, its keys and the structures of its children.
Structure = Any
LEAF = "leaf"


def flatten(tree: Any) -> tuple[list[Any], Structure]:
    """The leaves of ``tree`` in a fixed order, and its structure.

    >>> flatten({"b": [1, 2], "a": 3})[0]
    [3, 1, 2]
    """
    leaves: list[Any] = []
    return leaves, _walk(tree, leaves)


def _walk(tree: Any, leaves: list[Any]) -> Structure:
    if isinstance(tree, dict):
        keys = sorted(tree)
        return (type(tree), tuple(keys), tuple(_walk(tree[k], leaves) for k in keys))
    if isinstance(tree, tuple | list):
        return (type(tree), None, tuple(_walk(v, leaves) for v in tree))
    if tree is None:
        return (type(None), None, ())
    leaves.append(tree)
    return LEAF


def unflatten(structure: Structure, leaves: list[Any]) -> Any:
    """The tree of ``structure`` with ``leaves`` in the order of `flatten`.

    >>> leaves, structure = flatten({"a": (1, 2)}); unflatten(structure, [10, 20])
    {'a': (10, 20)}
    """
    return _build(structure, iter(leaves))


def _build(structure: Structure, leaves: Any) -> Any:
    if structure == LEAF:
        return next(leaves)
    kind, keys, children = structure
    if kind is type(None):
        return None
    built = [_build(c, leaves) for c in children]
    if keys is not None:
        return kind(zip(keys, built, strict=True)) if issubclass(kind, dict) else dict(zip(keys, built, strict=True))
    return kind(*built) if hasattr(kind, "_fields") else kind(built)
