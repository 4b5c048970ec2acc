"""Views of a page in a browser: linked to, saved as images, and on every screen."""

from __future__ import annotations

import base64
import io
import re
from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from helpers.synthetic_page import (
    PHONE,
    SyntheticPage,
    Visit,
    cell_centres,
    check_map,
    choose_label,
    contrasts,
    drawn,
    layer_map,
    make_page,
    point,
    saved,
)
from PIL import Image
from playwright.sync_api import Page, expect

from blockscope.figures import colour
from blockscope.figures.palettes import palettes

pytestmark = pytest.mark.slow

SVG = "{http://www.w3.org/2000/svg}"
PANELS = ("spatial", "overrides", "channels", "channel_methods", "neuron_groups")
GRIDS = {1: (5, 7), 2: (3, 4)}
# Ends of addresses that no page writes.
BROKEN = (
    "#first=99999&second=x",
    "#cells=2:12",
    "#cells=3:1",
    "#cells=2:1,2,3",
    "#cells=",
    "#palette=none&opacity=7&scale=&method=magic",
    "#channels=2:9,1:1",
    "#channels=1",
    "#group=5",
    "#%E0%A4%A=1&=&&%%",
    "#spatial",
    "#view=<script>",
)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> SyntheticPage:
    """Return a page of all panels that no test changes."""
    return make_page(tmp_path_factory.mktemp("run"))


def address(page: Page) -> str:
    """The fragment, once the page has written its view into it."""
    page.wait_for_timeout(400)
    return str(page.evaluate("location.hash"))


def set_a_view(page: Page) -> None:
    """Change everything that a link restores."""
    choose_label(page, "First label", "blue striped ring")
    choose_label(page, "Second label", "17")
    spatial = page.locator("#spatial")
    spatial.get_by_label("Palette").select_option("grey")
    spatial.get_by_label("Scale").select_option("all")
    spatial.get_by_label("Opacity").fill("0.85")
    shown = layer_map(page, 2)
    for row, col in ((2, 1), (0, 3)):
        shown.click(position=point(shown, GRIDS[2], row, col))
    page.locator('#channels [data-layer="2"] .tile').nth(1).click()
    page.locator("#channels .drivers .tile").nth(1).click()
    page.locator("#neuron_groups .group button").nth(2).click()
    page.mouse.move(2, 2)


def view_of(page: Page) -> dict[str, object]:
    """Everything that a reader sees of a view."""
    return {
        "labels": [
            page.locator("#spatial").get_by_role("combobox").nth(place).input_value()
            for place in (0, 1)
        ],
        "settings": page.locator("#spatial select").evaluate_all("all => all.map(s => s.value)"),
        "opacity": page.locator("#opacity").input_value(),
        "maps": [drawn(layer_map(page, side)).tolist() for side in GRIDS],
        "channel": page.locator("#channels .detail h3").all_inner_texts(),
        "back": page.locator("#channels .detail").get_by_text("Back to").all_inner_texts(),
        "group": page.locator("#neuron_groups button[aria-pressed=true]").all_inner_texts(),
    }


def test_a_link_restores_the_view(made: SyntheticPage, visit: Visit) -> None:
    page = visit(made.path)
    at_rest = view_of(page)
    set_a_view(page)
    wanted = view_of(page)
    assert all(wanted[key] != at_rest[key] for key in wanted), "every part of the view is set"
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.locator("#spatial").get_by_role("button", name="Copy link").click()
    expect(page.locator("#spatial .message")).to_have_text("Link copied")
    link = page.evaluate("navigator.clipboard.readText()")
    assert link == f"{made.path.as_uri()}{address(page)}&at=spatial"
    again = page.context.new_page()
    again.set_viewport_size({"width": 1280, "height": 900})
    again.goto(link)
    expect(again.locator("#channels .detail")).to_have_count(1)
    assert view_of(again) == wanted
    # Going back to the page as it opens, by the address alone.
    again.evaluate("location.hash = '#opacity=1'")
    expect(again.locator("#channels .detail")).to_have_count(0)
    assert view_of(again) == at_rest


def test_the_method_is_in_the_link(made: SyntheticPage, visit: Visit) -> None:
    page = visit(made.path)
    page.locator("#channels").get_by_label("Method").select_option("stochastic")
    assert address(page) == "#method=stochastic"
    page.reload()
    expect(page.locator("#channels").get_by_label("Method")).to_have_value("stochastic")


@pytest.mark.slow
def test_broken_links_are_ignored(made: SyntheticPage, visit: Visit) -> None:
    page = visit(made.path)
    at_rest = view_of(page)
    for fragment in BROKEN:
        page.goto("about:blank")
        page.goto(made.path.as_uri() + fragment)
        expect(page.locator("#spatial .cells")).to_have_count(2)
        page.evaluate("scrollTo(0, 0)")
        assert view_of(page) == at_rest, fragment


def test_links_between_panels_keep_the_view(made: SyntheticPage, visit: Visit) -> None:
    page = visit(made.path)
    page.locator("#spatial").get_by_label("Scale").select_option("all")
    before = address(page)
    page.locator("nav a[data-to=channels]").click()
    assert address(page) == before == "#scale=all"
    top = page.locator("#channels").bounding_box()
    assert top is not None
    assert abs(top["y"]) < 80
    expect(page.locator("#channels h2")).to_be_focused()


def test_a_saved_png_is_what_is_shown(made: SyntheticPage, visit: Visit) -> None:
    page = visit(made.path)
    shown = layer_map(page, 2)
    shown.click(position=point(shown, GRIDS[2], 2, 1))
    name, content = saved(page, "spatial", "PNG")
    assert name == "a-run-spatial.png"
    with Image.open(io.BytesIO(content)) as opened:
        image = np.asarray(opened.convert("RGB"), np.float64)
    assert image.shape[1] == 2000
    # The maps stand side by side, in columns of 468 units between margins of 20 and a gap of 24.
    wanted = {
        1: next(iter(palettes().values())).paint(made.positions[2, 1]),
        2: colour.two_label_map(*made.contrast.maps(made.read("classes2"))),
    }
    height = 2 * 468 * 80 / 112
    texts = ET.fromstring(saved(page, "spatial", "SVG")[1])
    top = 2 * float(next(texts.iter(f"{SVG}svg")).findall(f"{SVG}svg")[0].attrib["y"])
    for side, left in ((1, 40), (2, 40 + 2 * (468 + 24))):
        part = image[round(top) : round(top + height), left : left + 936]
        np.testing.assert_allclose(cell_centres(part, *GRIDS[side]), wanted[side], atol=2)


def test_a_saved_svg_holds_cells_and_text(made: SyntheticPage, visit: Visit) -> None:
    page = visit(made.path)
    page.locator("#spatial").get_by_label("Opacity").fill("0.4")
    name, content = saved(page, "spatial", "SVG")
    assert name == "a-run-spatial.svg"
    root = ET.fromstring(content)
    groups = [g for g in root.iter(f"{SVG}g") if g.get("class") == "cells"]
    assert [g.get("opacity") for g in groups] == ["0.4", "0.4"]
    for side, group in zip(GRIDS, groups, strict=True):
        fills = [str(cell.get("fill")) for cell in group]
        found = np.array([[int(f[i : i + 2], 16) for i in (1, 3, 5)] for f in fills])
        wanted = colour.two_label_map(*made.contrast.maps(made.read(f"classes{side}")))
        np.testing.assert_allclose(found, wanted.reshape(-1, 3), atol=2)
    text = "\n".join(str(element.text) for element in root.iter(f"{SVG}text"))
    for words in ("mixed4d", "mixed5a", *made.contrast.names, "Run a-run: model blocks1000"):
        assert words in text
    images = list(root.iter(f"{SVG}image"))
    assert len(images) == 1, "the input is there once"
    with Image.open(io.BytesIO(base64.b64decode(images[0].attrib["href"].split(",")[1]))) as opened:
        assert opened.size == (112, 80)
    assert not re.search(rb'href="(?!data:|#)', content)


def test_what_is_compared_is_saved(made: SyntheticPage, visit: Visit) -> None:
    page = visit(made.path)
    shown = layer_map(page, 1)
    for row, col in ((4, 6), (1, 2)):
        shown.click(position=point(shown, GRIDS[1], row, col))
    root = ET.fromstring(saved(page, "spatial", "SVG")[1])
    groups = [g for g in root.iter(f"{SVG}g") if g.get("class") == "cells"]
    assert [len(group) for group in groups] == [35, 12, 12, 12, 12]
    text = "\n".join(str(element.text) for element in root.iter(f"{SVG}text"))
    assert "row 5, column 7" in text
    assert "row 2, column 3" in text


@pytest.mark.parametrize("panel", PANELS)
def test_every_panel_is_saved(made: SyntheticPage, visit: Visit, panel: str) -> None:
    page = visit(made.path)
    name, content = saved(page, panel, "PNG")
    assert name == f"a-run-{panel}.png"
    with Image.open(io.BytesIO(content)) as opened:
        pixels = np.asarray(opened.convert("RGB"), np.int64)
    assert pixels.shape[1] == 2000
    assert np.ptp(pixels[:, 0]) == 0, "nothing reaches the edge"
    assert (pixels.min(axis=(0, 2)) < 200).mean() > 0.8, "the sheet is filled"
    root = ET.fromstring(saved(page, panel, "SVG")[1])
    width = float(root.attrib["width"])
    text = " ".join(str(element.text) for element in root.iter(f"{SVG}text"))
    assert "model blocks1000, image two_blocks" in text
    for element in root.iter(f"{SVG}rect"):
        right = float(element.get("x", 0)) + float(element.attrib["width"])
        assert right <= width + 0.1


def test_hostile_names_stay_text(tmp_path: Path, visit: Visit) -> None:
    hostile = '</svg><script>alert(1)</script> & "x"'
    labels = [hostile, "bolt", "lamp", "rope"]
    made = make_page(tmp_path, PANELS, labels=labels, compared=(hostile, "lamp"))
    page = visit(made.path)
    root = ET.fromstring(saved(page, "channels", "SVG")[1])
    assert hostile in " ".join(str(element.text) for element in root.iter(f"{SVG}text"))
    assert not list(root.iter(f"{SVG}script"))


def test_nothing_is_left_on_the_window(made: SyntheticPage, visit: Visit) -> None:
    page = visit(made.path)
    expect(page.locator("#spatial .cells")).to_have_count(2)
    own = page.evaluate(
        """() => {
            const frame = document.body.appendChild(document.createElement("iframe"));
            const usual = new Set(Object.getOwnPropertyNames(frame.contentWindow));
            frame.remove();
            return Object.getOwnPropertyNames(window).filter(name => !usual.has(name));
        }"""
    )
    # Elements with an id are there by the rules of HTML; nothing else is.
    assert [name for name in own if not page.locator(f'[id="{name}"]').count()] == []


def test_a_page_of_maps_alone(tmp_path: Path, visit: Visit) -> None:
    made = make_page(tmp_path, ["spatial"], compared=())
    page = visit(made.path)
    check_map(layer_map(page, 1), colour.two_label_map(*made.contrast.maps(made.read("classes1"))))
    page.evaluate("location.hash = '#channels=1:3&group=1&method=path&opacity=0.5'")
    expect(page.locator("#spatial .percent")).to_have_text("50 %")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [320, 400, 1280])
def test_every_screen(made: SyntheticPage, visit: Visit, width: int, scheme: str) -> None:
    page = visit(made.path, viewport={"width": width, "height": 800}, color_scheme=scheme)
    set_a_view(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    texts = ".explore :is(p, h3, h4, .name, .value, button:enabled, .caption span, dt, dd)"
    for text, found in contrasts(page.locator(texts)):
        assert found >= 4.5, f"hard to read: {text}"
    nameless = page.locator(".explore :is(button, input, select, [role=application])").evaluate_all(
        """all => all.filter(e => !(e.ariaLabel || e.innerText || e.labels?.length))
                     .map(e => e.outerHTML)"""
    )
    assert nameless == []
    assert page.locator("img:not([alt]), canvas:not([aria-label])").count() == 0


def test_a_phone_searches_and_saves(made: SyntheticPage, visit: Visit) -> None:
    page = visit(made.path, **PHONE)
    box = page.locator("#spatial").get_by_role("combobox", name="First label")
    box.tap()
    box.fill("amber striped moon")
    page.locator(".popup").get_by_role("option").first.tap()
    expect(box).to_have_value("amber striped moon")
    popup = page.locator(".popup")
    expect(popup).to_have_count(0)
    assert saved(page, "spatial", "PNG")[0] == "a-run-spatial.png"
    assert page.evaluate("document.documentElement.scrollWidth") <= 400


def test_lists_of_labels_stay_on_the_screen(made: SyntheticPage, visit: Visit) -> None:
    page = visit(made.path, viewport={"width": 320, "height": 800})
    for name in ("First label", "Second label"):
        page.locator("#spatial").get_by_role("combobox", name=name).click()
        box = page.locator(".popup").bounding_box()
        assert box is not None
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= 320
        page.keyboard.press("Escape")


def test_print_keeps_what_paper_can_show(made: SyntheticPage, visit: Visit) -> None:
    page = visit(made.path, color_scheme="dark")
    tiles = page.locator("#channels .tile").count()
    page.emulate_media(media="print")
    for panel in PANELS:
        assert page.locator(f"#{panel} :is(.tools, .save):visible").count() == 0
    assert page.locator("#channels .tile:visible").count() == tiles
    assert tiles > 0
    for text, found in contrasts(page.locator(".explore :is(p, h3, h4, .name, .value)")):
        assert found >= 4.5, f"hard to read on paper: {text}"
