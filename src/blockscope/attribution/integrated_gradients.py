"""Attribution of a score to channels: gradient x activation, and integrated gradients.

Integrated gradients (Sundararajan et al. 2017) average the gradient along a straight path, here
from zero activations of a layer to those of the image (Captum: LayerIntegratedGradients, whose
baseline is the layer's value at a baseline input; the notebook on channel attribution:
``channel_attr_path``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import tensorflow as tf
from tqdm import tqdm

from blockscope.attribution.contrasts import LOGSUMEXP, NO_REFERENCE, Contrast
from blockscope.attribution.quadrature import (
    SINGLE_PRECISION,
    Floats,
    QuadratureResult,
    QuadratureRule,
    gauss_legendre,
    integrate_adaptive,
    left_riemann,
)
from blockscope.autodiff.batches import in_batches
from blockscope.autodiff.gradients import Gradients
from blockscope.autodiff.score_gradients import ScoreGradients
from blockscope.io.chosen_numbers import chosen_numbers

NOTEBOOK_STEPS = 100
# Under an override the slopes do not add up to the score, so that nothing shows when to stop.
FIXED_STEPS = 64
# What a contrast of InceptionV1 takes at mixed4d to be complete to 0.1 %; others may take more.
FEWEST_STEPS = 22


@dataclass(frozen=True, eq=False)
class ChannelAttribution:
    """Attribution (contrast, channel), in units of the score, and how it was computed.

    ``steps`` (contrast): gradients taken. ``quadrature_error`` (contrast): that of
    ``QuadratureResult``; NaN for methods that do not estimate it.
    """

    values: Floats
    steps: npt.NDArray[np.int32]
    quadrature_error: Floats


class ChannelPaths:
    """Attribution of contrasts to channels by any method, at one layer and image.

    ``scores`` and ``at_zero``, (contrast): the score at the image and at zero activations.
    """

    def __init__(
        self,
        gradients: Gradients,
        contrasts: Sequence[Contrast],
        memory_mb: int = 2048,
        progress: bool = False,
    ) -> None:
        """Evaluate both ends of the path; ``memory_mb`` bounds the batches, not the result.

        Raises ``UnknownName`` for a contrast of an index that is no place in the logits, and for
        none.
        """
        second = [one.b for one in contrasts if one.b not in (LOGSUMEXP, NO_REFERENCE)]
        named = [*(one.a for one in contrasts), *second]
        chosen_numbers("labels", named, gradients.size, "contrasts")
        self.gradients, self.contrasts = gradients, list(contrasts)
        self.memory_mb, self.progress = memory_mb, progress
        logits = gradients.values_at(self._points(np.array([0.0, 1.0])))
        self._logits = int(logits.shape[1])
        self._largest_logit = float(np.abs(logits.numpy()).max(initial=0))
        ends = np.array([one.score(logits).numpy() for one in self.contrasts], np.float64)
        self.at_zero, self.scores = ends[:, 0], ends[:, 1]

    def linear(self) -> ChannelAttribution:
        """Return gradient x activation at the image, summed over positions."""
        return self._by_rule(QuadratureRule(np.ones(1), np.ones(1)))

    def path(self, tolerance: float = 1e-3) -> ChannelAttribution:
        """Return integrated gradients: the integral over t of the gradient at t * A, times A.

        Summed over positions. Steps are added for each contrast until the completeness error is
        below ``tolerance`` (see ``integrate_adaptive``). An override between layer and logits
        breaks completeness, and ``FIXED_STEPS`` Gauss-Legendre nodes are taken instead. Source:
        Sundararajan et al. 2017; Olah et al. 2018.
        """
        if not self.gradients.exact:
            return self._by_rule(gauss_legendre(FIXED_STEPS))
        expected = FEWEST_STEPS * len(self.contrasts)
        gradients = ScoreGradients(self.gradients, expected, self.memory_mb)
        found = [self._refined(one, tolerance, gradients) for one in self.contrasts]
        return ChannelAttribution(
            np.array([one.value for one in found]),
            np.array([one.steps for one in found], np.int32),
            np.array([one.error for one in found]),
        )

    def left(self, steps: int = NOTEBOOK_STEPS) -> ChannelAttribution:
        """Return integrated gradients by a left Riemann sum, as in the notebook."""
        return self._by_rule(left_riemann(steps))

    def stochastic(self, noise: npt.NDArray[np.floating]) -> ChannelAttribution:
        """Return noisy integrated gradients: ``left`` with each point multiplied by ``noise``.

        ``noise``: (step, channel), see ``draw_noise``. The gradient is still multiplied by the
        activations themselves. Source: the notebook on channel attribution.
        """
        return self._by_rule(left_riemann(len(noise)), noise)

    def completeness_error(self, values: Floats) -> Floats:
        """Return how far attributions (contrast, channel) are from adding up, (contrast), signed.

        ``(sum - rise) / |rise|``, where the rise is score(A) - score(0); 0 where both are zero.
        Captum: the convergence delta, as a share of the rise.
        """
        rise = self.scores - self.at_zero
        apart = values.sum(1) - rise
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(apart == 0, 0.0, apart / np.abs(rise))

    def _by_rule(
        self, rule: QuadratureRule, noise: npt.NDArray[np.floating] | None = None
    ) -> ChannelAttribution:
        slopes, _ = self._gradients_along_path(
            rule.nodes, self.contrasts, noise, rule.denominator, self.progress
        )
        count = len(self.contrasts)
        return ChannelAttribution(
            np.einsum("t,ptc->pc", rule.weights, slopes),
            np.full(count, len(rule.nodes), np.int32),
            np.full(count, np.nan),
        )

    def _refined(
        self, contrast: Contrast, tolerance: float, gradients: ScoreGradients
    ) -> QuadratureResult:
        score, value = contrast.of_logits(self._logits), self.gradients.value
        with tqdm(desc="path", unit="point", disable=not self.progress) as bar:

            def evaluate(nodes: Floats) -> tuple[Floats, Floats]:
                slopes, heights = [], []
                for start in range(0, len(nodes), gradients.batch):
                    batch = nodes[start : start + gradients.batch]
                    height, slope = gradients(self._points(batch), score)
                    heights.append(height.numpy())
                    slopes.append(tf.einsum("brcx,rcx->bx", slope, value).numpy())
                    bar.update(len(batch))
                joined = np.concatenate(slopes, dtype=np.float64)
                return joined, np.concatenate(heights, dtype=np.float64)

            # A score is a difference of logits, whose rounding goes with their size.
            resolution = SINGLE_PRECISION * self._largest_logit
            return integrate_adaptive(tolerance, evaluate, resolution=resolution)

    def _points(
        self,
        nodes: Floats,
        noise: npt.NDArray[np.floating] | None = None,
        denominator: int = 1,
    ) -> npt.NDArray[np.floating]:
        """Return the layer's values at nodes of the path, (node, row, col, channel)."""
        value = self.gradients.value
        # n * A / N, rounded as in the notebook: it decides units that are just on or off.
        whole = (nodes * denominator).astype(value.dtype)[:, None, None, None]
        points = whole * value / value.dtype.type(denominator)
        return points if noise is None else (points * noise[:, None, None]).astype(value.dtype)

    def _batches(self, nodes: Floats) -> list[npt.NDArray[np.int64]]:
        each = self.gradients.bytes_per_point
        each += len(self.contrasts) * self.gradients.value.nbytes
        return in_batches(np.arange(len(nodes)), each, self.memory_mb)

    def _gradients_along_path(
        self,
        nodes: Floats,
        contrasts: Sequence[Contrast],
        noise: npt.NDArray[np.floating] | None = None,
        denominator: int = 1,
        progress: bool = False,
    ) -> tuple[Floats, Floats]:
        """Return gradient times activation summed over positions, and scores, at nodes of the path.

        (contrast, node, channel) and (contrast, node).
        """
        slopes, scores = [], []
        value = self.gradients.value
        bar = tqdm(self._batches(nodes), desc="points", unit="batch", disable=not progress)
        for batch in bar:
            chosen = None if noise is None else noise[batch]
            points = self._points(nodes[batch], chosen, denominator)
            found, gradients = self.gradients.at(
                points, lambda logits: [one.score(logits) for one in contrasts]
            )
            slopes.append([tf.einsum("brcx,rcx->bx", g, value).numpy() for g in gradients])
            scores.append(found)
        joined = np.concatenate([np.array(part, np.float64) for part in slopes], axis=1)
        return joined, np.concatenate(scores, axis=1, dtype=np.float64)


def draw_noise(seed: int, channels: int, steps: int = NOTEBOOK_STEPS) -> npt.NDArray[np.float32]:
    """Return factors for noisy integrated gradients, (step, channel): (u1 + u2) / 1.5, u uniform.

    Their mean is 2/3, as in the notebook, which draws them without a seed.
    """
    uniform = np.random.default_rng(seed).random((steps, 2, channels))
    return (uniform.sum(1) / 1.5).astype(np.float32)
