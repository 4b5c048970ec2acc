"""What of a config and its tables made a file: recorded in it, so that it can be made again.

A file records the sections that it depends on, also through the files that it was made from: those
of its network and image, and what its own stage was told. What changes no result is left out.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from blockscope.io.errors import BadFile

KEY = "settings"  # of the provenance; JSON

Sections = dict[str, Any]
"""By the keys of the config; its tables by id: models, images, and runs, which is a list."""


Facts = Mapping[str, object]


def sections_of(facts: Facts) -> Sections:
    """Return what a file's provenance says of the config; empty where it says nothing.

    Raises ``BadFile`` where that is damaged.
    """
    try:
        found = json.loads(str(facts.get(KEY, "{}")))
    except ValueError as error:
        raise BadFile(f"the recorded settings are damaged: {error}; make the file again") from error
    if not isinstance(found, dict):
        raise BadFile(
            f"the recorded settings are damaged: {found!r} is no mapping; make the file again"
        )
    return found


def told(facts: Facts | Iterable[Facts], **own: Any) -> dict[str, str]:
    """Return the fact that says what made a file.

    Parameters
    ----------
    facts
        The provenance of the file, or the files, that it is made from.
    **own
        What its own stage was told, by sections; takes the place of the same keys.

    Returns
    -------
    fact
        To be passed to ``provenance.record``.
    """
    sources = [facts] if isinstance(facts, Mapping) else facts
    whole: Sections = {}
    for sections in (*map(sections_of, sources), own):
        whole = _joined(whole, sections)
    return {KEY: json.dumps(whole, ensure_ascii=False, sort_keys=True, separators=(",", ":"))}


def _joined(first: Mapping[str, Any], second: Mapping[str, Any]) -> Sections:
    found = dict(first)
    for key, value in second.items():
        inner = found.get(key)
        if isinstance(inner, dict) and isinstance(value, Mapping):
            found[key] = _joined(inner, value)
        else:
            found[key] = value
    return found
