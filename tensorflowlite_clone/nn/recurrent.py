"""Recurrent layers, RNN, LSTM and GRU, and their cells: what they keep, and what users may hand them.

Not here: what they compute (``ops.nn.layered``, ``ops.nn.cells``), packed sequences (``utils.rnn``).
"""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np

from .._errors import ArgumentError, OperandError, ShapeError
from ..core.boxed import Boxed
from ..core.broadcast import shape_of
from ..core.dtype_names import numpy_dtype
from ..core.publish import to_operand
from ..core.tensor import Tensor
from ..core.where import stacklevel
from ..kernels.recurrent import GATES
from ..ops.nn.cells import step
from ..ops.nn.layered import Network, batch_sizes_of, check, padded, run
from . import init
from .linear import parameter
from .module import Layer, Module
from .parameter import Parameter
from .settings import checked
from .utils.rnn import PackedSequence

#: PyTorch's names of the kinds of cells.
KINDS = {"RNN_TANH": "tanh", "RNN_RELU": "relu", "LSTM": "lstm", "GRU": "gru"}


def _draw(layer: Module, size: int) -> None:
    bound = 1.0 / math.sqrt(size) if size > 0 else 0.0
    for p in layer.parameters():
        init.uniform_(p, -bound, bound)


class RNNBase(Module):
    """The base of `RNN`, `LSTM` and `GRU`: layers of one kind of cell (``mode``), one or two directions, parameters by PyTorch's names.

    ``weight_ih_l0`` (G H, I), ``weight_hh_l0`` (G H, H), ``bias_ih_l0`` and ``bias_hh_l0`` (G H), of G gates, with ``proj_size``
    ``weight_hr_l0`` (P, H); then those of the other direction, ``..._l0_reverse``, and of the next layer, whose inputs are the states of
    all directions. All start uniform on +-1/sqrt(hidden_size), drawn in this order.
    """

    modes = tuple(KINDS)

    @checked
    def __init__(
        self,
        mode: str,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        proj_size: int = 0,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        op = type(self).__name__
        if isinstance(dropout, bool) or not 0.0 <= dropout <= 1.0:
            raise ArgumentError(f"{op}: dropout must be a number between 0 and 1: got {dropout!r}; it is the probability of a zero")
        if dropout and num_layers == 1:
            warnings.warn(
                f"{op}: dropout comes between layers, and there is one: dropout={dropout} changes nothing with num_layers=1",
                UserWarning,
                stacklevel=stacklevel(),
            )
        if proj_size and mode != "LSTM":
            raise ArgumentError(f"{op}: proj_size is for LSTM alone: got {proj_size} with mode {mode!r}; leave it out")
        if proj_size >= hidden_size:
            raise ArgumentError(f"{op}: proj_size must be smaller than hidden_size: they are {proj_size} and {hidden_size}")
        self.mode, self.input_size, self.hidden_size, self.num_layers = mode, input_size, hidden_size, num_layers
        self.bias, self.batch_first, self.dropout = bias, batch_first, float(dropout)
        self.bidirectional, self.proj_size = bidirectional, proj_size
        wide, width = GATES[KINDS[mode]] * hidden_size, proj_size or hidden_size
        for names, inputs in zip(self._names(), self._inputs(), strict=True):
            shapes = {"weight_ih": (wide, inputs), "weight_hh": (wide, width), "weight_hr": (proj_size, hidden_size)}
            for name in names:
                setattr(self, name, parameter(shapes.get(name[:9], (wide,)), dtype))
        self.reset_parameters()

    def _directions(self) -> int:
        return 2 if self.bidirectional else 1

    def _inputs(self) -> list[int]:
        """How many numbers each layer and direction gets per step."""
        count, width = self._directions(), self.proj_size or self.hidden_size
        return [self.input_size] * count + [width * count] * (count * (self.num_layers - 1))

    def _names(self) -> list[list[str]]:
        """The names of the parameters of each layer and direction."""
        kinds = ["weight_ih", "weight_hh", *(["bias_ih", "bias_hh"] if self.bias else []), *(["weight_hr"] if self.proj_size else [])]
        ends = ["", "_reverse"][: self._directions()]
        return [[f"{kind}_l{layer}{end}" for kind in kinds] for layer in range(self.num_layers) for end in ends]

    @property
    def all_weights(self) -> list[list[Parameter]]:
        """The parameters of each layer and direction."""
        return [[getattr(self, name) for name in names] for names in self._names()]

    @property
    def _all_weights(self) -> list[list[str]]:
        """The names of the parameters of each layer and direction."""
        return self._names()

    @property
    def _flat_weights_names(self) -> list[str]:
        """The names of all parameters, in order."""
        return [name for names in self._names() for name in names]

    @property
    def _flat_weights(self) -> list[Parameter]:
        """All parameters, in order."""
        return [getattr(self, name) for name in self._flat_weights_names]

    def reset_parameters(self) -> None:
        """Draw the initial values again."""
        _draw(self, self.hidden_size)

    def flatten_parameters(self) -> None:
        """Nothing: where the parameters stand in memory does not matter here."""

    # ---- what subclasses of PyTorch's layers call ---------------------------------------------------------------------------
    def check_input(self, input: Tensor, batch_sizes: Tensor | None) -> None:
        """Raise unless ``input`` is (T, N, I), or (rows, I), of a packed sequence with ``batch_sizes``, in the right dtype."""
        if batch_sizes is None and len(shape_of(input)) != 3:
            raise self._refuse(f"input must have 3 dimensions: it is {tuple(shape_of(input))}")
        self._checked_input(input, batch_sizes is not None)

    def get_expected_hidden_size(self, input: Tensor, batch_sizes: Tensor | None) -> tuple[int, int, int]:
        """The shape of ``h_0`` for this input."""
        n = shape_of(input)[0 if self.batch_first else 1] if batch_sizes is None else int(batch_sizes[0])
        return (self.num_layers * self._directions(), n, self.proj_size or self.hidden_size)

    def check_hidden_size(self, hx: Tensor, expected_hidden_size: Any, msg: str = "Expected hidden size {}, got {}") -> None:
        """Raise `ShapeError`, with ``msg``, unless a state has this shape."""
        if tuple(shape_of(hx)) != tuple(expected_hidden_size):
            raise self._refuse(msg.format(tuple(expected_hidden_size), list(shape_of(hx))))

    def check_forward_args(self, input: Tensor, hidden: Any, batch_sizes: Tensor | None) -> None:
        """Raise unless input and first states fit the layer."""
        self.check_input(input, batch_sizes)
        self.check_hidden_size(hidden, self.get_expected_hidden_size(input, batch_sizes))

    def permute_hidden(self, hx: Any, permutation: Tensor | None) -> Any:
        """The states with their sequences in another order; as they are without one."""
        return hx if permutation is None else hx[:, permutation]

    # ---- what is done with an input -----------------------------------------------------------------------------------------

    def _refuse(self, text: str, kind: type[Exception] = ShapeError) -> Exception:
        return kind(f"{type(self).__name__}: {text}")

    def _states(self, x: Any, hx: Any, n: int, unbatched: bool) -> list[Any]:
        """The first states of all layers, (L D, N, ...), zeros where none are given; raises for what does not fit."""
        count, lstm = self.num_layers * self._directions(), self.mode == "LSTM"
        shapes = [(count, n, self.proj_size or self.hidden_size), *([(count, n, self.hidden_size)] if lstm else [])]
        if hx is None:
            return [np.zeros(shape, numpy_dtype(x.dtype)) for shape in shapes]
        given = list(hx) if lstm and isinstance(hx, tuple | list) else [hx]
        if len(given) != len(shapes) or not all(isinstance(s, Boxed | np.ndarray) for s in given):
            wanted = "the pair (h_0, c_0)" if lstm else "a tensor, h_0"
            raise self._refuse(f"hx must be {wanted}: got {type(hx).__name__} {hx!r:.40}", OperandError)
        found = []
        for name, s, shape in zip(("h_0", "c_0"), given, shapes, strict=False):
            wanted_shape = (count, shape[2]) if unbatched else shape
            if shape_of(s) != wanted_shape:
                raise self._refuse(f"{name} must be {wanted_shape} for this input: it is {tuple(shape_of(s))}")
            found.append(s[:, None] if unbatched else s)
        return found

    def _checked_input(self, x: Any, packed: bool) -> Any:
        """The input as an operand; raises for one that does not fit the layer."""
        x = to_operand(x, type(self).__name__)
        dims, weight = len(shape_of(x)), self.weight_ih_l0
        if (dims != 2) if packed else dims not in (2, 3):
            what = "data of a packed sequence must be (rows, I)" if packed else "input must have 2 or 3 dimensions"
            raise self._refuse(f"{what}: it is {tuple(shape_of(x))}")
        if shape_of(x)[-1] != self.input_size:
            raise self._refuse(f"input_size is {self.input_size}: the input has {shape_of(x)[-1]} numbers per step, {tuple(shape_of(x))}")
        if x.dtype != weight.dtype:
            raise self._refuse(
                f"input and weights must have one dtype: they are {x.dtype} and {weight.dtype}; convert one, input.to({weight.dtype})",
                ArgumentError,
            )
        return x

    def forward(self, input: Any, hx: Any = None) -> Any:
        """The states of the last layer at all steps, and the last states of all layers (of an LSTM a pair)."""
        net = Network(type(self).__name__, KINDS[self.mode], self.num_layers, self._directions(), self.dropout if self.training else 0.0)
        if isinstance(input, PackedSequence):
            return self._packed(net, input, hx)
        x = self._checked_input(input, packed=False)
        unbatched = len(shape_of(x)) == 2
        place = 0 if self.batch_first else 1
        if unbatched:
            x = np.expand_dims(x, place)
        if not shape_of(x)[1 - place]:
            raise self._refuse(f"the sequence must have at least one step: the input is {tuple(shape_of(x))}")
        states, weights = self._states(x, hx, shape_of(x)[place], unbatched), self.all_weights
        check(net, x, shape_of(x)[place], states, weights)
        out, *last = padded(net, x, states, weights, self.batch_first)
        if unbatched:
            out, last = np.squeeze(out, place), [np.squeeze(a, 1) for a in last]
        return out, tuple(last) if self.mode == "LSTM" else last[0]

    def _packed(self, net: Network, input: PackedSequence, hx: Any) -> Any:
        data = self._checked_input(input.data, packed=True)
        sizes = batch_sizes_of(net.op, input.batch_sizes, shape_of(data)[0])
        states, weights = self._states(data, hx, sizes[0], False), self.all_weights
        if input.sorted_indices is not None and hx is not None:
            states = [s[:, input.sorted_indices] for s in states]
        check(net, data, sizes[0], states, weights)
        out, *last = run(net, data, sizes, states, weights)
        if input.unsorted_indices is not None:
            last = [a[:, input.unsorted_indices] for a in last]
        packed = PackedSequence(out, input.batch_sizes, input.sorted_indices, input.unsorted_indices)
        return packed, tuple(last) if self.mode == "LSTM" else last[0]

    def extra_repr(self) -> str:
        """Sizes and what differs from the defaults."""
        text = f"{self.input_size}, {self.hidden_size}"
        defaults = {"proj_size": 0, "num_layers": 1, "bias": True, "batch_first": False, "dropout": 0.0, "bidirectional": False}
        return text + "".join(f", {k}={getattr(self, k)}" for k, default in defaults.items() if getattr(self, k) != default)


def _no_projection(layer: Any, proj_size: Any) -> None:
    if proj_size is not None:
        raise ArgumentError(f"{type(layer).__name__}: proj_size is for LSTM alone: got {proj_size!r:.40}; leave it out")


class RNN(RNNBase):
    """Layers of ``h' = tanh(W x + b + U h + c)``, or ``relu`` as ``nonlinearity``, over sequences.

    Shapes: input (T, N, I), with ``batch_first`` (N, T, I), one sequence (T, I), or a packed sequence; ``h_0`` (L D, N, H), by default
    zeros, of L layers in D directions. Gives the states of the last layer (T, N, D H), in the input's form, and ``h_n`` (L D, N, H).
    ``dropout`` is the probability of a zero between layers, in training. Parameters: see `RNNBase`. Raises `ShapeError` where shapes do
    not fit, `ArgumentError` where the input's dtype is not that of the weights.

    >>> import tensorflowlite_clone as tl
    >>> out, h_n = RNN(3, 4, num_layers=2, bidirectional=True)(tl.zeros(5, 2, 3))
    >>> out.shape, h_n.shape
    ((5, 2, 8), (4, 2, 4))

    Source: J. Elman, "Finding structure in time" (1990).
    """

    @checked
    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        nonlinearity: str = "tanh",
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        device: Any = None,
        dtype: Any = None,
        *,
        proj_size: None = None,
    ) -> None:
        _no_projection(self, proj_size)
        super().__init__(
            f"RNN_{nonlinearity.upper()}", input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional, 0, device, dtype
        )
        self.nonlinearity = nonlinearity


class LSTM(RNNBase):
    """Layers of long short-term memory over sequences: ``c' = f c + i g``, ``h' = o tanh(c')``, with gates from input and state.

    Shapes: input (T, N, I), with ``batch_first`` (N, T, I), one sequence (T, I), or a packed sequence; ``hx = (h_0, c_0)``, by default
    zeros, (L D, N, H) each, of L layers in D directions. Gives the states of the last layer (T, N, D H), in the input's form, and
    ``(h_n, c_n)``. With ``proj_size`` P, states are projected to P numbers, ``W_hr h``; memories still have H. ``dropout`` is the
    probability of a zero between layers, in training. Parameters: see `RNNBase`. Raises as `RNN` does.

    >>> import tensorflowlite_clone as tl
    >>> out, (h_n, c_n) = LSTM(3, 4, proj_size=2, batch_first=True)(tl.zeros(5, 7, 3))
    >>> out.shape, h_n.shape, c_n.shape
    ((5, 7, 2), (1, 5, 2), (1, 5, 4))

    Source: F. Gers et al., "Learning to forget" (2000), eqs. 3.1 to 3.5, with tanh; H. Sak et al., "Long short-term memory based recurrent
    neural network architectures for large vocabulary speech recognition" (2014), for the projection.
    """

    @checked
    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        proj_size: int = 0,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__("LSTM", input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional, proj_size, device, dtype)

    def get_expected_cell_size(self, input: Tensor, batch_sizes: Tensor | None) -> tuple[int, int, int]:
        """The shape of ``c_0`` for this input."""
        return (*self.get_expected_hidden_size(input, batch_sizes)[:2], self.hidden_size)

    def check_forward_args(self, input: Tensor, hidden: Any, batch_sizes: Tensor | None) -> None:
        """Raise unless input, states and memories fit the layer."""
        self.check_input(input, batch_sizes)
        self.check_hidden_size(hidden[0], self.get_expected_hidden_size(input, batch_sizes), "Expected hidden[0] size {}, got {}")
        self.check_hidden_size(hidden[1], self.get_expected_cell_size(input, batch_sizes), "Expected hidden[1] size {}, got {}")

    def permute_hidden(self, hx: Any, permutation: Tensor | None) -> Any:
        """States and memories with their sequences in another order; as they are without one."""
        return hx if permutation is None else tuple(s[:, permutation] for s in hx)


class GRU(RNNBase):
    """Layers of gated recurrent units over sequences: ``h' = n + z (h - n)``, ``n = tanh(W x + r (U h))``, with gates r and z.

    Shapes: input (T, N, I), with ``batch_first`` (N, T, I), one sequence (T, I), or a packed sequence; ``h_0`` (L D, N, H), by default
    zeros, of L layers in D directions. Gives the states of the last layer (T, N, D H), in the input's form, and ``h_n`` (L D, N, H).
    ``dropout`` is the probability of a zero between layers, in training. Parameters: see `RNNBase`. Raises as `RNN` does.

    >>> import tensorflowlite_clone as tl
    >>> out, h_n = GRU(3, 4)(tl.zeros(5, 3))
    >>> out.shape, h_n.shape
    ((5, 4), (1, 4))

    Source: K. Cho et al., "Learning phrase representations using RNN encoder-decoder" (2014), eqs. 5 to 8, with r behind the product.
    """

    @checked
    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        device: Any = None,
        dtype: Any = None,
        *,
        proj_size: None = None,
    ) -> None:
        _no_projection(self, proj_size)
        super().__init__("GRU", input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional, 0, device, dtype)


class RNNCellBase(Layer):
    """The base of the cells: ``weight_ih`` (G H, I), ``weight_hh`` (G H, H), ``bias_ih`` and ``bias_hh`` (G H) of ``num_chunks`` G gates.

    All start uniform on +-1/sqrt(hidden_size).
    """

    weight_ih: Parameter
    weight_hh: Parameter
    bias_ih: Parameter
    bias_hh: Parameter

    @checked
    def __init__(self, input_size: int, hidden_size: int, bias: bool, num_chunks: int, device: Any = None, dtype: Any = None) -> None:
        super().__init__()
        self.input_size, self.hidden_size, self.bias = input_size, hidden_size, bias
        wide = num_chunks * hidden_size
        self.weight_ih, self.weight_hh = parameter((wide, input_size), dtype), parameter((wide, hidden_size), dtype)
        for name in ("bias_ih", "bias_hh"):
            self.register_parameter(name, parameter((wide,), dtype) if bias else None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw the initial values again."""
        _draw(self, self.hidden_size)

    def _step(self, kind: str, input: Any, states: Any) -> list[Any]:
        """The next states, from zeros where none are given."""
        op = type(self).__name__
        x = to_operand(input, op)
        shape = shape_of(x)
        if len(shape) not in (1, 2):
            raise ShapeError(f"{op}: input must be (N, I) or (I): it is {tuple(shape)}")
        expected = (*shape[:-1], self.hidden_size)
        if states is None:
            states = [np.zeros(expected, numpy_dtype(x.dtype))] * (2 if kind == "lstm" else 1)
        for s in states:
            if shape_of(s) != expected:
                raise ShapeError(f"{op}: the state must be {expected} for an input of {tuple(shape)}: it is {tuple(shape_of(s))}")
        return step(op, kind, x, states, [self.weight_ih, self.weight_hh], [self.bias_ih, self.bias_hh])

    def extra_repr(self) -> str:
        """Sizes and what differs from the defaults."""
        return f"{self.input_size}, {self.hidden_size}" + ("" if self.bias else f", bias={self.bias}")


class RNNCell(RNNCellBase):
    """One step of `RNN`: input (N, I) or (I) and state (N, H) or (H), zeros by default, give the next state.

    >>> import tensorflowlite_clone as tl
    >>> RNNCell(3, 4)(tl.zeros(2, 3)).shape
    (2, 4)
    """

    @checked
    def __init__(
        self, input_size: int, hidden_size: int, bias: bool = True, nonlinearity: str = "tanh", device: Any = None, dtype: Any = None
    ) -> None:
        super().__init__(input_size, hidden_size, bias, 1, device, dtype)
        self.nonlinearity = nonlinearity

    def forward(self, input: Tensor, hx: Tensor | None = None) -> Tensor:
        """The next state."""
        found: Tensor = self._step(self.nonlinearity, input, None if hx is None else [hx])[0]
        return found

    def extra_repr(self) -> str:
        """Sizes and what differs from the defaults."""
        return super().extra_repr() + ("" if self.nonlinearity == "tanh" else f", nonlinearity={self.nonlinearity}")


class LSTMCell(RNNCellBase):
    """One step of `LSTM`: input (N, I) or (I) and ``hx = (h, c)``, (N, H) or (H) each, zeros by default, give the next pair.

    >>> import tensorflowlite_clone as tl
    >>> h, c = LSTMCell(3, 4)(tl.zeros(2, 3))
    >>> h.shape, c.shape
    ((2, 4), (2, 4))
    """

    @checked
    def __init__(self, input_size: int, hidden_size: int, bias: bool = True, device: Any = None, dtype: Any = None) -> None:
        super().__init__(input_size, hidden_size, bias, 4, device, dtype)

    def forward(self, input: Tensor, hx: tuple[Tensor, Tensor] | None = None) -> Any:
        """The next state and memory."""
        if hx is not None and (not isinstance(hx, tuple | list) or len(hx) != 2):
            raise OperandError(f"LSTMCell: hx must be the pair (h, c): got {type(hx).__name__} {hx!r:.40}")
        return tuple(self._step("lstm", input, hx))


class GRUCell(RNNCellBase):
    """One step of `GRU`: input (N, I) or (I) and state (N, H) or (H), zeros by default, give the next state.

    >>> import tensorflowlite_clone as tl
    >>> GRUCell(3, 4)(tl.zeros(3)).shape
    (4,)
    """

    @checked
    def __init__(self, input_size: int, hidden_size: int, bias: bool = True, device: Any = None, dtype: Any = None) -> None:
        super().__init__(input_size, hidden_size, bias, 3, device, dtype)

    def forward(self, input: Tensor, hx: Tensor | None = None) -> Tensor:
        """The next state."""
        found: Tensor = self._step("gru", input, None if hx is None else [hx])[0]
        return found
