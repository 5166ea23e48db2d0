"""Which of PyTorch's names are here: what `docs/generate.py` writes as ``docs/coverage.md``. Nothing here needs PyTorch.

The names stand in ``tests/torch_names.json``, which ``tests/torch_names.py`` makes. What differs is read from the tables that the tests
use and from `docs/differences.md`; what is not here has a reason in `REASONS`, or is `NOT_YET`. A name without either is an error.
"""

from __future__ import annotations

import ast
import functools
import re
import sys
from collections.abc import Iterator
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

TESTS = Path(__file__).resolve().parents[1] / "tests"
sys.path.insert(0, str(TESTS))
import torch_names  # noqa: E402

import tensorflowlite_clone as tl  # noqa: E402

DIFFERENCES = Path(__file__).parent / "differences.md"
QUANTIZED = "there are no quantized tensors: NumPy has no such kinds of numbers"
DEVICES = "there is only the CPU"
INSIDE = "an inside of PyTorch, or a module that only gathers what stands elsewhere; programs do not call it"
SCRIPT = "TorchScript, `torch.export` and other compilers of programs: here Python runs them"
AUTOCAST = "automatic mixed precision, which is for accelerators: convert with `to(dtype)`"
STORAGE = "memory without a shape: a tensor's memory is a NumPy array"
PROCESSES = "several processes, or machines"
SYMBOLIC = "shapes that are symbols, for PyTorch's compilers"
LAYOUTS = "sparse tensors of compressed layouts: SciPy has them"
SELECTIVE = "chooses by operation what is computed anew, which needs PyTorch's dispatcher: checkpoint the parts themselves"

#: Why a name is not here: patterns of whole names, with their space, and the reason. The first that fits counts.
REASONS: list[tuple[str, str]] = [
    (r"(Tensor\.)?(sparse_(bs|cs|compressed)\w*|to_sparse_(bs|cs)\w*|c?c(ol|row)_indices(_copy)?|(col|row)_indices(_copy)?|crow_indices\w*)",
     LAYOUTS),
    (r"(Tensor\.)?(q(u?int\d+x?\d*|_\w+|scheme)|\w*quantized?\w*|\w*qparams\w*|int_repr|fbgemm_\w+|\w*fake_quant\w*)|ao|quantization|"
     r"nn\.(intrinsic|qat|quantizable|quantized)", QUANTIZED),
    (r"u?int[1-7]|bits?\w*|float[48]_\w+", "NumPy has no numbers of so few bits"),
    (r"chalf|complex32", "NumPy has no complex numbers of half precision: use complex64"),
    (r"(Tensor\.|nn\.Module\.)?(xpu|mtia|ipu|cuda|is_ipu|is_maia|is_mtia|is_vulkan|record_stream)|numa|"
     r"is_vulkan_available|\w*Stream\w*|Event|DeviceObjType|\w*cudnn\w*|miopen_\w+|"
     r"(Tensor\.to_)?mkldnn\w*", DEVICES),
    (r"\w*autocast_(ipu|xla)\w*|get_autocast_ipu_dtype|\w*autocast_gpu_enabled", AUTOCAST),
    (r"\w*Storage|\w*StorageContext|(Tensor\.)?storage\w*|Tensor\.set_", STORAGE),
    (r"(fork|wait|Future|AwaitType|RRefType|AVG|SUM)|(Tensor\.)?is_distributed|"
     r"nn\.Module\.share_memory|utils\.data\.DistributedSampler", PROCESSES),
    (r"Sym\w+|sym_\w+", SYMBOLIC),
    (r"fx|export|onnx|nativert|package|import_ir\w*|parse_\w+|merge_type\w*|unify_type\w*|"
     r"cond|Script\w+|LiteScriptModule|Compilation\w+|FileCheck|JITException|CallStack|Code|Block|Graph\w*|Node|Use|Value|Argument\w*|"
     r"\w*Type|ConcreteModule\w+|ExecutionPlan|FunctionSchema|CompleteArgumentSpec|ErrorReport|AliasDb|TracingState|StaticModule|"
     r"Gradient|OperatorInfo|ParameterDict|ModuleDict|BufferDict|Capsule|IODescriptor", SCRIPT),
    (r"PyTorchFile\w+|DeepCopyMemoTable|\w*Logger|ThroughputBenchmark|Benchmark\w+|Dispatch\w+|"
     r"ExcludeDispatchKeyGuard|DisableTorchFunction\w*|Tag|FatalError|AggregationType", INSIDE),
    (r"gru|lstm|rnn_\w+|native_\w+|batch_norm_\w+|norm_except_dim|grid_sampler\w*|affine_grid_generator|convolution",
     "what PyTorch's layers call; here: the layers, and `nn.functional`"),
    (r"(slice_inverse|init_num|hash_tensor)\w*|contrib|cpp|monitor|return_types|functional|"
     r"thread_safe_generator|set_anomaly_enabled|has_\w+|nn\.(cpp|backends|common_types|parameter\.UninitializedTensorMixin)|Tensor\.(slice_inverse|module_load|"
     r"index|hash_tensor|grad_dtype|name|volatile|reinforce|resize|resize_as)|autograd\.(NestedIOFunction|enforce_\w+)|"
     r"autograd\.graph\.(set_\w+|region_\w+)|func\.debug_unwrap|nn\.functional\.(ScalingType|SwizzleType)|nn\.Module\.(dump_patches|"
     r"call_super_init)|optim\.(Optimizer\.(profile_hook_step|Optimizer\w+Hook)|swap_in\w+)", INSIDE),
    (r"utils\.checkpoint\.(CheckpointPolicy|create_selective\w+|SelectiveCheckpointContext|SAC_\w+)", SELECTIVE),
    (r"utils\.checkpoint\.\w+", INSIDE),
    (r"nn\.functional\.(scaled_|grouped_|scaled_grouped_)mm", "products of float8 and float16 in groups, which accelerators have"),
    (r"func\.rearrange", "write `permute` and `reshape`"),
    (r"nested|Tensor\.to_padded_tensor", "stacks of tensors of several lengths: pad them, or pack them with `nn.utils.rnn`"),
    (r"masked\.(MaskedTensor|\w*masked_tensor)", "a tensor with its mask, a prototype in PyTorch: the functions of `masked` take `mask=`"),
    (r"quasirandom", "quasirandom numbers are in SciPy"),
    (r"utils\.data\.(\w*DataPipe\w*|\w*datapipe\w*|argument_validation|runtime_validation\w*|DataChunk|non_deterministic|guaranteed\w*)",
     "data pipes, which PyTorch no longer develops"),
    (r"(indices|values)_copy|(Tensor\.)?(resize_as_sparse_|sparse_resize_\w*)",
     "copies of parts of sparse tensors, and other shapes for them: make another with `sparse_coo_tensor`"),
]  # fmt: skip
#: What is still to come, in the same way.
NOT_YET: list[str] = []
#: What differs and stands in none of the tables that are read.
DIFFERENT: dict[str, str] = {
    **dict.fromkeys(
        ["nn.utils.convert_conv2d_weight_memory_format", "nn.utils.convert_conv3d_weight_memory_format"],
        "memory is row-major: there is no `channels_last`",
    ),
    "nn.init.trunc_normal_": "exact for every interval, also far from the mean, where PyTorch warns that it may not be",
    "nn.utils.parametrize.cached": "a value is computed anew where another tensor has taken the place of an original",
    "nn.utils.parametrize.register_parametrization": "modules with the same parametrized names share a class: they can be stacked",
}
#: Words in the list of differences that name something else than the function of that name, or not what differs.
ELSEWHERE = {"log_softmax", "normal", "random", "device", "pin_memory", "tl", "np", "igamma"}
#: Reasons in the tables of the tests that are about the test or about PyTorch's stubs, and no difference.
NO_DIFFERENCE = re.compile(
    r"part of the call is in single precision|the call asserts|only in PyTorch's stubs|an error whatever it is given"
)
#: The quantities of ``tests/test_against_torch.py`` in words.
QUANTITIES = {"jvp": "forward mode", "second": "second derivative", "vjp": "gradient", "tolerance": "accuracy"}


class Row(NamedTuple):
    """A name: whether it is there (or None for not yet), and what differs or why it is not there."""

    name: str
    there: bool | None
    text: str


def resolves(path: str) -> bool:
    """Whether the package has this name, which may be None itself."""
    owner: Any = tl
    for part in path.split("."):
        if not hasattr(owner, part):
            try:
                import_module(f"{owner.__name__}.{part}")
            except (ImportError, AttributeError):
                return False
            if not hasattr(owner, part):
                return False
        owner = getattr(owner, part)
    return True


def constants(file: str, *wanted: str) -> list[Any]:
    """Tables of a test, read from its source: some tests cannot be imported without PyTorch."""
    scope: dict[str, Any] = {}
    for node in ast.parse((TESTS / file).read_text()).body:
        targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
        if targets and isinstance(targets[0], ast.Name) and targets[0].id.isupper() and node.value is not None:
            try:
                scope[targets[0].id] = eval(compile(ast.Expression(node.value), file, "eval"), dict(scope))
            except NameError:
                continue  # a table of other things than text
    return [scope[name] for name in wanted]


def spaces_of(name: str) -> Iterator[str]:
    """The names of the index whose last part is this."""
    for space in ("", "Tensor", "nn.functional", "linalg", "special", "utils.data", "nn", "optim.lr_scheduler", "autograd", "nn.Module"):
        if name in torch_names.table()[space]:
            yield f"{space}.{name}".lstrip(".")


@functools.cache
def differences() -> dict[str, list[str]]:
    """What differs, by name."""
    found: dict[str, list[str]] = {name: [text] for name, text in DIFFERENT.items()}

    def add(name: str, text: str) -> None:
        if text not in found.setdefault(name, []):
            found[name].append(text)

    (arguments,) = constants("test_signatures.py", "DEVIATIONS")
    for name, reasons in arguments.items():
        for reason in dict.fromkeys(reasons.values()) if name != "*" else ():
            if NO_DIFFERENCE.match(reason):
                continue
            lacking = ", ".join(f"`{a}`" for a, why in reasons.items() if why == reason)
            add(name, f"not by {lacking}: {reason}")
    (calls,) = constants("test_against_torch.py", "DEVIATIONS")
    same: dict[tuple[str, str, str], list[str]] = {}
    for call, (what, reason) in calls.items():
        name = re.split(r"[ =]", call)[0]
        if not NO_DIFFERENCE.match(reason):
            same.setdefault((name, what, reason), []).append(call.removeprefix(name).strip())
    for (name, what, reason), cases in same.items():
        for full in [s for s in spaces_of(name) if not s.startswith("nn.Module")][:1]:
            said = ", ".join(QUANTITIES.get(w, w) for w in what.split())
            add(full, f"{said}{f' ({chr(44).join(cases)})'.replace(',', ', ') if all(cases) else ''}: {reason}")
    for text in differing_lines():
        for token in re.findall(r"`(?:\w+\.)?(\w+)(?:\([^`]*\))?`", text):
            for full in spaces_of(token) if token not in ELSEWHERE else ():
                if not full.startswith("Tensor.") or full.removeprefix("Tensor.") not in torch_names.table()[""]:
                    add(full, text)
    return found


def differing_lines() -> list[str]:
    """The items of the list of what differs on purpose."""
    part = DIFFERENCES.read_text(encoding="utf-8")
    return [re.sub(r"\s+", " ", item).strip() for item in re.split(r"^\* ", part, flags=re.M)[1:] for item in [item.partition("\n\n")[0]]]


def reason(name: str) -> str | None:
    """Why a name is not here; None for what is still to come. Raises `LookupError` where nothing says it."""
    for pattern, text in REASONS:
        if re.fullmatch(pattern, name):
            return text
    if any(re.fullmatch(pattern, name) for pattern in NOT_YET):
        return None
    raise LookupError(f"docs/coverage.py: {name} is not here, and no row of REASONS or NOT_YET says why")


def rows(space: str) -> list[Row]:
    """A row for each name of a space."""
    differ, found = differences(), []
    for name in torch_names.names()[space]:
        full = f"{space}.{name}".lstrip(".")
        if resolves(full):
            text = "; ".join(differ.get(full, []))
            if not text and space == "Tensor" and name in differ and name in torch_names.table()[""]:
                text = "as the function"
            found.append(Row(name, True, text))
        else:
            why = reason(full)
            found.append(Row(name, None if why is None else False, why or ""))
    return found


def _listed(names: list[str]) -> str:
    return ", ".join(f"`{n}`" for n in names)


def section(space: str, found: list[Row]) -> list[str]:
    """The part of the page on one space."""
    title = f"`{space or 'torch'}`" + (" (methods and attributes)" if space in torch_names.CLASSES else "")
    lines = [f"## {title}\n\n"]
    different = [r for r in found if r.there and r.text]
    there = [r.name for r in found if r.there and not r.text]
    lines += [f"There: {_listed(there)}.\n\n"] if there else []
    if different:
        lines += ["| there with a difference | which |\n| --- | --- |\n"]
        lines += [f"| `{r.name}` | {r.text.replace('|', chr(92) + '|')} |\n" for r in different] + ["\n"]
    absent: dict[str, list[str]] = {}
    for r in found:
        if r.there is False:
            absent.setdefault(r.text, []).append(r.name)
    if absent:
        lines += ["| not there | why |\n| --- | --- |\n"] + [f"| {_listed(names)} | {why} |\n" for why, names in absent.items()] + ["\n"]
    later = [r.name for r in found if r.there is None]
    return lines + ([f"Not yet: {_listed(later)}.\n\n"] if later else [])


def names_are_fresh() -> bool | None:
    """Whether ``tests/torch_names.json`` is what the installed PyTorch gives; None where there is none, or another version."""
    if find_spec("torch") is None:
        return None
    torch = import_module("torch")
    if ".".join(torch.__version__.split(".")[:2]) != torch_names.table()["version"]:
        return None
    return torch_names.make(torch) == torch_names.table()


def page() -> str:
    """``docs/coverage.md``."""
    every = {space: rows(space) for space in torch_names.SPACES}
    lines = [
        "# PyTorch's names\n\n",
        f"Generated by `docs/generate.py`: every name of the public index of PyTorch {torch_names.table()['version']}, and whether it is "
        "here. What is there has PyTorch's signature, and the tests compare it with PyTorch; what differs on purpose is said, as far as it "
        "belongs to one name (all of it: [differences](differences.md)). Random numbers are NumPy's "
        "everywhere.\n\n",
        "| | names | there | with a difference | not there | not yet |\n| --- | --- | --- | --- | --- | --- |\n",
    ]
    totals = [0] * 5
    for space, found in every.items():
        counts = [
            len(found), sum(bool(r.there) and not r.text for r in found), sum(bool(r.there and r.text) for r in found),
            sum(r.there is False for r in found), sum(r.there is None for r in found),
        ]  # fmt: skip
        totals = [a + b for a, b in zip(totals, counts, strict=True)]
        lines.append(f"| `{space or 'torch'}` | {' | '.join(map(str, counts))} |\n")
    lines.append(f"| all | {' | '.join(map(str, totals))} |\n\n")
    for space, found in every.items():
        lines += section(space, found)
    return "".join(lines).rstrip("\n") + "\n"
