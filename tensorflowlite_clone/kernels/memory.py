"""How the C library keeps the memory of freed arrays.

Here: the one call that lets it keep more. Not here: any computation.

glibc takes arrays above a threshold (at first 128 KiB) from the system one by one and gives them back when they are freed, and returns
the end of its heap as soon as some of it is free. A backward pass frees megabytes that the next one takes again: each page is then
cleared and mapped anew, which costs more than filling it. Both thresholds grow with the largest block that was ever freed, up to
32 MiB (and twice that for the heap's end), so freeing one such block, which was never touched, is enough. Where the thresholds are set by
the user (``MALLOC_MMAP_THRESHOLD_``, ``GLIBC_TUNABLES``), and with other C libraries, nothing changes.

Source: glibc, ``malloc/malloc.c``, "dynamic mmap threshold" and ``mallopt(3)``, M_MMAP_THRESHOLD.
"""

from __future__ import annotations

import numpy as np

#: The largest block that moves the thresholds is 32 MiB with its header.
LARGEST = (1 << 25) - (1 << 16)


def keep_freed_memory() -> None:
    """Let up to 64 MiB of freed arrays stay with the process, for the arrays that come next."""
    np.empty(LARGEST, np.uint8)
