"""Einstein summation: `Contract`, the product of two arrays summed over labelled axes, and equations made of it.

`Contract` is closed under differentiation: each label stands in at least two of its three places (two operands, one result), so
a derivative is a contraction with the places exchanged. What else an equation can say is brought to that form by other
operations, once per equation and set of shapes: a label twice in one operand is a diagonal, a label that stands nowhere else is
summed, a length of 1 where others have more is dropped, and more than two operands are taken in pairs, smallest results first
(of the next few, where they are many).

Not here: products whose axes are known beforehand (``matmul.py``, ``products.py``), how a contraction becomes BLAS calls
(``kernels/product.py``).
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from functools import lru_cache
from itertools import combinations
from string import ascii_letters
from typing import Any, NamedTuple

import numpy as np

from .._errors import ArgumentError, ShapeError
from .._typing import Array, Shape
from ..core.broadcast import shape_of
from ..core.families import Bilinear
from ..core.operation import Operation
from ..core.publish import implements, operand, public, to_operands
from ..kernels import product as kernels
from .cast import cast
from .diagonal import Diagonal
from .reduce import Sum
from .shape import Reshape, Transpose

#: Among how many operands the two to multiply are chosen. Plans for more are not remembered.
CHOICE = 8
#: The axes that an ellipsis stands for, from the left.
ELLIPSIS = "αβγδεζηθικλμνξοπρστυφχψω"


class Contract(Bilinear, title="einsum"):
    """Sums of products of two arrays; ``spec`` labels the axes of both and of the result: ("ab", "bc", "ac") is a matrix product.

    Each label stands at most once in each of the three and in at least two of them.
    """

    def forward(x, y, *, spec):
        return kernels.contract(x, y, spec)

    def grad_x(g, y, spec):
        return Contract.of(g, y, spec=(spec[2], spec[1], spec[0]))

    def grad_y(g, x, spec):
        return Contract.of(g, x, spec=(spec[2], spec[0], spec[1]))

    @classmethod
    def batch(cls, size: int, values: list[Array], mapped: list[bool], params: dict[str, Any]) -> Any:
        """The hidden axis is one more label."""
        spec = params["spec"]
        label = next(c for c in ascii_letters + ELLIPSIS if not any(c in s for s in spec))
        labelled = [label + s if m else s for s, m in zip(spec, (*mapped, True), strict=True)]
        return cls.of(*values, spec=tuple(labelled))


class _Plan(NamedTuple):
    """What an equation comes to for operands of given shapes."""

    #: Per operand, what brings it to labels that all stand elsewhere too.
    prepare: tuple[tuple[tuple[type[Operation], dict[str, Any]], ...], ...]
    #: Which two operands are multiplied, by number; the products are numbered on.
    pairs: tuple[tuple[int, int, kernels.Spec], ...]
    #: The order of the axes of an operand that is alone.
    axes: tuple[int, ...] | None


def _terms(equation: str, shapes: tuple[Shape, ...]) -> tuple[list[str], str]:
    """The labels of every operand and of the result, one character per axis; an ellipsis becomes labels of its own."""
    left, arrow, right = equation.replace(" ", "").partition("->")
    terms = left.split(",")
    if len(terms) != len(shapes):
        raise ArgumentError(
            f"einsum: the equation does not fit the operands: {equation!r} names {len(terms)} operand(s), {len(shapes)} are given"
        )
    hidden, full = 0, []
    for i, (term, shape) in enumerate(zip(terms, shapes, strict=True)):
        names = term.replace("...", "", 1)
        if not all(c in ascii_letters for c in names):
            raise ArgumentError(f"einsum: labels are letters, and '...' once: operand {i} is {term!r} in {equation!r}; use a-z and A-Z")
        more = len(shape) - len(names)
        if more < 0 or (more and names == term):
            raise ShapeError(
                f"einsum: labels do not fit the dimensions: operand {i} is {shape}, its labels in {equation!r} are {term!r}; "
                f"name each dimension once, or write '...' for the others"
            )
        if more > len(ELLIPSIS):
            raise ArgumentError(f"einsum: '...' stands for at most {len(ELLIPSIS)} dimensions: operand {i} is {shape}; name some of them")
        hidden = max(hidden, more)
        full.append((term, more))
    labels = [term.replace("...", ELLIPSIS[hidden - more : hidden]) for term, more in full]
    if not arrow:
        together = "".join(labels)
        return labels, ELLIPSIS[:hidden] + "".join(sorted(c for c in set(together) if c in ascii_letters and together.count(c) == 1))
    out = right.replace("...", ELLIPSIS[:hidden], 1)
    if any(c not in "".join(labels) or out.count(c) > 1 for c in out):
        raise ArgumentError(
            f"einsum: the result's labels must be labels of operands, each at most once: they are {right!r} in {equation!r}; "
            f"the operands have {', '.join(terms)}"
        )
    return labels, out


def _make_plan(equation: str, shapes: tuple[Shape, ...]) -> _Plan:
    terms, out = _terms(equation, shapes)
    sizes: dict[str, int] = {}
    prepare: list[list[tuple[type[Operation], dict[str, Any]]]] = []
    dims: list[list[int]] = []
    for i, (labels, shape) in enumerate(zip(terms, shapes, strict=True)):
        steps: list[tuple[type[Operation], dict[str, Any]]] = []
        lengths = list(shape)
        while (twice := next((c for c in labels if labels.count(c) > 1), None)) is not None:
            j, k = labels.index(twice), labels.rindex(twice)
            if lengths[j] != lengths[k]:
                raise ShapeError(
                    f"einsum: label {twice!r} stands for two sizes: operand {i} is {shape}, its labels in {equation!r} are {terms[i]!r}; "
                    f"a label's dimensions must be equal"
                )
            steps.append((Diagonal, {"offset": 0, "axis1": j, "axis2": k}))
            lengths.append(lengths[j])
            del lengths[k], lengths[j]
            labels = labels[:j] + labels[j + 1 : k] + labels[k + 1 :] + twice
        for c, n in zip(labels, lengths, strict=True):
            if sizes.setdefault(c, n) == 1:
                sizes[c] = n
            elif n not in (1, sizes[c]):
                raise ShapeError(
                    f"einsum: label {c!r} stands for two sizes, {sizes[c]} and {n}: the operands are {', '.join(map(str, shapes))}, "
                    f"the equation is {equation!r}; a label's dimensions must be equal or 1"
                )
        terms[i] = labels
        prepare.append(steps)
        dims.append(lengths)
    for i, (labels, lengths) in enumerate(zip(terms, dims, strict=True)):
        kept = [n == sizes[c] for c, n in zip(labels, lengths, strict=True)]
        if not all(kept):
            prepare[i].append((Reshape, {"shape": tuple(n for n, keep in zip(lengths, kept, strict=True) if keep)}))
            terms[i] = "".join(c for c, keep in zip(labels, kept, strict=True) if keep)
    count = Counter("".join([*terms, out]))
    for i, labels in enumerate(terms):
        alone = tuple(a for a, c in enumerate(labels) if count[c] == 1)
        if alone:
            prepare[i].append((Sum, {"axis": alone, "keepdims": False}))
            terms[i] = "".join(c for c in labels if count[c] > 1)
    pairs = _pairs(terms, out, sizes)
    axes = tuple(map(terms[0].index, out)) if len(terms) == 1 else None
    return _Plan(tuple(map(tuple, prepare)), pairs, axes)


_plan = lru_cache(maxsize=1024)(_make_plan)


def _pairs(terms: Sequence[str], out: str, sizes: dict[str, int]) -> tuple[tuple[int, int, kernels.Spec], ...]:
    """Which operands to multiply: each time the two whose product is smallest, counted against what it replaces."""
    left, pairs = list(terms), []
    count = Counter("".join([*terms, out]))
    at_hand = list(range(min(CHOICE, len(terms))))

    def result(i: int, j: int) -> str:
        x, y = left[i], left[j]
        batch = [c for c in x if c in y and count[c] > 2]
        return "".join(batch + [c for c in x if c not in y] + [c for c in y if c not in x])

    def volume(labels: str) -> int:
        return math.prod(sizes[c] for c in labels)

    def cost(pair: tuple[int, int]) -> tuple[int, int]:
        i, j = pair
        return volume(result(i, j)) - volume(left[i]) - volume(left[j]), volume("".join({*left[i], *left[j]}))

    for following in range(len(at_hand), len(terms) + len(at_hand) - 1):
        i, j = min(combinations(at_hand, 2), key=cost) if len(at_hand) > 2 else at_hand
        labels = out if len(at_hand) == 2 else result(i, j)
        pairs.append((i, j, (left[i], left[j], labels)))
        at_hand = [k for k in at_hand if k not in (i, j)]
        if following < len(terms):
            at_hand.append(following)
        at_hand.append(len(left))
        left.append(labels)
        count.subtract(pairs[-1][2][0] + pairs[-1][2][1])
        count.update(labels)
    return tuple(pairs)


def contract_all(equation: str, operands: Sequence[Array]) -> Array:
    """Carry out an equation on operands."""
    plan = (_plan if len(operands) <= CHOICE else _make_plan)(equation, tuple(tuple(shape_of(x)) for x in operands))
    left: list[Any] = list(operands)
    for i, steps in enumerate(plan.prepare):
        for op, params in steps:
            if op is Sum and left[i].dtype.kind in "iub":  # integers are added up in int64, as by `sum`
                left[i] = cast(left[i], np.int64)
            left[i] = op.of(left[i], **params)
    if plan.axes is not None:
        return Transpose.of(left[0], axes=plan.axes)
    for i, j, spec in plan.pairs:
        left.append(Contract.of(left[i], left[j], spec=spec))
        left[i] = left[j] = None
    return left[-1]


def _from_numbers(arguments: tuple[Any, ...]) -> tuple[str, list[Array]]:
    """The other spelling, ``einsum(x, [0, 1], y, [1, 2], [0, 2])``, as an equation and operands."""
    pairs, rest = len(arguments) // 2, len(arguments) % 2

    def term(numbers: Any) -> str:
        if not isinstance(numbers, Sequence) or not all(n is Ellipsis or (isinstance(n, int) and 0 <= n < 52) for n in numbers):
            raise ArgumentError(
                f"einsum: after each operand comes the list of its labels, numbers from 0 to 51 or ...: got {numbers!r:.60}; or write an "
                f"equation first"
            )
        return "".join("..." if n is Ellipsis else letters[n] for n in numbers)

    letters = sorted(ascii_letters)
    equation = ",".join(term(arguments[2 * i + 1]) for i in range(pairs))
    return equation + (f"->{term(arguments[-1])}" if rest else ""), [arguments[2 * i] for i in range(pairs)]


@public("einsum", method=False)
def _einsum(equation: Any, *operands: Any) -> Array:
    """Sums of products over labelled dimensions: ``"ij,jk->ik"`` is ``out[i, k] = sum over j of x[i, j] y[j, k]``.

    A label twice in one operand is a diagonal; a label that the result does not have is summed over; ``...`` stands for all other
    dimensions, which broadcast. Without ``->`` the result has ``...`` and the labels that occur once, in alphabetical order.
    Operands may come as a list, or each followed by numbers for labels: ``einsum(x, [0, 1], y, [1, 2], [0, 2])``.

    Raises `ArgumentError` for an equation that says nothing sensible, `ShapeError` where it does not fit the operands.

    >>> import tensorflowlite_clone as tl
    >>> x = tl.tensor([[1, 2], [3, 4]])
    >>> tl.einsum("ii->i", x).tolist(), tl.einsum("ij,kj->ik", x, x).tolist()
    ([1, 4], [[5, 11], [11, 25]])
    """
    if not isinstance(equation, str):
        equation, listed = _from_numbers((equation, *operands))
        operands = tuple(listed)
    if len(operands) == 1 and isinstance(operands[0], list | tuple):
        operands = tuple(operands[0])
    if not operands:
        raise ArgumentError(f"einsum: there are no operands: the equation is {equation!r}; pass a tensor for each of its terms")
    return contract_all(equation, to_operands("einsum", *operands))


@implements(np.einsum)
def _np_einsum(*operands: Any, optimize: Any = False) -> Array:
    """Lists are operands after subscripts in one string, else subscripts themselves."""
    if isinstance(operands[0], str):
        operands = (operands[0], *[operand(a, "np.einsum") if isinstance(a, list | tuple) else a for a in operands[1:]])
    return _einsum(*operands)
