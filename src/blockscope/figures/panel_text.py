"""What the panels are called, and what each shows; how to read them is in a template."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple


class Reading(NamedTuple):
    """The words at the head of a panel on a page."""

    title: str
    what: str


READINGS: Mapping[str, Reading] = {
    "groups": Reading(
        "Attribution groups", "Which positions speak for which group of labels, at two layers."
    ),
    "spatial": Reading(
        "Spatial attribution",
        "Which positions speak for either label, and which positions of one layer count for those "
        "of the other.",
    ),
    "overrides": Reading(
        "Gradient overrides",
        "The same maps with the network's own gradient, and with both overrides of max pooling.",
    ),
    "channels": Reading(
        "Channel attribution",
        "Which channels of two layers speak for the first label, and which against it.",
    ),
    "methods": Reading(
        "Methods of channel attribution",
        "The same attribution taken at the input, along a path to it, and along a noisy path.",
    ),
    "neurons": Reading(
        "Neuron groups",
        "Neurons that are active together, and what each group of them does to the labels.",
    ),
    "grid": Reading(
        "Activation grids", "What layers see at each position of the input, one picture for each."
    ),
    "dictionary": Reading(
        "Semantic dictionary",
        "Which channels are active at a position, and what each of them responds to.",
    ),
}
