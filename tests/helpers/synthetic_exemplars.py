"""Made-up exemplars of a layer, in the form that the stages write, and pages of its channels."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from blockscope.config.settings import RunRow
from blockscope.exemplars import histogram
from blockscope.exemplars.sheet import RANKINGS as SHOWN
from blockscope.figures.data.panel_files import PanelFiles
from blockscope.io import datasets
from blockscope.models.card import InputSpec, Layer, ModelCard
from blockscope.stages.figures.channel_page import write_channel_page
from helpers.synthetic_run import LABELS, write_run, write_sprite_sheet

RANKINGS = ["activation_maximum", "activation_mean", "relevance_maximum", "relevance_mean"]
SHA = "ab" * 32
FACTS = {
    "model": "blocks1000", "model_sha256": SHA, "graph_sha256": SHA, "layer": "mixed4d",
    "dataset": "photos",
}  # fmt: skip
FIELD = {
    "receptive_field_rows": 61, "receptive_field_cols": 43, "effective_field": 21,
    "counts_lower": 0.81, "counts": 0.9, "counts_upper": 0.97,
}  # fmt: skip
IMAGES, KEEP, CROPS, TILE = 30, 6, 5, 8


def layer_exemplars(
    rng: np.random.Generator, grid: tuple[int, int], channels: int, facts: dict[str, Any]
) -> xr.Dataset:
    """Return the exemplars of a layer, computed from made-up activations one by one."""
    rows, cols = grid
    activations = np.maximum(rng.normal(-0.3, 2, (IMAGES, rows, cols, channels)), 0).astype("f4")
    relevance = (activations * rng.normal(0, 1, activations.shape)).astype("f4")
    predicted = rng.integers(0, 6, IMAGES)  # the places of labels; others are never predicted
    shape = (4, channels, KEEP)
    value = np.zeros(shape, "f4")
    number, row, col = (np.zeros(shape, kind) for kind in ("i8", "i4", "i4"))
    for at, values in enumerate((activations, relevance)):
        flat = values.reshape(IMAGES, -1, channels)
        best = flat.argmax(axis=1)
        for ranking, score in ((2 * at, flat.max(axis=1)), (2 * at + 1, flat.mean(axis=1))):
            order = np.argsort(-score, axis=0, kind="stable")[:KEEP].T
            for channel, images in enumerate(order):
                value[ranking, channel], number[ranking, channel] = score[images, channel], images
                places = best[images, channel]
                row[ranking, channel], col[ranking, channel] = places // cols, places % cols
    shown = np.unique(number)
    every = activations.reshape(-1, channels)
    count = np.bincount(predicted, minlength=len(LABELS))
    by_label = np.zeros((len(LABELS), channels), "f4")
    np.add.at(by_label, predicted, relevance.sum(axis=(1, 2)))
    low, high = histogram.edges()
    ranked = ("ranking", "channel", "rank")
    return xr.Dataset(
        {
            "value": (ranked, value),
            "number": (ranked, number),
            "position_row": (ranked, row),
            "position_col": (ranked, col),
            "shown": ("shown", shown),
            "shown_name": ("shown", [f"photo {n}.jpg" for n in shown]),
            "shown_label": ("shown", ["" if n % 2 else f"kind {n % 3}" for n in shown]),
            "shown_predicted": ("shown", 1 + predicted[shown]),
            "histogram": (("channel", "bin"), histogram.count(every)),
            "bin_low": ("bin", low),
            "bin_high": ("bin", high),
            "zeros": ("channel", (every == 0).mean(axis=0)),
            "mean": ("channel", every.mean(axis=0, dtype="f8")),
            "relevance_by_label": (("label", "channel"), _means(by_label, count)),
            "images_by_label": ("label", count),
        },
        {
            "ranking": RANKINGS,
            "label": LABELS,
            "index": ("label", 1 + np.arange(len(LABELS))),
        },
        {"created_by": "exemplars", "images": IMAGES, "rows": rows, "cols": cols, **facts},
    )


def crop_colour(ranking: int, channel: int, rank: int) -> list[int]:
    """The colour of a made-up crop."""
    return [30 + 23 * channel % 200, 220 - 30 * rank, 40 + 150 * ranking]


def crops(channels: int, facts: dict[str, Any], side: int = TILE, noise: int = 0) -> xr.Dataset:
    """Return crops of one colour each, or of noise."""
    shape = (2, channels, CROPS, side, side, 3)
    if noise:
        pixels = np.random.default_rng(noise).integers(0, 256, shape, np.uint8)
    else:
        pixels = np.zeros(shape, np.uint8)
        for place in np.ndindex(*shape[:3]):
            pixels[place] = crop_colour(*place)
    return xr.Dataset(
        {"crops": (("ranking", "channel", "rank", "row", "col", "rgb"), pixels)},
        {"ranking": list(SHOWN)},
        {"created_by": "exemplar_sheet", **facts, **FIELD},
    )


def write_exemplar_tiles(folder: Path, name: str, sheet: NDArray[np.uint8], tile: int,
                         wrap: int) -> list[Path]:  # fmt: skip
    """Write a sheet of exemplars and its description; returns the files."""
    provenance = {"created_by": "exemplar_sheet", **FACTS, **FIELD}
    return write_sprite_sheet(folder / name, sheet, tile, wrap, provenance=provenance)


@dataclass
class SyntheticChannels:
    """The files of a layer's channel pages, and what is in them."""

    folder: Path
    run: RunRow
    files: PanelFiles
    channels: int
    found: xr.Dataset
    facts: dict[str, Any]
    side: int = TILE
    noise: int = 0
    per_page: int = 4

    @property
    def pages(self) -> list[Path]:
        count = -(-self.channels // self.per_page)
        first = self.folder / "channels" / "mixed4d"
        return [first.with_suffix(".html"), *(first / f"{n}.html" for n in range(2, count + 1))]

    def write(self, **changes: Any) -> list[Path]:
        """Write the exemplars, their crops and all pages; returns these."""
        exemplars, sheet, card = (
            self.folder / name for name in ("mixed4d.h5", "mixed4d.zarr.zip", "model.json")
        )
        datasets.write_h5(exemplars, self.found)
        datasets.write_zarr(sheet, crops(self.channels, self.facts, self.side, self.noise))
        card_of(self.channels).write(card)
        use = {
            "run": self.run.run,
            "panel": "channels",
            "page": self.folder / "figures" / self.run.run / "index.html",
            "classes": list(self.run.classes),
            "channels": self.files.one("channels1"),
            "labels": self.files.one("classes2"),
        }
        known: dict[str, Any] = {
            "card": card,
            "exemplars": [exemplars],
            "sheets": [sheet],
            "sprites": [],
            "drivers": [self.files.one("drivers")],
            "layer": "mixed4d",
            "per_page": self.per_page,
            "pages": self.pages,
            "uses": [use],
            "top_channels": 2,
            "layers": {"mixed4d": self.pages[0]},
            "gallery": self.folder / "index.html",
        }
        for number, output in enumerate(self.pages):
            output.parent.mkdir(parents=True, exist_ok=True)
            write_channel_page(output=output, page=number, **(known | changes))
        return self.pages


def card_of(channels: int) -> ModelCard:
    """Return the card of a network with one layer of made-up exemplars."""
    return ModelCard(
        model="blocks1000",
        source="net.pb",
        source_sha256=SHA,
        graph_sha256=SHA,
        input=InputSpec(tensor="input", size=(80, 112), range=(0, 1)),
        logits="logits",
        outputs=1 + len(LABELS),
        layers=(Layer(name="mixed4d", op="Relu", shape=(5, 7, channels), inputs=()),),
        labels=("dummy", *LABELS),
        skip_labels=1,
    )


def synthetic_channels(
    folder: Path, rng: np.random.Generator, channels: int = 11
) -> SyntheticChannels:
    """Return the files of the pages of a layer's channels, to be changed before writing."""
    run, files = write_run(folder, rng, channel_counts=(channels, 9))
    found = layer_exemplars(rng, (5, 7), channels, FACTS)
    return SyntheticChannels(folder, run, files, channels, found, dict(FACTS))


def _means(sums: np.ndarray, count: np.ndarray) -> np.ndarray:
    """Return sums over their number, NaN for a label that is never predicted."""
    return np.where(count[:, None] > 0, sums / np.maximum(count, 1)[:, None], np.nan)
