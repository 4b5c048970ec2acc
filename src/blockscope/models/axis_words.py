"""The words for axes, and what becomes of them where axes are joined, cut, taken from or mixed."""

from __future__ import annotations

import itertools
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


def of_block(words: Axes, before: Sequence[int], after: Sequence[int]) -> list[str]:
    """Return the words of the axes ``after`` that hold the same entries as those ``before``."""
    if not words or not after:
        return [UNKNOWN] * len(after)
    if len(words) == len(after):
        return list(words)
    if words[0] == "image" and before[0] == 1 and after and after[0] == 1:
        return (
            ["image", *of_block(words[1:], before[1:], after[1:])] if words[1:] else _alone(after)
        )
    longer = [(word, size) for word, size in zip(words, before, strict=True) if size != 1]
    alone = len(after) > 1 or "image" not in words
    if alone and len(longer) == sum(size != 1 for size in after):
        left = iter(longer)
        return [UNKNOWN if size == 1 else next(left)[0] for size in after]
    if len(after) == 1:
        return [_merged(words, before)]
    if len(words) == 1:
        return _taken_apart(words[0], after)
    return [PART if set(words) <= {"channel", PART} else UNKNOWN] * len(after)


def _alone(after: Sequence[int]) -> list[str]:
    return ["image", *[UNKNOWN] * (len(after) - 1)]


def _merged(words: Axes, sizes: Sequence[int]) -> str:
    """Return the word of an axis that several are joined to."""
    if words == ("row", "col"):
        return grid_word(Grid(0, sizes[0], sizes[1], 0))
    if set(words) <= {"channel", PART, COPIES}:
        return "channel"
    if MOVED in words:
        return MOVED
    if is_place(words[0]) and set(words[1:]) <= {PART, COPIES, WITHIN + words[0]}:
        return words[0]  # each position becomes several, side by side
    if words[0] != "image" and words[-1] == "channel":
        return "channel"  # flattened: a vector of features
    return "*".join(words)


def _taken_apart(word: str, after: Sequence[int]) -> list[str]:
    grid = grid_of(word)
    if grid and len(after) == 2 and grid == Grid(0, after[0], after[1], 0):
        return ["row", "col"]
    parts = word.split("*")
    if len(parts) == len(after) > 1:
        return parts
    if word == MOVED:
        return [MOVED] * len(after)
    if is_place(word) and len(after) == 2:
        return [word, WITHIN + word]
    return [PART if word in ("channel", PART) else UNKNOWN] * len(after)


def agreed_on(words: set[str]) -> str:
    """Return the word on which all agree, those that know none left out.

    Where positions at their places meet others that have changed them, the result has moved.
    """
    words = words - {UNKNOWN, COPIES} or words
    if MOVED in words:
        return MOVED
    return words.pop() if len(words) == 1 else UNKNOWN


def moved(word: str) -> str:
    """Return the word of an axis whose entries have changed their places."""
    return word if word in FEATURES or word == UNKNOWN else MOVED


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
