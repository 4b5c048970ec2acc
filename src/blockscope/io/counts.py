"""Numbers of things in words: one channel has no plural."""

from __future__ import annotations


def counted(count: int, noun: str, form: str = "", plural: str = "") -> str:
    """Return a number with its noun, as in "1 channel" and "3 channels".

    ``form``: how the number is written, as for ``format``; ``plural``: where an s is not enough.
    """
    return f"{count:{form}} {noun if count == 1 else plural or f'{noun}s'}"


def all_of(count: int, noun: str) -> str:
    """Return "the only cell", "both cells" or "all 7 cells", to begin a sentence."""
    if count == 1:
        return f"the only {noun}"
    return f"both {noun}s" if count == 2 else f"all {count} {noun}s"
