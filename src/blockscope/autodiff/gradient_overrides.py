"""Gradient overrides: other rules for the gradient of an operation (Lucid's gradient_override).

To add one, write a function below and enter it in ``OVERRIDES``; its name is then valid in the
table of runs, and forward and reverse mode both follow it. A rule takes the operation's input and
output values, its node and the gradient at its output, and returns the gradient at its input,
linear in that gradient::

    rule(x, y, node, gradient) -> gradient at x        all (image, row, col, channel)

TensorFlow is imported inside the rules, so that reading the names is cheap.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from blockscope.io.errors import BadFile, unknown_name

GradientRule = Callable[[Any, Any, Any, Any], Any]

SMOOTH_EPSILON = 1e-2  # Lucid's constant: keeps the smooth pool finite where nothing is active
PADDED = -1.84e19  # what is below it is no activation: its square is infinite in float32
MOST_PADDED = 0.995  # of a window's cells inside: a row of padding is more, rounding less
BLUR = ((1, 2, 1), (2, 4, 2), (1, 2, 1))  # sixteenths; zero outside of the map


@dataclass(frozen=True)
class Override:
    """A named set of gradient rules, by operation."""

    summary: str
    rules: Mapping[str, GradientRule]


def smooth_pool(x: Any, y: Any, node: Any, gradient: Any) -> Any:
    """Give max pooling the gradient of ``avg(x^2) / (0.01 + avg|x|)`` over the same windows.

    The smooth function replaces the maximum in the gradient only: every active position gets a
    share, instead of the largest one everything. Cells that were padded do not count. It hides what
    the network does; use it for display. Lucid has it as ``l2_smoothed_maxpool_grad``.
    Source: Olah et al. 2018, notebook on spatial attribution.
    """
    import tensorflow as tf

    require_maps(node)

    def average(values: Any) -> Any:
        return tf.nn.avg_pool2d(
            values, list(node.attr["ksize"].list.i)[1:3], list(node.attr["strides"].list.i)[1:3],
            node.attr["padding"].s.decode(),
        )  # fmt: skip

    def spread(values: Any) -> Any:
        return tf.raw_ops.AvgPoolGrad(
            orig_input_shape=tf.shape(x), grad=values, ksize=list(node.attr["ksize"].list.i),
            strides=list(node.attr["strides"].list.i), padding=node.attr["padding"].s.decode(),
        )  # fmt: skip

    x, factor = without_padding(x, average)
    gradient = gradient * factor
    below = SMOOTH_EPSILON + factor * average(tf.abs(x))
    above = factor * average(tf.square(x))
    return 2 * x * spread(gradient / below) - tf.sign(x) * spread(
        gradient * above / tf.square(below)
    )


def require_maps(node: Any) -> None:
    """Raise ``BadFile`` for a pooling over channels, for which no override is defined."""
    kernel = list(node.attr["ksize"].list.i)
    if kernel[0] != 1 or kernel[3] != 1:
        raise BadFile(
            f"the gradient overrides smooth and smooth-blur are for max pooling over rows and "
            f"columns, and '{node.name}' pools {kernel[3]} channels; use override none"
        )


def without_padding(x: Any, average: Callable[[Any], Any]) -> tuple[Any, Any]:
    """Return a pooling's input with zeros where it was padded, and what corrects its averages.

    Padding of a max pooling's own, as PyTorch has it, stands in the input as numbers that are never
    the largest. The averages of all cells become, times the second, (image, row, col, channel),
    those of the others; it is 1 where nothing was padded.
    """
    import tensorflow as tf

    inside = x > PADDED
    share = average(tf.cast(inside, x.dtype))
    factor = tf.where(share < MOST_PADDED, tf.math.reciprocal_no_nan(share), tf.ones_like(share))
    return tf.where(inside, x, tf.zeros_like(x)), factor


def blurred_smooth_pool(x: Any, y: Any, node: Any, gradient: Any) -> Any:
    """Blur the gradient of ``smooth_pool`` by [1 2 1; 2 4 2; 1 2 1] / 16, channel by channel.

    This removes the checkerboard that strided pooling leaves. For display, like ``smooth_pool``.
    """
    return blur(smooth_pool(x, y, node, gradient))


def blur(values: Any) -> Any:
    """Blur (image, row, col, channel) with the kernel ``BLUR``: a map that is its own transpose."""
    import tensorflow as tf

    kernel = tf.constant(BLUR, values.dtype)[:, :, None, None] / 16
    kernel = tf.repeat(kernel, values.shape[-1], axis=2)
    return tf.nn.depthwise_conv2d(values, kernel, [1, 1, 1, 1], "SAME")


OVERRIDES: dict[str, Override] = {
    "none": Override("the exact gradient", {}),
    "smooth": Override("gradient of a smooth stand-in for max pooling", {"MaxPool": smooth_pool}),
    "smooth-blur": Override(
        "gradient of the smooth stand-in, blurred against the checkerboard of strided pooling",
        {"MaxPool": blurred_smooth_pool},
    ),
}


def find_override(name: str, where: str = "") -> Override:
    """Return an override by its name; raises ``UnknownName`` that lists the valid ones."""
    try:
        return OVERRIDES[name]
    except KeyError:
        raise unknown_name("override", name, OVERRIDES, where) from None
