"""What else modules have in PyTorch: conversions, buffers by class, submodules by path, versions of states, hooks into saving and loading.

Each program runs with our package and with PyTorch, and must tell the same. Not here: registration (``test_registration.py``), hooks of
calls (``test_hooks.py``), the rest of the contract (``test_module.py``).
"""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest

import tensorflowlite_clone as tl
from tensorflowlite_clone import nn

torch = pytest.importorskip("torch")


def small(T):
    return T.nn.Sequential(T.nn.Linear(2, 3), T.nn.Sequential(T.nn.BatchNorm1d(3), T.nn.ReLU()))


def names(T, tensors):
    return [(n, str(t.dtype).removeprefix("torch."), tuple(t.shape), t.requires_grad) for n, t in tensors]


def conversions(T):
    m = small(T)
    m(T.ones(4, 2)).sum().backward()
    kept = list(m.parameters())
    told = []
    for change in (lambda m: m.double(), lambda m: m.half(), lambda m: m.bfloat16(), lambda m: m.float(), lambda m: m.to(T.float64),
                   lambda m: m.to("cpu"), lambda m: m.to(T.zeros(1)), lambda m: m.cpu(), lambda m: m.to_empty(device="cpu"),
                   lambda m: m.to_empty(device=None, recurse=False), lambda m: m._apply(lambda t: t + 0)):  # fmt: skip
        assert change(m) is m
        told.append(names(T, m.state_dict().items()))
        told.append([p.grad is None or p.grad.dtype == p.dtype for p in m.parameters()])
        told.append([p is q for p, q in zip(m.parameters(), kept, strict=True)])
    typed = T.nn.BatchNorm1d(2).type(T.float64)
    return [*told, names(T, typed.state_dict().items()), T.nn.ReLU().cuda() is not None]


def extended_apply(T):
    class Holder(T.nn.Module):
        def __init__(self):
            super().__init__()
            self.inner, self.extra = T.nn.Linear(1, 1), T.zeros(2)

        def _apply(self, fn, recurse=True):
            super()._apply(fn, recurse)
            self.extra = fn(self.extra)
            return self

    m = T.nn.Sequential(Holder()).double()
    return str(m[0].extra.dtype).removeprefix("torch."), names(T, m.named_parameters())


def submodules(T):
    m = small(T)
    m.set_submodule("1.1", T.nn.Tanh())
    m.set_submodule("0", T.nn.Identity(), strict=True)
    m.set_submodule("extra", T.nn.ReLU())
    told = [repr(m)]
    for target, module, kind in (("", T.nn.ReLU(), ValueError), ("1.7", T.nn.ReLU(), AttributeError), ("a.b", T.nn.ReLU(), AttributeError),
                                 ("0", 3, ValueError), ("training", T.nn.ReLU(), AttributeError)):  # fmt: skip
        with pytest.raises(kind):
            m.set_submodule(target, module, strict=True)
    return [*told, repr(m), m._get_name()]


def buffers(T):
    m = T.nn.Module()
    m.a = T.nn.Buffer(T.ones(2))
    m.b = T.nn.Buffer(T.ones(1), persistent=False)
    m.c = T.zeros(3)
    told = [names(T, m.named_buffers()), list(m.state_dict()), sorted(m._non_persistent_buffers_set), repr(m.a)]
    m.a = T.zeros(1)  # is a buffer still
    m.b = T.nn.Buffer(T.zeros(2))  # and is saved from now on
    told += [names(T, m.named_buffers()), list(m.state_dict()), isinstance(m.a, T.nn.Parameter)]
    with pytest.raises(KeyError):
        m.c = T.nn.Buffer(T.ones(1))
    del m.c
    m.c = T.nn.Buffer(T.ones(1))
    told += [[n for n, _ in m.named_buffers()], "c" in vars(m), T.nn.Buffer().shape == (0,)]
    with pytest.raises(TypeError):
        m.a = "text"
    again = copy.deepcopy(m)
    return [*told, [n for n, _ in again.named_buffers()], list(again.state_dict())]


def versions(T):
    state = T.nn.Sequential(T.nn.BatchNorm1d(2), T.nn.Linear(2, 2)).state_dict()
    told = [dict(state._metadata), dict(copy.deepcopy(state)._metadata)]

    class Renamed(T.nn.Module):
        _version = 3

        def __init__(self):
            super().__init__()
            self.new = T.nn.Parameter(T.zeros(2))
            self.seen = []

        def _save_to_state_dict(self, destination, prefix, keep_vars):
            super()._save_to_state_dict(destination, prefix, keep_vars)
            destination[prefix + "more"] = T.ones(1)

        def _load_from_state_dict(self, state, prefix, metadata, strict, missing, unexpected, errors):
            self.seen.append((prefix, metadata.get("version"), strict))
            if prefix + "old" in state:
                state[prefix + "new"] = state.pop(prefix + "old")
            if prefix + "more" in state:
                state.pop(prefix + "more")
            super()._load_from_state_dict(state, prefix, metadata, strict, missing, unexpected, errors)

    m = T.nn.Sequential(Renamed(), T.nn.Identity())
    told += [list(m.state_dict()), dict(m.state_dict()._metadata), str(m.load_state_dict(m.state_dict()))]
    given = {"0.old": T.ones(2)}
    told += [str(m.load_state_dict(given)), list(given), m[0].new.tolist(), m[0].seen]

    class Own(T.nn.Module):
        def __init__(self):
            super().__init__()
            self.w = T.nn.Parameter(T.zeros(1))

        def _load_from_state_dict(self, state, prefix, metadata, strict, missing, unexpected, errors):
            if prefix + "bad" in state:
                errors.append("it is bad")

    own = T.nn.ModuleDict({"x": Own()})
    told.append(str(own.load_state_dict({"x.anything": 3})))
    for bad in ({"x.bad": 1}, {"y": 1}, {"x.y.z": 1}):
        try:
            told.append(str(own.load_state_dict(bad)))
        except RuntimeError:
            told.append("refused")
    return told


def old_batch_norm(T):
    m = T.nn.Sequential(T.nn.BatchNorm1d(2))
    m(T.ones(3, 2))
    old = {k: v for k, v in m.state_dict().items() if "batches" not in k}
    told = [str(m.load_state_dict(old)), m[0].num_batches_tracked.item()]
    new = m.state_dict()
    del new["0.num_batches_tracked"]  # whose version says that it has it
    with pytest.raises(RuntimeError):
        m.load_state_dict(new)
    return told


def old_hooks(T):
    m, told = small(T), []
    m._register_state_dict_hook(lambda module, state, prefix, about: {k.upper(): v for k, v in state.items()})
    m[0]._register_load_state_dict_pre_hook(lambda state, prefix, *rest: told.append((prefix, len(rest))))
    m[1]._register_load_state_dict_pre_hook(lambda module, state, prefix, *rest: told.append((type(module).__name__, prefix)), True)
    told.append(list(m.state_dict()))
    m.load_state_dict(small(T).state_dict())
    return told


def arguments_of_module(T):
    class Mixin:
        def __init__(self, given=None):
            self.given = given

    class Both(T.nn.Module, Mixin):
        call_super_init = True

        def __init__(self):
            super().__init__(given=3)

    told = [Both().given, T.nn.Module.call_super_init, T.nn.Module._version, T.nn.Module.dump_patches]
    for arguments, named in (((1,), {}), ((), {"a": 1})):
        with pytest.raises(TypeError):
            T.nn.Module(*arguments, **named)
        with pytest.raises(TypeError):
            T.nn.Sigmoid(*arguments, **named)
    return told


def prefixes(T):
    state = T.nn.DataParallel(small(T)).state_dict()
    T.nn.modules.utils.consume_prefix_in_state_dict_if_present(state, "module.")
    small(T).load_state_dict(state)
    return list(state), dict(state._metadata), T.nn.DataParallel(T.nn.ReLU())(T.ones(1)).tolist()


def registration_hooks(T):
    told, place = [], T.nn.modules.module
    handles = [
        getattr(place, f"register_module_{kind}_registration_hook")(
            lambda m, name, x, kind=kind: told.append((kind, type(m).__name__, name))
        )
        for kind in ("parameter", "buffer", "module")
    ]
    m = T.nn.Sequential(T.nn.Linear(1, 1, bias=False), T.nn.BatchNorm1d(2))
    m.w, m.a = T.nn.Parameter(T.ones(1)), T.nn.ReLU()
    m.w, m.a, m[1].running_mean = None, None, T.zeros(2)
    for handle in handles:
        handle.remove()
    T.nn.Linear(1, 1)
    with place.register_module_module_registration_hook(lambda m, name, x: T.nn.Tanh()):
        told.append(("module", repr(T.nn.Sequential(T.nn.ReLU())), ""))
    return sorted(told)


PROGRAMS = [
    registration_hooks,
    conversions, extended_apply, submodules, buffers, versions, old_batch_norm, old_hooks, arguments_of_module, prefixes,
]  # fmt: skip


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda p: p.__name__)
def test_program_tells_the_same(program):
    assert program(tl) == program(torch)


def test_modules_lack_nothing_that_programs_call():
    internal = {
        "T_destination", "_backward_hooks", "_call_impl", "_compiled_call_impl", "_get_backward_hooks", "_get_backward_pre_hooks",
        "_maybe_warn_non_full_backward_hook", "_replicate_for_data_parallel", "_slow_forward", "_wrapped_call_impl",
    }  # fmt: skip
    for name in ("Module", "Sequential", "ModuleList", "ModuleDict", "ParameterList", "ParameterDict"):
        lacking = {n for n in dir(getattr(torch.nn, name)) if not hasattr(getattr(nn, name), n)}
        assert lacking - internal <= {"_get_abs_string_index", "_get_item_by_idx", "_key_to_attr"}, name


def test_other_devices_are_refused_by_name():
    for name in ("cuda", "xpu", "ipu", "mtia"):
        with pytest.raises(ValueError, match=f"there is only the CPU: got '{name}'"):
            getattr(nn.Linear(1, 1), name)()
    with pytest.raises(ValueError, match="there is only the CPU"):
        nn.Linear(1, 1).to_empty(device="cuda")
    assert nn.Linear(1, 1).compile() is None
    with pytest.raises(ValueError, match="memory is not shared between processes"):
        nn.Linear(1, 1).share_memory()


def test_buffers_keep_what_they_are_in_copies_and_files():
    for again in (copy.deepcopy, lambda b: pickle.loads(pickle.dumps(b))):
        b = again(nn.Buffer(np.ones(2), persistent=False))
        assert type(b) is nn.Buffer and not b.persistent and b.tolist() == [1.0, 1.0]
    with pytest.raises(TypeError, match="Buffer: data must be numbers"):
        nn.Buffer("text")
    assert type(nn.Buffer(np.ones(2)) + 1) is tl.Tensor


def test_a_class_may_load_its_part_by_itself():
    """What PyTorch's method does when it is called alone."""
    layer, missing, errors = nn.Linear(1, 2), [], []
    layer._load_from_state_dict({"weight": tl.ones(2, 1)}, "", {}, True, missing, [], errors)
    assert layer.weight.tolist() == [[1.0], [1.0]] and missing == ["bias"] and not errors
