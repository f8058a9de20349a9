"""Runs a bench in a process of its own and on one thread, so that its memory is its own and no pool of threads fights
with another."""

import json
import os
import subprocess
import sys
from typing import Any

from bench.installation import ROOT

ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")


def apart(module: str, *arguments: str) -> Any:
    """What a module run so prints last, in JSON."""
    print("Measuring", module, *arguments, "…", flush=True)
    run = subprocess.run(
        [sys.executable, "-m", module, *arguments],
        cwd=ROOT,
        env={**os.environ, **ONE_THREAD},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return json.loads(run.stdout.splitlines()[-1])
