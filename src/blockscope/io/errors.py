"""Errors that a user can act on.

Every message says what was requested, what was found, what is valid and where to change it.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable

LONGEST = 500  # characters of what a library says
# What TensorFlow and Keras write around the cause of an error.
AROUND = re.compile(
    r"\x1b\[\d*m|\{\{function_node \S+\}\} | \[Op:\w+\].*$|^ +File .*$|^Graph execution error:$"
    r"|^Detected at node .*$|^Exception encountered when calling .*$",
    re.MULTILINE,
)


class BlockscopeError(Exception):
    """Base of every error whose message is written for the user; shown without a traceback."""


class UnknownName(BlockscopeError):
    """A name that is not in a list of valid names."""


class BadFile(BlockscopeError):
    """A file that is missing, unreadable or not what it claims to be."""


class BadConfig(BlockscopeError):
    """A configuration with mistakes, all of them listed in the message."""


def nearest_names(name: str, valid: Iterable[str], most: int = 3) -> list[str]:
    """Return up to ``most`` valid names, the most similar to ``name`` first (case is ignored)."""
    by_folded: dict[str, str] = {}
    for candidate in valid:
        by_folded.setdefault(candidate.casefold(), candidate)
    close = difflib.get_close_matches(name.casefold(), by_folded, n=most, cutoff=0.4)
    return [by_folded[key] for key in close]


def describe_valid(name: str, valid: Iterable[str], most: int = 12) -> str:
    """Say which names are valid: all of a short list, or the nearest of a long one."""
    names = list(dict.fromkeys(valid))
    if not names:
        return "there are none"
    if len(names) <= most:
        return "valid: " + ", ".join(names)
    near = nearest_names(name, names)
    if near:
        return f"nearest of {len(names)}: " + ", ".join(near)
    return f"valid: {', '.join(names[:most])}, ... ({len(names)} in all)"


def unknown_name(
    kind: str, name: str, valid: Iterable[str], where: str = "", owner: str = ""
) -> UnknownName:
    """Build the error for a name that is not in a list of valid ones.

    Parameters
    ----------
    kind
        The noun, as in "layer".
    name
        The name that was given.
    valid
        The names that exist.
    where
        The place to change it, as in "config/runs.tsv, line 3".
    owner
        What should have it, as in "model 'tiny'".

    Returns
    -------
    error
        The error, to be raised.
    """
    place = f" ({where})" if where else ""
    wrong = f"{owner} has no {kind} '{name}'" if owner else f"unknown {kind} '{name}'"
    return UnknownName(f"{wrong}; {describe_valid(name, valid)}{place}")


def first_line(error: BaseException) -> str:
    """Return what a library's error says, in one line: the first that tells the cause."""
    words = str(getattr(error, "message", None) or error).rpartition("Exception encountered: ")[2]
    _, node, after = words.rpartition("\nNode: ")
    words = after.partition("\n")[2] if node else words
    lines = AROUND.sub("", words).strip().splitlines()
    line = lines[0].strip() if lines else type(error).__name__
    return line if len(line) <= LONGEST else f"{line[:LONGEST]}..."
