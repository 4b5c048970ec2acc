"""The stage "classes": how much each position of a layer counts for each label."""

from __future__ import annotations

import os
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import tensorflow as tf
import xarray as xr
from tqdm import tqdm

from blockscope.attribution.layer_task import LayerTask
from blockscope.autodiff.batches import Mode, cheaper_mode, in_batches
from blockscope.autodiff.linear_map import LinearMap
from blockscope.io import datasets
from blockscope.io.labels import Labels


def attribute_labels(
    linear: LinearMap,
    indexes: Sequence[int],
    memory_mb: int = 2048,
    mode: Mode | None = None,
    progress: bool = False,
) -> npt.NDArray[np.float32]:
    """Return the attribution of logits to every position of a layer, (label, row, col), in logits.

    Entry (label, row, col) is ``sum over channel of activation * d logit / d activation`` at that
    position: signed, the first-order effect of taking the position's activations away. The
    gradient is that of the logit, not of the probability, and follows the override that
    ``linear`` was made with.

    ``linear`` leads from the layer to the logits; ``indexes`` are logit positions. Forward mode
    pushes one tangent per position and gets all logits; reverse mode pulls one sensitivity per
    label. ``mode`` forces one of them; otherwise the cheaper is taken. ``memory_mb`` bounds the
    batches and changes nothing else. Source: Olah et al. 2018, notebook on spatial attribution.
    """
    rows, cols = linear.value.shape[1:3]
    mode = mode or cheaper_mode(linear, labels=len(indexes))
    if mode is Mode.FORWARD:
        positions = np.argwhere(np.ones((rows, cols), bool)).astype(np.int32)
        batches = in_batches(positions, linear.bytes_per_tangent(), memory_mb)
        bar = tqdm(batches, desc="positions", unit="batch", disable=not progress)
        pushed = [tf.gather(linear.jvp_positions(b), indexes, axis=1).numpy() for b in bar]
        return np.concatenate(pushed).reshape(rows, cols, len(indexes)).transpose(2, 0, 1)
    wanted = np.asarray(indexes, np.int32)
    batches = in_batches(wanted, linear.bytes_per_tangent(), memory_mb)
    bar = tqdm(batches, desc="labels", unit="batch", disable=not progress)
    size = linear.output.shape[-1]
    pulled = [linear.vjp(tf.one_hot(b, size, dtype=linear.output.dtype)) for b in bar]
    return np.concatenate([tf.reduce_sum(p * linear.value, -1).numpy() for p in pulled])


def softmax(logits: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    """Return probabilities from logits, (logit,), over all logits, with or without a label."""
    shifted = np.exp(logits.astype(np.float64) - logits.max())
    return shifted / shifted.sum()


def label_axis(logits: npt.NDArray[np.float32], labels: Labels) -> dict[str, xr.Variable]:
    """Name the axis of all labels; adds each label's place in the logits, logit and probability."""
    indexes = np.array(labels.indexes, dtype=np.int32)
    names = np.array([labels.name(i) for i in indexes], dtype=object)
    place = {"long_name": "position in the logits"}
    return {
        "label": xr.Variable("label", names),
        "index": xr.Variable("label", indexes, place),
        "logit": xr.Variable("label", datasets.as_float32(logits[indexes])),
        "probability": xr.Variable("label", datasets.as_float32(softmax(logits)[indexes])),
    }


def named_labels(
    attribution: npt.NDArray[np.float32], logits: npt.NDArray[np.float32], labels: Labels
) -> xr.Dataset:
    """Name the axes of an attribution to all labels; adds each label's logit and probability."""
    description = {
        "long_name": "activation times gradient of the logit, summed over channels",
        "units": "logit",
    }
    array = xr.DataArray(
        datasets.as_float32(attribution), dims=("label", "row", "col"), attrs=description
    )
    return xr.Dataset({"attribution": array}, coords=label_axis(logits, labels))


def write_classes(
    graph_path: str | os.PathLike[str],
    card_path: str | os.PathLike[str],
    input_path: str | os.PathLike[str],
    activations_path: str | os.PathLike[str],
    layer: str,
    override: str,
    output: str | os.PathLike[str],
    memory_mb: int,
) -> None:
    """Write the attribution of all labels to a layer's positions as HDF5 (label, row, col)."""
    opened = LayerTask.read(graph_path, card_path, input_path, activations_path, layer, override)
    linear, names = opened.linear(), opened.card.label_table
    attribution = attribute_labels(linear, names.indexes, memory_mb, progress=True)
    opened.check_finite("attribution", attribution)
    dataset = named_labels(attribution, linear.output.numpy()[0], names)
    dataset.attrs = opened.record("classes")
    datasets.write_h5(output, dataset)
