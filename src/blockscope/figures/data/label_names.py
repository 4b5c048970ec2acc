"""What labels are called where their names may repeat: a repeated name is followed by its index."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence


def repeated_names(names: Iterable[str]) -> set[str]:
    """Return the names that occur more than once."""
    return {name for name, count in Counter(names).items() if count > 1}


def told_apart(
    names: Iterable[object], indexes: Iterable[object], repeated: Collection[str] | None = None
) -> tuple[str, ...]:
    """Return what labels are called, as ``crane [134]`` where a name is repeated.

    ``indexes``: positions in the logits; ``repeated``: the names to be told apart, those that occur
    twice among ``names`` if not given.
    """
    texts: Sequence[str] = [str(name) for name in names]
    twice = repeated_names(texts) if repeated is None else repeated
    return tuple(
        f"{name} [{index}]" if name in twice else name
        for name, index in zip(texts, indexes, strict=True)
    )
