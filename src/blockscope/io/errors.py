"""Errors that a user can act on.

Every message says what was asked, what was found, what is valid and where to change it.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class BlockscopeError(Exception):
    """Base of every error whose message is written for the user; shown without a traceback."""


class UnknownName(BlockscopeError):
    """A name that is not in a list of valid names."""


class BadFile(BlockscopeError):
    """A file that is missing, unreadable or not what it claims to be."""


class BadConfig(BlockscopeError):
    """One or more mistakes in the configuration, all of them in the message."""


def nearest_names(name: str, valid: Iterable[str], most: int = 3) -> list[str]:
    """Return up to ``most`` valid names, the most similar to ``name`` first (case is ignored)."""
    by_folded: dict[str, str] = {}
    for candidate in valid:
        by_folded.setdefault(candidate.casefold(), candidate)
    close = difflib.get_close_matches(name.casefold(), by_folded, n=most, cutoff=0.4)
    return [by_folded[key] for key in close]


def describe_valid(name: str, valid: Iterable[str], most: int = 12) -> str:
    """Say which names are valid: all of a short list, or the nearest ones of a long list."""
    names = list(dict.fromkeys(valid))
    if not names:
        return "there are none"
    if len(names) <= most:
        return "valid: " + ", ".join(names)
    near = nearest_names(name, names)
    if near:
        return f"nearest of {len(names)}: " + ", ".join(near)
    return f"valid: {', '.join(names[:most])}, ... ({len(names)} in all)"


def unknown_name(kind: str, name: str, valid: Iterable[str], where: str = "") -> UnknownName:
    """Build the error for a name that is not in the list of valid ones.

    ``kind`` is the noun ("layer"), ``where`` the place to change it ("config/runs.tsv, row 3").
    """
    place = f" ({where})" if where else ""
    return UnknownName(f"unknown {kind} '{name}'; {describe_valid(name, valid)}{place}")
