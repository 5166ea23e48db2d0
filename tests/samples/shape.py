"""Samples for ``ops/shape.py``."""

import numpy as np

from . import call, normal, sample

X = normal(2, 3, 4)
SAMPLES = {
    "Reshape": [sample(X, shape=(6, 4)), sample(normal(), shape=(1, 1)), sample(np.zeros((0, 2)), shape=(2, 0), smooth=False)],
    "BroadcastTo": [sample(normal(3, 1), shape=(2, 3, 4)), sample(normal(), shape=(2,)), sample(normal(1, 2), shape=(1, 2))],
    "Transpose": [sample(X, axes=(2, 0, 1)), sample(normal(2, 3), axes=(1, 0)), sample(normal(), axes=())],
    "Flip": [sample(X, axis=(0, 2)), sample(X, axis=(1,))],
}

CALLS = [
    call("reshape", lambda T, x: (x.reshape(6, 4), T.reshape(x, (-1,)), x.view(2, -1), x.reshape([4, 6])), X),
    call("expand", lambda T, x: (x.expand(2, 3, 4), x.expand(-1, 5), T.broadcast_to(x, (2, 3, 4))), normal(3, 1)),
    call("permute", lambda T, x: (x.permute(2, 0, 1), T.permute(x, (1, 0, 2))), X),
    call("transpose", lambda T, x: (x.transpose(0, -1), T.swapaxes(x, 0, 1), x.mT), X),
    call("T", lambda T, x: (x.T, x.t()), normal(2, 3)),
    call("unsqueeze", lambda T, x: (x.unsqueeze(0), T.unsqueeze(x, -1), x.unsqueeze(1)), X),
    call("squeeze", lambda T, x: (x.squeeze(), T.squeeze(x, 1), x.squeeze(0), x.squeeze((1, 3))), normal(2, 1, 3, 1)),
    call("flatten", lambda T, x: (x.flatten(), T.flatten(x, 1), x.flatten(0, 1)), X),
    call("movedim", lambda T, x: (T.movedim(x, 0, 2), x.moveaxis((0, 1), (1, 2))), X),
    call("flip", lambda T, x: (T.flip(x, (0, 2)), x.flip(1)), X),
    call("ravel", lambda T, x: (x.ravel(), T.ravel(x)), X),
    call("unflatten", lambda T, x: (T.unflatten(x, 1, (3, 1)), x.unflatten(-1, (2, -1)), x.unflatten(0, [2, 1, 1])), X),
    call("narrow", lambda T, x: (T.narrow(x, 1, 1, 2), x.narrow(-1, -3, 2), x.narrow(0, 2, 0)), X),
    call("select", lambda T, x: (T.select(x, 1, 2), x.select(-1, -1)), X),
    call("unbind", lambda T, x: (*T.unbind(x), *x.unbind(-1)), X),
    call("adjoint", lambda T, x: (x.mH, x.adjoint(), T.adjoint(x), x[0].H), X),
    call("reshape_as", lambda T, x, y: (x.reshape_as(y), x.sum_to_size(1, 3, 1), x.sum_to_size(3, 4)), X, normal(4, 6)),
    call("strides", lambda T, x: tuple(T.tensor(v) for v in (x.stride(), x.mT.stride(), x[:, ::2].stride(-2))), X, differentiable=False),
    call("contiguous", lambda T, x: tuple(T.tensor(v) for v in (x.is_contiguous(), x.mT.is_contiguous())), X, differentiable=False),
    call("counts", lambda T, x: tuple(T.tensor(v) for v in (x.nelement(), x.ndimension(), x.numel())), X, differentiable=False),
    call("view_as", lambda T, x, y: x.view_as(y), X, normal(4, 6)),
    call("expand_as", lambda T, x, y: x.expand_as(y), normal(3, 1), normal(3, 2)),
]
