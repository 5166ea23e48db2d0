"""gpytorch with linear_operator: exact regression trained and asked, several kernels, a sparse variational model, structured matrices."""

import gpytorch
import numpy as np
import torch
from linear_operator import operators, settings

torch.set_default_dtype(torch.float64)
rng = np.random.RandomState(5)
report = {}

train_x = torch.linspace(0, 1, 30)
train_y = torch.sin(train_x * 6.0) + torch.tensor(rng.randn(30)) * 0.2
test_x = torch.linspace(0.05, 1.1, 7)


class Exact(gpytorch.models.ExactGP):
    def __init__(self, x, y, likelihood, kernel):
        super().__init__(x, y, likelihood)
        self.mean_module = gpytorch.means.ConstantMean()
        self.covar_module = gpytorch.kernels.ScaleKernel(kernel)

    def forward(self, x):
        return gpytorch.distributions.MultivariateNormal(self.mean_module(x), self.covar_module(x))


def train(model, objective, x, y, steps=6):
    model.train()
    model.likelihood.train()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.1)
    losses = []
    for _ in range(steps):
        optimizer.zero_grad()
        loss = -objective(model(x), y)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


K = gpytorch.kernels
for kernel in (
    K.RBFKernel(), K.MaternKernel(0.5), K.MaternKernel(1.5), K.MaternKernel(2.5), K.PeriodicKernel(), K.RQKernel(), K.CosineKernel(),
    K.LinearKernel(), K.PolynomialKernel(2), K.PiecewisePolynomialKernel(), K.SpectralMixtureKernel(num_mixtures=2),
    K.RBFKernel() + K.LinearKernel(), K.RBFKernel() * K.PeriodicKernel(),
):  # fmt: skip
    if isinstance(kernel, K.SpectralMixtureKernel):
        kernel.mixture_means, kernel.mixture_scales = torch.tensor([[[0.5]], [[1.5]]]), torch.tensor([[[0.3]], [[0.6]]])
        kernel.mixture_weights = torch.tensor([0.7, 0.3])
    likelihood = gpytorch.likelihoods.GaussianLikelihood()
    model = Exact(train_x, train_y, likelihood, kernel)
    name = type(kernel).__name__ + str(len(report))
    report[name] = train(model, gpytorch.mlls.ExactMarginalLogLikelihood(likelihood, model), train_x, train_y)
    model.eval()
    likelihood.eval()
    with torch.no_grad(), gpytorch.settings.fast_pred_var():
        answer = likelihood(model(test_x))
        low, high = answer.confidence_region()
        report[name + "_answer"] = [answer.mean.tolist(), answer.variance.tolist(), low.tolist(), high.tolist()]
    report[name + "_log_prob"] = answer.log_prob(torch.sin(test_x * 6)).item()


class Tasks(gpytorch.models.ExactGP):
    def __init__(self, x, y, likelihood):
        super().__init__(x, y, likelihood)
        self.mean_module = gpytorch.means.MultitaskMean(gpytorch.means.ConstantMean(), num_tasks=2)
        self.covar_module = gpytorch.kernels.MultitaskKernel(gpytorch.kernels.RBFKernel(), num_tasks=2, rank=1)
        with torch.no_grad():
            self.covar_module.task_covar_module.covar_factor.copy_(torch.tensor([[0.7], [-0.4]]))
            self.covar_module.task_covar_module.raw_var.copy_(torch.tensor([0.2, -0.3]))

    def forward(self, x):
        return gpytorch.distributions.MultitaskMultivariateNormal(self.mean_module(x), self.covar_module(x))


both = torch.stack([train_y, torch.cos(train_x * 6.0)], -1)
likelihood = gpytorch.likelihoods.MultitaskGaussianLikelihood(num_tasks=2)
model = Tasks(train_x, both, likelihood)
report["tasks"] = train(model, gpytorch.mlls.ExactMarginalLogLikelihood(likelihood, model), train_x, both, 3)
model.eval()
likelihood.eval()
with torch.no_grad():
    report["tasks_answer"] = likelihood(model(test_x)).mean.flatten().tolist()


class Sparse(gpytorch.models.ApproximateGP):
    def __init__(self, places, likelihood):
        posterior = gpytorch.variational.CholeskyVariationalDistribution(places.size(0), mean_init_std=0.0)
        strategy = gpytorch.variational.VariationalStrategy(self, places, posterior, learn_inducing_locations=True)
        super().__init__(strategy)
        self.likelihood = likelihood
        self.mean_module = gpytorch.means.ZeroMean()
        self.covar_module = gpytorch.kernels.ScaleKernel(gpytorch.kernels.RBFKernel())

    def forward(self, x):
        return gpytorch.distributions.MultivariateNormal(self.mean_module(x), self.covar_module(x))


for kind, likelihood, y in (
    ("gaussian", gpytorch.likelihoods.GaussianLikelihood(), train_y),
    ("bernoulli", gpytorch.likelihoods.BernoulliLikelihood(), (train_y > 0).double()),
    ("student", gpytorch.likelihoods.StudentTLikelihood(), train_y),
):
    model = Sparse(train_x[::5].clone()[:, None], likelihood)
    report[kind] = train(model, gpytorch.mlls.VariationalELBO(likelihood, model, num_data=30), train_x[:, None], y, 5)
    model.eval()
    report[kind + "_answer"] = model(test_x[:, None]).mean.tolist()

A = torch.tensor(rng.randn(6, 6))
A = (A @ A.mT + torch.eye(6)).requires_grad_()
b = torch.tensor(rng.randn(6))
with settings.fast_computations(log_prob=False, solves=False, covar_root_decomposition=False):
    for name, op in (
        ("dense", operators.DenseLinearOperator(A)),
        ("diagonal", operators.DiagLinearOperator(A.diagonal().exp())),
        ("low_rank", operators.RootLinearOperator(A[:, :2]).add_diagonal(torch.ones(6))),
        ("toeplitz", operators.ToeplitzLinearOperator(A[0].abs() * torch.tensor([9.0, 1, 1, 1, 1, 1]))),
        (
            "kronecker",
            operators.KroneckerProductLinearOperator(operators.DenseLinearOperator(A[:2, :2]), operators.DenseLinearOperator(A[:3, :3])),
        ),
    ):
        A.grad = None
        quadratic, logdet = op.inv_quad_logdet(b[:, None], logdet=True)
        (quadratic + logdet + (op @ b).sum() + op.diagonal().sum()).backward()
        report[name] = [quadratic.item(), logdet.item(), op.solve(b).tolist(), op.to_dense().sum().item(), A.grad.flatten()[::5].tolist()]
