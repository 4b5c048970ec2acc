"""The stage "scores": how far attribution maps, and those of other methods, can be trusted."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Unpack

import numpy as np
import numpy.typing as npt
import pandas as pd
import xarray as xr

from blockscope.attribution.contrasts import find_contrasts
from blockscope.attribution.layer_scores import LayerScores
from blockscope.attribution.rivals import PATH_STEPS, RIVALS, product, rival_maps, slopes_at
from blockscope.attribution.scores.infidelity import SETS
from blockscope.attribution.scores.sensitivity import (
    RADIUS,
    SAMPLES,
    max_sensitivity,
    noisy_points,
)
from blockscope.autodiff.gradient_overrides import find_override
from blockscope.autodiff.gradients import Gradients
from blockscope.io import datasets
from blockscope.io.atomic_files import FilePath, sha256_of
from blockscope.io.errors import BadFile
from blockscope.io.images import read_png
from blockscope.io.masks import Mask, fit_mask, object_pixels, outside, read_mask
from blockscope.io.packaged import named
from blockscope.io.provenance import check_origin
from blockscope.io.rebuilding import told
from blockscope.io.tsv import write_tsv
from blockscope.stages.attribution.layer_task import LayerFiles, LayerTask

SEED = 0
OWN = "attribution"
_MAPS = {"long_name": "map of the label, in the unit of its method", "units": "1"}
_NOISE = {"long_name": "largest relative change of the map under noise", "units": "1"}

Floats = npt.NDArray[np.floating]


def write_scores(
    *,
    layer: str,
    override: str,
    contrasts: Sequence[str],
    classes: FilePath,
    mask: FilePath | None,
    objects: Mapping[str, str],
    random_orders: int,
    output: FilePath,
    output_table: FilePath,
    memory_mb: int,
    **files: Unpack[LayerFiles],
) -> None:
    """Write scores of the attribution in ``classes``, and of the rivals, as HDF5 and as a table.

    Labels are those of ``contrasts``, as in the table of runs. ``mask``: which pixels belong to
    which of ``objects`` (label by colour); None where that is not known. Curves of deletion are
    compared with those of ``random_orders`` orders. Raises ``BadFile`` where
    ``classes`` is of another layer, image or override, where the attribution is zero by
    mathematics, where an object is outside of the network's input, or where values are not finite.
    """
    task = LayerTask.read(**files, layer=layer, override=override)
    own = _read_classes(classes, task)
    gradients = Gradients(
        task.network, task.values, layer, task.target, find_override("none"), task.activations
    )
    logits = gradients.values_at(task.activations[None]).numpy()[0]
    task.check_finite("logit", logits)
    labels, head = task.card.label_table, task.card.head
    found = find_contrasts(contrasts, logits, labels, head)
    indexes = list(dict.fromkeys(i for contrast in found for i in contrast if i >= 0))
    chosen = own.isel(label=[labels.indexes.index(i) for i in indexes])
    explain = _Explainer(gradients, task.gradients(), indexes, memory_mb)
    near = noisy_points(task.activations, SEED)
    explained = explain(np.concatenate([task.activations[None], near]))
    maps = explained[:, :, 0].copy()
    change = max_sensitivity(maps, explained[:, :, 1:])
    maps[0] = chosen["attribution"].transpose("label", "row", "col")
    task.check_finite("map", maps)
    pixels, _ = read_png(files["image"])
    scorer = LayerScores(
        task.network, pixels, gradients, indexes, head, memory_mb, SEED, random_orders
    )
    masks = _masks(mask, objects, task, indexes) if mask else []
    dataset = scorer.score(maps, masks)
    for name in ("deletion", "insertion", "random_mean", "infidelity"):
        task.check_finite(name, dataset[name].to_numpy())
    dataset["sensitivity"] = ("map", "label"), datasets.as_float32(change), _NOISE
    dataset["maps"] = ("map", "label", "row", "col"), datasets.as_float32(maps), _MAPS
    sources = [f"activation x gradient, override {override}", *(r.source for r in RIVALS.values())]
    dataset = dataset.assign_coords(
        {
            "map": [OWN, *RIVALS],
            "source": ("map", sources, {"long_name": "how the map is computed"}),
            **chosen["attribution"].coords,
        }
    )
    masked = {"mask": named(mask), "objects": dict(objects)} if mask else {}
    settings = told(
        task.facts,
        images={str(task.facts["image"]): masked},
        runs=task.rows(contrasts, ["linear"]),
        scores={"random_orders": random_orders},
    )
    facts = task.record(
        "scores", **settings,
        seed=SEED, random_orders=random_orders, random_sets=SETS, noise_radius=RADIUS,
        noise_samples=SAMPLES, path_steps=PATH_STEPS,
        mask_sha256=sha256_of(mask) if mask else None,
        objects=json.dumps(dict(objects), ensure_ascii=False) if mask else None,
    )  # fmt: skip
    dataset = dataset.assign_attrs(facts)
    datasets.write_h5(output, dataset)
    write_tsv(output=output_table, table=score_table(dataset), facts=facts)


def score_table(scores: xr.Dataset) -> pd.DataFrame:
    """Return a row for each map and label, a column for each score: areas by their baseline."""
    areas = {
        f"{name.removesuffix('_mean')}_{baseline}": scores[name].sel(baseline=baseline, drop=True)
        for name in ("deletion_area", "insertion_area", "random_area_mean", "random_area_sd")
        for baseline in scores["baseline"].to_numpy()
    }
    single = {
        str(name): array
        for name, array in scores.data_vars.items()
        if set(array.dims) <= {"map", "label"}
    }
    table = xr.Dataset(areas | single).reset_coords(["index"]).to_dataframe(["map", "label"])
    columns = ["index", *areas, *single]
    return table.reset_index()[["map", "label", *columns]]


def _read_classes(path: FilePath, task: LayerTask) -> xr.Dataset:
    """Read the attribution of all labels, which must be that of the task."""
    found = datasets.read(path)
    check_origin(found.attrs, path, task.origin | {"override": task.override})
    if found.attrs.get("cancels"):
        raise BadFile(
            f"attribution '{path}' is zero by mathematics (see its log): there is nothing to score "
            "at this layer; choose another one"
        )
    return found


def _masks(
    path: FilePath, objects: Mapping[str, str], task: LayerTask, indexes: Sequence[int]
) -> list[Mask | None]:
    """Return the pixels of each label's objects in the network's input; None without an object."""
    spec, labels = task.card.input, task.card.label_table
    pixels = fit_mask(read_mask(path), spec.size, spec.resize, spec.filter)
    of_label: dict[int, Mask] = {}
    for colour, label in objects.items():
        inside = object_pixels(pixels, colour)
        if not inside.any():
            raise BadFile(outside(path, colour, label, task.card.model))
        index = labels.find(label)
        of_label[index] = of_label.get(index, np.zeros_like(inside)) | inside
    return [of_label.get(index) for index in indexes]


class _Explainer:
    """All methods' maps at points of the layer, (map, label, point, row, col): ``OWN`` first."""

    def __init__(
        self, exact: Gradients, own: Gradients, indexes: Sequence[int], memory_mb: int
    ) -> None:
        self.exact, self.own, self.indexes, self.memory_mb = exact, own, indexes, memory_mb

    def __call__(self, points: Floats) -> Floats:
        rivals = rival_maps(self.exact, points, self.indexes, self.memory_mb)
        own = product(points, slopes_at(self.own, points, self.indexes, self.memory_mb))
        return np.stack([own, *rivals.values()])
