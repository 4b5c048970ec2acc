"""Which units of a layer a file of sprites shows, according to its name."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise

from blockscope.io.errors import BadFile, describe_valid
from blockscope.models.card import ModelCard

# What may follow a layer's name: nothing (all channels), a list, neurons, a list of them.
UNITS_PATTERN = r"(-channels-[^/]*|-neurons(-[^/]*)?)?"
NUMBERS_PATTERN = r"[0-9][0-9,-]*"
LIST = re.compile(r"[0-9]+(-[0-9]+)?(,[0-9]+(-[0-9]+)?)*", re.ASCII)


def requested_units(text: str, count: int, layer: str) -> tuple[str, list[int]]:
    """Return what follows a layer's name in a path: channels or neurons, and which.

    ``count``: channels of the layer, each of which has one neuron. Raises ``BadFile`` for what is
    not a list, for one that is not spelled as ``numbers_in_path`` does, and for numbers that the
    layer does not have.
    """
    _, kind, *rest = text.split("-", 2) if text else ("", "channels")
    if not rest:
        return kind, list(range(count))
    try:
        numbers = read_numbers(rest[0], count)
    except BadFile as error:
        raise BadFile(f"{kind} of layer '{layer}': {error}") from error
    if rest[0] != numbers_in_path(numbers):
        raise BadFile(
            f"{kind} '{rest[0]}' of layer '{layer}' are spelled otherwise in file names, so that "
            f"no file is made twice; request '{kind}-{numbers_in_path(numbers)}'"
        )
    return kind, numbers


def read_numbers(text: str, count: int | None = None) -> list[int]:
    """Return the numbers of a list such as ``3,17,40-44``, sorted, each once.

    Raises ``BadFile`` for another text and, where a ``count`` is given, for numbers from it on.
    """
    example = "valid: numbers and ranges, as in '3,17,40-44'"
    if not LIST.fullmatch(text):
        raise BadFile(f"'{text}' is not a list; {example}")
    found: set[int] = set()
    for part in text.split(","):
        first, last = map(int, (part.split("-") * 2)[:2])
        if last < first:
            raise BadFile(f"'{part}' in '{text}' runs backwards; {example}")
        if count is not None and last >= count:
            raise BadFile(f"{last} in '{text}' does not exist; valid: 0 to {count - 1}")
        found.update(range(first, last + 1))
    return sorted(found)


def numbers_in_path(numbers: Sequence[int]) -> str:
    """Return the one name of numbers that are sorted and unique: ``3,17,40-44``."""
    starts = [numbers[0], *(b for a, b in pairwise(numbers) if b != a + 1)]
    ends = [*(a for a, b in pairwise(numbers) if b != a + 1), numbers[-1]]
    pairs = zip(starts, ends, strict=True)
    return ",".join(str(a) if a == b else f"{a}-{b}" for a, b in pairs)


def shard_names(numbers: Sequence[int], most: int) -> list[str]:
    """Return the names of the shards that hold sorted numbers, at most ``most`` in each."""
    starts = range(0, len(numbers), most)
    return [numbers_in_path(numbers[start : start + most]) for start in starts]


def shard_files(folder: str, numbers: Sequence[int], most: int) -> list[str]:
    """Return the files of these shards in their folder."""
    return [f"{folder}/{name}.h5" for name in shard_names(numbers, most)]


def channel_count(card: ModelCard, layer: str) -> int:
    """Return how many channels a layer has.

    Raises ``UnknownName`` for an unknown layer, ``BadFile`` for the network's input and logits.
    """
    ends = {card.input.tensor: "input", card.logits: "logits"}
    if layer in ends and layer not in card.by_name:
        raise BadFile(
            f"'{layer}' is the {ends[layer]} of model '{card.model}', not a layer with rows, "
            f"columns and channels; {describe_valid(layer, card.by_name)}"
        )
    return card.layer(layer).shape[2]
