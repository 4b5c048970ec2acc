"""The flow between neuron groups of a run, read from its result files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import xarray as xr

from blockscope.config.settings import RunRow
from blockscope.figures.arrays import Floats, Pixels
from blockscope.figures.data.contrasts import Contrast, find_contrast
from blockscope.figures.data.panel_files import PanelFiles
from blockscope.figures.data.provenance_checks import check_origin
from blockscope.figures.data.sprites import Sprites, read_sprites
from blockscope.io import datasets, images
from blockscope.io.errors import BadFile
from blockscope.io.label_scores import unit_name

Kind = Literal["group", "unexplained", "constants", "label"]


@dataclass(frozen=True)
class Node:
    """A neuron group, what groups leave, what constants add, or a label.

    ``column`` is the place of its layer; labels are in the column behind the last one. ``place`` is
    that of a group among its layer's, from 0, or of a label among those compared. ``value`` is what
    it contributes to the score, in logits: all that leaves it, or enters a label.
    """

    column: int
    kind: Kind
    place: int
    name: str
    value: float


@dataclass(frozen=True)
class Band:
    """What passes from one node to another, by their places on the list of nodes; signed."""

    source: int
    target: int
    value: float


@dataclass(frozen=True)
class Diagram:
    """Nodes, column by column from top to bottom, and the bands between neighbouring columns."""

    score: str
    nodes: tuple[Node, ...]
    bands: tuple[Band, ...]

    @property
    def columns(self) -> int:
        """Number of columns: the layers and the labels."""
        return self.nodes[-1].column + 1

    def is_plain(self, band: Band) -> bool:
        """Tell whether a band is between groups or labels only."""
        ends = (self.nodes[band.source], self.nodes[band.target])
        return all(node.kind in {"group", "label"} for node in ends)


@dataclass(frozen=True)
class FlowLayer:
    """A layer of a flow: where its groups are, (row, col, factor), and what they respond to.

    ``unexplained`` is the norm of what groups leave over that of the activations.
    """

    layer: str
    spatial: Floats
    unexplained: float
    sprites: Sprites | None = None


@dataclass(frozen=True)
class FlowPanel:
    """The flow of a run; see ``attribution.flow`` for the axes of its arrays.

    Attributes
    ----------
    run
        The run.
    contrast
        The labels that it compares.
    pixels
        The input as the network sees it.
    layers
        From the earliest to the last.
    flow
        (step, source, target, label), of the labels compared.
    contribution
        (source, label), of the last layer.
    unit
        "logit", or "output" for a network without a head.
    """

    run: RunRow
    contrast: Contrast
    pixels: Pixels
    layers: tuple[FlowLayer, ...]
    flow: Floats
    contribution: Floats
    unit: str = "logit"

    @property
    def groups(self) -> int:
        """Number of groups of each layer."""
        return int(self.layers[0].spatial.shape[-1])

    @classmethod
    def of_run(cls, run: RunRow, files: PanelFiles) -> FlowPanel:
        """Read the files of a run.

        Raises ``BadFile`` if they are of another model, image, gradient or layers, and what
        `find_contrast` raises.
        """
        path = files.one("flow")
        found = datasets.read(path)
        wanted = {"model": run.model, "image": run.image}
        check_origin(run, found, path, wanted | {"override": run.override})
        names = tuple(map(str, found["layer"].values))
        if names != run.flow_layers:
            raise BadFile(
                f"run '{run.run}': '{path}' is of the layers {', '.join(names)}, expected "
                f"{', '.join(run.flow_layers)}; regenerate it"
            )
        sheets = files.many("flow_sprites")
        layers = []
        for place, (layer, groups) in enumerate(zip(names, files.many("flow_groups"), strict=True)):
            one = datasets.read(groups)
            check_origin(run, one, groups, wanted | {"layer": layer})
            spatial = one["spatial"].transpose("row", "col", "factor").to_numpy()
            sprites = read_sprites(sheets[2 * place : 2 * place + 2], spatial.shape[-1])
            layers.append(FlowLayer(layer, spatial, float(found["unexplained"][place]), sprites))
        contrast = find_contrast(run.classes, datasets.read(files.one("classes2")))
        shown = found.isel(label=contrast.places)
        return cls(
            run=run,
            contrast=contrast,
            pixels=images.read_png(files.one("image"))[0],
            layers=tuple(layers),
            flow=_arranged(shown["flow"], "step", "source", "target", "label"),
            contribution=_arranged(shown["contribution"], "source", "label"),
            unit=unit_name(found),
        )

    @property
    def diagrams(self) -> tuple[Diagram, ...]:
        """The flow to the contrast of both labels, then to each alone; or to the only one."""
        names = self.contrast.names
        if len(names) == 1:
            return (self.diagram(names[0], [1]),)
        difference = " \N{MINUS SIGN} ".join(names)
        return (
            self.diagram(difference, [1, -1]),
            self.diagram(names[0], [1, 0]),
            self.diagram(names[1], [0, 1]),
        )

    def diagram(self, score: str, weights: Sequence[int]) -> Diagram:
        """Return the flow to a sum of the compared labels, each with its weight.

        Groups of a layer are ordered by their value, the largest first; what they leave and what
        constants add come last.
        """
        count, last = self.groups, len(self.layers)
        between = self.flow @ np.array(weights, np.float64)
        to_labels = self.contribution * np.array(weights, np.float64)
        labels = [place for place, weight in enumerate(weights) if weight]
        nodes: list[Node] = []
        at: dict[tuple[int, int], int] = {}  # column and place on its axis -> node
        for column, layer in enumerate([*between, to_labels]):
            leaving = layer.sum(1)
            parts: list[tuple[Kind, int]] = [
                ("group", int(group)) for group in np.argsort(-leaving[:count], kind="stable")
            ]
            for kind, part in (*parts, ("unexplained", count), ("constants", count + 1)):
                name = str(part + 1) if kind == "group" else kind
                at[column, part] = len(nodes)
                nodes.append(Node(column, kind, part, name, float(leaving[part])))
        for place in labels:
            at[last, place] = len(nodes)
            value = float(to_labels[:, place].sum())
            nodes.append(Node(last, "label", place, self.contrast.names[place], value))
        bands = [
            Band(at[column, source], at[column + 1, target], float(value))
            for column, layer in enumerate([*between, to_labels])
            for (source, target), value in np.ndenumerate(layer)
            if (column + 1, target) in at and value != 0
        ]
        return Diagram(score, tuple(nodes), tuple(bands))


def _arranged(array: xr.DataArray, *axes: str) -> Floats:
    return array.transpose(*axes).to_numpy().astype(np.float64)
