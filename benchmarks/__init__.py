"""Benchmarks against PyTorch: the same program under both packages, in alternating processes."""
