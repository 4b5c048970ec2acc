"""What the axes of each tensor are: image, row, col, channel, token; found from the operations.

A tensor of four axes need not be a map: attention has (image, head, token, token), a network that
computes with channels first has (image, channel, row, col). Shapes do not tell them apart, and
where rows, columns and channels are mixed up every figure looks plausible.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from tensorflow.core.framework import node_def_pb2

from blockscope.models.graph import graphs
from blockscope.models.graph.graphs import Shapes
from blockscope.models.graph.making import held
from blockscope.models.graph.node_attributes import attribute
from blockscope.models.layers.axis_words import (
    COPIES,
    FREE,
    MAP,
    MOVED,
    PART,
    UNKNOWN,
    VECTOR,
    WITHIN,
    Axes,
    agreed_on,
    beside_part,
    covering,
    fitting,
    is_features,
    is_part,
    is_place,
    moved,
    of_one_part,
    of_products,
    part_of,
    reshaped,
    rolled,
    settled,
    taken,
    with_others,
)
from blockscope.models.layers.extents import kind_of
from blockscope.models.layers.token_grid import Grid, grid_of, grid_word
from blockscope.models.layers.window_reach import reach

OF_MAPS = frozenset(
    """Conv2D DepthwiseConv2dNative Conv2DBackpropInput MaxPool MaxPoolV2 AvgPool LRN FusedBatchNorm
    FusedBatchNormV2 FusedBatchNormV3 ResizeBilinear ResizeNearestNeighbor ResizeBicubic
    SpaceToDepth DepthToSpace SpaceToBatchND BatchToSpaceND""".split()
)
MIXES_CHANNELS = frozenset(
    {"Conv2D", "Conv2DBackpropInput", "DepthwiseConv2dNative", "SpaceToDepth", "DepthToSpace"}
)
SAME_AXES = frozenset(
    """Identity IdentityN StopGradient PreventGradient Snapshot Cast Relu Relu6 Elu Selu LeakyRelu
    Sigmoid Tanh Softplus Softsign Exp Expm1 Log Log1p Sqrt Rsqrt Square Abs Neg Sign Erf Erfc
    Reciprocal Inv Floor Ceil Round Rint Softmax LogSoftmax ClipByValue EnsureShape
    Cumsum Sin Cos Tan Atan Sinh Cosh Asin Acos Asinh Acosh Atanh Erfinv Lgamma Digamma
    ZerosLike OnesLike LogicalNot IsFinite IsNan IsInf
    FakeQuantWithMinMaxArgs FakeQuantWithMinMaxVars FakeQuantWithMinMaxVarsPerChannel""".split()
)
ELEMENTWISE = frozenset(
    """Add AddV2 AddN Sub Mul RealDiv Div DivNoNan Maximum Minimum Pow SquaredDifference BiasAdd
    Atan2 Xlogy Xlog1py Xdivy Select SelectV2 FloorDiv FloorMod Greater GreaterEqual Less
    LessEqual Equal NotEqual LogicalAnd LogicalOr BroadcastTo""".split()
)
REDUCTIONS = frozenset({"Mean", "Sum", "Max", "Min", "Prod", "All", "Any"})


def axes_of(nodes: graphs.Nodes, start: str, shapes: Shapes) -> dict[str, Axes]:
    """Return what the axes of every tensor computed from the input are.

    Parameters
    ----------
    nodes
        A graph without constant computations.
    start
        Its input, (image, row, col, channel).
    shapes
        Of all tensors, for one image.

    Returns
    -------
    axes
        By the names of tensors, one word per axis; ``?`` where it is none of those known.
    """
    rules = _Rules(nodes, start, shapes)
    for node in graphs.toposort(nodes, nodes):
        if node.name == start or node.op == "Const" or node.name not in shapes:
            continue
        axes = rules.of(node)
        sizes = shapes[node.name]
        if len(axes) != len(sizes):
            axes = (UNKNOWN,) * len(sizes)
        rules.found[node.name] = tuple(
            UNKNOWN if _other_tokens(word, size) else fitting(word, size)
            for word, size in zip(axes, sizes, strict=True)
        )
    return {
        name: _whole(tuple(settled(word) for word in axes), shapes[name])
        for name, axes in rules.found.items()
    }


def _whole(axes: Axes, sizes: Sequence[int]) -> Axes:
    """Return the axes of a layer: the one part of the channels that is left stands for them.

    A vector with two axes of one entry before it is a map of one position.
    """
    if "channel" not in axes and axes.count(PART) == 1:
        axes = tuple("channel" if word == PART else word for word in axes)
    if len(axes) == len(VECTOR) and is_features(axes[1]):  # a map, flattened
        axes = (axes[0], "channel")
    single = len(axes) == len(MAP) and (axes[0], axes[3]) == ("image", "channel")
    return MAP if single and tuple(sizes[1:3]) == (1, 1) else axes


def _other_tokens(word: str, size: int) -> bool:
    """Tell whether an axis of tokens has lost or gained some."""
    grid = grid_of(word)
    return grid is not None and grid.tokens != size


class _Rules:
    """The axes found so far, and the rules of operations by which those of a node follow."""

    def __init__(self, nodes: graphs.Nodes, start: str, shapes: Shapes) -> None:
        self.nodes, self.shapes = nodes, shapes
        self.found: dict[str, Axes] = {start: MAP}
        self.of_values = graphs.of_values(nodes, start)

    def of(self, node: node_def_pb2.NodeDef) -> Axes:
        """Return the axes of a node; empty where they are not known."""
        if node.name not in self.of_values:  # a constant, but for the sizes that it reads
            return (COPIES,) * len(self.shapes[node.name])
        if node.op in OF_MAPS:
            return self._as_map(node)
        if node.op in ELEMENTWISE:
            return self._joined(node)
        if node.op in SAME_AXES:
            return self._first(node)
        rule = RULES.get(node.op)
        return rule(self, node) if rule else ()

    def _as_map(self, node: node_def_pb2.NodeDef) -> Axes:
        """Return the axes of an operation that takes its input for (image, row, col, channel).

        The order of rows and columns stays that of the input, whatever the operation takes it for;
        what is not known of the input stays unknown.
        """
        data = graphs.sources(node)[2 if node.op == "Conv2DBackpropInput" else 0]
        given = self.found.get(data, ())
        if len(given) != len(MAP):
            return ()
        image, _, _, channel = given
        row, col = (self._slid(node, axis, data) for axis in (1, 2))
        if channel in FREE:
            channel = "channel"
        elif node.op in MIXES_CHANNELS and channel != "channel":
            # Kernels read channels in any order, as those of blocks that were made channels.
            ordered = node.op == "DepthToSpace" or not is_features(channel)
            channel = UNKNOWN if ordered else "channel"
        return ("image" if image == UNKNOWN else image, row, col, channel)

    def _slid(self, node: node_def_pb2.NodeDef, axis: int, data: str) -> str:
        """Return the word of rows or columns that windows have slid over."""
        given, before = self.found[data], self.shapes[data][axis]
        word, count = given[axis], self.shapes[node.name][axis]
        if word == COPIES and count == 1 and any(map(grid_of, given[1:3])):
            return word  # beside tokens, an axis of one entry is none of a map
        if before == 1:  # one entry is at its place, whatever it is made of, until it is several
            several = self._repeated(data, axis)
            return MAP[axis] if several == COPIES and count == 1 else several
        ends = reach(node, axis, self.nodes, self.shapes)
        if grid_of(word):  # in the order of a list: only what stays centred is at its place
            return word if ends == (0.0, float(before)) else UNKNOWN
        return covering(word, *ends, before, count, even=True) if ends else moved(word)

    def _first(self, node: node_def_pb2.NodeDef) -> Axes:
        sources = graphs.sources(node)
        return self.found.get(sources[0], ()) if sources else ()

    def _joined(
        self, node: node_def_pb2.NodeDef, agree: Callable[[set[str]], str] = agreed_on
    ) -> Axes:
        """Return the axes of what is broadcast together: the words on which the operands agree."""
        rank = len(self.shapes[node.name])
        operands = graphs.sources(node)[: 1 if node.op == "BroadcastTo" else None]
        joined = []
        for axis in range(rank):
            words = set()
            for source in operands:
                axes, sizes = self.found.get(source), self.shapes.get(source, ())
                place = axis - rank + len(sizes)
                if axes is None or place < 0:
                    continue
                whole = sizes[place] == self.shapes[node.name][axis]
                words.add(axes[place] if whole else self._repeated(source, place))
            joined.append(agree(words) if words else COPIES)  # of constants
        return tuple(joined)

    def _repeated(self, source: str, axis: int) -> str:
        """Return the word of an axis of one entry that is repeated, which may show a part only."""
        axes = self.found[source]
        part = is_part(axes[axis]) and of_one_part(axes, self.shapes[source])
        return MOVED if part else COPIES

    def transposed(self, node: node_def_pb2.NodeDef) -> Axes:
        order, axes = held(node, 1, self.nodes), self._first(node)
        return () if order is None else tuple(axes[i] for i in order)

    def reduced(self, node: node_def_pb2.NodeDef) -> Axes:
        axes, reduced = self._first(node), held(node, 1, self.nodes)
        if reduced is None or not axes:
            return ()
        gone = {int(axis) % len(axes) for axis in np.atleast_1d(reduced)}
        if attribute(node, "keep_dims"):
            return axes
        left = tuple(word for axis, word in enumerate(axes) if axis not in gone)
        cropped = any(kind_of(axes[axis]) and is_part(axes[axis]) for axis in gone)
        return beside_part(left) if cropped else left

    def reshaped(self, node: node_def_pb2.NodeDef) -> Axes:
        source = graphs.sources(node)[0]
        axes, before, after = (
            self.found.get(source, ()),
            self.shapes.get(source, ()),
            self.shapes[node.name],
        )
        if not axes or 0 in before or 0 in after:
            return ()
        return reshaped(beside_part(axes) if of_one_part(axes, before) else axes, before, after)

    def squeezed(self, node: node_def_pb2.NodeDef) -> Axes:
        source = graphs.sources(node)[0]
        axes, sizes = self.found.get(source, ()), self.shapes.get(source, ())
        if not axes:
            return ()
        named = [int(a) % len(axes) for a in attribute(node, "squeeze_dims") or []]
        gone = set(named) or {axis for axis, size in enumerate(sizes) if size == 1}
        left = tuple(word for axis, word in enumerate(axes) if axis not in gone)
        return beside_part(left) if any(is_part(axes[axis]) for axis in gone) else left

    def expanded(self, node: node_def_pb2.NodeDef) -> Axes:
        axes, place = list(self._first(node)), held(node, 1, self.nodes)
        if place is None or not axes:
            return ()
        axes.insert(int(place.reshape(-1)[0]) % (len(axes) + 1), COPIES)
        return tuple(axes)

    def concatenated(self, node: node_def_pb2.NodeDef) -> Axes:
        sources = graphs.sources(node)
        number = 0 if node.op == "Concat" else len(sources) - 1  # which input holds the axis
        place = held(node, number, self.nodes)
        sources = sources[:number] + sources[number + 1 :]
        known = [self.found[source] for source in sources if source in self.found]
        if place is None or len({len(axes) for axes in known}) != 1:
            return ()
        agreed = [agreed_on(set(words)) for words in zip(*known, strict=True)]
        axis = int(place) % len(agreed)
        grids = [grid_of(self.found[s][axis]) if s in self.found else None for s in sources]
        if any(grids):
            sizes = [self.shapes[source][axis] for source in sources]
            agreed[axis] = with_others(grids, sizes)
        elif len(known) > 1 and (agreed[axis] == MOVED or is_place(agreed[axis])):
            agreed[axis] = self._rolled(node, axis) or MOVED
        elif len(known) == 1:  # and constants, which are padding
            agreed[axis] = self._between_constants(sources, axis, agreed[axis])
        return tuple(agreed)

    def _between_constants(self, sources: Sequence[str], axis: int, word: str) -> str:
        place = next(i for i, source in enumerate(sources) if source in self.found)
        sizes = [self.shapes[source][axis] for source in sources]
        begin, end = -sum(sizes[:place]), sum(sizes[place:])
        return covering(word, begin, end, sizes[place], sum(sizes), even=True)

    def _rolled(self, node: node_def_pb2.NodeDef, axis: int) -> str:
        """Return the word of an axis whose last entries come first; empty if that is not so."""
        parts = [self.nodes[source] for source in graphs.sources(node)[:-1]]
        sources = {graphs.sources(one)[0] for one in parts if one.op in ("Slice", "StridedSlice")}
        if len(parts) != 2 or len(sources) != 1:
            return ""
        source = sources.pop()
        size = self.shapes[source][axis]
        last, first = (self._part(part, axis) for part in parts)
        if last is None or first is None or [*first, *last] != list(range(size)):
            return ""
        return rolled(self.found[source][axis], len(last), size)

    def _part(self, node: node_def_pb2.NodeDef, axis: int) -> range | None:
        """Return the entries of an axis that a slice takes; None where it is not known."""
        begin, size = held(node, 1, self.nodes), held(node, 2, self.nodes)
        if begin is None or size is None:
            return None
        every = range(self._size(node, axis))
        if node.op == "StridedSlice":
            if attribute(node, "ellipsis_mask") or attribute(node, "new_axis_mask"):
                return None
            return self._range(node, axis, axis) if axis < len(begin) else every
        rest = None if size[axis] < 0 else int(begin[axis]) + int(size[axis])
        return every[int(begin[axis]) : rest]

    def rolled(self, node: node_def_pb2.NodeDef) -> Axes:
        axes = list(self._first(node))
        shifts, places = held(node, 1, self.nodes), held(node, 2, self.nodes)
        if shifts is None or places is None or not axes:
            return ()
        for shift, place in zip(np.atleast_1d(shifts), np.atleast_1d(places), strict=True):
            axis = int(place) % len(axes)
            axes[axis] = rolled(axes[axis], int(shift), self._size(node, axis))
        return tuple(axes)

    def filled(self, node: node_def_pb2.NodeDef) -> Axes:
        return (COPIES,) * len(self.shapes[node.name])

    def tiled(self, node: node_def_pb2.NodeDef) -> Axes:
        source, after = graphs.sources(node)[0], self.shapes[node.name]
        axes, sizes = self._first(node), self.shapes.get(source, ())
        return tuple(
            word if size == now else moved(word) if size > 1 else self._repeated(source, axis)
            for axis, (word, size, now) in enumerate(zip(axes, sizes, after, strict=False))
        )

    def packed(self, node: node_def_pb2.NodeDef) -> Axes:
        """Return the axes of tensors that are stacked: those on which they agree, and a new one."""
        known = [self.found[source] for source in graphs.sources(node) if source in self.found]
        if len({len(axes) for axes in known}) != 1:
            return ()
        agreed = [agreed_on(set(words)) for words in zip(*known, strict=True)]
        agreed.insert(int(attribute(node, "axis")) % (len(agreed) + 1), PART)
        return tuple(agreed)

    def unpacked(self, node: node_def_pb2.NodeDef) -> Axes:
        axes = self._first(node)
        if not axes:
            return ()
        axis = int(attribute(node, "axis")) % len(axes)
        return self._without(node, axis, 0, (*axes[:axis], *axes[axis + 1 :]))

    def _without(self, node: node_def_pb2.NodeDef, axis: int, entry: int, left: Axes) -> Axes:
        """Return the axes that are left where one entry of an axis was taken."""
        word = self._first(node)[axis]
        if grid_of(word) or word.startswith(WITHIN):  # one of each block is spread over the image
            return left
        size = self._size(node, axis)
        return beside_part(left) if is_part(taken(word, [entry % size], size)) else left

    def multiplied(self, node: node_def_pb2.NodeDef) -> Axes:
        """Return the axes of a matrix product: a constant makes new channels of the last axis."""
        left, right = graphs.sources(node)[:2]
        turned = attribute(node, "adj_x") or attribute(node, "transpose_a")
        axes = self.found.get(left)
        if axes is None or turned:
            return ()
        if right in self.of_values:
            summed, last = self.found[right][-2:]
            if attribute(node, "adj_y"):
                summed, last = last, summed
            return (
                *self._joined(node, of_products)[:-2],
                axes[-2] if left in self.of_values or is_features(summed) else UNKNOWN,
                last if last != axes[-2] else UNKNOWN,
            )
        return (*axes[:-1], "channel" if is_features(axes[-1]) else UNKNOWN)

    def einsum(self, node: node_def_pb2.NodeDef) -> Axes:
        """Return the axes of a sum of products: the words on which those of a letter agree."""
        inputs, arrow, output = str(attribute(node, "equation")).replace(" ", "").partition("->")
        terms = inputs.split(",")
        if not arrow or "." in inputs:
            return ()
        each: dict[str, set[str]] = {}  # what the axis of a letter is in the operands
        for term, source in zip(terms, graphs.sources(node), strict=False):
            if source not in self.of_values:
                continue
            for letter, word in zip(term, self.found.get(source, ()), strict=False):
                each.setdefault(letter, set()).add(word)
        words = {letter: of_products(found) for letter, found in each.items()}
        summed = set[str]().union(*(each[letter] for letter in words if letter not in output))
        fresh = [letter for letter in output if letter not in words]
        features = all(map(is_features, summed))
        for letter in fresh:
            words[letter] = ("channel" if len(fresh) == 1 else PART) if features else UNKNOWN
        return tuple(words[letter] for letter in output)

    def sliced(self, node: node_def_pb2.NodeDef) -> Axes:
        axes, begin, steps = self._first(node), held(node, 1, self.nodes), held(node, 3, self.nodes)
        if begin is None or steps is None or not axes:
            return ()
        new, ellipsis, gone = (
            int(attribute(node, f"{mask}_mask") or 0)
            for mask in ("new_axis", "ellipsis", "shrink_axis")
        )
        sliced = sum(not (new | ellipsis) >> place & 1 for place in range(len(begin)))
        kept: list[str] = []
        dropped: list[tuple[int, int]] = []
        axis = 0
        for place in range(len(begin)):
            bit = 1 << place
            if ellipsis & bit:
                rest = len(axes) - sliced
                kept += axes[axis : axis + rest]
                axis += rest
            elif new & bit:
                kept.append(COPIES)
            else:
                word, grid = axes[axis], grid_of(axes[axis])
                if grid:
                    word = self._kept_tokens(node, grid, place)
                else:
                    word = taken(word, self._range(node, axis, place), self._size(node, axis))
                if gone & bit:
                    dropped.append((axis, place))
                else:
                    kept.append(word)
                axis += 1
        left = (*kept, *axes[axis:])
        for axis, place in dropped:
            entries = self._range(node, axis, place)
            left = self._without(node, axis, entries[0] if entries else 0, left)
        return left

    def _size(self, node: node_def_pb2.NodeDef, axis: int) -> int:
        return self.shapes[graphs.sources(node)[0]][axis]

    def _range(self, node: node_def_pb2.NodeDef, axis: int, place: int) -> range | None:
        """Return the entries of an axis that a strided slice takes; None where it is not known."""
        bounds = [held(node, number, self.nodes) for number in (1, 2, 3)]
        if any(one is None for one in bounds):
            return None
        begin, end, step = (int(one[place]) for one in bounds if one is not None)
        open_begin, open_end, one = (
            int(attribute(node, f"{mask}_mask") or 0) >> place & 1
            for mask in ("begin", "end", "shrink_axis")
        )
        every = range(self._size(node, axis))
        if one:
            return every[begin:][:1]
        return every[None if open_begin else begin : None if open_end else end : step]

    def _kept_tokens(self, node: node_def_pb2.NodeDef, grid: Grid, axis: int) -> str:
        """Return the word of a part of the tokens: that of a map if it holds all positions."""
        bounds = [held(node, number, self.nodes) for number in (1, 2, 3)]
        if any(one is None or axis >= len(one) for one in bounds):
            return grid_word(grid)  # later axes are taken whole; the size says whether that is so
        begin, end, step = (int(one[axis]) for one in bounds if one is not None)
        open_begin, open_end = (
            int(attribute(node, mask)) >> axis & 1 for mask in ("begin_mask", "end_mask")
        )
        taken = range(grid.tokens)[None if open_begin else begin : None if open_end else end]
        return part_of(grid, taken) if step == 1 else UNKNOWN

    def padded(self, node: node_def_pb2.NodeDef) -> Axes:
        """Return the axes; tokens may be added, to which others add the class token's values."""
        axes, edges = self._first(node), held(node, 1, self.nodes)
        if edges is None or not axes:
            return ()
        return tuple(
            self._with_edges(node, axis, word, int(before), int(after))
            for axis, (word, (before, after)) in enumerate(zip(axes, edges, strict=True))
        )

    def _with_edges(
        self, node: node_def_pb2.NodeDef, axis: int, word: str, before: int, after: int
    ) -> str:
        grid, size = grid_of(word), self._size(node, axis)
        if grid is None:
            count = before + size + after
            return covering(word, -before, size + after, size, count, even=True)
        if node.op == "MirrorPad":  # which repeats positions
            return word
        return grid_word(replace(grid, before=grid.before + before, after=grid.after + after))

    def cut(self, node: node_def_pb2.NodeDef) -> Axes:
        """Return the axes of a Slice; of the tokens, all of a map's must be kept."""
        axes, begin, size = self._first(node), held(node, 1, self.nodes), held(node, 2, self.nodes)
        if begin is None or size is None:
            return ()
        kept = list(axes)
        for axis, word in enumerate(axes):
            grid = grid_of(word)
            if grid:
                count = grid.tokens - int(begin[axis]) if size[axis] < 0 else int(size[axis])
                kept[axis] = part_of(grid, range(int(begin[axis]), int(begin[axis]) + count))
                continue
            kept[axis] = taken(word, self._part(node, axis), self._size(node, axis))
        return tuple(kept)

    def split(self, node: node_def_pb2.NodeDef) -> Axes:
        """Return the axes of the parts; of rows or columns, each has some only."""
        source = graphs.sources(node)[1 if node.op == "Split" else 0]
        before, after = self.shapes.get(source, ()), self.shapes[node.name]
        return tuple(
            word if size == now else taken(word, None, size)
            for word, size, now in zip(self.found.get(source, ()), before, after, strict=False)
        )

    def gathered(self, node: node_def_pb2.NodeDef) -> Axes:
        axes, place = list(self._first(node)), held(node, 2, self.nodes)
        indices = held(node, 1, self.nodes)
        if place is None or indices is None or not axes:
            return ()
        axis = int(place) % len(axes)
        words = [UNKNOWN] * indices.ndim
        if indices.ndim == 0:
            return self._without(node, axis, int(indices), (*axes[:axis], *axes[axis + 1 :]))
        if indices.ndim == 1:
            words = [taken(axes[axis], [int(i) for i in indices], self._size(node, axis))]
        axes[axis : axis + 1] = words
        return tuple(axes)

    def reversed(self, node: node_def_pb2.NodeDef) -> Axes:
        """Return the axes; one whose positions are in reverse order is not known any more."""
        axes, turned = self._first(node), held(node, 1, self.nodes)
        if turned is None or not axes:
            return ()
        gone = {int(axis) % len(axes) for axis in np.atleast_1d(turned)}
        return tuple(moved(word) if axis in gone else word for axis, word in enumerate(axes))


Rule = Callable[[_Rules, node_def_pb2.NodeDef], Axes]
RULES: dict[str, Rule] = {
    "Transpose": _Rules.transposed,
    "Reshape": _Rules.reshaped,
    "Squeeze": _Rules.squeezed,
    "ExpandDims": _Rules.expanded,
    "Concat": _Rules.concatenated,
    "ConcatV2": _Rules.concatenated,
    "StridedSlice": _Rules.sliced,
    "ReverseV2": _Rules.reversed,
    "Slice": _Rules.cut,
    "Pad": _Rules.padded,
    "PadV2": _Rules.padded,
    "MirrorPad": _Rules.padded,
    "Split": _Rules.split,
    "SplitV": _Rules.split,
    "GatherV2": _Rules.gathered,
    "Fill": _Rules.filled,
    "Tile": _Rules.tiled,
    "Roll": _Rules.rolled,
    "Pack": _Rules.packed,
    "Unpack": _Rules.unpacked,
    "Einsum": _Rules.einsum,
    **dict.fromkeys(("MatMul", "BatchMatMul", "BatchMatMulV2", "BatchMatMulV3"), _Rules.multiplied),
    **dict.fromkeys(REDUCTIONS, _Rules.reduced),
}
