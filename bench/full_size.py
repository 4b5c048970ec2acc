"""InceptionV1 at its full size with random weights: for timing only."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from studies.blocks1000.network import Weights


def write_full_size(path: Path, seed: int = 20180306, labels: int = 1008) -> Path:
    """Write a frozen graph with InceptionV1's names, shapes and number of logits."""
    import numpy as np
    import tensorflow as tf

    from studies.blocks1000.network import SIZE, Frozen, flattened, trunk

    generator = np.random.default_rng(seed)

    def random(_name: str, shape: tuple[int, ...]) -> tuple[Weights, Weights]:
        spread = np.sqrt(2 / np.prod(shape[:-1]))
        kernel = generator.normal(0, spread, shape).astype(np.float32)
        return kernel, generator.normal(0, 0.05, shape[-1]).astype(np.float32)

    with tf.Graph().as_default() as graph:
        x = tf.compat.v1.placeholder(tf.float32, [None, SIZE, SIZE, 3], name="input")
        x = flattened(trunk(Frozen(random), x, width=1.0))
        weights, bias = random("softmax2", (x.shape[-1], labels))
        product = tf.matmul(x, weights, name="softmax2_pre_activation/matmul")
        tf.nn.bias_add(product, bias, name="softmax2_pre_activation")
    path.write_bytes(graph.as_graph_def().SerializeToString())
    return path
