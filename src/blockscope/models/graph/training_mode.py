"""Networks that were exported as they are trained: their outputs are not those of one image."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from tensorflow import make_ndarray
from tensorflow.core.framework.node_def_pb2 import NodeDef

from blockscope.io.errors import BadFile
from blockscope.models.graph import graphs

WHY = (
    "the network was exported in training mode; export it for inference, or save a Keras model "
    "with layers that augment images (RandomFlip and the like) as a .keras file"
)


def check_computes(nodes: Iterable[NodeDef], source: str) -> None:
    """Refuse a network that draws random numbers or changes variables, as in training."""
    for node in nodes:
        if "Random" in node.op or node.op == "Multinomial":
            raise BadFile(
                f"model '{source}': node '{node.name}' draws random numbers ({node.op}), such as "
                f"dropout in training; {WHY}; where an input turns it off, as keep_prob 1 does, "
                "give that by feed (models catalogue)"
            )
        if node.op.startswith("Assign"):
            raise BadFile(
                f"model '{source}': node '{node.name}' changes a variable ({node.op}), such as "
                f"batch norm in training; {WHY}"
            )


def check_moments(nodes: graphs.Nodes, source: str) -> None:
    """Refuse a batch norm by the mean of the images at hand, written in plain operations."""
    for node in nodes.values():
        if node.op != "Mean" or 0 not in (axes := _axes(nodes, node)):
            continue
        name, readers = node.name, [n for n in nodes.values() if node.name in graphs.sources(n)]
        readers += [
            after
            for n in readers
            if n.op in ("StopGradient", "Identity")
            for after in nodes.values()
            if n.name in graphs.sources(after)
        ]
        if len(axes) > 1 or any(reader.op == "SquaredDifference" for reader in readers):
            raise BadFile(
                f"model '{source}': '{name}' is a mean over the images of a batch, as batch norm "
                f"takes it in training; {WHY}"
            )


def _axes(nodes: graphs.Nodes, node: NodeDef) -> list[int]:
    """Return the axes of a reduction; none where the graph does not hold them."""
    held = nodes[graphs.sources(node)[1]]
    while held.op == "Identity":
        held = nodes[graphs.sources(held)[0]]
    if held.op != "Const":
        return []
    return [int(axis) for axis in np.ravel(make_ndarray(held.attr["value"].tensor))]
