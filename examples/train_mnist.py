"""Train a network to read handwritten digits (or to tell clothes apart), and show what it learned.

    python examples/train_mnist.py                                              the embedded digits, within a minute
    python examples/train_mnist.py --dataset mnist --data-dir DIR --model cnn   the real MNIST from its original files
    python examples/train_mnist.py --resume                                     go on from the last checkpoint
    python -m tensorflowlite_clone.distributed.launch -n 4 examples/train_mnist.py --distributed     on four processes

Every epoch is validated on a part of the training images that is held out, and saved in a checkpoint. A run that was interrupted, by
whatever, and goes on with the same arguments and --resume, ends with the same weights as one that was not. At the end the test images
are read once.

Here: the arguments, the networks, the training and its checkpoints. Not here: the pictures (plots.py) and the data sets (the package).
"""

from __future__ import annotations

import argparse
import math
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

import tensorflowlite_clone as tl
from tensorflowlite_clone import distributed as dist
from tensorflowlite_clone import nn, optim
from tensorflowlite_clone.datasets import MNIST, Digits, FashionMNIST, ImageDataset
from tensorflowlite_clone.optim import lr_scheduler
from tensorflowlite_clone.utils.data import DataLoader, DistributedSampler, Subset, TensorDataset

DEFAULTS = {
    "digits": {"epochs": 40, "batch_size": 32, "lr": 3e-3, "schedule": "onecycle", "model": "cnn"},
    "mnist": {"epochs": 5, "batch_size": 64, "lr": 2e-3, "schedule": "onecycle", "model": "mlp"},
    "fashion": {"epochs": 10, "batch_size": 64, "lr": 2e-3, "schedule": "onecycle", "model": "mlp"},
}
#: Arguments that a resumed run must share with the one it goes on from.
DECISIVE = ("dataset", "model", "epochs", "batch_size", "lr", "optimizer", "schedule", "weight_decay", "augment", "seed")
#: What is noted of every epoch.
HISTORY = ("loss", "accuracy", "validation loss", "validation accuracy", "seconds")


def parse(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dataset", choices=sorted(DEFAULTS), default="digits")
    parser.add_argument("--data-dir", type=Path, default=Path("data"), help="folder with the original files (mnist, fashion)")
    parser.add_argument("--download", action="store_true", help="fetch files that are not there")
    parser.add_argument("--model", choices=("linear", "mlp", "cnn"), help="default: cnn for digits, mlp otherwise")
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--batch-size", type=int)
    parser.add_argument("--lr", type=float, help="learning rate (the highest one, with a schedule)")
    parser.add_argument("--optimizer", choices=("sgd", "adam", "adamw"), default="adam")
    parser.add_argument("--schedule", choices=("none", "step", "cosine", "onecycle"))
    parser.add_argument("--weight-decay", type=float, default=0.0)
    parser.add_argument("--augment", action="store_true", help="shift the training images a little, another way each time")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, help="folder for the checkpoint and the pictures (default: runs/DATASET-MODEL)")
    parser.add_argument("--resume", nargs="?", const=True, metavar="FILE", help="go on from FILE (default: the one in --out)")
    parser.add_argument("--distributed", action="store_true", help="share each batch among the processes that a launcher has started")
    parser.add_argument("--no-plots", action="store_true", help="draw no pictures at the end")
    args = parser.parse_args(argv)
    for name, value in DEFAULTS[args.dataset].items():
        if getattr(args, name) is None:
            setattr(args, name, value)
    if args.epochs < 1 or args.batch_size < 2:
        parser.error(f"--epochs must be at least 1 and --batch-size at least 2: got {args.epochs} and {args.batch_size}")
    if not (0 < args.lr < math.inf and 0 <= args.weight_decay < math.inf and args.seed >= 0):
        parser.error(f"--lr must be above 0, --weight-decay and --seed not below: got {args.lr}, {args.weight_decay} and {args.seed}")
    args.out = args.out or Path("runs") / f"{args.dataset}-{args.model}"
    return args


def load_data(args: argparse.Namespace) -> tuple[ImageDataset, ImageDataset]:
    """Training and test images."""
    if args.dataset == "digits":
        return Digits(train=True), Digits(train=False)
    kind = MNIST if args.dataset == "mnist" else FashionMNIST
    return kind(args.data_dir, train=True, download=args.download), kind(args.data_dir, train=False, download=args.download)


def build_model(name: str, size: int, classes: int) -> nn.Module:
    """A network for images 1 x size x size."""
    if name == "linear":
        return nn.Sequential(nn.Flatten(), nn.Linear(size * size, classes))
    if name == "mlp":
        return nn.Sequential(
            nn.Flatten(), nn.Linear(size * size, 256), nn.ReLU(), nn.Linear(256, 128), nn.ReLU(), nn.Linear(128, classes)
        )  # fmt: skip
    if size < 16:  # the 8x8 digits: padded, so that something is left to pool
        return nn.Sequential(
            nn.Conv2d(1, 32, 3, padding=1), nn.BatchNorm2d(32), nn.ReLU(),
            nn.Conv2d(32, 64, 3, padding=1), nn.BatchNorm2d(64), nn.ReLU(), nn.MaxPool2d(2),
            nn.Dropout(0.25), nn.Flatten(), nn.Linear(64 * (size // 2) ** 2, 128), nn.ReLU(), nn.Dropout(0.5), nn.Linear(128, classes),
        )  # fmt: skip
    pooled = (size - 4) // 2
    return nn.Sequential(
        nn.Conv2d(1, 32, 3), nn.ReLU(), nn.Conv2d(32, 64, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
        nn.Linear(64 * pooled * pooled, 128), nn.ReLU(), nn.Dropout(0.3), nn.Linear(128, classes),
    )  # fmt: skip


def build_optimizer(args: argparse.Namespace, model: nn.Module) -> optim.Optimizer:
    if args.optimizer == "sgd":
        return optim.SGD(model.parameters(), lr=args.lr, momentum=0.9, weight_decay=args.weight_decay)
    kind = optim.Adam if args.optimizer == "adam" else optim.AdamW
    return kind(model.parameters(), lr=args.lr, weight_decay=args.weight_decay)


def build_schedule(args: argparse.Namespace, optimizer: optim.Optimizer, steps: int) -> Any:
    """A schedule that moves on after every batch; None for a constant rate."""
    total = steps * args.epochs
    if args.schedule == "onecycle":
        return lr_scheduler.OneCycleLR(optimizer, max_lr=args.lr, total_steps=total + 1)
    if args.schedule == "cosine":
        return lr_scheduler.CosineAnnealingLR(optimizer, T_max=total)
    if args.schedule == "step":
        return lr_scheduler.StepLR(optimizer, step_size=max(total // 3, 1), gamma=0.3)
    return None


def evaluate(model: nn.Module, loader: DataLoader) -> tuple[np.ndarray, np.ndarray, float]:
    """Probabilities and labels of all examples, and the mean loss."""
    model.eval()
    probabilities, labels, total = [], [], 0.0
    with tl.no_grad():
        for x, y in loader:
            logits = model(x)
            total += nn.functional.cross_entropy(logits, y, reduction="sum").item()
            probabilities.append(tl.softmax(logits, dim=1).numpy())
            labels.append(y.numpy())
    p, t = np.concatenate(probabilities), np.concatenate(labels)
    return p, t, total / len(t)


def shift(x: tl.Tensor, reach: int) -> tl.Tensor:
    """Every image (N, 1, H, W) moved by up to ``reach`` pixels along both axes; what comes in at the border is background."""
    n, _, h, w = x.shape
    padded = nn.functional.pad(x, (reach, reach, reach, reach), value=x.min().item())
    rows = tl.randint(0, 2 * reach + 1, (n, 1, 1)) + tl.arange(h).reshape(1, h, 1)
    columns = tl.randint(0, 2 * reach + 1, (n, 1, 1)) + tl.arange(w).reshape(1, 1, w)
    return padded[tl.arange(n).reshape(n, 1, 1), 0, rows, columns].unsqueeze(1)


def train_epoch(args: Any, epoch: int, model: nn.Module, loader: DataLoader, optimizer: Any, schedule: Any) -> tuple[float, float]:
    """One pass over the training images; mean loss and accuracy on the way."""
    model.train()
    seen, correct, total = 0, 0, 0.0
    with tqdm(
        loader,
        desc=f"epoch {epoch + 1:2d}/{args.epochs}",
        unit="batch",
        leave=False,
        disable=None if not dist.is_initialized() or dist.get_rank() == 0 else True,
    ) as bar:
        start = time.perf_counter()
        for x, y in bar:
            if args.augment:
                x = shift(x, max(x.shape[-1] // 14, 1))
            optimizer.zero_grad()
            logits = model(x)
            loss = nn.functional.cross_entropy(logits, y)
            loss.backward()
            optimizer.step()
            if schedule is not None:
                schedule.step()
            seen += len(y)
            total += loss.item() * len(y)
            correct += int((logits.detach().numpy().argmax(1) == y.numpy()).sum())
            rate = seen / (time.perf_counter() - start)
            bar.set_postfix_str(f"loss {total / seen:.4f}, accuracy {correct / seen:.2%}, {rate:,.0f} samples/s", refresh=False)
    return total / seen, correct / seen


def save_checkpoint(path: Path, args: argparse.Namespace, epoch: int, model: Any, optimizer: Any, schedule: Any, history: Any) -> None:
    """Everything a later run needs to go on as if nothing had happened; written atomically."""
    state = {
        "epoch": epoch,
        "arguments": {name: getattr(args, name) for name in DECISIVE},
        "model": model.state_dict(),
        "optimizer": optimizer.state_dict(),
        "schedule": None if schedule is None else schedule.state_dict(),
        "generator": tl.get_rng_state(),
        "history": history,
    }
    tl.save(state, path)


def load_checkpoint(path: Path, args: argparse.Namespace, model: Any, optimizer: Any, schedule: Any) -> tuple[int, dict[str, list[float]]]:
    """Restore a run; the number of finished epochs and the history."""
    try:
        state = tl.load(path)
    except ValueError as error:  # damaged, or no file of ours
        raise SystemExit(str(error)) from None
    if not isinstance(state, dict) or not {"epoch", "arguments", "model", "optimizer", "schedule", "generator", "history"} <= state.keys():
        raise SystemExit(f"cannot resume from {path}: it is not a checkpoint of this program; --resume takes what a run left in its --out")
    before, now = state["arguments"] if isinstance(state["arguments"], dict) else {}, vars(args)
    # With a constant learning rate, a run of more epochs begins like a shorter one: it may be prolonged.
    fixed = [n for n in DECISIVE if n != "epochs" or args.schedule != "none"]
    differing = {n: (before.get(n), now[n]) for n in fixed if before.get(n) != now[n]}
    if differing:
        what = ", ".join(f"--{n.replace('_', '-')} was {a}, is {b}" for n, (a, b) in differing.items())
        raise SystemExit(f"cannot resume from {path}: the arguments differ ({what}); use the same ones, or start anew in another --out")
    epoch, history = state["epoch"], state["history"]
    try:
        if type(epoch) is not int or not 1 <= epoch <= args.epochs:
            raise ValueError(f"epoch must be a number from 1 to {args.epochs}: got {epoch!r:.60}")
        lists = [history.get(key) for key in HISTORY] if isinstance(history, dict) and len(history) == len(HISTORY) else []
        if not lists or not all(isinstance(h, list) and len(h) == epoch and all(type(v) is float for v in h) for h in lists):
            raise ValueError(f"history must have {epoch} numbers of each of {', '.join(HISTORY)}")
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        if schedule is not None:
            schedule.load_state_dict(state["schedule"])
        tl.set_rng_state(state["generator"])
    except (ValueError, TypeError, RuntimeError) as error:
        raise SystemExit(f"cannot resume from {path}: {error}") from None
    return epoch, history


def main(argv: list[str] | None = None) -> float:
    """Train, test, draw; returns the test accuracy. Ends the program with a short message if files are missing, damaged or unwritable."""
    args = parse(argv)
    try:
        return run(args)
    except OSError as error:
        raise SystemExit(str(error)) from None
    except KeyboardInterrupt:
        print("\ninterrupted: the same command with --resume goes on after the last whole epoch", file=sys.stderr)
        raise SystemExit(130) from None


def run(args: argparse.Namespace) -> float:
    """What `main` does, with its arguments read."""
    try:
        train, test = load_data(args)
    except ValueError as error:  # a file is damaged, or of another kind
        raise SystemExit(str(error)) from None
    rank, size = 0, 1
    if args.distributed:
        dist.init_process_group("mpi")
        rank, size = dist.get_rank(), dist.get_world_size()
        if args.batch_size % size:
            raise SystemExit(f"--batch-size {args.batch_size} must be a multiple of the {size} processes that share a batch")
    say: Any = print if rank == 0 else lambda *_: None
    tl.manual_seed(args.seed)
    x, y = train.arrays()
    order = np.random.default_rng(0).permutation(len(y))  # the held-out part is the same for every seed
    held_out = len(y) // 10
    if args.batch_size > len(y) - held_out:
        raise SystemExit(f"--batch-size {args.batch_size} is larger than the training set: {len(y) - held_out} images")
    examples = TensorDataset(x, y)
    subset = Subset(examples, order[held_out:])
    sampler = DistributedSampler(subset, seed=args.seed, drop_last=True) if args.distributed else None
    loader = DataLoader(subset, batch_size=args.batch_size // size, shuffle=sampler is None, sampler=sampler, drop_last=True)
    validation = DataLoader(Subset(examples, order[:held_out]), batch_size=512)
    model = trained = build_model(args.model, x.shape[-1], len(train.classes))
    if args.distributed:
        model = nn.SyncBatchNorm.convert_sync_batchnorm(model)
        trained = nn.parallel.DistributedDataParallel(model)
    optimizer = build_optimizer(args, model)
    schedule = build_schedule(args, optimizer, len(loader))
    args.out.mkdir(parents=True, exist_ok=True)
    checkpoint = args.out / "checkpoint.safetensors"
    done, history = 0, {key: [] for key in HISTORY}
    if args.resume is not None:
        path = checkpoint if args.resume is True else Path(args.resume)
        if path.exists():
            done, history = load_checkpoint(path, args, model, optimizer, schedule)
            say(f"going on after epoch {done} from {path}")
        elif args.resume is True:
            say(f"no checkpoint in {args.out} yet: starting anew")
        else:
            raise SystemExit(f"there is no checkpoint {path}")
    count = sum(p.numel() for p in model.parameters())
    sizes = f"{len(loader.dataset)} training, {held_out} validation, {len(test)} test images"
    say(f"{args.dataset}: {sizes}; {args.model}: {count:,} parameters" + f"; {size} processes" * args.distributed)
    for epoch in range(done, args.epochs):
        start = time.perf_counter()
        if sampler is not None:
            sampler.set_epoch(epoch)
            tl.manual_seed(args.seed + 1000 * (epoch + 1) + rank)  # each process drops out and shifts otherwise, the same when resumed
        loss, accuracy = train_epoch(args, epoch, trained, loader, optimizer, schedule)
        if size > 1:
            both = np.array([loss, accuracy])
            dist.all_reduce(both, dist.ReduceOp.AVG)
            loss, accuracy = both.tolist()
        seconds = time.perf_counter() - start
        p, t, validation_loss = evaluate(model, validation)
        entries = (loss, accuracy, validation_loss, float((p.argmax(1) == t).mean()), seconds)
        for key, value in zip(history, entries, strict=True):
            history[key].append(value)
        if rank == 0:
            save_checkpoint(checkpoint, args, epoch + 1, model, optimizer, schedule, history)
        say(
            f"epoch {epoch + 1:2d}/{args.epochs}  loss {loss:.4f}  accuracy {accuracy:7.2%}   "
            f"validation: loss {validation_loss:.4f}  accuracy {entries[3]:7.2%}   "
            f"{seconds:6.2f} s, {len(loader) * args.batch_size / seconds:,.0f} samples/s"
        )
    test_x, test_y = test.arrays()
    p, t, _ = evaluate(model, DataLoader(TensorDataset(test_x, test_y), batch_size=512))
    right = int((p.argmax(1) == t).sum())
    say(f"test accuracy: {100 * right / len(t):.2f} % ({right} of {len(t)})")
    if not args.no_plots and rank == 0:
        draw(args.out, history, test, p, t)
    return right / len(t)


def draw(out: Path, history: dict[str, list[float]], test: ImageDataset, p: np.ndarray, t: np.ndarray) -> None:
    """The pictures, if matplotlib is there."""
    sys.path.insert(0, str(Path(__file__).parent))
    try:
        import plots
    except ImportError as error:
        print(f'no pictures: {error}; install matplotlib with: pip install "tensorflowlite_clone[viz]"')
        return
    for path in (
        plots.training_curves(out / "curves.png", history),
        plots.confusion_matrix(out / "confusion.png", p.argmax(1), t, test.classes),
        plots.worst_mistakes(out / "mistakes.png", test.data, p, t, test.classes),
    ):
        print(f"drew {path}")


if __name__ == "__main__":
    main()
