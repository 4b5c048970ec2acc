"""What a long rendering needs of the place that keeps its finished parts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import numpy.typing as npt

Arrays = Mapping[str, npt.NDArray[Any]]


class Checkpoint(Protocol):
    """Named sets of arrays that survive a killed process; only those of equal pixels are seen."""

    def names(self) -> list[str]:
        """Return the names of all sets."""

    def read(self, name: str) -> Arrays | None:
        """Return a set; None where there is none or it is damaged."""

    def write(self, name: str, arrays: Arrays) -> None:
        """Keep a set in place of an earlier one, whole or not at all."""

    def clear(self) -> None:
        """Remove everything."""
