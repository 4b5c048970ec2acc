"""The stage "sweep": a part of a data set through a network, all layers in one pass."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import xarray as xr

from blockscope.exemplars.damaged import most_damaged
from blockscope.exemplars.responses import Probe, Responses
from blockscope.exemplars.statistics import Arrays, LayerStatistics
from blockscope.exemplars.sweep import Sweep, part_of, sweep
from blockscope.io import datasets, provenance
from blockscope.io.atomic_files import FilePath
from blockscope.io.image_sets import ImageSet
from blockscope.models.card import ModelCard
from blockscope.models.device import software_facts
from blockscope.models.network import Network
from blockscope.runtime.checkpoint import FolderCheckpoint
from blockscope.stages.datasets.seen_images import reader
from blockscope.stages.group_directions import read_unit_directions

KEEP_EVERY: Final = 60.0  # seconds of work that a kill may cost


def write_part(
    *,
    graph: FilePath,
    card: FilePath,
    index: FilePath,
    layers: Sequence[str],
    part: int,
    parts: int,
    options: Mapping[str, Any],
    damaged_ppm: int,
    background: tuple[int, int, int],
    progress: FilePath,
    code: str,
    output: FilePath,
    threads: int = 1,
    neuron_groups: FilePath | None = None,
) -> None:
    """Write what layers respond to one of several parts of a data set, as HDF5 to be merged.

    What a killed job has finished is kept in the folder ``progress``, at most a minute old.

    Parameters
    ----------
    graph
        The network.
    card
        Its card.
    index
        The data set.
    layers
        The layers, all of which one pass through the network serves.
    part
        Which part, from 0.
    parts
        Of how many. Another number gives the same results.
    options
        ``exemplars``: how many of each ranking; ``vectors``: how many single vectors; ``seed`` of
        these; ``relevance``: whether it is computed.
    damaged_ppm
        Largest share of all images that cannot be read, in millionths.
    background
        Colour shown where an image is transparent.
    progress
        A folder.
    code
        Digest of the code, which decides what is kept there.
    output
        The file.
    threads
        Threads that read images.
    neuron_groups
        A file of neuron groups of the one layer, whose directions take the place of its channels.

    Raises
    ------
    BadFile
        Too many images cannot be read; values are not finite; a layer is not there.
    """
    model, images = ModelCard.read(card), ImageSet.open(index)
    probes = _probes(model, layers, neuron_groups)
    of_image = provenance.read(neuron_groups) if neuron_groups else {}
    network = Network.load(graph, model)
    decides = [
        model.graph_sha256,
        [images.kind, images.source, images.digest],
        [[p.name, None if p.directions is None else p.directions.tolist()] for p in probes],
        [dict(options), list(background), part, parts, code],
    ]
    checkpoint = FolderCheckpoint(Path(progress), decides)
    numbers = part_of(len(images), part, parts)
    state = Sweep(
        {probe.name: _statistics(model, probe, options) for probe in probes}, numbers.start
    )
    kept = checkpoint.read("part")
    if kept is not None:
        state.take(kept)
    saved = time.monotonic()

    def keep() -> None:
        nonlocal saved
        if time.monotonic() - saved > KEEP_EVERY:
            checkpoint.write("part", state.to_arrays())
            saved = time.monotonic()

    sweep(
        Responses(network, probes, model.label_table.indexes, bool(options["relevance"])),
        state,
        numbers.stop,
        reader(images, model.input, background),
        readers=threads,
        most=most_damaged(len(images), damaged_ppm),
        settled=keep,
        progress=True,
    )
    facts = provenance.record(
        "sweep",
        software_facts(),
        image=of_image.get("image"),
        image_sha256=of_image.get("image_sha256"),
        **model.identity,
        dataset_digest=images.digest,
        images=len(images),
        first=numbers.start,
        stop=numbers.stop,
        layers=json.dumps([probe.name for probe in probes]),
        units=json.dumps([state.statistics[probe.name].units for probe in probes]),
        moments=int(neuron_groups is None),
        background=",".join(map(str, background)),
        **{key: int(value) if isinstance(value, bool) else value for key, value in options.items()},
        alike=FolderCheckpoint(Path(progress), [decides[:3], decides[3][:2], code]).key,
    )
    datasets.write_h5(output, _as_dataset(state.to_arrays(), facts))
    checkpoint.remove("part")


def _probes(model: ModelCard, layers: Sequence[str], neuron_groups: FilePath | None) -> list[Probe]:
    for layer in layers:
        model.layer(layer)
    if neuron_groups is None:
        return [Probe(layer, layer) for layer in layers]
    (layer,) = layers
    return [Probe(layer, layer, read_unit_directions(neuron_groups, model, layer))]


def _statistics(model: ModelCard, probe: Probe, options: Mapping[str, Any]) -> LayerStatistics:
    channels = model.layer(probe.layer).shape[2]
    directed = probe.directions is not None
    return LayerStatistics(
        probe.directions.shape[1] if probe.directions is not None else channels,
        model.outputs,
        options["exemplars"],
        vectors=0 if directed else options["vectors"],
        seed=options["seed"],
        relevance=bool(options["relevance"]),
        moments=not directed,
    )


def _as_dataset(arrays: Arrays, facts: provenance.Facts) -> xr.Dataset:
    named = {
        name: (
            [f"{name}_axis{axis}" for axis in range(array.ndim)],
            array,
            {"long_name": f"{name.replace('_', ' ')}, to be joined with other parts"}
            | ({"units": "1"} if array.dtype.kind == "f" else {}),
        )
        for name, array in arrays.items()
    }
    return xr.Dataset(named, attrs=facts)
