"""The pages of the documentation: links and anchors lead somewhere, and none is left out."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from helpers.blocks_of_pages import PAGES
from helpers.repository import ROOT

# What the field calls the methods, and the page that is about each.
FIELD_TERMS = {
    "gradient x activation": "methods.md",
    "integrated gradients": "methods.md",
    "Jacobian-vector product": "methods.md",
    "feature visualization": "rendering.md",
}


def without_code(text: str) -> str:
    return re.sub(r"^```[\s\S]*?^```$|^    .*$", "", text, flags=re.MULTILINE)


def links(page: Path) -> list[tuple[str, str]]:
    """Return the paths and anchors of a page's links to files."""
    found = re.findall(r"\]\(([^)\s#]*)#?([^)\s]*)\)", without_code(page.read_text()))
    return [(path, anchor) for path, anchor in found if "://" not in path]


def anchors(page: Path) -> set[str]:
    """Return the anchors that GitHub gives the headings of a page."""
    headings = re.findall(r"^#+ (.+)$", without_code(page.read_text()), re.MULTILINE)
    plain = [re.sub(r"[^\w\- ]", "", heading.lower()) for heading in headings]  # `code` stays
    return {heading.strip().replace(" ", "-") for heading in plain}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_and_anchors_lead_somewhere(page: Path) -> None:
    broken = []
    for path, anchor in links(page):
        target = page.parent / path if path else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            broken.append(f"{path}#{anchor}")
    assert broken == []


def test_the_index_lists_every_page() -> None:
    index = ROOT / "docs" / "README.md"
    listed = {Path(path).name for path, _ in links(index) if "/" not in path}
    assert listed == {page.name for page in (ROOT / "docs").glob("*.md")} - {"README.md"}


@pytest.mark.parametrize("term", FIELD_TERMS)
def test_a_search_for_a_term_of_the_field_finds_it(term: str) -> None:
    for page in ("README.md", "docs/glossary.md", f"docs/{FIELD_TERMS[term]}"):
        assert term.lower() in (ROOT / page).read_text().lower(), page


def test_the_first_page_leads_to_the_glossary() -> None:
    assert "(docs/glossary.md)" in (ROOT / "README.md").read_text()
