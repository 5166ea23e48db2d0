"""What is written for each kind of data: functions from numbers to the values of a summary (`messages.VALUE`).

Here: scalars, histograms, texts, tensors, curves of precision and recall, meshes, hyperparameters, layouts of charts. Not here: pictures
and sound (``pictures.py``), graphs (``graph.py``), files (``writer.py``).
"""

from __future__ import annotations

import json
import time
from typing import Any

import numpy as np

from ..._checks import integer
from ..._errors import ArgumentError, OperandError, ShapeError
from ..._proto import encode
from .messages import (
    HPARAMS,
    LAYOUT,
    MESH,
    PR_CURVE,
    SCALAR_CLASS,
    TENSOR_CLASS,
    array_of,
    plugin,
    tensor_message,
    text_message,
)

Value = dict[str, Any]


def scalar(tag: str, value: Any, new_style: bool = False, double_precision: bool = False) -> Value:
    """One number, which also a tensor with one element is."""
    array = array_of("add_scalar", value)
    if array.size != 1 or array.dtype.kind == "c":
        raise ShapeError(f"add_scalar: {tag!r} must be one real number: got {array.dtype} of shape {array.shape}; reduce it, x.mean()")
    if not new_style:
        return {"tag": tag, "simple_value": float(np.float32(array.item()))}
    dtype = np.float64 if double_precision else np.float32
    tensor = tensor_message(array.reshape(()).astype(dtype))
    return {"tag": tag, "tensor": tensor, "metadata": plugin("scalars", data_class=SCALAR_CLASS)}


def tensor(tag: str, value: Any) -> Value:
    """A whole tensor."""
    array = array_of("add_tensor", value)
    return {"tag": tag, "tensor": tensor_message(array), "metadata": plugin("tensor", data_class=TENSOR_CLASS)}


def text(tag: str, words: str) -> Value:
    """Markdown."""
    metadata = plugin("text", data_class=TENSOR_CLASS)
    return {"tag": f"{tag}/text_summary", "metadata": metadata, "tensor": text_message(str(words).encode(), (1,))}


# ---- histograms ---------------------------------------------------------------------------------------------------------------
def default_bins() -> Any:
    """Limits that grow by a tenth each, from 1e-12 to 1e20, their negatives, and 0 between."""
    up = 1e-12 * 1.1 ** np.arange(773)
    return np.concatenate([-up[::-1], [0.0], up])


def histogram(tag: str, values: Any, bins: Any = "tensorflow", max_bins: int | None = None) -> Value:
    """The counts of ``values`` in ``bins``: limits, their number, or the name of one of NumPy's rules; at most ``max_bins`` of them."""
    array = array_of("add_histogram", values).reshape(-1)
    if array.dtype.kind == "b":
        array = array.astype(np.int64)
    if not array.size:
        raise ArgumentError(f"add_histogram: {tag!r} has no elements; pass some")
    array = array.astype(np.float64) if array.dtype.kind != "c" else np.abs(array)
    counts, limits = np.histogram(array, default_bins() if isinstance(bins, str) and bins == "tensorflow" else bins)
    counts = counts.astype(np.float64)
    if max_bins is not None and len(counts) > integer("add_histogram", "max_bins", max_bins, 1):
        together = -(-len(counts) // max_bins)  # neighbours that become one
        starts = np.arange(0, len(counts), together)
        counts, limits = np.add.reduceat(counts, starts), np.append(limits[starts], limits[-1])
    used = np.flatnonzero(counts)
    if not used.size:
        raise ArgumentError(f"add_histogram: {tag!r} has no element within the bins; pass other bins, or leave out NaNs and infinities")
    first, last = int(used[0]), int(used[-1])
    # A reader takes each limit as the right end of its bin, so an empty bin says where the first one begins.
    kept = np.concatenate([[0.0], counts[first : last + 1]])
    return raw_histogram(tag, array.min(), array.max(), array.size, array.sum(), array @ array, limits[first : last + 2], kept)


def raw_histogram(tag: str, least: Any, most: Any, num: Any, total: Any, squares: Any, limits: Any, counts: Any) -> Value:
    """A histogram of which the counts are known."""
    limits, counts = array_of("add_histogram_raw", limits), array_of("add_histogram_raw", counts)
    if len(limits) != len(counts):
        raise ArgumentError(
            f"add_histogram_raw: bucket_limits and bucket_counts must be as many: got {len(limits)} and {len(counts)}; "
            f"each limit is the right end of its bucket"
        )
    numbers = {"min": least, "max": most, "num": num, "sum": total, "sum_squares": squares}
    numbers = {name: float(array_of("add_histogram_raw", x).item()) for name, x in numbers.items()}
    return {"tag": tag, "histo": {**numbers, "bucket_limit": limits.tolist(), "bucket": counts.tolist()}}


# ---- precision and recall -----------------------------------------------------------------------------------------------------
def pr_curve(tag: str, labels: Any, predictions: Any, num_thresholds: int = 127, weights: Any = None) -> Value:
    """Counts at ``num_thresholds`` thresholds, evenly spaced in [0, 1], of ``predictions`` in [0, 1] against ``labels`` 0 and 1."""
    integer("add_pr_curve", "num_thresholds", num_thresholds, 2)
    n = min(num_thresholds, 127)  # more are not shown
    labels, predictions = (array_of("add_pr_curve", x).astype(np.float64).reshape(-1) for x in (labels, predictions))
    weights = np.ones_like(labels) if weights is None else np.broadcast_to(array_of("add_pr_curve", weights).reshape(-1), labels.shape)
    if labels.shape != predictions.shape:
        raise ShapeError(f"add_pr_curve: labels and predictions must be as many: got {labels.size} and {predictions.size}; pass pairs")
    bucket = np.clip(np.floor(predictions * (n - 1)), 0, n - 1).astype(np.int64)  # false where a prediction is NaN
    above = [np.cumsum(np.bincount(bucket, w * weights, n)[::-1])[::-1] for w in (labels, 1 - labels)]
    true, false = above  # (n,) each: positives, and negatives, at or above a threshold
    rows = (true, false, false[0] - false, true[0] - true, true / np.maximum(1e-7, true + false), true / max(1e-7, true[0]))
    return raw_pr_curve(tag, *rows, num_thresholds=n)


def raw_pr_curve(tag: str, *rows: Any, num_thresholds: int = 127) -> Value:
    """The six rows of such a curve: true and false positives, true and false negatives, precision, recall."""
    stacked = np.stack([array_of("add_pr_curve_raw", row).astype(np.float32).reshape(-1) for row in rows])
    n = min(num_thresholds, 127)
    content = encode(PR_CURVE, {"num_thresholds": n})
    return {"tag": tag, "tensor": tensor_message(stacked), "metadata": plugin("pr_curves", content, data_class=TENSOR_CLASS)}


# ---- meshes -------------------------------------------------------------------------------------------------------------------
def mesh(tag: str, vertices: Any, colors: Any, faces: Any, config: dict[str, Any] | None) -> list[Value]:
    """Points ``(B, N, 3)``, their colours ``(B, N, 3)`` from 0 to 255, and triangles ``(B, M, 3)`` of numbers of points."""
    given = {"VERTEX": (1, vertices, np.float32), "FACE": (2, faces, np.int32), "COLOR": (3, colors, np.uint8)}
    parts = {k: (number, array_of("add_mesh", x).astype(dtype)) for k, (number, x, dtype) in given.items() if x is not None}
    for name, (_, array) in parts.items():
        if array.ndim != 3 or array.shape[-1] != 3:
            raise ShapeError(f"add_mesh: {name.lower()} must have shape (B, N, 3): got {array.shape}; reshape it")
    components = sum(1 << number for number, _ in parts.values())
    values = []
    for name, (number, array) in parts.items():
        content = encode(MESH, {
            "name": tag, "content_type": number, "json_config": json.dumps(config or {}, sort_keys=True),
            "shape": list(array.shape), "components": components,
        })  # fmt: skip
        metadata = plugin("mesh", content, data_class=TENSOR_CLASS)
        values.append({"tag": f"{tag}_{name}", "tensor": tensor_message(array), "metadata": metadata})
    return values


# ---- hyperparameters ----------------------------------------------------------------------------------------------------------
def _hparam(name: str, value: Any) -> tuple[int, dict[str, Any]]:
    """The number of a hyperparameter's type, and its message."""
    if isinstance(value, str):
        return 1, {"string_value": value}
    if isinstance(value, bool | np.bool_):
        return 2, {"bool_value": bool(value)}
    try:
        array = array_of("add_hparams", value)
    except OperandError:
        array = None
    if array is None or array.size != 1:
        raise ArgumentError(f"add_hparams: {name!r} must be a bool, a number, a text or a tensor with one element: got {value!r:.60}")
    return 3, {"number_value": float(array.item())}


def hparams(parameters: dict[str, Any], metrics: dict[str, Any], domains: dict[str, list[Any]] | None) -> list[Value]:
    """What an experiment varies and measures, what this session has, and that it has ended."""
    for what, given in (("hparam_dict", parameters), ("metric_dict", metrics)):
        if not isinstance(given, dict):
            raise OperandError(f"add_hparams: {what} must be a dictionary: got {type(given).__name__} {given!r:.60}")
    domains = domains or {}
    unknown = domains.keys() - parameters.keys()
    if unknown:
        raise ArgumentError(f"add_hparams: hparam_domain_discrete has {sorted(unknown)}, which hparam_dict lacks; leave them out")
    infos, started = [], []
    for name, value in parameters.items():
        if value is None:
            continue
        kind, message = _hparam(name, value)
        domain = domains.get(name)
        for v in domain or ():
            if _hparam(name, v)[0] != kind:
                raise ArgumentError(f"add_hparams: the domain of {name!r} must have the type of its value {value!r}: got {v!r:.60}")
        discrete = {"values": [_hparam(name, v)[1] for v in domain]} if domain else None
        infos.append({"name": name, "type": kind, "domain_discrete": discrete})
        started.append({"key": name, "value": message})
    experiment = {"hparam_infos": infos, "metric_infos": [{"name": {"tag": name}} for name in metrics]}
    now = time.time()
    parts = {
        "experiment": experiment,
        "session_start_info": {"hparams": started, "start_time_secs": now},
        "session_end_info": {"status": 1, "end_time_secs": now},
    }
    return [{"tag": f"_hparams_/{name}", "metadata": plugin("hparams", encode(HPARAMS, {name: part}))} for name, part in parts.items()]


# ---- layouts of charts --------------------------------------------------------------------------------------------------------
def custom_scalars(layout: dict[str, dict[str, Any]]) -> Value:
    """Which scalars stand in which charts: ``{category: {title: ["Multiline" | "Margin", tags]}}``."""
    categories = []
    for category, charts in layout.items():
        shown = []
        for title, (kind, tags) in charts.items():
            if kind not in ("Multiline", "Margin"):
                raise ArgumentError(f"add_custom_scalars: {title!r} must be a 'Multiline' or a 'Margin' chart: got {kind!r:.60}")
            if kind == "Margin" and len(tags) != 3:
                raise ArgumentError(f"add_custom_scalars: {title!r} needs three tags, of a value and its bounds: got {len(tags)}")
            series = {"series": [dict(zip(("value", "lower", "upper"), tags, strict=False))]}
            shown.append({"title": title, **({"margin": series} if kind == "Margin" else {"multiline": {"tag": list(tags)}})})
        categories.append({"title": category, "chart": shown})
    content = encode(LAYOUT, {"category": categories})
    return {"tag": "custom_scalars__config__", "tensor": text_message(content, ()), "metadata": plugin("custom_scalars")}
