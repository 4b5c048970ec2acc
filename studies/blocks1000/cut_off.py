"""A network whose logits do not depend on some positions: DiFull's test (Rao et al. 2022)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import tensorflow as tf
from tensorflow.core.framework import graph_pb2

from blockscope.models.network import Network

CUT = "/cut"


def cut_off(network: Network, layer: str, kept: npt.NDArray[np.bool_]) -> Network:
    """Return the network with all other positions of a layer multiplied by zero behind it.

    ``kept``: (row, col). The layer itself keeps its values; whatever reads it reads the product.
    """
    graph = graph_pb2.GraphDef()
    for node in network.definition.node:
        copy = graph.node.add()
        copy.CopyFrom(node)
        for place, edge in enumerate(node.input):
            if edge.removesuffix(":0") == layer:
                copy.input[place] = layer + CUT
    mask = graph.node.add(name=f"{layer}{CUT}/mask", op="Const")
    mask.attr["dtype"].type = tf.float32.as_datatype_enum
    mask.attr["value"].tensor.CopyFrom(tf.make_tensor_proto(kept[None, ..., None].astype("f4")))
    product = graph.node.add(name=layer + CUT, op="Mul", input=[layer, mask.name])
    product.attr["T"].type = tf.float32.as_datatype_enum
    return Network(graph, network.spec, network.logits)
