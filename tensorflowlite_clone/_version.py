"""The version of the package, in one place; tags follow it (``tests/release.py``)."""

__version__ = "1.0.0rc1"
