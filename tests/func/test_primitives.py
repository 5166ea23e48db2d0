"""`primitive`: rules of both kinds, in NumPy and in followed operations, in every mode and nesting, beside the package's own operation."""

from __future__ import annotations

import math

import numpy as np
import pytest

import tensorflowlite_clone as tl
from tensorflowlite_clone._errors import ArgumentError, TransformError
from tensorflowlite_clone.func import grad, hessian, jacfwd, jacrev, jvp, primitive, vjp, vmap
from tensorflowlite_clone.func.tree import flatten

X, Y = np.array([0.3, 1.2, 2.0]), np.array([0.5, -1.0, 2.0])
plain = np.vectorize(lambda x, y: math.erf(x) * y, otypes=[float])


def slope(x):
    return np.vectorize(lambda x: 2 / math.sqrt(math.pi) * math.exp(-x * x), otypes=[float])(np.asarray(x))


erf = np.vectorize(math.erf, otypes=[float])
followed = primitive(erf, vjp=lambda g, ans, x: g * 2 / math.sqrt(math.pi) * np.exp(-x * x), name="erf")
RULES = {
    "numpy vjp": {"vjp": lambda g, ans, x, y: (g * slope(x) * y, g * erf(x))},
    "numpy jvp": {"jvp": lambda t, ans, x, y: t[0] * slope(x) * y + t[1] * erf(x)},
    "followed vjp": {"vjp": lambda g, ans, x, y: (g * 2 / math.sqrt(math.pi) * np.exp(-x * x) * y, g * followed(x))},
    "followed jvp": {"jvp": lambda t, ans, x, y: t[0] * 2 / math.sqrt(math.pi) * np.exp(-x * x) * y + t[1] * followed(x)},
}
RULES |= {f"{k}, broadcast": {**v, "vmap": "broadcast"} for k, v in list(RULES.items())}


def reference(x, y):
    return tl.special.erf(x) * y


def squares(f):
    return lambda x, y: np.sum(f(x, y) ** 2)


FIRST = {
    "grad": lambda f: grad(squares(f), (0, 1)),
    "jacrev": lambda f: jacrev(f, (0, 1)),
    "jacfwd": lambda f: jacfwd(f, (0, 1)),
    "jvp": lambda f: lambda x, y: jvp(f, (x, y), (y, x)),
    "vjp": lambda f: lambda x, y: vjp(f, x, y)[1](x),
    "vmap": lambda f: vmap(f, (0, None)),
    "vmap of grad": lambda f: vmap(grad(squares(f), (0, 1))),
    "vmap of jacfwd": lambda f: vmap(jacfwd(f, 1), (None, 0)),
    "vmap of vmap of grad": lambda f: lambda x, y: vmap(vmap(grad(squares(f)), (None, 0)), (0, None))(x, y),
    "grad of vmap": lambda f: grad(lambda x, y: np.sum(vmap(squares(f), (0, None))(x, y)), (0, 1)),
    "jacfwd of vmap": lambda f: jacfwd(vmap(f, (0, None)), (0, 1)),
    "in y of a factor": lambda f: grad(lambda x, y: np.sum(grad(lambda x: np.sum(f(x, Y)) * np.sum(y))(x)), 1),
}
SECOND = {
    "hessian": lambda f: hessian(squares(f), (0, 1)),
    "jacrev of grad": lambda f: jacrev(grad(squares(f)), (0, 1)),
    "jacfwd of jacfwd": lambda f: jacfwd(jacfwd(f, 1), 0),
    "grad of jvp": lambda f: grad(lambda x, y: np.sum(jvp(f, (x, y), (y, x))[1])),
    "vmap of hessian": lambda f: vmap(hessian(squares(f))),
    "third": lambda f: lambda x, y: grad(lambda x: np.sum(hessian(squares(f))(x, y)))(x),
}


def close(a, b):
    for u, v in zip(flatten(a)[0], flatten(b)[0], strict=True):
        np.testing.assert_allclose(u, v, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("mode", [*FIRST, *SECOND])
def test_every_mode(rule, mode):
    f = primitive(plain, **RULES[rule], name="scaled")
    take = (FIRST | SECOND)[mode]
    if mode in SECOND and rule.startswith("numpy"):
        with pytest.raises(TransformError, match=r"scaled: its .* rule leaves .* first derivatives only"):
            take(f)(X, Y)
    else:
        close(take(f)(X, Y), take(reference)(X, Y))


@pytest.mark.parametrize("rule", RULES)
def test_tensors(rule):
    f = primitive(plain, **RULES[rule])
    x, y = tl.tensor(X, requires_grad=True), tl.tensor(Y.astype("f4"), requires_grad=True)
    f(x, y).sum().backward()
    dx, dy = grad(lambda x, y: np.sum(reference(x, y)), (0, 1))(X, Y)
    assert x.grad.dtype == tl.float64 and y.grad.dtype == tl.float32
    close((x.grad.numpy(), y.grad.numpy().astype("f8").round(6)), (dx, dy.round(6)))
    assert isinstance(f(x.detach(), y.detach()), tl.Tensor) and type(f(X, Y)) is np.ndarray


def test_nested_arguments_results_and_settings():
    f = primitive(
        lambda d, n, *, scale: {"a": d["u"] * scale, "b": (np.sum(d["v"]), np.arange(n))},
        vjp=lambda g, ans, d, n, *, scale: ({"u": g["a"] * scale, "v": np.full(d["v"].shape, g["b"][0])}, None),
    )
    out = f({"u": X, "v": Y}, 2, scale=3.0)
    assert out["b"][1].tolist() == [0, 1] and type(out["b"][0]) is np.ndarray
    got = grad(lambda d: np.sum(f(d, 2, scale=3.0)["a"] * X) + f(d, 2, scale=3.0)["b"][0])({"u": X, "v": Y})
    close(got, {"u": 3 * X, "v": np.ones(3)})
    assert vmap(lambda u: f({"u": u, "v": Y}, 2, scale=3.0)["b"][1])(X).shape == (3, 2)
    with pytest.raises(ArgumentError, match="scale takes no derivative"):
        grad(lambda s: np.sum(f({"u": X, "v": Y}, 2, scale=s)["a"]))(np.array(3.0))


def test_a_rule_for_all_examples():
    f = primitive(lambda x: np.cumsum(x), jvp=lambda t, ans, x: np.cumsum(t[0]), vmap=lambda size, mapped, x: np.cumsum(x, axis=1))
    close(vmap(f)(np.outer(X, Y)), np.cumsum(np.outer(X, Y), axis=1))
    close(jacrev(vmap(f))(np.outer(X, Y)), jacrev(vmap(lambda x: np.cumsum(x)))(np.outer(X, Y)))


def test_no_examples():
    f = primitive(plain, **RULES["numpy vjp"])
    assert vmap(grad(squares(f)))(np.zeros((0, 3)), np.zeros((0, 3))).shape == (0, 3)


def test_memory_is_not_shared_and_changes_are_seen():
    f = primitive(lambda x: x, vjp=lambda g, ans, x: g * x)
    x = tl.tensor([1.0, 2.0], requires_grad=True)
    y = x * 1
    out = f(y)
    out.detach().numpy()[:] = 9
    assert y.tolist() == [1, 2]
    z = f(y)
    y += 1
    with pytest.raises(RuntimeError, match="changed in place"):
        z.sum().backward()


def test_complex_cotangents_are_conjugate():
    f = primitive(lambda z: z * z, vjp=lambda g, ans, z: g * np.conj(2 * z))
    z = tl.tensor([1 + 2j, 3 - 1j], requires_grad=True)
    f(z).abs().sum().backward()
    w = tl.tensor([1 + 2j, 3 - 1j], requires_grad=True)
    (w * w).abs().sum().backward()
    close(z.grad.numpy(), w.grad.numpy())


@pytest.mark.parametrize(
    "make, use, words",
    [
        (lambda: primitive(np.sin), lambda f: grad(f)(np.array(1.0)), "sin: this primitive has no derivative"),
        (lambda: primitive(np.sin, vjp=3), lambda f: None, "vjp must be callable"),
        (lambda: primitive(np.sin, vmap="map"), lambda f: None, "vmap must be"),
        (lambda: primitive(lambda x: "no", name="f"), lambda f: f(X), "f: a primitive must return arrays"),
        (lambda: primitive(np.sin, vjp=lambda g, a, x: np.ones(5)), lambda f: grad(lambda x: np.sum(f(x)))(X), "wrong shape"),
        (lambda: primitive(np.add, vjp=lambda g, a, x, y: g), lambda f: grad(lambda x: np.sum(f(x, x)))(X), "for each of the 2"),
        (lambda: lambda a: primitive(lambda x: x * a)(X), lambda f: grad(lambda a: np.sum(f(a)))(np.array(1.0)), "none of its arguments"),
        (lambda: primitive(np.sum, vmap="broadcast"), lambda f: vmap(f)(X), "along the first axis"),
    ],
)
def test_what_is_wrong_is_named(make, use, words):
    with pytest.raises((RuntimeError, TypeError), match=words):
        use(make())
