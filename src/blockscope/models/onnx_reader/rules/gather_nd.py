"""GatherND: entries by the numbers of several axes at once."""

from __future__ import annotations

import math

import numpy as np

from blockscope.io.errors import BadFile
from blockscope.models.onnx_reader.builder import Builder
from blockscope.models.onnx_reader.node import Node
from blockscope.models.onnx_reader.rules.shapes import gathered
from blockscope.models.onnx_reader.tensor import Constant, Tensor


def gather_nd(build: Builder, node: Node) -> Tensor:
    """GatherND by constant numbers.

    Where the numbers are those of a grid, some rows in some columns, as PyTorch pools a map to a
    larger one, rows and columns are taken one after the other. Others are taken of the axes as one.
    """
    x, indices = node.tensor(0), node.needed_constant(1)
    batch = node.attribute("batch_dims", 0)
    most = min(x.rank, indices.ndim) - 1
    if not 0 <= batch <= most:
        raise BadFile(
            f"batch_dims is {batch} for a tensor {list(x.shape)} and indices of shape "
            f"{list(indices.shape)}; valid: 0 to {most}"
        )
    end = batch + int(indices.shape[-1])
    if indices.shape[:batch] != x.shape[:batch] or not batch < end <= x.rank or not indices.size:
        raise BadFile(f"indices of shape {list(indices.shape)} for a tensor {list(x.shape)}")
    sizes = np.array(x.shape[batch:end])
    if (indices < -sizes).any() or (indices >= sizes).any():
        raise BadFile(
            f"indices from {indices.min()} to {indices.max()} of {list(map(int, sizes))} entries"
        )
    numbers = np.where(indices < 0, indices + sizes, indices)
    shape = (*x.shape[:batch], *indices.shape[batch:-1], *x.shape[end:])
    grid = _grid(numbers.reshape(indices.shape[batch:])) if math.prod(x.shape[:batch]) == 1 else []
    if grid:
        for axis, taken in enumerate(grid, batch):
            x = gathered(build, x, axis, taken)
        return build.reshaped(x, shape)
    places = np.zeros(indices.shape[:-1], np.int64)
    for axis in range(end):
        own = numbers[..., axis - batch] if axis >= batch else _along(axis, places.shape)
        places = places * x.shape[axis] + own
    joined = build.reshaped(x, (math.prod(x.shape[:end]), *x.shape[end:]))
    return build.reshaped(gathered(build, joined, 0, places.reshape(-1)), shape)


def _along(axis: int, shape: tuple[int, ...]) -> Constant:
    """Return the number of each entry along an axis, which broadcasts to ``shape``."""
    return np.arange(shape[axis]).reshape([-1 if i == axis else 1 for i in range(len(shape))])


def _grid(numbers: Constant) -> list[Constant]:
    """Return the numbers along each axis that make ``numbers``, (..., axis); empty for no grid.

    Those of an axis vary along some neighbouring axes of ``numbers`` only, in the order of the axes
    that they are taken from.
    """
    end = numbers.ndim - 1
    found: list[Constant] = []
    for axis in reversed(range(numbers.shape[-1])):
        own = numbers[..., axis]
        varying = [i for i in range(own.ndim) if (own != own.take([0], i)).any()]
        start = 0 if axis == 0 else min(varying, default=end)
        if max(varying, default=-1) >= end:
            return []
        here = tuple(slice(None) if start <= i < end else 0 for i in range(own.ndim))
        found.insert(0, own[here].reshape(-1))
        end = start
    return found
