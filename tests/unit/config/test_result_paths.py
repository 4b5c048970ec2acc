"""What a panel and a page are made from: no more than they show."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from blockscope.config.result_paths import (
    channel_pages,
    page_files,
    panel_files,
    parts_of_flow,
)
from blockscope.config.settings import RunRow

PLACE = "results/net/dog"


@pytest.fixture
def row() -> Callable[..., RunRow]:
    cells = {"run": "one", "model": "net", "image": "dog", "layer1": "a/low", "layer2": "high"}
    return lambda **more: RunRow.model_validate(cells | more)


def test_flow_is_between_both_layers_unless_others_are_asked(
    row: Callable[..., RunRow],
) -> None:
    files = panel_files(row(), "flow", 6, rendered=True)
    assert files["flow"] == f"{PLACE}/none/flow/a~low--high-6.h5"
    groups = [f"{PLACE}/groups/{layer}-6" for layer in ("a~low", "high")]
    assert files["flow_groups"] == [f"{name}.h5" for name in groups]
    assert files["flow_sprites"] == [
        f"{name}-sprites.{end}" for name in groups for end in ("png", "json")
    ]
    others = panel_files(row(flow="top, mid, a/low"), "flow", 3)
    assert others["flow"] == f"{PLACE}/none/flow/top--mid--a~low-3.h5"
    assert others["flow_sprites"] == []
    assert row(flow="top, a/low").figure_params["flow"] == ["top", "a/low"]


def test_the_layers_of_a_flow_are_told_from_its_name(row: Callable[..., RunRow]) -> None:
    """Where a layer's name has two dashes, by the runs."""
    assert parts_of_flow("top--a~low", {}) == ["top", "a~low"]
    runs = {"one": row(flow="a/x--y, high")}
    assert parts_of_flow("a~x--y--high", runs) == ["a~x--y", "high"]


def test_grids_are_those_of_both_layers_unless_others_are_asked(
    row: Callable[..., RunRow],
) -> None:
    files = panel_files(row(), "activation_grids", 6)
    grids = [f"{PLACE}/grids/{layer}-coherent.zarr.zip" for layer in ("a~low", "high")]
    assert files == {"image": f"{PLACE}/input.png", "grids": grids}
    others = panel_files(row(grids="top, a/low"), "activation_grids", 6)["grids"]
    assert others == [f"{PLACE}/grids/{layer}-coherent.zarr.zip" for layer in ("top", "a~low")]
    assert row(grids="top, a/low").figure_params["grids"] == ["top", "a/low"]


def test_a_dictionary_needs_no_labels(row: Callable[..., RunRow]) -> None:
    files = page_files(row(panels="semantic_dictionary,activation_grids"), 6, rendered=True)
    made = {"sprites1", "contact1", "exemplars1", "channel_page1"}
    assert set(files) == {"image", "activations1", "grids"} | made
    assert files["exemplars1"] == files["channel_page1"] == []
    assert files["activations1"] == f"{PLACE}/activations/a~low.zarr.zip"
    assert files["sprites1"] == [
        f"results/models/net/sprites/a~low.{end}" for end in ("png", "json")
    ]


def test_a_figure_depends_on_no_more_of_its_row_than_it_shows(
    row: Callable[..., RunRow],
) -> None:
    run = row(classes="dog|cat")
    params = run.figure_params
    assert json.loads(json.dumps(params)) == params
    shown = RunRow.model_validate(params)
    for name in ("run", "model", "image", "layers", "override", "classes", "grid_layers"):
        assert getattr(shown, name) == getattr(run, name)
    assert row(classes="dog|cat", panels="spatial", methods="path").figure_params == params


def test_sheets_of_sprites_are_shown_where_they_are_made(row: Callable[..., RunRow]) -> None:
    files = panel_files(row(), "neuron_groups", 4)
    assert (files["group_sprites1"], files["sprites1"]) == ([], [])
    sheet = [f"{PLACE}/groups/a~low-4-sprites.{end}" for end in ("png", "json")]
    assert panel_files(row(), "neuron_groups", 4, rendered=True)["group_sprites1"] == sheet


@pytest.mark.parametrize("panel", ["factors", "spatial", "overrides", "channels", "neuron_groups"])
def test_panels_about_labels_know_all_of_them(row: Callable[..., RunRow], panel: str) -> None:
    assert panel_files(row(), panel, 6)["classes2"] == f"{PLACE}/none/classes/high.h5"


def test_the_page_leads_to_all_sprites_where_they_are_made(row: Callable[..., RunRow]) -> None:
    run = row(panels="channels,channel_methods")
    with_sprites = page_files(run, 6, rendered=True)
    assert with_sprites["contact1"] == [f"{PLACE}/sprites/a~low.html"]
    assert with_sprites["contact2"] == [f"{PLACE}/sprites/high.html"]
    without = page_files(run, 6)
    assert [without[name] for name in ("sprites1", "sprites2", "contact1", "contact2")] == [[]] * 4


def test_exemplars_are_those_of_the_data_set_of_the_run(row: Callable[..., RunRow]) -> None:
    files = page_files(row(panels="neuron_groups", dataset="photos"), 6)
    sheet = "results/models/net/datasets/photos/a~low"
    assert files["exemplars1"] == [f"{sheet}.png", f"{sheet}.json"]
    assert files["channel_page1"] == ["results/models/net/channels/a~low.html"]


def test_further_pages_of_channels_are_in_a_folder_of_their_own() -> None:
    first = "results/models/net/channels/a~low"
    assert channel_pages("net", "a/low", 96) == [f"{first}.html"]
    assert channel_pages("net", "a/low", 97) == [f"{first}.html", f"{first}/2.html"]
    assert channel_pages("net", "a/low", 2048)[-1] == f"{first}/22.html"
