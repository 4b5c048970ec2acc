"""Training of the embedded network.

    python -m studies.blocks1000.training --output src/blockscope/resources/blocks1000

Writes graph.pb (frozen, see ``network``) and labels.json (entry i names logit i). A batch depends
only on the seed and its own number, so the same command trains on the same images anywhere; weights
agree up to rounding.
"""

from __future__ import annotations

import argparse
import json
import math
import multiprocessing
import time
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from blockscope.io.atomic_files import atomic_write, atomic_write_text
from blockscope.io.blocks1000.scenes import draw_scene
from blockscope.io.blocks1000.vocabulary import HEADS, LABELS, kind_of

# shares of scenes with 1, 2 and 3 blocks
MIXTURE: Final = (0.55, 0.35, 0.10)
PEAK_LEARNING_RATE: Final = 4e-3
WARM_UP: Final = 100  # steps


@dataclass(frozen=True)
class Phase:
    """A stretch of training at one image size."""

    steps: int
    size: int
    batch: int


def phases(steps: int) -> list[Phase]:
    """Split ``steps``: most on small images, the last fifth at the network's own size."""
    last = steps // 5
    return [Phase(steps - last, 144, 64), Phase(last, 224, 64)]


Batch = tuple[npt.NDArray[np.uint8], npt.NDArray[np.float32]]


def draw_batch(seed: int, number: int, size: int, count: int) -> Batch:
    """Draw images (scene, row, col, rgb) and targets (scene, head value).

    The target of a head is the mean of the blocks' one-hot rows.
    """
    rng = np.random.default_rng([seed, number])
    images = np.empty((count, size, size, 3), dtype=np.uint8)
    targets = np.zeros((count, sum(HEADS)), dtype=np.float32)
    starts = np.cumsum((0, *HEADS[:-1]))
    for image, target in zip(images, targets, strict=True):
        scene = draw_scene(rng, size, int(rng.choice(len(MIXTURE), p=MIXTURE)) + 1)
        image[:] = scene.image
        for label in scene.labels:
            target[starts + np.array(kind_of(label))] += 1 / len(scene.labels)
    return images, targets


def batches(seed: int, plan: Sequence[Phase], workers: int) -> Iterator[Batch]:
    """Yield the batches of the plan in order, drawn ahead by other processes."""
    requests = [
        (seed, number, phase.size, phase.batch)
        for number, phase in enumerate(p for p in plan for _ in range(p.steps))
    ]
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=spawn) as pool:
        waiting: deque[Future[Batch]] = deque()
        for request in requests:
            waiting.append(pool.submit(draw_batch, *request))
            if len(waiting) > 3 * workers:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def learning_rate(step: int, steps: int) -> float:
    """Return the learning rate: a linear warm-up, then half a cosine down to zero."""
    warm = min(1.0, (step + 1) / WARM_UP)
    return PEAK_LEARNING_RATE * warm * 0.5 * (1 + math.cos(math.pi * step / steps))


def train(steps: int, seed: int, workers: int, threads: int) -> Any:
    """Train and return the Keras model, printing the loss."""
    import tensorflow as tf

    from studies.blocks1000.network import RANGE, trainable

    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.keras.utils.set_random_seed(seed)
    model = trainable()
    optimizer = tf.keras.optimizers.Adam(PEAK_LEARNING_RATE)
    optimizer.build(model.trainable_variables)

    @tf.function(reduce_retracing=True)
    def step_on(images: Any, targets: Any) -> Any:
        with tf.GradientTape() as tape:
            values = model(tf.cast(images, tf.float32) + RANGE[0], training=True)
            pairs = zip(tf.split(targets, HEADS, 1), tf.split(values, HEADS, 1), strict=True)
            losses = [tf.nn.softmax_cross_entropy_with_logits(t, v) for t, v in pairs]
            loss = tf.reduce_mean(tf.add_n(losses))
        gradients = tape.gradient(loss, model.trainable_variables)
        optimizer.apply(gradients, model.trainable_variables)
        return loss

    began, recent = time.monotonic(), deque[float](maxlen=50)
    for step, (images, targets) in enumerate(batches(seed, phases(steps), workers)):
        optimizer.learning_rate.assign(learning_rate(step, steps))
        recent.append(float(step_on(images, targets)))
        if (step + 1) % 50 == 0:
            print(
                f"step {step + 1}/{steps}  size {images.shape[1]}  loss {np.mean(recent):.3f}"
                f"  {time.monotonic() - began:.0f} s",
                flush=True,
            )
    return model


def folding_error(model: Any, graph: Any, seed: int) -> float:
    """Return the largest difference of logits, frozen against Keras, relative to the largest."""
    import tensorflow as tf

    from studies.blocks1000.network import RANGE, sums

    images, _ = draw_batch(seed, 0, 224, 16)
    values = images.astype(np.float32) + np.float32(RANGE[0])
    expected = np.asarray(model(values, training=False)) @ sums()
    with tf.Graph().as_default() as imported:
        tf.import_graph_def(graph, name="")
        with tf.compat.v1.Session(graph=imported) as session:
            found = session.run("softmax2_pre_activation:0", {"input:0": values})
    return float(np.abs(found - expected).max() / np.abs(expected).max())


def main(arguments: Sequence[str] | None = None) -> None:
    """Train and write the graph and its labels."""
    parser = argparse.ArgumentParser(prog="python -m studies.blocks1000.training")
    parser.add_argument("--output", type=Path, default=Path("src/blockscope/resources/blocks1000"))
    parser.add_argument("--steps", type=int, default=2600)
    parser.add_argument("--seed", type=int, default=1000)
    parser.add_argument("--workers", type=int, default=1, help="processes that draw scenes")
    parser.add_argument("--threads", type=int, default=2, help="threads that train")
    chosen = parser.parse_args(arguments)

    from studies.blocks1000.network import frozen

    model = train(chosen.steps, chosen.seed, chosen.workers, chosen.threads)
    graph = frozen(model)
    print(f"frozen against trained: {folding_error(model, graph, chosen.seed):.1e} of the scale")
    with atomic_write(chosen.output / "graph.pb") as temporary:
        temporary.write_bytes(graph.SerializeToString(deterministic=True))
    atomic_write_text(chosen.output / "labels.json", json.dumps(list(LABELS), indent=0) + "\n")
    print(f"wrote {chosen.output}/graph.pb and {chosen.output}/labels.json")


if __name__ == "__main__":
    main()
