"""The site: what is gathered for it is complete, its links lead somewhere, and the claims are those of the record."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser
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
    assert f"| L1+cGAN | 7 | {table.interval('l1-cgan', 'fcn_pixel_accuracy')} |" in page
    assert ".66 / 0.23 / 0.17" in page


# --- Descriptions of pictures -----------------------------------------------------------------------------------------


def test_every_picture_of_a_lesson_reaches_the_site_with_its_description(pages):
    for path in (pages / "lessons").iterdir():
        for cell in json.loads(path.read_text())["cells"]:
            kinds = [kind for output in cell.get("outputs", []) for kind in output.get("data", {})]
            if any(kind.startswith("image/") for kind in kinds):
                assert len(cell["metadata"]["mystnb"]["image"]["alt"]) > 12, f"{path.name}, cell {cell['id']}"


def test_a_cell_with_two_descriptions_is_refused():
    outputs = [{"metadata": {"image/png": {"alt": alt}}} for alt in ("one", "two")]
    with pytest.raises(ValueError, match="show each of them in its own cell"):
        site.with_descriptions(json.dumps({"cells": [{"id": "a", "metadata": {}, "outputs": outputs}]}))


class Images(HTMLParser):
    """The `alt` of every <img> of a page; None where there is none."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[str | None] = []
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        if tag == "img":
            self.found.append(dict(attributes).get("alt"))


@pytest.fixture(scope="module")
def small_site(pages, tmp_path_factory):
    """The home page and one lesson, built by Sphinx with the site's own settings; of the lesson, its pictures."""
    for package in ("sphinx", "myst_nb", "sphinx_book_theme"):
        pytest.importorskip(package, reason="the pages are built with the extra `site`: make install-site")
    source, site_folder = tmp_path_factory.mktemp("small"), tmp_path_factory.mktemp("site")
    shutil.copy(pages / "conf.py", source)
    shutil.copytree(pages / "_static", source / "_static")
    lesson = json.loads((pages / "lessons" / "04_unet.ipynb").read_text())
    lesson["cells"] = [lesson["cells"][0], *(cell for cell in lesson["cells"] if "mystnb" in cell["metadata"])]
    (source / "lesson.ipynb").write_text(json.dumps(lesson))
    shutil.copy(pages / "emoji.webp", source)
    pictures = re.findall(r"^!\[.*\]\(.*\)$", (pages / "index.md").read_text(), re.MULTILINE)
    (source / "index.md").write_text("# Home\n\n" + "\n".join(pictures) + "\n\n```{toctree}\nlesson\n```\n")
    command = [sys.executable, "-m", "sphinx", "-q", "-b", "html", str(source), str(site_folder)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return site_folder, len(lesson["cells"]) - 1


def test_every_image_of_the_built_pages_says_what_it_shows(small_site):
    folder, pictures = small_site
    lesson = Images((folder / "lesson.html").read_text()).found
    assert len(lesson) >= pictures > 5
    for page in ("lesson", "index"):
        silent = [alt for alt in Images((folder / f"{page}.html").read_text()).found if not (alt or "").strip()]
        assert silent == [], page


def test_every_image_in_markdown_says_what_it_shows(pages):
    texts = [page.read_text() for page in pages.glob("*.md")]
    for lesson in (pages / "lessons").iterdir():
        cells = json.loads(lesson.read_text())["cells"]
        texts += ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown"]
    assert any("![" in text for text in texts)
    for text in texts:
        assert all(len(alt) > 12 for alt in re.findall(r"!\[([^\]]*)\]\(", text))
        assert all((alt or "").strip() for alt in Images(re.sub(r"```.*?```|`[^`]*`", "", text, flags=re.DOTALL)).found)
