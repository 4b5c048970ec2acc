"""How well the channels of largest attribution lie on the object of their label."""

from __future__ import annotations

import argparse
from pathlib import Path

LAYER = "mixed4d"


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declare the options of this section."""
    parser.add_argument("--channel-scenes", type=int, default=60)
    parser.add_argument(
        "--channels", type=int, default=10, help="channels taken for each block of a scene"
    )


def run(options: argparse.Namespace) -> None:
    """Print, per method and override, the share of the strongest channels that lies on their block.

    The contrast is between the labels of a scene's two blocks. The channels of largest positive
    attribution support the first, those of most negative attribution the second. The score is the
    share of their activations, weighted by the size of the attribution, that lies on the block's
    pixels, averaged over both blocks. The baseline is the sum of all channels' activations.
    """
    import numpy as np

    from blockscope.attribution.contrasts import Contrast
    from blockscope.attribution.integrated_gradients import ChannelPaths, draw_noise
    from blockscope.autodiff.gradient_overrides import OVERRIDES
    from blockscope.autodiff.gradients import Gradients
    from studies.blocks1000.localisation import chance, coverage, share_on, strongest_map, summary
    from studies.blocks1000.scoring import LOGITS, fresh_scenes, load

    network = load(Path("src/blockscope/resources/blocks1000/graph.pb"))
    shares: dict[tuple[str, str], list[float]] = {}
    level, steps, missing = [], [], []
    for number, scene in enumerate(fresh_scenes(options.seed, options.channel_scenes, 2)):
        values = network.values(scene.image)
        covered = coverage(scene.masks, (14, 14))
        level += [chance(block) for block in covered]
        for override, rules in OVERRIDES.items():
            gradients = Gradients(network, values, LAYER, LOGITS, rules)
            activations = gradients.value
            if override == "none":
                everything = [share_on(activations.sum(-1), block) for block in covered]
                shares.setdefault(("all channels", ""), []).extend(everything)
            paths = ChannelPaths(gradients, [Contrast(*scene.labels)])
            path = paths.path()
            if override == "none":
                steps.append(path.steps[0])
                missing.append(abs(paths.completeness_error(path.values)[0]))
            noise = draw_noise(number, activations.shape[-1])
            by_method = {
                "linear": paths.linear(),
                "path": path,
                "stochastic": paths.stochastic(noise),
            }
            for method, found in by_method.items():
                for sign, block in zip((1, -1), covered, strict=True):
                    strongest = strongest_map(activations, sign * found.values[0], options.channels)
                    shares.setdefault((method, override), []).append(share_on(strongest, block))
    print(
        f"{options.channel_scenes} fresh scenes of two blocks, {LAYER}: the {options.channels} "
        "strongest channels for each block against the other"
    )
    print(
        f"  path: {np.mean(steps):.0f} steps (most {max(steps)}), completeness error up to "
        f"{max(missing):.1e}"
    )
    print(f"  share of their weighted activations on the block (chance {np.mean(level):.3f})")
    first = shares["linear", "none"]
    for (method, override), each in shares.items():
        mean, error = summary(each)
        more, its_error = summary(np.subtract(each, first).tolist())
        against = "" if each is first else f"; vs linear, none {more:+.3f} +- {its_error:.3f}"
        times = mean / np.mean(level)
        name = f"{method} {override}"
        print(f"    {name:24} {mean:.3f} +- {error:.3f}  = {times:.1f} x chance{against}")
