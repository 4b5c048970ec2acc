"""Attribution of all labels, compared with the notebook's way, at InceptionV1's full size.

The notebook's way is restated here: a new TensorFlow graph and session for each label, activations
computed and fed back, one backward pass. It is timed on some labels and scaled to all. Both sides
run in the same minutes on the same machine, ours in a process of its own to see its peak memory.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest import mock

from bench.full_size import write_full_size
from bench.own_process import in_own_process, peak_gib

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

Maps = list[list[list[float]]]  # label, row, col
LAYERS = ("mixed5a", "mixed4d", "mixed4a", "mixed3a")
LABELS = 1000
MODULE = "bench.all_labels"
INPUT, LOGITS = "input", "softmax2_pre_activation"


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declare the options of this section."""
    parser.add_argument(
        "--graph",
        type=Path,
        help="frozen graph with InceptionV1's names (default: generated, random weights)",
    )
    parser.add_argument("--layers", nargs="+", default=LAYERS)
    parser.add_argument(
        "--baseline-labels", type=int, default=6, help="labels that the notebook's way is timed on"
    )
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument(
        "--before",
        type=Path,
        metavar="FOLDER",
        help="checkout of an older version, timed in turns with this one",
    )


def run(options: argparse.Namespace) -> None:
    """Print a table: seconds for all labels, ours and the notebook's, their ratio, peak memory."""
    with tempfile.TemporaryDirectory() as folder:
        graph = options.graph or write_full_size(Path(folder) / "inceptionv1.pb")
        print(
            f"All {LABELS} labels, {graph.name} ({graph.stat().st_size / 1e6:.0f} MB), no override"
        )
        print(
            "  whole: evaluate the network, linearise it, attribute all labels; medians of repeats"
        )
        print("  all units: the same without leaving out units that do not count")
        print(
            f"  {'layer':8} {'positions':>9} {'notebook':>10} {'whole':>9} {'labels':>9} "
            f"{'ratio':>8} {'all units':>10} {'ratio':>6} {'first call':>10} {'peak':>9} "
            f"{'difference':>10}"
        )
        for layer in options.layers:
            seconds, maps = notebook_way(graph, layer, options.baseline_labels)
            arguments = (str(graph), layer, str(options.repeats))
            before = options.before and in_own_process(MODULE, arguments, maps, options.before)
            ours = in_own_process(MODULE, arguments, maps)
            print(
                f"  {layer:8} {ours['positions']:9d} {seconds * LABELS:8.0f} s "
                f"{ours['whole']:7.3f} s "
                f"{ours['labels']:7.3f} s {seconds * LABELS / ours['whole']:7.0f}x "
                f"{ours['all_units']:8.3f} s {ours['all_units'] / ours['whole']:5.2f}x "
                f"{ours['first']:8.2f} s {ours['peak_gib']:5.2f} GiB {ours['difference']:10.1e}"
                + (f"  before {before['whole']:.3f} s, {before['whole'] / ours['whole']:.2f}x"
                   if before else ""),
                flush=True,
            )  # fmt: skip


def network_input() -> npt.NDArray[np.float32]:
    """Return values (1, row, col, rgb): smooth noise, the same on any machine."""
    import numpy as np

    coarse = np.random.default_rng(1).uniform(-117, 138, (14, 14, 3))
    return np.kron(coarse, np.ones((16, 16, 1)))[None].astype(np.float32)


def notebook_way(path: Path, layer: str, count: int) -> tuple[float, Maps]:
    """Return seconds per label (median) and the maps of the first ``count`` labels."""
    import tensorflow as tf

    values, seconds, maps = network_input(), [], []
    definition = tf.compat.v1.GraphDef.FromString(path.read_bytes())
    for label in range(count + 1):  # the first is a warm-up
        began = time.perf_counter()
        with tf.Graph().as_default(), tf.compat.v1.Session() as session:
            given = tf.compat.v1.placeholder_with_default(values, [None, None, None, 3])
            acts, logits = tf.import_graph_def(
                definition, {INPUT: given}, [f"{layer}:0", f"{LOGITS}:0"], name="import"
            )
            activations = session.run(acts)
            (gradient,) = tf.gradients(logits[0, max(label, 1)], [acts])
            maps.append((activations * session.run(gradient, {acts: activations})).sum(-1)[0])
        seconds.append(time.perf_counter() - began)
    return statistics.median(seconds[1:]), [m.tolist() for m in maps[1:]]


def ours(path: Path, layer: str, repeats: int, maps: Maps) -> dict[str, Any]:
    """Time our way; ``first`` is the first call of the process, with TensorFlow's warm-up."""
    import numpy as np
    from tensorflow.core.framework import graph_pb2

    from blockscope.attribution.all_labels import attribute_labels
    from blockscope.autodiff.active import batches
    from blockscope.autodiff.gradient_overrides import OVERRIDES
    from blockscope.autodiff.linear_map import LinearMap
    from blockscope.models.card import InputSpec
    from blockscope.models.network import Network

    values = network_input()
    definition = graph_pb2.GraphDef.FromString(path.read_bytes())
    network = Network(
        definition, InputSpec(tensor=INPUT, size=(224, 224), range=(-117, 138)), LOGITS
    )
    whole, labels, all_units, peak = [], [], [], 0.0
    for _ in range(repeats + 1):
        began = time.perf_counter()
        linear = LinearMap(network, values, layer, LOGITS, OVERRIDES["none"])
        ready = time.perf_counter()
        found = attribute_labels(linear, range(1, LABELS + 1))
        whole.append(time.perf_counter() - began)
        labels.append(time.perf_counter() - ready)
        peak = peak or peak_gib()
        with mock.patch.object(batches, "WORTH_IT", float("inf")):
            began = time.perf_counter()
            linear = LinearMap(network, values, layer, LOGITS, OVERRIDES["none"])
            attribute_labels(linear, range(1, LABELS + 1))
            all_units.append(time.perf_counter() - began)
    expected = np.array(maps)
    error = np.abs(found[: len(maps)] - expected).max() / np.abs(expected).max()
    return {
        "whole": statistics.median(whole[1:]),
        "labels": statistics.median(labels[1:]),
        "all_units": statistics.median(all_units[1:]),
        "first": whole[0],
        "positions": found[0].size,
        "peak_gib": peak,
        "difference": float(error),
    }


if __name__ == "__main__":
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    result = ours(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), json.load(sys.stdin))
    print(json.dumps(result))
