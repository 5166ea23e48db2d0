"""NumPy's functions with NumPy's signatures, where PyTorch has another one or none: compositions of the operations outside."""
