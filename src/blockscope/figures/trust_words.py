"""What was measured of a map, in sentences, written once for print and page."""

from __future__ import annotations

import math

import numpy as np

from blockscope.figures import captions
from blockscope.figures.data.trust import LabelTrust, Randomised, TrustPanel

STEP = 1  # of the curves: what the first sentence tells
FROM_ZERO = ", which counts from zero,"


def sentences(panel: TrustPanel, label: LabelTrust) -> list[str]:
    """Say of one label what the plots show, with numbers."""
    found = [
        _removal(panel, label),
        _agreement(label),
        _completeness(panel, label),
        _strongest_group(panel, label),
    ]
    return [*found, _sanity(label.randomised)] if label.randomised else found


def _removal(panel: TrustPanel, label: LabelTrust) -> str:
    curves = label.curves
    count, total = int(curves.counts[STEP]), int(curves.counts[-1])
    lost = float(curves.deletion[0] - curves.deletion[STEP])
    random = float(curves.mean[0] - curves.mean[STEP])
    spread = float(curves.sd[STEP])
    full = max(abs(lost), abs(random), spread)
    which = "the strongest position" if count == 1 else f"the {count} strongest positions"
    others = "a random one" if count == 1 else f"{count} random ones"
    return (
        f"Taking {which} of {total} away {_change(panel, lost, full)}; {others} "
        f"{_verb(random, plural=count > 1)} it by {captions.number(abs(random), _size(full))} "
        f"\N{PLUS-MINUS SIGN} {captions.number(spread, _size(full))}."
    )


def _agreement(label: LabelTrust) -> str:
    positions, channels = label.losses["positions"], label.losses["channels"]
    return (
        f"Ranks of the map and of exact losses by single positions correlate "
        f"{_correlation(positions.rank_correlation)}; of gradient x activation and exact losses by "
        f"single channels {_correlation(channels.rank_correlation)} (1: the same order, 0: none)."
    )


def _completeness(panel: TrustPanel, label: LabelTrust) -> str:
    full = max(abs(label.attributed), abs(label.whole))
    attributed = captions.signed(label.attributed, full)
    at, counts = ("zero", "") if panel.baseline == "zero" else ("the channels' means", FROM_ZERO)
    return (
        f"Setting the whole layer to {at} {_change(panel, label.whole, full)}; the map{counts} "
        f"adds up to {attributed}."
    )


def _strongest_group(panel: TrustPanel, label: LabelTrust) -> str:
    groups = label.losses["groups"]
    group = int(np.abs(groups.exact).argmax())
    lost, linear = float(groups.exact[group]), float(groups.attributed[group])
    full = max(abs(lost), abs(linear))
    return (
        f"Of {len(groups.exact)} neuron groups, group {group + 1} matters most: taking it away "
        f"{_change(panel, lost, full)}, to first order {_verb(linear)} it by "
        f"{captions.number(abs(linear), _size(full))}."
    )


def _sanity(randomised: Randomised) -> str:
    above, mean, sd = randomised.above[-1], randomised.mean[-1], randomised.sd[-1]
    count = int(randomised.count[-1])
    if math.isnan(mean):
        return f"With all weights above {above} drawn anew, the map is constant."
    networks = "one network" if count == 1 else f"{count} networks"
    spread = "" if math.isnan(sd) else f" \N{PLUS-MINUS SIGN} {sd:.2f}"
    return (
        f"With all weights above {above} drawn anew ({networks}), ranks of the map correlate "
        f"{_two(mean)}{spread} with this one's: near 0 if it shows what was learned."
    )


def _change(panel: TrustPanel, lost: float, full: float) -> str:
    size = captions.number(abs(lost), _size(full))
    return f"{_verb(lost)} its {panel.unit} by {size}"


def _verb(lost: float, plural: bool = False) -> str:
    return ("lower" if lost >= 0 else "raise") + ("" if plural else "s")


def _size(full: float) -> float:
    return full if full > 0 else 1.0


def _correlation(value: float) -> str:
    return "is undefined (one of both is constant)" if math.isnan(value) else _two(value)


def _two(value: float) -> str:
    rounded = round(value, 2) + 0.0  # no negative zero
    return f"{rounded:.2f}".replace("-", captions.MINUS)


def foot(panel: TrustPanel) -> str:
    """Say what the plots mean, and what none of them can tell."""
    override = panel.run.override
    own = (
        "the network's own gradient"
        if override == "none"
        else f"the override {override}; channels and groups the network's own gradient"
    )
    at = "zero" if panel.baseline == "zero" else "the channel's mean over the positions"
    # Gradient x activation is not gradient x change there, not even in a linear network.
    aside = "" if panel.baseline == "zero" else f" (not of positions: the map{FROM_ZERO} differs)"
    return (
        f"Exact losses: the network computed again with a part of {panel.run.layer1} set to {at}. "
        f"The map follows {own}. On the diagonal, attribution says exactly what is lost{aside}. "
        "Deletion: the strongest positions of the map set to zero first; insertion: put in first. "
        "Grey: random orders of deletion, mean and twice their standard deviation on either side. "
        f"Neuron groups leave {panel.relative_error:.2f} of the activations' norm unexplained. "
        "A layer with parts at zero may be unlike any that an image gives."
    )
