"""Pages are plain Markdown, and their Python code runs when the site is built: what it prints and draws stands below it.

Code blocks of one page run one after the other in one program. A block that starts with ``# not run`` is shown as it is. Links that leave
the documentation become the path they lead to. In the gallery, a first block that only reads the digits is folded.
"""

from __future__ import annotations

import re
from pathlib import PurePath
from typing import Any

#: Folders whose pages run.
RUN = ("start/", "guide/", "howto/", "gallery/", "science/", "index")
CELL = "```{code-cell} python3\n"
HEAD = """---
file_format: mystnb
kernelspec:
  name: python3
mystnb:
  execution_timeout: 300
---

```{code-cell} python3
:tags: [remove-cell]

import warnings

import matplotlib_inline.backend_inline as _inline

import tensorflowlite_clone as _tl

_inline.set_matplotlib_formats("svg")
_tl.manual_seed(0)
warnings.simplefilter("error")
warnings.simplefilter("ignore", PendingDeprecationWarning)  # of the kernel, when it is asked to end
import matplotlib.pyplot as _plt

_plt.rcParams.update({"figure.figsize": (6, 3.5), "axes.spines.top": False, "axes.spines.right": False, "svg.fonttype": "path"})
```

"""


def inside(page: str, text: str) -> str:
    """The text of a page, in which links that lead out of the documentation are paths from the root of the project."""

    def path(found: re.Match[str]) -> str:
        words, target = found[1].strip("`"), found[2]
        return f"`{target}`" if PurePath(words).name == PurePath(target).name else f"{words} (`{target}`)"

    up = r"\.\./" * (page.count("/") + 1)
    return re.sub(rf"\[([^\]\n]+)\]\({up}([^.)#][^)#]*)(?:#[^)]*)?\)", path, text)


def made_to_run(app: Any, page: str, source: list[str]) -> None:
    """Code blocks of a page as cells that run, if it has any."""
    text = inside(page, source[0])
    if page.startswith(RUN) and "```python\n" in text and not text.startswith("---\nfile_format"):
        text = re.sub(r"^```python\n(?!# not run)", CELL, text, flags=re.M)
        first = text.partition(CELL)[2].partition("```")[0]
        if page.startswith("gallery/") and "Digits(train=True)" in first:
            text = text.replace(CELL, f"{CELL}:tags: [hide-input]\n\n", 1)
        text = HEAD + text.replace("```python\n# not run\n", "```python\n")
    source[0] = text


def described(app: Any, page: str, template: str, context: dict[str, Any], doctree: Any) -> None:
    """For who cannot see a figure: what it is, instead of its address."""
    if "body" in context:
        context["body"] = re.sub(r'\balt="[^"]*_images/[^"]*"', 'alt="what the program above draws"', context["body"])


def setup(app: Any) -> dict[str, Any]:
    """Sphinx asks for this."""
    app.connect("source-read", made_to_run)
    app.connect("html-page-context", described)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
