"""Counting what one tangent costs, so that batches fit into memory and the cheaper mode is chosen."""

from __future__ import annotations

import tensorflow as tf

from blockscope.engine.windows import Window


class Meter:
    """Counts, for the tangents of one push, bytes alive and multiplications.

    ``multiplications`` are those of a single tangent; ``peak_bytes`` those of the whole batch.
    """

    def __init__(self) -> None:
        """Start at zero."""
        self.multiplications = 0
        self.peak_bytes = 0
        self._bytes = 0

    def made(self, tangent: tf.Tensor | Window) -> None:
        """Note a tangent that now takes memory."""
        self._bytes += _bytes_of(tangent)
        self.peak_bytes = max(self.peak_bytes, self._bytes)

    def dropped(self, tangent: tf.Tensor | Window) -> None:
        """Note a tangent that nobody needs any more."""
        self._bytes -= _bytes_of(tangent)

    def multiplied(self, count: int) -> None:
        """Note multiplications."""
        self.multiplications += count


def _bytes_of(tangent: tf.Tensor | Window) -> int:
    values = tangent.values if isinstance(tangent, Window) else tangent
    return (values.shape.num_elements() or 0) * values.dtype.size
