"""Sparse tensors in coordinate form: what ``sparse`` publishes, and loads. Importing this package defines all of it."""

from . import answers, coo, functions, indexing, products

__all__ = ["answers", "coo", "functions", "indexing", "products"]
