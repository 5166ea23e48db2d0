"""Random numbers: `Generator`, seeding, and tensors drawn from sizes.

Not here: parameters in tensors (``distributions.py``), in-place drawing (``inplace/drawing.py``).

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
from ..core.broadcast import shape_of
from ..core.device import on_cpu
from ..core.dtype_names import numpy_dtype
from ..core.publish import public
from ..core.signature import How
from ..core.tensor import Taped, Tensor
from ..kernels.short import SHORT
from .create import arranged, finish, size_of
from .draw import fresh
from .kinds import finfo

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

    __slots__ = ("_due", "_lock", "_seed", "_stream", "device")
    device: Any

    def __init__(self, device: Any = "cpu") -> None:
        self.device = on_cpu(device)
        self._lock = freed_by_fork(threading.Lock())
        self._stream: np.random.Generator | None = None
        self._seed: int | None = 0
        #: The seed of a stream that was begun and of which nothing has been drawn yet.
        self._due: int | None = None

    @property
    def numpy_generator(self) -> np.random.Generator:
        """The NumPy generator that draws, the same object for the life of this one; made (with `numpy.random`) on first use."""
        if self._stream is None or self._due is not None:
            with self._lock:
                if self._stream is None:
                    source = np.random.SFC64((self._seeded() if self._due is None else self._due) % (1 << 64))
                    freed_by_fork(source.lock)  # NumPy's own, held while a thread draws
                    self._stream = np.random.Generator(source)
                elif self._due is not None:
                    self._stream.bit_generator.state = np.random.SFC64(self._due % (1 << 64)).state
                self._due = None
        return self._stream

    def _seeded(self) -> int:
        """The seed, drawn from the system's entropy if none was given."""
        if self._seed is None:
            self._seed = int(np.random.SeedSequence().generate_state(1, np.uint64)[0] >> np.uint64(1))
        return self._seed

    def manual_seed(self, seed: int) -> Generator:
        """Start the stream of ``seed``, any integer; returns the generator itself."""
        self._seed, self._due = index(seed), None
        if self._stream is not None:
            self._stream.bit_generator.state = np.random.SFC64(self._seed % (1 << 64)).state
        return self

    def _restart(self, seed: int) -> None:
        """Start the stream of ``seed``, though `initial_seed` stays: one of the streams that follow from that. Few batches draw, so it
        costs nothing until something is drawn.
        """
        self._due = seed

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

    def clone_state(self) -> Generator:
        """A generator that goes on from the same state, on its own."""
        return Generator().set_state(self.get_state())

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
def floating_kind(dtype: DTypeLike, op: str, complex_too: bool = False) -> Any:
    """The dtype to draw floating numbers in: the default one where none is given."""
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


def whole_range(kind: Any) -> tuple[int, int]:
    """The least and the largest integer that a real dtype reaches."""
    if kind.kind in "iub":
        return (0, 1) if kind.kind == "b" else (int(np.iinfo(kind).min), int(np.iinfo(kind).max))
    largest = int(finfo(kind).max)
    return -largest, largest


def whole(low: Any, high: Any, shape: Shape, dtype: DTypeLike, generator: Generator | None, op: str) -> ndarray[Any, Any]:
    """Integers in [low, high) in ``dtype`` (int64 without one)."""
    low, high, kind = index(low), index(high), numpy_dtype(np.int64 if dtype is None else dtype)
    if high <= low:
        raise ArgumentError(f"{op}: the range is empty: low is {low}, high is {high}; high must be above low")
    if kind.kind == "c":
        raise DTypeError(f"{op}: integers are drawn for real dtypes: got {kind}; convert the result")
    least, most = whole_range(kind)
    if low < least or high - 1 > most:
        raise ArgumentError(f"{op}: {kind} holds integers from {least} to {most}: low is {low}, high is {high}; use a wider dtype")
    return np.asarray(stream(generator).integers(low, high, shape)).astype(kind)


# ---- from sizes -------------------------------------------------------------------------------------------------------------------
@public("rand", method=False, out="dtype")
def _rand(*sizes: Any, size: Any = None, generator: Generator | None = None, dtype: DTypeLike = None, **how: How) -> Array:
    """Uniform numbers in [0, 1): ``rand(2, 3)``, ``rand((2, 3))`` or ``rand(size=(2, 3))``.

    >>> import tensorflowlite_clone as tl
    >>> x = tl.rand(100)
    >>> ((x >= 0) & (x < 1)).all().item()
    True
    """
    kind = floating_kind(dtype, "rand", complex_too=True)
    return finish(fresh("rand", size_of(sizes, "rand", size), lambda shape: uniform(shape, kind, generator)), **how)


@public("randn", method=False, out="dtype")
def _randn(*sizes: Any, size: Any = None, generator: Generator | None = None, dtype: DTypeLike = None, **how: How) -> Array:
    """Standard normal numbers.

    >>> import tensorflowlite_clone as tl
    >>> tl.randn(2, 3).shape
    (2, 3)
    """
    kind = floating_kind(dtype, "randn", complex_too=True)
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
    if kind.kind in "bc":
        raise DTypeError(f"randperm: gives the integers from 0 up: dtype is {kind}; use an integer dtype")
    most = int(np.iinfo(kind).max) if kind.kind in "iu" else round(2 / finfo(kind).eps)
    if n - 1 > most:
        raise ArgumentError(f"randperm: {kind} holds the integers up to {most}: n is {n}; use a wider dtype")

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
    kind = floating_kind(input.dtype if dtype is None else dtype, "rand_like", complex_too=True)

    def draw(shape: Shape) -> Any:
        return arranged(uniform(shape, kind, generator), input, memory_format)

    return finish(fresh("rand_like", shape_of(input), draw), **how)


@public("randn_like", method=False)
def _randn_like(
    input: Array, *, generator: Generator | None = None, dtype: DTypeLike = None, memory_format: Any = None, **how: How
) -> Array:
    """Standard normal numbers in the shape and dtype of ``input``."""
    kind = floating_kind(input.dtype if dtype is None else dtype, "randn_like", complex_too=True)

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
