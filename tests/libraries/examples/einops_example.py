"""einops: rearranging, reducing and repeating images, a product by names of axes, and a network that learns with its layers."""

import numpy as np
import torch
from einops import einsum, pack, parse_shape, rearrange, reduce, repeat, unpack
from einops.layers.torch import EinMix, Rearrange, Reduce
from torch import nn

rng = np.random.RandomState(0)
images = torch.tensor(rng.randn(6, 3, 8, 8), requires_grad=True)

report = {}
tiles = rearrange(images, "(r c) p (h s) (w t) -> (r h) (c w) (p s t)", r=2, s=2, t=4)
report["tiles"] = tiles.flatten()[::37].tolist()
report["pooled"] = reduce(images, "b c (h 2) (w 2) -> b c h w", "max").sum().item()
report["centred"] = (images - reduce(images, "b c h w -> b c 1 1", "mean")).pow(2).sum().item()
report["repeated"] = repeat(images[0, 0], "h w -> h (w k)", k=3)[2, ::5].tolist()
report["einsum"] = einsum(images, images, "a c h w, b c h w -> a b").flatten()[::5].tolist()
packed, shapes = pack([images, torch.ones(6, 5, dtype=torch.float64)], "b *")
report["packed"] = [list(packed.shape), [list(part.shape) for part in unpack(packed, shapes, "b *")]]
report["parsed"] = parse_shape(images, "b _ h w")

model = nn.Sequential(
    nn.Conv2d(3, 6, 3),
    Reduce("b c (h 2) (w 2) -> b c h w", "mean"),
    nn.ReLU(),
    EinMix("b c h w -> b (h w) d", weight_shape="c d", bias_shape="d", c=6, d=4),
    Rearrange("b n d -> b (n d)"),
    nn.Linear(36, 2),
).double()
with torch.no_grad():
    for p in model.parameters():
        p.copy_(torch.tensor(rng.randn(*p.shape) * 0.2))
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
labels = torch.tensor([0, 1, 0, 1, 1, 0])
report["losses"] = []
for _ in range(5):
    optimizer.zero_grad()
    loss = nn.functional.cross_entropy(model(images), labels)
    loss.backward()
    optimizer.step()
    report["losses"].append(loss.item())
report["slope"] = images.grad.abs().sum().item()
