"""The Python code in the pages of the documentation."""

from __future__ import annotations

import ast
import re
from typing import Any

from helpers.repository import ROOT


def blocks_of(page: str) -> list[str]:
    """Return the fenced blocks of Python of a page below ``docs/``."""
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    blocks = re.findall(r"^```python\n(.+?)^```$", text, re.MULTILINE | re.DOTALL)
    assert blocks, f"no code in {page}"
    return blocks


def run_block(page: str, place: int) -> tuple[dict[str, Any], list[Any]]:
    """Run a block in the current folder; return its names, and the values of bare expressions.

    Each line that is an expression alone stands for what its comment describes.
    """
    names: dict[str, Any] = {}
    values: list[Any] = []
    code = blocks_of(page)[place]
    for statement in ast.parse(code).body:
        part = ast.get_source_segment(code, statement)
        assert part
        if isinstance(statement, ast.Expr):
            values.append(eval(compile(part, page, "eval"), names))
        else:
            exec(compile(part, page, "exec"), names)
    return names, values
