"""Random numbers of one image: from what it shows, never from its place in a batch."""

from __future__ import annotations

import hashlib
import json

import numpy as np


def rng_for(seed: int, layer: str, unit: int | str, purpose: str) -> np.random.Generator:
    """Return the generator of one image for one purpose.

    The same four arguments give the same numbers in every process; any others give unrelated ones.
    The texts are part of every stored image: another spelling is another image.

    Parameters
    ----------
    seed
        Of the recipe.
    layer
        Of the objective.
    unit
        Which image of the layer: a channel's number, or any name.
    purpose
        ``start``, ``transforms``, ``backgrounds``, ``judge`` (the held-out transforms), ...
    """
    identity = json.dumps([seed, layer, str(unit), purpose]).encode()
    return np.random.default_rng(int.from_bytes(hashlib.sha256(identity).digest()))
