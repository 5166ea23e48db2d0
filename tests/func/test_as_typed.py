"""Lines as NumPy's users type them, with ``import tensorflowlite_clone.numpy as np``, in every mode."""

import textwrap

import numpy
import pytest
from numpy_modes import MODES, check

import tensorflowlite_clone as tl
import tensorflowlite_clone.numpy as np
from tensorflowlite_clone import func
from tensorflowlite_clone._errors import ArgumentError, OperandError, TransformError

X = numpy.array([0.7, -1.2, 0.4, 2.1])
A = numpy.array([[2.0, 0.3, -0.1, 0.5], [0.1, 1.5, 0.2, 0.0], [0.4, -0.2, 1.8, 0.3], [0.0, 0.6, 0.1, 2.2]])

LINES = """
return np.array([2 * x[0], 3 * x[1]])
return np.array([x[0] * x[1], 1.0, x[2] ** 2])
return np.array([[np.cos(x[0]), -np.sin(x[0])], [np.sin(x[0]), np.cos(x[0])]]) @ np.array([x[1], x[2]])
return np.array((x[0], x[1] * x[2]))
return np.array([x, 2 * x, x**2])
return np.array([xi**2 for xi in x])
return np.array([1, x[0], 2], dtype=float)
return np.array(x) * 2
y = np.array(x); y[0] = 5.0; return y * x
return np.asarray(x) ** 2
return np.asarray([x[0], x[3]]) * np.asarray([1.0, 2.0])
return np.array([x[0]]) + np.array([[x[1]], [x[2]]])
return np.array(x[0], ndmin=2) * x
out = np.zeros(2); out[0] = x[0]; out[1] = x[1] * x[2]; return out
out = np.zeros((2, 2)); out[0, 0] = x[0]; out[1, :] = x[1:3]; return out
out = np.zeros(4); out += x; return out
out = np.zeros(4); out -= x; out *= x; out += 1; return out
out = np.ones(4); out *= x; out /= 2; out **= 2; return out
out = np.empty(3); out[0] = x[1]; out[1:] = x[2:] ** 2; return out
out = np.full(4, 2.0); out[1] = x[0] * x[3]; return out
return np.full((2, 3), x[0])
return np.full(3, x[0]) * x[1:]
out = np.eye(2); out[0, 1] = x[0]; return out @ x[:2]
out = np.identity(4); out[1] += x; return out
return np.linalg.det(np.eye(4) * x) + np.eye(4)[0] @ x
return np.arange(4) * x + np.arange(1.0, 5.0)
t = np.linspace(0, 1, 5); return x[0] * np.exp(-x[1] * t)
t = np.linspace(0.0, 1.0, 3); t[1] = x[0]; return t
return np.linspace(x[0], x[1], 4)
n = int(np.linspace(0, 3, 4)[-1]); return x[:n]
return x[np.arange(3)] * np.arange(3)
return np.r_[x[0], x[1:3], 1.0]
return np.r_[x, 0:3, x**2]
return np.c_[x, x**2]
return np.c_[np.ones(4), x] @ np.array([x[0], 2.0])
return np.r_['-1', x, x]
return np.fromiter((xi * 2 for xi in x), float)
return np.vectorize(lambda a: a**2 if a > 0 else -a)(A[0]) * x
return np.vectorize(lambda a, b: a * np.sin(b))(x, 2.0)
return np.vectorize(lambda a: (a * x[0], a + x[1]))(np.arange(3.0))
return np.sum([x[0], x[1] ** 2])
return np.mean([x[0], 2 * x[1], 3.0])
return np.max([x[0], x[1]]) + np.min([x[2], x[3]])
return np.prod([x[0], x[1], 2.0]) + np.linalg.norm([x[0], x[1]])
return np.dot([x[0], x[1]], [2.0, x[2]])
return np.cumsum([x[0], x[1], 1.0])
return np.diag([x[0], x[1]]) @ x[2:]
D = np.diag(A[0]); D[0, 1] = x[0]; return D @ x
return np.stack([x, np.zeros(4)]) + np.concatenate([[x[0]], x[1:]])
return np.hstack([x[0], x[1:], 2.0]) + np.append(x, x[0])
return np.vstack((x, A[0])) + np.outer(np.ones(2), x)
out = np.zeros_like(x); out[::2] = x[::2] ** 2; return out
out = np.zeros_like(A); out[0] = x; out[:, 1] += x; return out
out = np.ones_like(A[0], dtype=float); out[2] = x[0]; return out
F = np.zeros((3, 2)); F[0] += x[:2]; F[1] -= x[2:]; F[2] = F[0] * F[1]; return F
out = np.zeros((2, 3)); row = out[1]; row[0] = x[0]; row[1:] = x[1:3]; return out
out = np.zeros((2, 3)); out[0][1] = x[0]; out[1][:] = x[1]; return out
out = np.zeros((2, 2)).T; out[0, 1] = x[0]; return out
out = np.zeros((2, 3)); flat = out.ravel(); flat[4] = x[0]; return out + flat[4]
out = np.zeros((4, 4)); out[np.arange(4), np.arange(4)] = x; return out @ A
out = np.zeros(4); out[A[0] > 0.2] = x[0]; return out
out = np.zeros(4); out[[0, 2]] = x[[1, 3]]; return out
out = np.zeros(4); np.add.at(out, [0, 0, 1], x[:3]); return out
out = np.zeros(4); np.add(x, 1, out=out); return out
out = np.zeros((4, 4)); np.fill_diagonal(out, x); return out
out = np.zeros(4); out[:] = [x[0], x[1], 2.0, 3.0]; return out
out = np.tile(A[0], 2); out[3] = x[0]; return out
out = np.zeros(5); out[0] = 1.0
for i in range(4): out[i + 1] = out[i] * x[i] + out[i]
return out
y = np.zeros((5, 2)); y[0] = x[:2]
for k in range(4): y[k + 1] = y[k] + 0.1 * np.array([y[k, 1], -x[2] * y[k, 0]])
return y
total = 0.0
for a, b in zip(x, A[0]): total += a * b
return total
K = np.empty((4, 4))
for i in range(4):
    for j in range(4): K[i, j] = np.exp(-0.5 * (x[i] - x[j]) ** 2)
return np.linalg.slogdet(K + np.eye(4))[1]
M = np.zeros((4, 4))
for i, row in enumerate(A): M[i] = row * x[i]
return np.linalg.solve(M + 5 * np.eye(4), x)
acc = np.zeros(2)
for k in range(3): acc += np.array([x[k], x[k] ** 2])
return acc / 3
p = np.array([0.25, 0.5]); p = p * x[0]; p[0] += x[1]; return p / p.sum()
r = np.sqrt(x**2); r[r > 1] = 1 / r[r > 1]; return np.where(np.isnan(r), 0.0, r)
if isinstance(x, np.ndarray) and x.ndim == 1 and np.ndim(x) == 1: return x.copy()
return x[0]
return np.trapezoid(x, np.linspace(0, 1, 4)) + np.interp(0.4, np.linspace(0, 1, 4), x)
return np.polyval([x[0], x[1], 1.0], 2.0) + np.cross([x[0], x[1], 0.0], [1.0, 2.0, 3.0])
return np.block([[np.eye(2), np.zeros((2, 2))], [np.zeros((2, 2)), np.diag(x[:2])]]) @ x
return np.einsum("i,ij->j", x, np.asarray(A)) + np.tensordot(A, x, 1)
c = np.array([1.0 + 0j, 2.0]); c[0] = x[0] + 1j * x[1]; return np.abs(c) ** 2
X_ = np.fromfunction(lambda i, j: i + j, (2, 4)); return X_ * x
g = np.meshgrid(np.linspace(0, 1, 4), np.linspace(0, 1, 2)); return g[0] * x + g[1]
return np.average([x[0], x[1]], weights=[1.0, 3.0]) + np.std([x[0], x[1], x[2]])
s = np.zeros(()); s += x[0]; s = s * x[1]; return s
return np.select([x > 1, x > 0], [x**2, x], default=0.0) + np.where(x > 0, x, np.zeros(4))
"""


def programs():
    """Each up to and with its last ``return``."""
    found, lines = [], []
    text = LINES.strip().splitlines()
    for k, line in enumerate(text):
        lines.append(line)
        following = text[k + 1] if k + 1 < len(text) else ""
        if "return" in line and not (line.startswith("if ") and following.startswith("return x[0]")):
            found.append("\n".join(lines))
            lines = []
    return found


PROGRAMS = programs()


def made(text):
    lines = [part for line in text.split("\n") for part in (line.split("; ") if not line.startswith((" ", "for", "if")) else [line])]
    scope = {"np": np, "A": A}
    exec("def f(x):\n" + textwrap.indent("\n".join(lines), "    "), scope)
    return scope["f"]


def test_there_are_as_many_as_the_page_says():
    assert len(set(PROGRAMS)) >= 54


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("text", PROGRAMS)
def test_lines_as_typed(text, mode):
    if "vmap" in mode and "r[r > 1]" in text:  # how many there are differs from example to example
        with pytest.raises(TransformError, match="where"):
            check(made(text), X, mode)
    else:
        check(made(text), X, mode)


def test_outside_of_transforms_all_is_numpys_own():
    for name in ("zeros", "array", "eye", "arange", "r_", "linspace"):
        out = (
            getattr(np, name)[[1.0, 2.0]]
            if name == "r_"
            else getattr(np, name)([1, 2] if name == "array" else 3, *[4] * (name == "linspace"))
        )
        assert type(out) is numpy.ndarray
    assert np.sin is numpy.sin
    assert np.float64 is numpy.float64
    assert np.pi == numpy.pi
    assert {"array", "zeros", "linalg", "random"} <= set(dir(np))
    with pytest.raises(AttributeError, match="no_such"):
        np.no_such  # noqa: B018
    assert np.vectorize(lambda a: a + 1)([1, 2]).tolist() == [2, 3]


def test_integers_stay_numpys_and_count_in_every_mode():
    def f(x):
        n = np.arange(3)
        assert type(n) is numpy.ndarray or "Batched" in repr(x)
        return sum(x[int(i)] for i in n)

    check(f, X, "jacfwd")
    check(f, X, "vmap")
    places = func.vmap(lambda x: _placed(x))(numpy.stack([X, -X]))
    assert places.tolist() == [[3, 1], [1, 3]]


def _placed(x):
    out = np.zeros(2, int)
    out[0], out[1] = np.argmax(x), np.argmin(x)
    return out


# ---- what tensors make -------------------------------------------------------------------------------------------------------------------
def _of_tensors(x):
    out = tl.zeros(3, dtype=x.dtype)
    out[0] = x[0] * x[1]
    row = tl.ones(2, 2, dtype=x.dtype)
    row[1] += x[:2]
    return tl.cat([out, row.reshape(-1), tl.tensor([x[0] ** 2, x[1]]), tl.tensor([[x[2], 1.0]])[0]])


@pytest.mark.parametrize("run", ["jacrev", "jacfwd", "vmap", "hessian"])
def test_the_same_of_tensors(run):
    def plain(x):
        return numpy.concatenate([[x[0] * x[1], 0, 0, 1, 1, 1 + x[0], 1 + x[1]], [x[0] ** 2, x[1], x[2], 1.0]])

    x = tl.tensor(X)
    if run == "vmap":
        out = func.vmap(_of_tensors)(tl.stack([x, 2 * x]))
        numpy.testing.assert_allclose(out.numpy(), [plain(X), plain(2 * X)])
    elif run == "hessian":
        out = func.hessian(lambda x: _of_tensors(x)[0])(x)
        expected = numpy.zeros((4, 4))
        expected[0, 1] = expected[1, 0] = 1
        numpy.testing.assert_allclose(out.numpy(), expected)
    else:
        out = getattr(func, run)(_of_tensors)(x)
        rows = [(plain(X + 1e-6 * d) - plain(X - 1e-6 * d)) / 2e-6 for d in numpy.eye(4)]
        numpy.testing.assert_allclose(out.numpy(), numpy.stack(rows, -1), atol=1e-8)


def test_what_was_made_outside_takes_no_values():
    """It would keep them when the transform has ended."""
    out, array = tl.zeros(3, dtype=tl.float64), numpy.zeros(3)

    def of(target):
        def f(x):
            target[0] = x[0]
            return x.sum()

        return f

    for transform in (func.grad, lambda f: func.vmap(f), lambda f: lambda x: func.jvp(f, (x,), (x,))):
        given = numpy.stack([X, X]) if transform.__name__ == "<lambda>" else X
        for target in (out, array):
            with pytest.raises((OperandError, TransformError, ArgumentError), match="zeros"):
                transform(of(target))(given)
    assert out.tolist() == [0, 0, 0] == array.tolist()


def test_a_constant_of_an_outer_transform_takes_none_of_an_inner_one():
    def f(x):
        out = np.zeros(2)

        def inner(t):
            out[0] = t
            return t * t

        with pytest.raises(OperandError, match="zeros"):
            func.grad(inner)(x[0])
        out[1] = func.grad(lambda t: t * t * x[1])(x[0])
        return out.sum()

    numpy.testing.assert_allclose(func.grad(f)(X), [2 * X[1], 2 * X[0], 0, 0])
