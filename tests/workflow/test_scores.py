"""A run of rival maps with a mask: what is made, counted, repeated, and which masks are refused."""

from __future__ import annotations

import os

import pytest
from helpers.described_arrays import stages_described
from helpers.tiny_project import row
from PIL import Image

from blockscope.io import datasets, provenance

pytestmark = pytest.mark.slow

PAGE = "results/figures/rivals/index.html"
SCORES = "results/tiny/noise/smooth/scores/low"
DRAWN = {"panel": 1, "page": 1}


def write_mask(project, colour=(255, 0, 0)) -> None:
    mask = Image.new("RGB", (200, 160))
    mask.paste(colour, (20, 20, 80, 90))
    mask.save(project.path("mask.png"))


@pytest.fixture(scope="module")
def scored(workflow_copy, made_once):
    """Return a project of which only the page of a run of rival maps is made, for all."""

    def make(folder):
        project = workflow_copy.unmade(folder)
        write_mask(project)
        images = "image\tpath\tmask\tobjects\nnoise\tnoise.png\tmask.png\t#ff0000=bee\n"
        project.write("config/images.tsv", images)
        runs = project.path("config/runs.tsv").read_text()
        project.write("config/runs.tsv", runs + row("rivals", classes="bee|elk", panels="rivals"))
        made = {"model": 1, "input": 1, "activations": 2, "classes": 2, "scores": 1}
        assert project.planned(PAGE) == made | DRAWN
        done = project.snakemake(PAGE)
        assert done.returncode == 0, done.stdout

    return made_once("scored", make)


@pytest.fixture
def changeable(scored, tmp_path):
    """Return a copy of it for one test to change."""
    return scored.copied(tmp_path / "copy")


def test_labels_are_those_of_all_runs_at_the_layer(scored):
    found = datasets.read(scored.path(f"{SCORES}.h5"))
    assert sorted(found["label"].values) == ["bee", "elk"]
    assert not found["mass_accuracy"].sel(map="attribution", label="bee").isnull()
    assert found["object_share"].sel(label="elk").isnull()
    assert scored.path(f"{SCORES}.tsv").read_text().count("\n") > 12
    assert "Rival maps" in scored.path(PAGE).read_text()


def test_every_array_is_described(scored):
    assert "scores" in stages_described(scored.path("results"))


def test_every_module_that_the_job_uses_counts_in_its_digest(scored):
    uncounted = scored.uncounted_modules()
    assert "scores" in uncounted
    assert not any(uncounted.values()), uncounted


def test_a_changed_mask_or_label_repeats_the_scores(changeable):
    assert changeable.planned(PAGE) == {}
    mask = Image.open(changeable.path("mask.png"))
    mask.paste((255, 0, 0), (0, 0, 9, 9))
    mask.save(changeable.path("mask.png"))
    assert changeable.planned(PAGE) == {"scores": 1} | DRAWN
    changeable.edit("config/images.tsv", "=bee", "=elk")
    assert changeable.planned(f"{SCORES}.tsv") == {"scores": 1}


def test_another_mask_in_its_place_repeats_the_scores_though_it_is_older(changeable):
    first = changeable.path("mask.png").read_bytes()
    mask = Image.open(changeable.path("mask.png"))
    mask.paste((255, 0, 0), (0, 0, 9, 9))
    mask.save(changeable.path("old.png"))
    os.utime(changeable.path("old.png"), (1_000_000_000, 1_000_000_000))
    changeable.path("old.png").replace(changeable.path("mask.png"))
    assert changeable.planned(PAGE) == {"scores": 1} | DRAWN
    changeable.path("mask.png").write_bytes(first)
    assert changeable.planned(PAGE) == {}


def test_another_number_of_random_orders_repeats_the_scores(changeable):
    assert provenance.read(changeable.path(f"{SCORES}.h5"))["random_orders"] == 5
    groups = "neuron_groups: {count: 2}"
    changeable.edit("config/config.yaml", groups, f"{groups}\nscores: {{random_orders: 2}}")
    assert changeable.planned(PAGE) == {"scores": 1} | DRAWN
    done = changeable.snakemake(f"{SCORES}.tsv")
    assert done.returncode == 0, done.stdout
    for ending in ("h5", "tsv"):
        assert provenance.read(changeable.path(f"{SCORES}.{ending}"))["random_orders"] == 2


def test_a_bad_mask_is_told_before_the_first_job(changeable):
    write_mask(changeable, (255, 0, 1))
    done = changeable.snakemake(PAGE)
    assert done.returncode != 0
    words = "object '#ff0000=bee' is empty: no pixel of mask 'mask.png' has this colour; found: "
    assert words + "#000000 (27800 pixels), #ff0001 (4200 pixels)" in done.stdout
    assert "nothing was run" in done.stdout
    assert "Traceback" not in done.stdout
