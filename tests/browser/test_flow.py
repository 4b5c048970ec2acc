"""The panel "flow" on a page in a browser: bands of a node, its map and numbers, links, saving."""

from __future__ import annotations

import re

import numpy as np
import pytest
from helpers.synthetic_page import (
    PHONE,
    SyntheticPage,
    Visit,
    check_map,
    contrasts,
    make_page,
    saved,
    write_files,
)
from helpers.synthetic_run import LABELS, changed_files, write_sprites
from playwright.sync_api import Page, expect

from blockscope.figures.colour import single_factor_image
from blockscope.figures.data.flow import FlowPanel

pytestmark = pytest.mark.slow

MINUS = "\N{MINUS SIGN}"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> SyntheticPage:
    """Return a page that no test changes, with sprites."""
    folder = tmp_path_factory.mktemp("run")
    page = make_page(folder, ["flow"])
    names = ("first", "second", "third")
    sprites = [path for name in names for path in write_sprites(folder, name, 4)]
    write_files(page.path, page.run, ["flow"], changed_files(page.files, flow_sprites=sprites))
    return page


def lit(page: Page) -> int:
    return page.locator("#flow path:not(.off)").count()


def test_every_band_and_node_is_there(made: SyntheticPage, visit: Visit) -> None:
    diagram = FlowPanel.of_run(made.run, made.files).diagrams[0]
    page = visit(made.path)
    assert page.locator("#flow path").count() == len(diagram.bands) == lit(page)
    assert page.locator("#flow path.against").count() == sum(b.value < 0 for b in diagram.bands)
    assert page.locator("#flow path.pale").count() == sum(
        not diagram.is_plain(band) for band in diagram.bands
    )
    nodes = page.locator("#flow button.node")
    assert nodes.count() == len(diagram.nodes)
    boxes = [nodes.nth(place).bounding_box() for place in range(nodes.count())]
    for node, box in zip(diagram.nodes, boxes, strict=True):
        assert box is not None
        inside = [b for b in boxes if b and abs(b["x"] - box["x"]) < 2 and b["y"] > box["y"]]
        assert all(b["y"] >= box["y"] + box["height"] - 1 for b in inside), node


def test_pointing_shows_bands_map_and_numbers(made: SyntheticPage, visit: Visit) -> None:
    panel = FlowPanel.of_run(made.run, made.files)
    diagram = panel.diagrams[0]
    place = next(i for i, n in enumerate(diagram.nodes) if (n.column, n.name) == (1, "2"))
    page = visit(made.path)
    node = page.get_by_role("button", name="Group 2 of mixed4d")
    node.hover()
    own = [band for band in diagram.bands if place in (band.source, band.target)]
    expect(page.locator("#flow path:not(.off)")).to_have_count(len(own))
    expect(page.locator("#flow .status")).to_contain_text("Group 2 of mixed4d: ")
    shown = page.locator("#flow .detail .map")
    check_map(shown, single_factor_image(panel.layers[1].spatial, 1), atol=6)
    entering = sorted((b for b in own if b.target == place), key=lambda b: -abs(b.value))
    first = page.locator("#flow .detail ol").first.locator("li").first.inner_text()
    found = float(re.findall(rf"[{MINUS}\d.]+$", first)[0].replace(MINUS, "-"))
    np.testing.assert_allclose(found, entering[0].value, rtol=0.01)
    assert page.locator("#flow .detail ol").count() == 2
    page.mouse.move(2, 2)
    expect(page.locator("#flow path.off")).to_have_count(0)


def test_the_keyboard_pins_and_a_link_restores(made: SyntheticPage, visit: Visit) -> None:
    page = visit(made.path)
    node = page.get_by_role("button", name="Group 3 of mixed5a")
    node.focus()
    page.keyboard.press("Enter")
    expect(node).to_have_attribute("aria-pressed", "true")
    again = visit(made.path)
    again.goto(f"{made.path.as_uri()}#at=flow&node=3.3&score=2")
    expect(again.locator("#flow select").first).to_have_value("2")
    expect(again.locator("#flow .status")).to_contain_text(f"logits of {LABELS[1]}.")
    pinned = again.get_by_role("button", name="Group 3 of mixed5a")
    expect(pinned).to_have_attribute("aria-pressed", "true")
    again.keyboard.press("Escape")
    expect(pinned).to_have_attribute("aria-pressed", "false")
    again.goto(f"{made.path.as_uri()}#at=flow&node=9.x&score=7")
    expect(again.locator("#flow path.off")).to_have_count(0)


def test_a_tap_pins(made: SyntheticPage, visit: Visit) -> None:
    page = visit(made.path, **PHONE)
    page.get_by_role("button", name="Group 1 of mixed4a").tap()
    expect(page.locator("#flow .status")).to_contain_text("Group 1 of mixed4a: ")
    expect(page.locator("#flow .detail .map")).to_be_visible()


def test_a_view_is_saved(made: SyntheticPage, visit: Visit) -> None:
    page = visit(made.path)
    name, content = saved(page, "flow", "SVG")
    assert name.endswith(".svg")
    text = content.decode()
    assert text.count("<path ") == page.locator("#flow path").count()
    assert LABELS[0] in text
    _, png = saved(page, "flow", "PNG")
    assert png.startswith(b"\x89PNG")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_words_can_be_read(made: SyntheticPage, visit: Visit, scheme: str) -> None:
    page = visit(made.path, color_scheme=scheme)
    page.get_by_role("button", name="Group 1 of mixed4a").click()
    for text, contrast in contrasts(page.locator("#flow .flow :is(b, span, p, h4)")):
        assert contrast >= 4.5, text


@pytest.mark.parametrize("width", [320, 400, 1280])
def test_nothing_is_cut_off(made: SyntheticPage, visit: Visit, width: int) -> None:
    page = visit(made.path, viewport={"width": width, "height": 900})
    page.get_by_role("button", name="Group 2 of mixed4d").click()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
