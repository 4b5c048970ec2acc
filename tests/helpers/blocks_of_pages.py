"""The blocks of code in the pages of the documentation, and in which language each is."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from markdown_it import MarkdownIt

from helpers.repository import ROOT

PAGES = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")),
    *sorted((ROOT / "docs").rglob("*.md")),
    ROOT / "config" / "README.md",
    ROOT / "frontend" / "README.md",
]


@dataclass(frozen=True)
class Block:
    """A block of a page; an indented one without a language is of commands."""

    page: Path
    line: int
    language: str
    text: str

    @property
    def place(self) -> str:
        """Return where the block begins, for the name of a test."""
        return f"{self.page.relative_to(ROOT)}:{self.line}"


def blocks_of_pages() -> list[Block]:
    """Return all blocks of all pages, in order."""
    found = []
    for page in PAGES:
        for token in MarkdownIt("commonmark").parse(page.read_text(encoding="utf-8")):
            if token.type in ("fence", "code_block"):
                assert token.map is not None
                language = token.info or ("pycon" if ">>> " in token.content else "sh")
                if token.content.startswith("import "):
                    language = token.info or "python"
                found.append(Block(page, token.map[0] + 1, language, token.content))
    return found


def commands(block: Block) -> list[str]:
    """Return the commands of a block, without prompts, comments and what they print."""
    lines = block.text.splitlines()
    if block.language == "console":
        lines = [line[2:] for line in lines if line.startswith("$ ")]
    return [line.split("  #")[0].strip() for line in lines if line.strip()]
