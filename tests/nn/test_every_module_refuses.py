"""Inputs that modules do not take, for every class of ``torch.nn``: what PyTorch refuses is refused by an error of a like type, what it
takes is taken, with its results.

The cases stand in ``tests/module_cases.py``. Not here: settings (``test_wrong_settings.py``).
"""

from __future__ import annotations

import module_cases as table
import numpy as np
import pytest
from module_cases import CASES, name_of

import tensorflowlite_clone as tl
from tensorflowlite_clone import _errors

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.filterwarnings("ignore")
CLEAR = tuple(e for e in vars(_errors).values() if isinstance(e, type) and issubclass(e, Exception) and e.__module__ == _errors.__name__)

#: What is made of the first input.
CHANGES = {
    "without dimensions": lambda x: np.array(x.flat[0]),
    "a dimension less": lambda x: np.array(x[0]),
    "two dimensions less": lambda x: np.array(x[0, 0]) if x.ndim > 1 else x,
    "a dimension more": lambda x: x[None],
    "two dimensions more": lambda x: x[None, None],
    "no examples": lambda x: x[:0],
    "another channel": lambda x: np.concatenate([x, x[:, :1]], 1) if x.ndim > 1 else x,
    "no channels": lambda x: x[:, :0] if x.ndim > 1 else x,
    "one element less": lambda x: x[..., :-1],
    "one element": lambda x: x[..., :1],
    "nothing": lambda x: x[..., :0],
    "integers": lambda x: x.astype(np.int64) if x.dtype.kind == "f" else x,
    "floats": lambda x: x.astype(np.float64),
}
#: Where we take what PyTorch refuses: integers are numbers, which become floats as everywhere here; what is empty gives what is empty.
TAKEN = {"integers", "no examples", "no channels", "nothing"}
#: And else, by class and change.
ALSO_TAKEN = {
    **{(f"LazyInstanceNorm{d}d", "a dimension less"): "one example: PyTorch takes its length for the channels" for d in (1, 2, 3)},
    ("AvgPool3d", "one element"): "a window that sticks out, with ceil_mode, as in two dimensions",
}
#: What we refuse though PyTorch takes it.
REFUSED = {
    **{(f"Dropout{d}d", c): "PyTorch warns that it will be refused" for d in (2, 3) for c in CHANGES if "dimension" in c},
    ("Dropout", "integers"): "they have no zeros to scale; PyTorch takes them where p is 1 and nothing is computed",
    **{("FeatureAlphaDropout", c): "there are no channels; PyTorch says so where p is not 0" for c in CHANGES if "dimensions" in c},
    **{
        (f"FractionalMaxPool{d}d", c): "the given samples are those of other examples"
        for d in (2, 3)
        for c in ("a dimension less", "no examples")
    },
    ("FractionalMaxPool2d", "one element"): "a ratio of it is no element",
}
#: Where PyTorch's result of an empty input has another shape than that of any other.
ODD_SHAPES = {"PixelUnshuffle", "LazyConv1d", "LazyConv2d", "LazyConv3d"}


def first_cases():
    """One case for each class and number of dimensions."""
    return list({(name, inputs[0].ndim, len(inputs)): (name, kwargs, inputs) for name, kwargs, inputs in CASES[::-1]}.values())


def outcome(T, case, changed):
    """The results of a call in training and of one in evaluation, or the error."""
    T.manual_seed(0)
    found = []
    for mode in (True, False):
        module = table.made(T, case).double().train(mode)
        if not case[0].startswith("Lazy"):
            with T.no_grad():
                for p in module.parameters():
                    p.copy_(T.tensor(np.cos(np.arange(p.numel())).reshape(tuple(p.shape))))
        try:
            result = module(table.of(T, changed), *table.inputs(T, case)[1:])
            found.append([y.detach().numpy() for y in (result if isinstance(result, tuple) else [result])])
        except Exception as error:
            found.append(error)
    return found


def wrong(case, what, ours, theirs):
    """What is not as in PyTorch, in words; None if all is well."""
    name, changed = case[0], CHANGES[what](case[2][0])
    if isinstance(ours, Exception):
        if not isinstance(ours, CLEAR):
            return f"unclear: {ours!r}"
        if not isinstance(theirs, Exception):
            return None if (name, what) in REFUSED else f"refused: {ours!r}"
        accidents = IndexError | AttributeError | AssertionError | NotImplementedError  # of code that did not expect it
        return None if isinstance(theirs, accidents) or isinstance(ours, type(theirs)) else f"{ours!r} instead of {theirs!r}"
    if isinstance(theirs, Exception):
        return None if what in TAKEN or (name, what) in ALSO_TAKEN else f"taken: {theirs!r}"
    shapes = [[y.shape for y in results] for results in (ours, theirs)]
    if shapes[0] != shapes[1]:
        return None if name in ODD_SHAPES and not changed.size else f"shapes {shapes[0]} instead of {shapes[1]}"
    for y, z in zip(ours, theirs, strict=True) if not name.startswith("Lazy") else ():  # those have drawn their weights
        if y.dtype != z.dtype or not np.allclose(y, z, 1e-7, 1e-9, equal_nan=True):
            return f"{y.dtype} {y.ravel()[:3]} instead of {z.dtype} {z.ravel()[:3]}"
    return None


@pytest.mark.parametrize("case", first_cases(), ids=name_of)
def test_inputs_are_taken_and_refused_as_in_pytorch(case):
    found = []
    for what, change in CHANGES.items():
        changed = change(case[2][0])
        for mode, a, b in zip(("training", "evaluation"), outcome(tl, case, changed), outcome(torch, case, changed), strict=True):
            text = wrong(case, what, a, b)
            if text is not None:
                found.append(f"{what} {changed.shape}, in {mode}: {text}"[:400])
    assert not found, "\n".join(found)


@pytest.mark.parametrize("name", sorted({case[0] for case in CASES}))
def test_calls_without_input_or_with_too_many_are_type_errors(name):
    case = next(c for c in CASES if c[0] == name)
    for T, kinds in ((tl, TypeError), (torch, (TypeError, AttributeError))):
        module = table.made(T, case)
        for arguments in ((), (1,) * 40):
            with pytest.raises(kinds):
                module(*arguments)
