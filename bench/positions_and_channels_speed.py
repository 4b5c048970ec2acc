"""Speed of attribution between positions, to channels (integrated gradients) and between channels.

On the network of ``all_labels``, compared with the notebooks' way, restated here: one graph and
session, one backward pass per position or step, timed on some and scaled to all. The notebooks
have nothing between channels; a backward pass per channel takes its place. Ours run in processes of
their own.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

from bench.all_labels import INPUT, LOGITS, network_input
from bench.full_size import write_full_size
from bench.own_process import in_own_process, peak_gib

# What, from which layer, to which; None: the contrast of two labels.
CASES = (
    ("positions", "mixed4d", "mixed5a"),
    ("positions", "mixed3a", "mixed4d"),
    ("path", "mixed4d", None),
    ("drivers", "mixed4a", "mixed4d"),
)
CONTRAST = (1, 2)
NOTEBOOK_STEPS = 100
MODULE = "bench.positions_and_channels_speed"


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declare the options of this section."""
    parser.add_argument(
        "--baseline-passes",
        type=int,
        default=8,
        help="backward passes that the notebooks' way is timed on",
    )


def run(options: argparse.Namespace) -> None:
    """Print one line per case: seconds, ours and the notebooks', their ratio, peak memory."""
    with tempfile.TemporaryDirectory() as folder:
        graph = options.graph or write_full_size(Path(folder) / "inceptionv1.pb")
        print(f"Positions and channels, {graph.name}, no override; the whole computation, warm")
        for what, layer, target in CASES:
            arguments = (str(graph), what, layer, target or "")
            ours, older = [], []
            for _ in range(options.repeats):
                ours.append(in_own_process(MODULE, arguments))
                if options.before:
                    older.append(in_own_process(MODULE, arguments, before=options.before))
            seconds = median(one["seconds"] for one in ours)
            first, each = notebook_way(graph, what, layer, target, options.baseline_passes)
            notebook = first + each * (ours[0]["passes"] - 1)
            name = f"{what} {layer}" + (f" -> {target}" if target else "")
            print(
                f"  {name:29} notebook {notebook:7.1f} s  ours {seconds:6.2f} s "
                f"{notebook / seconds:5.1f}x  {ours[0]['peak_gib']:.2f} GiB  {ours[0]['note']}",
                end="",
            )
            if older:
                before = median(one["seconds"] for one in older)
                print(f"  before {before:.2f} s, {before / seconds:.2f}x", end="")
            print(flush=True)


def notebook_way(
    path: Path, what: str, layer: str, target: str | None, count: int
) -> tuple[float, float]:
    """Return seconds up to the first backward pass, and of another: the mean of ``count``.

    The graph is built again for each image, as in the notebooks; the second of two is timed.
    """
    import numpy as np
    import tensorflow as tf

    for _ in range(2):
        began = time.perf_counter()
        definition = tf.compat.v1.GraphDef.FromString(path.read_bytes())
        with tf.Graph().as_default(), tf.compat.v1.Session() as session:
            given = tf.compat.v1.placeholder_with_default(network_input(), [None, None, None, 3])
            names = [f"{layer}:0", f"{target or LOGITS}:0"]
            acts, late = tf.import_graph_def(definition, {INPUT: given}, names, name="import")
            number = tf.compat.v1.placeholder(tf.int32, [])
            if what == "path":
                score = late[0, CONTRAST[0]] - late[0, CONTRAST[1]]
            elif what == "positions":
                score = tf.reshape(tf.sqrt(tf.reduce_sum(late**2, -1)), [-1])[number]
            else:
                score = tf.reduce_sum(late[0], [0, 1])[number]
            (gradient,) = tf.gradients(score, [acts])
            activations = session.run(acts)
            for step in range(count + 1):
                scale = step / NOTEBOOK_STEPS if what == "path" else 1
                fed = {number: step, acts: activations * scale}
                np.sum(activations * session.run(gradient, fed), -1)
                if step == 0:
                    ready = time.perf_counter()
            each = (time.perf_counter() - ready) / count
    return ready - began, each


def ours(path: Path, what: str, layer: str, target: str | None) -> dict[str, Any]:
    """Time our way, the second of two; ``passes``: backward passes that the notebooks take."""
    from blockscope.attribution.contrasts import Contrast
    from blockscope.attribution.grad_x_activation import attribute_channels
    from blockscope.attribution.integrated_gradients import ChannelPaths
    from blockscope.attribution.positions import attribute_positions
    from blockscope.autodiff.gradient_overrides import OVERRIDES
    from blockscope.autodiff.gradients import Gradients
    from blockscope.autodiff.linear_map import LinearMap
    from studies.blocks1000.scoring import load

    network, values = load(path), network_input()
    for _ in range(2):
        began = time.perf_counter()
        if what == "path":
            place = (network, values, layer, LOGITS, OVERRIDES["none"])
            paths = ChannelPaths(Gradients(*place), [Contrast(*CONTRAST)])
            found = paths.path()
            missing = abs(paths.completeness_error(found.values)[0])
            note = f"{found.steps[0]} steps, completeness error {missing:.1e}"
            passes = NOTEBOOK_STEPS
        else:
            linear = LinearMap(network, values, layer, target or LOGITS, OVERRIDES["none"])
            function = attribute_positions if what == "positions" else attribute_channels
            shape = function(linear).shape
            passes = shape[0] * shape[1] if what == "positions" else shape[0]
            note = " x ".join(map(str, shape))
        seconds = time.perf_counter() - began
    return {"seconds": seconds, "passes": passes, "peak_gib": peak_gib(), "note": note}


if __name__ == "__main__":
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    print(json.dumps(ours(Path(sys.argv[1]), sys.argv[2], sys.argv[3], sys.argv[4] or None)))
