"""Sprites: pictures of units of a layer, rendered, judged, and kept batch by batch."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence

import numpy as np
import tensorflow as tf
import xarray as xr
from tqdm import tqdm

from blockscope.autodiff.gradients import apply_batched
from blockscope.feature_visualization.backgrounds import LIGHT, flattened
from blockscope.feature_visualization.evaluation import Evaluator
from blockscope.feature_visualization.finished import Finished, joined_batches, named_sprites
from blockscope.feature_visualization.network_view import View
from blockscope.feature_visualization.optimizer import Batch, Optimizer
from blockscope.feature_visualization.recipes import Recipe
from blockscope.feature_visualization.unit_selection import numbers_in_path
from blockscope.feature_visualization.units import Units
from blockscope.io.errors import BadFile
from blockscope.models.network import Network


def render_sprites(
    network: Network,
    units: Units,
    recipe: Recipe,
    numbers: Sequence[int] | None = None,
    memory_mb: int = 2048,
    kept: Finished | None = None,
    progress: bool = False,
    tell: Callable[[str], object] | None = None,
) -> xr.Dataset:
    """Render units of a layer: ``sprites`` (sprite, row, col, colour) uint8, a number of each.

    ``objective``  as the last step of the ascent saw it
    ``judge``      its mean under fresh transforms
    ``stopped``    the step at which a picture's numbers were no longer finite, -1 for none: such a
                   picture stays as it was and is told on stderr

    ``numbers`` says which of the ``units``, in rising order, by default all. ``kept`` gives what an
    earlier call finished, and takes every batch of this one. ``tell`` is called with a line for
    what is taken from there and after each batch. ``memory_mb``, ``kept`` and what else is rendered
    change no picture beyond rounding.

    Raises ``BadFile`` for a number that no unit has, a layer that is too deep for the recipe's
    size, and one that is not finite for a grey picture. Cost: that of ``recipe.steps`` passes
    forward and backward for each picture.
    """
    wanted = list(range(len(units)) if numbers is None else numbers)
    units.check(wanted)
    done = kept.read(wanted) if kept else None
    known = [] if done is None else done.sprite.values.tolist()
    missing = sorted(set(wanted).difference(known))
    # Held here as well: a second job for the same sprites may clear the folder before this one.
    parts = [] if done is None else [done]
    if tell and known:
        tell(f"{len(known)} of {len(wanted)} sprites of {units.layer} were finished before")
    if missing:
        _check_layer(network, units, recipe)
        ascent = Optimizer(network, units.objective, units.names, recipe, memory_mb)
        judge = Evaluator(network, units.objective, units.names, recipe.size, memory_mb=memory_mb)
        bar = tqdm(
            total=len(wanted),
            initial=len(known),
            desc=units.layer,
            unit="sprite",
            disable=not progress,
        )
        left, began = len(missing), time.perf_counter()
        with bar:
            for batch in ascent.run(missing):
                judged = judge.scores(flattened(batch.pictures, LIGHT), batch.images)
                parts.append(named_sprites(batch, judged))
                if kept:
                    kept.add(parts[-1])
                _tell_stopped(batch, units, recipe)
                bar.update(len(batch.images))
                left -= len(batch.images)
                ended = time.perf_counter()
                each, began = (ended - began) / len(batch.images), ended
                if tell:
                    tell(_line(units, parts[-1], len(wanted), left, each))
    return joined_batches(parts)


def _line(units: Units, done: xr.Dataset, total: int, left: int, each: float) -> str:
    """Say what a batch was: how good, how long it took, what is left."""
    numbers = numbers_in_path(done.sprite.values.tolist())
    noun = units.noun if done.sizes["sprite"] == 1 else f"{units.noun}s"
    return (
        f"{noun} {numbers} of {units.layer}: objective {_mean(done.objective)}, judge "
        f"{_mean(done.judge)}, {each:.2f} s each; {total - left} of {total} done, about "
        f"{_clock(left * each)} left"
    )


def _mean(numbers: xr.DataArray) -> str:
    return f"{float(numbers.mean()):.4g}"


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}"


def _tell_stopped(batch: Batch, units: Units, recipe: Recipe) -> None:
    for number, step in zip(batch.images, batch.stopped, strict=True):
        if step >= 0:
            tqdm.write(
                f"{units.noun} {number} of layer '{units.layer}' stopped at step {step} of "
                f"{recipe.steps}: its numbers are no longer finite",
                file=sys.stderr,
            )


def _check_layer(network: Network, units: Units, recipe: Recipe) -> None:
    """Refuse before the first step what no step could mend."""
    margin, layer = recipe.transforms.margin, units.layer
    size = recipe.size + margin
    try:
        View(network, units.objective, size)
    except BadFile as error:
        raise BadFile(
            f"{error}; a sprite of the recipe has {recipe.size} pixels (key sprites.recipe of the "
            f"settings), and the network sees it with {margin} more"
        ) from error
    grey = np.full((1, size, size, 3), np.mean(network.spec.range), np.float32)
    values = network.run({network.spec.tensor: grey}, [layer], operation=apply_batched)[layer]
    if not bool(tf.reduce_any(tf.math.is_finite(values))):
        raise BadFile(
            f"layer '{layer}' has no finite value even for a grey picture, so that nothing can be "
            "rendered; check the model's weights and input range (models catalogue)"
        )
