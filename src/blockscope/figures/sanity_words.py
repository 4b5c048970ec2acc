"""Words and colours of the panel of randomised networks, for print and page."""

from __future__ import annotations

from blockscope.figures import captions
from blockscope.figures.data.sanity import Likeness, SanityPanel, SanityPlace
from blockscope.figures.palettes import AGAINST, FOR
from blockscope.io.counts import counted

COLOURS = ("#1a1a1a", FOR, AGAINST)
"""Of the overrides, in their order."""


def place_words(place: SanityPlace) -> str:
    """Say which weights were drawn anew."""
    which = "all above" if place.kind == "cascading" else "one block above"
    return f"{which} {place.above}"


def likeness_words(point: Likeness) -> str:
    """Write a mean with its deviation."""
    if not point.count:
        return "no number"
    mean = captions.ratio(point.mean)
    return mean if point.count < 2 else f"{mean} \N{PLUS-MINUS SIGN} {point.deviation:.2f}"


def explanation(panel: SanityPanel) -> str:
    """Say what the curves show and what they do not."""
    layer, most = panel.run.layer1, max((place.seeds for place in panel.places), default=0)
    seeds = "one seed" if most == 1 else f"{most} seeds, bars: standard deviation"
    words = (
        f"Likeness of a label's map at {layer} to that of the trained network, mean of {seeds}. 1: "
        "the same map. Rank correlation 0: nothing in common; SSIM is higher then where maps are "
        "sparse, as they share their empty ground. The values of each tensor of weights were "
        f"shuffled (Adebayo et al. 2018). A map that stays alike when the network above {layer} is "
        f"shuffled shows the activations of {layer} rather than what was learned of the label."
    )
    if any(place.moved for place in panel.places):
        words += f" Shaded: weights below {layer} too, so its activations are others."
    if panel.constant:
        maps, verb = counted(panel.constant, "map"), "is" if panel.constant == 1 else "are"
        words += f" {maps} {verb} constant, without a number, and left out of the means."
    return words
