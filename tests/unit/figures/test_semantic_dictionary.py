"""The printed panel "semantic dictionary": which positions, which channels, and that it fits."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from helpers.sheet_layout import any_style, check_layout, recorded, words_on
from helpers.synthetic_run import (
    FACTS,
    changed_files,
    input_pixels,
    sprite_colour,
    write_run,
    write_sprites,
)
from numpy.typing import NDArray

from blockscope.figures.data.activations import LayerActivations, representative_positions
from blockscope.figures.data.maps import Cell
from blockscope.figures.data.panel_files import PanelFiles
from blockscope.figures.image_encoding import blended
from blockscope.figures.palettes import palettes
from blockscope.figures.print.parts.bar_list import PLAIN_BAR
from blockscope.figures.print.parts.channel_tiles import dimmed
from blockscope.figures.print.semantic_dictionary import OUTLINE, compose
from blockscope.io import datasets
from blockscope.io.errors import BadFile

# Positions by row and column: long and along the first channel; longer and nearly the same; at a
# right angle; between both; short; nothing.
KNOWN = np.zeros((2, 3, 4), np.float32)
KNOWN[0, 0], KNOWN[0, 1], KNOWN[0, 2] = [9, 0, 0, 0], [10, 1, 0, 0], [0, 0, 8, 0]
KNOWN[1, 0], KNOWN[1, 1] = [5, 0, 5, 0], [0, 0, 0, 3]


def with_activations(files: PanelFiles, values: NDArray[np.floating]) -> None:
    facts = {key: FACTS[key] for key in ("model", "image")} | {"layer": "mixed4d"}
    named = xr.Dataset({"activations": (("row", "col", "channel"), values.astype("f4"))})
    datasets.write_zarr(files.one("activations1"), named.assign_attrs(facts))


def test_representative_positions_are_strong_and_unlike_each_other() -> None:
    assert representative_positions(KNOWN, 1) == (Cell(0, 1),)
    assert representative_positions(KNOWN, 2) == (Cell(0, 1), Cell(0, 2))
    # (1, 0) is less like either of the two than (0, 0) is like the first.
    assert representative_positions(KNOWN, 3) == (Cell(0, 1), Cell(0, 2), Cell(1, 0))
    assert representative_positions(KNOWN, 9) == (Cell(0, 1), Cell(0, 2), Cell(1, 0), Cell(0, 0)), (
        "no short one"
    )


def test_negative_activations_count_by_their_direction() -> None:
    assert representative_positions(np.where(KNOWN == 8, -8, KNOWN), 2) == (Cell(0, 1), Cell(0, 2))
    turned = KNOWN.copy()
    turned[1, 1] = [-6, 0, 0, 0]
    assert representative_positions(turned, 2) == (Cell(0, 1), Cell(1, 1))


def test_a_layer_that_is_zero_has_no_representative_position(
    tmp_path: Path, rng: np.random.Generator
) -> None:
    assert representative_positions(np.zeros((2, 3, 4)), 5) == ()
    run, files = write_run(tmp_path, rng)
    with_activations(files, np.zeros((5, 7, 11)))
    sheet = compose(run, files, any_style(dpi=20))
    check_layout(sheet)
    assert "mixed4d is not active at any position of this input." in words_on(sheet)


def test_the_strongest_channels_of_a_position(tmp_path: Path, rng: np.random.Generator) -> None:
    run, files = write_run(tmp_path, rng)
    values = datasets.read(files.one("activations1"))["activations"].to_numpy()
    panel = LayerActivations.of_run(run, files)
    for cell in (Cell(0, 0), Cell(3, 5), Cell(4, 6)):
        own = values[cell.row, cell.col]
        wanted = [c for c in sorted(range(11), key=lambda c: (-own[c], c)) if own[c] > 0]
        assert panel.strongest(cell, 4) == tuple(wanted[:4])
        assert panel.strongest(cell, 99) == tuple(wanted)


def test_positions_are_outlined_and_their_channels_named(
    tmp_path: Path, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, files = write_run(tmp_path, rng)
    with_activations(files, KNOWN)
    files = changed_files(files, sprites1=write_sprites(tmp_path, "mixed4d", 4))
    outlines, rasters = recorded(monkeypatch, "outline"), recorded(monkeypatch, "raster")
    bars = recorded(monkeypatch, "box")
    sheet = compose(run, files, any_style(dpi=40))
    check_layout(sheet)
    left, top, right, bottom = sheet.images[0]
    found = [
        ((x - left) / (right - left), (y - top) / (bottom - top), w / (right - left))
        for x, y, w, _, colour, _ in outlines
        if colour == OUTLINE
    ]
    wanted = [(col / 3, row / 2, 1 / 3) for row, col in ((0, 1), (0, 2), (1, 0), (0, 0))]
    np.testing.assert_allclose(found, wanted)
    tiles = [pixels[0, 0].tolist() for *_, pixels in rasters[1:]]
    channels = [0, 1, 2, 0, 2, 0]
    assert tiles == [sprite_colour(channel) for channel in channels]
    full = [bar[2] for bar in bars if bar[-1] == PLAIN_BAR]
    np.testing.assert_allclose(np.array(full) / full[0], [1, 0.1, 0.8, 0.5, 0.5, 0.9], rtol=1e-6)
    text = words_on(sheet)
    for words in (
        "Semantic dictionary: a-run",
        "strongest channels of mixed4d (2 \N{MULTIPLICATION SIGN} 3 positions, 4 channels)",
        "1: row 1, column 2 length 10.0, 2 of 4 channels active 0 10.0 1 1.0",
        "2: row 1, column 3 length 8.0, 1 of 4 channels active 2 8.0",
        "3: row 2, column 1 length 7.1, 2 of 4 channels active 0 5.0 2 5.0",
        "4: row 1, column 1 length 9.0, 1 of 4 channels active 0 9.0",
        "what a channel responds to, from the layer's spritemap",
        "at least half as long",
    ):
        assert words in text, f"'{words}' is not on the sheet"
    assert "sprites: {recipe: draft}" not in text


def test_marks_stand_at_the_corners_of_their_positions(
    tmp_path: Path, rng: np.random.Generator
) -> None:
    run, files = write_run(tmp_path, rng)
    with_activations(files, KNOWN)
    sheet = compose(run, files, any_style(dpi=20))
    left, top, right, bottom = sheet.images[0]
    marks = {
        text: ((a + c) / 2, (b + d) / 2)
        for (a, b, c, d), text in sheet.texts
        if text in "1234" and left <= a < right and top <= b < bottom
    }
    assert sorted(marks) == ["1", "2", "3", "4"]
    assert marks["1"][0] == pytest.approx(left + (right - left) / 3, abs=0.1)
    assert marks["3"][1] == pytest.approx((top + bottom) / 2, abs=0.3)


def test_without_sprites_it_shows_where_and_says_how(
    tmp_path: Path, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, files = write_run(tmp_path, rng)
    with_activations(files, KNOWN)
    calls = recorded(monkeypatch, "raster")
    style = any_style(dpi=40, opacity=0.8)
    sheet = compose(run, files, style)
    assert "sprites: {recipe: draft}" in words_on(sheet)
    assert len(calls) == 1 + 6
    shown, overlay = calls[3][-1], palettes()["cividis"].paint(KNOWN[..., 2])
    below = dimmed(input_pixels(80, 112))
    np.testing.assert_array_equal(
        shown, blended(below, overlay, shown.shape[:2], style.opacity, style.interpolate)
    )


@pytest.mark.parametrize("key", ["model", "image", "layer"])
def test_activations_of_another_run_are_refused(
    tmp_path: Path, rng: np.random.Generator, key: str
) -> None:
    run, files = write_run(tmp_path, rng)
    held = datasets.read(files.one("activations1")).assign_attrs({key: "other"})
    datasets.write_zarr(files.one("activations1"), held)
    with pytest.raises(BadFile, match=f"activations1.* is from {key} 'other', expected '"):
        LayerActivations.of_run(run, files)


@pytest.mark.slow
@pytest.mark.parametrize(
    "case",
    [
        {},
        {"size": (150, 50), "channel_counts": (2000, 3)},
        {"size": (40, 150), "grids": ((4, 19), (2, 9))},
        {"channel_counts": (2, 3)},
    ],
    ids=["plain", "tall, many channels", "wide", "two channels"],
)
@pytest.mark.parametrize("count", [0, 1, 5, 20])
def test_everything_fits(
    tmp_path: Path, rng: np.random.Generator, case: dict[str, Any], count: int
) -> None:
    run, files = write_run(tmp_path, rng, **case)
    for width in (40, 85, 129, 180, 400):
        check_layout(compose(run, files, any_style(width_mm=width, dpi=20, top_channels=count)))
