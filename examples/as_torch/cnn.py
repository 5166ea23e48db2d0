"""A convolutional network that tells made-up pictures apart: pure PyTorch, run on either library. Prints one loss a line."""

import argparse

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.optim.lr_scheduler import StepLR
from torch.utils.data import DataLoader, TensorDataset


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 4, 3, padding=1)
        self.norm1 = nn.BatchNorm2d(4)
        self.conv2 = nn.Conv2d(4, 8, kernel_size=3, stride=2)
        self.pool = nn.MaxPool2d(2)
        self.fc = nn.Linear(8 * 2 * 2, 4)

    def forward(self, x):
        x = F.relu(self.norm1(self.conv1(x)))
        x = self.pool(F.gelu(self.conv2(x)))
        return self.fc(torch.flatten(x, 1))


def pictures(rng, count):
    """Stripes in four directions, with noise."""
    i, j = np.indices((12, 12))
    patterns = np.stack([i % 4 < 2, j % 4 < 2, (i + j) % 4 < 2, (i - j) % 4 < 2]).astype(float)
    labels = rng.integers(0, 4, count)
    return patterns[labels][:, None] + 0.5 * rng.standard_normal((count, 1, 12, 12)), labels


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--weights", help="a .npz file of initial weights: read if it is there")
    parser.add_argument("--epochs", type=int, default=3)
    args = parser.parse_args()
    torch.set_default_dtype(torch.float64)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    model = Net().to(device)
    if args.weights:
        start = np.load(args.weights)
        model.load_state_dict({name: torch.from_numpy(start[name]) for name in model.state_dict()})
    x, y = pictures(np.random.default_rng(0), 128)
    loader = DataLoader(TensorDataset(torch.tensor(x), torch.tensor(y)), batch_size=16, shuffle=False)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9, weight_decay=1e-4, nesterov=True)
    scheduler = StepLR(optimizer, step_size=1, gamma=0.7)
    for _ in range(args.epochs):
        model.train()
        for data, target in loader:
            data, target = data.to(device), target.to(device)
            optimizer.zero_grad()
            loss = F.cross_entropy(model(data), target, label_smoothing=0.1)
            loss.backward()
            optimizer.step()
            print(repr(loss.item()))
        scheduler.step()
        model.eval()
        with torch.no_grad():
            correct = (model(torch.tensor(x)).argmax(dim=1) == torch.tensor(y)).sum().item()
        print(correct / len(y))


if __name__ == "__main__":
    main()
