"""What layers do beyond the sweep over all of them (``test_every_module.py``): randomness, sharing, what PyTorch does otherwise."""

from __future__ import annotations

import numpy as np
import pytest

import tensorflowlite_clone as tl
from tensorflowlite_clone import nn


def randn(*shape):
    return np.random.default_rng(sum(shape) + 7 * len(shape)).normal(size=shape)


def close(ours, theirs, rtol=1e-9):
    a, b = ours.numpy(force=True), theirs.detach().numpy()
    assert a.shape == b.shape and a.dtype == b.dtype
    np.testing.assert_allclose(a, b, rtol=rtol, atol=1e-12)


@pytest.mark.parametrize("name", ["Softmax", "LogSoftmax", "Softmin"])
def test_a_softmax_without_dim_takes_that_of_torch(name):
    torch = pytest.importorskip("torch")
    for shape in [(), (3,), (2, 3), (2, 3, 4), (2, 3, 4, 2), (1, 2, 3, 1, 2)]:
        x, found = randn(*shape), []
        for T, make in ((tl, tl.Tensor), (torch, torch.tensor)):
            with pytest.warns(UserWarning, match=r"(?i)dim"):
                found.append(getattr(T.nn, name)()(make(x)))
        close(*found)


def test_max_pool_returns_indices():
    torch = pytest.importorskip("torch")
    x = randn(2, 3, 6, 6)
    values, places = nn.MaxPool2d(2, return_indices=True)(tl.Tensor(x))
    expected, where = torch.nn.MaxPool2d(2, return_indices=True)(torch.tensor(x))
    close(values, expected)
    close(places, where)


@pytest.mark.parametrize(
    ("layer", "shape", "whole_channels"),
    [(nn.Dropout, (40, 50, 4), False), (nn.Dropout1d, (40, 50, 4), True), (nn.Dropout2d, (40, 50, 2, 2), True),
     (nn.Dropout3d, (40, 50, 2, 2, 1), True)],
)  # fmt: skip
def test_dropout_zeroes_a_share_and_scales_the_rest(layer, shape, whole_channels):
    tl.manual_seed(0)
    x = tl.ones(*shape, requires_grad=True)
    dropout = layer(0.25)
    y = dropout(x)
    values = y.numpy(force=True)
    assert set(np.unique(values)) == {np.float32(0), np.float32(1 / 0.75)}
    assert abs((values == 0).mean() - 0.25) < 0.04
    flat = values.reshape(2000, 4)
    assert np.all(flat == flat[:, :1]) == whole_channels
    y.sum().backward()
    np.testing.assert_array_equal(x.grad.numpy(), values)  # the same mask
    assert dropout.eval()(x) is x or np.all(dropout(x).numpy(force=True) == 1)


def test_alpha_dropout_keeps_mean_and_variance():
    tl.manual_seed(0)
    y = nn.AlphaDropout(0.3)(tl.randn(100_000)).numpy()
    assert abs(y.mean()) < 0.02 and abs(y.std() - 1) < 0.02
    assert len(np.unique(y)) < 0.8 * len(y)  # the dropped ones are one value


def test_embedding_padding_row_is_zero_and_stays():
    layer = nn.Embedding(4, 3, padding_idx=1)
    assert np.all(layer.weight.numpy(force=True)[1] == 0)
    layer(tl.tensor([0, 1, 1])).sum().backward()
    assert layer.weight.grad.numpy().tolist() == [[1, 1, 1], [0, 0, 0], [0, 0, 0], [0, 0, 0]]


def test_embedding_from_pretrained_shares_the_table():
    table = tl.Tensor(np.arange(6.0).reshape(3, 2))
    frozen = nn.Embedding.from_pretrained(table)
    assert not frozen.weight.requires_grad and nn.Embedding.from_pretrained(table, freeze=False).weight.requires_grad
    assert frozen(tl.tensor([2])).tolist() == [[4.0, 5.0]]
    table.array[2, 0] = 9.0
    assert frozen(tl.tensor([2])).tolist() == [[9.0, 5.0]]


def test_embedding_max_norm_rescales_the_rows_it_reads():
    torch = pytest.importorskip("torch")
    table = randn(5, 3) * 3
    ours, theirs = nn.Embedding(5, 3, max_norm=1.5).double(), torch.nn.Embedding(5, 3, max_norm=1.5).double()
    ours.load_state_dict({"weight": table})
    theirs.load_state_dict({"weight": torch.tensor(table)})
    rows = np.array([0, 3, 3, 1])
    np.testing.assert_allclose(ours(tl.Tensor(rows)).numpy(force=True), theirs(torch.tensor(rows)).detach().numpy(), rtol=1e-6)
    np.testing.assert_allclose(ours.weight.numpy(force=True), theirs.weight.detach().numpy(), rtol=1e-6)
    assert repr(ours) == repr(theirs)


@pytest.mark.parametrize(
    ("make", "fact"),
    [
        (lambda: nn.Conv2d(3, 4, 3, groups=2), "in 3, out 4, groups 2"),
        (lambda: nn.Conv2d(3, 4, 3, padding_mode="mirror"), "'mirror'"),
        (lambda: nn.ConvTranspose2d(3, 4, 3, padding_mode="reflect"), "'reflect'"),
        (lambda: nn.Dropout(1.5), "1.5"),
        (lambda: nn.Embedding(3, 2, padding_idx=3), "padding_idx 3"),
        (lambda: nn.GroupNorm(3, 4), "4 channels, 3 groups"),
        (lambda: nn.BatchNorm2d(3)(tl.zeros(2, 3)), r"\(2, 3\)"),
        (lambda: nn.InstanceNorm2d(3)(tl.zeros(2, 3)), r"\(2, 3\)"),
        (lambda: nn.Conv2d(3, 4, 3, stride=2, padding="same"), "stride"),
    ],
)
def test_wrong_settings_are_explained(make, fact):
    with pytest.raises(ValueError, match=fact):
        make()


def test_users_layers_may_have_an_attribute_called_function():
    class Named(nn.Dropout):
        def __init__(self):
            super().__init__(0.0)
            self.function = abs

    assert Named()(tl.ones(2)).tolist() == [1.0, 1.0]


def test_an_average_pool_pickled_without_divisor_runs():
    m = nn.AvgPool1d(2)
    del m.__dict__["divisor_override"]
    assert m(tl.ones(1, 1, 4)).tolist() == [[[1.0, 1.0]]]


def test_power_pools_and_cross_map_normalisation_follow_their_formulas():
    x = np.random.default_rng(0).normal(size=(2, 7, 3, 3))
    for size in (1, 2, 3, 4, 5, 8):
        y = nn.CrossMapLRN2d(size, alpha=0.7, beta=0.6, k=1.5)(tl.tensor(x)).numpy()
        for c in range(7):
            window = x[:, max(0, c - (size - 1) // 2) : c + (size - 1) // 2 + 1]
            np.testing.assert_allclose(y[:, c], x[:, c] / (1.5 + 0.7 / size * (window**2).sum(1)) ** 0.6, rtol=1e-12)


def test_cross_map_normalisation_is_pytorchs_before_its_first_channel_should_leave():
    torch = pytest.importorskip("torch")
    x = np.random.default_rng(0).normal(size=(2, 7, 3, 3))
    for size in (3, 5, 7):
        ours, theirs = nn.CrossMapLRN2d(size, alpha=0.7), torch.nn.CrossMapLRN2d(size, alpha=0.7)
        y, z = ours(tl.tensor(x)).numpy(), theirs(torch.tensor(x)).numpy()
        first = (size - 1) // 2 + 1
        np.testing.assert_allclose(y[:, :first], z[:, :first], rtol=1e-12)
        assert repr(ours) == repr(theirs)


def test_batch_normalisations_become_synchronous_ones():
    torch = pytest.importorskip("torch")

    def program(package):
        n = package.nn
        net = n.Sequential(n.Conv1d(2, 3, 1), n.BatchNorm1d(3), n.Sequential(n.BatchNorm2d(2, affine=False), n.InstanceNorm1d(2), n.ReLU()))
        net[1].eval()
        new = n.SyncBatchNorm.convert_sync_batchnorm(net)
        assert new is net
        alone = n.BatchNorm1d(2, momentum=None, track_running_stats=False)
        converted = n.SyncBatchNorm.convert_sync_batchnorm(alone, "group")
        assert converted.weight is alone.weight and converted.process_group == "group"
        return repr(net), repr(converted), net[1].training, list(net.state_dict())

    assert program(tl) == program(torch)


def test_fractional_pools_draw_other_windows_in_every_call():
    tl.manual_seed(0)
    x, pool = tl.arange(400.0).reshape(1, 1, 20, 20), nn.FractionalMaxPool2d(2, output_ratio=0.6)
    results = {str(pool(x).tolist()) for _ in range(5)}
    assert len(results) > 1 and pool(x).shape == (1, 1, 12, 12)
    for settings in ({}, {"output_size": 3, "output_ratio": 0.5}):
        with pytest.raises(ValueError, match=r"FractionalMaxPool2d: needs output_size or output_ratio: got (neither|both)"):
            nn.FractionalMaxPool2d(2, **settings)


def test_instance_normalisation_of_other_channels_warns_where_they_do_not_matter():
    with pytest.warns(UserWarning, match=r"InstanceNorm1d: input must have 4 channels"):
        assert nn.InstanceNorm1d(4)(tl.randn(2, 3, 5)).shape == (2, 3, 5)
    with pytest.raises(ValueError, match="InstanceNorm1d: input must have 4 channels"):
        nn.InstanceNorm1d(4, affine=True)(tl.randn(2, 3, 5))


def test_old_names_of_the_bounds_of_hardtanh_warn():
    with pytest.warns(FutureWarning, match="Hardtanh: min_value is deprecated"):
        assert nn.Hardtanh(min_value=-3.0).min_val == -3.0
    with pytest.warns(FutureWarning, match="Hardtanh: max_value is deprecated"):
        assert nn.Hardtanh(max_value=3.0).max_val == 3.0
    assert isinstance(nn.ReLU6(), nn.Hardtanh)


@pytest.mark.parametrize("d", [1, 2, 3])
def test_sizes_that_the_input_does_not_determine_can_be_asked_for(d):
    torch = pytest.importorskip("torch")
    x = np.random.default_rng(d).normal(size=(2, 2, *[4] * d))
    for size in (9, 10):
        ours = getattr(nn, f"ConvTranspose{d}d")(2, 3, 3, stride=2).double()
        theirs = getattr(torch.nn, f"ConvTranspose{d}d")(2, 3, 3, stride=2).double()
        theirs.load_state_dict({k: torch.tensor(v.numpy()) for k, v in ours.state_dict().items()})
        for wanted in ([size] * d, (2, 3, *[size] * d)):
            close(ours(tl.tensor(x), output_size=wanted), theirs(torch.tensor(x), output_size=list(wanted)))
    values, places = getattr(nn, f"MaxPool{d}d")(2, return_indices=True)(tl.tensor(np.pad(x, [(0, 0), (0, 0), *[(0, 1)] * d])))
    given = torch.tensor(values.numpy()), torch.tensor(places.numpy())
    for wanted in ([5] * d, (2, 2, *[5] * d)):
        close(getattr(nn, f"MaxUnpool{d}d")(2)(values, places, wanted), getattr(torch.nn, f"MaxUnpool{d}d")(2)(*given, list(wanted)))
    for wrong in ([8] * d, [12] * d):
        for T, module in ((tl, nn.ConvTranspose1d), (torch, torch.nn.ConvTranspose1d)):
            with pytest.raises(ValueError):
                module(2, 3, 3, stride=2)(T.zeros(2, 2, 4), output_size=wrong[:1])


def test_padding_takes_nan():
    assert np.isnan(nn.ConstantPad1d((1, 0), float("nan"))(tl.ones(1, 2)).numpy()).tolist() == [[True, False, False]]


#: Methods of PyTorch's layers, for their subclasses by an underscore, that are not here.
INSIDES = {
    "how PyTorch calls a module, and which hooks it looks at": "T_destination _call_impl _compiled_call_impl _get_backward_hooks "
    "_get_backward_pre_hooks _maybe_warn_non_full_backward_hook _slow_forward _wrapped_call_impl _is_protocol",
    "copies of modules on several devices": "_replicate_for_data_parallel gather parallel_apply replicate scatter",
    "the weights of a recurrent layer as one piece of memory": "_init_flat_weights _update_flat_weights _weights_have_changed",
    "parts of one method": "_get_full_log_prob _apply_instance_norm _get_no_batch_dim _handle_no_batch_input _lazy_load_hook "
    "_get_in_channels _get_num_spatial_dims _get_abs_string_index _key_to_attr _get_item_by_idx _check_non_zero_input_channels "
    "_require_tuple_int",
}


def test_methods_of_torchs_layers_for_their_subclasses_are_here_or_have_a_reason():
    torch = pytest.importorskip("torch")
    kinds = {n: c for n in dir(torch.nn) if isinstance(c := getattr(torch.nn, n), type) and issubclass(c, torch.nn.Module)}
    lacking = {m for n, c in kinds.items() for m in dir(c) if not m.startswith("__") and not hasattr(getattr(nn, n), m)}
    # Padding layers and transposed convolutions have these in PyTorch, and call neither.
    called = lacking - {"_check_input_dim", "_conv_forward"}
    assert called == set(" ".join(INSIDES.values()).split())
    for d in (1, 2, 3):
        for name in ("BatchNorm", "InstanceNorm"):
            assert hasattr(getattr(nn, f"{name}{d}d"), "_check_input_dim") and hasattr(getattr(nn, f"Conv{d}d"), "_conv_forward")


def subclasses_of(T):
    """Layers as libraries derive them, by PyTorch's protected names."""

    def standardised(w):
        var, mean = T.var_mean(w, dim=list(range(1, w.ndim)), keepdim=True, correction=0)
        return (w - mean) / (var + 1e-5).sqrt()

    def forward(self, x):
        return self._conv_forward(x, standardised(self.weight), self.bias)

    def padded(self, x):
        x = T.nn.functional.pad(x, self._reversed_padding_repeated_twice, mode=self.padding_mode)
        return getattr(T.nn.functional, type(self).__mro__[1].__name__.lower())(
            x, self.weight * 2, None, self.stride, 0, self.dilation, self.groups
        )

    class AnyNorm(T.nn.modules.batchnorm._BatchNorm):
        def _check_input_dim(self, input):
            assert input.ndim > 1

    class Checked(T.nn.BatchNorm1d):
        def forward(self, x):
            self._check_input_dim(x)
            return T.nn.functional.batch_norm(x, self.running_mean, self.running_var, self.weight, self.bias, True, 0.5)

    class Uniform(T.nn.Embedding):
        def reset_parameters(self):
            T.nn.init.ones_(self.weight)
            self._fill_padding_idx_with_zero()

    yield AnyNorm(2), (4, 2, 1, 1, 2, 3)
    yield Checked(2), (4, 2)
    yield Uniform(3, 2, padding_idx=1), None
    for d in (1, 2, 3):
        conv = getattr(T.nn, f"Conv{d}d")
        for mode, padding in [("zeros", 1), ("zeros", "same"), ("reflect", 1), ("circular", "same"), ("replicate", tuple(range(1, d + 1)))]:
            for called in [forward] if mode == "zeros" else [forward, padded]:
                kind = type("Weighed", (conv,), {"forward": called})
                yield kind(2, 4, (3, 2, 4)[:d], padding=padding, padding_mode=mode, dilation=2 if d == 1 else 1, groups=2), (2, 2, *[6] * d)


@pytest.mark.filterwarnings("ignore:Using padding=.same. with even")
def test_subclasses_by_protected_names_compute_what_those_of_torch_do():
    torch = pytest.importorskip("torch")
    for (ours, shape), (theirs, _) in zip(subclasses_of(tl), subclasses_of(torch), strict=True):
        ours, theirs = ours.double(), theirs.double()
        if shape is None:
            close(ours.weight, theirs.weight)
            continue
        theirs.load_state_dict({k: torch.tensor(v.numpy()) for k, v in ours.state_dict().items()})
        x, t = (make(randn(*shape)).requires_grad_() for make in (tl.tensor, torch.tensor))
        y, u = ours(x), theirs(t)
        close(y, u)
        (y * y).sum().backward(), (u * u).sum().backward()
        close(x.grad, t.grad)
        close(ours.weight.grad, theirs.weight.grad, rtol=1e-7)
    with pytest.raises(ValueError, match="Checked: input must be 2-d or 3-d"):
        list(subclasses_of(tl))[1][0](tl.ones(1, 2, 3, 4))
