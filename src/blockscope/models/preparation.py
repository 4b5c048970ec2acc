"""The steps of the normal form for which a network is run: batches, layouts, layers.

What the network gives for two images is compared on the way: with the graph before these steps, and
of each image alone with both in one batch. A difference is refused, never computed on.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from tensorflow.core.framework import graph_pb2

from blockscope.io.errors import BadFile
from blockscope.models.card import InputSpec
from blockscope.models.ends.image_and_logits import behind_reshapes
from blockscope.models.ends.summed_axes import check_sums_over_labels
from blockscope.models.entry import FedValue, InputSettings
from blockscope.models.graph import graphs
from blockscope.models.graph.graphs import Shapes
from blockscope.models.graph.training_mode import check_moments
from blockscope.models.layers.axes import axes_of
from blockscope.models.layers.axis_words import MAP, UNKNOWN, Axes
from blockscope.models.layers.layer_views import is_view, with_views
from blockscope.models.network import Network
from blockscope.models.normal_form import NormalForm
from blockscope.models.rewrites.batch_axis import compared, open_batch
from blockscope.models.rewrites.channels_last import apply_in_any_layout, with_channels_last
from blockscope.models.rewrites.dense_on_maps import with_products_of_channels
from blockscope.models.rewrites.dilation import as_dilated
from blockscope.models.tensor_samples import Sample, Samples, close, samples_of

Values = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Prepared:
    """A graph whose layers are known.

    Attributes
    ----------
    definition
        The graph.
    spec
        How an image enters it.
    logits
        Name of its logits.
    maps
        Names of its tensors (image, row, col, channel).
    several
        Tensors by a name for which the network's own framework has several.
    """

    definition: graph_pb2.GraphDef
    spec: InputSpec
    logits: str
    maps: frozenset[str]
    several: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def input_spec(
    normal: NormalForm, image: InputSettings, fed: Mapping[str, FedValue] | None = None
) -> InputSpec:
    """Return how an image enters a graph, by an entry of the catalogue."""
    (placeholder,) = [node for node in normal.definition.node if node.name == normal.input]
    rule = image.rule_for(placeholder.attr["shape"].shape.dim[3].size)
    return InputSpec(
        tensor=normal.input,
        size=image.size,
        resize=image.resize,
        filter=image.filter,
        fed=dict(fed or {}),
        **rule.model_dump(),
    )


def prepare(normal: NormalForm, spec: InputSpec, name: str) -> Prepared:
    """Make a plain graph one of any batch, with channels last, and find its layers.

    Cost: seven passes of one image.

    Parameters
    ----------
    normal
        The graph, of plain operations, without constant computations.
    spec
        How an image enters it.
    name
        The model's id, for messages.

    Returns
    -------
    prepared
        The graph and its layers.

    Raises
    ------
    BadFile
        It cannot be computed for images of the size, or would not give the same logits.
    """
    place = f"model '{name}', for an image of {spec.size[0]} x {spec.size[1]} pixels"
    try:
        return _prepared(normal, spec)
    except BadFile as error:
        raise BadFile(f"{place} (models catalogue: input.size): {error}") from error


def _prepared(normal: NormalForm, spec: InputSpec) -> Prepared:
    definition, logits, batch = normal.definition, normal.logits, normal.batch
    images = _two_images(spec)
    first, second = images[:1], images[1:]
    turned = with_channels_last(as_dilated(definition))
    shapes = _shapes(samples_of(Network(turned, spec, logits), np.repeat(first, batch, 0)))
    if shapes[logits][:1] != (batch,):
        raise BadFile(
            f"logits '{logits}' have the shape {shapes[logits]} for {batch} of them, without an "
            "axis of images; valid: (image, logit); give the tensor before (models catalogue: "
            "logits), or the size of images that the network is made for"
        )
    opened = with_products_of_channels(open_batch(turned, shapes, batch), shapes)
    network = Network(opened, spec, logits)
    alone = [samples_of(network, first), samples_of(network, second)]
    shapes = _shapes(alone[0])
    axes = axes_of(network.nodes, spec.tensor, shapes)
    check_moments(network.nodes, axes)
    before = Network(definition, spec, logits)
    written = _logits_of(before, np.repeat(first, batch, 0))
    same_numbers = behind_reshapes(before.nodes, logits).name
    check_sums_over_labels(logits, written.shape, normal.over, same_numbers)
    _check_unchanged(written, alone[0][logits])
    tried = compared(
        alone,
        _together(network, images),
        lambda: _together(network, np.repeat(first, 2, 0)),
        logits,
    )
    if tried.one_by_one:  # nothing shows that no axis of unknown origin is that of images
        check_moments(network.nodes, axes, first=[UNKNOWN])
    spec = spec.model_copy(update={"one_by_one": tried.one_by_one})
    floats = {name for name, sample in alone[0].items() if sample.is_float}
    moving = graphs.downstream(network.nodes, spec.tensor) - {spec.tensor, logits}
    usable = (tried.own_axis & floats & moving) - normal.hidden - _in_parts(network.nodes)
    usable = frozenset(name for name in usable if not _was_added(name, network.nodes))
    named = {name: [t for t in ts if t in usable] for name, ts in normal.layers.items()}
    names = {name: ts[0] for name, ts in named.items() if len(ts) == len(normal.layers[name]) == 1}
    with_layers = with_views(opened, axes, shapes, usable, names)
    maps = _maps(axes, usable) | _views(with_layers)
    several = {name: tuple(t for t in ts if t in maps) for name, ts in named.items()}
    several = {name: ts for name, ts in several.items() if len(normal.layers[name]) > 1 and ts}
    return Prepared(with_layers, spec, logits, maps, several)


def _was_added(name: str, nodes: graphs.Nodes) -> bool:
    """Tell whether rewriting added a node: its name is that of another one and ``/_`` behind it."""
    ends = (match.start() for match in re.finditer("/_", name))
    return any(name[:end] in nodes for end in ends)


def _in_parts(nodes: graphs.Nodes) -> set[str]:
    """Return the nodes of which another output than the first is read: no one tensor is theirs."""
    edges = (edge for node in nodes.values() for edge in node.input)
    return {graphs.tensor_name(edge) for edge in edges if graphs.output_number(edge) > 0}


def _maps(axes: Mapping[str, Axes], usable: frozenset[str]) -> frozenset[str]:
    return frozenset(name for name in usable if axes.get(name) == MAP)


def _two_images(spec: InputSpec) -> Values:
    """Return the network's input for two images of noise, (2, row, col, channel)."""
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (2, *spec.size, 3), np.uint8)
    network = Network(graph_pb2.GraphDef(), spec, "")
    return np.concatenate([network.values(image) for image in images])


def _shapes(samples: Samples) -> Shapes:
    return {name: sample.shape for name, sample in samples.items()}


def _together(network: Network, images: Values) -> Samples | None:
    """Return samples of a batch of images; None where the network takes no batch."""
    try:
        return samples_of(network, images)
    except BadFile:
        return None


def _logits_of(network: Network, values: Values) -> Values:
    """Return the logits of a graph with operations in any layout, in the shape of its file."""
    feeds = {network.spec.tensor: values}
    found = network.run(feeds, [network.logits], operation=apply_in_any_layout)
    return np.asarray(found[network.logits])


def _check_unchanged(written: Values, after: Sample) -> None:
    """Refuse where the logits are not those of the graph before it was rewritten."""
    before = Sample.of(written[:1])
    if after.shape != before.shape:
        raise BadFile(
            f"its logits have the shape {after.shape} for one image after its graph, written for "
            f"{len(written)} at once, was written in plain operations for any number; valid: "
            f"{before.shape}; export the network for one image, or for any number of images"
        )
    if not close(after.values, before.values):
        raise BadFile(
            "its logits are not the same after its graph was written in plain operations: they "
            f"differ by up to {np.abs(after.values - before.values).max():.3g}, the largest is "
            f"{np.abs(before.values).max():.3g}"
        )


def _views(definition: graph_pb2.GraphDef) -> frozenset[str]:
    return frozenset(node.name for node in definition.node if is_view(node))
