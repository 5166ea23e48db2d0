"""A variational autoencoder of made-up pictures: pure PyTorch, run on either library, with NumPy's noise. Prints one loss a line.

Kingma and Welling 2013, "Auto-Encoding Variational Bayes", equation 10.
"""

import argparse

import numpy as np
import torch
import torch.utils.data
from torch import nn, optim
from torch.nn import functional as F


class VAE(nn.Module):
    def __init__(self, size=64, hidden=32, latent=3):
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(size, hidden), nn.SiLU())
        self.mean, self.log_variance = nn.Linear(hidden, latent), nn.Linear(hidden, latent)
        self.decoder = nn.Sequential(nn.Linear(latent, hidden), nn.SiLU(), nn.Linear(hidden, size))

    def reparameterize(self, mu, logvar, rng):
        std = torch.exp(0.5 * logvar)
        return mu + torch.as_tensor(rng.standard_normal(tuple(std.shape))).to(std) * std

    def forward(self, x, rng):
        h = self.encoder(x.view(-1, 64))
        mu, logvar = self.mean(h), self.log_variance(h)
        return self.decoder(self.reparameterize(mu, logvar, rng)), mu, logvar


def loss_function(logits, x, mu, logvar):
    bce = F.binary_cross_entropy_with_logits(logits, x.view(-1, 64), reduction="sum")
    kld = -0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp())
    return bce + kld


class Blobs(torch.utils.data.Dataset):
    def __init__(self, rng, count):
        i, j = np.indices((8, 8))
        centres = rng.uniform(1, 6, (count, 2, 1, 1))
        self.pictures = np.exp(-((i - centres[:, 0]) ** 2 + (j - centres[:, 1]) ** 2) / 4)

    def __len__(self):
        return len(self.pictures)

    def __getitem__(self, index):
        return self.pictures[index], index


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--weights")
    parser.add_argument("--epochs", type=int, default=4)
    args = parser.parse_args()
    rng = np.random.default_rng(1)
    torch.set_default_dtype(torch.double)
    model = VAE()
    if args.weights:
        start = np.load(args.weights)
        model.load_state_dict({name: torch.from_numpy(start[name]) for name in model.state_dict()})
    loader = torch.utils.data.DataLoader(Blobs(rng, 96), batch_size=24)
    optimizer = optim.Adam(model.parameters(), lr=3e-3)
    for _ in range(args.epochs):
        for data, _ in loader:
            optimizer.zero_grad()
            recon, mu, logvar = model(data, rng)
            loss = loss_function(recon, data, mu, logvar) / len(data)
            loss.backward()
            optimizer.step()
            print(repr(loss.item()))


if __name__ == "__main__":
    main()
