"""TensorBoard's files, written without TensorFlow: `SummaryWriter`. The program ``tensorboard`` shows them."""

from ..._lazy import public as _public
from .records import RecordWriter
from .writer import FileWriter, SummaryWriter

__all__ = ["FileWriter", "RecordWriter", "SummaryWriter"]
__dir__ = _public(globals())
