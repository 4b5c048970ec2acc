"""The stage "factors": the attributions of all labels as a few factors, and their top labels."""

from __future__ import annotations

import xarray as xr

from blockscope.attribution.factors import (
    SEED,
    factorise_jointly,
    factorise_layer,
    named_factors,
    top_table,
)
from blockscope.attribution.finite import check_finite
from blockscope.io import datasets, provenance
from blockscope.io.atomic_files import FilePath
from blockscope.io.errors import BadFile
from blockscope.io.rebuilding import told
from blockscope.io.tsv import write_tsv


def write_factors(
    *,
    classes: FilePath,
    fit_classes: FilePath | None,
    n: int,
    method: str,
    top_labels: int,
    joint_labels: int,
    output: FilePath,
    output_table: FilePath,
) -> None:
    """Write the factors of one layer as HDF5, and their top labels as a table (TSV).

    ``fit_classes``: attributions of the layer to fit on (the joint recipe); None for the layer's
    own. Raises ``BadFile`` if the two files are not of the same model, image and override.
    """
    own = datasets.read(classes)
    if fit_classes is None:
        fit = own
        factors, labels = factorise_layer(own, n, method)
    else:
        fit = datasets.read(fit_classes)
        _check_same_origin(fit_classes, fit, classes, own)
        factors, labels = factorise_jointly(fit, own, n, method, joint_labels)
    for part in (factors.spatial[0], factors.labels):
        check_finite("factor", part)
    dataset = named_factors(factors, labels, top_labels)
    settings = told(own.attrs, factors={"top_labels": top_labels, "joint_labels": joint_labels})
    dataset.attrs = provenance.record(
        "factors",
        **provenance.inherited(own.attrs) | settings,
        fit_layer=fit.attrs["layer"],
        method=method,
        recipe="alone" if fit_classes is None else "joint",
        n=n,
        relative_error=factors.relative_errors[0],
        seed=SEED,
    )
    datasets.write_h5(output, dataset)
    write_tsv(output=output_table, table=top_table(dataset), facts=dataset.attrs)


def _check_same_origin(
    fit_path: FilePath, fit: xr.Dataset, path: FilePath, classes: xr.Dataset
) -> None:
    for key in ("graph_sha256", "image_sha256", "override"):
        if fit.attrs.get(key) != classes.attrs.get(key):
            raise BadFile(
                f"'{fit_path}' and '{path}' differ in {key}: "
                f"{fit.attrs.get(key)}, {classes.attrs.get(key)}"
            )
