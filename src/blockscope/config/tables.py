"""Reading the files that a user writes: YAML mappings and tab-separated tables."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel

from blockscope.config.error_list import ErrorList
from blockscope.config.settings import ID_PATTERN, ID_WORDS, RESERVED_MODELS
from blockscope.config.strict_yaml import YamlError, parse_yaml
from blockscope.io.comment_lines import reason_to_refuse
from blockscope.io.counts import counted
from blockscope.io.errors import BadFile, describe_valid, nearest_names, unknown_name
from blockscope.models.entry import ModelEntry
from blockscope.models.randomised_entry import Randomise, RandomisedEntry, RandomisedNetworks

MOST_BYTES = 50_000_000  # of a table: some hundred thousand rows


@dataclass(frozen=True)
class Row:
    """A row of a table: its line number and its filled cells by column."""

    line: int
    cells: Mapping[str, str]


@dataclass(frozen=True)
class Mapped:
    """A YAML mapping: its content, and its top-level keys as they are written, with their lines.

    ``repeated`` are the lines of keys, at any level, that occur a second time.
    """

    content: Mapping[Any, Any]
    written: Mapping[Any, tuple[str, int]]
    repeated: tuple[int, ...] = ()

    def is_repeated(self, name: Any) -> bool:
        """Tell whether a top-level key, or one below it, occurs twice."""
        line = self.written[name][1]
        end = min((n for _, n in self.written.values() if n > line), default=sys.maxsize)
        return any(line <= other < end for other in self.repeated)


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
    randomised: dict[str, tuple[str, RandomisedNetworks | None]] = {}
    for name, content in mapped.content.items():
        text, line = mapped.written[name]
        place = f"{path}, line {line} (model '{text}')"
        if not isinstance(name, str):
            problems.add(
                place,
                f"a model's id must be text, and YAML reads {text or 'nothing'} as {name!r}; write "
                f"'{text}': in quotes, or choose another id",
            )
            continue
        wrong = _wrong_id(name)
        if wrong:
            problems.add(place, wrong)
        sound = not wrong and not mapped.is_repeated(name)
        if isinstance(content, dict) and ("from" in content or "randomise" in content):
            options = problems.parse(RandomisedNetworks, content, place)
            randomised[name] = place, options if sound else None
        else:
            entry = problems.parse(ModelEntry, content, place)
            found[name] = place, entry if sound else None
    return found | _randomised(randomised, found, path, problems)


def _randomised(
    randomised: Mapping[str, tuple[str, RandomisedNetworks | None]],
    found: Mapping[str, tuple[str, ModelEntry | None]],
    path: str | Path,
    problems: ErrorList,
) -> dict[str, tuple[str, ModelEntry | None]]:
    """Return the networks that are made of others in the catalogue, by their ids."""
    made: dict[str, tuple[str, ModelEntry | None]] = {}
    drawn: dict[tuple[str, Randomise], str] = {}
    for name, (place, options) in randomised.items():
        if options is None:
            made[name] = place, None
            continue
        source = options.source
        if source in randomised:
            problems.add(
                f"{place}, key from",
                f"model '{source}' is itself made of another one; give the trained network, "
                f"{describe_valid(source, found)}",
            )
        elif source not in found:
            where = f"listed in {path}"
            problems.add(f"{place}, key from", str(unknown_name("model", source, found, where)))
        origin = found.get(source, ("", None))[1]
        for own, randomise in options.randomise.networks(name):
            wrong = _wrong_id(own)
            if wrong and own != name:  # a family; else it is reported already
                problems.add(place, wrong)
            if own in {*found, *made}:
                wrong = f"model '{own}', which its lists make, is there already; choose another id"
                problems.add(place, wrong)
            same = drawn.setdefault((source, randomise), own)
            if same != own:  # it would count as another sample of the same weights
                problems.add(
                    f"{place}, key randomise",
                    f"model '{own}' has the weights of '{same}' ({randomise.in_words()}); give "
                    "another seed or layer, or take one of them out",
                )
            sound = origin is not None and not wrong
            entry = RandomisedEntry.of(origin, source, randomise) if origin and sound else None
            made[own] = place, entry
    return made


def _wrong_id(name: str) -> str:
    """Say what is wrong with a model's id, which is part of paths; empty where nothing is."""
    if not re.fullmatch(ID_PATTERN, name):
        return f"must be {ID_WORDS}, found '{name}'"
    if name.lower() in RESERVED_MODELS:
        return f"id '{name}' is reserved for a folder of results; choose another one"
    return ""


def read_mapping(path: str | Path, problems: ErrorList) -> Mapped | None:
    """Read a YAML file that holds a mapping; adds syntax errors and duplicate keys."""
    text = read_text(path, problems)
    if text is None:
        return None
    try:
        parsed = parse_yaml(text)
    except YamlError as error:
        problems.add(f"{path}, line {error.line}" if error.line else str(path), str(error))
        return None
    if parsed.root is None:
        return Mapped({}, {})
    if not isinstance(parsed.root, yaml.MappingNode) or not isinstance(parsed.content, dict):
        problems.add(str(path), "must hold keys with values, as in 'models: config/models.yaml'")
        return None
    for key, first, second in parsed.repeated:
        problems.add(f"{path}, line {second}", f"duplicate key '{key}', first in line {first}")
    keys = [key for key, _ in parsed.root.value]
    names = [yaml.SafeLoader("").construct_object(key) for key in keys]
    written = [(key.value, key.start_mark.line + 1) for key in keys]
    repeated = tuple(line for _, _, line in parsed.repeated)
    return Mapped(parsed.content, dict(zip(names, written, strict=True)), repeated)


def read_table(path: str | Path, model: type[BaseModel], problems: ErrorList) -> list[Row] | None:
    """Read a table whose columns are the fields of ``model``; None where that is impossible.

    UTF-8, cells separated by tabs and used verbatim (no quotes), column names in the first line, in
    any order. Empty lines and lines that begin with ``#`` are ignored; one of these that may be a
    row is a mistake. A row holds only its filled cells.
    """
    text = read_text(path, problems)
    if text is None:
        return None
    lines = [
        (number, line.rstrip("\r"))
        for number, line in enumerate(text.split("\n"), start=1)
        if line.strip()
    ]
    while lines and lines[0][1].startswith("#"):
        del lines[0]
    if not lines:
        problems.add(str(path), f"is empty; {_columns(model)}")
        return None
    columns = [name.strip() for name in lines[0][1].split("\t")]
    if not _check_columns(path, columns, model, problems):
        return None
    if all(line.startswith("#") for _, line in lines[1:]):
        problems.add(str(path), "has column names, but no rows")
    rows = []
    for number, line in lines[1:]:
        if line.startswith("#"):
            unclear = reason_to_refuse(line, columns, next(iter(model.model_fields)))
            if unclear:
                problems.add(f"{path}, line {number}", unclear)
            continue
        cells = [cell.strip() for cell in line.split("\t")]
        if len(cells) != len(columns):
            problems.add(
                f"{path}, line {number}",
                f"has {counted(len(cells), 'cell')}, but the table has "
                f"{counted(len(columns), 'column')}; write one tab between cells, also around "
                "empty ones",
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
    for number, name in enumerate(columns, start=1):
        if not name:
            at_end = not any(columns[number:])
            problems.add(
                place,
                f"column {number} has no name"
                + ("; remove the tab at the end of the line" if at_end else ""),
            )
            sound = False
        elif columns.count(name) > 1:
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
        source = Path(path)
        if source.exists() and not (source.is_file() or source.is_dir()):
            problems.add(str(path), "is not a file")  # a pipe or a device may never end
            return None
        if source.stat().st_size > MOST_BYTES:
            problems.add(str(path), f"is larger than {MOST_BYTES:,} bytes")
            return None
        return source.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        problems.add(str(path), f"does not exist (looked in {Path.cwd()})")
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        problems.add(f"{path}, line {line}", "is not UTF-8 text; save the file in that encoding")
    except (OSError, ValueError) as error:
        problems.add(str(path), f"cannot be read: {getattr(error, 'strerror', None) or error}")
    return None


def read_settings(path: str | Path) -> Mapping[Any, Any]:
    """Read a YAML file of settings; raises ``BadFile`` with the line of a syntax error."""
    problems = ErrorList()
    mapped = read_mapping(path, problems)
    if problems.texts or mapped is None:
        raise BadFile("\n".join(problems.texts))
    return mapped.content
