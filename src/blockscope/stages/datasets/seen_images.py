"""The images of a data set as a network sees them, prepared as the stage "input" does it."""

from __future__ import annotations

from collections.abc import Callable

from blockscope.io.image_sets import ImageSet
from blockscope.io.images import Pixels
from blockscope.io.resizing import fit
from blockscope.models.card import InputSpec


def reader(
    images: ImageSet, spec: InputSpec, background: tuple[int, int, int]
) -> Callable[[int], Pixels]:
    """Return a function from an image's number to its pixels at the network's input size.

    It may be called by several threads, and raises ``BadFile`` where the image cannot be read.
    """

    def read(number: int) -> Pixels:
        image, (name,) = images.read(number, background), images.names([number])
        return fit(image, spec.size, spec.resize, spec.filter, name)

    return read
