"""What `docs/differences.md` says: every line is asserted here, by the function named after it.

Here each has one short example; the sweeps over the kinds stand in other files.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

import tensorflowlite_clone as tl
from tensorflowlite_clone import func, nn, optim
from tensorflowlite_clone.autograd import Function
from tensorflowlite_clone.utils.data import DataLoader, IterableDataset, TensorDataset, get_worker_info

SECTION = (Path(__file__).parent.parent / "docs" / "differences.md").read_text(encoding="utf-8")
LINES = [re.sub(r"\s+", " ", line).strip() for line in re.split(r"^\* ", re.sub(r"^## .*$", "", SECTION, flags=re.M), flags=re.M)[1:]]
SAID = {}


def says(beginning):
    """The decorated function asserts the line with this beginning."""

    def enter(f):
        SAID[beginning] = f
        return f

    return enter


def leaf(*values):
    return tl.tensor(list(values), dtype=tl.float64, requires_grad=True)


@says("A branch that `where` did not take")
def masked_branches():
    x = leaf(0.0, 4.0)
    tl.where(x > 0, x.sqrt(), tl.zeros(2, dtype=tl.float64)).sum().backward()
    assert x.grad.tolist() == [0.0, 0.25]


@says("Inside transforms that are given NumPy's arrays")
def numpy_inside():
    a, shapes = np.arange(24.0).reshape(2, 3, 4), []

    def f(x):
        shapes.append(x[0, :, [0, 1]].shape)
        return x.sum()

    func.grad(f)(a)
    func.grad(f)(tl.tensor(a))
    assert shapes == [(2, 3), (3, 2)]
    assert func.vmap(np.sqrt)(np.arange(3)).dtype == np.float64


@says("`heaviside`, `nextafter` and `unique` have derivatives")
def derivatives_of_their_own():
    d = leaf(0.5, 0.5)
    tl.heaviside(tl.zeros(2, dtype=tl.float64), d).sum().backward()
    assert d.grad.tolist() == [1.0, 1.0]
    x = leaf(1.0)
    tl.nextafter(x, tl.tensor([2.0], dtype=tl.float64)).sum().backward()
    assert x.grad.tolist() == [1.0]
    y = leaf(1.0, 2.0, 1.0)
    tl.unique(y).sum().backward()
    assert y.grad.tolist() == [1.0, 1.0, 0.0]
    mean = leaf(1.0, 2.0)
    tl.normal(mean, tl.ones(2, dtype=tl.float64)).sum().backward()
    assert mean.grad.tolist() == [1.0, 1.0]


@says("Where singular values or eigenvalues meet")
def values_that_meet():
    x = tl.outer(leaf(1.0, 2.0, 3.0).detach(), leaf(1.0, 2.0, 3.0).detach()).requires_grad_()
    u, s, vh = tl.linalg.svd(x)
    ((u * s) @ vh).sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), np.ones((3, 3)), atol=1e-9)
    y = tl.eye(3, dtype=tl.float64).requires_grad_()
    w, v = tl.linalg.eigh(y)
    (v * w.exp() @ v.mT).diagonal().sum().backward()
    np.testing.assert_allclose(y.grad.numpy(), np.e * np.eye(3), rtol=1e-9)


@says("A `Function` whose backward computes in NumPy")
def backward_in_numpy():
    class Cube(Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x**3

        @staticmethod
        def backward(ctx, g):
            (x,) = ctx.saved_tensors
            return tl.from_numpy(3 * x.detach().numpy() ** 2 * g.detach().numpy())

    x = leaf(2.0)
    Cube.apply(x).sum().backward()
    assert x.grad.tolist() == [12.0]
    with pytest.raises(RuntimeError):
        func.jvp(Cube.apply, (x.detach(),), (x.detach(),))


@says("The gradient of `prod` and `cumprod` of data with NaN")
def products_with_nan():
    x = leaf(2.0, float("nan"), 3.0)
    x.prod().backward()
    assert x.grad[1].item() == 6.0


@says("`atan2`, `acosh`, `sinc`, `gelu` and norms")
def far_values():
    x = leaf(1e200)
    tl.atan2(x, leaf(1e200)).sum().backward()
    assert x.grad.item() == pytest.approx(0.5e-200)
    assert tl.linalg.vector_norm(tl.tensor([3e200, 4e200], dtype=tl.float64)).item() == pytest.approx(5e200)
    assert nn.functional.gelu(tl.tensor(1.8e38)).isfinite()


@says("A quantile beside infinite elements")
def quantiles_and_halves():
    assert tl.quantile(tl.tensor([-np.inf, 0.0, 0.0]), 0.3).item() == -np.inf
    m = tl.tensor([0.0, 1.0, 0.5], dtype=tl.float16)
    assert ((1 - m) * -1e9).tolist() == [-np.inf, 0.0, -np.inf]
    assert (m * 60000.0 - 1e5).tolist() == [-np.inf, -40000.0, -np.inf]


@says("Factorizations, solutions, inverses and determinants of float32")
def float32_matrices():
    a = np.random.default_rng(0).normal(size=(60, 48)).astype(np.float32)
    s = a.T @ a / 48 + np.eye(48, dtype=np.float32)

    def right(found, matrix, exact):
        """To one rounding of the largest number, where an algorithm in float32 is several off."""
        assert found.dtype == tl.float32
        exact = exact(matrix.astype(np.float64))
        assert np.max(abs(found.numpy() - exact)) <= 0.51 * np.spacing(np.float32(np.max(abs(exact))))

    right(tl.linalg.svdvals(tl.tensor(a)), a, lambda m: np.linalg.svd(m, compute_uv=False))
    right(tl.linalg.eigvalsh(tl.tensor(s)), s, np.linalg.eigvalsh)
    right(tl.linalg.cholesky(tl.tensor(s)), s, np.linalg.cholesky)
    right(tl.linalg.inv(tl.tensor(s)), s, np.linalg.inv)
    right(tl.linalg.solve(tl.tensor(s), tl.ones(48)), s, lambda m: np.linalg.solve(m, np.ones(48)))
    right(tl.linalg.slogdet(tl.tensor(s))[1], s, lambda m: np.linalg.slogdet(m)[1])


@says("The gradient of `as_strided`")
def windows():
    x = leaf(1.0, 2.0, 3.0)
    (x * 1.0)[2:].as_strided((3,), (1,), 0).sum().backward()
    assert x.grad.tolist() == [1.0, 1.0, 1.0]


@says("Integers and booleans are taken")
def integers():
    assert tl.softmax(tl.tensor([0, 0]), 0).tolist() == [0.5, 0.5]
    assert (tl.ones(2, 2) @ tl.ones(2, dtype=tl.float64)).dtype == np.float64


@says("Special functions have derivatives in all their arguments")
def special_functions():
    a, x = leaf(2.0), leaf(1.5)
    tl.igamma(a, x).sum().backward()
    h = 1e-6
    expected = (tl.igamma(a.detach() + h, x.detach()) - tl.igamma(a.detach() - h, x.detach())) / (2 * h)
    np.testing.assert_allclose(a.grad.numpy(), expected.numpy(), rtol=1e-8)
    assert tl.special.bessel_j0(tl.tensor(float("inf"))).item() == 0.0
    (slope,) = tl.autograd.grad(tl.special.bessel_j0(x).sum(), x)
    np.testing.assert_allclose(slope.numpy(), -tl.special.bessel_j1(x).detach().numpy(), rtol=1e-12)


@says("On their cuts `asin`")
def slopes_on_cuts():
    x = tl.tensor(1.5 + 0j, dtype=tl.complex128, requires_grad=True)
    y = x.asin()
    y.imag.backward()
    np.testing.assert_allclose(x.grad.real, 1 / np.sqrt(1.5**2 - 1))  # of arccosh(1.5), which the imaginary part is
    np.testing.assert_allclose(y.imag.item(), np.arccosh(1.5))


@says("The gradient of `ctc_loss` is its derivative")
def alignments():
    rng = np.random.default_rng(0)
    values, labels = rng.normal(size=(4, 1, 3)), tl.tensor([[1, 2]])

    def loss(v):
        return tl.nn.functional.ctc_loss(v, labels, tl.tensor([4]), tl.tensor([2]), reduction="sum")

    x = tl.tensor(values, requires_grad=True)
    loss(x).backward()
    step = np.zeros_like(values)
    step[1, 0, 2] = 1e-6
    expected = (loss(tl.tensor(values + step)) - loss(tl.tensor(values - step))).item() / 2e-6
    assert x.grad[1, 0, 2].item() == pytest.approx(expected, rel=1e-6)


@says("`lstm_cell` gives h and c of one operation")
def both_of_a_cell():
    cell, x = nn.LSTMCell(3, 2), tl.ones(1, 3, requires_grad=True)
    h, c = cell(x)
    seen = []
    c.register_hook(seen.append)
    (h.sum() + 2 * c.sum()).backward()
    np.testing.assert_array_equal(seen[0].numpy(), np.full((1, 2), 2.0))
    h, c = cell(x)
    with pytest.raises(RuntimeError, match="was not used"):
        tl.autograd.grad(h.sum(), c)


@says("Random numbers are NumPy's")
def random_numbers():
    tl.manual_seed(0)
    first = tl.rand(3)
    tl.manual_seed(0)
    assert tl.equal(first, tl.rand(3))
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    assert first.tolist() != torch.rand(3).tolist()


@says("Changing one part of a tensor in place")
def parts():
    x = leaf(1.0, 2.0)
    y = x * 1.0
    squares = y[:1] ** 2
    y[1] = 7.0
    squares.sum().backward()
    assert x.grad.tolist() == [2.0, 0.0]

    def normalised(q):
        q = q * 1.0
        norm = np.linalg.norm(q)
        q /= norm
        return q.sum()

    assert np.isfinite(func.grad(normalised)(np.array([3.0, 4.0]))).all()


@says("A result that was saved and then changed is computed anew")
def computed_anew():
    x, y = leaf(6.0), leaf(3.0)
    z = x / y
    z += 1.0
    z.sum().backward()
    assert y.grad.item() == pytest.approx(-6 / 9)
    a = leaf(2.0, 3.0, 5.0)
    b = a * 1.0
    b[1:].mul_(b[:-1])
    b.sum().backward()
    assert a.grad.tolist() == [4.0, 7.0, 3.0]
    w = leaf(1.0, 2.0)
    v = w.view(2, 1)
    v.sum().backward()
    v.sum().backward()
    assert w.grad.tolist() == [2.0, 2.0]


@says("Writing through `x.data` counts as a change")
def changes_through_data():
    for write in (lambda x: x.data.mul_(2.0), lambda x: setattr(x, "data", tl.zeros(1, dtype=tl.float64))):
        x = leaf(3.0)
        y = x * x
        write(x)
        with pytest.raises(RuntimeError, match="changed in place"):
            y.sum().backward()


@says("Inside function transforms, one element of a value")
def numbers_inside():
    def f(x):
        y = x * 1.0
        first = y[0]
        y[0] = 5.0
        return first * 2.0 + y.sum()

    assert func.grad(f)(np.array([1.0, 1.0])).tolist() == [2.0, 1.0]


@says("Tensors made in `inference_mode`")
def inference():
    with tl.inference_mode():
        c = tl.ones(2, dtype=tl.float64) * 3.0
    x = leaf(1.0, 1.0)
    (x * c).sum().backward()
    assert x.grad.tolist() == [3.0, 3.0]


@says("`x.conj()` is a copy")
def conjugates():
    x = tl.tensor([1 + 1j])
    x.conj().mul_(2)
    assert x.tolist() == [1 + 1j]
    with pytest.raises((RuntimeError, TypeError)):
        tl.zeros(1).expand(3)[[0, 1]] = 1.0


@says("`tl.Tensor(array)` shares the array's memory")
def constructor():
    a = np.arange(3)
    tl.Tensor(a)[0] = 7
    assert a[0] == 7 and tl.Tensor(a).dtype == np.int64
    with pytest.raises(TypeError, match="masked array"):
        tl.tensor(np.ma.masked_array([1.0, 2.0], [True, False]))


@says("dtypes equal NumPy's and go wherever those go")
def names():
    assert np.zeros(2, dtype=tl.float64).dtype == tl.float64
    assert repr(tl.zeros(2, 3).shape) == "(2, 3)" and tl.zeros(2, 3).shape.numel() == 6
    assert repr(tl.zeros(1, dtype=tl.float64)) == "tensor([0.], dtype=float64)"
    assert tl.float32 == np.float32
    assert tl.device("cpu:0") == tl.device("cpu")


@says("`save` writes PyTorch's format under names that end in `.pt`")
def files(tmp_path):
    tl.save({"a": tl.ones(2)}, tmp_path / "x.pt")
    assert (tmp_path / "x.pt").read_bytes()[:2] == b"PK" and tl.load(tmp_path / "x.pt")["a"].tolist() == [1.0, 1.0]
    (tmp_path / "evil.pt").write_bytes(b"\x80\x02cos\nsystem\nX\x04\x00\x00\x00true\x85R.")
    with pytest.raises(ValueError, match=r"os\.system|not|no "):
        tl.load(tmp_path / "evil.pt")
    tl.save({"a": tl.ones(2)}, tmp_path / "x")
    length = int.from_bytes((tmp_path / "x").read_bytes()[:8], "little")
    assert (tmp_path / "x").read_bytes()[8:9] == b"{" and length > 0
    (tmp_path / "x").chmod(0o400)
    with pytest.raises(PermissionError):
        tl.save({"a": tl.zeros(2)}, tmp_path / "x")
    assert tl.load(tmp_path / "x")["a"].tolist() == [1.0, 1.0]


@says("Settings of layers are checked when the layer is made")
def settings():
    with pytest.raises(ValueError, match="LayerNorm"):
        nn.LayerNorm(3, eps=-1.0)
    optimizer = optim.Adam([leaf(1.0)], lr=0.5)
    with pytest.raises((ValueError, RuntimeError, KeyError)):
        optimizer.load_state_dict({})
    assert optimizer.param_groups[0]["lr"] == 0.5


@says("What an optimizer's `state` counts")
def counts_of_steps():
    p = leaf(1.0, 2.0)
    optimizer = tl.optim.NAdam([p])
    for _ in range(3):
        p.grad = p.detach() * 2
        optimizer.step()
    saved = optimizer.state_dict()["state"][0]
    assert optimizer.state[p]["step"] == 3 and type(optimizer.state[p]["step"]) is int
    assert (
        saved["step"].item() == 3 and saved["mu_product"].item() == optimizer.state[p]["mu_product"] and saved["step"].dtype == tl.float32
    )
    for step in (saved["step"], 3):
        again = tl.optim.NAdam([leaf(1.0, 2.0)])
        again.load_state_dict({**optimizer.state_dict(), "state": {0: {**saved, "step": step}}})
        assert next(iter(again.state.values()))["step"] == 3


@says("`func.functional_call` refuses the name of a parametrized tensor")
def parametrized_names():
    layer = nn.utils.parametrizations.weight_norm(nn.Linear(2, 2))
    with pytest.raises((ValueError, KeyError, RuntimeError), match="original"):
        func.functional_call(layer, {"weight": tl.ones(2, 2)}, tl.ones(1, 2))
    assert type(layer) is type(nn.utils.parametrizations.weight_norm(nn.Linear(3, 1)))


@says("`nn.init.trunc_normal_` is exact for every interval")
def exact_formulas():
    tl.manual_seed(0)
    x = nn.init.trunc_normal_(tl.empty(1000, dtype=tl.float64), 0.0, 1.0, 30.0, 31.0)
    assert x.min() >= 30 and x.max() <= 31 and abs(float(x.mean()) - 30 - 1 / 30) < 0.005
    layer, y = nn.CrossMapLRN2d(1, 1.0, 1.0, 1.0), tl.tensor([2.0, 3.0]).reshape(1, 2, 1, 1)
    assert layer(y).flatten().tolist() == pytest.approx([2 / 5, 3 / 10])


@says("Steps recorded by `differentiable=True`")
def recorded_steps():
    rate = leaf(0.25)
    p = leaf(1.0).clone()
    optimizer = optim.SGD([p], lr=rate, differentiable=True)
    for _ in range(3):
        (p.grad,) = tl.autograd.grad((p * p).sum(), p, create_graph=True)
        optimizer.step()
    p.sum().backward()  # p = (1 - 2 lr)^3
    assert p.item() == pytest.approx(0.125) and rate.grad.item() == pytest.approx(-6 * 0.25)
    momenta = leaf(*np.linspace(1.0, 2.0, 6)).detach().reshape(2, 3).requires_grad_()
    momenta.grad = tl.ones(2, 3, dtype=tl.float64)
    optim.Muon([momenta]).step()
    assert momenta.dtype == tl.float64


@says("Padded positions of a `TransformerEncoder`")
def padded_positions():
    tl.manual_seed(0)
    encoder = nn.TransformerEncoder(nn.TransformerEncoderLayer(4, 2, 8, batch_first=True), 1).eval()
    out = encoder(tl.randn(1, 3, 4), src_key_padding_mask=tl.tensor([[False, False, True]]))
    assert out[0, 2].abs().sum() > 0


@says("Gradients of embeddings with `sparse=True` are sparse where the table is a leaf")
def sparse_gradients():
    w, index = tl.ones(3, 2, requires_grad=True), tl.tensor([1])
    nn.functional.embedding(index, w, sparse=True).sum().backward()
    assert w.grad.is_sparse and tl.autograd.grad(nn.functional.embedding(index, w, sparse=True).sum(), w)[0].is_sparse
    assert not tl.autograd.grad(nn.functional.embedding(index, w, sparse=True).sum(), w, create_graph=True)[0].is_sparse
    v = tl.ones(1)
    product = func.jvp(lambda v: tl.sparse_coo_tensor([[0], [0]], v) @ tl.ones(1, 1), (v,), (v,))[1]
    assert product.tolist() == [[1.0]]


@says("A schedule that goes on (`last_epoch`)")
def schedules():
    p = leaf(1.0)
    optimizer = optim.SGD([p], lr=1.0)
    whole = optim.lr_scheduler.StepLR(optimizer, 2, 0.1)
    p.grad = tl.zeros(1, dtype=tl.float64)
    for _ in range(2):
        optimizer.step()
        whole.step()
    assert optimizer.param_groups[0]["lr"] == pytest.approx(0.1)
    optim.lr_scheduler.StepLR(optimizer, 2, 0.1, last_epoch=1)
    assert optimizer.param_groups[0]["lr"] == pytest.approx(0.1)


@says("What is drawn while a batch of a `DataLoader` is read")
def workers():
    seen, found = [], []

    class Drawn(TensorDataset):
        def __getitem__(self, i):
            seen.append(i)  # the list of this process, which a thread shares
            return tl.rand(1)

    for n in (0, 1, 2):
        tl.manual_seed(0)
        context = "thread" if n else None
        loader = DataLoader(Drawn(tl.arange(4)), batch_size=2, num_workers=n, pin_memory=True, multiprocessing_context=context)
        found.append([b.tolist() for b in loader])
    assert found[0] == found[1] == found[2] and sorted(seen) == sorted([0, 1, 2, 3] * 3)


class Stream(IterableDataset):
    def __iter__(self):
        return iter(range(4))


@says("A stream that never asks `get_worker_info`")
def streams():
    assert get_worker_info() is None
    assert [b.tolist() for b in DataLoader(Stream(), batch_size=2, num_workers=2)] == [[0, 1], [2, 3]]


@says("Batches and examples from a `DataLoader`")
def memory():
    x = tl.zeros(4)
    for size in (2, None):
        for (batch,) in DataLoader(TensorDataset(x), batch_size=size):
            batch.sub_(0.5)
    assert x.tolist() == [0.0] * 4


@says("`prefetch_factor=0`, and `timeout` without workers")
def loader_settings():
    for bad in ({"prefetch_factor": 0, "num_workers": 2}, {"timeout": 1.0}):
        with pytest.raises(ValueError, match=next(iter(bad))):
            DataLoader(TensorDataset(tl.zeros(4)), **bad)
    assert list(DataLoader(TensorDataset(tl.zeros(0)), shuffle=True)) == []


@pytest.mark.parametrize("line", LINES, ids=[line[:50] for line in LINES])
@pytest.mark.filterwarnings("ignore:linalg")
def test_each_line_is_true(line, tmp_path):
    (assertion,) = [f for beginning, f in SAID.items() if line.startswith(beginning)]
    assertion(tmp_path) if assertion.__code__.co_argcount else assertion()


def test_nothing_is_asserted_that_the_readme_does_not_say():
    assert len(LINES) == len(SAID) > 20
    assert all(any(line.startswith(beginning) for line in LINES) for beginning in SAID)
