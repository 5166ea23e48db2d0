"""The attributes of tensors on the values of jvp and vmap, which are tensors to users: PyTorch's answer, or an error with a way out."""

from __future__ import annotations

import pytest

import tensorflowlite_clone as tl
from tensorflowlite_clone._errors import TransformError
from tensorflowlite_clone.autograd import forward_ad
from tensorflowlite_clone.func import grad, jvp, vmap

ANSWERS = {
    "is_leaf": True, "grad": None, "grad_fn": None, "nbytes": 12, "itemsize": 4, "output_nr": 0, "requires_grad": False,
    "retains_grad": False,
}  # fmt: skip
REFUSED = {
    "requires_grad_": (), "retain_grad": (), "register_hook": (print,), "register_post_accumulate_grad_hook": (print,), "detach_": (),
}  # fmt: skip
RUNS = {
    "vmap": lambda f, t: vmap(f)(t.ones(2, 3)),
    "jvp": lambda f, t: jvp(f, (t.ones(3),), (t.ones(3),)),
    "vmap of vmap": lambda f, t: vmap(vmap(f))(t.ones(2, 2, 3)),
    "jvp of vmap": lambda f, t: jvp(vmap(f), (t.ones(2, 3),), (t.ones(2, 3),)),
}


@pytest.mark.parametrize("computed", [False, True])
@pytest.mark.parametrize("run", RUNS)
def test_answers(run, computed):
    found = {}

    def f(x):
        x = x * 2 if computed else x
        assert isinstance(x, tl.Tensor)
        found.update({name: getattr(x, name) for name in ANSWERS})
        assert {*ANSWERS, *REFUSED, "data"} <= {*dir(x)}
        assert x.data.shape == (3,)
        assert not hasattr(x, "no_such_attribute")
        for name, args in REFUSED.items():
            assert callable(getattr(x, name))
            with pytest.raises(TransformError, match=rf"{name}: a value inside a function transform \(shape \(3,\)\) is on no tape.*; \w"):
                getattr(x, name)(*args)
        return x.sum()

    RUNS[run](f, tl)
    assert found == ANSWERS


def test_data_is_a_constant():
    assert jvp(lambda x: x * x.data, (tl.ones(3) * 3,), (tl.ones(3),))[1].tolist() == [3.0, 3.0, 3.0]
    assert vmap(lambda x: x.data * 2)(tl.ones(2, 3)).tolist() == [[2.0] * 3] * 2
    assert vmap(grad(lambda x: (x * x.data).sum()))(tl.ones(2, 3)).tolist() == [[1.0] * 3] * 2


@pytest.mark.parametrize("run", ["vmap", "jvp"])
def test_as_torch(run):
    torch = pytest.importorskip("torch")
    found = {}

    def f(x):
        y = x * 2
        found.update({name: getattr(y, name) for name in ANSWERS})
        return y.sum()

    ones = torch.ones(2, 3) if run == "vmap" else torch.ones(3)
    torch.func.vmap(f)(ones) if run == "vmap" else torch.func.jvp(f, (ones,), (ones,))
    assert found == ANSWERS


def test_a_dual_tensor_whose_level_is_left_answers_as_its_value():
    x = tl.ones(3, requires_grad=True)
    with forward_ad.dual_level():
        y = forward_ad.make_dual(x, tl.ones(3)) * 2
    assert y.requires_grad
    assert not y.is_leaf
    assert y.grad_fn is not None
