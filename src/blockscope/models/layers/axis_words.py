"""The words for axes, and what becomes of them where axes are joined, cut, taken from or mixed."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import replace

from blockscope.models.layers.extents import (
    MOST_SHIFT,
    extent_of,
    in_place,
    joined,
    kind_of,
    with_extent,
    without_extents,
)
from blockscope.models.layers.token_grid import Grid, grid_of, grid_word

Axes = tuple[str, ...]

MAP: Axes = ("image", "row", "col", "channel")
VECTOR: Axes = ("image", "channel")
UNKNOWN = "?"
PART = "part"  # of the channels, that were split into groups or heads; or of what is stacked
COPIES = "copies"  # an axis put in, along which there is one entry or the same several times
MOVED = "moved"  # positions that have changed their places, as by a roll or a flip
ROLLED = "rolled"  # and a word, and by how much: the last positions come first
WITHIN = "in "  # and a word: positions within one of the blocks that this axis was cut into
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
        return [(grid.row, grid.rows), (grid.col, grid.cols)]
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
    merged: list[Atom] = []
    for word, size in atoms:
        last, length = merged[-1] if merged else ("", 1)
        beside = is_place(last) and word in (PART, COPIES)  # each position becomes several
        if beside or (merged and word == WITHIN + last):
            merged[-1] = (last, length * size)
        else:
            merged.append((word, size))
    words = [word for word, _ in merged]
    if not words:
        return COPIES
    if len(words) == 1:
        return words[0]
    if set(words) <= FEATURES:
        return "channel"
    if [kind_of(word) for word in words] == ["row", "col"]:
        return grid_word(Grid(0, merged[0][1], merged[1][1], 0, *words))
    return "*".join(f"{word}:{size}" for word, size in merged)


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
    if len({without_extents(word) for word in words}) != 1:
        return UNKNOWN
    return (joined(words) or MOVED) if len(words) > 1 else words.pop()


def of_products(words: set[str]) -> str:
    """Return the word of an axis along which entries are multiplied, as heads that differ in kind.

    What the factors have for features are such, whether channels or parts of them.
    """
    return PART if {"channel", PART} <= words <= FEATURES else agreed_on(words)


def settled(word: str) -> str:
    """Return the word of a layer's axis, whose rows and columns are where they are drawn."""
    plain = without_extents(word)
    return plain if plain == word or in_place(word) else moved(plain)


def moved(word: str) -> str:
    """Return the word of an axis whose entries have changed their places."""
    if word in FEATURES or word == UNKNOWN:
        return word
    return "channel" if is_features(word) else MOVED


def is_part(word: str) -> bool:
    """Tell whether a single entry of an axis shows one part of the image, or it is not known."""
    return settled(word) == MOVED


def of_one_part(axes: Axes, sizes: Sequence[int]) -> bool:
    """Tell whether a map has one row or column only, and that is one part of the image.

    A single position is a vector, and as such a layer wherever it is from.
    """
    alone = any(size == 1 and is_part(word) for word, size in zip(axes, sizes, strict=True))
    return alone and any(
        size > 1 and word != "image" and moved(word) == MOVED
        for word, size in zip(axes, sizes, strict=True)
    )


def beside_part(axes: Axes) -> Axes:
    """Return the axes of what is left of one part of the image, which is no map of it."""
    return tuple(word if word == "image" else moved(word) for word in axes)


def rolled(word: str, shift: int, size: int) -> str:
    """Return the word of rows or columns whose last ones, ``shift`` of them, come first."""
    kind, place, before = word.split(" ") if word.startswith(ROLLED) else (ROLLED, word, "0")
    if not kind_of(place):
        return moved(word)
    now = (int(before) + shift) % size
    return f"{kind} {place} {now}" if now else place


def is_place(word: str) -> bool:
    """Tell whether an axis is that of rows or columns, even if rolled."""
    return bool(kind_of(word)) or word.startswith(ROLLED)


def covering(
    word: str, begin: float, end: float, size: int, count: int, *, even: bool, bend: float = 0.0
) -> str:
    """Return the word of ``count`` entries that cover those from ``begin`` to ``end`` of ``size``.

    ``even``: what both ends have lost or gained alike moves nothing, as with windows.
    """
    if kind_of(word):
        extent = extent_of(word).of_entries(begin, end, size, count, even=even, bend=bend)
        return with_extent(kind_of(word), extent)
    if word.startswith((ROLLED, WITHIN)) and (begin, end, count) != (0, size, size):
        return MOVED
    return word


def taken(word: str, entries: Sequence[int] | None, size: int) -> str:
    """Return the word of an axis of which some entries were taken, in this order.

    Rows and columns stay such if they are in their order: a map of one half, drawn over the image,
    would be as wrong as a mirrored one, which is seen in what it covers.
    """
    if word == MOVED or (entries is not None and list(entries) == list(range(size))):
        return word
    if entries is None:
        return MOVED if is_place(word) or word.startswith(WITHIN) else word
    if not len(entries) or not _ascending(entries):
        return moved(word)
    grid = grid_of(word)
    if grid:
        run = range(entries[0], entries[0] + len(entries))
        return part_of(grid, run) if list(entries) == list(run) else UNKNOWN
    if "*" in word:  # axes joined, of which each entry is at one place
        return moved(word)
    first, last, count = entries[0], entries[-1], len(entries)
    step = (last - first) / (count - 1) if count > 1 else 1.0
    bend = max(abs(entry - first - i * step) for i, entry in enumerate(entries))
    if bend > max(MOST_SHIFT * size, 1):
        return MOVED if is_place(word) else word
    begin, end = first + (1 - step) / 2, last + (1 + step) / 2
    return covering(word, begin, end, size, count, even=False, bend=bend)


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
    return grid_word(replace(grid, before=grid.before + before, after=grid.after + after))
