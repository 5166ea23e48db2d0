"""Random numbers: `Generator`, seeding, and tensors drawn from distributions. In-place drawing is in ``inplace/drawing.py``.

Streams are NumPy's SFC64 (C. Doty-Humphrey 2010), seeded through NumPy's `SeedSequence`: the same seed gives the same integers and
uniform numbers on every platform. Numbers differ from PyTorch's for the same seed.

Threads: one draw is atomic (NumPy locks the stream), so threads may share a generator, but in which order they get their numbers
is up to the scheduler; give each thread a generator of its own where results must be reproducible, as the workers of a
``DataLoader`` have. Processes: a forked child
goes on from its parent's state, as in PyTorch, so children that shall differ must be seeded.

What they do inside vmap is in ``draw.py``.
"""

from __future__ import annotations

import threading
from operator import index
from typing import Any

import numpy as np
from numpy import ndarray

from .._errors import ArgumentError, DTypeError, OperandError
from .._state import freed_by_fork, get_default_dtype, state
from .._typing import Array, DTypeLike, Shape
from ..core.boxed import Boxed
from ..core.broadcast import shape_of
from ..core.device import device as Device  # noqa: N812
from ..core.dtype_names import numpy_dtype
from ..core.levels import all_values, number
from ..core.publish import public, to_operand
from ..core.signature import How
from ..core.tensor import Taped, Tensor
from ..kernels.short import SHORT
from .cast import cast
from .create import arranged, finish, size_of
from .draw import drawn, floating, fresh
from .search import bisect

#: A saved state: the seed, four words of the stream, whether half a word is kept, and that half word.
STATE_WORDS = 7


class Generator:
    """A stream of random numbers.

    >>> g = Generator().manual_seed(7)
    >>> state = g.get_state()
    >>> a = g.numpy_generator.random(3)
    >>> _ = g.set_state(state)
    >>> bool((a == g.numpy_generator.random(3)).all())
    True
    """

    __slots__ = ("_lock", "_seed", "_stream", "device")
    device: Any

    def __init__(self, device: Any = "cpu") -> None:
        self.device = Device(device)
        self._lock = freed_by_fork(threading.Lock())
        self._stream: np.random.Generator | None = None
        self._seed: int | None = 0

    @property
    def numpy_generator(self) -> np.random.Generator:
        """The NumPy generator that draws, the same object for the life of this one; made (with `numpy.random`) on first use."""
        if self._stream is None:
            with self._lock:
                if self._stream is None:
                    source = np.random.SFC64(self._seeded() % (1 << 64))
                    freed_by_fork(source.lock)  # NumPy's own, held while a thread draws
                    self._stream = np.random.Generator(source)
        return self._stream

    def _seeded(self) -> int:
        """The seed, drawn from the system's entropy if none was given."""
        if self._seed is None:
            self._seed = int(np.random.SeedSequence().generate_state(1, np.uint64)[0] >> np.uint64(1))
        return self._seed

    def manual_seed(self, seed: int) -> Generator:
        """Start the stream of ``seed``, any integer; returns the generator itself."""
        self._seed = index(seed)
        if self._stream is not None:
            self._stream.bit_generator.state = np.random.SFC64(self._seed % (1 << 64)).state
        return self

    def seed(self) -> int:
        """Start a stream that nobody can foresee; returns its seed."""
        self._seed = None
        self.manual_seed(self._seeded())
        return self.initial_seed()

    def initial_seed(self) -> int:
        """The seed this stream was started with."""
        return self._seeded()

    def get_state(self) -> Array:
        """The state as a uint8 tensor; `set_state` goes on from it, here or on another machine."""
        state: Any = self.numpy_generator.bit_generator.state
        words = [self._seeded() % (1 << 64), *map(int, state["state"]["state"]), int(state["has_uint32"]), int(state["uinteger"])]
        return Tensor.wrap(np.array(words, "<u8").view(np.uint8), 0)

    def set_state(self, new_state: Array) -> Generator:
        """Go on from a state that `get_state` returned. Raises `ArgumentError` for anything else."""
        if not isinstance(new_state, Taped | np.ndarray):
            raise ArgumentError(f"set_state: not a generator's state: {type(new_state).__name__}; pass what get_state() returned")
        raw = np.ascontiguousarray(new_state.numpy() if isinstance(new_state, Taped) else new_state)
        words = raw.reshape(-1).view("<u8") if raw.dtype == np.uint8 and raw.size == 8 * STATE_WORDS else None
        if words is None or words[5] > 1 or words[6] >= 1 << 32:
            raise ArgumentError(f"set_state: not a generator's state: {raw.dtype} {raw.shape}; pass what get_state() returned")
        self.numpy_generator.bit_generator.state = {
            "bit_generator": "SFC64",
            "state": {"state": words[1:5].astype(np.uint64)},
            "has_uint32": int(words[5]),
            "uinteger": int(words[6]),
        }
        self._seed = int(words[0])
        return self

    def __reduce__(self) -> Any:
        return _restored, (self.get_state().numpy(),)

    def __repr__(self) -> str:
        return f"Generator(seed={self._seeded()})"


def _restored(state: ndarray[Any, Any]) -> Generator:
    return Generator().set_state(state)


def _unforeseen() -> Generator:
    generator = Generator()
    generator._seed = None
    return generator


#: The generator of all functions that are given none; it starts from the system's entropy.
default_generator = _unforeseen()


def current_generator() -> Generator:
    """The generator of this thread's functions that are given none: the default one, or that of the `DataLoader` worker that runs here."""
    return state.generator or default_generator


def stream(generator: Generator | None) -> np.random.Generator:
    """The NumPy generator to draw from."""
    if generator is None:
        return (state.generator or default_generator).numpy_generator
    if not isinstance(generator, Generator):
        raise OperandError(
            f"generator: must be a tl.Generator: got {type(generator).__name__}; make one with tl.Generator().manual_seed(0)"
        )
    return generator.numpy_generator


# ---- the default generator --------------------------------------------------------------------------------------------------------
@public("manual_seed", method=False)
def _manual_seed(seed: int) -> Generator:
    """Start the default generator's stream of ``seed``; returns that generator.

    In a worker of a ``DataLoader`` this and the functions below mean the worker's own generator.

    >>> import tensorflowlite_clone as tl
    >>> a = (tl.manual_seed(0), tl.rand(2))[1]
    >>> b = (tl.manual_seed(0), tl.rand(2))[1]
    >>> tl.equal(a, b)
    True
    """
    return current_generator().manual_seed(seed)


@public("seed", method=False)
def _seed() -> int:
    """Start a stream of the default generator that nobody can foresee; returns its seed."""
    return current_generator().seed()


@public("initial_seed", method=False)
def _initial_seed() -> int:
    """The seed the default generator was started with."""
    return current_generator().initial_seed()


@public("get_rng_state", method=False)
def _get_rng_state() -> Array:
    """The default generator's state as a uint8 tensor."""
    return current_generator().get_state()


@public("set_rng_state", method=False)
def _set_rng_state(new_state: Array) -> None:
    """Let the default generator go on from a state that `get_rng_state` returned."""
    current_generator().set_state(new_state)


# ---- drawing on plain arrays ------------------------------------------------------------------------------------------------------
def _floating(dtype: DTypeLike, op: str, complex_too: bool = False) -> Any:
    kind = get_default_dtype() if dtype is None else numpy_dtype(dtype)
    if kind.kind not in "fV" and not (complex_too and kind.kind == "c"):
        raise DTypeError(f"{op}: draws floating numbers: dtype is {kind}; pass a floating dtype, or use randint for integers")
    return kind


def uniform(shape: Shape, dtype: Any, generator: Generator | None) -> ndarray[Any, Any]:
    """Uniform numbers in [0, 1), drawn in the dtype itself where NumPy can; both parts of complex ones are uniform."""
    rng = stream(generator)
    if dtype.kind == "c":
        return _from_parts(rng.random((*shape, 2), np.zeros(0, dtype).real.dtype), dtype)
    if dtype.char in SHORT:  # rounding float32 could give 1
        steps = 1 << (11 if dtype.char == "e" else 8)
        return np.asarray(np.asarray(rng.integers(0, steps, shape) / steps).astype(dtype))
    return np.asarray(rng.random(shape, dtype))


def normal(shape: Shape, dtype: Any, generator: Generator | None) -> ndarray[Any, Any]:
    """Standard normal numbers, drawn in the dtype itself where NumPy can; the parts of complex ones have variance 1/2 each."""
    rng = stream(generator)
    if dtype.kind == "c":
        return _from_parts(rng.standard_normal((*shape, 2), np.zeros(0, dtype).real.dtype) * 0.5**0.5, dtype)
    if dtype.char in SHORT:
        return np.asarray(rng.standard_normal(shape, np.float32)).astype(dtype)
    return np.asarray(rng.standard_normal(shape, dtype))


def _from_parts(pairs: Any, dtype: Any) -> ndarray[Any, Any]:
    return np.asarray(pairs.view(dtype)[..., 0])


def whole(low: Any, high: Any, shape: Shape, dtype: DTypeLike, generator: Generator | None, op: str) -> ndarray[Any, Any]:
    """Integers in [low, high) in ``dtype`` (int64 without one)."""
    low, high, kind = index(low), index(high), numpy_dtype(np.int64 if dtype is None else dtype)
    if high <= low:
        raise ArgumentError(f"{op}: the range is empty: low is {low}, high is {high}; high must be above low")
    least, most = (np.iinfo(kind).min, np.iinfo(kind).max) if kind.kind in "iu" else (0, 1) if kind.kind == "b" else (low, high)
    if low < least or high - 1 > most:
        raise ArgumentError(f"{op}: {kind} holds integers from {least} to {most}: low is {low}, high is {high}; use a wider dtype")
    return np.asarray(stream(generator).integers(low, high, shape)).astype(kind)


# ---- from sizes -------------------------------------------------------------------------------------------------------------------
@public("rand", method=False, out="dtype")
def _rand(*sizes: Any, size: Any = None, generator: Generator | None = None, dtype: DTypeLike = None, **how: How) -> Array:
    """Uniform numbers in [0, 1): ``rand(2, 3)``, ``rand((2, 3))`` or ``rand(size=(2, 3))``.

    >>> import tensorflowlite_clone as tl
    >>> x = tl.rand(100)
    >>> bool(((x >= 0) & (x < 1)).all())
    True
    """
    kind = _floating(dtype, "rand", complex_too=True)
    return finish(fresh("rand", size_of(sizes, "rand", size), lambda shape: uniform(shape, kind, generator)), **how)


@public("randn", method=False, out="dtype")
def _randn(*sizes: Any, size: Any = None, generator: Generator | None = None, dtype: DTypeLike = None, **how: How) -> Array:
    """Standard normal numbers.

    >>> import tensorflowlite_clone as tl
    >>> tl.randn(2, 3).shape
    (2, 3)
    """
    kind = _floating(dtype, "randn", complex_too=True)
    return finish(fresh("randn", size_of(sizes, "randn", size), lambda shape: normal(shape, kind, generator)), **how)


@public("randint", method=False, out="dtype")
def _randint(
    low: int = 0, high: Any = None, size: Any = None, *, generator: Generator | None = None, dtype: DTypeLike = None, **how: How
) -> Array:
    """Integers in [low, high), or [0, high) as ``randint(high, size)``; int64 unless said otherwise.

    >>> import tensorflowlite_clone as tl
    >>> sorted(set(tl.randint(2, 4, (100,)).tolist()))
    [2, 3]
    """
    if size is None:
        low, high, size = 0, low, high
    elif high is None:
        low, high = 0, low
    shape = size_of((size,), "randint")
    return finish(fresh("randint", shape, lambda shape: whole(low, high, shape, dtype, generator, "randint")), **how)


@public("randperm", method=False, out="dtype")
def _randperm(n: int, *, generator: Generator | None = None, dtype: DTypeLike = None, **how: How) -> Array:
    """The integers from 0 to n - 1 in random order.

    >>> import tensorflowlite_clone as tl
    >>> sorted(tl.randperm(4).tolist())
    [0, 1, 2, 3]
    """
    if n < 0:
        raise ArgumentError(f"randperm: n must not be negative: got {n}")
    kind = numpy_dtype(np.int64 if dtype is None else dtype)

    def draw(shape: Shape) -> Any:
        rng = stream(generator)
        if shape == (n,):
            return rng.permutation(n).astype(kind)
        return rng.permuted(np.broadcast_to(np.arange(n), shape), axis=-1).astype(kind)

    return finish(fresh("randperm", (n,), draw), **how)


# ---- like a tensor ----------------------------------------------------------------------------------------------------------------
@public("rand_like", method=False)
def _rand_like(
    input: Array, *, generator: Generator | None = None, dtype: DTypeLike = None, memory_format: Any = None, **how: How
) -> Array:
    """Uniform numbers in [0, 1) in the shape and dtype of ``input``."""
    kind = _floating(input.dtype if dtype is None else dtype, "rand_like", complex_too=True)

    def draw(shape: Shape) -> Any:
        return arranged(uniform(shape, kind, generator), input, memory_format)

    return finish(fresh("rand_like", shape_of(input), draw), **how)


@public("randn_like", method=False)
def _randn_like(
    input: Array, *, generator: Generator | None = None, dtype: DTypeLike = None, memory_format: Any = None, **how: How
) -> Array:
    """Standard normal numbers in the shape and dtype of ``input``."""
    kind = _floating(input.dtype if dtype is None else dtype, "randn_like", complex_too=True)

    def draw(shape: Shape) -> Any:
        return arranged(normal(shape, kind, generator), input, memory_format)

    return finish(fresh("randn_like", shape_of(input), draw), **how)


@public("randint_like", method=False)
def _randint_like(
    input: Array,
    low: int = 0,
    high: Any = None,
    *,
    generator: Generator | None = None,
    dtype: DTypeLike = None,
    memory_format: Any = None,
    **how: How,
) -> Array:
    """Integers in [low, high), or [0, high) as ``randint_like(x, high)``, in the shape and dtype of ``input``."""
    low, high = (0, low) if high is None else (low, high)
    kind = input.dtype if dtype is None else dtype

    def draw(shape: Shape) -> Any:
        return arranged(whole(low, high, shape, kind, generator, "randint_like"), input, memory_format)

    return finish(fresh("randint_like", shape_of(input), draw), **how)


# ---- distributions ----------------------------------------------------------------------------------------------------------------
def _outside(op: str, what: str, values: ndarray[Any, Any], low: float, high: float) -> None:
    """Raise unless all values are in [low, high]; NaN is not."""
    if not np.all((values >= low) & (values <= high)):
        raise ArgumentError(f"{op}: {what} must be in [{low}, {high}]: they range from {np.min(values)} to {np.max(values)}")


@public("normal", method=False, out="dtype")
def _normal(
    mean: Any = 0.0, std: Any = 1.0, size: Any = None, *, generator: Generator | None = None, dtype: DTypeLike = None, **how: How
) -> Array:
    """Normal numbers with given means and standard deviations: numbers with a ``size``, or tensors that broadcast.

    Differentiable in both: the result is ``mean + std * z`` with z drawn from the standard normal distribution.
    """
    spread = all_values(std)
    if not np.all(np.greater_equal(spread, 0)):
        raise ArgumentError(f"normal: standard deviations must not be negative: the smallest is {np.min(spread)}")
    kinds = [v.dtype for v in (mean, std) if isinstance(v, Boxed | ndarray)] if size is None else []
    kind = _floating(np.result_type(*kinds) if kinds and dtype is None else dtype, "normal", complex_too=True)
    shape = np.broadcast_shapes(shape_of(mean), shape_of(std)) if size is None else size_of((size,), "normal")
    z = fresh("normal", shape, lambda shape: normal(shape, kind, generator))
    with np.errstate(all="ignore"):
        return finish(cast(z * std + mean, kind), **how)


@public("bernoulli", out=True)
def _bernoulli(input: Array, p: float | None = None, *, generator: Generator | None = None) -> Array:
    """1 with the probability that ``input`` gives for each element (or ``p`` for all), else 0, in its dtype.

    >>> import tensorflowlite_clone as tl
    >>> tl.bernoulli(tl.tensor([0.0, 1.0])).tolist()
    [0.0, 1.0]
    """
    p = number(p, "bernoulli", "p")

    def draw(x: Any) -> Any:
        chances = x if p is None else np.asarray(p)
        _outside("bernoulli", "probabilities", chances, 0.0, 1.0)
        return np.less(stream(generator).random(x.shape), chances).astype(x.dtype)

    return drawn("bernoulli", floating("bernoulli", input), draw)


@public("poisson", method=False)
def _poisson(input: Array, generator: Generator | None = None) -> Array:
    """Poisson numbers with the rates that ``input`` gives, in its dtype."""

    def draw(x: Any) -> Any:
        _outside("poisson", "rates", x, 0.0, 9.2e18)
        return np.asarray(stream(generator).poisson(x)).astype(x.dtype)

    return drawn("poisson", floating("poisson", input), draw)


@public("binomial", method=False)
def _binomial(count: Array, prob: Array, generator: Generator | None = None) -> Array:
    """How many of ``count`` trials succeed with probability ``prob``, in the dtype of ``count``; the two broadcast."""

    def draw(n: Any, p: Any) -> Any:
        _outside("binomial", "counts", n, 0.0, 9.2e18)
        _outside("binomial", "probabilities", p, 0.0, 1.0)
        return np.asarray(stream(generator).binomial(n.astype(np.int64), p)).astype(n.dtype)

    return drawn("binomial", count, draw, to_operand(prob, "binomial"))


@public("multinomial", out=True)
def _multinomial(input: Array, num_samples: int, replacement: bool = False, *, generator: Generator | None = None) -> Array:
    """Indices drawn with the weights (C) or (N, C) of ``input``: int64 (num_samples) or (N, num_samples).

    Without ``replacement`` no index comes twice in a row. Weights need not sum to 1. Raises `ArgumentError` for weights that are
    negative, not finite or all zero, and for more samples without replacement than there are positive weights.

    >>> import tensorflowlite_clone as tl
    >>> sorted(tl.multinomial(tl.tensor([1.0, 0.0, 2.0]), 2).tolist())
    [0, 2]

    Source: P. Efraimidis, P. Spirakis, "Weighted random sampling with a reservoir" (2006), for drawing without replacement.
    """
    shape = shape_of(input)
    if len(shape) not in (1, 2):
        raise ArgumentError(f"multinomial: input must be weights (C) or (N, C): it is {shape}")
    if num_samples < 1:
        raise ArgumentError(f"multinomial: num_samples must be above 0: got {num_samples}")

    def draw(x: Any) -> Any:
        weights = x.reshape(-1, shape[-1]).astype(np.float64)
        if np.any(weights < 0) or not np.all(np.isfinite(weights)) or np.any(np.sum(weights, axis=-1) <= 0):
            raise ArgumentError("multinomial: weights must be finite, not negative, and not all zero in a row; check the input for NaN")
        few = int(np.count_nonzero(weights, axis=-1).min(initial=shape[-1]))
        if not replacement and num_samples > few:
            raise ArgumentError(
                f"multinomial: {num_samples} samples without replacement, but only {few} weights are positive; pass replacement=True"
            )
        rng = stream(generator)
        if replacement:
            rows = _with_replacement(weights, rng.random((len(weights), num_samples)))
        else:  # the first arrivals of exponential clocks
            with np.errstate(divide="ignore"):
                rows = np.argsort(rng.standard_exponential(weights.shape) / weights, axis=-1)[:, :num_samples]
        return rows.astype(np.int64).reshape(*x.shape[:-1], num_samples)

    return drawn("multinomial", floating("multinomial", input), draw)


def _with_replacement(weights: ndarray[Any, Any], u: ndarray[Any, Any]) -> ndarray[Any, Any]:
    """The index into each row of weights (N, C) that each uniform number (N, k) falls on."""
    edges = np.cumsum(weights, axis=-1)
    last = weights.shape[-1] - 1 - np.argmax(weights[:, ::-1] > 0, axis=-1, keepdims=True)
    return np.asarray(np.minimum(bisect(edges, u * edges[:, -1:], right=True), last))  # rounding up to the sum still means the last
