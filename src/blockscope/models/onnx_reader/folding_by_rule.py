"""Computing what depends on no image by the rule that reads its operation.

ONNX's reference is wrong for some operations and slow for others. Their rules are compared with
onnxruntime: a constant that is given to one in place of an image's tensor is computed as that is.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import tensorflow as tf

from blockscope.io.errors import BadFile
from blockscope.models.onnx_reader.builder import Builder
from blockscope.models.onnx_reader.folding import MOST_VALUES
from blockscope.models.onnx_reader.rule_of_node import apply_rule
from blockscope.models.onnx_reader.tensor import Constant, Tensor

if TYPE_CHECKING:
    import onnx


def fold_by_rule(
    proto: onnx.NodeProto, inputs: Sequence[Constant | None], opset: int, outputs: int
) -> list[Constant]:
    """Return the outputs of a node, all of whose inputs are constants.

    Parameters
    ----------
    proto
        The node.
    inputs
        Its inputs; the first is a float32 array.
    opset
        The version of its operation.
    outputs
        How many outputs are read.

    Returns
    -------
    outputs
        In ONNX's order of axes.

    Raises
    ------
    BadFile
        The rule refuses the node, or an output is too large.
    """
    build = Builder()
    first = np.asarray(inputs[0])
    start = Tensor(
        build.constant(first[None]), first.shape, tuple(range(first.ndim)), ("",) * first.ndim
    )
    found = apply_rule(proto, [start, *inputs[1:]], opset, outputs, build)
    values = sum(math.prod(one.shape) for one in found)
    if values > MOST_VALUES:
        raise BadFile(f"it makes a constant of {values:,} values; valid: at most {MOST_VALUES:,}")
    whole = [build.arranged(one, range(one.rank)) for one in found]
    with tf.compat.v1.Session(graph=build.graph) as session:
        return [np.asarray(one)[0] for one in session.run(whole)]
