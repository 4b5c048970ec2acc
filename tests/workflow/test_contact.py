"""Contact sheets in the workflow: made where they are asked for, from the files of their layer."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest

from blockscope.io import datasets, provenance

pytestmark = pytest.mark.slow

ALONE = "results/models/tiny/sprites/low.html"
WITH_PICTURE = "results/tiny/noise/sprites/low.html"
SOME = "results/tiny/noise/sprites/low-channels-0,2.html"


def data_of(path):
    found = re.search(r'id="blockscope-data">(.*?)</script>', path.read_text(), re.DOTALL)
    return json.loads(found[1])


@pytest.fixture(scope="module")
def made(workflow_copy, made_once):
    """Return a project in which two contact sheets of one layer are made, and what they need."""

    def make(folder):
        project = workflow_copy.unmade(folder)
        settings = "\nsprites: {recipe: draft}"
        project.edit("config/config.yaml", "\nneuron_groups:", f"{settings}\nneuron_groups:")
        done = project.snakemake("results/models/tiny/model.json")
        assert done.returncode == 0, done.stdout
        asked = {"render_sprites": 1, "spritemap": 1, "input": 1, "activations": 1}
        asked |= {"contact_sheet": 1, "image_contact_sheet": 1}
        assert project.planned(ALONE, WITH_PICTURE) == asked
        done = project.snakemake(ALONE, WITH_PICTURE)
        assert done.returncode == 0, done.stdout

    return made_once("contact", make)


def test_pages_are_made_of_the_files_of_their_layer(made):
    sprites = datasets.read(made.path("results/models/tiny/sprites/low.zarr.zip"))
    active = datasets.read(made.path("results/tiny/noise/activations/low.zarr.zip"))["activations"]
    alone, both = data_of(made.path(ALONE)), data_of(made.path(WITH_PICTURE))
    for data in (alone, both):
        assert data["numbers"] == list(range(4))
        np.testing.assert_allclose(data["heldout_objective"], sprites.heldout_objective, rtol=1e-5)
    assert "response" not in alone
    largest = active.max(["row", "col"])
    np.testing.assert_allclose(both["response"]["largest"], largest, rtol=1e-5)
    facts = provenance.read(made.path(WITH_PICTURE))
    assert (facts["created_by"], facts["image"], facts["layer"]) == (
        "image_contact_sheet",
        "noise",
        "low",
    )
    assert made.planned(ALONE, WITH_PICTURE) == {}


def test_some_channels_have_a_sheet_of_their_own(made):
    assert made.planned(SOME) == {"render_sprites": 1, "spritemap": 1, "image_contact_sheet": 1}


def test_every_module_that_a_contact_sheet_uses_counts_in_its_digest(made):
    uncounted = made.uncounted_modules()
    assert {"contact_sheet", "image_contact_sheet"} <= set(uncounted)
    assert not any(uncounted.values()), uncounted
