"""``torch.testing``: `assert_close` compares tensors, numbers and collections of them, `make_tensor` makes tensors to test with."""

from .._lazy import public as _public
from .comparison import assert_allclose, assert_close
from .creation import make_tensor

__all__ = ["assert_allclose", "assert_close", "make_tensor"]
__dir__ = _public(globals())
