"""Pages of synthetic runs in a browser, and what they draw."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from PIL import Image
from playwright.sync_api import Locator, Page, Position, expect

from blockscope.config.panels import PANELS
from blockscope.config.settings import RunRow
from blockscope.figures.data.contrasts import Contrast, find_contrast
from blockscope.figures.data.panel_files import PanelFiles
from blockscope.io import datasets
from blockscope.stages.figures.page import write_page
from helpers.synthetic_run import write_run

Visit = Callable[..., Page]
Pixels = NDArray[np.float64]
PHONE = {"viewport": {"width": 400, "height": 800}, "has_touch": True, "is_mobile": True}


@dataclass(frozen=True)
class SyntheticPage:
    """The page of a synthetic run, and the files that it was made from."""

    path: Path
    run: RunRow
    files: PanelFiles

    def read(self, name: str, place: int | None = None) -> xr.Dataset:
        """Read one of its files; ``place`` picks one of several."""
        return datasets.read(self.files.many(name)[place or 0])

    @property
    def contrast(self) -> Contrast:
        return find_contrast(self.run.classes, self.read("classes2"))

    @property
    def positions(self) -> NDArray[np.float32]:
        """Attribution between positions (row2, col2, row1, col1) of the run's own gradient."""
        between = self.read("positions")["attribution"]
        return between.transpose("row2", "col2", "row1", "col1").to_numpy()

    def classes(self, layer: int) -> NDArray[np.float32]:
        """Attribution of all labels (label, row, col) at layer 1 or 2."""
        return self.read(f"classes{layer}")["attribution"].transpose("label", "row", "col").values


def make_page(
    folder: Path,
    panels: Sequence[str] = tuple(PANELS),
    opacity: float = 1.0,
    seed: int = 11,
    **run: Any,
) -> SyntheticPage:
    """Write a page; with full opacity nothing of the input shines through the maps."""
    folder.mkdir(exist_ok=True, parents=True)
    row, files = write_run(folder, np.random.default_rng(seed), **run)
    path = folder / "index.html"
    write_files(path, row, panels, files, opacity)
    return SyntheticPage(path, row, files)


def write_files(
    path: Path, run: RunRow, panels: Sequence[str], files: PanelFiles, opacity: float = 1.0
) -> None:
    """Write the page of a run from files of its own."""
    write_page(
        output=path,
        run=run.figure_params,
        panels=panels,
        style={"opacity": opacity},
        files=files.paths,
    )


def drawn(shown: Locator) -> Pixels:
    """What the browser shows of an element, float (row, col, rgb) in CSS pixels."""
    with Image.open(io.BytesIO(shown.screenshot())) as opened:
        return np.asarray(opened.convert("RGB"), np.float64)


def cell_centres(shown: Pixels, rows: int, cols: int) -> Pixels:
    """The colour at the middle of every cell of a grid over the element."""
    down = ((np.arange(rows) + 0.5) / rows * shown.shape[0]).astype(int)
    across = ((np.arange(cols) + 0.5) / cols * shown.shape[1]).astype(int)
    return shown[np.ix_(down, across)]


def layer_map(
    page: Page, side: int, panel: str = "spatial", override: str | None = None
) -> Locator:
    """The map of layer 1 or 2 in a panel of maps."""
    which = f'[data-override="{override}"]' if override else ""
    return page.locator(f'#{panel} figure[data-side="{side}"]{which} .map')


def check_fits(page: Page) -> int:
    """Check that a page is not moved sideways; returns how wide its screen is."""
    size = page.viewport_size
    assert size is not None
    assert page.evaluate("document.documentElement.scrollWidth") <= size["width"]
    return size["width"]


def check_map(shown: Locator, wanted: NDArray[np.uint8], atol: float = 2) -> None:
    """Compare the cells of a map with pixels (row, col, rgb).

    Arrays in a page are rounded, which may shift a colour by one step of its palette.
    """
    found = cell_centres(drawn(shown), *wanted.shape[:2])
    np.testing.assert_allclose(found, wanted, atol=atol)


def point(shown: Locator, grid: tuple[int, int], row: int, col: int) -> Position:
    """The place of a cell within its map, for hovering, clicking and tapping."""
    box = shown.bounding_box()
    assert box is not None
    return {"x": (col + 0.5) / grid[1] * box["width"], "y": (row + 0.5) / grid[0] * box["height"]}


def contrasts(texts: Locator) -> list[tuple[str, float]]:
    """Every text that is seen, with its contrast with its background as WCAG 2 defines it."""
    seen = texts.evaluate_all(
        """elements => elements.filter(e => e.checkVisibility() && e.innerText.trim()).map(e => {
            let below = e;
            while (below && /rgba\\(.*, 0\\)/.test(getComputedStyle(below).backgroundColor))
                below = below.parentElement;
            const paper = getComputedStyle(below ?? document.body).backgroundColor;
            return [e.innerText.slice(0, 40), getComputedStyle(e).color, paper];
        })"""
    )
    assert seen
    return [(text, _contrast(ink, paper)) for text, ink, paper in seen]


def _contrast(ink: str, paper: str) -> float:
    light = []
    for value in (ink, paper):
        channel = np.array([float(part) for part in value[4:-1].split(",")]) / 255
        linear = np.where(channel <= 0.04045, channel / 12.92, ((channel + 0.055) / 1.055) ** 2.4)
        light.append(float(linear @ [0.2126, 0.7152, 0.0722]) + 0.05)
    return max(light) / min(light)


def choose_label(page: Page, box: str, text: str, panel: str = "spatial") -> None:
    """Type into a search for labels and take the first that fits."""
    search = page.locator(f"#{panel}").get_by_role("combobox", name=box)
    search.click()
    search.fill(text)
    search.press("Enter")
    expect(search).to_have_attribute("aria-expanded", "false")


def saved(page: Page, panel: str, kind: str) -> tuple[str, bytes]:
    """Save a view as a file; returns its name and content."""
    with page.expect_download() as download:
        page.locator(f"#{panel}").get_by_role("button", name=f"Save {kind}").click()
    return download.value.suggested_filename, Path(download.value.path()).read_bytes()
