"""Pages of channels in a browser: finding, sorting, moving by keys, going to another page."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from helpers.synthetic_exemplars import CROPS, SyntheticChannels, crop_colour, synthetic_channels
from helpers.synthetic_page import PHONE, Visit, contrasts, drawn
from playwright.sync_api import Page, expect

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> SyntheticChannels:
    """Return the pages of 11 channels, four on each, which no test changes."""
    made = synthetic_channels(tmp_path_factory.mktemp("channels"), np.random.default_rng(3))
    made.write()
    return made


def shown(page: Page) -> list[int]:
    found = page.locator("article:visible").evaluate_all("all => all.map(one => one.id)")
    return [int(number) for number in found]


def test_a_number_is_found_and_others_are_said_to_be_elsewhere(
    made: SyntheticChannels, visit: Visit
) -> None:
    page = visit(made.pages[1])
    status = page.get_by_role("status")
    expect(status).to_have_text("4 channels")
    page.get_by_label("Find").fill("6")
    assert shown(page) == [6]
    expect(status).to_have_text("1 of 4 channels here")
    page.get_by_label("Find").fill("10")
    assert shown(page) == []
    expect(status).to_have_text("0 of 4 channels here, 1 on other pages")
    expect(page.get_by_text("No channel of this page matches.")).to_be_visible()
    expect(page.locator(".all li:visible")).to_have_text("10")
    expect(page.locator(".all li:visible a")).to_have_attribute("href", "3.html#10")


def test_a_label_finds_the_channels_that_speak_of_it(made: SyntheticChannels, visit: Visit) -> None:
    page = visit(made.pages[0])
    name = page.locator("article .labels .name").first.inner_text()
    page.get_by_label("Find").fill(name.upper())
    wanted = page.locator("article").evaluate_all(
        f"all => all.filter(a => a.textContent.includes('{name}')).map(a => a.id)"
    )
    assert shown(page) == sorted(int(number) for number in wanted)


def test_channels_are_sorted_by_their_numbers(made: SyntheticChannels, visit: Visit) -> None:
    page = visit(made.pages[0])
    mean, zeros = (made.found[name].to_numpy()[:4] for name in ("mean", "zeros"))
    largest = made.found["value"].to_numpy()[0, :4, 0]
    for words, order in (
        ("mean", np.argsort(-mean)),
        ("largest", np.argsort(-largest)),
        ("sparse", np.argsort(-zeros, kind="stable")),
        ("dense", np.argsort(zeros, kind="stable")),
        ("number", np.arange(4)),
    ):
        page.get_by_label("Sort by").select_option(words)
        assert shown(page) == order.tolist(), words


def test_crops_are_drawn_and_said_by_pointer_and_keys(
    made: SyntheticChannels, visit: Visit
) -> None:
    page = visit(made.pages[0])
    article = page.locator("article").nth(2)
    crops, words = article.locator(".crop"), article.locator(".words")
    assert crops.count() == 2 * CROPS
    for place in (0, CROPS + 3):
        pixels = drawn(crops.nth(place))
        ranking, rank = divmod(place, CROPS)
        middle = pixels[pixels.shape[0] // 2, pixels.shape[1] // 2]
        np.testing.assert_allclose(middle, crop_colour(ranking, 2, rank), atol=30)
        crops.nth(place).hover()
        expect(words).to_have_text(crops.nth(place).get_attribute("title") or "none")
    crops.nth(0).focus()
    page.keyboard.press("ArrowRight")
    expect(crops.nth(1)).to_be_focused()
    expect(words).to_have_text(crops.nth(1).get_attribute("title") or "none")
    page.keyboard.press("Tab")  # on to the next strip
    expect(crops.nth(CROPS)).to_be_focused()
    page.keyboard.press("Shift+Tab")
    expect(crops.nth(1)).to_be_focused()


def test_an_address_leads_to_the_page_that_has_the_channel(
    made: SyntheticChannels, chromium_page: Page
) -> None:
    page = chromium_page
    page.goto(f"{made.pages[0].as_uri()}#9")
    page.wait_for_url(f"{made.pages[2].as_uri()}#9")
    expect(page.locator("article#\\39")).to_be_in_viewport()
    page.goto(f"{made.pages[2].as_uri()}#3")
    page.wait_for_url(f"{made.pages[0].as_uri()}#3")
    page.goto(f"{made.pages[0].as_uri()}#99")
    expect(page.locator("h1")).to_have_text("mixed4d")


@pytest.fixture
def chromium_page(chromium):
    """Return a page that may go from one file to another."""
    context = chromium.new_context(viewport={"width": 1280, "height": 900})
    yield context.new_page()
    context.close()


def test_on_a_phone_nothing_is_cut(made: SyntheticChannels, visit: Visit) -> None:
    page = visit(made.pages[0], **PHONE)
    assert page.evaluate("document.documentElement.scrollWidth") == 400
    strip = page.locator(".strip").first
    assert strip.evaluate("e => e.scrollWidth <= e.clientWidth")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_texts_are_legible(made: SyntheticChannels, visit: Visit, scheme: str) -> None:
    page = visit(made.pages[0], color_scheme=scheme)
    for text, ratio in contrasts(page.locator("main :is(a, p, h2, h3, span, figcaption, label)")):
        assert ratio >= 4.5, text


def test_without_a_script_everything_is_there(made: SyntheticChannels, visit: Visit) -> None:
    page = visit(made.pages[0], java_script_enabled=False)
    expect(page.locator("article")).to_have_count(4)
    expect(page.get_by_label("Find")).to_be_hidden()


def test_the_file_holds_everything(made: SyntheticChannels, visit: Visit) -> None:
    copied = Path(made.folder, "copy.html")
    copied.write_bytes(made.pages[0].read_bytes())
    page = visit(copied)
    assert page.locator("svg path").count() == 4
