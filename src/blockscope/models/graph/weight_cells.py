"""Which cells of a constant are weights, where a rule or a rewrite has put others beside them.

The zeros between the cells of a dilated kernel or around a class token, the weights of an
interpolation and the shares of an average are not learned. A constant without a mark is weights.
"""

from __future__ import annotations

from collections.abc import Sequence

from tensorflow.core.framework import node_def_pb2

from blockscope.io.errors import BadFile

MARK = "_blockscope_weights"  # the attribute: start, stop, step of every axis, block after block
WHOLE = (0, -1, 1)  # a whole axis

Range = tuple[int, int, int]
Block = tuple[Range, ...]


def marked(node: node_def_pb2.NodeDef, blocks: Sequence[Block]) -> node_def_pb2.NodeDef:
    """Note which cells of a constant are weights: those of ``blocks``; without any, none are.

    A block has (start, stop, step) for each axis; a stop of -1 is the end of the axis. A single
    number is never drawn and needs no mark.
    """
    if node.attr["value"].tensor.tensor_shape.dim:
        numbers = node.attr[MARK].list
        numbers.SetInParent()
        numbers.i[:] = [number for block in blocks for axis in block for number in axis]
    return node


def marked_like(node: node_def_pb2.NodeDef, other: node_def_pb2.NodeDef) -> node_def_pb2.NodeDef:
    """Give a constant the mark of another one of its shape, if that has one."""
    if MARK in other.attr:
        node.attr[MARK].CopyFrom(other.attr[MARK])
    return node


def dilated_block(dilation: Sequence[int], rank: int) -> Block:
    """Return the cells of a kernel (row, col, ...) that has the zeros of a dilation in it."""
    rows, cols = map(int, dilation)
    return ((0, -1, rows), (0, -1, cols), *(WHOLE,) * (rank - 2))


def weight_cells(node: node_def_pb2.NodeDef) -> list[tuple[slice, ...]]:
    """Return the blocks of a constant that are weights, as what NumPy takes.

    Raises ``BadFile`` for a mark that is none.
    """
    rank = len(node.attr["value"].tensor.tensor_shape.dim)
    if MARK not in node.attr:
        return [(slice(None),) * rank]
    numbers = list(node.attr[MARK].list.i)
    ranges = [tuple(numbers[i : i + 3]) for i in range(0, len(numbers), 3)]
    if len(numbers) % max(3 * rank, 1) or any(r[0] < 0 or r[1] < -1 or r[2] < 1 for r in ranges):
        raise BadFile(
            f"constant '{node.name}' has the attribute {MARK} {numbers}; valid: start, stop and "
            f"step for each of its {rank} axes; bring the network into normal form anew"
        )
    axes = [slice(start, None if stop == -1 else stop, step) for start, stop, step in ranges]
    return [tuple(axes[i : i + rank]) for i in range(0, len(axes), max(rank, 1))]
