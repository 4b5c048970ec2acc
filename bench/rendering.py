"""Feature visualization compared with Lucid's way: seconds to the same objective, steps, memory.

Both render channels of a layer, of the network of ``all_labels`` and of the trained blocks1000, and
are compared by the held-out objective of the package. Then the held-out objective of each recipe,
and the memory of a job for several values of ``compute.memory_mb``.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.all_labels import INPUT, LOGITS
from bench.full_size import write_full_size
from bench.lucid_way import RANGE, SIZE, steps_and_image
from bench.own_process import in_own_process, peak_gib

if TYPE_CHECKING:
    from collections.abc import Callable

    from blockscope.feature_visualization.evaluation import Evaluator
    from blockscope.feature_visualization.objectives import Objective
    from blockscope.feature_visualization.recipes import Recipe
    from blockscope.models.network import Network

Channels = tuple[int, ...]
LAYER, BATCH = "mixed4d", 8
CHANNELS = (3, 50, 100, 150, 210, 250, 300, 400)  # of 528
TRAINED = Path(__file__).parent.parent / "src/blockscope/resources" / "blocks1000" / "graph.pb"
TRAINED_CHANNELS = (3, 25, 40, 60, 75, 90, 110, 130)  # of 132
MODULE = "bench.rendering"
LIMITS = (256, 2048, 65536)  # compute.memory_mb


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declare the options of this section."""
    parser.add_argument(
        "--lucid-steps", type=int, default=64, help="steps of Lucid's way to catch up with"
    )
    parser.add_argument(
        "--lucid-channels", type=int, default=2, help="channels that Lucid's way renders"
    )


def run(options: argparse.Namespace) -> None:
    """Print seconds per image of both ways for the same objective, and the cost of a step."""
    with tempfile.TemporaryDirectory() as folder:
        full = options.graph or write_full_size(Path(folder) / "random.pb")
        for graph in (full, TRAINED):
            _compare(graph, options.lucid_steps, options.lucid_channels, options.before)
        _recipes()
        _memory(full)


def _recipes() -> None:
    """Print the held-out objective of each recipe for blocks1000, and its seconds."""
    print(f"Recipes, {len(TRAINED_CHANNELS)} channels of {LAYER}, blocks1000, first step included")
    for name in ("draft", "paper", "lucid"):
        found = _in_own_process(TRAINED, "recipe", name)
        print(
            f"  {name:6} objective {found['mean']:6.3f}  an image {found['seconds']:5.2f} s "
            f"({found['cpu']:5.2f} CPU s)",
            flush=True,
        )


def _memory(graph: Path) -> None:
    """Print the peak memory of rendering and evaluating at full size, for several limits."""
    print(f"Peak memory, recipe paper, {graph.name}; by compute.memory_mb")
    for layer in (LAYER, "mixed5b"):
        for limit in LIMITS:
            found = _in_own_process(graph, "limited", layer, limit)
            print(
                f"  {layer} {limit:6d} MB: batches of {found['batch']}, "
                f"{found['peak_gib']:.2f} GiB",
                flush=True,
            )


def _compare(graph: Path, steps: int, count: int, before: Path | None) -> None:
    theirs = _in_own_process(graph, "lucid", steps, count)
    ours = _in_own_process(graph, "ours", 2 * steps, theirs["scores"])
    ms = _in_own_process(graph, "timed")
    seconds = ms["lucid"] * steps / 1e3, ms["ours"] * ours["steps"] / 1e3
    name = "blocks1000, trained" if graph == TRAINED else graph.name
    print(f"Rendering channels of {LAYER}, {name}, {SIZE} px; warm, per image")
    for name, n, each, whole, found in (
        ("Lucid's way", steps, ms["lucid"], seconds[0], theirs),
        ("ours", ours["steps"], ms["ours"], seconds[1], ours),
    ):
        print(
            f"  {name:11} {n:4d} steps of {each:5.1f} ms = {whole:6.2f} s   "
            f"objective {found['mean']:7.3f}   {found['peak_gib']:.2f} GiB"
        )
    print(
        f"  the same objective {seconds[0] / seconds[1]:.1f}x sooner, in "
        f"{steps / ours['steps']:.1f}x fewer steps; a step {ms['lucid'] / ms['ours']:.1f}x faster"
    )
    work = ms["lucid_cpu"] * steps / (ms["ours_cpu"] * ours["steps"])
    print(
        f"  CPU ms a step: Lucid's {ms['lucid_cpu']:.1f}, ours {ms['ours_cpu']:.1f}, bare "
        f"network {ms['bare_cpu']:.1f}; the same objective with {work:.1f}x less work"
    )
    print(
        f"  bare network, the same view and batch of {BATCH}, forward and backward: "
        f"{ms['bare']:.1f} ms; parameterisation, transforms and Adam cost "
        f"{ms['ours'] / ms['bare'] - 1:.0%} on top",
        flush=True,
    )
    if before:
        older = _in_own_process(graph, "ours", 2 * steps, theirs["scores"], before=before)
        each = _in_own_process(graph, "timed", before=before)["ours"]
        whole = older["steps"] * each / 1e3
        print(
            f"  before: {older['steps']} steps of {each:.1f} ms = {whole:.2f} s, "
            f"{whole / seconds[1]:.2f}x",
            flush=True,
        )


def _in_own_process(
    graph: Path, what: str, *options: Any, before: Path | None = None
) -> dict[str, Any]:
    return in_own_process(MODULE, [str(graph), what, json.dumps(options)], before=before)


def timed(path: Path, rounds: int = 12) -> dict[str, Any]:
    """Return ms per image and step of Lucid's way, ours and the bare network, taken in turns.

    The fastest round of each counts: on a shared machine the rest is other users' load. Names that
    end in ``_cpu`` are CPU time of all cores together.
    """
    from blockscope.feature_visualization.optimizer import Optimizer

    network, objective, channels = _subject(path)
    recipe = replace(_recipe(), steps=4 * rounds, redirected_relu_steps=0)
    steps = Optimizer(network, objective, channels, recipe).iterate(range(BATCH))
    ways = {
        "lucid": (steps_and_image(path, LAYER, channels[0])[0], 1),
        "ours": (lambda: next(steps), BATCH),
        "bare": (bare_passes(network, objective, recipe), BATCH),
    }
    least = {f"{name}{end}": float("inf") for name in ways for end in ("", "_cpu")}
    for _ in range(rounds):
        for name, (step, images) in ways.items():
            for _ in range(3):
                began = time.perf_counter(), time.process_time()
                step()
                spent = time.perf_counter() - began[0], time.process_time() - began[1]
                for end, seconds in zip(("", "_cpu"), spent, strict=True):
                    each = 1e3 * seconds / images
                    least[name + end] = min(least[name + end], each)
    return least


def lucid_images(path: Path, steps: int, count: int) -> dict[str, Any]:
    """Render ``count`` channels in Lucid's way; return their held-out objective."""
    import numpy as np

    images, subject = [], _subject(path)
    for channel in subject[2][:count]:
        step, image = steps_and_image(path, LAYER, channel)
        for _ in range(steps):
            step()
        images.append(image())
    scores = _evaluator(*subject).evaluate(np.stack(images), list(range(count)))
    return {"scores": scores.tolist(), "mean": float(scores.mean())}


def _subject(path: Path) -> tuple[Network, Objective, Channels]:
    """Return the network, the objective that both ways maximise, and its channels."""
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


def _evaluator(network: Network, objective: Objective, channels: Channels) -> Evaluator:
    from blockscope.feature_visualization.evaluation import Evaluator

    return Evaluator(network, objective, channels, SIZE)


def _recipe() -> Recipe:
    """Return the recipe that raises the objective fastest, whatever its images look like."""
    from blockscope.feature_visualization.named_recipes import FEWEST_STEPS

    return FEWEST_STEPS


def our_way(path: Path, most: int, goal: list[float]) -> dict[str, Any]:
    """Find how many steps reach the mean of ``goal``, at most ``most``.

    Lucid's channels are evaluated after every fourth step; the rest of the batch holds other
    channels, as when a layer is rendered.
    """
    from statistics import fmean

    from blockscope.feature_visualization.optimizer import Optimizer

    network, objective, channels = _subject(path)
    evaluator, count = _evaluator(network, objective, channels), len(goal)
    optimizer = Optimizer(network, objective, channels, replace(_recipe(), steps=most))
    for done, images in enumerate(optimizer.iterate(range(BATCH)), 1):
        if done % 4 == 0:
            reached = fmean(evaluator.evaluate(images()[:count], range(count)).tolist())
            if reached >= fmean(goal):
                break
    return {"steps": done, "mean": reached}


def bare_passes(network: Network, objective: Objective, recipe: Recipe) -> Callable[[], Any]:
    """Return a function that takes the network's two passes for a batch, and nothing else."""
    import numpy as np
    import tensorflow as tf

    from blockscope.feature_visualization.network_view import View

    size = SIZE + recipe.transforms.margin
    view, targets = View(network, objective, size), objective.targets(range(BATCH))

    @tf.function(autograph=False)
    def passes(images: Any) -> Any:
        scores = objective.scores(view.layers_of(images), targets)
        return scores, tf.gradients(tf.reduce_sum(scores), images)

    images = np.random.default_rng(1).uniform(0, 1, (BATCH, size, size, 3)).astype(np.float32)
    given = tf.constant(images)

    def step() -> Any:
        return passes(given)[0].numpy()

    return step


def by_recipe(path: Path, name: str) -> dict[str, Any]:
    """Render a batch by a named recipe; return its held-out objective and seconds per image."""
    from blockscope.feature_visualization.evaluation import Evaluator
    from blockscope.feature_visualization.named_recipes import find_recipe
    from blockscope.feature_visualization.optimizer import Optimizer

    network, objective, channels = _subject(path)
    recipe, everything = find_recipe(name), range(len(channels))
    began = time.perf_counter(), time.process_time()
    (batch,) = Optimizer(network, objective, channels, recipe).run(everything)
    spent = time.perf_counter() - began[0], time.process_time() - began[1]
    scores = Evaluator(network, objective, channels, recipe.size).evaluate(batch.images, everything)
    seconds, cpu = (each / len(channels) for each in spent)
    return {"mean": float(scores.mean()), "seconds": seconds, "cpu": cpu}


def limited(path: Path, layer: str, memory_mb: int) -> dict[str, Any]:
    """Render and evaluate one batch, a few steps, within a limit of memory."""
    from blockscope.feature_visualization.evaluation import Evaluator
    from blockscope.feature_visualization.named_recipes import find_recipe
    from blockscope.feature_visualization.objectives import channel
    from blockscope.feature_visualization.optimizer import Optimizer

    network, count = _subject(path)[0], {LAYER: 528, "mixed5b": 1024}[layer]
    objective = channel(layer, CHANNELS, count)
    recipe = replace(find_recipe("paper"), steps=4, redirected_relu_steps=2)
    optimizer = Optimizer(network, objective, CHANNELS, recipe, memory_mb)
    batch = next(optimizer.run(range(len(CHANNELS))))
    evaluator = Evaluator(network, objective, CHANNELS, recipe.size, memory_mb=memory_mb)
    evaluator.evaluate(batch.images, batch.indices)
    return {"batch": optimizer.batch}


WAYS: dict[str, Callable[..., dict[str, Any]]] = {
    "lucid": lucid_images,
    "ours": our_way,
    "timed": timed,
    "recipe": by_recipe,
    "limited": limited,
}

if __name__ == "__main__":
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    result = WAYS[sys.argv[2]](Path(sys.argv[1]), *json.loads(sys.argv[3]))
    print(json.dumps({"peak_gib": peak_gib(), **result}))
