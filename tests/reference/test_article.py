"""The article's own recipe on the article's own data."""

from __future__ import annotations

import json

import numpy as np
from PIL import Image

from blockscope.attribution.factors import factorise, normalise_by_mean, positive_part
from blockscope.figures.colour import orange_blue

LAYERS = ("mixed5a", "mixed4d", "mixed4a", "mixed3a")


def article_factors(shared):
    data = np.load(shared("article/beer_class_attribution_top50.npz"))
    layers = [normalise_by_mean(positive_part(data[layer]))[0] for layer in LAYERS]
    return factorise(layers, 2)


def test_all_ten_printed_factor_values(shared):
    found = article_factors(shared)
    printed = json.loads(shared("article/beer_spatial_attr.json").read_text())["nmf"]
    for factor, expected in enumerate(printed):
        largest = np.sort(found.labels[factor])[::-1][:5]
        assert [round(float(v), 3) for v in largest] == [entry["v"] for entry in expected]


def test_colour_images(shared):
    """One value of one image falls to the other side of a rounding, by a hundredth of a level."""
    found = article_factors(shared)
    differing, pixels = 0, 0
    for layer, spatial in zip(LAYERS, found.spatial, strict=True):
        path = shared(f"article/beer_{layer}_nmf.png")
        expected = np.asarray(Image.open(path).convert("RGB")).astype(int)
        difference = np.abs(orange_blue(spatial).astype(int) - expected)
        assert difference.max() <= 1, layer
        assert (difference > 0).mean() <= 0.01, layer
        differing += (difference.max(-1) > 0).sum()
        pixels += difference[..., 0].size
    assert differing <= 0.01 * pixels
