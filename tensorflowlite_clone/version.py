"""What programs ask of ``torch.version``: the versions, and of which accelerators; there are none.

``__version__`` is the package's own. `torch` is the version whose names the package has, which is ``torch.__version__`` under
``as_torch``.
"""

from ._version import __version__
from .torch_version import TorchVersion

__all__ = ["cuda", "debug", "git_version", "hip", "rocm", "torch", "torchvision", "xpu"]

torch = TorchVersion(f"2.13.0+tensorflowlite{__version__}")
torchvision = f"0.28.0+tensorflowlite{__version__}"
cuda = hip = rocm = xpu = None
debug = False
git_version = "unknown"
