"""Throughput of a sweep, beside the bare network over images that lie decoded in memory.

On the network of ``all_labels``: JPEG files through reading, decoding, network and counting, once
for activations only and once with relevance, whose baseline has the gradient of the predicted logit
by the earliest layer as well. Both sides take the same batches, in turns.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from bench.all_labels import LOGITS
from bench.full_size import write_full_size

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

LAYERS = ("mixed4d", "mixed5a")
IMAGES, ROUNDS = 256, 3


def add_options(_: argparse.ArgumentParser) -> None:
    """Declare no options."""


def run(options: argparse.Namespace) -> None:
    """Print a line without and one with relevance."""
    import numpy as np
    import tensorflow as tf

    from blockscope.autodiff.gradients import apply_differentiable
    from blockscope.exemplars.responses import Probe, Responses
    from blockscope.exemplars.statistics import LayerStatistics
    from blockscope.exemplars.sweep import Sweep, sweep
    from blockscope.io.blocks1000.scenes import draw_scene
    from blockscope.io.images import read_image
    from studies.blocks1000.scoring import load

    print(f"\nsweep at {' and '.join(LAYERS)}, {IMAGES} images, median of {ROUNDS} in turns")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        network = load(options.graph or write_full_size(folder / "inceptionv1.pb"))
        from PIL import Image

        files, decoded = [], []
        for number in range(32):
            scene = Image.fromarray(draw_scene(np.random.default_rng(number), blocks=2).image)
            scene.save(folder / f"{number}.jpeg", quality=90)
            files.append(folder / f"{number}.jpeg")
            decoded.append(np.array(read_image(files[-1])))
        probes = [Probe(layer, layer) for layer in LAYERS]
        values = {network.spec.tensor: network.values(decoded[0])}
        sizes = [network.run(values, [layer])[layer].shape[3] for layer in LAYERS]

        def read(number: int) -> npt.NDArray[np.uint8]:
            return np.array(read_image(files[number % 32]))

        for relevance in (False, True):
            responses = Responses(network, probes, range(1, 1001), relevance)

            @tf.function(autograph=False)
            def bare(values: tf.Tensor, backward: bool = relevance) -> list[tf.Tensor]:
                names = [LAYERS[0], LOGITS]
                feeds = {network.spec.tensor: values}
                found = network.run(feeds, names, operation=apply_differentiable)
                best = [tf.reduce_max(found[LOGITS], axis=1)]
                return tf.gradients(best[0], found[LAYERS[0]]) if backward else best

            batch = tf.constant(np.concatenate([network.values(one) for one in decoded]))
            size = responses.batch

            def alone(
                batch: tf.Tensor = batch,
                size: int = size,
                bare: Callable[[tf.Tensor], list[tf.Tensor]] = bare,
            ) -> None:
                for first in range(0, IMAGES, size):
                    bare(batch[first % 32 : first % 32 + size])[0].numpy()

            def whole(responses: Responses = responses, relevance: bool = relevance) -> None:
                known = {
                    layer: LayerStatistics(count, 1008, 16, vectors=4096, relevance=relevance)
                    for layer, count in zip(LAYERS, sizes, strict=True)
                }
                sweep(responses, Sweep(known, 0), IMAGES, read, readers=2)

            times = [_in_turns(alone, whole) for _ in range(ROUNDS + 1)][1:]
            ours, theirs = (median(pair[i] for pair in times) / IMAGES * 1000 for i in (1, 0))
            ratio = median(pair[0] / pair[1] for pair in times)
            name = "activations and relevance" if relevance else "activations only"
            base = "forward and backward" if relevance else "forward"
            print(
                f"  {name}: {ours:.1f} ms an image; bare {base} pass {theirs:.1f} ms; "
                f"throughput {ratio:.2f} of that",
                flush=True,
            )


def _in_turns(*parts: Callable[[], None]) -> list[float]:
    times = []
    for part in parts:
        began = time.perf_counter()
        part()
        times.append(time.perf_counter() - began)
    return times
