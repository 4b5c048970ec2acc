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
from blockscope.feature_visualization.parameterization import parameterization_of
from blockscope.feature_visualization.random_streams import rng_for
from blockscope.feature_visualization.recipes import Recipe
from blockscope.feature_visualization.transforms import draw, resample
from blockscope.models.network import Network

Floats = npt.NDArray[np.float32]

# A cell's parameters are these weights times its own and those of its neuron groups.
OWN, SHARED = 0.7, 0.5
# Pixels that pass together on a processor, and the most cells: a pass of a cell of 52 pixels takes
# half as long among 64 as among 8.
PIXELS, MOST = 64 * 52**2, 64
AHEAD = 32  # transforms of a cell that are drawn at once


class Adam:
    """Adam for parameters of which only some rows move at a time, each row with its own count.

    In NumPy, because the step of a grid picks rows of arrays that need not fit on a device; the
    formula is that of ``Optimizer``.
    """

    def __init__(self, parameters: Floats, recipe: Recipe) -> None:
        self.parameters, self._recipe = parameters, recipe
        self._first, self._second = np.zeros_like(parameters), np.zeros_like(parameters)
        self.count = np.zeros(len(parameters), np.int64)

    @property
    def state(self) -> dict[str, npt.NDArray[np.generic]]:
        """Everything that the next step depends on; setting it resumes from there."""
        means = {"first": self._first, "second": self._second}
        return {"parameters": self.parameters, **means, "count": self.count}

    @state.setter
    def state(self, kept: Mapping[str, npt.NDArray[Any]]) -> None:
        """Resume from a state."""
        self.parameters, self.count = kept["parameters"].copy(), kept["count"].copy()
        self._first, self._second = kept["first"].copy(), kept["second"].copy()

    def step(self, rows: npt.NDArray[np.int64], gradient: Floats, lr_factor: float = 1.0) -> None:
        """Move rows, each once, along their gradients (row, ...); ``lr_factor``: see ``Recipe``."""
        recipe = self._recipe
        self.count[rows] += 1
        beta1, beta2 = np.float32(recipe.beta1), np.float32(recipe.beta2)
        first = beta1 * self._first[rows] + (1 - beta1) * gradient
        second = beta2 * self._second[rows] + (1 - beta2) * gradient**2
        self._first[rows], self._second[rows] = first, second
        count = self.count[rows]
        rate = recipe.learning_rate * np.sqrt(1 - recipe.beta2**count) / (1 - recipe.beta1**count)
        rate = rate.astype(np.float32).reshape(-1, *[1] * (gradient.ndim - 1))
        decayed = np.float32(1 - lr_factor * recipe.weight_decay) * self.parameters[rows]
        rate *= np.float32(lr_factor)
        self.parameters[rows] = decayed + rate * first / (np.sqrt(second) + np.float32(TINY))


class CoherentGrid:
    """Images of all positions of a layer, optimized some at a time.

    A cell's parameters are ``OWN`` times parameters of its own plus ``SHARED`` times those of the
    neuron groups, weighted by how much of each is in the cell: ``weights`` (cell, group), 0 to 1.
    The recipe's parameterization turns them into an image, which raises the dot product with the
    cell's activations, ``vectors`` (cell, channel), times a power of the cosine between them. Every
    step computes ``cells_per_step`` cells: a random choice among those that were chosen least often
    so far. Only these cells and the groups move.

    ``step`` counts the steps taken. ``diverged_step`` (cell) is the step at which a cell's numbers
    became NaN or infinite, -1 for none; such a cell keeps its own parameters and is not chosen
    again. The random numbers of a cell follow from the recipe's seed, the layer, its number and how
    often it was chosen. A step costs one pass forward and back per chosen cell, however many cells
    there are.
    Source: notebook on activation grids of Olah et al. 2018, where cells are drawn with repetition.
    """

    def __init__(
        self,
        network: Network,
        layer: str,
        vectors: Floats,
        weights: npt.NDArray[np.floating],
        cells_per_step: int,
        recipe: Recipe,
        memory_mb: int = 2048,
        cosine_power: float = 0.0,
    ) -> None:
        self._vectors, self._weights = vectors, weights.astype(np.float32)
        self._layer, self._recipe = layer, recipe
        self._cells_per_step = min(cells_per_step, len(vectors))
        self._objective = direction(layer, vectors, cosine_power)
        self._parameterization = parameterization_of(recipe)
        self._view = View(network, self._objective, recipe.size + recipe.transforms.margin)
        most = batch_size(self._view.bytes_per_image, memory_mb, cells_at_once(self._view.size))
        self.batch = even_batch(self._cells_per_step, most)
        self._gradient = tf.function(self._scores_and_gradient, autograph=False)
        self._images = tf.function(self._parameterization.images, autograph=False)
        cells, groups = range(len(vectors)), range(weights.shape[1])
        self._own = Adam(self._start([cell_name(n) for n in cells]), recipe)
        self._shared = Adam(self._start([f"group {n}" for n in groups]), recipe)
        # Transforms are drawn AHEAD at a time for a cell; which part of its stream is held here.
        self._transforms = np.zeros((len(vectors), AHEAD, 2, 3), np.float32)
        self._transforms_part = np.full(len(vectors), -1)
        self.step, self.diverged_step = 0, np.full(len(vectors), -1)

    @property
    def state(self) -> dict[str, npt.NDArray[np.generic]]:
        """Everything that the next step depends on; setting it between two steps resumes."""
        rows = {"own": self._own.state, "shared": self._shared.state}
        named = {f"{of}_{name}": a for of, state in rows.items() for name, a in state.items()}
        return {**named, "step": np.array(self.step), "diverged_step": self.diverged_step}

    @state.setter
    def state(self, kept: Mapping[str, npt.NDArray[Any]]) -> None:
        """Resume from a state."""
        for of, adam in (("own", self._own), ("shared", self._shared)):
            adam.state = {name: kept[f"{of}_{name}"] for name in adam.state}
        self.step, self.diverged_step = int(kept["step"]), kept["diverged_step"].copy()
        self._transforms_part[:] = -1

    def run(self) -> Iterator[float]:
        """Take the recipe's remaining steps; yield after each the chosen cells' mean objective.

        Ends early where every cell has diverged.
        """
        every = len(self._vectors)
        for step in range(self.step, self._recipe.steps):
            cells = self.choose_cells(step)
            if not len(cells):
                return
            # How often each cell was chosen so far, which stands for the step of a plain grid.
            rounds = step * self._cells_per_step // every
            redirect = rounds < self._recipe.redirected_relu_steps
            scores, gradient = self._gradients(cells, redirect)
            finite = np.isfinite(gradient).all(axis=tuple(range(1, gradient.ndim)))
            finite &= np.isfinite(scores)
            self.diverged_step[cells[~finite]] = step
            cells, gradient = cells[finite], gradient[finite]
            # By the chain rule through the mix of a cell's own parameters and its groups'.
            of_groups = np.einsum("ig,i...->g...", self._weights[cells], gradient)
            lr_factor = self._recipe.lr_factor(step)
            self._own.step(cells, np.float32(OWN) * gradient, lr_factor)
            self._shared.step(np.arange(len(of_groups)), np.float32(SHARED) * of_groups, lr_factor)
            self.step = step + 1
            yield float(np.mean(scores[finite])) if finite.any() else float("nan")

    def images(self) -> Floats:
        """Return the cells as they are now, (cell, row, col, rgb), 0 to 1."""
        everything = np.arange(len(self._vectors))
        found = [
            self._images(self._mixed(places)).numpy()[:count]
            for places, count in self._batches(everything)
        ]
        return np.concatenate(found)

    def _mixed(self, cells: npt.NDArray[np.int64]) -> Floats:
        shared = np.einsum("ig,g...->i...", self._weights[cells], self._shared.parameters)
        return np.float32(OWN) * self._own.parameters[cells] + np.float32(SHARED) * shared

    def choose_cells(self, step: int) -> npt.NDArray[np.int64]:
        """Return the cells of a step: of those chosen least often, a random choice."""
        going = np.flatnonzero(self.diverged_step < 0)
        lots = self._rng("all cells", f"order {step}").random(len(going))
        # The count decides, the lots break ties: all cells come equally often, none twice a step.
        return going[np.lexsort((lots, self._own.count[going]))[: self._cells_per_step]]

    def _affine(self, cells: npt.NDArray[np.int64]) -> Floats:
        """Return the next transform of each cell, (cell, 2, 3)."""
        part, place = np.divmod(self._own.count[cells], AHEAD)
        for cell, number in zip(cells, part, strict=True):
            if self._transforms_part[cell] != number:
                rng = self._rng(cell_name(cell), f"transforms {number}")
                transforms = draw(self._recipe.transforms, self._recipe.size, AHEAD, rng)
                self._transforms[cell], self._transforms_part[cell] = transforms, number
        return self._transforms[cells, place]

    def _gradients(self, cells: npt.NDArray[np.int64], redirect: bool) -> tuple[Floats, Floats]:
        """Return the objective of some cells and its gradient at their mixed parameters."""
        affine, found = self._affine(cells), []
        for places, count in self._batches(np.arange(len(cells))):
            given = self._mixed(cells[places]), affine[places], self._vectors[cells[places]]
            results = self._gradient(*map(tf.constant, given), redirect)
            found.append([result.numpy()[:count] for result in results])
        scores, gradients = zip(*found, strict=True)
        return np.concatenate(scores), np.concatenate(gradients)

    def _batches(self, cells: npt.NDArray[np.int64]) -> Iterator[tuple[npt.NDArray[np.int64], int]]:
        """Yield batches of equal length and how many of each count: the last is filled up."""
        for start in range(0, len(cells), self.batch):
            part = cells[start : start + self.batch]
            yield np.resize(part, self.batch), len(part)

    def _scores_and_gradient(
        self, parameters: tf.Tensor, affine: tf.Tensor, vectors: tf.Tensor, redirect: bool
    ) -> tuple[tf.Tensor, tf.Tensor]:
        views = resample(self._parameterization.images(parameters), affine, self._view.size)
        scores = self._objective.scores(self._view.layers_of(views, redirect), [[vectors]])
        (gradient,) = tf.gradients(tf.reduce_sum(scores), parameters)
        return scores, gradient

    def _start(self, names: list[str]) -> Floats:
        return np.stack([self._parameterization.start(self._rng(n, "start")) for n in names])

    def _rng(self, name: str, purpose: str) -> np.random.Generator:
        return rng_for(self._recipe.seed, self._layer, name, purpose)


def cells_at_once(view: int) -> int:
    """Return how many views of ``view`` pixels a side pass together on a processor, at most."""
    return int(np.clip(PIXELS // view**2, LARGEST, MOST))


def even_batch(cells: int, most: int) -> int:
    """Return the smallest batch in which ``cells`` take as few batches as in the largest."""
    return -(-cells // -(-cells // most))


def cell_name(number: int) -> str:
    """Return the name of a cell for ``rng_for``; cells are counted row by row."""
    return f"cell {number}"
