"""How two result files of each kind are compared."""

from __future__ import annotations

import html.parser
import io
import json
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import xarray as xr
import zarr
from PIL import Image

from bench.comparison import Report, arrays_differ, plain
from bench.plain_data import DATA_URI, compare_trees, pixels_differ

PROVENANCE = "provenance"  # the key of JSON files
KEY = "blockscope"  # prefix of a page's elements, and the text chunk of PNG files


def compare_arrays(report: Report, old: Path, new: Path) -> None:
    """Compare two HDF5 or zarr files by variable: type, axes, bits and description."""
    before, after = _dataset(old), _dataset(new)
    report.origin(before.attrs, after.attrs)
    variables = [{str(k): v for k, v in side.variables.items()} for side in (before, after)]
    for name, one, other in report.pairs("variable", "", *variables):
        words = arrays_differ(one.to_numpy(), other.to_numpy())
        if one.dims != other.dims:
            words = f"axes {one.dims} -> {other.dims}"
        report.check("variable", name, not words, words)
        for key in dict.fromkeys([*one.attrs, *other.attrs]):
            texts = [str(plain(side.attrs.get(key, "(absent)"))) for side in (one, other)]
            report.text(f"{name}, {key}", *texts)


def _dataset(path: Path) -> xr.Dataset:
    if path.suffix == ".h5":
        with xr.open_dataset(path, engine="h5netcdf", decode_cf=False) as dataset:
            return dataset.load()
    with zarr.storage.ZipStore(path, mode="r") as store:
        found: xr.Dataset = xr.open_zarr(store, consolidated=False, decode_cf=False)
        return found.load()


def compare_images(report: Report, old: Path, new: Path) -> None:
    """Compare the pixels of two images, and what their text chunks say."""
    contents = old.read_bytes(), new.read_bytes()
    words = pixels_differ(*contents)
    report.check("image", "pixels", not words, words)
    before, after = (dict(Image.open(io.BytesIO(content)).info) for content in contents)
    report.origin(*(json.loads(info.pop(KEY, "{}")) for info in (before, after)))
    for key in dict.fromkeys([*before, *after]):
        report.text(str(key), *(str(side.get(key, "(absent)")) for side in (before, after)))


def compare_json(report: Report, old: Path, new: Path) -> None:
    """Compare two JSON files."""
    before, after = (json.loads(path.read_text()) for path in (old, new))
    if isinstance(before, dict) and isinstance(after, dict):
        report.origin(before.pop(PROVENANCE, {}), after.pop(PROVENANCE, {}))
    compare_trees(report, before, after)


class Page(html.parser.HTMLParser):
    """A page taken apart: its JSON elements, its images, and the words that a reader sees."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.json: dict[str, Any] = {}
        self.images: list[str] = []
        self.words: list[str] = []
        self._inside: list[str | None] = []
        self.feed(path.read_text())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note an image, and whether what follows is data, code or words."""
        given = dict(attrs)
        if tag in ("script", "style"):
            self._inside.append(given.get("id"))
        source = given.get("src") or ""
        if tag == "img" and DATA_URI.match(source):
            self.images.append(source)

    def handle_endtag(self, tag: str) -> None:
        """Leave data or code."""
        if tag in ("script", "style"):
            self._inside.pop()

    def handle_data(self, data: str) -> None:
        """Keep data and words."""
        if not self._inside:
            self.words += [data.strip()] if data.strip() else []
        elif (self._inside[-1] or "").startswith(KEY):
            self.json[str(self._inside[-1])] = json.loads(data)


def compare_pages(report: Report, old: Path, new: Path) -> None:
    """Compare the data, the images and the words of two pages; not their scripts and styles."""
    before, after = Page(old), Page(new)
    report.origin(*(page.json.pop(f"{KEY}-provenance", {}) for page in (before, after)))
    compare_trees(report, before.json, after.json)
    compare_trees(report, before.images, after.images, "img ")
    _compare_words(report, before.words, after.words)


def _compare_words(report: Report, old: Sequence[str], new: Sequence[str]) -> None:
    """List the words that only one side has, in their order."""
    gone, come = Counter(old) - Counter(new), Counter(new) - Counter(old)
    for words, sides in ((gone, "{!r} -> (absent)"), (come, "(absent) -> {!r}")):
        for text in words:
            report.texts.setdefault(report.file, []).append(sides.format(text))


def compare_drawings(report: Report, old: Path, new: Path) -> None:
    """Compare the shapes, the images and the words of two SVG files."""
    before, after = (list(_drawn(path)) for path in (old, new))
    words = [[text for kind, text in side if kind == "text"] for side in (before, after)]
    _compare_words(report, *words)
    images = [[text for kind, text in side if kind == "image"] for side in (before, after)]
    compare_trees(report, images[0], images[1], "image ")
    shapes = [[text for kind, text in side if kind == "shape"] for side in (before, after)]
    other = Counter(shapes[0]) - Counter(shapes[1])
    same = shapes[0] == shapes[1]
    note = f"{other.total()} of {len(shapes[0])} differ; {len(shapes[1])} in the new drawing"
    report.check("drawing", "shapes", same, note)
    facts = [_origin_of_drawing(path) for path in (old, new)]
    report.origin(*facts)


def _drawn(path: Path) -> Iterator[tuple[str, str]]:
    """Yield the texts, images and shapes of an SVG file, generated names numbered."""
    names: dict[str, str] = {}

    def numbered(match: re.Match[str]) -> str:
        return "#" + names.setdefault(match[0], str(len(names)))

    for element in ET.parse(path).iter():  # noqa: S314 (our own file)
        tag = element.tag.rpartition("}")[2]
        given = {key.rpartition("}")[2]: text for key, text in element.attrib.items()}
        if tag == "text":
            yield "text", "".join(element.itertext())
        elif tag == "image":
            yield "image", given.pop("href", "")
        elif tag in ("title", "metadata", "RDF") or element.tag.startswith("{http://purl"):
            continue
        given.pop("id", None)
        if tag != "text" and (tag, given) != ("g", {}):
            shape = f"{tag} {sorted(given.items())}"
            yield "shape", re.sub(r"#[\w-]{8,}", numbered, shape)


def _origin_of_drawing(path: Path) -> dict[str, Any]:
    tree = ET.parse(path)  # noqa: S314 (our own file)
    found = tree.findtext(".//{http://purl.org/dc/elements/1.1/}description")
    return json.loads(found) if found else {}


def compare_tables(report: Report, old: Path, new: Path) -> None:
    """Compare the cells of two tables, and the facts in the lines before them."""
    facts, rows = [], []
    for path in (old, new):
        lines = path.read_text().splitlines()
        facts_of = [line[2:].partition(": ") for line in lines if line.startswith("# ")]
        facts.append({key: value for key, _, value in facts_of})
        rows.append([line.split("\t") for line in lines if not line.startswith("# ")])
    report.origin(*facts)
    report.check("table", "cells", rows[0] == rows[1])


def compare_bytes(report: Report, old: Path, new: Path) -> None:
    """Compare two files of a kind that nothing else is known of."""
    report.check("file", "bytes", old.read_bytes() == new.read_bytes())


def count_only(report: Report, *_: Path) -> None:
    """Count a file that is not compared."""
    report.skipped["PDF file"] += 1


KINDS: dict[str, Callable[[Report, Path, Path], None]] = {
    ".h5": compare_arrays,
    ".zarr.zip": compare_arrays,
    ".png": compare_images,
    ".json": compare_json,
    ".html": compare_pages,
    ".svg": compare_drawings,
    ".tsv": compare_tables,
    ".pdf": count_only,
}
