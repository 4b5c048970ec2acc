"""The settings that come with the project can be run as they are."""

from __future__ import annotations

import re
import shutil

import pytest
from helpers.blocks_of_pages import blocks_of_pages, commands
from helpers.repository import ROOT
from PIL import Image

pytestmark = pytest.mark.slow


@pytest.fixture
def shipped(workflow_copy, project_at, tmp_path):
    """Return the project as it comes, with nothing made."""
    for part in ("Snakefile", "workflow", "profiles", "envs", "src"):
        source = workflow_copy.path(part)
        (shutil.copytree if source.is_dir() else shutil.copy2)(source, tmp_path / part)
    shutil.copytree(ROOT / "config", tmp_path / "config")
    return project_at(tmp_path)


def test_the_default_settings(shipped):
    assert shipped.planned() == {
        "model": 1, "input": 8, "activations": 11, "classes": 18, "factors": 12, "positions": 6,
        "channels": 4, "drivers": 2, "neuron_groups": 4, "render_sprites": 7, "spritemap": 2,
        "render_group_sprites": 4, "group_spritemap": 4, "image_contact_sheet": 4,
        "render_grid": 2, "panel": 23, "flow": 1, "page": 6, "gallery": 1,
        "ablation": 1, "scores": 1, "randomised_model": 6, "sanity": 1,  # of the panel trust
        "dataset": 1, "sweep": 2, "exemplars": 2, "exemplar_sheet": 2, "channel_page": 5,
    }  # fmt: skip
    assert shipped.planned("results/blocks1000/two/none/classes/mixed3a.h5")["classes"] == 1
    assert shipped.planned("results/datasets/scenes.h5") == {"dataset": 1}

    asked = result_files_of_pages()
    planned = shipped.planned(*asked)
    assert sum(planned.values()) >= len(asked) > 10


# Names that stand for any, or for networks and images of the reader's.
STANDS_FOR = {
    "MODEL": "blocks1000", "IMAGE": "two", "LAYER": "mixed4d", "inceptionv1": "blocks1000",
    "squeezenet": "blocks1000", "dog_cat": "two", "fire9": "mixed4d", "pets": "two-none",
}  # fmt: skip


def result_files_of_pages() -> list[str]:
    """Return the result files that the pages' commands ask for."""
    found = set()
    for block in blocks_of_pages():
        if block.language in ("sh", "console"):
            for word in " ".join(commands(block)).split():
                if word.startswith("results/"):
                    found.add(re.sub("|".join(STANDS_FOR), lambda m: STANDS_FOR[m[0]], word))
    return sorted(found)


@pytest.mark.filterwarnings("ignore:__array__:DeprecationWarning")  # Keras 3
def test_the_files_of_the_tutorial_are_a_project(shipped):
    """Its catalogue, tables and settings as they stand there, with what they name made here."""
    import keras

    page = ROOT / "docs" / "tutorial.md"
    blocks = [block for block in blocks_of_pages() if block.page == page]
    written = [block.text for block in blocks if block.language in ("yaml", "tsv")]
    names = ("models.yaml", "images.tsv", "runs.tsv", "config.yaml")
    for name, text in zip(names, written, strict=True):
        assert f"`mine/{name}`" in page.read_text()
        shipped.write(f"mine/{name}", text)
    labels = ["tabby", "Egyptian cat", *(f"other {n}" for n in range(5))]
    shipped.write("networks/labels.txt", "\n".join(labels))
    network = keras.applications.MobileNetV2(weights=None, classes=len(labels))
    network.save(shipped.path("networks/mine.keras"))
    shipped.path("photos").mkdir()
    Image.new("RGB", (300, 451)).save(shipped.path("photos/cat.jpg"))
    planned = shipped.planned("--configfile", "mine/config.yaml")
    assert planned == {
        "model": 1, "input": 1, "activations": 2, "classes": 2, "positions": 1, "factors": 2,
        "panel": 2, "page": 1, "gallery": 1,
    }  # fmt: skip


def test_the_articles_settings(shipped):
    table = shipped.path("config/inceptionv1/images.tsv").read_text().splitlines()[1:]
    done = shipped.snakemake("--dry-run", "--configfile", "config/inceptionv1.yaml")
    assert f"{len(table)} mistakes" in done.stdout
    for line in table:
        path = shipped.path(line.split("\t")[1])
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (224, 224)).save(path)
    planned = shipped.planned("--configfile", "config/inceptionv1.yaml")
    assert planned["model"] == 1
    runs = shipped.path("config/inceptionv1/runs.tsv").read_text().splitlines()[1:]
    assert planned["page"] == len(runs) > 3 * len(table)
