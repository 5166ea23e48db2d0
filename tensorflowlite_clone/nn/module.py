"""`Module`: parameters, buffers and submodules by attribute, with PyTorch's contract.

Not here: any layer (one file per family beside this one), the containers (``containers.py``), hooks (``hooks.py``), how the state is
saved and loaded (``state.py``), and how a module is converted (``conversion.py``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Self

from .._checks import flag
from .._errors import ArgumentError, OperandError, RegistrationError
from .._lazy import late_method
from ..autograd.backward import forget_gradient
from ..core.boxed import Boxed
from ..core.tensor import Taped, Tensor
from .conversion import Convertible
from .hooks import GLOBAL, REGISTERED, Hookable, Hooks, call_between
from .parameter import Buffer, Parameter
from .settings import rename
from .state import Stateful, moved_in

#: What can stand under a name, each in a registry of its own (``_parameters``...).
KINDS = ("parameter", "buffer", "module")


class _Entry:
    """Reads what a module has under a name. Without it Python searches the class first, fails, and then asks `Module.__getattr__`."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name

    def __get__(self, module: Any, owner: Any) -> Any:
        if module is None:
            raise AttributeError(f"type object {owner.__name__!r} has no attribute {self.name!r}")
        if owner.__getattr__ is _ordinary:
            try:
                return module.__dict__["_parameters"][self.name]
            except KeyError:  # somewhere else, or nowhere
                pass
        return module.__getattr__(self.name)


class Module(Stateful, Convertible, Hookable):
    """The base class of everything that has parameters.

    A subclass makes its parts in ``__init__`` (after ``super().__init__()``) and computes in ``forward``. Parameters and modules
    assigned to attributes are registered; `register_buffer` adds tensors that are saved but not learned.

    >>> import tensorflowlite_clone as tl
    >>> class Double(tl.nn.Module):
    ...     def __init__(self):
    ...         super().__init__()
    ...         self.factor = tl.nn.Parameter(tl.tensor(2.0))
    ...     def forward(self, x):
    ...         return self.factor * x
    >>> Double()(tl.tensor(3.0)).item()
    6.0
    """

    training: bool
    _parameters: dict[str, Parameter | None]
    _buffers: dict[str, Tensor | None]
    _modules: dict[str, Module | None]
    _transient: set[str]
    _hooks: Hooks | None

    #: Whether the constructor goes on to the next class with its arguments; else it takes none.
    call_super_init: bool = False

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        for name, kind in vars(cls).get("__annotations__", {}).items():
            if kind == "Parameter" and name not in vars(cls):
                setattr(cls, name, _Entry(name))

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        if (args or kwargs) and not self.call_super_init:
            given = f"{len(args)} by position" if args else ", ".join(kwargs)
            raise TypeError(f"{type(self).__name__}.__init__() takes no arguments here: got {given}; its class defines which it takes")
        put = super().__setattr__
        put("training", True)
        put("_parameters", {})
        put("_buffers", {})
        put("_modules", {})
        put("_transient", set())
        put("_hooks", None)
        if self.call_super_init:
            super().__init__(*args, **kwargs)

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """What the module computes; every subclass defines it."""
        raise NotImplementedError(f"{type(self).__name__}: has no forward method; define forward(self, ...) in the class")

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run ``forward`` (between the hooks, if there are any); an error that passes says in which module it happened."""
        try:
            if self._hooks is None and not GLOBAL.in_calls:
                return self.forward(*args, **kwargs)
            return call_between(self, args, kwargs)
        except Exception as error:
            _add_path(error, self)
            raise

    # ---- attributes ---------------------------------------------------------------------------------------------------------
    def __setattr__(self, name: str, value: Any) -> None:
        registries = self.__dict__
        ready = "_modules" in registries
        tensor = isinstance(value, Taped)  # asked first: what its subclasses are instances of is told by Python code
        if tensor and isinstance(value, Parameter):
            self._check_ready(name)
            self._check_name(name, "parameter", replacing=True)
            self._forget(name)
            self._keep("parameter", name, value)
        elif ready and name in self._parameters:
            if value is not None:
                raise OperandError(
                    f"{type(self).__name__}.{name}: is a parameter and can only become a Parameter or None: got {type(value).__name__}; "
                    f"wrap it with nn.Parameter(...), or delete the attribute first"
                )
            self._parameters[name] = None
        elif isinstance(value, Module):
            self._check_ready(name)
            if name not in self._modules:
                self._forget(name)
            self._keep("module", name, value)
        elif ready and name in self._modules:
            if value is not None:
                raise OperandError(
                    f"{type(self).__name__}.{name}: is a module and can only become a module or None: got {type(value).__name__}; "
                    f"delete the attribute first"
                )
            self._keep("module", name, None)
        elif ready and name in self._buffers:
            if value is not None and not _is_tensor(value):
                raise OperandError(
                    f"{type(self).__name__}.{name}: is a buffer and can only become a tensor or None: got {type(value).__name__}; "
                    f"wrap it with tl.tensor(...)"
                )
            self._keep("buffer", name, value)
            if tensor and isinstance(value, Buffer):
                (self._transient.discard if value.persistent else self._transient.add)(name)
        elif tensor and isinstance(value, Buffer):
            self.register_buffer(name, value, value.persistent)
        else:
            super().__setattr__(name, value)

    def __getattr__(self, name: str) -> Any:
        for registry in ("_parameters", "_buffers", "_modules"):
            entries = self.__dict__.get(registry)
            if entries is not None and name in entries:
                return entries[name]
        own = getattr(type(self), name, None)
        if isinstance(own, property):  # whose getter has raised an AttributeError: that one says what is missing
            return own.__get__(self)
        hint = "" if "_modules" in self.__dict__ else "; the module was not initialised: call super().__init__() first"
        if not hint and not name.startswith("_"):
            from difflib import get_close_matches

            close = get_close_matches(name, dir(self), n=2)
            hint = f"; did you mean {' or '.join(close)}?" if close else ""
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}{hint}")

    def __delattr__(self, name: str) -> None:
        for entries in (self._parameters, self._buffers, self._modules):
            if name in entries:
                del entries[name]
                self._transient.discard(name)
                return
        super().__delattr__(name)

    def __dir__(self) -> list[str]:
        names = {*super().__dir__(), *self._parameters, *self._buffers, *self._modules}
        return sorted(name for name in names if not name[:1].isdigit())  # what is numbered has no attribute to complete

    def _check_ready(self, name: str) -> None:
        if "_modules" not in self.__dict__:
            raise AttributeError(f"{type(self).__name__}.{name}: assigned before the module was initialised; call super().__init__() first")

    def _keep(self, kind: str, name: str, value: Any) -> None:
        """Put a value into its registry, or what a hook of all modules makes of it."""
        for hook in [] if value is None and kind == "parameter" else list(REGISTERED[kind].values()):
            new = hook(self, name, value)
            value = value if new is None else new
        self.__dict__[f"_{kind}s"][name] = value

    def _forget(self, name: str) -> None:
        """Let a name stand for nothing that the instance has, but for a parameter that it already is."""
        self.__dict__.pop(name, None)
        for entries in (self._buffers, self._modules):
            entries.pop(name, None)
        self._transient.discard(name)

    def _check_name(self, name: Any, kind: str, replacing: bool = False) -> None:
        """Raise for what is no name, and for one that stands for anything else than a ``kind`` (``replacing``: in the class alone)."""
        if not isinstance(name, str):
            raise OperandError(f"register_{kind}: a name must be a string: got {type(name).__name__} {name!r:.40}; pass one")
        if not name or "." in name:
            raise RegistrationError(f"register_{kind}: a name must be a non-empty string without dots: got {name!r:.60}; rename it")
        own = [what for what in KINDS if name in self.__dict__[f"_{what}s"]] + ["attribute"] * (name in self.__dict__)
        taken = own if own and not replacing else ["attribute"] * hasattr(type(self), name)
        if taken and kind not in taken:
            raise RegistrationError(
                f"register_{kind}: {type(self).__name__} already has a{'n' * (taken[0] == 'attribute')} {taken[0]} {name!r}; "
                f"choose another name" + (f", or delete it first: del module.{name}" if own else "")
            )

    def register_parameter(self, name: str, param: Parameter | None) -> None:
        """Add a parameter (or None, for one that this instance does without).

        Raises `RegistrationError`, a `KeyError`, for a name that is taken by something else or none, and `OperandError` for other objects.
        """
        self._check_ready(name)
        self._check_name(name, "parameter")
        if param is not None and not isinstance(param, Parameter):
            raise OperandError(f"register_parameter: {name!r} must be a Parameter or None: got {type(param).__name__}; wrap it")
        self._keep("parameter", name, param)

    def register_buffer(self, name: str, tensor: Tensor | None, persistent: bool = True) -> None:
        """Add a tensor that is part of the state but not learned; only ``persistent`` ones are in the ``state_dict``.

        Raises as `register_parameter` does.
        """
        self._check_ready(name)
        self._check_name(name, "buffer")
        if tensor is not None and not _is_tensor(tensor):
            raise OperandError(f"register_buffer: {name!r} must be a tensor or None: got {type(tensor).__name__}; use tl.tensor(...)")
        self._keep("buffer", name, tensor)
        if persistent:
            self._transient.discard(name)
        else:
            self._transient.add(name)

    def register_module(self, name: str, module: Module | None) -> None:
        """Add a submodule; raises as `register_parameter` does."""
        self._check_ready(name)
        if module is not None and not isinstance(module, Module):
            raise OperandError(f"register_module: {name!r} must be a Module or None: got {type(module).__name__}; pass a module")
        self._check_name(name, "module")
        self._keep("module", name, module)

    add_module = register_module

    # ---- walking ------------------------------------------------------------------------------------------------------------
    def named_modules(
        self, memo: set[Module] | None = None, prefix: str = "", remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Module]]:
        """This module and all below it, depth first, with dotted names; shared ones once."""
        memo = set() if memo is None else memo
        if self in memo:
            return
        if remove_duplicate:
            memo.add(self)
        yield prefix, self
        for name, module in self._modules.items():
            if module is not None:
                yield from module.named_modules(memo, f"{prefix}.{name}" if prefix else name, remove_duplicate)

    def modules(self, remove_duplicate: bool = True) -> Iterator[Module]:
        """This module and all below it; with ``remove_duplicate=False`` one at each of its places."""
        for _, module in self.named_modules(remove_duplicate=remove_duplicate):
            yield module

    def named_children(self) -> Iterator[tuple[str, Module]]:
        """The direct submodules with their names; shared ones once."""
        seen: set[Module] = set()
        for name, module in self._modules.items():
            if module is not None and module not in seen:
                seen.add(module)
                yield name, module

    def children(self) -> Iterator[Module]:
        """The direct submodules."""
        for _, module in self.named_children():
            yield module

    def _named_members(self, registry: str, prefix: str, recurse: bool, remove_duplicate: bool) -> Iterator[tuple[str, Any]]:
        seen: set[int] = set()
        modules = self.named_modules(prefix=prefix, remove_duplicate=remove_duplicate) if recurse else [(prefix, self)]
        for path, module in modules:
            for name, member in getattr(module, registry).items():
                if member is None or id(member) in seen:
                    continue
                if remove_duplicate:
                    seen.add(id(member))
                yield (f"{path}.{name}" if path else name), member

    def named_parameters(self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True) -> Iterator[tuple[str, Parameter]]:
        """All parameters with dotted names; a shared one once."""
        yield from self._named_members("_parameters", prefix, recurse, remove_duplicate)

    def parameters(self, recurse: bool = True) -> Iterator[Parameter]:
        """All parameters; a shared one once."""
        for _, p in self.named_parameters(recurse=recurse):
            yield p

    def named_buffers(self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True) -> Iterator[tuple[str, Tensor]]:
        """All buffers with dotted names."""
        yield from self._named_members("_buffers", prefix, recurse, remove_duplicate)

    def buffers(self, recurse: bool = True) -> Iterator[Tensor]:
        """All buffers."""
        for _, b in self.named_buffers(recurse=recurse):
            yield b

    def get_submodule(self, target: str) -> Module:
        """The module at a dotted path; the empty path is this module."""
        if not isinstance(target, str):
            raise OperandError(f"get_submodule: a path must be a string: got {type(target).__name__} {target!r:.40}; pass 'layer.0'")
        module: Module = self
        for name in target.split(".") if target else ():
            inner = module._modules.get(name)
            if inner is None:
                raise AttributeError(f"get_submodule: {type(module).__name__} has no submodule {name!r} (on the path {target!r})")
            module = inner
        return module

    def set_submodule(self, target: str, module: Module, strict: bool = False) -> None:
        """Put ``module`` at a dotted path, in the place of the module there; ``strict`` asks that there is one.

        Raises `ArgumentError` for an empty path and what is no module, `AttributeError` where the path leads elsewhere.

        >>> import tensorflowlite_clone as tl
        >>> model = tl.nn.Sequential(tl.nn.Linear(2, 3))
        >>> model.set_submodule("0", tl.nn.Identity()); model
        Sequential(
          (0): Identity()
        )
        """
        if not isinstance(target, str) or not target:
            raise ArgumentError(f"set_submodule: a path must be a string that is not empty: got {target!r:.40}; pass 'layer.0'")
        if not isinstance(module, Module):
            raise ArgumentError(f"set_submodule: {target!r} must become a module: got {type(module).__name__} {module!r:.40}")
        path, _, name = target.rpartition(".")
        parent = self.get_submodule(path)
        if not isinstance(getattr(parent, name, module), Module) or (strict and parent._modules.get(name) is None):
            raise AttributeError(f"set_submodule: {type(parent).__name__} has no submodule {name!r} (on the path {target!r})")
        setattr(parent, name, module)

    def get_parameter(self, target: str) -> Parameter:
        """The parameter at a dotted path."""
        path, _, name = str(target).rpartition(".")
        found = self.get_submodule(path)._parameters.get(name)
        if found is None:
            raise AttributeError(f"get_parameter: there is no parameter {target!r}")
        return found

    def get_buffer(self, target: str) -> Tensor:
        """The buffer at a dotted path."""
        path, _, name = str(target).rpartition(".")
        found = self.get_submodule(path)._buffers.get(name)
        if found is None:
            raise AttributeError(f"get_buffer: there is no buffer {target!r}")
        return found

    def apply(self, fn: Callable[[Module], None]) -> Self:
        """Call ``fn`` on every module below this one and then on this one."""
        if not callable(fn):
            raise OperandError(f"apply: fn must be a function of a module: got {type(fn).__name__} {fn!r:.40}")
        for module in self.children():
            module.apply(fn)
        fn(self)
        return self

    # ---- modes --------------------------------------------------------------------------------------------------------------
    def train(self, mode: bool = True) -> Self:
        """Switch this module and all below it to training (or, with False, to evaluation)."""
        self.training = flag("train", "mode", mode)
        for module in self.children():  # by their own method, which they may extend
            module.train(mode)
        return self

    def eval(self) -> Self:
        """Switch to evaluation: no dropout, running statistics in batch normalisation."""
        return self.train(False)

    def requires_grad_(self, requires_grad: bool = True) -> Self:
        """Let all parameters require gradients, or freeze them."""
        flag("requires_grad_", "requires_grad", requires_grad)
        for p in self.parameters():
            p.requires_grad_(requires_grad)
        return self

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients (or, with ``set_to_none=False``, fill them with zeros)."""
        for p in self.parameters():
            forget_gradient(p, set_to_none)

    # ---- what PyTorch's programs also call ------------------------------------------------------------------------------------
    def compile(self, *args: Any, **kwargs: Any) -> None:
        """Nothing: a module runs as it is written. PyTorch would compile it."""

    def _get_name(self) -> str:
        return type(self).__name__

    @property
    def _non_persistent_buffers_set(self) -> set[str]:
        """The names of the buffers that are not in the ``state_dict``."""
        return self._transient

    def __setstate__(self, state: dict[str, Any]) -> None:
        for name, start in (("_transient", set()), ("_hooks", None), ("training", True)):
            self.__dict__.setdefault(name, start)
        self.__dict__.update(moved_in(state))

    # ---- printing -----------------------------------------------------------------------------------------------------------
    _repr_html_ = late_method("utils.notebook", "module_html", "The tree of submodules, in notebooks.")

    def extra_repr(self) -> str:
        """What stands between the parentheses of the module's ``repr``; layers give their settings."""
        return ""

    def __repr__(self) -> str:
        extra = self.extra_repr()
        lines = extra.split("\n") if extra else []
        children = [f"({name}): {m!r}".replace("\n", "\n  ") for name, m in self._modules.items()]
        if not children and len(lines) <= 1:
            return f"{type(self).__name__}({extra})"
        return f"{type(self).__name__}(\n  " + "\n  ".join(lines + children) + "\n)"


#: What finds attributes, unless a class has its own way.
_ordinary = Module.__getattr__

if TYPE_CHECKING:

    class Layer(Module):
        """A module that gives a tensor: type checkers know it, nothing else does."""

        def __call__(self, *args: Any, **kwargs: Any) -> Tensor:
            """As that of the module."""
            ...

else:
    Layer = Module


def _is_tensor(value: Any) -> bool:
    """Whether it can be a buffer: a tensor, dense or sparse."""
    return isinstance(value, Taped) or (isinstance(value, Boxed) and type(value).rank > 1)


def _add_path(error: Exception, module: Module) -> None:
    """Put the path of the failing module into the error's notes; each module on the way out puts its name in front."""
    path: list[str] = []
    failing, inner, text = module, None, None
    known = getattr(error, "__module_note__", None)
    if known is None:
        rename(error, module.forward, module)
    else:
        path, failing, inner, text = known
        name = next((n for n, m in getattr(module, "_modules", {}).items() if m is inner), None)
        if name is not None:
            path.insert(0, name)
        notes = getattr(error, "__notes__", [])
        if text in notes:
            notes.remove(text)
    where = type(module).__name__ + "".join(f"[{p}]" if p.isdigit() else f".{p}" for p in path)
    try:
        settings = failing.extra_repr()
    except Exception:  # half-made modules may have nothing to show; the error itself matters more
        settings = "..."
    text = f"in {where} ({type(failing).__name__}({settings}))"
    error.__module_note__ = (path, failing, module, text)  # type: ignore[attr-defined]
    error.add_note(text)
