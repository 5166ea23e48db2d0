"""A second set of lines and expressions as NumPy's users type them, of other functions and other idioms than the first, in every mode.

Not here: the first sets (``test_as_typed.py``, ``test_ndarray_methods.py``).
"""

import numpy
import pytest
from numpy_modes import MODES, check

import tensorflowlite_clone.numpy as np
from tensorflowlite_clone._errors import OperandError, TransformError

X = numpy.array([0.7, -1.2, 0.4, 2.1])
M = numpy.array([[0.7, -1.2, 0.4, 2.1], [1.3, 0.9, -0.6, -1.7], [0.2, 1.6, -2.3, 0.55]])
A = numpy.array([[2.0, 0.3, -0.1, 0.5], [0.1, 1.5, 0.2, 0.0], [0.4, -0.2, 1.8, 0.3], [0.0, 0.6, 0.1, 2.2]])

LINES = """
R = np.array([[1, 0, 0], [0, np.cos(x[0]), -np.sin(x[0])], [0, np.sin(x[0]), np.cos(x[0])]]); return R @ x[1:]
n = np.array([x[0], x[1], 1.0]); n /= np.linalg.norm(n); return np.outer(n, n) - np.eye(3)
T = np.zeros((3, 3)); T[np.triu_indices(3, 1)] = x[:3]; return T - T.T
T = np.zeros((3, 3)); T[np.tril_indices(2)] = x[:3]; return T @ T.T
J = np.zeros((2, 4)); J[0, 0::2] = x[:2]; J[1, 1::2] = -x[2:]; return J
u = np.zeros(6); u[1:-1] = x; return u[2:] - 2 * u[1:-1] + u[:-2]
u = np.zeros((4, 4)); u[1:3, 1:3] = x.reshape(2, 2); return u[1:] - u[:-1]
u = np.pad(x, 1); return np.convolve(u, [1.0, -2.0, 1.0], 'valid')
u = np.pad(x, (2, 1), mode='edge'); return u * np.arange(7)
h = np.hypot(x[0], x[1]); return np.array([h, np.arctan2(x[1], x[0])])
z = x[0] + 1j * x[1]; return np.array([z.real, z.imag, np.abs(z), np.angle(z)])
z = np.exp(1j * x); return np.sum(z * np.conj(z[::-1])).real
w = np.exp(x - np.max(x)); w = w / w.sum(); return -np.sum(w * np.log(w))
m = np.max(x); return m + np.log(np.sum(np.exp(x - m)))
c = np.zeros(5); c[0] = 1.0; c[1:] = np.cumprod(np.exp(-x)); return np.diff(c)
d = x[:, None] - x[None, :]; return np.sum(np.triu(d**2, 1))
d = np.abs(x[:, np.newaxis] - A[0]); return np.exp(-d).mean(axis=0)
D = np.sqrt(((M.T[:, None] - x[:3]) ** 2).sum(axis=-1)); return D
i, j = np.triu_indices(4, k=1); return ((x[i] - x[j]) ** 2).sum()
V = np.vander(x, 3); return V.T @ V
V = np.column_stack([np.ones(4), x, x**2]); return np.linalg.solve(V.T @ V, V.T @ A[0])
V = np.array([x**k for k in range(3)]).T; return V
P = np.eye(4)[[2, 0, 3, 1]]; return P @ x
L = np.linalg.cholesky(A @ A.T + np.diag(x**2)); return np.log(np.diag(L)).sum()
w, v = np.linalg.eigh(A + A.T + np.diag(x)); return w
return np.linalg.inv(A + np.diag(x)).trace()
return np.linalg.matrix_power(A * x, 3).sum()
return np.linalg.lstsq(A[:, :2] * x[:, None], A[2], rcond=None)[0]
return np.linalg.norm(x, 1) + np.linalg.norm(x, 2) + np.linalg.norm(x, 3)
return np.kron(x[:2], np.array([1.0, x[2]]))
return np.roll(x, 1) * x + np.flip(x) - np.rot90(A)[0] * x
return np.gradient(x**2, 0.5)
return np.gradient(np.outer(x, x), axis=0)
return np.trapezoid(np.stack([x, x**2]), dx=0.3, axis=1)
return np.cumsum(np.outer(x, np.arange(3.0)), axis=1)[:, ::2]
return np.interp(np.array([0.1, 0.55]), np.linspace(0, 1, 4), x)
return np.interp(x, np.array([-2.0, 0.0, 1.0, 3.0]), np.array([1.0, 2.0, 0.5, 4.0]))
return np.piecewise(x, [x < 0, x >= 0], [lambda t: -t**2, lambda t: t**3])
return np.clip(x, -1, 1) + np.maximum(x, 0.0) + np.minimum(0.5, x) + np.fmax(x, 0.2)
return np.sort(x)[::-1] * np.arange(4) + np.sort(np.abs(x))[0]
order = np.argsort(x); return np.cumsum(x[order] * A[0][order])
k = np.argmax(np.abs(x)); return x[k] * x
return np.where(x > 0, np.sqrt(np.abs(x)), x**2).sum()
return np.nansum(np.where(x > 0, x, np.nan)) + np.nan_to_num(x).sum()
return np.square(x) + np.cbrt(np.abs(x)) + np.sinh(x) - np.tanh(x) + np.log1p(np.exp(x)) + np.expm1(x)
return np.power(np.abs(x), 1.5) + np.float_power(np.abs(x), x) + np.exp2(x) + np.reciprocal(x)
return np.sinc(x) + np.i0(x) + np.unwrap(x * 3) + np.degrees(x) + np.deg2rad(x)
return np.mod(x, 1.0) + np.fmod(x, 1.0) + np.remainder(x, 2.0) + np.modf(x)[0]
return np.polyval(x, np.linspace(-1, 1, 3)) + divmod(x[:3], 0.37)[1]
return np.polynomial.polynomial.polyval(0.5, x)
a, b, *rest = x; return np.array([a * b, *rest])
s = 0; p = 1
for xi in x[1:]: s, p = s + p * xi, p * xi
return s, p
s = sum(xi**2 for xi in x); return s ** 0.5
q = np.array([x[0], 0.0]); v = np.array([0.0, x[1]])
for _ in range(5): v = v - 0.1 * q; q = q + 0.1 * v
return q, v
y = np.empty((4, 2)); y[0] = 1.0, x[0]
for n in range(3):
    k1 = np.array([y[n, 1], -x[1] * y[n, 0]]); y[n + 1] = y[n] + 0.1 * k1
return y[-1]
f = [1.0, x[0]]
for n in range(2, 6): f.append(((2 * n - 1) * x[0] * f[-1] - (n - 1) * f[-2]) / n)
return np.array(f)
a = np.ones(3); b = a; b[0] = x[0]; return a * 2
a = np.zeros(4); a[1:] += x[:-1]; a[:-1] -= x[1:]; return a
a = np.zeros((2, 2, 2)); a[..., 0] = x.reshape(2, 2); a[1, ...] *= 2; return a.sum(axis=(0, 2))
a = np.zeros((3, 4)); a[1] = x; a[[0, 2]] = [x * 2, x * 3]; return a.mean(axis=0)
a = np.zeros((3, 4)); a.T[2] = x[:3]; a.flat[0] = x[3]; return a
a = np.zeros(4, dtype=complex); a.real = x; a.imag = x[::-1]; return np.abs(a)
a = np.zeros(4, dtype=complex); a.imag[:2] = x[:2]; return np.abs(a)
a = x * (1 + 0j); a.imag[0] = x[1]; a.real[1:] *= 2; return np.abs(a)
a = np.arange(12.0).reshape(3, 4); a[:, 1] = x[:3]; return a @ x
a = x.copy(); a[a < 0] *= -1; return a
for _ in range(3): x = x / (1 + x**2)
return x
t = (x[0], x[1]); return np.subtract(*t) * np.array(t)
d = {'a': x[0], 'b': x[1:]}; return d['a'] * d['b']
g = lambda t: t**2 + 1; return [g(t) for t in x]
return np.asarray([np.sin(t) if t > 0 else np.cos(t) for t in x])
return np.array([min(x), max(x), abs(x[1]), x[0] // 1, divmod(2.5, 1)[1] * x[2]])
return np.array(list(map(lambda t: t * 2, x))) + np.array([*x[:2], *x[2:]])
return np.broadcast_to(x, (2, 4)).sum(axis=0) + np.expand_dims(x, 0)[0] + np.atleast_2d(x)[0]
return np.split(x, 2)[0] * np.array_split(x, 2)[1] + np.delete(x, [0, 1]) + np.insert(x, 1, x[0])[:2]
return np.array([np.dot(x, x), np.vdot(x, A[0]), np.inner(x, A[1]), np.matmul(x, x)])
return np.einsum('i,j,ij->', x, x, A) + np.einsum('ii->i', A * x)
return np.percentile(x, 30) + np.quantile(x, 0.8) + np.median(x) + np.ptp(x)
return np.cov(np.stack([x, A[0]])) + np.corrcoef(x, A[1])
return np.fft.ifft(np.fft.fft(x) * np.fft.fft(A[0])).real + np.abs(np.fft.rfft(x))[0]
return np.real_if_close(np.sqrt(x.astype(complex)) ** 2)
return np.heaviside(x, 0.5) * x + np.sign(x) * x + np.copysign(x, A[0]) + np.fabs(x)
return np.ediff1d(x) * np.diff(x) + np.diff(x, prepend=0.0)[1:] + np.diff(x, n=2).sum()
return np.apply_along_axis(lambda r: r / r.sum(), 1, np.abs(np.outer(x, np.ones(3))))
return np.moveaxis(np.stack([x, 2 * x]), 0, 1) + np.swapaxes(np.stack([x, x**2]), 0, 1)
return np.take_along_axis(x, np.array([3, 0, 1]), 0) + np.choose([0, 1, 0], [x[:3], x[1:]])
return np.tril(np.outer(x, x)) + np.triu(A, 1) * x + np.tri(4) * x[0]
return np.logaddexp(x, 0.3) + np.logaddexp.reduce(x) + np.add.reduce(x) + np.multiply.accumulate(x) + np.maximum.reduce(x)
return np.add.outer(x, x[:2]) + np.multiply.outer(x, A[0][:2])
return np.isclose(x, 0.35) * x + np.isfinite(x) * x + (np.abs(x) < 1) * x + ~(x > 0) * x
return np.linalg.multi_dot([A, A, x]) + np.linalg.solve(A, np.stack([x, x**2], 1))[:, 1]
return np.sqrt(np.einsum('ij,ij->i', M * x, M)) + np.count_nonzero(x > 0) * x[:3]
"""

EXPRESSIONS = """
x.sum(0).cumsum() | x.sum(keepdims=True) | x.sum(axis=(1,), keepdims=True) * x | x.mean(axis=-2) | x.mean((0, 1)) | x.mean(dtype=float)
x.mean(0, keepdims=True) - x | x.std(axis=(0, 1)) | x.std(0, ddof=2) | x.std(where=x > -5) | x.var(axis=-1, ddof=0)
x.var((0, 1), ddof=1) | x.var(0)[::-1] | x.max(axis=-1) | x.max(0, keepdims=True) * x | x.max(0, initial=0.5)
x.min(axis=(0, 1), keepdims=True) | x.min(-1) | x.prod(-1) | x.prod((0, 1)) | x.prod(initial=2.0) | x.argmax(-1) + x.sum(1)
x.argmin() * x | x.argmin(0, keepdims=True) * x | x[0].argmax() * x | x.cumsum(-1)[..., ::2] | x.cumsum(axis=None) | x.cumprod(1)
x.cumprod(-2)[1:] | x[1].cumsum() | x.T.cumsum(0) | x.repeat(2, -1) | x.repeat([2, 0, 1, 1], axis=1) | x[0].repeat(3) | x.T.repeat(2)
x.transpose(None) | x.transpose([1, 0]) | x[None].transpose(2, 0, 1) | x[None].transpose(-1, -2, -3) | x[..., None].T | x[0].T | x.T.T * x
x.reshape(2, 3, 2) | x.reshape(1, -1) | x.reshape([3, 4]) | x.reshape(-1, 2, order='F') | x.T.reshape(2, 6) | x[:, 1:3].reshape(-1)
x.reshape(12)[::-1] | x.T.ravel() | x.T.ravel('F') | x.ravel(order='K') | x[::-1].ravel() | x.T.flatten() | x[:, ::2].flatten('F')
x.flatten()[5:] | x.size / x | x[0].size + x | x.T.shape[0] * x | x.shape == (3, 4) and x | len(x.T) - x | x[0].ndim + x
x[:, :1].squeeze() | x[:, :1].squeeze(-1) | x[None, :, None].squeeze((0, 2)) | x.swapaxes(-1, -2) | x[None].swapaxes(0, 2)
x.diagonal(-1) | x.diagonal(0, 1, 0) | x.T.diagonal(axis1=0, axis2=1) | x.trace() * x | x.trace(-1) | x.T.trace(1) | x.dot(x[0])
x.T.dot(x)[0] | x.dot(2.0) | x[:, :3].dot(x[:, :3]) | x[0] @ x.T | x[0].dot(x[1]) | x.take(5) | x.take(-1) | x.take([[0, 1], [2, 3]])
x.take([0, -1], axis=0) | x.take([9, 20], mode='clip') | x.take(1, -1) | x.compress([1, 0, 1], 0) | x.clip(-0.5) | x.clip(None, 0.5)
x.clip(x.mean(), x.max()) | x.clip(min=-1, max=1)[0] | x.round(-2) - x | x.astype(complex).real | x.astype(np.double) * x | x.astype('f8')
x.astype(int) * x | x.copy()[0] | x.copy('C') | x.conj().T @ x | x.real.T | x.imag.sum() + x | x.flat[-1] | x.flat[[0, 5]] | x.flat[::3]
sum(x.flat) | max(x.flat) | [v * 2 for v in x.flat][3] | x.T.flat[2:4] | x.argsort(-1) + x | x.argsort(0)[0] + x | x[0][x[0].argsort()]
x.argsort(axis=None)[:4] * x | x[0].searchsorted([0.1, 0.2]) * x[:, :2] | x.view()[1] | x[0].argpartition(1)[0] * x | (x > 0).any() * x
(x < 9).all() * x | (x > 0).sum(1) @ x | (x > 0).cumsum(1) * x | (x == x).mean() * x | (x > 0).astype(int) * x | (x > 0) * x
(x > 0) @ x.T | x * (x > 0).T.T | ~(x > 0) * x | x[(x > 0).all(1)].sum() + x | x[x[:, 0] > 0.5] | x[[True, False, True]]
x[:, [False, True, True, False]] | x[[2, 0]][:, [1, 3]] | x[np.ix_([0, 2], [1, 3])] | x[..., -1] | x[-1, ...] | x[::-1, ::-1]
x[1:, None, :2] | x[0, 1:][::-1] | x[[0, 1, 2], [3, 2, 1]] | x[(1, 2)] | x[1][2] * x | x[slice(0, 2)] | x.__len__() * x | x.__neg__()
x.__abs__() | abs(x) ** 0.5 | +x | x.__matmul__(x.T) | 2 ** x | 1 / x | x // 1 | x % 1 | divmod(x, 1)[1] | 5 - x | x.__rsub__(1.0)
round(1.26, 1) * x | x.max() - x.min() | x.ptp() if hasattr(x, 'ptp') else x | x.sum() / x.size | x.mean(0) @ x[0] | x.T.copy('F').T
x.T.max(axis=0) | x.T.std(ddof=1) | x.itemsize + x | x.dtype.name == 'float64' and x | x[x > 0].sum() | x[x > 0].mean() * x
(x**2).sum(axis=1, keepdims=True) ** 0.5 | (x - x.min()) / (x.max() - x.min()) | x / x.sum(0)[None] | x.nonzero()[0].size + x
x.repeat(2, axis=0).reshape(3, 2, 4).sum(1) | x.mean(1).var()
"""


def programs():
    """Lines up to and with the ``return`` that stands at their beginning or behind a semicolon."""
    found, lines = [], []
    for line in LINES.strip().splitlines():
        lines.append(line)
        if line.startswith("return") or ("; return" in line and not line.startswith(" ")):
            found.append("\n".join(lines))
            lines = []
    assert not lines
    return found


PROGRAMS = programs()
METHODS = [e.strip() for line in EXPRESSIONS.strip().splitlines() for e in line.split("|")]
#: Shapes that depend on values differ from example to example.
SELECTING = ("x[x > 0]", "x[x[:, 0]", "a[a < 0]", "x[(x > 0).all(1)]", "nonzero()[0]", "count_nonzero")
#: Branches and loops on values, and indices that Python computes.
#: What has no derivative here, and says so: modules of NumPy's that make arrays of what they get, parts of a constant.
REFUSED = ("np.polynomial", "a.imag[:2]")
BRANCHING = ("if t > 0", "min(x)", "max(x.flat)", "max(x)", "A[0][order]", "real_if_close")


def made(text):
    body = "\n".join("    " + line for line in text.replace("; ", "\n" if "for" not in text else "; ").split("\n"))
    scope = {"np": np, "A": A, "M": M}
    exec("def f(x):\n" + body, scope)
    return scope["f"]


def run(f, x, mode, text):
    if any(part in text for part in REFUSED):
        with pytest.raises((TransformError, OperandError), match=r"np\.stack|out-of-place"):
            check(f, x, mode)
        return
    if "vmap" in mode and any(part in text for part in (*SELECTING, *BRANCHING)):
        try:
            check(f, x, mode)
        except Exception as error:  # it says what to write
            assert any(word in str(error) for word in ("where", "one of them", "examples", "vmap", "np.stack")), error
    else:
        check(f, x, mode)


def test_there_are_as_many_as_were_asked_for():
    assert len(set(PROGRAMS)) >= 60
    assert len(set(METHODS)) >= 100


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("text", PROGRAMS)
def test_lines_as_typed(text, mode):
    run(made(text), X, mode, text)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("expression", METHODS)
def test_methods_are_those_of_ndarrays(expression, mode):
    run(eval(f"lambda x: {expression}", {"np": np}), M, mode, expression)
