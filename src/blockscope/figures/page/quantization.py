"""Arrays inside a page: whole numbers with scales, deflated, as text; as many bits as fit.

A browser undoes it in a few lines: decode base64, inflate, join the bytes, multiply by the scales.
"""

from __future__ import annotations

import base64
import zlib
from dataclasses import dataclass, field
from typing import TypedDict

import numpy as np
from numpy.typing import NDArray

from blockscope.figures.arrays import Floats
from blockscope.figures.palettes import palettes

LEVEL = 7  # of deflating: more takes much longer for a hundredth of the size


class Packed(TypedDict):
    """An array as JSON: see `pack`."""

    shape: list[int]
    bits: int
    scale: list[float]
    data: str


@dataclass(frozen=True, eq=False)
class PackedArray:
    """An array that goes into a page, and the most bits that a number of it gets.

    With 16 bits a number is off by at most 1 / 65534 of its row's largest absolute value, with 8 by
    1 / 254, with 6 by 1 / 62; a row is an entry of the first axis.
    """

    array: Floats
    bits: int = 16
    _packed: dict[int, Packed] = field(default_factory=dict)

    def packed(self, bits: int) -> Packed:
        """Return what `pack` makes of it, computed once."""
        if bits not in self._packed:
            self._packed[bits] = pack(self.array, bits)
        return self._packed[bits]


def pack(array: Floats, bits: int) -> Packed:
    """Pack an array of at least one axis for JSON.

    A value is its whole number times the scale of its row. The numbers are in the order of the
    array, in two's complement of 8 or 16 bits, where fewer bits only deflate better; with 16 all
    low bytes come first. ``bits`` in the result is that of the numbers as stored.

    Raises ``ValueError`` for values that are not finite.
    """
    values = np.asarray(array, np.float64)
    if not np.isfinite(values).all():
        raise ValueError("an array for the page holds values that are not finite")
    rows = values.reshape(len(values), -1)
    most = 2 ** (bits - 1) - 1
    scale = np.abs(rows).max(axis=1, initial=0.0) / most
    # Scales are written with six digits: round first, so that the numbers match what is read.
    scale = np.array([float(f"{s:.6g}") for s in scale])
    whole = np.rint(
        np.divide(rows, scale[:, None], out=np.zeros_like(rows), where=scale[:, None] > 0)
    )
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


def unpack(packed: Packed) -> NDArray[np.float64]:
    """Return the array that was packed, as a page sees it."""
    content = zlib.decompress(base64.b64decode(packed["data"]), -zlib.MAX_WBITS)
    size = packed["bits"] // 8
    planes = np.frombuffer(content, np.uint8).reshape(size, -1)
    numbers = np.ascontiguousarray(planes.T).view(f"<i{size}").reshape(packed["shape"])
    scale = np.array(packed["scale"]).reshape(-1, *[1] * (numbers.ndim - 1))
    values: NDArray[np.float64] = numbers * scale
    return values


def sum_pooled(array: Floats, block: int, first_axis: int) -> Floats:
    """Sum blocks of ``block`` x ``block`` positions, over two axes from ``first_axis`` on.

    Attributions add up, so that a block has the attribution of its positions together. Blocks at
    the far edges may be smaller. Axes shorter than ``block`` become one block.
    """
    for axis in (first_axis, first_axis + 1):
        starts = np.arange(0, array.shape[axis], block)
        array = np.add.reduceat(array, starts, axis=axis)
    return array


def packed_palette(name: str) -> dict[str, object]:
    """Return a palette for JSON: its table of 255 colours as base64."""
    palette = palettes()[name]
    return {
        "name": name,
        "words": palette.words,
        "signed": palette.signed,
        "table": base64.b64encode(palette.table.tobytes()).decode("ascii"),
    }
