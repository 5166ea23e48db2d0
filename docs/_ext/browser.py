"""The files of the pages that run in the browser: Pyodide, NumPy for it, and the package, compiled by the same Python.

Pyodide comes from the npm registry. NumPy for it is the official build, which the PyPI package open-webui carries; its checksum is the one
in Pyodide's lock file. Where they cannot be had, the pages say so, and nothing else is missing.

    python docs/_ext/browser.py FOLDER      get them
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
import zlib
from pathlib import Path
from typing import Any

PYODIDE, CARRIER = "314.0.3", "open-webui==0.12.4"
RUNTIME = ("pyodide.mjs", "pyodide.asm.mjs", "pyodide.asm.wasm", "python_stdlib.zip", "pyodide-lock.json")
#: What of NumPy's wheel is for those who test it or build something on it.
UNUSED = re.compile(r"/tests/|^numpy/f2py/|^numpy/conftest|/include/|/lib/.*\.a$|\.(pyi|pxd|pyx|h|c|a|ini|pc)$|/RECORD$")
#: Is there once all is there, of this version and without what is not used.
COMPLETE = f"complete-{PYODIDE}-{zlib.crc32(UNUSED.pattern.encode()):08x}"
ROOT = Path(__file__).resolve().parents[2]
#: Compile what is in the folder "in" and leave what was compiled in "out", both of the host.
COMPILE = """
import { loadPyodide } from "./pyodide.mjs";
const python = await loadPyodide({ stdout: () => {} });
python.FS.mkdir("/host");
python.FS.mount(python.FS.filesystems.NODEFS, { root: process.argv[2] }, "/host");
python.runPython(`
import compileall, pathlib
unchecked = compileall.py_compile.PycInvalidationMode.UNCHECKED_HASH
compileall.compile_dir("/host", quiet=1, legacy=True, ddir="/lib/python3.14/site-packages", invalidation_mode=unchecked)
for path in pathlib.Path("/host").rglob("*.py"):
    path.unlink()
`);
process.exit(0);
"""


def run(*command: str, cwd: Path) -> str:
    """What a command prints."""
    return subprocess.run(command, cwd=cwd, check=True, capture_output=True, text=True, timeout=600).stdout


def compiled(source: Path, folder: Path, target: Path) -> None:
    """An archive of the Python files of a folder as bytecode of Pyodide's Python; other files as they are."""
    run("node", "compile.mjs", str(source), cwd=folder)
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as z:
        for path in sorted(source.rglob("*")):
            if path.is_file():
                z.write(path, path.relative_to(source))


def fetch(folder: Path) -> None:
    """Put everything into a folder, once for each version of Pyodide; the package is put there anew each time."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        if not (folder / COMPLETE).exists():
            archive = run("npm", "pack", "--silent", f"pyodide@{PYODIDE}", cwd=work).split()[-1]
            with tarfile.open(work / archive) as t:
                t.extractall(work, filter="data")
            for file in RUNTIME:
                shutil.copy(work / "package" / file, folder / file)
            wanted = json.loads((folder / "pyodide-lock.json").read_text())["packages"]["numpy"]
            run(sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(work), CARRIER, cwd=work)
            with zipfile.ZipFile(next(work.glob("*.whl"))) as z:
                wheel = z.read(f"open_webui/frontend/pyodide/{wanted['file_name']}")
            if hashlib.sha256(wheel).hexdigest() != wanted["sha256"]:
                raise ValueError(f"{wanted['file_name']} is not the one that Pyodide's lock file names")
            (folder / "compile.mjs").write_text(COMPILE)
            (work / "numpy.whl").write_bytes(wheel)
            with zipfile.ZipFile(work / "numpy.whl") as z:
                z.extractall(work / "numpy", [n for n in z.namelist() if not UNUSED.search(n)])
            compiled(work / "numpy", folder, folder / "numpy.zip")
            (folder / COMPLETE).touch()
        package = work / "package-source" / "tensorflowlite_clone"
        shutil.copytree(ROOT / "tensorflowlite_clone", package, ignore=shutil.ignore_patterns("__pycache__", "*.pyi", "as_torch"))
        compiled(package.parent, folder, folder / "package.zip")


def copied(app: Any, error: Exception | None) -> None:
    """Put the pages' files beside the pages."""
    if error is not None or app.builder.name != "html":
        return
    target = Path(app.outdir) / "browser"
    for name in ("worker.js", "page.js", "program.py"):
        shutil.copy(Path(app.srcdir) / "browser" / name, target / name)
    if not app.config.browser_python:
        return
    cache = Path(app.srcdir) / "_build" / "pyodide"
    try:
        fetch(cache)
    except (OSError, subprocess.SubprocessError, ValueError, StopIteration) as fault:
        print(f"== the pages in the browser have no Python: Pyodide or NumPy for it could not be had ({fault})")
        return
    shutil.rmtree(target / "pyodide", ignore_errors=True)
    shutil.copytree(cache, target / "pyodide", ignore=shutil.ignore_patterns("complete-*", "compile.mjs"))


def setup(app: Any) -> dict[str, Any]:
    """Sphinx asks for this."""
    app.add_config_value("browser_python", True, "", bool)
    app.connect("build-finished", copied)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


if __name__ == "__main__":
    fetch(Path(sys.argv[1]))
