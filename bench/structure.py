"""Print the size and the shape of the code, one column for each checkout.

python -m bench.structure [CHECKOUT ...]
"""

from __future__ import annotations

import argparse
import ast
import re
import statistics
import tokenize
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

# One panel stands for all; this one was renamed, and both names count, in code and in prose.
PANEL = re.compile(r"\b(semantic_?)?dictionary\b", re.IGNORECASE)
PANEL_PLACES = ("src", "workflow", "frontend/src")
GENERATED = (".bundle.js", ".schema.json")
LONG_MODULE = 300  # lines
MANY = 8  # arguments


class Checkout:
    """The installed packages of a checkout: every folder with an ``__init__.py`` in ``src``."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.package = root / "src" / "blockscope"
        tops = [path.parent for path in (root / "src").glob("*/__init__.py")]
        self.modules = {p: p.read_text() for top in sorted(tops) for p in sorted(top.rglob("*.py"))}
        self.trees = {path: ast.parse(text) for path, text in self.modules.items()}

    def lines(self) -> list[int]:
        """Return the number of lines of each module."""
        return [len(text.splitlines()) for text in self.modules.values()]

    def functions(self) -> Iterator[tuple[Path, ast.FunctionDef | ast.AsyncFunctionDef]]:
        """Yield every function and method with its module."""
        for path, tree in self.trees.items():
            for node in ast.walk(tree):
                if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                    yield path, node


def code_lines(checkout: Checkout) -> int:
    """Count lines that hold more than space, a comment or a docstring."""
    return sum(
        len(_lines_with_code(path) - _lines_of_docstrings(tree))
        for path, tree in checkout.trees.items()
    )


def _lines_with_code(path: Path) -> set[int]:
    skipped = {
        tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT,
        tokenize.ENCODING, tokenize.ENDMARKER,
    }  # fmt: skip
    with tokenize.open(path) as file:
        return {
            line
            for token in tokenize.generate_tokens(file.readline)
            if token.type not in skipped
            for line in range(token.start[0], token.end[0] + 1)
        }


def _lines_of_docstrings(tree: ast.Module) -> set[int]:
    found: set[int] = set()
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    for node in ast.walk(tree):
        if isinstance(node, documented) and ast.get_docstring(node, clean=False) is not None:
            text = node.body[0]
            found |= set(range(text.lineno, (text.end_lineno or text.lineno) + 1))
    return found


def largest_room(checkout: Checkout) -> str:
    """Return how many files lie directly in the fullest folder of the package."""
    folders = [p for p in (checkout.package, *checkout.package.rglob("*")) if p.is_dir()]
    counts = {
        folder: sum(p.is_file() for p in folder.iterdir())
        for folder in folders
        if folder.name != "__pycache__"
    }
    folder = max(counts, key=lambda each: counts[each])
    return f"{counts[folder]} ({folder.relative_to(checkout.root / 'src')})"


def entries(checkout: Checkout) -> int:
    """Count the modules and folders at the top of the package."""
    return sum(
        path.suffix == ".py" or (path.is_dir() and path.name != "__pycache__")
        for path in checkout.package.iterdir()
    )


def files_of_a_panel(checkout: Checkout) -> list[str]:
    """Return the files that name one panel, in their text or by their own name."""
    found = []
    for place in PANEL_PLACES:
        for path in sorted((checkout.root / place).rglob("*")):
            if not path.is_file() or path.suffix == ".pyc" or path.name.endswith(GENERATED):
                continue
            name = re.sub(r"[._]", " ", path.name)
            if PANEL.search(name) or PANEL.search(path.read_text(errors="ignore")):
                found.append(path.relative_to(checkout.root).as_posix())
    return found


def any_in_figures(checkout: Checkout) -> int:
    """Count the word ``Any`` in the code of figures, imports included."""
    figures = checkout.package / "figures"
    names = [
        [node.id for node in ast.walk(tree) if isinstance(node, ast.Name)]
        + [node.name for node in ast.walk(tree) if isinstance(node, ast.alias)]
        for path, tree in checkout.trees.items()
        if figures in path.parents
    ]
    return sum(each.count("Any") for each in names)


def longest_function(checkout: Checkout) -> str:
    """Return the lines and the name of the longest function."""
    length, name = max(
        ((node.end_lineno or node.lineno) - node.lineno + 1, f"{path.stem}.{node.name}")
        for path, node in checkout.functions()
    )
    return f"{length} ({name})"


def many_by_position(checkout: Checkout) -> int:
    """Count functions that take many arguments by their position."""
    return sum(
        len(node.args.posonlyargs) + len(node.args.args) >= MANY for _, node in checkout.functions()
    )


ROWS: dict[str, Callable[[Checkout], object]] = {
    "installed: modules": lambda checkout: len(checkout.modules),
    "installed: lines": lambda checkout: sum(checkout.lines()),
    "installed: lines of code": code_lines,
    "median lines of a module": lambda checkout: round(statistics.median(checkout.lines())),
    f"modules of more than {LONG_MODULE} lines": lambda checkout: sum(
        lines > LONG_MODULE for lines in checkout.lines()
    ),
    "longest function, lines": longest_function,
    f"functions of {MANY} or more positional arguments": many_by_position,
    "largest room, files": largest_room,
    "entries at the package's top": entries,
    "files that name one panel": lambda checkout: len(files_of_a_panel(checkout)),
    "`Any` in figures": any_in_figures,
}


def table(checkouts: Sequence[Checkout]) -> str:
    """Return the rows as text in columns."""
    cells = [["", *(str(checkout.root) for checkout in checkouts)]]
    cells += [[name, *(str(count(each)) for each in checkouts)] for name, count in ROWS.items()]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = ["  ".join(map(str.ljust, row, widths)) for row in cells]
    return "\n".join(line.rstrip() for line in lines)


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("checkouts", nargs="*", type=Path, default=[Path()], metavar="CHECKOUT")
    parser.add_argument("--panel-files", action="store_true", help="list them as well")
    options = parser.parse_args(arguments)
    for root in options.checkouts:
        if not (root / "src" / "blockscope").is_dir():
            parser.error(f"'{root}' holds no src/blockscope")
    checkouts = [Checkout(root) for root in options.checkouts]
    print(table(checkouts))
    if options.panel_files:
        for checkout in checkouts:
            print(f"\n{checkout.root}", *files_of_a_panel(checkout), sep="\n  ")


if __name__ == "__main__":
    main()
