"""Attribution factors: the attributions of many labels as a few patterns, each with its labels.

By non-negative matrix factorization (NMF), as in the article's attribution figures, or principal
component analysis (PCA). Lucid: ChannelReducer.
"""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
import xarray as xr
from sklearn.decomposition import NMF, PCA
from sklearn.exceptions import ConvergenceWarning

from blockscope.attribution.layer_arrays import check_count, check_layer
from blockscope.io import datasets
from blockscope.io.errors import BadFile, unknown_name
from blockscope.io.label_scores import described, highest_labels, unit_name

Array = npt.NDArray[np.float64]
METHODS = ("nmf", "pca")
ITERATIONS = 200  # scikit-learn's default of 2018, used for the published factors
TOLERANCE = 1e-4
USUAL = 1e-3, 1e6  # largest entries of layers that are fitted as they are
SEED = 0  # nndsvd starts from a randomised singular value decomposition


@dataclass(frozen=True)
class Factorisation:
    """Factors of one or more layers.

    Attributes
    ----------
    spatial
        One array (row, col, factor) per layer.
    labels
        (factor, label), shared by all layers.
    relative_errors
        ||X - spatial @ labels - mean|| / ||X|| per layer (Frobenius norm); None for a layer X
        without a positive entry, which has nothing to explain.
    means
        Per layer what is added to the product, (label): zero for NMF, for PCA the mean of the
        layer that was fitted on.
    """

    spatial: list[Array]
    labels: Array
    relative_errors: list[float | None]
    means: list[Array]


def factorise(layers: list[Array], n: int, method: str = "nmf") -> Factorisation:
    """Fit ``n`` factors to the first layer and express the others by the same label vectors.

    Every position is a sample, every label a feature. Order and scale are fixed by the method, so
    that two runs agree: NMF starts from nndsvd, which orders factors by singular value and splits
    that value evenly between the two sides; PCA orders by variance, has unit label vectors, and
    signs that make the largest entry of each positive. Source: Olah et al. 2018 and its authors'
    description of the recipe; scikit-learn's NMF with ``init="nndsvd"``, ``tol=1e-4``, 200
    iterations.

    Parameters
    ----------
    layers
        Arrays (row, col, label), non-negative for NMF.
    n
        Number of factors.
    method
        ``nmf`` or ``pca``.

    Returns
    -------
    factors
        Those of all layers, in their order.

    Raises
    ------
    BadFile
        If ``n`` exceeds the number of positions or labels, or if layers are no list of finite
        arrays of the same labels, non-negative for NMF.
    UnknownName
        If there is no such method.
    """
    if method not in METHODS:
        raise unknown_name("factorisation method", method, METHODS)
    _check(layers, method)
    n = check_count(n, "factors", layers[0].shape, "label", "table of runs: factors")
    labels = layers[0].shape[2]
    # In one memory layout, because the last bits of a product depend on it.
    samples = [np.ascontiguousarray(x.reshape(-1, labels), np.float64) for x in layers]
    half = _half_power(samples[0])
    if half:
        samples = [np.ldexp(x, -2 * half) for x in samples]
    if samples[0].any():
        weights, components, mean = (_nmf if method == "nmf" else _pca)(samples, n)
    else:  # nothing to fit, and no label to name
        weights = [np.zeros((len(x), n)) for x in samples]
        components, mean = np.zeros((n, labels)), np.zeros(labels)
    fitted = [w @ components + mean for w in weights]
    errors = [_relative_error(x, f) for x, f in zip(samples, fitted, strict=True)]
    if half:  # the label vectors of PCA have unit length
        own, shared = (half, half) if method == "nmf" else (2 * half, 0)
        weights = [np.ldexp(x, own) for x in weights]
        components, mean = np.ldexp(components, shared), np.ldexp(mean, 2 * half)
    return Factorisation(
        spatial=[w.reshape(*x.shape[:2], n) for w, x in zip(weights, layers, strict=True)],
        labels=components,
        relative_errors=errors,
        means=[mean] * len(layers),
    )


def _check(layers: object, method: str) -> None:
    """Raise ``BadFile`` unless these are layers that a method can factorise together."""
    if not isinstance(layers, list | tuple) or not layers:
        found = "none" if isinstance(layers, list | tuple) else f"one {type(layers).__name__}"
        raise BadFile(
            f"layers are factorised as a list of arrays (row, col, label), found {found}; give a "
            "list of one or more"
        )
    arrays = [check_layer("attribution", one, "label") for one in layers]
    counts = [one.shape[2] for one in arrays]
    if len(set(counts)) > 1:
        raise BadFile(
            f"layers have {', '.join(map(str, counts))} labels; valid: the same labels in each, in "
            "the same order"
        )
    lowest = min(one.min(initial=0) for one in arrays)
    if method == "nmf" and lowest < 0:
        raise BadFile(
            f"NMF factorises numbers that are not negative, found {lowest:.3g}; give "
            "positive_part(...), or choose the method 'pca'"
        )


def _half_power(sample: Array) -> int:
    """Return half of the power of two that a layer is divided by to be fitted; 0 for usual ones.

    The start of NMF takes what is below a millionth for zero. The power is even, so that both sides
    of the product are scaled back exactly.
    """
    largest = float(np.abs(sample).max(initial=0))
    if largest == 0 or USUAL[0] <= largest <= USUAL[1]:
        return 0
    return (math.frexp(largest)[1] - 1) // 2


def _nmf(samples: list[Array], n: int) -> tuple[list[Array], Array, Array]:
    model, first = _fitted_nmf(samples[0], n)
    if not (np.isfinite(first).all() and np.isfinite(model.components_).all()):
        # nndsvd starts with 0 / 0 where it has no singular value left; more factors are zero.
        model, first = _fitted_nmf(samples[0], min(n, int(np.linalg.matrix_rank(samples[0]))))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        rest = [model.transform(x) for x in samples[1:]]
    more = n - len(model.components_)
    spatial = [np.pad(x, [(0, 0), (0, more)]) for x in (first, *rest)] if more else [first, *rest]
    return spatial, np.pad(model.components_, [(0, more), (0, 0)]), np.zeros(samples[0].shape[1])


def _fitted_nmf(sample: Array, n: int) -> tuple[NMF, Array]:
    model = NMF(n, init="nndsvd", tol=TOLERANCE, max_iter=ITERATIONS, random_state=SEED)
    with warnings.catch_warnings():
        # The published factors stop at 200 iterations too; the remaining error is stored.
        warnings.simplefilter("ignore", ConvergenceWarning)
        # Of the division by zero, which is seen in what comes of it.
        warnings.simplefilter("ignore", RuntimeWarning)
        return model, model.fit_transform(sample)


def _pca(samples: list[Array], n: int) -> tuple[list[Array], Array, Array]:
    model = PCA(n, svd_solver="full").fit(samples[0])
    components = model.components_
    largest = np.abs(components).argmax(axis=1)
    signs = np.where(np.take_along_axis(components, largest[:, None], 1) < 0, -1.0, 1.0)
    return [model.transform(x) * signs.T for x in samples], components * signs, model.mean_


def _relative_error(x: Array, fitted: Array) -> float | None:
    size = float(np.linalg.norm(x))
    return float(np.linalg.norm(x - fitted)) / size if size else None


def positive_part(attribution: npt.NDArray[np.floating]) -> Array:
    """Return what supports a label: attributions clipped at zero."""
    return np.asarray(np.maximum(attribution, 0), dtype=np.float64)


def normalise_by_mean(positive: Array) -> tuple[Array, float]:
    """Divide a layer by its mean over positions and labels, so that layers can be compared.

    Returns the layer and the divisor, which is 1 for a layer of zeros.
    """
    mean = float(positive.mean())
    return (positive / mean, mean) if mean > 0 else (positive, 1.0)


def label_matrix(classes: xr.Dataset) -> Array:
    """Return a layer's clipped attributions as (row, col, label)."""
    return positive_part(classes["attribution"].transpose("row", "col", "label").to_numpy())


def factorise_layer(
    classes: xr.Dataset, n: int, method: str = "nmf"
) -> tuple[Factorisation, xr.Dataset]:
    """Factorise one layer with all labels: the recipe that the article's authors gave later.

    Returns the factors, and ``classes`` for their labels.
    """
    return factorise([label_matrix(classes)], n, method), classes


def factorise_jointly(
    fit: xr.Dataset, classes: xr.Dataset, n: int, method: str = "nmf", labels: int = 50
) -> tuple[Factorisation, xr.Dataset]:
    """Fit factors on one layer and express another by them: the recipe of the article's figures.

    Only the ``labels`` most probable labels are used (without a head: those of the largest
    outputs), most probable first; each layer is divided
    by its own mean to be fitted. Returns the factors of ``classes`` in its own unit, logits, and
    its part with these labels.
    """
    chosen = highest_labels(fit, labels)
    parts = [part.isel(label=chosen) for part in (fit, classes)]
    (first, _), (second, unit) = (normalise_by_mean(label_matrix(part)) for part in parts)
    both = factorise([first, second], n, method)
    own = Factorisation(
        spatial=[both.spatial[1] * unit],
        labels=both.labels,
        relative_errors=both.relative_errors[1:],
        means=[both.means[1] * unit],
    )
    return own, parts[1]


def named_factors(factors: Factorisation, labels: xr.Dataset, top: int) -> xr.Dataset:
    """Name the axes of one layer's factors and list the ``top`` labels of each factor.

    A label without weight in a factor is not listed: its name is empty, its index -1. The product
    of ``spatial`` and ``labels``, plus ``mean``, is what the factors say of the positive
    attribution, in logits.
    """
    top = min(top, labels.sizes["label"])
    ranked = np.argsort(-factors.labels, axis=1, kind="stable")[:, :top]
    names, indexes = labels["label"].to_numpy(), labels["index"].to_numpy()
    ranking = ("factor", "rank")
    weights = np.take_along_axis(factors.labels, ranked, 1)
    listed, unit = weights != 0, unit_name(labels)
    return xr.Dataset(
        {
            "spatial": (
                ("row", "col", "factor"),
                datasets.as_float32(factors.spatial[0]),
                {"long_name": "strength of the factor at a position", "units": unit},
            ),
            "labels": (
                ("factor", "label"),
                datasets.as_float32(factors.labels),
                {"long_name": "weight of the factor in a label", "units": "1"},
            ),
            "mean": (
                "label",
                datasets.as_float32(factors.means[0]),
                {"long_name": "mean that was taken away before (PCA)", "units": unit},
            ),
            "top_label": (
                ranking,
                np.where(listed, names[ranked], "").astype(object),
                {"long_name": "label, by weight; empty behind the last"},
            ),
            "top_index": (
                ranking,
                np.where(listed, indexes[ranked], -1).astype(np.int32),
                {"long_name": "position of the label in the logits; -1 behind the last"},
            ),
            "top_weight": (
                ranking,
                datasets.as_float32(weights),
                {"long_name": "weight of the label", "units": "1"},
            ),
        },
        coords=described(labels),
    )


def top_table(factors: xr.Dataset) -> pd.DataFrame:
    """Return each factor's top labels: columns factor, rank (both from 1), label, index, weight.

    A factor without labels has no row.
    """
    stacked = factors[["top_label", "top_index", "top_weight"]].to_dataframe().reset_index()
    stacked = stacked[stacked["top_index"] >= 0]
    return pd.DataFrame(
        {
            "factor": stacked["factor"] + 1,
            "rank": stacked["rank"] + 1,
            "label": stacked["top_label"],
            "index": stacked["top_index"],
            "weight": stacked["top_weight"].map(lambda weight: f"{weight:.6g}"),
        }
    )
