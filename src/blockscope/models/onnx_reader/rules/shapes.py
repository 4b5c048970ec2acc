"""Operations that move, join or repeat entries."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from blockscope.io.counts import counted
from blockscope.io.errors import BadFile
from blockscope.models.graph.weight_cells import WHOLE
from blockscope.models.onnx_reader.builder import Builder
from blockscope.models.onnx_reader.node import Node, axis_of
from blockscope.models.onnx_reader.tensor import Constant, Tensor, arranged_constant

MOST_MIRRORED = 4  # axes beside that of images, of which TensorFlow's MirrorPad takes five in all


def transpose(_build: Builder, node: Node) -> Tensor:
    """Transpose, which only notes the new order."""
    x = node.tensor()
    order = list(node.attribute("perm") or range(x.rank)[::-1])
    if sorted(order) != list(range(x.rank)):
        axes = counted(x.rank, "axis", plural="axes")
        raise BadFile(f"perm is {order} for a tensor with {axes}")
    return x.transposed(order)


def reshape(build: Builder, node: Node) -> Tensor:
    """Reshape, for one image."""
    x, target = node.tensor(0), [int(i) for i in node.needed_constant(1)]
    if not node.attribute("allowzero", 0):
        zeros = [i for i, size in enumerate(target) if size == 0]
        if zeros and zeros[-1] >= x.rank:
            raise BadFile(f"shape {target} copies axis {zeros[-1]} of {list(x.shape)}")
        for i in zeros:
            target[i] = x.shape[i]
    return _reshaped(build, x, target)


def _reshaped(build: Builder, x: Tensor, target: list[int]) -> Tensor:
    entries = math.prod(x.shape)
    asked = list(target)
    known = math.prod(size for size in target if size != -1)
    if target.count(-1) == 1 and known:
        target[target.index(-1)] = entries // known
    if min(target, default=1) < 1 or math.prod(target) != entries:
        raise BadFile(
            f"shape {asked} does not fit a tensor {list(x.shape)}, which it has for one image of "
            "this size (models catalogue: input.size); export the network with a batch of 1"
        )
    return build.reshaped(x, tuple(target))


def flatten(build: Builder, node: Node) -> Tensor:
    """Flatten into two axes."""
    x = node.tensor()
    axis = node.attribute("axis", 1)
    axis = axis if axis == x.rank else axis_of(axis, x.rank)
    return build.reshaped(x, (math.prod(x.shape[:axis]), math.prod(x.shape[axis:])))


def squeeze(build: Builder, node: Node) -> Tensor:
    """Squeeze out axes of one entry."""
    x = node.tensor(0)
    given = node.integers(1, "axes", 13)
    axes = (
        {axis for axis, size in enumerate(x.shape) if size == 1}
        if given is None
        else {axis_of(axis, x.rank) for axis in given}
    )
    if any(x.shape[axis] != 1 for axis in axes):
        raise BadFile(f"axes {sorted(axes)} of a tensor {list(x.shape)}; valid: those of one entry")
    return build.reshaped(x, tuple(s for axis, s in enumerate(x.shape) if axis not in axes))


def unsqueeze(build: Builder, node: Node) -> Tensor:
    """Put in axes of one entry."""
    x, given = node.tensor(0), node.integers(1, "axes", 13)
    if given is None:
        raise BadFile("axes are missing")
    rank = x.rank + len(given)
    axes = {axis_of(axis, rank) for axis in given}
    left = iter(x.shape)
    return build.reshaped(x, tuple(1 if axis in axes else next(left) for axis in range(rank)))


def concat(build: Builder, node: Node) -> Tensor:
    """Concat along an axis."""
    operands = [node.operand(i) for i in range(len(node.inputs))]
    rank = len(operands[0].shape)
    axis = axis_of(node.attribute("axis"), rank)
    return joined(build, operands, axis)


def joined(build: Builder, operands: Sequence[Tensor | Constant], axis: int) -> Tensor:
    """Join tensors, and constants between them, along an axis.

    A constant, such as a class token, has no image axis to be joined along: its place is padded
    with zeros, and the constant is added.
    """
    shapes = [list(operand.shape) for operand in operands]
    if len({tuple(s[:axis] + s[axis + 1 :]) for s in shapes}) != 1:
        raise BadFile(f"tensors {shapes} cannot be joined along axis {axis}")
    tensors = [o for o in operands if isinstance(o, Tensor)]
    lead = max(tensors, key=lambda t: (math.prod(t.sizes), len(t.axes)))
    axes = lead.axes if axis in lead.axes else (axis, *lead.axes)
    starts = np.cumsum([0, *(s[axis] for s in shapes)])
    shape = tuple(starts[-1] if i == axis else size for i, size in enumerate(shapes[0]))
    shape = tuple(int(size) for size in shape)
    place, rank = 1 + axes.index(axis), len(shape)
    values, added, before = [], np.zeros(shape, np.float32), 0
    held_at = []
    for i, operand in enumerate(operands):
        if isinstance(operand, Tensor):
            after = 0
            while i + 1 + after < len(operands) and not isinstance(operands[i + 1 + after], Tensor):
                after += 1
            cells = int(starts[i + 1 + after] - starts[i + 1])
            value = build.arranged(operand, axes)
            values.append(_with_zeros(build, value, place, before, cells))
            before = 0
        else:
            part = [slice(None)] * rank
            part[axis] = slice(starts[i], starts[i + 1])
            added[tuple(part)] = operand
            held_at.append((int(starts[i]), int(starts[i + 1]), 1))
            before += shapes[i][axis] if not values else 0
    value = values[0]
    if len(values) > 1:
        value = build.op("ConcatV2", values=values, axis=build.constant(place, np.int32))
    if len(tensors) < len(operands):
        held = arranged_constant(added, rank, axes)
        along = held.ndim + axes.index(axis) - len(axes)  # leading axes of one entry are left out
        blocks = [
            tuple(entries if i == along else WHOLE for i in range(held.ndim)) for entries in held_at
        ]
        value = build.op("AddV2", x=value, y=build.constant(held, weights=blocks))
    roles = tuple(
        next((t.roles[a] for t in (lead, *tensors) if t.roles[a]), "") for a in range(rank)
    )
    return Tensor(value, shape, axes, roles)


def _with_zeros(build: Builder, value: object, place: int, before: int, after: int) -> object:
    if not before and not after:
        return value
    edges = np.zeros((value.shape.rank, 2), np.int32)  # type: ignore[attr-defined]
    edges[place] = before, after
    return build.op("Pad", input=value, paddings=build.constant(edges, np.int32))


def split(build: Builder, node: Node) -> list[Tensor]:
    """Split along an axis into given sizes, or equal ones."""
    x = node.tensor(0)
    axis = axis_of(node.attribute("axis", 0), x.rank)
    sizes = node.integers(1, "split", 13)
    size = x.shape[axis]
    if sizes is None:
        parts = node.attribute("num_outputs") if node.opset >= 18 else node.outputs
        parts = parts or node.outputs
        each = -(-size // parts)
        sizes = [min(each, size - i * each) for i in range(parts)]
        if node.opset < 18 and size % parts:
            entries = counted(size, "entry", plural="entries")
            raise BadFile(f"axis {axis} of {entries} cannot be split into {parts} equal parts")
    if sum(sizes) != size or min(sizes) < 1:
        entries = counted(size, "entry", plural="entries")
        raise BadFile(f"sizes {sizes} of axis {axis}, which has {entries}; valid: from 1 on")
    if len(sizes) == 1:
        return [x]
    found = build.op(
        "SplitV", value=x.value, size_splits=build.constant(sizes),
        axis=build.constant(x.place(axis), np.int32), num_split=len(sizes),
    )  # fmt: skip
    return [_resized(x, value, axis, part) for value, part in zip(found, sizes, strict=True)]


def _resized(x: Tensor, value: object, axis: int, size: int) -> Tensor:
    shape = tuple(size if i == axis else s for i, s in enumerate(x.shape))
    return Tensor(value, shape, x.axes, x.roles)


def slice_(build: Builder, node: Node) -> Tensor:
    """Slice, with negative steps too."""
    x = node.tensor(0)
    starts, ends = ([int(i) for i in node.needed_constant(n)] for n in (1, 2))
    axes, steps = (
        [int(i) for i in c] if (c := node.constant(n)) is not None else None for n in (3, 4)
    )
    axes = [axis_of(a, x.rank) for a in (axes if axes is not None else range(len(starts)))]
    ranges = {}
    for axis, start, end, step in zip(axes, starts, ends, steps or [1] * len(axes), strict=True):
        if not step:
            raise BadFile("a step is 0")
        taken = range(x.shape[axis])[slice(start, end, step)]
        if not len(taken):
            raise BadFile(
                f"no entry of axis {axis} is left, from {start} to {end} of {list(x.shape)}"
            )
        ranges[axis] = taken
    return sliced(build, x, ranges)


def sliced(build: Builder, x: Tensor, ranges: dict[int, range]) -> Tensor:
    """Take the entries of ``ranges`` along some axes."""
    ranges = {a: r for a, r in ranges.items() if r != range(x.shape[a])}
    if not ranges:
        return x
    rank = 1 + len(x.axes)
    begin, end, step = np.zeros(rank, np.int32), np.zeros(rank, np.int32), np.ones(rank, np.int32)
    begin_mask = end_mask = (1 << rank) - 1
    by_size = False
    for axis, taken in ranges.items():
        place = x.place(axis)
        begin[place], end[place], step[place] = taken.start, taken.stop, taken.step
        begin_mask &= ~(1 << place)
        whole = range(taken.start, x.shape[axis] if taken.step > 0 else -1, taken.step)
        if taken != whole:
            end_mask &= ~(1 << place)
        # To the end, however long the axis is; from its end on, that is another place.
        by_size |= x.has_places(axis) and (taken != whole or taken.step < 0)
    value = build.op(
        "StridedSlice", input=x.value, begin=build.constant(begin, np.int32),
        end=build.constant(end, np.int32), strides=build.constant(step, np.int32),
        begin_mask=begin_mask, end_mask=end_mask,
    )  # fmt: skip
    if by_size:
        build.tie(value)
    shape = tuple(len(ranges[a]) if a in ranges else s for a, s in enumerate(x.shape))
    return Tensor(value, shape, x.axes, x.roles)


def gather(build: Builder, node: Node) -> Tensor:
    """Gather entries of an axis by constant numbers."""
    x, indices = node.tensor(0), node.needed_constant(1)
    axis = axis_of(node.attribute("axis", 0), x.rank)
    size = x.shape[axis]
    if not indices.size or indices.min() < -size or indices.max() >= size:
        entries = counted(size, "entry", plural="entries")
        raise BadFile(f"indices from {indices.min()} to {indices.max()} of {entries}")
    numbers = np.where(indices < 0, indices + size, indices).reshape(-1)
    found = gathered(build, x, axis, numbers)
    return build.reshaped(found, (*x.shape[:axis], *indices.shape, *x.shape[axis + 1 :]))


def gathered(build: Builder, x: Tensor, axis: int, numbers: Constant) -> Tensor:
    """Take entries of an axis, in any order and any number of times."""
    first, step = int(numbers[0]), int(numbers[1] - numbers[0]) if len(numbers) > 1 else 1
    if step > 0 and (numbers == first + step * np.arange(len(numbers))).all():
        return sliced(build, x, {axis: range(x.shape[axis])[first : int(numbers[-1]) + 1 : step]})
    if axis not in x.axes:
        x = Tensor(build.arranged(x, (axis, *x.axes)), x.shape, (axis, *x.axes), x.roles)
    value = build.op(
        "GatherV2", params=x.value, indices=build.constant(numbers, np.int32),
        axis=build.constant(x.place(axis), np.int32),
    )  # fmt: skip
    if x.has_places(axis):
        build.tie(value)
    return _resized(x, value, axis, len(numbers))


def expand(build: Builder, node: Node) -> Tensor:
    """Expand by broadcasting: a product with ones."""
    x, target = node.tensor(0), tuple(int(i) for i in node.needed_constant(1))
    shape = np.broadcast_shapes(x.shape, target)
    if shape == x.shape:
        return x
    if math.prod(shape) == math.prod(x.shape):
        return build.reshaped(x, shape)
    return build.elementwise("Mul", x, np.ones(shape, np.float32))


def tile(build: Builder, node: Node) -> Tensor:
    """Tile: repeated along axes."""
    x, repeats = node.tensor(0), node.needed_constant(1)
    for axis, times in enumerate(map(int, repeats)):
        if times < 1:
            raise BadFile(f"repeats are {list(repeats)}; valid: from 1 on")
        x = x if times == 1 else joined(build, [x] * times, axis)
    return x


def pad(build: Builder, node: Node) -> Tensor:
    """Pad, or crop where a number is negative."""
    mode = node.attribute("mode", "constant", ("constant", "reflect", "edge", "wrap"))
    x, pads = node.tensor(0), [int(i) for i in node.needed_constant(1)]
    fill, axes = node.constant(2), node.constant(3)
    chosen = range(x.rank) if axes is None else [axis_of(int(a), x.rank) for a in axes]
    edges = dict(
        zip(chosen, zip(pads[: len(pads) // 2], pads[len(pads) // 2 :], strict=True), strict=True)
    )
    value = 0.0 if fill is None else float(fill.reshape(-1)[0])
    edges = {axis: edge for axis, edge in edges.items() if any(edge)}
    if mode != "constant":
        outside = {a: _outside(x.shape[a], *edge, mode) for a, edge in edges.items()}
        mirrored = mode == "reflect" and edges and min(map(min, edges.values())) >= 0
        if mirrored and x.rank <= MOST_MIRRORED:  # one operation, for images of any size
            return _grown(build, x, edges, "MirrorPad", mode="REFLECT")
        for axis, numbers in outside.items():
            x = gathered(build, x, axis, numbers)
        return x
    x = sliced(
        build,
        x,
        {a: range(x.shape[a])[max(-b, 0) : x.shape[a] - max(-e, 0)] for a, (b, e) in edges.items()},
    )
    grown = {a: (max(b, 0), max(e, 0)) for a, (b, e) in edges.items() if max(b, e) > 0}
    if min(x.shape) < 1:
        raise BadFile(f"pads {pads} leave no entry")
    if not grown:
        return x
    if value == 0:
        return _grown(build, x, grown, "Pad")
    return _grown(build, x, grown, "PadV2", constant_values=build.constant(value))


def _grown(
    build: Builder, x: Tensor, edges: Mapping[int, tuple[int, int]], kind: str, **how: Any
) -> Tensor:
    """Pad some axes by (before, after) entries."""
    axes = (*(a for a in edges if a not in x.axes), *x.axes)
    paddings = np.array([(0, 0), *(edges.get(a, (0, 0)) for a in axes)], np.int32)
    found = build.op(
        kind, input=build.arranged(x, axes), paddings=build.constant(paddings, np.int32), **how
    )
    shape = tuple(s + sum(edges.get(a, (0, 0))) for a, s in enumerate(x.shape))
    return Tensor(found, shape, axes, x.roles)


def _outside(size: int, before: int, after: int, mode: str) -> Constant:
    """Return the number of the entry that stands at each place of a padded axis."""
    numbers = np.arange(-before, size + after)
    if mode == "edge":
        return np.clip(numbers, 0, size - 1)
    if mode == "wrap":
        return numbers % size
    if size == 1 or max(before, after) >= size:
        entries = counted(size, "entry", plural="entries")
        raise BadFile(f"reflecting pads of {before} and {after} for {entries}; valid: fewer")
    turned = np.abs(numbers)
    return np.where(turned >= size, 2 * (size - 1) - turned, turned)


def depth_to_space(build: Builder, node: Node) -> Tensor:
    """DepthToSpace in both orders of channels, and SpaceToDepth."""
    x, block = node.tensor(), node.attribute("blocksize")
    if x.rank != 4 or not block or block < 1:
        raise BadFile(f"blocksize is {block}, for a tensor {list(x.shape)}")
    _, channels, rows, cols = x.shape
    mode = node.attribute("mode", "DCR", ("DCR", "CRD"))
    if node.op == "SpaceToDepth":
        if rows % block or cols % block:
            raise BadFile(f"blocksize {block} does not divide {rows} x {cols}")
        parts = build.reshaped(x, (1, channels, rows // block, block, cols // block, block))
        moved = parts.transposed([0, 3, 5, 1, 2, 4] if mode == "DCR" else [0, 1, 3, 5, 2, 4])
        shape = (1, channels * block**2, rows // block, cols // block)
        return _map(build.reshaped(moved, shape))
    if channels % block**2:
        raise BadFile(f"blocksize {block} does not divide {counted(channels, 'channel')} twice")
    depth = channels // block**2
    inner = (depth, block, block) if mode == "CRD" else (block, block, depth)
    parts = build.reshaped(x, (1, *inner, rows, cols))
    moved = parts.transposed([0, 1, 4, 2, 5, 3] if mode == "CRD" else [0, 3, 4, 1, 5, 2])
    return _map(build.reshaped(moved, (1, depth, rows * block, cols * block)))


def _map(x: Tensor) -> Tensor:
    return Tensor(x.value, x.shape, x.axes, ("", "channel", "row", "col"))
