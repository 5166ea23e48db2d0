"""``utils._pytree``: containers apart and together, as PyTorch's."""

from __future__ import annotations

from collections import OrderedDict, defaultdict, deque, namedtuple

import pytest

from tensorflowlite_clone.utils import _pytree as ours

Pair = namedtuple("Pair", "a b")
TREES = [
    3, None, [1, (2, [3])], {"b": 1, "a": [2, None]}, Pair(1, [2, 3]), OrderedDict(x=1, y=(2,)), defaultdict(list, {"k": [1]}),
    deque([1, [2]], maxlen=3), (), [], {}, [{}], "text",
]  # fmt: skip


@pytest.mark.parametrize("tree", TREES, ids=str)
def test_trees_come_apart_as_pytorchs(tree):
    leaves, spec = ours.tree_flatten(tree)
    again = ours.tree_unflatten(leaves, spec)
    assert again == tree and type(again) is type(tree) and spec.num_leaves == len(leaves) == len(ours.tree_leaves(tree))
    assert ours.tree_map(lambda x, y: (x, y), tree, tree) == ours.tree_map(lambda x: (x, x), tree)
    theirs = pytest.importorskip("torch.utils._pytree")
    assert leaves == theirs.tree_flatten(tree)[0] and ours.tree_map(str, tree) == theirs.tree_map(str, tree)
    assert ours.tree_map_only(int, lambda x: x + 1, tree) == theirs.tree_map_only(int, lambda x: x + 1, tree)


def test_prefixes_classes_and_mistakes():
    class Box:
        def __init__(self, inside):
            self.inside = inside

    ours.register_pytree_node(Box, lambda b: ([b.inside], None), lambda parts, _: Box(*parts))
    try:
        assert ours.tree_map(lambda x: x + 1, [Box(1)])[0].inside == 2
        with pytest.raises(ValueError, match="already registered"):
            ours.register_pytree_node(Box, None, None)
    finally:
        del ours.SUPPORTED_NODES[Box]
    assert ours._broadcast_to_and_flatten([0, None], ours.tree_structure([(1, 2), 3])) == [0, 0, None]
    assert ours._broadcast_to_and_flatten([0], ours.tree_structure((1,))) is None
    assert ours.tree_all(lambda x: x > 0, [1, 2]) and ours.tree_any(lambda x: x > 1, [1, 2]) and not ours.tree_any_only(str, len, [1, ""])
    assert (
        ours.tree_all_only(int, lambda x: x > 0, [1, "a"])
        and ours.LeafSpec().is_leaf()
        and ours.tree_flatten([1, [2]], lambda x: x == [2])[0] == [1, [2]]
    )
    with pytest.raises(ValueError, match="has 2 leaves: got 1"):
        ours.tree_unflatten([1], ours.tree_structure([1, 2]))
    with pytest.raises(ValueError, match="the structures differ"):
        ours.tree_map(max, [1, 2], (1, 2))
