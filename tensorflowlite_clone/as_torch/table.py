"""Where PyTorch's modules are in this package: the one table that imports under ``as_torch`` go by.

A module of PyTorch is at the same path here unless a row says otherwise: ``torch.nn.utils.rnn`` is ``tensorflowlite_clone.nn.utils.rnn``.
Not here: how imports are caught (``finder.py``), and any name of a function; those are in the modules themselves.
"""

from __future__ import annotations

__all__ = ["ASKING", "AS_THEY_ARE", "HIDDEN", "PLACES", "RELEASES", "VALUES"]

#: What other programs take the package for, and the releases whose names it has.
RELEASES = {"torch": "2.13.0", "torchvision": "0.28.0"}
#: The package's own parts, which PyTorch has other modules for, or none.
HIDDEN = {"as_torch", "core", "datasets", "io", "kernels", "ops", "transforms"}
#: Modules that are what they are, for programs set attributes there.
AS_THEY_ARE = ("torch.backends", "torch._dynamo.config", "torch._inductor.config")
#: Modules whose functions ask their arguments for ``__torch_function__``.
ASKING = {"torch", "torch.nn.functional", "torch.linalg", "torch.fft", "torch.special", "torch.functional"}
#: Paths in PyTorch that are elsewhere here: one module or several that are asked one after the other, "" is the outermost, ". " nothing.
PLACES = {
    "torch": "",
    "torch.autograd.variable": "autograd.variable autograd",
    "torch.autograd.grad_mode": "autograd.grad_mode autograd",
    "torch.autograd.gradcheck": "autograd.gradcheck autograd",
    "torch.autograd.anomaly_mode": "autograd.anomaly_mode",
    "torch.autograd.profiler": "profiler",
    "torch.amp.autocast_mode": "amp",
    "torch.amp.grad_scaler": "amp",
    "torch.cpu.amp.autocast_mode": "cpu.amp",
    "torch.cpu.amp.grad_scaler": "cpu.amp",
    "torch.cuda.amp.autocast_mode": "cuda.amp",
    "torch.cuda.amp.grad_scaler": "cuda.amp",
    "torch.cuda.random": "cuda",
    "torch.cuda.memory": "cuda",
    "torch._functorch": "func",
    "torch._functorch.apis": "func",
    "torch._functorch.vmap": "func",
    "torch._functorch.eager_transforms": "func",
    "torch._functorch.functional_call": "func",
    "torch._functorch.make_functional": "func",
    "torch._tensor": "",
    "torch._dynamo": "compiler",
    "torch._dynamo.config": "compiler.config",
    "torch._dynamo.eval_frame": "compiler",
    "torch._inductor": "compiler",
    "torch._inductor.config": "compiler.config",
    "torch._jit_internal": "jit",
    "torch._jit": "jit",
    "torch._types": "types",
    "torch.functional": "",
    "torch.jit._script": "jit",
    "torch.jit._trace": "jit",
    "torch.nn.parallel.data_parallel": "nn.parallel",
    "torch.nn.parallel.distributed": "nn.parallel",
    "torch.nn.parallel.parallel_apply": "nn.parallel",
    "torch.nn.parallel.replicate": "nn.parallel",
    "torch.nn.parallel.scatter_gather": "nn.parallel",
    "torch.optim.adadelta": "optim",
    "torch.optim.adagrad": "optim",
    "torch.optim.adamax": "optim",
    "torch.optim.adamw": "optim",
    "torch.optim.asgd": "optim",
    "torch.optim.nadam": "optim",
    "torch.optim.radam": "optim",
    "torch.optim.rmsprop": "optim",
    "torch.optim.rprop": "optim",
    "torch.optim.sparse_adam": "optim",
    "torch.utils._pytree": "utils._pytree",
    "torch.utils._python_dispatch": "overrides",
    "torch.utils.data.dataloader": "utils.data.dataloader utils.data",
    "torch.utils.data.dataset": "utils.data.dataset utils.data",
    "torch.utils.data.distributed": "utils.data",
    "torch.utils.data.sampler": "utils.data.sampler utils.data",
    "torch.utils.data._utils": "utils.data",
    "torch.utils.data._utils.collate": "utils.data.collate utils.data",
    "torch.utils.data._utils.worker": "utils.data.workers utils.data",
    "torch.utils.hooks": "core.watchers",
    "torch.utils.model_zoo": "hub",
    "torch.utils.tensorboard.writer": "utils.tensorboard",
    "torchvision": ".",
    "torchvision.datasets": "datasets",
    "torchvision.datasets.folder": "datasets",
    "torchvision.datasets.mnist": "datasets",
    "torchvision.datasets.cifar": "datasets",
    "torchvision.datasets.vision": "datasets",
    "torchvision.transforms": "transforms",
    "torchvision.transforms.functional": "transforms.functional",
    "torchvision.transforms.transforms": "transforms",
    "torchvision.transforms.v2": "transforms",
    "torchvision.transforms.v2.functional": "transforms.functional",
    "torchvision.utils": "utils.images",
}
PLACES |= {
    f"torch.distributions.{name}": f"distributions.{name} distributions"
    for name in """bernoulli beta binomial categorical cauchy chi2 constraint_registry constraints continuous_bernoulli dirichlet distribution
        exp_family exponential fishersnedecor gamma generalized_pareto geometric gumbel half_cauchy half_normal independent inverse_gamma kl
        kumaraswamy laplace lkj_cholesky log_normal logistic_normal lowrank_multivariate_normal mixture_same_family multinomial
        multivariate_normal negative_binomial normal one_hot_categorical pareto poisson relaxed_bernoulli relaxed_categorical studentT
        transformed_distribution transforms uniform utils von_mises weibull wishart""".split()
}
#: Names that mean something else under PyTorch's name: ``module:name`` here.
VALUES = {
    "torch.__version__": "version:torch",
    "torch.version.__version__": "version:torch",
    "torch.torch_version.internal_version": "version:torch",
    "torch.ops": "library:ops",
    "torchvision.__version__": "version:torchvision",
    "torchvision.version.__version__": "version:torchvision",
}
