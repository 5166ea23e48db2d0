"""The benchmark harness: ratios, order of processes, tables, the noise flag. Nothing here is timed."""

from __future__ import annotations

import itertools

import pytest

import tensorflowlite_clone as tl
from benchmarks.harness import Row, compare, is_noisy, table
from benchmarks.workloads import load, names


def figures(seconds, loss=1.0):
    return {"seconds": seconds, "loss": loss, "peak_mb": 50.0}


def test_ratio_is_the_median_of_the_pairs():
    row = Row("x", [figures(1.0), figures(2.0), figures(1.0)], [figures(2.0), figures(2.0), figures(9.0)])
    assert row.ratios == [2.0, 1.0, 9.0]
    assert row.ratio == 2.0


def test_pairs_alternate_their_order():
    order = []

    def run(package, name, seconds):
        order.append(package)
        return figures(1.0)

    rows = compare(["w"], 3, 0.1, run, lambda n: 0.0, "ours", "theirs")
    assert order == ["ours", "theirs", "theirs", "ours", "ours", "theirs"]
    assert len(rows[0].ours) == len(rows[0].theirs) == 3


def test_losses_that_differ_are_shown():
    row = Row("w", [figures(1.0, 1.0)], [figures(1.0, 1.5)], tolerance=0.1)
    assert not row.agrees
    assert "LOSSES DIFFER" in table([row])
    row.tolerance = 0.5
    assert row.agrees
    assert "LOSSES DIFFER" not in table([row])


def test_noise_is_told_by_the_control():
    quiet = Row("control", [figures(1.0)] * 3, [figures(1.0), figures(1.02), figures(0.99)])
    drifting = Row("control", [figures(1.0)] * 3, [figures(1.2), figures(1.1), figures(1.15)])
    jumping = Row("control", [figures(1.0)] * 3, [figures(1.0), figures(1.5), figures(1.0)])
    assert not is_noisy(quiet)
    assert is_noisy(drifting)
    assert is_noisy(jumping)


@pytest.mark.parametrize("name", names())
def test_every_workload_runs_and_is_deterministic(name):
    losses = [load(name).make(tl)() for _ in range(2)]
    assert losses[0] == losses[1]


@pytest.mark.parametrize("name", [n for n in names() if n != "control"])
def test_every_workload_computes_what_torch_computes(name):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    ours, theirs = load(name).make(tl), load(name).make(torch)
    for a, b in itertools.islice(((ours(), theirs()) for _ in range(3)), 3):
        assert a == pytest.approx(b, rel=1e-4, abs=1e-4)
