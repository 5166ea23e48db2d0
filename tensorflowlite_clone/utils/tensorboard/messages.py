"""The messages of event files: the tables of their fields, and how one is put together.

Here: the numbers of fields, from TensorBoard's public ``.proto`` files (event, summary, tensor, graph and those of its plugins), and the
small messages that several summaries share. Not here: what stands in a summary (``summaries.py``), the wire format (``_proto.py``).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..._errors import OperandError
from ..._proto import Table, encode
from ...core.boxed import Boxed

DIM: Table = {"size": (1, "int"), "name": (2, "string")}
SHAPE: Table = {"dim": (2, DIM)}
TENSOR: Table = {"dtype": (1, "enum"), "tensor_shape": (2, SHAPE), "tensor_content": (4, "bytes"), "string_val": (8, "bytes")}
PLUGIN_DATA: Table = {"plugin_name": (1, "string"), "content": (2, "bytes")}
METADATA: Table = {
    "plugin_data": (1, PLUGIN_DATA), "display_name": (2, "string"), "summary_description": (3, "string"), "data_class": (4, "enum"),
}  # fmt: skip
IMAGE: Table = {"height": (1, "int"), "width": (2, "int"), "colorspace": (3, "int"), "encoded_image_string": (4, "bytes")}
HISTOGRAM: Table = {
    "min": (1, "double"), "max": (2, "double"), "num": (3, "double"), "sum": (4, "double"), "sum_squares": (5, "double"),
    "bucket_limit": (6, "double"), "bucket": (7, "double"),
}  # fmt: skip
AUDIO: Table = {
    "sample_rate": (1, "float"), "num_channels": (2, "int"), "length_frames": (3, "int"), "encoded_audio_string": (4, "bytes"),
    "content_type": (5, "string"),
}  # fmt: skip
VALUE: Table = {
    "tag": (1, "string"), "simple_value": (2, "float"), "image": (4, IMAGE), "histo": (5, HISTOGRAM), "audio": (6, AUDIO),
    "tensor": (8, TENSOR), "metadata": (9, METADATA),
}  # fmt: skip
SUMMARY: Table = {"value": (1, VALUE)}
EVENT: Table = {
    "wall_time": (1, "double"), "step": (2, "int"), "file_version": (3, "string"), "graph_def": (4, "bytes"), "summary": (5, SUMMARY),
    "session_log": (7, {"status": (1, "enum")}),
}  # fmt: skip

GOOGLE_VALUE: Table = {"number_value": (2, "double"), "string_value": (3, "string"), "bool_value": (4, "bool")}
HPARAM: Table = {"name": (1, "string"), "type": (4, "enum"), "domain_discrete": (5, {"values": (1, GOOGLE_VALUE)})}
METRIC: Table = {"name": (1, {"group": (1, "string"), "tag": (2, "string")})}
HPARAMS: Table = {
    "version": (1, "int"),
    "experiment": (2, {"hparam_infos": (4, HPARAM), "metric_infos": (5, METRIC)}),
    "session_start_info": (3, {"hparams": (1, {"key": (1, "string"), "value": (2, GOOGLE_VALUE)}), "start_time_secs": (5, "double")}),
    "session_end_info": (4, {"status": (1, "enum"), "end_time_secs": (2, "double")}),
}
SERIES: Table = {"value": (1, "string"), "lower": (2, "string"), "upper": (3, "string")}
CHART: Table = {"title": (1, "string"), "multiline": (2, {"tag": (1, "string")}), "margin": (3, {"series": (1, SERIES)})}
LAYOUT: Table = {"version": (1, "int"), "category": (2, {"title": (1, "string"), "chart": (2, CHART)})}
MESH: Table = {
    "version": (1, "int"), "name": (2, "string"), "content_type": (3, "enum"), "json_config": (5, "string"), "shape": (6, "int"),
    "components": (7, "int"),
}  # fmt: skip
PR_CURVE: Table = {"version": (1, "int"), "num_thresholds": (2, "int")}

ATTRIBUTE: Table = {"list": (1, {"shape": (7, SHAPE)}), "s": (2, "bytes"), "type": (6, "enum"), "shape": (7, SHAPE)}
NODE: Table = {
    "name": (1, "string"), "op": (2, "string"), "input": (3, "string"), "device": (4, "string"),
    "attr": (5, {"key": (1, "string"), "value": (2, ATTRIBUTE)}),
}  # fmt: skip
GRAPH: Table = {"node": (1, NODE), "versions": (4, {"producer": (1, "int")})}

#: TensorBoard's numbers of dtypes.
DTYPES = {
    "float32": 1, "float64": 2, "int32": 3, "uint8": 4, "int16": 5, "int8": 6, "complex64": 8, "int64": 9, "bool": 10, "uint16": 17,
    "complex128": 18, "float16": 19, "uint32": 22, "uint64": 23,
}  # fmt: skip
TEXT = 7
#: The classes of data that readers tell apart.
SCALAR_CLASS, TENSOR_CLASS, BLOB_CLASS = 1, 2, 3


def array_of(op: str, x: Any) -> Any:
    """The numbers of a tensor, an array, a list or a number as an ndarray; raises `OperandError` for anything else.

    >>> array_of("add_scalar", [1, 2])
    array([1, 2])
    """
    if isinstance(x, Boxed):
        x = x.detach().numpy()
    array = np.asarray(x)
    if array.dtype.kind == "V":  # bfloat16
        array = array.astype(np.float32)
    if array.dtype.kind not in "biufc":
        raise OperandError(f"{op}: needs numbers: got {type(x).__name__} {x!r:.60}; pass a tensor, an array or a number")
    return array


def shape_message(shape: Any) -> dict[str, Any]:
    """The message of a shape."""
    return {"dim": [{"size": n} for n in shape]}


def tensor_message(array: Any) -> dict[str, Any]:
    """The message of an array of numbers."""
    array = np.asarray(array, array.dtype.newbyteorder("<"))
    return {"dtype": DTYPES[array.dtype.name], "tensor_shape": shape_message(array.shape), "tensor_content": array.tobytes()}


def text_message(text: bytes, shape: tuple[int, ...]) -> dict[str, Any]:
    """The message of one text in a tensor of this shape."""
    return {"dtype": TEXT, "tensor_shape": shape_message(shape), "string_val": text}


def plugin(name: str, content: bytes = b"", **more: Any) -> dict[str, Any]:
    """The metadata that tell which plugin shows a value."""
    return {"plugin_data": {"plugin_name": name, "content": content}, **more}


def event(wall_time: float, step: Any = None, **what: Any) -> bytes:
    """An event, encoded."""
    return encode(EVENT, {"wall_time": wall_time, "step": None if step is None else int(step), **what})
