"""Training steps of convolutional networks, and one without gradients."""

from __future__ import annotations

from typing import Any

from . import workload
from .common import classifier, fill, integers, normal, training


def network(torch: Any) -> Any:
    """The CNN of `cnn_step`."""
    nn = torch.nn
    return nn.Sequential(
        nn.Conv2d(1, 32, 3), nn.ReLU(), nn.Conv2d(32, 64, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
        nn.Linear(9216, 128), nn.ReLU(), nn.Linear(128, 10),
    )  # fmt: skip


@workload(2, 2, 5e-2)
def cnn_step(torch: Any) -> Any:
    """One training step of a small CNN on 64 images 1x28x28: two convolutions, max pooling, two linear layers, Adam."""
    return classifier(torch, network(torch), normal(torch, 64, 1, 28, 28), integers(torch, 10, 64))


@workload(3, 3, 1e-2)
def lenet_step(torch: Any) -> Any:
    """LeNet-5 (Y. LeCun et al. 1998) on 64 images 1x28x28, with SGD."""
    nn = torch.nn
    model = nn.Sequential(
        nn.Conv2d(1, 6, 5, padding=2), nn.Tanh(), nn.AvgPool2d(2), nn.Conv2d(6, 16, 5), nn.Tanh(), nn.AvgPool2d(2), nn.Flatten(),
        nn.Linear(400, 120), nn.Tanh(), nn.Linear(120, 84), nn.Tanh(), nn.Linear(84, 10),
    )  # fmt: skip
    return classifier(torch, model, normal(torch, 64, 1, 28, 28), integers(torch, 10, 64), "SGD", lr=1e-2)


@workload(1, 2, 1e-2)
def resnet_step(torch: Any) -> Any:
    """Two residual blocks with batch norm (K. He et al. 2016) on 16 images of 16 channels, 32x32, with SGD."""
    nn = torch.nn

    class Block(nn.Module):  # type: ignore[name-defined,misc]
        def __init__(self) -> None:
            super().__init__()
            self.a, self.b = nn.Conv2d(16, 16, 3, padding=1, bias=False), nn.Conv2d(16, 16, 3, padding=1, bias=False)
            self.n, self.m = nn.BatchNorm2d(16), nn.BatchNorm2d(16)

        def forward(self, x: Any) -> Any:
            return torch.relu(x + self.m(self.b(torch.relu(self.n(self.a(x))))))

    model = nn.Sequential(Block(), Block(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(16, 10))
    return classifier(torch, model, normal(torch, 16, 16, 32, 32), integers(torch, 10, 16), "SGD", lr=1e-2)


@workload(1, 2, 1e-2)
def mobilenet_step(torch: Any) -> Any:
    """Depthwise and pointwise convolutions with batch norm (A. Howard et al. 2017) on 16 images of 32 channels, 16x16, with SGD."""
    nn = torch.nn
    model = nn.Sequential(
        nn.Conv2d(32, 64, 1), nn.BatchNorm2d(64), nn.ReLU6(), nn.Conv2d(64, 64, 3, padding=1, groups=64), nn.BatchNorm2d(64), nn.ReLU6(),
        nn.Conv2d(64, 32, 1), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(32, 10),
    )  # fmt: skip
    return classifier(torch, model, normal(torch, 16, 32, 16, 16), integers(torch, 10, 16), "SGD", lr=1e-2)


@workload(1, 2, 1e-2)
def unet_step(torch: Any) -> Any:
    """A U-Net of two levels (O. Ronneberger et al. 2015) on 4 images 1x64x64: strided and transposed convolutions, Adam."""
    nn = torch.nn

    class Net(nn.Module):  # type: ignore[name-defined,misc]
        def __init__(self) -> None:
            super().__init__()
            self.first, self.down = nn.Conv2d(1, 16, 3, padding=1), nn.Conv2d(16, 32, 3, stride=2, padding=1)
            self.middle, self.up = nn.Conv2d(32, 32, 3, padding=1), nn.ConvTranspose2d(32, 16, 2, stride=2)
            self.last = nn.Conv2d(32, 1, 3, padding=1)

        def forward(self, x: Any) -> Any:
            a = torch.relu(self.first(x))
            b = torch.relu(self.middle(torch.relu(self.down(a))))
            return self.last(torch.cat((a, torch.relu(self.up(b))), 1))

    model, x, y = fill(torch, Net()), normal(torch, 4, 1, 64, 64), normal(torch, 4, 1, 64, 64, seed=2)
    return training(torch, model.parameters(), lambda: nn.functional.mse_loss(model(x), y))


@workload(2, 2, 1e-2)
def audio_step(torch: Any) -> Any:
    """Three strided one-dimensional convolutions on 16 sounds of 4,000 samples, with Adam."""
    nn = torch.nn
    model = nn.Sequential(
        nn.Conv1d(1, 16, 16, stride=4), nn.ReLU(), nn.Conv1d(16, 32, 8, stride=4), nn.ReLU(), nn.Conv1d(32, 32, 8, stride=4), nn.ReLU(),
        nn.AdaptiveAvgPool1d(1), nn.Flatten(), nn.Linear(32, 10),
    )  # fmt: skip
    return classifier(torch, model, normal(torch, 16, 1, 4000), integers(torch, 10, 16))


@workload(1, 1, 2e-2)
def dcgan_step(torch: Any) -> Any:
    """The generator's and the discriminator's step of a small DCGAN (A. Radford et al. 2016) on 32 images 1x28x28, with Adam."""
    nn = torch.nn
    maker = nn.Sequential(
        nn.ConvTranspose2d(32, 32, 7), nn.BatchNorm2d(32), nn.ReLU(), nn.ConvTranspose2d(32, 16, 4, 2, 1), nn.BatchNorm2d(16), nn.ReLU(),
        nn.ConvTranspose2d(16, 1, 4, 2, 1), nn.Tanh(),
    )  # fmt: skip
    judge = nn.Sequential(
        nn.Conv2d(1, 16, 4, 2, 1), nn.LeakyReLU(0.2), nn.Conv2d(16, 32, 4, 2, 1), nn.LeakyReLU(0.2), nn.Flatten(), nn.Linear(1568, 1)
    )
    fill(torch, maker), fill(torch, judge)
    real, noise = normal(torch, 32, 1, 28, 28), normal(torch, 32, 32, 1, 1, seed=2)
    ones, zeros = torch.ones(32, 1), torch.zeros(32, 1)
    loss = nn.functional.binary_cross_entropy_with_logits
    judging = training(torch, judge.parameters(), lambda: loss(judge(real), ones) + loss(judge(maker(noise).detach()), zeros), lr=2e-4)
    making = training(torch, maker.parameters(), lambda: loss(judge(maker(noise)), ones), lr=2e-4)
    return lambda: judging() + making()


@workload(2, 2, 1e-2)
def groupnorm_block(torch: Any) -> Any:
    """Convolution, group norm and SiLU, twice, as in diffusion models, on 8 images of 32 channels, 16x16, with Adam."""
    nn = torch.nn
    model = nn.Sequential(
        nn.Conv2d(32, 32, 3, padding=1), nn.GroupNorm(8, 32), nn.SiLU(), nn.Conv2d(32, 32, 3, padding=1), nn.GroupNorm(8, 32), nn.SiLU()
    )
    fill(torch, model)
    x = normal(torch, 8, 32, 16, 16)
    return training(torch, model.parameters(), lambda: model(x).square().mean())


@workload(3)
def conv_inference_32(torch: Any) -> Any:
    """The CNN of `cnn_step` without gradients, on 32 images."""
    model, x = fill(torch, network(torch)), normal(torch, 32, 1, 28, 28)

    def step() -> float:
        with torch.no_grad():
            return float(model(x).sum())

    return step
