"""YAML that would be read otherwise than it looks, or without end, is refused with its line."""

from __future__ import annotations

import time

import pytest

from blockscope.config.strict_yaml import YamlError, parse_yaml


def refused(text: str) -> tuple[str, int | None]:
    began = time.process_time()
    with pytest.raises(YamlError) as caught:
        parse_yaml(text)
    assert time.process_time() - began < 5
    return str(caught.value), caught.value.line


def repeated(kind: str) -> str:
    """Return a few lines that stand for nine to the ninth power values."""
    lines = ["a0: &a0 {x: 1}" if kind == "{" else "a0: &a0 [1]"]
    for level in range(1, 10):
        inner = ", ".join(f"{f'k{i}: ' if kind == '{' else ''}*a{level - 1}" for i in range(9))
        lines.append(f"a{level}: &a{level} {kind}{inner}{'}' if kind == '{' else ']'}")
    return "\n".join(lines)


@pytest.mark.parametrize(
    ("word", "words"),
    [
        ("0300", "YAML reads 0300 as the octal number 192; write 300, or text in quotes"),
        ("-010", "YAML reads -010 as the octal number -8; write -10"),
        ("5:00", "YAML reads 5:00 as a number of base 60; write a decimal number, or text in"),
        ("1:30.5", "YAML reads 1:30.5 as a number of base 60"),
        ("2026-01-02", "YAML reads 2026-01-02 as a date; write it in quotes"),
        ("2026-13-45", "YAML reads 2026-13-45 as a date; write it in quotes"),
        ("9" * 5000, "a number of 5000 characters; valid: at most 30"),
        ("0x" + "f" * 5000, "a number of 5002 characters; valid: at most 30"),
        ("1" * 400 + ".5", "a number of 402 characters"),
        ("!!int 7", "has the tag 'tag:yaml.org,2002:int'; write plain keys and values"),
        ("!!bool x", "has the tag 'tag:yaml.org,2002:bool'"),
        ("!!timestamp x", "has the tag"),
        ("!!python/object/apply:os.getpid []", "has the tag"),
        ("&x [*x]", "alias '*x' stands for what it is in"),
        ("[" * 3000, "is nested more than 30 levels deep"),
    ],
)
def test_a_value_that_is_not_what_it_looks_like(word: str, words: str) -> None:
    text, line = refused(f"# remark\nkey: {word}\n")
    assert words in text
    assert line == 2


@pytest.mark.parametrize("kind", ["{", "["])
def test_aliases_that_stand_for_more_than_any_memory_holds(kind: str) -> None:
    text, line = refused(repeated(kind))
    assert text == "has more than 100,000 keys and values, with what its aliases repeat"
    assert line == 6


def test_a_text_that_is_too_large() -> None:
    text, _ = refused("# " + "x" * 1_000_000)
    assert text == "has 1,000,002 characters; valid: at most 1,000,000"


@pytest.mark.parametrize("text", ["a: 0x_", "? [1]\n: 2", "a: *b", "a: 1\n---\nb: 2", "a: \x01"])
def test_what_is_no_yaml(text: str) -> None:
    assert refused(text)[0].startswith("is not valid YAML: ")


def test_what_means_what_it_looks_like_is_read() -> None:
    text = "base: &b {x: 300, y: 0.5, z: 1_000, h: 0x1F}\nown: {<<: *b, x: 1}\nword: '0300'\n"
    parsed = parse_yaml(text)
    base = {"x": 300, "y": 0.5, "z": 1000, "h": 31}
    assert parsed.content == {"base": base, "own": {**base, "x": 1}, "word": "0300"}
    assert parsed.repeated == ()
    assert parse_yaml("a: 1\nb: {c: 1, c: 2}\n").repeated == (("c", 2, 2),)
    assert parse_yaml("# nothing").content is None
