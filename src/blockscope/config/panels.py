"""The panels of a figure: one entry each, from which everything else about panels follows.

To add a panel, add an entry here, a module with ``compose(run, files, style)`` for print, and a
Svelte component of the same name for the page; another module that packs data only if need be.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from blockscope.config.settings import RunRow


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
    accuracy
        By which method, and how exact that is, for captions.
    inputs
        Files it is drawn from besides the image, named as in ``result_paths``: "1" is the earlier
        layer, "2" the later. ``classes2`` knows all labels and their probabilities.
    print_module
        Module that places it on a sheet; named in full, so that the digest of the code counts it.
    page_content
        What it shows on the page, as ``figures.page`` names it: in ``payload.PACKERS`` or, where it
        is not ``scripted``, in ``run_page.RENDERERS``. No module in full, so that a change of the
        page's code does not draw all printed panels again.
    reading
        How to read it on the page, paragraphs separated by empty lines; the template has these
        words where it is not ``scripted``.
    page_inputs
        Files that only its page needs.
    scripted
        Whether a script draws it on the page; otherwise a template does.
    methods
        Ways to attribute to the channels of the earlier layer that it shows in any case.
    layers
        Which layers of a run it shows: the pair, those of the column ``grids`` or of ``flow``.
    """

    name: str
    title: str
    summary: str
    accuracy: str
    inputs: tuple[str, ...]
    print_module: str
    page_content: str
    reading: str = ""
    page_inputs: tuple[str, ...] = ()
    scripted: bool = True
    methods: tuple[str, ...] = ()
    layers: Literal["pair", "grids", "flow"] = "pair"

    def caption(self, run: RunRow) -> dict[str, Any]:
        """Return what ``workflow/report/panel.rst`` says of it, as plain data."""
        layers = {"pair": run.layers, "grids": run.grid_layers, "flow": run.flow_layers}
        return {
            "title": self.title,
            "summary": self.summary,
            "accuracy": self.accuracy,
            "layers": list(layers[self.layers]),
        }

    @property
    def paragraphs(self) -> list[str]:
        """The paragraphs of ``reading``, each on one line."""
        return [" ".join(part.split()) for part in self.reading.split("\n\n")]

    @property
    def sprite_layers(self) -> tuple[int, ...]:
        """Layers (1 the earlier, 2 the later) whose sprites it shows."""
        return tuple(n for n in (1, 2) if f"sprites{n}" in self.inputs)

    @property
    def page_files(self) -> tuple[str, ...]:
        """Files that its page is made from or leads to, besides the image."""
        beside = (f"{kind}{n}" for kind in ("contact", "channel_page") for n in self.sprite_layers)
        return (*self.inputs, *self.page_inputs, *beside)


_PANELS = (
    Panel(
        name="factors",
        title="Attribution factors",
        summary="Which positions support which set of labels, at two layers.",
        accuracy="Non-negative factorization, or principal components, of the gradient x "
        "activation of many labels: an approximation of a linear approximation. What "
        "the factors leave out is the relative error in the files.",
        inputs=("classes2", "factors1", "factors2"),
        print_module="blockscope.figures.print.factors",
        page_content="factors",
        scripted=False,
    ),
    Panel(
        name="spatial",
        title="Spatial attribution",
        summary="Which positions support either label, and which positions of one layer contribute "
        "to those of the other.",
        accuracy="Gradient x activation, in logits, and between layers in activations of the "
        "later one. It is exact for the network made linear at this one input; with an "
        "override it is not the network's own gradient.",
        inputs=("classes2", "classes1", "positions"),
        print_module="blockscope.figures.print.spatial",
        page_content="maps",
        reading="""
            At first, orange shows how much a position supports the first label and
            blue the second: gradient x activation, that is, its activations times the
            gradient of the label's logit, summed over channels. What opposes a label
            is not drawn; neutral grey means no contribution. Any label can be chosen.

            Hover over a position, and the other layer shows its attribution: for a
            position of the later layer, how much each earlier position added to the
            length of its activation vector; for one of the earlier layer, how much it
            added to each later one. Both are read from the same array. With the
            signed palette, green adds and violet subtracts.

            Attribution by gradients is a linear approximation at this one input.
        """,
    ),
    Panel(
        name="overrides",
        title="Gradient overrides",
        summary="The same maps with the network's own gradient, and with both overrides of max "
        "pooling.",
        accuracy="Gradient x activation with three gradients of max pooling. Only 'none' is the "
        "network's own; the others are for display.",
        inputs=("classes2", "override_classes1", "override_classes2", "override_positions"),
        print_module="blockscope.figures.print.overrides",
        page_content="maps",
        reading="""
            The network's own gradient passes each max pooling at single positions
            only, which causes much of the checkered grain of the maps. The override
            'smooth' replaces the gradient of max pooling by that of a smooth pooling,
            and 'smooth-blur' blurs it as well. They are for display and hide what the
            network does at a pooling: base conclusions about the network on 'none'.

            A position that is pointed at or pinned in one of them is so in all.
        """,
    ),
    Panel(
        name="rivals",
        title="Rival maps",
        summary="The maps of other methods at the earlier layer, and how far each can be trusted.",
        accuracy="Each map by the formula of its source. The scores are computed with the "
        "network itself, and depend on what a position is replaced by; the random "
        "orders say what a map without knowledge gives.",
        inputs=("classes2", "scores1"),
        print_module="blockscope.figures.print.rivals",
        page_content="rivals",
        scripted=False,
    ),
    Panel(
        name="sanity",
        title="Randomised networks",
        summary="How much of each label's map is left when what the network has learned is taken "
        "out of it.",
        accuracy="Rank correlation and structural similarity with the maps of networks whose "
        "weights were drawn anew; the spread is over their seeds.",
        inputs=("classes2", "override_sanity1"),
        print_module="blockscope.figures.print.sanity",
        page_content="sanity",
        scripted=False,
    ),
    Panel(
        name="channels",
        title="Channel attribution",
        summary="Which channels of two layers support the first label, and which oppose it.",
        accuracy="Gradient x activation ('linear') is a linear approximation at this one input. "
        "Integrated gradients ('path') add up to the score's rise, up to the "
        "completeness error in the files.",
        inputs=(
            "classes2", "channels1", "channels2", "activations1", "activations2", "sprites1",
            "sprites2", "exemplars1", "exemplars2",
        ),
        print_module="blockscope.figures.print.channels",
        page_content="channels",
        reading="""
            A channel's value is its activations times the gradient of the score,
            summed over positions, in logits: positive where it supports the first
            label, negative where it supports the second. The method 'linear' is
            gradient x activation at this input; the methods along a path are
            integrated gradients: they take the mean gradient from zero activations to
            these, and add up to the whole score.

            A tile shows where a channel is active and the part of the input around
            its strongest position. Instead of the map it shows the channel's sprite
            where a spritemap was rendered, and where the run has a data set the four
            images of it that drive the channel most, cropped to what it sees. Click a
            channel of the later layer to see which channels of the earlier one drive
            it.
        """,
        page_inputs=("drivers",),
    ),
    Panel(
        name="channel_methods",
        title="Methods of channel attribution",
        summary="The same attribution taken at the input, along a path to it, and along a noisy "
        "path.",
        accuracy="'linear' is a linear approximation at this one input, 'path' adds up to the "
        "score's rise up to the completeness error in the files, 'stochastic' need not "
        "add up.",
        inputs=("classes2", "channels1", "activations1", "sprites1", "exemplars1"),
        print_module="blockscope.figures.print.channel_methods",
        page_content="channels",
        reading="""
            'linear' is gradient x activation: the gradient of the score at the
            input's activations. 'path' is integrated gradients: the mean gradient
            while the activations grow from zero, so that the values add up to the
            change of the score; the completeness error says how closely.
            'stochastic', noisy integrated gradients, multiplies each point of the
            path by separate noise for every channel, and need not add up.
        """,
        methods=("linear", "path", "stochastic"),
    ),
    Panel(
        name="neuron_groups",
        title="Neuron groups",
        summary="Neurons that are active together, and what each group of them does to the labels.",
        accuracy="Non-negative factorization of the activations; what the groups leave out is "
        "the relative error in the file. Effects are exact for the network made linear "
        "at this one input.",
        inputs=(
            "classes2",
            *("groups1", "group_sprites1", "group_exemplars1"),
            *("sprites1", "exemplars1"),
        ),
        print_module="blockscope.figures.print.neuron_groups",
        page_content="groups",
        reading="""
            The layer's activations, positions by channels, are written as a few
            groups by non-negative factorization: where a group is active, and which
            channels it consists of. Groups are numbered from left to right. Where
            sprites are rendered, an image shows what a group responds to as a whole:
            it was optimized until the layer, over all its positions, agreed with the
            group's channels as closely as possible. A group's effect on a label is
            its part of the activations times the gradient of the label's logit,
            summed: to first order, what removing the group would take from the logit.
        """,
    ),
    Panel(
        name="flow",
        title="Flow between neuron groups",
        summary="How much neuron groups of each layer contribute to the labels through those of "
        "the next layer.",
        accuracy="Gradient x activation by the chain rule. The bands add up to the labels' "
        "logits to rounding; they are a linear approximation of what the network loses "
        "without a group.",
        inputs=("classes2", "flow", "flow_groups", "flow_sprites"),
        layers="flow",
        print_module="blockscope.figures.print.flow",
        page_content="flow",
        reading="""
            Columns are layers, from the earliest to the labels. A band from one group
            to another is the part of the first one's contribution to the score that
            passes through the second: gradient x activation, divided at each layer
            among its groups. Its width is its size; green bands raise the score, violet
            ones lower it. Bands at the right of a group add up to its contribution, and
            so do those at its left.

            'Unexplained' is what the groups of a layer leave of its activations.
            'Constants' are what biases, and whatever else of the next layer is not
            linear in this one, add there; with them, bands add up to the labels'
            logits. Both are drawn in grey, tinged with green or violet. Attribution by
            gradients is a linear approximation at this one input: it need not be what
            the score really loses without a group.

            Hover over a group to see its bands alone, where it is active and what it
            responds to; click to pin it.
        """,
    ),
    Panel(
        name="trust",
        title="How far the map can be trusted",
        summary="What the labels really lose without parts of the earlier layer, and how near the "
        "map comes to that.",
        accuracy="Losses are exact: the network was computed again without each part. They are "
        "compared with attribution, which is a linear approximation.",
        inputs=("classes2", "ablation1", "groups1", "scores1", "sanity1"),
        print_module="blockscope.figures.print.trust",
        page_content="trust",
        reading="""
            Attribution by gradients says to first order what a label's logit would
            lose without a part of the layer. Here the part is really taken away, and
            the network computed again from the layer on: the exact loss. Where dots
            lie on the diagonal, attribution says exactly what is lost.

            Hover over a position to see what the labels lose without it. Take neuron
            groups away, one or several: every set was computed, since losses of
            groups need not add up.

            Deletion takes positions away, the strongest of the map first; the grey
            band is what random orders give. A map that says where the label is loses
            its logit sooner than they do. Networks whose weights were drawn anew must
            give other maps; where the catalogue has any, the last plot says how alike
            they are.
        """,
    ),
    Panel(
        name="activation_grids",
        title="Activation grids",
        summary="What layers see at each position of the input, one image for each.",
        accuracy="Rendered by optimization from a seed: one of many images to which the layer "
        "responds so, and no measurement.",
        inputs=("grids",),
        layers="grids",
        print_module="blockscope.figures.print.activation_grids",
        page_content="grids",
        reading="""
            A cell is a small image, rendered so that the layer responds to it as it
            does to the input at this position: what the layer sees there. In a
            coherent grid, cells share what their activations have in common, so that
            neighbours look alike. All grids cover the whole input: a cell of a later
            layer stands for a larger part of it.

            Hover over a cell, or over the input. Outlined are the part of the input
            that the position covers and, in every other grid, the cells whose centres
            lie in that part, or else the cell that contains its centre. A position's
            vector depends on more of the input than this part: its receptive field is
            wider. With cell sizes by magnitude, the sides of a cell are in proportion
            to the length of its activation vector.
        """,
    ),
    Panel(
        name="semantic_dictionary",
        title="Semantic dictionary",
        summary="Which channels are active at a position, and what each of them responds to.",
        accuracy="Activations as the network computes them. Sprites are rendered by optimization "
        "from a seed: of many images to which a channel responds, one.",
        inputs=("activations1", "sprites1", "exemplars1"),
        print_module="blockscope.figures.print.semantic_dictionary",
        page_content="activations",
        reading="""
            A position's activations are a list of numbers, one for each channel; a
            channel's sprite is an image of what it responds to, its exemplars are the
            images of a data set that drive it most. Together they show in
            images what the layer detects at the position. Channels are listed by
            their activation there, the largest first; a bar is full at the layer's
            largest activation. For a part of the input that covers several positions,
            their mean is shown.

            The numbered positions are representative ones: first the one with the
            longest activation vector; then, among those at least half as long, always
            the one least similar to those chosen, by the largest cosine with any of
            them.
        """,
    ),
)  # fmt: skip

PANELS: Mapping[str, Panel] = {panel.name: panel for panel in _PANELS}
"""All panels by name, in the order in which they are listed."""
