"""How much each channel of a layer adds to each channel of the target, summed over positions.

A product with the Jacobian begins with one channel alone, and of its end only a sum is wanted. The
first convolutions are spared most of their multiplications by the one, the last by the other.
"""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Executor
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf
from scipy import sparse

from blockscope.autodiff.active.in_place import in_place
from blockscope.autodiff.active.jacobian import FEWEST_ENTRIES, ActiveJacobian
from blockscope.autodiff.active.links import ConvolvedLinks, MovedLinks
from blockscope.autodiff.active.owned import Owned, dense
from blockscope.autodiff.active.rules import Indexes
from blockscope.autodiff.active.steps import Step, follow, threads, units_at_peak
from blockscope.autodiff.active.summed import SummedConvolution

Array = npt.NDArray[Any]


class ChannelProducts:
    """Products of an ``ActiveJacobian`` between the channels of a layer and of the target."""

    def __init__(self, active: ActiveJacobian, value: Array, channels: int) -> None:
        """Find which steps are spared.

        Parameters
        ----------
        active
            From a layer on, its only start.
        value
            The layer's activations, (1, row, col, channel).
        channels
            How many channels the target has.
        """
        self._active, self._channels, self._dtype = active, channels, value.dtype
        (layer,) = active.starts
        units, count = active.units(layer), value.shape[-1]
        self._owned = {layer: Owned(value.ravel()[units], units % count, count)}
        steps = [step for step in active.steps if not self._is_owned(step)]
        self._sums: dict[str, Owned] = {}  # which channel's sum the units of a tensor belong to
        self._summed: list[tuple[str, SummedConvolution]] = []
        ends = active.ends
        if active.leads_to_target:
            (target,) = ends
            units, ends = active.units(target), []
            self._sums[target] = Owned(np.ones(len(units), value.dtype), units % channels, channels)
            steps = self._not_summed(steps)
        self._kept = [*ends, *self._sums, *(name for name, _ in self._summed)]
        self._steps = in_place(steps, self._kept)

    def _is_owned(self, step: Step) -> bool:
        """Follow a step between units that one channel moves alone, if it is one."""
        if not isinstance(step.links, MovedLinks) or any(n not in self._owned for n in step.reads):
            return False
        found = step.links.forward([self._owned[name] for name in step.reads])
        if found is not None:
            self._owned[step.makes[0]] = found
        return found is not None

    def _not_summed(self, steps: list[Step]) -> list[Step]:
        """Follow what the sums are of, backward; return the steps that are left."""
        left, read = [], set[str]()
        for step in reversed(steps):
            summed = all(name in self._sums and name not in read for name in step.makes)
            if summed and (self._is_moved(step) or self._is_convolved(step)):
                for name in step.makes:
                    del self._sums[name]
            else:
                left.append(step)
            if step in left or isinstance(step.links, ConvolvedLinks):
                read |= set(step.reads)
        return left[::-1]

    def _is_moved(self, step: Step) -> bool:
        """Say which sums the inputs of a step belong to, if each of their units does to one."""
        if not isinstance(step.links, MovedLinks):
            return False
        found: dict[str, Owned] = {}
        pulled = step.links.backward(self._sums[step.makes[0]])
        for name, one in zip(step.reads, pulled, strict=True):
            known = found.get(name, self._sums.get(name))
            added = one if one is None or known is None else one.plus(known)
            if added is None:
                return False
            found[name] = added
        self._sums |= found
        return True

    def _is_convolved(self, step: Step) -> bool:
        """Take the sums of a convolution from its input, if it can be and is less work."""
        if not isinstance(step.links, ConvolvedLinks):
            return False
        found = step.links.summed([self._sums[name] for name in step.makes])
        if found is not None:
            self._summed.append((step.reads[0], found))
        return found is not None

    def push(self, channels: Indexes) -> tf.Tensor:
        """Return the sums over positions, (entry, target's channel), for some of the layer's.

        ``channels``: each at most once. The tangent of an entry is its channel's activations alone.
        """
        length = max(len(channels), FEWEST_ENTRIES)
        start = {name: owned.of(channels, length) for name, owned in self._owned.items()}
        with threads() as pool:
            live = follow(self._steps, start, self._kept, pool)
            found = {name: dense(live[name]) for name in self._kept}
            if self._active.leads_to_target:
                return tf.constant(self._added(found, length, pool)[:, : len(channels)].T)
        maps = self._active.finish({n: values[:, : len(channels)] for n, values in found.items()})
        return tf.reduce_sum(maps, list(range(1, maps.shape.rank - 1)))

    def _added(self, tangents: Mapping[str, Array], entries: int, pool: Executor) -> Array:
        """Return the sums, (target's channel, entry)."""
        total = np.zeros((self._channels, entries), self._dtype)
        for name, owned in self._sums.items():
            (units,) = np.nonzero(owned.owner >= 0)
            shape, place = (self._channels, len(owned.owner)), (owned.owner[units], units)
            total += sparse.csr_array((owned.values[units], place), shape=shape) @ tangents[name]
        for name, summed in self._summed:
            summed.add_to(total, tangents[name], pool)
        return total

    def bytes_per_tangent(self) -> int:
        """Return the bytes that an entry holds at its peak."""
        active = self._active
        peak = units_at_peak(self._steps, active.supports, [], self._kept)
        if not active.leads_to_target:
            peak += active.units_after
        return peak * self._dtype.itemsize
