"""The panel "trust" on a page in a browser: positions and groups that are taken away."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from helpers.synthetic_page import (
    SyntheticPage,
    Visit,
    check_map,
    make_page,
    point,
    write_files,
)
from helpers.synthetic_run import LABELS, changed_files
from playwright.sync_api import Locator, Page, expect

from blockscope.figures.palettes import palettes
from blockscope.io import datasets

pytestmark = pytest.mark.slow

GRID = (5, 7)
NUMBER = r"([+\N{MINUS SIGN}]?[\d.]+)"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> SyntheticPage:
    """Return a page that no test changes."""
    return make_page(tmp_path_factory.mktemp("run"), ["trust"])


def shown(page: Page) -> Locator:
    return page.locator('#trust figure[data-shown^="Exact losses"] .map')


def numbers(text: str, label: str) -> list[float]:
    """Return what a status says of a label: the exact change, and that to first order."""
    found = re.search(rf"{label} {NUMBER} \(to first order {NUMBER}\)", text)
    assert found, text
    return [float(part.replace("\N{MINUS SIGN}", "-")) for part in found.groups()]


def test_the_map_and_what_a_position_takes_away(made: SyntheticPage, visit: Visit) -> None:
    ablation = made.read("ablation1")
    page = visit(made.path)
    signed = next(iter(palettes().values()))
    check_map(shown(page), signed.paint(ablation["positions"][0].to_numpy()))
    shown(page).locator(".cells").hover(position=point(shown(page), GRID, 3, 5))
    status = page.locator('#trust [data-shown="position"]')
    expect(status).to_contain_text("row 4, column 6 set to zero")
    for place in (0, 1):
        found = numbers(status.inner_text(), LABELS[place])
        expected = [
            -float(ablation[name][place, 3, 5]) for name in ("positions", "positions_linear")
        ]
        np.testing.assert_allclose(found, expected, rtol=0.006, atol=1e-3)


def test_groups_are_taken_away_together(made: SyntheticPage, visit: Visit) -> None:
    """The loss is that of the set, not the sum; a link restores it."""
    ablation = made.read("ablation1")
    page = visit(made.path)
    expect(page.locator("#trust")).to_contain_text("No group is taken away.")
    for group in (1, 4):
        page.locator("#trust").get_by_label(f"group {group}").check()
    status = page.locator('#trust .status[data-shown="groups"]')
    expect(page.locator("#trust")).to_contain_text("Without groups 1, 4")
    for place in (0, 1):
        exact = -float(ablation["sets"][place, 0b1001])
        linear = -float(ablation["groups_linear"][place, [0, 3]].sum())
        found = numbers(status.inner_text(), LABELS[place])
        np.testing.assert_allclose(found, [exact, linear], rtol=0.006, atol=1e-3)
    again = visit(made.path)
    again.goto(f"{made.path.as_uri()}#at=trust&away=9")
    expect(again.locator("#trust").get_by_label("group 1")).to_be_checked()
    expect(again.locator("#trust").get_by_label("group 2")).not_to_be_checked()
    lowest = int(np.argmax(ablation["sets"][:, 0b1001].to_numpy()))
    assert (
        LABELS[lowest] in again.locator("#trust section[aria-label^=Without] ol").first.inner_text()
    )


def test_what_is_set_to_the_mean_is_called_so(
    made: SyntheticPage, visit: Visit, tmp_path: Path
) -> None:
    """Axes have gradient x change, and positions and groups are set to means."""
    ablation = made.read("ablation1").assign_attrs(baseline="mean")
    datasets.write_h5(tmp_path / "mean.h5", ablation)
    path = tmp_path / "index.html"
    files = changed_files(made.files, ablation1=tmp_path / "mean.h5")
    write_files(path, made.run, ["trust"], files)
    page = visit(path)
    trust = page.locator("#trust")
    status = trust.locator('[data-shown="position"].status')
    expect(status).to_contain_text("set to the channels' means:")
    expect(trust.locator("svg text", has_text="attribution")).to_have_count(0)
    expect(trust).not_to_contain_text("attribution (logits)")
    expect(trust).to_contain_text("gradient x change (logits)")
    note = "A group that is taken away is set to its mean over the positions, the same everywhere."
    expect(trust).to_contain_text(note)
    trust.get_by_label("group 2").check()
    exact = -float(ablation["sets"][0, 0b10])
    linear = -float(ablation["groups_linear"][0, 1])
    words = trust.locator('.status[data-shown="groups"]').inner_text()
    np.testing.assert_allclose(numbers(words, LABELS[0]), [exact, linear], rtol=0.006, atol=1e-3)
    items = trust.locator("li").all_inner_texts()
    assert sum("Rank correlation of gradient x change and exact" in text for text in items) == 2
    assert sum("to the channels' means" in text for text in items) == 2
    page = visit(made.path)
    expect(page.locator("#trust")).to_contain_text("attribution (logits)")
    expect(page.locator("#trust")).not_to_contain_text("mean over the positions")


def test_sentences_are_those_of_print(made: SyntheticPage, visit: Visit) -> None:
    page = visit(made.path)
    items = page.locator("#trust li").all_inner_texts()
    assert sum("strongest positions of 35 to zero" in text for text in items) == 2
    assert page.locator("#trust svg").count() == 10  # five plots for each label


@pytest.mark.parametrize("width", [320, 400, 1280])
def test_nothing_is_cut_off(made: SyntheticPage, visit: Visit, width: int) -> None:
    page = visit(made.path, viewport={"width": width, "height": 900})
    assert page.evaluate("document.documentElement.scrollWidth") <= width
