"""Attribution maps for a page: of all labels at two layers, and between their positions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from blockscope.config.panels import Panel
from blockscope.figures.page.page_budget import coarser_versions
from blockscope.figures.page.page_data import MapFiles, PageData
from blockscope.figures.page.quantization import PackedArray, sum_pooled

CELLS = (3200, 800, 200, 50)  # most of a layer in the page: beyond, positions are summed in blocks
KINDS = ("classes1", "classes2", "positions")


def pack_maps(page: PageData, panel: Panel) -> dict[str, object]:
    """Add the maps of one gradient or of all overrides, and return the names of these."""
    prefix = "override_" if f"override_{KINDS[0]}" in panel.inputs else ""
    paths = zip(*(page.files.many(f"{prefix}{kind}") for kind in KINDS), strict=True)
    overrides = []
    for classes1, classes2, positions in paths:
        between = page.read(positions)
        overrides.append(str(between.attrs["override"]))
        page.maps[overrides[-1]] = page.read(classes1), page.read(classes2), between
    return {"overrides": overrides}


def map_versions(
    layers: Sequence[str], maps: Mapping[str, MapFiles]
) -> Iterator[dict[str, object]]:
    """Yield ``layers`` and ``maps`` with ever larger blocks of positions for a cell of the page."""
    positions = next(iter(maps.values()))[2]["attribution"]
    grids = [(positions.sizes[f"row{n}"], positions.sizes[f"col{n}"]) for n in "12"]

    def build(blocks: tuple[int, ...]) -> dict[str, object]:
        return {
            "layers": [
                {
                    "name": name,
                    "rows": -(-grid[0] // block),
                    "cols": -(-grid[1] // block),
                    "grid": list(grid),
                    "pooled": block,
                }
                for name, grid, block in zip(layers, grids, blocks, strict=True)
            ],
            "maps": {override: _packed(files, blocks) for override, files in maps.items()},
        }

    yield from coarser_versions((tuple(_block(g, most) for g in grids) for most in CELLS), build)


def _block(grid: tuple[int, int], most: int) -> int:
    """Return the least power of two whose square blocks are at most ``most`` on a grid."""
    block = 1
    while -(-grid[0] // block) * -(-grid[1] // block) > most:
        block *= 2
    return block


def _packed(files: MapFiles, blocks: Sequence[int]) -> dict[str, object]:
    classes1, classes2, positions = (dataset["attribution"] for dataset in files)
    between = positions.transpose("row2", "col2", "row1", "col1").to_numpy()
    between = sum_pooled(sum_pooled(between, blocks[1], 0), blocks[0], 2)
    return {
        "label_attribution": [
            PackedArray(sum_pooled(found.transpose("label", "row", "col").to_numpy(), block, 1))
            for found, block in zip((classes1, classes2), blocks, strict=True)
        ],
        "position_attribution": PackedArray(between),
    }
