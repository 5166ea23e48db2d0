"""The paths from which PyTorch's programs import: every public name of every module of ``torch.nn.modules`` is at the same place here."""

from __future__ import annotations

import importlib
import pkgutil

import numpy as np
import pytest

import tensorflowlite_clone as tl
from tensorflowlite_clone import nn

torch = pytest.importorskip("torch")
PLACES = [
    m.name
    for m in pkgutil.iter_modules(torch.nn.modules.__path__)
    if not m.name.startswith("_") and getattr(importlib.import_module(f"torch.nn.modules.{m.name}"), "__all__", True)
]


def place(T, name):
    return importlib.import_module(f"{T.__name__}.nn.{name}")


@pytest.mark.parametrize("name", PLACES)
def test_every_public_name_is_at_its_place(name):
    ours, theirs = place(tl, f"modules.{name}"), place(torch, f"modules.{name}")
    public = set(getattr(theirs, "__all__", ()))
    assert not {n for n in public if not hasattr(ours, n)}
    for n in public:
        assert getattr(nn, n, getattr(ours, n)) is getattr(ours, n)
    assert set(ours.__all__) <= public | {"consume_prefix_in_state_dict_if_present", "NonDynamicallyQuantizableLinear"} and set(
        ours.__all__
    ) <= set(dir(ours))
    assert getattr(nn.modules, name) is ours


def test_bases_that_programs_ask_for():
    from tensorflowlite_clone.nn.modules.batchnorm import _BatchNorm, _NormBase
    from tensorflowlite_clone.nn.modules.conv import _ConvNd, _ConvTransposeNd
    from tensorflowlite_clone.nn.modules.dropout import _DropoutNd
    from tensorflowlite_clone.nn.modules.instancenorm import _InstanceNorm
    from tensorflowlite_clone.nn.modules.loss import _Loss
    from tensorflowlite_clone.nn.modules.pooling import _AvgPoolNd, _LPPoolNd, _MaxPoolNd, _MaxUnpoolNd

    assert isinstance(nn.BatchNorm2d(1), _BatchNorm) and isinstance(nn.SyncBatchNorm(1), _BatchNorm)
    assert not isinstance(nn.InstanceNorm2d(1), _BatchNorm) and isinstance(nn.InstanceNorm2d(1), _NormBase | _InstanceNorm)
    assert isinstance(nn.Conv1d(1, 1, 1), _ConvNd) and isinstance(nn.ConvTranspose1d(1, 1, 1), _ConvTransposeNd)
    assert isinstance(nn.Dropout(), _DropoutNd) and isinstance(nn.MSELoss(), _Loss)
    assert isinstance(nn.MaxPool1d(1), _MaxPoolNd) and isinstance(nn.AvgPool1d(1), _AvgPoolNd)
    assert isinstance(nn.LPPool1d(1, 1), _LPPoolNd) and isinstance(nn.MaxUnpool1d(1), _MaxUnpoolNd)


def test_other_places():
    assert (
        place(tl, "parameter").UninitializedParameter is nn.UninitializedParameter and place(tl, "parallel").DataParallel is nn.DataParallel
    )
    assert place(tl, "modules").Linear is nn.Linear and place(tl, "modules.lazy").LazyModuleMixin.cls_to_become is None
    ours, theirs = (set(vars(place(T, "common_types"))) for T in (tl, torch))
    assert {n for n in theirs if n.endswith("_t") and "scalar" not in n and n != "_grad_t"} <= ours
    with pytest.raises(ImportError):
        from tensorflowlite_clone.nn.modules.conv import Linear  # noqa: F401
    with pytest.raises(AttributeError, match=r"modules\.conv' has no attribute 'Linear'; it has Conv1d"):
        _ = nn.modules.conv.Linear
    with pytest.raises(AttributeError):
        _ = nn.modules.Nothing


def test_helpers_give_what_pytorchs_give():
    ours, theirs = place(tl, "modules.utils"), place(torch, "modules.utils")
    for name in ("_single", "_pair", "_triple", "_quadruple"):
        for value in (3, (1, 2), [4]):
            assert getattr(ours, name)(value) == getattr(theirs, name)(value)
    assert ours._ntuple(5)(1) == theirs._ntuple(5)(1)
    assert ours._reverse_repeat_tuple((1, 2, 3), 2) == theirs._reverse_repeat_tuple((1, 2, 3), 2)
    for size in (7, [None, 2], [3, 2]):
        assert ours._list_with_default(size, [4, 5, 6]) == theirs._list_with_default(size, [4, 5, 6])
    with pytest.raises(ValueError):
        ours._list_with_default([None, 2], [1])


def test_the_places_load_nothing_early():
    """``import tensorflowlite_clone`` loads none of them."""
    import subprocess
    import sys

    program = "import sys, tensorflowlite_clone; sys.exit(any(m.startswith('tensorflowlite_clone.nn') for m in sys.modules))"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_bases_and_helpers_that_programs_import():
    from tensorflowlite_clone.nn.modules.padding import _ConstantPadNd, _ReflectionPadNd, _ReplicationPadNd
    from tensorflowlite_clone.nn.modules.pooling import _AdaptiveAvgPoolNd, _AdaptiveMaxPoolNd
    from tensorflowlite_clone.nn.modules.transformer import _get_activation_fn, _get_clones

    from tensorflowlite_clone.nn.modules.module import _addindent, _IncompatibleKeys

    assert isinstance(nn.AdaptiveAvgPool2d(1), _AdaptiveAvgPoolNd) and isinstance(nn.AdaptiveMaxPool1d(1), _AdaptiveMaxPoolNd)
    assert isinstance(nn.ZeroPad2d(1), _ConstantPadNd) and isinstance(nn.ReflectionPad3d(1), _ReflectionPadNd)
    assert isinstance(nn.ReplicationPad1d(1), _ReplicationPadNd) and not isinstance(nn.ReplicationPad1d(1), _ReflectionPadNd)
    found = nn.Linear(1, 1).load_state_dict({}, strict=False)
    theirs = torch.nn.Linear(1, 1).load_state_dict({}, strict=False)
    assert isinstance(found, _IncompatibleKeys) and repr(found) == repr(theirs)
    assert _addindent("a\nb\nc", 2) == "a\n  b\n  c"
    assert len(_get_clones(nn.ReLU(), 3)) == 3 and _get_activation_fn("gelu") is nn.functional.gelu
    with pytest.raises(ValueError, match="activation must be one of"):
        _get_activation_fn("tanh")


def test_optimizers_at_their_places():
    for name in [
        m.name for m in pkgutil.iter_modules(torch.optim.__path__) if m.name not in ("_functional", "_multi_tensor", "_stateless")
    ]:
        theirs = importlib.import_module(f"torch.optim.{name}")
        ours = importlib.import_module(f"tensorflowlite_clone.optim.{name}")
        for n, value in vars(theirs).items():
            if getattr(value, "__module__", "") == theirs.__name__ and isinstance(value, type) and issubclass(value, torch.optim.Optimizer):
                assert getattr(ours, n) is getattr(tl.optim, n), (name, n)


@pytest.mark.parametrize("axes", [1, 2, 3])
@pytest.mark.parametrize("settings", [{}, {"stride": 2, "padding": 1}, {"dilation": 2, "groups": 2, "padding": 2}], ids=str)
def test_gradients_of_convolutions_as_functions(axes, settings):
    rng = np.random.default_rng(0)
    x, w = rng.normal(size=(2, 4, *range(5, 5 + axes))), rng.normal(size=(6, 4 // settings.get("groups", 1), *[3, 2, 3][:axes]))
    g = getattr(torch.nn.functional, f"conv{axes}d")(torch.tensor(x), torch.tensor(w), **settings).numpy()
    for kind, sizes in (("input", (x.shape, w)), ("weight", (x, w.shape))):
        found = []
        for T in (tl, torch):
            f = getattr(importlib.import_module(f"{T.__name__}.nn.grad"), f"conv{axes}d_{kind}")
            found.append(f(*(s if isinstance(s, tuple) else T.tensor(s) for s in sizes), T.tensor(g), **settings).numpy())
        np.testing.assert_allclose(*found, rtol=1e-9, atol=1e-12)
    f = getattr(nn.grad, f"conv{axes}d_input")
    with pytest.raises(RuntimeError, match="grad_output must be"):
        f(x.shape, tl.tensor(w), tl.tensor(g[..., 1:]), **settings)
    with pytest.raises(ValueError, match="must be at least 1"):
        f(x.shape, tl.tensor(w), tl.tensor(g), stride=0)
    with pytest.raises(RuntimeError, match="do not fit"):
        f(x.shape, tl.tensor(w), tl.tensor(g), groups=5)
