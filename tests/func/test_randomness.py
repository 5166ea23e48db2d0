"""Random functions inside vmap: "error", "different", "same", as in PyTorch; chunks; nesting; in place."""

from __future__ import annotations

import numpy as np
import pytest

import tensorflowlite_clone as tl
from tensorflowlite_clone._errors import ArgumentError, TransformError
from tensorflowlite_clone.func import grad, jacfwd, jacrev, jvp, vmap
from tensorflowlite_clone.nn import functional as F

X = np.full((6, 40), 0.5)
ALL = (40,)

#: What draws for an example of 40 probabilities, by the name that its error has. The first kind uses the shape alone.
OF_SHAPES = {
    "rand": lambda x: tl.rand(ALL),
    "randn": lambda x: tl.randn(*ALL),
    "randint": lambda x: tl.randint(0, 1000, ALL),
    "randperm": lambda x: tl.randperm(40),
    "normal": lambda x: tl.normal(0.0, 1.0, ALL),
    "rand_like": lambda x: tl.rand_like(x),
    "randn_like": lambda x: tl.randn_like(x),
    "randint_like": lambda x: tl.randint_like(x, 1000),
    "dropout": lambda x: F.dropout(x, 0.5),
    "alpha_dropout": lambda x: F.alpha_dropout(x, 0.5, training=True),
    "dropout1d": lambda x: F.dropout1d(x[:, None], 0.5)[:, 0],
    "feature_dropout": lambda x: tl.feature_dropout(x[None], 0.5, True)[0],
    "feature_alpha_dropout": lambda x: F.feature_alpha_dropout(x[None], 0.5, training=True)[0],
}
OF_VALUES = {
    "bernoulli": lambda x: tl.bernoulli(x),
    "poisson": lambda x: tl.poisson(x * 20),
    "binomial": lambda x: tl.binomial(x * 40, x),
    "multinomial": lambda x: tl.multinomial(x, 12),
    "normal": lambda x: tl.normal(x, x),
}
EVERY = [*OF_SHAPES.items(), *OF_VALUES.items()]
every = pytest.mark.parametrize(("name", "draw"), EVERY, ids=[n for n, _ in EVERY])


def rows(draw, randomness, x=X, **options):
    tl.manual_seed(1)
    return np.asarray(vmap(draw, randomness=randomness, **options)(tl.tensor(x)))


def distinct(a):
    return len(np.unique(a, axis=0))


@every
def test_drawing_is_an_error_unless_said_otherwise(name, draw):
    with pytest.raises(TransformError, match=rf"{name}: random numbers inside vmap.*pass randomness='different'.*randomness='same'"):
        vmap(draw)(tl.tensor(X))


@every
def test_different_draws_for_each_example(name, draw):
    out = rows(draw, "different")
    assert len(out) == 6
    assert distinct(out) == 6


@pytest.mark.parametrize(("name", "draw"), OF_SHAPES.items(), ids=list(OF_SHAPES))
def test_same_draws_once_for_all(name, draw):
    out = rows(draw, "same")
    assert len(out) == 6
    assert distinct(out) == 1
    tl.manual_seed(1)
    np.testing.assert_array_equal(out[0], np.asarray(draw(tl.tensor(X[0]))))


@pytest.mark.parametrize(("name", "draw"), OF_VALUES.items(), ids=list(OF_VALUES))
def test_same_cannot_fit_values_that_differ(name, draw):
    if name == "normal":  # one z fits all: mean + std z
        z = (rows(draw, "same") - X) / X
        np.testing.assert_allclose(z, np.broadcast_to(z[:1], z.shape), rtol=1e-6)
        return
    with pytest.raises(TransformError, match=rf"{name}: randomness='same' inside vmap, but its argument differs from example to example"):
        vmap(draw, randomness="same")(tl.tensor(X))
    shared = tl.tensor(X[0])
    for randomness, count in (("same", 1), ("different", 6)):
        out = np.asarray(vmap(lambda x: draw(shared) + x[:1] * 0.0, randomness=randomness)(tl.tensor(X)))
        assert distinct(out) == count


def test_the_meaning_of_each_map_holds_where_maps_nest():
    x = tl.zeros(2, 3, 40)

    def draw(outer, inner):
        return np.asarray(vmap(vmap(tl.randn_like, randomness=inner), randomness=outer)(x))

    both = draw("different", "different")
    assert distinct(both.reshape(6, 40)) == 6
    outer_only = draw("different", "same")
    assert distinct(outer_only[:, 0]) == 2
    assert distinct(outer_only.reshape(6, 40)) == 2
    inner_only = draw("same", "different")
    assert distinct(inner_only[0]) == 3
    np.testing.assert_array_equal(inner_only[0], inner_only[1])
    assert distinct(draw("same", "same").reshape(6, 40)) == 1
    for outer, inner in (("error", "different"), ("different", "error")):
        with pytest.raises(TransformError, match="randn_like: random numbers inside vmap"):
            draw(outer, inner)


def test_chunks_that_share_numbers_share_them_all():
    out = rows(lambda x: x + tl.randn(40), "same", chunk_size=4)
    assert distinct(out) == 1
    np.testing.assert_array_equal(out, rows(lambda x: x + tl.randn(40), "same"))
    assert distinct(rows(lambda x: x + tl.randn(40), "different", chunk_size=4)) == 6


def test_a_map_that_ended_has_no_meaning_left():
    with pytest.raises(TransformError):
        vmap(tl.rand_like)(tl.zeros(2, 3))
    assert tl.rand(3).shape == (3,)


def test_random_numbers_are_constants_for_derivatives_inside_maps():
    tl.manual_seed(0)
    g = vmap(grad(lambda x: (F.dropout(x, 0.5) * x).sum()), randomness="different")(tl.ones(5, 40))
    assert set(np.unique(g.numpy())) == {0.0, 4.0}
    assert distinct(g.numpy()) == 5
    shared = vmap(lambda x: jvp(lambda x: x * tl.rand_like(x), (x,), (tl.ones(40),))[1], randomness="same")(tl.ones(5, 40))
    assert distinct(shared.numpy()) == 1


def test_jacobians_of_random_functions():
    x = tl.ones(8)
    with pytest.raises(TransformError, match="dropout: random numbers inside vmap"):
        jacfwd(lambda x: F.dropout(x, 0.5))(x)
    same = jacfwd(lambda x: F.dropout(x, 0.5), randomness="same")(x).numpy()
    assert set(np.unique(np.diag(same))) <= {0.0, 2.0}
    assert not np.any(same - np.diag(np.diag(same)))
    reverse = jacrev(lambda x: F.dropout(x, 0.5))(x).numpy()  # drawn before anything is mapped
    assert not np.any(reverse - np.diag(np.diag(reverse)))
    with pytest.raises(ArgumentError, match="jacfwd: randomness must be"):
        jacfwd(np.sin, randomness="no")


def test_drawing_in_place():
    def fill(x):
        return tl.empty(3).normal_() + x

    with pytest.raises(TransformError, match="normal_: random numbers inside vmap"):
        vmap(fill)(tl.zeros(4, 3))
    with pytest.raises(TransformError, match="normal_: cannot give each example of vmap numbers of its own in place"):
        vmap(fill, randomness="different")(tl.zeros(4, 3))
    assert distinct(vmap(fill, randomness="same")(tl.zeros(4, 3)).numpy()) == 1


def test_a_leaf_cannot_be_drawn_for_each_example():
    with pytest.raises(ArgumentError, match="rand: inside vmap the numbers of all examples cannot be a leaf"):
        vmap(lambda x: tl.rand(3, requires_grad=True), randomness="different")(tl.zeros(2))


def test_permutations_are_permutations():
    out = rows(lambda x: tl.randperm(40), "different")
    np.testing.assert_array_equal(np.sort(out, axis=1), np.tile(np.arange(40), (6, 1)))


def test_multinomial_without_looping_over_rows():
    """Rows with weights of zero at their ends, drawn with replacement: only positive weights are met, in their proportions."""
    tl.manual_seed(0)
    weights = tl.tensor([[0.0, 1.0, 3.0, 0.0], [2.0, 0.0, 0.0, 0.0], [0.0, 0.0, 0.0, 5.0]])
    drawn = tl.multinomial(weights, 20_000, replacement=True).numpy()
    assert set(drawn[0]) == {1, 2}
    assert abs(np.mean(drawn[0] == 2) - 0.75) < 0.02
    assert set(drawn[1]) == {0}
    assert set(drawn[2]) == {3}


def test_what_pytorch_does():
    """The same calls are accepted and refused, and share or do not share, under both packages."""
    torch = pytest.importorskip("torch")

    def outcome(package, draw, randomness):
        try:
            out = package.func.vmap(draw(package), randomness=randomness)(package.full((5, 30), 0.5))
        except RuntimeError:
            return "refused"
        return distinct(np.asarray(out))

    draws = [
        lambda T: lambda x: x + T.rand(30),
        lambda T: lambda x: T.randn_like(x),
        lambda T: lambda x: T.bernoulli(x),
        lambda T: lambda x: T.nn.functional.dropout(x, 0.5),
        lambda T: lambda x: x + T.randperm(30),
    ]
    for draw in draws:
        for randomness in ("error", "different", "same"):
            assert outcome(tl, draw, randomness) == outcome(torch, draw, randomness)
