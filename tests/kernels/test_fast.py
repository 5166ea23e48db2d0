"""The extra ``fast``: every compiled twin against its kernel, and the choice between the two.

The twins are found, not listed: one that is added is tested, with the samples that stand beside it.
"""

from __future__ import annotations

import copy
import importlib
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import tensorflowlite_clone as tl
from tensorflowlite_clone.kernels import activation, fast, norm
from tensorflowlite_clone.kernels.fast import TWINS, Twin, call
from tensorflowlite_clone.kernels.fast.compiled import BLOCK

needs_numba = pytest.mark.skipif(not tl.fast.is_available(), reason="the extra fast is not installed; pip install -e '.[fast]'")
tl.fast.report()  # loads all kernels
ROOT = Path(tl.__file__).parents[1]
EDGES = [0.0, -0.0, 1.0, -1.0, np.inf, -np.inf, np.nan, 1e-30, 30.0, -30.0, 90.0, -90.0, 1e12]
#: Rows and columns of samples: vectors of the processor with and without a rest.
SIZES = [(1, 1), (2, 3), (5, 16), (3, 33), (17, 1), (2, 300)]
#: What a rounding may be magnified to, beside the largest number in the result, or 1, or where there are edge values, the largest of these:
#: they show where NaN and infinities are, and twins may be more accurate (a gate of 1e-13 times 1e12).
TOLERANCE = {"float32": 4e-6, "float64": 1e-14}


def flatten(value):
    value = [value[k] for k in sorted(value)] if isinstance(value, dict) else value
    return [a for v in value for a in flatten(v)] if isinstance(value, tuple | list) else [] if value is None else [np.asarray(value)]


def arguments(own, dtype, n, c, values):
    """The samples of a twin, with random numbers or with edge values among them."""
    rng = np.random.default_rng(n * 1000 + c)

    def draw(*shape):
        x = rng.normal(scale=2.0, size=shape)
        if values == "edges":
            x = np.where(rng.random(shape) < 0.1, rng.choice(EDGES, shape), x)
        return x.astype(dtype)

    return own.load().samples(draw, n, c)


def compare(twin, kernel, given, tolerance, least=1.0):
    """Results, and arguments that were written to, agree: NaN, infinities and signs of zeros exactly, numbers within rounding."""
    ours, expected = copy.deepcopy(given), copy.deepcopy(given)
    found = call(twin, ours)
    if found is NotImplemented:
        return False
    with np.errstate(all="ignore"):
        wanted = call(kernel, expected)
    pairs = zip(flatten((found, *ours)), flatten((wanted, *expected)), strict=True)
    for a, b in pairs:
        assert (a.dtype, a.shape) == (b.dtype, b.shape)
        if a.dtype.kind != "f":
            np.testing.assert_array_equal(a, b)
            continue
        scale = np.max(np.abs(b), initial=least, where=np.isfinite(b))
        np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance * scale)
    return True


@needs_numba
@pytest.mark.parametrize("values", ["numbers", "edges"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", TWINS)
def test_twin_equals_its_kernel(name, dtype, values):
    own = TWINS[name]
    if np.dtype(dtype) not in own.dtypes:
        return
    given = [given for n, c in SIZES for given in arguments(own, dtype, n, c, values)]
    done = [compare(own.load(), own.kernel, v, TOLERANCE[dtype], 1.0 if values == "numbers" else 1e12) for v in given]
    assert any(done) or values == "edges"


@needs_numba
@pytest.mark.parametrize("name", TWINS)
def test_twin_leaves_layouts_right_that_it_does_not_read(name):
    """Every second element, transposed, read-only, and large enough for threads: as the kernel."""
    own = TWINS[name]
    (dtype,) = {min(d.name for d in own.dtypes)}
    for change in (lambda a: np.repeat(a, 2, -1)[..., ::2] if a.ndim else a, lambda a: a.T.copy().T, frozen):
        for given in arguments(own, dtype, 6, 20, "numbers"):
            given = tuple(change(a) if isinstance(a, np.ndarray) and a.dtype.name == dtype else a for a in given)
            if not any(writes(own, given)):
                compare(own.load(), own.kernel, given, TOLERANCE[dtype])
    for given in arguments(own, dtype, 1200, 300, "numbers"):
        compare(own.load(), own.kernel, given, 4 * TOLERANCE[dtype])


@needs_numba
@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("size", [1000, 4 * BLOCK, 4 * BLOCK + 1, 10 * BLOCK + 77])
@pytest.mark.parametrize("name", ["relu_grad", "sigmoid_grad", "gelu_grad", "softplus_grad"])
def test_a_gradient_that_is_one_number_everywhere_is_as_if_it_were_written_out(name, size, threads):
    own, x = TWINS[f"activation.{name}"], np.random.default_rng(0).normal(size=size).astype("f4")
    twin, settings = own.load(), (1.0, 20.0) if name == "softplus_grad" else ()
    before = tl.get_num_threads()
    tl.set_num_threads(threads)
    try:
        for g, v in ((np.float32(0.3), x), (x, np.float32(0.3)), (np.float32(0.3), np.float32(0.4))):
            g, v = np.broadcast_to(g, size), np.broadcast_to(v, size)
            found = twin(g, v, *settings)
            np.testing.assert_allclose(found, twin(g.copy(), v.copy(), *settings), rtol=1e-6)
            assert found.flags.writeable
    finally:
        tl.set_num_threads(before)


def frozen(a):
    a = a.copy()
    a.flags.writeable = False
    return a


def writes(own, given):
    """Which arguments the kernel writes to."""
    after = tuple(a.copy() if isinstance(a, np.ndarray) else copy.deepcopy(a) for a in given)
    call(own.kernel, after)
    return [isinstance(a, np.ndarray) and not np.array_equal(a, b) for a, b in zip(given, after, strict=True)]


@needs_numba
def test_every_loop_belongs_to_a_twin_and_every_twin_to_a_kernel():
    for path in sorted(Path(fast.__file__).parent.glob("*.py")):
        module = importlib.import_module(f"{fast.__name__}.{path.stem}" if path.stem != "__init__" else fast.__name__)
        marked = {name for name, value in vars(module).items() if callable(value) and hasattr(value, "samples")}
        assert marked == {own.name for own in TWINS.values() if own.file == path.stem}, path.name
    assert len(TWINS) > 1
    assert not [row for row in tl.fast.report() if row.failure]


@pytest.fixture
def spied(monkeypatch):
    """Twins on; that of `gelu` says "twin"."""
    own = TWINS["activation.gelu"]
    monkeypatch.setattr(fast.state, "on", True)
    monkeypatch.setattr(own, "ready", own.ready)
    before = dict(own.ready)
    own.ready[np.dtype(np.float32)] = lambda *_: "twin"
    yield own
    own.ready.clear()
    own.ready.update(before)


class Sub(np.ndarray):
    pass


@needs_numba
def test_the_twin_is_chosen_by_size_and_exact_type(spied):
    x = np.linspace(-1, 1, 5000, dtype=np.float32)
    assert activation.gelu(x) == "twin"
    few = x[: spied.least - 1]
    for other in (few, x.astype(np.float16), x.astype(np.float64), x.astype(">f4"), x.view(Sub)):
        np.testing.assert_allclose(np.asarray(activation.gelu(other), float), spied.kernel(other.astype(np.float64)), rtol=2e-3, atol=2e-4)
    grad = TWINS["activation.gelu_grad"]
    mixed = activation.gelu_grad(x, x.astype(np.float64))
    np.testing.assert_allclose(mixed, grad.kernel(x, x), rtol=1e-5, atol=1e-6)
    tl.fast.enable(False)
    assert isinstance(activation.gelu(x), np.ndarray) and not tl.fast.is_enabled()
    tl.fast.enable()
    assert activation.gelu(x) == "twin" and tl.fast.is_enabled()


@needs_numba
def test_a_twin_that_declines_or_cannot_be_compiled_leaves_the_kernel(spied, monkeypatch):
    from numba.core.errors import TypingError

    x = np.ones(5000, np.float32)
    expected = spied.kernel(x)
    spied.ready[x.dtype] = lambda *_: NotImplemented
    np.testing.assert_array_equal(activation.gelu(x), expected)
    for error in (TypingError("no"), ImportError("Numba needs NumPy 1.x")):
        own = Twin(spied.kernel, 1, "f")

        def load(error=error):
            raise error

        monkeypatch.setattr(own, "load", load)
        assert own.first(x.dtype, x) is NotImplemented
        assert own.failure == f"{type(error).__name__}: {error}" and own.ready[x.dtype](x) is NotImplemented
    own = Twin(spied.kernel, 1, "f")
    monkeypatch.setattr(own, "load", lambda: lambda x: x.no_such_thing)
    with pytest.raises(AttributeError):
        own.first(x.dtype, x)


@needs_numba
def test_layer_norm_whose_squares_leave_the_range_is_left_to_the_kernel(monkeypatch):
    monkeypatch.setattr(fast.state, "on", True)
    x = np.random.default_rng(0).normal(size=(50, 40))
    expected = norm.layer_norm(x, None, None, 1, 0.0)
    for scale in (1.0, 1e25):
        np.testing.assert_allclose(norm.layer_norm((x * scale).astype(np.float32), None, None, 1, 0.0), expected, rtol=1e-4, atol=1e-5)


@needs_numba
def test_all_can_be_prepared():
    assert tl.fast.prepare() >= 0.0
    assert all(np.dtype(np.float32) in own.ready for own in TWINS.values() if np.dtype(np.float32) in own.dtypes)
    assert tl.fast.prepare("float32") == 0.0
    assert {row.name for row in tl.fast.report()} == set(TWINS)


def run(program, **environment):
    variables = {k: v for k, v in os.environ.items() if k != "TL_FAST"} | environment
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT, env=variables, check=False)
    assert result.returncode == 0, result.stderr[-2000:]


LARGE = "import sys, numpy as np, tensorflowlite_clone as tl; y = tl.nn.functional.gelu(tl.ones(9000)); assert float(y[0]) > 0.8\n"


@needs_numba
def test_what_is_kept_on_disk_and_damaged_is_compiled_anew(tmp_path):
    """By a full disk, say. Index files say what is kept, data files have the code."""
    run(LARGE, NUMBA_CACHE_DIR=str(tmp_path))
    for kind, damage in (("*.nbi", lambda content: b"garbage"), ("*.nbc", lambda content: content[: len(content) // 2])):
        before = {path: damage(path.read_bytes()) for path in tmp_path.rglob(kind)}
        assert before
        for path, content in before.items():
            path.write_bytes(content)
        run(LARGE + "assert not [row for row in tl.fast.report() if row.failure]\n", NUMBA_CACHE_DIR=str(tmp_path))
        assert any(path.read_bytes() != content for path, content in before.items() if path.exists())


@needs_numba
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_stacks_with_a_singular_matrix_are_left_to_lapack(dtype):
    inverse, solve = (TWINS[f"linalg.{name}"].load() for name in ("inverse", "solve"))
    rng = np.random.default_rng(0)
    equal_columns = [np.repeat(rng.normal(size=(n, 1)), n, 1) for n in (2, 3, 4)]
    for matrix in (*equal_columns, np.arange(1.0, 10.0).reshape(3, 3), np.zeros((2, 2)), np.diag([1.0, 0.0, 1.0])):
        a = np.tile(matrix, (30, 1, 1)).astype(dtype)
        a[:15] = np.eye(len(matrix))
        assert inverse(a) is NotImplemented
        assert solve(a, np.ones((30, len(matrix), 1), dtype)) is NotImplemented
    small = np.tile(np.diag([1e-20, 2e-20]), (30, 1, 1)).astype(dtype)
    np.testing.assert_allclose(inverse(small), np.linalg.inv(small), rtol=1e-6)


@needs_numba
def test_numba_is_imported_by_the_first_large_enough_call_alone():
    run("import sys, tensorflowlite_clone as tl; tl.nn.functional.gelu(tl.ones(9)); assert 'numba' not in sys.modules")
    run(LARGE + "assert 'numba' in sys.modules; assert tl.fast.report()[0].name")
    run(LARGE + "assert 'numba' not in sys.modules; assert not tl.fast.is_enabled() and tl.fast.is_available()", TL_FAST="0")


def test_without_numba_nothing_changes():
    run(
        "import sys; sys.modules['numba'] = None\n" + LARGE + "assert not tl.fast.is_available() and not tl.fast.is_enabled()\n"
        "assert tl.fast.report() == []; from tensorflowlite_clone.kernels import activation\n"
        "assert not hasattr(activation.gelu, '__wrapped__')\n"
        "for call in (tl.fast.enable, tl.fast.prepare):\n"
        "    try: call()\n"
        "    except ImportError as error: assert 'tensorflowlite_clone[fast]' in str(error), error\n"
        "    else: raise AssertionError\n"
        "tl.fast.enable(False)"
    )


@needs_numba
def test_loops_refuse_indices_that_are_out_of_range():
    for name in ("gather", "scatter_add"):
        for bad in (-1, 5):
            index = np.zeros((5, 5), np.int64)
            index[3, 2] = bad
            for axis in (0, 1):
                assert TWINS[f"scatter.{name}"].load()(np.ones((5, 5)), index, axis, *[(5, 5)] * (name == "scatter_add")) is NotImplemented
    assert TWINS["scatter.add_rows"].load()(3, np.array([3]), np.ones((1, 20))) is NotImplemented
    assert TWINS["scatter.add_rows"].load()(3, np.array([-4]), np.ones((1, 20))) is NotImplemented
