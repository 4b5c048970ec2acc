"""One network of the zoo in a process of its own: prints what was found as JSON."""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from bench.zoo.exported_original import ExportedOriginal
from bench.zoo.keras_original import KerasOriginal
from bench.zoo.original import IMAGES, LABELS, Original
from bench.zoo.speed import all_labels, measure
from bench.zoo.trial import Trial, is_right, read
from blockscope.io.errors import BlockscopeError

Found = dict[str, Any]


def try_network(original: Original, folder: Path) -> Found:
    """Return the differences at the first image that shows none, else at the last; or a refusal.

    Every image counts for ``apart``: what differed there, and by how much the original differs
    from itself when its input moves by one rounding, as at the kink of a ReLU.
    """
    found: Found = {"apart": [], "images": IMAGES}
    began = time.perf_counter()
    try:
        network, card = read(original, folder)
        for number in range(IMAGES):
            trial = Trial(original, network, card, number)
            errors = trial.errors()
            found |= {
                "errors": errors,
                "layers": len(card.layers),
                "known": [len(trial.layers), len(trial.theirs)],
            }
            if is_right(errors):
                break
            own = max((original.own_difference(number, n) for n in trial.chosen()), default=0.0)
            found["apart"].append({"image": number, "errors": errors, "own": own})
        if trial.layers:
            found["completeness"] = trial.completeness()
            found["sprite"] = trial.sprite()
            found |= ratios(original, trial)
        found["seconds"] = time.perf_counter() - began
    except BlockscopeError as error:
        found["refused"] = str(error).replace(f"{folder}/", "")
        found["seconds"] = time.perf_counter() - began
    return found


def ratios(original: Original, trial: Trial) -> Found:
    """Return the time of one pass of the original per label over ours, at the middle layer.

    ``ratio``: as it is usually written; ``compiled``: inside a ``tf.function``.
    """
    name = trial.middle()
    layer = trial.layers[name]
    if isinstance(original, KerasOriginal):
        speed = measure(original, trial.network, name, layer, pairs=1, passes=2)
        (ours,), (eager,), (compiled,) = speed.ours, speed.eager, speed.compiled
        return {"ratio": eager / ours, "compiled": compiled / ours}
    if isinstance(original, ExportedOriginal):
        labels = len(original.logits(0))
        ours = [all_labels(trial.network, trial.given, layer, labels)[1] for _ in range(2)][-1]
        return {"ratio": labels * original.seconds_per_label(name) / ours}
    return {}


def time_network(original: KerasOriginal, folder: Path, pairs: int, passes: int) -> Found:
    """Return the seconds for all labels at a middle layer."""
    network, card = read(original, folder)
    trial = Trial(original, network, card, 0)
    layer = trial.middle()
    speed = measure(original, network, layer, trial.layers[layer], pairs, passes)
    shape = trial.theirs[layer].shape
    return vars(speed) | {"layer": layer, "shape": shape}


def main() -> None:
    """Try the network that the command line describes in JSON."""
    asked = json.loads(sys.argv[1])
    with tempfile.TemporaryDirectory(prefix="blockscope-zoo-") as name:
        folder = Path(name)
        if "onnx" in asked:
            found = try_network(ExportedOriginal(Path(asked["onnx"])), folder)
        elif "pairs" in asked:
            kept = KerasOriginal.application(asked["keras"], asked["size"], folder, asked["labels"])
            found = time_network(kept, folder, asked["pairs"], asked["passes"])
        else:
            kept = KerasOriginal.application(asked["keras"], asked["size"], folder, LABELS)
            found = try_network(kept, folder)
    print(json.dumps(found))


if __name__ == "__main__":
    main()
