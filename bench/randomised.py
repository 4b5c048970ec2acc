"""What is left of maps when weights are shuffled: the table of docs/methods.md."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from collections.abc import Sequence

    from blockscope.autodiff.gradient_overrides import Override
    from blockscope.models.network import Network

Floats = npt.NDArray[np.floating]

LAYER = "mixed4d"
ABOVE = ("mixed5b", "mixed5a", "mixed4e", "mixed4d", "input")
TOGETHER = 10  # scenes in a batch


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declare the options of this section."""
    parser.add_argument("--randomised-scenes", type=int, default=50)
    parser.add_argument("--networks", type=int, default=5, help="seeds of randomised networks")


def run(options: argparse.Namespace) -> None:
    """Print, per override and depth, how alike maps are to those of the trained network.

    The maps of both labels of scenes of two blocks; all weights above a layer are shuffled. As a
    standard for them, the trained network's map of one label is compared with that of the other.
    The standard error is that over scenes and that over networks, added as squares.
    """
    from blockscope.attribution.scores.sanity import WORDS, similarity
    from blockscope.autodiff.gradient_overrides import OVERRIDES
    from blockscope.models.network import Network
    from blockscope.models.randomisation import draw_weights
    from blockscope.models.randomised_entry import Randomise
    from studies.blocks1000.scoring import LOGITS, fresh_scenes, load

    trained = load(Path("src/blockscope/resources/blocks1000/graph.pb"))
    scenes = list(fresh_scenes(options.seed, options.randomised_scenes, 2))
    labels = np.array([scene.labels for scene in scenes])
    values = np.concatenate([trained.values(scene.image) for scene in scenes])
    own = {name: _maps(trained, values, labels, rules) for name, rules in OVERRIDES.items()}
    print(
        f"{len(scenes)} fresh scenes of two blocks, {LAYER}, label of each block; likeness to the "
        f"map of the trained network; {options.networks} networks"
    )
    print(f"  {'':44}{'  '.join(f'{name:>25}' for name in WORDS)}")
    for override, rules in OVERRIDES.items():
        first, second = own[override].transpose(1, 0, 2, 3)
        apart = similarity(first, second)
        _show(
            f"{override:12} trained, the other label",
            {n: x[None, :, None] for n, x in apart.items()},
        )
        for above in ABOVE:
            found: dict[str, list[Floats]] = {name: [] for name in WORDS}
            for seed in range(options.networks):
                asked = Randomise(above=above, seed=seed, kind="cascading")
                other = Network(draw_weights(trained, asked).definition, trained.spec, LOGITS)
                maps = _maps(other, values, labels, rules)
                flat = (x.reshape(-1, *x.shape[2:]) for x in (own[override], maps))
                for name, numbers in similarity(*flat).items():
                    found[name].append(numbers.reshape(len(scenes), -1))
            _show(f"{override:12} above {above}", {n: np.stack(x) for n, x in found.items()})


def _maps(
    network: Network, values: Floats, labels: npt.NDArray[np.int64], rules: Override
) -> Floats:
    """Return gradient x activation of each scene's labels, (scene, label, row, col)."""
    import tensorflow as tf

    from blockscope.autodiff.gradients import Gradients

    found = []
    for start in range(0, len(values), TOGETHER):
        part = slice(start, start + TOGETHER)
        feeds = {network.spec.tensor: values[part]}
        points = network.run(feeds, [LAYER])[LAYER].numpy()
        gradients = Gradients(network, values[:1], LAYER, network.logits, rules, points[0])
        asked = labels[part]

        def scores(
            logits: tf.Tensor, asked: npt.NDArray[np.integer] = asked
        ) -> Sequence[tf.Tensor]:
            return [tf.gather(logits, column, batch_dims=1) for column in asked.T]

        _, slopes = gradients.at(points, scores)
        found.append(np.stack([(slope * points).numpy().sum(-1) for slope in slopes], axis=1))
    return np.concatenate(found)


def _show(name: str, measures: dict[str, Floats]) -> None:
    """Print the means of numbers (network, scene, label), and their standard errors."""
    texts = []
    for numbers in measures.values():
        variance = 0.0
        for axes in ((0, 2), (1, 2)):  # over scenes, over networks
            means = _mean(numbers, axes)
            means = means[np.isfinite(means)]
            variance += float(means.var(ddof=1)) / len(means) if len(means) > 1 else 0
        texts.append(f"{_mean(numbers, (0, 1, 2)):.3f} +- {np.sqrt(variance):.3f}")
    missing = int(np.isnan(next(iter(measures.values()))).sum())
    told = f"  ({missing} of {numbers.size} maps constant)" if missing else ""
    print(f"  {name:44}{'  '.join(f'{text:>25}' for text in texts)}{told}", flush=True)


def _mean(numbers: Floats, axes: tuple[int, ...]) -> Floats:
    """Return the mean of what is a number; NaN where nothing is."""
    with np.errstate(invalid="ignore"):
        found: Floats = np.nansum(numbers, axes) / np.isfinite(numbers).sum(axes)
    return found
