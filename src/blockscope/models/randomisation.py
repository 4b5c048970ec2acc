"""Drawing weights of a network in normal form anew, for the test of Adebayo et al.

Adebayo et al., "Sanity checks for saliency maps" (2018): an attribution that says something of what
a network has learned must change with its weights. A tensor of weights is drawn anew by shuffling
its values: mean, spread and every single value stay, so that activations keep their order of size,
and a variance stays positive. Quantus shuffles too (ModelParameterRandomisation, TensorFlow). What
is not learned is not drawn: zeros between the cells of a dilated kernel or around a class token,
the weights of an interpolation, masks.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import tensorflow as tf
from tensorflow.core.framework import graph_pb2, node_def_pb2, types_pb2

from blockscope.io.errors import BadFile
from blockscope.models.graph import graphs
from blockscope.models.graph.making import constant, copied, with_nodes
from blockscope.models.graph.weight_cells import marked_like, weight_cells
from blockscope.models.network import Network
from blockscope.models.randomised_entry import Randomise

# Operations with kernels: what mixes channels or positions by learned numbers.
KERNELS = frozenset({
    "Conv2D", "DepthwiseConv2dNative", "Conv2DBackpropInput", "MatMul", "BatchMatMul",
    "BatchMatMulV2", "BatchMatMulV3", "Einsum",
})  # fmt: skip
# Operations that shift and scale what a kernel gave: biases, batch norm, position embeddings.
AFFINE = frozenset({
    "BiasAdd", "Add", "AddV2", "Sub", "Mul", "Div", "RealDiv", "FusedBatchNorm",
    "FusedBatchNormV2", "FusedBatchNormV3",
})  # fmt: skip
SHIFTS = frozenset({"BiasAdd", "Add", "AddV2", "Sub"})
EXPONENTIALS = frozenset({"Softmax", "LogSoftmax", "Exp"})  # what a mask is before
# Operations through which a mask reaches them.
ON_SCORES = SHIFTS | {
    "Identity", "Reshape", "Transpose", "Squeeze", "ExpandDims", "Cast", "Mul", "Div", "RealDiv",
}  # fmt: skip
MASKED = -30.0  # what softmax makes of it is below the rounding of float32 beside 1

Cells = Sequence[tuple[slice, ...]]
WHOLE: Cells = ((),)


@dataclass(frozen=True)
class Drawn:
    """A graph with weights drawn anew.

    Attributes
    ----------
    definition
        The graph.
    weights
        The tensors that were drawn, by their names in the graph that it was made of.
    even
        Those that could not be, because all their values are equal.
    """

    definition: graph_pb2.GraphDef
    weights: tuple[str, ...]
    even: tuple[str, ...]


def draw_weights(network: Network, randomise: Randomise) -> Drawn:
    """Return the graph of a network with weights drawn anew.

    Every tensor has a stream of random numbers of its own, given by the seed and its name. So the
    same weights are drawn for a layer whatever other ones are.

    Parameters
    ----------
    network
        The network; it stays as it is.
    randomise
        Which weights: the layer must be one of its card, or the input.

    Returns
    -------
    drawn
        The graph. A tensor that is also read below the layer stays for what reads it there.

    Raises
    ------
    BadFile
        There are no weights between the layer and the logits.
    """
    readers = _readers_of_weights(network, randomise)
    values = {name: _values(network.nodes[name]) for name in readers}
    cells = {name: weight_cells(network.nodes[name]) for name in readers}
    varied = {name: value for name, value in values.items() if _varied(value, cells[name])}
    if not varied:
        raise BadFile(
            f"there are no weights to draw anew above '{randomise.above}'; give an earlier layer "
            "(models catalogue: randomise.above)"
        )
    nodes = {node.name: copied(node) for node in network.definition.node}
    read_by: dict[str, set[str]] = {}
    for node in network.definition.node:
        for source in graphs.sources(node):
            read_by.setdefault(source, set()).add(node.name)
    added = []
    for name, value in varied.items():
        made = constant(name, shuffled(value, randomise.seed, name, cells[name]))
        made = marked_like(made, network.nodes[name])
        if read_by[name] == readers[name]:
            nodes[name] = made
            continue
        made.name = f"{name}/_drawn"
        added.append(made)
        for reader in readers[name]:
            edges = nodes[reader].input
            edges[:] = [made.name if graphs.tensor_name(e) == name else e for e in edges]
    definition = with_nodes(network.definition, [*added, *nodes.values()])
    return Drawn(definition, tuple(varied), tuple(sorted(set(values) - set(varied))))


def shuffled(
    values: npt.NDArray[np.float32], seed: int, name: str, cells: Cells = WHOLE
) -> npt.NDArray[np.float32]:
    """Return a tensor's values in another order, drawn until it differs.

    Parameters
    ----------
    values
        The tensor.
    seed
        Of the random numbers.
    name
        The tensor's name, which gives the stream.
    cells
        Its blocks that are weights; each is shuffled in itself, the other cells stay.

    Returns
    -------
    found
        Another tensor of this shape.

    Raises
    ------
    ValueError
        No order differs.
    """
    varied = _varied(values, cells)
    if not varied:
        raise ValueError(f"all values of '{name}' are equal")
    identity = hashlib.sha256(json.dumps([seed, name, "weights"]).encode()).digest()
    random = np.random.default_rng(int.from_bytes(identity))
    found = values.copy()
    for block in varied:
        held = values[block]
        while np.array_equal(found[block], held):
            found[block] = random.permutation(held.ravel()).reshape(held.shape)
    return found


def _varied(values: npt.NDArray[np.float32], cells: Cells) -> Cells:
    """Return the blocks that have several values."""
    return [block for block in cells if values[block].size and np.ptp(values[block]) > 0]


def _readers_of_weights(network: Network, randomise: Randomise) -> dict[str, set[str]]:
    """Return the tensors of weights to draw, with the nodes that read them there."""
    nodes = network.joined_at(randomise.above)
    order = graphs.toposort(nodes, [network.logits])
    above = graphs.downstream({node.name: node for node in order}, randomise.above)
    between = [node for node in order if node.name in above and node.name != randomise.above]
    if randomise.kind == "independent":
        between = _first_block(between, randomise.above, network.nodes)
    mixed, scores = _after_kernels(network), _scores(network)
    found: dict[str, set[str]] = {}
    for node in between:
        if node.op in KERNELS or (node.op in AFFINE and node.name in mixed):
            for source in graphs.sources(node):
                held = network.nodes.get(source)
                masks = node.name in scores and _is_mask(node, held)
                if _is_weights(held) and not masks:
                    found.setdefault(source, set()).add(node.name)
    return found


def _first_block(
    between: list[node_def_pb2.NodeDef], start: str, nodes: graphs.Nodes
) -> list[node_def_pb2.NodeDef]:
    """Return the nodes up to the end of the first block after ``start``; they are in order.

    A block ends at a tensor past which nothing inside is read: what follows sees the block through
    it alone. The first one is the shortest with a kernel, and what follows on it without another
    kernel: a bias, a norm, a ReLU.
    """
    kernels = [
        node.op in KERNELS and any(_is_weights(nodes.get(s)) for s in graphs.sources(node))
        for node in between
    ]
    place = {start: -1} | {node.name: number for number, node in enumerate(between)}
    last_read = dict.fromkeys(place, -1)  # where each tensor is read for the last time
    for number, node in enumerate(between):
        for source in graphs.sources(node):
            if source in place:
                last_read[source] = number
    furthest, end = last_read[start], 0
    for number, node in enumerate(between):
        if furthest <= number and any(kernels[: number + 1]):
            if end and any(kernels[end : number + 1]):
                break
            end = number + 1
        furthest = max(furthest, last_read[node.name])
    return between[:end]


def _after_kernels(network: Network) -> set[str]:
    """Return the nodes that compute on what a kernel gave: what is before prepares the image."""
    found: set[str] = set()
    for node in graphs.toposort(network.nodes, [network.logits]):
        if node.op in KERNELS or any(source in found for source in graphs.sources(node)):
            found.add(node.name)
    return found


def _scores(network: Network) -> set[str]:
    """Return the nodes that shift what a softmax is taken of, where masks are added."""
    nodes = network.nodes
    stack = [s for node in nodes.values() if node.op in EXPONENTIALS for s in graphs.sources(node)]
    seen: set[str] = set()
    while stack:
        name = stack.pop()
        if name not in seen and nodes[name].op in ON_SCORES:
            seen.add(name)
            stack += graphs.sources(nodes[name])
    return {name for name in seen if nodes[name].op in SHIFTS}


def _is_mask(reader: node_def_pb2.NodeDef, node: node_def_pb2.NodeDef | None) -> bool:
    """Tell whether a constant that shifts scores is 0 or one very negative number."""
    if node is None or not _is_weights(node):
        return False
    sign = -1 if reader.op == "Sub" else 1
    numbers = np.unique(sign * _values(node))
    return numbers.size == 2 and numbers[1] == 0 and bool(numbers[0] <= MASKED)


def _is_weights(node: node_def_pb2.NodeDef | None) -> bool:
    """Tell whether a node is a float32 constant of several finite values, weights among them."""
    if node is None or node.op != "Const" or node.attr["dtype"].type != types_pb2.DT_FLOAT:
        return False
    values = _values(node)
    return values.size > 1 and bool(np.isfinite(values).all()) and bool(weight_cells(node))


def _values(node: node_def_pb2.NodeDef) -> npt.NDArray[np.float32]:
    return np.asarray(tf.make_ndarray(node.attr["value"].tensor))
