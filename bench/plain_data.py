"""Comparison of two trees of plain data: JSON files, and the data inside pages.

A tree is taken apart into leaves: packed arrays and images, which are unpacked, lists of numbers or
texts, and single values. Leaves are compared at their old or renamed place, or where they moved to.
"""

from __future__ import annotations

import base64
import io
import itertools
import json
import re
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from bench.comparison import Report, arrays_differ

Place = tuple[str, ...]
DATA_URI = re.compile(r"data:image/[a-z+]+;base64,")
PACKED = {"bits", "data", "scale", "shape"}  # the keys of an array inside a page


@dataclass(frozen=True)
class Leaf:
    """A leaf of a tree: what it is, and its content in a form that can be compared."""

    kind: str  # packed array, image, list, text or value
    content: Any

    def differs(self, other: Leaf) -> str:
        """Return how this leaf differs from another; nothing if it does not."""
        if self.content == other.content:
            return ""
        if self.kind == other.kind == "packed array":
            return _packed_differ(self.content, other.content)
        if self.kind == other.kind == "image":
            return pixels_differ(self.content, other.content)
        if self.kind == other.kind == "list":
            return _lists_differ(json.loads(self.content), json.loads(other.content))
        return f"{_short(self.content)} -> {_short(other.content)}"


def compare_trees(report: Report, old: Any, new: Any, where: str = "") -> None:
    """Compare two trees; what was renamed or moved is listed."""
    before, after = dict(_leaves(old)), dict(_leaves(new))
    for place, leaf in list(before.items()):
        found = _at_place(report, place, leaf, after)
        if found is not None:
            report.equal[leaf.kind] += 1
            _note_new_place(report, place, found)
            del before[place], after[found]
    for place, leaf in list(before.items()):
        found = _moved(report, place, leaf, after)
        if found is not None:
            report.equal[leaf.kind] += 1
            _note_new_place(report, place, found)
            del before[place], after[found]
    for place, leaf in before.items():
        name = where + ".".join(place)
        found = next((p for p in _renamed(report.renames, place) if p in after), None)
        if found is None:
            _only(report, name, leaf, "old")
        elif leaf.kind == after[found].kind == "text":
            report.text(name, leaf.content, after.pop(found).content)
        else:
            report.check(leaf.kind, name, False, leaf.differs(after.pop(found)))
    for place, leaf in after.items():
        _only(report, where + ".".join(place), leaf, "new")


def _leaves(tree: Any, place: Place = ()) -> Iterator[tuple[Place, Leaf]]:
    if isinstance(tree, dict) and set(tree) == PACKED:
        yield place, Leaf("packed array", tree)
    elif isinstance(tree, dict):
        for key, value in tree.items():
            yield from _leaves(value, (*place, key))
    elif isinstance(tree, list) and not _is_flat(tree):
        for number, value in enumerate(tree):
            yield from _leaves(value, (*place, str(number)))
    elif isinstance(tree, str) and DATA_URI.match(tree):
        yield place, Leaf("image", base64.b64decode(tree.partition(",")[2]))
    elif isinstance(tree, str):
        yield place, Leaf("text", tree)
    else:
        # As text, because Python takes 1, 1.0 and True for the same.
        yield place, Leaf("list" if isinstance(tree, list) else "value", json.dumps(tree))


def _is_flat(values: list[Any]) -> bool:
    """Tell whether a list, however nested, holds numbers, flags or None alone."""
    return all(
        _is_flat(value) if isinstance(value, list) else not isinstance(value, dict | str)
        for value in values
    )


def _renamed(renames: Mapping[str, str], place: Place) -> Iterator[Place]:
    """Yield a place under every combination of old and new names, all new ones first."""
    names = [(renames[key], key) if key in renames else (key,) for key in place]
    yield from itertools.product(*names)


def _at_place(report: Report, place: Place, leaf: Leaf, new: Mapping[Place, Leaf]) -> Place | None:
    places = (each for each in _renamed(report.renames, place) if each in new)
    return next((each for each in places if not leaf.differs(new[each])), None)


def _moved(report: Report, place: Place, leaf: Leaf, new: Mapping[Place, Leaf]) -> Place | None:
    """Return where the same content stands now; small things must keep the end of their place."""
    unique = leaf.kind in ("packed array", "image")
    ends = {each[-1:] for each in _renamed(report.renames, place)}
    candidates = [each for each in new if unique or each[-1:] in ends]
    return next((each for each in candidates if not leaf.differs(new[each])), None)


def _note_new_place(report: Report, old: Place, new: Place) -> None:
    """List what changed between two places, without what they share."""
    while old and new and old[-1] == new[-1]:
        old, new = old[:-1], new[:-1]
    while old and new and old[0] == new[0]:
        old, new = old[1:], new[1:]
    if old != new:
        names = [re.sub(r"\b\d+\b", "*", ".".join(place)) or "(top)" for place in (old, new)]
        report.renamed[f"key {names[0]} -> {names[1]}"] += 1


def _only(report: Report, name: str, leaf: Leaf, side: str) -> None:
    if leaf.kind == "text":
        texts = (leaf.content, "(absent)") if side == "old" else ("(absent)", leaf.content)
        report.text(name, *texts)
    else:
        report.check(leaf.kind, name, False, f"only in the {side} folder")


def _packed_differ(old: Mapping[str, Any], new: Mapping[str, Any]) -> str:
    if any(old[key] != new[key] for key in PACKED - {"data"}):
        return "bits, scale or shape differ"
    return arrays_differ(*(_inflated(packed) for packed in (old, new)))


def _inflated(packed: Mapping[str, Any]) -> npt.NDArray[np.uint8]:
    content = zlib.decompress(base64.b64decode(packed["data"]), -zlib.MAX_WBITS)
    return np.frombuffer(content, np.uint8)


def pixels_differ(old: bytes, new: bytes) -> str:
    """Return how the pixels of two image files differ; nothing where all are the same."""
    if old == new:
        return ""
    images = [Image.open(io.BytesIO(content)) for content in (old, new)]
    if images[0].mode != images[1].mode:
        return f"{images[0].mode} -> {images[1].mode}"
    return arrays_differ(*(np.asarray(image) for image in images))


def _lists_differ(old: list[Any], new: list[Any]) -> str:
    if len(old) != len(new):
        return f"{len(old)} -> {len(new)} entries"
    places = [
        n for n, both in enumerate(zip(old, new, strict=True)) if repr(both[0]) != repr(both[1])
    ]
    first = places[0]
    values = f"{_short(old[first])} -> {_short(new[first])}"
    return f"{len(places)} entries differ, the first is {first}: {values}"


def _short(content: Any) -> str:
    text = str(content)
    return text if len(text) < 60 else f"{text[:60]}..."
