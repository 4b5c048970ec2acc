"""What the files of a run's figure record about themselves."""

from __future__ import annotations

import os
from collections.abc import Sequence

from blockscope import provenance


def figure_facts(
    stage: str, run: str, factors: Sequence[str | os.PathLike[str]]
) -> provenance.Facts:
    """Return the provenance of a figure, from the factors of its earlier and its later layer."""
    first, second = (provenance.of(path) for path in factors)
    inherited = {k: v for k, v in provenance.inherited(first).items() if k != "layer"}
    layers = {"layer1": first["layer"], "layer2": second["layer"]}
    return provenance.record(stage, run=run, **inherited, **layers)
