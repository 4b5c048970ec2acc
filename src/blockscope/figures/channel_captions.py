"""Words and numbers of the panels on channels, in print and on the page."""

from __future__ import annotations

import math
from collections.abc import Sequence

from blockscope.figures import captions
from blockscope.figures.data.channels import LayerChannels, MethodChannels
from blockscope.figures.data.request import Contrast

MINUS = "\N{MINUS SIGN}"

WHAT = {
    "linear": "activation times gradient at the picture",
    "path": (
        "activation times the mean of gradients on the straight path from an empty layer to the "
        "picture, of which so many are taken that the sum is right"
    ),
    "path-left-100": (
        "activation times the mean gradient on the straight path from an empty layer to the "
        "picture, by 100 equal steps"
    ),
    "stochastic": (
        "activation times the mean gradient near the path, each channel scaled at random at every "
        "step; it is not meant to add up"
    ),
}
"""What each method multiplies, in one line."""


def what_method(method: str) -> str:
    """Say what a method multiplies, as the beginning or the end of a sentence."""
    return WHAT.get(method, "a method of its own")


def signed(value: float, full: float) -> str:
    """Write a value with its sign and the decimals that three digits of ``full`` need."""
    size = captions.number(abs(value), full if full > 0 else 1.0)
    if value == 0 or math.isnan(value):
        return size
    return f"{'+' if value > 0 else MINUS}{size}"


def percent(share: float) -> str:
    """Write a signed error as a percentage; one that rounds to nothing as a bound."""
    if not math.isfinite(share):
        return "not defined"
    size = abs(100 * share)
    if size == 0:
        return "0 %"
    if size < 0.005:
        return "< 0.01 %"
    digits = 2 if size < 1 else 1 if size < 100 else 0
    return f"{'+' if share > 0 else MINUS}{size:.{digits}f} %"


def sides(pair: Contrast) -> tuple[str, str]:
    """Say towards what a channel above zero counts, and one below zero."""
    if pair.second is None:
        return f"Towards {pair.names[0]}", f"Away from {pair.names[0]}"
    return f"Towards {pair.names[0]}", f"Towards {pair.names[1]}"


def counts(found: MethodChannels) -> str:
    """Count the channels in each direction, and those of no attribution at all."""
    above, below = int((found.values > 0).sum()), int((found.values < 0).sum())
    rest = len(found.values) - above - below
    return f"{len(found.values)} channels: {above} above zero, {below} below, {rest} at zero"


def adding_up(layer: LayerChannels, found: MethodChannels) -> str:
    """Compare the sum over all channels with what it would be if the attribution were complete."""
    full = max(abs(found.total), abs(layer.rise))
    total, rise = signed(found.total, full), signed(layer.rise, full)
    return (
        f"All channels add up to {total}; from an empty layer to the picture the score changes by "
        f"{rise}: completeness error {percent(found.completeness_error)}"
    )


def encoding(layers: Sequence[LayerChannels], crops: bool = True) -> str:
    """Say what bars and pictures mean, for the foot of a panel."""
    maps = "the channel's activations over the input, dark blue: none, yellow: its largest"
    if all(layer.sprites for layer in layers):
        maps = "what the channel responds to, from the spritemap of the layer"
    elif any(layer.sprites for layer in layers):
        maps = f"what the channel responds to where the layer has a spritemap, else {maps}"
    words = (
        "Thin bars: every channel, the largest value first; those in full colour are shown below. "
        "Under a picture: the channel's number, its value and the value's size as a bar. "
        f"{'Upper pictures' if crops else 'Pictures'}: {maps}."
    )
    if not crops:
        return words
    return f"{words} Lower pictures: the part of the input around the channel's largest activation."


def channels_foot(layers: Sequence[LayerChannels], method: str, override: str) -> str:
    """Say what the marks mean and what the sum tells, for the foot of the panel of channels."""
    return " ".join([encoding(layers), *_caveats({method}, override)])


def methods_foot(layer: LayerChannels, override: str) -> str:
    """Say what the table and the marks mean, for the foot of the panel of methods."""
    table = (
        "Sum: of all channels. Rise: the score, less the score of an empty layer. Error: how far "
        "the sum is from the rise, in % of it. Gradients: how many were taken. All bars have one "
        "scale."
    )
    held = {found.method for found in layer.methods}
    return " ".join([table, encoding([layer], crops=False), *_caveats(held, override)])


def _caveats(methods: set[str], override: str) -> list[str]:
    if override != "none":
        words = f"With the override {override} the gradients are not those of the score, so that no"
        return [f"{words} method has to add up."]
    if "linear" in methods:
        return ["A single gradient adds up only where the network is linear."]
    return []
