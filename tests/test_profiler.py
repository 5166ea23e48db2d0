"""The profiler: what it sees of operations, derivatives, modules and steps; tables and traces; and that nothing stays when it is off."""

from __future__ import annotations

import gzip
import inspect
import json
import threading

import numpy as np
import pytest

import tensorflowlite_clone as tl
from tensorflowlite_clone import nn
from tensorflowlite_clone._errors import ArgumentError, GraphError, OperandError
from tensorflowlite_clone.autograd import profiler as inner
from tensorflowlite_clone.core import observe
from tensorflowlite_clone.core.registry import OPS
from tensorflowlite_clone.nn.flops import flops
from tensorflowlite_clone.profiler import (
    ProfilerAction,
    ProfilerActivity,
    profile,
    record_function,
    schedule,
    tensorboard_trace_handler,
)


def model():
    return nn.Sequential(nn.Linear(3, 4), nn.Sequential(nn.ReLU(), nn.Linear(4, 2)))


@pytest.fixture(autouse=True)
def nothing_stays():
    yield
    assert not observe.aside and not inner._active and not nn.hooks.GLOBAL.in_calls


def test_operations_forward_and_backward():
    x = tl.ones(5, 3, requires_grad=True)
    net = model()
    optimizer = tl.optim.SGD(net.parameters(), lr=0.1)
    with profile(record_shapes=True, with_flops=True, with_modules=True) as prof:
        with record_function("loss"):
            loss = net(x).sum()
        loss.backward()
        optimizer.step()
    events = prof.events()
    by_name = {}
    for e in events:
        by_name.setdefault(e.name, []).append(e)
    assert [len(by_name[n]) for n in ("AffineMap", "ReLU", "AffineMapBackward", "ReLUBackward", "Optimizer.step#SGD.step")] == [
        2,
        1,
        2,
        1,
        1,
    ]
    assert by_name["AffineMap"][0].input_shapes == [[5, 3], [4, 3], [4]]
    assert by_name["AffineMap"][0].flops == 5 * 4 * (2 * 3 + 1) and by_name["ReLU"][0].flops == 20
    assert (
        {e.module for e in by_name["AffineMap"]} == {"Sequential.0", "Sequential.1.1"} == {e.module for e in by_name["AffineMapBackward"]}
    )
    assert by_name["nn.Module: Linear (Sequential.1.1)"][0].cpu_parent.name == "nn.Module: Sequential (Sequential.1)"
    loss_event = by_name["loss"][0]
    assert loss_event.cpu_parent is None and [c.name for c in loss_event.cpu_children] == ["nn.Module: Sequential (Sequential)", "Sum"]
    for e in events:
        assert 0 <= e.self_cpu_time_total <= e.cpu_time_total
        assert all(e.start_ns <= c.start_ns <= c.end_ns <= e.end_ns for c in e.cpu_children)
    assert np.isclose(events.self_cpu_time_total, sum(e.cpu_time_total for e in events if e.cpu_parent is None))


def test_sums_and_tables():
    with profile(record_shapes=True, with_stack=True) as prof:
        for n in (2, 2, 3):
            tl.ones(n).sum()
    rows = prof.key_averages()
    assert [(r.key, r.count) for r in rows] == [("Sum", 3)] and rows[0].input_shapes == []
    assert np.isclose(rows[0].cpu_time, rows[0].cpu_time_total / 3)
    shapes = prof.key_averages(group_by_input_shape=True)
    assert sorted((r.input_shapes, r.count) for r in shapes) == [([[2]], 2), ([[3]], 1)]
    assert __file__ in prof.key_averages(group_by_stack_n=2)[0].stack[0]
    text = shapes.table(sort_by="count", row_limit=1, header="the head")
    assert "the head" in text and "[[2]]" in text and "[[3]]" not in text and "Self CPU time total: " in text
    assert len({len(line) for line in text.splitlines()[2:6]}) == 1
    assert prof.events().total_average().count == 3 and "Sum" in str(rows)
    with pytest.raises(ArgumentError, match="table: sort_by must be one of"):
        rows.table(sort_by="colour")
    with pytest.raises(ArgumentError, match="table: time_unit must be"):
        rows.table(time_unit="h")


def test_nested_events_of_one_name_count_once():
    with profile() as prof, record_function("f"), record_function("f"):
        tl.ones(1).sum()
    (row,) = [r for r in prof.key_averages() if r.key == "f"]
    outer = prof.events()[0]
    assert row.count == 2 and row.cpu_time_total == outer.cpu_time_total


def test_memory():
    with profile(profile_memory=True) as prof:
        kept = tl.ones(1000, dtype=tl.float64) * 2
        del kept
    multiply = next(e for e in prof.events() if e.name == "Multiply")
    assert 8000 <= multiply.cpu_memory_usage < 20000
    assert "CPU Mem" in prof.key_averages().table()


def test_traces(tmp_path):
    with profile(profile_memory=True, with_stack=True, with_modules=True) as prof:
        model()(tl.ones(2, 3)).sum()
    prof.add_metadata("who", "me")
    prof.add_metadata_json("n", "[1]")
    prof.export_chrome_trace(tmp_path / "a.json")
    prof.export_chrome_trace(tmp_path / "a.json.gz")
    trace = json.loads((tmp_path / "a.json").read_text())
    with gzip.open(tmp_path / "a.json.gz", "rt") as file:
        assert json.load(file) == trace
    assert trace["who"] == "me" and trace["n"] == [1]
    spans = [e for e in trace["traceEvents"] if e["ph"] == "X"]
    assert len(spans) == len(prof.events()) and all(e["dur"] >= 0 and e["pid"] and e["tid"] for e in spans)
    assert {"ReLU", "nn.Module: ReLU (Sequential.1.0)"} <= {e["name"] for e in spans}
    prof.export_stacks(tmp_path / "stacks")
    assert all(line.rpartition(" ")[2].isdigit() for line in (tmp_path / "stacks").read_text().splitlines())
    with pytest.raises(ArgumentError, match="export_stacks: metric must be one of"):
        prof.export_stacks(tmp_path / "stacks", "self_cuda_time_total")


def test_schedules():
    plan = schedule(wait=1, warmup=1, active=2, repeat=2, skip_first=1)
    names = "NONE NONE WARMUP RECORD RECORD_AND_SAVE NONE WARMUP RECORD RECORD_AND_SAVE NONE NONE"
    assert " ".join(plan(i).name for i in range(11)) == names
    ready = []
    with profile(schedule=plan, on_trace_ready=lambda p: ready.append([e.name for e in p.events()])) as prof:
        for _ in range(10):
            tl.ones(2).sum()
            prof.step()
    rounds = [[f"ProfilerStep#{i}", "Sum", f"ProfilerStep#{i + 1}", "Sum"] for i in (3, 7)]
    assert ready == rounds and [e.name for e in prof.events()] == rounds[1]
    for name in ("wait", "active"):
        with pytest.raises((ArgumentError, OperandError), match=f"schedule: {name} must be"):
            schedule(**{"wait": 1, "warmup": 1, "active": 1, name: -1})


@pytest.mark.filterwarnings("ignore:Profiler won't be using warmup")
def test_schedules_are_pytorchs():
    theirs = pytest.importorskip("torch").profiler
    for given in ((0, 0, 1, 0, 0, 0), (2, 1, 3, 2, 1, 0), (1, 0, 1, 0, 3, 1), (3, 2, 1, 1, 0, 2)):
        kwargs = dict(zip(("wait", "warmup", "active", "repeat", "skip_first", "skip_first_wait"), given, strict=True))
        assert [schedule(**kwargs)(i).name for i in range(25)] == [theirs.schedule(**kwargs)(i).name for i in range(25)], given


def test_when_a_trace_is_ready(tmp_path):
    told = []
    with profile(on_trace_ready=told.append) as prof:
        tl.ones(1).sum()
        prof.step()
        tl.ones(1).sum()
    assert told == [prof] and [e.name for e in prof.events()] == ["Sum", "Sum"]
    with profile(
        schedule=schedule(wait=0, warmup=0, active=1), on_trace_ready=tensorboard_trace_handler(tmp_path / "new", "w", True)
    ) as prof:
        for _ in range(2):
            prof.step()
    names = sorted(p.name for p in (tmp_path / "new").iterdir())
    assert len(names) == 3 and all(n.startswith("w.") and n.endswith(".pt.trace.json.gz") for n in names)
    with profile(schedule=lambda step: ProfilerAction.WARMUP) as prof:
        tl.ones(1).sum()
    with pytest.raises(GraphError, match="profile: nothing was recorded yet"):
        prof.events()


def test_rounds_can_be_added_up():
    with profile(schedule=schedule(wait=0, warmup=0, active=1), acc_events=True) as prof:
        for _ in range(3):
            tl.ones(1).sum()
            prof.step()
    assert [e.name for e in prof.events()].count("Sum") == 3


def test_collection_by_hand():
    prof = profile(schedule=lambda step: ProfilerAction.NONE)
    prof.prepare_trace()
    prof.start_trace()
    tl.ones(1).sum()
    with record_function("outer"):
        prof.toggle_collection_dynamic(False, [ProfilerActivity.CPU])
        tl.ones(1).exp()
        prof.toggle_collection_dynamic(True, [ProfilerActivity.CPU])
        tl.ones(1).sin()
    prof.stop_trace()
    prof.preset_metadata_json("a", "{}")
    assert [e.name for e in prof.events()] == ["Sum", "outer", "Sin"]
    assert [c.name for c in prof.events()[1].cpu_children] == ["Sin"]


def test_errors_leave_it_usable():
    with profile(with_modules=True) as prof:
        for _ in range(2):
            with pytest.raises(RuntimeError), record_function("try"):
                nn.Linear(2, 3)(tl.ones(2, 3))
        tl.ones(1).sum()
    names = [e.name for e in prof.events() if e.cpu_parent is None]
    assert names == ["try", "try", "Sum"]
    with pytest.raises(ZeroDivisionError), profile():
        raise ZeroDivisionError
    with profile(), pytest.raises(GraphError, match="one profiler is on already"), profile():
        pass


def test_other_threads_and_transforms_are_seen():
    with profile() as prof:
        thread = threading.Thread(target=lambda: tl.ones(3).sum())
        thread.start()
        thread.join()
        tl.func.grad(lambda x: (x * x).sum())(tl.ones(3))
        tl.vmap(lambda x: x.exp())(tl.ones(3))
    names = [e.name for e in prof.events()]
    assert len({e.thread for e in prof.events()}) == 2
    assert {"Sum", "SumBackward", "MultiplyBackward", "Exp"} <= set(names)


def test_results_are_the_same():
    def run():
        tl.manual_seed(0)
        net, x = model(), tl.randn(4, 3)
        net(x).square().sum().backward()
        return [p.grad.numpy() for p in net.parameters()]

    plain = run()
    with profile(with_modules=True, record_shapes=True, with_stack=True, with_flops=True):
        watched = run()
    assert all(np.allclose(a, b, rtol=1e-6) for a, b in zip(plain, watched, strict=True))


def test_the_older_profiler():
    with tl.autograd.profiler.profile(with_modules=True) as prof:
        model()(tl.ones(2, 3))
    assert "ReLU" in prof.table(row_limit=-1) and prof.key_averages()[0].count
    assert prof.total_average().count == len(prof.function_events) == 8 and prof.self_cpu_time_total > 0
    with tl.autograd.profiler.profile(enabled=False) as prof:
        tl.ones(1).sum()
    assert not prof.function_events

    @record_function("named")
    def f():
        return tl.ones(2).sum()

    with profile() as prof:
        f()
    assert [e.name for e in prof.events()] == ["named", "Sum"]
    f()


@pytest.mark.parametrize(
    "wrong, error, text",
    [
        ({"activities": [ProfilerActivity.CUDA]}, ArgumentError, "must have ProfilerActivity.CPU"),
        ({"activities": ["cpu"]}, OperandError, "activities must be ProfilerActivity.CPU"),
        ({"schedule": 3}, OperandError, "schedule must be a function"),
        ({"on_trace_ready": 3}, OperandError, "on_trace_ready must be a function"),
    ],
)
def test_wrong_settings(wrong, error, text):
    with pytest.raises(error, match=text):
        profile(**wrong)
    with pytest.raises(OperandError, match="schedule must give a ProfilerAction"), profile(schedule=lambda step: 3):
        pass


def test_signatures_are_pytorchs():
    torch = pytest.importorskip("torch")
    table = torch.autograd.profiler_util.EventList
    for own, theirs in (
        (profile, torch.profiler.profile), (schedule, torch.profiler.schedule), (inner.record_function, torch.profiler.record_function),
        (tensorboard_trace_handler, torch.profiler.tensorboard_trace_handler), (inner.profile, torch.autograd.profiler.profile),
        (inner.EventList.table, table.table),
    ):  # fmt: skip
        expected = [p.name for p in inspect.signature(theirs).parameters.values()]
        assert [p.name for p in inspect.signature(own).parameters.values()][: len(expected)] == expected, own


FLOPS = [
    ("Convolve", [(2, 3, 8, 8), (4, 3, 3, 3), (4,)], {}, (2, 4, 6, 6), 2 * 4 * 36 * (2 * 27 + 1)),
    ("ConvolveInputGrad", [(2, 3, 8, 8), (3, 4, 2, 2)], {}, (2, 4, 16, 16), 2 * 2 * 3 * 64 * 16),
    ("Contract", [(2, 3), (3, 4)], {"spec": ("ab", "bc", "ac")}, (2, 4), 48),
    ("Attention", [(), (), (2, 5, 4), (2, 6, 4), (2, 6, 3)], {}, (2, 5, 3), 2 * 5 * 6 * (2 * 7 + 5)),
    ("Recurrence", [(10, 3), (2, 4), (12, 3), (12, 4), (12,), (12,)], {"kind": "gru", "sizes": (2,) * 5}, (10, 4), 10 * (2 * 84 + 32)),
    ("LayerNorm", [(5, 8), (8,), (8,)], {}, (5, 8), 280),
    ("Reshape", [(5, 8)], {}, (40,), 0),
    ("GELU", [(5, 8)], {}, (5, 8), 160),
]


@pytest.mark.parametrize("name, shapes, params, out, expected", FLOPS, ids=[f[0] for f in FLOPS])
def test_operations_are_counted(name, shapes, params, out, expected):
    assert flops(OPS[name], tuple(np.empty(s) for s in shapes), params, np.empty(out)) == expected
