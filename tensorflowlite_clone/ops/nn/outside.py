"""Functions of ``nn.functional`` as PyTorch has them outside of it, with other signatures: the reduction is a number, arguments stand in
another order, ``training`` is called ``train``.

Not here: what they compute, and functions that are the same in both places (they say so where they are defined).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..._errors import GraphError
from ..._state import state
from ..._typing import Array
from ...core.levels import varies
from ...core.publish import public, to_operand
from ..activation import randomly_leaky
from ..cast import cast
from ..inplace.mutation import mutate
from ..random import Generator
from .bags import MODES, _bags
from .ctc import _ctc_loss
from .dropout import _alpha_dropout, _dropout, _feature_alpha_dropout, drop_features
from .embedding import _embedding, shorten
from .loss import _bce_with_logits, _kl_div, _poisson_nll_loss
from .margin_loss import _cosine_embedding_loss, _hinge_embedding_loss, _margin_ranking_loss, _triplet_margin_loss
from .norm import _batch_norm, _group_norm, _instance_norm, _layer_norm
from .reduction import named


@public("binary_cross_entropy_with_logits", method=False)
def _binary_cross_entropy_with_logits(
    input: Array, target: Array, weight: Array | None = None, pos_weight: Array | None = None, reduction: Any = 1
) -> Array:
    """`nn.functional.binary_cross_entropy_with_logits`; ``reduction`` is 0 for none, 1 for the mean, 2 for the sum."""
    op = "binary_cross_entropy_with_logits"
    return _bce_with_logits(input, target, weight, reduction=named(op, reduction), pos_weight=pos_weight)


@public("kl_div", method=False)
def _kl_div_by_number(input: Array, target: Array, reduction: Any = 1, *, log_target: bool = False) -> Array:
    """`nn.functional.kl_div`; ``reduction`` is 0 for none, 1 for the mean, 2 for the sum."""
    return _kl_div(input, target, reduction=named("kl_div", reduction), log_target=log_target)


@public("poisson_nll_loss", method=False)
def _poisson_nll_loss_by_number(
    input: Array, target: Array, log_input: bool = True, full: bool = False, eps: float = 1e-8, reduction: Any = 1
) -> Array:
    """`nn.functional.poisson_nll_loss`; ``reduction`` is 0 for none, 1 for the mean, 2 for the sum."""
    return _poisson_nll_loss(input, target, log_input, full, eps=eps, reduction=named("poisson_nll_loss", reduction))


@public("hinge_embedding_loss", method=False)
def _hinge_embedding_loss_by_number(input: Array, target: Array, margin: float = 1.0, reduction: Any = 1) -> Array:
    """`nn.functional.hinge_embedding_loss`; ``reduction`` is 0 for none, 1 for the mean, 2 for the sum."""
    return _hinge_embedding_loss(input, target, margin, reduction=named("hinge_embedding_loss", reduction))


@public("margin_ranking_loss", method=False)
def _margin_ranking_loss_by_number(input1: Array, input2: Array, target: Array, margin: float = 0.0, reduction: Any = 1) -> Array:
    """`nn.functional.margin_ranking_loss`; ``reduction`` is 0 for none, 1 for the mean, 2 for the sum."""
    return _margin_ranking_loss(input1, input2, target, margin, reduction=named("margin_ranking_loss", reduction))


@public("cosine_embedding_loss", method=False)
def _cosine_embedding_loss_by_number(input1: Array, input2: Array, target: Array, margin: float = 0.0, reduction: Any = 1) -> Array:
    """`nn.functional.cosine_embedding_loss`; ``reduction`` is 0 for none, 1 for the mean, 2 for the sum."""
    return _cosine_embedding_loss(input1, input2, target, margin, reduction=named("cosine_embedding_loss", reduction))


@public("triplet_margin_loss", method=False)
def _triplet_margin_loss_by_number(
    anchor: Array,
    positive: Array,
    negative: Array,
    margin: float = 1.0,
    p: float = 2.0,
    eps: float = 1e-6,
    swap: bool = False,
    reduction: Any = 1,
) -> Array:
    """`nn.functional.triplet_margin_loss`; ``reduction`` is 0 for none, 1 for the mean, 2 for the sum."""
    return _triplet_margin_loss(anchor, positive, negative, margin, p, eps, swap, reduction=named("triplet_margin_loss", reduction))


@public("ctc_loss", method=False)
def _ctc_loss_by_number(
    log_probs: Array,
    targets: Array,
    input_lengths: Any,
    target_lengths: Any,
    blank: int = 0,
    reduction: Any = 1,
    zero_infinity: bool = False,
) -> Array:
    """`nn.functional.ctc_loss`; ``reduction`` is 0 for none, 1 for the mean, 2 for the sum."""
    return _ctc_loss(log_probs, targets, input_lengths, target_lengths, blank, named("ctc_loss", reduction), zero_infinity)


@public("embedding", method=False)
def _embedding_of(weight: Array, indices: Array, padding_idx: int = -1, scale_grad_by_freq: bool = False, sparse: bool = False) -> Array:
    """`nn.functional.embedding`, the table first; a ``padding_idx`` of -1 is none.

    >>> import tensorflowlite_clone as tl
    >>> tl.embedding(tl.eye(3), tl.tensor([2])).tolist()
    [[0.0, 0.0, 1.0]]
    """
    return _embedding(indices, weight, None if padding_idx < 0 else padding_idx, scale_grad_by_freq=scale_grad_by_freq, sparse=sparse)


@public("embedding_bag", method=False)
def _embedding_bag_of(
    weight: Array,
    indices: Array,
    offsets: Array | None = None,
    scale_grad_by_freq: bool = False,
    mode: int = 0,
    sparse: bool = False,
    per_sample_weights: Array | None = None,
    include_last_offset: bool = False,
    padding_idx: int | None = None,
) -> tuple[Array, ...]:
    """`nn.functional.embedding_bag`, the table first, with ``mode`` 0 for sums, 1 for means, 2 for maxima.

    Gives four results: the bags, the bag of each index, how many indices count in each bag, and those numbers once more; for maxima
    (bags, dim) in their place, the rows of the table from which they come.
    """
    op = "embedding_bag"
    kind = MODES[mode] if mode in (0, 1, 2) else str(mode)
    out, counts, last, bag = _bags(
        op, indices, weight, offsets, scale_grad_by_freq, kind, sparse, per_sample_weights, include_last_offset, padding_idx
    )
    kept = to_operand(indices, op).dtype
    return out, cast(bag, kept), cast(counts, kept), cast(last, kept)


@public("embedding_renorm_", method=False)
def _embedding_renorm_(input: Array, indices: Array, max_norm: float, norm_type: float) -> Array:
    """The rows of a table that ``indices`` name shortened, in place, to a ``norm_type``-norm of at most ``max_norm``; returns the table.

    It has no derivative: raises `GraphError` for an ``input`` that requires grad, unless inside `no_grad`.
    """
    if state.grad_enabled and varies(input):
        raise GraphError("embedding_renorm_: input requires grad, and shortening its rows has no derivative; do it inside tl.no_grad()")
    shorten("embedding_renorm_", input, indices, max_norm, norm_type)
    return input


@public("batch_norm", method=False)
def _batch_norm_of(
    input: Array,
    weight: Array | None = None,
    bias: Array | None = None,
    running_mean: Array | None = None,
    running_var: Array | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
    cudnn_enabled: bool = True,
) -> Array:
    """`nn.functional.batch_norm`, weight and bias first; ``cudnn_enabled`` changes nothing."""
    return _batch_norm(input, running_mean, running_var, weight, bias, training, momentum, eps)


@public("instance_norm", method=False)
def _instance_norm_of(
    input: Array,
    weight: Array | None = None,
    bias: Array | None = None,
    running_mean: Array | None = None,
    running_var: Array | None = None,
    use_input_stats: bool = True,
    momentum: float = 0.1,
    eps: float = 1e-5,
    cudnn_enabled: bool = True,
) -> Array:
    """`nn.functional.instance_norm`, weight and bias first; ``cudnn_enabled`` changes nothing."""
    return _instance_norm(input, running_mean, running_var, weight, bias, use_input_stats, momentum, eps)


@public("layer_norm", method=False)
def _layer_norm_of(
    input: Array,
    normalized_shape: Any,
    weight: Array | None = None,
    bias: Array | None = None,
    eps: float = 1e-5,
    cudnn_enable: bool = True,
) -> Array:
    """`nn.functional.layer_norm`; ``cudnn_enable`` changes nothing."""
    return _layer_norm(input, normalized_shape, weight, bias, eps)


@public("group_norm", method=False)
def _group_norm_of(
    input: Array,
    num_groups: int,
    weight: Array | None = None,
    bias: Array | None = None,
    eps: float = 1e-5,
    cudnn_enabled: bool = True,
) -> Array:
    """`nn.functional.group_norm`; ``cudnn_enabled`` changes nothing."""
    return _group_norm(input, num_groups, weight, bias, eps)


@public("rrelu", method=False)
def _rrelu_of(
    input: Array, lower: float = 1 / 8, upper: float = 1 / 3, training: bool = False, generator: Generator | None = None
) -> Array:
    """`nn.functional.rrelu`, drawing from ``generator``."""
    return randomly_leaky(to_operand(input, "rrelu"), lower, upper, training, generator)


@public("rrelu_", method=False, functional=True)
def _rrelu_in_place(
    input: Array, lower: float = 1 / 8, upper: float = 1 / 3, training: bool = False, generator: Generator | None = None
) -> Array:
    """`rrelu`, in place; returns the tensor itself."""
    return mutate(input, "rrelu_", lambda x: randomly_leaky(x, lower, upper, training, generator))


def _with_train(name: str, f: Callable[..., Array]) -> None:
    def function(input: Array, p: float = 0.5, train: bool = True) -> Array:
        return f(input, p, train)

    def changed(input: Array, p: float = 0.5, train: bool = True) -> Array:
        return f(input, p, train, True)

    function.__doc__ = f"`nn.functional.{name}`, if there is one, whose ``training`` is called ``train`` here."
    changed.__doc__ = f"`{name}`, in place; returns the tensor itself."
    public(name, method=False)(function)
    public(f"{name}_", method=False)(changed)


for _name, _function in (
    ("dropout", _dropout), ("alpha_dropout", _alpha_dropout), ("feature_alpha_dropout", _feature_alpha_dropout),
    ("feature_dropout", drop_features),
):  # fmt: skip
    _with_train(_name, _function)
