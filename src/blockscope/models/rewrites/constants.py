"""Computing what does not depend on the image, once."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import tensorflow as tf
from tensorflow import Tensor, make_ndarray
from tensorflow.core.framework import graph_pb2, node_def_pb2

from blockscope.io.errors import BadFile, first_line
from blockscope.models.graph import graphs
from blockscope.models.graph.making import MOST_VALUES, constant, copied, with_nodes
from blockscope.models.graph.operations import apply

NO_LARGER = frozenset({"Identity", "Reshape", "Squeeze", "ExpandDims", "Cast", "StopGradient"})
FEW = 1000  # values of an input that may be sizes, by which TensorFlow infers shapes


def fold_constants(definition: graph_pb2.GraphDef, start: str) -> graph_pb2.GraphDef:
    """Return the graph with every tensor that does not depend on ``start`` as a constant.

    Keras writes a bias as a Reshape, quantisers and weight standardisation write filters as
    computations. Afterwards all that is no constant has an image axis.
    """
    nodes = {node.name: node for node in definition.node}
    moving = graphs.downstream(nodes, start)
    ordered = graphs.toposort(nodes, graphs.sinks(definition))
    values: dict[str, list[Tensor]] = {}
    for node in ordered:
        if node.name not in moving:
            values[node.name] = _computed(node, values)
    kept: dict[str, node_def_pb2.NodeDef] = {}
    for node in ordered:
        if node.name in moving:
            fresh = copied(node)
            fresh.input[:] = [_folded(edge, nodes, values, kept) for edge in node.input]
            kept[node.name] = fresh
    return with_nodes(definition, list(kept.values()))


def _computed(node: node_def_pb2.NodeDef, values: dict[str, list[Tensor]]) -> list[Tensor]:
    if node.op == "Const":
        return [make_ndarray(node.attr["value"].tensor)]
    inputs = [values[graphs.tensor_name(edge)][graphs.output_number(edge)] for edge in node.input]
    try:
        _check_size(node, inputs)
        return apply(node, inputs)
    except BadFile:
        raise
    except Exception as error:  # TensorFlow raises many kinds
        raise BadFile(
            f"node '{node.name}' ({node.op}) cannot be computed: {first_line(error)}"
        ) from error


def _check_size(node: node_def_pb2.NodeDef, inputs: Sequence[Tensor]) -> None:
    """Refuse what would fill the memory, before it is computed: TensorFlow infers its shape."""
    if node.op in NO_LARGER:
        return
    with tf.Graph().as_default():
        given = [
            tf.constant(one) if one.size <= FEW else tf.ones(one.shape, one.dtype)
            for one in map(np.asarray, inputs)
        ]
        outputs = apply(node, given)
    for output in outputs:
        count = output.shape.num_elements()
        if count is not None and count > MOST_VALUES:
            raise BadFile(
                f"node '{node.name}' ({node.op}) makes a constant of {count:,} values; valid: at "
                f"most {MOST_VALUES:,}"
            )


def _folded(
    edge: str,
    nodes: graphs.Nodes,
    values: dict[str, list[Tensor]],
    kept: dict[str, node_def_pb2.NodeDef],
) -> str:
    """Return the edge to read instead; adds the constant that it comes from."""
    source, number = graphs.tensor_name(edge), graphs.output_number(edge)
    if source not in values:
        return edge
    if nodes[source].op == "Const":
        kept.setdefault(source, copied(nodes[source]))
        return source
    name = source if number == 0 else f"{source}/_output_{number}"
    if name not in kept:
        kept[name] = constant(name, values[source][number])
    return name
