"""How figures are drawn: the options of the section `figure` of the settings."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Style:
    """Options of drawing.

    opacity        of colours over the input, 0 to 1
    width_mm       width of a printed panel
    dpi            resolution of the PNG and of the pictures inside PDF and SVG, dots per inch
    smooth         blend neighbouring positions of a layer instead of showing each as a square
    probabilities  most probable labels that are listed
    channels       strongest channels that are shown in each direction
    sized          whether cells of activation grids are as large as their vectors are long
    """

    opacity: float = 0.6
    width_mm: float = 180.0
    dpi: int = 300
    smooth: bool = False
    probabilities: int = 5
    channels: int = 5
    sized: bool = False
