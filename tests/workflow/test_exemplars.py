"""Exemplars in the workflow: a run with a data set shows them, and has pages of channels."""

from __future__ import annotations

import pytest
from helpers.described_arrays import stages_described

from blockscope.io import datasets, provenance

pytestmark = pytest.mark.slow

MODEL = "results/models/tiny"
PAGES = [f"{MODEL}/channels/{layer}.html" for layer in ("low", "block~high")]


@pytest.fixture(scope="module")
def made(workflow_copy, made_once):
    """Return a project whose run names a data set of drawn scenes, with everything made."""

    def make(folder):
        project = workflow_copy.unmade(folder)
        columns = "dataset\tpath\tcount\tseed\tlabels\tjobs\n"
        project.write("config/datasets.tsv", f"{columns}scenes\tdrawn:blocks1000\t12\t\t\t2\n")
        settings = project.path("config/config.yaml").read_text()
        if "\ndatasets:" not in settings:
            settings += "datasets: config/datasets.tsv\n"
        project.write("config/config.yaml", f"{settings}sweep: {{neuron_groups: true}}\n")
        head, *rows = project.path("config/runs.tsv").read_text().splitlines()
        project.write("config/runs.tsv", f"{head}\tdataset\n{rows[0]}\tscenes\n")
        done = project.snakemake()
        assert done.returncode == 0, done.stdout

    return made_once("exemplars", make)


def test_everything_that_is_asked_for_is_made(made, tmp_path):
    asked, written = made.copied(tmp_path / "copy").asked_and_written()
    assert set(written) <= {*asked, "results/index.html"}
    assert {*PAGES, f"{MODEL}/datasets/scenes/low.png"} <= set(asked)
    assert made.planned() == {}
    assert made.results()["results/figures/one/index.html"]


def test_crops_and_pages_are_of_the_network(made):
    facts = provenance.read(made.path(f"{MODEL}/model.json"))
    sheet = datasets.read(made.path(f"{MODEL}/datasets/scenes/low.zarr.zip"))
    assert sheet["crops"].sizes["channel"] == 4
    for path in (*PAGES, f"{MODEL}/datasets/scenes/low.json"):
        found = provenance.read(made.path(path))
        assert found["model_sha256"] == facts["model_sha256"], path
    # Windows of 5 x 5 by 20 in an image of 160 x 200.
    assert (sheet.attrs["receptive_field_rows"], sheet.attrs["receptive_field_cols"]) == (5, 5)


def test_neuron_groups_have_exemplars_of_their_own(made):
    (sheet,) = made.path("results/tiny").glob("*/groups/exemplars/scenes/low-*.zarr.zip")
    count = datasets.read(sheet)["crops"].sizes["factor"]
    image = sheet.parents[3].name
    assert datasets.read(sheet).attrs["image"] == image
    found = datasets.read(sheet.with_name(sheet.name.replace(".zarr.zip", ".h5")))
    groups = datasets.read(sheet.parents[2] / f"low-{count}.h5")["channels"].to_numpy()
    assert found.sizes["factor"] == len(groups) == count
    printed = made.path("results/figures/one/neuron_groups.svg").read_text()
    assert "the four images that drive it most" in printed


def test_pages_lead_to_each_other(made):
    page = made.path("results/figures/one/index.html").read_text()
    assert 'href="../../models/tiny/channels/low.html"' in page
    channels = made.path(PAGES[1]).read_text()
    assert 'href="../../../figures/one/index.html#channels"' in channels
    assert 'href="low.html#' in channels
    gallery = made.path("results/index.html").read_text()
    assert 'href="models/tiny/channels/block~high.html"' in gallery


def test_every_array_is_described(made):
    swept = {"dataset", "sweep", "exemplars", "exemplar_sheet"}
    assert swept <= stages_described(made.path("results"))


def test_every_module_that_the_jobs_use_counts_in_their_digests(made):
    uncounted = made.uncounted_modules()
    assert {"exemplar_sheet", "channel_page", "page", "panel"} <= set(uncounted)
    assert not any(uncounted.values()), uncounted


def test_without_a_data_set_nothing_is_asked_for(finished):
    asked = finished[0].results()
    assert not [path for path in asked if "datasets" in path or "/models/tiny/channels" in path]


def test_a_layer_that_no_run_shows_has_pages_when_they_are_asked_for(made):
    found = made.planned(f"{MODEL}/channels/pool.html")
    assert found == {"sweep": 2, "exemplars": 1, "exemplar_sheet": 1, "channel_page": 1}
