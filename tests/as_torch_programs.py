"""Runs the six programs of ``examples/as_torch`` in one process, for ``test_as_torch_programs.py``; ``torch`` is whatever that is.

    python [-m tensorflowlite_clone.as_torch] tests/as_torch_programs.py FOLDER [make]

With ``make`` the initial weights are written into the folder first; what is printed goes to FOLDER/printed-<package of nn.Linear>.json.
"""

from __future__ import annotations

import contextlib
import io
import json
import runpy
import sys
from pathlib import Path

import numpy as np
import torch

EXAMPLES = Path(__file__).parents[1] / "examples" / "as_torch"
MODELS = {
    "cnn": lambda m: m["Net"](),
    "language_model": lambda m: m["RNNModel"](len({*m["TEXT"]})),
    "vae": lambda m: m["VAE"](),
    "policy_gradient": lambda m: m["Policy"](),
    "gpt": lambda m: m["GPT"](m["Config"]()),
    "gcn": lambda m: m["GCN"](6, 8, 2),
}


def main(folder: Path, make: bool) -> None:
    printed = {}
    for name, model in MODELS.items():
        weights, program = folder / f"{name}.npz", str(EXAMPLES / f"{name}.py")
        if make:
            torch.manual_seed(0)
            torch.set_default_dtype(torch.float64)
            state = model(runpy.run_path(program)).state_dict()
            np.savez(weights, **{key: value.numpy() for key, value in state.items()})
        torch.set_default_dtype(torch.float32)
        sys.argv[1:] = ["--weights", str(weights)]
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            runpy.run_path(program, run_name="__main__")
        printed[name] = [float(line) for line in out.getvalue().split()]
    library = torch.nn.Linear.__module__.partition(".")[0]
    (folder / f"printed-{library}.json").write_text(json.dumps(printed))


if __name__ == "__main__":
    main(Path(sys.argv[1]), "make" in sys.argv[2:])
