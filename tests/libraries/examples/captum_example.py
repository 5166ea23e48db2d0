"""captum: what a network's answer is owed to, by integrated gradients and relatives, of inputs, layers and neurons."""

import numpy as np
import torch
from captum import attr
from torch import nn

rng = np.random.RandomState(4)
report = {}


class Toy(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 3, 3)
        self.relu1 = nn.ReLU()
        self.pool = nn.MaxPool2d(2)
        self.lin1 = nn.Linear(27, 6)
        self.relu2 = nn.ReLU()
        self.lin2 = nn.Linear(6, 3)

    def forward(self, x, scale=None):
        x = self.pool(self.relu1(self.conv(x))).flatten(1)
        x = self.lin2(self.relu2(self.lin1(x)))
        return x if scale is None else x * scale


model = Toy().double().eval()
with torch.no_grad():
    for p in model.parameters():
        p.copy_(torch.tensor(rng.randn(*p.shape) * 0.4))
x = torch.tensor(rng.randn(2, 1, 8, 8))
base = torch.zeros_like(x)


def keep(name, value):
    value = value[0] if isinstance(value, tuple) else value
    value = value.detach().double()
    report[name] = [list(value.shape), value.sum().item(), value.flatten()[:: max(1, value.numel() // 7)].tolist()]


ig, delta = attr.IntegratedGradients(model).attribute(x, base, target=1, return_convergence_delta=True, n_steps=20)
keep("ig", ig)
report["delta"] = delta.tolist()
keep(
    "ig_args",
    attr.IntegratedGradients(model).attribute(x, target=[0, 2], additional_forward_args=(2.0,), n_steps=10, method="riemann_trapezoid"),
)
keep("saliency", attr.Saliency(model).attribute(x, target=1))
keep("product", attr.InputXGradient(model).attribute(x, target=1))
keep("deconvolution", attr.Deconvolution(model).attribute(x, target=1))
keep("guided", attr.GuidedBackprop(model).attribute(x, target=1))
keep("deep_lift", attr.DeepLift(model).attribute(x, base, target=1))
keep("deep_lift_shap", attr.DeepLiftShap(model).attribute(x, torch.tensor(rng.randn(4, 1, 8, 8)), target=1))
keep("lrp", attr.LRP(model).attribute(x, target=1))
keep("occlusion", attr.Occlusion(model).attribute(x, sliding_window_shapes=(1, 3, 3), strides=(1, 2, 2), target=1))
keep("ablation", attr.FeatureAblation(model).attribute(x, target=1, feature_mask=torch.arange(64).reshape(1, 1, 8, 8) // 16))
keep("permutation", attr.FeaturePermutation(model, perm_func=lambda x, mask: torch.where(mask, x.flip(0), x)).attribute(
    x, target=1, feature_mask=torch.arange(64).reshape(1, 1, 8, 8) // 16))  # fmt: skip
keep("shapley", attr.ShapleyValues(model).attribute(x, target=1, feature_mask=torch.arange(64).reshape(1, 1, 8, 8) // 64))
keep("layer_cam", attr.LayerGradCam(model, model.conv).attribute(x, target=1))
keep("upsampled", attr.LayerAttribution.interpolate(attr.LayerGradCam(model, model.conv).attribute(x, target=1), (8, 8)))
keep("guided_cam", attr.GuidedGradCam(model, model.conv).attribute(x, target=1))
keep("layer_activation", attr.LayerActivation(model, model.relu1).attribute(x))
keep("layer_conductance", attr.LayerConductance(model, model.lin1).attribute(x, base, target=1, n_steps=10))
keep("layer_ig", attr.LayerIntegratedGradients(model, model.conv).attribute(x, base, target=1, n_steps=10))
keep("layer_deep_lift", attr.LayerDeepLift(model, model.lin1).attribute(x, base, target=1))
keep("internal", attr.InternalInfluence(model, model.pool).attribute(x, base, target=1, n_steps=10))
keep("neuron_gradient", attr.NeuronGradient(model, model.lin1).attribute(x, 2))
keep("neuron_conductance", attr.NeuronConductance(model, model.lin1).attribute(x, 2, base, target=1, n_steps=10))
keep("neuron_ig", attr.NeuronIntegratedGradients(model, model.lin1).attribute(x, 2, base, n_steps=10))
torch.manual_seed(0)
noisy = attr.NoiseTunnel(attr.Saliency(model)).attribute(x, nt_samples=4, stdevs=0.0, target=1)
keep("tunnel", noisy)

tokens = nn.Sequential(nn.Embedding(10, 4), nn.Flatten(), nn.Linear(12, 2)).double()
with torch.no_grad():
    for p in tokens.parameters():
        p.copy_(torch.tensor(rng.randn(*p.shape) * 0.4))
words = torch.tensor([[1, 5, 9], [0, 2, 2]])
keep("words", attr.LayerIntegratedGradients(tokens, tokens[0]).attribute(words, torch.zeros_like(words), target=1, n_steps=10))
