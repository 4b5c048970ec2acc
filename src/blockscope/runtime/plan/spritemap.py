"""What a whole layer's sprites take, and how many of them one job should render."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from typing import TYPE_CHECKING

from blockscope.runtime.plan.table import aligned, in_hours, in_time

if TYPE_CHECKING:
    from blockscope.feature_visualization.timing import Timing

JOB = 25 * 60.0  # seconds; its start and its place in the queue are little beside it
HEAD = (
    *("layer", "channels", "batch", "ms a step", "s a picture", "GFLOP a step", "a picture"),
    *("GFLOP/s", "start", "whole layer", "hours", "block", "jobs"),
)


@dataclass(frozen=True)
class Cost:
    """A layer's time on one device, in whole batches: one that is not full takes as long."""

    timing: Timing
    steps: int

    @property
    def picture(self) -> float:
        """Seconds of a picture in a full batch."""
        return self.timing.batch / self.timing.pictures

    @property
    def rate(self) -> float:
        """Floating point operations in a second of a step."""
        return self.timing.pictures * self.timing.flop / self.timing.step

    @property
    def batches(self) -> int:
        """Batches of the whole layer."""
        return ceil(self.timing.channels / self.timing.pictures)

    @property
    def seconds(self) -> float:
        """Seconds of the whole layer in jobs of ``block`` channels."""
        return self.batches * self.timing.batch + self.jobs * self.timing.start

    @property
    def block(self) -> int:
        """Channels that a job of about ``JOB`` renders: whole batches, at least one."""
        most = int((JOB - self.timing.start) / self.timing.batch)
        return max(1, min(most, self.batches)) * self.timing.pictures

    @property
    def jobs(self) -> int:
        """Jobs for the whole layer."""
        return ceil(self.timing.channels / self.block)

    @property
    def longest(self) -> float:
        """Seconds of a job that has ``block`` channels."""
        return self.timing.start + self.block // self.timing.pictures * self.timing.batch

    @property
    def cells(self) -> tuple[str, ...]:
        """The layer's row of the table."""
        timing, billion = self.timing, 1e9
        work = timing.flop / billion
        return (
            timing.layer,
            str(timing.channels),
            str(timing.pictures),
            f"{timing.step * 1000:.1f}",
            _three(self.picture),
            _three(work * timing.pictures),
            _three(work * self.steps),
            _three(self.rate / billion),
            in_time(timing.start),
            in_time(self.seconds),
            in_hours(self.seconds),
            str(self.block) if self.jobs > 1 else "all",
            f"{self.jobs} of {in_time(self.longest)}",
        )


def report(
    model: str, recipe: str, size: int, steps: int, device: str, timings: Sequence[Timing]
) -> str:
    """Return what was measured as text, and the ``sprites.block`` that follows from it.

    ``size``, ``steps``: of the recipe; ``device`` in words.
    """
    costs = [Cost(timing, steps) for timing in timings]
    return "\n".join(
        [
            f"{model}, recipe {recipe} ({size} pixels, {steps} steps), on: {device}",
            "",
            *aligned([HEAD, *(cost.cells for cost in costs)]),
            "",
            _advice(costs),
        ]
    )


def _advice(costs: Sequence[Cost]) -> str:
    shared = [cost.block for cost in costs if cost.jobs > 1]
    if shared:
        return f"sprites: {{block: {min(shared)}}}  # no job takes longer than about {in_time(JOB)}"
    most = max(cost.timing.channels for cost in costs)
    return f"sprites: {{block: {most}}}  # each layer in one job, or a smaller one for more cards"


def _three(number: float) -> str:
    """Return a number with three digits, and no power of ten."""
    return f"{number:.3g}" if number < 999.5 else f"{number:.0f}"
