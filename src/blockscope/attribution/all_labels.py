"""Attribution of all labels' logits to the positions of a layer: gradient x activation.

The saliency map of every label at once (Captum: LayerGradientXActivation, summed over channels, for
each target; the notebook on spatial attribution: ``raw_class_spatial_attr``).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import tensorflow as tf
import xarray as xr
from tqdm import tqdm

from blockscope.autodiff.active.batches import push_positions
from blockscope.autodiff.batches import Mode, cheaper_mode, in_batches
from blockscope.autodiff.linear_map import LinearMap
from blockscope.io import datasets
from blockscope.io.chosen_numbers import chosen_numbers
from blockscope.io.labels import Labels
from blockscope.models.entry import Head, unit_of


def attribute_labels(
    linear: LinearMap,
    indexes: Sequence[int],
    memory_mb: int = 2048,
    mode: Mode | None = None,
    progress: bool = False,
) -> npt.NDArray[np.float32]:
    """Return the attribution of logits to every position of a layer, (label, row, col), in logits.

    Entry (label, row, col) is ``sum over channel of activation * d logit / d activation`` at that
    position: signed, the first-order effect of removing the position's activations. The gradient
    is that of the logit, not of the probability. A network without a head has outputs in place of
    logits. Source: Olah et al. 2018, notebook on spatial
    attribution.

    Parameters
    ----------
    linear
        Leads from the layer to the logits; its override applies.
    indexes
        Positions in the logits.
    memory_mb
        Bounds the batches; does not change the result.
    mode
        Forward mode takes one Jacobian-vector product per position for all logits; reverse mode
        one vector-Jacobian product per label. The cheaper one if not given.
    progress
        Whether to show a progress bar.

    Returns
    -------
    attribution
        float32, (label, row, col), labels in the order of ``indexes``.

    Raises
    ------
    UnknownName
        An index that is no place in the logits, or none at all.
    """
    size = linear.output.shape[-1]
    wanted = chosen_numbers("labels", indexes, size, "indexes")
    rows, cols = linear.value.shape[1:3]
    mode = mode or cheaper_mode(linear, labels=len(wanted))
    if mode is Mode.FORWARD:
        positions = np.argwhere(np.ones((rows, cols), bool)).astype(np.int32)
        parts = []
        with tqdm(total=len(positions), desc="positions", disable=not progress) as pushed:
            for logits in push_positions(linear, positions, memory_mb):
                parts.append(tf.gather(logits, wanted, axis=1).numpy())
                pushed.update(len(parts[-1]))
        return np.concatenate(parts).reshape(rows, cols, len(wanted)).transpose(2, 0, 1)
    numbers = np.array(wanted, np.int32)
    batches = in_batches(numbers, linear.bytes_per_tangent(), memory_mb)
    bar = tqdm(batches, desc="labels", unit="batch", disable=not progress)
    gradients = [linear.vjp(tf.one_hot(b, size, dtype=linear.output.dtype)) for b in bar]
    return np.concatenate([tf.reduce_sum(g * linear.value, -1).numpy() for g in gradients])


def softmax(logits: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    """Return probabilities from logits, (logit,), over all logits, with or without a label."""
    shifted = np.exp(logits.astype(np.float64) - logits.max())
    return shifted / shifted.sum()


def sigmoid(logits: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    """Return the probability of each label by itself, (logit,)."""
    return np.exp(-np.logaddexp(0, -logits.astype(np.float64)))


def label_axis(
    logits: npt.NDArray[np.float32], labels: Labels, head: Head = "softmax"
) -> dict[str, xr.Variable]:
    """Return the coordinates of the label axis: name, index in the logits, logit, probability.

    A network without a head has neither of the last two, but ``output``.
    """
    indexes = np.array(labels.indexes, dtype=np.int32)
    names = np.array([labels.name(i) for i in indexes], dtype=object)
    place = {"long_name": "position in the logits"}
    values = datasets.as_float32(logits[indexes])
    axis = {
        "label": xr.Variable("label", names),
        "index": xr.Variable("label", indexes, place),
    }
    if head == "none":
        note = {"long_name": "output of the network", "units": "output"}
        return axis | {"output": xr.Variable("label", values, note)}
    own = head == "sigmoid"
    chance = datasets.as_float32((sigmoid if own else softmax)(logits)[indexes])
    words = "sigmoid of the label's own logit" if own else "probability: softmax of the logits"
    note = {"long_name": words, "units": "1"} | ({"head": head} if own else {})
    return axis | {
        "logit": xr.Variable("label", values, {"long_name": "logit", "units": "logit"}),
        "probability": xr.Variable("label", chance, note),
    }


def named_labels(
    attribution: npt.NDArray[np.float32],
    logits: npt.NDArray[np.float32],
    labels: Labels,
    head: Head = "softmax",
) -> xr.Dataset:
    """Name the axes of an attribution of all labels; adds what `label_axis` says of each."""
    unit = unit_of(head)
    description = {
        "long_name": f"activation times gradient of the {unit}, summed over channels",
        "units": unit,
    }
    array = xr.DataArray(
        datasets.as_float32(attribution), dims=("label", "row", "col"), attrs=description
    )
    return xr.Dataset({"attribution": array}, coords=label_axis(logits, labels, head))
