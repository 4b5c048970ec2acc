"""The stage "scores": scores of the attribution and of the rivals, as a file and a table."""

from __future__ import annotations

import inspect
import json
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from helpers.tiny_files import SIZE, write_tiny_files
from PIL import Image
from pydantic import ValidationError

from blockscope.attribution import layer_scores
from blockscope.attribution.layer_scores import OBJECT_SCORES, LayerScores
from blockscope.attribution.perturbation import stand_ins
from blockscope.attribution.rivals import RIVALS
from blockscope.attribution.scores.curves import area, curves_of
from blockscope.attribution.scores.ground_truth import mass_accuracy
from blockscope.autodiff import batched_logits
from blockscope.config.settings import Config
from blockscope.io import datasets, provenance
from blockscope.io.errors import BadFile, UnknownName
from blockscope.io.images import read_png
from blockscope.stages.attribution.classes import write_classes
from blockscope.stages.attribution.layer_task import LayerTask
from blockscope.stages.attribution.scores import write_scores

MEMORY_MB = 2048
OBJECTS = {"#ff0000": "c", "#00ff00": "a", "#0000ff": "c"}


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    return write_tiny_files(tmp_path_factory.mktemp("tiny"), "mixed")


@pytest.fixture(scope="module")
def classes(files, tmp_path_factory):
    """Return the attribution under each gradient."""
    folder = tmp_path_factory.mktemp("classes")
    for override in ("none", "smooth"):
        write_classes(
            **files,
            layer="mixed",
            override=override,
            output=folder / f"{override}.h5",
            memory_mb=MEMORY_MB,
        )
    return folder


@pytest.fixture(scope="module")
def mask(tmp_path_factory):
    """Return a mask: two objects of label c, one of label a."""
    pixels = np.zeros((*SIZE, 3), np.uint8)
    pixels[3:15, 2:20, 0] = 255
    pixels[20:30, 5:25, 1] = 255
    pixels[33:39, 20:31, 2] = 255
    path = tmp_path_factory.mktemp("mask") / "mask.png"
    Image.fromarray(pixels).save(path)
    return path


def write(files, classes, folder, mask=None, **changed) -> xr.Dataset:
    given = {
        "layer": "mixed",
        "override": "smooth",
        "contrasts": ["c|a", "e|logsumexp"],
        "classes": changed.pop("path", classes / f"{changed.get('override', 'smooth')}.h5"),
        "objects": OBJECTS if mask else {},
        "random_orders": 3,
    }
    write_scores(
        **files,
        **given | changed,
        mask=mask,
        output=folder / "s.h5",
        output_table=folder / "s.tsv",
        memory_mb=MEMORY_MB,
    )
    return datasets.read(folder / "s.h5")


@pytest.fixture(scope="module")
def made(files, classes, mask, tmp_path_factory):
    folder = tmp_path_factory.mktemp("made")
    return write(files, classes, folder, mask), folder


def test_rows_are_maps_by_labels(made, classes):
    found, _ = made
    assert list(found["map"].values) == ["attribution", *RIVALS]
    assert list(found["label"].values) == ["c", "a", "e"]
    assert list(found["index"].values) == [2, 0, 4]
    assert list(found["baseline"].values) == ["blur", "mean", "grey", "layer"]
    cached = datasets.read(classes / "smooth.h5")["attribution"].isel(label=[2, 0, 4])
    np.testing.assert_array_equal(found["maps"][0], cached)
    exact = datasets.read(classes / "none.h5")["attribution"].isel(label=[2, 0, 4])
    np.testing.assert_allclose(found["maps"].sel(map="hires_cam"), exact, atol=1e-5)
    assert np.abs(found["maps"][0] - exact).max() > 1e-3
    single = ("sparseness", "sensitivity", "infidelity", *OBJECT_SCORES)
    assert {found[name].dims for name in single} == {("map", "label")}
    assert {str(found[f"{kind}_area"].attrs["units"]) for kind in ("deletion", "insertion")} == {
        "logit"
    }


def test_curves_are_the_logits_of_the_network_with_the_layer_fed(made, files):
    found, _ = made
    task = LayerTask.read(**files, layer="mixed")
    gradients = task.gradients()

    def evaluate(kept):
        points = task.activations * kept[..., None]
        return gradients.values_at(points.astype("f4")).numpy()[:, [2, 0, 4]]

    expected = curves_of(found["maps"].to_numpy(), evaluate)
    chosen = found.sel(baseline="layer")
    np.testing.assert_allclose(chosen["deletion"], expected.deletion, atol=1e-5)
    np.testing.assert_allclose(chosen["insertion"], expected.insertion, atol=1e-5)
    np.testing.assert_allclose(
        chosen["deletion_area"], area(expected.deletion, expected.counts), atol=1e-5
    )
    logits = found["logit"].to_numpy()
    for baseline in found["baseline"].to_numpy():  # each curve begins with the whole image
        whole = found["deletion"].sel(baseline=baseline)[..., 0]
        np.testing.assert_allclose(whole, np.broadcast_to(logits, whole.shape), atol=1e-5)


def test_what_random_orders_give_is_beside_it(made):
    found, _ = made
    assert found["random_mean"].dims == ("label", "baseline", "share")
    ends = found["random_mean"][..., [0, -1]], found["deletion"][0, ..., [0, -1]]
    np.testing.assert_allclose(*ends, atol=1e-5)
    np.testing.assert_allclose(found["random_sd"][..., [0, -1]], 0, atol=1e-5)
    assert (found["random_area_sd"] > 0).all()
    low, high = (found["random_mean"].min("share"), found["random_mean"].max("share"))
    assert ((low < found["random_area_mean"]) & (found["random_area_mean"] < high)).all()


def test_objects_are_scored_by_the_label_and_by_all_of_its_colours(made, mask):
    found, _ = made
    pixels = np.asarray(Image.open(mask)).any(-1) & (np.asarray(Image.open(mask))[..., 1] == 0)
    own = found["maps"].sel(map="attribution", label="c").to_numpy()
    rows, cols = own.shape
    spread = np.array(
        [
            [own[int((r + 0.5) * rows / 41), int((c + 0.5) * cols / 33)] for c in range(33)]
            for r in range(41)
        ]
    )
    expected = mass_accuracy(spread, pixels)
    assert float(found["mass_accuracy"].sel(map="attribution", label="c")) == pytest.approx(
        expected
    )
    assert float(found["object_share"].sel(label="c")) == pytest.approx(pixels.mean())
    for name in OBJECT_SCORES:
        assert np.isnan(found[name].sel(label="e")).all()
        missing = np.isnan(found[name].sel(label=["c", "a"]))
        empty = (found["maps"].sel(label=["c", "a"]).max(("row", "col")) <= 0).to_numpy()
        assert not missing.to_numpy()[~empty].any()
        assert missing.to_numpy()[empty].all() == (name == "mass_accuracy") or not empty.any()


def test_the_table_holds_the_same_numbers(made):
    found, folder = made
    table = pd.read_csv(folder / "s.tsv", sep="\t", comment="#")
    assert len(table) == 6 * 3
    row = table[(table["map"] == "layer_cam") & (table["label"] == "a")].iloc[0]
    chosen = found.sel(map="layer_cam", label="a")
    assert row["index"] == 0
    assert row["insertion_area_grey"] == pytest.approx(
        float(chosen["insertion_area"].sel(baseline="grey")), rel=1e-6
    )
    assert row["random_area_sd_layer"] == pytest.approx(
        float(chosen["random_area_sd"].sel(baseline="layer")), rel=1e-6
    )
    assert row["average_precision"] == pytest.approx(float(chosen["average_precision"]), rel=1e-6)
    assert provenance.read(folder / "s.tsv") == provenance.read(folder / "s.h5")


def test_the_record_says_how(made):
    facts = provenance.read(made[1] / "s.h5")
    recorded: dict = {"created_by": "scores", "model": "tiny", "image": "noise", "layer": "mixed"}
    recorded |= {"override": "smooth", "random_orders": 3, "noise_samples": 5, "seed": 0}
    assert recorded.items() <= facts.items()
    assert len(str(facts["mask_sha256"])) == 64
    assert json.loads(str(facts["objects"])) == OBJECTS
    notes = [made[0][f"random_{end}"].attrs["long_name"] for end in ("mean", "area_sd")]
    assert all(note.endswith("of 3 random orders") for note in notes)
    assert provenance.read(made[1] / "s.tsv")["objects"] == facts["objects"]


def test_without_a_mask_and_with_one_label(files, classes, tmp_path):
    found = write(files, classes, tmp_path, contrasts=["f"], override="none")
    assert not set(OBJECT_SCORES) & set(found)
    assert list(found["label"].values) == ["f"]
    assert not {"mask_sha256", "objects"} & set(found.attrs)
    np.testing.assert_allclose(
        found["deletion_area"].sel(map="attribution"),
        found["deletion_area"].sel(map="hires_cam"),
        atol=1e-5,
    )
    top = write(files, classes, tmp_path, contrasts=[""])
    logits = datasets.read(classes / "none.h5")["logit"]
    assert list(top["index"].values) == list(np.argsort(-logits.to_numpy())[:2])


def test_the_same_files_give_the_same_bytes(files, classes, made, mask, tmp_path):
    write(files, classes, tmp_path, mask)
    for name in ("s.h5", "s.tsv"):
        assert (tmp_path / name).read_bytes() == (made[1] / name).read_bytes()


def test_maps_of_any_method_are_scored_in_python(files, made):
    task = LayerTask.read(**files, layer="mixed")
    pixels, _ = read_png(files["image"])
    scorer = LayerScores(task.network, pixels, task.gradients(), [2, 0, 4])
    maps = made[0]["maps"].to_numpy()
    found = scorer.score(maps[2:4].astype(float))
    for name in ("deletion", "insertion_area", "sparseness", "infidelity"):
        np.testing.assert_allclose(found[name], made[0][name][2:4], atol=1e-5)
    flat = scorer.score(np.zeros((1, *maps.shape[1:])))
    assert np.isnan(flat["sparseness"]).all()
    assert np.isfinite(flat["deletion"]).all()
    with pytest.raises(ValueError, match=r"maps have shape \(6, 3, .*, expected .*label, row, col"):
        scorer.score(maps.swapaxes(2, 3))
    with pytest.raises(ValueError, match=r"maps have shape \(0, 3, .*, at least one map, the last"):
        scorer.score(maps[:0])
    with pytest.raises(ValueError, match=r"maps have shape \(1, 1, 1\) of int64, expected numbers"):
        scorer.score([[[1]]])  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"of <U\d+, expected numbers"):
        scorer.score(maps.astype(str))
    listed = scorer.score(maps[2:4].tolist())
    np.testing.assert_allclose(listed["deletion"], found["deletion"], atol=1e-5)
    with pytest.raises(ValueError, match="1 mask for 3 labels; give one, or None, for each"):
        scorer.score(maps, [np.ones(SIZE, bool)])
    spoilt = maps.copy()
    spoilt[0, 0, 0, 0] = np.nan
    with pytest.raises(BadFile, match="map is not finite in 1 of"):
        scorer.score(spoilt)


def test_only_one_image_is_scored(files):
    """Curves from the pixels and from the layer would be of different images otherwise."""
    task = LayerTask.read(**files, layer="mixed")
    pixels, _ = read_png(files["image"])
    gradients, words = task.gradients(), "valid: a NumPy array, uint8 of the network's input size"
    cases: list[tuple[Any, str]] = [
        (pixels[:20], r"uint8 of shape \(20, 33, 3\)"),
        (np.repeat(np.repeat(pixels, 2, 0), 2, 1), r"uint8 of shape \(82, 66, 3\)"),
        (pixels / 255, r"float64 of shape \(41, 33, 3\)"),
        (pixels[..., :1], r"uint8 of shape \(41, 33, 1\)"),
        (pixels.tolist(), "of type list"),
    ]
    for wrong, found in cases:
        with pytest.raises(BadFile, match=rf"^pixels are {found}; {words}, \(41, 33, 3\)"):
            LayerScores(task.network, wrong, gradients, [0])
    with pytest.raises(BadFile, match=r"logits of the pixels and those of layer 'mixed' differ by"):
        LayerScores(task.network, 255 - pixels, gradients, [0])
    smooth = LayerTask.read(**files, layer="mixed", override="smooth")
    with pytest.raises(BadFile, match=r"gradients at layer 'mixed' have an override .*'none'"):
        LayerScores(task.network, pixels, smooth.gradients(), [0])
    for index in ([9], [-1], []):
        with pytest.raises(UnknownName, match=r"valid: integers from 0 to 8.*'indexes'"):
            LayerScores(task.network, pixels, gradients, index)


def test_compiled_scores_are_the_same(files, made, monkeypatch):
    """Whether passes are compiled, and how many of them are computed at once."""
    task = LayerTask.read(**files, layer="mixed")
    pixels, _ = read_png(files["image"])
    maps = made[0]["maps"].to_numpy()[:2]
    found = []
    for always, memory_mb in ((False, 2048), (True, 2048), (True, 0), (False, 0)):
        monkeypatch.setattr(batched_logits, "BYTES_PER_OPERATION", 0 if always else 1e30)
        scorer = LayerScores(
            task.network, pixels, task.gradients(), [2, 0, 4], "softmax", memory_mb
        )
        found.append(scorer.score(maps))
    for other in found[1:]:
        assert set(other) == set(found[0])
        for name in other:
            np.testing.assert_allclose(other[name], found[0][name], atol=1e-5, err_msg=name)


def test_more_random_orders_begin_with_the_same_ones(files, made):
    task = LayerTask.read(**files, layer="mixed")
    pixels, _ = read_png(files["image"])
    means = {}
    for orders in (2, 3, 4):
        given = task.network, pixels, task.gradients(), [2, 0, 4]
        found = LayerScores(*given, orders=orders).score(made[0]["maps"].to_numpy())
        assert found["random_mean"].attrs["long_name"].endswith(f"mean of {orders} random orders")
        means[orders] = found["random_area_mean"].to_numpy().astype(float)
    np.testing.assert_allclose(means[3], made[0]["random_area_mean"], atol=1e-5)
    third, fourth = (n * means[n] - (n - 1) * means[n - 1] for n in (3, 4))
    assert (np.abs(third - fourth) > 1e-4).all()
    with pytest.raises(ValueError, match="1 random order asked for; give at least 2"):
        LayerScores(*given, orders=1)


def test_random_orders_are_as_many_in_python_as_by_the_config():
    given = {"models": "m", "images": "i", "runs": "r"}
    default = inspect.signature(LayerScores).parameters["orders"].default
    assert Config(**given).scores.random_orders == default
    with pytest.raises(ValidationError, match=r"random_orders\n.*greater than or equal to 2"):
        Config.model_validate(given | {"scores": {"random_orders": 1}})


def test_attribution_of_another_gradient_or_of_zeros_is_refused(files, classes, tmp_path):
    with pytest.raises(BadFile, match=r"none\.h5' is from override 'none', expected 'smooth'"):
        write(files, classes, tmp_path, path=classes / "none.h5")
    zeros = datasets.read(classes / "smooth.h5").assign_attrs(cancels=1)
    datasets.write_h5(tmp_path / "z.h5", zeros)
    with pytest.raises(BadFile, match=r"is zero by mathematics .* nothing to score"):
        write(files, classes, tmp_path, path=tmp_path / "z.h5")
    assert not list(tmp_path.glob("s.*"))


def test_values_that_are_not_finite_are_refused(files, classes, tmp_path):
    spoilt = tmp_path / "a.zarr.zip"
    dataset = datasets.read(files["activations"])
    dataset["activations"][1, 1, 1] = np.inf
    datasets.write_zarr(spoilt, dataset)
    with pytest.raises(BadFile, match=r"is not finite in \d+ of .* check the model's weights"):
        write(files | {"activations": spoilt}, classes, tmp_path)
    assert not list(tmp_path.glob("s.*"))


def test_numbers_beyond_floats_on_the_way_are_refused(files, classes, tmp_path, monkeypatch):
    """Where the image gives numbers, and what stands in for a part of it does not."""

    def too_large(pixels):
        return {name: one * np.float32(1e38) for name, one in stand_ins(pixels).items()}

    monkeypatch.setattr(layer_scores, "stand_ins", too_large)
    with pytest.raises(BadFile, match="deletion at layer 'mixed' of model 'tiny' is not finite"):
        write(files, classes, tmp_path)
    assert not list(tmp_path.glob("s.*"))


def test_an_object_that_the_network_does_not_see_is_refused(files, classes, tmp_path):
    wide = np.zeros((41, 99, 3), np.uint8)  # cropped around its centre
    wide[3:9, 2:8, 0] = 255
    wide[10:20, 40:60, 1] = 255
    Image.fromarray(wide).save(tmp_path / "wide.png")
    objects = {"#ff0000": "c", "#00ff00": "a"}
    words = "object '#ff0000=c' of mask '.*wide.png' is outside of what model 'tiny' sees"
    with pytest.raises(BadFile, match=words):
        write(files, classes, tmp_path, tmp_path / "wide.png", objects=objects)
    found = write(files, classes, tmp_path, tmp_path / "wide.png", objects={"#00ff00": "a"})
    assert float(found["object_share"].sel(label="a")) == pytest.approx(200 / (41 * 33))
