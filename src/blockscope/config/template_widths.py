"""Widths of the columns and pages of common LaTeX templates and journals."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from blockscope.io.errors import describe_valid

MM = 25.4  # in an inch

TEMPLATE_WIDTHS: Mapping[str, float] = {
    "neurips": 5.5 * MM,  # neurips_2026.sty: textwidth=5.5in
    "iclr": 5.5 * MM,  # iclr2027_conference.sty: \textwidth 5.5in
    "icml-column": 3.25 * MM,  # ICML's instructions: columns of 3.25 in, 0.25 in apart
    "icml-page": 6.75 * MM,
    "cvpr-column": (6.875 - 0.3125) / 2 * MM,  # cvpr.sty: \textwidth 6.875in, \columnsep 0.3125in
    "cvpr-page": 6.875 * MM,
    "ieee-column": 3.5 * MM,  # IEEE's guide for graphics: 3.5 in and 7.16 in
    "ieee-page": 7.16 * MM,
    "nature-column": 89.0,  # Nature's research figure guide: 89 mm and 183 mm
    "nature-page": 183.0,
}
"""The width in mm by the name that ``figure.width_mm`` may have, as in docs/figures.md."""


def width_of_template(value: Any) -> Any:
    """Return the width that a name stands for, and anything that is no name as it is.

    Raises ``ValueError`` for another name.
    """
    if not isinstance(value, str) or _is_number(value):
        return value
    if value in TEMPLATE_WIDTHS:
        return TEMPLATE_WIDTHS[value]
    raise ValueError(
        f"must be a number of millimetres or the name of a template, found '{value}' "
        f"({describe_valid(value, TEMPLATE_WIDTHS)})"
    )


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
