"""Five programs written for plain NumPy (``examples/numpy_programs.py``) differentiate unchanged, in every mode."""

from __future__ import annotations

import ast
import importlib.util
from pathlib import Path

import numpy as np
import pytest

import tensorflowlite_clone as tl
from tensorflowlite_clone.core.transpose import LOOPED
from tensorflowlite_clone.func import grad, hvp, jvp, vmap

PATH = Path(__file__).parent.parent / "examples" / "numpy_programs.py"
SPEC = importlib.util.spec_from_file_location("numpy_programs", PATH)
programs = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(programs)

every_program = pytest.mark.parametrize("name", list(programs.PROGRAMS))


def direction(x):
    return np.random.default_rng(11).normal(size=x.shape)


@every_program
def test_gradient_equals_central_differences(name):
    f, x = programs.PROGRAMS[name]
    assert isinstance(f(x), float | np.floating)
    g = grad(f)(x)
    assert isinstance(g, np.ndarray)
    expected = programs.central_differences(f, x)
    np.testing.assert_allclose(g, expected, atol=1e-8 * max(1.0, np.max(np.abs(expected))))
    t = tl.tensor(x, requires_grad=True)
    f(t).backward()
    np.testing.assert_allclose(t.grad.numpy(), g, rtol=1e-12, atol=1e-14)


@every_program
def test_forward_mode_equals_reverse_mode(name):
    f, x = programs.PROGRAMS[name]
    v = direction(x)
    value, slope = jvp(f, (x,), (v,))
    np.testing.assert_allclose(value, f(x), rtol=1e-13)
    np.testing.assert_allclose(slope, np.sum(grad(f)(x) * v), rtol=1e-9)


@every_program
def test_hessian_vector_product_equals_differences_of_the_gradient(name):
    f, x = programs.PROGRAMS[name]
    v, g, step = direction(x), grad(f), 1e-5
    expected = (g(x + step * v) - g(x - step * v)) / (2 * step)
    scale = np.max(np.abs(expected))
    np.testing.assert_allclose(jvp(g, (x,), (v,))[1], expected, atol=1e-6 * scale)
    np.testing.assert_allclose(grad(lambda x: np.sum(g(x) * v))(x), expected, atol=1e-6 * scale)
    out = hvp(f, x, v)
    np.testing.assert_allclose(out[1] if isinstance(out, tuple) else out, expected, atol=1e-6 * scale)


@every_program
def test_vmap_over_arguments_equals_a_loop_and_does_not_loop(name):
    f, x = programs.PROGRAMS[name]
    batch = np.stack([x, x + 0.01 * direction(x), x * 1.02])
    LOOPED.clear()
    np.testing.assert_allclose(vmap(f)(batch), [f(b) for b in batch], rtol=1e-10)
    np.testing.assert_allclose(vmap(grad(f))(batch), [grad(f)(b) for b in batch], rtol=1e-8, atol=1e-10)
    assert not LOOPED, f"looped over the batch: {LOOPED}"


def test_vmap_over_initial_conditions():
    starts = programs.START * np.array([[0.8, 1.0], [1.0, 1.0], [1.2, 1.1]])
    paths = vmap(programs.populations, in_dims=(None, 0))(programs.RATES, starts)
    np.testing.assert_allclose(paths, [programs.populations(programs.RATES, s) for s in starts], rtol=1e-12)
    slopes = vmap(grad(programs.misfit), in_dims=(None, 0))(programs.RATES, starts)
    np.testing.assert_allclose(slopes, [grad(programs.misfit)(programs.RATES, s) for s in starts], rtol=1e-10)


def test_other_arguments_differentiate_too():
    k = programs.CONDUCTIVITY
    g = grad(programs.measured_difference, argnums=1)(0.5 * programs.INITIAL, k)
    expected = programs.central_differences(lambda k: programs.measured_difference(0.5 * programs.INITIAL, k), k)
    np.testing.assert_allclose(g, expected, atol=1e-8)
    positions = programs.TRACK[:8]
    g = grad(programs.log_likelihood, argnums=1)(programs.DEVIATIONS, positions)
    expected = programs.central_differences(lambda z: programs.log_likelihood(programs.DEVIATIONS, z), positions)
    np.testing.assert_allclose(g, expected, atol=1e-6)


def test_the_programs_know_nothing_of_tensors():
    """Above ``main`` the file imports nothing but NumPy and what annotations need."""
    imported = {
        name
        for node in ast.parse(PATH.read_text()).body
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in ([node.module] if isinstance(node, ast.ImportFrom) else [a.name for a in node.names])
    }
    assert imported == {"__future__", "collections.abc", "typing", "numpy"}


def test_the_gradients_fit():
    x, f, g = programs.GUESS, programs.mixture, grad(programs.mixture)
    for _ in range(60):
        x = x - 0.4 * g(x)
    assert f(x) < f(programs.GUESS) - 0.3
