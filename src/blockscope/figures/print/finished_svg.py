"""What SVG files of Matplotlib lack: words for those who do not see, fonts to fall back on."""

from __future__ import annotations

from xml.sax.saxutils import escape

from blockscope.figures.print.parts.sheet import FONT

# Where DejaVu Sans is not installed: fonts of the same widths, and then any without serifs, so that
# text does not become a font with serifs of other widths.
FALLBACKS = "'Bitstream Vera Sans', Verdana, sans-serif"
# Of images. Browsers enlarge them smoothly, as programs do with a PDF's, unless asked for squares.
SQUARES, SMOOTH = "image-rendering:crisp-edges;image-rendering:pixelated", "image-rendering:auto"


def finished(svg: str, title: str, description: str) -> str:
    """Return an SVG file of Matplotlib with a title, a description, more fonts and smooth images.

    Screen readers take the file as one image and read both texts; browsers show the title.
    """
    start = svg.index("<svg ")
    end = svg.index(">", start) + 1
    root = svg[start:end].removesuffix(">")
    words = (
        f'{root} role="img">\n <title>{escape(title)}</title>\n <desc>{escape(description)}</desc>'
    )
    drawn = svg[end:].replace(f"'{FONT}'", f"'{FONT}', {FALLBACKS}").replace(SQUARES, SMOOTH)
    return f"{svg[:start]}{words}{drawn}"
