"""How well attribution between positions locates the object of a later position."""

from __future__ import annotations

import argparse
from pathlib import Path

EARLIER, LATER = "mixed4d", "mixed5a"


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declare the options of this section."""
    parser.add_argument("--position-scenes", type=int, default=100)


def run(options: argparse.Namespace) -> None:
    """Print, per override, the share of a cell's positive attribution that lies on its block.

    For each block of a scene, this takes the later layer's cell of largest attribution to the
    block's label (by the exact gradient, for every override) among those that the block mostly
    covers. The score is the share of the cell's positive attribution, to positions of the earlier
    layer, that lies on the block's pixels. The baseline is the cells right under it.
    """
    import numpy as np

    from blockscope.attribution.all_labels import attribute_labels
    from blockscope.attribution.positions import attribute_positions
    from blockscope.autodiff.gradient_overrides import OVERRIDES
    from blockscope.autodiff.linear_map import LinearMap
    from studies.blocks1000.localisation import (
        cells_under,
        chance,
        coverage,
        share_on,
        strongest_cell,
        summary,
    )
    from studies.blocks1000.scoring import LOGITS, fresh_scenes, load

    network = load(Path("src/blockscope/resources/blocks1000/graph.pb"))
    shares: dict[str, list[float]] = {name: [] for name in OVERRIDES}
    level, placed, missing = [], [], 0
    for scene in fresh_scenes(options.seed, options.position_scenes, 2):
        values = network.values(scene.image)
        fine, coarse = coverage(scene.masks, (14, 14)), coverage(scene.masks, (7, 7))
        to_logits = LinearMap(network, values, LATER, LOGITS, OVERRIDES["none"])
        to_labels = attribute_labels(to_logits, scene.labels)
        found = {
            name: attribute_positions(LinearMap(network, values, EARLIER, LATER, rules))
            for name, rules in OVERRIDES.items()
        }
        for block, on_coarse in enumerate(coarse):
            cell = strongest_cell(to_labels[block], on_coarse)
            if cell is None:
                missing += 1
                continue
            level.append(chance(fine[block]))
            placed.append(share_on(cells_under(cell, (7, 7), (14, 14)), fine[block]))
            for name, array in found.items():
                shares[name].append(share_on(np.maximum(array[cell], 0), fine[block]))
    print(
        f"{options.position_scenes} fresh scenes of two blocks, {EARLIER} to {LATER}: the cell "
        f"of largest attribution to a block's label ({missing} blocks cover no cell)"
    )
    print(f"  share of its positive attribution on the block (chance {np.mean(level):.3f})")
    for name, each in {**shares, "cells under it": placed}.items():
        mean, error = summary(each)
        more, its_error = summary(np.subtract(each, shares["none"]).tolist())
        times = mean / np.mean(level)
        against = "" if name == "none" else f"; vs none {more:+.3f} +- {its_error:.3f}"
        print(f"    {name:12} {mean:.3f} +- {error:.3f}  = {times:.1f} x chance{against}")
