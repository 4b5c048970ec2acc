"""What is factorised: arrays of a layer, (row, col, label or channel), and how many factors."""

from __future__ import annotations

import operator

import numpy as np
import numpy.typing as npt

from blockscope.attribution.finite import check_finite
from blockscope.io.counts import counted
from blockscope.io.errors import BadFile


def check_layer(what: str, found: object, feature: str) -> npt.NDArray[np.floating]:
    """Return an array of finite numbers, (row, col, feature), or raise ``BadFile``.

    ``what`` names an entry, ``feature`` the last axis, for messages.
    """
    if not isinstance(found, np.ndarray) or found.ndim != 3 or found.dtype.kind not in "fiub":
        kind = type(found).__name__
        if isinstance(found, np.ndarray):
            kind = f"{found.dtype} of shape {found.shape}"
        raise BadFile(
            f"{what}s of a layer are {kind}; valid: a NumPy array of numbers with three axes, "
            f"(row, col, {feature})"
        )
    check_finite(what, found)
    return found


def check_count(n: object, noun: str, shape: tuple[int, ...], feature: str, where: str) -> int:
    """Return how many factors to fit to an array of a shape, or raise ``BadFile``.

    ``noun``: what a factor is called; ``where`` the number is changed.
    """
    rows, cols, features = shape
    most = min(rows * cols, features)
    try:
        number = 0 if isinstance(n, bool) else operator.index(n)  # type: ignore[arg-type]
    except TypeError:
        number = 0
    if not 1 <= number <= most:
        whole = "" if number else ", as an integer"
        raise BadFile(
            f"cannot fit {n!r} {noun}: {rows} x {cols} positions, {counted(features, feature)}; "
            f"valid: 1 to {most}{whole} ({where})"
        )
    return number
