"""The images that a list or a table names."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from blockscope.io.comment_lines import reason_to_refuse
from blockscope.io.counts import counted
from blockscope.io.errors import BadFile
from blockscope.io.image_sets.listing import SHOWN, Listing, check_text, digest_of, stamp

MOST_BYTES = 500_000_000  # of a list: several million paths


def list_paths(path: str) -> Listing:
    """List the images of a text file with a path per line; empty lines and ``#`` are ignored."""
    lines = ((number, line.strip()) for number, line in enumerate(_lines(path), 1))
    return _listing(path, [(n, text, "") for n, text in lines if text and text[0] != "#"])


def list_table(path: str) -> Listing:
    """List the images of a table: its column ``path`` or else ``image``, and ``label`` if any.

    Lines that begin with ``#`` are ignored; one that may be a row is refused.
    """
    rows = [
        (number, line.split("\t")) for number, line in enumerate(_lines(path), 1) if line.strip()
    ]
    while rows and rows[0][1][0].startswith("#"):
        del rows[0]
    if not rows:
        raise BadFile(f"table '{path}' is empty; it needs a column path or image")
    columns = [name.strip() for name in rows[0][1]]
    column = next((name for name in ("path", "image") if name in columns), None)
    if column is None:
        raise BadFile(
            f"table '{path}', line {rows[0][0]}: there is no column path or image; found: "
            f"{', '.join(columns)} (columns are separated by tabs)"
        )
    at, label_at = columns.index(column), columns.index("label") if "label" in columns else None
    found = []
    for number, cells in rows[1:]:
        if cells[0].startswith("#"):
            unclear = reason_to_refuse("\t".join(cells), columns, column)
            if unclear:
                raise BadFile(f"table '{path}', line {number}: {unclear}")
            continue
        if len(cells) != len(columns):
            raise BadFile(
                f"table '{path}', line {number}: has {counted(len(cells), 'cell')}, but the table "
                f"has {counted(len(columns), 'column')}"
            )
        label = "" if label_at is None else cells[label_at].strip()
        if "\0" in label:
            raise BadFile(f"table '{path}', line {number}: the label has a zero byte; remove it")
        found.append((number, cells[at].strip(), label))
    return _listing(path, found)


def _lines(path: str) -> Iterator[str]:
    source = Path(path)
    if source.stat().st_size > MOST_BYTES:
        raise BadFile(f"'{path}' is larger than {MOST_BYTES:,} bytes")
    try:
        with open(source, encoding="utf-8-sig", newline="\n") as lines:
            for line in lines:
                yield line.rstrip("\r\n")
    except UnicodeDecodeError as error:
        raise BadFile(f"'{path}' is not UTF-8 text; save it in that encoding") from error
    except OSError as error:
        raise BadFile(f"'{path}' cannot be read: {error.strerror or error}") from error


def _listing(path: str, rows: list[tuple[int, str, str]]) -> Listing:
    """Check that every image is there, and named once."""
    wrong: list[str] = []
    first: dict[str, int] = {}
    found: list[tuple[str, str, str]] = []
    here = os.getcwd()
    for number, name, label in rows:
        other = first.setdefault(_place(here, name), number)
        if other != number:
            wrong.append(f"line {number}: '{name}' is in line {other} already")
            continue
        missing, written = _look_up(name)
        if missing:
            wrong.append(f"line {number}: '{name}' {missing}")
        found.append((name, written, label))
    if wrong:
        more = len(wrong) - SHOWN
        listed = "; ".join(wrong[:SHOWN]) + (f"; and {more:,} more like this" if more > 0 else "")
        raise BadFile(f"'{path}', {listed} (looked in {Path.cwd()})")
    check_text((name for name, _, _ in found), path)
    found.sort()
    return Listing(
        [name for name, _, _ in found],
        digest_of("\0".join(row) for row in found),
        labels=[label for _, _, label in found],
    )


def _place(here: str, name: str) -> str:
    """Return the path of a file in one spelling: ``./a.png`` is ``a.png``.

    Where ``..`` leads to depends on links; it stays.
    """
    whole = os.path.join(here, name)
    return str(PurePosixPath(whole)) if "/./" in whole or "//" in whole else whole


def _look_up(name: str) -> tuple[str, str]:
    """Return what is wrong with a file, and what changes when it is written again."""
    try:
        state = os.stat(name)
    except (OSError, ValueError) as error:
        lost = isinstance(error, FileNotFoundError | NotADirectoryError)
        reason = getattr(error, "strerror", None) or error
        return "does not exist" if lost else f"cannot be read: {reason}", ""
    return ("" if stat.S_ISREG(state.st_mode) else "is not a file"), stamp(state)
