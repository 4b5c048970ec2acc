"""Following names from a script through a package.

Rules of reaching, each on the safe side:

- a definition reaches every name in it, whatever the scope: functions, classes (whole), constants;
  names that are rebound reach all of their bindings
- ``module.name`` reaches that name; a module used as a value, or asked for a name that cannot be
  seen in its text, counts as a whole; so does a module whose dotted name stands in a string
- a module that is imported runs: its statements at the top that are no plain definition count
  (registrations, loops, calls), as do definitions under a decorator that may register them
- a string that names a data file beside the module, or in a data folder there (a folder without
  Python modules), stands for the content of that file, and of the files beside it that it mentions
"""

from __future__ import annotations

import ast
import hashlib
from functools import cache
from pathlib import Path

from blockscope.io.errors import BadFile
from blockscope.runtime.digest.modules import Import, Module, imported, parse
from blockscope.runtime.digest.normal_form import plain

ENTRY = "main"
LENGTH = 20  # hexadecimal digits: 80 bits
# Bindings that describe the package and change no result.
IGNORED = frozenset({"__all__", "__file__", "__version__"})


class Walk:
    """Collects the definitions that can be reached from one script."""

    def __init__(self, package: Path) -> None:
        self.package = package
        self.root = package.name
        self.parts: dict[tuple[str, str], set[str]] = {}
        self.files: dict[str, str] = {}
        self.seen: set[tuple[str, ...]] = set()
        self.pending: list[tuple[Module, str, ast.stmt]] = []
        self.find = cache(self._find)
        self.data_folders = cache(_data_folders)

    def start(self, script: Path) -> None:
        """Follow everything from the script's entry function."""
        module = parse(script, "", self.root)
        if ENTRY not in module.bindings:
            raise BadFile(f"script '{script}' has no function '{ENTRY}' to start from")
        for target in module.run:
            self._enter(self._module_of(target))
        self._reach(module, ENTRY)
        while self.pending:
            self._visit(*self.pending.pop())

    def digest(self) -> str:
        """Return the digest of what was collected, independent of the order of reaching it."""
        collected = hashlib.sha256()
        for (module, name), texts in sorted(self.parts.items()):
            for text in sorted(texts):
                collected.update(f"{module}\0{name}\0{text}\0".encode())
        for name, content in sorted(self.files.items()):
            collected.update(f"{name}\0{content}\0".encode())
        return collected.hexdigest()[:LENGTH]

    def _find(self, name: str) -> Module | None:
        """Return a module of the package by its dotted name, or None for anything else."""
        if name != self.root and not name.startswith(f"{self.root}."):
            return None
        base = self.package.joinpath(*name.split(".")[1:])
        for path in (base.with_name(f"{base.name}.py"), base / "__init__.py"):
            if path.is_file() and (path.name == "__init__.py" or name != self.root):
                return parse(path, name, self.root)
        return None

    def _enter(self, name: str) -> None:
        """Count what runs when a module is imported: its own top and that of its parents."""
        parts = name.split(".")
        for end in range(1, len(parts) + 1):
            module = self.find(".".join(parts[:end]))
            if module is None or (module.name, "") in self.seen:
                continue
            self.seen.add((module.name, ""))
            for statement in module.effects:
                self.pending.append((module, "*", statement))
            for target in module.run:
                self._enter(self._module_of(target))

    def _module_of(self, target: Import) -> str:
        """Return the deepest module that an import statement runs."""
        if target.name and self.find(f"{target.module}.{target.name}"):
            return f"{target.module}.{target.name}"
        return target.module

    def _reach(self, module: Module, name: str, rest: tuple[str, ...] = ()) -> bool:
        """Count ``name.rest`` as a module sees it; False where its text does not bind the name."""
        if name in IGNORED:
            return True
        if (module.name, name, *rest) not in self.seen:
            self.seen.add((module.name, name, *rest))
            for statement in module.bindings.get(name, []):
                self.pending.append((module, name, statement))
            for target in module.imports.get(name, []):
                self._use(target, rest)
        return name in module.bindings or name in module.imports

    def _reach_whole(self, module: Module) -> None:
        self._enter(module.name)
        for name in [*module.bindings, *module.imports]:
            self._reach(module, name)

    def _use(self, target: Import, attributes: tuple[str, ...]) -> None:
        """Count what ``imported.attribute.attribute`` stands for."""
        chain = ((target.name,) if target.name else ()) + attributes
        module = self.find(target.module)
        for position, name in enumerate(chain):
            if module is None:
                return
            self._enter(module.name)
            inner = self.find(f"{module.name}.{name}")
            bound = self._reach(module, name, chain[position + 1 :])
            if inner is None and not bound:
                break  # made in a way that the text does not show
            if inner is None or name in module.imports:
                return
            module = inner
        if module:
            self._reach_whole(module)

    def _visit(self, module: Module, name: str, found: ast.stmt) -> None:
        """Count one statement, and whatever its names stand for."""
        if module.name:
            self._enter(module.name)
        said = plain(found)
        self.parts.setdefault((module.name, name), set()).add(said.text)
        local: dict[str, list[Import]] = {}
        for node in said.imports:
            for alias, target, runs in imported(node, module, self.root):
                local.setdefault(alias, []).append(target)
                self._enter(self._module_of(runs))
        for chain in said.chains:
            for target in local.get(chain[0], []):
                self._use(target, chain[1:])
            if chain[0] not in local:
                self._reach(module, chain[0], chain[1:])
            if chain[0] in {"globals", "__import__", "vars"}:
                self._reach_whole(module)
        self._read_strings(module, said.strings)

    def _read_strings(self, module: Module, strings: tuple[str, ...]) -> None:
        folders: list[Path] = []
        matched = False
        for text in strings:
            named = self.find(text) if text.replace(".", "").isidentifier() else None
            if named and "." in text:
                self._reach_whole(named)
            elif module.name and 0 < len(text) < 200 and "\0" not in text and "\n" not in text:
                files = self._data_files(module.path.parent, text)
                matched = matched or bool(files)
                for file in files:
                    self._add_file(file)
                folder = module.path.parent / text
                folders += [folder] if folder in self.data_folders(module.path.parent) else []
        if not matched:  # no file of the folder is named here: all of them may be read
            self._add_folders(module, folders)

    def _add_folders(self, module: Module, folders: list[Path]) -> None:
        """Count whole data folders, unless the module names files in them one by one."""
        for folder in folders:
            files = sorted(path for path in folder.rglob("*") if path.is_file())
            named = (path.relative_to(folder).as_posix() in module.strings for path in files)
            if not any(named):
                for path in files:
                    self._add_file(path)

    def _data_files(self, folder: Path, text: str) -> list[Path]:
        """Return the data files beside a module, or in a data folder there, that a string names."""
        if ".." in text.split("/") or text.startswith("/") or text.endswith(".py"):
            return []
        places = [folder, *self.data_folders(folder)]
        return [place / text for place in places if (place / text).is_file()]

    def _add_file(self, path: Path) -> None:
        key = path.relative_to(self.package).as_posix()
        if key in self.files:
            return
        content = path.read_bytes()
        self.files[key] = hashlib.sha256(content).hexdigest()
        for sibling in path.parent.iterdir():  # included and inherited templates, linked styles
            if sibling.is_file() and sibling.suffix != ".py" and sibling.name.encode() in content:
                self._add_file(sibling)


def _data_folders(folder: Path) -> list[Path]:
    """Return the folders of data beside a module: those that hold no Python module."""
    return [
        path
        for path in folder.iterdir()
        if path.is_dir() and path.name != "__pycache__" and not any(path.glob("*.py"))
    ]
