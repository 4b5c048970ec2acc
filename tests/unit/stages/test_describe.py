"""What ``show`` says about each kind of file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from blockscope.io import datasets, images, provenance
from blockscope.io.atomic_files import atomic_write_text
from blockscope.io.errors import BadFile
from blockscope.models.card import InputSpec, Layer, ModelCard
from blockscope.stages.result_files import describe

FACTS = {"created_by": "classes", "model": "tiny", "layer": "mixed", "n": 2}


def dataset() -> xr.Dataset:
    values = np.linspace(-1.5, 2, 2 * 5 * 7, dtype="f4").reshape(2, 5, 7)
    values[0, 0, 1] = np.nan
    note = {"long_name": "activation times gradient", "units": "logit"}
    return xr.Dataset(
        {
            "attribution": (("label", "row", "col"), values, note),
            "nothing": ("row", np.full(5, np.nan, "f4")),
        },
        coords={"label": ["a", "b"], "index": ("label", np.array([3, 9], "i4"))},
        attrs=FACTS,
    )


def write_card(path: Path, layers: tuple[Layer, ...]) -> None:
    ModelCard(
        model="tiny", source="tiny.pb", source_sha256="ab", logits="out", outputs=4,
        input=InputSpec(tensor="input", size=(5, 7), range=(-117, 138)), layers=layers,
        labels=("none", "crane", "kite", "crane"), skip_labels=1,
        provenance=provenance.record("model", model="tiny"),
    ).write(path)  # fmt: skip


LAYERS = (
    Layer(name="conv1", op="Relu", shape=(5, 7, 3), inputs=()),
    Layer(name="mixed4d_pre_relu", op="ConcatV2", shape=(3, 4, 16), inputs=("conv1",)),
)


@pytest.mark.parametrize(
    ("name", "write"), [("a.h5", datasets.write_h5), ("a.zarr.zip", datasets.write_zarr)]
)
def test_arrays_with_their_axes(tmp_path: Path, name: str, write) -> None:
    write(tmp_path / name, dataset())
    lines = describe(tmp_path / name).splitlines()
    assert lines[0].endswith(
        f"{name}: attribution of every label's logit to the positions of one layer"
    )
    axes = next(line for line in lines if line.startswith("Axes: "))
    assert sorted(axes.removeprefix("Axes: ").split(", ")) == ["col 7", "label 2", "row 5"]
    found = "  attribution (label, row, col) float32  -1.5 to 2, 1 not a number"
    assert f"{found}  [activation times gradient, logit]" in lines
    assert "  nothing (row) float32  no numbers, 5 not a number" in lines
    assert "  label (label) text  [name of the label]" in lines
    assert "  row (row) int32  0 to 4  [row, from the top, 1]" in lines
    assert "  index (label) int32  3 to 9  [1]" in lines
    start = lines.index("Provenance") + 1
    assert lines[start:] == [
        "  created_by  classes", "  model       tiny", "  layer       mixed", "  n           2",
    ]  # fmt: skip


@pytest.mark.parametrize("name", ["model.json", "tiny.json"])
def test_a_card_lists_layers_and_repeated_labels(tmp_path: Path, name: str) -> None:
    write_card(tmp_path / name, LAYERS)
    lines = describe(tmp_path / name).splitlines()
    assert "Input: input, 5 x 7 pixels, values -117 to 138" in lines
    assert "Logits (head: softmax): out, 4 in all, 3 with a label" in lines
    assert "  conv1             5 x 7 x 3  Relu" in lines
    assert "  mixed4d_pre_relu  3 x 4 x 16  ConcatV2" in lines
    assert "Labels that occur more than once (give their index): crane: 1, 3" in lines


def test_a_card_without_layers(tmp_path: Path) -> None:
    write_card(tmp_path / "model.json", ())
    assert "Layers (0)" in describe(tmp_path / "model.json")


def test_a_graph_is_reported_by_the_card_beside_it(tmp_path: Path) -> None:
    write_card(tmp_path / "model.json", LAYERS)
    with pytest.raises(BadFile, match=r"graph\.pb' does not exist"):
        describe(tmp_path / "graph.pb")
    (tmp_path / "graph.pb").touch()
    assert describe(tmp_path / "graph.pb") == describe(tmp_path / "model.json")


def test_an_image_and_a_table(tmp_path: Path) -> None:
    images.write_png(tmp_path / "input.png", np.zeros((5, 7, 3), np.uint8), {"created_by": "input"})
    text = describe(tmp_path / "input.png")
    assert "image as the network sees it" in text
    assert "Image: 5 x 7 pixels (row x col)" in text
    header = provenance.tsv_header({"created_by": "factors"})
    atomic_write_text(tmp_path / "a.tsv", f"{header}factor\tlabel\n1\ta\n1\tb\n")
    assert "Table of 2 rows: factor, label" in describe(tmp_path / "a.tsv")
    atomic_write_text(tmp_path / "a.tsv", header)
    with pytest.raises(BadFile, match=r"table '.*a\.tsv' cannot be read: No columns"):
        describe(tmp_path / "a.tsv")


def test_a_stage_that_is_not_known_is_reported_by_its_name(tmp_path: Path) -> None:
    atomic_write_text(
        tmp_path / "a.svg", '<dc:description>{"created_by": "later"}</dc:description>'
    )
    assert describe(tmp_path / "a.svg").splitlines()[0].endswith("a.svg: later")


def test_a_damaged_card_is_named(tmp_path: Path) -> None:
    atomic_write_text(tmp_path / "model.json", '{"provenance": {"created_by": "model"}}')
    with pytest.raises(BadFile, match=r"model\.json' has no checksum"):
        describe(tmp_path / "model.json")
