"""Images that cannot be read: how many there may be."""

from __future__ import annotations

from collections.abc import Mapping

from blockscope.io.counts import counted
from blockscope.io.errors import BadFile


def most_damaged(images: int, ppm: int) -> int:
    """Return how many of so many images may be unreadable, at most ``ppm`` in a million."""
    return images * ppm // 1_000_000


def check_damaged(damaged: Mapping[int, str], most: int, dataset: str = "") -> None:
    """Raise ``BadFile``, with some of the reasons, where more than ``most`` are unreadable."""
    if len(damaged) > most:
        name = f"data set '{dataset}'" if dataset else "the data set"
        shown = "\n".join(f"       {damaged[number]}" for number in sorted(damaged)[:5])
        raise BadFile(
            f"{counted(len(damaged), 'image')} of {name} cannot be read, and at most {most} may "
            "be; mend or remove what is damaged, or raise key sweep.damaged of the config. The "
            "first ones:\n"
            f"{shown}"
        )
