"""The operations between a layer and a target, each at the point that one image gives."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
import numpy.typing as npt
import tensorflow as tf
from tensorflow.core.framework import node_def_pb2

from blockscope.autodiff.linear_ops.linear_op import OpPoint
from blockscope.models.graph import graphs
from blockscope.models.network import Network


def points_between(
    network: Network,
    values: npt.NDArray[np.float32],
    layer: str,
    target: str,
    layer_value: npt.NDArray[np.float32] | None = None,
    stops: Collection[str] = (),
) -> tuple[dict[str, tf.Tensor], list[tuple[str, list[str], OpPoint]]]:
    """Evaluate a network once and return what moves with a layer.

    Parameters
    ----------
    network
        The network.
    values
        Network input, (1, row, col, rgb).
    layer
        Name of the tensor that moves.
    target
        Name of a tensor that is computed from it.
    layer_value
        Value of the layer, (row, col, channel); computed from the image if not given.
    stops
        Operations whose output is said not to move, and so are all that are not of floats; if
        empty, everything moves that is computed from the layer.

    Returns
    -------
    computed
        Values of the layer, the target and all tensors that are read between them.
    points
        In order: the name of each output that moves, those of its operation's inputs, the point.
    """
    nodes = network.joined_at(layer)
    path = _path(nodes, layer, target)
    read = {edge for name in path for edge in _edges(nodes[name])}
    made = [edge for name in path for edge in _outputs(name, read)]
    needed = {layer, target, *made, *read}
    given = {} if layer_value is None else {layer: layer_value[None]}
    computed = network.run({network.spec.tensor: values} | given, sorted(needed), nodes)
    points, moving = [], {layer}
    for edge in made:
        name, _, number = edge.partition(":")
        inputs = _edges(nodes[name])
        moved = tuple(place for place, each in enumerate(inputs) if each in moving)
        stopped = nodes[name].op in stops or (stops and not computed[edge].dtype.is_floating)
        if moved and not stopped:
            moving.add(edge)
            values_in = [computed[each] for each in inputs]
            point = OpPoint(nodes[name], values_in, computed[edge], moved, int(number or 0))
            points.append((edge, inputs, point))
    return computed, points


def _path(nodes: dict[str, node_def_pb2.NodeDef], layer: str, target: str) -> list[str]:
    """Return the operations between layer and target, in order, the layer itself left out."""
    path = {layer: None}  # a dict, for the order
    for node in graphs.toposort(nodes, [target], stop={layer}):
        if any(source in path for source in graphs.sources(node)):
            path[node.name] = None
    return list(path)[1:]


def _edges(node: node_def_pb2.NodeDef) -> list[str]:
    return [edge.removesuffix(":0") for edge in node.input if not edge.startswith("^")]


def _outputs(name: str, read: set[str]) -> list[str]:
    """Return a node's outputs that are read: the first always, others where an edge names them."""
    return [name, *sorted(edge for edge in read if edge.startswith(f"{name}:"))]
