"""What people type into the search when they mean a page whose words are others. How results are ranked: ``scorer.js``.

A page is found by the words of its file's name, too. Not here: what the pages say.
"""

from __future__ import annotations

import re
from typing import Any

from docutils import nodes
from sphinx import addnodes

#: Pages, and what is asked for besides the words of their titles.
ASKED = {
    "start/install": "installation, requirements, pip",
    "start/from_pytorch": "migrate, port, torch program",
    "start/from_jax": "hips autograd",
    "guide/autograd": "backward, autograd tutorial, automatic differentiation",
    "guide/transforms": "higher order derivatives, nested derivatives",
    "guide/memory": "gradient checkpointing, activation checkpointing, out of memory",
    "guide/performance": "speed up, profile, profiler, slow, threads, benchmark",
    "guide/saving": "checkpoint, safetensors, serialize, npz, state dict",
    "guide/extending": "custom gradient, custom vjp, custom function",
    "guide/data": "dataset, dataloader, batches, workers, augmentation, images",
    "guide/distributions": "probability, sampling, likelihood",
    "guide/in_place": "inplace, mutation, out argument",
    "howto/accumulate_gradients": "gradient accumulation, large batch, out of memory, micro batches",
    "howto/check_gradients": "gradcheck, finite differences, numerical gradient, verify gradient, wrong gradient",
    "howto/clip_gradients": "gradient clipping, exploding gradients, clip grad norm",
    "howto/compare_with_pytorch": "same result as pytorch, convert weights",
    "howto/constrain_parameters": "constraint, positive parameter, parametrize, orthogonal weights, weight norm",
    "howto/count_parameters": "number of parameters, model summary, model size, flops",
    "howto/custom_dataset": "own dataset, iterable dataset, data loader",
    "howto/custom_layer": "own layer, custom module, write a module, buffer",
    "howto/custom_optimizer": "own optimizer, write an optimizer",
    "howto/different_learning_rates": "parameter groups, per layer learning rate, no weight decay for biases",
    "howto/differentiate_an_ode": "ode, neural ode, differentiate an ode, solver, runge kutta, simulation",
    "howto/early_stopping": "validation loss, overfitting, patience",
    "howto/ensemble": "many models at once, stack modules",
    "howto/export_onnx": "deploy, inference, onnxruntime",
    "howto/find_nan": "nan loss, nan gradient, detect anomaly, infinity, debug nan",
    "howto/freeze_layers": "freeze layers, fine tune, requires grad false, transfer learning",
    "howto/hessian_vector_product": "hvp, second derivative",
    "howto/imbalanced_classes": "class imbalance, class weights, weighted sampler",
    "howto/implicit_function": "implicit differentiation, fixed point, root finding, equilibrium",
    "howto/jacobian": "jacobian matrix, jacfwd, jacrev",
    "howto/learning_rate": "learning rate schedule, scheduler, warmup, cosine, decay",
    "howto/load_a_pt_file": "load a pt, load checkpoint, pytorch checkpoint, pth, pretrained weights",
    "howto/mask_attention": "attention mask, causal mask, padding mask, transformer",
    "howto/pad_sequences": "variable length, padding, collate, packed sequence, rnn",
    "howto/per_example_gradients": "per sample gradients, per-example gradients, gradient of each sample, differential privacy",
    "howto/regularise": "weight decay, dropout, l1, l2, regularization, gradient penalty",
    "howto/reproducible": "seed, random seed, reproducible results, determinism, deterministic",
    "howto/save_and_resume": "save and go on, resume training, checkpoint, continue training, interrupted",
    "howto/tensorboard": "logging, plot loss, summary writer",
    "howto/use_numpy_functions": "mix numpy and tensors, convert to numpy, numpy array",
    "howto/write_an_operation": "custom gradient, custom operation, custom autograd function, own derivative, straight through",
    "howto/dask_and_ray": "cluster, hyperparameter search",
    "distributed": "multi gpu, several machines, mpi, ddp, data parallel",
    "fast": "numba, speed up, compile",
    "kinks": "derivative of relu at zero, subgradient, derivative at zero, kink of abs",
    "performance": "benchmark, faster than pytorch",
}  # fmt: skip


def marked(app: Any, doctree: nodes.document) -> None:
    """Give a page its other words: whole phrases as entries of the index, which count most, and single words as keywords."""
    page = app.env.docname
    if page.startswith("reference/"):
        return
    phrases = [p.strip() for p in ASKED.get(page, "").split(",") if p.strip()]
    words = sorted({w for text in (page, *phrases) for w in re.split(r"[^a-z0-9]+", text) if w})
    doctree.append(nodes.meta("", name="keywords", content=", ".join(words)))
    if phrases:
        doctree.append(addnodes.index(entries=[("single", p, "", "main", None) for p in phrases]))


def setup(app: Any) -> dict[str, Any]:
    """Sphinx asks for this."""
    app.connect("doctree-read", marked)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
