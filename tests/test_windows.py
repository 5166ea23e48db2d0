"""Windows of signals: ``tl.signal.windows`` and those of the top level, beside PyTorch; and what is refused."""

from __future__ import annotations

import inspect
import subprocess
import sys

import numpy as np
import pytest

import tensorflowlite_clone as tl
from tensorflowlite_clone._errors import Bounded

W = tl.signal.windows
#: Settings that some windows have of their own.
OWN = {
    "exponential": [{}, {"tau": 2.5}, {"center": 1.2, "sym": False}], "gaussian": [{}, {"std": 0.7}],
    "kaiser": [{}, {"beta": 0.0}, {"beta": 5.5}],
    "general_cosine": [{"a": [1.0]}, {"a": (0.4, 0.3, 0.2, 0.1)}], "general_hamming": [{}, {"alpha": 0.3}],
}  # fmt: skip
TOP = ["hann_window", "hamming_window", "blackman_window", "bartlett_window", "kaiser_window"]


@pytest.mark.parametrize("name", W.__all__)
def test_windows_are_those_of_torch(name):
    torch = pytest.importorskip("torch", reason="compares with PyTorch")
    ours, theirs = getattr(W, name), getattr(torch.signal.windows, name)
    mine, other = inspect.signature(inspect.unwrap(ours)).parameters, inspect.signature(theirs).parameters
    how = {"layout", "device", "requires_grad", "how"}
    mine, other = ({n: (p.kind, p.default) for n, p in found.items() if n not in how} for found in (mine, other))
    assert list(mine.items()) == list(other.items())
    for own in OWN.get(name, [{}]):
        for sym in (True, False) if "sym" not in own else (False,):
            for n in (0, 1, 2, 3, 8, 31):
                x, y = ours(n, **{"sym": sym, **own}, dtype=tl.float64), theirs(n, **{"sym": sym, **own}, dtype=torch.float64)
                assert x.dtype == np.float64
                np.testing.assert_allclose(x.numpy(), y.numpy(), atol=1e-12)
            single = ours(9, **{"sym": sym, **own}, requires_grad=True)
            assert single.dtype == np.float32 and single.requires_grad and single.is_leaf
            np.testing.assert_allclose(single.detach().numpy(), theirs(9, **{"sym": sym, **own}).numpy(), atol=2e-6)


@pytest.mark.parametrize("name", W.__all__)
def test_symmetric_windows_are_symmetric_and_periodic_ones_the_beginning_of_longer_ones(name):
    for own in OWN.get(name, [{}]):
        if "center" not in own:
            longer = getattr(W, name)(8, **own, dtype=tl.float64).numpy()
            np.testing.assert_allclose(longer, longer[::-1], atol=1e-14)
            np.testing.assert_allclose(getattr(W, name)(7, **own, sym=False, dtype=tl.float64).numpy(), longer[:-1], atol=1e-14)


#: A call of both packages and what the message says.
REFUSED = {
    "W.hann(-1)": "hann: the length must not be negative: got -1", "W.hann(2.5)": "hann: M must be an integer", "W.hann('a')": "'a'",
    "W.hann(3, dtype=T.int64)": "hann: the dtype must be floating: got int64", "W.gaussian(3, dtype=T.complex64)": "complex64",
    "W.kaiser(3, dtype=T.float16)": "float16", "W.bartlett(3, layout='sparse')": "sparse", "W.cosine(3, device='moon')": "moon",
    "W.gaussian(5, std=0.0)": "std must be positive: got 0.0", "W.gaussian(5, std=float('nan'))": "std must be positive",
    "W.exponential(5, tau=-1.0)": "tau must be positive",
    "W.exponential(5, center=1.0)": "center is 1.0", "W.kaiser(5, beta=-1.0)": "at least 0",
    "W.general_cosine(5, a=[])": "empty", "W.general_cosine(5, a=3)": "int 3", "W.general_cosine(5, a=[0.5, 'b'])": "'b'",
    "W.hann(5, False)": "positional", "W.general_cosine(5)": "'a'",
    "T.hann_window(-1)": "negative",
    "T.hann_window(3, dtype=T.int64)": "int64", "T.kaiser_window(2.5)": "window_length",
}  # fmt: skip


@pytest.mark.parametrize("call", REFUSED)
def test_what_is_refused(call):
    with pytest.raises((Bounded, TypeError), match=REFUSED[call]):
        eval(call, {"T": tl, "W": W})


@pytest.mark.parametrize("call", REFUSED)
def test_torch_refuses_it_too(call):
    torch = pytest.importorskip("torch", reason="compares with PyTorch")
    if "nan" in call:
        return  # a window of NaN there
    with pytest.raises(Exception) as theirs:
        eval(call, {"T": torch, "W": torch.signal.windows})
    with pytest.raises(tuple(k for k in (TypeError, ValueError, RuntimeError) if isinstance(theirs.value, k))):
        eval(call, {"T": tl, "W": W})


@pytest.mark.parametrize("name", TOP)
def test_windows_of_the_top_level_are_periodic(name):
    f, g = getattr(tl, name), getattr(W, name.removesuffix("_window"))
    for n in (0, 1, 2, 7):
        np.testing.assert_allclose(f(n, dtype=tl.float64).numpy(), g(n, sym=False, dtype=tl.float64).numpy(), atol=1e-14)
        np.testing.assert_allclose(f(n, False, dtype=tl.float64).numpy(), g(n, dtype=tl.float64).numpy(), atol=1e-14)
    assert f(4, dtype=tl.float16, layout=tl.strided).dtype == np.float16


def test_the_package_loads_windows_when_they_are_used():
    program = "import sys, tensorflowlite_clone as tl; assert not any('.signal' in m for m in sys.modules); tl.signal.windows.hann(3)"
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr[-2000:]
