"""How tensors, modules and their states show themselves in notebooks: as HTML of a limited size, on light and on dark pages.

Here: numbers as tables; where they are many, a picture too (a line of one dimension, colours of more); values inside transforms by what
they hold; trees of modules. Not here: their text (``core/printing.py``, `Module.__repr__`), pictures of graphs (``drawing.py``).
"""

from __future__ import annotations

import base64
import html
from collections.abc import Mapping
from itertools import islice
from typing import Any

import numpy as np
from numpy import ndarray

from ..core.boxed import Boxed
from ..core.tensor import Taped
from ..func.batched import Batched
from ..func.dual import Dual
from ..func.tracing import Traced
from ..nn.module import Module
from ..nn.parameter import is_lazy
from .images import png_of

#: Of so many rows and columns the first and the last are shown.
ROWS, COLUMNS, EDGE = 12, 12, 5
#: Of a module with more submodules, of a state with more entries, the first are shown.
CHILDREN, ENTRIES = 40, 200
#: Range and mean are those of at most so many numbers, evenly spread.
SAMPLE = 1 << 20
#: Places along a line; its size in pixels.
POINTS, WIDTH, HEIGHT = 160, 320, 48
#: Rows and columns of colours, of all and of each of several slices.
DOWN, ACROSS, SLICE = 48, 72, 32
#: Three colours for numbers of one sign, and of both (blue, white for 0, red); NaN has a fourth.
ONE_SIGN = ((68, 1, 84), (33, 145, 140), (253, 231, 37))
BOTH_SIGNS = ((33, 102, 172), (247, 247, 247), (178, 24, 43))
NAN = (255, 0, 255)
#: What the values inside transforms hold: the titles of their parts.
HELD = ((Dual, ("value", "tangent")), (Batched, ("values of all examples",)), (Traced, ("value",)), (Taped, ("value",)))


def tensor_html(t: Any) -> str:
    """Shape, dtype and place on the tape, and the numbers; of a value inside a transform, what it holds."""
    head = f"<b>{html.escape(type(t).__name__)}</b> {html.escape(str(tuple(t.shape)))} {html.escape(t.dtype.name)}"
    if isinstance(t, Taped) and t.requires_grad:
        head += ", leaf" if t.is_leaf else f", {html.escape(t.grad_fn.name())}"
    return f"<div>{head}</div>{_content(t)}"


def _content(t: Any) -> str:
    if isinstance(t, ndarray):
        return _numbers(t, repr(t))
    if isinstance(t, Taped) and isinstance(t.array, ndarray):
        return _numbers(t.detach().numpy(), repr(t.detach()))
    titles = next((titles for kind, titles in HELD if isinstance(t, kind)), None)
    if titles is None:  # such as a sparse tensor
        return f"<pre>{html.escape(repr(t))}</pre>"
    parts = zip(titles, t.parts(), strict=True)
    return "".join(f'<div style="margin-left:1.5em">{title}: {tensor_html(part)}</div>' for title, part in parts)


# ---- numbers ----------------------------------------------------------------------------------------------------------------------
def _numbers(array: Any, text: str) -> str:
    """A table of up to two dimensions, the text of others; before it, where not all are shown or there are more axes, range and picture."""
    if array.dtype.kind == "V":  # bfloat16
        array = array.astype(np.float32)
    flat = array.ndim in (1, 2) and array.size
    table = array if array.ndim == 2 else array.reshape(1, -1) if flat else array
    cut = table.shape[0] > ROWS or table.shape[1] > COLUMNS if flat else array.size > ROWS * COLUMNS
    about = _range(array) if cut or (array.ndim > 2 and array.size > 1) else ""
    picture = (_line(array) if array.ndim == 1 else _colours(array)) if cut else ""
    numbers = _table(table) if flat else f"<pre>{html.escape(text)}</pre>"
    return about + picture + (f"<details><summary>numbers</summary>{numbers}</details>" if picture and not flat else numbers)


def _shown(n: int, most: int) -> list[int | None]:
    """The numbers of the rows or columns that are shown; None stands for those left out."""
    return list(range(n)) if n <= most else [*range(EDGE), None, *range(n - EDGE, n)]


def _table(array: Any) -> str:
    rows, columns = _shown(array.shape[0], ROWS), _shown(array.shape[1], COLUMNS)
    lines = ["<tr><th></th>" + "".join(f"<th>{'&hellip;' if c is None else c}</th>" for c in columns) + "</tr>"]
    for r in rows:
        cells = "".join(f"<td>{'&hellip;' if r is None or c is None else html.escape(_number(array[r, c]))}</td>" for c in columns)
        lines.append(f"<tr><th>{'&hellip;' if r is None else r}</th>{cells}</tr>")
    return f"<table>{''.join(lines)}</table>"


def _number(x: Any) -> str:
    return f"{x:.4g}" if x.dtype.kind in "fc" else str(x.item())


def _real(array: Any) -> Any:
    """Real numbers to draw: magnitudes of complex ones, 0 and 1 of booleans."""
    with np.errstate(all="ignore"):
        return np.abs(array).astype(np.float64) if array.dtype.kind == "c" else array.astype(np.float64)


def _thinned(array: Any, most: int) -> Any:
    """Every second element along the longest axis, again until no more than ``most`` are left."""
    while array.size > most:
        axis = int(np.argmax(array.shape))
        array = array[(slice(None),) * axis + (slice(None, None, 2),)]
    return array


def _range(array: Any) -> str:
    """From where to where the numbers go, and what is among them that is no number."""
    sample = _thinned(array, SAMPLE)
    values = _real(sample)
    finite = values[np.isfinite(values)]
    nans = int(np.isnan(values).sum())
    words = []
    if array.dtype.kind == "b":
        words.append(f"{int(values.sum()):,} of {values.size:,} are True")
    elif finite.size:
        what = "magnitudes from" if array.dtype.kind == "c" else "from"
        words.append(f"{what} {finite.min():.4g} to {finite.max():.4g}, mean {(finite / finite.size).sum():.4g}")
    words += [f"{n:,} {name}" for n, name in ((nans, "NaN"), (values.size - finite.size - nans, "infinite")) if n]
    of = "" if sample.size == array.size else f" (of {sample.size:,} elements, evenly spread)"
    return f"<div>{', '.join(words)}{of}</div>"


# ---- pictures ---------------------------------------------------------------------------------------------------------------------
def _line(array: Any) -> str:
    """A line through the numbers, or between the least and the largest of each part; gaps are where none is finite."""
    values = _real(_thinned(array, SAMPLE))
    values[~np.isfinite(values)] = np.nan
    if np.isnan(values).all():
        return ""
    places = np.arange(len(values))
    if len(values) > 2 * POINTS:
        places = np.arange(POINTS) * len(values) // POINTS
        values = np.stack([f.reduceat(values, places) for f in (np.fmin, np.fmax)], 1).ravel()
        places = np.repeat(places, 2)
    low, high = float(np.nanmin(values)), float(np.nanmax(values))
    x = 2 + places * (WIDTH - 4) / max(int(places[-1]), 1)
    with np.errstate(over="ignore", invalid="ignore"):
        y = HEIGHT - 3 - (values / 2 - low / 2) / (high / 2 - low / 2 or 1) * (HEIGHT - 6)
    steps, pen = [], "M"
    for a, b in zip(x.tolist(), y.tolist(), strict=True):
        steps.append("" if b != b else f"{pen}{a:.1f} {b:.1f}" + "h0" * (pen == "M"))
        pen = "M" if b != b else "L"
    zero = HEIGHT - 3 + low / (high - low) * (HEIGHT - 6) if low < 0 < high else None
    axis = "" if zero is None else f'<path d="M0 {zero:.1f}H{WIDTH}" stroke="currentColor" opacity=".3"></path>'
    return (
        f'<div><svg width="{WIDTH}" height="{HEIGHT}" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="the numbers as a line">{axis}'
        f'<path d="{"".join(steps)}" fill="none" stroke="currentColor" stroke-linecap="round" stroke-linejoin="round"></path></svg></div>'
    )


def _colours(array: Any) -> str:
    """A colour for each number, or for evenly spread ones; the first slices of more than two dimensions side by side."""
    count = int(np.prod(array.shape[:-2]))
    down, across = (DOWN, ACROSS) if count == 1 else (SLICE, SLICE)
    rows, columns = (
        np.unique(np.linspace(0, n - 1, min(n, most)).astype(int)) for n, most in zip(array.shape[-2:], (down, across), strict=True)
    )
    h, w = len(rows) + 1, len(columns) + 1  # with a gap
    in_a_row = max(1, min(count, (ACROSS + 1) // w))
    lines = max(1, min(-(-count // in_a_row), (DOWN + 1) // h))
    shown = [array[index][np.ix_(rows, columns)] for index in islice(np.ndindex(array.shape[:-2]), in_a_row * lines)]
    values = np.stack([_real(s) for s in shown])
    finite = values[np.isfinite(values)]
    if not finite.size:
        return ""
    low, high = float(finite.min()), float(finite.max())
    scale = BOTH_SIGNS if low < 0 < high else ONE_SIGN
    if scale is BOTH_SIGNS:
        low, high = -max(-low, high), max(-low, high)
    with np.errstate(all="ignore"):
        share = np.clip((values / 2 - low / 2) / (high / 2 - low / 2 or 1), 0, 1)
    colours = np.stack([np.interp(share, (0, 0.5, 1), [c[i] for c in scale]) for i in range(3)], -1).round()
    colours[np.isnan(values)] = NAN
    pixels = np.zeros((lines * h - 1, in_a_row * w - 1, 4), np.uint8)
    for i, part in enumerate(colours):
        top, left = i // in_a_row * h, i % in_a_row * w
        pixels[top : top + h - 1, left : left + w - 1] = np.concatenate([part, np.full((*part.shape[:2], 1), 255)], -1)
    size = max(1, min(12, 384 // pixels.shape[1], 240 // pixels.shape[0]))
    data = base64.b64encode(png_of(pixels)).decode()
    what = f"{len(shown)} of {count} slices" if count > 1 else "heat map"
    bar = ",".join(f"rgb{c}" for c in scale)
    return (
        f'<div><img alt="{what}" title="{what}" src="data:image/png;base64,{data}" '
        f'style="image-rendering:pixelated;width:{pixels.shape[1] * size}px;height:{pixels.shape[0] * size}px"></div>'
        f'<div>{low:.4g} <span style="display:inline-block;width:8em;height:.7em;background:linear-gradient(90deg,{bar})"></span>'
        f" {high:.4g}{', NaN in magenta' if np.isnan(values).any() else ''}</div>"
    )


# ---- modules and their states -----------------------------------------------------------------------------------------------------
def state_html(state: Mapping[str, Any]) -> str:
    """The entries of a ``state_dict``: name, shape, dtype, how many numbers."""
    lines = ["<tr><th>name</th><th>shape</th><th>dtype</th><th>numbers</th></tr>"]
    for key, t in islice(state.items(), ENTRIES):
        known = isinstance(t, Boxed) and not is_lazy(t)
        about = (str(tuple(t.shape)), t.dtype.name, f"{t.numel():,}") if known else (type(t).__name__, "", "")
        lines.append("<tr>" + "".join(f'<td style="text-align:left">{html.escape(c)}</td>' for c in (str(key), *about)) + "</tr>")
    tensors = [t for t in state.values() if isinstance(t, Boxed) and not is_lazy(t)]
    more = f"&hellip; and {len(state) - ENTRIES} more; " if len(state) > ENTRIES else ""
    size = sum(t.numel() * t.element_size() for t in tensors)
    return f"<table>{''.join(lines)}</table><div>{more}{sum(t.numel() for t in tensors):,} numbers, {size:,} bytes</div>"


def module_html(module: Module) -> str:
    """The tree of submodules, to be unfolded, with settings, parameters and their number."""
    return _node(module, "", 0)


def _node(module: Module, name: str, depth: int) -> str:
    known = [p for p in module.parameters() if not is_lazy(p)]
    count = f" &mdash; {sum(p.numel() for p in known):,} parameters" if known else ""
    label = f"({html.escape(name)}) " if name else ""
    extra = html.escape(module.extra_repr().replace("\n", ", "))
    head = f"{label}<b>{html.escape(type(module).__name__)}</b>({extra}){count}"
    rows = []
    for key, p in [*module._parameters.items(), *module._buffers.items()]:
        if p is not None:
            shape = "of unknown shape" if is_lazy(p) else f"{tuple(p.shape)} {p.dtype.name}"
            rows.append(f"<div><code>{html.escape(key)}</code> {html.escape(shape)}{'' if p.requires_grad else ', fixed'}</div>")
    children = [(key, m) for key, m in module._modules.items() if m is not None]
    rows += [_node(m, key, depth + 1) for key, m in children[:CHILDREN]]
    if len(children) > CHILDREN:
        rows.append(f"<div>&hellip; and {len(children) - CHILDREN} more</div>")
    if not rows:
        return f"<div>{head}</div>"
    return f'<details{" open" if not depth else ""}><summary>{head}</summary><div style="margin-left:1.5em">{"".join(rows)}</div></details>'
