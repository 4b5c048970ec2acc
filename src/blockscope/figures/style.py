"""How figures are drawn."""

from __future__ import annotations

from pydantic import Field, StrictBool

from blockscope.config.settings import FigureOptions


class Style(FigureOptions):
    """The options of the section ``figure``, and ``grids.scale_by_magnitude`` of the config."""

    scale_by_magnitude: StrictBool = Field(
        default=False,
        description="Show the length of a cell's activation vector by the size of its square.",
        examples=[True],
    )
