"""What the layers of a network respond to a batch of images, in one pass through the network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import tensorflow as tf
from tensorflow.core.framework import node_def_pb2

from blockscope.autodiff.gradients import apply_differentiable
from blockscope.models.layers.layer_views import is_view, viewed
from blockscope.models.network import PRE_RELU, Network

LARGEST: Final = 16  # images in a batch: larger ones leave the caches
BATCH_MB: Final = 512  # of a batch. A setting would change the last bits of the results


@dataclass(frozen=True)
class Probe:
    """The units of a layer: its channels, or directions in their space.

    Attributes
    ----------
    name
        Names it in results.
    layer
        The layer.
    directions
        float32 (channel, unit), each of length 1; None for the channels themselves.
    """

    name: str
    layer: str
    directions: npt.NDArray[np.float32] | None = None


@dataclass(frozen=True)
class Response:
    """What the units of one probe respond to a batch of images.

    Attributes
    ----------
    values
        Activations, float32 (image, position, unit): for a direction, along it.
    highest
        Their maximum over the positions, float32 (image, unit).
    sums
        Their sum over the positions, float32 (image, unit).
    moments
        float32 (unit, unit): sums of products of two units over all positions and images.
    """

    values: npt.NDArray[np.float32]
    highest: npt.NDArray[np.float32]
    sums: npt.NDArray[np.float32]
    moments: npt.NDArray[np.float32] | None = None


@dataclass(frozen=True)
class BatchResponses:
    """What a network makes of a batch of images.

    Attributes
    ----------
    predicted
        int (image): position of the largest labelled logit.
    finite
        bool (image): whether all of those are finite.
    activations
        By the name of the probe.
    relevance
        The same for activation x gradient of that logit; empty where it was not asked for.
    """

    predicted: npt.NDArray[np.integer]
    finite: npt.NDArray[np.bool_]
    activations: Mapping[str, Response]
    relevance: Mapping[str, Response]


class Responses:
    """A network, compiled to give what the units of some of its layers respond.

    Attributes
    ----------
    batch
        Images in each batch. It depends on the network alone: another number would change the last
        bits of the results.
    """

    batch: int

    def __init__(
        self,
        network: Network,
        probes: Sequence[Probe],
        indexes: Sequence[int],
        relevance: bool = True,
    ) -> None:
        """Prepare a network.

        Parameters
        ----------
        network
            The network.
        probes
            What is asked for.
        indexes
            Positions of the labels in the logits, of which the largest is the predicted one.
        relevance
            Whether the relevance is computed as well, which takes a backward pass.
        """
        self.network, self.probes, self.relevance = network, probes, relevance
        self._indexes = tf.constant(list(indexes), tf.int64)
        self._layers = list(dict.fromkeys(probe.layer for probe in probes))
        self._joined = _joined(network, self._layers)
        self._tensors = {layer: self._tensor_of(layer) for layer in self._layers}
        self.batch = self._fitting()
        size = (self.batch, *network.spec.size, network.spec.channels)
        self._compiled = tf.function(
            self._compute,
            [tf.TensorSpec(size, tf.float32), tf.TensorSpec([self.batch], tf.bool)],
            autograph=False,
        )

    def of(self, pixels: npt.NDArray[np.uint8], valid: npt.NDArray[np.bool_]) -> BatchResponses:
        """Return what the network makes of images, uint8 (image, row, col, rgb).

        Cost: one forward pass per image, and one backward pass for the relevance. Those that are
        not ``valid`` count in no sum over images; a smaller batch is filled up with such ones.
        """
        count = len(pixels)
        shares = np.zeros((self.batch, *pixels.shape[1:]), np.float32)
        np.divide(pixels, np.float32(255), out=shares[:count])
        counted = np.zeros(self.batch, np.bool_)
        counted[:count] = valid
        values = np.ascontiguousarray(self.network.spec.feed(shares), np.float32)
        predicted, finite, found = self._compiled(tf.constant(values), tf.constant(counted))
        made: tuple[dict[str, Response], dict[str, Response]] = {}, {}
        for (name, kind), tensors in found.items():
            values_, highest, sums, *moments = (tensor.numpy() for tensor in tensors)
            products = moments[0] if moments else None
            made[kind][name] = Response(values_[:count], highest[:count], sums[:count], products)
        return BatchResponses(predicted.numpy()[:count], finite.numpy()[:count], *made)

    def _tensor_of(self, layer: str) -> str:
        """Return the tensor that the logits are computed from, of which the layer is a view.

        Of branches before their ReLU, joined, it is what joins them behind it.
        """
        if layer in self._joined:
            return layer.removesuffix(PRE_RELU)
        node = self.network.nodes.get(layer)
        return viewed(node) if node is not None and is_view(node) else layer

    def _compute(
        self, values: tf.Tensor, counted: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor, dict[tuple[str, int], list[tf.Tensor]]]:
        names = [*self._tensors, *self._tensors.values(), self.network.logits]
        feeds = {self.network.spec.tensor: values}
        found = self.network.run(feeds, names, operation=apply_differentiable)
        logits = tf.gather(found[self.network.logits], self._indexes, axis=1)
        best = tf.argmax(logits, axis=1)
        made = {
            (probe.name, 0): self._reduced(_along(found[probe.layer], probe), counted, True)
            for probe in self.probes
        }
        if self.relevance:
            score = tf.reduce_sum(tf.gather(logits, best, axis=1, batch_dims=1))
            tensors = [found[tensor] for tensor in self._tensors.values()]
            zero = tf.UnconnectedGradients.ZERO
            gradients = tf.gradients(score, tensors, unconnected_gradients=zero)
            for probe in self.probes:
                place = self._layers.index(probe.layer)
                own = found[probe.layer]
                gradient = self._gradient(probe.layer, own, gradients[place])
                product = _along(own, probe) * _along(gradient, probe)
                made[probe.name, 1] = self._reduced(product, counted, False)
        finite = tf.reduce_all(tf.math.is_finite(logits), axis=1)
        return tf.gather(self._indexes, best), finite, made

    def _gradient(self, layer: str, own: tf.Tensor, gradient: tf.Tensor) -> tf.Tensor:
        """Return the gradient at a layer, whose values are ``own``, by that at its tensor."""
        tensor = self._tensors[layer]
        if tensor == layer:
            return gradient
        if layer in self._joined:
            (after,) = apply_differentiable(self._joined[layer], [own])
            (before,) = tf.gradients(after, [own], grad_ys=[gradient])
            return before
        # A view only moves numbers, of the gradient like of the values.
        return self.network.run({tensor: gradient}, [layer])[layer]

    def _reduced(self, maps: tf.Tensor, counted: tf.Tensor, moments: bool) -> list[tf.Tensor]:
        """Return a batch (image, row, col, unit) by position, and what becomes of it."""
        units = maps.shape[3]
        flat = tf.reshape(maps, (maps.shape[0], -1, units))
        found = [flat, tf.reduce_max(flat, axis=1), tf.reduce_sum(flat, axis=1)]
        if moments:
            # What stands for no image may give values that are not finite, also times zero.
            rows = tf.reshape(tf.where(counted[:, None, None], flat, 0), (-1, units))
            found.append(tf.matmul(rows, rows, transpose_a=True))
        return found

    def _fitting(self) -> int:
        """Return how many images fit into a batch, which the size of all tensors says."""
        if self.network.spec.one_by_one:
            return 1
        total = 0

        def noting(node: node_def_pb2.NodeDef, inputs: Sequence[tf.Tensor]) -> list[tf.Tensor]:
            nonlocal total
            outputs = apply_differentiable(node, inputs)
            total += sum((t.shape.num_elements() or 0) * t.dtype.size for t in outputs)
            return outputs

        feeds = {self.network.spec.tensor: self.network.grey_input(self.network.spec.size)}
        names = [*self._layers, self.network.logits]
        self.network.run(feeds, names, operation=noting)
        fitting = max(BATCH_MB * 10**6 // max(total, 1), 1)
        return min(LARGEST, 1 << (fitting.bit_length() - 1))


def _joined(network: Network, layers: Sequence[str]) -> dict[str, node_def_pb2.NodeDef]:
    """Return by their names the layers that join branches before their ReLU, with that ReLU.

    The logits are not computed from them, and would no longer be from the branches if they were.
    """
    made = {}
    for layer in layers:
        after = layer.removesuffix(PRE_RELU)
        shown = network.nodes.get(layer)
        if layer.endswith(PRE_RELU) and not (shown is not None and is_view(shown)):
            node = network.joined_at(layer).get(after)
            if node is not None and node is not network.nodes[after]:
                made[layer] = node
    return made


def _along(maps: tf.Tensor, probe: Probe) -> tf.Tensor:
    """Return maps of channels as maps of a probe's units."""
    if probe.directions is None:
        return maps
    return tf.tensordot(maps, tf.constant(probe.directions), 1)
