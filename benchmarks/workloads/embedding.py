"""Training steps on words and graphs: tables, rows by number, sums by group."""

from __future__ import annotations

from typing import Any

from . import workload
from .common import fill, integers, normal, training


@workload(3, 3, 1e-3)
def skip_gram(torch: Any) -> Any:
    """Skip-gram with 5 drawn words (T. Mikolov et al. 2013): 10,000 words, 64 features, 512 pairs, Adagrad."""
    nn = torch.nn
    centre, around = fill(torch, nn.Embedding(10_000, 64)), fill(torch, nn.Embedding(10_000, 64))
    words, true, false = integers(torch, 10_000, 512), integers(torch, 10_000, 512, seed=3), integers(torch, 10_000, 512, 5, seed=4)

    def loss() -> Any:
        v = centre(words)
        near = (v * around(true)).sum(-1)
        far = (around(false) @ v[:, :, None])[..., 0]
        return -(nn.functional.logsigmoid(near).mean() + nn.functional.logsigmoid(-far).sum(-1).mean())

    return training(torch, [*centre.parameters(), *around.parameters()], loss, "Adagrad", lr=1e-2)


@workload(3, 3, 1e-3)
def embedding_bag(torch: Any) -> Any:
    """A text classifier: the mean of 32 words' features, 20,000 words of 64, 128 texts, SGD."""
    nn = torch.nn
    bag, head = fill(torch, nn.EmbeddingBag(20_000, 64, mode="mean")), fill(torch, nn.Linear(64, 4))
    words, y = integers(torch, 20_000, 128, 32), integers(torch, 4, 128, seed=3)
    parameters = [*bag.parameters(), *head.parameters()]
    return training(torch, parameters, lambda: nn.functional.cross_entropy(head(bag(words)), y), "SGD", lr=1e-1)


@workload(3, 3, 1e-3)
def matrix_factorisation(torch: Any) -> Any:
    """Ratings as products of 32 features of 2,000 users and 3,000 films, 4,096 ratings, Adam."""
    users, films = normal(torch, 2000, 32, scale=0.1).requires_grad_(), normal(torch, 3000, 32, seed=2, scale=0.1).requires_grad_()
    u, f, y = integers(torch, 2000, 4096), integers(torch, 3000, 4096, seed=3), normal(torch, 4096, seed=4)
    return training(torch, [users, films], lambda: ((users[u] * films[f]).sum(1) - y).square().mean())


@workload(2, 3, 1e-3)
def message_passing(torch: Any) -> Any:
    """Two rounds of messages along 8,000 edges of a graph of 1,000 nodes with 32 features, added up by index_add; Adam."""
    nn = torch.nn
    a, b = fill(torch, nn.Linear(32, 32)), fill(torch, nn.Linear(32, 32))
    x, source, target = normal(torch, 1000, 32), integers(torch, 1000, 8000), integers(torch, 1000, 8000, seed=3)

    def loss() -> Any:
        h = x
        for layer in (a, b):
            h = torch.relu(torch.zeros(1000, 32).index_add(0, target, layer(h)[source]))
        return h.square().mean()

    return training(torch, [*a.parameters(), *b.parameters()], loss)


@workload(2, 3, 1e-3)
def sparse_graph(torch: Any) -> Any:
    """A graph convolution of two layers (T. Kipf, M. Welling 2017) with a sparse matrix of 10,000 edges, 1,000 nodes; Adam."""
    nn = torch.nn
    a, b = fill(torch, nn.Linear(64, 32)), fill(torch, nn.Linear(32, 7))
    edges = torch.stack((integers(torch, 1000, 10_000), integers(torch, 1000, 10_000, seed=3)))
    matrix = torch.sparse_coo_tensor(edges, torch.full((10_000,), 0.1), (1000, 1000)).coalesce()
    x, y = normal(torch, 1000, 64), integers(torch, 7, 1000)

    def loss() -> Any:
        h = torch.relu(torch.sparse.mm(matrix, a(x)))
        return nn.functional.cross_entropy(torch.sparse.mm(matrix, b(h)), y)

    return training(torch, [*a.parameters(), *b.parameters()], loss)


@workload(3, 3, 1e-3)
def language_bigram(torch: Any) -> Any:
    """A table of 10,000 words that scores the next one of 10,000: cross-entropy of 64 rows, SGD."""
    nn = torch.nn
    words, scores = fill(torch, nn.Embedding(10_000, 32)), fill(torch, nn.Linear(32, 10_000))
    x, y = integers(torch, 10_000, 64), integers(torch, 10_000, 64, seed=3)
    parameters = [*words.parameters(), *scores.parameters()]
    return training(torch, parameters, lambda: nn.functional.cross_entropy(scores(words(x)), y), "SGD", lr=1e-1)
