"""Labels of a network: the names of its logits.

The index of a label is that of its logit; names may repeat.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from blockscope.io.atomic_files import require_file
from blockscope.io.errors import BadFile, UnknownName, unknown_name
from blockscope.io.plain_json import parse_json

MOST_BYTES = 20_000_000  # some hundred thousand names
_NO_TEXT = re.compile("[\0\ud800-\udfff]")
_MOST_DIGITS = 10  # no network has that many logits


def read_labels(path: str | os.PathLike[str]) -> list[str]:
    """Read a list of label names; entry i names logit i.

    A ``.json`` file holds a list of strings, or the object ``{"0": ["n01440764", "tench"], ...}``
    of Keras applications; any other file is UTF-8 text with one label per line. Surrounding
    whitespace is dropped. Raises ``BadFile`` for a missing, empty or malformed file, and for a name
    that no result file can hold.
    """
    source = require_file(path, "labels file")
    if source.stat().st_size > MOST_BYTES:
        raise BadFile(f"labels file '{source}' is larger than {MOST_BYTES:,} bytes")
    try:
        text = source.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise BadFile(f"labels file '{source}' cannot be read: {error}") from error
    if source.suffix.lower() == ".json":
        names = _names_from_json(source, text)
    else:
        names = text.rstrip().split("\n")  # splitlines would break names at exotic characters
    if not any(name.strip() for name in names):
        raise BadFile(f"labels file '{source}' holds no labels")
    for number, name in enumerate(names):
        if _NO_TEXT.search(name):
            raise BadFile(
                f"labels file '{source}': label {number}, {name!a}, has a character that no "
                "result file can hold (a zero byte, or half of a pair of surrogates); write it "
                "without"
            )
    return [name.strip() for name in names]


def _names_from_json(source: Path, text: str) -> list[str]:
    try:
        content = parse_json(text)
    except ValueError as error:
        raise BadFile(f"labels file '{source}' is not JSON: {error}") from error
    if isinstance(content, dict):
        keys = [str(i) for i in range(len(content))]
        if set(keys) != set(content):
            odd = sorted(set(content) - set(keys))[:3]
            raise BadFile(
                f"labels file '{source}': the keys of a JSON object must be '0', '1', ... without "
                f"a gap, up to '{len(content) - 1}'; found {', '.join(map(repr, odd))}"
            )
        values = [content[key] for key in keys]
        content = [value[-1] if isinstance(value, list) and value else value for value in values]
    if not isinstance(content, list) or not all(isinstance(name, str) for name in content):
        raise BadFile(f"labels file '{source}' must hold a list of strings, entry i naming logit i")
    return content


@dataclass(frozen=True)
class Labels:
    """The labels of a network.

    Attributes
    ----------
    names
        Entry i names logit i; logits past the end have no label.
    skip
        Number of leading entries that are not labels (dummy, background).
    """

    names: Sequence[str]
    skip: int = 0

    @property
    def indexes(self) -> range:
        """Indexes of the logits that have a label."""
        return range(self.skip, len(self.names))

    def __len__(self) -> int:
        """Return the number of labels."""
        return len(self.indexes)

    def name(self, index: int) -> str:
        """Return the name of a logit, or its index in brackets where it has none."""
        return self.names[index] if 0 <= index < len(self.names) else f"[{index}]"

    def find(self, text: str, where: str = "") -> int:
        """Return the index of a label that is given by its exact name or its decimal index.

        Raises ``UnknownName`` for an unknown name (with the nearest ones), for an index that has no
        label, and for a repeated name (with its indexes). ``where`` says where to change it.
        """
        name = text.strip()
        place = f" ({where})" if where else ""
        matches = [i for i in self.indexes if self.names[i] == name]
        if len(matches) == 1:
            return matches[0]
        if len(matches) > 1:
            choices = " or ".join(map(str, matches))
            raise UnknownName(
                f"label '{name}' occurs {len(matches)} times; give its index instead: "
                f"{choices}{place}"
            )
        if name.isascii() and name.isdecimal() and len(name) < _MOST_DIGITS:
            if int(name) in self.indexes:
                return int(name)
            raise UnknownName(
                f"label index {name} is out of range; valid: {self.skip} to "
                f"{len(self.names) - 1}{place}"
            )
        parts = [part.strip() for part in name.split(",")]
        if len(parts) > 1 and {self.names[i] for i in self.indexes}.issuperset(parts):
            raise UnknownName(
                f"unknown label '{name}'; labels are separated by a vertical bar: "
                f"{'|'.join(parts)}{place}"
            )
        raise unknown_name("label", name, (self.names[i] for i in self.indexes), where)

    def repeated(self) -> dict[str, list[int]]:
        """Return the repeated names with their indexes."""
        found: dict[str, list[int]] = {}
        for i in self.indexes:
            found.setdefault(self.names[i], []).append(i)
        return {name: indexes for name, indexes in found.items() if len(indexes) > 1}
