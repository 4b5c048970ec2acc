"""The stage "drivers": attribution between the channels of two layers."""

from __future__ import annotations

from typing import Unpack

from blockscope.attribution.grad_x_activation import attribute_channels, named_drivers
from blockscope.attribution.verification import channel_terms, mix_of
from blockscope.io import datasets
from blockscope.io.atomic_files import FilePath
from blockscope.stages.attribution.layer_task import LayerFiles, LayerTask


def write_drivers(
    *,
    layer1: str,
    layer2: str,
    override: str,
    output: FilePath,
    memory_mb: int,
    **files: Unpack[LayerFiles],
) -> None:
    """Write the attribution between the channels of two layers as HDF5 (channel2, channel1).

    ``activations``: those of ``layer1``. Raises ``BadFile`` if layer 2 is not computed from layer
    1, or if values are not finite.
    """
    task = LayerTask.read(**files, layer=layer1, later=layer2, override=override)
    attribution = attribute_channels(task.linear(), memory_mb=memory_mb, progress=True)
    task.check_finite("attribution", attribution)
    terms = channel_terms(task.gradients(), len(attribution))
    mixed = mix_of(len(attribution)) @ attribution
    attribution, told = task.verified(attribution, mixed, terms, (0, 1))
    dataset = named_drivers(attribution)
    datasets.write_h5(output, dataset.assign_attrs(task.record("drivers", **told)))
