"""Snakemake's report of a finished project."""

from __future__ import annotations

import zipfile
from pathlib import PurePosixPath

import pytest

from blockscope.config.panels import PANELS

PANELS_MADE = ("factors", "spatial", "channels", "channel_methods", "neuron_groups")


@pytest.mark.slow
def test_the_report_has_every_panel_and_page_with_its_caption(project):
    done = project.snakemake("--report", "report.zip")
    assert done.returncode == 0, done.stdout
    with zipfile.ZipFile(project.path("report.zip")) as report:
        results = [name for name in report.namelist() if "/data/raw/" in name]
        page = report.read("report/report.html").decode()
        for name in results:
            if name.endswith("factors.png"):
                made = project.path("results/figures/one/factors.png").read_bytes()
                assert report.read(name) == made
    names = sorted(PurePosixPath(name).name for name in results)
    assert names == sorted([*(f"{panel}.png" for panel in PANELS_MADE), "index.html"])
    for panel in PANELS_MADE:
        assert PANELS[panel].summary in page
    assert "The Building Blocks of Interpretability" in page
    assert '"Page with all panels, interactive"' in page
    done = project.snakemake("results/figures/one/spatial.png", "--report", "part.html")
    assert done.returncode == 0, done.stdout
    part = project.path("part.html").read_text()
    assert PANELS["spatial"].summary in part
    assert PANELS["neuron_groups"].summary not in part
