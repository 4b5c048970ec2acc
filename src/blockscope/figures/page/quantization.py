"""Arrays inside a page: whole numbers with scales, deflated, as text; as many bits as fit.

A browser undoes it in a few lines: decode base64, inflate, join the bytes, multiply by the scales.
"""

from __future__ import annotations

import base64
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating]
LEVEL = 7  # of deflating: more takes much longer for a hundredth of the size
FEWER = (8, 6)  # bits that an array gives way to, one after the other


@dataclass(frozen=True, eq=False)
class Bulk:
    """An array that goes into a page, and the most bits that a number of it gets.

    With 16 bits a number is off by at most 1 / 65534 of its row's largest size, with 8 by 1 / 254,
    with 6 by 1 / 62; a row is an entry of the first axis.
    """

    array: Floats
    bits: int = 16
    _made: dict[int, dict[str, Any]] = field(default_factory=dict)

    def packed(self, bits: int) -> dict[str, Any]:
        """Return what `pack` makes of it, and keep it."""
        if bits not in self._made:
            self._made[bits] = pack(self.array, bits)
        return self._made[bits]


def pack(array: Floats, bits: int) -> dict[str, Any]:
    """Return an array of at least one axis as ``{shape, bits, scale, data}``, for JSON.

    A value is its whole number times the scale of its row. The numbers are in the order of the
    array, in two's complement of 8 or 16 bits, where fewer bits only deflate better; with 16 all
    low bytes come first. ``bits`` in the result is that of the numbers as stored.

    Raises ``ValueError`` for values that are not finite.
    """
    values = np.asarray(array, np.float64)
    if not np.isfinite(values).all():
        raise ValueError("an array for the page holds values that are not finite")
    rows = values.reshape(len(values), -1)
    scale = np.abs(rows).max(axis=1, initial=0.0) / (2 ** (bits - 1) - 1)
    # Scales are written with six digits: round first, so that the numbers go with what is read.
    scale = np.array([float(f"{s:.6g}") for s in scale])
    whole = np.rint(
        np.divide(rows, scale[:, None], out=np.zeros_like(rows), where=scale[:, None] > 0)
    )
    most = 2 ** (bits - 1) - 1
    size = 2 if bits > 8 else 1
    numbers = np.clip(whole, -most, most).astype(f"<i{size}")
    planes = numbers.reshape(-1).view(np.uint8).reshape(-1, size).T
    deflate = zlib.compressobj(LEVEL, zlib.DEFLATED, -zlib.MAX_WBITS)
    content = deflate.compress(planes.tobytes()) + deflate.flush()
    return {
        "shape": list(values.shape),
        "bits": 8 * size,
        "scale": scale.tolist(),
        "data": base64.b64encode(content).decode("ascii"),
    }


def unpack(packed: dict[str, Any]) -> NDArray[np.float64]:
    """Return the array that was packed, as a page sees it."""
    content = zlib.decompress(base64.b64decode(packed["data"]), -zlib.MAX_WBITS)
    size = packed["bits"] // 8
    planes = np.frombuffer(content, np.uint8).reshape(size, -1)
    numbers = np.ascontiguousarray(planes.T).view(f"<i{size}").reshape(packed["shape"])
    scale = np.array(packed["scale"]).reshape(-1, *[1] * (numbers.ndim - 1))
    values: NDArray[np.float64] = numbers * scale
    return values


def fitted(builds: Iterable[Any], room: int) -> Any:
    """Return plain data whose arrays take at most ``room`` characters, with as many bits as fit.

    ``builds`` yields nested dicts and lists that hold `Bulk`, each coarser than the one before. In
    each the largest arrays lose bits first; the first that fits is taken, or else the last.
    """
    tree, made = None, {}
    for tree in builds:
        bulks = list(_bulks(tree))
        made = {id(bulk): bulk.packed(bulk.bits) for bulk in bulks}
        for bits in FEWER:
            for bulk in sorted(bulks, key=lambda b: -len(made[id(b)]["data"])):
                if _size(made) > room:
                    made[id(bulk)] = bulk.packed(min(bits, bulk.bits))
        if _size(made) <= room:
            break
    return _plain(tree, made)


def _size(made: Mapping[int, Mapping[str, Any]]) -> int:
    return sum(len(packed["data"]) for packed in made.values())


def _bulks(tree: Any) -> Iterator[Bulk]:
    if isinstance(tree, Bulk):
        yield tree
    elif isinstance(tree, dict | list):
        for value in tree.values() if isinstance(tree, dict) else tree:
            yield from _bulks(value)


def _plain(tree: Any, made: Mapping[int, Any]) -> Any:
    if isinstance(tree, Bulk):
        return made[id(tree)]
    if isinstance(tree, dict):
        return {key: _plain(value, made) for key, value in tree.items()}
    if isinstance(tree, list):
        return [_plain(value, made) for value in tree]
    return tree


def pooled(array: Floats, cells: int, first_axis: int) -> Floats:
    """Sum blocks of ``cells`` x ``cells`` positions, over two axes from ``first_axis`` on.

    Attributions add up, so that a block has the attribution of its positions together. Blocks at
    the far edges may be smaller. Axes shorter than ``cells`` become one block.
    """
    for axis in (first_axis, first_axis + 1):
        starts = np.arange(0, array.shape[axis], cells)
        array = np.add.reduceat(array, starts, axis=axis)
    return array
