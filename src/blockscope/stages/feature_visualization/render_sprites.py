"""The stage "render_sprites": sprites of some units of a layer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from blockscope.feature_visualization.recipes import Recipe
from blockscope.feature_visualization.sprites import join_batches, render_sprites
from blockscope.feature_visualization.unit_selection import channel_count, read_numbers
from blockscope.feature_visualization.units import channels, directions, neurons
from blockscope.io import datasets, provenance
from blockscope.io.atomic_files import FilePath
from blockscope.io.errors import BadFile
from blockscope.io.rebuilding import told
from blockscope.models.card import ModelCard
from blockscope.models.device import software_facts
from blockscope.models.network import Network
from blockscope.runtime.checkpoint import FolderCheckpoint
from blockscope.runtime.gpu import use_gpu
from blockscope.stages.group_directions import read_directions

KINDS = {"channels": channels, "neurons": neurons}


def write_shard(
    *,
    graph: FilePath,
    card: FilePath,
    layer: str,
    kind: str,
    numbers: str,
    recipe: Mapping[str, Any],
    progress: FilePath,
    code: str,
    h5: FilePath,
    memory_mb: int,
    neuron_groups: FilePath | None = None,
    gpu: bool = False,
) -> None:
    """Write the sprites of some units as HDF5 (``render_sprites``); a line on stdout per batch.

    ``kind`` is channels, neurons, or groups: the directions of the file ``neuron_groups``;
    ``numbers`` a list such as ``3,17,40-44``; ``recipe`` what ``Recipe.to_dict`` returns.
    ``progress`` is a folder that keeps every finished batch until the shard is written. What a
    killed job left there, or shards next to ``h5`` hold, under the same recipe, network and
    ``code``, is not rendered again; pixels depend on none of this.

    Raises ``UnknownName`` for a unit that the layer does not have, ``BadFile`` for neuron groups of
    another network or layer and for what cannot be rendered at all, ``BadConfig`` where a ``gpu``
    is requested and there is none.
    """
    use_gpu(gpu)
    model, chosen = ModelCard.read(card), Recipe.from_dict(recipe)
    facts: provenance.Facts = dict(model.identity)
    origin: Mapping[str, object] = model.provenance
    if neuron_groups is None:
        units = KINDS[kind](layer, channel_count(model, layer))
    else:
        units = directions(layer, read_directions(neuron_groups, model, layer))
        facts = provenance.inherited(provenance.read(neuron_groups))
        origin = facts
    wanted = read_numbers(numbers)
    decides = [model.graph_sha256, layer, units.noun, units.values, chosen.to_dict(), code]
    checkpoint = FolderCheckpoint(Path(progress), decides)
    sprites = render_sprites(
        Network.load(graph, model),
        units,
        chosen,
        wanted,
        memory_mb=memory_mb,
        done=_finished(Path(h5).parent, wanted, checkpoint.key),
        checkpoint=checkpoint,
        progress=True,
        log=partial(print, flush=True),  # to the log; the terminal has the bar
    )
    sprites.attrs = provenance.record(
        "render_sprites",
        software_facts(),
        **{**facts, "layer": layer, **told(origin, sprites={"recipe": chosen.name or "none"})},
        unit=units.noun,
        units=len(units),
        checkpoint_key=checkpoint.key,
        **chosen.facts(),
    )
    datasets.write_h5(h5, sprites)
    for name in checkpoint.names():
        batch = checkpoint.read(name)
        if batch is not None and np.isin(batch["sprite"], wanted).all():
            checkpoint.remove(name)


def _finished(shards: Path, wanted: Sequence[int], key: str) -> xr.Dataset | None:
    """Return the wanted sprites that finished shards of the same key hold; None for none."""
    found = []
    for path in sorted(shards.glob("*.h5")):
        with suppress(BadFile):  # a file of another name, or a damaged one
            # By their names first, so that shards of other units are not even opened.
            if set(wanted).intersection(read_numbers(path.stem)):
                shard = datasets.read(path)
                found += [shard] if shard.attrs.get("checkpoint_key") == key else []
    return join_batches(found) if found else None
