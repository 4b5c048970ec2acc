"""What the panel "neuron groups" shows, read from the result files of one run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from blockscope.figures.data.groups import Weight
from blockscope.figures.data.origin import check_origin
from blockscope.figures.data.request import Asked, Contrast, find_contrast
from blockscope.figures.data.sprites import Sprites, read_sprites
from blockscope.io import datasets, images

Floats = NDArray[np.floating]


@dataclass(frozen=True)
class NeuronsPanel:
    """The neuron groups of the earlier layer of a run.

    picture         uint8 (row, col, rgb), the input as the network sees it
    spatial         float (row, col, factor), where each group is
    channels        float (factor, channel), what each group is made of
    magnitude       float (factor,), the length of each group's vector
    effect          float (factor, label), signed, in logits
    labels          names on the axis ``label``; a repeated name has its index behind it
    pair            those labels that the run asks about
    relative_error  what the groups leave unexplained: norm of the rest over norm of the whole
    pictures        what each group responds to, tile n that of group n, or None
    sprites         the layer's spritemap, or None
    """

    asked: Asked
    pair: Contrast
    picture: NDArray[np.uint8]
    spatial: Floats
    channels: Floats
    magnitude: Floats
    effect: Floats
    labels: tuple[str, ...]
    relative_error: float
    pictures: Sprites | None = None
    sprites: Sprites | None = None

    @property
    def groups(self) -> int:
        """Number of groups."""
        return int(self.spatial.shape[-1])

    @classmethod
    def of_run(cls, asked: Asked, files: Mapping[str, Any]) -> NeuronsPanel:
        """Read the files of a run.

        Neuron groups follow the network's own gradient, whatever the run's override. Raises
        ``BadFile`` if they are of another model, image or layer, and what `find_contrast` raises.
        """
        found = datasets.read(files["groups1"])
        wanted = {"model": asked.model, "image": asked.image, "layer": asked.layer1}
        check_origin(asked, found, files["groups1"], wanted)
        picture, _ = images.read_input(files["picture"])
        channels = found["channels"].transpose("factor", "channel").to_numpy()
        return cls(
            asked=asked,
            pair=find_contrast(asked.classes, datasets.read(files["classes2"])),
            picture=picture,
            spatial=found["spatial"].transpose("row", "col", "factor").to_numpy(),
            channels=channels,
            magnitude=found["magnitude"].to_numpy(),
            effect=found["effect"].transpose("factor", "label").to_numpy(),
            labels=_told_apart(found),
            relative_error=float(found.attrs["relative_error"]),
            pictures=read_sprites(files["group_sprites1"], len(channels)),
            sprites=read_sprites(files["sprites1"], channels.shape[1]),
        )

    def strongest(self, group: int, count: int) -> tuple[int, ...]:
        """Return the channels that a group is most made of, the strongest first."""
        own = self.channels[group]
        order = np.argsort(-own, kind="stable")[:count]
        return tuple(int(channel) for channel in order if own[channel] > 0)

    def asked_effects(self, group: int) -> tuple[Weight, ...]:
        """Return the labels that the run asks about, with the group's effect on each."""
        places = [self.pair.first, *([] if self.pair.second is None else [self.pair.second])]
        effects = (float(self.effect[group, place]) for place in places)
        return tuple(map(Weight, self.pair.names, effects))

    def top_effects(self, group: int, count: int) -> tuple[Weight, ...]:
        """Return the labels of the group's largest positive effect, the largest first."""
        own = self.effect[group]
        order = np.argsort(-own, kind="stable")[:count]
        return tuple(
            Weight(self.labels[place], float(own[place])) for place in order if own[place] > 0
        )


def _told_apart(found: xr.Dataset) -> tuple[str, ...]:
    names = [str(name) for name in found["label"].values]
    times = Counter(names)
    return tuple(
        f"{name} [{int(index)}]" if times[name] > 1 else name
        for name, index in zip(names, found["index"].values, strict=True)
    )
