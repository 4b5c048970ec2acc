"""Lines of a table that begin with ``#``: comments, unless they may be rows."""

from __future__ import annotations

from collections.abc import Sequence


def reason_to_refuse(line: str, columns: Sequence[str], first: str) -> str:
    """Say why a line that begins with ``#`` may be a row; empty where it is a comment.

    A line with other tabs than a row has is one. So is a row that was commented out, where the
    column ``first`` comes first, whose cells do not begin with ``#``; those of another column may,
    as a label or a colour does.
    """
    if line.count("\t") + 1 != len(columns) or len(columns) == 1 or columns[0] == first:
        return ""
    return (
        "begins with '#' and has a cell for each column, so that it may be a row or a comment; put "
        f"the column '{first}' first, whose cells do not begin with '#', and then '#' is a comment"
    )
