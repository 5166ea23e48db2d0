"""pyro: a coin's bias by SVI with a guide, autoguides, enumerated mixtures, HMC and NUTS, importance and prediction."""

import numpy as np
import pyro
import pyro.distributions as dist
import torch
from pyro import poutine
from pyro.infer import HMC, MCMC, NUTS, SVI, Predictive, Trace_ELBO, TraceEnum_ELBO, TraceMeanField_ELBO, config_enumerate
from pyro.infer.autoguide import AutoDelta, AutoDiagonalNormal, AutoLowRankMultivariateNormal, AutoMultivariateNormal
from pyro.nn import PyroModule, PyroSample
from torch import nn
from torch.distributions import constraints

torch.set_default_dtype(torch.float64)
rng = np.random.RandomState(6)
report = {}


def drawn(kind, transform):
    """Let ``kind`` draw from NumPy's generator, whose numbers are the same wherever this runs."""

    def rsample(self, sample_shape=()):
        return transform(self, self._extended_shape(torch.Size(sample_shape)))

    def sample(self, sample_shape=()):
        with torch.no_grad():
            return rsample(self, sample_shape)

    kind.rsample, kind.sample = rsample, sample


def uniform(shape):
    return torch.as_tensor(rng.rand(*shape))


def normal(shape):
    return torch.as_tensor(rng.randn(*shape))


T = torch.distributions
drawn(T.Normal, lambda d, s: d.loc + normal(s) * d.scale)
drawn(T.Uniform, lambda d, s: d.low + uniform(s) * (d.high - d.low))
drawn(T.Exponential, lambda d, s: -torch.log1p(-uniform(s)) / d.rate)
drawn(T.Bernoulli, lambda d, s: (uniform(s) < d.probs).double())
drawn(T.MultivariateNormal, lambda d, s: d.loc + (d.scale_tril @ normal(s)[..., None])[..., 0])
drawn(
    T.LowRankMultivariateNormal,
    lambda d, s: (
        d.loc + (d._unbroadcasted_cov_factor @ normal(s[:-1] + d.cov_factor.shape[-1:])[..., None])[..., 0] + d.cov_diag.sqrt() * normal(s)
    ),
)


def numbers(value):
    return [float(v) for v in torch.as_tensor(value).detach().flatten()]


def learn(model, guide, elbo, *data, steps=5, lr=0.02):
    svi = SVI(model, guide, pyro.optim.Adam({"lr": lr}), loss=elbo)
    return [float(svi.step(*data)) for _ in range(steps)]


# ---- a coin, with a guide in terms of parameters ----
tosses = torch.tensor([1.0] * 6 + [0.0] * 4)


def coin(data):
    bias = pyro.sample("bias", dist.Uniform(0.05, 0.95))
    with pyro.plate("tosses", len(data)):
        pyro.sample("toss", dist.Bernoulli(bias), obs=data)


def guide(data):
    loc = pyro.param("loc", torch.tensor(0.2))
    scale = pyro.param("scale", torch.tensor(0.3), constraint=constraints.positive)
    base = dist.Normal(loc, scale)
    pyro.sample("bias", dist.TransformedDistribution(base, [T.transforms.SigmoidTransform(), T.transforms.AffineTransform(0.05, 0.9)]))


pyro.clear_param_store()
report["coin"] = learn(coin, guide, Trace_ELBO(num_particles=3), tosses)
report["coin_parameters"] = [*numbers(pyro.param("loc")), *numbers(pyro.param("scale"))]
pyro.clear_param_store()
trace = poutine.trace(poutine.condition(coin, {"bias": torch.tensor(0.4)})).get_trace(tosses)
report["coin_log_prob"] = trace.log_prob_sum().item()

# ---- regression with autoguides, and a network whose weights are random ----
x = torch.as_tensor(rng.randn(20, 3))
y = x @ torch.tensor([1.0, -2.0, 0.5]) + 0.3 + 0.1 * torch.as_tensor(rng.randn(20))


def regression(x, y=None):
    w = pyro.sample("w", dist.Normal(torch.zeros(3), 1.0).to_event(1))
    b = pyro.sample("b", dist.Normal(0.0, 1.0))
    sigma = pyro.sample("sigma", dist.LogNormal(0.0, 1.0))
    mean = pyro.deterministic("mean", x @ w + b)
    with pyro.plate("data", len(x)):
        return pyro.sample("y", dist.Normal(mean, sigma), obs=y)


for kind in (AutoDelta, AutoDiagonalNormal, AutoMultivariateNormal, AutoLowRankMultivariateNormal):
    pyro.clear_param_store()
    options = {} if kind is AutoDelta else {"init_loc_fn": pyro.infer.autoguide.init_to_median(num_samples=3)}
    auto = kind(regression, **options)
    if kind is AutoLowRankMultivariateNormal:
        auto(x, y)
        with torch.no_grad():
            auto.cov_factor.copy_(torch.linspace(-0.1, 0.1, auto.cov_factor.numel()).reshape(auto.cov_factor.shape))
    report[kind.__name__] = learn(regression, auto, TraceMeanField_ELBO() if kind is AutoDiagonalNormal else Trace_ELBO(), x, y)
    report[kind.__name__ + "_median"] = {k: numbers(v) for k, v in auto.median().items()}
pyro.clear_param_store()
auto = AutoDiagonalNormal(
    regression,
    init_loc_fn=pyro.infer.autoguide.init_to_value(values={"w": torch.zeros(3), "b": torch.tensor(0.0), "sigma": torch.tensor(1.0)}),
)
learn(regression, auto, Trace_ELBO(), x, y, steps=2)
report["predictive"] = numbers(Predictive(regression, guide=auto, num_samples=4)(x)["y"])[::9]


class Network(PyroModule):
    def __init__(self):
        super().__init__()
        self.hidden = PyroModule[nn.Linear](3, 4)
        self.hidden.weight = PyroSample(dist.Normal(0.0, 1.0).expand([4, 3]).to_event(2))
        self.hidden.bias = PyroSample(lambda self: dist.Normal(torch.zeros(4), 1.0).to_event(1))
        self.out = PyroModule[nn.Linear](4, 1)
        with torch.no_grad():
            self.out.weight.copy_(torch.tensor([[0.3, -0.2, 0.1, 0.4]]))
            self.out.bias.zero_()

    def forward(self, x, y=None):
        mean = self.out(torch.tanh(self.hidden(x)))[:, 0]
        with pyro.plate("data", len(x)):
            pyro.sample("y", dist.Normal(mean, 0.5), obs=y)
        return mean


pyro.clear_param_store()
network = Network()
report["network"] = learn(network, AutoDiagonalNormal(network, init_loc_fn=pyro.infer.autoguide.init_to_mean), Trace_ELBO(), x, y)

# ---- a mixture, with the assignments enumerated ----
points = torch.tensor([0.0, 1.0, 10.0, 11.0, 12.0])


@config_enumerate
def mixture(data):
    weights = pyro.sample("weights", dist.Dirichlet(0.5 * torch.ones(2)))
    scale = pyro.sample("scale", dist.LogNormal(0.0, 2.0))
    with pyro.plate("components", 2):
        locs = pyro.sample("locs", dist.Normal(0.0, 10.0))
    with pyro.plate("data", len(data)):
        k = pyro.sample("k", dist.Categorical(weights))
        pyro.sample("obs", dist.Normal(locs[k], scale), obs=data)


pyro.clear_param_store()
start = {"weights": torch.tensor([0.5, 0.5]), "scale": torch.tensor(4.0), "locs": torch.tensor([1.0, 9.0])}
auto = AutoDelta(poutine.block(mixture, expose=["weights", "locs", "scale"]), init_loc_fn=pyro.infer.autoguide.init_to_value(values=start))
report["mixture"] = learn(mixture, auto, TraceEnum_ELBO(max_plate_nesting=1), points, lr=0.1)
report["mixture_median"] = {k: numbers(v) for k, v in auto.median(points).items()}
assigned = pyro.infer.infer_discrete(poutine.condition(mixture, start), first_available_dim=-2, temperature=0)
report["assigned"] = numbers(poutine.trace(assigned).get_trace(points).nodes["k"]["value"])

# ---- Hamiltonian Monte Carlo ----
for kernel in (HMC(regression, step_size=0.05, num_steps=4, adapt_step_size=True, full_mass=True), NUTS(regression, max_tree_depth=4)):
    pyro.clear_param_store()
    mcmc = MCMC(kernel, num_samples=8, warmup_steps=8, disable_progbar=True, initial_params={
        "w": torch.tensor([0.9, -1.8, 0.4]), "b": torch.tensor(0.2), "sigma": torch.tensor(-1.5)})  # fmt: skip
    mcmc.run(x, y)
    report[type(kernel).__name__] = {k: numbers(v)[::3] for k, v in mcmc.get_samples().items() if k != "mean"}
