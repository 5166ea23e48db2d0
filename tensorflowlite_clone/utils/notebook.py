"""How tensors and modules show themselves in notebooks: as HTML, of a limited size.

Not here: their text (``core/printing.py``, `Module.__repr__`), pictures of graphs (``drawing.py``).
"""

from __future__ import annotations

import html
from typing import Any

import numpy as np

from ..nn.module import Module
from ..nn.parameter import is_lazy

#: Of so many rows and columns the first and the last are shown.
ROWS, COLUMNS, EDGE = 12, 12, 5
#: Of a module with more submodules the first are shown.
CHILDREN = 40


def tensor_html(t: Any) -> str:
    """A table of the numbers (of up to two dimensions; of more, their text and their range), under shape and dtype."""
    array = t.detach().numpy()
    head = f"<b>{html.escape(type(t).__name__)}</b> {html.escape(str(tuple(t.shape)))} {html.escape(t.dtype.name)}"
    if t.requires_grad:
        head += ", leaf" if t.is_leaf else f", {html.escape(t.grad_fn.name())}"
    if array.ndim in (1, 2) and array.size:
        return f"<div>{head}</div>{_table(array if array.ndim == 2 else array[None])}"
    more = ""
    if array.size > 1 and array.dtype.kind in "fiu":
        with np.errstate(all="ignore"):
            wide = array.astype(np.float64)
            more = f"<div>from {wide.min():.4g} to {wide.max():.4g}, mean {wide.mean():.4g}</div>"
    return f"<div>{head}</div>{more}<pre>{html.escape(repr(t.detach()))}</pre>"


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
