"""Bad input: one message before any job, with every mistake, its place and what is valid."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from blockscope.config import checks, mask_checks, model_cards
from blockscope.config.checks import load_project
from blockscope.config.tables import read_catalogue
from blockscope.io import masks
from blockscope.io.code_digest import module_digest
from blockscope.io.errors import BadConfig, UnknownName
from blockscope.models.card import InputSpec, Layer, ModelCard

COLUMNS = (
    "run", "model", "image", "layer1", "layer2", "override", "classes", "factors", "methods",
    "panels", "grids", "flow", "dataset",
)  # fmt: skip
HEADER = "\t".join(COLUMNS)
LABELS = ["dummy", "red star", "blue moon", "crane", "green tree", "crane", "teal heart"]


class WrittenProject:
    """A project in a folder, whose network's card lies where the workflow would have put it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.config: dict = {"models": "models.yaml", "images": "images.tsv", "runs": "runs.tsv"}
        self.model: dict = {
            "graph": "net.pb",
            "input": {"tensor": "input", "size": [5, 7], "range": [-1, 1]},
            "logits": "logits",
            "labels": "labels.json",
            "skip_labels": 1,
        }
        (folder / "net.pb").write_bytes(b"a graph")
        (folder / "labels.json").write_text(json.dumps(LABELS))
        Image.new("RGB", (7, 5), (200, 10, 30)).save(folder / "dog.png")
        self.head = "softmax"
        self.more_models: dict = {}
        self.more_layers: tuple[Layer, ...] = ()
        self.images = ["image\tpath", "dog\tdog.png"]
        self.runs = [HEADER, self.row()]
        self.datasets: list[str] = []

    @staticmethod
    def row(
        run="a", model="tiny", image="dog", layer1="low", layer2="high", override="", classes="",
        factors="", methods="", panels="", grids="", flow="", dataset="",
    ) -> str:  # fmt: skip
        given = locals()
        return "\t".join(given[name] for name in COLUMNS)

    def write(self) -> None:
        models = {"tiny": self.model} | self.more_models
        (self.folder / "models.yaml").write_text(json.dumps(models, indent=1))
        (self.folder / "images.tsv").write_text("\n".join(self.images) + "\n")
        (self.folder / "runs.tsv").write_text("\n".join(self.runs) + "\n")
        (self.folder / "datasets.tsv").write_text("\n".join(self.datasets) + "\n")
        self.write_card()

    def write_card(self) -> None:
        from blockscope.models.entry import ModelEntry

        try:
            entry = ModelEntry.model_validate(self.model)
        except ValueError:
            return
        layers = (
            Layer(name="low", op="Relu", shape=(5, 7, 3), inputs=()),
            Layer(name="middle", op="Relu", shape=(3, 4, 3), inputs=("low",)),
            Layer(name="high", op="Relu", shape=(2, 2, 4), inputs=("middle",)),
            Layer(name="side", op="Relu", shape=(3, 4, 3), inputs=("low",)),
        )
        card = ModelCard(
            model="tiny", source="net.pb", entry=entry.digest, logits="logits", outputs=8,
            source_sha256=hashlib.sha256((self.folder / "net.pb").read_bytes()).hexdigest(),
            input=InputSpec(tensor="input", size=(5, 7), range=(-1, 1)),
            layers=(*layers, *self.more_layers), labels=tuple(LABELS), head=self.head,
            skip_labels=self.model.get("skip_labels", 0),
        )  # fmt: skip
        card.write(self.folder / "results" / "models" / "tiny" / "model.json")

    def load(self):
        self.write()
        return load_project(self.config, ["my.yaml"])

    @property
    def message(self) -> str:
        with pytest.raises(BadConfig, match="nothing was run") as caught:
            self.load()
        return str(caught.value)


@pytest.fixture
def project(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return WrittenProject(tmp_path)


def test_logsumexp_needs_a_softmax(project):
    project.runs += [project.row("b", classes="crane|logsumexp".replace("crane", "3"))]
    project.head = "sigmoid"
    words = "column classes: a label cannot be compared with logsumexp, all logits of a softmax"
    assert f"runs.tsv, line 3 (run 'b'), {words}" in project.message
    assert "the network has the head sigmoid; valid: 'A|B' or 'A'" in project.message


def test_a_sound_project_is_read(project):
    project.runs += ["", "# a remark", project.row("b", override="smooth-blur", factors="3 joint")]
    project.runs += [project.row("c", classes="crane|logsumexp".replace("crane", "3"))]
    project.runs += [project.row("d", classes="crane".replace("crane", "5"), panels="spatial")]
    found = project.load()
    assert list(found.runs) == ["a", "b", "c", "d"]
    assert found.runs["d"].figure_params["classes"] == ["5"]
    assert found.runs["d"].grid_layers == ("low", "high")
    assert found.runs["b"].factors.joint
    assert found.images["dog"].path == "dog.png"
    with pytest.raises(
        UnknownName, match=r"unknown run 'e'; valid: a, b, c, d \(listed in runs.tsv\)"
    ):
        found.runs["e"]


def randomised(above, **keys) -> dict[str, Any]:
    return {"from": "tiny", "randomise": {"above": above, **keys}}


def test_the_panel_sanity_needs_networks_to_compare_with(project):
    project.runs += [project.row("b", panels="factors,sanity")]
    words = "runs.tsv, line 3 (run 'b'), column panels: sanity: no network is made of model 'tiny'"
    assert words in project.message
    assert (
        "give some in models.yaml, as in\n       tiny-random: {from: tiny, ran" in project.message
    )
    project.more_models = {"other": randomised(["low", "input"], seed=[0, 1])}
    found = project.load()
    assert found.randomised("tiny") == [
        "other.low.0",
        "other.low.1",
        "other.input.0",
        "other.input.1",
    ]
    assert set(found.made_of.values()) == {"tiny"}


@pytest.mark.parametrize("panel", ["sanity", "trust"])
def test_the_layers_of_networks_to_compare_with_are_looked_up(project, panel):
    project.more_models = {"other": randomised(["low", "loww"])}
    project.load()  # no run needs it
    project.config |= {"neuron_groups": {"count": 2}}
    project.runs += [project.row("b", panels=panel)]
    message = project.message
    assert "(model 'other'), key randomise.above: model 'tiny' has no layer 'loww'; va" in message
    assert message.startswith("1 mistake")


@pytest.mark.slow
def test_a_network_of_other_weights_has_none_to_compare_with(project):
    project.more_models = {"other": randomised("low"), "third": randomised("middle")}
    project.runs = [project.runs[0], project.row("b", "other", panels="sanity")]
    words = "model 'other' has weights drawn anew itself, and no network is made of it; give the"
    assert f"column panels: sanity: {words} network that it is made of, 'tiny'" in project.message


@pytest.mark.parametrize("classes", ["red star|1", "1|red star", "3|3", "teal heart | 6"])
def test_one_label_is_not_compared_with_itself(project, classes):
    """By its name and its index it is one label."""
    project.runs = [HEADER, project.row("b", classes=classes)]
    message = project.message
    assert "line 2 (run 'b'), column classes: '" in message
    if "3" in classes:
        assert "'3|3' must be two different labels" in message
        return
    first, second = (part.strip() for part in classes.split("|"))
    index = 1 if "1" in classes else 6
    assert f"'{first}' and '{second}' are one label, {LABELS[index]} with the index " in message
    assert f"index {index}; give two different ones, or a single one" in message
    assert "1 mistake" in message


def test_two_labels_of_one_name_are_compared(project):
    """By their indexes."""
    project.runs = [HEADER, project.row("b", classes="3|5")]
    assert project.load().runs["b"].classes == ("3", "5")


@pytest.mark.parametrize("panel", ["trust", "rivals"])
def test_a_layer_finer_than_the_input_has_no_scores(project, panel):
    layer = Layer(name="fine", op="Relu", shape=(5, 8, 3), inputs=("high",))
    project.more_layers = (layer, Layer(name="end", op="Relu", shape=(2, 2, 4), inputs=("fine",)))
    project.config["neuron_groups"] = {"count": 2}
    row = project.row("b", panels=panel, layer1="fine", layer2="end")
    project.runs = [HEADER, row]
    words = (
        "line 2 (run 'b'), column layer1: layer 'fine' has 5 x 8 positions and the network's input "
        "5 x 7 pixels: some positions have no pixel, and no score; give a layer"
    )
    message = project.message
    assert words in message
    assert "1 mistake" in message
    project.runs = [HEADER, row.replace(f"\t{panel}\t", "\tspatial\t")]
    assert "b" in project.load().runs


@pytest.mark.parametrize("baseline", ["zero", "mean"])
def test_one_position_is_not_set_to_its_mean(project, baseline):
    layer = Layer(name="one", op="Mean", shape=(1, 1, 4), inputs=("high",))
    project.more_layers = (layer, Layer(name="end", op="Relu", shape=(1, 1, 4), inputs=("one",)))
    project.config["neuron_groups"] = {"count": 1}
    project.config["ablation"] = {"baseline": baseline}
    row = project.row("b", panels="trust", layer1="one", layer2="end", factors="1")
    project.runs = [HEADER, row]
    if baseline == "zero":
        assert "b" in project.load().runs
        return
    words = (
        "column panels: trust: layer 'one' has one position, which is its own mean: nothing would "
        "be taken away; give a layer1 with more, or 'zero' (key ablation.baseline of the config)"
    )
    assert words in project.message
    assert "1 mistake" in project.message


def test_maps_of_one_position_are_not_compared(project):
    project.more_models = {"other": randomised("low")}
    layer = Layer(name="one", op="Mean", shape=(1, 1, 4), inputs=("high",))
    project.more_layers = (layer, Layer(name="end", op="Relu", shape=(1, 1, 4), inputs=("one",)))
    project.runs += [project.row("b", panels="sanity", layer1="one", layer2="end", factors="1")]
    words = "sanity: a map of layer 'one' has one position, and cannot be compared; give a layer1"
    assert words in project.message


# For each mistake: how it is made, and the words that the message must hold.
def key(section, name, value):
    return lambda p: p.config.setdefault(section, {}).update({name: value})


def row(**cells):
    return lambda p: p.runs.append(p.row(**{"run": "b", **cells}))


def model(**keys):
    return lambda p: p.model.update(keys)


def masked(
    objects="#ff0000=red star", file="m.png", size=(7, 5), colours=((255, 0, 0),), image_size=(7, 5)
):
    """Give the image a mask whose first pixels have these colours."""

    def change(project):
        Image.new("RGB", image_size, (200, 10, 30)).save(project.folder / "dog.png")
        mask = Image.new("RGB", size)
        for place, colour in enumerate(colours):
            mask.putpixel((0, place), colour)
        mask.save(project.folder / "m.png")
        project.images = ["image\tpath\tmask\tobjects", f"dog\tdog.png\t{file}\t{objects}"]

    return change


def file(name, content):
    return lambda p: (p.folder / name).write_bytes(content)


def both(*changes):
    return lambda p: [change(p) for change in changes]


MISTAKES = {
    "unknown key": (
        lambda p: p.config.update(figur={}),
        r"my.yaml: unknown key 'figur'; did you mean figure? (nearest of 16: figure",
    ),
    "unknown inner key": (
        key("figure", "opacty", 1),
        r"my.yaml: unknown key 'opacty' in figure; did you mean opacity?",
    ),
    "key of a section": (
        lambda p: p.config.update(dpi=300),
        r"my.yaml: unknown key 'dpi'; it belongs into figure, as in figure: {dpi: ...}",
    ),
    "missing key": (lambda p: p.config.pop("runs"), "my.yaml, key runs: is missing. Table of runs"),
    "number as text": (
        key("figure", "dpi", "1e2"),
        "my.yaml, key figure.dpi: must be a whole number, found '1e2' (text; write it",
    ),
    "number out of range": (
        key("figure", "opacity", 1.5),
        "my.yaml, key figure.opacity: must be less than or equal to 1, found 1.5",
    ),
    "truth as text": (
        key("figure", "interpolate", "yes"),
        "my.yaml, key figure.interpolate: must be true or false, found 'yes'",
    ),
    "whole number with a fraction": (
        key("compute", "memory_mb", 2048.5),
        "my.yaml, key compute.memory_mb: must be a whole number, found 2048.5",
    ),
    "unknown model": (
        row(model="tinny"),
        "column model: unknown model 'tinny'; valid: tiny (listed in models.yaml)",
    ),
    "unknown image": (
        row(image="dgo"),
        "(run 'b'), column image: unknown image 'dgo'; valid: dog (listed in images.tsv)",
    ),
    "unknown layer": (
        row(layer1="lwo"),
        "line 3 (run 'b'), column layer1: model 'tiny' has no layer 'lwo'; valid: low,",
    ),
    "unknown label": (
        row(classes="red sta|blue moon"),
        "runs.tsv, line 3 (run 'b'), column classes: unknown label 'red sta'; valid: red star,",
    ),
    "label that occurs twice": (
        row(classes="red star|crane"),
        "column classes: label 'crane' occurs 2 times; give its index instead: 3 or 5",
    ),
    "index that is not a label": (
        row(classes="red star|0"),
        "column classes: label index 0 is out of range; valid: 1 to 6",
    ),
    "a third label": (
        row(classes="3|1|2"),
        "cat' or 'lemon|logsumexp', or a single one, as in 'lemon'; empty: the two most probable",
    ),
    "half a contrast": (row(classes="red star|"), "column classes: 'red star|' must be two"),
    "unknown single label": (row(classes="red sta"), "column classes: unknown label 'red sta'"),
    "the same label twice": (row(classes="3|3"), "column classes: '3|3' must be two different"),
    "logsumexp first": (
        row(classes="logsumexp|3"),
        "column classes: 'logsumexp|3' must be two different",
    ),
    "unknown override": (
        row(override="smoth"),
        "column override: unknown override 'smoth'; valid: none, smooth, smooth-blur",
    ),
    "unknown panel": (row(panels="group"), "column panels: unknown panel 'group'; valid: factors"),
    "panel twice": (
        row(panels="factors,spatial,factors"),
        "column panels: duplicate panel factors",
    ),
    "more neuron groups than channels": (
        row(panels="neuron_groups"),
        "5 x 7 positions, 3 channels; valid: 1 to 3 (key neuron_groups.count of the config)",
    ),
    "unknown layer of a grid": (
        row(grids="low,midle"),
        "runs.tsv, line 3 (run 'b'), column grids: model 'tiny' has no layer 'midle'; valid: ",
    ),
    "a grid twice": (
        row(grids="low,high,low"),
        "column grids: duplicate layer low",
    ),
    "more groups of a grid than channels": (
        row(panels="activation_grids", grids="low"),
        "activation_grids: cannot fit 6 neuron groups to layer 'low': 5 x 7 positions, 3 channels",
    ),
    "more groups of a grid than positions": (
        both(key("grids", "neuron_groups", 5), row(panels="activation_grids", grids="")),
        "cannot fit 5 neuron groups to layer 'high': 2 x 2 positions, 4 channels; valid: 1 to 4",
    ),
    "unknown layer of a flow": (
        row(flow="low,midle"),
        "runs.tsv, line 3 (run 'b'), column flow: model 'tiny' has no layer 'midle'; valid: ",
    ),
    "a layer twice in a flow": (row(flow="low,high,low"), "column flow: duplicate layer low"),
    "flow of a single layer": (
        row(flow="low"),
        "column flow: 'low' is a single layer; flow leads through two or more, as in",
    ),
    "flow backwards": (
        row(flow="low,high,middle"),
        "flow from layer 'high' cannot be followed through layer 'middle': 'middle' is not",
    ),
    "flow beside a layer": (
        row(flow="low,middle"),
        "'side' is computed from it beside 'middle'; give one that everything from 'low' passes",
    ),
    "flow beside layer2": (
        row(panels="flow", layer2="middle"),
        "column flow: flow from layer 'low' cannot be followed through layer 'middle'",
    ),
    "more groups of a flow than channels": (
        row(panels="flow"),
        "flow: cannot fit 6 neuron groups to layer 'low': 5 x 7 positions, 3 channels; valid: 1 to",
    ),
    "unknown method": (
        row(methods="linear,pth"),
        "column methods: unknown method 'pth'; valid: linear, path, path-left-100, stochastic",
    ),
    "layers in the wrong order": (
        row(layer1="high", layer2="low"),
        "column layer2: layer2 'low' is not computed from layer1 'high'; layer2 must come after",
    ),
    "layers of two branches": (
        row(layer1="side", layer2="high"),
        "column layer2: layer2 'high' is not computed from layer1 'side'",
    ),
    "the same layer twice": (
        row(layer1="low", layer2="low"),
        "layer2 'low' is not computed from layer1 'low'; layer2 must come after layer1;",
    ),
    "factors that are not a number": (
        row(factors="many"),
        "runs.tsv, line 3 (run 'b'), column factors: cannot parse 'many'; valid: a number",
    ),
    "more factors than positions": (
        row(factors="5"),
        "column factors: cannot fit 5 factors to layer 'high': 2 x 2 positions, 6 labels; valid: 1",
    ),
    "more factors than labels": (
        both(key("factors", "joint_labels", 3), row(factors="4 joint")),
        "cannot fit 4 factors to layer 'high': 2 x 2 positions, 3 labels; valid: 1 to 3",
    ),
    "run id twice": (
        row(run="a"),
        "runs.tsv, line 3 (run 'a'): duplicate run 'a', first in runs.tsv, line 2",
    ),
    "run ids that differ in case": (row(run="A"), "id 'A' differs from 'a' only in case"),
    "image id twice": (
        lambda p: p.images.append("dog\tdog.png"),
        "images.tsv, line 3 (image 'dog'): duplicate image 'dog', first in images.tsv, line 2",
    ),
    "model id twice": (
        lambda p: p.config.update(models="twice.yaml")
        or (p.folder / "twice.yaml").write_text("tiny: {}\nother: {}\ntiny: {}\n"),
        "twice.yaml, line 3: duplicate key 'tiny', first in line 1",
    ),
    "id that leaves the results": (
        row(run="../../etc"),
        "letters, digits and . _ -, beginning with a letter or digit, found '../../etc'",
    ),
    "id that is hidden": (row(run=".x"), "column run: must be an id of at most 100 letters"),
    "image id with a slash": (
        lambda p: p.images.append("a/b\tdog.png"),
        "images.tsv, line 3 (image 'a/b'), column image: must be an id",
    ),
    "model id of a folder": (
        lambda p: p.config.update(models="named.yaml")
        or (p.folder / "named.yaml").write_text(json.dumps({"figures": p.model, "tiny": p.model})),
        "(model 'figures'): id 'figures' is reserved for a folder of results",
    ),
    "missing image": (
        lambda p: p.images.__setitem__(1, "dog\tdgo.png"),
        "images.tsv, line 2 (image 'dog'), column path: image file 'dgo.png' does not exist",
    ),
    "broken image": (
        file("dog.png", b"not an image"),
        "column path: image file 'dog.png' is not in a known image format; valid: PNG,",
    ),
    "image cut off": (
        lambda p: (p.folder / "dog.png").write_bytes((p.folder / "dog.png").read_bytes()[:50]),
        "column path: image file 'dog.png' is damaged",
    ),
    "missing graph": (
        model(graph="gone.pb"),
        "models.yaml, line 2 (model 'tiny'), key graph: file 'gone.pb' does not exist",
    ),
    "missing labels": (
        model(labels="none.json"),
        "key labels: file 'none.json' does not exist",
    ),
    "labels that are not a list": (
        file("labels.json", b'{"a": 1}'),
        "(model 'tiny'), key labels: labels file 'labels.json': the keys of a JSON object",
    ),
    "no label left": (model(skip_labels=7), "7 leaves no label: 'labels.json' has 7"),
    "checksum": (
        model(graph={"path": "net.pb", "sha256": "0" * 64}),
        "key graph.sha256: checksum of 'net.pb' differs: expected " + "0" * 64 + ", found "
        + hashlib.sha256(b"a graph").hexdigest(),
    ),
    "url without checksum": (
        model(graph={"url": "https://a.org/a.pb"}),
        "(model 'tiny'), key graph: a url needs the sha256 of its file",
    ),
    "size as text": (
        model(input={"tensor": "input", "size": [5, "7"], "range": [-1, 1]}),
        "(model 'tiny'), key input.size.1: must be a whole number, found '7' (text;",
    ),
    "range upside down": (
        model(input={"tensor": "input", "size": [5, 7], "range": [1, -1]}),
        "key input: range must go from low to high, found [1.0, -1.0]",
    ),
    "no tables": (
        lambda p: p.config.update(images="gone.tsv"),
        "gone.tsv: does not exist (looked in",
    ),
    "mask without objects": (
        masked(objects=""),
        "images.tsv, line 2 (image 'dog'): has a column mask but no objects; valid: both, as in",
    ),
    "object of no label": (
        masked("#ff0000=logsumexp"),
        "images.tsv, line 2 (image 'dog'), column objects: unknown label 'logsumexp'; valid: ",
    ),
    "objects without a mask": (
        masked(file=""),
        "has a column objects but no mask; valid: both",
    ),
    "object without a colour": (
        masked(objects="ant"),
        ("images.tsv, line 2 (image 'dog'), column objects: 'ant' does not begin with a colour; "
        "valid: '#rrggbb=label', separated by '|'"),
    ),
    "object without a label": (masked(objects="#ff0000="), "'#ff0000=' has no label; valid:"),
    "black object": (masked(objects="#000000=red star"), "'#000000=red star': black"),
    "colour of two objects": (
        masked(objects="#ff0000=red star|#FF0000=blue moon"),
        "colour #ff0000 stands for two objects; valid:",
    ),
    "missing mask": (
        masked(file="gone.png"),
        "images.tsv, line 2 (image 'dog'), column mask: mask 'gone.png' does not exist",
    ),
    "mask of another size": (
        masked(size=(5, 7)),
        "column mask: mask 'm.png' has 7 x 5 pixels (row x col), its image 5 x 7; a mask needs",
    ),
    "empty object": (
        masked(objects="#ff0000=red star|#00ff00=blue moon"),
        "column mask: object '#00ff00=blue moon' is empty: no pixel of mask",
    ),
    "colour of no object": (
        masked(colours=((255, 0, 0), (9, 9, 9))),
        "column mask: mask 'm.png' has colours of no object: #090909 (1 pixel); list them",
    ),
    "unknown label of an object": (
        masked(objects="#ff0000=ret star"),
        "images.tsv, line 2 (image 'dog'), column objects: unknown label 'ret star'",
    ),
    "object that the network does not see": (
        masked(image_size=(21, 5), size=(21, 5)),
        "column objects: object '#ff0000=red star' of mask 'm.png' is outside of what model",
    ),
    "folder for a table": (lambda p: p.config.update(images="."), ".: cannot be read: Is a"),
    "empty table": (
        lambda p: p.images.clear(),
        "images.tsv: is empty; columns: image, path",
    ),
    "no rows": (lambda p: p.runs.pop(), "runs.tsv: has column names, but no rows"),
    "missing column": (
        lambda p: p.runs.__setitem__(slice(None), ["run\tmodel\timage\tlayer1", "a\tb\tc\td"]),
        "line 1: column 'layer2' is missing; columns: run, model, image, layer1, layer2; optional",
    ),
    "unknown column": (
        lambda p: p.images.__setitem__(0, "image\tpth"),
        ("images.tsv, line 1: unknown column 'pth'; did you mean path? (valid: image, path, "
        "mask, objects)"),
    ),
    "column twice": (
        lambda p: p.images.__setitem__(slice(None), ["image\tpath\tpath", "dog\tdog.png\tx"]),
        "images.tsv, line 1: duplicate column 'path'",
    ),
    "spaces for tabs": (
        lambda p: p.images.__setitem__(slice(None), ["image path", "dog dog.png"]),
        "images.tsv, line 1: 'image path' has no tab; separate columns by tabs",
    ),
    "too many cells": (
        lambda p: p.images.append("cat\tcat.png\tx"),
        "images.tsv, line 3: has 3 cells, but the table has 2 columns",
    ),
    "too few cells": (
        lambda p: p.images.append("cat"),
        "images.tsv, line 3: has 1 cell, but the table has 2 columns",
    ),
    "empty required cell": (
        row(layer1=""),
        "runs.tsv, line 3 (run 'b'), column layer1: is missing. The earlier layer",
    ),
    "not UTF-8": (
        lambda p: p.config.update(images="latin.tsv")
        or (p.folder / "latin.tsv").write_bytes("image\tpath\nd\u00e9\tx\n".encode("latin-1")),
        "latin.tsv, line 2: is not UTF-8 text",
    ),
    "not YAML": (
        lambda p: p.config.update(models="bad.yaml")
        or (p.folder / "bad.yaml").write_text("tiny:\n  graph: [a\n  input: b\n"),
        "bad.yaml, line 3: is not valid YAML: ",
    ),
    "YAML that is not a mapping": (
        lambda p: p.config.update(models="list.yaml")
        or (p.folder / "list.yaml").write_text("- a\n- b\n"),
        "list.yaml: must hold keys with values",
    ),
    "empty catalogue": (
        lambda p: p.config.update(models="empty.yaml")
        or (p.folder / "empty.yaml").write_text("# nothing\n"),
        "empty.yaml: is empty; it needs at least one network",
    ),
    "id that YAML takes for a truth value": (
        lambda p: p.config.update(models="no.yaml")
        or (p.folder / "no.yaml").write_text("NO: {}\n"),
        "line 1 (model 'NO'): a model's id must be text, and YAML reads NO as False; write 'NO':",
    ),
    "id longer than a file's name": (
        row(run="r" * 300),
        "column run: must be an id of at most 100 letters, digits and . _ -, beginning with a",
    ),
    "more memory than there is": (
        key("compute", "memory_mb", 10**30),
        "key compute.memory_mb: must be less than or equal to 4000000, found 1000000000000000000",
    ),
    "a number of thousands of digits": (
        key("compute", "memory_mb", 10**5000),
        "memory_mb: must be less than or equal to 4000000, found a number of more than 4300 digits",
    ),
    "quotes around a list": (
        row(methods='"linear,path"'),
        """the quotes are part of "linear,path", as cells are used verbatim; write linear,path w""",
    ),
    "what is valid where there are quotes": (
        row(methods='"linear,path"'),
        """unknown method '"linear'; valid: linear, path, path-left-100, stochastic""",
    ),
    "a tab behind the header": (
        lambda p: p.images.__setitem__(slice(None), ["image\tpath\t", "dog\tdog.png\t"]),
        "images.tsv, line 1: column 3 has no name; remove the tab at the end of the line",
    ),
    "a column without a name": (
        lambda p: p.images.__setitem__(slice(None), ["image\t\tpath", "dog\t\tdog.png"]),
        "images.tsv, line 1: column 2 has no name\n",
    ),
    "octal number in the settings": (
        file("my.yaml", b"figure:\n  dpi: 0300\n"),
        "my.yaml, line 2: YAML reads 0300 as the octal number 192; write 300",
    ),
    "octal number in the catalogue": (
        lambda p: p.config.update(models="octal.yaml")
        or (p.folder / "octal.yaml").write_text("tiny: {skip_labels: 010}\n"),
        "octal.yaml, line 1: YAML reads 010 as the octal number 8; write 10",
    ),
    "nothing as an id": (
        lambda p: p.config.update(models="null.yaml")
        or (p.folder / "null.yaml").write_text("~: {}\n"),
        "(model '~'): a model's id must be text, and YAML reads ~ as None; write '~': in quotes",
    ),
    "truth value as text": (
        model(logits=False),
        "key logits: must be text, found False (YAML reads yes, no, on and off so; write text in",
    ),
    "number as text for a name": (
        model(logits=1.1),
        "key logits: must be text, found 1.1 (a number; write text in quotes)",
    ),
    "a path longer than a file's name": (
        model(graph="g" * 300 + ".pb"),
        "key graph: file '" + "g" * 300 + ".pb' cannot be read: File name too long",
    ),
    "settings nested deeply": (
        lambda p: p.config.update(figur=[[[[[[[[["x" * 10**6]]]]]]]]]),
        "my.yaml: unknown key 'figur'; did you mean figure?",
    ),
    "a pipe for a table": (
        lambda p: p.config.update(images="pipe.tsv") or os.mkfifo(p.folder / "pipe.tsv"),
        "pipe.tsv: is not a file",
    ),
    "range that is not one of pixels": (
        model(input={"tensor": "input", "size": [5, 7], "range": [-1e7, 1e7]}),
        "key input.range.0: must be greater than or equal to -1000000",
    ),
    "address with a blank": (
        model(graph={"url": "https://a.org/a b.pb", "sha256": "a" * 64}),
        "key graph.url: must be a URL that begins with http:// or https://, without blanks, found",
    ),
}  # fmt: skip


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_reported(project, mistake):
    change, words = MISTAKES[mistake]
    change(project)
    assert words in f"{project.message}\n"


@pytest.fixture
def unread(monkeypatch):
    """Fail where any network is read."""
    monkeypatch.setattr(model_cards, "_make", lambda *_: pytest.fail("a network was read"))


@pytest.mark.parametrize("name", ["../../../../x", "..", "a/b", "/tmp/x", "r" * 101, "figures"])
def test_nothing_is_done_for_a_network_whose_id_is_wrong(project, unread, name):
    project.runs = [HEADER, project.row(model=name)]
    project.write()
    (project.folder / "models.yaml").write_text(json.dumps({name: project.model}))
    before = sorted(project.folder.rglob("*"))
    with pytest.raises(BadConfig, match=r"must be an id of at most|is reserved for a folder"):
        load_project(project.config)
    made = set(project.folder.rglob("*")) - set(before)
    assert {path.name for path in made} <= {".snakemake", "blockscope", "files.json"}
    with pytest.raises(BadConfig, match=r"must be an id of at most|is reserved for a folder"):
        read_catalogue("models.yaml")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"a": %s, "A": %s}', "id 'A' differs from 'a' only in case"),
        ('{"a": %s,\n"a": %s}', "duplicate key 'a', first in line 1"),
    ],
)
def test_nothing_is_done_for_networks_with_one_name(project, unread, text, words):
    project.runs = [HEADER, project.row(model="a")]
    project.write()
    (project.folder / "models.yaml").write_text(text % ((json.dumps(project.model),) * 2))
    with pytest.raises(BadConfig, match=words):
        load_project(project.config)


def test_a_sound_mask_is_read(project):
    masked(objects="#FF0000=red star|#0000ff=3", colours=((255, 0, 0), (0, 0, 255)))(project)
    row = project.load().images["dog"]
    assert (row.mask, row.objects) == ("m.png", {"#ff0000": "red star", "#0000ff": "3"})


@pytest.mark.parametrize("place", ["results/tiny", "results/models/tiny", "results/figures/a"])
def test_results_that_a_link_leads_elsewhere_are_refused(project, tmp_path_factory, place):
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    project.write()
    project.load()
    path = project.folder / place
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists():
        path.rename(project.folder / "moved")
    path.symlink_to(elsewhere)
    with pytest.raises(BadConfig, match=rf"{place}.*' leads to '.*elsewhere.*symbolic link"):
        load_project(project.config)


@pytest.mark.parametrize("place", ["tiny", "models/tiny", "figures/a"])
def test_results_below_the_prefix_of_a_module_are_looked_at(project, tmp_path_factory, place):
    """A network's card is read there, and a link is refused there."""
    project.write()
    (project.folder / "maps").mkdir()
    (project.folder / "results").rename(project.folder / "maps/results")
    assert load_project(project.config, results="maps/results").models["tiny"]
    path = project.folder / "maps/results" / place
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists():
        path.rename(project.folder / "moved")
    path.symlink_to(tmp_path_factory.mktemp("elsewhere"))
    with pytest.raises(BadConfig, match=rf"maps/results/{place}.*' leads to .*symbolic link"):
        load_project(project.config, results="maps/results")


def test_a_results_folder_may_be_a_link(project, tmp_path_factory):
    project.write()
    results = project.folder / "results"
    moved = results.rename(tmp_path_factory.mktemp("disk") / "results")
    results.symlink_to(moved)
    assert project.load().models["tiny"].graph.path == "net.pb"


def test_a_folder_of_a_network_holds_its_files(project, tmp_path_factory):
    (project.folder / "saved").mkdir()
    (project.folder / "saved" / "variables").symlink_to("/etc")
    project.model["graph"] = "saved"
    assert "variables' leads to '/etc', which is not inside" in project.message


def test_layers_whose_names_together_are_too_long_for_a_file(project):
    project.write()
    card_path = project.folder / "results/models/tiny/model.json"
    card = ModelCard.read(card_path)
    low, high = "l" * 150, "h" * 150
    layers = (
        Layer(name=low, op="Relu", shape=(5, 7, 3), inputs=()),
        Layer(name=high, op="Relu", shape=(2, 2, 4), inputs=(low,)),
    )
    card.model_copy(update={"layers": layers}).write(card_path)
    project.runs = [HEADER, project.row(layer1=low, layer2=high)]
    (project.folder / "runs.tsv").write_text("\n".join(project.runs))
    with pytest.raises(BadConfig, match=r"column layer1: the names of the layers .* are too long"):
        load_project(project.config)


def test_shared_results_are_outside_the_project(project):
    for name in (".", "shared", str(project.folder / "shared")):
        (project.folder / "shared").mkdir(exist_ok=True)
        project.config["shared_results"] = name
        assert f"key shared_results: '{name}' is inside this project" in project.message


def card_process(code: str, monkeypatch) -> None:
    """Let the process that reads networks run ``code`` instead."""
    run = subprocess.run
    monkeypatch.setattr(
        subprocess, "run", lambda _, **options: run([sys.executable, "-c", code], **options)
    )


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("import os; os.kill(os.getpid(), 9)", "was killed by SIGKILL, perhaps for its memory"),
        ("import time; time.sleep(60)", "could not be read: it took more than 0.5 s"),
        ("raise RuntimeError('odd')", "could not be read: the process that read it ended with 1"),
    ],
)
def test_a_network_whose_reading_fails_is_told_with_the_log(project, monkeypatch, code, words):
    project.write()
    (project.folder / "results/models/tiny/model.json").unlink()
    card_process(code, monkeypatch)
    monkeypatch.setattr(model_cards, "LIMIT", 0.5 if "sleep" in code else 60)
    with pytest.raises(BadConfig, match=words) as caught:
        load_project(project.config)
    assert str(caught.value).endswith("(log: logs/cards.log)")
    assert "Traceback" not in str(caught.value)


def test_all_mistakes_are_reported_at_once_and_numbered(project):
    key("figure", "dpi", "3")(project)
    project.images.append("cat\tcat.png")
    project.runs += [
        project.row("b", model="big", image="fish", override="blur", factors="x", panels="y"),
        project.row("c", layer1="nothing", classes="1|nobody", factors="0", image="cat"),
    ]
    message = project.message
    for words in ("dpi", "'big'", "'fish'", "'blur'", "'x'", "'y'", "'nothing'", "'nobody'", "'0'"):
        assert words in message
    assert "cat.png' does not exist" in message
    assert message.startswith("10 mistakes in the configuration; nothing was run.\n  1. ")
    assert "\n 10. " in message


def test_entries_that_no_run_uses_need_no_files(project):
    project.images.append("later\tnot/there.png")
    assert project.load().images["later"].path == "not/there.png"


def test_the_mistakes_of_one_table_do_not_hide_those_of_another(project):
    project.images.append("cat")
    project.runs.append(project.row("b", layer2="hihg"))
    message = project.message
    assert "has 1 cell" in message
    assert "'hihg'" in message


def test_a_checkless_reading_still_refuses_what_is_written_wrong(project):
    project.write()
    (project.folder / "net.pb").unlink()
    (project.folder / "dog.png").unlink()
    found = load_project(project.config, check=False)
    assert list(found.runs) == ["a"]
    with pytest.raises(BadConfig, match=r"command line \(--config\): unknown key 'x'"):
        load_project({**project.config, "x": 1}, check=False)


def test_rows_that_are_commented_out_are_none_and_others_that_begin_so_are_told(project):
    project.runs += ["#" + project.row("b"), "# " + project.row("c"), "# a remark\twith a tab"]
    assert list(project.load().runs) == ["a"]
    columns = ["classes", "run", "model", "image", "layer1", "layer2"]
    project.runs = ["# a remark", "\t".join(columns), "# a\tb", "\ta\ttiny\tdog\tlow\thigh"]
    assert list(project.load().runs) == ["a"]
    project.runs.append("#1 dad\tb\ttiny\tdog\tlow\thigh")
    words = "begins with '#' and has a cell for each column, so that it may be a row or a comment; "
    assert f"runs.tsv, line 5: {words}put the column 'run' first" in project.message
    project.runs = [columns[0] + "\trun", "#1 dad\ta"]
    assert "runs.tsv, line 1: column 'model' is missing" in project.message


def test_a_bom_windows_line_ends_and_any_order_of_columns(project):
    project.write()
    (project.folder / "images.tsv").write_bytes(b"\xef\xbb\xbfpath\timage\r\ndog.png\tdog\r\n")
    assert load_project(project.config).images["dog"].path == "dog.png"


def test_a_card_that_is_out_of_date_is_not_believed(project, monkeypatch):
    asked: list[str] = []

    def make(missing, problems, inside):
        asked.extend(model.name for model in missing)
        return {}

    monkeypatch.setattr(model_cards, "_make", make)
    project.load()
    assert not asked
    project.write()
    (project.folder / "net.pb").write_bytes(b"another graph")
    load_project(project.config)
    assert asked == ["tiny"]
    project.load()
    (project.folder / "labels.json").write_text(json.dumps([*LABELS, "new"]))
    load_project(project.config)
    assert asked == ["tiny"] * 2


def test_a_card_that_other_code_made_is_not_believed(project, monkeypatch):
    asked: list[str] = []
    monkeypatch.setattr(
        model_cards, "_make", lambda missing, *_: asked.extend(m.name for m in missing) or {}
    )
    project.write()
    path = project.folder / "results/models/tiny/model.json"
    card = ModelCard.read(path)
    digest = module_digest("blockscope.stages.network.model")
    for code, made in ((digest, 0), ("0" * 64, 1)):
        card.model_copy(update={"provenance": {"created_by": "model", "code_sha256": code}}).write(
            path
        )
        load_project(project.config)
        assert len(asked) == made


def test_a_card_that_was_kept_for_the_checks_is_made_again_by_other_code(project, monkeypatch):
    asked: list[model_cards.CardRequest] = []
    monkeypatch.setattr(model_cards, "_make", lambda missing, *_: asked.extend(missing) or {})
    project.write()
    place = project.folder / "results/models/tiny/model.json"
    card = ModelCard.read(place)
    place.unlink()
    load_project(project.config)
    card.write(asked[0].cached)
    load_project(project.config)
    assert len(asked) == 1
    monkeypatch.setattr(model_cards, "_code", lambda maker: f"another {maker}")
    load_project(project.config)
    assert len(asked) == 2


def test_a_damaged_card_is_made_again(project, monkeypatch):
    asked: list[str] = []
    monkeypatch.setattr(
        model_cards, "_make", lambda missing, *_: asked.extend(m.name for m in missing) or {}
    )
    project.write()
    path = project.folder / "results/models/tiny/model.json"
    text = path.read_text()
    for damaged in (text[:-9], text.replace('"middle"', '"middel"', 1), "[" * 100_000):
        path.write_text(damaged)
        load_project(project.config)
    assert asked == ["tiny"] * 3


def test_a_network_at_an_address_is_checked_by_its_jobs(project, monkeypatch):
    monkeypatch.setattr(model_cards, "_make", lambda *_: pytest.fail("nothing is there to be read"))
    project.model["graph"] = {"url": "https://example.org/a.pb", "sha256": "a" * 64}
    project.write()
    (project.folder / "results" / "models" / "tiny" / "model.json").unlink()
    assert load_project(project.config).models["tiny"].graph.url


def test_what_the_reading_of_a_network_says_reaches_the_message(project, monkeypatch):
    project.write()
    (project.folder / "results" / "models" / "tiny" / "model.json").unlink()

    said = b"2026 W tensorflow noise\nblockscope: model 'tiny': op 'ReadFile' is not allowed\n"

    def run(command, *, stdout, **_):
        stdout.write(said)
        return subprocess.CompletedProcess(command, 1)

    monkeypatch.setattr(subprocess, "run", run)
    with pytest.raises(
        BadConfig, match=r"\(model 'tiny'\), key graph: op 'ReadFile' is not"
    ) as caught:
        load_project(project.config)
    assert "noise" not in str(caught.value)
    assert str(caught.value).endswith(" allowed (log: logs/cards.log)")
    assert Path("logs/cards.log").read_bytes() == said


def test_the_config_of_another_workflow_may_be_any_yaml(project):
    project.write()
    (project.folder / "outer.yaml").write_text("mine: !!int '3'\nsize: 0300\n")
    assert load_project(project.config, ["outer.yaml"], own=False).runs["a"].image == "dog"
    with pytest.raises(BadConfig, match=r"outer\.yaml, line 1: has the tag"):
        load_project(project.config, ["outer.yaml"])


def test_the_log_of_another_command_says_nothing_of_this_network(project, monkeypatch):
    project.write()
    (project.folder / "results" / "models" / "tiny" / "model.json").unlink()

    def run(command, *, stdout, **_):
        stdout.write(b"model 'tiny': op 'ReadFile' is not allowed\n")
        stdout.flush()
        Path("logs/cards.log").write_text("model 'other': began later, and ends later\n")
        return subprocess.CompletedProcess(command, 1)

    monkeypatch.setattr(subprocess, "run", run)
    with pytest.raises(BadConfig, match="key graph: op 'ReadFile' is not allowed"):
        load_project(project.config)
    assert os.listdir("logs") == ["cards.log"]


def test_a_thousand_rows_take_less_than_two_seconds(project, monkeypatch):
    project.images = ["image\tpath"]
    for number in range(200):
        Image.new("RGB", (70, 50), (number, 10, 30)).save(project.folder / f"{number}.png")
        project.images.append(f"i{number}\t{number}.png")
    project.runs = [HEADER]
    for number in range(1000):
        bad = "wrong" if number % 2 else "high"
        project.runs.append(
            project.row(f"r{number}", image=f"i{number % 200}", layer2=bad, classes="1|blue moon")
        )
    project.write()
    start = time.process_time()
    with pytest.raises(BadConfig, match="500 mistakes"):
        load_project(project.config)
    assert time.process_time() - start < 2


def test_files_are_looked_at_again_only_when_they_change(project, monkeypatch):
    looked: list[Any] = []
    monkeypatch.setattr(checks, "check_image", looked.append)
    project.load()
    project.load()
    assert len(looked) == 1
    (project.folder / "dog.png").write_bytes(b"another image")
    project.load()
    assert len(looked) == 2


def test_masks_are_looked_at_again_only_when_they_change(project, monkeypatch):
    looked: list[Any] = []
    real = masks.read_mask
    monkeypatch.setattr(mask_checks, "read_mask", lambda path: looked.append(path) or real(path))
    masked()(project)
    project.load()
    assert len(looked) == 2  # as it is, and as the network sees it
    project.load()
    assert len(looked) == 2
    Image.new("RGB", (7, 5), (255, 0, 1)).save(project.folder / "m.png")
    assert "object '#ff0000=red star' is empty" in project.message
    assert len(looked) == 3


def test_a_folder_that_cannot_be_shared_is_reported(
    project, tmp_path, tmp_path_factory, monkeypatch
):
    project.config["shared_results"] = str(tmp_path / "gone")
    assert "key shared_results: '" in project.message
    assert "gone' is not a folder (looked in" in project.message
    project.config["shared_results"] = str(tmp_path_factory.mktemp("shared"))
    project.load()
    monkeypatch.setattr(os, "access", lambda *_: False)
    assert "is not readable and writable by you; ask its owner" in project.message
