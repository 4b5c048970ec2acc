"""Attribution of a score to channels: at the picture, or along a path from zero to it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import tensorflow as tf
from tqdm import tqdm

from blockscope.attribution.contrasts import Contrast
from blockscope.attribution.quadrature import Integral, Rule, gauss, integrate_adaptive, left
from blockscope.autodiff.batches import in_batches
from blockscope.autodiff.gradients import Gradients

Numbers = npt.NDArray[np.float64]

NOTEBOOK_STEPS = 100
# Under an override the slopes do not add up to the score, so that nothing tells when to stop.
FIXED_STEPS = 64


@dataclass(frozen=True, eq=False)
class ChannelAttribution:
    """Attribution (pair, channel), in units of the score, and how it was computed.

    ``steps`` (pair): gradients taken. ``quadrature_error`` (pair): that of ``Integral``; NaN for
    methods that do not know it.
    """

    values: Numbers
    steps: npt.NDArray[np.int32]
    quadrature_error: Numbers


class ChannelPaths:
    """Attribution of pairs to channels by any method, at one layer of one picture."""

    def __init__(
        self,
        gradients: Gradients,
        pairs: Sequence[Contrast],
        memory_mb: int = 2048,
        progress: bool = False,
    ) -> None:
        """Hold what is asked; ``memory_mb`` bounds the batches and changes nothing else."""
        self.gradients, self.pairs = gradients, list(pairs)
        self.memory_mb, self.progress = memory_mb, progress
        logits = gradients.values_at(self._points(np.array([0.0, 1.0])))
        ends = np.array([pair.score(logits).numpy() for pair in self.pairs], np.float64)
        self.at_zero, self.scores = ends[:, 0], ends[:, 1]

    def linear(self) -> ChannelAttribution:
        """Return sum over positions of gradient times activation, the gradient at the picture."""
        return self._by(Rule(np.ones(1), np.ones(1)))

    def path(self, tolerance: float = 1e-3) -> ChannelAttribution:
        """Return the integral over t of the gradient at t * A, times A, summed over positions.

        Steps are added for each pair until the completeness error is below ``tolerance`` (see
        ``integrate_adaptive``); under an override that takes part there is no completeness, and
        ``FIXED_STEPS`` Gauss nodes are taken. Source: Sundararajan et al. 2017; Olah et al. 2018.
        """
        if not self.gradients.exact:
            return self._by(gauss(FIXED_STEPS))
        found = [self._refined(pair, tolerance) for pair in self.pairs]
        return ChannelAttribution(
            np.array([one.value for one in found]),
            np.array([one.steps for one in found], np.int32),
            np.array([one.error for one in found]),
        )

    def left(self, steps: int = NOTEBOOK_STEPS) -> ChannelAttribution:
        """Return the path integral by the left Riemann sum, as in the notebook."""
        return self._by(left(steps))

    def stochastic(self, noise: npt.NDArray[np.floating]) -> ChannelAttribution:
        """Return the left Riemann sum with each point multiplied by ``noise`` (step, channel).

        The product is still taken with the activations themselves. Source: the notebook.
        """
        return self._by(left(len(noise)), noise)

    def completeness_error(self, values: Numbers) -> Numbers:
        """Return how far attributions (pair, channel) are from adding up, (pair), signed.

        (sum - rise) / |rise|, where the rise is score(A) - score(0); 0 where both are zero.
        """
        rise = self.scores - self.at_zero
        apart = values.sum(1) - rise
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(apart == 0, 0.0, apart / np.abs(rise))

    def _by(self, rule: Rule, noise: npt.NDArray[np.floating] | None = None) -> ChannelAttribution:
        slopes, _ = self._along(rule.nodes, self.pairs, noise, rule.denominator, self.progress)
        count = len(self.pairs)
        return ChannelAttribution(
            np.einsum("t,ptc->pc", rule.weights, slopes),
            np.full(count, len(rule.nodes), np.int32),
            np.full(count, np.nan),
        )

    def _refined(self, pair: Contrast, tolerance: float) -> Integral:
        with tqdm(desc="path", unit="point", disable=not self.progress) as bar:

            def look(places: Numbers) -> tuple[Numbers, Numbers]:
                slopes, heights = self._along(places, [pair])
                bar.update(len(places))
                return slopes[0], heights[0]

            return integrate_adaptive(tolerance, look)

    def _points(
        self,
        places: Numbers,
        noise: npt.NDArray[np.floating] | None = None,
        denominator: int = 1,
    ) -> npt.NDArray[np.floating]:
        value = self.gradients.value
        # n * A / N, as the notebook rounds: it decides units that are just on or off.
        whole = (places * denominator).astype(value.dtype)[:, None, None, None]
        points = whole * value / value.dtype.type(denominator)
        return points if noise is None else (points * noise[:, None, None]).astype(value.dtype)

    def _batches(self, places: Numbers) -> list[npt.NDArray[np.int64]]:
        each = self.gradients.bytes_per_point + len(self.pairs) * self.gradients.value.nbytes
        return in_batches(np.arange(len(places)), each, self.memory_mb)

    def _along(
        self,
        places: Numbers,
        pairs: Sequence[Contrast],
        noise: npt.NDArray[np.floating] | None = None,
        denominator: int = 1,
        progress: bool = False,
    ) -> tuple[Numbers, Numbers]:
        """Return gradient times activation summed over positions, and scores, along the path.

        (pair, place, channel) and (pair, place).
        """
        slopes, scores = [], []
        value = self.gradients.value
        bar = tqdm(self._batches(places), desc="points", unit="batch", disable=not progress)
        for batch in bar:
            chosen = None if noise is None else noise[batch]
            points = self._points(places[batch], chosen, denominator)
            found, gradients = self.gradients.at(
                points, lambda t: [pair.score(t) for pair in pairs]
            )
            slopes.append([tf.einsum("brcx,rcx->bx", g, value).numpy() for g in gradients])
            scores.append(found)
        joined = np.concatenate([np.array(part, np.float64) for part in slopes], axis=1)
        return joined, np.concatenate(scores, axis=1, dtype=np.float64)


def draw_noise(seed: int, channels: int, steps: int = NOTEBOOK_STEPS) -> npt.NDArray[np.float32]:
    """Return the factors of the stochastic path, (step, channel): (u1 + u2) / 1.5, u uniform.

    Their mean is 2/3, as in the notebook, which draws them unseeded.
    """
    uniform = np.random.default_rng(seed).random((steps, 2, channels))
    return (uniform.sum(1) / 1.5).astype(np.float32)
