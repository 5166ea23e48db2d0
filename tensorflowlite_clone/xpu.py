"""What programs ask of ``torch.xpu``: there is no such device. What is asked for is in ``_devices.py``."""

from ._devices import OTHERS as _OTHERS
from ._devices import absent as _absent

_NAMES = _absent("xpu", "XPU", without=_OTHERS)
globals().update(_NAMES)
__all__ = sorted(_NAMES)
