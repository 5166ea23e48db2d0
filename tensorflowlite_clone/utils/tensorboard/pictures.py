"""Pictures, films and sounds as bytes of PNG, GIF and WAV, and the values of a summary that hold them.

Here: arrays laid out and encoded. WAV is written by the standard library; films and boxes with captions need Pillow, figures matplotlib.
Not here: PNG (``utils/images.py``), other summaries (``summaries.py``).
"""

from __future__ import annotations

import io
import wave
from typing import Any

import numpy as np

from ..._errors import ArgumentError, OperandError, ShapeError
from ..._lazy import optional
from ..images import png_of
from .messages import array_of

Value = dict[str, Any]


def as_bytes(op: str, x: Any) -> Any:
    """Numbers as bytes: bytes stay, others are shares of full brightness, from 0 to 1."""
    array = array_of(op, x)
    if array.dtype == np.uint8:
        return array
    return np.clip(np.nan_to_num(array.astype(np.float64) * 255, nan=0.0), 0, 255).astype(np.uint8)


def laid_out(op: str, array: Any, form: str, least: str = "HW") -> Any:
    """``(H, W, C)`` of an array whose axes ``form`` names, ``N`` pictures as rows of eight; grey ones get three equal colours."""
    names = str(form).upper()
    if len({*names}) != len(names) or not {*names} <= {*"NCHW"} or not {*least} <= {*names} or len(names) != array.ndim:
        raise ArgumentError(
            f"{op}: dataformats must name each axis once, as CHW, HWC, HW or NCHW do: got {form!r} for shape {array.shape}; correct it"
        )
    array = np.transpose(array, [names.index(c) for c in "NHWC" if c in names])
    if "C" not in names:
        array = array[..., None]
    if array.shape[-1] not in (1, 2, 3, 4):
        raise ShapeError(f"{op}: a picture has 1 to 4 channels: got {array.shape[-1]} (shape {array.shape}, {form}); choose some")
    if "N" in names:
        array = _grid(array)
    return np.repeat(array, 3, axis=-1) if array.shape[-1] == 1 else array


def _grid(pictures: Any, columns: int = 8) -> Any:
    """``(N, H, W, C)`` side by side, and in rows: ``(rows * H, columns * W, C)``, black where none is left."""
    n, height, width, channels = pictures.shape
    columns = max(min(n, columns), 1)
    rows = -(-n // columns)
    full = np.zeros((rows * columns, height, width, channels), pictures.dtype)
    full[:n] = pictures
    full = full.reshape(rows, columns, height, width, channels).swapaxes(1, 2)  # (rows, H, columns, W, C)
    return full.reshape(rows * height, columns * width, channels)


def _value(tag: str, pixels: Any, encoded: bytes) -> Value:
    height, width, channels = pixels.shape
    return {"tag": tag, "image": {"height": height, "width": width, "colorspace": channels, "encoded_image_string": encoded}}


def image(tag: str, x: Any, dataformats: str, op: str = "add_image") -> Value:
    """One picture, or several in a grid."""
    pixels = laid_out(op, as_bytes(op, x), dataformats)
    return _value(tag, pixels, png_of(pixels))


def boxed(tag: str, x: Any, boxes: Any, rescale: float, dataformats: str, labels: Any) -> Value:
    """A picture with red boxes ``(N, 4)`` of left, top, right, bottom in pixels, and captions."""
    op = "add_image_with_boxes"
    drawing = optional("PIL.ImageDraw", "images", op)
    pillow = optional("PIL.Image", "images", op)
    pixels = laid_out(op, as_bytes(op, x), dataformats)
    corners = array_of(op, boxes)
    if corners.ndim != 2 or corners.shape[-1] != 4:
        raise ShapeError(f"{op}: boxes must have shape (N, 4): got {corners.shape}; give left, top, right and bottom of each")
    labels = [labels] if isinstance(labels, str) else labels
    if labels is not None and len(labels) != len(corners):
        raise ArgumentError(f"{op}: labels must be as many as boxes: got {len(labels)} and {len(corners)}; pass one for each")
    picture = pillow.fromarray(pixels[..., :3])
    pen = drawing.Draw(picture)
    for i, box in enumerate(corners.tolist()):
        pen.rectangle(box, outline=(255, 0, 0))
        if labels is not None:
            pen.text((box[0] + 2, box[1] + 1), str(labels[i]), fill=(255, 0, 0))
    if rescale != 1:
        picture = picture.resize((max(1, int(picture.width * rescale)), max(1, int(picture.height * rescale))))
    pixels = np.asarray(picture)
    return _value(tag, pixels, png_of(pixels))


def figure_pixels(figure: Any, close: bool) -> Any:
    """``(H, W, 3)`` of a figure of matplotlib."""
    canvas = optional("matplotlib.backends.backend_agg", "viz", "add_figure").FigureCanvasAgg(figure)
    canvas.draw()
    pixels = np.array(canvas.buffer_rgba(), np.uint8)[..., :3]
    if close:
        optional("matplotlib.pyplot", "viz", "add_figure").close(figure)
    return pixels


def figure(tag: str, figures: Any, close: bool) -> Value:
    """One figure, or a list of figures of the same size in a grid."""
    if not isinstance(figures, list):
        return image(tag, figure_pixels(figures, close), "HWC", "add_figure")
    return image(tag, np.stack([figure_pixels(f, close) for f in figures]), "NHWC", "add_figure")


def video(tag: str, x: Any, fps: float) -> Value:
    """``(N, T, C, H, W)`` as an animated GIF, the films of a batch in a grid."""
    pillow = optional("PIL.Image", "images", "add_video")
    array = as_bytes("add_video", x)
    if array.ndim != 5:
        raise ShapeError(f"add_video: a film has shape (N, T, C, H, W): got {array.shape}; reshape it")
    frames = [laid_out("add_video", array[:, t], "NCHW")[..., :3] for t in range(array.shape[1])]
    first, *others = [pillow.fromarray(f) for f in frames]
    file = io.BytesIO()
    first.save(file, "GIF", save_all=True, append_images=others, duration=1000 / fps, loop=0)
    return _value(tag, frames[0], file.getvalue())


def audio(tag: str, x: Any, sample_rate: int) -> Value:
    """Sound from -1 to 1, ``(1, L)`` or ``(L,)``, as 16-bit samples."""
    array = array_of("add_audio", x)
    if array.dtype.kind not in "fiu":
        raise OperandError(f"add_audio: sound must be real numbers: got {array.dtype}; pass numbers from -1 to 1")
    array = np.squeeze(array)
    if array.ndim > 1:
        raise ShapeError(f"add_audio: sound has one channel, shape (1, L) or (L,): got {array.shape}; choose one, x[0]")
    samples = (np.clip(array.reshape(-1), -1, 1) * 32767).astype("<i2")
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(int(sample_rate))
        out.writeframes(samples.tobytes())
    sound = {
        "sample_rate": float(sample_rate), "num_channels": 1, "length_frames": len(samples), "encoded_audio_string": file.getvalue(),
        "content_type": "audio/wav",
    }  # fmt: skip
    return {"tag": tag, "audio": sound}
