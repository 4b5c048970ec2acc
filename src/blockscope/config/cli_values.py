"""Settings given on the command line, with the numbers and booleans that a file would have."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml


def parse_cli_values(config: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``config`` with what was ``given`` on the command line as YAML reads it in a file.

    Of ``--config 'compute={memory_mb: 512}'`` Snakemake makes ``{"memory_mb": "512"}``: it reads
    numbers and booleans at the top, and below it leaves all as text. ``config`` mixes the files
    with ``given``. What only the files say stays as it is: a number in quotes is refused there.
    """
    read = dict(config)
    for key, value in given.items():
        if isinstance(value, Mapping) and isinstance(config[key], Mapping):
            read[key] = {**config[key], **_plain(value)}
        elif isinstance(value, list):
            read[key] = _plain(value)
    return read


def _plain(given: Any) -> Any:
    """Return text that is a number or boolean in YAML as that; all other text as it is."""
    if isinstance(given, Mapping):
        return {key: _plain(value) for key, value in given.items()}
    if isinstance(given, list):
        return [_plain(value) for value in given]
    if not isinstance(given, str):
        return given
    try:
        meant = yaml.safe_load(given)
    except (yaml.YAMLError, ValueError):  # quoted text, or such as 2026-13-45, which is no date
        return given
    return meant if isinstance(meant, bool | int | float) else given
