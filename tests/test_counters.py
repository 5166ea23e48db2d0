"""What is measured and counted: `utils.benchmark` and `utils.flop_counter`, beside PyTorch. Nothing here depends on the clock."""

from __future__ import annotations

import importlib
import importlib.machinery
import itertools
import random
import sys
import types

import pytest

import tensorflowlite_clone as tl


def measurements(B, seed):
    r = random.Random(seed)

    def one():
        label, name, column = r.choice(["L", "mm", None]), r.choice(["a", "bbbb", None]), r.choice(["d", "long one", None])
        task = B.TaskSpec(r.choice(["f()", "g(x)"]), r.choice(["pass", "x = 1"]), "", label, name, column or "?", None, r.choice([1, 2]))
        base, n = 10 ** r.uniform(-8, 0), r.choice([1, 3, 8])
        return B.Measurement(r.choice([1, 100]), [base * 100 * (1 + r.uniform(0, 0.4)) for _ in range(n)], task)

    return [one() for _ in range(r.randint(1, 9))]


@pytest.mark.parametrize("seed", range(20))
def test_measurements_and_tables_read_as_those_of_torch(seed):
    pytest.importorskip("torch")
    libraries = importlib.import_module("torch.utils.benchmark"), tl.utils.benchmark
    theirs, ours = (measurements(B, seed) for B in libraries)
    for a, b in zip(theirs, ours, strict=True):
        assert repr(a).partition("\n")[2] == repr(b) and abs(a.significant_figures - b.significant_figures) < 2
        assert (a.title, a.as_row_name, a.has_warnings) == (b.title, b.as_row_name, b.has_warnings)
    for marked, colours in itertools.product((False, True), (None, False, True)):
        tables = []
        for B, found in zip(libraries, (theirs, ours), strict=True):
            table = B.Compare(found)
            if marked:
                table.highlight_warnings()
            if colours is not None:
                table.colorize(colours)
            tables.append(str(table))
        assert tables[0] == tables[1]


def test_a_timer_runs_statements():
    seen = []
    timer = tl.utils.benchmark.Timer("seen.append(torch.ones(2))", setup="seen.clear()", globals={"seen": seen}, label="L", num_threads=1)
    one = timer.timeit(5)
    assert len(seen) == 5 and one.number_per_run == 5 and one.median == one.mean == one.raw_times[0] / 5 > 0
    told = []
    for found in (timer.blocked_autorange(lambda n, t: told.append((n, t)), 1e-4), timer.adaptive_autorange(9.0, min_run_time=1e-4)):
        assert found.raw_times and found.label == "L"
    assert len(told) > 0
    table = tl.utils.benchmark.Compare([one])
    table.trim_significant_figures()
    assert "1 threads" in str(table)
    with pytest.raises(TypeError, match="results must be Measurements: got a int"):
        table.extend_results([1])
    with pytest.raises(ValueError, match="statements are Python's"):
        tl.utils.benchmark.Timer("f();", language="c++")


PROGRAMS = {
    "linear": lambda T: T.nn.Sequential(T.nn.Linear(4, 5), T.nn.ReLU(), T.nn.Sequential(T.nn.Linear(5, 2)))(T.ones(3, 4)).sum().backward(),
    "conv": lambda T: T.nn.Sequential(T.nn.Conv2d(3, 4, 3), T.nn.ConvTranspose2d(4, 2, 3))(T.ones(2, 3, 8, 8)).sum().backward(),
    "products": lambda T: (
        T.bmm(T.ones(2, 3, 4), T.ones(2, 4, 5)), T.addmm(T.ones(3, 3), T.ones(3, 4), T.ones(4, 3)), T.ones(3, 4) @ T.ones(4, 2),
        T.einsum("bij,bjk->bik", T.ones(2, 3, 4), T.ones(2, 4, 5)),
    ),
    "attention": lambda T: T.nn.MultiheadAttention(4, 2)(*[T.ones(3, 1, 4)] * 3)[0].sum().backward(),
    "vmap": lambda T: T.func.vmap(lambda a: a @ a.T)(T.ones(2, 3, 4)),
    "jvp": lambda T: T.func.jvp(lambda a: a @ a.T, (T.ones(3, 4),), (T.ones(3, 4),)),
    "twice": lambda T: twice(T, T.ones(3, 4, requires_grad=True)),
}  # fmt: skip


def twice(T, x):
    (g,) = T.autograd.grad((x @ x.T).sin().sum(), x, create_graph=True)
    g.sum().backward()


@pytest.mark.parametrize("name", PROGRAMS)
def test_products_are_counted_as_torch_counts_them(name, monkeypatch):
    torch = pytest.importorskip("torch")
    if "tabulate" not in sys.modules:  # its tables need it, of which none is printed here
        stand = types.ModuleType("tabulate")
        stand.__spec__ = importlib.machinery.ModuleSpec("tabulate", None)
        monkeypatch.setitem(sys.modules, "tabulate", stand)
    theirs = importlib.import_module("torch.utils.flop_counter").FlopCounterMode(display=False)
    with theirs:
        PROGRAMS[name](torch)
    with tl.utils.flop_counter.FlopCounterMode(display=False) as ours:
        PROGRAMS[name](tl)
    counts = [{path: sum(c.values()) for path, c in mode.get_flop_counts().items()} for mode in (theirs, ours)]
    assert counts[0] == counts[1] and ours.get_total_flops() == counts[0]["Global"]


def test_what_torch_does_not_count(capsys):
    F, ones = tl.nn.functional, lambda *size: tl.ones(size, requires_grad=True)
    with tl.utils.flop_counter.FlopCounterMode(custom_mapping={"Exp": lambda x, out_shape: 7}) as counter:
        F.scaled_dot_product_attention(ones(2, 3, 4), ones(2, 3, 4), ones(2, 3, 4)).sum().backward()
        tl.nn.LSTM(3, 4)(tl.ones(2, 1, 3))[0].sum().backward()
        (ones(3, 4) @ ones(4)).exp().sum().backward()
    attention, rnn = 2 * 2 * 2 * 3 * 3 * 4, 2 * 2 * (16 * 3 + 16 * 4)
    assert counter.get_flop_counts()["Global"] == {
        "scaled_dot_product_attention": attention, "scaled_dot_product_attention_backward": 2 * attention, "rnn": rnn,
        "rnn_backward": 2 * rnn, "mv": 24, "Exp": 7, "Exp_backward": 14, "mv_backward": 48,
    }  # fmt: skip
    assert "LSTM" in capsys.readouterr().out and " LSTM" not in counter.get_table(0)
