"""The stage "sanity": which files belong together, and what is written of them."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from blockscope.attribution.scores.sanity import WORDS, similarity
from blockscope.io import datasets, provenance
from blockscope.io.errors import BadFile
from blockscope.io.rebuilding import sections_of, told
from blockscope.models.card import InputSpec, Layer, ModelCard
from blockscope.stages.attribution.sanity import write_sanity

LABELS = ("ant", "bee", "cow")
FACTS = {
    "created_by": "classes", "image": "dog", "image_sha256": "i", "layer": "mid",
    "override": "none", "model_sha256": "m",
}  # fmt: skip


def card(folder: Path, name: str, **more) -> Path:
    layers = [("low", ()), ("mid", ("low",)), ("high", ("mid",))]
    found = ModelCard.model_validate({
        "model": name, "source": "net.pb", "source_sha256": "m", "graph_sha256": f"graph of {name}",
        "input": InputSpec(tensor="input", size=(5, 7), range=(0, 1)), "logits": "logits",
        "outputs": 3, "labels": LABELS,
        "layers": [Layer(name=n, op="Relu", shape=(5, 7, 2), inputs=i) for n, i in layers],
        **more,
    })  # fmt: skip
    found.write(folder / f"{name}.json")
    return folder / f"{name}.json"


def maps(folder: Path, name: str, seed: int, **facts) -> Path:
    values = np.random.default_rng(seed).normal(size=(3, 5, 7)).astype("f4")
    if seed == 5:
        values[2] = 0
    found = xr.Dataset(
        {"attribution": (("label", "row", "col"), values)},
        coords={"label": list(LABELS), "index": ("label", [0, 1, 2])},
        attrs=FACTS | {"model": name} | facts,
    )
    datasets.write_h5(folder / f"{name}.h5", found)
    return folder / f"{name}.h5"


NETWORKS = {  # id: above, seed, kind, seed of its maps; not in order
    "c": ("input", 0, "cascading", 3),
    "e": ("low", 1, "independent", 5),
    "b": ("mid", 8, "cascading", 2),
    "a": ("high", 0, "cascading", 1),
    "d": ("mid", 2, "cascading", 4),
}


class Files:
    """The files of a trained network and of others."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.trained = card(folder, "net"), maps(folder, "net", 0)
        self.others = {name: (self.card(name), self.maps(name)) for name in NETWORKS}

    def card(self, name: str, **more) -> Path:
        above, seed, kind, _ = NETWORKS[name]
        facts = {
            "from": "net", "graph_sha256": "graph of net", "weights": ["w"],
            "randomise": {"above": above, "seed": seed, "kind": kind},
        }  # fmt: skip
        known = {"provenance": more.pop("provenance", {})}
        return card(self.folder, name, randomised=facts | more, **known)

    def maps(self, name: str, **facts) -> Path:
        return maps(self.folder, name, NETWORKS[name][3], **facts)

    def written(self) -> xr.Dataset:
        write_sanity(
            card=self.trained[0], classes=self.trained[1],
            cards=[one for one, _ in self.others.values()],
            randomised=[two for _, two in self.others.values()],
            output=self.folder / "sanity.h5", output_table=self.folder / "sanity.tsv",
        )  # fmt: skip
        return datasets.read(self.folder / "sanity.h5")


@pytest.fixture
def files(tmp_path) -> Files:
    return Files(tmp_path)


def test_the_settings_name_every_network(files):
    """Else a config made of the file has none of those that the maps are compared with."""
    for name in NETWORKS:
        made = told({}, models={name: {"from": "net"}, "net": {}})
        files.others[name] = files.card(name, provenance=made), files.maps(name)
    assert set(sections_of(files.written().attrs)["models"]) == {"net", *NETWORKS}


def test_networks_are_in_order_from_the_logits_down_then_single_blocks(files, capsys):
    found = files.written()
    assert found["network"].values.tolist() == ["a", "d", "b", "c", "e"]
    assert found["above"].values.tolist() == ["high", "mid", "input", "low"]
    assert found["kind"].values.tolist() == [*["cascading"] * 3, "independent"]
    assert found["moved"].values.tolist() == [0, 0, 1, 1]
    assert found["network_place"].values.tolist() == [0, 1, 1, 2, 3]
    assert found["seed"].values.tolist() == [0, 2, 8, 0, 1]
    assert found["label"].values.tolist() == list(LABELS)
    assert found["index"].values.tolist() == [0, 1, 2]
    own = datasets.read(files.trained[1])["attribution"].to_numpy()
    for place, name in enumerate("adbce"):
        other = datasets.read(files.others[name][1])["attribution"].to_numpy()
        for measure, wanted in similarity(own, other).items():
            np.testing.assert_allclose(found[measure][place], wanted, rtol=1e-6)
    for measure in WORDS:
        assert np.isnan(found[measure]).sum() == 1
        assert np.isnan(found[measure].values[4, 2])
    words = (
        "e: of 3 labels, 1 with a map here or in net that is constant: no number is written for "
        "these"
    )
    assert capsys.readouterr().err.strip() == words
    facts = {key: found.attrs[key] for key in ("created_by", "model", "image", "layer", "override")}
    assert facts == {
        "created_by": "sanity", "model": "net", "image": "dog", "layer": "mid", "override": "none",
    }  # fmt: skip


def test_the_table_has_a_row_for_each_network_and_label(files):
    found = files.written()
    lines = (files.folder / "sanity.tsv").read_text().splitlines()
    rows = list(csv.DictReader([line for line in lines if line[0] != "#"], delimiter="\t"))
    assert [(row["network"], row["label"]) for row in rows] == [
        (name, label) for name in "adbce" for label in LABELS
    ]
    for number, row in enumerate(rows):
        above, seed, kind, _ = NETWORKS[row["network"]]
        assert (row["above"], row["seed"], row["kind"]) == (above, str(seed), kind)
        assert row["moved"] == str(int(row["network"] in "ce"))
        assert row["index"] == str(number % 3)
        for measure in WORDS:
            wanted = found[measure].to_numpy()[number // 3, number % 3]
            np.testing.assert_allclose(float(row[measure]), wanted, rtol=1e-6)
    table, file = (provenance.read(files.folder / f"sanity.{one}") for one in ("tsv", "h5"))
    assert table == file


CASES = {
    "another graph": (
        lambda f: f.card("b", graph_sha256="old"),
        "network 'b' was not made of 'net' as it is now; delete its graph.pb",
    ),
    "another network": (lambda f: f.card("b", **{"from": "nat"}), "'b' was not made of 'net'"),
    "trained": (lambda f: card(f.folder, "b"), "'b' was not made of 'net'"),
    "maps of another": (
        lambda f: f.maps("a").rename(f.folder / "b.h5"), "b.h5' is from model 'a', expected 'b'"
    ),
    "image": (lambda f: f.maps("b", image="cat"), "b.h5' is from image 'cat', expected 'dog'"),
    "pixels": (lambda f: f.maps("b", image_sha256="x"), "is from image_sha256 'x', expected 'i'"),
    "layer": (lambda f: f.maps("b", layer="low"), "is from layer 'low', expected 'mid'; reg"),
    "override": (lambda f: f.maps("b", override="smooth"), "is from override 'smooth', expected '"),
    "own maps": (lambda f: maps(f.folder, "nat", 0).rename(f.trained[1]), "is from model 'nat'"),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_files_that_do_not_belong_together_are_refused(files, case):
    change, words = CASES[case]
    change(files)
    with pytest.raises(BadFile, match=words):
        files.written()
    assert not (files.folder / "sanity.h5").exists()


def test_other_labels_are_refused(files):
    found = datasets.read(files.others["b"][1])
    shifted = found.assign_coords(index=("label", [1, 2, 3]))
    datasets.write_h5(files.folder / "b.h5", shifted)
    with pytest.raises(BadFile, match=r"b\.h5' has other labels than the maps of 'net'"):
        files.written()
