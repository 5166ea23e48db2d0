"""``torch.distributed.optim``: an optimizer whose states are shared out among processes.

Not here: the algorithms (``tensorflowlite_clone.optim``), parameters in shards (``fsdp.py``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from .._errors import ArgumentError, StateDictError
from ..optim import Optimizer
from . import collectives, objects
from .group import the_group

__all__ = ["ZeroRedundancyOptimizer"]


class ZeroRedundancyOptimizer(Optimizer):
    """``optimizer_class``, of which each process steps its part of the parameters and sends them to the others.

    What is remembered of a parameter is in the memory of one process alone, so n processes need an n-th of it each; the steps are the same,
    bit for bit, for every optimizer that steps each parameter by itself. Parameters are given to processes by size, the largest first.
    Gradients are expected to be the same everywhere, as `DistributedDataParallel` makes them.

    ``param_groups`` are those of all parameters; schedules and changes of settings act on them. `consolidate_state_dict` puts all states
    together on one process; `checkpoint` saves them where they are. ``overlap_with_ddp`` and ``parameters_as_bucket_view`` change nothing.

    Raises `ArgumentError` for optimizers that step all parameters as one vector (`LBFGS`, `GaussNewton`, `LevenbergMarquardt`).

    >>> import tensorflowlite_clone as tl
    >>> tl.distributed.init_process_group()
    >>> layer = tl.nn.Linear(2, 1)
    >>> optimizer = ZeroRedundancyOptimizer(layer.parameters(), tl.optim.Adam, lr=0.1)
    >>> layer(tl.ones(1, 2)).sum().backward()
    >>> optimizer.step()
    >>> tl.distributed.destroy_process_group()

    S. Rajbhandari and others, ZeRO: memory optimizations toward training trillion parameter models, SC 2020 (the first stage).
    """

    def __init__(
        self, params: Iterable[Any], optimizer_class: type[Optimizer], process_group: Any = None, parameters_as_bucket_view: bool = False,
        overlap_with_ddp: bool = False, **defaults: Any,
    ) -> None:  # fmt: skip
        name = optimizer_class.__name__
        if optimizer_class.step is not Optimizer.step:
            raise ArgumentError(
                f"ZeroRedundancyOptimizer: {name} steps all parameters as one vector: there are no parts of its state to share out"
            )
        self.group = the_group("ZeroRedundancyOptimizer", process_group)
        self._begun = False
        self._whole: dict[str, Any] | None = None
        given = list(params)
        whole = optimizer_class(given, **defaults)  # which checks everything; nothing is remembered yet
        super().__init__([{**g} for g in whole.param_groups], dict(whole.defaults))
        self._class, self._defaults = optimizer_class, defaults
        self._begun = True
        self._share_out()

    def _check_settings(self, group: dict[str, Any]) -> None:
        """The optimizer of this process's part does."""

    def _share_out(self) -> None:
        """Give each parameter to a process, and make the optimizer of those that are this one's."""
        size, mine = self.group.size(), self.group.rank()
        #: For each parameter, in the order of the groups, the process that steps it.
        self.owners: list[int] = [0] * sum(len(g["params"]) for g in self.param_groups)
        sizes = [p.array.nbytes for g in self.param_groups for p in g["params"]]
        filled = [0] * size
        for i in sorted(range(len(sizes)), key=lambda i: (-sizes[i], i)):
            owner = filled.index(min(filled))
            self.owners[i] = owner
            filled[owner] += sizes[i]
        numbers = iter(self.owners)
        groups = [{**g, "params": [p for p in g["params"] if next(numbers) == mine]} for g in self.param_groups]
        for g in groups:
            g.pop("param_names", None)
        self.optim = self._class(groups, **self._defaults)
        self.state = self.optim.state

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Add parameters with settings of their own, which are shared out anew with all others; nothing may be remembered yet."""
        if self._begun and self.state:
            raise ArgumentError("ZeroRedundancyOptimizer.add_param_group: parameters cannot be added after the first step; add them before")
        super().add_param_group(param_group)
        if self._begun:
            self._share_out()

    def _settings(self, source: list[Any], target: list[Any]) -> None:
        for a, b in zip(source, target, strict=True):
            b.update({k: v for k, v in a.items() if k not in ("params", "param_names")})

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Step the parameters of this process, and get the others from those that have stepped them."""
        loss = None if closure is None else self._loss(closure)
        self._settings(self.param_groups, self.optim.param_groups)
        if any(g["params"] for g in self.optim.param_groups):
            self.optim.step()
        self._settings(self.optim.param_groups, self.param_groups)
        if self.group.size() > 1:
            self._send()
        return loss

    def _send(self) -> None:
        """Each process sends what it has stepped, small parameters together."""
        params = [p for g in self.param_groups for p in g["params"]]
        few: dict[Any, list[Any]] = {}
        for p, owner in zip(params, self.owners, strict=True):
            if p.array.nbytes >= 1 << 18:
                collectives.broadcast(p, group=self.group, group_src=owner)
            else:
                few.setdefault((owner, p.array.dtype), []).append(p)
        for (owner, _), together in few.items():
            flat = np.concatenate([p.array for p in together], axis=None)
            collectives.broadcast(flat, group=self.group, group_src=owner)
            if owner != self.group.rank():
                ends = np.cumsum([p.array.size for p in together])[:-1]
                for p, part in zip(together, np.split(flat, ends), strict=True):
                    p.array[...] = part.reshape(p.array.shape)
                    p.changed("ZeroRedundancyOptimizer.step")

    # ---- state --------------------------------------------------------------------------------------------------------------
    def local_state_dict(self) -> dict[str, Any]:
        """What this process remembers, by the numbers of the parameters among all, and all groups."""
        numbers = {id(p): i for i, p in enumerate(p for g in self.param_groups for p in g["params"])}
        groups, i = [], 0
        for g in self.param_groups:
            settings = {k: v for k, v in g.items() if k != "params"}
            groups.append({**settings, "params": list(range(i, i + len(g["params"])))})
            i += len(g["params"])
        return {"state": {numbers[id(p)]: dict(s) for p, s in self.state.items() if s}, "param_groups": groups}

    def consolidate_state_dict(self, to: int = 0) -> None:
        """Put the states of all processes together on the process ``to``, where `state_dict` returns them; every process calls this."""
        root = self.group.root("consolidate_state_dict", to)
        found: list[Any] = [None] * self.group.size()
        mine = self.local_state_dict()
        objects.gather_object(mine["state"], found if self.group.rank() == root else None, group=self.group, group_dst=root)
        self._whole = None
        if self.group.rank() == root:
            self._whole = {**mine, "state": dict(sorted((k, v) for part in found for k, v in part.items()))}

    def state_dict(self) -> dict[str, Any]:
        """The state of all processes, on that to which `consolidate_state_dict` has brought it last; raises `StateDictError` elsewhere."""
        if self.group.size() == 1:
            return self.local_state_dict()
        if self._whole is None:
            raise StateDictError(
                "ZeroRedundancyOptimizer.state_dict: each process has its part of the state: call consolidate_state_dict(to=rank) "
                "on every rank first, or save with distributed.checkpoint"
            )
        return self._whole

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over this process's part of a state of all, whatever number of processes it was saved by."""
        full = self._class([{**g} for g in self.param_groups], **self._defaults)
        mine = {i for i, owner in enumerate(self.owners) if owner == self.group.rank()}
        given = dict(state_dict)
        if isinstance(given.get("state"), dict):
            given["state"] = {k: v for k, v in given["state"].items() if int(k) in mine}
        full.load_state_dict(given)
        self._settings(full.param_groups, self.param_groups)
        self._settings(full.param_groups, self.optim.param_groups)
        self.optim.__setstate__({"state": full.state})
        self.state = self.optim.state
