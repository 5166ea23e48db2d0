"""The house, drawn from the imports: which folder of the package uses which, as an SVG that the page of the design shows."""

from __future__ import annotations

import ast
import html
from pathlib import Path
from typing import Any

import tensorflowlite_clone as tl

ROOT = Path(tl.__file__).parent
#: Floors from the ground up; within a floor from left to right.
FLOORS = [
    ["kernels"], ["core"], ["ops"], ["func", "autograd"], ["distributed", "nn", "integrate", "scipy"],
    ["distributions", "optim", "utils", "profiler"], ["io", "onnx", "transforms", "datasets"], ["as_torch"],
]  # fmt: skip
WHAT = {
    "kernels": "plain NumPy: fast, on arrays", "core": "tape, boxes, rules as classes", "ops": "one rule for each operation",
    "func": "transforms of functions", "autograd": "the tape as users see it", "nn": "layers", "optim": "optimizers, schedules",
    "io": "files", "distributions": "densities, samples", "transforms": "of images", "datasets": "digits, MNIST, CIFAR...",
    "utils": "data loading, tools", "onnx": "export", "profiler": "time and memory", "as_torch": "import torch, from here",
    "distributed": "several processes, by MPI", "integrate": "differential equations", "scipy": "SciPy's functions",
}  # fmt: skip
#: A folder of so many files has a place in the drawing.
LARGE = 5


def imports() -> dict[tuple[str, str], int]:
    """How many import lines lead from one folder to another."""
    count: dict[tuple[str, str], int] = {}
    for path in ROOT.rglob("*.py"):
        parts = path.relative_to(ROOT).parts
        if len(parts) < 2:
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.level:
                base = [*parts[:-1]][: len(parts) - node.level]
                target = [*base, *(node.module or "").split(".")][:1]
                names = [target[0]] if target and target[0] else [a.name for a in node.names] if not base else []
                for name in names:
                    if name in WHAT and name != parts[0]:
                        count[parts[0], name] = count.get((parts[0], name), 0) + 1
    return count


def drawing() -> str:
    """The house as SVG."""
    places = [room for floor in FLOORS for room in floor]
    lost = [f.name for f in ROOT.iterdir() if len(list(f.rglob("*.py"))) >= LARGE and f.name not in places]
    if lost or {*places} != {*WHAT}:
        raise ValueError(f"the drawing of the house has no place for {lost}, or says nothing of { ({*places} ^ {*WHAT}) }")
    width, height, gap, box, tall = 860, 100, 30, 196, 50
    where: dict[str, tuple[float, float]] = {}
    for level, rooms in enumerate(FLOORS):
        y = (len(FLOORS) - 1 - level) * (height - 10) + 10
        for i, room in enumerate(rooms):
            where[room] = (width * (i + 0.5) / len(rooms), y)
    lines = []
    for (a, b), n in sorted(imports().items()):
        if a in where and b in where:
            (x0, y0), (x1, y1) = where[a], where[b]
            curve = f"M{x0:.0f} {y0 + tall} C{x0:.0f} {y0 + tall + 26} {x1:.0f} {y1 - 26} {x1:.0f} {y1}"
            lines.append(f'<path d="{curve}" stroke-width="{min(0.6 + n / 12, 6):.1f}">'
                         f"<title>{a} imports {b} in {n} lines</title></path>")  # fmt: skip
    boxes = [
        f'<g><rect x="{x - box / 2:.0f}" y="{y}" width="{box}" height="{tall}" rx="5"/>'
        f'<text x="{x:.0f}" y="{y + 21}" class="name">{room}</text>'
        f'<text x="{x:.0f}" y="{y + 39}">{html.escape(WHAT[room])}</text></g>'
        for room, (x, y) in where.items()
    ]
    style = (
        ".house path{fill:none;stroke:currentColor;opacity:.28}.house rect{fill:var(--pst-color-surface,#eee);stroke:currentColor}"
        ".house text{font:12.5px sans-serif;text-anchor:middle;fill:currentColor}.house .name{font:bold 15px sans-serif}"
    )
    return (
        f'<svg class="house" role="img" aria-label="Folders of the package and what they import" viewBox="0 0 {width} '
        f'{len(FLOORS) * (height - 10) + gap}"><style>{style}</style>{"".join(lines)}{"".join(boxes)}</svg>'
    )


def shown(app: Any, page: str, source: list[str]) -> None:
    """Put the drawing under the title of the page of the design."""
    if page == "design":
        title, _, rest = source[0].partition("\n")
        source[0] = f"{title}\n\n```{{raw}} html\n{drawing()}\n```\n{rest}"


def setup(app: Any) -> dict[str, Any]:
    """Sphinx asks for this."""
    app.connect("source-read", shown)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
