"""Rendering against Lucid's way: seconds until the judge sees the same, and what a step costs.

Lucid's way is restated here: one image at a time, a graph and session of its own, its Fourier
image, its transforms one after the other with shapes that change from step to step, Adam. Both ask
for channels of a layer of the network of ``all_labels``; the judge is that of the package. A
channel that Lucid's way leaves dead is passed over.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from all_labels import INPUT, LOGITS
from full_size import write_full_size

LAYER, SIZE, BATCH = "mixed4d", 128, 8
CHANNELS = (3, 50, 100, 150, 210, 250, 300, 400)
RANGE = (-117, 138)


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declare the options of this section."""
    parser.add_argument(
        "--lucid-steps", type=int, default=64, help="steps of Lucid's way to be caught up with"
    )
    parser.add_argument(
        "--lucid-channels", type=int, default=2, help="channels that Lucid's way renders"
    )


def run(options: argparse.Namespace) -> None:
    """Print seconds per picture of both ways for the same objective, and the parts of a step."""
    with tempfile.TemporaryDirectory() as folder:
        graph = options.graph or write_full_size(Path(folder) / "inceptionv1.pb")
        asked = [options.lucid_steps, options.lucid_channels]
        theirs = _in_own_process(graph, "lucid", *asked)
        ours = _in_own_process(graph, "ours", *asked, theirs["judged"])
        bare = _in_own_process(graph, "bare", *asked)
        again = _in_own_process(graph, "lucid", *asked)
    before = min(theirs["step_ms"], again["step_ms"])
    print(f"Rendering channels of {LAYER}, {graph.name}, {SIZE} px; warm, per picture")
    print(
        f"  Lucid's way {options.lucid_steps:4d} steps of {before:5.1f} ms"
        f" = {before * options.lucid_steps / 1e3:6.2f} s   judge {theirs['mean']:7.3f}"
        f"   {theirs['peak_gib']:.2f} GiB   (steps: {theirs['step_ms']:.1f} ms before ours,"
        f" {again['step_ms']:.1f} after)"
    )
    print(
        f"  ours        {ours['steps']:4d} steps of {ours['step_ms']:5.1f} ms"
        f" = {ours['step_ms'] * ours['steps'] / 1e3:6.2f} s   judge {ours['mean']:7.3f}"
        f"   {ours['peak_gib']:.2f} GiB   in batches of {BATCH}"
    )
    ratio = before * options.lucid_steps / (ours["step_ms"] * ours["steps"])
    print(f"  same objective {ratio:.1f}x sooner; a step {before / ours['step_ms']:.1f}x faster")
    over = ours["step_ms"] / bare["step_ms"] - 1
    print(
        f"  bare network, the same view, forward and backward {bare['step_ms']:.1f} ms: "
        f"parameterisation, transforms and Adam cost {over:.0%} on top",
        flush=True,
    )


def _in_own_process(graph: Path, what: str, *options) -> dict:
    command = [sys.executable, __file__, str(graph), what, json.dumps(options)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def lucid_way(path: Path, steps: int, count: int) -> dict:
    """Render ``count`` channels; return what the judge sees and the median ms of a step."""
    import numpy as np

    pictures, milliseconds = [], []
    for channel in CHANNELS[:count]:
        picture, taken = lucid_picture(path, channel, steps)
        pictures.append(picture)
        milliseconds += taken[4:]
    network, objective = _asked(path)
    judged = _judge(network, objective).scores(np.stack(pictures), list(range(count)))
    return {
        "judged": judged.tolist(),
        "mean": float(judged.mean()),
        "step_ms": statistics.median(milliseconds),
    }


def lucid_picture(path: Path, channel: int, steps: int):
    """Render one picture, (row, col, rgb), as Lucid does; also return the ms of its steps."""
    import numpy as np
    import tensorflow as tf

    v1 = tf.compat.v1
    generator = np.random.default_rng(channel)
    definition = v1.GraphDef.FromString(path.read_bytes())
    frequency = np.hypot(np.fft.fftfreq(SIZE)[:, None], np.fft.rfftfreq(SIZE)[None])
    scale = (SIZE / np.maximum(frequency, 1 / SIZE)).astype(np.float32)
    matrix = np.array([[0.26, 0.09, 0.02], [0.27, 0, -0.05], [0.27, -0.09, 0.03]]) / 0.461952
    with tf.Graph().as_default(), v1.Session() as session:
        start = generator.normal(0, 0.01, (2, 1, 3, *scale.shape)).astype(np.float32)
        numbers = v1.get_variable("numbers", initializer=start, use_resource=True)
        spectrum = tf.complex(numbers[0], numbers[1]) * tf.constant(scale, tf.complex64)
        values = tf.transpose(tf.signal.irfft2d(spectrum), [0, 2, 3, 1])[:, :SIZE, :SIZE] / 4
        flat = tf.reshape(values, [-1, 3]) @ tf.constant(matrix.T, tf.float32)
        picture = tf.sigmoid(tf.reshape(flat, tf.shape(values)))
        view = lucid_transforms(picture, tf, v1)
        low, high = RANGE
        (acts,) = tf.import_graph_def(
            definition, {INPUT: low + (high - low) * view}, [f"{LAYER}:0"], name="import"
        )
        loss = -tf.reduce_mean(acts[..., channel])
        step = v1.train.AdamOptimizer(0.05).minimize(loss)
        session.run(v1.global_variables_initializer())
        milliseconds = []
        for _ in range(steps):
            began = time.perf_counter()
            session.run([step, loss])
            milliseconds.append(1e3 * (time.perf_counter() - began))
        return session.run(picture)[0], milliseconds


def lucid_transforms(picture, tf, v1):
    """Pad, jitter, scale, rotate, jitter, as Lucid's standard transforms."""

    def jittered(values, most):
        size = tf.shape(values)
        return v1.random_crop(values, [1, size[1] - most, size[2] - most, 3])

    x = jittered(tf.pad(picture, [[0, 0], [12, 12], [12, 12], [0, 0]], constant_values=0.5), 8)
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


def _asked(path: Path):
    """Return the network and the objective that both ways are judged by."""
    from tensorflow.core.framework import graph_pb2

    from blockscope.ascent import objectives
    from blockscope.models.card import InputSpec
    from blockscope.models.network import Network

    definition = graph_pb2.GraphDef.FromString(path.read_bytes())
    network = Network(definition, InputSpec(tensor=INPUT, size=(224, 224), range=RANGE), LOGITS)
    return network, objectives.channel(LAYER, CHANNELS, 528)


def _judge(network, objective):
    from blockscope.ascent.judge import Judge

    return Judge(network, objective, CHANNELS, SIZE)


def our_way(path: Path, steps: int, count: int, goal: list) -> dict:
    """Find how many steps reach the mean of ``goal``; return them and the median ms of a step.

    The pictures of Lucid's channels are judged after every fourth step; the other places of the
    batch hold more channels, as when a layer is rendered.
    """
    from statistics import fmean

    from blockscope.ascent.climb import Ascent
    from blockscope.ascent.recipes import QUICK

    network, objective = _asked(path)
    judge = _judge(network, objective)
    ascent = Ascent(network, objective, CHANNELS, QUICK)
    milliseconds, reached, began = [], 0.0, time.perf_counter()
    for done, pictures in enumerate(ascent.watched(list(range(BATCH))), 1):
        milliseconds.append(1e3 * (time.perf_counter() - began) / BATCH)
        if done % 4 == 0:
            reached = fmean(judge.scores(pictures()[:count], list(range(count))).tolist())
            if reached >= fmean(goal) or done >= 4 * steps:
                break
        began = time.perf_counter()
    timed = milliseconds[QUICK.redirected + 2 :] or milliseconds[2:]
    return {"steps": done, "mean": reached, "step_ms": statistics.median(timed)}


def bare(path: Path, repeats: int = 24) -> dict:
    """Return the median ms per image of the network's two passes in a batch, nothing around it."""
    import numpy as np
    import tensorflow as tf

    from blockscope.ascent.recipes import QUICK
    from blockscope.ascent.view import View

    network, objective = _asked(path)
    size = SIZE + QUICK.transforms.margin
    view = View(network, objective, size)
    arrays = objective.arrays(list(range(BATCH)))

    @tf.function(autograph=False)
    def passes(pictures):
        scores = objective.scores(view.layers_of(pictures), arrays)
        return scores, tf.gradients(tf.reduce_sum(scores), pictures)

    pictures = np.random.default_rng(1).uniform(0, 1, (BATCH, size, size, 3)).astype(np.float32)
    milliseconds, given = [], tf.constant(pictures)
    for _ in range(repeats):
        began = time.perf_counter()
        passes(given)[0].numpy()
        milliseconds.append(1e3 * (time.perf_counter() - began) / BATCH)
    return {"step_ms": statistics.median(milliseconds[2:])}


WAYS = {"lucid": lucid_way, "ours": our_way, "bare": lambda path, *_: bare(path)}

if __name__ == "__main__":
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    result = WAYS[sys.argv[2]](Path(sys.argv[1]), *json.loads(sys.argv[3]))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(json.dumps({"peak_gib": peak, **result}))
