"""Pruning: masks that set elements of parameters to zero, chosen at random or by size, one by one or by channels.

A pruned parameter ``<name>`` is ``<name>_orig`` times the buffer ``<name>_mask``; a hook computes it before each call. Not here: the hook's
way onto the module and off it (``_hooked.py``).
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from typing import Any, ClassVar, TypeVar

import numpy as np

from ..._checks import integer, is_integer, is_number
from ..._errors import ArgumentError, DimensionError, OperandError, ShapeError
from ..._lazy import public as _public
from ...core.tensor import Taped, Tensor
from ...ops.random import current_generator
from ..module import Module
from ..parameter import Parameter
from ._hooked import Hooked, all_hooks, find, parameter_of, take_off

__all__ = [
    "BasePruningMethod", "CustomFromMask", "Identity", "L1Unstructured", "LnStructured", "PruningContainer", "RandomStructured",
    "RandomUnstructured", "custom_from_mask", "global_unstructured", "identity", "is_pruned", "l1_unstructured", "ln_structured",
    "random_structured", "random_unstructured", "remove",
]  # fmt: skip

M = TypeVar("M", bound=Module)


class BasePruningMethod(Hooked, ABC):
    """A way to choose what is pruned: `compute_mask` says it, `apply` prunes a parameter of a module.

    ``PRUNING_TYPE`` says how a second pruning of the same parameter looks at what the first left: ``"unstructured"`` at the elements,
    ``"structured"`` at the channels of ``dim`` that are left, ``"global"`` at everything.

    >>> import tensorflowlite_clone as tl
    >>> class EverySecond(BasePruningMethod):
    ...     PRUNING_TYPE = "unstructured"
    ...     def compute_mask(self, t, default_mask):
    ...         mask = default_mask.clone()
    ...         mask.view(-1)[::2] = 0
    ...         return mask
    >>> layer = tl.nn.Linear(2, 2)
    >>> method = EverySecond.apply(layer, "weight")
    >>> layer.weight_mask.tolist(), [*layer.state_dict()]
    ([[0.0, 1.0], [0.0, 1.0]], ['bias', 'weight_orig', 'weight_mask'])
    """

    PRUNING_TYPE: ClassVar[str] = "unstructured"
    _tensor_name: str

    @property
    def name(self) -> str:  # type: ignore[override]
        """The name of the tensor that is pruned."""
        return self._tensor_name

    @abstractmethod
    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        """The mask, of the shape of the scores ``t``: ``default_mask``, what earlier prunings left, with more zeros."""

    def apply_mask(self, module: Module) -> Any:
        """The original times the mask."""
        mask, original = (getattr(module, self._tensor_name + end) for end in ("_mask", "_orig"))
        return mask.to(original.dtype) * original

    compute_weight = apply_mask

    @classmethod
    def apply(cls, module: Module, name: str, *args: Any, importance_scores: Tensor | None = None, **kwargs: Any) -> Any:
        """Prune a parameter, on top of what was pruned of it before; returns the method that its hook is.

        ``importance_scores`` are looked at in place of the values; other arguments are the method's. Nothing is changed if it fails.
        """
        value = parameter_of(cls.__name__, module, name)
        if importance_scores is not None and getattr(importance_scores, "shape", None) != value.shape:
            raise ShapeError(
                f"{cls.__name__}: importance_scores must be a tensor of the shape {value.shape} of {name!r}: got {importance_scores!r:.60}"
            )
        method: BasePruningMethod = cls(*args, **kwargs)
        method._tensor_name = name
        before = find(module, BasePruningMethod, name)
        if before is None:
            if not isinstance(value, Parameter):
                raise ArgumentError(f"{cls.__name__}: {type(module).__name__}.{name} must be a parameter: it is a {type(value).__name__}")
            mask = Tensor(np.ones(value.shape, value.dtype))
        else:
            mask = getattr(module, f"{name}_mask").detach().clone()
            more = method
            method = PruningContainer(*(before if isinstance(before, PruningContainer) else [before]))
            method.add_pruning_method(more)
        scores = (value if importance_scores is None else importance_scores).detach()
        mask = method.compute_mask(scores, mask)
        if not isinstance(mask, Taped) or mask.shape != value.shape:
            raise ShapeError(f"{cls.__name__}: compute_mask must give a mask of the shape {value.shape}: got {mask!r:.60}")
        if before is None:
            delattr(module, name)
            module.register_parameter(f"{name}_orig", value)
        else:
            take_off(module, before)
        module.register_buffer(f"{name}_mask", mask)
        method(module, ())
        module.register_forward_pre_hook(method)
        return method

    def prune(self, t: Tensor, default_mask: Tensor | None = None, importance_scores: Tensor | None = None) -> Tensor:
        """``t`` with zeros where the mask for it (or for ``importance_scores``) has them; nothing is registered."""
        scores = t if importance_scores is None else importance_scores
        if scores.shape != t.shape:
            raise ShapeError(f"prune: importance_scores must have the shape {t.shape} of the tensor: they have {scores.shape}")
        mask = Tensor(np.ones(t.shape, t.dtype)) if default_mask is None else default_mask
        return t * self.compute_mask(scores.detach(), mask)

    def remove(self, module: Module) -> None:
        """Let the pruned values be the parameter; the hook is not taken off."""
        weight = self.apply_mask(module).detach()
        original: Any = module._parameters[f"{self._tensor_name}_orig"]
        for end in ("", "_orig", "_mask"):
            delattr(module, self._tensor_name + end)
        original.data = weight
        setattr(module, self._tensor_name, original)


class PruningContainer(BasePruningMethod):
    """Several prunings of one parameter, one after the other; the last is the one that a new mask is asked of."""

    _pruning_methods: tuple[BasePruningMethod, ...]

    def __init__(self, *args: BasePruningMethod) -> None:
        self._pruning_methods = ()
        for method in args:
            if not self._pruning_methods and isinstance(method, BasePruningMethod):
                self._tensor_name = method._tensor_name
            self.add_pruning_method(method)

    def add_pruning_method(self, method: Any) -> None:
        """Add a method, which must be for the tensor of the same name."""
        if not isinstance(method, BasePruningMethod):
            raise OperandError(f"PruningContainer: takes pruning methods: got {type(method).__name__} {method!r:.40}")
        if self._tensor_name != method._tensor_name:
            raise ArgumentError(
                f"PruningContainer: all methods must be for one tensor: this one is for {method._tensor_name!r}, the others for "
                f"{self._tensor_name!r}; make another container"
            )
        self._pruning_methods = (*self._pruning_methods, method)

    def __len__(self) -> int:
        return len(self._pruning_methods)

    def __iter__(self) -> Iterator[BasePruningMethod]:
        return iter(self._pruning_methods)

    def __getitem__(self, idx: Any) -> Any:
        return self._pruning_methods[idx]

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        """``default_mask`` with what the last method prunes of what it leaves."""
        method: Any = self._pruning_methods[-1]
        mask = default_mask.to(t.dtype).clone()
        kind = method.PRUNING_TYPE
        if kind == "unstructured":
            left: Any = mask == 1
        elif kind == "structured":
            dim = _dim(type(method).__name__, t, method.dim)
            kept = (mask.numpy() != 0).any(axis=tuple(d for d in range(t.ndim) if d != dim))
            left = (slice(None),) * dim + (np.flatnonzero(kept),)
        elif kind == "global":
            left = (slice(None),) * t.ndim
        else:
            raise ArgumentError(
                f"{type(method).__name__}: PRUNING_TYPE must be 'unstructured', 'structured' or 'global': it is {kind!r:.40}"
            )
        mask[left] = method.compute_mask(t[left], default_mask=mask[left])
        return mask


# ---- how many, and which --------------------------------------------------------------------------------------------------
def _amount(op: str, amount: Any) -> Any:
    """A whole number from 0, or a share from 0 to 1."""
    if not is_number(amount):
        raise OperandError(f"{op}: amount must be a number: got {type(amount).__name__} {amount!r:.40}; pass a count or a share")
    if not (amount >= 0 if is_integer(amount) else 0.0 <= amount <= 1.0):
        raise ArgumentError(f"{op}: amount must be a whole number from 0, or a share from 0.0 to 1.0: got {amount}")
    return amount


def _count(op: str, amount: Any, size: int) -> int:
    """How many of ``size`` are to be pruned."""
    if is_integer(amount) and amount > size:
        raise ArgumentError(f"{op}: amount must be at most {size}, which are left: got {amount}; prune fewer, or pass a share")
    return int(amount) if is_integer(amount) else round(amount * size)


def _dim(op: str, t: Tensor, dim: int) -> int:
    if t.ndim < 2:
        raise ShapeError(f"{op}: prunes channels, of at least 2 dimensions: the tensor is {t.shape}; use an unstructured method")
    if not -t.ndim <= dim < t.ndim:
        raise DimensionError(f"{op}: dim must be from {-t.ndim} to {t.ndim - 1}: got {dim}; the tensor is {t.shape}")
    return dim % t.ndim


def _smallest(scores: Any, count: int) -> Any:
    """The places of the ``count`` smallest of a vector."""
    return np.argsort(scores, kind="stable")[:count]


def _random(size: int) -> Any:
    return current_generator().numpy_generator.random(size)


class Identity(BasePruningMethod):
    """Prunes nothing: the parameter gets a mask of ones."""

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        """The mask there was."""
        return default_mask


class _Unstructured(BasePruningMethod):
    """Prunes ``amount`` of the elements (a number of them, or a share): those with the smallest scores."""

    def __init__(self, amount: float) -> None:
        self.amount = _amount(type(self).__name__, amount)

    def _scores(self, t: Any) -> Any:
        raise NotImplementedError

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        """The mask there was, with ``amount`` of the elements of ``t`` set to 0."""
        mask = default_mask.numpy(force=True).copy(order="C")
        values = t.numpy(force=True).reshape(-1)
        mask.reshape(-1)[_smallest(self._scores(values), _count(type(self).__name__, self.amount, values.size))] = 0
        return Tensor(mask)


class RandomUnstructured(_Unstructured):
    """Prunes elements at random."""

    def _scores(self, t: Any) -> Any:
        return _random(t.size)


class L1Unstructured(_Unstructured):
    """Prunes the elements of the smallest absolute values."""

    def _scores(self, t: Any) -> Any:
        return np.abs(t)


class _Structured(BasePruningMethod):
    """Prunes ``amount`` of the channels along ``dim`` (a number of them, or a share): those with the smallest scores."""

    PRUNING_TYPE = "structured"

    def __init__(self, amount: float, dim: int = -1) -> None:
        op = type(self).__name__
        self.amount, self.dim = _amount(op, amount), integer(op, "dim", dim, -(2**63))

    def _scores(self, rows: Any) -> Any:
        """A score for each row of a matrix, whose rows the channels are."""
        raise NotImplementedError

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        """The mask there was, with ``amount`` of the channels of ``t`` set to 0."""
        op = type(self).__name__
        dim = _dim(op, t, self.dim)
        mask = default_mask.numpy(force=True).copy()
        rows = np.moveaxis(t.numpy(force=True), dim, 0)
        gone = _smallest(self._scores(rows), _count(op, self.amount, len(rows)))
        np.moveaxis(mask, dim, 0)[gone] = 0
        return Tensor(mask)


class RandomStructured(_Structured):
    """Prunes channels along ``dim`` at random."""

    def _scores(self, rows: Any) -> Any:
        return _random(len(rows))


class LnStructured(_Structured):
    """Prunes the channels along ``dim`` of the smallest norm of order ``n``, any that `tl.norm` knows."""

    def __init__(self, amount: float, n: Any, dim: int = -1) -> None:
        super().__init__(amount, dim)
        if not is_number(n) and not isinstance(n, str):
            raise OperandError(f"LnStructured: n must be the order of a norm: got {type(n).__name__} {n!r:.40}; pass 1, 2 or math.inf")
        self.n = n

    def _scores(self, rows: Any) -> Any:
        flat = rows.ndim == 2 or is_number(self.n) or self.n == "fro"
        given = Tensor(rows.reshape(len(rows), -1) if flat else rows)
        order = 2 if self.n == "fro" else float(self.n) if is_number(self.n) or self.n in ("inf", "-inf") else self.n
        return given.norm(order, tuple(range(1, given.ndim))).numpy()


class CustomFromMask(BasePruningMethod):
    """Prunes what a mask has zeros for."""

    PRUNING_TYPE = "global"

    def __init__(self, mask: Tensor) -> None:
        if not isinstance(mask, Taped):
            raise OperandError(f"CustomFromMask: mask must be a tensor: got {type(mask).__name__} {mask!r:.40}; use tl.tensor(...)")
        self.mask = mask

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        """The mask there was, times this one."""
        if self.mask.shape != default_mask.shape:
            raise ShapeError(f"CustomFromMask: the mask must have the shape {default_mask.shape} of the tensor: it has {self.mask.shape}")
        return default_mask * self.mask.to(default_mask.dtype)


# ---- what users call ------------------------------------------------------------------------------------------------------
def identity(module: M, name: str) -> M:
    """Give a parameter a mask of ones; returns the module."""
    Identity.apply(module, name)
    return module


def random_unstructured(module: M, name: str, amount: float) -> M:
    """Prune ``amount`` elements of a parameter (a number, or a share of what is left) at random; returns the module."""
    RandomUnstructured.apply(module, name, amount)
    return module


def l1_unstructured(module: M, name: str, amount: float, importance_scores: Tensor | None = None) -> M:
    """Prune the ``amount`` elements of the smallest absolute values, or the smallest absolute ``importance_scores``; returns the module.

    >>> import tensorflowlite_clone as tl
    >>> layer = tl.nn.Linear(3, 1)
    >>> layer.weight.data = tl.tensor([[3.0, -1.0, 2.0]])
    >>> l1_unstructured(layer, "weight", amount=1).weight.tolist()
    [[3.0, -0.0, 2.0]]
    >>> remove(layer, "weight").weight.is_leaf
    True
    """
    L1Unstructured.apply(module, name, amount, importance_scores=importance_scores)
    return module


def random_structured(module: M, name: str, amount: float, dim: int) -> M:
    """Prune ``amount`` channels along ``dim`` at random; returns the module."""
    RandomStructured.apply(module, name, amount, dim)
    return module


def ln_structured(module: M, name: str, amount: float, n: Any, dim: int, importance_scores: Tensor | None = None) -> M:
    """Prune the ``amount`` channels along ``dim`` of the smallest norm of order ``n``; returns the module."""
    LnStructured.apply(module, name, amount, n, dim, importance_scores=importance_scores)
    return module


def global_unstructured(
    parameters: Iterable[tuple[Module, str]],
    pruning_method: type[BasePruningMethod],
    importance_scores: dict[tuple[Module, str], Tensor] | None = None,
    **kwargs: Any,
) -> None:
    """Prune several parameters, given as (module, name), as if they were one vector: by a method for single elements, with its arguments.

    >>> import tensorflowlite_clone as tl
    >>> net = tl.nn.Sequential(tl.nn.Linear(4, 3), tl.nn.Linear(3, 2))
    >>> global_unstructured([(net[0], "weight"), (net[1], "weight")], L1Unstructured, amount=10)
    >>> int(sum((m.weight == 0).sum() for m in net))
    10
    """
    op = "global_unstructured"
    if isinstance(parameters, str) or not isinstance(parameters, Iterable):
        raise OperandError(f"{op}: parameters must be a list of (module, name): got {type(parameters).__name__} {parameters!r:.40}")
    if not (importance_scores is None or isinstance(importance_scores, dict)):
        raise OperandError(f"{op}: importance_scores must be a dict by (module, name): got {type(importance_scores).__name__}")
    pairs, given = list(parameters), importance_scores or {}
    values = [parameter_of(op, module, name) for module, name in pairs]
    if not (isinstance(pruning_method, type) and issubclass(pruning_method, BasePruningMethod)):
        raise OperandError(f"{op}: pruning_method must be a class of pruning methods: got {pruning_method!r:.60}; pass L1Unstructured")
    if pruning_method.PRUNING_TYPE != "unstructured":
        raise OperandError(
            f"{op}: needs a method for single elements: PRUNING_TYPE of {pruning_method.__name__} is {pruning_method.PRUNING_TYPE!r}"
        )
    if not values:
        raise ArgumentError(f"{op}: got no parameters; pass a list of (module, name)")
    for pair, value in zip(pairs, values, strict=True):
        if pair in given and getattr(given[pair], "shape", None) != value.shape:
            raise ShapeError(f"{op}: importance_scores of {pair[1]!r} must be a tensor of the shape {value.shape}: got {given[pair]!r:.60}")
    method = pruning_method(**kwargs)
    method._tensor_name = "all"
    scores = [_flat(given.get(pair, value)) for pair, value in zip(pairs, values, strict=True)]
    masks = [_flat(getattr(module, f"{name}_mask", None)) for module, name in pairs]
    masks = [np.ones_like(s) if m is None else m for s, m in zip(scores, masks, strict=True)]
    whole = PruningContainer(method).compute_mask(Tensor(np.concatenate(scores)), Tensor(np.concatenate(masks))).numpy()
    ends = np.cumsum([0, *(math.prod(v.shape) for v in values)])
    for (module, name), value, start, end in zip(pairs, values, ends, ends[1:], strict=False):
        custom_from_mask(module, name, Tensor(whole[start:end].reshape(value.shape)))


def _flat(t: Tensor | None) -> Any:
    return None if t is None else t.numpy(force=True).reshape(-1)


def custom_from_mask(module: M, name: str, mask: Tensor) -> M:
    """Prune what ``mask`` has zeros for; returns the module."""
    CustomFromMask.apply(module, name, mask)
    return module


def remove(module: M, name: str) -> M:
    """Let the pruned values be the parameter, without mask and hook; returns the module. Raises `ArgumentError` for one not pruned."""
    found = find(module, BasePruningMethod, name)
    if found is None:
        raise ArgumentError(f"remove: {type(module).__name__}.{name} is not pruned; prune it first")
    found.remove(module)
    take_off(module, found)
    return module


def is_pruned(module: Module) -> bool:
    """Whether a parameter of this module, or of one below it, is pruned by a hook.

    >>> import tensorflowlite_clone as tl
    >>> is_pruned(identity(tl.nn.Linear(2, 2), "weight"))
    True
    """
    return any(all_hooks(m, BasePruningMethod) for m in module.modules())


__dir__ = _public(globals())
