"""Activations as modules: each calls the function of the same name on its input, element by element unless it names a ``dim``.

With ``inplace``, where PyTorch has it, the input itself becomes the result.
"""

from __future__ import annotations

import warnings
from typing import Any

from .._errors import ArgumentError, ShapeError
from ..core.tensor import Tensor
from ..core.where import stacklevel
from . import functional as F  # noqa: N812
from . import init
from .linear import parameter
from .module import Layer
from .settings import checked, needs_tensor


class _Activation(Layer):
    """A function with fixed settings, which become attributes and appear in the ``repr``."""

    _function: str
    settings: tuple[str, ...] = ()
    inplace: bool = False

    def forward(self, input: Tensor) -> Tensor:
        """The activation of ``input``, in its shape."""
        function, settings = getattr(F, self._function), self.settings
        if not (settings or self.inplace):
            plain: Tensor = function(input)
            return plain
        options = {"inplace": True} if self.inplace else {}
        result: Tensor = function(input, *[getattr(self, s) for s in settings], **options)
        return result

    def extra_repr(self) -> str:
        """The settings."""
        shown = (*self.settings, "inplace") if self.inplace else self.settings
        return ", ".join(f"{s}={getattr(self, s)!r}" for s in shown)


class _Plain(_Activation):
    @checked
    def __init__(self, inplace: bool = False) -> None:
        super().__init__()
        self.inplace = inplace


class ReLU(_Plain):
    """``max(x, 0)``."""

    _function = "relu"


class SELU(_Plain):
    """``scale * (max(x, 0) + min(alpha (exp(x) - 1), 0))`` (G. Klambauer et al. 2017)."""

    _function = "selu"


class SiLU(_Plain):
    """``x * sigmoid(x)``."""

    _function = "silu"


class Mish(_Plain):
    """``x * tanh(softplus(x))`` (D. Misra 2019)."""

    _function = "mish"


class _Silent(_Plain):
    def extra_repr(self) -> str:
        """Nothing, as in PyTorch."""
        return ""


class Hardswish(_Silent):
    """``x * min(max(x + 3, 0), 6) / 6`` (A. Howard et al. 2019)."""

    _function = "hardswish"


class Hardsigmoid(_Silent):
    """``min(max(x + 3, 0), 6) / 6``."""

    _function = "hardsigmoid"


class Sigmoid(_Activation):
    """``1 / (1 + exp(-x))``."""

    _function = "sigmoid"


class Tanh(_Activation):
    """``tanh(x)``."""

    _function = "tanh"


class Softsign(_Activation):
    """``x / (1 + |x|)``."""

    _function = "softsign"


class Tanhshrink(_Activation):
    """``x - tanh(x)``."""

    _function = "tanhshrink"


class LogSigmoid(_Activation):
    """``log(sigmoid(x))``."""

    _function = "logsigmoid"


class GELU(_Activation):
    """``x * Phi(x)``, Phi the normal distribution function, or its ``tanh`` approximation (D. Hendrycks, K. Gimpel 2016)."""

    _function = "gelu"
    settings = ("approximate",)

    @checked
    def __init__(self, approximate: str = "none") -> None:
        super().__init__()
        self.approximate = approximate

    def forward(self, input: Tensor) -> Tensor:
        """The activation of ``input``."""
        return F.gelu(input, approximate=self.approximate)


class LeakyReLU(_Activation):
    """``x`` where positive, ``negative_slope * x`` elsewhere."""

    _function = "leaky_relu"
    settings = ("negative_slope",)

    @checked
    def __init__(self, negative_slope: float = 0.01, inplace: bool = False) -> None:
        super().__init__()
        self.negative_slope, self.inplace = negative_slope, inplace


class ELU(_Activation):
    """``x`` where positive, ``alpha (exp(x) - 1)`` elsewhere (D. Clevert et al. 2015)."""

    _function = "elu"
    settings = ("alpha",)

    @checked
    def __init__(self, alpha: float = 1.0, inplace: bool = False) -> None:
        super().__init__()
        self.alpha, self.inplace = alpha, inplace


class RReLU(_Activation):
    """``x`` where positive, elsewhere times a slope: drawn from [lower, upper] in training, their mean otherwise (B. Xu et al. 2015)."""

    _function = "rrelu"
    settings = ("lower", "upper")

    @checked
    def __init__(self, lower: float = 1 / 8, upper: float = 1 / 3, inplace: bool = False) -> None:
        super().__init__()
        if lower > upper:
            raise ArgumentError(f"RReLU: lower must not exceed upper: they are {lower} and {upper}; exchange them")
        self.lower, self.upper, self.inplace = lower, upper, inplace

    def forward(self, input: Tensor) -> Tensor:
        """The activation of ``input``."""
        return F.rrelu(input, self.lower, self.upper, self.training, self.inplace)


class CELU(_Activation):
    """``max(x, 0) + min(alpha (exp(x / alpha) - 1), 0)`` (J. Barron 2017)."""

    _function = "celu"
    settings = ("alpha",)

    @checked
    def __init__(self, alpha: float = 1.0, inplace: bool = False) -> None:
        super().__init__()
        if alpha == 0:
            raise ArgumentError("CELU: alpha must not be 0: x is divided by it; pass 1.0")
        self.alpha, self.inplace = alpha, inplace


class Hardtanh(_Activation):
    """``min(max(x, min_val), max_val)``."""

    _function = "hardtanh"
    settings: tuple[str, ...] = ("min_val", "max_val")

    @checked
    def __init__(
        self,
        min_val: float = -1.0,
        max_val: float = 1.0,
        inplace: bool = False,
        min_value: float | None = None,
        max_value: float | None = None,
    ) -> None:
        super().__init__()
        for name, value in (("min_val", min_value), ("max_val", max_value)):
            if value is not None:
                warnings.warn(f"Hardtanh: {name}ue is deprecated, as in PyTorch; write {name}", FutureWarning, stacklevel=stacklevel())
        min_val, max_val = min_val if min_value is None else min_value, max_val if max_value is None else max_value
        if max_val <= min_val:
            raise ArgumentError(f"Hardtanh: max_val must be above min_val: they are {max_val} and {min_val}; exchange them")
        self.min_val, self.max_val, self.inplace = min_val, max_val, inplace


class ReLU6(Hardtanh):
    """``min(max(x, 0), 6)``."""

    _function = "relu6"
    settings = ()

    @checked
    def __init__(self, inplace: bool = False) -> None:
        super().__init__(0.0, 6.0, inplace)


class Softplus(_Activation):
    """``log(1 + exp(beta x)) / beta``, and ``x`` where ``beta x > threshold``."""

    _function = "softplus"
    settings = ("beta", "threshold")

    @checked
    def __init__(self, beta: float = 1.0, threshold: float = 20.0) -> None:
        super().__init__()
        self.beta, self.threshold = beta, threshold


class Threshold(_Activation):
    """``x`` where above ``threshold``, ``value`` elsewhere."""

    _function = "threshold"
    settings = ("threshold", "value")

    @checked
    def __init__(self, threshold: float, value: float, inplace: bool = False) -> None:
        super().__init__()
        self.threshold, self.value, self.inplace = threshold, value, inplace


class Hardshrink(_Activation):
    """``x`` outside [-lambd, lambd], 0 inside."""

    _function = "hardshrink"
    settings = ("lambd",)

    @checked
    def __init__(self, lambd: float = 0.5) -> None:
        super().__init__()
        self.lambd = lambd

    def extra_repr(self) -> str:
        """The threshold."""
        return str(self.lambd)


class Softshrink(Hardshrink):
    """``x`` moved towards 0 by ``lambd``, 0 inside [-lambd, lambd]."""

    _function = "softshrink"


class PReLU(Layer):
    """``x`` where positive, ``weight * x`` elsewhere, with a learned weight per channel (K. He et al. 2015); it starts at ``init``."""

    @checked
    def __init__(self, num_parameters: int = 1, init: float = 0.25, device: Any = None, dtype: Any = None) -> None:
        super().__init__()
        self.num_parameters, self.init = num_parameters, init
        self.weight = parameter((num_parameters,), dtype)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Every slope to its initial value."""
        init.constant_(self.weight, self.init)

    def forward(self, input: Tensor) -> Tensor:
        """The activation of ``input``."""
        return F.prelu(input, self.weight)

    def extra_repr(self) -> str:
        """The number of slopes."""
        return f"num_parameters={self.num_parameters}"


class GLU(_Activation):
    """The first half along ``dim`` times the sigmoid of the second (Y. Dauphin et al. 2016)."""

    _function = "glu"
    settings = ("dim",)

    @checked
    def __init__(self, dim: int = -1) -> None:
        super().__init__()
        self.dim = dim


class _AlongDim(Layer):
    _function: str

    @checked
    def __init__(self, dim: int | None = None) -> None:
        super().__init__()
        self.dim = dim

    def forward(self, input: Tensor) -> Tensor:
        """The function along ``dim``; where that is None, along the one that `functional.softmax` then takes, with a warning."""
        result: Tensor = getattr(F, self._function)(input, dim=self.dim)
        return result

    def extra_repr(self) -> str:
        """The dimension."""
        return f"dim={self.dim}"


class Softmax(_AlongDim):
    """``exp(x_i) / sum_j exp(x_j)`` along ``dim``."""

    _function = "softmax"


class Softmax2d(Layer):
    """`Softmax` over the channels of images (N, C, H, W) or (C, H, W), at each place by itself.

    >>> import tensorflowlite_clone as tl
    >>> Softmax2d()(tl.zeros(2, 1, 1)).flatten().tolist()
    [0.5, 0.5]
    """

    def forward(self, input: Tensor) -> Tensor:
        """The softmax over dimension -3."""
        needs_tensor(self, input)
        if input.ndim not in (3, 4):
            raise ShapeError(f"Softmax2d: input must be (N, C, H, W) or (C, H, W): it is {tuple(input.shape)}; use Softmax(dim)")
        return F.softmax(input, dim=-3)


class Softmin(_AlongDim):
    """``exp(-x_i) / sum_j exp(-x_j)`` along ``dim``."""

    _function = "softmin"


class LogSoftmax(_AlongDim):
    """``x_i - log(sum_j exp(x_j))`` along ``dim``."""

    _function = "log_softmax"
