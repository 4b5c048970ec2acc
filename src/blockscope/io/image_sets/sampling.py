"""A sample of images that depends on their names and a seed, and on nothing else."""

from __future__ import annotations

import hashlib
import heapq
from collections.abc import Sequence


def sample(names: Sequence[str], count: int, seed: int) -> list[int]:
    """Return the places of ``count`` names, ascending: those whose keyed hashes are the smallest.

    A larger sample of the same seed contains a smaller one, and a name that is added takes the
    place of one other at most.
    """
    key = seed.to_bytes(8, "big")

    def hashed(place: int) -> tuple[bytes, str]:
        name = names[place]
        return hashlib.blake2b(name.encode(), digest_size=16, key=key).digest(), name

    if count >= len(names):
        return list(range(len(names)))
    return sorted(heapq.nsmallest(count, range(len(names)), key=hashed))
