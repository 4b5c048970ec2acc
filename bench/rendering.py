"""Rendering against Lucid's way: seconds until the judge sees the same, what a step costs, memory.

Lucid's way is restated here: one image at a time, a graph and session of its own, its Fourier
image, its transforms one after the other with shapes that change from step to step, Adam. Both ask
for channels of a layer, of the network of ``all_labels`` and of blocks1000, which is trained; the
judge is that of the package. Then the named recipes by that judge, and the memory of a job under
every allowance.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

from all_labels import INPUT, LOGITS
from full_size import write_full_size

LAYER, SIZE, BATCH = "mixed4d", 128, 8
CHANNELS = (3, 50, 100, 150, 210, 250, 300, 400)  # of 528
TRAINED = Path(__file__).parent.parent / "resources" / "blocks1000" / "graph.pb"
TRAINED_CHANNELS = (3, 25, 40, 60, 75, 90, 110, 130)  # of 132
RANGE = (-117, 138)
ALLOWANCES = (256, 2048, 65536)  # compute.memory_mb


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
        full = options.graph or write_full_size(Path(folder) / "random.pb")
        for graph in (full, TRAINED):
            _compare(graph, options.lucid_steps, options.lucid_channels)
        _recipes()
        _memory(full)


def _recipes() -> None:
    """Print what the judge sees of each named recipe's pictures of blocks1000, and its seconds."""
    print(f"Recipes, {len(TRAINED_CHANNELS)} channels of {LAYER}, blocks1000, with the first step")
    for name in ("draft", "paper", "lucid"):
        found = _in_own_process(TRAINED, "judged", name)
        print(
            f"  {name:6} judge {found['mean']:6.3f}  a picture {found['seconds']:5.2f} s "
            f"({found['cpu']:5.2f} s of processor)",
            flush=True,
        )


def _memory(graph: Path) -> None:
    """Print the peak memory of rendering and judging at full size under several allowances."""
    print(f"Peak memory, recipe paper, {graph.name}; by compute.memory_mb")
    for layer in (LAYER, "mixed5b"):
        for allowance in ALLOWANCES:
            found = _in_own_process(graph, "allowed", layer, allowance)
            print(
                f"  {layer} {allowance:6d} MB: batches of {found['batch']}, "
                f"{found['peak_gib']:.2f} GiB",
                flush=True,
            )


def _compare(graph: Path, steps: int, count: int) -> None:
    theirs = _in_own_process(graph, "lucid", steps, count)
    ours = _in_own_process(graph, "ours", 2 * steps, theirs["judged"])
    ms = _in_own_process(graph, "timed")
    seconds = ms["lucid"] * steps / 1e3, ms["ours"] * ours["steps"] / 1e3
    name = "blocks1000, trained" if graph == TRAINED else graph.name
    print(f"Rendering channels of {LAYER}, {name}, {SIZE} px; warm, per picture")
    for name, n, each, whole, found in (
        ("Lucid's way", steps, ms["lucid"], seconds[0], theirs),
        ("ours", ours["steps"], ms["ours"], seconds[1], ours),
    ):
        print(
            f"  {name:11} {n:4d} steps of {each:5.1f} ms = {whole:6.2f} s   "
            f"judge {found['mean']:7.3f}   {found['peak_gib']:.2f} GiB"
        )
    print(
        f"  the same objective {seconds[0] / seconds[1]:.1f}x sooner, in "
        f"{steps / ours['steps']:.1f}x fewer steps; a step {ms['lucid'] / ms['ours']:.1f}x faster"
    )
    work = ms["lucid_cpu"] * steps / (ms["ours_cpu"] * ours["steps"])
    print(
        f"  ms of processor a step: Lucid's {ms['lucid_cpu']:.1f}, ours {ms['ours_cpu']:.1f}, bare "
        f"network {ms['bare_cpu']:.1f}; the same objective with {work:.1f}x less work"
    )
    print(
        f"  bare network, the same view and batch of {BATCH}, forward and backward: "
        f"{ms['bare']:.1f} ms; parameterisation, transforms and Adam cost "
        f"{ms['ours'] / ms['bare'] - 1:.0%} on top",
        flush=True,
    )


def _in_own_process(graph: Path, what: str, *options) -> dict:
    command = [sys.executable, __file__, str(graph), what, json.dumps(options)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def timed(path: Path, rounds: int = 12) -> dict:
    """Return ms per picture and step of Lucid's way, ours and the bare network, taken in turns.

    The least of all rounds each: on a machine that others use too, the rest is theirs. Names that
    end in ``_cpu``: the same in seconds of processor, of all cores together.
    """
    from blockscope.feature_visualization.optimizer import Optimizer

    network, objective, channels = _asked(path)
    recipe = replace(_recipe(), steps=4 * rounds, redirected=0)
    watched = Optimizer(network, objective, channels, recipe).watched(range(BATCH))
    ways = {
        "lucid": (lucid_way(path, channels[0])[0], 1),
        "ours": (lambda: next(watched), BATCH),
        "bare": (bare_passes(network, objective, recipe), BATCH),
    }
    least = {f"{name}{end}": float("inf") for name in ways for end in ("", "_cpu")}
    for _ in range(rounds):
        for name, (step, pictures) in ways.items():
            for _ in range(3):
                began = time.perf_counter(), time.process_time()
                step()
                spent = time.perf_counter() - began[0], time.process_time() - began[1]
                for end, seconds in zip(("", "_cpu"), spent, strict=True):
                    each = 1e3 * seconds / pictures
                    least[name + end] = min(least[name + end], each)
    return least


def lucid_pictures(path: Path, steps: int, count: int) -> dict:
    """Render ``count`` channels in Lucid's way; return what the judge sees."""
    import numpy as np

    pictures, asked = [], _asked(path)
    for channel in asked[2][:count]:
        step, picture = lucid_way(path, channel)
        for _ in range(steps):
            step()
        pictures.append(picture())
    judged = _judge(*asked).scores(np.stack(pictures), list(range(count)))
    return {"judged": judged.tolist(), "mean": float(judged.mean())}


def lucid_way(path: Path, channel: int):
    """Return what takes one step of Lucid's way, and what gives its picture (row, col, rgb)."""
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
        picture = tf.sigmoid(tf.reshape(flat, tf.shape(values)))
        low, high = RANGE
        view = low + (high - low) * lucid_transforms(picture, tf, v1)
        (acts,) = tf.import_graph_def(definition, {INPUT: view}, [f"{LAYER}:0"], name="import")
        loss = -tf.reduce_mean(acts[..., channel])
        step = v1.train.AdamOptimizer(0.05).minimize(loss)
        session.run(v1.global_variables_initializer())
    return lambda: session.run([step, loss]), lambda: session.run(picture)[0]


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
    """Return the network, the objective that both ways are judged by, and its channels."""
    from tensorflow.core.framework import graph_pb2

    from blockscope.feature_visualization import objectives
    from blockscope.models.card import InputSpec
    from blockscope.models.network import Network

    definition = graph_pb2.GraphDef.FromString(path.read_bytes())
    spec = InputSpec(tensor=INPUT, size=(224, 224), range=RANGE)
    trained = path == TRAINED
    channels, count = (TRAINED_CHANNELS, 132) if trained else (CHANNELS, 528)
    objective = objectives.channel(LAYER, channels, count)
    return Network(definition, spec, LOGITS), objective, channels


def _judge(network, objective, channels):
    from blockscope.feature_visualization.evaluation import Evaluator

    return Evaluator(network, objective, channels, SIZE)


def _recipe():
    """Return the recipe that is timed: the fastest to rise, whatever its pictures look like."""
    from blockscope.feature_visualization.recipes import QUICK

    return QUICK


def our_way(path: Path, most: int, goal: list) -> dict:
    """Find how many steps reach the mean of ``goal``, at most ``most``.

    The pictures of Lucid's channels are judged after every fourth step; the other places of the
    batch hold more channels, as when a layer is rendered.
    """
    from statistics import fmean

    from blockscope.feature_visualization.optimizer import Optimizer

    network, objective, channels = _asked(path)
    judge, count = _judge(network, objective, channels), len(goal)
    ascent = Optimizer(network, objective, channels, replace(_recipe(), steps=most))
    for done, pictures in enumerate(ascent.watched(range(BATCH)), 1):
        if done % 4 == 0:
            reached = fmean(judge.scores(pictures()[:count], range(count)).tolist())
            if reached >= fmean(goal):
                break
    return {"steps": done, "mean": reached}


def bare_passes(network, objective, recipe):
    """Return what takes the network's two passes for a batch, with nothing around it."""
    import numpy as np
    import tensorflow as tf

    from blockscope.feature_visualization.network_view import View

    size = SIZE + recipe.transforms.margin
    view, arrays = View(network, objective, size), objective.arrays(range(BATCH))

    @tf.function(autograph=False)
    def passes(pictures):
        scores = objective.scores(view.layers_of(pictures), arrays)
        return scores, tf.gradients(tf.reduce_sum(scores), pictures)

    pictures = np.random.default_rng(1).uniform(0, 1, (BATCH, size, size, 3)).astype(np.float32)
    given = tf.constant(pictures)

    def step():
        return passes(given)[0].numpy()

    return step


def by_recipe(path: Path, name: str) -> dict:
    """Render a batch by a named recipe; return what the judge sees and seconds per picture."""
    from blockscope.feature_visualization.evaluation import Evaluator
    from blockscope.feature_visualization.optimizer import Optimizer
    from blockscope.feature_visualization.recipes import find_recipe

    network, objective, channels = _asked(path)
    recipe, everything = find_recipe(name), range(len(channels))
    began = time.perf_counter(), time.process_time()
    (batch,) = Optimizer(network, objective, channels, recipe).run(everything)
    spent = time.perf_counter() - began[0], time.process_time() - began[1]
    seen = Evaluator(network, objective, channels, recipe.size).scores(batch.pictures, everything)
    seconds, cpu = (each / len(channels) for each in spent)
    return {"mean": float(seen.mean()), "seconds": seconds, "cpu": cpu}


def allowed(path: Path, layer: str, memory_mb: int) -> dict:
    """Render and judge one batch, a few steps, under an allowance of memory."""
    from blockscope.feature_visualization.evaluation import Evaluator
    from blockscope.feature_visualization.objectives import channel
    from blockscope.feature_visualization.optimizer import Optimizer
    from blockscope.feature_visualization.recipes import find_recipe

    network, count = _asked(path)[0], {LAYER: 528, "mixed5b": 1024}[layer]
    objective = channel(layer, CHANNELS, count)
    recipe = replace(find_recipe("paper"), steps=4, redirected=2)
    ascent = Optimizer(network, objective, CHANNELS, recipe, memory_mb)
    batch = next(ascent.run(range(len(CHANNELS))))
    judge = Evaluator(network, objective, CHANNELS, recipe.size, memory_mb=memory_mb)
    judge.scores(batch.pictures, batch.images)
    return {"batch": ascent.batch}


WAYS = {
    "lucid": lucid_pictures,
    "ours": our_way,
    "timed": timed,
    "judged": by_recipe,
    "allowed": allowed,
}

if __name__ == "__main__":
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    result = WAYS[sys.argv[2]](Path(sys.argv[1]), *json.loads(sys.argv[3]))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(json.dumps({"peak_gib": peak, **result}))
