"""The printed panel "methods": the same channels by every method, on one scale."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from helpers.sheet_layout import any_style, check_layout, recorded, words_on
from helpers.synthetic_run import LABELS, changed_files, changed_run, channels, write_run

from blockscope.figures.data.panel_files import PanelFiles
from blockscope.figures.print.channel_methods import MethodsPanel, compose
from blockscope.io import datasets
from blockscope.io.errors import BadFile

MINUS = "\N{MINUS SIGN}"
ALL = ("stochastic", "path-left-100", "path", "linear")
LONG = [f"{'W' * 60 if i % 2 else 'a long label of quite a few words'} {i}" for i in range(9)]


def made(rng: np.random.Generator, methods: tuple[str, ...] = ALL, count: int = 11) -> xr.Dataset:
    """Channels of layer 1 with a number for each method that no other one has."""
    dataset = channels(rng, "mixed4d", count, methods=methods)
    dataset["steps"] = dataset["steps"] * 0 + np.arange(3, 3 + len(methods))
    return dataset


def test_methods_are_drawn_in_their_order(tmp_path: Path, rng: np.random.Generator) -> None:
    run, files = write_run(tmp_path, rng)
    datasets.write_h5(files.one("channels1"), made(rng))
    panel = MethodsPanel.of_run(run, files)
    found = panel.layer.methods
    assert [method.method for method in found] == ["linear", "path", "path-left-100", "stochastic"]
    assert [method.steps for method in found] == [6, 5, 4, 3]
    held = datasets.read(files.one("channels1")).isel(pair=0)
    for method in found:
        own = held.sel({"method": method.method})
        np.testing.assert_array_equal(method.values, own["attribution"])
        assert method.completeness_error == pytest.approx(float(own["completeness_error"]))
        assert method.total == pytest.approx(float(own["attribution"].sum()), rel=1e-5)
    sheet = compose(run, files, any_style(dpi=30))
    titles = [text for _, text in sheet.texts if text in ALL]
    assert titles == [method.method for method in found] * 2  # in the table, then as headings


def test_the_table_says_what_adds_up(tmp_path: Path, rng: np.random.Generator) -> None:
    run, files = write_run(tmp_path, rng)
    dataset = made(rng, ("linear", "path"), 3)
    dataset["attribution"][:] = np.array([[1.0, 2.5, -0.5], [0.5, 3.0, 1.25]])
    dataset["score"][0], dataset["score_at_zero"][0] = 6.25, 1.5
    dataset["completeness_error"][:] = [-0.368, 0.00042]
    datasets.write_h5(files.one("channels1"), dataset)
    rewrite_activations(files, 3)
    sheet = compose(run, files, any_style(dpi=30))
    text = words_on(sheet)
    assert "Method Sum Rise Error Gradients" in text
    assert f"linear +3.00 +4.75 {MINUS}36.8 % 3" in text
    assert "path +4.75 +4.75 +0.04 % 4" in text


def rewrite_activations(files: PanelFiles, count: int) -> None:
    held = datasets.read(files.one("activations1"))
    datasets.write_zarr(files.one("activations1"), held.isel(channel=slice(count)))


def test_all_methods_have_one_scale(
    tmp_path: Path, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, files = write_run(tmp_path, rng)
    dataset = made(rng, ("linear", "path"), 3)
    dataset["attribution"][:] = np.array([[1.0, 0.5, -0.5], [4.0, 3.0, -1.0]])
    datasets.write_h5(files.one("channels1"), dataset)
    rewrite_activations(files, 3)
    drawn, boxes = recorded(monkeypatch, "bars"), recorded(monkeypatch, "box")
    compose(run, files, any_style(dpi=30))
    linear, path = (call[3] for call in drawn)
    np.testing.assert_allclose(np.array(linear) / path[0], [0.25, 0.125, -0.125])
    np.testing.assert_allclose(np.array(path) / path[0], [1.0, 0.75, -0.25])
    bars = [width for _, _, width, *_ in boxes if width != 2.2]  # the rest are swatches
    np.testing.assert_allclose(np.array(bars) / bars[3], [0.25, 0.125, 0.125, 1, 0.75, 0.25])


def test_every_method_is_explained(tmp_path: Path, rng: np.random.Generator) -> None:
    run, files = write_run(tmp_path, rng)
    for override in ("none", "smooth"):
        dataset = made(rng).assign_attrs(override=override)
        datasets.write_h5(files.one("channels1"), dataset)
        sheet = compose(changed_run(run, override=override), files, any_style(dpi=30))
        text = words_on(sheet)
        for words in (
            "Methods of channel attribution: a-run",
            "layer mixed4d, 5 \N{MULTIPLICATION SIGN} 7 positions",
            "Gradient x activation: activation times the gradient at the input. 11 channels:",
            "in enough steps to satisfy completeness",
            "in 100 left steps",
            "scaled at random at every step; it need not add up",
            "All bars share one scale",
        ):
            assert words in text, f"'{words}' is not on the sheet"
        assert ("A single gradient adds up only where" in text) == (override == "none")
        assert ("no method has to add up" in text) == (override == "smooth")


def test_files_of_another_layer_are_refused(tmp_path: Path, rng: np.random.Generator) -> None:
    run, files = write_run(tmp_path, rng)
    files = changed_files(files, channels1=files.one("channels2"))
    with pytest.raises(BadFile, match="is from layer 'mixed5a', expected 'mixed4d'"):
        MethodsPanel.of_run(run, files)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("strongest", "methods", "case"),
    [
        (5, ("linear",), {"channel_counts": (3, 3)}),
        (12, ALL, {"channel_counts": (2000, 3)}),
        (3, ("path", "stochastic"), {"labels": LONG, "compared": LONG[:2], "size": (40, 150)}),
        (4, ("linear", "path"), {"compared": LABELS[:1], "size": (150, 50)}),
    ],
    ids=["few", "many", "long labels, wide", "one label, tall"],
)
def test_everything_fits(
    tmp_path: Path,
    rng: np.random.Generator,
    strongest: int,
    methods: tuple[str, ...],
    case: dict[str, Any],
) -> None:
    run, files = write_run(tmp_path, rng, **case)
    held = datasets.read(files.one("channels1"))
    count, labels = held.sizes["channel"], held["label"].values.tolist()
    pair = [(int(held["index_a"][0]), int(held["index_b"][0]))]
    dataset = channels(rng, "mixed4d", count, pair, methods, labels)
    dataset["completeness_error"][:] = -123.4567
    datasets.write_h5(files.one("channels1"), dataset)
    for width in (85, 180, 400):
        style = any_style(width_mm=width, top_channels=strongest, dpi=20)
        check_layout(compose(run, files, style))
