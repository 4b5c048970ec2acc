"""A real browser, without a network: the one installed on the machine."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright import sync_api

from helpers.programs import lacking

NAMES = ("chromium", "chromium-browser", "google-chrome")


@pytest.fixture(scope="session")
def chromium() -> Iterator[sync_api.Browser]:
    """Return a running Chromium; skip without one, or fail where everything must be tested."""
    found = next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        lacking(f"no browser: none of {', '.join(NAMES)} is installed")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def visit(chromium: sync_api.Browser) -> Iterator[Callable[..., sync_api.Page]]:
    """Return a function that opens a file as a page.

    When the test ends it fails if the page wrote to the console, threw an error, or asked for
    anything but its own file.
    """
    wrong: list[str] = []
    contexts = []

    def open_page(path: Path, **options: Any) -> sync_api.Page:
        options = {"viewport": {"width": 1280, "height": 900}} | options
        context = chromium.new_context(**options)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: wrong.append(f"console: {message.text}"))
        page.on("pageerror", lambda error: wrong.append(f"error: {error}"))

        def watch(request: sync_api.Request) -> None:
            if request.url != path.as_uri() and not request.url.startswith("data:"):
                wrong.append(f"request: {request.url}")

        page.on("request", watch)
        page.goto(path.as_uri())
        if options.get("java_script_enabled", True):
            # The panels are filled once their arrays are unpacked.
            sync_api.expect(page.locator("[data-mount]:empty")).to_have_count(0)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert not wrong, "\n".join(wrong)
