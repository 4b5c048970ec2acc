"""Loading any result file, and the pages that show work in Python."""

from __future__ import annotations

import doctest
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from helpers.code_of_pages import run_block
from helpers.repository import ROOT
from matplotlib.figure import Figure

import blockscope
from blockscope.config.tables import read_catalogue
from blockscope.figures.colour import factor_colours, factor_image
from blockscope.io import datasets, images, provenance
from blockscope.io.conventions import with_conventions
from blockscope.io.errors import BadFile
from blockscope.models.card import ModelCard
from blockscope.stages.attribution.activations import write_activations
from blockscope.stages.attribution.classes import write_classes
from blockscope.stages.attribution.neuron_groups import write_neuron_groups
from blockscope.stages.attribution.positions import write_positions
from blockscope.stages.network.input import write_input
from blockscope.stages.network.model import write_model

PAGE = ROOT / "docs" / "python.md"
MEMORY_MB = 2048


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    """Return a folder with results of the embedded network, made as the workflow makes them."""
    folder = tmp_path_factory.mktemp("made")
    model, results = folder / "results/models/blocks1000", folder / "results/blocks1000/two"
    graph, card, image = model / "graph.pb", model / "model.json", results / "input.png"
    activations = results / "activations/mixed4d.zarr.zip"
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(ROOT)
        entry = read_catalogue("config/models.yaml")["blocks1000"]
        write_model(
            entry=entry, name="blocks1000", graph_path=graph, card_path=card, downloads=model
        )
    write_input(
        image_path=ROOT / "src/blockscope/resources/scenes/two.png", card_path=card, output=image,
        background=(255, 255, 255), image="two",
    )  # fmt: skip
    files = {"graph": graph, "card": card, "image": image}
    write_activations(**files, layer="mixed4d", output=activations)
    given = {**files, "activations": activations, "layer": "mixed4d", "memory_mb": MEMORY_MB}
    write_classes(**given, override="none", output=results / "none/classes/mixed4d.h5")
    write_neuron_groups(**given, n=4, output=results / "groups/mixed4d-4.h5")
    return folder


@pytest.mark.slow
def test_the_page_shows_what_really_comes_out(made, monkeypatch, capsys):
    monkeypatch.chdir(made)
    found = doctest.testfile(str(PAGE), module_relative=False, encoding="utf-8")
    assert found.failed == 0, capsys.readouterr().out
    assert found.attempted == PAGE.read_text().count(">>> ") > 30


@pytest.fixture
def drawable(made) -> Path:
    """Return the folder with what a panel of two layers is drawn from as well."""
    model, results = made / "results/models/blocks1000", made / "results/blocks1000/two"
    files = {name: model / file for name, file in (("graph", "graph.pb"), ("card", "model.json"))}
    files["image"] = results / "input.png"
    later = results / "activations/mixed5a.zarr.zip"
    write_activations(**files, layer="mixed5a", output=later)
    given = {**files, "override": "none", "memory_mb": MEMORY_MB}
    write_classes(
        **given, activations=later, layer="mixed5a", output=results / "none/classes/mixed5a.h5"
    )
    write_positions(
        **given, activations=results / "activations/mixed4d.zarr.zip", layer1="mixed4d",
        layer2="mixed5a", output=results / "none/positions/mixed4d--mixed5a.h5",
    )  # fmt: skip
    return made


def test_the_script_of_the_page_of_figures_writes_a_panel(drawable, monkeypatch):
    monkeypatch.chdir(drawable)
    names, _ = run_block("figures.md", 0)
    assert isinstance(names["figure"], Figure)
    assert names["figure"].get_figwidth() == pytest.approx(120 / 25.4)
    panel = Path("my-run.pdf")
    assert panel.read_bytes().startswith(b"%PDF-")
    facts = provenance.read(panel)
    assert (facts["created_by"], facts["run"]) == ("my script", "my-run")
    groups = blockscope.load("results/blocks1000/two/groups/mixed4d-4.h5")
    assert isinstance(groups, xr.Dataset)
    coloured = factor_image(groups["spatial"].to_numpy())
    assert coloured.dtype == np.uint8
    assert coloured.shape == (14, 14, 3)
    assert len(set(factor_colours(4))) == 4


def test_the_files_of_the_page_are_those_that_it_asks_for(made):
    asked = [line.split()[1] for line in PAGE.read_text().splitlines() if "    snakemake " in line]
    assert [(made / path).is_file() for path in asked] == [True, True]


@pytest.mark.parametrize(
    ("name", "write"), [("a.h5", datasets.write_h5), ("a.zarr.zip", datasets.write_zarr)]
)
def test_arrays_come_back_with_names_and_provenance(tmp_path, rng, name, write):
    values = rng.normal(size=(5, 7, 3)).astype(np.float32)
    dataset = xr.Dataset({"a": (("row", "col", "channel"), values)}, attrs={"layer": "mixed"})
    write(tmp_path / name, dataset)
    found = blockscope.load(str(tmp_path / name))
    assert isinstance(found, xr.Dataset)
    xr.testing.assert_identical(found, with_conventions(dataset))
    assert found.attrs["layer"] == "mixed"
    np.testing.assert_array_equal(found["a"], values)
    np.testing.assert_array_equal(found["col"], np.arange(7))


def test_an_image_is_a_dataset(tmp_path, rng):
    pixels = rng.integers(0, 256, (5, 7, 3), dtype=np.uint8)
    images.write_png(tmp_path / "input.png", pixels, {"created_by": "input", "image": "two"})
    found = blockscope.load(tmp_path / "input.png")
    assert isinstance(found, xr.Dataset)
    assert found["image"].dims == ("row", "col", "rgb")
    np.testing.assert_array_equal(found["image"], pixels)
    assert found.attrs == {"created_by": "input", "image": "two"}


def test_a_card_is_an_object(made):
    card = blockscope.load(made / "results/models/blocks1000/model.json")
    assert isinstance(card, ModelCard)
    assert card.model == "blocks1000"


def test_groups_of_a_real_layer_explain_it_in_part(made):
    groups = blockscope.load(made / "results/blocks1000/two/groups/mixed4d-4.h5")
    layer = blockscope.load(made / "results/blocks1000/two/activations/mixed4d.zarr.zip")
    assert isinstance(groups, xr.Dataset)
    assert isinstance(layer, xr.Dataset)
    values = layer["activations"].to_numpy()
    product = np.einsum("rcf,fk->rck", groups["spatial"], groups["channels"])
    error = np.linalg.norm(values - product) / np.linalg.norm(values)
    facts = groups.attrs
    assert facts["relative_error"] == pytest.approx(error, rel=1e-5)
    assert (facts["created_by"], facts["layer"], facts["n"]) == ("neuron_groups", "mixed4d", 4)
    assert (facts["override"], facts["clipped"]) == ("none", 0)


@pytest.mark.parametrize(("n", "words"), [(133, "cannot fit 133 neuron groups: 14 x 14 positions")])
def test_too_many_groups_are_reported_with_their_layer(made, tmp_path, n, words):
    model, image = made / "results/models/blocks1000", made / "results/blocks1000/two"
    files = {
        "graph": model / "graph.pb",
        "card": model / "model.json",
        "image": image / "input.png",
        "activations": image / "activations/mixed4d.zarr.zip",
    }
    with pytest.raises(BadFile, match=rf"layer 'mixed4d' of model 'blocks1000': {words}"):
        write_neuron_groups(
            **files, layer="mixed4d", n=n, output=tmp_path / "n.h5", memory_mb=MEMORY_MB
        )
    assert not (tmp_path / "n.h5").exists()


@pytest.mark.parametrize("name", ["results/index.html", "a.tsv", "graph.pb", "h5", "results"])
def test_other_files_are_refused_with_the_valid_endings(name):
    words = rf"'{name}' cannot be loaded; valid endings: \.h5, \.zarr\.zip, \.png, \.json"
    with pytest.raises(BadFile, match=words):
        blockscope.load(name)


@pytest.mark.parametrize("name", ["a.h5", "a.zarr.zip", "input.png", "model.json"])
def test_missing_and_damaged_files_are_named(tmp_path, name):
    with pytest.raises(BadFile, match=rf"result file '.*{name}' does not exist"):
        blockscope.load(tmp_path / name)
    (tmp_path / name).write_bytes(b"nothing of the kind")
    with pytest.raises(BadFile, match=name):
        blockscope.load(tmp_path / name)


def in_new_process(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout


def test_the_public_names_are_there():
    for name in blockscope.__all__:
        found = getattr(blockscope, name)
        assert found.__name__ == name
        assert found.__module__.startswith("blockscope")
    assert set(blockscope.__all__) <= set(dir(blockscope))
    with pytest.raises(AttributeError, match="module 'blockscope' has no attribute 'lod'"):
        blockscope.lod  # noqa: B018


def test_importing_is_light_and_loading_needs_no_tensorflow(made):
    path = made / "results/blocks1000/two/groups/mixed4d-4.h5"
    said = in_new_process(
        "import sys, blockscope\n"
        "heavy = {'numpy', 'xarray', 'sklearn', 'tensorflow', 'keras'}\n"
        "print(sorted(heavy & set(sys.modules)))\n"
        f"print(blockscope.load({str(path)!r}).sizes['factor'])\n"
        "print(sorted({'tensorflow', 'keras', 'sklearn'} & set(sys.modules)))\n"
    )
    assert said.splitlines() == ["[]", "4", "[]"]
