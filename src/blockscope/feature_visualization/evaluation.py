"""How good a finished picture is, whatever way it was made."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from blockscope.feature_visualization.network_view import View
from blockscope.feature_visualization.objectives import Images, Objective
from blockscope.feature_visualization.optimizer import batch_size
from blockscope.feature_visualization.random_streams import rng_for
from blockscope.feature_visualization.recipes import LUCID_TRANSFORMS
from blockscope.feature_visualization.transforms import draw, resample
from blockscope.models.network import Network

DRAWS = 8


class Evaluator:
    """The mean objective of pictures under fresh transforms, Lucid's set, at their full size.

    The draws are those of the picture's name and the judge's own purpose: no optimiser has seen
    them, and all recipes are judged by the same ones.
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
        self._scores = tf.function(self._scored, autograph=False)

    def scores(self, pictures: npt.NDArray[np.float32], images: Images) -> npt.NDArray[np.float32]:
        """Return the objective of pictures (image, row, col, rgb), 0 to 1, mean over the draws.

        ``images`` says which of the objective's they are.
        """
        found = np.zeros((len(images), self._draws), np.float32)
        everything = [(n, d) for n in range(len(images)) for d in range(self._draws)]
        affine = np.stack([self._drawn(image) for image in images])
        for start in range(0, len(everything), self._batch):
            part = everything[start : start + self._batch]
            number, drawn = np.resize(np.array(part), (self._batch, 2)).T
            arrays = self._objective.arrays(np.asarray(images)[number])
            scores = self._scores(pictures[number], affine[number, drawn], arrays).numpy()
            found[number[: len(part)], drawn[: len(part)]] = scores[: len(part)]
        return found.mean(axis=1)

    def _drawn(self, image: int) -> npt.NDArray[np.float32]:
        layer = "+".join(self._objective.layers)
        generator = rng_for(0, layer, self._units[image], "judge")
        return draw(LUCID_TRANSFORMS, self._size, self._draws, generator)

    def _scored(
        self, pictures: tf.Tensor, affine: tf.Tensor, arrays: Sequence[Sequence[tf.Tensor]]
    ) -> tf.Tensor:
        views = resample(pictures, affine, self._view.size)
        return self._objective.scores(self._view.layers_of(views), arrays)
