"""Code without what cannot change a result, as text that is the same for every Python."""

from __future__ import annotations

import ast
import copy
from functools import cache

from blockscope.digest.modules import Definition, Function, registers


@cache
def plain(statement: ast.stmt) -> tuple[ast.Module, str]:
    """Return a statement at the top of a module in its normal form, as a tree and as text.

    Kept for the next stage that reaches the same statement.
    """
    tree = Plain().visit(ast.Module([copy.deepcopy(statement)], []))
    return tree, text_of(tree)


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
