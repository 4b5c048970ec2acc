"""What an SVG file says to those who do not see it, and the fonts that it names."""

from __future__ import annotations

from xml.sax.saxutils import escape

from blockscope.figures.print.sheet import FONT

# Where DejaVu Sans is not installed: fonts of the same widths, and then any without serifs, so that
# text does not become a font with serifs of other widths.
FALLBACKS = "'Bitstream Vera Sans', Verdana, sans-serif"


def described(svg: str, title: str, description: str) -> str:
    """Return an SVG file of Matplotlib with a title, a description, and fonts to fall back on.

    Screen readers take the file as one image and read both texts; browsers show the title.
    """
    start = svg.index("<svg ")
    end = svg.index(">", start) + 1
    root = svg[start:end].removesuffix(">")
    words = (
        f'{root} role="img">\n <title>{escape(title)}</title>\n <desc>{escape(description)}</desc>'
    )
    named = svg[end:].replace(f"'{FONT}'", f"'{FONT}', {FALLBACKS}")
    return f"{svg[:start]}{words}{named}"
