"""Everything that the gallery is made of; tests/workflow compares it with what jobs write."""

from __future__ import annotations

from blockscope.config.all_results import Exemplars, Sprites, all_results
from blockscope.config.settings import RunRow

HERE = "results/net/dog"


def row(run="one", **more: str) -> RunRow:
    cells = {"run": run, "model": "net", "image": "dog", "layer1": "a/low", "layer2": "high"}
    return RunRow.model_validate(cells | more)


def test_a_run_asks_for_what_its_panel_is_made_of_and_no_more():
    assert set(all_results([row(factors="3 joint")], 6)) == {
        "results/models/net/graph.pb",
        "results/models/net/model.json",
        f"{HERE}/input.png",
        f"{HERE}/activations/a~low.zarr.zip",
        f"{HERE}/activations/high.zarr.zip",
        f"{HERE}/none/classes/a~low.h5",
        f"{HERE}/none/classes/high.h5",
        *(f"{HERE}/none/factors/a~low-3-on-high.{end}" for end in ("h5", "tsv")),
        *(f"{HERE}/none/factors/high-3-on-high.{end}" for end in ("h5", "tsv")),
        *(f"results/figures/one/factors.{end}" for end in ("pdf", "svg", "png")),
        "results/figures/one/index.html",
        "results/index.html",
    }


def test_shards_are_asked_for_behind_their_sheet():
    def channels(model: str, layer: str) -> int:
        return {("net", "a/low"): 5, ("net", "high"): 3}[model, layer]

    found = all_results([row(panels="neuron_groups")], 4, Sprites(3, channels))
    sheets = {path for path in found if "sprites" in path or "shards" in path}
    assert sheets == {
        *(f"results/models/net/sprites/a~low.{end}" for end in ("zarr.zip", "png", "json")),
        *(f"results/models/net/sprites/shards/a~low/{name}.h5" for name in ("0-2", "3-4")),
        *(f"{HERE}/groups/a~low-4-sprites.{end}" for end in ("zarr.zip", "png", "json")),
        *(f"{HERE}/groups/shards/a~low-4/{name}.h5" for name in ("0-2", "3")),
        f"{HERE}/sprites/a~low.html",
    }


def test_flow_asks_for_groups_of_each_of_its_layers():
    flow = row(panels="flow", flow="a/low,mid,high")
    found = all_results([flow], 4, Sprites(3, lambda *_: 5))
    assert f"{HERE}/none/flow/a~low--mid--high-4.h5" in found
    for layer in ("a~low", "mid", "high"):
        for path in (f"activations/{layer}.zarr.zip", f"groups/{layer}-4.h5"):
            assert f"{HERE}/{path}" in found
        for end in ("zarr.zip", "png", "json"):
            assert f"{HERE}/groups/{layer}-4-sprites.{end}" in found
        for name in ("0-2", "3"):
            assert f"{HERE}/groups/shards/{layer}-4/{name}.h5" in found
    plain = all_results([flow], 4)
    assert not [path for path in plain if "sprites" in path or "shards" in path]


def test_what_runs_share_is_asked_for_once():
    found = all_results([row(), row("two")], 6)
    assert len(found) == len(set(found))
    assert len(found) - len(all_results([row()], 6)) == 4  # a printed panel and a page


def test_a_data_set_asks_for_exemplars_and_pages_of_all_channels():
    def channels(model: str, layer: str) -> int:
        return {("net", "a/low"): 100, ("net", "high"): 3}[model, layer]

    with_it = all_results([row(dataset="photos")], 6, exemplars=Exemplars({"photos": 2}, channels))
    found = set(with_it) - set(all_results([row()], 6))
    model, layers = "results/models/net", ("a~low", "high")
    ends = ("h5", "zarr.zip", "png", "json")
    assert found == {
        "results/datasets/photos.h5",
        *(f"{model}/datasets/photos/shards/_runs/{part}-of-2.h5" for part in (0, 1)),
        *(f"{model}/datasets/photos/{layer}.{end}" for layer in layers for end in ends),
        f"{model}/channels/a~low.html",
        f"{model}/channels/a~low/2.html",
        f"{model}/channels/high.html",
    }


def test_exemplars_of_neuron_groups_are_asked_for_where_they_are_wanted():
    run = row(dataset="photos", panels="neuron_groups")

    def found(of_groups: bool) -> set[str]:
        exemplars = Exemplars({"photos": 2}, lambda *_: 3, of_groups)
        return set(all_results([run], 4, exemplars=exemplars))

    folder = f"{HERE}/groups/exemplars/photos"
    assert found(True) - found(False) == {
        *(f"{folder}/shards/a~low-4/{part}-of-2.h5" for part in (0, 1)),
        *(f"{folder}/a~low-4.{end}" for end in ("h5", "zarr.zip", "png", "json")),
    }
    assert not found(False) - found(True)
    other = row(dataset="photos", panels="spatial")
    exemplars = Exemplars({"photos": 2}, lambda *_: 3, of_groups=True)
    assert not any("groups" in path for path in all_results([other], 4, exemplars=exemplars))
