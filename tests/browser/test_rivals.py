"""Rival maps on a page in a browser: what is drawn, what the table says, and how it is read."""

from __future__ import annotations

import numpy as np
import pytest
from helpers.synthetic_page import (
    PHONE,
    SyntheticPage,
    Visit,
    cell_centres,
    check_fits,
    check_map,
    contrasts,
    drawn,
    make_page,
)
from helpers.synthetic_run import LABELS, input_pixels
from playwright.sync_api import Locator, Page, expect

from blockscope.figures.palettes import signed_map

pytestmark = pytest.mark.slow

NAMES = ["attribution", "HiResCAM", "Grad-CAM", "LayerCAM", "gradient", "int. gradients"]
MINUS = "\N{MINUS SIGN}"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> SyntheticPage:
    """Return a page that no test changes."""
    return make_page(tmp_path_factory.mktemp("run"), ["rivals"])


def table(page: Page, label: int) -> Locator:
    return page.locator("#rivals table").nth(label)


def rows(page: Page, label: int) -> dict[str, tuple[str, list[float], list[int]]]:
    """What a label's table says: by score its chance, its numbers and the places of bold ones."""
    found = {}
    for row in table(page, label).locator("tbody tr").all():
        name, _, chance = row.locator("th").inner_text().partition(" (")
        cells = row.locator("td").all()
        numbers = [float(cell.inner_text().replace(MINUS, "-")) for cell in cells]
        bold = [place for place, cell in enumerate(cells) if cell.locator("b").count()]
        found[name] = chance.removesuffix(")"), numbers, bold
    return found


def test_maps_and_input_are_those_of_the_files(made: SyntheticPage, visit: Visit) -> None:
    maps = made.read("scores1")["maps"].transpose("label", "map", "row", "col").to_numpy()
    page = visit(made.path)
    for label, of_label in enumerate(maps):
        shown = table(page, label).locator("thead .stack")
        expect(shown).to_have_count(1 + len(NAMES))
        for place, values in enumerate(of_label, start=1):
            check_map(shown.nth(place), signed_map(values))
        whole = drawn(shown.first)
        # Scaled down: the middle of each of a few parts, away from the edges of what is drawn.
        below = cell_centres(input_pixels(80, 112).astype(float), 5, 7)
        found = cell_centres(whole, 5, 7)
        np.testing.assert_allclose(np.median(found - below), 0, atol=3)
        assert np.abs(found - below).mean() < 12


def test_the_table_has_the_numbers_of_the_file(made: SyntheticPage, visit: Visit) -> None:
    """Rows of every score, what chance gives, and the better direction in bold."""
    scores = made.read("scores1")
    page = visit(made.path)
    for label in (0, 1):
        heads = table(page, label).locator("thead th").all_inner_texts()
        assert [head.strip() for head in heads] == ["input", *NAMES]
        found = rows(page, label)
        on_object = {"pointing game", "mass accuracy", "rank accuracy", "average precision"}
        assert on_object.isdisjoint(found) == (label == 1)  # the second has no object
        for name, (chance, numbers, bold) in found.items():
            kind, _, base = name.partition(", ")
            at = scores.isel(label=label)
            wanted = (
                at[f"{kind}_area"].sel(baseline=base) if base else at[name.replace(" ", "_")]
            ).to_numpy()
            np.testing.assert_allclose(numbers, wanted, atol=0.006 * np.abs(wanted).max())
            best = {"deletion": np.argmin, "sensitivity": np.argmin, "infidelity": np.argmin}
            lead = best.get(kind, np.argmax)(wanted)
            assert bold == ([] if name == "sparseness" else [lead]), name
            if base:
                mean = float(at["random_area_mean"].sel(baseline=base))
                assert float(chance.split()[0].replace(MINUS, "-")) == pytest.approx(mean, abs=0.06)


def test_what_a_map_shows_is_said_in_words(made: SyntheticPage, visit: Visit) -> None:
    maps = made.read("scores1")["maps"].transpose("map", "label", "row", "col").to_numpy()
    page = visit(made.path)
    row, col = np.unravel_index(maps[2, 1].argmax(), maps.shape[2:])
    words = f"Grad-CAM of {LABELS[1]}: largest at row {row + 1}, column {col + 1}."
    expect(table(page, 1).get_by_role("img", name=words)).to_be_visible()
    expect(table(page, 0).get_by_role("img", name="The input.")).to_be_visible()


def test_without_scripts_all_is_there(made: SyntheticPage, visit: Visit) -> None:
    page = visit(made.path, java_script_enabled=False)
    expect(page.locator("#rivals table")).to_have_count(2)
    values = made.read("scores1")["maps"].isel(map=5, label=1).transpose("row", "col").to_numpy()
    check_map(table(page, 1).locator("thead .stack").last, signed_map(values))


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_has_contrast(made: SyntheticPage, visit: Visit, scheme: str) -> None:
    page = visit(made.path, color_scheme=scheme)
    found = contrasts(page.locator("#rivals :is(h3, th, td, p, b)"))
    assert min(ratio for _, ratio in found) >= 4.5, found


@pytest.mark.parametrize("options", [{"viewport": {"width": 1280, "height": 900}}, PHONE])
def test_nothing_is_cut_off(made: SyntheticPage, visit: Visit, options: dict[str, object]) -> None:
    """On a phone the table is moved sideways, the page is not."""
    page = visit(made.path, **options)
    width = check_fits(page)
    last = table(page, 0).locator("thead .stack").last
    moved = page.locator("#rivals .rivals").first
    moved.evaluate("element => { element.scrollLeft = element.scrollWidth }")
    box = last.bounding_box()
    assert box is not None
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= width
    assert box["width"] >= 60  # of a map of seven columns
    assert (moved.evaluate("element => element.scrollLeft") > 0) == (width == 400)
