"""Every argument of every public function that a derivative could follow: followed, or refused by its name. None is taken for a constant.

The calls are those of the samples (``captured.py``), with one argument after the other, numbers and defaults among them, made to depend
on a followed number t. Where central differences of the plain call say that t matters, the derivative is that, or there is an error
that names the argument.
"""

from __future__ import annotations

import inspect
from collections import Counter
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from captured import Caught, Constant, Path, caught_calls

import tensorflowlite_clone as tl
from tensorflowlite_clone import func

pytestmark = pytest.mark.filterwarnings("ignore")

#: Parameters that say where and how, not how much; NumPy does not check all of them.
SETTINGS = {"out", "dtype", "axis", "dim", "axes", "order", "like", "generator", "device"}
#: How often the same argument of the same function is tried, in calls of other kinds.
TRIES = 2
#: Functions that copy, as PyTorch's do: of what a tape records with a warning (below), of what a transform follows not at all.
COPIES = {"tensor", "as_tensor", "asarray", "new_tensor"}
#: Functions that central differences cannot judge: why.
APART = {
    **dict.fromkeys(
        ["cholesky", "cholesky_ex", "eigh", "eigvalsh", "ldl_factor", "ldl_factor_ex"],
        "they read one triangle of a matrix that they take for symmetric",
    ),
    "lobpcg": "it takes the matrix for symmetric, and differences in other directions leave that",
    **dict.fromkeys(["to", "float", "cfloat", "half"], "their results are in single precision"),
    "empty_like": "it has whatever the memory holds",
    **dict.fromkeys(["detach_", "detach_copy"], "they make constants on purpose"),
    "renorm_": "its errors name the parameters of renorm, which is swept",
}


def apart(c: Caught) -> bool:
    return c.name in APART or bool(c.kwargs.get("hermitian")) or c.kwargs.get("mode") == "complete"  # columns that nothing determines


T0 = tl.tensor(0.0, dtype=tl.float64)


def arguments(c: Caught) -> Iterator[tuple[Path, Any]]:
    """The numbers and floating arrays among the arguments, and values for those that were left out."""
    for path, leaf in c.leaves():
        a = leaf.array if isinstance(leaf, Constant) else leaf
        if isinstance(a, np.ndarray):
            if a.dtype in (np.float64, np.complex128) and a.size:
                yield path, a
        elif type(a) in (int, float, complex) and path[0] not in SETTINGS:
            yield path, a
    for name, default in parameters(c)[len(c.args) :]:
        if name in c.kwargs or name in SETTINGS:
            continue
        if type(default) in (int, float):
            yield (name,), default
        elif default is None:
            yield (name,), 0.7
            shapes = [
                s for _, leaf in c.leaves() if isinstance(leaf, Constant) for s in (leaf.array.shape, *((n,) for n in leaf.array.shape))
            ]
            for shape in dict.fromkeys([(), *shapes]):
                yield (name,), np.random.default_rng(5).uniform(0.5, 1.0, shape)


def parameters(c: Caught) -> list[tuple[str, Any]]:
    """Names and defaults of the parameters; `inspect.Parameter.empty` where there is no default."""
    op = getattr(c.function, "__op__", None)
    if op is not None:
        names = op.called[: len(op.names)] + op.names[2:] + op.params
        return [(n, op.defaults.get(n, inspect.Parameter.empty)) for n in names]
    try:
        found = inspect.signature(inspect.unwrap(c.function)).parameters.values()
    except (TypeError, ValueError):
        return []
    return [(p.name, p.default) for p in found if p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL)]


def weighed(out: Any) -> Any:
    """The floating numbers of a result, weighed and summed: a number that depends on all of them."""
    total: Any = None
    for k, o in enumerate(flat(out)):
        for number, part in enumerate((o.real, o.imag) if o.dtype.kind == "c" else (o,)):
            weights = np.random.default_rng([k, number, *np.shape(o)]).normal(size=np.shape(o))
            product = (part * weights).sum()
            total = product if total is None else total + product
    return total


def flat(out: Any) -> list[Any]:
    if isinstance(out, list | tuple):
        return [x for o in out for x in flat(o)]
    if isinstance(out, float | complex | np.ndarray | np.generic):
        out = np.asarray(out)
    return [out] if getattr(getattr(out, "dtype", None), "kind", "") in ("f", "c") else []


class Followed:
    """A call as a function of t, which one of its arguments depends on."""

    def __init__(self, c: Caught, path: Path, value: Any) -> None:
        if isinstance(path[0], str) and path[0] not in c.kwargs:
            c = Caught(c.space, c.name, c.function, c.args, {**c.kwargs, path[0]: None})
        self.c, self.path, self.value = c, path, value
        self.direction: Any = 1.0
        if isinstance(value, np.ndarray):
            rng = np.random.default_rng(3)
            self.direction = rng.normal(size=value.shape)
            if value.dtype.kind == "c":
                self.direction = self.direction + 1j * rng.normal(size=value.shape)

    def __call__(self, t: Any) -> Any:
        tl.manual_seed(0)
        changed = self.value + t * self.direction
        return weighed(
            self.c.call(lambda p, leaf: changed if p == self.path else tl.tensor(leaf.array) if isinstance(leaf, Constant) else leaf)
        )

    def plain(self, h: float) -> float:
        """The value at t = h, of plain arguments; of functions of NumPy on arrays."""
        tl.manual_seed(0)
        make = np.array if self.c.space == "np" else tl.tensor
        changed = self.value + h * self.direction
        changed = make(changed) if isinstance(self.value, np.ndarray) else changed
        out = weighed(self.c.call(lambda p, leaf: changed if p == self.path else make(leaf.array) if isinstance(leaf, Constant) else leaf))
        return float("nan") if out is None else float(out)

    def slope(self) -> float | None:
        """The derivative by t at 0, by central differences; None where the call refuses such an argument, or is not smooth there."""
        h = 1e-4
        try:
            v, p, m, p2, m2 = (self.plain(x) for x in (0.0, h, -h, h / 2, -h / 2))
        except Exception:  # whatever it says of a wrong argument
            return None
        wide, near = (p - m) / (2 * h), (p2 - m2) / h
        if not abs(v) < 1e12:  # no digits are left for differences
            return None
        smooth = abs((p - v) - (v - m)) / h <= 1e-2 * max(0.1, abs(near)) and abs(wide - near) <= 1e-3 * max(0.1, abs(near))
        return (4 * near - wide) / 3 if smooth else None

    def names(self) -> list[str]:
        """What an error may call the argument."""
        first, known = self.path[0], parameters(self.c)
        name = first if isinstance(first, str) else known[first][0] if first < len(known) else ""
        return [
            name,
            *(["the value belongs"] if self.c.name in COPIES else []),
            *(["the other operand belongs to a function transform"] if self.c.name.endswith("_") else []),
        ]

    def at_a_kink(self) -> bool:
        """Whether the derivative is not linear in the direction."""
        if not isinstance(self.value, np.ndarray):
            return False
        other, both = Followed(self.c, self.path, self.value), Followed(self.c, self.path, self.value)
        other.direction = np.roll(self.direction, 1)
        both.direction = self.direction + other.direction
        slopes = [f.slope() for f in (self, other, both)]
        return None in slopes or abs(slopes[0] + slopes[1] - slopes[2]) > 1e-3


def recorded(f: Followed) -> float:
    t = tl.tensor(0.0, dtype=tl.float64, requires_grad=True)
    out = f(t)
    if not getattr(out, "requires_grad", False):
        return 0.0
    (g,) = tl.autograd.grad(out, [t], allow_unused=True)
    return 0.0 if g is None else g.item()


MODES = {
    "recorded": recorded,
    "grad": lambda f: func.grad(lambda t: tl.sum(t * 0) + f(t))(T0).item(),
    "jvp": lambda f: func.jvp(f, (T0,), (tl.ones_like(T0),))[1].item(),
}


@pytest.fixture(autouse=True)
def double():
    tl.set_default_dtype(tl.float64)
    yield
    tl.set_default_dtype(tl.float32)


FUNCTIONS = sorted({repr(c) for c in caught_calls()})


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_argument_is_followed_or_refused_by_name(name):
    tried: Counter[Any] = Counter()
    for c in caught_calls():
        if repr(c) != name or apart(c):
            continue
        for path, value in arguments(c):
            key = (path, type(value), np.ndim(value))
            if tried[key] >= TRIES:
                continue
            f = Followed(c, path, value)
            slope = f.slope()
            if slope is None:
                continue
            tried[key] += 1
            for mode, derivative in MODES.items():
                where = f"{name}, argument {path}, {mode}"
                try:
                    found = derivative(f)
                except (TypeError, ValueError, RuntimeError) as error:
                    named = any(n and n in str(error) for n in f.names())
                    assert named or abs(slope) < 1e-7, f"{where}: the error does not name it: {error}"
                    continue
                if mode == "recorded" and c.name in COPIES:
                    continue
                assert found == pytest.approx(slope, rel=1e-4, abs=1e-4) or f.at_a_kink(), where
            if c.name == "lstsq":  # inside vmap the ranks, which decide whether residuals are given, are not known
                continue
            try:
                each = func.vmap(f)(tl.tensor([0.0, 0.05]))
            except (TypeError, ValueError, RuntimeError):
                continue
            np.testing.assert_allclose(each.numpy(), [f.plain(0.0), f.plain(0.05)], rtol=1e-6, atol=1e-6, err_msg=f"{name} {path} vmap")


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_class_weights_of_cross_entropy(reduction, smoothing):
    """The row of the report, and the formula that spells the loss out, in value and derivatives of first and second order."""
    x, y = tl.tensor(np.linspace(-1.0, 1.0, 12).reshape(4, 3)), tl.tensor([0, 2, -100, 1])
    w = tl.tensor([0.3, 1.1, 0.7], dtype=tl.float64)
    options = {"reduction": reduction, "label_smoothing": smoothing}

    def spelled(x, w):
        logs = tl.log_softmax(x, 1)[[0, 1, 3]]
        picked = tl.tensor([0, 2, 1])
        losses = -(1 - smoothing) * w[picked] * logs[[0, 1, 2], picked] - smoothing / 3 * (logs * w).sum(1)
        total = losses.sum()
        if reduction == "none":
            return tl.stack([losses[0], losses[1], total * 0, losses[2]])
        return total / w[picked].sum() if reduction == "mean" else total

    def fused(x, w):
        return tl.nn.functional.cross_entropy(x, y, w, **options)

    for order in (0, 1, 2):
        made, plain = fused, spelled
        for _ in range(order):
            made, plain = (
                func.jacrev(made, (0, 1)) if _ == 0 else func.jacfwd(lambda *a, f=made: f(*a)[1], 0),
                (func.jacrev(plain, (0, 1)) if _ == 0 else func.jacfwd(lambda *a, f=plain: f(*a)[1], 0)),
            )
        for a, b in zip(flat(made(x, w)), flat(plain(x, w)), strict=True):
            np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-9, atol=1e-12)
    each = func.vmap(func.grad(lambda w: fused(x, w).sum()))(tl.stack([w, 2 * w]))
    np.testing.assert_allclose(each[1].numpy(), func.grad(lambda w: fused(x, w).sum())(2 * w).numpy(), rtol=1e-9)


def test_class_weights_followed_from_a_number():
    def loss(d):
        return tl.nn.functional.cross_entropy(tl.zeros(1, 2), tl.tensor([0]), weight=tl.stack([d, d]), reduction="sum")

    assert func.grad(loss)(1.0) == pytest.approx(np.log(2.0), rel=1e-9)


def test_heaviside_follows_its_value_at_zero():
    x = np.array([0.0, 0.0, -1.0, 2.0])
    for slope in (func.grad(lambda d: np.heaviside(x, d * np.ones(4)).sum()), func.jacfwd(lambda d: np.heaviside(x, d * np.ones(4)).sum())):
        assert slope(0.3) == 2.0
    assert func.grad(lambda d: np.heaviside(tl.zeros(2), d).sum())(tl.tensor(0.3)).item() == 2.0


@pytest.mark.parametrize(
    "make", [lambda t: tl.tensor(t), lambda t: tl.tensor([t, 1.0]), lambda t: tl.as_tensor([t]), lambda t: tl.zeros(2).new_tensor(t)]
)
@pytest.mark.filterwarnings("error")
def test_a_copy_of_what_the_tape_records_warns(make):
    t = tl.tensor(0.5, requires_grad=True)
    with pytest.warns(UserWarning, match="the copy of a tensor that requires grad .* is a constant; .*use x.clone"):
        make(t)
    assert not make(t.detach()).requires_grad
    with tl.no_grad():
        assert not make(t).requires_grad


X = tl.tensor([0.3, 0.7], dtype=tl.float64)
#: Functions of a number t, by what the transforms and `autograd` take besides the function: -x sin(x), or x cos(x), summed, is the slope.
DIRECTIONS = {
    "tangents of jvp": (lambda t: func.jvp(tl.sin, (X,), (X * t,))[1], 1),
    "cotangents of vjp": (lambda t: func.vjp(tl.sin, X)[1](X * t)[0], 1),
    "tangents of linearize": (lambda t: func.linearize(tl.sin, X)[1](X * t), 1),
    "tangents of hvp": (lambda t: func.hvp(lambda x: tl.sin(x).sum(), X, X * t)[1], 2),
    "grad_outputs": (lambda t: tl.autograd.grad(tl.sin(x := X.clone().requires_grad_()), [x], [X * t], create_graph=True)[0], 1),
    "functional.vjp": (lambda t: tl.autograd.functional.vjp(tl.sin, X, X * t, create_graph=True)[1], 1),
    "functional.jvp": (lambda t: tl.autograd.functional.jvp(tl.sin, X, X * t, create_graph=True)[1], 1),
    "functional.hvp": (lambda t: tl.autograd.functional.hvp(lambda x: tl.sin(x).sum(), X, X * t, create_graph=True)[1], 2),
    "functional_call": (lambda t: func.functional_call(tl.nn.PReLU(2).double(), {"weight": X * t}, (-tl.cos(X)[None],)) * -1.0, 1),
}  # fmt: skip


@pytest.mark.parametrize("name", DIRECTIONS)
def test_directions_are_followed(name):
    f, order = DIRECTIONS[name]
    expected = (X * tl.cos(X)).sum().item() if order == 1 else -(X * tl.sin(X)).sum().item()
    t = tl.tensor(0.5, dtype=tl.float64, requires_grad=True)
    f(t).sum().backward()
    assert t.grad.item() == pytest.approx(expected)
    if "grad_outputs" not in name and "functional." not in name:
        assert func.grad(lambda t: f(t).sum())(t.detach()).item() == pytest.approx(expected)
        assert func.jvp(lambda t: f(t).sum(), (t.detach(),), (tl.ones_like(t.detach()),))[1].item() == pytest.approx(expected)
