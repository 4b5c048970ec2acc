"""A digest of the code that a stage runs, so that a stage is repeated when its code changes.

Snakemake notices a changed script, but not a changed module that the script imports. The digest
covers the function ``main`` of a script, every module of the package that it imports, directly or
through others, and the data files next to those modules. Comments and docstrings do not count.
"""

from __future__ import annotations

import ast
import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from blockscope.io.errors import BadFile


def code_digest(script: str | Path, package: str | Path | None = None) -> str:
    """Return a digest of the code and data that a script's ``main`` can use.

    It is the same for every version of Python. Parsed files are kept until they change; the first
    call takes a second at most.

    Parameters
    ----------
    script
        A Python file with a function ``main``.
    package
        Folder of the package; by default that of blockscope.

    Returns
    -------
    digest
        Hexadecimal SHA-256.

    Raises
    ------
    BadFile
        If the script has no ``main``, or a file is not valid Python.
    """
    own = _read(Path(script), only="main").digest
    return _digest([own], import_closure(script, package))


def module_digest(module: str) -> str:
    """Return a digest of the code and data that a module of blockscope can use, as of a stage."""
    return _digest([], _closure({module}))


def _digest(parts: list[str], modules: Mapping[str, Path]) -> str:
    folders = set()
    for name, path in modules.items():
        parts.append(f"{name} {_read(path, name).digest}")
        folders.add(path.parent)
    data = sorted({path for folder in folders for path in _data_files(folder)})
    parts += [f"{path.name} {hashlib.sha256(path.read_bytes()).hexdigest()}" for path in data]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def import_closure(script: str | Path, package: str | Path | None = None) -> dict[str, Path]:
    """Return the modules of a package that a script's ``main`` imports, directly or not, by name.

    Counted are imports anywhere in a module, except under ``if TYPE_CHECKING``, and strings that
    name a module in full. The package's own ``__init__`` is left out: it has the version, and
    imports for users only.
    """
    return _closure(set(_read(Path(script), only="main").names), package)


def _closure(waiting: set[str], package: str | Path | None = None) -> dict[str, Path]:
    """Return the modules that some names lead to; ``waiting`` is used up."""
    folder = Path(package or Path(__file__).parents[1]).resolve()
    modules = {_dotted(path, folder): path for path in folder.rglob("*.py")}
    found: dict[str, Path] = {}
    while waiting:
        words = waiting.pop().split(".")
        for name in (".".join(words[:count]) for count in range(2, len(words) + 1)):
            if name in modules and name not in found:
                found[name] = modules[name]
                waiting |= _read(found[name], name).names
    return dict(sorted(found.items()))


NAMING = frozenset({ast.Import, ast.ImportFrom, ast.Constant})


@dataclass(frozen=True)
class Code:
    """What counts of a file: a digest of its code, and the dotted names that may be modules."""

    digest: str
    names: frozenset[str]


def _read(path: Path, name: str = "", only: str | None = None) -> Code:
    state = path.stat()
    return _parse(path, name, only, (state.st_mtime_ns, state.st_size))


@cache
def _parse(path: Path, name: str, only: str | None, state: tuple[int, int]) -> Code:
    """Parse a module, or ``only`` one of its functions; a new ``state`` is a changed file."""
    del state  # a part of the key
    try:
        body = ast.parse(path.read_bytes(), str(path)).body
    except SyntaxError as error:
        raise BadFile(f"'{path}' is not valid Python: {error}") from error
    if only:
        body = [node for node in body if isinstance(node, ast.FunctionDef) and node.name == only]
        if not body:
            raise BadFile(f"'{path}' has no function '{only}'")
    above = name.split(".")[: None if path.name == "__init__.py" else -1]
    text: list[str] = []
    names: set[str] = set()
    _walk(ast.Module(body, []), above, text, names)
    return Code(hashlib.sha256("".join(text).encode()).hexdigest(), frozenset(names))


def _walk(node: ast.AST, package: list[str], text: list[str], names: set[str]) -> None:
    """Add a piece of code to ``text``, and the modules it may name to ``names``.

    ``ast.dump`` would not do: what it shows of empty fields depends on the version of Python.
    """
    kind = type(node)  # most of all nodes are of other kinds than these
    if kind in NAMING:
        names.update(_possible_modules(node, package))
    if isinstance(node, ast.JoinedStr):  # Python 3.12 adds empty strings to some
        node = ast.JoinedStr([v for v in node.values if getattr(v, "value", None) != ""])
    elif isinstance(node, ast.If) and _is_for_types(node.test):
        node, kind = ast.Module(node.orelse, []), ast.Module
    text.append(kind.__name__)
    for field in kind._fields:
        value: Any = getattr(node, field, None)
        if value is None or value == []:
            continue
        parts = value if isinstance(value, list) else [value]
        if field == "body" and _is_docstring(parts[0]):
            parts = parts[1:]
            if not parts:
                continue
        text.append(f" {field}(")
        for part in parts:
            if isinstance(part, ast.AST):
                _walk(part, package, text, names)
            else:
                text.append(f"{part!a},")
        text.append(")")


def _is_for_types(test: ast.expr) -> bool:
    match test:
        case ast.Name(id="TYPE_CHECKING") | ast.Attribute(attr="TYPE_CHECKING"):
            return True
    return False


def _possible_modules(node: ast.AST, package: list[str]) -> Iterator[str]:
    """Yield the dotted names of what a node imports, and a string that looks like one."""
    match node:
        case ast.Import():
            yield from (alias.name for alias in node.names)
        case ast.ImportFrom():
            start = package[: len(package) - node.level + 1] if node.level else []
            source = ".".join([*start, *([node.module] if node.module else [])])
            yield from (f"{source}.{alias.name}" for alias in node.names)
        case ast.Constant(value=str(string)) if re.fullmatch(r"\w+(\.\w+)+", string):
            yield string


def _is_docstring(node: ast.AST) -> bool:
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )


def _dotted(path: Path, folder: Path) -> str:
    parts = path.relative_to(folder.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _data_files(folder: Path) -> Iterator[Path]:
    """Yield the data files in the folder of a module, and in those below that are not packages."""
    for path in folder.iterdir():
        if path.is_dir():
            if path.name != "__pycache__" and not (path / "__init__.py").exists():
                yield from _data_files(path)
        elif path.suffix not in {".py", ".pyc"} and not path.name.startswith("."):
            yield path
