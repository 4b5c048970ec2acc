"""The held-out objective: how good a finished image is, whatever way it was made."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from blockscope.feature_visualization.network_view import View
from blockscope.feature_visualization.objectives import Indices, Objective
from blockscope.feature_visualization.optimizer import batch_size
from blockscope.feature_visualization.random_streams import rng_for
from blockscope.feature_visualization.recipes import LUCID_TRANSFORMS
from blockscope.feature_visualization.transforms import draw, resample
from blockscope.models.network import Network

DRAWS = 8


class Evaluator:
    """The mean objective of images at their full size under unseen draws of Lucid's transforms.

    The draws follow from the image's name and a purpose of their own: no optimizer has seen them,
    and all recipes meet the same ones.
    """

    def __init__(
        self,
        network: Network,
        objective: Objective,
        units: Sequence[int | str],
        size: int,
        draws: int = DRAWS,
        memory_mb: int = 2048,
        largest: int | None = None,
    ) -> None:
        self._objective, self._units, self._size, self._draws = objective, units, size, draws
        self._view = View(network, objective, size + LUCID_TRANSFORMS.margin)
        self._batch = batch_size(self._view.bytes_per_image, memory_mb, largest)
        self._scores = tf.function(self._view_scores, autograph=False)

    def evaluate(
        self, images: npt.NDArray[np.float32], indices: Indices
    ) -> npt.NDArray[np.float32]:
        """Return the held-out objective of images (image, row, col, rgb), 0 to 1: (image).

        ``indices`` says which of the objective's they are.
        """
        found = np.zeros((len(indices), self._draws), np.float32)
        everything = [(n, d) for n in range(len(indices)) for d in range(self._draws)]
        affine = np.stack([self._drawn(index) for index in indices])
        for start in range(0, len(everything), self._batch):
            part = everything[start : start + self._batch]
            # Filled up with copies, so that the same kernels run for every batch.
            number, drawn = np.resize(np.array(part), (self._batch, 2)).T
            targets = self._objective.targets(np.asarray(indices)[number])
            scores = self._scores(images[number], affine[number, drawn], targets).numpy()
            found[number[: len(part)], drawn[: len(part)]] = scores[: len(part)]
        return found.mean(axis=1)

    def _drawn(self, index: int) -> npt.NDArray[np.float32]:
        layer = "+".join(self._objective.layers)
        rng = rng_for(0, layer, self._units[index], "judge")
        return draw(LUCID_TRANSFORMS, self._size, self._draws, rng)

    def _view_scores(
        self, images: tf.Tensor, affine: tf.Tensor, targets: Sequence[Sequence[tf.Tensor]]
    ) -> tf.Tensor:
        views = resample(images, affine, self._view.size)
        return self._objective.scores(self._view.layers_of(views), targets)
