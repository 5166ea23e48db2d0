"""Transforms of images, under the names of ``torchvision.transforms`` and its ``v2``: of tensors, arrays and images of Pillow.

A tensor is (..., C, H, W), an array (H, W), (H, W, C) or (N, H, W, C); what goes in as one comes out as one, but for the transforms that
are there to change that (`ToTensor`, `ToImage`, `ToPILImage`...). Numbers are those of torchvision's tensor functions; images of Pillow go
through them too. Random ones draw from the package's generator. Images are computed with tensors, so what is arithmetic is
differentiable in every mode.
"""

from .._lazy import public as _public
from . import functional, v2
from .base import (
    Compose,
    ConvertImageDtype,
    Lambda,
    LinearTransformation,
    PILToTensor,
    RandomApply,
    RandomChoice,
    RandomOrder,
    ToDtype,
    ToImage,
    ToPILImage,
    ToPureTensor,
    ToTensor,
    Transform,
)
from .coloring import (
    ColorJitter,
    Grayscale,
    Normalize,
    RandAugment,
    RandomAdjustSharpness,
    RandomAutocontrast,
    RandomEqualize,
    RandomErasing,
    RandomGrayscale,
    RandomInvert,
    RandomPosterize,
    RandomSolarize,
    TrivialAugmentWide,
)
from .geometric import (
    CenterCrop,
    ElasticTransform,
    FiveCrop,
    GaussianBlur,
    Pad,
    RandomAffine,
    RandomCrop,
    RandomHorizontalFlip,
    RandomPerspective,
    RandomResizedCrop,
    RandomRotation,
    RandomVerticalFlip,
    Resize,
    TenCrop,
)
from .kinds import InterpolationMode

__all__ = [
    "CenterCrop", "ColorJitter", "Compose", "ConvertImageDtype", "ElasticTransform", "FiveCrop", "GaussianBlur", "Grayscale",
    "InterpolationMode", "Lambda", "LinearTransformation", "Normalize", "PILToTensor", "Pad", "RandAugment", "RandomAdjustSharpness",
    "RandomAffine", "RandomApply", "RandomAutocontrast", "RandomChoice", "RandomCrop", "RandomEqualize", "RandomErasing",
    "RandomGrayscale", "RandomHorizontalFlip", "RandomInvert", "RandomOrder", "RandomPerspective", "RandomPosterize",
    "RandomResizedCrop", "RandomRotation", "RandomSolarize", "RandomVerticalFlip", "Resize", "TenCrop", "ToDtype", "ToImage",
    "ToPILImage", "ToPureTensor", "ToTensor", "Transform", "TrivialAugmentWide", "functional", "v2",
]  # fmt: skip
__dir__ = _public(globals())
