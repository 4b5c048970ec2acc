"""Attribution to channels restated in NumPy loops from the formulas, in float64.

A network is a list of layers as in ``class_positions``.
"""

from __future__ import annotations

import numpy as np
from oracles.class_positions import backward, forward


def score_and_gradient(network: list[tuple], x: np.ndarray, a: int, b) -> tuple[float, np.ndarray]:
    """Return f(a) - f(b) and its gradient at x; b is an index, "logsumexp" or None."""
    values = [x]
    for layer in network:
        values.append(forward(layer, values[-1]))
    logits = values[-1]
    score, gradient = logits[a], np.eye(logits.size)[a]
    if b == "logsumexp":
        score = score - np.log(np.sum(np.exp(logits)))
        gradient = gradient - np.exp(logits) / np.sum(np.exp(logits))
    elif b is not None:
        score = score - logits[b]
        gradient = gradient - np.eye(logits.size)[b]
    for layer, value in zip(reversed(network), reversed(values[:-1]), strict=True):
        gradient = backward(layer, value, gradient)
    return score, gradient


def channels(
    network: list[tuple], x: np.ndarray, a: int, b, points: list[np.ndarray]
) -> np.ndarray:
    """Return (channel): mean over points of the gradient there, times x, summed over positions."""
    total = np.zeros(x.shape[-1])
    for point in points:
        gradient = score_and_gradient(network, point, a, b)[1]
        for row in range(x.shape[0]):
            for col in range(x.shape[1]):
                total += gradient[row, col] * x[row, col] / len(points)
    return total


def between(network: list[tuple], x: np.ndarray, k: int) -> np.ndarray:
    """Return (channel): how channel k of the network's last map, summed, responds to channels."""
    values = [x]
    for layer in network:
        values.append(forward(layer, values[-1]))
    gradient = np.zeros(values[-1].shape)
    gradient[..., k] = 1
    for layer, value in zip(reversed(network), reversed(values[:-1]), strict=True):
        gradient = backward(layer, value, gradient)
    return (gradient * x).sum((0, 1))
