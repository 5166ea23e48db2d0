"""Spectral normalisation by a hook, as it was before `nn.utils.parametrizations.spectral_norm`; models that were saved with it need it."""

from __future__ import annotations

from typing import Any, TypeVar

import numpy as np

from ..._checks import integer, number
from ..._errors import ArgumentError, DimensionError
from ..._lazy import public as _public
from ...autograd import no_grad
from ...core.tensor import Taped, Tensor
from ...kernels.linalg import least_squares
from ..module import Module
from ..parameter import Parameter
from ._hooked import Hooked, find, parameter_of, take_off
from .parametrizations import output_dim, outputs_first, power_iteration, random_unit

__all__ = ["SpectralNorm", "SpectralNormLoadStateDictPreHook", "SpectralNormStateDictHook", "remove_spectral_norm", "spectral_norm"]

M = TypeVar("M", bound=Module)
OP = "spectral_norm"


class SpectralNorm(Hooked):
    """The hook of `spectral_norm`: sets a tensor to itself over its largest singular value before each call."""

    #: That of the state it saves: both vectors, and not the normalised tensor.
    _version = 1

    def __init__(self, name: str = "weight", n_power_iterations: int = 1, dim: int = 0, eps: float = 1e-12) -> None:
        self.name, self.dim = name, dim
        self.n_power_iterations, self.eps = integer(OP, "n_power_iterations", n_power_iterations, 1), number(OP, "eps", eps, 0.0)

    def reshape_weight_to_matrix(self, weight: Tensor) -> Any:
        """The tensor as a matrix whose rows are the outputs."""
        return outputs_first(weight, self.dim)

    def compute_weight(self, module: Module, do_power_iteration: bool | None = None) -> Any:
        """The tensor, from ``<name>_orig`` and the two vectors, which come nearer to their limits (by default in training alone)."""
        weight, u, v = (getattr(module, self.name + end) for end in ("_orig", "_u", "_v"))
        matrix = self.reshape_weight_to_matrix(weight)
        if module.training if do_power_iteration is None else do_power_iteration:
            power_iteration(matrix, u, v, self.n_power_iterations, self.eps, u_first=False)
            u, v = u.clone(), v.clone()  # what backward needs must not be changed by the next call
        return weight / (u @ (matrix @ v))

    @staticmethod
    def apply(module: Module, name: str, n_power_iterations: int, dim: int, eps: float) -> SpectralNorm:
        """Put the original and the two vectors in place of the parameter, and register a new hook."""
        weight = parameter_of(OP, module, name)
        if find(module, SpectralNorm, name) is not None:
            raise ArgumentError(f"{OP}: {type(module).__name__}.{name} has a spectral norm already; remove_spectral_norm comes first")
        if not isinstance(weight, Parameter):
            raise ArgumentError(f"{OP}: {type(module).__name__}.{name} must be a parameter: it is a {type(weight).__name__}")
        if weight.ndim < 2 or not -weight.ndim <= dim < weight.ndim:
            raise DimensionError(f"{OP}: needs at least 2 dimensions, and dim one of them: the tensor is {weight.shape}, dim is {dim}")
        fn = SpectralNorm(name, n_power_iterations, dim % weight.ndim, eps)
        vectors = [random_unit(weight, size, eps) for size in fn.reshape_weight_to_matrix(weight.detach()).shape]
        delattr(module, name)
        module.register_parameter(f"{name}_orig", weight)
        setattr(module, name, weight.detach())  # not a parameter: the original is
        for end, vector in zip(("_u", "_v"), vectors, strict=True):
            module.register_buffer(name + end, vector)
        module.register_forward_pre_hook(fn)
        module.register_load_state_dict_pre_hook(SpectralNormLoadStateDictPreHook(fn))
        module.register_state_dict_post_hook(SpectralNormStateDictHook(fn))
        return fn

    def remove(self, module: Module) -> None:
        """Make the present value the parameter again."""
        with no_grad():
            weight = self.compute_weight(module, do_power_iteration=False)
        for end in ("", "_u", "_v", "_orig"):
            delattr(module, self.name + end)
        module.register_parameter(self.name, Parameter(weight.detach()))


class SpectralNormLoadStateDictPreHook:
    """Loads what PyTorch saved before version 1, which had the normalised tensor in place of the second vector.

    With sigma the quotient of the original and the normalised tensor, the vector is the solution of least norm of ``W v = sigma u``, scaled
    so that ``u W v`` is sigma.
    """

    def __init__(self, fn: SpectralNorm) -> None:
        self.fn = fn

    def __call__(self, module: Module, state_dict: dict[str, Any], prefix: str, *rest: Any) -> None:
        """Change a state before it is loaded."""
        weight, original, u, v = (f"{prefix}{self.fn.name}{end}" for end in ("", "_orig", "_u", "_v"))
        if weight not in state_dict or original not in state_dict or u not in state_dict:
            return  # saved by version 1, or incomplete, which is said later
        normalised, whole, left = (_array(state_dict[key]) for key in (weight, original, u))
        del state_dict[weight]
        sigma = (whole / normalised).mean()
        a: Any = np.moveaxis(whole, self.fn.dim, 0).reshape(whole.shape[self.fn.dim], -1)
        found = least_squares(a, left)
        state_dict[v] = Tensor(np.asarray(found * (sigma / (left @ (a @ found))), a.dtype))


class SpectralNormStateDictHook:
    """Writes the version of the state beside it, where PyTorch looks for it."""

    def __init__(self, fn: SpectralNorm) -> None:
        self.fn = fn

    def __call__(self, module: Module, state_dict: dict[str, Any], prefix: str, local_metadata: dict[str, Any]) -> None:
        """Add to what stands beside a state."""
        local_metadata.setdefault("spectral_norm", {})[f"{self.fn.name}.version"] = SpectralNorm._version


def _array(value: Any) -> Any:
    return value.numpy(force=True) if isinstance(value, Taped) else np.asarray(value)


def spectral_norm(module: M, name: str = "weight", n_power_iterations: int = 1, eps: float = 1e-12, dim: int | None = None) -> M:
    """Divide a parameter by its largest singular value, by a hook before each call (T. Miyato et al. 2018).

    The parameter is ``<name>_orig`` then, and buffers ``<name>_u`` and ``<name>_v`` hold the vectors of the power method, which makes
    ``n_power_iterations`` steps at each call in training. ``dim`` is that of the outputs: 1 for transposed convolutions, else 0. Returns
    the module. `nn.utils.parametrizations.spectral_norm` is the newer form. Raises `ArgumentError` where it is there already.

    >>> import tensorflowlite_clone as tl
    >>> layer = spectral_norm(tl.nn.Linear(20, 40))
    >>> [*layer.state_dict()]
    ['bias', 'weight_orig', 'weight_u', 'weight_v']
    """
    SpectralNorm.apply(module, name, n_power_iterations, output_dim(module, dim), eps)
    return module


def remove_spectral_norm(module: M, name: str = "weight") -> M:
    """Undo `spectral_norm`: the present value becomes the parameter. Returns the module; raises `ArgumentError` where there was none."""
    found = find(module, SpectralNorm, name)
    if found is None:
        raise ArgumentError(f"remove_spectral_norm: {type(module).__name__}.{name} has no spectral norm; apply spectral_norm first")
    found.remove(module)
    hooks: Any = module._hooks
    others = [
        h.function for table in (hooks.load_before, hooks.save_after) for h in table.values() if getattr(h.function, "fn", None) is found
    ]
    take_off(module, found, *others)
    return module


__dir__ = _public(globals())
