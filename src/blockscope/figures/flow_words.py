"""Words, numbers and colours of the flow between neuron groups, for print and page alike."""

from __future__ import annotations

from blockscope.figures import captions
from blockscope.figures.data.flow import Band, Diagram, FlowPanel, Node
from blockscope.figures.palettes import AGAINST, AGAINST_PALE, FOR, FOR_PALE


def numbers(diagram: Diagram) -> list[str]:
    """Return the value of each node, all with the same decimals."""
    full = max(abs(node.value) for node in diagram.nodes)
    return [captions.signed(node.value, full) for node in diagram.nodes]


def colour_of(diagram: Diagram, band: Band) -> str:
    """Return the colour of a band: almost grey for what belongs to no group."""
    colours = (FOR, AGAINST) if diagram.is_plain(band) else (FOR_PALE, AGAINST_PALE)
    return colours[0] if band.value > 0 else colours[1]


def node_words(panel: FlowPanel, node: Node) -> str:
    """Return what a node is: the middle of a sentence."""
    if node.kind == "label":
        return node.name
    layer = panel.layers[node.column].layer
    if node.kind == "constants":
        return f"constants behind {layer}"
    return f"group {node.name} of {layer}" if node.kind == "group" else f"{node.name} of {layer}"


def sentence(panel: FlowPanel, diagram: Diagram, node: Node, number: str) -> str:
    """Say what a node contributes."""
    words = node_words(panel, node)
    if node.kind == "label":
        return f"{words} counts {number} in the score {diagram.score}."
    return f"{words[0].upper()}{words[1:]}: {number} {panel.unit}s of {diagram.score}."


def remainders(panel: FlowPanel) -> str:
    """Say what the groups of each layer leave of its activations."""
    left = ", ".join(f"{layer.unexplained:.2f} of {layer.layer}" for layer in panel.layers)
    return f"What groups leave unexplained (norm over norm of the activations): {left}."


def foot(panel: FlowPanel, diagram: Diagram) -> str:
    """Say what columns, bands and numbers mean."""
    tile = "where it is active on the input, on a scale of its own"
    if any(layer.sprites for layer in panel.layers):
        tile += ", and what it responds to"
    turned = ", with its sign turned for the second" if len(panel.contrast.names) > 1 else ""
    return (
        f"Each band is the part of the score {diagram.score}, in {panel.unit}s, that passes from "
        "one group through another: gradient x activation, divided at each layer among its groups. "
        "Its width is its size; green raises the score, violet lowers it. Above each group its "
        f"number, and what it contributes; below, {tile}. {remainders(panel)} Constants: what "
        "biases, and what is not linear in the layer before, add. With both, which are grey, the "
        "bands that enter a group add up to those that leave it, and those of a label to its "
        f"{panel.unit}{turned}. To first order, at this input."
    )
