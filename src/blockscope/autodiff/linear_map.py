"""The derivative of one tensor of a network by another, as a linear map, in both directions."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import tensorflow as tf
from tensorflow.core.framework import node_def_pb2

from blockscope.autodiff.flop_counter import Meter
from blockscope.autodiff.gradient_overrides import Override
from blockscope.autodiff.linear_op import Linear, Step
from blockscope.autodiff.registry import linearise
from blockscope.autodiff.windows import Frame, Size, Window
from blockscope.models import graphs
from blockscope.models.network import Network

# From this share of a map on, a window costs more to keep than the zeros it saves.
WINDOW_SHARE = 0.6


class LinearMap:
    """How tensor ``target`` responds to small changes of ``layer``, at one picture.

    The network is evaluated once. ``push`` takes tangents of the layer to tangents of the target,
    ``pull`` takes sensitivities of the target back to the layer; they are transposes of each other.
    Gradients follow ``override``.
    """

    def __init__(
        self,
        network: Network,
        values: npt.NDArray[np.float32],
        layer: str,
        target: str,
        override: Override,
        held: npt.NDArray[np.float32] | None = None,
    ) -> None:
        """Evaluate and linearise.

        ``values``: network input (1, row, col, rgb). ``held``: value of the layer (row, col,
        channel) to linearise at, where it is known already; otherwise it is computed from the
        picture.
        """
        self.layer, self.target = layer, target
        nodes = network.joined_at(layer)
        path = _path(nodes, layer, target)
        read = {edge for name in path for edge in _edges(nodes[name])}
        made = [edge for name in path for edge in _outputs(name, read)]
        needed = {layer, target, *made, *read}
        feeds = {network.spec.tensor: values} | ({} if held is None else {layer: held[None]})
        point = network.run(feeds, sorted(needed), nodes)
        self.value: tf.Tensor = point[layer]
        self.output: tf.Tensor = point[target]
        self.steps: list[tuple[str, list[str], Linear]] = []
        for made_edge in made:
            name, _, number = made_edge.partition(":")
            inputs = _edges(nodes[name])
            if point[made_edge].dtype.is_floating:
                values_in = [point[edge] for edge in inputs]
                step = Step(nodes[name], values_in, point[made_edge], int(number or 0))
                self.steps.append((made_edge, inputs, linearise(step, override)))
        self._last_use = {edge: i for i, (_, edges, _) in enumerate(self.steps) for edge in edges}

    def jvp(self, tangents: tf.Tensor, meter: Meter | None = None) -> tf.Tensor:
        """Push tangents (batch, row, col, channel) of the layer to the target, (batch, ...)."""
        return self._push(tangents, meter or Meter())

    def jvp_positions(
        self, positions: npt.NDArray[np.int32], meter: Meter | None = None
    ) -> tf.Tensor:
        """Push, for each position, the layer's value there and zero elsewhere.

        ``positions``: (batch, 2) rows and columns. Returns (batch, ...) like the target. The
        result is the contribution of each position, activation times gradient summed over
        channels. Each change is followed only as far as it reaches.
        """
        rows, cols = positions[:, 0].astype(np.int32), positions[:, 1].astype(np.int32)
        vectors = tf.gather_nd(self.value[0], positions)[:, None, None, :]
        window = Window(Frame(rows, cols, 1, 1), vectors)
        return self._push(_economical(window, _size(self.value)), meter or Meter())

    def _push(self, start: tf.Tensor | Window, meter: Meter) -> tf.Tensor:
        live: dict[str, tf.Tensor | Window] = {self.layer: start}
        for number, (name, edges, linear) in enumerate(self.steps):
            tangents = [live.get(edge) for edge in edges]
            if all(tangent is None for tangent in tangents):
                continue
            result = _jvp_op(linear, tangents, meter)
            if isinstance(result, Window):
                result = _economical(result, linear.step.size_out)
            live[name] = result
            for edge in set(edges):
                if self._last_use[edge] == number and edge in live and edge != self.target:
                    del live[edge]
        result = live[self.target]
        return result.placed(_size(self.output)) if isinstance(result, Window) else result

    def multiplications_per_position(self) -> int:
        """Return the multiplications of one entry of ``jvp_positions``, at a central position."""
        meter = Meter()
        rows, cols = _size(self.value)
        self.jvp_positions(np.array([[rows // 2, cols // 2]], np.int32), meter)
        return meter.multiplications

    def multiplications_per_sensitivity(self) -> int:
        """Return the multiplications of one entry of ``pull``, or of ``push`` on whole maps."""
        return sum(linear.cost(_cells(linear.step.inputs[0])) for _, _, linear in self.steps)

    def bytes_per_tangent(self) -> int:
        """Return the bytes that one entry of a push or pull holds at its peak, on whole maps."""
        size = {self.layer: _bytes(self.value)}
        alive = peak = size[self.layer]
        for number, (name, edges, linear) in enumerate(self.steps):
            size[name] = _bytes(linear.step.output)
            alive += size[name]
            peak = max(peak, alive)
            alive -= sum(size[e] for e in set(edges) if e in size and self._last_use[e] == number)
        return peak

    @tf.function(autograph=False, reduce_retracing=True)
    def vjp(self, sensitivities: tf.Tensor) -> tf.Tensor:
        """Pull sensitivities of the target, (batch, ...), to the layer, (batch, row, col, channel).

        The transpose of ``push``, taken by automatic differentiation; what the push would compute
        on the way is not computed, because a linear map's transpose does not need it.
        """
        start = tf.zeros([tf.shape(sensitivities)[0], *self.value.shape[1:]], self.value.dtype)
        (pulled,) = tf.gradients(self._push(start, Meter()), start, sensitivities)
        return pulled


def _path(nodes: dict[str, node_def_pb2.NodeDef], layer: str, target: str) -> list[str]:
    """Return the operations between layer and target, in order, the layer itself left out."""
    after = graphs.downstream(nodes, layer)
    ordered = graphs.in_order(nodes, [target], stop={layer})
    return [node.name for node in ordered if node.name in after and node.name != layer]


def _edges(node: node_def_pb2.NodeDef) -> list[str]:
    return [edge.removesuffix(":0") for edge in node.input if not edge.startswith("^")]


def _outputs(name: str, read: set[str]) -> list[str]:
    """Return a node's outputs that are read: the first always, others where an edge names them."""
    return [name, *sorted(edge for edge in read if edge.startswith(f"{name}:"))]


def _size(value: tf.Tensor) -> Size:
    return (value.shape[1], value.shape[2])


def _cells(value: tf.Tensor) -> int:
    return value.shape[1:-1].num_elements() or 1


def _bytes(value: tf.Tensor) -> int:
    return (value.shape.num_elements() or 0) * value.dtype.size


def _economical(window: Window, size: Size) -> tf.Tensor | Window:
    return window.placed(size) if window.frame.covers(size, WINDOW_SHARE) else window


def _jvp_op(
    linear: Linear, tangents: Sequence[tf.Tensor | Window | None], meter: Meter
) -> tf.Tensor | Window:
    framed = all(t is None or isinstance(t, Window) for t in tangents)
    if framed and linear.takes_windows:
        first = next(t for t in tangents if t is not None)
        meter.multiplied(linear.cost(first.frame.rows * first.frame.cols))
        return linear.windows(tangents)
    whole = [
        t.placed(_size(value)) if isinstance(t, Window) else t
        for t, value in zip(tangents, linear.step.inputs, strict=True)
    ]
    meter.multiplied(linear.cost(_cells(linear.step.inputs[0])))
    return linear.dense(whole)
