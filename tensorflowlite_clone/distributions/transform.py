"""Transforms of random variables: the base class, and transforms made of others (inverse, composed, independent, reshaped, side by side).

A transform states its ``domain`` and ``codomain`` and defines ``_call``, ``_inverse`` and ``log_abs_det_jacobian``; equality, copies
with a cache, and shapes that stay are written once, here. Not here: the maps themselves (``transforms.py``).
"""

from __future__ import annotations

import copy
import weakref
from functools import reduce
from operator import mul
from typing import Any

from .._errors import ArgumentError, ShapeError
from .._typing import Array
from ..core.boxed import Boxed
from ..core.size import Size
from ..ops.join import _cat, _stack
from . import constraints
from .utils import _sum_rightmost, holds

__all__ = ["CatTransform", "ComposeTransform", "IndependentTransform", "ReshapeTransform", "StackTransform", "Transform"]


def same(a: Any, b: Any) -> bool:
    """Whether two settings of transforms are equal; tensors are where all their values are."""
    if isinstance(a, Boxed) or isinstance(b, Boxed):
        shapes = getattr(a, "shape", ()), getattr(b, "shape", ())
        return shapes[0] == shapes[1] and holds(a == b)
    return bool(a == b)


class Transform:
    """A map of values with the logarithm of its Jacobian determinant; `inv` is its inverse.

    With ``cache_size=1`` it remembers the last value and its image, so that the inverse of what it gave is what it was given.
    ``forward_shape`` and ``inverse_shape`` say what becomes of shapes.

    >>> import tensorflowlite_clone as tl
    >>> t = tl.distributions.ExpTransform()
    >>> t(tl.tensor(0.0)).item(), t.inv(tl.tensor(1.0)).item(), t.log_abs_det_jacobian(tl.tensor(2.0), None).item()
    (1.0, 0.0, 2.0)
    """

    bijective = False
    domain: Any
    codomain: Any
    _monotone: Any = None  # 1 for an increasing function of each number, -1 for a decreasing one
    #: The attributes that make two transforms of a class equal.
    _settings: tuple[str, ...] = ()

    def __init__(self, cache_size: int = 0) -> None:
        if cache_size not in (0, 1):
            raise ArgumentError(f"{type(self).__name__}: cache_size must be 0 or 1: got {cache_size!r:.60}")
        self._cache_size = cache_size
        self._inv: Any = None
        self._cached_x_y: tuple[Any, Any] = (None, None)
        super().__init__()

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "_inv": None}

    @property
    def event_dim(self) -> int:
        """The number of dimensions of an event, where it is the same before and after."""
        if self.domain.event_dim != self.codomain.event_dim:
            raise ArgumentError(
                f"{type(self).__name__}: event_dim is not one number: events have {self.domain.event_dim} dimension(s) before and "
                f"{self.codomain.event_dim} after; ask domain.event_dim or codomain.event_dim"
            )
        return self.domain.event_dim  # type: ignore[no-any-return]

    @property
    def inv(self) -> Any:
        """The inverse; ``t.inv.inv is t``."""
        found = None if self._inv is None else self._inv()
        if found is None:
            found = self._inverted()
            self._inv = weakref.ref(found)
        return found

    def _inverted(self) -> Any:
        return _InverseTransform(self)

    @property
    def sign(self) -> Any:
        """The sign of the derivative: 1 or -1 (or a tensor of them)."""
        if self._monotone is None:
            raise NotImplementedError(f"{type(self).__name__}: is not monotone in single numbers, so it has no sign")
        return self._monotone

    def with_cache(self, cache_size: int = 1) -> Any:
        """The transform itself if it has a cache of this size, else a copy that has."""
        if self._cache_size == cache_size:
            return self
        new = copy.copy(self)
        Transform.__init__(new, cache_size)
        return new

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        return type(self) is type(other) and bool(self._same(other))

    __hash__ = None  # type: ignore[assignment]

    def _same(self, other: Any) -> bool:
        plain = type(self).__init__ is Transform.__init__
        return (plain or bool(self._settings)) and all(same(getattr(self, name), getattr(other, name)) for name in self._settings)

    def __call__(self, x: Array) -> Array:
        """The image of ``x``."""
        if self._cache_size == 0:
            return self._call(x)
        x_old, y_old = self._cached_x_y
        if x is x_old:
            return y_old
        y = self._call(x)
        self._cached_x_y = x, y
        return y

    def _inv_call(self, y: Array) -> Array:
        if self._cache_size == 0:
            return self._inverse(y)
        x_old, y_old = self._cached_x_y
        if y is y_old:
            return x_old
        x = self._inverse(y)
        self._cached_x_y = x, y
        return x

    def _call(self, x: Array) -> Array:
        raise NotImplementedError(f"{type(self).__name__}: defines no _call; a transform must")

    def _inverse(self, y: Array) -> Array:
        raise NotImplementedError(f"{type(self).__name__}: defines no _inverse, so it cannot be inverted")

    def log_abs_det_jacobian(self, x: Array, y: Array) -> Array:
        """``log |dy/dx|`` of each event, at ``x`` with the image ``y``."""
        raise NotImplementedError(f"{type(self).__name__}: has no Jacobian determinant (it is not bijective between these sets)")

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"

    def forward_shape(self, shape: Any) -> Any:
        """The shape of images of values of this ``shape``."""
        return shape

    def inverse_shape(self, shape: Any) -> Any:
        """The shape of values whose images have this ``shape``."""
        return shape


class _InverseTransform(Transform):
    """The inverse of a transform, which does all the work."""

    def __init__(self, transform: Transform) -> None:
        super().__init__(cache_size=transform._cache_size)
        self._inv: Transform = transform

    def __getstate__(self) -> dict[str, Any]:
        return dict(vars(self))

    domain = property(lambda self: self._inv.codomain)
    codomain = property(lambda self: self._inv.domain)
    bijective = property(lambda self: self._inv.bijective)
    sign = property(lambda self: self._inv.sign)
    inv = property(lambda self: self._inv)

    def with_cache(self, cache_size: int = 1) -> Any:
        return self if self._cache_size == cache_size else self._inv.with_cache(cache_size).inv

    def _same(self, other: Any) -> bool:
        return bool(self._inv == other._inv)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._inv!r})"

    def __call__(self, x: Array) -> Array:
        return self._inv._inv_call(x)

    def _inv_call(self, y: Array) -> Array:
        return self._inv(y)

    def log_abs_det_jacobian(self, x: Array, y: Array) -> Array:
        return -self._inv.log_abs_det_jacobian(y, x)

    def forward_shape(self, shape: Any) -> Any:
        return self._inv.inverse_shape(shape)

    def inverse_shape(self, shape: Any) -> Any:
        return self._inv.forward_shape(shape)


def _independent(constraint: Any, event_dim: int) -> Any:
    more = event_dim - constraint.event_dim
    return constraints.independent(constraint, more) if more > 0 else constraint


class ComposeTransform(Transform):
    """The ``parts`` one after the other, the first one first.

    >>> import tensorflowlite_clone as tl
    >>> T = tl.distributions.transforms
    >>> ComposeTransform([T.AffineTransform(1.0, 2.0), T.ExpTransform()])(tl.tensor(-0.5)).item()
    1.0
    """

    _settings = ("parts",)

    def __init__(self, parts: list[Transform], cache_size: int = 0) -> None:
        self.parts = [part.with_cache(cache_size) for part in parts] if cache_size else list(parts)
        super().__init__(cache_size=cache_size)

    def _events(self, forward: bool) -> Any:
        """Where the composition starts (or ends): the first part's set, of as many dimensions as any part needs there."""
        if not self.parts:
            return constraints.real
        ways = [(p.domain, p.codomain) for p in reversed(self.parts)]  # from the far end
        if not forward:
            ways = [(b, a) for a, b in reversed(ways)]
        event_dim = ways[0][1].event_dim
        for near, far in ways:
            event_dim = max(event_dim + near.event_dim - far.event_dim, near.event_dim)
        return _independent(ways[-1][0], event_dim)

    @property
    def domain(self) -> Any:
        """What the first part takes."""
        return self._events(True)

    @property
    def codomain(self) -> Any:
        """What the last part gives."""
        return self._events(False)

    @property
    def bijective(self) -> bool:  # type: ignore[override]
        """Whether all parts are."""
        return all(p.bijective for p in self.parts)

    @property
    def sign(self) -> Any:
        return reduce(mul, (p.sign for p in self.parts), 1)

    def _inverted(self) -> Any:
        inverse = ComposeTransform([p.inv for p in reversed(self.parts)])
        inverse._inv = weakref.ref(self)
        return inverse

    def with_cache(self, cache_size: int = 1) -> Any:
        return self if self._cache_size == cache_size else ComposeTransform(self.parts, cache_size)

    def __call__(self, x: Array) -> Array:
        for part in self.parts:
            x = part(x)
        return x

    def log_abs_det_jacobian(self, x: Array, y: Array) -> Array:
        if not self.parts:
            return x * 0
        terms, event_dim = [], self.domain.event_dim
        for i, part in enumerate(self.parts):
            image = y if i == len(self.parts) - 1 else part(x)
            terms.append(_sum_rightmost(part.log_abs_det_jacobian(x, image), event_dim - part.domain.event_dim))
            event_dim += part.codomain.event_dim - part.domain.event_dim
            x = image
        return sum(terms[1:], terms[0])

    def forward_shape(self, shape: Any) -> Any:
        for part in self.parts:
            shape = part.forward_shape(shape)
        return shape

    def inverse_shape(self, shape: Any) -> Any:
        for part in reversed(self.parts):
            shape = part.inverse_shape(shape)
        return shape

    def __repr__(self) -> str:
        return f"{type(self).__name__}(\n    " + ",\n    ".join(map(repr, self.parts)) + "\n)"


class _OfOne(Transform):
    """A transform made of one other, ``base_transform``."""

    base_transform: Transform
    bijective = property(lambda self: self.base_transform.bijective)
    sign = property(lambda self: self.base_transform.sign)

    def _call(self, x: Array) -> Array:
        return self.base_transform(x)

    def _inverse(self, y: Array) -> Array:
        return self.base_transform.inv(y)

    def forward_shape(self, shape: Any) -> Any:
        return self.base_transform.forward_shape(shape)

    def inverse_shape(self, shape: Any) -> Any:
        return self.base_transform.inverse_shape(shape)


class IndependentTransform(_OfOne):
    """``base_transform`` with ``reinterpreted_batch_ndims`` more dimensions in an event: its log-Jacobians are summed over them."""

    _settings = ("base_transform", "reinterpreted_batch_ndims")

    def __init__(self, base_transform: Transform, reinterpreted_batch_ndims: int, cache_size: int = 0) -> None:
        super().__init__(cache_size=cache_size)
        self.base_transform = base_transform.with_cache(cache_size)
        self.reinterpreted_batch_ndims = reinterpreted_batch_ndims

    def with_cache(self, cache_size: int = 1) -> Any:
        same_size = self._cache_size == cache_size
        return self if same_size else IndependentTransform(self.base_transform, self.reinterpreted_batch_ndims, cache_size)

    @property
    def domain(self) -> Any:
        """The base's, with more dimensions."""
        return constraints.independent(self.base_transform.domain, self.reinterpreted_batch_ndims)

    @property
    def codomain(self) -> Any:
        """The base's, with more dimensions."""
        return constraints.independent(self.base_transform.codomain, self.reinterpreted_batch_ndims)

    def _checked(self, x: Array, event_dim: int) -> Array:
        if len(x.shape) < event_dim:
            raise ShapeError(f"IndependentTransform: too few dimensions: the value is {x.shape}; events have {event_dim}")
        return x

    def _call(self, x: Array) -> Array:
        return super()._call(self._checked(x, self.domain.event_dim))

    def _inverse(self, y: Array) -> Array:
        return super()._inverse(self._checked(y, self.codomain.event_dim))

    def log_abs_det_jacobian(self, x: Array, y: Array) -> Array:
        return _sum_rightmost(self.base_transform.log_abs_det_jacobian(x, y), self.reinterpreted_batch_ndims)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.base_transform!r}, {self.reinterpreted_batch_ndims})"


class ReshapeTransform(Transform):
    """Events of shape ``in_shape`` as events of shape ``out_shape``.

    >>> import tensorflowlite_clone as tl
    >>> ReshapeTransform((4,), (2, 2))(tl.ones(3, 4)).shape
    (3, 2, 2)
    """

    bijective = True
    _settings = ("in_shape", "out_shape")

    def __init__(self, in_shape: Any, out_shape: Any, cache_size: int = 0) -> None:
        self.in_shape, self.out_shape = Size(in_shape), Size(out_shape)
        if self.in_shape.numel() != self.out_shape.numel():
            raise ShapeError(f"ReshapeTransform: as many elements before as after: in_shape is {self.in_shape}, out_shape {self.out_shape}")
        super().__init__(cache_size=cache_size)

    domain = property(lambda self: constraints.independent(constraints.real, len(self.in_shape)))
    codomain = property(lambda self: constraints.independent(constraints.real, len(self.out_shape)))

    def _exchanged(self, shape: Any, old: Size, new: Size) -> Any:
        start = len(shape) - len(old)
        if start < 0 or tuple(shape[start:]) != old:
            raise ShapeError(f"ReshapeTransform: the last dimensions must be {old}: the shape is {tuple(shape)}")
        return Size(shape[:start]) + new

    def _call(self, x: Array) -> Array:
        return x.reshape(self.forward_shape(x.shape))

    def _inverse(self, y: Array) -> Array:
        return y.reshape(self.inverse_shape(y.shape))

    def log_abs_det_jacobian(self, x: Array, y: Array) -> Array:
        return x.new_zeros(x.shape[: len(x.shape) - len(self.in_shape)])

    def forward_shape(self, shape: Any) -> Any:
        return self._exchanged(shape, self.in_shape, self.out_shape)

    def inverse_shape(self, shape: Any) -> Any:
        return self._exchanged(shape, self.out_shape, self.in_shape)


class _SideBySide(Transform):
    """Several transforms for parts along ``dim``: `_parts` takes a value apart, `_together` puts the images together."""

    transforms: list[Transform]
    dim: int

    def __init__(self, tseq: Any, dim: int = 0, cache_size: int = 0) -> None:
        name = type(self).__name__
        if not all(isinstance(t, Transform) for t in tseq):
            raise ArgumentError(f"{name}: must be of Transforms: got {[type(t).__name__ for t in tseq]}")
        super().__init__(cache_size=cache_size)
        self.transforms = [t.with_cache(cache_size) for t in tseq] if cache_size else list(tseq)
        self.dim = dim

    def with_cache(self, cache_size: int = 1) -> Any:
        if self._cache_size == cache_size:
            return self
        new = super().with_cache(cache_size)
        new.transforms = [t.with_cache(cache_size) for t in self.transforms]
        return new

    bijective = property(lambda self: all(t.bijective for t in self.transforms))

    def _parts(self, z: Array) -> list[Array]:
        raise NotImplementedError(f"{type(self).__name__}: defines no _parts")

    _together: Any = staticmethod(_cat)

    def _axis(self, z: Array, size: int) -> int:
        ndim = len(z.shape)
        if not -ndim <= self.dim < ndim or z.shape[self.dim] != size:
            raise ShapeError(f"{type(self).__name__}: dimension {self.dim} must have the size {size}: the value is {z.shape}")
        return self.dim % ndim

    def _call(self, x: Array) -> Array:
        return self._together([t(part) for t, part in zip(self.transforms, self._parts(x), strict=True)], self.dim)

    def _inverse(self, y: Array) -> Array:
        return self._together([t.inv(part) for t, part in zip(self.transforms, self._parts(y), strict=True)], self.dim)


class CatTransform(_SideBySide):
    """Transforms for parts of the ``lengths`` (1 each by default) that lie behind one another along ``dim``.

    >>> import tensorflowlite_clone as tl
    >>> T = tl.distributions.transforms
    >>> CatTransform([T.ExpTransform(), T.AffineTransform(1.0, 2.0)], lengths=[1, 2])(tl.zeros(3)).tolist()
    [1.0, 1.0, 1.0]
    """

    _settings = ("transforms", "dim", "lengths")

    def __init__(self, tseq: Any, dim: int = 0, lengths: Any = None, cache_size: int = 0) -> None:
        super().__init__(tseq, dim, cache_size)
        self.lengths = [1] * len(self.transforms) if lengths is None else list(lengths)
        if len(self.lengths) != len(self.transforms):
            raise ArgumentError(f"CatTransform: as many lengths as transforms: got {len(self.lengths)} and {len(self.transforms)}")

    @property
    def event_dim(self) -> int:
        return max(t.event_dim for t in self.transforms)

    @property
    def length(self) -> int:
        """The size of dimension ``dim``."""
        return sum(self.lengths)

    domain = property(lambda self: constraints.cat([t.domain for t in self.transforms], self.dim, self.lengths))
    codomain = property(lambda self: constraints.cat([t.codomain for t in self.transforms], self.dim, self.lengths))

    def _parts(self, z: Array) -> list[Array]:
        axis = self._axis(z, self.length)
        return [z.narrow(axis, sum(self.lengths[:i]), length) for i, length in enumerate(self.lengths)]

    def log_abs_det_jacobian(self, x: Array, y: Array) -> Array:
        ladj = [
            _sum_rightmost(t.log_abs_det_jacobian(a, b), self.event_dim - t.event_dim)
            for t, a, b in zip(self.transforms, self._parts(x), self._parts(y), strict=True)
        ]
        dim = (self.dim - len(x.shape) if self.dim >= 0 else self.dim) + self.event_dim
        return _cat(ladj, dim) if dim < 0 else sum(ladj[1:], ladj[0])


class StackTransform(_SideBySide):
    """Transforms for parts that are stacked along ``dim``.

    >>> import tensorflowlite_clone as tl
    >>> T = tl.distributions.transforms
    >>> StackTransform([T.ExpTransform(), T.identity_transform], dim=1)(tl.zeros(2, 2)).tolist()
    [[1.0, 0.0], [1.0, 0.0]]
    """

    _settings = ("transforms", "dim")
    _together = staticmethod(_stack)

    domain = property(lambda self: constraints.stack([t.domain for t in self.transforms], self.dim))
    codomain = property(lambda self: constraints.stack([t.codomain for t in self.transforms], self.dim))

    def _parts(self, z: Array) -> list[Array]:
        axis = self._axis(z, len(self.transforms))
        return [z.select(axis, i) for i in range(len(self.transforms))]

    _slice = _parts

    def log_abs_det_jacobian(self, x: Array, y: Array) -> Array:
        parts = zip(self.transforms, self._parts(x), self._parts(y), strict=True)
        return _stack([t.log_abs_det_jacobian(a, b) for t, a, b in parts], self.dim)
