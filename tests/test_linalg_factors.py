"""LDL, reflections, low rank, results in ``out=``, cut inverses: what samples cannot say of them."""

from __future__ import annotations

import re

import numpy as np
import pytest

import tensorflowlite_clone as tl

RNG = np.random.default_rng(0)
SIZES = [1, 2, 3, 5, 8, 8, 8, 13]


def drawn(n, complex_numbers, hermitian):
    x = RNG.normal(size=(n, n)) * np.exp(RNG.normal(size=(n, n)))
    x = x + 1j * RNG.normal(size=(n, n)) if complex_numbers else x
    return x + (x.conj().T if hermitian else x.T)


@pytest.mark.parametrize(("complex_numbers", "hermitian"), [(False, False), (True, False), (True, True)])
def test_ldl_is_lapacks(complex_numbers, hermitian):
    torch = pytest.importorskip("torch")
    two = 0
    for n in SIZES * 4:
        x = drawn(n, complex_numbers, hermitian)
        theirs = torch.linalg.ldl_factor(torch.tensor(x), hermitian=hermitian)
        LD, pivots = tl.linalg.ldl_factor(tl.tensor(x), hermitian=hermitian)
        assert pivots.dtype == np.int32
        assert pivots.tolist() == theirs.pivots.tolist()
        np.testing.assert_allclose(LD.numpy(), theirs.LD.numpy(), rtol=1e-8, atol=1e-9)
        two += (pivots.numpy() < 0).any()
    assert two > 8


@pytest.mark.parametrize(("complex_numbers", "hermitian"), [(False, False), (False, True), (True, False), (True, True)])
def test_ldl_solves_and_differentiates_as_solve_does(complex_numbers, hermitian):
    a = np.stack([drawn(5, complex_numbers, hermitian) for _ in range(3)])
    b = RNG.normal(size=(3, 5, 2)) + (1j * RNG.normal(size=(3, 5, 2)) if complex_numbers else 0)

    def mirrored(x):
        return (x + (x.mH if hermitian else x.mT)) / 2

    def by_factors(x, y):
        return tl.linalg.ldl_solve(*tl.linalg.ldl_factor(mirrored(x), hermitian=hermitian), y, hermitian=hermitian)

    def directly(x, y):
        return tl.linalg.solve(mirrored(x), y)

    x, y = tl.tensor(a), tl.tensor(b)
    np.testing.assert_allclose(by_factors(x, y).numpy(), directly(x, y).numpy(), rtol=1e-7)
    gradients = []
    for f in (by_factors, directly):
        x, y = tl.tensor(a, requires_grad=True), tl.tensor(b, requires_grad=True)
        first = tl.autograd.grad((f(x, y).abs() ** 2).sum(), [x, y], create_graph=True)
        second = tl.autograd.grad(sum((g.abs() ** 2).sum() for g in first), [x, y])
        gradients.append([g.detach().numpy() for g in (*first, *second)])
    for mine, theirs in zip(*gradients, strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-6, atol=1e-8 * np.abs(theirs).max())
    mapped = tl.func.vmap(by_factors)(tl.tensor(a), tl.tensor(b))
    np.testing.assert_allclose(mapped.numpy(), directly(tl.tensor(a), tl.tensor(b)).numpy(), rtol=1e-7)
    shared = tl.func.vmap(by_factors, (None, 0))(tl.tensor(a[0]), tl.tensor(b))
    np.testing.assert_allclose(shared.numpy(), directly(tl.tensor(a[0]), tl.tensor(b)).numpy(), rtol=1e-7)


def test_only_the_lower_triangle_is_factored():
    a = drawn(4, False, False)
    x = tl.tensor(a + np.triu(np.full((4, 4), np.nan), 1), requires_grad=True)
    LD, _ = tl.linalg.ldl_factor(x)
    np.testing.assert_array_equal(LD.detach().numpy(), tl.linalg.ldl_factor(tl.tensor(a)).LD.numpy())
    LD.sum().backward()
    np.testing.assert_array_equal(x.grad.numpy(), x.grad.numpy().T)


def test_geqrf_and_ormqr_give_qr():
    for x in (RNG.normal(size=(5, 3)), RNG.normal(size=(2, 4, 4)), RNG.normal(size=(3, 5)) + 1j * RNG.normal(size=(3, 5))):
        a, tau = tl.geqrf(tl.tensor(x))
        r, k = tl.triu(a), min(x.shape[-2:])
        q = tl.ormqr(a[..., :k], tau, tl.eye(x.shape[-2], dtype=a.dtype).expand(*x.shape[:-2], -1, -1))
        np.testing.assert_allclose((q @ r).numpy(), x, atol=1e-12)
        np.testing.assert_allclose((q.mH @ q).numpy(), np.broadcast_to(np.eye(x.shape[-2]), q.shape), atol=1e-12)
        np.testing.assert_allclose(tl.linalg.householder_product(a[..., :k], tau).numpy(), q[..., :k].numpy(), atol=1e-12)


@pytest.mark.parametrize("shape", [(4, 3), (3, 3), (2, 4), (2, 3, 2), (1, 1), (2, 0)])
@pytest.mark.parametrize("complex_numbers", [False, True])
def test_geqrf_differentiates(shape, complex_numbers):
    x = RNG.normal(size=shape) + (1j * RNG.normal(size=shape) if complex_numbers else 0)
    d = RNG.normal(size=shape) + (1j * RNG.normal(size=shape) if complex_numbers else 0)
    results, tangents = tl.func.jvp(tl.geqrf, (tl.tensor(x),), (tl.tensor(d),))
    h = 1e-6
    for k, plain in enumerate(tl.geqrf(tl.tensor(x))):
        np.testing.assert_allclose(results[k].numpy(), plain.numpy(), atol=1e-12)
        slope = (tl.geqrf(tl.tensor(x + h * d))[k] - tl.geqrf(tl.tensor(x - h * d))[k]) / (2 * h)
        np.testing.assert_allclose(tangents[k].numpy(), slope.numpy(), rtol=1e-6, atol=1e-7)
    assert tl.func.vmap(tl.geqrf)(tl.tensor(x[None])).a.shape == (1, *shape)


def test_low_rank_is_exact_where_the_rank_is():
    x = RNG.normal(size=(2, 7, 3)) @ RNG.normal(size=(2, 3, 6)) + 1j * 0
    for a in (x.real, x, np.swapaxes(x, -1, -2)):
        U, S, V = tl.svd_lowrank(tl.tensor(a), q=4)
        assert U.shape == (2, a.shape[-2], 4) and V.shape == (2, a.shape[-1], 4)
        np.testing.assert_allclose(S.numpy(), np.linalg.svd(a, compute_uv=False)[:, :4], atol=1e-12)
        np.testing.assert_allclose(((U * S[:, None]) @ V.mH).numpy(), a, atol=1e-11)
    tl.manual_seed(3)
    first = tl.pca_lowrank(tl.tensor(x.real), q=2).U
    tl.manual_seed(3)
    assert (first == tl.pca_lowrank(tl.tensor(x.real), q=2).U).all()
    y = tl.tensor(RNG.normal(size=(5, 3)), requires_grad=True)
    tl.svd_lowrank(y).S.sum().backward()
    u, _, vh = np.linalg.svd(y.detach().numpy(), full_matrices=False)
    np.testing.assert_allclose(y.grad.numpy(), u @ vh, atol=1e-10)


@pytest.mark.parametrize("cut", ["rtol", "atol", "lstsq", "hermitian"])
def test_inverses_that_are_cut_have_their_own_derivative(cut):
    x, d = RNG.normal(size=(4, 3)), RNG.normal(size=(4, 3))
    s = np.linalg.svd(x, compute_uv=False)
    middle = (s[1] + s[2]) / 2
    f = {
        "rtol": lambda a: tl.linalg.pinv(a, rtol=middle / s[0]),
        "atol": lambda a: tl.linalg.pinv(a, atol=tl.tensor(middle)),
        "lstsq": lambda a: tl.linalg.lstsq(a, tl.ones(4, 2, dtype=tl.float64), rcond=middle / s[0]).solution,
        "hermitian": lambda a: tl.linalg.pinv(a @ a.mT, rtol=(middle / s[0]) ** 2, hermitian=True),
    }[cut]
    h = 1e-6
    slope = (f(tl.tensor(x + h * d)) - f(tl.tensor(x - h * d))) / (2 * h)
    tangent = tl.func.jvp(f, (tl.tensor(x),), (tl.tensor(d),))[1]
    np.testing.assert_allclose(tangent.numpy(), slope.numpy(), rtol=1e-6, atol=1e-7)
    twice = tl.func.grad(lambda a: (tl.func.grad(lambda b: (f(b) ** 2).sum())(a) ** 2).sum())(tl.tensor(x))
    assert np.isfinite(twice.numpy()).all()


OUT = {
    "svd": lambda T, x, **kw: T.linalg.svd(x, **kw),
    "top svd": lambda T, x, **kw: T.svd(x, **kw),
    "eigh": lambda T, x, **kw: T.linalg.eigh(x @ x.mT, **kw),
    "eig": lambda T, x, **kw: T.linalg.eig(x, **kw),
    "qr": lambda T, x, **kw: T.linalg.qr(x, **kw),
    "slogdet": lambda T, x, **kw: T.linalg.slogdet(x, **kw),
    "top slogdet": lambda T, x, **kw: T.slogdet(x, **kw),
    "lu": lambda T, x, **kw: T.linalg.lu(x, **kw),
    "lu_factor": lambda T, x, **kw: T.linalg.lu_factor(x, **kw),
    "lu_factor_ex": lambda T, x, **kw: T.linalg.lu_factor_ex(x, **kw),
    "ldl_factor": lambda T, x, **kw: T.linalg.ldl_factor(x, **kw),
    "ldl_factor_ex": lambda T, x, **kw: T.linalg.ldl_factor_ex(x, **kw),
    "cholesky_ex": lambda T, x, **kw: T.linalg.cholesky_ex(x, **kw),
    "inv_ex": lambda T, x, **kw: T.linalg.inv_ex(x, **kw),
    "geqrf": lambda T, x, **kw: T.geqrf(x, **kw),
    "inv": lambda T, x, **kw: T.linalg.inv(x, **kw),
    "det": lambda T, x, **kw: T.linalg.det(x, **kw),
    "cond": lambda T, x, **kw: T.linalg.cond(x, **kw),
    "pinv": lambda T, x, **kw: T.linalg.pinv(x, **kw),
    "solve": lambda T, x, **kw: T.linalg.solve(x, x, **kw),
    "solve_triangular": lambda T, x, **kw: T.linalg.solve_triangular(x, x, upper=True, **kw),
    "matrix_norm": lambda T, x, **kw: T.linalg.matrix_norm(x, **kw),
    "vector_norm": lambda T, x, **kw: T.linalg.vector_norm(x, **kw),
    "norm": lambda T, x, **kw: T.linalg.norm(x, **kw),
    "matrix_power": lambda T, x, **kw: T.linalg.matrix_power(x, 2, **kw),
    "svdvals": lambda T, x, **kw: T.linalg.svdvals(x, **kw),
    "eigvals": lambda T, x, **kw: T.linalg.eigvals(x, **kw),
    "cross": lambda T, x, **kw: T.linalg.cross(x, x.mT, **kw),
    "multi_dot": lambda T, x, **kw: T.linalg.multi_dot([x, x, x], **kw),
    "matmul": lambda T, x, **kw: T.linalg.matmul(x, x, **kw),
    "householder_product": lambda T, x, **kw: T.linalg.householder_product(x, x[0], **kw),
    "cholesky_inverse": lambda T, x, **kw: T.cholesky_inverse(x, **kw),
    "ormqr": lambda T, x, **kw: T.ormqr(x, x[0], x, **kw),
    "matrix_rank": lambda T, x, **kw: T.linalg.matrix_rank(x, **kw),
    "tensorinv": lambda T, x, **kw: T.linalg.tensorinv(x, 1, **kw),
}  # fmt: skip


@pytest.mark.parametrize("name", OUT)
def test_results_go_into_out(name):
    x = tl.tensor(np.random.default_rng(5).normal(size=(3, 3)) + 3 * np.eye(3))
    plain = OUT[name](tl, x)
    several = isinstance(plain, tuple)
    places = [tl.zeros(r.shape, dtype=r.dtype) for r in (plain if several else (plain,))]
    memory = [p.array for p in places]
    got = OUT[name](tl, x, out=tuple(places) if several else places[0])
    assert type(got) is type(plain)
    for r, place, kept, expected in zip(got if several else (got,), places, memory, plain if several else (plain,), strict=True):
        assert r is place and place.array is kept
        np.testing.assert_allclose(r.numpy(), expected.numpy(), rtol=1e-12)


@pytest.mark.parametrize(
    ("out", "wanted"),
    [
        (tl.zeros(2, 2), "a tuple of 3 tensors"),
        ((tl.zeros(2, 2),), "a tuple of 3 tensors"),
        ((tl.zeros(2, 2),) * 2, "a tuple of 3 tensors"),
        ("here", "a tensor"),
    ],
)
def test_several_results_need_as_many_places(out, wanted):
    with pytest.raises(TypeError, match=rf"svd: out= must be {wanted}: got"):
        tl.linalg.svd(tl.eye(2), out=out)


@pytest.mark.parametrize("name", ["eig", "lstsq", "matrix_rank", "solve", "symeig"])
def test_names_that_pytorch_removed_say_what_to_use(name):
    with pytest.raises(RuntimeError, match=rf"{name}: not there any more, as in PyTorch.*use tl\.") as error:
        getattr(tl, name)(tl.eye(2), tl.eye(2))
    assert "tl.linalg." in str(error.value)
    if name != "matrix_rank":
        with pytest.raises(RuntimeError, match=rf"{name}: not there any more"):
            getattr(tl.eye(2), name)()


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda x: tl.linalg.ldl_factor(tl.zeros(2, 2)), RuntimeError, "singular: the matrix leaves nothing to divide by at 0"),
        (lambda x: tl.linalg.ldl_factor_ex(tl.zeros(2, 2), check_errors=True), RuntimeError, r"linalg\.ldl_factor_ex: singular"),
        (lambda x: tl.linalg.lu_factor(tl.ones(2, 2)), RuntimeError, "singular: the matrix has a zero on U's diagonal, at 1"),
        (lambda x: tl.linalg.lu_factor_ex(tl.ones(2, 2), check_errors=True), RuntimeError, r"linalg\.lu_factor_ex: singular"),
        (lambda x: tl.linalg.ldl_factor(tl.ones(2, 3)), RuntimeError, r"linalg\.ldl_factor: needs square matrices: A is \(2, 3\)"),
        (lambda x: tl.linalg.ldl_solve(x, tl.ones(3), x), RuntimeError, r"linalg\.ldl_solve: pivots do not fit: they are float32 \(3,\)"),
        (lambda x: tl.linalg.ldl_solve(x, tl.ones(2).int(), x), RuntimeError, r"linalg\.ldl_solve: pivots do not fit"),
        (lambda x: tl.linalg.ldl_solve(x, tl.ones(3).int(), x[:2]), RuntimeError, r"linalg\.ldl_solve: sizes differ"),
        (lambda x: tl.linalg.ldl_solve(x, tl.ones(3).int(), x.double()), RuntimeError, r"linalg\.ldl_solve: dtypes differ"),
        (lambda x: tl.geqrf(tl.ones(3)), RuntimeError, r"geqrf: needs a matrix"),
        (lambda x: tl.ormqr(x, tl.ones(3), tl.ones(2, 3)), RuntimeError, r"ormqr: shapes do not fit: input is .*, input3 is \(2, 3\)"),
        (lambda x: tl.ormqr(x, tl.ones(4), x), RuntimeError, r"ormqr: shapes do not fit: input is \(3, 3\), tau is \(4,\)"),
        (lambda x: tl.ormqr(x, tl.ones(3), x.double()), RuntimeError, r"ormqr: dtypes differ"),
        (lambda x: tl.linalg.householder_product(x, tl.ones(3).double()), RuntimeError, r"householder_product: dtypes differ"),
        (lambda x: tl.triangular_solve(x[:2], x), RuntimeError, r"sizes differ"),
        (lambda x: tl.svd_lowrank(x, niter=-1), ValueError, r"svd_lowrank: counts out of range: q is 6, niter is -1"),
        (lambda x: tl.pca_lowrank(x, 4), ValueError, r"pca_lowrank: q must be at most min\(m, n\), 3: got 4"),
        (lambda x: tl.svd_lowrank(x.int()), RuntimeError, r"svd_lowrank: needs floating numbers"),
        (lambda x: tl.svd_lowrank(x, M=tl.ones(2)), RuntimeError, r"svd_lowrank: M does not broadcast to A"),
        (lambda x: tl.linalg.lstsq(x, x, driver="qr"), RuntimeError, r"linalg\.lstsq: unknown driver: got 'qr'"),
        (lambda x: tl.linalg.lstsq(x, tl.ones(2, 2, 3, 3)), RuntimeError, r"lstsq: B must have as many dimensions as A"),
        (lambda x: tl.cdist(x, x, compute_mode="fast"), ValueError, r"cdist: unknown compute_mode: got 'fast'"),
        (lambda x: tl.cdist(x, x, p=-1.0), RuntimeError, r"cdist: p must not be negative"),
        (lambda x: tl.pdist(x, p=-1.0), RuntimeError, r"pdist: p must not be negative"),
        (lambda x: tl.norm(x, "two"), ValueError, r"norm: p must be a number, 'fro' or 'nuc'"),
        (lambda x: tl.norm(tl.ones(2, 3, 4), "nuc"), RuntimeError, r"norm: a nuclear norm needs two dimensions"),
        (lambda x: tl.norm(tl.ones(0), -1), RuntimeError, r"an empty dimension has no norm of order -1"),
        (lambda x: tl.linalg.matrix_norm(tl.ones(0, 3), -2), IndexError, r"an empty matrix has no norm of order -2"),
        (lambda x: tl.linalg.norm(x, dim=()), RuntimeError, r"dim must name one dimension"),
        (lambda x: tl.addmm(x.int(), x.int(), x.int(), beta=np.inf), RuntimeError, r"addmm: beta must be an integer for integer tensors"),
        (lambda x: tl.addr(x.int(), x.int()[0], x.int()[0], alpha=2.0), RuntimeError, r"addr: alpha must be an integer"),
        (lambda x: tl.baddbmm(x[None], x[None], x[None], beta=1j), RuntimeError, r"baddbmm: beta must be real for real tensors"),
        (lambda x: tl.chain_matmul(x, x[0]), RuntimeError, r"chain_matmul: needs matrices"),
        (lambda x: tl.linalg.vander(x[:1, 0]), RuntimeError, r"linalg\.vander: N must be greater than 1"),
        (lambda x: tl.tensordot(x, x[:2], ([0], [0])), RuntimeError, r"tensordot: summed sizes differ"),
    ],
)  # fmt: skip
def test_wrong_arguments_are_explained(call, error, message):
    with pytest.raises(error, match=message):
        call(tl.eye(3))


def test_a_singular_ldl_has_no_derivative():
    x = tl.ones(3, 3, requires_grad=True)
    LD, _, info = tl.linalg.ldl_factor_ex(x)
    assert info.item() == 2
    with pytest.raises(tl.linalg.LinAlgError, match=re.escape("linalg.ldl_factor: D is singular, so the function has no derivative here")):
        LD.sum().backward()


def test_first_operands_answer_to_pytorchs_and_numpys_names():
    a = tl.eye(2) * 2.0
    for f in (
        tl.linalg.inv,
        tl.linalg.det,
        tl.linalg.svdvals,
        tl.linalg.vector_norm,
        tl.linalg.matrix_exp,
        tl.linalg.cholesky,
        tl.linalg.cond,
    ):
        for name in ("A", "input", "x"):
            assert (f(**{name: a}) == f(a)).all()
    assert (tl.inverse(input=a) == tl.linalg.lstsq(A=a, b=tl.eye(2)).solution).all()
    with pytest.raises(TypeError, match="nonsense"):
        tl.linalg.inv(nonsense=a)


@pytest.mark.parametrize("complex_numbers", [False, True])
def test_a_few_eigenvalues_of_a_pair_of_matrices(complex_numbers):
    a, b = drawn(6, complex_numbers, True), RNG.normal(size=(6, 6))
    b = b @ b.T + np.eye(6)
    for largest in (True, False, None):
        E, U = tl.lobpcg(tl.tensor(a), 3, tl.tensor(b.astype(a.dtype)), largest=largest)
        expected = np.sort(np.linalg.eigvals(np.linalg.solve(b, a)).real)
        np.testing.assert_allclose(E.numpy(), expected[:3] if largest is False else expected[::-1][:3], rtol=1e-8)
        np.testing.assert_allclose(a @ U.numpy(), b @ U.numpy() * E.numpy(), atol=1e-8 * np.abs(a).max())
        np.testing.assert_allclose(U.mH.numpy() @ b @ U.numpy(), np.eye(3), atol=1e-9)
    x = tl.tensor(a, requires_grad=True)
    E, U = tl.lobpcg(x, 1)
    E.sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), (U @ U.mH).detach().numpy(), atol=1e-9)
    assert tl.lobpcg(tl.tensor(a), X=tl.ones(6, 2)).U.shape == (6, 2)
    with pytest.raises(ValueError, match="lobpcg: k must be from 1 to the number of rows: got 7"):
        tl.lobpcg(tl.tensor(a), 7)
    with pytest.raises(ValueError, match="lobpcg: there are no steps to track"):
        tl.lobpcg(tl.tensor(a), tracker=print)
    with pytest.raises(ValueError, match="lobpcg: unknown method"):
        tl.lobpcg(tl.tensor(a), method="lanczos")


@pytest.mark.parametrize("upper", [False, True])
@pytest.mark.parametrize("unit", [False, True])
def test_triangular_systems_of_several_pieces(upper, unit):
    rng = np.random.default_rng(0)
    a = (rng.normal(size=(2, 131, 131)) / 131 + 2 * np.eye(131)).astype("f8")
    b = rng.normal(size=(1, 131, 3))
    a[(..., *((np.tril_indices if upper else np.triu_indices)(131, -1 if upper else 1)))] = np.nan  # is not read
    whole = np.nan_to_num(a)
    if unit:
        whole[..., range(131), range(131)] = 1
    found = tl.linalg.solve_triangular(tl.tensor(a), tl.tensor(b), upper=upper, unitriangular=unit)
    np.testing.assert_allclose(whole @ found.numpy(), np.broadcast_to(b, (2, 131, 3)), atol=1e-13)
    a[1, 100, 100] = 0
    if not unit:
        with pytest.raises(ValueError, match="zero on the diagonal, at 100"):
            tl.linalg.solve_triangular(tl.tensor(a), tl.tensor(b), upper=upper)
