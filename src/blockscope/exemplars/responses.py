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
from blockscope.models.layer_views import is_view, viewed
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
    activations
        By the name of the probe.
    relevance
        The same for activation x gradient of that logit; empty where it was not asked for.
    """

    predicted: npt.NDArray[np.integer]
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
        self._nodes = dict(network.nodes)
        for layer in self._layers:
            if layer.endswith(PRE_RELU):
                self._nodes = network.joined_at(layer, self._nodes)
        self._tensors = {layer: self._tensor_of(layer) for layer in self._layers}
        self.batch = self._fitting()
        size = (self.batch, *network.spec.size, network.spec.channels)
        self._compiled = tf.function(
            self._compute,
            [tf.TensorSpec(size, tf.float32), tf.TensorSpec([self.batch], tf.float32)],
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
        counted = np.zeros(self.batch, np.float32)
        counted[:count] = valid
        values = np.ascontiguousarray(self.network.spec.feed(shares), np.float32)
        predicted, found = self._compiled(tf.constant(values), tf.constant(counted))
        made: tuple[dict[str, Response], dict[str, Response]] = {}, {}
        for (name, kind), tensors in found.items():
            values_, highest, sums, *moments = (tensor.numpy() for tensor in tensors)
            products = moments[0] if moments else None
            made[kind][name] = Response(values_[:count], highest[:count], sums[:count], products)
        return BatchResponses(predicted.numpy()[:count], *made)

    def _tensor_of(self, layer: str) -> str:
        """Return the tensor that the logits are computed from, where the layer is a view of it."""
        node = self._nodes.get(layer)
        return viewed(node) if node is not None and is_view(node) else layer

    def _compute(
        self, values: tf.Tensor, counted: tf.Tensor
    ) -> tuple[tf.Tensor, dict[tuple[str, int], list[tf.Tensor]]]:
        names = [*self._tensors, *self._tensors.values(), self.network.logits]
        feeds = {self.network.spec.tensor: values}
        found = self.network.run(feeds, names, self._nodes, apply_differentiable)
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
                # A view only moves numbers, of the gradient like of the values.
                gradient = self._viewed(probe.layer, gradients[place])
                product = _along(found[probe.layer], probe) * _along(gradient, probe)
                made[probe.name, 1] = self._reduced(product, counted, False)
        return tf.gather(self._indexes, best), made

    def _viewed(self, layer: str, gradient: tf.Tensor) -> tf.Tensor:
        tensor = self._tensors[layer]
        if tensor == layer:
            return gradient
        return self.network.run({tensor: gradient}, [layer], self._nodes)[layer]

    def _reduced(self, maps: tf.Tensor, counted: tf.Tensor, moments: bool) -> list[tf.Tensor]:
        """Return a batch (image, row, col, unit) by position, and what becomes of it."""
        units = maps.shape[3]
        flat = tf.reshape(maps, (maps.shape[0], -1, units))
        found = [flat, tf.reduce_max(flat, axis=1), tf.reduce_sum(flat, axis=1)]
        if moments:
            rows = tf.reshape(flat * counted[:, None, None], (-1, units))
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
        self.network.run(feeds, names, self._nodes, noting)
        fitting = max(BATCH_MB * 10**6 // max(total, 1), 1)
        return min(LARGEST, 1 << (fitting.bit_length() - 1))


def _along(maps: tf.Tensor, probe: Probe) -> tf.Tensor:
    """Return maps of channels as maps of a probe's units."""
    if probe.directions is None:
        return maps
    return tf.tensordot(maps, tf.constant(probe.directions), 1)
