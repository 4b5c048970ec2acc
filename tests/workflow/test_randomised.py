"""Networks of the catalogue with weights drawn anew, and the panel that compares with them."""

from __future__ import annotations

import numpy as np
import pytest
from helpers.described_arrays import stages_described
from helpers.tiny_project import row

from blockscope.attribution.scores.sanity import similarity
from blockscope.io import datasets
from blockscope.models.card import ModelCard

pytestmark = pytest.mark.slow

PANEL = "results/figures/sane/sanity.pdf"
FAMILY = "shuffled: {from: tiny, randomise: {above: [block/high, low], seed: [0, 3]}}\n"


@pytest.fixture(scope="module")
def compared(workflow_copy, made_once):
    """Return a project with the panel of a run, and the maps of one of the networks."""

    def make(folder):
        project = workflow_copy.unmade(folder)
        runs = project.path("config/runs.tsv").read_text()
        project.write("config/runs.tsv", runs + row("sane", panels="sanity"))
        said = project.snakemake("--dry-run", PANEL).stdout
        words = "column panels: sanity: no network is made of model 'tiny' by drawing weights anew"
        assert words in said
        with project.path("config/models.yaml").open("a") as catalogue:
            catalogue.write(FAMILY)
        own = {"model": 1, "input": 5, "activations": 6, "classes": 16, "randomised_model": 4}
        assert project.planned(PANEL) == own | {"sanity": 3, "panel": 1}
        done = project.snakemake(PANEL)
        assert done.returncode == 0, done.stdout

    return made_once("compared", make)


def test_the_file_has_what_the_maps_say(compared):
    found = datasets.read(compared.path("results/tiny/noise/smooth/sanity/low.h5"))
    names = ["block-high.0", "block-high.3", "low.0", "low.3"]
    assert found["network"].values.tolist() == [f"shuffled.{name}" for name in names]
    path = "results/{}/noise/smooth/classes/low.h5"
    own, *others = (
        datasets.read(compared.path(path.format(name)))["attribution"].to_numpy()
        for name in ("tiny", *found["network"].values)
    )
    for place, other in enumerate(others):
        for measure, wanted in similarity(own, other).items():
            np.testing.assert_allclose(found[measure][place], wanted, rtol=1e-5, atol=1e-6)
    assert not found["moved"].values.any()


def test_every_array_is_described(compared):
    assert "sanity" in stages_described(compared.path("results"))


def test_the_activations_of_the_layer_are_the_same_in_all_networks(compared):
    path = "results/{}/noise/activations/low.zarr.zip"
    own, other = (
        datasets.read(compared.path(path.format(name)))["activations"].to_numpy()
        for name in ("tiny", "shuffled.low.3")
    )
    np.testing.assert_array_equal(own, other)


def test_the_card_names_the_graph_that_it_was_made_of(compared):
    own, other = (
        ModelCard.read(compared.path(f"results/models/{name}/model.json"))
        for name in ("tiny", "shuffled.block-high.3")
    )
    assert other.randomised.source == "tiny"
    assert other.randomised.graph_sha256 == own.graph_sha256
    assert other.randomised.randomise.seed == 3


def test_every_module_that_a_job_uses_counts_in_its_digest(compared):
    uncounted = compared.uncounted_modules()
    assert {"randomised_model", "sanity"} <= set(uncounted)
    assert not any(uncounted.values()), uncounted


@pytest.mark.parametrize("panel", ["sanity", "trust"])
def test_all_that_a_figure_is_made_of_is_asked_for(compared, tmp_path, panel):
    project = compared.copied(tmp_path / "copy")
    header = project.path("config/runs.tsv").read_text().splitlines()[0]
    direct = row("other", panels="factors").replace("\ttiny\t", "\tshuffled.low.3\t")
    project.write("config/runs.tsv", f"{header}\n{row('one', panels=panel)}{direct}")
    asked, written = project.asked_and_written()
    assert set(asked) == set(written)
    maps = {path for path in written if "/shuffled.low.0/" in path and "/classes/" in path}
    assert len(maps) == {"sanity": 3, "trust": 1}[panel]  # of the run's own gradient only


def test_another_seed_computes_its_network_alone(compared, tmp_path):
    project = compared.copied(tmp_path / "copy")
    project.edit("config/models.yaml", "seed: [0, 3]", "seed: [0, 3, 4]")
    planned = {"randomised_model": 2, "input": 2, "activations": 2, "classes": 6, "sanity": 3}
    assert project.planned(PANEL) == planned | {"panel": 1}
