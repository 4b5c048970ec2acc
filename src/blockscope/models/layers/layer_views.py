"""Tensors that are no maps, made layers: tokens, vectors, and maps with axes in another order.

Each gets a view (row, col, channel) under its own name, beside the graph; the tensor itself is
renamed. Maps get a view where the network's own framework has another name for them. Only where
something is computed from such a layer, the graph is changed to read the view.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

import numpy as np
from tensorflow import make_ndarray
from tensorflow.core.framework import graph_pb2, node_def_pb2, types_pb2

from blockscope.models.graph import graphs
from blockscope.models.graph.graphs import Shapes
from blockscope.models.graph.making import (
    constant,
    copied,
    operation,
    reshape,
    transpose,
    typed,
    with_nodes,
)
from blockscope.models.layers.axis_words import COPIES, MAP, VECTOR, Axes
from blockscope.models.layers.token_grid import grid_of

# Endings of the names of layers that show the one token before those of a map, and others.
OF_CLASS_TOKEN = "_class_token"  # noqa: S105 (no password)
OF_OTHER_TOKENS = "_other_tokens"
VIEW_OF = "_view_of"  # attribute of a view: the tensor that it shows
LAYER_NAME = r"[A-Za-z0-9.][A-Za-z0-9_./>-]*"  # one that can be that of a file, "/" as "~"
# Attribute of a view of tokens: how many are before and after it, their axis, the number of axes.
PLACE = "_place"
ORIGINAL = "/_original"  # ending of the new name of a tensor that has a view


def is_view(node: node_def_pb2.NodeDef) -> bool:
    """Tell whether a node shows another tensor as a layer."""
    return VIEW_OF in node.attr


def viewed(node: node_def_pb2.NodeDef) -> str:
    """Return the tensor that a view shows."""
    return node.attr[VIEW_OF].s.decode()


def with_views(
    definition: graph_pb2.GraphDef,
    axes: Mapping[str, Axes],
    shapes: Shapes,
    usable: Collection[str],
    names: Mapping[str, str] | None = None,
) -> graph_pb2.GraphDef:
    """Return the graph with a view of each usable tensor that can be shown as a map.

    ``names``: other names of tensors, by which they are layers too.
    """
    taken = {node.name for node in definition.node}
    views: list[node_def_pb2.NodeDef] = []
    renamed: dict[str, str] = {}
    for name in [node.name for node in definition.node if node.name in usable]:
        added = _views(name, name + ORIGINAL, axes.get(name, ()), shapes[name], taken)
        if added and axes[name] != MAP:
            renamed[name] = name + ORIGINAL
            views += added
            taken.update(node.name for node in added)
    for name, tensor in (names or {}).items():
        if name not in taken and re.fullmatch(LAYER_NAME, name):
            source = renamed.get(tensor, tensor)
            views += _views(name, source, axes.get(tensor, ()), shapes[tensor], taken)
            taken.update(node.name for node in views)
    made = []
    for node in definition.node:
        fresh = copied(node, renamed.get(node.name, node.name))
        fresh.input[:] = [_renamed(edge, renamed) for edge in node.input]
        made.append(fresh)
    return with_nodes(definition, [*made, *views])


def _renamed(edge: str, renamed: Mapping[str, str]) -> str:
    name, colon, number = edge.partition(":")
    return f"{renamed.get(name, name)}{colon}{number}"


def _views(
    name: str, source: str, axes: Axes, shape: tuple[int, ...], taken: Collection[str]
) -> list[node_def_pb2.NodeDef]:
    """Return the nodes of a view of a tensor, named ``name``; nothing where it is none."""
    if axes == MAP:
        return _marked([operation("Identity", name, [source])], source)
    if axes[:1] == MAP[:1] and sorted(axes) == sorted(MAP):
        order = tuple(axes.index(word) for word in MAP)
        return [*_marked(transpose(name, source, order, f"{name}/_view_order"), source)]
    if axes == VECTOR:
        return [*_marked(reshape(name, source, (-1, 1, 1, shape[1])), source)]
    axis = _token_axis(axes, shape)
    grid = grid_of(axes[axis]) if axis else None
    if grid is None:
        return []
    made = _tokens(name, source, (grid.before, grid.rows, grid.cols), axis, shape)
    for first, count in ((0, grid.before), (grid.tokens - grid.after, grid.after)):
        ending = OF_CLASS_TOKEN if (first, count) == (0, 1) else OF_OTHER_TOKENS
        other = name + ending
        if count and other not in taken and other not in {node.name for node in made}:
            made += _tokens(other, source, (first, 1, count), axis, shape)
    return made


def _token_axis(axes: Axes, shape: tuple[int, ...]) -> int:
    """Return the axis between images and channels that has all entries; 0 if there is none."""
    inner = [axis for axis in range(1, len(axes) - 1) if (axes[axis], shape[axis]) != (COPIES, 1)]
    ends = (axes[0], axes[-1]) if axes else ()
    return inner[0] if ends == ("image", "channel") and len(inner) == 1 else 0


def _marked(
    made: list[node_def_pb2.NodeDef], source: str, place: tuple[int, ...] = ()
) -> list[node_def_pb2.NodeDef]:
    made[-1].attr[VIEW_OF].s = source.encode()
    made[-1].attr[PLACE].list.i[:] = place
    return made


def _tokens(
    name: str, source: str, place: tuple[int, int, int], axis: int, shape: tuple[int, ...]
) -> list[node_def_pb2.NodeDef]:
    """Return a view of some of the tokens, from the first on, as a map of rows x columns."""
    first, rows, cols = place
    count, tokens = rows * cols, shape[axis]
    made, read = [], source
    if count < tokens:
        read = f"{name}/_tokens"
        made = _part(read, source, first, count, axis, len(shape))
    made += reshape(name, read, (-1, rows, cols, shape[-1]))
    return _marked(made, source, (first, tokens - first - count, axis, len(shape)))


def _part(
    name: str, source: str, first: int, count: int, axis: int, rank: int
) -> list[node_def_pb2.NodeDef]:
    """Return the nodes that take ``count`` tokens, from ``first`` on."""
    begins, sizes = np.zeros(rank, np.int32), np.full(rank, -1, np.int32)
    begins[axis], sizes[axis] = first, count
    begin, size = constant(f"{name}/_begin", begins), constant(f"{name}/_size", sizes)
    taken = operation("Slice", name, [source, begin.name, size.name])
    return [begin, size, typed(taken, Index=types_pb2.DT_INT32)]


def read_through(nodes: graphs.Nodes, layer: str) -> dict[str, node_def_pb2.NodeDef]:
    """Return the nodes, changed so that what reads a view's tensor reads the view.

    The rest of the tensor, such as the class token beside the map, is computed as before.
    """
    source = viewed(nodes[layer])
    computed = f"{source}/_computed"
    changed = dict(nodes)
    changed[computed] = copied(nodes[source], computed)
    for name in (layer, f"{layer}/_tokens"):
        if name in nodes and source in graphs.sources(nodes[name]):
            changed[name] = copied(nodes[name])
            changed[name].input[0] = computed
    back = _back(source, nodes[layer], nodes, computed)
    return changed | {node.name: node for node in back}


def _back(
    source: str, view: node_def_pb2.NodeDef, nodes: graphs.Nodes, computed: str
) -> list[node_def_pb2.NodeDef]:
    """Return the nodes that give a view's tensor from the view, the last one named ``source``.

    The names of the others begin with the view's: a tensor may have several views, and constants
    are kept by their name.
    """
    own = f"{view.name}/_back"
    if view.op == "Identity":
        return [operation("Identity", source, [view.name])]
    if view.op == "Transpose":
        order = make_ndarray(nodes[graphs.sources(view)[1]].attr["value"].tensor)
        return _ending(source, transpose(own, view.name, tuple(map(int, np.argsort(order)))))
    _, rows, cols, channels = make_ndarray(nodes[graphs.sources(view)[1]].attr["value"].tensor)
    place = list(view.attr[PLACE].list.i)
    if not place:
        return _ending(source, reshape(own, view.name, (-1, channels)))
    before, after, along, rank = place
    count, sizes = rows * cols, [-1, *[1] * (rank - 2), channels]
    sizes[along] = count
    made, names = reshape(own, view.name, tuple(sizes)), [own]
    if not before and not after:
        return _ending(source, made)
    if before:
        made += _part(f"{own}/before", computed, 0, before, along, rank)
        names.insert(0, f"{own}/before")
    if after:
        made += _part(f"{own}/after", computed, before + count, after, along, rank)
        names.append(f"{own}/after")
    axis = constant(f"{own}/axis", np.array(along, np.int32))
    joined = operation("ConcatV2", source, [*names, axis.name], N=len(names))
    return [*made, axis, typed(joined, Tidx=types_pb2.DT_INT32)]


def _ending(name: str, made: list[node_def_pb2.NodeDef]) -> list[node_def_pb2.NodeDef]:
    made[-1].name = name
    return made
