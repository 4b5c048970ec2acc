"""Made-up result files of one run, in the form that the stages write."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import xarray as xr
from numpy.typing import NDArray

SHAPES = ("star", "disc", "cross", "ring", "arrow", "square", "moon", "drop", "heart", "bar")
FILLS = ("plain", "striped", "dotted", "checked", "hatched")
COLOURS = ("red", "green", "blue", "amber")
LABELS = [f"{colour} {fill} {shape}" for colour in COLOURS for fill in FILLS for shape in SHAPES]
FACTS = {"model": "blocks1000", "image": "two_blocks", "override": "smooth"}


def picture(rows: int = 96, cols: int = 96) -> NDArray[np.uint8]:
    """A soft background with a red disc and a blue square."""
    row, col = np.mgrid[:rows, :cols] / max(rows, cols)
    canvas = np.stack([0.86 - 0.2 * row, 0.84 - 0.1 * col, 0.8 + 0.1 * row], axis=-1)
    canvas[np.hypot(row - 0.35, col - 0.3) < 0.18] = [0.8, 0.2, 0.15]
    canvas[(abs(row - 0.65) < 0.15) & (abs(col - 0.7) < 0.15)] = [0.15, 0.3, 0.75]
    return np.uint8(255 * np.clip(canvas, 0, 1))


def bumps(rng: np.random.Generator, rows: int, cols: int, factors: int) -> NDArray[np.float32]:
    """One bump per factor, around a circle, with noise: (row, col, factor)."""
    row, col = np.mgrid[:rows, :cols]
    row, col = (row + 0.5) / rows, (col + 0.5) / cols
    spatial = np.empty((rows, cols, factors), np.float32)
    for factor in range(factors):
        angle = 2 * np.pi * factor / factors + 0.9
        centre = 0.5 + 0.26 * np.array([np.sin(angle + np.pi), np.cos(angle + np.pi)])
        distance = np.hypot(row - centre[0], col - centre[1])
        spatial[..., factor] = (1 + 0.3 * factor) * np.exp(-((distance / 0.17) ** 2))
    return spatial * rng.uniform(0.6, 1.0, spatial.shape).astype(np.float32)


def classes(
    rng: np.random.Generator, rows: int = 7, cols: int = 7, labels: Sequence[str] = LABELS
) -> xr.Dataset:
    chance = rng.dirichlet(np.full(len(labels), 0.05))
    return xr.Dataset(
        {
            "attribution": (
                ("label", "row", "col"),
                rng.normal(0, 1, (len(labels), rows, cols)).astype("f4"),
            )
        },
        coords={
            "label": list(labels),
            "index": ("label", 1 + np.arange(len(labels))),
            "logit": ("label", np.log(chance + 1e-9).astype("f4")),
            "probability": ("label", chance.astype("f4")),
        },
        attrs=FACTS | {"layer": "mixed5a"},
    )


def factors(
    rng: np.random.Generator,
    layer: str,
    grid: tuple[int, int],
    count: int = 2,
    *,
    fit_layer: str = "",
    method: str = "nmf",
    tops: int = 5,
    labels: Sequence[str] = LABELS,
) -> xr.Dataset:
    weights = rng.gamma(0.3, 0.4, (count, len(labels))).astype("f4")
    spatial = bumps(rng, *grid, count)
    if method == "pca":
        weights -= 0.2
        spatial -= 0.3
    order = np.argsort(-weights, axis=1)[:, :tops]
    return xr.Dataset(
        {
            "spatial": (("row", "col", "factor"), spatial),
            "labels": (("factor", "label"), weights),
            "top_label": (("factor", "rank"), np.array(labels, dtype=object)[order]),
            "top_index": (("factor", "rank"), order + 1),
            "top_weight": (("factor", "rank"), np.take_along_axis(weights, order, axis=1)),
        },
        coords={"label": list(labels)},
        attrs=FACTS
        | {
            "layer": layer,
            "fit_layer": fit_layer or layer,
            "method": method,
            "recipe": "joint" if fit_layer else "alone",
            "n": count,
            "relative_error": 0.31,
        },
    )
