"""Recorded writes through views: random programs of views and in-place changes, against central differences and PyTorch.

A program works on a few tensors that may share memory. It is run with numbers only (plain NumPy semantics of views), and on the
tape; the derivative of its result with respect to the inputs must agree, or the tape must say that a saved value was changed.
"""

from __future__ import annotations

import gc
import weakref

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tensorflowlite_clone as tl
from tensorflowlite_clone._errors import VersionError
from tensorflowlite_clone.core import versions, windows
from tensorflowlite_clone.core.boxed import Boxed
from tensorflowlite_clone.func import grad, hessian, jacfwd, jvp, vmap
from tensorflowlite_clone.ops.inplace import mutation

VIEWS = {
    "row": lambda t, k: t[k % t.shape[0]] if t.ndim else t,
    "rows": lambda t, k: t[k % t.shape[0] :] if t.ndim else t,
    "steps": lambda t, k: t[..., :: 1 + k % 2] if t.ndim else t,
    "columns": lambda t, k: t[..., : max(1, t.shape[-1] - k % 2)] if t.ndim else t,
    "transpose": lambda t, k: t.permute(*reversed(range(t.ndim))) if t.ndim else t,
    "unsqueeze": lambda t, k: t.unsqueeze(k % (t.ndim + 1)),
    "same": lambda t, k: t.view(t.shape) if hasattr(t, "view") else t,
    "flat": lambda t, k: t.reshape(-1),
    "diagonal": lambda t, k: t.diagonal() if t.ndim == 2 else t,
}
CHANGES = ("mul_w", "add_w", "sin_", "scale", "fill", "set_row", "set_mask", "copy_w", "square_", "iadd", "set_from_other", "zero_")


def change(T, t, name, w, k, others):
    """Change ``t`` in place; ``w`` is a 0-d tensor."""
    if name == "mul_w":
        t.mul_(w)
    elif name == "add_w":
        t.add_(w)
    elif name == "sin_":
        t.sin_()
    elif name == "scale":
        t *= 0.5 + k % 3
    elif name == "fill":
        t.fill_(w)
    elif name == "set_row" and t.ndim:
        t[k % t.shape[0]] = w * 2.0
    elif name == "set_mask" and t.ndim:
        t[..., 0] = 0.25 * k
    elif name == "copy_w":
        t.copy_(w)
    elif name == "square_":
        t.mul_(t)
    elif name == "iadd":
        t += w * w
    elif name == "set_from_other" and t.ndim:
        other = others[k % len(others)]
        t[0] = other.sum() * 0.1
    elif name == "zero_":
        t.zero_()


def run(T, x, w, program, like=None):
    """The result of ``program`` on a (3, 4) tensor ``x`` and a 0-d one, ``w``; inside a transform ``like`` is one of its values."""
    zeros = T.zeros(2, 3, dtype=T.float64) if like is None else T.zeros_like(like)[:2, :3].clone()
    tensors = [x * 1.0, zeros]
    for kind, which, k, extra in program:
        t = tensors[which % len(tensors)]
        if kind in VIEWS:
            tensors.append(VIEWS[kind](t, k))
        elif kind == "product":
            tensors.append(t * w + 0.1)
        elif kind == "forget":
            if len(tensors) > 2:
                del tensors[which % len(tensors)]
        else:
            change(T, t, kind, w if extra % 2 else w * 1.5, k, tensors)
    return sum((t * (0.3 + 0.1 * i)).sum() + (t * t).sum() * 0.01 for i, t in enumerate(tensors))


STEP = st.tuples(
    st.sampled_from([*VIEWS, *CHANGES, *CHANGES, "product", "forget"]), st.integers(0, 50), st.integers(0, 5), st.integers(0, 1)
)
X = np.linspace(-0.9, 0.8, 12).reshape(3, 4)


def numeric(program, dx, dw, h=1e-5):
    def at(s):
        with tl.no_grad():
            return run(tl, tl.Tensor(X + s * dx), tl.Tensor(np.array(0.7 + s * dw)), program).item()

    return (8 * (at(h) - at(-h)) - (at(2 * h) - at(-2 * h))) / (12 * h)


def tape(T, program):
    x, w = T.tensor(X, requires_grad=True), T.tensor(0.7, dtype=T.float64, requires_grad=True)
    loss = run(T, x, w, program)
    if not loss.requires_grad:
        return loss.item(), np.zeros_like(X), 0.0
    gx, gw = T.autograd.grad(loss, [x, w], allow_unused=True)
    return loss.item(), np.zeros_like(X) if gx is None else gx.numpy(), 0.0 if gw is None else gw.item()


@settings(deadline=None, max_examples=300)
@given(program=st.lists(STEP, min_size=1, max_size=9))
def test_random_programs_of_views_and_changes(program):
    try:
        _, gx, gw = tape(tl, program)
    except VersionError:
        return
    rng = np.random.default_rng(0)
    dx, dw = rng.normal(size=X.shape), rng.normal()
    expected = numeric(program, dx, dw)
    np.testing.assert_allclose(np.sum(gx * dx) + gw * dw, expected, rtol=1e-6, atol=1e-7)


@settings(deadline=None, max_examples=150)
@given(program=st.lists(STEP, min_size=1, max_size=8))
def test_random_programs_agree_with_pytorch(program):
    torch = pytest.importorskip("torch")
    try:
        theirs = tape(torch, program)
    except RuntimeError:
        return  # PyTorch refuses more: we save copies of what an in-place change itself needs
    ours = tape(tl, program)
    for a, b in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-12)


def numpy_program(u):
    """A program of the kind NumPy's users write: filled by index, changed through slices, with views that see it."""
    out = np.zeros_like(u)
    out[0] = np.sin(u[0])
    for i in range(1, len(u)):
        out[i] = out[i - 1] * u[i] + 1.0
    inner, head = out[1:-1], out[:2]
    inner += u[2:] - u[:-2]
    inner *= inner
    head[...] = head[::-1].copy()
    grid = out.reshape(2, -1)
    grid[:, 0] = grid[:, 1].copy() * out[-1]
    kept = out[:2]
    total = np.sum(kept * kept)  # saves a part of the memory
    out[-1] = total  # another part changes
    return np.sum(out * out) + total


def test_a_numpy_program_differentiates_in_every_mode():
    u, t = np.array([0.3, 0.5, -0.7, 1.1]), np.array([1.0, -2.0, 0.5, 0.3])
    h = 1e-5

    def slope(f):
        return (8 * (f(u + h * t) - f(u - h * t)) - (f(u + 2 * h * t) - f(u - 2 * h * t))) / (12 * h)

    f = numpy_program
    before = u.copy()
    first, second = slope(f), slope(grad(f))
    np.testing.assert_allclose(grad(f)(u) @ t, first, rtol=1e-8)
    np.testing.assert_allclose(jvp(f, (u,), (t,))[1], first, rtol=1e-8)
    np.testing.assert_allclose(vmap(f)(np.stack([u, 2 * u])), [f(u), f(2 * u)])
    np.testing.assert_allclose(vmap(grad(f))(np.stack([u, u])) @ t, [first, first], rtol=1e-8)
    np.testing.assert_allclose(jacfwd(f)(u) @ t, first, rtol=1e-8)
    np.testing.assert_allclose(jvp(grad(f), (u,), (t,))[1], second, rtol=1e-7)
    np.testing.assert_allclose(hessian(f)(u) @ t, second, rtol=1e-7)
    np.testing.assert_allclose(grad(lambda u: np.sum(grad(f)(u) * t))(u), second, rtol=1e-7)
    np.testing.assert_allclose(grad(lambda u: jvp(f, (u,), (t,))[1])(u), second, rtol=1e-7)
    np.testing.assert_array_equal(u, before)


def test_a_saved_part_stays_good_while_other_parts_change():
    x = tl.tensor([1.0, 2.0, 3.0], requires_grad=True)
    u = x * 1.0
    head, tail = u[:2], u[2:]
    y = (head * head).sum()
    tail.mul_(2.0)
    u[2:] = y
    y.backward(retain_graph=True)
    assert x.grad.tolist() == [2.0, 4.0, 0.0]
    u[1:] = 0.0
    with pytest.raises(RuntimeError, match=r"of shape \(2,\), saved by mul .* was changed by x\[index\] = value"):
        y.backward()


NESTED = {
    "grad": lambda f, x, d: np.sum(grad(f)(x) * d),
    "jvp": lambda f, x, d: jvp(f, (x,), (d,))[1],
    "vmap jvp": lambda f, x, d: vmap(lambda x: jvp(f, (x,), (d,))[1])(np.stack([x, x]))[1],
    "vmap grad": lambda f, x, d: np.sum(vmap(grad(f))(np.stack([x, x]))[0] * d),
    "jvp vmap": lambda f, x, d: jvp(vmap(f), (np.stack([x, x]),), (np.stack([d, d]),))[1][0],
    "grad jvp": lambda f, x, d: grad(lambda s: jvp(lambda s: f(x + s * d), (s,), (np.array(1.0),))[0])(np.array(0.0)),
}


@settings(deadline=None, max_examples=120)
@given(program=st.lists(STEP, min_size=1, max_size=8), mode=st.sampled_from(sorted(NESTED)))
def test_random_programs_inside_transforms(program, mode):
    program = [s for s in program if s[0] not in ("row", "set_from_other")] + [("rows", 0, 1, 0)]
    w = tl.tensor(0.7, dtype=tl.float64)

    def f(x):
        return run(tl, x if isinstance(x, Boxed) else tl.Tensor(x), w, program, like=x)

    rng = np.random.default_rng(1)
    d = rng.normal(size=X.shape)
    try:
        slope = NESTED[mode](f, X, d)
    except VersionError:
        return
    np.testing.assert_allclose(slope, numeric(program, d, 0.0), rtol=1e-6, atol=1e-7)


def test_a_write_through_a_view_reaches_the_base_and_the_other_views():
    x = tl.tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
    w = tl.tensor(3.0, requires_grad=True)
    y = x * 1.0
    row, column = y[0], y[:, 0]
    row.mul_(w)
    assert y.tolist() == [[3.0, 6.0], [3.0, 4.0]]
    (column * tl.tensor([1.0, 10.0])).sum().backward()
    assert x.grad.tolist() == [[3.0, 0.0], [10.0, 0.0]]
    assert w.grad.item() == 1.0


def test_views_of_views_and_transposed_bases():
    x = tl.tensor(np.arange(6.0).reshape(2, 3), requires_grad=True)
    y = (x * 1.0).t() * 1.0  # its memory runs column by column
    inner = y[1:][:, 1]
    inner.mul_(inner)
    y.sum().backward()
    expected = np.ones((2, 3))
    expected[1, 1:] = 2 * np.arange(6.0).reshape(2, 3)[1, 1:]
    np.testing.assert_array_equal(x.grad.numpy(), expected)


def test_a_tensor_without_history_gets_one_through_its_view():
    w = tl.tensor([1.0, 2.0], requires_grad=True)
    out = tl.zeros(3, 2)
    for i in range(3):
        out[i].copy_(w * (i + 1.0))
    assert out.requires_grad
    (out * out).sum().backward()
    assert w.grad.tolist() == [28.0, 56.0]


def test_the_whole_is_rebuilt_when_only_views_are_left():
    x = tl.tensor([1.0, 2.0, 3.0, 4.0], requires_grad=True)
    y = x * 2.0
    a, b = y[:3], y[1:]
    del y
    a.mul_(a)
    a.mul_(2.0)
    b[0] = 0.0
    (a.sum() + 10 * b.sum()).backward()
    # a = [2 (2x0)^2, 0, 2 (2x2)^2], b = [0, 2 (2x2)^2, 2x3]
    assert x.grad.tolist() == [16.0, 0.0, 11 * 16.0 * 3.0, 20.0]


def test_detached_tensors_have_a_history_of_their_own():
    x = tl.tensor([1.0, 2.0], requires_grad=True)
    w = tl.tensor(5.0, requires_grad=True)
    y = x * 1.0
    apart = y.detach()
    apart.mul_(w)
    assert apart.requires_grad
    assert y.tolist() == [5.0, 10.0]
    y.sum().backward()
    assert x.grad.tolist() == [1.0, 1.0]  # as in PyTorch: the tape of y knows nothing of it
    assert w.grad is None


@pytest.mark.parametrize(
    "write",
    [
        lambda x: x[0].mul_(2.0),
        lambda x: x.reshape(-1).zero_(),
        lambda x: x.t().add_(1.0),
        lambda x: x[0].__setitem__(0, 5.0),
        lambda x: x.diagonal().fill_(1.0),
    ],
)
def test_views_of_leaves_refuse_and_change_nothing(write):
    x = tl.ones(2, 2, requires_grad=True)
    with pytest.raises(RuntimeError, match=r"shares the memory of a leaf that requires grad.*no_grad\(\), or clone\(\) the leaf"):
        write(x)
    assert x.tolist() == [[1.0, 1.0], [1.0, 1.0]]
    with tl.no_grad():
        write(x)


def test_many_short_lived_views_are_forgotten():
    x = tl.ones(4, requires_grad=True)
    y = x * 1.0
    for i in range(200):
        y[i % 4].mul_(1.01)
    assert len(y.views.members) < 60
    y.sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), np.full(4, 1.01**50), rtol=1e-5)


def test_nothing_is_kept_alive_by_views():
    gc.disable()
    try:
        x = tl.ones(3, requires_grad=True)
        y = x * 1.0
        view = y[:2]
        view.mul_(view)
        z = view.sum() + y.sum()
        y[0] = z * 0.5
        dead = [weakref.ref(t.node) for t in (y, view, z)] + [weakref.ref(y), weakref.ref(view)]
        del y, view, z
        assert all(d() is None for d in dead)
    finally:
        gc.enable()


def test_higher_derivatives_through_written_views():
    def f(x, w):
        y = x * 1.0
        y[1:].mul_(w * x[:1])
        return (y * y * y).sum()

    x, w = tl.tensor([1.0, 2.0, 3.0], dtype=tl.float64, requires_grad=True), tl.tensor(0.5, dtype=tl.float64, requires_grad=True)
    (g,) = tl.autograd.grad(f(x, w), x, create_graph=True)
    second = np.stack([tl.autograd.grad(g[i], x, retain_graph=True)[0].numpy() for i in range(3)])
    h = 1e-4
    expected = np.zeros((3, 3))
    for j in range(3):
        e = np.eye(3)[j] * h
        up, down = (tl.tensor(x.detach().numpy() + s * e, requires_grad=True) for s in (1, -1))
        expected[:, j] = (tl.autograd.grad(f(up, w), up)[0] - tl.autograd.grad(f(down, w), down)[0]).numpy() / (2 * h)
    np.testing.assert_allclose(second, expected, rtol=1e-5, atol=1e-6)


def test_a_reshape_that_has_to_copy_is_no_view():
    x = tl.tensor(np.arange(6.0).reshape(2, 3), requires_grad=True)
    y = x * 1.0
    apart = y.t().reshape(-1)  # the memory runs the other way: a copy
    apart.mul_(2.0)
    assert y.tolist() == [[0.0, 1.0, 2.0], [3.0, 4.0, 5.0]]
    (y.sum() + 3.0 * apart[0]).backward()
    assert x.grad.tolist() == [[7.0, 1.0, 1.0], [1.0, 1.0, 1.0]]


@pytest.mark.parametrize("mode", [tl.no_grad, tl.inference_mode])
def test_a_view_made_while_nothing_was_recorded_is_still_a_view(mode):
    """PyTorch refuses to write through such a view. The memory has a history all the same, and the derivative is that."""
    x = tl.tensor([1.0, 2.0, 4.0], requires_grad=True)
    y = x * 2.0
    with mode():
        view = y[:2]
    view.mul_(3.0)
    view[0] = x[2]
    (y * tl.tensor([1.0, 10.0, 100.0])).sum().backward()
    assert y.tolist() == [4.0, 12.0, 8.0]
    assert x.grad.tolist() == [0.0, 60.0, 201.0]


def test_a_view_cannot_leave_the_tape_alone():
    y = tl.ones(2, requires_grad=True) * 1.0
    with pytest.raises(RuntimeError, match=r"detach_: a view \(shape \(1,\)\) cannot leave the tape.*use detach\(\)"):
        y[:1].detach_()
    assert not y.detach_().requires_grad


def parts_program(T, z, w):
    """Writes through the real and imaginary parts of a complex tensor, and through complex views of a real one."""
    y = z * 1.0
    turned = y.t()
    turned.imag[0].mul_(w)
    y.real[:, 1] = w * 2.0
    pairs = T.view_as_real(y)
    pairs[..., 0].sin_()
    pairs[0].mul_(pairs[1].clone())
    parts = T.view_as_real(z) * 1.0
    T.view_as_complex(parts).mul_(z)
    T.view_as_complex(parts)[0].mul_(1j)
    return (y.abs() ** 3).sum() + (turned.real * y.imag).sum() + (parts * parts[0]).sum()


def test_complex_tensors_and_their_parts_are_views_of_each_other():
    torch = pytest.importorskip("torch")
    start = np.array([[1 + 2j, 3 - 1j], [0.5j, -1 + 0.1j]])
    found = []
    for T in (tl, torch):
        z, w = T.tensor(start, requires_grad=True), T.tensor(3.0, dtype=T.float64, requires_grad=True)
        first = T.autograd.grad(parts_program(T, z, w), [z, w], create_graph=True)
        second = T.autograd.grad(first[0].abs().sum() + first[1], [z, w])
        found.append([g.detach().numpy() for g in (*first, *second)])
    for a, b in zip(*found, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9)


@pytest.mark.parametrize("n", [100, 3000])
def test_filling_step_by_step_looks_at_each_view_a_few_times_only(n, monkeypatch):
    """Every step saves a view of the step before; that must not make the later writes slower."""
    looked = []

    def counted(a, b, look=windows.overlap):
        looked.append(1)
        return look(a, b)

    for module in (versions, mutation):
        monkeypatch.setattr(module, "overlap", counted)
    w = tl.tensor([0.5, 1.0], dtype=tl.float64, requires_grad=True)
    y = tl.zeros(n, 2, dtype=tl.float64)
    y[0] = w
    for i in range(1, n):
        y[i] = y[i - 1] * w
    y.sum().backward()
    assert len(looked) <= 4 * n
    np.testing.assert_allclose(w.grad.numpy(), [4.0 - (n + 2) * 0.5 ** (n - 1), n * (n + 1) / 2], rtol=1e-12)


def test_windows_are_found_by_what_they_show():
    rng = np.random.default_rng(0)
    memory = np.zeros((6, 7, 5))
    found, parts = windows.Windows(), []
    for i in range(200):
        index = tuple(slice(*sorted(rng.integers(0, n + 1, 2)), int(rng.integers(1, 4))) for n in memory.shape)
        part = memory[index].transpose(rng.permutation(3))
        part = part[::-1] if i % 3 else part
        parts.append(part)
        found.add(part, i)
    for part in parts:
        near = set(found.near(part))
        assert near >= {i for i, other in enumerate(parts) if np.shares_memory(part, other)}
        assert near == {i for i, other in enumerate(parts) if np.may_share_memory(part, other)}


STRIDED = {
    "t": (lambda x: x.t(), (6,)),
    "transpose": (lambda x: x.transpose(0, 1), (2, 3)),
    "part of a row": (lambda x: x[:, 1:], (4,)),
    "every other": (lambda x: x[:, ::2], (4,)),
    "expand": (lambda x: x[:1].expand(2, 3), (6,)),
    "movedim": (lambda x: x.view(2, 3, 1).movedim(0, 2), (6,)),
    "flipped back": (lambda x: x.unfold(1, 2, 1), (8,)),
}


@pytest.mark.parametrize("mode", ["eager", "grad", "jvp", "vmap"])
@pytest.mark.parametrize("name", STRIDED)
def test_view_never_copies(name, mode):
    make, shape = STRIDED[name]

    def viewed(x):
        return make(x).view(*shape).sum()

    def reshaped(x):
        return make(x).reshape(*shape).sum()

    x = tl.arange(6.0, dtype=tl.float64).view(2, 3)
    modes = {"eager": lambda f: f(x), "grad": lambda f: grad(f)(x), "jvp": lambda f: jvp(f, (x,), (x,)), "vmap": lambda f: vmap(f)(x[None])}
    modes[mode](reshaped)
    with pytest.raises(RuntimeError, match=r"view: no view of shape .* strides .*use reshape\(\)"):
        modes[mode](viewed)
    with pytest.raises(RuntimeError, match="view_as: no view"):
        make(x).view_as(tl.zeros(shape))


def test_view_shares_memory_wherever_the_strides_allow_it():
    x = tl.zeros(4, 6)
    for make, shape in [
        (lambda x: x, (2, 2, 3, 2)),
        (lambda x: x.t(), (3, 2, 4)),
        (lambda x: x[:, :4], (2, 2, 4)),
        (lambda x: x[:, ::2], (4, 3, 1)),
        (lambda x: x.t()[:, ::2], (2, 3, 2)),
    ]:
        x.zero_()
        make(x).view(shape).add_(1.0)
        assert make(x).sum() == make(x).numel()
    assert tl.zeros(0, 3).t().view(0, 5).shape == (0, 5)
    assert tl.zeros(3, 1).t().view(-1).shape == (3,)


@pytest.mark.parametrize("mode", ["eager", "grad", "jvp", "vmap", "jacfwd"])
@pytest.mark.parametrize("name", [n for n in STRIDED if n != "every other"])
def test_contiguous_makes_a_view_possible(name, mode):
    """The idiom of attention, ``x.transpose(1, 2).contiguous().view(...)``, in every mode."""
    make, shape = STRIDED[name]

    def viewed(x):
        assert not make(x).is_contiguous()
        copies = make(x).contiguous(), make(x).clone(memory_format=tl.contiguous_format)
        return (copies[0].view(*shape) ** 2).sum() + (copies[1].view(*shape) ** 3).sum()

    def reshaped(x):
        return (make(x).reshape(*shape) ** 2).sum() + (make(x).reshape(*shape) ** 3).sum()

    x = tl.arange(6.0, dtype=tl.float64).view(2, 3)
    modes = {"eager": lambda f: f(x), "grad": lambda f: grad(f)(x), "jvp": lambda f: jvp(f, (x,), (x,))[1]}
    modes |= {"vmap": lambda f: vmap(f)(x[None]), "jacfwd": lambda f: jacfwd(f)(x)}
    np.testing.assert_allclose(modes[mode](viewed).numpy(), modes[mode](reshaped).numpy())
