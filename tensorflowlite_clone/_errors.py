"""The exceptions of the package.

Here: every exception class, and nothing else that runs. Each one subclasses what PyTorch (and, where it differs,
NumPy) raises in the same place, so a program that catches ``RuntimeError`` or ``ValueError`` keeps working.

Every message follows one pattern: ``op: which rule broke: the facts; the fix``, for example
``matmul: inner dimensions differ: x is (3, 4), y is (5, 2); x.shape[-1] must equal y.shape[-2]``.
"""

from __future__ import annotations

from pickle import UnpicklingError
from typing import Any

from numpy.linalg import LinAlgError as _NumpyLinAlgError

#: A message is at most this long, whatever it quotes: what is longer loses its middle.
LONGEST = 2000


class Bounded(Exception):  # noqa: N818  (what all have in common, never raised itself)
    """An error whose message is short enough to be read."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*(_shortened(a) if isinstance(a, str) else a for a in args))


def _shortened(text: str) -> str:
    left_out = len(text) - LONGEST
    return text if left_out <= 0 else f"{text[: LONGEST // 2]} ... ({left_out} characters left out) ... {text[-LONGEST // 2 :]}"


class ShapeError(Bounded, RuntimeError, ValueError):
    """Operand shapes do not fit the operation."""


class DTypeError(Bounded, RuntimeError, TypeError):
    """An operand has a dtype the operation cannot work with."""


class DimensionError(Bounded, IndexError, ValueError, RuntimeError):
    """A dimension or an index is out of range."""


class ArgumentError(Bounded, ValueError, RuntimeError):
    """An argument has a value the operation cannot work with."""


class DeviceError(ArgumentError, AssertionError):
    """An accelerator was asked to do something; there is only the CPU."""


class AbsentError(Bounded, RuntimeError):
    """Something of PyTorch was asked for that is not here, and silence would change results."""


class LinAlgError(Bounded, RuntimeError, _NumpyLinAlgError):
    """A matrix has no such inverse or decomposition (singular, not positive definite, no convergence)."""


class OperandError(Bounded, TypeError, RuntimeError):
    """An operand is not a tensor (a list, a string, None...)."""


class PartKindError(OperandError, ValueError):
    """A parameter, a value or a part of a distribution is of another kind than asked for (a string, no transform...)."""


class IndexKindError(OperandError, IndexError):
    """What stands in an index is none (a float, a string, a floating tensor...)."""


class GraphError(Bounded, RuntimeError):
    """The recorded graph cannot do what was asked (freed, changed in place, not recorded...)."""


class VersionError(GraphError):
    """A value saved for backward was changed in place before backward used it."""


class AnomalyError(GraphError):
    """A NaN or an infinity appeared while `detect_anomaly` was on."""


class TransformError(Bounded, RuntimeError):
    """Something that a function transform (grad, jvp, vmap) cannot do was asked inside it."""


class DistError(Bounded, RuntimeError):
    """Processes that train one model do not fit together."""


class LoaderTimeoutError(Bounded, RuntimeError, TimeoutError):
    """A data loader's batch did not come in time."""


class StateDictError(Bounded, RuntimeError, KeyError, ValueError):
    """A ``state_dict`` does not fit the module, optimizer or schedule it is loaded into."""

    __str__ = RuntimeError.__str__  # KeyError would show the message's repr


class RegistrationError(ArgumentError, KeyError):
    """A name that a module cannot use: it is taken, no name, or unknown."""

    __str__ = RuntimeError.__str__  # KeyError would show the message's repr


class FileFormatError(Bounded, ValueError, RuntimeError):
    """A file is truncated, corrupt or of another kind than asked for."""


class RefusedError(FileFormatError, UnpicklingError):
    """A file asks for something that is no data, which nobody allowed."""


class MissingExtraError(Bounded, ImportError):
    """An optional dependency is needed; the message names the extra to install."""


def missing_extra(package: str, extra: str, purpose: str) -> MissingExtraError:
    """The error to raise when the optional ``package`` is not installed.

    >>> str(missing_extra("matplotlib", "viz", "plot_curves"))
    'plot_curves: needs matplotlib, which is not installed; install it with: pip install "tensorflowlite_clone[viz]"'
    """
    return MissingExtraError(
        f'{purpose}: needs {package}, which is not installed; install it with: pip install "tensorflowlite_clone[{extra}]"'
    )
