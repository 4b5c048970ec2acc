"""Activation grids and the semantic dictionary on a page in a browser: linked positions."""

from __future__ import annotations

import io
import re
from pathlib import Path

import numpy as np
import pytest
from helpers.synthetic_page import (
    PHONE,
    SyntheticPage,
    Visit,
    cell_centres,
    check_map,
    contrasts,
    drawn,
    make_page,
    point,
    saved,
    write_files,
)
from helpers.synthetic_run import changed_files, sprite_colour, write_sprites
from numpy.typing import NDArray
from PIL import Image
from playwright.sync_api import Locator, Page, expect

from blockscope.figures.data.activation_grids import GridsPanel
from blockscope.figures.data.activations import representative_positions
from blockscope.figures.palettes import palettes

pytestmark = pytest.mark.slow

GRIDS = {"mixed4d": (6, 8), "mixed5a": (3, 4)}
CHANNELS = 11
GRID_PANEL, DICTIONARY = "activation_grids", "semantic_dictionary"
Box = tuple[float, float, float, float]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> SyntheticPage:
    """Return a page of both panels, with sprites, that no test changes."""
    folder = tmp_path_factory.mktemp("run")
    made = make_page(folder, [GRID_PANEL], size=(90, 120), grids=tuple(GRIDS.values()))
    files = changed_files(made.files, sprites1=write_sprites(folder, "mixed4d", CHANNELS))
    write_files(made.path, made.run, [GRID_PANEL, DICTIONARY], files)
    return SyntheticPage(made.path, made.run, files)


def shown(page: Page, title: str, panel: str = GRID_PANEL) -> Locator:
    return page.locator(f'#{panel} figure[data-shown="{title}"] > .map')


def outlines(page: Page, title: str, panel: str = GRID_PANEL) -> list[Box]:
    """Left, top, right and bottom of everything outlined, as fractions of the image."""
    whole = shown(page, title, panel).bounding_box()
    assert whole is not None
    found = []
    for outline in shown(page, title, panel).locator(".outline").all():
        box = outline.bounding_box()
        assert box is not None
        left, top = (box["x"] - whole["x"]), (box["y"] - whole["y"])
        right, bottom = left + box["width"], top + box["height"]
        wide, tall = whole["width"], whole["height"]
        found.append((left / wide, top / tall, right / wide, bottom / tall))
    return found


def check_outlined(page: Page, wanted: dict[str, Box], panel: str = GRID_PANEL) -> None:
    """Compare what is outlined with parts of the input: left, top, right, bottom."""
    for title, box in wanted.items():
        np.testing.assert_allclose(outlines(page, title, panel), [box], atol=0.01, err_msg=title)


def cells(grid: tuple[int, int], rows: tuple[int, int], cols: tuple[int, int]) -> Box:
    """Cells from the first to the last row and column, as fractions of the image."""
    return cols[0] / grid[1], rows[0] / grid[0], (cols[1] + 1) / grid[1], (rows[1] + 1) / grid[0]


def values_at(
    made: SyntheticPage, rows: tuple[int, int], cols: tuple[int, int]
) -> NDArray[np.floating]:
    """Activations of all channels, the mean of the positions from first to last."""
    held = made.read("activations1")["activations"].to_numpy()
    return held[rows[0] : rows[1] + 1, cols[0] : cols[1] + 1].mean((0, 1))


def listed(page: Page) -> list[tuple[int, float]]:
    tiles = page.locator("#semantic_dictionary .tiles .line").all_inner_texts()
    return [(int(number), float(value)) for number, value in (text.split() for text in tiles)]


def check_listed(page: Page, values: NDArray[np.floating]) -> None:
    order = [int(channel) for channel in np.argsort(-values, kind="stable") if values[channel] > 0]
    found = listed(page)
    assert [channel for channel, _ in found] == order[:8]
    np.testing.assert_allclose([v for _, v in found], values[order[:8]], rtol=0.006)


def test_a_cell_outlines_its_region_and_the_cells_of_the_other_grids(
    made: SyntheticPage, visit: Visit
) -> None:
    page = visit(made.path)
    late = shown(page, "mixed5a")
    late.hover(position=point(late, GRIDS["mixed5a"], 1, 3))
    whole = cells(GRIDS["mixed5a"], (1, 1), (3, 3))
    check_outlined(page, {"Input": whole, "mixed5a": whole})
    check_outlined(page, {"mixed4d": cells(GRIDS["mixed4d"], (2, 3), (6, 7))})
    check_outlined(page, {"Input": cells(GRIDS["mixed4d"], (2, 3), (6, 7))}, DICTIONARY)
    check_listed(page, values_at(made, (2, 3), (6, 7)))
    expect(page.locator("#semantic_dictionary section h4")).to_have_text(
        "mixed4d, rows 3 to 4, columns 7 to 8"
    )
    early = shown(page, "mixed4d")
    early.hover(position=point(early, GRIDS["mixed4d"], 5, 2))
    fine = cells(GRIDS["mixed4d"], (5, 5), (2, 2))
    check_outlined(page, {"Input": fine, "mixed4d": fine})
    check_outlined(page, {"mixed5a": cells(GRIDS["mixed5a"], (2, 2), (1, 1))})
    check_listed(page, values_at(made, (5, 5), (2, 2)))


def test_pointing_at_the_input_outlines_the_cells_in_all_grids(
    made: SyntheticPage, visit: Visit
) -> None:
    page = visit(made.path)
    for panel in (GRID_PANEL, DICTIONARY):
        whole = shown(page, "Input", panel)
        whole.hover(position=point(whole, GRIDS["mixed4d"], 4, 7))
        check_outlined(page, {"Input": cells(GRIDS["mixed4d"], (4, 4), (7, 7))}, panel)
        check_outlined(page, {"mixed4d": cells(GRIDS["mixed4d"], (4, 4), (7, 7))})
        check_outlined(page, {"mixed5a": cells(GRIDS["mixed5a"], (2, 2), (3, 3))})
        check_listed(page, values_at(made, (4, 4), (7, 7)))


def test_grids_whose_cells_do_not_nest(tmp_path: Path, visit: Visit) -> None:
    """Cells belong to a region by their centres: of 5 x 7 and 3 x 4 cells over one image."""
    made = make_page(tmp_path, [GRID_PANEL])
    page = visit(made.path)
    late, early = shown(page, "mixed5a"), shown(page, "mixed4d")
    late.hover(position=point(late, (3, 4), 0, 1))
    # Rows up to 1/3 hold the centre 1/10 and 3/10; columns from 1/4 to 1/2 hold 5/14 only.
    check_outlined(page, {"mixed4d": cells((5, 7), (0, 1), (2, 2))})
    early.hover(position=point(early, (5, 7), 1, 3))
    # No centre of 3 x 4 cells lies in it: the one that its own centre (3/10, 1/2) lies in.
    check_outlined(page, {"mixed5a": cells((3, 4), (0, 0), (2, 2))})


def test_every_cell_is_drawn_where_it_belongs(made: SyntheticPage, visit: Visit) -> None:
    page = visit(made.path)
    for grid in GridsPanel.of_run(made.run, made.files).grids:
        rows, cols = grid.magnitude.shape
        # The middle of the right lower quarter; the left upper one is lighter.
        found = cell_centres(drawn(shown(page, grid.layer)), 4 * rows, 4 * cols)[3::4, 3::4]
        wanted = grid.cells[:, :, 8, 8].astype(float)
        # Outlines lie on the position of the longest vector and what it covers.
        far = np.abs(found - wanted).max(axis=-1) > 26
        assert far.sum() <= 4
        assert np.abs(wanted - wanted[::-1, ::-1]).max() > 60, "the cells can be told apart"


def test_cells_by_magnitude(made: SyntheticPage, visit: Visit) -> None:
    page = visit(made.path)
    page.locator("#activation_grids").get_by_label("Cell sizes").select_option("magnitude")
    paper = np.array([245, 245, 244])
    grid = GridsPanel.of_run(made.run, made.files).grids[1]
    share = grid.magnitude / grid.magnitude.max()
    found = drawn(shown(page, "mixed5a"))
    tall, wide = (size / count for size, count in zip(found.shape[:2], share.shape, strict=True))
    for (row, col), part in np.ndenumerate(share):
        line = found[int((row + 0.5) * tall), int(col * wide) : int((col + 1) * wide)]
        away = np.abs(line - paper).max(axis=-1)
        ink = (away > away.max() / 2).mean()
        if part < 0.7:  # the rest may be outlined
            assert ink == pytest.approx(round(8 * part) / 8, abs=0.07)
    assert (share < 0.7).sum() >= 4


def test_the_focused_cell_is_enlarged(made: SyntheticPage, visit: Visit) -> None:
    page = visit(made.path)
    grids = GridsPanel.of_run(made.run, made.files).grids
    early = shown(page, "mixed4d")
    early.hover(position=point(early, GRIDS["mixed4d"], 1, 6))
    for title, cell in (
        ("mixed4d", grids[0].cells[1, 6]), ("mixed5a", grids[1].cells[0, 3]),
    ):  # fmt: skip
        part = drawn(page.locator(f'#activation_grids figure[data-shown="{title}"] .part .part'))
        size = part.shape[0]
        np.testing.assert_allclose(part[size * 3 // 4, size * 3 // 4], cell[8, 8], atol=26)
    text = page.locator('#activation_grids figure[data-shown="mixed4d"] .note').inner_text()
    length = grids[0].magnitude[1, 6]
    assert text.startswith("row 2, column 7: activation vector of length ")
    assert float(re.search(r"length ([\d.]+);", text)[1]) == pytest.approx(length, rel=0.01)


def test_a_position_is_pinned_linked_and_unpinned(made: SyntheticPage, visit: Visit) -> None:
    page = visit(made.path)
    early = shown(page, "mixed4d")
    early.click(position=point(early, GRIDS["mixed4d"], 2, 5))
    page.mouse.move(2, 2)
    pinned = {"mixed4d": cells(GRIDS["mixed4d"], (2, 2), (5, 5))}
    check_outlined(page, pinned)
    late = shown(page, "mixed5a")
    late.hover(position=point(late, GRIDS["mixed5a"], 0, 0))
    assert len(outlines(page, "mixed4d")) == 2, "the one pinned and the one pointed at"
    page.mouse.move(2, 2)
    page.locator("#activation_grids").get_by_label("Cell sizes").select_option("magnitude")
    page.locator("#semantic_dictionary .tile").nth(2).click()
    channel = listed(page)[2][0]
    page.wait_for_timeout(400)
    link = page.evaluate("location.href")
    assert re.search(rf"#entry={channel}&size=magnitude&spot=mixed4d%3A{2 * 8 + 5}$", link)
    page.goto("about:blank")
    page.goto(link)
    expect(page.locator("#activation_grids .outline").first).to_be_visible()
    check_outlined(page, pinned)
    expect(page.locator("#activation_grids").get_by_label("Cell sizes")).to_have_value("magnitude")
    expect(page.locator(f'#semantic_dictionary [data-channel="{channel}"]')).to_have_attribute(
        "aria-pressed", "true"
    )
    page.get_by_role("application", name="Cells of mixed4d, 6 by 8").focus()
    page.keyboard.press("Escape")
    expect(page.locator("#activation_grids [role=status]").first).to_contain_text(
        "the longest activation"
    )


@pytest.mark.parametrize("fragment", ["spot=mixed4d:48", "spot=other:1", "spot=3", "entry=11"])
def test_a_link_of_another_page_does_no_harm(
    made: SyntheticPage, visit: Visit, fragment: str
) -> None:
    page = visit(made.path)
    page.goto(f"{made.path.as_uri()}#{fragment}&size=huge")
    expect(page.locator("#activation_grids [role=status]").first).to_contain_text(
        "the longest activation"
    )
    assert page.locator('#semantic_dictionary .tile[aria-pressed="true"]').count() == 0


def test_keyboard_moves_over_cells(made: SyntheticPage, visit: Visit) -> None:
    page = visit(made.path)
    page.get_by_role("application", name="Cells of mixed5a").focus()
    for key in ("ArrowDown", "ArrowDown", "ArrowRight"):
        page.keyboard.press(key)
    check_outlined(page, {"mixed4d": cells(GRIDS["mixed4d"], (4, 5), (2, 3))})
    page.keyboard.press("Enter")
    page.get_by_label("Cell sizes").focus()
    check_outlined(page, {"Input": cells(GRIDS["mixed5a"], (2, 2), (1, 1))})


def test_a_tap_is_a_press(made: SyntheticPage, visit: Visit) -> None:
    page = visit(made.path, **PHONE)
    late = shown(page, "mixed5a")
    late.tap(position=point(late, GRIDS["mixed5a"], 2, 0))
    check_outlined(page, {"Input": cells(GRIDS["mixed5a"], (2, 2), (0, 0))})


def test_sprites_are_those_of_their_channels(made: SyntheticPage, visit: Visit) -> None:
    page = visit(made.path)
    whole = shown(page, "Input", DICTIONARY)
    for row, col in ((0, 0), (3, 6)):
        whole.hover(position=point(whole, GRIDS["mixed4d"], row, col))
        for tile in page.locator("#semantic_dictionary .tile").all():
            channel = int(str(tile.get_attribute("data-channel")))
            pixels = drawn(tile.locator(".part"))
            middle = pixels[pixels.shape[0] // 2, pixels.shape[1] // 2]
            np.testing.assert_allclose(middle, sprite_colour(channel), atol=30)


def test_a_channel_shows_where_else_it_is_active(made: SyntheticPage, visit: Visit) -> None:
    page = visit(made.path)
    held = made.read("activations1")["activations"].to_numpy()
    tile = page.locator("#semantic_dictionary .tile").nth(3)
    tile.click()
    channel = int(str(tile.get_attribute("data-channel")))
    page.mouse.move(2, 2)
    found = cell_centres(drawn(shown(page, f"Channel {channel}", DICTIONARY)), *GRIDS["mixed4d"])
    wanted = palettes()["cividis"].paint(held[..., channel])
    assert (np.abs(found - wanted).max(axis=-1) > 4).sum() <= 1, "all but the one outlined"


def test_representative_positions_are_offered(made: SyntheticPage, visit: Visit) -> None:
    page = visit(made.path)
    held = made.read("activations1")["activations"].to_numpy()
    chosen = representative_positions(held, 4)
    check_listed(page, held[chosen[0]])
    buttons = page.get_by_role("group", name="Representative positions").get_by_role("button")
    expect(buttons).to_have_count(4)
    for button, cell in zip(buttons.all(), chosen, strict=True):
        button.click()
        check_listed(page, held[cell])
        expect(button).to_have_attribute("aria-pressed", "true")


def test_without_sprites_numbers_and_maps_serve(tmp_path: Path, visit: Visit) -> None:
    made = make_page(tmp_path, [DICTIONARY])
    page = visit(made.path)
    held = made.read("activations1")["activations"].to_numpy()
    cell = representative_positions(held, 1)[0]
    check_listed(page, held[cell])
    expect(page.locator("#semantic_dictionary section")).to_contain_text("sprites: {recipe: draft}")
    tile = page.locator("#semantic_dictionary .tile").first
    channel = int(str(tile.get_attribute("data-channel")))
    wanted = palettes()["cividis"].paint(held[..., channel])
    check_map(tile.locator(".map"), wanted, atol=4)


def test_saved_views_stand_alone(made: SyntheticPage, visit: Visit) -> None:
    page = visit(made.path)
    late = shown(page, "mixed5a")
    late.click(position=point(late, GRIDS["mixed5a"], 1, 1))
    name, svg = saved(page, GRID_PANEL, "SVG")
    assert name == "a-run-activation_grids.svg"
    text = svg.decode()
    assert "mixed5a, row 2, column 2, pinned" in text
    assert text.count('stroke="#ffd84d"') == 3, "one outline on the input and on each grid"
    for panel in (GRID_PANEL, DICTIONARY):
        name, png = saved(page, panel, "PNG")
        assert name == f"a-run-{panel}.png"
        with Image.open(io.BytesIO(png)) as opened:
            assert opened.size[0] == 2000
            assert np.ptp(np.asarray(opened.convert("L"))) > 200


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [320, 400, 1280])
def test_nothing_is_cut_off(made: SyntheticPage, visit: Visit, width: int, scheme: str) -> None:
    page = visit(made.path, viewport={"width": width, "height": 800}, color_scheme=scheme)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    for text, found in contrasts(
        page.locator("#activation_grids p, #semantic_dictionary p, #semantic_dictionary .line span")
    ):
        assert found >= 4.5, f"hard to read: {text}"
