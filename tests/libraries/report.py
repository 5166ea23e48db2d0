"""Runs one example and prints what it reports as JSON: a program of its own, run under PyTorch and under ``as_torch``.

python -m tensorflowlite_clone.as_torch -q tests/libraries/report.py tests/libraries/examples/einops_example.py
"""

import json
import runpy
import sys
import warnings

warnings.simplefilter("ignore")
print(json.dumps(runpy.run_path(sys.argv[1])["report"]))
