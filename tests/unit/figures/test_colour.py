"""Pictures of factors: the article's encoding to the pixel, and what holds for every number."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from helpers.colour_vision import VIEWERS, cielab, least_distance, linear_light
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from PIL import Image
from sklearn.decomposition import NMF

from blockscope.figures import colour


def brightest(colours: list[str]) -> NDArray[np.float64]:
    """Bytes of the colours with their light scaled together until one channel is full."""
    linear = linear_light(colours)
    linear = linear / linear.max()
    return 255 * np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)


def slow_orange_blue(spatial: NDArray[np.floating]) -> NDArray[np.uint8]:
    """The article's encoding, value by value."""
    rows, cols, _ = spatial.shape
    raw = {}
    for row in range(rows):
        for col in range(cols):
            first, second = (max(0.0, float(value)) for value in spatial[row, col])
            raw[row, col] = (first, (first + second) / 2, second)
    every = [value for triple in raw.values() for value in triple]
    mean = sum(every) / len(every)
    reach = max(abs(value - mean) for value in every)
    image = np.zeros((rows, cols, 3), np.uint8)
    for place, triple in raw.items():
        for band, value in enumerate(triple):
            shown = (value - mean) / (reach / 1.5) + 0.3
            image[place][band] = int(255 * min(1.0, max(0.0, shown)))
    return image


def test_article_images(shared: Callable[[str], Path]) -> None:
    with np.load(shared("article/beer_class_attribution_top50.npz")) as data:
        positive = {name: np.maximum(data[name], 0) for name in data.files}
    relative = {name: array / array.mean() for name, array in positive.items()}
    model = NMF(2, init="nndsvd", tol=1e-4, max_iter=200, random_state=0)
    model.fit(relative["mixed5a"].reshape(-1, 50))
    for layer in ("mixed5a", "mixed4d", "mixed4a", "mixed3a"):
        rows, cols, _ = relative[layer].shape
        spatial = model.transform(relative[layer].reshape(-1, 50)).reshape(rows, cols, 2)
        published = np.asarray(Image.open(shared(f"article/beer_{layer}_nmf.png")).convert("RGB"))
        off = np.abs(colour.factor_image(spatial).astype(int) - published)
        assert off.max() <= 1, f"{layer}: a pixel is off by {off.max()} grey levels"
        assert (off > 0).mean() <= 0.01, f"{layer}: {(off > 0).mean():.2%} of the values are off"


def test_orange_blue_is_the_formula(rng: np.random.Generator) -> None:
    spatial = rng.gamma(0.5, 3.0, (5, 7, 2))
    spatial[0, 0] = [-2.0, 4.0]
    np.testing.assert_allclose(
        colour.orange_blue(spatial).astype(int), slow_orange_blue(spatial).astype(int), atol=1
    )


def test_the_first_factor_is_orange_and_the_second_blue() -> None:
    spatial = np.zeros((5, 7, 2))
    spatial[1, 2, 0] = spatial[3, 6, 1] = 1.0
    red, _, blue = colour.orange_blue(spatial)[1, 2].astype(int)
    assert red > blue
    red, _, blue = colour.orange_blue(spatial)[3, 6].astype(int)
    assert blue > red


@pytest.mark.parametrize("value", [0.0, 0.1, 1e-30, 7e20, -3.0])
def test_constant_factors_are_neutral(value: float) -> None:
    image = colour.orange_blue(np.full((5, 7, 2), value))
    np.testing.assert_array_equal(image, np.full((5, 7, 3), 76, np.uint8))


positive_factors = st.integers(1, 12).flatmap(
    lambda factors: arrays(
        np.float32, (3, 4, factors), elements=st.floats(-1e6, 1e6, width=32, allow_nan=False)
    )
)


@settings(max_examples=60, deadline=None)
@given(positive_factors)
def test_every_image_is_bytes_and_negatives_count_as_nothing(
    spatial: NDArray[np.float32],
) -> None:
    for draw in (colour.factor_image, lambda array: colour.single_factor_image(array, 0)):
        image = draw(spatial)
        assert image.dtype == np.uint8
        assert image.shape == (3, 4, 3)
        np.testing.assert_array_equal(image, draw(np.maximum(spatial, 0)))


@pytest.mark.parametrize("factors", [1, 3, 4, 6, 12])
def test_a_factor_alone_at_its_place_shows_its_legend_colour_at_its_brightest(factors: int) -> None:
    spatial = np.zeros((5, 7, factors))
    for factor in range(factors):
        spatial[factor % 5, factor // 5 + 2, factor] = 3.7
    image = colour.hues(spatial)
    for factor, wanted in enumerate(brightest(colour.factor_colours(factors))):
        found = image[factor % 5, factor // 5 + 2].astype(int)
        np.testing.assert_allclose(found, wanted, atol=2)
    np.testing.assert_array_equal(image[0, 0], [0, 0, 0])


@pytest.mark.parametrize("factors", [1, 3, 7])
def test_lightness_is_proportional_to_magnitude_up_to_two_thirds(
    factors: int, rng: np.random.Generator
) -> None:
    shares = rng.dirichlet(np.ones(factors))
    magnitude = np.append(np.linspace(0.3, 1.0, 8) / 1.5, [0.8, 1.0])
    image = colour.hues((magnitude[:, None] * shares)[None])
    np.testing.assert_array_equal(image[0, 7:], image[0, [7, 7, 7]])
    image = image[:, :8]
    lightness = cielab(linear_light([f"#{r:02x}{g:02x}{b:02x}" for r, g, b in image[0]]))[:, 0]
    # Oklab is proportional to magnitude; CIE lightness differs from it by an affine map.
    steps = np.diff(lightness)
    assert (steps > 0).all()
    np.testing.assert_allclose(steps, steps.mean(), atol=0.7)


def test_mixtures_stay_inside_srgb(rng: np.random.Generator) -> None:
    for factors in range(3, 13):
        mixtures = rng.dirichlet(np.full(factors, 0.4), 500) @ colour._brightest_lab(factors)
        linear = colour._linear(mixtures)
        assert linear.min() > -1e-3
        assert linear.max() < 1 + 1e-9


def test_scale_of_all_factors_together_does_not_matter(rng: np.random.Generator) -> None:
    for factors in (1, 2, 3, 5):
        spatial = rng.gamma(0.5, 3.0, (5, 7, factors))
        image = colour.factor_image(spatial).astype(int)
        for scale in (2.0**-90, 2.0**400):
            again = colour.factor_image(spatial * scale).astype(int)
            np.testing.assert_allclose(again, image, atol=1)


def test_single_factor_has_its_own_scale_and_colour() -> None:
    spatial = np.zeros((5, 7, 3))
    spatial[2, 4] = [0.0, 0.5, 100.0]
    image = colour.single_factor_image(spatial, 1)
    wanted = brightest(colour.factor_colours(3))[1]
    np.testing.assert_allclose(image[2, 4].astype(int), wanted, atol=2)
    assert not colour.single_factor_image(spatial, 0).any()


def test_legend_colours() -> None:
    assert colour.factor_colours(1) == ["#e66101"]
    assert colour.factor_colours(2) == ["#e66101", "#0571b0"]
    for factors in range(1, 13):
        assert len(set(colour.factor_colours(factors))) == factors


@pytest.mark.parametrize(("factors", "least"), [(2, 90.0), (3, 30.0), (4, 20.0), (5, 13.0)])
@pytest.mark.parametrize("viewer", VIEWERS)
def test_colour_blind_viewers_tell_few_factors_apart(
    factors: int, least: float, viewer: str
) -> None:
    distance = least_distance(colour.factor_colours(factors), viewer)
    assert distance >= least, f"{viewer}: {distance:.1f} CIE units between the nearest of {factors}"


@pytest.mark.parametrize(
    ("spatial", "words"),
    [
        (np.ones((5, 7)), r"\(row, col, factor\), found shape \(5, 7\)"),
        (np.ones((5, 7, 0)), r"found shape \(5, 7, 0\)"),
        (np.full((5, 7, 3), np.nan), "not finite"),
    ],
)
def test_what_cannot_be_drawn_is_refused(spatial: NDArray[np.floating], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        colour.factor_image(spatial)


def test_orange_blue_wants_two_factors() -> None:
    with pytest.raises(ValueError, match="has 3 entries, wanted 2"):
        colour.orange_blue(np.ones((5, 7, 3)))


def test_no_colours_for_no_factors() -> None:
    with pytest.raises(ValueError, match="colours for 0 factors: at least 1"):
        colour.factor_colours(0)


def slow_hints(first: NDArray[np.floating], second: NDArray[np.floating]) -> NDArray[np.uint8]:
    """The notebook's encoding of two labels, value by value."""
    rows, cols = first.shape
    image = np.zeros((rows, cols, 3), np.uint8)
    largest = max(max(0.0, float(v)) for v in [*first.ravel(), *second.ravel()])
    for row in range(rows):
        for col in range(cols):
            a, b = max(0.0, float(first[row, col])), max(0.0, float(second[row, col]))
            for channel, value in enumerate((a, (a + b) / 2, b)):
                shown = value / (0.01 + largest / 1.5) + 0.3
                image[row, col, channel] = int(255 * min(max(shown, 0.0), 1.0))
    return image


def test_hints_are_the_notebook_s(rng: np.random.Generator) -> None:
    first, second = rng.normal(0, 2, (2, 5, 7))
    found = colour.two_label_map(first, second)
    # Truncation may fall to the other side where a value is whole but for rounding.
    assert np.abs(found.astype(int) - slow_hints(first, second)).max() <= 1
    strongest = np.unravel_index(first.argmax(), first.shape)
    assert found[strongest][0] == 255
    assert (colour.two_label_map(-np.abs(first), -np.abs(second)) == 76).all()


def test_a_label_alone_is_orange(rng: np.random.Generator) -> None:
    values = np.abs(rng.normal(0, 2, (5, 7)))
    found = colour.two_label_map(values, np.zeros((5, 7))).astype(int)
    assert (found[..., 2] == 76).all()
    assert (found[..., 0] >= found[..., 1]).all()
