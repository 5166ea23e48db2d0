"""Pages are plain Markdown, and their Python code runs when the site is built: what it prints and draws stands below it.

Code blocks of one page run one after the other in one program. A block that starts with ``# not run`` is shown as it is. Links that leave
the documentation become the path they lead to.
"""

from __future__ import annotations

import re
from typing import Any

#: Folders whose pages run.
RUN = ("start/", "guide/", "howto/", "gallery/", "science/", "index")
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
import matplotlib.pyplot as _plt

_plt.rcParams.update({"figure.figsize": (6, 3.5), "axes.spines.top": False, "axes.spines.right": False, "svg.fonttype": "path"})
```

"""


def made_to_run(app: Any, page: str, source: list[str]) -> None:
    """Code blocks of a page as cells that run, if it has any."""
    text = re.sub(r"\]\((?:\.\./)+(?!docs/)([^)#]+?)(#[^)]*)?\)", r"] (`\1`)", source[0])
    if page.startswith(RUN) and "```python\n" in text and not text.startswith("---\nfile_format"):
        text = HEAD + re.sub(r"^```python\n(?!# not run)", "```{code-cell} python3\n", text, flags=re.M)
        text = text.replace("```python\n# not run\n", "```python\n")
    source[0] = text


def setup(app: Any) -> dict[str, Any]:
    """Sphinx asks for this."""
    app.connect("source-read", made_to_run)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
