"""Whether the logits of a network can be those of its head, by their number and their values."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from tensorflow.core.framework.node_def_pb2 import NodeDef

from blockscope.io.errors import BadFile
from blockscope.models.ends.fed_values import PLACEHOLDERS
from blockscope.models.ends.heads import head_at
from blockscope.models.ends.image_and_logits import SAME_NUMBERS, behind_reshapes, first_source
from blockscope.models.entry import Head
from blockscope.models.graph import graphs
from blockscope.models.network import Network

PROBABILITIES = frozenset({"Sigmoid", "Softmax", "Exp"})  # Exp: a softmax that is written out
WITHOUT_WEIGHTS = SAME_NUMBERS | {
    "Add", "AddV2", "AddN", "Sub", "Mul", "RealDiv", "Mean", "Sum", "Max", "Min", "Prod", "Maximum",
    "Minimum", "ConcatV2", "Pack", "Slice", "StridedSlice", "Split", "SplitV", "GatherV2",
    "Transpose", "Cast", "Neg", "Pow", "Square", "Sqrt", "MaxPool", "AvgPool",
}  # fmt: skip
# With constants these are weights, which make new values; of two tensors they only mix.
PRODUCTS = frozenset({
    "MatMul", "BatchMatMul", "BatchMatMulV2", "BatchMatMulV3", "Einsum", "Conv2D",
    "DepthwiseConv2dNative", "Conv2DBackpropInput",
})  # fmt: skip
JOINS = frozenset({"Concat", "ConcatV2", "Pack"})
FROM_ONE = 1e-4  # the sum of probabilities, in float32
MEND = "(models catalogue: logits, head)"


def check_head(network: Network, head: Head | None, *, in_file: bool = False) -> Head:
    """Return the kind of a network's head; runs it for three images.

    ``head`` is what is known of it; a softmax is assumed where nothing is. ``in_file``: the file
    holds the head, so that its logits are certain whatever they are made of. Raises ``BadFile``
    for one output of no known head, one under a softmax, and for values that are probabilities or
    their logarithms already.
    """
    logits = _logits(network)
    outputs, name = logits.shape[-1], network.logits
    if outputs > 1 and head != "none":
        _check_no_probabilities(name, logits)
    if head != "none" and not in_file:
        _check_not_made_of_heads(network, logits, head)
    if outputs == 1:
        return _head_of_one(name, head)
    if head is None:
        _check_not_made_of_probabilities(network, logits)
    return head or "softmax"


def _head_of_one(name: str, head: Head | None) -> Head:
    if head is None:
        raise BadFile(
            f"there is one output, '{name}', and what follows it is not known; give head: "
            "sigmoid if it is the logit of one label, or head: none if it is a value of "
            f"another kind {MEND}"
        )
    if head == "softmax":
        raise BadFile(
            f"there is one logit, '{name}', whose softmax is always 1; valid: two or more, or "
            f"another head {MEND}"
        )
    return head


def _logits(network: Network) -> npt.NDArray[np.float64]:
    """Return the logits of a grey image and of two of noise, (image, logit)."""
    shape = (*network.spec.size, 3)
    noise = np.random.default_rng(0).integers(0, 256, (2, *shape), np.uint8)
    images = [np.full(shape, 128, np.uint8), *noise]
    found = [
        network.run({network.spec.tensor: network.values(image)}, [network.logits])
        for image in images
    ]
    return np.concatenate([one[network.logits].numpy() for one in found]).astype(np.float64)


def _check_no_probabilities(name: str, logits: npt.NDArray[np.float64]) -> None:
    if (logits >= 0).all() and _sums_to_one(logits):
        what = "never negative and add up to 1"
    elif (logits <= 0).all() and _sums_to_one(np.exp(logits)):
        what = "logarithms of numbers that add up to 1"
    else:
        return
    raise BadFile(
        f"the values of '{name}' are {what} for each of {len(logits)} images tried: these are "
        "probabilities, not logits; give the tensor before the softmax, or head: none to attribute "
        f"these values as they are {MEND}"
    )


def _check_not_made_of_heads(
    network: Network, logits: npt.NDArray[np.float64], head: Head | None
) -> None:
    """Refuse what is made of outputs of heads alone, as probabilities in percent or log-odds.

    A head that the entry gives is believed, but not where the values are probabilities still.
    """
    nodes, name, shares = network.nodes, network.logits, _are_shares(logits)
    if head is not None and not shares:
        return
    made = _made_of(network, lambda node: _head_node(nodes, node), through_shares=shares)
    if made is None:
        return
    what = (
        f"the values of '{name}' are made of the output of '{made.name}' ({made.op}), a "
        f"{_head_kind(nodes, made)}, without weights {'below 0 ' if shares else ''}in between"
    )
    if head is not None:
        raise BadFile(
            f"{what}, and lie from 0 to 1 for each of {len(logits)} images tried: they seem to be "
            f"probabilities already, of which head: {head} would make others; give the tensor "
            "before that as logits, or head: none to attribute these values as they are "
            f"{MEND}"
        )
    otherwise = "" if shares else ", or the head if they are its logits after all"
    raise BadFile(
        f"{what}: no head of theirs is known to be meant; give the tensor before that as logits, "
        f"or head: none to attribute these values as they are{otherwise} {MEND}"
    )


def _check_not_made_of_probabilities(network: Network, logits: npt.NDArray[np.float64]) -> None:
    """Refuse means, maxima, parts and products of probabilities, which need not add up to 1."""
    if not _are_shares(logits):
        return
    made = _made_of(network, _probabilities, through_shares=True) or _shares_in(network)
    if made is not None:
        raise BadFile(
            f"the values of '{network.logits}' are made of those of '{made.name}' "
            f"({made.op}), without weights below 0 in between, and lie from 0 to 1 for each of "
            f"{len(logits)} images tried: they seem to be probabilities, not logits; give the "
            "tensor before it, head: none to attribute these values as they are, or the head if "
            f"they are its logits after all {MEND}"
        )


def _made_of(
    network: Network, begins: Callable[[NodeDef], NodeDef | None], *, through_shares: bool
) -> NodeDef | None:
    """Return of which node the logits are made alone; None where something else is in them.

    An operation passes on what all that it reads of the image is made of, unless it has weights:
    these make new values. ``through_shares``: weights that are never negative only select or mix.
    """
    nodes = network.nodes
    made: dict[str, NodeDef | None] = {}  # of what the image changes: the node, None without one
    for node in graphs.toposort(nodes, [network.logits]):
        moving = [source for source in graphs.sources(node) if source in made]
        if node.op in PLACEHOLDERS:
            made[node.name] = None
        elif moving and node.op not in graphs.OF_SIZES:
            passed = _passed(node, [made[source] for source in moving])
            if passed is not None and node.op in PRODUCTS:
                weights = [edge for edge in node.input if graphs.tensor_name(edge) not in made]
                if weights and not (through_shares and _never_negative(network, weights)):
                    passed = None
            made[node.name] = begins(node) or passed
    return made.get(network.logits)


def _passed(node: NodeDef, found: list[NodeDef | None]) -> NodeDef | None:
    """Return of what a node is made alone; one part of several joined is enough."""
    known = [one for one in found if one is not None]
    if not known or (len(known) < len(found) and node.op not in JOINS):
        return None
    return known[0]


def _never_negative(network: Network, tensors: list[str]) -> bool:
    """Tell whether numbers that no image changes are 0 or more."""
    values = network.run({network.spec.tensor: network.grey_input(network.spec.size)}, tensors)
    return all(bool((values[tensor].numpy() >= 0).all()) for tensor in tensors)


def _head_node(nodes: graphs.Nodes, node: NodeDef) -> NodeDef | None:
    """Return the head whose output a node has, also the logarithm of a sigmoid by a softplus."""
    found = head_at(nodes, node.name)
    if found is not None:
        return found.node
    return node if _is_log_sigmoid(nodes, node) else None


def _is_log_sigmoid(nodes: graphs.Nodes, node: NodeDef) -> bool:
    """Tell whether a node is -softplus(-x)."""
    for op in ("Neg", "Softplus"):
        if node.op != op:
            return False
        node = behind_reshapes(nodes, first_source(node))
    return node.op == "Neg"


def _head_kind(nodes: graphs.Nodes, node: NodeDef) -> Head:
    found = head_at(nodes, node.name)
    return found.head if found is not None else "sigmoid"


def _probabilities(node: NodeDef) -> NodeDef | None:
    return node if node.op in PROBABILITIES else None


def _shares_in(network: Network) -> NodeDef | None:
    """Return probabilities that are a part of the logits, beside anything else."""
    left, seen = [network.logits], set()
    while left:
        node = network.nodes[left.pop()]
        if node.op in PROBABILITIES:
            return node
        if node.name not in seen and node.op in WITHOUT_WEIGHTS:
            seen.add(node.name)
            left += graphs.sources(node)
    return None


def _are_shares(logits: npt.NDArray[np.float64]) -> bool:
    return bool(logits.min() >= 0 and logits.max() <= 1)


def _sums_to_one(values: npt.NDArray[np.float64]) -> bool:
    return bool((np.abs(values.sum(1) - 1) < FROM_ONE).all())
