"""Words and numbers that the figure and the page share, so that they cannot disagree."""

from __future__ import annotations

import math
from collections.abc import Sequence

from blockscope.figures.data.groups import GroupsPanel, LayerGroups, Weight
from blockscope.figures.data.request import Asked, Contrast

ARTICLE = {
    "authors": "Olah, Satyanarayan, Johnson, Carter, Schubert, Ye and Mordvintsev",
    "title": "The Building Blocks of Interpretability",
    "journal": "Distill",
    "year": 2018,
    "doi": "10.23915/distill.00010",
}

_HIDES = {
    "none": (
        "No gradient was overridden: the maps follow the network's own gradient, which max pooling "
        "passes to single positions only. Much of their checkered grain comes from that."
    ),
    "smooth": (
        "The override replaces the gradient of max pooling by that of a smooth pooling. It takes "
        "the grain out of the maps, and with it what the network really does at a pooling: it "
        "helps the eye and supports no conclusion about the network."
    ),
    "smooth-blur": (
        "The override replaces the gradient of max pooling by that of a smooth pooling, blurred. "
        "It takes the grain out of the maps, and with it what the network really does at a "
        "pooling: it helps the eye and supports no conclusion about the network."
    ),
}


def override_words(override: str) -> str:
    """Name a gradient override in a caption."""
    return "no gradient override" if override == "none" else f"gradient override {override}"


def what_override_hides(override: str) -> str:
    """Say in one or two sentences what a reader must not read out of the maps."""
    other = (
        f"The override {override} replaces gradients inside the network. The maps show what that "
        "gradient says, which is not what the network itself does."
    )
    return _HIDES.get(override, other)


def recipe_words(panel: GroupsPanel) -> str:
    """Say how the factors were made, as the end of a caption."""
    first, second = panel.layers
    method = {"nmf": "NMF", "pca": "PCA"}.get(second.method, second.method)
    noun = "factor" if second.factors == 1 else "factors"
    count = f"{second.factors} {noun}"
    if panel.shared:
        other = first.layer if first.layer != second.fit_layer else second.layer
        return f"{method}, {count} fitted on {second.fit_layer} and applied to {other}"
    if {first.recipe, second.recipe} == {"joint"}:
        return f"{method}, {count} fitted on {first.fit_layer} and on {second.fit_layer}"
    labels = f", all {panel.labels} labels" if panel.labels else ""
    return f"{method} of each layer alone, {count}{labels}"


def run_words(asked: Asked) -> str:
    """Say in one line what a run asks of which network."""
    layers = f"layers {asked.layer1} and {asked.layer2}"
    return f"Model {asked.model}, image {asked.image}, {layers}, {override_words(asked.override)}"


def pair_caption(asked: Asked, pair: Contrast, gradient: bool = True) -> str:
    """Say in one line what a panel about two labels shows of which network."""
    parts = [f"Model {asked.model}", f"image {asked.image}"]
    parts += [override_words(asked.override)] if gradient else []
    return ", ".join(parts) + f"; {compared_words(pair)}"


def compared_words(pair: Contrast) -> str:
    """Say which labels are compared."""
    first, *others = pair.names
    if pair.logsumexp:
        return f"{first} against logsumexp of all logits"
    return f"{first} against {others[0]}" if others else f"{first} against nothing"


def spatial_words(pair: Contrast) -> str:
    """Say what the colours of spatial attribution mean, for the foot of the figure."""
    hues = "orange for the first, blue for the second" if len(pair.names) > 1 else "orange"
    return (
        f"Above: how much a position speaks for the label{'s' if len(pair.names) > 1 else ''} "
        f"({hues}; brightness: magnitude, grey: none; what speaks against is not drawn). Below: "
        "how much a position counts for the one outlined, or the one outlined for it (green: adds, "
        "violet: takes away, dark grey: none), in units of the later layer's activations, each map "
        "on its own scale."
    )


def overrides_words(asked: Asked, cell: object) -> str:
    """Say what the rows of the panel of overrides are, for its foot."""
    return (
        "One column for each gradient of max pooling: the network's own, that of a smooth pooling, "
        "and that one blurred. Orange and blue: how much a position speaks for either label, each "
        f"map on its own scale. Green and violet: what adds to the outlined position of "
        f"{asked.layer2} ({cell}), and what takes away. The overrides help the eye; they hide what "
        "the network does at a pooling."
    )


def caption(panel: GroupsPanel) -> str:
    """Say in one line what was asked: model, image, override and recipe."""
    parts = (
        f"Model {panel.model}",
        f"image {panel.image}",
        override_words(panel.override),
        recipe_words(panel),
    )
    return ", ".join(parts[:3]) + "; " + parts[3]


def encoding_words(panel: GroupsPanel) -> str:
    """Say what colour, brightness and bars mean, for the foot of the figure."""
    signed = any(layer.method == "pca" for layer in panel.layers)
    two = any(layer.factors == 2 for layer in panel.layers)
    return (
        f"Hue: factor. Brightness: magnitude{', grey: average' if two else ''}. Negative "
        "attributions were set to 0 before factoring"
        f"{'; negative values of a factor are drawn as 0' if signed else ''}. "
        "Bars: weight of a label in a factor. "
        f"Relative error of the factors: {errors_words(panel)}."
    )


def errors_words(panel: GroupsPanel) -> str:
    """Give the relative error of each layer's factors."""
    return ", ".join(f"{layer.layer} {layer.relative_error:.2f}" for layer in panel.layers)


def legend_title(panel: GroupsPanel, layer: LayerGroups) -> str:
    """Name the legend of a layer, or the one legend of both."""
    return f"Factors fitted on {layer.fit_layer}" if panel.shared else f"Factors of {layer.layer}"


def legends(panel: GroupsPanel) -> list[LayerGroups]:
    """Return the layers whose factors need a legend: one of them where both share their factors."""
    return [panel.layers[1]] if panel.shared else list(panel.layers)


def largest(weights: Sequence[Sequence[Weight]]) -> float:
    """Return the largest value of all, the full length of a bar; 1 where none is positive."""
    top = max((weight.value for row in weights for weight in row), default=0.0)
    return top if top > 0 else 1.0


def number(value: float, full: float) -> str:
    """Write a weight with the decimals that three digits of the largest one need."""
    if not math.isfinite(value):
        return str(value)
    magnitude = math.floor(math.log10(full))
    if not -3 <= magnitude <= 4:
        return f"{value:.1e}"
    return f"{value:.{max(0, 2 - magnitude)}f}".replace("-", "\N{MINUS SIGN}")


def percent(probability: float) -> str:
    """Write a probability as a percentage, one that rounds to nothing as a bound."""
    share = 100 * probability
    return "< 0.1 %" if share < 0.05 else f"{share:.1f} %"
