"""Whether the logits of a network can be those of its head, by their number and their values."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from blockscope.io.errors import BadFile
from blockscope.models.ends.fed_values import PLACEHOLDERS
from blockscope.models.ends.heads import Found, head_at
from blockscope.models.ends.image_and_logits import SAME_NUMBERS
from blockscope.models.entry import Head
from blockscope.models.graph import graphs
from blockscope.models.network import Network

PROBABILITIES = frozenset({"Sigmoid", "Softmax", "Exp"})  # Exp: a softmax that is written out
WITHOUT_WEIGHTS = SAME_NUMBERS | {
    "Add", "AddV2", "AddN", "Sub", "Mul", "RealDiv", "Mean", "Sum", "Max", "Min", "Prod", "Maximum",
    "Minimum", "ConcatV2", "Pack", "Slice", "StridedSlice", "Split", "SplitV", "GatherV2",
    "Transpose", "Cast", "Neg", "Pow", "Square", "Sqrt", "MaxPool", "AvgPool",
}  # fmt: skip
ELEMENTWISE = frozenset({"Log", "Log1p", "Exp", "Reciprocal", "Inv", "BiasAdd", "Rsqrt"})
FROM_ONE = 1e-4  # the sum of probabilities, in float32
MEND = "(models catalogue: logits, head)"


def check_head(network: Network, head: Head | None) -> Head:
    """Return the kind of a network's head; runs it for three images.

    ``head`` is what is known of it; a softmax is assumed where nothing is. Raises ``BadFile`` for
    one output of no known head, one under a softmax, and for values that are probabilities or their
    logarithms already.
    """
    logits = _logits(network)
    outputs, name = logits.shape[-1], network.logits
    if outputs == 1:
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
    if head != "none":
        _check_no_probabilities(name, logits)
    if head is None:
        _check_not_made_of_heads(network.nodes, name)
        _check_not_made_of_probabilities(network.nodes, name, logits)
    return head or "softmax"


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


def _check_not_made_of_heads(nodes: graphs.Nodes, name: str) -> None:
    """Refuse what is made of outputs of heads alone, as probabilities in percent or log-odds."""
    made: dict[str, Found | None] = {}  # of what the image changes: the head, None without one
    for node in graphs.toposort(nodes, [name]):
        moving = [source for source in graphs.sources(node) if source in made]
        if node.op in PLACEHOLDERS:
            made[node.name] = None
        elif moving:
            found = [made[source] for source in moving]
            passes = node.op in WITHOUT_WEIGHTS | ELEMENTWISE and None not in found
            made[node.name] = head_at(nodes, node.name) or (found[0] if passes else None)
    head = made.get(name)
    if head is not None:
        raise BadFile(
            f"the values of '{name}' are made of the output of '{head.node.name}' "
            f"({head.node.op}), a {head.head}, without weights in between: no softmax of theirs is "
            "known to be meant; give the tensor before that as logits, head: none to attribute "
            f"these values as they are, or the head if they are its logits after all {MEND}"
        )


def _check_not_made_of_probabilities(
    nodes: graphs.Nodes, name: str, logits: npt.NDArray[np.float64]
) -> None:
    """Refuse means, maxima, parts and products of probabilities, which need not add up to 1."""
    if logits.min() < 0 or logits.max() > 1:
        return
    left, seen = [name], set()
    while left:
        node = nodes[left.pop()]
        if node.op in PROBABILITIES:
            raise BadFile(
                f"the values of '{name}' are made of those of '{node.name}' ({node.op}), without "
                f"weights in between, and lie from 0 to 1 for each of {len(logits)} images tried: "
                "they seem to be probabilities, not logits; give the tensor before it, head: none "
                "to attribute these values as they are, or the head if they are its logits after "
                f"all {MEND}"
            )
        if node.name not in seen and node.op in WITHOUT_WEIGHTS:
            seen.add(node.name)
            left += graphs.sources(node)


def _sums_to_one(values: npt.NDArray[np.float64]) -> bool:
    return bool((np.abs(values.sum(1) - 1) < FROM_ONE).all())
