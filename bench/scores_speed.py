"""Time of the scores of maps, beside the passes through the network that they count.

On the network of ``all_labels``, for one label at one layer: random orders and sets, which all maps
of a layer share, and as many maps as the stage scores, the attribution and its rivals.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path
from statistics import median

from bench.all_labels import LOGITS
from bench.full_size import write_full_size

LAYER, INDEX, ROUNDS = "mixed4d", 100, 3


def add_options(_: argparse.ArgumentParser) -> None:
    """Declare no options."""


def run(options: argparse.Namespace) -> None:
    """Print a line."""
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
        began = time.perf_counter()
        for _ in range(10):
            network.run({network.spec.tensor: values}, [LOGITS])
        passed = time.perf_counter()
        scorer = LayerScores(network, pixels, gradients, [INDEX])
        shared = time.perf_counter()
        scorer.score(maps)
        times.append((passed - began, shared - passed, time.perf_counter() - shared))
    passes, once, after = (median(found) for found in zip(*times[1:], strict=True))
    each = (once + after) / len(maps)
    print(
        f"\nscores of {len(maps)} maps at {LAYER}, {graph.name}, one label: {once:.2f} s for what "
        f"they share, {after / len(maps):.2f} s for each: {each:.2f} s a map, as long as "
        f"{each / passes * 10:.0f} passes from the pixels",
        flush=True,
    )
