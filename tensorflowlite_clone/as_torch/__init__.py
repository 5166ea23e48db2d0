"""PyTorch's programs and libraries, unchanged: ``import torch`` means this package.

    python -m tensorflowlite_clone.as_torch script.py arguments...
    python -m tensorflowlite_clone.as_torch -m pytest tests
    python -m tensorflowlite_clone.as_torch -c "import torch; print(torch.ones(2))"

or, before anything imports PyTorch, in the program itself:

>>> import tensorflowlite_clone as tl
>>> with tl.as_torch.install():
...     import torch
...     torch.nn.Linear is tl.nn.Linear
True

Every path under ``torch`` and some of ``torchvision`` are found (``table.py`` says where). A name that is not there is an `ImportError`
or an `AttributeError` that says so, and `missing` lists all of them. Who asks whether there is a ``torchvision``
(`importlib.util.find_spec`, `importlib.metadata`) hears no, and goes without what is not here. Processes that the program starts have
all this too. An installed PyTorch is not touched, and not loaded.

Not here: anything that PyTorch has; that is in the package, and there under ``import tensorflowlite_clone as torch`` too.
"""

from __future__ import annotations

import os
import sys
from os.path import dirname, join
from types import TracebackType

from .._errors import ArgumentError
from .._lazy import public as _public
from .._state import shown
from .finder import MISSING, Finder, Stand
from .table import RELEASES

__all__ = ["Installed", "install", "is_installed", "missing", "uninstall"]

#: The folder in which a process that was started finds a ``torch`` to import.
FOLDER = join(dirname(__file__), "path")
#: And in which it finds a ``torchvision``, until it has imported one of them.
VISION = join(FOLDER, "vision")
_FINDER = Finder()


def _modules() -> list[str]:
    return [name for name in sys.modules if name.partition(".")[0] in RELEASES]


class Installed:
    """What `install` returns: ``with tl.as_torch.install():`` uninstalls at the end of the block."""

    def __init__(self, first: bool) -> None:
        self._first = first

    def __enter__(self) -> Installed:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._first:
            uninstall()


def install(*, processes: bool = True) -> Installed:
    """Let ``import torch`` mean this package from now on, in this process and (``processes``) in those it starts.

    Processes learn of it by the environment variable ``PYTHONPATH``; one that ignores it (``python -I``) does not.
    Installing twice is installing once. Used as a context manager it ends with the block.

    Raises `ArgumentError` if PyTorch itself is imported already: its tensors and this package's would meet.
    """
    if is_installed():
        return Installed(first=False)
    foreign = [name for name in _modules() if not isinstance(sys.modules[name], Stand)]
    if foreign:
        where = getattr(sys.modules[foreign[0]], "__file__", None)
        raise ArgumentError(
            f"as_torch.install: PyTorch itself is imported in this process already: {foreign[0]} from {where}; "
            "install before anything imports it, or run `python -m tensorflowlite_clone.as_torch script.py`"
        )
    sys.meta_path.insert(0, _FINDER)
    shown.package = "torch"
    if processes:
        os.environ["PYTHONPATH"] = os.pathsep.join([FOLDER, VISION, *_python_path()])
        sys.path[:] = [p for p in sys.path if p != VISION]
        sys.path.insert(1, FOLDER)  # multiprocessing hands it on
    return Installed(first=True)


def uninstall() -> None:
    """Let ``import torch`` mean what it did before; what was imported meanwhile stays with those who have it."""
    if not is_installed():
        return
    sys.meta_path.remove(_FINDER)
    shown.package = "tl"
    for name in _modules():
        del sys.modules[name]
    sys.path[:] = [p for p in sys.path if p != FOLDER]
    rest = _python_path()
    if rest:
        os.environ["PYTHONPATH"] = os.pathsep.join(rest)
    else:
        os.environ.pop("PYTHONPATH", None)


def is_installed() -> bool:
    """Whether ``import torch`` means this package."""
    return _FINDER in sys.meta_path


def missing() -> dict[str, str]:
    """The names that were asked for and are not here, each with the file and line that asked first.

    To ask whether there is such a name (``hasattr``) is asking, too.

    >>> import tensorflowlite_clone as tl
    >>> with tl.as_torch.install():
    ...     import torch
    ...     hasattr(torch, "flux_compensator")
    False
    >>> [name for name in tl.as_torch.missing() if "flux" in name]
    ['torch.flux_compensator']
    """
    return dict(sorted(MISSING.items()))


def _python_path() -> list[str]:
    return [p for p in os.environ.get("PYTHONPATH", "").split(os.pathsep) if p and p not in (FOLDER, VISION)]


__dir__ = _public(globals())
