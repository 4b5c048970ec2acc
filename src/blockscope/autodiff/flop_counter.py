"""Counting what tangents cost, so that the cheaper mode can be chosen."""

from __future__ import annotations


class Meter:
    """Counts the multiplications that a single tangent of a push takes."""

    def __init__(self) -> None:
        """Start at zero."""
        self.multiplications = 0

    def multiplied(self, count: int) -> None:
        """Note multiplications."""
        self.multiplications += count
