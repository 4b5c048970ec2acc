"""Files of exemplars made by a plain loop, in the form that the rule "exemplars" writes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

Floats = NDArray[np.floating]
RANKINGS = ["activation_maximum", "activation_mean", "relevance_maximum", "relevance_mean"]
EDGES = np.array([2.0 ** (n / 4) for n in range(-24, 25)])


def layer_exemplars(
    activations: Floats,
    relevance: Floats | None,
    labels: Sequence[str],
    predicted: Sequence[int],
    names: Sequence[str],
    image_labels: Sequence[str],
    facts: dict[str, Any],
    keep: int = 9,
    damaged: dict[int, str] | None = None,
    first_logit: int = 1,
) -> xr.Dataset:
    """Return the exemplars of a layer: activations and relevance (image, row, col, channel).

    ``predicted`` are places among the labels, whose first is the logit ``first_logit``.
    """
    images, rows, cols, channels = activations.shape
    kinds = [activations] if relevance is None else [activations, relevance]
    shape = (2 * len(kinds), channels, keep)
    value = np.full(shape, np.nan, "f4")
    number, row, col = (np.full(shape, -1, kind) for kind in ("i8", "i4", "i4"))
    for at, values in enumerate(kinds):
        flat = values.reshape(images, -1, channels)
        best = flat.argmax(axis=1)
        for ranking, scores in ((2 * at, flat.max(axis=1)), (2 * at + 1, flat.mean(axis=1))):
            order = np.argsort(-scores, axis=0, kind="stable")[:keep]
            for channel in range(channels):
                for rank, image in enumerate(order[:, channel]):
                    place = (ranking, channel, rank)
                    value[place], number[place] = scores[image, channel], image
                    row[place], col[place] = divmod(best[image, channel], cols)
    shown = np.unique(number[number >= 0])
    flat = activations.reshape(-1, channels).astype("f8")
    low = np.concatenate([-EDGES[::-1], [0.0], EDGES])[:-1]
    high = np.concatenate([-EDGES[::-1], [0.0], EDGES])[1:]
    low, high = np.insert(low, len(EDGES), 0.0), np.insert(high, len(EDGES), 0.0)
    counts = np.stack([np.array([
        ((flat[:, c] == 0) if a == b else (flat[:, c] >= a) & (flat[:, c] < b) & (flat[:, c] != 0)).sum()
        for a, b in zip(low, high, strict=True)]) for c in range(channels)])
    count = np.bincount(np.asarray(predicted), minlength=len(labels))
    by_label = np.zeros((len(labels), channels), "f4")
    if relevance is not None:
        np.add.at(by_label, np.asarray(predicted), relevance.sum(axis=(1, 2)))
        by_label /= np.maximum(count, 1)[:, None]
    bad = damaged or {}
    return xr.Dataset(
        {
            "value": (("ranking", "channel", "rank"), value),
            "number": (("ranking", "channel", "rank"), number),
            "position_row": (("ranking", "channel", "rank"), row),
            "position_col": (("ranking", "channel", "rank"), col),
            "shown": ("shown", shown),
            "shown_name": ("shown", np.array([names[n] for n in shown], object)),
            "shown_label": ("shown", np.array([image_labels[n] for n in shown], object)),
            "shown_predicted": ("shown", np.array([first_logit + predicted[n] for n in shown])),
            "histogram": (("channel", "bin"), counts),
            "bin_low": ("bin", low.astype("f4")),
            "bin_high": ("bin", high.astype("f4")),
            "zeros": ("channel", (flat == 0).mean(axis=0)),
            "mean": ("channel", flat.mean(axis=0)),
            "second_moment": (("channel", "other_channel"), flat.T @ flat / len(flat)),
            "vectors": (("sample", "channel"), flat[:50].astype("f4")),
            "vector_number": ("sample", np.zeros(len(flat[:50]), "i8")),
            "vector_row": ("sample", np.zeros(len(flat[:50]), "i4")),
            "vector_col": ("sample", np.zeros(len(flat[:50]), "i4")),
            "relevance_by_label": (("label", "channel"), by_label),
            "images_by_label": ("label", count),
            "damaged": ("damaged", np.array(list(bad), "i8")),
            "damaged_name": ("damaged", np.array([names[n] for n in bad], object)),
            "damaged_reason": ("damaged", np.array(list(bad.values()), object)),
        },
        {
            "ranking": RANKINGS[: shape[0]],
            "label": list(labels),
            "index": ("label", first_logit + np.arange(len(labels))),
        },
        {"created_by": "exemplars", "images": images, "rows": rows, "cols": cols, **facts},
    )
