"""Networks of the catalogue that are made of another one: their ids, their keys, their mistakes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from blockscope.config.tables import read_catalogue
from blockscope.io.errors import BadConfig
from blockscope.models.entry import ModelEntry
from blockscope.models.randomised_entry import Randomise, RandomisedEntry, as_written

TRAINED = {
    "graph": "net.pb",
    "input": {"tensor": "input", "size": [5, 7], "range": [-1, 1]},
    "logits": "logits",
    "labels": "labels.json",
}


def catalogue(folder: Path, **entries: object) -> dict[str, ModelEntry]:
    path = folder / "models.yaml"
    path.write_text(json.dumps({"net": TRAINED} | entries))
    return read_catalogue(path)


def made(above, origin="net", **keys) -> dict[str, object]:
    return {"from": origin, "randomise": {"above": above, **keys}}


def test_an_entry_has_the_keys_of_the_network_that_it_is_made_of(tmp_path):
    found = catalogue(tmp_path, other=made("a/b", seed=3, kind="independent"))
    other, net = found["other"], found["net"]
    assert isinstance(other, RandomisedEntry)
    assert other.source_model == "net"
    assert other.randomise == Randomise(above="a/b", seed=3, kind="independent")
    assert (other.graph, other.labels, other.input) == (net.graph, net.labels, net.input)
    assert other.digest != net.digest == ModelEntry.model_validate(TRAINED).digest


def test_cascading_and_seed_0_are_the_default(tmp_path):
    found = catalogue(tmp_path, other=made("a"))["other"]
    assert isinstance(found, RandomisedEntry)
    assert found.randomise == Randomise(above="a", seed=0, kind="cascading")


def test_the_entry_may_stand_before_the_one_that_it_is_made_of(tmp_path):
    (tmp_path / "models.yaml").write_text(json.dumps({"other": made("a"), "net": TRAINED}))
    assert set(read_catalogue(tmp_path / "models.yaml")) == {"other", "net"}


def test_lists_make_a_network_of_each_pair(tmp_path):
    found = catalogue(tmp_path, many=made(["a/b", "c"], seed=[0, 7]), one=made(["d"]))
    assert list(found) == ["net", "many.a-b.0", "many.a-b.7", "many.c.0", "many.c.7", "one.d.0"]
    last = found["many.c.7"]
    assert isinstance(last, RandomisedEntry)
    assert (last.randomise.above, last.randomise.seed) == ("c", 7)
    assert len({entry.digest for entry in found.values()}) == 6


def test_what_is_written_for_another_process_is_read_the_same(tmp_path):
    entry = catalogue(tmp_path, many=made(["a/b"], seed=[2]))["many.a-b.2"]
    (tmp_path / "again.yaml").write_text(json.dumps(as_written("many.a-b.2", entry)))
    found = read_catalogue(tmp_path / "again.yaml")
    assert found["many.a-b.2"] == entry
    assert found["net"].digest == ModelEntry.model_validate(TRAINED).digest


CASES: dict[str, tuple[dict[str, object], str]] = {
    "from unknown": (
        {"x": made("a", "nett")},
        r"line \d+ \(model 'x'\), key from: unknown model 'nett'; valid: net \(listed in ",
    ),
    "from itself": ({"x": made("a", "x")}, "'x' is itself made of another one; .* valid: net"),
    "cycle": (
        {"x": made("a", "y"), "y": made("a", "x")},
        "(?s)'y' is itself made of another one.*'x' is itself made of another one",
    ),
    "chain": ({"x": made("a"), "y": made("a", "x")}, "key from: model 'x' is itself made of"),
    "other keys": (
        {"x": {**made("a"), "labels": "l.json"}},
        r"unknown key 'labels' \(valid: from, randomise\)",
    ),
    "no from": ({"x": {"randomise": {"above": "a"}}}, "key from: is missing. Id of the network"),
    "no randomise": ({"x": {"from": "net"}}, "key randomise: is missing. Which weights"),
    "no layer": ({"x": {"from": "net", "randomise": {}}}, "key randomise.above: is missing. Layer"),
    "misspelt": (
        {"x": made("a", sed=1)},
        r"unknown key 'sed' in randomise; did you mean seed\? \(valid: above, seed, kind\)",
    ),
    "kind": ({"x": made("a", kind="all")}, "kind: must be 'cascading' or 'independent', found"),
    "layer": ({"x": made(5)}, "above: must be a layer, or a list of layers, as text, found 5"),
    "no layers": ({"x": made([])}, r"above: must be a layer, or a list of layers.*found \[\]"),
    "seed": ({"x": made("a", seed="0")}, "seed: must be a whole number of at least 0, or a list"),
    "twice": ({"x": made("a", seed=[1, 1])}, r"seed lists an entry twice: \[1, 1\]"),
    "one id": ({"x": made(["a/b", "a-b"])}, "model 'x.a-b.0', which its lists make, is there al"),
    "taken id": ({"x": made(["a"]), "x.a.0": TRAINED}, "model 'x.a.0', which its lists make, is"),
    "same weights": (
        {"x": made("a"), "y": made(["b", "a"], seed=[1, 0])},
        r"model 'y.a.0' has the weights of 'x' \(all weights above a, seed 0\); give another seed",
    ),
    "long id": ({"x": made(["a" * 99])}, "must be an id of at most 100 letters"),
    "no id": ({"x y": made("a")}, "must be an id of at most 100 letters"),
}


@pytest.mark.parametrize("case", CASES)
def test_mistakes_are_named_with_what_is_valid(tmp_path, case):
    entries, words = CASES[case]
    with pytest.raises(BadConfig, match=words):
        catalogue(tmp_path, **entries)


def test_mistakes_of_the_trained_network_are_told_once(tmp_path):
    entries: dict[str, object] = {"net": {**TRAINED, "logit": 1}, "x": made("a"), "y": made(["b"])}
    with pytest.raises(BadConfig, match=r"(?s)^1 mistake in.*unknown key 'logit'"):
        catalogue(tmp_path, **entries)
