"""What the axes of each tensor are: image, row, col, channel, token; found from the operations.

A tensor of four axes need not be a map: attention has (image, head, token, token), a network that
computes with channels first has (image, channel, row, col). Shapes do not tell them apart, and
where rows, columns and channels are mixed up every figure looks plausible.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from tensorflow import make_ndarray
from tensorflow.core.framework import node_def_pb2

from blockscope.models import graphs
from blockscope.models.batch_axis import Shapes
from blockscope.models.node_attributes import attribute

Axes = tuple[str, ...]

MAP: Axes = ("image", "row", "col", "channel")
FIRST: Axes = ("image", "channel", "row", "col")
VECTOR: Axes = ("image", "channel")
UNKNOWN = "?"
PART = "part"  # of the channels, that were split into groups or heads

OF_MAPS = frozenset(
    """Conv2D DepthwiseConv2dNative Conv2DBackpropInput MaxPool AvgPool LRN FusedBatchNorm
    FusedBatchNormV2 FusedBatchNormV3 ResizeBilinear ResizeNearestNeighbor ResizeBicubic
    SpaceToDepth DepthToSpace SpaceToBatchND BatchToSpaceND""".split()
)
SAME_AXES = frozenset(
    """Identity IdentityN StopGradient PreventGradient Snapshot Cast Relu Relu6 Elu Selu LeakyRelu
    Sigmoid Tanh Softplus Softsign Exp Expm1 Log Log1p Sqrt Rsqrt Square Abs Neg Sign Erf Erfc
    Reciprocal Inv Floor Ceil Round Rint Softmax LogSoftmax ClipByValue Pad PadV2 MirrorPad
    EnsureShape Cumsum Reverse ReverseV2 Slice Tile Sin Cos Tan Atan ZerosLike OnesLike""".split()
)
ELEMENTWISE = frozenset(
    """Add AddV2 AddN Sub Mul RealDiv Div DivNoNan Maximum Minimum Pow SquaredDifference BiasAdd
    Select SelectV2 FloorDiv FloorMod Greater GreaterEqual Less LessEqual Equal NotEqual LogicalAnd
    LogicalOr BroadcastTo""".split()
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
    found: dict[str, Axes] = {start: MAP}
    for node in graphs.toposort(nodes, nodes):
        if node.name == start or node.op == "Const" or node.name not in shapes:
            continue
        axes = _of(node, nodes, shapes, found)
        sizes = shapes[node.name]
        if len(axes) != len(sizes):
            axes = (UNKNOWN,) * len(sizes)
        found[node.name] = tuple(
            UNKNOWN if _other_tokens(word, size) else word
            for word, size in zip(axes, sizes, strict=True)
        )
    return found


def _other_tokens(word: str, size: int) -> bool:
    """Tell whether an axis of tokens has lost or gained some."""
    grid = grid_of(word)
    return grid is not None and grid.tokens != size


def _of(
    node: node_def_pb2.NodeDef, nodes: graphs.Nodes, shapes: Shapes, found: dict[str, Axes]
) -> Axes:
    sources = graphs.sources(node)
    if node.op in OF_MAPS:
        return FIRST if attribute(node, "data_format") == "NCHW" else MAP
    if node.op in ELEMENTWISE:
        return _joined(node, sources, shapes, found)
    first = found.get(sources[0], ()) if sources else ()
    if node.op in SAME_AXES:
        return first
    rule = RULES.get(node.op)
    return rule(node, nodes, shapes, found) if rule else ()


def _joined(
    node: node_def_pb2.NodeDef, sources: Sequence[str], shapes: Shapes, found: dict[str, Axes]
) -> Axes:
    """Return the axes of what is broadcast together: the words on which the operands agree."""
    rank = len(shapes[node.name])
    joined = []
    for axis in range(rank):
        words = set()
        for source in sources:
            axes, sizes = found.get(source), shapes.get(source, ())
            place = axis - rank + len(sizes)
            if axes is not None and place >= 0 and sizes[place] == shapes[node.name][axis]:
                words.add(axes[place])
        joined.append(_agreed(words))
    return tuple(joined)


def _held(nodes: graphs.Nodes, node: node_def_pb2.NodeDef, number: int) -> np.ndarray | None:
    sources = graphs.sources(node)
    held = nodes[sources[number]] if len(sources) > number else None
    return None if held is None or held.op != "Const" else make_ndarray(held.attr["value"].tensor)


def _transposed(
    node: node_def_pb2.NodeDef, nodes: graphs.Nodes, shapes: Shapes, found: dict[str, Axes]
) -> Axes:
    order, axes = _held(nodes, node, 1), found.get(graphs.sources(node)[0], ())
    return () if order is None else tuple(axes[i] for i in order)


def _reduced(
    node: node_def_pb2.NodeDef, nodes: graphs.Nodes, shapes: Shapes, found: dict[str, Axes]
) -> Axes:
    axes, reduced = found.get(graphs.sources(node)[0], ()), _held(nodes, node, 1)
    if reduced is None or not axes:
        return ()
    gone = {int(axis) % len(axes) for axis in np.atleast_1d(reduced)}
    if attribute(node, "keep_dims"):
        return axes
    return tuple(word for axis, word in enumerate(axes) if axis not in gone)


def _reshaped(
    node: node_def_pb2.NodeDef, nodes: graphs.Nodes, shapes: Shapes, found: dict[str, Axes]
) -> Axes:
    """Match the factors of both shapes from the left.

    An axis that stays keeps its word; rows and columns that are joined become tokens and tokens
    that are taken apart into two rows and columns; channels may be split into parts and joined
    again.
    """
    source = graphs.sources(node)[0]
    axes, before, after = found.get(source, ()), shapes.get(source, ()), shapes[node.name]
    if not axes or 0 in before or 0 in after:
        return ()
    result: list[str] = []
    old, new = 0, 0
    while old < len(before) or new < len(after):
        first_old, first_new = old, new
        left = before[old] if old < len(before) else 1
        right = after[new] if new < len(after) else 1
        old, new = min(old + 1, len(before)), min(new + 1, len(after))
        while left != right:
            if left < right and old < len(before):
                left, old = left * before[old], old + 1
            elif right < left and new < len(after):
                right, new = right * after[new], new + 1
            else:
                return ()
        result += _block(
            axes[first_old:old], before[first_old:old], after[first_new:new]
        )
    return tuple(result)


def _block(words: Axes, before: Sequence[int], after: Sequence[int]) -> list[str]:
    """Return the words of the axes ``after`` that hold the same entries as those ``before``."""
    if not words or not after:
        return [UNKNOWN] * len(after)
    if len(words) == len(after):
        return list(words)
    if words[0] == "image" and before[0] == 1 and after and after[0] == 1:
        return ["image", *_block(words[1:], before[1:], after[1:])] if words[1:] else _alone(after)
    longer = [(word, size) for word, size in zip(words, before, strict=True) if size != 1]
    if len(longer) == sum(size != 1 for size in after) < len(after):
        left = iter(longer)
        return [UNKNOWN if size == 1 else next(left)[0] for size in after]
    if len(after) == 1:
        return [_merged(words, before)]
    if len(words) == 1:
        return _taken_apart(words[0], after)
    return [PART if set(words) <= {"channel", PART} else UNKNOWN] * len(after)


def _alone(after: Sequence[int]) -> list[str]:
    return ["image", *[UNKNOWN] * (len(after) - 1)]


def _merged(words: Axes, sizes: Sequence[int]) -> str:
    """Return the word of an axis that several are joined to."""
    if words == ("row", "col"):
        return grid_word(Grid(0, sizes[0], sizes[1], 0))
    if set(words) <= {"channel", PART}:
        return "channel"
    if words[0] != "image" and words[-1] == "channel":
        return "channel"  # flattened: a vector of features
    return "*".join(words)


def _taken_apart(word: str, after: Sequence[int]) -> list[str]:
    grid = grid_of(word)
    if grid and len(after) == 2 and grid == Grid(0, after[0], after[1], 0):
        return ["row", "col"]
    parts = word.split("*")
    if len(parts) == len(after) > 1:
        return parts
    return [PART if word in ("channel", PART) else UNKNOWN] * len(after)


@dataclass(frozen=True)
class Grid:
    """Tokens that are the positions of a map, with others before and after them."""

    before: int
    rows: int
    cols: int
    after: int

    @property
    def tokens(self) -> int:
        """How many there are in all."""
        return self.before + self.rows * self.cols + self.after


def grid_word(grid: Grid) -> str:
    """Return the word of an axis of tokens."""
    return f"token {grid.before} {grid.rows} {grid.cols} {grid.after}"


def grid_of(word: str) -> Grid | None:
    """Return what an axis of tokens holds; None for any other."""
    kind, *numbers = word.split(" ")
    return Grid(*map(int, numbers)) if kind == "token" else None


def _squeezed(
    node: node_def_pb2.NodeDef, nodes: graphs.Nodes, shapes: Shapes, found: dict[str, Axes]
) -> Axes:
    source = graphs.sources(node)[0]
    axes, sizes = found.get(source, ()), shapes.get(source, ())
    if not axes:
        return ()
    named = [int(a) % len(axes) for a in attribute(node, "squeeze_dims") or []]
    gone = set(named) or {axis for axis, size in enumerate(sizes) if size == 1}
    return tuple(word for axis, word in enumerate(axes) if axis not in gone)


def _expanded(
    node: node_def_pb2.NodeDef, nodes: graphs.Nodes, shapes: Shapes, found: dict[str, Axes]
) -> Axes:
    axes, place = list(found.get(graphs.sources(node)[0], ())), _held(nodes, node, 1)
    if place is None or not axes:
        return ()
    axes.insert(int(place.reshape(-1)[0]) % (len(axes) + 1), UNKNOWN)
    return tuple(axes)


def _concatenated(
    node: node_def_pb2.NodeDef, nodes: graphs.Nodes, shapes: Shapes, found: dict[str, Axes]
) -> Axes:
    sources, place = graphs.sources(node)[:-1], _held(nodes, node, len(graphs.sources(node)) - 1)
    known = [found[source] for source in sources if source in found]
    if place is None or len({len(axes) for axes in known}) != 1:
        return ()
    agreed = [_agreed(set(words)) for words in zip(*known, strict=True)]
    axis = int(place) % len(agreed)
    grids = [grid_of(found[s][axis]) if s in found else None for s in sources]
    if any(grids):
        sizes = [shapes[source][axis] for source in sources]
        agreed[axis] = _with_others(grids, sizes)
    return tuple(agreed)


def _agreed(words: set[str]) -> str:
    """Return the word on which all agree, those that know none left out."""
    if len(words) > 1:
        words.discard(UNKNOWN)
    return words.pop() if len(words) == 1 else UNKNOWN


def _with_others(grids: Sequence[Grid | None], sizes: Sequence[int]) -> str:
    """Return the word of tokens of a map joined with others, such as a class token."""
    if sum(grid is not None for grid in grids) != 1:
        return UNKNOWN
    place, grid = next((i, g) for i, g in enumerate(grids) if g is not None)
    before, after = sum(sizes[:place]), sum(sizes[place + 1 :])
    return grid_word(Grid(grid.before + before, grid.rows, grid.cols, grid.after + after))


def _multiplied(
    node: node_def_pb2.NodeDef, nodes: graphs.Nodes, shapes: Shapes, found: dict[str, Axes]
) -> Axes:
    """Return the axes of a matrix product: a constant makes new channels of the last axis."""
    left, right = graphs.sources(node)[:2]
    turned = attribute(node, "adj_x") or attribute(node, "transpose_a")
    axes = found.get(left)
    if axes is None or turned:
        return ()
    if right in found:
        other = found[right]
        last = other[-2] if attribute(node, "adj_y") else other[-1]
        return (*axes[:-1], last if last != axes[-2] else UNKNOWN)
    return (*axes[:-1], "channel" if axes[-1] in ("channel", PART) else UNKNOWN)


def _einsum(
    node: node_def_pb2.NodeDef, nodes: graphs.Nodes, shapes: Shapes, found: dict[str, Axes]
) -> Axes:
    inputs, arrow, output = str(attribute(node, "equation")).replace(" ", "").partition("->")
    terms = inputs.split(",")
    if not arrow or "." in inputs:
        return ()
    words: dict[str, str] = {}
    summed: set[str] = set()
    for term, source in zip(terms, graphs.sources(node), strict=False):
        for letter, word in zip(term, found.get(source, ()), strict=False):
            words.setdefault(letter, word)
            if letter not in output:
                summed.add(word)
    fresh = [letter for letter in output if letter not in words]
    features = summed <= {"channel", PART}
    for letter in fresh:
        words[letter] = ("channel" if len(fresh) == 1 else PART) if features else UNKNOWN
    return tuple(words[letter] for letter in output)


def _sliced(
    node: node_def_pb2.NodeDef, nodes: graphs.Nodes, shapes: Shapes, found: dict[str, Axes]
) -> Axes:
    axes = found.get(graphs.sources(node)[0], ())
    if attribute(node, "ellipsis_mask") or attribute(node, "new_axis_mask"):
        return ()
    gone = int(attribute(node, "shrink_axis_mask") or 0)
    begin, end, step = (_held(nodes, node, number) for number in (1, 2, 3))
    kept = list(axes)
    for axis, word in enumerate(axes):
        grid = grid_of(word)
        if grid and begin is not None and end is not None and step is not None:
            bounds = (
                None if int(attribute(node, mask)) >> axis & 1 else int(values[axis])
                for mask, values in (("begin_mask", begin), ("end_mask", end))
                if axis < len(values)
            )
            kept[axis] = _kept_tokens(grid, *bounds, step=int(step[axis]) if axis < len(step) else 1)
    return tuple(word for axis, word in enumerate(kept) if not gone >> axis & 1)


def _kept_tokens(
    grid: Grid, begin: int | None = None, end: int | None = None, step: int = 1
) -> str:
    """Return the word of a part of the tokens: that of a map if it holds all of its positions."""
    taken = range(grid.tokens)[begin:end:step]
    inner = range(grid.before, grid.tokens - grid.after)
    if step != 1 or not set(inner) <= set(taken):
        return UNKNOWN
    before, after = inner.start - taken.start, taken.stop - inner.stop
    return grid_word(Grid(before, grid.rows, grid.cols, after))


def _split(
    node: node_def_pb2.NodeDef, nodes: graphs.Nodes, shapes: Shapes, found: dict[str, Axes]
) -> Axes:
    return found.get(graphs.sources(node)[1 if node.op == "Split" else 0], ())


def _gathered(
    node: node_def_pb2.NodeDef, nodes: graphs.Nodes, shapes: Shapes, found: dict[str, Axes]
) -> Axes:
    axes, place = list(found.get(graphs.sources(node)[0], ())), _held(nodes, node, 2)
    indices = _held(nodes, node, 1)
    if place is None or indices is None or not axes:
        return ()
    axis = int(place) % len(axes)
    axes[axis : axis + 1] = [axes[axis]] if indices.ndim == 1 else [UNKNOWN] * indices.ndim
    return tuple(axes)


Rule = Callable[[node_def_pb2.NodeDef, graphs.Nodes, Shapes, dict[str, Axes]], Axes]
RULES: dict[str, Rule] = {
    "Transpose": _transposed,
    "Reshape": _reshaped,
    "Squeeze": _squeezed,
    "ExpandDims": _expanded,
    "ConcatV2": _concatenated,
    "StridedSlice": _sliced,
    "Split": _split,
    "SplitV": _split,
    "GatherV2": _gathered,
    "Einsum": _einsum,
    **dict.fromkeys(("MatMul", "BatchMatMul", "BatchMatMulV2", "BatchMatMulV3"), _multiplied),
    **dict.fromkeys(REDUCTIONS, _reduced),
}
