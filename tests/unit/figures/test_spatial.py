"""The printed panels of maps: what they show, where its cells stand, and that everything fits."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import xarray as xr
from helpers.sheet_layout import check_layout, words_on
from helpers.synthetic_run import LABELS, changed_files, classes, write_run
from matplotlib.backends.backend_agg import FigureCanvasAgg
from PIL import Image

from blockscope.autodiff.gradient_overrides import OVERRIDES
from blockscope.config.panels import PANELS
from blockscope.config.settings import RunRow
from blockscope.figures import colour
from blockscope.figures.data.contrasts import find_contrast
from blockscope.figures.data.maps import Cell
from blockscope.figures.data.panel_files import PanelFiles
from blockscope.figures.palettes import palettes, signed_map
from blockscope.figures.print.export import compose, write_sheet
from blockscope.figures.print.overrides import OverridesPanel
from blockscope.figures.print.parts.layout import Place, outline_cell
from blockscope.figures.print.parts.sheet import Sheet
from blockscope.figures.print.spatial import SpatialPanel
from blockscope.figures.style import Style
from blockscope.io import datasets, provenance
from blockscope.io.errors import BadFile, UnknownName
from blockscope.stages.figures.panel import write_panel

LONG = ["an extraordinarily long label of very many words, and more of them still", *LABELS[1:]]


Made = tuple[RunRow, PanelFiles]


@pytest.fixture
def made(tmp_path, rng) -> Made:
    return write_run(tmp_path, rng)


# --- which labels are compared ----------------------------------------------------------------


def test_a_pair_is_found_by_name_or_index(rng):
    dataset = classes(rng)
    contrast = find_contrast(["11", LABELS[3]], dataset)
    assert (contrast.first, contrast.second, contrast.names) == (10, 3, (LABELS[10], LABELS[3]))
    assert contrast.text == f"{LABELS[10]} \N{MINUS SIGN} {LABELS[3]}"
    first, second = contrast.maps(dataset)
    np.testing.assert_array_equal(first, dataset["attribution"][10])
    np.testing.assert_array_equal(second, dataset["attribution"][3])


def test_without_labels_the_two_most_probable_are_compared(rng):
    dataset = classes(rng)
    chance = dataset["probability"].to_numpy()
    contrast = find_contrast([], dataset)
    assert [contrast.first, contrast.second] == np.argsort(-chance)[:2].tolist()


@pytest.mark.parametrize(
    ("labels", "text", "logsumexp"),
    [
        ([LABELS[4]], LABELS[4], False),
        ([LABELS[4], "logsumexp"], f"{LABELS[4]} \N{MINUS SIGN} logsumexp", True),
    ],
)
def test_a_label_without_another_has_an_empty_map(rng, labels, text, logsumexp):
    dataset = classes(rng)
    contrast = find_contrast(labels, dataset)
    found = (contrast.first, contrast.second, contrast.text, contrast.logsumexp)
    assert found == (4, None, text, logsumexp)
    assert not contrast.maps(dataset)[1].any()


def test_a_repeated_name_is_shown_with_its_index(rng):
    names = ["crane", "heron", "crane"]
    dataset = classes(rng, labels=names)
    assert find_contrast(["3", "heron"], dataset).names == ("crane [3]", "heron")
    with pytest.raises(UnknownName, match="'crane' occurs 2 times; give its index instead: 1 or 3"):
        find_contrast(["crane"], dataset)


def test_a_pair_is_looked_up_among_those_of_the_channels(rng):
    axes = {"index": ("label", [1, 2, 5]), "label": ["a", "b", "c"]}
    held = [(2, 5), (5, -1), (1, -2)]
    channels = xr.Dataset(
        coords=axes
        | {
            "pair": ["b|c", "c|logsumexp", "a"],
            "index_a": ("pair", [a for a, _ in held]),
            "index_b": ("pair", [b for _, b in held]),
        }
    )
    dataset = classes(rng, labels=["a", "b", "c"]).assign_coords(index=("label", [1, 2, 5]))
    for row, labels in enumerate((["b", "c"], ["c", "logsumexp"], ["a"])):
        assert find_contrast(labels, dataset).row_of(channels) == row
    with pytest.raises(
        UnknownName, match=r"unknown contrast 'a . b'; valid: b\|c, c\|logsumexp, a"
    ):
        find_contrast(["a", "b"], dataset).row_of(channels)


# --- what the maps say ------------------------------------------------------------------------


def test_maps_are_those_of_the_files(made: Made):
    run, files = made
    panel = SpatialPanel.of_run(run, files)
    assert panel.contrast.names == (LABELS[0], LABELS[1])
    for n, layer in zip("12", panel.maps.labels, strict=True):
        found = datasets.read(files.one(f"classes{n}"))["attribution"].to_numpy()
        np.testing.assert_array_equal(layer[0], found[0])
        np.testing.assert_array_equal(layer[1], found[1])
    positions = datasets.read(files.one("positions"))["attribution"].to_numpy()
    np.testing.assert_array_equal(panel.maps.sources(Cell(2, 3)), positions[2, 3])
    np.testing.assert_array_equal(panel.maps.targets(Cell(4, 6)), positions[:, :, 4, 6])


def test_the_example_supports_one_label_and_not_the_other(made: Made):
    maps = SpatialPanel.of_run(*made).maps
    strong, weak = np.zeros((2, 5, 7), np.float32)
    strong[1, 5], weak[1, 5] = 9, 8.9  # supports both
    strong[4, 2], weak[0, 6] = 3, 4
    strong[3, 3] = -20  # opposes one label, supports none
    maps = dataclasses.replace(maps, labels=((strong, weak), maps.labels[1]))
    assert maps.strongest(0, 0) == (4, 2)
    assert maps.strongest(0, 1) == (0, 6)
    assert str(maps.strongest(0, 1)) == "row 1, column 7"


def test_the_overrides_are_read_in_their_order(made: Made):
    panel = OverridesPanel.of_run(*made)
    assert [maps.override for maps in panel.maps] == list(OVERRIDES)
    for maps, path in zip(panel.maps, made[1].many("override_positions"), strict=True):
        np.testing.assert_array_equal(maps.positions, datasets.read(path)["attribution"])


@pytest.mark.parametrize(
    ("name", "key", "value"),
    [("positions", "override", "none"), ("classes1", "image", "cat"), ("classes2", "model", "x")],
)
def test_files_of_another_run_are_refused(made: Made, name, key, value):
    run, files = made
    dataset = datasets.read(files.one(name))
    dataset.attrs[key] = value
    datasets.write_h5(files.one(name), dataset)
    wanted = f"{name}-smooth.h5' is from {key} '{value}', expected '{getattr(run, key)}'"
    with pytest.raises(BadFile, match=wanted):
        SpatialPanel.of_run(run, files)


# --- what is drawn ----------------------------------------------------------------------------


def test_images_are_those_of_the_maps(made: Made, monkeypatch):
    """The hints of both layers, then for each label its sources and targets."""
    shown = []
    monkeypatch.setattr(
        "blockscope.figures.print.spatial.place_overlay",
        lambda *placed: shown.append(placed[3]),
    )
    compose("spatial", *made, Style())
    maps = SpatialPanel.of_run(*made).maps
    wanted = [colour.two_label_map(*maps.labels[0]), colour.two_label_map(*maps.labels[1])]
    for label in (0, 1):
        wanted.append(signed_map(maps.sources(maps.strongest(1, label))))
        wanted.append(signed_map(maps.targets(maps.strongest(0, label))))
    assert len(shown) == len(wanted)
    for found, expected in zip(shown, wanted, strict=True):
        np.testing.assert_array_equal(found, expected)


def test_a_cell_is_outlined_where_it_stands():
    """A white image of 5 x 7 cells: the dark border lies around row 3, column 5."""
    sheet = Sheet(70.0)
    pixels = np.full((50, 70, 3), 255, np.uint8)
    outline_cell(sheet, Place(0, 0, 70.0), pixels, Cell(2, 4), (5, 7), "#000000")
    sheet.height = 50.0
    figure = sheet.figure()
    figure.set_dpi(254)  # ten pixels for each mm
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    dark = np.asarray(canvas.buffer_rgba())[..., 0] < 128
    rows, cols = np.nonzero(dark)
    assert (rows.min() / 10, rows.max() / 10, cols.min() / 10, cols.max() / 10) == (
        pytest.approx(20, abs=0.3), pytest.approx(30, abs=0.3),
        pytest.approx(40, abs=0.3), pytest.approx(50, abs=0.3),
    )  # fmt: skip


def test_nothing_is_strongest_where_no_position_supports_the_label(made: Made, tmp_path):
    run, files = made
    dead = datasets.read(files.one("classes2"))
    dead["attribution"] *= 0
    datasets.write_h5(tmp_path / "dead.h5", dead)
    files = changed_files(files, classes2=tmp_path / "dead.h5")
    words = words_on(compose("spatial", run, files, Style()))
    for label in run.classes:
        assert f"no position supports {label}" in words
        assert words.count(f"strongest for {label}") == 1  # at the earlier layer


@pytest.mark.slow
@pytest.mark.parametrize("width", [85, 120, 180, 400])
@pytest.mark.parametrize("name", ["spatial", "overrides"])
@pytest.mark.parametrize("labels", [LONG[:2], LONG[:1], [LONG[0], "logsumexp"], []])
def test_everything_fits_at_any_width(tmp_path, rng, name, width, labels):
    run, files = write_run(tmp_path, rng, labels=LONG, compared=labels, grids=((4, 9), (1, 2)))
    check_layout(compose(name, run, files, Style(width_mm=width, dpi=60)))


def test_the_panel_says_what_it_shows(made: Made):
    sheet = compose("spatial", *made, Style())
    texts = [text for _, text in sheet.texts]
    assert "Spatial attribution: a-run" in texts
    assert f"{LABELS[0]} against {LABELS[1]}" in " ".join(texts)
    for words in ("mixed4d", "5 \N{MULTIPLICATION SIGN} 7", "3 \N{MULTIPLICATION SIGN} 4"):
        assert words in texts
    sheet = compose("overrides", *made, Style())
    texts = [text for _, text in sheet.texts]
    assert set(OVERRIDES) <= set(texts)


def test_letters_that_the_font_lacks_are_told(tmp_path, rng):
    labels = ["猫 cat", "dög", *LABELS[2:]]
    run, files = write_run(tmp_path, rng, labels=labels, compared=labels[:2])
    sheet = compose("spatial", run, files, Style(dpi=60))
    assert words_on(sheet).endswith("Boxes stand for letters that the font lacks: U+732B.")
    check_layout(sheet)
    outputs = {name: tmp_path / f"a.{name}" for name in ("png", "svg", "pdf")}
    write_sheet(sheet, outputs, {"created_by": "panel"}, 60)


# --- the files --------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("name", PANELS)
def test_every_panel_is_written_with_its_origin(made: Made, tmp_path, name):
    run, files = made
    outputs = {kind: tmp_path / f"{name}.{kind}" for kind in ("pdf", "svg", "png")}
    style = Style(dpi=60).model_dump(mode="json")
    write_panel(panel=name, run=run.figure_params, style=style, files=files.paths, outputs=outputs)
    for path in outputs.values():
        found = provenance.read(path)
        assert (found["created_by"], found["panel"], found["run"]) == ("panel", name, "a-run")
        assert (found["layer1"], found["layer2"]) == run.layers
        assert found["override"] == run.override
    with Image.open(outputs["png"]) as opened:
        assert opened.width == round(180 / 25.4 * 60)


def test_an_unknown_panel_is_told(made: Made):
    with pytest.raises(UnknownName, match="unknown panel 'spatiall'; valid: factors, spatial"):
        compose("spatiall", *made, Style())


def test_the_first_palette_is_signed():
    assert next(iter(palettes())) == "signed"
