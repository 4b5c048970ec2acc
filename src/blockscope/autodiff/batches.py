"""The choice of forward or reverse mode by cost, and batches that fit into memory."""

from __future__ import annotations

import enum
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf
from tqdm import tqdm

from blockscope.autodiff.linear_map import LinearMap

# Memory for a convolution's workspace and the windows' indexes, as a multiple of the tangents.
WORKSPACE = 3
# Larger batches leave the caches and gain nothing, measured on 2 cores.
LARGEST = 128
# Cost of a multiplication in reverse mode, relative to forward mode: measured on InceptionV1.
REVERSE_COST = 2


class Mode(enum.Enum):
    """Direction of automatic differentiation: forward (JVP) or reverse (VJP)."""

    FORWARD = "forward"
    REVERSE = "reverse"


def cheaper_mode(linear: LinearMap, labels: int) -> Mode:
    """Return the mode that takes less time for all positions of a layer and ``labels``.

    Forward mode takes one tangent per position, which windows make cheap; reverse mode one
    cotangent per label, over whole maps. Multiplications are counted, those of reverse mode
    ``REVERSE_COST`` times. With no more positions than labels, forward mode always wins.
    """
    positions = linear.value.shape[1] * linear.value.shape[2]
    if positions <= labels:
        return Mode.FORWARD
    forward = positions * linear.multiplications_per_position()
    reverse = REVERSE_COST * labels * linear.multiplications_per_cotangent()
    return Mode.FORWARD if forward <= reverse else Mode.REVERSE


def in_batches(
    items: npt.NDArray[Any], bytes_each: int, memory_mb: int, largest: int = LARGEST
) -> list[npt.NDArray[Any]]:
    """Split items along the first axis into batches whose tangents stay below ``memory_mb``."""
    size = fitting(bytes_each, memory_mb, largest)
    return [items[start : start + size] for start in range(0, len(items), size)]


def fitting(bytes_each: int, memory_mb: int, largest: int = LARGEST) -> int:
    """Return how many items a batch has whose tangents stay below ``memory_mb``: at least one."""
    return int(np.clip(memory_mb * 10**6 // (WORKSPACE * max(bytes_each, 1)), 1, largest))


def logits_in_batches(
    push: Callable[[npt.NDArray[Any]], tf.Tensor],
    batches: Sequence[npt.NDArray[Any]],
    indexes: Sequence[int],
    what: str | None = None,
) -> npt.NDArray[np.float32]:
    """Return some logits of all batches, (item, label).

    ``push`` takes a batch to all logits, or to their tangents, (item, logit); ``indexes`` are
    positions in these; ``what`` is counted by a progress bar.
    """
    bar = tqdm(batches, desc=what, unit="batch", disable=what is None)
    return np.concatenate([tf.gather(push(batch), list(indexes), axis=1).numpy() for batch in bar])
