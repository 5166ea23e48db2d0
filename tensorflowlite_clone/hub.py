"""``torch.hub``, which downloads programs and runs them: the package does not, and each function says what to do instead."""

from __future__ import annotations

import os
from typing import Any, NoReturn

from ._errors import AbsentError
from ._lazy import public as _public

__all__ = ["download_url_to_file", "get_dir", "help", "list", "load", "load_state_dict_from_url", "set_dir"]
__dir__ = _public(globals())
_folder: dict[str, str] = {}


def _absent(name: str, fix: str) -> AbsentError:
    return AbsentError(f"hub.{name}: this package downloads no programs and no weights; {fix}")


def load(repo_or_dir: Any, model: Any, *args: Any, **kwargs: Any) -> NoReturn:
    """Raises `AbsentError`."""
    raise _absent("load", "clone the repository, import the model's class, and load its weights with tl.load")


def list(github: Any, *args: Any, **kwargs: Any) -> NoReturn:
    """Raises `AbsentError`."""
    raise _absent("list", "look into the repository")


def help(github: Any, model: Any, *args: Any, **kwargs: Any) -> NoReturn:
    """Raises `AbsentError`."""
    raise _absent("help", "look into the repository")


def load_state_dict_from_url(url: str, *args: Any, **kwargs: Any) -> NoReturn:
    """Raises `AbsentError`."""
    raise _absent("load_state_dict_from_url", "download the file and read it with tl.load(path)")


def download_url_to_file(url: str, dst: str, hash_prefix: str | None = None, progress: bool = True) -> NoReturn:
    """Raises `AbsentError`."""
    raise _absent("download_url_to_file", "download the file yourself: urllib.request.urlretrieve(url, path)")


def set_dir(d: str | os.PathLike[str]) -> None:
    """What `get_dir` shall say."""
    _folder["dir"] = os.path.expanduser(d)


def get_dir() -> str:
    """The folder in which PyTorch keeps what it downloaded."""
    home = os.environ.get("TORCH_HOME") or os.path.join(os.environ.get("XDG_CACHE_HOME", "~/.cache"), "torch")
    return _folder.get("dir") or os.path.join(os.path.expanduser(home), "hub")
