"""Kernels: fast code on plain ndarrays. Nothing here knows of tensors, gradients recorded or transforms."""
