"""How the site is built: ``make docs``. Everything a page loads is in the build; formulas are MathML, which browsers draw themselves.

Code in pages under ``start``, ``guide``, ``howto``, ``gallery`` and ``science`` runs when the site is built (``_ext/running.py``); pages of
the reference are written from the package (``_ext/reference.py``).
"""

from __future__ import annotations

import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE / "_ext"), str(HERE.parent)]

import tensorflowlite_clone as tl  # noqa: E402

project = "tensorflowlite_clone"
author = "the authors of tensorflowlite_clone"
version = release = tl.__version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "myst_nb",
    "sphinx_copybutton",
    "sphinx_design",
    "running",
    "reference",
    "formulas",
    "house",
    "finding",
    "pictures",
    "browser",
    "slim",
]
exclude_patterns = ["_build", "reference/README.md"]
default_role = None
toc_object_entries_show_parents = "hide"
nitpicky = False
html_math_renderer = "mathml"

myst_enable_extensions = ["colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 3
nb_execution_mode = "cache"
nb_execution_cache_path = str(HERE / "_build" / "executed")
nb_execution_timeout = 300
nb_execution_raise_on_error = True
nb_merge_streams = True
nb_code_prompt_show, nb_code_prompt_hide = "Show the data", "Hide the data"

html_theme = "pydata_sphinx_theme"
html_title = "tensorflowlite_clone"
html_favicon = "_static/logo.svg"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_search_scorer = str(HERE / "_ext" / "scorer.js")
html_copy_source = html_show_sourcelink = html_use_index = False
html_theme_options = {
    "logo": {"text": "tensorflowlite_clone", "image_light": "_static/logo.svg", "image_dark": "_static/logo.svg", "alt_text": ""},
    "navbar_align": "left",
    "navigation_depth": 2,
    "show_nav_level": 1,
    "show_toc_level": 2,
    "header_links_before_dropdown": 8,
    "navbar_end": ["theme-switcher"],
    "primary_sidebar_end": [],
    "secondary_sidebar_items": ["page-toc"],
    "footer_start": ["copyright"],
    "footer_end": [],
}
html_sidebars = {"index": [], "reference/api/*": [], "coverage": []}
html_show_copyright = False
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True
