"""Writing TensorFlow operations, and bringing tensors into the order of axes that these need."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow.core.framework import graph_pb2

from blockscope.io.errors import BadFile
from blockscope.models.graph.node_attributes import ONE_SIZE
from blockscope.models.graph.weight_cells import Block, marked
from blockscope.models.onnx_reader.tensor import (
    CHANNELS_LAST,
    Constant,
    Shape,
    Tensor,
    arranged_constant,
    natural_axes,
    wide,
)

Operand = Tensor | Constant
OUTSIDE = -1


class Builder:
    """The TensorFlow graph that is being written, for one image at a time.

    Attributes
    ----------
    graph
        The graph; its names are temporary, ``{node}/{operation}``.
    node
        Number of the ONNX node that is being read; ``OUTSIDE`` for what belongs to none.
    maps
        Operations whose output is read as (image, row, col, channel) by what knows such axes.
    tied
        Operations that are right for this size of the image alone.
    weights
        Of the constants of which not all cells are weights, those that are.
    """

    graph: Any
    node: int
    maps: set[str]
    tied: set[str]
    weights: dict[str, Sequence[Block]]

    def __init__(self) -> None:
        """Begin with an empty graph."""
        self.graph = tf.Graph()
        self.node = OUTSIDE
        self.maps = set()
        self.tied = set()
        self.weights = {}
        self._arranged: dict[tuple[object, Shape, Shape], Any] = {}

    def op(self, kind: str, **arguments: Any) -> Any:
        """Add an operation and return its output, or its outputs."""
        with self.graph.as_default():
            return getattr(tf.raw_ops, kind)(**arguments, name=f"n{self.node}/{kind}")

    def tie(self, value: Any) -> Any:
        """Note that a value is right for this size of the image alone; returns it."""
        self.tied.add(value.op.name)
        return value

    def definition(self) -> graph_pb2.GraphDef:
        """Return the graph, with marks of what is tied and of constants."""
        found: graph_pb2.GraphDef = self.graph.as_graph_def()
        for node in found.node:
            if node.name in self.tied:
                node.attr[ONE_SIZE].b = True
            if node.name in self.weights:
                marked(node, self.weights[node.name])
        return found

    def constant(
        self,
        array: Constant | Sequence[int] | float,
        dtype: Any = None,
        weights: Sequence[Block] | None = None,
    ) -> Any:
        """Add a constant; ``weights``: its blocks of cells that are some, if not all are."""
        kind = dtype or (np.int32 if isinstance(array, list | tuple) else np.float32)
        with self.graph.as_default():
            found = tf.constant(np.asarray(array, kind), name=f"n{self.node}/Const")
        if weights is not None:
            self.weights[found.op.name] = weights
        return found

    def arranged(self, tensor: Tensor, axes: Sequence[int]) -> Any:
        """Return a tensor's value, (image, ...), with its ONNX axes in the order ``axes``.

        Axes that are left out must have one entry. Only reshapes where no entry moves.
        """
        wanted = tuple(axes)
        if tensor.axes == wanted:
            return tensor.value
        key = (tensor.value.ref(), tensor.axes, wanted)
        if key not in self._arranged:
            self._arranged[key] = self._arrange(tensor, wanted)
        return self._arranged[key]

    def _arrange(self, tensor: Tensor, axes: Shape) -> Any:
        value, now = tensor.value, tensor.axes
        shape = tensor.shape
        moves = wide(now, shape) != wide(axes, shape)
        if moves and set(now) != set(axes):
            now = tuple(wide(now, shape))
            value = self.reshape(value, [shape[axis] for axis in now])
        if moves:
            order = wide(axes, shape) if set(now) != set(axes) else list(axes)
            permutation = [0, *(1 + now.index(axis) for axis in order)]
            value = self.op("Transpose", x=value, perm=self.constant(permutation))
            now = tuple(order)
        if now == axes:
            return value
        return self.reshape(value, [shape[axis] for axis in axes])

    def reshape(self, value: Any, sizes: Sequence[int]) -> Any:
        """Give the axes behind the image axis other sizes."""
        if value.shape[1:].as_list() == list(sizes):
            return value
        return self.op("Reshape", tensor=value, shape=self.constant([-1, *sizes]))

    def reshaped(self, tensor: Tensor, shape: Shape) -> Tensor:
        """Return a tensor with another ONNX shape, its entries moved only where they must be.

        A reshape is a sequence of smaller ones, each of some neighbouring axes to some others. Each
        can be done wherever its axes stand side by side and in order.
        """
        seen = wide(tensor.axes, tensor.shape)
        order: list[int] = []
        after: list[int] = []
        roles = ["" for _ in shape]
        groups = _groups(tensor.shape, shape)
        for group in sorted(groups, key=lambda group: min(map(seen.index, group[0]))):
            order += group[0]
            after += group[1]
            held = {tensor.roles[axis] for axis in group[0]}
            if len(group[0]) == len(group[1]) == 1:
                roles[group[1][0]] = tensor.roles[group[0][0]]
            elif held == {"row", "col"} and len(group[1]) == 1:
                roles[group[1][0]] = "token"
        value = tensor.value if seen == order else self.arranged(tensor, order)
        natural = natural_axes(shape)
        axes = natural if wide(natural, shape) == after else tuple(after)
        roles = _named_map(roles, shape) if axes == natural else roles
        value = self.reshape(value, [shape[axis] for axis in axes])
        return Tensor(value, shape, axes, tuple(roles))

    def aligned(self, *operands: Operand) -> tuple[list[Any], Tensor]:
        """Bring operands into one order of axes, so that TensorFlow broadcasts them as ONNX does.

        Parameters
        ----------
        *operands
            Tensors and constants, at least one of them a tensor.

        Returns
        -------
        values
            The operands for TensorFlow.
        like
            What a result has: its ``shape``, ``axes`` and ``roles``; its value means nothing.
        """
        rank = max(len(operand.shape) for operand in operands)
        shape = tuple(np.broadcast_shapes(*(tuple(operand.shape) for operand in operands)))
        tensors = [o.with_rank(rank) for o in operands if isinstance(o, Tensor)]
        lead = max(tensors, key=lambda t: (math.prod(t.sizes), len(t.axes)))
        missing = [a for a in range(rank) if shape[a] != 1 and a not in lead.axes]
        axes = (*missing, *lead.axes)
        values = []
        for operand in operands:
            if isinstance(operand, Tensor):
                values.append(self.arranged(operand.with_rank(rank), axes))
            else:
                array = arranged_constant(operand, rank, axes)
                values.append(self.constant(array, array.dtype))
        roles = tuple(
            next((t.roles[a] for t in (lead, *tensors) if t.roles[a]), "") for a in range(rank)
        )
        return values, Tensor(None, shape, axes, roles)

    def elementwise(self, kind: str, *operands: Operand, **arguments: Any) -> Tensor:
        """Apply an operation of two operands, with broadcasting."""
        values, like = self.aligned(*operands)
        first, second = ("x", "y")
        value = self.op(kind, **{first: values[0], second: values[1]}, **arguments)
        return Tensor(value, like.shape, like.axes, like.roles)

    def unary(self, kind: str, tensor: Tensor, argument: str = "x", **arguments: Any) -> Tensor:
        """Apply an operation to every entry."""
        value = self.op(kind, **{argument: tensor.value}, **arguments)
        return Tensor(value, tensor.shape, tensor.axes, tensor.roles)

    def scaled(self, tensor: Tensor, factor: float) -> Tensor:
        """Multiply by a number."""
        if factor == 1:
            return tensor
        return self.elementwise("Mul", tensor, np.array(factor, np.float32))

    def shifted(self, tensor: Tensor, constant: Constant) -> Tensor:
        """Add a constant; as a bias of the last axis where it is one."""
        values, like = self.aligned(tensor, constant)
        bias = values[1]
        if (
            bias.shape.rank == 1
            and values[0].shape.rank > 1
            and bias.shape[0] == values[0].shape[-1]
        ):
            value = self.op("BiasAdd", value=values[0], bias=bias, data_format="NHWC")
        else:
            value = self.op("AddV2", x=values[0], y=bias)
        return Tensor(value, like.shape, like.axes, like.roles)

    def map(self, tensor: Tensor) -> Any:
        """Return a tensor (1, channel, row, col) as (image, row, col, channel)."""
        if tensor.rank != 4 or tensor.shape[0] != 1:
            raise BadFile(
                f"reads a tensor of shape {list(tensor.shape)} for one image; valid: "
                "[1, channel, row, col]"
            )
        if tensor.axes == CHANNELS_LAST:
            self.maps.add(tensor.value.op.name)
        return self.arranged(tensor, CHANNELS_LAST)


def _groups(before: Shape, after: Shape) -> list[tuple[list[int], list[int]]]:
    """Split a reshape into groups of neighbouring axes that become each other."""
    left, right = wide(range(len(before)), before), wide(range(len(after)), after)
    groups: list[tuple[list[int], list[int]]] = []
    while left or right:
        one, other = [left.pop(0)], [right.pop(0)]
        sizes = [before[one[0]], after[other[0]]]
        while sizes[0] != sizes[1]:
            if sizes[0] < sizes[1]:
                one.append(left.pop(0))
                sizes[0] *= before[one[-1]]
            else:
                other.append(right.pop(0))
                sizes[1] *= after[other[-1]]
        groups.append((one, other))
    return groups


def _named_map(roles: list[str], shape: Shape) -> list[str]:
    """Call rows, columns and channels by their name where a vector of channels becomes a map."""
    single = len(shape) == 4 and shape[0] == shape[2] == shape[3] == 1
    return ["", "channel", "row", "col"] if single else roles
