"""`FlopCounterMode`: the floating-point operations of the products that a program computes, forwards and backwards, by module.

Here: who adds them up while a program runs. Not here: formulas for all operations (``nn/flops.py``), models (`utils.summary`).
"""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable, Mapping
from math import prod
from typing import Any, Self

import numpy as np

from .._lazy import load
from .._lazy import public as _public
from .._typing import Array, OperationLike
from ..autograd.profiler import AROUND
from ..core.boxed import Boxed
from ..core.observe import Observer, observing
from ..core.tape import Cotangents
from ..nn.flops import FORMULAS

__all__ = ["FlopCounterMode"]
__dir__ = _public(globals())

#: What is counted, by operation: the name in the tables, and how many operands, from the first, are factors; 0: the gradients of all
#: operands together are twice the whole.
PRODUCTS = {
    "MatMul": ("matmul", 2), "MatVec": ("mv", 2), "VecMat": ("mv", 2), "Dot": ("dot", 2), "AffineMap": ("linear", 2),
    "Convolve": ("convolution", 2), "ConvolveInputGrad": ("convolution", 2), "ConvolveWeightGrad": ("convolution", 2),
    "Contract": ("einsum", 2), "Attention": ("scaled_dot_product_attention", 0), "Recurrence": ("rnn", 0),
}  # fmt: skip


def _count(name: str, shapes: list[Any], params: dict[str, Any], out: Any) -> int:
    """The operations of the products alone: without what is added, without activations."""
    if name in ("MatVec", "VecMat", "Dot"):
        return 2 * max(map(prod, shapes[:2]))
    if name == "Attention":
        q, k, v = shapes[2:5]
        return int(2 * prod(q[:-1]) * k[-2] * (q[-1] + v[-1]))
    if name == "Recurrence":
        return int(2 * shapes[0][0] * sum(prod(a) for a in shapes[3 if params["kind"] == "lstm" else 2 :] if len(a) == 2))
    return FORMULAS[name](shapes[:2], params, out)


def _is_plain(g: Any) -> bool:
    """Whether the rules that turn ``g`` into gradients compute at once, and record nothing."""
    return not any(isinstance(x, Boxed) for x in (g.items.values() if isinstance(g, Cotangents) else [g]))


class FlopCounterMode(Observer):
    """``with FlopCounterMode() as counter:`` the products that run meanwhile are counted, a multiplication and an addition as two.

    Args:
        mods: as in older PyTorch; all modules are counted.
        depth: how deep the table goes, counted in dots of a module's path.
        display: whether the table is printed at the end.
        custom_mapping: more formulas, by the name of an operation's class: ``f(*shapes, out_shape, **parameters)``.

    Counted are products of matrices and vectors, convolutions, attention and recurrent layers; element-wise operations, sums and
    biases are not. A gradient takes as much as the product, for each factor that has one. ``counter.get_flop_counts()`` has a dict for
    each module by its path, "Global" has all.

    >>> import tensorflowlite_clone as tl
    >>> model = tl.nn.Sequential(tl.nn.Linear(4, 5), tl.nn.Linear(5, 2))
    >>> with FlopCounterMode(display=False) as counter:
    ...     model(tl.ones(3, 4)).sum().backward()
    >>> counter.get_flop_counts()["Sequential.0"], 2 * 3 * 4 * 5
    ({'linear': 120, 'linear_backward': 120}, 120)
    >>> counter.get_total_flops()
    420
    """

    def __init__(
        self, mods: Any = None, depth: int = 2, display: bool = True, custom_mapping: Mapping[str, Callable[..., int]] | None = None
    ) -> None:
        self.depth, self.display, self.custom = depth, display, dict(custom_mapping or {})
        self.own = threading.local()
        self.flop_counts: defaultdict[str, defaultdict[str, int]] = defaultdict(lambda: defaultdict(int))
        self._paths: list[str] = []
        #: What the operation did that was carried out last; and for nodes on the tape its name, count, factors and module.
        self._last: Any = None
        self._nodes: dict[Any, Any] = {}
        #: The derivatives under way, whose products are counted as a whole.
        self._deriving = 0

    def __enter__(self) -> Self:
        self.flop_counts.clear()
        if "modules" not in AROUND:
            load("profiler")
        self._modules, self._watch = AROUND["modules"](self), observing(self)  # type: ignore[arg-type]
        self._modules.__enter__()
        self._watch.__enter__()
        return self

    def __exit__(self, *exc: Any) -> None:
        self._watch.__exit__(*exc)
        self._modules.__exit__(*exc)
        self._nodes.clear()
        if self.display:
            print(self.get_table())

    # ---- what is told, by modules and by operations ------------------------------------------------------------------------
    def enter(self, name: str, kind: str, path: str) -> str:
        """A module begins."""
        self._paths.append(path)
        return path

    def leave(self, path: str) -> None:
        """A module ends, and what was still under way in it."""
        while self._paths.pop() != path:
            pass

    def _add(self, name: str, count: int, paths: tuple[str, ...]) -> None:
        for path in ("Global", *dict.fromkeys(paths)):
            self.flop_counts[path][name] += count

    def computed(self, op: OperationLike, args: tuple[Array, ...], params: dict[str, Any], ans: Any) -> None:
        """An operation was carried out."""
        self._last = None
        kind = op.__name__  # type: ignore[attr-defined]
        if self._deriving or not (kind in PRODUCTS or kind in self.custom):
            return
        name, factors = PRODUCTS.get(kind, (kind, 0))
        shapes = [np.shape(a) for a in args]
        out = np.shape(ans[0] if isinstance(ans, tuple) else ans)
        count = self.custom[kind](*shapes, out_shape=out, **params) if kind in self.custom else _count(kind, shapes, params, out)
        self._add(name, count, (*self._paths,))
        self._last = name, count, factors, (*self._paths,)

    def recorded(self, node: Any) -> None:
        """It is on the tape."""
        if self._last is not None:
            self._nodes[node], self._last = self._last, None

    def deriving(self, node: Any, g: Array) -> None:
        """Its gradients are about to be computed."""
        self._deriving += node in self._nodes and _is_plain(g)

    def derived(self, node: Any, g: Array, grads: Any) -> None:
        """They are."""
        if node not in self._nodes or not _is_plain(g):  # else its rules are operations, counted one by one
            return
        self._deriving -= 1
        name, count, factors, paths = self._nodes[node]
        given = sum(x is not None and (np.ndim(x) > 1 or name not in ("linear", "convolution")) for x in grads)
        self._add(f"{name}_backward", count * (min(given, factors) if factors else 2), paths)

    # ---- what is asked ------------------------------------------------------------------------------------------------------
    def get_total_flops(self) -> int:
        """All that was counted."""
        return sum(self.flop_counts["Global"].values())

    def get_flop_counts(self) -> dict[str, dict[str, int]]:
        """What was counted, by the path of a module ("Global": all) and the name of the operation."""
        return {path: dict(counts) for path, counts in self.flop_counts.items()}

    def get_table(self, depth: int | None = None) -> str:
        """The counts as a table, of modules down to ``depth``."""
        deepest, total = self.depth if depth is None else depth, self.get_total_flops()
        rows = [("Module", "FLOP", "% Total")]
        for path, counts in sorted(self.flop_counts.items(), key=lambda item: item[0] != "Global"):
            level = 0 if path == "Global" else path.count(".") + 1
            if level <= deepest:
                pad, own = " " * level, sum(counts.values())
                rows.append((pad + path, f"{own:,}", f"{100 * own / max(total, 1):.2f}%"))
                rows += [(f"{pad} - {name}", f"{n:,}", f"{100 * n / max(total, 1):.2f}%") for name, n in counts.items()]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = ["  ".join((r[0].ljust(widths[0]), *(c.rjust(w) for c, w in zip(r[1:], widths[1:], strict=True)))) for r in rows]
        return "\n".join((lines[0], "  ".join("-" * w for w in widths), *lines[1:]))
