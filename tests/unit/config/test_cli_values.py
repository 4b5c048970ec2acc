"""Numbers and booleans of the command line, where Snakemake hands over text."""

from __future__ import annotations

import pytest
from snakemake.cli import parse_config
from snakemake.utils import update_config

from blockscope.config.cli_values import parse_cli_values
from blockscope.config.error_list import ErrorList
from blockscope.config.settings import Config
from blockscope.io.errors import BadConfig

FILES = {
    "models": "m",
    "images": "i",
    "runs": "r",
    "sprites": {"recipe": "draft", "channels_per_job": 5},
}


def given_as(*entries: str, files=FILES) -> Config:
    """Return the settings as Snakemake makes and the workflow reads them."""
    given = parse_config(entries)
    config = {**files, "sprites": dict(files["sprites"])}
    update_config(config, given)
    problems = ErrorList()
    settings = problems.parse(Config, parse_cli_values(config, given), "here")
    problems.raise_if_any()
    return settings


def test_snakemake_leaves_text_below_the_top():
    assert parse_config(["given={b: 512, c: true, d: [0, 9]}", "count=512"]) == {
        "given": {"b": "512", "c": "true", "d": ["0", "9"]},
        "count": 512,
    }


@pytest.mark.parametrize(
    ("entry", "section", "key", "value"),
    [
        ("compute={memory_mb: 512}", "compute", "memory_mb", 512),
        ("compute={gpu: true}", "compute", "gpu", True),
        ("grids={scale_by_magnitude: True}", "grids", "scale_by_magnitude", True),
        ("sprites={channels_per_job: 16}", "sprites", "channels_per_job", 16),
        ("figure={opacity: 0.25}", "figure", "opacity", 0.25),
        ("image={background: [7, 8, 9]}", "image", "background", (7, 8, 9)),
    ],
)
def test_what_is_given_is_read_as_in_a_file(entry, section, key, value):
    found = getattr(getattr(given_as(entry), section), key)
    assert (found, type(found)) == (value, type(value))


def test_words_stay_words_and_what_is_not_given_stays():
    settings = given_as("sprites={recipe: paper}", "figure={dpi: 100, interpolate: false}")
    assert (settings.sprites.recipe, settings.sprites.channels_per_job) == ("paper", 5)
    assert (settings.figure.dpi, settings.figure.interpolate) == (100, False)
    assert given_as("sprites={recipe: none}").sprites.recipe == "none"
    assert given_as("shared_results=/data/b").shared_results == "/data/b"


@pytest.mark.parametrize(
    ("entry", "match"),
    [
        ("compute={memory_mb: 512.5}", "compute.memory_mb: must be a whole number, found 512.5"),
        ("compute={memory_mb: much}", "compute.memory_mb: must be a whole number, found 'much'"),
        ("compute={memory_mb: '[512'}", "must be a whole number, found '\\[512'"),
        ("compute={gpu: 1}", "compute.gpu: must be true or false, found 1"),
        ("sprites={recipe: 7}", "sprites.recipe: must be 'none'.*found 7"),
        ("sprites={recipe: 2026-13-45}", "sprites.recipe: must be 'none'.*found '2026-13-45'"),
        ("figure={dpi: 0300}", "dpi: must be a whole number, found '0300' .YAML reads 0300 as the"),
        ("figure={dpi: '5:00'}", "found '5:00' .YAML reads 5:00 as a number of base 60; write"),
        (f"figure={{dpi: {'9' * 5000}}}", "dpi: must be a whole number, found '9999.*a number of"),
        ("figure={dpi: '[[[[[[[[1'}", "must be a whole number, found"),
        ("sprites=draft", "sprites: must be a mapping of keys"),
        ("compute={memry_mb: 512}", "unknown key 'memry_mb' in compute; did you mean memory_mb"),
    ],
)
def test_what_is_not_valid_in_a_file_is_not_valid_here(entry, match):
    with pytest.raises(BadConfig, match=match):
        given_as(entry)


def test_quotes_in_files_are_refused_as_before():
    files = {**FILES, "sprites": {"recipe": "draft", "channels_per_job": "16"}}
    with pytest.raises(
        BadConfig, match=r"channels_per_job: must be a whole number, found '16' .text"
    ):
        given_as("sprites={recipe: paper}", files=files)
    assert given_as("sprites={channels_per_job: 16}", files=files).sprites.channels_per_job == 16


def test_numbers_that_are_numbers_already_stay_as_they_are():
    given = {"image": {"background": [7, 8, 9]}, "compute": {"gpu": True}}
    assert parse_cli_values(given, given) == given


def test_settings_of_another_workflow_are_not_of_the_module():
    given = {"mine": {"a": "1"}, "list": ["1"]}
    assert parse_cli_values(FILES, given) == FILES
