"""A module's text, sorted: what its names are bound to, and what runs when it is imported."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path

from blockscope.io.errors import BadFile

# Decorators of other packages that do no more than wrap: they register nothing anywhere.
WRAPPERS = frozenset(
    {"dataclass", "dataclasses", "functools", "contextlib", "contextmanager", "property"}
    | {"staticmethod", "classmethod", "abc", "abstractmethod", "typing", "override", "overload"}
    | {"cache", "lru_cache", "cached_property", "wraps", "model_validator", "field_validator"}
    | {"computed_field", "function", "custom_gradient"}
)
Function = ast.FunctionDef | ast.AsyncFunctionDef
Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


@dataclass(frozen=True)
class Import:
    """What an imported name stands for: a module, or a name inside one."""

    module: str
    name: str | None = None


@dataclass
class Module:
    """A parsed module: what its names are bound to, and what runs when it is imported."""

    name: str
    path: Path
    bindings: dict[str, list[ast.stmt]] = field(default_factory=dict)
    imports: dict[str, list[Import]] = field(default_factory=dict)
    effects: list[ast.stmt] = field(default_factory=list)
    run: list[Import] = field(default_factory=list)

    @property
    def statements(self) -> list[ast.stmt]:
        """All statements that count when the module is used as a whole."""
        bound = [statement for group in self.bindings.values() for statement in group]
        return [*bound, *self.effects]

    @cached_property
    def strings(self) -> set[str]:
        """All strings in the module's statements."""
        return {
            node.value
            for statement in self.statements
            for node in ast.walk(statement)
            if isinstance(node, ast.Constant) and isinstance(node.value, str)
        }


def parse(path: Path, name: str, root: str) -> Module:
    """Read a module without importing it; ``root`` is the package whose imports are of interest."""
    state = path.stat()
    return _parse_once(path, name, root, (state.st_mtime_ns, state.st_size))


@cache
def _parse_once(path: Path, name: str, root: str, state: tuple[int, int]) -> Module:
    del state  # part of the key: a changed file is parsed again
    try:
        tree = ast.parse(path.read_bytes(), str(path))
    except SyntaxError as error:
        raise BadFile(f"'{path}' is not valid Python: {error}") from error
    module = Module(name, path)
    _sort_statements(tree.body, module, root)
    return module


def _sort_statements(body: Iterable[ast.stmt], module: Module, root: str) -> None:
    """Enter each statement at the top of a module: a binding, an import, or something that runs."""
    for statement in body:
        match statement:
            case ast.Import() | ast.ImportFrom():
                _enter_import(statement, module, root)
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                _bind(module, statement.name, statement)
            case ast.Assign(targets=[*targets]) if all(isinstance(t, ast.Name) for t in targets):
                for name in targets:
                    _bind(module, ast.unparse(name), statement)
            case ast.AnnAssign(target=ast.Name(id=name)):
                _bind(module, name, statement)
            case _ if not _does_nothing(statement):
                _enter_compound(statement, module, root)
    for statement in dict.fromkeys(s for group in module.bindings.values() for s in group):
        if _may_register(statement, module) and statement not in module.effects:
            module.effects.append(statement)


def _enter_import(node: ast.Import | ast.ImportFrom, module: Module, root: str) -> None:
    for alias, target, runs in imported(node, module, root):
        module.imports.setdefault(alias, []).append(target)
        module.run.append(runs)


def _bind(module: Module, name: str, statement: ast.stmt) -> None:
    module.bindings.setdefault(name, []).append(statement)


def _enter_compound(statement: ast.stmt, module: Module, root: str) -> None:
    """Count a statement that runs on import, and note the names that it binds."""
    module.effects.append(statement)
    for node in ast.walk(statement):
        if isinstance(node, ast.Import | ast.ImportFrom):
            _enter_import(node, module, root)
        elif isinstance(node, Definition):
            _bind(module, node.name, statement)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            _bind(module, node.id, statement)


def _does_nothing(statement: ast.stmt) -> bool:
    """Tell whether a statement has no effect when its module is imported."""
    if isinstance(statement, ast.If):
        never = {"TYPE_CHECKING", "typing.TYPE_CHECKING", "__name__ == '__main__'"}
        return ast.unparse(statement.test) in never
    if isinstance(statement, ast.Expr):
        return isinstance(statement.value, ast.Constant)
    return isinstance(statement, ast.Pass)


def _may_register(statement: ast.stmt, module: Module) -> bool:
    """Tell whether a definition may do more than bind its name when its module is imported."""
    if isinstance(statement, Definition):
        return any(registers(decorator) for decorator in statement.decorator_list)
    value = getattr(statement, "value", None)
    if not isinstance(value, ast.Call):
        return False
    chain = next(chains(value.func), ("",))
    return chain[0] in module.imports or any(
        isinstance(bound, Function) for bound in module.bindings.get(chain[0], [])
    )


def registers(decorator: ast.expr) -> bool:
    """Tell whether a decorator may do more than wrap what stands under it."""
    called = decorator.func if isinstance(decorator, ast.Call) else decorator
    chain = next(chains(called), ("",))
    return not {chain[0], chain[-1]} & WRAPPERS


def imported(
    node: ast.Import | ast.ImportFrom, module: Module, root: str
) -> Iterator[tuple[str, Import, Import]]:
    """Yield for each name of an import of the package: the name, what it is, what is run."""
    if isinstance(node, ast.Import):
        for alias in node.names:
            if alias.name.split(".")[0] == root:
                bound = Import(alias.name if alias.asname else root)
                yield alias.asname or root, bound, Import(alias.name)
        return
    source = node.module or ""
    if node.level:
        above = module.name.split(".")
        keep = len(above) - node.level + (module.path.name == "__init__.py")
        source = ".".join([*above[:keep], *([node.module] if node.module else [])])
    if source.split(".")[0] != root:
        return
    for alias in node.names:
        if alias.name == "*":
            raise BadFile(
                f"{module.path}, line {node.lineno}: 'from {source} import *' hides what is used; "
                "import the names"
            )
        target = Import(source, alias.name)
        yield alias.asname or alias.name, target, target


def chains(node: ast.AST) -> Iterator[tuple[str, ...]]:
    """Yield every name in a piece of code, with the attributes that follow it: ``a.b.c``."""
    if isinstance(node, ast.Attribute):
        attributes = [node.attr]
        inner = node.value
        while isinstance(inner, ast.Attribute):
            attributes.append(inner.attr)
            inner = inner.value
        if isinstance(inner, ast.Name):
            yield (inner.id, *reversed(attributes))
        else:
            yield from chains(inner)
        return
    if isinstance(node, ast.Name):
        yield (node.id,)
    for child in ast.iter_child_nodes(node):
        yield from chains(child)
