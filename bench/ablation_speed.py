"""Speed of exact ablation, beside one pass from the pixels for each part.

On the network of ``all_labels``: all positions and all channels of a layer, for all labels, with the
linear losses beside them. A pass from the pixels is what it would take without the layer's cached
activations; its time is the median of passes before and after.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path
from statistics import median

from bench.all_labels import LOGITS, network_input
from bench.full_size import write_full_size

LAYER = "mixed4d"
PASSES = 10


def add_options(_: argparse.ArgumentParser) -> None:
    """Declare no options."""


def run(options: argparse.Namespace) -> None:
    """Print a line for positions, for channels, and for both."""
    import numpy as np

    from blockscope.attribution.ablation import ablate, single_channels, single_positions
    from blockscope.autodiff.gradient_overrides import OVERRIDES
    from blockscope.autodiff.gradients import Gradients
    from blockscope.autodiff.linear_map import LinearMap
    from studies.blocks1000.scoring import load

    with tempfile.TemporaryDirectory() as folder:
        graph = options.graph or write_full_size(Path(folder) / "inceptionv1.pb")
        network = load(graph)
    values = network_input()
    given = (network, values, LAYER, LOGITS, OVERRIDES["none"])
    gradients, linear = Gradients(*given), LinearMap(*given)
    activations = gradients.value
    parts = {
        "positions": single_positions(activations, "zero"),
        "channels": single_channels(activations, "zero"),
    }
    indexes = range(1, 1001)

    def passes() -> list[float]:
        times = []
        for _ in range(PASSES):
            began = time.perf_counter()
            network.run({network.spec.tensor: values}, [LOGITS])
            times.append(time.perf_counter() - began)
        return times

    passes()
    print(f"Exact ablation at {LAYER}, {graph.name}, all labels, linear losses beside")
    total = {"parts": 0, "seconds": 0.0, "before": 0.0}
    for kind, part in parts.items():
        each = passes()
        began = time.perf_counter()
        ablate(gradients, linear, part, np.zeros_like(activations), indexes)
        seconds = time.perf_counter() - began
        before = median(each + passes()) * part.count
        note = f"{part.count - len(part.live)} are zero"
        _print(kind, part.count, seconds, before, note)
        for name, value in (("parts", part.count), ("seconds", seconds), ("before", before)):
            total[name] += value
    _print("both", int(total["parts"]), total["seconds"], total["before"], "")


def _print(kind: str, count: int, seconds: float, before: float, note: str) -> None:
    print(
        f"  {kind:10} {count:4} parts  from the pixels {before:6.1f} s  ours {seconds:6.2f} s "
        f"{before / seconds:5.1f}x  {note}",
        flush=True,
    )
