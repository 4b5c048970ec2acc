"""The coherent activation grid: cells that share what is alike in their activations."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from blockscope.ascent.climb import TINY, batch_size
from blockscope.ascent.objectives import direction
from blockscope.ascent.parameters import parameters_of
from blockscope.ascent.recipes import Recipe
from blockscope.ascent.seeds import generator_of
from blockscope.ascent.transforms import draw, resample
from blockscope.ascent.view import View
from blockscope.models.network import Network

Numbers = npt.NDArray[np.float32]

# What of a cell's numbers is its own, and what it has from the groups it belongs to.
OWN, SHARED = 0.7, 0.5


class Adam:
    """Numbers that some rows at a time move along a gradient, each row with its own count."""

    def __init__(self, numbers: Numbers, recipe: Recipe) -> None:
        self.numbers, self._recipe = numbers, recipe
        self._first, self._second = np.zeros_like(numbers), np.zeros_like(numbers)
        self.count = np.zeros(len(numbers), np.int64)

    def step(self, rows: npt.NDArray[np.int64], gradient: Numbers) -> None:
        """Move ``rows``, each named once, along their gradients (row, ...)."""
        recipe = self._recipe
        self.count[rows] += 1
        kept = [np.float32(share) for share in (recipe.momentum, recipe.memory)]
        first = kept[0] * self._first[rows] + (1 - kept[0]) * gradient
        second = kept[1] * self._second[rows] + (1 - kept[1]) * gradient**2
        self._first[rows], self._second[rows] = first, second
        count = self.count[rows]
        rate = recipe.rate * np.sqrt(1 - recipe.memory**count) / (1 - recipe.momentum**count)
        rate = rate.astype(np.float32).reshape(-1, *[1] * (gradient.ndim - 1))
        numbers = np.float32(1 - recipe.shrink) * self.numbers[rows]
        self.numbers[rows] = numbers + rate * first / (np.sqrt(second) + np.float32(TINY))


class Coherent:
    """Pictures of all positions of a layer, rendered some at a time.

    A cell's numbers are ``OWN`` times numbers of its own plus ``SHARED`` times those of the groups,
    weighted by how much of each group is in the cell; what they stand for is the recipe's. Every
    step computes ``drawn`` cells: of those that were drawn least often so far, a random choice.
    Only the drawn cells and the groups move.

    ``vectors``    what the layer says at each cell, float32 (cell, channel)
    ``weights``    how much of each group is in a cell, (cell, group), 0 to 1
    ``stopped``    step at which a cell's numbers were no longer finite, -1 where they are; such a
                   cell keeps its own numbers

    The random numbers of a cell follow from the recipe's seed, the layer and its number. A step
    costs one pass forward and back per drawn cell, however many there are; ``memory_mb`` bounds how
    many pass together and changes nothing else.
    Source: notebook on activation grids of Olah et al. 2018, where cells are drawn with repetition.
    """

    def __init__(
        self,
        network: Network,
        layer: str,
        vectors: Numbers,
        weights: npt.NDArray[np.floating],
        drawn: int,
        recipe: Recipe,
        memory_mb: int = 2048,
    ) -> None:
        self._vectors, self._weights = vectors, weights.astype(np.float32)
        self._layer, self._recipe, self._drawn = layer, recipe, min(drawn, len(vectors))
        self._objective = direction(layer, vectors)
        self._parameters = parameters_of(recipe)
        self._view = View(network, self._objective, recipe.size + recipe.transforms.margin)
        self.batch = batch_size(self._view.bytes_per_image, memory_mb)
        self._climb = tf.function(self._climbed, autograph=False)
        self._pictures = tf.function(self._parameters.pictures, autograph=False)
        cells, groups = range(len(vectors)), range(weights.shape[1])
        self._own = Adam(self._started([cell_name(n) for n in cells]), recipe)
        self._shared = Adam(self._started([f"group {n}" for n in groups]), recipe)
        self._moves = [self._generator(cell_name(n), "transforms") for n in cells]
        self._lots = self._generator("all cells", "order")
        self.stopped = np.full(len(vectors), -1)

    def run(self) -> Iterator[float]:
        """Take the recipe's steps; yield after each the mean objective of the drawn cells."""
        every = len(self._vectors)
        for step in range(self._recipe.steps):
            cells = self._lot()
            if not len(cells):
                return
            redirect = step * self._drawn // every < self._recipe.redirected
            scores, gradient = self._gradients(cells, redirect)
            finite = np.isfinite(gradient).all(axis=tuple(range(1, gradient.ndim)))
            finite &= np.isfinite(scores)
            self.stopped[cells[~finite]] = step
            cells, gradient = cells[finite], gradient[finite]
            of_groups = np.einsum("ig,i...->g...", self._weights[cells], gradient)
            self._own.step(cells, np.float32(OWN) * gradient)
            self._shared.step(np.arange(len(of_groups)), np.float32(SHARED) * of_groups)
            yield float(np.mean(scores[finite])) if finite.any() else float("nan")

    def pictures(self) -> Numbers:
        """Return the cells as they are by now, float32 (cell, row, col, rgb), 0 to 1."""
        everything = np.arange(len(self._vectors))
        found = [
            self._pictures(self._mixed(places)).numpy()[:count]
            for places, count in self._batches(everything)
        ]
        return np.concatenate(found)

    def _mixed(self, cells: npt.NDArray[np.int64]) -> Numbers:
        shared = np.einsum("ig,g...->i...", self._weights[cells], self._shared.numbers)
        return np.float32(OWN) * self._own.numbers[cells] + np.float32(SHARED) * shared

    def _lot(self) -> npt.NDArray[np.int64]:
        going = np.flatnonzero(self.stopped < 0)
        order = np.lexsort((self._lots.random(len(going)), self._own.count[going]))
        return going[order[: self._drawn]]

    def _gradients(self, cells: npt.NDArray[np.int64], redirect: bool) -> tuple[Numbers, Numbers]:
        """Return the objective of some cells and its gradient at their mixed numbers."""
        recipe = self._recipe
        affine = np.stack(
            [draw(recipe.transforms, recipe.size, 1, self._moves[cell])[0] for cell in cells]
        )
        found = []
        for places, count in self._batches(np.arange(len(cells))):
            given = self._mixed(cells[places]), affine[places], self._vectors[cells[places]]
            results = self._climb(*map(tf.constant, given), redirect)
            found.append([result.numpy()[:count] for result in results])
        scores, gradients = zip(*found, strict=True)
        return np.concatenate(scores), np.concatenate(gradients)

    def _batches(self, cells: npt.NDArray[np.int64]) -> Iterator[tuple[npt.NDArray[np.int64], int]]:
        """Yield batches of equal length and how many of each count: the last is filled up."""
        for start in range(0, len(cells), self.batch):
            part = cells[start : start + self.batch]
            yield np.resize(part, self.batch), len(part)

    def _climbed(
        self, numbers: tf.Tensor, affine: tf.Tensor, vectors: tf.Tensor, redirect: bool
    ) -> tuple[tf.Tensor, tf.Tensor]:
        views = resample(self._parameters.pictures(numbers), affine, self._view.size)
        scores = self._objective.scores(self._view.layers_of(views, redirect), [[vectors]])
        (gradient,) = tf.gradients(tf.reduce_sum(scores), numbers)
        return scores, gradient

    def _started(self, names: list[str]) -> Numbers:
        return np.stack([self._parameters.start(self._generator(n, "start")) for n in names])

    def _generator(self, name: str, purpose: str) -> np.random.Generator:
        return generator_of(self._recipe.seed, self._layer, name, purpose)


def cell_name(number: int) -> str:
    """Return what the random numbers of a cell are drawn under; cells are counted row by row."""
    return f"cell {number}"
