"""How accurately a frozen graph names fresh scenes.

    python -m studies.blocks1000.scoring [--scenes N] [--seed S]

These are never scenes of training, whose seeds are two numbers; here they are four.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
from tensorflow.core.framework import graph_pb2

from blockscope.io.blocks1000.scenes import Scene, draw_scene
from blockscope.models.card import InputSpec
from blockscope.models.network import Network
from studies.blocks1000.network import RANGE, SIZE

LOGITS: Final = "softmax2_pre_activation"
BATCH: Final = 50  # scenes at once: about 150 MB
SCORING: Final = 20180306  # not 0: trailing zeros do not change a seed


@dataclass(frozen=True)
class Score:
    """Share (0..1) of scenes whose blocks are all among the ``top`` most probable labels."""

    blocks: int
    top: int
    scenes: int
    share: float

    def __str__(self) -> str:
        if self.top == 1:
            what = f"{self.blocks} per scene, named by the most probable label"
        else:
            what = f"{self.blocks} per scene, all among the {self.top} most probable labels"
        return f"blocks: {what}: {100 * self.share:.2f} % of {self.scenes} scenes"


def load(path: Path) -> Network:
    """Read a graph that training wrote."""
    definition = graph_pb2.GraphDef.FromString(path.read_bytes())
    return Network(definition, InputSpec(tensor="input", size=(SIZE, SIZE), range=RANGE), LOGITS)


def fresh_scenes(seed: int, count: int, blocks: int) -> Iterator[Scene]:
    """Draw scenes of ``blocks`` random blocks at the network's size; scene i depends on i alone."""
    for number in range(count):
        yield draw_scene(np.random.default_rng([seed, number, blocks, SCORING]), SIZE, blocks)


def logits_of(network: Network, images: Sequence[npt.NDArray[np.uint8]]) -> npt.NDArray[np.float32]:
    """Return the logits (image, label) of images (row, col, rgb)."""
    parts = []
    for start in range(0, len(images), BATCH):
        values = np.concatenate([network.values(each) for each in images[start : start + BATCH]])
        parts.append(network.run({network.spec.tensor: values}, [LOGITS])[LOGITS].numpy())
    return np.concatenate(parts)


def ranks(logits: npt.NDArray[np.float32], labels: Sequence[int]) -> list[int]:
    """Return how many labels of a scene are more probable than each of ``labels``."""
    return [int((logits > logits[label]).sum()) for label in labels]


def score(network: Network, seed: int, scenes: int, blocks: int, top: int) -> Score:
    """Return the share of fresh scenes whose blocks all rank among the ``top``."""
    drawn = list(fresh_scenes(seed, scenes, blocks))
    logits = logits_of(network, [scene.image for scene in drawn])
    found = [max(ranks(row, scene.labels)) < top for row, scene in zip(logits, drawn, strict=True)]
    return Score(blocks, top, scenes, float(np.mean(found)))


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the scores of a graph."""
    parser = argparse.ArgumentParser(prog="python -m studies.blocks1000.scoring")
    parser.add_argument(
        "--graph", type=Path, default=Path("src/blockscope/resources/blocks1000/graph.pb")
    )
    parser.add_argument("--scenes", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args(arguments)
    network = load(chosen.graph)
    for blocks, top in ((1, 1), (2, 10)):
        print(score(network, chosen.seed, chosen.scenes, blocks, top))  # noqa: T201 (a command)


if __name__ == "__main__":
    main()
