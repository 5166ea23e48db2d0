"""`AdaptiveLogSoftmaxWithLoss`: a softmax over very many classes, which spends little on those that are rare.

Not here: the softmax of all classes alike (``activation.py``), losses without weights (``loss.py``).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from .._errors import ArgumentError, DTypeError, ShapeError
from ..core.tensor import Taped, Tensor
from ..ops.join import Concatenate
from . import functional as F  # noqa: N812
from .containers import ModuleList, Sequential
from .linear import Linear
from .module import Module
from .settings import checked, needs_tensor


class ASMoutput(NamedTuple):
    """What `AdaptiveLogSoftmaxWithLoss` gives: the log-probability of each label, and the mean of their negatives."""

    output: Tensor
    loss: Tensor


class AdaptiveLogSoftmaxWithLoss(Module):
    """Log-softmax of ``n_classes`` classes in order of falling frequency: the frequent ones by themselves, the others in clusters.

    ``cutoffs`` are where clusters begin; cluster i (from 1) has its classes behind a map to ``in_features // div_value**i`` features.
    ``head`` gives the scores of the frequent classes and of each cluster, ``tail[i]`` those inside a cluster. Input (N, in_features)
    or (in_features), labels (N) or () give a named tuple of ``output`` in the shape of the labels, and ``loss``.

    Raises `ArgumentError` for cutoffs that do not rise between 1 and n_classes - 1 and for labels out of range, `ShapeError` for other
    shapes, `DTypeError` for labels that are not integers.

    >>> import tensorflowlite_clone as tl
    >>> output, loss = AdaptiveLogSoftmaxWithLoss(8, 20, [5, 10])(tl.zeros(3, 8), tl.tensor([0, 7, 19]))
    >>> output.shape, round(-output[0].exp().log().item() - tl.tensor(7.0).log().item(), 4)
    ((3,), 0.0)

    Source: E. Grave et al., "Efficient softmax approximation for GPUs" (2017), sec. 4.
    """

    @checked
    def __init__(
        self,
        in_features: int,
        n_classes: int,
        cutoffs: Sequence[int],
        div_value: float = 4.0,
        head_bias: bool = False,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        ends = [*cutoffs, n_classes]
        if len(ends) < 2 or any(a >= b for a, b in pairwise(ends)):
            raise ArgumentError(
                f"{type(self).__name__}: cutoffs must rise, from 1 to n_classes - 1 = {n_classes - 1}: got {list(cutoffs)!r:.60}"
            )
        self.in_features, self.n_classes, self.cutoffs = in_features, n_classes, ends
        self.div_value, self.head_bias = div_value, head_bias
        self.shortlist_size, self.n_clusters = ends[0], len(ends) - 1
        self.head_size = self.shortlist_size + self.n_clusters
        self.head = Linear(in_features, self.head_size, head_bias, device, dtype)
        self.tail = ModuleList()
        for i in range(self.n_clusters):
            width, classes = int(in_features // div_value ** (i + 1)), ends[i + 1] - ends[i]
            maps = (Linear(a, b, False, device, dtype) for a, b in ((in_features, width), (width, classes)))
            self.tail.append(Sequential(*maps))

    def reset_parameters(self) -> None:
        """Draw the initial values again."""
        for layer in self.modules():
            if isinstance(layer, Linear):
                layer.reset_parameters()

    def _check(self, x: Tensor, target: Tensor) -> None:
        needs_tensor(self, x)
        needs_tensor(self, target)
        name = type(self).__name__
        if x.ndim not in (1, 2) or tuple(target.shape) != tuple(x.shape[:-1]):
            raise ShapeError(
                f"{name}: shapes do not fit: input is {tuple(x.shape)}, target is {tuple(target.shape)}; "
                f"they must be (N, {self.in_features}) and (N), or ({self.in_features}) and ()"
            )
        if target.dtype.kind not in "iu":
            raise DTypeError(f"{name}: labels must be integers: they are {target.dtype}; convert them, target.long()")

    def forward(self, input_: Tensor, target_: Tensor) -> ASMoutput:
        """The log-probability of each label, and the loss."""
        self._check(input_, target_)
        if input_.ndim == 1:
            output = self.forward(input_.unsqueeze(0), target_.unsqueeze(0)).output.squeeze(0)
            return ASMoutput(output, -output)
        head = F.log_softmax(self.head(input_), dim=1)  # (N, head_size)
        plain = target_.array if isinstance(target_, Taped) else target_
        output = self._chosen(input_, head, plain) if isinstance(plain, np.ndarray) else self._selected(input_, head, target_)
        return ASMoutput(output, (-output).mean())

    def _chosen(self, x: Tensor, head: Tensor, labels: Any) -> Tensor:
        """The log-probabilities of known labels: each cluster computes its own rows alone."""
        low, high = labels.min(initial=0), labels.max(initial=0)
        if low < 0 or high >= self.n_classes:
            raise ArgumentError(f"{type(self).__name__}: labels must be from 0 to {self.n_classes - 1}: they are from {low} to {high}")
        cluster = np.searchsorted(self.cutoffs, labels, side="right")  # 0 is the head
        columns = np.where(cluster == 0, labels, self.shortlist_size + cluster - 1)
        output = head.gather(1, Tensor(columns[:, None])).squeeze(1)
        order, parts = [np.flatnonzero(cluster == 0)], [head.new_zeros(np.count_nonzero(cluster == 0))]
        for i, part in enumerate(self.tail, start=1):
            rows = np.flatnonzero(cluster == i)
            if rows.size:
                inner = F.log_softmax(part(x[rows]), dim=1)
                order.append(rows)
                parts.append(inner.gather(1, Tensor(labels[rows, None] - self.cutoffs[i - 1])).squeeze(1))
        return output if len(parts) == 1 else output + Concatenate.of(*parts, axis=0)[np.argsort(np.concatenate(order))]

    def _selected(self, x: Tensor, head: Tensor, target: Tensor) -> Tensor:
        """The same for labels that a transform hides: every cluster computes all rows."""
        output = head.gather(1, target.clamp(0, self.shortlist_size - 1).unsqueeze(1)).squeeze(1)
        for i, part in enumerate(self.tail):
            low, high = self.cutoffs[i], self.cutoffs[i + 1]
            inner = F.log_softmax(part(x), dim=1).gather(1, (target.clamp(low, high - 1) - low).unsqueeze(1)).squeeze(1)
            output = (inner + head[:, self.shortlist_size + i]).where((target >= low) & (target < high), output)
        return output

    def log_prob(self, input: Tensor) -> Tensor:
        """The log-probabilities of all classes: (N, in_features) -> (N, n_classes)."""
        needs_tensor(self, input)
        if input.ndim != 2:
            raise ShapeError(f"{type(self).__name__}: log_prob and predict need (N, in_features): got {tuple(input.shape)}")
        head, n = F.log_softmax(self.head(input), dim=1), self.shortlist_size
        clusters = (F.log_softmax(part(input), dim=1) + head[:, n + i : n + i + 1] for i, part in enumerate(self.tail))
        found: Tensor = Concatenate.of(head[:, :n], *clusters, axis=1)
        return found

    def predict(self, input: Tensor) -> Tensor:
        """The most probable class of each row: (N, in_features) -> (N)."""
        return self.log_prob(input).argmax(1)
