"""What must hold of every sheet, and what was placed on sheets."""

from __future__ import annotations

import itertools
import re
from typing import Any

import pytest

from blockscope.figures.print.parts.sheet import Sheet
from blockscope.figures.style import Style

MARK = re.compile(r"\d+(,\d+)?(,…)?")


def check_layout(sheet: Sheet) -> None:
    """Fail where something leaves the sheet or covers another; only marks lie on images."""
    texts = [(area, f"'{text}'") for area, text in sheet.texts]
    images = [(area, f"image {place}") for place, area in enumerate(sheet.images)]
    for (left, top, right, bottom), name in texts + images:
        inside = left >= 0 and top >= 0 and right <= sheet.width + 1e-6 and bottom <= sheet.height
        assert inside, f"{name} leaves the sheet of {sheet.width} x {sheet.height:.0f} mm"
    for one, other in itertools.combinations(texts + images, 2):
        mark = any(MARK.fullmatch(name.strip("'")) for _, name in (one, other))
        if mark and (one in images or other in images):
            continue
        assert not overlap(one[0], other[0]), f"{one[1]} covers {other[1]}"


def any_style(**options: Any) -> Style:
    """A style with options that a config may not have, such as a resolution that draws fast."""
    return Style.model_construct(**options)


def words_on(sheet: Sheet) -> str:
    """All text of a sheet, in the order in which it was placed."""
    return " ".join(text for _, text in sheet.texts)


def overlap(one: tuple[float, ...], other: tuple[float, ...]) -> bool:
    """Whether two areas (left, top, right, bottom) share more than a rounding."""
    slack = 0.05
    return (
        one[0] < other[2] - slack
        and other[0] < one[2] - slack
        and one[1] < other[3] - slack
        and other[1] < one[3] - slack
    )


def recorded(monkeypatch: pytest.MonkeyPatch, method: str) -> list[tuple[Any, ...]]:
    """Collect the arguments of every call of a method of sheets, which works as before."""
    calls: list[tuple[Any, ...]] = []
    place = getattr(Sheet, method)

    def collect(self: Sheet, *args: Any, **named: Any) -> None:
        calls.append(args)
        place(self, *args, **named)

    monkeypatch.setattr(Sheet, method, collect)
    return calls
