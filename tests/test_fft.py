"""Fourier transforms: NumPy's answers and signatures, transposes for drawn lengths, batches without loops, and messages."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from modes import close, direction, pairing
from samples import normal
from samples.complex import complex_normal

import tensorflowlite_clone as tl
from tensorflowlite_clone.core.transpose import LOOPED
from tensorflowlite_clone.func import grad, jvp, vjp, vmap

X, Z = normal(3, 5, 4), complex_normal(3, 5, 4)
ONE = {"fft": Z, "ifft": Z, "rfft": X, "irfft": Z, "hfft": Z, "ihfft": X}
SEVERAL = {"fft2": Z, "ifft2": Z, "rfft2": X, "irfft2": Z, "fftn": Z, "ifftn": Z, "rfftn": X, "irfftn": Z}


@pytest.mark.parametrize("name", ONE)
def test_numpy_names_along_one_axis(name):
    f, a = getattr(np.fft, name), ONE[name]
    t = tl.tensor(a, requires_grad=True)
    for args, kwargs in (((), {}), ((3,), {}), ((7, 0), {}), ((None, 1, "ortho"), {}), ((), {"n": 6, "axis": 1, "norm": "forward"})):
        out = f(t, *args, **kwargs)
        assert out.requires_grad
        np.testing.assert_allclose(out.numpy(force=True), f(a, *args, **kwargs), atol=1e-12)
        np.testing.assert_allclose(getattr(tl.fft, name)(t, *args, **kwargs).numpy(force=True), f(a, *args, **kwargs), atol=1e-12)


@pytest.mark.parametrize("name", SEVERAL)
def test_numpy_names_along_several_axes(name):
    f, a = getattr(np.fft, name), SEVERAL[name]
    t = tl.tensor(a, requires_grad=True)
    for args, kwargs in (
        ((), {}),
        (((3, 6), (0, 2)), {}),
        ((None, (1,), "ortho"), {}),
        ((), {"s": (-1, 5), "axes": (-1, 0), "norm": "forward"}),
    ):
        np.testing.assert_allclose(f(t, *args, **kwargs).numpy(force=True), f(a, *args, **kwargs), atol=1e-12)


@pytest.mark.parametrize("name", ["fftshift", "ifftshift"])
def test_numpy_shifts(name):
    f = getattr(np.fft, name)
    for axes in (None, 1, (0, 2)):
        np.testing.assert_array_equal(f(tl.tensor(X), axes).numpy(), f(X, axes))


def test_names_are_pytorchs():
    torch = pytest.importorskip("torch", reason="PyTorch is not installed; pip install -e '.[bench]' to compare with it")
    theirs = {n for n in dir(torch.fft) if n.strip("_") == n and callable(getattr(torch.fft, n)) and n.islower() and "fft" in n}
    assert theirs <= set(tl.fft.__all__), sorted(theirs - set(tl.fft.__all__))
    for name, a in {"hfft2": Z, "ihfft2": X, "hfftn": Z, "ihfftn": X}.items():
        for kwargs in ({}, {"s": (4, 7)}, {"dim": (0, 1), "norm": "ortho"}):
            x, y = tl.tensor(a, requires_grad=True), torch.tensor(a, requires_grad=True)
            mine, other = getattr(tl.fft, name)(x, **kwargs), getattr(torch.fft, name)(y, **kwargs)
            close(mine.numpy(force=True), other.detach().resolve_conj().numpy(), 1e-10)
            mine.abs().sum().backward()
            other.abs().sum().backward()
            close(x.grad.numpy(), y.grad.numpy(), 1e-10)


@settings(max_examples=60)
@given(
    name=st.sampled_from(sorted(ONE)),
    length=st.integers(1, 9),
    n=st.one_of(st.none(), st.integers(1, 12)),
    norm=st.sampled_from([None, "backward", "ortho", "forward"]),
    first=st.booleans(),
)
def test_transposes_for_drawn_lengths(name, length, n, norm, first):
    """<u, J t> = <J' u, t>, whether the axis is odd, even, cut off or filled, and values as NumPy's."""
    if name in ("irfft", "hfft") and n is None and length == 1:
        return  # no data points
    shape = (length, 2) if first else (2, length)
    x = complex_normal(*shape) if name in ("fft", "ifft", "irfft", "hfft") else normal(*shape)
    axis = 0 if first else 1

    def f(x):
        return getattr(np.fft, name)(x, n, axis, norm)

    y, slope = jvp(f, (x,), (direction(x, 1),))
    np.testing.assert_allclose(y, f(x), atol=1e-12)
    u = direction(y, 2)
    value, pull = vjp(f, x)
    (g,) = pull(u)
    assert (g.dtype, g.shape) == (x.dtype, x.shape)
    close(pairing([u], [slope]), pairing([g], [direction(x, 1)]), 1e-10)
    np.testing.assert_array_equal(value, y)


@pytest.mark.parametrize("name", ONE | SEVERAL)
def test_batches_never_loop(name):
    f, a = getattr(np.fft, name), (ONE | SEVERAL)[name]
    before = dict(LOOPED)

    def loss(x):
        return np.sum(np.abs(f(x)) ** 2)

    np.testing.assert_allclose(vmap(f)(a), np.stack([f(one) for one in a]), atol=1e-12)
    np.testing.assert_allclose(vmap(grad(loss))(a), np.stack([grad(loss)(one) for one in a]), atol=1e-10)
    assert before == LOOPED


@pytest.mark.parametrize("name", ONE)
def test_single_precision_is_kept(name):
    a = ONE[name]
    t = tl.tensor(a.astype(np.complex64 if a.dtype.kind == "c" else np.float32), requires_grad=True)
    y = getattr(tl.fft, name)(t)
    assert y.dtype == (np.float32 if name in ("irfft", "hfft") else np.complex64)
    y.abs().sum().backward()
    assert t.grad.dtype == t.dtype


def test_energy_is_kept():
    """Parseval: the gradient of the energy of the spectrum is that of the signal."""
    x = tl.tensor(X, requires_grad=True)
    (tl.fft.fftn(x, norm="ortho").abs() ** 2).sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), 2 * X, atol=1e-12)


def test_products_of_spectra_are_convolutions():
    a, b = normal(7), normal(4)

    def convolved(a, b):
        return tl.fft.irfft(tl.fft.rfft(a, 10) * tl.fft.rfft(b, 10), 10)

    x, y = tl.tensor(a, requires_grad=True), tl.tensor(b, requires_grad=True)
    out = convolved(x, y)
    np.testing.assert_allclose(out.numpy(force=True), np.convolve(a, b), atol=1e-12)
    u = normal(10)
    out.backward(tl.tensor(u))
    np.testing.assert_allclose(x.grad.numpy(), np.correlate(u, b, "valid"), atol=1e-12)
    np.testing.assert_allclose(y.grad.numpy(), np.correlate(u, a, "valid"), atol=1e-12)


def ones(*shape, dtype=tl.float64):
    return tl.ones(*shape, dtype=dtype)


ERRORS = {
    "empty": (lambda: tl.fft.fft(ones(0)), ValueError, r"fft: the number of data points must be positive: got 0"),
    "n": (lambda: tl.fft.rfft(ones(3), 0), ValueError, r"rfft: the number of data points must be positive: got 0"),
    "one": (lambda: tl.fft.irfft(ones(1)), ValueError, r"irfft: the number of data points must be positive: got 0"),
    "norm": (lambda: tl.fft.ifft(ones(3), norm="both"), ValueError, r"ifft: norm must be 'backward', 'ortho' or 'forward': got 'both'"),
    "complex": (
        lambda: tl.fft.rfft(ones(3, dtype=tl.complex64)),
        TypeError,
        r"rfft: needs real numbers: the input is complex64 \(3,\); use fft",
    ),
    "complex back": (
        lambda: np.fft.ihfft(ones(3, dtype=tl.complex64)),
        TypeError,
        r"ihfft: needs real numbers: the input is complex64 \(3,\); use x\.real",
    ),
    "0-d": (lambda: tl.fft.fft(tl.tensor(1.0)), IndexError, r"fft: a 0-d tensor has no dimension to transform"),
    "dim": (lambda: tl.fft.fft(ones(3), dim=1), IndexError, r"fft: dimension out of range: dim is 1"),
    "twice": (lambda: tl.fft.fftn(ones(3, 3), dim=(0, -2)), ValueError, r"fftn: a dimension appears more than once: dim is \(0, -2\)"),
    "sizes": (
        lambda: tl.fft.fftn(ones(3, 3), s=(1, 2, 3)),
        RuntimeError,
        r"fftn: more sizes than dimensions: s is \(1, 2, 3\), the input is",
    ),
    "lengths": (lambda: tl.fft.fftn(ones(3, 3), s=(2,), dim=(0, 1)), ValueError, r"fftn: s and dim must have one entry per dimension"),
    "no dim": (lambda: tl.fft.rfftn(ones(3), dim=()), ValueError, r"rfftn: must transform at least one dimension"),
    "both names": (lambda: tl.fft.fft(ones(3), dim=0, axis=0), TypeError, r"fft: got both dim= and its other name axis="),
    "list": (lambda: tl.fft.fft([1.0, 2.0]), TypeError, r"fft: input must be a tensor: got list"),
    "short": (
        lambda: tl.stft(ones(3), 8, center=False),
        RuntimeError,
        r"stft: the signal is shorter than a frame: it has 3 values, n_fft is 8",
    ),
    "window": (
        lambda: tl.stft(ones(9), 4, window=ones(3)),
        RuntimeError,
        r"stft: the window must have shape \(4,\), win_length: it is \(3,\)",
    ),
    "long window": (lambda: tl.stft(ones(9), 4, win_length=5), ValueError, r"stft: win_length must be from 1 to n_fft: they are 5 and 4"),
    "hop": (lambda: tl.stft(ones(9), 3), ValueError, r"stft: hop_length must be positive: got 0; by default it is n_fft // 4"),
    "signals": (lambda: tl.stft(ones(1, 2, 9), 4), RuntimeError, r"stft: the input must be one signal \(L\) or several \(B, L\)"),
    "one side": (
        lambda: tl.stft(ones(9, dtype=tl.complex64), 4, onesided=True),
        TypeError,
        r"stft: a one-sided transform needs a real signal",
    ),
    "real": (lambda: tl.istft(ones(3, 2), 4), RuntimeError, r"istft: the input must be complex"),
    "frequencies": (lambda: tl.istft(ones(5, 2, dtype=tl.complex64), 4), RuntimeError, r"istft: wrong number of frequencies or frames"),
    "both": (lambda: tl.istft(ones(3, 2, dtype=tl.complex64), 4, return_complex=True), ValueError, r"return_complex needs onesided=False"),
    "gaps": (
        lambda: tl.istft(ones(3, 4, dtype=tl.complex64), 4, hop_length=6, center=False),
        ValueError,
        r"istft: the windows leave gaps: their squares sum to 0\.0e\+00 somewhere; use a hop_length below 6",
    ),
    "window length": (lambda: tl.hann_window(-1), ValueError, r"hann_window: the length must not be negative: got -1"),
    "window dtype": (lambda: tl.bartlett_window(3, dtype=tl.int64), TypeError, r"bartlett_window: the dtype must be floating: got int64"),
}


@pytest.mark.parametrize("name", ERRORS)
def test_messages(name):
    call, kind, message = ERRORS[name]
    with pytest.raises(kind, match=message):
        call()


def test_back_and_forth_is_the_identity():
    """`istft` inverts `stft`, so its Jacobian after that of `stft` is the identity too."""
    w = tl.hann_window(8, dtype=tl.float64)

    def both(x):
        return tl.istft(tl.stft(x, 8, window=w, return_complex=True), 8, window=w, length=20)

    x, t = tl.tensor(normal(2, 20)), tl.tensor(normal(2, 20, seed=1))
    y, slope = jvp(both, (x,), (t,))
    close(y.numpy(), x.numpy(), 1e-12)
    close(slope.numpy(), t.numpy(), 1e-12)
    longer = tl.istft(tl.stft(x, 8, window=w, return_complex=True), 8, window=w, length=30)
    np.testing.assert_array_equal(longer.numpy()[:, 24:], np.zeros((2, 6)))


def test_spectrogram_of_many_signals_at_once():
    w = tl.hann_window(6, dtype=tl.float64)
    before = dict(LOOPED)

    def loss(x):
        return (tl.stft(x, 6, window=w, return_complex=True).abs() ** 2).sum()

    x = normal(3, 12)
    together = vmap(grad(loss))(tl.tensor(x)).numpy()
    close(together, np.stack([grad(loss)(tl.tensor(row)).numpy() for row in x]), 1e-10)
    assert before == LOOPED


def test_istft_with_a_window_of_each_example():
    z, windows = complex_normal(2, 5, 11), np.abs(normal(3, 8)) + 0.5

    def loss(w):
        return (tl.istft(tl.tensor(z), 8, hop_length=3, window=w) ** 2).sum()

    together = vmap(grad(loss))(tl.tensor(windows)).numpy()
    close(together, np.stack([grad(loss)(tl.tensor(w)).numpy() for w in windows]), 1e-10)
    with pytest.raises(ValueError, match="istft: the windows leave gaps"):
        vmap(loss)(tl.tensor(np.concatenate([windows, np.zeros((1, 8))])))
