"""Reading a node by the rule of its operation, if that knows the operation's version."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from blockscope.io.errors import BadFile, describe_valid
from blockscope.models.onnx_reader.builder import Builder
from blockscope.models.onnx_reader.node import Node
from blockscope.models.onnx_reader.registry import RULES
from blockscope.models.onnx_reader.tensor import Constant, Tensor

if TYPE_CHECKING:
    import onnx


def apply_rule(
    proto: onnx.NodeProto,
    inputs: Sequence[Tensor | Constant | None],
    opset: int,
    outputs: int,
    build: Builder,
) -> list[Tensor]:
    """Write what a node computes.

    Parameters
    ----------
    proto
        The node.
    inputs
        Its inputs, at least one a tensor.
    opset
        The version of its operation.
    outputs
        How many outputs are read.
    build
        Writes the TensorFlow graph.

    Returns
    -------
    results
        The outputs, maybe fewer than are read.

    Raises
    ------
    BadFile
        The operation, its version, an attribute or an input is not known.
    """
    _check_known(proto, opset)
    node = Node(proto, inputs, opset, outputs)
    results = RULES[proto.op_type].rule(build, node)
    node.check_all_read()
    return results if isinstance(results, list) else [results]


def _check_known(proto: onnx.NodeProto, opset: int) -> None:
    from onnx import defs

    op = proto.op_type
    if op not in RULES:
        raise BadFile(f"this operation is not supported; {describe_valid(op, sorted(RULES))}")
    if not defs.has(op, opset, ""):
        raise BadFile(f"opset {opset} has no such operation")
    since = defs.get_schema(op, opset, "").since_version
    if since > RULES[op].newest:
        raise BadFile(
            f"opset {since} changed this operation; known up to {RULES[op].newest}: export with "
            f"opset {since - 1} or older"
        )
