"""`gradcheck` and `gradgradcheck`: derivatives compared with finite differences, for functions that users write.

Here: what is compared, and the messages that say where it differs. Not here: the derivatives themselves, the tests of this package's
operations (``tests/``).

Jacobians are compared as real matrices: a complex number is two real ones, its real and its imaginary part. The gradient of a complex
input for the seed 1 is then the row of the output's real part, for the seed i that of its imaginary part, in PyTorch's convention.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy import ndarray

from .._errors import ArgumentError, Bounded, GraphError
from .._lazy import load
from .._typing import Array
from ..core.boxed import Boxed
from ..core.broadcast import conjugated
from ..core.engine import run_backward
from ..core.levels import boxed, constant_value
from ..core.tensor import Taped, Tensor
from ..core.where import stacklevel
from .backward import grad

__all__ = ["GradcheckError", "gradcheck", "gradgradcheck"]

Matrix = ndarray[Any, Any]


class GradcheckError(Bounded, RuntimeError):
    """A derivative is not what finite differences, or other derivatives of the same function, say it should be."""


def gradcheck(
    func: Callable[..., Any],
    inputs: Any,
    *,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
    raise_exception: bool = True,
    nondet_tol: float = 0.0,
    check_undefined_grad: bool = True,
    check_grad_dtypes: bool = False,
    check_batched_grad: bool = False,
    check_batched_forward_grad: bool = False,
    check_forward_ad: bool = False,
    check_backward_ad: bool = True,
    fast_mode: bool = False,
    masked: bool | None = None,
) -> bool:
    """Compare the derivatives of ``func`` at ``inputs`` with central differences: ``|a - n| <= atol + rtol |n|``, element by element.

    Args:
        func: takes ``inputs``, returns a tensor or a tuple of tensors.
        inputs: a tensor, or a tuple of tensors and other things. Tensors that require grad are checked; they should be float64 or
            complex128, since differences in other dtypes are too coarse (a warning says so).
        eps: the step of the differences.
        atol: how far both may be apart, absolutely.
        rtol: the same, relative to the difference quotient.
        raise_exception: whether to raise when a check fails, or to return False.
        nondet_tol: how far two runs of the same derivative may be apart.
        check_undefined_grad: whether backward copes with results that have no gradient.
        check_grad_dtypes: whether gradients (and tangents) have the dtypes of inputs (and results).
        check_batched_grad: whether backward under vmap agrees with a loop.
        check_batched_forward_grad: the same for forward mode; needs ``check_forward_ad``.
        check_forward_ad: whether to check forward mode.
        check_backward_ad: whether to check reverse mode.
        fast_mode: compare one random combination of each Jacobian's elements first; only where that differs, all of them decide.
        masked: accepted for PyTorch's sake; concerns sparse tensors only.

    Returns True if everything agrees. Raises `GradcheckError` if not, `ArgumentError` if nothing is to be checked.

    >>> import tensorflowlite_clone as tl
    >>> x = tl.tensor([0.5, 1.0], dtype=tl.float64, requires_grad=True)
    >>> gradcheck(tl.sin, x, check_forward_ad=True)
    True
    """
    if not (check_forward_ad or check_backward_ad):
        raise ArgumentError("gradcheck: nothing to check: both check_forward_ad and check_backward_ad are False; set one of them")
    if check_batched_grad and not check_backward_ad:
        raise ArgumentError("gradcheck: check_batched_grad concerns reverse mode: check_backward_ad is False; set it as well")
    if check_batched_forward_grad and not check_forward_ad:
        raise ArgumentError("gradcheck: check_batched_forward_grad concerns forward mode: check_forward_ad is False; set it as well")
    check = _Check(func, _as_tuple(inputs), eps, atol, rtol, nondet_tol, check_grad_dtypes)
    try:
        modes = [m for m, wanted in (("reverse", check_backward_ad), ("forward", check_forward_ad)) if wanted]
        for mode in modes:
            check.compare(mode, fast_mode)
        if check_batched_forward_grad:
            check.batched_forward()
        if check_batched_grad:
            check.batched_backward()
        if check_backward_ad:
            check.linear_in_seed()
            if check_undefined_grad:
                check.undefined()
    except GradcheckError:
        if raise_exception:
            raise
        return False
    return True


def gradgradcheck(
    func: Callable[..., Any],
    inputs: Any,
    grad_outputs: Any = None,
    *,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
    gen_non_contig_grad_outputs: bool = False,
    raise_exception: bool = True,
    nondet_tol: float = 0.0,
    check_undefined_grad: bool = True,
    check_grad_dtypes: bool = False,
    check_batched_grad: bool = False,
    check_fwd_over_rev: bool = False,
    check_rev_over_rev: bool = True,
    fast_mode: bool = False,
    masked: bool = False,
) -> bool:
    """Compare second derivatives with central differences: `gradcheck` of the gradient of ``func``, as a function of inputs and seeds.

    Args:
        func: as for `gradcheck`.
        inputs: as for `gradcheck`.
        grad_outputs: the seeds, one per differentiable result; random ones by default. Those that require grad are checked as well.
        gen_non_contig_grad_outputs: whether the random seeds are not contiguous in memory.
        check_fwd_over_rev: whether to differentiate the gradient in forward mode.
        check_rev_over_rev: whether to differentiate the gradient in reverse mode.

    All else as for `gradcheck`.

    >>> import tensorflowlite_clone as tl
    >>> x = tl.tensor([0.5, 1.0], dtype=tl.float64, requires_grad=True)
    >>> gradgradcheck(lambda x: (x ** 3).sum(), x, check_fwd_over_rev=True)
    True
    """
    if not (check_fwd_over_rev or check_rev_over_rev):
        raise ArgumentError("gradgradcheck: nothing to check: both check_fwd_over_rev and check_rev_over_rev are False; set one of them")
    args = _as_tuple(inputs)
    outputs = _differentiable(_as_tuple(func(*args)))
    if grad_outputs is None:
        rng = np.random.default_rng(0)
        seeds = tuple(_seed(rng, o, gen_non_contig_grad_outputs) for o in outputs)
    else:
        seeds = _as_tuple(grad_outputs)
    places = [i for i, a in enumerate(args) if isinstance(a, Taped) and a.requires_grad]

    def gradient(*everything: Any) -> tuple[Any, ...]:
        xs, cs = list(everything[: len(args)]), everything[len(args) :]
        if all(isinstance(x, Taped) for x in (*[xs[i] for i in places], *cs)):
            outs = _differentiable(_as_tuple(func(*xs)))
            found = grad(outs, [xs[i] for i in places], cs, create_graph=True, allow_unused=True)
            return tuple(g for g in found if g is not None)

        def of_places(*chosen: Any) -> Any:
            full = list(xs)
            for i, x in zip(places, chosen, strict=True):
                full[i] = x
            return tuple(o for o in _as_tuple(func(*full)) if isinstance(o, Boxed) and getattr(o, "requires_grad", True))

        pullback = load("func.reverse").TreePullback(
            of_places, tuple(xs[i] for i in places), {}, tuple(range(len(places))), False, "gradgradcheck"
        )
        pulled = pullback.gradients({k: constant_value(c) for k, c in enumerate(cs)}, retain=False)
        return tuple(boxed(g) for g in pulled if g is not None)

    return gradcheck(
        gradient, (*args, *seeds), eps=eps, atol=atol, rtol=rtol, raise_exception=raise_exception, nondet_tol=nondet_tol,
        check_undefined_grad=check_undefined_grad, check_grad_dtypes=check_grad_dtypes, check_batched_grad=check_batched_grad,
        check_forward_ad=check_fwd_over_rev, check_backward_ad=check_rev_over_rev, fast_mode=fast_mode, masked=masked,
    )  # fmt: skip


# ---- inputs and outputs ---------------------------------------------------------------------------------------------------------------
def _as_tuple(x: Any) -> tuple[Any, ...]:
    return tuple(x) if isinstance(x, tuple | list) else (x,)


def _differentiable(outputs: Sequence[Any]) -> list[Tensor]:
    return [o for o in outputs if isinstance(o, Taped) and o.requires_grad]


def _seed(rng: np.random.Generator, o: Tensor, strided: bool) -> Tensor:
    """A random gradient of ``o``, to be differentiated itself."""
    g = _random(rng, o.shape, o.dtype)
    return Tensor(np.stack([g, g], axis=-1)[..., 0] if strided else g, requires_grad=True)


def _random(rng: np.random.Generator, shape: tuple[int, ...], dtype: Any) -> Any:
    g = rng.normal(size=shape)
    return np.asarray(g + 1j * rng.normal(size=shape) if dtype.kind == "c" else g, dtype)


def _reals(x: Any) -> Matrix:
    """The real numbers that ``x`` consists of, in one row: of a complex array first the real parts, then the imaginary ones."""
    a = np.ravel(x.detach().numpy() if isinstance(x, Taped) else np.asarray(x))
    return np.concatenate([a.real, a.imag]) if a.dtype.kind == "c" else a


def _units(form: Any) -> Iterator[Any]:
    """The directions in which the real numbers of an array can change, in the order of `_reals`."""
    n = int(np.prod(form.shape))
    for unit in (1.0, 1j) if form.dtype.kind == "c" else (1.0,):
        for k in range(n):
            e = np.zeros(n, form.dtype)
            e[k] = unit
            yield e.reshape(form.shape)


class _Check:
    """A function at one point, and how its derivatives are compared there."""

    def __init__(
        self, func: Callable[..., Any], inputs: tuple[Any, ...], eps: float, atol: float, rtol: float, nondet_tol: float, dtypes: bool
    ) -> None:
        self.func, self.inputs = func, inputs
        self.eps, self.atol, self.rtol, self.nondet_tol, self.dtypes = eps, atol, rtol, nondet_tol, dtypes
        #: The numbers of the inputs that are checked.
        self.places = [i for i, x in enumerate(self.inputs) if isinstance(x, Taped) and x.requires_grad]
        if not self.places:
            raise ArgumentError("gradcheck: no input requires grad, so there is nothing to check; set requires_grad=True on one")
        for i in self.places:
            x = self.inputs[i]
            if x.dtype not in (np.float64, np.complex128):
                warnings.warn(
                    f"gradcheck: input {i} requires grad and is {x.dtype}, too coarse for differences with a step of {self.eps:g}: the "
                    f"check will probably fail; use float64 or complex128",
                    UserWarning,
                    stacklevel=stacklevel(),
                )
            if any(stride == 0 and size > 1 for stride, size in zip(x.array.strides, x.shape, strict=True)):
                raise GraphError(f"gradcheck: input {i} has elements that share memory (an expanded tensor of shape {x.shape}); clone() it")
        results = _as_tuple(self.func(*self.inputs))
        #: The results that have gradients, and their numbers among all results.
        self.numbers = [k for k, o in enumerate(results) if isinstance(o, Taped) and o.requires_grad]
        self.outputs = [results[k] for k in self.numbers]
        #: Of a function without differentiable results, finite differences must vanish.
        self.constant = [k for k, o in enumerate(results) if isinstance(o, Boxed) and o.dtype.kind in "fc"] if not self.outputs else []

    # ---- the derivatives ------------------------------------------------------------------------------------------------------
    def values(self, i: int, x: Any) -> list[Matrix]:
        """The results, as real numbers, with ``x`` in the place of input ``i``."""
        inputs = [Tensor(np.array(a.array), requires_grad=True) if k in self.places else a for k, a in enumerate(self.inputs)]
        inputs[i] = Tensor(x, requires_grad=True)
        results = _as_tuple(self.func(*inputs))
        return [_reals(results[k]) for k in (self.numbers or self.constant)]

    def difference(self, i: int, direction: Any) -> list[Matrix]:
        """The central difference quotients of the results, along ``direction`` in input ``i``."""
        x = self.inputs[i].array
        ahead, behind = (self.values(i, np.asarray(x + step * direction, x.dtype)) for step in (self.eps, -self.eps))
        return [(a - b) / (2 * self.eps) for a, b in zip(ahead, behind, strict=True)]

    def numerical(self, i: int) -> list[Matrix]:
        """For each result, the matrix of its difference quotients: a row per real number of input ``i``."""
        rows = [self.difference(i, d) for d in _units(self.inputs[i])]
        if not rows:
            return [np.zeros((0, _reals(o).size)) for o in self.outputs]
        return [np.array(column) for column in zip(*rows, strict=True)]

    def pull(self, cotangents: Sequence[tuple[int, Array]]) -> list[Array]:
        """The gradients of the checked inputs, as backward gives them, for gradients of some of the results."""
        roots = [self.outputs[j] for j, _ in cotangents]
        nodes = [self.inputs[i].node for i in self.places]
        found = run_backward(roots, [conjugated(c) for _, c in cotangents], level=roots[0].level, retain_graph=True, inputs=nodes)
        grads = []
        for i, g in zip(self.places, found, strict=True):
            x = self.inputs[i]
            g = np.zeros(x.shape, x.dtype) if g is None else conjugated(g)
            if g.shape != x.shape:
                raise GradcheckError(
                    f"gradcheck: the gradient of input {i} has the shape {g.shape}, the input {x.shape}; they must be equal"
                )
            if self.dtypes and g.dtype != x.dtype:
                raise GradcheckError(
                    f"gradcheck: the gradient of input {i} has the dtype {g.dtype}, the input {x.dtype}; they must be equal"
                )
            grads.append(g)
        return grads

    def _pull_one(self, j: int, cotangent: Any) -> list[Array]:
        return self.pull([(j, cotangent)])

    def push(self, i: int, tangent: Any) -> list[Array]:
        """The tangents of the results for a tangent of input ``i``, in forward mode."""
        values, slopes = load("func").jvp(lambda x: self._checked_results(i, x), (self.inputs[i],), (boxed(tangent),))
        for j, v, s in zip(self.numbers, values, slopes, strict=True):
            if self.dtypes and v.dtype != s.dtype:
                raise GradcheckError(
                    f"gradcheck: the tangent of result {j} has the dtype {s.dtype}, the result {v.dtype}; they must be equal"
                )
        return [constant_value(s.detach() if isinstance(s, Taped) else s) for s in slopes]

    def _checked_results(self, i: int, x: Any) -> tuple[Any, ...]:
        results = _as_tuple(self.func(*[x if k == i else a for k, a in enumerate(self.inputs)]))
        return tuple(results[k] for k in self.numbers)

    def analytical(self, mode: str) -> list[list[Matrix]]:
        """For each checked input and each result the Jacobian, a row per real number of the input."""
        if mode == "forward":
            return [self._columns([self.push(i, d) for d in _units(self.inputs[i])], self.inputs[i]) for i in self.places]
        per_result = []
        for j, o in enumerate(self.outputs):
            grads = [self.pull([(j, seed)]) for seed in _units(o)]
            per_result.append(
                [
                    np.array([_reals(row[n]) for row in grads]).reshape(len(grads), _reals(self.inputs[i]).size).T
                    for n, i in enumerate(self.places)
                ]
            )
        return [[blocks[n] for blocks in per_result] for n in range(len(self.places))]

    def _columns(self, rows: list[list[Array]], x: Tensor) -> list[Matrix]:
        return [np.array([_reals(row[j]) for row in rows]).reshape(len(rows), _reals(o).size) for j, o in enumerate(self.outputs)]

    # ---- the comparisons ------------------------------------------------------------------------------------------------------
    def compare(self, mode: str, fast: bool) -> None:
        """Derivatives of a mode against difference quotients, and against themselves in a second run."""
        if not self.outputs:
            self._compare_constant()
            return
        if fast and self._agrees_in_one_direction(mode):
            return
        first, second = self.analytical(mode), self.analytical(mode)
        for n, i in enumerate(self.places):
            numerical = self.numerical(i)
            for j, (a, again, expected) in enumerate(zip(first[n], second[n], numerical, strict=True)):
                apart = float(np.max(np.abs(a - again), initial=0.0))
                if apart > self.nondet_tol:
                    raise GradcheckError(
                        f"gradcheck: {_words(mode)} is not deterministic: for result {self.numbers[j]} with respect to input {i} two runs "
                        f"differ by {apart:g}, more than nondet_tol={self.nondet_tol:g}; first run:\n{a}\nsecond run:\n{again}"
                    )
                if not np.allclose(a, expected, rtol=self.rtol, atol=self.atol):
                    raise GradcheckError(self._mismatch(mode, i, j, a, expected))

    def _compare_constant(self) -> None:
        for i in self.places:
            for k, quotient in zip(self.constant, self.numerical(i), strict=True):
                if not np.allclose(quotient, 0, rtol=self.rtol, atol=self.atol):
                    raise GradcheckError(
                        f"gradcheck: result {k} does not require grad, but changes with input {i}; difference quotients:\n{quotient}\n"
                        f"compute it from the input with recorded operations"
                    )

    def _agrees_in_one_direction(self, mode: str) -> bool:
        """Whether u^T J v agrees for one random pair of vectors per result and input, in two runs of the derivative."""
        rng = np.random.default_rng(0)
        us = [_random(rng, o.shape, o.dtype) for o in self.outputs]
        for n, i in enumerate(self.places):
            v = _random(rng, self.inputs[i].shape, self.inputs[i].dtype)
            quotients = self.difference(i, v)
            for j, (u, quotient) in enumerate(zip(us, quotients, strict=True)):
                expected = float(np.dot(_reals(u), quotient))
                runs = [
                    float(np.dot(_reals(u), _reals(self.push(i, v)[j]))) if mode == "forward"
                    else float(np.dot(_reals(self.pull([(j, u)])[n]), _reals(v)))
                    for _ in range(2)
                ]  # fmt: skip
                if abs(runs[0] - runs[1]) > self.nondet_tol:
                    return False
                # The tolerance of one element, for a sum of as many as there are.
                slack = self.atol * float(np.sum(np.abs(_reals(u)))) * float(np.sum(np.abs(_reals(v)))) / max(_reals(v).size, 1)
                if not abs(runs[0] - expected) <= slack + self.rtol * abs(expected):
                    return False
        return True

    def _mismatch(self, mode: str, i: int, j: int, a: Matrix, expected: Matrix) -> str:
        off = np.where(np.isnan(a) | np.isnan(expected), np.inf, np.abs(a - expected))
        row, column = np.unravel_index(int(np.argmax(off)), off.shape)
        return (
            f"gradcheck: {_words(mode)} of result {self.numbers[j]} with respect to input {i} is not what differences say: the largest "
            f"difference, {off[row, column]:g}, is at element {_element(self.inputs[i], int(row))} of the input and "
            f"{_element(self.outputs[j], int(column))} of the result\nnumerical (a row per input element):\n{expected}\nanalytical:\n{a}"
        )

    def linear_in_seed(self) -> None:
        """Backward of a zero gradient must be zero."""
        if not self.outputs:
            return
        grads = self.pull([(j, np.zeros(o.shape, o.dtype)) for j, o in enumerate(self.outputs)])
        for i, g in zip(self.places, grads, strict=True):
            if np.any(_reals(g) != 0):
                raise GradcheckError(
                    f"gradcheck: backward is not multiplied by grad_output: the gradient of input {i} is not zero where those of all "
                    f"results are:\n{np.asarray(g)}"
                )

    def undefined(self) -> None:
        """Results of one operation of which only one has a gradient: backward must take None, or zeros, for the others."""
        for j, o in enumerate(self.outputs):
            try:
                grads = self.pull([(j, np.zeros(o.shape, o.dtype))])
            except GradcheckError:
                raise
            except Exception as error:
                raise GradcheckError(
                    f"gradcheck: backward does not cope with undefined gradients: with one for result {self.numbers[j]} alone it raised "
                    f"{type(error).__name__}: {error}; check each gradient for None, or leave set_materialize_grads(True)"
                ) from error
            for i, g in zip(self.places, grads, strict=True):
                if np.any(_reals(g) != 0):
                    raise GradcheckError(
                        f"gradcheck: backward does not cope with undefined gradients: with a gradient of zero for result {self.numbers[j]} "
                        f"and none for the others, that of input {i} is not zero:\n{np.asarray(g)}"
                    )

    def batched_backward(self) -> None:
        """Backward under vmap against a loop."""
        rng = np.random.default_rng(0)
        for j, o in enumerate(self.outputs):
            seeds = np.stack([_random(rng, o.shape, o.dtype) for _ in range(2)])
            expected = [np.stack(column) for column in zip(*[self.pull([(j, s)]) for s in seeds], strict=True)]
            actual = self._under_vmap(partial(self._pull_one, j), seeds, "backward")
            for i, a, e in zip(self.places, actual, expected, strict=True):
                self._same_batch("backward", f"the gradients of input {i} for result {self.numbers[j]}", a, e)

    def batched_forward(self) -> None:
        """Forward mode under vmap against a loop."""
        rng = np.random.default_rng(0)
        for i in self.places:
            x = self.inputs[i]
            tangents = np.stack([_random(rng, x.shape, x.dtype) for _ in range(2)])
            expected = [np.stack(column) for column in zip(*[self.push(i, t) for t in tangents], strict=True)]
            actual = self._under_vmap(partial(self.push, i), tangents, "forward mode")
            for j, a, e in zip(self.numbers, actual, expected, strict=True):
                self._same_batch("forward mode", f"the tangents of result {j} for input {i}", a, e)

    @staticmethod
    def _under_vmap(f: Callable[[Any], list[Array]], vectors: Any, words: str) -> list[Any]:
        try:
            return list(load("func").vmap(lambda v: tuple(map(boxed, f(v))))(Tensor.wrap(vectors, 0)))
        except GradcheckError:
            raise
        except Exception as error:
            raise GradcheckError(
                f"gradcheck: {words} does not work under vmap: it raised {type(error).__name__}: {error}; write it with tensor operations, "
                f"or set check_batched_grad=False (check_batched_forward_grad=False)"
            ) from error

    def _same_batch(self, words: str, what: str, a: Any, e: Any) -> None:
        a = np.asarray(a.detach().numpy())
        if a.shape != e.shape or not np.allclose(a, e, rtol=self.rtol, atol=self.atol):
            raise GradcheckError(
                f"gradcheck: {words} under vmap is not what it is in a loop: {what} differ; in a loop:\n{e}\nunder vmap:\n{a}"
            )


def _words(mode: str) -> str:
    return "the Jacobian in reverse mode" if mode == "reverse" else "the Jacobian in forward mode"


def _element(form: Any, k: int) -> str:
    """The index of real number ``k`` of an array."""
    n = int(np.prod(form.shape))
    index = tuple(map(int, np.unravel_index(k % n, form.shape)))
    part = "" if form.dtype.kind != "c" else " (real part)" if k < n else " (imaginary part)"
    return f"{index}{part}"
