"""Which part of the image the entries of an axis of rows or columns cover.

Several small crops and paddings may move a map further than any one of them. So the word of such an
axis carries where its first entry begins and its last one ends, ``row@0.1,1.05,...``; one without
covers the image.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import astuple, dataclass

MOST_SHIFT = 0.15  # of the image, that positions may be away from where they are drawn
MOST_PADDING = 1.0  # of a map, that paddings of both ends may add to it
KINDS = ("row", "col")
WORD = re.compile(r"\b(row|col)(?:@([^ :*]+))?")


@dataclass(frozen=True)
class Extent:
    """What a map covers along one axis, in shares of the image.

    Attributes
    ----------
    first
        Where its first entry begins, by the centre of what it sees.
    last
        Where its last one ends.
    even
        What of this is lost at both ends alike by windows without padding; negative: gained by
        padding. The entries at the ends still stand for the ends of the image.
    bend
        By how much single entries are away from where evenly spaced ones would be.
    grain
        The length of the longest entry so far; a map cannot show a shift by less.
    """

    first: float = 0.0
    last: float = 1.0
    even: float = 0.0
    bend: float = 0.0
    grain: float = 0.0

    def of_entries(
        self, begin: float, end: float, size: int, count: int, *, even: bool, bend: float = 0.0
    ) -> Extent:
        """Return what ``count`` new entries cover, from ``begin`` to ``end`` of ``size`` ones."""
        entry = (self.last - self.first) / size
        lost = (begin * entry, (size - end) * entry)
        first, last = self.first + lost[0], self.last - lost[1]
        at_most = _alike(first, 1 - last)
        both = self.even + (_alike(*lost) if even else 0.0)
        both = min(max(both, min(at_most, 0.0)), max(at_most, 0.0))
        grain = (end - begin) / count * entry if count > 1 else entry
        return Extent(first, last, both, self.bend + bend * entry, max(self.grain, grain))

    @property
    def in_place(self) -> bool:
        """Whether every position is about where it is, when the map is drawn over the image."""
        first, last = self.first - self.even, self.last + self.even
        length = last - first
        if length <= 0 or -2 * self.even > MOST_PADDING:
            return False
        # What is beyond the image shows nothing of it, but moves what does.
        ends = [end if end > 0 else -end / length for end in (first, 1 - last)]
        # Strides may shift a map by half of one entry, and padding by another one.
        return max(ends) + self.bend <= max(MOST_SHIFT, self.grain) + self.grain / 2 + 1e-6


def _alike(first: float, last: float) -> float:
    """Return what two ends have lost alike, or gained."""
    return min(first, last, key=abs) if first * last > 0 else 0.0


def kind_of(word: str) -> str:
    """Return ``row`` or ``col`` where an axis is one, at its place; empty for any other.

    An axis that several were joined to is none.
    """
    kind = word.partition("@")[0]
    return kind if kind in KINDS and "*" not in word else ""


def extent_of(word: str) -> Extent:
    """Return what an axis of rows or columns covers."""
    numbers = word.partition("@")[2]
    return Extent(*map(float, numbers.split(","))) if numbers else Extent()


def with_extent(kind: str, extent: Extent) -> str:
    """Return the word of rows or columns that cover some of the image."""
    numbers = [f"{number:.6g}" for number in astuple(extent)]
    if numbers == [f"{number:.6g}" for number in astuple(Extent())]:
        return kind
    return f"{kind}@{','.join(numbers)}"


def without_extents(word: str) -> str:
    """Return a word, and in it rows and columns by their kind alone."""
    return WORD.sub(r"\1", word)


def in_place(word: str) -> bool:
    """Tell whether all rows and columns that a word has are about where they are drawn."""
    return all(extent_of(found[0]).in_place for found in WORD.finditer(word))


def joined(words: Collection[str]) -> str:
    """Return one word for those that differ in what they cover; empty if by more than is allowed.

    What is joined from several covers what they cover on average.
    """
    parts = [[extent_of(found[0]) for found in WORD.finditer(word)] for word in sorted(words)]
    means = []
    for extents in zip(*parts, strict=True):
        firsts, lasts = [e.first for e in extents], [e.last for e in extents]
        grain = max(e.grain for e in extents)
        apart = max(max(firsts) - min(firsts), max(lasts) - min(lasts))
        if apart > max(MOST_SHIFT, 2 * grain) + 1e-6:
            return ""
        count, even = len(extents), sum(e.even for e in extents)
        bend = max(e.bend for e in extents)
        means.append(Extent(sum(firsts) / count, sum(lasts) / count, even / count, bend, grain))
    found = iter(means)
    return WORD.sub(lambda match: with_extent(match[1], next(found)), min(words))
