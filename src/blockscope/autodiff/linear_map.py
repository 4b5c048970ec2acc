"""The Jacobian of one tensor of a network by another, as a linear map in both directions.

``LinearMap.jvp`` is forward-mode automatic differentiation (Jacobian-vector products of tangents),
``LinearMap.vjp`` reverse mode (vector-Jacobian products of cotangents).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from blockscope.autodiff.gradient_overrides import Override
from blockscope.autodiff.linear_ops.linear_op import LinearOp, OpPoint
from blockscope.autodiff.linear_ops.registry import linearise
from blockscope.autodiff.op_points import points_between
from blockscope.autodiff.windows import Frame, Size, Window, cells_of, size_of
from blockscope.io.errors import BadFile, BlockscopeError, first_line
from blockscope.models.network import Network

# Nothing behind these responds: their derivative is zero, or is said to be.
STOPS = frozenset(
    {"StopGradient", "Round", "Rint", "Sign", "Floor", "Ceil", "FloorDiv", "ZerosLike", "OnesLike"}
)
# From this share of a map on, a window costs more to keep than the zeros it saves.
WINDOW_SHARE = 0.6


Ops = Sequence[tuple[str, list[str], LinearOp]]
"""Operations in order: the name of the output, the names of the inputs, the derivative."""


class LinearMap:
    """How tensor ``target`` responds to small changes of ``layer``, at one image.

    The network is evaluated once, at construction. ``jvp`` takes tangents of the layer to tangents
    of the target, ``vjp`` cotangents of the target back to the layer; they are transposes of each
    other. Both follow ``override``.

    Attributes
    ----------
    value
        The layer at which the network is linearised, (1, row, col, channel).
    output
        The target there, (1, ...).
    ops
        The operations between them in order: name, inputs and derivative of each.
    """

    value: tf.Tensor
    output: tf.Tensor
    ops: list[tuple[str, list[str], LinearOp]]

    def __init__(
        self,
        network: Network,
        values: npt.NDArray[np.float32],
        layer: str,
        target: str,
        override: Override,
        layer_value: npt.NDArray[np.float32] | None = None,
    ) -> None:
        """Evaluate the network and linearise it.

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
            Value of the layer to linearise at, (row, col, channel); computed from the image if not
            given.
        """
        self.layer, self.target = layer, target
        computed, points = points_between(network, values, layer, target, layer_value, STOPS)
        self.value = computed[layer]
        self.output = computed[target]
        self.ops = [
            (edge, inputs, self._derivative(point, override)) for edge, inputs, point in points
        ]
        if target not in {layer, *(edge for edge, _, _ in points)}:
            raise BadFile(
                f"'{target}' does not respond to layer '{layer}': every way between them ends at a "
                "StopGradient, at steps (Round, Sign, Floor and the like), or at whole numbers; "
                "choose a layer after it"
            )
        self._last_use = {edge: i for i, (_, edges, _) in enumerate(self.ops) for edge in edges}

    def _derivative(self, point: OpPoint, override: Override) -> LinearOp:
        with _named(point, self.layer, self.target):
            return linearise(point, override)

    def jvp(self, tangents: tf.Tensor | Window) -> tf.Tensor:
        """Return the target's tangents, (batch, ...), from the layer's (batch, row, col, channel).

        The Jacobian-vector product, in forward mode; cost: about a forward pass per tangent. One
        that is a window is computed only inside its cone of influence.
        """
        return self._propagate(tangents)[0]

    def jvp_positions(self, positions: npt.NDArray[np.int32]) -> tf.Tensor:
        """Return the JVP of the activations at each position alone, zero elsewhere.

        For ``positions`` (batch, row and col), (batch, ...): each position's contribution to the
        target, gradient times activation summed over channels.
        """
        return self.jvp(self._windows_at(positions))

    def jvp_windows(self, positions: npt.NDArray[np.int32], ops: Ops) -> Window:
        """Return ``jvp_positions`` at the output of the last of ``ops``, some of the first.

        At the layer, if there are none. Where a window would cover most of the map it is the whole.
        """
        edge = ops[-1][0] if ops else self.layer
        size = ops[-1][2].point.size_out if ops else size_of(self.value)
        start = _densify_if_large(self._windows_at(positions), size_of(self.value))
        found = self._follow({self.layer: start}, ops, {edge})[0][edge]
        if isinstance(found, Window):
            return found
        return Window(Frame.whole(len(positions), size), found)

    def _windows_at(self, positions: npt.NDArray[np.int32]) -> Window:
        rows, cols = positions[:, 0].astype(np.int32), positions[:, 1].astype(np.int32)
        vectors = tf.gather_nd(self.value[0], positions)[:, None, None, :]
        return Window(Frame(rows, cols, 1, 1), vectors)

    def _propagate(self, start: tf.Tensor | Window) -> tuple[tf.Tensor, int]:
        """Return the target's tangents, and the multiplications that one of them takes."""
        if isinstance(start, Window):
            start = _densify_if_large(start, size_of(self.value))
        live, multiplications = self._follow({self.layer: start}, self.ops, {self.target})
        result = live[self.target]
        if isinstance(result, Window):
            result = result.to_map(size_of(self.output))
        return result, multiplications

    def jvp_from(self, tangents: Mapping[str, tf.Tensor], ops: Ops) -> tf.Tensor:
        """Return the target's tangents from those of some tensors, by some of ``ops``, in order.

        The tangents, (batch, ...), are of all that depends on the layer and is read by them.
        """
        return self._follow(tangents, ops, {self.target})[0][self.target]

    def after_windows(self, share: float) -> Ops:
        """Return the operations that a position's window reaches covering ``share`` of the map.

        In order, with all that reads them. The windows of some central positions are followed, as
        it depends on the place of one how far a stride lets it reach.
        """
        middle = self._centre() + np.argwhere(np.ones((4, 4), bool)) - 2
        inside = np.clip(middle, 0, np.array(size_of(self.value)) - 1).astype(np.int32)
        known: dict[str, tf.Tensor | Window] = {self.layer: self._windows_at(inside)}
        left = []
        for name, edges, op in self.ops:
            tangents = [known.get(edge) for edge in edges]
            windows = {n: t for n, t in enumerate(tangents) if isinstance(t, Window)}
            sizes = {n: size_of(op.point.inputs[n]) for n in windows}
            small = not any(t.frame.covers(sizes[n], share) for n, t in windows.items())
            if op.takes_windows and small and len(windows) == len(op.point.moving):
                known[name], _ = _jvp_op(op, tangents)
            else:
                left.append((name, edges, op))
        return left

    def jvp_positions_before(
        self, positions: npt.NDArray[np.int32], ops: Ops
    ) -> dict[str, tf.Tensor]:
        """Return what ``ops``, some of the last, need for ``jvp_positions``: see ``jvp_from``."""
        made = {name for name, _, _ in ops}
        before = [one for one in self.ops if one[0] not in made]
        read = {edge for _, edges, _ in ops for edge in edges} | {self.target}
        start = _densify_if_large(self._windows_at(positions), size_of(self.value))
        live, _ = self._follow({self.layer: start}, before, read)
        whole = {self.layer: self.value} | {name: op.point.output for name, _, op in before}
        return {
            name: value.to_map(size_of(whole[name])) if isinstance(value, Window) else value
            for name, value in live.items()
            if name in read
        }

    def _centre(self) -> npt.NDArray[np.int32]:
        rows, cols = size_of(self.value)
        return np.array([[rows // 2, cols // 2]], np.int32)

    def _follow(
        self, start: Mapping[str, tf.Tensor | Window], ops: Ops, kept: Collection[str]
    ) -> tuple[dict[str, tf.Tensor | Window], int]:
        """Return the tangents that are kept, and the multiplications that one of each takes."""
        multiplications = 0
        live = dict(start)
        last_use = {edge: i for i, (_, edges, _) in enumerate(ops) for edge in edges}
        for number, (name, edges, op) in enumerate(ops):
            tangents = [live.get(edge) for edge in edges]
            if all(tangent is None for tangent in tangents):
                continue
            with _named(op.point, self.layer, self.target):
                live[name], cost = _jvp_op(op, tangents)
            multiplications += cost
            for edge in set(edges):
                if last_use[edge] == number and edge in live and edge not in kept:
                    del live[edge]  # memory is bounded by what is alive at once
        return live, multiplications

    def multiplications_per_position(self) -> int:
        """Return the multiplications of one entry of ``jvp_positions``, at a central position."""
        return self._propagate(self._windows_at(self._centre()))[1]

    def multiplications_per_cotangent(self) -> int:
        """Return the multiplications of one entry of ``vjp``, or of ``jvp`` on whole maps."""
        return sum(op.cost(cells_of(op.point.inputs[0])) for _, _, op in self.ops)

    def bytes_per_tangent(self) -> int:
        """Return the bytes that one entry of ``jvp`` or ``vjp`` holds at its peak."""
        size = {self.layer: _bytes(self.value)}
        alive = peak = size[self.layer]
        for number, (name, edges, op) in enumerate(self.ops):
            size[name] = _bytes(op.point.output)
            alive += size[name]
            peak = max(peak, alive)
            alive -= sum(size[e] for e in set(edges) if e in size and self._last_use[e] == number)
        return peak

    @tf.function(autograph=False, reduce_retracing=True)
    def vjp(self, cotangents: tf.Tensor) -> tf.Tensor:
        """Return cotangents (batch, row, col, channel) of the layer from the target's (batch, ...).

        The vector-Jacobian product, in reverse mode: the transpose of ``jvp``, by automatic
        differentiation of it. Inside a function, what only the JVP needs is not computed, because
        the transpose of a linear map does not depend on the point.
        """
        start = tf.zeros([tf.shape(cotangents)[0], *self.value.shape[1:]], self.value.dtype)
        (found,) = tf.gradients(self._propagate(start)[0], start, cotangents)
        return found


@contextmanager
def _named(point: OpPoint, layer: str, target: str) -> Iterator[None]:
    """Say which operation it was where TensorFlow cannot differentiate it."""
    try:
        yield
    except (BlockscopeError, MemoryError, tf.errors.ResourceExhaustedError):
        raise
    except Exception as error:  # TensorFlow raises many kinds
        raise BadFile(
            f"'{target}' cannot be differentiated by layer '{layer}': the operation "
            f"'{point.node.name}' ({point.node.op}) has no derivative here: "
            f"{first_line(error)}; choose a layer after it"
        ) from error


def _bytes(value: tf.Tensor) -> int:
    return (value.shape.num_elements() or 0) * value.dtype.size


def _densify_if_large(window: Window, size: Size) -> tf.Tensor | Window:
    return window.to_map(size) if window.frame.covers(size, WINDOW_SHARE) else window


def _jvp_op(
    op: LinearOp, tangents: Sequence[tf.Tensor | Window | None]
) -> tuple[tf.Tensor | Window, int]:
    """Return the tangent of an operation's output, and the multiplications that it takes.

    By windows where all tangents are windows and the operation takes them, else on whole maps.
    """
    if op.takes_windows and all(t is None or isinstance(t, Window) for t in tangents):
        first = next(t for t in tangents if t is not None)
        result = op.jvp_windows(tangents)
        if isinstance(result, Window):
            result = _densify_if_large(result, op.point.size_out)
        return result, op.cost(first.frame.rows * first.frame.cols)
    whole = [
        t.to_map(size_of(value)) if isinstance(t, Window) else t
        for t, value in zip(tangents, op.point.inputs, strict=True)
    ]
    return op.jvp(whole), op.cost(cells_of(op.point.inputs[0]))
