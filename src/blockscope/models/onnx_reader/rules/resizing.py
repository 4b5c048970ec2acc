"""Resize: TensorFlow's own where it means the same, else the weights of ONNX's definition."""

from __future__ import annotations

import numpy as np

from blockscope.io.errors import BadFile
from blockscope.models.onnx_reader.builder import Builder
from blockscope.models.onnx_reader.node import Node, axis_of
from blockscope.models.onnx_reader.rules.shapes import gathered
from blockscope.models.onnx_reader.tensor import Constant, Tensor, of_map

COORDINATES = ("half_pixel", "pytorch_half_pixel", "align_corners", "asymmetric")
NEAREST = ("round_prefer_floor", "round_prefer_ceil", "floor", "ceil")


def resize(build: Builder, node: Node) -> Tensor:
    """Resize rows and columns."""
    x = node.tensor(0)
    node.constant(1)  # the region of tf_crop_and_resize, which is refused
    node.ignore("extrapolation_value")
    node.attribute("antialias", 0, (0,))
    node.attribute("keep_aspect_ratio_policy", "stretch", ("stretch",))
    mode = node.attribute("mode", "nearest", ("nearest", "linear", "cubic"))
    coordinates = node.attribute("coordinate_transformation_mode", "half_pixel", COORDINATES)
    nearest = node.attribute("nearest_mode", "round_prefer_floor", NEAREST)
    curve = node.attribute("cubic_coeff_a", -0.75)
    outside = bool(node.attribute("exclude_outside", 0, (0, 1)))
    build.map(x)  # refuses what has no rows and columns
    sizes, scales = _sizes(node, x)
    if mode == "nearest":
        return _nearest(build, x, sizes, scales, coordinates, nearest)
    if mode == "linear":
        found = _tensorflow_linear(build, x, sizes, scales, coordinates)
        if found is not None:
            return found
    for axis in (2, 3):
        if sizes[axis] == x.shape[axis] and scales[axis] == 1:
            continue
        places = _places(x.shape[axis], sizes[axis], scales[axis], coordinates)
        weights = _weights(x.shape[axis], places, None if mode == "linear" else curve, outside)
        x = _mixed(build, x, axis, weights)
    return x


def _sizes(node: Node, x: Tensor) -> tuple[list[int], list[float]]:
    scales, sizes = node.constant(2), node.constant(3)
    axes = [axis_of(a, x.rank) for a in node.attribute("axes") or range(x.rank)]
    scales = None if scales is None or not scales.size else scales
    if (scales is None) == (sizes is None):
        raise BadFile("give either scales or sizes")
    out, factors = list(x.shape), [1.0] * x.rank
    for i, axis in enumerate(axes):
        if sizes is not None:
            out[axis] = int(sizes[i])
            factors[axis] = out[axis] / x.shape[axis]
        elif scales is not None:
            factors[axis] = float(scales[i])
            out[axis] = int(np.floor(np.float32(x.shape[axis]) * np.float32(scales[i])))
    if out[:2] != list(x.shape[:2]) or min(out) < 1:
        raise BadFile(
            f"a tensor {list(x.shape)} is resized to {out}; valid: other rows and columns"
        )
    return out, factors


def _places(size: int, out: int, scale: float, coordinates: str) -> Constant:
    """Return where each output lies among the inputs."""
    numbers = np.arange(out, dtype=np.float64)
    if coordinates == "asymmetric":
        return numbers / scale
    if coordinates == "align_corners":
        return numbers * (size - 1) / (out - 1) if out > 1 else np.zeros(out)
    if coordinates == "pytorch_half_pixel" and out == 1:
        return np.zeros(out)
    return (numbers + 0.5) / scale - 0.5


def _nearest(
    build: Builder, x: Tensor, sizes: list[int], scales: list[float], coordinates: str, nearest: str
) -> Tensor:
    if nearest in ("floor", "ceil") and coordinates.endswith("half_pixel"):
        raise BadFile(
            f"nearest_mode {nearest} with {coordinates}: implementations of ONNX differ; valid: "
            "round_prefer_floor or round_prefer_ceil"
        )
    exact = all(scales[a] == sizes[a] / x.shape[a] for a in (2, 3))
    if coordinates == "asymmetric" and nearest == "floor" and exact:
        value = build.op(
            "ResizeNearestNeighbor", images=build.map(x), size=build.constant(sizes[2:])
        )
        return of_map(build.tie(value), tuple(sizes))
    for axis in (2, 3):
        # As float32, like the implementations: halves must fall on the same side.
        places = _places(x.shape[axis], sizes[axis], scales[axis], coordinates).astype(np.float32)
        chosen = {
            "floor": np.floor(places),
            "ceil": np.ceil(places),
            "round_prefer_floor": np.ceil(places - 0.5),
            "round_prefer_ceil": np.floor(places + 0.5),
        }[nearest]
        x = gathered(build, x, axis, np.clip(chosen, 0, x.shape[axis] - 1).astype(np.int64))
    return x


def _tensorflow_linear(
    build: Builder, x: Tensor, sizes: list[int], scales: list[float], coordinates: str
) -> Tensor | None:
    exact = all(scales[a] == sizes[a] / x.shape[a] for a in (2, 3))
    if not exact and coordinates != "align_corners":
        return None
    if coordinates == "pytorch_half_pixel" and 1 in sizes[2:]:
        return None
    value = build.op(
        "ResizeBilinear", images=build.map(x), size=build.constant(sizes[2:]),
        align_corners=coordinates == "align_corners",
        half_pixel_centers=coordinates.endswith("half_pixel"),
    )  # fmt: skip
    return of_map(build.tie(value), tuple(sizes))


def _weights(size: int, places: Constant, curve: float | None, outside: bool) -> Constant:
    """Return how much each input counts in each output, (out, in); ``curve`` of cubic weights."""
    first = np.floor(places).astype(int)
    weights = np.zeros((len(places), size))
    for step in (0, 1) if curve is None else (-1, 0, 1, 2):
        cell = first + step
        distance = np.abs(places - cell)
        part = 1 - distance if curve is None else _cubic(distance, curve)
        if outside:
            part = np.where((cell >= 0) & (cell < size), part, 0)
        np.add.at(weights, (np.arange(len(places)), np.clip(cell, 0, size - 1)), part)
    return weights / weights.sum(1, keepdims=True) if outside else weights


def _cubic(distance: Constant, a: float) -> Constant:
    near = ((a + 2) * distance - (a + 3)) * distance**2 + 1
    far = ((a * distance - 5 * a) * distance + 8 * a) * distance - 4 * a
    return np.where(distance <= 1, near, far)


def _mixed(build: Builder, x: Tensor, axis: int, weights: Constant) -> Tensor:
    """Mix the entries of an axis by ``weights`` (out, in)."""
    held = build.constant(weights.astype(np.float32), weights=())
    equation = "nhwc,oh->nowc" if axis == 2 else "nhwc,ow->nhoc"
    value = build.op("Einsum", inputs=[build.map(x), held], equation=equation)
    shape = tuple(len(weights) if a == axis else s for a, s in enumerate(x.shape))
    return of_map(build.tie(value), shape)
