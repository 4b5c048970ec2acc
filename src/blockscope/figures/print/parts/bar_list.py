"""Labels with bars and numbers under a heading, on a sheet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from blockscope.figures.data.factors import Weight
from blockscope.figures.print.parts.sheet import Sheet, shortened, shortened_apart, text_width

TEXT_PT, SMALL_PT = 7.0, 6.5
LINE = 3.4  # mm from one line of text to the next
BAR = 1.7  # mm, thickness of a bar
LEAST_BAR = 0.2  # of a block's width
GREY = "#5c5c5c"
PLAIN_BAR = "#8a8a8a"


@dataclass(frozen=True)
class Block:
    """Labels with bars under a heading, which has a colour swatch if the labels have a colour."""

    heading: str
    rows: Sequence[Weight]
    numbers: Sequence[str]
    full: float
    bars: str = PLAIN_BAR
    swatch: bool = False

    @property
    def height(self) -> float:
        """Height in mm, with the space below."""
        return LINE * (1 + len(self.rows)) + 2.2


def split_widths(blocks: Sequence[Block], width: float) -> tuple[float, float]:
    """Return the widths that names and numbers take in blocks whose bars are aligned.

    Names get what they need as long as some of the width is left to the bars.
    """
    numbers = max((text_width(n, SMALL_PT) for block in blocks for n in block.numbers), default=0.0)
    names = [text_width(row.label, TEXT_PT) for block in blocks for row in block.rows]
    return min(max(names, default=0.0), (1 - LEAST_BAR) * width - numbers - 3), numbers


def place_blocks(
    sheet: Sheet,
    blocks: Sequence[Block],
    left: float,
    top: float,
    width: float,
    split: tuple[float, float] | None = None,
) -> float:
    """Place blocks below one another, their bars aligned; returns where they end."""
    name_width, numbers = split or split_widths(blocks, width)
    bar_left = left + name_width + 1.5
    bar_width = left + width - numbers - 1.5 - bar_left
    labels = [row.label for block in blocks for row in block.rows]
    names = iter(shortened_apart(labels, TEXT_PT, name_width))
    for block in blocks:
        baseline = top + 2.6
        indent = 3.2 if block.swatch else 0.0
        if block.swatch:
            sheet.box(left, baseline - 1.95, 2.2, 2.2, block.bars)
        heading = shortened(block.heading, TEXT_PT, width - indent, bold=not block.swatch)
        sheet.text(left + indent, baseline, heading, TEXT_PT, bold=not block.swatch)
        for row, written in zip(block.rows, block.numbers, strict=True):
            baseline += LINE
            sheet.text(left, baseline, next(names), TEXT_PT)
            length = bar_width * min(1.0, max(0.0, row.value / block.full))
            sheet.box(bar_left, baseline - BAR - 0.05, length, BAR, block.bars)
            sheet.text(left + width, baseline, written, SMALL_PT, colour=GREY, align="right")
        top += block.height
    return top
