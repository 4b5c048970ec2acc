"""Time of the scores of maps, beside the passes through the network that they count.

On the network of ``all_labels``, for one label at one layer: random orders and sets, which all maps
of a layer share, and as many maps as the stage scores, the attribution and its rivals. Then one map
alone, with all that its scores take but for loading the network.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from bench.all_labels import LOGITS
from bench.full_size import write_full_size

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from blockscope.models.network import Network

LAYER, INDEX, ROUNDS = "mixed4d", 100, 3


def add_options(_: argparse.ArgumentParser) -> None:
    """Declare no options."""


def run(options: argparse.Namespace) -> None:
    """Print two lines: seconds of several maps, and of one map alone."""
    import numpy as np

    from blockscope.attribution.layer_scores import LayerScores
    from blockscope.attribution.rivals import RIVALS
    from blockscope.autodiff.gradient_overrides import OVERRIDES
    from blockscope.autodiff.gradients import Gradients
    from studies.blocks1000.scoring import load

    with tempfile.TemporaryDirectory() as folder:
        graph = options.graph or write_full_size(Path(folder) / "inceptionv1.pb")
        network = load(graph)
    random = np.random.default_rng(0)
    pixels = random.integers(0, 256, (*network.spec.size, 3), dtype=np.uint8)
    values = network.values(pixels)
    gradients = Gradients(network, values, LAYER, LOGITS, OVERRIDES["none"])
    maps = random.normal(size=(1 + len(RIVALS), 1, *gradients.value.shape[:2]))
    times = []
    for _ in range(ROUNDS + 1):
        clock = [_now()]
        for _ in range(10):
            network.run({network.spec.tensor: values}, [LOGITS])
        clock.append(_now())
        scorer = LayerScores(network, pixels, gradients, [INDEX])
        clock.append(_now())
        scorer.score(maps)
        clock.append(_now())
        _alone(network, pixels)
        clock.append(_now())
        times.append(np.diff(clock, axis=0))
    (passes, _), (once, _), (after, _), alone = np.median(times[1:], axis=0)
    each = (once + after) / len(maps)
    print(
        f"\nscores of {len(maps)} maps at {LAYER}, {graph.name}, one label: {once:.2f} s for what "
        f"they share, {after / len(maps):.2f} s for each: {each:.2f} s a map, as long as "
        f"{each / passes * 10:.0f} passes from the pixels\n"
        f"one map alone, with its sensitivity: {alone[0]:.2f} s, {alone[1]:.2f} s of CPU time",
        flush=True,
    )


def _now() -> tuple[float, float]:
    return time.perf_counter(), time.process_time()


def _alone(network: Network, pixels: npt.NDArray[np.uint8]) -> None:
    """Attribute a label and compute all scores of that map, with nothing computed before."""
    import numpy as np

    from blockscope.attribution.layer_scores import LayerScores
    from blockscope.attribution.rivals import product, slopes_at
    from blockscope.attribution.scores.sensitivity import max_sensitivity, noisy_points
    from blockscope.autodiff.gradient_overrides import OVERRIDES
    from blockscope.autodiff.gradients import Gradients

    gradients = Gradients(network, network.values(pixels), LAYER, LOGITS, OVERRIDES["none"])
    value = gradients.value
    points = np.concatenate([value[None], noisy_points(value, seed=0)])
    maps = product(points, slopes_at(gradients, points, [INDEX]))
    LayerScores(network, pixels, gradients, [INDEX]).score(maps[None, :, 0])
    max_sensitivity(maps[:, 0], maps[:, 1:])
