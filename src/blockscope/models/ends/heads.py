"""The head of a network: what makes probabilities of its logits, and the tensor before it.

A head may be one operation or written out by hand. What is not recognised is never taken for
logits in silence: an output that cannot be one is refused here, and probabilities by their values
when the card is built (`blockscope.models.card_builder`).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from tensorflow.core.framework import node_def_pb2

from blockscope.io.errors import BadFile
from blockscope.models.ends.fed_values import PLACEHOLDERS
from blockscope.models.ends.image_and_logits import SAME_NUMBERS, behind_reshapes, first_source
from blockscope.models.ends.written_softmax import same_tensor, written_softmax
from blockscope.models.entry import Head
from blockscope.models.graph import graphs

KINDS: dict[str, Head] = {"Softmax": "softmax", "LogSoftmax": "softmax", "Sigmoid": "sigmoid"}
# What heads are made of when they are written out.
PARTS = frozenset({
    "Identity", "Reshape", "Squeeze", "ExpandDims", "StopGradient", "Exp", "Sum", "Max", "Log",
    "Sub", "Add", "AddV2", "RealDiv", "Div", "Select", "SelectV2", "Cast",
})  # fmt: skip
ACTIVATIONS = frozenset({
    "Relu", "Relu6", "Elu", "Selu", "LeakyRelu", "Tanh", "Exp", "Softplus", "Softsign", "Sigmoid",
    "Softmax", "LogSoftmax", "ClipByValue", "Minimum", "Maximum", "Erf", "Erfc",
})  # fmt: skip
SCALING = frozenset(
    {"Add", "AddV2", "Sub", "Mul", "RealDiv", "Div", "Neg", "Reciprocal", "Inv", "BiasAdd"}
)
AS_IT_IS = SAME_NUMBERS | {"Cast", "Log"}
# What x * f(x) is made of where f is elementwise: swish, mish and GELU.
OF_ONE_NUMBER = (ACTIVATIONS - {"Softmax", "LogSoftmax"}) | SCALING | {"Pow", "Square"}
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
    over
        Axes of the logits, by those over which the file's softmax sums and maximises: all labels
        must be on one axis of each. Empty where the entry names both logits and head.
    in_file
        Whether the file holds the head.
    """

    logits: str
    head: Head | None
    asked: str | None = None
    over: tuple[tuple[int, ...], ...] = ()
    in_file: bool = False


class Found(NamedTuple):
    """A head: its last node, the tensor that it is of, its kind, and the axes of `Ends`."""

    node: node_def_pb2.NodeDef
    logits: str
    head: Head
    over: tuple[tuple[int, ...], ...]


def find_ends(
    nodes: graphs.Nodes,
    logits: str | None,
    output: str | None,
    head: Head | None,
    given: Collection[str] = (),
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
    given
        The tensors that the file gives, where it tells; else they are those that nothing reads.

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
    found = head_at(nodes, start)
    if found is not None:
        inner = head_at(nodes, found.logits)
        if inner is not None:
            raise BadFile(
                f"'{start}' is made by '{found.node.name}' ({found.node.op}) from what is already "
                f"the output of '{inner.node.name}' ({inner.node.op}); which of both the labels' "
                f"probabilities are, the file does not tell: give one as logits {MEND}"
            )
        _check_asked(head, [found])
        return Ends(found.logits, found.head, logits, found.over, in_file=True)
    followers, scaled = _followers(nodes, start, output, given, head)
    if scaled and not followers:
        _check_asked(head, scaled)
        raise BadFile(_scaled_between(start, scaled[0]))
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
        same = same_tensor(nodes, used.logits) == same_tensor(nodes, start)
        over = () if logits and head else used.over
        if not same:
            return Ends(used.logits, used.head, logits, over, in_file=True)
        return Ends(logits or same_tensor(nodes, start), used.head, None, over, in_file=True)
    if logits and head is None:
        _check_no_later_head(nodes, start, output)
    return Ends(logits or same_tensor(nodes, start), head)


def check_no_activation(nodes: graphs.Nodes, name: str) -> None:
    """Refuse values that an activation function made: no head of the usual ones is before them."""
    node = _behind_scaling(nodes, name)
    gate = _own_gate(nodes, node)
    if node.op in ACTIVATIONS or gate is not None:
        what = (
            f"{node.op} ('{node.name}')"
            if gate is None
            else f"x * f(x) ('{node.name}', f of {gate})"
        )
        raise BadFile(
            f"'{name}' holds values of {what}, which gives no logits; give the "
            f"tensor of the logits, or head: none to attribute these values as they are {MEND}"
        )


def _behind_scaling(nodes: graphs.Nodes, name: str) -> node_def_pb2.NodeDef:
    """Return the node of which a tensor's numbers are, times or plus constants."""
    node = _behind_copies(nodes, name)
    while node.op in SCALING:
        moving = [s for s in graphs.sources(node) if behind_reshapes(nodes, s).op != "Const"]
        if len(moving) != 1:
            break
        node = _behind_copies(nodes, moving[0])
    return node


def _behind_copies(nodes: graphs.Nodes, name: str) -> node_def_pb2.NodeDef:
    """Pass reshapes, and what a function with a gradient of its own, as swish, puts behind it."""
    node = behind_reshapes(nodes, name)
    while node.op == "IdentityN":
        node = behind_reshapes(nodes, first_source(node))
    return node


def _own_gate(nodes: graphs.Nodes, node: node_def_pb2.NodeDef) -> str | None:
    """Return the operation of f where a node is x * f(x) by an activation f, as swish is."""
    if node.op != "Mul" or len(graphs.sources(node)) != 2:
        return None
    one, other = graphs.sources(node)
    return _gate_of(nodes, one, other) or _gate_of(nodes, other, one)


def _gate_of(nodes: graphs.Nodes, whole: str, gate: str) -> str | None:
    """Return the activation by which a gate is made of what it is multiplied with alone."""
    base = _behind_scaling(nodes, whole).name
    left, seen, activation = [gate], set(), None
    while left:
        node = _behind_copies(nodes, left.pop())
        if node.name in seen or node.name == base or node.op == "Const":
            continue
        if node.op not in OF_ONE_NUMBER:
            return None
        seen.add(node.name)
        activation = activation or (node.op if node.op in ACTIVATIONS else None)
        left += graphs.sources(node)
    return activation


def _only_softmax(nodes: graphs.Nodes) -> str:
    softmaxes = [node.name for node in nodes.values() if node.op == "Softmax"]
    if len(softmaxes) != 1:
        raise BadFile(f"give logits; softmax operations found: {softmaxes}")
    return softmaxes[0]


def _check_asked(head: Head | None, found: Sequence[Found]) -> None:
    if head is not None and head not in {one.head for one in found}:
        raise BadFile(
            f"the entry says head: {head}, but the file holds {_listed(found)}, the head "
            f"{found[0].head} of '{found[0].logits}' {MEND}"
        )


def _listed(found: Sequence[Found]) -> str:
    return " and ".join(f"'{one.node.name}' ({one.node.op})" for one in found)


def _behind(nodes: graphs.Nodes, name: str) -> node_def_pb2.NodeDef:
    """Return the node whose numbers a tensor has, maybe in another shape or precision."""
    node = behind_reshapes(nodes, name)
    while node.op == "Cast":
        node = behind_reshapes(nodes, first_source(node))
    return node


def head_at(nodes: graphs.Nodes, name: str) -> Found | None:
    """Return the head whose output a tensor is, maybe in another shape or as a logarithm."""
    node = _behind(nodes, name)
    if node.op in KINDS:
        over = () if node.op == "Sigmoid" else ((-1,),)
        return Found(node, first_source(node), KINDS[node.op], over)
    if node.op == "Log":
        return head_at(nodes, first_source(node))
    written = written_softmax(nodes, node)
    return written and Found(node, written.logits, "softmax", written.over)


def _followers(
    nodes: graphs.Nodes, name: str, output: str | None, given: Collection[str], asked: Head | None
) -> tuple[list[Found], list[Found]]:
    """Return the heads that a tensor is the logits of, and those of it times or plus constants.

    Heads that the file gives count before those from which something else is computed, as gates
    are; from these alone the file tells nothing where the entry does, or gives the tensor itself.
    """
    readers: dict[str, list[str]] = {}
    for node in nodes.values():
        for source in graphs.sources(node):
            readers.setdefault(source, []).append(node.name)
    ends = given or nodes.keys() - readers.keys()
    direct, scaled = _heads_of(nodes, name, readers)
    plain = [
        [one for one in some if _reaches(nodes, one.node.name, readers, ends)]
        for some in (direct, scaled)
    ]
    if plain[0] or plain[1]:
        return plain[0], plain[1]
    if asked:
        return [], []
    gates = direct or scaled
    if gates and (name == output or _reaches(nodes, name, readers, ends)):
        raise BadFile(
            f"'{name}' is an output of the file, and what {_listed(gates)} makes of it is none: "
            f"something else is computed from that; give the head that '{name}' has {MEND}"
        )
    return direct, scaled


def _heads_of(
    nodes: graphs.Nodes, name: str, readers: Mapping[str, Sequence[str]]
) -> tuple[list[Found], list[Found]]:
    """Return all heads of a tensor, and those of it times or plus constants.

    They may read what the tensor is a copy of, or the same numbers in another shape.
    """
    whole = _behind(nodes, name).name
    direct: dict[str, Found] = {}
    scaled: dict[str, Found] = {}
    left, seen = [whole], {whole}
    while left:
        for reader in readers.get(left.pop(), ()):
            if reader in seen:
                continue
            seen.add(reader)
            if nodes[reader].op in PARTS | SCALING:
                left.append(reader)
            head = head_at(nodes, reader) if _can_be_walked(nodes, reader) else None
            if head is None:
                continue
            if _behind(nodes, head.logits).name == whole:
                direct.setdefault(head.node.name, head)
            elif _is_scaled(nodes, head.logits, whole):
                scaled.setdefault(head.node.name, head)
    return list(direct.values()), list(scaled.values())


def _reaches(
    nodes: graphs.Nodes, name: str, readers: Mapping[str, Sequence[str]], ends: Collection[str]
) -> bool:
    """Tell whether one of ``ends`` is a tensor as it is, in another shape, or its logarithm."""
    left, seen = [name], {name}
    while left:
        one = left.pop()
        if one in ends:
            return True
        more = [r for r in readers.get(one, ()) if nodes[r].op in AS_IT_IS and r not in seen]
        seen.update(more)
        left += more
    return False


def _check_no_later_head(nodes: graphs.Nodes, name: str, output: str | None) -> None:
    """Refuse a tensor from which what the file's head is of is computed in some other way."""
    whole = _behind(nodes, name).name
    read = {source for node in nodes.values() for source in graphs.sources(node)}
    for end in [output] if output else sorted(nodes.keys() - read):
        found = head_at(nodes, end) if _is_whole(nodes, end) else None
        if found and whole in {node.name for node in graphs.toposort(nodes, [found.logits])}:
            raise BadFile(
                f"'{found.node.name}' ({found.node.op}) is a {found.head} of '{found.logits}', "
                f"which is computed from '{name}', so that the probabilities of '{name}' would be "
                f"others than those of the file; give logits: '{found.logits}', or the head that "
                f"'{name}' has by itself {MEND}"
            )


def _is_scaled(nodes: graphs.Nodes, name: str, whole: str) -> bool:
    """Tell whether a tensor is another one times or plus what the image does not change."""
    inputs = _inputs(nodes, whole)
    node = _behind(nodes, name)
    while node.name != whole:
        if node.op not in SCALING:
            return False
        moving = [source for source in graphs.sources(node) if inputs & _inputs(nodes, source)]
        if len(moving) != 1:
            return False
        node = _behind(nodes, moving[0])
    return True


def _inputs(nodes: graphs.Nodes, name: str) -> set[str]:
    return {node.name for node in graphs.toposort(nodes, [name]) if node.op in PLACEHOLDERS}


def _scaled_between(name: str, found: Found) -> str:
    return (
        f"'{found.node.name}' ({found.node.op}) is no {found.head} of '{name}', but of "
        f"'{found.logits}', which is made of it and of constants, so that the probabilities "
        f"of '{name}' would be others than those of the file; give logits: '{found.logits}' {MEND}"
    )


def _can_be_walked(nodes: graphs.Nodes, name: str) -> bool:
    """Tell whether everything that a node needs is there; beside the logits it need not be."""
    return nodes[name].op in PARTS | set(KINDS) and _is_whole(nodes, name)


def _is_whole(nodes: graphs.Nodes, name: str) -> bool:
    """Tell whether all that a node is computed from is there."""
    try:
        graphs.toposort(nodes, [name])
    except BadFile:
        return False
    return True
