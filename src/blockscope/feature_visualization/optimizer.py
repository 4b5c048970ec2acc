"""The optimizer: batches of images, changed step by step by Adam to raise their objectives."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from blockscope.feature_visualization.backgrounds import composite_over, draw_backgrounds
from blockscope.feature_visualization.image_choice import of_images
from blockscope.feature_visualization.network_view import View
from blockscope.feature_visualization.objectives import Indices, Objective
from blockscope.feature_visualization.parameterization import parameterization_of
from blockscope.feature_visualization.random_streams import rng_for
from blockscope.feature_visualization.recipes import Recipe
from blockscope.feature_visualization.transforms import draw, resample
from blockscope.models.network import Network

TINY = 1e-8  # Adam's epsilon: keeps an update finite where nothing has a gradient
# Larger batches gain nothing on a processor: measured on 2 cores.
LARGEST = 8
LARGEST_ON_GPU = 64
WORKSPACE = 3  # times the values that are counted: gradients, a convolution's workspace


@dataclass(frozen=True, eq=False)
class Batch:
    """Some finished images.

    Attributes
    ----------
    indices
        Which of the objective's images they are.
    images
        float32 (image, row, col, rgb or rgba), 0 to 1.
    objective
        At the last step, (image).
    diverged_step
        Step at which an image's numbers became NaN or infinite, -1 for none, (image); such an image
        stays as it was before that step.
    seconds
        Taken by the batch.
    """

    indices: npt.NDArray[np.int64]
    images: npt.NDArray[np.float32]
    objective: npt.NDArray[np.float32]
    diverged_step: npt.NDArray[np.int64]
    seconds: float


class _State(NamedTuple):
    """A batch after a step; see ``Batch``."""

    parameters: tf.Tensor
    score: npt.NDArray[np.float32]
    diverged_step: npt.NDArray[np.int64]


class Optimizer:
    """Optimizes images for an objective by a recipe; the step is traced once for all batches.

    ``units`` name the objective's images: with the recipe's seed and the layer they decide all
    random numbers of an image. Batches always have ``batch`` places, of which spare ones hold
    copies, so that the same kernels run and an image is the same bit for bit in any batch.
    ``largest`` bounds them on a processor, by default ``LARGEST``.
    """

    def __init__(
        self,
        network: Network,
        objective: Objective,
        units: Sequence[int | str],
        recipe: Recipe,
        memory_mb: int = 2048,
        largest: int | None = None,
    ) -> None:
        self.objective, self.units, self.recipe = objective, units, recipe
        self._parameterization = parameterization_of(recipe)
        size = recipe.size + recipe.transforms.margin
        self._view = View(network, objective, size)
        self.batch = batch_size(self._view.bytes_per_image, memory_mb, largest)
        self._programs: dict[tuple[bool, int], tf.types.experimental.ConcreteFunction] = {}
        self._images = tf.function(self._parameterization.images, autograph=False)

    def run(self, indices: Indices) -> Iterator[Batch]:
        """Optimize some of the objective's images, a batch at a time."""
        for start in range(0, len(indices), self.batch):
            yield self._optimized(np.array(indices[start : start + self.batch]))

    def _optimized(self, indices: npt.NDArray[np.int64]) -> Batch:
        began, count = time.perf_counter(), len(indices)
        for state in self._states(indices):
            last = state
        images = self._images(last.parameters).numpy()
        return Batch(
            indices,
            images[:count],
            last.score[:count],
            last.diverged_step[:count],
            time.perf_counter() - began,
        )

    def iterate(self, indices: Sequence[int]) -> Iterator[Callable[[], npt.NDArray[np.float32]]]:
        """Optimize at most one batch; yield after every step a function that gives its images."""
        states = self._states(np.array(indices))
        next(states)
        for state in states:
            yield partial(self._current, state.parameters, len(indices))

    def _current(self, parameters: tf.Tensor, count: int) -> npt.NDArray[np.float32]:
        return self._images(parameters).numpy()[:count]

    def _states(self, indices: npt.NDArray[np.int64]) -> Iterator[_State]:
        """Yield the start of a batch and its state after every step."""
        places = np.resize(indices, self.batch)
        targets = [tf.constant(a) for term in self.objective.targets(places) for a in term]
        drawn = self._drawn(places)
        parameters = tf.constant(np.stack([self._start(index) for index in places.tolist()]))
        zeros = tf.zeros_like(parameters)
        state = [parameters, zeros, zeros, tf.ones(self.batch, tf.bool)]
        diverged_step = np.full(self.batch, -1)
        score = np.zeros(self.batch, np.float32)
        yield _State(parameters, score, diverged_step)
        for step in range(self.recipe.steps):
            pace = tf.constant([step + 1.0, self.recipe.lr_factor(step)])
            now = [tf.constant(each[step]) for each in drawn]
            redirect = step < self.recipe.redirected_relu_steps
            *state, scores = self._step(redirect, *state, pace, *now, *targets)
            going = state[3].numpy()
            diverged_step = np.where((diverged_step < 0) & ~going, step, diverged_step)
            score = np.where(going, scores.numpy(), score)
            yield _State(state[0], score, diverged_step)
            if not going.any():
                break

    def _step(self, redirect: bool, *given: tf.Tensor) -> list[tf.Tensor]:
        """Take a step by ``_adam_step``, which is traced for the first step of either kind."""
        # A tf.function would look for what it traced at every step, which takes longer than many
        # an operation.
        key = redirect, self.batch
        if key not in self._programs:
            traced = tf.function(partial(self._adam_step, redirect), autograph=False)
            self._programs[key] = traced.get_concrete_function(*given)
        return self._programs[key](*given)

    def _start(self, index: int) -> npt.NDArray[np.float32]:
        return self._parameterization.start(self._rng(index, "start"))

    def _drawn(self, places: npt.NDArray[np.int64]) -> list[npt.NDArray[np.float32]]:
        """Draw what changes with the step: affine maps and backgrounds, (step, image, ...)."""
        recipe = self.recipe
        drawn = [
            [
                draw(recipe.transforms, recipe.size, recipe.steps, rng)
                for rng in self._rngs(places, "transforms")
            ]
        ]
        if recipe.alpha:
            rngs = self._rngs(places, "backgrounds")
            drawn += [[draw_backgrounds(recipe.steps, rng) for rng in rngs]]
        return [np.stack(each, 1) for each in drawn]

    def _rngs(self, places: npt.NDArray[np.int64], purpose: str) -> list[np.random.Generator]:
        return [self._rng(index, purpose) for index in places.tolist()]

    def _rng(self, index: int, purpose: str) -> np.random.Generator:
        layer = "+".join(self.objective.layers)
        return rng_for(self.recipe.seed, layer, self.units[index], purpose)

    def _adam_step(
        self,
        redirect: bool,
        parameters: tf.Tensor,
        first: tf.Tensor,
        second: tf.Tensor,
        going: tf.Tensor,
        pace: tf.Tensor,
        *given: tf.Tensor,
    ) -> list[tf.Tensor]:
        """Return the state after a step and the scores before it.

        ``first`` and ``second`` are Adam's running means, ``going`` says which images have not
        diverged, ``pace`` is the step's number from 1 and its factor of the learning rate, and
        ``given`` what is drawn, and the targets one after the other.
        ``coherent_grid.Adam`` is the same formula in NumPy, where only some rows move at a time.
        """
        recipe = self.recipe
        count, lr_factor = tf.unstack(pace)
        images = self._parameterization.images(parameters)
        scores = self._scores(images, given, redirect)
        (gradient,) = tf.gradients(tf.reduce_sum(scores), parameters)
        axes = list(range(1, parameters.shape.rank))
        finite = tf.reduce_all(tf.math.is_finite(gradient), axes) & tf.math.is_finite(scores)
        going &= finite
        first = recipe.beta1 * first + (1 - recipe.beta1) * gradient
        second = recipe.beta2 * second + (1 - recipe.beta2) * gradient**2
        rate = recipe.learning_rate * tf.sqrt(1 - recipe.beta2**count) / (1 - recipe.beta1**count)
        moved = rate * first / (tf.sqrt(second) + TINY) - recipe.weight_decay * parameters
        # An image that has diverged never moves again, whatever its means have become.
        parameters = of_images(going, parameters + lr_factor * moved, parameters)
        return [parameters, first, second, going, scores]

    def _scores(self, images: tf.Tensor, given: Sequence[tf.Tensor], redirect: bool) -> tf.Tensor:
        affine, *rest = given
        kept = 1.0
        if self.recipe.alpha:
            patches, *rest = rest
            kept -= self.recipe.alpha_cost * tf.reduce_mean(images[..., 3], [1, 2])
            images = composite_over(images, patches)
        targets = tf.nest.pack_sequence_as(self.objective.targets([0]), rest)
        views = resample(images, affine, self._view.size)
        return kept * self.objective.scores(self._view.layers_of(views, redirect), targets)


def batch_size(bytes_per_image: int, memory_mb: int, largest: int | None = None) -> int:
    """Return how many images are optimized together within ``memory_mb``, at least one.

    ``largest``: the most on a processor, by default ``LARGEST``.
    """
    on_gpu = bool(tf.config.get_visible_devices("GPU"))
    most = LARGEST_ON_GPU if on_gpu else LARGEST if largest is None else largest
    return int(np.clip(memory_mb * 10**6 // (WORKSPACE * bytes_per_image), 1, most))
