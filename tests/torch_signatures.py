"""The signatures of PyTorch's public functions and methods, every overload, as a table that needs no PyTorch to be read.

    python tests/torch_signatures.py            write tests/torch_signatures.json from the installed PyTorch
    python tests/torch_signatures.py --lacking  write tests/torch_lacking.txt: its names that this package does not have

A row is a list of parameter lists as they stand in a ``def``, without annotations: ``"(input, dim, keepdim=False, *, out=None)"``. They
come from PyTorch's own stubs (which are made from the table of its operators), from the source of its functions that are written in Python,
and, for ``linalg``, ``fft`` and ``special``, from the schemas of its operators together with the first lines of their documentation, which
tell whether there is ``out=``. No test is here.
"""

from __future__ import annotations

import ast
import functools
import importlib
import inspect
import json
import re
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

TABLE = Path(__file__).with_suffix(".json")
LACKING = Path(__file__).with_name("torch_lacking.txt")
#: Where functions live; "Tensor" are its methods.
SPACES = ("", "Tensor", "nn.functional", "linalg", "fft", "special", "signal.windows")
#: What is not of dense tensors on a CPU and their derivatives: storage of other kinds, other machines, compilers, the insides of PyTorch.
OUTSIDE = re.compile(
    r"^_|sparse|quantize|cudnn|miopen|mkldnn|fbgemm|xpu|cuda|q_|q_per|int_repr|dequant|fake_quant|_symint|compile|export|vulkan|mtia|named|"
    r"names|refine|align_|_jit|script|amp_|sym_|coalesce|_values|crow|ccol|col_indices|row_indices|indices$|to_padded|nested|dispatch|"
    r"_storage|storage_type|^cond$|while_loop|map$|dsmm|hsmm|hspmm|smm$|sspaddmm|saddmm|fork|wait|import_|parse_|unify|merge_type|autocast|"
    r"typename|classproperty|get_file_path|prepare_multi|deterministic|warn_always|vitals|vital$|handle_torch|has_torch|is_vulkan|"
    r"overrides|register|reduce_ex|share_memory|shared$|ipu|hpu|record_stream|rename|module_load|batch_norm_|native_|_scale$|init_num|"
    r"get_device|default_device|default_tensor_type|float32_matmul|flush_denormal|is_distributed|is_inference|lobpcg|segment_reduce|"
    r"boolean_dispatch|assert_int|adaptive_max_pool1d_with|rnn_|_cell$|^(gru|lstm)|grid_sampler|embedding_renorm|ctc_loss$|"
    r"as_subclass|has_names|fused_moving|wrapped_|choose_qparams|ScriptMethod|_has_compatible|nuclear_norm|frobenius|norm_except"
)
#: Rows whose stubs promise what PyTorch's functions refuse, here arguments by position.
CORRECTED = {
    ("nn.functional", "scaled_dot_product_attention"): [
        "(query, key, value, attn_mask=None, dropout_p=0.0, is_causal=False, *, scale=None, enable_gqa=False)"
    ]
}


class Parameter(NamedTuple):
    """One parameter of a signature: its kind as in `inspect` ("positional", "keyword", "rest"), whether it may be left out."""

    name: str
    kind: str
    default: Any

    @property
    def required(self) -> bool:
        return self.default is inspect.Parameter.empty and self.kind != "rest"


Signature = tuple[Parameter, ...]


def _default(node: ast.expr) -> Any:
    try:
        return ast.literal_eval(node)
    except ValueError:
        return ...  # something that this table cannot hold, as a dtype


@functools.cache
def parsed(text: str) -> Signature:
    """The parameters of ``"(input, dim=None, *, out=None)"``; a default that is no literal is an ellipsis."""
    args = ast.parse(f"def f{text}: ...").body[0].args  # type: ignore[attr-defined]
    required = [inspect.Parameter.empty] * (len(args.args) - len(args.defaults))
    found = [Parameter(a.arg, "positional", d) for a, d in zip(args.args, [*required, *map(_default, args.defaults)], strict=True)]
    if args.vararg is not None:
        found.append(Parameter(args.vararg.arg, "rest", ()))
    for a, d in zip(args.kwonlyargs, args.kw_defaults, strict=True):
        found.append(Parameter(a.arg, "keyword", inspect.Parameter.empty if d is None else _default(d)))
    return tuple(found)


@functools.cache
def table() -> dict[str, dict[str, list[str]]]:
    """The signatures, by space and name."""
    found: dict[str, dict[str, list[str]]] = json.loads(TABLE.read_text())
    return found


def overloads() -> Iterator[tuple[str, str, list[Signature]]]:
    """Every space and name, with its signatures."""
    for space, names in table().items():
        for name, texts in names.items():
            yield space, name, [parsed(t) for t in texts]


def resolve(root: Any, path: str) -> Any:
    """What ``root.a.b`` is; None if there is no such thing."""
    for part in filter(None, path.split(".")):
        root = getattr(root, part, None)
        if root is None:
            return None
    return root


# ---- making it (with PyTorch) -----------------------------------------------------------------------------------------------------------
def _bare(args: ast.arguments, drop: str = "") -> str:
    """A parameter list without annotations, and without a first parameter called ``drop``."""
    for a in [*args.posonlyargs, *args.args, *args.kwonlyargs, *([args.vararg] if args.vararg else [])]:
        a.annotation = None
    args.args, args.posonlyargs = [*args.posonlyargs, *args.args], []
    if drop and args.args and args.args[0].arg == drop:
        args.args = args.args[1:]
    args.defaults = args.defaults[len(args.defaults) - min(len(args.defaults), len(args.args)) :]
    text = ast.unparse(args)
    text = re.sub(r"torch\.\w+(\.\w+)*|\binf\b|memory_format\.\w+|strided|contiguous_format|preserve_format", "...", text)
    return f"({text})"


def _of_stub(path: Path, inside: str = "") -> dict[str, list[str]]:
    tree = ast.parse(path.read_text())
    body = tree.body if not inside else next(n.body for n in tree.body if isinstance(n, ast.ClassDef) and n.name == inside)
    found: dict[str, list[str]] = {}
    for n in body:
        if isinstance(n, ast.FunctionDef):
            text = _bare(n.args, "self" if inside else "")
            if text not in found.setdefault(n.name, []):
                found[n.name].append(text)
    return found


def _of_python(torch: Any, f: Any, drop: str = "") -> list[str] | None:
    """The signature of a function that is written in Python, as its source has it."""
    while f in torch._jit_internal.boolean_dispatched:  # one of two functions, by a flag
        f = torch._jit_internal.boolean_dispatched[f]["if_true"]
    try:
        source = inspect.getsource(inspect.unwrap(f))
    except (OSError, TypeError):
        return None
    node = next((n for n in ast.walk(ast.parse(textwrap.dedent(source))) if isinstance(n, ast.FunctionDef)), None)
    return None if node is None or (node.args.kwarg and not node.args.args) else [_bare(node.args, drop)]


def _of_schemas(torch: Any, prefix: str, f: Any) -> list[str]:
    """From the operator's schemas; ``out=`` if the first line of the documentation has it."""
    head = (f.__doc__ or "").strip().split("->")[0]
    out = ", out=None" if "out=" in head else ""
    found = []
    for s in torch._C._jit_get_all_schemas():
        if s.name != f"aten::{prefix}_{f.__name__.removeprefix(prefix + '_')}":
            continue
        if any(a.is_out for a in s.arguments):
            continue
        positional, keyword = [], []
        for a in s.arguments:
            name = "input" if a.name == "self" else a.name
            text = f"{name}={a.default_value!r}" if a.has_default_value() else name
            if a.name in ("layout", "device", "pin_memory") and a.kwarg_only:
                continue
            (keyword if a.kwarg_only else positional).append(text)
        tail = [*keyword, *([out[2:]] if out else [])]
        if prefix == "fft" and "requires_grad" in head:
            tail += ["layout=None", "device=None", "requires_grad=False"]
        text = "(" + ", ".join([*positional, *(["*", *tail] if tail else [])]) + ")"
        if text not in found:
            found.append(text)
    return found


def make(torch: Any) -> dict[str, dict[str, list[str]]]:
    """The whole table, from the installed PyTorch."""
    here = Path(torch.__file__).parent
    stubs = {
        "": _of_stub(here / "_C" / "_VariableFunctions.pyi"),
        "Tensor": _of_stub(here / "_C" / "__init__.pyi", "TensorBase"),
        "nn.functional": _of_stub(here / "_C" / "_nn.pyi"),
    }
    whole: dict[str, dict[str, list[str]]] = {}
    for space in SPACES:
        target = importlib.import_module(f"torch.{space}") if space and space != "Tensor" else resolve(torch, space)
        found = whole.setdefault(space, {})
        for name in sorted(dir(target)):
            f = getattr(target, name)
            if OUTSIDE.search(name) or isinstance(f, type) or not callable(f) or (inspect.isfunction(f) and not _belongs(f)):
                continue
            rows = _of_python(torch, f, "self" if space == "Tensor" else "") if inspect.isfunction(f) else None
            rows = rows or stubs.get(space, {}).get(name)
            if not rows and space in ("", "nn.functional"):
                rows = stubs[""].get(name)
            if not rows and space in ("linalg", "fft", "special"):
                rows = _of_schemas(torch, space, f)
            if rows:
                found[name] = CORRECTED.get((space, name), rows)
    return whole


def _belongs(f: Any) -> bool:
    """Whether a function that is written in Python is one of tensors, not a helper that a module imports."""
    homes = ("functional", "nn.functional", "_tensor", "signal", "_C", "_jit_internal", "_lowrank")
    return str(inspect.unwrap(f).__module__).startswith(tuple(f"torch.{home}" for home in homes))


def lacking(package: Any) -> list[str]:
    """The names of the table that ``package`` does not have."""
    return [f"{space}.{name}".lstrip(".") for space, name, _ in overloads() if resolve(package, f"{space}.{name}") is None]


def main() -> None:
    """Write one of the two files."""
    sys.path.insert(0, str(TABLE.parents[1]))  # the package that these files belong to, installed or not
    if "--lacking" in sys.argv:
        LACKING.write_text("".join(f"{name}\n" for name in lacking(importlib.import_module("tensorflowlite_clone"))))
    else:
        whole = make(importlib.import_module("torch"))
        rows = (
            f' "{space}": {{\n' + ",\n".join(f"  {json.dumps(name)}: {json.dumps(texts)}" for name, texts in names.items()) + "\n }"
            for space, names in whole.items()
        )
        TABLE.write_text("{\n" + ",\n".join(rows) + "\n}\n")


if __name__ == "__main__":
    main()
