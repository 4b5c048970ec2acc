"""A few entries of every tensor of a network: enough to compare two ways of computing it.

All tensors of a large network would fill the memory several times over.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import tensorflow as tf
from tensorflow.core.framework import node_def_pb2

from blockscope.models.graph import graphs
from blockscope.models.network import Network, apply_or_name

ENTRIES = 4096  # of each image; most vectors of logits are taken whole
CLOSE = 1e-4  # of the largest value: an image alone and beside another, in float32

Array = npt.NDArray[np.number]


@dataclass(frozen=True, eq=False)
class Sample:
    """Entries of a tensor, evenly spaced.

    Attributes
    ----------
    shape
        Of the tensor.
    is_float
        Whether it holds float32.
    values
        (first axis, entry); one row for a number.
    """

    shape: tuple[int, ...]
    is_float: bool
    values: Array

    @classmethod
    def of(cls, value: npt.ArrayLike | tf.Tensor) -> Sample:
        """Take entries of a tensor, the same for every tensor of one shape but for the images."""
        array = np.asarray(value)
        if array.size == 0:  # as the leading sizes are that keras.ops.repeat slices off
            rows = array.shape[0] if array.ndim else 1
            return cls(array.shape, array.dtype == np.float32, np.zeros((rows, 0), array.dtype))
        flat = array.reshape(array.shape[0] if array.ndim else 1, -1)
        count = flat.shape[1]
        places = np.linspace(0, max(count - 1, 0), min(count, ENTRIES)).astype(np.int64)
        taken = flat[:, places] if len(flat) <= ENTRIES else flat[:1, places]
        return cls(array.shape, array.dtype == np.float32, taken.copy())


Samples = dict[str, Sample]


def samples_of(network: Network, values: npt.NDArray[np.float32]) -> Samples:
    """Return a sample of every tensor that the ends of a graph need.

    Raises ``BadFile`` with the node that cannot be computed.
    """
    start = network.spec.tensor
    found: Samples = {start: Sample.of(values)}

    def noting(node: node_def_pb2.NodeDef, inputs: Sequence[tf.Tensor]) -> list[tf.Tensor]:
        outputs = apply_or_name(node, inputs)
        found[node.name] = Sample.of(outputs[0])
        return outputs

    network.run({start: values}, graphs.sinks(network.definition), operation=noting)
    for node in network.definition.node:
        if node.op == "Const":
            sizes = tuple(dim.size for dim in node.attr["value"].tensor.tensor_shape.dim)
            found[node.name] = Sample(sizes, False, np.zeros((0, 0), np.float32))
    return found


def close(found: Array, wanted: Array, share: float = CLOSE) -> bool:
    """Tell whether floats are the same but for rounding; what is not finite must be the same."""
    if found.shape != wanted.shape:
        return False
    if not np.issubdtype(wanted.dtype, np.floating):
        return np.array_equal(found, wanted)
    scale = np.abs(wanted[np.isfinite(wanted)]).max(initial=0)
    with np.errstate(invalid="ignore"):
        near = np.abs(found - wanted) <= share * scale
    same = (found == wanted) | (np.isnan(found) & np.isnan(wanted))
    return bool(np.all(near | same))
