"""Derivatives of max pooling by the overrides that smooth it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import tensorflow as tf

from blockscope.autodiff.gradient_overrides import (
    BLUR,
    SMOOTH_EPSILON,
    blur,
    require_maps,
    without_padding,
)
from blockscope.autodiff.linear_ops.linear_op import OpPoint, single_tangent
from blockscope.autodiff.linear_ops.pooling import (
    Pooling,
    average,
    pool_window,
    share_of_cells,
    spread_window,
)
from blockscope.autodiff.windows import CoefficientMap, Frame, Window


class SmoothPooling(Pooling):
    """Forward mode of the override ``smooth``: the derivative of avg(x^2) / (epsilon + avg|x|).

    It is F1 * avg(2x * v) + F2 * avg(sign(x) * v) with F1, F2 fixed at the point. With
    ``blurred`` the tangent is blurred first, because forward mode runs through the transposed
    maps in reverse order.
    """

    blurred = False

    def __init__(self, point: OpPoint) -> None:
        """Compute the coefficients before and after the averages."""
        super().__init__(point)
        require_maps(point.node)
        self.padding = point.attribute("padding")
        averaged = partial(average, sliding=self.sliding, padding=self.padding)
        x, factor = without_padding(point.inputs[0], averaged)
        below = SMOOTH_EPSILON + factor * averaged(tf.abs(x))
        above = factor * averaged(tf.square(x))
        self.before = (CoefficientMap(2 * x), CoefficientMap(tf.sign(x)))
        self.after = (factor / below, -factor * above / tf.square(below))
        counts = share_of_cells(point, self.sliding).values
        self.after_windows = tuple(CoefficientMap(factor * counts) for factor in self.after)

    def jvp(self, tangents: Sequence[tf.Tensor | None]) -> tf.Tensor:
        """Weight, average and weight again, for both terms."""
        tangent = blur(single_tangent(tangents)) if self.blurred else single_tangent(tangents)
        parts = [
            after * average(before.values * tangent, self.sliding, self.padding)
            for before, after in zip(self.before, self.after, strict=True)
        ]
        return tf.add_n(parts)

    def jvp_windows(self, tangents: Sequence[Window | None]) -> Window:
        """Do the same in each window; a blurred one grows by a cell on every side."""
        window = single_tangent(tangents).masked(self.point.size_in)
        if self.blurred:
            window = _blur_window(window)
        parts = []
        for before, after in zip(self.before, self.after_windows, strict=True):
            part = Window(window.frame, window.values * before.at(window.frame))
            frame, pooled = pool_window(part, self.sliding)
            parts.append(pooled * after.at(frame))
        return Window(frame, tf.add_n(parts))

    def vjp_windows(self, cotangent: Window) -> list[Window]:
        """Weight, spread and weight again, for both terms; what is blurred is so at the end."""
        window = cotangent.masked(self.point.size_out)
        parts = []
        for before, after in zip(self.before, self.after_windows, strict=True):
            weighted = Window(window.frame, window.values * after.at(window.frame))
            spread = spread_window(weighted, self.sliding)
            parts.append(spread.values * before.at(spread.frame))
        # A coefficient that is looked up is zero outside of the map.
        clean = not self.before[0].uniform
        found = Window(spread.frame, tf.add_n(parts), clean).masked(self.point.size_in)
        return [_blur_window(found) if self.blurred else found]

    def outputs_of(self, frame: Frame) -> Frame:
        """Return the frame of all outputs that read any cell, blurred or not."""
        return super().outputs_of(_blurred_frame(frame) if self.blurred else frame)

    def inputs_of(self, frame: Frame) -> Frame:
        """Return the frame of all inputs that are read, blurred or not."""
        read = super().inputs_of(frame)
        return _blurred_frame(read) if self.blurred else read


def _blurred_frame(frame: Frame) -> Frame:
    more = len(BLUR) - 1
    return Frame(frame.top - 1, frame.left - 1, frame.rows + more, frame.cols + more)


def _blur_window(window: Window) -> Window:
    grown = window.reframed(_blurred_frame(window.frame))
    return Window(grown.frame, blur(grown.values), clean=False)


class BlurredSmoothPooling(SmoothPooling):
    """Forward mode of the override ``smooth-blur``."""

    blurred = True
