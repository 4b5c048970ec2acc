"""How fast a layer's channels are rendered on the device at hand: a job's own batch, in part."""

from __future__ import annotations

import os
import platform
import time
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np

from blockscope.feature_visualization.backgrounds import LIGHT, flattened
from blockscope.feature_visualization.evaluation import Evaluator
from blockscope.feature_visualization.flops import PASSES, forward_flop
from blockscope.feature_visualization.optimizer import Optimizer
from blockscope.feature_visualization.recipes import Recipe
from blockscope.feature_visualization.units import channels
from blockscope.models.device import gpu_name
from blockscope.models.network import Network

FIRST = 2  # steps of a kind that are not counted: a function is traced, kernels are chosen
PROCESSORS = Path("/proc/cpuinfo")


@dataclass(frozen=True)
class Timing:
    """What a batch of a layer's channels takes.

    ``pictures``  places of a batch, which all take time, also where a layer has fewer channels
    ``start``     seconds until the first step that counts, once for a job: tracing and the like,
                  not what comes before: the imports, the network
    ``step``      seconds of a step of a batch
    ``batch``     seconds of a batch from its random numbers to what the judge says
    ``flop``      of a step for one picture; see ``forward_flop``
    """

    layer: str
    channels: int
    pictures: int
    start: float
    step: float
    batch: float
    flop: int


def time_layer(
    network: Network, layer: str, count: int, recipe: Recipe, memory_mb: int, steps: int = 20
) -> Timing:
    """Render and judge the first batch of a layer's ``count`` channels, ``steps`` steps for all.

    The first steps, in which ReLUs are passed, are taken and timed by themselves; a step of the
    rest stands for all that follow. Batches are those of ``render_sprites``. Raises ``BadFile`` as
    that does. Cost: two batches of that many steps.
    """
    units, began = channels(layer, count), time.perf_counter()
    ascent = Optimizer(network, units.objective, units.names, recipe, memory_mb)
    judge = Evaluator(network, units.objective, units.names, recipe.size, memory_mb=memory_mb)
    numbers = np.arange(min(ascent.batch, count))

    def timed(most: int) -> tuple[list[float], float]:
        """Return the seconds of each step, with the first one all before it, and of the rest."""
        ended, seen = [time.perf_counter()], []
        for pictures in islice(ascent.watched(numbers.tolist()), most):
            ended.append(time.perf_counter())
            seen = [pictures]
        judge.scores(flattened(seen[0](), LIGHT), numbers)
        return np.diff(ended).tolist(), time.perf_counter() - ended[-1]

    redirected = min(recipe.redirected, recipe.steps)
    timed(redirected + FIRST)
    start = time.perf_counter() - began
    each, rest = timed(redirected + steps)
    step = float(np.median(each[redirected:] or each))
    start -= sum(each[:redirected]) + FIRST * step + rest
    left = recipe.steps - len(each)
    flop = forward_flop(network, [layer], recipe.size + recipe.transforms.margin)
    batch = sum(each) + left * step + rest
    return Timing(layer, count, ascent.batch, max(start, 0.0), step, batch, PASSES * flop)


def device_name() -> str:
    """Return what renders, in words: the GPU that TensorFlow uses, or the processor."""
    threads = int(os.environ.get("TF_NUM_INTRAOP_THREADS", "0")) or os.cpu_count() or 1
    return gpu_name() or f"{_processor()}, {threads} thread{'s' if threads > 1 else ''}"


def _processor() -> str:
    try:
        lines = PROCESSORS.read_text("utf-8").splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
