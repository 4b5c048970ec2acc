"""``python -m blockscope measure``: time a short render and extrapolate to whole layers."""

from __future__ import annotations

import os
import platform
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import islice
from math import ceil
from pathlib import Path

import numpy as np
import tensorflow as tf
from tensorflow.core.framework import node_def_pb2

from blockscope.autodiff.gradients import apply_differentiable
from blockscope.config.checks import card_of
from blockscope.config.project import Project
from blockscope.config.result_paths import model_folder
from blockscope.feature_visualization.backgrounds import composite_on_grey
from blockscope.feature_visualization.evaluation import Evaluator
from blockscope.feature_visualization.mosaics import LIGHT_GREY
from blockscope.feature_visualization.named_recipes import find_recipe
from blockscope.feature_visualization.optimizer import Optimizer
from blockscope.feature_visualization.recipes import Recipe
from blockscope.feature_visualization.unit_selection import channel_count
from blockscope.feature_visualization.units import channels
from blockscope.io.atomic_files import sha256_of
from blockscope.io.counts import counted
from blockscope.io.errors import BadFile
from blockscope.models.card import ModelCard
from blockscope.models.device import gpu_name
from blockscope.models.graph.node_attributes import attribute
from blockscope.models.graph.window_check import with_window_check
from blockscope.models.network import Network
from blockscope.runtime.gpu import use_gpu
from blockscope.runtime.plan import in_time

WARM_UP = 2  # steps of a kind that are not counted: a function is traced, kernels are chosen
JOB = 25 * 60.0  # seconds of a job: its start and its time in the queue are little compared with it
PASSES = 2  # of a step: forward, and back to the image; weights have no gradient
MATRIX_PRODUCTS = frozenset({"MatMul", "BatchMatMul", "BatchMatMulV2", "BatchMatMulV3"})
PROCESSORS = Path("/proc/cpuinfo")
HEAD = (
    *("layer", "channels", "batch", "ms/step", "s/sprite", "GFLOP/sprite", "GFLOP/s", "start"),
    *("whole layer", "channels_per_job"),
)


@dataclass(frozen=True)
class Timing:
    """What rendering a layer's channels takes, in whole batches: spare places take time too.

    Attributes
    ----------
    layer
        Its name.
    channels
        Of the layer.
    batch
        Sprites of a batch.
    start
        Seconds of a job before its first step: network, tracing.
    step
        Seconds of a step of a batch.
    seconds
        Of a batch, with its evaluation.
    flop
        Of all steps of one sprite; see ``forward_flop``.
    rate
        Floating point operations in a second of a step.
    """

    layer: str
    channels: int
    batch: int
    start: float
    step: float
    seconds: float
    flop: int
    rate: float

    @property
    def batches(self) -> int:
        """Batches of the whole layer."""
        return ceil(self.channels / self.batch)

    @property
    def channels_per_job(self) -> int:
        """Channels that a job of about ``JOB`` renders: whole batches, at least one."""
        most = int((JOB - self.start) / self.seconds)
        return max(1, min(most, self.batches)) * self.batch

    @property
    def jobs(self) -> int:
        """Jobs of the whole layer."""
        return ceil(self.channels / self.channels_per_job)

    @property
    def whole(self) -> float:
        """Seconds of the whole layer in such jobs, one after the other."""
        return self.batches * self.seconds + self.jobs * self.start


def measure(
    model: str,
    layers: Sequence[str],
    project: Project,
    recipe: str | None,
    steps: int,
    began: float,
) -> str:
    """Time a short render of each layer; return a table of what whole layers take.

    Builds what a job that renders builds, with the config's memory and GPU. The model's graph and
    card have to be there; ``recipe`` is a name, by default that of the config, else ``draft``;
    ``steps`` are timed; ``began``: when the process did, by ``time.perf_counter``.
    """
    sprites, compute = project.settings.sprites, project.settings.compute
    name = recipe or ("draft" if sprites.recipe == "none" else sprites.recipe)
    chosen = find_recipe(name, "option --recipe")
    card, graph = _files(model, project)
    counts = {layer: channel_count(card, layer) for layer in layers}
    use_gpu(compute.gpu)
    network = Network.load(graph, card)
    loaded = time.perf_counter() - began
    timings = []
    for layer, count in counts.items():
        print(f"{layer} ...", file=sys.stderr, flush=True)  # noqa: T201
        timing = time_layer(network, layer, count, chosen, compute.memory_mb, steps)
        timings.append(replace(timing, start=loaded + timing.start))
    head = f"{model}, recipe {name} ({chosen.size} pixels, {counted(chosen.steps, 'step')})"
    return f"{head}, on: {device_words()}\n\n{report(timings)}"


def _files(model: str, project: Project) -> tuple[ModelCard, Path]:
    """Return the card and the graph of a network that the rule ``model`` has written."""
    card, graph = card_of(project, model), model_folder(model) / "graph.pb"
    if card is None or not graph.is_file() or sha256_of(graph) != card.graph_sha256:
        raise BadFile(
            f"network '{model}' is not in normal form: '{graph}' or its card is missing or out of "
            f"date (looked in {Path.cwd()}); run: snakemake --cores 1 {graph}"
        )
    return card, graph


def time_layer(
    network: Network, layer: str, count: int, recipe: Recipe, memory_mb: int, steps: int = 20
) -> Timing:
    """Render and evaluate the first batch of a layer's ``count`` channels, ``steps`` steps.

    The first steps, with redirected ReLUs, are timed separately; the median of the others stands
    for all that follow. Batches are those of ``render_sprites``. Raises ``BadFile`` as that does.
    Cost: two batches of that many steps.
    """
    units, began = channels(layer, count), time.perf_counter()
    optimizer = Optimizer(network, units.objective, units.names, recipe, memory_mb)
    evaluator = Evaluator(network, units.objective, units.names, recipe.size, memory_mb=memory_mb)
    numbers = np.arange(min(optimizer.batch, count))

    def timed(most: int) -> tuple[list[float], float]:
        """Return the seconds of each step, with the first one all before it, and of the rest."""
        ended, seen = [time.perf_counter()], []
        for images in islice(optimizer.iterate(numbers.tolist()), most):
            ended.append(time.perf_counter())
            seen = [images]
        evaluator.evaluate(composite_on_grey(seen[0](), LIGHT_GREY / 255), numbers)
        return np.diff(ended).tolist(), time.perf_counter() - ended[-1]

    redirected = min(recipe.redirected_relu_steps, recipe.steps)
    timed(redirected + WARM_UP)
    start = time.perf_counter() - began
    each, rest = timed(redirected + steps)
    step = float(np.median(each[redirected:] or each))
    # Of the first, tracing run only what a later batch does not take belongs to the start.
    start -= sum(each[:redirected]) + WARM_UP * step + rest
    left = recipe.steps - len(each)
    flop = PASSES * forward_flop(network, [layer], recipe.size + recipe.transforms.margin)
    return Timing(
        layer=layer,
        channels=count,
        batch=optimizer.batch,
        start=max(start, 0.0),
        step=step,
        seconds=sum(each) + left * step + rest,
        flop=recipe.steps * flop,
        rate=optimizer.batch * flop / step,
    )


def forward_flop(network: Network, layers: Sequence[str], size: int) -> int:
    """Return the work of one pass up to ``layers`` for one square image of ``size`` pixels.

    Convolutions and matrix products, a multiplication and an addition for each weight at each
    place, also where a window reaches over the border; nothing else is counted. ``size`` has to be
    one that a ``View`` of the layers accepts. Cost: one pass.
    """
    total = [0]

    def counting(node: node_def_pb2.NodeDef, inputs: Sequence[tf.Tensor]) -> list[tf.Tensor]:
        outputs = apply_differentiable(node, inputs)
        total[0] += 2 * _multiplications(node, inputs, outputs)
        return outputs

    grey = network.grey_input((size, size))
    network.run({network.spec.tensor: grey}, layers, operation=with_window_check(counting))
    return total[0]


def _multiplications(
    node: node_def_pb2.NodeDef, inputs: Sequence[tf.Tensor], outputs: Sequence[tf.Tensor]
) -> int:
    """Return how often an operation multiplies: its outputs times what each is a sum of."""
    if node.op == "Conv2D":  # kernel (row, col, in of one group, out)
        return _entries(outputs[0].shape) * _entries(inputs[1].shape[:3])
    if node.op == "DepthwiseConv2dNative":
        return _entries(outputs[0].shape) * _entries(inputs[1].shape[:2])
    if node.op == "Conv2DBackpropInput":  # kernel (row, col, out, in): as the pass it reverses
        return _entries(inputs[2].shape) * _entries(inputs[1].shape[:3])
    if node.op in MATRIX_PRODUCTS:
        turned = any(attribute(node, key) for key in ("transpose_a", "adj_x"))
        return _entries(outputs[0].shape) * int(inputs[0].shape[-2 if turned else -1])
    return 0


def _entries(shape: Sequence[int]) -> int:
    return int(np.prod(shape, dtype=np.int64))


def report(timings: Sequence[Timing]) -> str:
    """Return a table of layers, and the ``sprites.channels_per_job`` that follows from it."""
    rows = [HEAD, *map(_row, timings)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join(cell.rjust(w) for cell, w in zip(row, widths, strict=True)) for row in rows]
    several = [timing.channels_per_job for timing in timings if timing.jobs > 1]
    most, why = (
        (min(several), f"jobs of at most about {in_time(JOB)}")
        if several
        else (max(timing.channels for timing in timings), "one job per layer")
    )
    return "\n".join([*lines, "", f"sprites: {{channels_per_job: {most}}}  # {why}"])


def _row(timing: Timing) -> tuple[str, ...]:
    return (
        timing.layer,
        str(timing.channels),
        str(timing.batch),
        f"{1000 * timing.step:.1f}",
        f"{timing.seconds / timing.batch:.3g}",
        f"{timing.flop / 1e9:.2f}",
        f"{timing.rate / 1e9:.1f}",
        in_time(timing.start),
        in_time(timing.whole),
        str(timing.channels_per_job) if timing.jobs > 1 else "all",
    )


def device_words() -> str:
    """Return what renders: the GPU that TensorFlow uses, or the processor and its threads."""
    threads = int(os.environ.get("TF_NUM_INTRAOP_THREADS", "0")) or os.cpu_count() or 1
    return gpu_name() or f"{_processor()}, {threads} thread{'s' if threads > 1 else ''}"


def _processor() -> str:
    try:
        lines = PROCESSORS.read_text("utf-8").splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
