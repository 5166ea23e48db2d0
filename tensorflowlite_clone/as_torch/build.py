"""What ``torch.__config__`` says of how PyTorch was built: reports of bugs and logs of experiments print it. Not here: settings."""

from __future__ import annotations

import io
from contextlib import redirect_stdout
from warnings import catch_warnings, simplefilter

import numpy as np

from .._version import __version__
from ..kernels.threads import get_num_threads

__all__ = ["parallel_info", "show"]


def show() -> str:
    """What computes: this package, and NumPy as it was built."""
    out = io.StringIO()
    with redirect_stdout(out), catch_warnings():
        simplefilter("ignore")  # without PyYAML NumPy writes JSON, and says so
        np.show_config()
    return f"tensorflowlite_clone {__version__} stands for PyTorch, on NumPy {np.__version__}:\n{out.getvalue()}"


def parallel_info() -> str:
    """How many threads compute."""
    return f"tensorflowlite_clone: get_num_threads() : {get_num_threads()}\n"
