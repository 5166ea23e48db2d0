"""How tensors and modules show themselves in notebooks: as HTML, of a limited size.

Not here: their text (``core/printing.py``, `Module.__repr__`), pictures of graphs (``drawing.py``).
"""

from __future__ import annotations

import html
from base64 import b64encode
from typing import Any

import numpy as np

from ..nn.module import Module
from ..nn.parameter import is_lazy
from .images import png_of

#: Of so many rows and columns the first and the last are shown.
ROWS, COLUMNS, EDGE = 12, 12, 5
#: A picture shows so many rows and columns at most, evenly chosen.
PIXELS = (64, 128)
#: Of a module with more submodules the first are shown.
CHILDREN = 40


def tensor_html(t: Any) -> str:
    """A table of the numbers (of up to two dimensions; of more, their text and their range), under shape and dtype.

    Where numbers are left out there is a picture of all: a line for one dimension, else a map, its rows all dimensions but the last.
    """
    array = t.detach().numpy()
    head = f"<b>{html.escape(type(t).__name__)}</b> {html.escape(str(tuple(t.shape)))} {html.escape(t.dtype.name)}"
    if t.requires_grad:
        head += ", leaf" if t.is_leaf else f", {html.escape(t.grad_fn.name())}"
    if array.ndim in (1, 2) and array.size:
        return f"<div>{head}</div>{_picture(array)}{_table(array if array.ndim == 2 else array[None])}"
    more = ""
    if array.size > 1 and array.dtype.kind in "fiu":
        with np.errstate(all="ignore"):
            wide = array.astype(np.float64)
            more = f"<div>from {wide.min():.4g} to {wide.max():.4g}, mean {wide.mean():.4g}</div>"
    return f"<div>{head}</div>{more}{_picture(array)}<pre>{html.escape(repr(t.detach()))}</pre>"


@np.errstate(all="ignore")
def _picture(array: Any) -> str:
    """A line, or a map of colours (red above 0, blue below), of what has too many numbers for a table."""
    if array.size == 0 or (array.shape[-1:] <= (COLUMNS,) and array.size <= ROWS * COLUMNS):
        return ""
    numbers = np.abs(array) if array.dtype.kind == "c" else array.astype(np.float64)
    finite = np.isfinite(numbers)
    low, high = (numbers[finite].min(), numbers[finite].max()) if finite.any() else (0.0, 0.0)
    if array.ndim == 1:
        at = np.linspace(0, array.size - 1, min(array.size, 4 * PIXELS[1])).astype(int)
        places = zip(at / max(1, array.size - 1) * 240, 37 - 34 * (numbers[at] - low) / ((high - low) or 1.0), finite[at], strict=True)
        points = " ".join(f"{x:.1f},{y:.1f}" for x, y, there in places if there)
        return (
            '<svg xmlns="http://www.w3.org/2000/svg" width="240" height="40" role="img" aria-label="the numbers as a line">'
            f'<polyline points="{points}" fill="none" stroke="#1391a0" stroke-width="1.5"></polyline></svg>'
        )
    rows = numbers.reshape(-1, array.shape[-1])
    i, j = (np.linspace(0, n - 1, min(n, most)).astype(int) for n, most in zip(rows.shape, PIXELS, strict=True))
    part = rows[np.ix_(i, j)]
    strength = np.clip(np.nan_to_num(part / (max(abs(low), abs(high)) or 1.0)), -1, 1)[..., None]  # (rows, columns, 1)
    ends = np.where(strength < 0, np.array([33.0, 102.0, 172.0]), np.array([178.0, 24.0, 43.0]))
    pixels = np.where(np.isfinite(part)[..., None], 247 + (ends - 247) * np.abs(strength), 128).astype(np.uint8)
    scale = max(1, 256 // max(pixels.shape[:2]))
    return (
        f'<img alt="the numbers as colours" width="{scale * pixels.shape[1]}" height="{scale * pixels.shape[0]}" '
        f'style="image-rendering:pixelated" src="data:image/png;base64,{b64encode(png_of(pixels)).decode()}"/>'
    )


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
    return f"{x:.4g}" if x.dtype.kind in "fcV" else str(x.item())


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
