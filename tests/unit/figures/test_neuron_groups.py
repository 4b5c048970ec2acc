"""The printed panel "neuron groups": what it shows of each group, and that it fits."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers.sheet_layout import any_style, check_layout, recorded, words_on
from helpers.synthetic_exemplars import write_exemplar_tiles
from helpers.synthetic_run import (
    LABELS,
    changed_files,
    changed_run,
    input_pixels,
    neuron_groups,
    sprite_colour,
    write_run,
    write_sprite_sheet,
    write_sprites,
)

from blockscope.figures import colour
from blockscope.figures.data.factors import Weight
from blockscope.figures.data.neuron_groups import NeuronGroupsPanel
from blockscope.figures.data.panel_files import PanelFiles
from blockscope.figures.image_encoding import blended
from blockscope.figures.palettes import AGAINST, FOR
from blockscope.figures.print.neuron_groups import compose
from blockscope.figures.print.parts.channel_tiles import dimmed
from blockscope.io import datasets
from blockscope.io.errors import BadFile

MINUS = "\N{MINUS SIGN}"
LONG = [f"{'W' * 60 if i % 2 else 'a long label of quite a few words'} {i}" for i in range(9)]


def three_groups(files: PanelFiles, rng: np.random.Generator) -> None:
    """Write three groups of five channels with known effects on the first labels."""
    dataset = neuron_groups(rng, "mixed4d", (5, 7), 3, 5)
    dataset["channels"][:] = [[0, 3, 1, 0, 2], [9, 1, 2, 3, 4], [0, 0, 0, 0.5, 0]]
    dataset["magnitude"][:] = [12.25, 3.0, 40.0]
    dataset["effect"][:] = 0.0
    dataset["effect"][:, :5] = [
        [0.5, -2.0, 1.0, 4.0, 3.0],
        [-1.5, -0.5, -1.0, -4.0, 0.0],
        [0.25, 0.75, 0.5, 0.0, 0.0],
    ]
    datasets.write_h5(files.one("groups1"), dataset)


def test_channels_and_effects_of_a_group(tmp_path: Path, rng: np.random.Generator) -> None:
    run, files = write_run(tmp_path, rng)
    three_groups(files, rng)
    panel = NeuronGroupsPanel.of_run(changed_run(run, classes=[LABELS[1], LABELS[0]]), files)
    assert [panel.strongest(group, 3) for group in range(3)] == [(1, 4, 2), (0, 4, 3), (3,)]
    assert panel.compared_effects(0) == (Weight(LABELS[1], -2.0), Weight(LABELS[0], 0.5))
    tops = [panel.top_effects(group, 2) for group in range(3)]
    assert tops == [
        (Weight(LABELS[3], 4.0), Weight(LABELS[4], 3.0)),
        (),
        (Weight(LABELS[1], 0.75), Weight(LABELS[2], 0.5)),
    ]
    alone = NeuronGroupsPanel.of_run(changed_run(run, classes=[LABELS[2], "logsumexp"]), files)
    assert alone.compared_effects(2) == (Weight(LABELS[2], 0.5),)


def test_axes_are_known_by_name_not_by_place(tmp_path: Path, rng: np.random.Generator) -> None:
    run, files = write_run(tmp_path, rng)
    before = NeuronGroupsPanel.of_run(run, files)
    turned = datasets.read(files.one("groups1")).transpose(
        "label", "channel", "factor", "col", "row"
    )
    datasets.write_h5(files.one("groups1"), turned)
    after = NeuronGroupsPanel.of_run(run, files)
    assert after.spatial.shape == (5, 7, 4)
    for name in ("spatial", "channels", "effect"):
        np.testing.assert_array_equal(getattr(after, name), getattr(before, name))


def test_groups_follow_the_true_gradient_under_any_override(
    tmp_path: Path, rng: np.random.Generator
) -> None:
    run, files = write_run(tmp_path, rng)
    right = datasets.read(files.one("groups1"))
    assert (run.override, right.attrs["override"]) == ("smooth", "none")
    text = words_on(compose(run, files, any_style(dpi=20)))
    assert "effects by the network's own gradient" in text
    assert "smooth" not in text
    for key in ("model", "image", "layer"):
        datasets.write_h5(files.one("groups1"), right.assign_attrs({key: "other"}))
        with pytest.raises(BadFile, match=f"groups1.* is from {key} 'other'"):
            NeuronGroupsPanel.of_run(run, files)


def test_repeated_labels_have_their_index(tmp_path: Path, rng: np.random.Generator) -> None:
    labels = ["crane", "kite", "crane", "red plain star"]
    run, files = write_run(tmp_path, rng, labels=labels, compared=["kite", "red plain star"])
    panel = NeuronGroupsPanel.of_run(run, files)
    assert panel.labels == ("crane [1]", "kite", "crane [3]", "red plain star")


def test_everything_a_reader_needs_is_on_the_sheet(
    tmp_path: Path, rng: np.random.Generator
) -> None:
    run, files = write_run(tmp_path, rng)
    three_groups(files, rng)
    sheet = compose(run, files, any_style(dpi=20))
    text = words_on(sheet)
    for words in (
        "Neuron groups: a-run",
        "Model blocks1000, image two_blocks; NMF of the activations of mixed4d (5",
        "(5 \N{MULTIPLICATION SIGN} 7 positions, 5 channels), 3 groups",
        "1 12.2 2 3.0 3 40.0",
        f"Group 1 Channels 1, 4, 2 Effect on the labels {LABELS[0]} +0.50",
        f"{LABELS[0]} +0.50 {LABELS[1]} {MINUS}2.00 Raised most {LABELS[3]} +4.00",
        "Group 2 Channels 0, 4, 3, 2",
        "Raised most none",
        "Group 3 Channels 3 ",
        "Relative error of the groups: 0.42.",
    ):
        assert words in text, f"'{words}' is not on the sheet"
    assert "Negative activations" not in text


def test_negative_activations_are_told(tmp_path: Path, rng: np.random.Generator) -> None:
    run, files = write_run(tmp_path, rng)
    dataset = neuron_groups(rng, "mixed4d", (5, 7), 3, 5).assign_attrs(clipped=0.314)
    datasets.write_h5(files.one("groups1"), dataset)
    text = words_on(compose(run, files, any_style(dpi=20)))
    assert "Negative activations were set to 0 before factoring: 0.31 of the norm." in text


def test_effects_are_bars_from_a_line_of_zero(
    tmp_path: Path, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, files = write_run(tmp_path, rng)
    three_groups(files, rng)
    bars, lines = recorded(monkeypatch, "box"), recorded(monkeypatch, "line")
    compose(run, files, any_style(dpi=20))
    shown = [bar for bar in bars if bar[-1] in (FOR, AGAINST)]
    values = [0.5, -2.0, 4.0, 3.0, 1.0, -1.5, -0.5, 0.25, 0.75, 0.75, 0.5, 0.25]
    assert [hue == FOR for *_, hue in shown] == [value > 0 for value in values]
    unit = shown[0][2] / 0.5
    for (left, _, width, *_), (across, *_), value in zip(shown, lines, values, strict=True):
        assert width == pytest.approx(abs(value) * unit)
        assert across[0] == pytest.approx(left if value > 0 else left + width)


def test_each_group_is_drawn_alone_in_its_colour(
    tmp_path: Path, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, files = write_run(tmp_path, rng, size=(60, 84))
    calls = recorded(monkeypatch, "raster")
    style = any_style(dpi=40, opacity=0.8)
    compose(run, files, style)
    drawn = [call[-1] for call in calls]
    assert len(drawn) == 2 + 4
    spatial = (
        datasets.read(files.one("groups1"))["spatial"].transpose("row", "col", "factor").values
    )
    shown = input_pixels(60, 84)
    expected = blended(
        shown, colour.factor_image(spatial), drawn[1].shape[:2], style.opacity, style.interpolate
    )
    np.testing.assert_array_equal(drawn[1], expected)
    for group in range(4):
        alone = colour.single_factor_image(spatial, group)
        size = drawn[2 + group].shape[:2]
        expected = blended(dimmed(shown), alone, size, style.opacity, style.interpolate)
        np.testing.assert_array_equal(drawn[2 + group], expected)


@pytest.mark.parametrize("count", [2, 3])
def test_groups_are_marked_from_three_on(
    tmp_path: Path, rng: np.random.Generator, count: int
) -> None:
    run, files = write_run(tmp_path, rng)
    datasets.write_h5(files.one("groups1"), neuron_groups(rng, "mixed4d", (5, 7), count))
    sheet = compose(run, files, any_style(dpi=20))
    left, top, right, bottom = sheet.images[1]
    marks = [
        text
        for area, text in sheet.texts
        if left < area[0] < right and top < area[1] < bottom and re.fullmatch(r"\d", text)
    ]
    assert sorted(marks) == ([] if count == 2 else ["1", "2", "3"])


def test_sprites_stand_for_numbers_where_there_are_any(
    tmp_path: Path, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, files = write_run(tmp_path, rng)
    three_groups(files, rng)
    grey = np.arange(6, dtype=np.uint8).reshape(2, 3).repeat(5, 0).repeat(5, 1) * 40
    grey = np.repeat(grey[..., None], 3, axis=2)
    files = changed_files(files, sprites1=write_sprite_sheet(tmp_path / "s", grey, 5, 3))
    calls = recorded(monkeypatch, "raster")
    sheet = compose(run, files, any_style(dpi=40))
    tiles = [int(pixels.max()) for *_, pixels in calls if np.ptp(pixels) == 0]
    assert tiles == [40 * channel for channel in (1, 4, 2, 0, 4, 3, 2, 3)]
    text = words_on(sheet)
    assert "Group 1 1 4 2 Effect" in text
    assert "what its strongest channels respond to" in text
    assert "as a whole" not in text


@pytest.mark.parametrize("channels", [False, True])
def test_what_a_group_responds_to_stands_before_its_channels(
    tmp_path: Path, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch, channels: bool
) -> None:
    run, files = write_run(tmp_path, rng)
    three_groups(files, rng)
    files = changed_files(files, group_sprites1=write_sprites(tmp_path, "groups", 3, wrap=2))
    if channels:
        files = changed_files(files, sprites1=write_sprites(tmp_path, "mixed4d", 5))
    calls = recorded(monkeypatch, "raster")
    sheet = compose(run, files, any_style(dpi=40))
    tiles = [
        pixels[0, 0].tolist() for *_, pixels in calls if np.ptp(pixels, axis=(0, 1)).max() == 0
    ]
    own = [[group, *strongest] for group, strongest in enumerate([(1, 4, 2), (0, 4, 3), (3,)])]
    wanted = [line if channels else line[:1] for line in own]
    assert tiles == [sprite_colour(number) for line in wanted for number in line]
    text = words_on(sheet)
    between = "group 1 4 2 Effect" if channels else "group Channels 1, 4, 2 Effect"
    assert f"Group 1 {between}" in text
    assert "what it responds to as a whole, and" in text


def test_exemplars_of_a_group_stand_below_its_sprite(
    tmp_path: Path, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, files = write_run(tmp_path, rng)
    three_groups(files, rng)
    tiles = np.repeat(np.arange(100, 106, dtype=np.uint8), 36).reshape(-1, 6, 6)
    sheet = np.hstack(list(tiles))[..., None].repeat(3, 2)
    own = write_exemplar_tiles(tmp_path, "own", sheet[:, : 3 * 6], 6, 3)
    of_channels = write_exemplar_tiles(tmp_path, "channels", sheet + 50, 6, 6)
    files = changed_files(files, group_exemplars1=own)

    def placed(files: PanelFiles) -> tuple[list[int], str]:
        calls = recorded(monkeypatch, "raster")
        text = words_on(compose(run, files, any_style(dpi=40)))
        flat = [p for *_, p in calls if np.ptp(p.reshape(-1, 3), axis=0).max() == 0]
        return [int(pixels[0, 0, 0]) for pixels in flat], text

    found, text = placed(files)
    assert found == [100, 101, 102]
    assert "Group 1 group Channels 1, 4, 2 Effect" in text
    assert "the four images that drive it most as a whole (data set photos, crops of" in text
    found, text = placed(changed_files(files, exemplars1=of_channels))
    assert found == [100, 151, 154, 152, 101, 150, 154, 153, 102, 153]
    assert "Group 1 group 1 4 2 Effect" in text
    sprites = write_sprites(tmp_path, "groups", 3, wrap=2)
    found, text = placed(changed_files(files, group_sprites1=sprites, exemplars1=of_channels))
    assert len(found) == 10 + 3
    assert "Group 1 group group 1 4 2 Effect" in text


@pytest.mark.slow
@pytest.mark.parametrize(
    ("count", "case"),
    [
        (1, {"compared": LABELS[:1]}),
        (2, {"size": (150, 50), "channel_counts": (2000, 3)}),
        (6, {"labels": LONG, "compared": LONG[:2]}),
        (20, {"size": (40, 150)}),
    ],
    ids=["one", "two, tall", "six, long labels", "twenty, wide"],
)
@pytest.mark.parametrize("sprites", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_everything_fits(
    tmp_path: Path, rng: np.random.Generator, count: int, case: dict[str, Any], sprites: bool
) -> None:
    run, files = write_run(tmp_path, rng, **case)
    held = datasets.read(files.one("groups1"))
    channels, labels = held.sizes["channel"], held["label"].values.tolist()
    dataset = neuron_groups(rng, "mixed4d", (5, 7), count, channels, labels)
    dataset["effect"][:, : len(labels) // 2] *= -1e-5
    datasets.write_h5(files.one("groups1"), dataset)
    if sprites:
        black = np.zeros((4 * -(-channels // 100), 4 * 100, 3), np.uint8)
        files = changed_files(files, sprites1=write_sprite_sheet(tmp_path / "s", black, 4, 100))
        files = changed_files(files, group_sprites1=write_sprites(tmp_path, "groups", count))
    for width in (85, 132, 180, 400):
        check_layout(compose(run, files, any_style(width_mm=width, dpi=20)))


@pytest.mark.parametrize("factor", [0.0, -1.0])
def test_groups_without_any_positive_effect(
    tmp_path: Path, rng: np.random.Generator, factor: float
) -> None:
    run, files = write_run(tmp_path, rng)
    dataset = datasets.read(files.one("groups1"))
    datasets.write_h5(
        files.one("groups1"), dataset.assign(effect=factor * np.abs(dataset["effect"]))
    )
    sheet = compose(run, files, any_style(dpi=20))
    check_layout(sheet)
    assert [text for _, text in sheet.texts].count("none") == 4
