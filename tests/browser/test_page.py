"""Attribution factors on a page in a browser: what is drawn, what pointing and tapping do."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from helpers.synthetic_page import PHONE, Visit, cell_centres, contrasts, drawn, make_page
from playwright.sync_api import Page, expect

from blockscope.figures import colour
from blockscope.figures.data.factors import FactorsPanel

pytestmark = pytest.mark.slow


def factors_page(
    folder: Path, count: int = 3, joint: bool = True, opacity: float = 0.6
) -> tuple[Path, FactorsPanel]:
    made = make_page(folder, ["factors"], opacity, count=count, joint=joint)
    return made.path, FactorsPanel.of_run(made.run, made.files)


def overlay_of(page: Page, layer: int) -> str:
    """The factor whose overlay is shown over a layer."""
    shown = page.locator(f'.stack[data-layer="{layer}"] .overlay:visible')
    expect(shown).to_have_count(1)
    return str(shown.get_attribute("data-factor"))


def both(page: Page) -> tuple[str, str]:
    return overlay_of(page, 1), overlay_of(page, 2)


def test_opaque_overlays_are_the_factor_images(tmp_path: Path, visit: Visit) -> None:
    path, panel = factors_page(tmp_path, opacity=1.0)
    page = visit(path)
    for place, layer in enumerate(panel.layers, start=1):
        stack = page.locator(f'.stack[data-layer="{place}"]')
        rows, cols, _ = layer.spatial.shape
        wanted = colour.factor_image(layer.spatial)
        np.testing.assert_allclose(cell_centres(drawn(stack), rows, cols), wanted, atol=1)
        page.locator(".factor").nth(1).hover()
        wanted = colour.single_factor_image(layer.spatial, 1)
        np.testing.assert_allclose(cell_centres(drawn(stack), rows, cols), wanted, atol=1)
        page.mouse.move(2, 2)


def test_cells_are_not_blended(tmp_path: Path, visit: Visit) -> None:
    path, panel = factors_page(tmp_path, opacity=1.0)
    shown = drawn(visit(path).locator('.stack[data-layer="2"]'))
    colours = np.unique(colour.factor_image(panel.layers[1].spatial).reshape(-1, 3), axis=0)
    inner = shown[2:-2, 2:-2].reshape(-1, 3)
    nearest = np.abs(inner[:, None] - colours[None]).max(axis=-1).min(axis=1)
    # Where two cells meet, one line of pixels may be mixed.
    assert (nearest <= 1).mean() > 0.95


def test_slider_changes_the_blend(tmp_path: Path, visit: Visit) -> None:
    path, panel = factors_page(tmp_path)
    page = visit(path)
    stack = page.locator('.stack[data-layer="1"]')
    rows, cols, _ = panel.layers[0].spatial.shape
    below = cell_centres(drawn(page.locator(".stack").first), rows, cols)
    above = colour.factor_image(panel.layers[0].spatial)
    slider = page.get_by_label("Opacity")
    for opacity in (0.0, 0.25, 0.9):
        slider.fill(str(opacity))
        expect(page.locator("output")).to_have_text(f"{100 * opacity:.0f} %")
        found = cell_centres(drawn(stack), rows, cols)
        np.testing.assert_allclose(found, (1 - opacity) * below + opacity * above, atol=3)
    slider.focus()
    page.keyboard.press("ArrowRight")
    expect(page.locator("output")).to_have_text("91 %")


def test_pointing_isolates_a_shared_factor_in_both_layers(tmp_path: Path, visit: Visit) -> None:
    page = visit(factors_page(tmp_path)[0])
    assert both(page) == ("all", "all")
    for place, factor in enumerate("123"):
        page.locator(".factor").nth(place).hover()
        assert both(page) == (factor, factor)
        expect(page.get_by_role("status").last).to_have_text(
            f"Factor {factor} alone in mixed4d and mixed5a."
        )
    page.mouse.move(2, 2)
    assert both(page) == ("all", "all")


def test_pointing_isolates_a_layer_s_own_factor_there(tmp_path: Path, visit: Visit) -> None:
    page = visit(factors_page(tmp_path, joint=False)[0])
    legends = page.locator(".legend")
    legends.nth(0).locator(".factor").nth(2).hover()
    assert both(page) == ("3", "all")
    legends.nth(1).locator(".factor").nth(0).hover()
    assert both(page) == ("all", "1")


def test_keyboard(tmp_path: Path, visit: Visit) -> None:
    page = visit(factors_page(tmp_path)[0])
    page.get_by_label("Opacity").focus()
    page.keyboard.press("Tab")
    assert both(page) == ("1", "1")
    page.keyboard.press("Tab")
    assert both(page) == ("2", "2")
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    assert both(page) == ("3", "3"), "focus shows its factor while another one is pinned"
    page.keyboard.press("Tab")
    assert both(page) == ("2", "2"), "the pinned factor returns when focus leaves"
    page.keyboard.press("Escape")
    assert both(page) == ("all", "all")


def test_a_click_pins_a_factor_and_a_second_one_unpins_it(tmp_path: Path, visit: Visit) -> None:
    page = visit(factors_page(tmp_path)[0])
    button = page.get_by_role("button", name="Factor 2")
    button.click()
    page.mouse.move(2, 2)
    assert both(page) == ("2", "2")
    expect(button).to_have_attribute("aria-pressed", "true")
    button.click()
    page.mouse.move(2, 2)
    assert both(page) == ("all", "all")
    expect(button).to_have_attribute("aria-pressed", "false")


def test_touch(tmp_path: Path, visit: Visit) -> None:
    page = visit(factors_page(tmp_path)[0], **PHONE)
    page.get_by_role("button", name="Factor 3").tap()
    assert both(page) == ("3", "3")
    page.get_by_role("button", name="Factor 1").tap()
    assert both(page) == ("1", "1")
    page.get_by_role("button", name="Factor 1").tap()
    assert both(page) == ("all", "all")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [320, 400, 1280])
def test_nothing_is_cut_off(tmp_path: Path, visit: Visit, width: int, scheme: str) -> None:
    page = visit(
        factors_page(tmp_path, 6)[0], viewport={"width": width, "height": 800}, color_scheme=scheme
    )
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    loaded = page.locator("img").evaluate_all("all => all.every(i => i.naturalWidth > 0)")
    assert loaded, "an image does not load"
    assert page.locator("img:not([alt])").count() == 0
    for text, found in contrasts(page.locator("p, td, .name, h2")):
        assert found >= 4.5, f"hard to read: {text}"


def test_without_a_script_everything_is_there(tmp_path: Path, visit: Visit) -> None:
    page = visit(factors_page(tmp_path)[0], java_script_enabled=False)
    shown = page.locator(".stack .overlay:visible")
    assert [s.get_attribute("data-factor") for s in shown.all()] == ["all", "all"]
    expect(page.locator(".factor:visible")).to_have_count(3)


def test_print_hides_what_paper_cannot_do(tmp_path: Path, visit: Visit) -> None:
    page = visit(factors_page(tmp_path)[0], color_scheme="dark")
    page.emulate_media(media="print")
    expect(page.locator(".controls")).to_be_hidden()
    background = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert background == "rgb(255, 255, 255)"
