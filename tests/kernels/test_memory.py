"""Freed arrays stay with the process: pages are not mapped anew for every array."""

from __future__ import annotations

import os
import platform
import subprocess
import sys

import pytest

PROGRAM = """
import resource
{before}
import numpy as np

def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    arrays = [np.ones(200_000) for _ in range(12)]  # 1.6 MB each
    del arrays
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

for _ in range(3):
    faults()
print(min(faults() for _ in range(5)))
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc has these thresholds")
def test_memory_of_freed_arrays_is_not_mapped_anew():
    env = {k: v for k, v in os.environ.items() if not k.startswith("MALLOC_") and k != "GLIBC_TUNABLES"}
    found = []
    for before in ("", "import tensorflowlite_clone.kernels"):
        run = subprocess.run([sys.executable, "-c", PROGRAM.format(before=before)], capture_output=True, text=True, check=True, env=env)
        found.append(int(run.stdout))
    without, with_package = found
    if without < 1000:
        pytest.skip("pages are large here: 19 MB are few of them")
    assert with_package < without // 10
