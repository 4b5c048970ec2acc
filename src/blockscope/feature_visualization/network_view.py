"""The part of a network that an objective reads, for images of one size."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext

import tensorflow as tf
from tensorflow.core.framework import node_def_pb2

from blockscope.autodiff.gradients import apply_differentiable
from blockscope.feature_visualization.fast_ops import fast_op
from blockscope.feature_visualization.objectives import Objective
from blockscope.feature_visualization.redirected_relu import redirected_relus
from blockscope.io.errors import BadFile
from blockscope.models.graph.graphs import Nodes, sources, tensor_name, toposort
from blockscope.models.graph.making import held
from blockscope.models.graph.node_attributes import ONE_SIZE
from blockscope.models.graph.operations import Operation
from blockscope.models.graph.window_check import with_window_check
from blockscope.models.network import Network

WEIGHED = frozenset({"Conv2D", "DepthwiseConv2dNative", "Conv2DBackpropInput", "MatMul", "Einsum"})
LARGEST_SOUGHT = 1024  # pixels; no network in use needs larger images


class View:
    """A network cut at the layers of an objective, for square views of ``size`` pixels.

    ``bytes_per_image`` is what one image's passes have to keep in memory. Raises ``BadFile`` where
    a layer is too deep for the size, and where a target does not fit its layer. Cost: one pass.
    """

    def __init__(self, network: Network, objective: Objective, size: int) -> None:
        self._network, self.size, self.layers = network, size, objective.layers
        self._check_any_size()
        shapes, self.bytes_per_image = self._measure(objective)
        for term in objective.terms:
            term.check(shapes[term.layer][1:])

    def _check_any_size(self) -> None:
        """Raise ``BadFile`` where a layer is computed with numbers that hold for one size alone."""
        rows, cols = self._network.spec.size
        if (rows, cols) == (self.size, self.size):
            return
        nodes = self._network.nodes
        read = toposort(nodes, map(tensor_name, self.layers))
        tied = next((n for n in read if ONE_SIZE in n.attr or _resizes_features(n, nodes)), None)
        if tied is not None:
            raise BadFile(
                f"layer '{self.layers[0]}' is not made from images of {self.size} x {self.size} "
                f"pixels: '{tied.name}' ({tied.op}) before it is right for {rows} x {cols} alone; "
                "choose an earlier layer"
            )

    def _measure(self, objective: Objective) -> tuple[dict[str, tuple[int, ...]], int]:
        total = [self.size**2 * 12]

        def noting(node: node_def_pb2.NodeDef, inputs: Sequence[tf.Tensor]) -> list[tf.Tensor]:
            outputs = apply_differentiable(node, inputs)
            total.extend((t.shape.num_elements() or 0) * t.dtype.size for t in outputs)
            return outputs

        # Eager, so that the network keeps its constants outside of any function that is traced.
        found = self._shapes(self.size, noting)
        if found is None:
            raise BadFile(self._too_deep(objective.layers))
        return found, sum(total)

    def _shapes(
        self, size: int, operation: Operation = apply_differentiable
    ) -> dict[str, tuple[int, ...]] | None:
        """Return the shapes of the layers for an image of ``size``; None where there are none."""
        feeds = {self._network.spec.tensor: self._network.grey_input((size, size))}
        try:
            found = self._network.run(feeds, self.layers, operation=with_window_check(operation))
        except (tf.errors.InvalidArgumentError, ValueError):
            return None
        shapes = {name: tuple(value.shape) for name, value in found.items()}
        usable = all(shape[0] == 1 and 0 not in shape for shape in shapes.values())
        return shapes if usable else None

    def _too_deep(self, layers: Sequence[str]) -> str:
        names = " and ".join(f"'{name}'" for name in layers)
        low, high = self.size, self.size
        while high <= LARGEST_SOUGHT and self._shapes(high) is None:
            low, high = high, 2 * high
        if high > LARGEST_SOUGHT:
            rows, cols = self._network.spec.size
            return (
                f"layer {names} cannot be computed from images of {self.size} x {self.size} "
                f"pixels, nor from any other square; the network is made for {rows} x {cols}; "
                "choose another layer"
            )
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if self._shapes(middle) is None else (low, middle)
        return (
            f"layer {names} is too deep for images of {self.size} x {self.size} pixels: it "
            f"needs at least {high} x {high}; choose a recipe with larger images, or an earlier "
            "layer"
        )

    def layers_of(self, images: tf.Tensor, redirect: bool = False) -> dict[str, tf.Tensor]:
        """Return the layers for images (image, row, col, rgb), 0 to 1; to be called while tracing.

        ``redirect``: whether ReLUs that block all of an image's gradient pass it.
        """
        values = self._network.spec.feed(images)
        with redirected_relus() if redirect else nullcontext():
            return self._network.run(
                {self._network.spec.tensor: values}, self.layers, operation=fast_op
            )


def _resizes_features(node: node_def_pb2.NodeDef, nodes: Nodes) -> bool:
    """Tell whether what convolutions made is resized to a constant size, by scale for one image."""
    if not node.op.startswith("Resize") or held(node, 1, nodes) is None:
        return False
    return any(before.op in WEIGHED for before in toposort(nodes, sources(node)[:1]))
