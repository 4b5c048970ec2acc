"""The check that a result consists of numbers."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from blockscope.io.counts import counted
from blockscope.io.errors import BadFile


def check_finite(what: str, array: npt.NDArray[np.floating]) -> None:
    """Raise ``BadFile`` if entries of a result are NaN or infinite; ``what`` names one entry."""
    wrong = np.count_nonzero(~np.isfinite(array))
    if wrong:
        raise BadFile(
            f"{what} is not finite in {wrong} of "
            f"{counted(array.size, 'entry', plural='entries')}; check the model's weights and "
            "input range (models catalogue)"
        )
