"""How figures are drawn."""

from __future__ import annotations

from pydantic import StrictBool

from blockscope.config.settings import FigureOptions


class Style(FigureOptions):
    """The options of the section ``figure``, and ``grids.scale_by_magnitude`` of the config."""

    scale_by_magnitude: StrictBool = False
