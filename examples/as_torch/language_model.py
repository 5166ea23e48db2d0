"""An LSTM that learns the letters of a text, by truncated backpropagation: pure PyTorch, run on either library. Prints one loss a line."""

import argparse

import numpy as np
import torch
from torch import nn
from torch.nn.utils import clip_grad_norm_

TEXT = "the quick brown fox jumps over the lazy dog and the dog sleeps on while the fox runs home to its den in the wood " * 6


class RNNModel(nn.Module):
    def __init__(self, letters, width=16, layers=2):
        super().__init__()
        self.encoder = nn.Embedding(letters, width)
        self.rnn = nn.LSTM(width, width, layers)
        self.decoder = nn.Linear(width, letters)
        self.layers, self.width = layers, width
        self.init_weights()

    def init_weights(self):
        nn.init.uniform_(self.encoder.weight, -0.1, 0.1)
        nn.init.zeros_(self.decoder.bias)
        nn.init.uniform_(self.decoder.weight, -0.1, 0.1)

    def init_hidden(self, batch):
        weight = next(self.parameters())
        return weight.new_zeros(self.layers, batch, self.width), weight.new_zeros(self.layers, batch, self.width)

    def forward(self, x, hidden):
        output, hidden = self.rnn(self.encoder(x), hidden)
        return self.decoder(output).view(-1, self.decoder.out_features), hidden


def batchify(data, batch):
    steps = data.size(0) // batch
    return data.narrow(0, 0, steps * batch).view(batch, -1).t().contiguous()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--weights")
    parser.add_argument("--epochs", type=int, default=2)
    args = parser.parse_args()
    torch.set_default_dtype(torch.float64)
    letters = sorted(set(TEXT))
    data = batchify(torch.tensor([letters.index(c) for c in TEXT], dtype=torch.long), 8)
    model = RNNModel(len(letters))
    if args.weights:
        start = np.load(args.weights)
        model.load_state_dict({name: torch.from_numpy(start[name]) for name in model.state_dict()})
    criterion = nn.CrossEntropyLoss()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    bptt = 10
    for _ in range(args.epochs):
        hidden = model.init_hidden(8)
        for i in range(0, data.size(0) - 1, bptt):
            length = min(bptt, len(data) - 1 - i)
            x, y = data[i : i + length], data[i + 1 : i + 1 + length].view(-1)
            hidden = tuple(h.detach() for h in hidden)
            optimizer.zero_grad(set_to_none=True)
            output, hidden = model(x, hidden)
            loss = criterion(output, y)
            loss.backward()
            clip_grad_norm_(model.parameters(), 0.25)
            optimizer.step()
            print(repr(loss.item()))


if __name__ == "__main__":
    main()
