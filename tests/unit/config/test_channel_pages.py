"""What the pages of channels are made of: data sets, drivers and panels of the runs."""

from __future__ import annotations

from blockscope.config.channel_pages import (
    datasets_of,
    files_of_page,
    first_pages,
    layers_with_pages,
    uses_of,
)
from blockscope.config.settings import RunRow

CELLS = {"model": "net", "image": "dog", "layer1": "a/low", "layer2": "high"}


def row(run: str, **more: str) -> RunRow:
    return RunRow.model_validate(CELLS | {"run": run} | more)


RUNS = [
    row("one", dataset="photos", panels="channels", classes="dog|cat"),
    row("two", dataset="scenes", layer1="other", panels="semantic_dictionary"),
    row("three", image="cat", panels="factors,channel_methods"),
    row("four", model="another", dataset="drawings"),
    row("five", panels="channels"),
]


def test_a_layer_has_the_data_sets_of_the_runs_that_show_it():
    assert datasets_of(RUNS, "net", "a/low") == ["photos"]
    assert datasets_of(RUNS, "net", "high") == ["photos", "scenes"]
    assert datasets_of(RUNS, "net", "asked for") == ["photos", "scenes"]
    assert datasets_of(RUNS[2:3], "net", "a/low") == []


def test_layers_with_pages_are_those_of_runs_with_a_data_set():
    named = [("net", "a/low"), ("net", "high"), ("net", "other"), ("another", "a/low")]
    assert layers_with_pages(RUNS)[:4] == named
    assert first_pages(RUNS)[0] == ("net", "a/low", "results/models/net/channels/a~low.html")
    assert first_pages(RUNS[2:3]) == []


def test_drivers_are_those_of_runs_that_show_both_layers():
    files = files_of_page(RUNS, "net", "a/low", rendered=True)
    assert files["drivers"] == ["results/net/dog/none/drivers/a~low--high.h5"]
    assert files["sprites"] == ["results/models/net/sprites/a~low.zarr.zip"]
    assert files["sheets"] == ["results/models/net/datasets/photos/a~low.zarr.zip"]
    assert files["exemplars"] == ["results/models/net/datasets/photos/a~low.h5"]
    assert files_of_page(RUNS, "net", "a/low", rendered=False)["sprites"] == []
    assert files_of_page(RUNS, "net", "other", rendered=False)["drivers"] == []


def test_uses_are_the_panels_that_show_channels_of_the_layer():
    used = {use["run"]: use for use in uses_of(RUNS, "net", "a/low")}
    assert [(run, use["panel"]) for run, use in used.items()] == [
        ("one", "channels"), ("three", "channel_methods"), ("five", "channels"),
    ]  # fmt: skip
    assert used["one"]["classes"] == ["dog", "cat"]
    assert used["three"]["channels"] == "results/net/cat/none/channels/a~low.h5"
    assert used["three"]["labels"] == "results/net/cat/none/classes/high.h5"
    # The panel of methods shows the earlier layer only.
    assert [use["run"] for use in uses_of(RUNS, "net", "high")] == ["one", "five"]
