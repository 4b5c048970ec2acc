"""A run with flow between neuron groups of three layers: what is made, counted and refused."""

from __future__ import annotations

import numpy as np
import pytest
from helpers.described_arrays import stages_described
from helpers.tiny_project import row

from blockscope.config.all_results import all_results
from blockscope.config.settings import RunRow
from blockscope.io import datasets

pytestmark = pytest.mark.slow

PAGE = "results/figures/flow/index.html"
FLOW = "results/tiny/noise/smooth/flow/low--pool--block~high-2.h5"
LAYERS = "low,pool,block/high"


@pytest.fixture(scope="module")
def flowed(workflow_copy, made_once):
    """Return a project of which only the page of a run with flow is made, for all."""

    def make(folder):
        project = workflow_copy.unmade(folder)
        header, *rows = project.path("config/runs.tsv").read_text().splitlines()
        rows.append(row("flow", classes="bee|elk", panels="flow").rstrip("\n"))
        cells = [f"{header}\tflow", *(f"{line}\t" for line in rows[:-1]), f"{rows[-1]}\t{LAYERS}"]
        project.write("config/runs.tsv", "\n".join(cells) + "\n")
        assert project.planned(PAGE) == {
            "model": 1, "input": 1, "activations": 3, "classes": 1, "neuron_groups": 3, "flow": 1,
            "panel": 1, "page": 1,
        }  # fmt: skip
        done = project.snakemake(PAGE)
        assert done.returncode == 0, done.stdout

    return made_once("flowed", make)


def test_flow_of_all_labels_adds_up(flowed):
    found = datasets.read(flowed.path(FLOW))
    assert found["layer"].to_numpy().tolist() == LAYERS.split(",")
    assert dict(found.sizes) == {"step": 2, "source": 4, "target": 3, "label": 5, "layer": 3}
    last = found["contribution"].to_numpy()
    np.testing.assert_allclose(last.sum(0), found["logit"], atol=1e-5 * np.abs(last).max())
    flow = found["flow"].to_numpy()
    for entering, leaving in ((flow[0], flow[1].sum(1)), (flow[1], last)):
        atol = 1e-5 * np.abs(leaving).max()
        np.testing.assert_allclose(entering.sum(0), leaving[:-1], atol=atol)
    assert "Flow between neuron groups" in flowed.path(PAGE).read_text()


def test_every_array_is_described(flowed):
    assert "flow" in stages_described(flowed.path("results"))


def test_every_module_that_the_job_uses_counts_in_its_digest(flowed):
    uncounted = flowed.uncounted_modules()
    assert "flow" in uncounted
    assert not any(uncounted.values()), uncounted


def test_all_that_was_made_is_asked_for(flowed):
    cells = {"run": "flow", "model": "tiny", "image": "noise", "layer1": "low", "panels": "flow"}
    cells |= {"layer2": "block/high", "override": "smooth", "flow": LAYERS}
    asked = set(all_results([RunRow.model_validate(cells)], 2))
    made = {
        str(path.relative_to(flowed.folder)) for path in flowed.path("results").rglob("*.*")
        if path.is_file()
    }  # fmt: skip
    assert made - {"results/models/tiny/source"} <= asked


def test_a_flow_that_cannot_be_followed_is_told_before_the_first_job(flowed, tmp_path):
    project = flowed.copied(tmp_path / "copy")
    project.edit("config/runs.tsv", LAYERS, "pool,low")
    done = project.snakemake(PAGE)
    assert done.returncode != 0
    assert "flow from layer 'pool' cannot be followed through layer 'low'" in done.stdout
    assert "nothing was run" in done.stdout
