"""The pages of docs/: errors that exist, links that lead somewhere, minutes as in the notebooks, terms in order."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
PAGES = sorted(set(DOCS.glob("*.md")) - {DOCS / "index.md"})  # it links to pages that are made: tests/test_site.py


def errors_of_the_library() -> str:
    """All strings in the code, and the Makefile's; what an f-string fills in stands as …"""
    found = [(ROOT / "Makefile").read_text()]
    for path in (ROOT / "pix2pix_edu").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.JoinedStr):
                parts = (str(part.value) if isinstance(part, ast.Constant) else "…" for part in node.values)
                found.append("".join(parts))
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                found.append(node.value)
    return "\n".join(found)


def quoted_errors(page: str) -> list[str]:
    """The headings that are code: the words of an error."""
    return re.findall(r"^### `(.+)`$", page, flags=re.MULTILINE)


def is_among(error: str, errors: str) -> bool:
    """Whether an error says this, whatever stands where the page has …"""
    pattern = ".{1,200}?".join(re.escape(part.strip()) for part in error.split("…"))
    return re.search(pattern, errors, flags=re.DOTALL) is not None


def test_every_error_that_the_page_explains_exists():
    errors, quoted = errors_of_the_library(), quoted_errors((DOCS / "troubleshooting.md").read_text())
    assert len(quoted) >= 25
    assert [error for error in quoted if not is_among(error, errors)] == []
    assert not is_among("this error was never written", errors)


@pytest.mark.parametrize("page", PAGES, ids=[page.name for page in PAGES])
def test_links_lead_somewhere(page):
    links = re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text())
    assert [link for link in links if "://" not in link and not (page.parent / link).exists()] == []


def rows_of(page: Path) -> list[list[str]]:
    rows = [line.strip("|").split(" | ") for line in page.read_text().splitlines() if line.startswith("| ")]
    return [[cell.strip(" |") for cell in row] for row in rows if not set("".join(row)) <= set("-|")]


def test_a_term_has_one_line_in_both_languages_in_order():
    rows = [row for row in rows_of(DOCS / "glossary.md") if row[0] != "term"]
    terms = [row[0].casefold() for row in rows]
    assert len(terms) > 50 and terms == sorted(set(terms))
    lessons = {path.name[:2] for path in (ROOT / "notebooks").glob("*.ipynb")}
    for term, chinese, meaning, lesson in rows:
        assert re.search(r"[一-鿿]", chinese) or chinese == term, term
        assert len(meaning) > 10 and lesson in lessons, term


def test_the_minutes_are_those_of_the_notebooks():
    stated = {}
    for path in (ROOT / "notebooks").glob("*.ipynb"):
        first = nbformat.read(path, as_version=4).cells[0].source
        stated[path.name[:2]] = re.search(r"\*\*Minutes:\*\* (\d+)", first).group(1)
    listed = {row[0][:2]: row[1] for row in rows_of(DOCS / "teaching.md") if re.match(r"\d\d ", row[0])}
    assert listed == stated
