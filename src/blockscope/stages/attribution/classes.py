"""The stage "classes": attribution of every label to the positions of a layer."""

from __future__ import annotations

from typing import Unpack

import numpy as np

from blockscope.attribution.all_labels import attribute_labels, named_labels
from blockscope.attribution.verification import label_terms, mix_of
from blockscope.io import datasets
from blockscope.io.atomic_files import FilePath
from blockscope.stages.attribution.layer_task import LayerFiles, LayerTask


def write_classes(
    *, layer: str, override: str, output: FilePath, memory_mb: int, **files: Unpack[LayerFiles]
) -> None:
    """Write the attribution of all labels to a layer's positions as HDF5 (label, row, col).

    Raises ``BadFile`` if values are not finite.
    """
    task = LayerTask.read(**files, layer=layer, override=override)
    linear, labels = task.linear(), task.card.label_table
    attribution = attribute_labels(linear, labels.indexes, memory_mb, progress=True)
    task.check_finite("attribution", attribution)
    terms = label_terms(task.gradients(), labels.indexes)
    mixed = np.tensordot(mix_of(len(labels)), attribution, 1)
    attribution, told = task.verified(attribution, mixed, terms, (2,))
    dataset = named_labels(attribution, linear.output.numpy()[0], labels, task.card.head)
    datasets.write_h5(output, dataset.assign_attrs(task.record("classes", **told)))
