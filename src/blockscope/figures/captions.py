"""Words and numbers of figures, written once for print and page."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence

import numpy as np

from blockscope.config.settings import RunRow
from blockscope.figures.data.channels import LayerChannels, MethodChannels
from blockscope.figures.data.contrasts import Contrast
from blockscope.figures.data.factors import FactorsPanel, LayerFactors, Weight
from blockscope.figures.data.rivals import Score
from blockscope.figures.data.sprites import Sprites
from blockscope.io.counts import counted

ARTICLE = {
    "authors": "Olah, Satyanarayan, Johnson, Carter, Schubert, Ye and Mordvintsev",
    "title": "The Building Blocks of Interpretability",
    "journal": "Distill",
    "year": 2018,
    "doi": "10.23915/distill.00010",
}

MINUS = "\N{MINUS SIGN}"
NOTHING_POSITIVE = "no positive attribution at this layer"

METHOD_MEANING: Mapping[str, str] = {
    "linear": "gradient x activation: activation times the gradient at the input",
    "path": (
        "integrated gradients: activation times the mean gradient on the straight path from an "
        "all-zero layer to the input, in enough steps to satisfy completeness"
    ),
    "path-left-100": (
        "integrated gradients: activation times the mean gradient on the straight path from an "
        "all-zero layer to the input, in 100 left steps"
    ),
    "stochastic": (
        "noisy integrated gradients: activation times the mean gradient near that path, each "
        "channel scaled at random at every step; it need not add up"
    ),
}
"""What each method of channel attribution multiplies, in one line."""

_SMOOTH = (
    "The override replaces the gradient of max pooling with that of a smooth pooling{blurred}. It "
    "removes the checkered grain from the maps, and with it what the network does at a pooling: "
    "use it for display, not for conclusions about the network."
)
_CAVEATS = {
    "none": (
        "No gradient was overridden: the maps follow the network's own gradient, which max pooling "
        "passes to single positions only. Much of their checkered grain comes from that."
    ),
    "smooth": _SMOOTH.format(blurred=""),
    "smooth-blur": _SMOOTH.format(blurred=", blurred"),
}


def override_name(override: str) -> str:
    """Name a gradient override in a caption."""
    return "no gradient override" if override == "none" else f"gradient override {override}"


def override_caveat(override: str) -> str:
    """Say in one or two sentences what the maps do not show."""
    other = (
        f"The override {override} replaces gradients inside the network. The maps show what that "
        "gradient says, which is not what the network itself does."
    )
    return _CAVEATS.get(override, other)


def factorisation_caption(panel: FactorsPanel) -> str:
    """Say how the factors were made, as the end of a caption."""
    first, second = panel.layers
    method = {"nmf": "NMF", "pca": "PCA"}.get(second.method, second.method)
    count = counted(second.factors, "factor")
    if panel.shared:
        other = first.layer if first.layer != second.fit_layer else second.layer
        return f"{method}, {count} fitted on {second.fit_layer} and applied to {other}"
    if {first.recipe, second.recipe} == {"joint"}:
        return f"{method}, {count} fitted on {first.fit_layer} and on {second.fit_layer}"
    all_labels = "the one label" if panel.labels == 1 else f"all {panel.labels} labels"
    labels = f", {all_labels}" if panel.labels else ""
    return f"{method} of each layer separately, {count}{labels}"


def run_caption(run: RunRow) -> str:
    """Say in one line what a run is about."""
    layers = f"layers {run.layer1} and {run.layer2}"
    return f"Model {run.model}, image {run.image}, {layers}, {override_name(run.override)}"


def contrast_caption(run: RunRow, contrast: Contrast, gradient: bool = True) -> str:
    """Say in one line what a panel about two labels shows of which network."""
    parts = [f"Model {run.model}", f"image {run.image}"]
    parts += [override_name(run.override)] if gradient else []
    return ", ".join(parts) + f"; {compared_caption(contrast)}"


def compared_caption(contrast: Contrast) -> str:
    """Say which labels are compared."""
    first, *others = contrast.names
    if contrast.logsumexp:
        return f"{first} against logsumexp of all logits"
    return f"{first} against {others[0]}" if others else f"{first} against nothing"


def spatial_foot(contrast: Contrast) -> str:
    """Say what the colours of spatial attribution mean, for the foot of the figure."""
    hues = "orange for the first, blue for the second" if len(contrast.names) > 1 else "orange"
    return (
        f"Above: how much a position supports the label{'s' if len(contrast.names) > 1 else ''} "
        f"({hues}; brightness: magnitude, grey: none; negative values are not drawn). Below: how "
        "much a position contributes to the outlined one, or the outlined one to it (green: adds, "
        "violet: subtracts, dark grey: nothing), in units of the later layer's activations, each "
        "map on its own scale."
    )


def overrides_foot(run: RunRow, cell: object) -> str:
    """Say what the rows of the panel of overrides are, for its foot."""
    return (
        "One column for each gradient of max pooling: the network's own, that of a smooth pooling, "
        "and the same blurred. Orange and blue: how much a position supports either label, each "
        "map on its own scale. Green and violet: what adds to the outlined position of "
        f"{run.layer2} ({cell}), and what subtracts. The overrides are for display; they hide "
        "what the network does at a pooling."
    )


def score_numbers(score: Score) -> tuple[list[str], str]:
    """Write the scores of all maps with digits of the largest one, and what chance gives."""
    sizes = np.abs(score.values[np.isfinite(score.values)])
    full = float(sizes.max(initial=0.0)) or 1.0
    numbers = [number(value, full) if math.isfinite(value) else "-" for value in score.values]
    if score.chance is None:
        return numbers, ""
    mean, spread = (number(value, full) for value in score.chance)
    return numbers, f"{mean} \N{PLUS-MINUS SIGN} {spread}" if score.chance[1] else mean


def rivals_foot(run: RunRow, unit: str, orders: int, objects: bool) -> str:
    """Say what the maps and the scores of the panel of rival maps are, for its foot."""
    own = (
        "activation times gradient, summed over channels: HiResCAM"
        if run.override == "none"
        else f"activation times the gradient of the override {run.override}, summed over channels. "
        "HiResCAM is the same with the exact gradient, which all others follow too"
    )
    return (
        f"Attribution: {own}. Green: for the label, violet: against it, dark grey: nothing; each "
        "map has its own scale. "
        f"Deletion, insertion: mean {unit} while the strongest positions are taken away (good: "
        "small) or put in (good: large), their pixels blurred or their vectors in the layer set to "
        f"zero; in brackets the mean of {counted(orders, 'random order')}, with their standard "
        "deviation. Sensitivity: largest relative change under small noise. Infidelity: mean "
        "squared error for random sets of positions. Sparseness: Gini index."
        + (
            " The others: how well the map finds the label's object; in brackets its share of the "
            "image, which is chance. A fraction in the pointing game: the strongest position is "
            "partly in it. "
            if objects
            else " "
        )
        + "Bold: the best of a row, by however little."
    )


def factors_caption(panel: FactorsPanel) -> str:
    """Say in one line what the factors are of, and how they were made."""
    run = panel.run
    where = f"Model {run.model}, image {run.image}, {override_name(run.override)}"
    return f"{where}; {factorisation_caption(panel)}"


def factors_foot(panel: FactorsPanel) -> str:
    """Say what colour, brightness and bars mean, for the foot of the figure."""
    signed = any(layer.method == "pca" for layer in panel.layers)
    two = any(layer.factors == 2 for layer in panel.layers)
    return (
        f"Hue: factor. Brightness: magnitude{', grey: average' if two else ''}. Negative "
        "attributions were set to 0 before factoring"
        f"{'; negative values of a factor are drawn as 0' if signed else ''}. "
        "Bars: weight of a label in a factor. "
        f"Relative error of the factors: {errors_caption(panel)}."
    )


def errors_caption(panel: FactorsPanel) -> str:
    """Give the relative error of each layer's factors."""
    return ", ".join(
        f"{layer.layer} {layer.relative_error:.2f}"
        if layer.relative_error is not None
        else f"{layer.layer} ({NOTHING_POSITIVE})"
        for layer in panel.layers
    )


def legend_title(panel: FactorsPanel, layer: LayerFactors) -> str:
    """Name the legend of a layer, or the one legend of both."""
    return f"Factors fitted on {layer.fit_layer}" if panel.shared else f"Factors of {layer.layer}"


def legends(panel: FactorsPanel) -> list[LayerFactors]:
    """Return the layers whose factors need a legend: only one where both share their factors."""
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
    form = f".{max(0, 2 - magnitude)}f" if -3 <= magnitude <= 4 else ".1e"
    text = f"{abs(value):{form}}"
    return f"{MINUS}{text}" if value < 0 and float(text) else text


def ratio(value: float) -> str:
    """Write a correlation or the like with two decimals; one that rounds to zero without sign."""
    return f"{round(value, 2) + 0.0:.2f}".replace("-", MINUS)


def highest_title(panel: FactorsPanel) -> str:
    """Name the list of the labels that the network gives most to."""
    return "Most probable labels" if panel.probable else "Largest outputs"


def highest_numbers(panel: FactorsPanel) -> list[str]:
    """Write the numbers of these labels: probabilities, or outputs with their sign."""
    values = [weight.value for weight in (*panel.highest, *panel.requested)]
    if panel.probable:
        return [percent(value) for value in values]
    full = max(map(abs, values), default=0.0)
    return [number(value, full if full > 0 else 1.0) for value in values]


def percent(probability: float) -> str:
    """Write a probability as a percentage, one that rounds to nothing as a bound."""
    share = 100 * probability
    return "< 0.1 %" if share < 0.05 else f"{share:.1f} %"


def signed(value: float, full: float) -> str:
    """Write a value with its sign and the decimals that three digits of ``full`` need."""
    size = number(abs(value), full if full > 0 else 1.0)
    if value == 0 or math.isnan(value):
        return size
    return f"{'+' if value > 0 else MINUS}{size}"


def signed_percent(share: float) -> str:
    """Write a signed error as a percentage; one that rounds to nothing as a bound."""
    if not math.isfinite(share):
        return "undefined"
    size = abs(100 * share)
    if size == 0:
        return "0 %"
    if size < 0.005:
        return "< 0.01 %"
    digits = 2 if size < 1 else 1 if size < 100 else 0
    return f"{'+' if share > 0 else MINUS}{size:.{digits}f} %"


def method_caption(method: str) -> str:
    """Say what a method of channel attribution multiplies, to begin or end a sentence."""
    return METHOD_MEANING.get(method, "an unknown method")


def sides(contrast: Contrast) -> tuple[str, str]:
    """Name what a channel above zero supports, and one below zero."""
    if contrast.second is None:
        return f"Towards {contrast.names[0]}", f"Away from {contrast.names[0]}"
    return f"Towards {contrast.names[0]}", f"Towards {contrast.names[1]}"


def channel_counts(found: MethodChannels) -> str:
    """Count the channels in each direction, and those of no attribution at all."""
    above, below = int((found.values > 0).sum()), int((found.values < 0).sum())
    rest = len(found.values) - above - below
    channels = counted(len(found.values), "channel")
    return f"{channels}: {above} above zero, {below} below, {rest} at zero"


def completeness_caption(layer: LayerChannels, found: MethodChannels) -> str:
    """Compare the sum over all channels with what it would be if the attribution were complete."""
    full = max(abs(found.total), abs(layer.rise))
    total, rise = signed(found.total, full), signed(layer.rise, full)
    return (
        f"All channels add up to {total}; from an all-zero layer to the input the score changes by "
        f"{rise}: completeness error {signed_percent(found.completeness_error)}"
    )


def pictures_caption(sprites: Sprites | None, exemplars: Sprites | None) -> str:
    """Say what the pictures of a channel are; empty where there are none."""
    words = "what a channel responds to, from the layer's spritemap" if sprites else ""
    if exemplars is None:
        return words
    first = f"{words}; below it " if words else ""
    return f"{first}the four exemplars that drive it most ({exemplars.exemplars})"


def _tiles_caption(layers: Sequence[LayerChannels], crops: bool = True) -> str:
    """Say what bars and tiles mean, for the foot of a panel."""
    maps = "the channel's activations over the input, dark blue: none, yellow: its maximum"
    pictures = [pictures_caption(layer.sprites, layer.exemplars) for layer in layers]
    if all(pictures):
        maps = pictures_caption(layers[0].sprites, layers[0].exemplars)
        for layer in layers[1:]:
            if layer.exemplars:
                maps += f"; of {layer.layer}: {layer.exemplars.exemplars}"
    elif any(layer.sprites for layer in layers):
        maps = f"what the channel responds to where the layer has a spritemap, otherwise {maps}"
    words = (
        "Thin bars: every channel, the largest value first; those in full colour are shown below. "
        "Below each tile: the channel's number, its value and a bar of its magnitude. "
        f"{'Upper tiles' if crops else 'Tiles'}: {maps}."
    )
    if not crops:
        return words
    return f"{words} Lower tiles: the part of the input around the channel's largest activation."


def channels_foot(layers: Sequence[LayerChannels], method: str, override: str) -> str:
    """Say what the marks mean and whether values add up, for the foot of the panel of channels."""
    return " ".join([_tiles_caption(layers), *_caveats({method}, override)])


def methods_foot(layer: LayerChannels, override: str) -> str:
    """Say what the table and the marks mean, for the foot of the panel of methods."""
    table = (
        "Sum: of all channels. Rise: the score minus that of an all-zero layer. Error: sum minus "
        "rise, in % of the rise. Gradients: how many were computed. All bars share one scale."
    )
    held = {found.method for found in layer.methods}
    return " ".join([table, _tiles_caption([layer], crops=False), *_caveats(held, override)])


def _caveats(methods: Collection[str], override: str) -> list[str]:
    if override != "none":
        words = f"With the override {override} the gradients are not those of the score, so no"
        return [f"{words} method has to add up."]
    if "linear" in methods:
        return ["A single gradient adds up only where the network is linear."]
    return []
