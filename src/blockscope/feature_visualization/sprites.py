"""Sprites: units of a layer, rendered, evaluated, and kept batch by batch."""

from __future__ import annotations

import hashlib
import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import tensorflow as tf
import xarray as xr
from tqdm import tqdm

from blockscope.autodiff.gradients import apply_differentiable
from blockscope.feature_visualization.backgrounds import composite_on_grey
from blockscope.feature_visualization.checkpoint import Arrays, Checkpoint
from blockscope.feature_visualization.evaluation import Evaluator
from blockscope.feature_visualization.mosaics import LIGHT_GREY
from blockscope.feature_visualization.network_view import View
from blockscope.feature_visualization.optimizer import Batch, Optimizer
from blockscope.feature_visualization.pixels import as_bytes
from blockscope.feature_visualization.recipes import Recipe
from blockscope.feature_visualization.unit_selection import numbers_in_path
from blockscope.feature_visualization.units import Units
from blockscope.io.counts import counted
from blockscope.io.errors import BadFile
from blockscope.models.network import Network


def render_sprites(
    network: Network,
    units: Units,
    recipe: Recipe,
    numbers: Sequence[int] | None = None,
    *,
    memory_mb: int = 2048,
    done: xr.Dataset | None = None,
    checkpoint: Checkpoint | None = None,
    progress: bool = False,
    log: Callable[[str], object] | None = None,
) -> xr.Dataset:
    """Render units of a layer.

    Pixels depend on neither batches, ``memory_mb``, what is done already, nor the other units,
    beyond rounding. Cost: ``recipe.steps`` passes forward and backward for each sprite.

    Parameters
    ----------
    network
        Which has the layer.
    units
        Of the layer.
    recipe
        How they are rendered.
    numbers
        Which of the units, in ascending order; by default all.
    memory_mb
        Bound for what a batch takes.
    done
        Sprites of these units and recipe that need not be rendered, as this function returns them.
    checkpoint
        Gives the batches that an earlier call finished, and keeps those of this one.
    progress
        Whether a bar is shown on stderr.
    log
        Called with a line for what was finished before, and after each batch.

    Returns
    -------
    xr.Dataset
        ``sprites`` (sprite, row, col, colour) uint8; per sprite ``objective`` at the last step,
        ``heldout_objective`` under unseen transforms, and ``diverged_step``, -1 for none. A sprite
        that diverged (NaN or infinity) stays as it was before that step, and is named on stderr.

    Raises
    ------
    UnknownName
        For a number that no unit has, and for none at all.
    BadFile
        For a layer that is too deep for the recipe's size, and one that
        is not finite for a grey image.
    """
    wanted = units.chosen(range(len(units)) if numbers is None else numbers)
    # Held from the start: a second job for the same sprites may clear the checkpoint meanwhile.
    found = _finished(done, checkpoint)
    parts = [part.isel(sprite=np.isin(part.sprite, wanted)) for part in found]
    parts = [part for part in parts if part.sizes["sprite"]]
    known = {number for part in parts for number in part.sprite.values.tolist()}
    missing = sorted(set(wanted).difference(known))
    if log and known:
        log(f"{len(known)} of {counted(len(wanted), 'sprite')} of {units.layer} finished before")
    if missing:
        _check_layer(network, units, recipe)
        optimizer = Optimizer(network, units.objective, units.names, recipe, memory_mb)
        evaluator = Evaluator(
            network, units.objective, units.names, recipe.size, memory_mb=memory_mb
        )
        bar = tqdm(
            total=len(wanted),
            initial=len(known),
            desc=units.layer,
            unit="sprite",
            disable=not progress,
        )
        left, began = len(missing), time.perf_counter()
        with bar:
            for batch in optimizer.run(missing):
                opaque = composite_on_grey(batch.images, LIGHT_GREY / 255)
                arrays = _arrays(batch, evaluator.evaluate(opaque, batch.indices))
                parts.append(_named(arrays))
                if checkpoint:
                    checkpoint.write(_batch_name(batch.indices.tolist()), arrays)
                _report_diverged(batch, units, recipe)
                bar.update(len(batch.indices))
                left -= len(batch.indices)
                ended = time.perf_counter()
                each, began = (ended - began) / len(batch.indices), ended
                if log:
                    log(_line(units, parts[-1], len(wanted), left, each))
    return join_batches(parts)


def _finished(done: xr.Dataset | None, checkpoint: Checkpoint | None) -> Iterator[xr.Dataset]:
    if checkpoint:
        batches = map(checkpoint.read, checkpoint.names())
        yield from (_named(arrays) for arrays in batches if arrays is not None)
    if done is not None:
        yield done


def _batch_name(numbers: Sequence[int]) -> str:
    """Return the name of a batch of units, which no other batch has."""
    digest = hashlib.sha256(json.dumps(numbers).encode()).hexdigest()[:8]
    return f"{numbers[0]:04d}-{digest}"


def _arrays(batch: Batch, heldout: np.ndarray) -> Arrays:
    pixels = as_bytes(batch.images)
    return {
        "sprite": batch.indices,
        "sprites": pixels,
        "objective": batch.objective.astype(np.float32),
        "heldout_objective": heldout.astype(np.float32),
        "diverged_step": batch.diverged_step.astype(np.int32),
    }


NOTES = {
    "sprite": {},
    "sprites": {"long_name": "red, green, blue and opacity of the sprite's pixels, 0 to 255"},
    "objective": {"long_name": "objective at the last step", "units": "1"},
    "heldout_objective": {
        "long_name": "objective under unseen transforms, mean",
        "units": "1",
    },
    "diverged_step": {"long_name": "step at which the sprite diverged; -1 for none"},
}


def _named(arrays: Arrays) -> xr.Dataset:
    """Name the axes of a batch."""
    axes = ("sprite", "row", "col", "colour")
    numbers = {name: (axes[: array.ndim], array, NOTES[name]) for name, array in arrays.items()}
    colours = list("rgba"[: arrays["sprites"].shape[-1]])
    return xr.Dataset(numbers, {"colour": colours})


def join_batches(batches: Sequence[xr.Dataset]) -> xr.Dataset:
    """Return the sprites of some batches in the order of their numbers, each once.

    It does not depend on which batches came from files.
    """
    plain = [
        batch.drop_attrs(deep=False)
        .drop_vars(("row", "col"), errors="ignore")  # that only files have
        .assign_coords(colour=batch.colour.astype(str))
        for batch in batches
    ]
    return xr.concat(plain, "sprite").drop_duplicates("sprite").sortby("sprite")


def _line(units: Units, done: xr.Dataset, total: int, left: int, each: float) -> str:
    """Say what a batch was: how good, how long it took, what is left."""
    numbers = numbers_in_path(done.sprite.values.tolist())
    noun = units.noun if done.sizes["sprite"] == 1 else f"{units.noun}s"
    return (
        f"{noun} {numbers} of {units.layer}: objective {_mean(done.objective)}, held-out "
        f"{_mean(done.heldout_objective)}, {each:.2f} s each; {total - left} of {total} done, "
        f"about {_clock(left * each)} left"
    )


def _mean(numbers: xr.DataArray) -> str:
    return f"{float(numbers.mean()):.4g}"


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}"


def _report_diverged(batch: Batch, units: Units, recipe: Recipe) -> None:
    for number, step in zip(batch.indices, batch.diverged_step, strict=True):
        if step >= 0:
            tqdm.write(
                f"{units.noun} {number} of layer '{units.layer}' diverged (NaN or infinity) at "
                f"step {step} of {recipe.steps}",
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
            f"config), and the network sees it with {margin} more"
        ) from error
    grey = network.grey_input((size, size))
    feeds = {network.spec.tensor: grey}
    values = network.run(feeds, [layer], operation=apply_differentiable)[layer]
    if not bool(tf.reduce_any(tf.math.is_finite(values))):
        raise BadFile(
            f"layer '{layer}' has no finite value even for a grey image, so that nothing can be "
            "rendered; check the model's weights and input range (models catalogue)"
        )
