"""Parameters as one vector, and back. Here too: what the functions of this package take for "parameters"."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ..._errors import ArgumentError, OperandError, ShapeError
from ..._lazy import public as _public
from ...core.tensor import Taped, Tensor
from ...ops.join import Concatenate

__all__ = ["parameters_to_vector", "vector_to_parameters"]


def tensors_of(parameters: Any, op: str) -> list[Tensor]:
    """One tensor or several, in a list."""
    if isinstance(parameters, Taped):
        return [parameters]
    if not isinstance(parameters, Iterable) or isinstance(parameters, str):
        fix = "model.parameters()" if hasattr(parameters, "parameters") else "a list of tensors"
        raise OperandError(f"{op}: parameters must be tensors: got {type(parameters).__name__} {parameters!r:.40}; pass {fix}")
    tensors = list(parameters)
    for i, p in enumerate(tensors):
        if not isinstance(p, Taped):
            raise OperandError(f"{op}: parameters must be tensors: item {i} is a {type(p).__name__}; pass model.parameters()")
    return tensors


def parameters_to_vector(parameters: Iterable[Tensor]) -> Tensor:
    """All parameters as one vector, differentiably."""
    flat = [p.reshape(-1) for p in tensors_of(parameters, "parameters_to_vector")]
    if not flat:
        raise ArgumentError("parameters_to_vector: got no parameters; pass module.parameters()")
    vector: Tensor = Concatenate.of(*flat, axis=0)
    return vector


def vector_to_parameters(vec: Tensor, parameters: Iterable[Tensor]) -> None:
    """Let consecutive parts of a vector be the parameters: they share its memory and have its dtype, as in PyTorch.

    The parameters stay the same objects, off the tape that the vector may be on. Raises `ShapeError` where the sizes differ.

    >>> import tensorflowlite_clone as tl
    >>> layer, vec = tl.nn.Linear(2, 1), tl.tensor([1.0, 2.0, 3.0])
    >>> vector_to_parameters(vec, layer.parameters()); vec[0] = 5.0
    >>> layer.weight.tolist(), layer.bias.tolist()
    ([[5.0, 2.0]], [3.0])
    """
    tensors = tensors_of(parameters, "vector_to_parameters")
    if not isinstance(vec, Taped):
        raise OperandError(f"vector_to_parameters: vec must be a tensor: got {type(vec).__name__} {vec!r:.40}")
    total = sum(p.numel() for p in tensors)
    if vec.numel() != total:
        raise ShapeError(f"vector_to_parameters: the vector has {vec.numel()} elements, the parameters {total}; they must be equal")
    start = 0
    flat = vec.detach()
    for p in tensors:
        p.data = flat[start : start + p.numel()].view(p.shape)
        start += p.numel()


__dir__ = _public(globals())
