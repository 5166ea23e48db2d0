"""Every argument name of PyTorch's signatures: each function that is here takes it, where PyTorch takes it, with PyTorch's default.

The signatures, all overloads, are those of ``torch_signatures.json``; nothing here needs PyTorch. What differs has a line with its reason
in `DEVIATIONS`. Names that are not here at all stand in ``torch_lacking.txt``, which ``python tests/torch_signatures.py --lacking`` writes.
"""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from torch_signatures import LACKING, Parameter, Signature, lacking, overloads, parsed, resolve, table
from wrong_calls import Attempt, find, right_calls

import tensorflowlite_clone as tl
from tensorflowlite_clone.core.registry import INPLACE
from tensorflowlite_clone.core.signature import HOW

STUBS = "only in PyTorch's stubs: its functions refuse it"
CUDNN = "chooses another library, which is not here"
INTERNAL = "PyTorch's own function under the one of nn.functional, which is what this name means here"
NUMBER_FIRST = "PyTorch's name for a first operand that is a number; input= takes numbers too"
REMOVED = "an error whatever it is given, as in PyTorch"
DEPRECATED = "the order of arguments of PyTorch before 1.5, which it warns about"
#: What PyTorch's signatures have and the functions here do not: the arguments (every function where the name is "*"), and why.
DEVIATIONS = {
    "*": {"names": "named dimensions, which are not here", "out_dtype": "products of float16 on GPUs",
          "_stacklevel": "where PyTorch's warning points"},
    "batch_norm": dict.fromkeys(("bias", "cudnn_enabled", "running_mean", "running_var", "weight"), INTERNAL),
    "instance_norm": dict.fromkeys(("bias", "cudnn_enabled", "running_mean", "running_var", "weight"), INTERNAL),
    "embedding": dict.fromkeys(("indices", "scale_grad_by_freq", "sparse", "weight"), INTERNAL),
    "group_norm": {"cudnn_enabled": CUDNN},
    "layer_norm": {"cudnn_enable": CUDNN},
    **{f"bitwise_{f}": {"self": NUMBER_FIRST} for f in ("and", "or", "xor", "left_shift", "right_shift")},
    "remainder": {"self": NUMBER_FIRST},
    "numel": {"self": STUBS},
    "from_numpy": {"ndarray": STUBS},
    "set_num_threads": {"num": STUBS},
    "linspace": {"steps": STUBS},
    "logspace": {"steps": STUBS},
    "tensor": dict.fromkeys(("dtype", "device", "requires_grad", "pin_memory"), STUBS),  # by position
    "Tensor.new_tensor": dict.fromkeys(("dtype", "device", "requires_grad", "pin_memory"), STUBS),
    "Tensor.requires_grad_": {"mode": STUBS},
    "Tensor.add": {"out": STUBS},
    "Tensor.sub": {"out": STUBS},
    "norm": dict.fromkeys(("out", "dtype"), "by keyword: the method takes dtype in the place where the function has out"),
    **{f: {"out": "by keyword, as everywhere else"} for f in ("lu", "tensordot")},
    **{f"Tensor.{f}": dict.fromkeys(("eigenvectors", "other"), REMOVED) for f in ("eig", "lstsq", "solve", "symeig")},
    "Tensor.new": {"cls": STUBS, "storage": "memory without a shape or a dtype, which is not here"},
    "nn.functional.normalize": {"out": "by keyword, as everywhere else"},
    **{f"nn.functional.{f}": {"dtype": "by keyword: before it stands _stacklevel"} for f in ("softmax", "softmin", "log_softmax")},
    "promote_types": dict.fromkeys(("type1", "type2"), "by position"),
    "result_type": dict.fromkeys(("tensor", "other", "scalar", "scalar1", "scalar2"), "by position"),
}  # fmt: skip
FUNCTIONS = [(space, name, ways) for space, name, ways in overloads() if resolve(tl, f"{space}.{name}") is not None]


def is_deprecated(way: Signature) -> bool:
    """Whether a factor stands before the tensor that it belongs to: PyTorch's old order."""
    positional = [p.name for p in way if p.kind == "positional"]
    first = next((i for i, p in enumerate(positional) if p in ("alpha", "beta", "value")), len(positional))
    return any(p.rstrip("12") in ("other", "mat", "batch", "vec", "tensor") for p in positional[first:])


def taken(f: Any, method: bool) -> tuple[list[set[str]], set[str], set[str], bool]:
    """What ``f`` takes: the names of each position, all names, those that may be left out, whether any number of arguments may follow."""
    if f.__name__.endswith("_") and f.__name__[:-1] in INPLACE:
        f = INPLACE[f.__name__[:-1]][0]
    op = getattr(f, "__op__", None)
    order, names, optional, rest = [], set(), set(), False
    if op is not None:
        order = [*op.called[: min(len(op.names), 2)], *op.names[2:], *op.params]
        names, optional = {*order, "out"}, {*op.defaults}
    else:
        for p in inspect.signature(inspect.unwrap(f)).parameters.values():
            if p.annotation == "How":
                names |= {*HOW}
                continue
            if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD):
                order.append(p.name)
            rest = rest or p.kind is p.VAR_POSITIONAL
            names.add(p.name)
            if p.default is not p.empty:
                optional.add(p.name)
    also = getattr(f, "__aliases__", {})
    names |= {*also} | ({"out"} if getattr(f, "__out__", False) else set())
    return [{n, *(a for a, name in also.items() if name == n)} for n in order][method:], names, optional, rest


def gaps(f: Any, ways: list[Signature], method: bool) -> set[str]:
    """The arguments of PyTorch's signatures that ``f`` does not take, or not at their place."""
    ways = [way for way in ways if not is_deprecated(way)]
    order, names, optional, rest = taken(f, method)
    shared = [{way[i].name for way in ways if len(way) > i} for i in range(max(map(len, ways), default=0))]
    found = set()
    for way in ways:
        for i, p in enumerate(way):
            here = order[i] if i < len(order) else set()
            if p.kind == "rest":
                found |= set() if rest else {p.name}
                continue
            placed = rest or p.kind == "keyword" or p.name in here or here & shared[i]
            spared = p.required or rest or p.name not in here or here & optional
            if p.name not in names or not placed or not spared:
                found.add(p.name)
    return found


@pytest.mark.parametrize(("space", "name", "ways"), FUNCTIONS, ids=[f"{s}.{n}".lstrip(".") for s, n, _ in FUNCTIONS])
def test_every_argument_of_torch_is_taken(space, name, ways):
    found = gaps(resolve(tl, f"{space}.{name}"), ways, space == "Tensor")
    assert found <= {*DEVIATIONS["*"], *DEVIATIONS.get(f"{space}.{name}".lstrip("."), ())}


def test_what_is_not_here_is_listed():
    listed = LACKING.read_text().split()
    assert {*lacking(tl)} <= {*listed}, "PyTorch's names that are neither here nor in torch_lacking.txt"


def test_a_missing_argument_would_be_found():
    def f(input, dim=None, *, keepdim=False):
        return input

    def way(text):
        return tuple(Parameter(n, "positional", inspect.Parameter.empty) for n in text.split())

    assert gaps(f, [way("input dim")], False) == set()
    assert gaps(f, [way("input other"), way("input dim")], False) == {"other"}
    assert gaps(f, [way("input dim keepdim")], False) == {"keepdim"}  # not by position
    assert gaps(f, [(Parameter("input", "positional", None),)], False) == {"input"}  # may be left out there
    assert is_deprecated(way("input alpha other")) and not is_deprecated(way("input other alpha"))


# ---- the same call, its arguments given in other ways -----------------------------------------------------------------------------------
SPACES = {"": "", "F.": "nn.functional", "linalg.": "linalg", "fft.": "fft", "special.": "special"}
SWEPT = [a for a in right_calls(3) if a.name in table()[SPACES[a.space]] and a.name != "from_numpy"]
#: Functions of which a call may fit several overloads and mean one: ``std(x, 1)`` along a dimension.
AMBIGUOUS = {"std", "std_mean", "tensor", "var", "var_mean", "view_copy"}
#: What a signature's default means nothing for: it has to be left out.
NO_DEFAULT = {"generator", "out"}


def bound(way: Signature, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any] | None:
    """The arguments of a call by the names of a signature; None if it cannot be that one."""
    positional = [p for p in way if p.kind == "positional"]
    if len(args) > len(positional) or any(p.kind == "rest" for p in way) or not {*kwargs} <= {p.name for p in way}:
        return None
    given = dict(zip([p.name for p in positional], args, strict=False))
    if given.keys() & kwargs.keys() or any(p.required and p.name not in {*given, *kwargs} for p in way):
        return None
    return given | kwargs


def as_given(x: Any) -> Any:
    if isinstance(x, np.ndarray):
        return tl.from_numpy(x.copy())
    return type(x)(map(as_given, x)) if type(x) in (list, tuple) else x


def spellings(
    ways: list[Signature], names: set[str], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Iterator[tuple[list[Any], dict[str, Any]]]:
    """The call by names alone, by names with every default said, and by position as far as that goes; one for each overload it may be."""
    for way in ways:
        named = None if is_deprecated(way) else bound(way, args, kwargs)
        if named is None or not {*named} <= names:
            continue
        said = {p.name: p.default for p in way if not p.required and p.default is not ... and p.name in names - NO_DEFAULT}
        places = [p for p in way if p.kind == "positional"]
        count = max((i + 1 for i, p in enumerate(places) if p.name in named), default=0)
        yield [], named
        yield [], {**said, **named}
        if all(p.name in named or p.name in said for p in places[:count]):
            rest = {k: v for k, v in named.items() if k not in {p.name for p in places}}
            yield [named.get(p.name, p.default) for p in places[:count]], rest


def check(f: Any, call: Attempt, tried: list[tuple[list[Any], dict[str, Any]]], first: tuple[Any, ...] = ()) -> None:
    """Every spelling of a call gives what the call does; of a method, ``first`` is the tensor itself."""

    def run(f: Any, args: Any, kwargs: Any) -> list[Any]:
        tl.manual_seed(0)
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            result = f(*map(as_given, args), **{k: as_given(v) for k, v in kwargs.items()})
        return list(result) if isinstance(result, tuple | list) else [result]

    failed, wanted = [], run(find(tl, call), call.args, call.kwargs)
    for args, kwargs in tried:
        try:
            for given, right in zip(run(f, (*first, *args), kwargs), wanted, strict=True):
                if isinstance(right, tl.Tensor) and call.name not in {"empty", "empty_like"}:
                    assert given.dtype == right.dtype
                    np.testing.assert_array_equal(given.numpy(force=True), right.numpy(force=True))
        except Exception as error:
            failed.append((args, kwargs, error))
    assert not failed or (call.name in AMBIGUOUS and len(failed) < len(tried)), failed


@pytest.mark.parametrize("call", SWEPT, ids=[f"{a.space}{a.name}-{i}" for i, a in enumerate(SWEPT)])
def test_arguments_by_name_by_position_and_with_every_default_said(call):
    f, ways = find(tl, call), [*map(parsed, table()[SPACES[call.space]][call.name])]
    check(f, call, list(spellings(ways, taken(f, False)[1], call.args, call.kwargs)))


#: Calls of functions that are methods of their first operand: that of ``where`` is another one.
OF_TENSORS = [
    a for a in SWEPT if a.name in table()["Tensor"].keys() - {"where"} and not a.space and a.args and isinstance(a.args[0], np.ndarray)
]


@pytest.mark.parametrize("call", OF_TENSORS, ids=[f"{a.name}-{i}" for i, a in enumerate(OF_TENSORS)])
def test_arguments_of_methods(call):
    f, ways = getattr(tl.Tensor, call.name), [*map(parsed, table()["Tensor"][call.name])]
    check(f, call, list(spellings(ways, taken(f, True)[1], call.args[1:], call.kwargs)), call.args[:1])
