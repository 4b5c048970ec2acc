"""Spritemaps in the workflow: made on request, found by the figures, repeated only when needed."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest
import xarray as xr
from helpers.described_arrays import stages_described
from PIL import Image

from blockscope.figures.data.sprites import read_sprites
from blockscope.io import datasets

pytestmark = pytest.mark.slow

SPRITES = "results/models/tiny/sprites"
ALWAYS = {
    "spritemap": 2, "group_spritemap": 1, "render_group_sprites": 1, "image_contact_sheet": 2,
    "panel": 3, "page": 1, "gallery": 1,
}  # fmt: skip
SIZE = 64  # of the recipe draft


@pytest.fixture(scope="module")
def rendered(finished, made_once):
    """Return a finished project whose spritemaps are made as well, for all; no test changes it."""

    def make(folder):
        project = finished[0].copied(folder)
        settings = "\nsprites: {recipe: draft, channels_per_job: 3}"
        project.edit("config/config.yaml", "\nneuron_groups:", f"{settings}\nneuron_groups:")
        assert project.planned() == {**ALWAYS, "render_sprites": 4}
        done = project.snakemake()
        assert done.returncode == 0, done.stdout

    return made_once("rendered", make)


@pytest.fixture
def changeable(rendered, tmp_path):
    """Return a copy of it for one test to change."""
    return rendered.copied(tmp_path / "copy")


def test_every_layer_that_a_panel_shows_has_a_sheet(rendered):
    for layer, channels in (("low", 4), ("block~high", 5)):
        sprites = datasets.read(rendered.path(f"{SPRITES}/{layer}.zarr.zip"))
        assert sprites.sprites.shape == (channels, SIZE, SIZE, 3)
        facts = json.loads(rendered.path(f"{SPRITES}/{layer}.json").read_text())
        assert len(facts["heldout_objective"]) == channels
        sheet = np.asarray(Image.open(rendered.path(f"{SPRITES}/{layer}.png")))
        last = channels - 1
        row, col = divmod(last, facts["wrap"])
        tile = sheet[row * SIZE : (row + 1) * SIZE, col * SIZE : (col + 1) * SIZE]
        np.testing.assert_array_equal(tile, sprites.sprites[last])
    names = {path.name for path in rendered.path(f"{SPRITES}/shards/low").iterdir()}
    assert names == {"0-2.h5", "3.h5"}
    assert not list(rendered.path(f"{SPRITES}").glob("progress/*"))


def test_every_array_is_described(rendered):
    described = stages_described(rendered.path("results"))
    assert {"render_sprites", "spritemap"} <= described


def test_the_panel_and_the_page_show_them(rendered, finished):
    for name in ("channels.png", "neuron_groups.svg", "index.html"):
        path = f"results/figures/one/{name}"
        assert rendered.path(path).read_bytes() != finished[0].path(path).read_bytes()


def test_progress_says_how_good_and_how_long(rendered):
    log = rendered.path("logs/render_sprites/tiny/low/0-2.log").read_text()
    line = (
        r"^channels 0-2 of low: objective \S+, held-out \S+, \S+ s each; 3 of 3 done, about 0:00:"
    )
    assert re.search(line, log, re.MULTILINE)
    assert "\r" not in log


def test_lists_and_neurons_are_made_when_they_are_asked_for(changeable):
    """What the layer's own jobs finished is taken from there; the log says so."""
    groups = "results/tiny/noise/groups/low-2-sprites"
    lists = [f"{SPRITES}/{name}" for name in ("low-channels-0,2-3", "block~high-neurons-4")]
    files = [f"{name}.png" for name in (*lists, groups)]
    planned = changeable.planned(*files)
    assert planned == {"render_sprites": 2, "spritemap": 2}  # a panel shows the groups
    done = changeable.snakemake(*files)
    assert done.returncode == 0, done.stdout
    whole = datasets.read(changeable.path(f"{SPRITES}/low.zarr.zip"))
    some = datasets.read(changeable.path(f"{lists[0]}.zarr.zip"))
    xr.testing.assert_equal(some, whole.isel(sprite=[0, 2, 3]))
    log = changeable.path("logs/render_sprites/tiny/low/0,2-3.log").read_text()
    assert "3 of 3 sprites of low finished before" in log
    neuron = datasets.read(changeable.path(f"{lists[1]}.zarr.zip"))
    assert neuron.sprite.values.tolist() == [4]
    assert neuron.attrs["unit"] == "neuron"
    made = datasets.read(changeable.path(f"{groups}.zarr.zip"))
    assert made.attrs["unit"] == "direction"
    assert made.attrs["image"] == "noise"
    assert read_sprites([changeable.path(f"{groups}{end}") for end in (".png", ".json")], 2)
    assert changeable.planned(*files) == {}


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("low-channels-2,0", "request 'channels-0,2'"),
        ("low-channels-1,4", "4 in '1,4' does not exist; valid: 0 to 3"),
        ("low-neurons-a", "'a' is not a list; valid: numbers and ranges, as in '3,17,40-44'"),
        ("lwo-neurons", "model 'tiny' has no layer 'lwo'; valid: "),
        ("logits", "'logits' is the logits of model 'tiny', not a layer with rows, columns"),
    ],
)
def test_names_that_no_sheet_can_have(rendered, name, words):
    done = rendered.snakemake("--dry-run", f"{SPRITES}/{name}.png")
    assert done.returncode != 0
    assert words in done.stdout


def test_every_module_that_rendering_uses_counts_in_its_digest(rendered):
    uncounted = rendered.uncounted_modules()
    assert {"render_sprites", "render_group_sprites", "spritemap"} <= set(uncounted)
    assert not any(uncounted.values()), uncounted


def test_another_recipe_repeats_the_renders_and_what_shows_them(changeable):
    changeable.edit("config/config.yaml", "sprites: {recipe: draft,", "sprites: {recipe: lucid,")
    assert changeable.planned() == {**ALWAYS, "render_sprites": 4}
    changeable.edit("config/config.yaml", "sprites: {recipe: lucid,", "sprites: {recipe: draft,")
    assert changeable.planned() == {}


def test_a_shard_that_is_gone_behind_its_sheet_is_rendered_again(changeable):
    assert changeable.planned() == {}
    changeable.path(f"{SPRITES}/shards/low/0-2.h5").unlink()
    planned = changeable.planned()
    assert planned == {
        "render_sprites": 1, "spritemap": 1, "image_contact_sheet": 1, "panel": 3, "page": 1,
        "gallery": 1,
    }  # fmt: skip


def test_a_change_of_one_recipe_leaves_the_others_alone(changeable):
    path = "src/blockscope/feature_visualization/named_recipes.py"
    changeable.edit(path, '"lucid": Recipe()', '"lucid": Recipe(steps=300)')
    assert changeable.planned() == {}


def test_an_unknown_recipe_is_told_with_the_valid_ones(changeable):
    changeable.edit("config/config.yaml", "sprites: {recipe: draft,", "sprites: {recipe: drafty,")
    done = changeable.snakemake("--dry-run")
    assert done.returncode != 0
    assert "drafty" in done.stdout
    assert "lucid" in done.stdout
