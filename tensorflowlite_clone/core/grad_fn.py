"""`Node`: what users see of the tape. A tensor's ``grad_fn``, what it hands gradients to, and hooks on the way through it.

The nodes of the tape itself stay small and know nothing of this: a `Node` is a handle on one of them, made when it is asked for, and the
same one as long as somebody holds it.

Not here: the nodes themselves (``tape.py``, ``recording.py``), how hooks are called (``hooks.py``), the walk (``engine.py``).
"""

from __future__ import annotations

import re
import weakref
from collections.abc import Callable
from typing import Any, NamedTuple

from .._errors import GraphError, OperandError
from .boxed import Boxed
from .plan import ANSWER, INPUT, PARAM, Source
from .recording import Recorded
from .tape import Leaf, Select
from .tensor import Taped, Tensor
from .watchers import WATCHED, RemovableHandle, watch


class Node:
    """One recorded operation, or the place where a leaf collects its gradient (its ``variable``): what ``grad_fn`` is.

    Tensors that an operation saved are attributes, named after its operands: ``_saved_x``, and ``_saved_result``; as in PyTorch the first
    two operands are ``_saved_self`` and ``_saved_other`` too. The node of a user's `Function` has the attributes of its ``ctx``.

    >>> import numpy as np
    >>> x = Tensor(np.ones(2), requires_grad=True)
    >>> y = (x * 2).exp()
    >>> y.grad_fn.name(), [node.name() for node, _ in y.grad_fn.next_functions]
    ('ExpBackward0', ['MulBackward0'])
    """

    __slots__ = ("__weakref__", "tape")
    #: The node of the tape.
    tape: Any

    def __init__(self, tape: Any) -> None:
        object.__setattr__(self, "tape", tape)

    def name(self) -> str:
        """PyTorch's name of the node: that of the operation, with ``Backward0``."""
        return type(self).__name__

    @property
    def next_functions(self) -> tuple[tuple[Node | None, int], ...]:
        """The nodes it hands gradients to, each with the number of the output it computed; ``(None, 0)`` for constant operands."""
        parents = self.tape.parents
        return tuple((None, 0) if k is None else (shown_as(parents[k]), getattr(parents[k], "index", 0)) for k in self.tape.operands())

    @property
    def metadata(self) -> dict[Any, Any]:
        """A dictionary for whatever belongs to this node; lives as long as the node."""
        return WATCHED.add(self.tape).metadata

    def register_hook(self, fn: Callable[..., Any]) -> RemovableHandle:
        """Call ``fn(grad_inputs, grad_outputs)`` whenever the node has run; a tuple that it returns takes the place of ``grad_inputs``.

        Both are tuples of tensors: ``grad_inputs`` has the gradients of the node's inputs in the order of `next_functions`, None for
        constants; ``grad_outputs`` those of its outputs, None where none came. That of a leaf runs when its ``grad`` is filled.

        >>> import numpy as np
        >>> x = Tensor(np.ones(2), requires_grad=True)
        >>> y = x * 2
        >>> handle = y.grad_fn.register_hook(lambda grad_inputs, grad_outputs: (grad_inputs[0] * 10, None))
        >>> y.sum().backward(); x.grad.tolist()
        [20.0, 20.0]
        """
        return watch(self.tape, fn, "leaving")

    def register_prehook(self, fn: Callable[..., Any]) -> RemovableHandle:
        """Call ``fn(grad_outputs)`` before the node runs; a tuple that it returns takes the place of ``grad_outputs``.

        It runs after the hooks of the tensor, and only where the node's own inputs need gradients.

        >>> import numpy as np
        >>> x = Tensor(np.ones(2), requires_grad=True)
        >>> y = x * 2
        >>> handle = y.grad_fn.register_prehook(lambda grad_outputs: (grad_outputs[0] * 10,))
        >>> y.sum().backward(); x.grad.tolist()
        [20.0, 20.0]
        """
        return watch(self.tape, fn, "entering")

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_saved_") and isinstance(self.tape, Recorded):
            return _saved(self.tape, name.removeprefix("_saved_"))
        ctx = getattr(self.tape, "ctx", None)  # of a user's Function: what is kept there goes before the node's own
        return vars(ctx)[name] if ctx is not None and name in vars(ctx) else getattr(self.tape, name)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(getattr(self.tape, "ctx", self.tape), name, value)

    def __repr__(self) -> str:
        return f"<{self.name()} object at {id(self.tape):#x}>"


#: The handles that somebody holds, by the serial number of their node; and the types of handles, by name, of which users' functions may
#: bring any number: it starts over.
_handles: weakref.WeakValueDictionary[int, Node] = weakref.WeakValueDictionary()
_types: dict[str, type[Node]] = {}
MOST_NAMES = 1000


def shown_as(tape: Any) -> Node:
    """The handle on a node of the tape; of an operation with several outputs there is one for all of them."""
    if type(tape) is Select:
        (tape,) = tape.parents
    found = _handles.get(tape.seq)
    if found is None:
        name = _name_of(tape)
        kind = _types.get(name)
        if kind is None:
            if len(_types) >= MOST_NAMES:
                _types.clear()
            kind = _types[name] = type(name, (Node,), {"__slots__": (), "__doc__": Node.__doc__})
        found = _handles.setdefault(tape.seq, kind(tape))
    return found


def _grad_fn(t: Tensor) -> Node | None:
    """The operation that computed this tensor, as a `graph.Node` of the tape; None for leaves."""
    return None if t.is_leaf else shown_as(t.node)


Tensor.grad_fn = property(_grad_fn)  # tensors know nothing of handles


def _name_of(tape: Any) -> str:
    if type(tape) is Leaf:
        return "AccumulateGrad"
    title = re.sub(r"\W+(\w?)", lambda m: m[1].upper(), tape.title())
    if not isinstance(tape, Recorded):
        return f"{title}Backward"
    return "".join(word[:1].upper() + word[1:] for word in title.split("_")) + "Backward0"


def _saved(tape: Recorded, name: str) -> Any:
    """What an operation saved under ``name``, the name of an operand or parameter, or ``result``; None for an operand it does not need."""
    names, values = tape.names, tape.opened()
    wanted = {"self": names[:1], "other": names[1:2]}.get(name, (name,))
    for source, value in zip(tape.plan.save, values, strict=True):
        if _called(tape, source) in wanted or (name == "result" and source == (ANSWER, 0)):
            return _on_tape(tape, source, value)
    if any(n in names for n in wanted):
        return None
    raise AttributeError(
        f"{tape.title()}: has not saved {name!r} for the backward pass: it saves "
        f"{', '.join(filter(None, (_called(tape, s) for s in tape.plan.save))) or 'nothing'}"
    )


def _called(tape: Recorded, source: Source) -> str | None:
    kind, key = source
    if kind == INPUT:
        return tape.rest if isinstance(key, slice) else tape.names[key]
    if kind == ANSWER:
        return "result" if tape.outputs is None else tape.outputs[key]
    return str(key) if kind == PARAM else None


def _on_tape(tape: Recorded, source: Source, value: Any) -> Any:
    if source[0] != ANSWER:
        return value
    inner = [t.level for t in (value,) if isinstance(t, Boxed)]
    t = Tensor.wrap(value, max(inner, default=0))
    t.node = tape if tape.outputs is None else tape.select(source[1])
    return t


# ---- edges ------------------------------------------------------------------------------------------------------------------------
class GradientEdge(NamedTuple):
    """The way a gradient takes to one output of a node: what `autograd.grad` and `backward` take in place of a tensor."""

    node: Node
    output_nr: int
    #: Keeps alive what the node alone would not: the leaf, or the place of one output among several.
    ownership_token: Any = None

    def end(self) -> Any:
        """The node of the tape that the gradient comes to."""
        if type(self.ownership_token) is Select:
            return self.ownership_token
        tape = self.node.tape
        return tape.select(self.output_nr) if isinstance(tape, Recorded) and tape.outputs is not None else tape


def get_gradient_edge(tensor: Tensor) -> GradientEdge:
    """The edge that the gradient of ``tensor`` arrives by; the tensor itself need not be kept for it.

    Raises `OperandError` for what is no tensor and `GraphError` for a tensor that does not require grad.

    >>> import numpy as np, tensorflowlite_clone as tl
    >>> x = Tensor(np.array([1.0, 2.0]), requires_grad=True)
    >>> y = x * 2
    >>> edge = get_gradient_edge(y)
    >>> z = (y ** 2).sum()
    >>> del y
    >>> tl.autograd.grad(z, edge)[0].tolist()
    [4.0, 8.0]
    """
    if not isinstance(tensor, Taped):
        raise OperandError(f"get_gradient_edge: needs a tensor: got {type(tensor).__name__}; give it a tensor that requires grad")
    node = tensor.node
    if node is None:
        raise GraphError(f"get_gradient_edge: the tensor does not require grad (shape {tensor.shape}); no gradient comes to it")
    token = tensor if type(node) is Leaf else node if type(node) is Select else None
    return GradientEdge(shown_as(node), tensor.output_nr, token)
