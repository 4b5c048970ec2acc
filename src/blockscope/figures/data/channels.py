"""What panels of channels show of one layer, read from the result files of a run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import xarray as xr

from blockscope.config.settings import METHODS, RunRow
from blockscope.figures.arrays import Floats, Places
from blockscope.figures.data.contrasts import Contrast, find_contrast
from blockscope.figures.data.maps import grid_words
from blockscope.figures.data.panel_files import PanelFiles
from blockscope.figures.data.provenance_checks import check_origin
from blockscope.figures.data.sprites import Sprites, read_exemplar_sheet, read_sprites
from blockscope.io import datasets
from blockscope.io.counts import counted
from blockscope.io.errors import BadFile, unknown_name


@dataclass(frozen=True)
class MethodChannels:
    """The attribution of one score to the channels of a layer by one method.

    Attributes
    ----------
    method
        Its name.
    values
        (channel,), signed, in logits.
    completeness_error
        (sum - rise) / abs(rise), signed; not finite where the rise is zero.
    steps
        Gradients taken.
    """

    method: str
    values: Floats
    completeness_error: float
    steps: int

    @property
    def total(self) -> float:
        """Sum over all channels."""
        return float(self.values.sum(dtype=np.float64))

    def strongest(self, count: int) -> tuple[Places, Places]:
        """Return up to ``count`` channels in each direction, as they are lined up.

        First those above zero, from the largest down; then those below zero, from the weakest of
        the chosen to the strongest.
        """
        order = np.argsort(-self.values, kind="stable")
        above = order[self.values[order] > 0][:count]
        below = order[self.values[order] < 0][-count:] if count else order[:0]
        return above, below


@dataclass(frozen=True)
class LayerChannels:
    """The channels of one layer.

    Attributes
    ----------
    layer
        The layer.
    contrast
        The labels that are compared.
    methods
        One or more, in the order of ``settings.METHODS``.
    rise
        The score, less the score of a layer that is zero everywhere.
    activations
        (row, col, channel).
    sprites
        The layer's spritemap, or None.
    exemplars
        The sheet of its exemplars, or None.
    """

    layer: str
    contrast: Contrast
    methods: tuple[MethodChannels, ...]
    rise: float
    activations: Floats
    sprites: Sprites | None = None
    exemplars: Sprites | None = None

    @property
    def grid(self) -> str:
        """Rows and columns of the layer as text."""
        return grid_words(self.activations)

    def by(self, method: str | None = None) -> MethodChannels:
        """Return a method's attribution: without a name the linear one, or else the first one.

        Raises ``UnknownName`` for a method that the file does not hold.
        """
        if method is None:
            return shown_method(self.methods)
        held = {found.method: found for found in self.methods}
        if method not in held:
            raise unknown_name("method", method, held, "column methods of the table of runs")
        return held[method]


def shown_method(methods: Sequence[MethodChannels]) -> MethodChannels:
    """Return the method that is shown where one is: the linear one, or else the first."""
    return next((found for found in methods if found.method == "linear"), methods[0])


def read_layer(
    run: RunRow, files: PanelFiles, place: int, contrast: Contrast | None = None
) -> LayerChannels:
    """Read the channels of the earlier (``place`` 1) or the later layer (2) of a run.

    ``contrast`` is what the run compares, for those who have looked it up already.

    Raises ``BadFile`` where files are not of the model, image, layer and gradient of the run or
    differ in their channels, and ``UnknownName`` where the score is not among the attributions.
    """
    layer = run.layers[place - 1]
    wanted = {"model": run.model, "image": run.image, "layer": layer}
    channels, activations = (files.one(f"{kind}{place}") for kind in ("channels", "activations"))
    found, active = datasets.read(channels), datasets.read(activations)
    check_origin(run, found, channels, wanted | {"override": run.override})
    check_origin(run, active, activations, wanted)
    values = active["activations"].transpose("row", "col", "channel").to_numpy()
    counts = found.sizes["channel"], values.shape[2]
    if counts[0] != counts[1]:
        raise BadFile(
            f"layer '{layer}' has {counted(counts[0], 'channel')} in '{channels}' and {counts[1]} "
            f"in '{activations}'; regenerate both"
        )
    contrast = contrast or find_contrast(run.classes, datasets.read(files.one("classes2")))
    own = found.isel(pair=contrast.row_of(found))
    rise = float(own["score"] - own["score_at_zero"])
    sprites = read_sprites(files.many(f"sprites{place}"), counts[0])
    exemplars = read_exemplar_sheet(files.many(f"exemplars{place}"), counts[0])
    return LayerChannels(layer, contrast, methods_of(own), rise, values, sprites, exemplars)


def methods_of(own: xr.Dataset) -> tuple[MethodChannels, ...]:
    """Return the attribution of one contrast by every method in a file."""
    values = own["attribution"].transpose("method", "channel").to_numpy()
    found = [
        MethodChannels(str(name), row, float(error), int(steps))
        for name, row, error, steps in zip(
            own["method"].values, values, own["completeness_error"].values, own["steps"].values,
            strict=True,
        )
    ]  # fmt: skip
    last = len(METHODS)
    return tuple(
        sorted(found, key=lambda m: METHODS.index(m.method) if m.method in METHODS else last)
    )
