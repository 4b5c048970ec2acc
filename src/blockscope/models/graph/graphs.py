"""Walking a graph of named nodes: topological order, upstream, downstream."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from tensorflow.core.framework import graph_pb2, node_def_pb2

from blockscope.io.errors import BadFile

Nodes = Mapping[str, node_def_pb2.NodeDef]
Shapes = dict[str, tuple[int, ...]]  # of all tensors, by their names
# These read no values.
OF_SIZES = frozenset({"Shape", "ShapeN", "Size", "Rank", "OnesLike", "ZerosLike"})
LOOPS = frozenset({"While", "StatelessWhile", "NextIteration"})


def loop_refused(name: str, op: str) -> str:
    """Return why a loop is refused, and what to do."""
    return (
        f"node '{name}' ({op}) repeats a part of the network, as layers of LSTM, GRU and ConvLSTM "
        "do; a network is supported without loops: give these layers unroll=True in Keras, and "
        "save the network again"
    )


def tensor_name(edge: str) -> str:
    """Return the node that an edge comes from: ``^a`` and ``a:1`` give ``a``."""
    return edge.removeprefix("^").partition(":")[0]


def output_number(edge: str) -> int:
    """Return which of its node's outputs an edge comes from: ``a`` gives 0, ``a:1`` gives 1."""
    return int(edge.partition(":")[2] or 0)


def sources(node: node_def_pb2.NodeDef) -> list[str]:
    """Return the nodes that a node reads, without control edges."""
    return [tensor_name(edge) for edge in node.input if not edge.startswith("^")]


def toposort(
    nodes: Nodes, ends: Iterable[str], stop: Collection[str] = ()
) -> list[node_def_pb2.NodeDef]:
    """Return what ``ends`` need, each node after its inputs; nodes in ``stop`` have none.

    Raises ``BadFile`` where a node reads one that does not exist, or its own output.
    """
    ordered: dict[str, node_def_pb2.NodeDef] = {}
    begun: set[str] = set()  # whose inputs are being ordered
    stack = [(end, False) for end in ends]
    while stack:
        name, expanded = stack.pop()
        if name in ordered:
            continue
        if expanded or name in stop:
            ordered[name] = nodes[name]
            continue
        if name in begun:
            loop = next((n for n in begun if n not in ordered and nodes[n].op in LOOPS), None)
            if loop is not None:
                raise BadFile(loop_refused(loop, nodes[loop].op))
            raise BadFile(f"node '{name}' is computed from its own output; a cycle has no order")
        begun.add(name)
        stack.append((name, True))
        for source in reversed(sources(nodes[name])):
            if source not in nodes:
                raise BadFile(f"node '{name}' reads '{source}', which the graph does not have")
            stack.append((source, False))
    return list(ordered.values())


def downstream(nodes: Nodes, start: str) -> set[str]:
    """Return every node computed from ``start``, itself included."""
    found = {start}
    for node in toposort(nodes, nodes):
        if any(source in found for source in sources(node)):
            found.add(node.name)
    return found


def of_values(nodes: Nodes, start: str) -> set[str]:
    """Return every node computed from the values of ``start``, itself included.

    What reads no more of it than how large it is, as tables of positions do, is left out.
    """
    found = {start}
    for node in toposort(nodes, nodes):
        if node.op not in OF_SIZES and any(source in found for source in sources(node)):
            found.add(node.name)
    return found


def sinks(definition: graph_pb2.GraphDef) -> list[str]:
    """Return the nodes that no other node reads."""
    read = {source for node in definition.node for source in sources(node)}
    return [node.name for node in definition.node if node.name not in read]


def nearest_upstream(nodes: Nodes, name: str, marked: Collection[str]) -> tuple[str, ...]:
    """Return the first marked nodes on each path upstream from ``name``."""
    found: dict[str, None] = {}
    stack, seen = sources(nodes[name]), set()
    while stack:
        source = stack.pop()
        if source in seen:
            continue
        seen.add(source)
        if source in marked:
            found[source] = None
        else:
            stack.extend(sources(nodes[source]))
    return tuple(sorted(found))
