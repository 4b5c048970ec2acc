"""The stage "positions": how much each position of a layer counts for each of a later one."""

from __future__ import annotations

import os

import numpy as np
import numpy.typing as npt
import tensorflow as tf
import xarray as xr
from tqdm import tqdm

from blockscope.attribution.layer_task import LayerTask
from blockscope.autodiff.batches import Mode, cheaper_mode, in_batches
from blockscope.autodiff.linear_map import LinearMap
from blockscope.io import datasets


def attribute_positions(
    linear: LinearMap, memory_mb: int = 2048, mode: Mode | None = None, progress: bool = False
) -> npt.NDArray[np.float32]:
    """Return the attribution between two layers, (row2, col2, row1, col1), in units of layer 2.

    Entry (row2, col2, row1, col1) is ``sum over channel of A1 * d|A2| / dA1``: A1 the activations
    of layer 1 at (row1, col1), |A2| the Euclidean norm of layer 2's vector at (row2, col2). It is
    0 where that vector is zero, whose norm has no gradient. Read with the last two axes first it
    tells where each position of layer 1 goes.

    ``linear`` leads from layer 1 to layer 2. Forward mode takes a tangent per position of layer 1,
    reverse mode a sensitivity per position of layer 2; ``mode`` forces one of them. ``memory_mb``
    bounds the batches and changes nothing else. Source: Olah et al. 2018, notebook on spatial
    attribution.
    """
    size1, size2 = linear.value.shape[1:3], linear.output.shape[1:3]
    directions = _directions(linear.output)
    mode = mode or cheaper_mode(linear, size2.num_elements())
    if mode is Mode.FORWARD:
        found = _forward(linear, directions, memory_mb, progress)
    else:
        found = _reverse(linear, directions, memory_mb, progress)
    return found.reshape(*size2, *size1)


def _directions(output: tf.Tensor) -> tf.Tensor:
    """Return layer 2's vectors at length 1, or zero where they are, (1, row, col, channel)."""
    return tf.math.divide_no_nan(output, tf.norm(output, axis=-1, keepdims=True))


def _forward(
    linear: LinearMap, directions: tf.Tensor, memory_mb: int, progress: bool
) -> npt.NDArray[np.float32]:
    positions = np.argwhere(np.ones(linear.value.shape[1:3], bool)).astype(np.int32)
    batches = in_batches(positions, linear.bytes_per_tangent(), memory_mb)
    bar = tqdm(batches, desc="positions", unit="batch", disable=not progress)
    maps = [tf.reduce_sum(linear.jvp_positions(b) * directions, -1).numpy() for b in bar]
    pushed = np.concatenate(maps)  # (position of layer 1, row2, col2)
    return np.ascontiguousarray(pushed.reshape(len(positions), -1).T)


def _reverse(
    linear: LinearMap, directions: tf.Tensor, memory_mb: int, progress: bool
) -> npt.NDArray[np.float32]:
    rows, cols, channels = linear.output.shape[1:]
    wanted = np.arange(rows * cols, dtype=np.int32)
    batches = in_batches(wanted, linear.bytes_per_tangent(), memory_mb)
    bar = tqdm(batches, desc="positions", unit="batch", disable=not progress)
    vectors = tf.reshape(directions, [rows * cols, 1, channels])
    maps = []
    for batch in bar:
        single = tf.one_hot(batch, rows * cols, dtype=linear.output.dtype)[..., None]
        spread = single * tf.gather(vectors, batch)
        pulled = linear.vjp(tf.reshape(spread, [len(batch), rows, cols, channels]))
        maps.append(tf.reduce_sum(pulled * linear.value, -1).numpy())
    return np.concatenate(maps)


def write_positions(
    graph_path: str | os.PathLike[str],
    card_path: str | os.PathLike[str],
    input_path: str | os.PathLike[str],
    activations_path: str | os.PathLike[str],
    layer1: str,
    layer2: str,
    override: str,
    output: str | os.PathLike[str],
    memory_mb: int,
) -> None:
    """Write the attribution between the positions of two layers as HDF5 (row2, col2, row1, col1).

    ``activations_path``: those of ``layer1``. Raises ``BadFile`` where layer 2 is not computed from
    layer 1.
    """
    opened = LayerTask.read(
        graph_path, card_path, input_path, activations_path, layer1, override, layer2
    )
    found = attribute_positions(opened.linear(), memory_mb, progress=True)
    opened.check_finite("attribution", found)
    array = xr.DataArray(
        datasets.as_float32(found),
        dims=("row2", "col2", "row1", "col1"),
        attrs={"long_name": "activation of layer1 times gradient of the length of layer2"},
    )
    facts = opened.record("positions")
    datasets.write_h5(output, xr.Dataset({"attribution": array}, attrs=facts))
