"""The coherent activation grid: cells that share what is alike in their activations."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from blockscope.feature_visualization.network_view import View
from blockscope.feature_visualization.objectives import direction
from blockscope.feature_visualization.optimizer import LARGEST, TINY, batch_size
from blockscope.feature_visualization.parameterization import parameters_of
from blockscope.feature_visualization.random_streams import rng_for
from blockscope.feature_visualization.recipes import Recipe
from blockscope.feature_visualization.transforms import draw, resample
from blockscope.models.network import Network

Numbers = npt.NDArray[np.float32]

# What of a cell's numbers is its own, and what it has from the groups it belongs to.
OWN, SHARED = 0.7, 0.5
# Pixels that pass together on a processor, and the most cells: a pass of a cell of 52 pixels takes
# half as long among 64 as among 8.
PIXELS, MOST = 64 * 52**2, 64
AHEAD = 32  # transforms of a cell that are drawn at once


class Adam:
    """Numbers that some rows at a time move along a gradient, each row with its own count."""

    def __init__(self, numbers: Numbers, recipe: Recipe) -> None:
        self.numbers, self._recipe = numbers, recipe
        self._first, self._second = np.zeros_like(numbers), np.zeros_like(numbers)
        self.count = np.zeros(len(numbers), np.int64)

    @property
    def state(self) -> dict[str, npt.NDArray[np.generic]]:
        """All that the next step depends on; what is set goes on as if it had been made here."""
        means = {"first": self._first, "second": self._second}
        return {"numbers": self.numbers, **means, "count": self.count}

    @state.setter
    def state(self, kept: Mapping[str, npt.NDArray[Any]]) -> None:
        """Go on from a state."""
        self.numbers, self.count = kept["numbers"].copy(), kept["count"].copy()
        self._first, self._second = kept["first"].copy(), kept["second"].copy()

    def step(self, rows: npt.NDArray[np.int64], gradient: Numbers, pace: float = 1.0) -> None:
        """Move ``rows``, each once, along their gradients (row, ...); ``pace``: see the recipe."""
        recipe = self._recipe
        self.count[rows] += 1
        kept = [np.float32(share) for share in (recipe.momentum, recipe.memory)]
        first = kept[0] * self._first[rows] + (1 - kept[0]) * gradient
        second = kept[1] * self._second[rows] + (1 - kept[1]) * gradient**2
        self._first[rows], self._second[rows] = first, second
        count = self.count[rows]
        rate = recipe.rate * np.sqrt(1 - recipe.memory**count) / (1 - recipe.momentum**count)
        rate = rate.astype(np.float32).reshape(-1, *[1] * (gradient.ndim - 1))
        numbers = np.float32(1 - pace * recipe.shrink) * self.numbers[rows]
        rate *= np.float32(pace)
        self.numbers[rows] = numbers + rate * first / (np.sqrt(second) + np.float32(TINY))


class Coherent:
    """Pictures of all positions of a layer, rendered some at a time.

    A cell's numbers are ``OWN`` times numbers of its own plus ``SHARED`` times those of the groups,
    weighted by how much of each group is in the cell; what they stand for is the recipe's. Every
    step computes ``drawn`` cells: of those that were drawn least often so far, a random choice.
    Only the drawn cells and the groups move.

    ``vectors``    what the layer says at each cell, float32 (cell, channel)
    ``weights``    how much of each group is in a cell, (cell, group), 0 to 1
    ``cosine``     power of the cosine by which the dot product with a vector is multiplied
    ``step``       how many steps are taken
    ``stopped``    step at which a cell's numbers were no longer finite, -1 where they are; such a
                   cell keeps its own numbers

    The random numbers of a cell follow from the recipe's seed, the layer, its number and how often
    it was drawn. A step costs one pass forward and back per drawn cell, however many there are;
    ``memory_mb`` bounds how many pass together and changes nothing else.
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
        cosine: float = 0.0,
    ) -> None:
        self._vectors, self._weights = vectors, weights.astype(np.float32)
        self._layer, self._recipe, self._drawn = layer, recipe, min(drawn, len(vectors))
        self._objective = direction(layer, vectors, cosine)
        self._parameters = parameters_of(recipe)
        self._view = View(network, self._objective, recipe.size + recipe.transforms.margin)
        most = batch_size(self._view.bytes_per_image, memory_mb, cells_at_once(self._view.size))
        self.batch = even_batch(self._drawn, most)
        self._climb = tf.function(self._climbed, autograph=False)
        self._pictures = tf.function(self._parameters.pictures, autograph=False)
        cells, groups = range(len(vectors)), range(weights.shape[1])
        self._own = Adam(self._started([cell_name(n) for n in cells]), recipe)
        self._shared = Adam(self._started([f"group {n}" for n in groups]), recipe)
        self._moves = np.zeros((len(vectors), AHEAD, 2, 3), np.float32)
        self._moves_from = np.full(len(vectors), -1)
        self.step, self.stopped = 0, np.full(len(vectors), -1)

    @property
    def state(self) -> dict[str, npt.NDArray[np.generic]]:
        """All that the next step depends on, between two steps: setting it goes on from there."""
        rows = {"own": self._own.state, "shared": self._shared.state}
        named = {f"{of}_{name}": a for of, state in rows.items() for name, a in state.items()}
        return {**named, "step": np.array(self.step), "stopped": self.stopped}

    @state.setter
    def state(self, kept: Mapping[str, npt.NDArray[Any]]) -> None:
        """Go on from a state."""
        for of, adam in (("own", self._own), ("shared", self._shared)):
            adam.state = {name: kept[f"{of}_{name}"] for name in adam.state}
        self.step, self.stopped = int(kept["step"]), kept["stopped"].copy()
        self._moves_from[:] = -1

    def run(self) -> Iterator[float]:
        """Take the recipe's steps that are left; yield after each the drawn cells' mean objective.

        Ends early where every cell has stopped.
        """
        every = len(self._vectors)
        for step in range(self.step, self._recipe.steps):
            cells = self._lot(step)
            if not len(cells):
                return
            redirect = step * self._drawn // every < self._recipe.redirected
            scores, gradient = self._gradients(cells, redirect)
            finite = np.isfinite(gradient).all(axis=tuple(range(1, gradient.ndim)))
            finite &= np.isfinite(scores)
            self.stopped[cells[~finite]] = step
            cells, gradient = cells[finite], gradient[finite]
            of_groups = np.einsum("ig,i...->g...", self._weights[cells], gradient)
            pace = self._recipe.pace(step)
            self._own.step(cells, np.float32(OWN) * gradient, pace)
            self._shared.step(np.arange(len(of_groups)), np.float32(SHARED) * of_groups, pace)
            self.step = step + 1
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

    def _lot(self, step: int) -> npt.NDArray[np.int64]:
        going = np.flatnonzero(self.stopped < 0)
        lots = self._generator("all cells", f"order {step}").random(len(going))
        return going[np.lexsort((lots, self._own.count[going]))[: self._drawn]]

    def _affine(self, cells: npt.NDArray[np.int64]) -> Numbers:
        """Return the next transform of each cell, (cell, 2, 3); drawn some at a time."""
        part, place = np.divmod(self._own.count[cells], AHEAD)
        for cell, number in zip(cells, part, strict=True):
            if self._moves_from[cell] != number:
                generator = self._generator(cell_name(cell), f"transforms {number}")
                moves = draw(self._recipe.transforms, self._recipe.size, AHEAD, generator)
                self._moves[cell], self._moves_from[cell] = moves, number
        return self._moves[cells, place]

    def _gradients(self, cells: npt.NDArray[np.int64], redirect: bool) -> tuple[Numbers, Numbers]:
        """Return the objective of some cells and its gradient at their mixed numbers."""
        affine, found = self._affine(cells), []
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
        return rng_for(self._recipe.seed, self._layer, name, purpose)


def cells_at_once(view: int) -> int:
    """Return how many views of so many pixels a side pass together on a processor, at most."""
    return int(np.clip(PIXELS // view**2, LARGEST, MOST))


def even_batch(cells: int, most: int) -> int:
    """Return the smallest batch in which ``cells`` take as few batches as in the largest."""
    return -(-cells // -(-cells // most))


def cell_name(number: int) -> str:
    """Return what the random numbers of a cell are drawn under; cells are counted row by row."""
    return f"cell {number}"
