"""The release as users get it: names agree, wheel and sdist are built, checked, installed in fresh environments, tested from the sdist.

    python tests/release.py              all of it, on every supported Python on PATH (`make release-check`); the files lie in ``dist/``
    python tests/release.py --all        with all tests instead of a selection of about a minute (`make release-check ALL=1`)
    python tests/release.py --build DIR  names, wheel and sdist into DIR, their contents and sizes; nothing of tags (``.ci/run``)
    python tests/release.py --notes      what CHANGELOG.md says of this version

The version stands in ``_version.py`` and nowhere else in the package: it also runs from checkouts without tags, from archives, and through
PYTHONPATH, where no tool could ask git, and ``importlib.metadata`` costs more than the import should. Tags follow: a commit with the tag
``v1.0.0rc1`` has this version, in CHANGELOG.md and CITATION.cff too, and no other commit has it once the tag is there. Not here: which
machines a CI runs it on (``.github/workflows/ci.yml``).
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import tomllib
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = "tensorflowlite_clone"
#: Bytes that a wheel may have.
LIMIT = 1_700_000
#: Files of the package that readers of its source want, and users do not.
NOT_IN_WHEELS = re.compile(r"/README\.md$")
#: What must be there though no import would miss it at once.
WANTED = (
    "py.typed",
    "__init__.pyi",
    "core/methods.pyi",
    "nn/functional.pyi",
    "datasets/data/digits.npz",
    "datasets/data/DIGITS-LICENSE.txt",
)
#: The tests of about a minute: every room of the package, what is generated for each operation left out.
SELECTION = """
    autograd/test_forward_ad.py autograd/test_gradient_modes.py core datasets/test_digits.py datasets/test_idx.py
    distributions/test_base.py func/test_derivatives.py func/test_trees.py nn/test_module.py nn/test_layers.py
    optim/test_schedules.py test_as_torch.py test_create.py test_fft.py test_indexing.py test_io.py
    test_io_pytorch.py test_late.py test_linalg.py test_modes.py test_names.py test_numpy_language.py
    test_printing.py test_random.py test_readme.py test_release.py test_sparse.py
    test_views.py transforms utils/test_data.py utils/test_notebook.py
""".split()  # noqa: SIM905
#: Tests that are about a checkout, which has the package in it.
OF_CHECKOUTS = ["tests/test_mutants.py"]
SMOKE = """
import sys
import tensorflowlite_clone as tl
late = "importlib.metadata" not in sys.modules  # which takes longer than the import may
import importlib.metadata, numpy
assert late, "importing loads importlib.metadata"
assert tl.__file__.startswith(sys.prefix), tl.__file__
assert importlib.metadata.version("tensorflowlite_clone") == tl.__version__ == sys.argv[1], tl.__version__
train, test = tl.datasets.Digits(train=True), tl.datasets.Digits(train=False)
assert len(train) + len(test) == 1797
x = tl.tensor([1.0, 2.0], requires_grad=True)
(x * x).sum().backward()
assert x.grad.tolist() == [2.0, 4.0]
print(f"Python {sys.version.split()[0]}, NumPy {numpy.__version__}")
"""


# ---- names ------------------------------------------------------------------------------------------------------------------------
def version(root: Path) -> str:
    """The version that the package in ``root`` says."""
    return re.search(r'^__version__ = "(.+)"$', (root / PACKAGE / "_version.py").read_text(encoding="utf-8"), re.M)[1]


def section(root: Path, name: str) -> tuple[str, str]:
    """The date and the text of a version in CHANGELOG.md; two empty ones where it has none."""
    text = (root / "CHANGELOG.md").read_text(encoding="utf-8")
    found = re.search(rf"^## \[{re.escape(name)}\] - (\d{{4}}-\d\d-\d\d)\n(.*?)(?=^## \[|\Z)", text, re.M | re.S)
    return (found[1], found[2].strip()) if found else ("", "")


def wrong_names(root: Path) -> list[str]:
    """What CHANGELOG.md and CITATION.cff say otherwise than the package."""
    own = version(root)
    if not re.fullmatch(r"\d+\.\d+\.\d+((a|b|rc)\d+)?(\.dev\d+)?", own):
        return [f"_version.py: {own!r} is no version, such as 1.0.0, 1.0.0rc1 or 1.1.0.dev0"]
    heads = re.findall(r"^## \[(.+?)\]", (root / "CHANGELOG.md").read_text(encoding="utf-8"), re.M)
    if ".dev" in own:
        return [] if heads[:1] == ["Unreleased"] else [f"CHANGELOG.md: of {own}, which is no release, the first section is [Unreleased]"]
    day, text = section(root, own)
    if heads[:1] != [own] or not text:
        return [f"CHANGELOG.md: the first section must be '## [{own}] - YEAR-MONTH-DAY', with lines: it is {heads[:1]}"]
    cited = dict(re.findall(r"^(version|date-released): \"?([^\"\n]+)", (root / "CITATION.cff").read_text(encoding="utf-8"), re.M))
    said = {"version": own, "date-released": day}
    return [
        f"CITATION.cff: {key} is {cited.get(key)}, {said[key]} in _version.py and CHANGELOG.md"
        for key in said
        if cited.get(key) != said[key]
    ]


def git(root: Path, *arguments: str) -> list[str]:
    result = subprocess.run(["git", "-C", root, *arguments], capture_output=True, text=True, check=True)
    return result.stdout.splitlines()


def has_git(root: Path) -> bool:
    return shutil.which("git") is not None and (root / ".git").exists()


def wrong_tags(root: Path) -> list[str]:
    """Where tags and the version of the package contradict each other."""
    own = f"v{version(root)}"
    here, everywhere = git(root, "tag", "--points-at", "HEAD", "--list", "v*"), git(root, "tag", "--list", "v*")
    if not here:
        return [f"{own} is the tag of another commit: write the next version into _version.py"] if own in everywhere else []
    if own not in here:
        return [f"the tag {' '.join(here)} is not the version in _version.py, {own[1:]}"]
    changed = git(root, "status", "--porcelain")
    return [f"this is not what the tag {own} is of: {len(changed)} files are changed, such as {changed[0][3:]}"] if changed else []


# ---- files ------------------------------------------------------------------------------------------------------------------------
def clean(**variables: str) -> dict[str, str]:
    """The environment, without what would let a Python find another package than its own."""
    return {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "PYTEST_"))} | variables


def command(*words: object, cwd: Path = ROOT) -> str:
    """What a command says; its whole output, and the end, where it fails."""
    out = subprocess.PIPE
    result = subprocess.run([*map(str, words)], cwd=cwd, env=clean(), stdout=out, stderr=subprocess.STDOUT, text=True, check=False)
    if result.returncode:
        sys.exit(f"{result.stdout}\nfailed: {' '.join(map(str, words))[:300]}")
    return result.stdout.strip()


def build(folder: Path) -> tuple[Path, Path]:
    """The sdist, and the wheel that is built from it."""
    for old in folder.glob(f"{PACKAGE}-*"):
        old.unlink()
    command(sys.executable, "-m", "build", "--outdir", folder, ROOT)
    (wheel,), (sdist,) = folder.glob("*.whl"), folder.glob("*.tar.gz")
    return wheel, sdist


def wrong_contents(wheel: Path, sdist: Path) -> list[str]:
    """What is in the two and should not be, what is not and should, and other than it should be."""
    own = version(ROOT)
    with zipfile.ZipFile(wheel) as file:
        inside = {n for n in file.namelist() if not n.startswith(f"{PACKAGE}-{own}.dist-info/")}
        metadata = file.read(f"{PACKAGE}-{own}.dist-info/METADATA").decode()
    with tarfile.open(sdist) as file:
        packed = {n.partition("/")[2] for n in file.getnames()} - {"PKG-INFO"}
    size = wheel.stat().st_size
    print(f"wheel: {size:,} bytes, {len(inside)} files; sdist: {sdist.stat().st_size:,} bytes, {len(packed)} files", flush=True)
    faults = [f"wheel: it has {size:,} bytes, {LIMIT:,} are allowed"] * (size >= LIMIT)
    faults += [f"wheel: its metadata does not say version {own}"] * (f"\nVersion: {own}\n" not in metadata)
    faults += [f"wheel: {PACKAGE}/{name} is missing" for name in WANTED if f"{PACKAGE}/{name}" not in inside]
    tracked = set(git(ROOT, "ls-files")) if has_git(ROOT) else packed
    package = {n for n in tracked if n.startswith(f"{PACKAGE}/") and not NOT_IN_WHEELS.search(n)}
    for what, there, should in (("wheel", inside, package), ("sdist", packed, tracked)):
        faults += [f"{what}: {name} does not belong in it" for name in sorted(there - should)]
        faults += [f"{what}: {name} is missing" for name in sorted(should - there)]
    return faults


# ---- environments -----------------------------------------------------------------------------------------------------------------
def supported() -> list[str]:
    """The versions of Python that the metadata names."""
    text = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    return [c.rpartition(" ")[2] for c in text["project"]["classifiers"] if re.search(r"Python :: 3\.\d+$", c)]


def interpreter(name: str) -> str | None:
    """The path of ``python3.12``..., if there is one and it runs (those of version managers may only be names)."""
    path = shutil.which(f"python{name}")
    ask = "import sys, venv; print('%d.%d' % sys.version_info[:2])"
    found = path and subprocess.run([path, "-c", ask], capture_output=True, text=True, check=False).stdout.strip()
    return path if found == name else None


def installed(own: Path, *wanted: str) -> None:
    """Install into an environment, in which nothing may contradict the rest."""
    command(own, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *wanted)
    command(own, "-m", "pip", "check")


def tried(python: str, wheel: Path, sdist: Path, tests: list[str], oldest: bool) -> bool:
    """Install the wheel in a fresh environment, try it, add what tests need; whether those of the sdist pass, whose output is shown."""
    numpy = ["--only-binary", "numpy", "numpy==2.0.*"] if oldest else []
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        command(python, "-m", "venv", work / "venv")
        own = work / "venv" / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
        installed(own, *numpy, str(wheel))
        print(f"== {command(own, '-I', '-c', SMOKE, version(ROOT), cwd=work)}: installed and imported; tests of the sdist:", flush=True)
        installed(own, *numpy, f"{wheel}[test]")
        with tarfile.open(sdist) as file:
            file.extractall(work / "sdist", filter="data")
        (tree,) = (work / "sdist").iterdir()
        shutil.rmtree(tree / PACKAGE)  # what is tested is what was installed
        jobs = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        env = clean(OPENBLAS_NUM_THREADS="1", OMP_NUM_THREADS="1")
        return not subprocess.run([own, "-m", "pytest", "-q", "-n", str(jobs), *tests], cwd=tree, env=env, check=False).returncode


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--all", action="store_true", help="run all tests")
    parser.add_argument("--pythons", nargs="*", default=supported(), help="versions, such as 3.12; all supported ones by default")
    parser.add_argument("--build", metavar="DIR", type=Path, help="only build and look at what was built")
    parser.add_argument("--notes", action="store_true", help="only print what is new in this version")
    options = parser.parse_args()
    own = version(ROOT)
    if options.notes:
        print(section(ROOT, own)[1])
        return 0
    faults = wrong_names(ROOT)
    if has_git(ROOT) and options.build is None:
        faults += wrong_tags(ROOT)
        tagged = f"v{own}" in git(ROOT, "tag", "--points-at", "HEAD")
        print(f"version {own}: this commit {'has its tag' if tagged else f'has no tag yet; a release of it gets v{own}'}", flush=True)
    wheel, sdist = build((options.build or ROOT / "dist").resolve())
    faults += wrong_contents(wheel, sdist)
    if faults:
        print(*faults, sep="\n")
        return 1
    if options.build is not None:
        return 0
    command(sys.executable, "-m", "twine", "check", "--strict", wheel, sdist)
    print("twine check: both passed", flush=True)
    tests = [f"--ignore={name}" for name in OF_CHECKOUTS] if options.all else [f"tests/{name}" for name in SELECTION]
    found = {name: path for name in options.pythons if (path := interpreter(name))}
    rows = [(name, False) for name in found]
    rows += [(name, True) for name in found if name in ("3.11", "3.12")][:1]  # there are wheels of NumPy 2.0 for these
    wrong = [f"{name}{' with the oldest NumPy' * oldest}" for name, oldest in rows if not tried(found[name], wheel, sdist, tests, oldest)]
    missing = [name for name in options.pythons if name not in found]
    for line in [f"python{name}: not on PATH, NOT TESTED" for name in missing] + [f"Python {name}: tests FAILED" for name in wrong]:
        print(line)
    print(f"{len(rows) - len(wrong)} of {len(rows)} environments pass: {wheel.name}, {sdist.name}")
    return 1 if wrong or not found else 0


if __name__ == "__main__":
    sys.exit(main())
