"""What holds for all tests: machines are shared, so nothing is timed, not even by hypothesis; global state must not leak.

Also here: what was not compared, because PyTorch, JAX or another reference is not installed, is said at the end of a run, and is a
failure with ``--reference``. A complete run leaves the names of what passed, and ``--rest`` takes what is not among them: what
no run before had the references for. And the record of the matrix. A test marked ``covers("vjp")`` and parametrised by an operation
(``op``) is evidence for the cell (operation, "vjp"); the fixture ``cell`` lets it say that a cell does not apply, and why. Outcomes
travel in the reports, so that they arrive from xdist's workers too, and are written after a complete run, or after any run with
``--matrix FILE``.
``docs/matrix.py`` makes the page of them.
"""

from __future__ import annotations

import gc
import json
import os
import re
from pathlib import Path

import pytest
from hypothesis import settings

# Compiled twins of kernels (the extra fast) are used where the environment asks for them, whatever is installed: `make test-fast`.
os.environ.setdefault("TL_FAST", "0")

import tensorflowlite_clone as tl
from tensorflowlite_clone._lazy import everything
from tensorflowlite_clone.core.registry import OPS

everything()  # the tests of operations walk over all of them

settings.register_profile("shared machines", deadline=None, derandomize=True, print_blob=True)
settings.register_profile("search", deadline=None, derandomize=False, print_blob=True)  # --hypothesis-profile=search: new examples
settings.load_profile("shared machines")

ROOT = Path(__file__).parent.parent
#: Where a complete run leaves its outcomes (not under version control).
OUTCOMES = ROOT / "docs" / "_build" / "matrix.json"
#: Where it leaves the names of the tests that passed.
PASSED = OUTCOMES.with_name("passed.txt")


@pytest.fixture(autouse=True)
def seeded(request):
    """Start every test from the same random numbers (``--seed N``: others), whichever tests ran before it, on whichever worker."""
    tl.manual_seed(request.config.getoption("seed"))


@pytest.fixture(autouse=True)
def no_leaks():
    """Fail a test that leaves the gradient mode, the transform height or the default dtype changed."""
    from tensorflowlite_clone._state import state

    yield
    assert state.grad_enabled, "the test left gradients off"
    assert state.height == 0, "the test left a transform open"
    assert tl.get_default_dtype() == tl.float32, "the test changed the default dtype"


class Cell:
    """What a running test says about its cells of the matrix."""

    def __init__(self, item: pytest.Item) -> None:
        self.item = item

    def says(self, word: str) -> None:
        """The test's cells do not apply to its operation, for the reason ``word``; "see samples": other samples decide."""
        self.item.user_properties.append(("word", word))

    def covers(self, op: str, column: str) -> None:
        """This test is evidence for one more cell."""
        self.item.user_properties.append(("cell", [op, column]))


@pytest.fixture
def cell(request) -> Cell:
    """The running test's voice in the matrix."""
    return Cell(request.node)


def pytest_addoption(parser):
    parser.addoption("--matrix", metavar="FILE", help="write the outcomes per operation and mode to FILE, whatever part of the tests runs")
    parser.addoption("--reference", action="store_true", help="fail where a test is skipped for want of something to compare with")
    parser.addoption("--rest", action="store_true", help="without what passed in the last complete run, but for tests marked reference")
    parser.addoption("--seed", type=int, default=0, metavar="N", help="the random numbers every test starts from")


def pytest_configure(config):
    config.addinivalue_line("markers", "covers(*columns): the test is evidence for these columns of the matrix, for the operation `op`")
    config.addinivalue_line("markers", "reference: the test compares more where PyTorch is installed, and passes without it")
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(Matrix(config), "matrix of operations")


#: What tests compare with where it is installed: the extra ``reference``.
REFERENCES = ("torch", "jax", "scipy", "safetensors", "sklearn", "PyTorch", "JAX", "SciPy", "scikit-learn", "PyYAML")


def not_compared(reports) -> list[str]:
    """The places of tests, or of whole files of them, that were skipped for want of a reference."""
    reasons = [(str(r.longrepr[0]), str(r.longrepr[2])) for r in reports if isinstance(r.longrepr, tuple)]
    missing = ("could not import", "not installed", "needs")
    names = re.compile(rf"\b({'|'.join(REFERENCES)})\b")  # whole words: gpytorch is none of them
    return [place for place, why in reasons if any(m in why for m in missing) and names.search(why)]


def pytest_collection_modifyitems(config, items):
    """Refuse names of tests that differ from process to process: xdist compares them, and nobody could run one again."""
    named = [item.nodeid for item in items if " at 0x" in item.nodeid]
    if named:
        raise pytest.UsageError(f"tests named by an address: {', '.join(named[:3])}; give ids=")
    if config.getoption("--rest"):
        if not PASSED.exists():
            raise pytest.UsageError(f"--rest needs {PASSED.relative_to(ROOT)}, which a complete run writes (make test)")
        passed = set(PASSED.read_text(encoding="utf-8").splitlines())
        done = [item for item in items if item.nodeid in passed and item.get_closest_marker("reference") is None]
        config.hook.pytest_deselected(items=done)
        left = {*map(id, done)}
        items[:] = [item for item in items if id(item) not in left]


def pytest_collection_finish(session):
    """Keep the collector off what lives to the end: three million objects of collected tests, which it else walks again and again."""
    gc.collect()
    gc.freeze()


def pytest_sessionfinish(session, exitstatus):
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if reporter is None or hasattr(session.config, "workerinput"):
        return
    skipped = not_compared(reporter.stats.get("skipped", ()))
    if skipped and session.config.getoption("--reference") and exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter):
    skipped = not_compared(terminalreporter.stats.get("skipped", ()))
    if skipped:
        terminalreporter.write_line(
            f"NOT COMPARED: {len(skipped)} tests and files of tests in {len(set(skipped))} places compare with PyTorch, JAX or another "
            f"reference, which is not installed here; `make reference` installs them and runs everything"
        )


def pytest_runtest_setup(item):
    op = getattr(item, "callspec", None) and item.callspec.params.get("op")
    for marker in item.iter_markers("covers") if op is not None else ():
        item.user_properties += [("cell", [op.__name__, column]) for column in marker.args]


class Matrix:
    """Collects the outcomes of the cells in the process that sees all reports."""

    def __init__(self, config: pytest.Config) -> None:
        self.config = config
        self.cells: dict[tuple[str, str], set[str]] = {}
        self.passed: list[str] = []
        self.ops = list(OPS)
        self.partial = bool(config.option.keyword or config.option.markexpr or getattr(config.option, "lf", False) or config.option.rest)
        self.partial |= config.args_source != pytest.Config.ArgsSource.TESTPATHS and [Path(a).resolve() for a in config.args] != [
            ROOT / "tests"
        ]

    def pytest_deselected(self, items):
        self.partial |= bool(items)

    def pytest_runtest_logreport(self, report):
        if report.when == "call" and report.passed:
            self.passed.append(report.nodeid)
        cells = [tuple(value) for name, value in report.user_properties if name == "cell"]
        words = [value for name, value in report.user_properties if name == "word"]
        if not cells or not (report.when == "call" or report.outcome != "passed"):
            return
        outcome = words[0] if words and report.outcome == "passed" else report.outcome
        for key in cells:
            self.cells.setdefault(key, set()).add(outcome)

    def pytest_sessionfinish(self, session, exitstatus):
        path = self.config.getoption("--matrix")
        if not self.partial and exitstatus in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED):
            PASSED.parent.mkdir(parents=True, exist_ok=True)
            PASSED.write_text("".join(f"{name}\n" for name in self.passed), encoding="utf-8")
        if path is None and (self.partial or exitstatus not in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED)):
            return
        table: dict[str, dict[str, str]] = {op: {} for op in self.ops}
        for (op, column), outcomes in sorted(self.cells.items()):
            if op in table:
                table[op][column] = verdict(outcomes)
        target = Path(path) if path else OUTCOMES
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(json.dumps(table, indent=1) + "\n")


def verdict(outcomes: set[str]) -> str:
    """The state of a cell with several tests: a failure counts most, then a pass, then the word why it does not apply."""
    for state in ("failed", "passed"):
        if state in outcomes:
            return state
    words = sorted(outcomes - {"skipped", "see samples"})
    return words[0] if words else "skipped" if "skipped" in outcomes else ""
