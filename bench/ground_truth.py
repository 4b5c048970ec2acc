"""How well attributions and factors locate the objects of drawn scenes."""

from __future__ import annotations

import argparse
from pathlib import Path


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declare the options of this section."""
    parser.add_argument("--scenes", type=int, default=200)
    parser.add_argument(
        "--seed", type=int, default=1000, help="seed of the scenes; never one of training"
    )


def run(options: argparse.Namespace) -> None:
    """Print, per override, the share of an attribution on its block, and how factors separate."""
    import numpy as np

    from blockscope.attribution.all_labels import attribute_labels, named_labels
    from blockscope.attribution.factors import factorise_jointly, factorise_layer
    from blockscope.autodiff.gradient_overrides import OVERRIDES
    from blockscope.autodiff.linear_map import LinearMap
    from blockscope.io.blocks1000.vocabulary import LABELS
    from blockscope.io.labels import Labels
    from studies.blocks1000.localisation import chance, coverage, separation, share_on, summary
    from studies.blocks1000.scoring import LOGITS, fresh_scenes, load

    layer, deeper = "mixed4d", "mixed5a"
    network = load(Path("src/blockscope/resources/blocks1000/graph.pb"))
    names = Labels(LABELS)
    shares: dict[str, list[float]] = {override: [] for override in OVERRIDES}
    level = []
    separated: dict[str, dict[str, list[float]]] = {
        override: {"alone": [], "joint": []} for override in OVERRIDES
    }
    for scene in fresh_scenes(options.seed, options.scenes, 2):
        values = network.values(scene.image)
        covered = coverage(scene.masks, (14, 14))
        level += [chance(block) for block in covered]
        for override, rules in OVERRIDES.items():
            datasets = []
            for at in (layer, deeper):
                linear = LinearMap(network, values, at, LOGITS, rules)
                array = attribute_labels(linear, names.indexes)
                datasets.append(named_labels(array, linear.output.numpy()[0], names))
            maps = np.maximum(datasets[0]["attribution"].to_numpy()[list(scene.labels)], 0)
            shares[override] += [share_on(m, c) for m, c in zip(maps, covered, strict=True)]
            for recipe, (found, _) in {
                "alone": factorise_layer(datasets[0], 2),
                "joint": factorise_jointly(datasets[1], datasets[0], 2),
            }.items():
                separated[override][recipe].append(separation(found.spatial[0], covered))
    print(f"{options.scenes} fresh scenes of two blocks, {layer}, label of each block")
    print(f"  share of positive attribution on the block's pixels (chance {np.mean(level):.3f})")
    for override, each in shares.items():
        mean, error = summary(each)
        print(
            f"    {override:12} {mean:.3f} +- {error:.3f}  = {mean / np.mean(level):.1f} x chance"
        )
    print("  share of two factors on the block each stands for (chance 0.5)")
    for override, recipes in separated.items():
        texts = [f"{recipe} {summary(found)[0]:.3f}" for recipe, found in recipes.items()]
        print(f"    {override:12} {', '.join(texts)}", flush=True)
