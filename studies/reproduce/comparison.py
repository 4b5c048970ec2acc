"""Published numbers against computed ones, as a table and as an exit status."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from studies.reproduce.published import LABELS
from studies.reproduce.quantities import (
    AXES,
    STATISTICS,
    Array,
    Place,
    Printing,
    Published,
    Question,
    Tolerance,
)

ALL_AGREE, SOME_OFF, NOT_ALL_COMPARED = 0, 1, 2  # exit statuses


@dataclass(frozen=True)
class Compared:
    """A published number next to the one found.

    Attributes
    ----------
    published
        The number and its tolerance.
    found
        The number computed here, NaN if the array has no such place.
    low
        Smallest number that agrees.
    high
        Largest number that agrees.
    missing
        Why nothing was computed.
    """

    published: Published
    found: float = np.nan
    low: float = np.nan
    high: float = np.nan
    missing: str = ""

    @property
    def agrees(self) -> bool:
        """Whether the number found is within the tolerance; NaN never is."""
        return self.low <= self.found <= self.high

    @property
    def verdict(self) -> str:
        """The last cell of the table."""
        if self.missing:
            return "not compared"
        if self.agrees:
            return "ok"
        return "OFF" if self.published.binding else "differs"


def printed_interval(text: str, printing: Printing) -> tuple[float, float]:
    """Return the smallest and the largest number that may have been printed as ``text``."""
    value = float(text)
    unit = 10.0 ** -len(text.partition(".")[2])
    if printing is Printing.WHOLE:
        return value, value
    if printing is Printing.CUT:
        return (value - unit, value) if text.startswith("-") else (value, value + unit)
    half = unit / 2 if printing is Printing.ROUNDED else unit
    return value - half, value + half


def compare(published: Published, draws: Array) -> Compared:
    """Compare a number with the mean over the arrays computed for its question, (draw, ...).

    The result is NaN for a place that the arrays lack, as in a network with fewer channels.
    """
    statistic = STATISTICS[published.statistic]
    try:
        values = np.array([statistic(draw, published.at) for draw in draws])
    except IndexError:
        values = np.full(len(draws), np.nan)
    low, high = printed_interval(published.printed, published.printing)
    slack = published.tolerance.slack(float(published.printed), values)
    return Compared(published, float(values.mean()), low - slack, high + slack)


def compare_all(
    numbers: Sequence[Published], found: Mapping[Question, Array], missing: Mapping[str, str]
) -> list[Compared]:
    """Compare every number; ``missing`` says, for an image, why nothing was computed."""
    return [
        compare(number, found[number.question])
        if number.question in found
        else Compared(number, missing=missing[number.question.image])
        for number in numbers
    ]


def exit_status(rows: Sequence[Compared], allow_missing: bool = False) -> int:
    """Return 1 if a number is off, else 2 if some (or, if allowed, all) were not compared."""
    judged = [row for row in rows if row.published.binding]
    if any(row.verdict == "OFF" for row in judged):
        return SOME_OFF
    missing = sum(bool(row.missing) for row in judged)
    enough = missing < len(judged) if allow_missing else not missing
    return ALL_AGREE if enough and judged else NOT_ALL_COMPARED


def table(rows: Sequence[Compared]) -> str:
    """Return the comparison as text: a heading per question and source, a line per number."""
    lines = []
    heads = ("", "published", "computed", "difference", "tolerance", "")
    for (question, source), group in itertools.groupby(
        rows, key=lambda row: (row.published.question, row.published.source)
    ):
        members = list(group)
        lines += ["", f"{title(question)} ({source})"]
        if members[0].missing:
            lines.append(f"  {len(members)} numbers not compared: {members[0].missing}")
            continue
        lines += [_line(heads), *(_line(_cells(row)) for row in members)]
    return "\n".join(lines[1:])


def summary(rows: Sequence[Compared], allow_missing: bool = False) -> str:
    """Return how many numbers agree, and why others do not."""
    count = dict.fromkeys(("ok", "OFF", "differs", "not compared"), 0)
    for row in rows:
        count[row.verdict] += 1
    parts = [f"{len(rows)} published numbers: {count['ok']} ok, {count['OFF']} OFF"]
    if count["differs"]:
        parts.append(f"{count['differs']} differ, not judged: their pixels are unknown")
    if count["not compared"]:
        hint = "" if allow_missing else " (--allow-missing accepts that)"
        parts.append(f"{count['not compared']} not compared{hint}")
    return ", ".join(parts)


def tolerances(numbers: Sequence[Published]) -> str:
    """Return every tolerance in use, added to the printed digits, with its reason."""
    used: dict[Tolerance, None] = dict.fromkeys(number.tolerance for number in numbers)
    lines = ["Tolerances, added to the printed digits:"]
    for tolerance in used:
        amounts = [f"{tolerance.relative:.1%} of the number"] if tolerance.relative else []
        amounts += [f"{tolerance.absolute:g}"] if tolerance.absolute else []
        lines.append("  " + ": ".join([*amounts, tolerance.reason]))
    return "\n".join(lines)


def title(question: Question) -> str:
    """Return a question in words."""
    parts = [question.image, question.layer]
    parts.append(question.method if question.n == 0 else f"{question.n} {question.method}")
    if question.override != "none":
        parts.append(f"override {question.override}")
    if question.labels:
        parts.append(_labels(question.labels))
    return ", ".join(parts)


def _labels(labels: Place) -> str:
    return " - ".join(f"{LABELS.get(label, '')} [{label}]".strip() for label in labels)


def _what(published: Published) -> str:
    of_a_label = AXES[published.question.method][-1] == "logit" and published.at
    return f"{published.what} {LABELS.get(published.at[-1], '')}" if of_a_label else published.what


def _line(cells: Sequence[str]) -> str:
    what, published, found, difference, allowed, verdict = cells
    numbers = f"{published:>10} {found:>12} {difference:>11}  {allowed:<21}"
    return f"  {what:<42} {numbers} {verdict}".rstrip()


def _cells(row: Compared) -> tuple[str, str, str, str, str, str]:
    printed = row.published.printed
    value = float(printed)
    if row.published.printing is Printing.WHOLE:
        found, difference = f"{row.found:g}", f"{row.found - value:+g}"
        same = row.low == row.high
        allowed = "the same" if same else f"{row.low - value:+g} to {row.high - value:+g}"
        if same:
            difference = ""  # between two channel numbers it means nothing
    else:
        found, difference = f"{row.found:.6f}", f"{row.found - value:+.2g}"
        allowed = f"{row.low - value:+.2g} to {row.high - value:+.2g}"
    if np.isnan(row.found):
        found, difference = "none", ""
    return _what(row.published), printed, found, difference, allowed, row.verdict
