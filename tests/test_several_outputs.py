"""Operations with several outputs: what an author writes, every mode of it, and what is refused when the class is made.

Here are toy operations. The package's own ones (decompositions, batch normalisation) are tested with the others, from their samples.
"""

from __future__ import annotations

import importlib
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest

import tensorflowlite_clone as tl
from tensorflowlite_clone.core import families, registry
from tensorflowlite_clone.core.families import AxisWise, Bilinear, Elementwise, ElementwiseTuple, General, Inexact, NonDifferentiable
from tensorflowlite_clone.core.methods import Methods
from tensorflowlite_clone.core.transpose import LOOPED

X = np.array([0.3, -1.2, 2.0])


@pytest.fixture(autouse=True)
def own_tables():
    """Takes out of the tables what a test enters."""
    tables = [registry.OPS, registry.FUNCTIONS, registry.METHODS]
    before = [dict(t) for t in tables]
    yield
    for name in registry.METHODS.keys() - before[2].keys():
        delattr(Methods, name)
    for table, old in zip(tables, before, strict=True):
        table.clear()
        table.update(old)


def sincos():
    class SinCos(ElementwiseTuple, public="sincos"):
        """Sine and cosine, element-wise. Shape: any -> twice the same."""

        promotion = "inexact"
        outputs = ("sin", "cos")

        def forward(x):
            return np.sin(x), np.cos(x)

        def grad_x(g_sin, g_cos, sin, cos):
            return g_sin * cos - g_cos * sin

    return SinCos


def polar():
    class Polar(ElementwiseTuple):
        """Cartesian coordinates of polar ones, and the quadrant. Shape: broadcast."""

        outputs = ("x", "y", "quadrant")
        constant_outputs = ("quadrant",)

        def forward(r, phi):
            return r * np.cos(phi), r * np.sin(phi), np.floor(phi / (0.5 * np.pi)) + 0.0 * r

        def grad_r(g_x, g_y, phi):
            return g_x * np.cos(phi) + g_y * np.sin(phi)

        def grad_phi(g_x, g_y, x, y):
            return g_y * x - g_x * y

    return Polar


def test_reverse_mode_of_one_output_both_and_through_both():
    f = sincos().of
    x = tl.tensor(X, requires_grad=True)
    s, c = f(x)
    assert np.allclose(tl.autograd.grad(s.sum(), x, retain_graph=True)[0].numpy(), np.cos(X))
    assert np.allclose(tl.autograd.grad(c.sum(), x, retain_graph=True)[0].numpy(), -np.sin(X))
    (s * c).sum().backward()
    assert np.allclose(x.grad.numpy(), np.cos(2 * X))


def test_second_order_by_every_pair_of_modes():
    f = sincos().of

    def product(x):
        s, c = f(x)
        return (s * c).sum()

    expected = np.diag(-2 * np.sin(2 * X))
    for outer in (tl.func.jacfwd, tl.func.jacrev):
        for inner in (tl.func.jacfwd, tl.func.jacrev):
            assert np.allclose(outer(inner(product))(tl.tensor(X)).numpy(), expected)


def test_forward_mode_equals_reverse_mode_with_operands_that_broadcast():
    f = polar().of
    r, phi = np.array([[1.0], [2.0]]), X
    t = (np.array([[0.5], [-1.0]]), np.array([1.0, 2.0, 3.0]))
    outs, moved = tl.func.jvp(lambda a, b: f(a, b)[:2], (tl.tensor(r), tl.tensor(phi)), tuple(map(tl.tensor, t)))
    u = (np.arange(6.0).reshape(2, 3), np.ones((2, 3)))
    _, pull = tl.func.vjp(lambda a, b: f(a, b)[:2], tl.tensor(r), tl.tensor(phi))
    back = pull(tuple(map(tl.tensor, u)))
    assert [o.shape for o in outs] == [(2, 3)] * 2 and [b.shape for b in back] == [(2, 1), (3,)]
    forward, backward = ([(a.numpy() * b).sum() for a, b in zip(*pairs, strict=True)] for pairs in ((moved, u), (back, t)))
    assert np.isclose(sum(forward), sum(backward))
    assert np.allclose(moved[0].numpy(), np.cos(phi) * t[0] - r * np.sin(phi) * t[1])


def test_operands_of_any_other_family_may_broadcast_too():
    class SumAndDifference(General):
        broadcasts = True
        outputs = ("sum", "difference")

        def forward(x, y):
            return x + y, x - y

        def grad_x(g_sum, g_difference):
            return g_sum + g_difference

        def grad_y(g_sum, g_difference):
            return g_sum - g_difference

    x, y = tl.tensor([[1.0], [2.0]], requires_grad=True), tl.tensor(X, requires_grad=True)
    a, b = SumAndDifference.of(x, y)
    (a.sum() + 2 * b.sum()).backward()
    assert x.grad.tolist() == [[9.0], [9.0]]
    assert y.grad.tolist() == [-2.0] * 3


def test_constant_outputs_have_no_derivative_in_any_mode():
    f = polar().of
    r = tl.tensor(2.0, requires_grad=True)
    assert not f(r, 0.5)[2].requires_grad
    assert tl.func.jvp(lambda a: f(a, 0.5)[2], (tl.tensor(2.0),), (tl.tensor(1.0),))[1].item() == 0.0


def test_vmap_takes_no_loop_and_lines_operands_up():
    f, before = polar().of, dict(LOOPED)
    r, phi = tl.tensor([1.0, 2.0]), tl.tensor(X)
    x, _, _ = tl.func.vmap(f, in_dims=(0, None))(r, phi)
    assert np.allclose(x.numpy(), np.outer([1.0, 2.0], np.cos(X)))
    gradient = tl.func.grad(lambda a, b: (f(a, b)[0] * f(a, b)[1]).sum(), argnums=(0, 1))
    for per_example, shape in zip(tl.func.vmap(gradient, in_dims=(0, None))(r, phi), [(2,), (2, 3)], strict=True):
        assert per_example.shape == shape
    rows = tl.func.vmap(tl.func.jacfwd(lambda a: f(a, phi)[1]))(r)
    assert np.allclose(rows.numpy(), np.tile(np.sin(X), (2, 1)))
    assert before == LOOPED


def test_the_public_function_takes_a_tensor_to_write_into_for_each_result():
    sincos()
    sine, cosine = registry.FUNCTIONS["sincos"](tl.tensor([1, 2]))
    assert sine.dtype == cosine.dtype == np.float32 and isinstance(tl.tensor(X).sincos(), tuple)
    given = tl.zeros(len(X)), tl.empty(0)
    written = registry.FUNCTIONS["sincos"](tl.tensor(X).float(), out=given)
    assert written[0] is given[0] and written[1] is given[1]
    np.testing.assert_allclose(given[1].numpy(), np.cos(X), rtol=1e-6)
    with pytest.raises(TypeError, match=r"sincos: out= must be a tuple of 2 tensors: got one tensor"):
        registry.FUNCTIONS["sincos"](tl.tensor(X), out=tl.tensor(X))


def test_the_stub_promises_what_the_function_does(monkeypatch):
    sincos()
    monkeypatch.syspath_prepend(Path(__file__).parents[1] / "docs")
    (stub,) = importlib.import_module("generate").signatures(registry.FUNCTIONS["sincos"], method=False)
    assert stub == "(input: _ArrayLike, *, out: Sequence[Tensor] | None = None) -> tuple[Tensor, Tensor]: ..."


def test_operands_that_do_not_fit_are_named():
    with pytest.raises(ValueError, match=r"polar: .*\(2,\).*\(3,\)"):
        polar().of(tl.ones(2), tl.ones(3))


def test_it_works_without_the_compiler():
    names = "reverse_mode or second_order or forward_mode or vmap"
    program = (
        "import sys; sys.modules['tensorflowlite_clone.core.compile'] = None\n"
        f"import pytest; sys.exit(pytest.main(['-q', '-x', '-p', 'no:cacheprovider', {__file__!r}, '-k', {names!r}]))"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout[-3000:] + result.stderr[-2000:]


def pair(x):
    return x, x


REFUSED = {
    "Elementwise": (Elementwise, {"outputs": ("a", "b")}, r"the operations of Elementwise have one result; derive from ElementwiseTuple"),
    "NonDifferentiable": (NonDifferentiable, {"outputs": ("a", "b")}, r"of NonDifferentiable have one result; derive from Elem"),
    "Bilinear": (Bilinear, {"outputs": ("a", "b")}, r"the operations of Bilinear have one result; derive from General"),
    "no names": (ElementwiseTuple, {}, r"Bad: several results need names: write outputs = "),
    "Inexact": (Inexact, {"outputs": ("a", "b")}, r"the operations of Inexact have one result; derive from InexactTuple"),
    "one name": (General, {"outputs": ("a",)}, r"must be the names of two results or more, .* leave it out where there is one"),
    "a string": (General, {"outputs": "ab"}, r"outputs = 'ab': must be the names of two results or more"),
    "twice": (General, {"outputs": ("a", "a")}, r"must be the names of two results or more"),
    "an operand": (General, {"outputs": ("a", "x")}, r"x already means something else in the rules; rename the output"),
    "constants": (AxisWise, {"outputs": ("a", "b"), "constant_outputs": ("c",)}, r"constant_outputs = .* must be a tuple of some of them"),
    "only constants": (General, {"constant_outputs": ("a",)}, r"outputs = None: must be the names of two results"),
    "count": (ElementwiseTuple, {"outputs": ("a", "b"), "forward": np.exp}, r"np\.exp has 1"),
    "g": (ElementwiseTuple, {"outputs": ("a", "b"), "grad_x": lambda g: g}, r"grad_x: 'g' belongs to .* output has its own: g_a, g_b"),
    "ans": (ElementwiseTuple, {"outputs": ("a", "b"), "grad_x": lambda g_a, ans: g_a}, r"'ans' belongs to .* output has its own: a, b"),
    "g of a constant": (
        ElementwiseTuple,
        {"outputs": ("a", "b"), "constant_outputs": ("b",), "grad_x": lambda g_a, g_b: g_a},
        r"Bad\.grad_x: 'g_b' is always 0: 'b' is one of constant_outputs; leave it out",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_work_is_refused_when_the_class_is_made(case):
    family, body, message = REFUSED[case]
    with pytest.raises(TypeError, match=message):
        type(family)("Bad", (family,), {"forward": pair, **body})
    assert "Bad" not in registry.OPS


def test_the_example_in_contributing_is_right():
    """As it is printed: integers become floats of the default dtype, infinities give no warning, the derivative is right."""
    page = (Path(__file__).parents[1] / "CONTRIBUTING.md").read_text()
    (text,) = [part for part in page.split("```python")[1:] if "class SinCos" in part]
    exec(textwrap.dedent(text.partition("```")[0]), {"np": np, **vars(families)})
    assert [t.dtype for t in tl.tensor([1, 2]).sincos()] == [np.float32] * 2
    assert np.isnan(tl.tensor([np.inf]).sincos()[0].item())
    x = tl.tensor(X, requires_grad=True)
    s, c = x.sincos()
    (s * 2.0 + c).sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), 2.0 * np.cos(X) - np.sin(X))


def test_forward_must_give_what_outputs_name():
    class Three(ElementwiseTuple):
        outputs = ("a", "b")

        def forward(x):
            return x, x, x

    class Pair(Elementwise):
        def forward(x):
            return x, x

    with pytest.raises(TypeError, match=r"three: forward returned 3 result\(s\); return 2, as in outputs: a, b"):
        Three.of(X)
    with pytest.raises(TypeError, match=r"pair: forward returned 2 results; return one ndarray, or name several in outputs"):
        Pair.of(X)


def test_facts_that_a_class_cannot_say_are_refused():
    with pytest.raises(TypeError, match=r"Wrong: unknown fact 'out'; a class can say public, title, numpy, .*; out= comes by itself"):

        class Wrong(Elementwise, public="wrong", out=True):
            forward = np.negative

    with pytest.raises(TypeError, match=r"Both: inplace=True: several results cannot take the place of one tensor"):

        class Both(ElementwiseTuple, public="both", inplace=True):
            outputs = ("a", "b")

            def forward(x):
                return x, x


def test_a_class_that_is_refused_enters_no_table():
    with pytest.raises(TypeError, match="unknown fact"):

        class Refused(Elementwise, public="refused", out=True):
            forward = np.negative

    assert "Refused" not in registry.OPS
    assert "refused" not in registry.FUNCTIONS
