"""What is exported in the tests: modules with arguments, functions, and models whose sizes vary."""

from __future__ import annotations

import tensorflowlite_clone as tl
from tensorflowlite_clone import nn

F = nn.functional


class Function(nn.Module):
    def __init__(self, f):
        super().__init__()
        self.f = f

    def forward(self, *args):
        return self.f(*args)


def _put(x):
    y = x.clone()
    y[:, 0] = 1.0
    y[:, 1] += x[:, 2]
    y[:, 3, ::2] *= 2
    return y


#: Functions of a tensor (2, 4, 8, 8), by the name of the case.
FUNCTIONS = {
    "einsum": lambda x: (tl.einsum("nchw,ncwk->nchk", x, x), tl.einsum("nchw->nwc", x), tl.outer(x[0, 0, 0], x[0, 0, 1])),
    "products": lambda x: (x @ x, x @ x[0, 0, 0], F.linear(x, tl.ones(3, 8)), tl.addmm(x[0, 0], x[0, 1], x[0, 2])),
    "parts": lambda x: (*x.split(3, -1), *x.chunk(2, 2), *x.unbind(1), x.narrow(2, 1, 3)),
    "slices": lambda x: (x[:, 1, ::2, None, -1], x[..., -3:-1], x[..., None, 0], x[:, 1:]),
    "index arrays": lambda x: (x[:, [0, 2]], x[[0, 1], [1, 2]], x[:, [0, 1], :, [1, 2]], x.index_select(1, tl.tensor([2, 0]))),
    "joins": lambda x: (tl.cat([x, x], 1), tl.stack([x, x], -1), x.repeat(1, 2, 1, 1), x.tile(2), x.repeat_interleave(2, 1)),
    "shapes": lambda x: (x[:, :1].expand(-1, 5, -1, -1), x.movedim(1, -1).flatten(1), x.transpose(1, 2), x.squeeze(), x.unsqueeze(0)),
    "choices": lambda x: (tl.where(x > 0, x, 0.0), tl.where(x > 0, 1, 2), x.masked_fill(x > 0, -1e9), x.clamp(-1, 1), x.clamp(min=0)),
    "extrema": lambda x: (*x.max(1), x.argmax(1), x.argmin(), x.amax(1), x.min(), *x.topk(2, -1), *x.sort()),
    "sums": lambda x: (x.mean((2, 3)), x.mean(), x.sum(1, keepdim=True), x.prod(1), x.norm(dim=1), x.logsumexp(1), x.cumsum(1)),
    "spreads": lambda x: (x.var(1), x.std(), *tl.var_mean(x, 1, keepdim=True)),
    "questions": lambda x: ((x > 0).any(), (x > 0).all(1), (x > 0).sum(1), x.isnan(), x.isfinite(), tl.logical_and(x > 0, x < 1)),
    "powers": lambda x: (x**2, 2**x, x.abs() ** 0.5, x**3, x.abs().rsqrt(), x.reciprocal(), x.square()),
    "triangles": lambda x: (x.tril(), x.triu(1), x.diagonal(0, 2, 3)),
    "in place": _put,
    "gather": lambda x: (x.gather(1, tl.zeros(2, 1, 8, 8).long()), x.gather(1, tl.ones(1, 2, 3, 2).long())),
    "scatter": lambda x: (
        tl.zeros(2, 4, 8, 8).scatter_add(1, tl.ones(2, 4, 8, 8).long(), x), x.scatter(1, tl.ones(2, 1, 8, 8).long(), x[:, :1] * 2)
    ),
    "moves": lambda x: (x.roll(1, 0), x.flip(1, 2), x.unfold(2, 3, 2)),
    "casts": lambda x: (x.to(tl.float64).int(), F.softmax(x / 2, dim=1, dtype=tl.float64), x.half().float()),
    "attention": lambda x: (
        F.scaled_dot_product_attention(x, x, x, is_causal=True),
        F.scaled_dot_product_attention(x, x, x, attn_mask=tl.ones(8, 8).tril().bool()),
        F.scaled_dot_product_attention(x, x, x, attn_mask=tl.ones(8, 8)),
    ),
    "elementary": lambda x: (
        x.erf(), x.sign(), x.floor(), x.round(), x.abs(), x.exp(), x.abs().log(), x // 2, x % 2, x.trunc(), ~(x > 0), x.sin(), x.expm1(),
        x.abs().log1p(), tl.maximum(x, -x), x.abs().log2(), x.frac(), tl.fmod(x, 0.7), tl.hypot(x, x), tl.logaddexp(x, x), x.exp2(),
        x.abs().log10(), x.ceil(), x.tan(), x.atan(), x.cosh(), x.erfc(), x.nan_to_num(), tl.atan2(x, x + 1), (x / 0).nan_to_num(0, 1, 2),
    ),
    "whole numbers": lambda x: (
        (x * 3).long() // 2, (x * 3).long() % 3, (x * 3).int() + 1, (x * 3).long().sum(), (x * 3).long() * 2.5, (x * 3).int().abs(),
        (x > 0) & (x < 1), (x > 0) | (x < -1), (x > 0) ^ (x > 1), (x > 0) == (x > 1), (x * 3).long() != 1,
    ),
    "one hot": lambda x: F.one_hot((x[0, 0, 0].abs() * 2).long().clamp(max=4), 5),
    "sizes of images": lambda x: (
        F.interpolate(x, size=(3, 5), mode="area"), F.pad(x, (-1, -1, 1, 0)), F.pad(x, (1, 2), mode="circular"), F.normalize(x)
    ),
    "constants": lambda x: (x * tl.arange(8), tl.cdist(x[0], x[1]), tl.lerp(x, x * 2, 0.3), F.mse_loss(x, x * 2)),
}  # fmt: skip


def modules():
    """``(module, arguments)``, seeded."""
    tl.manual_seed(0)
    x, x1, x3, seq = tl.randn(2, 4, 8, 8), tl.randn(2, 4, 9), tl.randn(1, 2, 5, 6, 7), tl.randn(5, 2, 3)
    t = tl.randn(2, 5, 8)
    found = [
        (nn.Linear(8, 3), (x,)), (nn.Linear(8, 3, bias=False), (tl.randn(2, 8),)), (nn.Bilinear(3, 4, 5), (tl.randn(2, 3), tl.randn(2, 4))),
        (nn.Conv1d(4, 6, 3, padding=1), (x1,)), (nn.Conv2d(4, 6, 3, stride=2, dilation=2, groups=2), (x,)), (nn.Conv3d(2, 3, 2), (x3,)),
        (nn.ConvTranspose1d(4, 3, 3, stride=2), (x1,)), (nn.ConvTranspose2d(4, 6, 3, 2, 1, output_padding=1, groups=2), (x,)),
        (nn.ConvTranspose3d(2, 3, 2, stride=2), (x3,)), (nn.Conv2d(4, 3, 3, padding="same", padding_mode="reflect"), (x,)),
        (nn.LSTM(3, 4, 2, bidirectional=True), (seq,)), (nn.LSTM(3, 4, batch_first=True), (seq,)), (nn.RNN(3, 4), (seq,)),
        (nn.LSTM(3, 4), (seq, (tl.randn(1, 2, 4), tl.randn(1, 2, 4)))), (nn.GRU(3, 4, 2, bidirectional=True), (seq,)),
        (nn.RNN(3, 4, nonlinearity="relu", bias=False), (seq,)), (nn.LSTMCell(3, 4), (seq[0],)), (nn.GRUCell(3, 4), (seq[0],)),
        (nn.MultiheadAttention(8, 2, batch_first=True), (t, t, t)), (nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), (t,)),
        (nn.TransformerEncoderLayer(8, 2, 16, activation="gelu", norm_first=True), (t,)), (nn.Transformer(8, 2, 1, 1, 16), (t, t)),
        (nn.TransformerDecoderLayer(8, 2, 16), (t, t)), (nn.Embedding(10, 3), (tl.arange(4),)),
        (nn.EmbeddingBag(10, 3), (tl.arange(4).reshape(2, 2),)),
        *((kind(2), (x1,)) for kind in (nn.MaxPool1d, nn.AvgPool1d, nn.AdaptiveAvgPool1d, nn.AdaptiveMaxPool1d)),
        *((kind(2), (x3,)) for kind in (nn.MaxPool3d, nn.AvgPool3d, nn.AdaptiveAvgPool3d, nn.AdaptiveMaxPool3d)),
        (nn.CosineSimilarity(), (x, x + 1)), (nn.PairwiseDistance(), (x[0], x[1])), (nn.Fold((4, 5), 2), (tl.randn(1, 8, 12),)),
        (nn.Upsample(scale_factor=2, mode="trilinear"), (x3,)), (nn.Upsample(scale_factor=2, mode="linear"), (x1,)),
    ]  # fmt: skip
    images = [
        nn.AdaptiveAvgPool2d(3), nn.AdaptiveAvgPool2d(1), nn.AdaptiveMaxPool2d(3), nn.AvgPool2d(3, 2, 1), nn.AvgPool2d(3, 2, 1, True),
        nn.AvgPool2d(3, 2, 1, True, False), nn.AvgPool2d(2, divisor_override=3), nn.MaxPool2d(3, 2, 1, ceil_mode=True),
        nn.MaxPool2d(2, return_indices=True), nn.BatchNorm2d(4), nn.BatchNorm2d(4, track_running_stats=False), nn.GroupNorm(2, 4),
        nn.InstanceNorm2d(4, affine=True), nn.LayerNorm((8, 8)), nn.RMSNorm(8), nn.Upsample(scale_factor=2, mode="bilinear"),
        nn.Upsample(scale_factor=2, mode="bilinear", align_corners=True), nn.Upsample(scale_factor=2), nn.Upsample((5, 5), mode="bicubic"),
        nn.Softmax(1), nn.Softmax2d(), nn.GELU(), nn.GELU("tanh"), nn.SiLU(), nn.Hardswish(), nn.PReLU(), nn.PReLU(4), nn.PixelShuffle(2),
        nn.PixelUnshuffle(2), nn.Unfold(2), nn.ZeroPad2d(1), nn.ConstantPad2d(1, 2.0), nn.ReflectionPad2d(1), nn.ReplicationPad2d(1),
        nn.CircularPad2d(1), nn.LocalResponseNorm(2), nn.LPPool2d(2, 2), nn.GLU(1), nn.Softplus(), nn.Softplus(2, 3), nn.AlphaDropout(),
        nn.Dropout(), nn.LogSoftmax(1), nn.ELU(), nn.ELU(0.5), nn.CELU(2.0), nn.SELU(), nn.Mish(), nn.Hardtanh(), nn.Hardsigmoid(),
        nn.ReLU6(), nn.Softsign(), nn.Tanhshrink(), nn.Threshold(0.1, 2), nn.LogSigmoid(), nn.Softmin(1), nn.Hardshrink(), nn.Softshrink(),
        nn.RReLU(), nn.LeakyReLU(), nn.ReLU(inplace=True), nn.Tanh(), nn.Sigmoid(), nn.Identity(), nn.Flatten(), nn.Unflatten(1, (2, 2)),
        nn.ChannelShuffle(2),
    ]  # fmt: skip
    found += [(m, (x,)) for m in images]
    found += [(Function(lambda x, i: (x[tl.arange(2), i], x[:, i], x.index_select(0, i))), (x, tl.tensor([1, 0])))]
    return found


# ---- models -------------------------------------------------------------------------------------------------------------------
class CNN(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(4, 8, 3), nn.ReLU(inplace=True),
            nn.AdaptiveAvgPool2d(1),
        )  # fmt: skip
        self.head = nn.Linear(8, 3)

    def forward(self, x):
        x = self.features(x)
        return self.head(x.view(x.size(0), -1)).log_softmax(-1)


class LanguageModel(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding, self.lstm, self.head = nn.Embedding(11, 6), nn.LSTM(6, 5, 2, batch_first=True), nn.Linear(5, 11)

    def forward(self, x):
        h, (a, b) = self.lstm(self.embedding(x))
        return self.head(h), a, b


class Block(nn.Module):
    def __init__(self, width, heads, longest):
        super().__init__()
        self.heads, self.norm1, self.norm2 = heads, nn.LayerNorm(width), nn.LayerNorm(width)
        self.attend, self.project = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.mlp = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))
        self.register_buffer("mask", tl.tril(tl.ones(longest, longest)).view(1, 1, longest, longest))

    def forward(self, x):
        n, t, c = x.size()
        q, k, v = (p.view(n, t, self.heads, c // self.heads).transpose(1, 2) for p in self.attend(self.norm1(x)).split(c, dim=2))
        scores = (q @ k.transpose(-2, -1)) * (c // self.heads) ** -0.5
        weights = scores.masked_fill(self.mask[:, :, :t, :t] == 0, float("-inf")).softmax(-1)
        x = x + self.project((weights @ v).transpose(1, 2).contiguous().view(n, t, c))
        return x + self.mlp(self.norm2(x))


class GPT(nn.Module):
    def __init__(self):
        super().__init__()
        self.tokens, self.places = nn.Embedding(11, 8), nn.Embedding(16, 8)
        self.blocks, self.norm, self.head = (
            nn.ModuleList([Block(8, 2, 16) for _ in range(2)]),
            nn.LayerNorm(8),
            nn.Linear(8, 11, bias=False),
        )
        self.head.weight = self.tokens.weight

    def forward(self, x):
        h = self.tokens(x) + self.places(tl.arange(x.size(1)))
        for block in self.blocks:
            h = block(h)
        return self.head(self.norm(h))


class Masks(GPT):
    """Other ways to say causal."""

    def forward(self, x):
        h = self.tokens(x) + self.places.weight[: x.size(1)]
        q = h.view(*h.shape[:2], 2, 4).transpose(1, 2)
        y = F.scaled_dot_product_attention(q, q, q, is_causal=True).transpose(1, 2).reshape(h.shape)
        mask = tl.triu(tl.full((x.size(1), x.size(1)), float("-inf")), 1)
        return y + F.softmax(q @ q.transpose(-2, -1) + mask, -1).sum((1, 3))[..., None]


class VAE(nn.Module):
    def __init__(self):
        super().__init__()
        self.encode = nn.Sequential(nn.Conv2d(1, 4, 4, 2, 1), nn.ReLU(), nn.Flatten(), nn.Linear(64, 8))
        self.decode = nn.Sequential(nn.Linear(4, 64), nn.Unflatten(1, (4, 4, 4)), nn.ConvTranspose2d(4, 1, 4, 2, 1), nn.Sigmoid())

    def forward(self, x, noise):
        mean, log = self.encode(x).chunk(2, 1)
        return self.decode(mean + noise * (0.5 * log).exp()), mean, log


def _sizes(x):
    n = x.size(0)
    return (
        x.flatten(1).sum(1), x.reshape(-1), x.repeat(1, 2), tl.cat([x, tl.zeros(n, 2)], 1), x[:, -3:], x[:, :-1], x[: n - 1],
        x.unsqueeze(1).expand(-1, 3, -1), F.pad(x, (1, 2)), x * tl.arange(x.size(1)), x.view(n * x.size(1)), x.sort()[0],
    )  # fmt: skip


def varying():
    """``(name, module, arguments, dynamic axes, other arguments)``: models whose sizes vary."""
    tl.manual_seed(0)
    both = {0: "batch", 1: "time"}

    def tokens(n, t):
        return (tl.randint(0, 11, (n, t)),)

    def images(n):
        return tl.randn(n, 1, 8, 8)

    def q(time, source, n):
        return tl.randn(time, n, 8), tl.randn(source, n, 8), tl.randn(source, n, 8)

    maps = nn.Sequential(nn.ConvTranspose2d(2, 3, 3, 2, 1, 1), nn.InstanceNorm2d(3), nn.ReflectionPad2d(1), nn.Upsample(scale_factor=2))
    encoder = nn.TransformerEncoder(nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), 2, enable_nested_tensor=False)
    mha_axes = {"query": {0: "l", 1: "b"}, "key": {0: "s", 1: "b"}, "value": {0: "s", 1: "b"}}
    return [
        ("cnn", CNN(), (tl.randn(2, 1, 8, 8),), {"x": {0: "b", 2: "h", 3: "w"}}, [(tl.randn(5, 1, 10, 13),)]),
        ("lstm", LanguageModel(), tokens(2, 5), {"x": both}, [tokens(3, 7), tokens(1, 2)]),
        ("lstm steps", LanguageModel(), tokens(2, 5), {"x": {1: "time"}}, [tokens(2, 7)]),
        ("lstm batch", LanguageModel(), tokens(2, 5), {"x": [0]}, [tokens(4, 5)]),
        ("gru", nn.GRU(3, 4, bidirectional=True), (tl.randn(5, 2, 3),), {"input": {0: "t", 1: "b"}}, [(tl.randn(7, 3, 3),)]),
        ("gpt", GPT(), tokens(2, 5), {"x": both}, [tokens(3, 9), tokens(1, 16), tokens(1, 1)]),
        ("masks", Masks(), tokens(2, 5), {"x": both}, [tokens(3, 9), tokens(1, 16), tokens(1, 1)]),
        ("vae", VAE(), (images(2), tl.randn(2, 4)), {"x": {0: "b"}, "noise": {0: "b"}}, [(images(6), tl.randn(6, 4))]),
        ("encoder", encoder, (tl.randn(2, 5, 8),), {"src": both}, [(tl.randn(3, 7, 8),)]),
        ("attention", nn.MultiheadAttention(8, 2), q(5, 5, 2), mha_axes, [q(5, 7, 3)]),
        ("sizes", Function(_sizes), (tl.randn(4, 6),), {"input_0": both}, [(tl.randn(7, 9),)]),
        ("images", maps, (tl.randn(1, 2, 5, 6),), {"input": {0: "b", 2: "h", 3: "w"}}, [(tl.randn(3, 2, 7, 4),)]),
    ]  # fmt: skip
