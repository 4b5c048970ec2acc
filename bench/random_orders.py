"""How far a few random orders tell what a map without knowledge gives.

On drawn scenes, for the label of each block: the areas under the deletion curves of random orders,
few of them beside many, and how far the attribution's area is from them.
"""

from __future__ import annotations

import argparse
from pathlib import Path

LAYER, FEW, MANY = "mixed4d", (5, 10), 40


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declare the options of this section."""
    parser.add_argument("--ordered-scenes", type=int, default=16)


def run(options: argparse.Namespace) -> None:
    """Print a row for each baseline and number of orders, in logits."""
    import numpy as np

    from blockscope.attribution.layer_scores import LayerScores
    from blockscope.attribution.rivals import product, slopes_at
    from blockscope.autodiff.gradient_overrides import OVERRIDES
    from blockscope.autodiff.gradients import Gradients
    from studies.blocks1000.scoring import LOGITS, fresh_scenes, load

    network = load(Path("src/blockscope/resources/blocks1000/graph.pb"))
    found: dict[str, list[list[float]]] = {}
    for scene in fresh_scenes(options.seed, options.ordered_scenes, 2):
        values, labels = network.values(scene.image), list(scene.labels)
        gradients = Gradients(network, values, LAYER, LOGITS, OVERRIDES["none"])
        points = gradients.value[None]
        maps = product(points, slopes_at(gradients, points, labels))[:, 0]
        beside = {}
        for orders in (*FEW, MANY):
            scores = LayerScores(network, scene.image, gradients, labels, orders=orders)
            beside[orders] = scores.score(maps[None])
        for name in beside[MANY]["baseline"].to_numpy():
            at = {orders: one.sel(baseline=name) for orders, one in beside.items()}
            own = at[MANY]["deletion_area"][0].to_numpy()
            for place in range(len(labels)):
                mean, sd = (
                    {orders: float(one[f"random_area_{end}"][place]) for orders, one in at.items()}
                    for end in ("mean", "sd")
                )
                row = [own[place] - mean[MANY], sd[MANY]]
                row += [mean[few] - mean[MANY] for few in FEW]
                row += [sd[few] / sd[MANY] - 1 for few in FEW]
                row += [(own[place] - mean[few]) * (own[place] - mean[MANY]) < 0 for few in FEW]
                found.setdefault(str(name), []).append(row)
    print(
        f"\narea under deletion at {LAYER}, {options.ordered_scenes} fresh scenes of two blocks, "
        f"logits: attribution less the mean of {MANY} random orders, and the sd of these; how far "
        f"{' and '.join(map(str, FEW))} orders are from them (root mean square), and how often "
        "they put the attribution on the other side"
    )
    print("  baseline distance     sd   mean off by     sd off by  other side")
    for name, rows in found.items():
        table = np.array(rows, float)
        size = np.sqrt((table**2).mean(0))
        print(
            f"  {name:8} {table[:, 0].mean():8.2f} {table[:, 1].mean():6.2f} {size[2]:6.2f} "
            f"{size[3]:6.2f} {size[4]:6.0%} {size[5]:6.0%} {table[:, 6].mean():6.1%} "
            f"{table[:, 7].mean():6.1%}",
            flush=True,
        )
