"""The check that an image and a layer's gradients belong together before both are scored."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from blockscope.attribution.finite import check_finite
from blockscope.autodiff.gradients import Gradients
from blockscope.io.errors import BadFile
from blockscope.models.card import InputSpec

TOLERANCE = 1e-4  # of the largest logit; single precision gives 1e-6
ROUNDING = 16  # times the resolution of the layer's numbers, where that is coarser


def check_pixels(pixels: object, spec: InputSpec) -> None:
    """Raise ``BadFile`` unless this is an image, uint8 (row, col, rgb), of the input's size."""
    wanted = (*spec.size, 3)
    found = f"of type {type(pixels).__name__}"
    if isinstance(pixels, np.ndarray):
        if pixels.dtype == np.uint8 and pixels.shape == wanted:
            return
        found = f"{pixels.dtype} of shape {pixels.shape}"
    raise BadFile(
        f"pixels are {found}; valid: a NumPy array, uint8 of the network's input size, {wanted} "
        "(argument 'pixels')"
    )


def check_one_image(entrance: Gradients, gradients: Gradients) -> None:
    """Compare the logits of an image with those of a layer; one more pass through the network.

    Parameters
    ----------
    entrance
        From the input on, at the image.
    gradients
        From the layer on.

    Raises
    ------
    BadFile
        They are of different images or networks, or the gradients are overridden.
    """
    if not gradients.exact:
        raise BadFile(
            f"gradients at layer '{gradients.layer}' have an override that replaces some; scores "
            "compare maps with the network's own: give find_override('none') (argument "
            "'gradients')"
        )
    image, layer = (
        one.values_at(one.value[None]).numpy()[0].astype(np.float64)
        for one in (entrance, gradients)
    )
    check_finite("logit", image)
    largest = np.abs(image).max(initial=0)
    if layer.shape == image.shape and _apart(image, layer) <= _allowed(gradients.value) * largest:
        return
    apart = f"by up to {_apart(image, layer):.3g}" if layer.shape == image.shape else "in number"
    raise BadFile(
        f"the logits of the pixels and those of layer '{gradients.layer}' differ {apart}, the "
        f"largest is {largest:.3g}: give gradients of the same network at the same image "
        "(arguments 'pixels' and 'gradients')"
    )


def _apart(first: npt.NDArray[np.float64], second: npt.NDArray[np.float64]) -> float:
    return float(np.abs(first - second).max(initial=0))


def _allowed(value: npt.NDArray[np.floating]) -> float:
    """Return how far logits may be apart, as a share of the largest, for numbers of this kind."""
    return max(TOLERANCE, ROUNDING * float(np.finfo(value.dtype).eps))
