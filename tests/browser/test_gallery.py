"""The gallery in a browser: the filter, and many runs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, expect

from blockscope.stages.figures.gallery import write_gallery


@pytest.fixture(scope="module")
def gallery(chromium: Browser, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a gallery of 60 runs, which is not made where there is no browser."""
    folder = tmp_path_factory.mktemp("gallery")
    panel = np.random.default_rng(1).integers(0, 256, (300, 560, 3), np.uint8)
    Image.fromarray(panel).save(folder / "panel.png")
    runs = [
        {
            "run": f"run-{place}",
            "model": "blocks1000",
            "image": ("beer", "dog_cat", "flowers")[place % 3],
            "layers": ("mixed4d", "mixed5a"),
            "override": ("none", "smooth")[place % 2],
            "factors": "2 joint",
            "panels": ["factors", "spatial"],
            "page": folder / "figures" / f"run-{place}" / "index.html",
            "png": folder / "panel.png",
        }
        for place in range(60)
    ]
    write_gallery(output=folder / "index.html", runs=runs)
    return folder / "index.html"


def test_filter(gallery: Path, visit: Callable[..., Page]) -> None:
    page = visit(gallery)
    status, box = page.get_by_role("status"), page.get_by_label("Filter")
    expect(status).to_have_text("60 runs of 3 images")
    box.fill("BEER smooth")
    expect(page.locator(".card:visible")).to_have_count(10)
    expect(page.locator(".group:visible")).to_have_count(1)
    expect(status).to_have_text("10 of 60 runs")
    box.fill("run-17")
    expect(page.locator(".card:visible h3")).to_have_text(["run-17"])
    box.fill("no such run")
    expect(page.locator(".card:visible")).to_have_count(0)
    expect(page.get_by_text("No run matches all these words.")).to_be_visible()
    box.fill("")
    expect(page.locator(".card:visible")).to_have_count(60)
    expect(status).to_have_text("60 runs of 3 images")


@pytest.mark.parametrize("width", [320, 400, 1280])
def test_nothing_is_cut_off(gallery: Path, visit: Callable[..., Page], width: int) -> None:
    page = visit(gallery, viewport={"width": width, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    first = page.locator(".card img").first
    assert first.evaluate("image => image.decode().then(() => image.naturalWidth)") == 560


def test_a_card_leads_to_its_page(gallery: Path, visit: Callable[..., Page]) -> None:
    page = visit(gallery)
    link = page.get_by_role("link", name="run-17", exact=True)
    assert link.evaluate("a => a.href") == (gallery.parent / "figures/run-17/index.html").as_uri()
