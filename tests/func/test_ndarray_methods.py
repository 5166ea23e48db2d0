"""Values that came from ndarrays answer methods as ndarrays do, in every mode; values that came from tensors as tensors do."""

import numpy as np
import pytest
from numpy_modes import MODES, check

import tensorflowlite_clone as tl
from tensorflowlite_clone import func, nn
from tensorflowlite_clone._errors import ArgumentError, TransformError

X = np.array([[0.7, -1.2, 0.4, 2.1], [1.3, 0.9, -0.6, -1.7], [0.2, 1.6, -2.3, 0.55]])
B = np.array([[True, False, True, True], [False, True, True, False], [True, True, False, True]])
W = np.arange(1.0, 5.0)

EXPRESSIONS = """
x.sum() | x.sum(0) | x.sum(1) | x.sum(axis=-1) | x.sum(axis=(0, 1)) | x.sum(axis=1, keepdims=True) | x.sum(where=B)
x.sum(axis=0, initial=3.0) | x.sum(0, float) | x.mean() | x.mean(0) | x.mean(axis=1, keepdims=True) | x.mean(where=B)
x.std() | x.std(0) | x.std(ddof=1) | x.std(axis=1, ddof=1) | x.std(1, None, None, 1) | x.std(axis=0, keepdims=True)
x.var() | x.var(0) | x.var(ddof=1) | x.var(axis=1, ddof=2) | x.var(axis=1, keepdims=True) | x.var(where=B)
x.max() | x.max(0) | x.max(axis=1) | x.max(axis=1, keepdims=True) | x.max(initial=1.0) | x.max(axis=(0, 1)) | x.min() | x.min(axis=0)
x.min(1) | x.min(initial=0.0, where=B) | x.prod() | x.prod(0) | x.prod(axis=1, keepdims=True) | x.argmax() * x | x.argmax(0) * x
x.argmin(axis=1) | x.argmax(axis=1, keepdims=True) + x | x.cumsum() | x.cumsum(0) | x.cumsum(axis=1) | x.cumprod() | x.cumprod(axis=0)
x.repeat(2) | x.repeat(2, axis=0) | x.repeat(3, 1) | x.repeat([1, 2, 0], axis=0) | x.transpose() | x.transpose(1, 0) | x.transpose((1, 0))
x.transpose(0, 1) | x.T | x.T @ x | x.reshape(4, 3) | x.reshape((2, 6)) | x.reshape(-1) | x.reshape(4, -1, order='F')
x.reshape(12, order='F') | x.reshape((6, 2), order='C') | x.ravel() | x.ravel('F') | x.ravel(order='C') | x.flatten() | x.flatten('F')
x.size * x | x.ndim * x | len(x) * x | x.shape[1] * x | x[None].squeeze() | x[None].squeeze(0) | x[:, None].squeeze(axis=1)
x.swapaxes(0, 1) | x.diagonal() | x.diagonal(1) | x.diagonal(offset=-1) | x.trace() | x.trace(offset=1) | x.dot(W) | x.dot(x.T) | x.T.dot(x)
x[0].dot(W) | x.take([0, 3, 5]) | x.take([0, 2], axis=1) | x.take(2) | x.take([1, 7], mode='wrap') | x.compress([True, False, True], axis=0)
x.compress([True, False], axis=1) | x.clip(-1.0, 1.0) | x.clip(min=0.0) | x.clip(max=0.5) | x.clip(0.1) | x.round() | x.round(1) * 0 + x
x.round(decimals=0) - x | x.astype(float) | x.astype('float64') * 2 | x.astype(np.float64, copy=False) | x.copy() | x.copy(order='F') * x
x.conj() | x.conjugate() | x.real | x.imag + x | x.flat[3] | x.flat[2:7] | [*x.flat][4] | len(x.flat) * x | x.view() | x.view(np.float64)
x.argsort() | x.argsort(axis=0) * x | x.argsort(kind='stable') | x[0].searchsorted(0.0) * x | x[0].argpartition(2)[2] * x
x.any() * x | x.all(axis=0) * x | (x > 0).sum() * x | (x > 0).sum(axis=0) * x | (x > 0).any(axis=1) | (x > 0).all(1) | (x > 0).mean(0) + x
(x > 0).astype(float) * x | (x > 0).nonzero()[0].size * x | x[x.nonzero()] | x[(x > 0).nonzero()] | x[0].nonzero()[0] | (x > 0).argmax(1)
x.itemsize * x | x.nbytes * x | x.choose if False else x | x[0].repeat(3).reshape(4, 3).T | x.mean(0).dot(x.std(0, ddof=1)) | -x.T[::-1]
(x - x.mean(0)) / x.std(0) | (x**2).sum(1).max() | x.T.copy().ravel() | x.max(0) - x.min(0) | x.cumsum(1)[:, -1] | x.sum(1)[:, None] * x
x.T.reshape(-1) | x.T.flat[5] | x.dtype.itemsize * x | x.any(axis=1, keepdims=True) * x | x.sum(dtype=np.float64) | x.var(1, ddof=1).mean()
"""
METHODS = [e.strip() for line in EXPRESSIONS.strip().splitlines() for e in line.split("|")]
#: Sizes and places that depend on values, which differ from example to example, and text.
NOT_MAPPED = {"(x > 0).nonzero()[0].size * x", "x[x.nonzero()]", "x[(x > 0).nonzero()]", "x[0].nonzero()[0]"}

#: Methods that write, with what is returned.
WRITES = {
    "sort": "y = 2 * x; y.sort(); return y",
    "sort of an axis": "y = 2 * x; y.sort(axis=0); return y",
    "sort of a row": "y = 2 * x; y[1].sort(); return y",
    "partition": "y = 2 * x; y.partition(2, axis=1); return y.max(1), y[:, 2]",
    "fill": "y = 2 * x; y.fill(3.0); return y + x",
    "fill a row": "y = 2 * x; y[0].fill(3.0); return y",
    "put": "y = 2 * x; y.put([0, 5], [1.0, x[0, 1]] if not hasattr(x, 'level') else np.stack([1.0 + 0 * x[0, 0], x[0, 1]])); return y",
    "flat item": "y = 2 * x; y.flat[3] = x[0, 0] ** 2; return y",
    "flat slice": "y = 2 * x; y.flat[2:9] = x[1, 1]; return y",
    "flat of a transposed": "y = 2 * x; y.T.flat[1] = x[2, 2] ** 2; return y",
    "flat whole": "y = 2 * x; y.flat = x[0]; return y",
    "iadd": "y = 2 * x; y += x; y *= 2; y -= 1; y /= 3; y **= 2; return y",
    "slices": "y = 2 * x; y[0, 1:] = x[1, 1:]; y[:, 2] += x[:, 0]; return y",
    "mask": "y = 2 * x; y[y > 0] = 0.0; return y * x",
    "mask of values": "y = 2 * x; y[B] = y[B] ** 2; return y",
    "mask read twice": "y = x * x + 1; y[y > 1.7] = 1 / y[y > 1.7]; return y",
    "view": "y = 2 * x; v = y[1]; v[2] = x[0, 0]; v *= x[0]; return y",
    "transposed view": "y = 2 * x; v = y.T; v[2] = x[:, 0]; return y",
    "reshaped view": "y = 2 * x; v = y.reshape(-1); v[5] = x[0, 0] ** 2; return y",
    "ravelled view": "y = 2 * x; y.ravel()[4] = x[0, 0] ** 2; return y",
    "real": "y = 2 * x; y.real = x * x; return y",
    "list": "y = 2 * x; y[0, :2] = [x[1, 1], 3.0]; return y",
    "rows": "y = 2 * x\nfor row in y: row += x[0]\nreturn y",
    "loop": "y = x.copy()\nfor i in range(1, 3): y[i] = y[i - 1] * x[i]\nreturn y",
    "indices": "y = 2 * x; y[[0, 2]] *= 3; y[[0, 1], [1, 2]] = x[0, 0]; return y",
    "out": "y = 2 * x; np.multiply(x, x, out=y); return y",
    "out of a sum": "y = 2 * x[0]; x.sum(axis=0, out=y); return y",
    "swap": "y = x.copy(); y[[0, 1]] = y[[1, 0]]; return y * x",
    "swap rows": "y = x * 2; y[0], y[1] = y[1].copy(), y[0].copy(); return y",
    "copyto": "y = 2 * x; np.copyto(y, x**2, where=x > 0); return y",
}  # fmt: skip


def written(text):
    body = text if "\n" in text else text.replace("; ", "\n")
    scope = {"np": np, "B": B}
    exec("def f(x):\n" + "\n".join("    " + line.strip() for line in body.split("\n")), scope)
    return scope["f"]


def test_there_are_as_many_as_the_page_says():
    assert len(set(METHODS)) >= 114


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("expression", METHODS)
def test_methods_are_those_of_ndarrays(expression, mode):
    f = eval(f"lambda x: {expression}", {"np": np, "B": B, "W": W})
    if "vmap" in mode and expression in NOT_MAPPED:
        with pytest.raises(TransformError, match="where"):
            check(f, X, mode)
    else:
        check(f, X, mode)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", WRITES)
def test_methods_write_in_place(name, mode):
    f = written(WRITES[name])
    if "vmap" in mode and name in ("mask", "mask of values", "mask read twice"):  # the number of places differs
        try:
            check(f, X, mode)
        except TransformError as error:
            assert "where" in str(error)
    else:
        check(f, X, mode)


RUNS = {
    "grad": lambda f: func.grad(lambda x: 0 * x.sum() + f(x))(X),
    "jvp": lambda f: func.jvp(f, (X,), (X,)),
    "vmap": lambda f: func.vmap(f)(X),
    "hessian": lambda f: func.hessian(lambda x: 0 * x.sum() + f(x))(X),
}
REFUSED = {
    "item": lambda x: x[0].sum().item(), "tolist": lambda x: x.tolist(), "float": lambda x: float(x[0].sum()),
    "tobytes": lambda x: x.tobytes(),
    "dump": lambda x: x.dumps(), "view": lambda x: x.view(np.int64), "array": lambda x: np.frompyfunc(abs, 1, 1)(x),
    "dot of a plain array": lambda x: W.dot(x[0]),
}  # fmt: skip


@pytest.mark.parametrize("run", RUNS)
@pytest.mark.parametrize("name", REFUSED)
def test_what_would_lose_the_derivative_is_refused(name, run):
    with pytest.raises((TransformError, ArgumentError, TypeError), match=r"detach|derivative|at once"):
        RUNS[run](REFUSED[name])


@pytest.mark.parametrize("run", RUNS)
def test_what_came_from_tensors_has_the_methods_of_tensors(run):
    seen = []

    def f(x):
        seen.append(x)
        values, places = (x * 2).max(-1)
        assert isinstance(x.size(), tuple)
        assert places.shape == values.shape
        return values.sum() + x.std(unbiased=False).sum()

    given = tl.tensor(X)
    {
        "grad": lambda: func.grad(f)(given), "jvp": lambda: func.jvp(f, (given,), (given,)), "vmap": lambda: func.vmap(f)(given),
        "hessian": lambda: func.hessian(f)(given),
    }[run]()  # fmt: skip
    assert seen


def test_results_and_nested_transforms_inherit_the_face():
    def f(x):
        inner = func.vmap(lambda r: func.grad(lambda r: r.std(ddof=1) * r.max(axis=0))(r))(x)
        constant = np.sign(x)
        assert constant.size == 12
        assert isinstance(constant.max(axis=0).size, int)
        return (inner * constant).sum(axis=(0, 1))

    check(f, X, "jacrev")
    check(f, X, "jacfwd")


def test_outside_of_transforms_tensors_are_tensors():
    x = tl.tensor(X)
    assert x.size() == (3, 4)
    assert type(x.max(0)[1]) is tl.Tensor
    assert type(func.grad(lambda x: x.sum())(x)) is tl.Tensor
    assert type(func.grad(lambda x: x.sum())(X)) is np.ndarray


# ---- what the package itself calls ---------------------------------------------------------------------------------------------------
IMAGES, ROWS = np.random.default_rng(0).normal(size=(2, 3, 4, 4)), np.random.default_rng(1).normal(size=(2, 5, 4))
LAYERS = {
    "flatten": (nn.Flatten(), IMAGES), "conv": (nn.Conv2d(3, 2, 3).double(), IMAGES), "norm": (nn.GroupNorm(3, 3).double(), IMAGES),
    "pool": (nn.AdaptiveAvgPool2d(2), IMAGES), "max": (nn.MaxPool2d(2), IMAGES), "upsample": (nn.Upsample(scale_factor=2), IMAGES),
    "lstm": (nn.LSTM(4, 3).double(), ROWS), "softmax": (nn.Softmax(-1), ROWS), "unfold": (nn.Unfold(2), IMAGES),
    "attention": (nn.TransformerEncoderLayer(4, 2, 8, dropout=0.0).double(), ROWS), "glu": (nn.GLU(), ROWS),
    "shuffle": (nn.ChannelShuffle(3), IMAGES), "linear": (nn.Linear(4, 2).double(), ROWS),
    "std": (lambda x: tl.std(x, 1), ROWS), "sort": (lambda x: tl.sort(x, 1)[0], ROWS), "median": (lambda x: tl.median(x, 1)[0], ROWS),
    "quantile": (lambda x: tl.quantile(x, 0.3, dim=1), ROWS), "norms": (lambda x: tl.norm(x, dim=1), ROWS), "cov": (tl.cov, ROWS[0]),
    "distances": (lambda x: tl.cdist(x, 2 * x), ROWS), "svd": (tl.linalg.svdvals, ROWS), "topk": (lambda x: tl.topk(x, 2)[0], ROWS),
}  # fmt: skip


@pytest.mark.parametrize("name", LAYERS)
def test_layers_and_functions_do_not_depend_on_the_face(name):
    layer, x = LAYERS[name]

    def f(x):
        out = layer(x)
        return ((out[0] if isinstance(out, tuple) else out) ** 2).sum()

    expected = func.grad(f)(tl.tensor(x)).detach().numpy()
    for found in (func.grad(f)(x), func.jacfwd(f)(x)):
        np.testing.assert_allclose(found.detach().numpy() if isinstance(found, tl.Tensor) else found, expected, rtol=1e-7, atol=1e-9)
