"""The pages of the documentation: links and anchors lead somewhere, and none is left out."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from helpers.blocks_of_pages import PAGES
from helpers.repository import ROOT

import blockscope

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


def test_the_site_has_every_page_and_every_function() -> None:
    site = ROOT / "docs" / "site"
    tree = (site / "index.rst").read_text()
    missing = [
        page.stem
        for page in (ROOT / "docs").glob("*.md")
        if not re.search(rf"^ +\.\./{page.stem}$", tree, re.MULTILINE)
    ]
    assert missing == []
    described = re.findall(
        r"^\.\. auto\w+:: ([\w.]+)$", (site / "reference.rst").read_text(), re.MULTILINE
    )
    offered = {f"blockscope.{module}.{name}" for name, module in blockscope._MODULE_OF.items()}
    assert sorted(described) == sorted(offered)


def test_the_decisions_list_every_page() -> None:
    folder = ROOT / "docs" / "decisions"
    listed = {path for path, _ in links(folder / "README.md")}
    assert listed == {page.name for page in folder.glob("*.md")} - {"README.md"}


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
