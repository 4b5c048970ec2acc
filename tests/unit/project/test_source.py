"""Habits of the source that must hold even where a linter is told to be quiet."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from helpers.repository import ROOT, files_in

PACKAGE = ("src",)
TESTS = ("tests",)
ALL = (*PACKAGE, *TESTS, "bench", "studies", "workflow/scripts")

Documented = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


@cache
def trees(folder: str) -> dict[str, ast.Module]:
    """Return the modules of a folder by their path."""
    paths = files_in(ROOT / folder, "*.py")
    return {path.relative_to(ROOT).as_posix(): ast.parse(path.read_text()) for path in paths}


def found_in(
    folders: Iterable[str], find: Callable[[ast.Module], list[Any]]
) -> dict[str, list[Any]]:
    """Return what is found in the modules, by path, where anything is."""
    modules = [item for folder in folders for item in trees(folder).items()]
    return {path: found for path, tree in modules if (found := find(tree))}


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


def called(node: ast.AST) -> set[str]:
    """Return the last words of all that is called."""
    functions = [each.func for each in ast.walk(node) if isinstance(each, ast.Call)]
    return {
        function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
        for function in functions
    }


def asserts(node: ast.AST) -> bool:
    """Tell whether code can fail a test: it asserts, expects, or waits for an error."""
    words = called(node)
    return (
        any(isinstance(each, ast.Assert) for each in ast.walk(node))
        or not words.isdisjoint(("raises", "fail", "expect"))
        or any(word.startswith("assert_") for word in words)
    )


def without_assertion(modules: Iterable[ast.Module]) -> set[str]:
    """Return the tests that assert nothing, neither themselves nor in what they call."""
    functions = [
        node for tree in modules for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)
    ]
    asserting = {function.name for function in functions if asserts(function)}
    calls = {function.name: called(function) for function in functions}
    while more := {name for name, words in calls.items() if words & asserting} - asserting:
        asserting |= more
    return {name for name in calls if name.startswith("test_")} - asserting


def loops_over_files(tree: ast.AST) -> list[int]:
    """Return the lines of loops that assert something of files, of which there may be none."""
    return [
        loop.lineno
        for loop in ast.walk(tree)
        if isinstance(loop, ast.For)
        and not called(loop.iter).isdisjoint(("glob", "rglob", "iterdir"))
        and asserts(loop)
    ]


def test_messages_are_in_one_piece() -> None:
    assert found_in(ALL, in_pieces) == {}


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


def test_the_package_asserts_nothing() -> None:
    """An assert vanishes under ``python -O``; what a user may get wrong is an error of its own."""
    assert (
        found_in(PACKAGE, lambda tree: [n for n in ast.walk(tree) if isinstance(n, ast.Assert)])
        == {}
    )


def test_every_module_says_what_it_is() -> None:
    assert found_in(ALL, lambda tree: [] if ast.get_docstring(tree) else ["no docstring"]) == {}


def test_every_public_name_is_documented() -> None:
    def undocumented(tree: ast.Module) -> list[str]:
        return [name for name, node in public(tree) if not ast.get_docstring(node)]

    assert found_in(PACKAGE, undocumented) == {}


def test_every_test_asserts_something() -> None:
    assert without_assertion(trees("tests").values()) == set()


def test_no_loop_passes_for_want_of_files() -> None:
    """``helpers.repository.files_in`` fails where a folder is empty or has moved."""
    assert found_in(TESTS, loops_over_files) == {}


IDLE = """
def check(x):
    assert x
def twice(x):
    check(x), check(x)
def test_by_another():
    twice(1)
def test_idle():
    print(1)
def test_of_files():
    for path in sorted(folder.glob("*")):
        twice(path)
        assert path
"""


def test_idle_tests_are_found(tmp_path: Path) -> None:
    assert without_assertion([ast.parse(IDLE)]) == {"test_idle"}
    assert loops_over_files(ast.parse(IDLE)) == [11]
    with pytest.raises(AssertionError, match=r"no \*\.py in"):
        files_in(tmp_path / "gone", "*.py")
