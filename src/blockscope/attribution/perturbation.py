"""What logits are where only some positions are kept: of a layer, or of the input by its cells."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFilter

from blockscope.attribution.scores.cells import over_pixels
from blockscope.attribution.scores.curves import Evaluate
from blockscope.autodiff.batched_logits import Logits
from blockscope.autodiff.gradients import Gradients
from blockscope.models.network import Network

Floats = npt.NDArray[np.floating]

BLUR = 0.05  # standard deviation, as a share of the image's shorter side
GREY = 0.5


def stand_ins(pixels: npt.NDArray[np.uint8]) -> Mapping[str, Floats]:
    """Return what pixels of an image, uint8 (row, col, rgb), are replaced by, from 0 to 1.

    ``blur``: the image through a Gaussian of ``BLUR`` (Fong and Vedaldi 2017, Petsiuk et al. 2018);
    ``mean``: its mean colour; ``grey``: middle grey. Each of them leaves traces of its own.
    """
    shares = pixels / np.float32(255)
    colour = pixels.mean((0, 1), dtype=np.float64) / 255  # float32 would lose a share of a grey
    radius = BLUR * min(pixels.shape[:2])
    blurred = Image.fromarray(pixels).filter(ImageFilter.GaussianBlur(radius))
    return {
        "blur": np.asarray(blurred) / np.float32(255),
        "mean": np.broadcast_to(colour.astype(shares.dtype), shares.shape),
        "grey": np.full_like(shares, GREY),
    }


def in_layer(
    gradients: Gradients, indexes: Sequence[int], memory_mb: int = 2048, expected: int = 0
) -> Evaluate:
    """Return logits where the other positions of a layer are zero, computed from the layer on.

    ``expected``: of how many sets of positions they will be asked at least.
    """
    zeros = np.zeros_like(gradients.value)
    evaluate = _replacing(gradients, [zeros], indexes, memory_mb, expected)
    return lambda kept: evaluate(kept)[..., 0]


def in_input(
    network: Network,
    gradients: Gradients,
    others: Sequence[Floats],
    indexes: Sequence[int],
    memory_mb: int = 2048,
    expected: int = 0,
) -> Evaluate:
    """Return logits where the cells of the other positions are replaced in the input.

    Parameters
    ----------
    network
        The network.
    gradients
        Those of its input.
    others
        What stands in, some of `stand_ins`.
    indexes
        Positions in the logits.
    memory_mb
        Bounds the batches; does not change the result.
    expected
        Of how many sets of positions the logits will be asked at least.

    Returns
    -------
    evaluate
        To logits (batch, label, stand-in): each set of positions with every stand-in.
    """
    fed = [network.spec.feed(other[None])[0] for other in others]
    return _replacing(gradients, fed, indexes, memory_mb, expected)


def _replacing(
    gradients: Gradients,
    others: Sequence[Floats],
    indexes: Sequence[int],
    memory_mb: int,
    expected: int,
) -> Evaluate:
    value = gradients.value
    size, channels = (value.shape[0], value.shape[1]), value.shape[2]
    stacked = np.stack(others).astype(value.dtype)
    logits = Logits(gradients, indexes, expected * len(others), memory_mb)

    def evaluate(kept: npt.NDArray[np.bool_]) -> Floats:
        def points(numbers: npt.NDArray[np.intp]) -> Floats:
            sets, which = np.divmod(numbers, len(others))
            found = stacked[which]
            # A mask for each channel too: three times as fast as one that is spread while copying.
            whole = np.repeat(over_pixels(kept[sets], size), channels, axis=-1)
            np.copyto(found, value, where=whole.reshape(found.shape))
            return found

        found = logits(len(kept) * len(others), points)
        return found.reshape(len(kept), len(others), -1).swapaxes(1, 2).astype(np.float64)

    return evaluate
