"""Random numbers of one picture: from what it is, never from where it stands in a batch."""

from __future__ import annotations

import hashlib
import json

import numpy as np


def rng_for(seed: int, layer: str, unit: int | str, purpose: str) -> np.random.Generator:
    """Return the generator of one picture for one purpose (its start, its transforms, its judge).

    ``seed`` is the recipe's; ``unit`` says which picture of the layer: a channel, or any name. The
    same four give the same numbers in every process; any other give unrelated ones.
    """
    identity = json.dumps([seed, layer, str(unit), purpose]).encode()
    return np.random.default_rng(int.from_bytes(hashlib.sha256(identity).digest()))
