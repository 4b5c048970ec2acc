"""Effect of neuron groups on logits, restated in plain NumPy from the definition."""

from __future__ import annotations

import numpy as np
from oracles.class_positions import backward, forward


def gradients(network: list[tuple], x: np.ndarray) -> np.ndarray:
    """Return the gradient of every logit by the input, (label, row, col, channel)."""
    values = [x]
    for layer in network:
        values.append(forward(layer, values[-1]))
    found = []
    for label in range(values[-1].size):
        gradient = np.eye(values[-1].size)[label]
        for layer, value in zip(reversed(network), reversed(values[:-1]), strict=True):
            gradient = backward(layer, value, gradient)
        found.append(gradient)
    return np.array(found)


def neuron_effects(
    network: list[tuple], x: np.ndarray, spatial: np.ndarray, channels: np.ndarray
) -> np.ndarray:
    """Return (factor, label): for each group, its outer product times the gradient, summed."""
    slopes = gradients(network, x)
    effects = np.zeros((len(channels), len(slopes)))
    for factor, vector in enumerate(channels):
        for label, slope in enumerate(slopes):
            for row, col in np.ndindex(x.shape[:2]):
                part = spatial[row, col, factor] * vector
                effects[factor, label] += part @ slope[row, col]
    return effects
