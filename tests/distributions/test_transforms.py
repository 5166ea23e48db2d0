"""Transforms beside PyTorch's, by one sweep over a table: images, inverses, Jacobians, shapes, sets, caches, modes of differentiation."""

from __future__ import annotations

import copy
import inspect
import pickle
from typing import Any

import numpy as np
import pytest
from distributions.families import Make, built

import tensorflowlite_clone as tl
from tensorflowlite_clone.distributions import biject_to, constraints, transform_to, transforms

REAL = [[-30.0, -3.0, -0.5], [0.25, 2.0, 20.0]]
MILD = [[-3.0, -1.0, -0.5], [0.25, 2.0, 1.5]]
POSITIVE = [[1e-9, 0.1, 0.5], [1.0, 3.0, 50.0]]
MATRICES = [[[0.3, -1.0], [0.5, -0.2]], [[-2.0, 0.7], [1.5, 0.1]]]
AFFINE, EXP = Make("AffineTransform", 1.0, -2.0), Make("ExpTransform")

#: A transform and values in its domain.
ROWS: list[tuple[Make, Any]] = [
    (EXP, REAL),
    (Make("PowerTransform", 2.0), POSITIVE),
    (Make("PowerTransform", [-0.5, 1.5, 2.0]), POSITIVE),
    (Make("SigmoidTransform"), REAL),
    (Make("SigmoidTransform"), [-400.0, 40.0]),
    (Make("SoftplusTransform"), REAL),
    (Make("TanhTransform"), MILD),
    (Make("AbsTransform"), REAL),
    (AFFINE, REAL),
    (Make("AffineTransform", [1.0, 2.0, 3.0], [0.5, 2.0, -1.0]), REAL),
    (Make("AffineTransform", [1.0, 2.0, 3.0], [0.5, 2.0, -1.0], event_dim=1), REAL),
    (Make("AffineTransform", 1.0, 3.0), REAL),
    (Make("CumulativeDistributionTransform", Make("Normal", 0.5, 2.0)), MILD),
    (Make("SoftmaxTransform"), MILD),
    (Make("StickBreakingTransform"), MILD),
    (Make("LowerCholeskyTransform"), MATRICES),
    (Make("PositiveDefiniteTransform"), MATRICES),
    (Make("CorrCholeskyTransform"), MILD),
    (Make("CorrCholeskyTransform"), [[0.7], [-0.3]]),
    (Make("ComposeTransform", [AFFINE, EXP]), MILD),
    (Make("ComposeTransform", [AFFINE, Make("StickBreakingTransform")]), MILD),
    (Make("ComposeTransform", []), MILD),
    (Make("IndependentTransform", EXP, 1), MILD),
    (Make("ReshapeTransform", (3,), (3, 1)), MILD),
    (Make("CatTransform", [EXP, AFFINE], -1, [1, 2]), MILD),
    (Make("CatTransform", [EXP, AFFINE], 0), MILD),
    (Make("CatTransform", [Make("IndependentTransform", AFFINE, 1), Make("IndependentTransform", EXP, 1)], 0), MILD),
    (Make("StackTransform", [EXP, AFFINE, Make("TanhTransform")], -1), MILD),
    (Make("StackTransform", [EXP, AFFINE], 0), MILD),
]
IDS = [f"{m.name}-{i}" for i, (m, _) in enumerate(ROWS)]


def close(ours: Any, theirs: Any, rtol: float = 1e-10) -> None:
    a, b = np.asarray(ours.numpy() if isinstance(ours, tl.Tensor) else ours), np.asarray(theirs)
    assert a.shape == b.shape
    np.testing.assert_allclose(a, b, rtol=rtol, atol=1e-12)


def number(x: Any) -> Any:
    return x.numpy() if isinstance(x, tl.Tensor) else np.asarray(x)


def test_the_table_has_every_transform():
    names = {m.name for m, _ in ROWS}
    assert names == {
        n for n, v in vars(transforms).items() if inspect.isclass(v) and issubclass(v, transforms.Transform) and n[0] != "_"
    } - {"Transform"}


@pytest.mark.parametrize("make, values", ROWS, ids=IDS)
def test_a_transform_beside_torch(make, values):
    torch = pytest.importorskip("torch")
    ours, theirs = built(tl, make), built(torch, make)
    x, tx = tl.tensor(values, dtype=tl.float64), torch.tensor(values, dtype=torch.float64)
    y, ty = ours(x), theirs(tx)
    close(y, ty)
    close(ours.inv(y), theirs.inv(ty), 1e-6)
    try:
        ladj = theirs.log_abs_det_jacobian(tx, ty)
    except NotImplementedError:
        with pytest.raises(NotImplementedError):
            ours.log_abs_det_jacobian(x, y)
    else:
        close(ours.log_abs_det_jacobian(x, y), ladj)
        close(ours.inv.log_abs_det_jacobian(y, x), theirs.inv.log_abs_det_jacobian(ty, tx))
    assert ours.bijective == theirs.bijective
    for which in ("domain", "codomain"):
        a, b = getattr(ours, which), getattr(theirs, which)
        assert (a.event_dim, a.is_discrete) == (b.event_dim, b.is_discrete)
        assert repr(a).split("(")[0] == repr(b).split("(")[0]
        assert a.check(x if which == "domain" else y).shape == tuple(b.check(tx if which == "domain" else ty).shape)
    assert tuple(ours.forward_shape(x.shape)) == tuple(theirs.forward_shape(tx.shape)) == y.shape
    assert tuple(ours.inverse_shape(y.shape)) == tuple(theirs.inverse_shape(ty.shape))
    try:
        sign = theirs.sign
    except NotImplementedError:
        with pytest.raises(NotImplementedError):
            _ = ours.sign
    else:
        close(ours.sign, sign)
    close(ours.codomain.check(y), theirs.codomain.check(ty))


@pytest.mark.parametrize("make, values", ROWS, ids=IDS)
def test_the_jacobian_is_the_derivative(make, values):
    """Where a determinant is defined: that of the matrix of forward-mode derivatives of one event."""
    ours = built(tl, make)
    x = tl.tensor(values, dtype=tl.float64)
    try:
        ladj = ours.log_abs_det_jacobian(x, ours(x))
    except NotImplementedError:
        return
    if float(x.abs().max()) > 35:
        return  # beyond rounding the image does not move
    whole = tl.func.jacfwd(lambda v: ours(v))(x)
    if type(ours).__name__ in ("StickBreakingTransform", "ComposeTransform") and ours.codomain.event_dim and ours(x).shape != x.shape:
        whole = tl.func.jacfwd(lambda v: ours(v)[..., :-1])(x)
    if type(ours).__name__ == "CorrCholeskyTransform" and ours(x).shape != x.shape:
        whole = tl.func.jacfwd(lambda v: tl.distributions.utils.tril_matrix_to_vec(ours(v), -1))(x)
    matrix = whole.reshape(x.numel(), -1)
    close(ladj.sum(), tl.linalg.slogdet(matrix)[1], 1e-8)


@pytest.mark.parametrize("make, values", ROWS, ids=IDS)
def test_every_mode(make, values):
    """Forward mode, second order and vmap agree with reverse mode; the gradient is PyTorch's."""
    torch = pytest.importorskip("torch")
    ours, theirs = built(tl, make), built(torch, make)
    x = tl.tensor(values, dtype=tl.float64)
    weights = np.cos(np.arange(ours(x).numel())).reshape(ours(x).shape)

    def f(v: Any, t: Any, lib: Any) -> Any:
        y = t(v)
        try:
            extra = t.log_abs_det_jacobian(v, y).sum()
        except NotImplementedError:
            extra = 0.0
        return (y * lib.tensor(weights)).sum() + extra

    tx = torch.tensor(values, dtype=torch.float64, requires_grad=True)
    f(tx, theirs, torch).backward()
    g = tl.func.grad(lambda v: f(v, ours, tl))(x)
    close(g, tx.grad, 1e-7)
    direction = tl.tensor(np.sin(1.0 + np.arange(x.numel())).reshape(x.shape))
    _, slope = tl.func.jvp(lambda v: f(v, ours, tl), (x,), (direction,))
    close(slope, (g * direction).sum(), 1e-7)
    _, forward = tl.func.jvp(tl.func.grad(lambda v: f(v, ours, tl)), (x,), (direction,))
    reverse = tl.func.grad(lambda v: (tl.func.grad(lambda w: f(w, ours, tl))(v) * direction).sum())(x)
    close(forward, reverse, 1e-7)
    mapped = tl.vmap(lambda v: f(v, ours, tl))(tl.stack([x, x]))
    close(mapped, tl.stack([f(x, ours, tl)] * 2))


@pytest.mark.parametrize("make, values", ROWS, ids=IDS)
def test_caches_copies_and_equality(make, values):
    ours = built(tl, make)
    x = tl.tensor(values, dtype=tl.float64)
    cached = ours.with_cache()
    assert cached.with_cache(1) is cached and ours.with_cache(0) is ours
    y = cached(x)
    assert cached.inv(y) is x or make.args == ([],) or isinstance(cached, transforms.CatTransform | transforms.ComposeTransform)
    assert ours.inv.inv is ours and cached.inv.inv is cached
    assert ours == copy.copy(ours) and ours == ours and ours != 3
    assert ours == copy.deepcopy(ours) or make.name == "CumulativeDistributionTransform"  # distributions are equal to themselves alone
    assert ours.inv == copy.copy(ours).inv
    close(pickle.loads(pickle.dumps(cached))(x), y.numpy())
    assert repr(ours.inv).startswith(("_Inverse", "Compose"))


def test_a_composition_inverts_from_its_caches():
    t = transforms.ComposeTransform([transforms.ExpTransform(), transforms.AffineTransform(1.0, 2.0)], cache_size=1)
    x = tl.tensor([60.0, -60.0])  # the inverse of the image would be lost in rounding
    assert t.inv(t(x)) is x


def test_different_settings_are_different():
    T = transforms
    assert T.AffineTransform(0.0, 1.0) == T.AffineTransform(0.0, 1.0) != T.AffineTransform(0.0, 2.0)
    assert T.PowerTransform(2.0) != T.PowerTransform(3.0)
    assert T.ExpTransform() != T.TanhTransform()
    assert T.ComposeTransform([T.ExpTransform()]) == T.ComposeTransform([T.ExpTransform()]) != T.ComposeTransform([T.TanhTransform()])
    assert T.identity_transform.inv == T.identity_transform


def test_wrong_settings():
    T = transforms
    for wrong, message in [
        (lambda: T.ExpTransform(cache_size=2), "cache_size must be 0 or 1"),
        (lambda: T.ReshapeTransform((2,), (3,)), "as many elements"),
        (lambda: T.CatTransform([3]), "must be of Transforms"),
        (lambda: T.CatTransform([T.ExpTransform()], lengths=[1, 2]), "as many lengths"),
        (lambda: T.StackTransform([T.ExpTransform()])(tl.zeros(2)), "must have the size 1"),
        (lambda: T.IndependentTransform(T.ExpTransform(), 2)(tl.zeros(2)), "too few dimensions"),
        (lambda: T.SoftmaxTransform().forward_shape(()), "must be of vectors"),
        (lambda: T.CorrCholeskyTransform().forward_shape((2,)), "no matrix has 2"),
        (lambda: T.CorrCholeskyTransform().inverse_shape((2, 3)), "square"),
        (lambda: T.ReshapeTransform((2,), (2, 1)).forward_shape((3,)), "last dimensions must be"),
        (lambda: T.StickBreakingTransform().event_dim + T.CorrCholeskyTransform().event_dim, "event_dim is not one number"),
    ]:
        with pytest.raises(ValueError, match=message):
            wrong()
    for lacking in ("_call", "_inverse"):
        with pytest.raises(NotImplementedError, match=lacking):
            getattr(T.Transform(), lacking)(tl.zeros(2))


CONSTRAINTS = [
    constraints.real, constraints.positive, constraints.nonnegative, constraints.greater_than(2.0), constraints.greater_than_eq(-1.0),
    constraints.less_than(3.0), constraints.unit_interval, constraints.interval(-1.0, 2.0), constraints.half_open_interval(0.0, 5.0),
    constraints.interval(tl.tensor(0.0), tl.tensor(1.0)), constraints.simplex, constraints.corr_cholesky, constraints.real_vector,
    constraints.independent(constraints.positive, 1), constraints.cat([constraints.positive, constraints.real], -1, [1, 2]),
    constraints.stack([constraints.positive, constraints.real, constraints.unit_interval], -1),
]  # fmt: skip
MATRIX = [constraints.lower_cholesky, constraints.positive_definite, constraints.positive_semidefinite]


@pytest.mark.parametrize("constraint", CONSTRAINTS + MATRIX, ids=repr)
def test_transforms_lead_onto_their_sets(constraint):
    for registry in (biject_to, transform_to)[constraint in MATRIX :]:
        t = registry(constraint)
        assert t.bijective or registry is transform_to
        x = tl.tensor(MATRICES if constraint in MATRIX else MILD, dtype=tl.float64)
        y = t(x)
        assert bool(constraint.check(y).all())
        close(t(t.inv(y)), y.numpy(), 1e-7)
        assert t.codomain.event_dim == constraint.event_dim


def test_no_transform_leads_onto_integers():
    for registry in (biject_to, transform_to):
        with pytest.raises(NotImplementedError, match="no transform onto this set"):
            registry(constraints.boolean)
        with pytest.raises(TypeError, match="must be a Constraint"):
            registry.register(3, lambda c: c)


def test_a_registered_transform():
    class Even(constraints.Constraint):
        def check(self, value):
            return value % 2 == 0

    registry = type(biject_to)()
    registry.register(Even())(lambda c: transforms.AffineTransform(0, 2))
    assert registry(Even()) == transforms.AffineTransform(0, 2)
