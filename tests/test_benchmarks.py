"""The benchmark harness: ratios, order of processes, tables, files, the noise flag, the command line. Nothing here is timed."""

from __future__ import annotations

import gzip
import json
import math
import struct
import time
from pathlib import Path

import numpy as np
import pytest

import benchmarks.__main__ as command
import tensorflowlite_clone as tl
from benchmarks import calls, groups, operations, page, worker
from benchmarks.harness import THREAD_VARIABLES, Row, compare, is_noisy, middle_half, run_process
from benchmarks.report import costs, describe, document, environment, table, write
from benchmarks.workloads import CONTROL, GROUPS, Workload, load, names, needs
from benchmarks.workloads.jobs import Shuffled, read_idx

ROOT = Path(__file__).parents[1]
#: Workloads that make their own data; with their small options they take well under a second.
OWN = [n for n in names() if not needs(n)]


def figures(seconds, loss=1.0, version="1"):
    return {"seconds": seconds, "first": 10 * seconds, "loss": loss, "peak_mb": 50.0, "workload_mb": 2.0, "version": version}


def test_ratio_is_the_median_of_the_pairs():
    row = Row("x", [figures(1.0), figures(2.0), figures(1.0)], [figures(2.0), figures(2.0), figures(9.0)])
    assert row.ratios == [2.0, 1.0, 9.0]
    assert row.ratio == 2.0
    assert row.quartiles == (1.5, 5.5)
    assert row.median("theirs", "seconds") == 2.0


def test_ratio_pairs_neighbours_and_not_medians():
    row = Row("x", [figures(1.0), figures(10.0), figures(100.0)], [figures(30.0), figures(20.0), figures(100.0)])
    assert row.ratio == 2.0  # the medians, 30 and 10, would give 3


def test_quartiles_of_few_pairs():
    assert middle_half([3.0]) == (3.0, 3.0)
    assert middle_half([1.0, 3.0]) == (1.5, 2.5)


def test_pairs_alternate_their_order_within_rounds_over_all_workloads():
    order, said = [], []

    def run(package, name, seconds):
        order.append((name, package))
        return figures(1.0)

    rows = compare(["v", "w"], 3, 0.1, run, lambda n: 0.0, "ours", "theirs", said.append)
    assert [p for n, p in order if n == "w"] == ["ours", "theirs", "theirs", "ours", "ours", "theirs"]
    assert [n for n, _ in order] == ["v", "v", "w", "w"] * 3
    assert all(len(r.ours) == len(r.theirs) == 3 for r in rows)
    assert len(said) == 6
    assert "pair 3/3  w" in said[-1]


def test_ours_alone_has_no_ratio():
    rows = compare(["w"], 2, 0.1, lambda p, n, s: figures(0.004), lambda n: 0.0, "ours", None)
    assert rows[0].theirs == []
    assert rows[0].ratio is None
    assert rows[0].quartiles is None
    assert rows[0].agrees
    line = table(rows).splitlines()[-1].split()
    assert line == ["w", "4.000", "-", "-", "-", "-", "-", "2.0", "-", "40.0", "-"]


def test_table_shows_times_ratio_spread_and_memory():
    row = Row("w", [figures(0.001), figures(0.001), figures(0.001)], [figures(0.002), figures(0.003), figures(0.0015)])
    assert table([row]).splitlines()[-1].split() == [
        "w",
        "1.000",
        "2.000",
        "2.00",
        "1.75-2.50",
        "1.50",
        "3.00",
        "2.0",
        "2.0",
        "10.0",
        "20.0",
    ]


def test_costs_of_derivatives_are_shown_beside_their_limits():
    plain = Row("plain", [figures(1.0)], [figures(1.0)])
    cheap = Row("cheap", [figures(1.0) | {"cost": 3.0}, figures(1.0) | {"cost": 3.4}], [figures(1.0) | {"cost": 2.0}] * 2)
    assert costs([plain], lambda n: 1.0) == ""
    assert costs([plain, cheap], lambda n: 3.3).splitlines()[2:] == ["cheap                         3.20      2.00    3.3"]
    assert costs([cheap], lambda n: 3.0).splitlines()[-1].endswith("3.0  !! above the limit")
    alone = Row("cheap", cheap.ours, [])
    assert costs([alone], lambda n: 3.3).splitlines()[-1].split() == ["cheap", "3.20", "-", "3.3"]


def test_cost_is_the_ratio_of_steps_that_take_turns(monkeypatch):
    order = []
    spent = {"step": iter([9.0, 3.0, 6.0] * 5), "base": iter([1.0, 2.0, 1.5] * 6)}

    def fake(f, seconds, repeat, least):
        order.append(f())
        return [next(spent[f()])]

    monkeypatch.setattr("benchmarks.worker.timings", fake)
    ratio = worker.cost(lambda: "step", lambda: "base", 1.0, 1)
    assert order == ["base"] + ["step", "base"] * 5  # the base warms up first
    assert ratio == pytest.approx(4.5)  # of 9 / 2, 3 / 1.5, 6 / 1, 9 / 2, 3 / 1.5


@pytest.mark.parametrize("whole", [True, False])
def test_a_whole_job_counts_from_the_start_of_its_process(whole, monkeypatch):
    job = Workload("job", "jobs", lambda torch: lambda: 1.0, 1, 1, 0.0, whole=whole)
    monkeypatch.setattr(worker, "load", lambda name: job)
    monkeypatch.setattr(worker, "limit_threads", lambda threads: None)
    spec = {
        "package": "json",
        "workload": "job",
        "seconds": 0.0,
        "threads": 1,
        "options": {},
        "compile": False,
        "started": time.time() - 1e6,
    }
    monkeypatch.setattr(json, "__version__", "1", raising=False)
    found = worker.measure(spec)
    assert (found["seconds"] >= 1e6) is whole
    assert found["first"] < 1e6
    assert (found["timings"] == 1) is whole


def test_both_packages_see_the_digits_in_one_order():
    first, second = Shuffled(100), Shuffled(100)
    epochs = [list(first), list(first)]
    assert epochs == [list(second), list(second)]
    assert epochs[0] != epochs[1]
    assert sorted(epochs[0]) == sorted(epochs[1]) == list(range(len(first)))


def test_losses_that_differ_are_shown():
    row = Row("w", [figures(1.0, 1.0)], [figures(1.0, 1.5)], tolerance=0.1)
    assert not row.agrees
    assert "w: LOSSES DIFFER, the times do not compare: ours 1; theirs 1.5" in table([row])
    row.tolerance = 0.5
    assert row.agrees
    assert "LOSSES DIFFER" not in table([row])


@pytest.mark.parametrize("bad", [3.0, math.nan, math.inf])
def test_one_wrong_loss_of_any_pair_is_enough(bad):
    good = [figures(1.0, 1.0), figures(1.0, 1.0)]
    assert not Row("w", good, [figures(1.0, 1.0), figures(1.0, bad)], tolerance=0.1).agrees
    assert not Row("w", [figures(1.0, bad), figures(1.0, 1.0)], good, tolerance=0.1).agrees


def test_noise_is_told_by_the_control():
    quiet = Row("control", [figures(1.0)] * 3, [figures(1.0), figures(1.02), figures(0.99)])
    drifting = Row("control", [figures(1.0)] * 3, [figures(1.2), figures(1.1), figures(1.15)])
    jumping = Row("control", [figures(1.0)] * 3, [figures(1.0), figures(1.5), figures(1.0)])
    assert not is_noisy(quiet)
    assert is_noisy(drifting)
    assert is_noisy(jumping)


def test_noise_of_ours_alone_is_told_by_its_times():
    assert not is_noisy(Row("control", [figures(2.0), figures(2.1), figures(2.0)]))
    assert is_noisy(Row("control", [figures(2.0), figures(2.1), figures(4.0)]))


def test_environment_and_its_description():
    machine = environment(threads=3)
    assert machine["threads"] == 3
    assert machine["numpy"] == np.__version__
    assert 1 <= machine["cores_available"] <= machine["cores"]
    quiet, busy = machine | {"load": [0.0, 0.0, 0.0]}, machine | {"load": [99.0, 1.0, 1.0]}
    assert "busy" not in describe(quiet)
    assert "busy" in describe(busy)
    assert "load unknown" in describe(machine | {"load": None})


def test_json_file_holds_everything(tmp_path):
    row = Row("w", [figures(1.0, version="0.1")], [figures(2.0, version="2.13")])
    path = tmp_path / "new" / "results.json"
    write(path, document([row], environment(), noisy=True))
    content = json.loads(path.read_text())
    assert content["noisy"] is True
    assert content["versions"] == {"ours": ["0.1"], "theirs": ["2.13"]}
    assert content["environment"]["threads"] >= 1
    assert content["rows"][0]["ratio"] == 2.0
    assert content["rows"][0]["ours"] == row.ours


def test_a_process_gives_figures():
    result = run_process("not imported by the control", CONTROL, 0.01, threads=1)
    # a float32 sum of 128 x 256 numbers below 1, in the order that the processor's kernels and BLAS's threads like
    assert result["loss"] == pytest.approx(load(CONTROL).make(None)(), abs=128 * 256 * 2.0**-23)
    assert result["timings"] >= 5
    assert 0 < result["fastest"] <= result["seconds"]
    assert result["workload_mb"] <= result["peak_mb"]


def test_a_process_gets_its_threads_and_options(monkeypatch):
    seen = {}
    monkeypatch.setenv("OPENBLAS_CORETYPE", "Haswell")

    def fake(command, env, **other):
        seen.update(spec=json.loads(command[-1]), env=env)
        return type("Done", (), {"returncode": 0, "stdout": 'noise\n{"seconds": 1.0}\n'})

    monkeypatch.setattr("subprocess.run", fake)
    assert run_process("torch", "w", 0.5, threads=3, options={"data_dir": "x"}) == {"seconds": 1.0}
    assert [seen["env"][v] for v in THREAD_VARIABLES] == ["3", "3", "3"]
    assert "OPENBLAS_CORETYPE" not in seen["env"], "the kernels are those that users have"
    assert abs(time.time() - seen["spec"].pop("started")) < 3600
    assert seen["spec"] == {
        "package": "torch",
        "workload": "w",
        "seconds": 0.5,
        "threads": 3,
        "options": {"data_dir": "x"},
        "compile": False,
    }


def test_a_process_that_fails_says_why():
    with pytest.raises(RuntimeError, match=r"(?s)tiny_ops: the process under no_such_package failed.*No module named 'no_such_package'"):
        run_process("no_such_package", "tiny_ops", 0.01)


def test_calls_of_the_table_of_operations():
    """Each is written in the words there are, and its figures make a page."""
    known = calls.operands(1000)
    for group, name, expression in calls.calls():
        names = set(compile(expression, expression, "eval").co_names) & set("abcdefghijklmnopqrstuvwxyz") - {"T", "F"}
        assert names <= known.keys() | {"t", "n"}, f"{group}: {name}"
    assert operations.measure(tl, "T.mul(x, y)", 100, 0.001).keys() == {"forward", "both"}
    assert operations.measure(tl, "T.zeros(n)", 100, 0.001).keys() == {"forward"}
    ratios = {"products: mm": {f"{n} {what}": [2.0, 0.25, 0.3] for n in operations.SIZES for what in ("forward", "both")}}
    text = operations.page({"machine": "this one", "rounds": 3, "ratios": ratios})
    assert "| mm | 0.3 | 0.3 | 0.3 | 0.3 | 0.3 | 0.3 |" in text
    assert "1 of 1" in text


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["nonsense"], "no such workload: nonsense; there are control, "),
        (["train_epoch"], "cannot run train_epoch (needs --data-dir)"),
        (["--pairs", "0"], "must be at least 1, got 0"),
        (["--seconds", "-1"], "must be a time above 0, got -1"),
        (["--seconds", "nan"], "must be a time above 0, got nan"),
        (["--against", "no_such.json"], "is no file of an earlier run: no_such.json ("),
        (["--against", str(ROOT / "pyproject.toml")], "is no file of an earlier run: "),
        (["--against", str(ROOT / "docs" / "reference_data")], "is no file of an earlier run: "),
        (["tiny_ops", "--theirs", "no_such_package"], 'no_such_package is not installed; install it with: pip install -e ".[bench]"'),
    ],
)
def test_command_line_refuses_what_cannot_run(arguments, message, capsys):
    with pytest.raises(SystemExit) as stop:
        command.main(arguments)
    assert stop.value.code == 2
    assert message in capsys.readouterr().err


def test_command_line_lists_every_workload(capsys):
    assert command.main(["--list"]) == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == names()


def test_command_line_names_the_earlier_run_and_what_became_slower(tmp_path, monkeypatch, capsys):
    took = {"json": 0.002}
    monkeypatch.setattr(command, "run_process", lambda package, *_: figures(took.get(package, 0.001)))
    earlier = tmp_path / "earlier.json"
    options = ["tiny_ops", "--pairs", "2", "--threads", "1", "--theirs", "json"]
    assert command.main([*options, "--json", str(earlier)]) == 0
    options += ["--against", str(earlier), "--json", str(tmp_path / "later.json")]
    assert command.main(options) == 0
    assert capsys.readouterr().out.splitlines()[-2] == f"nothing slower than in {earlier}"
    took["json"] = 0.001
    assert command.main(options) == 0
    assert f"\nslower than in {earlier}:\n" in capsys.readouterr().out


@pytest.mark.parametrize("loss, status", [(1.0, 0), (2.0, 1)])
def test_command_line_runs_the_control_and_writes_the_file(loss, status, tmp_path, monkeypatch, capsys):
    calls = []

    def fake(package, name, seconds, threads, options):
        calls.append((package, name, threads, options))
        return figures(0.001, loss if package == "json" else 1.0)

    monkeypatch.setattr(command, "run_process", fake)
    path = tmp_path / "results.json"
    options = ["--pairs", "2", "--threads", "1", "--theirs", "json", "--json", str(path), "--data-dir", str(tmp_path)]
    assert command.main(["train_epoch", *options]) == status
    ours, needed = "tensorflowlite_clone", {"data_dir": str(tmp_path.resolve())}
    assert calls[:4] == [
        (ours, CONTROL, 1, {}),
        ("json", CONTROL, 1, {}),
        (ours, "train_epoch", 1, needed),
        ("json", "train_epoch", 1, needed),
    ]
    assert [r["name"] for r in json.loads(path.read_text())["rows"]] == [CONTROL, "train_epoch"]
    assert ("LOSSES DIFFER" in capsys.readouterr().out) == (status == 1)


def small(name):
    """The options with which a workload is tried out."""
    return load(name).small


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning", "ignore:os.fork")
@pytest.mark.parametrize("name", OWN)
def test_every_workload_runs_and_starts_from_the_same_numbers(name):
    losses = [load(name).make(tl, **small(name))() for _ in range(2)]
    assert losses[0] == pytest.approx(losses[1], rel=1e-4, abs=1e-4)  # the order in which BLAS's threads add is free


@pytest.mark.filterwarnings("ignore:Sparse invariant checks:UserWarning", "ignore:.*fork:DeprecationWarning", "ignore:os.fork")
@pytest.mark.parametrize("name", [n for n in OWN if n != CONTROL])
def test_every_workload_computes_what_torch_computes(name):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    workload = load(name)
    ours, theirs = (workload.make(package, **workload.small) for package in (tl, torch))
    for _ in range(workload.checked):
        assert ours() == pytest.approx(theirs(), rel=workload.tolerance, abs=workload.tolerance)


def test_every_workload_is_in_a_group_and_says_what_it_is():
    assert len(OWN) > 100
    assert {load(n).group for n in names()} == set(GROUPS)
    for name in names():
        assert load(name).summary.endswith("."), name
        assert 0 <= load(name).tolerance <= 5e-2, name


@pytest.fixture(params=["", ".gz"])
def digits(request, tmp_path):
    """A folder with 256 made-up digits, whose brightness tells their class, in MNIST's format."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 10, 256).astype(np.uint8)
    images = (rng.integers(0, 10, (256, 28, 28)) + 20 * labels[:, None, None]).astype(np.uint8)
    pack = gzip.compress if request.param else bytes
    for name, array in (("train-images-idx3-ubyte", images), ("train-labels-idx1-ubyte", labels)):
        head = bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
        (tmp_path / (name + request.param)).write_bytes(pack(head + array.tobytes()))
    return str(tmp_path)


def test_an_epoch_over_idx_files_trains(digits):
    step = load("train_epoch").make(tl, data_dir=digits, batch=60)  # the last batch is smaller
    losses = [step() for _ in range(5)]
    assert losses[-1] < losses[0]


def test_an_epoch_over_idx_files_agrees_with_torch(digits):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    workload = load("train_epoch_cnn")
    ours, theirs = (workload.make(package, data_dir=digits, batch=256)() for package in (tl, torch))
    assert ours == pytest.approx(theirs, rel=1e-3)  # one batch: its order does not matter


def test_idx_files_that_are_missing_or_wrong_are_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"neither train-x nor train-x\.gz is in"):
        read_idx(str(tmp_path), "train-x")
    (tmp_path / "train-x").write_bytes(b"PK\3\4 something else")
    with pytest.raises(ValueError, match=r"not an IDX file of bytes: .* begins with 504b0304"):
        read_idx(str(tmp_path), "train-x")


def ratio_row(name, *ratios):
    return Row(name, [figures(1.0)] * len(ratios), [figures(r) for r in ratios]).summary()


def test_means_are_geometric_and_by_group():
    rows = [ratio_row("tiny_ops", 4.0), ratio_row("scalar_loop", 1.0), ratio_row("mlp_step", 0.5), ratio_row(CONTROL, 7.0)]
    tiny, mlp, whole = groups.summary(rows)
    assert tiny == ("tiny and small", 2, (pytest.approx(2.0), 1.5, "scalar_loop", 1.0), None)
    assert mlp[:2] == ("MLP", 1)
    assert whole.title == "all"
    assert whole.plain.mean == pytest.approx(2.0 ** (1 / 3))
    assert "tiny and small" in groups.table(rows)
    assert groups.table([]) == ""


def test_the_extra_fast_is_a_side_of_its_own():
    seconds = {"a": 2.0, "tensorflowlite_clone[fast]": 0.5, "b": 1.0}
    rows = compare(["tiny_ops"], 3, 0.1, lambda p, n, s: figures(seconds[p]), lambda n: 0.0, "a", "b", fast="tensorflowlite_clone[fast]")
    assert rows[0].ratios == [0.5] * 3 and rows[0].fast_ratios == [2.0] * 3
    run = document(rows, environment(1), False)
    (line,) = groups.summary(run["rows"])
    assert line.plain == (0.5, 1.5, "tiny_ops", 0.5) and line.fast == (2.0, 1.5, "tiny_ops", 2.0)
    assert "| tiny and small | 1 | 0.50 (short) | 1.5 | tiny_ops 0.50 | 2.00 | 1.5 | tiny_ops 2.00 |" in page.workloads(run)
    assert "| tiny_ops | 0.50 | 0.50-0.50 | 2.00 | 2 | 2 | 20000 | 10000 |" in page.workloads(run)
    assert groups.table(run["rows"]).splitlines()[2].split()[-5:] == ["0.50", "2.00", "1.5", "tiny_ops", "2.00"]
    assert not Row("w", [figures(1.0)], [figures(1.0)], fast=[figures(1.0, 9.0)]).agrees


def test_an_interrupt_leaves_the_rounds_that_are_complete():
    kept, calls = [], []

    def run(package, name, seconds):
        calls.append(name)
        if len(calls) == 11:  # within the third round
            raise KeyboardInterrupt
        return figures(1.0)

    rows = compare(["v", "w"], 5, 0.1, run, lambda n: 0.0, "a", "b", keep=lambda rows: kept.append([len(r.ours) for r in rows]))
    assert [len(side) for r in rows for side in (r.ours, r.theirs)] == [2] * 4
    assert kept == [[1, 1], [2, 2]]
    with pytest.raises(KeyboardInterrupt):
        compare(["v"], 5, 0.1, lambda *a: (_ for _ in ()).throw(KeyboardInterrupt), lambda n: 0.0, "a", "b")


def test_what_became_slower_is_named_unless_it_is_noise():
    before = [ratio_row("tiny_ops", 2.0, 2.0), ratio_row("mlp_step", 1.0, 1.0), ratio_row("cnn_step", 1.0, 2.0)]
    now = [ratio_row("tiny_ops", 1.0, 1.0), ratio_row("mlp_step", 0.95, 0.95), ratio_row("cnn_step", 0.9, 1.5), ratio_row("vae_step", 0.1)]
    assert groups.regressions(now, before) == ["tiny_ops: 2.00 -> 1.00"]


def test_the_page_of_a_run_has_every_workload_and_says_when_it_was_noisy():
    rows = [Row(CONTROL, [figures(1.0)], [figures(1.0)]), Row("tiny_ops", [figures(1.0)], [figures(2.0)])]
    text = page.workloads(document(rows, environment(1), True))
    assert "| tiny_ops | 2.00 | 2.00-2.00 | 2 | 2 | 10000 | 20000 | Overhead: 200 operations" in text
    assert "The machine was noisy" in text
    assert "noisy" not in page.workloads(document(rows, environment(1), False))


def test_a_picture_of_a_run(tmp_path):
    pytest.importorskip("matplotlib", reason="matplotlib is not installed")
    groups.draw(document([Row("tiny_ops", [figures(1.0)], [figures(2.0)])], environment(1), False), tmp_path / "a.png")
    assert (tmp_path / "a.png").read_bytes()[:4] == b"\x89PNG"
