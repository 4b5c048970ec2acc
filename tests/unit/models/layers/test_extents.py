"""What rows and columns cover after crops, paddings and windows."""

from __future__ import annotations

import pytest

from blockscope.models.layers.extents import Extent, extent_of, in_place, joined, with_extent


@pytest.mark.parametrize("size", [32, 64, 96, 224])
def test_strides_with_padding_at_one_end_move_a_map_by_less_than_it_shows(size):
    """As in MobileNet: a row of zeros below, then three rows at a time, every second one."""
    extent = Extent()
    while size > 1:
        padded = extent.of_entries(0, size + 1, size, size + 1, even=True)
        assert padded.in_place, f"{size} rows: {padded}"
        count = size // 2
        extent = padded.of_entries(0.5, 0.5 + 2 * count, size + 1, count, even=True)
        assert extent.in_place, f"{count} rows: {extent}"
        size = count


def test_what_a_crop_takes_is_where_it_was_in_the_image():
    cropped = Extent().of_entries(2, 20, 20, 18, even=False)
    again = cropped.of_entries(0, 9, 18, 9, even=False)
    assert (again.first, again.last) == pytest.approx((0.1, 0.55))
    back = again.of_entries(-2, 18, 9, 20, even=False)
    assert (back.first, back.last) == pytest.approx((0, 1))
    assert (cropped.in_place, again.in_place, back.in_place) == (True, False, True)


def test_a_word_keeps_what_its_axis_covers():
    extent = Extent().of_entries(1.5, 21, 20, 9, even=True, bend=0.4)
    word = with_extent("col", extent)
    assert vars(extent_of(word)) == pytest.approx(vars(extent), abs=1e-6)
    assert with_extent("row", Extent()) == "row"
    assert in_place(f"token 1 4 9 0 row {word}")


def test_what_differs_by_little_is_joined_and_by_much_is_not():
    up = with_extent("row", Extent().of_entries(-2, 18, 20, 20, even=False))
    down = with_extent("row", Extent().of_entries(1, 21, 20, 20, even=False))
    far = with_extent("row", Extent().of_entries(3, 23, 20, 20, even=False))
    assert extent_of(joined({up, down})).first == pytest.approx(-0.025)
    assert joined({up, far}) == ""
