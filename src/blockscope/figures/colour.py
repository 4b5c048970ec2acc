"""From factors to colours: two factors as in the article, any other number by hue.

Signs: a map shows how much of a factor is present, so values below 0 are drawn as 0. Factors of
a non-negative factorisation have none; those of a principal component analysis do.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from blockscope.figures.arrays import Floats, Pixels

ORANGE = "#e66101"
BLUE = "#0571b0"

NEUTRAL = 0.3
"""Grey of a two-factor map where both factors have their common mean."""

REACH = 1.5
"""Largest value before clipping: extremes are saturated on purpose, so that the rest is seen."""

HINT_FLOOR = 0.01
"""Keeps the scale of two-label maps finite, in logits, where nothing supports either label."""

LIGHTNESS = 0.66
CHROMA = 0.112
"""Oklab lightness and chroma of the hues: the largest chroma that sRGB has at every hue of that
lightness, which in turn stands out (about 3:1) from white paper and from a dark page alike."""

SEEN_AXIS = 88.0
"""Oklab hue, in degrees, of the yellow end of the one axis (yellow to blue) left to a viewer
without the red or the green cones."""

# Oklab (B. Ottosson, "A perceptual color space for image processing", 2020): to cone responses'
# cube roots, and from the cone responses to linear sRGB.
_LAB_TO_ROOTS = np.array(
    [
        [1.0, 0.3963377774, 0.2158037573],
        [1.0, -0.1055613458, -0.0638541728],
        [1.0, -0.0894841775, -1.2914855480],
    ]
)
_CONES_TO_LINEAR = np.array(
    [
        [4.0767416621, -3.3077115913, 0.2309699292],
        [-1.2684380046, 2.6097574011, -0.3413193965],
        [-0.0041960863, -0.7034186147, 1.7076147010],
    ]
)


def orange_blue(spatial: Floats) -> Pixels:
    """Draw two factors (row, col, factor) in one image: orange and blue, brightness as magnitude.

    Values below 0 count as 0. Red is the first factor, blue the second, green their mean. The mean
    of the whole image is subtracted, the largest remaining magnitude becomes 1.5 and the neutral
    grey 0.3 is added; the result is clipped to [0, 1], and bytes are truncated. So a place with the
    mean of both factors is grey, and a constant image is neutral everywhere. Source: the encoding
    of Olah et al. 2018, whose published images it reproduces.
    """
    first, second = np.moveaxis(_present(spatial, (2,)), -1, 0)
    stacked = np.stack([first, (first + second) / 2, second], axis=-1)
    # A constant image must stay constant: taking a rounded mean away leaves noise to amplify.
    if np.ptp(stacked) > 0:
        stacked = stacked - stacked.mean()
        stacked = stacked / (np.abs(stacked).max() / REACH)
    else:
        stacked = np.zeros_like(stacked)
    return _bytes(stacked + NEUTRAL)


def two_label_map(first: Floats, second: Floats) -> Pixels:
    """Draw what supports either of two labels: orange for the first, blue for the second.

    Both are (row, col), signed; values below 0 count as 0. Red is the first, blue the second, green
    their mean; the largest becomes 1.5 (less a hundredth, which keeps an empty map finite), 0.3 is
    added, the result is clipped to [0, 1] and bytes are truncated. So a place that supports neither
    is neutral grey. Source: Olah et al. 2018, notebook on spatial attribution.
    """
    stacked = _present(np.stack([first, second], axis=-1), (2,))
    a, b = np.moveaxis(stacked, -1, 0)
    rgb = np.stack([a, (a + b) / 2, b], axis=-1)
    return _bytes(rgb / (HINT_FLOOR + rgb.max(initial=0.0) / REACH) + NEUTRAL)


def hues(spatial: Floats) -> Pixels:
    """Draw any number of factors (row, col, factor) in one image: a hue for each.

    Values below 0 count as 0; black where no factor is present. The magnitude of a place is the sum
    of its factors. Oklab lightness is proportional to it and full from two thirds of the largest
    sum on, as extremes saturate in `orange_blue` too. The colour is the mean of the factors'
    colours, weighted by the squares of the factors so that the leading one shows its hue. At full
    lightness they are the legend's colours with as much light as sRGB has room for.
    """
    present = _present(spatial)
    total = present.sum(axis=-1)
    largest = total.max(initial=0.0)
    if largest == 0:
        return np.zeros((*total.shape, 3), np.uint8)
    # Relative values first: the squares of tiny or huge factors would leave the range of floats.
    relative = present / largest
    strongest = np.maximum(relative.max(axis=-1, keepdims=True), np.finfo(float).tiny)
    squares = (relative / strongest) ** 2
    shares = squares / np.maximum(squares.sum(axis=-1, keepdims=True), 1.0)
    lab = shares @ _brightest_lab(present.shape[-1])
    return _bytes(_srgb(_lightness(total)[..., None] * lab), nearest=True)


def factor_image(spatial: Floats) -> Pixels:
    """Draw the factors (row, col, factor) of a layer: two as `orange_blue`, others as `hues`."""
    present = _present(spatial)
    return orange_blue(present) if present.shape[-1] == 2 else hues(present)


def single_factor_image(spatial: Floats, factor: int) -> Pixels:
    """Draw one of the factors (row, col, factor) alone, in its colour.

    Lightness follows the factor as in `hues`, on the factor's own scale; black where it is absent.
    """
    present = _present(spatial)
    lab = _brightest_lab(present.shape[-1])[factor]
    return _bytes(_srgb(_lightness(present[..., factor])[..., None] * lab), nearest=True)


def oklab_to_rgb8(lab: NDArray[np.float64]) -> Pixels:
    """Turn Oklab colours (..., lab) into uint8 (..., rgb), to the nearest byte."""
    return _bytes(_srgb(lab), nearest=True)


def factor_colours(factors: int) -> list[str]:
    """Return the colour of each factor as "#rrggbb", for legends.

    One factor is orange; two are the article's orange and blue. More have equal lightness and
    chroma and hues evenly spaced in Oklab. The first hue lies 90 / n degrees from the yellow-blue
    axis that viewers without red or green cones still see: this spreads the hues along that axis.
    (Of the two sides, the one on which the red of a viewer without red cones, who sees it dark,
    helps: before the axis for odd n, past it for even n.) Up to four factors stay clearly apart for
    these viewers; beyond, hue alone does not suffice, which is why figures number the factors.
    """
    if factors < 1:
        raise ValueError(f"colours for {factors} factors: at least 1 is needed")
    if factors <= 2:
        return [ORANGE, BLUE][:factors]
    rgb = _bytes(_srgb(_even_hues(factors)), nearest=True)
    return [f"#{red:02x}{green:02x}{blue:02x}" for red, green, blue in rgb.tolist()]


def _present(spatial: Floats, allowed: tuple[int, ...] = ()) -> NDArray[np.float64]:
    """Return the factors as float64 without their negative part, or say what is wrong with them."""
    array = np.asarray(spatial, np.float64)
    if array.ndim != 3 or array.shape[-1] < 1:
        raise ValueError(f"factors have axes (row, col, factor), found shape {array.shape}")
    if allowed and array.shape[-1] not in allowed:
        wanted = " or ".join(map(str, allowed))
        raise ValueError(f"the factor axis has {array.shape[-1]} entries, wanted {wanted}")
    if not np.isfinite(array).all():
        raise ValueError("factors hold values that are not finite; nothing can be drawn from them")
    return np.maximum(array, 0.0)


def _lightness(magnitude: NDArray[np.float64]) -> NDArray[np.float64]:
    """Scale magnitudes (row, col) to 0..1, full from 1 / REACH of the largest on."""
    largest = magnitude.max(initial=0.0)
    if largest == 0:
        return np.zeros_like(magnitude)
    scaled: NDArray[np.float64] = np.minimum(magnitude / largest * REACH, 1.0)
    return scaled


def _even_hues(factors: int) -> NDArray[np.float64]:
    """Return Oklab colours (factor, lab) of equal lightness and chroma, evenly spaced in hue."""
    past_axis = -90 if factors % 2 else 90
    angle = np.deg2rad(SEEN_AXIS + (past_axis + 360 * np.arange(factors)) / factors)
    lightness = np.full(factors, LIGHTNESS)
    return np.stack([lightness, CHROMA * np.cos(angle), CHROMA * np.sin(angle)], axis=-1)


def _factor_lab(factors: int) -> NDArray[np.float64]:
    """Return the Oklab coordinates (factor, lab) of `factor_colours`."""
    if factors > 2:
        return _even_hues(factors)
    codes = [bytes.fromhex(colour[1:]) for colour in factor_colours(factors)]
    encoded = np.array([list(code) for code in codes]) / 255
    linear = np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)
    roots = np.cbrt(np.linalg.solve(_CONES_TO_LINEAR, linear.T))
    return np.linalg.solve(_LAB_TO_ROOTS, roots).T


def _brightest_lab(factors: int) -> NDArray[np.float64]:
    """Return the factors' colours (factor, lab) with more light, the same for all of them.

    As much as leaves the brightest channel of any of them at 1. To scale Oklab coordinates is to
    scale light by the cube, so that hue and saturation stay.
    """
    lab = _factor_lab(factors)
    return np.asarray(lab / np.cbrt(_linear(lab).max()), np.float64)


def _linear(lab: NDArray[np.float64]) -> NDArray[np.float64]:
    """Turn Oklab (..., lab) into linear sRGB (..., rgb), nominally in [0, 1]."""
    linear: NDArray[np.float64] = ((lab @ _LAB_TO_ROOTS.T) ** 3) @ _CONES_TO_LINEAR.T
    return linear


def _srgb(lab: NDArray[np.float64]) -> NDArray[np.float64]:
    """Turn Oklab (..., lab) into sRGB (..., rgb), nominally in [0, 1]."""
    linear = np.clip(_linear(lab), 0.0, 1.0)
    bright = 1.055 * linear ** (1 / 2.4) - 0.055
    encoded: NDArray[np.float64] = np.where(linear <= 0.0031308, 12.92 * linear, bright)
    return encoded


def _bytes(rgb: NDArray[np.float64], nearest: bool = False) -> Pixels:
    """Clip to [0, 1] and turn into bytes, truncated as the article does or to the nearest byte."""
    scaled = np.clip(rgb, 0.0, 1.0) * 255
    return (np.rint(scaled) if nearest else scaled).astype(np.uint8)
