"""The neuron groups of a run, read from its result files."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from blockscope.config.settings import RunRow
from blockscope.figures.arrays import Floats, Pixels
from blockscope.figures.data.contrasts import Contrast, find_contrast
from blockscope.figures.data.factors import Weight
from blockscope.figures.data.label_names import told_apart
from blockscope.figures.data.panel_files import PanelFiles
from blockscope.figures.data.provenance_checks import check_origin
from blockscope.figures.data.sprites import Sprites, read_exemplar_sheet, read_sprites
from blockscope.io import datasets, images
from blockscope.io.label_scores import unit_name


@dataclass(frozen=True)
class NeuronGroupsPanel:
    """The neuron groups of the earlier layer of a run.

    Attributes
    ----------
    run
        The run.
    contrast
        The labels that it compares.
    pixels
        The input as the network sees it.
    spatial
        (row, col, factor), where each group is.
    channels
        (factor, channel), what each group is made of.
    magnitude
        (factor,), the length of each group's vector.
    effect
        (factor, label), signed, in ``unit``s.
    labels
        Names on the axis ``label``; a repeated name is followed by its index.
    relative_error
        What the groups leave unexplained: norm of the rest over norm of the whole.
    clipped
        Negative activations, which no group can hold: their norm over norm of the whole.
    group_sprites
        What each group responds to, tile n that of group n, or None.
    group_exemplars
        The sheet of the groups' own exemplars, tile n that of group n, or None.
    sprites
        The layer's spritemap, or None.
    exemplars
        The sheet of the exemplars of the layer's channels, or None.
    unit
        Unit of the effects: "logit", or "output" for a network without a head.
    """

    run: RunRow
    contrast: Contrast
    pixels: Pixels
    spatial: Floats
    channels: Floats
    magnitude: Floats
    effect: Floats
    labels: tuple[str, ...]
    relative_error: float
    clipped: float
    group_sprites: Sprites | None = None
    group_exemplars: Sprites | None = None
    sprites: Sprites | None = None
    exemplars: Sprites | None = None
    unit: str = "logit"

    @property
    def groups(self) -> int:
        """Number of groups."""
        return int(self.spatial.shape[-1])

    @classmethod
    def of_run(cls, run: RunRow, files: PanelFiles) -> NeuronGroupsPanel:
        """Read the files of a run.

        Neuron groups follow the network's own gradient, whatever the run's override. Raises
        ``BadFile`` if they are of another model, image or layer, and what `find_contrast` raises.
        """
        path = files.one("groups1")
        found = datasets.read(path)
        wanted = {"model": run.model, "image": run.image, "layer": run.layer1}
        check_origin(run, found, path, wanted)
        pixels, _ = images.read_png(files.one("image"))
        channels = found["channels"].transpose("factor", "channel").to_numpy()
        return cls(
            run=run,
            contrast=find_contrast(run.classes, datasets.read(files.one("classes2"))),
            pixels=pixels,
            spatial=found["spatial"].transpose("row", "col", "factor").to_numpy(),
            channels=channels,
            magnitude=found["magnitude"].to_numpy(),
            effect=found["effect"].transpose("factor", "label").to_numpy(),
            labels=told_apart(found["label"].values, found["index"].values),
            relative_error=float(found.attrs["relative_error"]),
            clipped=float(found.attrs["clipped"]),
            group_sprites=read_sprites(files.many("group_sprites1"), len(channels)),
            group_exemplars=read_exemplar_sheet(files.many("group_exemplars1"), len(channels)),
            sprites=read_sprites(files.many("sprites1"), channels.shape[1]),
            exemplars=read_exemplar_sheet(files.many("exemplars1"), channels.shape[1]),
            unit=unit_name(found),
        )

    def strongest(self, group: int, count: int) -> tuple[int, ...]:
        """Return the channels that a group is most made of, the strongest first."""
        own = self.channels[group]
        order = np.argsort(-own, kind="stable")[:count]
        return tuple(int(channel) for channel in order if own[channel] > 0)

    def compared_effects(self, group: int) -> tuple[Weight, ...]:
        """Return the labels that the run compares, with the group's effect on each."""
        effects = (float(self.effect[group, place]) for place in self.contrast.places)
        return tuple(map(Weight, self.contrast.names, effects))

    def top_effects(self, group: int, count: int) -> tuple[Weight, ...]:
        """Return the labels of the group's largest positive effect, the largest first."""
        own = self.effect[group]
        order = np.argsort(-own, kind="stable")[:count]
        return tuple(
            Weight(self.labels[place], float(own[place])) for place in order if own[place] > 0
        )
