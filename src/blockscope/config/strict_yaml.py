"""YAML that means what it looks like, bounded before it is parsed.

YAML 1.1 reads ``0300`` as 192 and ``5:00`` as 300, and a few lines of aliases may stand for more
than any memory holds. Here such text is refused with its line, before anything is built from it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import yaml

MOST_CHARACTERS = 1_000_000  # some ten seconds of parsing
MOST_NODES = 100_000  # keys and values, with those that aliases repeat
MOST_DEPTH = 30
MOST_DIGITS = 30
BASE_60 = re.compile(r"[-+]?[0-9][0-9_]*(:[0-5]?[0-9])+(\.[0-9_]*)?")
OCTAL = re.compile(r"[-+]?0[0-7_]+")
INT, FLOAT, DATE = (f"tag:yaml.org,2002:{name}" for name in ("int", "float", "timestamp"))
_RESOLVER = yaml.SafeLoader("")


class YamlError(ValueError):
    """Text that is not YAML, or that YAML reads otherwise than people do; with its line."""

    def __init__(self, text: str, *, line: int | None) -> None:
        super().__init__(text)
        self.line = line


@dataclass(frozen=True)
class Parsed:
    """A YAML text: its content, its nodes, and keys that occur twice, with the lines of both."""

    content: Any
    root: yaml.Node | None
    repeated: tuple[tuple[str, int, int], ...]


def parse_yaml(text: str) -> Parsed:
    """Parse a text of one document.

    Raises ``YamlError`` where it is not valid, too large, nested too deeply, repeats too much by
    aliases, has a tag (``!!int``), or a plain word that YAML 1.1 reads as an octal number, a number
    of base 60 or a date.
    """
    if len(text) > MOST_CHARACTERS:
        raise YamlError(
            f"has {len(text):,} characters; valid: at most {MOST_CHARACTERS:,}", line=None
        )
    try:
        _check_events(text)
        loader = yaml.SafeLoader(text)
        root = loader.get_single_node()
        if root is None:
            return Parsed(None, None, ())
        repeated = tuple(_repeated_keys(root))  # before merge keys (<<) are replaced
        return Parsed(loader.construct_document(root), root, repeated)
    except YamlError:
        raise
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        raise YamlError(
            f"is not valid YAML: {getattr(error, 'problem', None) or error}",
            line=mark.line + 1 if mark else None,
        ) from error
    except ValueError as error:  # a number of no digits, such as 0x_
        raise YamlError(f"is not valid YAML: {error}", line=None) from error


def misread(word: str) -> str:
    """Say how YAML 1.1 reads a plain word that people read otherwise; empty where it does not."""
    tag = _RESOLVER.resolve(yaml.ScalarNode, word, (True, False))  # type: ignore[no-untyped-call]
    if tag == DATE:
        return f"YAML reads {word} as a date; write it in quotes"
    if tag not in {INT, FLOAT}:
        return ""
    if BASE_60.fullmatch(word):
        return (
            f"YAML reads {word} as a number of base 60; write a decimal number, or text in quotes"
        )
    if OCTAL.fullmatch(word):
        digits = word.replace("_", "")
        return (
            f"YAML reads {word} as the octal number {int(digits, 8)}; write {int(digits)}, or text "
            "in quotes"
        )
    if len(word) > MOST_DIGITS:
        return f"a number of {len(word)} characters; valid: at most {MOST_DIGITS}"
    return ""


def _check_events(text: str) -> None:
    """Check a text as it is read, without building anything."""
    counts = [0]  # of nodes, in each collection that is open
    names: list[str | None] = []  # the anchors of these
    sizes: dict[str, int] = {}  # of what an anchor names, with what its aliases stand for
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        line = event.start_mark.line + 1 if event.start_mark else 0
        if isinstance(event, yaml.AliasEvent):
            if event.anchor in names:
                raise YamlError(f"alias '*{event.anchor}' stands for what it is in", line=line)
            counts[-1] += sizes.get(
                str(event.anchor), 1
            )  # unknown ones are reported by the composer
        elif isinstance(event, yaml.CollectionEndEvent):
            size = counts.pop() + 1
            anchor = names.pop()
            if anchor is not None:
                sizes[anchor] = size
            counts[-1] += size
        elif isinstance(event, yaml.NodeEvent):
            if isinstance(event, yaml.CollectionStartEvent):
                counts.append(0)
                names.append(event.anchor)
            else:
                counts[-1] += 1
            _check_node(event, line)
        if len(names) > MOST_DEPTH:
            raise YamlError(f"is nested more than {MOST_DEPTH} levels deep", line=line)
        if counts[-1] > MOST_NODES:
            raise YamlError(
                f"has more than {MOST_NODES:,} keys and values, with what its aliases repeat",
                line=line,
            )


def _check_node(event: yaml.NodeEvent, line: int) -> None:
    tag = getattr(event, "tag", None)
    if tag is not None:
        raise YamlError(f"has the tag '{tag}'; write plain keys and values without tags", line=line)
    if isinstance(event, yaml.ScalarEvent) and event.implicit[0]:
        words = misread(event.value)
        if words:
            raise YamlError(words, line=line)


def _repeated_keys(node: yaml.Node) -> Iterator[tuple[str, int, int]]:
    if isinstance(node, yaml.SequenceNode):
        for item in node.value:
            yield from _repeated_keys(item)
    if isinstance(node, yaml.MappingNode):
        seen: dict[str, int] = {}
        for key, value in node.value:
            line = key.start_mark.line + 1
            if isinstance(key, yaml.ScalarNode):
                if key.value in seen:
                    yield key.value, seen[key.value], line
                seen.setdefault(key.value, line)
            yield from _repeated_keys(value)
