"""Lazy modules: layers that learn the sizes of their parameters from the first input. `LazyModuleMixin`, and the layers of PyTorch's names.

Not here: parameters without a shape (``parameter.py``), how states of them are loaded (``state.py``).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .._errors import ArgumentError, OperandError, ShapeError
from ..core.tensor import Tensor
from .conv import Conv1d, Conv2d, Conv3d, ConvTranspose1d, ConvTranspose2d, ConvTranspose3d
from .linear import Linear
from .normalization import BatchNorm1d, BatchNorm2d, BatchNorm3d, InstanceNorm1d, InstanceNorm2d, InstanceNorm3d
from .parameter import UninitializedBuffer, UninitializedParameter, is_lazy
from .settings import checked, needs_tensor, rename


class LazyModuleMixin:
    """What makes a module lazy, before `Module` among the bases: before its first call it asks ``initialize_parameters`` for its shapes.

    That gets the arguments of the call and materializes every `UninitializedParameter` and `UninitializedBuffer` of the module. Then the
    module becomes an instance of ``cls_to_become``, unless that is None. The parameters stay the same objects, so an optimizer may hold
    them before. A state can be loaded before, too: it brings its shapes.
    """

    cls_to_become: type | None = None
    _initialize_hook: Any

    def __init__(self: Any, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._initialize_hook = self.register_forward_pre_hook(self._infer_parameters, with_kwargs=True)

    def initialize_parameters(self, *args: Any, **kwargs: Any) -> None:
        """Materialize and initialise what has no shape yet, for the arguments of the first call; every lazy class defines it."""
        raise NotImplementedError(f"{type(self).__name__}: has no initialize_parameters; define it in the class, with forward's arguments")

    def has_uninitialized_params(self: Any) -> bool:
        """Whether some parameter or buffer of this module has no shape yet."""
        return any(is_lazy(t) for registry in (self._parameters, self._buffers) for t in registry.values())

    def _infer_parameters(self: Any, module: Any, args: Any, kwargs: Any = None) -> None:
        """Give everything its shape for this first call, and be an ordinary module from then on."""
        try:
            module.initialize_parameters(*args, **(kwargs or {}))
        except TypeError as error:
            rename(error, module.initialize_parameters, module)
            raise
        if module.has_uninitialized_params():
            raise ArgumentError(f"{type(module).__name__}: initialize_parameters has left parameters without a shape; materialize all")
        module._initialize_hook.remove()
        del module._initialize_hook
        if module._hooks.unused():
            module._hooks = None
        if module.cls_to_become is not None:
            module.__class__ = module.cls_to_become

    def _replicate_for_data_parallel(self) -> Any:
        raise OperandError(f"{type(self).__name__}: cannot be replicated before its parameters have shapes; call it on an example first")


class _Lazy(LazyModuleMixin):
    """A layer of this package whose first size is 0 until it is known."""

    #: The attribute that says that size.
    _size: str

    def _await(self: Any, device: Any, dtype: Any, **wanted: bool) -> None:
        """Register parameters (or None) without a shape."""
        for name, yes in wanted.items():
            self.register_parameter(name, UninitializedParameter(device=device, dtype=dtype) if yes else None)

    def reset_parameters(self: Any) -> None:
        """As the layer does it, as soon as there are sizes."""
        if not self.has_uninitialized_params() and getattr(self, self._size):
            super().reset_parameters()  # type: ignore[misc]

    def _materialize(self: Any, size: int, **shapes: tuple[int, ...]) -> None:
        """Give what has no shape its shape and its initial values."""
        setattr(self, self._size, size)
        for name, shape in shapes.items():
            t = getattr(self, name)
            if is_lazy(t):
                t.materialize(shape)
        self.reset_parameters()


class LazyLinear(_Lazy, Linear):
    """`Linear` with ``in_features`` from the last dimension of the first input.

    >>> import tensorflowlite_clone as tl
    >>> layer = LazyLinear(2)
    >>> layer(tl.zeros(5, 3)).shape, layer
    ((5, 2), Linear(in_features=3, out_features=2, bias=True))
    """

    cls_to_become = Linear
    _size = "in_features"

    @checked
    def __init__(self, out_features: int, bias: bool = True, device: Any = None, dtype: Any = None) -> None:
        super().__init__(0, 0, False)
        self.out_features = out_features
        self._await(device, dtype, weight=True, bias=bool(bias))

    def initialize_parameters(self, input: Tensor) -> None:
        """Learn ``in_features`` from the input, or from weights that were loaded."""
        needs_tensor(self, input)
        if not self.has_uninitialized_params():
            self.in_features = self.weight.shape[-1]
            return
        if not input.shape:
            raise ShapeError(f"{type(self).__name__}: input must be (..., in_features): it has no dimension")
        size = input.shape[-1]
        self._materialize(size, weight=(self.out_features, size), bias=(self.out_features,))


class _LazyConv(_Lazy):
    """A convolution with ``in_channels`` from the first input."""

    _size = "in_channels"

    def _set(self: Any, out_channels: int, bias: Any, device: Any, dtype: Any) -> None:
        if out_channels % self.groups:
            raise ArgumentError(f"{type(self).__name__}: channels must be divisible by groups: out {out_channels}, groups {self.groups}")
        self.out_channels = out_channels
        self._await(device, dtype, weight=True, bias=bool(bias))

    def initialize_parameters(self: Any, input: Tensor, *args: Any, **kwargs: Any) -> None:
        """Learn ``in_channels`` from the input, or from weights that were loaded."""
        needs_tensor(self, input)
        if not self.has_uninitialized_params():
            self.in_channels = self.weight.shape[0] if self.transposed else self.weight.shape[1] * self.groups
            return
        if len(input.shape) not in (self.spatial + 1, self.spatial + 2):
            raise ShapeError(
                f"{type(self).__name__}: input must be {self.spatial + 1}-d or {self.spatial + 2}-d: it is {tuple(input.shape)}; "
                f"add or remove dimensions"
            )
        size = input.shape[-self.spatial - 1]
        if size % self.groups:
            raise ArgumentError(f"{type(self).__name__}: channels must be divisible by groups: in {size}, groups {self.groups}")
        first, second = (size, self.out_channels) if self.transposed else (self.out_channels, size)
        self._materialize(size, weight=(first, second // self.groups, *self.kernel_size), bias=(self.out_channels,))


class _LazyForward(_LazyConv):
    @checked
    def __init__(
        self: Any,
        out_channels: int,
        kernel_size: Any,
        stride: Any = 1,
        padding: Any = 0,
        dilation: Any = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: str = "zeros",
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(0, 0, kernel_size, stride, padding, dilation, groups, False, padding_mode)
        self._set(out_channels, bias, device, dtype)


class LazyConv1d(_LazyForward, Conv1d):
    """`Conv1d` with ``in_channels`` from the first input.

    >>> import tensorflowlite_clone as tl
    >>> LazyConv1d(4, 3)(tl.zeros(1, 2, 8)).shape
    (1, 4, 6)
    """

    cls_to_become = Conv1d


class LazyConv2d(_LazyForward, Conv2d):
    """`Conv2d` with ``in_channels`` from the first input."""

    cls_to_become = Conv2d


class LazyConv3d(_LazyForward, Conv3d):
    """`Conv3d` with ``in_channels`` from the first input."""

    cls_to_become = Conv3d


class _LazyTransposed(_LazyConv):
    @checked
    def __init__(
        self: Any,
        out_channels: int,
        kernel_size: Any,
        stride: Any = 1,
        padding: Any = 0,
        output_padding: Any = 0,
        groups: int = 1,
        bias: bool = True,
        dilation: Any = 1,
        padding_mode: str = "zeros",
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(0, 0, kernel_size, stride, padding, output_padding, groups, False, dilation, padding_mode)
        self._set(out_channels, bias, device, dtype)


class LazyConvTranspose1d(_LazyTransposed, ConvTranspose1d):
    """`ConvTranspose1d` with ``in_channels`` from the first input.

    >>> import tensorflowlite_clone as tl
    >>> LazyConvTranspose1d(1, 2, stride=2)(tl.zeros(2, 4, 3)).shape
    (2, 1, 6)
    """

    cls_to_become = ConvTranspose1d


class LazyConvTranspose2d(_LazyTransposed, ConvTranspose2d):
    """`ConvTranspose2d` with ``in_channels`` from the first input."""

    cls_to_become = ConvTranspose2d


class LazyConvTranspose3d(_LazyTransposed, ConvTranspose3d):
    """`ConvTranspose3d` with ``in_channels`` from the first input."""

    cls_to_become = ConvTranspose3d


class _LazyNormBase(_Lazy):
    """A normalisation with ``num_features`` from the first input."""

    _size = "num_features"

    @checked
    def __init__(
        self: Any,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        device: Any = None,
        dtype: Any = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__(0, eps, momentum, False, False, bias=False)
        self.affine, self.track_running_stats = affine, track_running_stats
        self._await(device, dtype, weight=bool(affine), bias=bool(affine and bias))
        if track_running_stats:
            for name in ("running_mean", "running_var"):
                self.register_buffer(name, UninitializedBuffer(device=device, dtype=dtype))
            self.register_buffer("num_batches_tracked", Tensor(np.zeros((), np.int64)))

    def initialize_parameters(self: Any, input: Tensor) -> None:
        """Learn ``num_features`` from the input, or from a state that was loaded."""
        self._check_input_dim(input)
        known = [t for t in (self.weight, self.running_mean) if t is not None and not is_lazy(t)]
        if known and not self.has_uninitialized_params():
            self.num_features = known[0].shape[0]
            return
        size = input.shape[self._channel_axis(input)]
        named = ("weight", "bias", "running_mean", "running_var")
        self._materialize(size, **{name: (size,) for name in named if getattr(self, name) is not None})


class LazyBatchNorm1d(_LazyNormBase, BatchNorm1d):
    """`BatchNorm1d` with ``num_features`` from the first input."""

    cls_to_become = BatchNorm1d


class LazyBatchNorm2d(_LazyNormBase, BatchNorm2d):
    """`BatchNorm2d` with ``num_features`` from the first input."""

    cls_to_become = BatchNorm2d


class LazyBatchNorm3d(_LazyNormBase, BatchNorm3d):
    """`BatchNorm3d` with ``num_features`` from the first input."""

    cls_to_become = BatchNorm3d


class LazyInstanceNorm1d(_LazyNormBase, InstanceNorm1d):
    """`InstanceNorm1d` with ``num_features`` from the first input; unlike there, it has weights and running statistics by default."""

    cls_to_become = InstanceNorm1d


class LazyInstanceNorm2d(_LazyNormBase, InstanceNorm2d):
    """`InstanceNorm2d` with ``num_features`` from the first input; unlike there, it has weights and running statistics by default."""

    cls_to_become = InstanceNorm2d


class LazyInstanceNorm3d(_LazyNormBase, InstanceNorm3d):
    """`InstanceNorm3d` with ``num_features`` from the first input; unlike there, it has weights and running statistics by default."""

    cls_to_become = InstanceNorm3d
