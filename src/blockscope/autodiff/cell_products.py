"""Scalar products of two sets of windows of one map, of all pairs, cell by cell.

A cell of the map meets only the windows that hold it. So what is multiplied are, for every cell, a
matrix of these windows' vectors and one of the other set's; nothing is multiplied by zeros that
windows spare.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from blockscope.autodiff.windows import Frame, Size, Window


def by_cell(window: Window, size: Size) -> tf.Tensor:
    """Return windows as whole maps of ``size``, (cell, batch, channel); cells row by row."""
    batch, rows, cols, channels = window.values.shape
    flat = tf.reshape(window.values, [-1, channels])
    if window.frame.is_whole(size):
        return tf.transpose(tf.reshape(flat, [batch, -1, channels]), [1, 0, 2])
    local = window.frame.within(Frame.whole(batch, size)).numpy().reshape(batch, -1).T
    entry = np.where(local < rows * cols, np.arange(batch) * (rows * cols) + local, len(flat))
    return tf.gather(tf.pad(flat, [[0, 1], [0, 0]]), entry)


def products(window: Window, maps: tf.Tensor, size: Size) -> tf.Tensor:
    """Return the scalar products of windows with maps.

    Parameters
    ----------
    window
        Windows of a map of ``size``, (window, row, col, channel).
    maps
        (cell, map, channel), from ``by_cell``.
    size
        Rows and columns of the map.

    Returns
    -------
    products
        (window, map). Cost: cells * most windows that hold a cell * maps * channels.
    """
    batch, rows, cols, channels = window.values.shape
    cells = window.frame.index(size).numpy().ravel()
    order = np.argsort(cells, kind="stable")
    order = order[: np.searchsorted(cells[order], size[0] * size[1])]
    if not len(order):  # all lie outside of the map
        return tf.zeros([batch, maps.shape[1]], maps.dtype)
    first, entries = _on_each_cell(cells[order], order)
    owner = entries // (rows * cols)
    # An empty place, -1, gets any entry: what comes of it is owned by window -1, and so left out.
    vectors = tf.gather(tf.reshape(window.values, [-1, channels]), np.maximum(entries, 0))
    found = tf.matmul(vectors, maps[first : first + len(entries)], transpose_b=True)
    return tf.math.unsorted_segment_sum(
        tf.reshape(found, [-1, maps.shape[1]]), owner.ravel(), batch
    )


def _on_each_cell(
    cells: npt.NDArray[np.intp], entries: npt.NDArray[np.intp]
) -> tuple[int, npt.NDArray[np.intp]]:
    """Return the first cell, and the entries on each from there to the last, (cell, place).

    ``cells``: sorted, that of each entry; -1 where fewer entries than elsewhere lie on a cell.
    """
    first = int(cells[0])
    counts = np.bincount(cells - first)
    place = np.arange(len(cells)) - np.repeat(np.cumsum(counts) - counts, counts)
    found = np.full((len(counts), counts.max()), -1)
    found[cells - first, place] = entries
    return first, found
