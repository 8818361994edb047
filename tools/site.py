"""Build the site of the course: python tools/site.py [--strict].

Its pages are gathered in build/site-source: what lies in docs/, the notebooks with their outputs, a page for each
module of the library, and the page of the paper's claims, which is made from the recorded outcomes. Sphinx turns them
into build/site. Nothing is fetched, and nothing is executed but the library's import.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SOURCE, SITE = ROOT / "build" / "site-source", ROOT / "build" / "site"
REPOSITORY_LINK = re.compile(r"\]\(\.\./((?:pix2pix_edu|tests|benchmarks|data)/[^)]*)\)")
BADGE = re.compile(r"\[!\[(Open in \w+)\]\(https://[^)]*\)\]")


def main(arguments: list[str] | None = None) -> int:
    """Gather the pages, and call Sphinx; with `--strict` a warning is an error."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--strict", action="store_true", help="fail on Sphinx's warnings, such as a link that leads nowhere"
    )
    options = parser.parse_args(arguments)
    gather(SOURCE)
    strict = ["-W", "--keep-going"] if options.strict else []
    command = [sys.executable, "-m", "sphinx", "-q", "-b", "html", *strict, str(SOURCE), str(SITE)]
    done = subprocess.run(command, check=False)
    if done.returncode == 0:
        print(f"The site is in {SITE.relative_to(ROOT)}: open {SITE.relative_to(ROOT)}/index.html in a browser.")
    return done.returncode


def gather(source: Path) -> None:
    """Put all pages below `source`, which is emptied first."""
    shutil.rmtree(source, ignore_errors=True)
    shutil.copytree(ROOT / "docs", source)
    shutil.copy(ROOT / "data" / "sheets" / "emoji.webp", source)
    (source / "lessons").mkdir()
    for notebook in sorted((ROOT / "notebooks").glob("*.ipynb")):
        text = with_descriptions(notebook.read_text(encoding="utf-8"))
        (source / "lessons" / notebook.name).write_text(for_the_site(text), encoding="utf-8")
    write_library(source / "library")
    write_claims(source)


def for_the_site(notebook: str) -> str:
    """A notebook without links into the repository, which the site does not hold, and without badges from elsewhere.

    The set-up cell is left out as well: MyST-NB goes by its tag `remove-cell`.
    """
    return BADGE.sub(r"[\1]", REPOSITORY_LINK.sub(r"](../library/index.md)", notebook))


def with_descriptions(notebook: str) -> str:
    """A notebook whose pictures have their descriptions where the site looks for them (see tools/alt_text.py)."""
    if str(ROOT) not in sys.path:  # as a script, Python looks in tools/ only
        sys.path.insert(0, str(ROOT))
    from tools.alt_text import for_myst

    return json.dumps(for_myst(json.loads(notebook)), ensure_ascii=False, indent=1)


# --- The library ------------------------------------------------------------------------------------------------------


def modules() -> list[str]:
    """All public modules, by their full names.

    Exercises are explained in their lessons, the backends' steps in their own code, and commands by their `--help`.
    """
    names = []
    for path in sorted((ROOT / "pix2pix_edu").rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        parts = parts[:-1] if parts[-1] == "__init__" else parts
        is_command = parts[1:2] == ("cli",) and len(parts) > 2
        if parts[-1] != "__main__" and not is_command and not {"exercises", "steps"} & set(parts):
            names.append(".".join(parts))
    return names


def write_library(folder: Path) -> None:
    """A page for each module, which Sphinx fills from the docstrings."""
    folder.mkdir()
    for name in modules():
        title = name.removeprefix("pix2pix_edu.")
        options = "   :members:\n   :ignore-module-all:\n"
        page = f"# {title}\n\n```{{eval-rst}}\n.. automodule:: {name}\n{options}```\n"
        (folder / f"{name}.md").write_text(page)
    listed = "\n".join(modules())
    (folder / "index.md").write_text(
        "# The library\n\nOne lesson, one module: a reader of lesson 04 finds its code in `pix2pix_edu.unet`.\n\n"
        f"```{{toctree}}\n:maxdepth: 1\n\n{listed}\n```\n"
    )


# --- The paper's claims -----------------------------------------------------------------------------------------------


def write_claims(source: Path) -> None:
    """The page of claims, and the sheets that it shows."""
    from pix2pix_edu.experiments import EXPERIMENTS, load_outcome
    from pix2pix_edu.paths import shipped

    folder = shipped("experiments")
    parts = [CLAIMS]
    missing = []
    for name, plan in EXPERIMENTS.items():
        if not (folder / f"{name}.json").is_file():
            missing.append(f"{plan.title} ({plan.where})")
            continue
        outcome = load_outcome(name)
        parts.append(claims_of(outcome))
        sheet = folder / f"{name}.webp"
        if sheet.is_file():
            shutil.copy(sheet, source / f"claims-{name}.webp")
            what = f"Lines of pictures: sources, targets, then what each row of the table drew ({plan.title})"
            parts.append(
                f"![{what}](claims-{name}.webp)\n\n*Sources, targets, then a line for each row of the table.*\n"
            )
    if missing:
        parts.append("## Not measured yet\n\n" + "\n".join(f"- {what}" for what in missing) + "\n")
    (source / "claims.md").write_text("\n".join(parts))


CLAIMS = """# The paper's claims, run again

Each table of the paper, trained again at a scale that fits a laptop, from several seeds. The numbers are means with
95 % intervals over the seeds. A claim **holds** if the two intervals do not touch, it **does not hold at this scale**
if they lie apart the other way round, and else it is **undecided**. A row with one seed has no interval. Lesson 12
explains how to read this, and lets you run each row again.
"""


def claims_of(outcome) -> str:
    """One experiment: its table beside the paper's numbers, and a verdict on each claim."""
    from pix2pix_edu.experiments import ROWS

    plan = outcome.experiment
    names = [measure.removeprefix("fcn_").replace("_", " ").replace("iou", "IoU") for measure in plan.measures]
    lines = [f"## {plan.title[:1].upper()}{plan.title[1:]} ({plan.where})", ""]
    lines += [f"| | seeds | {' | '.join(names)} | the paper |", f"|---|{'---|' * (len(names) + 2)}"]
    for row in outcome.values:
        ours = " | ".join(str(outcome.interval(row, measure)) for measure in plan.measures)
        paper = " / ".join(f"{number:.2f}" for number in plan.paper.get(row, ()))
        lines.append(f"| {ROWS[row].name} | {len(outcome.made[row]['seeds'])} | {ours} | {paper} |")
    lines += ["", *(f"- **{verdict}**: {claim.text}" for claim, verdict in outcome.verdicts), ""]
    lines += [plan.caution, ""] if plan.caution else []
    return "\n".join(
        [*lines, f"`{outcome.about['command']}`, {outcome.about['machine']}, {outcome.about['date']}.", ""]
    )


if __name__ == "__main__":
    sys.exit(main())
