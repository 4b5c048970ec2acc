"""Figures of things with names, and the most likely figure of a thing that has none yet."""

from __future__ import annotations

from collections import defaultdict
from functools import cached_property
from itertools import combinations
from statistics import median

Name = tuple[str, ...]


class NearestEstimate:
    """Figures by kind and name; an unknown one is the median of those whose names agree best.

    A name is a tuple of parts, such as (model, image, override, layer). Names agree in the parts
    that are equal at the same place. Cost: 2^parts entries for each figure, however many are asked.
    """

    def __init__(self) -> None:
        self._figures: dict[tuple[object, Name], float] = {}

    def note(self, kind: object, name: Name, figure: float) -> None:
        """Add a figure; a second one of the same name takes its place."""
        self._figures[kind, name] = figure

    def __len__(self) -> int:
        """Return how many figures there are."""
        return len(self._figures)

    @cached_property
    def _by_parts(self) -> dict[tuple[object, int, tuple[int, ...], Name], list[float]]:
        found = defaultdict(list)
        for (kind, name), figure in self._figures.items():
            for places in _choices(len(name)):
                found[kind, len(name), places, tuple(name[i] for i in places)].append(figure)
        return dict(found)

    def expect(self, kind: object, name: Name) -> float | None:
        """Return the figure to expect; None where no name of this kind has as many parts."""
        for count in range(len(name), -1, -1):
            alike = [
                figure
                for places in _choices(len(name))
                if len(places) == count
                for figure in self._by_parts.get(
                    (kind, len(name), places, tuple(name[i] for i in places)), ()
                )
            ]
            if alike:
                return median(alike)
        return None


def _choices(parts: int) -> list[tuple[int, ...]]:
    return [places for count in range(parts + 1) for places in combinations(range(parts), count)]
