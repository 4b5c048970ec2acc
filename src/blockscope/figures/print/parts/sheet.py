"""A sheet of paper in millimetres, from its upper left corner: text that fits, boxes, images."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import PatchCollection
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties, findfont, get_font
from matplotlib.lines import Line2D
from matplotlib.patches import Circle, Polygon, Rectangle
from matplotlib.textpath import TextToPath

from blockscope.figures.arrays import Pixels
from blockscope.figures.image_encoding import MM_PER_INCH, enlarge, printed_size

POINT = MM_PER_INCH / 72
ELLIPSIS = "…"

Area = tuple[float, float, float, float]

FONT = "DejaVu Sans"
# Text stays text, in fonts that come with Matplotlib: equal on every machine, editable in LaTeX.
STYLE: Any = {
    "font.family": [FONT],
    "image.composite_image": False,
    "path.simplify": False,
    "pdf.fonttype": 42,
    "svg.fonttype": "none",
    "svg.hashsalt": "blockscope",
    "text.hinting": "none",
    "text.parse_math": False,
    "text.usetex": False,
}

_RULER = TextToPath()  # measures outlines, which no hinting distorts


@contextmanager
def missing_letters_allowed() -> Iterator[None]:
    """Keep Matplotlib from warning of each letter that the font lacks: the sheet's foot does."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from font")
        yield


@functools.cache
def _letters(bold: bool) -> frozenset[int]:
    font = FontProperties(family=FONT, weight="bold" if bold else "normal")
    return frozenset(get_font(findfont(font)).get_charmap())


@functools.lru_cache(maxsize=4096)
def text_width(text: str, points: float, bold: bool = False) -> float:
    """Return the width of one line of text in mm."""
    font = FontProperties(family=FONT, size=points, weight="bold" if bold else "normal")
    with missing_letters_allowed():
        width, _, _ = _RULER.get_text_width_height_descent(text, font, ismath=False)
    return float(width) * POINT


def shortened(text: str, points: float, width: float, bold: bool = False) -> str:
    """Return the text, or as much of its beginning as fits into ``width`` mm and an ellipsis."""
    if text_width(text, points, bold) <= width:
        return text
    fits, fails = 0, len(text)
    while fails - fits > 1:
        middle = (fits + fails) // 2
        if text_width(text[:middle].rstrip() + ELLIPSIS, points, bold) <= width:
            fits = middle
        else:
            fails = middle
    return text[:fits].rstrip() + ELLIPSIS


def shortened_apart(texts: Sequence[str], points: float, width: float) -> list[str]:
    """Shorten each text; those that would look alike begin with the word that tells them apart."""
    cut = [shortened(text, points, width) for text in texts]
    found = list(cut)
    for place, text in enumerate(texts):
        alike = [other for other, look in zip(texts, cut, strict=True) if look == cut[place]]
        shared = [_shared_letters(text, other) for other in alike if other != text]
        if shared:
            word = text.rfind(" ", 0, max(shared)) + 1
            found[place] = shortened(ELLIPSIS + text[word:], points, width)
    return found


def _shared_letters(one: str, other: str) -> int:
    pairs = enumerate(zip(one, other, strict=False))
    return next((place for place, (a, b) in pairs if a != b), min(len(one), len(other)))


def wrapped(text: str, points: float, width: float, bold: bool = False) -> list[str]:
    """Break text into lines of at most ``width`` mm; a word longer than a line is shortened."""
    lines: list[str] = []
    for word in text.split():
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and text_width(longer, points, bold) <= width:
            lines[-1] = longer
        else:
            lines.append(shortened(word, points, width, bold))
    return lines


@dataclass
class Sheet:
    """A figure under construction: things are placed first, then drawn at the height they need.

    Positions are mm from the upper left corner. ``texts`` and ``rasters`` keep the area
    (left, top, right, bottom) of what was placed, for whoever must know that nothing overlaps;
    ``told`` are the texts with paragraphs in one piece.
    ``title`` names the figure inside its files, ``summary`` says what it shows, ``missing`` are
    letters that the font does not have.
    """

    width: float
    title: str = ""
    summary: str = ""
    height: float = 0.0
    texts: list[tuple[Area, str]] = field(default_factory=list)
    told: list[str] = field(default_factory=list)
    missing: set[str] = field(default_factory=set)
    rasters: list[tuple[Area, Pixels]] = field(default_factory=list)
    _draw: list[Callable[[Axes], object]] = field(default_factory=list)

    def text(
        self,
        left: float,
        baseline: float,
        text: str,
        points: float,
        *,
        colour: str = "#1a1a1a",
        bold: bool = False,
        align: str = "left",
    ) -> None:
        """Place one line of text; ``left`` is its right end or middle if so aligned."""
        self.told.append(text)
        self._line(left, baseline, text, points, colour, bold, align)

    def paragraph(
        self,
        left: float,
        top: float,
        text: str,
        points: float,
        *,
        width: float,
        leading: float,
        colour: str = "#1a1a1a",
    ) -> float:
        """Place text in lines of at most ``width``; returns the last line's distance from the top.

        ``leading`` is the distance of the lines, and of the first one from ``top``, in mm.
        """
        self.told.append(text)
        for line in wrapped(text, points, width):
            top += leading
            self._line(left, top, line, points, colour, bold=False, align="left")
        return top

    def _line(
        self,
        left: float,
        baseline: float,
        text: str,
        points: float,
        colour: str,
        bold: bool,
        align: str,
    ) -> None:
        width = text_width(text, points, bold)
        start = left - {"left": 0.0, "center": width / 2, "right": width}[align]
        ascent, descent = 0.76 * points * POINT, 0.24 * points * POINT
        self.texts.append(((start, baseline - ascent, start + width, baseline + descent), text))
        weight = "bold" if bold else "normal"
        self.missing.update(letter for letter in text if ord(letter) not in _letters(bold))
        self._draw.append(
            lambda axes: axes.text(
                left, baseline, text, size=points, color=colour, weight=weight, ha=align,
                va="baseline", parse_math=False,
            )
        )  # fmt: skip

    def box(self, left: float, top: float, width: float, height: float, colour: str) -> None:
        """Fill a rectangle."""
        self._draw.append(
            lambda axes: axes.add_patch(
                Rectangle((left, top), width, height, facecolor=colour, edgecolor="none")
            )
        )

    def outline(
        self, left: float, top: float, width: float, height: float, colour: str, points: float = 1.0
    ) -> None:
        """Draw the border of a rectangle, in a line of ``points``."""
        self._draw.append(
            lambda axes: axes.add_patch(
                Rectangle(
                    (left, top), width, height, facecolor="none", edgecolor=colour,
                    linewidth=points, zorder=3,
                )
            )
        )  # fmt: skip

    def line(
        self, across: Sequence[float], down: Sequence[float], colour: str, points: float = 0.6
    ) -> None:
        """Draw a line through places given by their distances from the left and from the top."""
        self._draw.append(
            lambda axes: axes.add_line(Line2D(across, down, color=colour, linewidth=points))
        )

    def bars(
        self,
        left: float,
        base: float,
        width: float,
        heights: Sequence[float],
        colours: Sequence[str],
    ) -> None:
        """Draw touching bars of equal width side by side; a negative height points down."""
        each = width / max(len(heights), 1)
        boxes = [
            Rectangle((left + place * each, base), each, -height)
            for place, height in enumerate(heights)
        ]
        self._draw.append(
            lambda axes: axes.add_collection(
                PatchCollection(boxes, facecolors=list(colours), edgecolors="none")
            )
        )

    def dots(
        self, across: Sequence[float], down: Sequence[float], radius: float, colour: str
    ) -> None:
        """Fill many circles, half transparent, so that crowds are darker."""
        circles = [Circle(centre, radius) for centre in zip(across, down, strict=True)]
        self._draw.append(
            lambda axes: axes.add_collection(
                PatchCollection(circles, facecolors=colour, edgecolors="none", alpha=0.5, zorder=2)
            )
        )

    def area(
        self, across: Sequence[float], down: Sequence[float], colour: str, opacity: float = 1.0
    ) -> None:
        """Fill a polygon."""
        corners = list(zip(across, down, strict=True))
        self._draw.append(
            lambda axes: axes.add_patch(
                Polygon(corners, facecolor=colour, edgecolor="none", alpha=opacity)
            )
        )

    def disc(self, centre: tuple[float, float], radius: float, colour: str) -> None:
        """Fill a circle, with a thin dark rim."""
        self._draw.append(
            lambda axes: axes.add_patch(
                Circle(
                    centre, radius, facecolor=colour, edgecolor="#1a1a1a", linewidth=0.4, zorder=3
                )
            )
        )

    def raster(self, left: float, top: float, width: float, height: float, pixels: Pixels) -> None:
        """Place an image in its own resolution."""
        self.rasters.append(((left, top, left + width, top + height), pixels))

    @property
    def images(self) -> list[Area]:
        """Where images were placed."""
        return [area for area, _ in self.rasters]

    @property
    def description(self) -> str:
        """What the figure shows and every text on it, for those who do not see it."""
        read = "; ".join(text.strip().removesuffix(".") for text in self.told if text.strip())
        return " ".join(part for part in (self.summary, f"Text: {read}." if read else "") if part)

    def figure(self, dpi: int | None = None) -> Figure:
        """Draw everything on paper of the sheet's size.

        Images are drawn with ``dpi`` pixels an inch, smoothly; where None, in their own resolution,
        as vector files embed them.
        """
        with mpl.rc_context(STYLE):
            figure = Figure(figsize=(self.width / MM_PER_INCH, self.height / MM_PER_INCH))
            FigureCanvasAgg(figure)
            axes = figure.add_axes((0, 0, 1, 1))
            axes.set_axis_off()
            for (left, top, right, bottom), pixels in self.rasters:
                size = printed_size(right - left, pixels, dpi) if dpi else pixels.shape[:2]
                axes.imshow(
                    enlarge(pixels, size, smooth=True), extent=(left, right, bottom, top),
                    interpolation="none", aspect="auto",
                )  # fmt: skip
            for draw in self._draw:
                draw(axes)
            axes.set(xlim=(0, self.width), ylim=(self.height, 0))
        return figure
