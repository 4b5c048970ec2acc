"""Colours as they are rendered, 0 to 1, and as they are stored, in bytes."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt


def as_bytes(colours: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
    """Return colours of 0 to 1 in 8 bit; those that are already stay as they are."""
    if colours.dtype == np.uint8:
        return colours
    return np.rint(255 * colours).astype(np.uint8)
