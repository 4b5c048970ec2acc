"""Channels, methods and neuron groups on a page in a browser: what is drawn is in the arrays."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from helpers.synthetic_page import (
    SyntheticPage,
    Visit,
    check_map,
    choose_label,
    drawn,
    make_page,
    write_files,
)
from helpers.synthetic_run import changed_files, sprite_colour, write_sprites
from numpy.typing import NDArray
from playwright.sync_api import Locator, Page, Position, expect

from blockscope.figures import colour
from blockscope.figures.palettes import palettes
from blockscope.figures.print.parts.channel_tiles import peak_crop

pytestmark = pytest.mark.slow

LAYERS = {1: "mixed4d", 2: "mixed5a"}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> SyntheticPage:
    """Return a page that no test changes."""
    return make_page(
        tmp_path_factory.mktemp("run"), ["channels", "channel_methods", "neuron_groups"]
    )


def attribution(made: SyntheticPage, layer: int, method: str) -> NDArray[np.float32]:
    """Attribution of the run's contrast to the channels of layer 1 or 2."""
    found = made.read(f"channels{layer}")
    return found["attribution"].isel(pair=0).sel({"method": method}).to_numpy()


def activations(made: SyntheticPage, layer: int) -> NDArray[np.float32]:
    return made.read(f"activations{layer}")["activations"].transpose("channel", "row", "col").values


def block(page: Page, layer: int) -> Locator:
    return page.locator(f'#channels [data-layer="{layer}"]')


def listed(tiles: Locator) -> list[tuple[int, float]]:
    """Number and value of every tile."""
    return [
        (int(number), float(value.replace("\N{MINUS SIGN}", "-")))
        for number, value in (text.split() for text in tiles.locator(".line").all_inner_texts())
    ]


def check_tiles(tiles: Locator, values: NDArray[np.floating], most: int) -> None:
    """Compare tiles with the strongest channels: down from the largest, up to the least."""
    order = np.argsort(-values, kind="stable")
    wanted = [c for c in order[:most] if values[c] > 0] + [
        c for c in order[-most:] if values[c] < 0
    ]
    found = listed(tiles)
    assert [channel for channel, _ in found] == wanted
    np.testing.assert_allclose([v for _, v in found], values[wanted], rtol=0.006, atol=1e-3)


@pytest.mark.parametrize("method", ["linear", "path", "stochastic"])
def test_strongest_channels_by_every_method(made: SyntheticPage, visit: Visit, method: str) -> None:
    page = visit(made.path)
    page.locator("#channels").get_by_label("Method").select_option(method)
    for layer in LAYERS:
        values = attribution(made, layer, method)
        check_tiles(block(page, layer).locator(".tile"), values, 5)
        text = block(page, layer).locator("p.note").first.inner_text()
        assert f"{(values > 0).sum()} above zero, {(values < 0).sum()} below" in text
        total = re.search(r"add up to (\S+) logit", text)
        assert total
        assert float(total[1].replace("\N{MINUS SIGN}", "-")) == pytest.approx(
            values.sum(), abs=0.01
        )


def test_any_pair_shows_its_linear_attribution(made: SyntheticPage, visit: Visit) -> None:
    page = visit(made.path)
    names = list(made.read("classes1")["label"].values)
    choose_label(page, "For", "blue striped ring", "channels")
    choose_label(page, "Against", "green plain bar", "channels")
    a, b = names.index("blue striped ring"), names.index("green plain bar")
    for layer in LAYERS:
        classes = made.read(f"channels{layer}")["label_attribution"].to_numpy()
        check_tiles(block(page, layer).locator(".tile"), classes[a] - classes[b], 5)
    expect(page.locator("#channels .about")).to_contain_text(
        "blue striped ring \N{MINUS SIGN} green plain bar: gradient x activation"
    )
    expect(page.locator("#channels").get_by_label("Method")).to_be_disabled()


def test_a_tile_shows_activations_and_what_drives_them(made: SyntheticPage, visit: Visit) -> None:
    page = visit(made.path)
    tile = block(page, 2).locator(".tile").first
    channel = int(str(tile.get_attribute("data-channel")))
    active = activations(made, 2)[channel]
    check_map(tile.locator(".map"), palettes()["cividis"].paint(active), atol=4)
    square = peak_crop(active, (80, 112))
    image = tile.locator(".part img")
    box, part = image.bounding_box(), tile.locator(".part").bounding_box()
    assert box is not None
    assert part is not None
    scale = 112 / box["width"]
    found = [(part[k] - box[k]) * scale for k in ("y", "x")] + [part["width"] * scale]
    np.testing.assert_allclose(found, [square.top, square.left, square.side], atol=0.6)


def test_bars_are_in_order_and_in_proportion(made: SyntheticPage, visit: Visit) -> None:
    page = visit(made.path)
    values = np.sort(attribution(made, 1, "linear"))[::-1]
    shown = drawn(block(page, 1).locator(".distribution"))
    height = shown.shape[0]
    spread = max(values[0], 0) - min(values[-1], 0)
    for kind, bar in (("#5f8a1c", values > 0), ("#8337b4", values < 0)):
        ink = np.array([int(kind[i : i + 2], 16) for i in (1, 3, 5)])
        for place in np.flatnonzero(bar):
            column = shown[:, int((place + 0.5) / len(values) * shown.shape[1])]
            found = (np.abs(column - ink).max(axis=-1) <= 3).sum()
            assert found == pytest.approx(abs(values[place]) / spread * height, abs=3)


def test_pointing_and_pressing_a_bar(made: SyntheticPage, visit: Visit) -> None:
    page = visit(made.path)
    values = attribution(made, 1, "linear")
    order = np.argsort(-values, kind="stable")
    bars = block(page, 1).locator(".distribution")
    box = bars.bounding_box()
    assert box is not None
    place = Position(x=(1.5 / len(values)) * box["width"], y=box["height"] / 2)
    bars.hover(position=place)
    expect(bars.locator(".tip b")).to_have_text(str(order[1]))
    bars.click(position=place)
    detail = page.locator("#channels .detail")
    expect(detail.locator("h3")).to_have_text(f"Channel {order[1]} of mixed4d")
    bars.get_by_role("application").focus()
    page.keyboard.press("End")
    page.keyboard.press("Enter")
    expect(detail.locator("h3")).to_have_text(f"Channel {order[-1]} of mixed4d")


def test_a_channel_shows_the_labels_it_raises_and_what_drives_it(
    made: SyntheticPage, visit: Visit
) -> None:
    page = visit(made.path)
    block(page, 2).get_by_role("textbox").fill("7")
    block(page, 2).get_by_role("button", name="Show this channel").click()
    detail = page.locator("#channels .detail")
    expect(detail.locator("h3")).to_have_text("Channel 7 of mixed5a")
    wanted = palettes()["cividis"].paint(activations(made, 2)[7])
    check_map(detail.locator(".images .map"), wanted, atol=4)
    values = made.read("channels2")["label_attribution"].to_numpy()[:, 7]
    names = made.read("channels2")["label"].values
    texts = detail.locator(".columns .name").all_inner_texts()
    order = np.argsort(-values, kind="stable")
    assert texts[2:8] == [names[place] for place in order[:6]]
    assert texts[8:14] == [names[place] for place in order[:-7:-1]]
    drivers = made.read("drivers")["attribution"].to_numpy()[7]
    tiles = detail.locator(".drivers .tile")
    expect(tiles).to_have_count(11)
    strongest = np.argsort(-np.abs(drivers), kind="stable")
    found = listed(tiles)
    assert [channel for channel, _ in found] == strongest.tolist()
    np.testing.assert_allclose([v for _, v in found], drivers[strongest], rtol=0.006, atol=2e-3)
    tiles.nth(2).click()
    expect(detail.locator("h3")).to_have_text(f"Channel {strongest[2]} of mixed4d")
    detail.get_by_role("button", name="Back to 7 of mixed5a").click()
    expect(detail.locator("h3")).to_have_text("Channel 7 of mixed5a")
    detail.get_by_role("button", name="Close").click()
    expect(detail).to_have_count(0)


def test_a_channel_that_is_not_there(made: SyntheticPage, visit: Visit) -> None:
    page = visit(made.path)
    block(page, 1).get_by_role("textbox").fill("11")
    block(page, 1).get_by_role("textbox").press("Enter")
    expect(block(page, 1).get_by_role("status").first).to_have_text("0 to 10")
    expect(page.locator("#channels .detail")).to_have_count(0)


def test_methods_side_by_side(made: SyntheticPage, visit: Visit) -> None:
    page = visit(made.path)
    file = made.read("channels1").isel(pair=0)
    for method in ("linear", "path", "stochastic"):
        section = page.locator(f'#channel_methods [data-method="{method}"]')
        values = attribution(made, 1, method)
        check_tiles(section.locator(".tile"), values, 3)
        numbers = [
            float(text.rstrip(" %").replace("\N{MINUS SIGN}", "-"))
            for text in section.locator("dd").all_inner_texts()
        ]
        error = 100 * float(file["completeness_error"].sel({"method": method}))
        rise = float(file["score"] - file["score_at_zero"])
        np.testing.assert_allclose(numbers[:2], [values.sum(), rise], atol=0.01)
        assert numbers[2] == pytest.approx(error, rel=0.06)
        assert numbers[3] == 100


def test_a_channel_is_marked_in_every_method(made: SyntheticPage, visit: Visit) -> None:
    page = visit(made.path)
    tile = page.locator('#channel_methods [data-method="path"] .tile').nth(1)
    channel = int(str(tile.get_attribute("data-channel")))
    tile.hover()
    tips = page.locator("#channel_methods .tip b")
    assert tips.all_inner_texts() == [str(channel)] * 3
    box = page.locator('#channel_methods [data-method="linear"] .distribution').bounding_box()
    mark = page.locator('#channel_methods [data-method="linear"] .mark').bounding_box()
    assert box is not None
    assert mark is not None
    values = attribution(made, 1, "linear")
    place = np.argsort(-values, kind="stable").tolist().index(channel)
    found = (mark["x"] + mark["width"] / 2 - box["x"]) / box["width"]
    assert found == pytest.approx((place + 0.5) / len(values), abs=0.01)
    tile.click()
    page.mouse.move(2, 2)
    assert tips.all_inner_texts() == [str(channel)] * 3
    tile.click()
    page.mouse.move(2, 2)
    expect(tips).to_have_count(0)


def test_neuron_groups_together_and_alone(made: SyntheticPage, visit: Visit) -> None:
    page = visit(made.path)
    groups = made.read("groups1")
    spatial = groups["spatial"].transpose("row", "col", "factor").to_numpy()
    whole = page.locator("#neuron_groups .whole .map")
    check_map(whole, colour.factor_image(spatial), atol=4)
    card = page.locator("#neuron_groups .group").nth(2)
    card.hover()
    check_map(whole, colour.single_factor_image(spatial, 2), atol=4)
    page.mouse.move(2, 2)
    check_map(whole, colour.factor_image(spatial), atol=4)
    card.get_by_role("button").click()
    page.mouse.move(2, 2)
    check_map(whole, colour.single_factor_image(spatial, 2), atol=4)
    for place in range(4):
        small = page.locator("#neuron_groups .group").nth(place).locator(".map")
        check_map(small, colour.single_factor_image(spatial, place), atol=4)
    page.keyboard.press("Escape")
    check_map(whole, colour.factor_image(spatial), atol=4)


def test_what_a_group_responds_to_is_next_to_its_map(
    made: SyntheticPage, visit: Visit, tmp_path: Path
) -> None:
    assert not visit(made.path).locator("#neuron_groups .group .part").count()
    sprites = write_sprites(tmp_path, "groups", 4, tile=32)
    files = changed_files(made.files, group_sprites1=sprites)
    path = tmp_path / "index.html"
    write_files(path, made.run, ["neuron_groups"], files)
    parts = visit(path).locator("#neuron_groups .group .part")
    assert parts.count() == 4
    for place, part in enumerate(parts.all()):
        shown = drawn(part)
        middle = shown[shown.shape[0] // 2, shown.shape[1] // 2]
        np.testing.assert_allclose(middle, sprite_colour(place), atol=12)


def test_effects_of_a_group_on_labels(made: SyntheticPage, visit: Visit) -> None:
    page = visit(made.path)
    groups = made.read("groups1")
    names = list(groups["label"].values)
    choose_label(page, "Second label", "amber hatched heart", "neuron_groups")
    effect = groups["effect"].transpose("factor", "label").to_numpy()[1]
    card = page.locator("#neuron_groups .group").nth(1)
    chosen = [made.contrast.first, names.index("amber hatched heart")]
    order = np.argsort(-effect, kind="stable")
    wanted = [*chosen, *order[:3], *order[:-4:-1]]
    assert card.locator(".name").all_inner_texts() == [names[place] for place in wanted]
    numbers = [
        float(text.replace("\N{MINUS SIGN}", "-"))
        for text in card.locator(".value").all_inner_texts()
    ]
    np.testing.assert_allclose(numbers, effect[wanted], atol=0.006)
    magnitude = float(groups["magnitude"][1])
    assert f"Magnitude {magnitude:.3g}" in card.inner_text()
