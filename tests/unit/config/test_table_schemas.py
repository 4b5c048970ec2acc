"""The schemas of the tables, for tools that check a table row by row."""

from __future__ import annotations

import csv
import json

import pytest
from helpers.repository import ROOT
from jsonschema import Draft202012Validator

TABLES = ("images", "runs", "datasets")


def validator(table: str) -> Draft202012Validator:
    schema = json.loads((ROOT / f"workflow/schemas/{table}.schema.json").read_text())
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


@pytest.mark.parametrize("table", TABLES)
def test_the_shipped_tables_keep_their_schemas(table):
    text = (ROOT / f"config/{table}.tsv").read_text().splitlines()
    rows = list(csv.DictReader(text, delimiter="\t", quoting=csv.QUOTE_NONE))
    assert rows
    assert [list(validator(table).iter_errors(row)) for row in rows] == [[]] * len(rows)


@pytest.mark.parametrize("table", TABLES)
def test_what_a_schema_refuses(table):
    required = json.loads((ROOT / f"workflow/schemas/{table}.schema.json").read_text())["required"]
    row = dict.fromkeys(required, "a")
    assert validator(table).is_valid(row)
    assert not validator(table).is_valid(row | {"no_column": "a"})
    assert not validator(table).is_valid(row | {required[0]: ""})
    del row[required[-1]]
    assert not validator(table).is_valid(row)
