"""Programs as users write them, with annotations: ``mypy --strict`` and pyright find nothing to say (``test_typing.py``).

They run too. Not here: what a checker should refuse.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, assert_type

import numpy as np

import tensorflowlite_clone as tl
import tensorflowlite_clone.nn.functional as F
from tensorflowlite_clone import Tensor, nn, optim
from tensorflowlite_clone.func import grad, hessian, jvp, vmap
from tensorflowlite_clone.nn import Module, Parameter
from tensorflowlite_clone.optim.lr_scheduler import LRScheduler, StepLR
from tensorflowlite_clone.utils.data import (
    ConcatDataset,
    DataLoader,
    Dataset,
    IterableDataset,
    Sampler,
    Subset,
    TensorDataset,
    WeightedRandomSampler,
    get_worker_info,
    random_split,
)


class Net(nn.Module):
    """A network with layers, a parameter, a buffer and modules in lists."""

    scale: Tensor

    def __init__(self, width: int, dtype: tl.dtype = tl.float32) -> None:
        super().__init__()
        self.first = nn.Linear(2, width)
        self.blocks = nn.ModuleList([nn.Linear(width, width) for _ in range(2)])
        self.last = nn.Sequential(nn.ReLU(), nn.Linear(width, 1))
        self.bias = nn.Parameter(tl.zeros(1, dtype=dtype))
        self.register_buffer("scale", tl.ones(1, dtype=dtype))

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.first(x))
        for block in self.blocks:
            x = x + tl.tanh(block(x))
        return self.last(x) * self.scale + self.bias


class Convolutional(nn.Module):
    """Layers give tensors."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 2, 3)
        self.norm, self.pool = nn.BatchNorm2d(2), nn.MaxPool2d(2)
        self.head = nn.Sequential(nn.Flatten(), nn.Linear(2, 2), nn.LogSoftmax(dim=1))

    def forward(self, x: Tensor) -> Tensor:
        x = F.max_pool2d(F.relu(self.norm(self.conv(x))), 2)
        return self.head(self.pool(x) if x.shape[-1] > 1 else x)

    def loss(self, x: Tensor, labels: Tensor) -> Tensor:
        return nn.NLLLoss()(self(x), labels)


class Pairs:
    """A data set of one's own: anything that has a length and examples."""

    def __init__(self, n: int) -> None:
        self.x = tl.randn(n, 2)

    def __len__(self) -> int:
        return len(self.x)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        return self.x[index], self.x[index].sum()


class Signs(optim.Optimizer):
    """An optimizer of one's own, PyTorch's way."""

    def __init__(self, params: Iterator[Parameter], lr: float = 0.1) -> None:
        super().__init__(params, {"lr": lr})

    @tl.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is not None:
                    state = self.state[p]
                    state["step"] = state.get("step", 0) + 1
                    p.add_(p.grad.sign(), alpha=-group["lr"])
        return None


class Cube(tl.autograd.Function):
    """A function with a derivative of one's own."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return x**3

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        y: Tensor = 3 * x**2 * g
        return y


@tl.no_grad()
def evaluate(model: Module, x: Tensor) -> float:
    """A decorated function keeps its type."""
    return model(x).mean().item()  # type: ignore[no-any-return, unused-ignore]


@tl.no_grad
def accuracy(logits: Tensor, labels: Tensor) -> float:
    return float((logits.argmax(dim=1) == labels).float().mean())


@tl.inference_mode()
def predict(model: nn.Module, x: Tensor, *, scale: float = 1.0) -> Tensor:
    y: Tensor = model(x)
    return y * scale


@tl.enable_grad()
def energy(x: Tensor) -> Tensor:
    return (x * x).sum()


@tl.set_grad_enabled(False)
def numbers(n: int) -> Iterator[int]:
    yield from range(n)


def train(steps: int = 2) -> list[float]:
    """The loop of every tutorial."""
    model, losses = Net(4), list[float]()
    optimizer = optim.Adam(model.parameters(), lr=1e-2, betas=(0.9, 0.99))
    schedule: LRScheduler = StepLR(optimizer, step_size=1)
    loss_function = nn.MSELoss()
    loader = DataLoader(Pairs(8), batch_size=4, shuffle=True)
    for _ in range(steps):
        model.train()
        for x, y in loader:
            optimizer.zero_grad()
            loss = loss_function(model(x).squeeze(1), y)
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            losses.append(loss.item())
        schedule.step()
        rates: list[float] = schedule.get_last_lr()
        assert rates
    model.eval()
    assert_type(evaluate(model, tl.zeros(1, 2)), float)
    assert_type(predict(model, tl.zeros(1, 2), scale=2.0), Tensor)
    state = model.state_dict()
    model.load_state_dict(state)
    model.to(tl.float64).double().float().requires_grad_(False)
    for name, parameter in model.named_parameters():
        assert name and parameter.shape is not None
    return losses


def reductions(t: Tensor) -> None:
    """Results of functions and methods have types, pairs have names."""
    assert_type(t.sum(), Tensor)
    assert_type(t.max(), Tensor)
    pair = t.max(dim=0)
    assert_type(pair.values, Tensor)
    assert_type(pair.indices, Tensor)
    values, indices = t.min(dim=1, keepdim=True)
    assert_type(values, Tensor)
    assert_type(indices, Tensor)
    assert_type(tl.max(t, dim=0).indices, Tensor)
    assert_type(tl.min(t), Tensor)
    assert_type(tl.maximum(t, t), Tensor)
    assert_type(t.sort(dim=0).values, Tensor)
    assert_type(tl.sort(t)[1], Tensor)
    assert_type(t.topk(1).indices, Tensor)
    assert_type(tl.topk(t, 1, dim=0).values, Tensor)
    assert_type(t.median(), Tensor)
    assert_type(t.median(dim=0).values, Tensor)
    assert_type(t.mode(dim=0).indices, Tensor)
    assert_type(t.kthvalue(1).values, Tensor)
    assert_type(t.cummax(dim=0).values, Tensor)
    assert_type(tl.aminmax(t).min, Tensor)
    assert_type(t.mean(dim=(0, 1), keepdim=True), Tensor)
    assert_type(t.argmax(), Tensor)
    assert_type(t.any(), Tensor)
    assert_type(t.shape[0], int)
    assert_type(t.numel(), int)
    assert_type(t.dim(), int)
    assert_type(t.requires_grad, bool)
    assert_type(t.is_leaf, bool)
    assert_type(len(t), int)
    assert_type(t.size(0), int)
    d: tl.dtype = t.dtype
    assert d == tl.float32
    u, s, vh = tl.linalg.svd(t)
    assert_type(s, Tensor)
    assert_type(tl.linalg.eigh(t @ t.T).eigenvalues, Tensor)
    assert u.shape and vh.shape


def shapes(t: Tensor) -> Tensor:
    """Operators, indexing, joining."""
    assert_type(t + 1, Tensor)
    assert_type(1.5 * t, Tensor)
    assert_type(t @ t.T, Tensor)
    assert_type(-t, Tensor)
    assert_type(t > 0, Tensor)
    assert_type(t == 0, Tensor)
    assert_type(t[0], Tensor)
    assert_type(t[:, None, 0], Tensor)
    assert_type(t[t > 0], Tensor)
    t[0] = 1.0
    t[0, 0] += 2.0
    assert_type(t.reshape(-1), Tensor)
    assert_type(t.view(t.size(0), -1), Tensor)
    assert_type(tl.cat([t, t], dim=0), Tensor)
    assert_type(tl.stack((t, t)), Tensor)
    assert_type(tl.where(t > 0, t, 0.0), Tensor)
    assert_type(tl.where(t > 0), tuple[Tensor, ...])
    assert_type(F.max_pool2d(t.reshape(1, 1, 3, 3), 2, return_indices=True).indices, Tensor)
    assert_type(nn.Linear(3, 2)(t), Tensor)
    assert_type(t.to(tl.float64), Tensor)
    assert_type(t.float(), Tensor)
    assert_type(t.detach().clone(), Tensor)
    assert_type(t.requires_grad_(), Tensor)
    first, *_ = t.split(1)
    assert_type(first, Tensor)
    assert_type(t.chunk(2)[0], Tensor)
    assert_type(tl.einsum("ij,kj->ik", t, t), Tensor)
    assert_type(F.cross_entropy(t, tl.zeros(3, dtype=tl.long)), Tensor)
    assert_type(F.softmax(t, dim=-1), Tensor)
    array: np.ndarray[Any, Any] = t.detach().numpy()
    assert_type(tl.from_numpy(array), Tensor)
    for row in t:
        assert row.shape == (3,)
    return t


def create(dtype: tl.dtype | None = None, device: tl.device | None = None) -> Tensor:
    """Creation with a dtype that may be left out."""
    tl.manual_seed(0)
    x = tl.zeros(2, 3, dtype=dtype, device=device)
    assert_type(x, Tensor)
    assert_type(tl.tensor([1.0, 2.0], requires_grad=True), Tensor)
    assert_type(tl.arange(0, 3, dtype=tl.int64), Tensor)
    assert_type(tl.randint(0, 3, (2,)), Tensor)
    assert_type(tl.eye(3), Tensor)
    assert_type(tl.linspace(0, 1, 5), Tensor)
    assert_type(tl.ones_like(x), Tensor)
    return tl.full((2, 3), 1.0)


def derivatives() -> None:
    """Transforms, and gradients by hand."""
    x = tl.ones(3, requires_grad=True)
    y = Cube.apply(x).sum()
    y.backward()
    if x.grad is not None:
        assert_type(x.grad.sum().item() > 0, Any)
    (g,) = tl.autograd.grad(energy(x), x)
    assert g.shape == x.shape
    with tl.no_grad():
        x -= 0.1 * x
    with tl.set_grad_enabled(True), tl.autograd.detect_anomaly():
        energy(x).backward()
    w = np.ones(3)
    assert grad(lambda v: np.sum(v**2))(w).shape == hessian(lambda v: np.sum(v**2))(w)[0].shape
    value, slope = jvp(np.sin, (w,), (w,))
    assert vmap(np.cos)(value).shape == slope.shape
    handle = x.register_hook(lambda g: g * 2)
    handle.remove()


def layers() -> list[nn.Module]:
    """Settings of layers; what holds modules."""
    model = nn.Sequential(nn.Conv2d(1, 2, 3, padding=1), nn.BatchNorm2d(2), nn.MaxPool2d(2), nn.Flatten(), nn.Dropout(0.5))
    first: nn.Module = model[0]
    table = nn.ModuleDict({"a": nn.Linear(1, 1)})
    for key, module in table.items():
        assert key and isinstance(module, nn.Module)
    model.apply(lambda m: None)
    nn.init.xavier_uniform_(nn.Parameter(tl.zeros(2, 2)))
    embedding = nn.Embedding(3, 2)
    weight: nn.Parameter = embedding.weight
    assert weight.shape == (3, 2)
    sizes: int = nn.Linear(1, 2).out_features
    assert sizes == 2
    return [first, *model.children(), *list(model.modules())]


class Numbered(Dataset[tuple[Tensor, int]]):
    def __len__(self) -> int:
        return 6

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        return tl.full((2,), float(index)), index


class Up(IterableDataset[int]):
    def __iter__(self) -> Iterator[int]:
        info = get_worker_info()
        return iter(range(4)) if info is None else iter(range(info.id, 4, info.num_workers))


class Even(Sampler[int]):
    def __iter__(self) -> Iterator[int]:
        return iter(range(0, 6, 2))


def firsts(items: list[tuple[Tensor, int]]) -> Tensor:
    return tl.stack([x for x, _ in items])


def own_data() -> None:
    """Data sets, samplers and collating functions of one's own."""
    loader = DataLoader(Numbered(), batch_size=2, shuffle=True, collate_fn=firsts, num_workers=2, worker_init_fn=lambda i: None)
    assert [x.shape for x in loader] == [(2, 2)] * 3 and len(loader) == 3
    both: ConcatDataset[tuple[Tensor, int]] = Numbered() + Numbered()
    part, item = Subset(Numbered(), [1]), random_split(both, [6, 6])[0][0]
    assert part[0][1] == 1 and item[0].shape == (2,)
    typed: DataLoader[int] = DataLoader([1, 2, 3], sampler=WeightedRandomSampler([1.0, 2.0], 2))
    assert len(typed) == 2 and len(list(DataLoader(Up(), num_workers=2))) == 4
    assert [b.shape for b in DataLoader(tl.randn(6, 3), 2, sampler=Even())] == [(2, 3), (1, 3)]


def data() -> None:
    """Data sets, loaders, files."""
    x, y = tl.zeros(6, 2), tl.zeros(6)
    whole = TensorDataset(x, y)
    train_part, test_part = random_split(whole, [4, 2])
    for batch in DataLoader(train_part, batch_size=2):
        assert len(batch) == 2
    assert len(test_part) == 2


def sign_steps() -> None:
    model = Net(2)
    optimizer = Signs(model.parameters())
    model(tl.ones(1, 2)).sum().backward()
    optimizer.step()
    optimizer.load_state_dict(optimizer.state_dict())


if __name__ == "__main__":
    assert len(train()) == 4
    reductions(tl.arange(6.0).reshape(2, 3))
    shapes(tl.arange(9.0).reshape(3, 3))
    create()
    derivatives()
    layers()
    data()
    own_data()
    sign_steps()
    Convolutional().loss(tl.zeros(2, 1, 4, 4), tl.zeros(2, dtype=tl.int64)).backward()
    assert list(numbers(2)) == [0, 1] and accuracy(tl.eye(2), tl.arange(2)) == 1.0
