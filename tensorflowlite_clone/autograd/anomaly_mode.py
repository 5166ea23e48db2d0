"""PyTorch's name of the module of anomaly detection: ``from tensorflowlite_clone.autograd.anomaly_mode import detect_anomaly``.

Not here: the detection itself (``anomaly.py``).
"""

from .anomaly import detect_anomaly, set_detect_anomaly

__all__ = ["detect_anomaly", "set_detect_anomaly"]
