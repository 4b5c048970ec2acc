"""Quantisation as it is trained (``FakeQuantWithMinMax...``), written in plain operations.

Values are clamped and rounded to one of ``2 ** num_bits`` numbers. As in TensorFlow, the gradient
is that of clamping alone: 1 from the least to the largest number, 0 outside.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from tensorflow.core.framework import graph_pb2
from tensorflow.core.framework.node_def_pb2 import NodeDef

from blockscope.io.errors import BadFile
from blockscope.models.graph import graphs
from blockscope.models.graph.making import constant, copied, held, operation, with_nodes
from blockscope.models.graph.node_attributes import attribute
from blockscope.models.graph.weight_cells import marked

BY_ATTRIBUTES = "FakeQuantWithMinMaxArgs"
BY_INPUTS = frozenset({"FakeQuantWithMinMaxVars", "FakeQuantWithMinMaxVarsPerChannel"})

Range = npt.NDArray[np.float32]


def without_fake_quant(definition: graph_pb2.GraphDef) -> graph_pb2.GraphDef:
    """Return the graph with each quantisation in plain operations. Needs constants to be folded.

    Raises ``BadFile`` where the range depends on the image, or is none.
    """
    nodes = {node.name: node for node in definition.node}
    made: list[NodeDef] = []
    for node in definition.node:
        if node.op == BY_ATTRIBUTES or node.op in BY_INPUTS:
            made += _plain(node, *_range(node, nodes))
        else:
            made.append(copied(node))
    kept = {node.name: node for node in made}
    return with_nodes(definition, graphs.toposort(kept, graphs.sinks(definition)))


def _range(node: NodeDef, nodes: graphs.Nodes) -> tuple[Range, Range]:
    if node.op == BY_ATTRIBUTES:
        least, most = (np.array(attribute(node, key), np.float32) for key in ("min", "max"))
    else:
        low, high = held(node, 1, nodes), held(node, 2, nodes)
        if low is None or high is None:
            raise BadFile(
                f"node '{node.name}' ({node.op}) has a range that depends on the image; valid: "
                "constants; export the network for inference"
            )
        least, most = low.astype(np.float32), high.astype(np.float32)
    if not (np.isfinite(least).all() and np.isfinite(most).all() and (least < most).all()):
        raise BadFile(f"node '{node.name}' ({node.op}) has no range: from {least} to {most}")
    return least, most


def _plain(node: NodeDef, least: Range, most: Range) -> list[NodeDef]:
    """Return clamping, and what rounding adds to it, whose gradient stops."""
    low, high, scale = _nudged(node, least, most)
    name, share = node.name, np.float32(1) / scale
    zero = np.floor(-low * share + np.float32(0.5))
    numbers = {"high": high, "low": low, "share": share, "zero": zero, "scale": scale}
    numbers |= {"half": np.array(0.5)}
    held_at = {key: f"{name}/_{key}" for key in numbers}
    made = [
        marked(constant(held_at[key], value.astype(np.float32)), ())
        for key, value in numbers.items()
    ]
    edge = node.input[0]
    steps = [
        ("Minimum", "high"), ("Maximum", "low"), ("Sub", "low"), ("Mul", "share"), ("Sub", "zero"),
        ("AddV2", "half"), ("Floor", ""), ("Mul", "scale"), ("Sub", "_clamped"),
    ]  # fmt: skip
    for number, (op, other) in enumerate(steps):
        made.append(operation(op, f"{name}/_step{number}", [edge]))
        if other:
            made[-1].input.append(held_at.get(other, f"{name}/_step1"))
        edge = made[-1].name
    made.append(operation("StopGradient", f"{name}/_rounding", [edge]))
    made.append(operation("AddV2", name, [f"{name}/_step1", made[-1].name]))
    return made


def _nudged(node: NodeDef, least: Range, most: Range) -> tuple[Range, Range, Range]:
    """Return the least and the largest number and the step between numbers; 0 is one of them."""
    first = np.float32(1 if attribute(node, "narrow_range") else 0)
    last = np.float32(2 ** int(attribute(node, "num_bits")) - 1)
    scale = (most - least) / (last - first)
    place = first - least / scale
    zero = np.clip(np.floor(place + np.float32(0.5)), first, last)
    return (first - zero) * scale, (last - zero) * scale, scale
