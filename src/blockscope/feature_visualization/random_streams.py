"""Random numbers of one image: from what it shows, never from its place in a batch."""

from __future__ import annotations

import hashlib
import json

import numpy as np


def rng_for(seed: int, layer: str, unit: int | str, purpose: str) -> np.random.Generator:
    """Return the generator of one image for one purpose.

    ``seed`` is the recipe's; ``unit`` says which image of the layer: a channel's number, or any
    name; ``purpose`` is ``start``, ``transforms``, ``backgrounds``, ``judge`` (the held-out
    transforms) and the like. The same four give the same numbers in every process; any others give
    unrelated ones. Another spelling of a text would change the pixels of every result.
    """
    identity = json.dumps([seed, layer, str(unit), purpose]).encode()
    return np.random.default_rng(int.from_bytes(hashlib.sha256(identity).digest()))
