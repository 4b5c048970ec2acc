"""The target where a small part of a layer is changed, by any amount.

Only what changes is computed, as long as that is little: the window that a change at one position
reaches, or the one channel that it is in. Up to there the change of each tensor is carried, from
there on whole maps: the values at the image plus the change.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from blockscope.autodiff.change_rules import Rule, rule_of
from blockscope.autodiff.gradients import Gradients
from blockscope.autodiff.linear_map import WINDOW_SHARE
from blockscope.autodiff.one_channel import OneChannel
from blockscope.autodiff.op_points import points_between
from blockscope.autodiff.windows import Window, size_of

Change: TypeAlias = tf.Tensor | Window | OneChannel


class ExactChanges:
    """The target of ``Gradients``, where a part of the layer is taken away.

    Attributes
    ----------
    value
        The layer at the image, (row, col, channel).
    output
        The target there, (1, ...).
    bytes_per_point
        What one part takes at most.
    """

    value: npt.NDArray[np.float32]
    output: tf.Tensor
    bytes_per_point: int

    def __init__(self, gradients: Gradients) -> None:
        """Evaluate the network at the image."""
        self.value, self.bytes_per_point = gradients.value, gradients.bytes_per_point
        self.layer, self.target = gradients.layer, gradients.target
        self._values, points = points_between(
            gradients.network, gradients.values, self.layer, self.target, gradients.value
        )
        self.output = self._values[self.target]
        # An operation of several outputs is computed as a whole.
        several = {edge.partition(":")[0] for edge, _, _ in points if ":" in edge}
        self._ops = [
            (edge, inputs, None if edge.partition(":")[0] in several else rule_of(point))
            for edge, inputs, point in points
        ]
        self._run = tf.function(gradients.values_from, autograph=False)
        self._run_channels = tf.function(
            lambda *channel: gradients.values_from(self._carried(OneChannel(*channel))),
            autograph=False,
        )

    def values_without(self, part: Change) -> tf.Tensor:
        """Return the target, (batch, ...), where a part of the layer is taken from it.

        ``part``: what is taken, whole, (batch, row, col, channel), or its window or channel.
        Batches should be of one size, for each of which the network is compiled.
        """
        if isinstance(part, tf.Tensor):
            return self._run({self.layer: self._values[self.layer] - part})
        if isinstance(part, OneChannel):
            return self._run_channels(part.numbers, -part.values)
        return self._run(self._carried(replace(part, values=-part.values)))

    def _carried(self, start: Window | OneChannel) -> dict[str, tf.Tensor]:
        """Return the whole maps from which the target follows."""
        carried: dict[str, Window | OneChannel] = {self.layer: start}
        whole: dict[str, tf.Tensor] = {}
        moving = {self.layer}
        for edge, inputs, rule in self._ops:
            moved = [name for name in inputs if name in moving]
            moving.add(edge)
            change = None
            if rule is not None and all(name in carried for name in moved):
                change = _change_of(rule, [carried.get(name) for name in inputs])
            if change is None:
                for name in moved:
                    if name in carried and name not in whole:
                        whole[name] = self._whole(name, carried[name])
            elif self._is_large(edge, change):
                whole[edge] = self._whole(edge, change)
            else:
                carried[edge] = change
        if self.target in carried:
            whole[self.target] = self._whole(self.target, carried[self.target])
        return whole

    def _is_large(self, name: str, change: Change) -> bool:
        if isinstance(change, Window):
            return change.frame.covers(size_of(self._values[name]), WINDOW_SHARE)
        return not isinstance(change, OneChannel)

    def _whole(self, name: str, change: Change) -> tf.Tensor:
        value = self._values[name]
        if isinstance(change, Window):
            change = change.to_map(size_of(value))
        elif isinstance(change, OneChannel):
            change = change.to_map(value.shape[3])
        return value + change


def _change_of(rule: Rule, changes: Sequence[Window | OneChannel | None]) -> Change | None:
    first, *others = changes
    if isinstance(first, OneChannel):
        return None if any(others) else rule.of_channel(first)
    windows = [change for change in changes if not isinstance(change, OneChannel)]
    if len(windows) < len(changes):
        return None
    reached = rule.reach(next(window.frame for window in windows if window is not None))
    if reached is not None and reached.covers(rule.point.size_out, WINDOW_SHARE):
        return None  # a whole map costs no more, and needs no conversion
    return rule.of_windows(windows)
