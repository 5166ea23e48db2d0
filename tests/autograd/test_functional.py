"""`autograd.functional`: values, nesting, strictness and graphs of the results, against PyTorch."""

from __future__ import annotations

import numpy as np
import pytest

import tensorflowlite_clone as tl
from tensorflowlite_clone._errors import ArgumentError, GraphError, OperandError, ShapeError, TransformError
from tensorflowlite_clone.autograd import functional

RNG = np.random.default_rng(0)
X, Y = RNG.uniform(0.5, 1.5, 3), RNG.uniform(0.5, 1.5, (2, 2))

#: Functions of one or two tensors, to one or several; the last two are scalar.
FUNCTIONS = {
    "one to one": (1, lambda a: (a**2).exp()),
    "two to one": (2, lambda a, b: (a**2).sum() * b),
    "one to several": (1, lambda a: (a * a.sum(), a.sin().sum())),
    "two to several": (2, lambda a, b: ((a**2).sum() * b, a.exp() * b.sum(), a * 2)),
    "one to scalar": (1, lambda a: (a**3).sum() * a.sum()),
    "two to scalar": (2, lambda a, b: (a**3).sum() * (b**2).sum()),
}
SCALAR = ["one to scalar", "two to scalar"]


def inputs(n, T=tl):
    both = (T.tensor(X, dtype=T.float64), T.tensor(Y, dtype=T.float64))
    return both if n == 2 else both[0]


def same(mine, theirs):
    """Nested alike, with the same shapes, dtypes and values."""
    if isinstance(theirs, tuple):
        assert isinstance(mine, tuple)
        assert len(mine) == len(theirs)
        for a, b in zip(mine, theirs, strict=True):
            same(a, b)
        return
    assert mine.shape == tuple(theirs.shape)
    np.testing.assert_allclose(mine.detach().numpy(), theirs.detach().resolve_conj().numpy(), rtol=1e-10, atol=1e-12)
    assert str(mine.dtype) == str(theirs.dtype).removeprefix("torch.")


def peers():
    return pytest.importorskip("torch"), pytest.importorskip("torch.autograd.functional")


@pytest.mark.parametrize("create_graph", [False, True])
@pytest.mark.parametrize("strategy", functional.STRATEGIES)
@pytest.mark.parametrize("vectorize", [False, True])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_jacobian(name, vectorize, strategy, create_graph):
    torch, theirs = peers()
    n, f = FUNCTIONS[name]
    mine = functional.jacobian(f, inputs(n), create_graph=create_graph, vectorize=vectorize, strategy=strategy)
    same(mine, theirs.jacobian(f, inputs(n, torch)))


@pytest.mark.parametrize("create_graph", [False, True])
@pytest.mark.parametrize("strategy", functional.STRATEGIES)
@pytest.mark.parametrize("vectorize", [False, True])
@pytest.mark.parametrize("name", SCALAR)
def test_hessian(name, vectorize, strategy, create_graph):
    torch, theirs = peers()
    n, f = FUNCTIONS[name]
    mine = functional.hessian(f, inputs(n), create_graph=create_graph, vectorize=vectorize, outer_jacobian_strategy=strategy)
    same(mine, theirs.hessian(f, inputs(n, torch)))


@pytest.mark.parametrize("name", FUNCTIONS)
def test_products_with_the_jacobian(name):
    torch, theirs = peers()
    n, f = FUNCTIONS[name]
    v = inputs(n)
    same(functional.jvp(f, inputs(n), v), theirs.jvp(f, inputs(n, torch), inputs(n, torch)))
    out = f(*v) if n == 2 else f(v)
    seeds = tuple(o.cos().numpy() for o in out) if isinstance(out, tuple) else out.cos().numpy()

    def as_tensors(T):
        return tuple(map(T.tensor, seeds)) if isinstance(seeds, tuple) else T.tensor(seeds)

    same(functional.vjp(f, inputs(n), as_tensors(tl)), theirs.vjp(f, inputs(n, torch), as_tensors(torch)))


@pytest.mark.parametrize("product", ["hvp", "vhp"])
@pytest.mark.parametrize("name", SCALAR)
def test_products_with_the_hessian(name, product):
    torch, theirs = peers()
    n, f = FUNCTIONS[name]
    same(getattr(functional, product)(f, inputs(n), inputs(n)), getattr(theirs, product)(f, inputs(n, torch), inputs(n, torch)))


def calls():
    """Every function with everything that changes how it computes, as functions of one input."""
    v = (1.0, -2.0, 0.5)
    f, s = FUNCTIONS["one to one"][1], FUNCTIONS["one to scalar"][1]
    for strategy in functional.STRATEGIES:
        for vectorize in (False, True):
            yield "jacobian", f, {"vectorize": vectorize, "strategy": strategy}, None
            yield "hessian", s, {"vectorize": vectorize, "outer_jacobian_strategy": strategy}, None
    for name, g in (("jvp", f), ("vjp", f), ("hvp", s), ("vhp", s)):
        yield name, g, {}, v


@pytest.mark.parametrize(("name", "f", "options", "v"), list(calls()))
def test_results_are_differentiated_with_create_graph_and_constant_without(name, f, options, v):
    torch, theirs = peers()
    x, x_torch = inputs(1).requires_grad_(), inputs(1, torch).requires_grad_()

    def result(module, T, x, **options):
        args = () if v is None else (T.tensor(v, dtype=T.float64),)
        out = getattr(module, name)(f, x, *args, create_graph=True, **options)
        return out if v is None else out[1]

    result(functional, tl, x, **options).sum().backward()
    result(theirs, torch, x_torch).sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), x_torch.grad.numpy(), rtol=1e-10)
    args = () if v is None else (tl.tensor(v, dtype=tl.float64),)
    plain = getattr(functional, name)(f, x, *args, **options)
    assert not any(t.requires_grad for t in (plain if isinstance(plain, tuple) else (plain,)))


def test_parameters_that_are_no_inputs_are_reached_with_create_graph():
    w = tl.tensor(2.0, dtype=tl.float64, requires_grad=True)
    functional.jacobian(lambda x: w * x**2, inputs(1), create_graph=True).sum().backward()
    np.testing.assert_allclose(w.grad.numpy(), np.sum(2 * X))


def test_inside_of_transforms():
    x = inputs(1)
    f = FUNCTIONS["one to one"][1]
    np.testing.assert_allclose(
        tl.func.grad(lambda x: functional.jacobian(f, x, create_graph=True).sum())(x).numpy(),
        tl.func.grad(lambda x: tl.func.jacrev(f)(x).sum())(x).numpy(),
    )
    rows = tl.tensor(RNG.uniform(0.5, 1.0, (4, 3)))
    np.testing.assert_allclose(
        tl.func.vmap(lambda x: functional.jvp(f, x, x)[1])(rows).numpy(),
        tl.func.vmap(lambda x: tl.func.jvp(f, (x,), (x,))[1])(rows).numpy(),
    )
    np.testing.assert_allclose(
        tl.func.vmap(lambda x: functional.jacobian(f, x))(rows).numpy(), tl.func.vmap(tl.func.jacrev(f))(rows).numpy()
    )


@pytest.mark.parametrize("strategy", functional.STRATEGIES)
@pytest.mark.parametrize("vectorize", [False, True])
def test_empty_inputs_and_results(vectorize, strategy):
    empty = tl.zeros(0, dtype=tl.float64)
    assert functional.jacobian(lambda x: x * 2, empty, vectorize=vectorize, strategy=strategy).shape == (0, 0)
    assert functional.jacobian(lambda x: x.sum(), empty, vectorize=vectorize, strategy=strategy).shape == (0,)
    assert functional.jacobian(lambda x: x[:0], inputs(1), vectorize=vectorize, strategy=strategy).shape == (0, 3)


def test_vectors_may_be_left_out_for_single_elements():
    value, g = functional.vjp(lambda x: (x**2).sum(), inputs(1))
    np.testing.assert_allclose(g.numpy(), 2 * X)
    x = tl.tensor(3.0, dtype=tl.float64)
    assert functional.jvp(lambda x: x**2, x)[1].item() == 6.0
    assert functional.hvp(lambda x: x**3, x)[1].item() == 18.0
    assert functional.vhp(lambda x: x**3, x)[1].item() == 18.0
    assert value.item() == pytest.approx(np.sum(X**2))


@pytest.mark.parametrize("name", ["vjp", "jvp", "jacobian", "hessian", "hvp", "vhp"])
def test_strict_refuses_results_that_do_not_depend_on_inputs(name):
    torch, theirs = peers()
    args = (tl.tensor(1.0, dtype=tl.float64),) if name in ("jvp", "hvp", "vhp") else ()
    x = tl.tensor(2.0, dtype=tl.float64)
    constant = tl.tensor(5.0, dtype=tl.float64)
    with pytest.raises(GraphError, match=f"{name}: with strict=True every result must depend on"):
        getattr(functional, name)(lambda x: constant * 1, x, *args, strict=True)
    loose = getattr(functional, name)(lambda x: constant * 1, x, *args)
    assert (loose[1] if isinstance(loose, tuple) else loose).item() == 0.0
    with pytest.raises(RuntimeError):
        getattr(theirs, name)(lambda x: torch.tensor(5.0), torch.tensor(2.0), *[torch.tensor(1.0) for _ in args], strict=True)


def test_strict_refuses_inputs_without_influence():
    with pytest.raises(GraphError, match=r"result\(s\) \[0\] do not depend on input 1"):
        functional.jacobian(lambda a, b: a * 2, inputs(2), strict=True)
    with pytest.raises(GraphError, match="depend on every input"):
        functional.hessian(lambda a, b: (a**2).sum() + b.sum() ** 2, inputs(2), strict=True)  # the mixed derivatives are constant


def test_strict_with_create_graph_refuses_constant_derivatives():
    x = inputs(1).requires_grad_()
    for call in (
        lambda: functional.jacobian(lambda x: x * 2, x, create_graph=True, strict=True),
        lambda: functional.jvp(lambda x: x * 2, x, x.detach(), create_graph=True, strict=True),
        lambda: functional.vjp(lambda x: x * 2, x, x.detach(), create_graph=True, strict=True),
        lambda: functional.hvp(lambda x: (x * x).sum(), x, x.detach(), create_graph=True, strict=True),
    ):
        with pytest.raises(GraphError, match="with strict=True and create_graph=True"):
            call()
    functional.jacobian(lambda x: x**2, x, create_graph=True, strict=True)


def bad_calls():
    x = inputs(1)
    f, s = FUNCTIONS["one to one"][1], FUNCTIONS["one to scalar"][1]
    return {
        "list of inputs": (lambda: functional.jacobian(f, [x]), OperandError, "inputs must be a tensor or a tuple of tensors: got a list"),
        "array in a tuple": (lambda: functional.jacobian(f, (X,)), OperandError, "entry 0 is a ndarray"),
        "number returned": (lambda: functional.jacobian(lambda x: 3.0, x), OperandError, "the result of the function must be a tensor"),
        "integer inputs": (lambda: functional.vjp(f, tl.arange(3)), TransformError, "only floating and complex"),
        "strategy": (lambda: functional.jacobian(f, x, strategy="backward"), ArgumentError, "strategy must be"),
        "outer strategy": (
            lambda: functional.hessian(s, x, outer_jacobian_strategy="no"),
            ArgumentError,
            "outer_jacobian_strategy must be",
        ),
        "no v": (lambda: functional.vjp(f, x), ArgumentError, "v can be left out only for a single element of the results"),
        "no v for inputs": (lambda: functional.jvp(f, x), ArgumentError, "v can be left out only for a single element of the inputs"),
        "v of another shape": (lambda: functional.jvp(f, x, x[:2]), ShapeError, r"entry 0 is \(2,\), its partner in the inputs is \(3,\)"),
        "too many v": (lambda: functional.jvp(f, x, (x, x)), ArgumentError, "got 2 for 1"),
        "no scalar": (lambda: functional.hessian(f, x), ArgumentError, r"must return one tensor with a single element.*\(3,\)"),
        "no scalar for hvp": (lambda: functional.hvp(f, x, x), ArgumentError, "hvp: the function must return one tensor"),
        "complex scalar": (lambda: functional.vhp(lambda x: (x * 1j).sum(), x, x), ArgumentError, "must return a real scalar"),
    }


@pytest.mark.parametrize("case", list(bad_calls()))
def test_errors(case):
    call, error, message = bad_calls()[case]
    with pytest.raises(error, match=message):
        call()


def test_complex_jacobian_and_products():
    torch, theirs = peers()
    z = [0.5 + 1j, -1.0 + 0.3j]
    mine, other = tl.tensor(z, dtype=tl.complex128), torch.tensor(z, dtype=torch.complex128)
    same(functional.vjp(lambda z: z**2, mine, mine), theirs.vjp(lambda z: z**2, other, other))
    same(functional.jvp(lambda z: z**2, mine, mine), theirs.jvp(lambda z: z**2, other, other))
    for strategy in functional.STRATEGIES:
        ours = functional.jacobian(lambda z: z**2, mine, strategy=strategy)
        same(ours, theirs.jacobian(lambda z: z**2, other, strategy=strategy, vectorize=True))
