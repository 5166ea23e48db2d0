"""The benchmarks beside other packages, of growth, of size, and the page of all: statistics, tables, what cannot run. Nothing is timed."""

from __future__ import annotations

import importlib
import importlib.util
import json

import numpy as np
import pytest

from benchmarks import footprint, limits, page, peers, scaling
from benchmarks.harness import COMPILED, WITH_FAST, Row, compare, reason, run_process
from benchmarks.problems import PROBLEMS
from benchmarks.report import aligned, compiled, document, environment, write

RATE = {"arithmetic": {"float32": 1e9}, "bytes": dict.fromkeys(map(str, limits.SIZES), 1e9)}


def result(seconds, value=1.0, first=1.0):
    return {"seconds": seconds, "first": first, "peak_mb": 3.0, "value": value, "derivative": 2.0, "size": 4.0, "version": "1"}


def figures(seconds, loss=1.0):
    return {"seconds": seconds, "first": 0.01, "loss": loss, "peak_mb": 50.0, "workload_mb": 2.0, "version": "1"}


def made(package, name):
    """A problem's value and derivative under a package."""
    if package == WITH_FAST:
        pytest.skip("the same program as ours")
    module = pytest.importorskip(package, reason=f"{package} is not installed")
    if module.__file__ is None:  # a folder of that name, such as one of these tests
        pytest.skip(f"{package} is not installed")
    arrays = PROBLEMS[name].arrays(np.random.default_rng(0))
    return [np.asarray(a) for a in peers.MAKERS[package](module, PROBLEMS[name], arrays)()]


@pytest.mark.parametrize("name", PROBLEMS)
def test_ours_is_the_derivative(name):
    """Along a direction, against central differences of NumPy's own functions, in float64."""
    problem = PROBLEMS[name]
    first, *rest = problem.arrays(np.random.default_rng(0))
    value, derivative = made(peers.OURS, name)
    direction = np.random.default_rng(1).normal(size=first.shape)
    h = 1e-5 / max(1.0, float(np.linalg.norm(direction)) / 10)

    def at(s):
        return float(problem.f(np, first + s * direction, *rest))

    if problem.hessian:
        h = 1e-3
        difference, ours = (at(h) - 2 * at(0.0) + at(-h)) / h**2, direction @ derivative @ direction
        np.testing.assert_allclose(derivative, derivative.T, rtol=1e-12, atol=1e-9)
    else:
        difference, ours = (at(h) - at(-h)) / (2 * h), np.sum(derivative * direction)
        assert float(value) == pytest.approx(at(0.0), rel=1e-10)
    assert float(ours) == pytest.approx(difference, rel=2e-5)


@pytest.mark.parametrize("package", [p for p in peers.MAKERS if p != peers.OURS])
def test_every_peer_that_can_computes_what_ours_does(package):
    could = []
    for name in PROBLEMS:
        try:
            found = made(package, name)
        except Exception as error:  # what a peer lacks differs with the peer
            print(f"{name} under {package}: {error}")
            continue
        could.append(name)
        for a, b in zip(found, made(peers.OURS, name), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-8, atol=1e-8 * max(1.0, float(np.abs(b).max())), err_msg=f"{name} under {package}")
    assert len(could) >= 8, could


def test_rounds_alternate_and_what_a_peer_cannot_do_is_left_out_with_its_reason():
    order, said = [], []

    def run(package, name):
        order.append((name, package))
        if package == "mygrad":
            raise RuntimeError("Traceback\nNotImplementedError: none of this")
        return result({peers.OURS: 1.0, "jax": 0.5}[package])

    rows = peers.compare(["newton", "wave"], [peers.OURS, "jax", "mygrad"], 2, run, said.append)
    assert [p for n, p in order if n == "wave"] == [peers.OURS, "jax", "mygrad", "jax", peers.OURS]
    assert [row["ratios"] for row in rows] == [{"jax": 0.5}] * 2
    assert rows[0]["cannot"] == {"mygrad": "NotImplementedError: none of this"}
    assert any("left out: newton under mygrad" in line for line in said)
    assert all(row["agrees"] for row in rows)
    assert peers.cells(rows)[0] == ["problem", "ours ms", "JAX jit"]
    assert peers.first_cells(rows)[1] == ["newton", "1000.0", "1000.0", "3.0", "3.0"]
    text = page.other_packages({"environment": environment(1), "rounds": 2, "problems": rows})
    assert "| newton | 1000.000 | 0.50 |" in text and "* newton cannot run under MyGrad: `NotImplementedError: none of this`" in text
    with pytest.raises(RuntimeError, match="ours"):
        peers.compare(["newton"], [peers.OURS], 1, lambda p, n: (_ for _ in ()).throw(RuntimeError("ours")), said.append)


@pytest.mark.parametrize("key", ["value", "derivative", "size"])
def test_one_result_that_differs_is_enough(key):
    def run(package, name):
        return result(1.0) | ({key: 1.0001 * result(1.0)[key]} if package == "jax" else {})

    (row,) = peers.compare(["newton"], [peers.OURS, "jax"], 1, run, lambda line: None)
    assert not row["agrees"]
    assert peers.cells([row])[1][0] == "newton (results differ)"


def test_a_process_of_a_problem():
    found = peers.in_process(peers.OURS, "newton", 0.01, 1)
    assert found["value"] == pytest.approx(2**0.5) and found["derivative"] == pytest.approx(0.5 / 2**0.5)
    assert 0 < found["seconds"] < found["first"]
    with pytest.raises(RuntimeError, match="KeyError: 'no_such_problem'"):
        peers.in_process(peers.OURS, "no_such_problem", 0.01, 1)


def test_packages_that_are_not_installed_are_named(monkeypatch, capsys):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name in {"jax", "numba"} else object())
    assert peers.installed() == [peers.OURS, "torch", "autograd", "mygrad"]
    assert f"not installed: {WITH_FAST}, jax" in capsys.readouterr().out


def test_torch_compile_is_a_side_and_may_fail():
    def run(package, name, seconds):
        if package == COMPILED and name == "mlp_step":
            raise RuntimeError("InductorError: CppCompileError: no\nSet VERBOSE=1")
        return figures({"a": 2.0, "torch": 1.0, COMPILED: 0.5}[package])

    said = []
    rows = compare(["tiny_ops", "mlp_step"], 3, 0.1, run, lambda n: 0.0, "a", "torch", said.append, compiled=COMPILED)
    assert rows[0].compiled_ratios == [0.25] * 3 and rows[1].compiled == []
    assert rows[1].ratios == [0.5] * 3
    assert [line for line in said if "left out" in line] == [f"left out: mlp_step under {COMPILED}: InductorError: CppCompileError: no"]
    run = document(rows, environment(1), False)
    table = compiled(run["rows"])
    assert table[1] == ["tiny_ops", "0.50", "0.25", "10.0", "10.0", "10.0", "2.0", "2.0"]
    assert table[2] == ["mlp_step", "0.50", "cannot", "", "", "", "", ""]
    assert "* mlp_step cannot: `InductorError: CppCompileError: no`" in page.other_packages(run)
    assert compiled(document([Row("w", [figures(1.0)], [figures(1.0)])], environment(1), False)["rows"]) == []


def test_a_compiled_loss_that_differs_is_seen():
    row = Row("w", [figures(1.0)], [figures(1.0)], compiled=[figures(1.0, 2.0)], tolerance=0.1)
    assert not row.agrees


def test_torch_compile_that_takes_too_long_is_given_up(monkeypatch):
    import subprocess

    def slow(command, timeout, **other):
        assert json.loads(command[-1])["compile"] and json.loads(command[-1])["package"] == "torch"
        raise subprocess.TimeoutExpired(command, timeout)

    monkeypatch.setattr("subprocess.run", slow)
    with pytest.raises(RuntimeError, match=r"tiny_ops: the process under torch\[compile\] took more than 600 s"):
        run_process(COMPILED, "tiny_ops", 0.1)


def test_the_reason_of_a_failure_is_its_exception():
    assert reason("a\ntorch._inductor.exc.InductorError: why\n\nSet X=1 for more") == "torch._inductor.exc.InductorError: why"
    assert reason("took more than 3 s") == "took more than 3 s"
    assert reason("") == ""


def point(what, value, seconds, memory):
    side = {"seconds": seconds, "workload_mb": memory}
    return {"what": what, "value": value, "ours": side, "theirs": side}


def test_growth_is_a_fit_over_the_larger_points():
    sizes = [1, 2, 4, 8, 16, 32]
    rows = [point("batch", n, max(4, n), n) for n in sizes] + [point("depth", n, n**1.5, n) for n in sizes]
    head, batch, depth = scaling.growth(rows)
    assert head[0] == "grows with"
    assert batch == ["batch", "1.00", "1.00", "1.00", "1.00", "1", "yes"]
    assert depth == ["depth", "1.50", "1.50", "1.00", "1.00", "1", "**no**"]
    assert scaling.cells(rows)[1] == ["batch", "1", "4000.000", "4000.000", "1.0", "1.0"]


def test_the_picture_of_the_curves(tmp_path):
    pytest.importorskip("matplotlib", reason="matplotlib is not installed")
    scaling.draw([point(what, n, n, n) for what in scaling.CURVES for n in (1, 2)], tmp_path / "a.png")
    assert (tmp_path / "a.png").read_bytes()[:4] == b"\x89PNG"


def test_footprint_says_how_imports_compare():
    rows = {name: {"seconds": s, "megabytes": {name: 2.0}} for name, s in ((footprint.OURS, 0.1), ("torch", 1.5))}
    assert footprint.verdict(rows) == "The import is 15.0 times as fast as PyTorch's (10 asked)."
    rows["torch"]["seconds"] = 0.5
    assert footprint.verdict(rows) == "The import is 5.0 times as fast as PyTorch's (10 asked: short)."
    assert footprint.cells(rows)[2] == ["torch", "500", "5.0", "2.0", "torch"]
    assert footprint.verdict({footprint.OURS: rows["torch"]}) == ""


def test_ours_needs_numpy_and_tqdm_and_weighs_what_its_sources_do():
    assert [*footprint.needed(footprint.OURS)] == ["tensorflowlite-clone", "numpy", "tqdm"]
    assert 1.0 < footprint.megabytes("tensorflowlite-clone") < 30.0


def test_the_page_has_a_section_for_each_file(tmp_path):
    machine = environment(1)
    rows = [Row("tiny_ops", [figures(1.0)], [figures(2.0)])]
    write(tmp_path / "one_thread.json", document(rows, machine, False))
    assert "## Import" not in page.whole(tmp_path)
    write(tmp_path / "footprint.json", {
        "environment": machine, "rounds": 3, "rows": {footprint.OURS: {"seconds": 0.1, "megabytes": {"numpy": 20.0}}}
    })  # fmt: skip
    write(tmp_path / "scaling.json", {"environment": machine, "rounds": 3, "rows": [point("batch", n, n, n) for n in (1, 2, 4)]})
    (tmp_path / "scaling.png").write_bytes(b"")
    write(tmp_path / "two_threads.json", document(rows, environment(2), False))
    counted = {"tiny_ops": {"arithmetic": {"float32": 0.5e9}, "bytes": {"16384": 1e8}}}
    rate = {"arithmetic": {"float32": 1e9}, "bytes": {"16384": 1e9}}
    write(tmp_path / "limits.json", {"environment": machine, "rates": rate, "rows": counted})
    text = page.whole(tmp_path, at="there/")
    assert "## With 2 threads" in text and "| tiny_ops | 500.000 | 100.000 | 50% |  | 25% |" in text
    assert "| tiny_ops | 2.00 |" in text and "![scaling](there/scaling.png)" in text and "## Import and size" in text
    page.main(["--results", str(tmp_path), "--page", str(tmp_path / "page.md")])
    assert (tmp_path / "page.md").read_text(encoding="utf-8") == page.whole(tmp_path)


def test_a_step_is_counted_as_its_products_and_the_bytes_it_moves(tmp_path, monkeypatch, capsys):
    """Beside the sums by hand of an MLP 784-256-128-10 on 128 rows, whose first layer's input has no gradient."""
    pytest.importorskip("torch", reason="PyTorch is not installed")
    found = limits.count("mlp_step")
    layers = [784 * 256, 256 * 128, 128 * 10]
    assert found["arithmetic"] == {"float32": 2 * 128 * (3 * sum(layers) - layers[0])}
    adam = 4 * (sum(layers) + 394) * 7  # at least: the parameter, its gradient and both moments are read, the others written, too
    assert adam < sum(found["bytes"].values()) < 6 * adam
    monkeypatch.setattr(limits, "lines_of", lambda arguments, env, what: [json.dumps(RATE if "--rates" in arguments else found)])
    monkeypatch.setattr("sys.argv", ["limits", "mlp_step", "--threads", "1", "--json", str(tmp_path / "limits.json")])
    limits.main()
    assert json.loads((tmp_path / "limits.json").read_text())["rows"] == {"mlp_step": found}
    assert "128.909" in capsys.readouterr().out


@pytest.mark.parametrize("transposed", [False, True])
def test_convolutions_are_counted_by_what_they_multiply(transposed):
    """With groups, stride and the gradients that are wanted: a product for each number of each window and kernel."""
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    x, weight = torch.zeros(2, 4, 9, 9), torch.zeros(4, 3, 3, 3) if transposed else torch.zeros(6, 2, 3, 3)
    ways = (None, [2, 2], [0, 0], [1, 1], transposed, [0, 0], 2)
    out = torch.convolution(x, weight, *ways)
    windows = 2 * (9 * 9 if transposed else 4 * 4)  # of all images; each meets kernels of both groups
    number = 2.0 * windows * (4 * 3 if transposed else 6 * 2) * 9
    assert limits.arithmetic("convolution", (x, weight, *ways), out) == ("float32", number)
    args = (out, x, weight, [0], *ways[1:], (True, True, False))
    assert limits.arithmetic("convolution_backward", args, None) == ("float32", 2 * number)
    assert limits.arithmetic("add", (x, x), x) is None


def test_cells_are_aligned():
    assert aligned([["a", "bb"], ["ccc", "d"]]) == "a    bb\nccc   d"


def test_the_command_line_gives_peers_a_part_of_the_file(tmp_path, monkeypatch, capsys):
    import benchmarks.__main__ as command

    pytest.importorskip("torch", reason="PyTorch is not installed")
    monkeypatch.setenv("CXX", "some compiler")
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", "")
    monkeypatch.setattr(command, "run_process", lambda package, *a: figures({COMPILED: 0.5}.get(package, 1.0)))
    monkeypatch.setattr(peers, "in_process", lambda p, n, s, t: result(1.0))
    path = tmp_path / "peers.json"
    assert command.main(["tiny_ops", "--peers", "--pairs", "1", "--threads", "1", "--json", str(path)]) == 0
    run = json.loads(path.read_text())
    assert run["rows"][1]["compiled_ratio"] == 0.5
    assert [row["name"] for row in run["problems"]] == [*PROBLEMS]
    assert "tiny_ops" in page.other_packages(run) and "newton" in page.other_packages(run)
    assert "by ours" in capsys.readouterr().out
