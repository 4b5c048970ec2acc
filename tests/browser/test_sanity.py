"""Randomised networks on a page in a browser: dots, what pointing at them says, and the table."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from helpers.synthetic_page import PHONE, SyntheticPage, Visit, check_fits, contrasts, make_page
from helpers.synthetic_run import LABELS
from playwright.sync_api import Page, expect

from blockscope.attribution.scores.sanity import WORDS
from blockscope.autodiff.gradient_overrides import OVERRIDES

pytestmark = pytest.mark.slow

TITLES = ["Rank correlation", "Rank correlation, no sign", "SSIM", "SSIM, no sign"]
PLACES = ["all above mixed5a", "all above input", "one block above mixed4d"]
MINUS = "\N{MINUS SIGN}"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> SyntheticPage:
    """Return a page that no test changes."""
    return make_page(tmp_path_factory.mktemp("run"), ["sanity"])


def wanted(made: SyntheticPage, measure: str, label: int) -> np.ndarray:
    """Means of the files, (override, place)."""
    files = [made.read("override_sanity1", place) for place in range(len(OVERRIDES))]
    order = [found.attrs["override"] for found in files]
    assert order == list(OVERRIDES)
    return np.array([found[f"{measure}_mean"].values[:, label] for found in files])


def charts(page: Page) -> list[dict[str, Any]]:
    """Every chart: its name, its frame, its lowest number, and what lies at the middle of dots."""
    found: list[dict[str, Any]] = page.locator("#sanity .charts svg").evaluate_all(
        """charts => charts.map(svg => {
            svg.scrollIntoView({block: "center"});
            const frame = svg.querySelector("path.axis").getBoundingClientRect();
            const numbers = [...svg.querySelectorAll('text[text-anchor="end"]')];
            return {
                name: svg.getAttribute("aria-label"),
                top: frame.top, bottom: frame.bottom, left: frame.left, width: frame.width,
                lowest: numbers.at(-1).textContent,
                dots: [...svg.querySelectorAll("circle")].map(dot => {
                    const box = dot.getBoundingClientRect();
                    const x = box.x + box.width / 2, y = box.y + box.height / 2;
                    const hit = document.elementFromPoint(x, y);
                    const title = hit?.closest("g:has(> title)")?.querySelector("title");
                    return {x, y: y + 0, said: title?.textContent ?? "",
                            own: dot.parentNode.querySelector("title").textContent};
                }),
                frameNow: svg.querySelector("path.axis").getBoundingClientRect().top,
            };
        })"""
    )
    return found


def test_dots_stand_at_their_numbers(made: SyntheticPage, visit: Visit) -> None:
    page = visit(made.path)
    shown = charts(page)
    assert len(shown) == 2 * len(WORDS)
    for place, chart in enumerate(shown):
        label, measure = divmod(place, len(WORDS))
        assert chart["name"].startswith(f"{TITLES[measure]} of {LABELS[label]}:")
        lowest = float(chart["lowest"].replace(MINUS, "-"))
        share = [(d["y"] - chart["top"]) / (chart["bottom"] - chart["top"]) for d in chart["dots"]]
        found = 1 - np.array(share) * (1 - lowest)
        values = wanted(made, list(WORDS)[measure], label)
        np.testing.assert_allclose(found.reshape(values.shape), values, atol=0.01)
        across = [(d["x"] - chart["left"]) / chart["width"] * 3 for d in chart["dots"]]
        columns = np.floor(across).reshape(values.shape).astype(int)
        assert columns.tolist() == [[0, 1, 2]] * len(OVERRIDES)


def test_pointing_at_a_dot_says_its_number(made: SyntheticPage, visit: Visit) -> None:
    """Whatever line passes over it."""
    page = visit(made.path)
    for place, chart in enumerate(charts(page)):
        label, measure = divmod(place, len(WORDS))
        values = wanted(made, list(WORDS)[measure], label).ravel()
        keys = [f"{override}, {where}: " for override in OVERRIDES for where in PLACES]
        for dot, key, value in zip(chart["dots"], keys, values, strict=True):
            assert dot["said"] == dot["own"]
            assert dot["said"].startswith(key)
            number = dot["said"].removeprefix(key).split()[0].replace(MINUS, "-")
            assert float(number) == pytest.approx(value, abs=0.006)


def test_the_numbers_are_in_a_table(made: SyntheticPage, visit: Visit) -> None:
    page = visit(made.path)
    tables = page.locator("#sanity table")
    expect(tables.first).to_be_hidden()
    page.locator("#sanity summary", has_text="Numbers").click()
    expect(tables.first).to_be_visible()
    expect(tables).to_have_count(2)
    for label in (0, 1):
        rows = tables.nth(label).locator("tbody tr").all()
        cells = [[cell.inner_text() for cell in row.locator("th, td").all()] for row in rows]
        assert [row[:2] for row in cells] == [[p, o] for p in PLACES for o in OVERRIDES]
        found = [[float(text.split()[0].replace(MINUS, "-")) for text in row[2:]] for row in cells]
        values = np.stack([wanted(made, measure, label) for measure in WORDS])
        expected = values.transpose(2, 1, 0).reshape(len(rows), len(WORDS))
        np.testing.assert_allclose(found, expected, atol=0.006)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_and_curves_have_contrast(made: SyntheticPage, visit: Visit, scheme: str) -> None:
    page = visit(made.path, color_scheme=scheme)
    page.locator("#sanity summary").click()
    texts = contrasts(page.locator("#sanity :is(h3, figcaption, p, th, td, caption, .key span)"))
    assert min(ratio for _, ratio in texts) >= 4.5, texts


@pytest.mark.parametrize("options", [{"viewport": {"width": 1280, "height": 900}}, PHONE])
def test_nothing_is_cut_off(made: SyntheticPage, visit: Visit, options: dict[str, object]) -> None:
    """On a phone the charts stand two in a row; the table is moved sideways, the page is not."""
    page = visit(made.path, **options)
    page.locator("#sanity summary").click()
    width = check_fits(page)
    lefts = {round(chart["left"]) for chart in charts(page)}
    assert len(lefts) == (4 if width == 1280 else 2)
    words = page.locator("#sanity svg text, #sanity figcaption").evaluate_all(
        "texts => texts.map(text => [text.getBoundingClientRect().left, "
        "text.getBoundingClientRect().right])"
    )
    assert min(left for left, _ in words) >= 0
    assert max(right for _, right in words) <= width
    scroller = page.locator("#sanity details.wide")
    scroller.evaluate("element => { element.scrollLeft = element.scrollWidth }")
    last = page.locator("#sanity thead th").last.bounding_box()
    assert last is not None
    assert last["x"] + last["width"] <= width
    # A word is read as a word.
    head = page.locator("#sanity thead th", has_text="Override").first
    lines = head.evaluate(
        "cell => { const range = document.createRange(); range.selectNodeContents(cell); "
        "return range.getClientRects().length }"
    )
    assert lines == 1
