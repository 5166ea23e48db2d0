"""What programs ask of ``torch.cuda`` before they choose a device: there is none, only the CPU."""


def is_available() -> bool:
    """Whether there is a GPU to use: never."""
    return False


def device_count() -> int:
    """How many GPUs there are: none."""
    return 0
