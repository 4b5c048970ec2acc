"""Everything that the gallery of a project shows and is made of, as files.

Snakemake looks for missing files only among its targets: whatever a finished file was made of could
be gone, or could have failed to be made again, without a word. So all of it is a target.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from blockscope.config.panels import PANELS
from blockscope.config.result_paths import (
    GALLERY,
    NONE_MADE,
    SWEPT_LAYERS,
    channel_pages,
    dataset_index,
    exemplar_sheet,
    exemplars_file,
    group_exemplars_folder,
    known_files,
    layer_in_path,
    network_files,
    page_of,
    printed_files,
    sweep_parts,
)
from blockscope.config.settings import RunRow
from blockscope.feature_visualization.unit_selection import shard_files

# What files are made of besides the image, by the names of ``known_files``; {n} is a layer, 1 or 2.
_MADE_OF = {
    "classes{n}": ("activations{n}",),
    "channels{n}": ("activations{n}",),
    "scores{n}": ("scores_table{n}", "classes{n}", "activations{n}"),
    "positions": ("activations1",),
    "drivers": ("activations1",),
    "factors{n}": ("factors_table{n}", "classes{n}", "classes2"),
    "groups{n}": ("activations{n}",),
    "ablation{n}": ("groups{n}", "activations{n}"),
    "group_sprites{n}": ("groups{n}", "group_sprites_zarr{n}"),
    "group_exemplars{n}": ("groups{n}", "group_exemplars_zarr{n}", "group_exemplars_file{n}"),
    "sprites{n}": ("sprites_zarr{n}",),
    "contact{n}": ("sprites{n}", "activations{n}", "exemplars{n}"),
    "exemplars{n}": ("exemplars_zarr{n}",),
    "channel_page{n}": ("exemplars{n}", "sprites{n}"),
    "grids": ("grid_activations",),
    "flow": ("flow_groups", "flow_activations"),
    "flow_groups": ("flow_activations",),
    "flow_sprites": ("flow_groups", "flow_sprites_zarr"),
    "override_classes{n}": ("activations{n}",),
    "override_positions": ("activations1",),
    "sanity1": ("sanity_table1", "classes1", "own_randomised1"),
    "override_sanity1": ("override_sanity_table1", "override_classes1", "override_randomised1"),
}
MADE_OF = {
    name.format(n=n): tuple(part.format(n=n) for part in parts)
    for name, parts in _MADE_OF.items()
    for n in (1, 2)
}

SHARDED = ("sprites1", "sprites2", "group_sprites1", "group_sprites2", "flow_sprites")


@dataclass(frozen=True)
class Exemplars:
    """How exemplars are found: jobs of each data set, and channels of a layer of a network.

    ``of_groups``: whether neuron groups have their own.
    """

    jobs: Mapping[str, int]
    channels: Callable[[str, str], int]
    of_groups: bool = False


@dataclass(frozen=True)
class Sprites:
    """How sprites are rendered: units of a job, and channels of a layer of a network."""

    per_job: int
    channels: Callable[[str, str], int]


def all_results(
    runs: Iterable[RunRow],
    neuron_groups: int,
    sprites: Sprites | None = None,
    made_of: Mapping[str, str] = NONE_MADE,
    exemplars: Exemplars | None = None,
) -> list[str]:
    """Return the files of all jobs that the gallery needs, each once.

    ``neuron_groups`` is their number; ``sprites`` is None where none are rendered; ``made_of`` are
    the networks with weights drawn anew, and what each is made of; ``exemplars`` is None where no
    run names a data set.
    """
    found: dict[str, None] = {}
    for row in runs:
        found.update(dict.fromkeys(_results_of(row, neuron_groups, sprites, made_of, exemplars)))
        if row.dataset and exemplars:
            found.update(dict.fromkeys(_exemplars(row, exemplars)))
    return [*found, GALLERY]


def _results_of(
    row: RunRow,
    neuron_groups: int,
    sprites: Sprites | None,
    made_of: Mapping[str, str],
    exemplars: Exemplars | None,
) -> Iterator[str]:
    for network in (row.model, made_of.get(row.model)):
        yield from network_files(network) if network else ()
    yield from printed_files(row)
    yield page_of(row.run)
    of_groups = exemplars is not None and exemplars.of_groups
    known = known_files(row, neuron_groups, sprites is not None, made_of, of_groups)
    for name in _names(row):
        files = known[name]
        yield from [files] if isinstance(files, str) else files
        if sprites and name in SHARDED:
            yield from _shards(row, name, neuron_groups, sprites)
        if exemplars and files and name.startswith("group_exemplars_file"):
            layer = layer_in_path(row.layers[int(name[-1]) - 1])
            jobs = exemplars.jobs[row.dataset]
            folder = group_exemplars_folder(row)
            yield from sweep_parts(folder, f"{layer}-{neuron_groups}", jobs)


def _exemplars(row: RunRow, exemplars: Exemplars) -> Iterator[str]:
    """Return what a run's data set says of its layers, and what that is made of."""
    yield dataset_index(row.dataset)
    folder = f"results/models/{row.model}/datasets/{row.dataset}"
    yield from sweep_parts(folder, SWEPT_LAYERS, exemplars.jobs[row.dataset])
    for layer in row.layers:
        yield exemplars_file(row.model, row.dataset, layer)
        sheet = exemplar_sheet(row.model, row.dataset, layer)
        yield from (f"{sheet}.{end}" for end in ("zarr.zip", "png", "json"))
        yield from channel_pages(row.model, layer, exemplars.channels(row.model, layer))


def _names(row: RunRow) -> Iterable[str]:
    """Return what a run's panels and page are made of, directly or not."""
    names = {"image": None}
    left = [name for panel in row.panels for name in PANELS[panel].page_files]
    while left:
        name = left.pop()
        if name not in names:
            names[name] = None
            left += MADE_OF.get(name, ())
    return names


def _shards(row: RunRow, name: str, neuron_groups: int, sprites: Sprites) -> Iterator[str]:
    layers = row.flow_layers if name == "flow_sprites" else [row.layers[int(name[-1]) - 1]]
    for layer in layers:
        path = layer_in_path(layer)
        folder = f"results/{row.model}/{row.image}/groups/shards/{path}-{neuron_groups}"
        count = neuron_groups
        if name.startswith("sprites"):
            folder = f"results/models/{row.model}/sprites/shards/{path}"
            count = sprites.channels(row.model, layer)
        yield from shard_files(folder, range(count), sprites.per_job)
