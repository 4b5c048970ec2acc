"""The stage "exemplars": the parts of a data set put together, for one layer."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from blockscope.exemplars.damaged import check_damaged, most_damaged
from blockscope.exemplars.result import named_exemplars, shown_images
from blockscope.exemplars.statistics import LayerStatistics, at_place
from blockscope.io import datasets, provenance
from blockscope.io.atomic_files import FilePath
from blockscope.io.errors import BadFile
from blockscope.io.image_sets import ImageSet
from blockscope.models.card import ModelCard
from blockscope.models.entry import unit_of


def write_exemplars(
    *,
    card: FilePath,
    index: FilePath,
    shards: Sequence[FilePath],
    dataset: str,
    layer: str,
    damaged_ppm: int,
    output: FilePath,
    unit: str = "channel",
) -> None:
    """Write the exemplars and statistics of a layer's units as HDF5.

    ``shards`` are the parts of the data set ``dataset``, whose index is ``index``; ``unit`` is what
    the units are called; ``damaged_ppm`` the largest share, in millionths, of images that cannot be
    read. Exact: every division into parts gives the same bytes. Raises ``BadFile``
    where the parts do not make up the data set, were not made alike, more images cannot be read
    than the config allows, or none can.
    """
    model, images = ModelCard.read(card), ImageSet.open(index)
    whole: LayerStatistics | None = None
    facts: Mapping[str, Any] = {}
    predicted = np.full(len(images), -1, np.int64)
    unread: dict[int, str] = {}
    end = 0
    for path in shards:
        shard = datasets.read(path)
        _check_alike(shard.attrs, facts or shard.attrs, images, path, end)
        facts, end = shard.attrs, int(shard.attrs["stop"])
        statistics, place = _statistics(shard.attrs, layer, model.outputs, path)
        statistics.take(
            at_place(place, {str(name): shard[name].to_numpy() for name in shard.data_vars})
        )
        predicted[shard.attrs["first"] : end] = shard["predicted"].to_numpy()
        reasons = map(str, shard["reason"].to_numpy())
        unread |= dict(zip(shard["damaged"].to_numpy().tolist(), reasons, strict=True))
        if whole is None:
            whole = statistics
        else:
            whole.merge(statistics)
    if whole is None or end != len(images):
        raise BadFile(
            f"the parts of data set '{dataset}' end at image {end} of {len(images)}; delete them, "
            "and they are made again"
        )
    check_damaged(unread, most_damaged(len(images), damaged_ppm), dataset)
    if not whole.images:
        raise BadFile(
            f"no image of data set '{dataset}' can be read; the first one: {unread[min(unread)]}"
        )
    shown = shown_images(whole).tolist()
    cols = model.layer(layer).shape[1]
    found = named_exemplars(
        whole, model.label_table, cols, predicted, images.names(shown), images.labels(shown), unit,
        unit_of(model.head),
    )  # fmt: skip
    numbers = sorted(unread)
    kept = {
        "damaged": ("damaged", np.array(numbers, np.int64)),
        "damaged_name": (
            "damaged",
            np.array(images.names(numbers), np.str_),
            {"long_name": "name of the image that cannot be read"},
        ),
        "damaged_reason": (
            "damaged",
            np.array([unread[n] for n in numbers], np.str_),
            {"long_name": "why the image cannot be read"},
        ),
    }
    inherited = {key: facts[key] for key in SHARED if key in facts}
    record = provenance.record(
        "exemplars",
        **inherited,
        dataset=dataset,
        layer=layer,
        rows=model.layer(layer).shape[0],
        cols=cols,
        images=whole.images,
    )
    datasets.write_h5(output, found.assign(kept).assign_attrs(record))


SHARED = (
    "model", "model_sha256", "graph_sha256", "image", "image_sha256", "dataset_digest",
    "background", "exemplars", "vectors", "seed", "relevance", "tensorflow", "device",
)  # fmt: skip
"""What an exemplars file takes over from the parts; how many there were changes nothing."""


def _check_alike(
    facts: Mapping[str, Any],
    first: Mapping[str, Any],
    images: ImageSet,
    path: FilePath,
    end: int,
) -> None:
    again = "delete the parts, and they are made again"
    if facts["alike"] != first["alike"] or facts["dataset_digest"] != images.digest:
        raise BadFile(
            f"part '{path}' was made with another network, data set, version of the code or "
            f"settings than the others; {again}"
        )
    if facts["first"] != end:
        raise BadFile(f"part '{path}' begins at image {facts['first']}, not at {end}; {again}")


def _statistics(
    facts: Mapping[str, Any], layer: str, labels: int, path: FilePath
) -> tuple[LayerStatistics, int]:
    layers, units = json.loads(facts["layers"]), json.loads(facts["units"])
    if layer not in layers:
        raise BadFile(f"part '{path}' has no layer '{layer}'; it has: {', '.join(layers)}")
    place = layers.index(layer)
    return (
        LayerStatistics(
            units[place],
            labels,
            int(facts["exemplars"]),
            vectors=int(facts["vectors"]),
            seed=int(facts["seed"]),
            relevance=bool(facts["relevance"]),
            moments=bool(facts["moments"]),
        ),
        place,
    )
