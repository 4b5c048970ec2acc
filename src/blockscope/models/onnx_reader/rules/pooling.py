"""Pooling over rows and columns."""

from __future__ import annotations

from typing import Any

import numpy as np

from blockscope.io.errors import BadFile
from blockscope.models.onnx_reader.builder import Builder
from blockscope.models.onnx_reader.node import Node
from blockscope.models.onnx_reader.rules.convolution import spread
from blockscope.models.onnx_reader.sliding import Geometry, geometry, pair_of_kernel
from blockscope.models.onnx_reader.tensor import Constant, Tensor, of_map

LOWEST = float(np.finfo(np.float32).min)


def max_pool(build: Builder, node: Node) -> Tensor:
    """MaxPool; what is padded is never the largest."""
    node.attribute("storage_order", 0)  # of the second output, which is refused
    x = node.tensor()
    value = build.map(x)
    sliding = geometry(node, (x.shape[2], x.shape[3]), pair_of_kernel(node))
    if sliding.dilation != (1, 1):
        raise BadFile(f"dilations are {list(sliding.dilation)}; valid: [1, 1]")
    padding = sliding.tensorflow_padding
    if padding is None:
        value = padded(build, value, sliding, LOWEST)
    value = build.op(
        "MaxPool", input=value, ksize=[1, *sliding.kernel, 1], strides=[1, *sliding.stride, 1],
        padding=padding or "VALID",
    )  # fmt: skip
    if sliding.one_size:
        build.tie(value)
    return of_map(value, (1, x.shape[1], *sliding.out))


def average_pool(build: Builder, node: Node) -> Tensor:
    """AveragePool: padded cells count where the node says so, those beyond them never."""
    counted = node.attribute("count_include_pad", 0, (0, 1))
    x = node.tensor()
    value = build.map(x)
    sliding = geometry(node, (x.shape[2], x.shape[3]), pair_of_kernel(node))
    shape = (1, x.shape[1], *sliding.out)
    if sliding.kernel == sliding.stride == (1, 1) and not any(map(any, sliding.all_pads)):
        return of_map(value, shape)
    if sliding.dilation != (1, 1):
        return of_map(_dilated_average(build, value, sliding, counted), shape)
    padding = sliding.tensorflow_padding
    own_pads = any(map(any, sliding.pads))
    if padding == "SAME" and ((counted and own_pads) or not _every_kernel_counts(sliding)):
        padding = None
    if padding is None:
        value = padded(build, value, sliding, 0.0)
    value = build.op(
        "AvgPool", value=value, ksize=[1, *sliding.kernel, 1], strides=[1, *sliding.stride, 1],
        padding=padding or "VALID",
    )  # fmt: skip
    if padding is None:
        share = sliding.kernel[0] * sliding.kernel[1] / _cells(sliding, counted)
        value = _times(build, value, share)
        if _counts_by_size(sliding, counted):
            build.tie(value)
    return of_map(value, shape)


def _counts_by_size(sliding: Geometry, counted: int) -> bool:
    """Tell whether the cells that each output averages change with the size of the map."""
    uncounted = not counted and any(map(any, sliding.pads))
    own = sliding.counts_differ or sliding.one_size or sliding.pads_by_size
    return uncounted or own


def _every_kernel_counts(sliding: Geometry) -> bool:
    return bool((_cells(sliding, 0) > 0).all())


def _dilated_average(build: Builder, value: Any, sliding: Geometry, counted: int) -> Any:
    """Average the cells of a dilated kernel, as a depthwise convolution with ones."""
    channels = value.shape[3]
    kernel = np.ones((*sliding.kernel, channels, 1), np.float32)
    if sliding.stride[0] != sliding.stride[1]:
        raise BadFile("dilations with different strides of rows and columns are not supported")
    ones = build.constant(spread(kernel, sliding.dilation), weights=())
    value = build.op(
        "DepthwiseConv2dNative", input=padded(build, value, sliding, 0.0), filter=ones,
        strides=[1, *sliding.stride, 1], padding="VALID",
    )  # fmt: skip
    value = _times(build, value, 1 / _cells(sliding, counted))
    if _counts_by_size(sliding, counted):
        build.tie(value)
    return value


def _times(build: Builder, value: Any, factors: Constant) -> Any:
    """Multiply each position by a number, (row, col)."""
    if (factors == 1).all():
        return value
    found = factors.astype(np.float32)[..., None]
    if (factors == factors.flat[0]).all():
        found = found[0, 0, 0]
    return build.op("Mul", x=value, y=build.constant(found, weights=()))


def _cells(sliding: Geometry, counted: int) -> Constant:
    """Return how many cells each output averages, (row, col)."""
    counts = []
    for axis in (0, 1):
        (before, after), more = sliding.pads[axis], sliding.overhang[axis]
        held = np.zeros(before + sliding.size[axis] + after + more)
        held[: before + sliding.size[axis] + after] = 1
        if not counted:
            held[:before] = 0
            held[before + sliding.size[axis] :] = 0
        start = np.arange(sliding.out[axis])[:, None] * sliding.stride[axis]
        cells = start + np.arange(sliding.kernel[axis]) * sliding.dilation[axis]
        counts.append(held[cells].sum(1))
    return np.outer(*counts)


def padded(build: Builder, value: Any, sliding: Geometry, fill: float) -> Any:
    """Pad a map with all that its kernels reach."""
    edges = np.array([(0, 0), *sliding.written_pads, (0, 0)], np.int32)
    if not edges.any():
        return value
    paddings = build.constant(edges, np.int32)
    if fill == 0:
        return build.op("Pad", input=value, paddings=paddings)
    return build.op("PadV2", input=value, paddings=paddings, constant_values=build.constant(fill))


def global_pool(kind: str) -> Any:
    """Return the rule of GlobalAveragePool or GlobalMaxPool."""

    def rule(build: Builder, node: Node) -> Tensor:
        x = node.tensor()
        axes = build.constant([1, 2])
        value = build.op(kind, input=build.map(x), axis=axes, keep_dims=True)
        return of_map(value, (1, x.shape[1], 1, 1))

    return rule


def lrn(build: Builder, node: Node) -> Tensor:
    """LRN over neighbouring channels."""
    size, x = node.attribute("size"), node.tensor()
    if size % 2 == 0:
        raise BadFile(f"size is {size}; valid: odd numbers, which have a channel in the middle")
    value = build.op(
        "LRN", input=build.map(x), depth_radius=(size - 1) // 2,
        alpha=node.attribute("alpha", 1e-4) / size, beta=node.attribute("beta", 0.75),
        bias=node.attribute("bias", 1.0),
    )  # fmt: skip
    return of_map(value, x.shape)
