"""Sample scenes as files.

    python -m studies.blocks1000.samples FILE.png --seed S NAME [NAME ...]

Next to ``two.png`` it writes ``two.mask.png`` (0 is background, n is block n, counted from 1) and
``two.json`` (the seed, and the number, label, logit, place, radius and turn of every block).
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from blockscope.io.atomic_files import atomic_write, atomic_write_text
from blockscope.io.blocks1000.scenes import SIZE, Kind, Scene, draw_scene
from blockscope.io.blocks1000.vocabulary import LABELS, kind_named, label_of


def write_sample(path: Path, kinds: Sequence[Kind], seed: int, size: int = SIZE) -> Scene:
    """Draw the given blocks and write image, mask and description; same seed, same files."""
    scene = draw_scene(np.random.default_rng(seed), size, kinds)
    _write_png(path, scene.image)
    numbers = np.arange(1, len(kinds) + 1, dtype=np.uint8)[:, None, None]
    _write_png(path.with_suffix(".mask.png"), (scene.masks * numbers).max(axis=0))
    blocks = [
        {
            "block": number,
            "label": LABELS[label_of(block.kind)],
            "index": label_of(block.kind),
            "row": round(block.row, 2),
            "col": round(block.col, 2),
            "radius": round(block.radius, 2),
            "turn_degrees": round(float(np.rad2deg(block.turn)), 2),
        }
        for number, block in enumerate(scene.blocks, start=1)
    ]
    described = {"image": path.name, "size": size, "seed": seed, "blocks": blocks}
    atomic_write_text(path.with_suffix(".json"), json.dumps(described, indent=2) + "\n")
    return scene


def _write_png(path: Path, pixels: npt.NDArray[np.uint8]) -> None:
    with atomic_write(path) as temporary:
        Image.fromarray(pixels).save(temporary, format="PNG", optimize=True)


def main(arguments: Sequence[str] | None = None) -> None:
    """Write a sample scene from the command line."""
    parser = argparse.ArgumentParser(prog="python -m studies.blocks1000.samples")
    parser.add_argument("image", type=Path, help="PNG to write")
    parser.add_argument("names", nargs="+", help='blocks to draw, such as "red striped star"')
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--size", type=int, default=SIZE, help="width and height in pixels")
    chosen = parser.parse_args(arguments)
    write_sample(chosen.image, [kind_named(n) for n in chosen.names], chosen.seed, chosen.size)


if __name__ == "__main__":
    main()
