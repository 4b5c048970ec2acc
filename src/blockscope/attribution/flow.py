"""Flow: how much neuron groups of one layer add to labels through each group of the next layer.

Layers l1, l2, ..., lk, all of which the later ones are reached through; y is a label's logit, A_l a
layer's activations, G_l = dy / dA_l its gradient, J_l the Jacobian of the next layer by this one.
Source of the idea: the diagrams of influence between groups in Olah et al. 2018, of which no code
was published; the mathematics is that of gradient x activation and the chain rule.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import tensorflow as tf
import xarray as xr

from blockscope.attribution.all_labels import label_axis
from blockscope.attribution.factors import Array
from blockscope.attribution.neuron_groups import NeuronGroups
from blockscope.autodiff.batches import in_batches, logits_in_batches
from blockscope.autodiff.linear_map import STOPS, LinearMap
from blockscope.io import datasets
from blockscope.io.chosen_numbers import chosen_numbers
from blockscope.io.errors import BadFile
from blockscope.io.labels import Labels
from blockscope.models.entry import Head, unit_of
from blockscope.models.graph import graphs
from blockscope.models.network import Network

UNEXPLAINED, CONSTANTS = "unexplained", "constants"
SHAPES = frozenset({"Shape", "ShapeN", "Size", "Rank"})  # of a tensor, whatever its values


@dataclass(frozen=True)
class Parts:
    """A layer's activations A as parts that add up to them: neuron groups, then what they leave.

    Attributes
    ----------
    shares
        (part, row, col, channel): each part's share of an activation, 0 to 1; they add up to 1.
    value
        A, (row, col, channel).
    """

    shares: Array
    value: Array

    @property
    def vectors(self) -> Array:
        """The parts, (part, row, col, channel)."""
        return self.shares * self.value

    @property
    def unexplained(self) -> float:
        """||what groups leave|| / ||A|| (Frobenius norm)."""
        size = float(np.linalg.norm(self.value)) or 1.0
        return float(np.linalg.norm(self.vectors[-1])) / size


def parts_of(value: npt.NDArray[np.floating], groups: NeuronGroups) -> Parts:
    """Divide activations (row, col, channel) among the layer's neuron groups and a remainder.

    A group's share of an activation is ``P / max(A, sum of P over groups)``, where P is its vector:
    where the groups together exceed an activation, all are reduced alike. An activation that is
    not positive belongs to the remainder: groups hold none below zero, and at zero there is nothing
    to divide. So no share is below 0 or above 1, however small an activation.
    """
    found = groups.vectors(np.arange(len(groups.channels)))
    whole = np.maximum(value, found.sum(0))
    shares = np.where(value > 0, found / np.where(whole > 0, whole, 1), 0)
    rest = np.maximum(1 - shares.sum(0), 0)
    return Parts(np.concatenate([shares, rest[None]]), value.astype(np.float64))


def flow_between(
    step: LinearMap,
    onward: LinearMap,
    parts: Parts,
    later: Parts,
    indexes: Sequence[int],
    memory_mb: int = 2048,
) -> npt.NDArray[np.float32]:
    """Return what each part of a layer adds to logits through each part of the next layer.

    Entry (p, q, label) is ``<S_q * (J P_p), G>``: P_p is part p of the earlier layer, J P_p what it
    adds to the later one to first order, S_q the share that part q has of each activation there, G
    the gradient of the logit at the later layer. As the shares add up to 1, the sum over q is the
    whole contribution <P_p, J' G> of part p: gradient x activation, if all that the earlier layer
    does to the logits passes through the later one (see ``passes_beside``). The last p stands for
    ``A - J A_earlier`` in place of J P_p, what biases and other constants add: with it, the sum
    over p is the contribution <P_q, G> of part q of the later layer. Cost: a Jacobian-vector
    product to the later layer for each p, and one from there to all logits for each p and q.

    Parameters
    ----------
    step
        Leads from the earlier layer to the later one.
    onward
        Leads from the later layer to the logits.
    parts
        Of the earlier layer.
    later
        Of the later layer.
    indexes
        Positions in the logits.
    memory_mb
        Bounds the batches; does not change the result.

    Returns
    -------
    flow
        float32, (part and constants, later part, label), in logits.

    Raises
    ------
    UnknownName
        An index that is no place in the logits, or none at all.
    """
    wanted = chosen_numbers("labels", indexes, onward.output.shape[-1], "indexes")
    batches = in_batches(parts.vectors, step.bytes_per_tangent(), memory_mb)
    pushed = [step.jvp(tf.constant(batch, step.value.dtype)).numpy() for batch in batches]
    reached = np.concatenate(pushed)
    constants = onward.value.numpy() - reached.sum(0, keepdims=True)
    reached = np.concatenate([reached, constants])
    count = (len(reached), len(later.shares))

    def push(pairs: npt.NDArray[np.integer]) -> tf.Tensor:
        divided = reached[pairs[:, 0]] * later.shares[pairs[:, 1]]
        return onward.jvp(tf.constant(divided, onward.value.dtype))

    pairs = np.argwhere(np.ones(count, bool))
    batches = in_batches(pairs, onward.bytes_per_tangent(), memory_mb)
    return logits_in_batches(push, batches, wanted, "flow").reshape(*count, len(wanted))


def flow_to_labels(
    onward: LinearMap, parts: Parts, indexes: Sequence[int], memory_mb: int = 2048
) -> npt.NDArray[np.float32]:
    """Return what each part of the last layer, and all constants behind it, add to each logit.

    Entry (p, label) of (part and constants, label) is <P_p, G>, in logits; the last p is the rest
    of the logit, so that all add up to it. ``onward`` leads from the layer to the logits,
    ``indexes`` are positions in these, ``memory_mb`` bounds the batches. Raises ``UnknownName`` for
    an index that is no such position, and for none.
    """
    wanted = chosen_numbers("labels", indexes, onward.output.shape[-1], "indexes")
    batches = in_batches(parts.vectors, onward.bytes_per_tangent(), memory_mb)
    found = logits_in_batches(
        lambda batch: onward.jvp(tf.constant(batch, onward.value.dtype)), batches, wanted
    )
    logits = onward.output.numpy()[0, wanted]
    return np.concatenate([found, (logits - found.sum(0))[None]])


def passes_beside(network: Network, earlier: str, later: str) -> bool:
    """Tell whether an earlier layer reaches the logits in another way than through a later one."""
    nodes = network.joined_at(earlier, network.joined_at(later))
    fixed = (name for name, node in nodes.items() if node.op in SHAPES | STOPS)
    needed = graphs.toposort(nodes, [network.logits], stop={earlier, later, *fixed})
    return earlier in {node.name for node in needed}


def check_passage(network: Network, model: str, layers: Sequence[str]) -> None:
    """Raise ``BadFile`` where a layer reaches the logits beside the next one.

    The flow through that one would then be less than the layer's contribution, by an unknown part.
    """
    for earlier, later in pairwise(layers):
        if passes_beside(network, earlier, later):
            raise BadFile(
                f"layer '{earlier}' of model '{model}' reaches the logits beside layer '{later}' "
                "too (a skip connection, or another branch), so that flow through it does not add "
                "up; give layers that everything before them passes through, such as the sum after "
                "a skip connection or the concatenation after branches (table of runs: flow)"
            )


def named_flow(
    layers: Sequence[str],
    between: Sequence[npt.NDArray[np.float32]],
    contribution: npt.NDArray[np.float32],
    parts: Sequence[Parts],
    logits: npt.NDArray[np.float32],
    labels: Labels,
    head: Head = "softmax",
) -> xr.Dataset:
    """Name the axes of flow: ``between`` each layer and the next, and from the last to labels."""
    unit = unit_of(head)
    groups = [str(number + 1) for number in range(between[0].shape[1] - 1)]
    told = {"long_name": f"part of the {unit} that passes from source to target", "units": unit}
    added = {"long_name": f"part of the {unit} that the last layer's source adds", "units": unit}
    left = {"long_name": "norm of what groups leave over norm of the activations", "units": "1"}
    return xr.Dataset(
        {
            "flow": (
                ("step", "source", "target", "label"), datasets.as_float32(np.stack(between)), told,
            ),
            "contribution": (("source", "label"), datasets.as_float32(contribution), added),
            "unexplained": ("layer", datasets.as_float32([one.unexplained for one in parts]), left),
        },
        coords={
            **label_axis(logits, labels, head),
            "layer": ("layer", np.array(layers, dtype=object)),
            "source": ("source", np.array([*groups, UNEXPLAINED, CONSTANTS], dtype=object)),
            "target": ("target", np.array([*groups, UNEXPLAINED], dtype=object)),
        },
    )  # fmt: skip
