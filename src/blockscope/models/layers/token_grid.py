"""Tokens that are the positions of a map, with others such as a class token around them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Grid:
    """Tokens that are the positions of a map, with others before and after them.

    ``row`` and ``col`` are the words of its axes.
    """

    before: int
    rows: int
    cols: int
    after: int
    row: str = "row"
    col: str = "col"

    @property
    def tokens(self) -> int:
        """How many there are in all."""
        return self.before + self.rows * self.cols + self.after


def grid_word(grid: Grid) -> str:
    """Return the word of an axis of tokens."""
    numbers = f"{grid.before} {grid.rows} {grid.cols} {grid.after}"
    return f"token {numbers} {grid.row} {grid.col}"


def grid_of(word: str) -> Grid | None:
    """Return what an axis of tokens holds; None for any other."""
    kind, *parts = word.split(" ")
    if kind != "token" or "*" in word:
        return None
    before, rows, cols, after = map(int, parts[:4])
    row, col = parts[4:]
    return Grid(before, rows, cols, after, row, col)
