"""Files that were changed anywhere are read as they are, or refused in words: never a traceback.

`HYPOTHESIS_EXAMPLES=2000` tries more than the 50 of each kind.
"""

from __future__ import annotations

import os
import shutil
import tarfile
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import cache, partial
from pathlib import Path
from typing import TypeVar

import numpy as np
import pytest
import xarray as xr
from helpers.repository import ROOT
from helpers.tiny_project import write_tiny_network
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from blockscope.config.error_list import ErrorList
from blockscope.config.settings import Config, DatasetRow, ImageRow, RunRow
from blockscope.config.strict_yaml import parse_yaml
from blockscope.config.tables import parse_catalogue, read_mapping, read_table
from blockscope.io import datasets
from blockscope.io.errors import BlockscopeError
from blockscope.io.image_sets import ImageSet
from blockscope.io.json_files import write_facts
from blockscope.models.card import ModelCard
from blockscope.models.entry import ModelEntry
from blockscope.stages.datasets.dataset import write_dataset
from blockscope.stages.network.model import write_model

PIECES = (
    *(b"", b"\t", b"\n", b"\r", b"\0", b": ", b"- ", b"#", b"&a ", b"*a", b"<<: ", b"!!int "),
    *(
        b"{",
        b"]",
        b'"',
        b"'",
        b"%",
        b"@",
        b"~",
        b"\xff",
        b"\xef\xbb\xbf",
        b"NaN",
        b".inf",
        b"1e999",
    ),
    *(b"0300", b"5:00", b"2024-13-45", b"9" * 5000, b"[" * 300, b"../../x"),
    *("\u2028".encode(), "\U0001f600".encode()),
)
CHANGE = st.tuples(
    st.floats(0, 1, exclude_max=True),
    st.integers(0, 40),
    st.one_of(st.sampled_from(PIECES), st.binary(max_size=8)),
)
Found = TypeVar("Found")
CHANGES = st.one_of(
    st.lists(CHANGE, min_size=1, max_size=4),
    # Other bytes in their places: what a format counts stays right.
    st.lists(
        st.tuples(st.floats(0, 1, exclude_max=True), st.just(1), st.binary(min_size=1, max_size=1)),
        min_size=1,
        max_size=4,
    ),
)
EXAMPLES = int(os.environ.get("HYPOTHESIS_EXAMPLES", "50"))
changed = settings(max_examples=EXAMPLES, deadline=timedelta(seconds=10))


def put(content: bytes, changes: list[tuple[float, int, bytes]]) -> bytes:
    """Replace pieces of a content, each at a place that is a share of its length."""
    for share, length, piece in changes:
        at = int(share * (len(content) + 1))
        content = content[:at] + piece + content[at + length :]
    return content


@cache
def kept() -> Path:
    """Return the folder of all tests here: a fixture would be one for all examples, too."""
    return Path(tempfile.mkdtemp(prefix="blockscope-tests-"))


@pytest.fixture(scope="module", autouse=True)
def folder_removed() -> Iterator[None]:
    yield
    shutil.rmtree(kept())


def write(name: str, content: bytes) -> Path:
    path = Path(kept(), name)
    path.write_bytes(content)
    return path


def parsed(reader: Callable[[Path, ErrorList], object], name: str, content: bytes) -> None:
    problems = ErrorList()
    found = reader(write(name, content), problems)
    assert found is not None or problems.texts
    assert all(": " in text and "Traceback" not in text for text in problems.texts)


def read_or_refused(
    reader: Callable[[Path], Found], path: Path, name: str | None = None
) -> Found | None:
    """Return what is read; None where it is refused with the name of the file, or another."""
    try:
        return reader(path)
    except BlockscopeError as error:
        words = str(error)
    assert (name or str(path)) in words
    assert "Traceback" not in words
    return None


def settings_in(path: Path, problems: ErrorList) -> object:
    mapped = read_mapping(path, problems)
    return mapped and problems.parse(Config, dict(mapped.content), str(path))


def rows_in(model: type[RunRow | ImageRow | DatasetRow], path: Path, problems: ErrorList) -> object:
    rows = read_table(path, model, problems)
    return rows and [problems.parse(model, row.cells, f"{path}, line {row.line}") for row in rows]


@changed
@given(CHANGES)
def test_changed_settings(changes):
    parsed(settings_in, "config.yaml", put((ROOT / "config/config.yaml").read_bytes(), changes))


@changed
@given(CHANGES)
def test_a_changed_catalogue(changes):
    content = put((ROOT / "config/models.yaml").read_bytes(), changes)
    parsed(parse_catalogue, "models.yaml", content)


@changed
@given(CHANGES)
def test_changed_tables(changes):
    tables = (("runs.tsv", RunRow), ("images.tsv", ImageRow), ("datasets.tsv", DatasetRow))
    for name, model in tables:
        content = put((ROOT / "config" / name).read_bytes(), changes)
        parsed(partial(rows_in, model), name, content)


@cache
def card() -> bytes:
    path = Path(kept(), "model.json")
    layers = [{"name": "low", "op": "Relu", "shape": [4, 5, 3], "inputs": []}]
    spec = {"tensor": "input", "size": [40, 50], "range": [-1, 1]}
    labels = {"labels": ["none", "ant", "bee"], "skip_labels": 1}
    facts = {"model": "tiny", "source": "tiny.pb", "source_sha256": "0", "input": spec}
    write_facts(path, {**facts, "logits": "logits", "outputs": 2, "layers": layers, **labels})
    ModelCard.read(path)
    return path.read_bytes()


@changed
@given(CHANGES)
def test_a_changed_card(changes):
    path = write("changed.json", card())
    whole = ModelCard.read(path)
    path.write_bytes(put(card(), changes))
    found = read_or_refused(ModelCard.read, path)
    assert found in (None, whole)  # whole: as with another space between its words


@cache
def arrays(ending: str) -> tuple[bytes, xr.Dataset]:
    values = np.random.default_rng(3).normal(size=(5, 7, 3)).astype(np.float32)
    labels = ("label", np.array(["ant", "bee", "cow"], dtype=object))
    dataset = xr.Dataset({"attribution": (("row", "col", "label"), values)}, {"label": labels})
    path = Path(kept(), f"whole{ending}")
    (datasets.write_h5 if ending == ".h5" else datasets.write_zarr)(path, dataset)
    return path.read_bytes(), datasets.read(path)


@pytest.mark.parametrize("ending", datasets.ENDINGS)
@changed
@given(changes=CHANGES)
def test_changed_arrays(ending, changes):
    content, whole = arrays(ending)
    path = write(f"changed{ending}", put(content, changes))
    found = read_or_refused(datasets.read, path)
    assert (found is None) == (path.read_bytes() != content)
    assert found is None or found.identical(whole)


@cache
def graph() -> bytes:
    path = Path(kept(), "whole.pb")
    write_tiny_network(path)
    return path.read_bytes()


def card_of(path: Path) -> ModelCard:
    """Bring a network into normal form, as the stage ``model`` does."""
    labels = write("labels.json", b'["none", "ant", "bee", "cow", "dog", "elk"]')
    spec = {"tensor": "input", "size": [160, 200], "range": [-1, 1]}
    entry = {"graph": str(path), "input": spec, "logits": "logits", "labels": str(labels)}
    card_path = path.with_name("card.json")
    write_model(
        entry=ModelEntry.model_validate({**entry, "skip_labels": 1}),
        name="changed",
        graph_path=path.with_name("graph.pb"),
        card_path=card_path,
        downloads=path.parent,
    )
    return ModelCard.read(card_path)


@changed
@given(CHANGES)
def test_a_changed_network(changes):
    found = read_or_refused(card_of, write("changed.pb", put(graph(), changes)), "changed")
    assert found is None or found.outputs == 6


@cache
def image_set(ending: str) -> bytes:
    """Return a list, a table or an archive of two images."""
    path = Path(kept(), f"whole{ending}")
    images = [Path(kept(), f"{number}.png") for number in range(2)]
    for number, image in enumerate(images):
        Image.new("RGB", (7, 5), (number, 9, 200)).save(image)
    if ending == ".tar":
        with tarfile.open(path, "w") as archive:
            for image in images:
                archive.add(image, f"a/{image.name}")
    elif ending == ".zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
            for image in images:
                packed.write(image, f"a/{image.name}")
    else:
        head = "path\tlabel\n" if ending == ".tsv" else ""
        end = "\tx\n" if ending == ".tsv" else "\n"
        path.write_text(head + "".join(f"{image}{end}" for image in images))
    return path.read_bytes()


def read_one(images: ImageSet, number: int, path: Path) -> Image.Image:
    return images.read(number)


def images_of(path: Path) -> int:
    """List a data set and read all of its images; damaged ones are named."""
    index = path.with_name("index.h5")
    write_dataset(dataset="x", path=str(path), count=None, seed=0, labels="", output=index)
    images = ImageSet.open(index)
    for number in range(len(images)):
        read_or_refused(partial(read_one, images, number), path, path.parent.name)
    return len(images)


@pytest.mark.parametrize("ending", [".tar", ".zip", ".txt", ".tsv"])
@changed
@given(changes=CHANGES)
def test_a_changed_data_set(ending, changes):
    path = write(f"images{ending}", put(image_set(ending), changes))
    found = read_or_refused(images_of, path)
    assert found is None or found > 0


@changed
@given(st.text(max_size=200))
def test_any_text_as_yaml(text):
    parsed(settings_in, "any.yaml", text.encode("utf-8", "surrogatepass"))
    assert parse_yaml("a: 1").content == {"a": 1}
