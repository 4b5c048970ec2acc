"""Exemplars on the page of a run and on a contact sheet, and links to pages of channels."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from helpers.synthetic_contact import COUNT, SyntheticContact
from helpers.synthetic_exemplars import write_exemplar_tiles
from helpers.synthetic_page import PHONE, SyntheticPage, Visit, drawn, make_page, write_files
from helpers.synthetic_run import changed_files, sprite_colour, write_sprites
from numpy.typing import NDArray
from playwright.sync_api import Locator, Page, expect

pytestmark = pytest.mark.slow

PANELS = ["channels", "neuron_groups", "semantic_dictionary"]
FIELD = "data set photos, crops of 21 x 21 px"


def grey(channel: int) -> int:
    return 20 + 19 * channel % 230


def exemplar_tiles(folder: Path, name: str, count: int) -> list[Path]:
    """Tiles of 16 pixels, 5 in a row, each of one grey."""
    numbers = np.array([grey(n) for n in range(5 * -(-count // 5))], np.uint8).reshape(-1, 5)
    sheet = numbers.repeat(16, 0).repeat(16, 1)
    return write_exemplar_tiles(folder, name, np.repeat(sheet[..., None], 3, axis=2), 16, 5)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> SyntheticPage:
    """Return a page of exemplars without sprites."""
    folder = tmp_path_factory.mktemp("exemplars")
    made = make_page(folder, ["channels"])
    more: dict[str, list[Path]] = {"channel_page1": [folder / "channels" / "mixed4d.html"]}
    for layer, name, count in (("1", "mixed4d", 11), ("2", "mixed5a", 9)):
        more[f"exemplars{layer}"] = exemplar_tiles(folder, f"{name}-exemplars", count)
    files = changed_files(made.files, **more)
    write_files(made.path, made.run, PANELS, files)
    return SyntheticPage(made.path, made.run, files)


@pytest.fixture(scope="module")
def both(made: SyntheticPage) -> Path:
    """Return the same page with sprites of the earlier layer."""
    path = made.path.with_name("both.html")
    sprites = write_sprites(made.path.parent, "mixed4d", 11)
    write_files(path, made.run, PANELS, changed_files(made.files, sprites1=sprites))
    return path


def tiles(page: Page, layer: int = 1) -> Locator:
    return page.locator(f'#channels [data-layer="{layer}"] .tile')


def middle(shown: Locator) -> NDArray[np.float64]:
    pixels = drawn(shown)
    return pixels[pixels.shape[0] // 2, pixels.shape[1] // 2]


@pytest.mark.parametrize("layer", [1, 2])
def test_exemplars_stand_where_there_are_no_sprites(
    made: SyntheticPage, visit: Visit, layer: int
) -> None:
    page = visit(made.path)
    for tile in tiles(page, layer).all()[:4]:
        channel = int(tile.get_attribute("data-channel") or -1)
        picture = tile.locator(".picture")
        expect(picture).to_have_count(1)
        np.testing.assert_allclose(middle(picture), grey(channel), atol=8)
    expect(page.get_by_label("Channels as")).to_have_count(0)
    note = page.locator(f'#channels [data-layer="{layer}"] .note', has_text=FIELD)
    expect(note).to_have_count(1)


def test_tiles_lead_to_the_pages_of_their_channels(made: SyntheticPage, visit: Visit) -> None:
    page = visit(made.path)
    tile = tiles(page).first
    channel = tile.get_attribute("data-channel")
    link = page.locator('#channels [data-layer="1"]').get_by_role(
        "link", name=f"Page of channel {channel}", exact=True
    )
    expect(link).to_have_attribute("href", f"channels/mixed4d.html#{channel}")
    expect(page.locator('#channels [data-layer="2"] a')).to_have_count(0)  # it has no pages
    tile.click()
    expect(page.get_by_role("link", name="Page of this channel")).to_have_attribute(
        "href", f"channels/mixed4d.html#{channel}"
    )
    page.locator("#neuron_groups .exemplars a").first.scroll_into_view_if_needed()
    group = page.locator("#neuron_groups .exemplars a").first
    number = int(group.inner_text())
    expect(group).to_have_attribute("href", f"channels/mixed4d.html#{number}")
    np.testing.assert_allclose(middle(group.locator(".part")), grey(number), atol=8)


def test_a_choice_between_sprites_and_exemplars_goes_into_the_address(
    both: Path, visit: Visit
) -> None:
    page = visit(both)
    choice = page.locator("#channels").get_by_label("Channels as")
    tile = tiles(page).first
    channel = int(tile.get_attribute("data-channel") or -1)
    pictures = tile.locator(".picture")
    expect(pictures).to_have_count(2)
    np.testing.assert_allclose(middle(pictures.nth(0)), sprite_colour(channel), atol=8)
    np.testing.assert_allclose(middle(pictures.nth(1)), grey(channel), atol=8)
    choice.select_option("exemplars")
    expect(pictures).to_have_count(1)
    np.testing.assert_allclose(middle(pictures), grey(channel), atol=8)
    choice.select_option("sprites")
    np.testing.assert_allclose(middle(pictures), sprite_colour(channel), atol=8)
    expect(page).to_have_url(re.compile("pictures=sprites"))
    # A layer without sprites has its exemplars all the same.
    expect(tiles(page, 2).first.locator(".picture")).to_have_count(1)
    again = visit(both)
    again.goto(f"{both.as_uri()}#pictures=exemplars")
    again.reload()
    expect(tiles(again).first.locator(".picture")).to_have_count(1)


def test_on_a_phone_nothing_is_cut(both: Path, visit: Visit) -> None:
    page = visit(both, **PHONE)
    assert page.evaluate("document.documentElement.scrollWidth") == 400


def test_a_contact_sheet_shows_exemplars_of_its_sprites(tmp_path: Path, visit: Visit) -> None:
    made = SyntheticContact(tmp_path, np.random.default_rng(5))
    made.numbers = 2 * made.numbers + 1
    made.exemplars = exemplar_tiles(tmp_path, "exemplars", 2 * COUNT)
    made.channel_page = tmp_path / "channels" / "mixed.html"
    made.write(with_image=False)
    page = visit(made.page)
    tile = page.locator('.tile[data-number="7"]')
    tile.click()
    enlarged = page.locator(".enlarged .exemplars")
    np.testing.assert_allclose(middle(enlarged), grey(7), atol=8)
    expect(page.get_by_role("link", name="Page of channel 7")).to_have_attribute(
        "href", "channels/mixed.html#7"
    )
    expect(page.locator(".enlarged")).to_contain_text(FIELD)
    page.get_by_label("exemplars", exact=True).check()
    for number in (1, 7, 45):
        own = page.locator(f'.tile[data-number="{number}"] .sprite')
        np.testing.assert_allclose(middle(own), grey(number), atol=8)
    expect(page).to_have_url(re.compile("exemplars=1"))
