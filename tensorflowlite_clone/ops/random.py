"""Random numbers: `Generator`, seeding, and tensors drawn from distributions. In-place drawing is in ``inplace.py``.

Streams are NumPy's Philox (J. Salmon et al. 2011): the same seed gives the same numbers on every platform, and a generator's
state is small and can be saved. Numbers differ from PyTorch's for the same seed. The default generator is guarded by no lock:
threads that draw from it at once get different numbers in an order that is not reproducible; give each its own.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy import ndarray

from .._errors import ArgumentError, DTypeError
from .._state import get_default_dtype
from .._typing import Array, DTypeLike, Shape
from ..core.broadcast import shape_of
from ..core.registry import public
from ..core.tensor import Tensor
from .create import finish, size_of

#: Length of a saved state in bytes: counter, key, buffer of four words, position, and a kept half word.
STATE_WORDS = 13


class Generator:
    """A stream of random numbers.

    >>> g = Generator().manual_seed(7)
    >>> state = g.get_state()
    >>> a = g.numpy_generator.random(3)
    >>> _ = g.set_state(state)
    >>> bool((a == g.numpy_generator.random(3)).all())
    True
    """

    __slots__ = ("_seed", "device", "numpy_generator")

    def __init__(self, device: Any = "cpu") -> None:
        self.device = device
        self.manual_seed(0)

    def manual_seed(self, seed: int) -> Generator:
        """Start the stream of ``seed``, any integer."""
        self._seed = int(seed)
        self.numpy_generator = np.random.Generator(np.random.Philox(self._seed % (1 << 64)))
        return self

    def seed(self) -> int:
        """Start a stream that nobody can foresee; returns its seed."""
        self.manual_seed(int(np.random.SeedSequence().generate_state(1, np.uint64)[0] >> 1))
        return self._seed

    def initial_seed(self) -> int:
        """The seed this stream was started with."""
        return self._seed

    def get_state(self) -> Array:
        """The state as a uint8 tensor."""
        state: Any = self.numpy_generator.bit_generator.state
        words = [*state["state"]["counter"], *state["state"]["key"], *state["buffer"], state["buffer_pos"]]
        words += [state["has_uint32"], state["uinteger"] & 0xFFFFFFFF]
        return Tensor.wrap(np.array(words, "<u8").view(np.uint8), 0)

    def set_state(self, new_state: Array) -> Generator:
        """Go on from a state that `get_state` returned."""
        raw = np.ascontiguousarray(new_state.numpy() if isinstance(new_state, Tensor) else new_state)
        if raw.dtype != np.uint8 or raw.size != 8 * STATE_WORDS:
            raise ArgumentError(f"set_state: not a generator's state: {raw.dtype} {raw.shape}; pass what get_state() returned")
        words = raw.reshape(-1).view("<u8").astype(np.uint64)
        bits: Any = self.numpy_generator.bit_generator
        bits.state = {
            "bit_generator": "Philox",
            "state": {"counter": words[:4], "key": words[4:6]},
            "buffer": words[6:10],
            "buffer_pos": int(words[10]),
            "has_uint32": int(words[11]),
            "uinteger": int(words[12]),
        }
        return self


default_generator = Generator()
default_generator.seed()


def stream(generator: Generator | None) -> np.random.Generator:
    """The NumPy generator to draw from."""
    return (default_generator if generator is None else generator).numpy_generator


@public("manual_seed", method=False)
def _manual_seed(seed: int) -> Generator:
    """Start the default generator's stream of ``seed``."""
    return default_generator.manual_seed(seed)


@public("seed", method=False)
def _seed() -> int:
    """Start a stream of the default generator that nobody can foresee; returns its seed."""
    return default_generator.seed()


@public("initial_seed", method=False)
def _initial_seed() -> int:
    """The seed the default generator was started with."""
    return default_generator.initial_seed()


@public("get_rng_state", method=False)
def _get_rng_state() -> Array:
    """The default generator's state as a uint8 tensor."""
    return default_generator.get_state()


@public("set_rng_state", method=False)
def _set_rng_state(new_state: Array) -> None:
    """Let the default generator go on from a state."""
    default_generator.set_state(new_state)


def _floating(dtype: DTypeLike, op: str) -> Any:
    kind = get_default_dtype() if dtype is None else np.dtype(dtype)
    if kind.kind != "f":
        raise DTypeError(f"{op}: draws floating numbers: dtype is {kind}; use randint for integers")
    return kind


def uniform(shape: Shape, dtype: Any, generator: Generator | None) -> ndarray[Any, Any]:
    """Uniform numbers in [0, 1), drawn in the dtype itself where NumPy can."""
    rng = stream(generator)
    if dtype == np.float16:  # rounding float32 could give 1
        return (rng.integers(0, 1 << 11, shape) / (1 << 11)).astype(dtype)
    return np.asarray(rng.random(shape, dtype))


def normal(shape: Shape, dtype: Any, generator: Generator | None) -> ndarray[Any, Any]:
    """Standard normal numbers, drawn in the dtype itself where NumPy can."""
    rng = stream(generator)
    if dtype == np.float16:
        return np.asarray(rng.standard_normal(shape, np.float32)).astype(dtype)
    return np.asarray(rng.standard_normal(shape, dtype))


@public("rand", method=False)
def _rand(
    *size: Any, generator: Generator | None = None, dtype: DTypeLike = None, device: Any = None, requires_grad: bool = False
) -> Array:
    """Uniform numbers in [0, 1)."""
    return finish(uniform(size_of(size, "rand"), _floating(dtype, "rand"), generator), requires_grad, device)


@public("randn", method=False)
def _randn(
    *size: Any, generator: Generator | None = None, dtype: DTypeLike = None, device: Any = None, requires_grad: bool = False
) -> Array:
    """Standard normal numbers.

    >>> import tensorflowlite_clone as tl
    >>> tl.randn(2, 3).shape
    (2, 3)
    """
    return finish(normal(size_of(size, "randn"), _floating(dtype, "randn"), generator), requires_grad, device)


@public("randint", method=False)
def _randint(
    low: int, high: Any = None, size: Any = None, *, generator: Generator | None = None, dtype: DTypeLike = None, device: Any = None
) -> Array:
    """Integers in [low, high), or [0, low) as ``randint(high, size)``; int64 unless said otherwise."""
    if size is None:
        low, high, size = 0, low, high
    if high <= low:
        raise ArgumentError(f"randint: the range is empty: low is {low}, high is {high}; high must be above low")
    shape = size_of((size,), "randint")
    return finish(stream(generator).integers(low, high, shape).astype(np.int64 if dtype is None else dtype), False, device)


@public("randperm", method=False)
def _randperm(n: int, *, generator: Generator | None = None, dtype: DTypeLike = None, device: Any = None) -> Array:
    """The integers from 0 to n - 1 in random order."""
    return finish(stream(generator).permutation(n).astype(np.int64 if dtype is None else dtype), False, device)


@public("rand_like", method=False)
def _rand_like(input: Array, *, generator: Generator | None = None, dtype: DTypeLike = None, requires_grad: bool = False) -> Array:
    """Uniform numbers in [0, 1) in the shape and dtype of ``input``."""
    kind = _floating(input.dtype if dtype is None else dtype, "rand_like")
    return finish(uniform(shape_of(input), kind, generator), requires_grad)


@public("randn_like", method=False)
def _randn_like(input: Array, *, generator: Generator | None = None, dtype: DTypeLike = None, requires_grad: bool = False) -> Array:
    """Standard normal numbers in the shape and dtype of ``input``."""
    kind = _floating(input.dtype if dtype is None else dtype, "randn_like")
    return finish(normal(shape_of(input), kind, generator), requires_grad)


@public("normal", method=False)
def _normal(mean: Any = 0.0, std: Any = 1.0, size: Any = None, *, generator: Generator | None = None, dtype: DTypeLike = None) -> Array:
    """Normal numbers with given means and standard deviations: numbers with a ``size``, or tensors that broadcast."""
    if size is not None:
        shape, kind = size_of((size,), "normal"), _floating(dtype, "normal")
    else:
        shape = np.broadcast_shapes(shape_of(mean), shape_of(std))
        kind = _floating(next((v.dtype for v in (mean, std) if hasattr(v, "dtype")), None), "normal")
    plain = [v.numpy(force=True) if isinstance(v, Tensor) else v for v in (mean, std)]
    return Tensor.wrap(np.asarray(plain[0] + plain[1] * normal(shape, kind, generator), kind), 0)


@public("bernoulli")
def _bernoulli(input: Array, *, generator: Generator | None = None) -> Array:
    """1 with the probability that ``input`` gives for each element, else 0, in its dtype."""
    p = input.detach().numpy()
    if np.any((p < 0) | (p > 1)):
        raise ArgumentError(f"bernoulli: probabilities must be in [0, 1]: they range from {p.min()} to {p.max()}")
    return Tensor.wrap((stream(generator).random(p.shape) < p).astype(p.dtype), 0)


@public("multinomial")
def _multinomial(input: Array, num_samples: int, replacement: bool = False, *, generator: Generator | None = None) -> Array:
    """Indices drawn with the weights (C) or (N, C) of ``input``: int64 (num_samples) or (N, num_samples)."""
    weights = np.atleast_2d(input.detach().numpy()).astype(np.float64)
    if np.any(weights < 0) or not np.all(np.isfinite(weights)) or np.any(weights.sum(-1) <= 0):
        raise ArgumentError("multinomial: weights must be finite, not negative, and not all zero in a row")
    if not replacement and num_samples > np.count_nonzero(weights, axis=-1).min():
        raise ArgumentError(f"multinomial: {num_samples} samples without replacement, but fewer positive weights; pass replacement=True")
    rng = stream(generator)
    if replacement:
        edges = np.cumsum(weights / weights.sum(-1, keepdims=True), axis=-1)
        drawn = rng.random((len(weights), num_samples))
        rows = np.stack([np.searchsorted(e, d, side="right") for e, d in zip(edges, drawn, strict=True)])
        rows = np.minimum(rows, weights.shape[-1] - 1)
    else:  # the largest of exponential races: P. Efraimidis, P. Spirakis (2006)
        with np.errstate(divide="ignore"):
            keys = rng.standard_exponential(weights.shape) / weights
        rows = np.argsort(keys, axis=-1)[:, :num_samples]
    return Tensor.wrap(rows.astype(np.int64).reshape(*shape_of(input)[:-1], num_samples), 0)
