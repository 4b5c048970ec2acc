"""The page of one run: the panel "attribution groups" to look through, in a single HTML file.

The page asks nothing of a network: pictures, style and script are inside, and a content security
policy forbids the rest. Without a script it still shows everything that the printed panel shows.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from blockscope import colour
from blockscope.figures import wording
from blockscope.figures.groups import Style
from blockscope.figures.panel import GroupsPanel, LayerGroups, Weight
from blockscope.figures.raster import enlarge, png_uri
from blockscope.figures.rendering import link, write_html

LARGEST_INPUT = 512  # pixels of the longer side shown; larger inputs are scaled down in the page
NAMED_IN_ALT = 2  # labels that stand for a factor in alternative texts


@dataclass(frozen=True)
class _Row:
    label: str
    number: str
    share: float  # length of the bar, 0 to 1
    asked: bool = False  # shown because the run asks about it


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
    scope: str  # number of the layer whose picture it isolates factors in, or "both"
    factors: Sequence[_Factor]


def write_page(
    output: str | os.PathLike[str],
    panel: GroupsPanel,
    facts: Mapping[str, str | int | float],
    files: Mapping[str, str | os.PathLike[str]],
    style: Style | None = None,
    gallery: str | os.PathLike[str] | None = None,
) -> None:
    """Write the page of a run.

    output    the page; links in it are relative to its folder
    facts     provenance: shown as a table, and as JSON in the element "blockscope-provenance"
    files     what is linked beside the panel, by the name it is linked under ("PDF", "SVG", ...)
    style     opacity at the start, and whether positions are blended
    gallery   the page of all runs, to lead back to
    """
    style = style or Style()
    rows, cols, _ = panel.picture.shape
    write_html(
        output,
        "page.html.j2",
        panel=panel,
        caption=wording.caption(panel),
        hides=wording.what_override_hides(panel.override),
        signed=any(layer.method == "pca" for layer in panel.layers),
        opacity=style.opacity,
        smooth=style.smooth,
        input_uri=png_uri(_input_for_page(panel.picture)),
        input_size=f"{rows} \N{MULTIPLICATION SIGN} {cols}",
        ratio=f"{cols} / {rows}",
        layers=[_layer(layer) for layer in panel.layers],
        legends=_legends(panel),
        probabilities=_probabilities(panel),
        summary=_summary(panel),
        files={name: (link(path, output), Path(path).name) for name, path in files.items()},
        gallery=link(gallery, output) if gallery is not None else None,
        facts=dict(facts),
    )


def _input_for_page(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    rows, cols, _ = picture.shape
    scale = LARGEST_INPUT / max(rows, cols)
    if scale >= 1:
        return picture
    return enlarge(picture, (max(1, round(rows * scale)), max(1, round(cols * scale))), smooth=True)


def _layer(layer: LayerGroups) -> _Layer:
    together = _Overlay(
        "all",
        png_uri(colour.factor_picture(layer.spatial)),
        f"Factors of {layer.layer}, {layer.grid} positions. "
        + " ".join(_whereabouts(layer, factor) for factor in range(layer.factors)),
    )
    alone = [
        _Overlay(
            str(factor + 1),
            png_uri(colour.single_factor_picture(layer.spatial, factor)),
            f"One factor of {layer.layer} alone. {_whereabouts(layer, factor)}",
        )
        for factor in range(layer.factors)
    ]
    return _Layer(layer.layer, layer.grid, [together, *alone])


def _whereabouts(layer: LayerGroups, factor: int) -> str:
    """Say in words where a factor is largest, for those who do not see the picture."""
    values = layer.spatial[..., factor]
    names = ", ".join(weight.label for weight in layer.tops[factor][:NAMED_IN_ALT])
    start = f"Factor {factor + 1} ({names})"
    if values.max() <= 0:
        return f"{start} is absent."
    row, col = np.unravel_index(values.argmax(), values.shape)
    return f"{start} is largest at row {row + 1}, column {col + 1}."


def _legends(panel: GroupsPanel) -> list[_Legend]:
    return [
        _Legend(
            title=wording.legend_title(panel, layer),
            scope="both" if panel.shared else str(panel.layers.index(layer) + 1),
            factors=_factors(layer),
        )
        for layer in wording.legends(panel)
    ]


def _factors(layer: LayerGroups) -> list[_Factor]:
    full = wording.largest(layer.tops)
    colours = colour.factor_colours(layer.factors)
    return [
        _Factor(
            number=factor + 1,
            colour=colours[factor],
            rows=[
                _Row(weight.label, wording.number(weight.value, full), _share(weight, full))
                for weight in top
            ],
        )
        for factor, top in enumerate(layer.tops)
    ]


def _probabilities(panel: GroupsPanel) -> list[_Row]:
    weights = (*panel.probabilities, *panel.asked)
    full = wording.largest([weights])
    return [
        _Row(
            weight.label,
            wording.percent(weight.value),
            _share(weight, full),
            place >= len(panel.probabilities),
        )
        for place, weight in enumerate(weights)
    ]


def _share(weight: Weight, full: float) -> float:
    return round(min(1.0, max(0.0, weight.value / full)), 4)


def _summary(panel: GroupsPanel) -> dict[str, str]:
    """Return the facts of the run that a reader wants first."""
    first, second = panel.layers
    return {
        "Model": panel.model,
        "Image": panel.image,
        "Layers": f"{first.layer} ({first.grid}) and {second.layer} ({second.grid})",
        "Gradient override": panel.override,
        "Factors": wording.recipe_words(panel),
        "Relative error": wording.errors_words(panel),
    }
