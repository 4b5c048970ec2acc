"""What of the image a position of a layer can see at all, from windows and strides.

The field of a position is an interval along each axis of the image. Windows make it longer, strides
and paddings move it. What adds up positions, as a mean over the map or attention, sees everything:
then the field is the whole image, and where the position lies is still known. Of a layer in which
rows and columns cannot be followed, positions are taken to be spread evenly, as they are drawn.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from tensorflow.core.framework import node_def_pb2

from blockscope.models.graph import graphs
from blockscope.models.graph.making import held
from blockscope.models.layers.axes import ELEMENTWISE, OF_MAPS, SAME_AXES, axes_of
from blockscope.models.layers.axis_words import Axes, is_features
from blockscope.models.layers.window_reach import INTERLEAVED, SLIDING, reach, window
from blockscope.models.network import Network
from blockscope.models.tensor_samples import samples_of

WHOLE = math.inf  # the size of a field that is the whole image
# Of these an entry may depend on all others of its axis, or of all axes.
MIXES_POSITIONS = frozenset({"Softmax", "LogSoftmax", "Cumsum"})
# These have the positions of their input, where rows and columns are as many as before.
KEEPS_POSITIONS = frozenset(
    {"Transpose", "Reshape", "Squeeze", "ExpandDims", "Split", "SplitV", "Slice", "StridedSlice"}
    | {"GatherV2", "Pack", "Unpack", "Mean", "Sum", "Max", "Min", "Prod", "Concat", "ConcatV2"}
)
PADS = frozenset({"Pad", "PadV2", "MirrorPad"})
# Entries beside the nearest one that a scaled one is made of.
INTERPOLATES = {"ResizeBilinear": 2, "ResizeBicubic": 4, "ResizeNearestNeighbor": 1}


@dataclass(frozen=True)
class Line:
    """The fields of the positions along one axis, in pixels of the network's input.

    Attributes
    ----------
    first
        Where the field of the first position has its middle; 0 is the edge of the image.
    step
        From one middle to the next.
    size
        The length of a field; `WHOLE` where it has no end.
    """

    first: float
    step: float
    size: float

    def windowed(self, begin: float, stride: float, entries: float) -> Line:
        """Return the line of windows of ``entries``; ``begin`` and ``stride`` as of `reach`."""
        first = self.first + (begin + (stride - 1) / 2) * self.step
        return Line(first, self.step * stride, self.size + (entries - 1) * self.step)


Lines = tuple[Line | None, Line | None]
"""Along rows and columns; None where a position sees everything, and lies anywhere."""


@dataclass(frozen=True)
class ReceptiveField:
    """The theoretical receptive fields of all positions of a layer.

    Attributes
    ----------
    row
        Along the rows of the image.
    col
        Along its columns.
    image
        Rows and columns of the network's input.
    """

    row: Line
    col: Line
    image: tuple[int, int]

    def centre(self, row: int, col: int) -> tuple[float, float]:
        """Return where the field of a position has its middle, (row, col) in pixels."""
        return self.row.first + row * self.row.step, self.col.first + col * self.col.step

    @property
    def size(self) -> tuple[int, int]:
        """Rows and columns of a field, at most those of the image."""
        sizes = zip((self.row, self.col), self.image, strict=True)
        rows, cols = (min(math.ceil(min(line.size, most)), most) for line, most in sizes)
        return rows, cols


def receptive_field(network: Network, layer: str) -> ReceptiveField:
    """Return the receptive fields of a layer (row, col, channel); evaluates the network once.

    An operation that is not known to keep or to slide over positions counts as one that sees
    everything, so that no field is stated too small.
    """
    spec = network.spec
    samples = samples_of(network, network.grey_input(spec.size))
    shapes = {name: sample.shape for name, sample in samples.items()}
    found = _Walk(network.nodes, spec.tensor, shapes).of(layer)
    lines = [
        line or Line(size / count / 2, size / count, WHOLE)
        for line, size, count in zip(found, spec.size, shapes[layer][1:3], strict=True)
    ]
    return ReceptiveField(lines[0], lines[1], spec.size)


class _Walk:
    """The fields of all tensors from the input on."""

    def __init__(self, nodes: graphs.Nodes, start: str, shapes: graphs.Shapes) -> None:
        self.nodes, self.shapes = nodes, shapes
        pixel = Line(0.5, 1.0, 1.0)
        self.found: dict[str, Lines] = {start: (pixel, pixel)}
        self.start = start
        self.axes = axes_of(nodes, start, shapes) | {start: ("image", "row", "col", "channel")}

    def of(self, layer: str) -> Lines:
        """Return the fields of a layer's positions."""
        for node in graphs.toposort(self.nodes, [layer], stop={self.start}):
            moving = [name for name in graphs.sources(node) if name in self.found]
            if moving and node.op not in graphs.OF_SIZES:
                self.found[node.name] = self._lines(node, moving)
        return self.found[layer]

    def _lines(self, node: node_def_pb2.NodeDef, moving: Sequence[str]) -> Lines:
        if node.op in OF_MAPS:
            return self._slid(node, moving)
        if node.op in PADS:
            return self._padded(node, moving[0])
        joins = (SAME_AXES | ELEMENTWISE | KEEPS_POSITIONS) - MIXES_POSITIONS
        if node.op in joins or self._new_channels(node, moving):
            row, col = (self._joined(node.name, moving, kind) for kind in ("row", "col"))
            return row, col
        return None, None

    def _new_channels(self, node: node_def_pb2.NodeDef, moving: Sequence[str]) -> bool:
        """Tell whether a node weighs or compares the channels of each position on its own."""
        words = self.axes.get(moving[0], ())
        if len(moving) != 1 or not words or not is_features(words[-1]):
            return False
        return node.op in {"MatMul", "BatchMatMulV2", "BatchMatMulV3", "Softmax", "LogSoftmax"}

    def _slid(self, node: node_def_pb2.NodeDef, moving: Sequence[str]) -> Lines:
        """Return the fields behind windows, which take rows and columns for the axes 1 and 2."""
        words, lines = self.axes.get(moving[0], ()), self.found[moving[0]]
        if len(moving) > 1 or node.op in INTERLEAVED or tuple(words[1:3]) != ("row", "col"):
            return None, None
        row, col = (self._windowed(node, axis, line) for axis, line in enumerate(lines, 1))
        return row, col

    def _windowed(self, node: node_def_pb2.NodeDef, axis: int, line: Line | None) -> Line | None:
        ends, count = reach(node, axis, self.nodes, self.shapes), self.shapes[node.name][axis]
        if line is None or ends is None:
            return None
        stride = (ends[1] - ends[0]) / count
        if node.op == "DepthToSpace":  # each entry lies aside of where it comes from
            return line.windowed(ends[0], stride, 2 - stride)
        if node.op not in SLIDING:
            return line.windowed(ends[0], stride, max(stride, 1) + INTERPOLATES.get(node.op, 0))
        entries = window(node, axis, self.nodes, self.shapes)
        if entries is None:
            return None
        if node.op == "Conv2DBackpropInput":  # how many it reaches differs from entry to entry
            return line.windowed(ends[0], stride, math.ceil(entries * stride) + 1)
        return line.windowed(ends[0], stride, entries)

    def _padded(self, node: node_def_pb2.NodeDef, source: str) -> Lines:
        edges, words = held(node, 1, self.nodes), self.axes.get(source, ())
        lines = dict(zip(("row", "col"), self.found[source], strict=True))
        for kind, line in lines.items():
            if line is None or edges is None or kind not in words:
                lines[kind] = None
                continue
            before, after = (int(edge) for edge in edges[words.index(kind)])
            moved = replace(line, first=line.first - before * line.step)
            mirrored = node.op == "MirrorPad" and (before or after)
            # A place outside is read as far inside of the edge, which lies between them; as the
            # field is the same on both sides, that counts twice.
            more = 4 * max(before, after) * line.step if mirrored else 0
            lines[kind] = replace(moved, size=moved.size + more)
        return lines["row"], lines["col"]

    def _joined(self, name: str, sources: Sequence[str], kind: str) -> Line | None:
        """Return fields that cover those of all sources; of copies at each position, everything."""
        length = self._length(name, kind)
        if length is None:
            return None
        lines = list(self._kept(sources, kind, length))
        known = [line for line in lines if line is not None]
        if not known or max(line.step for line in known) > min(line.step for line in known) + 1e-6:
            return None
        first = float(np.mean([line.first for line in known]))
        size = max(2 * abs(line.first - first) + line.size for line in known)
        return Line(first, known[0].step, size if len(known) == len(lines) else WHOLE)

    def _kept(self, sources: Sequence[str], kind: str, length: int) -> Iterator[Line | None]:
        for source in sources:
            line = self.found[source][("row", "col").index(kind)]
            yield line if self._length(source, kind) == length else None

    def _length(self, name: str, kind: str) -> int | None:
        words: Axes = self.axes.get(name, ())
        return self.shapes[name][words.index(kind)] if words.count(kind) == 1 else None
