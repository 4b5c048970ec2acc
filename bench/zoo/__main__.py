"""Compare networks with the gradient of their own framework: `make bench-zoo`.

Each network has 1000 labels and is brought into normal form as the workflow does it. At an early, a
middle and a late layer the activations, the attribution of ten labels in forward and in reverse
mode and that of a contrast to the channels (linear) are compared, and from the middle layer to the
last one the attribution between positions. Numbers are largest differences, relative to the largest
value. Where one is above 1e-4, the network is tried on another image: a unit at the kink of a ReLU
may change the gradient of one. What differed there is printed below the row.

`completeness` is the error of integrated gradients at the late layer, up to 1e-3; `sprite` the
objective of a channel of the middle layer before and after 64 steps without transforms, which must
raise it. `ratio` is the time of one pass of the original per label, as it is usually written and
inside a `tf.function`, over that of our attribution of all labels at the middle layer. `seconds`
are those of everything, without what the original takes to be built.

Exit status: 1 where a network is wrong on each image, or ended in a traceback.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

from bench.zoo.original import TOLERANCE

APPLICATIONS = (
    "MobileNetV3Small", "MobileNetV3Large", "MobileNetV2", "MobileNet", "EfficientNetB0",
    "EfficientNetV2B0", "VisionTransformer", "ResNet50", "ResNet50V2", "VGG16", "VGG19",
    "DenseNet121", "InceptionV3", "Xception", "NASNetMobile", "InceptionResNetV2",
    "ConvNeXtTiny:64",
)  # fmt: skip
QUANTITIES = ("logits", "activations", "forward", "reverse", "positions", "channels")
COLUMNS = ("network", "layers", *QUANTITIES, "completeness", "sprite", "seconds", "ratio")
Found = dict[str, Any]


def main() -> int:
    """Try the networks one by one and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    names = f"of keras.applications, or VisionTransformer (default: {' '.join(APPLICATIONS)})"
    timed = "of keras.applications: time 1000 labels at 224 px in pairs"
    parser.add_argument("--keras", nargs="*", metavar="NAME[:SIZE]", help=names)
    parser.add_argument("--onnx", type=Path, help="folder that bench.zoo.export_torch has written")
    parser.add_argument("--size", type=int, default=96, help="of the images for Keras")
    parser.add_argument("--speed", nargs="*", default=[], metavar="NAME", help=timed)
    parser.add_argument("--pairs", type=int, default=3)
    parser.add_argument("--passes", type=int, default=5, help="that one of a pair is timed on")
    parser.add_argument("--minutes", type=float, default=10, help="limit for one network")
    options = parser.parse_args()
    everything = options.keras == [] or (
        options.keras is None and not (options.onnx or options.speed)
    )
    chosen = APPLICATIONS if everything else options.keras or []
    asked = [of_keras(name, options.size) for name in chosen]
    files = sorted(options.onnx.glob("*.onnx")) if options.onnx else []
    if options.onnx and not files:
        parser.error(f"no .onnx file in '{options.onnx}'")
    asked += [{"onnx": str(file)} for file in files]
    failed = False
    if asked:
        print(f"| {' | '.join(COLUMNS)} |")
        print("|---" * len(COLUMNS) + "|")
    for one in asked:
        found = in_own_process(one, options.minutes)
        print(row(name_of(one), found), *apart(found), sep="\n", flush=True)
        failed |= is_failure(found)
    for name in options.speed:
        one = {"keras": name, "size": 224, "labels": 1000}
        one |= {"pairs": options.pairs, "passes": options.passes}
        found = in_own_process(one, options.minutes)
        print(in_words(name, found), flush=True)
        failed |= "traceback" in found
    return int(failed)


def of_keras(name: str, size: int) -> Found:
    """Return what is asked of a Keras network ``NAME`` or ``NAME:SIZE``."""
    network, _, own = name.partition(":")
    return {"keras": network, "size": int(own or size), "title": name}


def name_of(asked: Found) -> str:
    """Return what a network is called in the table."""
    return str(asked["title"]) if "keras" in asked else Path(asked["onnx"]).stem + " (PyTorch)"


def in_own_process(asked: Found, minutes: float) -> Found:
    """Return what was found of a network; ``traceback`` where the process died."""
    command = [sys.executable, "-m", "bench.zoo.one_network", json.dumps(asked)]
    paths = [".", "src", os.environ.get("PYTHONPATH", "")]
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            check=False,
            timeout=minutes * 60,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))},
        )
    except subprocess.TimeoutExpired:
        return {"traceback": f"not done after {minutes:g} minutes"}
    if done.returncode:
        last = (done.stderr.strip() or f"exit status {done.returncode}").splitlines()[-1]
        return {"traceback": last}
    found: Found = json.loads(done.stdout.splitlines()[-1])
    return found


def row(name: str, found: Found) -> str:
    """Return the row of a network."""
    if "traceback" in found:
        return f"| {name} | FAILED: {found['traceback']} |"
    if "refused" in found:
        return f"| {name} | refused: {found['refused']} |"
    errors = found["errors"]
    cells = [f"{errors[what]:.0e}" if what in errors else "" for what in QUANTITIES]
    known, theirs = found["known"]
    mark = " WRONG" if is_failure(found) else ""
    cells = [f"{name}{mark}", f"{found['layers']} ({known} of {theirs})", *cells]
    if "sprite" in found:
        cells += [f"{found['completeness']:.0e}", "{:.2g}, {:.2g}".format(*found["sprite"])]
    else:
        cells += ["", ""]
    ratios = [f"{found[way]:.0f}" for way in ("ratio", "compiled") if way in found]
    cells += [f"{found['seconds']:.0f}", ", ".join(ratios)]
    return f"| {' | '.join(cells)} |"


def apart(found: Found) -> list[str]:
    """Return what differed on images, a line each."""
    lines = []
    for one in found.get("apart", []):
        errors = ", ".join(f"{what} {value:.0e}" for what, value in one["errors"].items())
        own = f"{one['own']:.0e}"
        lines.append(f"  image {one['image']}: {errors}; the original from itself: {own}")
    return lines


def is_failure(found: Found) -> bool:
    """Tell whether a network is wrong on each image, or in itself, or ended in a traceback."""
    if "traceback" in found:
        return True
    if "refused" in found:
        return False
    images: int = found["images"]
    if len(found["apart"]) == images:
        return True
    before, after = found["sprite"]
    rises = math.isfinite(before) and before < after < math.inf
    return not (rises and found["completeness"] <= TOLERANCE)


def in_words(name: str, found: Found) -> str:
    """Return the line of a network that was timed."""
    if "traceback" in found:
        return f"{name}: FAILED: {found['traceback']}"
    sides = ("ours", "eager", "compiled")
    ours, eager, compiled = (statistics.median(found[side]) for side in sides)
    pairs = list(zip(found["eager"], found["ours"], strict=True))
    ratios = ", ".join(f"{theirs / mine:.0f}" for theirs, mine in pairs)
    shape = " x ".join(map(str, found["shape"]))
    return (
        f"{name}, 224 px, 1000 labels at {found['layer']} ({shape}): ours {ours:.2f} s, one pass "
        f"per label {eager:.0f} s, compiled {compiled:.0f} s; ratio of each pair {ratios}, to the "
        f"compiled {compiled / ours:.0f}; largest difference {found['errors']['eager']:.0e}, from "
        f"the compiled {found['errors']['compiled']:.0e}"
    )


if __name__ == "__main__":
    sys.exit(main())
