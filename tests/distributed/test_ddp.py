"""Training on 1, 2 and 4 ranks is training in one process with the whole batch: parameters after 50 steps, in float64."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from ranks import HANGS, Ranks, finish, missing, start

TRAIN = r"""
from contextlib import nullcontext
tl.set_default_dtype(tl.float64)
FOLDER, MODELS = sys.argv[1], sys.argv[2:]

class GPT(nn.Module):
    def __init__(self):
        super().__init__()
        self.tokens, self.places = nn.Embedding(11, 8), nn.Parameter(tl.randn(6, 8))
        self.block = nn.TransformerEncoderLayer(8, 2, 16, dropout=0.0, batch_first=True)
        self.head = nn.Linear(8, 11)
    def forward(self, x):
        mask = nn.Transformer.generate_square_subsequent_mask(x.shape[1])
        return self.head(self.block(self.tokens(x) + self.places, mask))

class Sometimes(nn.Module):
    def __init__(self):
        super().__init__()
        self.always, self.now_and_then, self.never = nn.Linear(5, 5), nn.Linear(5, 5), nn.Linear(5, 5)
    def forward(self, x, k):
        return self.now_and_then(self.always(x)) if k % 3 == 0 else self.always(x)

def build(name):
    "A module, and 50 batches of 8."
    if name in ("mlp", "accumulate", "clip"):
        return nn.Sequential(nn.Linear(6, 16), nn.Tanh(), nn.Linear(16, 3)), tl.randn(50, 8, 6), tl.randint(0, 3, (50, 8))
    if name == "cnn":
        model = nn.Sequential(
            nn.Conv2d(1, 4, 3, bias=False), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(),
            nn.Linear(64, 7, bias=False), nn.BatchNorm1d(7), nn.Linear(7, 3),
        )
        return nn.SyncBatchNorm.convert_sync_batchnorm(model), tl.randn(50, 8, 1, 6, 6), tl.randint(0, 3, (50, 8))
    if name == "gpt":
        model, x = GPT(), tl.randint(0, 11, (50, 8, 6))
        return model, x, (x + 1) % 11
    return Sometimes(), tl.randn(50, 8, 5), tl.randint(0, 5, (50, 8))

def train(name):
    tl.manual_seed(0)
    model, x, y = build(name)
    unused = name == "unused"
    if rank:  # whatever the others begin with
        with tl.no_grad():
            for p in model.parameters():
                p.add_(1.0)
    model = nn.parallel.DistributedDataParallel(model, find_unused_parameters=unused, bucket_cap_mb=0.001 if name == "mlp" else 25)
    optimizer = optim.Adam(model.parameters(), lr=1e-2) if name == "mlp" else optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    losses = []
    for k in range(50):
        mine = slice(rank * 8 // size, (rank + 1) * 8 // size)
        a, b = x[k, mine], y[k, mine]
        optimizer.zero_grad(set_to_none=k % 2 == 0)
        passes = 3 if name == "accumulate" else 1
        for last in [*[False] * (passes - 1), True]:
            with nullcontext() if last else model.no_sync():
                out = model(a, k) if unused else model(a)
                loss = nn.functional.cross_entropy(out.reshape(-1, out.shape[-1]), b.reshape(-1))
                (loss / passes).backward()
        if name == "clip":
            nn.utils.clip_grad_norm_(model.parameters(), 0.1)
        optimizer.step()
        loss = loss.detach()
        dist.all_reduce(loss, dist.ReduceOp.AVG)
        losses.append(loss.item())
    if unused:
        assert model.module.never.weight.grad is None and model.module.always.weight.grad is not None
    state = model.module.state_dict()
    same = [None] * size
    dist.all_gather_object(same, {k: v.numpy() for k, v in state.items()})
    assert all(np.array_equal(s[k], v.numpy()) for s in same for k, v in state.items() if "running" not in k)
    if rank == 0:
        tl.save({"state": state, "losses": losses}, f"{FOLDER}/{name}-{size}.npz")

for name in MODELS:
    train(name)
"""


def test_parameters_after_fifty_steps(ranks, tmp_path):
    import tensorflowlite_clone as tl

    models = ("mlp", "cnn", "gpt", "accumulate", "clip", "unused")
    for n in (1, 2, 4):
        ranks.passes(n, TRAIN, str(tmp_path), *models, plain=n == 1)
    for model in models:
        one, *others = (tl.load(tmp_path / f"{model}-{n}.npz") for n in (1, 2, 4))
        assert one["losses"][-1] != one["losses"][0]
        for other in others:
            np.testing.assert_allclose(other["losses"], one["losses"], rtol=1e-12, atol=1e-12, err_msg=model)
            for name, value in one["state"].items():
                np.testing.assert_allclose(other["state"][name].numpy(), value.numpy(), rtol=1e-12, atol=1e-12, err_msg=f"{model}: {name}")


SAME_SCRIPT = r"""
import os, sys
import numpy as np
if sys.argv[1] == "torch":
    import torch
    import torch.distributed as dist
    dist.init_process_group("gloo", rank=int(sys.argv[2]), world_size=2, init_method="file://" + sys.argv[3])
else:
    import tensorflowlite_clone as torch
    import tensorflowlite_clone.distributed as dist
    dist.init_process_group("gloo")
nn = torch.nn
torch.set_default_dtype(torch.float64)
model = nn.Sequential(nn.Linear(4, 8), nn.GELU(), nn.LayerNorm(8), nn.Linear(8, 3))
draw = np.random.default_rng(1)
with torch.no_grad():
    for p in model.parameters():
        p.copy_(torch.tensor(draw.normal(size=tuple(p.shape))))
model = nn.parallel.DistributedDataParallel(model)
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
data = torch.utils.data.TensorDataset(torch.tensor(draw.normal(size=(48, 4))), torch.tensor(draw.integers(0, 3, 48)))
sampler = torch.utils.data.distributed.DistributedSampler(data, shuffle=False)
for epoch in range(3):
    sampler.set_epoch(epoch)
    for x, y in torch.utils.data.DataLoader(data, batch_size=8, sampler=sampler):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        loss = loss.detach()
        dist.all_reduce(loss)
        if dist.get_rank() == 0:
            print(repr(loss.item() / dist.get_world_size()))
dist.destroy_process_group()
"""


def test_the_same_script_under_torch(tmp_path):
    pytest.importorskip("torch")
    if (why := missing(beside_torch=True)) is not None:
        pytest.skip(f"programs on several ranks do not run here: {why}")
    program = Ranks(tmp_path).file(SAME_SCRIPT, head="")
    outcome = finish(start(2, program, "ours"))
    assert outcome.status == 0, outcome.err
    ours = [float(s) for s in outcome.out.split()]
    command = [sys.executable, str(program), "torch"]
    both = [
        subprocess.Popen([*command, str(r), str(tmp_path / "meet")], stdout=(subprocess.PIPE, subprocess.DEVNULL)[r], text=True)
        for r in range(2)
    ]
    try:
        theirs = [float(s) for s in both[0].communicate(timeout=HANGS)[0].split()]
    finally:
        for process in both:
            process.kill()
            process.wait()
    np.testing.assert_allclose(ours, theirs, rtol=1e-10)
    assert len(ours) == 9


ERRORS = r"""
def refused(kind, words, f):
    try:
        f()
    except kind as error:
        assert all(w in str(error) for w in words.split("|")), error
    else:
        raise AssertionError(words)

class Net(nn.Module):
    def __init__(self, width=2):
        super().__init__()
        self.first, self.second = nn.Linear(2, width), nn.Linear(2, 2)
    def forward(self, x, both=True):
        return self.first(x).sum() + (self.second(x).sum() if both else 0)

DDP = nn.parallel.DistributedDataParallel
refused(dist.DistError, "first.weight|(2, 2)|(3, 2)|rank 1", lambda: DDP(Net(2 + rank)))
refused(dist.DistError, "buffer|missing", lambda: DDP(nn.BatchNorm1d(2, track_running_stats=rank == 0)))
refused(dist.DistError, "int64|float32", lambda: dist.all_reduce(tl.zeros(2, dtype=tl.int64 if rank else tl.float32)))
model = DDP(Net())
model(tl.ones(1, 2), both=False).backward()
refused(RuntimeError, "second.weight|second.bias|find_unused_parameters", lambda: model(tl.ones(1, 2)))
model(tl.ones(1, 2)).backward()
# what is alone in its bucket is reduced where it is; small ones are windows onto one array
large = DDP(nn.Sequential(nn.Linear(600, 600), nn.Linear(600, 1)))
large(tl.ones(1, 600)).sum().backward()
w, b, v = large.module[0].weight, large.module[0].bias, large.module[1].weight
assert large._reducer.copied == b.nbytes + v.nbytes + 4 and b.grad.array.base is v.grad.array.base
# a hook of the user's
def hook(state, flat):
    flat /= size
    return dist.all_reduce(flat, async_op=True)
large.zero_grad()
before = w.grad
large.register_comm_hook(None, hook)
large(tl.ones(1, 600) * (rank + 1)).sum().backward()
tl.testing.assert_close(b.grad, v.T[:, 0])
# different numbers of batches
tl.manual_seed(0)
uneven = DDP(nn.Linear(2, 1))
optimizer = optim.SGD(uneven.parameters(), lr=0.1)
steps = 0
with uneven.join(divide_by_initial_world_size=False):
    for k in range(2 + rank):
        optimizer.zero_grad()
        (uneven(tl.ones(1, 2)) ** 2).sum().backward()
        optimizer.step()
        steps += 1
found = [None] * size
dist.all_gather_object(found, uneven.module.weight.tolist())
assert found[0] == found[1] and steps == 2 + rank, found
tl.manual_seed(0)
alone = nn.Linear(2, 1)
o = optim.SGD(alone.parameters(), lr=0.1)
for k in range(3):
    o.zero_grad(); (alone(tl.ones(1, 2)) ** 2).sum().backward(); o.step()
tl.testing.assert_close(tl.tensor(found[0]), alone.weight.detach())
print("whole")
"""


def test_modules_that_differ_missed_parameters_and_uneven_batches(ranks):
    assert ranks.passes(2, ERRORS).count("whole") == 2


def test_bytes_that_are_copied(ranks):
    """Of fresh gradients those that share a message are; of those that are kept none: counted by where backward left them."""
    program = r"""
    from tensorflowlite_clone.nn.parallel.buckets import ALONE, NEAR, buckets_of
    mlp = lambda: nn.Sequential(nn.Linear(784, 512), nn.ReLU(), nn.Linear(512, 256), nn.ReLU(), nn.Linear(256, 10))
    tiny = lambda: nn.Sequential(nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 3))
    for make, width in ((mlp, 784), (tiny, 8)):
        module = make()
        left = {}
        for name, p in module.named_parameters():
            p.register_post_accumulate_grad_hook(lambda p, name=name: left.__setitem__(name, p.grad.array))
        model = nn.parallel.DistributedDataParallel(module)
        optimizer = optim.SGD(module.parameters(), lr=0.1)
        for kept in (False, False, True, True):
            optimizer.zero_grad(set_to_none=not kept)
            model(tl.ones(4, width)).sum().backward()
            moved = sum(p.nbytes for n, p in module.named_parameters() if not np.may_share_memory(p.grad.array, left[n]))
            small = sum(p.nbytes for p in module.parameters() if p.nbytes < NEAR)
            assert model._reducer.copied == moved == (0 if kept else small), (kept, moved, small)
            optimizer.step()
    named = [("a", nn.Parameter(tl.zeros(NEAR // 4))), ("b", nn.Parameter(tl.zeros(ALONE // 4))), ("c", nn.Parameter(tl.zeros(2)))]
    assert [b.names for b in buckets_of(named, 1 << 30)] == [["b"], ["c", "a"]]
    assert [b.names for b in buckets_of(named, 1 << 30, NEAR)] == [["b"], ["a"], ["c"]]
    print("whole")
    """
    assert ranks.passes(2, program).count("whole") == 2
