"""Models as files of ONNX: `export`. The files are written by this package; onnx and onnxruntime (the extra ``onnx``) only check them."""

from .._lazy import public as _public
from .exporter import ONNXProgram, TrainingMode, export, is_in_onnx_export

__all__ = ["ONNXProgram", "TrainingMode", "export", "is_in_onnx_export"]
__dir__ = _public(globals())
