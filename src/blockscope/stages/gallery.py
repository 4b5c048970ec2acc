"""The stage "gallery": the page of all runs."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from blockscope.figures.page.gallery import GalleryRun, gallery_html
from blockscope.io import provenance
from blockscope.io.atomic_files import atomic_write_text

INCOMPLETE = "index-incomplete.html"


def write_gallery(*, output: str | os.PathLike[str], runs: Sequence[Mapping[str, Any]]) -> None:
    """Write the gallery of ``runs``, each the fields of a `GalleryRun`.

    The incomplete one of an earlier command is removed. Raises ``BadFile`` for a printed panel that
    cannot be read.
    """
    shown = [GalleryRun(**run) for run in runs]
    facts = provenance.record("gallery", runs=len(shown))
    atomic_write_text(output, gallery_html(output, shown, facts))
    Path(output).with_name(INCOMPLETE).unlink(missing_ok=True)


def write_incomplete_gallery(
    *,
    gallery: str | os.PathLike[str],
    runs: Sequence[Mapping[str, Any]],
    finished: Collection[str],
) -> Path:
    """Write the gallery of the finished ones of ``runs``, marked incomplete, and return its path.

    It lies next to ``gallery``, the complete one, under a name that no rule makes: nothing can take
    it for finished. Raises ``BadFile`` for a printed panel that cannot be read.
    """
    output = Path(gallery).with_name(INCOMPLETE)
    shown = [GalleryRun(**run) for run in runs if run["run"] in finished]
    missing = [run["run"] for run in runs if run["run"] not in finished]
    facts = provenance.record("gallery", runs=len(shown), missing_runs=len(missing))
    atomic_write_text(output, gallery_html(output, shown, facts, missing))
    return output
