"""PyTorch's places of the layers: ``nn.modules.conv``, ``nn.modules.batchnorm``... All come from the one table below, without a file each.

A place looks a name up in ``nn``, or in the file there that defines it, when it is asked. Here too: every layer, as ``nn.modules.Linear``.
Not here: what has no other place (``utils.py``, ``module.py``).
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

from . import module, utils

#: What PyTorch's programs import from where; private names are bases that they derive from or ask for.
PLACES = {
    "activation": """CELU ELU GELU GLU Hardshrink Hardsigmoid Hardswish Hardtanh LeakyReLU LogSigmoid LogSoftmax Mish MultiheadAttention
        PReLU ReLU ReLU6 RReLU SELU SiLU Sigmoid Softmax Softmax2d Softmin Softplus Softshrink Softsign Tanh Tanhshrink
        Threshold""",
    "adaptive": "AdaptiveLogSoftmaxWithLoss",
    "batchnorm": """BatchNorm1d BatchNorm2d BatchNorm3d LazyBatchNorm1d LazyBatchNorm2d LazyBatchNorm3d SyncBatchNorm _BatchNorm
        _LazyNormBase _NormBase""",
    "channelshuffle": "ChannelShuffle",
    "container": "Container ModuleDict ModuleList ParameterDict ParameterList Sequential",
    "conv": """Conv1d Conv2d Conv3d ConvTranspose1d ConvTranspose2d ConvTranspose3d LazyConv1d LazyConv2d LazyConv3d
        LazyConvTranspose1d LazyConvTranspose2d LazyConvTranspose3d _ConvNd _ConvTransposeNd""",
    "distance": "CosineSimilarity PairwiseDistance",
    "dropout": "AlphaDropout Dropout Dropout1d Dropout2d Dropout3d FeatureAlphaDropout _DropoutNd",
    "flatten": "Flatten Unflatten",
    "fold": "Fold Unfold",
    "instancenorm": "InstanceNorm1d InstanceNorm2d InstanceNorm3d LazyInstanceNorm1d LazyInstanceNorm2d LazyInstanceNorm3d _InstanceNorm",
    "lazy": "LazyModuleMixin",
    "linear": "Bilinear Identity LazyLinear Linear NonDynamicallyQuantizableLinear",
    "linear_cross_entropy_options": "LinearCrossEntropyOptions",
    "loss": """BCELoss BCEWithLogitsLoss CTCLoss CosineEmbeddingLoss CrossEntropyLoss GaussianNLLLoss HingeEmbeddingLoss HuberLoss
        KLDivLoss L1Loss LinearCrossEntropyLoss MSELoss MarginRankingLoss MultiLabelMarginLoss MultiLabelSoftMarginLoss
        MultiMarginLoss NLLLoss NLLLoss2d PoissonNLLLoss SmoothL1Loss SoftMarginLoss TripletMarginLoss
        TripletMarginWithDistanceLoss _Loss _WeightedLoss""",
    "normalization": "CrossMapLRN2d GroupNorm LayerNorm LocalResponseNorm RMSNorm",
    "padding": """CircularPad1d CircularPad2d CircularPad3d ConstantPad1d ConstantPad2d ConstantPad3d ReflectionPad1d ReflectionPad2d
        ReflectionPad3d ReplicationPad1d ReplicationPad2d ReplicationPad3d ZeroPad1d ZeroPad2d ZeroPad3d _CircularPadNd _ConstantPadNd
        _ReflectionPadNd _ReplicationPadNd""",
    "pixelshuffle": "PixelShuffle PixelUnshuffle",
    "pooling": """AdaptiveAvgPool1d AdaptiveAvgPool2d AdaptiveAvgPool3d AdaptiveMaxPool1d AdaptiveMaxPool2d AdaptiveMaxPool3d AvgPool1d
        AvgPool2d AvgPool3d FractionalMaxPool2d FractionalMaxPool3d LPPool1d LPPool2d LPPool3d MaxPool1d MaxPool2d MaxPool3d
        MaxUnpool1d MaxUnpool2d MaxUnpool3d _AdaptiveAvgPoolNd
        _AdaptiveMaxPoolNd _MaxPoolNd _AvgPoolNd _LPPoolNd _MaxUnpoolNd""",
    "rnn": "GRU GRUCell LSTM LSTMCell RNN RNNBase RNNCell RNNCellBase",
    "sparse": "Embedding EmbeddingBag",
    "transformer": """Transformer TransformerDecoder TransformerDecoderLayer TransformerEncoder TransformerEncoderLayer _get_activation_fn
        _get_clones""",
    "upsampling": "Upsample UpsamplingBilinear2d UpsamplingNearest2d",
}
#: The files of ``nn`` that define what ``nn`` itself does not show.
HOMES = {
    "_BatchNorm": "normalization", "_NormBase": "normalization", "_InstanceNorm": "normalization", "_LazyNormBase": "lazy",
    "LazyModuleMixin": "lazy", "_ConvNd": "conv", "_ConvTransposeNd": "conv", "_DropoutNd": "dropout", "_Loss": "loss",
    "_WeightedLoss": "loss", "_MaxPoolNd": "pooling", "_AvgPoolNd": "pooling", "_LPPoolNd": "pooling", "_MaxUnpoolNd": "pooling",
    "NonDynamicallyQuantizableLinear": "linear", "_AdaptiveAvgPoolNd": "pooling", "_AdaptiveMaxPoolNd": "pooling",
    "_CircularPadNd": "padding", "_ConstantPadNd": "padding", "_ReflectionPadNd": "padding", "_ReplicationPadNd": "padding",
    "_get_activation_fn": "transformer", "_get_clones": "transformer",
}  # fmt: skip
_NN = __name__.rpartition(".")[0]
_ALL = {name for names in PLACES.values() for name in names.split() if not name.startswith("_")} - HOMES.keys() | {"Module"}


def _find(name: str) -> Any:
    """What a name of the table stands for; raises `AttributeError` where there is no such thing."""
    home = f"{_NN}.{HOMES[name]}" if name in HOMES else _NN
    return getattr(sys.modules.get(home), name)


class _Place(ModuleType):
    """One of PyTorch's modules: the names of its row in the table."""

    def __init__(self, name: str) -> None:
        where = _NN + name if name.startswith(".") else f"{__name__}.{name}"
        super().__init__(where, f"PyTorch's place of {PLACES[name].split()[0]} and others, which ``nn`` has.")
        self._names = PLACES[name].split()

    def __getattr__(self, name: str) -> Any:
        if name == "__all__":
            return [n for n in self._names if not n.startswith("_") and hasattr(self, n)]
        if name in self._names:
            return _find(name)
        raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}; it has {', '.join(self._names)}")

    def __dir__(self) -> list[str]:
        return sorted({"__all__", "__doc__", "__name__", *self.__all__})


for _name in PLACES:
    _place = _Place(_name)
    sys.modules[_place.__name__] = _place
    setattr(sys.modules[_place.__name__.rpartition(".")[0]], _name.lstrip("."), _place)

__all__ = ["module", "utils", *(name for name in PLACES if not name.startswith("."))]


def __getattr__(name: str) -> Any:
    if name in _ALL:
        return _find(name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
