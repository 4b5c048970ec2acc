"""The printed panel "trust": what was measured of the map of the earlier layer, for each label."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np

from blockscope.config.settings import RunRow
from blockscope.figures import captions, trust_words
from blockscope.figures.data.panel_files import PanelFiles
from blockscope.figures.data.trust import (
    Curves,
    LabelTrust,
    Losses,
    Randomised,
    TrustPanel,
)
from blockscope.figures.print.parts.bar_list import LINE, TEXT_PT
from blockscope.figures.print.parts.layout import EDGE, GAP, Place, begin, finish, heading
from blockscope.figures.print.parts.plot import Plot, span
from blockscope.figures.print.parts.sheet import Sheet
from blockscope.figures.style import Style

LEAST, MOST = 31.0, 58.0  # mm, width of a plot
HUES = ("#e66101", "#0571b0")  # of the first and the second label, as in the maps
BAND, RANDOM = "#e2e2e2", "#9a9a9a"
INSERTION = "#1a1a1a"
SCATTERS = {"positions": "Positions", "channels": "Channels", "groups": "Neuron groups"}


@dataclass(frozen=True)
class Drawing:
    """One plot: its heading, and what places it, returning where it ends."""

    title: str
    place: Callable[[Place], float]


def compose(run: RunRow, files: PanelFiles, style: Style) -> Sheet:
    """Read the files of a run and place the panel on a sheet."""
    panel = TrustPanel.of_run(run, files)
    caption = captions.contrast_caption(run, panel.contrast)
    caption += f"; the map of layer {run.layer1}"
    sheet, top = begin("trust", run, caption, style)
    for label, hue in zip(panel.labels, HUES, strict=False):
        heading(sheet, EDGE, top + 2.4, sheet.width - 2 * EDGE, label.name, "")
        top = _plots(sheet, panel, label, hue, top + 4.0)
        for words in trust_words.sentences(panel, label):
            top = sheet.paragraph(
                EDGE, top, words, TEXT_PT, width=sheet.width - 2 * EDGE, leading=LINE
            )
        top += GAP
    return finish(sheet, trust_words.foot(panel), top - GAP / 2)


def _plots(sheet: Sheet, panel: TrustPanel, label: LabelTrust, hue: str, top: float) -> float:
    """Place the plots of a label in rows; returns where they end."""
    unit = f"{panel.unit}s"
    names = (f"{trust_words.attributed(panel)} ({unit})", f"exact loss ({unit})")
    drawings = [
        Drawing(title, partial(_scatter, sheet, label.losses[kind], names, hue))
        for kind, title in SCATTERS.items()
    ]
    curves = partial(_curves, sheet, label.curves, unit, hue)
    drawings.append(Drawing("Deletion, insertion", curves))
    randomised = label.randomised
    if randomised:
        curve = partial(_sanity, sheet, randomised, hue)
        drawings.append(Drawing("Weights drawn anew", curve))
    inner = sheet.width - 2 * EDGE
    across = max(1, min(len(drawings), int((inner + GAP) // (LEAST + GAP))))
    width = min(MOST, (inner - GAP * (across - 1)) / across)
    for first in range(0, len(drawings), across):
        ends = []
        for place, drawing in enumerate(drawings[first : first + across]):
            at = Place(EDGE + place * (width + GAP), top + LINE, width)
            ends.append(drawing.place(at))
            Plot(sheet, at, (0, 1), (0, 1)).title(drawing.title)
        top = max(ends)
    return top


def _scatter(sheet: Sheet, losses: Losses, names: tuple[str, str], hue: str, at: Place) -> float:
    """Place exact losses against attributed ones; returns where the plot ends."""
    both = span(losses.attributed, losses.exact)
    plot = Plot(sheet, at, both, both)
    end = plot.frame(names)
    plot.diagonal()
    plot.dots(losses.attributed.ravel(), losses.exact.ravel(), hue)
    return end


def _curves(sheet: Sheet, curves: Curves, unit: str, hue: str, at: Place) -> float:
    """Place deletion and insertion with the band of random orders; returns where they end."""
    low, high = curves.mean - 2 * curves.sd, curves.mean + 2 * curves.sd
    up = span(curves.deletion, curves.insertion, low, high)
    plot = Plot(sheet, at, (0.0, float(curves.counts[-1])), up)
    plot.band(curves.counts, low, high, BAND)
    plot.curve(curves.counts, curves.mean, RANDOM, 0.6)
    plot.curve(curves.counts, curves.insertion, INSERTION, 0.6)
    plot.curve(curves.counts, curves.deletion, hue, 1.1)
    names = ("positions; colour: taken away, black: put in", f"the label's {unit[:-1]}")
    return plot.frame(names)


def _sanity(sheet: Sheet, randomised: Randomised, hue: str, at: Place) -> float:
    """Place rank correlation with randomised networks' maps against depth; returns its end."""
    known = [(place, point) for place, point in enumerate(randomised.curve) if point.count]
    places = np.array([place for place, _ in known], np.intp)
    mean, sd = (np.array([getattr(point, of) for _, point in known]) for of in ("mean", "bar"))
    up = (min(span(mean - sd)[0], 0.0), 1.0)
    last = len(randomised.curve) - 1
    across = (-0.25, last + 0.25)
    plot = Plot(sheet, at, across, up)
    plot.band(places, mean - sd, mean + sd, BAND)
    plot.curve(places, mean, hue, 1.1)
    plot.dots(places, mean, hue)
    names = (f"weights drawn down to {', '.join(randomised.above)}", "rank correlation")
    return plot.frame(names, counted=False)
