"""The stages of rules that another workflow has renamed."""

from __future__ import annotations

import pytest

from blockscope.runtime.stage_names import VARIABLE, note_names, stage_of


@pytest.fixture(autouse=True)
def forget(monkeypatch):
    monkeypatch.setenv(VARIABLE, "")


def test_a_rule_has_the_name_of_its_stage():
    note_names({"page": "page"})
    assert stage_of("page") == "page"
    assert stage_of("other_page") == "other_page"


def test_renamed_rules_of_several_modules():
    note_names({"maps_page": "page", "input": "model"})
    note_names({"more_page": "page"})
    assert [stage_of(rule) for rule in ("maps_page", "more_page", "input")] == [
        "page", "page", "model",
    ]  # fmt: skip
