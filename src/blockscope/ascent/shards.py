"""The stage "render": what each channel of a range of a layer's channels responds to."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from tqdm import tqdm

from blockscope import provenance, stores
from blockscope.ascent.backgrounds import LIGHT, flattened
from blockscope.ascent.climb import Ascent
from blockscope.ascent.finished import Finished, named_sprites
from blockscope.ascent.judge import Judge
from blockscope.ascent.objectives import Objective, channel
from blockscope.ascent.recipes import Recipe
from blockscope.errors import BadConfig
from blockscope.models.card import Card
from blockscope.models.network import Network


def write_shard(
    graph_path: str | os.PathLike[str],
    card_path: str | os.PathLike[str],
    layer: str,
    channels: tuple[int, int],
    recipe: Mapping[str, Any],
    progress: str | os.PathLike[str],
    code: str,
    output: str | os.PathLike[str],
    memory_mb: int,
    gpu: bool = False,
) -> None:
    """Write the sprites of channels first to last as HDF5, (sprite, row, col, colour) uint8.

    ``recipe`` as ``Recipe.plain`` gives it. ``progress``: folder that keeps every finished batch
    until the shard is written; what lies there from a job that was killed, under the same recipe,
    network and ``code``, is not rendered again. The pixels do not depend on where it was killed nor
    on the range. A sprite whose numbers are no longer finite stays as it was, is told on stderr,
    and has the step in ``stopped``, which is -1 for the others.

    Raises ``BadFile`` for a channel that the layer does not have and a layer that is too deep for
    the recipe's size, ``BadConfig`` where a ``gpu`` is asked for and none is seen.
    """
    if gpu and not tf.config.list_physical_devices("GPU"):
        raise BadConfig(
            "a GPU was asked for (key sprites.gpu of the settings), but TensorFlow sees none; "
            "install the GPU variant on a machine with an NVIDIA GPU, or set it to false"
        )
    card, chosen = Card.read(card_path), Recipe.from_plain(recipe)
    count, (first, last) = card.layer(layer).shape[2], channels
    objective = channel(layer, range(max(count, last + 1)), count)
    wanted = range(first, last + 1)
    kept = Finished(Path(progress), [card.graph_sha256, layer, chosen.plain(), code])
    _render(Network.load(graph_path, card), objective, chosen, wanted, kept, memory_mb)
    sprites = kept.read(wanted)
    if sprites is None or sprites.sizes["sprite"] != len(wanted):
        raise RuntimeError(f"finished sprites are gone from {kept.folder}")
    sprites.attrs = provenance.record(
        "render",
        model=card.model,
        model_sha256=card.source_sha256,
        layer=layer,
        recipe=kept.folder.name,
        size=chosen.size,
        steps=chosen.steps,
        seed=chosen.seed,
    )
    stores.write_h5(output, sprites)
    kept.clear(wanted)


def _render(
    network: Network,
    objective: Objective,
    recipe: Recipe,
    wanted: range,
    kept: Finished,
    memory_mb: int,
) -> None:
    done = kept.read(wanted)
    known = set() if done is None else set(done.sprite.values.tolist())
    missing = [number for number in wanted if number not in known]
    if not missing:
        return
    names = range(len(objective))
    ascent = Ascent(network, objective, names, recipe, memory_mb)
    judge = Judge(network, objective, names, recipe.size, memory_mb=memory_mb)
    layer = objective.layers[0]
    with tqdm(total=len(wanted), initial=len(known), desc=layer, unit="sprite") as bar:
        for batch in ascent.run(missing):
            judged = judge.scores(flattened(batch.pictures, LIGHT), batch.images)
            kept.add(named_sprites(batch, judged))
            for number, step in zip(batch.images, batch.stopped, strict=True):
                if step >= 0:
                    bar.write(
                        f"channel {number} of layer '{layer}' stopped at step {step} of "
                        f"{recipe.steps}: its numbers are no longer finite",
                        file=sys.stderr,
                    )
            each = batch.seconds / len(batch.images)
            bar.set_postfix_str(
                f"{batch.images[0]}-{batch.images[-1]}: objective {np.mean(batch.objective):.4g}, "
                f"judge {np.mean(judged):.4g}, {each:.2f} s each"
            )
            bar.update(len(batch.images))
