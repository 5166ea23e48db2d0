"""`Transform`, and the transforms that are made of others or change the kind of an image: Compose, Lambda, RandomApply, ToTensor...

Random ones draw from the package's generator (in a `DataLoader`, from that of the batch), so `manual_seed` repeats them. Not here: what
acts on pixels (``geometric.py``, ``coloring.py``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from .._errors import ArgumentError, OperandError, ShapeError
from ..core.tensor import Tensor
from ..nn.containers import ModuleList
from ..nn.module import Module
from ..ops.create import _as_tensor
from ..ops.random import stream
from . import kinds
from .kinds import is_image, is_pillow


def uniform(low: float, high: float) -> float:
    """A number between these, from the package's generator."""
    return float(stream(None).uniform(low, high))


def whole(low: int, high: int) -> int:
    """An integer from ``low`` to ``high`` - 1."""
    return int(stream(None).integers(low, high))


def chance(p: float) -> bool:
    """True with probability ``p``."""
    return float(stream(None).random()) < p


def probability(p: Any, what: str) -> float:
    """``p`` as a number from 0 to 1."""
    if isinstance(p, bool) or not isinstance(p, int | float | np.number) or not 0 <= p <= 1:
        raise ArgumentError(f"{what}: p must be a number from 0 to 1: got {p!r:.60}")
    return float(p)


class Transform(Module):
    """What is done to an image: a subclass defines ``transform(inpt, params)``, and `make_params` if it draws any.

    It is called with an image (a tensor (..., C, H, W), an array (H, W), (H, W, C) or (N, H, W, C), or one of Pillow), or with several
    values, tuples, lists and dicts of them: then every image of Pillow in them is transformed, or else the first tensor or array, all with
    the same parameters, and everything else stays as it is. A batch is transformed with one set of parameters.
    """

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        """What is drawn for one call; ``flat_inputs`` are the images of the call."""
        return {}

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        """The image with these parameters."""
        raise NotImplementedError(f"{type(self).__name__}: does nothing; define transform(self, inpt, params) in the class")

    def forward(self, *inputs: Any) -> Any:
        """The inputs with their images transformed."""
        sample = inputs if len(inputs) != 1 else inputs[0]
        if is_image(sample):
            return self.transform(sample, self.make_params([sample]))
        found: list[Any] = []
        _visited(sample, found.append)
        chosen = [v for v in found if is_pillow(v)] or found[:1]
        if not chosen:
            raise OperandError(
                f"{type(self).__name__}: needs an image: a tensor (..., C, H, W), an array (H, W, C) or an image of Pillow: "
                f"got {type(sample).__name__}"
            )
        params, known = self.make_params(chosen), {id(v) for v in chosen}
        return _visited(sample, lambda v: self.transform(v, params) if id(v) in known else v)

    def extra_repr(self) -> str:
        """The settings."""
        return ", ".join(f"{k}={v}" for k, v in vars(self).items() if not k.startswith("_") and k != "training")


def _visited(value: Any, function: Callable[[Any], Any]) -> Any:
    """The structure with ``function`` of every image in it."""
    if is_image(value):
        return function(value)
    if isinstance(value, Mapping):
        return {k: _visited(v, function) for k, v in value.items()}
    if isinstance(value, list):
        return [_visited(v, function) for v in value]
    if isinstance(value, tuple):
        parts = [_visited(v, function) for v in value]
        return type(value)(*parts) if hasattr(value, "_fields") else tuple(parts)
    return value


# ---- of others ---------------------------------------------------------------------------------------------------------------------
class Compose:
    """One transform after the other.

    >>> Compose([lambda x: x + 1, lambda x: 2 * x])(3)
    8
    """

    def __init__(self, transforms: Sequence[Callable[..., Any]]) -> None:
        _functions(transforms, "Compose")
        self.transforms = transforms

    def __call__(self, *inputs: Any) -> Any:
        """The inputs under all of them."""
        sample = inputs if len(inputs) != 1 else inputs[0]
        for i, t in enumerate(self.transforms):
            sample = t(*sample) if i and len(inputs) > 1 and isinstance(sample, tuple) else t(*inputs) if not i else t(sample)
        return sample

    def __repr__(self) -> str:
        return "\n".join([f"{type(self).__name__}(", *(f"    {t}" for t in self.transforms), ")"])


def _functions(transforms: Any, what: str) -> Any:
    if not isinstance(transforms, Sequence | ModuleList) or not all(callable(t) for t in transforms):
        raise OperandError(f"{what}: transforms must be a list of functions: got {transforms!r:.60}")
    return transforms


class Lambda:
    """A function as a transform.

    >>> Lambda(lambda x: x + 1)(3)
    4
    """

    def __init__(self, lambd: Callable[..., Any], *types: type) -> None:
        if not callable(lambd):
            raise OperandError(f"Lambda: lambd must be a function: got {type(lambd).__name__}")
        self.lambd, self.types = lambd, types or (object,)

    def __call__(self, img: Any) -> Any:
        """What the function gives."""
        return self.lambd(img) if isinstance(img, self.types) else img

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"


class RandomTransforms(Module):
    """Transforms of which a part, or in some order, is applied."""

    def __init__(self, transforms: Sequence[Callable[..., Any]]) -> None:
        super().__init__()
        self.transforms: Any = _functions(transforms, type(self).__name__)

    def _applied(self, which: Sequence[int], inputs: tuple[Any, ...]) -> Any:
        sample = inputs if len(inputs) != 1 else inputs[0]
        for i in which:
            sample = self.transforms[i](*sample) if len(inputs) > 1 else self.transforms[i](sample)
        return sample


class RandomApply(RandomTransforms):
    """All transforms with probability ``p``, else none."""

    def __init__(self, transforms: Sequence[Callable[..., Any]], p: float = 0.5) -> None:
        super().__init__(transforms)
        self.p = probability(p, "RandomApply")

    def forward(self, *inputs: Any) -> Any:
        """The inputs, transformed or not."""
        return self._applied(range(len(self.transforms)) if chance(self.p) else (), inputs)


class RandomChoice(RandomTransforms):
    """One of the transforms, drawn with the probabilities ``p`` (all alike if None)."""

    def __init__(self, transforms: Sequence[Callable[..., Any]], p: Sequence[float] | None = None) -> None:
        super().__init__(transforms)
        if p is not None and (len(p) != len(transforms) or min(p) < 0 or sum(p) <= 0):
            raise ArgumentError(f"RandomChoice: p must have a weight for each of the {len(transforms)} transforms: got {p!r:.60}")
        self.p = p

    def forward(self, *inputs: Any) -> Any:
        """The inputs under one of them."""
        weights = None if self.p is None else np.asarray(self.p, np.float64) / float(sum(self.p))
        return self._applied([int(stream(None).choice(len(self.transforms), p=weights))], inputs)


class RandomOrder(RandomTransforms):
    """All transforms in random order."""

    def forward(self, *inputs: Any) -> Any:
        """The inputs under all of them."""
        return self._applied(stream(None).permutation(len(self.transforms)).tolist(), inputs)


# ---- kinds and dtypes --------------------------------------------------------------------------------------------------------------
class ToTensor:
    """An image of Pillow or an array (H, W), (H, W, C) as a tensor (C, H, W): uint8 as float32 from 0 to 1.

    >>> ToTensor()(np.full((2, 3), 255, np.uint8)).shape
    (1, 2, 3)
    """

    def __call__(self, pic: Any) -> Any:
        """The image in the other kind."""
        return kinds.to_tensor(pic)

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"


class PILToTensor(ToTensor):
    """An image of Pillow as a tensor (C, H, W) of its own dtype."""

    def __call__(self, pic: Any) -> Any:
        """The image in the other kind."""
        return kinds.pil_to_tensor(pic)


class ToPILImage(ToTensor):
    """A tensor (C, H, W) or an array (H, W, C) as an image of Pillow (the extra ``images``)."""

    def __init__(self, mode: str | None = None) -> None:
        self.mode = mode

    def __call__(self, pic: Any) -> Any:
        """The image in the other kind."""
        return kinds.to_pil_image(pic, self.mode)


class ToImage(Transform):
    """An array or an image of Pillow as a tensor (C, H, W) of its dtype; tensors stay as they are."""

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        """The image as a tensor."""
        return kinds.to_image(inpt)


class ToPureTensor(Transform):
    """Nothing: images are tensors here."""

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        """The image itself."""
        return inpt


class ToDtype(Transform):
    """A tensor in another dtype; with ``scale`` white stays white, 1 of floats and the largest of integers.

    >>> ToDtype(np.float32, scale=True)(Tensor.wrap(np.array([[[0, 255]]], np.uint8), 0))
    tensor([[[0., 1.]]])
    """

    def __init__(self, dtype: Any, scale: bool = False) -> None:
        super().__init__()
        if isinstance(dtype, dict):
            chosen = [v for k, v in dtype.items() if v is not None and (k in (Tensor, "others") or getattr(k, "__name__", "") == "Image")]
            if not chosen:
                raise ArgumentError(f"ToDtype: dtype says nothing of tensors: got {dtype!r:.60}; pass a dtype")
            dtype = chosen[0]
        self.dtype, self.scale = dtype, scale

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        """The tensor in this dtype."""
        return kinds.to_dtype(inpt, self.dtype, self.scale)


class ConvertImageDtype(Transform):
    """A tensor in another dtype, in which white stays white."""

    def __init__(self, dtype: Any = np.float32) -> None:
        super().__init__()
        self.dtype = dtype

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        """The tensor in this dtype."""
        return kinds.convert_image_dtype(inpt, self.dtype)


class LinearTransformation(Transform):
    """``(x - mean_vector) @ transformation_matrix`` of images as vectors of C H W numbers (whitening); differentiable."""

    def __init__(self, transformation_matrix: Any, mean_vector: Any) -> None:
        super().__init__()
        matrix, mean = (np.asarray(_as_tensor(m).numpy(force=True)) for m in (transformation_matrix, mean_vector))
        if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1] or mean.shape != matrix.shape[:1]:
            raise ShapeError(f"LinearTransformation: needs a square matrix and a vector of its length: got {matrix.shape} and {mean.shape}")
        self.transformation_matrix: Any = Tensor.wrap(np.ascontiguousarray(matrix), 0)
        self.mean_vector: Any = Tensor.wrap(np.ascontiguousarray(mean), 0)

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        """The images, whitened."""
        tensor, back = kinds.taken(inpt, "LinearTransformation")
        size = int(np.prod(tensor.shape[-3:]))
        if size != len(self.mean_vector):
            raise ShapeError(f"LinearTransformation: the images have {size} numbers, the matrix is for {len(self.mean_vector)}")
        flat = tensor.reshape((*tensor.shape[:-3], size)) - self.mean_vector
        return back((flat @ self.transformation_matrix).reshape(tuple(tensor.shape)))
