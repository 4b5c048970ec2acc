"""The first result of a fresh process: imports, the network, all labels at one layer.

On the network of ``all_labels``, as a job that is no fork takes it.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from itertools import pairwise
from pathlib import Path
from statistics import median

from bench.all_labels import INPUT, LABELS, LOGITS, network_input
from bench.full_size import write_full_size
from bench.own_process import in_own_process

MODULE, LAYER = "bench.first_result", "mixed5a"
PARTS = ("TensorFlow", "package", "network", "linearised", "labels")


def add_options(_: argparse.ArgumentParser) -> None:
    """Declare no options."""


def run(options: argparse.Namespace) -> None:
    """Print the seconds of each part, and the whole beside that of the older version."""
    with tempfile.TemporaryDirectory() as folder:
        graph = options.graph or write_full_size(Path(folder) / "inceptionv1.pb")
        ours, older = [], []
        for _ in range(options.repeats + 1):
            ours.append(in_own_process(MODULE, [str(graph)]))
            if options.before:
                older.append(in_own_process(MODULE, [str(graph)], before=options.before))
    print(f"\nFirst result of a fresh process, {LABELS} labels at {LAYER}; seconds, medians")
    parts = {part: median(one[part] for one in ours[1:]) for part in PARTS}
    whole = median(sum(one.values()) for one in ours[1:])
    words = ", ".join(f"{part} {seconds:.2f}" for part, seconds in parts.items())
    print(f"  {whole:.2f}: {words}", end="")
    if older:
        before = median(sum(one.values()) for one in older[1:])
        print(f"; before {before:.2f}, {before / whole:.2f}x", end="")
    print(flush=True)


def timed(path: Path) -> dict[str, float]:
    """Return the seconds of each part."""
    marks = [time.perf_counter()]
    from blockscope.runtime.job import prepare_libraries

    prepare_libraries(threads=2)
    from tensorflow.core.framework import graph_pb2

    marks.append(time.perf_counter())
    from blockscope.attribution.all_labels import attribute_labels
    from blockscope.autodiff.gradient_overrides import OVERRIDES
    from blockscope.autodiff.linear_map import LinearMap
    from blockscope.models.card import InputSpec
    from blockscope.models.network import Network

    marks.append(time.perf_counter())
    definition = graph_pb2.GraphDef.FromString(path.read_bytes())
    spec = InputSpec(tensor=INPUT, size=(224, 224), range=(-117, 138))
    network, values = Network(definition, spec, LOGITS), network_input()
    marks.append(time.perf_counter())
    linear = LinearMap(network, values, LAYER, LOGITS, OVERRIDES["none"])
    marks.append(time.perf_counter())
    attribute_labels(linear, range(1, LABELS + 1))
    marks.append(time.perf_counter())
    spans = (late - early for early, late in pairwise(marks))
    return dict(zip(PARTS, spans, strict=True))


if __name__ == "__main__":
    print(json.dumps(timed(Path(sys.argv[1]))))
