"""A warning for programs that keep the graphs of all their losses alive.

The classical mistake is ``total += loss`` (or ``losses.append(loss)``) with a tensor: every step's graph hangs on to the next, and memory
grows until the end of the epoch. ``total += loss.item()`` was meant.

How it is noticed. `backward` tells `used` the root it has just walked, which is kept as a weak reference. In a normal training loop
the root of a step is gone by the next one or soon after: the name ``loss`` is bound to something new. If the roots of `WINDOW` steps
in a row are all still there, something holds on to every one of them, and none can be walked again, as their saved values were freed
(walks with ``retain_graph`` do not count). What does not warn: keeping some losses (the best one, the previous one); a list of
losses computed first and walked one after the other, since only losses computed after the last walk count; losses
that only the cycle collector has yet to free, which is run before anything is said.

It costs one weak reference per backward pass, and nothing per operation. What it cannot see: losses that are added up and never walked
(an evaluation without `no_grad`), which look just like the sum over time steps that a recurrent network is trained with.

Not here: the walk (``core/engine.py``), `backward` itself (``backward.py``).
"""

from __future__ import annotations

import threading
import warnings
import weakref
from typing import Any

from .._state import next_serial
from ..core.tape import Leaf
from ..core.where import stacklevel

#: How many steps in a row must have left their roots alive, at first and at most.
WINDOW, LARGEST = 64, 1 << 15


class Recent(threading.local):
    """The roots of the last backward passes of a thread."""

    def __init__(self) -> None:
        self.roots: list[weakref.ref[Any]] = []
        #: Every node that is recorded after the last walk has a greater number.
        self.serial = 0
        self.window = WINDOW


recent = Recent()


def used(node: Any) -> None:
    """Note that the graph of ``node`` was walked and freed; warn if all those of the last steps are still there."""
    if node is None or type(node) is Leaf:
        return
    roots = recent.roots
    if node.seq < recent.serial:  # computed before the last walk
        roots.clear()
    recent.serial = next_serial()
    roots.append(weakref.ref(node))
    if len(roots) >= recent.window:
        found = all(root() is not None for root in roots)
        if found:
            import gc

            gc.collect()
            found = all(root() is not None for root in roots)
            if not found:
                recent.window = min(8 * recent.window, LARGEST)  # a program with cycles: look less often
        steps = len(roots)
        roots.clear()
        if found:
            warnings.warn(
                f"backward: the losses of the last {steps} steps are all kept alive, and their graphs with them, so that memory grows; "
                f"they were probably added up or collected as tensors (total += loss, losses.append(loss)); add up numbers: "
                f"total += loss.item()",
                UserWarning,
                stacklevel=stacklevel(),
            )
