"""What is compared: arrays of a network, and numbers read from them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Place = tuple[int, ...]

# The axes of each method's array.
AXES = {
    "linear": ("channel",),
    "path-left-100": ("channel",),
    "stochastic": ("channel",),
    "activations": ("row", "col", "channel"),
    "probability": ("logit",),
    "factors": ("factor", "logit"),
    "neuron groups": ("group", "logit"),
}


@dataclass(frozen=True)
class Question:
    """An array that is computed for one image at one layer.

    Attributes
    ----------
    image
        Name in the table of images.
    method
        Key of ``AXES``.
    layer
        Name of a layer, or of the logits.
    labels
        Positions in the logits: one label, or a contrast of two. For factors, the labels that take
        part (none: all).
    override
        Gradient override.
    n
        Number of factors or groups.
    """

    image: str
    method: str
    layer: str
    labels: Place = ()
    override: str = "none"
    n: int = 0


class Printing(Enum):
    """How a number was printed, which says what it may have been."""

    CUT = auto()  # truncated: 1.628 stands for 1.628 to 1.629
    ROUNDED = auto()  # 1.628 stands for 1.6275 to 1.6285
    UNKNOWN = auto()  # truncated or rounded: 1.627 to 1.629
    WHOLE = auto()  # a count, or the number of a channel, row or column


@dataclass(frozen=True)
class Tolerance:
    """How far a number may be off beyond its printed digits, and why; the amounts add up.

    Attributes
    ----------
    reason
        Why that much.
    relative
        Share of the printed number.
    absolute
        In the unit of the number.
    deviations
        Standard deviations of a single draw from the mean of those computed.
    """

    reason: str
    relative: float = 0.0
    absolute: float = 0.0
    deviations: float = 0.0

    def slack(self, number: float, found: Array) -> float:
        """Return the largest allowed distance, given the number found in each draw, (draw,)."""
        allowed = self.absolute + self.relative * abs(number)
        if self.deviations:
            # The published number is one more draw, so its distance from the mean spreads wider.
            spread = float(found.std(ddof=1)) * (1 + 1 / len(found)) ** 0.5
            allowed += self.deviations * spread
        return allowed


@dataclass(frozen=True)
class Published:
    """A published number: what it answers, how it was printed, and its tolerance.

    Attributes
    ----------
    question
        The array that it belongs to.
    statistic
        Key of ``STATISTICS``, which reads the number from the array.
    at
        Place in the array.
    printed
        Its digits.
    printing
        How they were printed.
    tolerance
        How far the computed number may be off.
    source
        Where it was published.
    binding
        False if it may be of other pixels: it is shown and not judged.
    """

    question: Question
    statistic: str
    at: Place
    printed: str
    printing: Printing
    tolerance: Tolerance
    source: str
    binding: bool = True

    @property
    def what(self) -> str:
        """The number in words."""
        axes = AXES[self.question.method]
        if self.statistic == "value":
            return _place(axes, self.at)
        if self.statistic in ("strongest", "most negative"):
            *inside, rank = self.at
            where = _place(axes, inside)
            which = f"{self.statistic} {axes[-1]}, rank {rank + 1}"
            return f"{where}: {which}" if where else which
        return {
            "sum": f"sum over {axes[-1]}s",
            "largest": "largest",
            "smallest": "smallest",
            "zeros": f"{axes[-1]}s of value 0",
            "peak row": "row of the largest",
            "peak col": "col of the largest",
        }[self.statistic]


def _place(axes: tuple[str, ...], at: Place | list[int]) -> str:
    return ", ".join(f"{axis} {i}" for axis, i in zip(axes, at, strict=False))


def _ranked(array: Array, at: Place) -> float:
    """Return the index of the entry of that rank on the last axis, the largest first."""
    return float(np.argsort(-array[at[:-1]], kind="stable")[at[-1]])


def _peak(axis: int) -> Callable[[Array, Place], float]:
    return lambda array, _: float(np.unravel_index(array.argmax(), array.shape)[axis])


STATISTICS: dict[str, Callable[[Array, Place], float]] = {
    "sum": lambda array, _: float(array.sum(dtype=np.float64)),
    "largest": lambda array, _: float(array.max()),
    "smallest": lambda array, _: float(array.min()),
    "zeros": lambda array, _: float(np.count_nonzero(array == 0)),
    "value": lambda array, at: float(array[at]),
    "strongest": _ranked,
    "most negative": lambda array, at: _ranked(-array, at),
    "peak row": _peak(0),
    "peak col": _peak(1),
}
