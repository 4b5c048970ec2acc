"""Networks that were exported as they are trained: their outputs are not those of one image."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

import numpy as np
from tensorflow.core.framework.node_def_pb2 import NodeDef

from blockscope.io.errors import BadFile
from blockscope.models.graph import graphs
from blockscope.models.graph.making import held

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


def check_moments(
    nodes: graphs.Nodes, axes: Mapping[str, Sequence[str]], first: Collection[str] = ()
) -> None:
    """Refuse a batch norm by the mean of the images at hand, written in plain operations.

    ``axes``: the words for the axes of tensors, as of ``blockscope.models.layers.axes.axes_of``.
    ``first``: words besides "image" that may be of images where they are of the first axis.
    """
    for node in nodes.values():
        over = held(node, 1, nodes) if node.op == "Mean" else None
        words = axes.get(graphs.sources(node)[0], ()) if over is not None else ()
        if over is None or not words:
            continue
        places = {int(axis) % len(words) for axis in np.ravel(over)}
        of_images = "image" in {words[place] for place in places}
        if not of_images and not (0 in places and words[0] in first):
            continue
        name, readers = node.name, [n for n in nodes.values() if node.name in graphs.sources(n)]
        readers += [
            after
            for n in readers
            if n.op in ("StopGradient", "Identity")
            for after in nodes.values()
            if n.name in graphs.sources(after)
        ]
        if len(places) > 1 or any(reader.op == "SquaredDifference" for reader in readers):
            raise BadFile(
                f"'{name}' is a mean over the images of a batch, as batch norm takes it in "
                f"training; {WHY}"
            )
