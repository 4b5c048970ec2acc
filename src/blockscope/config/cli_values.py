"""Settings of the command line, with the numbers and booleans that a file would have."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from blockscope.config.strict_yaml import YamlError, parse_yaml


def parse_cli_values(config: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``config`` with nested values of the command line parsed as in a YAML file.

    Snakemake turns ``--config 'compute={memory_mb: 512}'`` into ``{"memory_mb": "512"}``: below the
    top level it leaves numbers and booleans as text. Values from files are not changed, so that a
    quoted number is still refused there.

    Parameters
    ----------
    config
        The settings of files and command line, merged by Snakemake.
    given
        Those of the command line; keys that the settings lack are for a workflow of which this one
        is a module.

    Returns
    -------
    settings
        The merged settings with parsed values.
    """
    read = dict(config)
    for key, value in given.items():
        if key not in config:
            continue
        if isinstance(value, Mapping) and isinstance(config[key], Mapping):
            read[key] = {**config[key], **_plain(value)}
        elif isinstance(value, list):
            read[key] = _plain(value)
    return read


def _plain(given: Any) -> Any:
    """Parse text that is a number or boolean in YAML; return all else unchanged."""
    if isinstance(given, Mapping):
        return {key: _plain(value) for key, value in given.items()}
    if isinstance(given, list):
        return [_plain(value) for value in given]
    if not isinstance(given, str):
        return given
    try:
        parsed = parse_yaml(given).content
    except YamlError:  # unbalanced brackets, a date: the checks say what is wrong with the text
        return given
    return parsed if isinstance(parsed, bool | int | float) else given
