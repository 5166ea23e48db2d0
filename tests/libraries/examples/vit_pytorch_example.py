"""vit-pytorch: three steps of training a vision transformer, and one pass through some of its relatives."""

import numpy as np
import torch
from torch import nn
from vit_pytorch import SimpleViT, ViT
from vit_pytorch.cct import CCT
from vit_pytorch.cvt import CvT
from vit_pytorch.deepvit import DeepViT
from vit_pytorch.recorder import Recorder
from vit_pytorch.t2t import T2TViT
from vit_pytorch.vit_for_small_dataset import ViT as SmallViT

rng = np.random.RandomState(3)
torch.manual_seed(0)
images = torch.tensor(rng.randn(3, 3, 32, 32))
labels = torch.tensor([1, 0, 2])
report = {}


def filled(model):
    model = model.double()
    with torch.no_grad():
        for p in model.parameters():
            p.copy_(torch.tensor(rng.randn(*p.shape) * 0.1))
    return model


def train(model, steps=2):
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    losses = []
    for _ in range(steps):
        loss = nn.functional.cross_entropy(model(images), labels)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        losses.append(loss.item())
    return losses


size = {"image_size": 32, "patch_size": 8, "num_classes": 3, "dim": 24, "depth": 2, "heads": 3, "mlp_dim": 32}
vit = filled(ViT(**size))
report["vit"] = train(vit, 3)
report["logits"] = vit.eval()(images).flatten().tolist()
report["count"] = sum(p.numel() for p in vit.parameters())
report["simple"] = train(filled(SimpleViT(**size)))
report["deep"] = train(filled(DeepViT(**size)))
report["small"] = train(filled(SmallViT(**size)))
report["t2t"] = train(filled(T2TViT(dim=24, image_size=32, depth=1, heads=3, mlp_dim=32, num_classes=3, t2t_layers=((7, 4), (3, 2)))))
report["cct"] = train(
    filled(
        CCT(
            img_size=(32, 32), embedding_dim=24, n_conv_layers=1, kernel_size=7, stride=2, padding=3, pooling_kernel_size=3,
            pooling_stride=2, pooling_padding=1, num_layers=1, num_heads=3, mlp_ratio=1.0, num_classes=3, positional_embedding="learnable",
            dropout_rate=0.0, attention_dropout=0.0, stochastic_depth_rate=0.0,
        )
    )
)  # fmt: skip
stages = {f"s{i}_{k}": v for i, d in ((1, 8), (2, 16), (3, 24)) for k, v in (("emb_dim", d), ("heads", 1), ("depth", 1), ("mlp_mult", 2))}
report["cvt"] = train(filled(CvT(num_classes=3, **stages)))
recorder = Recorder(vit)
_, attention = recorder(images)
report["attention"] = [list(attention.shape), attention.sum().item(), attention.flatten()[::97].tolist()]
