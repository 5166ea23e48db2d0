"""Changes one thing in the source at a time, runs the tests that concern it, and lists the changes that no test notices.

    python tests/mutants.py --draw 200 --seed 1        200 changes, spread over the files (`make mutants`)
    python tests/mutants.py --only ops/index.py        all changes of a file; ops/index.py:170 those of a line
    python tests/mutants.py --draw 20 --list           show them, run nothing

What a change is, ``mutations.py`` says. The tests run on a copy, in stages: those of the file and of its operations, those that speak of
what it defines, all others. What survives is either a missing test, or unobservable: then it is named, with the reason, in
``EQUIVALENT``. Not part of CI.
"""

from __future__ import annotations

import argparse
import ast
import contextlib
import functools
import importlib
import multiprocessing
import os
import random
import re
import resource
import shutil
import signal
import sys
import tempfile
import time
import warnings
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

from mutations import Finder, Mutant, differs

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = "tensorflowlite_clone"
FOLDERS = ("core", "ops", "kernels")

#: Changes that nothing can observe but time or memory: (file, the changed line): why.
EQUIVALENT = {
    ("kernels/chunks.py", "CHUNK = 262144"): "how much at a time",
    ("kernels/optimizer.py", "buffers = [np.empty(max(_CHUNK, hi - lo), p.dtype) for _ in range(scratch)]"): "larger than they need be",
    (
        "ops/numpy/reductions.py",
        "return None if False or axis in (0, -1) or axis == () else normalize_axes(axis, 0, op)",
    ): "None is left as it is",
    ("kernels/reduce.py", "ones.flags.writeable = True"): "nobody writes to them; who did would be told",
}


def source(path: str) -> bytes:
    return (ROOT / PACKAGE / path).read_bytes()


def choose(only: str | None, draw: int | None, seed: int) -> list[Mutant]:
    """All changes of a file or line, or ``draw`` of all: places at random, and one change at each."""
    file, _, line = (only or "").partition(":")
    files = [file] if only else [str(f.relative_to(ROOT / PACKAGE)) for d in FOLDERS for f in sorted((ROOT / PACKAGE / d).rglob("*.py"))]
    places = defaultdict(list)
    for path in files:
        data = source(path)
        for m in Finder(path, data).found:
            if not line or m.line(data) == int(line):
                places[m.path, m.start, m.end].append(m)
    if draw is None:
        return [m for group in places.values() for m in group if differs(m, source(m.path))]
    dice = random.Random(seed)
    drawn = (dice.choice(group) for group in dice.sample(list(places.values()), len(places)))
    return [m for _, m in zip(range(draw), (m for m in drawn if differs(m, source(m.path))), strict=False)]


# ---- which tests concern it -----------------------------------------------------------------------------------------------
#: Tests made from samples: of these only what concerns the operations at hand, and no guards over all of them.
GENERATED = ["test_operations.py", "test_operation_domains.py", "func/test_batching.py", "test_against_torch.py"]
GUARDS = ("every_operation", "every_sample", "deviations", "exceptions", "internal_operations", "counter_counts", "without_a_call")
#: Never run: nothing of the three folders is decided there that is not decided elsewhere, or too slow for what it says.
LEFT_OUT = re.compile(r"benchmarks|readme|train|datasets/|test_io|test_images|mutants")
QUIET = "ignore::pytest.PytestAssertRewriteWarning"  # of libraries read before
TOO_SLOW = ("a_million_nodes", "without_the_compiler", "holds_its_own_tensor", "no_cycle_keeps", "nestings_equal_torch")
#: What nearly everything in core shows in: one operation of each kind, and the tests of modes.
KINDS = ["Exp", "Multiply", "Sum", "MatMul", "GetItem", "Softmax", "Concatenate", "Sort", "Where", "Reshape", "AMax", "Floor", "LU"]
CORE = [
    "core/test_engine.py",
    "test_modes.py",
    "test_views.py",
    "test_inplace.py",
    "func/test_derivatives.py",
    "autograd/test_derivatives.py",
]


@functools.cache
def test_words() -> dict[str, set[str]]:
    """The words of every test file, and of the tables it imports."""
    words = {}
    for file in sorted((ROOT / "tests").rglob("test_*.py")):
        if not LEFT_OUT.search(name := str(file.relative_to(ROOT / "tests"))):
            text = file.read_text()
            tables = [t for t in (ROOT / "tests/numpy_cases").glob("*.py") if "numpy_cases import" in text and t.stem in text]
            words[name] = set(re.findall(r"\w+", "".join([text, *(t.read_text() for t in tables)])))
    return words


def names(path: str, scope: str = "") -> set[str]:
    """What a file, or its outermost class or function of ``scope``, defines and publishes."""
    found = set()
    for node in ast.parse(source(path)).body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef) and node.name.startswith(scope.partition(".")[0]):
            heads = [*node.decorator_list, *(k.value for k in getattr(node, "keywords", []))]
            parts = [n for head in heads for n in ast.walk(head)]
            found |= {node.name.strip("_"), *(n.value for n in parts if isinstance(n, ast.Constant) and isinstance(n.value, str))}
            found |= {n.attr for n in parts if isinstance(n, ast.Attribute)}
    return found


def users(path: str) -> list[str]:
    """The files of operations that a file concerns: itself, or those that import the kernel, themselves or through another."""
    if not path.startswith("kernels"):
        return [path] if path.startswith("ops") else []
    stem = Path(path).stem
    importing = re.compile(rf"from \S*[.]{stem} import|from (\S*kernels|[.]) import .*\b{stem}\b")
    texts = {str(f.relative_to(ROOT / PACKAGE)): f.read_text() for d in FOLDERS[1:] for f in sorted((ROOT / PACKAGE / d).rglob("*.py"))}
    return [u for f, text in texts.items() if f != path and importing.search(text) for u in users(f)]


def concerned(m: Mutant) -> tuple[list[str], list[str], list[str]]:
    """The operations, the modules of samples with calls, and the test files that concern a change, the closest first."""
    using = users(m.path)
    core = m.path.startswith("core")
    ops = KINDS if core else [n for u in using for n in names(u) if n[:1].isupper()]
    weights: Counter[str] = Counter()
    for weight, words in ((3.0, {*names(m.path, m.scope), Path(m.path).stem}), (1.0, names(m.path))):
        for word in words:
            having = [f for f, all_words in test_words().items() if word in all_words]
            for f in having if len(having) < 16 else []:  # words that are everywhere say nothing
                weights[f] += weight / len(having)
    own = [f for f in test_words() if Path(f).stem == f"test_{Path(m.path).stem}"]
    best = max(weights.values(), default=0.0)
    near = [f for f, weight in weights.most_common(8) if weight > best / 8 and (m.path.startswith("kernels") or "kernels" not in f)]
    files = dict.fromkeys([*own, *near[:2], *(CORE if core else []), *near, *test_words()])
    return (
        ops,
        [part for u in using for part in Path(u).with_suffix("").parts[1:]],
        [f for f in files if f in test_words() and f not in GENERATED],
    )


# ---- running them ---------------------------------------------------------------------------------------------------------
def run(tree: Path, files: list[str], ops: list[str], calls: list[str], words: set[str], seconds: int) -> str:
    """Whether the tests "passed", "failed" or took too much processor time ("timeout"). A fork of this process runs them."""
    pid = os.fork()
    if not pid:
        status = tested(tree, files, ops, calls, words, seconds)
        sys.stdout.flush(), sys.stderr.flush()  # what is read of the log may still be in a buffer
        os._exit(status)
    deadline = time.monotonic() + 20 * seconds
    while not (ended := os.waitpid(pid, os.WNOHANG))[0]:
        if time.monotonic() > deadline:
            os.kill(pid, signal.SIGKILL)
        time.sleep(0.02)
    if os.WIFSIGNALED(ended[1]):
        return "timeout" if os.WTERMSIG(ended[1]) in (signal.SIGXCPU, signal.SIGKILL) else "failed"
    return "passed" if os.WEXITSTATUS(ended[1]) in (0, 5) else "failed"  # 5: there was no test


def tested(tree: Path, files: list[str], ops: list[str], calls: list[str], words: set[str], seconds: int) -> int:
    """Run the tests here, in a process of their own; the exit status."""
    try:
        resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
        os.chdir(tree)
        log = os.open("log", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(log, 1), os.dup2(log, 2)
        sys.path[:] = [str(tree), str(tree / "tests"), *(p for p in sys.path if not p or ROOT not in [Path(p), *Path(p).parents])]
        import pytest
        import samples

        modules = [__import__(f"samples.{c}", fromlist="CALLS") for c in dict.fromkeys(calls) if (tree / f"tests/samples/{c}.py").exists()]
        everything = samples.collect()
        narrow = {n: everything[0][n] for n in ops if n in everything[0]}, [c for m in modules for c in getattr(m, "CALLS", [])]
        made = tuple(GENERATED)
        samples.collect = lambda: narrow if sys._getframe(1).f_code.co_filename.endswith(made) else everything
        but = " and ".join(f"not {n}" for n in (*GUARDS, *TOO_SLOW))
        options = ["-x", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", "-W", QUIET, "-k", but]
        return int(pytest.main([*options, *(f"tests/{f}" for f in files)], plugins=[Narrow(ops, words)]))
    except BaseException as error:  # the package cannot even be imported
        print(repr(error), flush=True)
        return 1


class Narrow:
    """A plugin of pytest that leaves out, of the tests per operation and per NumPy function, those of others."""

    def __init__(self, ops: list[str], words: set[str]) -> None:
        self.ops, self.words = set(ops), words

    def concerns(self, item: Any) -> bool:
        op = getattr(item, "callspec", None) and item.callspec.params.get("op")
        named = "test_numpy_language" in item.nodeid and "[" in item.nodeid
        return (op is None or getattr(op, "__name__", "") in self.ops) and (not named or any(w in item.nodeid for w in self.words))

    def pytest_collection_modifyitems(self, items: list[Any]) -> None:
        items[:] = filter(self.concerns, items)


def copied() -> Path:
    """A copy of the tree to change. It keeps compiled files of everything that is not changed."""
    tree = Path(tempfile.mkdtemp(prefix="mutants-")) / "tree"
    shutil.copytree(ROOT, tree, ignore=shutil.ignore_patterns(".*", "__pycache__", "_build", "*.egg-info"))
    return tree


def outcome(m: Mutant, tree: Path, seconds: int) -> tuple[str, str]:
    """Make the change in ``tree``, run the tests in stages until one fails, and take it back; what came of it, and by which test."""
    data, file = source(m.path), tree / PACKAGE / m.path
    if (m.path, m.lines(data)[1]) in EQUIVALENT:
        return "equivalent", ""
    ops, calls, files = concerned(m)
    words = {w for w in names(m.path) if len(w) > 2}
    made = [f for f in GENERATED if (tree / "tests" / f).exists()] if ops or calls else []
    stages = [*files[:1], *made[:2], *files[1:3]], [*files[3:12], *made[2:]], files[12:]
    before = file.stat()
    file.write_bytes(m.applied(data))
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns + random.randrange(10**9, 10**16)))  # so that Python compiles it again
    try:
        results = (run(tree, stage, ops, calls, words, seconds) for stage in stages if stage)
        said = next((r for r in results if r != "passed"), "survived")
        by = re.search(r"^(?:FAILED|ERROR) (\S+)", (tree / "log").read_text(), re.MULTILINE) if said == "failed" else None
        return said, by[1] if by else ""
    finally:
        file.write_bytes(data)
        os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))


def work(mutants: list[Mutant], seconds: int, results: Any) -> None:
    """What each job does: its share of the changes, on a copy of its own."""
    tree = copied()
    try:
        if run(tree, ["test_operations.py", "test_errors.py"], KINDS[:1], [], set(), 600) != "passed":
            print((tree / "log").read_text()[-2000:], "\nThe tests fail without a change.", file=sys.stderr)
            mutants = []
        for m in mutants:
            results.put((m, *outcome(m, tree, seconds)))
    finally:
        shutil.rmtree(tree.parent)
        results.put(None)


def shown(m: Mutant) -> str:
    data = source(m.path)
    return "{}:{} {}\n    - {}\n    + {}".format(m.path, m.line(data), m.scope, *m.lines(data))


def check(chosen: list[Mutant], jobs: int, seconds: int) -> Counter[str]:
    """Try the changes, print those that survive, count the outcomes."""
    for library in ("numpy", "pytest", "hypothesis", "torch"):  # read once, not for every change
        with contextlib.suppress(ImportError):
            importlib.import_module(library)
    # The threads that Python 3.12 warns of are the queue's and OpenBLAS's, which the forks that run tests do not use.
    warnings.filterwarnings("ignore", ".*use of fork", DeprecationWarning)
    fork = multiprocessing.get_context("fork")
    results: Any = fork.Queue()
    for i in range(jobs):
        fork.Process(target=work, args=(chosen[i::jobs], seconds, results)).start()
    counts: Counter[str] = Counter()
    while jobs:
        result = results.get()
        jobs -= result is None
        if result is not None:
            m, said, by = result
            counts[said] += 1
            print(f"{counts.total()} of {len(chosen)}: {said}{by and ' ' + by}: {shown(m)}", flush=True)
    return counts


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--draw", type=int, metavar="N", help="N changes at random places")
    parser.add_argument("--seed", type=int, default=0, help="which")
    parser.add_argument("--only", metavar="FILE[:LINE]", help="the changes of a file of the package, or of a line of it")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--seconds", type=int, default=300, help="processor time that a stage of tests may take")
    parser.add_argument("--list", action="store_true", help="show the changes, run nothing")
    options = parser.parse_args()
    if options.draw is None and options.only is None:
        parser.error("say --draw N or --only FILE")
    chosen = choose(options.only, options.draw, options.seed)
    if options.list:
        print(*map(shown, chosen), sep="\n")
        return
    counts = check(chosen, options.jobs, options.seconds)
    tried = counts.total() - counts["equivalent"]
    print(*(f"{n} {what}" for what, n in counts.most_common()), sep=", ")
    print(f"{counts['survived']} of {tried} survived: {counts['survived'] / max(tried, 1):.1%}")


if __name__ == "__main__":
    main()
