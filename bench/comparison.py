"""What a comparison of results found: differences, words, new names, provenance."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

# Old name -> new name, of variables, keys and panels.
RENAMED = {
    "classes": "label_attribution",
    "judge": "heldout_objective",
    "stopped": "diverged_step",
    "picture": "image",
    "pair": "contrast",
    "groups": "factors",
    "methods": "channel_methods",
    "neurons": "neuron_groups",
    "grid": "activation_grids",
    "dictionary": "semantic_dictionary",
}
MOST_LINES = 8  # of one file


@dataclass
class Report:
    """What was found: ``differ`` and ``texts`` by file, the rest counted over all files."""

    renames: Mapping[str, str]
    file: str = ""
    differ: dict[str, list[str]] = field(default_factory=dict)
    texts: dict[str, list[str]] = field(default_factory=dict)
    renamed: Counter[str] = field(default_factory=Counter)
    provenance: Counter[str] = field(default_factory=Counter)
    equal: Counter[str] = field(default_factory=Counter)
    skipped: Counter[str] = field(default_factory=Counter)

    def check(self, kind: str, where: str, same: bool, words: str = "") -> None:
        """Count an equal thing of some kind, or list a differing one."""
        if same:
            self.equal[kind] += 1
        else:
            self.differ.setdefault(self.file, []).append(f"{where}: {words or 'differs'}")

    def text(self, where: str, old: str, new: str) -> None:
        """Compare words; a renamed value counts as the same word."""
        if old != new and self.renames.get(old) == new:
            self.renamed[f"value {old} -> {new}"] += 1
        elif old != new:
            self.texts.setdefault(self.file, []).append(f"{where}: {old!r} -> {new!r}")

    def origin(self, old: Mapping[str, Any], new: Mapping[str, Any]) -> None:
        """List the provenance keys that differ; a number, such as an error, must be the same."""
        for key in dict.fromkeys([*old, *new]):
            values = [plain(facts.get(key, "(absent)")) for facts in (old, new)]
            if all(isinstance(value, int | float) for value in values):
                words = f"{values[0]} -> {values[1]}"
                self.check("number in provenance", key, values[0] == values[1], words)
            elif values[0] != values[1]:
                self.provenance[f"{key}: {values[0]} -> {values[1]}"] += 1

    def pairs(
        self, kind: str, where: str, old: Mapping[str, Any], new: Mapping[str, Any]
    ) -> Iterator[tuple[str, Any, Any]]:
        """Yield old name, old and new value of everything that both sides hold, renamed or not."""
        left = dict.fromkeys(new)
        for key, value in old.items():
            name = self.renames.get(key, key)
            if name not in new or (name in old and key in new):
                name = key
            if name not in left:
                self.check(kind, f"{where}{key}", False, "only in the old folder")
                continue
            del left[name]
            if name != key:
                self.renamed[f"{kind} {key} -> {name}"] += 1
            yield key, value, new[name]
        for key in left:
            self.check(kind, f"{where}{key}", False, "only in the new folder")


def plain(value: Any) -> Any:
    """Return a fact as plain Python, whichever file it was read from."""
    if isinstance(value, (np.ndarray, np.generic)):
        value = value.tolist()
    return value[0] if isinstance(value, list) and len(value) == 1 else value


def arrays_differ(old: npt.NDArray[Any], new: npt.NDArray[Any]) -> str:
    """Return how two arrays differ; nothing where every bit is the same."""
    if (old.dtype, old.shape) != (new.dtype, new.shape):
        return f"{old.dtype} {old.shape} -> {new.dtype} {new.shape}"
    if old.dtype == object:
        return "" if old.tolist() == new.tolist() else "texts differ"
    if old.tobytes() == new.tobytes():
        return ""
    other = int((old != new).sum())
    if old.dtype.kind not in "iuf":
        return f"{other} of {old.size} values differ"
    most = np.nanmax(np.abs(old.astype(float) - new.astype(float)), initial=0)
    return f"{other} of {old.size} values differ, by at most {most:.3g}"


def words_of(report: Report, ignore_texts: bool) -> str:
    """Return a report as text."""
    lines = []
    for title, found in (("Differences", report.differ), ("Words that differ", report.texts)):
        if found:
            lines.append(f"{title}, in {len(found)} files:")
        for file, notes in sorted(found.items()):
            lines += [f"  {file}", *(f"    {note[:300]}" for note in notes[:MOST_LINES])]
            if len(notes) > MOST_LINES:
                lines.append(f"    and {len(notes) - MOST_LINES} more")
    for title, counts in (("Renamed", report.renamed), ("Provenance", report.provenance)):
        if counts:
            lines.append(f"{title}:")
        lines += [f"  {what} ({count} times)" for what, count in sorted(counts.items())]
    for title, counts in (("Equal", report.equal), ("Not compared", report.skipped)):
        if counts:
            listed = ", ".join(f"{count} x {kind}" for kind, count in sorted(counts.items()))
            lines.append(f"{title}: {listed}")
    note = " (ignored)" if ignore_texts else ""
    lines.append(f"{len(report.differ)} files differ, {len(report.texts)} in words{note}")
    return "\n".join(lines)
