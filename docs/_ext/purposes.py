"""Which page of the reference a public name is listed on.

Functions of tensors go by the file that defines them, everything else by the module that publishes it. Not here: how pages are written
(``reference.py``).
"""

from __future__ import annotations

#: Title, address, the guide that explains it, modules of the package whose names are listed, and files under ``ops`` whose functions are.
PURPOSES: list[tuple[str, str, str, str, str]] = [
    ("Tensors", "tensors", "guide/tensors", "", "core/ device dtype kinds questions printing _state typed memory dlpack io/"),
    ("Making tensors", "making", "guide/tensors", "", "create ranges grid"),
    ("Shapes, joining, views", "shapes", "guide/tensors", "", "shape join repeat pad diagonal strided copies view_scatter windows"),
    ("Picking and writing", "picking", "guide/tensors", "", "gather index scatter search inplace/"),
    ("Arithmetic, element by element", "elementwise", "guide/tensors", "",
     "arithmetic exponential trigonometric piecewise complex cast activation error_gamma polynomials"),
    ("Comparing and choosing", "comparing", "guide/tensors", "", "compare"),
    ("Sums, means, extrema, sorting", "reductions", "guide/tensors", "", "reduce extrema sort scan statistics histograms softmax calculus"),
    ("Products and linear algebra", "linear_algebra", "guide/tensors", "linalg", "matmul products einsum linalg/ distance removed"),
    ("Fourier transforms and windows", "fourier", "guide/tensors", "fft signal.windows", "stft fft"),
    ("Special functions", "special", "guide/tensors", "special", "bessel incomplete_gamma special/"),
    ("Random numbers", "random", "guide/tensors", "random", "random distributions draw"),
    ("Sparse and masked tensors", "sparse", "guide/tensors", "sparse masked", "sparse/"),
    ("Derivatives on the tape: autograd", "autograd", "guide/autograd",
     "autograd autograd.forward_ad autograd.functional autograd.graph", "autograd/"),
    ("Transforms of functions: func", "func", "guide/transforms", "func", "func/"),
    ("Layers: nn", "nn", "guide/layers", "nn nn.parameter nn.parallel", ""),
    ("Functions of layers: nn.functional", "nn_functional", "guide/layers", "nn.functional nn.grad nn.attention", "nn/"),
    ("Initial values: nn.init", "nn_init", "guide/layers", "nn.init", ""),
    ("Tools for layers: nn.utils", "nn_utils", "guide/layers",
     "nn.utils nn.utils.parametrize nn.utils.parametrizations nn.utils.prune nn.utils.rnn nn.utils.fusion nn.utils.stateless", ""),
    ("Optimizers: optim", "optim", "guide/training", "optim optim.swa_utils", ""),
    ("Schedules: optim.lr_scheduler", "schedules", "guide/training", "optim.lr_scheduler", ""),
    ("Loading data: utils.data, datasets, transforms", "data", "guide/data",
     "utils.data utils.data.distributed datasets transforms transforms.functional", ""),
    ("Science: integrate, numpy", "science", "science/index", "integrate", "integrate/ numpy"),
    ("SciPy's functions: scipy", "scipy", "science/index",
     "scipy.fft scipy.integrate scipy.interpolate scipy.linalg scipy.ndimage scipy.optimize scipy.signal scipy.special "
      "scipy.stats", "scipy/"),
    ("Several processes: distributed", "distributed", "distributed",
     "distributed distributed.nn distributed.optim distributed.fsdp distributed.checkpoint utils.offload", "distributed/"),
    ("Distributions", "distributions", "guide/distributions",
     "distributions distributions.transforms distributions.constraints distributions.kl", ""),
    ("Saving, loading, exchanging", "files", "guide/saving", "io onnx serialization utils.dlpack", ""),
    ("Seeing what happens", "seeing", "guide/performance",
     "utils profiler utils.tensorboard utils.checkpoint testing fast", "kernels/ _settings"),
    ("What PyTorch's programs ask for", "pytorch", "start/from_pytorch",
     "amp as_torch compiler jit overrides library types", "compiler/ amp/"),
]  # fmt: skip
#: Where a name goes that no row claims.
REST = "pytorch"
