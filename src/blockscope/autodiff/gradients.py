"""Gradients of scores at any points of a layer, many points at once.

``LinearMap`` linearises at the one point that an image gives; the path of integrated gradients
needs the network at each of its points.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf
from tensorflow.core.framework import node_def_pb2

from blockscope.autodiff.gradient_overrides import Override
from blockscope.autodiff.linear_ops.convolution import convolve_groups, dilated
from blockscope.autodiff.roots import apply_with_roots
from blockscope.models.graph import graphs
from blockscope.models.graph.node_attributes import attribute
from blockscope.models.graph.operations import apply
from blockscope.models.network import Network

Scores = Callable[[tf.Tensor], Sequence[tf.Tensor]]


class Gradients:
    """How scores of tensor ``target`` change with ``layer``, at any values of the layer.

    Attributes
    ----------
    network
        The network.
    values
        Its input, (1, row, col, rgb).
    value
        The layer's own value for the image, (row, col, channel).
    size
        The length of the target's last axis: how many logits or channels there are.
    exact
        Whether the override replaces no gradient between layer and target.
    bytes_per_point
        What a gradient at one point has to remember.
    operations
        How many the target takes from the layer on.
    programs
        What was compiled of these, by name; those of one network, layer, target and override share
        it.
    """

    network: Network
    values: npt.NDArray[np.float32]
    value: npt.NDArray[np.float32]
    size: int
    exact: bool
    bytes_per_point: int
    operations: int
    programs: dict[str, Any]

    def __init__(
        self,
        network: Network,
        values: npt.NDArray[np.float32],
        layer: str,
        target: str,
        override: Override,
        layer_value: npt.NDArray[np.float32] | None = None,
    ) -> None:
        """Evaluate the network once, which shows how much memory a point takes.

        Parameters
        ----------
        network
            The network.
        values
            Network input, (1, row, col, rgb).
        layer
            Name of the tensor to differentiate by.
        target
            Name of the tensor to differentiate, computed from the layer.
        override
            Replaces the gradient of some operations.
        layer_value
            The layer's own value, (row, col, channel); computed from the image if not given.
        """
        self.layer, self.target = layer, target
        self.network, self.values, self._override = network, values, override
        self._nodes = network.joined_at(layer)
        before = graphs.toposort(self._nodes, [target], stop={layer})
        self.operations = sum(node.op != "Const" for node in before)
        self._reads_input = any(node.name == network.spec.tensor for node in before)
        # A program holds the image where what follows the layer reads it.
        place = (layer, target, *override.rules.items())
        self.programs = {} if self._reads_input else network.programs.setdefault(place, {})
        after = graphs.downstream(self._nodes, layer) - {layer}
        ops = {node.op for node in before if node.name in after}
        self.exact = not ops & set(override.rules)
        if layer_value is None:
            layer_value = network.run({network.spec.tensor: values}, [layer])[layer].numpy()[0]
        self.value = layer_value
        self.bytes_per_point, self.size = self._measure()

    def _measure(self) -> tuple[int, int]:
        """Return the bytes of all values between layer and target at one point; and ``size``."""
        total = [self.value.nbytes]

        def noting(node: node_def_pb2.NodeDef, inputs: Sequence[tf.Tensor]) -> list[tf.Tensor]:
            outputs = self._operation(node, inputs)
            total.extend((t.shape.num_elements() or 0) * t.dtype.size for t in outputs)
            return outputs

        found = self._run(tf.convert_to_tensor(self.value[None]), noting)
        return sum(total), int(found.shape[-1])

    def values_at(self, points: npt.NDArray[np.float32] | tf.Tensor) -> tf.Tensor:
        """Return the target, (batch, ...), at ``points`` of the layer (batch, row, col, channel).

        Cost: one pass through the network after the layer per point.
        """
        return self._run(tf.convert_to_tensor(points), self._operation)

    def values_from(self, given: Mapping[str, tf.Tensor]) -> tf.Tensor:
        """Return the target, (batch, ...), from values of some tensors, (batch, ...).

        The tensors, by their names, are all that depends on the layer and is read by what follows.
        """
        return self._run_from(given, self._operation)

    def at(
        self, points: npt.NDArray[np.float32], scores: Scores
    ) -> tuple[npt.NDArray[np.float32], list[tf.Tensor]]:
        """Return scores and their gradients, which follow the override.

        Cost: one forward pass per point, and one backward pass per point and score. The caller
        bounds the batch, with ``bytes_per_point``.

        Parameters
        ----------
        points
            Values of the layer, (batch, row, col, channel).
        scores
            Maps the target (batch, ...) to tensors of shape (batch), one per score.

        Returns
        -------
        values
            The scores, (score, batch).
        gradients
            One gradient per score, (batch, row, col, channel).
        """
        start = tf.convert_to_tensor(points)
        with tf.GradientTape(persistent=True) as tape:
            tape.watch(start)
            found = scores(self._run(start, self._operation))
        zero = tf.UnconnectedGradients.ZERO
        gradients = [tape.gradient(one, start, unconnected_gradients=zero) for one in found]
        return np.stack([one.numpy() for one in found]), gradients

    def _run(
        self,
        points: tf.Tensor,
        operation: Callable[[node_def_pb2.NodeDef, Sequence[tf.Tensor]], list[tf.Tensor]],
    ) -> tf.Tensor:
        return self._run_from({self.layer: points}, operation)

    def _run_from(
        self,
        given: Mapping[str, tf.Tensor],
        operation: Callable[[node_def_pb2.NodeDef, Sequence[tf.Tensor]], list[tf.Tensor]],
    ) -> tf.Tensor:
        feeds = dict(given)
        if self._reads_input and self.network.spec.tensor not in feeds:
            count = tf.shape(next(iter(feeds.values())))[0]
            feeds[self.network.spec.tensor] = tf.repeat(self.values, count, 0)
        return self.network.run(feeds, [self.target], self._nodes, operation)[self.target]

    def _operation(
        self, node: node_def_pb2.NodeDef, inputs: Sequence[tf.Tensor]
    ) -> list[tf.Tensor]:
        rule = self._override.rules.get(node.op)
        if rule is None:
            return apply_differentiable(node, inputs)

        @tf.custom_gradient
        def replaced(x: tf.Tensor) -> tuple[tf.Tensor, Callable[[tf.Tensor], tf.Tensor]]:
            y = apply(node, [x, *inputs[1:]])[0]
            return y, lambda upstream: rule(x, y, node, upstream)

        return [replaced(inputs[0])]


def apply_differentiable(
    node: node_def_pb2.NodeDef, inputs: Sequence[tf.Tensor]
) -> list[tf.Tensor]:
    """Compute an operation so that it has a gradient on a processor.

    TensorFlow has none of dilated and of grouped convolutions there, and an infinite one of roots.
    """
    if node.op != "Conv2D" or attribute(node, "data_format") != "NHWC":
        return apply_with_roots(node, inputs)
    (_, down, right, _), dilations = attribute(node, "strides"), attribute(node, "dilations")[1:3]
    weights = dilated(inputs[1], dilations) if max(dilations) > 1 else inputs[1]
    if inputs[0].shape[3] != weights.shape[2]:
        padding, pads = attribute(node, "padding"), attribute(node, "explicit_paddings")
        edges = [pads[i : i + 2] for i in range(0, 8, 2)] if padding == "EXPLICIT" else padding
        return [convolve_groups(inputs[0], weights, (down, right), edges)]
    if max(dilations) == 1:
        return apply(node, inputs)
    plain = node_def_pb2.NodeDef()
    plain.CopyFrom(node)
    plain.attr["dilations"].list.i[:] = [1, 1, 1, 1]
    return apply(plain, [inputs[0], weights])
