"""The words for axes, and what becomes of them where axes are joined, cut, taken from or mixed."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from blockscope.models.token_grid import Grid, grid_of, grid_word

Axes = tuple[str, ...]

MAP: Axes = ("image", "row", "col", "channel")
VECTOR: Axes = ("image", "channel")
UNKNOWN = "?"
PART = "part"  # of the channels, that were split into groups or heads; or of what is stacked
COPIES = "copies"  # an axis put in, along which there is one entry or the same several times
MOVED = "moved"  # positions that have changed their places, as by a roll or a flip
ROLLED = "rolled"  # and a word, and by how much: the last positions come first
WITHIN = "in "  # and a word: positions within one of the blocks that this axis was cut into
PLACES = frozenset({"row", "col"})
MOST_SHIFT = 0.15  # of a map, that a crop or padding may move positions by
FEATURES = frozenset({"channel", PART, COPIES})  # in any order
FREE = frozenset({UNKNOWN, PART, COPIES})  # these do not say that an axis is no row, col, channel


Atom = tuple[str, int]  # the word of an axis, or of a part of one, and how long it is


def reshaped(words: Axes, before: Sequence[int], after: Sequence[int]) -> Axes:
    """Return the words of the axes ``after`` that hold the same entries as those ``before``.

    Axes that are joined are remembered with their lengths (``row:5*col:7``), so that they can be
    taken apart again. An axis that is cut in two is one of blocks and one within them.
    """
    atoms = [atom for word, size in zip(words, before, strict=True) for atom in _atoms(word, size)]
    found = _shared_out(atoms, after) or _shared_out(_without_blocks(atoms), after)
    if found is None:
        image = ("image",) if words[:1] == ("image",) and after[:1] == (1,) else ()
        found = (*image, *[UNKNOWN] * (len(after) - len(image)))
    return found


def _shared_out(atoms: Sequence[Atom], sizes: Sequence[int]) -> Axes | None:
    """Return the words of axes of these sizes that hold the atoms in order; None if none do."""
    left_over = list(atoms)
    found: list[str] = []
    for place, size in enumerate(sizes):
        joined: list[Atom] = []
        left = size
        if left_over and left_over[0][0] == "image" and (place == 0 or size == 1):
            joined.append(left_over.pop(0))
        while left > 1:
            if not left_over:
                return None
            word, length = left_over.pop(0)
            if left % length == 0:
                joined.append((word, length))
                left //= length
            elif length % left == 0:
                outer, inner = _cut(word)
                joined.append((outer, left))
                left_over.insert(0, (inner, length // left))
                left = 1
            else:
                return None
        found.append(_merged(joined))
    return tuple(found)


def _without_blocks(atoms: Sequence[Atom]) -> list[Atom]:
    """Return the atoms with blocks and what is within them as one again."""
    whole: list[Atom] = []
    for word, size in atoms:
        if whole and word == WITHIN + whole[-1][0]:
            whole[-1] = (whole[-1][0], whole[-1][1] * size)
        else:
            whole.append((word, size))
    return whole


def _atoms(word: str, size: int) -> list[Atom]:
    """Return what an axis was joined of; one of a single entry is left out, but that of images."""
    grid = grid_of(word)
    if grid and not grid.before and not grid.after:
        return [("row", grid.rows), ("col", grid.cols)]
    if "*" in word:
        parts = (part.rsplit(":", 1) for part in word.split("*"))
        return [(part, int(length)) for part, length in parts]
    return [(word, size)] if size != 1 or word == "image" else []


def _cut(word: str) -> tuple[str, str]:
    if word in FEATURES:
        return (PART, PART) if word != COPIES else (COPIES, COPIES)
    if word in (MOVED, UNKNOWN) or grid_of(word):
        return (word, word) if word == MOVED else (UNKNOWN, UNKNOWN)
    return word, WITHIN + word


def _merged(atoms: Sequence[Atom]) -> str:
    """Return the word of an axis that several are joined to."""
    joined: list[Atom] = []
    for word, size in atoms:
        last, length = joined[-1] if joined else ("", 1)
        beside = is_place(last) and word in (PART, COPIES)  # each position becomes several
        if beside or (joined and word == WITHIN + last):
            joined[-1] = (last, length * size)
        else:
            joined.append((word, size))
    words = [word for word, _ in joined]
    if not words:
        return COPIES
    if len(words) == 1:
        return words[0]
    if set(words) <= FEATURES:
        return "channel"
    if words == ["row", "col"]:
        return grid_word(Grid(0, joined[0][1], joined[1][1], 0))
    return "*".join(f"{word}:{size}" for word, size in joined)


def is_features(word: str) -> bool:
    """Tell whether an axis holds channels, parts of them, or these joined with others."""
    return any(atom in ("channel", PART) for atom, _ in _atoms(word, 0))


def fitting(word: str, size: int) -> str:
    """Return the word of an axis, which has lost or gained entries if its length is not its own."""
    atoms = _atoms(word, size)
    if len(atoms) < 2 or math.prod(length for _, length in atoms) == size:
        return word
    return "channel" if is_features(word) else UNKNOWN


def agreed_on(words: set[str]) -> str:
    """Return the word on which all agree; copies agree with any.

    Where positions at their places meet others that have changed them, the result has moved.
    """
    words = words - {COPIES} or words
    if MOVED in words:
        return MOVED
    return words.pop() if len(words) == 1 else UNKNOWN


def moved(word: str) -> str:
    """Return the word of an axis whose entries have changed their places."""
    if word in FEATURES or word == UNKNOWN:
        return word
    return "channel" if is_features(word) else MOVED


def rolled(word: str, shift: int, size: int) -> str:
    """Return the word of rows or columns whose last ones, ``shift`` of them, come first."""
    kind, place, before = word.split(" ") if word.startswith(ROLLED) else (ROLLED, word, "0")
    if place not in PLACES:
        return moved(word)
    now = (int(before) + shift) % size
    return f"{kind} {place} {now}" if now else place


def is_place(word: str) -> bool:
    """Tell whether an axis is that of rows or columns, even if rolled."""
    return word in PLACES or word.startswith(ROLLED)


def taken(word: str, entries: Sequence[int] | None, size: int) -> str:
    """Return the word of an axis of which some entries were taken, in this order.

    Rows and columns stay such if each is about where it was, as a share of the axis: a map of one
    half, drawn over the image, would be as wrong as a mirrored one.
    """
    if word == MOVED or (entries is not None and list(entries) == list(range(size))):
        return word
    if word not in PLACES:
        if word.startswith(ROLLED) or (entries is not None and not _ascending(entries)):
            return moved(word)
        return word
    if entries is None or not len(entries) or not _ascending(entries):
        return MOVED
    now = (np.arange(len(entries)) + 0.5) / len(entries)
    then = (np.array(entries) + 0.5) / size
    return word if np.abs(now - then).max() <= max(MOST_SHIFT, 1 / size) else MOVED


def _ascending(entries: Sequence[int]) -> bool:
    return all(a <= b for a, b in itertools.pairwise(entries))


def part_of(grid: Grid, taken: range) -> str:
    """Return the word of a part of the tokens, which is known if a map is wholly in it."""
    before, after = grid.before - taken.start, taken.stop - (grid.tokens - grid.after)
    if before < 0 or after < 0:
        return UNKNOWN
    return grid_word(replace(grid, before=before, after=after))


def with_others(grids: Sequence[Grid | None], sizes: Sequence[int]) -> str:
    """Return the word of tokens of a map joined with others, such as a class token."""
    if sum(grid is not None for grid in grids) != 1:
        return UNKNOWN
    place, grid = next((i, g) for i, g in enumerate(grids) if g is not None)
    before, after = sum(sizes[:place]), sum(sizes[place + 1 :])
    return grid_word(Grid(grid.before + before, grid.rows, grid.cols, grid.after + after))
