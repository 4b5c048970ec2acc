"""The stage "render": what some units of a layer respond to."""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from blockscope.feature_visualization.finished import Finished
from blockscope.feature_visualization.recipes import Recipe
from blockscope.feature_visualization.sprites import render_sprites
from blockscope.feature_visualization.unit_selection import channel_count, read_numbers
from blockscope.feature_visualization.units import Units, channels, directions, neurons
from blockscope.io import datasets, provenance
from blockscope.io.errors import BadFile
from blockscope.models.card import ModelCard
from blockscope.models.device import software_facts
from blockscope.models.network import Network
from blockscope.runtime.gpu import use_gpu

KINDS = {"channels": channels, "neurons": neurons}


def write_shard(
    graph_path: str | os.PathLike[str],
    card_path: str | os.PathLike[str],
    layer: str,
    kind: str,
    numbers: str,
    recipe: Mapping[str, Any],
    progress: str | os.PathLike[str],
    code: str,
    output: str | os.PathLike[str],
    memory_mb: int,
    groups_path: str | os.PathLike[str] | None = None,
    gpu: bool = False,
) -> None:
    """Write the sprites of some units as HDF5, (sprite, row, col, colour) uint8.

    ``kind``: channels, neurons, or groups, which are those of ``groups_path``; ``numbers``: a list
    such as ``3,17,40-44``; ``recipe`` as ``Recipe.plain`` gives it. ``progress``: folder that keeps
    every finished batch until the shard is written. What lies there from a job that was killed, or
    in shards beside the ``output``, under the same recipe, network and ``code``, is not rendered
    again. The pixels do not depend on where a job was killed nor on how units are put into shards.
    A sprite whose numbers are no longer finite stays as it was, is told on stderr, and has the step
    in ``stopped``, which is -1 for the others. A line on stdout for every batch.

    Raises ``BadFile`` for a unit that the layer does not have, groups of another network or layer,
    and what cannot be rendered at all, ``BadConfig`` where a ``gpu`` is asked for and none is seen.
    """
    use_gpu(gpu)
    card, chosen = ModelCard.read(card_path), Recipe.from_plain(recipe)
    facts: provenance.Facts = {"model": card.model, "model_sha256": card.source_sha256}
    if groups_path is None:
        units = KINDS[kind](layer, channel_count(card, layer))
    else:
        units = _groups(card, layer, groups_path)
        facts = provenance.inherited(provenance.read(groups_path))
    wanted = read_numbers(numbers)
    decides = [card.graph_sha256, layer, units.noun, units.values, chosen.plain(), code]
    kept = Finished(Path(progress), decides, Path(output).parent)
    sprites = render_sprites(
        Network.load(graph_path, card),
        units,
        chosen,
        wanted,
        memory_mb,
        kept,
        progress=True,
        tell=partial(print, flush=True),  # to the log; the terminal has the bar
    )
    sprites.attrs = provenance.record(
        "render",
        software_facts(),
        **{**facts, "layer": layer},
        unit=units.noun,
        units=len(units),
        recipe=kept.key,
        size=chosen.size,
        steps=chosen.steps,
        seed=chosen.seed,
    )
    datasets.write_h5(output, sprites)
    kept.clear(wanted)


def _groups(card: ModelCard, layer: str, path: str | os.PathLike[str]) -> Units:
    """Read neuron groups as directions; raises ``BadFile`` where they are of something else."""
    found = datasets.read(path)
    wanted = {"model_sha256": card.source_sha256, "layer": layer}
    for key, value in wanted.items():
        if found.attrs.get(key) != value:
            raise BadFile(
                f"neuron groups '{path}' are not of layer '{layer}' of model '{card.model}': they "
                f"record {key} {found.attrs.get(key)}, wanted: {value}; make them again"
            )
    return directions(layer, found["channels"].transpose("factor", "channel").to_numpy())
