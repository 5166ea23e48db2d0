"""The command ``python -m tensorflowlite_clone.as_torch``: runs a program with ``torch`` meaning this package.

Not here: what is installed for it (``__init__.py``).
"""

from __future__ import annotations

import os
import runpy
import sys
import traceback
from types import ModuleType
from typing import Any

from . import install, missing
from .finder import note

USAGE = """usage: python -m tensorflowlite_clone.as_torch [-q] script.py arguments...
       python -m tensorflowlite_clone.as_torch [-q] -m module arguments...
       python -m tensorflowlite_clone.as_torch [-q] -c code arguments...
A script "-" is read from the standard input.
Runs a PyTorch program on tensorflowlite_clone, and lists at its end what it asked for that is not there (-q: does not)."""


def _run_code(code: str, name: str, text: Any) -> None:
    """Run ``text`` as the program's main module, in which whoever asks for ``__main__`` finds it."""
    main = ModuleType("__main__")
    main.__dict__.update(__file__=name, __builtins__=__builtins__, __spec__=None, __cached__=None)
    if code in ("-", "-c"):
        del main.__file__
    sys.modules["__main__"] = main
    exec(compile(text, name, "exec"), main.__dict__)


def _run(kind: str, what: str) -> None:
    if kind == "-m":
        sys.path[0] = os.getcwd()
        runpy.run_module(what, run_name="__main__", alter_sys=True)
    elif kind == "-c":
        sys.path[0] = ""
        _run_code(kind, "<string>", what)
    elif os.path.isdir(what) or what.endswith((".zip", ".pyz")):
        runpy.run_path(what, run_name="__main__")
    else:
        if what == "-":
            text = sys.stdin.buffer.read()
        else:
            with open(what, "rb") as file:
                text = file.read()
        sys.path[0] = os.path.dirname(os.path.abspath(what))
        _run_code(kind, "<stdin>" if what == "-" else what, text)


def _of_an_object(error: BaseException) -> None:
    """Note the attribute that a tensor, a module or another object of the package was asked for in vain."""
    kind = type(getattr(error, "obj", None))
    if isinstance(error, AttributeError) and kind.__module__.startswith("tensorflowlite_clone.") and not issubclass(kind, ModuleType):
        frame = list(traceback.walk_tb(error.__traceback__))[-1][0]
        note(f"torch.{kind.__name__}.{error.name}", frame)


def main(arguments: list[str]) -> None:
    """Run what the command line says."""
    quiet = arguments[:1] == ["-q"]
    kind, *rest = arguments[quiet:] or ["-h"]
    if kind in ("-h", "--help") or (kind in ("-m", "-c") and not rest) or (kind.startswith("-") and kind not in ("-", "-m", "-c")):
        print(USAGE, file=sys.stdout if kind in ("-h", "--help") else sys.stderr)
        sys.exit(0 if kind in ("-h", "--help") else 2)
    what = rest.pop(0) if kind in ("-m", "-c") else kind
    sys.argv[:] = [kind if kind == "-c" else what, *rest]
    install()
    try:
        _run(kind, what)
    except BaseException as error:
        _of_an_object(error)
        raise
    finally:
        if missing() and not quiet:
            lines = (f"  {name}  ({where})\n" for name, where in missing().items())
            sys.stderr.write("as_torch: asked for, and not there:\n" + "".join(lines))


if __name__ == "__main__":
    main(sys.argv[1:])
