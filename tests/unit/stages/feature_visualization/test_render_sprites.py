"""Stages ``render_sprites`` and ``spritemap``: killed and resumed, cut otherwise, put together."""

from __future__ import annotations

import errno
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
import xarray as xr
from helpers.tiny_rendering import CHANNELS, tiny_network, write_model
from helpers.trace_cache import trace_once
from PIL import Image

from blockscope.feature_visualization.named_recipes import RECIPES
from blockscope.feature_visualization.optimizer import Optimizer
from blockscope.feature_visualization.recipes import Recipe, Transforms
from blockscope.feature_visualization.sprites import render_sprites
from blockscope.feature_visualization.unit_selection import shard_names
from blockscope.feature_visualization.units import directions
from blockscope.figures.data.sprites import read_sprites
from blockscope.io import datasets, provenance
from blockscope.io.errors import BadConfig, BadFile, UnknownName
from blockscope.models.card import ModelCard
from blockscope.models.network import Network
from blockscope.runtime.checkpoint import FolderCheckpoint
from blockscope.stages.feature_visualization.render_sprites import write_shard
from blockscope.stages.feature_visualization.spritemap import merge_shards, write_spritemap

RECIPE = Recipe(
    size=20, steps=3, learning_rate=0.1, alpha=True, alpha_cost=0.3, transforms=Transforms(4, (3,))
)


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> tuple[Path, Path]:
    """Write a network and its card; return their paths."""
    return write_model(tmp_path_factory.mktemp("model"), tiny_network(), 11, 9)


@pytest.fixture
def shard(model, tmp_path, monkeypatch):
    """Return a function that renders some units in batches of 2 and reads what it wrote."""
    monkeypatch.setattr("blockscope.feature_visualization.optimizer.LARGEST", 2)
    trace_once(monkeypatch)

    def render(
        numbers, folder="s", recipe=RECIPE, progress="progress", kind="channels", **options
    ) -> xr.Dataset:
        path = tmp_path / folder / f"{numbers}.h5"
        write_shard(
            graph=model[0],
            card=model[1],
            layer="mixed",
            kind=kind,
            numbers=numbers,
            recipe=recipe.to_dict(),
            progress=tmp_path / progress,
            code="code",
            h5=path,
            memory_mb=64,
            **options,
        )
        return datasets.read(path)

    return render


def test_a_killed_shard_goes_on_to_the_same_pixels(shard, tmp_path, monkeypatch):
    """Killed before, between and after batches, each time by another point of its work."""
    undisturbed = shard("2-8", "undisturbed", progress="other")
    write = FolderCheckpoint.write
    for survivors in (0, 1, 1, 2, 0):
        left = [survivors]

        def stopping(self, name, arrays, left=left):
            if left[0] == 0:
                raise KeyboardInterrupt
            left[0] -= 1
            write(self, name, arrays)

        monkeypatch.setattr(FolderCheckpoint, "write", stopping)
        with_progress = len(list(tmp_path.glob("progress/*/*.npz")))
        try:
            shard("2-8")
        except KeyboardInterrupt:
            assert len(list(tmp_path.glob("progress/*/*.npz"))) == with_progress + survivors
    monkeypatch.setattr(FolderCheckpoint, "write", write)
    xr.testing.assert_identical(shard("2-8"), undisturbed)
    paths = [tmp_path / folder / "2-8.h5" for folder in ("s", "undisturbed")]
    assert paths[0].read_bytes() == paths[1].read_bytes()
    assert not list(tmp_path.glob("progress/*/*"))


def test_a_damaged_batch_is_rendered_again(shard, tmp_path, monkeypatch):
    undisturbed = shard("0-3", "undisturbed", progress="other")
    monkeypatch.setattr(FolderCheckpoint, "remove", lambda *_: None)
    shard("0-3")
    kept = sorted(tmp_path.glob("progress/*/*.npz"))
    assert len(kept) == 2
    kept[1].write_bytes(b"no")
    xr.testing.assert_identical(shard("0-3"), undisturbed)


@pytest.fixture
def rendered(monkeypatch) -> list[int]:
    """Return the units that were rendered since, in their order."""
    found: list[int] = []
    run = Optimizer.run

    def noting(self, indices):
        found.extend(indices)
        return run(self, indices)

    monkeypatch.setattr(Optimizer, "run", noting)
    return found


def test_jobs_of_other_units_share_what_is_finished(shard, tmp_path, monkeypatch, rendered):
    """A list takes its own sprites from a batch that reaches beyond it, and no other."""
    undisturbed = shard("1,3-4", "undisturbed", progress="other")
    monkeypatch.setattr(FolderCheckpoint, "remove", lambda *_: None)
    shard("0-3")
    (tmp_path / "s" / "0-3.h5").unlink()
    rendered.clear()
    xr.testing.assert_identical(shard("1,3-4"), undisturbed)
    assert rendered == [4]


def test_finished_shards_of_the_layer_are_taken_from(
    shard, tmp_path, monkeypatch, rendered, capsys
):
    """A list after the whole layer, and a layer after a list; shards that hold none stay shut."""
    undisturbed = shard("2,5-6", "undisturbed", progress="other")
    shard("0-4")
    shard("8-9")
    (tmp_path / "s" / "a note.h5").write_text("not a shard")
    rendered.clear()
    read, opened = datasets.read, []
    monkeypatch.setattr(datasets, "read", lambda path: opened.append(path.name) or read(path))
    xr.testing.assert_identical(shard("2,5-6"), undisturbed)
    assert rendered == [5, 6]
    assert "0-4.h5" in opened
    assert not {"8-9.h5", "a note.h5"}.intersection(opened)
    rendered.clear()
    capsys.readouterr()
    shard("5-10")
    assert rendered == [7, 10]
    assert "4 of 6 sprites of mixed finished before\nchannels 7,10 of" in (capsys.readouterr().out)


def test_shards_of_another_recipe_or_kind_are_not_taken_from(shard, tmp_path, rendered):
    shard("0-1")
    for other in ({"recipe": replace(RECIPE, steps=4)}, {"kind": "neurons"}):
        rendered.clear()
        shard("1", **other)
        assert rendered == [1]
        (tmp_path / "s" / "1.h5").unlink()


def test_a_second_job_for_the_same_sprites_takes_nothing_away(shard, monkeypatch):
    """It ends first, and clears the batches of both."""
    undisturbed = shard("0-3", "undisturbed", progress="other")
    write = FolderCheckpoint.write

    def overtaken(self, name, arrays):
        write(self, name, arrays)
        self.remove(name)

    monkeypatch.setattr(FolderCheckpoint, "write", overtaken)
    xr.testing.assert_identical(shard("0-3"), undisturbed)


def test_a_full_disk_loses_no_finished_batch(shard, tmp_path, monkeypatch):
    """The second batch finds no room; with room again, only what it held is rendered."""
    undisturbed = shard("0-4", "undisturbed", progress="other")
    write, room = Path.write_bytes, [1]

    def full(self, content):
        if not room[0]:
            write(self, bytes(content)[:100])
            raise OSError(errno.ENOSPC, "No space left on device")
        room[0] -= 1
        return write(self, content)

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OSError, match="No space left on device") as raised:
        shard("0-4")
    assert Path(str(raised.value.filename)).parent.parent == tmp_path / "progress"
    (kept,) = tmp_path.glob("progress/*/*")
    assert np.load(kept)["sprite"].tolist() == [0, 1]
    assert not list(tmp_path.glob("s/*"))
    monkeypatch.setattr(Path, "write_bytes", write)
    xr.testing.assert_identical(shard("0-4"), undisturbed)


def test_another_recipe_goes_on_from_nothing_of_this_one(shard, monkeypatch):
    monkeypatch.setattr(FolderCheckpoint, "remove", lambda *_: None)
    one = shard("0-1")
    other = shard("0-1", "other", replace(RECIPE, steps=4))
    assert (one.sprites != other.sprites).any()
    assert one.attrs["checkpoint_key"] != other.attrs["checkpoint_key"]


def test_results_say_their_recipe_in_words_and_numbers(shard, tmp_path):
    """Named recipes by name; any two recipes differ in what they record."""
    own = shard("0", "own").attrs
    assert "recipe" not in own
    assert own["recipe_learning_rate"] == 0.1
    assert (own["recipe_alpha"], own["recipe_jitters"]) == (1, "3")
    spritemap([tmp_path / "own" / "0.h5"], [0], tmp_path)
    recorded = {key: own[key] for key in own if key.startswith("recipe_")}
    assert recorded.items() <= provenance.read(tmp_path / "mixed.png").items()
    facts = [recipe.facts() for recipe in RECIPES.values()]
    assert [each.pop("recipe") for each in facts] == list(RECIPES)
    assert len({tuple(each.items()) for each in facts}) == len(RECIPES)


def spritemap(paths, numbers, folder):
    files = [folder / name for name in ("mixed.zarr.zip", "mixed.png", "mixed.json")]
    named = dict(zip(("zarr", "png", "json"), files, strict=True))
    write_spritemap(shards=paths, numbers=numbers, layer="mixed", **named)
    return files


@pytest.mark.parametrize("block", [3, pytest.param(16, marks=pytest.mark.slow)])
def test_other_shard_sizes_give_the_same_spritemap(shard, tmp_path, block):
    """Equal files, whatever the block, also out of order."""
    made = []
    for folder, size in (("four", 4), ("other", block)):
        for name in shard_names(range(CHANNELS), size):
            shard(name, folder, progress=f"progress-{folder}")
        paths = sorted((tmp_path / folder).glob("*.h5"), reverse=True)
        files = spritemap(paths, range(CHANNELS), tmp_path / folder)
        made.append([path.read_bytes() for path in files])
    assert made[0] == made[1]


def test_a_spritemap_holds_what_its_shards_do(shard, tmp_path):
    parts = [shard(name) for name in shard_names(range(CHANNELS), 6)]
    zarr, png, facts = spritemap(sorted(tmp_path.glob("s/*.h5")), range(CHANNELS), tmp_path)
    made = datasets.read(zarr)
    assert made.sprites.dims == ("sprite", "row", "col", "rgb")
    assert made.sprites.shape == (CHANNELS, 20, 20, 3)
    rgba = np.concatenate([part.sprites for part in parts]).astype(float)
    opacity = rgba[..., 3:] / 255
    expected = opacity * rgba[..., :3] + (1 - opacity) * 220
    np.testing.assert_allclose(made.sprites, expected, atol=0.5001)
    np.testing.assert_array_equal(made.alpha, rgba[..., 3])
    sprites = read_sprites([png, facts], CHANNELS)
    for number in (0, 3, 10):
        np.testing.assert_array_equal(sprites.of(number), made.sprites[number])
    described = json.loads(facts.read_text())
    assert (described["tile"], described["wrap"], described["unit"]) == (20, 4, "channel")
    assert described["sprite"] == list(range(CHANNELS))
    assert described["diverged_step"] == [-1] * CHANNELS
    np.testing.assert_allclose(described["objective"], made.objective, rtol=1e-5)
    np.testing.assert_allclose(
        described["heldout_objective"],
        np.concatenate([p.heldout_objective for p in parts]),
        rtol=1e-5,
    )
    for path in (zarr, png, facts):
        assert provenance.read(path)["created_by"] == "spritemap"
        assert provenance.read(path)["layer"] == "mixed"
        assert provenance.read(path)["unit"] == "channel"


def test_a_sheet_of_a_list_has_its_units_in_their_order(shard, tmp_path):
    whole = shard(f"0-{CHANNELS - 1}", "whole", progress="other", kind="neurons")
    numbers = [1, 4, 5, 6, 10]
    for name in shard_names(numbers, 3):
        shard(name, kind="neurons")
    zarr, png, facts = spritemap(sorted(tmp_path.glob("s/*.h5")), numbers, tmp_path)
    made = datasets.read(zarr)
    assert made.sprite.values.tolist() == numbers
    np.testing.assert_array_equal(made.alpha, whole.sprites[numbers, ..., 3])
    np.testing.assert_array_equal(made.heldout_objective, whole.heldout_objective[numbers])
    described = json.loads(facts.read_text())
    assert (described["sprite"], described["unit"], described["wrap"]) == (numbers, "neuron", 3)
    sheet = np.asarray(Image.open(png))
    assert sheet.shape == (40, 60, 3)
    np.testing.assert_array_equal(sheet[20:, 20:40], made.sprites[4])


def write_groups(path, card_path, layer="mixed", **changed):
    """Write three neuron groups of the tiny network; returns their vectors."""
    vectors = np.abs(np.random.default_rng(4).normal(size=(3, CHANNELS))).astype(np.float32)
    facts = {
        "created_by": "neuron_groups", "model": "tiny", "image": "noise", "image_sha256": "12",
        "graph_sha256": ModelCard.read(card_path).graph_sha256, "layer": layer, **changed,
    }  # fmt: skip
    groups = xr.Dataset({"channels": (("channel", "factor"), vectors.T)}, attrs=facts)
    datasets.write_h5(path, groups)
    return vectors


def test_neuron_groups_are_rendered_as_their_directions(shard, model, tmp_path):
    """Shards, sheet and evaluation as for channels; the image is recorded."""
    vectors = write_groups(tmp_path / "groups.h5", model[1])
    options = {"kind": "groups", "neuron_groups": tmp_path / "groups.h5"}
    parts = [shard(name, "groups", **options) for name in ("0-1", "2")]
    network = Network.load(model[0], ModelCard.read(model[1]))
    direct = render_sprites(network, directions("mixed", vectors), RECIPE)
    np.testing.assert_array_equal(np.concatenate([p.sprites for p in parts]), direct.sprites)
    _, png, facts = spritemap(sorted(tmp_path.glob("groups/*.h5")), range(3), tmp_path)
    assert json.loads(facts.read_text())["unit"] == "direction"
    assert provenance.read(png)["image"] == "noise"
    assert read_sprites([png, facts], 3).tile == 20


def test_other_groups_are_rendered_again(shard, model, tmp_path, rendered):
    options = {"kind": "groups", "neuron_groups": tmp_path / "groups.h5"}
    vectors = write_groups(tmp_path / "groups.h5", model[1])
    shard("0-2", **options)
    groups = datasets.read(tmp_path / "groups.h5")
    datasets.write_h5(
        tmp_path / "groups.h5", groups.assign(channels=groups.channels + vectors[0, 0])
    )
    rendered.clear()
    shard("1", **options)
    assert rendered == [1]


@pytest.mark.parametrize("changed", [{"layer": "early"}, {"graph_sha256": "00"}])
def test_groups_of_something_else(shard, model, tmp_path, changed):
    write_groups(tmp_path / "groups.h5", model[1], **changed)
    with pytest.raises(BadFile, match=r"groups.h5' is from (layer|graph_sha256) '.*', expected"):
        shard("0", kind="groups", neuron_groups=tmp_path / "groups.h5")


def test_a_sheet_of_sprites_that_diverged_is_refused(shard, tmp_path, monkeypatch):
    """Not while one of them was finished; its place in the JSON then holds no number."""
    run, fine = Optimizer.run, [[4]]

    def diverging(self, indices):
        for batch in run(self, indices):
            step = np.where(np.isin(batch.indices, fine[0]), -1, 2)
            score = np.where(step < 0, batch.objective, np.nan)
            yield replace(batch, diverged_step=step, objective=score)

    monkeypatch.setattr(Optimizer, "run", diverging)
    shard("3-5")
    _, _, facts = spritemap([tmp_path / "s" / "3-5.h5"], [3, 4, 5], tmp_path)
    described = json.loads(facts.read_text())
    assert described["diverged_step"] == [2, -1, 2]
    assert [number is None for number in described["objective"]] == [True, False, True]
    shard("7-8")
    before = sorted(tmp_path.glob("mixed*"))
    for path in before:
        path.unlink()
    words = r"both sprites of channels of layer 'mixed' diverged .* at step 2 to 2;.*input range"
    with pytest.raises(BadFile, match=words):
        spritemap([tmp_path / "s" / "7-8.h5"], [7, 8], tmp_path)
    assert not list(tmp_path.glob("mixed*"))


def made_up(*numbers, recipe="r"):
    attrs = {"checkpoint_key": recipe, "graph_sha256": "m"}
    return xr.Dataset(
        {"objective": ("sprite", np.zeros(len(numbers)))}, {"sprite": list(numbers)}, attrs
    )


@pytest.mark.parametrize(
    ("shards", "match"),
    [
        (
            [made_up(0, 1), made_up(3, 4)],
            "of 5 requested sprites .* 1 is missing, the first is 2; remove",
        ),
        ([made_up(0, 1, 2), made_up(2, 3, 4)], "1 is duplicate, the first is 2"),
        ([made_up(0, 1, 2), made_up(3, 4, 5, 6)], "2 are too many, the first is 5"),
        (
            [made_up(0, 1, 2), made_up(3, 4, recipe="q")],
            "'mixed' were rendered with 2 different recipes",
        ),
    ],
)
def test_shards_have_to_tile_the_layer(shards, match):
    with pytest.raises(BadFile, match=match):
        merge_shards(shards, range(5), "mixed")


def test_a_channel_that_the_layer_does_not_have(shard):
    with pytest.raises(UnknownName, match=r"channels of layer 'mixed' .* found 11; .* 0 to 10"):
        shard("8-11")


def test_a_gpu_that_is_not_there(shard):
    if tf.config.list_physical_devices("GPU"):
        pytest.skip("there is one")
    with pytest.raises(BadConfig, match=r"compute\.gpu: true .* sees 0 GPUs"):
        shard("0-1", gpu=True)


def test_a_sprite_that_diverges_is_named_and_kept(shard, monkeypatch, capsys):
    run = Optimizer.run

    def diverging(self, indices):
        for batch in run(self, indices):
            yield replace(batch, diverged_step=np.where(batch.indices == 1, 2, -1))

    monkeypatch.setattr(Optimizer, "run", diverging)
    made = shard("0-2")
    assert made.diverged_step.to_numpy().tolist() == [-1, 2, -1]
    assert (
        "channel 1 of layer 'mixed' diverged (NaN or infinity) at step 2 of 3"
        in capsys.readouterr().err
    )


def test_sprites_are_those_of_the_same_channels(shard, tmp_path):
    """The range decides which channels, and their numbers decide the pixels."""
    whole, part = shard("0-4"), shard("3", "part")
    xr.testing.assert_equal(whole.isel(sprite=[3]), part)
    Image.fromarray(whole.sprites.to_numpy()[0]).verify()
