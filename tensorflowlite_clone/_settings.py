"""Settings that PyTorch programs make and read back, for which there is one way here: they are checked and remembered.

Here: the precision of float32 products (always full), deterministic algorithms (all are), threads between operations (operations run one
after the other), denormal numbers (kept), warnings said again. Not here: settings that change what is done:
`set_num_threads` (``kernels/threads.py``), `set_default_dtype` (``_state.py``), `set_printoptions` (``core/printing.py``).
"""

from __future__ import annotations

from ._checks import choice, flag, integer

__all__ = [
    "are_deterministic_algorithms_enabled",
    "get_deterministic_debug_mode",
    "get_float32_matmul_precision",
    "get_num_interop_threads",
    "is_deterministic_algorithms_warn_only_enabled",
    "is_warn_always_enabled",
    "set_deterministic_debug_mode",
    "set_float32_matmul_precision",
    "set_flush_denormal",
    "set_num_interop_threads",
    "set_warn_always",
    "use_deterministic_algorithms",
]  # fmt: skip

#: What `set_deterministic_debug_mode` takes, in the order of its numbers.
MODES = ("default", "warn", "error")


class _Settings:
    matmul_precision = "highest"
    #: The number of a word of `MODES`.
    deterministic = 0
    interop_threads = 1
    warn_always = False


def set_float32_matmul_precision(precision: str) -> None:
    """Remember "highest", "high" or "medium"; products of float32 are computed in float32 whatever is said.

    >>> set_float32_matmul_precision("high"); get_float32_matmul_precision()
    'high'
    >>> set_float32_matmul_precision("highest")
    """
    _Settings.matmul_precision = choice("set_float32_matmul_precision", "precision", precision, "highest", "high", "medium")


def get_float32_matmul_precision() -> str:
    """What `set_float32_matmul_precision` was told last; "highest" at first."""
    return _Settings.matmul_precision


def use_deterministic_algorithms(mode: bool, *, warn_only: bool = False) -> None:
    """Remember the wish for deterministic algorithms: there are no others here, with one number of threads.

    >>> use_deterministic_algorithms(True); are_deterministic_algorithms_enabled()
    True
    >>> use_deterministic_algorithms(False)
    """
    on = flag("use_deterministic_algorithms", "mode", mode)
    _Settings.deterministic = on * (1 if flag("use_deterministic_algorithms", "warn_only", warn_only) else 2)


def are_deterministic_algorithms_enabled() -> bool:
    """What `use_deterministic_algorithms` was told last; False at first."""
    return _Settings.deterministic > 0


def is_deterministic_algorithms_warn_only_enabled() -> bool:
    """Whether `use_deterministic_algorithms` was told to warn only."""
    return _Settings.deterministic == 1


def set_deterministic_debug_mode(debug_mode: int | str) -> None:
    """As `use_deterministic_algorithms`: 0 or "default" not, 1 or "warn" with warnings only, 2 or "error" with errors."""
    name = "set_deterministic_debug_mode"
    if isinstance(debug_mode, str):
        _Settings.deterministic = MODES.index(choice(name, "debug_mode", debug_mode, *MODES))
    else:
        _Settings.deterministic = integer(name, "debug_mode", debug_mode, 0, 2)


def get_deterministic_debug_mode() -> int:
    """The number that `set_deterministic_debug_mode` takes for what holds."""
    return _Settings.deterministic


def set_num_interop_threads(num: int) -> None:
    """Remember a number of threads for operations beside one another; here one runs after the other (`set_num_threads`: each on some)."""
    _Settings.interop_threads = integer("set_num_interop_threads", "num", num, 1)


def get_num_interop_threads() -> int:
    """What `set_num_interop_threads` was told last; 1 at first."""
    return _Settings.interop_threads


def set_flush_denormal(mode: bool) -> bool:
    """Whether numbers too small for all their digits are taken for 0 now: never, NumPy keeps them; False says that it is so."""
    flag("set_flush_denormal", "mode", mode)
    return False


def set_warn_always(b: bool) -> None:
    """Remember whether warnings shall be said each time; Python's filters decide (`warnings.simplefilter`)."""
    _Settings.warn_always = flag("set_warn_always", "b", b)


def is_warn_always_enabled() -> bool:
    """What `set_warn_always` was told last; False at first."""
    return _Settings.warn_always
