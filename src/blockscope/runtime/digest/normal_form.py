"""Code without what cannot change a result, as text that is the same for every Python."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from functools import cache
from typing import Any

from blockscope.runtime.digest.modules import Definition, Function, chains, registers


@dataclass(frozen=True)
class Said:
    """What a statement at the top of a module says in its normal form.

    ``text``     all of it
    ``imports``  its imports
    ``chains``   its names with the attributes that follow them, each once
    ``strings``  its strings, each once
    """

    text: str
    imports: tuple[ast.Import | ast.ImportFrom, ...]
    chains: tuple[tuple[str, ...], ...]
    strings: tuple[str, ...]


@cache
def plain(statement: ast.stmt) -> Said:
    """Put a statement in its normal form; kept for the next stage that reaches it."""
    tree = Plain().visit(ast.Module([_copied(statement)], []))
    imports: list[ast.Import | ast.ImportFrom] = []
    strings: dict[str, None] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            imports.append(node)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            strings[node.value] = None
    names = tuple(dict.fromkeys(chains(tree)))
    return Said(text_of(tree), tuple(imports), names, tuple(strings))


def _copied(code: Any) -> Any:
    """Copy a statement and all in it, but the expressions, which nothing here changes."""
    if isinstance(code, list):
        return [_copied(part) for part in code]
    if isinstance(code, ast.expr) or not isinstance(code, ast.AST):
        return code
    kind = type(code)
    copy = kind.__new__(kind)
    for name, part in vars(code).items():
        setattr(copy, name, _copied(part))
    return copy


class Plain(ast.NodeTransformer):
    """Removes what cannot change a result: docstrings, and annotations of functions."""

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        """Drop a function's docstring and annotations."""
        return self._function(node)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> ast.AST:
        """Drop a function's docstring and annotations."""
        return self._function(node)

    def _function(self, node: Function) -> ast.AST:
        self._drop_docstring(node)
        # A decorator that is more than a wrapper may read the annotations.
        if not any(registers(decorator) for decorator in node.decorator_list):
            node.returns = None
            arguments = node.args
            for argument in [
                *arguments.posonlyargs,
                *arguments.args,
                *arguments.kwonlyargs,
                *filter(None, [arguments.vararg, arguments.kwarg]),
            ]:
                argument.annotation = None
        for inner in ast.walk(node):
            if isinstance(inner, ast.AnnAssign) and not _in_class(node, inner):
                inner.annotation = ast.Constant(value=None)
        return self.generic_visit(node)

    def visit_Module(self, node: ast.Module) -> ast.AST:
        """Drop the annotations of assignments at the top of a module."""
        for statement in node.body:
            if isinstance(statement, ast.AnnAssign):
                statement.annotation = ast.Constant(value=None)
        return self.generic_visit(node)

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        """Drop a class's docstring; its annotations are its fields."""
        self._drop_docstring(node)
        return self.generic_visit(node)

    def generic_visit(self, node: ast.AST) -> ast.AST:
        """Go on to the parts of a statement; an expression has neither docstring nor annotation."""
        return node if isinstance(node, ast.expr) else super().generic_visit(node)

    @staticmethod
    def _drop_docstring(node: Definition) -> None:
        if ast.get_docstring(node, clean=False) is not None:
            node.body = node.body[1:] or [ast.Pass()]


def _in_class(function: Function, statement: ast.AnnAssign) -> bool:
    """Tell whether an annotated assignment is a field of a class inside a function."""
    return any(
        isinstance(inner, ast.ClassDef) and statement in inner.body for inner in ast.walk(function)
    )


def text_of(node: ast.AST) -> str:
    """Return a piece of code as text that is the same for every version of Python.

    ``ast.dump`` is not: it shows empty fields or not, and new versions bring new ones.
    """
    shown = []
    for name in node._fields:
        value = getattr(node, name, None)
        absent = value == [] or (value is None and not isinstance(node, ast.Constant))
        if not absent and name not in {"kind", "type_comment", "ctx"}:
            items = value if isinstance(value, list) else [value]
            texts = [text_of(item) if isinstance(item, ast.AST) else repr(item) for item in items]
            shown.append(f"{name}={type(value).__name__[:4]}[{','.join(texts)}]")
    return f"{type(node).__name__}({','.join(shown)})"
