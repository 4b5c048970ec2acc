"""Attribution of a logit to positions, restated in NumPy loops from the formulas.

A network is a list of layers, each a tuple: ("conv", weights, bias, stride), ("relu",),
("pool", kernel, stride, rule) with rule max, smooth or smooth-blur, all SAME; ("head", weights).
"""

from __future__ import annotations

import numpy as np


def same_windows(length: int, kernel: int, stride: int) -> list[list[int]]:
    """Return for each output the inputs it sees along one axis, SAME padding."""
    outputs = -(-length // stride)
    total = max((outputs - 1) * stride + kernel - length, 0)
    starts = [o * stride - total // 2 for o in range(outputs)]
    return [list(range(start, start + kernel)) for start in starts]


def forward(layer: tuple, x: np.ndarray) -> np.ndarray:
    kind = layer[0]
    if kind == "relu":
        return np.maximum(x, 0)
    if kind == "head":
        return x.mean((0, 1)) @ layer[1]
    kernel = layer[1].shape[:2] if kind == "conv" else (layer[1], layer[1])
    stride = layer[3] if kind == "conv" else layer[2]
    rows = same_windows(x.shape[0], kernel[0], stride)
    cols = same_windows(x.shape[1], kernel[1], stride)
    channels = layer[1].shape[3] if kind == "conv" else x.shape[2]
    y = np.zeros((len(rows), len(cols), channels))
    for i, seen_rows in enumerate(rows):
        for j, seen_cols in enumerate(cols):
            if kind == "conv":
                y[i, j] = layer[2]
                for a, r in enumerate(seen_rows):
                    for b, c in enumerate(seen_cols):
                        if 0 <= r < x.shape[0] and 0 <= c < x.shape[1]:
                            y[i, j] += x[r, c] @ layer[1][a, b]
            else:
                inside = [x[r, c] for r, c in cells(seen_rows, seen_cols, x)]
                y[i, j] = np.max(inside, axis=0)
    return y


def cells(rows: list[int], cols: list[int], x: np.ndarray) -> list[tuple[int, int]]:
    return [(r, c) for r in rows for c in cols if 0 <= r < x.shape[0] and 0 <= c < x.shape[1]]


def backward(layer: tuple, x: np.ndarray, upstream: np.ndarray) -> np.ndarray:
    kind = layer[0]
    if kind == "relu":
        return upstream * (x > 0)
    if kind == "head":
        return np.broadcast_to(layer[1] @ upstream / (x.shape[0] * x.shape[1]), x.shape)
    kernel = layer[1].shape[:2] if kind == "conv" else (layer[1], layer[1])
    stride = layer[3] if kind == "conv" else layer[2]
    gradient = np.zeros(x.shape)
    for i, rows in enumerate(same_windows(x.shape[0], kernel[0], stride)):
        for j, cols in enumerate(same_windows(x.shape[1], kernel[1], stride)):
            seen = cells(rows, cols, x)
            if kind == "conv":
                for r, c in seen:
                    tap = layer[1][r - rows[0], c - cols[0]]
                    gradient[r, c] += tap @ upstream[i, j]
            elif layer[3] == "max":
                values = np.array([x[p] for p in seen])
                for channel, best in enumerate(values.argmax(0)):
                    gradient[(*seen[best], channel)] += upstream[i, j, channel]
            else:
                n = len(seen)
                squares = sum(x[p] ** 2 for p in seen) / n
                sizes = 0.01 + sum(abs(x[p]) for p in seen) / n
                for p in seen:  # quotient rule for avg(x^2) / (0.01 + avg|x|)
                    slope = 2 * x[p] / n / sizes - squares / sizes**2 * np.sign(x[p]) / n
                    gradient[p] += upstream[i, j] * slope
    if kind == "pool" and layer[3] == "smooth-blur":
        padded = np.pad(gradient, [(1, 1), (1, 1), (0, 0)])
        out = np.zeros_like(gradient)
        for a, wa in enumerate((1, 2, 1)):
            for b, wb in enumerate((1, 2, 1)):
                out += wa * wb / 16 * padded[a : a + x.shape[0], b : b + x.shape[1]]
        return out
    return gradient


def class_positions(network: list[tuple], x: np.ndarray) -> np.ndarray:
    """Return (label, row, col): activation times gradient of each logit, summed over channels."""
    values = [x]
    for layer in network:
        values.append(forward(layer, values[-1]))
    maps = []
    for label in range(values[-1].size):
        gradient = np.eye(values[-1].size)[label]
        for layer, value in zip(reversed(network), reversed(values[:-1]), strict=True):
            gradient = backward(layer, value, gradient)
        maps.append((x * gradient).sum(-1))
    return np.array(maps)
