"""Random numbers: streams and their states, distributions (by their moments, with seeds), vmap, threads, dropout."""

from __future__ import annotations

import copy
import pickle
import threading
import warnings

import numpy as np
import pytest

import tensorflowlite_clone as tl
from tensorflowlite_clone.func import grad, jvp, vmap
from tensorflowlite_clone.nn import functional as F

N = 20_000

DRAWS = {
    "rand": lambda g: tl.rand(3, 2, generator=g),
    "randn": lambda g: tl.randn(3, generator=g),
    "randint": lambda g: tl.randint(0, 1000, (5,), generator=g),
    "randperm": lambda g: tl.randperm(10, generator=g),
    "rand_like": lambda g: tl.rand_like(tl.zeros(4), generator=g),
    "randn_like": lambda g: tl.randn_like(tl.zeros(4), generator=g),
    "randint_like": lambda g: tl.randint_like(tl.zeros(4), 1000, generator=g),
    "normal": lambda g: tl.normal(tl.zeros(4), 2.0, generator=g),
    "bernoulli": lambda g: tl.bernoulli(tl.full((50,), 0.5), generator=g),
    "poisson": lambda g: tl.poisson(tl.full((20,), 30.0), generator=g),
    "binomial": lambda g: tl.binomial(tl.full((20,), 100.0), tl.tensor(0.5), generator=g),
    "multinomial": lambda g: tl.multinomial(tl.ones(1000), 5, generator=g),
    "multinomial again": lambda g: tl.multinomial(tl.ones(1000), 5, replacement=True, generator=g),
    "normal_": lambda g: tl.empty(4).normal_(generator=g),
    "log_normal_": lambda g: tl.empty(4).log_normal_(generator=g),
    "uniform_": lambda g: tl.empty(4).uniform_(generator=g),
    "bernoulli_": lambda g: tl.empty(50).bernoulli_(generator=g),
    "random_": lambda g: tl.empty(4).random_(generator=g),
    "exponential_": lambda g: tl.empty(4).exponential_(generator=g),
    "geometric_": lambda g: tl.empty(20).geometric_(0.05, generator=g),
    "cauchy_": lambda g: tl.empty(4).cauchy_(generator=g),
}


# ---- streams --------------------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", DRAWS)
def test_the_seed_decides_and_draws_move_on(name):
    draw = DRAWS[name]
    a, b = tl.Generator().manual_seed(3), tl.Generator().manual_seed(3)
    first = draw(a)
    assert tl.equal(first, draw(b))
    assert not tl.equal(first, draw(a))
    assert not tl.equal(first, draw(tl.Generator().manual_seed(4)))
    tl.manual_seed(3)
    assert tl.equal(first, draw(None))


def test_numbers_are_the_same_on_every_platform():
    """SFC64 seeded with 0, drawn once: the bits that every machine must give."""
    g = tl.Generator().manual_seed(0)
    assert tl.randint(0, 1 << 40, (3,), generator=g).tolist() == np.random.Generator(np.random.SFC64(0)).integers(0, 1 << 40, 3).tolist()
    g.manual_seed(0)
    assert tl.rand(2, dtype=tl.float64, generator=g).tolist() == [FIRST_UNIFORM, SECOND_UNIFORM]


FIRST_UNIFORM, SECOND_UNIFORM = 0.5686892493917326, 0.23483041728695253


def test_states_can_be_saved_and_set():
    g = tl.Generator().manual_seed(5)
    tl.rand(3, generator=g)
    tl.randint(0, 7, (1,), dtype=tl.int32, generator=g)
    g.numpy_generator.integers(0, 7, dtype=np.uint32)  # leaves half a word over
    state = g.get_state()
    assert state.dtype == np.uint8
    a = tl.randn(4, generator=g)
    other = tl.Generator().set_state(state)
    assert tl.equal(a, tl.randn(4, generator=other))
    assert other.initial_seed() == 5
    assert tl.equal(a, tl.randn(4, generator=g.set_state(state.numpy().copy())))


def test_the_default_generator_s_state():
    tl.manual_seed(11)
    assert tl.initial_seed() == 11
    state = tl.get_rng_state()
    a = tl.rand(3)
    tl.set_rng_state(state)
    assert tl.equal(a, tl.rand(3))
    first, second = tl.seed(), tl.seed()
    assert first != second
    assert tl.initial_seed() == second


def test_wrong_states_are_refused():
    g = tl.Generator()
    for bad in (np.zeros(7, np.uint8), np.zeros(56), np.full(56, 255, np.uint8), tl.zeros(56)):
        with pytest.raises(ValueError, match="set_state: not a generator's state"):
            g.set_state(bad)


def test_generators_are_copied_and_pickled_with_their_state():
    g = tl.Generator().manual_seed(8)
    tl.rand(3, generator=g)
    twins = (copy.deepcopy(g), pickle.loads(pickle.dumps(g)))
    expected = tl.rand(3, generator=g)
    for twin in twins:
        assert twin.initial_seed() == 8
        assert tl.equal(tl.rand(3, generator=twin), expected)


def test_the_numpy_generator_stays_the_same_object():
    g = tl.Generator().manual_seed(1)
    inner = g.numpy_generator
    a = inner.random()
    g.manual_seed(1)
    assert g.numpy_generator is inner
    assert inner.random() == a


def test_a_stream_that_is_due_begins_when_it_is_drawn_from():
    """A loader begins one for each batch: it is what a new generator of that seed draws, whatever comes first."""
    right = tl.Generator().manual_seed(11).numpy_generator.random(3)
    fresh, used, left = tl.Generator(), tl.Generator().manual_seed(5), tl.Generator().manual_seed(5)
    inner = used.numpy_generator
    inner.random(4)
    for g in (fresh, used, left):
        g._restart(11)
    assert fresh.initial_seed() == 0 and used.initial_seed() == 5
    assert used.clone_state().numpy_generator.random(3).tolist() == right.tolist()
    assert used.numpy_generator is inner
    for g in (fresh, used):
        assert g.numpy_generator.random(3).tolist() == right.tolist()
    assert left.manual_seed(5).numpy_generator.random() == tl.Generator().manual_seed(5).numpy_generator.random()
    left._restart(11)
    left.set_state(tl.Generator().manual_seed(5).get_state())
    assert left.numpy_generator.random() == tl.Generator().manual_seed(5).numpy_generator.random()


def test_negative_and_large_seeds_are_seeds_and_others_are_not():
    for seed in (-1, 2**64 - 1, 2**70, np.int64(3)):
        assert tl.Generator().manual_seed(seed).initial_seed() == seed
    with pytest.raises(TypeError):
        tl.manual_seed(1.5)
    with pytest.raises(TypeError, match=r"generator: must be a tl.Generator: got Generator"):
        tl.rand(2, generator=np.random.default_rng(0))


def test_threads_may_share_the_default_generator():
    tl.manual_seed(0)
    drawn: list = []

    def work():
        drawn.extend(tl.rand(100, dtype=tl.float64).numpy() for _ in range(50))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    values = np.concatenate(drawn)
    assert len(np.unique(values)) == len(values) == 20_000  # every number went to one thread
    tl.manual_seed(0)
    assert set(values) == set(tl.rand(20_000, dtype=tl.float64).numpy())


# ---- distributions --------------------------------------------------------------------------------------------------------------------
MOMENTS = {  # draw, mean, standard deviation
    "rand": (lambda g: tl.rand(N, generator=g), 0.5, 1 / np.sqrt(12)),
    "rand float16": (lambda g: tl.rand(N, generator=g, dtype=tl.float16), 0.5, 1 / np.sqrt(12)),
    "randn": (lambda g: tl.randn(N, generator=g), 0.0, 1.0),
    "randn float64": (lambda g: tl.randn(N, generator=g, dtype=tl.float64), 0.0, 1.0),
    "randn float16": (lambda g: tl.randn(N, generator=g, dtype=tl.float16), 0.0, 1.0),
    "randint": (lambda g: tl.randint(-2, 3, (N,), generator=g), 0.0, np.sqrt(2.0)),
    "randint_like": (lambda g: tl.randint_like(tl.zeros(N), 5, generator=g), 2.0, np.sqrt(2.0)),
    "normal": (lambda g: tl.normal(3.0, 0.5, (N,), generator=g), 3.0, 0.5),
    "normal of tensors": (lambda g: tl.normal(tl.full((N, 1), 3.0), tl.full((2,), 0.5), generator=g), 3.0, 0.5),
    "bernoulli": (lambda g: tl.bernoulli(tl.full((N,), 0.3), generator=g), 0.3, np.sqrt(0.21)),
    "bernoulli p": (lambda g: tl.zeros(N).bernoulli(0.3, generator=g), 0.3, np.sqrt(0.21)),
    "poisson": (lambda g: tl.poisson(tl.full((N,), 4.0), generator=g), 4.0, 2.0),
    "binomial": (lambda g: tl.binomial(tl.full((N,), 10.0), tl.full((N,), 0.4), generator=g), 4.0, np.sqrt(2.4)),
    "normal_": (lambda g: tl.empty(N).normal_(1.0, 3.0, generator=g), 1.0, 3.0),
    "log_normal_": (lambda g: tl.empty(N).log_normal_(0.0, 0.25, generator=g).log(), 0.0, 0.25),
    "uniform_": (lambda g: tl.empty(N).uniform_(-1.0, 3.0, generator=g), 1.0, 4 / np.sqrt(12)),
    "bernoulli_": (lambda g: tl.empty(N).bernoulli_(0.3, generator=g), 0.3, np.sqrt(0.21)),
    "bernoulli_ of probabilities": (lambda g: tl.empty(N, 2).bernoulli_(tl.tensor([0.0, 1.0]), generator=g), 0.5, 0.5),
    "random_": (lambda g: tl.empty(N, dtype=tl.int64).random_(10, generator=g), 4.5, np.sqrt(99 / 12)),
    "random_ from": (lambda g: tl.empty(N).random_(5, 15, generator=g), 9.5, np.sqrt(99 / 12)),
    "random_ bool": (lambda g: tl.empty(N, dtype=tl.bool).random_(generator=g).float(), 0.5, 0.5),
    "random_ float32": (lambda g: tl.empty(N).random_(generator=g) / 2.0**24, 0.5, 1 / np.sqrt(12)),
    "random_ int8": (lambda g: tl.empty(N, dtype=tl.int8).random_(generator=g), 63.5, 128 / np.sqrt(12)),
    "random_ int64": (lambda g: tl.empty(N, dtype=tl.int64).random_(generator=g) / 2.0**63, 0.5, 1 / np.sqrt(12)),
    "exponential_": (lambda g: tl.empty(N).exponential_(4.0, generator=g), 0.25, 0.25),
    "geometric_": (lambda g: tl.empty(N).geometric_(0.25, generator=g), 4.0, np.sqrt(12.0)),
    "multinomial": (lambda g: tl.multinomial(tl.tensor([1.0, 0.0, 3.0]), N, True, generator=g), 1.5, np.sqrt(0.75)),
    "dropout": (lambda g: F.dropout(tl.ones(N), 0.2), 1.0, 0.5),
    "alpha_dropout": (lambda g: F.alpha_dropout(tl.randn(N, generator=g), 0.3, True), 0.0, 1.0),
}


@pytest.mark.parametrize("name", MOMENTS)
def test_moments(name):
    draw, mean, deviation = MOMENTS[name]
    tl.manual_seed(0)
    values = draw(tl.Generator().manual_seed(1)).numpy().astype(np.float64)
    error = deviation / np.sqrt(values.size)
    assert abs(values.mean() - mean) < 5 * error + 1e-3
    assert abs(values.std() - deviation) < 0.05 * deviation


def test_cauchy_numbers_lie_within_sigma_half_of_the_time():
    x = tl.empty(N).cauchy_(2.0, 3.0, generator=tl.Generator().manual_seed(0))
    assert abs((x - 2.0).abs().lt(3.0).float().mean().item() - 0.5) < 0.02


def test_ranges():
    g = tl.Generator().manual_seed(0)
    for dtype in (tl.float16, tl.float32, tl.float64):
        x = tl.rand(N, dtype=dtype, generator=g)
        assert x.dtype == dtype
        assert x.min().item() >= 0.0
        assert x.max().item() < 1.0
    x = tl.empty(N, dtype=tl.float16).uniform_(1.0, 2.0, generator=g)  # rounding must not give 2
    assert x.max().item() < 2.0
    assert tl.empty(3).uniform_(2.0, 2.0).tolist() == [2.0, 2.0, 2.0]
    assert set(tl.randint(3, (N,), generator=g).tolist()) == {0, 1, 2}
    assert tl.randint(high=3, size=(2,), generator=g).shape == (2,)
    assert tl.randint(0, 256, (N,), dtype=tl.uint8, generator=g).max().item() == 255
    assert sorted(tl.randperm(50, generator=g).tolist()) == list(range(50))
    assert tl.empty(N).geometric_(0.5, generator=g).min().item() == 1.0


def test_shapes_and_dtypes():
    assert tl.rand(2, 3).shape == tl.rand((2, 3)).shape == tl.rand(size=(2, 3)).shape == (2, 3)
    assert tl.randn(()).shape == tl.normal(0.0, 1.0, ()).shape == ()
    assert tl.randint(5, ()).dtype == tl.randperm(3).dtype == np.int64
    assert tl.randperm(3, dtype=tl.int32).dtype == np.int32
    x = tl.zeros(2, 3, dtype=tl.float64)
    assert tl.rand_like(x).dtype == tl.randn_like(x).dtype == tl.randint_like(x, 5).dtype == tl.bernoulli(x).dtype == np.float64
    assert tl.rand_like(x, dtype=tl.float32).dtype == np.float32
    assert tl.randn_like(x, requires_grad=True).is_leaf
    assert tl.normal(x, tl.ones(3)).dtype == np.float64
    assert tl.multinomial(tl.ones(4, 3), 2).shape == (4, 2)
    assert tl.multinomial(tl.ones(3), 2).dtype == np.int64


def test_multinomial_without_replacement_and_zero_weights():
    g = tl.Generator().manual_seed(0)
    weights = tl.tensor([[0.0, 1.0, 2.0, 0.0], [5.0, 0.0, 0.0, 1e-6]])
    for _ in range(50):
        rows = tl.multinomial(weights, 2, generator=g).numpy()
        assert [set(r) for r in rows] == [{1, 2}, {0, 3}]
        again = tl.multinomial(weights, 6, replacement=True, generator=g).numpy()
        assert set(again[0]) <= {1, 2}
        assert set(again[1]) <= {0, 3}
    counts = np.bincount(tl.multinomial(tl.tensor([1.0, 1.0, 2.0]).expand(4000, 3), 1, generator=g).numpy().ravel(), minlength=3)
    np.testing.assert_allclose(counts / 4000, [0.25, 0.25, 0.5], atol=0.03)


REFUSED = {
    "rand dtype": (lambda: tl.rand(2, dtype=tl.int64), RuntimeError, "rand: draws floating numbers: dtype is int64"),
    "randn_like dtype": (lambda: tl.randn_like(tl.arange(3)), RuntimeError, "randn_like: draws floating numbers: dtype is int64"),
    "randint range": (lambda: tl.randint(3, 3, (2,)), ValueError, "randint: the range is empty: low is 3, high is 3"),
    "randint dtype": (lambda: tl.randint(0, 300, (2,), dtype=tl.uint8), ValueError, "uint8 holds integers from 0 to 255: .*high is 300"),
    "randperm": (lambda: tl.randperm(-1), ValueError, "must not be negative: got -1"),
    "normal": (lambda: tl.normal(0.0, -1.0, (2,)), ValueError, "standard deviations must not be negative"),
    "bernoulli range": (lambda: tl.bernoulli(tl.tensor([0.5, 1.5])), ValueError, r"probabilities must be in \[0.0, 1.0\]: .*to 1.5"),
    "bernoulli nan": (lambda: tl.bernoulli(tl.tensor([float("nan")])), ValueError, "probabilities must be in"),
    "bernoulli dtype": (lambda: tl.bernoulli(tl.tensor([1])), RuntimeError, "bernoulli: the input must be floating: it is int64"),
    "bernoulli list": (lambda: tl.bernoulli([0.5]), TypeError, "bernoulli: input must be a tensor: got list"),
    "poisson": (lambda: tl.poisson(tl.tensor([-1.0])), ValueError, "rates must be in"),
    "multinomial negative": (lambda: tl.multinomial(tl.tensor([1.0, -1.0]), 1), ValueError, "weights must be finite, not negative"),
    "multinomial zero": (lambda: tl.multinomial(tl.zeros(2, 3), 1), ValueError, "not all zero in a row"),
    "multinomial too many": (lambda: tl.multinomial(tl.tensor([1.0, 0.0]), 2), ValueError, "2 samples without replacement, but only 1"),
    "multinomial none": (lambda: tl.multinomial(tl.ones(2), 0), ValueError, "num_samples must be above 0"),
    "multinomial shape": (lambda: tl.multinomial(tl.ones(2, 2, 2), 1), ValueError, r"\(2, 2, 2\)"),
    "normal_ dtype": (lambda: tl.arange(3).normal_(), RuntimeError, "normal_: draws floating numbers: the tensor is int64"),
    "normal_ std": (lambda: tl.zeros(3).normal_(0.0, -1.0), ValueError, "normal_: the standard deviation must not be negative: got -1"),
    "uniform_": (lambda: tl.zeros(3).uniform_(1.0, 0.0), ValueError, "uniform_: the range is empty: from 1.0 to 0.0"),
    "bernoulli_": (lambda: tl.zeros(3).bernoulli_(2.0), ValueError, r"bernoulli_: p must be in \[0, 1\]"),
    "exponential_": (lambda: tl.zeros(3).exponential_(0.0), ValueError, "exponential_: the rate must be above 0: got 0.0"),
    "geometric_": (lambda: tl.zeros(3).geometric_(1.0), ValueError, "geometric_: p must be between 0 and 1: got 1.0"),
    "leaf": (lambda: tl.zeros(3, requires_grad=True).normal_(), RuntimeError, "normal_: a leaf tensor that requires grad"),
    "dropout p": (lambda: F.dropout(tl.ones(3), 1.5), ValueError, "dropout: p must be between 0 and 1: got 1.5"),
    "dropout of integers": (lambda: F.dropout(tl.arange(3)), RuntimeError, "dropout: the input must be floating: it is int64"),
    "dropout2d shape": (lambda: F.dropout2d(tl.ones(3)), RuntimeError, r"dropout2d: .* at least 2 dimensions: it is \(3,\)"),
    "dropout1d shape": (lambda: F.dropout1d(tl.ones(3)), RuntimeError, r"dropout1d: .* 2 or 3 dimensions: it is \(3,\)"),
    "dropout3d shape": (lambda: F.dropout3d(tl.ones(())), RuntimeError, "dropout3d: the input must have dimensions"),
    "alpha_dropout p": (lambda: F.alpha_dropout(tl.ones(3), -0.1, True), ValueError, "alpha_dropout: p must be between 0 and 1: got -0.1"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name):
    call, kind, pattern = REFUSED[name]
    with pytest.raises(kind, match=pattern):
        call()


# ---- transforms -----------------------------------------------------------------------------------------------------------------------
def test_functions_of_a_tensor_draw_for_every_example_inside_vmap():
    x = np.full((6, 50), 0.5)
    for draw in (tl.rand_like, tl.randn_like, tl.bernoulli, lambda p: tl.randint_like(p, 1000), lambda p: F.dropout(p)):
        rows = np.asarray(vmap(draw, randomness="different")(x))
        assert rows.shape == (6, 50)
        assert len(np.unique(rows, axis=0)) == 6
    rows = np.asarray(vmap(vmap(tl.randn_like, randomness="different"), randomness="different")(np.zeros((2, 3, 40))))
    assert rows.shape == (2, 3, 40)
    assert len(np.unique(rows.reshape(6, 40), axis=0)) == 6
    rows = np.asarray(vmap(lambda w: tl.multinomial(w, 2), randomness="different")(np.array([[1.0, 1.0, 0.0], [0.0, 1.0, 1.0]])))
    assert [set(r) for r in rows] == [{0, 1}, {1, 2}]
    noisy = vmap(lambda m: tl.normal(m, tl.ones(1000, dtype=tl.float64)).mean(), randomness="different")
    means = np.asarray(noisy(np.array([[0.0], [100.0]])))
    np.testing.assert_allclose(means, [0.0, 100.0], atol=0.3)


def test_functions_of_sizes_inside_vmap():
    for randomness, count in (("same", 1), ("different", 4)):
        rows = np.asarray(vmap(lambda x: x + tl.randn(3), randomness=randomness)(np.zeros((4, 3))))
        assert len(np.unique(rows, axis=0)) == count


def test_random_numbers_are_constants_for_derivatives():
    tl.manual_seed(0)
    np.testing.assert_array_equal(grad(lambda x: (x + tl.randn_like(x)).sum())(np.ones(3)), [1.0, 1.0, 1.0])
    _, slope = jvp(lambda x: x * 2.0 + tl.bernoulli(x), (np.full(3, 0.5),), (np.ones(3),))
    np.testing.assert_array_equal(slope, [2.0, 2.0, 2.0])
    x = tl.full((3,), 0.5, requires_grad=True)
    assert not tl.bernoulli(x).requires_grad


def test_normal_numbers_move_with_their_mean_and_deviation():
    """As ``mean + std * z``; PyTorch's gradient is 0."""

    def draw(mean, std):
        tl.manual_seed(4)
        return tl.normal(mean, std)

    mean, std = tl.tensor([0.5, -1.0, 2.0], dtype=tl.float64), tl.tensor([1.0, 0.5, 0.1], dtype=tl.float64)
    z = draw(tl.zeros(3, dtype=tl.float64), 1.0)
    np.testing.assert_allclose(draw(mean, std).numpy(), (mean + std * z).numpy(), rtol=1e-12)
    by_mean, by_std = tl.func.jacrev(draw, (0, 1))(mean, std)
    np.testing.assert_allclose(by_mean.numpy(), np.eye(3))
    np.testing.assert_allclose(by_std.numpy(), np.diag(z.numpy()))
    np.testing.assert_allclose(jvp(draw, (mean, std), (std, mean))[1].numpy(), (std + mean * z).numpy())
    np.testing.assert_allclose(grad(lambda m: draw(m, 0.5).sum())(mean).numpy(), np.ones(3))


# ---- dropout --------------------------------------------------------------------------------------------------------------------------
def test_dropout_and_its_gradient_use_one_mask():
    tl.manual_seed(2)
    x = tl.ones(1000, requires_grad=True)
    y = F.dropout(x, 0.25)
    y.sum().backward()
    assert tl.equal(x.grad, y.detach())
    assert set(x.grad.tolist()) == {0.0, tl.tensor(4.0 / 3.0).item()}


def test_dropout_in_every_mode_of_a_transform():
    tl.manual_seed(2)
    rows = np.asarray(vmap(grad(lambda x: F.dropout(x, 0.5).sum()), randomness="different")(np.ones((5, 40))))
    assert set(rows.ravel()) == {0.0, 2.0}
    assert len(np.unique(rows, axis=0)) == 5
    out, slope = jvp(lambda x: F.dropout(x, 0.5), (np.ones(40),), (np.full(40, 3.0),))
    np.testing.assert_array_equal(np.asarray(slope), 3.0 * np.asarray(out))


@pytest.mark.parametrize(
    ("f", "shape", "spatial"),
    [
        (F.dropout1d, (20, 10, 3), (2,)),
        (F.dropout2d, (20, 10, 2, 3), (2, 3)),
        (F.dropout1d, (30, 3), (1,)),
        (F.dropout3d, (30, 2, 1, 3), (1, 2, 3)),
        (F.dropout3d, (20, 10, 2, 1, 3), (2, 3, 4)),
        (lambda x, p, training: tl.feature_dropout(x, p, training), (20, 10, 4), (2,)),
    ],
    ids=["1d", "2d", "1d without batch", "3d without batch", "3d", "feature"],
)
def test_channels_are_dropped_as_a_whole(f, shape, spatial):
    tl.manual_seed(0)
    y = f(tl.ones(*shape), 0.5, training=True).numpy()
    low, high = y.min(spatial), y.max(spatial)
    np.testing.assert_array_equal(low, high)
    assert set(low.ravel()) == {0.0, 2.0}
    assert len(np.unique(low.reshape(len(low), -1), axis=0)) > 1


@pytest.mark.parametrize("name", ["dropout1d", "dropout2d", "dropout3d", "feature_dropout", "feature_alpha_dropout"])
def test_what_is_dropped_together_is_as_in_torch(name):
    """Whatever the number of dimensions: which of them share a mask, who warns, and who refuses."""
    torch = pytest.importorskip("torch")
    for shape in [(), (5,), (5, 6), (5, 6, 2), (5, 6, 2, 3), (5, 6, 2, 3, 2), (5, 6, 2, 1, 2, 2)]:
        seen = []
        for T in (tl, torch):
            f = getattr(T.nn.functional, name, getattr(T, name, None))
            T.manual_seed(1)
            with warnings.catch_warnings(record=True) as told:
                warnings.simplefilter("always")
                try:
                    y = sum(f(T.ones(shape), 0.5, True) for _ in range(50)).numpy()
                except (RuntimeError, ValueError):
                    seen.append("refused")
                    continue
            together = [axis for axis, n in enumerate(shape) if n > 1 and (y == y.take([0], axis)).all()]
            seen.append((together, len({str(w.message)[:40] for w in told})))
        assert seen[0] == seen[1], shape


def test_feature_alpha_dropout_drops_whole_channels():
    tl.manual_seed(0)
    y = F.feature_alpha_dropout(tl.ones(20, 10, 4), 0.5, training=True).numpy()
    np.testing.assert_array_equal(y.min(2), y.max(2))
    assert len(np.unique(y)) == 2


def test_dropout_in_place():
    tl.manual_seed(0)
    x = tl.ones(100)
    memory = x.array
    assert F.dropout(x, 0.5, inplace=True) is x
    assert x.array is memory
    assert set(x.tolist()) == {0.0, 2.0}
    w = tl.ones(100, requires_grad=True)
    y = w * 1.0
    assert F.dropout(y, 0.5, inplace=True) is y
    y.sum().backward()
    assert tl.equal(w.grad, y.detach())
    with pytest.raises(RuntimeError, match="leaf"):
        F.dropout(w, 0.5, inplace=True)
    assert F.dropout(w, 0.5, training=False, inplace=True) is w


def test_dropout_keeps_the_dtype():
    for dtype in (tl.float16, tl.float32, tl.float64):
        for f in (F.dropout, lambda x: F.alpha_dropout(x, 0.5, True)):
            assert f(tl.ones(10, dtype=dtype)).dtype == dtype


@pytest.mark.parametrize("dtype", [tl.complex64, tl.complex128], ids=str)
def test_complex_tensors_are_filled_in_place(dtype):
    g = tl.Generator().manual_seed(1)
    x = tl.zeros(4000, dtype=dtype)
    assert x.uniform_(1, 3, generator=g) is x
    parts = tl.view_as_real(x)
    assert 1.0 <= parts.min() < 1.01 and 2.99 < parts.max() < 3.0 and abs(parts.mean(0) - 2.0).max() < 0.05
    x.normal_(2.0, 3.0, generator=g)
    assert abs(x.mean() - 2.0) < 0.2 and abs((x - 2.0).abs().square().mean().sqrt() - 3.0) < 0.1
    z = tl.normal(tl.tensor([1j, 2.0], dtype=dtype), 0.5, generator=g)
    assert z.dtype == dtype and tl.normal(0.0, 1.0, (2,), dtype=dtype, device="cpu").dtype == dtype
    for name in ("cauchy_", "exponential_", "log_normal_", "random_", "bernoulli_"):
        with pytest.raises(TypeError, match=f"{name}: draws"):
            getattr(x, name)()


def test_settings_of_draws():
    g = tl.Generator().manual_seed(1)
    x = tl.zeros(100)
    assert set(x.random_(to=3, generator=g).tolist()) == {0.0, 1.0, 2.0}
    assert set(x.random_(**{"from": 5, "to": 7}).tolist()) == {5.0, 6.0}
    assert x.uniform_(**{"from": 5, "to": 7}).min() >= 5.0
    assert tl.normal(0.0, 1.0, (2,), requires_grad=True).is_leaf
    assert tl.normal(tl.zeros(2), tl.ones(2, dtype=tl.float64)).dtype == np.float32  # as the means
    assert tl.bernoulli(tl.tensor([0, 5]), 0.5).dtype == np.int64
    assert tl.rand_like(tl.ones(2), memory_format=tl.preserve_format).shape == (2,)


BAD_DRAWS = {
    "uniform_": (lambda: tl.zeros(2).uniform_(0, 1e39), ValueError, "uniform_: from 0 to 1e[+]39 leaves float32"),
    "uniform_ width": (lambda: tl.zeros(2).uniform_(-3e38, 3e38), ValueError, "leaves float32, which reaches 3.4028e[+]38"),
    "geometric_": (lambda: tl.zeros(2, dtype=tl.bool).geometric_(0.5), TypeError, "geometric_: draws integers: the tensor is bool"),
    "random_": (
        lambda: tl.zeros(2, dtype=tl.float16).random_(0, 70000),
        ValueError,
        "random_: float16 holds integers from -65504 to 655",
    ),
    "randint": (lambda: tl.randint(2, (2,), dtype=tl.complex64), TypeError, "randint: integers are drawn for real dtypes: got complex64"),
    "randperm": (lambda: tl.randperm(300, dtype=tl.uint8), ValueError, "randperm: uint8 holds the integers up to 255: n is 300"),
    "randperm bool": (lambda: tl.randperm(2, dtype=tl.bool), TypeError, "randperm: gives the integers from 0 up: dtype is bool"),
    "normal": (lambda: tl.normal(0.0, 1.0), TypeError, "normal: size is missing"),
    "binomial": (lambda: tl.binomial(tl.tensor([2]), tl.tensor([0.5])), TypeError, "binomial: the input must be floating"),
    "bernoulli": (lambda: tl.bernoulli(tl.tensor([2j]), 0.5), TypeError, "bernoulli: booleans do not become complex"),
}


@pytest.mark.parametrize("case", BAD_DRAWS)
def test_bad_draws(case):
    call, kind, message = BAD_DRAWS[case]
    with pytest.raises(kind, match=message):
        call()
