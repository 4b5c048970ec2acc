"""Inlining calls of functions, such as those that Keras compiles for grouped convolutions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from tensorflow.core.framework import function_pb2, graph_pb2, node_def_pb2
from tensorflow.python.framework import op_def_registry

from blockscope.io.errors import BadFile
from blockscope.models.graph import graphs
from blockscope.models.graph.making import copied, with_nodes
from blockscope.models.graph.operations import output_count

CALLS = frozenset({"PartitionedCall", "StatefulPartitionedCall"})
MOST_NODES = 1_000_000  # a function that is called by many that are called by many grows fast
DEEPEST = 50

Functions = Mapping[str, function_pb2.FunctionDef]


def inline_calls(definition: graph_pb2.GraphDef) -> graph_pb2.GraphDef:
    """Return the graph with the body of a function in place of each call.

    The nodes of a body are named ``{call}/{node}``; what has read the call's output reads theirs.
    Raises ``BadFile`` for functions that call themselves, or that are larger than any network.
    """
    functions = {f.signature.name: f for f in definition.library.function}
    nodes = list(definition.node)
    if _count(nodes, functions, {}, 0) > MOST_NODES:
        raise BadFile(f"its functions have more than {MOST_NODES:,} nodes when written out")
    for _ in range(DEEPEST):
        called = [node for node in nodes if _function(node, functions)]
        if not called:
            return with_nodes(definition, nodes)
        nodes = _inlined_once(nodes, functions)
    raise BadFile(
        f"its functions call each other more than {DEEPEST} deep, the last one '{called[0].name}'"
    )


def _count(
    nodes: Iterable[node_def_pb2.NodeDef], functions: Functions, known: dict[str, int], depth: int
) -> int:
    """Return how many nodes there are when all calls are written out; ends for any graph."""
    total = 0
    for node in nodes:
        function = _function(node, functions)
        if function is None or depth > DEEPEST:
            total += 1
            continue
        name = function.signature.name
        if name not in known:
            known[name] = _count(function.node_def, functions, known, depth + 1)
        total += known[name]
    return total


def _function(node: node_def_pb2.NodeDef, functions: Functions) -> function_pb2.FunctionDef | None:
    """Return the function that a node calls; None where it is an operation."""
    name = node.attr["f"].func.name if node.op in CALLS and "f" in node.attr else node.op
    return functions.get(name)


def _inlined_once(
    nodes: list[node_def_pb2.NodeDef], functions: Functions
) -> list[node_def_pb2.NodeDef]:
    bodies: list[node_def_pb2.NodeDef] = []
    results: dict[str, list[str]] = {}  # the edges that stand for a call's outputs
    for node in nodes:
        function = _function(node, functions)
        if function is None:
            bodies.append(copied(node))
        else:
            body, results[node.name] = _written_out(node, function, functions)
            bodies += body
    for node in bodies:
        node.input[:] = [_result(edge, results) for edge in node.input]
    return bodies


def _result(edge: str, results: Mapping[str, list[str]]) -> str:
    """Return what stands for a call's output; an output of a call may be that of another one."""
    seen = 0
    while graphs.tensor_name(edge) in results:
        found, number = results[graphs.tensor_name(edge)], graphs.output_number(edge)
        if edge.startswith("^"):
            return f"^{graphs.tensor_name(found[0])}" if found else edge
        seen += 1
        if number >= len(found) or seen > DEEPEST:
            raise BadFile(f"'{edge}' is read, an output that the call does not have")
        edge = found[number]
    return edge


def _written_out(
    call: node_def_pb2.NodeDef, function: function_pb2.FunctionDef, functions: Functions
) -> tuple[list[node_def_pb2.NodeDef], list[str]]:
    """Return a function's nodes for one call, and the edges of its results."""
    names = [argument.name for argument in function.signature.input_arg]
    given = [edge for edge in call.input if not edge.startswith("^")]
    if len(given) != len(names):
        raise BadFile(
            f"node '{call.name}' calls the function '{function.signature.name}' with {len(given)} "
            f"arguments; valid: {len(names)}"
        )
    arguments = dict(zip(names, given, strict=True))
    inside = {node.name: node for node in function.node_def}

    def outer(edge: str) -> str:
        if edge.startswith("^"):
            name = edge[1:]
            return f"^{graphs.tensor_name(arguments.get(name, f'{call.name}/{name}'))}"
        name, _, output = edge.partition(":")
        if name in arguments and not output:
            return arguments[name]
        if name not in inside:
            raise BadFile(f"the function '{function.signature.name}' reads '{edge}', not in it")
        return f"{call.name}/{name}:{_flat_number(inside[name], output, functions)}"

    body = []
    for node in function.node_def:
        fresh = copied(node, f"{call.name}/{node.name}")
        fresh.input[:] = [outer(edge) for edge in node.input]
        body.append(fresh)
    return body, [outer(function.ret[out.name]) for out in function.signature.output_arg]


def _flat_number(node: node_def_pb2.NodeDef, output: str, functions: Functions) -> int:
    """Return an output's number; in a function it is written ``name:number`` of a list output."""
    wanted, _, number = output.partition(":")
    function = functions.get(node.op)
    signature = function.signature if function else op_def_registry.get(node.op)
    first = 0
    for argument in signature.output_arg if signature else ():
        if argument.name == wanted:
            return first + int(number or 0)
        first += output_count(node, argument)
    raise BadFile(f"node '{node.name}' ({node.op}) has no output '{wanted}'")
