"""Fetching a file: over https alone, with a bar of progress, no more than it can have. Not here: which files (``mnist.py``...)."""

from __future__ import annotations

import os
import time
from functools import partial
from typing import Any, BinaryIO

from .._errors import Bounded, FileFormatError
from .._files import write_atomically

#: Seconds without an answer after which a mirror is given up.
TIMEOUT = 30.0
#: Bytes a second below which, on average, it is given up too.
SLOWEST = 1000
CHUNK = 1 << 16


class MissingDataError(Bounded, FileNotFoundError, RuntimeError):
    """The files of a data set are not where they were looked for, and could not be or were not to be downloaded."""


def digest_of(path: str) -> str:
    """The MD5 of a file: against mistakes and damage, not against attacks."""
    import hashlib

    with open(path, "rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def transfer(url: str, out: BinaryIO, limit: int, title: str, file: str) -> None:
    """Write what is at ``url`` to ``out``; raises `FileFormatError` for more than ``limit`` bytes, less than announced, or too slow."""
    from tqdm import tqdm

    with _https(url) as response:
        length = response.headers.get("Content-Length")
        total = int(length) if length is not None and length.isdecimal() else None
        received, start = 0, time.monotonic()
        with tqdm(total=total, unit="B", unit_scale=True, unit_divisor=1024, desc=title) as bar:
            while max(received, total or 0) <= limit and (chunk := response.read1(CHUNK)):
                out.write(chunk)
                received += len(chunk)
                bar.update(len(chunk))
                if time.monotonic() - start > TIMEOUT + received / SLOWEST:
                    raise FileFormatError(f"the transfer is too slow: {received} bytes in {time.monotonic() - start:.0f} s")
    if max(received, total or 0) > limit:
        raise FileFormatError(f"too long: {url} has {total or f'more than {limit}'} bytes, {file} has at most {limit}")
    if total is not None and received != total:  # a closed connection looks like the end of the file
        raise FileFormatError(f"the transfer ended after {received} of {total} bytes")
    out.flush()


def fetch_archive(urls: tuple[str, ...], path: str, md5: str, limit: int, name: str) -> None:
    """Fetch an archive from the first of these addresses that has it; it appears at ``path`` only complete and with this MD5."""
    from http.client import HTTPException

    os.makedirs(os.path.dirname(path), exist_ok=True)
    problems = []
    for url in urls:
        try:
            write_atomically(path, partial(_fetch_checked, url, md5, limit, name), name)
            return
        except (OSError, HTTPException, FileFormatError) as error:
            problems.append(f"{url}: {error}")
    raise MissingDataError(
        f"{name}: the download failed ({'; '.join(problems)}); without a network put {urls[0]} into {os.path.dirname(path)}"
    )


def _fetch_checked(url: str, md5: str, limit: int, name: str, out: BinaryIO) -> None:
    file = url.rpartition("/")[2]
    transfer(url, out, limit, f"{name} {file}", file)
    found = digest_of(out.name)
    if found != md5:
        raise FileFormatError(f"not the original file: {url} has MD5 {found}, {file} has {md5}")


def _https(url: str) -> Any:
    """The answer to a request for ``url``; redirections to anything but https are not followed."""
    from urllib import request

    if not url.startswith("https://"):
        raise FileFormatError("only https is fetched: what comes another way can be anybody's")
    opener = request.OpenerDirector()
    for kind in ("Proxy", "HTTPS", "HTTPDefaultError", "HTTPRedirect", "Unknown"):
        opener.add_handler(getattr(request, f"{kind}Handler")())
    opener.add_handler(request.HTTPErrorProcessor())
    return opener.open(url, timeout=TIMEOUT)
