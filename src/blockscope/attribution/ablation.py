"""Exact ablation: what each logit really loses where a part of a layer is taken away.

Attribution by gradients says what a logit loses to first order. Here the part is replaced and the
network computed again from the layer on (Captum: LayerFeatureAblation and NeuronAblation, with the
layer as input; the article's question how far its interfaces can be trusted). Beside each loss
stands what the linear map says of the same change.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import tensorflow as tf
import xarray as xr

from blockscope.attribution.all_labels import label_axis
from blockscope.attribution.baselines import Baseline
from blockscope.attribution.neuron_groups import NeuronGroups
from blockscope.autodiff.batches import in_batches, logits_in_batches
from blockscope.autodiff.exact_changes import Change, ExactChanges
from blockscope.autodiff.gradients import Gradients
from blockscope.autodiff.linear_map import LinearMap
from blockscope.autodiff.one_channel import OneChannel
from blockscope.autodiff.windows import Frame, Window
from blockscope.io import datasets
from blockscope.io.chosen_numbers import chosen_numbers
from blockscope.io.correlation import correlation, rank_correlation
from blockscope.io.errors import BadFile
from blockscope.io.labels import Labels
from blockscope.models.entry import Head, unit_of

Floats = npt.NDArray[np.floating]

# Passes at once: more leave the caches (InceptionV1 on two cores, 8 to 128 tried); and windows at
# once, of which each batch takes some time to place.
AT_ONCE = 16
WINDOWS_AT_ONCE = 128
# Of so many groups every set is taken away: 256 passes.
MOST_GROUPS = 8
# Of a logit: what is lost by rounding alone, where a layer's mean is all that the logits read.
ROUNDING = 1e-5

PARTS: Mapping[str, tuple[str, ...]] = {
    "positions": ("row", "col"),
    "channels": ("channel",),
    "groups": ("factor",),
}


@dataclass(frozen=True)
class Parts:
    """Parts of a layer that can be taken away one at a time.

    Attributes
    ----------
    count
        How many there are.
    changes
        Returns what taking away the parts of some numbers takes from the activations: a batch of
        windows, of single channels, or whole, (part, row, col, channel).
    live
        The numbers of those that take anything: what is at the baseline already costs nothing.
    """

    count: int
    changes: Callable[[npt.NDArray[np.intp]], Change]
    live: npt.NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class Losses:
    """What logits lose without single parts, (label, part): exactly, and to first order.

    A loss is the logit at the image less the logit without the part: positive where the part
    supports the label.
    """

    exact: npt.NDArray[np.float32]
    linear: npt.NDArray[np.float32]


def baseline_of(activations: Floats, baseline: Baseline) -> Floats:
    """Return what a layer's activations are replaced by, (row, col, channel).

    Zero, or the mean of each channel over the positions. Raises ``BadFile`` for the mean of one
    position, which is at it already.
    """
    if baseline == "zero":
        return np.zeros_like(activations)
    if activations.shape[:2] == (1, 1):
        raise BadFile(
            "a layer of one position is at its own mean: nothing would be taken away; choose a "
            "layer with more, or 'zero' (key ablation.baseline of the config)"
        )
    return np.broadcast_to(_mean_over_positions(activations), activations.shape)


def _mean_over_positions(values: Floats) -> Floats:
    """Return means over (row, col), (1, 1, ...), in double precision; a constant is its own mean.

    A sum in single precision would leave a constant channel a rest, and make it live.
    """
    first = values[:1, :1].astype(np.float64)
    mean = first + (values - first).mean((0, 1), keepdims=True)
    return mean.astype(values.dtype)


def single_positions(activations: Floats, baseline: Baseline) -> Parts:
    """Return the positions of a layer, (row, col, channel), in row-major order."""
    rows, cols, channels = activations.shape
    vectors = (activations - baseline_of(activations, baseline)).reshape(-1, channels)

    def changes(numbers: npt.NDArray[np.intp]) -> Window:
        row, col = (axis.astype(np.int32) for axis in np.unravel_index(numbers, (rows, cols)))
        return Window(Frame(row, col, 1, 1), tf.constant(vectors[numbers, None, None]))

    return Parts(rows * cols, changes, np.flatnonzero(vectors.any(1)))


def single_channels(activations: Floats, baseline: Baseline) -> Parts:
    """Return the channels of a layer, (row, col, channel)."""
    whole = activations - baseline_of(activations, baseline)

    maps = np.ascontiguousarray(whole.transpose(2, 0, 1)[..., None])

    def changes(numbers: npt.NDArray[np.intp]) -> OneChannel:
        return OneChannel(tf.constant(numbers), tf.constant(maps[numbers]))

    return Parts(whole.shape[-1], changes, np.flatnonzero(whole.any((0, 1))))


def single_groups(groups: NeuronGroups, baseline: Baseline) -> Parts:
    """Return the neuron groups of a layer: each is ``spatial * channels`` of the activations.

    The mean that a group is replaced by is that over the positions.
    """
    return _group_parts(groups, np.eye(len(groups.channels), dtype=bool), baseline)


def group_sets(groups: NeuronGroups, baseline: Baseline) -> tuple[Parts, npt.NDArray[np.bool_]]:
    """Return every set of neuron groups as a part, and which groups are in it, (set, factor).

    Group f is in set number n where bit f of n is 1. There are ``2 ** len(groups.channels)``: see
    ``MOST_GROUPS``.
    """
    count = len(groups.channels)
    members = (np.arange(2**count)[:, None] >> np.arange(count)) & 1 == 1
    return _group_parts(groups, members, baseline), members


def losses_by_one(
    losses: npt.NDArray[np.float32], members: npt.NDArray[np.bool_]
) -> npt.NDArray[np.float32]:
    """Return losses by single groups, (label, factor), from those by every set of ``group_sets``.

    ``losses``: (label, set); ``members``: (set, factor).
    """
    return losses[:, members.sum(1) == 1]  # in the order of the factors, as sets are of bits


def _group_parts(groups: NeuronGroups, members: npt.NDArray[np.bool_], baseline: Baseline) -> Parts:
    """Return sets of groups, (set, factor), as parts."""
    spatial = groups.spatial
    if baseline == "mean":
        spatial = spatial - _mean_over_positions(spatial)
    live = (spatial != 0).any((0, 1)) & (groups.magnitude > 0)

    def changes(numbers: npt.NDArray[np.intp]) -> tf.Tensor:
        parts = np.einsum("sf,rcf,fk->srck", members[numbers] * 1.0, spatial, groups.channels)
        return tf.constant(parts, tf.float32)

    return Parts(len(members), changes, np.flatnonzero(members @ live))


def loss_of_all(
    gradients: Gradients, instead: Floats, indexes: Sequence[int]
) -> npt.NDArray[np.float32]:
    """Return what logits lose where all of a layer is replaced at once, (label).

    ``instead``: what it is replaced by, (row, col, channel); ``indexes``: positions in the logits.
    Raises ``UnknownName`` for an index that is no such position, and for none.
    """
    wanted = chosen_numbers("labels", indexes, gradients.size, "indexes")
    value = gradients.value
    ends = gradients.values_at(np.stack([value, instead.astype(value.dtype)]))
    at, without = tf.gather(ends, wanted, axis=1).numpy()
    found: npt.NDArray[np.float32] = at - without
    return found


def exact_losses(
    changes: ExactChanges,
    parts: Parts,
    indexes: Sequence[int],
    memory_mb: int = 2048,
    progress: bool = False,
) -> npt.NDArray[np.float32]:
    """Take parts of a layer away, one at a time, and return what logits lose.

    Cost: for each part that is not at the baseline already, at most one pass through the network
    from the layer on, compiled; see ``ExactChanges`` for what positions and channels save of it.

    Parameters
    ----------
    changes
        The network from the layer on.
    parts
        What is taken away.
    indexes
        Positions in the logits.
    memory_mb
        Bounds the batches; does not change the result.
    progress
        Whether to show a progress bar.

    Returns
    -------
    losses
        (label, part), labels in the order of ``indexes``.

    Raises
    ------
    UnknownName
        An index that is no place in the logits, or none at all.
    """
    wanted = chosen_numbers("labels", indexes, changes.output.shape[-1], "indexes")
    if not len(parts.live):
        return np.zeros((len(wanted), parts.count), changes.value.dtype)
    windows = isinstance(parts.changes(parts.live[:1]), Window)
    most = WINDOWS_AT_ONCE if windows else AT_ONCE
    even = math.ceil(len(parts.live) / math.ceil(len(parts.live) / most))
    batches = in_batches(parts.live, changes.bytes_per_point, memory_mb, even)

    def left(batch: npt.NDArray[np.intp]) -> tf.Tensor:
        filled = np.pad(batch, (0, len(batches[0]) - len(batch)), "edge")  # compiled for one size
        return changes.values_without(parts.changes(filled))[: len(batch)]

    at = tf.gather(changes.output, wanted, axis=1).numpy()
    found = logits_in_batches(left, batches, wanted, "ablation" if progress else None)
    return _of_all(parts, at - found)


def linear_losses(
    linear: LinearMap,
    parts: Parts,
    indexes: Sequence[int],
    memory_mb: int = 2048,
    progress: bool = False,
) -> npt.NDArray[np.float32]:
    """Return what logits lose to first order without parts of a layer, one at a time.

    Gradient times change. Cost: a Jacobian-vector product for each part that is not at the baseline
    already, those of positions in their cones of influence. See ``exact_losses`` for the rest.
    """
    wanted = chosen_numbers("labels", indexes, linear.output.shape[-1], "indexes")
    batches = in_batches(parts.live, linear.bytes_per_tangent(), memory_mb)
    if not batches:
        return np.zeros((len(wanted), parts.count), linear.value.dtype.as_numpy_dtype)

    def push(batch: npt.NDArray[np.intp]) -> tf.Tensor:
        change = parts.changes(batch)
        if isinstance(change, OneChannel):
            change = change.to_map(linear.value.shape[3])
        return linear.jvp(change)

    found = logits_in_batches(push, batches, wanted, "linear" if progress else None)
    return _of_all(parts, found)


def _of_all(parts: Parts, found: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Return the losses of all parts, (label, part), from those that take anything."""
    losses = np.zeros((found.shape[1], parts.count), found.dtype)
    losses[:, parts.live] = found.T
    return losses


def named_ablation(
    losses: Mapping[str, Losses],
    whole: npt.NDArray[np.float32],
    activations: Floats,
    logits: npt.NDArray[np.float32],
    labels: Labels,
    head: Head = "softmax",
    sets: tuple[npt.NDArray[np.float32], npt.NDArray[np.bool_]] | None = None,
) -> xr.Dataset:
    """Name the axes of losses by the kind of part (``PARTS``), and say how near the linear map is.

    For each kind, ``{kind}`` and ``{kind}_linear``: losses (label, ...), exact and to first order;
    ``{kind}_correlation`` and ``{kind}_rank_correlation`` (label) of both over the parts;
    ``{kind}_share`` (label): the sum of the exact losses of single parts over the loss by all at
    once, 1 where parts neither stand in for each other nor need each other; NaN where that is no
    more than rounding. ``all`` (label) is that loss, ``whole``.

    ``sets``: exact losses by sets of groups, (label, set), and which groups are in each, (set,
    factor); kept as ``sets`` and ``member``.
    """
    unit = unit_of(head)
    sizes = dict(zip(("row", "col", "channel"), activations.shape, strict=True))
    note = {"long_name": f"what the {unit} loses without the whole layer", "units": unit}
    variables: dict[str, tuple[tuple[str, ...], Floats, dict[str, str]]] = {
        "all": (("label",), whole, note)
    }
    own = logits[list(labels.indexes)]
    lost = np.abs(whole) > ROUNDING * np.maximum(np.abs(own), np.abs(own - whole))
    for kind, found in losses.items():
        axes = PARTS[kind]
        shape = (-1, *(sizes[axis] for axis in axes)) if axes != ("factor",) else found.exact.shape
        one = {"positions": "position", "channels": "channel", "groups": "neuron group"}[kind]
        exact = {"long_name": f"what the {unit} loses without the {one}", "units": unit}
        words = f"what the {unit} loses without the {one}, to first order: gradient x change"
        linear = {"long_name": words, "units": unit}
        variables[kind] = (("label", *axes), found.exact.reshape(shape), exact)
        variables[f"{kind}_linear"] = (("label", *axes), found.linear.reshape(shape), linear)
        agree = {
            "correlation": (correlation, "Pearson's correlation"),
            "rank_correlation": (rank_correlation, "Spearman's correlation"),
        }
        for name, (measure, words) in agree.items():
            note = {"long_name": f"{words} of exact and linear losses by one {one}", "units": "1"}
            values = measure(found.exact, found.linear)
            variables[f"{kind}_{name}"] = (("label",), values, note)
        with np.errstate(divide="ignore", invalid="ignore"):
            share = found.exact.sum(1, dtype=np.float64) / whole
        note = {"long_name": f"sum of losses by one {one} over the loss by all", "units": "1"}
        variables[f"{kind}_share"] = (("label",), np.where(lost, share, np.nan), note)
    if sets is not None:
        note = {"long_name": f"what the {unit} loses without a set of groups", "units": unit}
        variables["sets"] = (("label", "set"), sets[0], note)
    arrays = {
        name: (axes, datasets.as_float32(values), note)
        for name, (axes, values, note) in variables.items()
    }
    named = xr.Dataset(arrays, coords=label_axis(logits, labels, head))
    if sets is not None:
        named["member"] = (("set", "factor"), sets[1], {"long_name": "whether a group is in a set"})
    return named
