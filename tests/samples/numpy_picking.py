"""Samples for ``ops/numpy/picking.py``."""

from . import distinct, sample

SAMPLES = {"PartitionPlaces": [sample(distinct(3, 5), axis=1, kth=2), sample(distinct(4, 2), axis=0, kth=(0, 2))]}
