"""Logits of a last convolution, (image, 1, 1, logit), as (image, logit)."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from blockscope.models.network import Network
from blockscope.models.preparation import Prepared
from blockscope.models.rewrites.making import reshape, with_nodes

FLAT = "/flat"  # ending of their name


def with_flat_logits(prepared: Prepared) -> Prepared:
    """Return the graph with its logits as a vector per image, where they are one of one position.

    Runs the network once. Logits of any other shape stay as they are.
    """
    network = Network(prepared.definition, prepared.spec, prepared.logits)
    grey = np.full((*prepared.spec.size, 3), 128, np.uint8)
    found = network.run({prepared.spec.tensor: network.values(grey)}, [prepared.logits])
    shape = tuple(found[prepared.logits].shape)
    if len(shape) != 4 or shape[:3] != (1, 1, 1):
        return prepared
    name = prepared.logits + FLAT
    nodes = [*prepared.definition.node, *reshape(name, prepared.logits, (-1, shape[3]))]
    return replace(prepared, definition=with_nodes(prepared.definition, nodes), logits=name)
