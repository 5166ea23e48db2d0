"""``multiprocessing``, ``distributed`` and ``nn.parallel`` in one process; in several: ``distributed/``."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import tensorflowlite_clone as tl
import tensorflowlite_clone.distributed as dist
from tensorflowlite_clone import futures, nn
from tensorflowlite_clone import multiprocessing as mp


@pytest.fixture
def group():
    dist.init_process_group("gloo", rank=0, world_size=1)
    yield
    dist.destroy_process_group()


def test_without_a_group():
    assert not dist.is_initialized() and not dist.is_nccl_available()
    for ask in (dist.get_rank, dist.get_world_size, dist.barrier, dist.get_backend):
        with pytest.raises(ValueError, match="Default process group has not been initialized"):
            ask()
    with pytest.raises(RuntimeError, match="world_size is 2"):
        dist.init_process_group("gloo", world_size=2, rank=0)


def test_more_processes_in_the_environment_are_refused(monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "4")
    with pytest.raises(RuntimeError, match="one process trains here, and results would be others: world_size is 4"):
        dist.init_process_group("nccl", init_method="env://")


def test_exchanges_of_one(group):
    assert (dist.get_rank(), dist.get_world_size(), dist.get_backend(), dist.is_initialized()) == (0, 1, "gloo", True)
    x, out = tl.ones(2), [tl.zeros(2)]
    work = dist.all_reduce(x, op=dist.ReduceOp.SUM, async_op=True)
    assert work.wait() and work.is_completed() and dist.all_reduce(x) is None and x.tolist() == [1, 1]
    for exchange in (dist.all_gather, dist.gather):
        out = [tl.zeros(2)]
        exchange(x, out) if exchange is dist.gather else exchange(out, x)
        assert out[0].tolist() == [1, 1]
    for into, given in ((dist.scatter, [x]), (dist.reduce_scatter, [x]), (dist.all_gather_into_tensor, x), (dist.all_to_all_single, x)):
        y = tl.zeros(2)
        into(y, given)
        assert y.tolist() == [1, 1]
    objects = [None]
    dist.all_gather_object(objects, "a")
    dist.broadcast_object_list(objects)
    dist.broadcast(x, src=0)
    dist.barrier()
    assert objects == ["a"] and dist.new_group([0]).size() == 1
    with pytest.raises(RuntimeError, match="no other process"):
        dist.send(x, 1)
    with pytest.raises(ValueError, match="twice"):
        dist.init_process_group("gloo")


def test_a_distributed_module_is_the_module(group):
    layer = nn.Linear(2, 1)
    model = nn.parallel.DistributedDataParallel(layer, find_unused_parameters=True, bucket_cap_mb=25)
    with model.no_sync(), model.join():
        model(tl.ones(1, 2)).sum().backward()
    assert model.module is layer and layer.weight.grad.tolist() == [[1, 1]] and [*model.state_dict()] == ["module.weight", "module.bias"]
    with pytest.raises(RuntimeError, match="device_ids"):
        nn.parallel.DistributedDataParallel(layer, device_ids=[0])
    with pytest.raises(RuntimeError, match="no parameter that requires grad"):
        nn.parallel.DistributedDataParallel(nn.ReLU())
    with pytest.raises(TypeError, match="must be a module"):
        nn.parallel.DistributedDataParallel(3)


def test_parts_of_data_parallel():
    x, layer = tl.arange(8.0).view(4, 2), nn.Linear(2, 1)
    parts = nn.parallel.scatter({"x": x, "n": 3}, [0, 1])
    assert [p["x"].tolist() for p in parts] == [x[:2].tolist(), x[2:].tolist()] and parts[0]["n"] == 3
    outputs = nn.parallel.parallel_apply(nn.parallel.replicate(layer, [0, 1]), [(p["x"],) for p in parts])
    tl.testing.assert_close(nn.parallel.gather(outputs, "cpu"), layer(x))
    tl.testing.assert_close(nn.parallel.gather([(outputs[0].sum(), outputs[0])] * 2, "cpu")[0].shape, (2,))
    tl.testing.assert_close(nn.parallel.data_parallel(layer, x), nn.DataParallel(layer)(x))


def test_futures():
    a, b = futures.Future(), futures.Future[int]()
    seen, whole = [], futures.collect_all([a, b])
    a.add_done_callback(seen.append)
    failing = b.then(lambda f: f.value() / 0)
    assert not whole.done() and futures.wait_all([]) == [] and futures.collect_all([]).wait() == []
    a.set_result(1)
    b.set_result(2)
    assert seen == [a] and whole.wait() == [a, b] and futures.wait_all([a, b]) == [1, 2] and a.value() == 1
    with pytest.raises(ZeroDivisionError):
        failing.wait()


PROGRAM = """
import os, sys, torch, torch.multiprocessing as mp

def work(rank, what, queue):
    if what == "raise" and rank == 1:
        raise KeyError("gone wrong")
    if what == "exit" and rank == 1:
        os._exit(3)
    queue.put((rank, torch.ones(2) * rank))

if __name__ == "__main__":
    mp.set_sharing_strategy("file_system")
    assert mp.get_sharing_strategy() == "file_system" and "file_system" in mp.get_all_sharing_strategies()
    for what in ("work", "raise", "exit"):
        queue = mp.get_context("spawn").SimpleQueue()
        try:
            assert mp.spawn(work, args=(what, queue), nprocs=2) is None
            print(sorted((r, t.tolist()) for r, t in (queue.get(), queue.get())))
        except mp.ProcessRaisedException as error:
            print(error.error_index, "KeyError: 'gone wrong'" in str(error))
        except mp.ProcessExitedException as error:
            print(error.error_index, error.exit_code)
"""


def test_spawn(tmp_path):
    (tmp_path / "program.py").write_text(PROGRAM)
    environment = os.environ | {"PYTHONPATH": str(Path(tl.__file__).parents[1])}
    command = [sys.executable, "-m", "tensorflowlite_clone.as_torch", str(tmp_path / "program.py")]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment, timeout=120)
    assert done.stdout.splitlines() == ["[(0, [0.0, 0.0]), (1, [1.0, 1.0])]", "1 True", "1 3"], done.stderr
    assert {"Process", "Queue", "Pool", "set_start_method", "spawn"} <= set(mp.__all__) and mp.cpu_count() >= 1
