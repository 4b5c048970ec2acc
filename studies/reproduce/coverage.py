"""What the comparison covers: what is compared, what is only shown, what never could be."""

from __future__ import annotations

from collections.abc import Sequence

from blockscope.io.counts import counted
from studies.reproduce.quantities import Published

NEVER = (
    "the AttrSpatial notebook: its outputs are images, without numbers",
    "the order of channels by noisy integrated gradients, which changes from draw to draw",
    "the article's pictures (feature visualizations, activation grids), which come without numbers",
)
"""What no run can compare, and why."""

RECORDED = (
    "Recorded so far: no result on the published network and images, which are not part of the "
    "project.\nTested without them: the same comparison with numbers that Lucid computed on a "
    "network of InceptionV1's\nstructure, and the factors and neuron groups of the article's own "
    "data (docs/reproduce.md)."
)


def coverage(numbers: Sequence[Published]) -> str:
    """Return in words what is compared by which source, and what is not."""
    judged = [number for number in numbers if number.binding]
    shown = len(numbers) - len(judged)
    by_source: dict[str, list[Published]] = {}
    for number in judged:
        by_source.setdefault(number.source, []).append(number)
    lines = [f"Compared: {counted(len(judged), 'published number')}."]
    for source, found in by_source.items():
        images = dict.fromkeys(number.question.image for number in found)
        lines.append(f"  {len(found):>3} {source}: {', '.join(images)}")
    if shown:
        lines.append(f"Shown and not judged, as their pixels are unknown: {shown}.")
    lines += ["Never compared:", *(f"  {what}" for what in NEVER), RECORDED]
    return "\n".join(lines)
