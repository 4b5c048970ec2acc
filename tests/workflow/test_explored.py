"""The page that the workflow made of the tiny project, in a browser, against its result files."""

from __future__ import annotations

import io

import numpy as np
import pytest
from helpers.synthetic_page import check_map, choose_label, layer_map, point, saved
from PIL import Image
from playwright.sync_api import expect

from blockscope.figures import colour
from blockscope.figures.palettes import palettes
from blockscope.io import datasets

PAGE = "results/figures/one/index.html"
GRID = (4, 5)  # of the later layer
ASKED, OTHER = "bee", "elk"


def arrays(project):
    """Return both layers' attribution to all labels, and that between their positions."""
    folder = project.path("results/tiny/noise/smooth")
    files = ("classes/low", "classes/block~high", "positions/low--block~high")
    return [datasets.read(folder / f"{name}.h5").attribution for name in files]


def hints(attribution, first, second=None):
    one = attribution.sel(label=first).values
    return colour.two_label_map(one, attribution.sel(label=second).values if second else 0 * one)


@pytest.mark.slow
def test_what_is_drawn_is_in_the_files(finished, visit):
    """At rest, pointed at, kept, with another label, from a link and in a saved picture."""
    project, _ = finished
    low, high, positions = arrays(project)
    assert np.isfinite(positions).all()
    paint = palettes()["signed"].paint
    page = visit(project.path(PAGE))
    page.locator("#spatial").get_by_label("Opacity").fill("1")
    earlier, later = layer_map(page, 1), layer_map(page, 2)
    check_map(earlier, hints(low, ASKED))
    check_map(later, hints(high, ASKED))

    later.hover(position=point(later, GRID, 1, 3))
    check_map(earlier, paint(positions.isel(row2=1, col2=3).values))
    later.click(position=point(later, GRID, 2, 4))
    page.mouse.move(2, 2)
    kept = paint(positions.isel(row2=2, col2=4).values)
    check_map(earlier, kept)
    choose_label(page, "First label", "cow")
    choose_label(page, "Second label", OTHER)
    check_map(earlier, kept)
    # The outline of the kept cell lies on the hint.
    check_map(later, hints(high, "cow", OTHER), atol=6)

    page.wait_for_timeout(400)
    link = page.evaluate("location.href")
    page.goto("about:blank")
    page.goto(link)
    expect(page.locator("#spatial").get_by_role("combobox").first).to_have_value("cow")
    check_map(layer_map(page, 1), kept)

    name, content = saved(page, "spatial", "PNG")
    assert name == "one-spatial.png"
    with Image.open(io.BytesIO(content)) as opened:
        assert opened.width == 2000
        colours = {tuple(pixel) for pixel in np.asarray(opened.convert("RGB")).reshape(-1, 3)}
    assert {tuple(pixel) for pixel in kept.reshape(-1, 3)} <= colours


def test_channels_are_those_of_the_file(finished, visit):
    project, _ = finished
    held = datasets.read(project.path("results/tiny/noise/smooth/channels/low.h5"))
    values = held.attribution.sel({"method": "linear"}).values[0]
    page = visit(project.path(PAGE))
    shown = page.locator('#channels [data-layer="1"] .tile').all_inner_texts()
    found = {}
    for text in shown:
        number, value = text.split()
        found[int(number)] = float(value.replace("\N{MINUS SIGN}", "-"))
    assert set(found) == set(np.flatnonzero(values).tolist())
    for channel, value in found.items():
        np.testing.assert_allclose(value, values[channel], rtol=6e-3)
