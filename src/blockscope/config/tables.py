"""Reading the files that a user writes: YAML mappings and tab-separated tables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel

from blockscope.config.error_list import ErrorList
from blockscope.io.errors import BadFile, describe_valid, nearest_names
from blockscope.models.entry import ModelEntry


@dataclass(frozen=True)
class Row:
    """A row of a table: its line number and its filled cells by column."""

    line: int
    cells: Mapping[str, str]


@dataclass(frozen=True)
class Mapped:
    """A YAML mapping: its content, and the line of each top-level key."""

    content: Mapping[Any, Any]
    lines: Mapping[Any, int]


def read_catalogue(path: str | Path) -> dict[str, ModelEntry]:
    """Read the catalogue of networks; raises ``BadConfig`` with all mistakes in it."""
    problems = ErrorList()
    entries = {name: entry for name, (_, entry) in parse_catalogue(path, problems).items() if entry}
    problems.raise_if_any()
    return entries


def parse_catalogue(
    path: str | Path, problems: ErrorList
) -> dict[str, tuple[str, ModelEntry | None]]:
    """Read the catalogue as id -> (place, entry); an entry with mistakes is None."""
    mapped = read_mapping(path, problems)
    if mapped is None:
        return {}
    if not mapped.content:
        problems.add(str(path), "is empty; it needs at least one network")
    found: dict[str, tuple[str, ModelEntry | None]] = {}
    for name, content in mapped.content.items():
        place = f"{path}, line {mapped.lines[name]} (model '{name}')"
        if not isinstance(name, str):
            problems.add(place, f"a model's id must be text; write '{name}' in quotes")
            continue
        found[name] = place, problems.parse(ModelEntry, content, place)
    return found


def read_mapping(path: str | Path, problems: ErrorList) -> Mapped | None:
    """Read a YAML file that holds a mapping; adds syntax errors and duplicate keys."""
    text = read_text(path, problems)
    if text is None:
        return None
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        content = yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f"{path}, line {mark.line + 1}" if mark else str(path)
        problems.add(place, f"is not valid YAML: {getattr(error, 'problem', None) or error}")
        return None
    if node is None:
        return Mapped({}, {})
    if not isinstance(node, yaml.MappingNode) or not isinstance(content, dict):
        problems.add(str(path), "must hold keys with values, as in 'models: config/models.yaml'")
        return None
    for key, first, second in _repeated_keys(node):
        problems.add(f"{path}, line {second}", f"duplicate key '{key}', first in line {first}")
    lines = [key.start_mark.line + 1 for key, _ in node.value]
    names = [yaml.safe_load(yaml.serialize(key)) for key, _ in node.value]
    return Mapped(content, dict(zip(names, lines, strict=True)))


def _repeated_keys(node: yaml.Node) -> Iterator[tuple[str, int, int]]:
    if isinstance(node, yaml.SequenceNode):
        for item in node.value:
            yield from _repeated_keys(item)
    if isinstance(node, yaml.MappingNode):
        seen: dict[str, int] = {}
        for key, value in node.value:
            line = key.start_mark.line + 1
            if key.value in seen:
                yield key.value, seen[key.value], line
            elif isinstance(key.value, str):
                seen[key.value] = line
            yield from _repeated_keys(value)


def read_table(path: str | Path, model: type[BaseModel], problems: ErrorList) -> list[Row] | None:
    """Read a table whose columns are the fields of ``model``; None where that is impossible.

    UTF-8, cells separated by tabs and used verbatim (no quotes), column names in the first line, in
    any order. Empty lines and lines that begin with ``#`` are ignored; a row holds only its filled
    cells.
    """
    text = read_text(path, problems)
    if text is None:
        return None
    lines = [
        (number, line.rstrip("\r"))
        for number, line in enumerate(text.split("\n"), start=1)
        if line.strip() and not line.startswith("#")
    ]
    if not lines:
        problems.add(str(path), f"is empty; {_columns(model)}")
        return None
    columns = [name.strip() for name in lines[0][1].split("\t")]
    if not _check_columns(path, columns, model, problems):
        return None
    if len(lines) == 1:
        problems.add(str(path), "has column names, but no rows")
    rows = []
    for number, line in lines[1:]:
        cells = [cell.strip() for cell in line.split("\t")]
        if len(cells) != len(columns):
            problems.add(
                f"{path}, line {number}",
                f"has {len(cells)} cells, but the table has {len(columns)} columns; write one tab "
                "between cells, also around empty ones",
            )
            continue
        filled = {name: cell for name, cell in zip(columns, cells, strict=True) if cell}
        rows.append(Row(number, filled))
    return rows


def _check_columns(
    path: str | Path, columns: list[str], model: type[BaseModel], problems: ErrorList
) -> bool:
    known = model.model_fields
    place = f"{path}, line 1"
    if len(columns) == 1 and set(columns[0].replace(",", " ").replace(";", " ").split()) & set(
        known
    ):
        problems.add(place, f"'{columns[0]}' has no tab; separate columns by tabs")
        return False
    sound = True
    for name in columns:
        if columns.count(name) > 1:
            problems.add(place, f"duplicate column '{name}'")
            sound = False
        elif name not in known:
            near = nearest_names(name, known, most=1)
            guess = f"; did you mean {near[0]}?" if near else ""
            valid = describe_valid(name, known)
            problems.add(place, f"unknown column '{name}'{guess} ({valid})")
            sound = False
    for name, field in known.items():
        if field.is_required() and name not in columns:
            problems.add(place, f"column '{name}' is missing; {_columns(model)}")
            sound = False
    return sound


def _columns(model: type[BaseModel]) -> str:
    needed = [name for name, field in model.model_fields.items() if field.is_required()]
    free = [name for name, field in model.model_fields.items() if not field.is_required()]
    return f"columns: {', '.join(needed)}" + (f"; optional: {', '.join(free)}" if free else "")


def read_text(path: str | Path, problems: ErrorList) -> str | None:
    """Read a text file as UTF-8; adds the reason where it cannot be read."""
    try:
        return Path(path).read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        problems.add(str(path), f"does not exist (looked in {Path.cwd()})")
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        problems.add(f"{path}, line {line}", "is not UTF-8 text; save the file in that encoding")
    except OSError as error:
        problems.add(str(path), f"cannot be read: {error.strerror or error}")
    return None


def read_settings(path: str | Path) -> Mapping[Any, Any]:
    """Read a YAML file of settings; raises ``BadFile`` with the line of a syntax error."""
    problems = ErrorList()
    mapped = read_mapping(path, problems)
    if problems.texts or mapped is None:
        raise BadFile("\n".join(problems.texts))
    return mapped.content
