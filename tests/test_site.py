"""The site: what is gathered for it is complete, its links lead somewhere, and the claims are those of the record."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from pix2pix_edu.experiments import EXPERIMENTS, load_outcome
from pix2pix_edu.paths import shipped
from tools import site

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    source = tmp_path_factory.mktemp("site") / "source"
    site.gather(source)
    return source


def test_every_lesson_and_every_module_has_a_page(pages):
    assert {path.name for path in (pages / "lessons").iterdir()} == {
        path.name for path in (ROOT / "notebooks").glob("*.ipynb")
    }
    listed = (pages / "library" / "index.md").read_text()
    for path in (ROOT / "pix2pix_edu").glob("*.py"):
        if not path.stem.startswith("_"):
            assert (pages / "library" / f"pix2pix_edu.{path.stem}.md").is_file()
            assert f"\npix2pix_edu.{path.stem}\n" in listed


def test_links_between_the_pages_lead_somewhere(pages):
    broken = []
    for page in [*pages.glob("*.md"), *(pages / "lessons").iterdir()]:
        for link in re.findall(r"\]\(([^)#\s\\]+)(?:#[^)]*)?\)", page.read_text()):
            if "://" not in link and not link.startswith("attachment:") and not (page.parent / link).exists():
                broken.append((page.name, link))
    assert broken == []


def test_a_link_into_the_repository_leads_to_the_library():
    assert site.for_the_site("see [the code](../pix2pix_edu/gan.py).") == "see [the code](../library/index.md)."


def test_the_claims_are_those_of_the_record(pages):
    page = (pages / "claims.md").read_text()
    for name, plan in EXPERIMENTS.items():
        assert (f"{plan.title} ({plan.where})" in page) or (f"{plan.title[:1].upper()}{plan.title[1:]}" in page)
        if (shipped("experiments") / f"{name}.json").is_file():
            outcome = load_outcome(name)
            for claim, verdict in outcome.verdicts:
                assert f"- **{verdict}**: {claim.text}" in page
            assert outcome.about["command"] in page
    table = load_outcome("table1")
    assert f"| L1+cGAN | 3 | {table.interval('l1-cgan', 'fcn_pixel_accuracy')} |" in page
    assert ".66 / 0.23 / 0.17" in page
