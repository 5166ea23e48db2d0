"""Files of tensors: `save` and `load`, in safetensors, NumPy's ``.npz``, and PyTorch's ``.pt``; never executed, written atomically.

Here: what users call. How it is done stands in the rooms, which are loaded when they are first used: which format it is
(``choose.py``); safetensors, several of them for one object, ``.npz``, with nested objects as JSON beside their arrays
(``safetensors.py``, ``shards.py``, ``npz.py``, ``structure.py``); PyTorch's files in (``pytorch.py``, by ``opcodes.py``, ``allowed.py`` and
``tensors.py``) and out (``pickled.py``), and the zip files that they are (``archive.py``); PyTorch's tensors in memory (``exchange.py``).
Not here: what belongs into a checkpoint (``state_dict`` of modules and optimizers).
"""

from __future__ import annotations

import os
import sys
from typing import Any, BinaryIO, TypeAlias

from .._lazy import later

__all__ = ["from_torch", "load", "save", "to_torch"]

PathLike: TypeAlias = str | os.PathLike[str]

#: This package, whose rooms are loaded when they are asked for.
_rooms: Any = sys.modules[__name__]


def save(
    obj: Any,
    f: PathLike | BinaryIO,
    pickle_module: Any = None,
    pickle_protocol: int = 2,
    _use_new_zipfile_serialization: bool = True,
    _disable_byteorder_record: bool = False,
    *,
    max_shard_size: int | str | None = None,
) -> None:
    """Write nested dicts, lists and tuples of tensors, arrays, numbers, strings, booleans and None to a file.

    ``f`` is its name, or a file open for writing bytes (``io.BytesIO()``), which gets all of it in the safetensors format or nothing.

    The suffixes ``.pt`` and ``.pth`` choose PyTorch's format, ``.npz`` NumPy's, everything else is safetensors. The file appears under its
    name only when it is complete and on the disk: whatever interrupts the saving, the old file stays as it was (only a killed process can
    leave a ``.part`` file beside it). Its permissions become those of the new one; pipes and devices are written through.

    What ``.pt`` keeps, as PyTorch does, and the others do not: ``requires_grad``, `Parameter`, memory shared by tensors, strides, one list
    in two places, ``OrderedDict`` and its attributes, sparse tensors, sets, bytes, dtypes, sizes. ``torch.load(weights_only=True)`` reads
    it; an object with NumPy's arrays in it only with ``weights_only=False``. In the other formats a subclass becomes what it extends
    (``OrderedDict`` a dict, `Parameter` a tensor), and each tensor has memory of its own; in all NumPy's scalars become numbers.
    A dict with one level of tensors is readable by any program that knows safetensors; of anything deeper, others see the tensors.

    ``max_shard_size``, in bytes or as ``"5GB"``, parts a safetensors file into several of at most this size (a tensor is never parted),
    named ``model-00001-of-00003.safetensors``, with an index ``model.safetensors.index.json`` beside them (the layout of the Hugging Face
    hub); ``f`` is ``model.safetensors``, or a folder. `load` takes the name of the folder, of the index, or ``f``.

    ``pickle_module`` and ``pickle_protocol`` are accepted for PyTorch's sake: what is written is protocol 2, by this package itself; with
    ``_use_new_zipfile_serialization=False`` PyTorch's older format.

    Raises `OperandError`, naming the place inside ``obj``, for anything that cannot be stored (modules: save their ``state_dict()``);
    `FileNotFoundError` if the folder does not exist, `PermissionError` for a read-only file and for a folder in which no file can be made.

    >>> import os, tempfile
    >>> import tensorflowlite_clone as tl
    >>> path = os.path.join(tempfile.mkdtemp(), "checkpoint.safetensors")
    >>> save({"w": tl.ones(2), "betas": (0.9, 0.999), "epoch": 3}, path); load(path)
    {'w': tensor([1., 1.]), 'betas': (0.9, 0.999), 'epoch': 3}
    """
    options = (pickle_module, pickle_protocol, _use_new_zipfile_serialization, _disable_byteorder_record)
    _rooms.choose.write(obj, f, options, max_shard_size, False)


def save_for_torch(
    obj: Any,
    f: PathLike | BinaryIO,
    pickle_module: Any = None,
    pickle_protocol: int = 2,
    _use_new_zipfile_serialization: bool = True,
    _disable_byteorder_record: bool = False,
) -> None:
    """As `save`, in PyTorch's format whatever the name is, and in an open file: what ``torch.save`` is where this package stands for it."""
    options = (pickle_module, pickle_protocol, _use_new_zipfile_serialization, _disable_byteorder_record)
    _rooms.choose.write(obj, f, options, None, True)


def load(
    f: PathLike | BinaryIO,
    map_location: Any = None,
    pickle_module: Any = None,
    *,
    weights_only: bool | None = None,
    mmap: bool | None = None,
    **pickle_load_args: Any,
) -> Any:
    """Read what `save` or ``torch.save`` wrote, or any other safetensors or ``.npz`` file (as a flat dict of tensors).

    ``f`` is the name of a file, or a file open for reading bytes, which is read from where it stands to its end; of sharded safetensors
    the name of the index or of its folder. Tensors come back as tensors and arrays as arrays, writable, in memory of their own; in
    PyTorch's files tensors that shared memory share it again. The kind of file is recognised by its content.

    Nothing in a file is ever executed, nor imported by a name in it: a PyTorch file is read by a machine that knows tensors, arrays,
    numbers and containers, and whatever else it asks for is refused with its name. ``weights_only`` makes no difference to that: objects
    of other classes (whole modules...) are made only where you allow their class, see `tl.serialization.add_safe_globals`.

    With ``mmap=True`` tensors are windows onto the file, which is read where they are looked at: it may be larger than memory. What is
    written to them stays in memory; checksums are not compared. For PyTorch's zip files and for safetensors.

    ``map_location`` can only be the CPU: a device, its name, a dict from places to places, or ``f(storage, place)``; tensors that were on
    another device come to the CPU whether it is given or not. ``pickle_load_args`` are ``encoding`` and ``errors`` of strings that
    Python 2 wrote. bfloat16 tensors need the extra ``bf16``; without it those of other programs become float32 of the same values.

    Raises `FileFormatError`, naming the file and what is wrong with it, for truncated, corrupt or foreign files (and any change
    of a file that `save` wrote), `RefusedError`, one of these and a ``pickle.UnpicklingError``, for what is not data;
    `FileNotFoundError` if there is none.

    >>> import os, tempfile
    >>> import numpy as np
    >>> path = os.path.join(tempfile.mkdtemp(), "weights.npz")
    >>> np.savez(path, w=np.arange(3)); load(path)
    {'w': tensor([0, 1, 2])}
    """
    return _rooms.choose.read(f, map_location, pickle_module, weights_only, mmap, pickle_load_args)


def from_torch(obj: Any) -> Any:
    """What PyTorch's tensors in ``obj`` hold, as tensors of this package, in the same memory.

    ``obj`` is a tensor of PyTorch's, or any nesting of dicts, lists and tuples of them: a ``state_dict()`` of a module or an optimizer.
    Parameters become parameters, leaves that require grad stay so; sparse (COO) tensors, dtypes, sizes and devices become those of this
    package; everything else is left as it is. Only tensors of other devices, and lazily negated or conjugated ones, are copied.

    Raises `GraphError` for a tensor that was computed and requires grad, `OperandError` for modules, and for quantized and other tensors
    without such memory.

    >>> from_torch({"epoch": 3})
    {'epoch': 3}
    """
    return _rooms.exchange.from_torch(obj)


def to_torch(obj: Any) -> Any:
    """The tensors in ``obj`` as tensors of PyTorch's, in the same memory: the way back of `from_torch`.

    Negative strides and read-only memory, which PyTorch does not have, are copied. Needs PyTorch, which is imported.

    Raises `GraphError` for a tensor that was computed and requires grad, `OperandError` for modules, `MissingExtraError` without PyTorch.

    >>> to_torch({"epoch": 3}) if __import__("importlib.util").util.find_spec("torch") else {"epoch": 3}
    {'epoch': 3}
    """
    return _rooms.exchange.to_torch(obj)


__getattr__, _ = later(globals())
