"""The head of a network: what makes probabilities of its logits, and the tensor before it.

A head may be one operation or written out by hand. What is not recognised is never taken for
logits in silence: an output that cannot be one is refused here, and probabilities by their values
when the card is built (`blockscope.models.card_builder`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from tensorflow import make_ndarray
from tensorflow.core.framework import node_def_pb2

from blockscope.io.errors import BadFile
from blockscope.models.ends.image_and_logits import behind_reshapes, first_source
from blockscope.models.entry import Head
from blockscope.models.graph import graphs

KINDS: dict[str, Head] = {"Softmax": "softmax", "LogSoftmax": "softmax", "Sigmoid": "sigmoid"}
SAME_TENSOR = frozenset({"Identity", "StopGradient"})
LAST_AXIS = (-1, 1)  # of (image, label)
# What heads are made of when they are written out.
PARTS = frozenset({
    "Identity", "Reshape", "Squeeze", "ExpandDims", "StopGradient", "Exp", "Sum", "Max", "Log",
    "Sub", "Add", "AddV2", "RealDiv", "Div", "Select", "SelectV2",
})  # fmt: skip
ACTIVATIONS = frozenset({
    "Relu", "Relu6", "Elu", "Selu", "LeakyRelu", "Tanh", "Exp", "Softplus", "Softsign", "Sigmoid",
    "Softmax", "LogSoftmax", "ClipByValue", "Minimum", "Maximum", "Erf",
})  # fmt: skip
SCALING = frozenset({"Add", "AddV2", "Sub", "Mul", "RealDiv", "Div", "Neg", "Reciprocal", "Inv"})
MEND = "(models catalogue: logits, head)"


class Ends(NamedTuple):
    """The logits of a network and what follows them.

    Attributes
    ----------
    logits
        The tensor.
    head
        ``softmax``, ``sigmoid`` (each label by itself) or ``none`` (the values stand for
        themselves); None where neither the file nor the entry tells.
    asked
        The tensor that the entry names instead, whose head was taken off; None if it is this one.
    """

    logits: str
    head: Head | None
    asked: str | None = None


class _Found(NamedTuple):
    node: node_def_pb2.NodeDef
    logits: str
    head: Head


def find_ends(
    nodes: graphs.Nodes, logits: str | None, output: str | None, head: Head | None
) -> Ends:
    """Find the logits of a network, and the kind of its head.

    Parameters
    ----------
    nodes
        The graph, without calls of functions.
    logits
        The tensor that the entry names; its head is taken off where it has one.
    output
        The output that the file names.
    head
        What the entry says of the head.

    Returns
    -------
    ends
        The logits, and what follows them.

    Raises
    ------
    BadFile
        There is no such tensor, it is not known to be one, or the entry contradicts the file.
    """
    start = logits or output or _only_softmax(nodes)
    graphs.toposort(nodes, [start])  # without a cycle, so that walking back ends
    found = _head_at(nodes, start)
    if found is not None:
        inner = _head_at(nodes, found.logits)
        if inner is not None:
            raise BadFile(
                f"'{start}' is made by '{found.node.name}' ({found.node.op}) from what is already "
                f"the output of '{inner.node.name}' ({inner.node.op}); which of both the labels' "
                f"probabilities are, the file does not tell: give one as logits {MEND}"
            )
        _check_asked(head, [found])
        return Ends(found.logits, found.head, logits)
    followers = _followers(nodes, start)
    if followers:
        kinds = {one.head for one in followers}
        _check_asked(head, followers)
        if len(kinds) > 1 and head is None:
            raise BadFile(
                f"both {_listed(followers)} follow '{start}'; give head: softmax or head: sigmoid "
                f"{MEND}"
            )
        used = next(one for one in followers if head in (None, one.head))
        # Behind a reshape labels may be in groups: the head's own input shows it.
        same = _behind(nodes, used.logits) == _behind(nodes, start)
        return Ends(start, used.head) if same else Ends(used.logits, used.head, logits)
    return Ends(start if logits else _behind(nodes, start), head)


def check_no_activation(nodes: graphs.Nodes, name: str) -> None:
    """Refuse values that an activation function made: no head of the usual ones is before them."""
    node = behind_reshapes(nodes, name)
    while node.op in SCALING:
        moving = [s for s in graphs.sources(node) if behind_reshapes(nodes, s).op != "Const"]
        if len(moving) != 1:
            return
        node = behind_reshapes(nodes, moving[0])
    if node.op in ACTIVATIONS:
        raise BadFile(
            f"'{name}' holds values of {node.op} ('{node.name}'), which gives no logits; give the "
            f"tensor of the logits, or head: none to attribute these values as they are {MEND}"
        )


def _only_softmax(nodes: graphs.Nodes) -> str:
    softmaxes = [node.name for node in nodes.values() if node.op == "Softmax"]
    if len(softmaxes) != 1:
        raise BadFile(f"give logits; softmax operations found: {softmaxes}")
    return softmaxes[0]


def _check_asked(head: Head | None, found: Sequence[_Found]) -> None:
    if head is not None and head not in {one.head for one in found}:
        raise BadFile(
            f"the entry says head: {head}, but the file holds {_listed(found)}, the head "
            f"{found[0].head} of '{found[0].logits}' {MEND}"
        )


def _listed(found: Sequence[_Found]) -> str:
    return " and ".join(f"'{one.node.name}' ({one.node.op})" for one in found)


def _head_at(nodes: graphs.Nodes, name: str) -> _Found | None:
    """Return the head whose output a tensor is, maybe in another shape or as a logarithm."""
    node = behind_reshapes(nodes, name)
    if node.op in KINDS:
        return _Found(node, first_source(node), KINDS[node.op])
    if node.op == "Log":
        return _head_at(nodes, first_source(node))
    if node.op in {"RealDiv", "Div"} and len(graphs.sources(node)) == 2:
        top, below = (behind_reshapes(nodes, source) for source in graphs.sources(node))
        if top.op == "Exp" and _is_sum_of_exp(nodes, below, first_source(top)):
            return _Found(node, _shifted(nodes, first_source(top)), "softmax")
    if node.op == "Sub" and len(graphs.sources(node)) == 2:
        whole, rest = graphs.sources(node)
        if _is_logsumexp(nodes, rest, whole):
            return _Found(node, _shifted(nodes, whole), "softmax")
    return None


def _exponent(nodes: graphs.Nodes, node: node_def_pb2.NodeDef) -> str | None:
    """Return x where a node is the sum of exp(x) over the labels; None for any other."""
    if node.op != "Sum" or len(graphs.sources(node)) != 2:
        return None
    values, axis = (behind_reshapes(nodes, source) for source in graphs.sources(node))
    if values.op != "Exp" or axis.op != "Const" or "value" not in axis.attr:
        return None
    axes = make_ndarray(axis.attr["value"].tensor).ravel().tolist()
    return first_source(values) if len(axes) == 1 and axes[0] in LAST_AXIS else None


def _is_sum_of_exp(nodes: graphs.Nodes, node: node_def_pb2.NodeDef, of: str) -> bool:
    exponent = _exponent(nodes, node)
    whole = behind_reshapes(nodes, of).name
    return exponent is not None and behind_reshapes(nodes, exponent).name == whole


def _is_logsumexp(nodes: graphs.Nodes, name: str, of: str) -> bool:
    """Tell whether a tensor is the log of the sum of exp of another, maybe less their maximum."""
    node = behind_reshapes(nodes, name)
    if node.op == "Log":
        return _is_sum_of_exp(nodes, behind_reshapes(nodes, first_source(node)), of)
    if node.op not in {"Add", "AddV2"} or len(graphs.sources(node)) != 2:
        return False
    first, second = graphs.sources(node)
    return _is_shifted(nodes, first, second, of) or _is_shifted(nodes, second, first, of)


def _is_shifted(nodes: graphs.Nodes, log: str, most: str, of: str) -> bool:
    """Tell whether ``log`` is log(sum(exp(x - max(x)))) and ``most`` is max(x)."""
    node, whole = behind_reshapes(nodes, log), behind_reshapes(nodes, of).name
    if node.op != "Log" or _maximised(nodes, most) != whole:
        return False
    exponent = _exponent(nodes, behind_reshapes(nodes, first_source(node)))
    if exponent is None:
        return False
    inside = _shifted(nodes, exponent)
    return inside != exponent and behind_reshapes(nodes, inside).name == whole


def _shifted(nodes: graphs.Nodes, name: str) -> str:
    """Return x where a tensor is x less its maximum, which a softmax does not notice."""
    node = behind_reshapes(nodes, name)
    if node.op == "Sub" and len(graphs.sources(node)) == 2:
        whole, most = graphs.sources(node)
        if _maximised(nodes, most) == behind_reshapes(nodes, whole).name:
            return whole
    return name


def _maximised(nodes: graphs.Nodes, name: str) -> str | None:
    """Return whose maximum a tensor is; TensorFlow takes it only where it is finite."""
    node = behind_reshapes(nodes, name)
    while node.op in {"Select", "SelectV2"} and len(graphs.sources(node)) == 3:
        node = behind_reshapes(nodes, graphs.sources(node)[1])
    return behind_reshapes(nodes, first_source(node)).name if node.op == "Max" else None


def _behind(nodes: graphs.Nodes, name: str) -> str:
    node = nodes[name]
    while node.op in SAME_TENSOR:
        node = nodes[first_source(node)]
    return node.name


def _followers(nodes: graphs.Nodes, name: str) -> list[_Found]:
    """Return the heads that a tensor is the logits of."""
    readers: dict[str, list[str]] = {}
    for node in nodes.values():
        for source in graphs.sources(node):
            readers.setdefault(source, []).append(node.name)
    whole = behind_reshapes(nodes, name).name
    found: dict[str, _Found] = {}
    left, seen = [name], {name}
    while left:
        for reader in readers.get(left.pop(), ()):
            if reader in seen:
                continue
            seen.add(reader)
            if nodes[reader].op in PARTS:
                left.append(reader)
            head = _head_at(nodes, reader) if _can_be_walked(nodes, reader) else None
            if head and behind_reshapes(nodes, head.logits).name == whole:
                found.setdefault(head.node.name, head)
    return list(found.values())


def _can_be_walked(nodes: graphs.Nodes, name: str) -> bool:
    """Tell whether everything that a node needs is there; beside the logits it need not be."""
    if nodes[name].op not in PARTS | set(KINDS):
        return False
    try:
        graphs.toposort(nodes, [name])
    except BadFile:
        return False
    return True
