"""`pix2pix-edu doctor`: is this machine ready?"""

from __future__ import annotations

import argparse

from pix2pix_edu.cli.options import FINE, PARTLY_FAILED, PROGRAM, Command


def _doctor(options: argparse.Namespace) -> int:
    from pix2pix_edu.doctor import doctor

    report = doctor()
    print(report)
    return PARTLY_FAILED if report.verdict == "fail" else FINE


COMMAND = Command(
    "doctor",
    "",
    "Is this machine ready? What to do where it is not.",
    """\
Look at Python, packages, devices, memory and disk, and give each a verdict.
Nothing is changed. The exit code is 1 if something must be mended first.""",
    f"  {PROGRAM} doctor",
    lambda parser: None,
    _doctor,
)
