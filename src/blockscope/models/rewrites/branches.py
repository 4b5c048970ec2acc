"""Branches of which it is known which one is taken: the other one is no part of the network.

Networks of TensorFlow 1 ask an input such as ``is_training`` at each batch norm and dropout. Where
a constant or a value that is fed decides, only what is chosen is kept.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

import numpy as np
import numpy.typing as npt
from tensorflow import make_ndarray
from tensorflow.core.framework import graph_pb2
from tensorflow.core.framework.node_def_pb2 import NodeDef

from blockscope.io.errors import BadFile
from blockscope.models.graph import graphs
from blockscope.models.graph.allowed_operations import BRANCHES
from blockscope.models.graph.making import CHOICES, copied, with_nodes
from blockscope.models.graph.operations import apply
from blockscope.models.rewrites.calls import inline_calls

SWITCHES = frozenset({"Switch", "Merge"})
# What may be between an input and a choice.
PASSING = frozenset({"Identity", "PlaceholderWithDefault", "Switch"})
DECIDING = frozenset({
    "LogicalNot", "LogicalAnd", "LogicalOr", "Equal", "NotEqual", "Greater", "GreaterEqual", "Less",
    "LessEqual", "Cast", "Add", "AddV2", "Sub", "Mul", "FloorMod", "FloorDiv", "Neg", "Abs",
    "Squeeze", "Reshape",
})  # fmt: skip
TAKEN = "taken"  # what a branch computes is inside of it, in the scope of the choice
DEEPEST = 50  # branches in branches
FEW = 1000  # nodes that decide, and values of a tensor among them

Values = npt.NDArray[np.generic]


def with_known_branches(
    definition: graph_pb2.GraphDef, end: str, given: Mapping[str, Values]
) -> tuple[graph_pb2.GraphDef, set[str]]:
    """Return the graph without the branches that are not taken, and what was read to choose.

    What is decided by the image, or by an input without a value, stays.

    Parameters
    ----------
    definition
        The graph, without calls of functions.
    end
        What is wanted of it.
    given
        Values of inputs.

    Returns
    -------
    chosen
        The graph; unchanged where ``end`` needs no choice.
    deciding
        The nodes that were upstream of a choice.
    """
    deciding: set[str] = set()
    for _ in range(DEEPEST):
        nodes = {node.name: node for node in definition.node}
        needed = _waited_for(nodes, [end])
        deciding |= _waited_for(nodes, [n for n in needed if nodes[n].op in CHOICES | SWITCHES])
        calls = {name: _call(nodes[name], nodes, given) for name in needed}
        if not any(calls.values()):
            break
        made = [copied(calls.get(node.name) or node) for node in definition.node]
        for node in made:
            node.input[:] = [_of_call(edge, calls) for edge in node.input]
        again = with_nodes(definition, made)
        again.library.CopyFrom(definition.library)
        definition = inline_calls(again)
    if any(nodes[name].op in graphs.LOOPS for name in needed):
        return definition, deciding
    changed = _without_switches({name: nodes[name] for name in needed}, given)
    made = [changed.get(node.name, node) for node in definition.node]
    return with_nodes(definition, made) if changed else definition, deciding


def check_choices_by_size(nodes: Iterable[NodeDef], start: str) -> None:
    """Refuse a choice that the size of an image decides, or that of a tensor made of it.

    ``nodes``: what is needed from the input ``start`` on, each after those that it reads.
    """
    values = {start}
    sizes: set[str] = set()  # what is computed from no more than how large tensors are
    for node in nodes:
        sources = graphs.sources(node)
        if node.op in BRANCHES - {"Merge"} and sources[node.op == "Switch"] in sizes:
            raise BadFile(
                f"node '{node.name}' ({node.op}) chooses between two ways to compute by the size "
                "of the image, as Resizing with pad_to_aspect_ratio does in Keras; valid: a "
                "network without that choice; export it for the one size, with the way that is "
                "taken written out (Resizing without pad_to_aspect_ratio, padding by fixed numbers)"
            )
        read = {source for source in sources if source in values}
        if read and node.op not in graphs.OF_SIZES:
            values.add(node.name)
        elif read or sizes.intersection(sources):
            sizes.add(node.name)


def _of_call(edge: str, calls: Mapping[str, NodeDef | None]) -> str:
    """Return an edge that comes from the call which stands for a choice, if it came from one."""
    name = graphs.tensor_name(edge)
    return edge.replace(name, f"{name}/{TAKEN}", 1) if calls.get(name) else edge


def _waited_for(nodes: graphs.Nodes, ends: Iterable[str]) -> set[str]:
    """Return what ends read or wait for."""
    found: set[str] = set()
    stack = [end for end in ends if end in nodes]
    while stack:
        name = stack.pop()
        if name not in found:
            found.add(name)
            sources = map(graphs.tensor_name, nodes[name].input)
            stack += [source for source in sources if source in nodes]
    return found


def decided(name: str, nodes: graphs.Nodes, given: Mapping[str, Values]) -> bool | None:
    """Return what a tensor that decides is; None where it is not known, or not one for all."""
    ordered = graphs.toposort(nodes, [name], stop=given)
    found: dict[str, Values] = {}
    for node in ordered:
        inputs = [found.get(source) for source in graphs.sources(node)]
        known = [value for value in inputs if value is not None and value.size <= FEW]
        if node.name in given:
            found[node.name] = given[node.name]
        elif node.op == "Const":
            found[node.name] = make_ndarray(node.attr["value"].tensor)
        elif node.op in PASSING and known:
            found[node.name] = known[0]
        elif node.op in DECIDING and len(known) == len(inputs):
            found[node.name] = np.asarray(apply(node, known)[0])
        else:
            return None
    return bool(found[name]) if len(ordered) <= FEW and found[name].ndim == 0 else None


def _call(node: NodeDef, nodes: graphs.Nodes, given: Mapping[str, Values]) -> NodeDef | None:
    """Return the call of the branch that a choice takes; None where that is not known."""
    if node.op not in CHOICES:
        return None
    which = decided(graphs.sources(node)[0], nodes, given)
    if which is None:
        return None
    call = NodeDef(name=f"{node.name}/{TAKEN}", op="PartitionedCall", input=node.input[1:])
    call.attr["f"].func.name = node.attr["then_branch" if which else "else_branch"].func.name
    return call


def _without_switches(nodes: graphs.Nodes, given: Mapping[str, Values]) -> dict[str, NodeDef]:
    """Return the nodes that change where each Switch of a known choice passes on what it reads."""
    found = {
        node.name: decided(graphs.sources(node)[1], nodes, given)
        for node in nodes.values()
        if node.op == "Switch"
    }
    taken = {name: which for name, which in found.items() if which is not None}
    dead: set[str] = set()
    changed: dict[str, NodeDef] = {}
    for node in _in_order(nodes) if taken else []:
        live = [edge for edge in node.input if not _is_dead(edge, taken, dead)]
        if len(live) < len(node.input) and (node.op != "Merge" or not live):
            dead.add(node.name)
        fresh = copied(node)
        if node.name in taken:
            fresh = _passing(node, node.input[0])
        elif node.op == "Merge" and len(live) == 1:
            fresh = _passing(node, live[0])
        fresh.input[:] = [
            edge if edge.startswith("^") or graphs.tensor_name(edge) not in taken
            else graphs.tensor_name(edge)
            for edge in fresh.input
        ]  # fmt: skip
        changed[node.name] = fresh
    return changed


def _in_order(nodes: graphs.Nodes) -> list[NodeDef]:
    """Return the nodes, each after all that it reads or waits for."""
    waiting = {name: copied(node) for name, node in nodes.items()}
    for node in waiting.values():
        node.input[:] = [edge.removeprefix("^") for edge in node.input]
    return [nodes[node.name] for node in graphs.toposort(waiting, waiting)]


def _is_dead(edge: str, taken: Mapping[str, bool], dead: Collection[str]) -> bool:
    """Tell whether an edge comes from a branch that is not taken."""
    name = graphs.tensor_name(edge)
    other = name in taken and graphs.output_number(edge) != taken[name]
    return name in dead or (other and not edge.startswith("^"))


def _passing(node: NodeDef, edge: str) -> NodeDef:
    fresh = NodeDef(name=node.name, op="Identity", input=[edge])
    fresh.attr["T"].CopyFrom(node.attr["T"])
    return fresh
