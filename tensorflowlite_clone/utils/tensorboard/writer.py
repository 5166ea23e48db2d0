"""`SummaryWriter`: event files for TensorBoard, written without TensorFlow and without TensorBoard.

Here: files, their names and when they are flushed, and the methods that add to them. Not here: what is written (``summaries.py``,
``pictures.py``, ``graph.py``, ``embedding.py``).
"""

from __future__ import annotations

import os
import socket
import threading
import time
import weakref
from itertools import count
from typing import Any, Self

from ..._checks import integer, number
from ..._proto import encode
from ..._state import freed_by_fork
from . import pictures, summaries
from .embedding import write_embedding
from .graph import graph_of, graph_of_onnx
from .messages import GRAPH, event
from .records import RecordWriter

_numbers = count()


class FileWriter:
    """One event file in the folder ``log_dir``, which is made.

    What is added waits until ``max_queue`` events do, or the last were written ``flush_secs`` seconds ago when one more comes, or `flush`,
    `close` or the end of the program. Several threads can add.
    """

    def __init__(self, log_dir: Any, max_queue: int = 10, flush_secs: float = 120, filename_suffix: str = "") -> None:
        self._log_dir: str = os.fspath(log_dir)
        self._most = integer("FileWriter", "max_queue", max_queue)
        self._seconds = number("FileWriter", "flush_secs", flush_secs, 0)
        os.makedirs(self._log_dir, exist_ok=True)
        now = time.time()
        name = f"events.out.tfevents.{int(now):010d}.{socket.gethostname()}.{os.getpid()}.{next(_numbers)}{filename_suffix}"
        self._file = RecordWriter(os.path.join(self._log_dir, name))
        self._close = weakref.finalize(self, self._file.close)  # also at the end of the program
        self._lock = freed_by_fork(threading.Lock())
        self._waiting, self._flushed = 0, time.monotonic()
        self._write(event(now, file_version="brain.Event:2", step=0))
        self.flush()

    def get_logdir(self) -> str:
        """The folder."""
        return self._log_dir

    def _write(self, encoded: bytes) -> None:
        with self._lock:
            self._file.write(encoded)
            self._waiting += 1
            if self._waiting > self._most or time.monotonic() - self._flushed >= self._seconds:
                self._flush()

    def _flush(self) -> None:
        self._file.flush()
        self._waiting, self._flushed = 0, time.monotonic()

    def add(self, global_step: Any = None, walltime: float | None = None, **what: Any) -> None:
        """Add an event with a ``summary``, a ``graph_def`` or a ``session_log``, at the time ``walltime``, that of now if it is None."""
        self._write(event(time.time() if walltime is None else walltime, global_step, **what))

    def flush(self) -> None:
        """Write what waits."""
        with self._lock:
            self._flush()

    def close(self) -> None:
        """Write what waits and close the file; nothing can be added any more."""
        with self._lock:
            self._close()


class SummaryWriter:
    """Writes what TensorBoard shows into the folder ``log_dir``: ``runs/<date>_<host><comment>`` if that is None.

    ``purge_step`` makes readers forget what an interrupted run wrote from this step on. ``max_queue`` and ``flush_secs`` say when events
    are written to the disk (`FileWriter`), ``filename_suffix`` what their files' names end with. All methods take ``global_step``, a whole
    number, and most ``walltime``, seconds since 1970, of now if it is None. Numbers are those of tensors, arrays, lists, or plain ones. A
    writer is a context manager that closes itself; after `close` it opens a new file when something is added.

    The format is that of TensorBoard's public ``.proto`` files. Films and boxes in pictures need Pillow (the extra ``image``), figures
    matplotlib (``viz``).

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder, SummaryWriter(folder) as writer:
    ...     for step in range(3):
    ...         writer.add_scalar("loss", 1 / (1 + step), step)
    ...     [name.split(".")[2] for name in os.listdir(folder)]
    ['tfevents']
    """

    def __init__(
        self, log_dir: Any = None, comment: str = "", purge_step: int | None = None, max_queue: int = 10, flush_secs: float = 120,
        filename_suffix: str = "",
    ) -> None:  # fmt: skip
        if not log_dir:
            log_dir = os.path.join("runs", time.strftime("%b%d_%H-%M-%S_") + socket.gethostname() + comment)
        self.log_dir: str = os.fspath(log_dir)
        self.purge_step = purge_step
        self.max_queue, self.flush_secs, self.filename_suffix = max_queue, flush_secs, filename_suffix
        self.file_writer: FileWriter | None = None
        self.all_writers: dict[str, FileWriter] | None = None
        self._get_file_writer()

    def _open(self, log_dir: str) -> FileWriter:
        return FileWriter(log_dir, self.max_queue, self.flush_secs, self.filename_suffix)

    def _get_file_writer(self) -> FileWriter:
        """The file under way, or a new one."""
        if self.all_writers is None or self.file_writer is None:
            self.file_writer = self._open(self.log_dir)
            self.all_writers = {self.log_dir: self.file_writer}
            if self.purge_step is not None:
                self.file_writer.add(self.purge_step, session_log={"status": 1})
                self.purge_step = None
        return self.file_writer

    def get_logdir(self) -> str:
        """The folder."""
        return self.log_dir

    def _add(self, value: Any, global_step: Any, walltime: float | None) -> None:
        values = value if isinstance(value, list) else [value]
        self._get_file_writer().add(global_step, walltime, summary={"value": values})

    # ---- numbers and texts --------------------------------------------------------------------------------------------------
    def add_scalar(
        self, tag: str, scalar_value: Any, global_step: Any = None, walltime: float | None = None, new_style: bool = False,
        double_precision: bool = False,
    ) -> None:  # fmt: skip
        """Add one number, which is kept in float32; ``new_style`` as a tensor, in float64 with ``double_precision``."""
        self._add(summaries.scalar(tag, scalar_value, new_style, double_precision), global_step, walltime)

    def add_scalars(self, main_tag: str, tag_scalar_dict: dict[str, Any], global_step: Any = None, walltime: float | None = None) -> None:
        """Add several numbers to one chart; each name is a run of its own, in a folder ``<log_dir>/<main_tag>_<name>``."""
        self._get_file_writer()
        values = {name: summaries.scalar(main_tag, value) for name, value in tag_scalar_dict.items()}
        assert self.all_writers is not None
        for name, value in values.items():
            folder = os.path.join(self.log_dir, main_tag.replace("/", "_") + "_" + name)
            if folder not in self.all_writers:
                self.all_writers[folder] = self._open(folder)
            self.all_writers[folder].add(global_step, walltime, summary={"value": [value]})

    def add_tensor(self, tag: str, tensor: Any, global_step: Any = None, walltime: float | None = None) -> None:
        """Add a whole tensor."""
        self._add(summaries.tensor(tag, tensor), global_step, walltime)

    def add_histogram(
        self, tag: str, values: Any, global_step: Any = None, bins: Any = "tensorflow", walltime: float | None = None,
        max_bins: int | None = None,
    ) -> None:  # fmt: skip
        """Add how ``values`` are distributed over ``bins``: ``"tensorflow"`` (limits that grow by a tenth) or what `np.histogram` takes."""
        self._add(summaries.histogram(tag, values, bins, max_bins), global_step, walltime)

    def add_histogram_raw(
        self, tag: str, min: Any, max: Any, num: Any, sum: Any, sum_squares: Any, bucket_limits: Any, bucket_counts: Any,
        global_step: Any = None, walltime: float | None = None,
    ) -> None:  # fmt: skip
        """Add a histogram of which all is known: ``bucket_limits`` are the right ends of the buckets."""
        value = summaries.raw_histogram(tag, min, max, num, sum, sum_squares, bucket_limits, bucket_counts)
        self._add(value, global_step, walltime)

    def add_text(self, tag: str, text_string: str, global_step: Any = None, walltime: float | None = None) -> None:
        """Add a text, in Markdown."""
        self._add(summaries.text(tag, text_string), global_step, walltime)

    def add_pr_curve(
        self, tag: str, labels: Any, predictions: Any, global_step: Any = None, num_thresholds: int = 127, weights: Any = None,
        walltime: float | None = None,
    ) -> None:  # fmt: skip
        """Add a curve of precision against recall, of ``predictions`` in [0, 1] for ``labels`` 0 and 1."""
        self._add(summaries.pr_curve(tag, labels, predictions, num_thresholds, weights), global_step, walltime)

    def add_pr_curve_raw(
        self, tag: str, true_positive_counts: Any, false_positive_counts: Any, true_negative_counts: Any, false_negative_counts: Any,
        precision: Any, recall: Any, global_step: Any = None, num_thresholds: int = 127, weights: Any = None,
        walltime: float | None = None,
    ) -> None:  # fmt: skip
        """Add such a curve of which all is known; ``weights`` are those that the counts have already."""
        rows = (true_positive_counts, false_positive_counts, true_negative_counts, false_negative_counts, precision, recall)
        self._add(summaries.raw_pr_curve(tag, *rows, num_thresholds=num_thresholds), global_step, walltime)

    def add_hparams(
        self, hparam_dict: dict[str, Any], metric_dict: dict[str, Any], hparam_domain_discrete: dict[str, list[Any]] | None = None,
        run_name: str | None = None, global_step: Any = None,
    ) -> None:  # fmt: skip
        """Add a set of hyperparameters and what came of it, as a run of its own named ``run_name`` (the time if it is None).

        ``hparam_domain_discrete`` are the values that a hyperparameter can have. Names of metrics should not be tags of other scalars.
        """
        values = summaries.hparams(hparam_dict, metric_dict, hparam_domain_discrete)
        metrics = [summaries.scalar(name, value) for name, value in metric_dict.items()]
        writer = self._open(os.path.join(self.log_dir, run_name or str(time.time())))
        try:
            for value in values:
                writer.add(summary={"value": [value]})
            for value in metrics:
                writer.add(global_step, summary={"value": [value]})
        finally:
            writer.close()

    # ---- pictures and sound ---------------------------------------------------------------------------------------------------
    def add_image(
        self, tag: str, img_tensor: Any, global_step: Any = None, walltime: float | None = None, dataformats: str = "CHW"
    ) -> None:
        """Add a picture: bytes, or numbers from 0 to 1; ``dataformats`` names its axes (CHW, HWC, HW, WH)."""
        self._add(pictures.image(tag, img_tensor, dataformats), global_step, walltime)

    def add_images(
        self, tag: str, img_tensor: Any, global_step: Any = None, walltime: float | None = None, dataformats: str = "NCHW"
    ) -> None:
        """Add pictures in rows of eight; ``dataformats`` names their axes (NCHW, NHWC, CHW...)."""
        self._add(pictures.image(tag, img_tensor, dataformats, "add_images"), global_step, walltime)

    def add_image_with_boxes(
        self, tag: str, img_tensor: Any, box_tensor: Any, global_step: Any = None, walltime: float | None = None, rescale: float = 1,
        dataformats: str = "CHW", labels: Any = None,
    ) -> None:  # fmt: skip
        """Add a picture with boxes ``(N, 4)``: left, top, right, bottom in pixels, with ``labels`` as captions; needs Pillow."""
        self._add(pictures.boxed(tag, img_tensor, box_tensor, rescale, dataformats, labels), global_step, walltime)

    def add_figure(self, tag: str, figure: Any, global_step: Any = None, close: bool = True, walltime: float | None = None) -> None:
        """Add a figure of matplotlib, or a list of figures of one size, and ``close`` them."""
        self._add(pictures.figure(tag, figure, close), global_step, walltime)

    def add_video(self, tag: str, vid_tensor: Any, global_step: Any = None, fps: float = 4, walltime: float | None = None) -> None:
        """Add a film ``(N, T, C, H, W)`` of ``fps`` frames a second; needs Pillow."""
        self._add(pictures.video(tag, vid_tensor, fps), global_step, walltime)

    def add_audio(
        self, tag: str, snd_tensor: Any, global_step: Any = None, sample_rate: int = 44100, walltime: float | None = None
    ) -> None:
        """Add a sound ``(1, L)`` from -1 to 1, ``sample_rate`` samples a second."""
        self._add(pictures.audio(tag, snd_tensor, sample_rate), global_step, walltime)

    def add_mesh(
        self, tag: str, vertices: Any, colors: Any = None, faces: Any = None, config_dict: dict[str, Any] | None = None,
        global_step: Any = None, walltime: float | None = None,
    ) -> None:  # fmt: skip
        """Add points ``(B, N, 3)``, their ``colors`` (bytes) and triangles ``faces`` ``(B, M, 3)``; ``config_dict`` is for three.js."""
        self._add(summaries.mesh(tag, vertices, colors, faces, config_dict), global_step, walltime)

    # ---- models and layouts ---------------------------------------------------------------------------------------------------
    def add_graph(self, model: Any, input_to_model: Any = None, verbose: bool = False, use_strict_trace: bool = True) -> None:
        """Add the modules of ``model`` and the operations that it carries out on ``input_to_model``, a tensor or a tuple.

        ``verbose`` prints them. ``use_strict_trace`` has no effect: containers of results are followed in any case.
        """
        nodes = graph_of(model, input_to_model, verbose)
        self._get_file_writer().add(graph_def=encode(GRAPH, {"node": nodes, "versions": {"producer": 22}}))

    def add_onnx_graph(self, prototxt: Any) -> None:
        """Add the graph of an ONNX file; needs the package onnx (the extra ``onnx``)."""
        self._get_file_writer().add(graph_def=encode(GRAPH, {"node": graph_of_onnx(prototxt), "versions": {"producer": 22}}))

    def add_embedding(
        self, mat: Any, metadata: Any = None, label_img: Any = None, global_step: Any = None, tag: str = "default",
        metadata_header: Any = None,
    ) -> None:  # fmt: skip
        """Add points ``mat`` ``(N, D)`` for the projector, with labels (or, under ``metadata_header``, rows of them) and pictures."""
        write_embedding(self.get_logdir(), mat, metadata, label_img, global_step, tag, metadata_header)

    def add_custom_scalars_multilinechart(self, tags: list[str], category: str = "default", title: str = "untitled") -> None:
        """Add a chart of several scalars to the layout."""
        self.add_custom_scalars({category: {title: ["Multiline", tags]}})

    def add_custom_scalars_marginchart(self, tags: list[str], category: str = "default", title: str = "untitled") -> None:
        """Add a chart of a scalar between its bounds to the layout: the tags of the value, the lower and the upper bound."""
        self.add_custom_scalars({category: {title: ["Margin", tags]}})

    def add_custom_scalars(self, layout: dict[str, dict[str, Any]]) -> None:
        """Lay out charts: ``{category: {title: ["Multiline" or "Margin", [tag, ...]]}}``."""
        self._add(summaries.custom_scalars(layout), None, None)

    # ---- the end --------------------------------------------------------------------------------------------------------------
    def flush(self) -> None:
        """Write what waits to the disk."""
        for writer in (self.all_writers or {}).values():
            writer.flush()

    def close(self) -> None:
        """Write what waits and close all files."""
        for writer in (self.all_writers or {}).values():
            writer.close()
        self.file_writer = self.all_writers = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()
