"""Calls of public functions as the tables of samples make them: caught with their arguments, to be made again with others.

Helper of the sweeps over every function and every argument (``test_followed_arguments.py``, ``test_ranks.py``): no test is here.
"""

from __future__ import annotations

import functools
import types
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy_cases import calculus, picking, reductions, shapes, statistics
from samples import collect

import tensorflowlite_clone as tl
from tensorflowlite_clone.core.methods import Methods
from tensorflowlite_clone.core.registry import METHODS, NUMPY_FUNCTIONS, UFUNCS

#: Where an argument stands: its position or name, then the places in the lists that hold it.
Path = tuple[Any, ...]
#: What is no function of values, though samples call it: conversions, and what only concerns the graph.
OTHERS = {"detach", "numpy", "tolist", "item", "clone", "backward", "requires_grad_", "copy"}


@dataclass(frozen=True)
class Constant:
    """A tensor among the arguments, by its values."""

    array: np.ndarray


@dataclass
class Caught:
    """One call: where the function is found, the function, and its arguments, of which tensors are `Constant`."""

    space: str
    name: str
    function: Callable[..., Any]
    args: tuple[Any, ...]
    kwargs: dict[str, Any]

    def __repr__(self) -> str:
        return f"{self.space}.{self.name}"

    def leaves(self) -> Iterator[tuple[Path, Any]]:
        """Every argument, those in lists one by one."""
        for where, value in [*enumerate(self.args), *self.kwargs.items()]:
            yield from _leaves((where,), value)

    def call(self, make: Callable[[Path, Any], Any], function: Callable[..., Any] | None = None) -> Any:
        """The call with every leaf as ``make(path, leaf)`` gives it."""
        args = [_rebuilt((i,), a, make) for i, a in enumerate(self.args)]
        kwargs = {k: _rebuilt((k,), a, make) for k, a in self.kwargs.items()}
        return (function or self.function)(*args, **kwargs)

    def kind(self) -> tuple[Any, ...]:
        """What tells calls of one function apart: how many arguments of which kind, the settings that are no numbers."""
        return tuple((path, _kind(value)) for path, value in self.leaves())


def _leaves(path: Path, value: Any) -> Iterator[tuple[Path, Any]]:
    if type(value) in (list, tuple):
        for i, v in enumerate(value):
            yield from _leaves((*path, i), v)
    else:
        yield path, value


def _rebuilt(path: Path, value: Any, make: Callable[[Path, Any], Any]) -> Any:
    if type(value) in (list, tuple):
        return type(value)(_rebuilt((*path, i), v, make) for i, v in enumerate(value))
    return make(path, value)


def _kind(value: Any) -> Any:
    if isinstance(value, Constant):
        return "tensor", value.array.dtype.kind, value.array.ndim
    if isinstance(value, np.ndarray):
        return "array", value.dtype.kind, value.ndim
    return type(value).__name__, value if isinstance(value, str | bool | type(None)) else None


def _frozen(value: Any) -> Any:
    """``value`` with copies of its tensors and arrays, as they are at the moment of the call."""
    if isinstance(value, tl.Tensor):
        return Constant(value.detach().numpy().copy())
    if type(value) in (list, tuple):
        return type(value)(map(_frozen, value))
    return value.copy() if isinstance(value, np.ndarray) else value


class Catcher:
    """Catches the outermost calls; what functions call inside is theirs."""

    def __init__(self) -> None:
        self.found: dict[Any, Caught] = {}
        self.inside = False

    def around(self, space: str, name: str, f: Callable[..., Any], original: Callable[..., Any] | None = None) -> Callable[..., Any]:
        """``f``, telling of its calls; ``original`` is what makes the same call again."""

        @functools.wraps(f)
        def told(*args: Any, **kwargs: Any) -> Any:
            if self.inside:
                return f(*args, **kwargs)
            caught = Caught(space, name, original or f, _frozen(args), {k: _frozen(v) for k, v in kwargs.items()})
            self.inside = True
            try:
                return f(*args, **kwargs)
            finally:
                self.inside = False
                if all(
                    isinstance(v, Constant | np.ndarray | np.generic | bool | int | float | complex | str | None) or v in DTYPES
                    for _, v in caught.leaves()
                ):
                    self.found.setdefault((space, name, caught.kind()), caught)

        return told

    def module(self, m: types.ModuleType, space: str) -> Any:
        """``m`` with its functions telling of their calls."""
        catcher = self

        class Space:
            def __getattr__(self, name: str) -> Any:
                value = getattr(m, name)
                if isinstance(value, types.ModuleType):
                    return catcher.module(value, name if space == "tl" else f"{space}.{name}")
                if isinstance(value, types.FunctionType):
                    return catcher.around(space, name, value)
                return value

        return Space()

    @contextmanager
    def methods(self) -> Iterator[None]:
        """Every method of tensors and every answer to NumPy tells of its calls."""
        before = {name: f for name in METHODS if isinstance(f := getattr(Methods, name), types.FunctionType)}
        answers, ufuncs = dict(NUMPY_FUNCTIONS), dict(UFUNCS)
        try:
            for name, f in before.items():
                setattr(Methods, name, self.around("Tensor", name, f))
            for table in (NUMPY_FUNCTIONS, UFUNCS):
                for np_function, answer in table.items():
                    table[np_function] = self.around("np", np_function.__name__, answer, np_function)
            yield
        finally:
            for name, f in before.items():
                setattr(Methods, name, f)
            NUMPY_FUNCTIONS.update(answers)
            UFUNCS.update(ufuncs)


DTYPES = [np.float16, np.float32, np.float64, np.complex64, np.complex128, np.int32, np.int64, np.bool_]


def _with_ufuncs_and_linalg(found: list[Caught]) -> Iterator[Caught]:
    """Calls of the functions of NumPy that the samples call under other names: ufuncs, ``np.linalg`` and ``np.fft``."""
    for ufunc in UFUNCS:
        for shift in (0.0, 1.0):
            operands = [np.linspace(0.3, 0.8, 4) + 0.1 * i + shift for i in range(ufunc.nin)]
            if ufunc.signature is not None or "d" * ufunc.nin not in {t.split("->")[0] for t in ufunc.types}:
                break
            with np.errstate(all="ignore"):
                defined = np.all(np.isfinite(ufunc(*operands)))
            if defined:
                yield Caught("np", ufunc.__name__, ufunc, tuple(map(Constant, operands)), {})
                break
    for c in found:
        f = getattr(getattr(np, c.space, None), c.name, None) if c.space in ("linalg", "fft") else None
        if f in NUMPY_FUNCTIONS:
            try:
                c.call(lambda _, leaf: leaf.array if isinstance(leaf, Constant) else leaf, f)
            except (TypeError, ValueError, Warning):  # other arguments than PyTorch's
                continue
            yield Caught("np", c.name, f, c.args, c.kwargs)


@functools.cache
def caught_calls() -> list[Caught]:
    """Every kind of call that the samples of ``tests/samples/`` and ``tests/numpy_cases/`` make, and what follows from them."""
    catcher = Catcher()
    space = catcher.module(tl, "tl")
    tl.manual_seed(0)
    with catcher.methods(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for c in collect()[1]:
            c.f(space, *[tl.tensor(x) if isinstance(x, np.ndarray) else x for x in c.inputs])
        for case in [*reductions.CASES, *statistics.CASES, *calculus.CASES, *shapes.CASES, *picking.CASES]:
            case.f(*[tl.tensor(x) for x in case.inputs])
        for row in MORE:
            row(space)
    found = [c for c in catcher.found.values() if c.name not in OTHERS]
    return [*found, *_with_ufuncs_and_linalg(found)]


A, B, S = np.linspace(0.3, 0.8, 6).reshape(2, 3), np.linspace(-0.7, 0.9, 6).reshape(2, 3), np.array([[2.0, 0.3], [0.3, 1.0]])


def _t(x: Any) -> tl.Tensor:
    return tl.tensor(x)


#: Calls of public functions that the samples, which compare with PyTorch's values, do not make.
MORE = [
    lambda T: T.chain_matmul(_t(A), _t(B.T), _t(A)),
    lambda T: T.cholesky(_t(S)),
    lambda T: T.lu_solve(_t(S), *T.linalg.lu_factor(_t(S))),
    lambda T: T.qr(_t(S)),
    lambda T: T.true_divide(_t(A), _t(B)),
    lambda T: T.normal(_t(A), _t(A)),
    lambda T: T.normal(_t(A), 0.5),
    lambda T: T.normal(0.5, _t(A)),
    lambda T: T.normal(0.5, 1.5, (2, 3)),
    lambda T: T.bernoulli(_t(A), 0.5),
    *[lambda T, n=n: getattr(T, n)(_t(np.ones((2, 3, 4))), 0.4, True) for n in ("dropout", "alpha_dropout", "feature_dropout")],
    lambda T: T.nn.functional.dropout1d(_t(np.ones((2, 3, 4))), 0.4),
    lambda T: T.nn.functional.embedding(_t(np.array([0, 1])), _t(A), max_norm=0.5, norm_type=2.0),
    lambda T: T.nn.functional.batch_norm(_t(A), _t(np.zeros(3)), _t(np.ones(3)), training=True, momentum=0.3),
    *[lambda T, n=n: getattr(_t(A), n)(0.2, 0.7) for n in ("normal_", "log_normal_", "uniform_", "cauchy_")],
    *[lambda T, n=n: getattr(_t(A), n)(0.6) for n in ("exponential_", "geometric_", "bernoulli_")],
    lambda T: _t(np.zeros((2, 3))).heaviside_(_t(A)),
    lambda T: _t(A[:, 0]).addmv_(_t(B), _t(B[0])),
    lambda T: _t(A).masked_scatter_(_t(A > 0.5), _t(B)),
    lambda T: _t(A).ldexp_(_t(B)),
    lambda T: T.histogram(_t(A), 3, weight=_t(A)),
    lambda T: T.histc(_t(A), 3, 0.2, 0.9),
    lambda T: T.nn.functional.cross_entropy(_t(A), _t(np.array([0, 2])), weight=_t(np.array([0.3, 0.5, 0.9])), reduction="sum"),
]
