"""Messages that name what is valid, the most similar first."""

from __future__ import annotations

import time

import pytest

from blockscope.io.errors import (
    BadConfig,
    BadFile,
    BlockscopeError,
    UnknownName,
    describe_valid,
    first_line,
    nearest_names,
    unknown_name,
)

MANY = [f"mixed{number}{letter}_{part}" for number in "345" for letter in "abcde" for part in "xy"]


@pytest.mark.parametrize("kind", [BadConfig, BadFile, UnknownName])
def test_one_base_for_all_that_users_see(kind: type[Exception]) -> None:
    assert issubclass(kind, BlockscopeError)


def test_the_nearest_come_first_and_case_does_not_count() -> None:
    assert nearest_names("FIRE8", ["conv1", "Fire9", "fire8"]) == ["fire8", "Fire9"]


def test_no_more_names_than_asked_for() -> None:
    assert len(nearest_names("mixed4d_x", MANY, most=2)) == 2


def test_nothing_similar_is_nothing() -> None:
    assert nearest_names("zzz", ["conv1", "fire8"]) == []


def test_a_short_list_is_shown_whole_and_once() -> None:
    assert describe_valid("x", ["b", "a", "b"]) == "valid: b, a"


def test_an_empty_list_says_so() -> None:
    assert describe_valid("x", []) == "there are none"


def test_a_long_list_is_shown_by_its_nearest() -> None:
    text = describe_valid("mixed4d_z", MANY)
    assert text.startswith("nearest of 30: mixed4d_")


def test_a_long_list_without_anything_near_shows_its_beginning() -> None:
    text = describe_valid("0", MANY)
    assert text.startswith("valid: mixed3a_x, ")
    assert text.endswith("mixed4a_y, ... (30 in all)")


def test_the_message_says_what_was_asked_what_is_valid_and_where() -> None:
    error = unknown_name("layer", "fir8", ["fire8", "fire9"], "runs.tsv, row 3")
    assert isinstance(error, UnknownName)
    assert str(error) == "unknown layer 'fir8'; valid: fire8, fire9 (runs.tsv, row 3)"
    assert "(" not in str(unknown_name("layer", "fir8", ["fire8"]))


def test_the_message_says_what_lacks_the_name() -> None:
    error = unknown_name("layer", "mixed4d_z", MANY, owner="model 'tiny'")
    assert str(error).startswith("model 'tiny' has no layer 'mixed4d_z'; nearest of 30: mixed4d_")


IN_A_FUNCTION = """Graph execution error:

Detected at node a defined at (most recent call last):
  File "a.py", line 4, in <module>

bad : NaN
  [[{{node a}}]] [Op:__inference_g_6]"""
IN_A_SESSION = """Graph execution error:

Detected at node 'a' defined at (most recent call last):
    File "a.py", line 4, in <module>
      x = a()
Node: 'a'
bad : NaN
  [[{{node a}}]]"""
OF_A_CLASS = """<class 'A'> could not be deserialized

Exception encountered: <class 'B'> could not be deserialized

Exception encountered: Could not locate class 'C'
more"""
OF_A_LAYER = """Exception encountered when calling Reshape.call().

\x1b[1mThe size is 5\x1b[0m

Arguments received"""


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("Graph execution error:\n\nRead less bytes\n\t [[{{node a}}]]", "Read less bytes"),
        (IN_A_FUNCTION, "bad : NaN"),
        (IN_A_SESSION, "bad : NaN"),
        ("{{function_node __wrapped__Conv2D}} 3 vs 2 [Op:Conv2D] name: ", "3 vs 2"),
        (OF_A_LAYER, "The size is 5"),
        (OF_A_CLASS, "Could not locate class 'C'"),
        ("  plain\nmore", "plain"),
        ("", "ValueError"),
    ],
)
def test_what_a_library_says_in_one_line(words: str, told: str) -> None:
    assert first_line(ValueError(words)) == told


def test_a_long_message_takes_no_time_and_is_cut() -> None:
    began = time.monotonic()
    found = first_line(ValueError("\n" * 300_000 + "config " * 300_000))
    assert (found[:13], found[-3:], len(found)) == ("config config", "...", 503)
    assert time.monotonic() - began < 2
