"""The panels of a figure: one entry each, from which everything else about panels follows.

To add a panel, write an entry here, a module with ``compose(run, files, style)`` for print, and a
Svelte component for the page.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Panel:
    """One panel, in print and on the page.

    Attributes
    ----------
    name
        As in the column ``panels``, in file names and in addresses.
    title
        Its heading.
    summary
        One sentence on what it shows.
    inputs
        Files it is drawn from besides the image, named as in ``result_paths``: "1" is the earlier
        layer, "2" the later. ``classes2`` knows all labels and their probabilities.
    print_module
        Module that places it on a sheet; named in full, so that the digest of the code counts it.
    page_inputs
        Files that only its page needs.
    scripted
        Whether a script draws it on the page; otherwise a template does.
    methods
        Ways to attribute to the channels of the earlier layer that it shows in any case.
    """

    name: str
    title: str
    summary: str
    inputs: tuple[str, ...]
    print_module: str
    page_inputs: tuple[str, ...] = ()
    scripted: bool = True
    methods: tuple[str, ...] = ()

    @property
    def sprite_layers(self) -> tuple[int, ...]:
        """Layers (1 the earlier, 2 the later) whose sprites it shows."""
        return tuple(n for n in (1, 2) if f"sprites{n}" in self.inputs)

    @property
    def page_files(self) -> tuple[str, ...]:
        """Files that its page is made from or leads to, besides the image."""
        return (*self.inputs, *self.page_inputs, *(f"contact{n}" for n in self.sprite_layers))


_PANELS = (
    Panel(
        name="factors",
        title="Attribution factors",
        summary="Which positions support which set of labels, at two layers.",
        inputs=("classes2", "factors1", "factors2"),
        print_module="blockscope.figures.print.factors",
        scripted=False,
    ),
    Panel(
        name="spatial",
        title="Spatial attribution",
        summary="Which positions support either label, and which positions of one layer contribute "
        "to those of the other.",
        inputs=("classes2", "classes1", "positions"),
        print_module="blockscope.figures.print.spatial",
    ),
    Panel(
        name="overrides",
        title="Gradient overrides",
        summary="The same maps with the network's own gradient, and with both overrides of max "
        "pooling.",
        inputs=("classes2", "override_classes1", "override_classes2", "override_positions"),
        print_module="blockscope.figures.print.overrides",
    ),
    Panel(
        name="channels",
        title="Channel attribution",
        summary="Which channels of two layers support the first label, and which oppose it.",
        inputs=(
            "classes2", "channels1", "channels2", "activations1", "activations2", "sprites1",
            "sprites2",
        ),
        print_module="blockscope.figures.print.channels",
        page_inputs=("drivers",),
    ),
    Panel(
        name="channel_methods",
        title="Methods of channel attribution",
        summary="The same attribution taken at the input, along a path to it, and along a noisy "
        "path.",
        inputs=("classes2", "channels1", "activations1", "sprites1"),
        print_module="blockscope.figures.print.channel_methods",
        methods=("linear", "path", "stochastic"),
    ),
    Panel(
        name="neuron_groups",
        title="Neuron groups",
        summary="Neurons that are active together, and what each group of them does to the labels.",
        inputs=("classes2", "groups1", "group_sprites1", "sprites1"),
        print_module="blockscope.figures.print.neuron_groups",
    ),
    Panel(
        name="activation_grids",
        title="Activation grids",
        summary="What layers see at each position of the input, one image for each.",
        inputs=("grids",),
        print_module="blockscope.figures.print.activation_grids",
    ),
    Panel(
        name="semantic_dictionary",
        title="Semantic dictionary",
        summary="Which channels are active at a position, and what each of them responds to.",
        inputs=("activations1", "sprites1"),
        print_module="blockscope.figures.print.semantic_dictionary",
    ),
)  # fmt: skip

PANELS: Mapping[str, Panel] = {panel.name: panel for panel in _PANELS}
"""All panels by name, in the order in which they are listed."""
