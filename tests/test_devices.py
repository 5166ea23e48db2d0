"""What programs ask of accelerators, backends, versions and the rest of the machine: PyTorch's answers on a machine that has only a CPU."""

from __future__ import annotations

import contextlib
import importlib
import subprocess
import sys
import warnings

import pytest

import tensorflowlite_clone as tl
from tensorflowlite_clone import _devices

ABSENT = ("cuda", "xpu", "mps", "mtia", "accelerator")
ANSWERS = {name: make for make, names in _devices.ANSWERS for name in names.split()}
#: Where PyTorch fails though nothing would have to happen.
HARMLESS = {
    "synchronize", "ipc_collect", "init", "set_sync_debug_mode", "set_per_process_memory_fraction", "memory_snapshot", "memory_summary",
    "reset_peak_memory_stats", "reset_accumulated_memory_stats", "reset_max_memory_allocated", "reset_max_memory_cached", "seed",
    "reset_peak_host_memory_stats", "reset_accumulated_host_memory_stats", "empty_cache", "current_allocated_memory", "empty_host_cache",
    "driver_allocated_memory", "recommended_max_memory", "is_current_stream_capturing", "list_gpu_processes", "caching_allocator_enable",
    "max_memory_allocated", "max_memory_reserved", "memory_allocated", "memory_reserved", "memory_stats",
}  # fmt: skip


def answered(module):
    return [(module, n) for n in dir(getattr(tl, module)) if n in ANSWERS]


@pytest.mark.parametrize("module, name", [pair for module in ABSENT for pair in answered(module)])
def test_questions_are_answered_as_by_a_pytorch_without_the_device(module, name):
    ours = getattr(getattr(tl, module), name)
    arguments = (
        (0, 1)
        if name == "can_device_access_peer"
        else (0,)
        if "manual" in name or "fraction" in name
        else ([],)
        if name == "set_rng_state_all"
        else ()
    )
    assert ours.__doc__ and ours() == ours(0) == ANSWERS[name]()
    torch = pytest.importorskip("torch")
    theirs = getattr(getattr(torch, module), name, None)
    if theirs is None or module == "mtia":
        return
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            expected = theirs(*arguments)
    except (AssertionError, RuntimeError, AttributeError, KeyError, TypeError, ImportError):
        assert name in HARMLESS or name == "can_device_access_peer"
    else:
        assert expected == ours(*arguments) or name == "list_gpu_processes"


def test_what_a_device_would_have_to_do_is_refused():
    count = 0
    for module in ABSENT:
        owner = getattr(tl, module)
        for name in [*_devices.REFUSED.split(), *_devices.CLASSES.split()]:
            if name in dir(owner):
                count += 1
                with pytest.raises(AssertionError, match=rf"{module}\.{name}: there is no .*; ask is_available\(\) first"):
                    getattr(owner, name)()
    assert count > 60
    for chosen in (None, -1):
        with tl.cuda.device(chosen), tl.cuda.stream(None):
            pass
    with pytest.raises(RuntimeError, match=r"cuda\.device: there is no GPU"):
        tl.cuda.device(0)
    assert not isinstance(tl.ones(1), tl.cuda.FloatTensor)
    with tl.cuda.nvtx.range("x"):
        tl.cuda.nvtx.range_push("y")


@pytest.mark.parametrize("module", ["cuda", "xpu", "mps", "accelerator", "cpu"])
def test_the_names_are_pytorchs(module):
    torch = pytest.importorskip("torch")
    theirs = getattr(torch, module)
    assert not {n for n in getattr(tl, module).__all__ if not hasattr(theirs, n)} - {"current_blas_handle", "cudart", "is_macos13_or_newer"}


def test_the_cpu_is_one_device_that_waits_for_nothing():
    cpu = tl.cpu
    assert cpu.is_available() and cpu.is_initialized() and cpu.device_count() == 1 and cpu.current_device() == "cpu"
    with cpu.stream(cpu.current_stream()) as s:
        assert (cpu.synchronize() is None and cpu.set_device("cpu") is None and s is None) or s.synchronize() is None
    event = cpu.Event()
    event.record()
    event.wait()
    event.synchronize()
    assert event.query() and cpu.Stream().wait_stream(cpu.Stream()) is None and cpu.get_capabilities() == {}


def test_settings_of_backends_are_remembered():
    from tensorflowlite_clone.backends import cudnn

    assert cudnn is tl.backends.cudnn and cudnn.enabled and not cudnn.benchmark and not cudnn.is_available() and cudnn.version() is None
    cudnn.benchmark = True
    with cudnn.flags(enabled=False, benchmark=False):
        assert not cudnn.enabled and not cudnn.benchmark
    assert cudnn.benchmark and cudnn.enabled
    cudnn.benchmark = False
    tl.backends.cuda.matmul.allow_tf32 = True
    assert tl.backends.cuda.matmul.allow_tf32 and not tl.backends.cuda.is_built()
    tl.backends.cuda.matmul.allow_tf32 = False
    tl.backends.cuda.enable_flash_sdp(False)
    assert not tl.backends.cuda.flash_sdp_enabled() and tl.backends.cuda.math_sdp_enabled()
    tl.backends.cuda.enable_flash_sdp(True)
    with tl.backends.cuda.sdp_kernel(enable_math=False), tl.backends.mkl.verbose(tl.backends.mkl.VERBOSE_ON):
        pass
    with tl.nn.attention.sdpa_kernel([tl.nn.attention.SDPBackend.MATH]):
        pass
    with pytest.raises(TypeError, match="SDPBackend"), tl.nn.attention.sdpa_kernel("math"):
        pass


def test_backends_are_pytorchs():
    torch = pytest.importorskip("torch")
    for name in tl.backends.PLACES:
        if name == "cuda.cufft_plan_cache":
            continue  # PyTorch's asks the device
        ours, theirs = tl.backends, torch.backends
        for part in name.split("."):
            with contextlib.suppress(ImportError):
                importlib.import_module(f"torch.backends.{name}")
            ours, theirs = getattr(ours, part), getattr(theirs, part)
        for n in ours.__all__:
            if hasattr(theirs, n) and n.startswith("is_") and n not in ("is_available", "is_acceptable", "is_macos_or_newer"):
                with contextlib.suppress(TypeError, RuntimeError):
                    assert getattr(ours, n)() == getattr(theirs, n)()
        assert not {n for n in ours.__all__ if not hasattr(theirs, n) and n not in ("flags", "set_flags", "is_acl_available")}


def test_what_would_need_pytorchs_dispatcher_or_a_network_says_so():
    refused = {
        "hub": [("load", ("a", "b")), ("list", ("a",)), ("help", ("a", "b")), ("load_state_dict_from_url", ("u",)),
                ("download_url_to_file", ("u", "f"))],
        "library": [("Library", ("a", "DEF")), ("custom_op", ("a::b",)), ("register_fake", ("a",)), ("define", ("a", "b"))],
        "jit": [("save", (None, "f")), ("load", ("f",)), ("export_opnames", (None,)), ("CompilationUnit", ())],
    }  # fmt: skip
    for module, calls in refused.items():
        for name, args in calls:
            with pytest.raises(RuntimeError, match=rf"{module}\.{name}: .*; "):
                getattr(getattr(tl, module), name)(*args)
    with pytest.raises(RuntimeError, match=r"torch\.ops\.aten: there is no dispatcher"):
        _ = tl.library.ops.aten
    tl.hub.set_dir("~/here")
    assert tl.hub.get_dir().endswith("/here") and "~" not in tl.hub.get_dir()
    tl.hub._folder.clear()


def test_random_states_and_safe_classes():
    from tensorflowlite_clone import random, serialization

    assert random.manual_seed is tl.manual_seed and serialization.load is tl.load
    tl.manual_seed(3)
    with random.fork_rng(devices=[]):
        a = tl.rand(3)
        with random.fork_rng(enabled=False):
            tl.rand(1)
    assert tl.equal(a, tl.rand(3)) and random.initial_seed() == 3
    with serialization.safe_globals([set]):
        serialization.add_safe_globals([list])
        assert serialization.get_safe_globals() == [set, list]
    assert serialization.get_safe_globals() == []


def test_none_of_this_is_loaded_early():
    names = (
        "accelerator amp as_torch backends compiler cpu cuda distributed hub jit library mps mtia multiprocessing overrides random testing"
    )
    program = (
        f"import sys, tensorflowlite_clone as tl; names = {names.split()!r}; "
        "early = [n for n in names if f'tensorflowlite_clone.{n}' in sys.modules]; assert not early, early; "
        "assert set(names) <= set(dir(tl)); tl.compile; tl.autocast; assert 'tensorflowlite_clone.compiler' in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
