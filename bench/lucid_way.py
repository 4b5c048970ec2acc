"""Feature visualization in Lucid's way, restated for comparison.

One image at a time, a graph and a session of its own, Lucid's Fourier image, its transforms one
after the other, with shapes that change from step to step, and Adam.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench.all_labels import INPUT

SIZE = 128  # pixels
RANGE = (-117, 138)


def steps_and_image(
    path: Path, layer: str, channel: int
) -> tuple[Callable[[], Any], Callable[[], Any]]:
    """Return a function that takes a step, and one that returns the image (row, col, rgb)."""
    import numpy as np
    import tensorflow as tf

    v1 = tf.compat.v1
    generator = np.random.default_rng(channel)
    definition = v1.GraphDef.FromString(path.read_bytes())
    frequency = np.hypot(np.fft.fftfreq(SIZE)[:, None], np.fft.rfftfreq(SIZE)[None])
    scale = (SIZE / np.maximum(frequency, 1 / SIZE)).astype(np.float32)
    matrix = np.array([[0.26, 0.09, 0.02], [0.27, 0, -0.05], [0.27, -0.09, 0.03]]) / 0.461952
    graph = tf.Graph()
    session = v1.Session(graph=graph)
    with graph.as_default():
        start = generator.normal(0, 0.01, (2, 1, 3, *scale.shape)).astype(np.float32)
        numbers = v1.get_variable("numbers", initializer=start, use_resource=True)
        spectrum = tf.complex(numbers[0], numbers[1]) * tf.constant(scale, tf.complex64)
        values = tf.transpose(tf.signal.irfft2d(spectrum), [0, 2, 3, 1])[:, :SIZE, :SIZE] / 4
        flat = tf.reshape(values, [-1, 3]) @ tf.constant(matrix.T, tf.float32)
        image = tf.sigmoid(tf.reshape(flat, tf.shape(values)))
        low, high = RANGE
        view = low + (high - low) * transforms(image, tf, v1)
        (acts,) = tf.import_graph_def(definition, {INPUT: view}, [f"{layer}:0"], name="import")
        loss = -tf.reduce_mean(acts[..., channel])
        step = v1.train.AdamOptimizer(0.05).minimize(loss)
        session.run(v1.global_variables_initializer())
    return lambda: session.run([step, loss]), lambda: session.run(image)[0]


def transforms(image: Any, tf: Any, v1: Any) -> Any:
    """Pad, jitter, scale, rotate, jitter, as Lucid's standard transforms."""

    def jittered(values: Any, most: int) -> Any:
        size = tf.shape(values)
        return v1.random_crop(values, [1, size[1] - most, size[2] - most, 3])

    x = jittered(tf.pad(image, [[0, 0], [12, 12], [12, 12], [0, 0]], constant_values=0.5), 8)
    factor = tf.gather(
        [1 + (n - 5) / 50 for n in range(11)], v1.random_uniform([], 0, 11, tf.int32)
    )
    size = tf.cast(tf.cast(tf.shape(x)[1:3], tf.float32) * factor, tf.int32)
    x = v1.image.resize_bilinear(x, size)
    degrees = tf.constant([*map(float, range(-10, 11)), *[0.0] * 5])
    angle = tf.gather(degrees, v1.random_uniform([], 0, 26, tf.int32)) * 3.14 / 180
    cosine, sine = tf.cos(angle), tf.sin(angle)
    middle = (tf.cast(size, tf.float32) - 1) / 2
    col = middle[1] - cosine * middle[1] + sine * middle[0]
    row = middle[0] - sine * middle[1] - cosine * middle[0]
    turn = tf.stack([cosine, -sine, col, sine, cosine, row, 0.0, 0.0])[None]
    x = tf.raw_ops.ImageProjectiveTransformV3(
        images=x, transforms=turn, output_shape=size, fill_value=0.0, interpolation="NEAREST"
    )
    return jittered(x, 4)
