"""Recurrent layers and cells: against PyTorch over all their options, in every mode of differentiation, and what they refuse."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

import tensorflowlite_clone as tl
from tensorflowlite_clone import nn
from tensorflowlite_clone.core.transpose import LOOPED
from tensorflowlite_clone.func import functional_call, grad, jvp, vmap

LAYERS = [
    ("RNN", {}), ("RNN", {"nonlinearity": "relu"}), ("GRU", {}), ("LSTM", {}), ("LSTM", {"proj_size": 2}),
]  # fmt: skip
IDS = ["rnn", "relu", "gru", "lstm", "projected"]
CELLS = [("RNNCell", {}), ("RNNCell", {"nonlinearity": "relu"}), ("GRUCell", {}), ("LSTMCell", {})]
FORMS = ["padded", "batch first", "unbatched", "packed", "packed unsorted", "packed batch first"]
N, T, D, H = 3, 5, 4, 3  # sequences, steps, inputs, units


def randn(*shape, seed=0):
    return np.random.default_rng([seed, *shape]).normal(size=shape)


def tensor(T_, x):
    return T_.tensor(x, dtype=T_.float64, requires_grad=True)


def same(ours, theirs):
    ours, theirs = (a.detach().numpy() for a in (ours, theirs))
    assert ours.shape == theirs.shape
    np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-11)


def run(T_, layer, form, states, first):
    """Outputs, last states and the leaves, of one of the forms that an input has."""
    unpack = T_.nn.utils.rnn
    x = tensor(T_, randn(*{"unbatched": (T, D)}.get(form, (N, T, D) if first else (T, N, D))))
    given = [tensor(T_, s[:, 0] if form == "unbatched" else s) for s in states]
    hx = () if not states else ((tuple(given),) if len(given) > 1 else (given[0],))
    lengths = [5, 4, 1] if form in ("packed", "packed batch first") else [2, 5, 2]
    fed = unpack.pack_padded_sequence(x, lengths, first, form != "packed unsorted") if form.startswith("packed") else x
    out, last = layer(fed, *hx)
    if form.startswith("packed"):
        out, found = unpack.pad_packed_sequence(out, first)
        assert found.tolist() == lengths
    return [out, *(last if isinstance(last, tuple) else (last,))], [x, *given]


def weighed(T_, results):
    return sum((r * T_.tensor(randn(*r.shape, seed=1))).sum() for r in results)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(("layers", "bidirectional"), [(1, False), (2, True)])
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize(("name", "options"), LAYERS, ids=IDS)
def test_layers_are_pytorchs(name, options, bias, layers, bidirectional, form):
    torch = pytest.importorskip("torch")
    first = form.endswith("batch first")
    settings = {"num_layers": layers, "bias": bias, "batch_first": first, "bidirectional": bidirectional, **options}
    ours, theirs = (getattr(p.nn, name)(D, H, dtype=p.float64, **settings) for p in (tl, torch))
    assert repr(ours) == repr(theirs)
    assert [(k, tuple(v.shape)) for k, v in ours.state_dict().items()] == [(k, tuple(v.shape)) for k, v in theirs.state_dict().items()]
    theirs.load_state_dict({k: torch.tensor(v.numpy()) for k, v in ours.state_dict().items()})
    assert [[tuple(w.shape) for w in some] for some in ours.all_weights] == [[tuple(w.shape) for w in some] for some in theirs.all_weights]
    count = layers * (1 + bidirectional)
    states = [randn(count, N, options.get("proj_size", H), seed=2), randn(count, N, H, seed=3)][: 1 + (name == "LSTM")]
    for given, training in ((states, True), ([], False)):
        found = []
        for p, layer in ((tl, ours), (torch, theirs)):
            results, leaves = run(p, layer.train(training), form, given, first)
            layer.zero_grad()
            weighed(p, results).backward()
            found.append([*results, *(a.grad for a in (*leaves, *layer.parameters()))])
        for a, b in zip(*found, strict=True):
            same(a, b)


@pytest.mark.parametrize("form", ["padded", "packed unsorted"])
@pytest.mark.parametrize(("name", "options"), LAYERS, ids=IDS)
def test_second_derivatives_are_pytorchs(name, options, form):
    torch = pytest.importorskip("torch")
    settings = {"num_layers": 2, "bidirectional": True, **options}
    ours, theirs = (getattr(p.nn, name)(D, H, dtype=p.float64, **settings) for p in (tl, torch))
    theirs.load_state_dict({k: torch.tensor(v.numpy()) for k, v in ours.state_dict().items()})
    states = [randn(4, N, options.get("proj_size", H), seed=2), randn(4, N, H, seed=3)][: 1 + (name == "LSTM")]
    found = []
    for p, layer in ((tl, ours), (torch, theirs)):
        results, leaves = run(p, layer, form, states, False)
        every = [*leaves, *layer.parameters()]
        grads = p.autograd.grad(sum((r * r).sum() for r in results), every, create_graph=True)
        found.append(p.autograd.grad(weighed(p, grads), every))
    for a, b in zip(*found, strict=True):
        same(a, b)


@pytest.mark.parametrize("batched", [True, False])
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize(("name", "options"), CELLS, ids=["rnn", "relu", "gru", "lstm"])
def test_cells_are_pytorchs(name, options, bias, batched):
    torch = pytest.importorskip("torch")
    ours, theirs = (getattr(p.nn, name)(D, H, bias=bias, dtype=p.float64, **options) for p in (tl, torch))
    assert repr(ours) == repr(theirs)
    ours.load_state_dict({k: v.numpy() for k, v in theirs.state_dict().items()})
    lead = (N,) if batched else ()
    for given in (True, False):
        found = []
        for p, cell in ((tl, ours), (torch, theirs)):
            leaves = [tensor(p, randn(*lead, D)), *(tensor(p, randn(*lead, H, seed=k)) for k in range(1 + (name == "LSTMCell")))]
            states = tuple(leaves[1:]) if given else ()
            results = cell(leaves[0], states if len(states) > 1 else states[0]) if given else cell(leaves[0])
            results = results if isinstance(results, tuple) else (results,)
            every = [leaves[0], *states, *cell.parameters()]
            grads = p.autograd.grad(weighed(p, results), every, create_graph=True)
            second = p.autograd.grad(weighed(p, grads), every)
            found.append([*results, *grads, *second])
        for a, b in zip(*found, strict=True):
            same(a, b)


def sequences(p, name, states, **packed):
    """PyTorch's function of this name on weights and inputs of these shapes: two layers in two directions."""
    gates = {"lstm": 4, "gru": 3}.get(name, 1)
    width = states[0].shape[2]
    params = []
    for inputs in (D, D, 2 * width, 2 * width):
        shapes = [(gates * H, inputs), (gates * H, width), (gates * H,), (gates * H,), *([(width, H)] if width != H else [])]
        params += [p.tensor(randn(*s, seed=4)) for s in shapes]
    given = [p.tensor(s) for s in states]
    hx = tuple(given) if name == "lstm" else given[0]
    if packed:
        data = p.tensor(randn(sum(packed["batch_sizes"]), D))
        return getattr(p, name)(data, p.tensor(packed["batch_sizes"]), hx, params, True, 2, 0.5, False, True)
    first = getattr(p, name)(p.tensor(randn(T, N, D)), hx, params, True, 2, 0.5, False, True, False)
    second = getattr(p, name)(
        input=p.tensor(randn(N, T, D)), hx=hx, params=params, has_biases=True, num_layers=2, dropout=0.0, train=True, bidirectional=True,
        batch_first=True,
    )  # fmt: skip
    return [*first, *second]


@pytest.mark.parametrize("packed", [{}, {"batch_sizes": [3, 3, 1]}], ids=["padded", "packed"])
@pytest.mark.parametrize(("name", "width"), [("rnn_tanh", H), ("rnn_relu", H), ("gru", H), ("lstm", H), ("lstm", 2)])
def test_functions_are_pytorchs(name, width, packed):
    torch = pytest.importorskip("torch")
    states = [randn(4, N, width, seed=2), randn(4, N, H, seed=3)]
    for a, b in zip(sequences(tl, name, states, **packed), sequences(torch, name, states, **packed), strict=True):
        same(a, b)


# ---- other modes ----------------------------------------------------------------------------------------------------------


def losses(layer, form):
    """The loss of one sequence (T, D) as a function of the parameters, of some kind of input."""

    def loss(params, x):
        if form == "packed":
            data = nn.utils.rnn.pack_padded_sequence(x[:, None] * tl.tensor(np.ones((1, 2, 1))), [T, 2])
            out, last = functional_call(layer, params, (data,))
            out = out.data
        else:
            out, last = functional_call(layer, params, (x if form == "unbatched" else x[:, None],))
        return (out * out).sum() + sum((a * a * a).sum() for a in (last if isinstance(last, tuple) else (last,)))

    return loss


@pytest.mark.parametrize("form", ["unbatched", "packed"])
@pytest.mark.parametrize(("name", "options"), LAYERS, ids=IDS)
def test_gradients_of_each_example(name, options, form):
    """`vmap` of `grad`, by the weights that all share and by weights of their own, is a loop over the examples."""
    layer = getattr(nn, name)(D, H, num_layers=2, bidirectional=True, dtype=tl.float64, **options)
    params = {k: p.detach() for k, p in layer.named_parameters()}
    xs, loss = tl.tensor(randn(3, T, D)), losses(layer, form)
    every = [grad(loss)(params, x) for x in xs]
    own = {k: tl.stack([p, p * 0.5, -p]) for k, p in params.items()}
    before = dict(LOOPED)
    every_own = [grad(loss)({k: p[i] for k, p in own.items()}, x) for i, x in enumerate(xs)]
    shared = vmap(grad(loss), in_dims=(None, 0))(params, xs)
    apart = vmap(grad(loss))(own, xs)
    outside = grad(lambda own: vmap(loss)(own, xs).sum())(own)
    assert before == LOOPED, "an operation that is mapped example by example"
    for k in params:
        np.testing.assert_allclose(shared[k].numpy(), np.stack([g[k].numpy() for g in every]), rtol=1e-10, atol=1e-12)
        for found in (apart, outside):
            np.testing.assert_allclose(found[k].numpy(), np.stack([g[k].numpy() for g in every_own]), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("form", ["unbatched", "packed"])
@pytest.mark.parametrize(("name", "options"), LAYERS, ids=IDS)
def test_forward_mode(name, options, form):
    layer = getattr(nn, name)(D, H, num_layers=2, bidirectional=True, dtype=tl.float64, **options)
    params = {k: p.detach() for k, p in layer.named_parameters()}
    loss, x = losses(layer, form), tl.tensor(randn(T, D))
    moves = {k: tl.tensor(randn(*p.shape, seed=5)) for k, p in params.items()}
    _, slope = jvp(lambda params: loss(params, x), (params,), (moves,))
    gradient = grad(loss)(params, x)
    expected = sum((gradient[k] * moves[k]).sum().item() for k in params)
    np.testing.assert_allclose(slope.item(), expected, rtol=1e-10)
    step = 1e-6
    ends = [loss({k: p + s * moves[k] for k, p in params.items()}, x).item() for s in (step, -step)]
    np.testing.assert_allclose(slope.item(), (ends[0] - ends[1]) / (2 * step), rtol=1e-5)


def test_a_direction_of_a_layer_is_one_node():
    out, _ = nn.LSTM(2, 3, 2, bidirectional=True)(tl.zeros(50, 2, 2))
    seen, todo = {}, [out.grad_fn]
    while todo:
        f = todo.pop()
        if f is not None and f not in seen:
            seen[f] = f.name()
            todo += [g for g, _ in f.next_functions]
    assert len([n for n in seen.values() if "Recurrence" in n or "Rnn" in n]) == 4
    assert len(seen) < 60


@pytest.mark.parametrize("name", ["RNN", "GRU", "LSTM"])
def test_results_may_be_changed_in_place(name):
    for layer in (getattr(nn, name)(D, H), getattr(nn, name)(D, H, 2, bidirectional=True), getattr(nn, f"{name}Cell")(D, H)):
        x = tl.tensor(randn(*((N, D) if name + "Cell" == type(layer).__name__ else (T, N, D))), dtype=tl.float32)
        grads = []
        for change in (False, True):
            layer.zero_grad()
            results = layer(x)
            results = results if isinstance(results, tuple) else (results,)
            results = [r for some in results for r in (some if isinstance(some, tuple) else (some,))]
            sum((r.mul_(2.0) if change else r * 2.0).sum() for r in results).backward()
            grads.append([p.grad.numpy() for p in layer.parameters()])
        for a, b in zip(*grads, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


def test_dropout_between_layers_in_training():
    tl.manual_seed(0)
    layer, x = nn.GRU(3, 20, 2, dropout=0.5), tl.tensor(randn(6, 4, 3), dtype=tl.float32)
    first, second = (layer(x)[0].detach().numpy() for _ in range(2))
    assert not np.array_equal(first, second)
    layer.eval()
    np.testing.assert_array_equal(layer(x)[0].detach().numpy(), layer(x)[0].detach().numpy())
    all_dropped, _ = nn.GRU(3, 20, 2, dropout=1.0)(x)
    assert np.ptp(all_dropped.detach().numpy(), axis=1).max() < 1e-6  # the second layer sees zeros, whatever the sequence


# ---- initial values, state, small things ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "options"), LAYERS + CELLS)
def test_initial_values(name, options):
    """All uniform on +-1/sqrt(H), drawn in the order of their names."""
    tl.manual_seed(3)
    layer = getattr(nn, name)(30, 25, **options)
    tl.manual_seed(3)
    for _, p in layer.named_parameters():
        expected = nn.init.uniform_(tl.empty(*p.shape), -0.2, 0.2)
        np.testing.assert_array_equal(p.detach().numpy(), expected.numpy())


def test_a_state_dict_goes_through_a_file(tmp_path):
    layer, other = (nn.LSTM(3, 4, 2, bidirectional=True, proj_size=2) for _ in range(2))
    tl.save(layer.state_dict(), tmp_path / "state")
    other.load_state_dict(tl.load(tmp_path / "state"))
    x = tl.tensor(randn(5, 2, 3), dtype=tl.float32)
    np.testing.assert_array_equal(layer(x)[0].detach().numpy(), other(x)[0].detach().numpy())


def test_the_base_by_its_mode():
    base = nn.RNNBase("GRU", 2, 3, 2, True, True, 0.0, True)
    assert repr(base) == "RNNBase(2, 3, num_layers=2, batch_first=True, bidirectional=True)"
    assert base(tl.zeros(4, 5, 2))[0].shape == (4, 5, 6)
    assert base.flatten_parameters() is None
    assert nn.RNN(2, 3, 1, "relu").mode == "RNN_RELU"
    assert nn.RNN(2, 3, 1, "relu").nonlinearity == "relu"
    assert nn.RNNCellBase(2, 3, True, 4).weight_ih.shape == (12, 2)


def test_no_sequences_at_all():
    for layer in (nn.RNN(2, 3), nn.GRU(2, 3, bidirectional=True), nn.LSTM(2, 3, proj_size=1)):
        x = tl.zeros(4, 0, 2, requires_grad=True)
        out, _ = layer(x)
        assert out.shape[:2] == (4, 0)
        out.sum().backward()
        assert not any(p.grad.numpy().any() for p in layer.parameters())


# ---- what is refused ----------------------------------------------------------------------------------------------------------

X = tl.zeros(T, N, D)
BAD = {
    "hidden_size": (lambda: nn.LSTM(2, 0), ValueError, "hidden_size"),
    "kind of hidden_size": (lambda: nn.LSTM(2, 2.0), TypeError, "hidden_size"),
    "input_size": (lambda: nn.LSTM(0, 2), ValueError, "input_size"),
    "num_layers": (lambda: nn.GRU(2, 2, 0), ValueError, "num_layers"),
    "dropout": (lambda: nn.GRU(2, 2, 2, dropout=1.5), ValueError, "dropout"),
    "kind of dropout": (lambda: nn.GRU(2, 2, 2, dropout=True), ValueError, "dropout"),
    "proj_size": (lambda: nn.LSTM(2, 2, proj_size=2), ValueError, "proj_size"),
    "negative proj_size": (lambda: nn.LSTM(2, 2, proj_size=-1), ValueError, "proj_size"),
    "proj_size of a GRU": (lambda: nn.GRU(2, 2, proj_size=1), ValueError, "LSTM alone"),
    "proj_size of an RNN": (lambda: nn.RNN(2, 2, proj_size=1), ValueError, "LSTM alone"),
    "proj_size of the base": (lambda: nn.RNNBase("GRU", 2, 2, proj_size=1), ValueError, "LSTM alone"),
    "mode": (lambda: nn.RNNBase("QQ", 2, 2), ValueError, "QQ"),
    "nonlinearity": (lambda: nn.RNN(2, 2, nonlinearity="sin"), ValueError, "sin"),
    "nonlinearity of a cell": (lambda: nn.RNNCell(2, 2, nonlinearity="sin"), ValueError, "sin"),
    "one dimension": (lambda: nn.LSTM(D, H)(tl.zeros(4)), ValueError, "2 or 3 dimensions"),
    "width": (lambda: nn.LSTM(D, H)(tl.zeros(T, N, 3)), RuntimeError, "input_size is 4"),
    "no step": (lambda: nn.LSTM(D, H)(X[:0]), RuntimeError, "at least one step"),
    "dtype": (lambda: nn.LSTM(D, H)(X.double()), ValueError, "float64 and float32"),
    "integers": (lambda: nn.GRU(D, H)(X.long()), ValueError, "int64"),
    "one state": (lambda: nn.LSTM(D, H)(X, tl.zeros(1, N, H)), TypeError, "pair"),
    "shape of h_0": (lambda: nn.GRU(D, H)(X, tl.zeros(2, N, H)), RuntimeError, "h_0 must be (1, 3, 3)"),
    "shape of c_0": (lambda: nn.LSTM(D, H)(X, (tl.zeros(1, N, H), tl.zeros(1, 1, H))), RuntimeError, "c_0"),
    "state of a batch": (lambda: nn.GRU(D, H)(X[:, 0], tl.zeros(1, 1, H)), RuntimeError, "(1, 3)"),
    "dtype of the state": (lambda: nn.GRU(D, H)(X, tl.zeros(1, N, H).double()), RuntimeError, "float64"),
    "packed width": (lambda: nn.GRU(3, H)(nn.utils.rnn.pack_padded_sequence(X, [5, 2, 1])), RuntimeError, "input_size"),
    "packed state": (lambda: nn.GRU(D, H)(nn.utils.rnn.pack_padded_sequence(X, [5, 2, 1]), tl.zeros(1, 2, H)), RuntimeError, "h_0"),
    "cell: input": (lambda: nn.GRUCell(D, H)(X), ValueError, "(N, I) or (I)"),
    "cell: width": (lambda: nn.GRUCell(3, H)(X[0]), RuntimeError, "shapes do not fit"),
    "cell: state": (lambda: nn.GRUCell(D, H)(X[0], tl.zeros(2, H)), RuntimeError, "(2, 3)"),
    "cell: pair": (lambda: nn.LSTMCell(D, H)(X[0], tl.zeros(N, H)), TypeError, "pair"),
    "function: arguments": (lambda: tl.gru(X, tl.zeros(1, N, H)), TypeError, "missing params"),
    "function: unknown": (lambda: tl.gru(X, tl.zeros(1, N, H), [], True, 1, 0.0, False, False, False, foo=1), TypeError, "foo"),
    "function: weights": (lambda: tl.gru(X, tl.zeros(1, N, H), [X], True, 1, 0.0, False, False, False), ValueError, "4 weights"),
    "function: shapes": (
        lambda: tl.gru(X, tl.zeros(1, N, H), [tl.zeros(9, 5), tl.zeros(9, 3)], False, 1, 0.0, False, False, False), RuntimeError, "(9, 5)",
    ),
    "function: batch sizes": (
        lambda: tl.gru(X[0], tl.tensor([1, 2]), tl.zeros(1, 1, H), [tl.zeros(9, 4), tl.zeros(9, 3)], False, 1, 0.0, False, False),
        ValueError, "batch_sizes",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("call", "kind", "said"), BAD.values(), ids=BAD)
def test_bad_arguments_are_refused(call, kind, said):
    with pytest.raises(kind) as info:
        call()
    assert said in str(info.value)


def test_dropout_of_one_layer_warns():
    with pytest.warns(UserWarning, match="num_layers=1"):
        nn.GRU(2, 3, dropout=0.5)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        nn.GRU(2, 3, 2, dropout=0.5)


def test_networks_learn_to_add_and_to_copy():
    """The adding problem of S. Hochreiter and J. Schmidhuber (1997), sec. 5.4, and copying, with sequences short enough for seconds."""
    tl.manual_seed(0)
    rng = np.random.default_rng(0)
    for layer, width, task, rate, steps in ((nn.LSTM(2, 16), 1, "add", 3e-2, 220), (nn.GRU(5, 32), 4, "copy", 2e-2, 150)):
        head = nn.Linear(layer.hidden_size, width)
        optimizer = tl.optim.Adam([*layer.parameters(), *head.parameters()], lr=rate)
        values = []
        for _ in range(steps):
            x, y = adding(rng, 10, 64) if task == "add" else copying(rng, 8, 32)
            found = head(layer(tl.tensor(x))[0])
            if task == "add":
                loss = nn.functional.mse_loss(found[-1, :, 0], tl.tensor(y))
            else:
                loss = nn.functional.cross_entropy(found[-3:].reshape(-1, 4), tl.tensor(y.reshape(-1)))
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(layer.parameters(), 1.0)
            optimizer.step()
            values.append(loss.item())
        assert np.mean(values[-10:]) < (0.02 if task == "add" else 0.6), (task, values[::15])  # of 0.17 and 1.39, knowing nothing


def adding(rng, length, n):
    """Numbers in [0, 1), two of them marked, and the sum of these: (T, N, 2) and (N)."""
    x = np.zeros((length, n, 2), np.float32)
    x[..., 0] = rng.random((length, n))
    first, second = rng.integers(0, length // 2, n), rng.integers(length // 2, length, n)
    x[first, np.arange(n), 1] = x[second, np.arange(n), 1] = 1.0
    return x, (x[..., 0] * x[..., 1]).sum(0)


def copying(rng, length, n):
    """Three symbols of four, then blanks, and the symbols, to be said at the last three steps: (T, N, 5) and (3, N)."""
    y = rng.integers(0, 4, (3, n))
    shown = np.concatenate([y, np.full((length - 3, n), 4)])
    return np.eye(5, dtype=np.float32)[shown], y


def shown(f):
    """What a call gives, as plain objects, or the kind of its error."""
    try:
        found = f()
    except Exception as error:
        return RuntimeError if isinstance(error, ValueError | RuntimeError | TypeError) else type(error)
    return None if found is None else [s.tolist() for s in (found if isinstance(found, tuple) else (found,))]


def what_subclasses_call(T_, name, options):
    layer = getattr(T_.nn, name)(D, H, 2, bidirectional=True, **options)
    x, sizes = T_.zeros(T, N, D), T_.tensor([2, 1])
    h, c = T_.ones(4, 2, options.get("proj_size", H)), T_.ones(4, 2, H)
    pair = (h, c) if name == "LSTM" else h
    yield layer._all_weights
    yield layer._flat_weights_names
    yield [w is p for w, p in zip(layer._flat_weights, layer.parameters(), strict=True)]
    for weights, names in zip(layer.all_weights, layer._all_weights, strict=True):
        yield [w is getattr(layer, n) for w, n in zip(weights, names, strict=True)]
    for given in (x, x[0], x[..., 1:], x[0, 0]):
        for batch_sizes in (None, sizes):
            yield shown(lambda given=given, batch_sizes=batch_sizes: layer.check_input(given, batch_sizes))
    for f in [layer.get_expected_hidden_size, *([layer.get_expected_cell_size] if name == "LSTM" else [])]:
        yield from (f(x, None), f(x[0], sizes))
    yield from (shown(lambda s=s: layer.check_hidden_size(c, s)) for s in ((4, 2, H), (4, 2, 1)))
    yield shown(lambda: layer.check_forward_args(x, pair, None))
    yield shown(lambda: layer.check_forward_args(x[0], pair, sizes))
    yield shown(lambda: layer.permute_hidden(pair, T_.tensor([1, 0])))
    yield layer.permute_hidden(pair, None) is pair


@pytest.mark.parametrize(("name", "options"), [*LAYERS[2:], ("LSTM", {"batch_first": True, "bias": False})])
def test_what_subclasses_of_the_layers_of_torch_call(name, options):
    torch = pytest.importorskip("torch")
    for ours, theirs in zip(*(what_subclasses_call(T_, name, options) for T_ in (tl, torch)), strict=True):
        assert ours == theirs
    with pytest.raises(RuntimeError, match=r"a \(1, 2\) b \[4, 2, 3\]"):
        tl.nn.GRU(D, H).check_hidden_size(tl.ones(4, 2, 3), (1, 2), "a {} b {}")
