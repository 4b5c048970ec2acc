"""How large a page may be, and what gives way so that it fits: the input, bits, positions."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TypeVar

from blockscope.figures.arrays import Pixels
from blockscope.figures.image_encoding import enlarge
from blockscope.figures.page.quantization import Packed, PackedArray

LARGEST_PAGE = 2_990_000  # bytes
LARGEST_INPUT = 512  # pixels of the longer side shown; larger inputs are scaled down in the page
FEWER = (8, 6)  # bits that an array is reduced to, one after the other

Blocks = TypeVar("Blocks")
Version = TypeVar("Version")


def input_for_page(pixels: Pixels) -> Pixels:
    """Return the input of a network, scaled down where it is larger than a page shows it."""
    rows, cols, _ = pixels.shape
    scale = LARGEST_INPUT / max(rows, cols)
    if scale >= 1:
        return pixels
    return enlarge(pixels, (max(1, round(rows * scale)), max(1, round(cols * scale))), smooth=True)


def coarser_versions(
    steps: Iterable[Blocks], build: Callable[[Blocks], Version]
) -> Iterator[Version]:
    """Yield what is built with ever larger blocks of positions for a cell; equal steps once."""
    for blocks in dict.fromkeys(steps):
        yield build(blocks)


def fit_to_budget(versions: Iterable[Mapping[str, object]], room: int) -> dict[str, object]:
    """Return the data of a page with as many bits as fit into ``room`` characters.

    ``versions`` are nested dicts and lists that hold `PackedArray`, each coarser than the one
    before. In each the largest arrays lose bits first; the first that fits is taken, or else the
    last.
    """
    tree: Mapping[str, object] = {}
    chosen: dict[int, Packed] = {}
    for tree in versions:
        arrays = list(_arrays(tree))
        chosen = {id(array): array.packed(array.bits) for array in arrays}
        for bits in FEWER:
            for array in sorted(arrays, key=lambda a: -len(chosen[id(a)]["data"])):
                if _size(chosen) > room:
                    chosen[id(array)] = array.packed(min(bits, array.bits))
        if _size(chosen) <= room:
            break
    return {key: _plain(value, chosen) for key, value in tree.items()}


def _size(chosen: Mapping[int, Packed]) -> int:
    return sum(len(packed["data"]) for packed in chosen.values())


def _arrays(tree: object) -> Iterator[PackedArray]:
    if isinstance(tree, PackedArray):
        yield tree
    elif isinstance(tree, dict | list):
        for value in tree.values() if isinstance(tree, dict) else tree:
            yield from _arrays(value)


def _plain(tree: object, chosen: Mapping[int, Packed]) -> object:
    if isinstance(tree, PackedArray):
        return chosen[id(tree)]
    if isinstance(tree, dict):
        return {key: _plain(value, chosen) for key, value in tree.items()}
    if isinstance(tree, list):
        return [_plain(value, chosen) for value in tree]
    return tree
