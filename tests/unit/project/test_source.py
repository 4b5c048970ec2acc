"""Habits of the source that must hold even where a linter is told to be quiet."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from helpers.repository import ROOT

FOLDERS = ("src", "tests", "workflow/scripts", "benchmarks")
FILES = sorted(path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py"))
PACKAGE = [path for path in FILES if path.is_relative_to(ROOT / "src")]

Documented = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


def names(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def is_class(called: ast.expr) -> bool:
    """Tell an error class from a function that builds an error."""
    name = called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", "")
    return name[:1].isupper()


def in_pieces(tree: ast.AST) -> list[int]:
    """Return the lines that raise a message in pieces, which the user would see as a tuple."""
    lines = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call):
            first, *more = node.exc.args or [None]
            if not is_class(node.exc.func):
                continue
            text = isinstance(first, ast.JoinedStr) or (
                isinstance(first, ast.Constant) and isinstance(first.value, str)
            )
            if isinstance(first, ast.Tuple) or (text and more):
                lines.append(node.lineno)
    return lines


def public(node: Documented, name: str = "") -> Iterator[tuple[str, Documented]]:
    """Yield the module, its public classes and functions, and their public methods."""
    yield name, node
    for child in node.body:
        if isinstance(child, Documented) and not child.name.startswith("_"):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                continue
            yield from public(child, f"{name}.{child.name}")


@pytest.mark.parametrize("path", FILES, ids=names)
def test_messages_are_in_one_piece(path: Path) -> None:
    assert in_pieces(ast.parse(path.read_text())) == []


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ('raise ValueError("a", "b")', [1]),
        ('raise ValueError(f"a {b}", c)', [1]),
        ('raise ValueError(("a", "b"))', [1]),
        ('raise errors.BadFile("a", "b")', [1]),
        ('raise ValueError("a" "b")', []),
        ('raise unknown_name("layer", "a", valid)', []),
        ("raise ValueError()", []),
        ("raise OSError(errno.ENOENT, text)", []),
    ],
)
def test_pieces_are_found(source: str, found: list[int]) -> None:
    assert in_pieces(ast.parse(source)) == found


@pytest.mark.parametrize("path", PACKAGE, ids=names)
def test_the_package_asserts_nothing(path: Path) -> None:
    """An assert vanishes under ``python -O``; what a user may get wrong is an error of its own."""
    tree = ast.parse(path.read_text())
    assert [node.lineno for node in ast.walk(tree) if isinstance(node, ast.Assert)] == []


@pytest.mark.parametrize("path", FILES, ids=names)
def test_every_module_says_what_it_is(path: Path) -> None:
    assert ast.get_docstring(ast.parse(path.read_text()))


@pytest.mark.parametrize("path", PACKAGE, ids=names)
def test_every_public_name_is_documented(path: Path) -> None:
    tree = ast.parse(path.read_text())
    assert [name for name, node in public(tree) if not ast.get_docstring(node)] == []
