"""Colours of maps of one number: their order, their ends, and who can tell them apart."""

from __future__ import annotations

import numpy as np
import pytest
from helpers.colour_vision import VIEWERS, cielab, least_distance

from blockscope.figures.colour import BLUE, ORANGE
from blockscope.figures.palettes import STEPS, palettes


def code(rgb: np.ndarray) -> str:
    return "#" + "".join(f"{int(value):02x}" for value in rgb)


def lightness(table: np.ndarray) -> np.ndarray:
    encoded = table / 255
    linear = np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)
    return cielab(linear)[:, 0]


@pytest.mark.parametrize("name", ["signed", "cividis", "grey"])
def test_lightness_grows_with_the_size(name):
    palette = palettes()[name]
    assert palette.table.shape == (2 * STEPS + 1, 3)
    light = lightness(palette.table)
    above, below = light[STEPS:], light[STEPS::-1]
    assert (np.diff(above) > -0.6).all()
    assert above[-1] - above[0] > 50
    if palette.signed:
        assert (np.diff(below) > -0.6).all()
        assert below[-1] - below[0] > 35
    else:
        assert (palette.table[:STEPS] == palette.table[STEPS]).all()


@pytest.mark.parametrize("viewer", VIEWERS)
def test_both_signs_are_told_apart(viewer):
    table = palettes()["signed"].table
    assert least_distance([code(table[0]), code(table[STEPS]), code(table[-1])], viewer) > 35


def test_signs_are_not_taken_for_labels():
    table = palettes()["signed"].table
    ends = [code(table[0]), code(table[-1])]
    assert least_distance([ends[0], BLUE], "all cones") > 25
    assert least_distance([ends[1], ORANGE], "all cones") > 25


def test_a_map_is_looked_up():
    values = np.array([[0.0, 2.0, -1.0], [0.5, -2.0, 4.0]])
    palette = palettes()["signed"]
    own = palette.paint(values)
    assert (own == palette.table[[[127, 191, 95], [143, 63, 254]]]).all()
    beside = palette.paint(values, full=2.0)
    assert (beside == palette.table[[[127, 254, 63], [159, 0, 254]]]).all()


@pytest.mark.parametrize("full", [None, 0.0, 3.0])
def test_nothing_is_the_middle(full):
    palette = palettes()["signed"]
    assert (palette.paint(np.zeros((2, 3)), full) == palette.table[STEPS]).all()


@pytest.mark.parametrize("value", [np.nan, -np.inf])
def test_numbers_that_are_none_are_refused(value):
    with pytest.raises(ValueError, match="values that are not finite"):
        palettes()["grey"].paint(np.array([[value]]))
