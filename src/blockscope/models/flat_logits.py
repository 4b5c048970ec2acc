"""Logits of another shape with one axis of labels, as (image, logit).

A last convolution gives (image, 1, 1, logit); a single logit may be squeezed to (image).
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from blockscope.models.graph.making import reshape, with_nodes
from blockscope.models.network import Network
from blockscope.models.preparation import Prepared

FLAT = "/flat"  # ending of their name


def with_flat_logits(prepared: Prepared) -> Prepared:
    """Return the graph with its logits as a vector per image, where one axis at most is longer.

    Runs the network once. Logits of any other shape stay as they are.
    """
    network = Network(prepared.definition, prepared.spec, prepared.logits)
    grey = np.full((*prepared.spec.size, 3), 128, np.uint8)
    found = network.run({prepared.spec.tensor: network.values(grey)}, [prepared.logits])
    images, *sizes = found[prepared.logits].shape
    count = math.prod(sizes)
    if images != 1 or len(sizes) == 1 or max(sizes, default=1) != count:
        return prepared
    name = prepared.logits + FLAT
    nodes = [*prepared.definition.node, *reshape(name, prepared.logits, (-1, count))]
    return replace(prepared, definition=with_nodes(prepared.definition, nodes), logits=name)
