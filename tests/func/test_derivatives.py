"""`grad`, `grad_and_value`, `vjp`, `jvp`, `linearize`: arguments, nesting, auxiliary values, kinds of arrays, errors."""

from __future__ import annotations

import re
from collections import namedtuple

import numpy as np
import pytest

import tensorflowlite_clone as tl
from tensorflowlite_clone._errors import ArgumentError, OperandError, ShapeError, TransformError
from tensorflowlite_clone.func import grad, grad_and_value, hessian, hvp, jacrev, jvp, linearize, vjp, vmap

rng = np.random.default_rng(3)
X, Y, T = rng.normal(size=(3, 4)), rng.normal(size=4) + 3.0, rng.normal(size=(3, 4))
Pair = namedtuple("Pair", "w b")


def f(x, y=Y):
    """Element-wise functions, a product, a softmax and a norm."""
    h = np.tanh(x * y) + np.exp(-x) / y
    return tl.softmax(tl.as_tensor(h) if isinstance(h, np.ndarray) else h, -1) * x + np.matmul(h, np.transpose(h))[:, :1]


def scalar(x, y=Y):
    return np.sum(np.tanh(x * y) ** 2) + np.sum(x[0] * x[1])


def near(a, b, tolerance=1e-10):
    np.testing.assert_allclose(np.asarray(a), np.asarray(b), rtol=tolerance, atol=tolerance)


# ---- grad -----------------------------------------------------------------------------------------------------------------------------
def test_argnums():
    gx, gy = grad(scalar, argnums=(0, 1))(X, Y)
    near(grad(scalar)(X, Y), gx)
    near(grad(scalar, argnums=-1)(X, Y), gy)
    near(grad(scalar, argnums=1)(X, Y), gy)
    last, first = grad(scalar, argnums=(-1, 0))(X, Y)
    near(last, gy)
    near(first, gx)
    (alone,) = grad(scalar, argnums=(0,))(X, Y)
    near(alone, gx)
    (as_list,) = grad(scalar, argnums=[np.int64(0)])(X, Y)
    near(as_list, gx)


def test_nested_arguments_give_nested_gradients():
    def loss(params, x, scale=1.0):
        return scale * np.sum(np.matmul(x, params["layer"].w) + params["layer"].b + params["extra"][0] * x[:, :1])

    params = {"layer": Pair(rng.normal(size=(4, 1)), rng.normal(size=1)), "extra": [np.array(2.0), None]}
    g, value = grad_and_value(loss)(params, X, scale=3.0)
    assert type(g["layer"]) is Pair
    assert g["extra"][1] is None
    near(g["layer"].w, 3.0 * X.sum(0)[:, None])
    near(g["layer"].b, [9.0])
    near(g["extra"][0], 3.0 * X[:, 0].sum())
    near(value, loss(params, X, 3.0))


def test_auxiliary_values_come_as_they_are():
    def with_aux(x):
        return np.sum(x * x), {"double": 2 * x, "name": "f", "nothing": None, "pair": (x, 3)}

    g, aux = grad(with_aux, has_aux=True)(X)
    near(g, 2 * X)
    near(aux["double"], 2 * X)
    assert isinstance(aux["double"], np.ndarray)
    assert aux["name"] == "f"
    assert aux["nothing"] is None
    assert aux["pair"][1] == 3
    g, (value, aux) = grad_and_value(with_aux, has_aux=True)(tl.tensor(X))
    assert isinstance(value, tl.Tensor)
    assert isinstance(aux["double"], tl.Tensor)
    assert not aux["double"].requires_grad
    _, pull, aux = vjp(with_aux, X, has_aux=True)
    near(pull(np.ones(()))[0], 2 * X)
    near(aux["pair"][0], X)
    _, slope, aux = jvp(with_aux, (X,), (T,), has_aux=True)
    near(slope, np.sum(2 * X * T))
    near(aux["double"], 2 * X)
    assert isinstance(aux["double"], np.ndarray)


def test_arrays_in_arrays_out_and_tensors_in_tensors_out():
    assert type(grad(scalar)(X)) is np.ndarray
    assert type(grad(scalar)(tl.tensor(X))) is tl.Tensor
    assert type(jvp(np.sin, (X,), (T,))[1]) is np.ndarray
    assert type(jvp(np.sin, (tl.tensor(X),), (tl.tensor(T),))[1]) is tl.Tensor
    assert type(linearize(np.sin, tl.tensor(X))[1](T)) is tl.Tensor
    assert type(grad(lambda x: x * x)(3.0)) is np.ndarray
    assert grad(lambda x: np.sum(x * x))(X.astype("f4")).dtype == np.float32


def test_results_can_be_written_to():
    for result in (grad(np.sum)(X), vmap(lambda x: np.ones(2))(X), vjp(lambda x: np.broadcast_to(x, (2, 3, 4)), X)[0]):
        result += 1.0


def test_unused_arguments_have_zero_gradients():
    gx, gy = grad(lambda x, y: np.sum(y), argnums=(0, 1))(X, Y)
    near(gx, np.zeros_like(X))
    near(gy, np.ones_like(Y))
    near(grad(lambda x: np.float64(3.0))(X), np.zeros_like(X))
    near(jvp(lambda x: np.ones(2), (X,), (T,))[1], np.zeros(2))
    near(linearize(lambda x: (np.ones(2), x), X)[1](T)[0], np.zeros(2))


def test_outer_gradients_flow_through_transforms():
    x = tl.tensor(X, requires_grad=True)
    g = grad(scalar)(x)
    (g * tl.tensor(T)).sum().backward()
    near(x.grad, hvp(scalar, X, T)[1])
    with tl.no_grad():
        assert not grad(scalar)(x).requires_grad


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (
            lambda: grad(scalar, argnums=2)(X),
            ArgumentError,
            r"grad: argnums 2 is out of range: the function got 1 positional argument",
        ),
        (lambda: grad(scalar)(x=X), ArgumentError, "argnums 0 is out of range: the function got 0 positional"),
        (lambda: grad(scalar, argnums="x")(X), ArgumentError, "argnums must be an int or a tuple of ints: got 'x'"),
        (lambda: grad(scalar, argnums=())(X), ArgumentError, "must name at least one argument, and each once"),
        (lambda: grad(scalar, argnums=(0, -2))(X, Y), ArgumentError, r"each once: got \(0, -2\)"),
        (
            lambda: grad(np.sin)(X),
            TransformError,
            r"grad: the function must return one scalar: it returned shape\(s\) \[\(3, 4\)\]",
        ),
        (lambda: grad(lambda x: (x[0, 0], x[0, 1]))(X), TransformError, r"must return one scalar: it returned shape\(s\) \[\(\), \(\)\]"),
        (lambda: grad(lambda x: None)(X), TransformError, "the function must return tensors or arrays .*: it returned none; return its"),
        (lambda: grad(lambda x: "loss")(X), TransformError, "it returned str 'loss'; return other things with has_aux=True"),
        (
            lambda: grad(np.sum)(np.arange(3)),
            TransformError,
            r"grad: only floating and complex arguments have derivatives: got int64",
        ),
        (lambda: grad(np.sum)("text"), OperandError, "grad: the arguments to differentiate or map over must be tensors, .* got str 'text'"),
        (lambda: grad(scalar, has_aux=True)(X), TransformError, r"with has_aux=True the function must return \(output, aux\): got"),
        (lambda: grad(lambda x: np.sum(x) * 1j)(X), TransformError, "must return a real scalar: it returned complex128"),
    ],
)
def test_errors_of_grad_teach(call, error, message):
    with pytest.raises(error, match=message):
        call()


# ---- vjp ------------------------------------------------------------------------------------------------------------------------------
def test_pullback_of_nested_results():
    y, pull = vjp(lambda x: {"a": x * 2, "b": (np.sum(x),)}, X)
    near(y["b"][0], X.sum())
    (g,) = pull({"b": [np.array(3.0)], "a": T})
    near(g, 2 * T + 3.0)
    (again,) = pull({"a": T, "b": (0.0,)})
    near(again, 2 * T)


def test_pullback_takes_results_one_by_one():
    _, pull = vjp(lambda x, y: (x * y, x + y), X, X)
    for cotangents in ((T, X), ((T, X),)):
        gx, gy = pull(*cotangents)
        near(gx, T * X + X)
        near(gy, T * X + X)


def test_a_cotangent_gets_the_dtype_of_its_result():
    _, pull = vjp(np.sin, X.astype("f4"))
    (g,) = pull(T)
    assert g.dtype == np.float32


@pytest.mark.parametrize(
    ("cotangents", "error", "message"),
    [
        ((T, T), ArgumentError, "vjp: the cotangents and the value are nested differently"),
        ((T[0],), ShapeError, r"vjp: a cotangent has the wrong shape: it is \(4,\), the result is \(3, 4\); they must be equal"),
        (("x",), OperandError, "vjp: cotangents must be tensors, arrays or numbers: got str"),
        ((T * 1j,), TransformError, "vjp: a cotangent is complex where its result is real"),
    ],
)
def test_errors_of_a_pullback_teach(cotangents, error, message):
    _, pull = vjp(np.sin, X)
    with pytest.raises(error, match=message):
        pull(*cotangents)


def test_vjp_needs_primals():
    with pytest.raises(ArgumentError, match="vjp: there is nothing to differentiate"):
        vjp(np.sin)


# ---- jvp and linearize ----------------------------------------------------------------------------------------------------------------
def test_jvp_equals_central_difference():
    step = 1e-6
    _, slope = jvp(f, (X,), (T,))
    near(slope, (np.asarray(f(X + step * T)) - np.asarray(f(X - step * T))) / (2 * step), 1e-7)


def test_jvp_of_nested_arguments():
    primals = ({"a": X, "b": [Y]}, 2.0)
    tangents = ({"b": (Y,), "a": T}, 1.0)
    value, slope = jvp(lambda p, s: {"out": s * np.sum(p["a"] * p["b"][0])}, primals, tangents)
    near(value["out"], 2 * np.sum(X * Y))
    near(slope["out"], np.sum(X * Y) + 2 * np.sum(T * Y + X * Y))


@pytest.mark.parametrize(
    ("primals", "tangents", "error", "message"),
    [
        (
            (X,),
            (T, T),
            ArgumentError,
            "jvp: tangents and primals are nested differently: tangents is a tuple of 2, primals",
        ),
        ((X,), ({"a": T},), ArgumentError, r"tangents\[0\] is a dict with the keys \['a'\], primals\[0\] is one value"),
        ((X,), (T[0],), ShapeError, r"jvp: a tangent has the wrong shape: it is \(4,\), its primal is \(3, 4\)"),
        (X, T, ArgumentError, r"jvp: primals must be a tuple with one entry per argument: got ndarray; write \(x,\) for one"),
        ((), (), ArgumentError, "jvp: primals must be a tuple"),
        ((np.arange(3),), (np.arange(3),), TransformError, "jvp: only floating and complex arguments have derivatives"),
        ((X,), (T * 1j,), TransformError, "a tangent is complex where its primal is real"),
    ],
)
def test_errors_of_jvp_teach(primals, tangents, error, message):
    with pytest.raises(error, match=message):
        jvp(np.sin, primals, tangents)


def test_strict_jvp_wants_results_that_depend_on_the_arguments():
    with pytest.raises(TransformError, match="jvp: with strict=True every result must depend on the arguments"):
        jvp(lambda x: (x, np.ones(2)), (X,), (T,), strict=True)
    jvp(lambda x: (x, x * 0.0), (X,), (T,), strict=True)


def test_linearize_equals_jvp_for_many_tangents():
    value, push = linearize(f, X, Y)
    near(value, f(X, Y))
    for k in range(3):
        tangents = (rng.normal(size=X.shape), rng.normal(size=Y.shape) * k)
        near(push(*tangents), jvp(f, (X, Y), tangents)[1])


def test_linearize_does_not_run_the_function_again():
    calls = []

    def noted(x):
        calls.append(1)
        return {"out": np.sin(x) * x, "constant": np.ones(2)}

    _, push = linearize(noted, X)
    slopes = [push(T)["out"], push(2 * T)["out"]]
    assert len(calls) == 1
    near(slopes[0], (np.cos(X) * X + np.sin(X)) * T)
    near(slopes[1], 2 * slopes[0])


def test_linearize_nests_with_the_other_transforms():
    basis = np.eye(X.size).reshape(-1, *X.shape)
    _, push = linearize(scalar, X)
    near(vmap(push)(basis).reshape(X.shape), grad(scalar)(X))
    near(grad(lambda x: np.sum(linearize(scalar, x)[1](T)))(X), hvp(scalar, X, T)[1])
    near(jvp(lambda x: linearize(grad(scalar), x)[1](T), (X,), (T,))[1], jvp(lambda x: jvp(grad(scalar), (x,), (T,))[1], (X,), (T,))[1])
    (back,) = vjp(lambda t: push(t), T)[1](np.ones(()))
    near(back, grad(scalar)(X))


def test_linearize_of_complex_functions():
    z, t = X + 1j * T, T - 2j * X
    for function in (lambda z: z * z * np.exp(z), np.abs, lambda z: np.real(z) * z, np.conjugate):
        near(linearize(function, z)[1](t), jvp(function, (z,), (t,))[1])


@pytest.mark.parametrize(
    ("tangents", "error", "message"),
    [
        ((T, T), ArgumentError, "linearize: tangents and primals are nested differently"),
        ((T[0],), ShapeError, r"linearize: a tangent has the wrong shape: it is \(4,\), its primal is \(3, 4\)"),
    ],
)
def test_errors_of_linearize_teach(tangents, error, message):
    _, push = linearize(np.sin, X)
    with pytest.raises(error, match=message):
        push(*tangents)
    with pytest.raises(ArgumentError, match="linearize: there is nothing to differentiate"):
        linearize(np.sin)


# ---- hvp ------------------------------------------------------------------------------------------------------------------------------
def test_hvp_of_one_and_of_several_arguments():
    value, product = hvp(scalar, X, T)
    near(value, scalar(X))
    step = 1e-6
    near(product, (grad(scalar)(X + step * T) - grad(scalar)(X - step * T)) / (2 * step), 1e-6)
    value, (px, py) = hvp(scalar, (X, Y), (T, 0.0 * Y))
    near(px, product)
    assert py.shape == Y.shape
    with pytest.raises(TransformError, match="must return one scalar"):
        hvp(np.sin, X, T)
    with pytest.raises(ArgumentError, match="hvp: there is nothing to differentiate"):
        hvp(scalar, (), ())


def test_hvp_equals_pytorchs():
    torch = pytest.importorskip("torch")

    def energy(x):
        return ((x * x).exp().sum() + (x[0] * x[1]).sin().sum()) * x.mean()

    x = X * 0.5
    value, product = hvp(energy, tl.tensor(x), tl.tensor(T))
    expected = torch.autograd.functional.hvp(energy, torch.tensor(x), torch.tensor(T))
    near(value, expected[0].numpy())
    near(product, expected[1].numpy())


def test_a_transform_keeps_the_name_and_text_of_the_function():
    assert grad(scalar).__name__ == "scalar"
    assert re.search("Element-wise", vmap(f).__doc__)


def test_the_height_is_restored_after_an_error():
    def fails(x):
        raise ZeroDivisionError

    for call in (lambda: grad(fails)(X), lambda: jvp(fails, (X,), (T,)), lambda: vmap(fails)(X), lambda: vmap(grad(fails))(X)):
        with pytest.raises(ZeroDivisionError):
            call()
    assert tl._state.state.height == 0
    assert tl._state.state.maps == ()


@pytest.mark.parametrize("transform", [grad, jacrev, hessian], ids=["grad", "jacrev", "hessian"])
def test_backward_inside_a_transform_that_differentiates_is_refused(transform):
    """What it fills would be a constant to the transform; forward mode, whose tape is another, follows it."""

    def f(v):
        w = tl.ones(2, dtype=tl.float64, requires_grad=True)
        (w * v).pow(2).sum().backward()
        return w.grad.sum()  # 2 sum(v^2)

    x = tl.ones(2, dtype=tl.float64)
    with pytest.raises(RuntimeError, match=r"backward: inside a function transform .*use func.grad or func.vjp inside"):
        transform(f)(x)
    assert jvp(f, (x,), (x,))[1].item() == 8.0

    def by_autograd(v):
        w = tl.ones(2, dtype=tl.float64, requires_grad=True)
        (g,) = tl.autograd.grad((w * v).pow(2).sum(), w, create_graph=True)
        return g.sum()

    assert grad(by_autograd)(x).tolist() == [4.0, 4.0]
