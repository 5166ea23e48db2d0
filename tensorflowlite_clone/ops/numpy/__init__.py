"""NumPy's functions with NumPy's signatures, where PyTorch has another one or none: composed of operations, which are defined outside."""
