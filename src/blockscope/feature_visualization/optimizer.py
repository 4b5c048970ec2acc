"""The ascent: pictures in batches, each changed step by step to raise its objective."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from blockscope.feature_visualization.backgrounds import before, draw_backgrounds
from blockscope.feature_visualization.network_view import View
from blockscope.feature_visualization.objectives import Images, Objective
from blockscope.feature_visualization.parameterization import parameters_of
from blockscope.feature_visualization.random_streams import rng_for
from blockscope.feature_visualization.recipes import Recipe
from blockscope.feature_visualization.transforms import draw, resample
from blockscope.models.network import Network

TINY = 1e-8  # Adam's: keeps an update finite where nothing has a gradient
# Larger batches win nothing on a processor: measured on 2 cores.
LARGEST = 8
LARGEST_ON_GPU = 64
WORKSPACE = 3  # gradients and a convolution's workspace, beside the values that are counted


@dataclass(frozen=True, eq=False)
class Batch:
    """Some finished pictures.

    ``images``     which of the objective's
    ``pictures``   float32 (image, row, col, rgb or rgba), 0 to 1
    ``objective``  the objective at the last step, (image)
    ``stopped``    step at which a picture's numbers were no longer finite, -1 where they were; such
                   a picture is as it was before
    ``seconds``    what the batch took
    """

    images: npt.NDArray[np.int64]
    pictures: npt.NDArray[np.float32]
    objective: npt.NDArray[np.float32]
    stopped: npt.NDArray[np.int64]
    seconds: float


class _State(NamedTuple):
    """What stands after a step; see ``Batch``."""

    numbers: tf.Tensor
    score: npt.NDArray[np.float32]
    stopped: npt.NDArray[np.int64]


class Optimizer:
    """Renders pictures for an objective by a recipe; the function is traced once for all.

    ``units`` name the objective's images: with the recipe's seed and the layer they decide all
    random numbers of an image, so that neither its batch nor its place there changes it. Batches
    always have ``batch`` places; spare ones are filled with copies.
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
        self._parameters = parameters_of(recipe)
        size = recipe.size + recipe.transforms.margin
        self._view = View(network, objective, size)
        self.batch = batch_size(self._view.bytes_per_image, memory_mb, largest)
        self._step = tf.function(self._climbed, autograph=False)
        self._pictures = tf.function(self._parameters.pictures, autograph=False)

    def run(self, images: Images) -> Iterator[Batch]:
        """Render some of the objective's images, a batch at a time."""
        for start in range(0, len(images), self.batch):
            yield self._rendered(np.array(images[start : start + self.batch]))

    def _rendered(self, images: npt.NDArray[np.int64]) -> Batch:
        began, count = time.perf_counter(), len(images)
        for state in self._states(images):
            last = state
        pictures = self._pictures(last.numbers).numpy()
        return Batch(
            images,
            pictures[:count],
            last.score[:count],
            last.stopped[:count],
            time.perf_counter() - began,
        )

    def watched(self, images: Sequence[int]) -> Iterator[Callable[[], npt.NDArray[np.float32]]]:
        """Render at most one batch and yield after every step what gives the pictures by then."""
        states = self._states(np.array(images))
        next(states)
        for state in states:
            yield partial(self._seen, state.numbers, len(images))

    def _seen(self, numbers: tf.Tensor, count: int) -> npt.NDArray[np.float32]:
        return self._pictures(numbers).numpy()[:count]

    def _states(self, images: npt.NDArray[np.int64]) -> Iterator[_State]:
        """Yield the start of a batch and its state after every step."""
        places = np.resize(images, self.batch)
        arrays = [[tf.constant(a) for a in term] for term in self.objective.arrays(places)]
        drawn = self._drawn(places)
        numbers = tf.constant(np.stack([self._start(image) for image in places.tolist()]))
        state = (numbers, tf.zeros_like(numbers), tf.zeros_like(numbers))
        stopped = np.full(self.batch, -1)
        score = np.zeros(self.batch, np.float32)
        yield _State(numbers, score, stopped)
        for step in range(self.recipe.steps):
            *state, scores, finite = self._step(
                *state,
                tf.constant(stopped < 0),
                tf.constant(step + 1.0),
                tf.constant(self.recipe.pace(step)),
                [tf.constant(each[step]) for each in drawn],
                arrays,
                step < self.recipe.redirected,
            )
            stopped = np.where((stopped < 0) & ~finite.numpy(), step, stopped)
            score = np.where(stopped < 0, scores.numpy(), score)
            yield _State(state[0], score, stopped)
            if (stopped >= 0).all():
                break

    def _start(self, image: int) -> npt.NDArray[np.float32]:
        return self._parameters.start(self._generator(image, "start"))

    def _drawn(self, places: npt.NDArray[np.int64]) -> list[npt.NDArray[np.float32]]:
        """Draw what changes with the step: affine maps and backgrounds, (step, image, ...)."""
        recipe = self.recipe
        drawn = [
            [
                draw(recipe.transforms, recipe.size, recipe.steps, generator)
                for generator in self._generators(places, "transforms")
            ]
        ]
        if recipe.alpha:
            generators = self._generators(places, "backgrounds")
            drawn += [[draw_backgrounds(recipe.steps, each) for each in generators]]
        return [np.stack(each, 1) for each in drawn]

    def _generators(self, places: npt.NDArray[np.int64], purpose: str) -> list[np.random.Generator]:
        return [self._generator(image, purpose) for image in places.tolist()]

    def _generator(self, image: int, purpose: str) -> np.random.Generator:
        layer = "+".join(self.objective.layers)
        return rng_for(self.recipe.seed, layer, self.units[image], purpose)

    def _climbed(
        self,
        numbers: tf.Tensor,
        first: tf.Tensor,
        second: tf.Tensor,
        alive: tf.Tensor,
        count: tf.Tensor,
        pace: tf.Tensor,
        drawn: Sequence[tf.Tensor],
        arrays: Sequence[Sequence[tf.Tensor]],
        redirect: bool,
    ) -> tuple[tf.Tensor, ...]:
        """Take one step of Adam; ``first``, ``second``: its running means; ``count``: from 1.

        ``pace``: see the recipe.
        """
        recipe = self.recipe
        scores = self._scores(self._parameters.pictures(numbers), drawn, arrays, redirect)
        (gradient,) = tf.gradients(tf.reduce_sum(scores), numbers)
        axes = list(range(1, numbers.shape.rank))
        finite = tf.reduce_all(tf.math.is_finite(gradient), axes) & tf.math.is_finite(scores)
        going = tf.reshape(alive & finite, [-1, *[1] * len(axes)])
        gradient = tf.where(going, gradient, 0.0)
        first = recipe.momentum * first + (1 - recipe.momentum) * gradient
        second = recipe.memory * second + (1 - recipe.memory) * gradient**2
        rate = recipe.rate * tf.sqrt(1 - recipe.memory**count) / (1 - recipe.momentum**count)
        moved = rate * first / (tf.sqrt(second) + TINY) - recipe.shrink * numbers
        return numbers + tf.where(going, pace * moved, 0.0), first, second, scores, finite

    def _scores(
        self,
        pictures: tf.Tensor,
        drawn: Sequence[tf.Tensor],
        arrays: Sequence[Sequence[tf.Tensor]],
        redirect: bool,
    ) -> tf.Tensor:
        affine, *patches = drawn
        kept = 1.0
        if patches:
            kept -= self.recipe.alpha_cost * tf.reduce_mean(pictures[..., 3], [1, 2])
            pictures = before(pictures, patches[0])
        views = resample(pictures, affine, self._view.size)
        return kept * self.objective.scores(self._view.layers_of(views, redirect), arrays)


def batch_size(bytes_per_image: int, memory_mb: int, largest: int | None = None) -> int:
    """Return how many images are rendered together within ``memory_mb``, at least one.

    ``largest``: the most on a processor, by default ``LARGEST``.
    """
    on_gpu = bool(tf.config.get_visible_devices("GPU"))
    most = LARGEST_ON_GPU if on_gpu else LARGEST if largest is None else largest
    return int(np.clip(memory_mb * 10**6 // (WORKSPACE * bytes_per_image), 1, most))
