"""Gradient overrides: other rules for taking a gradient back through an operation.

To add one, write a function below and enter it in ``OVERRIDES``; its name is then valid in the
table of runs, and both modes of the engine use it. A rule takes the operation's input and output
values, its node and the gradient at its output, and returns the gradient at its input, linear in
that gradient::

    rule(x, y, node, gradient) -> gradient at x        all (image, row, col, channel)

TensorFlow is imported inside the rules, so that reading the names costs nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from blockscope.io.errors import unknown_name

Rule = Callable[[Any, Any, Any, Any], Any]

SMOOTH_EPSILON = 1e-2  # Lucid's constant: keeps the smooth pool finite where nothing is active
BLUR = ((1, 2, 1), (2, 4, 2), (1, 2, 1))  # sixteenths; zero outside the picture


@dataclass(frozen=True)
class Override:
    """A named set of gradient rules, by operation."""

    summary: str
    rules: Mapping[str, Rule]


def smooth_pool(x: Any, y: Any, node: Any, gradient: Any) -> Any:
    """Give max pooling the gradient of ``avg(x^2) / (0.01 + avg|x|)`` over the same windows.

    The smooth function stands in for the maximum in the gradient only: a share of it goes to every
    active position instead of all to the largest. It hides what the model does; it is for display.
    Source: Olah et al. 2018, notebook on spatial attribution.
    """
    import tensorflow as tf

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

    below = SMOOTH_EPSILON + average(tf.abs(x))
    above = average(tf.square(x))
    return 2 * x * spread(gradient / below) - tf.sign(x) * spread(
        gradient * above / tf.square(below)
    )


def blurred_smooth_pool(x: Any, y: Any, node: Any, gradient: Any) -> Any:
    """Blur what ``smooth_pool`` gives with [1 2 1; 2 4 2; 1 2 1] / 16, each channel by itself.

    Takes out the checkerboard that strided pooling leaves. For display, like the smooth pool
    itself.
    """
    return blur(smooth_pool(x, y, node, gradient))


def blur(values: Any) -> Any:
    """Blur (image, row, col, channel) with the kernel ``BLUR``; the map is its own transpose."""
    import tensorflow as tf

    kernel = tf.constant(BLUR, values.dtype)[:, :, None, None] / 16
    kernel = tf.repeat(kernel, values.shape[-1], axis=2)
    return tf.nn.depthwise_conv2d(values, kernel, [1, 1, 1, 1], "SAME")


OVERRIDES: dict[str, Override] = {
    "none": Override("the true gradient", {}),
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
