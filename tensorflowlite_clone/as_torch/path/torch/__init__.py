"""What a process started under ``as_torch`` imports as ``torch``: the package takes its place. Nothing else is here."""

import importlib.util
import sys
from os.path import dirname

_above = __file__
for _ in range(5):  # the file, two folders, as_torch, the package
    _above = dirname(_above)
if importlib.util.find_spec("tensorflowlite_clone") is None:
    sys.path.append(_above)

del sys.modules[__name__]
importlib.import_module("tensorflowlite_clone.as_torch").install()
importlib.import_module(__name__)
