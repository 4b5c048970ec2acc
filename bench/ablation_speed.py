"""Speed of exact ablation, beside one pass from the pixels for each part.

On the network of ``all_labels``: all positions and all channels of a layer, for all labels, and the
linear losses of the same. A pass from the pixels is what it would take without the layer's cached
activations. Everything is warm and in turns, medians; what the first time takes, when TensorFlow
traces what a batch runs, stands beside.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

from bench.all_labels import LOGITS, network_input
from bench.full_size import write_full_size

LAYER = "mixed4d"
PASSES, ROUNDS = 10, 5


def add_options(_: argparse.ArgumentParser) -> None:
    """Declare no options."""


def run(options: argparse.Namespace) -> None:
    """Print a line for positions, for channels, and for both."""
    from blockscope.attribution.ablation import (
        exact_losses,
        linear_losses,
        single_channels,
        single_positions,
    )
    from blockscope.autodiff.exact_changes import ExactChanges
    from blockscope.autodiff.gradient_overrides import OVERRIDES
    from blockscope.autodiff.gradients import Gradients
    from blockscope.autodiff.linear_map import LinearMap
    from studies.blocks1000.scoring import load

    with tempfile.TemporaryDirectory() as folder:
        graph = options.graph or write_full_size(Path(folder) / "inceptionv1.pb")
        network = load(graph)
    values = network_input()
    given = (network, values, LAYER, LOGITS, OVERRIDES["none"])
    changes, linear = ExactChanges(Gradients(*given)), LinearMap(*given)
    activations = changes.value
    parts = {
        "positions": single_positions(activations, "zero"),
        "channels": single_channels(activations, "zero"),
    }
    indexes = range(1, 1001)
    work_of = ((exact_losses, changes), (linear_losses, linear))

    def passes() -> list[float]:
        times = []
        for _ in range(PASSES):
            began = time.perf_counter()
            network.run({network.spec.tensor: values}, [LOGITS])
            times.append(time.perf_counter() - began)
        return times

    passes()
    print(f"Exact ablation at {LAYER}, {graph.name}, all labels, linear losses beside")
    totals = [0.0] * 5
    for kind, part in parts.items():
        first, _ = (_timed(*work, part, indexes) for work in work_of)
        times = [
            [median(passes()) * part.count, *(_timed(*work, part, indexes) for work in work_of)]
            for _ in range(ROUNDS)
        ]
        found = [part.count, *(median(time) for time in zip(*times, strict=True)), first]
        _print(kind, *found)
        totals = [total + one for total, one in zip(totals, found, strict=True)]
    _print("both", *totals)


def _timed(work: Callable[..., object], *given: object) -> float:
    began = time.perf_counter()
    work(*given)
    return time.perf_counter() - began


def _print(
    kind: str, count: float, before: float, exact: float, linear: float, first: float
) -> None:
    print(
        f"  {kind:10} {count:4.0f} parts  from the pixels {before:6.1f} s  exact {exact:5.2f} s "
        f"{before / exact:5.1f}x (first time {first:5.2f} s, {before / first:5.1f}x)  "
        f"linear {linear:5.2f} s  both {exact + linear:5.2f} s",
        flush=True,
    )
