"""Shards and sheets: killed and resumed, cut another way, put together."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
import xarray as xr
from PIL import Image
from tiny import inception_like, network_of

from blockscope import provenance, stores
from blockscope.ascent import shards as module
from blockscope.ascent.recipes import Recipe, Transforms
from blockscope.ascent.shards import write_shard
from blockscope.ascent.spritemaps import (
    joined,
    on_light,
    ranges,
    sheet_of,
    wrap_of,
    write_spritemap,
)
from blockscope.errors import BadConfig, BadFile
from blockscope.figures.sprites import read_sprites
from blockscope.models.card import Card, Layer

CHANNELS = 11
RECIPE = Recipe(
    size=20, steps=3, rate=0.1, alpha=True, alpha_cost=0.3, transforms=Transforms(4, (3,))
)


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> tuple[Path, Path]:
    """Write a network and its card; return their paths."""
    folder = tmp_path_factory.mktemp("model")
    network = network_of(inception_like, (41, 33, 3), tf.float32)
    (folder / "graph.pb").write_bytes(network.definition.SerializeToString())
    Card(
        model="tiny", source="tiny.pb", source_sha256="ab" * 32, graph_sha256="cd" * 32,
        input=network.spec, logits="output", outputs=9, labels=tuple("abcdefghi"),
        layers=(Layer(name="mixed", op="ConcatV2", shape=(11, 9, CHANNELS), inputs=()),),
    ).write(folder / "model.json")  # fmt: skip
    return folder / "graph.pb", folder / "model.json"


@pytest.fixture
def shard(model, tmp_path, monkeypatch):
    """Return a function that renders a range in batches of 2 and reads what it wrote."""
    monkeypatch.setattr("blockscope.ascent.climb.LARGEST", 2)

    def render(first, last, name="s", recipe=RECIPE, progress="progress", **options) -> xr.Dataset:
        path = tmp_path / f"{name}-{first:04d}-{last:04d}.h5"
        given = (recipe.plain(), tmp_path / progress, "code", path, 64)
        write_shard(*model, "mixed", (first, last), *given, **options)
        return stores.read(path)

    return render


def test_a_killed_shard_goes_on_to_the_same_pixels(shard, tmp_path, monkeypatch):
    """Killed before, between and after batches, each time by another point of its work."""
    undisturbed = shard(2, 8, "undisturbed", progress="other")
    add = module.Finished.add
    for survivors in (0, 1, 1, 2, 0):
        left = [survivors]

        def stopping(self, sprites, left=left):
            if left[0] == 0:
                raise KeyboardInterrupt
            left[0] -= 1
            add(self, sprites)

        monkeypatch.setattr(module.Finished, "add", stopping)
        with_progress = len(list(tmp_path.glob("progress/*/*.h5")))
        try:
            shard(2, 8)
        except KeyboardInterrupt:
            assert len(list(tmp_path.glob("progress/*/*.h5"))) == with_progress + survivors
    monkeypatch.setattr(module.Finished, "add", add)
    xr.testing.assert_identical(shard(2, 8), undisturbed)
    assert not list(tmp_path.glob("progress/*/*"))


def test_a_damaged_batch_is_rendered_again(shard, tmp_path, monkeypatch):
    undisturbed = shard(0, 3, "undisturbed", progress="other")
    monkeypatch.setattr(module.Finished, "clear", lambda *_: None)
    shard(0, 3)
    kept = sorted(tmp_path.glob("progress/*/*.h5"))
    assert len(kept) == 2
    kept[1].write_bytes(b"no")
    xr.testing.assert_identical(shard(0, 3), undisturbed)


def test_jobs_of_other_ranges_share_what_is_finished(shard, monkeypatch):
    """A range takes its own sprites from a batch that reaches beyond it, and no other."""
    undisturbed = shard(1, 4, "undisturbed", progress="other")
    monkeypatch.setattr(module.Finished, "clear", lambda *_: None)
    shard(0, 3)
    xr.testing.assert_identical(shard(1, 4), undisturbed)


def test_another_recipe_goes_on_from_nothing_of_this_one(shard, monkeypatch):
    monkeypatch.setattr(module.Finished, "clear", lambda *_: None)
    one = shard(0, 1)
    other = shard(0, 1, "other", replace(RECIPE, steps=4))
    assert (one.sprites != other.sprites).any()
    assert one.attrs["recipe"] != other.attrs["recipe"]


def spritemap(paths, card, folder):
    files = [folder / name for name in ("mixed.zarr.zip", "mixed.png", "mixed.json")]
    write_spritemap(paths, card, "mixed", *files)
    return files


@pytest.mark.parametrize("block", [3, 16])
def test_other_shard_sizes_give_the_same_spritemap(shard, model, tmp_path, block):
    """Equal files, whatever the block, also out of order."""
    for first, last in ranges(CHANNELS, 4):
        shard(first, last, "four")
    for first, last in ranges(CHANNELS, block):
        shard(first, last, "other")
    made = []
    for name in ("four", "other"):
        folder = tmp_path / name
        folder.mkdir()
        paths = sorted(tmp_path.glob(f"{name}-*.h5"), reverse=True)
        made.append([path.read_bytes() for path in spritemap(paths, model[1], folder)])
    assert made[0] == made[1]


def test_a_spritemap_holds_what_its_shards_do(shard, model, tmp_path):
    parts = [shard(first, last) for first, last in ranges(CHANNELS, 6)]
    zarr, png, facts = spritemap(sorted(tmp_path.glob("s-*.h5")), model[1], tmp_path)
    made = stores.read(zarr)
    assert made.sprites.dims == ("sprite", "row", "col", "rgb")
    assert made.sprites.shape == (CHANNELS, 20, 20, 3)
    rgba = np.concatenate([part.sprites for part in parts]).astype(float)
    opacity = rgba[..., 3:] / 255
    expected = opacity * rgba[..., :3] + (1 - opacity) * 220
    np.testing.assert_allclose(made.sprites, expected, atol=0.5001)
    np.testing.assert_array_equal(made.alpha, rgba[..., 3])
    sprites = read_sprites([png, facts], CHANNELS)
    for number in (0, 3, 10):
        np.testing.assert_array_equal(sprites.picture(number), made.sprites[number])
    described = json.loads(facts.read_text())
    assert (described["tile"], described["wrap"]) == (20, 4)
    np.testing.assert_allclose(described["objective"], made.objective, rtol=1e-5)
    np.testing.assert_allclose(
        described["judge"], np.concatenate([p.judge for p in parts]), rtol=1e-5
    )
    for path in (zarr, png, facts):
        assert provenance.of(path)["created_by"] == "sprites"
        assert provenance.of(path)["layer"] == "mixed"


def test_the_sheet_has_tile_n_in_column_n_modulo_wrap():
    tiles = np.arange(5, dtype=np.uint8)[:, None, None, None] * np.ones((1, 2, 2, 3), np.uint8)
    sheet = sheet_of(tiles, 3)
    assert sheet.shape == (4, 6, 3)
    assert sheet[0, 4, 0] == 2
    assert sheet[2, 0, 1] == 3
    assert (sheet[2:, 4:] == 220).all()


def test_wraps():
    assert [wrap_of(name, 99) for name in ("mixed3a", "mixed4d", "mixed5a")] == [16, 22, 28]
    assert [wrap_of("fire9", count) for count in (1, 16, 17)] == [1, 4, 5]


def test_opaque_sprites_are_left_as_they_are():
    pixels = np.zeros((2, 3, 3, 3), np.uint8)
    assert on_light(pixels)[0] is pixels
    assert on_light(pixels)[1] is None


def made_up(*numbers, recipe="r"):
    attrs = {"recipe": recipe, "model_sha256": "m"}
    return xr.Dataset(
        {"judge": ("sprite", np.zeros(len(numbers)))}, {"sprite": list(numbers)}, attrs
    )


@pytest.mark.parametrize(
    ("shards", "match"),
    [
        ([made_up(0, 1), made_up(3, 4)], "5 channels: 1 are missing, the first is 2; remove"),
        ([made_up(0, 1, 2), made_up(2, 3, 4)], "1 are there twice, the first is 2"),
        ([made_up(0, 1, 2), made_up(3, 4, 5, 6)], "2 are too many, the first is 5"),
        ([made_up(0, 1, 2), made_up(3, 4, recipe="q")], "'mixed' come from 2 recipes"),
    ],
)
def test_shards_have_to_tile_the_layer(shards, match):
    with pytest.raises(BadFile, match=match):
        joined(shards, 5, "mixed")


def test_the_last_range_ends_with_the_layer():
    assert ranges(11, 4) == [(0, 3), (4, 7), (8, 10)]
    assert ranges(4, 4) == [(0, 3)]


def test_a_channel_that_the_layer_does_not_have(shard):
    with pytest.raises(BadFile, match=r"channel 11 of layer 'mixed'.* valid: 0 to 10"):
        shard(8, 11)


def test_a_gpu_that_is_not_there(shard):
    if tf.config.list_physical_devices("GPU"):
        pytest.skip("there is one")
    with pytest.raises(BadConfig, match=r"sprites\.gpu.* TensorFlow sees none"):
        shard(0, 1, gpu=True)


def test_a_sprite_that_stops_is_told_and_kept(shard, monkeypatch, capsys):
    run = module.Ascent.run

    def stopping(self, images):
        for batch in run(self, images):
            yield replace(batch, stopped=np.where(batch.images == 1, 2, -1))

    monkeypatch.setattr(module.Ascent, "run", stopping)
    made = shard(0, 2)
    assert made.stopped.to_numpy().tolist() == [-1, 2, -1]
    assert "channel 1 of layer 'mixed' stopped at step 2 of 3" in capsys.readouterr().err


def test_sprites_are_pictures_of_the_same_channels(shard, tmp_path):
    """The range decides which channels, and their numbers decide the pixels."""
    whole, part = shard(0, 4), shard(3, 3, "part")
    xr.testing.assert_equal(whole.isel(sprite=[3]), part)
    Image.fromarray(whole.sprites.to_numpy()[0]).verify()
