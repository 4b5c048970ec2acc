"""What the arrays of this room are called in annotations."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating]
"""Numbers of any axes; a docstring names them."""

Pixels = NDArray[np.uint8]
"""An image, (row, col, rgb) unless a docstring says otherwise."""

Places = NDArray[np.intp]
"""Places on an axis, from 0."""
