"""The printed panel "channels": what it shows of which file, its tiles, and that it fits."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from helpers.sheet_layout import any_style, check_layout, recorded, words_on
from helpers.synthetic_exemplars import write_exemplar_tiles
from helpers.synthetic_run import (
    FACTS,
    LABELS,
    activations,
    changed_files,
    changed_run,
    channels,
    input_pixels,
    write_run,
    write_sprite_sheet,
)
from numpy.typing import NDArray
from PIL import Image

from blockscope.figures import captions
from blockscope.figures.data.channels import MethodChannels
from blockscope.figures.data.contrasts import Contrast
from blockscope.figures.image_encoding import blended
from blockscope.figures.palettes import AGAINST, FOR, palettes
from blockscope.figures.print.channels import ChannelsPanel, compose
from blockscope.figures.print.export import write_sheet
from blockscope.figures.print.parts.channel_bars import PALE, BarScale, place_bars
from blockscope.figures.print.parts.channel_tiles import dimmed, peak_crop
from blockscope.figures.print.parts.layout import Place
from blockscope.figures.print.parts.sheet import Sheet
from blockscope.io import datasets
from blockscope.io.errors import BadFile, UnknownName
from blockscope.io.json_files import write_facts

MINUS = "\N{MINUS SIGN}"
LONG = [
    f"{'W' * 60 if i % 2 else 'an extraordinarily long label of many words'} {i}" for i in range(9)
]
VALUES = [0.0, 3.0, -1.0, 2.0, -4.0, -2.0, 0.5, 0.0, 0.0]


def of_values(values: list[float], error: float = 0.1) -> MethodChannels:
    return MethodChannels("linear", np.array(values, np.float32), error, 1)


def rewrite(path: Path, change: Callable[[xr.Dataset], xr.Dataset]) -> None:
    write = datasets.write_h5 if path.suffix == ".h5" else datasets.write_zarr
    write(path, change(datasets.read(path)))


def with_values(dataset: xr.Dataset, values: np.ndarray) -> xr.Dataset:
    return dataset.assign(attribution=dataset["attribution"].copy(data=values))


# --- what is shown ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("count", "above", "below"),
    [(1, [1], [4]), (2, [1, 3], [5, 4]), (9, [1, 3, 6], [2, 5, 4]), (0, [], [])],
)
def test_the_strongest_stand_at_both_ends(count: int, above: list[int], below: list[int]) -> None:
    found = of_values(VALUES).strongest(count)
    assert [places.tolist() for places in found] == [above, below]


def test_the_linear_method_is_shown_unless_another_is_asked(
    tmp_path: Path, rng: np.random.Generator
) -> None:
    run, files = write_run(tmp_path, rng)
    for n, layer, count in (("1", "mixed4d", 11), ("2", "mixed5a", 9)):
        methods = ["stochastic", "linear", "path"]
        datasets.write_h5(files.one(f"channels{n}"), channels(rng, layer, count, methods=methods))
    panel = ChannelsPanel.of_run(run, files)
    assert [found.method for found in panel.layers[0].methods] == ["linear", "path", "stochastic"]
    for place, found in enumerate(panel.shown):
        held = datasets.read(files.one(f"channels{place + 1}"))["attribution"]
        np.testing.assert_array_equal(found.values, held.isel(pair=0).sel({"method": "linear"}))
    assert [f.method for f in ChannelsPanel.of_run(run, files, "path").shown] == ["path"] * 2
    with pytest.raises(UnknownName, match=r"unknown method 'paths'; valid: linear, path"):
        ChannelsPanel.of_run(run, files, "paths")
    for n in "12":
        rewrite(
            files.one(f"channels{n}"), lambda held: held.sel({"method": ["stochastic", "path"]})
        )
    assert [f.method for f in ChannelsPanel.of_run(run, files).shown] == ["path", "path"]


def test_the_score_of_the_run_is_shown(tmp_path: Path, rng: np.random.Generator) -> None:
    run, files = write_run(tmp_path, rng)
    pairs = [(1, 2), (3, 1), (3, -1), (3, -2)]
    for n, layer, count in (("1", "mixed4d", 11), ("2", "mixed5a", 9)):
        datasets.write_h5(files.one(f"channels{n}"), channels(rng, layer, count, pairs))
    for place, classes in enumerate(
        [LABELS[:2], [LABELS[2], LABELS[0]], [LABELS[2], "logsumexp"], [LABELS[2]]]
    ):
        panel = ChannelsPanel.of_run(changed_run(run, classes=classes), files)
        held = datasets.read(files.one("channels2")).isel(pair=place)
        expected = held["attribution"].sel({"method": "linear"})
        np.testing.assert_array_equal(panel.shown[1].values, expected)
        rise = float(held["score"] - held["score_at_zero"])
        assert panel.layers[1].rise == pytest.approx(rise)
    with pytest.raises(UnknownName, match="unknown contrast 'red plain disc"):
        ChannelsPanel.of_run(changed_run(run, classes=LABELS[1:3]), files)


def test_axes_are_known_by_name_not_by_place(tmp_path: Path, rng: np.random.Generator) -> None:
    run, files = write_run(tmp_path, rng)
    before = ChannelsPanel.of_run(run, files)
    rewrite(
        files.one("channels1"), lambda held: held.transpose("channel", "method", "pair", "label")
    )
    rewrite(files.one("activations1"), lambda held: held.transpose("channel", "col", "row"))
    after = ChannelsPanel.of_run(run, files)
    np.testing.assert_array_equal(after.shown[0].values, before.shown[0].values)
    np.testing.assert_array_equal(after.layers[0].activations, before.layers[0].activations)
    assert after.layers[0].grid == "5 \N{MULTIPLICATION SIGN} 7"


@pytest.mark.parametrize("name", ["channels1", "channels2", "activations1", "activations2"])
def test_files_of_another_run_are_refused(
    tmp_path: Path, rng: np.random.Generator, name: str
) -> None:
    run, files = write_run(tmp_path, rng)
    right = datasets.read(files.one(name))
    for key in ("model", "image", "layer", *(["override"] if name.startswith("ch") else [])):
        wrong = right.assign_attrs({key: "other"})
        write = datasets.write_h5 if name.startswith("ch") else datasets.write_zarr
        write(files.one(name), wrong)
        with pytest.raises(BadFile, match=rf"run 'a-run': .*{name}.* is from {key} 'other'"):
            ChannelsPanel.of_run(run, files)


def test_files_of_other_channels_are_refused(tmp_path: Path, rng: np.random.Generator) -> None:
    run, files = write_run(tmp_path, rng)
    datasets.write_zarr(files.one("activations2"), activations(rng, "mixed5a", (3, 4, 8)))
    with pytest.raises(BadFile, match=r"'mixed5a' has 9 channels in .*channels2.* and 8 in"):
        ChannelsPanel.of_run(run, files)


def test_everything_a_reader_needs_is_on_the_sheet(
    tmp_path: Path, rng: np.random.Generator
) -> None:
    run, files = write_run(tmp_path, rng)
    values = np.zeros((1, 3, 9), np.float32)
    values[0, 0] = VALUES

    def changed(held: xr.Dataset) -> xr.Dataset:
        held["completeness_error"][0, 0] = -0.248
        held["score"][0], held["score_at_zero"][0] = 1.25, 3.5
        return with_values(held, values)

    rewrite(files.one("channels2"), changed)
    sheet = compose(run, files, any_style(top_channels=2))
    text = words_on(sheet)
    for words in (
        "Channel attribution: a-run",
        "Model blocks1000, image two_blocks, gradient override smooth; red plain star against red",
        "method linear, gradient x activation: activation times the gradient at the input",
        "3 \N{MULTIPLICATION SIGN} 4 positions",
        "9 channels: 3 above zero, 3 below, 3 at zero.",
        f"add up to {MINUS}1.50; from an all-zero layer to the input the score changes",
        f"changes by {MINUS}2.25: completeness error {MINUS}24.8 %.",
        "1 +3.00 3 +2.00",
        f"5 {MINUS}2.00 4 {MINUS}4.00",
        "Towards red plain star",
        "Towards red plain disc",
        "With the override smooth the gradients are not those of the score",
    ):
        assert words in text, f"'{words}' is not on the sheet"


@pytest.mark.parametrize(
    ("contrast", "words"),
    [
        (Contrast(0, 1, ("a", "b")), ("Towards a", "Towards b")),
        (Contrast(0, None, ("a",)), ("Towards a", "Away from a")),
        (Contrast(0, None, ("a",), logsumexp=True), ("Towards a", "Away from a")),
    ],
)
def test_directions_are_named_by_labels(contrast: Contrast, words: tuple[str, str]) -> None:
    assert captions.sides(contrast) == words


@pytest.mark.parametrize(
    ("value", "full", "written"),
    [
        (1.628, 1.724, "+1.63"),
        (-0.0712, 2.0, f"{MINUS}0.07"),
        (0.0, 2.0, "0.00"),
        (-61.94, 99.0, f"{MINUS}61.9"),
        (-1.25e-7, 1.25e-7, f"{MINUS}1.2e-07"),
        (0.0, 0.0, "0.00"),
    ],
)
def test_values_have_a_sign(value: float, full: float, written: str) -> None:
    assert captions.signed(value, full) == written


@pytest.mark.parametrize(
    ("share", "written"),
    [
        (-2.11, f"{MINUS}211 %"),
        (0.366, "+36.6 %"),
        (-0.00042, f"{MINUS}0.04 %"),
        (3e-6, "< 0.01 %"),
        (0.0, "0 %"),
        (float("-inf"), "undefined"),
        (float("nan"), "undefined"),
    ],
)
def test_errors_are_percentages(share: float, written: str) -> None:
    assert captions.signed_percent(share) == written


# --- bars and tiles --------------------------------------------------------------------------


def test_bars_are_sorted_and_the_strongest_have_the_full_colour(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    drawn = recorded(monkeypatch, "bars")
    found = of_values(VALUES)
    place_bars(Sheet(60), found, BarScale.of(found), 1, Place(2.0, 5.0, 50.0))
    left, base, width, heights, colours = drawn[0]
    assert left > 2.0
    assert left + width == pytest.approx(52.0)
    expected = sorted(VALUES, reverse=True)
    np.testing.assert_allclose(np.array(heights) / heights[0] * 3.0, expected)
    assert base - heights[0] == pytest.approx(5.0)  # the largest reaches the top
    strong = [place for place, colour in enumerate(colours) if colour in (FOR, AGAINST)]
    assert strong == [0, 8]
    assert colours[0] == FOR
    assert colours[8] == AGAINST
    mixed = [round(255 * PALE + (1 - PALE) * int(FOR[at : at + 2], 16)) for at in (1, 3, 5)]
    assert [int(colours[1][at : at + 2], 16) for at in (1, 3, 5)] == mixed


def test_a_scale_holds_all_methods_and_is_never_empty() -> None:
    scale = BarScale.of(of_values([0.5, -4.0]), of_values([2.0, -1.0]))
    assert (scale.above, scale.below, scale.full) == (2.0, 4.0, 4.0)
    assert BarScale.of(of_values([0.0, 0.0])).full == 1.0


def test_the_part_that_drives_a_channel() -> None:
    active = np.zeros((5, 7))
    active[2, 4] = 1.0
    part = peak_crop(active, (90, 150))
    assert part.side == 30
    assert (part.top, part.left) == (45 - 15, round(4.5 / 7 * 150) - 15)
    pixels = (np.arange(90 * 150 * 3) % 251).astype(np.uint8).reshape(90, 150, 3)
    np.testing.assert_array_equal(part.of(pixels), pixels[30:60, part.left : part.left + 30])


@pytest.mark.parametrize(
    ("row", "col", "corner"), [(0, 0, (0, 0)), (4, 6, (60, 120)), (0, 6, (0, 120))]
)
def test_the_part_stays_within_the_image(row: int, col: int, corner: tuple[int, int]) -> None:
    active = np.zeros((5, 7))
    active[row, col] = 1.0
    part = peak_crop(active, (90, 150))
    assert (part.top, part.left) == corner


def test_a_tile_shows_activations_and_the_part_around_their_peak(
    tmp_path: Path, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, files = write_run(tmp_path, rng, size=(60, 84))
    panel = ChannelsPanel.of_run(run, files)
    drawn = recorded(monkeypatch, "raster")
    style = any_style(top_channels=2, dpi=60)
    compose(run, files, style)
    layer, channel = panel.layers[0], int(panel.shown[0].strongest(2)[0][0])
    active = layer.activations[..., channel]
    overlay = palettes()["cividis"].paint(active)
    first, second = (call[-1] for call in drawn[:2])
    size = first.shape[:2]
    expected = blended(
        dimmed(input_pixels(60, 84)), overlay, size, style.opacity, style.interpolate
    )
    np.testing.assert_array_equal(first, expected)
    part = peak_crop(active, (60, 84)).of(input_pixels(60, 84))
    scaled = Image.fromarray(part).resize(second.shape[1::-1], Image.Resampling.BICUBIC)
    np.testing.assert_array_equal(second, np.asarray(scaled))


def test_sprites_stand_where_a_layer_has_them(
    tmp_path: Path, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, files = write_run(tmp_path, rng)
    grey = np.arange(12, dtype=np.uint8).reshape(3, 4).repeat(5, 0).repeat(5, 1) * 20
    colours = np.repeat(grey[..., None], 3, axis=2)
    files = changed_files(files, sprites1=write_sprite_sheet(tmp_path / "s", colours, 5, 4))
    drawn = recorded(monkeypatch, "raster")
    sheet = compose(run, files, any_style(top_channels=2, dpi=60))
    above, below = ChannelsPanel.of_run(run, files).shown[0].strongest(2)
    tiles = [call[-1] for call in drawn[:8:2]]
    assert [np.unique(pixels).tolist() for pixels in tiles] == [
        [20 * int(channel)] for channel in (*above, *below)
    ]
    assert "responds to where the layer has a spritemap, otherwise" in words_on(sheet)
    write_facts(files.many("sprites1")[1], {"tile": 5, "wrap": 3})
    with pytest.raises(
        BadFile, match="needs 20 x 15 for 11 channels in rows of 3 tiles of 5 pixels"
    ):
        compose(run, files, any_style())


def test_exemplars_stand_below_sprites_and_instead_of_maps(
    tmp_path: Path, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, files = write_run(tmp_path, rng)
    tiles = np.repeat(sheet_of_tiles(11)[..., None], 3, axis=2)
    shown = write_exemplar_tiles(tmp_path, "exemplars", tiles, 6, 4)
    first = changed_files(files, exemplars1=shown, exemplars2=shown)
    drawn = recorded(monkeypatch, "raster")
    text = words_on(compose(run, first, any_style(top_channels=2, dpi=60)))
    above, below = ChannelsPanel.of_run(run, first).shown[0].strongest(2)
    for call, channel in zip(drawn[:8:2], (*above, *below), strict=True):
        assert np.unique(call[-1]).tolist() == [20 * int(channel)]
    assert (
        "Upper tiles: the four exemplars that drive it most (data set photos, crops of 21 x 21 px, "
        "receptive field 61 x 43 px (90 % of the squared gradient in the crop))"
    ) in text
    drawn.clear()
    sprites = write_sprite_sheet(tmp_path / "s", 255 - tiles, 6, 4)
    both = changed_files(first, sprites1=sprites, sprites2=sprites)
    text = words_on(compose(run, both, any_style(top_channels=2, dpi=60)))
    for place, channel in enumerate((*above, *below)):
        sprite, exemplars = (drawn[3 * place + k][-1] for k in (0, 1))
        assert np.unique(sprite).tolist() == [255 - 20 * int(channel)]
        assert np.unique(exemplars).tolist() == [20 * int(channel)]
    assert "from the layer's spritemap; below it the four exemplars that drive it most" in text


def sheet_of_tiles(count: int) -> NDArray[np.uint8]:
    """Tiles of 6 pixels, 4 in a row, each of one grey."""
    numbers = np.arange(4 * -(-count // 4), dtype=np.uint8).reshape(-1, 4) * 20
    return numbers.repeat(6, 0).repeat(6, 1)


# --- that it fits ----------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize(
    ("strongest", "case"),
    [
        (30, {"channel_counts": (3, 2000)}),
        (3, {"channel_counts": (60, 528), "labels": LONG, "compared": LONG[:2]}),
        (5, {"channel_counts": (9, 40), "size": (40, 150)}),
        (1, {"channel_counts": (40, 9), "size": (150, 50), "grids": ((9, 3), (1, 1))}),
    ],
    ids=["few and many", "long labels", "wide", "tall"],
)
def test_everything_fits(
    tmp_path: Path, rng: np.random.Generator, strongest: int, case: dict[str, Any]
) -> None:
    run, files = write_run(tmp_path, rng, **case)
    for width in (85, 132, 180, 400):
        style = any_style(width_mm=width, top_channels=strongest, dpi=20)
        check_layout(compose(run, files, style))


@pytest.mark.parametrize("factor", [0.0, 1.0, -1.0, 1e-9, 4e7])
def test_values_of_one_sign_and_of_any_size_fit(
    tmp_path: Path, rng: np.random.Generator, factor: float
) -> None:
    run, files = write_run(tmp_path, rng, channel_counts=(11, 1200))

    def changed(held: xr.Dataset) -> xr.Dataset:
        held["completeness_error"][:] = np.inf
        return with_values(held, factor * np.abs(held["attribution"].to_numpy()))

    for n in "12":
        rewrite(files.one(f"channels{n}"), changed)
    sheet = compose(run, files, any_style(width_mm=85, dpi=20))
    check_layout(sheet)
    text = words_on(sheet)
    assert ("Towards red plain star" in text) == (factor > 0)
    assert ("Towards red plain disc" in text) == (factor < 0)
    assert "completeness error undefined" in text


def test_the_panel_is_written_by_its_name(tmp_path: Path, rng: np.random.Generator) -> None:
    run, files = write_run(tmp_path, rng)
    outputs = {kind: tmp_path / f"channels.{kind}" for kind in ("pdf", "svg", "png")}
    write_sheet(compose(run, files, any_style(dpi=50)), outputs, dict(FACTS), 50)
    svg = outputs["svg"].read_text()
    assert "Channel attribution: a-run" in svg
    with Image.open(outputs["png"]) as written:
        assert written.width == round(180 / 25.4 * 50)
    assert outputs["pdf"].read_bytes().startswith(b"%PDF")
