"""A graph convolutional network that finds two groups of friends: pure PyTorch, run on either library. Prints one loss a line.

Kipf and Welling 2017, "Semi-Supervised Classification with Graph Convolutional Networks", equation 2.
"""

import argparse
import math

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.nn.modules.module import Module
from torch.nn.parameter import Parameter


class GraphConvolution(Module):
    def __init__(self, in_features, out_features, bias=True):
        super().__init__()
        self.in_features, self.out_features = in_features, out_features
        self.weight = Parameter(torch.empty(in_features, out_features))
        if bias:
            self.bias = Parameter(torch.empty(out_features))
        else:
            self.register_parameter("bias", None)
        self.reset_parameters()

    def reset_parameters(self):
        stdv = 1.0 / math.sqrt(self.weight.size(1))
        self.weight.data.uniform_(-stdv, stdv)
        if self.bias is not None:
            self.bias.data.uniform_(-stdv, stdv)

    def forward(self, input, adj):
        support = torch.mm(input, self.weight)
        output = torch.sparse.mm(adj, support) if adj.is_sparse else adj @ support
        return output if self.bias is None else output + self.bias

    def extra_repr(self):
        return f"{self.in_features} -> {self.out_features}"


class GCN(nn.Module):
    def __init__(self, nfeat, nhid, nclass):
        super().__init__()
        self.gc1, self.gc2 = GraphConvolution(nfeat, nhid), GraphConvolution(nhid, nclass)

    def forward(self, x, adj):
        return F.log_softmax(self.gc2(F.elu(self.gc1(x, adj)), adj), dim=1)


def graph(rng, n=40):
    """Two groups; most edges stay inside of one."""
    groups = np.arange(n) % 2
    same = groups[:, None] == groups
    edges = np.triu(rng.random((n, n)) < np.where(same, 0.3, 0.03), 1)
    adjacency = edges + edges.T + np.eye(n)
    scale = 1 / np.sqrt(adjacency.sum(1))
    return scale[:, None] * adjacency * scale, groups, rng.standard_normal((n, 6)) + 0.3 * groups[:, None]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--weights")
    parser.add_argument("--epochs", type=int, default=30)
    args = parser.parse_args()
    torch.set_default_dtype(torch.float64)
    adjacency, groups, features = graph(np.random.default_rng(4))
    adj = torch.from_numpy(adjacency).to_sparse()
    x, y = torch.as_tensor(features), torch.LongTensor(groups)
    train, test = torch.arange(0, 10), torch.arange(10, 40)
    model = GCN(6, 8, 2)
    if args.weights:
        start = np.load(args.weights)
        model.load_state_dict({name: torch.from_numpy(start[name]) for name in model.state_dict()})
    optimizer = torch.optim.Adam(model.parameters(), lr=0.02, weight_decay=5e-4)
    for _ in range(args.epochs):
        model.train()
        optimizer.zero_grad()
        loss = F.nll_loss(model(x, adj)[train], y[train])
        loss.backward()
        optimizer.step()
        print(repr(loss.item()))
    model.eval()
    predicted = model(x, adj).max(1)[1].type_as(y)
    print(predicted[test].eq(y[test]).double().mean().item())


if __name__ == "__main__":
    main()
