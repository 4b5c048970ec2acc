"""Checks of the table of data sets against the files that it names, without opening an image."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from blockscope.config.error_list import ErrorList
from blockscope.config.file_cache import FileCache
from blockscope.config.result_paths import RESULTS
from blockscope.config.settings import DatasetRow
from blockscope.io.counts import counted
from blockscope.io.errors import BadFile, BlockscopeError
from blockscope.io.image_sets.index import Found, look
from blockscope.io.image_sets.source import ARCHIVES, kind_of


def check_dataset(
    row: DatasetRow,
    place: str,
    look_once: Callable[[str], Found],
    file_facts: FileCache,
    problems: ErrorList,
    results: str = RESULTS,
) -> None:
    """Check that the images of a data set are there, and as many as its row asks for.

    They must not be where ``results`` are made.
    """
    try:
        kind = kind_of(row.path)
        if kind == "drawn":
            return
        _check_apart(row.path, results)
        if kind in ARCHIVES:  # one file, and slow to list
            facts = json.loads(file_facts.get("archive", Path(row.path), _list_archive))
            found = Found(**facts)
        else:
            found = look_once(row.path)
    except (BlockscopeError, OSError) as error:
        problems.add(f"{place}, column path", str(error))
        return
    others = f" (beside them {found.ignored})" if found.ignored else ""
    if row.count is not None and row.count > found.images:
        problems.add(
            f"{place}, column count",
            f"asks for {counted(row.count, 'image', ',')}, and '{row.path}' has "
            f"{found.images:,}{others}; give fewer, or leave count empty for all",
        )
    elif row.jobs > found.images:
        problems.add(
            f"{place}, column jobs",
            f"cannot divide the {counted(found.images, 'image', ',')} of '{row.path}' among "
            f"{row.jobs} jobs; valid: 1 to {found.images}",
        )
    if kind == "table" and row.labels:
        problems.add(
            f"{place}, column labels",
            f"'{row.path}' is a table, whose column label names the labels; leave labels empty",
        )


def _check_apart(path: str, results: str) -> None:
    """Refuse a folder in which results appear, whose images would be images of the data set."""
    if Path(results).resolve().is_relative_to(Path(path).resolve()):
        raise BadFile(
            f"'{path}' holds the folder {results}, whose images change with every command; give "
            "a folder of images alone, or a list"
        )


def _list_archive(path: Path) -> str:
    return json.dumps(vars(look(str(path))))
