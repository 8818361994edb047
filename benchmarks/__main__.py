"""Run the benchmarks: `make bench`, or `python -m benchmarks [--rounds 5] [--out benchmarks/results]`."""

from __future__ import annotations

import argparse
from pathlib import Path

from benchmarks import cpu_training, import_time, widgets


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="how often each contestant runs, taking turns")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results")
    arguments = parser.parse_args()
    import_time.main(arguments.out)
    widgets.main(arguments.out)
    cpu_training.main(arguments.out, arguments.rounds)


if __name__ == "__main__":
    main()
