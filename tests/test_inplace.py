"""In-place changes, in what comparisons with PyTorch cannot say: identity of memory, versions, views, refusals, transforms."""

from __future__ import annotations

import numpy as np
import pytest

import tensorflowlite_clone as tl
from tensorflowlite_clone.core.registry import INPLACE, METHODS
from tensorflowlite_clone.ops.inplace.mutation import mutate
from tensorflowlite_clone.ops.inplace.twins import AUGMENTED

INTEGERS = {"gcd", "lcm", "bitwise_and", "bitwise_or", "bitwise_xor", "bitwise_not", "bitwise_left_shift", "bitwise_right_shift"}
#: Twins that may work on the memory itself, and by which NumPy function.
DIRECT = {name: ufunc for name, (_, ufunc) in INPLACE.items() if isinstance(ufunc, np.ufunc) and name not in INTEGERS}


def ones(*shape, requires_grad=False, dtype=np.float64):
    return tl.Tensor(np.ones(shape, dtype), requires_grad=requires_grad)


# ---- plain memory -------------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", [*DIRECT, "clamp", "relu", "lerp", "pow", "masked_fill"])
def test_plain_changes_keep_the_memory_and_count_the_version(name):
    args = {"clamp": (0.0, 0.5), "lerp": (ones(3), 0.3), "pow": (2.0,), "masked_fill": (tl.tensor([True, False, True]), 2.0)}.get(name)
    if args is None:
        args = (ones(3) * 3.0,) if DIRECT.get(name, np.negative).nin == 2 else ()
    values = np.array([0.3, 0.7, 0.9])
    x = tl.from_numpy(values)
    expected = METHODS[name](tl.tensor(values), *args)
    assert getattr(x, f"{name}_")(*args) is x
    assert x.array is values
    np.testing.assert_allclose(values, expected.numpy(), rtol=1e-15)
    assert x.version.count == 1


def test_every_twin_has_its_function():
    for name in INPLACE:
        assert f"{name}_" in METHODS
        assert METHODS[name] is not METHODS[f"{name}_"]


@pytest.mark.parametrize("name", sorted(INTEGERS))
def test_functions_of_integers_refuse_others_in_place_as_they_do_elsewhere(name):
    x = ones(3)
    args = (ones(3),) if INPLACE[name][1].nin == 2 else ()
    with pytest.raises(TypeError) as plain:
        METHODS[name](x, *args)
    with pytest.raises(TypeError) as in_place:
        getattr(x, f"{name}_")(*args)
    assert str(in_place.value) == str(plain.value)
    assert x.version is None


def test_direct_and_general_path_agree():
    """The NumPy function of the direct path and the operation of the general one give the same float32."""
    rng = np.random.default_rng(0)
    a, b = rng.uniform(0.1, 2.0, (2, 50)).astype(np.float32)
    for name, ufunc in DIRECT.items():
        args = (tl.tensor(b),) if ufunc.nin == 2 else ()
        direct = getattr(tl.tensor(a), f"{name}_")(*args).numpy()
        general = METHODS[name](tl.tensor(a), *args).numpy()
        np.testing.assert_allclose(direct, general, rtol=5e-7, err_msg=name)  # 4 units in the last place


def test_numbers_do_not_widen():
    x = ones(3, dtype=np.float32)
    x += 0.1
    x *= np.float64(2.0)
    x -= ones(3)  # float64
    assert x.dtype == np.float32
    np.testing.assert_allclose(x.numpy(), np.full(3, 1.2), rtol=1e-6)


def test_augmented_assignment_keeps_the_object():
    for operator, (symbol, _) in AUGMENTED.items():
        x = tl.tensor([5, 6]) if operator in ("and", "or", "xor", "lshift", "rshift") else tl.tensor([5.0, 6.0])
        if operator == "truediv":
            x = x.double()
        expected = METHODS[f"__{operator}__"](x, 2)
        memory = x.array
        assert getattr(x, f"__i{operator}__")(2) is x, symbol
        assert x.array is memory
        np.testing.assert_array_equal(x.numpy(), expected.numpy())


def test_augmented_assignment_with_other_objects_is_python_s():
    x = ones(2)
    with pytest.raises(TypeError, match="str"):
        x += "a"

    class Left:
        def __radd__(self, other):
            return "mine"

    y = ones(2)
    y += Left()
    assert y == "mine"


def test_views_and_detached_tensors_see_the_change():
    x = tl.zeros(2, 3)
    row, flat, apart = x[1], x.reshape(6), x.detach()
    row.fill_(5.0)
    flat[0] = 1.0
    assert x.tolist() == [[1.0, 0.0, 0.0], [5.0, 5.0, 5.0]]
    assert apart.tolist() == x.tolist()
    assert x.version is row.version is flat.version is apart.version
    assert x.version.count == 2


def test_overlapping_source_and_target():
    x = tl.arange(5)
    x[1:] = x[:-1]
    assert x.tolist() == [0, 0, 1, 2, 3]
    y = tl.arange(5.0)
    y[:-1].copy_(y[1:])
    assert y.tolist() == [1, 2, 3, 4, 4]


def test_parameters_change_under_no_grad_in_place():
    w = ones(3, requires_grad=True)
    memory = w.array
    with tl.no_grad():
        w.sub_(0.5)
        w.add_(ones(3), alpha=-0.25)
        w -= 0.25
        w[0] = 9.0
        w.mul_(w)
    assert w.array is memory
    assert w.is_leaf
    assert w.requires_grad
    assert w.tolist() == [81.0, 0.0, 0.0]


def test_what_does_not_warn():
    with np.errstate(all="raise"):
        tl.tensor([0.0, -1.0]).log_()
        tl.tensor([0.0]).reciprocal_()
        x = tl.tensor([1e38])
        x *= 1e38
        assert x.item() == float("inf")
        tl.arange(3).copy_(tl.tensor([1.0, 2.0, float("nan")]))


# ---- on the tape ------------------------------------------------------------------------------------------------------------------
def test_old_values_that_the_change_itself_needs_are_kept():
    x = ones(3, requires_grad=True)
    w = tl.Tensor(np.full(3, 3.0), requires_grad=True)
    y = x * 2.0
    y.mul_(w)  # d/dw needs the 2, which is overwritten by 6
    y.pow_(2)  # d/dy needs the 6
    y.sin_()
    y.sum().backward()
    slope = np.cos(36.0) * 2 * 6.0
    np.testing.assert_allclose(w.grad.numpy(), slope * 2.0)
    np.testing.assert_allclose(x.grad.numpy(), slope * 3.0 * 2.0)


def test_old_values_are_kept_where_the_memory_is_shared_too():
    x = ones(3, requires_grad=True)
    y = x * 2.0
    apart = y.detach()
    y.mul_(y)
    assert apart.tolist() == [4.0, 4.0, 4.0]
    y.sum().backward()
    assert x.grad.tolist() == [8.0, 8.0, 8.0]


def test_numpy_array_that_shares_memory_sees_recorded_changes():
    memory = np.zeros(3)
    x, w = tl.from_numpy(memory), ones(3, requires_grad=True)
    for k in range(3):
        x += w
        assert memory.tolist() == [k + 1.0] * 3
    y = w * 2.0
    shown = y.numpy(force=True)
    y += 1.0
    assert shown.tolist() == [3.0, 3.0, 3.0]
    (x.sum() + y.sum()).backward()
    assert w.grad.tolist() == [5.0, 5.0, 5.0]


def test_values_others_saved_are_guarded():
    x = ones(3, requires_grad=True)
    for change in (lambda y: y.add_(1.0), lambda y: y.__setitem__(0, 5.0), lambda y: y.zero_(), lambda y: y.detach().add_(1.0)):
        y = x * 2.0
        z = (y * y).sum()
        change(y)
        with pytest.raises(RuntimeError, match=r"mul: a value needed for the gradient was changed in place"):
            z.backward()
    y = x.exp()
    y += 1.0
    with pytest.raises(RuntimeError, match="its result of shape"):
        y.sum().backward()
    y = x.sigmoid()
    y.detach().zero_()
    with pytest.raises(RuntimeError, match="its result of shape"):
        y.sum().backward()


def test_results_of_in_place_changes_are_guarded_as_well():
    x = ones(3, requires_grad=True)
    y = (x * 1.0).exp_()
    z = (y * y).sum()
    y.mul_(2.0)
    with pytest.raises(RuntimeError, match="changed in place"):
        z.backward()
    y = (x * 1.0).exp_()  # saved in memory of its own: a later change does no harm
    y.mul_(2.0)
    y.sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), 2.0 * np.e)
    x.grad = None
    y = (x * 1.0).exp_()
    with tl.no_grad():
        y.zero_()
    y.sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), np.e)


def test_constants_stay_on_the_tape_with_gradient_zero():
    x = ones(3, requires_grad=True)
    y = x * 2.0
    y.zero_()
    assert y.requires_grad
    y.sum().backward()
    assert x.grad.tolist() == [0.0, 0.0, 0.0]


def test_a_plain_tensor_joins_the_tape():
    w = ones(2, requires_grad=True)
    out = tl.zeros(3, 2, dtype=tl.float64)
    for k in range(3):
        out[k] = w * float(k)
    assert out.requires_grad
    assert not out.is_leaf
    out.sum().backward()
    assert w.grad.tolist() == [3.0, 3.0]


def test_copying_from_a_leaf_does_not_make_the_copy_a_leaf():
    w = ones(2, requires_grad=True)
    x = tl.zeros(2, dtype=tl.float64)
    x.copy_(w)
    assert not x.is_leaf
    x.mul_(3.0)
    assert w.tolist() == [1.0, 1.0]
    w_view_marks = w.version
    assert w_view_marks is None
    x.sum().backward()
    assert w.grad.tolist() == [3.0, 3.0]


def test_gradients_have_the_dtype_of_their_tensor_after_mixed_changes():
    x, w = tl.ones(3, requires_grad=True), ones(3, requires_grad=True)
    y = x * 1.0
    y += w
    y[0] = w[0]
    assert y.dtype == np.float32
    y.sum().backward()
    assert x.grad.dtype == np.float32
    assert w.grad.dtype == np.float64
    assert x.grad.tolist() == [0.0, 1.0, 1.0]
    assert w.grad.tolist() == [1.0, 1.0, 1.0]


def test_create_graph_through_changes():
    x = tl.tensor([2.0], dtype=tl.float64, requires_grad=True)
    y = x * 1.0
    y *= x
    y *= x
    (g,) = tl.autograd.grad(y.sum(), x, create_graph=True)
    (h,) = tl.autograd.grad(g.sum(), x, create_graph=True)
    (third,) = tl.autograd.grad(h.sum(), x)
    assert (g.item(), h.item(), third.item()) == (12.0, 12.0, 6.0)


def test_graph_of_an_in_place_chain_is_freed_by_reference_counting():
    import gc
    import weakref

    gc.disable()
    try:
        x = ones(3, requires_grad=True)
        y = x * 2.0
        y += 1.0
        y *= y
        node = weakref.ref(y.node)
        y.sum().backward()
        del y
        assert node() is None
    finally:
        gc.enable()


# ---- refusals ---------------------------------------------------------------------------------------------------------------------
def on_tape():
    return ones(2, 3, requires_grad=True) * 1.0


def gaps():
    return tl.from_numpy(np.ones((2, 4))[:, ::2])


REFUSED = {
    "leaf": (lambda: ones(2, requires_grad=True).add_(1.0), RuntimeError, r"add_: a leaf .*\(shape \(2,\)\).*no_grad"),
    "leaf, item": (lambda: ones(2, requires_grad=True).__setitem__(0, 1.0), RuntimeError, r"x\[index\] = value: a leaf.*no_grad"),
    "leaf, +=": (lambda: ones(2, requires_grad=True).__iadd__(1.0), RuntimeError, r"\+=: a leaf"),
    "leaf, shape": (lambda: ones(2, requires_grad=True).unsqueeze_(0), RuntimeError, "unsqueeze_: a leaf"),
    "view of a leaf": (lambda: ones(2, 3, requires_grad=True)[0].add_(1.0), RuntimeError, r"add_: .*\(shape \(3,\)\) shares .*leaf.*clone"),
    "view with gaps": (lambda: gaps()[0].mul_(ones(1, requires_grad=True)), RuntimeError, r"strides \(32, 16\)\) has gaps.*clone"),
    "expanded": (lambda: tl.zeros(1, 3).expand(2, 3).add_(1.0), TypeError, r"add_: several places of this tensor.*clone\(\)"),
    "frozen array": (lambda: tl.from_numpy(np.broadcast_to(0.0, 3)).__setitem__(0, 1.0), TypeError, "read-only|several places"),
    "larger result": (lambda: ones(3).add_(ones(2, 3)), RuntimeError, r"add_: .*the tensor is \(3,\), the result \(2, 3\)"),
    "more dimensions": (lambda: ones(3).add_(ones(1, 3)), RuntimeError, r"\(3,\), the result \(1, 3\)"),
    "shapes that never fit": (lambda: ones(3).mul_(ones(2)), RuntimeError, r"mul: shapes do not broadcast.*\(3,\).*\(2,\)"),
    "float into integers": (lambda: tl.arange(3).add_(0.5), RuntimeError, "add_: the result is float32 and does not fit .* int64"),
    "quotient into integers": (lambda: tl.arange(3).div_(2), RuntimeError, "does not fit this tensor of int64"),
    "complex into floats": (lambda: ones(3).fill_(1j), RuntimeError, "a complex value does not fit a tensor of float64"),
    "complex item": (lambda: ones(3).__setitem__(0, 1j), RuntimeError, "a complex value does not fit a tensor of float64"),
    "copy shape": (lambda: ones(3).copy_(ones(2)), RuntimeError, r"copy_: the source does not broadcast.*\(2,\), the tensor \(3,\)"),
    "copy more": (lambda: ones(3).copy_(ones(1, 3)), RuntimeError, r"\(1, 3\), the tensor \(3,\)"),
    "fill shape": (lambda: ones(3).fill_(ones(3)), RuntimeError, r"fill_: the value must be a number.*\(3,\)"),
    "item shape": (lambda: ones(3).__setitem__(slice(1), ones(2)), RuntimeError, r"x is \(3,\), x\[index\] is \(1,\), the value \(2,\)"),
    "item range": (lambda: ones(3).__setitem__(5, 1.0), IndexError, r"index 5 is out of range: .*\(3,\) has size 3"),
    "recorded item range": (lambda: on_tape().__setitem__(5, 1.0), IndexError, "index 5 is out of range"),
    "recorded item shape": (lambda: on_tape().__setitem__(0, ones(2)), RuntimeError, r"x is \(2, 3\), .* is \(3,\), the value \(2,\)"),
    "index_put dtype": (lambda: ones(3).index_put((tl.tensor([0]),), tl.ones(1)), RuntimeError, "index_put: the values must have"),
    "diagonal": (lambda: ones(3).fill_diagonal_(1.0), RuntimeError, r"fill_diagonal_: needs a matrix.*\(3,\)"),
    "no tensor": (lambda: mutate(np.ones(3), "add_", lambda t: t), TypeError, "add_: cannot change a ndarray, which is no tensor"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name):
    call, kind, pattern = REFUSED[name]
    with pytest.raises(kind, match=pattern):
        call()


def test_a_refused_change_changes_nothing():
    x = ones(2, 3, requires_grad=True)
    row = x[0]
    before = x.version.count
    for change in (lambda: x.add_(1.0), lambda: row.zero_(), lambda: x.__setitem__(0, 2.0), lambda: row.__iadd__(3.0)):
        with pytest.raises(RuntimeError, match="leaf"):
            change()
    assert x.detach().tolist() == [[1.0] * 3] * 2
    assert x.version.count == before
    (x * x).sum().backward()
    memory = np.ones((2, 4))
    y = tl.from_numpy(memory[:, ::2])
    with pytest.raises(RuntimeError, match="has gaps"):
        y[0].mul_(2.0 * x[0, :1])
    assert (memory == 1.0).all()


def test_a_base_with_views_may_change_where_nothing_is_recorded():
    x = tl.zeros(2, 3)
    row = x[0]
    x.add_(1.0)
    row += 1.0
    assert x.tolist() == [[2.0] * 3, [1.0] * 3]


def test_shape_changes_of_a_tensor_itself():
    x = tl.arange(6).reshape(2, 3).clone()
    memory = x.array
    assert x.t_() is x
    assert x.shape == (3, 2)
    assert np.shares_memory(x.array, memory)
    x.unsqueeze_(0).squeeze_()
    assert x.shape == (3, 2)
    y = ones(2, 3, requires_grad=True)
    z = y * 2.0
    kept = (z * z).sum()
    z.transpose_(0, 1)
    z += 1.0  # nobody else sees the memory: not a view
    with pytest.raises(RuntimeError, match="changed in place"):
        kept.backward()


VIEW_TWINS = {"squeeze_": (0,), "unsqueeze_": (0,), "t_": (), "transpose_": (0, 1), "swapaxes_": (0, 1), "swapdims_": (0, 1)}


@pytest.mark.parametrize("name", VIEW_TWINS)
def test_a_new_shape_in_place_leaves_what_was_saved_as_it_is(name):
    """The memory stays: whoever saved the result may use it, and the tensor is no view of anything."""
    x = tl.ones(1, 2, requires_grad=True)
    y = x.exp()
    assert getattr(y, name)(*VIEW_TWINS[name]) is y
    y.sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), np.full((1, 2), np.e), rtol=1e-6)
    plain = tl.ones(1, 2)
    getattr(plain, name)(*VIEW_TWINS[name])
    assert not plain._is_view()
    plain.detach_()
    plain.mul_(tl.tensor(2.0, requires_grad=True))
    assert plain.grad_fn.name() == "MulBackward0"
