"""The stages of rules that another workflow has renamed, of which this one is a module.

Kept in the environment: jobs are other processes, whose rules have the new names.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping

VARIABLE = "BLOCKSCOPE_STAGES"


def note_names(stages: Mapping[str, str]) -> None:
    """Remember the stage of each rule by its name; those of other modules stay."""
    known = _known() | {rule: stage for rule, stage in stages.items() if rule != stage}
    if known:
        os.environ[VARIABLE] = json.dumps(known)


def stage_of(rule: str) -> str:
    """Return the stage of a rule; a rule that was not renamed has the stage's name."""
    return _known().get(rule, rule)


def _known() -> dict[str, str]:
    return dict(json.loads(os.environ.get(VARIABLE) or "{}"))
