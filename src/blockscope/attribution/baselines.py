"""What a part of a layer is replaced by where it is taken away."""

from __future__ import annotations

from typing import Literal

Baseline = Literal["zero", "mean"]
"""Zero, or the mean of each channel over the positions."""
