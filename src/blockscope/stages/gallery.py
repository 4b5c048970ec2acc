"""The stage "gallery": the page of all runs."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

from blockscope.figures.page.gallery import GalleryRun, gallery_html
from blockscope.io import provenance
from blockscope.io.atomic_files import atomic_write_text


def write_gallery(*, output: str | os.PathLike[str], runs: Sequence[Mapping[str, Any]]) -> None:
    """Write the gallery of ``runs``, each the fields of a `GalleryRun`.

    Raises ``BadFile`` for a printed panel that cannot be read.
    """
    shown = [GalleryRun(**run) for run in runs]
    facts = provenance.record("gallery", runs=len(shown))
    atomic_write_text(output, gallery_html(output, shown, facts))
