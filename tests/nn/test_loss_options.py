"""Every loss of PyTorch, class and function, found by introspection: each option by itself and all together, every reduction, every form
of the operands (batches, single examples, numbers, images, empty batches, shapes that broadcast), and the deprecated arguments.

Values, dtypes, warnings and the gradients of all floating operands are PyTorch's, or both refuse. Not here: rows that have a story
(``test_losses.py``).
"""

from __future__ import annotations

import inspect
import itertools
import warnings

import numpy as np
import pytest

import tensorflowlite_clone as tl

torch = pytest.importorskip("torch")
rng = np.random.default_rng(5)


def x(*shape):
    return rng.normal(size=shape)


def p(*shape):
    return rng.uniform(0.1, 0.9, size=shape)


def signs(*shape):
    return np.where(rng.normal(size=shape) > 0, 1.0, -1.0)


def labels(*shape, high=3):
    return rng.integers(0, high, shape)


def shares(*shape):
    found = p(*shape)
    return found / found.sum(1 if len(shape) > 1 else 0, keepdims=True)


PLAIN = [(4, 3), (3,), (), (0, 3), (2, 3, 2)]
#: Shapes that differ.
APART = [((4, 3), (3,)), ((4, 1), (4,)), ((3,), (4, 3)), ((1,), ()), ((), (1,)), ((4, 3), (2, 3)), ((4, 3), (4, 1))]


def twice(first, second, apart=True):
    return [(first(*s), second(*s)) for s in PLAIN] + [(first(*a), second(*b)) for a, b in APART if apart]


CLASSES = [
    (x(4, 3), labels(4)), (x(3), labels()), (x(2, 3, 2), labels(2, 2)), (x(1, 3, 2, 2), labels(1, 2, 2)), (x(0, 3), labels(0)),
    (x(4, 3), np.array([0, -100, 2, 1])), (x(4, 3), np.array([2, 2, 2, 2])), (x(4, 3), labels(5)), (x(4, 3), np.array([0, 3, 1, 1])),
]  # fmt: skip
SHARES = [(x(4, 3), shares(4, 3)), (x(3), shares(3)), (x(2, 3, 2), shares(2, 3, 2)), (x(0, 3), shares(0, 3))]
VECTORS = [(4, 3), (3,), (0, 3), (2, 3, 2)]
TRIPLETS = [
    *[(x(*s), x(*s), x(*s)) for s in VECTORS], (x(4, 3), x(1, 3), x(4, 3)), (x(4, 3), x(4, 3), x(3)), (x(4, 3), x(2, 3), x(4, 3)),
]  # fmt: skip
LISTS = np.array([[0, 2, -1], [-1, 0, 1], [1, -1, -1], [2, 1, 0]])
#: The operands of each loss. Of an empty batch PyTorch's mean of the two multi-margin losses is whatever stood in memory.
OPERANDS = {
    **dict.fromkeys(["mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss"], twice(x, x)),
    "kl_div": twice(x, p),
    "poisson_nll_loss": twice(x, lambda *s: 3 * p(*s)),
    "gaussian_nll_loss": [
        *[(x(*s), x(*s), p(*s)) for s in PLAIN], (x(4, 3), x(4, 3), p(4)), (x(4, 3), x(4, 3), p(4, 1)), (x(4, 3), x(4, 3), p(3)),
        (x(4, 3), x(4, 3), p(1, 3)),
        (x(4, 3), x(3), p(4, 3)), (x(4, 3), x(4, 3), -p(4, 3)),
    ],
    "binary_cross_entropy": [*twice(p, p), (x(4, 3) * 9, p(4, 3))],
    "binary_cross_entropy_with_logits": twice(x, p),
    "soft_margin_loss": [*twice(x, signs, apart=False), *[(x(*a), signs(*b)) for a, b in APART if a != ()]],
    "hinge_embedding_loss": twice(x, signs),
    "multilabel_soft_margin_loss": [
        *[(x(*s), p(*s)) for s in [(4, 3), (3,), (2, 3, 2), (0, 3)]], (x(4, 3), p(3)), (x(1, 3), p(4, 3)), (x(3), p(4, 3)),
    ],
    "multilabel_margin_loss": [(x(4, 3), LISTS), (x(3), LISTS[0]), (x(4, 3), LISTS[:2]), (x(), labels(high=1))],
    "multi_margin_loss": [c for c in CLASSES if c[0].ndim < 3 and c[0].size and -100 not in c[1]],
    "cross_entropy": [*CLASSES, *SHARES, (x(4, 3), labels(4, 3)), (x(), labels())],
    "nll_loss": CLASSES,
    "margin_ranking_loss": [
        *[(x(*s), x(*s), signs(*s)) for s in PLAIN], (x(4, 3), x(4, 1), signs(4, 3)), (x(4), x(4), signs(1)), (x(4, 3), x(3), signs(3)),
    ],
    "triplet_margin_loss": TRIPLETS, "triplet_margin_with_distance_loss": TRIPLETS,
    "cosine_embedding_loss": [
        (x(4, 3), x(4, 3), signs(4)), (x(3), x(3), signs()), (x(0, 3), x(0, 3), signs(0)), (x(4, 3), x(1, 3), signs(4)),
        (x(1, 3), x(1, 3), signs(4)),
        (x(4, 3), x(4, 3), signs(4, 3)), (x(4, 3), x(4, 3), signs(3)),
    ],
    "linear_cross_entropy": [
        (x(4, 2), x(3, 2), labels(4)), (x(2), x(3, 2), labels()), (x(4, 2), x(3, 5, 2), labels(4, 5)), (x(4, 2), x(3, 2), shares(4, 3)),
        (x(4, 2), x(3, 3), labels(4)), (x(4, 2), x(3, 2), labels(3)),
    ],
}  # fmt: skip
#: What each option may be, by its name; where losses differ, by both.
OPTIONS = {
    "weight": [np.array([0.5, 2.0, 1.0])], "pos_weight": [np.array([2.0, 0.5, 1.0])], "ignore_index": [2, -1], "label_smoothing": [0.2],
    "log_target": [True], "log_input": [False], "full": [True], "eps": [1e-3], "beta": [0.0, 0.7], "delta": [0.7], "margin": [0.7, 1.5],
    "p": [1, 2], "swap": [True], "linear_bias": [np.array([0.5, -1.0, 0.2])], "options": [None],
    "distance_function": [lambda a, b: (a - b).abs().sum(-1)],
}  # fmt: skip
#: Options of the function whose weights have the shape of the operands.
WEIGHED = ("mse_loss", "l1_loss", "huber_loss")
#: The class of each function that has another name.
NAMES = {
    "binary_cross_entropy": "BCELoss", "binary_cross_entropy_with_logits": "BCEWithLogitsLoss", "kl_div": "KLDivLoss",
    "multilabel_margin_loss": "MultiLabelMarginLoss", "multilabel_soft_margin_loss": "MultiLabelSoftMarginLoss",
    "cross_entropy": "CrossEntropyLoss", "linear_cross_entropy": "LinearCrossEntropyLoss",
}  # fmt: skip
OTHER = {"ctc_loss"}  # its own tests


def functions():
    return {n for n in dir(torch.nn.functional) if n.endswith("_loss") or n in NAMES} - OTHER


def class_of(name):
    if name in NAMES:
        return NAMES[name]
    key = name.replace("_", "")
    return next(n for n in dir(torch.nn) if n.lower() == key)


def test_every_loss_has_operands():
    assert functions() == set(OPERANDS)
    classes = {n for n in dir(torch.nn) if (n.endswith("Loss") or n == "NLLLoss2d") and n != "AdaptiveLogSoftmaxWithLoss"}
    assert classes == {class_of(n) for n in OPERANDS} | {"CTCLoss", "NLLLoss2d"}
    assert all(hasattr(tl.nn, n) for n in classes)


def settings_of(call, name):
    """Each option by itself, and the first of all together."""
    known = [n for n in inspect.signature(call).parameters if n in OPTIONS]
    values = {n: list(OPTIONS[n]) for n in known}
    if name in WEIGHED and "weight" in values:
        values["weight"] = [p(4, 3)]
    if name == "gaussian_nll_loss":
        values.pop("p", None)
    each = [{n: v} for n in known if n in values for v in values[n]]
    return [{}, *each, {n: v[0] for n, v in values.items()}]


def tensors(space, values, grad):
    make = space.tensor
    return [make(v, requires_grad=True) if grad and v.dtype.kind == "f" else make(v) for v in map(np.asarray, values)]


def converted(space, how):
    return {k: space.tensor(v) if isinstance(v, np.ndarray) else v for k, v in how.items()}


def outcome(space, call, operands, leaves):
    """The loss, its gradients by all floating operands (the first of them, without ``leaves``), the kinds of warnings, or the error."""
    given = [tensors(space, [v], leaves or not i)[0] for i, v in enumerate(operands)]
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            loss = call(space, given)
        except Exception as error:
            return error, None, None
        grads = None
        if loss.requires_grad:
            try:
                w = np.cos(np.arange(loss.numel())).reshape(tuple(loss.shape))
                (loss * space.tensor(w)).sum().backward()
                grads = [None if not t.requires_grad else t.grad for t in given]
            except Exception as error:
                grads = error
    kinds = {w.category for w in caught if "reduction: 'mean' divides" not in str(w.message)}
    return loss, grads, kinds


def arrays(t):
    return t.detach().numpy()


def compare(call, operands, about):
    """Whether both packages did the same; True where neither refused."""
    b, gb, wb = outcome(torch, call, operands, True)
    leaves = "is not differentiable with respect to" not in str(b)
    if not leaves:
        b, gb, wb = outcome(torch, call, operands, False)
    a, ga, wa = outcome(tl, call, operands, leaves)
    assert isinstance(a, Exception) == isinstance(b, Exception), f"{about}: ours {a!r:.200}, theirs {b!r:.200}"
    if isinstance(b, Exception):
        assert isinstance(a, type(b)) or isinstance(b, AssertionError), f"{about}: ours {a!r:.200}, theirs {b!r:.200}"
        return False
    assert tuple(a.shape) == tuple(b.shape) and arrays(a).dtype == arrays(b).dtype, about
    np.testing.assert_allclose(arrays(a), arrays(b), rtol=1e-9, atol=1e-12, err_msg=about)
    assert wa == wb, f"{about}: ours warns {wa}, theirs {wb}"
    if gb is not None and not isinstance(gb, Exception):
        for mine, other in zip(ga, gb, strict=True):
            if other is not None:
                mine = np.zeros(tuple(other.shape)) if mine is None else arrays(mine)
                good = np.isfinite(arrays(other)) & np.isfinite(mine)  # of a loss of NaN or infinity PyTorch's gradient is NaN
                assert good.all() or not np.isfinite(arrays(b)).all(), about
                np.testing.assert_allclose(mine[good], arrays(other)[good], rtol=1e-9, atol=1e-12, err_msg=about)
    return True


CTC = [
    (x(5, 2, 4), np.array([[1, 2], [3, 3]]), (5, 4), (2, 2)), (x(5, 2, 4), np.array([1, 2, 3]), (5, 4), (2, 1)),
    (x(5, 4), np.array([1, 2]), (5,), (2,)), (x(5, 2, 4), np.array([[1, 1], [3, 2]]), (2, 4), (2, 1)),
]  # fmt: skip


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("how", [{}, {"blank": 0, "zero_infinity": True}], ids=str)
def test_ctc_loss_equals_torch(how, reduction):
    for logits, target, steps, sizes in CTC:

        def loss(s, given, target=target, steps=steps, sizes=sizes):
            logs = given[0].log_softmax(-1)
            lengths = (s.tensor(steps), s.tensor(sizes)) if logs.ndim == 3 else (s.tensor(steps[0]), s.tensor(sizes[0]))
            return s.nn.CTCLoss(**how, reduction=reduction)(logs, s.tensor(target), *lengths)

        assert compare(loss, (logits,), f"{logits.shape} {how} {reduction}")


def reductions(name):
    return ("mean", "sum", "none", "batchmean") if name == "kl_div" else ("mean", "sum", "none")


@pytest.mark.parametrize("name", sorted(OPERANDS))
def test_functions_equal_torch(name):
    count = 0
    for how in settings_of(getattr(torch.nn.functional, name), name):
        for reduction, operands in itertools.product(reductions(name), OPERANDS[name]):
            about = f"{name}({[o.shape for o in operands]}, {reduction}, {how})"
            count += compare(
                lambda s, given, h=how, r=reduction: getattr(s.nn.functional, name)(*given, **converted(s, h), reduction=r), operands, about
            )
    assert count > 10


@pytest.mark.parametrize("name", sorted(set(OPERANDS) - {"linear_cross_entropy"}))
def test_modules_equal_torch(name):
    kind = class_of(name)
    for how in settings_of(getattr(torch.nn, kind), name):
        for reduction in reductions(name):
            ours, theirs = (getattr(s.nn, kind)(**converted(s, how), reduction=reduction) for s in (tl, torch))
            assert repr(ours) == repr(theirs) and list(ours.state_dict()) == list(theirs.state_dict())
            for operands in OPERANDS[name][:2]:
                compare(lambda s, given, m=(ours, theirs): m[s is torch](*given), operands, f"{kind}({how}, {reduction})")


@pytest.mark.parametrize("probabilities", [False, True])
@pytest.mark.parametrize("sizes", [(), (3,), (2, 3)])
@pytest.mark.parametrize("bias", [False, True])
def test_linear_loss_equals_torch(bias, sizes, probabilities):
    for reduction, smoothing, weight in itertools.product(("mean", "sum", "none"), (0.0, 0.2), (None, np.array([0.5, 2.0, 1.0, 1.0]))):
        how = {"out_features": sizes, "bias": bias, "reduction": reduction, "label_smoothing": smoothing}
        how |= {} if probabilities else {"ignore_index": 1}
        ours, theirs = (s.nn.LinearCrossEntropyLoss(5, 4, **how, weight=None if weight is None else s.tensor(weight)) for s in (tl, torch))
        ours, theirs = ours.double(), theirs.double()
        ours.load_state_dict({k: v.numpy() for k, v in theirs.state_dict().items()})
        theirs.load_state_dict({k: torch.tensor(v.numpy()) for k, v in ours.state_dict().items()})
        assert repr(ours) == repr(theirs)
        target = shares(2, 4, *sizes) if probabilities else labels(2, *sizes, high=4)
        assert compare(lambda s, given, m=(ours, theirs): m[s is torch](*given), (x(2, 5), target), str(how))
        for a, b in zip(ours.parameters(), theirs.parameters(), strict=True):
            np.testing.assert_allclose(a.grad.numpy(), b.grad.numpy(), rtol=1e-9, atol=1e-12)


GOOD_OPTIONS = [{}, {"batch_chunk_size": 4}, {"chunking_method": None}, {"chunking_method": "aspect_ratio:2"}, {"acc_policy": "compact"}]
BAD_OPTIONS = [
    {"batch_chunk_size": 0}, {"batch_chunk_size": "a"}, {"chunking_method": "x"}, {"chunking_method": "aspect_ratio:x"},
    {"acc_policy": "z"}, {"acc_dtype": 3},
]  # fmt: skip


def test_options_of_the_linear_loss():
    for how in GOOD_OPTIONS:
        ours, theirs = tl.nn.LinearCrossEntropyOptions(**how), torch.nn.LinearCrossEntropyOptions(**how)
        assert repr(ours) == repr(theirs)
        assert tl.nn.LinearCrossEntropyLoss(2, 3, options=ours)(tl.zeros(4, 2), tl.zeros(4, dtype=tl.int64)).shape == ()
    for how in BAD_OPTIONS:
        for space in (tl, torch):
            with pytest.raises(ValueError):
                space.nn.LinearCrossEntropyOptions(**how)
    with pytest.raises(TypeError, match="options"):
        tl.nn.LinearCrossEntropyLoss(2, 3, options={"batch_chunk_size": 2})


DEPRECATED = list(itertools.product((None, True, False), (None, True, False)))


@pytest.mark.parametrize("name", sorted(n for n in OPERANDS if "reduce" in inspect.signature(getattr(torch.nn.functional, n)).parameters))
@pytest.mark.parametrize("old", DEPRECATED, ids=str)
def test_deprecated_arguments_mean_what_they_mean_in_torch(name, old):
    how = dict(zip(("size_average", "reduce"), old, strict=True))
    operands = OPERANDS[name][0]
    for reduction in ("mean", "none"):
        assert compare(lambda s, given, r=reduction: getattr(s.nn.functional, name)(*given, **how, reduction=r), operands, f"{name} {old}")
        made = []
        for space in (tl, torch):
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                made.append(getattr(space.nn, class_of(name))(**how, reduction=reduction))
            made.append({w.category for w in caught})
        assert made[0].reduction == made[2].reduction and made[1] == made[3]


@pytest.mark.parametrize("name", sorted(n for n in OPERANDS if "reduce" in inspect.signature(getattr(torch.nn.functional, n)).parameters))
def test_deprecated_arguments_by_position(name):
    signature = inspect.signature(getattr(torch.nn, class_of(name)))
    values = [{"size_average": False, "reduce": False}.get(p.name, p.default) for p in signature.parameters.values()]
    values = values[: list(signature.parameters).index("reduce") + 1]
    with pytest.warns(UserWarning):
        assert getattr(tl.nn, class_of(name))(*values).reduction == getattr(torch.nn, class_of(name))(*values).reduction == "none"


def test_the_old_name_of_the_loss_of_images_warns():
    for space in (tl, torch):
        with pytest.warns(FutureWarning, match="NLLLoss2d"):
            loss = space.nn.NLLLoss2d(reduction="sum")
        assert repr(loss) == "NLLLoss2d()" and loss.reduction == "sum"
