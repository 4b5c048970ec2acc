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


ChannelPages = Sequence[tuple[str, str, str]]
"""Network, layer, and the first page of its channels."""


def write_gallery(
    *,
    output: str | os.PathLike[str],
    runs: Sequence[Mapping[str, Any]],
    channel_pages: ChannelPages = (),
) -> None:
    """Write the gallery of ``runs``, each the fields of a `GalleryRun`.

    The incomplete one of an earlier command is removed. Raises ``BadFile`` for a printed panel that
    cannot be read.
    """
    shown = [GalleryRun(**run) for run in runs]
    facts = provenance.record("gallery", runs=len(shown))
    atomic_write_text(output, gallery_html(output, shown, facts, (), channel_pages))
    Path(output).with_name(INCOMPLETE).unlink(missing_ok=True)


def write_incomplete_gallery(
    *,
    gallery: str | os.PathLike[str],
    runs: Sequence[Mapping[str, Any]],
    finished: Collection[str],
    channel_pages: ChannelPages = (),
) -> Path:
    """Write the gallery of the finished ones of ``runs``, marked incomplete, and return its path.

    Of ``channel_pages`` those are listed that are there. It lies next to ``gallery``, the complete
    one, under a name that no rule makes: nothing can take it for finished. Raises ``BadFile`` for a
    printed panel that cannot be read.
    """
    output = Path(gallery).with_name(INCOMPLETE)
    shown = [GalleryRun(**run) for run in runs if run["run"] in finished]
    missing = [run["run"] for run in runs if run["run"] not in finished]
    facts = provenance.record("gallery", runs=len(shown), missing_runs=len(missing))
    there = [entry for entry in channel_pages if Path(entry[2]).is_file()]
    atomic_write_text(output, gallery_html(output, shown, facts, missing, there))
    return output
