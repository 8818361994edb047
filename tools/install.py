"""Set up `.venv`: python tools/install.py [course|dev|site].

`make` calls this before everything else. It needs nothing but Python's standard library, takes uv where there is one
(seconds) and venv with pip where there is none (minutes), and does nothing at all when `.venv` is up to date.
A set-up that was interrupted half-way is noticed and made again.
"""

from __future__ import annotations

import csv
import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
REQUIREMENTS = {"course": ".[lab]", "dev": ".[dev]", "site": ".[site]"}
OLDEST, NEWEST = (3, 11), (3, 13)


class SetupError(Exception):
    """Set-up cannot go on; the message is one paragraph that says what to do."""


def main(arguments: list[str]) -> int:
    """Make `.venv` hold the wanted set; print nothing if it does already."""
    wanted = arguments[0] if arguments else "course"
    if wanted not in REQUIREMENTS or len(arguments) > 1:
        print(f"usage: python tools/install.py [{'|'.join(REQUIREMENTS)}]", file=sys.stderr)
        return 2
    try:
        install(ROOT / ".venv", wanted)
    except SetupError as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nInterrupted. The same command picks it up again.", file=sys.stderr)
        return 130
    return 0


def install(venv: Path, wanted: str) -> None:
    """Bring `venv` up to date: `.venv/<set>.installed` holds the fingerprint of what was installed last."""
    stamp, unfinished = venv / f"{wanted}.installed", venv / "unfinished"
    fingerprint = fingerprint_of(ROOT, wanted)
    if is_usable(venv) and not unfinished.exists() and stamp.is_file() and stamp.read_text() == fingerprint:
        return

    uv = shutil.which("uv")
    if not is_usable(venv) or (unfinished.exists() and is_damaged(venv)):
        if venv.exists():
            print("The last set-up did not finish: starting again with a fresh .venv.", flush=True)
        create(venv, uv)
    elif not uv and not runs(python_of(venv), "import pip"):
        create(venv, uv)  # uv made this one, without pip, and is gone

    print(f"Installing into {venv.name} with {'uv' if uv else 'pip (a few minutes the first time)'} ...", flush=True)
    unfinished.touch()  # stays behind if we are killed from here on
    run(install_command(venv, wanted, uv))
    stamp.write_text(fingerprint)
    if wanted == "dev":  # which holds the course as well
        (venv / "course.installed").write_text(fingerprint_of(ROOT, "course"))
    unfinished.unlink()


def fingerprint_of(root: Path, wanted: str) -> str:
    """Changes when the wanted packages do, and when the repository was moved (its path is inside `.venv`)."""
    files = (root / name for name in ("pyproject.toml", "constraints.txt"))
    parts = [wanted.encode(), os.fsencode(root), *(file.read_bytes() for file in files)]
    return hashlib.sha256(b"\0".join(parts)).hexdigest()


def python_of(venv: Path) -> Path:
    """The virtual environment's own Python."""
    return venv / "Scripts" / "python.exe" if os.name == "nt" else venv / "bin" / "python"


def runs(python: Path, code: str) -> bool:
    """Whether that Python exists and can run this code."""
    try:
        return subprocess.run([python, "-c", code], capture_output=True, timeout=60).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


def is_usable(venv: Path) -> bool:
    """Whether it is a virtual environment whose Python still runs and is one of those that we support."""
    return (venv / "pyvenv.cfg").is_file() and runs(
        python_of(venv), f"import sys; sys.exit(not {OLDEST} <= sys.version_info[:2] <= {NEWEST})"
    )


def is_damaged(venv: Path) -> bool:
    """Whether a package was half installed, removed or replaced: its list of files is missing or does not hold."""
    for site_packages in venv.glob("[Ll]ib/**/site-packages"):
        if any(site_packages.glob("~*")):  # pip's name for a package that it was about to remove
            return True
        if not all(is_whole(package) for package in site_packages.glob("*.dist-info")):
            return True
    return False


def is_whole(package: Path) -> bool:
    """Whether every file that a package's RECORD lists is there; installers write RECORD last."""
    record = package / "RECORD"
    if not record.is_file():
        return False
    with record.open(newline="", encoding="utf-8") as rows:
        files = [row[0] for row in csv.reader(rows) if row and not row[0].endswith(".pyc")]
    return bool(files) and all((package.parent / file).exists() for file in files)


def create(venv: Path, uv: str | None) -> None:
    """Make an empty virtual environment, in the place of whatever is there."""
    if not uv and not importlib.util.find_spec("ensurepip"):
        version = f"{sys.version_info[0]}.{sys.version_info[1]}"
        raise SetupError(
            f"Your Python {version} ({sys.executable}) cannot make virtual environments: its part `venv` is missing. "
            f"On Debian and Ubuntu, type `sudo apt install python{version}-venv`; elsewhere install Python from "
            "https://www.python.org. Then run the same command again."
        )
    shutil.rmtree(venv, ignore_errors=True)
    if uv:
        run([uv, "venv", "--quiet", "--seed", "--python", sys.executable, str(venv)])
    else:
        run([sys.executable, "-m", "venv", str(venv)])


def install_command(venv: Path, wanted: str, uv: str | None) -> list[str]:
    """The installer's command line: this project, editable, at the versions that constraints.txt names."""
    python = str(python_of(venv))
    # Bytecode is compiled now, or the first `import tensorflow` in each notebook would take three times as long.
    start = (
        [uv, "pip", "install", "--python", python, "--compile-bytecode"]
        if uv
        else [python, "-m", "pip", "install", "--disable-pip-version-check", "--no-warn-script-location"]
    )
    quiet = [] if sys.stdout.isatty() else ["--quiet"]
    return [*start, *quiet, "--constraint", "constraints.txt", "--editable", REQUIREMENTS[wanted]]


def run(command: list[str]) -> None:
    """Run a command from the repository's root; its own output says what went wrong, and we say what to do."""
    if subprocess.run(command, cwd=ROOT).returncode:
        raise SetupError(
            f"Setting up .venv failed at `{' '.join(command)}`; the lines above say why. Most often there is no "
            "network, or the disk is full (3 GB are needed). Put that right and run the same command again."
        )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
