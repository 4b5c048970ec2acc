"""What the files of a run's figure record about themselves."""

from __future__ import annotations

import os

from blockscope.figures.data.request import Asked
from blockscope.io import provenance


def figure_facts(
    stage: str, asked: Asked, picture: str | os.PathLike[str], **more: str
) -> provenance.Facts:
    """Return the provenance of a figure, from that of the run's input picture, and ``more``."""
    origin = provenance.inherited(provenance.read(picture))
    origin |= {"layer1": asked.layer1, "layer2": asked.layer2, "override": asked.override}
    return provenance.record(stage, run=asked.run, **more, **origin)
