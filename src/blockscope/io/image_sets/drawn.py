"""Scenes that are drawn by their numbers and stored nowhere."""

from __future__ import annotations

from PIL import Image

from blockscope.io.blocks1000.numbered import draw_numbered, numbered_kinds
from blockscope.io.blocks1000.vocabulary import name_of
from blockscope.io.image_sets.listing import Listing, digest_of

BETWEEN = " | "  # the labels of a scene's blocks


def list_drawn(path: str, count: int, seed: int) -> Listing:
    """Return the names and labels of the first ``count`` scenes of a seed; 25 us each."""
    names = [f"scene {number}" for number in range(count)]
    labels = [BETWEEN.join(map(name_of, numbered_kinds(seed, n))) for n in range(count)]
    return Listing(names, digest_of([path, str(count), str(seed)]), labels=labels)


def draw(seed: int, number: int) -> Image.Image:
    """Draw a scene as an image."""
    return Image.fromarray(draw_numbered(seed, number).image)
