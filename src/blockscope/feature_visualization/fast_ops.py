"""Operations in the form that is fastest on a processor, forward and backward, many times.

The weights are constants of the traced function: a value from outside would be an argument, which
no kernel may prepare beforehand.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import tensorflow as tf
from tensorflow.core.framework import node_def_pb2

from blockscope.autodiff.gradients import apply_differentiable
from blockscope.models.graph.node_attributes import attribute

Weights = npt.NDArray[np.float32]

WEIGHTED = frozenset({"Conv2D", "DepthwiseConv2dNative", "BiasAdd", "MatMul"})
RULES = {"Conv2D": "BlockscopeConvolution", "BiasAdd": "BlockscopeBias"}  # names of gradients


def fast_op(node: node_def_pb2.NodeDef, inputs: Sequence[tf.Tensor]) -> list[tf.Tensor]:
    """Compute an operation inside a traced function; the same values as ``apply``.

    Its gradient is for ``tf.gradients``.
    """
    if node.op == "LRN":
        return [_lrn(node, inputs[0])]
    weights = tf.get_static_value(inputs[1]) if node.op in WEIGHTED else None
    if weights is None:
        return apply_differentiable(node, inputs)
    if node.op == "Conv2D" and _is_plain(node, inputs[0], weights):
        padding, stride = attribute(node, "padding"), attribute(node, "strides")[1]
        return [convolve(inputs[0], weights, stride, padding)]
    if node.op == "BiasAdd":
        with _gradient_by_rule("BiasAdd"):
            return apply_differentiable(node, [inputs[0], tf.constant(weights)])
    return apply_differentiable(node, [inputs[0], tf.constant(weights)])


def _is_plain(node: node_def_pb2.NodeDef, x: tf.Tensor, weights: Weights) -> bool:
    _, down, right, _ = attribute(node, "strides")
    return (
        attribute(node, "padding") in ("SAME", "VALID")
        and attribute(node, "data_format") == "NHWC"
        and down == right
        and max(attribute(node, "dilations")) == 1
        and x.shape[3] == weights.shape[2]
    )


class _Axis(NamedTuple):
    """One axis of a convolution's gradient; see ``convolve``.

    Attributes
    ----------
    first
        Least t of the formula there, over all r.
    last
        Largest t.
    pad
        Zeros before and after the outputs' gradient, so that every input gets an entry.
    shift
        What SAME padding adds before the input.
    """

    first: int
    last: int
    pad: tuple[int, int]
    shift: int


def convolve(x: tf.Tensor, weights: Weights, stride: int, padding: str) -> tf.Tensor:
    """Convolve (image, row, col, channel) by constant weights; the gradient is a convolution too.

    With a stride s, input s q + r (0 <= r < s) gets gradient from outputs q - t, through the weight
    at s t + r + shift: one convolution with stride 1 and s^2 times as many outputs as there are
    channels, one for each r of row and col, which are then laid side by side. TensorFlow's own
    gradient of the first convolution of a network (7 x 7, stride 2, 3 channels) takes five times as
    long.
    """
    with _gradient_by_rule("Conv2D"):
        return tf.nn.conv2d(x, tf.constant(weights), stride, padding)


@tf.RegisterGradient(RULES["Conv2D"])
def _of_convolution(operation: tf.Operation, upstream: tf.Tensor) -> tuple[tf.Tensor, None]:
    x, constant = operation.inputs
    weights = tf.get_static_value(constant)
    stride, padding = operation.get_attr("strides")[1], operation.get_attr("padding").decode()
    rows, cols = (
        _axis(size, kernel, stride, padding)
        for size, kernel in zip(x.shape[1:3], weights.shape[:2], strict=True)
    )
    back = tf.constant(_gradient_weights(weights, stride, rows, cols))
    found = tf.nn.conv2d(upstream, back, 1, [(0, 0), rows.pad, cols.pad, (0, 0)])
    if stride == 1:
        return found, None
    # Whole blocks of stride x stride inputs; the last one may reach beyond the input.
    return tf.nn.depth_to_space(found, stride)[:, : x.shape[1], : x.shape[2]], None


@tf.RegisterGradient(RULES["BiasAdd"])
def _of_bias(_operation: tf.Operation, upstream: tf.Tensor) -> tuple[tf.Tensor, None]:
    return upstream, None


def _gradient_by_rule(op: str) -> AbstractContextManager[None]:
    # Not tf.custom_gradient, which adds operations around each one and takes long to trace.
    return tf.compat.v1.get_default_graph().gradient_override_map({op: RULES[op]})


def _axis(size: int, kernel: int, stride: int, padding: str) -> _Axis:
    same = padding == "SAME"
    outputs = -(-size // stride) if same else (size - kernel) // stride + 1
    shift = max((outputs - 1) * stride + kernel - size, 0) // 2 if same else 0
    # Those t for which some r < stride gives 0 <= stride t + r + shift < kernel.
    first, last = -((stride - 1 + shift) // stride), (kernel - 1 - shift) // stride
    # q runs over ceil(size / stride) blocks and reads outputs q - last to q - first.
    return _Axis(first, last, (last, -(-size // stride) - outputs - first), shift)


def _gradient_weights(weights: Weights, stride: int, rows: _Axis, cols: _Axis) -> Weights:
    """Return (t of the row, t of the col, output, (r of the row, r of the col, channel))."""
    *kernel, channels, outputs = weights.shape
    spans = [axis.last - axis.first + 1 for axis in (rows, cols)]
    wide = np.zeros((*(span * stride for span in spans), channels, outputs), np.float32)
    # A place (t - first) * stride + r holds weight stride t + r + shift: weight 0 comes here.
    row, col = (-axis.first * stride - axis.shift for axis in (rows, cols))
    wide[row : row + kernel[0], col : col + kernel[1]] = weights
    places = wide.reshape(spans[0], stride, spans[1], stride, channels, outputs)
    # Outputs q - t: t runs against the direction of a convolution's window.
    turned = places[::-1, :, ::-1].transpose(0, 2, 5, 1, 3, 4)
    return np.ascontiguousarray(turned).reshape(*spans, outputs, -1)


def _lrn(node: node_def_pb2.NodeDef, x: tf.Tensor) -> tf.Tensor:
    """Return x s^-beta, s = bias + alpha (sum of x^2 over near channels), the sum as a product.

    The sum's matrix is symmetric, so that it is its own transpose. TensorFlow's own operation and
    its gradient take twice as long.
    """
    radius, bias, alpha, beta = (
        attribute(node, name) for name in ("depth_radius", "bias", "alpha", "beta")
    )
    at = np.arange(x.shape[-1])
    near = (np.abs(at[:, None] - at) <= radius)[None, None].astype(np.float32)

    def summed(values: tf.Tensor) -> tf.Tensor:
        return tf.nn.conv2d(values, tf.constant(near), 1, "SAME")

    @tf.custom_gradient
    def forward(values: tf.Tensor) -> tuple[tf.Tensor, Callable[[tf.Tensor], tf.Tensor]]:
        size = bias + alpha * summed(values * values)
        factor = tf.math.rsqrt(size) if beta == 0.5 else size**-beta
        found = values * factor

        def gradient(upstream: tf.Tensor) -> tf.Tensor:
            return upstream * factor - 2 * alpha * beta * values * summed(upstream * found / size)

        return found, gradient

    return forward(x)
