"""The stages "sweep" and "exemplars": a folder of images through a tiny network, as files."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from helpers.tiny_files import write_tiny_files
from helpers.trace_cache import trace_responses_once
from PIL import Image

from blockscope.exemplars import sweep as sweeping
from blockscope.exemplars.result import LayerExemplars
from blockscope.io import datasets, provenance
from blockscope.io.errors import BadFile
from blockscope.io.json_files import read_facts
from blockscope.models.card import ModelCard
from blockscope.runtime.checkpoint import FolderCheckpoint
from blockscope.stages.attribution.activations import read_activations, write_activations
from blockscope.stages.attribution.neuron_groups import write_neuron_groups
from blockscope.stages.datasets import sweep as stage
from blockscope.stages.datasets.dataset import write_dataset
from blockscope.stages.datasets.exemplar_sheet import write_exemplar_sheet
from blockscope.stages.datasets.exemplars import write_exemplars
from blockscope.stages.datasets.sweep import write_part
from blockscope.stages.network.input import write_input

IMAGES = 70
OPTIONS = {"exemplars": 5, "vectors": 12, "seed": 4, "relevance": True}
SHEET_FILES = {"zarr": "zarr.zip", "png": "png", "json": "json"}


class Killed(BaseException):
    """What a signal would do."""


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    monkeypatch.setattr(sweeping, "BLOCK", 16)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    return write_tiny_files(tmp_path_factory.mktemp("tiny"), "mixed")


@pytest.fixture(autouse=True, scope="module")
def traced_once():
    with pytest.MonkeyPatch.context() as patch:
        trace_responses_once(patch)
        yield


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """Images of several sizes, one of them damaged, one of them no image by its name."""
    rng = np.random.default_rng(0)
    found = tmp_path_factory.mktemp("data") / "photos"
    for number in range(IMAGES):
        size = (9 + number % 5, 20 - number % 3)
        pixels = rng.integers(0, 256, (*size, 3)).astype(np.uint8)
        path = found / "abc"[number % 3] / f"{number:03}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(path)
    (found / "notes.txt").write_text("no image")
    return found


@pytest.fixture(scope="module")
def indexed(photos, tmp_path_factory):
    return listed(photos, tmp_path_factory.mktemp("index") / "index.h5")


@pytest.fixture
def folder(photos, tmp_path):
    """A copy that a test may change."""
    return Path(shutil.copytree(photos, tmp_path / "photos"))


@pytest.fixture
def index(folder, tmp_path):
    return listed(folder, tmp_path / "index.h5")


def listed(folder, path):
    write_dataset(
        dataset="photos", path=str(folder), count=None, seed=0, labels="folders", output=path
    )
    return path


@pytest.fixture(scope="module")
def whole(files, indexed, tmp_path_factory):
    """The folder of a sweep in one part."""
    found = tmp_path_factory.mktemp("whole")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sweeping, "BLOCK", 16)
        part(files, indexed, found)
    for layer in ("mixed", "early"):
        put_together(files, indexed, [found / "0-of-1.h5"], found / f"{layer}.h5", layer)
    return found


def part(files, index, folder, number=0, parts=1, **changes):
    output = folder / f"{number}-of-{parts}.h5"
    known = {
        "graph": files["graph"],
        "card": files["card"],
        "index": index,
        "layers": ["early", "mixed"],
        "part": number,
        "parts": parts,
        "options": OPTIONS,
        "damaged_ppm": 50_000,
        "background": (255, 255, 255),
        "progress": folder / "progress",
        "code": "1",
        "output": output,
    }
    write_part(**known | changes)
    return output


def put_together(files, index, shards, output, layer="mixed", **changes) -> LayerExemplars:
    known = {
        "card": files["card"],
        "index": index,
        "shards": shards,
        "dataset": "photos",
        "layer": layer,
        "damaged_ppm": 50_000,
        "output": output,
    }
    write_exemplars(**known | changes)
    return LayerExemplars.read(output)


def test_any_number_of_parts_gives_the_same_bytes(files, indexed, whole, tmp_path):
    shards = [part(files, indexed, tmp_path, number, 3) for number in range(3)]
    for layer in ("mixed", "early"):
        put_together(files, indexed, shards, tmp_path / "found.h5", layer)
        assert (tmp_path / "found.h5").read_bytes() == (whole / f"{layer}.h5").read_bytes()


def test_the_file_says_what_drives_a_channel(files, photos, whole, tmp_path):
    found = LayerExemplars.read(whole / "mixed.h5")
    assert found.rankings[0] == "activation_maximum"
    assert found.images == IMAGES
    assert found.value.shape[1:] == found.number.shape[1:] == (found.mean.size, 5)
    assert found.histogram.sum(axis=1).tolist() == [found.histogram[0].sum()] * found.mean.size
    number, name = found.number[0, 2, 0], dict(zip(found.shown, found.shown_name, strict=True))
    label = dict(zip(found.shown, found.shown_label, strict=True))
    assert label[number] == name[number].split("/")[0]
    # The same image by the stages that figures are made of.
    write_input(
        image_path=photos / name[number], card_path=files["card"],
        output=tmp_path / "input.png", background=(255, 255, 255), image="one",
    )  # fmt: skip
    write_activations(
        graph=files["graph"], card=files["card"], image=tmp_path / "input.png", layer="mixed",
        output=tmp_path / "a.zarr.zip",
    )  # fmt: skip
    maps = read_activations(tmp_path / "a.zarr.zip", {})
    row, col = found.position[0, 2, 0]
    np.testing.assert_allclose(maps[row, col, 2], found.value[0, 2, 0], rtol=1e-5)
    assert maps[..., 2].max() == maps[row, col, 2]
    content = datasets.read(whole / "mixed.h5")
    assert content["second_moment"].dims == ("channel", "other_channel")
    assert content["vectors"].dims == ("sample", "channel")
    facts = provenance.read(whole / "mixed.h5")
    recorded = {"created_by": "exemplars", "dataset": "photos", "layer": "mixed", "model": "tiny"}
    assert recorded.items() <= facts.items()
    assert "parts" not in facts


def spoil(folder: Path, numbers: tuple[int, ...]) -> None:
    for number in numbers:
        path = next(folder.glob(f"*/{number:03}.png"))
        path.write_bytes(path.read_bytes()[:60])


def test_damaged_images_are_listed_up_to_a_share(files, index, folder, tmp_path):
    spoil(folder, (5, 33, 40, 41))
    shards = [part(files, index, tmp_path, number, 2) for number in range(2)]
    with pytest.raises(BadFile, match=r"4 images of data set 'photos' cannot be read") as error:
        put_together(files, index, shards, tmp_path / "found.h5")
    assert "at most 3 may be" in str(error.value)
    assert not (tmp_path / "found.h5").exists()
    # More are allowed without another pass.
    found = put_together(files, index, shards, tmp_path / "found.h5", damaged_ppm=60_000)
    assert found.images == IMAGES - 4
    content = datasets.read(tmp_path / "found.h5")
    names = [str(name) for name in content["damaged_name"].to_numpy()]
    assert names == ["a/033.png", "b/040.png", "c/005.png", "c/041.png"]
    assert all("is damaged" in str(words) for words in content["damaged_reason"].to_numpy())


def test_of_no_image_nothing_is_written(files, index, folder, tmp_path):
    spoil(folder, tuple(range(IMAGES)))
    shards = [part(files, index, tmp_path, damaged_ppm=1_000_000)]
    with pytest.raises(
        BadFile, match=r"no image of data set 'photos' can be read.* image file .*000.png'"
    ):
        put_together(files, index, shards, tmp_path / "found.h5", damaged_ppm=1_000_000)
    assert not (tmp_path / "found.h5").exists()


def test_relevance_is_in_units_of_outputs_where_there_is_no_head(files, indexed, whole, tmp_path):
    card = ModelCard.read(files["card"]).model_copy(update={"head": "none"})
    card.write(tmp_path / "card.json")
    shards = [whole / "0-of-1.h5"]
    put_together(files, indexed, shards, tmp_path / "found.h5", card=tmp_path / "card.json")
    for path, unit in ((tmp_path / "found.h5", "output"), (whole / "mixed.h5", "logit")):
        found = datasets.read(path)
        assert found["relevance_by_label"].attrs["units"] == unit
        assert f"relevance, in {unit}s" in found["value"].attrs["long_name"]


@pytest.fixture
def started(monkeypatch):
    """The first image of each sweep that is started."""
    seen, before = [], sweeping.sweep

    def noting(responses, state, *arguments, **options):
        seen.append(state.next)
        before(responses, state, *arguments, **options)

    monkeypatch.setattr(stage, "sweep", noting)
    return seen


def test_a_killed_job_goes_on(files, indexed, whole, tmp_path, monkeypatch, started):
    monkeypatch.setattr(stage, "KEEP_EVERY", 0.0)
    kept, write = [], FolderCheckpoint.write

    def write_and_die(self, name, arrays):
        write(self, name, arrays)
        kept.append(int(arrays["next"]))
        if len(kept) in (1, 3):
            raise Killed

    monkeypatch.setattr(FolderCheckpoint, "write", write_and_die)
    for _ in range(2):
        with pytest.raises(Killed):
            part(files, indexed, tmp_path)
    shard = part(files, indexed, tmp_path)
    assert started == [0, 16, 48]
    put_together(files, indexed, [shard], tmp_path / "mixed.h5")
    assert (tmp_path / "mixed.h5").read_bytes() == (whole / "mixed.h5").read_bytes()
    assert not list((tmp_path / "progress").rglob("*.npz"))


def test_what_was_kept_of_other_settings_or_code_is_not_used(
    files, indexed, tmp_path, monkeypatch, started
):
    monkeypatch.setattr(stage, "KEEP_EVERY", 0.0)

    def dies(*_arguments, **_options):
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(stage, "_as_dataset", dies)
        with pytest.raises(Killed):
            part(files, indexed, tmp_path)
    part(files, indexed, tmp_path, code="2")
    part(files, indexed, tmp_path, options=OPTIONS | {"exemplars": 4})
    part(files, indexed, tmp_path)
    assert started == [0, 0, 0, IMAGES]


def test_parts_that_do_not_belong_together_are_refused(files, indexed, tmp_path):
    first, second = (part(files, indexed, tmp_path, number, 2) for number in range(2))
    other = tmp_path / "other"
    other.mkdir()
    changed = part(files, indexed, other, 1, 2, options=OPTIONS | {"seed": 5})
    with pytest.raises(BadFile, match="made with another network, data set, version of the code"):
        put_together(files, indexed, [first, changed], tmp_path / "f.h5")
    with pytest.raises(BadFile, match=r"ends? at image 32 of 70"):
        put_together(files, indexed, [first], tmp_path / "f.h5")
    with pytest.raises(BadFile, match="begins at image 32, not at 0"):
        put_together(files, indexed, [second, first], tmp_path / "f.h5")
    with pytest.raises(BadFile, match=r"has no layer 'late'; it has: early, mixed"):
        put_together(files, indexed, [first, second], tmp_path / "f.h5", "late")
    assert not (tmp_path / "f.h5").exists()


def test_a_data_set_that_changed_meanwhile_is_refused(files, index, folder, whole, tmp_path):
    Image.new("RGB", (9, 9)).save(folder / "a" / "new.png")
    listed(folder, index)
    with pytest.raises(BadFile, match="made with another network, data set"):
        put_together(files, index, [whole / "0-of-1.h5"], tmp_path / "f.h5")


def test_neuron_groups_have_exemplars_too(files, indexed, tmp_path):
    groups = tmp_path / "groups.h5"
    write_neuron_groups(**files, layer="mixed", n=3, output=groups, memory_mb=2048)
    changes = {"layers": ["mixed"], "neuron_groups": groups}
    shards = [part(files, indexed, tmp_path, number, 2, **changes) for number in range(2)]
    found = put_together(files, indexed, shards, tmp_path / "f.h5", unit="factor")
    assert found.value.shape == (4, 3, 5)
    assert found.unit == "factor"
    content = datasets.read(tmp_path / "f.h5")
    assert content["mean"].dims == ("factor",)
    assert "second_moment" not in content
    assert "vectors" not in content
    assert content.attrs["image"] == datasets.read(groups).attrs["image"]
    sheet = {kind: tmp_path / f"sheet.{end}" for kind, end in SHEET_FILES.items()}
    write_exemplar_sheet(
        exemplars=tmp_path / "f.h5", index=indexed, graph=files["graph"], card=files["card"],
        neuron_groups=groups, background=(0, 0, 0), memory_mb=100, **sheet,
    )  # fmt: skip
    crops = datasets.read(sheet["zarr"])
    assert crops["crops"].dims[:3] == ("ranking", "factor", "rank")
    described = read_facts(sheet["json"], "sheet")
    assert (described["unit"], described["sprite"], described["wrap"]) == ("factor", [0, 1, 2], 2)
    assert described["provenance"]["image"] == content.attrs["image"]
    with pytest.raises(
        BadFile, match=r"groups.h5' is from layer 'mixed', expected 'early'; regenerate it"
    ):
        part(files, indexed, tmp_path, layers=["early"], neuron_groups=groups)


def test_other_files_are_no_exemplars(whole):
    shard = whole / "0-of-1.h5"
    assert json.loads(str(provenance.read(shard)["layers"])) == ["early", "mixed"]
    with pytest.raises(BadFile, match="holds no exemplars; it is written by the rule exemplars"):
        LayerExemplars.read(shard)
