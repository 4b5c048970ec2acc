"""Where a map changes if the image changes at one place."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from blockscope.models.network import Network

SIZE = (10, 14)  # of the images
PLACES = [(row, col) for row in (1, 4, 8) for col in (2, 6, 11)]
LEAST = 4  # rows and columns of a map that shows where something is

Changes = npt.NDArray[np.float64]


def changes_of(network: Network, layers: list[str], seed: int) -> dict[str, Changes]:
    """Return by how much each layer changes for each place, (place, row, col)."""
    image = np.random.default_rng(seed).integers(0, 256, (*SIZE, 3), np.uint8)
    given = np.repeat(network.values(image), 1 + len(PLACES), 0)
    for number, (row, col) in enumerate(PLACES, 1):
        given[number, row : row + 2, col : col + 2] += 3
    found = network.run({network.spec.tensor: given}, layers)
    return {
        name: ((values.numpy()[1:] - values.numpy()[:1]) ** 2).sum(-1, dtype=float)
        for name, values in found.items()
    }


def slopes(changes: Changes) -> npt.NDArray[np.float64]:
    """Return by how much the centre of a change moves, (row or col, of the image, of the map).

    In shares of the image and of the map: 1 if a map shows each place where it is.
    """
    rows, cols = changes.shape[1:]
    seen = changes.sum((1, 2)) > 0
    shares = changes[seen] / changes[seen].sum((1, 2), keepdims=True)
    centres = np.stack(
        [shares.sum(2) @ np.arange(rows) / rows, shares.sum(1) @ np.arange(cols) / cols], 1
    )
    places = np.array(PLACES)[seen] / SIZE
    found: npt.NDArray[np.float64]
    found = np.linalg.lstsq(np.c_[places, np.ones(len(places))], centres)[0][:2]
    return found


def follows(changes: Changes) -> bool:
    """Tell whether a map shows the whole image, each place about where it is."""
    if not (changes.sum((1, 2)) > 0).all():
        return False
    found = slopes(changes)
    long = [axis for axis in range(2) if changes.shape[1 + axis] >= LEAST]
    own = [found[axis, axis] for axis in long]
    other = [abs(found[1 - axis, axis]) for axis in long]
    return min(own) > 0.3 and max(own) < 1.6 and max(other) < 0.4
