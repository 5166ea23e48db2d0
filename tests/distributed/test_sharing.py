"""States and parameters in shards give the trajectory of whole ones; checkpoints are read by any number of ranks and survive deaths."""

from __future__ import annotations

import json
import os
import random
import signal
import textwrap
import time

import numpy as np
from ranks import finish, start

BUILD = r"""
from tensorflowlite_clone.distributed import checkpoint
from tensorflowlite_clone.distributed.fsdp import full_state_dict, fully_shard, load_full_state_dict
from tensorflowlite_clone.distributed.optim import ZeroRedundancyOptimizer
tl.set_default_dtype(tl.float64)

def build(kind, name="Adam", zeros=False, **settings):
    tl.manual_seed(0)
    model = nn.Sequential(nn.Linear(5, 7), nn.Tanh(), nn.Sequential(nn.Linear(7, 7), nn.GELU(), nn.LayerNorm(7)), nn.Linear(7, 3))
    if zeros:
        for p in model.parameters():
            nn.init.zeros_(p)
    make = getattr(optim, name)
    if kind == "shards":
        for layer in (model[0], model[2], model[3]):
            fully_shard(layer)
        fully_shard(model)
        return model, model, make(model.parameters(), **settings)
    run = nn.parallel.DistributedDataParallel(model)
    if kind == "states":
        return model, run, ZeroRedundancyOptimizer(model.parameters(), make, **settings)
    return model, run, make(model.parameters(), **settings)

def steps(run, optimizer, first, last):
    for k in range(first, last):
        draw = np.random.default_rng(k)
        x, y = tl.tensor(draw.normal(size=(8, 5))), tl.tensor(draw.normal(size=(8, 3)))
        mine = slice(rank * 8 // size, (rank + 1) * 8 // size)
        optimizer.zero_grad()
        ((run(x[mine]) - y[mine]) ** 2).mean().backward()
        optimizer.step()

def whole(model):
    return np.concatenate([v.numpy().ravel() for v in full_state_dict(model).values()])
"""

TRAJECTORIES = r"""
SETTINGS = {"Muon": {}, "SparseAdam": None, "LBFGS": None, "GaussNewton": None, "LevenbergMarquardt": None}
names = [n for n in optim.__all__ if isinstance(getattr(optim, n), type) and n != "Optimizer"]
for name in names:
    if SETTINGS.get(name, {}) is None:
        if name != "SparseAdam":
            try:
                ZeroRedundancyOptimizer(nn.Linear(2, 2).parameters(), getattr(optim, name))
            except ValueError as error:
                assert "as one vector" in str(error)
            else:
                raise AssertionError(name)
        continue
    settings = {"lr": 0.01}
    kinds = ["whole", "states"] + ["shards"] * getattr(optim, name).elementwise
    found = {}
    for kind in kinds:
        if name == "Muon":  # takes matrices alone
            tl.manual_seed(0)
            model = nn.Sequential(nn.Linear(5, 7, bias=False), nn.Tanh(), nn.Linear(7, 3, bias=False))
            run = nn.parallel.DistributedDataParallel(model)
            make = optim.Muon
            optimizer = make(model.parameters(), lr=0.01) if kind == "whole" else ZeroRedundancyOptimizer(model.parameters(), make, lr=0.01)
        else:
            model, run, optimizer = build(kind, name, **settings)
        schedule = optim.lr_scheduler.StepLR(optimizer, 2)
        for k in range(4):
            steps(run, optimizer, k, k + 1)
            schedule.step()
        found[kind] = whole(model)
        if kind == "states":
            optimizer.consolidate_state_dict(to=size - 1)
            if rank == size - 1:
                assert len(optimizer.state_dict()["state"]) in (0, len(list(model.parameters())))
            remembered = sum(v.numel() for s in optimizer.state.values() for v in s.values() if isinstance(v, tl.Tensor))
            everyone = [None] * size
            dist.all_gather_object(everyone, remembered)
            if sum(everyone) and name != "Muon":
                assert max(everyone) < 0.8 * sum(everyone), (name, everyone)
    for kind in kinds[1:]:
        assert np.array_equal(found[kind], found["whole"]), (name, kind, abs(found[kind] - found["whole"]).max())
# whole parameters are in memory while they are needed only, and states hold the shards
model, run, optimizer = build("shards", lr=0.1)
steps(run, optimizer, 0, 2)
assert sum(p.numel() for p in model.parameters()) < 0.6 * 150 and not any(p.shard.memory.flat.any() for p in model.parameters())
model.unshard()
model.reshard()
state = full_state_dict(model)
other, _, _ = build("shards", zeros=True, lr=0.1)
load_full_state_dict(other, state)
assert np.array_equal(whole(other), whole(model))
print("whole")
"""

RESUME = r"""
folder, action = sys.argv[1:]
for kind in ("whole", "states", "shards"):
    model, run, optimizer = build(kind, zeros=action != "save", lr=0.01)
    schedule = optim.lr_scheduler.StepLR(optimizer, 2)
    state = {"model": model, "optimizer": optimizer, "schedule": schedule, "epoch": 0, "note": [1, ("a", tl.ones(2))]}
    if action == "save":
        steps(run, optimizer, 0, 3)
        state["epoch"] = 3
        checkpoint.save(state, checkpoint_id=f"{folder}/{kind}")
    else:
        checkpoint.load(state, checkpoint_id=f"{folder}/{kind}")
        assert state["epoch"] == 3 and state["note"][1][1].tolist() == [1, 1]
    steps(run, optimizer, 3, 6)
    found = whole(model)
    if rank == 0:
        np.save(f"{folder}/{kind}-{action}-{size}.npy", found)
"""

KILLS = r"""
folder = sys.argv[1]
layer = nn.Linear(40, 40)
fully_shard(layer)
optimizer = optim.SGD(layer.parameters(), lr=0.1, momentum=0.9)
for p in layer.parameters():
    p._grad = tl.zeros_like(p.detach())
optimizer.step()
first = 0
if os.path.exists(folder + "/index.json"):
    state = {"model": layer, "optimizer": optimizer, "k": 0}
    checkpoint.load(state, checkpoint_id=folder)
    first = state["k"] + 1
    values = np.concatenate([v.numpy().ravel() for v in full_state_dict(layer).values()])
    assert (values == state["k"]).all(), "a checkpoint of two"
    if rank == 0:
        print("resumed", state["k"], flush=True)
for k in range(first, 100000):
    with tl.no_grad():
        for p in layer.parameters():
            p.fill_(k)
    checkpoint.save({"model": layer, "optimizer": optimizer, "k": k}, checkpoint_id=folder)
    if rank == 0:
        print("saved", k, flush=True)
"""


def test_trajectories(ranks):
    assert ranks.passes(2, BUILD + TRAJECTORIES).count("whole") == 2


def test_a_run_goes_on_with_another_number_of_ranks(ranks, tmp_path):
    program = BUILD + RESUME
    ranks.passes(2, program, str(tmp_path), "save")
    for n in (1, 4):
        ranks.passes(n, program, str(tmp_path), "load")
        for kind in ("whole", "states", "shards"):
            found, saved = (np.load(tmp_path / f"{kind}-{name}.npy") for name in (f"load-{n}", "save-2"))
            np.testing.assert_allclose(found, saved, rtol=1e-12, atol=1e-12, err_msg=kind)


def test_a_part_that_cannot_be_written_leaves_the_old_checkpoint(ranks, tmp_path):
    program = r"""
    folder = sys.argv[1]
    layer = nn.Linear(3, 3)
    checkpoint.save({"model": layer, "k": 1}, checkpoint_id=folder)
    before = open(folder + "/index.json").read()
    try:
        checkpoint.save({"model": layer, "k": (lambda: 0) if rank == 0 else 2}, checkpoint_id=folder)
    except dist.DistError as error:
        assert "rank 0" in str(error) and "the one before" in str(error)
    else:
        raise AssertionError
    assert open(folder + "/index.json").read() == before
    for wrong, words in (({"other": layer}, "other.weight"), ({"model": nn.Linear(2, 3)}, "(3, 2)"), ({"n": 1}, "'n'")):
        try:
            checkpoint.load(wrong, checkpoint_id=folder)
        except (RuntimeError, KeyError) as error:
            assert words in str(error), error
        else:
            raise AssertionError(words)
    print("whole")
    """
    assert ranks.passes(2, BUILD + textwrap.dedent(program), str(tmp_path)).count("whole") == 2


def test_a_checkpoint_survives_any_death_at_any_moment(ranks, tmp_path):
    """A rank drawn at random is killed at a random moment; TL_KILLS says how often (4)."""
    folder, draw, best = tmp_path / "checkpoint", random.Random(0), -1
    path = ranks.file(BUILD + KILLS)
    for _ in range(int(os.environ.get("TL_KILLS", 4))):
        process = start(2, path, str(folder))
        assert process.stdout is not None
        for line in process.stdout:
            word, _, k = line.strip().partition(" ")
            if word == "resumed":
                assert int(k) >= best, "a checkpoint that was complete is lost"
            best = max(best, int(k))
            if word == "saved":
                break
        time.sleep(draw.random() * 0.15)  # any moment will do
        while len(alive := children(process.pid)) < 2 and process.poll() is None:
            time.sleep(0.01)
        if alive:
            os.kill(draw.choice(alive), signal.SIGKILL)
        outcome = finish(process)
        assert outcome.status != 0 and "has died" in outcome.err, outcome.err
        best = max([best, *(int(line.split()[1]) for line in outcome.out.splitlines() if line.startswith("saved"))])
        assert json.loads((folder / "index.json").read_text())["format"] == 1


def children(session):
    """The ranks of a job: processes that run our program, below its launcher."""
    found, parents = [], {}
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/stat") as file:
                parents[int(pid)] = int(file.read().rsplit(")", 1)[1].split()[1])
            with open(f"/proc/{pid}/cmdline") as file:
                if "--run" in file.read().split("\0"):
                    found.append(int(pid))
        except OSError:
            continue

    def below(pid):
        while pid in parents and pid != session:
            pid = parents[pid]
        return pid == session

    return [pid for pid in found if below(pid) and parents[pid] in found]
