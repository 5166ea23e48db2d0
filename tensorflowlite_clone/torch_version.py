"""`TorchVersion`: a version that compares as one, with texts, tuples and the objects of the package ``packaging``.

Not here: which versions there are (``version.py``).
"""

from __future__ import annotations

import re
from typing import Any

__all__ = ["TorchVersion"]

_PARTS = re.compile(
    r"v?(\d+(?:\.\d+)*)[-_.]?(?:(a|alpha|b|beta|c|rc|pre|preview|post|rev|r|dev)[-_.]?(\d*))?.*?(?:\+([a-z0-9]+(?:[-_.][a-z0-9]+)*))?", re.I
)
#: Where a version with such a word stands beside the one without.
_RANKS = {"dev": -4, "a": -3, "alpha": -3, "b": -2, "beta": -2, "post": 1, "rev": 1, "r": 1}


def _key(version: Any) -> tuple[Any, ...] | None:
    """What versions are compared by (PEP 440, without epochs); None for what is no version."""
    text = ".".join(map(str, version)) if isinstance(version, tuple | list) else str(version)
    found = _PARTS.fullmatch(text.strip())
    if found is None:
        return None
    release, word, count, local = found.groups()
    numbers = [int(n) for n in release.split(".")]
    while numbers and numbers[-1] == 0:
        numbers.pop()
    rank = 0 if word is None else _RANKS.get(word.lower(), -1)
    parts = re.split(r"[-_.]", local) if local else []
    return numbers, rank, int(count or 0), [(p.isdecimal(), int(p) if p.isdecimal() else 0, p) for p in parts]


class TorchVersion(str):
    """A version as a text whose comparisons are those of versions: "2.13.0" is above "2.9".

    What it is compared with that is no version is compared as a text.

    >>> v = TorchVersion("2.13.0+cpu")
    >>> v > "2.9", v >= (2, 13), v < "2.13.0", v == "2.13.0+cpu", v.split(".")[0]
    (True, True, False, True, '2')
    """

    __slots__ = ()

    def _keys(self, other: Any) -> tuple[Any, Any]:
        own, its = _key(str(self)), _key(other)
        return (str(self), str(other)) if own is None or its is None else (own, its)

    def __eq__(self, other: object) -> bool:
        own, its = self._keys(other)
        return bool(own == its)

    def __lt__(self, other: Any) -> bool:
        own, its = self._keys(other)
        return bool(own < its)

    def __le__(self, other: Any) -> bool:
        return not self > other

    def __gt__(self, other: Any) -> bool:
        own, its = self._keys(other)
        return bool(own > its)

    def __ge__(self, other: Any) -> bool:
        return not self < other

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __hash__(self) -> int:
        return str.__hash__(self)
