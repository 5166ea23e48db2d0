"""What libraries do to tensors and modules beside computing: attributes, hooks by their tables, data put in place, shapes, containers."""

import copy
import pickle

import pytest

import tensorflowlite_clone as tl


def test_tensors_take_attributes_which_copies_and_pickles_keep():
    x = tl.ones(2)
    x.note = ["mine"]
    assert copy.copy(x).note is x.note
    deep = copy.deepcopy(x)
    assert deep.note == ["mine"] and deep.note is not x.note
    assert pickle.loads(pickle.dumps(x)).note == ["mine"]
    assert not hasattr(x + 1, "note") and not hasattr(x.detach(), "note")
    buffer = tl.nn.Buffer(tl.ones(2), persistent=False)
    for again in (copy.deepcopy(buffer), pickle.loads(pickle.dumps(buffer))):
        assert type(again) is tl.nn.Buffer and not again.persistent


def test_data_put_in_place_of_others_leaves_what_was_saved():
    x = tl.tensor([1.0, -2.0], requires_grad=True)
    y = (3 * x).relu()
    z = y * 1
    y.data = tl.tensor([-1.0, 1.0])  # relu saved its result, which is as it was
    z.sum().backward()
    assert x.grad.tolist() == [3.0, 0.0]
    w = tl.tensor([2.0], requires_grad=True)
    out = (w * w).sum()
    w.data = tl.tensor([5.0])
    with pytest.raises(RuntimeError, match="changed in place"):
        out.backward()


def test_shapes_of_broadcasting_and_views_that_write_nothing():
    assert tl.broadcast_shapes((2, 1), (3,))[-1:].numel() == 3
    x = tl.ones(3, 1).expand(3, 2)
    assert x.unsqueeze_(0).shape == (1, 3, 2)
    assert tl.sparse_coo_tensor(size=(5, 3)).shape == (5, 3)


def test_containers_made_of_nothing_do_not_fill_themselves():
    def refuse(*args):
        raise AssertionError

    for kind, method in (("ModuleDict", "update"), ("ModuleList", "extend"), ("ParameterDict", "update"), ("ParameterList", "extend")):
        type(kind, (getattr(tl.nn, kind),), {method: refuse})()


def test_a_sparse_argument_of_a_function_arrives_as_it_is():
    class Product(tl.autograd.Function):
        @staticmethod
        def forward(ctx, sparse, dense):
            ctx.sparse = sparse
            return sparse @ dense

        @staticmethod
        def backward(ctx, g):
            return None, ctx.sparse.to_dense().T @ g

    a = tl.sparse_coo_tensor([[0, 1], [2, 0]], [3.0, 4.0], (2, 3))
    x = tl.ones(3, 1, requires_grad=True)
    Product.apply(a, x).sum().backward()
    assert x.grad.tolist() == [[4.0], [0.0], [3.0]]


def test_methods_of_tensors_hand_over_to_operands_that_answer_themselves():
    class Twice:
        @classmethod
        def __torch_function__(cls, func, types, args=(), kwargs=None):
            return func.__name__, 2 * args[0] if func is tl.Tensor.matmul else NotImplemented

    name, twice = tl.ones(2, 2).matmul(Twice())
    assert name == "matmul" and twice.sum().item() == 8
    with pytest.raises(TypeError, match="must be a tensor"):
        tl.ones(2, 2).matmul(object())
