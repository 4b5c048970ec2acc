"""The maps of a page in a browser: what is drawn is in the arrays, whatever is pointed at."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from helpers.synthetic_page import (
    PHONE,
    SyntheticPage,
    Visit,
    check_map,
    choose_label,
    drawn,
    layer_map,
    make_page,
    point,
)
from playwright.sync_api import Browser, Locator, Page, expect

from blockscope.autodiff.gradient_overrides import OVERRIDES
from blockscope.figures import colour
from blockscope.figures.palettes import palettes

pytestmark = pytest.mark.slow

GRIDS = {1: (5, 7), 2: (3, 4)}
SIGNED = next(iter(palettes().values()))
NAMES = list(OVERRIDES)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> SyntheticPage:
    """Return a page that no test changes."""
    return make_page(tmp_path_factory.mktemp("run"), ["spatial"])


def label_map(made: SyntheticPage, side: int) -> np.ndarray:
    return colour.two_label_map(*made.contrast.maps(made.read(f"classes{side}")))


def hover(page: Page, side: int, row: int, col: int) -> None:
    shown = layer_map(page, side)
    shown.hover(position=point(shown, GRIDS[side], row, col))


def press(page: Page, side: int, row: int, col: int) -> None:
    shown = layer_map(page, side)
    shown.click(position=point(shown, GRIDS[side], row, col))


def options(page: Page) -> Locator:
    return page.locator(".popup").get_by_role("option")


def leave(page: Page) -> None:
    page.mouse.move(2, 2)


def test_at_first_both_layers_show_the_maps_of_the_labels(
    made: SyntheticPage, visit: Visit
) -> None:
    page = visit(made.path)
    for side in GRIDS:
        check_map(layer_map(page, side), label_map(made, side))


def test_pointing_shows_the_other_layer_in_both_readings(made: SyntheticPage, visit: Visit) -> None:
    page = visit(made.path)
    for row, col in [(0, 0), (2, 1), (1, 3)]:
        hover(page, 2, row, col)
        check_map(layer_map(page, 1), SIGNED.paint(made.positions[row, col]))
        check_map(layer_map(page, 2), label_map(made, 2))
    for row, col in [(4, 2), (1, 6)]:
        hover(page, 1, row, col)
        check_map(layer_map(page, 2), SIGNED.paint(made.positions[:, :, row, col]))
        check_map(layer_map(page, 1), label_map(made, 1))
    leave(page)
    check_map(layer_map(page, 1), label_map(made, 1))
    check_map(layer_map(page, 2), label_map(made, 2))


def test_one_scale_for_all_maps(made: SyntheticPage, visit: Visit) -> None:
    page = visit(made.path)
    page.get_by_label("Scale").select_option("all")
    hover(page, 2, 1, 2)
    full = float(np.abs(made.positions).max())
    assert np.abs(made.positions[1, 2]).max() < 0.95 * full, "this cell tells the scales apart"
    check_map(layer_map(page, 1), SIGNED.paint(made.positions[1, 2], full))


@pytest.mark.parametrize("name", list(palettes()))
def test_every_palette(made: SyntheticPage, visit: Visit, name: str) -> None:
    page = visit(made.path)
    page.get_by_label("Palette").select_option(name)
    hover(page, 1, 3, 5)
    check_map(layer_map(page, 2), palettes()[name].paint(made.positions[:, :, 3, 5]))


def test_a_cell_stays_pinned_until_it_is_unpinned(made: SyntheticPage, visit: Visit) -> None:
    page = visit(made.path)
    wanted = SIGNED.paint(made.positions[2, 1])
    for unpin in ("press", "Escape"):
        press(page, 2, 2, 1)
        leave(page)
        check_map(layer_map(page, 1), wanted)
        expect(page.locator("#spatial .outline")).to_have_count(1)
        if unpin == "press":
            press(page, 2, 2, 1)
            leave(page)
        else:
            page.keyboard.press("Escape")
        check_map(layer_map(page, 1), label_map(made, 1))
        expect(page.locator("#spatial .outline")).to_have_count(0)


def test_values_of_a_pinned_cell_are_read_where_the_pointer_is(
    made: SyntheticPage, visit: Visit
) -> None:
    page = visit(made.path)
    press(page, 2, 2, 1)
    hover(page, 1, 3, 6)
    values = made.positions[2, 1].astype(float)
    check_map(layer_map(page, 1), SIGNED.paint(values))
    check_map(layer_map(page, 2), label_map(made, 2))
    status = page.locator("#spatial p[role=status].status").inner_text()
    assert status.startswith("mixed4d, row 4, column 7: ")
    number, share = status.split(": ")[1].split(" %")[0].split(" (")
    assert float(number.replace("\N{MINUS SIGN}", "-")) == pytest.approx(values[3, 6], abs=0.01)
    wanted = 100 * abs(values[3, 6]) / np.abs(values).sum()
    assert float(share) == pytest.approx(wanted, rel=0.06)
    assert "row 3, column 2, in activation units" in status


def test_two_cells_are_compared(made: SyntheticPage, visit: Visit) -> None:
    page = visit(made.path)
    first, second = made.positions[0, 3], made.positions[2, 1]
    press(page, 2, 0, 3)
    press(page, 2, 2, 1)
    leave(page)
    a, b = np.maximum(first, 0), np.maximum(second, 0)
    largest = max(np.abs(first).max(), np.abs(second).max())
    rgb = np.stack([b, a, b], axis=-1) / largest
    check_map(
        layer_map(page, 1),
        (np.clip(rgb / (0.01 + rgb.max() / 1.5) + 0.3, 0, 1) * 255).astype(np.uint8),
    )
    parts = page.get_by_label("Comparison of two cells").locator(".map")
    for place, values in enumerate((first, second, first - second)):
        check_map(parts.nth(place), SIGNED.paint(values, float(largest)))
    cosine = float((first * second).sum() / np.linalg.norm(first) / np.linalg.norm(second))
    text = page.get_by_label("Comparison of two cells").inner_text()
    found = re.search("first two maps: (.?\\d\\.\\d+)", text)
    assert found
    assert float(found[1].replace("\N{MINUS SIGN}", "-")) == pytest.approx(cosine, abs=0.006)
    page.get_by_role("button", name="Clear").click()
    expect(page.get_by_label("Comparison of two cells")).to_have_count(0)


def test_pressing_a_cell_of_the_other_layer_moves_there(made: SyntheticPage, visit: Visit) -> None:
    page = visit(made.path)
    press(page, 2, 0, 3)
    press(page, 1, 4, 2)
    leave(page)
    check_map(layer_map(page, 2), SIGNED.paint(made.positions[:, :, 4, 2]))
    check_map(layer_map(page, 1), label_map(made, 1))


def test_labels_of_a_cell(made: SyntheticPage, visit: Visit) -> None:
    page = visit(made.path)
    hover(page, 1, 4, 2)
    values = made.classes(1)[:, 4, 2]
    names = made.read("classes1")["label"].values
    best = np.argsort(-values)[:5]
    facts = page.locator("#spatial .facts")
    expect(facts.locator("h4")).to_have_text("mixed4d, row 5, column 3")
    assert facts.locator(".name").all_inner_texts()[:5] == [names[place] for place in best]
    numbers = [float(text) for text in facts.locator(".value").all_inner_texts()[:5]]
    np.testing.assert_allclose(numbers, values[best], atol=0.006)
    shares = facts.locator(".bar").evaluate_all(
        "all => all.map(b => b.getBoundingClientRect().width)"
    )
    np.testing.assert_allclose(
        np.array(shares[:5]) / shares[0], values[best] / values[best[0]], atol=0.02
    )


def test_any_label_can_be_searched(made: SyntheticPage, visit: Visit) -> None:
    page = visit(made.path)
    names = list(made.read("classes1")["label"].values)
    choose_label(page, "First label", "hatched arr blue")
    choose_label(page, "Second label", "150")
    first, second = names.index("blue hatched arrow"), 149  # indexes count from 1
    expect(page.get_by_role("combobox", name="First label")).to_have_value("blue hatched arrow")
    expect(page.get_by_role("combobox", name="Second label")).to_have_value(names[second])
    for side in GRIDS:
        values = made.classes(side)
        check_map(layer_map(page, side), colour.two_label_map(values[first], values[second]))
    page.get_by_role("combobox", name="Second label").click()
    options(page).filter(has_text="none").click()
    values = made.classes(2)[first]
    check_map(layer_map(page, 2), colour.two_label_map(values, np.zeros_like(values)))
    page.get_by_role("button", name="Reset labels").click()
    check_map(layer_map(page, 2), label_map(made, 2))


def test_the_search_by_keyboard(made: SyntheticPage, visit: Visit) -> None:
    page = visit(made.path)
    box = page.get_by_role("combobox", name="First label")
    box.focus()
    expect(box).to_have_attribute("aria-expanded", "false")
    page.keyboard.press("ArrowDown")
    expect(options(page)).to_have_count(80)
    chance = made.read("classes1")["probability"].to_numpy()
    names = made.read("classes1")["label"].values
    assert options(page).first.inner_text().startswith(names[chance.argmax()])
    page.keyboard.type("moon")
    found = [text.split("\n")[0] for text in options(page).all_inner_texts()]
    wanted = [place for place in np.argsort(-chance, kind="stable") if "moon" in names[place]]
    assert set(found) == {names[place] for place in wanted}
    assert found[:3] == [names[place] for place in wanted[:3]], "the most probable first"
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    active = str(box.get_attribute("aria-activedescendant"))
    assert page.locator(f"#{active}").inner_text().startswith(found[2])
    page.keyboard.press("Enter")
    expect(box).to_have_value(found[2])
    page.keyboard.type("no such label")
    expect(page.locator(".popup")).to_contain_text("No label matches")
    page.keyboard.press("Enter")
    page.keyboard.press("Escape")
    expect(box).to_have_value(found[2])


def test_labels_of_one_name_have_their_index(tmp_path: Path, visit: Visit) -> None:
    labels = ["crane", "drill", "crane", "lamp", "rope", "bolt"]
    made = make_page(tmp_path, ["spatial"], labels=labels, compared=("drill", "lamp"))
    page = visit(made.path)
    choose_label(page, "First label", "crane 3")
    expect(page.get_by_role("combobox", name="First label")).to_have_value("crane [3]")
    values = made.classes(2)
    check_map(layer_map(page, 2), colour.two_label_map(values[2], values[3]))


@pytest.mark.parametrize("compared", [("drill",), ("drill", "logsumexp")])
def test_one_label_alone(tmp_path: Path, visit: Visit, compared: tuple[str, ...]) -> None:
    labels = ["bolt", "drill", "lamp", "rope"]
    made = make_page(tmp_path, ["spatial", "channels"], labels=labels, compared=compared)
    page = visit(made.path)
    values = made.classes(2)[1]
    check_map(layer_map(page, 2), colour.two_label_map(values, np.zeros_like(values)))
    wanted = "drill \N{MINUS SIGN} logsumexp: " if "logsumexp" in compared else "drill: "
    expect(page.locator("#channels .about")).to_contain_text(f"{wanted}the run's own labels")


def test_keyboard_moves_pins_and_unpins(made: SyntheticPage, visit: Visit) -> None:
    page = visit(made.path)
    page.get_by_label("Opacity").focus()
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    cells = page.get_by_role("application", name="Cells of mixed5a")
    expect(cells).to_be_focused()
    check_map(layer_map(page, 1), SIGNED.paint(made.positions[0, 0]))
    for key in ("ArrowDown", "ArrowDown", "ArrowDown", "End", "ArrowLeft"):
        page.keyboard.press(key)
    expect(cells).to_have_attribute("aria-label", "Cells of mixed5a, 3 by 4: row 3, column 3")
    check_map(layer_map(page, 1), SIGNED.paint(made.positions[2, 2]))
    page.keyboard.press("Enter")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Shift+Tab")
    check_map(layer_map(page, 1), SIGNED.paint(made.positions[2, 2]))
    page.keyboard.press("Tab")
    page.keyboard.press("Escape")
    page.keyboard.press("Shift+Tab")
    check_map(layer_map(page, 1), label_map(made, 1))


def test_a_tap_is_a_press(made: SyntheticPage, visit: Visit) -> None:
    page = visit(made.path, **PHONE)
    shown = layer_map(page, 2)
    shown.tap(position=point(shown, GRIDS[2], 1, 3))
    check_map(layer_map(page, 1), SIGNED.paint(made.positions[1, 3]))
    shown.tap(position=point(shown, GRIDS[2], 1, 3))
    check_map(layer_map(page, 1), label_map(made, 1))


def test_opacity_blends_with_the_input(tmp_path: Path, visit: Visit) -> None:
    made = make_page(tmp_path, ["factors", "spatial"], opacity=0.0)
    page = visit(made.path)
    below = drawn(layer_map(page, 1))[5:-5:7, 5:-5:7]
    page.locator("#spatial").get_by_label("Opacity").fill("1")
    above = drawn(layer_map(page, 1))[5:-5:7, 5:-5:7]
    page.locator("#opacity").fill("0.3")
    expect(page.locator("#spatial .percent")).to_have_text("30 %")
    found = drawn(layer_map(page, 1))[5:-5:7, 5:-5:7]
    np.testing.assert_allclose(found, 0.7 * below + 0.3 * above, atol=3)


def test_overrides_are_linked(tmp_path: Path, visit: Visit) -> None:
    made = make_page(tmp_path, ["overrides"])
    page = visit(made.path)
    shown = layer_map(page, 2, "overrides", NAMES[1])
    shown.click(position=point(shown, GRIDS[2], 2, 3))
    leave(page)
    sums = []
    for place, override in enumerate(NAMES):
        positions = made.read("override_positions", place)["attribution"].to_numpy()[2, 3]
        check_map(layer_map(page, 1, "overrides", override), SIGNED.paint(positions))
        maps = made.contrast.maps(made.read("override_classes2", place))
        check_map(layer_map(page, 2, "overrides", override), colour.two_label_map(*maps))
        sums.append(positions.sum())
    table = page.locator("#overrides tbody td:nth-child(2)").all_inner_texts()
    found = [float(text.replace("\N{MINUS SIGN}", "-")) for text in table]
    np.testing.assert_allclose(found, sums, rtol=0.01)
    expect(page.locator("#overrides .outline")).to_have_count(len(NAMES))


def test_words_say_where_a_map_is_largest(made: SyntheticPage, visit: Visit) -> None:
    page = visit(made.path)
    hover(page, 2, 1, 0)
    row, col = np.unravel_index(made.positions[1, 0].argmax(), GRIDS[1])
    words = page.locator('#spatial figure[data-side="1"] canvas').get_attribute("aria-label")
    assert f"mixed5a, row 2, column 1, gets most from mixed4d, row {row + 1}, column {col + 1}" in (
        str(words)
    )
    for canvas in page.locator("canvas").all():
        assert canvas.get_attribute("role") == "img"
        assert canvas.get_attribute("aria-label")


def test_large_layers_say_what_a_cell_is(tmp_path: Path, visit: Visit) -> None:
    made = make_page(tmp_path, ["spatial"], grids=((60, 61), (3, 4)))
    page = visit(made.path)
    expect(page.locator("#spatial")).to_contain_text(
        "Each cell of mixed4d is the sum of 2 \N{MULTIPLICATION SIGN} 2 positions."
    )
    found = page.locator('#spatial figure[data-side="1"] .caption').inner_text()
    assert "30 \N{MULTIPLICATION SIGN} 31" in found


def test_last_cells_that_hold_less_are_smaller(tmp_path: Path, visit: Visit) -> None:
    """Cells of 2 x 2 positions of a grid of 59 x 61: the last row and column are half as large."""
    made = make_page(tmp_path, ["spatial"], grids=((59, 61), (3, 4)))
    page = visit(made.path)
    shown = layer_map(page, 1)
    box = shown.bounding_box()
    assert box is not None
    shown.hover(position={"x": box["width"] - 2, "y": box["height"] - 2})
    expect(page.locator("#spatial .facts h4")).to_have_text("mixed4d, row 30, column 31")
    outline = page.locator("#spatial .outline").bounding_box()
    assert outline is not None
    found = [outline["width"] / box["width"] * 61, outline["height"] / box["height"] * 59]
    np.testing.assert_allclose(found, [1, 1], atol=0.2)
    canvas = page.locator('#spatial figure[data-side="1"] canvas').bounding_box()
    assert canvas is not None
    assert canvas["width"] / box["width"] == pytest.approx(62 / 61, abs=0.003)
    assert canvas["height"] / box["height"] == pytest.approx(60 / 59, abs=0.003)


def test_a_browser_that_cannot_unpack_the_arrays_shows_a_message(
    tmp_path: Path, chromium: Browser
) -> None:
    made = make_page(tmp_path, ["spatial", "neuron_groups"])
    page = chromium.new_page()
    page.add_init_script("delete window.DecompressionStream")
    page.goto(made.path.as_uri())
    for panel in ("spatial", "neuron_groups"):
        expect(page.locator(f"#{panel} [data-mount]")).to_have_text(
            "This browser is too old for the interactive panel; "
            "the files to download below show it."
        )
    page.close()
