"""``torch.utils._pytree``, which libraries use though it is private: containers as flat lists of leaves, and back.

Not here: what the transforms of the package do with containers (``func/tree.py``), which has no registry.
"""

from __future__ import annotations

from collections import OrderedDict, defaultdict, deque
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from .._errors import ArgumentError
from ..nn.state import State

__all__ = [
    "LeafSpec", "TreeSpec", "register_pytree_node", "tree_all", "tree_any", "tree_flatten", "tree_iter", "tree_leaves", "tree_map",
    "tree_map_", "tree_map_only", "tree_structure", "tree_unflatten",
]  # fmt: skip


class _Way(NamedTuple):
    """How a container is taken apart, into children and what it needs beside them, and put together from these."""

    flatten: Callable[[Any], tuple[list[Any], Any]]
    unflatten: Callable[[Iterable[Any], Any], Any]


def _mapping(kind: Any) -> _Way:
    return _Way(lambda d: (list(d.values()), list(d)), lambda values, keys: kind(zip(keys, values, strict=True)))


#: The containers. None and whatever is not here is a leaf.
SUPPORTED_NODES: dict[type, _Way] = {
    dict: _mapping(dict),
    OrderedDict: _mapping(OrderedDict),
    list: _Way(lambda x: (x, None), lambda values, _: list(values)),
    tuple: _Way(lambda x: (list(x), None), lambda values, _: tuple(values)),
    deque: _Way(lambda x: (list(x), x.maxlen), lambda values, most: deque(values, maxlen=most)),
    defaultdict: _Way(
        lambda d: (list(d.values()), (d.default_factory, list(d))),
        lambda values, context: defaultdict(context[0], zip(context[1], values, strict=True)),
    ),
}
_NAMED = _Way(lambda x: (list(x), type(x)), lambda values, kind: kind(*values))


class TreeSpec(NamedTuple):
    """The structure of a tree: the type of its root (None for a leaf), what that needs beside its children, and theirs."""

    type: Any
    context: Any
    children_specs: list[Any]

    @property
    def num_leaves(self) -> int:
        """How many leaves it has."""
        return 1 if self.type is None else sum(c.num_leaves for c in self.children_specs)

    @property
    def num_children(self) -> int:
        """How many children its root has."""
        return len(self.children_specs)

    def is_leaf(self) -> bool:
        """Whether it is one leaf."""
        return self.type is None

    def flatten_up_to(self, tree: Any) -> list[Any]:
        """The parts of ``tree`` in the places of the leaves. Raises `ArgumentError` where it is nested otherwise."""
        if self.type is None:
            return [tree]
        kind = _kind(tree, None)
        if kind is not self.type:
            raise ArgumentError(f"tree: the structures differ: {type(tree).__name__} where {self.type.__name__} was expected")
        children, context = _way(kind).flatten(tree)
        if len(children) != len(self.children_specs) or context != self.context:
            raise ArgumentError(f"tree: the structures differ: {type(tree).__name__} with other children ({context!r:.60})")
        return [leaf for child, spec in zip(children, self.children_specs, strict=True) for leaf in spec.flatten_up_to(child)]


def LeafSpec() -> TreeSpec:  # noqa: N802  (PyTorch's name)
    """The structure of a leaf."""
    return TreeSpec(None, None, [])


_LEAF = LeafSpec()


def _way(kind: Any) -> _Way:
    return _NAMED if kind is tuple_with_names else SUPPORTED_NODES[kind]


class tuple_with_names:  # noqa: N801  (a mark, not a class that is made)
    """Stands for all named tuples."""


def _kind(tree: Any, is_leaf: Callable[[Any], bool] | None) -> Any:
    """The key of the container in the table; None for a leaf."""
    if is_leaf is not None and is_leaf(tree):
        return None
    kind = OrderedDict if isinstance(tree, State) else type(tree)
    if kind in SUPPORTED_NODES:
        return kind
    return tuple_with_names if isinstance(tree, tuple) and hasattr(kind, "_fields") else None


def register_pytree_node(
    cls: type, flatten_fn: Callable[[Any], tuple[list[Any], Any]], unflatten_fn: Callable[[Iterable[Any], Any], Any], **others: Any
) -> None:
    """Make ``cls`` a container. Raises `ArgumentError` for one that is."""
    if cls in SUPPORTED_NODES:
        raise ArgumentError(f"register_pytree_node: {cls} is already registered as pytree node; leave it out")
    SUPPORTED_NODES[cls] = _Way(flatten_fn, unflatten_fn)


_register_pytree_node = register_pytree_node


def tree_flatten(tree: Any, is_leaf: Callable[[Any], bool] | None = None) -> tuple[list[Any], TreeSpec]:
    """The leaves from left to right, and the structure.

    >>> leaves, spec = tree_flatten({"a": [1, None], "b": (2,)}); leaves, tree_unflatten([7, 8, 9], spec)
    ([1, None, 2], {'a': [7, 8], 'b': (9,)})
    """
    leaves: list[Any] = []
    return leaves, _walk(tree, leaves, is_leaf)


def _walk(tree: Any, leaves: list[Any], is_leaf: Callable[[Any], bool] | None) -> TreeSpec:
    kind = _kind(tree, is_leaf)
    if kind is None:
        leaves.append(tree)
        return _LEAF
    children, context = _way(kind).flatten(tree)
    return TreeSpec(kind, context, [_walk(c, leaves, is_leaf) for c in children])


def tree_unflatten(leaves: Iterable[Any], treespec: TreeSpec) -> Any:
    """The tree of a structure with these leaves. Raises `ArgumentError` for another number of them."""
    if isinstance(leaves, TreeSpec):
        leaves, treespec = treespec, leaves
    values = list(leaves)
    if len(values) != treespec.num_leaves:
        raise ArgumentError(f"tree_unflatten: the structure has {treespec.num_leaves} leaves: got {len(values)}")
    return _build(treespec, iter(values))


def _build(spec: TreeSpec, leaves: Any) -> Any:
    if spec.type is None:
        return next(leaves)
    return _way(spec.type).unflatten([_build(c, leaves) for c in spec.children_specs], spec.context)


def tree_leaves(tree: Any, is_leaf: Callable[[Any], bool] | None = None) -> list[Any]:
    """The leaves from left to right."""
    return tree_flatten(tree, is_leaf)[0]


def tree_iter(tree: Any, is_leaf: Callable[[Any], bool] | None = None) -> Iterable[Any]:
    """The leaves from left to right, one after the other."""
    return iter(tree_leaves(tree, is_leaf))


def tree_structure(tree: Any, is_leaf: Callable[[Any], bool] | None = None) -> TreeSpec:
    """The structure."""
    return tree_flatten(tree, is_leaf)[1]


def tree_map(func: Callable[..., Any], tree: Any, *rests: Any, is_leaf: Callable[[Any], bool] | None = None) -> Any:
    """The tree of ``func(leaf, ...)``, with the parts of ``rests`` in the same places."""
    leaves, spec = tree_flatten(tree, is_leaf)
    return tree_unflatten([func(*xs) for xs in zip(leaves, *(spec.flatten_up_to(r) for r in rests), strict=True)], spec)


def tree_map_(func: Callable[..., Any], tree: Any, *rests: Any, is_leaf: Callable[[Any], bool] | None = None) -> Any:
    """Call ``func(leaf, ...)`` of every leaf; ``tree`` itself."""
    tree_map(func, tree, *rests, is_leaf=is_leaf)
    return tree


def _fits(kind: Any) -> Callable[[Any], bool]:
    if isinstance(kind, type | tuple) or hasattr(kind, "__args__"):
        return lambda x: isinstance(x, kind)
    return kind  # type: ignore[no-any-return]


def tree_map_only(kind: Any, func: Any = None, tree: Any = None, is_leaf: Callable[[Any], bool] | None = None) -> Any:
    """As `tree_map`, of the leaves that are instances of ``kind`` (or for which that is true); the others stay."""
    fits = _fits(kind)
    return tree_map(lambda x: func(x) if fits(x) else x, tree, is_leaf=is_leaf)


def tree_map_only_(kind: Any, func: Any, tree: Any, is_leaf: Callable[[Any], bool] | None = None) -> Any:
    """As `tree_map_`, of the leaves that are instances of ``kind``."""
    fits = _fits(kind)
    return tree_map_(lambda x: func(x) if fits(x) else x, tree, is_leaf=is_leaf)


def tree_all(pred: Callable[[Any], bool], tree: Any, is_leaf: Callable[[Any], bool] | None = None) -> bool:
    """Whether ``pred`` is true of all leaves."""
    return all(map(pred, tree_iter(tree, is_leaf)))


def tree_any(pred: Callable[[Any], bool], tree: Any, is_leaf: Callable[[Any], bool] | None = None) -> bool:
    """Whether ``pred`` is true of a leaf."""
    return any(map(pred, tree_iter(tree, is_leaf)))


def tree_all_only(kind: Any, pred: Callable[[Any], bool], tree: Any, is_leaf: Callable[[Any], bool] | None = None) -> bool:
    """Whether ``pred`` is true of all leaves that are instances of ``kind``."""
    return all(pred(x) for x in tree_iter(tree, is_leaf) if _fits(kind)(x))


def tree_any_only(kind: Any, pred: Callable[[Any], bool], tree: Any, is_leaf: Callable[[Any], bool] | None = None) -> bool:
    """Whether ``pred`` is true of a leaf that is an instance of ``kind``."""
    return any(pred(x) for x in tree_iter(tree, is_leaf) if _fits(kind)(x))


def _broadcast_to_and_flatten(tree: Any, treespec: TreeSpec, is_leaf: Callable[[Any], bool] | None = None) -> list[Any] | None:
    """``tree``, nested as the structure down to some depth, with one entry for each leaf; None where it is nested otherwise."""
    if _kind(tree, is_leaf) is None:
        return [tree] * treespec.num_leaves
    if treespec.type is None or _kind(tree, is_leaf) is not treespec.type:
        return None
    children, context = _way(treespec.type).flatten(tree)
    if len(children) != len(treespec.children_specs) or context != treespec.context:
        return None
    found: list[Any] = []
    for child, spec in zip(children, treespec.children_specs, strict=True):
        part = _broadcast_to_and_flatten(child, spec, is_leaf)
        if part is None:
            return None
        found += part
    return found
