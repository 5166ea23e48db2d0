"""The class on which the registry installs the methods of the operations; their signatures stand in ``methods.pyi``, generated
from the registry by ``docs/generate.py``. Nothing is written here by hand.
"""


class Methods:
    """Methods of the operations, installed when each operation is defined."""

    __slots__ = ()
