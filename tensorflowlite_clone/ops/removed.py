"""Names of linear algebra that PyTorch had once and still answers with an error that says what to use instead; so do they here.

Not here: anything that computes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn

from .._errors import GraphError
from ..core.registry import install_method

#: What to use in their place.
INSTEAD = {
    "solve": "tl.solve(B, A) is tl.linalg.solve(A, B), and its second result tl.linalg.lu_factor(A)",
    "lstsq": "tl.lstsq(B, A) is tl.linalg.lstsq(A, B), whose solution is not padded with residuals",
    "eig": "tl.linalg.eigvals(A), or tl.linalg.eig(A), whose results are complex tensors",
    "symeig": "tl.linalg.eigvalsh(A), or tl.linalg.eigh(A), which read the lower triangle unless UPLO='U'",
    "matrix_rank": "tl.linalg.matrix_rank(A), whose argument symmetric= is called hermitian=",
}


def _removed(name: str) -> Callable[..., NoReturn]:
    def function(*args: Any, **kwargs: Any) -> NoReturn:
        raise GraphError(
            f"{name}: not there any more, as in PyTorch: called with {len(args) + len(kwargs)} argument(s); use {INSTEAD[name]}"
        )

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"Not there any more, as in PyTorch, and always an error: use {INSTEAD[name]}."
    return function


eig, lstsq, matrix_rank, solve, symeig = (_removed(name) for name in ("eig", "lstsq", "matrix_rank", "solve", "symeig"))
for _name, _function in (("eig", eig), ("lstsq", lstsq), ("solve", solve), ("symeig", symeig)):
    install_method(_name, _function)
