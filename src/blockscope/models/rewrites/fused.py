"""Taking apart the operations that TensorFlow's optimiser fuses, which have no gradient.

Also old and rare ones that are others in all but their name.
"""

from __future__ import annotations

from tensorflow.core.framework import graph_pb2, node_def_pb2

from blockscope.io.counts import counted
from blockscope.io.errors import BadFile
from blockscope.models.graph import graphs
from blockscope.models.graph.making import copied, operation, reshape, with_nodes
from blockscope.models.graph.node_attributes import attribute
from blockscope.models.rewrites.channels_last import ONE_IN, TWO_IN

PLAIN = {
    "_FusedConv2D": "Conv2D",
    "_FusedDepthwiseConv2dNative": "DepthwiseConv2dNative",
    "FusedDepthwiseConv2dNative": "DepthwiseConv2dNative",
    "_FusedMatMul": "MatMul",
}
ATTRIBUTES = {
    "Conv2D": ("strides", "padding", "explicit_paddings", "data_format", "dilations"),
    "DepthwiseConv2dNative": (
        "strides", "padding", "explicit_paddings", "data_format", "dilations"
    ),
    "MatMul": ("transpose_a", "transpose_b"),
}  # fmt: skip
ACTIVATIONS = frozenset({"Relu", "Relu6", "Elu", "Sigmoid", "Tanh", "LeakyRelu"})
FUSED = frozenset({*PLAIN, "_FusedBatchNormEx", "Prelu"})
SAME_AXES = ONE_IN | TWO_IN | {
    "Concat", "ConcatV2", "MirrorPad", "Pad", "PadV2", "Prelu", "StopGradient", "Slice",
    "StridedSlice",
}  # fmt: skip


def unfuse(definition: graph_pb2.GraphDef) -> graph_pb2.GraphDef:
    """Return the graph with each fused operation as the plain ones that it stands for.

    The last of them keeps the node's name. Raises ``BadFile`` for a fusion that is not known.
    """
    nodes: list[node_def_pb2.NodeDef] = []
    read = {edge for node in definition.node for edge in node.input}
    for node in definition.node:
        if node.op in PLAIN:
            nodes += _parts(node)
        elif node.op == "_FusedBatchNormEx":
            nodes += _batch_norm(node)
        elif node.op == "BatchNormWithGlobalNormalization":
            nodes += _global_norm(node)
        elif node.op == "MaxPoolWithArgmax" and f"{node.name}:1" not in read:
            nodes.append(_max_pool(node))
        else:
            nodes.append(copied(node))
    by_name = {node.name: node for node in nodes}
    plain = [_prelu(node, by_name) if node.op == "Prelu" else [node] for node in nodes]
    return with_nodes(definition, [part for parts in plain for part in parts])


def _edges(node: node_def_pb2.NodeDef) -> list[str]:
    return [edge for edge in node.input if not edge.startswith("^")]


def _parts(node: node_def_pb2.NodeDef) -> list[node_def_pb2.NodeDef]:
    plain = PLAIN[node.op]
    filters = attribute(node, "filter_format") or "HWIO"
    if filters != "HWIO":
        raise BadFile(
            f"node '{node.name}' ({node.op}) has filters in the order {filters}; valid: HWIO; "
            "export the network without optimising its graph"
        )
    x, weights, *others = _edges(node)
    first = operation(plain, f"{node.name}/_{plain}", [x, weights])
    for key in ATTRIBUTES[plain]:
        if key in node.attr:
            first.attr[key].CopyFrom(node.attr[key])
    return _chained(node, first, attribute(node, "fused_ops") or [], others)


def _chained(
    node: node_def_pb2.NodeDef,
    first: node_def_pb2.NodeDef,
    fused: list[str],
    others: list[str],
) -> list[node_def_pb2.NodeDef]:
    """Return an operation and those that follow it; the last one has the fused node's name."""
    made = [first]
    for word in fused:
        before, name = made[-1].name, f"{node.name}/_{word}"
        try:
            made += _next(node, word, name, before, others)
        except IndexError:
            raise BadFile(f"node '{node.name}' ({node.op}) lacks an input for {word}") from None
    if others:
        raise BadFile(
            f"node '{node.name}' ({node.op}) has {counted(len(others), 'input')} more than {fused} "
            "need"
        )
    made[-1].name = node.name
    return made


def _next(
    node: node_def_pb2.NodeDef, word: str, name: str, before: str, others: list[str]
) -> list[node_def_pb2.NodeDef]:
    data_format = attribute(node, "data_format") or "NHWC"  # a product of matrices has none
    if word == "BiasAdd":
        return [operation("BiasAdd", name, [before, others.pop(0)], data_format=data_format)]
    if word == "Add":
        return [operation("AddV2", name, [before, others.pop(0)])]
    if word == "FusedBatchNorm":
        norm = operation(
            "FusedBatchNormV3", name, [before, *(others.pop(0) for _ in range(4))], ("T", "U"),
            is_training=False, epsilon=float(attribute(node, "epsilon") or 1e-4),
            data_format=data_format,
        )  # fmt: skip
        return [norm]
    if word in ACTIVATIONS:
        activation = operation(word, name, [before])
        if word == "LeakyRelu":
            slope = attribute(node, "leakyrelu_alpha")
            activation.attr["alpha"].f = 0.2 if slope is None else slope
        return [activation]
    if word == "Prelu":
        return [operation("Prelu", name, [before, others.pop(0)])]
    raise BadFile(
        f"node '{node.name}' ({node.op}) fuses '{word}'; valid: BiasAdd, Add, FusedBatchNorm, "
        f"Prelu, {', '.join(sorted(ACTIVATIONS))}; export the network without optimising its graph"
    )


def _batch_norm(node: node_def_pb2.NodeDef) -> list[node_def_pb2.NodeDef]:
    """Take a batch norm apart that adds a side input and rectifies."""
    sides = int(attribute(node, "num_side_inputs") or 0)
    edges = _edges(node)
    norm = operation("FusedBatchNormV3", f"{node.name}/_BatchNorm", edges[:5], ("T", "U"))
    for key in ("epsilon", "data_format", "is_training", "exponential_avg_factor"):
        if key in node.attr:
            norm.attr[key].CopyFrom(node.attr[key])
    if "is_training" not in node.attr:
        norm.attr["is_training"].b = True  # the operation's default
    mode = attribute(node, "activation_mode") or "Identity"
    fused = ["Add"] * sides + ([] if mode == "Identity" else [mode])
    return _chained(node, norm, fused, edges[5 : 5 + sides])


def _global_norm(node: node_def_pb2.NodeDef) -> list[node_def_pb2.NodeDef]:
    """Write the batch norm of 2015; without scaling its factors are 1."""
    if len(edges := _edges(node)) != 5:
        raise BadFile(
            f"node '{node.name}' ({node.op}) has {counted(len(edges), 'input')}; valid: 5"
        )
    x, mean, variance, offset, factor = edges
    made = []
    if not attribute(node, "scale_after_normalization"):
        made = [operation("OnesLike", f"{node.name}/_ones", [factor])]
        factor = made[0].name
    norm = operation(
        "FusedBatchNormV3", node.name, [x, factor, offset, mean, variance], ("T", "U"),
        is_training=False, epsilon=float(attribute(node, "variance_epsilon") or 0),
    )  # fmt: skip
    return [*made, norm]


def _max_pool(node: node_def_pb2.NodeDef) -> node_def_pb2.NodeDef:
    """Write a pooling whose places no one reads."""
    pool = copied(node)
    pool.op = "MaxPool"
    for key in ("Targmax", "include_batch_in_index"):
        if key in pool.attr:
            del pool.attr[key]
    return pool


def _prelu(node: node_def_pb2.NodeDef, nodes: graphs.Nodes) -> list[node_def_pb2.NodeDef]:
    """Write ``max(x, 0) - slope * max(-x, 0)``; its gradient at 0 is 0, like that of a ReLU."""
    x, slope = _edges(node)
    name = node.name
    shaped: list[node_def_pb2.NodeDef] = []
    if _channels_first(node, nodes) and _is_vector(node, nodes):
        shaped = reshape(f"{name}/_slope", slope, (-1, 1, 1))
        slope = shaped[-1].name
    return [
        *shaped,
        operation("Relu", f"{name}/_positive", [x]),
        operation("Neg", f"{name}/_turned", [x]),
        operation("Relu", f"{name}/_negative", [f"{name}/_turned"]),
        operation("Mul", f"{name}/_scaled", [f"{name}/_negative", slope]),
        operation("Sub", name, [f"{name}/_positive", f"{name}/_scaled"]),
    ]


def _channels_first(node: node_def_pb2.NodeDef, nodes: graphs.Nodes) -> bool:
    """Tell whether the nearest operations before a node that have a layout have channels first."""
    left, seen = [node], {node.name}
    while left:
        found = left.pop()
        layout = attribute(found, "data_format")
        if layout == "NCHW":
            return True
        if layout is None and found.op in SAME_AXES:
            before = [name for name in graphs.sources(found) if name in nodes and name not in seen]
            seen.update(before)
            left += [nodes[name] for name in before]
    return False


def _is_vector(node: node_def_pb2.NodeDef, nodes: graphs.Nodes) -> bool:
    """Tell whether a Prelu's slopes are a vector; refuses slopes of which that is not known."""
    name, seen = graphs.tensor_name(_edges(node)[1]), set()
    while name in nodes and nodes[name].op == "Identity" and name not in seen:
        seen.add(name)  # cycles are found later
        name = next(iter(graphs.sources(nodes[name])), "")
    if name not in nodes or nodes[name].op != "Const":
        raise BadFile(
            f"node '{node.name}' has channels first and slopes that are computed ('{name}'), so "
            "that their axis is not known; valid: slopes that are a constant; export the network "
            "without optimising its graph, or with channels last"
        )
    return len(nodes[name].attr["value"].tensor.tensor_shape.dim) == 1
