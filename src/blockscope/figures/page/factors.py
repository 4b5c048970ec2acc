"""The panel of attribution factors on a page: HTML that needs no script, with images of factors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from blockscope.config.settings import RunRow
from blockscope.figures import captions, colour
from blockscope.figures.data.factors import FactorsPanel, LayerFactors, Weight
from blockscope.figures.data.maps import grid_words
from blockscope.figures.data.panel_files import PanelFiles
from blockscope.figures.image_encoding import png_uri
from blockscope.figures.page.html import StaticPanel, as_html
from blockscope.figures.style import Style

NAMED_IN_ALT = 2  # labels that stand for a factor in alternative texts


@dataclass(frozen=True)
class _Row:
    label: str
    number: str
    share: float  # length of the bar, 0 to 1
    requested: bool = False  # listed because the run names it


@dataclass(frozen=True)
class _Factor:
    number: int
    colour: str
    rows: Sequence[_Row]


@dataclass(frozen=True)
class _Overlay:
    factor: str  # "all", or the factor's number
    uri: str
    alt: str


@dataclass(frozen=True)
class _Layer:
    name: str
    grid: str
    overlays: Sequence[_Overlay]


@dataclass(frozen=True)
class _Legend:
    title: str
    scope: str  # number of the layer in which it isolates factors, or "both"
    factors: Sequence[_Factor]


def render_factors(run: RunRow, files: PanelFiles, style: Style, input_uri: str) -> StaticPanel:
    """Draw the factors of a run; ``input_uri`` is its input image as a data: address."""
    panel = FactorsPanel.of_run(run, files, style.top_labels)
    rows, cols, _ = panel.pixels.shape
    html = as_html(
        "factors.html.j2",
        image=run.image,
        input_uri=input_uri,
        input_size=grid_words(panel.pixels),
        ratio=f"{cols} / {rows}",
        opacity=style.opacity,
        interpolate=style.interpolate,
        layers=[_layer(layer) for layer in panel.layers],
        legends=_legends(panel),
        highest=_highest(panel),
        highest_title=captions.highest_title(panel),
        unit="logit" if panel.probable else "output",
        shared=panel.shared,
        two=any(layer.factors == 2 for layer in panel.layers),
        signed=any(layer.method == "pca" for layer in panel.layers),
        nothing=captions.NOTHING_POSITIVE,
        caveat=captions.override_caveat(run.override),
    )
    summary = {
        "Layers": " and ".join(f"{layer.layer} ({layer.grid})" for layer in panel.layers),
        "Factors": captions.factorisation_caption(panel),
        "Relative error of the factors": captions.errors_caption(panel),
    }
    return StaticPanel(html, summary)


def _layer(layer: LayerFactors) -> _Layer:
    together = _Overlay(
        "all",
        png_uri(colour.factor_image(layer.spatial)),
        f"Factors of {layer.layer}, {layer.grid} positions. "
        + " ".join(_whereabouts(layer, factor) for factor in range(layer.factors)),
    )
    alone = [
        _Overlay(
            str(factor + 1),
            png_uri(colour.single_factor_image(layer.spatial, factor)),
            f"One factor of {layer.layer} alone. {_whereabouts(layer, factor)}",
        )
        for factor in range(layer.factors)
    ]
    return _Layer(layer.layer, layer.grid, [together, *alone])


def _whereabouts(layer: LayerFactors, factor: int) -> str:
    """Say in words where a factor is largest, for those who do not see the image."""
    values = layer.spatial[..., factor]
    tops = layer.tops[factor][:NAMED_IN_ALT]
    names = ", ".join(weight.label for weight in tops) or captions.NOTHING_POSITIVE
    start = f"Factor {factor + 1} ({names})"
    if values.max() <= 0:
        return f"{start} is absent."
    row, col = np.unravel_index(values.argmax(), values.shape)
    return f"{start} is largest at row {row + 1}, column {col + 1}."


def _legends(panel: FactorsPanel) -> list[_Legend]:
    return [
        _Legend(
            title=captions.legend_title(panel, layer),
            scope="both" if panel.shared else str(panel.layers.index(layer) + 1),
            factors=_factors(layer),
        )
        for layer in captions.legends(panel)
    ]


def _factors(layer: LayerFactors) -> list[_Factor]:
    full = captions.largest(layer.tops)
    colours = colour.factor_colours(layer.factors)
    return [
        _Factor(
            number=factor + 1,
            colour=colours[factor],
            rows=[
                _Row(weight.label, captions.number(weight.value, full), _share(weight, full))
                for weight in top
            ],
        )
        for factor, top in enumerate(layer.tops)
    ]


def _highest(panel: FactorsPanel) -> list[_Row]:
    weights = (*panel.highest, *panel.requested)
    full = captions.largest([weights])
    return [
        _Row(
            weight.label,
            number,
            _share(weight, full),
            place >= len(panel.highest),
        )
        for place, (weight, number) in enumerate(
            zip(weights, captions.highest_numbers(panel), strict=True)
        )
    ]


def _share(weight: Weight, full: float) -> float:
    return round(min(1.0, max(0.0, weight.value / full)), 4)
