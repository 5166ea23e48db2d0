"""What holds for a whole family of names, said once: shapes, dtypes and errors of operations, layers, optimizers, distributions...

What a page inherits goes by what the object is (the class of an operation, its parameters, its bases) and by the page it is listed on.
Not here: what the docstring or ``docs/reference_data`` says of one name (``parts.py``), what an example shows (``trying.py``).
"""

from __future__ import annotations

import enum
import inspect
import re

import tensorflowlite_clone as tl
from tensorflowlite_clone.core import families as kinds
from tensorflowlite_clone.nn.loss import _Loss

from .names import Entry, operation

#: Pages of functions of tensors.
MATHEMATICS = frozenset(
    "shapes picking elementwise comparing reductions linear_algebra fourier special sparse nn_functional making random".split()  # noqa: SIM905
)
#: Pages whose objects can be called with anything without changing what is outside of them.
HARMLESS = MATHEMATICS | {"nn", "nn_init", "nn_utils", "optim", "schedules", "distributions", "data", "func", "science", "scipy", "tensors"}
#: Pages of objects that follow PyTorch's, or torchvision's and SciPy's, by name.
NAMED = frozenset(
    """tensors autograd func nn nn_functional nn_init nn_utils optim schedules data distributed distributions files seeing pytorch random
    sparse making""".split()  # noqa: SIM905
)
#: What is this package's own, though it is listed beside what is PyTorch's.
OWN = ("as_torch", "fast.", "integrate.", "scipy.", "utils.offload", "utils.draw", "utils.summary", "datasets.")
#: What changes the process when it is called.
SETTINGS = ("set_", "manual_seed", "seed", "use_", "fork_rng", "get_", "initial_seed", "from_file", "save", "load")


def from_torch(entry: Entry) -> bool:
    """Whether the name is PyTorch's though its index has it not: older names, parts of modules."""
    return entry.purpose in NAMED and not entry.name.startswith(OWN)


def is_module(entry: Entry) -> bool:
    """Whether it is a class of layers."""
    return inspect.isclass(entry.thing) and issubclass(entry.thing, tl.nn.Module)


def is_optimizer(entry: Entry) -> bool:
    """Whether it is a class of optimizers."""
    return inspect.isclass(entry.thing) and issubclass(entry.thing, tl.optim.Optimizer)


def is_exception(entry: Entry) -> bool:
    """Whether it is a class of exceptions."""
    return inspect.isclass(entry.thing) and issubclass(entry.thing, BaseException)


def is_enum(entry: Entry) -> bool:
    """Whether it is a class of names for values."""
    return inspect.isclass(entry.thing) and issubclass(entry.thing, enum.Enum)


def is_question(entry: Entry) -> bool:
    """Whether it is a property, a value, or a function without parameters."""
    return isinstance(entry.thing, property) or not callable(entry.thing) or (inspect.isfunction(entry.thing) and not parameters(entry))


def parameters(entry: Entry) -> list[str]:
    """The names of its parameters, without the tensor itself."""
    try:
        found = list(inspect.signature(entry.thing).parameters)
    except (TypeError, ValueError):
        return []
    return [p for p in found[entry.name.startswith("Tensor.") :] if p not in ("self", "cls")]


def on_tensors(entry: Entry) -> bool:
    """Whether it computes with tensors, even if an example shows none."""
    return is_module(entry) or is_optimizer(entry) or entry.purpose in MATHEMATICS


def casts(entry: Entry) -> bool:
    """Whether its dtypes are found by trying them."""
    return inspect.isfunction(entry.thing) and entry.purpose in MATHEMATICS | {"tensors"} and entry.purpose != "sparse"


def may_be_called(entry: Entry) -> bool:
    """Whether its calls change nothing outside of them, so that they are made again, and wrong ones too, to see what comes out."""
    return entry.purpose in HARMLESS and not entry.last.startswith(SETTINGS) and not is_exception(entry)


#: Of what neither takes nor gives tensors.
NOTHING = ["No tensors of its own."]
TENSORLESS = re.compile(
    r"distributed\.(get_|is_|init_|destroy_|new_group|Backend|ProcessGroup|Work|Group|group|barrier|monitored_)|(.*\.)?(is|set|get)_|serialization\."
    r"|nn\.attention\.|no_grad|enable_grad|inference_mode|(random\.)?(manual_seed|initial_seed|seed)|random\.fork_rng|(memory_format|layout|device|dtype)$"
)


def _without_tensors(entry: Entry) -> bool:
    """Whether it is a value, a setting, a question about the process."""
    value = not callable(entry.thing) and not isinstance(entry.thing, property) and entry.purpose != "distributions"
    setting = TENSORLESS.match(entry.name) is not None and not entry.name.startswith("Tensor.") and "input" not in parameters(entry)
    return value or setting


def shapes(entry: Entry) -> list[str]:
    """Of results, where neither the docstring nor the data says it."""
    names, op = set(parameters(entry)), operation(entry.thing)
    if is_exception(entry) or is_enum(entry) or _without_tensors(entry):
        return NOTHING
    if op is not None and issubclass(op, kinds.Elementwise | kinds.ElementwiseTuple):
        return ["Any -> same."] if len(op.names) == 1 else ["Operands broadcast, as NumPy's do."]
    if {"dim", "keepdim"} <= names or {"axis", "keepdims"} <= names:
        return ["Over everything: (). Along ``dim``: that of the input without ``dim``, which stays with length 1 if ``keepdim``."]
    if "reduction" in names or (is_module(entry) and issubclass(entry.thing, _Loss)):
        return ['(); with ``reduction="none"`` a loss for each element, or for each example where the formula has a sum.']
    if inspect.isclass(entry.thing) and issubclass(entry.thing, tl.distributions.Transform):
        return [
            "``t(x)`` has the shape of x, ``log_abs_det_jacobian`` that without the last ``event_dim`` dimensions, unless said otherwise."
        ]
    if is_optimizer(entry):
        return ["Parameters of any shape; what is remembered of one has its shape."]
    return next(([text] for start, text in OF_NAMES if entry.name.startswith(start)), None) or OF_PAGES.get(entry.purpose, [])


#: What holds for all names that begin so.
OF_NAMES = [
    ("distributions.constraints", "``check(value)`` has the shape of ``value`` without the last ``event_dim`` dimensions, and is bool."),
    ("distributions.", "``batch_shape`` is what the parameters broadcast to; ``sample(s)`` has the shape s + batch_shape + event_shape, "
     "``log_prob`` of it s + batch_shape."),
    ("transforms.", "Images (..., C, H, W), uint8 from 0 to 255 or floats from 0 to 1; the dtype stays unless said otherwise."),
    ("datasets.", "``data[i]`` is a pair: an image and the number of its class, int."),
    ("utils.data.", "Examples of any kind; in a batch, tensors of one shape get a new first dimension and keep their dtype."),
    ("optim.lr_scheduler", "No tensors. Rates are floats; epochs are whole numbers, counted by calls of ``step``."),
    ("Tensor.", "A tensor of any shape and dtype."),
    ("save", "Tensors of any shape and dtype, which come back as they were."),
    ("load", "Tensors of any shape and dtype, as they were saved."),
    ("nn.init.", "Any -> same; the tensor is filled in place and keeps its dtype."),
    ("nn.utils.", "Parameters of any shape and floating dtype, which they keep unless said otherwise."),
]  # fmt: skip
#: What holds for all other names of a page.
OF_PAGES = {
    page: [text]
    for page, text in {
        "distributed": "Tensors of any shape and dtype, the same on every process unless said otherwise.",
        "optim": "Parameters of any shape and floating dtype.",
        "autograd": "Tensors of any shape; a gradient has the shape and dtype of what it is of.",
        "func": "Arguments and results are tensors of any shape, or nests of them; a gradient has its argument's shape and dtype.",
        "files": "Tensors of any shape and dtype come back as they were.",
        "scipy": "Arrays or tensors, as SciPy's function of the name takes them.",
        "tensors": NOTHING[0],
        "seeing": NOTHING[0],
        "pytorch": NOTHING[0],
    }.items()
}


def dtypes(entry: Entry) -> list[str]:
    """Of results, where they are not found by trying."""
    if is_optimizer(entry):
        return ["What is remembered has the dtype of the parameter, which is floating or complex."]
    if is_module(entry) and entry.purpose == "nn":
        return ["The input has the dtype of the parameters, float32 unless ``dtype`` or ``to`` says otherwise, and so has the result."]
    if entry.purpose in ("making", "shapes", "random") and "dtype" in parameters(entry):
        return ["``dtype``, else that of the data or the input, else the default dtype (float32)."]
    return []


def errors(entry: Entry) -> list[str]:
    """What is raised by all of a family, beside what wrong calls show."""
    if is_exception(entry):
        bases = [b.__name__ for b in entry.thing.__mro__[1:] if b.__module__ == "builtins" and b not in (Exception, BaseException, object)]
        return [f"It is one itself, a kind of ``{'``, ``'.join(bases)}``." if bases else "It is one itself."]
    if is_enum(entry):
        return ["``ValueError`` for a value that it has not."]
    if isinstance(entry.thing, property) and entry.thing.fset is None:
        return ["``AttributeError`` where it is assigned to."]
    return []


def without_errors(entry: Entry, tried: bool) -> list[str]:
    """What is said where no call that raises is known, though wrong ones were tried."""
    if is_question(entry) or not (inspect.isclass(entry.thing) or inspect.isroutine(entry.thing)):
        return ["None of its own."]
    open_to_all = (
        entry.purpose in ("pytorch", "seeing", "files", "autograd") or (tried and may_be_called(entry)) or TENSORLESS.match(entry.name)
    )
    return ["None of its own."] if open_to_all else []
