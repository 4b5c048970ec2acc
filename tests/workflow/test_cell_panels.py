"""A run of activation grids and a semantic dictionary: what is made, shown, and repeated."""

from __future__ import annotations

import numpy as np
import pytest
from helpers.synthetic_page import point
from helpers.tiny_project import row
from playwright.sync_api import expect

from blockscope.io import datasets

pytestmark = pytest.mark.slow

PAGE = "results/figures/cells/index.html"
OPTIONS = "{cell_size: 12, steps: 2, neuron_groups: 2, cells_per_step: 5, scale_by_magnitude: true}"
DRAWN = {"panel": 2, "page": 1}


@pytest.fixture(scope="module")
def celled(workflow_copy, made_once):
    """Return a project of which only the page of a run of both panels is made, for all."""

    def make(folder):
        project = workflow_copy.unmade(folder)
        key = "\nneuron_groups:"
        project.edit("config/config.yaml", key, f"\ngrids: {OPTIONS}{key}")
        runs = project.path("config/runs.tsv").read_text()
        both = row("cells", panels="activation_grids,semantic_dictionary")
        project.write("config/runs.tsv", runs + both)
        # Neither labels nor gradients.
        made = {"model": 1, "input": 1, "activations": 2, "render_grid": 2}
        assert project.planned(PAGE) == made | DRAWN
        done = project.snakemake(PAGE)
        assert done.returncode == 0, done.stdout

    return made_once("celled", make)


@pytest.fixture
def changeable(celled, tmp_path):
    """Return a copy of it for one test to change."""
    return celled.copied(tmp_path / "copy")


def test_positions_are_linked_on_the_page(celled, visit):
    page = visit(celled.path(PAGE))
    values = datasets.read(celled.path("results/tiny/noise/activations/low.zarr.zip")).activations
    late = page.locator('#activation_grids figure[data-shown="block/high"] > .map')
    late.hover(position=point(late, (4, 5), 1, 3))
    early = page.locator('#activation_grids figure[data-shown="low"] > .map')
    whole, outline = early.bounding_box(), early.locator(".outline").bounding_box()
    found = [(outline[k] - whole[k]) / whole[s] for k, s in (("y", "height"), ("x", "width"))]
    np.testing.assert_allclose(found, [2 / 8, 6 / 10], atol=0.01)
    mean = values.to_numpy()[2:4, 6:8].mean((0, 1))
    strongest = page.locator("#semantic_dictionary .tiles .line b").first
    expect(strongest).to_have_text(str(mean.argmax()))
    expect(page.locator("#activation_grids").get_by_label("Cell sizes")).to_have_value("magnitude")
    expect(page.locator("#semantic_dictionary section")).to_contain_text("Without sprites")


def test_another_size_of_cells_draws_again_and_renders_nothing(changeable):
    assert changeable.planned(PAGE) == {}
    equal = OPTIONS.replace("by_magnitude: true", "by_magnitude: false")
    changeable.edit("config/config.yaml", OPTIONS, equal)
    assert changeable.planned(PAGE) == DRAWN
    changeable.edit("config/config.yaml", equal, OPTIONS)
    assert changeable.planned(PAGE) == {}


def test_grids_of_other_layers_are_rendered_beside_those_there(changeable):
    runs = changeable.path("config/runs.tsv").read_text()
    header, *rows = runs.splitlines()
    wider = [f"{header}\tgrids", *(f"{line}\t" for line in rows)]
    more = "\t".join([row("more", panels="activation_grids").rstrip("\n"), "pool,low"])
    changeable.write("config/runs.tsv", "\n".join([*wider, more, ""]))
    planned = changeable.planned("results/figures/more/activation_grids.pdf")
    assert planned == {"activations": 1, "render_grid": 1, "panel": 1}
