"""The comparison of two result folders: what it calls equal, renamed and different."""

from __future__ import annotations

import base64
import io
import json
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from bench import compare_results
from bench.comparison import RENAMED, Report
from blockscope.figures.page.quantization import pack
from blockscope.io import datasets

VALUES = np.arange(105, dtype=np.float32).reshape(5, 7, 3)
FACTS = {"created_by": "classes", "git_commit": "1"}


def png(pixels: np.ndarray, **facts: str) -> bytes:
    chunks, content = PngInfo(), io.BytesIO()
    chunks.add_text("blockscope", json.dumps(facts))
    Image.fromarray(pixels).save(content, format="PNG", pnginfo=chunks)
    return content.getvalue()


def page(data: object, words: str = "Provenance", **facts: str) -> str:
    return (
        f'<script type="application/json" id="blockscope-provenance">{json.dumps(facts)}</script>'
        f'<script type="application/json" id="blockscope-data">{json.dumps(data)}</script>'
        f"<p>{words}</p><script>let bundle = {len(words)};</script>"
    )


def svg(words: str, width: int = 7, name: str = "p0123456789") -> str:
    return (
        '<svg xmlns="http://www.w3.org/2000/svg"><defs><clipPath id="' + name + '"/></defs>'
        f'<rect width="{width}" clip-path="url(#{name})"/><g id="text_1"><text>{words}</text></g>'
        "</svg>"
    )


class Folders:
    """Two folders of results that are made up file by file."""

    def __init__(self, root: Path) -> None:
        self.old, self.new = root / "old", root / "new"

    def write(
        self, name: str, old: str | bytes | None, new: str | bytes | None, to: str = ""
    ) -> None:
        for folder, content, path in ((self.old, old, name), (self.new, new, to or name)):
            if content is not None:
                target = folder / path
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(content.encode() if isinstance(content, str) else content)

    def arrays(self, name: str, old: xr.Dataset, new: xr.Dataset) -> None:
        write = datasets.write_h5 if name.endswith(".h5") else datasets.write_zarr
        for folder, dataset in ((self.old, old), (self.new, new)):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            write(folder / name, dataset)

    def compare(self, **renamed: str) -> Report:
        return compare_results.compare_folders(self.old, self.new, RENAMED | renamed)


@pytest.fixture
def folders(tmp_path: Path) -> Folders:
    return Folders(tmp_path)


def dataset(values: np.ndarray = VALUES, name: str = "a", **facts: str | float) -> xr.Dataset:
    dims = ("row", "col", "channel")[: values.ndim]
    return xr.Dataset({name: (dims, values, {"units": "logit"})}, attrs=FACTS | facts)


@pytest.mark.parametrize("name", ["m/a.h5", "m/a.zarr.zip"])
def test_equal_arrays_and_their_provenance(folders, name) -> None:
    folders.arrays(name, dataset(), dataset(git_commit="2"))
    report = folders.compare()
    assert not report.differ
    assert not report.texts
    assert report.equal["variable"] == 4  # with three axes
    assert dict(report.provenance) == {"git_commit: 1 -> 2": 1}


@pytest.mark.parametrize("name", ["a.h5", "a.zarr.zip"])
def test_a_number_in_the_provenance_counts(folders, name) -> None:
    folders.arrays(name, dataset(relative_error=0.5), dataset(relative_error=0.5000001))
    assert folders.compare().differ == {name: ["relative_error: 0.5 -> 0.5000001"]}


@pytest.mark.parametrize("name", ["a.h5", "a.zarr.zip"])
def test_one_bit_of_an_array_is_found(folders, name) -> None:
    values = VALUES.copy()
    values[4, 6, 1] = np.nextafter(values[4, 6, 1], np.float32(1000))
    folders.arrays(name, dataset(), dataset(values))
    (found,) = folders.compare().differ[name]
    assert found.startswith("a: 1 of 105 values differ, by at most 7.63e-06")


def test_nan_is_equal_to_the_same_nan_and_to_no_number(folders) -> None:
    values = VALUES.copy()
    values[0, 0, 0] = np.nan
    folders.arrays("same.h5", dataset(values), dataset(values))
    folders.arrays("other.h5", dataset(), dataset(values))
    assert list(folders.compare().differ) == ["other.h5"]


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        (VALUES.astype(float), r"float32 (5, 7, 3) -> float64 (5, 7, 3)"),
        (VALUES[:4], r"float32 (5, 7, 3) -> float32 (4, 7, 3)"),
    ],
)
def test_type_and_shape_count(folders, changed, words) -> None:
    folders.arrays("a.h5", dataset(), dataset(changed))
    assert f"a: {words}" in folders.compare().differ["a.h5"]


def test_swapped_axes_of_the_same_length_are_found(folders) -> None:
    square = np.zeros((3, 3), np.float32)
    turned = xr.Dataset({"a": (("col", "row"), square, {"units": "logit"})}, attrs=FACTS)
    folders.arrays("a.h5", dataset(square), turned)
    assert any("axes ('row', 'col')" in note for note in folders.compare().differ["a.h5"])


def test_a_renamed_variable_is_compared_and_listed(folders) -> None:
    folders.arrays("same.h5", dataset(name="judge"), dataset(name="heldout_objective"))
    folders.arrays("other.h5", dataset(name="judge"), dataset(VALUES + 1, "heldout_objective"))
    folders.arrays("gone.h5", dataset(name="judge"), dataset(name="score"))
    report = folders.compare()
    assert report.renamed["variable judge -> heldout_objective"] == 2
    assert set(report.differ) == {"other.h5", "gone.h5"}
    assert report.differ["gone.h5"] == [
        "judge: only in the old folder",
        "score: only in the new folder",
    ]
    assert not {"gone.h5"} & set(folders.compare(judge="score").differ)


def test_what_describes_a_variable_is_words(folders) -> None:
    other = dataset()
    other["a"].attrs["units"] = "1"
    folders.arrays("a.h5", dataset(), other)
    report = folders.compare()
    assert not report.differ
    assert report.texts == {"a.h5": ["a, units: 'logit' -> '1'"]}


def test_pixels(folders, rng) -> None:
    pixels = rng.integers(0, 255, (5, 7, 3), np.uint8)
    changed = pixels.copy()
    changed[4, 6, 1] += 1
    folders.write("same.png", png(pixels, git_commit="1"), png(pixels, git_commit="2"))
    folders.write("other.png", png(pixels), png(changed))
    folders.write("grey.png", png(pixels[..., 0]), png(pixels))
    report = folders.compare()
    assert set(report.differ) == {"other.png", "grey.png"}
    assert report.differ["other.png"] == ["pixels: 1 of 105 values differ, by at most 1"]
    assert report.provenance["git_commit: 1 -> 2"] == 1


def test_json_with_renamed_keys(folders) -> None:
    def sheet(name: str, last: float, commit: str) -> str:
        return json.dumps({"tile": 64, name: [0.5, last], "provenance": {"git_commit": commit}})

    folders.write("same.json", sheet("judge", 1, "1"), sheet("heldout_objective", 1, "2"))
    folders.write("other.json", sheet("judge", 1, "1"), sheet("judge", 1.5, "1"))
    folders.write("type.json", sheet("judge", 1, "1"), sheet("judge", 1.0, "1"))
    report = folders.compare()
    assert report.differ["other.json"] == ["judge: 1 entries differ, the first is 1: 1 -> 1.5"]
    assert set(report.differ) == {"other.json", "type.json"}
    assert report.renamed == {"key judge -> heldout_objective": 1}


def test_the_data_of_a_page_is_unpacked(folders, rng) -> None:
    array = rng.normal(size=(3, 5))
    pixels = rng.integers(0, 255, (4, 6, 3), np.uint8)
    uri = "data:image/png;base64," + base64.b64encode(png(pixels)).decode()
    again = "data:image/png;base64," + base64.b64encode(png(pixels, a="b")).decode()
    array2 = array.copy()
    array2[2, 4] *= 1.1
    before = {"maps": {"classes": pack(array, 16)}, "picture": {"uri": uri}, "image": "two"}
    after = {"maps": {"classes": pack(array, 16)}, "image": {"uri": again}, "name": "two"}
    changed = {"maps": {"classes": pack(array2, 16)}, "picture": {"uri": uri}, "image": "two"}
    folders.write("a/index.html", page(before), page(after, git_commit="2"))
    folders.write("b/index.html", page(before), page(changed))
    report = folders.compare(picture="image", image="name")
    assert list(report.differ) == ["b/index.html"]
    assert "blockscope-data.maps.classes" in report.differ["b/index.html"][0]
    assert report.equal["packed array"] == 1
    assert not report.texts
    assert report.renamed["key picture -> image"] == 1
    assert report.provenance == {"git_commit: (absent) -> 2": 1}


def test_what_moved_inside_a_page_is_compared_and_listed(folders, rng) -> None:
    array, count = rng.normal(size=(3, 5)), {"count": 6, "sum": [1, 2.5]}
    before = {"neurons": {"effect": pack(array, 16), **count}, "steps": 3}
    after = {"panels": {"neuron_groups": {"data": {"effect": pack(array, 16), **count}}}}
    folders.write("a/index.html", page(before), page(after | {"steps": 3}))
    folders.write("b/index.html", page(before), page(after | {"taken": 3}))
    report = folders.compare()
    assert report.renamed == {"key neurons -> panels.neuron_groups.data": 6}
    assert report.differ == {
        "b/index.html": [
            "blockscope-data.steps: only in the old folder",
            "blockscope-data.taken: only in the new folder",
        ]
    }


def test_words_of_a_page_are_words(folders) -> None:
    data = {"palettes": [{"words": "violet: against"}]}
    other = {"palettes": [{"words": "violet: lowers"}]}
    folders.write("index.html", page(data, "Where it comes from"), page(other, "Provenance"))
    report = folders.compare()
    assert not report.differ
    assert report.texts["index.html"] == [
        "blockscope-data.palettes.0.words: 'violet: against' -> 'violet: lowers'",
        "'Where it comes from' -> (absent)",
        "(absent) -> 'Provenance'",
    ]


def test_drawings_are_compared_by_their_shapes(folders) -> None:
    folders.write("words.svg", svg("picture"), svg("image", name="p9876543210"))
    folders.write("shapes.svg", svg("image"), svg("image", width=8))
    report = folders.compare()
    assert set(report.differ) == {"shapes.svg"}
    assert report.texts["words.svg"] == ["'picture' -> (absent)", "(absent) -> 'image'"]


def test_tables_and_other_files(folders) -> None:
    folders.write("a.tsv", "# git_commit: 1\nlabel\tweight\n", "# git_commit: 2\nlabel\tweight\n")
    folders.write("b.tsv", "label\tweight\n", "label\tshare\n")
    folders.write("graph.pb", b"\x00\x01", b"\x00\x02")
    folders.write("panel.pdf", b"1", b"2")
    report = folders.compare()
    assert set(report.differ) == {"b.tsv", "graph.pb"}
    assert report.provenance == {"git_commit: 1 -> 2": 1}
    assert report.skipped == {"PDF file": 1}


def test_a_renamed_panel_is_found_under_its_new_name(folders) -> None:
    folders.write(
        "figures/a/dictionary.svg", svg("x"), svg("x"), "figures/a/semantic_dictionary.svg"
    )
    folders.write("figures/a/channels.svg", svg("x"), svg("x"))
    folders.write("models/m/dictionary.svg", svg("x"), svg("x"), "models/m/semantic_dictionary.svg")
    report = folders.compare()
    assert set(report.differ) == {"models/m/dictionary.svg", "models/m/semantic_dictionary.svg"}
    assert report.renamed == {"file .../dictionary.svg -> semantic_dictionary.svg": 1}


def test_files_of_one_folder_and_broken_files_are_listed(folders) -> None:
    folders.write("gone.tsv", "a", None)
    folders.write("come.tsv", None, "a")
    folders.write("broken.h5", b"1", b"2")
    found = folders.compare().differ
    assert found["gone.tsv"] == ["file: only in the old folder"]
    assert found["come.tsv"] == ["file: only in the new folder"]
    assert found["broken.h5"][0].startswith("file: cannot be read: ")


def test_the_command(folders, capsys) -> None:
    folders.write("a.svg", svg("picture"), svg("image, as the network sees it"))
    arguments = [str(folders.old), str(folders.new)]
    assert compare_results.main(arguments) == 1
    assert compare_results.main([*arguments, "--ignore-texts"]) == 0
    assert "0 files differ, 1 in words (ignored)" in capsys.readouterr().out
    folders.write("b.tsv", "1", "2")
    assert compare_results.main([*arguments, "--ignore-texts"]) == 1
    assert "b.tsv\n    cells: differs\n" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["old", "gone"], "'gone' is not a folder with results"),
        (["old", "old", "--renamed", "a"], "--renamed takes OLD=NEW"),
    ],
)
def test_wrong_arguments(folders, monkeypatch, capsys, arguments, words) -> None:
    folders.write("a.tsv", "1", "2")
    monkeypatch.chdir(folders.old.parent)
    with pytest.raises(SystemExit, match="2"):
        compare_results.main(arguments)
    assert words in capsys.readouterr().err
