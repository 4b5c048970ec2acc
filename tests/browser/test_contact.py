"""A contact sheet in a browser: what is found, ordered, enlarged and drawn is in the arrays."""

from __future__ import annotations

import re

import numpy as np
import pytest
from helpers.synthetic_contact import COUNT, GRID, INPUT, SyntheticContact, colours
from helpers.synthetic_page import PHONE, Visit, check_map, contrasts, drawn, point
from numpy.typing import NDArray
from playwright.sync_api import Locator, Page, expect

from blockscope.figures.palettes import palettes

pytestmark = pytest.mark.slow

MINUS = "\N{MINUS SIGN}"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> SyntheticContact:
    """Return a page with an image, which no test changes."""
    made = SyntheticContact(tmp_path_factory.mktemp("contact"), np.random.default_rng(5))
    made.diverged_step[9] = 41
    made.heldout_objective[9] = np.nan
    made.write()
    return made


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> SyntheticContact:
    """Return a page of a network alone, of every other channel."""
    made = SyntheticContact(tmp_path_factory.mktemp("alone"), np.random.default_rng(6))
    made.numbers = 3 * made.numbers + 1
    made.write(with_image=False)
    return made


def shown(page: Page) -> list[int]:
    """Numbers of the tiles in their order."""
    found = page.locator(".tile").evaluate_all("tiles => tiles.map(t => t.dataset.number)")
    return [int(number) for number in found]


def values(page: Page) -> list[float]:
    texts = page.locator(".tile .value").all_inner_texts()
    return [float(text.replace(MINUS, "-")) for text in texts]


def tile(page: Page, number: int) -> Locator:
    return page.locator(f'.tile[data-number="{number}"]')


def order(page: Page, words: str) -> None:
    page.get_by_label("Order").select_option(words)


def descending(numbers: NDArray[np.floating]) -> list[int]:
    """Places with the largest first, equal ones in their order, NaN last."""
    kept = np.where(np.isnan(numbers), -np.inf, numbers)
    return np.argsort(-kept, kind="stable").tolist()


def cells(page: Page) -> Locator:
    return page.locator("figure.input .map")


def middle(locator: Locator) -> NDArray[np.float64]:
    pixels = drawn(locator)
    return pixels[pixels.shape[0] // 2, pixels.shape[1] // 2]


def test_what_is_typed_is_found(made: SyntheticContact, visit: Visit) -> None:
    page = visit(made.page)
    order(page, "number")
    every = list(range(COUNT))
    for typed, wanted in (
        ("3,5,9", [3, 5, 9]),
        ("12-15", [12, 13, 14, 15]),
        ("15 - 12; 2", [2, 12, 13, 14, 15]),
        ("20\N{EN DASH}", [20, 21, 22]),
        ("-1 7,", [0, 1, 7]),
        ("7", every),
        ("", every),
    ):
        page.get_by_label("Find").fill(typed)
        assert shown(page) == wanted, typed
        count = "23 channels" if wanted == every else f"{len(wanted)} of 23 channels"
        expect(page.get_by_role("status")).to_have_text(count)


def test_what_cannot_be_found_is_an_error(made: SyntheticContact, visit: Visit) -> None:
    page = visit(made.page)
    find = page.get_by_label("Find")
    for typed, words in (
        ("23", "23 is outside 0 to 22"),
        ("3, x", "\u201cx\u201d is not a number or range"),
        ("-", "\u201c-\u201d is not a number or range"),
    ):
        find.fill(typed)
        expect(page.get_by_role("status")).to_have_text(words)
        expect(find).to_have_attribute("aria-invalid", "true")
        assert len(shown(page)) == COUNT
        find.press("Enter")
        expect(page.locator(".enlarged")).to_have_count(0)


def test_a_single_number_is_scrolled_to(made: SyntheticContact, visit: Visit) -> None:
    page = visit(made.page, viewport={"width": 1280, "height": 420})
    page.get_by_label("Size").fill("160")
    last = shown(page)[-1]
    expect(tile(page, last)).not_to_be_in_viewport()
    page.keyboard.press("/")
    page.keyboard.type(str(last))
    expect(tile(page, last)).to_be_in_viewport()
    expect(tile(page, last)).to_have_class(re.compile(r"\bjump\b"))
    page.keyboard.press("Enter")
    expect(page.locator(".enlarged h2")).to_have_text(str(last))
    page.keyboard.press("Escape")
    assert page.get_by_label("Find").input_value() == ""


def test_orders_and_numbers_are_those_of_the_arrays(made: SyntheticContact, visit: Visit) -> None:
    page = visit(made.page)
    flat = made.activations.reshape(-1, COUNT)
    wanted = {
        "largest activation": flat.max(axis=0),
        "mean activation": flat.mean(axis=0, dtype=float),
        "objective": made.objective,
        "held-out objective": made.heldout_objective,
    }
    assert shown(page) == descending(wanted["largest activation"])
    for words, numbers in wanted.items():
        order(page, words)
        assert shown(page) == descending(numbers), words
        expected = np.nan_to_num(numbers[descending(numbers)])
        np.testing.assert_allclose(values(page), expected, atol=0.06)
        shares = page.locator(".tile .bar").evaluate_all(
            "bars => bars.map(b => b.getBoundingClientRect().width / b.parentElement.clientWidth)"
        )
        np.testing.assert_allclose(shares, expected / expected.max(), atol=0.01)
    order(page, "number")
    assert shown(page) == list(range(COUNT))


def test_a_tile_shows_its_own_sprite(made: SyntheticContact, visit: Visit) -> None:
    page = visit(made.page)
    order(page, "held-out objective")
    for size in ("36", "120"):
        page.get_by_label("Size").fill(size)
        for number in (0, 4, 9, 17, 22):
            found = middle(tile(page, number).locator(".sprite"))
            np.testing.assert_allclose(found, colours(COUNT)[number], atol=8)
    widths = tile(page, 3).bounding_box()
    assert widths is not None
    assert 120 <= widths["width"] < 160


def test_the_enlarged_sprite_and_its_numbers(made: SyntheticContact, visit: Visit) -> None:
    page = visit(made.page)
    tile(page, 11).click()
    page.mouse.move(2, 2)
    enlarged = page.locator(".enlarged")
    expect(enlarged.locator("h2")).to_have_text("11")
    found = middle(enlarged.locator(".sprite"))
    np.testing.assert_allclose(found, colours(COUNT)[11], atol=8)
    own = enlarged.locator(".sprite-box").bounding_box()
    assert own is not None
    assert own["width"] > 200
    flat = made.activations.reshape(-1, COUNT)
    wanted = {
        "held-out objective": np.nan_to_num(made.heldout_objective, nan=-np.inf),
        "objective": made.objective,
        "largest": flat.max(axis=0),
        "mean": flat.mean(axis=0),
    }
    for name, numbers in wanted.items():
        row = enlarged.get_by_role("row", name=re.compile(f"^{name}"))
        value, rank = row.get_by_role("cell").all_inner_texts()
        assert float(value) == pytest.approx(numbers[11], rel=0.01)
        assert int(rank) == 1 + (numbers > numbers[11]).sum()
    at = divmod(int(flat[:, 11].argmax()), GRID[1])
    expect(enlarged).to_contain_text(f"Largest at row {at[0] + 1}, column {at[1] + 1}.")


def test_the_heat_map_is_that_of_the_activations(made: SyntheticContact, visit: Visit) -> None:
    page = visit(made.page)
    for number in (0, 11, 22):
        tile(page, number).hover()
        page.evaluate("document.documentElement.style.setProperty('--opacity', 1)")
        wanted = palettes()["cividis"].paint(made.activations[..., number])
        check_map(cells(page), wanted, atol=4)
    tile(page, 4).hover()
    expect(page.locator(".enlarged")).to_contain_text("Nowhere active.")
    page.mouse.move(2, 2)
    expect(page.locator(".enlarged")).to_have_count(0)


def test_a_position_ranks_the_channels(made: SyntheticContact, visit: Visit) -> None:
    page = visit(made.page)
    before = shown(page)
    cells(page).hover(position=point(cells(page), GRID, 1, 5))
    here = made.activations[1, 5]
    np.testing.assert_allclose(values(page), here[before], atol=0.12)
    dim = page.locator(".tile.dim").evaluate_all("tiles => tiles.map(t => +t.dataset.number)")
    quiet = here <= made.activations.max(axis=(0, 1)) / 127 / 2
    assert sorted(dim) == np.flatnonzero(quiet).tolist()
    assert shown(page) == before

    cells(page).click(position=point(cells(page), GRID, 3, 2))
    page.mouse.move(2, 2)
    there = made.activations[3, 2]
    ranked = there[shown(page)]
    assert ranked[0] == there.max()
    assert (np.diff(ranked) <= 0.12).all()
    page.get_by_label("only active").check()
    loud = there > made.activations.max(axis=(0, 1)) / 127 / 2
    assert sorted(shown(page)) == np.flatnonzero(loud).tolist()
    # Another position pointed at ranks again, and leaving returns to the one that is pinned.
    cells(page).hover(position=point(cells(page), GRID, 0, 6))
    assert shown(page)[0] == made.activations[0, 6].argmax()
    page.mouse.move(2, 2)
    assert shown(page)[0] == there.argmax()
    page.keyboard.press("Escape")
    assert len(shown(page)) == (made.activations.max(axis=(0, 1)) > 0).sum() == COUNT - 1


def test_keys_move_over_the_tiles(made: SyntheticContact, visit: Visit) -> None:
    page = visit(made.page)
    order(page, "number")
    cols = page.locator(".tiles").evaluate(
        "e => getComputedStyle(e).gridTemplateColumns.split(' ').length"
    )
    assert 3 < cols < COUNT - 2
    tile(page, 0).focus()
    for key, at in (
        ("ArrowRight", 1), ("ArrowDown", 1 + cols), ("ArrowLeft", cols), ("End", COUNT - 1),
        ("ArrowRight", COUNT - 1), ("ArrowUp", COUNT - 1 - cols), ("Home", 0), ("ArrowRight", 1),
    ):  # fmt: skip
        page.keyboard.press(key)
        expect(tile(page, at)).to_be_focused()
        expect(page.locator(".enlarged h2")).to_have_text(str(at))
    page.keyboard.press("Enter")
    expect(tile(page, 1)).to_have_attribute("aria-pressed", "true")
    page.get_by_role("button", name="Next in this order").click()
    expect(page.locator(".enlarged h2")).to_have_text("2")
    page.keyboard.press("Escape")
    expect(page.locator(".enlarged")).to_have_count(0)
    assert page.locator('.tile[tabindex="0"]').count() == 1


def test_a_diverged_sprite_is_marked(made: SyntheticContact, visit: Visit) -> None:
    page = visit(made.page)
    assert page.locator(".tile i").count() == 1
    tile(page, 9).hover()
    expect(page.locator(".enlarged")).to_contain_text("Diverged at step 41.")
    expect(page.locator(".enlarged").get_by_role("row", name="held-out")).to_contain_text("none")
    order(page, "held-out objective")
    assert shown(page)[-1] == 9


def test_a_link_restores_the_view(made: SyntheticContact, visit: Visit) -> None:
    page = visit(made.page)
    cells(page).click(position=point(cells(page), GRID, 4, 1))
    order(page, "objective")
    page.get_by_label("Find").fill("5-20")
    page.get_by_label("only active").check()
    page.get_by_label("Size").fill("100")
    tile(page, shown(page)[2]).click()
    page.mouse.move(2, 2)
    wanted = shown(page)
    page.wait_for_timeout(400)
    link = page.evaluate("location.href")
    assert link.split("#")[1] == (
        f"active=1&position=5%2C2&search=5-20&size=100&sort=objective&sprite={wanted[2]}"
    )
    page.goto("about:blank")
    page.goto(link)
    expect(page.locator(".enlarged h2")).to_have_text(str(wanted[2]))
    assert shown(page) == wanted
    np.testing.assert_allclose(values(page), made.activations[4, 1][wanted], atol=0.12)
    assert page.get_by_label("Find").input_value() == "5-20"
    assert page.get_by_label("Size").input_value() == "100"
    expect(page.locator(".outline")).to_have_count(1)


def test_a_link_of_another_page_does_no_harm(alone: SyntheticContact, visit: Visit) -> None:
    page = visit(alone.page)
    page.goto(f"{alone.page.as_uri()}#sort=here&position=5,2&sprite=2&size=9999&active=1&search=a")
    page.reload()
    assert shown(page) == alone.numbers.tolist()
    expect(page.locator(".enlarged")).to_have_count(0)
    page.goto("about:blank")
    page.goto(f"{alone.page.as_uri()}#sort=heldout_objective&sprite=4")
    expect(page.locator(".enlarged h2")).to_have_text("4")
    assert shown(page) == alone.numbers[descending(alone.heldout_objective)].tolist()


def test_the_page_of_a_network_alone(alone: SyntheticContact, visit: Visit) -> None:
    page = visit(alone.page)
    assert shown(page) == alone.numbers.tolist()
    np.testing.assert_allclose(values(page), alone.heldout_objective, atol=0.06)
    expect(page.get_by_label("only active")).to_have_count(0)
    assert page.locator(".map").count() == 0
    page.get_by_label("Find").fill("1-9")
    assert shown(page) == [1, 4, 7]
    found = middle(tile(page, 7).locator(".sprite"))
    np.testing.assert_allclose(found, colours(COUNT)[2], atol=8)


def test_without_a_script_the_sheet_is_seen(made: SyntheticContact, visit: Visit) -> None:
    page = visit(made.page, java_script_enabled=False)
    expect(page.locator("#sheet")).to_be_visible()
    expect(page.locator("noscript p")).to_contain_text("5 in a row, from channel 0")
    page = visit(made.page)
    expect(page.locator("#sheet")).to_be_hidden()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_on_a_phone_and_in_the_dark(made: SyntheticContact, visit: Visit, scheme: str) -> None:
    page = visit(made.page, **PHONE, color_scheme=scheme)
    cells(page).tap(position=point(cells(page), GRID, 3, 2))
    assert shown(page)[0] == made.activations[3, 2].argmax()
    tile(page, shown(page)[3]).tap()
    expect(page.locator(".enlarged h2")).to_have_text(str(shown(page)[3]))
    assert page.evaluate("document.documentElement.scrollWidth") <= 400
    for text, contrast in contrasts(page.locator("main :is(p, h1, h2, b, td, th, label, button)")):
        assert contrast >= 4.5, text
    map_box, sprite = (
        cells(page).bounding_box(),
        page.locator(".enlarged .sprite-box").bounding_box(),
    )
    assert map_box is not None
    assert sprite is not None
    assert map_box["y"] == pytest.approx(sprite["y"], abs=1)
    assert map_box["height"] / map_box["width"] == pytest.approx(INPUT[0] / INPUT[1], rel=0.02)
