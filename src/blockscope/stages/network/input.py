"""The stage "input": an image as one network sees it."""

from __future__ import annotations

import os

from blockscope.io import provenance
from blockscope.io.atomic_files import sha256_of
from blockscope.io.images import read_image, write_png
from blockscope.io.packaged import named
from blockscope.io.rebuilding import told
from blockscope.io.resizing import fit
from blockscope.models.card import ModelCard


def write_input(
    *,
    image_path: str | os.PathLike[str],
    card_path: str | os.PathLike[str],
    output: str | os.PathLike[str],
    background: tuple[int, int, int],
    image: str,
) -> None:
    """Write the image of id ``image`` as the network sees it: an RGB PNG of its input size.

    ``background`` (red, green, blue; 0 to 255) is shown where the image is transparent.
    """
    card = ModelCard.read(card_path)
    spec = card.input
    pixels = fit(
        read_image(image_path, background), spec.size, spec.resize, spec.filter, image_path
    )
    facts = provenance.record(
        "input",
        **card.identity,
        image=image,
        image_sha256=sha256_of(image_path),
        background=",".join(map(str, background)),
        input_size=f"{spec.size[0]} x {spec.size[1]}",
        input_range=spec.in_words(),
        **told(
            card.provenance,
            images={image: {"path": named(image_path)}},
            image={"background": list(background)},
        ),
    )
    write_png(output, pixels, facts)
