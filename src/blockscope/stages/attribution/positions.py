"""The stage "positions": attribution between the positions of two layers."""

from __future__ import annotations

from typing import Unpack

import numpy as np

from blockscope.attribution.positions import attribute_positions, named_positions
from blockscope.attribution.verification import mix_of, position_terms
from blockscope.io import datasets
from blockscope.io.atomic_files import FilePath
from blockscope.stages.attribution.layer_task import LayerFiles, LayerTask


def write_positions(
    *,
    layer1: str,
    layer2: str,
    override: str,
    output: FilePath,
    memory_mb: int,
    **files: Unpack[LayerFiles],
) -> None:
    """Write the attribution between the positions of two layers as HDF5 (row2, col2, row1, col1).

    ``activations``: those of ``layer1``. Raises ``BadFile`` if layer 2 is not computed from layer
    1, or if values are not finite.
    """
    task = LayerTask.read(**files, layer=layer1, later=layer2, override=override)
    attribution = attribute_positions(task.linear(), memory_mb, progress=True)
    task.check_finite("attribution", attribution)
    size = attribution.shape[:2]
    terms = position_terms(task.gradients(), *size)
    mixed = np.tensordot(mix_of(*size), attribution, 2)
    attribution, told = task.verified(attribution, mixed, terms, (2,))
    dataset = named_positions(attribution)
    datasets.write_h5(output, dataset.assign_attrs(task.record("positions", **told)))
