"""How long does `import pix2pix_edu` take, and what does it load?"""

from __future__ import annotations

import statistics
import subprocess
import sys
from pathlib import Path

from benchmarks import machine

CODE = """
import time
start = time.perf_counter()
import pix2pix_edu
print(time.perf_counter() - start)
import sys
print(" ".join(name for name in ("tensorflow", "keras", "numpy", "matplotlib") if name in sys.modules))
"""
LIMIT_SECONDS = 0.3


def main(out: Path) -> None:
    runs = [subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=True) for _ in range(7)]
    seconds = [float(run.stdout.splitlines()[0]) for run in runs]
    result = {
        "what": "seconds for `import pix2pix_edu` in a fresh process (median of 7)",
        "seconds": round(statistics.median(seconds), 4),
        "goal": f"under {LIMIT_SECONDS}",
        "heavy modules loaded": runs[0].stdout.splitlines()[1].split(),
        "machine": machine.describe(()),
    }
    machine.save("import_time", result, out)
