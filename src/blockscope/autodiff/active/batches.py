"""Products of many tangents with a Jacobian, by the units that count where that is faster."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from blockscope.autodiff.active.channels import ChannelProducts
from blockscope.autodiff.active.jacobian import ActiveJacobian
from blockscope.autodiff.batches import LARGEST, fitting, in_batches
from blockscope.autodiff.linear_map import LinearMap, Ops
from blockscope.autodiff.windows import cells_of

# Seconds, measured with InceptionV1 on 2 cores (a GPU multiplies whole maps faster): of a
# multiplication on whole maps, of one between
# units that count, of looking a weight up, and of a position of a convolution.
DENSE, ACTIVE, LOOK_UP, POSITION = 1.1e-11, 1.5e-11, 1.2e-9, 4e-5
# Finding the units that count takes part of a second, which less work than this does not pay for.
WORTH_IT = 0.15
# Where a window covers this share of a map, it takes more time than the units that count.
SHARE = 0.25
MOST_AT_ONCE = 1024


def push_positions(
    linear: LinearMap, positions: npt.NDArray[np.int32], memory_mb: int
) -> Iterator[tf.Tensor]:
    """Yield ``linear.jvp_positions`` of all positions, (batch, ...), in batches and in order.

    Cost: about a forward pass from the layer on per position, less what windows and units that are
    off save. ``memory_mb`` bounds the batches and does not change the result.
    """
    active = _worth_it(linear, linear.after_windows(SHARE), len(positions))
    if active is None:
        for batch in in_batches(positions, linear.bytes_per_tangent(), memory_mb):
            yield linear.jvp_positions(batch)
        return
    size = fitting(active.bytes_per_tangent(), memory_mb, MOST_AT_ONCE)
    within = fitting(linear.bytes_per_tangent(), memory_mb, LARGEST)
    for batch in _even(positions, size):
        parts = [linear.jvp_positions_before(batch[i : i + within], active.ops)
                 for i in range(0, len(batch), within)]  # fmt: skip
        tangents = {
            name: np.concatenate([active.taken(name, part[name]) for part in parts], 1)
            for name in active.starts
        }
        yield active.push(tangents)


def push_channels(
    linear: LinearMap, channels: npt.NDArray[np.intp], memory_mb: int
) -> Iterator[tf.Tensor]:
    """Yield what each channel's activations alone add to the target's channels, in order.

    Tangents of the target summed over its positions, (batch, channel). ``channels``: each at most
    once.

    Cost: about a forward pass from the layer on per channel. ``memory_mb`` bounds the batches and
    does not change the result.
    """
    count = linear.value.shape[-1]
    active = _worth_it(linear, linear.ops, len(channels))
    if active is None:
        for batch in in_batches(channels, linear.bytes_per_tangent(), memory_mb):
            single = tf.one_hot(batch, count, dtype=linear.value.dtype)[:, None, None, :]
            maps = linear.jvp(single * linear.value)
            yield tf.reduce_sum(maps, list(range(1, maps.shape.rank - 1)))
        return
    value, ends = linear.value.numpy(), linear.output.shape[-1]
    between = ChannelProducts(active, value, ends)
    for batch in _even(channels, fitting(between.bytes_per_tangent(), memory_mb, MOST_AT_ONCE)):
        yield between.push(batch)


def _worth_it(linear: LinearMap, ops: Ops, entries: int) -> ActiveJacobian | None:
    """Return the Jacobian of the units that count, where products with it take less time."""
    whole = sum(op.cost(cells_of(op.point.inputs[0])) for _, _, op in ops)
    precise = linear.value.dtype in (tf.float32, tf.float64)
    little = whole * entries * DENSE < WORTH_IT
    if little or not precise or tf.config.list_logical_devices("GPU"):
        return None
    active = ActiveJacobian(linear, ops)
    each = ACTIVE * active.multiplications + DENSE * active.multiplications_left
    seconds = each * entries + LOOK_UP * active.multiplications + POSITION * active.positions
    return active if seconds < DENSE * whole * entries else None


def _even(items: npt.NDArray[Any], most: int) -> list[npt.NDArray[Any]]:
    """Split items into as few batches as hold ``most`` each, of about one length."""
    return np.array_split(items, -(-len(items) // most))
