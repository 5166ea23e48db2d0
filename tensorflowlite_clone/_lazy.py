"""What is loaded when it is first used, so that ``import tensorflowlite_clone`` stays fast: the one place that imports late on purpose.

Here too: what modules show of themselves (``dir``). Not here: anything that another part of the package needs in order to run; that is
imported at the top of its file.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

from ._errors import missing_extra

#: For each package ("" is the outermost) its modules that are loaded late.
LATER = {
    "": (
        "accelerator", "amp", "as_torch", "backends", "compiler", "cpu", "cuda", "datasets", "distributed", "distributions", "fast",
        "fft", "futures", "hub", "integrate", "jit", "library", "linalg", "masked", "mps", "mtia", "multiprocessing", "nn", "numpy",
        "onnx", "optim", "overrides", "profiler", "random", "scipy", "serialization", "signal", "sparse", "special", "testing",
        "torch_version", "transforms", "types", "utils", "version", "xpu",
    ),
    "autograd": ("forward_ad", "functional", "profiler"),
    "cpu": ("amp",),
    "cuda": ("amp",),
    "distributed": ("checkpoint", "fsdp", "launch", "nn", "optim"),
    "func": (),
    "optim": (),
    "io": (
        "allowed", "choose", "exchange", "npz", "opcodes", "opened", "pickled", "pytorch", "safetensors", "shards", "structure",
        "tensors",
    ),
    "scipy": ("fft", "integrate", "interpolate", "linalg", "ndimage", "optimize", "signal", "special", "stats"),
    "utils": ("benchmark", "dlpack", "flop_counter", "offload", "tensorboard"),
}  # fmt: skip

#: Top-level functions whose operations are loaded by the module of a namespace.
FUNCTIONS = {
    "fft": "istft stft",
    "linalg": """
        cholesky cholesky_inverse cholesky_solve det dist frobenius_norm geqrf inverse lobpcg logdet lu lu_solve lu_unpack matrix_exp
        matrix_power norm nuclear_norm orgqr ormqr pca_lowrank pinverse qr slogdet svd svd_lowrank triangular_solve
    """,
    "nn.functional": """
        adaptive_avg_pool1d adaptive_max_pool1d alpha_dropout alpha_dropout_ avg_pool1d batch_norm binary_cross_entropy_with_logits
        channel_shuffle conv1d conv2d conv3d conv_tbc conv_transpose1d conv_transpose2d conv_transpose3d cosine_embedding_loss
        ctc_loss dropout dropout_ embedding embedding_bag embedding_renorm_ feature_alpha_dropout feature_alpha_dropout_
        feature_dropout feature_dropout_ group_norm gru gru_cell hinge_embedding_loss instance_norm kl_div layer_norm lstm lstm_cell
        margin_ranking_loss max_pool1d max_pool1d_with_indices max_pool2d max_pool3d native_channel_shuffle pixel_shuffle
        pixel_unshuffle poisson_nll_loss rms_norm rnn_relu rnn_relu_cell rnn_tanh rnn_tanh_cell rrelu rrelu_ triplet_margin_loss
    """,
    "sparse": "dsmm hsmm hspmm saddmm smm sparse_coo_tensor spmm sspaddmm",
}
#: Other top-level names, and the modules that have them.
NAMES = {
    "amp": "GradScaler autocast",
    "amp.autocast_mode": """autocast_decrement_nesting autocast_increment_nesting clear_autocast_cache get_autocast_cpu_dtype
        get_autocast_dtype get_autocast_gpu_dtype is_autocast_cache_enabled is_autocast_cpu_enabled is_autocast_enabled
        set_autocast_cache_enabled
        set_autocast_cpu_dtype set_autocast_cpu_enabled set_autocast_dtype set_autocast_enabled set_autocast_gpu_dtype""",
    "_devices": "AcceleratorError OutOfMemoryError",
    "accelerator": "get_device_module",
    "compiler": "compile",
    "utils.dlpack": "to_dlpack",
}
#: The same for packages, by package.
PARTS = {
    "func": {"func.colouring": "hessian_sparse jacobian_sparse", "func.implicitly": "implicit", "func.primitives": "primitive"},
    "optim": {
        "optim.solvers.equations": "fixed_point root",
        "optim.solvers.fitting": "curve_fit least_squares",
        "optim.solvers.minimum": "minimize",
    },
}
#: Those of `FUNCTIONS` that are no methods of tensors; `nn.functional` has none.
NO_METHODS = {
    "dsmm", "frobenius_norm", "hsmm", "hspmm", "lobpcg", "lu_unpack", "nuclear_norm", "pca_lowrank", "saddmm",
    "sparse_coo_tensor", "spmm", "svd_lowrank",
}  # fmt: skip
#: Methods alone, all of the module "sparse".
ONLY_METHODS = {
    "coalesce", "dense_dim", "indices", "is_coalesced", "sparse_dim", "sparse_mask", "to_dense", "to_sparse", "to_sparse_coo", "values",
}  # fmt: skip
#: Where NumPy's functions are that the modules of the same name answer.
ANSWERS = {"numpy.fft": "fft", "numpy.linalg": "linalg"}

_HOMES = {name: module for module, names in FUNCTIONS.items() for name in names.split()}
#: The methods, and the modules that bring them.
METHODS = {name: module for name, module in _HOMES.items() if module != "nn.functional" and name not in NO_METHODS}
METHODS |= dict.fromkeys(ONLY_METHODS, "sparse")

#: Parts of the package that are no part of its contract, though importing it loads them.
INTERNAL = {"core", "io", "kernels", "ops"}

_HALF = "NumPy has no complex numbers of half precision; use complex64"
_QUANTIZED = "there are no quantized tensors; use int8 or uint8, and scale"
#: What PyTorch has and this package cannot have, and what to use instead.
ABSENT = {"complex32": _HALF, "chalf": _HALF, "qint8": _QUANTIZED, "quint8": _QUANTIZED, "qint32": _QUANTIZED}


def later(namespace: dict[str, Any]) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """The functions ``__getattr__`` and ``__dir__`` of the package that has these globals: they know the modules not loaded yet."""
    package = namespace["__name__"]
    outermost = "." not in package
    names = LATER[package.partition(".")[2]]
    homes = _HOMES if outermost else {}
    tables = NAMES if outermost else PARTS.get(package.partition(".")[2], {})
    elsewhere = {name: module for module, found in tables.items() for name in found.split()}

    def __getattr__(name: str) -> Any:  # noqa: N807
        if name in names:
            return import_module(f".{name}", package)  # which also makes it an attribute
        if name in homes:
            load(homes[name])
            namespace[name] = function = namespace["_FUNCTIONS"][name]
            return function
        if name in elsewhere:
            namespace[name] = value = getattr(load(elsewhere[name]), name)
            return value
        why = ABSENT.get(name) if outermost else None
        raise AttributeError(f"module {package!r} has no attribute {name!r}" if why is None else f"{name}: {why}")

    def __dir__() -> list[str]:  # noqa: N807
        return sorted({*namespace, *names, *homes, *elsewhere} - INTERNAL)

    return __getattr__, __dir__


def load(module: str) -> Any:
    """Import a module of the package, with the operations that it brings."""
    return import_module(f".{module}", "tensorflowlite_clone")


def late_method(module: str, name: str, doc: str) -> Callable[[Any], Any]:
    """A method without arguments that is the function ``name`` of a module, which is loaded when the method is called."""

    def method(self: Any) -> Any:
        return getattr(load(module), name)(self)

    method.__doc__ = doc
    return method


class LateMethod:
    """Stands for a method until it is asked for; then its module is loaded, which puts the method itself in this place."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __get__(self, box: Any, owner: type) -> Any:
        load(METHODS[self.name])
        return getattr(owner if box is None else box, self.name)


def optional(package: str, extra: str, purpose: str) -> Any:
    """The module ``package``, which only the ``extra`` brings, for ``purpose``; raises `MissingExtraError` where it is not installed."""
    try:
        return import_module(package)
    except ImportError:
        missing = missing_extra(package, extra, purpose)
    raise missing


def public(namespace: dict[str, Any]) -> Callable[[], list[str]]:
    """The function ``__dir__`` of the module that has these globals: what it publishes (``__all__``), and Python's own names."""

    def __dir__() -> list[str]:  # noqa: N807
        return sorted({*namespace["__all__"], *(name for name in namespace if name.startswith("__"))})

    return __dir__
