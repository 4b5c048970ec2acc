"""Tokens that are the positions of a map, with others such as a class token around them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Grid:
    """Tokens that are the positions of a map, with others before and after them."""

    before: int
    rows: int
    cols: int
    after: int

    @property
    def tokens(self) -> int:
        """How many there are in all."""
        return self.before + self.rows * self.cols + self.after


def grid_word(grid: Grid) -> str:
    """Return the word of an axis of tokens."""
    return f"token {grid.before} {grid.rows} {grid.cols} {grid.after}"


def grid_of(word: str) -> Grid | None:
    """Return what an axis of tokens holds; None for any other."""
    kind, *numbers = word.split(" ")
    return Grid(*map(int, numbers)) if kind == "token" and "*" not in word else None
