"""Write the table of measured speeds into README.md, from benchmarks/results: python -m benchmarks.table"""

from __future__ import annotations

import json
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BEGIN, END = "<!-- measured: made by `python -m benchmarks.table` -->", "<!-- end of measured -->"


def table(results: Path) -> str:
    """The results as Markdown."""
    training = json.loads((results / "cpu_training.json").read_text())
    importing = json.loads((results / "import_time.json").read_text())
    moved = json.loads((results / "widgets.json").read_text())["widgets"]
    slowest = max(moved, key=lambda name: moved[name]["median"])
    machine = training["machine"]
    lines = [f"| {training['what'].split(';')[0]} | images/s | against the plain loop |", "|---|---|---|"]
    for name, speed in training["images_per_second"].items():
        lines.append(f"| {name} | {speed} | {training['ratio_to_plain_loop'][name]:.2f} |")
    lines += [
        "",
        f"Measured on {machine['cores']} cores ({machine['processor']}), Keras {machine['keras']}, TensorFlow "
        f"{machine['tensorflow']}, no GPU, {machine['date']}, `{machine['command']}`. "
        f"`import pix2pix_edu` takes {importing['seconds']:.2f} s and loads nothing heavy. The slowest of {len(moved)} "
        f"widgets, {slowest}, answers a control in {moved[slowest]['median']:.0f} ms (median over its controls).",
    ]
    return "\n".join(lines)


def main() -> None:
    readme = ROOT / "README.md"
    before, rest = readme.read_text().split(BEGIN)
    _, after = rest.split(END)
    readme.write_text(f"{before}{BEGIN}\n\n{table(ROOT / 'benchmarks' / 'results')}\n\n{END}{after}")


if __name__ == "__main__":
    main()
