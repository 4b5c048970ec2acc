"""Spritemaps in the workflow: made on request, found by the figures, repeated only when needed."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
from PIL import Image

from blockscope import stores
from blockscope.digest import reached_modules

pytestmark = pytest.mark.slow

SPRITES = "results/models/tiny/sprites"
ALWAYS = {"sprites": 2, "panel": 3, "page": 1, "gallery": 1}
SIZE = 64  # of the recipe draft


@pytest.fixture(scope="module")
def rendered(finished, tmp_path_factory):
    """Return a finished project whose spritemaps are made as well."""
    folder = tmp_path_factory.mktemp("rendered") / "copy"
    shutil.copytree(finished[0].folder, folder)
    project = type(finished[0])(folder)
    settings = "\nsprites: {recipe: draft, block: 3}"
    project.edit("config/config.yaml", "\nneurons:", f"{settings}\nneurons:")
    assert project.planned() == {**ALWAYS, "render": 4}
    done = project.snakemake()
    assert done.returncode == 0, done.stdout
    return project


def test_every_layer_that_a_panel_shows_has_a_sheet(rendered):
    for layer, channels in (("low", 4), ("block~high", 5)):
        sprites = stores.read(rendered.path(f"{SPRITES}/{layer}.zarr.zip"))
        assert sprites.sprites.shape == (channels, SIZE, SIZE, 3)
        facts = json.loads(rendered.path(f"{SPRITES}/{layer}.json").read_text())
        assert len(facts["judge"]) == channels
        sheet = np.asarray(Image.open(rendered.path(f"{SPRITES}/{layer}.png")))
        last = channels - 1
        row, col = divmod(last, facts["wrap"])
        tile = sheet[row * SIZE : (row + 1) * SIZE, col * SIZE : (col + 1) * SIZE]
        np.testing.assert_array_equal(tile, sprites.sprites[last])
    names = {path.name for path in rendered.path(f"{SPRITES}/shards/low").iterdir()}
    assert names == {"0000-0002.h5", "0003-0003.h5"}
    assert not list(rendered.path(f"{SPRITES}").glob("progress/*"))


def test_the_panel_and_the_page_show_them(rendered, finished):
    for name in ("channels.png", "neurons.svg", "index.html"):
        path = f"results/figures/one/{name}"
        assert rendered.path(path).read_bytes() != finished[0].path(path).read_bytes()


def test_progress_says_how_good_and_how_long(rendered):
    log = rendered.path("logs/render/tiny/low/0000-0002.log").read_text()
    assert "3/3" in log
    assert "objective" in log
    assert "s each" in log


def test_every_function_that_rendering_calls_counts_in_its_digest(rendered):
    for stage in ("render", "sprites"):
        (noted, *_) = rendered.path("called").glob(f"{stage}-*.json")
        _, called = json.loads(noted.read_text())
        script = rendered.path(f"workflow/scripts/{stage}.py")
        reached = reached_modules(script, rendered.path("src/blockscope"))
        missed = {
            f"{module}.{name}"
            for module, name in map(tuple, called)
            if module != "blockscope.job" and not name.startswith("<")
            if name not in reached.get(module, set())
        }
        assert not missed


def test_another_recipe_repeats_the_renders_and_what_shows_them(rendered):
    rendered.edit("config/config.yaml", "sprites: {recipe: draft,", "sprites: {recipe: lucid,")
    assert rendered.planned() == {**ALWAYS, "render": 4}
    rendered.edit("config/config.yaml", "sprites: {recipe: lucid,", "sprites: {recipe: draft,")
    assert rendered.planned() == {}


def test_a_change_of_one_recipe_leaves_the_others_alone(rendered):
    path = "src/blockscope/ascent/recipes.py"
    rendered.edit(path, '"lucid": Recipe()', '"lucid": Recipe(steps=300)')
    assert rendered.planned() == {}
    rendered.edit(path, '"lucid": Recipe(steps=300)', '"lucid": Recipe()')


def test_an_unknown_recipe_is_told_with_the_valid_ones(rendered):
    rendered.edit("config/config.yaml", "sprites: {recipe: draft,", "sprites: {recipe: drafty,")
    done = rendered.snakemake("--dry-run")
    rendered.edit("config/config.yaml", "sprites: {recipe: drafty,", "sprites: {recipe: draft,")
    assert done.returncode != 0
    assert "drafty" in done.stdout
    assert "lucid" in done.stdout
