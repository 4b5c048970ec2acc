"""The panel of rival maps: what it shows of the files, in print and on the page."""

from __future__ import annotations

import re

import numpy as np
import pytest
from helpers.sheet_layout import check_layout, words_on
from helpers.synthetic_run import LABELS, changed_files, changed_run, write_run

from blockscope.config.template_widths import TEMPLATE_WIDTHS
from blockscope.figures import captions
from blockscope.figures.data.maps import grid_words
from blockscope.figures.data.rivals import Rivals, Score
from blockscope.figures.image_encoding import png_uri
from blockscope.figures.page.rivals import render_rivals
from blockscope.figures.palettes import signed_map
from blockscope.figures.print.export import compose
from blockscope.figures.print.parts.sheet import ELLIPSIS
from blockscope.figures.style import Style
from blockscope.io import datasets
from blockscope.io.errors import BadFile

LONG = "an extraordinarily long label of very many words, and more of them still, without any end"
URI = "data:image/png;base64,AA=="


@pytest.fixture
def made(tmp_path, rng):
    return write_run(tmp_path, rng)


def test_maps_and_scores_are_those_of_the_file(made):
    run, files = made
    panel = Rivals.of_run(run, files)
    found = datasets.read(files.one("scores1"))
    assert panel.contrast.names == (LABELS[0], LABELS[1])
    assert panel.names[:3] == ("attribution", "HiResCAM", "Grad-CAM")
    np.testing.assert_array_equal(panel.maps, found["maps"])
    by_name = [{score.name: score for score in scores} for scores in panel.scores]
    for n in range(2):
        at = found.isel(label=n)
        for base in ("blur", "layer"):
            for kind, best in (("deletion", -1), ("insertion", 1)):
                score = by_name[n][f"{kind}, {base}"]
                expected = at[f"{kind}_area"].sel(baseline=base)
                np.testing.assert_array_equal(score.values, expected)
                chance = at.sel(baseline=base)
                ends = [float(chance[f"random_area_{end}"]) for end in ("mean", "sd")]
                assert score.chance == tuple(ends)
                assert score.best == best
        np.testing.assert_array_equal(by_name[n]["infidelity"].values, at["infidelity"])
    np.testing.assert_array_equal(by_name[0]["rank accuracy"].values, found["rank_accuracy"][:, 0])
    assert by_name[0]["rank accuracy"].chance == pytest.approx((0.21, 0))
    assert "rank accuracy" not in by_name[1]  # a label without an object


def test_labels_are_found_by_their_index_in_any_order(made, tmp_path):
    run, files = made
    turned = datasets.read(files.one("scores1")).isel(label=[1, 0])
    datasets.write_h5(tmp_path / "turned.h5", turned)
    other = changed_files(files, scores1=tmp_path / "turned.h5")
    np.testing.assert_array_equal(Rivals.of_run(run, other).maps, Rivals.of_run(run, files).maps)
    single = Rivals.of_run(changed_run(run, classes=[LABELS[1]]), files)
    np.testing.assert_array_equal(single.maps[:, 0], turned["maps"][:, 0])


def test_the_best_of_a_row():
    values = np.array([0.3, np.nan, 0.1, 0.3])
    assert Score("a", values, 1).leading == {0, 3}
    assert Score("a", values, -1).leading == {2}
    assert Score("a", values, 0).leading == frozenset()
    assert Score("a", np.full(3, 0.2), 1).leading == frozenset()
    assert Score("a", np.full(3, np.nan), 1).leading == frozenset()


def test_numbers_have_the_digits_of_the_largest():
    numbers, chance = captions.score_numbers(
        Score("a", np.array([12.345, -0.5, np.nan]), 1, (3.21, 0.456))
    )
    assert numbers == ["12.3", "\N{MINUS SIGN}0.5", "-"]
    assert chance == "3.2 \N{PLUS-MINUS SIGN} 0.5"
    assert captions.score_numbers(Score("a", np.zeros(2), 1, (0.21, 0.0))) == (
        ["0.00", "0.00"],
        "0.21",
    )
    assert captions.score_numbers(Score("a", np.array([0.25]), 1))[1] == ""


def test_the_sheet_shows_every_score_and_fits(made):
    run, files = made
    panel = Rivals.of_run(run, files)
    for width in (TEMPLATE_WIDTHS["icml-column"], TEMPLATE_WIDTHS["neurips"], 180):
        sheet = compose("rivals", run, files, Style(width_mm=width))
        check_layout(sheet)
        words = words_on(sheet)
        assert ELLIPSIS not in words
        placed = [text for _, text in sheet.texts]
        assert set(panel.names) <= set(placed)
        assert any(text.endswith(f"maps {grid_words(panel.maps[0, 0])}") for text in placed)
        for score in (score for scores in panel.scores for score in scores):
            numbers, chance = captions.score_numbers(score)
            assert set(numbers) <= set(placed)
            assert (f"{score.name} ({chance})" if chance else score.name) in words
    assert captions.rivals_foot(run, "logit", 7, objects=True) in words
    assert "in brackets the mean of 7 random orders, with their standard deviation" in words


@pytest.mark.slow
@pytest.mark.parametrize("compared", [(LONG,), (LONG, LABELS[3]), (LABELS[1], "logsumexp"), ()])
def test_any_labels_fit(tmp_path, rng, compared):
    run, files = write_run(tmp_path, rng, labels=[LONG, *LABELS[1:]], compared=compared)
    sheet = compose("rivals", run, files, Style())
    check_layout(sheet)
    panel = Rivals.of_run(run, files)
    assert len(panel.scores) == panel.maps.shape[1] == len(panel.contrast.names)
    assert render_rivals(run, files, Style(), URI).html.count("<h3>") == len(panel.scores) + 1


def test_the_page_has_the_same_maps_and_numbers(made):
    run, files = made
    panel = Rivals.of_run(run, files)
    html, summary = render_rivals(run, files, Style(), URI)
    assert summary == {"Maps compared": ", ".join(panel.names)}
    for label, scores in enumerate(panel.scores):
        for method, maps in zip(panel.names, panel.maps, strict=True):
            assert png_uri(signed_map(maps[label])) in html
            row, col = np.unravel_index(maps[label].argmax(), maps[label].shape)
            where = f"largest at row {row + 1}, column {col + 1}"
            assert f"{method} of {panel.contrast.names[label]}: {where}" in html
        for score in scores:
            assert all(number in html for number in captions.score_numbers(score)[0])
    rows = re.findall(r'<tr><th scope="row">', html)
    assert len(rows) == sum(map(len, panel.scores))
    assert len(re.findall("<b>", html)) == sum(
        len(score.leading) for scores in panel.scores for score in scores
    )
    assert "chance" in html


def test_scores_of_another_run_are_refused(made, tmp_path):
    run, files = made
    found = datasets.read(files.one("scores1"))
    datasets.write_h5(tmp_path / "other.h5", found.assign_attrs(override="none"))
    other = changed_files(files, scores1=tmp_path / "other.h5")
    with pytest.raises(BadFile, match=r"other.h5' is from override 'none', expected 'smooth'"):
        Rivals.of_run(run, other)
    with pytest.raises(BadFile, match=rf"has no scores of {LABELS[7]}; regenerate it"):
        Rivals.of_run(changed_run(run, classes=[LABELS[7]]), files)
