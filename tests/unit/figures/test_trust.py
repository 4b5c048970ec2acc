"""The printed panel "trust": what it takes from the files, what it says, and that it fits."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from helpers.sheet_layout import any_style, check_layout, recorded, words_on
from helpers.synthetic_run import LABELS, changed_files, changed_run, write_run
from scipy import stats

from blockscope.figures import trust_words
from blockscope.figures.captions import number
from blockscope.figures.data.panel_files import PanelFiles
from blockscope.figures.data.trust import TrustPanel
from blockscope.figures.print.parts.layout import Place
from blockscope.figures.print.parts.plot import Plot, span
from blockscope.figures.print.parts.sheet import Sheet
from blockscope.figures.print.trust import compose
from blockscope.io import datasets
from blockscope.io.errors import BadFile

MINUS = "\N{MINUS SIGN}"


@pytest.fixture
def made(tmp_path, rng):
    return write_run(tmp_path, rng)


def edited(files: PanelFiles, name: str, folder: Path, **values) -> PanelFiles:
    """Return the files with some variables or attributes of one of them replaced."""
    dataset = datasets.read(files.one(name))
    for key, value in values.items():
        if key in dataset.attrs:
            dataset.attrs[key] = value
        else:
            dataset[key] = (dataset[key].dims, np.asarray(value, dataset[key].dtype))
    path = folder / f"{name}-edited.h5"
    datasets.write_h5(path, dataset)
    return changed_files(files, **{name: path})


def test_numbers_are_those_of_the_files(made):
    run, files = made
    run = changed_run(run, classes=[LABELS[1], LABELS[0]])
    panel = TrustPanel.of_run(run, files)
    ablation, scores = (datasets.read(files.one(name)) for name in ("ablation1", "scores1"))
    sanity = datasets.read(files.one("sanity1"))
    assert [label.name for label in panel.labels] == [LABELS[1], LABELS[0]]
    for label, place in zip(panel.labels, (1, 0), strict=True):
        positions = label.losses["positions"]
        np.testing.assert_array_equal(positions.exact, ablation["positions"][place])
        own = scores.sel(map="attribution").isel(label=place)
        np.testing.assert_array_equal(positions.attributed, own["maps"])
        assert label.attributed == pytest.approx(float(own["maps"].sum()), rel=1e-6)
        assert label.whole == ablation["all"][place]
        groups = label.losses["groups"]
        np.testing.assert_array_equal(groups.attributed, ablation["groups_linear"][place])
        curves = own.sel(baseline="layer")
        np.testing.assert_array_equal(label.curves.deletion, curves["deletion"])
        np.testing.assert_array_equal(label.curves.insertion, curves["insertion"])
        np.testing.assert_array_equal(label.curves.sd, curves["random_sd"])
        assert label.curves.counts.tolist() == [0, 4, 7, 10, 14, 18, 21, 24, 28, 32, 35]
        # The independent place is another test: only those from the logits down are a curve.
        assert label.randomised.above == ("mixed5a", "input")
        means = [point.mean for point in label.randomised.curve]
        np.testing.assert_array_equal(means, sanity["rank_correlation_mean"][:2, place])
        assert [point.count for point in label.randomised.curve] == [2, 1]


def test_correlations_are_those_of_scipy_and_undefined_where_one_is_constant(made, tmp_path):
    run, files = made
    losses = TrustPanel.of_run(run, files).labels[0].losses["channels"]
    expected = stats.spearmanr(losses.exact, losses.attributed).statistic
    assert losses.rank_correlation == pytest.approx(expected)
    flat = np.zeros(datasets.read(files.one("ablation1"))["channels"].shape)
    panel = TrustPanel.of_run(run, edited(files, "ablation1", tmp_path, channels=flat))
    assert np.isnan(panel.labels[0].losses["channels"].rank_correlation)
    text = " ".join(trust_words.sentences(panel, panel.labels[0]))
    assert "single channels: undefined (one of both is constant)" in text


def test_what_the_sentences_say(made, tmp_path):
    run, files = made
    scores = datasets.read(files.one("scores1"))
    deletion, mean, sd = (scores[name].values for name in ("deletion", "random_mean", "random_sd"))
    place = list(scores["baseline"].values).index("layer")
    deletion[0, 0, place, :2] = [9.0, 5.875]
    mean[0, place, :2], sd[0, place, 1] = [9.0, 9.25], 0.5
    files = edited(files, "scores1", tmp_path, deletion=deletion, random_mean=mean, random_sd=sd)
    ablation = datasets.read(files.one("ablation1"))
    groups, linear, whole = (ablation[n].values for n in ("groups", "groups_linear", "all"))
    groups[0], linear[0], whole[0] = [1, -4, 2, 0], [1, 0.5, 2, 0], -3
    files = edited(files, "ablation1", tmp_path, groups=groups, groups_linear=linear, all=whole)
    panel = TrustPanel.of_run(run, files)
    removal, agreement, completeness, group, sanity = trust_words.sentences(panel, panel.labels[0])
    assert removal == (
        "Setting the 4 strongest positions of 35 to zero lowers its logit by 3.12; 4 random ones "
        "raise it by 0.25 \N{PLUS-MINUS SIGN} 0.50."
    )
    assert "of the map and exact losses by single positions: " in agreement
    assert "; of gradient x activation and exact losses by single channels: 0." in agreement
    assert completeness.startswith("Setting the whole layer to zero raises its logit by 3.")
    assert group == (
        "Of 4 neuron groups, group 2 matters most: taking it away raises its logit by 4.00, to "
        "first order lowers it by 0.50."
    )
    assert sanity.startswith("With all weights above input drawn anew (one network), ranks of the")


def test_a_panel_without_randomised_networks_says_nothing_of_them(made):
    run, files = made
    text = words_on(compose(run, changed_files(files, sanity1=[]), any_style(dpi=20)))
    assert "Weights drawn anew" not in text
    assert "drawn anew" not in text


def test_losses_to_the_mean_are_beside_the_same_change(made, tmp_path, monkeypatch):
    """Not beside the map, which counts from zero."""
    run, files = made
    files = edited(files, "ablation1", tmp_path, baseline="mean")
    ablation = datasets.read(files.one("ablation1"))
    panel = TrustPanel.of_run(run, files)
    for label, place in zip(panel.labels, (0, 1), strict=True):
        linear, exact = (ablation[name][place].values for name in ("positions_linear", "positions"))
        np.testing.assert_array_equal(label.losses["positions"].attributed, linear)
        np.testing.assert_array_equal(label.losses["positions"].exact, exact)
        assert label.attributed == pytest.approx(float(linear.sum()), rel=1e-5)
        correlation = stats.spearmanr(exact, linear, axis=None).statistic
        _, agreement, completeness, *_ = trust_words.sentences(panel, label)
        assert agreement.startswith(
            "Rank correlation of gradient x change and exact losses by single positions: "
            f"{correlation:.2f}; by single channels: 0."
        )
        verb = "lowers" if linear.sum() > 0 else "raises"
        size = number(abs(float(linear.sum())), max(abs(label.whole), abs(float(linear.sum()))))
        assert completeness.startswith("Setting the whole layer to the channels' means lowers its")
        assert completeness.endswith(f", to first order {verb} it by {size}.")
    calls = recorded(monkeypatch, "dots")
    text = words_on(compose(run, files, any_style(dpi=20)))
    assert len(calls) == 2 * 4
    assert "gradient x change (logits)" in text
    assert "attribution (logits)" not in text
    assert "set to the channel's mean over the positions, a neuron group to its own" in text
    assert "the run's map, which counts from zero and follows the override smooth, orders" in text
    assert "set to zero. The map" not in text


def test_parts_of_which_there_is_only_one_have_no_order(tmp_path, rng):
    run, files = write_run(tmp_path, rng, grids=((1, 1), (1, 1)), channel_counts=(1, 1))
    ablation = datasets.read(files.one("ablation1")).isel(factor=[0], set=[0, 1])
    path = tmp_path / "one-group.h5"
    datasets.write_h5(path, ablation)
    scores = datasets.read(files.one("scores1")).isel(share=[0, -1])
    scores = scores.assign_coords(share=[0.0, 1.0])
    datasets.write_h5(tmp_path / "one-step.h5", scores)
    files = changed_files(files, ablation1=path, scores1=tmp_path / "one-step.h5")
    panel = TrustPanel.of_run(run, files)
    removal, agreement, _, group, _ = trust_words.sentences(panel, panel.labels[0])
    assert removal.startswith("Setting the only position to zero ")
    only = "undefined (there is only one)"
    assert f"single positions: {only};" in agreement
    assert f"single channels: {only} (" in agreement
    assert group.startswith("Taking the only neuron group away ")


def test_files_of_other_labels_are_refused(made, tmp_path):
    """A label is found by its place."""
    run, files = made
    for name in ("ablation1", "sanity1"):
        dataset = datasets.read(files.one(name))
        path = tmp_path / f"{name}-fewer.h5"
        datasets.write_h5(path, dataset.isel(label=slice(1, None)))
        with pytest.raises(BadFile, match=f"{name}-fewer.h5' has other labels; regenerate it"):
            TrustPanel.of_run(run, changed_files(files, **{name: path}))


def test_the_map_is_that_of_the_override_and_the_losses_know_none(made):
    run, files = made
    assert run.override == "smooth"
    text = words_on(compose(run, files, any_style(dpi=20)))
    assert "The map follows the override smooth; channels and groups the network's own" in text


@pytest.mark.parametrize(
    ("name", "key", "value"),
    [
        ("ablation1", "layer", "mixed5a"),
        ("groups1", "image", "other"),
        ("scores1", "override", "none"),
        ("sanity1", "model", "other"),
    ],
)
def test_files_of_another_run_are_refused(made, tmp_path, name, key, value):
    run, files = made
    files = edited(files, name, tmp_path, **{key: value})
    with pytest.raises(BadFile, match=f"is from {key} '{value}', expected"):
        TrustPanel.of_run(run, files)


def test_a_label_that_was_not_scored_is_named(made):
    run, files = made
    run = changed_run(run, classes=[LABELS[5]])
    with pytest.raises(
        BadFile, match=f"scores holds {LABELS[0]}, {LABELS[1]}, but not '{LABELS[5]}'"
    ):
        TrustPanel.of_run(run, files)


def test_dots_stand_where_their_numbers_are(monkeypatch):
    calls = recorded(monkeypatch, "dots")
    plot = Plot(Sheet(100.0), Place(10, 20, 40), (-1, 3), (0, 2))
    plot.dots(np.array([-1.0, 1, 3]), np.array([0.0, 1, 2]), "#000000")
    across, down, *_ = calls[0]
    assert across == [10, 30, 50]
    assert down == pytest.approx([48, 34, 20])  # 28 mm high
    assert span([2.0, 4], [np.nan, -1])[0] < -1
    assert span([0.0, 0.0]) == (-1, 1)
    assert span([2.0, 4])[0] == 0  # zero is an end, without a margin


@pytest.mark.slow
@pytest.mark.parametrize("width", [85, 120, 180, 400])
@pytest.mark.parametrize("labels", [LABELS[:1], LABELS[:2], []])
def test_everything_fits(tmp_path, rng, width, labels):
    run, files = write_run(tmp_path, rng, compared=labels)
    check_layout(compose(run, files, any_style(dpi=20, width_mm=width)))
