"""What was measured of a map, in sentences, written once for print and page."""

from __future__ import annotations

import math

import numpy as np

from blockscope.figures import captions
from blockscope.figures.data.trust import LabelTrust, Losses, Randomised, TrustPanel
from blockscope.figures.sanity_words import likeness_words
from blockscope.io.counts import counted

STEP = 1  # of the curves: what the first sentence tells


def sentences(panel: TrustPanel, label: LabelTrust) -> list[str]:
    """Say of one label what the plots show, with numbers."""
    found = [
        _removal(panel, label),
        _agreement(panel, label),
        _completeness(panel, label),
        _strongest_group(panel, label),
    ]
    return [*found, _sanity(label.randomised)] if label.randomised else found


def attributed(panel: TrustPanel) -> str:
    """Name what exact losses are compared with."""
    return "attribution" if panel.baseline == "zero" else "gradient x change"


def replaced(panel: TrustPanel) -> str:
    """Say what is done to a position that is taken away."""
    return "set to zero" if panel.baseline == "zero" else "set to the channels' means"


def group_note(panel: TrustPanel) -> str:
    """Say how neuron groups are taken away; empty where that is plain."""
    if panel.baseline == "zero":
        return ""
    return "A group that is taken away is set to its mean over the positions, the same everywhere."


def _removal(panel: TrustPanel, label: LabelTrust) -> str:
    curves = label.curves
    count, total = int(curves.counts[STEP]), int(curves.counts[-1])
    lost = float(curves.deletion[0] - curves.deletion[STEP])
    random = float(curves.mean[0] - curves.mean[STEP])
    spread = float(curves.sd[STEP])
    full = max(abs(lost), abs(random), spread)
    if total == 1:
        return f"Setting the only position to zero {_change(panel, lost, full)}."
    which = "the strongest position" if count == 1 else f"the {count} strongest positions"
    others = "a random one" if count == 1 else f"{count} random ones"
    return (
        f"Setting {which} of {total} to zero {_change(panel, lost, full)}; {others} "
        f"{_verb(random, plural=count > 1)} it by {captions.number(abs(random), _size(full))} "
        f"\N{PLUS-MINUS SIGN} {captions.number(spread, _size(full))}."
    )


def _agreement(panel: TrustPanel, label: LabelTrust) -> str:
    own, other = ("the map", " of gradient x activation and exact losses")
    if panel.baseline != "zero":  # of which the map, counting from zero, says nothing
        own, other = ("gradient x change", "")
    positions, channels = (_correlation(label.losses[kind]) for kind in ("positions", "channels"))
    return (
        f"Rank correlation of {own} and exact losses by single positions: {positions};{other} by "
        f"single channels: {channels} (1: the same order, 0: none)."
    )


def _completeness(panel: TrustPanel, label: LabelTrust) -> str:
    full = max(abs(label.attributed), abs(label.whole))
    change = _change(panel, label.whole, full)
    if panel.baseline == "zero":
        added = captions.signed(label.attributed, full)
        return f"Setting the whole layer to zero {change}; the map adds up to {added}."
    linear = _first_order(label.attributed, full)
    return f"Setting the whole layer to the channels' means {change}, {linear}."


def _strongest_group(panel: TrustPanel, label: LabelTrust) -> str:
    groups = label.losses["groups"]
    group = int(np.abs(groups.exact).argmax())
    lost, linear = float(groups.exact[group]), float(groups.attributed[group])
    full = max(abs(lost), abs(linear))
    count = len(groups.exact)
    which = (
        f"Of {count} neuron groups, group {group + 1} matters most: taking it away"
        if count > 1
        else "Taking the only neuron group away"
    )
    return f"{which} {_change(panel, lost, full)}, {_first_order(linear, full)}."


def _sanity(randomised: Randomised) -> str:
    above, point = randomised.above[-1], randomised.curve[-1]
    if not point.count:
        return f"With all weights above {above} drawn anew, the map is constant."
    networks = "one network" if point.count == 1 else f"{point.count} networks"
    return (
        f"With all weights above {above} drawn anew ({networks}), ranks of the map correlate "
        f"{likeness_words(point)} with this one's: near 0 if it shows what was learned."
    )


def _change(panel: TrustPanel, lost: float, full: float) -> str:
    size = captions.number(abs(lost), _size(full))
    return f"{_verb(lost)} its {panel.unit} by {size}"


def _first_order(lost: float, full: float) -> str:
    return f"to first order {_verb(lost)} it by {captions.number(abs(lost), _size(full))}"


def _verb(lost: float, plural: bool = False) -> str:
    return ("lower" if lost >= 0 else "raise") + ("" if plural else "s")


def _size(full: float) -> float:
    return full if full > 0 else 1.0


def _correlation(losses: Losses) -> str:
    if losses.exact.size < 2:
        return "undefined (there is only one)"
    value = losses.rank_correlation
    return "undefined (one of both is constant)" if math.isnan(value) else captions.ratio(value)


def foot(panel: TrustPanel) -> str:
    """Say what the plots mean, and what none of them can tell."""
    layer, override, zero = panel.run.layer1, panel.run.override, panel.baseline == "zero"
    if zero:
        own = (
            "the network's own gradient"
            if override == "none"
            else f"the override {override}; channels and groups the network's own gradient"
        )
        exact = f"with a part of {layer} set to zero. The map follows {own}."
    else:
        exact = (
            f"with a part of {layer} set to the channel's mean over the positions, a neuron group "
            "to its own. Gradient x change is of the same change, activation less mean, by the "
            "network's own gradient; the run's map, which counts from zero"
            f"{'' if override == 'none' else f' and follows the override {override}'}, orders the "
            "positions of deletion and insertion."
        )
    return (
        f"Exact losses: the network computed again {exact} On the diagonal, {attributed(panel)} "
        "says exactly what is lost. "
        "Deletion: the strongest positions of the map set to zero first; insertion: put in first. "
        f"Grey: {counted(panel.orders, 'random order')} of deletion, mean and twice their standard "
        "deviation on either side. "
        f"Neuron groups leave {panel.relative_error:.2f} of the activations' norm unexplained. "
        f"A layer with parts at {'zero' if zero else 'their mean'} may be unlike any that an image "
        "gives."
    )
