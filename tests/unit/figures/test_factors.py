"""The printed panel: what it shows, that everything fits, and what its files record."""

from __future__ import annotations

import dataclasses
import itertools
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from helpers.sheet_layout import check_layout
from helpers.synthetic_run import FACTS, LABELS, classes, factors, input_pixels, write_run
from PIL import Image

from blockscope.config.settings import RunRow
from blockscope.figures import captions, colour
from blockscope.figures.data.contrasts import find_contrast
from blockscope.figures.data.factors import FactorsPanel, Weight
from blockscope.figures.data.panel_files import PanelFiles
from blockscope.figures.image_encoding import blended
from blockscope.figures.page.factors import render_factors
from blockscope.figures.print.export import write_sheet
from blockscope.figures.print.factors import place
from blockscope.figures.print.parts.sheet import shortened, shortened_apart, text_width, wrapped
from blockscope.figures.style import Style
from blockscope.io import datasets, images, provenance
from blockscope.io.errors import BadFile, BlockscopeError, UnknownName

LONG = [
    f"{'W' * 60 if i % 3 else 'an extraordinarily long label of many words'} {i}" for i in range(60)
]
TRICKY = FACTS | {"created_by": "groups", "note": 'a (b) \\ "c" <d> & é ]]> -->', "n": 3, "x": 0.5}


def make_panel(
    rng: np.random.Generator,
    count: int = 2,
    *,
    joint: bool = False,
    method: str = "nmf",
    grids: tuple[tuple[int, int], tuple[int, int]] = ((14, 14), (7, 7)),
    size: tuple[int, int] = (96, 96),
    labels: list[str] = LABELS,
    compared: tuple[str, ...] = (),
    tops: int = 5,
) -> FactorsPanel:
    fit = "mixed5a" if joint else ""
    made = [
        factors(rng, layer, grid, count, fit_layer=fit, method=method, labels=labels, tops=tops)
        for layer, grid in zip(("mixed4d", "mixed5a"), grids, strict=True)
    ]
    return FactorsPanel.from_datasets(
        row(compared), input_pixels(*size), classes(rng, labels=labels), made
    )


def row(compared: Sequence[str] = ()) -> RunRow:
    cells = FACTS | {"run": "a-run", "layer1": "mixed4d", "layer2": "mixed5a"}
    return RunRow.model_validate(cells | {"classes": list(compared)})


def write(
    outputs: Mapping[str, Path],
    panel: FactorsPanel,
    facts: dict[str, object],
    style: Style = Style(),  # noqa: B008 - frozen
) -> None:
    write_sheet(place(panel, style), outputs, facts, style.dpi)  # type: ignore[arg-type]


# --- what is shown ---------------------------------------------------------------------------


def test_the_most_probable_labels_come_first(rng: np.random.Generator) -> None:
    attributions = classes(rng)
    made = [factors(rng, "mixed4d", (5, 7)), factors(rng, "mixed5a", (3, 4))]
    panel = FactorsPanel.from_datasets(row(), input_pixels(), attributions, made, top_labels=7)
    chance = attributions["probability"].to_series().sort_values(ascending=False)
    assert [weight.label for weight in panel.highest] == list(chance.index[:7])
    np.testing.assert_allclose([weight.value for weight in panel.highest], chance.iloc[:7])


def test_without_a_head_the_largest_outputs_are_shown(rng: np.random.Generator) -> None:
    attributions = classes(rng, labels=["a", "b", "c"]).drop_vars(["logit", "probability"])
    values = np.array([-3.25, -0.5, -12.0], np.float32)
    attributions = attributions.assign_coords(output=("label", values))
    made = [factors(rng, "mixed4d", (5, 7)), factors(rng, "mixed5a", (3, 4))]
    panel = FactorsPanel.from_datasets(row(), input_pixels(), attributions, made)
    assert [weight.label for weight in panel.highest] == ["b", "a", "c"]
    assert captions.highest_title(panel) == "Largest outputs"
    minus = "\N{MINUS SIGN}"
    assert captions.highest_numbers(panel) == [f"{minus}0.5", f"{minus}3.2", f"{minus}12.0"]
    assert find_contrast((), attributions).names == ("b", "a")
    with pytest.raises(BadFile, match=r"cannot be compared with logsumexp, .* has no head"):
        find_contrast(("a", "logsumexp"), attributions)


def test_one_label_is_compared_with_nothing(rng: np.random.Generator) -> None:
    attributions = classes(rng, labels=["a"])
    assert find_contrast((), attributions).names == ("a",)
    assert find_contrast((), attributions).second is None
    made = [factors(rng, "mixed4d", (5, 7), 1, labels=["a"]) for _ in range(2)]
    panel = FactorsPanel.from_datasets(row(), input_pixels(), attributions, made)
    assert captions.factors_caption(panel).endswith("1 factor, the one label")


def test_requested_labels_are_shown_once(rng: np.random.Generator) -> None:
    attributions = classes(rng)
    order = np.argsort(-attributions["probability"].values)
    likely, unlikely, other = LABELS[order[0]], LABELS[order[-1]], int(order[-2])
    index = str(int(attributions["index"].values[other]))
    made = [factors(rng, "mixed4d", (5, 7)), factors(rng, "mixed5a", (3, 4))]
    compared = [likely, unlikely, index, "logsumexp", unlikely]
    panel = FactorsPanel.from_datasets(row(compared), input_pixels(), attributions, made)
    assert [weight.label for weight in panel.requested] == [unlikely, LABELS[other]]


def test_equal_names_are_told_apart_by_their_indexes(rng: np.random.Generator) -> None:
    labels = ["crane", "kite", "crane", "red plain star"]
    panel = make_panel(rng, labels=labels, compared=("3",), tops=4)
    shown = {weight.label for weight in (*panel.highest, *panel.requested)}
    assert shown == {"crane [1]", "kite", "crane [3]", "red plain star"}
    for layer in panel.layers:
        for top in layer.tops:
            assert {weight.label for weight in top} <= shown


def test_unknown_and_repeated_labels(rng: np.random.Generator) -> None:
    attributions = classes(rng, labels=["crane", "kite", "crane", "red plain star"])
    made = [factors(rng, "mixed4d", (5, 7)), factors(rng, "mixed5a", (3, 4))]
    with pytest.raises(
        UnknownName, match=r"'crane' occurs 2 times; give its index instead: 1 or 3"
    ):
        FactorsPanel.from_datasets(row(["crane"]), input_pixels(), attributions, made)
    with pytest.raises(UnknownName, match=r"unknown label 'red plain'; valid: .*red plain star"):
        FactorsPanel.from_datasets(row(["red plain"]), input_pixels(), attributions, made)
    least = int(np.argmin(attributions["probability"].values))
    panel = FactorsPanel.from_datasets(
        row([str(least + 1)]), input_pixels(), attributions, made, top_labels=1
    )
    assert panel.requested == (
        Weight(str(attributions["label"].values[least]), float(attributions["probability"][least])),
    )


@pytest.mark.parametrize("name", ["classes2", "factors1", "factors2"])
@pytest.mark.parametrize("key", ["model", "image", "override", "layer"])
def test_files_of_another_run_are_refused(
    tmp_path: Path, rng: np.random.Generator, name: str, key: str
) -> None:
    run, files = write_run(tmp_path, rng)
    held = datasets.read(files.one(name))
    datasets.write_h5(files.one(name), held.assign_attrs({key: "other"}))
    with pytest.raises(BadFile, match=rf"'a-run': .*{name}.* is from {key} 'other', expected '"):
        FactorsPanel.of_run(run, files)
    del held.attrs[key]
    datasets.write_h5(files.one(name), held)
    with pytest.raises(BadFile, match=f"is from {key} 'None', expected '"):
        FactorsPanel.of_run(run, files)


def test_reading_files_gives_what_was_written(tmp_path: Path, rng: np.random.Generator) -> None:
    attributions = classes(rng).assign_attrs(layer="mixed5a")
    made = [factors(rng, "mixed4d", (5, 7), 3), factors(rng, "mixed5a", (3, 4), 3)]
    files = {"image": tmp_path / "input.png"}
    images.write_png(files["image"], input_pixels(60, 90), provenance.record("input"))
    for name, dataset in zip(
        ("classes2", "factors1", "factors2"), (attributions, *made), strict=True
    ):
        files[name] = tmp_path / f"{name}.h5"
        datasets.write_h5(files[name], dataset)
    read = FactorsPanel.of_run(row(["7"]), PanelFiles(files), 4)
    direct = FactorsPanel.from_datasets(row(["7"]), input_pixels(60, 90), attributions, made, 4)
    np.testing.assert_array_equal(read.pixels, direct.pixels)
    for one, other in zip(read.layers, direct.layers, strict=True):
        np.testing.assert_array_equal(one.spatial, other.spatial)
        assert one.tops == other.tops
        assert (one.layer, one.relative_error) == (other.layer, other.relative_error)
    assert read.highest == direct.highest
    assert read.requested == direct.requested


@pytest.fixture
def with_a_dead_layer(rng: np.random.Generator) -> list[xr.Dataset]:
    """Factors of two layers, of which the first has no positive attribution."""
    dead, alive = factors(rng, "mixed4d", (5, 7), 3), factors(rng, "mixed5a", (3, 4), 3)
    for name in ("spatial", "labels", "top_weight"):
        dead[name] = 0 * dead[name]
    dead["top_label"] = xr.full_like(dead["top_label"], "")
    dead["top_index"] = xr.full_like(dead["top_index"], -1)
    del dead.attrs["relative_error"]
    return [dead, alive]


def test_where_there_is_nothing_print_says_so(
    rng: np.random.Generator, with_a_dead_layer: list[xr.Dataset]
) -> None:
    nothing = "no positive attribution at this layer"
    panel = FactorsPanel.from_datasets(row(), input_pixels(), classes(rng), with_a_dead_layer)
    assert panel.layers[0].tops == ((), (), ())
    assert captions.errors_caption(panel) == f"mixed4d ({nothing}), mixed5a 0.31"
    sheet = place(panel, Style())
    check_layout(sheet)
    texts = [text for _, text in sheet.texts]
    assert sum(text.endswith(": none") for text in texts) == 3
    assert nothing in " ".join(texts)


def test_where_there_is_nothing_the_page_says_so(
    tmp_path: Path, rng: np.random.Generator, with_a_dead_layer: list[xr.Dataset]
) -> None:
    files = {"image": tmp_path / "input.png", "classes2": tmp_path / "classes2.h5"}
    images.write_png(files["image"], input_pixels(60, 90), provenance.record("input"))
    datasets.write_h5(files["classes2"], classes(rng).assign_attrs(layer="mixed5a"))
    for number, dataset in enumerate(with_a_dead_layer, 1):
        files[f"factors{number}"] = tmp_path / f"factors{number}.h5"
        datasets.write_h5(files[f"factors{number}"], dataset)
    html, summary = render_factors(row(), PanelFiles(files), Style(), "data:,")
    nothing = "no positive attribution at this layer"
    assert html.count(f"<p>{nothing}</p>") == 3
    assert f"Factor 1 ({nothing}) is absent." in html
    assert summary["Relative error of the factors"] == f"mixed4d ({nothing}), mixed5a 0.31"


def test_axes_are_known_by_name_not_by_place(rng: np.random.Generator) -> None:
    dataset = factors(rng, "mixed4d", (5, 7), 3)
    turned = dataset.transpose("factor", "rank", "label", "col", "row")
    for made in (dataset, turned):
        panel = FactorsPanel.from_datasets(row(), input_pixels(), classes(rng), [made, made])
        assert panel.layers[0].spatial.shape == (5, 7, 3)
        assert panel.layers[0].grid == "5 \N{MULTIPLICATION SIGN} 7"


@pytest.mark.parametrize(
    ("joint", "legends"), [(True, ["mixed5a"]), (False, ["mixed4d", "mixed5a"])]
)
def test_layers_that_share_factors_share_a_legend(
    rng: np.random.Generator, joint: bool, legends: list[str]
) -> None:
    panel = make_panel(rng, joint=joint)
    assert [layer.layer for layer in captions.legends(panel)] == legends
    sheet = place(panel, Style())
    texts = [text for _, text in sheet.texts]
    assert texts.count("Factor 1") == texts.count("Factor 2") == len(legends)


def test_everything_a_reader_needs_is_on_the_sheet(rng: np.random.Generator) -> None:
    panel = make_panel(rng, method="pca", compared=("red plain star",))
    sheet = place(panel, Style())
    text = " ".join(text for _, text in sheet.texts)
    for words in (
        "image two_blocks, gradient override smooth; PCA of each layer separately",
        "14 \N{MULTIPLICATION SIGN} 14",
        "negative values of a factor are drawn as 0",
        "Relative error of the factors: mixed4d 0.31, mixed5a 0.31",
        "red plain star",
        *(weight.label for layer in panel.layers for top in layer.tops for weight in top),
        *(weight.label for weight in panel.highest),
    ):
        assert words in text, f"'{words}' is not on the sheet"


@pytest.mark.parametrize(
    ("value", "full", "written"),
    [
        (0.871, 0.871, "0.871"),
        (0.0712, 2.118, "0.07"),
        (61.94, 99.0, "61.9"),
        (812.4, 999.0, "812"),
        (-0.5, 2.0, "\N{MINUS SIGN}0.50"),
        (1.25e-7, 1.25e-7, "1.2e-07"),
        (-1.25e-7, 1.25e-7, "\N{MINUS SIGN}1.2e-07"),
        (-0.001, 2.0, "0.00"),
        (2.5e9, 2.5e9, "2.5e+09"),
        (0.0, 1.0, "0.00"),
    ],
)
def test_weights_have_the_decimals_of_the_largest(value: float, full: float, written: str) -> None:
    assert captions.number(value, full) == written


@pytest.mark.parametrize(
    ("value", "written"), [(1.0, "100.0 %"), (0.123, "12.3 %"), (0.0004, "< 0.1 %"), (0, "< 0.1 %")]
)
def test_probabilities_are_percentages(value: float, written: str) -> None:
    assert captions.percent(value) == written


# --- that it fits ----------------------------------------------------------------------------

SHAPES = [
    {"count": count, "joint": joint, "width": width}
    for count, joint, width in itertools.product((1, 2, 3, 4, 7, 12), (False, True), (180, 85))
]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("labels", [LABELS, LONG], ids=["labels", "long labels"])
def test_no_text_leaves_the_sheet_or_covers_another(
    rng: np.random.Generator, shape: dict[str, int], labels: list[str]
) -> None:
    panel = make_panel(rng, shape["count"], joint=bool(shape["joint"]), labels=labels)
    check_layout(place(panel, Style(width_mm=shape["width"])))


@pytest.mark.parametrize(
    "case",
    [
        {"grids": ((1, 1), (1, 1)), "count": 5},
        {"grids": ((3, 11), (2, 5)), "size": (40, 170), "count": 3},
        {"grids": ((28, 28), (7, 7)), "size": (150, 50), "count": 12},
        {"count": 30, "joint": True, "tops": 1},
        {"count": 2, "tops": 12, "method": "pca"},
    ],
    ids=str,
)
@pytest.mark.parametrize("width", [40, 120, 300])
def test_odd_shapes_fit(rng: np.random.Generator, case: dict[str, int], width: int) -> None:
    check_layout(place(make_panel(rng, **case), Style(width_mm=width)))  # type: ignore[arg-type]


def test_every_factor_is_marked_from_three_on(rng: np.random.Generator) -> None:
    sheet = place(make_panel(rng, 4), Style())
    marks = [text for _, text in sheet.texts if re.fullmatch(r"[1-4]", text)]
    assert sorted(marks) == ["1", "1", "2", "2", "3", "3", "4", "4"]
    sheet = place(make_panel(rng, 2), Style())
    assert not [text for _, text in sheet.texts if re.fullmatch(r"[1-4]", text)]


def test_shortened_text_fits_and_short_text_stays() -> None:
    for width in (4.0, 11.0, 29.0):
        text = shortened("amber checked half moon", 7, width)
        assert text.endswith("…")
        assert text_width(text, 7) <= width
    assert shortened("amber", 7, 29.0) == "amber"


@pytest.mark.parametrize("width", [6.0, 11.0, 17.0])
def test_labels_that_are_cut_keep_what_tells_them_apart(width: float) -> None:
    labels = ["American Staffordshire terrier, red", "American Staffordshire terrier, blue", "ant"]
    labels.insert(1, "American Staffordshire terrier, red")
    found = shortened_apart(labels, 7, width)
    assert found[0] == found[1] != found[2]
    assert found[3] == "ant"
    assert all(text_width(text, 7) <= width for text in found)
    if width > 10:
        assert (found[0], found[2]) == ("…red", "…blue")
    assert shortened_apart(labels, 7, 80.0) == labels


def test_wrapped_text_keeps_every_word() -> None:
    text = "Negative attributions were set to 0 before factoring them"
    lines = wrapped(text, 7, 25)
    assert " ".join(lines) == text
    assert len(lines) > 1
    assert max(text_width(line, 7) for line in lines) <= 25


# --- pixels ----------------------------------------------------------------------------------


@pytest.mark.parametrize("opacity", [0.0, 0.35, 1.0])
def test_every_position_covers_its_part_of_the_input(
    rng: np.random.Generator, opacity: float
) -> None:
    below = rng.integers(0, 256, (30, 42, 3), np.uint8)
    cells = rng.integers(0, 256, (5, 7, 3), np.uint8)
    shown = blended(below, cells, (30, 42), opacity, interpolate=False)
    for row, col in np.ndindex(30, 42):
        wanted = (1 - opacity) * below[row, col] + opacity * cells[row // 6, col // 6].astype(float)
        np.testing.assert_allclose(shown[row, col], wanted, atol=0.51)


@pytest.mark.parametrize("count", [2, 3])
def test_the_png_shows_each_layer_over_the_input(
    tmp_path: Path, rng: np.random.Generator, count: int
) -> None:
    panel = make_panel(rng, count, grids=((5, 7), (3, 4)))
    grey = dataclasses.replace(panel, pixels=np.full((90, 90, 3), 200, np.uint8))
    style = Style(opacity=0.6, width_mm=150, dpi=200)
    write({"png": tmp_path / "groups.png"}, grey, TRICKY, style)
    with Image.open(tmp_path / "groups.png") as opened:
        drawn = np.asarray(opened.convert("RGB"))
        assert opened.info["dpi"] == pytest.approx((200, 200), abs=0.1)
    assert drawn.shape[1] == pytest.approx(150 / 25.4 * 200, abs=1)
    sheet = place(grey, style)
    for layer, (left, top, right, bottom) in zip(panel.layers, sheet.images[1:], strict=True):
        cells = colour.factor_image(layer.spatial)
        rows, cols, _ = cells.shape
        for row, col in np.ndindex(rows, cols):
            # Near the lower left of a cell, where no mark of a factor lies.
            across = left + (col + 0.12) / cols * (right - left)
            down = top + (row + 0.88) / rows * (bottom - top)
            found = drawn[int(down / 25.4 * 200), int(across / 25.4 * 200)]
            wanted = 0.4 * 200 + 0.6 * cells[row, col].astype(float)
            np.testing.assert_allclose(
                found, wanted, atol=1.1, err_msg=f"{layer.layer} {row} {col}"
            )


# --- files -----------------------------------------------------------------------------------


def test_equal_panels_give_equal_bytes(tmp_path: Path) -> None:
    for folder in ("one", "two"):
        panel = make_panel(np.random.default_rng(5), 3)
        outputs = {kind: tmp_path / folder / f"g.{kind}" for kind in ("pdf", "svg", "png")}
        write(outputs, panel, TRICKY, Style(dpi=100))
    for kind in ("pdf", "svg", "png"):
        one, two = (tmp_path / folder / f"g.{kind}" for folder in ("one", "two"))
        assert one.read_bytes() == two.read_bytes(), f"two {kind} files of one panel differ"


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("groups")
    labels = ["a $b$ & <c>", *LABELS[1:]]
    panel = make_panel(np.random.default_rng(8), 2, labels=labels, compared=("a $b$ & <c>",))
    outputs = {kind: folder / f"groups.{kind}" for kind in ("pdf", "svg", "png")}
    write(outputs, panel, TRICKY, Style(dpi=80))
    return outputs


@pytest.mark.parametrize("kind", ["pdf", "svg", "png"])
def test_files_say_where_they_come_from(written: dict[str, Path], kind: str) -> None:
    assert provenance.read(written[kind]) == TRICKY


def test_text_is_text_in_svg(written: dict[str, Path]) -> None:
    svg = written["svg"].read_text(encoding="utf-8")
    assert ">Most probable labels</text>" in svg
    assert ">a $b$ &amp; &lt;c&gt;</text>" in svg
    assert "DejaVuSans-" not in svg, "letters were drawn as outlines"


def test_text_is_text_in_pdf(written: dict[str, Path]) -> None:
    pdf = written["pdf"].read_bytes()
    assert b"/FontFile2" in pdf
    assert b"/Type3" not in pdf


def test_no_file_holds_a_date(written: dict[str, Path]) -> None:
    assert b"CreationDate" not in written["pdf"].read_bytes()
    assert b"dc:date" not in written["svg"].read_bytes()


def test_an_unknown_format_is_refused_before_anything_is_written(
    tmp_path: Path, rng: np.random.Generator
) -> None:
    outputs = {"png": tmp_path / "g.png", "eps": tmp_path / "g.eps"}
    with pytest.raises(BlockscopeError, match="format eps is not written; valid: pdf, svg, png"):
        write(outputs, make_panel(rng), TRICKY)
    assert not list(tmp_path.iterdir())


def test_bars_without_positive_weight_are_empty(rng: np.random.Generator) -> None:
    panel = make_panel(rng)
    flat = tuple(tuple(Weight(w.label, 0.0) for w in top) for top in panel.layers[0].tops)
    layers = tuple(dataclasses.replace(layer, tops=flat) for layer in panel.layers)
    check_layout(place(dataclasses.replace(panel, layers=layers), Style()))  # type: ignore[arg-type]
