"""The panel of randomised networks: the numbers of the files, in print and on the page."""

from __future__ import annotations

import re

import numpy as np
import pytest
from helpers.sheet_layout import any_style, check_layout, words_on
from helpers.synthetic_run import LABELS, changed_files, changed_run, sanity, write_run

from blockscope.attribution.scores.sanity import WORDS
from blockscope.autodiff.gradient_overrides import OVERRIDES
from blockscope.figures.data.sanity import MEASURES, Likeness, SanityPanel, SanityPlace
from blockscope.figures.page.sanity import render_sanity
from blockscope.figures.print.export import compose
from blockscope.figures.print.parts.layout import EDGE, GAP
from blockscope.figures.print.parts.sheet import Sheet
from blockscope.figures.print.sanity import SCALE
from blockscope.figures.sanity_words import COLOURS, likeness_words, place_words
from blockscope.figures.style import Style
from blockscope.io import datasets
from blockscope.io.errors import BadFile

STYLE = Style()


@pytest.fixture
def made(tmp_path, rng):
    return write_run(tmp_path, rng)


def test_every_measure_and_override_of_the_files_is_shown():
    assert list(MEASURES) == list(WORDS)
    assert len(COLOURS) == len(OVERRIDES)


@pytest.mark.slow
def test_curves_are_those_of_the_files(made):
    run, files = made
    panel = SanityPanel.of_run(run, files)
    assert list(panel.curves) == [LABELS[0], LABELS[1]]
    assert panel.places == (
        SanityPlace("mixed5a", "cascading", False, 2),
        SanityPlace("input", "cascading", True, 1),
        SanityPlace("mixed4d", "independent", False, 1),
    )
    for label in (0, 1):
        for measure, curves in panel.curves[LABELS[label]].items():
            assert list(curves) == list(OVERRIDES)
            for path, curve in zip(files.many("override_sanity1"), curves.values(), strict=True):
                found = datasets.read(path)
                values = found[measure].to_numpy()[:, label]
                np.testing.assert_allclose(curve[0].mean, values[:2].mean(), rtol=1e-5)
                np.testing.assert_allclose(curve[0].deviation, values[:2].std(ddof=1), rtol=1e-4)
                np.testing.assert_allclose([p.mean for p in curve[1:]], values[2:], rtol=1e-5)
                assert [point.count for point in curve] == [2, 1, 1]


def test_a_single_label_has_one_row_of_charts(made):
    run, files = made
    panel = SanityPanel.of_run(changed_run(run, classes=[LABELS[4]]), files)
    assert list(panel.curves) == [LABELS[4]]
    against_all = changed_run(run, classes=[LABELS[4], "logsumexp"])
    assert list(SanityPanel.of_run(against_all, files).curves) == [LABELS[4]]


def test_the_sheet_holds_everything_and_nothing_covers_another(made):
    run, files = made
    sheet = compose("sanity", run, files, STYLE)
    check_layout(sheet)
    words = words_on(sheet)
    assert "Rank correlation 0: nothing in common; SSIM is higher then" in words  # 0 is not its
    for text in (*LABELS[:2], *MEASURES.values(), *OVERRIDES, "Shaded: weights below mixed4d"):
        assert text in words
    assert "1 all above mixed5a; 2 all above input; 3 one block above mixed4d." in words
    assert "mean of 2 seeds" in words
    assert "constant" not in words


def test_places_whose_activations_are_others_are_shaded(made, monkeypatch):
    run, files = made
    shaded = []
    monkeypatch.setattr(Sheet, "box", lambda _sheet, left, *area: shaded.append((left, *area)))
    compose("sanity", run, files, STYLE)
    assert len(shaded) == 2 * 4  # one of three places, in each chart
    lefts = sorted({left for left, *_ in shaded})
    width = shaded[0][2]
    inner = (STYLE.width_mm - 2 * EDGE - 3 * GAP) / 4 - SCALE
    np.testing.assert_allclose(width, inner / 3)
    np.testing.assert_allclose(lefts[0], EDGE + SCALE + width)  # the second


@pytest.mark.parametrize("width", [90.0, 180.0])
def test_any_width_has_room(made, width):
    run, files = made
    check_layout(compose("sanity", run, files, any_style(**{**vars(STYLE), "width_mm": width})))


def test_the_page_has_a_dot_and_a_number_for_each(made):
    run, files = made
    html, summary = render_sanity(run, files, STYLE, "")
    panel = SanityPanel.of_run(run, files)
    dots = len(list(panel.points()))
    assert dots == 2 * 4 * 3 * 3
    assert html.count("<circle") == dots
    assert html.count("<polyline") == 2 * 4 * 3 * 2  # two of a cascade are one line
    assert html.count('class="moved"') == 2 * 4
    cells = re.findall(r"<td>([^<]*)</td>", html)
    point = panel.curves[LABELS[1]]["ssim"]["smooth"][0]
    assert likeness_words(point) in cells
    assert f"smooth, all above mixed5a: {likeness_words(point)}" in html
    assert summary == {"Randomised networks": "4"}


def test_a_map_without_a_number_is_told_and_not_drawn(made, tmp_path):
    run, files = made
    paths = []
    for path in files.many("override_sanity1"):
        found = datasets.read(path)
        for measure in MEASURES:
            for part in ("mean", "deviation"):
                found[f"{measure}_{part}"].values[1, 0] = np.nan
            found[f"{measure}_count"].values[1, 0] = 0
        paths.append(tmp_path / f"again-{path.name}")
        datasets.write_h5(paths[-1], found)
    changed = changed_files(files, override_sanity1=paths)
    words = words_on(compose("sanity", run, changed, STYLE))
    assert "3 maps are constant, without a number, and left out of the means" in words
    html, _ = render_sanity(run, changed, STYLE, "")
    assert html.count("<circle") == 2 * 4 * 3 * 3 - 4 * 3
    assert html.count("no number") == 4 * 3
    assert "nan" not in html.lower()


@pytest.mark.parametrize(
    ("attribute", "value", "words"),
    [
        ("model", "other", "is from model 'other', expected 'blocks1000'"),
        ("image", "other", "is from image 'other'"),
        ("layer", "mixed5a", "is from layer 'mixed5a', expected 'mixed4d'"),
    ],
)
def test_a_file_of_another_run_is_refused(made, tmp_path, attribute, value, words):
    run, files = made
    first, *others = files.many("override_sanity1")
    path = tmp_path / "wrong.h5"
    datasets.write_h5(path, datasets.read(first).assign_attrs({attribute: value}))
    with pytest.raises(BadFile, match=words):
        SanityPanel.of_run(run, changed_files(files, override_sanity1=[path, *others]))


def test_files_of_other_networks_or_labels_are_refused(made, tmp_path):
    run, files = made
    first, *others = files.many("override_sanity1")
    fewer = datasets.read(first).isel(place=[0, 1]).isel(network=[0, 1, 2])
    datasets.write_h5(tmp_path / "fewer.h5", fewer)
    changed = changed_files(files, override_sanity1=[*others, tmp_path / "fewer.h5"])
    with pytest.raises(BadFile, match="compares with other networks than the files of the other"):
        SanityPanel.of_run(run, changed)
    cut = sanity(np.random.default_rng(1), "mixed4d", "none", LABELS[:9])
    datasets.write_h5(tmp_path / "cut.h5", cut)
    changed = changed_files(files, override_sanity1=[tmp_path / "cut.h5", *others])
    with pytest.raises(BadFile, match="has other labels; regenerate it"):
        SanityPanel.of_run(run, changed)


def test_words():
    nan = float("nan")
    assert likeness_words(Likeness(-0.004, 0.126, 3)) == "0.00 \N{PLUS-MINUS SIGN} 0.13"
    assert likeness_words(Likeness(-0.25, nan, 1)) == "\N{MINUS SIGN}0.25"
    assert likeness_words(Likeness(nan, nan, 0)) == "no number"
    assert place_words(SanityPlace("a/b", "independent", True, 1)) == "one block above a/b"
