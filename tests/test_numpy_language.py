"""NumPy as the language: every function of its namespace on tensors, with NumPy's own signature, in every mode; the rest refuse."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
import types
from pathlib import Path

import numpy as np
import pytest
from numpy_cases import calculus, picking, reductions, shapes, since, statistics
from numpy_cases.constants import CONSTANT, CONVERSIONS, ELSEWHERE, WITHOUT_ARRAYS, WRITES
from numpy_checks import as_tuple, central, close, direction, flat, plain

import tensorflowlite_clone as tl
from tensorflowlite_clone._errors import GraphError, TransformError
from tensorflowlite_clone.core.boxed import Boxed
from tensorflowlite_clone.core.registry import NUMPY_FUNCTIONS, REFUSED, UFUNCS
from tensorflowlite_clone.core.transpose import LOOPED
from tensorflowlite_clone.func import grad, jvp, vjp, vmap

pytestmark = pytest.mark.filterwarnings("ignore:numpy.fix is deprecated:DeprecationWarning")  # on arrays, from NumPy 2.5 on
CASES = [*reductions.CASES, *statistics.CASES, *calculus.CASES, *shapes.CASES, *picking.CASES]
every_case = pytest.mark.parametrize("c", CASES, ids=[c.name for c in CASES])


@every_case
def test_value_equals_numpy(c):
    expected = flat(c.f(*c.inputs))
    actual = flat(c.f(*[tl.tensor(x, requires_grad=True) for x in c.inputs]))
    assert len(actual) == len(expected)
    for a, e in zip(actual, expected, strict=True):
        assert isinstance(a, Boxed)
        assert a.shape == np.shape(e)
        assert a.level == 0
        close(a, e, 1e-12)


@every_case
def test_derivatives_in_every_mode(c):
    """Forward mode against central differences of plain NumPy, reverse against forward, second order against differences of the first."""
    f, xs = as_tuple(c.f), c.inputs
    ts = [direction(x, k) for k, x in enumerate(xs)]
    values, slopes = jvp(f, tuple(xs), tuple(ts))
    for s, e in zip(slopes, central(f, xs, ts, 1e-4), strict=True):
        close(s, e, 1e-7)
    us = tuple(direction(np.asarray(v), 10 + k) for k, v in enumerate(values))
    grads = vjp(f, *xs)[1](us)
    left = sum(np.sum(u * np.asarray(s)) for u, s in zip(us, slopes, strict=True))
    right = sum(np.sum(np.asarray(g) * t) for g, t in zip(grads, ts, strict=True))
    close(left, right, 1e-10)
    for g, x in zip(grads, xs, strict=True):
        assert g.shape == x.shape
        assert g.dtype == x.dtype

    def gradient(*xs):
        return vjp(f, *xs)[1](us)

    _, second = jvp(gradient, tuple(xs), tuple(ts))
    for s, e in zip(second, central(gradient, xs, ts, 1e-4), strict=True):
        close(s, e, 1e-6)


@every_case
def test_float32_is_not_widened(c):
    """Nothing is wider than NumPy's own results of single precision, and gradients have their input's dtype."""
    single = [x.astype(np.float32) for x in c.inputs]
    xs = [tl.tensor(x, requires_grad=True) for x in single]
    outs = flat(c.f(*xs))
    for o, e in zip(outs, flat(c.f(*single)), strict=True):
        assert o.dtype.itemsize <= np.asarray(e).dtype.itemsize
    outs = [o for o in outs if o.requires_grad]
    grads = tl.autograd.grad(outs, xs, [tl.tensor(np.ones(o.shape, o.dtype)) for o in outs], allow_unused=True)
    assert all(g is None or g.dtype == np.float32 for g in grads)


@every_case
def test_vmap_equals_loop(c):
    f = as_tuple(c.f)
    batches = [np.stack([x, x * 1.001, x * 0.999]) for x in c.inputs]
    if not c.vmap:
        with pytest.raises(TransformError, match="inside vmap"):
            vmap(f)(*batches)
        return
    LOOPED.clear()
    results = vmap(f)(*batches)
    assert not LOOPED, f"looped over the batch: {LOOPED}"
    loop = [f(*[b[k] for b in batches]) for k in range(3)]
    for n, r in enumerate(results):
        close(r, np.stack([np.asarray(one[n]) for one in loop]), 1e-10)
    us = tuple(direction(np.asarray(o), 30 + k) for k, o in enumerate(loop[0]))

    def gradient(*xs):
        return vjp(f, *xs)[1](us)

    for n, r in enumerate(vmap(gradient)(*batches)):
        close(r, np.stack([gradient(*[b[k] for b in batches])[n] for k in range(3)]), 1e-9)


@pytest.mark.parametrize("c", CONSTANT, ids=[c.name for c in CONSTANT])
def test_constant_answers_equal_numpy(c):
    expected = flat(c.f(*c.inputs))
    actual = flat(c.f(*[tl.tensor(x, requires_grad=x.dtype.kind == "f") for x in c.inputs]))
    assert len(actual) == len(expected)
    for a, e in zip(actual, expected, strict=True):
        assert getattr(a, "level", 0) == 0
        if isinstance(e, np.ndarray | np.generic):
            assert np.shape(plain(a)) == np.shape(e)
            np.testing.assert_allclose(np.asarray(plain(a)).astype(e.dtype), e, rtol=1e-12)
        else:
            assert a == e


@pytest.mark.parametrize(("name", "x", "write"), WRITES, ids=[f"{n}-{i}" for i, (n, _, _) in enumerate(WRITES)])
def test_writes_reach_the_tensor_and_refuse_a_plain_array(name, x, write):
    expected, t = x.copy(), tl.tensor(x)
    write(expected)
    write(t)
    np.testing.assert_array_equal(t.numpy(), expected)
    leaf = tl.tensor(x, requires_grad=True)
    copy = leaf * 1.0
    write(copy)
    copy.sum().backward()
    np.testing.assert_array_equal(leaf.grad.numpy(), np.where(expected == x, 1.0, 0.0))


@pytest.mark.parametrize("transform", ["grad", "jvp", "vmap"])
def test_writes_inside_transforms(transform):
    """A value computed inside a transform is no plain array, so it can be written into."""

    def f(x):
        y = x * 2.0
        np.copyto(y, 1.0, where=np.array([True, False, False]))
        np.put(y, [1], x[0])
        np.add.at(y, [2, 2], x[:2])
        return np.sum(y * y)

    def same(x):
        return 1.0 + x[0] ** 2 + (2.0 * x[2] + x[0] + x[1]) ** 2

    x = np.array([1.0, 2.0, 3.0])
    for g in {"grad": [grad(f), grad(same)], "jvp": [lambda x: jvp(f, (x,), (x,))[1], lambda x: jvp(same, (x,), (x,))[1]]}.get(
        transform, []
    ):
        close(g(x), {"grad": [20.0, 18.0, 36.0], "jvp": 164.0}[transform], 1e-12)
    if transform == "vmap":
        close(vmap(f)(np.stack([x, 2 * x])), [same(x), same(2 * x)], 1e-12)


def test_array_repr_is_the_repr_of_the_tensor():
    assert np.array_repr(tl.tensor([1.0])) == "tensor([1.])"


# ---- the namespace ---------------------------------------------------------------------------------------------------------------
#: Functions that NumPy 2.0 lacks and we answer, and those that it still has under an old name: newer ones have dropped them.
LATER = ("cumulative_prod", "cumulative_sum", "matvec", "unstack", "vecmat")
DROPPED = ("in1d", "row_stack", "trapz")


def namespace():
    """Every public function of NumPy that dispatches on its operands, and every ufunc."""
    found = {}
    for name in dir(np):
        f = getattr(np, name)
        if name.startswith("_") or name in DROPPED or isinstance(f, type | types.ModuleType) or not callable(f):
            continue
        if isinstance(f, np.ufunc) or hasattr(f, "_implementation"):
            found[name] = f
    return found


def test_the_rest_of_the_namespace_is_known():
    """What NumPy does not dispatch either takes no arrays, or raises on what is being followed (below)."""
    things = {n: getattr(np, n) for n in dir(np) if not n.startswith("_")}
    names = {n for n, f in things.items() if callable(f) and not isinstance(f, type | types.ModuleType)}
    unknown = names - set(namespace()) - set(CONVERSIONS) - WITHOUT_ARRAYS - set(DROPPED)
    assert not {n for n in unknown if n not in ("c_", "r_", "s_", "index_exp", "mgrid", "ogrid")}


@pytest.mark.filterwarnings("ignore:the matrix subclass")
@pytest.mark.parametrize("name", list(CONVERSIONS))
def test_conversions_never_detach(name):
    x = np.array([0.3, 0.4])
    for run in (lambda f: grad(f)(x), lambda f: jvp(f, (x,), (x,))):
        with pytest.raises(
            (TransformError, TypeError, AttributeError, GraphError),
            match=r"np\.stack|never silently detached|would be lost|no memory|has no attribute",
        ):
            run(lambda x: np.sum(CONVERSIONS[name](x)))


@pytest.mark.parametrize(
    ("module", "prefix"), [(np.linalg, "linalg"), (np.fft, "fft"), (np.emath, "emath"), (np.lib.stride_tricks, "stride_tricks")]
)
def test_the_other_namespaces_are_answered_or_refused(module, prefix):
    functions = [getattr(module, n) for n in dir(module) if hasattr(getattr(module, n), "_implementation")]
    undecided = [f.__name__ for f in functions if f not in NUMPY_FUNCTIONS and f not in REFUSED]
    assert functions
    assert not undecided, f"np.{prefix}: neither answered nor refused: {undecided}"


def test_every_numpy_function_is_answered_or_refused_with_advice():
    undecided = [n for n, f in namespace().items() if f not in UFUNCS and f not in NUMPY_FUNCTIONS and f not in REFUSED]
    assert not undecided, f"neither answered nor refused: {undecided}; add an answer, or refuse() with what to use instead"
    both = [n for n, f in namespace().items() if (f in UFUNCS or f in NUMPY_FUNCTIONS) and f in REFUSED]
    assert not both


def test_a_numpy_without_what_came_after_2_0_will_do():
    """The lowest NumPy allowed is 2.0: what it lacks is answered where it is there."""
    program = f"import numpy as np\nfor name in {LATER}:\n    vars(np).pop(name, None)\nimport tensorflowlite_clone"
    result = subprocess.run([sys.executable, "-c", program], cwd=Path(__file__).parent.parent, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    assert all(getattr(np, name) in {**UFUNCS, **NUMPY_FUNCTIONS} for name in LATER if hasattr(np, name))


def test_every_answered_function_has_a_call_here():
    called = {c.name.split("-")[0] for c in [*CASES, *CONSTANT]} | {n for n, _, _ in WRITES} | ELSEWHERE
    functions = {f for n, f in namespace().items() if n in called}
    missing = [n for n, f in namespace().items() if f in NUMPY_FUNCTIONS and f not in functions]
    assert not missing


@pytest.mark.parametrize("f", list(REFUSED), ids=[f.__name__ for f in REFUSED])
def test_refused_functions_name_the_function_and_the_way_out(f, tmp_path):
    x = tl.tensor([1.0, 2.0])
    file = f.__name__.startswith("save")
    many = f.__name__ in ("busday_count", "busday_offset", "logn", "power")
    with pytest.raises(TypeError, match=rf"np\.(lib\.\S+\.)?{f.__name__}: not answered for tensors, and never silently detached: .*;"):
        f(*((tmp_path / "a", x) if file else (x, x) if many else (x,)))


A, B = np.random.default_rng(1).uniform(0.2, 0.9, size=(2, 3, 4))
# ---- complex numbers ---------------------------------------------------------------------------------------------------------------
Z = (A + 1j * B)[0]
COMPLEX = {
    "convolve": lambda z: np.convolve(z, z[:2]),
    "correlate": lambda z: np.correlate(z, z[:2], "full"),
    "correlate a shorter one": lambda z: np.correlate(z[:2], z, "same"),
    "interp": lambda z: np.interp([0.2, 1.7], [0.0, 1.0, 2.0, 3.0], z),
    "cov": lambda z: np.cov(np.stack([z, z * z])),
    "corrcoef": lambda z: np.corrcoef(np.stack([z, z * z + 1])),
    "var": lambda z: np.var(z, ddof=1),
    "nanvar": np.nanvar,
    "std": np.std,
    "mean": lambda z: np.mean(z, where=np.array([True, False, True, True])),
    "average": lambda z: np.average(z, weights=[1.0, 2.0, 0.5, 1.0]),
    "gradient": np.gradient,
    "trapezoid": np.trapezoid,
    "vecdot": lambda z: np.vecdot(z, z * z),
    **dict(since("2.2.0", ("vecmat", lambda z: np.vecmat(z, np.outer(z, z))))),
    "polyval": lambda z: np.polyval(z, z),
    "polyfit": lambda z: np.polyfit(z, z**3, 1),
    "roots": lambda z: np.sort_complex(np.roots(z)) if isinstance(z, np.ndarray) else np.roots(z),
    "nanprod": np.nanprod,
    "pad": lambda z: np.pad(z, 2, "linear_ramp"),
    "linspace": lambda z: np.linspace(z[0], z[1], 4),
}


@pytest.mark.parametrize("name", list(COMPLEX))
def test_complex_operands(name):
    """Values as NumPy's, and forward mode against differences along a complex direction."""
    f = COMPLEX[name]
    expected, actual = f(Z), f(tl.tensor(Z, requires_grad=True))
    actual = np.sort_complex(plain(actual)) if name == "roots" else actual
    close(actual, expected, 1e-10)
    if name != "roots":  # whose order is free
        t = direction(Z, 1) + 1j * direction(Z, 2)
        close(jvp(f, (Z,), (t,))[1], central(as_tuple(f), [Z], [t], 1e-4)[0], 1e-8)


# ---- what cannot be traced says so -------------------------------------------------------------------------------------------------
def write_element(x):
    out = np.zeros(3)
    out[0] = x[0]
    return np.sum(out)


def write_slice(x):
    out = np.zeros(3)
    out[:2] = x[:2]
    return np.sum(out)


def make_array(x):
    return np.sum(np.array([x[0], x[1]]))


@pytest.mark.parametrize("f", [write_element, write_slice, make_array])
@pytest.mark.parametrize("transform", ["grad", "jvp", "vmap", "grad of grad"])
def test_a_plain_array_cannot_take_a_traced_value(f, transform):
    x = np.arange(3.0)
    run = {
        "grad": lambda: grad(f)(x),
        "jvp": lambda: jvp(f, (x,), (x,)),
        "vmap": lambda: vmap(f)(np.stack([x, x])),
        "grad of grad": lambda: grad(lambda x: np.sum(grad(f)(x)))(x),
    }[transform]
    with pytest.raises(TransformError, match="inside vmap" if transform == "vmap" and f is write_element else r"np\.stack"):
        run()


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.complex128])
def test_an_element_of_a_plain_array_cannot_be_a_recorded_tensor(dtype):
    """Outside of transforms too: NumPy would ask for the number, and the derivative would be lost without a word."""
    x, out = tl.tensor([3.0, 4.0], dtype=tl.float64, requires_grad=True), np.zeros(3, dtype)
    for write in (lambda: out.__setitem__(slice(0, 2), x), lambda: _store(out, 0, x[0]), lambda: _store(out, (1,), x.sum() * 2.0)):
        with pytest.raises((GraphError, ValueError)) as caught:
            write()
        assert "lose it; " in f"{caught.value}{caught.value.__cause__}"
    assert not out.any()
    _store(out, 0, x[0].detach())
    _store(out, 1, float(x[1]))
    with tl.no_grad():
        _store(out, 2, x[0])
    assert out.tolist() == [3.0, 4.0, 3.0]
    held = [0.0]
    _store(held, 0, x[0])
    assert held[0].requires_grad


def _store(out, place, value):
    out[place] = value


LISTS = {
    "einsum": lambda x, m: np.einsum("i,ij,j", x, [[1.0, 2.0], [0.5, 3.0]], [0.1, 0.7]),
    "einsum with sublists": lambda x, m: np.einsum(x, [0], m, [0, 1], [1]),
    "broadcast_arrays": lambda x, m: np.broadcast_arrays(x, [[0.1], [0.7]])[0],
    "solve a list": lambda x, m: np.linalg.solve([[1.1, 0.2], [0.3, 1.7]], x),
    "solve for a list": lambda x, m: np.linalg.solve(m, [0.1, 0.7]),
    "lstsq": lambda x, m: np.linalg.lstsq([[1.1, 0.2], [0.3, 1.7]], x, rcond=None)[0],
    "tensorsolve": lambda x, m: np.linalg.tensorsolve([[1.1, 0.2], [0.3, 1.7]], x),
    "matmul": lambda x, m: np.linalg.matmul([[1.1, 0.2], [0.3, 1.7]], m),
    "outer": lambda x, m: np.linalg.outer([0.1, 0.7], x),
    "cross": lambda x, m: np.linalg.cross([0.1, 0.7, 0.3], np.append(x, 1.0)),
    "vecdot": lambda x, m: np.linalg.vecdot([0.1, 0.7], x),
    "tensordot": lambda x, m: np.linalg.tensordot([0.1, 0.7], m, axes=1),
    "multi_dot": lambda x, m: np.linalg.multi_dot([[[1.1, 0.2], [0.3, 1.7]], m, [0.1, 0.7]]),
}


@pytest.mark.parametrize("name", list(LISTS))
def test_lists_of_numbers_beside_a_tensor_are_arrays(name):
    f, x, m = LISTS[name], np.array([0.4, 1.3]), np.array([[2.0, 0.3], [0.1, 1.5]])
    close(f(tl.tensor(x), tl.tensor(m)), f(x, m), 1e-14)
    ts = (direction(x, 1), direction(m, 2))
    close(jvp(f, (x, m), ts)[1], central(as_tuple(f), [x, m], ts, 1e-4)[0], 1e-8)


def test_an_empty_list_beside_a_tensor_is_an_empty_array():
    x = np.array([2.0, 0.5])
    for f in (np.union1d, np.append, np.setdiff1d, np.setxor1d, lambda x, y: np.concatenate([x, y]), lambda x, y: np.hstack([y, x])):
        np.testing.assert_array_equal(f(tl.tensor(x), []).numpy(), f(x, []))


def test_a_fit_at_whole_places_is_as_exact_as_its_values():
    y, places, weights = A.ravel()[:6], np.arange(6) * 7, np.arange(1, 7)
    close(np.polyfit(places, tl.tensor(y), 2), np.polyfit(places, y, 2), 1e-12)
    close(np.polyfit(places, tl.tensor(y), 2, w=weights), np.polyfit(places, y, 2, w=weights), 1e-12)
    close(np.polyfit(tl.tensor(y), places, 1), np.polyfit(y, places, 1), 1e-12)
    assert np.polyfit(places, tl.tensor(y, dtype=tl.float32), 1).dtype == np.float32
    assert np.polyfit(tl.tensor(places), places, 1).dtype == np.float32


@pytest.mark.parametrize("options", [{"full": True}, {"rcond": 1e-9}, {"full": True, "rcond": 1e-9}])
def test_a_fit_has_no_options_of_the_singular_values(options):
    with pytest.raises(ValueError, match=r"np\.polyfit: full= and rcond= are not answered"):
        np.polyfit(np.arange(3.0), tl.tensor(A.ravel()[:3]), 1, **options)


def test_parameters_may_be_given_by_name():
    x = tl.tensor(A)
    close(np.sum(axis=0, a=x), A.sum(0), 1e-13)
    close(np.kron(b=x, a=B), np.kron(B, A), 1e-13)
    assert np.argmax(axis=1, a=x).tolist() == A.argmax(1).tolist()
    close(np.flip(axis=1, m=x), A[:, ::-1], 0)
    close(np.round(decimals=1, a=x), A.round(1), 1e-15)
    close(np.trace(x, 0, 0, 1, np.float32), np.trace(A), 1e-6)


def test_linspace_of_tensors_is_differentiable():
    for f in (lambda x: tl.linspace(x, 2.0, 4, dtype=tl.float64), lambda x: tl.logspace(0.0, x, 4, dtype=tl.float64)):
        x, t = np.array(0.7), np.array(1.0)
        close(jvp(f, (x,), (t,))[1], central(as_tuple(lambda x, f=f: f(x).numpy()), [x], [t], 1e-4)[0], 1e-8)


def test_options_are_never_ignored():
    """Every parameter of an answered function is taken by its answer or refused by name."""
    x = tl.tensor(A)
    with pytest.raises(ValueError, match=r"np\.einsum: dtype= is not answered for tensors"):
        np.einsum("ij->i", x, dtype=np.float32)
    assert np.sum(x, axis=0, dtype=np.float32).dtype == np.float32
    assert np.mean(x, dtype=np.float32).dtype == np.float32
    assert np.cumsum(x, 0, np.float32).dtype == np.float32
    assert np.concatenate([x, x], dtype=np.float32).dtype == np.float32
    with pytest.raises(ValueError, match=r"np\.max: where= needs initial="):
        np.max(x, where=A > 0.5)
    with pytest.raises(ValueError, match="NaNs along axis"):
        np.nanargmax(tl.tensor([np.nan]))
    assert np.isnan(np.nanmax(tl.tensor([np.nan])).item())
    assert np.isnan(np.nanmean(tl.tensor([np.nan])).item())


# ---- the page --------------------------------------------------------------------------------------------------------------------
def test_the_page_says_what_the_calls_show():
    """The tables of ``docs/numpy_functions.py`` against the calls above: what has a derivative, in how many operands, and under vmap."""
    spec = importlib.util.spec_from_file_location("numpy_functions", Path(__file__).parent.parent / "docs" / "numpy_functions.py")
    page = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(page)
    text = page.page()
    answered = {n: f for n, f in namespace().items() if f in NUMPY_FUNCTIONS}
    assert {n for n, _, _ in WRITES} == page.WRITES
    operands, unmapped = {}, set()
    for c in CASES:
        n = c.name.split("-")[0]
        operands[n] = max(operands.get(n, 0), len(c.inputs))
        unmapped |= set() if c.vmap else {n}
    operands["full_like"] = 1  # the first one gives only the shape
    for n, f in answered.items():
        if n in page.WRITES:
            continue
        assert f"| `np.{n}` |" in text
        what = page.derivative(n, f, NUMPY_FUNCTIONS[f])
        assert bool(what) == (n in operands), n
        sequences = ("tup", "arrays", "xi", "arys", "args", "operands", "choicelist", "choices", "condlist")
        given = what.split(", ")
        assert not what or len(given) >= operands[n] or given[0] in sequences, f"{n}: {what}, but {operands[n]} operands"
    assert unmapped <= page.SHAPED_BY_VALUES
    others = {f"{p}.{n}" for p, m in (("linalg", np.linalg), ("fft", np.fft)) for n in dir(m)}
    assert not (set(page.WITH_RESPECT_TO) | page.CONSTANT | page.SHAPED_BY_VALUES) - set(answered) - others
    for f in REFUSED:
        assert f"np.{f.__name__}`" in text or "scimath" in f.__module__
