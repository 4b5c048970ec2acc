"""Captions of Snakemake's report, filled as Snakemake does."""

from __future__ import annotations

import html
from types import SimpleNamespace

import pytest
from docutils.core import publish_parts
from helpers.repository import ROOT, files_in
from jinja2 import Environment, StrictUndefined

from blockscope.config.panels import PANELS
from blockscope.config.settings import RunRow

RUN = RunRow(
    run="a_", model="net", image="dog", layer1="conv_", layer2="block/high|", override="none",
    classes=("tiger *cat",), grids=("g1", "g2"), flow=("f1", "f2"),
)  # fmt: skip


def caption(name: str, panel: str = "factors", **wildcards: str) -> str:
    """Return a caption as HTML; fail where the template or its text is not sound."""
    text = (ROOT / "workflow/report" / name).read_text()
    job = SimpleNamespace(
        wildcards={"run": "a_", "model": "net", "layer": "conv_"} | wildcards,
        params=SimpleNamespace(
            run=RUN.figure_params, caption=PANELS[panel].caption(RUN),
            panels=["factors"], layer="conv_", page=0, pages=["p"],
        ),
        input=["in.png", "made_/x.h5", "y.zarr.zip"],
        output=SimpleNamespace(png="out_.png"),
        config={"runs": "runs.tsv", "images": "images.tsv", "models": "models.yaml"},
    )  # fmt: skip
    environment = Environment(trim_blocks=True, lstrip_blocks=True, undefined=StrictUndefined)
    filled = environment.from_string(text).render(snakemake=job)
    strict = {"halt_level": 2, "report_level": 5}  # a warning is an error
    body = publish_parts(filled, writer="html", settings_overrides=strict)["body"]
    return " ".join(html.unescape(body).split())


@pytest.mark.parametrize("panel", PANELS)
def test_every_panel_says_what_it_shows_and_how_exactly(panel):
    found = caption("panel.rst", panel=panel)
    words = (PANELS[panel].title, PANELS[panel].summary, PANELS[panel].accuracy)
    assert [said for said in words if said not in found] == []
    assert "tiger *cat" in found
    assert "made_/x.h5" in found
    assert "in.png" not in found
    shown = {"flow": "f1", "activation_grids": "g1"}.get(panel, "conv_")
    assert f'>{shown}</tt>, <tt class="docutils literal">' in found


def test_a_panel_of_other_layers_names_the_pair_where_none_are_asked():
    pair = RUN.model_copy(update={"grids": (), "flow": ()})
    named = [PANELS[panel].caption(pair)["layers"] for panel in ("activation_grids", "flow")]
    assert named == [["conv_", "block/high|"]] * 2
    assert PANELS["flow"].caption(RUN)["layers"] == ["f1", "f2"]


def test_all_captions_are_sound():
    names = {path.name for path in files_in(ROOT / "workflow/report", "*.rst")}
    assert names == {
        "panel.rst", "page.rst", "contact_sheet.rst", "channel_page.rst", "workflow.rst",
    }  # fmt: skip
    assert "Its panels: factors." in caption("page.rst")
    assert "page 1 of 1" in caption("channel_page.rst")
    assert "runs.tsv" in caption("workflow.rst")
    assert "activates each" not in caption("contact_sheet.rst")
    assert "dog" in caption("contact_sheet.rst", image="dog")
