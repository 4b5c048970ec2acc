"""The normal form of a model: one frozen graph of plain operations, from the image to the logits.

The order of the steps matters:

1. Calls of functions are written out and fused operations taken apart. Input and logits are found.
2. Only what the logits need from the input on is kept, so that whatever reads files or draws random
   numbers for the input is gone before the operations are checked.
3. Names, operations, edges and constants are checked before anything runs.
4. Each node is rewritten on its own: defaults entered, devices, control edges and custom gradients
   dropped, ``Concat`` turned into ``ConcatV2``. Random numbers that change nothing are gone then.
5. ``IdentityN``, which Keras wraps around functions with a custom gradient, becomes ``Identity``.
6. All floating point numbers become float32, and what does not depend on the image is computed.
   Max pooling becomes one operation, and what pads it one number.
7. Concatenations before the ReLU are added last, since they copy rewritten nodes.

What follows needs the shapes of tensors: see ``blockscope.models.preparation``.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from tensorflow import make_ndarray
from tensorflow.core.framework import graph_pb2, node_def_pb2, tensor_pb2, types_pb2

from blockscope.io.errors import BadFile, unknown_name
from blockscope.models.ends.fed_values import PLACEHOLDERS, as_array, check_names, fed_nodes
from blockscope.models.ends.first_convolutions import check_first_convolutions
from blockscope.models.ends.heads import Ends, check_no_activation, find_ends
from blockscope.models.ends.image_and_logits import with_later_outputs
from blockscope.models.ends.image_input import (
    COLOURS,
    batch_of,
    channels_of,
    check_contrast,
    check_size,
    input_nodes,
    lift_whole_numbers,
    type_name,
)
from blockscope.models.entry import FedValue, Head, InputSettings
from blockscope.models.graph import graphs
from blockscope.models.graph.allowed_operations import check_ops
from blockscope.models.graph.node_attributes import ONE_SIZE
from blockscope.models.graph.operations import check_edges, enter_defaults
from blockscope.models.graph.raw_graph import Graph
from blockscope.models.graph.training_mode import check_computes
from blockscope.models.graph.weight_cells import MARK
from blockscope.models.layers.layer_names import needed_layers, tensor_of
from blockscope.models.network import PRE_RELU
from blockscope.models.rewrites.branches import check_choices_by_size, with_known_branches
from blockscope.models.rewrites.calls import inline_calls
from blockscope.models.rewrites.constants import fold_constants
from blockscope.models.rewrites.draws import DRAW, without_draws
from blockscope.models.rewrites.fake_quant import without_fake_quant
from blockscope.models.rewrites.fused import unfuse
from blockscope.models.rewrites.max_pools import with_plain_pools
from blockscope.models.rewrites.pool_fills import with_lowest_fills
from blockscope.models.rewrites.precision import as_float32, lowest_fills, other_floats

NODE_NAME = r"[A-Za-z0-9.][A-Za-z0-9_.\\/>-]*"
MOST_VALUES = 2**29  # of a constant: 2 GiB of float32, the most that a graph file holds
NUMBERS = frozenset({
    types_pb2.DT_FLOAT, types_pb2.DT_DOUBLE, types_pb2.DT_HALF, types_pb2.DT_BFLOAT16,
    types_pb2.DT_INT8, types_pb2.DT_INT16, types_pb2.DT_INT32, types_pb2.DT_INT64,
    types_pb2.DT_UINT8, types_pb2.DT_UINT16, types_pb2.DT_BOOL,
})  # fmt: skip
COLOURS_0_TO_255 = InputSettings(size=(224, 224), range=(0, 255))
RECTIFIERS = frozenset({"Relu", "Relu6"})


@dataclass(frozen=True)
class NormalForm:
    """A graph of plain operations, with what was found of its ends.

    Attributes
    ----------
    definition
        The graph.
    input
        Name of its input.
    logits
        Name of its logits.
    batch
        How many images its shapes were written for.
    head
        What follows them; None where neither the file nor the entry tells.
    asked
        The tensor that the entry names, if the logits are one before it.
    floats
        The floating point types other than float32 that the file computes in.
    hidden
        Tensors that are no layers.
    layers
        The tensors of the network's layers by the names of its own framework; several where one
        name stands for several.
    undrawn
        Nodes whose random numbers change nothing: a constant is in their place.
    over
        Axes of the logits, by those over which the file's softmax sums and maximises.
    head_in_file
        Whether the file holds the head.
    """

    definition: graph_pb2.GraphDef
    input: str
    logits: str
    batch: int
    head: Head | None
    asked: str | None
    floats: tuple[str, ...]
    hidden: frozenset[str] = frozenset()
    layers: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    undrawn: tuple[str, ...] = ()
    over: tuple[tuple[int, ...], ...] = ()
    head_in_file: bool = False


def normalise(
    graph: Graph,
    name: str,
    *,
    image: InputSettings | None = None,
    logits: str | None = None,
    head: Head | None = None,
    feed: Mapping[str, FedValue] | None = None,
) -> NormalForm:
    """Return the part of a graph between the image and the logits, in plain operations.

    The input becomes a placeholder (image, row, col, channel) of any size. For each concatenation
    of rectified branches, ``{layer}_pre_relu`` is added: the same concatenation before the ReLU.

    Parameters
    ----------
    graph
        The graph as it was read.
    name
        The model's id, for messages.
    image
        How an image enters it; without it, images of any size, from 0 to 255. Its tensor is by
        default the only input that the file names.
    logits
        Its logits, or what a head made of them; by default the output that the file names.
    head
        What follows the logits, where the file does not hold it.
    feed
        Values of its other inputs.

    Returns
    -------
    normal
        A new graph and its ends; ``graph`` is not changed.

    Raises
    ------
    UnknownName
        The graph has no such tensor.
    BadFile
        The graph cannot be brought into normal form.
    """
    try:
        return _normalise(graph, name, image, logits, head, feed or {})
    except BadFile as error:
        if str(error).startswith("model '"):
            raise
        raise BadFile(f"model '{name}': {error}") from error


def _normalise(
    graph: Graph,
    name: str,
    asked: InputSettings | None,
    logits: str | None,
    head: Head | None,
    feed: Mapping[str, FedValue],
) -> NormalForm:
    image = asked or COLOURS_0_TO_255
    whole = unfuse(inline_calls(graph.definition))
    nodes = {node.name: node for node in whole.node}
    inputs = {n.name: n for n in whole.node if n.op in PLACEHOLDERS}
    start = graph.nodes_of.get(image.tensor or "", image.tensor) or graph.input
    feed = {graph.nodes_of.get(key, key): value for key, value in feed.items()}
    if start is None:
        found = [n.name for n in whole.node if n.op == "Placeholder"]
        raise BadFile(f"model '{name}': give input.tensor; placeholders found: {found}")
    logits = logits and tensor_of(logits, graph.layers, nodes)
    for kind, tensor in (("input tensor", start), ("logits tensor", logits)):
        if tensor is not None and tensor not in nodes:
            valid = [*graph.layers, *nodes] if tensor == logits else nodes
            raise unknown_name(kind, tensor, valid, "models catalogue", f"model '{name}'")
    given = {
        key: as_array(inputs[key], value)
        for key, value in feed.items()
        if key in inputs and key != start
    }
    whole, deciding = with_known_branches(whole, logits or graph.output or "", given)
    ends = _with_ends(whole, logits, graph, head)
    nodes = {node.name: node for node in whole.node}
    kept = _needed(nodes, start, ends.logits, feed, name)
    needed = {node.name: node for node in kept}
    # Values that have decided, or that were for what is gone.
    used = [key for key in inputs if key in deciding and key not in needed]
    if ends.head is None:
        check_no_activation(nodes, ends.logits)
    stated = channels_of(needed[start], image)
    channels = stated or (1 if image.order == "grey" else COLOURS)
    if asked:
        check_size(needed[start], asked)
    rule = image.rule_for(channels)
    check_names(feed, kept, start, used)
    computing = [node for node in kept if node.op != DRAW]  # checked below
    check_computes(computing, name)
    check_choices_by_size(kept, start)
    check_ops([(node.name, node.op) for node in computing], name)
    _check_nodes(kept, whole, {start, *feed})
    definition = graph_pb2.GraphDef(versions=graph.definition.versions)
    plain = [node if node.name == start else _plain(node, name) for node in kept]
    lift_whole_numbers(plain, start, rule)
    check_contrast(needed, start, rule)
    (given,) = [node for node in plain if node.name == start]
    made = input_nodes(given, channels, image.layout, needed)
    for node in plain:
        if node is given:
            definition.node.extend(made)
        elif node.name in feed:
            definition.node.extend(fed_nodes(node, feed[node.name], made[0].name))
        else:
            definition.node.append(node)
    _bypass_identity_n(definition)
    definition, undrawn = without_draws(definition, ends.logits)
    check_computes(definition.node, name)
    floats, lowest = other_floats(definition), lowest_fills(definition)
    placeholder = made[0].name
    definition = without_fake_quant(fold_constants(as_float32(definition), placeholder))
    definition = with_lowest_fills(with_plain_pools(definition), lowest)
    final = {node.name: node for node in definition.node}
    if stated is None:
        check_first_convolutions(final, placeholder, channels, start)
    definition.node.extend(_pre_relu_concats(definition))
    return NormalForm(
        definition, placeholder, ends.logits, batch_of(nodes[start]), ends.head, ends.asked,
        tuple(floats), graph.hidden | {start}, needed_layers(graph.layers, nodes, needed), undrawn,
        ends.over, ends.in_file,
    )  # fmt: skip


def _with_ends(
    whole: graph_pb2.GraphDef, logits: str | None, graph: Graph, head: Head | None
) -> Ends:
    """Find the logits and what follows them; logits without a node of their own are given one."""
    nodes = {node.name: node for node in whole.node}
    named = with_later_outputs(nodes)
    ends = find_ends(named, logits, graph.output, head, graph.given)
    if ends.logits not in nodes:
        whole.node.append(named[ends.logits])
    return ends


def _bypass_identity_n(definition: graph_pb2.GraphDef) -> None:
    """Turn IdentityN into Identity of its first input, and bypass its other outputs."""
    sources_of = {
        f"{node.name}:{i}": source
        for node in definition.node
        if node.op == "IdentityN"
        for i, source in enumerate(node.input)
        if i > 0
    }
    for node in definition.node:
        sources = [_followed(edge, sources_of) for edge in node.input]
        if node.op == "IdentityN":
            node.op = "Identity"
            kind = node.attr["T"].list.type[0]
            node.attr["T"].type = kind
            del sources[1:]
        del node.input[:]
        node.input.extend(sources)


def _followed(edge: str, sources_of: Mapping[str, str]) -> str:
    """Return what an edge is in the end; one IdentityN may pass on what another one does."""
    while edge in sources_of:
        edge = sources_of[edge]
    return edge


def _needed(
    nodes: dict[str, node_def_pb2.NodeDef],
    start: str,
    logits: str,
    feed: Collection[str],
    name: str,
) -> list[node_def_pb2.NodeDef]:
    """Return what the logits need from the input on, in the order of computation."""
    ordered = graphs.toposort(nodes, [logits], stop={start, *feed})
    if start == logits:
        raise BadFile(f"the input '{start}' and the logits are one tensor (models catalogue)")
    if start not in {node.name for node in ordered}:
        raise BadFile(
            f"model '{name}': the logits '{logits}' are not computed from the input '{start}' "
            "(models catalogue: input.tensor, logits)"
        )
    return ordered


def _check_nodes(
    kept: list[node_def_pb2.NodeDef], definition: graph_pb2.GraphDef, given: Collection[str]
) -> None:
    """Check what will run, before it does: names, that become those of files, edges, constants."""
    counts = Counter(node.name for node in definition.node)
    whole = {node.name: _with_defaults(node) for node in kept}
    for node in kept:
        if counts[node.name] > 1:
            raise BadFile(f"{counts[node.name]} nodes have the name '{node.name}'")
        if not re.fullmatch(NODE_NAME, node.name) or set(node.name) == {"."}:
            raise BadFile(
                f"node {node.name!r} has a name that TensorFlow does not allow; valid: letters, "
                "digits and . _ \\ / > -, beginning with a letter, digit or dot"
            )
        if node.name in given:
            continue
        check_edges(whole[node.name], whole)
        if node.op == "Const":
            _check_constant(node)


def _with_defaults(node: node_def_pb2.NodeDef) -> node_def_pb2.NodeDef:
    whole = node_def_pb2.NodeDef()
    whole.CopyFrom(node)
    enter_defaults(whole)
    return whole


def _check_constant(node: node_def_pb2.NodeDef) -> None:
    """Refuse a constant that is no array, or that stands for more than a file can hold."""
    tensor = node.attr["value"].tensor if "value" in node.attr else tensor_pb2.TensorProto()
    sizes = [dim.size for dim in tensor.tensor_shape.dim]
    if tensor.dtype not in NUMBERS:
        kind = type_name(tensor.dtype)
        raise BadFile(f"constant '{node.name}' holds {kind}; only numbers are supported")
    if min(sizes, default=0) < 0 or math.prod(sizes) > MOST_VALUES:
        raise BadFile(
            f"constant '{node.name}' has the shape {sizes}; valid: at most {MOST_VALUES:,} values"
        )
    try:
        array = make_ndarray(tensor)
    except (ValueError, TypeError, KeyError) as error:
        raise BadFile(f"constant '{node.name}' of shape {sizes} cannot be read: {error}") from error
    if list(array.shape) != sizes:
        raise BadFile(f"constant '{node.name}' has the shape {sizes}, found {list(array.shape)}")


def _plain(node: node_def_pb2.NodeDef, name: str) -> node_def_pb2.NodeDef:
    plain = node_def_pb2.NodeDef()
    plain.CopyFrom(node)
    enter_defaults(plain)
    if node.op.startswith("FusedBatchNorm") and plain.attr["is_training"].b:
        raise BadFile(
            f"model '{name}': batch norm '{node.name}' is in training mode; export for inference"
        )
    plain.device = ""
    del plain.input[:]
    plain.input.extend(i.removesuffix(":0") for i in node.input if not i.startswith("^"))
    # Custom gradients, colocation: bound to the process that wrote them. Marks of ours are not.
    for key in [key for key in plain.attr if key.startswith("_")]:
        if key != ONE_SIZE and (key != MARK or plain.op != "Const"):
            del plain.attr[key]
    if plain.op == "Concat":
        plain.op = "ConcatV2"
        axis, *values = plain.input
        del plain.input[:]
        plain.input.extend([*values, axis])
        plain.attr["Tidx"].type = types_pb2.DT_INT32
    return plain


def _pre_relu_concats(definition: graph_pb2.GraphDef) -> list[node_def_pb2.NodeDef]:
    nodes = {node.name: node for node in definition.node}
    added = []
    for node in definition.node:
        branches = [nodes[graphs.tensor_name(i)] for i in node.input[:-1]]
        ops = {branch.op for branch in branches}
        rectified = node.op == "ConcatV2" and len(ops) == 1 and ops <= RECTIFIERS
        if rectified and node.name + PRE_RELU not in nodes:
            concat = node_def_pb2.NodeDef()
            concat.CopyFrom(node)
            concat.name = node.name + PRE_RELU
            del concat.input[:]
            concat.input.extend([*(branch.input[0] for branch in branches), node.input[-1]])
            added.append(concat)
    return added
