"""What changes tensors in place: what that means (``mutation.py``), and the methods that do it."""
