"""Normalisations, and softmax."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from blockscope.io.counts import counted
from blockscope.io.errors import BadFile
from blockscope.models.onnx_reader.builder import Builder
from blockscope.models.onnx_reader.node import Node, axis_of
from blockscope.models.onnx_reader.rules.elementwise import number
from blockscope.models.onnx_reader.tensor import Constant, Tensor, of_map


def batch_norm(build: Builder, node: Node) -> Tensor:
    """BatchNormalization with the statistics of training."""
    node.ignore("momentum")
    if node.attribute("training_mode", 0) or node.outputs > 1:
        raise BadFile("it is in training mode; export the network for inference, by model.eval()")
    node.attribute("spatial", 1, (1,))
    x, epsilon = node.tensor(0), float(np.float32(node.attribute("epsilon", 1e-5)))
    scale, offset, mean, variance = (node.needed_constant(i) for i in range(1, 5))
    if x.rank == 4 and x.shape[0] == 1:
        value = build.op(
            "FusedBatchNormV3", x=build.map(x), scale=build.constant(scale),
            offset=build.constant(offset), mean=build.constant(mean),
            variance=build.constant(variance), epsilon=epsilon, is_training=False,
        )[0]  # fmt: skip
        return of_map(value, x.shape)
    factor = scale / np.sqrt(variance.astype(np.float64) + epsilon)
    along = (-1, *(1,) * (x.rank - 2))
    bias = (offset - mean * factor).astype(np.float32).reshape(along)
    scaled = build.elementwise("Mul", x, factor.astype(np.float32).reshape(along))
    return build.shifted(scaled, bias)


def normalised(
    build: Builder, x: Tensor, axes: Sequence[int], epsilon: float, *, centred: bool = True
) -> Tensor:
    """Bring the entries along ``axes`` to mean 0 (if ``centred``) and variance 1."""
    places = build.constant([x.place(axis) for axis in axes if axis in x.axes])
    if centred:
        mean = build.op("Mean", input=x.value, axis=places, keep_dims=True)
        value = build.op("Sub", x=x.value, y=mean)
    else:
        value = x.value
    square = build.op("Square", x=value)
    variance = build.op("Mean", input=square, axis=places, keep_dims=True)
    shifted = build.op("AddV2", x=variance, y=build.constant(epsilon))
    value = build.op("Mul", x=value, y=build.op("Rsqrt", x=shifted))
    return Tensor(value, x.shape, x.axes, x.roles)


def _scaled(build: Builder, x: Tensor, scale: Constant | None, bias: Constant | None) -> Tensor:
    if scale is not None:
        x = build.elementwise("Mul", x, scale)
    return x if bias is None else build.shifted(x, bias)


def layer_norm(build: Builder, node: Node) -> Tensor:
    """LayerNormalization, and RMSNormalization, which is not centred."""
    node.attribute("stash_type", 1, (1,))
    if node.outputs > 1:
        raise BadFile("its mean and deviation are read; only its first output is supported")
    x = node.tensor(0)
    first = axis_of(node.attribute("axis", -1), x.rank)
    centred = node.op == "LayerNormalization"
    epsilon = node.attribute("epsilon", 1e-5)
    found = normalised(build, x, range(first, x.rank), epsilon, centred=centred)
    scale, bias = node.constant(1), node.constant(2) if centred else None
    for name, array in (("scale", scale), ("bias", bias)):
        if array is not None and np.broadcast_shapes(array.shape, x.shape) != x.shape:
            raise BadFile(f"{name} of shape {list(array.shape)} for a tensor {list(x.shape)}")
    return _scaled(build, found, scale, bias)


def instance_norm(build: Builder, node: Node) -> Tensor:
    """InstanceNormalization: every channel over all positions."""
    x, scale, bias = node.tensor(0), node.needed_constant(1), node.needed_constant(2)
    along = (-1, *(1,) * (x.rank - 2))
    found = normalised(build, x, range(2, x.rank), node.attribute("epsilon", 1e-5))
    return _scaled(build, found, scale.reshape(along), bias.reshape(along))


def group_norm(build: Builder, node: Node) -> Tensor:
    """GroupNormalization: groups of channels over all positions."""
    node.attribute("stash_type", 1, (1,))
    x, scale, bias = node.tensor(0), node.needed_constant(1), node.needed_constant(2)
    groups, channels = node.attribute("num_groups"), x.shape[1]
    if not groups or channels % groups:
        raise BadFile(f"num_groups is {groups}, for {counted(channels, 'channel')}")
    split = build.reshaped(x, (x.shape[0], groups, channels // groups, *x.shape[2:]))
    epsilon = node.attribute("epsilon", 1e-5)
    found = normalised(build, split, range(2, split.rank), epsilon)
    if node.opset < 21:  # one scale per group, since then per channel
        scale, bias = (np.repeat(array, channels // groups) for array in (scale, bias))
    along = (-1, *(1,) * (x.rank - 2))
    whole = build.reshaped(found, x.shape)
    whole = Tensor(whole.value, whole.shape, whole.axes, x.roles)
    return _scaled(build, whole, scale.reshape(along), bias.reshape(along))


def softmax(build: Builder, node: Node) -> Tensor:
    """Softmax and LogSoftmax; before opset 13 over all axes from ``axis`` on."""
    x = node.tensor()
    axis = axis_of(node.attribute("axis", -1 if node.opset >= 13 else 1), x.rank)
    if node.opset >= 13:
        return softmax_along(build, x, axis, node.op)
    flat = build.reshaped(x, (math.prod(x.shape[:axis]), math.prod(x.shape[axis:])))
    found = build.reshaped(softmax_along(build, flat, 1, node.op), x.shape)
    return Tensor(found.value, found.shape, found.axes, x.roles)


def softmax_along(build: Builder, x: Tensor, axis: int, kind: str = "Softmax") -> Tensor:
    """Take the softmax along one axis."""
    axes = (*(a for a in x.axes if a != axis), axis)
    value = build.op(kind, logits=build.arranged(x, axes))
    return Tensor(value, x.shape, axes, x.roles)


def lp_normalization(build: Builder, node: Node) -> Tensor:
    """LpNormalization: divided by the length along an axis."""
    node.attribute("p", 2, (2,))
    x = node.tensor()
    axis = axis_of(node.attribute("axis", -1), x.rank)
    square = build.unary("Square", x)
    places = build.constant([x.place(axis)] if axis in x.axes else [])
    total = build.op("Sum", input=square.value, axis=places, keep_dims=True)
    kept = build.op("Maximum", x=total, y=build.constant(number(float(np.finfo(np.float32).tiny))))
    value = build.op("Mul", x=x.value, y=build.op("Rsqrt", x=kept))
    return Tensor(value, x.shape, x.axes, x.roles)
