"""The paths from which PyTorch's programs import: every public name of every module of ``torch.nn.modules`` is at the same place here."""

from __future__ import annotations

import importlib
import pkgutil

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
