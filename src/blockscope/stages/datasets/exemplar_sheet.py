"""The stage "exemplar_sheet": the parts of images that drive each channel of a layer."""

from __future__ import annotations

from blockscope.exemplars.result import LayerExemplars
from blockscope.exemplars.sheet import RANKINGS, crops_of, field_of, four_of
from blockscope.feature_visualization.mosaics import sheet_of, wrap_of
from blockscope.io import datasets, images, provenance
from blockscope.io.atomic_files import FilePath
from blockscope.io.errors import BadFile
from blockscope.io.image_sets import ImageSet
from blockscope.io.json_files import write_facts
from blockscope.models.card import ModelCard
from blockscope.models.device import software_facts
from blockscope.models.network import Network
from blockscope.stages.datasets.seen_images import reader
from blockscope.stages.group_directions import read_unit_directions


def write_exemplar_sheet(
    *,
    exemplars: FilePath,
    index: FilePath,
    graph: FilePath,
    card: FilePath,
    background: tuple[int, int, int],
    memory_mb: int,
    zarr: FilePath,
    png: FilePath,
    json: FilePath,
    neuron_groups: FilePath | None = None,
) -> None:
    """Write the crops of a layer's exemplars: an array, a sheet, and what its tiles are.

    Tile n of the sheet has the four strongest exemplars of channel n, 2 x 2, in column n % wrap,
    row n // wrap, as that of a spritemap. With ``neuron_groups`` the exemplars are those of their
    directions, and tile n is that of group n. Raises ``BadFile`` where an image is gone or damaged,
    or the exemplars are of another network than the one given.
    """
    found = LayerExemplars.read(exemplars)
    origin = provenance.read(exemplars)
    model = ModelCard.read(card)
    provenance.check_origin(origin, exemplars, {"graph_sha256": model.graph_sha256})
    layer = str(origin["layer"])
    source = ImageSet.open(index)
    _check_images(found, source, exemplars, index)
    read = reader(source, model.input, background)
    directions = read_unit_directions(neuron_groups, model, layer) if neuron_groups else None
    network = Network.load(graph, model)
    field = field_of(found, network, layer, read, memory_mb, directions=directions)
    made = crops_of(found, field, read, background)
    rows, cols = field.theoretical.size
    quartiles = dict(zip(("counts_lower", "counts", "counts_upper"), field.counts, strict=False))
    facts = provenance.record(
        "exemplar_sheet",
        software_facts(),
        **provenance.inherited(origin),
        dataset=str(origin["dataset"]),
        receptive_field_rows=rows,
        receptive_field_cols=cols,
        effective_field=field.side,
        **{name: round(share, 4) for name, share in quartiles.items()},
    )
    datasets.write_zarr(zarr, made.assign_attrs(facts))
    tiles = four_of(made["crops"].sel(ranking=RANKINGS[0]).to_numpy())
    wrap = wrap_of("" if neuron_groups else layer, len(tiles))
    images.write_png(png, sheet_of(tiles, wrap), facts)
    write_facts(
        json,
        {
            "tile": tiles.shape[1],
            "wrap": wrap,
            "unit": found.unit,
            "sprite": list(range(len(tiles))),
            "provenance": facts,
        },
    )


def _check_images(
    found: LayerExemplars, source: ImageSet, exemplars: FilePath, index: FilePath
) -> None:
    """Raise ``BadFile`` where a number would lead to another image than the one found."""
    numbers = found.shown.tolist()
    inside = [number for number in numbers if number < len(source)]
    if len(inside) < len(numbers) or tuple(source.names(inside)) != found.shown_name:
        raise BadFile(
            f"'{exemplars}' shows images that '{index}' does not have under their numbers; "
            "regenerate the exemplars"
        )
