"""Convolutions: plain, grouped, depthwise, dilated, transposed."""

from __future__ import annotations

from typing import Any

import numpy as np

from blockscope.io.counts import counted
from blockscope.io.errors import BadFile
from blockscope.models.graph.weight_cells import dilated_block
from blockscope.models.onnx_reader.builder import Builder
from blockscope.models.onnx_reader.node import Node
from blockscope.models.onnx_reader.sliding import Geometry, geometry
from blockscope.models.onnx_reader.tensor import Constant, Tensor, of_map


def conv(build: Builder, node: Node) -> Tensor:
    """Conv over rows and columns."""
    x, weights, bias = node.tensor(0), node.needed_constant(1), node.constant(2)
    groups = node.attribute("group", 1)
    value = build.map(x)
    _check_weights(node, x, weights, groups)
    sliding = geometry(node, (x.shape[2], x.shape[3]), (weights.shape[2], weights.shape[3]))
    if groups > 1 and weights.shape[1] == 1 and groups == x.shape[1]:
        value = _depthwise(build, value, weights, sliding)
    else:
        value = _convolved(build, value, weights, sliding, groups)
    if bias is not None and bias.any():
        value = build.op("BiasAdd", value=value, bias=build.constant(bias), data_format="NHWC")
    return of_map(value, (1, weights.shape[0], *sliding.out))


def _check_weights(node: Node, x: Tensor, weights: Constant, groups: int) -> None:
    found = node.attribute("kernel_shape")
    if weights.ndim != 4:
        raise BadFile(
            f"weights have {counted(weights.ndim, 'axis', plural='axes')}; valid: 4, for rows and "
            "columns"
        )
    if found is not None and list(found) != list(weights.shape[2:]):
        raise BadFile(f"kernel_shape is {list(found)}, its weights are {list(weights.shape)}")
    if groups < 1 or weights.shape[1] * groups != x.shape[1] or weights.shape[0] % groups:
        raise BadFile(
            f"weights of shape {list(weights.shape)} in {counted(groups, 'group')} do not fit "
            f"{counted(x.shape[1], 'channel')}"
        )


def _convolved(
    build: Builder, value: Any, weights: Constant, sliding: Geometry, groups: int
) -> Any:
    """Convolve; a grouped kernel is dilated by zeros, since TensorFlow cannot do both."""
    dilation = sliding.dilation
    kernel = weights.transpose(2, 3, 1, 0)
    held = build.constant(kernel) if groups == 1 else _spread(build, kernel, dilation)
    dilation = dilation if groups == 1 else (1, 1)
    padding = sliding.tensorflow_padding
    rows, cols = sliding.pads
    value = build.op(
        "Conv2D", input=value, filter=held, strides=[1, *sliding.stride, 1],
        padding=padding or "EXPLICIT",
        explicit_paddings=[] if padding else [0, 0, *rows, *cols, 0, 0],
        dilations=[1, *dilation, 1],
    )  # fmt: skip
    return build.tie(value) if sliding.one_size else value


def _depthwise(build: Builder, value: Any, weights: Constant, sliding: Geometry) -> Any:
    """Convolve each channel alone.

    TensorFlow has no gradient of dilated depthwise convolutions, and strides of rows and columns
    must be equal: the kernel is dilated by zeros, and rows or columns are left out afterwards.
    """
    multiplier = weights.shape[0] // value.shape[3]
    kernel = weights.reshape(value.shape[3], multiplier, *weights.shape[2:]).transpose(2, 3, 0, 1)
    equal = sliding.stride[0] == sliding.stride[1]
    stride = sliding.stride if equal else (1, 1)
    padding = sliding.tensorflow_padding if equal else None
    rows, cols = sliding.pads
    value = build.op(
        "DepthwiseConv2dNative", input=value,
        filter=_spread(build, kernel, sliding.dilation), strides=[1, *stride, 1],
        padding=padding or "EXPLICIT",
        explicit_paddings=[] if padding else [0, 0, *rows, *cols, 0, 0],
    )  # fmt: skip
    if sliding.one_size or (padding is None and sliding.pads_by_size):
        build.tie(value)
    if equal:
        return value
    return build.op(
        "StridedSlice", input=value, begin=build.constant([0, 0, 0, 0]),
        end=build.constant([0, 0, 0, 0]), strides=build.constant([1, *sliding.stride, 1]),
        begin_mask=15, end_mask=15,
    )  # fmt: skip


def _spread(build: Builder, kernel: Constant, dilation: tuple[int, int]) -> Any:
    """Add a kernel (row, col, ...) with the zeros of its dilation, which are no weights."""
    if tuple(dilation) == (1, 1):
        return build.constant(kernel)
    block = dilated_block(dilation, kernel.ndim)
    return build.constant(spread(kernel, dilation), weights=[block])


def spread(kernel: Constant, dilation: tuple[int, int]) -> Constant:
    """Put zeros between the cells of a kernel (row, col, ...)."""
    rows, cols = ((k - 1) * d + 1 for k, d in zip(kernel.shape, dilation, strict=False))
    wide = np.zeros((rows, cols, *kernel.shape[2:]), kernel.dtype)
    wide[:: dilation[0], :: dilation[1]] = kernel
    return wide
