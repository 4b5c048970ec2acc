"""Files that are generated from the settings models.

    python -m blockscope.config.reference          check whether they are up to date
    python -m blockscope.config.reference --fix    write them

These are the JSON schemas for editors in ``workflow/schemas``, also of the rows of the tables, and
the tables of keys between the markers ``<!-- begin NAME -->`` and ``<!-- end NAME -->`` of
``config/README.md``.
"""

from __future__ import annotations

import argparse
import difflib
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel, TypeAdapter
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from blockscope.config.panels import PANELS
from blockscope.config.settings import Config, DatasetRow, ImageRow, RunRow
from blockscope.io.atomic_files import atomic_write_text
from blockscope.models.entry import ModelEntry, Source
from blockscope.models.randomised_entry import RandomisedNetworks

README = Path("config/README.md")
SCHEMAS = Path("workflow/schemas")
TABLES: dict[str, type[BaseModel]] = {"images": ImageRow, "runs": RunRow, "datasets": DatasetRow}


def generated(root: Path) -> dict[Path, str]:
    """Return the content of each generated file; the rest of the README is kept."""
    tables = {
        "settings": key_table(Config),
        "models": key_table(ModelEntry),
        "randomised": key_table(RandomisedNetworks),
        "images": column_table(ImageRow),
        "runs": column_table(RunRow),
        "datasets": column_table(DatasetRow),
        "panels": panel_table(),
    }
    readme = (root / README).read_text(encoding="utf-8")
    for name, table in tables.items():
        readme = _between_markers(readme, name, table)
    return {
        root / README: readme,
        root / SCHEMAS / "config.schema.json": schema_text(Config, "blockscope settings"),
        root / SCHEMAS / "models.schema.json": schema_text(
            dict[str, ModelEntry | RandomisedNetworks], "blockscope catalogue of networks"
        ),
        **{
            root / SCHEMAS / f"{name}.schema.json": row_schema_text(row, f"row of {name}.tsv")
            for name, row in TABLES.items()
        },
    }


def _between_markers(text: str, name: str, table: str) -> str:
    begin, end = f"<!-- begin {name} -->\n", f"<!-- end {name} -->"
    before, first, rest = text.partition(begin)
    _, second, after = rest.partition(end)
    if not first or not second:
        raise ValueError(f"{README} has no markers '{begin.strip()}' and '{end}'")
    return f"{before}{begin}\n{table}\n{end}{after}"


def schema_text(kind: Any, title: str) -> str:
    """Return the JSON schema of settings, for editors that complete and check YAML."""
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **TypeAdapter(kind).json_schema(),
        "title": title,
    }
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def row_schema_text(model: type[BaseModel], title: str) -> str:
    """Return the JSON schema of a row of a table, whose cells are all text.

    It says which columns there are and which must be filled; what a cell may say is checked when
    the workflow starts, and described here.
    """
    cells = {
        name: {"type": "string", "description": field.description}
        | ({"examples": field.examples} if field.examples else {})
        | ({"minLength": 1} if field.is_required() else {})
        for name, field in model.model_fields.items()
    }
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"blockscope {title}",
        "type": "object",
        "properties": cells,
        "required": [name for name, field in model.model_fields.items() if field.is_required()],
        "additionalProperties": False,
    }
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def key_table(model: type[BaseModel]) -> str:
    """Return a Markdown table of all keys of settings, ``a.b`` for those of sections."""
    lines = ["| key | type | default | example | meaning |", "|---|---|---|---|---|"]
    for key, field in _keys(model, ""):
        cells = [f"`{key}`", _words(field.annotation), _default(field), _example(field)]
        lines.append(f"| {' | '.join([*cells, str(field.description)])} |")
    return "\n".join(lines)


def column_table(model: type[BaseModel]) -> str:
    """Return a Markdown table of the columns of a table."""
    lines = ["| column | when empty | example | meaning |", "|---|---|---|---|"]
    for name, field in model.model_fields.items():
        cells = [f"`{name}`", _column_default(field), _example(field), str(field.description)]
        lines.append(f"| {' | '.join(cell.replace('|', '&#124;') for cell in cells)} |")
    return "\n".join(lines)


def panel_table() -> str:
    """Return a Markdown table of the panels of a figure."""
    lines = ["| panel | title | what it shows |", "|---|---|---|"]
    lines += [f"| `{one.name}` | {one.title} | {one.summary} |" for one in PANELS.values()]
    return "\n".join(lines)


def _keys(model: type[BaseModel], prefix: str) -> Iterator[tuple[str, FieldInfo]]:
    for attribute, field in model.model_fields.items():
        name, inner = field.alias or attribute, field.annotation
        if isinstance(inner, type) and issubclass(inner, BaseModel) and inner is not Source:
            yield from _keys(inner, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", field
        if inner is Source and name == "graph":
            yield from _keys(Source, f"{prefix}{name}.")


def _words(kind: Any) -> str:
    """Describe a type: whole number, number, text, or a list of them."""
    plain = {int: "whole number", float: "number", bool: "true or false", str: "text"}
    plain[Source] = "path, or mapping"
    if kind in plain:
        return plain[kind]
    inner = [part for part in get_args(kind) if part is not type(None)]
    origin = get_origin(kind)
    if origin is tuple and Ellipsis not in inner:
        return f"list of {len(inner)}: {_words(inner[0])}s"
    if origin is tuple:
        return f"list of {_words(inner[0])}s"
    if origin is dict:
        return "mapping"
    if origin is Literal:
        return " or ".join(f"`{choice}`" for choice in inner)
    return _words(inner[0])


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    if field.default is None or field.default is PydanticUndefined:
        return "none"
    value = list(field.default) if isinstance(field.default, tuple) else field.default
    return f"`{json.dumps(value)}`"


def _column_default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    if field.default is None or field.default in ("", (), {}):
        return "empty"
    value = ",".join(field.default) if isinstance(field.default, tuple) else str(field.default)
    return f"`{value}`"


def _example(field: FieldInfo) -> str:
    if not field.examples:
        return ""
    example = field.examples[0]
    return f"`{example if isinstance(example, str) else json.dumps(example)}`"


def differences(root: Path) -> str:
    """Return the changes that the generated files need, as a diff; empty if they need none."""
    found: list[str] = []
    for path, wanted in generated(root).items():
        present = path.read_text(encoding="utf-8") if path.is_file() else ""
        found += difflib.unified_diff(
            present.splitlines(), wanted.splitlines(), str(path), "as generated", lineterm=""
        )
    return "\n".join(found)


def main() -> int:
    """Check the generated files, or write them."""
    parser = argparse.ArgumentParser(description=__doc__, prog="blockscope.config.reference")
    parser.add_argument("--fix", action="store_true", help="write what is out of date")
    parser.add_argument("--root", type=Path, default=Path(), help="folder of the project")
    options = parser.parse_args()
    if options.fix:
        for path, text in generated(options.root).items():
            atomic_write_text(path, text)
        return 0
    found = differences(options.root)
    sys.stdout.write(f"{found}\n" if found else "up to date\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
