"""How well maps find their object in harder scenes, and what they say of what is cut off.

The scenes are those of ``studies.blocks1000.hard_scenes``. The maps of the target's label are
scored against its pixels; those of its shape, fill and colour, which are outputs of the network
too, against the pixels of all blocks that share them. DiFull (Rao et al. 2022) asks for exact zeros
at positions that the logits do not depend on.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from blockscope.attribution.scores.ground_truth import Floats
    from blockscope.models.network import Network

LAYER, HEADS = "mixed4d", "heads"
MEASURES = ("pointing_game", "mass_accuracy", "rank_accuracy", "average_precision")


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declare the options of this section."""
    parser.add_argument("--hard-scenes", type=int, default=60)
    parser.add_argument("--hard-seed", type=int, default=1000, help="of the harder scenes")


def run(options: argparse.Namespace) -> None:
    """Print a row for each method: the mean of each measure and its standard error."""
    import numpy as np

    from blockscope.attribution.layer_scores import OBJECT_SCORES
    from blockscope.attribution.scores.cells import over_pixels
    from studies.blocks1000.hard_scenes import hard_scenes, sharing
    from studies.blocks1000.scoring import LOGITS, load

    network = load(Path("src/blockscope/resources/blocks1000/graph.pb"))
    label: dict[str, dict[str, list[float]]] = {}
    parts: dict[str, dict[str, list[float]]] = {}
    chances: list[float] = []
    part_chances: list[list[float]] = [[], [], []]
    cut: dict[str, float] = {}
    for scene in hard_scenes(options.hard_seed, options.hard_scenes):
        values, size = network.values(scene.image), scene.image.shape[:2]
        target = scene.masks[0]
        chances.append(float(target.mean()))
        for method, maps in _maps(network, values, LOGITS, [scene.labels[0]]).items():
            pixels = over_pixels(maps[0], size)
            for name in MEASURES:
                found = OBJECT_SCORES[name][0](pixels, target)
                label.setdefault(method, {}).setdefault(name, []).append(found)
        kind = scene.blocks[0].kind
        heads = [kind.shape, 10 + kind.fill, 20 + kind.colour]
        for method, maps in _maps(network, values, HEADS, heads).items():
            for part, name in enumerate(("shape", "fill", "colour")):
                pixels, truth = over_pixels(maps[part], size), sharing(scene, part)
                found = OBJECT_SCORES["average_precision"][0](pixels, truth)
                parts.setdefault(method, {}).setdefault(name, []).append(found)
        for part in range(3):
            part_chances[part].append(float(sharing(scene, part).mean()))
        for method, size_of_cut in _cut_off(network, values, scene.labels[0]).items():
            cut[method] = max(cut.get(method, 0.0), size_of_cut)

    print(f"{options.hard_scenes} harder scenes, {LAYER}, the target's label")
    _table(label, MEASURES, f"of the image is the object: {np.mean(chances):.3f}")
    print("  average precision of the maps of the target's shape, fill and colour")
    shares = ", ".join(f"{np.mean(one):.3f}" for one in part_chances)
    _table(parts, ("shape", "fill", "colour"), f"of the image share them: {shares}")
    print("  DiFull: largest size at positions cut off, over the largest of the map")
    for method, worst in cut.items():
        print(f"    {method:22} {worst:.1e}")


def _table(found: dict[str, dict[str, list[float]]], columns: tuple[str, ...], chance: str) -> None:
    from studies.blocks1000.localisation import summary

    print(f"    {'':22}" + "".join(f"{name:>20}" for name in columns) + f"  ({chance})")
    for method, values in found.items():
        cells = (summary(values[name]) for name in columns)
        texts = "".join(f"{f'{mean:.3f} +- {error:.3f}':>20}" for mean, error in cells)
        print(f"    {method:22}{texts}", flush=True)


def _maps(
    network: Network, values: Floats, target: str, indexes: list[int], layer: str = LAYER
) -> dict[str, Floats]:
    """Return the maps of every method, (label, row, col): three gradients, and the rivals."""
    from blockscope.attribution.rivals import product, rival_maps, slopes_at
    from blockscope.autodiff.gradient_overrides import OVERRIDES
    from blockscope.autodiff.gradients import Gradients

    found = {}
    for override, rules in OVERRIDES.items():
        gradients = Gradients(network, values, layer, target, rules)
        point = gradients.value[None]
        found[override] = product(point, slopes_at(gradients, point, indexes))[:, 0]
        if override == "none":
            rivals = rival_maps(gradients, point, indexes)
    found |= {name: maps[:, 0] for name, maps in rivals.items() if name != "hires_cam"}
    return found


def _cut_off(network: Network, values: Floats, label: int) -> dict[str, float]:
    """Return the largest size of each map at positions that the logits were cut off from."""
    import numpy as np

    from studies.blocks1000.cut_off import cut_off
    from studies.blocks1000.scoring import LOGITS

    kept = np.zeros((14, 14), bool)
    kept[:7, 7:] = True
    cut = cut_off(network, LAYER, kept)
    maps = _maps(cut, values, LOGITS, [label])
    return {
        method: float(np.abs(one[0][~kept]).max() / max(np.abs(one).max(), 1e-30))
        for method, one in maps.items()
    }
