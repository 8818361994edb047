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
    shown = json.loads((results / "widgets.json").read_text())
    moved = shown["widgets"]
    slowest = max(moved, key=lambda name: moved[name]["median"])
    machine = training["machine"]
    lines = []
    for task in training["tasks"]:
        lines += [
            f"| {task['what']} | images/s | against the faster loop | share of the float32 peak |",
            "|---|---|---|---|",
        ]
        for name, speed in task["images_per_second"].items():
            ratio, share = task["ratio_to_the_faster_loop"][name], task["share_of_fp32_peak"][name]
            lines.append(f"| {name} | {speed:.4g} | {ratio:.2f} | {share:.0%} |")
        lines.append("")
    lines += [
        f"Measured on {machine['cores']} cores ({machine['processor']}), Keras {machine['keras']}, TensorFlow "
        f"{machine['tensorflow']}, PyTorch {machine.get('torch', 'not installed')}, no GPU, {machine['date']}, "
        f"`{machine['command']}`. "
        f"`import pix2pix_edu` takes {importing['seconds']:.2f} s and loads nothing heavy. The slowest of {len(moved)} "
        f"widgets, {slowest}, answers a control in {moved[slowest]['median']:.0f} ms (median over its controls)."
        + frames_in_words(shown.get("frames", {})),
        "",
        *gpu_rows(results / "gpu_training.json"),
        "",
        *maps_rows(results),
    ]
    return "\n".join(lines)


def frames_in_words(frames: dict) -> str:
    """How long the drawing widgets take for a frame, with a space in front; nothing where it was not measured."""
    each = [f"{row['median']:.0f} ms in {name} (at most {row['worst']:.0f})" for name, row in frames.items()]
    return f" While a stroke grows, the next picture is there after {' and '.join(each)}." if each else ""


def gpu_rows(path: Path) -> list[str]:
    """The same for a GPU, or the plain word that nothing was measured yet."""
    if not path.is_file():
        return ["On a GPU: not measured yet; no machine had one. `python -m benchmarks.gpu_training` measures it."]
    record = json.loads(path.read_text())
    machine, lines = record["machine"], []
    for task in record["tasks"]:
        lines += [f"| {task['what']} | steps/s | images/s | against eager PyTorch |", "|---|---|---|---|"]
        for name, rate in task["steps_per_second"].items():
            ratio = task["ratio_to_pytorch"].get(name, "")
            lines.append(f"| {name} | {rate:.4g} | {task['images_per_second'][name]:.4g} | {ratio} |")
        lines.append("")
    where = f"Measured on {', '.join(record['device'])} with Keras' {record['backend']} backend"
    return [*lines, f"{where}, {machine['date']}, `{machine['command']}`."]


def maps_rows(results: Path) -> list[str]:
    """What came out of training on the paper's maps, on a CPU and on a GPU; if the latter is missing, that is said."""
    lines: list[str] = []
    for name, where in (("maps_training_cpu", "without a GPU"), ("maps_training", "on a GPU at 256 px")):
        path = results / f"{name}.json"
        if not path.is_file():
            if name == "maps_training_cpu":
                continue
            wanted = "`python -m benchmarks.maps_training` measures it"
            lines += [f"The paper's *maps*, {where}: not measured yet; {wanted} for who has the archive.", ""]
            continue
        record = json.loads(path.read_text())
        machine = record["machine"]
        lines += [f"| the paper's *maps*, {where} | minutes | epochs | L1 | PSNR | SSIM |", "|---|---|---|---|---|---|"]
        for row in record["trainings"]:
            direction = row["what"].split(",")[0]
            for answer, scores in row["without_a_network"].items():
                lines.append(f"| {direction}: {answer} |  |  | {scored(scores)} |")
            lines.append(f"| {row['what']} | {row['minutes']:.1f} | {row['epochs']} | {scored(row['test'])} |")
        cores = f"{machine['cores']} cores ({machine['processor']})"
        where = ", ".join(record["device"]) if name == "maps_training" else cores
        lines += ["", f"Measured on {where}, {record['backend']}, {machine['date']}, `{machine['command']}`.", ""]
    return lines[:-1]


def scored(scores: dict) -> str:
    """L1, PSNR and SSIM as three cells of the table."""
    return f"{scores['l1']:.3f} | {scores['psnr']:.1f} dB | {scores['ssim']:.3f}"


def main() -> None:
    readme = ROOT / "README.md"
    before, rest = readme.read_text().split(BEGIN)
    _, after = rest.split(END)
    readme.write_text(f"{before}{BEGIN}\n\n{table(ROOT / 'benchmarks' / 'results')}\n\n{END}{after}")


if __name__ == "__main__":
    main()
