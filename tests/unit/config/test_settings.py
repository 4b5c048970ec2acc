"""What a user may write, key by key, and the documentation made from it."""

from __future__ import annotations

import re
from typing import Annotated, Any, get_args, get_origin

import pytest
import yaml
from helpers.repository import ROOT
from pydantic import ValidationError

from blockscope.config import reference, result_paths
from blockscope.config.settings import Config, DatasetRow, FactorChoice, RunRow
from blockscope.models.entry import ModelEntry, Settings

RUN = {"run": "r", "model": "m", "image": "i", "layer1": "a", "layer2": "b"}
MODEL: dict[str, Any] = {
    "graph": "net.keras",
    "input": {"size": [5, 7], "range": [-1, 1]},
    "labels": "labels.json",
}


@pytest.mark.parametrize(
    ("text", "n", "joint", "method"),
    [
        ("2", 2, False, "nmf"),
        ("2 joint", 2, True, "nmf"),
        ("6 pca", 6, False, "pca"),
        ("3 joint pca", 3, True, "pca"),
        ("3 pca joint", 3, True, "pca"),
        ("12", 12, False, "nmf"),
    ],
)
def test_the_words_of_factors(text, n, joint, method):
    choice = RunRow(**RUN, factors=text).factors
    assert (choice.n, choice.joint, choice.method) == (n, joint, method)
    assert FactorChoice.model_validate(str(choice)) == choice


@pytest.mark.parametrize(
    "text", ["0", "-2", "2.0", "two", "2 nmf", "joint 2", "2 joint joint", "101"]
)
def test_other_words_are_refused_with_the_grammar(text):
    with pytest.raises(ValidationError, match=r"as in '2', '3 joint'|less than or equal to 100"):
        RunRow(**RUN, factors=text)


def test_what_is_left_out_of_a_run():
    row = RunRow(**RUN)
    assert row.override == "none"
    assert row.classes == ()
    assert str(row.factors) == "2"
    assert row.methods == ("linear",)
    assert row.panels == ("factors",)


def test_lists_in_cells():
    row = RunRow(**RUN, classes="red star | 7", methods="linear, path")
    assert row.classes == ("red star", "7")
    assert row.methods == ("linear", "path")


@pytest.mark.parametrize(
    ("graph", "match"),
    [
        ({"url": "https://a.org/x.zip"}, "needs the sha256"),
        ({"url": "ftp://a.org/x", "sha256": "a" * 64}, "should match pattern"),
        ({"path": "a", "url": "https://a.org/x", "sha256": "a" * 64}, "either a path or a url"),
        ({}, "either a path or a url"),
        ({"path": "a", "sha256": "abc"}, "should match pattern"),
        ({"path": "a.zip", "member": "b"}, "unpack a local zip"),
        ("net.pb", "needs both input.tensor and logits"),
        ({"url": "https://a.org/x.zip", "sha256": "a" * 64, "member": "g.pb"}, "needs both input"),
        (7, "valid dictionary"),
    ],
)
def test_a_graph_that_cannot_be_found_is_refused(graph, match):
    with pytest.raises(ValidationError, match=match):
        ModelEntry(**{**MODEL, "graph": graph})


@pytest.mark.parametrize(
    ("keys", "match"),
    [
        ({"graph": "net.keras", "signature": "x"}, "signature is only for a SavedModel; 'net"),
        (
            {
                "graph": "net.pb", "logits": "y", "output": "x",
                "input": MODEL["input"] | {"tensor": "input"},
            },
            r"a frozen graph \(.pb\) names no outputs; give logits",
        ),
        ({"feed": {"rate": "fast"}}, "must be a number, true, false, or lists of these, .*'fast'"),
        ({"feed": {"rate": [[[[1]]]]}}, "at most three deep, found"),
    ],
)  # fmt: skip
def test_keys_that_a_file_has_no_use_for_are_refused(keys, match):
    with pytest.raises(ValidationError, match=match):
        ModelEntry(**{**MODEL, **keys})


def test_the_digest_of_an_entry_follows_what_it_says():
    same = ModelEntry(**{**MODEL, "graph": {"path": "net.keras"}})
    other = ModelEntry(**{**MODEL, "skip_labels": 1})
    assert ModelEntry(**MODEL).digest == same.digest != other.digest


def test_settings_cannot_be_changed_and_know_no_other_keys():
    config = Config(models="m", images="i", runs="r")
    with pytest.raises(ValidationError, match="frozen"):
        config.models = "n"  # type: ignore[misc]
    with pytest.raises(ValidationError, match="Extra inputs"):
        Config(models="m", images="i", runs="r", imags="i")  # type: ignore[call-arg]


@pytest.mark.parametrize("value", ["0.5", True, 1.5, -0.1, float("nan")])
def test_numbers_are_numbers_in_their_range(value):
    with pytest.raises(ValidationError, match="opacity"):
        Config(models="m", images="i", runs="r", figure={"opacity": value})


def all_settings(model=Settings):
    for kind in model.__subclasses__():
        yield kind
        yield from all_settings(kind)


@pytest.mark.parametrize("model", list(all_settings()), ids=lambda model: model.__name__)
def test_every_key_is_described_with_an_example(model):
    if model is FactorChoice:  # written as one cell, described there
        return
    for name, field in model.model_fields.items():
        assert field.description, name
        section = isinstance(field.annotation, type) and issubclass(field.annotation, Settings)
        assert field.examples or section, name


def numbers_in(model):
    for name, field in model.model_fields.items():
        kinds = [(field.annotation, field.metadata)]
        kinds += [(inner, []) for inner in get_args(field.annotation)]
        for kind, metadata in kinds:
            inner, *more = get_args(kind) if get_origin(kind) is Annotated else (kind,)
            if inner in (int, float):
                yield name, [*metadata, *more]


def bounds(metadata):
    for entry in metadata:
        for part in getattr(entry, "metadata", [entry]):
            yield from {"ge", "gt", "le", "lt"}.intersection(
                vars(part) if hasattr(part, "__dict__") else dir(part)
            )


@pytest.mark.parametrize("model", list(all_settings()), ids=lambda model: model.__name__)
def test_every_number_has_a_least_and_a_largest_value(model):
    for name, metadata in numbers_in(model):
        found = set(bounds(metadata))
        assert found & {"ge", "gt"}, name
        assert found & {"le", "lt"}, name


def test_examples_are_valid():
    for name, field in RunRow.model_fields.items():
        for example in field.examples:
            RunRow(**{**RUN, name: example})
    for name, field in DatasetRow.model_fields.items():
        for example in field.examples:
            DatasetRow(**{"dataset": "a", "path": "b", name: example})
    entry = {
        "graph": ModelEntry.model_fields["graph"].examples[0],
        "logits": "l",
        "labels": "labels.json",
        "input": {"tensor": "input", "size": [224, 224], "range": [-1, 1]},
    }
    assert ModelEntry(**entry).skip_labels == 0


def test_the_generated_files_are_up_to_date():
    difference = reference.differences(ROOT)
    assert not difference, f"run python -m blockscope.config.reference --fix\n{difference}"


def test_a_change_of_a_key_shows_as_a_difference(tmp_path):
    for path, text in reference.generated(ROOT).items():
        copy = tmp_path / path.relative_to(ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_text(text.replace("opacity", "opaqueness"))
    assert "+| `figure.opacity`" in reference.differences(tmp_path)


def test_every_key_is_in_the_reference():
    text = (ROOT / "config" / "README.md").read_text()
    for key in ("models", "image.background", "compute.memory_mb", "figure.dpi", "graph.sha256"):
        assert f"| `{key}` |" in text
    for column in (*RunRow.model_fields, *DatasetRow.model_fields):
        assert f"| `{column}` |" in text


def test_the_commented_defaults_of_the_shipped_settings_are_the_defaults():
    text = (ROOT / "config" / "config.yaml").read_text()
    options = re.sub(
        r"^# (?=( |shared_results:|image:|compute:|factors:|channels:|neuron_groups:|ablation:"
        r"|scores:|sprites:|grids:|sweep:|figure:))",
        "",
        text,
        flags=re.MULTILINE,
    )
    written = yaml.safe_load(options)
    assert written["sprites"].pop("recipe") == "draft"  # the example shows sprites
    assert set(written) == set(Config.model_fields)
    assert Config(**written) == Config(
        **{key: written[key] for key in ("models", "images", "runs", "datasets")}
    )


@pytest.mark.parametrize(
    ("layer", "text", "deepest", "name"),
    [
        ("mixed4d", "2", "mixed5a", "mixed4d-2"),
        ("mixed4d", "2 pca", "mixed5a", "mixed4d-2-pca"),
        ("mixed4d", "3 joint", "mixed5a", "mixed4d-3-on-mixed5a"),
        ("mixed5a", "3 joint pca", "mixed5a", "mixed5a-3-on-mixed5a-pca"),
        ("block/conv-1", "12 joint", "block/out", "block~conv-1-12-on-block~out"),
    ],
)
def test_names_of_factors_are_read_back(layer, text, deepest, name):
    choice = FactorChoice.model_validate(text)
    assert result_paths.factors_name(layer, choice, deepest) == name
    pattern = (
        rf"(?P<layer>[^/]+?)-(?P<n>[1-9][0-9]{{0,2}})(?P<recipe>{result_paths.RECIPE_PATTERN})"
    )
    found = re.fullmatch(pattern, name)
    assert result_paths.layer_from_path(found["layer"]) == layer
    assert int(found["n"]) == choice.n
    assert result_paths.method_of(found["recipe"]) == choice.method
    fit = result_paths.fitted_on(found["recipe"])
    assert (result_paths.layer_from_path(fit) if fit else None) == (
        deepest if choice.joint else None
    )
