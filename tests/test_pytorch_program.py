"""A PyTorch program for the CPU, unchanged but for its import lines: it runs, and computes what PyTorch computes."""

from __future__ import annotations

import numpy as np
import pytest

import tensorflowlite_clone

PROGRAM = """
device = torch.device("cuda" if torch.cuda.is_available() else "cpu")

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 4, kernel_size=3, padding=1)
        self.norm = nn.BatchNorm2d(4)
        self.drop = nn.Dropout(0.0)
        self.fc = nn.Linear(4 * 4 * 4, 10)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.norm(self.conv(x))), 2)
        return F.log_softmax(self.fc(self.drop(torch.flatten(x, 1))), dim=1)

model = Net().to(device)
with torch.no_grad():
    for i, (name, p) in enumerate(model.named_parameters()):
        p.copy_(torch.from_numpy(np.random.default_rng(i).normal(0, 0.2, tuple(p.shape)).astype("float32")))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9, weight_decay=1e-4)
scheduler = torch.optim.lr_scheduler.StepLR(optimizer, step_size=6, gamma=0.5)
rng = np.random.default_rng(0)
data = torch.utils.data.TensorDataset(torch.tensor(rng.normal(size=(48, 1, 8, 8)).astype("float32")), torch.tensor(rng.integers(0, 10, 48)))
loader = torch.utils.data.DataLoader(data, batch_size=16, shuffle=False)
losses = []
for epoch in range(12):
    model.train()
    for x, y in loader:
        x, y = x.to(device), y.to(device)
        optimizer.zero_grad()
        loss = F.nll_loss(model(x), y)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        losses.append(loss.item())
    scheduler.step()
model.eval()
with torch.no_grad():
    correct = sum((model(x).argmax(dim=1) == y).sum().item() for x, y in loader)
result = losses, correct, {k: v.numpy().copy() for k, v in model.state_dict().items()}, scheduler.get_last_lr()
"""


def run(torch):
    scope = {"torch": torch, "nn": torch.nn, "F": torch.nn.functional, "np": np}
    exec(compile(PROGRAM, "program.py", "exec"), scope)
    return scope["result"]


def test_the_program_learns():
    losses, correct, _, rates = run(tensorflowlite_clone)
    assert losses[-1] < 0.5 * losses[0]
    assert correct > 20
    assert rates == [0.025]


def test_the_program_computes_what_torch_computes():
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    ours, theirs = run(tensorflowlite_clone), run(torch)
    np.testing.assert_allclose(ours[0], theirs[0], rtol=2e-3)
    assert ours[1] == theirs[1]
    assert ours[2].keys() == theirs[2].keys()
    for name, value in ours[2].items():
        np.testing.assert_allclose(value, theirs[2][name], rtol=2e-3, atol=2e-4, err_msg=name)
        assert value.dtype == theirs[2][name].dtype
