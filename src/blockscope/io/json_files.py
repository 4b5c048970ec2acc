"""Facts in JSON files that carry a checksum of themselves."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from blockscope.io.atomic_files import FilePath, atomic_write_text, require_file
from blockscope.io.checksums import KEY, check_digest, digest_of_facts
from blockscope.io.errors import BadFile
from blockscope.io.plain_json import parse_json


def write_facts(path: FilePath, facts: Mapping[str, Any]) -> None:
    """Write facts and their digest as a JSON object, atomically; NaN and infinity are no JSON."""
    sealed = {**facts, KEY: digest_of_facts(facts)}
    atomic_write_text(path, json.dumps(sealed, indent=1, allow_nan=False) + "\n")


def read_facts(path: FilePath, kind: str) -> dict[str, Any]:
    """Read what ``write_facts`` wrote; ``kind`` names such a file in messages.

    Raises ``BadFile`` where the file is missing, damaged or no JSON object.
    """
    source = require_file(path, kind)
    try:
        facts = parse_json(source.read_text("utf-8"))
    except (OSError, ValueError) as error:  # may not be read, no JSON, or no UTF-8
        raise BadFile(f"{kind} '{source}' cannot be read: {error}") from error
    if not isinstance(facts, dict):
        raise BadFile(f"{kind} '{source}' cannot be read: it is not a JSON object")
    check_digest(source, facts.pop(KEY, None), digest_of_facts(facts))
    return facts
