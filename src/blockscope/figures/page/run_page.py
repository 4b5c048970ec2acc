"""The page of one run: its panels to look through, in a single HTML file.

The page asks nothing of a network: pictures, arrays, style and script are inside, and a content
security policy forbids the rest. Without a script it still shows the attribution groups, and leads
to the printed panels.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from blockscope.config.panels import PANELS
from blockscope.config.settings import RunRow
from blockscope.figures import captions, colour
from blockscope.figures.data.factors import FactorsPanel, LayerFactors, Weight
from blockscope.figures.data.maps import grid_words
from blockscope.figures.data.panel_files import PanelFiles
from blockscope.figures.image_encoding import enlarge, image_uri, png_uri
from blockscope.figures.page.html import as_html, link, script
from blockscope.figures.page.payload import payload
from blockscope.figures.style import Style
from blockscope.io import images
from blockscope.io.atomic_files import atomic_write_text
from blockscope.io.errors import BadFile

LARGEST_INPUT = 512  # pixels of the longer side shown; larger inputs are scaled down in the page
LARGEST_PAGE = 2_990_000  # bytes
ARRAYS_SHARE = 90  # percent of the room left for arrays and pictures; the rest is names and scales
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
class _Groups:
    panel: FactorsPanel
    layers: Sequence[_Layer]
    legends: Sequence[_Legend]
    probabilities: Sequence[_Row]
    signed: bool


@dataclass(frozen=True)
class _Section:
    name: str
    title: str
    what: str
    files: Mapping[str, str]  # address by kind
    contacts: Mapping[str, str]  # address of all sprites of a layer, by its name


@dataclass(frozen=True)
class _Legend:
    title: str
    scope: str  # number of the layer whose picture it isolates factors in, or "both"
    factors: Sequence[_Factor]


def write_page(
    output: str | os.PathLike[str],
    run: RunRow,
    panels: Sequence[str],
    files: PanelFiles,
    facts: Mapping[str, str | int | float],
    style: Style | None = None,
    gallery: str | os.PathLike[str] | None = None,
) -> None:
    """Write the page of a run.

    output    the page; links in it are relative to its folder, where the printed panels lie too
    panels    what it shows, in order: names of `config.panels.PANELS`
    files     the files of all its panels, by the names of ``config.paths.panel_files``
    facts     provenance: shown as a table, and as JSON in the element "blockscope-provenance"
    style     opacity at the start, and whether positions are blended
    gallery   the page of all runs, to lead back to

    Arrays get as many bits as a page of 3 MB has room for. Raises ``BadFile`` where even the
    coarsest do not fit.
    """
    style = style or Style()
    picture, _ = images.read_input(files.one("image"))
    rows, cols, _ = picture.shape
    shown = _groups(run, files, style) if "factors" in panels else None
    uri = image_uri(_input_for_page(picture))
    content = {
        "run": run,
        "caption": captions.run_caption(run),
        "sections": [_section(name, run, files, output) for name in panels],
        "groups": shown,
        "hides": captions.override_caveat(run.override),
        "opacity": style.opacity,
        "smooth": style.interpolate,
        "input_uri": uri,
        "input_size": grid_words(picture),
        "ratio": f"{cols} / {rows}",
        "summary": _summary(run, shown),
        "gallery": link(gallery, output) if gallery is not None else None,
        "facts": dict(facts),
        "bundle": script("page.bundle.js"),
    }
    without = as_html("page.html.j2", **content, data={})
    room = LARGEST_PAGE - len(without.encode()) - len(uri)
    data = payload(run, panels, files, uri, style, room * ARRAYS_SHARE // 100)
    text = as_html("page.html.j2", **content, data=data)
    if len(text.encode()) > LARGEST_PAGE:
        raise BadFile(
            f"the page of run '{run.run}' would have {len(text.encode()) / 1e6:.1f} MB, with "
            f"{len(panels)} panels; a page has at most 3 MB: show fewer panels in one run, or a "
            "later layer (columns panels, layer1)"
        )
    atomic_write_text(output, text)


def _section(name: str, run: RunRow, files: PanelFiles, output: str | os.PathLike[str]) -> _Section:
    printed = {
        kind.upper(): link(Path(output).with_name(f"{name}.{kind}"), output)
        for kind in ("pdf", "svg", "png")
    }
    contacts = {
        run.layers[number - 1]: link(path, output)
        for number in PANELS[name].sprite_layers
        for path in files.many(f"contact{number}")
    }
    return _Section(name, PANELS[name].title, PANELS[name].summary, printed, contacts)


def _groups(run: RunRow, files: PanelFiles, style: Style) -> _Groups:
    panel = FactorsPanel.of_run(run, files, style.top_labels)
    return _Groups(
        panel=panel,
        layers=[_layer(layer) for layer in panel.layers],
        legends=_legends(panel),
        probabilities=_probabilities(panel),
        signed=any(layer.method == "pca" for layer in panel.layers),
    )


def _input_for_page(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    rows, cols, _ = picture.shape
    scale = LARGEST_INPUT / max(rows, cols)
    if scale >= 1:
        return picture
    return enlarge(picture, (max(1, round(rows * scale)), max(1, round(cols * scale))), smooth=True)


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
    """Say in words where a factor is largest, for those who do not see the picture."""
    values = layer.spatial[..., factor]
    names = ", ".join(weight.label for weight in layer.tops[factor][:NAMED_IN_ALT])
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


def _probabilities(panel: FactorsPanel) -> list[_Row]:
    weights = (*panel.probabilities, *panel.requested)
    full = captions.largest([weights])
    return [
        _Row(
            weight.label,
            captions.percent(weight.value),
            _share(weight, full),
            place >= len(panel.probabilities),
        )
        for place, weight in enumerate(weights)
    ]


def _share(weight: Weight, full: float) -> float:
    return round(min(1.0, max(0.0, weight.value / full)), 4)


def _summary(run: RunRow, groups: _Groups | None) -> dict[str, str]:
    """Return the facts of the run that a reader wants first."""
    facts = {
        "Model": run.model,
        "Image": run.image,
        "Layers": " and ".join(run.layers),
        "Gradient override": run.override,
    }
    if groups:
        first, second = groups.panel.layers
        facts["Layers"] = f"{first.layer} ({first.grid}) and {second.layer} ({second.grid})"
        facts["Factors"] = captions.factorisation_caption(groups.panel)
        facts["Relative error of the factors"] = captions.errors_caption(groups.panel)
    return facts
